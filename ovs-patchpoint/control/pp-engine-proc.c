/* SPDX-License-Identifier: Apache-2.0 */

/* The engine as a process.
 *
 * In: the snapshot, the taps; what the engine says (engine/pp-ipc.h).  Out: a
 * running engine with the newest snapshot and a queue of every tap; its
 * counters, events and log lines.
 *
 * The engine handles hostile bytes.  It is given two descriptors and nothing
 * else, and nothing that it says is believed unchecked: a message with a wrong
 * length, type or index ends it, and another one is started.  So is one whose
 * heartbeat stands still.
 *
 * Runs in control's main loop.  Owns the process, the socket pair and the
 * counters' memory, which goes on through restarts. */

#include <config.h>

#include "pp-engine-proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "patch/pp-program.h"
#include "pp-control.h"
#include "pp-cuts.h"
#include "pp-engine-conn.h"
#include "pp-engine-exec.h"
#include "pp-events.h"
#include "pp-handover.h"
#include "pp-ofconn.h"
#include "pp-pins.h"
#include "pp-services.h"
#include "pp-tap.h"
#include "registry.h"
#include "socket-util.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_engine_proc);

#define HELLO_MS 10000          /* To say hello in. */
#define HUNG_MS 1500            /* Without a heartbeat: hung. */
#define END_MS 2000             /* To exit in, when told to. */
#define LOOK_MS 300             /* How often to look. */
#define WELL_MS 5000            /* Lived that long: no backoff. */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 1000
#define FLOWS_WAIT_MS 2000
#define LIST_MS 3000

#define MESSAGES_PER_RUN 500

struct update {
    struct ovs_list node;       /* In 'updates'. */
    uint64_t serial;
    int fd;                     /* That goes with it, or -1. */
    size_t len;
    uint8_t msg[];
};

struct pp_engine {
    char *path;
    uid_t uid;                  /* Whom it runs as, or 0. */
    gid_t gid;
    unsigned int event_values;

    enum pp_engine_state state;
    pid_t pid;
    int pidfd;                  /* Readable when it has died. */
    int sock;
    int err;                    /* Its standard error. */
    long long int since;        /* When the state began. */
    long long int started;
    long long int next_start;
    long long int backoff;
    unsigned int n_starts;
    char *error;

    int counters_fd;
    const struct pp_counters *counters;
    uint64_t heartbeat;
    long long int heartbeat_time;

    int snapshot_fd;            /* -1: none yet. */
    uint64_t base_serial;       /* Its. */
    struct ovs_list updates;    /* Of struct update: what comes after it and
                                 * was not sent yet. */
    uint64_t serial;            /* Newest. */
    uint64_t sent_serial;       /* To this engine. */
    uint64_t acked_serial;      /* In force in this engine. */
    long long int snapshot_time;
    long long int acked_time;   /* When the first was. */
    bool took_over;             /* Nothing is left of a daemon before... */
    bool has_ledger;            /* ...and this engine has the ledger. */
    bool want_out;              /* Something waits for room in the socket. */

    /* conn/list under way. */
    struct unixctl_conn *list_conn;
    struct ds list;
    uint32_t list_request;
    long long int list_deadline;
};

static void engine_failed(struct pp_control *, char *why);

static void
set_state(struct pp_engine *e, enum pp_engine_state state)
{
    e->state = state;
    e->since = time_msec();
}

/* A memfd that can neither grow nor shrink, so that reading it is safe
 * whatever the engine does. */
static int
make_counters(struct pp_engine *e, char **error)
{
    void *p;

    e->counters_fd = memfd_create("ovs-patchpoint-counters",
                                  MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (e->counters_fd < 0
        || ftruncate(e->counters_fd, PP_COUNTERS_SIZE)
        || fcntl(e->counters_fd, F_ADD_SEALS,
                 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        *error = xasprintf("cannot make shared memory: %s",
                           ovs_strerror(errno));
        return -1;
    }
    p = mmap(NULL, PP_COUNTERS_SIZE, PROT_READ, MAP_SHARED, e->counters_fd,
             0);
    if (p == MAP_FAILED) {
        *error = xasprintf("cannot map shared memory: %s",
                           ovs_strerror(errno));
        return -1;
    }
    e->counters = p;
    return 0;
}

struct pp_engine *
pp_engine_create(const char *path, const char *user,
                 unsigned int event_values, char **error)
{
    const struct passwd *pw = user ? getpwnam(user) : NULL;
    struct pp_engine *e;

    *error = NULL;
    if (access(path, X_OK)) {
        *error = xasprintf("%s: the engine cannot be run: %s; say with "
                           "--engine where it is", path,
                           ovs_strerror(errno));
        return NULL;
    }
    if (user && !pw) {
        *error = xasprintf("the engine's user \"%s\" does not exist: make it "
                           "(adduser --system --group %s), or name another "
                           "unprivileged one with --engine-user", user, user);
        return NULL;
    } else if (pw && !pw->pw_uid) {
        *error = xasprintf("the engine does not run as root: name an "
                           "unprivileged user with --engine-user");
        return NULL;
    }

    e = xzalloc(sizeof *e);
    e->path = xstrdup(path);
    if (pw) {
        e->uid = pw->pw_uid;
        e->gid = pw->pw_gid;
    }
    e->event_values = event_values;
    e->pid = -1;
    e->pidfd = e->sock = e->err = e->snapshot_fd = -1;
    e->backoff = BACKOFF_MIN_MS;
    ovs_list_init(&e->updates);
    ds_init(&e->list);
    if (make_counters(e, error)) {
        free(e->path);
        free(e);
        return NULL;
    }
    return e;
}

static void
engine_start(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;
    const struct pp_engine_exec exec = {
        .path = e->path, .uid = e->uid, .gid = e->gid,
        .counters_fd = e->counters_fd, .event_values = e->event_values,
    };
    int socks[2], err[2], error;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   socks)) {
        engine_failed(ctl, xasprintf("cannot make a socket pair: %s",
                                     ovs_strerror(errno)));
        return;
    }
    if (pipe2(err, O_CLOEXEC | O_NONBLOCK)) {
        close(socks[0]);
        close(socks[1]);
        engine_failed(ctl, xasprintf("cannot make a pipe: %s",
                                     ovs_strerror(errno)));
        return;
    }
    pid = pp_engine_exec(&exec, socks[1], err[1]);
    error = errno;
    close(socks[1]);
    close(err[1]);
    if (pid < 0) {
        close(socks[0]);
        close(err[0]);
        engine_failed(ctl, xasprintf("%s: cannot be started: %s", e->path,
                                     ovs_strerror(error)));
        return;
    }
    e->err = err[0];
    e->pid = pid;
    e->pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
    e->sock = socks[0];
    e->sent_serial = e->acked_serial = 0;
    /* It is to have all as one. */
    ctl->snapshot_dirty |= e->serial != e->base_serial;
    e->heartbeat = 0;
    e->heartbeat_time = e->started = time_msec();
    e->n_starts++;
    e->want_out = e->has_ledger = e->took_over = false;
    set_state(e, PP_ENGINE_STARTING);
    VLOG_DBG("started %s, pid %d", e->path, (int) pid);
}

/* Printable ASCII only, and no longer than 'n'. */
static char *
clean_text(const char *s, size_t n)
{
    char *clean = xmemdup0(s, strnlen(s, n));

    for (char *p = clean; *p; p++) {
        if (!isprint((unsigned char) *p)) {
            *p = '?';
        }
    }
    return clean;
}

/* What it wrote to its standard error, such as a failed assertion. */
static void
log_last_words(struct pp_engine *e)
{
    char text[4096], *save_ptr = NULL;
    ssize_t n = e->err >= 0 ? read(e->err, text, sizeof text - 1) : -1;

    text[MAX(n, 0)] = '\0';
    for (char *line = strtok_r(text, "\n", &save_ptr); line;
         line = strtok_r(NULL, "\n", &save_ptr)) {
        char *words = clean_text(line, sizeof text);

        VLOG_ERR("engine: %s", words);
        free(words);
    }
    if (e->err >= 0) {
        close(e->err);
        e->err = -1;
    }
}

void
pp_engine_ids(const struct pp_engine *e, uid_t *uid, gid_t *gid)
{
    *uid = e->uid;
    *gid = e->gid;
}

/* Forgets the process, which has ended. */
static void
engine_clear(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;

    if (e->pidfd >= 0) {
        close(e->pidfd);
    }
    if (e->sock >= 0) {
        close(e->sock);
    }
    log_last_words(e);
    e->pidfd = e->sock = -1;
    e->pid = -1;
    e->sent_serial = e->acked_serial = 0;
    pp_cuts_engine_gone();
    pp_tap_engine_gone(ctl);
    if (e->list_conn) {
        unixctl_command_reply_error(e->list_conn, "the engine has ended");
        e->list_conn = NULL;
    }
    ctl->dirty = true;
}

/* Ends the process now, if there is one. */
static void
engine_kill(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;

    if (e->pid > 0) {
        int status;

        kill(e->pid, SIGKILL);
        while (waitpid(e->pid, &status, 0) < 0 && errno == EINTR) {
            continue;
        }
    }
    engine_clear(ctl);
}

/* Something went wrong: the engine is ended and will be started again.  Takes
 * over 'why'. */
static void
engine_failed(struct pp_control *ctl, char *why)
{
    struct pp_engine *e = ctl->engine;
    bool was_well = (e->state == PP_ENGINE_READY
                     && time_msec() - e->started >= WELL_MS);

    engine_kill(ctl);
    e->backoff = was_well ? 0 : MAX(BACKOFF_MIN_MS,
                                    MIN(BACKOFF_MAX_MS, e->backoff * 2));
    VLOG_ERR("engine: %s; starting it again in %lld ms", why, e->backoff);
    free(e->error);
    e->error = why;
    e->next_start = time_msec() + e->backoff;
    set_state(e, PP_ENGINE_WAITING);
}

void
pp_engine_replace(struct pp_control *ctl, char *why)
{
    if (ctl->engine->pid > 0) {
        engine_failed(ctl, why);
    } else {
        free(why);
    }
}

int
pp_engine_send(struct pp_engine *e, const void *data, size_t len, int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { CONST_CAST(void *, data), len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd >= 0) {
        struct cmsghdr *c;

        memset(&control, 0, sizeof control);
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control.space;
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    if (e->sock < 0) {
        return ENOTCONN;
    }
    if (sendmsg(e->sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        int error = errno == ENOBUFS ? EAGAIN : errno;

        e->want_out |= error == EAGAIN;
        return error;
    }
    return 0;
}

static void
update_destroy(struct update *u)
{
    ovs_list_remove(&u->node);
    if (u->fd >= 0) {
        close(u->fd);
    }
    free(u);
}

static void
drop_updates(struct pp_engine *e)
{
    struct update *u;

    LIST_FOR_EACH_SAFE (u, node, &e->updates) {
        update_destroy(u);
    }
}

void
pp_engine_set_snapshot(struct pp_engine *e, int fd, uint64_t serial)
{
    if (e->snapshot_fd >= 0) {
        close(e->snapshot_fd);
    }
    drop_updates(e);
    e->snapshot_fd = fd;
    e->serial = e->base_serial = serial;
    e->snapshot_time = time_msec();
}

void
pp_engine_update_snapshot(struct pp_engine *e, const void *msg, size_t len,
                          int fd, uint64_t serial)
{
    struct update *u = xmalloc(sizeof *u + len);

    u->serial = serial;
    u->fd = fd;
    u->len = len;
    memcpy(u->msg, msg, len);
    ovs_list_push_back(&e->updates, &u->node);
    e->serial = serial;
    e->snapshot_time = time_msec();
}

static void
send_snapshot(struct pp_engine *e)
{
    struct pp_ipc_snapshot msg = {
        .hdr = { PP_IPC_SNAPSHOT, sizeof msg }, .serial = e->base_serial,
    };
    struct update *u;

    if (e->snapshot_fd >= 0 && e->sent_serial < e->base_serial
        && !pp_engine_send(e, &msg, sizeof msg, e->snapshot_fd)) {
        e->sent_serial = e->base_serial;
    }
    if (e->sent_serial >= e->base_serial) {
        LIST_FOR_EACH_SAFE (u, node, &e->updates) {
            if (pp_engine_send(e, u->msg, u->len, u->fd)) {
                break;
            }
            e->sent_serial = u->serial;
            update_destroy(u);
        }
    }
}

/* Is this engine to have the frames now?  The one that a daemon before this
 * left over serves until all can go over at once: what comes in between passes
 * uninspected where patchpoint-fail=open.  It is not waited for for good. */
static bool
may_take_over(const struct pp_control *ctl)
{
    const struct pp_engine *e = ctl->engine;
    const struct pp_bridge *br;

    if (e->n_starts > 1 || time_msec() >= e->acked_time + FLOWS_WAIT_MS) {
        return true;
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->ofconn && !pp_ofconn_is_adopted(br->ofconn)) {
            return false;
        }
    }
    return pp_engine_in_force(e) && pp_tap_may_attach_all(ctl);
}

static void
take_over(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;

    if (e->took_over || !e->acked_serial || !may_take_over(ctl)) {
        return;
    }
    pp_tap_open_early(ctl);
    pp_engine_end_predecessor(ctl->rundir, e->pid);
    VLOG_INFO("engine is ready, pid %d", (int) e->pid);
    e->took_over = true;
}

/* Nobody else writes it any more. */
static void
send_ledger(struct pp_engine *e)
{
    struct pp_ipc_hdr hdr = { PP_IPC_LEDGER, sizeof hdr };
    int fd = pp_pins_fd();

    if (!e->has_ledger
        && (fd < 0 || !pp_engine_send(e, &hdr, sizeof hdr, fd))) {
        e->has_ledger = true;
    }
}

bool
pp_engine_send_uncut(struct pp_engine *e, struct pp_ipc_uncut *msg)
{
    size_t len = offsetof(struct pp_ipc_uncut, ids)
                 + msg->n * sizeof *msg->ids;

    msg->hdr = (struct pp_ipc_hdr) { PP_IPC_UNCUT, (uint32_t) len };
    return (e->state != PP_ENGINE_READY
            || pp_engine_send(e, msg, len, -1) != EAGAIN);
}

void
pp_engine_detach(struct pp_control *ctl, uint32_t bridge, const char *tap)
{
    struct pp_ipc_tap msg = {
        .hdr = { PP_IPC_TAP_DEL, sizeof msg }, .bridge = bridge,
    };

    ovs_strlcpy(msg.name, tap, sizeof msg.name);
    pp_engine_send(ctl->engine, &msg, sizeof msg, -1);
}

static void
handle_log(const char *p, size_t n)
{
    char *text;

    if (n < 1) {
        return;
    }
    text = clean_text(p + 1, n - 1);
    switch (p[0]) {
    case 'I':
        VLOG_INFO("engine: %s", text);
        break;
    case 'W':
        VLOG_WARN("engine: %s", text);
        break;
    default:
        VLOG_ERR("engine: %s", text);
        break;
    }
    free(text);
}

static void
handle_snapshot_done(struct pp_control *ctl,
                     const struct pp_ipc_snapshot_done *done)
{
    struct pp_engine *e = ctl->engine;

    if (done->ok) {
        if (!e->acked_serial) {
            e->acked_time = time_msec();
        }
        e->acked_serial = done->serial;
        free(e->error);
        e->error = NULL;
    } else {
        free(e->error);
        char *words = clean_text(done->error, sizeof done->error);

        e->error = xasprintf("refused the snapshot: %s", words);
        free(words);
        VLOG_ERR("engine: %s", e->error);
        ctl->snapshot_dirty |= done->serial != e->base_serial;
    }
    ctl->dirty = true;
}

/* Returns NULL, or what is wrong with the message. */
static const char *
handle_message(struct pp_control *ctl, const void *data, size_t n)
{
    struct pp_engine *e = ctl->engine;
    const struct pp_ipc_hdr *hdr = data;

    if (n < sizeof *hdr || hdr->len != n) {
        return "message with a bad length";
    }
    if (hdr->type == PP_IPC_HELLO) {
        const struct pp_ipc_hello *hello = data;

        if (n != sizeof *hello || e->state != PP_ENGINE_STARTING) {
            return "hello out of turn";
        } else if (hello->version != PP_IPC_VERSION) {
            return "of another version than ovs-patchpointd";
        }
        set_state(e, PP_ENGINE_READY);
        ctl->dirty = true;
        return NULL;
    } else if (hdr->type == PP_IPC_LOG) {
        handle_log((const char *) (hdr + 1), n - sizeof *hdr);
        return NULL;
    } else if (e->state != PP_ENGINE_READY) {
        return e->state == PP_ENGINE_ENDING ? NULL : "message before hello";
    } else if (hdr->type == PP_IPC_SNAPSHOT_DONE) {
        const struct pp_ipc_snapshot_done *done = data;

        if (n != sizeof *done || !done->serial
            || done->serial > e->sent_serial) {
            return "answer about a snapshot that it was not given";
        }
        handle_snapshot_done(ctl, done);
        return NULL;
    } else if (hdr->type == PP_IPC_EVENT) {
        return pp_events_handle(ctl, data, n);
    } else if (hdr->type == PP_IPC_MISSED) {
        return pp_events_handle_missed(ctl, data, n);
    } else if (hdr->type == PP_IPC_HANDED) {
        return pp_handover_handle(data, n);
    } else if (hdr->type == PP_IPC_CUT) {
        return pp_cuts_handle(ctl, data, n);
    } else if (hdr->type == PP_IPC_SAID) {
        return pp_services_handle(ctl, data, n);
    } else if (hdr->type == PP_IPC_PINS) {
        return NULL;            /* pp_pins_run() looks. */
    } else if (hdr->type == PP_IPC_CONN) {
        const struct pp_ipc_conn *row = data;

        return (n != sizeof *row ? "connection row with a bad length"
                : pp_engine_put_conn(ctl, row, e->list_conn && row->request
                                     == e->list_request ? &e->list : NULL));
    } else if (hdr->type == PP_IPC_CONN_END) {
        const struct pp_ipc_conn_list *end = data;

        if (n != sizeof *end) {
            return "end of a list with a bad length";
        }
        if (e->list_conn && end->request == e->list_request) {
            ds_put_format(&e->list, "%"PRIu32" connections\n", end->total);
            unixctl_command_reply(e->list_conn, ds_cstr(&e->list));
            e->list_conn = NULL;
        }
        return NULL;
    }
    return "message of an unknown type";
}

static void
engine_receive(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;

    for (int i = 0; i < MESSAGES_PER_RUN && e->sock >= 0; i++) {
        union {
            struct pp_ipc_hdr hdr;
            uint64_t align;
            char bytes[PP_IPC_MAX];
        } buf;
        ssize_t n = recv(e->sock, &buf, sizeof buf,
                         MSG_DONTWAIT | MSG_TRUNC);
        const char *wrong;

        if (n <= 0) {
            break;              /* Its death, if any, comes by the pidfd. */
        }
        wrong = ((size_t) n > sizeof buf ? "message too long"
                 : handle_message(ctl, &buf, (size_t) n));
        if (wrong) {
            engine_failed(ctl, xasprintf("said what makes no sense: %s",
                                         wrong));
            return;
        }
    }
}

static bool
has_ended(const struct pp_engine *e, int *status)
{
    struct pollfd pfd = { .fd = e->pidfd, .events = POLLIN };
    pid_t retval = waitpid(e->pid, status, WNOHANG);

    if (retval < 0 && errno == ECHILD) {
        /* Not ours: of the daemon that left us behind (pp-drain.h). */
        *status = 0;
        return e->pidfd < 0 || poll(&pfd, 1, 0) > 0;
    }
    return retval == e->pid;
}

/* Has it ended by itself? */
static void
engine_reap(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;
    int status;
    char *s;

    if (e->pid <= 0 || !has_ended(e, &status)) {
        return;
    }
    engine_receive(ctl);        /* Its last words. */
    if (e->pid <= 0) {
        return;
    }
    e->pid = -1;
    if (e->state == PP_ENGINE_ENDING) {
        engine_clear(ctl);
        set_state(e, PP_ENGINE_STOPPED);
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        s = xasprintf("%s could not be run", e->path);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 126) {
        s = xasprintf("could not give up its privileges");
    } else if (WIFEXITED(status)) {
        s = xasprintf("exited with status %d", WEXITSTATUS(status));
    } else {
        s = xasprintf("was killed by signal %d (%s)", WTERMSIG(status),
                      strsignal(WTERMSIG(status)));
    }
    engine_failed(ctl, s);
}

static void
engine_watch(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;
    long long int now = time_msec();
    uint64_t heartbeat = e->counters->heartbeat;

    if (heartbeat != e->heartbeat) {
        e->heartbeat = heartbeat;
        e->heartbeat_time = now;
    }
    if (e->state == PP_ENGINE_STARTING && now - e->since > HELLO_MS) {
        engine_failed(ctl, xasprintf("has not said hello within %d s",
                                     HELLO_MS / 1000));
    } else if (e->state == PP_ENGINE_READY
               && now - MAX(e->heartbeat_time, e->since) > HUNG_MS) {
        engine_failed(ctl, xasprintf("hangs: no heartbeat for %d ms",
                                     HUNG_MS));
    } else if (e->state == PP_ENGINE_ENDING && now - e->since > END_MS) {
        VLOG_WARN("engine: does not end when told to; killing it");
        engine_kill(ctl);
        set_state(e, PP_ENGINE_STOPPED);
    }
}

static bool
is_wanted(const struct pp_control *ctl)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->tap || pp_bridge_is_used(br)) {
            return true;
        }
    }
    return false;
}

void
pp_engine_run(struct pp_control *ctl)
{
    struct pp_engine *e = ctl->engine;
    bool wanted = is_wanted(ctl);

    engine_receive(ctl);
    engine_reap(ctl);
    engine_watch(ctl);

    if (e->list_conn && time_msec() > e->list_deadline) {
        unixctl_command_reply_error(e->list_conn,
                                    "the engine does not answer");
        e->list_conn = NULL;
    }

    switch (e->state) {
    case PP_ENGINE_STOPPED:
        if (wanted && e->snapshot_fd >= 0) {
            engine_start(ctl);
        }
        break;
    case PP_ENGINE_WAITING:
        if (!wanted) {
            set_state(e, PP_ENGINE_STOPPED);
        } else if (time_msec() >= e->next_start) {
            engine_start(ctl);
        }
        break;
    case PP_ENGINE_STARTING:
    case PP_ENGINE_READY:
        if (!wanted) {
            struct pp_ipc_hdr hdr = { PP_IPC_EXIT, sizeof hdr };

            pp_engine_send(e, &hdr, sizeof hdr, -1);
            set_state(e, PP_ENGINE_ENDING);
        } else if (e->state == PP_ENGINE_READY) {
            e->want_out = false;
            send_snapshot(e);
            take_over(ctl);
            if (e->took_over) {
                send_ledger(e);
            }
            if (e->has_ledger) {
                pp_tap_attach_all(ctl);
            }
        }
        break;
    case PP_ENGINE_ENDING:
    default:
        break;
    }
}

void
pp_engine_wait(struct pp_control *ctl)
{
    const struct pp_engine *e = ctl->engine;

    if (e->pidfd >= 0) {
        poll_fd_wait(e->pidfd, POLLIN);
    }
    if (e->sock >= 0) {
        poll_fd_wait(e->sock, POLLIN | (e->want_out ? POLLOUT : 0));
    }
    if (e->state == PP_ENGINE_WAITING) {
        poll_timer_wait_until(e->next_start);
    } else if (e->state != PP_ENGINE_STOPPED) {
        poll_timer_wait(LOOK_MS);
    } else if (is_wanted(ctl) && e->snapshot_fd >= 0) {
        poll_immediate_wake();
    }
}

void
pp_engine_destroy(struct pp_engine *e, bool keep)
{
    if (!e) {
        return;
    }
    if (e->pid > 0 && !keep) {
        kill(e->pid, SIGKILL);
        waitpid(e->pid, NULL, 0);
    }
    if (e->sock >= 0) {
        close(e->sock);
    }
    if (e->pidfd >= 0) {
        close(e->pidfd);
    }
    if (e->err >= 0) {
        close(e->err);
    }
    if (e->snapshot_fd >= 0) {
        close(e->snapshot_fd);
    }
    drop_updates(e);
    munmap(CONST_CAST(struct pp_counters *, e->counters), PP_COUNTERS_SIZE);
    close(e->counters_fd);
    ds_destroy(&e->list);
    free(e->error);
    free(e->path);
    free(e);
}

bool
pp_engine_in_force(const struct pp_engine *e)
{
    return (e->state == PP_ENGINE_READY && e->serial
            && e->acked_serial == e->serial);
}

bool
pp_engine_has(const struct pp_engine *e, uint64_t serial)
{
    return e->state == PP_ENGINE_READY && e->acked_serial >= serial;
}

uint64_t
pp_engine_acked(const struct pp_engine *e)
{
    return e->acked_serial;
}

bool
pp_engine_holds_flows(const struct pp_engine *e)
{
    return ((!pp_engine_in_force(e) || !e->took_over)
            && e->state != PP_ENGINE_WAITING && !e->error
            && time_msec() - e->snapshot_time < FLOWS_WAIT_MS);
}

enum pp_engine_state
pp_engine_state(const struct pp_engine *e)
{
    return e->state;
}

const char *
pp_engine_error(const struct pp_engine *e)
{
    return e->error;
}

bool
pp_engine_is_stopped(const struct pp_engine *e)
{
    return e->state == PP_ENGINE_STOPPED && e->pid <= 0;
}

const struct pp_counters *
pp_engine_counters(const struct pp_engine *e)
{
    return e->counters;
}

void
pp_engine_list_conns(struct pp_control *ctl, struct unixctl_conn *conn)
{
    struct pp_engine *e = ctl->engine;
    struct pp_ipc_conn_list msg = {
        .hdr = { PP_IPC_CONN_LIST, sizeof msg },
        .request = e->list_request + 1,
    };
    int error;

    if (e->state != PP_ENGINE_READY) {
        unixctl_command_reply_error(conn, "the engine is not running");
        return;
    } else if (e->list_conn) {
        unixctl_command_reply_error(conn, "another conn/list is under way");
        return;
    }
    error = pp_engine_send(e, &msg, sizeof msg, -1);
    if (error) {
        unixctl_command_reply_error(conn, ovs_strerror(error));
        return;
    }
    e->list_request++;
    e->list_conn = conn;
    e->list_deadline = time_msec() + LIST_MS;
    ds_clear(&e->list);
}

void
pp_engine_format(const struct pp_engine *e, struct ds *ds)
{
    static const char *const states[] = {
        [PP_ENGINE_STOPPED] = "stopped (nothing to protect)",
        [PP_ENGINE_WAITING] = "died, to be started again",
        [PP_ENGINE_STARTING] = "starting",
        [PP_ENGINE_READY] = "running",
        [PP_ENGINE_ENDING] = "ending",
    };

    ds_put_cstr(ds, states[e->state]);
    if (e->pid > 0) {
        ds_put_format(ds, ", pid %d, for %lld s", (int) e->pid,
                      (time_msec() - e->started) / 1000);
    }
    ds_put_format(ds, ", started %u times, snapshot %"PRIu64" of %"PRIu64,
                  e->n_starts, e->acked_serial, e->serial);
    if (e->error) {
        ds_put_format(ds, "; last error: %s", e->error);
    }
}
