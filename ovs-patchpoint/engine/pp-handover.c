/* SPDX-License-Identifier: Apache-2.0 */

/* Hand-over of a server's connections: see pp-handover.h.
 *
 * In: connections of one server, or records of them.  Out: the other.  Runs in
 * the engine; owns the list of frozen servers. */

#include <config.h>

#include "engine/pp-handover.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-flow.h"
#include "engine/pp-ledger.h"
#include "engine/pp-snapshot.h"
#include "engine/pp-stream.h"
#include "packets.h"
#include "util.h"

void
pp_handover_init(struct pp_handover *h, struct pp_flow *flow,
                 struct pp_stream *st, struct pp_counters *counters)
{
    memset(h, 0, sizeof *h);
    h->flow = flow;
    h->stream = st;
    h->counters = counters;
}

static const struct pp_snap_server *
find_server(const struct pp_handover *h, const char *name, uint32_t id)
{
    const struct pp_servers *who = &h->flow->who;

    return (name ? pp_servers_by_name(who, name, NULL)
            : pp_servers_by_id(who, id));
}

/* All connections of a server, which may be forgotten one by one. */
struct conns {
    uint32_t server;
    struct pp_conn **all;
    size_t n, allocated;
};

static struct conns
conns_of(struct pp_handover *h, uint32_t server)
{
    struct conns c = { .server = server };
    struct pp_conn_head *head;

    HMAP_FOR_EACH_SAFE (head, node, &h->flow->conns) {
        if (head->key.server == server) {
            if (c.n >= c.allocated) {
                c.all = x2nrealloc(c.all, &c.allocated, sizeof *c.all);
            }
            c.all[c.n++] = pp_flow_open(h->flow, head);
        }
    }
    return c;
}

/* Nothing is left of it here. */
static void
forget_all(struct pp_handover *h, uint32_t server)
{
    struct conns c = conns_of(h, server);

    pp_stream_without_packet(h->stream, NULL);
    for (size_t i = 0; i < c.n; i++) {
        pp_flow_forget(h->flow, h->stream, c.all[i]);
    }
    free(c.all);
}

/* Freezing. */

static uint32_t
find_frozen(const struct pp_handover *h, uint32_t server)
{
    uint32_t i = 0;

    while (i < h->n && h->frozen[i].server != server) {
        i++;
    }
    return i;
}

static void
thaw(struct pp_handover *h, uint32_t i)
{
    h->frozen[i] = h->frozen[--h->n];
}

bool
pp_handover_drops(struct pp_handover *h, uint32_t bridge,
                  const struct pp_packet *pkt)
{
    if (!h->n) {
        return false;
    }
    for (int to = 0; to < 2; to++) {
        const struct pp_snap_server *server = pp_servers_find(
            &h->flow->who, bridge, to ? pp_packet_eth_dst(pkt)
            : pp_packet_eth_src(pkt));

        if (server && find_frozen(h, server->id) < h->n) {
            h->counters->handover_drops++;
            return true;
        }
    }
    return false;
}

/* The VM is here after all. */
static void
go_on(struct pp_handover *h, uint32_t server)
{
    struct conns c = conns_of(h, server);

    for (size_t i = 0; i < c.n; i++) {
        h->stream->out->bridge = c.all[i]->head.key.bridge;
        pp_stream_without_packet(h->stream, c.all[i]);
        pp_stream_done(h->stream, c.all[i]);
    }
    free(c.all);
}

uint64_t
pp_handover_run(struct pp_handover *h)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = h->n; i-- > 0;) {
        uint32_t server = h->frozen[i].server;

        if (!find_server(h, NULL, server)) {
            forget_all(h, server);
            thaw(h, i);
        } else if (h->frozen[i].until <= h->stream->now) {
            go_on(h, server);
            thaw(h, i);
        } else {
            next = MIN(next, h->frozen[i].until);
        }
    }
    return next;
}

/* Exporting. */

/* Can 'conn' do without what its proxy knows? */
static bool
is_fresh(const struct pp_conn *conn)
{
    const struct pp_proxy *proxy = conn->head.proxy;
    const struct pp_inspect *in = &conn->inspect;

    for (int dir = 0; dir < 2; dir++) {
        const struct pp_half *half = &conn->half[dir];

        if (half->pending || !ovs_list_is_empty(&half->early)
            || half->decided != half->in_next || half->fin != UINT64_MAX
            || half->swallow > half->decided) {
            return false;
        }
    }
    return (conn->state == PP_CONN_INSPECTED && !conn->other_syn
            && !conn->restored && !conn->restarted && !conn->signed_
            && !conn->to_server_waits && !pp_stream_has_lost(conn)
            && !in->state && !in->ended && !in->in_group && proxy->is_idle
            && proxy->is_idle(in->conn));
}

/* A client's SYN that no server has answered. */
static bool
is_syn(const struct pp_conn *conn)
{
    return (conn->state == PP_CONN_OPENING && !conn->pending_syn
            && !conn->another && !conn->reset
            && conn->half[PP_TO_SERVER].has_isn
            && !conn->half[PP_FROM_SERVER].has_isn);
}

static const struct pp_snap_server *
server_of(void *server, const struct pp_conn *conn OVS_UNUSED)
{
    return server;
}

static bool
is_worth_it(const struct pp_conn *conn)
{
    return (!conn->loose && !conn->reset && !pp_stream_conn_is_over(conn)
            && conn->state != PP_CONN_OPENING
            && conn->state != PP_CONN_CLOSED);
}

const char *
pp_handover_export(struct pp_handover *h, const char *name, uint32_t ms,
                   struct pp_ledger_region *region, struct pp_handed *handed)
{
    const struct pp_snap_server *server = find_server(h, name, 0);
    struct pp_ledger ledger = {
        .server = server_of,
        .aux = CONST_CAST(struct pp_snap_server *, server),
    };
    struct conns c;
    uint32_t i;

    memset(handed, 0, sizeof *handed);
    if (!server) {
        return "the engine does not know such a server";
    }
    i = find_frozen(h, server->id);
    if (i == PP_FROZEN_MAX) {
        return "too many servers are being handed over";
    }
    h->frozen[i].server = server->id;
    h->frozen[i].until = h->stream->now + ms;
    h->n = MAX(h->n, i + 1);

    pp_ledger_take(&ledger, region, h->stream, NULL);
    c = conns_of(h, server->id);
    /* Those that cannot do without come first. */
    for (int edited = 1; edited >= 0; edited--) {
        for (size_t j = 0; j < c.n; j++) {
            struct pp_conn *conn = c.all[j];
            bool fresh = is_fresh(conn);

            if (pp_ledger_is_due(conn) != edited || !is_worth_it(conn)) {
                continue;
            } else if (pp_ledger_export(&ledger, h->stream, conn, fresh)) {
                handed->records++;
                handed->fresh += fresh;
            } else {
                handed->left++;
            }
        }
    }
    for (size_t j = 0; j < c.n; j++) {
        /* What would be said in its name from here on the next one does not
         * know of. */
        pp_timers_set(&h->stream->timers, &c.all[j]->timer, 0);
    }
    free(c.all);
    handed->blocks = PP_LEDGER_BLOCKS - ledger.n_free_blocks;
    return NULL;
}

void
pp_handover_leave(struct pp_handover *h, struct pp_ledger *ledger)
{
    /* SYNs last: there may be a flood of them. */
    for (int syn = 0; syn < 2; syn++) {
        struct pp_conn_head *head;

        HMAP_FOR_EACH_SAFE (head, node, &h->flow->conns) {
            struct pp_conn *conn = pp_flow_open(h->flow, head);

            if (syn ? is_syn(conn) : is_fresh(conn) && is_worth_it(conn)) {
                pp_ledger_leave(ledger, h->stream, conn);
            }
        }
    }
}

/* Importing. */

struct import {
    struct pp_handover *h;
    const struct pp_snap_server *server;
    const struct pp_ledger_cbs *cbs;
    void *aux;
    struct pp_handed *handed;
};

static struct pp_conn *
make_conn(void *import_, const struct pp_ledger_head *head)
{
    const struct import *import = import_;
    struct pp_ledger_head here = *head;

    if (!eth_addr_equals(head->mac, import->server->mac)) {
        return NULL;
    }
    /* The interface has another name here. */
    memcpy(here.server, import->server->name, sizeof here.server);
    return import->cbs->make(import->aux, &here);
}

static void
forget_conn(void *import_, struct pp_conn *conn)
{
    const struct import *import = import_;

    import->cbs->forget(import->aux, conn);
}

static void
go_on_conn(void *import_, struct pp_conn *conn)
{
    struct import *import = import_;

    /* The record is the other engine's, and slots are its host's; what the
     * client's is here its next frame tells. */
    conn->record = 0;
    conn->half[PP_TO_SERVER].slot = 0;
    conn->unplaced = true;
    conn->half[PP_FROM_SERVER].slot = import->server->slot;
    import->handed->records++;
    import->handed->fresh += !conn->restored;
    import->cbs->go_on(import->aux, conn);
}

const char *
pp_handover_import(struct pp_handover *h, const char *name,
                   struct pp_ledger_region *region,
                   const struct pp_ledger_cbs *cbs, void *aux,
                   struct pp_handed *handed)
{
    static const struct pp_ledger_cbs import_cbs = {
        .make = make_conn, .forget = forget_conn, .go_on = go_on_conn,
    };
    struct import import = {
        .h = h, .server = find_server(h, name, 0), .cbs = cbs, .aux = aux,
        .handed = handed,
    };
    struct pp_ledger ledger = { .aux = &import };
    uint64_t lost = h->counters->ledger_lost;
    uint32_t i;

    memset(handed, 0, sizeof *handed);
    if (!import.server) {
        return "the engine does not know such a server (yet)";
    }
    forget_all(h, import.server->id);
    i = find_frozen(h, import.server->id);
    if (i < h->n) {
        thaw(h, i);
    }
    pp_ledger_take(&ledger, region, h->stream, &import_cbs);
    handed->left = (uint32_t) (h->counters->ledger_lost - lost);
    return NULL;
}
