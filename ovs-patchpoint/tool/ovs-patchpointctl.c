/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-patchpointctl: shows and changes the PatchPoint database.
 *
 * Built on Open vSwitch's lib/db-ctl-base, as ovs-vsctl and its kin are: it
 * has their generic commands and options.  This file is the process: options,
 * the transaction, waiting.  Commands of its own are in pp-ctl-change.c and
 * pp-ctl-show.c.
 *
 * In: commands, the database.  Out: text or tables on standard output; changes
 * of the database, all or none of them.  See ovs-patchpointctl(8). */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "db-ctl-base.h"
#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "ovsdb-schema/patchpoint-idl.h"
#include "process.h"
#include "stream-ssl.h"
#include "stream.h"
#include "table.h"
#include "timeval.h"
#include "tool/pp-ctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(patchpointctl);

/* What is waited for once a change was made. */
enum wait {
    WAIT_NONE,                  /* Nothing: it is in the database. */
    WAIT_HOSTS,                 /* That each running host has taken it up. */
};

static const char *db;
static bool oneline;
static bool dry_run;
static bool retry;
static bool leader_only = true;
static bool format_given;
static enum wait wait_for;
static bool force_wait;         /* Even if nothing was changed. */
static unsigned int timeout;
static struct table_style table_style = TABLE_STYLE_DEFAULT;

/* For the_exit() alone. */
static struct ovsdb_idl *the_idl;
static struct ovsdb_idl_txn *the_txn;

static void parse_options(int argc, char *argv[], struct shash *local);

static void
the_exit(int status)
{
    if (the_txn) {
        ovsdb_idl_txn_abort(the_txn);
        ovsdb_idl_txn_destroy(the_txn);
    }
    ovsdb_idl_destroy(the_idl);
    exit(status);
}

static const struct ctl_table_class tables[PPREC_N_TABLES] = {
    [PPREC_TABLE_HOST].row_ids[0] = { &pprec_host_col_name, NULL, NULL },
    [PPREC_TABLE_SERVER].row_ids = {
        { &pprec_server_col_name, NULL, NULL },
        { &pprec_server_col_iface_id, NULL, NULL },
        { &pprec_server_col_vm_id, NULL, NULL },
        { &pprec_server_col_mac, NULL, NULL },
    },
    [PPREC_TABLE_POLICY].row_ids[0] = { &pprec_policy_col_name, NULL, NULL },
    [PPREC_TABLE_PATCH].row_ids[0] = { &pprec_patch_col_id, NULL, NULL },
};

static void
pre_sync(struct ctl_context *ctx OVS_UNUSED)
{
    if (wait_for == WAIT_NONE) {
        wait_for = WAIT_HOSTS;
    }
    force_wait = true;
}

static void
do_nothing(struct ctl_context *ctx OVS_UNUSED)
{
}

static const struct ctl_command_syntax sync_command[] = {
    { "sync", 0, 0, "", pre_sync, do_nothing, NULL, "", RW },
    { NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO },
};

static void
run_prerequisites(struct ctl_command *commands, size_t n,
                  struct ovsdb_idl *idl)
{
    struct ctl_context ctx;

    ovsdb_idl_add_table(idl, &pprec_table_patchpoint);
    for (struct ctl_command *c = commands; c < &commands[n]; c++) {
        if (c->syntax->prerequisites) {
            ds_init(&c->output);
            c->table = NULL;
            ctl_context_init(&ctx, c, idl, NULL, NULL, NULL);
            c->syntax->prerequisites(&ctx);
            if (ctx.error) {
                ctl_fatal("%s", ctx.error);
            }
            ctl_context_done(&ctx, c);
        }
    }
    if (wait_for != WAIT_NONE) {
        ovsdb_idl_add_column(idl, &pprec_patchpoint_col_next_cfg);
        ovsdb_idl_add_column(idl, &pprec_host_col_name);
        ovsdb_idl_add_column(idl, &pprec_host_col_cur_cfg);
        ovsdb_idl_add_column(idl, &pprec_host_col_status);
        ovsdb_idl_add_column(idl, &pprec_policy_col_name);
        ovsdb_idl_add_column(idl, &pprec_policy_col_status);
    }
}

static void
print_output(struct ctl_command *c)
{
    if (c->table) {
        /* Our own lists are for eyes, unless somebody wants otherwise. */
        const char *name = c->syntax->name;
        size_t len = strlen(name);
        struct table_style style = table_style;

        if (!format_given && len > 5 && !strcmp(name + len - 5, "-list")) {
            style.format = TF_TABLE;
        }
        table_print(c->table, &style);
    } else if (oneline) {
        ds_chomp(&c->output, '\n');
        for (size_t i = 0; i < c->output.length; i++) {
            char ch = c->output.string[i];

            if (ch == '\n') {
                fputs("\\n", stdout);
            } else if (ch == '\\') {
                fputs("\\\\", stdout);
            } else {
                putchar(ch);
            }
        }
        putchar('\n');
    } else {
        fputs(ds_cstr(&c->output), stdout);
    }
}

static void
free_output(struct ctl_command *c)
{
    ds_destroy(&c->output);
    table_destroy(c->table);
    free(c->table);
    c->table = NULL;
}

/* Has every host that runs taken 'next_cfg' up? */
static bool
hosts_have(struct ovsdb_idl *idl, int64_t next_cfg)
{
    const struct pprec_host *host;

    PPREC_HOST_FOR_EACH (host, idl) {
        if (!strcmp(host->status, "running") && host->cur_cfg < next_cfg) {
            return false;
        }
    }
    return true;
}

/* Waits until all have.  Mistakes in policies that were changed end the
 * program. */
static void
wait_for_hosts(struct ovsdb_idl *idl, int64_t next_cfg)
{
    char *errors;

    ovsdb_idl_enable_reconnect(idl);
    for (;;) {
        ovsdb_idl_run(idl);
        if (hosts_have(idl, next_cfg)) {
            break;
        }
        ovsdb_idl_wait(idl);
        poll_block();
    }
    errors = pp_ctl_policy_errors(idl);
    if (errors) {
        ctl_fatal("%s", errors);
    }
}

static void
check_symbols(const struct ovsdb_symbol_table *symtab)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &symtab->sh) {
        const struct ovsdb_symbol *symbol = node->data;

        if (!symbol->created) {
            ctl_fatal("row id \"%s\" is referenced but never created (e.g. "
                      "with \"-- --id=%s create ...\")", node->name,
                      node->name);
        }
        if (!symbol->strong_ref && !symbol->weak_ref) {
            VLOG_DBG("row id \"%s\" was created and is not referenced",
                     node->name);
        }
    }
}

static void
run_postprocess(struct ctl_command *commands, size_t n, struct ovsdb_idl *idl,
                struct ovsdb_idl_txn *txn, struct ovsdb_symbol_table *symtab)
{
    struct ctl_context ctx;

    for (struct ctl_command *c = commands; c < &commands[n]; c++) {
        if (c->syntax->postprocess) {
            ctl_context_init(&ctx, c, idl, txn, symtab, NULL);
            c->syntax->postprocess(&ctx);
            if (ctx.error) {
                ctl_fatal("%s", ctx.error);
            }
            ctl_context_done(&ctx, c);
        }
    }
}

/* Runs the commands and commits what they did.  Returns false if that has to
 * be done once more, on another state of the database. */
static bool
run_commands(const char *args, struct ctl_command *commands, size_t n,
             struct ovsdb_idl *idl)
{
    struct ovsdb_symbol_table *symtab = ovsdb_symbol_table_create();
    struct ovsdb_idl_txn *txn = the_txn = ovsdb_idl_txn_create(idl);
    enum ovsdb_idl_txn_status status = TXN_TRY_AGAIN;
    bool try_again = false;
    struct ctl_context ctx;
    int64_t next_cfg = 0;

    if (dry_run) {
        ovsdb_idl_txn_set_dry_run(txn);
    }
    ovsdb_idl_txn_add_comment(txn, "%s: %s", program_name, args);
    for (struct ctl_command *c = commands; c < &commands[n]; c++) {
        ds_init(&c->output);
        c->table = NULL;
    }
    ctl_context_init(&ctx, NULL, idl, txn, symtab, NULL);
    if (ctl_might_write_to_db(commands, n)) {
        const struct pprec_patchpoint *global = pp_ctl_get_global(&ctx);

        if (wait_for != WAIT_NONE) {
            ovsdb_idl_txn_increment(txn, &global->header_,
                                    &pprec_patchpoint_col_next_cfg,
                                    force_wait);
        }
    }
    for (struct ctl_command *c = commands; c < &commands[n] && !try_again;
         c++) {
        ctl_context_init_command(&ctx, c, c == &commands[n - 1]);
        if (c->syntax->run) {
            c->syntax->run(&ctx);
        }
        if (ctx.error) {
            ctl_fatal("%s", ctx.error);
        }
        ctl_context_done_command(&ctx, c);
        try_again = ctx.try_again;
    }
    ctl_context_done(&ctx, NULL);

    if (!try_again) {
        check_symbols(symtab);
        status = ovsdb_idl_txn_commit_block(txn);
        if (status == TXN_SUCCESS && wait_for != WAIT_NONE) {
            next_cfg = ovsdb_idl_txn_get_increment_new_value(txn);
        }
        if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
            run_postprocess(commands, n, idl, txn, symtab);
        } else if (status == TXN_ERROR) {
            ctl_fatal("transaction error: %s", ovsdb_idl_txn_get_error(txn));
        } else if (status != TXN_TRY_AGAIN) {
            ctl_fatal("transaction ended as %s",
                      ovsdb_idl_txn_status_to_string(status));
        }
    }
    ovsdb_symbol_table_destroy(symtab);
    if (status == TXN_TRY_AGAIN) {
        ovsdb_idl_txn_abort(txn);
        ovsdb_idl_txn_destroy(txn);
        the_txn = NULL;
        for (struct ctl_command *c = commands; c < &commands[n]; c++) {
            free_output(c);
        }
        return false;
    }
    ovsdb_idl_txn_destroy(txn);
    the_txn = NULL;

    for (struct ctl_command *c = commands; c < &commands[n]; c++) {
        print_output(c);
        free_output(c);
        shash_destroy_free_data(&c->options);
    }
    fflush(stdout);
    if (wait_for != WAIT_NONE && status == TXN_SUCCESS && !dry_run) {
        wait_for_hosts(idl, next_cfg);
    }
    return true;
}

int
main(int argc, char *argv[])
{
    struct shash local_options = SHASH_INITIALIZER(&local_options);
    struct ctl_command *commands;
    struct ovsdb_idl *idl;
    unsigned int seqno;
    size_t n_commands;
    char *args, *error;

    ovs_set_program_name(argv[0], PACKAGE_VERSION);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_WARN);
    vlog_set_levels_from_string_assert("reconnect:warn");

    ctl_init__(&pprec_idl_class, tables, NULL, the_exit);
    ctl_register_commands(pp_ctl_change_commands);
    ctl_register_commands(pp_ctl_show_commands);
    ctl_register_commands(sync_command);

    args = process_escape_args(argv);
    parse_options(argc, argv, &local_options);
    error = ctl_parse_commands(argc - optind, argv + optind, &local_options,
                               &commands, &n_commands);
    if (error) {
        ctl_fatal("%s", error);
    }
    VLOG(ctl_might_write_to_db(commands, n_commands) ? VLL_INFO : VLL_DBG,
         "Called as %s", args);
    ctl_timeout_setup(timeout);

    idl = the_idl = ovsdb_idl_create_unconnected(&pprec_idl_class, false);
    ovsdb_idl_set_leader_only(idl, leader_only);
    run_prerequisites(commands, n_commands, idl);
    ovsdb_idl_set_remote(idl, db, retry);

    /* The commands are run anew whenever the database is another one, until
     * what they did was taken. */
    seqno = ovsdb_idl_get_seqno(idl);
    for (;;) {
        ovsdb_idl_run(idl);
        if (!ovsdb_idl_is_alive(idl)) {
            int retval = ovsdb_idl_get_last_error(idl);

            if (!retval) {
                ctl_fatal("%s: the server there has no PatchPoint database; "
                          "ovs-patchpointd adds it when it is started", db);
            }
            ctl_fatal("%s: database connection failed (%s)", db,
                      ovs_retval_to_string(retval));
        }
        if (seqno != ovsdb_idl_get_seqno(idl)) {
            seqno = ovsdb_idl_get_seqno(idl);
            if (run_commands(args, commands, n_commands, idl)) {
                free(args);
                free(commands);
                the_exit(EXIT_SUCCESS);
            }
        }
        if (seqno == ovsdb_idl_get_seqno(idl)) {
            ovsdb_idl_wait(idl);
            poll_block();
        }
    }
}

static void OVS_NO_RETURN
usage(void)
{
    printf("\
%s: shows and changes the PatchPoint database\n\
usage: %s [OPTIONS] COMMAND [ARG...]\n\
\n\
General commands:\n\
  init                        make the database's row, if it is not there\n\
  show [HOST]                 hosts, servers, services, hits and policies\n\
  sync                        wait until all hosts have what is here now\n\
\n\
Policy commands:\n\
  policy-add NAME PATCHES [KEY=VALUE]...\n\
                              make a named policy\n\
  policy-set NAME KEY=VALUE...\n\
                              change some of what it says\n\
  policy-del NAME             delete it\n\
  policy-list                 print the policies\n\
    KEY is one of patches, mode, fail, opaque, ports, parameters, priority,\n\
    bridges, vlans, iface-ids, vm-ids, names, products and hosts\n\
\n\
Inventory commands:\n\
  server-list [HOST]          print the servers\n\
  service-list [SERVER]       print the services that they offer\n\
  patch-list [HOST]           print the patches\n\
  host-del HOST               forget a host that is no more\n\
\n\
%s\
%s\
\n\
Options:\n\
  --db=DATABASE               connect to DATABASE\n\
                              (default: %s)\n\
  --no-wait, --wait=none      do not wait once a change is made (default)\n\
  --wait=hosts                wait until all hosts have taken it up\n\
  --no-leader-only            any member of a cluster will do\n\
  --retry                     keep trying to connect to server forever\n\
  -t, --timeout=SECS          wait at most SECS seconds\n\
  --dry-run                   do not commit changes to database\n\
  --oneline                   print exactly one line of output per command\n",
           program_name, program_name, ctl_get_db_cmd_usage(),
           ctl_list_db_tables_usage(), ctl_default_db());
    table_usage();
    vlog_usage();
    printf("\
  --no-syslog                 equivalent to --verbose=patchpointctl:syslog:\
warn\n");
    stream_usage("database", true, true, false);
    printf("\n\
Other options:\n\
  -h, --help                  display this help message\n\
  -V, --version               display version information\n");
    exit(EXIT_SUCCESS);
}

static enum wait
parse_wait(const char *text)
{
    if (!strcmp(text, "none")) {
        return WAIT_NONE;
    } else if (!strcmp(text, "hosts")) {
        return WAIT_HOSTS;
    }
    ctl_fatal("argument to --wait must be \"none\" or \"hosts\"");
}

static void
parse_options(int argc, char *argv[], struct shash *local)
{
    enum {
        OPT_DB = UCHAR_MAX + 1,
        OPT_ONELINE,
        OPT_NO_SYSLOG,
        OPT_NO_WAIT,
        OPT_WAIT,
        OPT_DRY_RUN,
        OPT_RETRY,
        OPT_LEADER_ONLY,
        OPT_NO_LEADER_ONLY,
        OPT_BOOTSTRAP_CA_CERT,
        OPT_PEER_CA_CERT,
        OPT_COMMANDS,
        OPT_OPTIONS,
        OPT_LOCAL,
        VLOG_OPTION_ENUMS,
        TABLE_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option global_long_options[] = {
        {"db", required_argument, NULL, OPT_DB},
        {"no-syslog", no_argument, NULL, OPT_NO_SYSLOG},
        {"no-wait", no_argument, NULL, OPT_NO_WAIT},
        {"wait", required_argument, NULL, OPT_WAIT},
        {"dry-run", no_argument, NULL, OPT_DRY_RUN},
        {"retry", no_argument, NULL, OPT_RETRY},
        {"leader-only", no_argument, NULL, OPT_LEADER_ONLY},
        {"no-leader-only", no_argument, NULL, OPT_NO_LEADER_ONLY},
        {"oneline", no_argument, NULL, OPT_ONELINE},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {"commands", no_argument, NULL, OPT_COMMANDS},
        {"options", no_argument, NULL, OPT_OPTIONS},
        {"version", no_argument, NULL, 'V'},
        VLOG_LONG_OPTIONS,
        TABLE_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {"bootstrap-ca-cert", required_argument, NULL, OPT_BOOTSTRAP_CA_CERT},
        {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
        {NULL, 0, NULL, 0},
    };
    size_t n_global = ARRAY_SIZE(global_long_options) - 1;
    size_t n_options = n_global;
    size_t allocated = ARRAY_SIZE(global_long_options);
    struct option *options = xmemdup(global_long_options,
                                     sizeof global_long_options);
    char *tmp = ovs_cmdl_long_options_to_short_options(global_long_options);
    char *short_options = xasprintf("+%s", tmp);

    free(tmp);
    /* Options of single commands are taken wherever they stand. */
    ctl_add_cmd_options(&options, &n_options, &allocated, OPT_LOCAL);
    for (;;) {
        int idx;
        int c = getopt_long(argc, argv, short_options, options, &idx);

        if (c == -1) {
            break;
        }
        format_given |= c == 'f';
        switch (c) {
        case OPT_DB:
            db = optarg;
            break;
        case OPT_ONELINE:
            oneline = true;
            break;
        case OPT_NO_SYSLOG:
            vlog_set_levels(&this_module, VLF_SYSLOG, VLL_WARN);
            break;
        case OPT_NO_WAIT:
            wait_for = WAIT_NONE;
            break;
        case OPT_WAIT:
            wait_for = parse_wait(optarg);
            break;
        case OPT_DRY_RUN:
            dry_run = true;
            break;
        case OPT_RETRY:
            retry = true;
            break;
        case OPT_LEADER_ONLY:
            leader_only = true;
            break;
        case OPT_NO_LEADER_ONLY:
            leader_only = false;
            break;
        case OPT_LOCAL:
            if (shash_find(local, options[idx].name)) {
                ctl_fatal("'%s' option specified multiple times",
                          options[idx].name);
            }
            shash_add_nocopy(local, xasprintf("--%s", options[idx].name),
                             nullable_xstrdup(optarg));
            break;
        case 'h':
            usage();
        case OPT_COMMANDS:
            ctl_print_commands();
            /* fall through */
        case OPT_OPTIONS:
            ctl_print_options(global_long_options);
            /* fall through */
        case 'V':
            ovs_print_version(0, 0);
            printf("DB Schema %s\n", pprec_get_db_version());
            exit(EXIT_SUCCESS);
        case 't':
            if (!str_to_uint(optarg, 10, &timeout) || !timeout) {
                ctl_fatal("value %s on -t or --timeout is invalid", optarg);
            }
            break;
        VLOG_OPTION_HANDLERS
        TABLE_OPTION_HANDLERS(&table_style)
        STREAM_SSL_OPTION_HANDLERS
        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;
        case OPT_BOOTSTRAP_CA_CERT:
            stream_ssl_set_ca_cert_file(optarg, true);
            break;
        case '?':
            exit(EXIT_FAILURE);
        default:
            abort();
        }
    }
    free(short_options);
    if (!db) {
        db = getenv("OVS_PATCHPOINT_DB");
    }
    if (!db) {
        db = ctl_default_db();
    }
    for (size_t i = n_global; options[i].name; i++) {
        free(CONST_CAST(char *, options[i].name));
    }
    free(options);
}
