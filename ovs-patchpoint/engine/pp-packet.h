/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PACKET_H
#define PP_PACKET_H 1

/* Packet in and packet out: frames as the switch and the engine exchange
 * them.
 *
 * A frame comes from a tap queue behind a struct virtio_net_hdr, so that
 * super-frames (TCP segmentation offload) and partial checksums cross whole.
 * Its outer VLAN tag's VID is the slot of the port that the frame came in by;
 * it leaves with the same tag. */

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "openvswitch/types.h"

struct pp_counters;

/* Longest frame, in bytes, with its Ethernet and VLAN headers. */
#define PP_FRAME_MAX (65535 + 14 + 8)

/* Longest frame that fragments make, in bytes: an IPv6 payload's length does
 * not count the header before it. */
#define PP_WHOLE_MAX (PP_FRAME_MAX + 40)

/* What every link takes, in bytes of an IP packet (RFC 791 3.1: every host
 * takes 576; RFC 8200 5). */
#define PP_IPV4_MTU_MIN 576
#define PP_IPV6_MTU_MIN 1280

/* TCP flags (RFC 9293 3.1). */
#define PP_TCP_FIN 0x01
#define PP_TCP_SYN 0x02
#define PP_TCP_RST 0x04
#define PP_TCP_PSH 0x08
#define PP_TCP_ACK 0x10
#define PP_TCP_URG 0x20

enum pp_packet_kind {
    PP_PACKET_TCP,              /* All of a TCP segment; fields are set. */
    PP_PACKET_UDP,              /* All of a UDP datagram; the same but for
                                 * what only TCP has. */
    PP_PACKET_FRAGMENT,         /* An IP fragment; see below. */
    PP_PACKET_OTHER,            /* Nothing that the engine looks at. */
    PP_PACKET_BAD,              /* To be dropped; counted. */
};

struct pp_packet {
    /* The frame. */
    struct virtio_net_hdr vnet;
    uint8_t *data;              /* From the Ethernet header on. */
    uint32_t len;

    /* Where things stand in it, in bytes from 'data'. */
    uint16_t l3;                /* IP header. */
    uint16_t l4;                /* TCP or UDP header... */
    uint16_t l4_next;           /* ...and, IPv6, the byte that announces it. */
    uint32_t payload;           /* Its payload. */
    uint32_t payload_len;
    uint16_t ts;                /* Timestamps option's values, or 0. */
    uint16_t sack;              /* First SACK block, or 0. */
    uint16_t n_sack;            /* SACK blocks. */

    /* What they say, in host byte order. */
    uint16_t slot;
    uint16_t tpid;              /* Of the slot's tag, or 0. */
    uint16_t vlan;              /* VID of an inner tag, or 0. */
    bool ipv6;
    uint8_t ip_proto;
    bool leads_on;              /* A source route or a routing header says
                                 * that 'dst' is not its destination. */
    uint8_t ttl;
    uint8_t tos;
    struct in6_addr src, dst;   /* IPv4-mapped for IPv4. */
    uint16_t src_port, dst_port;
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags;
    uint32_t tsval, tsecr;      /* If 'ts'. */
    bool csum_partial;          /* The checksum is still to be made. */

    /* Options of a SYN. */
    uint16_t mss;               /* Or 0. */
    int8_t wscale;              /* Or -1. */
    bool sack_ok;               /* Selective acknowledgements (RFC 2018). */
    bool signed_;               /* TCP-MD5 or TCP-AO (RFC 2385, 5925). */
    bool mptcp;                 /* Some option of Multipath TCP (RFC 8684). */

    /* PP_PACKET_FRAGMENT: which part of what datagram its payload is. */
    uint32_t frag_id;
    uint32_t frag_ofs;          /* In bytes. */
    bool frag_more;             /* It is not the last. */
    bool frag_headless;         /* IPv6: the first, and without all headers
                                 * (RFC 8200 4.5). */
    uint16_t frag_at;           /* IPv6: where the fragment header stands... */
    uint16_t frag_next;         /* ...and the byte that announces it. */

    /* Put together from fragments, or longer than it came: most bytes that an
     * IP packet with a part of it may have on its way on.  Else 0: it leaves
     * in one piece. */
    uint16_t mtu;
};

/* Parses the 'len' bytes at 'data', a frame without its virtio-net header
 * 'vnet'.  Verifies TCP's or UDP's checksum where it is complete.  With
 * PP_PACKET_TCP all of 'pkt' is set that is not about fragments; with
 * PP_PACKET_FRAGMENT what is said of fragments, 'payload', and all that is
 * said of Ethernet and IP; 'ip_proto' is what this fragment says. */
enum pp_packet_kind pp_packet_in(struct pp_packet *pkt,
                                 const struct virtio_net_hdr *vnet,
                                 uint8_t *data, size_t len,
                                 struct pp_counters *);

/* The same, for a datagram that was put together from frames that were
 * counted. */
enum pp_packet_kind pp_packet_parse(struct pp_packet *pkt,
                                    const struct virtio_net_hdr *vnet,
                                    uint8_t *data, size_t len,
                                    struct pp_counters *);

/* What a TCP segment without SYN takes of the sequence space: SEG.LEN of RFC
 * 9293 3.4. */
static inline uint32_t
pp_packet_seg_len(const struct pp_packet *pkt)
{
    return pkt->payload_len + !!(pkt->flags & PP_TCP_FIN);
}

/* Ethernet addresses of a parsed or other frame of at least 14 bytes. */
static inline const uint8_t *
pp_packet_eth_dst(const struct pp_packet *pkt)
{
    return pkt->data;
}

static inline const uint8_t *
pp_packet_eth_src(const struct pp_packet *pkt)
{
    return pkt->data + 6;
}

/* Changes to a frame in place.  Each keeps the checksum right. */
void pp_packet_set_seq(struct pp_packet *, uint32_t seq);
void pp_packet_set_ack(struct pp_packet *, uint32_t ack);
void pp_packet_set_window(struct pp_packet *, uint16_t window);
void pp_packet_set_tsval(struct pp_packet *, uint32_t tsval);   /* If 'ts'. */
void pp_packet_set_tsecr(struct pp_packet *, uint32_t tsecr);   /* If 'ts'. */
void pp_packet_clear_urgent(struct pp_packet *);
/* Says of a packet without a checksum that is longer than its receiver, which
 * announced 'mss' (0: not known), can take that it is still to be cut. */
void pp_packet_mark_long(struct pp_packet *, uint16_t mss);
/* 'i'th SACK block; left == right turns it into one that says nothing. */
void pp_packet_get_sack(const struct pp_packet *, unsigned int i,
                        uint32_t *left, uint32_t *right);
void pp_packet_set_sack(struct pp_packet *, unsigned int i, uint32_t left,
                        uint32_t right);
/* Takes the payload off its end. */
void pp_packet_strip_payload(struct pp_packet *);
/* Has options of Multipath TCP count for nothing. */
void pp_packet_clear_mptcp(struct pp_packet *);
/* After another payload was put behind the headers of a UDP datagram, and
 * 'len' and 'payload_len' were set: makes its lengths agree, and its checksum
 * complete. */
void pp_packet_mend_udp(struct pp_packet *);

/* Where frames go. */
struct pp_output {
    void (*write)(void *aux, uint32_t bridge, const struct iovec *,
                  int n_iov);
    void *aux;
    uint32_t bridge;            /* That frames are for now. */
};

/* Writes a frame as it is; one that does not fit its way on, as several TCP
 * segments, or as fragments.  These have complete checksums: with or without
 * segmentation offload, any switch takes them. */
void pp_packet_out(const struct pp_packet *, const struct pp_output *,
                   struct pp_counters *);

/* SACK blocks that a segment with timestamps has room for (RFC 2018 3). */
#define PP_SACK_MAX 3

/* What a segment of the engine's own making says. */
struct pp_segment {
    const uint8_t *eth;         /* 12 bytes: destination, source. */
    uint16_t slot;
    uint16_t tpid;              /* Of the slot's tag; 0: the usual. */
    uint16_t vlan_tci;          /* Inner tag, or 0. */
    bool ipv6;
    uint8_t ttl, tos;
    struct in6_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags;
    bool has_ts;
    uint32_t tsval, tsecr;
    uint32_t sack[PP_SACK_MAX][2];  /* Left and right edge. */
    unsigned int n_sack;
    const uint8_t *payload;
    uint32_t payload_len;
};

/* Makes a segment with a complete checksum and writes it.  The caller keeps
 * it within the receiver's MSS. */
void pp_segment_out(const struct pp_segment *, const struct pp_output *,
                    struct pp_counters *);

#endif /* pp-packet.h */
