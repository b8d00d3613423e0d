/* SPDX-License-Identifier: Apache-2.0 */

/* Packet out: the last stage of the pipeline; see pp-packet.h.
 *
 * In: frames as they came, and segments of the engine's own making.  Out:
 * frames for the switch.  Runs in the engine and in the offline tool; owns
 * nothing. */

#include <config.h>

#include "engine/pp-packet.h"

#include <string.h>

#include "csum.h"
#include "engine/pp-ipc.h"
#include "packets.h"
#include "pp-value.h"
#include "util.h"

/* Ethernet, two tags, IPv6, TCP with all the options that it has room for. */
#define HEADERS_MAX (14 + 8 + 40 + 60)

/* Headers longer than this are not put before each part of a packet. */
#define SPLIT_HEADERS_MAX 512

/* Makes the IP header at 'l3' of the 'len' bytes at 'data' agree with a
 * packet of 'total' bytes, from that header on. */
static void
set_ip_length(uint8_t *data, const struct pp_packet *pkt, uint32_t total)
{
    uint8_t *ip = data + pkt->l3;
    ovs_be16 be = htons((uint16_t) (total - (pkt->ipv6 ? 40 : 0)));

    memcpy(ip + (pkt->ipv6 ? 4 : 2), &be, sizeof be);
}

static void
set_ipv4_csum(uint8_t *ip)
{
    ovs_be16 sum = 0;

    memcpy(ip + 10, &sum, sizeof sum);
    sum = csum(ip, (ip[0] & 0xf) * 4);
    memcpy(ip + 10, &sum, sizeof sum);
}

static void
write_part(uint8_t *header, size_t header_len, const uint8_t *payload,
           size_t len, const struct pp_output *out,
           struct pp_counters *counters)
{
    struct virtio_net_hdr vnet = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
    struct iovec iov[3] = {
        { .iov_base = &vnet, .iov_len = sizeof vnet },
        { .iov_base = header, .iov_len = header_len },
        { .iov_base = CONST_CAST(uint8_t *, payload), .iov_len = len },
    };

    counters->packet_out_frames++;
    counters->packet_out_bytes += header_len + len;
    out->write(out->aux, out->bridge, iov, 3);
}

/* Writes the TCP segment 'pkt' as several, with 'size' bytes of payload each,
 * as a card with segmentation offload would. */
static void
out_segments(const struct pp_packet *pkt, uint32_t size,
             const struct pp_output *out, struct pp_counters *counters)
{
    size_t skip = pkt->ipv6 ? 0 : 12;
    uint32_t tcp_header = pkt->payload - pkt->l4;
    uint8_t header[SPLIT_HEADERS_MAX];
    uint16_t id = (uint16_t) pkt->frag_id;

    for (uint32_t ofs = 0; ofs < pkt->payload_len; ofs += size) {
        uint32_t n = MIN(size, pkt->payload_len - ofs);
        const uint8_t *payload = pkt->data + pkt->payload + ofs;
        uint8_t flags = pkt->flags;
        ovs_be32 seq = htonl(pkt->seq + ofs);
        ovs_be16 tcp_csum = 0;
        uint32_t sum;

        if (ofs + n < pkt->payload_len) {
            flags &= (uint8_t) ~(PP_TCP_FIN | PP_TCP_PSH);
        }
        if (ofs) {
            flags &= (uint8_t) ~TCP_CWR;    /* RFC 3168 6.1.2: once. */
        }
        memcpy(header, pkt->data, pkt->payload);
        set_ip_length(header, pkt, pkt->payload - pkt->l3 + n);
        if (!pkt->ipv6) {
            ovs_be16 be = htons(id++);

            memcpy(header + pkt->l3 + 4, &be, sizeof be);
            set_ipv4_csum(header + pkt->l3);
        }
        memcpy(header + pkt->l4 + 4, &seq, sizeof seq);
        header[pkt->l4 + 13] = flags;
        memcpy(header + pkt->l4 + 16, &tcp_csum, sizeof tcp_csum);
        sum = csum_continue(0, &pkt->src.s6_addr[skip], 16 - skip);
        sum = csum_continue(sum, &pkt->dst.s6_addr[skip], 16 - skip);
        sum = csum_add32(sum, htonl(tcp_header + n));
        sum = csum_add16(sum, htons(IPPROTO_TCP));
        sum = csum_continue(sum, header + pkt->l4, tcp_header);
        tcp_csum = csum_finish(csum_continue(sum, payload, n));
        memcpy(header + pkt->l4 + 16, &tcp_csum, sizeof tcp_csum);
        write_part(header, pkt->payload, payload, n, out, counters);
    }
}

/* Puts the headers that each fragment of 'pkt' has into 'header'.  Returns
 * their length. */
static uint32_t
fragment_header(const struct pp_packet *pkt, uint8_t *header)
{
    uint32_t len = pkt->ipv6 ? pkt->frag_at : pkt->l4;
    ovs_be32 id = htonl(pkt->frag_id);

    memcpy(header, pkt->data, len);
    if (pkt->ipv6) {
        memset(header + len, 0, 8);
        header[len] = header[pkt->frag_next];
        header[pkt->frag_next] = IPPROTO_FRAGMENT;
        memcpy(header + len + 4, &id, sizeof id);
        len += 8;
    } else {
        ovs_be16 id16 = htons((uint16_t) pkt->frag_id);

        memcpy(header + pkt->l3 + 4, &id16, sizeof id16);
    }
    return len;
}

/* Writes 'pkt', whose checksum is complete, as IP fragments (RFC 791 3.2, RFC
 * 8200 4.5). */
static void
out_fragments(const struct pp_packet *pkt, const struct pp_output *out,
              struct pp_counters *counters)
{
    uint8_t header[SPLIT_HEADERS_MAX + 8];
    uint32_t len = fragment_header(pkt, header);
    uint32_t start = pkt->ipv6 ? pkt->frag_at : pkt->l4;
    uint32_t size = (pkt->mtu - (len - pkt->l3)) & ~(uint32_t) 7;

    for (uint32_t ofs = 0; ofs < pkt->len - start; ofs += size) {
        uint32_t n = MIN(size, pkt->len - start - ofs);
        bool more = start + ofs + n < pkt->len;

        set_ip_length(header, pkt, len - pkt->l3 + n);
        if (pkt->ipv6) {
            ovs_be16 be = htons((uint16_t) (ofs | more));

            memcpy(header + len - 6, &be, sizeof be);
        } else {
            ovs_be16 be = htons((uint16_t) (ofs / 8 | (more ? 0x2000 : 0)));

            memcpy(header + pkt->l3 + 6, &be, sizeof be);
            set_ipv4_csum(header + pkt->l3);
        }
        write_part(header, len, pkt->data + start + ofs, n, out, counters);
    }
}

/* Writes 'pkt' in parts that fit its way on. */
static void
out_split(const struct pp_packet *pkt, const struct pp_output *out,
          struct pp_counters *counters)
{
    const uint8_t plain = PP_TCP_FIN | PP_TCP_PSH | PP_TCP_ACK | TCP_ECE
                          | TCP_CWR;
    uint32_t header = pkt->payload - pkt->l3;

    counters->packet_out_split++;
    if (pkt->ip_proto == IPPROTO_TCP && !(pkt->flags & ~plain)
        && pkt->payload <= SPLIT_HEADERS_MAX && header < pkt->mtu) {
        out_segments(pkt, pkt->mtu - header, out, counters);
    } else if ((pkt->ipv6 ? pkt->frag_at : pkt->l4) <= SPLIT_HEADERS_MAX) {
        out_fragments(pkt, out, counters);
    } else {
        counters->packet_out_unsplit++;
    }
}

void
pp_packet_out(const struct pp_packet *pkt, const struct pp_output *out,
              struct pp_counters *counters)
{
    struct iovec iov[2] = {
        { .iov_base = CONST_CAST(void *, &pkt->vnet),
          .iov_len = sizeof pkt->vnet },
        { .iov_base = pkt->data, .iov_len = pkt->len },
    };

    if (pkt->mtu && pkt->len - pkt->l3 > pkt->mtu) {
        out_split(pkt, out, counters);
        return;
    }
    counters->packet_out_frames++;
    counters->packet_out_bytes += pkt->len;
    out->write(out->aux, out->bridge, iov, 2);
}

static void
put_be16(struct pp_buf *b, uint16_t value)
{
    ovs_be16 be = htons(value);

    pp_buf_put(b, &be, sizeof be);
}

static void
put_be32(struct pp_buf *b, uint32_t value)
{
    ovs_be32 be = htonl(value);

    pp_buf_put(b, &be, sizeof be);
}

static void
put_u8(struct pp_buf *b, uint8_t value)
{
    pp_buf_put(b, &value, 1);
}

static void
put_eth(struct pp_buf *b, const struct pp_segment *seg)
{
    pp_buf_put(b, seg->eth, 12);
    if (seg->slot) {
        put_be16(b, seg->tpid ? seg->tpid : 0x8100);
        put_be16(b, seg->slot);
    }
    if (seg->vlan_tci) {
        put_be16(b, 0x8100);
        put_be16(b, seg->vlan_tci);
    }
    put_be16(b, seg->ipv6 ? 0x86dd : 0x0800);
}

/* Puts an IP header for 'len' bytes of TCP; returns the sum of the pseudo
 * header. */
static uint32_t
put_ip(struct pp_buf *b, const struct pp_segment *seg, uint32_t len)
{
    size_t skip = seg->ipv6 ? 0 : 12;
    size_t start = b->len;
    uint32_t sum;

    if (seg->ipv6) {
        put_be32(b, 6u << 28 | (uint32_t) seg->tos << 20);
        put_be16(b, (uint16_t) len);
        put_u8(b, IPPROTO_TCP);
        put_u8(b, seg->ttl);
    } else {
        put_be16(b, (uint16_t) (0x4500 | seg->tos));
        put_be16(b, (uint16_t) (len + 20));
        put_be16(b, 0);
        put_be16(b, 0x4000);    /* Don't fragment. */
        put_u8(b, seg->ttl);
        put_u8(b, IPPROTO_TCP);
        put_be16(b, 0);
    }
    pp_buf_put(b, &seg->src.s6_addr[skip], 16 - skip);
    pp_buf_put(b, &seg->dst.s6_addr[skip], 16 - skip);
    if (!seg->ipv6) {
        ovs_be16 ip_csum = csum(b->data + start, 20);

        memcpy(b->data + start + 10, &ip_csum, sizeof ip_csum);
    }
    sum = csum_continue(0, &seg->src.s6_addr[skip], 16 - skip);
    sum = csum_continue(sum, &seg->dst.s6_addr[skip], 16 - skip);
    sum = csum_add32(sum, htonl(len));
    return csum_add16(sum, htons(IPPROTO_TCP));
}

void
pp_segment_out(const struct pp_segment *seg, const struct pp_output *out,
               struct pp_counters *counters)
{
    uint32_t tcp_header = 20 + (seg->has_ts ? 12 : 0)
                          + (seg->n_sack ? 4 + 8 * seg->n_sack : 0);
    struct virtio_net_hdr vnet = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
    uint8_t headers[HEADERS_MAX];
    struct pp_buf b;
    struct iovec iov[3];
    ovs_be16 tcp_csum;
    uint32_t sum;
    size_t l4;

    pp_buf_init(&b, headers, sizeof headers);
    put_eth(&b, seg);
    sum = put_ip(&b, seg, tcp_header + seg->payload_len);
    l4 = b.len;
    put_be16(&b, seg->src_port);
    put_be16(&b, seg->dst_port);
    put_be32(&b, seg->seq);
    put_be32(&b, seg->ack);
    put_be16(&b, (uint16_t) (tcp_header / 4 << 12 | seg->flags));
    put_be16(&b, seg->window);
    put_be32(&b, 0);
    if (seg->has_ts) {
        put_be32(&b, 0x0101080a);   /* NOP, NOP, timestamps of 10 bytes. */
        put_be32(&b, seg->tsval);
        put_be32(&b, seg->tsecr);
    }
    if (seg->n_sack) {
        put_be32(&b, 0x01010502u + 8 * seg->n_sack);    /* NOP, NOP, SACK. */
    }
    for (unsigned int i = 0; i < seg->n_sack; i++) {
        put_be32(&b, seg->sack[i][0]);
        put_be32(&b, seg->sack[i][1]);
    }
    sum = csum_continue(sum, headers + l4, tcp_header);
    sum = csum_continue(sum, seg->payload, seg->payload_len);
    tcp_csum = csum_finish(sum);
    memcpy(headers + l4 + 16, &tcp_csum, sizeof tcp_csum);

    iov[0] = (struct iovec) { .iov_base = &vnet, .iov_len = sizeof vnet };
    iov[1] = (struct iovec) { .iov_base = headers, .iov_len = b.len };
    iov[2] = (struct iovec) { .iov_base = CONST_CAST(uint8_t *, seg->payload),
                              .iov_len = seg->payload_len };
    counters->packet_out_frames++;
    counters->packet_out_bytes += b.len + seg->payload_len;
    out->write(out->aux, out->bridge, iov, seg->payload_len ? 3 : 2);
}
