/* SPDX-License-Identifier: Apache-2.0 */

/* Packet in: the first stage of the pipeline; see pp-packet.h.
 *
 * In: a frame from the switch.  Out: where its headers stand and what they
 * say.  Runs in the engine and in the offline tool; owns nothing. */

#include <config.h>

#include "engine/pp-packet.h"

#include <string.h>

#include "csum.h"
#include "engine/pp-ipc.h"
#include "pp-reader.h"
#include "unaligned.h"
#include "util.h"

#define ETH_TYPE_MIN 0x600      /* Below it is a length (IEEE 802.3). */
#define ETH_IPV4 0x0800
#define ETH_VLAN 0x8100
#define ETH_SVLAN 0x88a8
#define ETH_IPV6 0x86dd

/* IPv4 options (RFC 791 3.1). */
#define IPOPT_EOL 0
#define IPOPT_NOP 1
#define IPOPT_LOOSE_ROUTE 131
#define IPOPT_STRICT_ROUTE 137

/* IPv6 extension headers that may stand before TCP (RFC 8200 4.1). */
#define EXT_HOP_BY_HOP 0
#define EXT_ROUTING 43
#define EXT_FRAGMENT 44
#define EXT_DESTINATION 60

/* Tags inside of the slot's.  More no real frame has; and no more than one
 * that says a VLAN. */
#define TAGS_MAX 8

/* More extension headers than that no real packet has. */
#define EXT_MAX 8

/* True if an IP packet is at 'r', behind an IEEE 802.2 header (RFC 1042).
 * Nobody sends such frames on Ethernet, some hosts take them (RFC 1122
 * 2.3.3), and the switch looks behind that header, too. */
static bool
is_snap_ip(struct pp_reader r)
{
    static const uint8_t snap[] = { 0xaa, 0xaa, 3, 0, 0, 0 };
    const uint8_t *p = pp_reader_bytes(&r, sizeof snap);
    uint16_t type = pp_reader_be16(&r);

    return (p && !memcmp(p, snap, sizeof snap)
            && (type == ETH_IPV4 || type == ETH_IPV6));
}

/* The IPv4 address at 'p' as a mapped one. */
static inline void
read_ipv4_addr(struct in6_addr *addr, const uint8_t *p)
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    memcpy(addr->s6_addr, prefix, sizeof prefix);
    memcpy(addr->s6_addr + sizeof prefix, p, 4);
}

static bool
is_tag(uint16_t type)
{
    return type == ETH_VLAN || type == ETH_SVLAN;
}

/* Reads the tags and the Ethernet type.  A tag of VLAN 0 says a priority and
 * no VLAN (IEEE 802.1Q 6.9): hosts take the frame as if it were not there,
 * Linux any number of them. */
static uint16_t
read_eth(struct pp_packet *pkt, struct pp_reader *r)
{
    const uint8_t *p = pp_reader_bytes(r, 14);
    uint16_t type = p ? pp_be16(p + 12) : 0;

    pkt->slot = pkt->vlan = pkt->tpid = 0;
    if (is_tag(type)) {
        pkt->tpid = type;
        pkt->slot = pp_reader_be16(r) & 0xfff;
        type = pp_reader_be16(r);
    }
    for (int i = 0; is_tag(type) && !r->error; i++) {
        uint16_t vid = pp_reader_be16(r) & 0xfff;

        if (i == TAGS_MAX || (vid && pkt->vlan)) {
            r->error = true;
        }
        pkt->vlan |= vid;
        type = pp_reader_be16(r);
    }
    pkt->l3 = (uint16_t) r->pos;
    return type;
}

/* True if there is a source route (RFC 791 3.1) among the IPv4 options 'r'
 * that is not at its end. */
static bool
has_source_route(struct pp_reader r)
{
    while (pp_reader_left(&r)) {
        uint8_t kind = pp_reader_u8(&r);
        struct pp_reader opt;
        uint8_t len;

        if (kind == IPOPT_EOL) {
            break;
        } else if (kind == IPOPT_NOP) {
            continue;
        }
        len = pp_reader_u8(&r);
        if (r.error || len < 2) {
            break;
        }
        opt = pp_reader_sub(&r, len - 2);
        if ((kind == IPOPT_LOOSE_ROUTE || kind == IPOPT_STRICT_ROUTE)
            && !opt.error && pp_reader_u8(&opt) <= len) {
            return true;
        }
    }
    return false;
}

/* Reads an IPv4 header (RFC 791 3.1) and narrows 'r' to what it carries. */
static bool
read_ipv4(struct pp_packet *pkt, struct pp_reader *r, bool *fragment)
{
    const uint8_t *p = pp_reader_bytes(r, 20);
    uint16_t total, frag;
    size_t header;

    if (!p) {
        return false;
    }
    header = (p[0] & 0xf) * 4;
    total = pp_be16(p + 2);
    frag = pp_be16(p + 6);
    if (p[0] >> 4 != 4 || header < 20 || total < header
        || total > r->end - pkt->l3) {
        return false;
    }
    pkt->ipv6 = false;
    pkt->tos = p[1];
    pkt->frag_id = pp_be16(p + 4);
    pkt->frag_ofs = (frag & 0x1fff) * 8;
    pkt->frag_more = frag & 0x2000;
    pkt->ttl = p[8];
    pkt->ip_proto = p[9];
    read_ipv4_addr(&pkt->src, p + 12);
    read_ipv4_addr(&pkt->dst, p + 16);
    pkt->leads_on = (header > 20
                     && has_source_route(pp_reader_sub(r, header - 20)));
    r->end = pkt->l3 + total;
    *fragment = (frag & 0x3fff) != 0;
    return !r->error;
}

static bool
is_extension(uint8_t proto)
{
    return (proto == EXT_HOP_BY_HOP || proto == EXT_ROUTING
            || proto == EXT_DESTINATION || proto == EXT_FRAGMENT);
}

/* Reads a fragment header (RFC 8200 4.5).  Returns true if the packet is one
 * of several. */
static bool
read_fragment_header(struct pp_packet *pkt, struct pp_reader *r)
{
    uint16_t frag;

    pkt->frag_at = (uint16_t) r->pos;
    pkt->frag_next = pkt->l4_next;
    pkt->ip_proto = pp_reader_u8(r);
    pp_reader_skip(r, 1);
    frag = pp_reader_be16(r);
    pkt->frag_ofs = frag & 0xfff8;
    pkt->frag_more = frag & 1;
    pkt->frag_id = pp_reader_be32(r);
    /* An "atomic" fragment is all of its packet (RFC 6946). */
    return pkt->frag_ofs || pkt->frag_more;
}

/* Reads IPv6 extension headers (RFC 8200 4); in a fragment, up to the
 * fragment header.  False if there are too many, or two fragment headers,
 * which no host takes. */
static bool
read_extensions(struct pp_packet *pkt, struct pp_reader *r, bool *fragment)
{
    pkt->l4_next = pkt->l3 + 6;
    for (int i = 0; is_extension(pkt->ip_proto) && !*fragment; i++) {
        size_t at = r->pos;

        if (i == EXT_MAX) {
            return false;
        } else if (pkt->ip_proto == EXT_FRAGMENT) {
            if (pkt->frag_at) {
                return false;
            }
            *fragment = read_fragment_header(pkt, r);
        } else {
            bool routing = pkt->ip_proto == EXT_ROUTING;
            size_t len;

            pkt->ip_proto = pp_reader_u8(r);
            len = 6 + (size_t) pp_reader_u8(r) * 8;
            if (routing) {
                /* Segments left. */
                pkt->leads_on |= pp_reader_peek(r, 1) != 0;
            }
            pp_reader_skip(r, len);
        }
        pkt->l4_next = (uint16_t) at;
        if (r->error) {
            return false;
        }
    }
    return true;
}

/* True if the rest of a first fragment, at 'r', has not all headers up to and
 * with that of the upper layer. */
static bool
is_headless(const struct pp_packet *pkt, struct pp_reader r)
{
    uint8_t proto = pkt->ip_proto;

    for (int i = 0; is_extension(proto); i++) {
        if (i == EXT_MAX || proto == EXT_FRAGMENT) {
            return true;
        }
        proto = pp_reader_u8(&r);
        pp_reader_skip(&r, 6 + (size_t) pp_reader_u8(&r) * 8);
    }
    pp_reader_skip(&r, proto == IPPROTO_TCP ? 20
                   : proto == IPPROTO_UDP ? 8 : 0);
    return r.error;
}

/* Reads an IPv6 header and its extension headers (RFC 8200 3, 4) and narrows
 * 'r' to what they carry. */
static bool
read_ipv6(struct pp_packet *pkt, struct pp_reader *r, bool *fragment)
{
    const uint8_t *p = pp_reader_bytes(r, 40);
    uint16_t len;

    if (!p) {
        return false;
    }
    len = pp_be16(p + 4);
    if (p[0] >> 4 != 6 || len > r->end - r->pos) {
        return false;
    }
    pkt->ipv6 = true;
    pkt->tos = pp_be16(p) >> 4 & 0xff;
    pkt->ip_proto = p[6];
    pkt->ttl = p[7];
    memcpy(&pkt->src, p + 8, sizeof pkt->src);
    memcpy(&pkt->dst, p + 24, sizeof pkt->dst);
    r->end = r->pos + len;
    if (!read_extensions(pkt, r, fragment)) {
        return false;
    }
    pkt->frag_headless = (*fragment && !pkt->frag_ofs
                          && is_headless(pkt, *r));
    return true;
}

/* The option of Multipath TCP (RFC 8684 3). */
#define MPTCP_KIND 30

/* Reads the next TCP option (RFC 9293 3.1): its kind, and what is behind kind
 * and length.  False if there is none. */
static bool
next_option(struct pp_reader *r, uint8_t *kind, struct pp_reader *opt)
{
    while (pp_reader_left(r)) {
        uint8_t len;

        *kind = pp_reader_u8(r);
        if (*kind == 0) {
            break;
        } else if (*kind == 1) {
            continue;
        }
        len = pp_reader_u8(r);
        if (r->error || len < 2) {
            break;
        }
        *opt = pp_reader_sub(r, len - 2);
        return !opt->error;
    }
    return false;
}

/* Reads TCP options (RFC 9293 3.1, RFC 7323, RFC 2018). */
static void
read_options(struct pp_packet *pkt, struct pp_reader r)
{
    static const uint8_t usual[4] = { 1, 1, 8, 10 };
    struct pp_reader opt;
    uint8_t kind;

    pkt->ts = pkt->sack = pkt->n_sack = pkt->mss = 0;
    pkt->wscale = -1;
    pkt->sack_ok = pkt->signed_ = pkt->mptcp = false;
    if (pp_reader_left(&r) == 12
        && !memcmp(pp_reader_at(&r, 0), usual, sizeof usual)) {
        /* As nearly all segments have it (RFC 7323 appendix A). */
        pp_reader_skip(&r, sizeof usual);
        pkt->ts = (uint16_t) r.pos;
        pkt->tsval = pp_be32(pp_reader_at(&r, 0));
        pkt->tsecr = pp_be32(pp_reader_at(&r, 4));
        return;
    }
    while (next_option(&r, &kind, &opt)) {
        size_t len = 2 + pp_reader_left(&opt);

        if (kind == 2 && len == 4) {
            pkt->mss = pp_reader_be16(&opt);
        } else if (kind == 3 && len == 3) {
            uint8_t shift = pp_reader_u8(&opt);

            pkt->wscale = (int8_t) MIN(shift, 14);
        } else if (kind == 4 && len == 2) {
            pkt->sack_ok = true;
        } else if (kind == 5 && len >= 10 && (len - 2) % 8 == 0) {
            pkt->sack = (uint16_t) opt.pos;
            pkt->n_sack = (uint16_t) ((len - 2) / 8);
        } else if (kind == 8 && len == 10) {
            pkt->ts = (uint16_t) opt.pos;
            pkt->tsval = pp_reader_be32(&opt);
            pkt->tsecr = pp_reader_be32(&opt);
        } else if (kind == 19 || kind == 29) {
            pkt->signed_ = true;
        } else if (kind == MPTCP_KIND) {
            pkt->mptcp = true;
        }
    }
}

/* Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) for 'len' bytes. */
static uint32_t
pseudo_sum(const struct pp_packet *pkt, uint32_t len)
{
    size_t skip = pkt->ipv6 ? 0 : 12;
    uint32_t sum;

    sum = csum_continue(0, &pkt->src.s6_addr[skip], 16 - skip);
    sum = csum_continue(sum, &pkt->dst.s6_addr[skip], 16 - skip);
    sum = csum_add32(sum, htonl(len));
    return csum_add16(sum, htons(pkt->ip_proto));
}

static uint32_t
l4_len(const struct pp_packet *pkt)
{
    return pkt->payload - pkt->l4 + pkt->payload_len;
}

static bool
csum_is_good(const struct pp_packet *pkt)
{
    uint32_t len = l4_len(pkt);
    uint32_t sum = pseudo_sum(pkt, len);

    return csum_finish(csum_continue(sum, pkt->data + pkt->l4, len)) == 0;
}

/* Sees to the checksum, which stands 'ofs' bytes into the header.  False if
 * it is wrong. */
static bool
check_csum(struct pp_packet *pkt, uint16_t ofs, struct pp_counters *counters)
{
    pkt->csum_partial = pkt->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    if (pkt->csum_partial) {
        /* Whoever finishes it is to do so where it is. */
        pkt->vnet.csum_start = pkt->l4;
        pkt->vnet.csum_offset = ofs;
    } else if (!(pkt->vnet.flags & VIRTIO_NET_HDR_F_DATA_VALID)
               && !csum_is_good(pkt)) {
        counters->packet_in_bad_csum++;
        return false;
    }
    return true;
}

/* Reads a TCP header (RFC 9293 3.1). */
static enum pp_packet_kind
read_tcp(struct pp_packet *pkt, struct pp_reader *r,
         struct pp_counters *counters)
{
    const uint8_t *p;
    size_t header;

    pkt->l4 = (uint16_t) r->pos;
    p = pp_reader_bytes(r, 20);
    header = p ? (p[12] >> 4) * 4 : 0;
    if (header < 20 || header - 20 > pp_reader_left(r)) {
        counters->packet_in_bad_tcp++;
        return PP_PACKET_BAD;
    }
    pkt->src_port = pp_be16(p);
    pkt->dst_port = pp_be16(p + 2);
    pkt->seq = pp_be32(p + 4);
    pkt->ack = pp_be32(p + 8);
    pkt->flags = p[13];
    pkt->window = pp_be16(p + 14);
    read_options(pkt, pp_reader_sub(r, header - 20));
    pkt->payload = (uint32_t) r->pos;
    pkt->payload_len = (uint32_t) pp_reader_left(r);
    if (pkt->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        /* Whoever cuts the frame into segments counts its bytes and not what
         * the IP header says: nothing may stand behind the packet. */
        pkt->len = (uint32_t) r->end;
    }
    return check_csum(pkt, 16, counters) ? PP_PACKET_TCP : PP_PACKET_BAD;
}

/* Reads a UDP header (RFC 768). */
static enum pp_packet_kind
read_udp(struct pp_packet *pkt, struct pp_reader *r,
         struct pp_counters *counters)
{
    uint16_t len, sum;

    pkt->l4 = (uint16_t) r->pos;
    pkt->src_port = pp_reader_be16(r);
    pkt->dst_port = pp_reader_be16(r);
    len = pp_reader_be16(r);
    sum = pp_reader_be16(r);
    if (r->error || len < 8 || len - 8u > pp_reader_left(r)
        || pkt->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        counters->packet_in_bad_udp++;
        return PP_PACKET_BAD;
    }
    pkt->payload = (uint32_t) r->pos;
    pkt->payload_len = len - 8u;
    pkt->csum_partial = false;
    if (!sum && !(pkt->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
        return PP_PACKET_UDP;   /* It has none. */
    }
    return check_csum(pkt, 6, counters) ? PP_PACKET_UDP : PP_PACKET_BAD;
}

enum pp_packet_kind
pp_packet_parse(struct pp_packet *pkt, const struct virtio_net_hdr *vnet,
                uint8_t *data, size_t len, struct pp_counters *counters)
{
    struct pp_reader r = pp_reader_init(data, len);
    bool fragment = false;
    uint16_t type;
    bool ok;

    pkt->vnet = *vnet;
    pkt->data = data;
    pkt->len = (uint32_t) len;
    pkt->mtu = pkt->frag_at = pkt->frag_next = pkt->l4_next = 0;
    pkt->frag_headless = pkt->leads_on = false;
    type = read_eth(pkt, &r);
    counters->packet_in_no_tag += !pkt->slot;
    if (r.error) {
        counters->packet_in_short++;
        return PP_PACKET_BAD;
    } else if (type == ETH_IPV4) {
        ok = read_ipv4(pkt, &r, &fragment);
    } else if (type == ETH_IPV6) {
        ok = read_ipv6(pkt, &r, &fragment);
    } else if (type < ETH_TYPE_MIN && is_snap_ip(r)) {
        counters->packet_in_snap++;
        return PP_PACKET_BAD;
    } else {
        return PP_PACKET_OTHER;
    }
    if (!ok) {
        counters->packet_in_short++;
        return PP_PACKET_BAD;
    } else if (fragment && (pkt->ipv6 || pkt->ip_proto == IPPROTO_TCP
                            || pkt->ip_proto == IPPROTO_UDP)) {
        /* Of an IPv6 datagram the first fragment says what it carries
         * (RFC 8200 4.5). */
        pkt->l4 = (uint16_t) r.pos;
        pkt->payload = (uint32_t) r.pos;
        pkt->payload_len = (uint32_t) pp_reader_left(&r);
        return PP_PACKET_FRAGMENT;
    } else if (pkt->ip_proto == IPPROTO_TCP && !fragment) {
        return read_tcp(pkt, &r, counters);
    } else if (pkt->ip_proto == IPPROTO_UDP && !fragment) {
        return read_udp(pkt, &r, counters);
    }
    return PP_PACKET_OTHER;
}

enum pp_packet_kind
pp_packet_in(struct pp_packet *pkt, const struct virtio_net_hdr *vnet,
             uint8_t *data, size_t len, struct pp_counters *counters)
{
    enum pp_packet_kind kind;

    counters->packet_in_frames++;
    counters->packet_in_bytes += len;
    kind = pp_packet_parse(pkt, vnet, data, len, counters);
    counters->packet_in_fragments += kind == PP_PACKET_FRAGMENT;
    return kind;
}

/* Changes. */

static ovs_be16 *
csum_field(struct pp_packet *pkt)
{
    return ALIGNED_CAST(ovs_be16 *, pkt->data + pkt->l4 + 16);
}

/* Writes 'value' over the 32 bits at 'ofs'. */
static void
set_be32(struct pp_packet *pkt, uint32_t ofs, uint32_t value)
{
    ovs_be32 *p = ALIGNED_CAST(ovs_be32 *, pkt->data + ofs);
    ovs_be32 old = get_unaligned_be32(p);
    ovs_be32 new = htonl(value);

    if (!pkt->csum_partial) {
        ovs_be16 sum = get_unaligned_be16(csum_field(pkt));

        /* A field at an odd place of the segment sums up byte-swapped. */
        if ((ofs - pkt->l4) & 1) {
            old = (OVS_FORCE ovs_be32) uint32_byteswap(
                (OVS_FORCE uint32_t) old);
            new = (OVS_FORCE ovs_be32) uint32_byteswap(
                (OVS_FORCE uint32_t) new);
        }
        put_unaligned_be16(csum_field(pkt), recalc_csum32(sum, old, new));
    }
    put_unaligned_be32(p, htonl(value));
}

static void
set_be16(struct pp_packet *pkt, uint32_t ofs, uint16_t value)
{
    ovs_be16 *p = ALIGNED_CAST(ovs_be16 *, pkt->data + ofs);

    if (!pkt->csum_partial) {
        ovs_be16 sum = get_unaligned_be16(csum_field(pkt));

        put_unaligned_be16(csum_field(pkt),
                           recalc_csum16(sum, get_unaligned_be16(p),
                                         htons(value)));
    }
    put_unaligned_be16(p, htons(value));
}

void
pp_packet_set_seq(struct pp_packet *pkt, uint32_t seq)
{
    set_be32(pkt, pkt->l4 + 4, seq);
    pkt->seq = seq;
}

void
pp_packet_set_ack(struct pp_packet *pkt, uint32_t ack)
{
    set_be32(pkt, pkt->l4 + 8, ack);
    pkt->ack = ack;
}

void
pp_packet_set_window(struct pp_packet *pkt, uint16_t window)
{
    set_be16(pkt, pkt->l4 + 14, window);
    pkt->window = window;
}

void
pp_packet_set_tsval(struct pp_packet *pkt, uint32_t tsval)
{
    set_be32(pkt, pkt->ts, tsval);
    pkt->tsval = tsval;
}

void
pp_packet_set_tsecr(struct pp_packet *pkt, uint32_t tsecr)
{
    set_be32(pkt, pkt->ts + 4u, tsecr);
    pkt->tsecr = tsecr;
}

/* Data that the sender calls urgent would not stand in the stream that the
 * application reads (RFC 6093 3): as ordinary data, it does. */
void
pp_packet_clear_urgent(struct pp_packet *pkt)
{
    uint32_t ofs = pkt->l4 + 12;
    uint16_t word = (uint16_t) (pkt->data[ofs] << 8 | pkt->data[ofs + 1]);

    set_be16(pkt, ofs, word & (uint16_t) ~PP_TCP_URG);
    set_be16(pkt, pkt->l4 + 18, 0);
    pkt->flags &= (uint8_t) ~PP_TCP_URG;
}

/* A switch need not keep what a frame says of this: the userspace datapath of
 * Open vSwitch 3.1 has each device cut by its own MTU, and a tap takes what is
 * shorter than its own for a plain segment. */
void
pp_packet_mark_long(struct pp_packet *pkt, uint16_t mss)
{
    uint32_t options = pkt->payload - pkt->l4 - 20;

    if (pkt->csum_partial && pkt->vnet.gso_type == VIRTIO_NET_HDR_GSO_NONE
        && mss > options && pkt->payload_len > mss - options) {
        pkt->vnet.gso_type = (pkt->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                              : VIRTIO_NET_HDR_GSO_TCPV4);
        pkt->vnet.gso_size = (uint16_t) (mss - options);
        pkt->vnet.hdr_len = (uint16_t) pkt->payload;
    }
}

void
pp_packet_get_sack(const struct pp_packet *pkt, unsigned int i,
                   uint32_t *left, uint32_t *right)
{
    struct pp_reader r = pp_reader_init(pkt->data, pkt->payload);

    pp_reader_skip(&r, pkt->sack + 8 * (size_t) i);
    *left = pp_reader_be32(&r);
    *right = pp_reader_be32(&r);
}

void
pp_packet_set_sack(struct pp_packet *pkt, unsigned int i, uint32_t left,
                   uint32_t right)
{
    set_be32(pkt, pkt->sack + 8 * i, left);
    set_be32(pkt, pkt->sack + 8 * i + 4, right);
}

/* Makes the IP header agree with the frame's length. */
static void
mend_ip(struct pp_packet *pkt)
{
    if (pkt->ipv6) {
        ovs_be16 *plen = ALIGNED_CAST(ovs_be16 *, pkt->data + pkt->l3 + 4);

        put_unaligned_be16(plen, htons(pkt->len - pkt->l3 - 40));
    } else {
        ovs_be16 *tot = ALIGNED_CAST(ovs_be16 *, pkt->data + pkt->l3 + 2);
        ovs_be16 *ip = ALIGNED_CAST(ovs_be16 *, pkt->data + pkt->l3 + 10);
        ovs_be16 new = htons(pkt->len - pkt->l3);

        put_unaligned_be16(ip, recalc_csum16(get_unaligned_be16(ip),
                                             get_unaligned_be16(tot), new));
        put_unaligned_be16(tot, new);
    }
}

/* Makes the checksum of the TCP header anew. */
static void
mend_tcp(struct pp_packet *pkt)
{
    uint32_t len = l4_len(pkt);
    uint32_t sum;

    put_unaligned_be16(csum_field(pkt), 0);
    sum = pseudo_sum(pkt, len);
    if (!pkt->csum_partial) {
        sum = csum_continue(sum, pkt->data + pkt->l4, len);
        put_unaligned_be16(csum_field(pkt), csum_finish(sum));
    } else {
        put_unaligned_be16(csum_field(pkt), ~csum_finish(sum));
    }
}

void
pp_packet_strip_payload(struct pp_packet *pkt)
{
    pkt->len = pkt->payload;
    pkt->payload_len = 0;
    mend_ip(pkt);
    pkt->vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
    pkt->vnet.gso_size = 0;
    mend_tcp(pkt);
}

void
pp_packet_clear_mptcp(struct pp_packet *pkt)
{
    struct pp_reader r = pp_reader_init(pkt->data, pkt->payload);
    struct pp_reader opt;
    uint8_t kind;

    pp_reader_skip(&r, pkt->l4 + 20u);
    while (next_option(&r, &kind, &opt)) {
        if (kind == MPTCP_KIND) {
            memset(pkt->data + opt.pos - 2, 1, 2 + pp_reader_left(&opt));
        }
    }
    pkt->mptcp = false;
    mend_tcp(pkt);
}

void
pp_packet_mend_udp(struct pp_packet *pkt)
{
    uint8_t *udp = pkt->data + pkt->l4;
    uint32_t len = l4_len(pkt);
    ovs_be16 sum;

    mend_ip(pkt);
    memset(&pkt->vnet, 0, sizeof pkt->vnet);
    pkt->csum_partial = false;
    put_unaligned_be16(ALIGNED_CAST(ovs_be16 *, udp + 4), htons(len));
    put_unaligned_be16(ALIGNED_CAST(ovs_be16 *, udp + 6), 0);
    sum = csum_finish(csum_continue(pseudo_sum(pkt, len), udp, len));
    /* 0 would say that there is none. */
    put_unaligned_be16(ALIGNED_CAST(ovs_be16 *, udp + 6),
                       sum ? sum : htons(0xffff));
}
