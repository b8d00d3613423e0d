/* SPDX-License-Identifier: Apache-2.0 */

/* Cut-through: connections that leave the engine; see pp-cut.h.
 *
 * In: what has become of connections, their packets when they are loose, what
 * control says.  Out: packets as they came, and wishes for control.  Runs in
 * the engine and in the offline tool, where nothing is ever asked for; owns
 * the table of connections that may be in the switch. */

#include <config.h>

#include "engine/pp-cut.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-flow.h"
#include "engine/pp-stream.h"
#include "util.h"

enum entry_state {
    IDLE,
    ASK,                        /* To be asked for. */
    THERE,                      /* Asked for. */
    UNDO,                       /* To be taken back. */
    UNDOING,                    /* Control knows. */
    GRACE,                      /* Gone, but for caches. */
};

struct pp_cut_entry {
    struct ovs_list node;       /* In the list of its state. */
    enum entry_state state;
    bool known;                 /* Control has been asked for it... */
    bool both;                  /* ...in both directions, or is to be. */
    uint32_t frames;            /* That came though it is THERE. */
    struct pp_conn *conn;
    uint64_t id;                /* Its index in the lower half. */
    uint64_t since;             /* The state, in ms. */
};

static void
set_state(struct pp_cut *cut, struct pp_cut_entry *e, enum entry_state state)
{
    struct ovs_list *const lists[] = {
        [IDLE] = &cut->idle, [ASK] = &cut->asks, [THERE] = &cut->there,
        [UNDO] = &cut->undoes, [UNDOING] = &cut->there,
        [GRACE] = &cut->graces,
    };

    ovs_list_remove(&e->node);
    ovs_list_push_back(lists[state], &e->node);
    e->state = state;
    e->since = cut->stream->now;
    e->frames = 0;
}

void
pp_cut_init(struct pp_cut *cut, struct pp_flow *flow,
            struct pp_stream *stream, struct pp_counters *counters)
{
    memset(cut, 0, sizeof *cut);
    cut->flow = flow;
    cut->stream = stream;
    cut->counters = counters;
    ovs_list_init(&cut->idle);
    ovs_list_init(&cut->asks);
    ovs_list_init(&cut->there);
    ovs_list_init(&cut->undoes);
    ovs_list_init(&cut->graces);
}

void
pp_cut_clear(struct pp_cut *cut)
{
    free(cut->entries);
    pp_cut_init(cut, cut->flow, cut->stream, cut->counters);
}

void
pp_cut_destroy(struct pp_cut *cut)
{
    free(cut->entries);
}

static struct pp_cut_entry *
entry_of(struct pp_cut *cut, const struct pp_conn *conn)
{
    return conn->cut ? &cut->entries[conn->cut - 1] : NULL;
}

/* The connection has no part in the switch any more. */
static void
release(struct pp_cut *cut, struct pp_cut_entry *e)
{
    struct pp_conn *conn = e->conn;

    set_state(cut, e, IDLE);
    e->conn = NULL;
    cut->n--;
    conn->cut = 0;
    conn->cut_frames = 0;
    pp_flow_used(cut->flow, conn, cut->stream->now);
}

/* Has the flows of 'conn', if any, taken back. */
static void
undo(struct pp_cut *cut, struct pp_conn *conn)
{
    struct pp_cut_entry *e = entry_of(cut, conn);

    if (e && e->state == ASK && !e->known) {
        release(cut, e);
    } else if (e && (e->state == ASK || e->state == THERE)) {
        set_state(cut, e, UNDO);
    }
}

/* Is there a flow that leads the frames of 'conn', and nothing else, past the
 * engine, and may it be in the switch? */
static bool
may_be_cut(const struct pp_cut *cut, struct pp_conn *conn)
{
    return (conn->state != PP_CONN_CLOSED && !conn->fins
            && !conn->pending_syn && !conn->head.key.vlan
            && conn->half[PP_TO_SERVER].slot
            && conn->half[PP_FROM_SERVER].slot
            && cut->flow->snapshot && cut->flow->snapshot->cuts_max
            && pp_flow_service(cut->flow, conn));
}

static void
make_entries(struct pp_cut *cut)
{
    cut->entries = xcalloc(PP_CUTS_MAX, sizeof *cut->entries);
    for (uint32_t i = 0; i < PP_CUTS_MAX; i++) {
        ovs_list_push_back(&cut->idle, &cut->entries[i].node);
    }
}

/* Asks for the flows of 'conn'. */
static void
request(struct pp_cut *cut, struct pp_conn *conn)
{
    struct pp_cut_entry *e;

    conn->cut_frames = 0;
    if (!may_be_cut(cut, conn)) {
        return;
    } else if (cut->n >= cut->flow->snapshot->cuts_max) {
        cut->counters->cut_full++;
        return;
    }
    if (!cut->entries) {
        make_entries(cut);
    }
    e = CONTAINER_OF(ovs_list_front(&cut->idle), struct pp_cut_entry, node);
    e->conn = conn;
    e->known = false;
    e->both = !pp_stream_is_young(cut->stream, conn);
    e->id = (uint64_t) ++cut->last << 32 | (uint32_t) (e - cut->entries);
    set_state(cut, e, ASK);
    cut->n++;
    conn->cut = (uint16_t) (e - cut->entries + 1);
}

/* A frame of direction 'dir' that passes. */
static void
count_frame(struct pp_cut *cut, struct pp_conn *conn, enum pp_dir dir)
{
    struct pp_cut_entry *e = entry_of(cut, conn);

    if (!e) {
        if (++conn->cut_frames >= PP_CUT_FRAMES) {
            request(cut, conn);
        }
    } else if (e->state == THERE && dir == PP_TO_SERVER && !e->both) {
        if (!pp_stream_is_young(cut->stream, conn)) {
            e->both = true;
            set_state(cut, e, ASK);
        }
    } else if (e->state == THERE
               && cut->stream->now - e->since > PP_CUT_MISSED_MS
               && ++e->frames >= PP_CUT_MISSED_FRAMES) {
        undo(cut, conn);
    }
}

/* Does 'pkt' end the handshake of 'conn', which is over long since, or one
 * before it? */
static bool
ends_handshake(const struct pp_cut *cut, const struct pp_conn *conn,
               enum pp_dir dir, const struct pp_packet *pkt)
{
    return (dir == PP_TO_SERVER && !(pkt->flags & PP_TCP_RST)
            && ((pkt->ack == conn->half[PP_FROM_SERVER].isn + 1
                 && pp_stream_is_young(cut->stream, conn))
                || pp_stream_ends_former(cut->stream, conn, pkt)));
}

bool
pp_cut_in(struct pp_cut *cut, struct pp_conn *conn, enum pp_dir dir,
          const struct pp_packet *pkt)
{
    if (!conn->loose) {
        return false;
    }
    if (pkt->flags & PP_TCP_SYN && !(pkt->flags & PP_TCP_RST)) {
        undo(cut, conn);
        if (!conn->cut) {
            return false;
        }
        cut->counters->cut_syns++;
        return true;
    }
    if (ends_handshake(cut, conn, dir, pkt)) {
        cut->counters->cut_again++;
        return true;
    }
    conn->half[dir].slot = pkt->slot;
    if (pkt->flags & PP_TCP_RST) {
        /* If its receiver does not take it, the connection will leave
         * again. */
        undo(cut, conn);
        if (dir == PP_FROM_SERVER) {
            conn->state = PP_CONN_CLOSED;
        }
    } else if (pkt->flags & PP_TCP_FIN) {
        conn->fins |= (uint8_t) (1u << dir);
        if (conn->fins == 3) {
            undo(cut, conn);
            conn->state = PP_CONN_CLOSED;
        }
    } else {
        count_frame(cut, conn, dir);
    }
    cut->counters->stream_fast++;
    pp_packet_out(pkt, cut->stream->out, cut->counters);
    return true;
}

/* Is all that came of 'half' where it belongs, unchanged? */
static bool
is_in_step(const struct pp_half *half)
{
    return (half->has_isn && !half->cut && !half->dead
            && pp_edit_list_is_clean(&half->edits)
            && !half->keep && !half->pending
            && ovs_list_is_empty(&half->held)
            && ovs_list_is_empty(&half->early)
            && half->mine <= half->acked
            && half->promised <= half->acked
            && half->swallow <= half->decided
            && half->fin == UINT64_MAX && half->out_fin == UINT64_MAX);
}

/* Is what could be taken for the end of a handshake of 'conn' known, and not
 * in use any more? */
static bool
is_known(const struct pp_cut *cut, const struct pp_conn *conn)
{
    return (!pp_stream_is_young(cut->stream, conn)
            || (!conn->crowded
                && conn->half[PP_FROM_SERVER].acked));
}

void
pp_cut_done(const struct pp_cut *cut, struct pp_conn *conn)
{
    if ((conn->state == PP_CONN_OPAQUE || conn->state == PP_CONN_UNINSPECTED)
        && !conn->loose && !conn->record && !conn->timer.at
        && !conn->pending_syn && is_known(cut, conn)
        && is_in_step(&conn->half[PP_TO_SERVER])
        && is_in_step(&conn->half[PP_FROM_SERVER])) {
        conn->loose = true;
    }
}

/* Asking. */

static void
fill_row(struct pp_ipc_cut *row, const struct pp_cut_entry *e)
{
    const struct pp_conn *conn = e->conn;

    memset(row, 0, sizeof *row);
    row->id = e->id;
    row->undo = e->state == UNDO;
    row->both = e->both;
    row->server = conn->head.key.server;
    row->slot[PP_TO_SERVER] = conn->half[PP_TO_SERVER].slot;
    row->slot[PP_FROM_SERVER] = conn->half[PP_FROM_SERVER].slot;
    row->client.ip = conn->head.key.client;
    row->client.port = conn->head.key.client_port;
    row->service.ip = conn->head.key.service;
    row->service.port = conn->head.key.service_port;
}

/* Hands entries of 'list' to 'ask'; those that control gets to know of get the
 * state 'then'.  Returns false if it does not. */
static bool
ask_list(struct pp_cut *cut, struct ovs_list *list, enum entry_state then,
         bool (*ask)(void *aux, const struct pp_ipc_cut *, uint32_t n),
         void *aux)
{
    while (!ovs_list_is_empty(list)) {
        struct pp_ipc_cut rows[PP_IPC_CUTS_MAX];
        struct pp_cut_entry *e;
        uint32_t n = 0;

        LIST_FOR_EACH (e, node, list) {
            fill_row(&rows[n++], e);
            if (n >= PP_IPC_CUTS_MAX) {
                break;
            }
        }
        if (!ask(aux, rows, n)) {
            return false;
        }
        while (n--) {
            e = CONTAINER_OF(ovs_list_front(list), struct pp_cut_entry, node);
            cut->counters->cut_through += !e->known;
            e->known = true;
            set_state(cut, e, then);
        }
    }
    return true;
}

void
pp_cut_ask(struct pp_cut *cut,
           bool (*ask)(void *aux, const struct pp_ipc_cut *, uint32_t n),
           void *aux)
{
    if (ask_list(cut, &cut->undoes, UNDOING, ask, aux)) {
        ask_list(cut, &cut->asks, THERE, ask, aux);
    }
}

bool
pp_cut_has_to_ask(const struct pp_cut *cut)
{
    return (!ovs_list_is_empty(&cut->asks)
            || !ovs_list_is_empty(&cut->undoes));
}

void
pp_cut_undone(struct pp_cut *cut, uint64_t id)
{
    uint32_t index = (uint32_t) id;
    struct pp_cut_entry *e;

    if (!cut->entries || index >= PP_CUTS_MAX) {
        return;
    }
    e = &cut->entries[index];
    if (e->id == id && (e->state == THERE || e->state == UNDO
                        || e->state == UNDOING)) {
        cut->counters->cut_back++;
        set_state(cut, e, GRACE);
    }
}

uint64_t
pp_cut_run(struct pp_cut *cut)
{
    struct pp_cut_entry *e;

    LIST_FOR_EACH_SAFE (e, node, &cut->graces) {
        if (e->since + PP_CUT_GRACE_MS > cut->stream->now) {
            return e->since + PP_CUT_GRACE_MS;
        }
        release(cut, e);
    }
    return UINT64_MAX;
}
