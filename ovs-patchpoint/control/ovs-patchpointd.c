/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-patchpointd: control.
 *
 * Learns VMs and policy from the Open_vSwitch database, compiles patches,
 * starts and watches the engine, and puts into the switch the flows that lead
 * protected traffic through it.  See ovs-patchpointd(8) for its use, and
 * pp-control.h for how its parts hang together.
 *
 * This file is the process: options, the main loop, the way out. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command-line.h"
#include "daemon.h"
#include "dirs.h"
#include "dns-resolve.h"
#include "engine/pp-inspect.h"
#include "fatal-signal.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "pp-addresses.h"
#include "pp-bounds.h"
#include "pp-control.h"
#include "pp-cuts.h"
#include "pp-datapath.h"
#include "pp-db.h"
#include "pp-discovery.h"
#include "pp-drain.h"
#include "pp-engine-proc.h"
#include "pp-events.h"
#include "pp-first.h"
#include "pp-handover.h"
#include "pp-learn.h"
#include "pp-names.h"
#include "pp-ofconn.h"
#include "pp-patches.h"
#include "pp-physical.h"
#include "pp-pins.h"
#include "pp-policy.h"
#include "pp-privileges.h"
#include "pp-server-hits.h"
#include "pp-services.h"
#include "pp-slots.h"
#include "pp-snapshot-build.h"
#include "pp-status.h"
#include "pp-tap.h"
#include "pp-unixctl.h"
#include "pp-watch.h"
#include "registry.h"
#include "socket-util.h"
#include "stream-ssl.h"
#include "stream.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovs_patchpointd);

/* The one that holds it looks after this host's bridges. */
#define LOCK_NAME "ovs_patchpoint"

/* Exit codes; also in the manual. */
#define EXIT_CANNOT 1           /* Options, engine, user, files. */

/* How long the way out may take. */
#define EXIT_MS 8000

/* How long another's lock is waited for, for one that is just ending. */
#define LOCK_MS 5000

static char *db_remote;
static char *pp_db_remote;      /* NULL: the same server. */
static char *pp_db_file;
static char *pp_db_helper;
static char *engine_path;
static char *engine_user;
static const char *control_user;
static char *events_file;
static char *unixctl_path;
static bool no_events;
static unsigned int event_values = PP_EVENT_VALUES;
static bool no_pp_db;
static struct pp_control ctl;
static struct pp_exit ex;
static int exit_pipe[2];        /* Readable once a signal has asked. */

static void parse_options(int argc, char *argv[]);

static void
want_exit(int sig OVS_UNUSED)
{
    ex.asked = true;
    ignore(write(exit_pipe[1], "", 1));
}

/* SIGTERM and the like lead to the orderly way out.  poll_block() goes on
 * after a signal: the pipe is what wakes it. */
static void
catch_signals(void)
{
    static const int sigs[] = { SIGTERM, SIGINT, SIGHUP };

    xpipe_nonblocking(exit_pipe);
    for (size_t i = 0; i < ARRAY_SIZE(sigs); i++) {
        struct sigaction sa = { .sa_handler = want_exit };

        sigaction(sigs[i], &sa, NULL);
    }
}

/* One pass over what has changed. */
static void
update(void)
{
    bool changed;

    if (!ovsdb_idl_has_ever_connected(ctl.idl)
        || !ovsdb_idl_has_lock(ctl.idl)) {
        /* What was made of the database last stays, but its rows are not to
         * be written to. */
        ctl.txn = NULL;
    }

    ctl.dirty = false;
    pp_db_run(&ctl);
    pp_pins_run(&ctl);
    pp_services_run(&ctl);
    changed = pp_discovery_run(&ctl);
    pp_physical_run(&ctl);
    pp_addresses_run();
    pp_pins_assign(&ctl);
    pp_first_check(&ctl);
    changed |= !ovs_list_is_empty(&ctl.touched);
    if (changed) {
        pp_bounds_run(&ctl);
        if (ctl.ovs) {
            pp_policy_run(&ctl);
            pp_first_early(&ctl);
        }
        pp_slots_run(&ctl);
        pp_cuts_check(&ctl);
    }
    pp_pins_age();
    pp_snapshot_build_run(&ctl);
    pp_tap_run(&ctl);
    pp_engine_run(&ctl);
    pp_handover_run_commands();
    pp_datapath_run(&ctl);
    pp_ofconn_run(&ctl);
    pp_first_run(&ctl);
    pp_cuts_run(&ctl);
    pp_events_run(&ctl);
    pp_status_run(&ctl);
    pp_db_write(&ctl);
    pp_discovery_forget(&ctl);
}

static bool
is_all_gone(void)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl.bridges) {
        if (br->tap || pp_ofconn_has_flows(br->ofconn) || pp_cuts_any(br)) {
            return false;
        }
    }
    return pp_engine_is_stopped(ctl.engine) && !pp_status_any(&ctl);
}

/* Is nothing left but corrected connections? */
static bool
is_drained(void)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl.bridges) {
        if (br->ofconn && (!pp_ofconn_in_sync(br->ofconn)
                           || pp_cuts_any(br))) {
            return false;
        }
    }
    return (pp_pins_count() && pp_engine_in_force(ctl.engine)
            && !pp_status_any(&ctl));
}

/* Without the database's lock, another one is at work.  Returns true when it
 * is time to give up. */
static bool
is_second(long long int start)
{
    static bool ever;

    if (ovsdb_idl_has_lock(ctl.idl)) {
        ever = true;
        return false;
    }
    return !ever && ovsdb_idl_is_lock_contended(ctl.idl)
           && time_msec() - start > LOCK_MS;
}

static int
run(struct unixctl_server *unixctl)
{
    struct ovsdb_idl_loop loop = OVSDB_IDL_LOOP_INITIALIZER(ctl.idl);
    long long int start = time_msec(), deadline = 0;
    bool said_waiting = false;
    int code = 0;

    for (;;) {
        ctl.txn = ovsdb_idl_loop_run(&loop);
        if (!loop.committing_txn) {
            pp_status_done(&ctl, loop.cur_cfg == loop.next_cfg);
            loop.cur_cfg = loop.next_cfg;
        }
        if (!pp_drain_is()) {
            unixctl_server_run(unixctl);
        }

        if (ex.asked && ex.restart) {
            VLOG_INFO("exiting; switch and engine go on by themselves");
            break;
        }
        if (pp_drain_is() && ex.asked) {
            VLOG_INFO("another daemon takes over");
            ex.restart = true;
            break;
        }
        if (ex.asked && !ctl.exiting) {
            VLOG_INFO("exiting: taking the redirect out of the switch");
            ctl.exiting = ctl.keys_dirty = true;
            pp_touch_all(&ctl);
            deadline = time_msec() + EXIT_MS;
        }
        if (!ctl.exiting) {
            pp_watch_run(&ctl);
        }
        if (ovsdb_idl_has_ever_connected(ctl.idl)) {
            if (is_second(start)) {
                VLOG_FATAL("another ovs-patchpointd looks after this host's "
                           "Open vSwitch (it holds the lock \""LOCK_NAME"\" "
                           "of %s): stop that one first", db_remote);
            }
            if (ovsdb_idl_has_lock(ctl.idl) || ctl.ovs) {
                update();
            }
        } else if (!said_waiting && time_msec() - start > 1000) {
            VLOG_WARN("no database at %s yet (%s): waiting for it",
                      db_remote, ovs_strerror(
                          ovsdb_idl_get_last_error(ctl.idl)));
            said_waiting = true;
        }

        if (ctl.exiting && (!ctl.ovs
                            || (is_all_gone() && pp_db_is_done()))) {
            if (!loop.committing_txn) {
                break;
            }
        }
        if (ctl.exiting && !pp_drain_is() && !loop.committing_txn
            && is_drained()) {
            VLOG_INFO("%"PRIuSIZE" corrected connections are still open; the "
                      "engine, and a process in the background, go on until "
                      "they are over", pp_pins_count());
            if (!pp_drain_fork(ctl.rundir)) {
                /* Only what is this process's own. */
                if (ex.conn) {
                    unixctl_command_reply(ex.conn, NULL);
                }
                unixctl_server_destroy(unixctl);
                exit(EXIT_SUCCESS);
            }
            pp_names_abandon();
            ex.asked = false;
            ex.conn = NULL;
        }
        if (pp_drain_is() && pp_pins_count()) {
            deadline = time_msec() + EXIT_MS;
        }
        if (ctl.exiting && time_msec() > deadline) {
            VLOG_WARN("exiting without having taken all away: switch or "
                      "database do not answer; the next start will find it");
            code = EXIT_CANNOT;
            break;
        }

        if (loop.open_txn) {
            loop.next_cfg++;    /* Tells whether it gets there. */
        }
        ovsdb_idl_loop_commit_and_wait(&loop);
        ovsdb_idl_track_clear(ctl.idl);
        if (!pp_drain_is()) {
            unixctl_server_wait(unixctl);
        }
        if (!ex.asked) {
            poll_fd_wait(exit_pipe[0], POLLIN);
        }
        pp_tap_wait(&ctl);
        pp_engine_wait(&ctl);
        pp_datapath_wait(&ctl);
        pp_ofconn_wait(&ctl);
        pp_status_wait(&ctl);
        pp_pins_wait();
        pp_handover_wait_commands();
        pp_first_wait();
        pp_events_wait();
        pp_db_wait();
        pp_services_wait();
        pp_physical_wait();
        pp_addresses_wait();
        if (!ctl.exiting) {
            pp_watch_wait();
        }
        if (ctl.dirty || !ovs_list_is_empty(&ctl.touched)) {
            poll_immediate_wake();
        }
        if (ctl.exiting) {
            poll_timer_wait_until(MIN(deadline, time_msec() + 100));
        } else if (!ovsdb_idl_has_ever_connected(ctl.idl)
                   || !ovsdb_idl_has_lock(ctl.idl)) {
            poll_timer_wait(1000);
        }
        poll_block();
    }
    pp_events_flush(&ctl);      /* While there are rows to name servers by. */
    ctl.txn = NULL;
    if (loop.open_txn) {
        ovsdb_idl_txn_destroy(loop.open_txn);
        loop.open_txn = NULL;
    }
    ovsdb_idl_loop_destroy(&loop);
    ctl.idl = NULL;
    return code;
}

/* The file 'name' in the PatchPoint database's directory. */
static char *
beside_pp_db(const char *name)
{
    char *folder = dir_name(pp_db_file);
    char *file = xasprintf("%s/%s", folder, name);

    free(folder);
    return file;
}

static void
start_pp_db(void)
{
    char *cache = beside_pp_db("patchpoint.policies");

    pp_db_start(pp_db_remote, db_remote, pp_db_file, pp_db_helper, cache);
    free(cache);
}

static void
open_services(void)
{
    char *file = beside_pp_db("patchpoint.services");

    pp_services_open(&ctl, file);
    free(file);
}

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    const char *wrong;
    uid_t uid;
    gid_t gid;
    char *error;
    int code;

    ovs_set_program_name(argv[0], PACKAGE_VERSION);
    service_start(&argc, &argv);
    parse_options(argc, argv);
    ovs_cmdl_proctitle_init(argc, argv);

    wrong = pp_proxies_check();
    if (wrong) {
        ovs_fatal(0, "this build is broken: %s", wrong);
    }
    pp_discovery_init(&ctl);
    ctl.rundir = ovs_rundir();
    ctl.engine = pp_engine_create(engine_path, engine_user, event_values,
                                  &error);
    if (!ctl.engine) {
        ovs_fatal(0, "%s", error);
    }

    pp_engine_ids(ctl.engine, &uid, &gid);
    error = pp_privileges_drop(control_user, uid, gid);
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    daemonize_start(false);
    if (unixctl_server_create(unixctl_path, &unixctl)) {
        exit(EXIT_CANNOT);
    }
    pp_unixctl_init(&ctl, &ex);
    pp_services_init(&ctl);
    pp_addresses_init(&ctl);
    dns_resolve_init(true);     /* For databases given by host name. */
    signal(SIGPIPE, SIG_IGN);

    if (!no_events) {
        pp_events_set_file(events_file);
    }
    pp_watch_start(&ctl);
    pp_patches_load(&ctl);
    open_services();
    pp_pins_open(ctl.rundir);
    pp_drain_take_over(ctl.rundir);

    ctl.idl = ovsdb_idl_create(db_remote, &ovsrec_idl_class, false, true);
    pp_discovery_register(ctl.idl);
    ovsdb_idl_set_lock(ctl.idl, LOCK_NAME);
    if (!no_pp_db) {
        start_pp_db();
    }

    daemonize_complete();
    catch_signals();
    VLOG_INFO("%s %s", program_name, PACKAGE_VERSION);

    code = run(unixctl);

    pp_db_stop();
    pp_discovery_destroy(&ctl);
    pp_engine_destroy(ctl.engine, ex.restart);
    pp_pins_close();
    pp_cuts_destroy();
    pp_datapath_destroy();
    pp_snapshot_build_destroy();
    pp_policy_destroy();
    pp_learn_destroy();
    pp_first_destroy();
    pp_services_destroy();
    pp_physical_destroy();
    pp_addresses_destroy();
    pp_watch_stop();
    pp_bounds_destroy();
    pp_patches_destroy(&ctl);
    pp_events_set_file(NULL);
    pp_server_hits_destroy();
    if (ex.conn) {
        unixctl_command_reply(ex.conn, NULL);
    }
    if (!pp_drain_is()) {
        unixctl_server_destroy(unixctl);
        dns_resolve_destroy();
    }
    free(ctl.patch_paths);
    free(engine_path);
    free(engine_user);
    free(events_file);
    free(db_remote);
    free(pp_db_remote);
    free(pp_db_file);
    free(pp_db_helper);
    free(unixctl_path);
    service_stop();
    exit(code);
}

static void OVS_NO_RETURN
usage(void)
{
    printf("%s: inline patches for the VMs of this host's Open vSwitch\n"
           "usage: %s [OPTIONS] [DATABASE]\n"
           "where DATABASE is a socket on which ovsdb-server is listening\n"
           "      (default: \"unix:%s/db.sock\").\n",
           program_name, program_name, ovs_rundir());
    stream_usage("DATABASE", true, false, false);
    daemon_usage();
    vlog_usage();
    printf("\nPatchPoint options:\n"
           "  --patches=PATH       patch file, or directory searched for "
           "patches;\n"
           "                       may be given several times\n"
           "                       (default: %s/patches and\n"
           "                       /etc/ovs-patchpoint/patches.d)\n"
           "  --engine=PROGRAM     the engine (default: %s)\n"
           "  --engine-user=USER   whom the engine runs as (default: "
           "patchpoint)\n"
           "  --events=FILE        corrections, as lines of JSON (default:\n"
           "                       %s/ovs-patchpoint-events.jsonl)\n"
           "  --no-events          write no such file\n"
           "  --events-size=BYTES  begin another file beyond that, K, M or G "
           "behind it;\n"
           "                       0: never (default: 32M)\n"
           "  --event-rate=N       corrections told of one server and patch, "
           "at once\n"
           "                       and a minute; 0: all (default: %d)\n"
           "  --event-values=N     bytes told of a value, up to %d; 0: no "
           "values\n"
           "                       (default: %d)\n"
           "  --max-cut-through=N  connections that leave the engine, at most "
           "(default: %d)\n"
           "  --service-timeout=S  seconds after which a service that is not "
           "seen any\n"
           "                       more is forgotten; 0: never (default: %d)\n"
           "  --patchpoint-db=DB   the PatchPoint database (default: in the "
           "server that\n"
           "                       DATABASE names, to which it is added)\n"
           "  --patchpoint-db-file=FILE  its file there (default:\n"
           "                       %s/patchpoint.db)\n"
           "  --patchpoint-db-helper=PROGRAM  adds it (default:\n"
           "                       %s)\n"
           "  --no-patchpoint-db   use none\n"
           "  --max-learned-vlans=N  VLANs of a port that only its frames "
           "tell of\n"
           "                       (default: %d)\n"
           "\nOther options:\n"
           "  --unixctl=SOCKET     override default control socket name\n"
           "  -h, --help           display this help message\n"
           "  -V, --version        display version information\n",
           PP_PKGDATADIR, PP_PKGLIBEXECDIR "/ovs-patchpoint-engine",
           ovs_logdir(), PP_EVENTS_RATE, PP_IPC_VALUE_MAX, PP_EVENT_VALUES,
           PP_CUTS_DEFAULT, PP_SERVICE_TIMEOUT, ovs_dbdir(),
           PP_PKGDATADIR "/ovs-patchpoint-db", PP_SLOTS_LEARNED_DEFAULT);
    exit(EXIT_SUCCESS);
}

static void
add_patch_path(const char *path)
{
    ctl.patch_paths = xrealloc(ctl.patch_paths, (ctl.n_patch_paths + 1)
                               * sizeof *ctl.patch_paths);
    ctl.patch_paths[ctl.n_patch_paths++] = path;
}

static void
default_options(void)
{
    static const char *const paths[] = {
        PP_PKGDATADIR "/patches", "/etc/ovs-patchpoint/patches.d",
    };

    /* Those that are there: neither has to be. */
    for (size_t i = 0; !ctl.patch_paths && i < ARRAY_SIZE(paths); i++) {
        if (!access(paths[i], F_OK)) {
            add_patch_path(paths[i]);
        }
    }
    if (!access(paths[1], F_OK) && ctl.n_patch_paths == 1
        && ctl.patch_paths[0] == paths[0]) {
        add_patch_path(paths[1]);
    }
    if (!engine_path) {
        engine_path = xstrdup(PP_PKGLIBEXECDIR "/ovs-patchpoint-engine");
    }
    if (!engine_user && pp_privileges_may_become()) {
        engine_user = xstrdup("patchpoint");
    }
    if (!events_file) {
        events_file = xasprintf("%s/ovs-patchpoint-events.jsonl",
                                ovs_logdir());
    }
    if (!pp_db_file) {
        pp_db_file = xasprintf("%s/patchpoint.db", ovs_dbdir());
    }
    if (!pp_db_helper) {
        pp_db_helper = xstrdup(PP_PKGDATADIR "/ovs-patchpoint-db");
    }
}

/* A number from 0, which means 'zero', to 'max'. */
static unsigned int
parse_number(const char *option, const char *text, int max, const char *zero)
{
    int n;

    if (!str_to_int(text, 10, &n) || n < 0 || n > max) {
        ovs_fatal(0, "--%s=%s: a number from 0 (%s) to %d is needed", option,
                  text, zero, max);
    }
    return (unsigned int) n;
}

static uint64_t
parse_size(const char *option, const char *text)
{
    static const char units[] = "KMG";
    unsigned long long int n;
    const char *unit;
    char *end;

    errno = 0;
    n = strtoull(text, &end, 10);
    unit = *end ? strchr(units, *end) : NULL;
    if (errno || end == text || *text == '-' || n > UINT32_MAX
        || (*end && (!unit || end[1]))) {
        ovs_fatal(0, "--%s=%s: a number of bytes is needed, with K, M or G "
                  "behind it or without; 0: no bound", option, text);
    }
    return (uint64_t) n << (unit ? 10 * (unit - units + 1) : 0);
}

static void
parse_options(int argc, char *argv[])
{
    enum {
        OPT_PATCHES = UCHAR_MAX + 1,
        OPT_ENGINE,
        OPT_ENGINE_USER,
        OPT_CONTROL_USER,
        OPT_EVENTS,
        OPT_NO_EVENTS,
        OPT_EVENTS_SIZE,
        OPT_EVENT_RATE,
        OPT_EVENT_VALUES,
        OPT_MAX_CUT_THROUGH,
        OPT_SERVICE_TIMEOUT,
        OPT_PATCHPOINT_DB,
        OPT_PATCHPOINT_DB_FILE,
        OPT_PATCHPOINT_DB_HELPER,
        OPT_NO_PATCHPOINT_DB,
        OPT_MAX_LEARNED_VLANS,
        OPT_UNIXCTL,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"patches", required_argument, NULL, OPT_PATCHES},
        {"engine", required_argument, NULL, OPT_ENGINE},
        {"engine-user", required_argument, NULL, OPT_ENGINE_USER},
        /* In the place of Open vSwitch's own, which keeps too little: the
         * first of a name counts. */
        {"user", required_argument, NULL, OPT_CONTROL_USER},
        {"events", required_argument, NULL, OPT_EVENTS},
        {"no-events", no_argument, NULL, OPT_NO_EVENTS},
        {"events-size", required_argument, NULL, OPT_EVENTS_SIZE},
        {"event-rate", required_argument, NULL, OPT_EVENT_RATE},
        {"event-values", required_argument, NULL, OPT_EVENT_VALUES},
        {"max-cut-through", required_argument, NULL, OPT_MAX_CUT_THROUGH},
        {"service-timeout", required_argument, NULL, OPT_SERVICE_TIMEOUT},
        {"patchpoint-db", required_argument, NULL, OPT_PATCHPOINT_DB},
        {"patchpoint-db-file", required_argument, NULL,
         OPT_PATCHPOINT_DB_FILE},
        {"patchpoint-db-helper", required_argument, NULL,
         OPT_PATCHPOINT_DB_HELPER},
        {"no-patchpoint-db", no_argument, NULL, OPT_NO_PATCHPOINT_DB},
        {"max-learned-vlans", required_argument, NULL,
         OPT_MAX_LEARNED_VLANS},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);

    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);

        if (c == -1) {
            break;
        }
        switch (c) {
        case 'h':
            usage();
        case 'V':
            ovs_print_version(OFP13_VERSION, OFP15_VERSION);
            exit(EXIT_SUCCESS);
        case OPT_PATCHES:
            if (access(optarg, F_OK)) {
                ovs_fatal(errno, "--patches=%s", optarg);
            }
            add_patch_path(optarg);
            break;
        case OPT_ENGINE:
            free(engine_path);
            engine_path = abs_file_name(NULL, optarg);
            break;
        case OPT_ENGINE_USER:
            free(engine_user);
            engine_user = xstrdup(optarg);
            break;
        case OPT_CONTROL_USER:
            control_user = optarg;
            break;
        case OPT_EVENTS:
            free(events_file);
            events_file = abs_file_name(NULL, optarg);
            break;
        case OPT_NO_EVENTS:
            no_events = true;
            break;
        case OPT_MAX_CUT_THROUGH:
            pp_cuts_set_max(parse_number("max-cut-through", optarg,
                                         PP_CUTS_MAX, "never"));
            break;
        case OPT_MAX_LEARNED_VLANS:
            pp_slots_set_learned_max(parse_number("max-learned-vlans", optarg,
                                                  PP_SLOT_MAX, "none"));
            break;
        case OPT_EVENTS_SIZE:
            pp_events_set_size(parse_size("events-size", optarg));
            break;
        case OPT_EVENT_RATE:
            pp_events_set_rate(parse_number("event-rate", optarg, 6000,
                                            "all"));
            break;
        case OPT_EVENT_VALUES:
            event_values = parse_number("event-values", optarg,
                                        PP_IPC_VALUE_MAX, "none");
            break;
        case OPT_SERVICE_TIMEOUT:
            pp_services_set_timeout(parse_number("service-timeout", optarg,
                                                 INT_MAX, "never"));
            break;
        case OPT_PATCHPOINT_DB:
            free(pp_db_remote);
            pp_db_remote = xstrdup(optarg);
            break;
        case OPT_PATCHPOINT_DB_FILE:
            free(pp_db_file);
            pp_db_file = xstrdup(optarg);
            break;
        case OPT_PATCHPOINT_DB_HELPER:
            free(pp_db_helper);
            pp_db_helper = xstrdup(optarg);
            break;
        case OPT_NO_PATCHPOINT_DB:
            no_pp_db = true;
            break;
        case OPT_UNIXCTL:
            free(unixctl_path);
            unixctl_path = xstrdup(optarg);
            break;
        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS
        case '?':
            exit(EXIT_CANNOT);
        default:
            abort();
        }
    }
    free(short_options);

    argc -= optind;
    argv += optind;
    if (argc > 1) {
        ovs_fatal(0, "at most one non-option argument, the database, is "
                  "taken; use --help for usage");
    }
    db_remote = argc ? xstrdup(argv[0])
                : xasprintf("unix:%s/db.sock", ovs_rundir());
    default_options();
}
