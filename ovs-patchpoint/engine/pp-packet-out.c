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
#include "pp-value.h"
#include "util.h"

/* Ethernet, two tags, IPv6, TCP with timestamps. */
#define HEADERS_MAX (14 + 8 + 40 + 20 + 12)

void
pp_packet_out(const struct pp_packet *pkt, const struct pp_output *out,
              struct pp_counters *counters)
{
    struct iovec iov[2] = {
        { .iov_base = CONST_CAST(void *, &pkt->vnet),
          .iov_len = sizeof pkt->vnet },
        { .iov_base = pkt->data, .iov_len = pkt->len },
    };

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
        put_be16(b, 0x8100);
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
    uint32_t tcp_header = seg->has_ts ? 32 : 20;
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
