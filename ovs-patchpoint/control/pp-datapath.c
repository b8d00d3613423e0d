/* SPDX-License-Identifier: Apache-2.0 */

/* Whether the datapath follows the flow tables; see pp-datapath.h.
 *
 * In: what waits for that (tickets), and ovs-vswitchd's answers on its control
 * socket.  Out: up to which ticket it does.
 *
 * "revalidator/wait" is answered when a round of the revalidators has ended,
 * which may have begun before the change.  So it takes two: one that ends
 * after the revalidators know of the change, so that the next one begins after
 * that.
 *
 * When they know of it has to be found out, too.  ovs-vswitchd's main loop
 * tells them of changes and answers what waited for a round, then handles
 * OpenFlow messages, then commands.  So they know when
 *
 *     a barrier behind the change, then
 *     a command ("version"), then
 *     another barrier
 *
 * have been answered, each sent after the answer to the one before: the check
 * of a ticket.  Rounds that were told of before the last of these do not
 * count, the next two do.
 *
 * While nothing changes the revalidators begin a round every half second only
 * (other_config:max-revalidator).  So ovs-vswitchd is sent a message that
 * changes nothing, which it cannot know beforehand: any change of the tables
 * has them begin another one.
 *
 * There is one check at a time, which counts for all tickets given before, and
 * one wait for a round.  Runs in control's main loop, and never blocks it.
 * Owns two connections to ovs-vswitchd's control socket: one is answered at a
 * time on each. */

#include <config.h>

#include "pp-datapath.h"

#include <errno.h>
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

/* If no round has ended after this time, which doubles, the message that has
 * one begin came too early, and is sent again. */
#define POKE_MS 50

/* A connection to ovs-vswitchd's control socket. */
struct line {
    struct jsonrpc *rpc;        /* NULL: not connected. */
    struct json *request;       /* The id of what is to be answered... */
    long long int deadline;     /* ...by then; NULL: nothing. */
};

static struct line checks, rounds;

/* Checks. */
static uint64_t given;          /* The ticket that is given out now... */
static bool is_given;           /* ...to somebody. */
static uint64_t checked;        /* The one whose check is under way. */
static bool is_checking;
static bool expect_barrier;     /* It waits for the second barrier. */
static ovs_be32 barrier_xid;

/* By which connection to the switch that is. */
static struct pp_ofconn *ofconn;
static unsigned int number;
static char *bridge;

/* Rounds: up to which tickets the datapath follows now, when one more round
 * has ended, and when one more has. */
static uint64_t follows_now, follows_next, follows_then;
static long long int next_poke;
static int poke_ms;

/* Trouble. */
static bool unreachable;        /* It cannot be asked... */
static bool look_again;         /* ...but should be, if it can. */
static long long int trouble_since;     /* 0: there is none. */
static long long int next_try;  /* Not before, after trouble. */

/* For people. */
static uint64_t n_rounds;
static long long int asked_at, longest;

uint64_t
pp_datapath_ticket(void)
{
    if (unreachable) {
        look_again = true;
        return follows_now;
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
    return ticket <= follows_now;
}

/* Lines. */

static void
line_close(struct line *line)
{
    jsonrpc_close(line->rpc);
    json_destroy(line->request);
    line->rpc = NULL;
    line->request = NULL;
}

/* Forgets what is under way: a check and the rounds have to begin anew. */
static void
start_over(void)
{
    line_close(&checks);
    line_close(&rounds);
    is_checking = false;
    if (given > follows_now) {
        is_given = true;
    }
    follows_next = follows_then = follows_now;
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
    follows_now = given;
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

/* The answer to what was asked, if it is there; to be freed.  'line' may be
 * closed afterwards. */
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
        if (line->request && time_msec() >= line->deadline) {
            give_up(ctl, "it does not answer");
        }
        return NULL;
    } else if (error) {
        have_trouble(ctl, "ovs-vswitchd's control socket", error);
        return NULL;
    } else if (!line->request || !msg->id
               || !json_equal(msg->id, line->request)) {
        jsonrpc_msg_destroy(msg);
        return NULL;
    }
    json_destroy(line->request);
    line->request = NULL;
    if (msg->type == JSONRPC_ERROR) {
        char *why = json_to_string(msg->error, 0);

        give_up(ctl, why);
        free(why);
        jsonrpc_msg_destroy(msg);
        return NULL;
    }
    return msg;
}

/* Asks, on a connection that is there, or else made. */
static bool
line_ask(struct pp_control *ctl, struct line *line, const char *command)
{
    if (line->rpc) {
        jsonrpc_msg_destroy(line_take(ctl, line));      /* Still there? */
    }
    if (!line->rpc && !line_open(ctl, line)) {
        return false;
    }
    jsonrpc_send(line->rpc, jsonrpc_create_request(
        command, json_array_create_empty(), &line->request));
    jsonrpc_run(line->rpc);
    line->deadline = time_msec() + ANSWER_MS;
    return true;
}

static void
line_wait(const struct line *line)
{
    if (line->request) {
        jsonrpc_wait(line->rpc);
        jsonrpc_recv_wait(line->rpc);
        poll_timer_wait_until(line->deadline);
    }
}

/* Rounds. */

static void
round_end(struct pp_control *ctl)
{
    follows_now = follows_next;
    follows_next = follows_then;
    n_rounds++;
    longest = MAX(longest, time_msec() - asked_at);
    trouble_since = 0;
    if (unreachable) {
        unreachable = false;
        VLOG_INFO("ovs-vswitchd can be asked when its datapath follows a "
                  "change of flows");
    }
    ctl->dirty = true;
}

static void
rounds_run(struct pp_control *ctl)
{
    struct jsonrpc_msg *msg = line_take(ctl, &rounds);
    long long int now = time_msec();

    if (msg) {
        jsonrpc_msg_destroy(msg);
        round_end(ctl);
    }
    if (follows_now == follows_then) {
        return;
    }
    if (!rounds.request) {
        if (line_ask(ctl, &rounds, "revalidator/wait")) {
            asked_at = now;
            poke_ms = POKE_MS;
            next_poke = now + poke_ms;
            if (msg) {
                pp_ofconn_poke(ofconn);
            }
        }
    } else if (now >= next_poke) {
        pp_ofconn_poke(ofconn);
        poke_ms *= 2;
        next_poke = now + poke_ms;
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
    return !is_checking && (unreachable ? look_again : is_given);
}

static void
check_begin(struct pp_control *ctl, struct pp_bridge *br)
{
    if (line_ask(ctl, &checks, "version")) {
        /* While it cannot be asked, nobody has this ticket. */
        checked = unreachable ? ++given : given;
        is_given = look_again = false;
        is_checking = true;
        expect_barrier = false;
        ofconn = br->ofconn;
        number = pp_ofconn_number(ofconn);
        free(bridge);
        bridge = xstrdup(br->name);
    }
}

static void
check_run(struct pp_control *ctl)
{
    struct jsonrpc_msg *msg = line_take(ctl, &checks);

    if (msg) {
        pp_ofconn_poke(ofconn);
        barrier_xid = pp_ofconn_send_barrier(ofconn);
        expect_barrier = true;
        jsonrpc_msg_destroy(msg);
    }
}

void
pp_datapath_barrier(struct pp_control *ctl, const struct pp_bridge *br,
                    ovs_be32 xid)
{
    if (is_checking && expect_barrier && br->ofconn == ofconn
        && xid == barrier_xid) {
        /* What was told of before does not count. */
        rounds_run(ctl);
        if (is_checking) {
            is_checking = false;
            follows_then = checked;
            rounds_run(ctl);
        }
    }
}

void
pp_datapath_run(struct pp_control *ctl)
{
    struct pp_bridge *br;

    if (!is_checking && !rounds.request && !is_due()) {
        return;
    }
    br = connected_bridge(ctl);
    if (!br) {
        /* Nobody is told that the switch has anything. */
        start_over();
        return;
    }
    if ((is_checking || rounds.request) && !is_connected(ctl)) {
        start_over();
    }
    rounds_run(ctl);
    if (is_checking) {
        check_run(ctl);
    }
    if (is_due() && time_msec() >= next_try) {
        check_begin(ctl, br);
    }
}

void
pp_datapath_wait(const struct pp_control *ctl)
{
    if (is_due() && connected_bridge(ctl)) {
        poll_timer_wait_until(next_try);
    }
    line_wait(&checks);
    line_wait(&rounds);
    if (rounds.request && follows_now != follows_then) {
        poll_timer_wait_until(next_poke);
    }
}

void
pp_datapath_format(struct ds *ds)
{
    if (unreachable) {
        ds_put_cstr(ds, "datapath: ovs-vswitchd cannot be asked whether it "
                    "follows");
    } else {
        ds_put_format(ds, "datapath: %s, %"PRIu64" rounds of its revalidators "
                      "were waited for, at most %lld ms each",
                      follows_now < given ? "does not follow all changes yet"
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
