/* SPDX-License-Identifier: Apache-2.0 */

/* The stream stage between two modelled endpoints; see stream-world.h.
 *
 * In: endpoints with a nature and something to say.  Out: nothing, or
 * tcp_fail().  Runs in unit tests only. */

#include <config.h>

#include "stream-world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-flow.h"
#include "engine/pp-pack.h"
#include "pp-reader.h"
#include "stream-conn.h"
#include "stream-want.h"
#include "util.h"

/* Hooks. */

/* True if the receiver of 'dir' has all of the sender's bytes from 'l' to
 * 'r' that were to reach it. */
static bool
has_range(const struct world *w, enum pp_dir dir, uint64_t l, uint64_t r)
{
    const struct world_side *side = &w->side[dir];
    const struct tcp_end *receiver = &w->end[!dir];

    for (size_t i = side->n_runs; i-- > 0;) {
        const struct world_run *run = &side->runs[i];
        uint64_t from = MAX(l, run->in);
        uint64_t to = MIN(r, run->in + run->len);

        if (run->in + run->len <= l) {
            break;
        } else if (from < to) {
            from += run->out - run->in;
            to += run->out - run->in;
            if (to > receiver->in.n
                && !tcp_ranges_have(&receiver->early,
                                    MAX(from, receiver->in.n), to)) {
                return false;
            }
        }
    }
    if (dir == PP_FROM_SERVER && r > side->taken) {
        /* The tail, which passed. */
        uint64_t skew = side->want.n - side->taken;
        uint64_t from = MAX(l, side->taken) + skew;
        uint64_t to = MIN(r, w->end[dir].out.n) + skew;

        return (to <= receiver->in.n
                || tcp_ranges_have(&receiver->early,
                                   MAX(from, receiver->in.n), to));
    }
    return true;
}

/* Foreign bytes, or acknowledgements, were taken by an end that could not tell
 * them from others: see world_goes_around().  From here on the streams are not
 * what was decided, and nothing more is checked but that it all ends. */
static void
note_harm(struct world *w)
{
    tcp_seen.harmed++;
    w->harmed = true;
    set_mode(w, WORLD_ABORTED);
}

static void
check_acked(void *w_, struct tcp_end *e, uint64_t ack)
{
    struct world *w = w_;

    if (w->mode != WORLD_NORMAL || !w->conn || e->net->stray) {
        return;
    }
    if (e->dir == PP_TO_SERVER && w->went_around
        && (ack <= w->around_end[PP_TO_SERVER]
            || has_range(w, e->dir, e->una, ack))) {
        return;
    }
    if (e->dir == PP_TO_SERVER
        ? ack > w->conn->half[PP_TO_SERVER].in_next
        : !has_range(w, e->dir, e->una, ack)) {
        if (w->unguarded & 1 << e->dir) {
            /* Its peer acknowledges a foreign FIN. */
            note_harm(w);
            return;
        }
        tcp_fail("%s is told that %llu arrived, which did not", e->name,
                 (unsigned long long) ack);
    }
}

/* True if the stage or the server has the bytes in 'range' of what the client
 * sent, in order or behind a gap; or the stage had no room for them any more,
 * or died with them. */
static bool
stage_has(const struct world *w, struct tcp_range range)
{
    const struct pp_half *half = &w->conn->half[PP_TO_SERVER];
    uint64_t at = MAX(range.l, half->in_next);
    const struct pp_held *held;

    LIST_FOR_EACH (held, node, &half->early) {
        if (held->in <= at) {
            at = MAX(at, held->in + pp_packet_seg_len(&held->pkt));
        }
    }
    return (at >= range.r || has_range(w, PP_TO_SERVER, at, range.r)
            || w->counters->stream_hold_full || w->died || w->went_around);
}

static void
check_sacked(void *w_, struct tcp_end *e, struct tcp_range range)
{
    struct world *w = w_;

    if (w->mode != WORLD_NORMAL || !w->conn) {
        return;
    }
    tcp_seen.sack_with_edits += w->side[e->dir].n_runs > 1;
    if (e->dir == PP_TO_SERVER
        ? !stage_has(w, range) : !has_range(w, e->dir, range.l, range.r)) {
        tcp_fail("%s is told by SACK that %llu-%llu arrived, which did not",
                 e->name, (unsigned long long) range.l,
                 (unsigned long long) range.r);
    }
}

/* The server's application answers each line, as they come. */
static void
serve(struct world *w, struct tcp_end *e)
{
    uint8_t *nl;

    while (w->answered < e->read
           && (nl = memchr(e->in.data + w->answered, '\n',
                           e->read - w->answered))) {
        const uint8_t *line = e->in.data + w->answered;
        size_t n = (size_t) (nl + 1 - line);

        w->answered += n;
        if (e->out_fin) {
            continue;
        }
        tcp_seen.client_half_close += e->in_fin;
        tcp_text_put(&e->out, "ok ", 3);
        if (line[0] == 'G') {
            uint32_t more = MIN(strtoul((const char *) line + 1, NULL, 10),
                                200000);

            for (uint32_t i = 0; i < more; i++) {
                uint8_t c = (uint8_t) ('0' + (i * 7 + more) % 75);

                tcp_text_put(&e->out, &c, 1);
            }
        }
        tcp_text_put(&e->out, line, n);
        e->ready = e->out.n;
        if (w->closes_after > 0 && --w->closes_after == 0) {
            tcp_seen.server_half_close += !e->in_fin;
            e->out_fin = true;
        }
    }
}

static void
take_read(void *w_, struct tcp_end *e)
{
    struct world *w = w_;

    if (e->dir == PP_FROM_SERVER) {
        serve(w, e);
    }
    if (e->in_fin && e->read == e->in.n && !e->out_fin) {
        e->out_fin = true;
    }
}

static const struct tcp_hooks hooks = {
    .acked = check_acked,
    .sacked = check_sacked,
    .read = take_read,
};

/* What leaves the stage. */

static void
check_frame(struct world *w, enum pp_dir dir, const struct pp_packet *pkt)
{
    struct world_side *side = &w->side[dir];
    uint64_t out = offset_of(w->end[dir].isn, pkt->seq, side->want.n);
    uint64_t n = pkt->payload_len;
    const uint8_t *p = pkt->data + pkt->payload;

    if (pkt->flags & (PP_TCP_SYN | PP_TCP_RST)) {
        if (pkt->flags & PP_TCP_SYN && dir == PP_TO_SERVER && n) {
            tcp_fail("a SYN leaves with data, which nobody decided");
        }
        return;
    }
    if (pkt->flags & PP_TCP_FIN
        && (out + n != want_end(w, dir)
            || (w->mode == WORLD_NORMAL && dir == PP_TO_SERVER
                && side->taken < w->end[dir].out.n))) {
        tcp_fail("a FIN leaves for the %s at %lld, not at %llu",
                 w->end[!dir].name, (long long) (out + n),
                 (unsigned long long) want_end(w, dir));
    }
    uint64_t had = (w->went_around ? MAX(side->acked, w->end[!dir].in.n)
                    : side->acked);

    if ((int64_t) out < (int64_t) had) {
        /* What the receiver has already it does not look at. */
        uint64_t old = MIN(n, had - out);

        out += old;
        p += old;
        n -= old;
    }
    /* One that has reset the connection gives no byte to its application. */
    if (n && !w->end[!dir].gone && !is_wanted(w, dir, out, p, n)) {
        tcp_fail("a frame leaves for the %s with %llu bytes at %llu, '%.*s', "
                 "which were not decided so", w->end[!dir].name,
                 (unsigned long long) n, (unsigned long long) out,
                 (int) MIN(n, 60), (const char *) p);
    }
}

/* Its receiver would drop an older one unseen (RFC 7323 5.3). */
static void
check_tsval(struct world *w, enum pp_dir dir, const struct pp_packet *pkt)
{
    struct world_side *side = &w->side[dir];

    if (!pkt->ts || pkt->flags & (PP_TCP_RST | PP_TCP_SYN)) {
        return;
    }
    if (side->has_ts && (int32_t) (pkt->tsval - side->tsval) < 0) {
        uint32_t shift = w->conn->shifted ? 1u << 30 : 0;

        if (!w->frame || w->frame->dir != dir
            || pkt->tsval - shift != w->tsval) {
            tcp_fail("a frame that waited leaves for the %s with an old "
                     "timestamp", w->end[!dir].name);
        }
        return;
    }
    side->tsval = pkt->tsval;
    side->has_ts = true;
}

static void
stage_writes(void *w_, uint32_t bridge OVS_UNUSED, const struct iovec *iov,
             int n)
{
    static uint8_t data[sizeof(struct virtio_net_hdr) + PP_FRAME_MAX];
    static struct pp_counters ignore;
    struct world *w = w_;
    struct virtio_net_hdr vnet;
    struct pp_packet pkt;
    enum pp_dir dir;
    uint32_t life = w->net.life;
    size_t len = 0;

    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len > sizeof data - len) {
            tcp_fail("a frame leaves that is too long");
        }
        memcpy(data + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    memcpy(&vnet, data, sizeof vnet);
    if (pp_packet_in(&pkt, &vnet, data + sizeof vnet, len - sizeof vnet,
                     &ignore) != PP_PACKET_TCP) {
        tcp_fail("a frame leaves that is not sound");
    }
    dir = pkt.dst_port == w->net.server_port ? PP_TO_SERVER : PP_FROM_SERVER;
    if (pkt.slot != w->end[dir].slot || pkt.vlan != w->net.vlan
        || memcmp(data + sizeof vnet, w->end[dir].eth, 12)) {
        tcp_fail("a frame leaves for another place");
    }
    w->n_out++;
    w->n_same += (w->frame && len == w->frame->len
                  && !memcmp(data, w->frame->data, len));
    TCP_TRACE("%llu: stage sends to %s%s%s%s %lld+%u ack %lld win %u",
              (unsigned long long) w->net.now, w->end[!dir].name,
              pkt.flags & PP_TCP_SYN ? " SYN" : "",
              pkt.flags & PP_TCP_FIN ? " FIN" : "",
              pkt.flags & PP_TCP_RST ? " RST" : "",
              (long long) (int32_t) (pkt.seq - w->end[dir].isn - 1),
              pkt.payload_len,
              (long long) (int32_t) (pkt.ack - w->end[!dir].isn - 1),
              pkt.window);
    if (!is_stray(w) && w->conn && !w->counters->stream_gave_up
        && !w->harmed) {
        check_frame(w, dir, &pkt);
        if (!w->went_around) {
            check_tsval(w, dir, &pkt);
        }
    }
    if (w->around == 3) {
        /* The switch does not know where it is to go. */
        TCP_TRACE("%llu: lost", (unsigned long long) w->net.now);
        return;
    }
    w->net.life = w->frame ? w->frame->life : w->conn_life;
    tcp_net_send(&w->net, false, dir, data, len);
    w->net.life = life;
}

/* What enters the stage. */

void
world_new_conn(struct world *w)
{
    w->conn = stream_conn_create();
    w->conn->head.key.client = w->net.client;
    w->conn->head.key.service = w->net.server;
    w->conn->head.key.client_port = w->net.client_port;
    w->conn->head.key.service_port = w->net.server_port;
}

static void
forget_conn(struct world *w)
{
    TCP_TRACE("%llu: forgotten", (unsigned long long) w->net.now);
    pp_stream_conn_destroy(&w->st, w->conn);
    free(w->conn);
    w->conn = NULL;
}

/* Nothing is edited, held, acknowledged ahead or sent by the engine. */
static bool
is_clean(const struct pp_conn *conn)
{
    for (int dir = 0; dir < 2; dir++) {
        const struct pp_half *half = &conn->half[dir];

        if (pp_stream_is_edited(conn) || half->cut
            || (dir == PP_TO_SERVER && half->pending)
            || !ovs_list_is_empty(&half->held)
            || !ovs_list_is_empty(&half->early)
            || MAX(half->mine, half->owned) > half->acked
            || half->sent != half->end) {
            return false;
        }
    }
    return true;
}

/* A frame that nothing was to be done about must have left, and as it came. */
static void
check_left(struct world *w, enum pp_dir dir, const struct pp_packet *in,
           const struct pp_counters *before, bool overlaps)
{
    const struct pp_counters *now = w->counters;
    const struct pp_half *half = &w->conn->half[dir];
    const struct pp_half *acked = &w->conn->half[!dir];

    if (!in->payload_len && half->mine
        && offset_of(half->isn, in->seq, half->edge) > half->edge) {
        /* The engine once had more room than the receiver. */
        return;
    }
    if (!pp_packet_seg_len(in) && dir == PP_TO_SERVER
        && offset_of(half->isn, in->seq, half->in_next) > half->in_next) {
        /* Bytes before it have yet to come, and may be held. */
        return;
    }
    if (in->payload_len && dir == PP_TO_SERVER
        && ((int64_t) offset_of(half->isn, in->seq, 0) < 0
            || offset_of(half->isn, in->seq, half->acked) < half->acked)) {
        /* Nobody is to begin with these. */
        return;
    }
    if (in->flags & PP_TCP_RST && dir == PP_TO_SERVER
        && offset_of(half->isn, in->seq, half->told) > half->told
        && now->stream_rst_ignored > before->stream_rst_ignored) {
        /* Its sender is to say so again, at the right place. */
        return;
    }
    if (in->flags & PP_TCP_ACK && acked->mine
        && offset_of(acked->isn, in->ack, acked->mine) < acked->mine) {
        /* The engine said more before. */
        return;
    }
    if ((in->flags & PP_TCP_RST && half->mine)
        || (in->flags & PP_TCP_SYN && dir == PP_TO_SERVER && in->payload_len)
        || (in->flags & PP_TCP_URG && dir == PP_TO_SERVER)
        || now->stream_conflict > before->stream_conflict
        || now->stream_out_of_window > before->stream_out_of_window
        || now->stream_over > before->stream_over
        || now->stream_hold_full > before->stream_hold_full || overlaps) {
        return;
    }
    if (w->n_out != 1 || w->n_same != 1) {
        tcp_fail("a %s's frame did not leave as it came: %u frames did",
                 w->end[dir].name, w->n_out);
    }
    tcp_seen.left_as_it_came++;
}

/* Takes over what the stage can know now of what the receiver of '!dir'
 * has. */
static void
note_ack(struct world *w, enum pp_dir dir, const struct pp_packet *pkt)
{
    struct world_side *side = &w->side[!dir];
    uint64_t ack = offset_of(w->end[!dir].isn, pkt->ack, side->want.n);

    if ((pkt->flags & (PP_TCP_ACK | PP_TCP_RST)) == PP_TCP_ACK
        && w->end[!dir].state != TCP_SYN_SENT
        && (int64_t) ack > (int64_t) side->acked) {
        side->acked = ack;
    }
}

static void
run_conn(struct world *w, enum pp_dir dir, struct pp_packet *pkt)
{
    struct pp_held *held = NULL;
    bool asked = w->conn->asks;
    bool fresh = pp_stream_in(&w->st, w->conn, dir, pkt);

    if (pp_stream_has_lost(w->conn)) {
        toy_lose(w);
    } else if (fresh) {
        toy_inspect(w, dir);
    }
    while (pp_stream_next(&w->st, pkt, &held)) {
        toy_inspect(w, w->st.dir);
        free(held);
    }
    if (asked && !w->conn->asks && w->conn->state == PP_CONN_INSPECTED) {
        tcp_seen.asked++;
        toy_inspect(w, PP_TO_SERVER);
    }
    if (pp_stream_has_lost(w->conn)) {
        toy_lose(w);
    }
    if (w->conn->restarted) {
        /* The server may have answered a late SYN of an earlier life. */
        w->conn_life = (w->conn->half[PP_TO_SERVER].isn
                        == w->end[PP_TO_SERVER].isn
                        ? w->net.life : w->net.life - 1);
        w->conn->restarted = false;
    }
    pp_stream_done(&w->st, w->conn);
    w->conn->head.used = w->net.now;
    if (pp_pack_can(w->conn)) {
        w->conn = stream_conn_repack(w->conn);
        tcp_seen.packed++;
    }
}

static void
stage_takes(struct world *w, struct tcp_frame *f)
{
    static struct pp_counters before;
    enum pp_dir dir = f->dir;
    struct virtio_net_hdr vnet;
    struct pp_packet pkt, in;
    struct tcp_frame *copy;
    bool clean, overlaps;

    if (world_goes_around(w, f)) {
        return;
    }
    memcpy(&vnet, f->data, sizeof vnet);
    if (pp_packet_in(&pkt, &vnet, f->data + sizeof vnet,
                     f->len - sizeof vnet, w->counters) != PP_PACKET_TCP) {
        tcp_fail("the model made a bad frame");
    }
    if (dir == PP_FROM_SERVER && pkt.flags & PP_TCP_SYN
        && f->life != w->net.life) {
        /* The switch does not keep a VM's answers until it gives others.  The
         * stage has to take any for the newest: which of several SYNs on ports
         * in use a server answers only that one knows. */
        return;
    }
    if (!w->conn && dir == PP_TO_SERVER
        && (pkt.flags & (PP_TCP_SYN | PP_TCP_ACK)) == PP_TCP_SYN
        && (!w->died || f->life != w->conn_life)) {
        /* Not a late one, with which all would begin anew. */
        world_new_conn(w);
        w->conn_life = f->life;
    }
    if (!w->conn || pp_stream_is_of_another(&w->st, w->conn, dir, &pkt)) {
        w->frame = f;
        w->tsval = pkt.tsval;
        if (!is_stray(w)) {
            note_ack(w, dir, &pkt);
        }
        if (w->conn && w->went_around) {
            /* How it began the stage does not know. */
            toy_pass_unseen(w);
        }
        pp_packet_out(&pkt, &w->output, w->counters);
        w->frame = NULL;
        return;
    }
    /* The stage writes into the frame. */
    copy = xmemdup(f, sizeof *f + f->len);
    in = pkt;
    w->frame = copy;
    w->tsval = pkt.tsval;
    w->n_out = w->n_same = 0;
    if (!is_stray(w)) {
        note_ack(w, dir, &pkt);
    }
    tcp_seen.fin_in_edited += (pkt.flags & PP_TCP_FIN
                               && w->conn->half[dir].edits.n);
    clean = is_clean(w->conn);
    overlaps = (pkt.payload_len && w->conn->half[dir].has_isn
                && offset_of(w->conn->half[dir].isn, pkt.seq,
                             w->conn->half[dir].in_next)
                   < w->conn->half[dir].in_next);
    if (overlaps && pp_edit_list_touches(&w->conn->half[dir].edits,
                                         offset_of(w->conn->half[dir].isn,
                                                   pkt.seq, 0),
                                         offset_of(w->conn->half[dir].isn,
                                                   pkt.seq, 0)
                                         + pkt.payload_len)) {
        tcp_seen.retransmitted_edits++;
    }
    memcpy(&before, w->counters, offsetof(struct pp_counters, reasons));
    run_conn(w, dir, &pkt);
    if (clean && w->conn && is_clean(w->conn) && !w->went_around) {
        check_left(w, dir, &in, &before, overlaps);
    }
    tcp_seen.strays += is_stray(w);
    w->frame = NULL;
    free(copy);
}

static void
end_takes(struct world *w, struct tcp_frame *f)
{
    static struct pp_counters ignore;
    struct virtio_net_hdr vnet;
    struct pp_packet pkt;

    memcpy(&vnet, f->data, sizeof vnet);
    pp_packet_in(&pkt, &vnet, f->data + sizeof vnet, f->len - sizeof vnet,
                 &ignore);
    if (f->dir == PP_FROM_SERVER && f->life != w->net.life
        && (pkt.flags & (PP_TCP_SYN | PP_TCP_ACK)) == PP_TCP_SYN) {
        /* As both opened in an earlier life.  The client would take it for the
         * same again, which the model's server, other than real ones, does
         * not refuse by a RST (RFC 9293 3.10.7.4). */
        return;
    }
    w->net.stray = f->life != w->net.life || f->foreign;
    tcp_end_take(&w->end[!f->dir], &pkt);
}

/* Time. */

/* When the connection wants to be looked at.  The stage may say a time before
 * that, and not after. */
static uint64_t
stage_deadline(const struct world *w)
{
    uint64_t at = w->conn && w->conn->timer.at ? w->conn->timer.at
                  : UINT64_MAX;

    if (pp_stream_deadline(&w->st) > MAX(at, w->net.now)) {
        tcp_fail("the stage would be late");
    }
    return at;
}

static void
run_stage_timers(struct world *w)
{
    struct pp_conn *conn;
    uint64_t gave_up = w->counters->stream_gave_up;

    w->st.now = w->net.now;
    while ((conn = pp_stream_run_timers(&w->st))) {
        set_mode(w, WORLD_GAVE_UP);
        tcp_seen.gave_up++;
        conn->head.used = w->net.now;
    }
    if (w->counters->stream_gave_up > gave_up && w->conn) {
        tcp_seen.gave_up++;
        set_mode(w, WORLD_GAVE_UP);
    }
    if (w->conn && (w->conn->state == PP_CONN_CLOSED
                    || pp_stream_conn_is_over(w->conn))
        && w->conn->head.used
           + (pp_stream_is_edited(w->conn) ? PP_ENDING_MS : PP_CLOSED_MS)
           <= w->net.now) {
        forget_conn(w);
    }
}

static void
check_read(struct world *w, enum pp_dir dir)
{
    struct world_side *side = &w->side[dir];
    struct tcp_end *e = &w->end[!dir];

    if (e->in.n > side->checked && !w->harmed) {
        bool wanted = is_wanted(w, dir, side->checked,
                                e->in.data + side->checked,
                                e->in.n - side->checked);

        if (!wanted && (w->unguarded & 1 << dir
                        || side->checked < w->around_end[dir])) {
            /* Foreign bytes, and this receiver could not tell; or bytes that
             * had gone around the stage, unseen, when it changed what is
             * before them. */
            note_harm(w);
        } else if (!wanted) {
            tcp_fail("the %s reads at %zu '%.60s', which was not decided so",
                     e->name, side->checked,
                     (const char *) e->in.data + side->checked);
        }
        side->checked = e->in.n;
    }
}

/* True if all that the client sent is decided that can be. */
static bool
is_decided(const struct world *w)
{
    const struct tcp_end *c = &w->end[PP_TO_SERVER];
    uint64_t taken = w->side[PP_TO_SERVER].taken;
    const uint8_t *rest = w->seen.data;
    size_t n = w->seen.n;
    const uint8_t *nl = n ? memchr(rest, '\n', n) : NULL;

    return (taken == c->out.n
            || (!c->out_fin && n && taken + n == c->out.n
                   && (!nl || (rest[0] == 'H'
                               && !memchr(nl + 1, '\n',
                                          n - (size_t) (nl + 1 - rest))))));
}

static bool
is_over(const struct world *w)
{
    const struct tcp_end *c = &w->end[PP_TO_SERVER];
    const struct tcp_end *s = &w->end[PP_FROM_SERVER];
    bool read = ((w->went_around
                  || (w->side[0].acked == s->in.n + s->in_fin
                      && w->side[1].acked == c->in.n + c->in_fin))
                 && s->in.n == w->side[PP_TO_SERVER].want.n
                 && s->read == s->in.n && c->read == c->in.n);

    switch (w->mode) {
    case WORLD_NORMAL:
        if (w->went_around && tcp_end_is_done(c) && tcp_end_is_done(s)
            && s->read == s->in.n && c->read == c->in.n
            && (!w->conn || (!w->conn->half[PP_TO_SERVER].pending
                             && !w->conn->half[PP_TO_SERVER].held_bytes))
            && (!c->out_fin || (s->in_fin && c->in_fin))) {
            /* The stage need not know it. */
            return true;
        }
        return (read && tcp_end_is_done(c) && tcp_end_is_done(s)
                && is_decided(w)
                && c->in.n == want_end(w, PP_FROM_SERVER)
                && (!c->out_fin || (s->in_fin && c->in_fin)));

    case WORLD_CLOSED:
        return (read && tcp_end_is_done(c) && tcp_end_is_done(s)
                && c->in_fin && s->in_fin
                && c->in.n == w->side[PP_FROM_SERVER].want.n);

    case WORLD_RESET:
        /* The RST may get lost, and a client that says nothing more does not
         * learn of it. */
        return ((c->gone || (tcp_end_deadline(c) == UINT64_MAX && !w->net.n))
                && s->in_fin && tcp_end_is_done(s)
                && s->in.n == w->side[PP_TO_SERVER].want.n);

    case WORLD_ABORTED:
    case WORLD_GAVE_UP:
        return ((c->gone && s->gone)
                || w->net.now > w->mode_at + 100000);

    default:
        OVS_NOT_REACHED();
    }
}

/* The stage holds nothing for ends that are done. */
static void
check_over(struct world *w)
{
    struct pp_conn *conn = w->conn;

    if (!conn || w->mode >= WORLD_ABORTED || w->went_around) {
        return;
    }
    for (int dir = 0; dir < 2; dir++) {
        const struct pp_half *half = &conn->half[dir];

        bool rest = w->side[dir].taken < w->end[dir].out.n;
        size_t edits = half->edits.allocated * sizeof *half->edits.entries;

        if (w->mode == WORLD_NORMAL
            && (half->keep || (half->held_bytes != edits && !rest))) {
            tcp_fail("%u bytes are still held for the %s", half->held_bytes,
                     w->end[!dir].name);
        } else if (w->mode == WORLD_NORMAL && half->edits.n > 1) {
            tcp_fail("%u edits are still kept for the %s", half->edits.n,
                     w->end[!dir].name);
        }
    }
    if (w->mode == WORLD_NORMAL && w->end[0].out_fin
        && conn->state == PP_CONN_INSPECTED) {
        tcp_fail("both ends are done, the stage does not know");
    }
}

static void
stall(struct world *w)
{
    const struct tcp_end *c = &w->end[PP_TO_SERVER];
    const struct tcp_end *s = &w->end[PP_FROM_SERVER];

    if (w->unguarded) {
        /* An end took a foreign frame for the other's, and neither it nor the
         * stage could tell. */
        tcp_seen.stalled_unguarded++;
        return;
    }
    tcp_fail("stalled in mode %d; client sent %llu of %zu, %llu "
             "acknowledged, read %zu of %llu, fin %d/%d, gone %d; server "
             "sent %llu of %zu, %llu acknowledged, read %zu of %zu, fin "
             "%d/%d, gone %d; owed %u; %llu of %zu decided; %llu and %llu "
             "acknowledged to the stage; read %llu and %llu", w->mode,
             (unsigned long long) c->nxt, c->out.n,
             (unsigned long long) c->una, c->in.n,
             (unsigned long long) want_end(w, PP_FROM_SERVER), c->out_fin,
             c->in_fin, c->gone, (unsigned long long) s->nxt, s->out.n,
             (unsigned long long) s->una, s->in.n,
             w->side[PP_TO_SERVER].want.n, s->out_fin, s->in_fin, s->gone,
             w->owed, (unsigned long long) w->side[PP_TO_SERVER].taken,
             c->out.n, (unsigned long long) w->side[PP_TO_SERVER].acked,
             (unsigned long long) w->side[PP_FROM_SERVER].acked,
             (unsigned long long) s->read, (unsigned long long) c->read);
}

/* Things that happen at any time. */
static void
mischief(struct world *w)
{
    struct tcp_end *e = &w->end[tcp_rnd(2)];

    if (e->state != TCP_UP || e->gone || w->mode != WORLD_NORMAL) {
        return;
    }
    if (w->deaths && tcp_chance(2)
        && !(w->conn && (w->conn->state == PP_CONN_CLOSED
                         || pp_stream_conn_is_over(w->conn)))) {
        /* What is over is not written down: if the last acknowledgement gets
         * lost just then, an end has to find out by itself. */
        world_die(w);
    } else if (w->arounds && !w->around && tcp_chance(2)) {
        w->arounds--;
        w->around = (uint8_t) (tcp_chance(70) ? 3 : 1 + tcp_rnd(2));
        w->around_until = w->net.now + 1 + tcp_rnd(tcp_chance(70) ? 15 : 400);
        tcp_seen.times_around++;
        TCP_TRACE("%llu: %d go around the stage until %llu",
                  (unsigned long long) w->net.now, w->around,
                  (unsigned long long) w->around_until);
    } else if (w->aborts && tcp_chance(3)) {
        tcp_end_abort(e);
        set_mode(w, WORLD_ABORTED);
    } else if (w->rsts && tcp_chance(5)) {
        uint32_t away = (tcp_chance(50) ? 2 + tcp_rnd(3000)
                         : 70000 + tcp_rnd(0x20000000));

        /* A server says more later, if only so much. */
        uint32_t far = tcp_chance(50) && !e->dir ? 60000 : 0x10000000;

        /* Nowhere that the other end will ever expect. */
        tcp_seen.rst_outside++;
        tcp_end_send_rst(e, e->isn + 1
                         + (tcp_chance(70) ? (uint32_t) e->out.n + far + away
                            : (uint32_t) e->una - away));
    }
}

void
world_run(struct world *w)
{
    const uint64_t limit = w->net.now + 40000000;

    while (w->net.now < limit) {
        uint64_t next;
        struct tcp_frame *f;

        if (++w->step > 10000000) {
            tcp_fail("the ends go on for ever");
        }
        tcp_seen.steps++;
        if (w->around && w->net.now >= w->around_until) {
            world_goes_around_no_more(w);
        }
        run_stage_timers(w);
        if ((f = tcp_net_next(&w->net))) {
            if (f->to_stage) {
                stage_takes(w, f);
            } else {
                end_takes(w, f);
            }
            free(f);
        }
        for (int i = 0; i < 2; i++) {
            tcp_end_timers(&w->end[i]);
            tcp_end_pump(&w->end[i]);
        }
        mischief(w);
        check_read(w, PP_TO_SERVER);
        check_read(w, PP_FROM_SERVER);
        if (is_over(w)) {
            check_over(w);
            return;
        }
        next = MIN(tcp_net_deadline(&w->net), stage_deadline(w));
        next = MIN(next, tcp_end_deadline(&w->end[0]));
        next = MIN(next, tcp_end_deadline(&w->end[1]));
        next = w->around ? MIN(next, w->around_until) : next;
        if (next == UINT64_MAX && w->mode >= WORLD_ABORTED) {
            return;
        }
        w->net.now = MAX(w->net.now, MIN(next, limit));
    }
    stall(w);
}

/* Life. */

void
world_new_life(struct world *w)
{
    uint32_t isn[2];

    for (int i = 0; i < 2; i++) {
        struct tcp_end *e = &w->end[i];

        /* Beyond all that went before (RFC 9293 3.4.1, RFC 6191). */
        isn[i] = e->isn + (uint32_t) e->nxt + 200000 + tcp_rnd(1 << 24);
        tcp_end_reset(e, TCP_LISTENING);
        e->isn = isn[i];
        e->minds_urgent = i == PP_FROM_SERVER;
        w->side[i].want.n = 0;
        w->side[i].n_runs = w->side[i].checked = 0;
        w->side[i].taken = w->side[i].acked = 0;
        w->side[i].has_ts = false;
    }
    w->arounds = 0;
    if (w->around) {
        world_goes_around_no_more(w);
    }
    w->net.life++;
    w->mode = WORLD_NORMAL;
    w->cut = false;
    w->owed = w->skip = 0;
    w->waits = false;
    w->seen.n = 0;
    w->answered = 0;
    tcp_seen.lives++;
}

void
world_init(struct world *w, uint64_t seed)
{
    static const char *const names[2] = { "client", "server" };

    memset(w, 0, sizeof *w);
    tcp_srand(seed);
    w->seed = seed;
    w->counters = xzalloc(sizeof *w->counters);
    w->output = (struct pp_output) { .write = stage_writes, .aux = w };
    pp_stream_init(&w->st, &w->output, w->counters);
    /* It counts from any number. */
    w->st.epoch = (uint16_t) seed;
    for (int i = 0; i < 2; i++) {
        struct tcp_end *e = &w->end[i];

        e->name = names[i];
        e->net = &w->net;
        e->dir = i;
        e->hooks = &hooks;
        e->aux = w;
        e->slot = i ? 9 : 7;
        memcpy(e->eth, "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
        if (i) {
            memcpy(e->eth, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
        }
        tcp_end_reset(e, TCP_LISTENING);
        e->minds_urgent = i == PP_FROM_SERVER;
    }
}

/* What only the stage's own counters tell. */
static void
note_counters(const struct pp_counters *c)
{
    tcp_seen.segments_to_early += c->stream_out_of_order;
    tcp_seen.lies_noticed += c->stream_conflict;
    tcp_seen.held += c->stream_held;
    tcp_seen.hold_acks += c->stream_hold_acks;
    tcp_seen.hold_full += c->stream_hold_full;
    tcp_seen.delivered_by_timer += c->stream_rto;
}

void
world_destroy(struct world *w)
{
    note_counters(w->counters);
    tcp_seen.bytes_to_server += w->side[PP_TO_SERVER].checked;
    tcp_seen.bytes_to_client += w->side[PP_FROM_SERVER].checked;
    if (w->conn) {
        forget_conn(w);
    }
    if (w->st.held) {
        tcp_fail("%llu held bytes are lost track of",
                 (unsigned long long) w->st.held);
    }
    tcp_net_clear(&w->net);
    free(w->net.queue);
    for (int i = 0; i < 2; i++) {
        tcp_end_destroy(&w->end[i]);
        free(w->side[i].want.data);
        free(w->side[i].runs);
    }
    free(w->seen.data);
    pp_stream_destroy(&w->st);
    free(w->counters);
}
