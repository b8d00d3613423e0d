/* SPDX-License-Identifier: Apache-2.0 */

/* The bounds of the engine, through the whole pipeline: who is forgotten, who
 * has to wait, and that all others are served meanwhile. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-flow.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "registry.h"
#include "suite.h"
#include "util.h"

#define TO PP_TO_SERVER
#define FROM PP_FROM_SERVER
#define ACK PP_TCP_ACK
#define SYN PP_TCP_SYN
#define FIN PP_TCP_FIN
#define RST PP_TCP_RST

/* A request that is corrected, one that is refused while the connection goes
 * on, and one that passes. */
#define EVIL "GET /old HTTP/1.1\r\nHost: a\r\n\r\n"
#define CORRECTED "GET /new! HTTP/1.1\r\nHost: a\r\n\r\n"
#define REFUSED "GET /no HTTP/1.1\r\nHost: a\r\n\r\n"
#define GOOD "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
#define REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"

static const char patch_text[] =
    "patch: T-1\n"
    "title: A test\n"
    "vendor: https://example.org/fix\n"
    "affects: [{product: npm/box, versions: '< 2'}]\n"
    "severity: 7.5\n"
    "proxy: http\n"
    "same-as-vendor: it is\n"
    "rules:\n"
    "  - on: request\n"
    "    when: path == '/old'\n"
    "    correct: { replace: path, with: \"'/new!'\" }\n"
    "  - on: request\n"
    "    when: path == '/no'\n"
    "    correct: { reject: { status: 403 } }\n"
    "vectors:\n"
    "  - exploit: e\n"
    "    to-server: \"GET /old HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n"
    "    expect: {to-server: \"GET /new! HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"}"
    "\n"
    "  - benign: b\n"
    "    to-server: \"GET /a HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n";

static struct driver *
make_driver(const struct pp_limits *limits)
{
    struct pp_snap_service http = driver_service("http");
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = pp_patch_parse("http/T-1.yaml", patch_text,
                                            strlen(patch_text), pp_proxies,
                                            &errors);
    struct pp_pool pool = { .ref_cnt = 1, .n = 1, .patches = &patch };
    char *s = pp_errors_format(&errors);
    struct driver *d;

    ck_assert_msg(patch != NULL, "%s", s);
    free(s);
    d = driver_create(&pool, PP_MODE_ENFORCE, &http, 1);
    if (limits) {
        pp_pipeline_set_limits(d->pl, limits);
    }
    pp_patch_destroy(patch);
    pp_errors_destroy(&errors);
    return d;
}

static struct pp_limits
limit_conns(uint32_t n)
{
    struct pp_limits limits = PP_LIMITS_DEFAULT;

    limits.conns = n;
    return limits;
}

/* True if 'client', which has said nothing yet, is inspected. */
static bool
is_inspected(struct driver *d, uint32_t client)
{
    bool corrected;

    driver_forget(d);
    driver_tcp(d, client, TO, 1001, 5001, ACK, EVIL);
    corrected = !strcmp(driver_said(d, TO), CORRECTED);
    ck_assert(corrected || !strcmp(driver_said(d, TO), EVIL));
    driver_forget(d);
    return corrected;
}

/* How long each kind of connection is remembered. */
START_TEST(test_lifetime)
{
    struct driver *d = make_driver(NULL);
    const struct pp_counters *c = d->counters;

    /* 1 answered, 2 not; 3 reset by the client, 4 refused; 5 closed, 6 closed
     * but for the last acknowledgement; 7 goes on. */
    driver_tcp(d, 1, TO, 1000, 0, SYN, NULL);
    driver_tcp(d, 1, FROM, 5000, 1001, SYN | ACK, NULL);
    driver_tcp(d, 2, TO, 1000, 0, SYN, NULL);
    driver_connect_of(d, 3);
    driver_tcp(d, 3, TO, 1001, 5001, RST | ACK, NULL);
    driver_tcp(d, 4, TO, 1000, 0, SYN, NULL);
    driver_tcp(d, 4, FROM, 0, 1001, RST | ACK, NULL);
    for (uint32_t client = 5; client <= 6; client++) {
        driver_connect_of(d, client);
        driver_tcp(d, client, TO, 1001, 5001, FIN | ACK, NULL);
        driver_tcp(d, client, FROM, 5001, 1002, FIN | ACK, NULL);
    }
    driver_tcp(d, 5, TO, 1002, 5002, ACK, NULL);
    driver_connect_of(d, 7);

    driver_pass_time(d, 0);
    ck_assert_uint_eq(c->conns, 7);
    ck_assert_uint_eq(c->half_open, 2);
    driver_pass_time(d, PP_CLOSED_MS);
    ck_assert_uint_eq(c->flow_closed, 1);
    driver_pass_time(d, PP_HALF_OPEN_MS - PP_CLOSED_MS);
    ck_assert_uint_eq(c->flow_expired_half_open, 2);
    ck_assert_uint_eq(c->half_open, 0);
    ck_assert_uint_eq(c->conns, 4);
    driver_pass_time(d, PP_ENDING_MS - PP_HALF_OPEN_MS);
    ck_assert_uint_eq(c->flow_closed, 4);
    ck_assert_uint_eq(c->conns, 1);
    ck_assert(is_inspected(d, 7));
    driver_pass_time(d, PP_IDLE_MS);
    ck_assert_uint_eq(c->flow_expired, 1);
    ck_assert_uint_eq(c->conns, 0);
    driver_destroy(d);
}
END_TEST

/* A client's RST that its server did not take: the connection goes on, and is
 * inspected. */
START_TEST(test_false_end)
{
    struct driver *d = make_driver(NULL);

    driver_connect_of(d, 1);
    driver_tcp(d, 1, TO, 1001, 5001, RST, NULL);
    driver_pass_time(d, PP_ENDING_MS - 1);
    ck_assert(is_inspected(d, 1));
    driver_pass_time(d, 2 * PP_ENDING_MS);
    ck_assert_uint_eq(d->counters->conns, 1);
    driver_destroy(d);
}
END_TEST

/* A flood of SYNs, answered or not, at the bound of the table: connections
 * that are open, corrected or not, are served throughout, and so is whoever
 * gets through the handshake meanwhile. */
START_TEST(test_syn_flood)
{
    enum { CONNS = 2000, FLOOD = 200000 };
    struct pp_limits limits = limit_conns(CONNS);
    struct driver *d = make_driver(&limits);
    const struct pp_counters *c = d->counters;
    uint64_t memory;

    for (uint32_t client = 1; client <= 1000; client++) {
        driver_connect_of(d, client);
    }
    ck_assert(is_inspected(d, 1));
    for (uint32_t i = 0; i < FLOOD; i++) {
        uint32_t client = 10000 + i;

        driver_tcp(d, client, TO, 1000, 0, SYN, NULL);
        if (_i) {
            driver_tcp(d, client, FROM, 5000, 1001, SYN | ACK, NULL);
        }
        if (i == FLOOD / 2) {
            driver_connect_of(d, 5000);
        }
        driver_forget(d);
        if (i % 1000 == 0) {
            driver_pass_time(d, 1);
            ck_assert_uint_le(c->conns, CONNS);
        }
    }
    driver_pass_time(d, 0);
    memory = c->memory;
    ck_assert_uint_le(memory, CONNS * 1200);
    ck_assert_uint_eq(c->conns, CONNS);
    ck_assert_uint_eq(c->half_open, CONNS - 1001);
    ck_assert_uint_eq(c->flow_evicted_half_open, FLOOD - (CONNS - 1001));
    ck_assert_uint_eq(c->flow_evicted_idle, 0);
    ck_assert_uint_eq(c->flow_table_full, 0);
    ck_assert(is_inspected(d, 2));
    ck_assert(is_inspected(d, 1000));
    ck_assert(is_inspected(d, 5000));
    /* The corrected one's numbers are still mapped. */
    driver_tcp(d, 1, FROM, 5001, 1001 + strlen(CORRECTED), ACK, REPLY);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).ack,
                      1001 + strlen(EVIL));
    /* What it costs whom the flood drives out: it is not inspected. */
    driver_forget(d);
    ck_assert(!is_inspected(d, 10001));
    driver_destroy(d);
}
END_TEST

/* A full table of open connections: a newcomer gets the place of the one idle
 * for longest, and a few who are still in their handshake are left alone. */
START_TEST(test_idle_makes_room)
{
    struct pp_limits limits = limit_conns(1000);
    struct driver *d = make_driver(&limits);

    for (uint32_t client = 1; client <= 1000; client++) {
        driver_connect_of(d, client);
    }
    driver_tcp(d, 1, TO, 1001, 5001, ACK, GOOD);
    driver_tcp(d, 2000, TO, 1000, 0, SYN, NULL);
    driver_tcp(d, 2001, TO, 1000, 0, SYN, NULL);
    driver_tcp(d, 2000, FROM, 5000, 1001, SYN | ACK, NULL);
    driver_tcp(d, 2000, TO, 1001, 5001, ACK, NULL);
    ck_assert_uint_eq(d->counters->flow_evicted_idle, 2);
    ck_assert_uint_eq(d->counters->flow_evicted_half_open, 0);
    ck_assert(is_inspected(d, 2000));
    ck_assert(is_inspected(d, 4));
    ck_assert(!is_inspected(d, 2));
    ck_assert_uint_eq(d->counters->flow_midstream, 1);

    /* One that has ended goes before all of them. */
    driver_tcp(d, 10, TO, 1001, 5001, RST, NULL);
    driver_connect_of(d, 3000);
    ck_assert_uint_eq(d->counters->flow_evicted_closed, 1);
    ck_assert_uint_eq(d->counters->flow_evicted_idle, 2);
    ck_assert(is_inspected(d, 5));
    driver_destroy(d);
}
END_TEST

/* Corrected connections never make room: the newcomer is not followed. */
START_TEST(test_edited_stay)
{
    struct pp_limits limits = limit_conns(3);
    struct driver *d = make_driver(&limits);

    for (uint32_t client = 1; client <= 3; client++) {
        driver_connect_of(d, client);
        ck_assert(is_inspected(d, client));
    }
    driver_connect_of(d, 4);
    ck_assert_uint_eq(d->counters->flow_table_full, 1);
    ck_assert(!is_inspected(d, 4));
    for (uint32_t client = 1; client <= 3; client++) {
        driver_forget(d);
        driver_tcp(d, client, FROM, 5001, 1001 + strlen(CORRECTED), ACK,
                   REPLY);
        ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).ack,
                          1001 + strlen(EVIL));
    }
    driver_destroy(d);
}
END_TEST

/* A bound that comes down is reached bit by bit. */
START_TEST(test_lower_bound)
{
    struct pp_limits limits = limit_conns(100);
    struct driver *d = make_driver(NULL);

    for (uint32_t client = 0; client < 1000; client++) {
        driver_connect_of(d, client);
    }
    pp_pipeline_set_limits(d->pl, &limits);
    for (uint32_t client = 1000; client < 2000; client++) {
        driver_connect_of(d, client);
        driver_pass_time(d, 0);
        ck_assert_uint_eq(d->counters->conns, MAX(100, 1999 - client));
    }
    driver_destroy(d);
}
END_TEST

/* Who only forges the client's addresses does not get what the engine sends
 * in its name to go by his port; the client itself may move. */
START_TEST(test_forged_frame)
{
    const uint32_t next = 1001 + strlen(EVIL);
    const struct {
        uint32_t seq, ack;
        uint16_t slot;          /* Where the connection is then. */
    } cases[] = {
        { next, 5001, 3 },                      /* The right numbers. */
        { 1001 + 7, 5001, CLIENT_SLOT },        /* Old ones. */
        { 1001 - 100000, 5001, CLIENT_SLOT },
        { next + 200000, 5001, CLIENT_SLOT },   /* Ones to come. */
        { next, 5001 - 1000, CLIENT_SLOT },     /* It said more before. */
        { next, 5001 + 1000, CLIENT_SLOT },     /* That was never sent. */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct driver *d = make_driver(NULL);
        struct frame *f = frame_tcp_of(1, TO, cases[i].seq, cases[i].ack,
                                       ACK, NULL, 0);

        driver_connect_of(d, 1);
        driver_tcp(d, 1, TO, 1001, 5001, ACK, "GET /old ");
        driver_pass_time(d, 100);
        /* Acknowledged by the engine, which delivers it from now on. */
        ck_assert_uint_eq(d->counters->stream_hold_acks, 1);
        driver_tcp(d, 1, TO, 1001 + 9, 5001, ACK,
                   "HTTP/1.1\r\nHost: a\r\n\r\n");
        frame_set_slot(f, 3);
        driver_run(d, f);
        driver_forget(d);
        driver_pass_time(d, 1000);
        ck_assert_uint_ge(d->counters->stream_rto, 1);
        ck_assert_uint_ge(d->n_out, 1);
        ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).slot,
                          cases[i].slot);
        free(f);
        driver_destroy(d);
    }
}
END_TEST

/* A server with SYN cookies answers the same SYN with two numbers, and the
 * client takes either. */
START_TEST(test_two_answers)
{
    for (uint32_t isn = 5000; isn <= 7000; isn += 2000) {
        struct driver *d = make_driver(NULL);

        driver_tcp(d, 1, TO, 1000, 0, SYN, NULL);
        driver_tcp(d, 1, FROM, 5000, 1001, SYN | ACK, NULL);
        driver_tcp(d, 1, TO, 1000, 0, SYN, NULL);
        if (_i) {
            /* It got the first one before the server sent the second. */
            driver_tcp(d, 1, TO, 1001, 5001, ACK, NULL);
        }
        driver_tcp(d, 1, FROM, 7000, 1001, SYN | ACK, NULL);
        driver_pass_time(d, 0);
        ck_assert_uint_eq(d->counters->half_open, 1);
        driver_tcp(d, 1, TO, 1001, isn + 1, ACK, NULL);
        driver_pass_time(d, 0);
        ck_assert_uint_eq(d->counters->half_open, 0);
        driver_forget(d);
        driver_tcp(d, 1, TO, 1001, isn + 1, ACK, REFUSED EVIL);
        /* The reply stands where the client expects it. */
        driver_forget(d);
        driver_tcp(d, 1, FROM, isn + 1, 1001 + strlen(CORRECTED), ACK,
                   REPLY);
        ck_assert_uint_gt(driver_out(d, 0, PP_PACKET_TCP).seq, isn + 1);
        ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).ack,
                          1001 + strlen(REFUSED EVIL));
        ck_assert_uint_eq(d->counters->flow_reused, 0);
        driver_destroy(d);
    }
}
END_TEST

/* Of two SYNs the server tells which it takes. */
START_TEST(test_two_syns)
{
    for (uint32_t isn = 1000; isn <= 3000; isn += 2000) {
        struct driver *d = make_driver(NULL);

        driver_tcp(d, 1, TO, 1000, 0, SYN, NULL);
        driver_tcp(d, 1, TO, 3000, 0, SYN, NULL);
        driver_tcp(d, 1, FROM, 5000, isn + 1, SYN | ACK, NULL);
        driver_tcp(d, 1, TO, isn + 1, 5001, ACK, NULL);
        driver_forget(d);
        driver_tcp(d, 1, TO, isn + 1, 5001, ACK, EVIL);
        ck_assert_str_eq(driver_said(d, TO), CORRECTED);
        driver_destroy(d);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tc = tcase_create("life");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_lifetime);
    tcase_add_test(tc, test_false_end);
    tcase_add_loop_test(tc, test_syn_flood, 0, 2);
    tcase_add_test(tc, test_idle_makes_room);
    tcase_add_test(tc, test_edited_stay);
    tcase_add_test(tc, test_lower_bound);
    tcase_add_test(tc, test_forged_frame);
    tcase_add_loop_test(tc, test_two_answers, 0, 2);
    tcase_add_test(tc, test_two_syns);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
