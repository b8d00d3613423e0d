/* SPDX-License-Identifier: Apache-2.0 */

/* Stream: TCP as the engine follows and edits it; see pp-stream.h.
 *
 * In: packets of followed connections, and what was decided about their
 * bytes.  Out: frames, by way of pp-stream-send.c.  Runs in the engine and in
 * the offline tool; owns the stream state of connections. */

#include <config.h>

#include "engine/pp-ledger.h"
#include "engine/pp-stream-private.h"

#include <stdlib.h>
#include <string.h>

void
pp_stream_init(struct pp_stream *st, struct pp_output *out,
               struct pp_counters *counters)
{
    memset(st, 0, sizeof *st);
    st->out = out;
    st->counters = counters;
    st->limits = pp_limits_default();
    for (int i = 0; i < PP_HOLDER_CLASSES; i++) {
        ovs_list_init(&st->holders[i]);
    }
    pp_timers_init(&st->timers);
    st->segment = xmalloc(UINT16_MAX + 1);
}

void
pp_stream_destroy(struct pp_stream *st)
{
    free(st->segment);
}

/* Makes 'half' new, but for what its sender's frames taught. */
static void
half_init(struct pp_half *half)
{
    ovs_list_init(&half->held);
    ovs_list_init(&half->early);
    half->fin = half->out_fin = UINT64_MAX;
    half->wscale = -1;
    half->whole = true;
}

void
pp_stream_conn_init(struct pp_conn *conn)
{
    half_init(&conn->half[PP_TO_SERVER]);
    half_init(&conn->half[PP_FROM_SERVER]);
    conn->half[PP_FROM_SERVER].dir = PP_FROM_SERVER;
    conn->state = PP_CONN_OPENING;
}

static void
half_destroy(struct pp_stream *st, struct pp_half *half)
{
    pp_held_drop(st, half, &half->held);
    pp_held_drop(st, half, &half->early);
    if (half->pending) {
        pp_pending_consume(st, half, half->pending->len);
    }
    pp_keep_drop(st, half);
    pp_stream_prune(st, half, UINT64_MAX);
}

void
pp_stream_conn_destroy(struct pp_stream *st, struct pp_conn *conn)
{
    half_destroy(st, &conn->half[PP_TO_SERVER]);
    half_destroy(st, &conn->half[PP_FROM_SERVER]);
    pp_ledger_forget(st->ledger, conn);
    pp_timers_set(&st->timers, &conn->timer, 0);
}

bool
pp_stream_conn_is_over(const struct pp_conn *conn)
{
    if (conn->state != PP_CONN_CLOSING) {
        return false;
    }
    for (int dir = 0; dir < 2; dir++) {
        const struct pp_half *half = &conn->half[dir];
        const struct pp_half *other = &conn->half[!dir];

        if (!half->dead
            && (half->fin == UINT64_MAX || other->acked <= other->out_fin)) {
            return false;
        }
    }
    return true;
}

/* Learns how frames of 'half' look, for those of the engine's own making. */
static void
learn(struct pp_half *half, const struct pp_packet *pkt)
{
    half->slot = pkt->slot;
    half->tpid = pkt->tpid;
    half->vlan_tci = pkt->vlan;
    memcpy(half->eth, pkt->data, sizeof half->eth);
    half->ttl = pkt->ttl;
    half->tos = pkt->tos;
    half->window = pkt->window;
    half->window_max = MAX(half->window_max, pkt->window);
}

/* How far behind a frame may be that a newer timestamp is learnt from. */
#define OLD_MAX (1 << 20)

/* True if the numbers of 'pkt' are those that its sender has now, or had up to
 * 'old' bytes ago: at or behind what it has been told (a keepalive: one byte
 * before), within the window, and acknowledging no less than it did and
 * nothing that never left (RFC 9293 3.10.7.4, RFC 5961 5).  Who only forges
 * addresses does not know them. */
static bool
fits(const struct pp_conn *conn, enum pp_dir dir, const struct pp_packet *pkt,
     uint64_t old)
{
    const struct pp_half *half = &conn->half[dir];
    const struct pp_half *acked = &conn->half[!dir];
    uint64_t in = pp_offset(half, pkt->seq, half->in_next);
    uint64_t end = in + pp_packet_seg_len(pkt);
    uint64_t out = pp_offset(acked, pkt->ack, acked->sent);

    return ((int64_t) (end + 1 + old) >= (int64_t) half->told
            && (int64_t) in <= (int64_t) pp_stream_furthest(conn, dir)
            && pkt->flags & PP_TCP_ACK
            && (int64_t) (out + old) >= (int64_t) acked->acked
            && (int64_t) out <= (int64_t) acked->sent);
}

/* Learns the timestamp of 'pkt', if it is newer. */
static bool
learn_tsval(struct pp_conn *conn, enum pp_dir dir, const struct pp_packet *pkt)
{
    struct pp_half *half = &conn->half[dir];

    if (pkt->ts && (int32_t) (pkt->tsval - half->tsval) > 0
        && fits(conn, dir, pkt, OLD_MAX)) {
        half->tsval = pkt->tsval;
        return true;
    }
    return false;
}

/* Does 'pkt' acknowledge some of what left of 'acked', or just the SYN?  Of a
 * server that has acknowledged no byte yet it is not known which connection it
 * has: with SYN cookies (RFC 4987 3.6) it has the one whose SYN the client
 * acknowledges, which need not be the last. */
static bool
acknowledges(const struct pp_half *acked, const struct pp_packet *pkt)
{
    uint64_t out = pp_offset(acked, pkt->ack, acked->sent);

    return (pkt->flags & PP_TCP_ACK && acked->has_isn
            && !pp_before_start(out) && out <= acked->sent);
}

/* Sends what is from 'from' to 'to' of the out stream, again or at last.  If
 * its receiver has no room for any, it is asked for it: what came again was to
 * ask, too (RFC 9293 3.8.6.1). */
static void
send_again(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
           uint64_t from, uint64_t to)
{
    const struct pp_half *half = &conn->half[dir];

    if (from >= MAX(half->edge, half->sent) && from != half->out_fin) {
        pp_stream_probe(st, conn, dir);
    } else {
        pp_stream_emit(st, conn, dir, from, to);
    }
}

/* May 'pkt', an old one of 'dir', leave as it came?  Not if its receiver
 * counts otherwise.  Nor, with bytes that the server has acknowledged, to a
 * server, which may have forgotten the connection: with SYN cookies (RFC 4987
 * 3.6) it takes the end of the same handshake for a new one's, and old bytes
 * for new. */
static bool
may_repeat(const struct pp_conn *conn, enum pp_dir dir,
           const struct pp_packet *pkt)
{
    return (pp_edit_list_is_clean(&conn->half[dir].edits)
            && (dir == PP_FROM_SERVER || !pkt->payload_len));
}

/* A range that came before.  Its unacknowledged part leaves again, with the
 * bytes that were decided. */
static void
take_old(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
         struct pp_packet *pkt, uint64_t in)
{
    struct pp_half *half = &conn->half[dir];
    uint64_t end = in + pp_packet_seg_len(pkt);
    uint64_t decided = (dir == PP_TO_SERVER ? pp_decided(half)
                        : half->in_next);
    const uint8_t *payload = pkt->data + pkt->payload;
    uint64_t from, to;

    st->counters->stream_retransmit++;
    if (dir == PP_TO_SERVER && pp_stream_is_edited(conn)
        && pp_stream_must_ask(st, conn)) {
        /* Its sender sends it again. */
        return;
    }
    if (pp_before_start(in)) {
        /* A probe before the first byte (RFC 9293 3.8.4).  Its bytes are for
         * nobody, but a server with SYN cookies could begin with them. */
        if (dir == PP_TO_SERVER && pkt->payload_len) {
            pp_packet_strip_payload(pkt);
        }
        pp_stream_pass(st, conn, dir, pkt, in);
        return;
    }
    if (in >= decided && half->in_next > decided) {
        /* Still undecided: the sender need not send it again. */
        pp_stream_acknowledge(conn, dir);
        pp_stream_send_ack(st, conn, dir);
        return;
    }
    from = pp_from(half, in);
    to = pp_edit_list_end(&half->edits, MIN(end, decided));
    if (from >= to && !may_repeat(conn, dir, pkt)) {
        /* The receiver has it all, and is to say so again. */
        pp_stream_probe(st, conn, dir);
        return;
    }
    if (dir == PP_TO_SERVER && pp_map(half, in) > half->sent) {
        /* What is before it still waits for room. */
        send_again(st, conn, dir, half->sent, to);
    } else if (end > decided
               || pp_edit_list_touches(&half->edits, in, end)
               || (pp_map(half, in) < half->acked
                   && !may_repeat(conn, dir, pkt))) {
        send_again(st, conn, dir, from, to);
    } else if (pp_keep_differs(half, pp_map(half, in), payload,
                               pkt->payload_len)) {
        st->counters->stream_conflict++;
        send_again(st, conn, dir, from, to);
    } else {
        pp_stream_pass(st, conn, dir, pkt, in);
    }
}

/* A range behind a gap. */
static void
take_early(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
           struct pp_packet *pkt, uint64_t in)
{
    struct pp_half *half = &conn->half[dir];
    uint64_t end = in + pp_packet_seg_len(pkt);
    bool observed = dir == PP_FROM_SERVER;
    bool far, again;

    st->counters->stream_out_of_order++;
    if (end <= half->decided) {
        half->unkept = MAX(half->unkept, end);
        half->high = MAX(half->high, end);
        pp_stream_pass(st, conn, dir, pkt, in);
        return;
    }
    far = in > pp_stream_furthest(conn, dir);

    /* Twice: the other half of the room is for what is in order, which alone
     * lets these go again. */
    if (far || !pp_may_hold(st, half, half->held_bytes + sizeof(struct pp_held)
                            + pkt->len)) {
        st->counters->stream_out_of_window += far;
        st->counters->stream_hold_full += !far;
        /* What went another way, while the switch had it do so, nobody sends
         * again, and what is behind must get through. */
        if (observed && !far && half->told > half->in_next) {
            pp_stream_pass(st, conn, dir, pkt, in);
        } else if (observed && far && !pp_stream_is_edited(conn)) {
            pp_packet_out(pkt, st->out, st->counters);
        }
        return;
    }
    again = in < half->high;
    half->high = MAX(half->high, end);
    pp_held_add(st, half, &half->early, pkt, in, observed);
    if (observed) {
        if (pkt->flags & PP_TCP_FIN) {
            half->fin = end - 1;
        }
        pp_stream_pass(st, conn, dir, pkt, in);
    } else {
        /* What the receiver would say, had it got the frame: so that the
         * sender fills the gap. */
        pp_stream_send_ack(st, conn, dir);
        if (again || conn->epoch != st->epoch) {
            pp_stream_take_again(st, conn);
        }
    }
}

/* Makes room for 'n' more bytes, which are in their order: without them
 * nothing goes on.  Frames that wait for a decision need not be kept, only
 * their bytes; what came too early its sender sends again. */
static bool
make_room(struct pp_stream *st, struct pp_half *half, enum pp_dir dir,
          size_t n)
{
    if (!pp_may_hold(st, half, n) && !ovs_list_is_empty(&half->held)) {
        pp_held_drop(st, half, &half->held);
        half->whole = false;
    }
    while (!pp_may_hold(st, half, n)) {
        if (dir == PP_FROM_SERVER || ovs_list_is_empty(&half->early)) {
            /* What passed already nobody sends again. */
            return false;
        }
        struct pp_held *last = CONTAINER_OF(ovs_list_back(&half->early),
                                            struct pp_held, node);

        st->counters->stream_hold_full++;
        pp_held_remove(st, half, last);
        free(last);
    }
    return true;
}

/* Bytes of the to-server stream that stand at 'in' pass unseen.  The sender
 * can send them again, unless it was told that they are there, or the frame
 * that has them cannot leave as it came: since more is 'behind' them in it,
 * which may have to wait, or since the receiver has no room for all of it. */
static void
pass_unseen(struct pp_stream *st, struct pp_half *half, uint64_t in,
            struct pp_bytes bytes, bool behind)
{
    uint64_t out = pp_map(half, in);

    if (half->pending || st->rebuild || behind || in < half->promised
        || out + bytes.n > half->edge) {
        pp_keep_append(st, half, out, bytes.p, bytes.n);
    } else if (bytes.n) {
        half->unkept = MAX(half->unkept, in + bytes.n);
    }
}

/* New bytes in their order. */
static bool
take_new(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
         struct pp_packet *pkt, uint64_t in)
{
    struct pp_half *half = &conn->half[dir];
    uint64_t data_end = in + pkt->payload_len;
    bool fin = pkt->flags & PP_TCP_FIN;
    uint64_t end = data_end + fin;
    uint64_t fresh;

    if (dir == PP_TO_SERVER && !pp_stream_has_room(st, conn)) {
        st->counters->stream_full++;
        st->pkt = NULL;
        return false;
    }
    if (!make_room(st, half, dir, 2 * (size_t) pkt->len + 256)) {
        st->counters->stream_hold_full++;
        st->pkt = NULL;
        return false;
    }
    st->rebuild = in < half->in_next;
    /* What it begins with may follow held bytes that have not left yet. */
    st->from = (st->rebuild ? MIN(pp_from(half, in), half->sent)
                : half->sent);
    fresh = MIN(MAX(half->in_next, half->decided), data_end);
    if (dir == PP_TO_SERVER && fresh > half->in_next) {
        pass_unseen(st, half, half->in_next, (struct pp_bytes) {
            .p = pkt->data + pkt->payload + (half->in_next - in),
            .n = fresh - half->in_next,
        }, fresh < data_end);
    }
    st->fresh = (struct pp_bytes) {
        .p = pkt->data + pkt->payload + (fresh - in),
        .n = data_end - fresh,
    };
    if (fin) {
        half->fin = data_end;
    }
    half->in_next = end;
    half->high = MAX(half->high, end);
    if (dir == PP_FROM_SERVER) {
        half->unkept = MAX(half->unkept, end);
    } else {
        conn->n_again = 0;
    }
    if (dir == PP_FROM_SERVER && fin) {
        half->out_fin = pp_edit_list_start(&half->edits, data_end);
    }
    if (dir == PP_FROM_SERVER && !st->passed) {
        if (pp_edit_list_touches(&half->edits, in, end) || st->rebuild) {
            pp_stream_emit(st, conn, dir, st->from,
                           pp_edit_list_end(&half->edits, end));
        } else {
            pp_stream_pass(st, conn, dir, pkt, in);
        }
    }
    if (dir == PP_FROM_SERVER) {
        st->rebuild = false;
    }
    return true;
}

/* The payload of a packet, which may have waited. */
static bool
take_payload(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
             struct pp_packet *pkt)
{
    struct pp_half *half = &conn->half[dir];
    uint64_t in = pp_offset(half, pkt->seq, half->in_next);
    uint64_t end = in + pp_packet_seg_len(pkt);

    st->dir = dir;
    st->pkt = pkt;
    st->in = in;
    st->fresh.n = 0;
    st->rebuild = false;
    if (pp_before_start(in) && (int64_t) end > 0) {
        /* A range from before the first byte: a receiver takes what is new
         * in it, so that it may not pass as something old.  No sender has
         * such bytes. */
        st->counters->stream_out_of_window++;
        return false;
    }
    if (half->fin != UINT64_MAX && !pp_before_start(end)
        && (in + pkt->payload_len > half->fin || end > half->fin + 1)) {
        /* Nothing comes behind a FIN, or in its place. */
        st->counters->stream_out_of_window++;
        return false;
    }
    if (dir == PP_TO_SERVER && pkt->flags & PP_TCP_FIN
        && !pp_before_start(end) && end <= half->in_next
        && end != half->fin + 1) {
        /* Nor does a FIN in the place of a byte: a server that has yet to get
         * that one would see an end that nothing was decided on. */
        st->counters->stream_conflict++;
        return false;
    }
    if (!pp_before_start(in) && in <= half->in_next && end > half->in_next) {
        return take_new(st, conn, dir, pkt, in);
    } else if ((int64_t) in > (int64_t) half->in_next) {
        take_early(st, conn, dir, pkt, in);
    } else if (!st->passed) {
        take_old(st, conn, dir, pkt, in);
    }
    st->pkt = NULL;
    return false;
}

void
pp_stream_without_packet(struct pp_stream *st, struct pp_conn *conn)
{
    st->conn = conn;
    st->pkt = NULL;
    st->fresh.n = 0;
    st->rebuild = false;
    st->passed = false;
}

bool
pp_stream_in(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
             struct pp_packet *pkt)
{
    struct pp_half *half = &conn->half[dir];

    pp_stream_without_packet(st, conn);
    st->dir = dir;
    conn->reset = false;
    if (pkt->flags & PP_TCP_RST) {
        pp_stream_rst(st, conn, dir, pkt);
        return false;
    }
    if (pkt->flags & PP_TCP_SYN) {
        pp_stream_syn(st, conn, dir, pkt);
        return false;
    }
    if (conn->state == PP_CONN_CLOSING) {
        pp_stream_closing_in(st, conn, dir, pkt);
        return false;
    }
    if (conn->state == PP_CONN_OPENING
        && !pp_stream_opens(st, conn, dir, pkt)) {
        /* Data before the handshake is over; nobody has to take it. */
        st->counters->stream_out_of_window++;
        return false;
    }
    if (!conn->met && dir == PP_TO_SERVER) {
        pp_stream_meet(conn, pkt);
    }
    if (dir == PP_TO_SERVER && !pp_stream_may_reach(st, conn, pkt)) {
        return false;
    }
    pp_stream_check_epoch(st, conn);
    if (conn->out_of_step) {
        return false;
    }
    bool fit = fits(conn, dir, pkt, 0);

    if (fit) {
        learn(half, pkt);
        half->dead = false;
        conn->unplaced &= dir != PP_TO_SERVER;
        pp_stream_learn_guard(conn, dir, pkt);
    }
    if (!learn_tsval(conn, dir, pkt) && dir == PP_FROM_SERVER && !fit) {
        pp_stream_note_stray(conn, pkt);
    }
    if (dir == PP_TO_SERVER && pkt->flags & PP_TCP_URG
        && half->decided != PP_FOREVER / 2) {
        pp_packet_clear_urgent(pkt);
    }
    pp_stream_take_ack(st, conn, dir, pkt);
    if (conn->out_of_step) {
        return false;
    }
    if (!fit) {
        /* It may, now that it is known what went around the engine. */
        learn_tsval(conn, dir, pkt);
    }
    if (dir == PP_TO_SERVER && half->acked == 0
        && !acknowledges(&conn->half[PP_FROM_SERVER], pkt)) {
        st->counters->stream_out_of_window++;
        return false;
    }
    if (!pkt->payload_len && !(pkt->flags & PP_TCP_FIN)) {
        pp_stream_pass(st, conn, dir, pkt,
                       pp_offset(half, pkt->seq, half->in_next));
        return false;
    }
    return take_payload(st, conn, dir, pkt);
}

/* Deciding. */

/* The undecided bytes that have come. */
static struct pp_bytes
undecided(const struct pp_stream *st, const struct pp_conn *conn,
          enum pp_dir dir)
{
    const struct pp_half *half = &conn->half[dir];

    if (half->pending) {
        return (struct pp_bytes) {
            .p = half->pending->data, .n = half->pending->len,
        };
    }
    return st->dir == dir ? st->fresh : (struct pp_bytes) { .n = 0 };
}

/* 'n' bytes of the view are not undecided any more. */
static void
consume(struct pp_stream *st, struct pp_half *half, enum pp_dir dir, size_t n)
{
    if (half->pending) {
        pp_pending_consume(st, half, n);
    } else if (n && st->dir == dir) {
        st->fresh.p += n;
        st->fresh.n -= n;
    }
    half->decided += n;
}

/* Takes 'n' bytes of the view away. */
static void
swallow(struct pp_stream *st, struct pp_half *half, enum pp_dir dir, size_t n)
{
    pp_stream_edit(st, half, half->decided, (uint32_t) n, 0);
    st->rebuild = true;
    consume(st, half, dir, n);
}

bool
pp_stream_view(struct pp_stream *st, enum pp_dir dir, struct pp_view *view)
{
    struct pp_half *half = &st->conn->half[dir];
    struct pp_bytes bytes;

    if (!half->pending && (st->dir != dir || !st->fresh.n)) {
        view->len = 0;
        return false;
    }
    if (half->pending && st->dir == dir && st->fresh.n) {
        pp_pending_append(st, half, st->fresh);
        st->fresh.n = 0;
    }
    bytes = undecided(st, st->conn, dir);
    if (half->decided < half->swallow && bytes.n) {
        swallow(st, half, dir,
                MIN(bytes.n, half->swallow - half->decided));
        bytes = undecided(st, st->conn, dir);
    }
    *view = (struct pp_view) {
        .base = bytes.p,
        .len = bytes.n,
        .eof = half->fin != UINT64_MAX && half->in_next > half->fin,
    };
    return bytes.n > 0;
}

/* 'count' bytes of the view pass, with 'edits'. */
static void
apply_pass(struct pp_stream *st, struct pp_half *half, enum pp_dir dir,
           const struct pp_view *view, size_t count,
           const struct pp_edits *edits)
{
    uint32_t pos = 0;

    for (unsigned int i = 0; edits && i < edits->n; i++) {
        const struct pp_edit *e = &edits->e[i];
        uint64_t in = half->decided + e->off;

        if (!e->removed && !e->ins.n) {
            continue;
        }
        pp_keep_append(st, half, pp_map(half, half->decided + pos),
                       view->base + pos, e->off - pos);
        pp_keep_append(st, half, pp_map(half, in), e->ins.p, e->ins.n);
        pp_stream_edit(st, half, in, e->removed, (uint32_t) e->ins.n);
        pos = e->off + e->removed;
        st->rebuild = true;
    }
    if (dir == PP_TO_SERVER && pos < count) {
        pp_keep_append(st, half, pp_map(half, half->decided + pos),
                       view->base + pos, count - pos);
    }
    consume(st, half, dir, count);
}

/* 'count' bytes from here pass unseen. */
static void
apply_skip(struct pp_stream *st, struct pp_half *half, enum pp_dir dir,
           const struct pp_view *view, uint64_t count)
{
    size_t now = (size_t) MIN(count, view->len);
    uint64_t decided = half->decided;

    if (now && dir == PP_TO_SERVER) {
        /* The proxy saw these, and may have skipped them for what they
         * say. */
        pp_keep_append(st, half, pp_map(half, decided), view->base, now);
    } else if (now) {
        half->unkept = MAX(half->unkept, decided + now);
    }
    consume(st, half, dir, now);
    half->decided = pp_add_sat(decided, count);
}

/* Puts 'reply' where the from-server stream stands. */
static void
apply_reply(struct pp_stream *st, struct pp_conn *conn, struct pp_bytes reply)
{
    struct pp_half *half = &conn->half[PP_FROM_SERVER];
    uint64_t in = half->high;
    uint64_t out = pp_map(half, in);

    if (half->fin != UINT64_MAX) {
        /* The server closed before. */
        return;
    }
    pp_keep_append(st, half, out, reply.p, reply.n);
    pp_stream_edit(st, half, in, 0, (uint32_t) reply.n);
    half->end = MAX(half->end, out + reply.n);
    half->owned = half->end;
}

/* Nothing of the connection is looked at any more. */
static void
cut_through(struct pp_stream *st, struct pp_conn *conn,
            enum pp_conn_state state)
{
    struct pp_view view;

    for (int dir = 0; dir < 2; dir++) {
        struct pp_bytes bytes = undecided(st, conn, dir);

        view = (struct pp_view) { .base = bytes.p, .len = bytes.n };
        apply_skip(st, &conn->half[dir], dir, &view, PP_FOREVER);
    }
    conn->state = state;
}

static void
apply_bad(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
          enum pp_fail fail)
{
    if (fail == PP_FAIL_OPEN) {
        cut_through(st, conn, PP_CONN_UNINSPECTED);
    } else {
        st->counters->engine_fail_closed_drops++;
        pp_stream_out(st, dir);
        pp_stream_cut(st, conn, true);
    }
}

void
pp_stream_apply(struct pp_stream *st, enum pp_dir dir,
                const struct pp_view *view, const struct pp_step *step,
                enum pp_fail fail)
{
    struct pp_conn *conn = st->conn;
    struct pp_half *half = &conn->half[dir];

    switch (step->kind) {
    case PP_STEP_MORE:
    case PP_STEP_WAIT:
        break;

    case PP_STEP_PASS:
        apply_pass(st, half, dir, view, (size_t) step->count, step->edits);
        break;

    case PP_STEP_SKIP:
        apply_skip(st, half, dir, view, step->count);
        break;

    case PP_STEP_OPAQUE:
        cut_through(st, conn, PP_CONN_OPAQUE);
        break;

    case PP_STEP_SWALLOW:
        half->swallow = pp_add_sat(half->decided, step->count);
        break;

    case PP_STEP_REFUSE:
        swallow(st, half, dir, (size_t) step->count);
        pp_stream_acknowledge(conn, dir);
        apply_reply(st, conn, step->reply);
        pp_ledger_update(st->ledger, st, conn);
        pp_stream_out(st, dir);
        if (!step->close || step->reset) {
            /* What the client has no room for, a RST overtakes. */
            pp_stream_emit(st, conn, PP_FROM_SERVER,
                           conn->half[PP_FROM_SERVER].sent,
                           conn->half[PP_FROM_SERVER].end);
        }
        if (step->close) {
            pp_stream_cut(st, conn, step->reset);
        }
        break;

    case PP_STEP_REPLY:
        apply_reply(st, conn, step->reply);
        pp_ledger_update(st->ledger, st, conn);
        pp_stream_emit(st, conn, PP_FROM_SERVER,
                       conn->half[PP_FROM_SERVER].sent,
                       conn->half[PP_FROM_SERVER].end);
        break;

    case PP_STEP_CLOSE:
        pp_stream_out(st, dir);
        pp_stream_cut(st, conn, step->reset);
        break;

    case PP_STEP_BAD:
        apply_bad(st, conn, dir, fail);
        break;

    default:
        OVS_NOT_REACHED();
    }
}

/* Letting go. */

/* A frame that waited leaves behind later ones, and must not be older by its
 * timestamp: its receiver would take it for an old duplicate (RFC 7323 5.3).
 */
static void
make_timely(const struct pp_half *half, struct pp_packet *pkt)
{
    if (pkt->ts && (int32_t) (half->tsval - pkt->tsval) > 0) {
        pp_packet_set_tsval(pkt, half->tsval);
    }
}

/* All that waits in order leaves as it came. */
static void
out_as_it_came(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir)
{
    struct pp_half *half = &conn->half[dir];
    struct pp_held *held;

    LIST_FOR_EACH_SAFE (held, node, &half->held) {
        make_timely(half, &held->pkt);
        pp_stream_pass(st, conn, dir, &held->pkt, held->in);
        pp_held_remove(st, half, held);
        free(held);
    }
    half->whole = true;
    if (st->pkt && st->dir == dir) {
        pp_stream_pass(st, conn, dir, st->pkt, st->in);
    }
}

/* True if what waits in order, or else the packet at hand, has the first byte
 * of the to-server stream that never left, or earlier ones. */
static bool
is_next(const struct pp_stream *st, const struct pp_half *half)
{
    uint64_t in = half->in_next;

    if (!ovs_list_is_empty(&half->held)) {
        in = CONTAINER_OF(ovs_list_front(&half->held), struct pp_held,
                          node)->in;
    } else if (st->pkt && st->dir == PP_TO_SERVER) {
        in = st->in;
    }
    return pp_map(half, in) <= half->sent;
}

/* Keeps what is still undecided of the packet at hand. */
static void
hold(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir, bool all)
{
    struct pp_half *half = &conn->half[dir];

    if (st->dir == dir && st->fresh.n) {
        pp_pending_append(st, half, st->fresh);
        st->fresh.n = 0;
    }
    st->counters->stream_held++;
    if (all && half->whole) {
        if (st->pkt && st->dir == dir) {
            pp_held_add(st, half, &half->held, st->pkt, st->in, false);
        }
    } else {
        half->whole = false;
        pp_held_drop(st, half, &half->held);
    }
}

/* Lets go what is decided of the to-server direction. */
static void
out_to_server(struct pp_stream *st, struct pp_conn *conn)
{
    struct pp_half *half = &conn->half[PP_TO_SERVER];
    bool here = st->pkt && st->dir == PP_TO_SERVER;
    uint64_t decided;
    uint64_t from = here ? st->from : half->sent;

    if (half->fin != UINT64_MAX && half->decided >= half->fin
        && half->in_next > half->fin) {
        half->decided = MAX(half->decided, half->fin + 1);
        half->out_fin = pp_map(half, half->fin);
    }
    decided = pp_decided(half);
    half->end = MAX(half->end, pp_edit_list_end(&half->edits, decided));
    if (decided == half->in_next && !st->rebuild && half->whole
        && is_next(st, half)) {
        out_as_it_came(st, conn, PP_TO_SERVER);
    } else {
        bool some = half->end > half->sent || st->rebuild;

        if (some) {
            pp_stream_emit(st, conn, PP_TO_SERVER, from, half->end);
        }
        if (decided < half->in_next) {
            hold(st, conn, PP_TO_SERVER, !some);
        } else {
            pp_held_drop(st, half, &half->held);
            half->whole = true;
        }
    }
}

void
pp_stream_out(struct pp_stream *st, enum pp_dir dir)
{
    struct pp_conn *conn = st->conn;
    struct pp_half *half = &conn->half[dir];

    if (conn->state == PP_CONN_CLOSING) {
        return;
    }
    if (dir == PP_TO_SERVER) {
        if (st->rebuild) {
            /* An edit is written down before its bytes leave: the engine may
             * die at any time, but the receiver must not count otherwise
             * than is known. */
            pp_ledger_update(st->ledger, st, conn);
        }
        out_to_server(st, conn);
        if (st->dir == dir) {
            st->pkt = NULL;
        }
        st->rebuild = false;
    } else if (st->dir == dir && st->fresh.n) {
        /* It passed; what was not understood yet is looked at again when
         * more comes. */
        pp_pending_append(st, half, st->fresh);
        st->fresh.n = 0;
    }
}

bool
pp_stream_next(struct pp_stream *st, struct pp_packet *pkt,
               struct pp_held **heldp)
{
    struct pp_conn *conn = st->conn;

    if (!conn || conn->state == PP_CONN_CLOSING) {
        return false;
    }
    for (int dir = 0; dir < 2; dir++) {
        struct pp_half *half = &conn->half[dir];
        struct pp_held *held;

        while (!ovs_list_is_empty(&half->early)) {
            held = CONTAINER_OF(ovs_list_front(&half->early),
                                struct pp_held, node);
            if (held->in > half->in_next) {
                break;
            }
            pp_held_remove(st, half, held);
            make_timely(half, &held->pkt);
            *pkt = held->pkt;
            st->passed = held->passed;
            st->pkt = NULL;
            if (take_payload(st, conn, dir, pkt)) {
                *heldp = held;
                return true;
            }
            free(held);
        }
    }
    return false;
}
