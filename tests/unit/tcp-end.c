/* SPDX-License-Identifier: Apache-2.0 */

/* The modelled TCP endpoint of tcp-model.h.
 *
 * In: packets, time.  Out: frames into the modelled network.  Runs in unit
 * tests only; owns the endpoint's texts. */

#include <config.h>

#include "tcp-model.h"

#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "engine/pp-ipc.h"
#include "unaligned.h"
#include "util.h"

/* Payload of the longest super-frame. */
#define SUPER_MAX 65000
/* What the path takes, whatever the MSS. */
#define PATH_MSS 1448
#define RTO_FIRST 250
#define RTO_MAX 3000
#define QUIET 500

static uint32_t
end_seq(const struct tcp_end *e, uint64_t offset)
{
    return e->isn + 1 + (uint32_t) offset;
}

/* The offset of 'seq' nearest to 'near', of the stream behind 'isn'. */
static uint64_t
offset_of(uint32_t isn, uint32_t seq, uint64_t near)
{
    return near + (uint64_t) (int64_t) (int32_t)
           (seq - (isn + 1 + (uint32_t) near));
}

static uint64_t
rcv_next(const struct tcp_end *e)
{
    return e->in.n + e->in_fin;
}

static uint32_t
tsval(const struct tcp_end *e)
{
    return (uint32_t) e->net->now + e->isn;
}

/* At most 'most', at least 1, or 0 if there are none. */
static uint64_t
some_of(uint64_t n, uint32_t most)
{
    uint64_t some = 1 + tcp_rnd(most);

    return MIN(n, some);
}

/* Frames. */

static void
put_u16(uint8_t **p, uint32_t value)
{
    *(*p)++ = (uint8_t) (value >> 8);
    *(*p)++ = (uint8_t) value;
}

static void
put_u32(uint8_t **p, uint32_t value)
{
    put_u16(p, value >> 16);
    put_u16(p, value & 0xffff);
}

static uint8_t *
put_eth(const struct tcp_end *e, uint8_t *p)
{
    memcpy(p, e->eth, 12);
    p += 12;
    put_u16(&p, 0x8100);
    put_u16(&p, e->slot);
    if (e->net->vlan) {
        put_u16(&p, 0x8100);
        put_u16(&p, e->net->vlan);
    }
    put_u16(&p, e->net->ipv6 ? 0x86dd : 0x0800);
    return p;
}

/* Puts an IP header and sets '*pseudo' to the sum of the pseudo header. */
static uint8_t *
put_ip(const struct tcp_end *e, uint8_t *p, size_t len, uint32_t *pseudo)
{
    bool to_server = e->dir == PP_TO_SERVER;
    const struct tcp_net *net = e->net;
    const struct in6_addr *src = to_server ? &net->client : &net->server;
    const struct in6_addr *dst = to_server ? &net->server : &net->client;
    size_t skip = net->ipv6 ? 0 : 12;
    uint8_t *start = p;

    if (net->ipv6) {
        put_u32(&p, 6u << 28);
        put_u16(&p, (uint32_t) len);
        *p++ = IPPROTO_TCP;
        *p++ = 64;
    } else {
        put_u16(&p, 0x4500);
        put_u16(&p, (uint32_t) len + 20);
        put_u16(&p, (uint32_t) net->order);
        put_u16(&p, 0x4000);
        *p++ = 64;
        *p++ = IPPROTO_TCP;
        put_u16(&p, 0);
    }
    memcpy(p, &src->s6_addr[skip], 16 - skip);
    memcpy(p + 16 - skip, &dst->s6_addr[skip], 16 - skip);
    *pseudo = csum_continue(0, p, 2 * (16 - skip));
    *pseudo = csum_add32(*pseudo, htonl((uint32_t) len));
    *pseudo = csum_add16(*pseudo, htons(IPPROTO_TCP));
    p += 2 * (16 - skip);
    if (!net->ipv6) {
        ovs_be16 sum = csum(start, 20);

        memcpy(start + 10, &sum, 2);
    }
    return p;
}

static uint8_t *
put_range(struct tcp_end *e, uint8_t *p, const struct tcp_range *range)
{
    put_u32(&p, e->peer_isn + 1 + (uint32_t) range->l);
    put_u32(&p, e->peer_isn + 1 + (uint32_t) range->r);
    return p;
}

static uint8_t *
put_options(struct tcp_end *e, uint8_t *p, uint8_t flags)
{
    bool syn = flags & PP_TCP_SYN;
    bool asks = syn && !(flags & PP_TCP_ACK);

    if (syn && e->mss) {
        put_u32(&p, 0x02040000u | e->mss);
    }
    if (syn && e->wscale >= 0 && (asks || e->peer_shift != UINT_MAX)) {
        put_u32(&p, 0x01030300u | (uint32_t) e->wscale);
    }
    if (syn && e->sack && (asks || e->sack_on)) {
        put_u32(&p, 0x01010402u);
    }
    if (asks ? e->ts : e->ts_on) {
        put_u32(&p, 0x0101080au);
        put_u32(&p, tsval(e));
        put_u32(&p, flags & PP_TCP_ACK ? e->ts_recent : 0);
    }
    if (!syn && e->sack_on && (e->dsack.r || e->early.n)) {
        unsigned int max = e->ts_on ? 3 : 4;
        unsigned int n = MIN(max, e->early.n + !!e->dsack.r);

        put_u32(&p, 0x01010500u | (2 + 8 * n));
        tcp_seen.sack_blocks += n;
        if (e->dsack.r) {
            tcp_seen.dsack_blocks++;
            p = put_range(e, p, &e->dsack);
            n--;
        }
        for (unsigned int i = 0; i < n; i++) {
            p = put_range(e, p, &e->early.r[i]);
        }
        e->dsack.r = 0;
    }
    return p;
}

static uint32_t
window(const struct tcp_end *e, bool syn)
{
    uint64_t unread = e->in.n - e->read;
    uint64_t room = e->rcvbuf > unread ? e->rcvbuf - unread : 0;

    return (uint32_t) MIN(room >> (syn ? 0 : e->shift), 65535);
}

static size_t
segment_max(const struct tcp_end *e)
{
    size_t mss = MIN(e->peer_mss ? e->peer_mss : 536, PATH_MSS);

    return e->ts_on ? MAX(mss, 20) - 12 : MAX(mss, 8);
}

/* Sends a segment.  'urgent' is its urgent pointer, or 0. */
static void
send_segment(struct tcp_end *e, uint32_t seq, uint8_t flags, uint16_t urgent,
             const uint8_t *payload, size_t n)
{
    static uint8_t frame[sizeof(struct virtio_net_hdr) + PP_FRAME_MAX];
    struct virtio_net_hdr vnet = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
    uint8_t *eth = frame + sizeof vnet;
    uint8_t options[40];
    size_t n_options = (size_t) (put_options(e, options, flags) - options);
    size_t len = 20 + n_options + n;
    bool partial = e->partial || n > segment_max(e);
    uint32_t pseudo, win = window(e, flags & PP_TCP_SYN);
    uint8_t *l4 = put_ip(e, put_eth(e, eth), len, &pseudo);
    bool to_server = e->dir == PP_TO_SERVER;
    uint8_t *p = l4;
    ovs_be16 sum;

    put_u16(&p, to_server ? e->net->client_port : e->net->server_port);
    put_u16(&p, to_server ? e->net->server_port : e->net->client_port);
    put_u32(&p, seq);
    put_u32(&p, flags & PP_TCP_ACK
            ? e->peer_isn + 1 + (uint32_t) rcv_next(e) : 0);
    put_u16(&p, (uint32_t) ((20 + n_options) / 4) << 12 | flags
            | (urgent ? PP_TCP_URG : 0));
    put_u16(&p, win);
    put_u16(&p, 0);
    put_u16(&p, urgent);
    memcpy(p, options, n_options);
    p += n_options;
    if (n) {
        memcpy(p, payload, n);
    }
    if (partial) {
        tcp_seen.partial_csum++;
        vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        vnet.csum_start = (uint16_t) (l4 - eth);
        vnet.csum_offset = 16;
        sum = (ovs_be16) ~csum_finish(pseudo);
    } else {
        sum = csum_finish(csum_continue(pseudo, l4, len));
    }
    memcpy(l4 + 16, &sum, 2);
    if (n > segment_max(e)) {
        tcp_seen.super_frames++;
        vnet.gso_type = (e->net->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                         : VIRTIO_NET_HDR_GSO_TCPV4);
        vnet.gso_size = (uint16_t) segment_max(e);
        vnet.hdr_len = (uint16_t) (p - eth);
    }
    memcpy(frame, &vnet, sizeof vnet);

    tcp_seen.ipv6 += e->net->ipv6;
    tcp_seen.inner_vlan += e->net->vlan != 0;
    tcp_seen.timestamps += e->ts_on;
    tcp_seen.window_scaling += e->shift != 0;
    if (flags & PP_TCP_ACK) {
        tcp_seen.zero_windows += !win && !(flags & (PP_TCP_RST | PP_TCP_SYN));
        e->in_edge = MAX(e->in_edge, rcv_next(e) + ((uint64_t) win
                         << (flags & PP_TCP_SYN ? 0 : e->shift)));
        e->last_ack = e->peer_isn + 1 + (uint32_t) rcv_next(e);
        e->ack_at = 0;
    }
    TCP_TRACE("%llu: %s sends %s%s%s%s%s %lld+%zu ack %llu win %u sack %u",
              (unsigned long long) e->net->now, e->name,
              flags & PP_TCP_SYN ? "SYN " : "",
              flags & PP_TCP_FIN ? "FIN " : "",
              flags & PP_TCP_RST ? "RST " : "", urgent ? "URG " : "",
              n > segment_max(e) ? "super" : "",
              (long long) (int32_t) (seq - e->isn - 1), n,
              (unsigned long long) rcv_next(e), win,
              flags & PP_TCP_SYN ? 0 : e->early.n);
    tcp_net_send(e->net, true, e->dir, frame,
                 sizeof vnet + (size_t) (l4 + len - eth));
}

static void
send_ack(struct tcp_end *e)
{
    send_segment(e, end_seq(e, e->nxt), PP_TCP_ACK, 0, NULL, 0);
}

void
tcp_end_send_rst(struct tcp_end *e, uint32_t seq)
{
    send_segment(e, seq, PP_TCP_RST | (e->state == TCP_SYN_SENT
                                       ? 0 : PP_TCP_ACK), 0, NULL, 0);
}

static void
send_syn(struct tcp_end *e)
{
    bool answers = e->state == TCP_SYN_RECEIVED;
    size_t n = (e->syn_data && !answers ? MIN(e->ready, 100) : 0);

    tcp_seen.syn_data += n > 0;
    send_segment(e, end_seq(e, UINT64_MAX),
                 PP_TCP_SYN | (answers ? PP_TCP_ACK : 0), 0, e->out.data, n);
    e->rto_at = e->net->now + e->rto;
}

/* The same where SACK blocks take some of it (RFC 6691 3). */
static size_t
segment_room(const struct tcp_end *e)
{
    size_t blocks = MIN(e->ts_on ? 3 : 4, e->early.n + !!e->dsack.r);
    size_t sack = e->sack_on && blocks ? 4 + 8 * blocks : 0;
    size_t max = segment_max(e);

    return max > sack ? max - sack : max;
}

/* Sends bytes from 'from' to at most 'to', and returns how far it came. */
static uint64_t
send_range(struct tcp_end *e, uint64_t from, uint64_t to)
{
    static uint8_t copy[SUPER_MAX];
    size_t n = (size_t) (MIN(to, e->ready) > from
                         ? MIN(to, e->ready) - from : 0);
    bool all = e->out_fin && to > e->out.n;
    uint16_t urgent = 0;
    bool fin;

    n = MIN(n, e->gso ? SUPER_MAX : segment_max(e));
    if (n <= segment_max(e)) {
        n = MIN(n, segment_room(e));
    }
    fin = all && from + n == e->out.n;
    if (n) {
        memcpy(copy, e->out.data + from, n);
        if (e->dir == PP_TO_SERVER && tcp_chance(2)) {
            tcp_seen.urgent++;
            urgent = (uint16_t) (1 + tcp_rnd((uint32_t) n));
        }
    }
    if (from < e->nxt) {
        tcp_seen.retransmissions++;
        tcp_seen.overlaps_with_new += from + n > e->nxt;
        if (e->lies && n && tcp_chance(50)) {
            tcp_seen.lies++;
            for (uint32_t i = 1 + tcp_rnd(3); i > 0; i--) {
                size_t at = tcp_rnd((uint32_t) MIN(n, e->nxt - from));

                copy[at] ^= (uint8_t) (1 + tcp_rnd(30));
            }
        }
    }
    if (n || fin) {
        send_segment(e, end_seq(e, from),
                     PP_TCP_ACK | (fin ? PP_TCP_FIN : 0), urgent, copy, n);
    }
    return from + n + fin;
}

/* Sending. */

static uint64_t
sendable(const struct tcp_end *e)
{
    return e->ready + (e->out_fin && e->ready == e->out.n);
}

static void
send_more(struct tcp_end *e)
{
    uint64_t total = sendable(e);
    size_t mss = segment_max(e);

    while (e->nxt < total && e->nxt < e->una + e->cwnd && e->nxt < e->edge) {
        uint64_t n = MIN(MIN(total, e->una + e->cwnd), e->edge) - e->nxt;
        uint64_t next;

        n = MIN(n, e->gso ? SUPER_MAX : mss);
        if (e->cut) {
            n = some_of(n, e->cut == 1 ? (uint32_t) n : 12);
        }
        if (e->nagle && n < mss && e->una < e->nxt && e->nxt + n < total) {
            break;
        }
        next = send_range(e, e->nxt, e->nxt + n);
        if (next == e->nxt) {
            break;
        }
        e->nxt = next;
        tcp_seen.one_segment_cwnd += e->cwnd <= mss && e->nxt < total;
    }
}

/* Sends again what need not be, at any boundaries. */
static void
send_restless(struct tcp_end *e)
{
    uint64_t back = 1 + tcp_rnd((uint32_t) MIN(e->nxt, 2000));
    uint64_t from = e->nxt - back;
    uint64_t to = from + 1 + tcp_rnd((uint32_t) back + 200);
    uint64_t next;

    to = MIN(MIN(to, sendable(e)), MAX(e->edge, e->nxt));
    next = to > from ? send_range(e, from, to) : 0;
    e->nxt = MAX(e->nxt, next);
}

void
tcp_end_pump(struct tcp_end *e)
{
    if (e->state != TCP_UP || e->gone) {
        return;
    }
    send_more(e);
    if (e->restless && e->nxt && tcp_chance(4)) {
        e->restless--;
        send_restless(e);
    }
    if (!e->rto_at && (e->una < e->nxt || e->nxt < sendable(e))) {
        e->rto_at = e->net->now + e->rto;
    }
}

/* Sends the first hole again. */
static void
send_hole(struct tcp_end *e)
{
    uint64_t from = e->una;
    uint64_t to = e->nxt;

    for (unsigned int i = 0; i < e->sacked.n; i++) {
        if (e->sacked.r[i].l <= from) {
            from = MAX(from, e->sacked.r[i].r);
        } else {
            to = MIN(to, e->sacked.r[i].l);
            break;
        }
    }
    if (from >= to) {
        /* All of it was said to be there: all but the acknowledgement. */
        from = e->una;
        to = e->nxt;
    }
    if (tcp_chance(50)) {
        to = from + some_of(to - from, (uint32_t) segment_max(e));
    }
    send_range(e, from, to);
}

static void
probe_window(struct tcp_end *e)
{
    tcp_seen.window_probes++;
    if (tcp_chance(50)) {
        e->nxt = send_range(e, e->nxt, e->nxt + 1);
    } else {
        send_segment(e, end_seq(e, e->una - 1), PP_TCP_ACK, 0, NULL, 0);
    }
}

static void
run_rto(struct tcp_end *e)
{
    e->rto = MIN(e->rto * 2, RTO_MAX);
    e->rto_at = e->net->now + e->rto;
    e->sacked.n = 0;            /* RFC 2018 8. */
    if (e->state == TCP_SYN_SENT || e->state == TCP_SYN_RECEIVED) {
        /* Data on a SYN is tried once (RFC 7413 4.1.3). */
        e->syn_data = false;
        send_syn(e);
    } else if (e->una < e->nxt) {
        send_hole(e);
        e->cwnd = MAX(segment_max(e), e->cwnd / 4);
    } else if (e->nxt < sendable(e)) {
        probe_window(e);
    } else {
        e->rto_at = 0;
    }
}

static void
run_keepalive(struct tcp_end *e)
{
    uint8_t garbage = 0;
    bool byte = tcp_chance(50);

    e->alive_at = tcp_chance(80) ? e->net->now + 200 + tcp_rnd(3000) : 0;
    if (e->state == TCP_UP && e->una == e->nxt && e->nxt <= e->out.n) {
        tcp_seen.keepalives++;
        tcp_seen.keepalives_with_byte += byte;
        send_segment(e, end_seq(e, e->nxt - 1), PP_TCP_ACK, 0, &garbage,
                     byte);
    }
}

/* The application takes bytes. */
static void
run_read(struct tcp_end *e)
{
    uint32_t old = window(e, false);
    uint64_t unread = e->in.n - e->read;

    e->read_at = 0;
    e->read += (e->reads_slowly && tcp_chance(80)
                ? some_of(unread, 4000) : unread);
    if (e->read < e->in.n) {
        e->read_at = e->net->now + 1 + tcp_rnd(150);
    }
    if (e->hooks->read) {
        e->hooks->read(e->aux, e);
    }
    if ((uint64_t) old << e->shift < e->mss && window(e, false) > old
        && e->state == TCP_UP) {
        send_ack(e);
    }
}

static bool
is_due(const struct tcp_end *e, uint64_t at)
{
    return at && at <= e->net->now;
}

void
tcp_end_timers(struct tcp_end *e)
{
    if (e->gone) {
        return;
    }
    if (is_due(e, e->more_at)) {
        e->ready += some_of(e->out.n - e->ready, 600);
        e->more_at = e->ready < e->out.n ? e->net->now + tcp_rnd(60) + 1 : 0;
    }
    if (is_due(e, e->read_at)) {
        run_read(e);
    }
    if (is_due(e, e->ack_at)) {
        send_ack(e);
    }
    if (is_due(e, e->rto_at)) {
        run_rto(e);
    }
    if (is_due(e, e->alive_at)) {
        run_keepalive(e);
    }
}

uint64_t
tcp_end_deadline(const struct tcp_end *e)
{
    const uint64_t at[] = {
        e->more_at, e->read_at, e->ack_at, e->rto_at, e->alive_at,
    };
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; !e->gone && i < ARRAY_SIZE(at); i++) {
        next = at[i] ? MIN(next, at[i]) : next;
    }
    return next;
}

/* Receiving. */

static void
learn_syn(struct tcp_end *e, const struct pp_packet *pkt)
{
    bool scale = e->wscale >= 0 && pkt->wscale >= 0;

    e->peer_isn = pkt->seq;
    e->peer_mss = pkt->mss;
    e->peer_shift = scale ? (unsigned int) pkt->wscale : UINT_MAX;
    e->shift = scale ? (unsigned int) e->wscale : 0;
    /* A window must be worth a digit. */
    e->rcvbuf = MAX(e->rcvbuf, 4u << e->shift);
    e->ts_on = e->ts && pkt->ts;
    /* Nobody but the test sees whether SACK was permitted; both do it if
     * both want it. */
    e->sack_on = e->sack;
    e->ts_recent = pkt->ts ? pkt->tsval : 0;
    e->has_ts_recent = e->ts_on;
    e->last_ack = pkt->seq + 1;
    e->edge = pkt->window;
    e->wl1 = pkt->seq;
    e->wl2 = 0;
}

static void
is_up(struct tcp_end *e)
{
    e->state = TCP_UP;
    e->peer_shift = e->peer_shift == UINT_MAX ? 0 : e->peer_shift;
    e->una = 0;
    e->rto_at = 0;
    e->rto = RTO_FIRST;
    e->alive_at = e->keeps_alive ? e->net->now + 200 + tcp_rnd(2000) : 0;
}

static void
take_listening(struct tcp_end *e, const struct pp_packet *pkt)
{
    if ((pkt->flags & (PP_TCP_SYN | PP_TCP_ACK | PP_TCP_RST)) == PP_TCP_SYN) {
        learn_syn(e, pkt);
        e->state = TCP_SYN_RECEIVED;
        send_syn(e);
    }
}

static void
take_syn_sent(struct tcp_end *e, const struct pp_packet *pkt)
{
    if (pkt->flags & PP_TCP_ACK && pkt->ack != e->isn + 1) {
        if (!(pkt->flags & PP_TCP_RST)) {
            tcp_end_send_rst(e, pkt->ack);
        }
    } else if (pkt->flags & PP_TCP_RST) {
        e->gone |= (pkt->flags & PP_TCP_ACK) != 0;
    } else if (pkt->flags & PP_TCP_SYN) {
        learn_syn(e, pkt);
        if (pkt->flags & PP_TCP_ACK) {
            is_up(e);
            send_ack(e);
        } else {
            tcp_seen.simultaneous_open++;
            e->state = TCP_SYN_RECEIVED;
            send_syn(e);
        }
    }
}

static void
take_sack(struct tcp_end *e, const struct pp_packet *pkt, bool stray)
{
    uint64_t ack = offset_of(e->isn, pkt->ack, e->una);

    for (unsigned int i = 0; i < pkt->n_sack; i++) {
        struct tcp_range range;
        uint32_t l, r;

        pp_packet_get_sack(pkt, i, &l, &r);
        range.l = offset_of(e->isn, l, e->una);
        range.r = offset_of(e->isn, r, e->una);
        if ((int64_t) range.r <= (int64_t) e->una
            || (int64_t) range.l >= (int64_t) range.r || stray) {
            continue;
        } else if ((range.r > e->nxt || range.l < ack) && e->net->misled) {
            /* Of foreign bytes that its peer has. */
            continue;
        } else if (range.r > e->nxt || range.l < ack) {
            tcp_fail("%s gets a SACK block %lld-%lld, has sent %llu, %llu "
                     "of it acknowledged", e->name, (long long) range.l,
                     (long long) range.r, (unsigned long long) e->nxt,
                     (unsigned long long) ack);
        }
        range.l = MAX(range.l, e->una);
        if (e->hooks->sacked) {
            e->hooks->sacked(e->aux, e, range);
        }
        tcp_ranges_add(&e->sacked, range.l, range.r, false);
    }
}

/* Takes what 'pkt' says of its sender's room, unless it is older than what was
 * taken last (RFC 9293 3.10.7.4).  Where frames went around the stage, one may
 * have been ahead; then it helps that most go by a newer acknowledgement,
 * too. */
static void
take_window(struct tcp_end *e, const struct pp_packet *pkt, uint64_t ack)
{
    int32_t newer = (int32_t) (pkt->seq - e->wl1);

    if (newer > 0 || (!newer && ack >= e->wl2)
        || (e->net->around && ack > e->wl2)) {
        e->edge = MAX(e->edge,
                      ack + ((uint64_t) pkt->window << e->peer_shift));
        e->wl1 = pkt->seq;
        e->wl2 = ack;
    } else {
        tcp_seen.old_windows++;
    }
}

/* False if the segment is to be dropped. */
static bool
take_ack(struct tcp_end *e, const struct pp_packet *pkt, bool stray)
{
    uint64_t ack = offset_of(e->isn, pkt->ack, e->nxt);

    if ((int64_t) ack > (int64_t) e->nxt) {
        if (!stray && !e->net->misled) {
            tcp_fail("%s gets an acknowledgement of %lld, has sent %llu",
                     e->name, (long long) ack, (unsigned long long) e->nxt);
        }
        send_ack(e);
        return false;
    } else if ((int64_t) ack < (int64_t) e->una) {
        return true;
    }
    if (ack > e->una) {
        if (!stray && e->hooks->acked) {
            e->hooks->acked(e->aux, e, ack);
        }
        e->cwnd = MIN(e->cwnd + (ack - e->una), 1000000);
        e->una = ack;
        e->rto = RTO_FIRST;
        e->rto_at = e->una < e->nxt ? e->net->now + e->rto : 0;
        e->dup_acks = 0;
        tcp_ranges_trim(&e->sacked, ack);
    } else if (!pkt->payload_len && e->una < e->nxt) {
        e->dup_acks++;
    }
    take_window(e, pkt, ack);
    take_sack(e, pkt, stray);
    if (e->dup_acks >= 3 && e->fast_at != e->una + 1) {
        e->fast_at = e->una + 1;
        tcp_seen.fast_retransmissions++;
        send_hole(e);
    }
    return true;
}

/* Keeps received bytes at their place. */
static void
store(struct tcp_end *e, uint64_t from, const uint8_t *p, size_t n)
{
    tcp_text_room(&e->gaps, from + n);
    if (!e->last_copy_wins && e->early.n) {
        uint64_t at = from;

        for (unsigned int i = 0; i < e->early.n && at < from + n; i++) {
            uint64_t l = MIN(MAX(e->early.r[i].l, at), from + n);

            memcpy(e->gaps.data + at, p + (at - from), l - at);
            at = MAX(at, MIN(e->early.r[i].r, from + n));
        }
        memcpy(e->gaps.data + at, p + (at - from), from + n - at);
    } else {
        memcpy(e->gaps.data + from, p, n);
    }
    tcp_ranges_add(&e->early, from, from + n, from == e->in.n);
}

/* Moves what is in order by now. */
static void
drain(struct tcp_end *e)
{
    while (e->early.n && e->early.r[0].l <= e->in.n) {
        struct tcp_range r = e->early.r[0];

        if (r.r > e->in.n) {
            tcp_text_put(&e->in, e->gaps.data + e->in.n, r.r - e->in.n);
        }
        tcp_ranges_trim(&e->early, r.r);
    }
    if (e->in.n == e->fin_at && !e->in_fin) {
        e->in_fin = true;
        /* As Linux' tcp_fin() does with what it has from behind it. */
        e->early.n = 0;
        tcp_seen.simultaneous_close += (e->out_fin && e->una < e->nxt
                                        && e->nxt > e->out.n);
    }
}

static void
take_data(struct tcp_end *e, const struct pp_packet *pkt, uint64_t seq)
{
    uint64_t data_end = seq + pkt->payload_len;
    uint64_t from = MAX((int64_t) seq, (int64_t) e->in.n);
    uint64_t to = MIN((int64_t) data_end, (int64_t) e->in_edge);
    const uint8_t *p = pkt->data + pkt->payload;
    bool in_order = (int64_t) seq <= (int64_t) e->in.n;
    uint64_t before = rcv_next(e);
    bool dup = ((int64_t) seq < (int64_t) e->in.n && (int64_t) seq >= 0)
               || tcp_ranges_have(&e->early, seq, data_end);

    tcp_seen.beyond_window += (int64_t) data_end > (int64_t) e->in_edge;
    if (dup && e->sack_on) {
        e->dsack.l = seq;
        e->dsack.r = (in_order ? MIN(data_end, e->in.n) : data_end);
    }
    if ((int64_t) from < (int64_t) to) {
        store(e, from, p + (from - seq), to - from);
        if (pkt->flags & PP_TCP_URG && e->minds_urgent) {
            uint64_t at = seq + (uint64_t) (pkt->data[pkt->l4 + 18] << 8
                                            | pkt->data[pkt->l4 + 19]) - 1;

            if (at >= from && at < to) {
                e->gaps.data[at] ^= 0x80;
            }
        }
    }
    /* Behind a FIN nothing counts (RFC 9293 3.10.7.4). */
    if (pkt->flags & PP_TCP_FIN && !e->in_fin
        && (int64_t) data_end <= (int64_t) e->in_edge) {
        e->fin_is_stray |= e->net->stray;
        if (e->fin_at != UINT64_MAX && e->fin_at != data_end
            && !e->fin_is_stray && !e->net->fin_around) {
            tcp_fail("%s gets a FIN at %llu, and one at %llu", e->name,
                     (unsigned long long) e->fin_at,
                     (unsigned long long) data_end);
        }
        /* Of two, that counts which it comes to first. */
        e->fin_at = (e->net->fin_around ? MIN(e->fin_at, data_end)
                     : data_end);
    }
    drain(e);
    if (e->reads_slowly) {
        e->read_at = e->read_at ? e->read_at : e->net->now + tcp_rnd(100) + 1;
    } else {
        run_read(e);
    }
    if (e->delays_acks && rcv_next(e) > before && !e->early.n && !dup
        && !e->in_fin && !e->ack_at) {
        e->ack_at = e->net->now + 1 + tcp_rnd(60);
    } else {
        send_ack(e);
    }
}

/* Answers what has no byte and is not acceptable: once in a while, or else two
 * ends that find nothing new in each other's answers would go on for ever; as
 * Linux' tcp_invalid_ratelimit. */
static void
answer_quietly(struct tcp_end *e)
{
    if (e->net->now >= e->quiet_until) {
        e->quiet_until = e->net->now + QUIET;
        send_ack(e);
    }
}

static void
take_rst(struct tcp_end *e, uint64_t seq)
{
    if (seq == rcv_next(e)) {
        TCP_TRACE("%llu: %s is reset", (unsigned long long) e->net->now,
                  e->name);
        if (e->state == TCP_SYN_RECEIVED && e->dir == PP_FROM_SERVER) {
            e->state = TCP_LISTENING;
            e->rto_at = 0;
        } else {
            e->gone = true;
        }
    } else if ((int64_t) seq > (int64_t) rcv_next(e)
               && (int64_t) seq < (int64_t) e->in_edge) {
        /* RFC 5961 3.2. */
        tcp_seen.rst_challenged++;
        answer_quietly(e);
    }
}

/* A SYN where the connection is under way. */
static void
take_syn(struct tcp_end *e, const struct pp_packet *pkt)
{
    if (e->state == TCP_SYN_RECEIVED && pkt->seq == e->peer_isn) {
        if (!(pkt->flags & PP_TCP_ACK)) {
            send_syn(e);
        } else if (pkt->ack == e->isn + 1) {
            is_up(e);
            e->edge = pkt->window;
            send_ack(e);
        }
    } else {
        send_ack(e);
    }
}

/* Whether the segment may be looked at (RFC 9293 3.10.7.4), and is none of
 * old (RFC 7323 5.3). */
static bool
is_acceptable(struct tcp_end *e, const struct pp_packet *pkt, uint64_t seq,
              uint64_t end, bool stray)
{
    uint64_t next = rcv_next(e);
    uint64_t wup = offset_of(e->peer_isn, e->last_ack, next);

    if (e->ts_on && !pkt->ts && !stray) {
        tcp_fail("%s gets a segment without timestamps", e->name);
    } else if (e->ts_on && pkt->ts) {
        if ((int32_t) (pkt->tsval - e->ts_recent) < 0) {
            return false;
        }
        if (!stray && (int32_t) (pkt->tsecr - tsval(e)) > 0) {
            tcp_fail("%s gets a timestamp back that it never sent", e->name);
        }
    }
    if ((int64_t) end < (int64_t) wup
        || (int64_t) seq > (int64_t) MAX(e->in_edge, next)) {
        return false;
    }
    if (e->ts_on && pkt->ts && (int64_t) seq <= (int64_t) wup) {
        e->ts_recent = pkt->tsval;
    }
    return true;
}

void
tcp_end_take(struct tcp_end *e, const struct pp_packet *pkt)
{
    uint64_t seq = offset_of(e->peer_isn, pkt->seq, e->in.n);
    uint64_t end = seq + pp_packet_seg_len(pkt);
    bool stray = e->net->stray;

    if (e->gone) {
        if (!(pkt->flags & PP_TCP_RST)) {
            tcp_end_send_rst(e, pkt->ack);
        }
        return;
    } else if (e->state == TCP_LISTENING) {
        take_listening(e, pkt);
        return;
    } else if (e->state == TCP_SYN_SENT) {
        take_syn_sent(e, pkt);
        return;
    }
    if (pkt->flags & PP_TCP_RST) {
        take_rst(e, seq);
        return;
    } else if (pkt->flags & PP_TCP_SYN) {
        take_syn(e, pkt);
        return;
    }
    if (!stray) {
        size_t most = e->mss ? e->mss : 536;
        size_t size = (pkt->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE
                       ? pkt->vnet.gso_size : pkt->payload_len);

        if (size > MAX(most, 8)) {
            tcp_fail("%s gets a segment of %zu bytes, its MSS is %zu",
                     e->name, size, most);
        }
    }
    if (!is_acceptable(e, pkt, seq, end, stray)) {
        if (end != seq && (int64_t) end <= (int64_t) e->in.n && e->sack_on
            && (int64_t) seq >= 0) {
            e->dsack = (struct tcp_range) { seq, end };
        }
        if (end != seq) {
            send_ack(e);
        } else {
            answer_quietly(e);
        }
        return;
    }
    if (!(pkt->flags & PP_TCP_ACK)) {
        return;
    }
    if (e->state == TCP_SYN_RECEIVED) {
        if (pkt->ack != e->isn + 1) {
            return;
        }
        is_up(e);
    }
    if (take_ack(e, pkt, stray) && end != seq && !e->gone) {
        take_data(e, pkt, seq);
    }
}

/* Life. */

void
tcp_end_reset(struct tcp_end *e, enum tcp_state state)
{
    struct tcp_text out = e->out, in = e->in, gaps = e->gaps;

    out.n = in.n = gaps.n = 0;
    memset(&e->state, 0, sizeof *e - offsetof(struct tcp_end, state));
    e->state = state;
    e->out = out;
    e->in = in;
    e->gaps = gaps;
    e->fin_at = UINT64_MAX;
    e->rto = RTO_FIRST;
}

void
tcp_end_destroy(struct tcp_end *e)
{
    free(e->out.data);
    free(e->in.data);
    free(e->gaps.data);
}

void
tcp_end_connect(struct tcp_end *e)
{
    e->state = TCP_SYN_SENT;
    send_syn(e);
}

void
tcp_end_abort(struct tcp_end *e)
{
    tcp_seen.aborts++;
    tcp_end_send_rst(e, end_seq(e, e->nxt));
    e->gone = true;
}
