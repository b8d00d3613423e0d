/* SPDX-License-Identifier: Apache-2.0 */

/* Whether the datapath follows the flow tables; see pp-datapath.h.
 *
 * In: what waits for that (tickets), and ovs-vswitchd's answers on its control
 * socket.  Out: up to which ticket it does.
 *
 * When the flow tables have changed, ovs-vswitchd's main loop tells the
 * revalidators, answers who waited for a round of theirs ("revalidator/wait"),
 * then handles OpenFlow messages, then commands.  So they know of a change
 * when
 *
 *     a barrier behind it, then
 *     a command ("upcall/show"), then
 *     another barrier
 *
 * have been answered, each sent after the answer to the one before: the check
 * of a ticket.  What counts is the end of a round that began later.
 *
 * That a round has ended says not when it began.  So it takes the ends of two:
 * the first is waited for after the check, and the second after the first.
 * There are 5 ms from the beginning of a round to that of the next, at least.
 *
 * While nothing changes the revalidators begin a round every half second only
 * (other_config:max-revalidator).  So ovs-vswitchd is sent a message that
 * changes nothing, which it cannot know beforehand: any change of the tables
 * has them begin another one.
 *
 * Where bridges have different types of datapath, ovs-vswitchd has no answer
 * to "revalidator/wait".  Then a time is waited for after the check, by what
 * their last rounds took ("upcall/show").
 *
 * A check counts for all tickets given before.  The next one begins when there
 * is one more, and not when it is over: each of its three steps takes a round
 * of ovs-vswitchd's main loop, which may be long.  They end as they began,
 * since the answers come in order.
 *
 * Runs in control's main loop, and never blocks it.  Owns the connections to
 * ovs-vswitchd's control socket: one is answered at a time on each.  None
 * stays open when there is nothing to ask: each costs ovs-vswitchd ten reads
 * whenever its main loop goes round, which it does for every few frames. */

#include <config.h>

#include "pp-datapath.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon.h"
#include "jsonrpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-ofconn.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_datapath);

/* How long an answer may take; how long it is tried again to connect before
 * that counts as being in vain, and how often; and when it is tried again
 * after that. */
#define ANSWER_MS 10000
#define CONNECT_MS 1000
#define RECONNECT_MS 50
#define RETRY_MS 5000

/* When it is tried again to wait for rounds, where that could not be done. */
#define RETRY_WAIT_MS 1000

/* If no round has ended after this time, which doubles, the message that has
 * one begin is sent again. */
#define POKE_MS 50

/* Not so soon after another one: rounds begin 5 ms apart, so that one is still
 * to begin, most likely. */
#define POKED_MS 2
#define APART_MS 6

/* Where they cannot be waited for, two rounds have ended after this time and
 * four times what the last one took. */
#define ROUNDS_MS 100

/* So many checks at a time, and waits, and tickets that wait. */
#define MAX_CHECKS 4
#define MAX_WAITS 4
#define MAX_CHECKED 8

/* A connection to ovs-vswitchd's control socket. */
struct line {
    struct jsonrpc *rpc;        /* NULL: not connected. */
    struct json *requests[MAX_CHECKS];  /* The ids of what is to be answered */
    size_t n;                   /* in this order, so many... */
    long long int deadline;     /* ...by then. */
};

/* Checks that are under way, the oldest first. */
static struct line commands;
static uint64_t given;          /* The ticket that is given out now... */
static bool is_given;           /* ...to somebody. */
static struct {
    uint64_t ticket;
    ovs_be32 barrier_xid;       /* Of the second barrier. */
} checks[MAX_CHECKS];
static size_t n_checks;
static size_t n_barriers;       /* So many of them wait for that. */

/* By which connection to the switch they are. */
static struct pp_ofconn *ofconn;
static unsigned int number;
static char *bridge;

/* Waits for the end of a round. */
struct wait {
    struct line line;
    long long int since;        /* When it began, in us. */
    long long int ended;        /* 'ended' at that time. */
    long long int next_poke;    /* Has a round begin again then, in ms. */
    int poke_ms;
};

static struct wait waits[MAX_WAITS];
static long long int last_poke; /* In ms. */
static long long int ended;     /* A round has ended after that, in us; it was
                                 * waited for since then. */
static int duration;            /* Of the last one, in ms, at the check. */

/* Those that have been checked, when, in us, and up to which ticket the
 * datapath follows. */
static struct {
    uint64_t ticket;
    long long int when;
} checked[MAX_CHECKED];
static size_t n_checked;
static uint64_t follows;

/* Trouble. */
static bool unreachable;        /* It cannot be asked... */
static bool look_again;         /* ...but should be, if it can. */
static long long int trouble_since;     /* 0: there is none. */
static long long int next_try;  /* Not before, after trouble. */
static bool no_waits;           /* It has no answer to waits... */
static long long int next_wait; /* ...but may, then. */

/* For people. */
static uint64_t n_rounds;
static long long int longest;

uint64_t
pp_datapath_ticket(void)
{
    if (unreachable) {
        look_again = true;
        return follows;
    }
    if (!is_given) {
        is_given = true;
        given++;
    }
    return given;
}

bool
pp_datapath_follows(uint64_t ticket)
{
    return ticket <= follows;
}

/* Lines. */

static void
line_close(struct line *line)
{
    jsonrpc_close(line->rpc);
    line->rpc = NULL;
    while (line->n) {
        json_destroy(line->requests[--line->n]);
    }
}

static void
lines_close(void)
{
    line_close(&commands);
    for (size_t i = 0; i < MAX_WAITS; i++) {
        line_close(&waits[i].line);
    }
}

/* Forgets what is under way: checks and waits have to begin anew. */
static void
start_over(void)
{
    lines_close();
    n_checks = n_barriers = 0;
    if (given > follows) {
        is_given = true;
    }
    n_checked = 0;
    ended = 0;
}

/* It cannot be asked: what waits does not wait any more. */
static void
give_up(struct pp_control *ctl, const char *why)
{
    if (!unreachable) {
        VLOG_WARN("cannot ask ovs-vswitchd when its datapath follows a "
                  "change of flows: %s.  VMs are said to be protected when "
                  "the flows are there; connections of those who were just "
                  "talking to them may go on uninspected for a moment", why);
    }
    unreachable = true;
    look_again = is_given = false;
    trouble_since = 0;
    next_try = time_msec() + RETRY_MS;
    follows = given;
    start_over();
    ctl->dirty = true;
}

/* There is no connection, or none any more; maybe ovs-vswitchd is about to be
 * there. */
static void
have_trouble(struct pp_control *ctl, const char *what, int error)
{
    long long int now = time_msec();

    if (!trouble_since) {
        trouble_since = now;
    }
    if (unreachable || now >= trouble_since + CONNECT_MS) {
        char *why = xasprintf("%s: %s", what, error == EOF
                              ? "it closes the connection"
                              : ovs_strerror(error));

        give_up(ctl, why);
        free(why);
    } else {
        start_over();
        next_try = now + RECONNECT_MS;
    }
}

static bool
line_open(struct pp_control *ctl, struct line *line)
{
    char *pidfile = xasprintf("%s/ovs-vswitchd.pid", ctl->rundir);
    struct stream *stream;
    char *name = NULL;
    struct stat s;
    pid_t pid;
    int error;

    /* read_pidfile() would log each time that there is none. */
    if (stat(pidfile, &s)) {
        have_trouble(ctl, pidfile, errno);
    } else if ((pid = read_pidfile(pidfile)) < 0) {
        have_trouble(ctl, pidfile, -pid);
    } else {
        name = xasprintf("unix:%s/ovs-vswitchd.%ld.ctl", ctl->rundir,
                         (long int) pid);
        error = stream_open(name, &stream, DSCP_DEFAULT);
        if (error) {
            have_trouble(ctl, name, error);
        } else {
            line->rpc = jsonrpc_open(stream);
        }
    }
    free(name);
    free(pidfile);
    return line->rpc != NULL;
}

/* The answer to what was asked first, if it is there; to be freed.  'line' may
 * be closed afterwards. */
static struct jsonrpc_msg *
line_take(struct pp_control *ctl, struct line *line)
{
    struct jsonrpc_msg *msg = NULL;
    int error;

    if (!line->rpc) {
        return NULL;
    }
    jsonrpc_run(line->rpc);
    error = jsonrpc_recv(line->rpc, &msg);
    if (error == EAGAIN) {
        if (line->n && time_msec() >= line->deadline) {
            give_up(ctl, "it does not answer");
        }
        return NULL;
    } else if (error) {
        have_trouble(ctl, "ovs-vswitchd's control socket", error);
        return NULL;
    } else if (!line->n || !msg->id
               || !json_equal(msg->id, line->requests[0])) {
        jsonrpc_msg_destroy(msg);
        return NULL;
    }
    json_destroy(line->requests[0]);
    line->n--;
    memmove(line->requests, line->requests + 1,
            line->n * sizeof *line->requests);
    return msg;
}

/* Asks, on a connection that is there, or else made. */
static bool
line_ask(struct pp_control *ctl, struct line *line, const char *command)
{
    if (line->rpc && !line->n) {
        jsonrpc_msg_destroy(line_take(ctl, line));      /* Still there? */
    }
    if (!line->rpc && !line_open(ctl, line)) {
        return false;
    }
    ovs_assert(line->n < ARRAY_SIZE(line->requests));
    jsonrpc_send(line->rpc, jsonrpc_create_request(
        command, json_array_create_empty(), &line->requests[line->n++]));
    jsonrpc_run(line->rpc);
    line->deadline = time_msec() + ANSWER_MS;
    return true;
}

static void
line_wait(const struct line *line)
{
    if (line->n) {
        jsonrpc_wait(line->rpc);
        jsonrpc_recv_wait(line->rpc);
        poll_timer_wait_until(line->deadline);
    }
}

/* The datapath follows the first 'n' of 'checked'. */
static void
follow(struct pp_control *ctl, size_t n)
{
    if (n) {
        follows = checked[n - 1].ticket;
        n_checked -= n;
        memmove(checked, checked + n, n_checked * sizeof *checked);
        ctl->dirty = true;
    }
    trouble_since = 0;
    if (unreachable) {
        unreachable = false;
        VLOG_INFO("ovs-vswitchd can be asked when its datapath follows a "
                  "change of flows");
    }
}

/* Waits. */

/* When the last one began that is not over; 0: there is none. */
static long long int
last_wait(void)
{
    long long int last = 0;

    for (size_t i = 0; i < MAX_WAITS; i++) {
        if (waits[i].line.n) {
            last = MAX(last, waits[i].since);
        }
    }
    return last;
}

static void
wait_begin(struct pp_control *ctl)
{
    struct wait *w = waits;

    while (w->line.n) {
        if (++w == &waits[MAX_WAITS]) {
            return;
        }
    }
    w->since = time_usec();
    w->ended = ended;
    w->poke_ms = POKE_MS;
    w->next_poke = LLONG_MAX;
    if (line_ask(ctl, &w->line, "version")) {
        line_ask(ctl, &w->line, "revalidator/wait");
    }
}

static void
poke(struct wait *w)
{
    long long int now = time_msec();

    if (now < last_poke + POKED_MS) {
        w->next_poke = last_poke + APART_MS;
    } else if (n_checked) {
        pp_ofconn_poke(ofconn);
        last_poke = now;
        w->next_poke = now + w->poke_ms;
        w->poke_ms *= 2;
    }
}

/* A round has ended, and 'w' with it. */
static void
round_end(struct pp_control *ctl, const struct wait *w)
{
    size_t n = 0;

    while (n < n_checked && checked[n].when <= w->ended) {
        n++;
    }
    ended = MAX(ended, w->since);
    n_rounds++;
    longest = MAX(longest, (time_usec() - w->since) / 1000);
    follow(ctl, n);
}

static void
wait_run(struct pp_control *ctl, struct wait *w)
{
    struct jsonrpc_msg *msg = line_take(ctl, &w->line);

    if (!msg) {
        if (w->line.n && time_msec() >= w->next_poke) {
            poke(w);
        }
        return;
    }
    if (w->line.n) {
        /* "version".  The wait has begun when what is sent now comes. */
        poke(w);
    } else if (msg->type == JSONRPC_ERROR) {
        char *why = json_to_string(msg->error, 0);

        if (!next_wait) {
            VLOG_WARN("ovs-vswitchd does not tell when its datapaths follow "
                      "a change of flows (%s).  VMs are said to be protected "
                      "after a time that is long enough if it is not busy",
                      why);
        }
        free(why);
        no_waits = true;
        next_wait = time_msec() + RETRY_WAIT_MS;
    } else {
        if (no_waits) {
            VLOG_INFO("ovs-vswitchd tells again when its datapath follows a "
                      "change of flows");
            no_waits = false;
            next_wait = 0;
        }
        round_end(ctl, w);
    }
    jsonrpc_msg_destroy(msg);
}

/* When 'checked[0]' will have been followed, if it is not told, in ms. */
static long long int
will_follow(void)
{
    return checked[0].when / 1000 + ROUNDS_MS + 4 * duration;
}

static void
waits_run(struct pp_control *ctl)
{
    for (size_t i = 0; i < MAX_WAITS; i++) {
        wait_run(ctl, &waits[i]);
    }
    if (no_waits) {
        while (n_checked && time_msec() >= will_follow()) {
            follow(ctl, 1);
        }
    } else if (n_checked && last_wait() < checked[n_checked - 1].when) {
        wait_begin(ctl);
    }
}

/* Checks. */

static struct pp_bridge *
connected_bridge(const struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->ofconn && pp_ofconn_is_up(br->ofconn)) {
            return br;
        }
    }
    return NULL;
}

/* Is the connection to the switch still there? */
static bool
is_connected(const struct pp_control *ctl)
{
    const struct pp_bridge *br = pp_bridge_find(ctl, bridge);

    return (br && br->ofconn && br->ofconn == ofconn
            && pp_ofconn_is_up(ofconn) && pp_ofconn_number(ofconn) == number);
}

static bool
is_due(void)
{
    return (unreachable ? look_again && !n_checks
            : is_given && n_checks < MAX_CHECKS);
}

/* What the last round took, by the answer to "upcall/show", in ms: the longest
 * of all types of datapath. */
static int
read_duration(const struct jsonrpc_msg *msg)
{
    static const char key[] = "dump duration : ";
    int longest_ms = 0;

    if (msg->type == JSONRPC_REPLY && msg->result->type == JSON_STRING) {
        const char *s = json_string(msg->result);

        while ((s = strstr(s, key)) != NULL) {
            s += strlen(key);
            longest_ms = MAX(longest_ms, atoi(s));
        }
    }
    return longest_ms;
}

/* On 'br', unless others are under way, which are on 'ofconn'. */
static void
check_begin(struct pp_control *ctl, struct pp_bridge *br)
{
    if (line_ask(ctl, &commands, "upcall/show")) {
        /* While it cannot be asked, nobody has this ticket. */
        checks[n_checks].ticket = unreachable ? ++given : given;
        is_given = look_again = false;
        if (!n_checks++) {
            ofconn = br->ofconn;
            number = pp_ofconn_number(ofconn);
            free(bridge);
            bridge = xstrdup(br->name);
        }
    }
}

static void
checks_run(struct pp_control *ctl)
{
    struct jsonrpc_msg *msg;

    while (n_barriers < n_checks
           && (msg = line_take(ctl, &commands)) != NULL) {
        duration = read_duration(msg);
        checks[n_barriers++].barrier_xid = pp_ofconn_send_barrier(ofconn);
        jsonrpc_msg_destroy(msg);
    }
}

void
pp_datapath_barrier(struct pp_control *ctl, const struct pp_bridge *br,
                    ovs_be32 xid)
{
    if (n_barriers && br->ofconn == ofconn && xid == checks[0].barrier_xid) {
        size_t i = MIN(n_checked, MAX_CHECKED - 1);

        checked[i].ticket = checks[0].ticket;
        checked[i].when = time_usec();
        n_checked = i + 1;
        n_barriers--;
        n_checks--;
        memmove(checks, checks + 1, n_checks * sizeof *checks);
        waits_run(ctl);
    }
}

/* Is anything under way? */
static bool
is_busy(void)
{
    return n_checks || n_checked || last_wait();
}

void
pp_datapath_run(struct pp_control *ctl)
{
    struct pp_bridge *br;

    if (!is_busy() && !is_due()) {
        return;
    }
    br = connected_bridge(ctl);
    if (!br) {
        /* Nobody is told that the switch has anything. */
        start_over();
        return;
    }
    if ((n_checks || n_checked) && !is_connected(ctl)) {
        start_over();
    }
    if (no_waits && time_msec() >= next_wait) {
        next_wait = time_msec() + RETRY_WAIT_MS;
        wait_begin(ctl);
    }
    waits_run(ctl);
    checks_run(ctl);
    if (is_due() && time_msec() >= next_try) {
        check_begin(ctl, br);
    }
    if (!is_busy()) {
        lines_close();
    }
}

void
pp_datapath_wait(const struct pp_control *ctl)
{
    if (is_due() && connected_bridge(ctl)) {
        poll_timer_wait_until(next_try);
    }
    line_wait(&commands);
    for (size_t i = 0; i < MAX_WAITS; i++) {
        line_wait(&waits[i].line);
        if (waits[i].line.n && n_checked
            && waits[i].next_poke != LLONG_MAX) {
            poll_timer_wait_until(waits[i].next_poke);
        }
    }
    if (no_waits && n_checked) {
        poll_timer_wait_until(will_follow());
    }
}

void
pp_datapath_format(struct ds *ds)
{
    if (unreachable) {
        ds_put_cstr(ds, "datapath: ovs-vswitchd cannot be asked whether it "
                    "follows");
    } else if (no_waits) {
        ds_put_cstr(ds, "datapath: ovs-vswitchd does not tell when all "
                    "follow");
    } else {
        ds_put_format(ds, "datapath: %s, %"PRIu64" rounds of its revalidators "
                      "were waited for, at most %lld ms each",
                      follows < given ? "does not follow all changes yet"
                      : "follows", n_rounds, longest);
    }
}

void
pp_datapath_destroy(void)
{
    start_over();
    free(bridge);
    bridge = NULL;
}
