/* SPDX-License-Identifier: Apache-2.0 */

/* The sending half of the stream stage: numbers mapped in frames that pass,
 * segments put together anew, acknowledgements and timers.
 *
 * In: packets and what was decided.  Out: frames.  Runs in the engine and in
 * the offline tool; owns nothing of its own. */

#include <config.h>

#include "engine/pp-ledger.h"
#include "engine/pp-stream-private.h"

#include <string.h>

/* Most payload of a segment of the engine's own making, whatever the MSS. */
#define SEGMENT_MAX 65535

/* MSS where none was announced (RFC 9293 3.7.1). */
#define MSS_DEFAULT 536

static unsigned int
window_shift(const struct pp_conn *conn, const struct pp_half *half)
{
    bool both = conn->half[0].wscale >= 0 && conn->half[1].wscale >= 0;

    return both ? (unsigned int) half->wscale : 0;
}

/* How much beyond 'have' the sender of 'dir' may send, if its receiver takes
 * what is before 'edge'; both in the in stream.  What waits for a decision, or
 * is taken away, the receiver does not see, so that its window says nothing of
 * it: the engine has room of its own.  That is as much as the receiver ever
 * had, since senders make their segments to fit the largest window that they
 * were offered, and wait for it (RFC 9293 3.8.6.2.1). */
static uint64_t
room(const struct pp_conn *conn, enum pp_dir dir, uint64_t edge, uint64_t have)
{
    const struct pp_half *half = &conn->half[dir];

    if (half->cut
        || (dir == PP_TO_SERVER && half->decided < half->in_next)) {
        const struct pp_half *receiver = &conn->half[!dir];
        uint64_t most = MAX((uint64_t) receiver->window_max
                            << window_shift(conn, receiver), MSS_DEFAULT);

        edge = MAX(edge, MIN(have, half->in_next) + most);
    }
    return edge > have ? edge - have : 0;
}

/* Where a segment without a byte is to stand in the out stream of 'half'.  A
 * receiver looks at nothing in a segment that begins beyond its window, not
 * even at the acknowledgement. */
static uint64_t
place(const struct pp_half *half)
{
    return MIN(half->sent, MAX(half->edge, half->acked));
}

/* True if a segment without a byte, at 'in' of the in stream and 'out' of the
 * out stream, may be ahead of what its receiver has: its sender was offered
 * more than the receiver has room for, or bytes before it are the engine's to
 * let go.  Later ones will stand where those that left end, and a receiver
 * takes no window from an earlier place than before (RFC 9293 3.10.7.4).  What
 * claims to be further than it can be keeps its place, and is the receiver's
 * to refuse. */
static bool
is_ahead(const struct pp_half *half, uint64_t in, uint64_t out)
{
    return ((half->dir == PP_TO_SERVER && in > half->decided)
            || half->sent < half->end
            || (out > half->edge
                && (half->mine || !pp_edit_list_is_clean(&half->edits))));
}

/* Maps the SACK blocks of a packet that acknowledges 'acked'. */
static void
map_sack(struct pp_packet *pkt, struct pp_half *acked)
{
    for (unsigned int i = 0; i < pkt->n_sack; i++) {
        uint32_t left, right;
        uint64_t from, to;

        pp_packet_get_sack(pkt, i, &left, &right);
        from = pp_offset(acked, left, acked->acked);
        to = pp_offset(acked, right, acked->acked);
        if ((int64_t) from < (int64_t) acked->acked
            || (int64_t) to < (int64_t) from) {
            /* What came twice (RFC 2883), perhaps before edits that are
             * folded already: the block is emptied. */
            from = to = acked->told;
        } else {
            from = pp_edit_list_left(&acked->edits, from);
            to = MAX(from, pp_edit_list_acked(&acked->edits, to));
            if (from <= acked->told) {
                /* The engine acknowledged more than the receiver: a block
                 * must not begin before that. */
                from = to = acked->told;
            }
        }
        if (pp_seq(acked, from) != left || pp_seq(acked, to) != right) {
            pp_packet_set_sack(pkt, i, pp_seq(acked, from),
                               pp_seq(acked, to));
        }
    }
}

/* 'pkt' tells the sender of 'acked' that what is before 'have' arrived; one
 * with RST tells nothing, unless it ends the connection. */
static void
tell(struct pp_half *acked, const struct pp_packet *pkt, uint64_t have)
{
    if (!(pkt->flags & PP_TCP_RST)) {
        acked->told = MAX(acked->told, have);
    }
}

/* Maps acknowledgement, window and SACK blocks of a packet of direction 'dir'
 * to what its receiver counts.  Returns true if any had to change. */
static bool
map_ack(struct pp_conn *conn, enum pp_dir dir, struct pp_packet *pkt)
{
    struct pp_half *acked = &conn->half[!dir];
    unsigned int shift = window_shift(conn, &conn->half[dir]);
    uint64_t out, in, have, edge, window;

    if (!(pkt->flags & PP_TCP_ACK) || !acked->has_isn) {
        return false;
    }
    out = pp_offset(acked, pkt->ack, acked->sent);
    if (pp_before_start(out) || out > acked->sent) {
        /* Of what was never sent: for its receiver to refuse. */
        return false;
    }
    if (pp_edit_list_is_clean(&acked->edits)) {
        tell(acked, pkt, out);
        if (acked->mine <= out) {
            return false;
        }
    }
    /* One from before edits that are folded already is brought up to date. */
    out = MAX(out, acked->acked);
    in = pp_edit_list_acked(&acked->edits, out);
    have = MAX(in, acked->mine);
    tell(acked, pkt, have);
    if (pp_seq(acked, have) != pkt->ack) {
        pp_packet_set_ack(pkt, pp_seq(acked, have));
    }
    edge = pp_edit_list_acked(
        &acked->edits, out + ((uint64_t) pkt->window << shift));
    window = MIN(room(conn, !dir, edge, have) >> shift, UINT16_MAX);
    if (window != pkt->window) {
        pp_packet_set_window(pkt, (uint16_t) window);
    }
    map_sack(pkt, acked);
    return true;
}

/* How far the sender of 'dir' may have come, with what never arrived. */
uint64_t
pp_stream_furthest(const struct pp_conn *conn, enum pp_dir dir)
{
    const struct pp_half *half = &conn->half[dir];
    const struct pp_half *receiver = &conn->half[!dir];
    uint64_t window = (uint64_t) receiver->window
                      << window_shift(conn, receiver);

    return MAX(half->told, half->high) + MAX(window, UINT16_MAX);
}

/* Lets a packet pass whose payload stands at 'in' of its in stream, and which
 * no edit touches; with its numbers mapped. */
void
pp_stream_pass(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
               struct pp_packet *pkt, uint64_t in)
{
    struct pp_half *half = &conn->half[dir];
    uint64_t out = pp_map(half, in);
    /* A FIN in a RST counts for nothing (RFC 9293 3.10.7.4). */
    uint64_t len = pkt->flags & PP_TCP_RST ? 0 : pp_packet_seg_len(pkt);
    bool mapped;

    if (len || pp_before_start(in)) {
        /* In its place. */
    } else if (pkt->flags & PP_TCP_RST) {
        /* Right where the receiver expects it, also if bytes before it are
         * held. */
        out = in == half->in_next ? MIN(out, half->sent) : out;
    } else if (in <= pp_stream_furthest(conn, dir)
               && is_ahead(half, in, out)) {
        out = MIN(out, place(half));
    }
    mapped = map_ack(conn, dir, pkt);
    pp_stream_shift_packet(conn, dir, pkt);
    if (pp_seq(half, out) != pkt->seq) {
        pp_packet_set_seq(pkt, pp_seq(half, out));
        mapped = true;
    }
    if (mapped) {
        st->counters->stream_rewritten++;
    } else {
        st->counters->stream_fast++;
    }
    if (len && !pp_before_start(in)) {
        if (dir == PP_FROM_SERVER) {
            half->unkept = MAX(half->unkept, in + len);
        }
        half->sent = MAX(half->sent, out + len);
        half->end = MAX(half->end, half->sent);
    }
    pp_packet_mark_long(pkt, conn->half[!dir].mss);
    pp_packet_out(pkt, st->out, st->counters);
}

/* Held frames that are looked at for SACK blocks: enough for a large window,
 * and no more work for a sender that sends a byte at a time. */
#define SACK_LOOK 512

struct range {
    uint64_t from, to;
};

static bool
range_has(const struct range *range, uint64_t in)
{
    return range->from <= in && in < range->to;
}

/* Tells the sender of 'half' in SACK blocks what waits behind a gap, first
 * that with the byte at 'recent' (RFC 2018 4). */
static void
put_sack(struct pp_half *half, uint64_t recent, struct pp_segment *seg)
{
    struct range ranges[PP_SACK_MAX];
    struct range *last = NULL;
    unsigned int looked = 0;
    struct pp_held *held;

    LIST_FOR_EACH_REVERSE (held, node, &half->early) {
        uint64_t end = held->in + pp_packet_seg_len(&held->pkt);

        if (held->in <= half->told) {
            /* Its turn has come. */
            break;
        } else if (last && end >= last->from) {
            last->from = MIN(last->from, held->in);
            last->to = MAX(last->to, end);
        } else if (seg->n_sack == PP_SACK_MAX && range_has(last, recent)) {
            break;
        } else {
            last = &ranges[seg->n_sack < PP_SACK_MAX ? seg->n_sack++
                           : PP_SACK_MAX - 1];
            *last = (struct range) { .from = held->in, .to = end };
        }
        if (++looked == SACK_LOOK) {
            break;
        }
    }
    for (unsigned int i = 0; i < seg->n_sack; i++) {
        if (range_has(&ranges[i], recent)) {
            struct range first = ranges[i];

            ranges[i] = ranges[0];
            ranges[0] = first;
        }
    }
    for (unsigned int i = 0; i < seg->n_sack; i++) {
        seg->sack[i][0] = pp_seq(half, ranges[i].from);
        seg->sack[i][1] = pp_seq(half, ranges[i].to);
        half->promised = MAX(half->promised, ranges[i].to);
    }
}

/* A segment of direction 'dir' of the engine's own making. */
static void
send_segment(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
             uint64_t out, uint8_t flags, const uint8_t *payload, size_t len)
{
    struct pp_half *half = &conn->half[dir];
    struct pp_half *acked = &conn->half[!dir];
    bool to_server = dir == PP_TO_SERVER;
    struct pp_segment seg = {
        .eth = half->eth,
        .slot = half->slot,
        .tpid = half->tpid,
        .vlan_tci = half->vlan_tci,
        .ipv6 = !IN6_IS_ADDR_V4MAPPED(&conn->head.key.client),
        .ttl = half->ttl,
        .tos = half->tos & 0xfc,
        .src = to_server ? conn->head.key.client : conn->head.key.service,
        .dst = to_server ? conn->head.key.service : conn->head.key.client,
        .src_port = (to_server ? conn->head.key.client_port
                     : conn->head.key.service_port),
        .dst_port = (to_server ? conn->head.key.service_port
                     : conn->head.key.client_port),
        .seq = pp_seq(half, out),
        .flags = flags | PP_TCP_ACK,
        .has_ts = conn->has_ts,
        .tsval = pp_stream_shifted(conn, half->tsval),
        .tsecr = acked->tsval,
        .payload = payload,
        .payload_len = (uint32_t) len,
    };

    acked->told = MAX(acked->told, pp_have(acked));
    seg.ack = pp_seq(acked, acked->told);
    seg.window = (uint16_t) MIN(
        room(conn, !dir, pp_edit_list_acked(&acked->edits, acked->edge),
             acked->told) >> window_shift(conn, half), UINT16_MAX);
    if (!len && conn->half[0].sack_ok && conn->half[1].sack_ok
        && !to_server) {
        put_sack(acked, st->in, &seg);
    }
    pp_segment_out(&seg, st->out, st->counters);
}

/* Tells the sender of 'dir' what its receiver, or the engine for it, has. */
void
pp_stream_send_ack(struct pp_stream *st, struct pp_conn *conn,
                   enum pp_dir dir)
{
    send_segment(st, conn, !dir, place(&conn->half[!dir]), 0, NULL, 0);
}

/* Has the receiver of 'dir' tell what it has: a segment before what it
 * expects it must answer with an acknowledgement (RFC 9293 3.10.7.4). */
void
pp_stream_probe(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir)
{
    send_segment(st, conn, dir, conn->half[dir].acked - 1, 0, NULL, 0);
}

/* Resets the connection towards the receiver of 'dir', at 'out'. */
void
pp_stream_send_rst(struct pp_stream *st, struct pp_conn *conn,
                   enum pp_dir dir, uint64_t out)
{
    send_segment(st, conn, dir, out, PP_TCP_RST, NULL, 0);
}

/* Resets the sender of 'pkt', of direction 'dir', at the place that it says it
 * expects: the only one where it must take it (RFC 5961 3.2). */
void
pp_stream_answer_rst(struct pp_stream *st, struct pp_conn *conn,
                     enum pp_dir dir, const struct pp_packet *pkt)
{
    struct pp_half *other = &conn->half[!dir];

    send_segment(st, conn, !dir, pp_offset(other, pkt->ack, other->sent),
                 PP_TCP_RST, NULL, 0);
}

/* Finds bytes of the out stream at 'out': kept ones, else those of the packet
 * at hand.  'to' bounds them. */
static struct pp_bytes
fetch(const struct pp_stream *st, const struct pp_conn *conn,
      enum pp_dir dir, uint64_t out, uint64_t to)
{
    const struct pp_half *half = &conn->half[dir];
    const struct pp_keep *keep = pp_keep_find(half, out);
    uint64_t in, end;

    if (keep && keep->out <= out) {
        return (struct pp_bytes) {
            .p = keep->data + (out - keep->out),
            .n = MIN(to, keep->out + keep->len) - out,
        };
    }
    if (!st->pkt || st->conn != conn || st->dir != dir) {
        return (struct pp_bytes) { .n = 0 };
    }
    in = pp_edit_list_acked(&half->edits, out);
    end = MIN(keep ? MIN(to, keep->out) : to,
              pp_edit_list_next(&half->edits, out));
    if (in < st->in || in >= st->in + st->pkt->payload_len
        || pp_map(half, in) != out) {
        return (struct pp_bytes) { .n = 0 };
    }
    return (struct pp_bytes) {
        .p = st->pkt->data + st->pkt->payload + (in - st->in),
        .n = MIN(end - out, st->in + st->pkt->payload_len - in),
    };
}

/* Bytes in a segment of direction 'dir', at most.  No more than half of the
 * most room that its receiver ever had (RFC 9293 3.8.6.2.1), as the sender has
 * it, too: a receiver may offer no room at all while it has less than for the
 * largest segment that it has seen (3.8.6.2.2), and Linux, with a buffer that
 * never has so much, does so for good. */
static size_t
segment_size(const struct pp_conn *conn, enum pp_dir dir)
{
    const struct pp_half *receiver = &conn->half[!dir];
    size_t most = (size_t) receiver->window_max
                  << window_shift(conn, receiver);
    size_t mss = MIN(conn->half[0].mss ? conn->half[0].mss : MSS_DEFAULT,
                     conn->half[1].mss ? conn->half[1].mss : MSS_DEFAULT);
    size_t options = conn->has_ts ? 12 : 0;
    size_t size = mss > options + 8 ? mss - options : 8;

    return MIN(size, most > MSS_DEFAULT ? most / 2 : SEGMENT_MAX);
}

/* Puts the out stream's bytes from 'from' to 'to' into segments and sends
 * them: for the first time, or again.  Stops at the receiver's window, and
 * where the bytes are the sender's alone to send. */
void
pp_stream_emit(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
               uint64_t from, uint64_t to)
{
    struct pp_half *half = &conn->half[dir];
    size_t size = segment_size(conn, dir);
    uint64_t fin = half->out_fin;
    uint64_t data_end = MIN(to, fin);
    uint64_t edge = MAX(half->edge, half->sent);
    uint64_t out = from;

    while (out < to) {
        uint8_t flags = 0;
        size_t n = 0;

        while (n < size && out + n < MIN(data_end, edge)) {
            struct pp_bytes piece = fetch(st, conn, dir, out + n,
                                          MIN(MIN(data_end, edge),
                                              out + size));

            if (!piece.n) {
                break;
            }
            memcpy(st->segment + n, piece.p, piece.n);
            n += piece.n;
        }
        if (out + n == fin && to > fin) {
            flags |= PP_TCP_FIN;
        } else if (!n || (n < size && out + n == edge && edge < data_end
                          && out > half->acked)) {
            /* A segment that is short for the window's sake waits for what is
             * on its way (RFC 9293 3.8.6.2.1). */
            break;
        }
        if (out + n >= data_end) {
            flags |= PP_TCP_PSH;
        }
        st->counters->stream_rebuilt++;
        send_segment(st, conn, dir, out, flags, st->segment, n);
        out += n + !!(flags & PP_TCP_FIN);
        half->sent = MAX(half->sent, out);
    }
}

/* Acknowledgements. */

/* The engine acknowledges all that came of 'dir' in the receiver's name, if
 * it can take over its delivery. */
void
pp_stream_acknowledge(struct pp_conn *conn, enum pp_dir dir)
{
    struct pp_half *half = &conn->half[dir];

    if (half->unkept <= pp_edit_list_acked(&half->edits, half->acked)
        || half->cut) {
        half->mine = MAX(half->mine, half->in_next);
    }
}

/* Takes what 'pkt', of direction 'dir', acknowledges of the other one. */
void
pp_stream_take_ack(struct pp_stream *st, struct pp_conn *conn,
                   enum pp_dir dir, const struct pp_packet *pkt)
{
    struct pp_half *acked = &conn->half[!dir];
    unsigned int shift = window_shift(conn, &conn->half[dir]);
    uint64_t out, in;
    bool word = false;

    if (!(pkt->flags & PP_TCP_ACK) || !acked->has_isn) {
        return;
    }
    if (conn->epoch != st->epoch && dir == PP_FROM_SERVER) {
        word = true;
    }
    out = pp_offset(acked, pkt->ack, acked->sent);
    if (pp_before_start(out)
        || (out > acked->sent
            && !pp_stream_take_foreign_ack(st, conn, dir, pkt, out))) {
        return;
    }
    pp_stream_take_foreign_sack(st, conn, dir, pkt);
    if (word) {
        pp_stream_take_word(st, conn, pkt);
    }
    acked->edge = MAX(acked->edge, out + ((uint64_t) pkt->window << shift));
    if (acked->edge <= acked->acked) {
        /* It has no room, but it answers: nothing is lost. */
        acked->n_rto = MIN(acked->n_rto, PP_RTO_TRIES / 2);
    }
    if (out > acked->acked) {
        acked->acked = out;
        if (conn->close_at) {
            conn->close_at = st->now + PP_CLOSE_MS;
        }
        pp_keep_release(st, acked);
        in = pp_edit_list_acked(&acked->edits, out);
        if (acked->edits.n) {
            pp_stream_prune(st, acked, out);
        }
        if (acked->n_rto) {
            acked->n_rto = 0;
            conn->rto_at = st->now + PP_RTO_MIN_MS;
        }
        if (MIN(in, acked->decided) > acked->in_next) {
            /* The receiver has bytes that passed out of order, and maybe some
             * that are behind them and wait here for their turn. */
            acked->in_next = MIN(in, acked->decided);
        }
        if (out < acked->recover && out < acked->owned) {
            /* The next hole after a timeout. */
            pp_stream_emit(st, conn, !dir, out,
                           MIN(acked->recover,
                               out + 2 * segment_size(conn, !dir)));
        }
    }
    if (acked->sent < acked->end && acked->keep_last) {
        pp_stream_emit(st, conn, !dir, acked->sent, acked->end);
    }
    if (dir == PP_TO_SERVER && conn->epoch != st->epoch) {
        pp_stream_take_gap(conn);
    }
}

/* Timers. */

/* True if the engine has something of 'half' to deliver. */
static bool
delivers(const struct pp_half *half, const struct pp_half *other)
{
    return (!other->dead
            && (half->acked < half->owned
                || (half->cut && half->out_fin != UINT64_MAX
                    && half->acked <= half->out_fin)));
}

void
pp_stream_set_deadline(struct pp_stream *st, struct pp_conn *conn)
{
    uint64_t deadline = UINT64_MAX;

    deadline = conn->hold_ack_at ? MIN(deadline, conn->hold_ack_at) : deadline;
    deadline = conn->rto_at ? MIN(deadline, conn->rto_at) : deadline;
    deadline = conn->close_at ? MIN(deadline, conn->close_at) : deadline;
    deadline = conn->ask_at ? MIN(deadline, conn->ask_at) : deadline;
    pp_timers_set(&st->timers, &conn->timer,
                  deadline == UINT64_MAX ? 0 : deadline);
}

/* Bytes up to here the engine delivers: it acknowledged them, or some of
 * them, so that their sender need not send them again. */
static void
update_owned(struct pp_half *half)
{
    uint64_t mine = MIN(MAX(half->mine, half->promised), pp_decided(half));

    if (mine && !half->cut) {
        half->owned = MAX(half->owned,
                          pp_edit_list_end(&half->edits, mine));
    }
}

/* True if the sender's FIN was acknowledged. */
static bool
closed(const struct pp_half *half)
{
    return (half->fin != UINT64_MAX
            && half->acked > pp_edit_list_start(&half->edits, half->fin));
}

void
pp_stream_done(struct pp_stream *st, struct pp_conn *conn)
{
    struct pp_half *to = &conn->half[PP_TO_SERVER];
    struct pp_half *from = &conn->half[PP_FROM_SERVER];

    if (conn->state != PP_CONN_CLOSING && to->has_isn && from->has_isn) {
        bool undecided = to->decided < to->in_next;

        update_owned(to);
        if (pp_have(to) > to->told) {
            pp_stream_send_ack(st, conn, PP_TO_SERVER);
        }
        if (pp_have(from) > from->told) {
            /* The frame that says so is held. */
            pp_stream_send_ack(st, conn, PP_FROM_SERVER);
        }
        if (!undecided || to->mine >= to->in_next) {
            conn->hold_ack_at = 0;
        } else if (!conn->hold_ack_at) {
            conn->hold_ack_at = st->now + PP_HOLD_ACK_MS;
        }
    }
    if (conn->state != PP_CONN_CLOSING && closed(to) && closed(from)) {
        conn->state = PP_CONN_CLOSED;
    }
    if (pp_stream_conn_is_over(conn)) {
        conn->close_at = 0;
    }
    if (!conn->asks) {
        conn->ask_at = 0;
    }
    if (!delivers(to, from) && !delivers(from, to)) {
        conn->rto_at = 0;
        to->n_rto = from->n_rto = 0;
    } else if (!conn->rto_at) {
        conn->rto_at = st->now + PP_RTO_MIN_MS;
    }
    pp_stream_set_deadline(st, conn);
    pp_ledger_update(st->ledger, st, conn);
}

/* Sends the first thing again that the receiver of 'dir' misses. */
static void
retransmit(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir)
{
    struct pp_half *half = &conn->half[dir];
    const struct pp_keep *keep = pp_keep_find(half, half->acked);
    uint64_t from = half->acked;
    uint64_t end = (half->cut && half->out_fin != UINT64_MAX
                    ? half->out_fin + 1 : half->owned);

    if (keep && keep->out > from) {
        from = keep->out;
    } else if (!keep) {
        from = MAX(from, MIN(half->out_fin, end));
    }
    st->counters->stream_rto++;
    half->recover = MAX(half->recover, half->sent);
    half->n_rto++;
    if (conn->unplaced && dir == PP_TO_SERVER) {
        /* The client's answer tells where its frames come from; until then
         * none can be made in its name. */
        pp_stream_probe(st, conn, PP_FROM_SERVER);
    } else if (conn->out_of_step
               || (dir == PP_TO_SERVER && pp_stream_is_edited(conn)
                   && pp_stream_must_ask(st, conn))) {
        pp_stream_probe(st, conn, dir);
    } else if (from >= half->edge && from != half->out_fin) {
        /* Its window is closed: it is asked for it (RFC 9293 3.8.6.1), with no
         * byte, which would be in the way of acknowledgements. */
        pp_stream_probe(st, conn, dir);
    } else {
        pp_stream_emit(st, conn, dir, from,
                       MIN(end, from + segment_size(conn, dir)));
    }
}

static void
run_rto(struct pp_stream *st, struct pp_conn *conn)
{
    unsigned int n = 0;

    for (int dir = 0; dir < 2; dir++) {
        if (delivers(&conn->half[dir], &conn->half[!dir])) {
            retransmit(st, conn, dir);
            n = MAX(n, conn->half[dir].n_rto);
        }
    }
    if (n > PP_RTO_TRIES) {
        st->counters->stream_gave_up++;
        pp_stream_cut(st, conn, true);
        conn->close_at = st->now;
        conn->rto_at = 0;
    } else {
        conn->rto_at = st->now + ((uint64_t) PP_RTO_MIN_MS << n);
    }
}

/* Stands in for nobody any more: resets both ends.  Each takes it only where
 * it expects the next byte, which it was last heard to be but is not known for
 * sure; so the connection is remembered, and whoever goes on is told again. */
void
pp_stream_give_up(struct pp_stream *st, struct pp_conn *conn)
{
    for (int dir = 0; dir < 2; dir++) {
        if (!conn->half[!dir].dead) {
            pp_stream_send_rst(st, conn, dir, conn->half[dir].acked);
            conn->half[!dir].dead = true;
        }
    }
    for (int dir = 0; dir < 2; dir++) {
        pp_keep_drop(st, &conn->half[dir]);
        pp_stream_prune(st, &conn->half[dir], UINT64_MAX);
    }
    pp_stream_done(st, conn);
}

uint64_t
pp_stream_deadline(const struct pp_stream *st)
{
    return pp_timers_next(&st->timers);
}

struct pp_conn *
pp_stream_run_timers(struct pp_stream *st)
{
    struct pp_timer *timer;

    st->pkt = NULL;
    while ((timer = pp_timers_due(&st->timers, st->now)) != NULL) {
        struct pp_conn *conn = CONTAINER_OF(timer, struct pp_conn, timer);

        st->out->bridge = conn->head.key.bridge;
        if (conn->close_at && conn->close_at <= st->now) {
            pp_stream_give_up(st, conn);
            return conn;
        }
        if (conn->hold_ack_at && conn->hold_ack_at <= st->now) {
            conn->hold_ack_at = 0;
            st->counters->stream_hold_acks++;
            pp_stream_acknowledge(conn, PP_TO_SERVER);
            if (conn->half[PP_TO_SERVER].mine
                < conn->half[PP_TO_SERVER].in_next) {
                /* Not yet: bytes before are the sender's to deliver. */
                conn->hold_ack_at = st->now + PP_HOLD_ACK_MS;
                pp_stream_set_deadline(st, conn);
                continue;
            }
        }
        if (conn->ask_at && conn->ask_at <= st->now) {
            pp_stream_ask(st, conn);
        }
        if (conn->rto_at && conn->rto_at <= st->now) {
            run_rto(st, conn);
        }
        pp_stream_done(st, conn);
    }
    return NULL;
}
