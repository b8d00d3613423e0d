/* SPDX-License-Identifier: Apache-2.0 */

/* How connections begin and end: SYNs, RSTs, and closing in the server's
 * name.
 *
 * In: packets that open or end a connection, and decisions to end one.  Out:
 * frames.  Runs in the engine and in the offline tool; owns nothing of its
 * own. */

#include <config.h>

#include "engine/pp-stream-private.h"

#include <string.h>

/* How far a RST may be ahead of what came and still get an answer: as far as a
 * window that is not scaled. */
#define RST_AHEAD 65535

/* Beginning. */

/* Learns what a SYN announces of its sender. */
static void
learn_syn(struct pp_conn *conn, enum pp_dir dir, const struct pp_packet *pkt)
{
    struct pp_half *half = &conn->half[dir];

    half->isn = pkt->seq;
    half->has_isn = true;
    half->wscale = pkt->wscale;
    half->sack_ok = pkt->sack_ok;
    half->mss = pkt->mss;
    half->slot = pkt->slot;
    half->tpid = pkt->tpid;
    half->vlan_tci = pkt->vlan;
    memcpy(half->eth, pkt->data, sizeof half->eth);
    half->ttl = pkt->ttl;
    half->tos = pkt->tos;
    half->window = pkt->window;
    half->tsval = pkt->ts ? pkt->tsval : 0;
    if (dir == PP_FROM_SERVER) {
        /* A server that signs does so from here on.  A client's word alone
         * says nothing: a server without a key drops what is signed, and the
         * client may try again without. */
        conn->signed_ = pkt->signed_;
    }
}

/* The client's SYN that waits is the one that the server answers. */
static void
take_pending(struct pp_conn *conn)
{
    struct pp_half *to = &conn->half[PP_TO_SERVER];

    to->isn = conn->pending_isn;
    to->tsval = conn->pending_tsval;
    to->mss = conn->pending_mss;
    to->wscale = conn->pending_wscale;
    to->sack_ok = conn->pending_sack_ok;
    conn->pending_syn = false;
}

/* A handshake with the server's number 'isn' may still end. */
static void
add_former(struct pp_conn *conn, uint32_t isn)
{
    memmove(conn->formers + 1, conn->formers,
            sizeof conn->formers - sizeof *conn->formers);
    conn->formers[0] = isn;
    conn->crowded |= conn->n_formers >= PP_FORMERS;
    conn->n_formers += conn->n_formers < PP_FORMERS;
}

/* Forgets what was, for a connection that starts anew with the same key. */
static void
start_anew(struct pp_stream *st, struct pp_conn *conn)
{
    struct pp_half *to = &conn->half[PP_TO_SERVER];
    uint16_t from_vlan = conn->half[PP_FROM_SERVER].vlan;
    struct pp_half old = *to;

    st->counters->flow_reused++;
    conn->has_former = old.has_isn && conn->half[PP_FROM_SERVER].has_isn;
    conn->former_isn = old.isn;
    if (!pp_stream_is_young(st, conn)) {
        conn->n_formers = 0;
        conn->crowded = false;
    }
    if (conn->has_former) {
        add_former(conn, conn->half[PP_FROM_SERVER].isn);
    }
    pp_stream_conn_destroy(st, conn);
    memset(conn->half, 0, sizeof conn->half);
    conn->hold_ack_at = conn->rto_at = conn->close_at = conn->ask_at = 0;
    conn->to_server_waits = conn->has_ts = conn->signed_ = false;
    conn->met = conn->other_syn = conn->loose = conn->another = false;
    conn->over = false;
    conn->shifted = conn->asks = conn->doubtful = false;
    conn->around = conn->out_of_step = conn->unplaced = false;
    conn->n_again = 0;
    conn->fins = conn->cut_frames = 0;
    pp_stream_conn_init(conn);
    to->has_isn = true;
    if (conn->pending_syn) {
        take_pending(conn);
    } else {
        to->tsval = old.tsval;
        to->mss = old.mss;
        to->wscale = old.wscale;
        to->sack_ok = old.sack_ok;
    }
    to->slot = old.slot;
    to->tpid = old.tpid;
    to->vlan_tci = old.vlan_tci;
    to->vlan = old.vlan;
    conn->half[PP_FROM_SERVER].vlan = from_vlan;
    memcpy(to->eth, old.eth, sizeof to->eth);
    to->ttl = old.ttl;
    to->tos = old.tos;
    to->window = old.window;
    conn->restarted = true;
}

/* Notes a frame of the server's that may be of the connection that comes next:
 * one behind its SYN that was faster. */
void
pp_stream_note_stray(struct pp_conn *conn, const struct pp_packet *pkt)
{
    if (pkt->ts) {
        conn->has_stray = true;
        conn->stray_seq = pkt->seq;
        conn->stray_tsval = pkt->tsval;
    }
}

/* Learns what the server's answer 'pkt' to a SYN announces. */
static void
learn_answer(struct pp_conn *conn, const struct pp_packet *pkt)
{
    struct pp_half *to = &conn->half[PP_TO_SERVER];
    struct pp_half *from = &conn->half[PP_FROM_SERVER];

    learn_syn(conn, PP_FROM_SERVER, pkt);
    if (pkt->ts && conn->has_stray && conn->stray_seq - pkt->seq <= UINT16_MAX
        && (int32_t) (conn->stray_tsval - pkt->tsval) > 0) {
        from->tsval = conn->stray_tsval;
    }
    conn->has_ts = pkt->ts;
    to->edge = pkt->window;
    from->edge = to->window;
    if (to->wscale >= 0 && from->wscale >= 0) {
        /* Not scaled in a SYN itself (RFC 7323 2.2). */
        from->window = (uint16_t) (pkt->window >> from->wscale);
    }
    from->window_max = from->window;
}

/* A server that keeps no state for SYNs (RFC 4987 3.6) may answer the same one
 * with another number later.  Which of them the client got, its
 * acknowledgement tells; until then both are remembered.  False: 'pkt' is no
 * such answer. */
static bool
take_other_syn(struct pp_conn *conn, const struct pp_packet *pkt)
{
    const struct pp_half *to = &conn->half[PP_TO_SERVER];
    const struct pp_half *from = &conn->half[PP_FROM_SERVER];

    if (conn->state != PP_CONN_INSPECTED || to->in_next || from->in_next
        || pkt->ack != to->isn + 1 || pkt->seq == from->isn) {
        return false;
    }
    conn->met = conn->over = false;
    conn->other_syn = true;
    conn->other_isn = from->isn;
    conn->other_ts = conn->has_ts;
    conn->other_wscale = from->wscale;
    conn->other_mss = from->mss;
    conn->other_sack_ok = from->sack_ok;
    learn_answer(conn, pkt);
    return true;
}

/* Is 'pkt', a SYN+ACK that answers no SYN that waits, the one of the last
 * connection, which comes late once more? */
static bool
is_former(const struct pp_conn *conn, const struct pp_packet *pkt)
{
    return (conn->has_former
            && pkt->ack == conn->former_isn + 1
            && pkt->seq == conn->formers[0]);
}

/* A SYN.  Until the server answers, any number of them may come, and its
 * answer tells which it took. */
void
pp_stream_syn(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
              struct pp_packet *pkt)
{
    struct pp_half *to = &conn->half[PP_TO_SERVER];
    struct pp_half *from = &conn->half[PP_FROM_SERVER];
    struct pp_half *half = &conn->half[dir];

    if (half->has_isn && pkt->seq == half->isn && pkt->ts
        && (int32_t) (pkt->tsval - half->tsval) > 0) {
        /* Sent again: what its receiver takes from now on is no older. */
        half->tsval = pkt->tsval;
    }
    if (pkt->mptcp) {
        /* Its stream would be in pieces on several connections, with numbers
         * of its own.  Without the option both ends do without (RFC 8684
         * 3.7). */
        pp_packet_clear_mptcp(pkt);
        st->counters->stream_mptcp++;
    }
    if (dir == PP_TO_SERVER) {
        /* Data on a SYN (RFC 7413) comes again behind it if it is not
         * acknowledged; it is simplest to decide there. */
        if (pkt->payload_len) {
            pp_packet_strip_payload(pkt);
        }
        if (pkt->flags & PP_TCP_ACK) {
            /* Both open: the server's first acknowledgement tells. */
        } else if (conn->state == PP_CONN_OPENING
                   && (!to->has_isn || pkt->seq == to->isn)) {
            learn_syn(conn, dir, pkt);
        } else {
            conn->pending_syn = true;
            conn->pending_isn = pkt->seq;
            conn->pending_tsval = pkt->ts ? pkt->tsval : 0;
            conn->pending_mss = pkt->mss;
            conn->pending_wscale = pkt->wscale;
            conn->pending_sack_ok = pkt->sack_ok;
        }
    } else if (!(pkt->flags & PP_TCP_ACK)) {
        /* Both open (RFC 9293 3.5): the server's first acknowledgement tells
         * whether they met. */
        if (conn->state == PP_CONN_OPENING) {
            learn_syn(conn, dir, pkt);
        }
    } else {
        bool asked = conn->pending_syn && pkt->ack == conn->pending_isn + 1;

        if (conn->state == PP_CONN_OPENING && asked) {
            take_pending(conn);
        } else if (conn->state != PP_CONN_OPENING
                   && !take_other_syn(conn, pkt)
                   && (asked || !is_former(conn, pkt))
                   && (pkt->seq != from->isn || pkt->ack != to->isn + 1)) {
            /* Whichever SYN it is that the server answers here, maybe not the
             * last one that came: what was before is over. */
            start_anew(st, conn);
        }
        if (conn->state == PP_CONN_OPENING) {
            to->isn = pkt->ack - 1;
            learn_answer(conn, pkt);
            conn->state = PP_CONN_INSPECTED;
        } else if (!to->in_next && !from->in_next) {
            /* It answers once more, whatever came before. */
            conn->over = false;
        }
        conn->answered = st->now;
    }
    if (conn->state == PP_CONN_OPENING) {
        conn->epoch = st->epoch;
    }
    pp_packet_out(pkt, st->out, st->counters);
}

/* A packet of the client's behind its SYN, none of which has told yet that it
 * got the server's. */
void
pp_stream_meet(struct pp_conn *conn, const struct pp_packet *pkt)
{
    struct pp_half *from = &conn->half[PP_FROM_SERVER];
    uint64_t out = pp_offset(from, pkt->ack, from->sent);

    if (!(pkt->flags & PP_TCP_ACK) || !from->has_isn) {
        return;
    }
    if (conn->other_syn && pkt->ack == conn->other_isn + 1) {
        add_former(conn, from->isn);
        from->isn = conn->other_isn;
        from->wscale = conn->other_wscale;
        from->mss = conn->other_mss;
        from->sack_ok = conn->other_sack_ok;
        conn->has_ts = conn->other_ts;
    } else if (pp_before_start(out) || out > from->sent) {
        return;
    } else if (conn->other_syn) {
        add_former(conn, conn->other_isn);
    }
    conn->met = true;
    conn->other_syn = false;
}

bool
pp_stream_is_of_another(const struct pp_stream *st, struct pp_conn *conn,
                        enum pp_dir dir, const struct pp_packet *pkt)
{
    const struct pp_half *to = &conn->half[PP_TO_SERVER];

    if (pkt->flags & PP_TCP_SYN) {
        return false;
    } else if (conn->epoch != st->epoch
               && (conn->state == PP_CONN_OPENING
                   || (conn->state == PP_CONN_CLOSED
                       && !pp_stream_is_edited(conn)))) {
        /* Its beginning, or that of the next one, may have gone around the
         * engine. */
        return true;
    } else if (dir == PP_FROM_SERVER && conn->pending_syn
               && pkt->ack == conn->pending_isn + 1
               && conn->pending_isn != to->isn && pp_stream_is_edited(conn)) {
        /* Of the next one; the answer to its SYN comes later. */
        pp_stream_note_stray(conn, pkt);
        return true;
    } else if (conn->state != PP_CONN_OPENING) {
        return false;
    }
    if (dir == PP_FROM_SERVER && to->has_isn && pkt->ack != to->isn + 1
        && (pkt->flags & (PP_TCP_RST | PP_TCP_ACK)) == PP_TCP_ACK
        && !conn->pending_syn) {
        /* Where several SYNs came, it may be of any of them. */
        conn->another = true;
    } else if (dir == PP_TO_SERVER && !conn->pending_syn
               && !conn->half[PP_FROM_SERVER].has_isn
               && (pkt->flags & (PP_TCP_RST | PP_TCP_ACK)) == PP_TCP_ACK) {
        /* The client has an answer that did not come this way: the VM is
         * behind another port, as on the other host of a migration, and so
         * is who can look at what it sends. */
        conn->another = true;
    }
    return conn->another;
}

/* A packet behind the SYNs, none of which told that the server takes the
 * connection.  True if this one does. */
bool
pp_stream_opens(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
                const struct pp_packet *pkt)
{
    struct pp_half *to = &conn->half[PP_TO_SERVER];
    struct pp_half *from = &conn->half[PP_FROM_SERVER];

    if (dir == PP_TO_SERVER || !to->has_isn
        || !(pkt->flags & PP_TCP_ACK) || pkt->ack != to->isn + 1
        || (from->has_isn && pkt->seq != from->isn + 1)) {
        return false;
    }
    if (!from->has_isn) {
        /* Its SYN came before the client's, when nobody looked.  What that
         * announced is not known: the least is taken. */
        learn_syn(conn, dir, pkt);
        from->isn = pkt->seq - 1;
    }
    conn->has_ts = pkt->ts;
    conn->state = PP_CONN_INSPECTED;
    conn->answered = st->now;
    return true;
}

bool
pp_stream_ends_former(const struct pp_stream *st, const struct pp_conn *conn,
                      const struct pp_packet *pkt)
{
    if (conn->n_formers && pp_stream_is_young(st, conn)
        && pkt->flags & PP_TCP_ACK) {
        for (int i = 0; i < conn->n_formers; i++) {
            if (pkt->ack == conn->formers[i] + 1
                && conn->formers[i] != conn->half[PP_FROM_SERVER].isn) {
                return true;
            }
        }
    }
    return false;
}

bool
pp_stream_may_reach(struct pp_stream *st, struct pp_conn *conn,
                    const struct pp_packet *pkt)
{
    if (pp_stream_ends_former(st, conn, pkt)) {
        st->counters->stream_over++;
        return false;
    }
    if (conn->over && pp_packet_seg_len(pkt)) {
        /* The server is asked what it has to say instead. */
        st->counters->stream_over++;
        pp_stream_probe(st, conn, PP_TO_SERVER);
        return false;
    }
    if (pkt->payload_len && conn->crowded && conn->n_formers
        && pp_stream_is_young(st, conn)
        && pp_stream_has_ended(conn, PP_FROM_SERVER)) {
        /* A server that has closed, and forgets the connection before its
         * client has closed, too, would reset it as a rule. */
        st->counters->stream_over++;
        pp_stream_answer_rst(st, conn, PP_TO_SERVER, pkt);
        return false;
    }
    return true;
}

/* Ending. */

/* The sender of 'dir' has gone: what is on its way to it need not get
 * there. */
static void
gone(struct pp_conn *conn, enum pp_dir dir)
{
    conn->half[dir].dead = true;
    conn->half[!dir].unkept = 0;
}

/* Is a client's RST at 'in' one that its receiver may take, though it does not
 * stand where the next byte is expected? */
static bool
is_doubtful_rst(const struct pp_conn *conn, enum pp_dir dir, uint64_t in)
{
    const struct pp_half *half = &conn->half[dir];

    return (dir == PP_TO_SERVER && in != half->in_next
            && (int64_t) in > (int64_t) half->told
            && (int64_t) in <= (int64_t) pp_stream_furthest(conn, dir));
}

/* A RST.  Whether its receiver takes it only that one knows; but no byte goes
 * to a server any more behind one that it may take, or that it sent itself,
 * since with SYN cookies (RFC 4987 3.6) it could begin anew with it.  So a
 * client's gets there only where the next byte is expected, as the server
 * would have it, too (RFC 5961 3.2).
 *
 * A server that has said nothing but its SYN may have answered by a cookie: it
 * resets an end of the handshake with wrong numbers, of which it knows
 * nothing, and takes the right one all the same later. */
void
pp_stream_rst(struct pp_stream *st, struct pp_conn *conn, enum pp_dir dir,
              struct pp_packet *pkt)
{
    struct pp_half *half = &conn->half[dir];

    if (conn->state == PP_CONN_CLOSING) {
        uint64_t in = pp_offset(half, pkt->seq, half->in_next);

        if (in == half->in_next || in == half->told) {
            /* At the latter is what answers the engine's own segments. */
            gone(conn, dir);
        } else {
            st->counters->stream_rst_ignored++;
            if (in - half->in_next <= RST_AHEAD) {
                /* Its sender says so again, at the place that it is told
                 * (RFC 5961 3.2). */
                pp_stream_send_ack(st, conn, dir);
            }
        }
        return;
    }
    if (half->has_isn && conn->half[!dir].has_isn) {
        uint64_t in = pp_offset(half, pkt->seq, half->in_next);
        bool known = half->in_next || conn->half[!dir].acked;

        if (is_doubtful_rst(conn, dir, in)) {
            /* Its sender says so again, at the place that it is told. */
            st->counters->stream_rst_ignored++;
            pp_stream_send_ack(st, conn, dir);
            return;
        }
        if (in != half->in_next) {
            st->counters->stream_rst_ignored++;
        } else {
            conn->reset = true;
            if (dir == PP_FROM_SERVER && known) {
                conn->state = PP_CONN_CLOSED;
                half->dead = true;
            }
        }
        conn->over |= (in == half->in_next || in == half->told
                       || (dir == PP_FROM_SERVER
                           && in - half->told < half->in_next - half->told))
                      && (dir == PP_TO_SERVER || known);
        if ((int64_t) (in - half->told) < 0
            && (half->mine || !pp_edit_list_is_clean(&half->edits))) {
            /* Old, and so for nobody; but what was taken away before it may
             * have it stand where its receiver expects the next byte. */
            return;
        }
        pkt->payload_len = 0;
        pp_stream_pass(st, conn, dir, pkt, in);
    } else {
        if (dir == PP_FROM_SERVER && conn->half[PP_TO_SERVER].has_isn
            && pkt->flags & PP_TCP_ACK
            && pkt->ack == conn->half[PP_TO_SERVER].isn + 1) {
            conn->reset = true;
        }
        pp_packet_out(pkt, st->out, st->counters);
    }
}

/* The engine stands in for each end towards the other.  What is decided is
 * delivered, with a FIN behind it; what comes from now on is taken away. */
void
pp_stream_cut(struct pp_stream *st, struct pp_conn *conn, bool reset)
{
    if (conn->state == PP_CONN_CLOSING) {
        return;
    }
    for (int dir = 0; dir < 2; dir++) {
        struct pp_half *half = &conn->half[dir];

        pp_held_drop(st, half, &half->held);
        pp_held_drop(st, half, &half->early);
        if (half->pending) {
            pp_pending_consume(st, half, half->pending->len);
        }
        half->cut = true;
        half->cut_in = (dir == PP_TO_SERVER ? pp_decided(half) : half->high);
        half->mine = half->in_next;
        half->end = MAX(half->end, half->sent);
        if (dir == PP_FROM_SERVER) {
            /* What the client had no room for the server sends again: it is
             * not told that it arrived before it has. */
            half->end = MAX(half->end,
                            pp_edit_list_end(&half->edits, half->high));
        }
        if (dir == PP_FROM_SERVER && half->fin != UINT64_MAX) {
            /* The server's own has left. */
            half->out_fin = pp_edit_list_start(&half->edits, half->fin);
        } else if (half->out_fin == UINT64_MAX
                   || half->end <= half->out_fin) {
            half->out_fin = half->end;
        }
        half->end = half->out_fin + 1;
    }
    st->pkt = NULL;
    st->fresh.n = 0;
    conn->state = PP_CONN_CLOSING;
    conn->asks = false;
    pp_stream_shift(conn);
    conn->hold_ack_at = 0;
    conn->close_at = st->now + PP_CLOSE_MS;
    if (reset) {
        pp_stream_send_rst(st, conn, PP_FROM_SERVER,
                           conn->half[PP_FROM_SERVER].sent);
        gone(conn, PP_TO_SERVER);
        pp_keep_drop(st, &conn->half[PP_FROM_SERVER]);
    }
    for (int dir = 0; dir < 2; dir++) {
        struct pp_half *half = &conn->half[dir];

        if (!conn->half[!dir].dead) {
            pp_stream_emit(st, conn, dir, half->sent, half->end);
        }
    }
}

void
pp_stream_abort(struct pp_stream *st, struct pp_conn *conn)
{
    bool dead[2] = { conn->half[0].dead, conn->half[1].dead };

    st->out->bridge = conn->head.key.bridge;
    pp_stream_without_packet(st, conn);
    /* What is decided need not get there any more. */
    conn->half[0].dead = conn->half[1].dead = true;
    pp_stream_cut(st, conn, false);
    conn->half[0].dead = dead[0];
    conn->half[1].dead = dead[1];
    pp_stream_give_up(st, conn);
    ovs_assert(!conn->holder_class);
}

/* A packet for an end that the engine stands in for. */
void
pp_stream_closing_in(struct pp_stream *st, struct pp_conn *conn,
                     enum pp_dir dir, struct pp_packet *pkt)
{
    struct pp_half *half = &conn->half[dir];
    uint64_t in = pp_offset(half, pkt->seq, half->in_next);
    uint64_t data_end = in + pkt->payload_len;
    uint64_t end = in + pp_packet_seg_len(pkt);

    if (half->dead) {
        /* It did not get the RST, or its own did not end it. */
        if (pkt->flags & PP_TCP_ACK) {
            pp_stream_answer_rst(st, conn, dir, pkt);
        }
        return;
    }
    if (conn->half[!dir].dead) {
        /* Nobody misses what only this end can send again. */
        half->unkept = 0;
    }
    pp_stream_take_ack(st, conn, dir, pkt);
    if (end != in && !pp_before_start(in) && in < half->cut_in
        && pp_edit_list_acked(&half->edits, half->acked) < half->unkept) {
        /* Sent again, and nobody else has it. */
        st->conn = conn;
        st->dir = dir;
        st->pkt = pkt;
        st->in = in;
        pp_stream_emit(st, conn, dir, pp_from(half, in),
                       pp_edit_list_end(&half->edits,
                                        MIN(data_end, half->cut_in)));
        st->pkt = NULL;
    }
    if (!pp_before_start(in) && in <= half->in_next && end > half->in_next) {
        half->in_next = end;
        half->mine = end;
        if (pkt->flags & PP_TCP_FIN) {
            half->fin = data_end;
        }
    }
    for (int d = 0; d < 2; d++) {
        struct pp_half *h = &conn->half[d];

        bool asked = d == (int) dir && end != in;

        if (!h->dead && (asked || pp_have(h) > h->told)) {
            pp_stream_send_ack(st, conn, d);
        }
    }
}
