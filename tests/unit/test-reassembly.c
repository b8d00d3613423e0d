/* SPDX-License-Identifier: Apache-2.0 */

/* IP fragments: put together, bounded, and on their way through the whole
 * pipeline.
 *
 * The property test cuts datagrams anyhow and sends the fragments in any
 * order, some of them twice, some with other boundaries or other bytes, and
 * holds the result against a model of a few lines.  PP_SEED runs one
 * schedule. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-reassembly.h"
#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "suite.h"
#include "util.h"

#define V4 20                   /* Length of the IP header. */
#define V6 40

/* Randomness that a seed repeats. */

static uint64_t rng;

static uint32_t
rnd(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return n ? (uint32_t) (rng >> 16) % n : 0;
}

static bool
chance(uint32_t percent)
{
    return rnd(100) < percent;
}

/* Reassembly alone. */

static struct pp_reassembly re;
static struct pp_counters *counters;
static struct pp_limits limits;
static uint64_t now;

static void
setup(void)
{
    counters = xzalloc(sizeof *counters);
    pp_reassembly_init(&re, counters, 0);
    limits = pp_limits_default();
    now = 1000;
}

static void
teardown(void)
{
    pp_reassembly_destroy(&re);
    ck_assert_uint_eq(re.bytes, 0);
    free(counters);
}

/* Takes a frame from a block of just its size. */
static struct pp_datagram *
take(const struct frame *f)
{
    uint8_t *copy = xmemdup(f->data, f->len);
    struct pp_datagram *d;
    struct pp_packet pkt;

    ck_assert_int_eq(pp_packet_in(&pkt, &f->vnet, copy, f->len, counters),
                     PP_PACKET_FRAGMENT);
    d = pp_reassembly_in(&re, &limits, 0, &pkt, now);
    free(copy);
    return d;
}

static struct pp_datagram *
take_part(const struct frame *whole, size_t header, uint32_t id, size_t ofs,
          size_t n, bool more)
{
    struct frame *f = frame_fragment(whole, header, id, ofs, n, more);
    struct pp_datagram *d = take(f);

    free(f);
    return d;
}

/* 'd' is what 'whole' was cut from. */
static void
check_whole(struct pp_datagram *d, const struct frame *whole)
{
    struct pp_packet got, want;
    struct frame *copy = xmemdup(whole, sizeof *copy);

    ck_assert_ptr_nonnull(d);
    ck_assert_int_eq(pp_packet_in(&want, &copy->vnet, copy->data, copy->len,
                                  counters), PP_PACKET_TCP);
    ck_assert_int_eq(pp_reassembly_whole(&re, d, &got), PP_PACKET_TCP);
    ck_assert_uint_eq(got.len, want.len);
    ck_assert_uint_eq(got.l4, want.l4);
    ck_assert_mem_eq(got.data + got.l4, want.data + want.l4,
                     want.len - want.l4);
    /* Only IPv4's identification, DF and checksum differ. */
    ck_assert_mem_eq(got.data, want.data, want.l3 + 4);
    ck_assert_mem_eq(&got.src, &want.src, sizeof got.src);
    ck_assert_mem_eq(&got.dst, &want.dst, sizeof got.dst);
    pp_reassembly_done(&re, d);
    free(copy);
}

static uint8_t bytes[66000];

static struct frame *
datagram(bool ipv6, size_t n)
{
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t) (i * 7 + i / 251);
    }
    return frame_tcp(PP_TO_SERVER, ipv6, 1, 2, PP_TCP_ACK, bytes, n);
}

START_TEST(test_orders)
{
    bool ipv6 = _i;
    struct frame *whole = datagram(ipv6, 100);
    size_t header = ipv6 ? V6 : V4;
    size_t n;
    struct frame **f = frame_cut(whole, header, 77, 24, &n);

    ck_assert_uint_eq(n, 5);
    for (unsigned int order = 0; order < 120; order++) {
        size_t left[] = { 0, 1, 2, 3, 4 };
        unsigned int x = order;

        for (size_t i = 5; i > 0; i--) {
            size_t pick = x % i;
            struct pp_datagram *d = take(f[left[pick]]);

            x /= (unsigned int) i;
            left[pick] = left[i - 1];
            if (i > 1) {
                ck_assert_ptr_null(d);
            } else {
                check_whole(d, whole);
            }
        }
    }
    ck_assert_uint_eq(counters->packet_in_reassembled, 120);
    ck_assert_uint_eq(counters->packet_in_fragment_drops, 0);
    for (size_t i = 0; i < n; i++) {
        free(f[i]);
    }
    free(f);
    free(whole);
}
END_TEST

/* Puts hop-by-hop and destination options before the TCP header. */
static struct frame *
with_extensions(void)
{
    struct frame *f = datagram(true, 200);
    uint8_t *ip = f->data + FRAME_L3;

    memmove(ip + 64, ip + 40, f->len - FRAME_L3 - 40);
    memcpy(ip + 40, "\x3c\0\1\4\0\0\0\0", 8);       /* PadN. */
    memcpy(ip + 48, "\x06\1\1\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    ip[6] = 0;
    f->len += 24;
    ip[4] = (uint8_t) ((f->len - FRAME_L3 - 40) >> 8);
    ip[5] = (uint8_t) (f->len - FRAME_L3 - 40);
    return f;
}

START_TEST(test_extensions)
{
    /* Fragmented behind the IPv6 header, the first option and the second. */
    static const size_t headers[] = { 40, 48, 64 };
    struct frame *whole = with_extensions();

    for (size_t i = 0; i < 3; i++) {
        size_t n;
        struct frame **f = frame_cut(whole, headers[i], 5, 48, &n);

        for (size_t j = n; j-- > 0;) {
            struct pp_datagram *d = take(f[j]);

            if (j) {
                ck_assert_ptr_null(d);
            } else {
                check_whole(d, whole);
            }
            free(f[j]);
        }
        free(f);
    }
    free(whole);
}
END_TEST

START_TEST(test_headless)
{
    /* An IPv6 first fragment that ends within the headers. */
    struct frame *whole = with_extensions();
    static const size_t ends[] = { 8, 16, 24, 40 };

    for (size_t i = 0; i < 4; i++) {
        uint32_t id = (uint32_t) i;

        ck_assert_ptr_null(take_part(whole, V6, id, 0, ends[i], true));
        ck_assert_uint_eq(counters->packet_in_frag_headless, i + 1);
        ck_assert_ptr_null(take_part(whole, V6, id, ends[i],
                                     whole->len - FRAME_L3 - V6 - ends[i],
                                     false));
    }
    ck_assert_ptr_null(take_part(whole, V6, 9, 0, 48, true));
    check_whole(take_part(whole, V6, 9, 48,
                          whole->len - FRAME_L3 - V6 - 48, false), whole);
    free(whole);
}
END_TEST

START_TEST(test_overlap)
{
    bool ipv6 = _i;
    size_t h = ipv6 ? V6 : V4;
    struct frame *whole = datagram(ipv6, 76);       /* 96 bytes behind IP. */
    struct frame *other = xmemdup(whole, sizeof *other);

    /* Exactly the same again is ignored. */
    ck_assert_ptr_null(take_part(whole, h, 1, 0, 48, true));
    ck_assert_ptr_null(take_part(whole, h, 1, 0, 48, true));
    ck_assert_uint_eq(counters->packet_in_frag_repeated, 1);
    check_whole(take_part(whole, h, 1, 48, 48, false), whole);
    ck_assert_uint_eq(counters->packet_in_frag_overlap, 0);

    /* Other bytes, a part, more, and across two; in all of them nothing that
     * comes later counts. */
    other->data[FRAME_L3 + h + 30] ^= 1;
    ck_assert_ptr_null(take_part(whole, h, 2, 0, 48, true));
    ck_assert_ptr_null(take_part(other, h, 2, 0, 48, true));
    ck_assert_ptr_null(take_part(whole, h, 3, 0, 48, true));
    ck_assert_ptr_null(take_part(whole, h, 3, 24, 16, true));
    ck_assert_ptr_null(take_part(whole, h, 4, 0, 48, true));
    ck_assert_ptr_null(take_part(whole, h, 4, 40, 56, false));
    ck_assert_ptr_null(take_part(whole, h, 5, 0, 32, true));
    ck_assert_ptr_null(take_part(whole, h, 5, 64, 32, false));
    ck_assert_ptr_null(take_part(whole, h, 5, 24, 48, true));
    ck_assert_uint_eq(counters->packet_in_frag_overlap, 4);
    for (uint32_t id = 2; id <= 5; id++) {
        ck_assert_ptr_null(take_part(whole, h, id, 0, 48, true));
        ck_assert_ptr_null(take_part(whole, h, id, 32, 32, true));
        ck_assert_ptr_null(take_part(whole, h, id, 48, 48, false));
        ck_assert_ptr_null(take_part(whole, h, id, 64, 32, false));
    }
    ck_assert_uint_eq(counters->packet_in_reassembled, 1);
    free(other);
    free(whole);
}
END_TEST

START_TEST(test_ends)
{
    struct frame *whole = datagram(false, 76);

    /* Beyond the end, before the end, an end before what came. */
    ck_assert_ptr_null(take_part(whole, V4, 1, 24, 24, false));
    ck_assert_ptr_null(take_part(whole, V4, 1, 48, 24, true));
    ck_assert_ptr_null(take_part(whole, V4, 2, 72, 24, false));
    ck_assert_ptr_null(take_part(whole, V4, 2, 24, 24, false));
    ck_assert_ptr_null(take_part(whole, V4, 3, 72, 24, true));
    ck_assert_ptr_null(take_part(whole, V4, 3, 24, 24, false));
    ck_assert_uint_eq(counters->packet_in_frag_end, 3);
    ck_assert_uint_eq(counters->packet_in_fragment_drops, 6);
    free(whole);
}
END_TEST

START_TEST(test_senseless)
{
    struct frame *whole = datagram(false, 2000);
    struct frame *f;

    ck_assert_ptr_null(take_part(whole, V4, 1, 0, 0, true));
    ck_assert_ptr_null(take_part(whole, V4, 1, 8, 0, false));
    ck_assert_ptr_null(take_part(whole, V4, 1, 0, 20, true));
    ck_assert_uint_eq(counters->packet_in_frag_bad, 3);

    /* The ping of death: the last byte beyond 65,535. */
    f = frame_fragment(whole, V4, 1, 0, 1480, false);
    f->data[FRAME_L3 + 6] = 0x1f;
    f->data[FRAME_L3 + 7] = 0xfe;
    frame_mend(f);
    ck_assert_ptr_null(take(f));
    ck_assert_uint_eq(counters->packet_in_frag_bad, 4);
    free(f);

    /* Metadata that no fragment has. */
    f = frame_fragment(whole, V4, 1, 0, 80, true);
    f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    ck_assert_ptr_null(take(f));
    f->vnet.flags = 0;
    f->vnet.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    ck_assert_ptr_null(take(f));
    ck_assert_uint_eq(counters->packet_in_frag_bad, 6);
    free(f);

    /* None of them counted for the datagram. */
    ck_assert_uint_eq(hmap_count(&re.datagrams), 0);
    free(whole);
}
END_TEST

START_TEST(test_too_long)
{
    /* The header's length counts, too: 65,520 bytes and 20 are too many. */
    struct frame *whole = datagram(false, 65495);
    size_t n = 65515;

    for (size_t ofs = 0; ofs < 65520; ofs += 8190 / 8 * 8) {
        size_t len = MIN(8190 / 8 * 8, 65520 - ofs);

        ck_assert_ptr_null(take_part(whole, V4, 1, ofs, len,
                                     ofs + len < 65520));
    }
    ck_assert_uint_eq(counters->packet_in_frag_too_long, 1);

    /* The longest there is. */
    ck_assert_ptr_null(take_part(whole, V4, 2, 0, 32760, true));
    check_whole(take_part(whole, V4, 2, 32760, n - 32760, false), whole);
    free(whole);

    whole = datagram(true, 65515);
    ck_assert_ptr_null(take_part(whole, V6, 2, 0, 32760, true));
    check_whole(take_part(whole, V6, 2, 32760, 65535 - 32760, false), whole);
    free(whole);
}
END_TEST

START_TEST(test_timeout)
{
    struct frame *whole = datagram(false, 76);

    ck_assert_ptr_null(take_part(whole, V4, 1, 0, 48, true));
    now += PP_REASSEMBLY_MS - 1;
    ck_assert_uint_eq(pp_reassembly_expire(&re, now), now + 1);
    ck_assert_ptr_null(take_part(whole, V4, 2, 0, 48, true));
    check_whole(take_part(whole, V4, 1, 48, 48, false), whole);

    /* That fragments still come does not keep it. */
    now += PP_REASSEMBLY_MS - 1;
    ck_assert_ptr_null(take_part(whole, V4, 2, 48, 24, true));
    now++;
    ck_assert_ptr_null(take_part(whole, V4, 2, 72, 24, false));
    ck_assert_uint_eq(counters->packet_in_frag_timeout, 1);
    ck_assert_uint_eq(counters->packet_in_fragment_drops, 2);
    now += PP_REASSEMBLY_MS;
    ck_assert_uint_eq(pp_reassembly_expire(&re, now), UINT64_MAX);
    ck_assert_uint_eq(hmap_count(&re.datagrams), 0);
    free(whole);
}
END_TEST

START_TEST(test_bounds)
{
    struct frame *whole = datagram(false, 4076);
    size_t one;

    /* So many datagrams: the oldest goes, the others stay. */
    limits.datagrams = 3;
    for (uint32_t id = 1; id <= 4; id++) {
        ck_assert_ptr_null(take_part(whole, V4, id, 0, 2048, true));
        one = re.bytes / hmap_count(&re.datagrams);
    }
    ck_assert_uint_eq(counters->packet_in_frag_table_full, 1);
    for (uint32_t id = 2; id <= 4; id++) {
        check_whole(take_part(whole, V4, id, 2048, 2048, false), whole);
    }
    ck_assert_ptr_null(take_part(whole, V4, 1, 2048, 2048, false));
    now += PP_REASSEMBLY_MS;
    pp_reassembly_expire(&re, now);

    /* So many bytes in all. */
    limits = pp_limits_default();
    limits.datagrams_total = 3 * one;
    for (uint32_t id = 1; id <= 4; id++) {
        ck_assert_ptr_null(take_part(whole, V4, id, 0, 2048, true));
        ck_assert_uint_le(re.bytes, limits.datagrams_total);
    }
    ck_assert_uint_eq(counters->packet_in_frag_memory, 1);
    ck_assert_uint_eq(hmap_count(&re.datagrams), 3);
    now += PP_REASSEMBLY_MS;
    pp_reassembly_expire(&re, now);

    /* Where one alone is too much, it goes itself. */
    limits.datagrams_total = one / 2;
    ck_assert_ptr_null(take_part(whole, V4, 1, 0, 2048, true));
    ck_assert_uint_eq(re.bytes, 0);

    /* So many bytes, or fragments, of one: it goes with what still comes. */
    limits = pp_limits_default();
    limits.datagram_bytes = (uint32_t) one + 1000;
    ck_assert_ptr_null(take_part(whole, V4, 1, 0, 2048, true));
    ck_assert_ptr_null(take_part(whole, V4, 1, 2048, 2048, false));
    ck_assert_uint_eq(counters->packet_in_frag_too_much, 1);
    ck_assert_ptr_null(take_part(whole, V4, 1, 0, 2048, true));
    limits = pp_limits_default();
    limits.datagram_fragments = 2;
    for (size_t ofs = 0; ofs < 32; ofs += 8) {
        ck_assert_ptr_null(take_part(whole, V4, 2, ofs, 8, true));
    }
    ck_assert_uint_eq(counters->packet_in_frag_too_much, 2);
    ck_assert_uint_le(re.bytes, 2 * one);
    free(whole);
}
END_TEST

/* Fragments of two datagrams never meet. */
START_TEST(test_keys)
{
    struct frame *whole = datagram(_i, 76);
    size_t h = _i ? V6 : V4;
    static const size_t at[][2] = {
        { 0, 0 },               /* Receiver's Ethernet address. */
        { 15, 15 },             /* Slot. */
        { FRAME_L3 + 15, FRAME_L3 + 20 },       /* Source. */
        { FRAME_L3 + 19, FRAME_L3 + 39 },       /* Destination. */
        { FRAME_L3 + 5, FRAME_L3 + 47 },        /* Identification. */
    };

    ck_assert_ptr_null(take_part(whole, h, 1, 0, 48, true));
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        struct frame *f = frame_fragment(whole, h, 1, 48, 48, false);

        f->data[at[i][_i]] ^= 4;
        if (!_i) {
            frame_mend(f);
        }
        ck_assert_ptr_null(take(f));
        free(f);
    }
    ck_assert_uint_eq(hmap_count(&re.datagrams), 6);
    check_whole(take_part(whole, h, 1, 48, 48, false), whole);
    free(whole);
}
END_TEST

START_TEST(test_nested)
{
    /* A fragment header within the datagram, and two in one packet. */
    struct frame *inner = datagram(true, 76);
    struct frame *outer = frame_fragment(inner, V6, 1, 0, 48, true);
    struct frame *f;
    struct pp_packet pkt;
    struct pp_datagram *d;

    ck_assert_ptr_null(take_part(outer, V6, 2, 24, 32, false));
    f = frame_fragment(outer, V6, 2, 0, 24, true);
    d = take(f);
    ck_assert_ptr_null(d);
    ck_assert_uint_eq(counters->packet_in_frag_headless, 1);
    free(f);

    f = frame_fragment(outer, V6, 2, 0, 56, false);  /* Atomic, then not. */
    ck_assert_int_eq(pp_packet_in(&pkt, &f->vnet, f->data, f->len, counters),
                     PP_PACKET_BAD);
    free(f);
    free(outer);
    free(inner);
}
END_TEST

/* The property. */

struct model {
    bool dead, done;
    uint32_t total, end, have;
    size_t n;
    struct {
        uint32_t ofs, len;
        bool more, lie;
    } parts[256];
};

/* What is to become of a fragment.  True: the datagram is complete. */
static bool
model_take(struct model *m, uint32_t ofs, uint32_t len, bool more, bool lie)
{
    if (m->dead) {
        return false;
    }
    for (size_t i = 0; i < m->n; i++) {
        if (ofs == m->parts[i].ofs && len == m->parts[i].len
            && more == m->parts[i].more && lie == m->parts[i].lie) {
            return false;
        }
    }
    for (size_t i = 0; i < m->n; i++) {
        m->dead |= (ofs < m->parts[i].ofs + m->parts[i].len
                    && m->parts[i].ofs < ofs + len);
    }
    if (m->dead) {
        return false;
    }
    m->parts[m->n].ofs = ofs;
    m->parts[m->n].len = len;
    m->parts[m->n].more = more;
    m->parts[m->n++].lie = lie;
    m->have += len;
    m->end = MAX(m->end, ofs + len);
    m->total = more ? m->total : ofs + len;
    m->done = m->total && m->have == m->total;
    return m->done;
}

/* One datagram in fragments that begin at every boundary once, with 'extra'
 * ones among them. */
static void
run_schedule(void)
{
    bool ipv6 = chance(50);
    size_t h = ipv6 ? V6 : V4;
    struct frame *whole = datagram(ipv6, 1 + rnd(chance(20) ? 4000 : 400));
    struct frame *lies = xmemdup(whole, sizeof *lies);
    uint32_t len = (uint32_t) (whole->len - FRAME_L3 - h);
    uint32_t blocks = (len + 7) / 8;
    uint32_t most = 1 + rnd(chance(50) ? 4 : 60);
    struct { uint32_t ofs, len; bool lie; } sends[600];
    struct model m;
    uint32_t id = rnd(3);
    size_t n = 0;

    for (size_t i = FRAME_L3 + h; i < lies->len; i++) {
        lies->data[i] ^= 0x20;
    }
    /* In IPv6 all headers are in the first. */
    for (uint32_t at = 0; at < blocks && n < 250;) {
        uint32_t size = 1 + rnd(most) + (ipv6 && !at ? 2 : 0);

        size = n == 249 ? blocks : size;
        size = MIN(size, blocks - at);
        sends[n].ofs = at * 8;
        sends[n].len = MIN(size * 8, len - at * 8);
        sends[n++].lie = false;
        at += size;
    }
    if (n == 1) {
        free(lies);
        free(whole);
        return;
    }
    for (uint32_t extra = chance(60) ? rnd(4) : 0; extra > 0; extra--) {
        if (chance(60)) {
            sends[n] = sends[rnd((uint32_t) n)];
            sends[n].lie = chance(20);
        } else {
            uint32_t at = rnd(blocks);
            uint32_t size = 1 + rnd(blocks - at);

            sends[n].ofs = at * 8;
            sends[n].len = MIN(size * 8, len - at * 8);
            sends[n].lie = chance(30);
            if (ipv6 && !at && size < 3) {
                continue;
            }
            if (!at && sends[n].len == len) {
                continue;       /* No fragment. */
            }
        }
        n++;
    }
    for (size_t i = n; chance(85) && i > 1; i--) {
        size_t j = rnd((uint32_t) i);
        size_t k = i - 1;

        memcpy(&sends[599], &sends[j], sizeof sends[0]);
        memcpy(&sends[j], &sends[k], sizeof sends[0]);
        memcpy(&sends[k], &sends[599], sizeof sends[0]);
    }
    memset(&m, 0, sizeof m);
    for (size_t i = 0; i < n && !m.done; i++) {
        bool more = sends[i].ofs + sends[i].len < len;
        struct pp_datagram *d = take_part(sends[i].lie ? lies : whole, h, id,
                                          sends[i].ofs, sends[i].len, more);

        if (model_take(&m, sends[i].ofs, sends[i].len, more, sends[i].lie)) {
            bool lied = false;

            ck_assert_ptr_nonnull(d);
            for (size_t j = 0; j < m.n; j++) {
                lied |= m.parts[j].lie;
            }
            if (lied) {
                pp_reassembly_done(&re, d);
            } else {
                check_whole(d, whole);
            }
        } else {
            ck_assert_ptr_null(d);
        }
    }
    now += PP_REASSEMBLY_MS;
    ck_assert_uint_eq(pp_reassembly_expire(&re, now), UINT64_MAX);
    ck_assert_uint_eq(re.bytes, 0);
    free(lies);
    free(whole);
}

START_TEST(test_property)
{
    const char *seed = getenv("PP_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;

    for (uint64_t i = first; i < first + (seed ? 1 : 3000); i++) {
        rng = i * UINT64_C(0x9e3779b97f4a7c15) + 1;
        run_schedule();
    }
    if (!seed) {
        ck_assert_uint_gt(counters->packet_in_reassembled, 1000);
        ck_assert_uint_gt(counters->packet_in_frag_overlap, 100);
        ck_assert_uint_gt(counters->packet_in_frag_repeated, 100);
    }
}
END_TEST

/* The whole pipeline. */

static struct driver *
make_driver(const char *id, enum pp_patch_mode mode)
{
    struct pp_pool *pool = driver_pool(id);
    struct pp_snap_service http = driver_service("http");
    struct driver *d = driver_create(pool, mode, &http, 1);

    pp_pool_unref(pool);
    return d;
}

#define EXPLOIT "GET /%2e%2e/secret.txt HTTP/1.1\r\nHost: a\r\n\r\n"
#define CORRECTED "GET /secret.txt HTTP/1.1\r\nHost: a\r\n\r\n"

/* Sends 'request' in fragments of 'size' bytes, the last first if 'back'. */
static void
send_cut(struct driver *d, bool ipv6, const char *request, size_t size,
         bool back)
{
    struct frame *whole = frame_tcp(PP_TO_SERVER, ipv6, 1001, 5001,
                                    PP_TCP_ACK | PP_TCP_PSH, request,
                                    strlen(request));
    size_t n;
    struct frame **f = frame_cut(whole, ipv6 ? V6 : V4, 99, size, &n);

    ck_assert_uint_gt(n, 1);
    for (size_t i = 0; i < n; i++) {
        driver_run(d, f[back ? n - 1 - i : i]);
        /* Nothing leaves before all is there. */
        ck_assert(i + 1 == n || d->n_out == 0);
    }
    for (size_t i = 0; i < n; i++) {
        free(f[i]);
    }
    free(f);
    free(whole);
}

START_TEST(test_exploit)
{
    for (int i = 0; i < 16; i++) {
        bool ipv6 = i & 1, back = i & 2, enforced = i & 4;
        size_t size = i & 8 ? 24 : 48;
        struct driver *d = make_driver("CVE-2014-3744", enforced
                                       ? PP_MODE_ENFORCE : PP_MODE_OFF);

        driver_connect(d, ipv6);
        send_cut(d, ipv6, EXPLOIT, size, back);
        /* Off, it reaches the server. */
        ck_assert_str_eq(driver_said(d, PP_TO_SERVER),
                         enforced ? CORRECTED : EXPLOIT);
        ck_assert_uint_eq(d->n_events, enforced);
        ck_assert_uint_eq(d->counters->packet_in_reassembled, 1);
        driver_destroy(d);
    }
}
END_TEST

/* Overlaps as they were used to get around filters: the server gets nothing
 * at all. */
START_TEST(test_exploit_overlap)
{
    struct driver *d = make_driver("CVE-2014-3744", PP_MODE_ENFORCE);
    struct frame *good = frame_tcp(PP_TO_SERVER, _i, 1001, 5001, PP_TCP_ACK,
                                   "GET /aaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n",
                                   34);
    struct frame *bad = frame_tcp(PP_TO_SERVER, _i, 1001, 5001, PP_TCP_ACK,
                                  "GET /%2e%2e/secrets.t HTTP/1.1\r\n\r\n",
                                  34);
    size_t h = _i ? V6 : V4;
    struct frame *f[] = {
        frame_fragment(good, h, 3, 0, 48, true),
        frame_fragment(bad, h, 3, 24, 24, true),
        frame_fragment(good, h, 3, 48, 6, false),
        frame_fragment(bad, h, 3, 0, 48, true),
    };

    driver_connect(d, _i);
    for (size_t i = 0; i < ARRAY_SIZE(f); i++) {
        driver_run(d, f[i]);
        free(f[i]);
    }
    ck_assert_uint_eq(d->n_out, 0);
    ck_assert_uint_eq(d->counters->packet_in_frag_overlap, 1);
    ck_assert_uint_eq(d->counters->packet_in_fragment_drops, 4);
    free(good);
    free(bad);
    driver_destroy(d);
}
END_TEST

/* A benign segment larger than any frame on the way: it leaves in segments no
 * longer than the fragments that it came in, with the same bytes. */
START_TEST(test_large)
{
    struct driver *d = make_driver("CVE-2014-3744", PP_MODE_ENFORCE);
    char *request = xmalloc(20001);
    size_t size = _i ? 1448 : 1480;

    strcpy(request, "GET /a HTTP/1.1\r\nHost: a\r\nX: ");
    memset(request + strlen(request), 'x', 20000 - strlen(request));
    strcpy(request + 20000 - 4, "\r\n\r\n");
    driver_connect(d, _i);
    send_cut(d, _i, request, size, false);
    ck_assert_str_eq(driver_said(d, PP_TO_SERVER), request);
    ck_assert_uint_eq(d->counters->packet_out_split, 1);
    ck_assert_uint_ge(d->n_out, 14);
    for (size_t i = 0; i < d->n_out; i++) {
        struct pp_packet pkt = driver_out(d, i, PP_PACKET_TCP);

        ck_assert_uint_le(pkt.len - pkt.l3, 1500);
        ck_assert_uint_eq(pkt.vnet.gso_type, VIRTIO_NET_HDR_GSO_NONE);
        ck_assert_uint_eq(pkt.vnet.flags, 0);
        /* As a card would cut it. */
        ck_assert_uint_eq(!!(pkt.flags & PP_TCP_PSH), i + 1 == d->n_out);
    }
    free(request);
    driver_destroy(d);
}
END_TEST

/* A segment that cannot be cut into segments leaves as fragments again. */
START_TEST(test_urgent)
{
    struct driver *d = make_driver("CVE-2014-3744", PP_MODE_ENFORCE);
    struct frame *whole = frame_tcp(PP_FROM_SERVER, _i, 5001, 1001,
                                    PP_TCP_ACK | PP_TCP_URG, bytes, 3000);
    struct frame *again = xzalloc(sizeof *again);
    size_t n;
    struct frame **f = frame_cut(whole, _i ? V6 : V4, 0x1234, 1400, &n);
    struct pp_datagram *dg = NULL;
    struct pp_packet pkt;

    driver_connect(d, _i);
    for (size_t i = 0; i < n; i++) {
        driver_run(d, f[i]);
        free(f[i]);
    }
    ck_assert_uint_gt(d->n_out, 1);
    for (size_t i = 0; i < d->n_out; i++) {
        pkt = driver_out(d, i, PP_PACKET_FRAGMENT);
        ck_assert_uint_le(pkt.len - pkt.l3, 1448);
        ck_assert_uint_eq(pkt.frag_id, 0x1234);
        ck_assert_ptr_null(dg);
        dg = take(d->out[i]);
    }
    check_whole(dg, whole);
    free(f);
    free(again);
    free(whole);
    driver_destroy(d);
}
END_TEST

/* What belongs to no service leaves as the very fragments that came. */
START_TEST(test_others)
{
    struct driver *d = make_driver("CVE-2014-3744", PP_MODE_ENFORCE);
    /* 0: another port, 1: no connection that was seen, 2: another address. */
    struct frame *whole = frame_tcp(PP_TO_SERVER, _i & 1, 1, 2, PP_TCP_ACK,
                                    bytes, 3000);
    size_t h = _i & 1 ? V6 : V4;
    static const size_t order[] = { 2, 0, 1 };
    struct frame **f;
    size_t n;

    if (_i / 2 == 0) {
        whole->data[FRAME_L3 + h + 3] ^= 1;     /* Port 81... */
        whole->data[FRAME_L3 + h + 1]--;        /* ...with the same sum. */
    } else if (_i / 2 == 2) {
        whole->data[5] ^= 1;
    }
    f = frame_cut(whole, h, 7, 1024, &n);
    ck_assert_uint_eq(n, 3);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(d->n_out, 0);
        driver_run(d, f[order[i]]);
    }
    ck_assert_uint_eq(d->n_out, 3);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(d->out[i]->len, f[order[i]]->len);
        ck_assert_mem_eq(d->out[i]->data, f[order[i]]->data, d->out[i]->len);
    }
    ck_assert_uint_eq(d->counters->flow_midstream, _i / 2 == 1);
    for (size_t i = 0; i < n; i++) {
        free(f[i]);
    }
    free(f);
    free(whole);
    driver_destroy(d);
}
END_TEST

/* Protocols that nothing looks at: IPv4 fragments say so and pass at once, of
 * IPv6 the first one has to be there. */
START_TEST(test_other_protocols)
{
    struct driver *d = make_driver("CVE-2014-3744", PP_MODE_ENFORCE);
    struct frame *whole = frame_tcp(PP_TO_SERVER, _i, 1, 2, 0, bytes, 3000);
    size_t n;
    struct frame **f;

    whole->data[FRAME_L3 + (_i ? 6 : 9)] = _i ? IPPROTO_ICMPV6
                                           : IPPROTO_ICMP;
    f = frame_cut(whole, _i ? V6 : V4, 7, 1024, &n);
    for (size_t i = 0; i < n; i++) {
        driver_run(d, f[n - 1 - i]);
        ck_assert_uint_eq(d->n_out, !_i ? i + 1 : i + 1 == n ? n : 0);
        free(f[n - 1 - i]);
    }
    free(f);
    free(whole);
    driver_destroy(d);
}
END_TEST

/* Headers that would hide what is behind them. */
START_TEST(test_hiding)
{
    struct driver *d = make_driver("CVE-2014-3744", PP_MODE_ENFORCE);
    struct frame *whole = frame_tcp(PP_TO_SERVER, true, 1001, 5001,
                                    PP_TCP_ACK, EXPLOIT, strlen(EXPLOIT));
    struct frame *f = frame_fragment(whole, V6, 1, 0, whole->len - FRAME_L3
                                     - V6, false);
    uint8_t *ip = whole->data + FRAME_L3;

    /* An atomic fragment is a packet like any other. */
    driver_connect(d, true);
    driver_run(d, f);
    ck_assert_str_eq(driver_said(d, PP_TO_SERVER), CORRECTED);
    driver_forget(d);
    free(f);

    /* Nine extension headers no host needs: nothing passes unseen. */
    memmove(ip + 40 + 72, ip + 40, whole->len - FRAME_L3 - 40);
    for (int i = 0; i < 9; i++) {
        memcpy(ip + 40 + 8 * i, "\x3c\0\1\4\0\0\0\0", 8);
    }
    ip[6] = 0x3c;
    ip[40 + 64] = IPPROTO_TCP;
    whole->len += 72;
    ip[5] = (uint8_t) (ip[5] + 72);
    driver_run(d, whole);
    ck_assert_uint_eq(d->n_out, 0);
    ck_assert_uint_eq(d->counters->packet_in_short, 1);
    free(whole);
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("reassembly");
    TCase *alone = tcase_create("alone");
    TCase *pipeline = tcase_create("pipeline");

    tcase_set_timeout(alone, 0);
    tcase_add_checked_fixture(alone, setup, teardown);
    tcase_add_loop_test(alone, test_orders, 0, 2);
    tcase_add_test(alone, test_extensions);
    tcase_add_test(alone, test_headless);
    tcase_add_loop_test(alone, test_overlap, 0, 2);
    tcase_add_test(alone, test_ends);
    tcase_add_test(alone, test_senseless);
    tcase_add_test(alone, test_too_long);
    tcase_add_test(alone, test_timeout);
    tcase_add_test(alone, test_bounds);
    tcase_add_loop_test(alone, test_keys, 0, 2);
    tcase_add_test(alone, test_nested);
    tcase_add_test(alone, test_property);
    suite_add_tcase(suite, alone);
    tcase_set_timeout(pipeline, 0);
    tcase_add_checked_fixture(pipeline, setup, teardown);
    tcase_add_test(pipeline, test_exploit);
    tcase_add_loop_test(pipeline, test_exploit_overlap, 0, 2);
    tcase_add_loop_test(pipeline, test_large, 0, 2);
    tcase_add_loop_test(pipeline, test_urgent, 0, 2);
    tcase_add_loop_test(pipeline, test_others, 0, 6);
    tcase_add_loop_test(pipeline, test_other_protocols, 0, 2);
    tcase_add_test(pipeline, test_hiding);
    suite_add_tcase(suite, pipeline);
    return suite_main(suite);
}
