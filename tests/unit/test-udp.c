/* SPDX-License-Identifier: Apache-2.0 */

/* UDP through the whole pipeline, with the toy proxy as the only one there
 * is: this file has the registry's place. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-reassembly.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "pp-toy.h"
#include "registry.h"
#include "suite.h"
#include "util.h"

#define V4 20                   /* Length of the IP header. */
#define V6 40
#define PORT 7

const struct pp_proxy *const pp_proxies[] = { &pp_toy, NULL };

const struct pp_proxy *
pp_proxy_by_name(const char *name)
{
    return strcmp(name, pp_toy.name) ? NULL : &pp_toy;
}

const char *
pp_proxies_check(void)
{
    return pp_proxy_check(&pp_toy);
}

/* A patch with each kind of correction. */
static const char text[] =
    "patch: T-1\n"
    "title: A test\n"
    "vendor: https://example.org/fix\n"
    "affects: [{product: toy/box, versions: '< 2'}]\n"
    "severity: 7.5\n"
    "proxy: toy\n"
    "same-as-vendor: it is\n"
    "rules:\n"
    "  - on: command\n"
    "    when: verb == 'EDIT' and argument != upper(argument)\n"
    "    correct: { replace: argument, with: upper(argument) }\n"
    "  - on: command\n"
    "    when: verb == 'LONGER'\n"
    "    correct: { replace: verb, with: 'concat(argument, argument)' }\n"
    "  - on: command\n"
    "    when: verb == 'LESS'\n"
    "    correct: { delete: 'pairs[\"x\"]' }\n"
    "  - on: command\n"
    "    when: verb == 'REFUSE'\n"
    "    correct: { reject: { status: 400, reason: No, body: Never } }\n"
    "  - on: command\n"
    "    when: verb == 'CLOSE'\n"
    "    correct: close\n"
    "  - on: command\n"
    "    when: verb == 'DROP'\n"
    "    correct: drop\n"
    "vectors:\n"
    "  - exploit: e\n"
    "    to-server: \"DROP x\\n\"\n"
    "    expect: {to-client: '', to-server: ''}\n"
    "  - benign: b\n"
    "    to-server: \"GOOD x\\n\"\n";

static struct driver *
make_driver(enum pp_patch_mode mode, enum pp_fail fail)
{
    /* The same port in TCP has to be another service. */
    const struct pp_snap_service services[] = {
        { .port = 80, .transport = PP_TCP },
        { .port = PORT, .transport = PP_UDP, .fail = (uint8_t) fail },
    };
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = pp_patch_parse("toy/T-1.yaml", text,
                                            strlen(text), pp_proxies,
                                            &errors);
    struct pp_pool pool = { .ref_cnt = 1, .n = 1, .patches = &patch };
    char *s = pp_errors_format(&errors);
    struct driver *d;

    ck_assert_msg(patch != NULL, "%s", s);
    free(s);
    d = driver_create(&pool, mode, services, ARRAY_SIZE(services));
    pp_patch_destroy(patch);
    pp_errors_destroy(&errors);
    return d;
}

/* Where the checksum stands. */
static uint8_t *
sum_of(struct frame *f, bool ipv6)
{
    return f->data + FRAME_L3 + (ipv6 ? V6 : V4) + 6;
}

/* How checksums come. */
enum sums {
    WHOLE,
    PARTIAL,                    /* The sender's card is to make it. */
    NONE,                       /* RFC 768: 0. */
    TRUSTED,                    /* Wrong, but said to be right. */
};

static void
set_sum(struct frame *f, bool ipv6, enum sums sums)
{
    uint8_t *sum = sum_of(f, ipv6);

    if (sums == PARTIAL) {
        f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        f->vnet.csum_start = (uint16_t) (FRAME_L3 + (ipv6 ? V6 : V4));
        f->vnet.csum_offset = 6;
        sum[0] ^= 0x55;         /* Stands for the pseudo header's. */
    } else if (sums == NONE) {
        memset(sum, 0, 2);
    } else if (sums == TRUSTED) {
        f->vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
        sum[0] ^= 0x55;
    }
}

/* Checks that the 'i'th frame that left is a datagram with this payload, from
 * 'slot'. */
static void
check_datagram(const struct driver *d, size_t i, uint16_t slot,
               const char *payload)
{
    struct pp_packet pkt = driver_out(d, i, PP_PACKET_UDP);

    ck_assert_uint_eq(pkt.slot, slot);
    ck_assert_uint_eq(pkt.len, pkt.payload + pkt.payload_len);
    ck_assert_uint_eq(pkt.payload_len, strlen(payload));
    ck_assert_mem_eq(pkt.data + pkt.payload, payload, pkt.payload_len);
    ck_assert_uint_eq(pkt.src_port, slot == CLIENT_SLOT ? CLIENT_PORT : PORT);
    ck_assert_uint_eq(pkt.dst_port, slot == CLIENT_SLOT ? PORT : CLIENT_PORT);
}

static void
check_unchanged(const struct driver *d, size_t i, const struct frame *f)
{
    ck_assert_uint_lt(i, d->n_out);
    ck_assert_uint_eq(d->out[i]->len, f->len);
    ck_assert_mem_eq(d->out[i]->data, f->data, f->len);
    ck_assert_mem_eq(&d->out[i]->vnet, &f->vnet, sizeof f->vnet);
}

static const struct {
    const char *sent;
    const char *got;            /* NULL: nothing. */
    const char *reply;          /* NULL: none. */
} cases[] = {
    { "GOOD x\n", "GOOD x\n", NULL },
    { "GOOD x\nGOOD y\n", "GOOD x\nGOOD y\n", NULL },
    { "EDIT abc x=1\n", "EDIT ABC x=1\n", NULL },
    { "GOOD x\nEDIT abc\nGOOD y\n", "GOOD x\nEDIT ABC\nGOOD y\n", NULL },
    { "LONGER abc\n", "abcabc abc\n", NULL },
    { "LESS a x=1 y=2\n", "LESS a y=2\n", NULL },
    { "DROP x\n", NULL, NULL },
    { "GOOD x\nDROP x\n", "GOOD x\n", NULL },
    { "REFUSE x\n", NULL, "400 No Never\n" },
    { "REFUSE x\nGOOD x\n", "GOOD x\n", "400 No Never\n" },
    { "CLOSE x\nGOOD x\n", NULL, NULL },
    /* Not the protocol: no line's end. */
    { "EDIT abc", "EDIT abc", NULL },
    { "", "", NULL },
};

static void
run_case(size_t i, bool ipv6, enum sums sums, bool off)
{
    struct driver *d = make_driver(off ? PP_MODE_OFF : PP_MODE_ENFORCE,
                                   PP_FAIL_OPEN);
    struct frame *f = frame_udp(PP_TO_SERVER, ipv6, PORT, cases[i].sent,
                                strlen(cases[i].sent));
    size_t n = 0;

    set_sum(f, ipv6, sums);
    driver_run(d, f);
    if (off || (cases[i].got && !strcmp(cases[i].sent, cases[i].got))) {
        check_unchanged(d, n++, f);
    } else {
        if (cases[i].reply) {
            check_datagram(d, n++, SERVER_SLOT, cases[i].reply);
        }
        if (cases[i].got) {
            ck_assert_uint_lt(n, d->n_out);
            /* The checksum is whole now, however it came. */
            ck_assert_uint_eq(d->out[n]->vnet.flags, 0);
            ck_assert(sum_of(d->out[n], ipv6)[0] | sum_of(d->out[n],
                                                          ipv6)[1]);
            check_datagram(d, n++, CLIENT_SLOT, cases[i].got);
        }
        ck_assert_uint_eq(d->counters->stream_datagrams_gone,
                          !cases[i].got);
    }
    ck_assert_uint_eq(d->n_out, n);
    ck_assert_uint_eq(d->counters->conns, 0);
    free(f);
    driver_destroy(d);
}

START_TEST(test_cases)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int sums = WHOLE; sums <= TRUSTED; sums++) {
            run_case(i, _i, sums, false);
            run_case(i, _i, sums, true);
        }
    }
}
END_TEST

/* Ethernet pads short frames; IP's length says what counts. */
START_TEST(test_padding)
{
    struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_OPEN);
    struct frame *f = frame_udp(PP_TO_SERVER, _i, PORT, "EDIT a\n", 7);

    memset(f->data + f->len, 0xee, 20);
    f->len += 20;
    driver_run(d, f);
    check_datagram(d, 0, CLIENT_SLOT, "EDIT A\n");
    free(f);
    driver_destroy(d);
}
END_TEST

START_TEST(test_fail_closed)
{
    struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_CLOSED);
    struct frame *f = frame_udp(PP_TO_SERVER, _i, PORT, "EDIT", 4);

    driver_run(d, f);
    ck_assert_uint_eq(d->n_out, 0);
    ck_assert_uint_eq(d->counters->engine_fail_closed_drops, 1);
    free(f);
    driver_destroy(d);
}
END_TEST

START_TEST(test_bad)
{
    struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_OPEN);
    struct frame *f = frame_udp(PP_TO_SERVER, _i, PORT, "EDIT a\n", 7);
    uint8_t *sum = sum_of(f, _i);

    sum[1] ^= 1;                /* The checksum. */
    driver_run(d, f);
    ck_assert_uint_eq(d->counters->packet_in_bad_csum, 1);
    sum[1] ^= 1;
    sum[-1] = 7;                /* The length: too short, too long. */
    driver_run(d, f);
    sum[-1] = 16;
    driver_run(d, f);
    ck_assert_uint_eq(d->counters->packet_in_bad_udp, 2);
    ck_assert_uint_eq(d->n_out, 0);
    free(f);
    driver_destroy(d);
}
END_TEST

/* Other ports, other addresses, what the server says, the same port in TCP,
 * other protocols. */
START_TEST(test_others)
{
    struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_CLOSED);
    struct frame *f[] = {
        frame_udp(PP_TO_SERVER, _i, 8, "EDIT a\n", 7),
        frame_udp(PP_TO_SERVER, _i, 80, "EDIT a\n", 7),
        frame_udp(PP_TO_SERVER, _i, PORT, "EDIT a\n", 7),
        frame_udp(PP_FROM_SERVER, _i, PORT, "EDIT a\n", 7),
        frame_tcp(PP_TO_SERVER, _i, 1, 2, PP_TCP_ACK, "EDIT a\n", 7),
        frame_udp(PP_TO_SERVER, _i, PORT, "EDIT a\n", 7),
        frame_udp(PP_TO_SERVER, _i, PORT, "EDIT a\n", 7),
        frame_udp(PP_TO_SERVER, _i, PORT, "EDIT a\n", 7),
    };

    f[2]->data[5] ^= 1;
    f[4]->data[FRAME_L3 + (_i ? V6 : V4) + 3] = PORT;
    f[4]->vnet.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    f[5]->data[FRAME_L3 + (_i ? 6 : 9)] = _i ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    f[6]->data[FRAME_L3 + (_i ? 6 : 9)] = IPPROTO_SCTP;
    f[7]->data[FRAME_L3 - 1] = 6;       /* ARP. */
    f[7]->data[FRAME_L3 - 2] = 8;
    for (size_t i = 0; i < ARRAY_SIZE(f); i++) {
        driver_run(d, f[i]);
        ck_assert_uint_eq(d->n_out, i + 1);
        check_unchanged(d, i, f[i]);
        free(f[i]);
    }
    ck_assert_uint_eq(d->counters->stream_datagrams, 0);
    driver_destroy(d);
}
END_TEST

/* Fragments. */

static void
run_cut(struct driver *d, const struct frame *whole, bool ipv6, size_t size)
{
    size_t n;
    struct frame **f = frame_cut(whole, ipv6 ? V6 : V4, 5, size, &n);

    ck_assert_uint_gt(n, 1);
    for (size_t i = n; i-- > 0;) {
        ck_assert_uint_eq(d->n_out, 0);
        driver_run(d, f[i]);
        free(f[i]);
    }
    free(f);
}

START_TEST(test_fragments)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_OPEN);
        struct frame *f = frame_udp(PP_TO_SERVER, _i, PORT, cases[i].sent,
                                    strlen(cases[i].sent));
        size_t n = 0;

        if (f->len - FRAME_L3 - (_i ? V6 : V4) > 8) {
            run_cut(d, f, _i, 8);
            if (cases[i].reply) {
                check_datagram(d, n++, SERVER_SLOT, cases[i].reply);
            }
            if (cases[i].got && strcmp(cases[i].got, cases[i].sent)) {
                check_datagram(d, n++, CLIENT_SLOT, cases[i].got);
            } else if (cases[i].got) {
                n = d->n_out;   /* See test_fragments_as_they_came. */
                ck_assert_uint_gt(n, 1);
            }
            ck_assert_uint_eq(d->n_out, n);
        }
        free(f);
        driver_destroy(d);
    }
}
END_TEST

START_TEST(test_fragments_as_they_came)
{
    struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_OPEN);
    struct frame *whole = frame_udp(PP_TO_SERVER, _i, PORT, "GOOD x\n", 7);
    struct frame *f[2];

    f[0] = frame_fragment(whole, _i ? V6 : V4, 5, 0, 8, true);
    f[1] = frame_fragment(whole, _i ? V6 : V4, 5, 8, 7, false);
    driver_run(d, f[1]);
    driver_run(d, f[0]);
    ck_assert_uint_eq(d->n_out, 2);
    check_unchanged(d, 0, f[1]);
    check_unchanged(d, 1, f[0]);
    ck_assert_uint_eq(d->counters->stream_datagrams, 1);
    free(f[0]);
    free(f[1]);
    free(whole);
    driver_destroy(d);
}
END_TEST

/* The datagrams that left in fragments, put together by another pipeline that
 * nothing is in force in. */
static void
check_refragmented(const struct driver *d, size_t most, const char *payload)
{
    struct driver *other = make_driver(PP_MODE_OFF, PP_FAIL_OPEN);
    struct pp_limits limits = pp_limits_default();
    struct pp_reassembly re;
    struct pp_datagram *whole = NULL;
    struct pp_packet pkt;

    pp_reassembly_init(&re, other->counters, 0);
    ck_assert_uint_gt(d->n_out, 1);
    for (size_t i = 0; i < d->n_out; i++) {
        pkt = driver_out(d, i, PP_PACKET_FRAGMENT);
        ck_assert_uint_le(pkt.len - pkt.l3, most);
        ck_assert_ptr_null(whole);
        whole = pp_reassembly_in(&re, &limits, 0, &pkt, 0);
    }
    ck_assert_ptr_nonnull(whole);
    ck_assert_int_eq(pp_reassembly_whole(&re, whole, &pkt), PP_PACKET_UDP);
    ck_assert_uint_eq(pkt.payload_len, strlen(payload));
    ck_assert_mem_eq(pkt.data + pkt.payload, payload, pkt.payload_len);
    pp_reassembly_done(&re, whole);
    pp_reassembly_destroy(&re);
    driver_destroy(other);
}

/* What an edit makes longer than it may be leaves in fragments: no longer than
 * those that came, or for one that came whole, than it was or any link
 * takes. */
START_TEST(test_grows)
{
    bool ipv6 = _i & 1, cut = _i & 2;
    struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_OPEN);
    char sent[1500], got[4300];
    struct frame *f;

    strcpy(sent, "LONGER ");
    memset(sent + 7, 'a', 1400);
    strcpy(sent + 1407, "\n");
    memset(got, 'a', 2800);
    strcpy(got + 2800, sent + 6);
    f = frame_udp(PP_TO_SERVER, ipv6, PORT, sent, strlen(sent));
    if (cut) {
        run_cut(d, f, ipv6, 800);
    } else {
        driver_run(d, f);
    }
    ck_assert_uint_eq(d->counters->stream_datagrams_changed, 1);
    check_refragmented(d, cut ? ipv6 ? 1280 : 820 : f->len - FRAME_L3, got);
    free(f);
    driver_destroy(d);
}
END_TEST

/* What no IP packet can hold is dropped, and said to be. */
START_TEST(test_grows_too_long)
{
    struct driver *d = make_driver(PP_MODE_ENFORCE, PP_FAIL_OPEN);
    char *sent = xmalloc(40000);
    struct frame *f;

    strcpy(sent, "LONGER ");
    memset(sent + 7, 'a', 30000);
    strcpy(sent + 30007, "\n");
    f = frame_udp(PP_TO_SERVER, _i, PORT, sent, strlen(sent));
    driver_run(d, f);
    ck_assert_uint_eq(d->n_out, 0);
    ck_assert_uint_eq(d->counters->correct_failed, 1);
    ck_assert_uint_eq(d->counters->stream_datagrams_gone, 1);
    free(f);
    free(sent);
    driver_destroy(d);
}
END_TEST

/* Monitored: told, and passed as it came. */
START_TEST(test_monitor)
{
    struct driver *d = make_driver(PP_MODE_MONITOR, PP_FAIL_OPEN);
    struct frame *f = frame_udp(PP_TO_SERVER, _i, PORT, "EDIT a\n", 7);

    driver_run(d, f);
    check_unchanged(d, 0, f);
    ck_assert_uint_eq(d->n_events, 1);
    free(f);
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("udp");
    TCase *tc = tcase_create("udp");

    tcase_set_timeout(tc, 0);
    tcase_add_loop_test(tc, test_cases, 0, 2);
    tcase_add_loop_test(tc, test_padding, 0, 2);
    tcase_add_loop_test(tc, test_fail_closed, 0, 2);
    tcase_add_loop_test(tc, test_bad, 0, 2);
    tcase_add_loop_test(tc, test_others, 0, 2);
    tcase_add_loop_test(tc, test_fragments, 0, 2);
    tcase_add_loop_test(tc, test_fragments_as_they_came, 0, 2);
    tcase_add_loop_test(tc, test_grows, 0, 4);
    tcase_add_loop_test(tc, test_grows_too_long, 0, 2);
    tcase_add_loop_test(tc, test_monitor, 0, 2);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
