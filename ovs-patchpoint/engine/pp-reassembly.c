/* SPDX-License-Identifier: Apache-2.0 */

/* Reassembly, a part of packet in; see pp-reassembly.h.
 *
 * In: fragments.  Out: whole datagrams, or the fragments as they came.  Runs
 * in the engine and in the offline tool; owns the fragments that wait. */

#include <config.h>

#include "engine/pp-reassembly.h"

#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "engine/pp-ipc.h"
#include "engine/pp-stream.h"
#include "hash.h"
#include "unaligned.h"
#include "util.h"

/* Most that an IP packet's length fields can say, in bytes. */
#define IP_MAX 65535

#define ECN_MASK 3              /* RFC 3168 5. */
#define ECN_CE 3

/* A fragment that waits. */
struct piece {
    struct ovs_list node;       /* In its datagram's 'came'. */
    uint32_t ofs, len;          /* In the datagram. */
    bool more;
    struct pp_packet pkt;       /* pkt.data is 'frame'. */
    uint8_t frame[];
};

/* Fragments are of one datagram if all of this is the same (RFC 791 3.2, RFC
 * 8200 4.5).  The slot and the receiver's Ethernet address are in it so that
 * nobody can add to another one's datagrams from elsewhere. */
struct key {
    struct in6_addr src, dst;
    uint32_t id;
    uint32_t bridge;
    uint16_t slot, vlan;
    uint8_t eth_dst[6];
    uint8_t ip_proto;           /* IPv4's; in IPv6 only the first knows. */
    uint8_t ipv6;
};

struct pp_datagram {
    struct hmap_node hmap_node; /* In pp_reassembly's 'datagrams'. */
    struct ovs_list age;        /* In its 'oldest'. */
    struct key key;
    uint64_t began;             /* In ms. */
    bool dead;                  /* Dropped, as will be what still comes. */
    uint8_t ecn;                /* ECN_CE if any fragment said so. */
    uint32_t total;             /* Bytes in all; 0: not known yet. */
    uint32_t have;              /* Bytes that came. */
    uint32_t end;               /* End of the furthest that came. */
    uint32_t longest;           /* The longest fragment's IP packet. */
    size_t memory;
    struct ovs_list came;       /* struct piece, as they came. */
    struct piece **pieces;      /* The same, by 'ofs'; none overlap. */
    uint32_t n;
    size_t allocated;
};

void
pp_reassembly_init(struct pp_reassembly *re, struct pp_counters *counters,
                   uint32_t basis)
{
    memset(re, 0, sizeof *re);
    hmap_init(&re->datagrams);
    ovs_list_init(&re->oldest);
    re->basis = basis;
    re->counters = counters;
    re->frame = xmalloc(PP_WHOLE_MAX);
}

void
pp_reassembly_clear(struct pp_reassembly *re)
{
    struct pp_datagram *d;

    LIST_FOR_EACH_SAFE (d, age, &re->oldest) {
        pp_reassembly_done(re, d);
    }
}

void
pp_reassembly_destroy(struct pp_reassembly *re)
{
    pp_reassembly_clear(re);
    hmap_destroy(&re->datagrams);
    free(re->frame);
}

static void
account(struct pp_reassembly *re, struct pp_datagram *d, size_t n)
{
    d->memory += n;
    re->bytes += n;
}

/* Frees what came of 'd'. */
static void
clear(struct pp_reassembly *re, struct pp_datagram *d)
{
    struct piece *piece;

    LIST_FOR_EACH_POP (piece, node, &d->came) {
        free(piece);
    }
    free(d->pieces);
    d->pieces = NULL;
    d->n = 0;
    d->allocated = 0;
    re->bytes -= d->memory - sizeof *d;
    d->memory = sizeof *d;
}

void
pp_reassembly_done(struct pp_reassembly *re, struct pp_datagram *d)
{
    clear(re, d);
    re->bytes -= d->memory;
    hmap_remove(&re->datagrams, &d->hmap_node);
    ovs_list_remove(&d->age);
    free(d);
}

/* Drops what came of 'd' and has dropped what still comes. */
static void
kill_datagram(struct pp_reassembly *re, struct pp_datagram *d,
              uint64_t *reason)
{
    ++*reason;
    re->counters->packet_in_fragment_drops += d->n;
    clear(re, d);
    d->dead = true;
}

/* Drops the oldest, to make room. */
static void
evict(struct pp_reassembly *re, uint64_t *reason)
{
    struct pp_datagram *d = CONTAINER_OF(ovs_list_front(&re->oldest),
                                         struct pp_datagram, age);

    ++*reason;
    re->counters->packet_in_fragment_drops += d->n;
    pp_reassembly_done(re, d);
}

static void
make_key(struct key *key, uint32_t bridge, const struct pp_packet *frag)
{
    memset(key, 0, sizeof *key);
    key->src = frag->src;
    key->dst = frag->dst;
    key->id = frag->frag_id;
    key->bridge = bridge;
    key->slot = frag->slot;
    key->vlan = frag->vlan;
    memcpy(key->eth_dst, pp_packet_eth_dst(frag), sizeof key->eth_dst);
    key->ip_proto = frag->ipv6 ? 0 : frag->ip_proto;
    key->ipv6 = frag->ipv6;
}

/* The datagram that 'frag' is of: one that waits, or a new one. */
static struct pp_datagram *
find_datagram(struct pp_reassembly *re, const struct pp_limits *limits,
              uint32_t bridge, const struct pp_packet *frag, uint64_t now)
{
    struct pp_datagram *d;
    struct key key;
    uint32_t hash;

    make_key(&key, bridge, frag);
    hash = hash_bytes(&key, sizeof key, re->basis);
    HMAP_FOR_EACH_WITH_HASH (d, hmap_node, hash, &re->datagrams) {
        if (!memcmp(&d->key, &key, sizeof key)) {
            return d;
        }
    }
    while (hmap_count(&re->datagrams)
           && hmap_count(&re->datagrams) >= limits->datagrams) {
        evict(re, &re->counters->packet_in_frag_table_full);
    }
    d = xzalloc(sizeof *d);
    d->key = key;
    d->began = now;
    ovs_list_init(&d->came);
    hmap_insert(&re->datagrams, &d->hmap_node, hash);
    ovs_list_push_back(&re->oldest, &d->age);
    account(re, d, sizeof *d);
    return d;
}

/* True if 'frag' makes sense in itself. */
static bool
is_sound(const struct pp_packet *frag)
{
    return (frag->payload_len
            && !(frag->frag_more && frag->payload_len % 8)
            && frag->frag_ofs + frag->payload_len <= IP_MAX
            && !(frag->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
            && frag->vnet.gso_type == VIRTIO_NET_HDR_GSO_NONE);
}

/* The index of the first piece of 'd' that ends beyond 'ofs'. */
static uint32_t
find_place(const struct pp_datagram *d, uint32_t ofs)
{
    uint32_t low = 0, high = d->n;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (d->pieces[mid]->ofs + d->pieces[mid]->len <= ofs) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool
is_repeated(const struct piece *piece, const struct pp_packet *frag)
{
    return (piece->ofs == frag->frag_ofs && piece->len == frag->payload_len
            && piece->more == frag->frag_more
            && !memcmp(piece->frame + piece->pkt.payload,
                       frag->data + frag->payload, piece->len));
}

static void
add_piece(struct pp_reassembly *re, struct pp_datagram *d, uint32_t place,
          const struct pp_packet *frag)
{
    struct piece *piece = xmalloc(sizeof *piece + frag->len);

    piece->ofs = frag->frag_ofs;
    piece->len = frag->payload_len;
    piece->more = frag->frag_more;
    piece->pkt = *frag;
    piece->pkt.data = piece->frame;
    memcpy(piece->frame, frag->data, frag->len);
    account(re, d, sizeof *piece + frag->len);
    if (d->n == d->allocated) {
        size_t old = d->allocated;

        d->pieces = x2nrealloc(d->pieces, &d->allocated, sizeof *d->pieces);
        account(re, d, (d->allocated - old) * sizeof *d->pieces);
    }
    memmove(&d->pieces[place + 1], &d->pieces[place],
            (d->n - place) * sizeof *d->pieces);
    d->pieces[place] = piece;
    d->n++;
    ovs_list_push_back(&d->came, &piece->node);
    d->have += piece->len;
    d->end = MAX(d->end, piece->ofs + piece->len);
    d->longest = MAX(d->longest, frag->payload + frag->payload_len
                                 - frag->l3);
    if ((frag->tos & ECN_MASK) == ECN_CE) {
        d->ecn = ECN_CE;
    }
    if (!piece->more) {
        d->total = piece->ofs + piece->len;
    }
}

/* True if 'frag' ends, or goes on, where others of 'd' do not. */
static bool
disagrees(const struct pp_datagram *d, const struct pp_packet *frag)
{
    uint32_t end = frag->frag_ofs + frag->payload_len;

    return ((d->total && (end > d->total
                          || (!frag->frag_more && end != d->total)))
            || (!frag->frag_more && end < d->end));
}

struct pp_datagram *
pp_reassembly_in(struct pp_reassembly *re, const struct pp_limits *limits,
                 uint32_t bridge, const struct pp_packet *frag, uint64_t now)
{
    struct pp_counters *c = re->counters;
    struct pp_datagram *d;
    uint64_t *reason = NULL;
    uint32_t place;

    if (!is_sound(frag)) {
        c->packet_in_frag_bad++;
        c->packet_in_fragment_drops++;
        return NULL;
    }
    pp_reassembly_expire(re, now);
    d = find_datagram(re, limits, bridge, frag, now);
    if (d->dead) {
        c->packet_in_fragment_drops++;
        return NULL;
    }
    place = find_place(d, frag->frag_ofs);
    if (place < d->n && is_repeated(d->pieces[place], frag)) {
        c->packet_in_frag_repeated++;
        c->packet_in_fragment_drops++;
        return NULL;
    } else if (place < d->n && d->pieces[place]->ofs
                               < frag->frag_ofs + frag->payload_len) {
        reason = &c->packet_in_frag_overlap;
    } else if (disagrees(d, frag)) {
        reason = &c->packet_in_frag_end;
    } else if (frag->frag_headless) {
        reason = &c->packet_in_frag_headless;
    } else if (d->n >= limits->datagram_fragments
               || d->memory + sizeof(struct piece) + frag->len
                  > limits->datagram_bytes) {
        reason = &c->packet_in_frag_too_much;
    }
    if (reason) {
        c->packet_in_fragment_drops++;
        kill_datagram(re, d, reason);
        return NULL;
    }
    add_piece(re, d, place, frag);
    while (re->bytes > limits->datagrams_total) {
        bool self = ovs_list_front(&re->oldest) == &d->age;

        evict(re, &c->packet_in_frag_memory);
        if (self) {
            return NULL;
        }
    }
    if (!d->total || d->have < d->total) {
        return NULL;
    } else if (d->pieces[0]->pkt.payload - d->pieces[0]->pkt.l3
               - (d->key.ipv6 ? 48 : 0) + d->total > IP_MAX) {
        kill_datagram(re, d, &c->packet_in_frag_too_long);
        return NULL;
    }
    c->packet_in_reassembled++;
    return d;
}

static void
set_be16(uint8_t *p, uint16_t value)
{
    put_unaligned_be16(ALIGNED_CAST(ovs_be16 *, p), htons(value));
}

/* Makes the IP header at 'ip', which is 'header' bytes long, that of a packet
 * with 'total' bytes behind it. */
static void
mend_header(uint8_t *ip, uint32_t header, uint32_t total,
            const struct pp_datagram *d)
{
    if (d->key.ipv6) {
        set_be16(ip + 4, (uint16_t) (header - 40 + total));
        ip[1] |= (uint8_t) (d->ecn << 4);
    } else {
        ovs_be16 sum;

        ip[1] |= d->ecn;
        set_be16(ip + 2, (uint16_t) (header + total));
        set_be16(ip + 6, 0);
        set_be16(ip + 10, 0);
        sum = csum(ip, header);
        put_unaligned_be16(ALIGNED_CAST(ovs_be16 *, ip + 10), sum);
    }
}

enum pp_packet_kind
pp_reassembly_whole(struct pp_reassembly *re, const struct pp_datagram *d,
                    struct pp_packet *whole)
{
    const struct pp_packet *first = &d->pieces[0]->pkt;
    struct virtio_net_hdr vnet = {
        .flags = VIRTIO_NET_HDR_F_DATA_VALID,
        .gso_type = VIRTIO_NET_HDR_GSO_NONE,
    };
    uint32_t header = (d->key.ipv6 ? first->frag_at : first->payload);
    enum pp_packet_kind kind;

    memcpy(re->frame, first->data, header);
    if (d->key.ipv6) {
        re->frame[first->frag_next] = first->data[first->frag_at];
    }
    for (uint32_t i = 0; i < d->n; i++) {
        const struct piece *piece = d->pieces[i];

        memcpy(re->frame + header + piece->ofs,
               piece->frame + piece->pkt.payload, piece->len);
        vnet.flags &= piece->pkt.vnet.flags;
    }
    mend_header(re->frame + first->l3, header - first->l3, d->total, d);
    kind = pp_packet_parse(whole, &vnet, re->frame, header + d->total,
                           re->counters);
    if (kind == PP_PACKET_FRAGMENT) {
        /* A fragment within a datagram: no host takes it. */
        re->counters->packet_in_frag_bad++;
        return PP_PACKET_BAD;
    }
    whole->mtu = (uint16_t) MIN(IP_MAX, MAX(d->longest, d->key.ipv6
                                            ? PP_IPV6_MTU_MIN
                                            : PP_IPV4_MTU_MIN));
    whole->frag_id = first->frag_id;
    whole->frag_at = d->key.ipv6 ? first->frag_at : 0;
    whole->frag_next = d->key.ipv6 ? first->frag_next : 0;
    return kind;
}

void
pp_reassembly_out(const struct pp_datagram *d, const struct pp_output *out,
                  struct pp_counters *counters)
{
    const struct piece *piece;

    LIST_FOR_EACH (piece, node, &d->came) {
        pp_packet_out(&piece->pkt, out, counters);
    }
}

uint64_t
pp_reassembly_expire(struct pp_reassembly *re, uint64_t now)
{
    while (!ovs_list_is_empty(&re->oldest)) {
        struct pp_datagram *d = CONTAINER_OF(ovs_list_front(&re->oldest),
                                             struct pp_datagram, age);

        if (d->began + PP_REASSEMBLY_MS > now) {
            return d->began + PP_REASSEMBLY_MS;
        }
        re->counters->packet_in_frag_timeout += !d->dead;
        re->counters->packet_in_fragment_drops += d->n;
        pp_reassembly_done(re, d);
    }
    return UINT64_MAX;
}
