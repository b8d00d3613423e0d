/* SPDX-License-Identifier: Apache-2.0 */

/* Deaths of the engine under the stream stage's world: what was kept of it in
 * memory is gone, and the next one begins with what the ledger says.
 *
 * In: a world between two of its steps.  Out: one with another stage.  Runs in
 * unit tests only; owns the ledger's region, one for all worlds. */

#include <config.h>

#include "stream-want.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/pp-ledger.h"
#include "engine/pp-snapshot.h"
#include "stream-conn.h"
#include "util.h"

static struct pp_ledger_region *region;

static const struct pp_snap_server *
server_of(void *w OVS_UNUSED, const struct pp_conn *conn OVS_UNUSED)
{
    static const struct pp_snap_server server = { .name = "vm" };

    return &server;
}

static struct pp_conn *
make(void *w_, const struct pp_ledger_head *head OVS_UNUSED)
{
    struct world *w = w_;

    if (w->conn) {
        tcp_fail("the ledger has two connections of one");
    }
    world_new_conn(w);
    return w->conn;
}

static void
forget(void *w OVS_UNUSED, struct pp_conn *conn OVS_UNUSED)
{
    tcp_fail("the ledger has a record that makes no sense");
}

/* As the pipeline has it: what was not decided is not looked at any more. */
static void
go_on(void *w_, struct pp_conn *conn)
{
    struct world *w = w_;
    struct pp_half *half = &conn->half[PP_TO_SERVER];

    pp_stream_without_packet(&w->st, conn);
    if (conn->state != PP_CONN_CLOSING) {
        toy_inspect(w, PP_TO_SERVER);
    }
    if (conn->state != PP_CONN_CLOSING && half->swallow <= half->decided
        && !half->pending) {
        struct pp_view view = { .len = 0 };
        struct pp_step step = { .kind = PP_STEP_OPAQUE };

        toy_pass_unseen(w);
        pp_stream_apply(&w->st, PP_TO_SERVER, &view, &step, PP_FAIL_OPEN);
    }
    pp_stream_done(&w->st, conn);
}

static void
take_ledger(struct world *w)
{
    static const struct pp_ledger_cbs cbs = { make, forget, go_on };

    w->ledger.server = server_of;
    w->ledger.aux = w;
    w->st.ledger = &w->ledger;
    pp_ledger_take(&w->ledger, region, &w->st, &cbs);
}

void
world_may_die(struct world *w, unsigned int deaths)
{
    if (!region) {
        region = mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        ovs_assert(region != MAP_FAILED);
    }
    /* Empty, also if the last world ended before its time. */
    ovs_assert(!madvise(region, sizeof *region, MADV_DONTNEED));
    w->deaths = deaths;
    take_ledger(w);
}

void
world_die(struct world *w)
{
    struct pp_limits limits = w->st.limits;
    bool followed = w->conn != NULL;

    TCP_TRACE("%llu: the engine dies", (unsigned long long) w->net.now);
    tcp_seen.deaths++;
    w->died = true;
    w->deaths--;
    w->st.ledger = NULL;
    if (w->conn) {
        pp_stream_conn_destroy(&w->st, w->conn);
        free(w->conn);
        w->conn = NULL;
    }
    if (w->st.held) {
        tcp_fail("%llu bytes are still held for nobody",
                 (unsigned long long) w->st.held);
    }
    pp_stream_destroy(&w->st);
    pp_stream_init(&w->st, &w->output, w->counters);
    w->st.limits = limits;
    w->st.now = w->net.now;
    w->seen.n = 0;
    w->waits = false;
    take_ledger(w);
    tcp_seen.restored += w->conn != NULL;
    if (followed && !w->conn) {
        /* Both ends can do without: all passes from here on. */
        toy_pass_unseen(w);
    }
}
