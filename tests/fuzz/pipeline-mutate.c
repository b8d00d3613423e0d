/* SPDX-License-Identifier: Apache-2.0 */

/* Mutations of the pipeline's inputs that stay records: of the order, number
 * and boundaries of what comes, of numbers and flags; and, by the fuzzer's own
 * mutations, of bytes within a record.  Whole frames of any bytes get their
 * lengths and checksums mended, mostly, so that they are not dropped at once.
 *
 * In: an input and a seed.  Out: another input.  Runs in the fuzz target; owns
 * the memory for payloads that it makes. */

#include <config.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "engine/pp-ipc.h"
#include "pipeline-records.h"
#include "tests/unit/pipeline-driver.h"
#include "util.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
                                 const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t max_size,
                                 unsigned int seed);

#define VNET sizeof(struct virtio_net_hdr)
#define GROW_MAX 256            /* Bytes that a payload grows by at once. */

struct mutation {
    struct records in;
    uint32_t random;
    uint8_t arena[1 << 20];     /* New payloads. */
    size_t used;
};

static struct mutation m;

static uint32_t
rnd(uint32_t n)
{
    m.random = m.random * UINT32_C(1664525) + UINT32_C(1013904223);
    return n ? (m.random >> 8) % n : 0;
}

static bool
has_bytes(const struct record *r)
{
    enum record_kind kind = record_kind(r);

    return (kind == RECORD_BYTES || kind == RECORD_SEGMENT
            || kind == RECORD_RAW);
}

/* A record with bytes of its own, or NULL. */
static struct record *
any_with_bytes(void)
{
    for (int i = 0; i < 8 && m.in.n; i++) {
        struct record *r = &m.in.r[rnd((uint32_t) m.in.n)];

        if (has_bytes(r) && r->bytes.n) {
            return r;
        }
    }
    return NULL;
}

static size_t
index_of(const struct record *r)
{
    return (size_t) (r - m.in.r);
}

/* Room for 'n' bytes, or NULL. */
static uint8_t *
room(size_t n)
{
    uint8_t *p = m.arena + m.used;

    if (n > sizeof m.arena - m.used) {
        return NULL;
    }
    m.used += n;
    return p;
}

/* Puts 'r' before record 'at'. */
static void
insert(size_t at, struct record r)
{
    if (m.in.n < RECORDS_MAX) {
        memmove(&m.in.r[at + 1], &m.in.r[at],
                (m.in.n - at) * sizeof m.in.r[0]);
        m.in.r[at] = r;
        m.in.n++;
    }
}

static void
drop(size_t at)
{
    m.in.n--;
    memmove(&m.in.r[at], &m.in.r[at + 1], (m.in.n - at) * sizeof m.in.r[0]);
}

/* Frames. */

static uint32_t
add_be16(uint32_t sum, size_t value)
{
    return csum_add16(sum, htons((uint16_t) value));
}

/* Makes length and checksums of an IP packet, and of TCP or UDP in it, right
 * in a frame whose virtio-net header is at 'p'. */
static void
mend(uint8_t *p, size_t n)
{
    struct virtio_net_hdr vnet = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
    static struct pp_counters ignore;
    enum pp_packet_kind kind;
    uint8_t *data = p + VNET;
    struct pp_packet pkt;
    ovs_be16 sum = 0;
    uint32_t partial;
    size_t n_l4, at;

    kind = n > VNET ? pp_packet_in(&pkt, &vnet, data, n - VNET, &ignore)
           : PP_PACKET_OTHER;
    if (kind != PP_PACKET_TCP && kind != PP_PACKET_UDP) {
        return;
    }
    n_l4 = pkt.payload + pkt.payload_len - pkt.l4;
    at = pkt.l4 + (kind == PP_PACKET_TCP ? 16u : 6u);
    memset(data + at, 0, 2);
    if (pkt.ipv6) {
        partial = csum_continue(0, data + pkt.l3 + 8, 32);
    } else {
        uint8_t *ip = data + pkt.l3;

        memset(ip + 10, 0, 2);
        sum = csum(ip, (ip[0] & 0xf) * 4);
        memcpy(ip + 10, &sum, sizeof sum);
        partial = csum_continue(0, ip + 12, 8);
    }
    partial = add_be16(add_be16(partial, n_l4), pkt.ip_proto);
    sum = csum_finish(csum_continue(partial, data + pkt.l4, n_l4));
    memcpy(data + at, &sum, sizeof sum);
}

/* Where the sender of 'r' stands before it, if all went well. */
static uint32_t
next_before(size_t at, uint8_t how, uint32_t start)
{
    uint8_t mask = RECORD_FROM_SERVER | RECORD_IPV6;
    uint32_t next = start;

    for (size_t i = 0; i < at; i++) {
        const struct record *r = &m.in.r[i];

        if ((r->how & mask) == (how & mask)
            && (record_kind(r) == RECORD_BYTES
                || (record_kind(r) == RECORD_SEGMENT && !r->seq))) {
            next += (uint32_t) r->bytes.n;
        }
    }
    return next;
}

/* The frame that a record stands for, as one of any bytes. */
static void
make_raw(struct record *r)
{
    static struct frame f;
    bool from_server = r->how & RECORD_FROM_SERVER;
    struct pp_segment seg = frame_segment(
        from_server ? PP_FROM_SERVER : PP_TO_SERVER, r->how & RECORD_IPV6,
        m.in.port);
    size_t at = index_of(r);
    uint8_t *p;

    seg.seq = next_before(at, r->how, from_server ? 5001 : 1001)
              + (uint32_t) (int32_t) r->seq;
    seg.ack = next_before(at, r->how ^ RECORD_FROM_SERVER,
                          from_server ? 1001 : 5001);
    seg.flags = record_kind(r) == RECORD_SEGMENT ? r->flags : PP_TCP_ACK;
    seg.payload = r->bytes.p;
    seg.payload_len = (uint32_t) r->bytes.n;
    frame_make(&f, &seg);
    p = f.len + VNET <= RECORD_BYTES_MAX ? room(f.len + VNET) : NULL;
    if (p) {
        memcpy(p, &f.vnet, VNET);
        memcpy(p + VNET, f.data, f.len);
        *r = (struct record) {
            .how = RECORD_RAW, .bytes = { p, f.len + VNET },
        };
    }
}

/* Mutations.  Each changes 'm.in'. */

static void
mutate_bytes(void)
{
    struct record *r = any_with_bytes();
    uint8_t *p = r ? room(r->bytes.n + GROW_MAX) : NULL;

    if (p) {
        memcpy(p, r->bytes.p, r->bytes.n);
        r->bytes.n = LLVMFuzzerMutate(p, r->bytes.n,
                                      MIN(r->bytes.n + GROW_MAX,
                                          RECORD_BYTES_MAX));
        r->bytes.p = p;
        if (record_kind(r) == RECORD_RAW && rnd(4)) {
            mend(p, r->bytes.n);
        }
    }
}

static void
duplicate(void)
{
    if (m.in.n) {
        insert(rnd((uint32_t) m.in.n + 1),
               m.in.r[rnd((uint32_t) m.in.n)]);
    }
}

static void
swap(void)
{
    if (m.in.n > 1) {
        size_t i = rnd((uint32_t) m.in.n - 1);
        size_t j = rnd(2) ? i + 1 : rnd((uint32_t) m.in.n);
        struct record r = m.in.r[i];

        m.in.r[i] = m.in.r[j];
        m.in.r[j] = r;
    }
}

static void
drop_one(void)
{
    if (m.in.n) {
        drop(rnd((uint32_t) m.in.n));
    }
}

/* Two segments of one. */
static void
split(void)
{
    struct record *r = any_with_bytes();

    if (r && r->bytes.n > 1 && record_kind(r) != RECORD_RAW
        && m.in.n < RECORDS_MAX) {
        size_t at = 1 + rnd((uint32_t) r->bytes.n - 1);
        struct record second = *r;

        second.bytes.p += at;
        second.bytes.n -= at;
        if (second.seq) {
            second.seq = (int16_t) (second.seq + (int) at);
        }
        r->bytes.n = at;
        r->flags &= (uint8_t) ~PP_TCP_FIN;
        insert(index_of(r) + 1, second);
    }
}

/* One segment of two. */
static void
merge(void)
{
    struct record *r = any_with_bytes();
    struct record *next = r && index_of(r) + 1 < m.in.n ? r + 1 : NULL;
    uint8_t *p;

    if (next && record_kind(r) != RECORD_RAW
        && record_kind(next) == record_kind(r) && next->how == r->how
        && r->bytes.n + next->bytes.n <= RECORD_BYTES_MAX
        && (p = room(r->bytes.n + next->bytes.n))) {
        memcpy(p, r->bytes.p, r->bytes.n);
        if (next->bytes.n) {
            memcpy(p + r->bytes.n, next->bytes.p, next->bytes.n);
        }
        r->bytes.n += next->bytes.n;
        r->bytes.p = p;
        drop(index_of(next));
    }
}

/* Bytes that came come again, others perhaps, and some beyond or before
 * them. */
static void
overlap(void)
{
    struct record *r = any_with_bytes();
    struct record again;
    size_t back, n;
    uint8_t *p;

    if (!r || record_kind(r) == RECORD_RAW) {
        return;
    }
    back = 1 + rnd((uint32_t) MIN(r->bytes.n, INT16_MAX));
    n = rnd(2) ? back : back + rnd(16);
    p = room(n);
    if (p) {
        memset(p, 'A' + (int) rnd(26), n);
        memcpy(p, r->bytes.p + (r->bytes.n - back), back);
        for (uint32_t i = rnd(4); i > 0; i--) {
            p[rnd((uint32_t) n)] ^= (uint8_t) (1 + rnd(255));
        }
        again = *r;
        again.how = (uint8_t) ((again.how & ~RECORD_KIND) | RECORD_SEGMENT);
        again.seq = (int16_t) -(int) back;
        again.flags = PP_TCP_ACK;
        again.bytes = (struct pp_bytes) { p, n };
        insert(index_of(r) + 1, again);
    }
}

/* A segment comes before the one in front of it. */
static void
early(void)
{
    struct record *r = any_with_bytes();
    size_t at = r ? index_of(r) : 0;

    if (at && record_kind(r) == RECORD_BYTES
        && record_kind(&m.in.r[at - 1]) == RECORD_BYTES
        && m.in.r[at - 1].how == r->how
        && m.in.r[at - 1].bytes.n <= INT16_MAX) {
        struct record first = m.in.r[at - 1];
        struct record second = *r;

        second.how = (uint8_t) ((second.how & ~RECORD_KIND)
                                | RECORD_SEGMENT);
        second.seq = (int16_t) first.bytes.n;
        second.flags = PP_TCP_ACK;
        m.in.r[at - 1] = second;
        m.in.r[at] = first;
    }
}

static void
flip_flag(void)
{
    struct record *r = any_with_bytes();

    if (r && record_kind(r) == RECORD_BYTES) {
        r->how = (uint8_t) ((r->how & ~RECORD_KIND) | RECORD_SEGMENT);
        r->flags = PP_TCP_ACK;
        r->seq = 0;
        r->ack = 0;
    }
    if (r && record_kind(r) == RECORD_SEGMENT) {
        r->flags ^= (uint8_t) (1u << rnd(8));
    }
}

static void
flip_how(void)
{
    static const uint8_t flags[] = {
        RECORD_FROM_SERVER, RECORD_IPV6, RECORD_PARTIAL, RECORD_CUT,
        RECORD_CUT | RECORD_BACKWARDS,
    };

    if (m.in.n) {
        struct record *r = &m.in.r[rnd((uint32_t) m.in.n)];

        r->how ^= flags[rnd(ARRAY_SIZE(flags))];
        r->cut = (uint8_t) rnd(rnd(2) ? 8 : 256);
    }
}

static void
change_numbers(void)
{
    if (m.in.n) {
        struct record *r = &m.in.r[rnd((uint32_t) m.in.n)];

        r->seq = (int16_t) (rnd(2) ? (int) rnd(64) - 32
                            : (int) rnd(65536) - 32768);
        r->ack = (int8_t) ((int) rnd(64) - 32);
        r->number = (uint16_t) (rnd(2) ? rnd(64) : rnd(65536));
    }
}

/* Something new without bytes. */
static void
add(void)
{
    static const enum record_kind kinds[] = {
        RECORD_HANDSHAKE, RECORD_SEGMENT, RECORD_SEGMENT, RECORD_TIME,
        RECORD_ACK, RECORD_ACK, RECORD_WINDOW,
    };
    static const uint8_t flags[] = {
        PP_TCP_FIN | PP_TCP_ACK, PP_TCP_RST, PP_TCP_RST | PP_TCP_ACK,
        PP_TCP_SYN, PP_TCP_ACK, PP_TCP_SYN | PP_TCP_ACK,
    };
    struct record r = {
        .how = (uint8_t) kinds[rnd(ARRAY_SIZE(kinds))],
        .flags = flags[rnd(ARRAY_SIZE(flags))],
        .number = (uint16_t) (rnd(2) ? rnd(32) : rnd(4096)),
    };

    r.how |= rnd(2) ? RECORD_FROM_SERVER : 0;
    r.how |= m.in.n ? m.in.r[0].how & RECORD_IPV6 : 0;
    insert(rnd((uint32_t) m.in.n + 1), r);
}

static void
raw(void)
{
    struct record *r = any_with_bytes();

    if (r && record_kind(r) != RECORD_RAW && !rnd(4)) {
        make_raw(r);
    }
}

static void
set_up(void)
{
    if (!rnd(8)) {
        m.in.how ^= 1u << rnd(3);
    }
}

static void (*const mutations[])(void) = {
    mutate_bytes, mutate_bytes, mutate_bytes, mutate_bytes, mutate_bytes,
    duplicate, swap, drop_one, split, split, merge, overlap, overlap, early,
    flip_flag, flip_how, change_numbers, add, add, raw, set_up,
};

static void
begin(const uint8_t *data, size_t size, unsigned int seed)
{
    m.random = seed;
    m.used = 0;
    records_parse(&m.in, data, size);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                        unsigned int seed)
{
    static uint8_t copy[1 << 20];

    if (size > sizeof copy || max_size < RECORDS_HEAD) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(copy, data, size);
    begin(copy, size, seed);
    if (!m.in.n) {
        insert(0, (struct record) { .how = RECORD_HANDSHAKE });
        insert(1, (struct record) {
            .how = RECORD_BYTES,
            .bytes = { (const uint8_t *) "\r\n\r\n", 4 },
        });
    }
    for (uint32_t i = rnd(4); ; i--) {
        mutations[rnd(ARRAY_SIZE(mutations))]();
        if (!i) {
            break;
        }
    }
    return records_write(&m.in, data, max_size);
}

/* The first records of 'a' and then the last of 'b'. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b,
                          size_t b_size, uint8_t *out, size_t max_size,
                          unsigned int seed)
{
    struct records other;

    begin(a, a_size, seed);
    records_parse(&other, b, b_size);
    m.in.n = rnd((uint32_t) m.in.n + 1);
    for (size_t i = rnd((uint32_t) other.n + 1); i < other.n; i++) {
        insert(m.in.n, other.r[i]);
    }
    return max_size < RECORDS_HEAD ? 0 : records_write(&m.in, out, max_size);
}
