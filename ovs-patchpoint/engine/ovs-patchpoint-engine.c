/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-patchpoint-engine: the process in the data path.
 *
 * In: frames from tap queues, snapshots from control.  Out: frames, events,
 * counters.  Control starts it, hands it every descriptor that it ever has
 * (pp-ipc.h) and watches it; the operator never does.  Owns the pipeline. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/pp-handover.h"
#include "engine/pp-inspect.h"
#include "engine/pp-ipc.h"
#include "engine/pp-ledger.h"
#include "engine/pp-pipeline.h"
#include "engine/pp-sandbox.h"
#include "registry.h"
#include "util.h"

/* Frames taken from one tap before the others get their turn. */
#define BATCH 64

/* Frames that go through the pipeline together are read one behind the other,
 * each where a cache line begins, into room for two of the longest: those are
 * best looked at while they are in the cache. */
#define FRAME_ROOM (sizeof(struct virtio_net_hdr) + PP_FRAME_MAX)
#define FRAMES_ROOM (2 * FRAME_ROOM)

/* The heartbeat's longest pause, in ms. */
#define BEAT_MS 100

/* Pause between two words about pinned connections, in ms. */
#define PINS_MS 20

/* Pause between two words about connections to be cut through, in ms: the
 * switch goes through its caches after each. */
#define CUTS_MS 20

/* Rows of a connection list: what a person can read. */
#define LIST_MAX 1000

/* Of these, so many are sent together: the socket has room for some more than
 * that, besides what else is to be said. */
#define LIST_BURST 32

/* Frames that wait to be written, at most, and bytes of them. */
#define OUT_FRAMES BATCH
#define OUT_BYTES (128 * 1024)

/* Bytes of a frame that is worth copying. */
#define OUT_FRAME_MAX 4096

struct tap {
    int fd;                     /* -1: none. */
    char name[PP_NAME_LEN];
};

/* What is to be written: all that comes of one batch at once.  The switch
 * takes what is there at a time, and a round costs it as much as some frames
 * do. */
struct outbox {
    struct {
        uint32_t bridge;
        uint32_t off, len;      /* In 'bytes', with the virtio-net header. */
    } frames[OUT_FRAMES];
    unsigned int n;
    size_t n_bytes;
    uint8_t bytes[OUT_BYTES];
};

struct engine {
    int sock;
    struct pp_counters *counters;
    struct pp_pipeline *pipeline;
    struct tap taps[PP_BRIDGES_MAX];
    struct outbox out;
    void *snapshot;             /* Mapped. */
    size_t snapshot_size;
    struct pp_ledger_region *ledger;    /* Mapped, or NULL. */
    uint64_t told_changes;      /* Of the ledger. */
    uint64_t next_tell;         /* In ms. */
    uint64_t next_cuts;         /* In ms. */
    struct {
        struct pp_ipc_conn *rows;       /* LIST_MAX; NULL: nothing is due. */
        uint32_t n, n_sent;
        struct pp_ipc_conn_list end;    /* Comes behind them. */
    } list;
    struct pp_ipc_missed missed;        /* To be told. */
    bool exiting;
    uint8_t *frames;            /* FRAMES_ROOM bytes. */
};

static void OVS_PRINTF_FORMAT(2, 3)
die(int status, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "ovs-patchpoint-engine: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    putc('\n', stderr);
    exit(status);
}

/* Tells control.  Never waits: a message that does not fit is lost. */
static bool
say(struct engine *e, void *msg, size_t len, enum pp_ipc_type type)
{
    struct pp_ipc_hdr *hdr = msg;

    hdr->type = type;
    hdr->len = (uint32_t) len;
    return send(e->sock, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* A line for control's log; 'level' as in vlog: 'I', 'W', 'E'. */
static void OVS_PRINTF_FORMAT(3, 4)
say_log(struct engine *e, char level, const char *format, ...)
{
    struct {
        struct pp_ipc_hdr hdr;
        char level;
        char text[511];
    } msg;
    va_list args;
    int n;

    memset(&msg, 0, sizeof msg);
    msg.level = level;
    va_start(args, format);
    n = vsnprintf(msg.text, sizeof msg.text, format, args);
    va_end(args);
    n = MIN(MAX(n, 0), (int) sizeof msg.text - 1);
    say(e, &msg, offsetof(typeof(msg), text) + (size_t) n, PP_IPC_LOG);
}

/* What the pipeline asks for. */

static void
write_now(struct engine *e, uint32_t bridge, const struct iovec *iov, int n)
{
    ssize_t retval;

    if (bridge >= PP_BRIDGES_MAX || e->taps[bridge].fd < 0) {
        e->counters->packet_out_errors++;
        return;
    }
    do {
        retval = writev(e->taps[bridge].fd, iov, n);
    } while (retval < 0 && errno == EINTR);
    if (retval < 0) {
        e->counters->packet_out_errors++;
    }
}

/* Writes what waits. */
static void
flush(struct engine *e)
{
    for (unsigned int i = 0; i < e->out.n; i++) {
        struct iovec iov = {
            .iov_base = e->out.bytes + e->out.frames[i].off,
            .iov_len = e->out.frames[i].len,
        };

        write_now(e, e->out.frames[i].bridge, &iov, 1);
    }
    e->out.n = 0;
    e->out.n_bytes = 0;
}

static void
write_frame(void *e_, uint32_t bridge, const struct iovec *iov, int n)
{
    struct engine *e = e_;
    size_t len = 0;

    for (int i = 0; i < n; i++) {
        len += iov[i].iov_len;
    }
    if (e->out.n == OUT_FRAMES || len > OUT_FRAME_MAX
        || len > OUT_BYTES - e->out.n_bytes) {
        flush(e);
    }
    if (len > OUT_FRAME_MAX) {
        write_now(e, bridge, iov, n);
        return;
    }
    e->out.frames[e->out.n].bridge = bridge;
    e->out.frames[e->out.n].off = (uint32_t) e->out.n_bytes;
    e->out.frames[e->out.n++].len = (uint32_t) len;
    for (int i = 0; i < n; i++) {
        memcpy(e->out.bytes + e->out.n_bytes, iov[i].iov_base,
               iov[i].iov_len);
        e->out.n_bytes += iov[i].iov_len;
    }
}

/* Counts an event that there was no room for. */
static void
add_missed(struct engine *e, const struct pp_ipc_event *event)
{
    struct pp_ipc_missed_row *row = e->missed.rows;
    uint32_t i;

    for (i = 0; i < e->missed.n; i++, row++) {
        if (row->server == event->server && row->patch == event->patch) {
            break;
        }
    }
    if (i == PP_IPC_MISSED_MAX) {
        return;
    } else if (i == e->missed.n) {
        e->missed.n++;
        *row = (struct pp_ipc_missed_row) {
            .server = event->server, .patch = event->patch,
        };
    }
    row->n[event->monitor]++;
}

/* Tells control about them.  False if there is no room for that either. */
static bool
tell_missed(struct engine *e)
{
    if (e->missed.n && e->sock >= 0) {
        if (!say(e, &e->missed, offsetof(struct pp_ipc_missed, rows)
                 + e->missed.n * sizeof *e->missed.rows, PP_IPC_MISSED)) {
            return false;
        }
        e->missed.n = 0;
    }
    return true;
}

static void
send_event(void *e_, const struct pp_ipc_event *event)
{
    struct engine *e = e_;
    struct pp_ipc_event msg = *event;
    size_t len = offsetof(struct pp_ipc_event, values)
                 + event->n_values * sizeof *event->values;

    if (!tell_missed(e) || !say(e, &msg, len, PP_IPC_EVENT)) {
        e->counters->engine_events_lost++;
        add_missed(e, event);
    }
}

static bool
send_said(void *e_, const struct pp_ipc_said *said)
{
    struct engine *e = e_;
    struct pp_ipc_said msg = *said;

    return say(e, &msg, sizeof msg, PP_IPC_SAID);
}

static bool
send_cuts(void *e_, const struct pp_ipc_cut *rows, uint32_t n)
{
    struct engine *e = e_;
    struct pp_ipc_cuts msg = { .n = n };

    memcpy(msg.rows, rows, n * sizeof *rows);
    return say(e, &msg, offsetof(struct pp_ipc_cuts, rows)
               + n * sizeof *rows, PP_IPC_CUT);
}

static void
list_conn(void *e_, struct pp_ipc_conn *conn)
{
    struct engine *e = e_;

    conn->request = e->list.end.request;
    e->list.rows[e->list.n++] = *conn;
}

/* Sends some of a connection list. */
static void
send_list(struct engine *e)
{
    uint32_t last = MIN(e->list.n, e->list.n_sent + LIST_BURST);

    for (; e->list.n_sent < last; e->list.n_sent++) {
        struct pp_ipc_conn *row = &e->list.rows[e->list.n_sent];

        if (!say(e, row, sizeof *row, PP_IPC_CONN)) {
            return;
        }
    }
    if (last == e->list.n
        && say(e, &e->list.end, sizeof e->list.end, PP_IPC_CONN_END)) {
        free(e->list.rows);
        e->list.rows = NULL;
    }
}

/* What control says. */

static const char *
map_snapshot(struct engine *e, int fd)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_WRITE;
    off_t size;
    const char *error;
    void *data;

    if (fcntl(fd, F_GET_SEALS) < 0
        || (fcntl(fd, F_GET_SEALS) & seals) != seals) {
        return "the snapshot is not sealed";
    }
    size = lseek(fd, 0, SEEK_END);
    if (size <= 0) {
        return "the snapshot is empty";
    }
    data = mmap(NULL, (size_t) size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        return "the snapshot cannot be mapped";
    }
    error = pp_snapshot_check(data, (size_t) size);
    error = error ? error : pp_pipeline_set_snapshot(e->pipeline, data);
    if (error) {
        munmap(data, (size_t) size);
        return error;
    }
    pp_pipeline_reserve(e->pipeline);
    if (e->snapshot) {
        munmap(e->snapshot, e->snapshot_size);
    }
    e->snapshot = data;
    e->snapshot_size = (size_t) size;
    return NULL;
}

/* 'serial' is in force, unless there is an 'error'. */
static void
say_done(struct engine *e, uint64_t serial, const char *error)
{
    struct pp_ipc_snapshot_done done = { .serial = serial };

    done.ok = !error;
    if (error) {
        ovs_strlcpy(done.error, error, sizeof done.error);
        e->counters->engine_bad_snapshots++;
    }
    say(e, &done, sizeof done, PP_IPC_SNAPSHOT_DONE);
}

static void
take_snapshot(struct engine *e, const struct pp_ipc_snapshot *msg, int fd)
{
    say_done(e, msg->serial,
             fd < 0 ? "no snapshot came" : map_snapshot(e, fd));
}

static void
take_rows(struct engine *e, const struct pp_ipc_rows *msg, size_t len)
{
    if (len < offsetof(struct pp_ipc_rows, rows) || msg->n > PP_IPC_ROWS_MAX
        || len != offsetof(struct pp_ipc_rows, rows)
                  + msg->n * sizeof *msg->rows) {
        say_log(e, 'E', "a list of rows is too short or too long");
        return;
    }
    say_done(e, msg->serial, pp_pipeline_set_rows(e->pipeline, msg));
}

static void
take_ledger(struct engine *e, int fd)
{
    uint64_t restored = e->counters->ledger_restored;
    uint64_t lost = e->counters->ledger_lost;
    void *p;

    if (e->ledger || fd < 0
        || lseek(fd, 0, SEEK_END) < (off_t) sizeof *e->ledger) {
        say_log(e, 'E', "this is no ledger");
        return;
    }
    p = mmap(NULL, sizeof *e->ledger, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
             0);
    if (p == MAP_FAILED) {
        say_log(e, 'E', "cannot map the ledger: %s", ovs_strerror(errno));
        return;
    }
    e->ledger = p;
    pp_pipeline_take_ledger(e->pipeline, e->ledger);
    restored = e->counters->ledger_restored - restored;
    lost = e->counters->ledger_lost - lost;
    if (restored || lost) {
        say_log(e, lost ? 'W' : 'I', "%"PRIu64" connections taken over from "
                "the engine before, %"PRIu64" could not be", restored, lost);
    }
}

static void
drop_tap(struct engine *e, uint32_t bridge)
{
    if (e->taps[bridge].fd >= 0) {
        close(e->taps[bridge].fd);
        e->taps[bridge].fd = -1;
    }
}

/* Returns true if it keeps 'fd'. */
static bool
take_tap(struct engine *e, const struct pp_ipc_tap *msg, int fd)
{
    int flags;

    if (msg->bridge >= PP_BRIDGES_MAX) {
        say_log(e, 'E', "bridge number %u is out of range", msg->bridge);
        return false;
    }
    drop_tap(e, msg->bridge);
    if (msg->hdr.type == PP_IPC_TAP_DEL || fd < 0) {
        return false;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
        say_log(e, 'E', "%.63s: cannot be made non-blocking: %s", msg->name,
                ovs_strerror(errno));
        return false;
    }
    if (e->taps[msg->bridge].name[0]) {
        /* Until now there was nobody behind it. */
        pp_pipeline_went_around(e->pipeline);
    }
    e->taps[msg->bridge].fd = fd;
    memcpy(e->taps[msg->bridge].name, msg->name, PP_NAME_LEN);
    e->taps[msg->bridge].name[PP_NAME_LEN - 1] = '\0';
    return true;
}

/* A server's connections go into the memory 'fd', or come from it. */
static void
hand_over(struct engine *e, const struct pp_ipc_handover *msg, int fd)
{
    bool out = msg->hdr.type == PP_IPC_EXPORT;
    struct pp_ipc_handed done = { .request = msg->request };
    struct pp_ledger_region *region = MAP_FAILED;
    struct pp_handed handed = { .records = 0 };
    const char *error = "its memory cannot be mapped";
    char name[PP_NAME_LEN];

    memcpy(name, msg->name, sizeof name);
    name[sizeof name - 1] = '\0';
    if (fd >= 0 && lseek(fd, 0, SEEK_END) == sizeof *region) {
        /* What comes in is changed here alone. */
        region = mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE,
                      out ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    }
    if (region != MAP_FAILED) {
        error = (out ? pp_pipeline_export(e->pipeline, name, msg->freeze_ms,
                                          region, &handed)
                 : pp_pipeline_import(e->pipeline, name, region, &handed));
        munmap(region, sizeof *region);
    }
    done.records = handed.records;
    done.fresh = handed.fresh;
    done.left = handed.left;
    done.blocks = handed.blocks;
    ovs_strlcpy(done.error, error ? error : "", sizeof done.error);
    say(e, &done, sizeof done, PP_IPC_HANDED);
}

static void
list_conns(struct engine *e, const struct pp_ipc_conn_list *msg)
{
    if (!e->list.rows) {
        e->list.rows = xmalloc(LIST_MAX * sizeof *e->list.rows);
    }
    e->list.n = e->list.n_sent = 0;
    e->list.end.request = msg->request;
    e->list.end.total = pp_pipeline_list(e->pipeline, LIST_MAX, list_conn, e);
}

static void
take_uncut(struct engine *e, const struct pp_ipc_uncut *msg, size_t len)
{
    if (len < offsetof(struct pp_ipc_uncut, ids)
        || msg->n > PP_IPC_UNCUT_MAX
        || len != offsetof(struct pp_ipc_uncut, ids)
                  + msg->n * sizeof *msg->ids) {
        say_log(e, 'E', "a list of connections is too short or too long");
        return;
    }
    for (uint32_t i = 0; i < msg->n; i++) {
        pp_pipeline_uncut(e->pipeline, msg->ids[i]);
    }
}

static void
handle(struct engine *e, const void *msg, size_t len, int fd)
{
    const struct pp_ipc_hdr *hdr = msg;
    bool keep_fd = false;

    if (len < sizeof *hdr || hdr->len != len) {
        say_log(e, 'E', "a message of %"PRIuSIZE" bytes makes no sense", len);
    } else if (hdr->type == PP_IPC_SNAPSHOT
               && len == sizeof(struct pp_ipc_snapshot)) {
        take_snapshot(e, msg, fd);
    } else if (hdr->type == PP_IPC_ROWS) {
        take_rows(e, msg, len);
    } else if ((hdr->type == PP_IPC_TAP || hdr->type == PP_IPC_TAP_DEL)
               && len == sizeof(struct pp_ipc_tap)) {
        keep_fd = take_tap(e, msg, fd);
    } else if (hdr->type == PP_IPC_LEDGER) {
        take_ledger(e, fd);
    } else if (hdr->type == PP_IPC_CONN_LIST
               && len == sizeof(struct pp_ipc_conn_list)) {
        list_conns(e, msg);
    } else if (hdr->type == PP_IPC_UNCUT) {
        take_uncut(e, msg, len);
    } else if ((hdr->type == PP_IPC_EXPORT || hdr->type == PP_IPC_IMPORT)
               && len == sizeof(struct pp_ipc_handover)) {
        hand_over(e, msg, fd);
    } else if (hdr->type == PP_IPC_AROUND) {
        pp_pipeline_went_around(e->pipeline);
    } else if (hdr->type == PP_IPC_EXIT) {
        e->exiting = true;
    } else {
        say_log(e, 'E', "a message of type %u is not known", hdr->type);
    }
    if (fd >= 0 && !keep_fd) {
        close(fd);
    }
}

/* Takes one message.  Returns false when there is none. */
static bool
receive(struct engine *e)
{
    union {
        struct pp_ipc_hdr hdr;
        uint8_t bytes[PP_IPC_MAX];
    } msg;
    union {
        struct cmsghdr hdr;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { .iov_base = &msg, .iov_len = sizeof msg };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    ssize_t n = recvmsg(e->sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *c;
    int fd = -1;

    if (n < 0) {
        return errno == EINTR;
    } else if (!n) {
        /* Control is gone.  What is in force stays in force, until the one
         * that comes next ends this engine or the last tap goes. */
        close(e->sock);
        e->sock = -1;
        return false;
    }
    c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
        && c->cmsg_len == CMSG_LEN(sizeof fd)) {
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    }
    handle(e, &msg, (size_t) n, fd);
    return true;
}

/* Tells control when other connections are pinned than before.  Returns when
 * to call again. */
static uint64_t
tell_pins(struct engine *e, uint64_t now)
{
    if (!e->ledger || e->told_changes == e->ledger->n_changes) {
        return UINT64_MAX;
    } else if (now >= e->next_tell) {
        struct pp_ipc_hdr hdr;
        uint64_t n_changes = e->ledger->n_changes;

        if (say(e, &hdr, sizeof hdr, PP_IPC_PINS)) {
            e->told_changes = n_changes;
        }
        e->next_tell = now + PINS_MS;
    }
    return e->next_tell;
}

/* Asks control for what is to be cut through, and what no more.  Returns when
 * to call again. */
static uint64_t
tell_cuts(struct engine *e, uint64_t now)
{
    if (e->sock < 0 || !pp_pipeline_has_cuts_to_ask(e->pipeline)) {
        return UINT64_MAX;
    } else if (now >= e->next_cuts) {
        pp_pipeline_ask_cuts(e->pipeline);
        e->next_cuts = now + CUTS_MS;
    }
    return e->next_cuts;
}

/* The loop. */

/* Tells the pipeline the time.  Returns the monotonic one, in ms. */
static uint64_t
set_time(struct engine *e)
{
    struct timespec now, wall;
    uint64_t ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    clock_gettime(CLOCK_REALTIME, &wall);
    ms = (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
    pp_pipeline_set_time(e->pipeline, ms, wall.tv_sec);
    return ms;
}

/* Reads frames of 'bridge' into e->frames, 'max' at most, and sets 'frames'.
 * Returns how many there are; sets '*more' if there may be others. */
static size_t
read_frames(struct engine *e, uint32_t bridge, struct pp_frame *frames,
            size_t max, bool *more)
{
    size_t count = 0, at = 0;

    *more = true;
    while (count < max && at + FRAME_ROOM <= FRAMES_ROOM) {
        struct pp_frame *f = &frames[count];
        ssize_t n = read(e->taps[bridge].fd, e->frames + at, FRAME_ROOM);

        if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno != EAGAIN) {
            say_log(e, 'W', "%s: cannot be read any more: %s",
                    e->taps[bridge].name, ovs_strerror(errno));
            drop_tap(e, bridge);
        }
        if (n <= (ssize_t) sizeof f->vnet) {
            *more = false;
            break;
        }
        memcpy(&f->vnet, e->frames + at, sizeof f->vnet);
        f->data = e->frames + at + sizeof f->vnet;
        f->len = (size_t) n - sizeof f->vnet;
        at += ROUND_UP((size_t) n, CACHE_LINE_SIZE);
        count++;
    }
    return count;
}

static void
run_tap(struct engine *e, uint32_t bridge)
{
    struct pp_frame frames[BATCH];
    bool more = true;

    for (size_t done = 0, n; more && done < BATCH; done += n) {
        n = read_frames(e, bridge, frames, BATCH - done, &more);
        pp_pipeline_run_batch(e->pipeline, bridge, frames, n);
    }
}

/* The engine that comes next is about to take over (SIGTERM). */
static volatile sig_atomic_t leaving;

static void
handle_term(int sig OVS_UNUSED)
{
    leaving = 1;
}

static void
run(struct engine *e)
{
    while (!e->exiting && !leaving) {
        struct pollfd fds[1 + PP_BRIDGES_MAX];
        uint32_t bridges[1 + PP_BRIDGES_MAX];
        uint64_t now = set_time(e);
        uint64_t deadline;
        nfds_t n = 1;

        deadline = pp_pipeline_run_timers(e->pipeline);
        deadline = MIN(deadline, tell_pins(e, now));
        deadline = MIN(deadline, tell_cuts(e, now));
        flush(e);
        tell_missed(e);         /* BEAT_MS is often enough. */
        e->counters->heartbeat++;

        fds[0] = (struct pollfd) {
            .fd = e->sock, .events = POLLIN | (e->list.rows ? POLLOUT : 0),
        };
        for (uint32_t i = 0; i < PP_BRIDGES_MAX; i++) {
            if (e->taps[i].fd >= 0) {
                fds[n] = (struct pollfd) {
                    .fd = e->taps[i].fd, .events = POLLIN,
                };
                bridges[n++] = i;
            }
        }
        if (e->sock < 0 && n == 1) {
            break;
        }
        poll(fds, n, (int) MIN(deadline > now ? deadline - now : 0,
                               BEAT_MS));
        set_time(e);
        /* Control's word first: what it says was so before the frames that
         * came behind it. */
        if (fds[0].revents & ~POLLOUT && e->sock >= 0) {
            while (receive(e)) {
                continue;
            }
        }
        if (fds[0].revents & POLLOUT && e->sock >= 0 && e->list.rows) {
            send_list(e);
        }
        for (nfds_t i = 1; i < n; i++) {
            if (fds[i].revents && e->taps[bridges[i]].fd == fds[i].fd) {
                run_tap(e, bridges[i]);
                flush(e);
            }
        }
    }
}

/* Starting. */

static void
usage(void)
{
    printf("ovs-patchpoint-engine: the data path of ovs-patchpoint\n"
           "usage: ovs-patchpoint-engine --socket=FD --counters=FD "
           "[OPTION]...\n\n"
           "ovs-patchpointd(8) starts it and hands it its descriptors; there "
           "is no other\nuse for it.\n\n"
           "  --socket=FD     socket to ovs-patchpointd\n"
           "  --counters=FD   memory for counters\n"
           "  --event-values=N  bytes of a value in an event, at most\n"
           "  -h, --help      print this and exit\n"
           "  -V, --version   print the version and exit\n");
    exit(EXIT_SUCCESS);
}

static int
parse_fd(const char *name, const char *text)
{
    int fd;

    if (!str_to_int(text, 10, &fd) || fd < 0 || fcntl(fd, F_GETFD) < 0) {
        die(EXIT_FAILURE, "--%s=%s: this is no open descriptor; "
            "ovs-patchpointd(8) starts the engine", name, text);
    }
    return fd;
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "socket", required_argument, NULL, 's' },
        { "counters", required_argument, NULL, 'c' },
        { "event-values", required_argument, NULL, 'e' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    static const struct pp_pipeline_ops ops = {
        .write = write_frame, .event = send_event, .said = send_said,
        .cut = send_cuts,
    };
    struct pp_ipc_hello hello = { .version = PP_IPC_VERSION };
    struct engine e = { .sock = -1 };
    const char *error;
    uint32_t basis;
    unsigned int event_values = PP_EVENT_VALUES;
    int counters = -1;
    int c;

    while ((c = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
        switch (c) {
        case 's':
            e.sock = parse_fd("socket", optarg);
            break;
        case 'c':
            counters = parse_fd("counters", optarg);
            break;
        case 'e':
            if (!str_to_uint(optarg, 10, &event_values)) {
                die(EXIT_FAILURE, "--event-values=%s: not a number", optarg);
            }
            break;
        case 'h':
            usage();
            break;
        case 'V':
            printf("ovs-patchpoint-engine %s\n", PACKAGE_VERSION);
            return EXIT_SUCCESS;
        default:
            return EXIT_FAILURE;
        }
    }
    if (e.sock < 0 || counters < 0) {
        die(EXIT_FAILURE, "--socket and --counters are missing; "
            "ovs-patchpointd(8) starts the engine");
    }
    error = pp_proxies_check();
    if (error) {
        die(EXIT_FAILURE, "%s", error);
    }
    e.counters = mmap(NULL, PP_COUNTERS_SIZE, PROT_READ | PROT_WRITE,
                      MAP_SHARED, counters, 0);
    if (e.counters == MAP_FAILED
        || getrandom(&basis, sizeof basis, 0) != sizeof basis) {
        die(EXIT_FAILURE, "cannot start: %s", ovs_strerror(errno));
    }
    for (int i = 0; i < PP_BRIDGES_MAX; i++) {
        e.taps[i].fd = -1;
    }
    e.frames = xmalloc(FRAMES_ROOM);
    e.pipeline = pp_pipeline_create(&ops, &e, e.counters, basis);
    pp_pipeline_set_event_values(e.pipeline, event_values);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, handle_term);

    close(counters);            /* The memory is enough. */
    prctl(PR_SET_NAME, "ovs-patchpoint-engine", 0, 0, 0);
    error = pp_sandbox_enter();
    if (error) {
        die(EXIT_FAILURE, "%s", error);
    }
    hello.pid = (uint32_t) getpid();
    say(&e, &hello, sizeof hello, PP_IPC_HELLO);
    say_log(&e, 'I', "sandboxed and ready");
    run(&e);
    if (leaving) {
        pp_pipeline_leave(e.pipeline);
    }
    pp_pipeline_destroy(e.pipeline);
    return EXIT_SUCCESS;
}
