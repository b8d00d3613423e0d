/* SPDX-License-Identifier: Apache-2.0 */

/* Frames that go around the engine: for some milliseconds, when others delete
 * its flows, the switch brings frames straight from end to end.
 *
 * On a connection without edits these are what the engine would have passed;
 * but it does not know their bytes, and nobody sends them again.  The server's
 * own acknowledgements tell; then the engine goes on where the ends are, and
 * the fail mode decides about a connection that it cannot inspect any more.
 * What a client says counts only for a time of which control has said that
 * frames may have gone around: it may acknowledge what it never got, to be
 * left alone.
 *
 * On a connection with edits their numbers are wrong, and their receiver must
 * not take them.  From its first edit on, all timestamps (RFC 7323) that leave
 * the engine are PP_SHIFT later than their sender has them: so frames that go
 * around it are old duplicates to their receiver (PAWS), which drops them.
 *
 * That holds once both have one with a shifted timestamp.  Until then, and
 * where there are none, a connection with edits is reset if anything was under
 * way when frames may have gone around, or if an end turns out to have bytes
 * that never left the engine.
 *
 * The first edit is made only while the server is known to have nothing from
 * elsewhere: after frames may have gone around, it is asked first.
 *
 * In: packets, and control's word.  Out: what became of the connection.  Runs
 * in the engine and in the offline tool; owns nothing of its own. */

#include <config.h>

#include "engine/pp-stream-private.h"

/* How much later: more than the clock of an end moves on while a connection
 * is idle (1 ms a tick, as a rule), and less than half of the circle. */
#define PP_SHIFT (UINT32_C(1) << 30)

/* What was on its way to the server when the flows were put back has arrived
 * after this long. */
#define SETTLE_MS 5

/* From one question to the next. */
#define ASK_MS 200

/* Timestamps. */

void
pp_stream_shift(struct pp_conn *conn)
{
    conn->shifted |= conn->has_ts;
}

uint32_t
pp_stream_shifted(const struct pp_conn *conn, uint32_t tsval)
{
    return conn->shifted ? tsval + PP_SHIFT : tsval;
}

/* Does 'pkt', of direction 'dir', give one back that was shifted? */
static bool
echoes_shifted(const struct pp_conn *conn, enum pp_dir dir,
               const struct pp_packet *pkt)
{
    uint32_t ahead = pkt->tsecr - conn->half[!dir].tsval;

    return (conn->shifted && pkt->ts && pkt->flags & PP_TCP_ACK
            && (int32_t) ahead > (int32_t) (PP_SHIFT / 2));
}

void
pp_stream_learn_guard(struct pp_conn *conn, enum pp_dir dir,
                      const struct pp_packet *pkt)
{
    if (echoes_shifted(conn, dir, pkt)) {
        conn->half[dir].guarded = true;
    }
}

void
pp_stream_shift_packet(const struct pp_conn *conn, enum pp_dir dir,
                       struct pp_packet *pkt)
{
    if (conn->shifted && pkt->ts) {
        pp_packet_set_tsval(pkt, pkt->tsval + PP_SHIFT);
        if (echoes_shifted(conn, dir, pkt)) {
            pp_packet_set_tsecr(pkt, pkt->tsecr - PP_SHIFT);
        }
    }
}

/* What goes around the engine is nothing to either end. */
static bool
is_guarded(const struct pp_conn *conn)
{
    return conn->half[0].guarded && conn->half[1].guarded;
}

static bool
is_under_way(const struct pp_half *half)
{
    return half->acked < half->end;
}

void
pp_stream_check_epoch(struct pp_stream *st, struct pp_conn *conn)
{
    struct pp_half *to = &conn->half[PP_TO_SERVER];
    struct pp_half *from = &conn->half[PP_FROM_SERVER];

    if (is_guarded(conn) && !conn->asks
        && pp_edit_list_acked(&from->edits, from->acked) <= from->in_next) {
        /* It has seen no foreign bytes, and takes none. */
        conn->epoch = st->epoch;
    }
    if (conn->epoch == st->epoch || conn->asks || conn->out_of_step
        || to->guarded || !pp_stream_is_edited(conn)
        || conn->state == PP_CONN_CLOSING || conn->state == PP_CONN_CLOSED) {
        return;
    }
    conn->doubtful = true;
    /* The client may have taken acknowledgements that counted otherwise, and
     * not send again what the server has not; or what the server sent, where
     * a reply in its name was to stand. */
    if (is_under_way(to)) {
        if (to->unkept <= pp_edit_list_acked(&to->edits, to->acked)) {
            to->owned = MAX(to->owned, to->end);
        } else if (pp_map(to, to->in_next) > to->in_next) {
            conn->out_of_step = true;
        }
    }
    if (is_under_way(from) && !pp_edit_list_is_clean(&from->edits)) {
        conn->out_of_step = true;
    }
}

/* Frames of the server's went around the engine to the client: can a
 * connection with edits go on?  Their bytes must have been in their place, and
 * what they acknowledged no more than the server has. */
static bool
can_go_on(const struct pp_conn *conn)
{
    const struct pp_half *to = &conn->half[PP_TO_SERVER];

    return (pp_edit_list_is_clean(&conn->half[PP_FROM_SERVER].edits)
            && pp_map(to, to->in_next) <= to->in_next);
}

/* What the ends say. */

/* How far the sender of 'pkt' has some of 'acked', by its SACK blocks: beyond
 * what left, if some of that is foreign. */
static uint64_t
foreign_sack(const struct pp_half *acked, const struct pp_packet *pkt)
{
    uint64_t most = acked->sent;

    for (unsigned int i = 0; i < pkt->n_sack; i++) {
        uint32_t left, right;
        uint64_t out;

        pp_packet_get_sack(pkt, i, &left, &right);
        out = pp_offset(acked, right, acked->sent);
        if ((int64_t) (out - most) > 0) {
            most = out;
        }
    }
    return most;
}

/* The sender of 'pkt', of direction 'dir', has something that never left the
 * engine: up to 'out', or, if it is nothing new, beyond a gap.  True if 'out'
 * is to be taken over. */
static bool
take_foreign(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
             const struct pp_packet *pkt, uint64_t out)
{
    struct pp_half *acked = &conn->half[!dir];
    bool asked = dir == PP_FROM_SERVER || conn->epoch != st->epoch;

    if (conn->state == PP_CONN_CLOSING) {
        return false;
    } else if (pp_stream_is_edited(conn)) {
        /* A third party that guesses must not end it. */
        uint64_t in = pp_offset(&conn->half[dir], pkt->seq,
                                conn->half[dir].in_next);

        if (!asked || is_guarded(conn) || out > acked->edge
            || (dir == PP_TO_SERVER
                && (in + 1 < conn->half[dir].told
                    || in > pp_stream_furthest(conn, dir)))) {
            return false;
        }
        conn->out_of_step |= dir == PP_FROM_SERVER || !can_go_on(conn);
        conn->around = true;
        return true;
    } else if (conn->pending_syn
               && conn->pending_isn != conn->half[PP_TO_SERVER].isn) {
        /* It may be of the connection that begins here. */
        return false;
    } else if (conn->state == PP_CONN_INSPECTED && out > acked->decided) {
        conn->around |= asked;
        return asked;
    }
    return true;
}

/* Takes what 'pkt', of direction 'dir', acknowledges of what the engine has
 * not seen: 'out' is its acknowledgement.  False if it is to be ignored. */
bool
pp_stream_take_foreign_ack(struct pp_stream *st, struct pp_conn *conn,
                           enum pp_dir dir, const struct pp_packet *pkt,
                           uint64_t out)
{
    struct pp_half *acked = &conn->half[!dir];

    if (!take_foreign(st, conn, dir, pkt, out)) {
        return false;
    }
    acked->sent = out;
    acked->end = MAX(acked->end, out);
    return true;
}

void
pp_stream_take_foreign_sack(struct pp_stream *st, struct pp_conn *conn,
                            enum pp_dir dir, const struct pp_packet *pkt)
{
    const struct pp_half *acked = &conn->half[!dir];
    uint64_t out = foreign_sack(acked, pkt);

    if (out > acked->sent) {
        take_foreign(st, conn, dir, pkt, out);
    }
}

void
pp_stream_take_gap(struct pp_conn *conn)
{
    const struct pp_half *from = &conn->half[PP_FROM_SERVER];
    const struct ovs_list *early = &from->early;
    uint64_t in = pp_edit_list_acked(&from->edits, from->acked);

    if (conn->state != PP_CONN_INSPECTED
        || in <= from->in_next || in <= from->decided) {
        return;
    }
    if (!ovs_list_is_empty(early)
        && CONTAINER_OF(ovs_list_front(early), struct pp_held, node)->in
           <= from->in_next) {
        /* What is there only waits for its turn. */
        return;
    }
    conn->around = true;
    conn->out_of_step |= !can_go_on(conn);
}

/* Who sends what is behind a gap again has nothing to fill it with: the server
 * has that from elsewhere, or the client was told so.  Once, it may be a probe
 * (RFC 8985 7). */
#define AGAIN_MAX 4

void
pp_stream_take_again(struct pp_stream *st, struct pp_conn *conn)
{
    if (!pp_stream_is_edited(conn)) {
        pp_stream_probe(st, conn, PP_TO_SERVER);
    } else if (conn->doubtful) {
        conn->n_again++;
        conn->out_of_step |= conn->n_again >= AGAIN_MAX;
    }
}

/* Asking. */

/* Does the server say what it has behind a gap? */
static bool
tells_all(const struct pp_conn *conn)
{
    return conn->half[0].sack_ok && conn->half[1].sack_ok;
}

/* The server has spoken: if it is where it should be, nothing that went around
 * the engine is in the way.  What it sent before it got the last of that does
 * not count, nor does a segment with bytes, which may be old. */
void
pp_stream_take_word(struct pp_stream *st, struct pp_conn *conn,
                    const struct pp_packet *pkt)
{
    const struct pp_half *from = &conn->half[PP_FROM_SERVER];

    if (tells_all(conn)
        && st->now >= st->epoch_at + SETTLE_MS && pkt->flags & PP_TCP_ACK
        && !pp_packet_seg_len(pkt) && !conn->around && !conn->out_of_step
        && pp_offset(from, pkt->seq, from->in_next) <= from->in_next) {
        conn->epoch = st->epoch;
        conn->asks = false;
    }
}

/* True if nothing may be decided about the connection's to-server bytes, nor
 * what is decided be sent, before the server has spoken.  It is asked. */
bool
pp_stream_must_ask(struct pp_stream *st, struct pp_conn *conn)
{
    if (conn->epoch == st->epoch || conn->state != PP_CONN_INSPECTED
        || is_guarded(conn)) {
        return false;
    }
    /* What it says has the connection looked at in any case. */
    conn->around |= !tells_all(conn);
    conn->out_of_step |= conn->around && pp_stream_is_edited(conn);
    if (!conn->asks) {
        conn->asks = true;
        conn->ask_at = MAX(st->now, st->epoch_at + SETTLE_MS);
    }
    return true;
}

void
pp_stream_ask(struct pp_stream *st, struct pp_conn *conn)
{
    /* The client tells what it has of what the server sent. */
    pp_stream_probe(st, conn, PP_TO_SERVER);
    pp_stream_probe(st, conn, PP_FROM_SERVER);
    conn->ask_at = st->now + ASK_MS;
}

void
pp_stream_went_around(struct pp_stream *st)
{
    struct pp_conn *conn;

    st->epoch++;
    st->epoch_at = st->now;
    /* Who waits for bytes that will not come any more. */
    for (int i = 0; i < PP_HOLDER_CLASSES; i++) {
        LIST_FOR_EACH (conn, holder, &st->holders[i]) {
            pp_stream_check_epoch(st, conn);
            if (pp_stream_must_ask(st, conn)) {
                pp_stream_set_deadline(st, conn);
            }
        }
    }
}

/* Going on. */

void
pp_stream_lose(struct pp_stream *st, struct pp_conn *conn, enum pp_fail fail)
{
    const struct pp_step bad = { .kind = PP_STEP_BAD };
    const struct pp_view nothing = { .len = 0 };
    const struct pp_half *to = &conn->half[PP_TO_SERVER];

    conn->asks = false;
    if (to->swallow > to->decided) {
        /* The rest of what is being taken away would get through. */
        conn->out_of_step = true;
    }
    if (conn->out_of_step) {
        conn->out_of_step = conn->around = false;
        if (conn->state != PP_CONN_CLOSING) {
            st->counters->stream_out_of_step++;
            pp_stream_abort(st, conn);
        }
        return;
    }
    conn->around = false;
    if (conn->state != PP_CONN_INSPECTED) {
        return;
    }
    st->counters->stream_around++;
    if (fail == PP_FAIL_CLOSED) {
        /* What the server has not to get it may have in part. */
        st->counters->engine_fail_closed_drops++;
        pp_stream_abort(st, conn);
        return;
    }
    pp_stream_apply(st, PP_TO_SERVER, &nothing, &bad, fail);
    pp_stream_out(st, PP_TO_SERVER);
    for (int dir = 0; dir < 2; dir++) {
        struct pp_half *half = &conn->half[dir];

        half->in_next = MAX(half->in_next,
                            pp_edit_list_acked(&half->edits, half->acked));
        half->high = MAX(half->high, half->in_next);
    }
}
