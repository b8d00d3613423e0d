/* SPDX-License-Identifier: Apache-2.0 */

/* The bounds of the engine, through the whole pipeline: who is forgotten, who
 * has to wait, and that all others are served meanwhile. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "control/pp-bounds.h"
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
    struct pp_limits limits = pp_limits_default();

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

/* A client's RST that its server cannot take, or may not have taken: it is as
 * if there had been none, or no byte gets there any more. */
START_TEST(test_false_end)
{
    static const struct {
        uint32_t seq;
        bool left, over;
    } rsts[] = {
        { 900, true, false },           /* Old. */
        { 1001, true, true },           /* Where the next byte is expected. */
        { 1002, false, false },         /* Within the window. */
        { 1001 + 3000000, true, false },
    };
    struct driver *d = make_driver(NULL);

    driver_connect_of(d, 1);
    driver_forget(d);
    driver_tcp(d, 1, TO, rsts[_i].seq, 5001, RST, NULL);
    ck_assert_uint_eq(d->n_out, 1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).flags,
                      rsts[_i].left ? RST : ACK);
    driver_pass_time(d, PP_ENDING_MS - 1);
    driver_forget(d);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, EVIL);
    ck_assert_str_eq(driver_said(d, TO), rsts[_i].over ? "" : CORRECTED);
    ck_assert_uint_eq(d->counters->stream_over, rsts[_i].over);
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

/* Bytes that are held now. */
static uint64_t
held(struct driver *d)
{
    driver_pass_time(d, 0);
    driver_forget(d);
    return d->counters->held_bytes;
}

/* Runs a good request of the new connection 'client' in two pieces, and its
 * reply: true if both get there. */
static bool
is_served(struct driver *d, uint32_t client)
{
    const uint32_t next = 1001 + strlen(GOOD);
    bool served;

    driver_connect_of(d, client);
    driver_tcp(d, client, TO, 1001, 5001, ACK, "GET /a HTTP");
    driver_tcp(d, client, TO, 1012, 5001, ACK, "/1.1\r\nHost: a\r\n\r\n");
    driver_tcp(d, client, FROM, 5001, next, ACK, REPLY);
    driver_tcp(d, client, TO, next, 5001 + strlen(REPLY), ACK, NULL);
    served = (!strcmp(driver_said(d, TO), GOOD)
              && !strcmp(driver_said(d, FROM), REPLY));
    driver_forget(d);
    return served;
}

/* 100,000 clients that do not finish their requests: with little room for all
 * they are reset, those first that have been at it for longest, and others are
 * served. */
START_TEST(test_drip)
{
    enum { CLIENTS = 100000, ROOM = 8 * 1024 * 1024 };
    struct pp_limits limits = pp_limits_default();
    struct driver *d = make_driver(NULL);
    const struct pp_counters *c = d->counters;

    limits.held_total = _i ? ROOM : 1024 * 1024 * 1024;
    pp_pipeline_set_limits(d->pl, &limits);
    for (uint32_t client = 1; client <= CLIENTS; client++) {
        driver_connect_of(d, client);
        driver_tcp(d, client, TO, 1001, 5001, ACK, "GET /a HTTP/1.1\r\nX: ");
        if (client % 500 == 0) {
            driver_pass_time(d, 10);
            driver_forget(d);
            ck_assert_uint_le(c->held_bytes, limits.held_total);
        }
        if (client % 10000 == 0) {
            ck_assert(is_served(d, 200000 + client));
        }
    }
    if (_i) {
        ck_assert_uint_gt(c->stream_evicted, CLIENTS / 2);
        ck_assert_uint_eq(c->stream_hold_full, 0);
        /* The first is reset and can go on no more; the last can. */
        driver_tcp(d, 1, TO, 1021, 5001, ACK, "a\r\n\r\n");
        ck_assert_str_eq(driver_said(d, TO), "");
        ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).flags
                          & PP_TCP_RST, PP_TCP_RST);
        driver_forget(d);
    } else {
        /* What it would take without the bound. */
        ck_assert_uint_gt(held(d), 2 * ROOM);
        ck_assert_uint_eq(c->stream_evicted, 0);
    }
    driver_tcp(d, CLIENTS, TO, 1021, 5001, ACK, "a\r\n\r\n");
    ck_assert_str_eq(driver_said(d, TO),
                     "GET /a HTTP/1.1\r\nX: a\r\n\r\n");
    driver_destroy(d);
}
END_TEST

/* Adds what left for the client, which has '*got' bytes of the replies. */
static void
note_replies(struct driver *d, uint32_t *got)
{
    for (size_t i = 0; i < d->n_out; i++) {
        struct pp_packet pkt = driver_out(d, i, PP_PACKET_TCP);

        if (pkt.slot == SERVER_SLOT && pkt.payload_len) {
            ck_assert_uint_eq(pkt.seq, 5001 + *got);
            *got += pkt.payload_len;
        }
    }
    driver_forget(d);
}

/* Sends 'n' refused requests of 'client', who has sent '*sent' bytes and got
 * '*got', and never acknowledges any reply. */
static void
ask_without_acking(struct driver *d, uint32_t client, uint32_t *sent,
                   uint32_t *got, int n)
{
    for (int i = 0; i < n; i++) {
        driver_tcp(d, client, TO, 1001 + *sent, 5001, ACK, REFUSED);
        *sent += strlen(REFUSED);
        note_replies(d, got);
    }
}

/* A client that never acknowledges replies in the server's name: nothing more
 * of it is decided when its room is full, others are served, and after the
 * last retransmission nothing is held any more. */
START_TEST(test_never_acks)
{
    enum { REQUESTS = 60000 };
    struct driver *d = make_driver(NULL);
    const struct pp_counters *c = d->counters;
    uint64_t bound = pp_limits_default().held_conn;
    uint32_t sent = 0, got = 0;

    driver_connect_of(d, 1);
    ask_without_acking(d, 1, &sent, &got, REQUESTS);
    ck_assert_uint_gt(held(d), bound / 4);
    ck_assert_uint_le(held(d), bound);
    ck_assert_uint_gt(c->stream_full, 0);
    ck_assert_uint_gt(c->stream_hold_full, 0);
    ck_assert_uint_lt(c->correct_rejects, REQUESTS);
    ck_assert(is_served(d, 2));
    for (int i = 0; i < 2000; i++) {
        driver_pass_time(d, 100);
        driver_forget(d);
    }
    ck_assert_uint_eq(c->stream_gave_up, 1);
    ck_assert_uint_eq(held(d), 0);
    driver_destroy(d);
}
END_TEST

/* The client acknowledges what it is sent, until all has come. */
static void
take_replies(struct driver *d, uint32_t sent, uint32_t *got)
{
    uint32_t before;

    do {
        before = *got;
        driver_tcp(d, 1, TO, 1001 + sent, 5001 + *got, ACK, NULL);
        note_replies(d, got);
    } while (*got != before);
}

/* The same, but in the end the client does: it gets all replies, and goes on
 * where it was stopped. */
START_TEST(test_acks_late)
{
    enum { REQUESTS = 60000 };
    struct driver *d = make_driver(NULL);
    const struct pp_counters *c = d->counters;
    uint32_t sent = 0, got = 0;
    uint64_t rejects;

    driver_connect_of(d, 1);
    ask_without_acking(d, 1, &sent, &got, REQUESTS);
    ck_assert_uint_eq(c->stream_full, 1);
    rejects = c->correct_rejects;
    sent = (uint32_t) (rejects * strlen(REFUSED));
    take_replies(d, sent, &got);
    ck_assert_uint_eq(got % rejects, 0);
    /* The one that was dropped, and with it those behind it that were not. */
    ask_without_acking(d, 1, &sent, &got, 1);
    ck_assert_uint_gt(c->correct_rejects, rejects + 1);
    sent = (uint32_t) (c->correct_rejects * strlen(REFUSED));
    take_replies(d, sent, &got);
    ck_assert_uint_le(held(d), 1000);
    driver_tcp(d, 1, TO, 1001 + sent, 5001 + got, ACK, EVIL);
    ck_assert_str_eq(driver_said(d, TO), CORRECTED);
    driver_destroy(d);
}
END_TEST

/* A server that acknowledges nothing, and a client with one correction after
 * the other: the edit list ends, and goes on when the server does, with not a
 * byte lost. */
START_TEST(test_edits)
{
    enum { REQUESTS = 60, EDITS = 20 };
    struct pp_limits limits = pp_limits_default();
    struct driver *d = make_driver(NULL);
    char said[REQUESTS * sizeof CORRECTED + 1] = "";
    uint32_t sent = 0, acked = 0;

    limits.edits = EDITS;
    pp_pipeline_set_limits(d->pl, &limits);
    driver_connect_of(d, 1);
    for (int i = 0; i < REQUESTS; i++) {
        driver_tcp(d, 1, TO, 1001 + sent, 5001, ACK, EVIL);
        if (i < EDITS) {
            sent += strlen(EVIL);
        }
    }
    ck_assert_uint_eq(d->counters->correct_edits, EDITS);
    ck_assert_uint_eq(d->counters->stream_full, REQUESTS - EDITS);
    strcat(said, driver_said(d, TO));
    driver_forget(d);
    for (int i = EDITS; i < REQUESTS; i++) {
        acked += strlen(CORRECTED);
        driver_tcp(d, 1, FROM, 5001, 1001 + acked, ACK, NULL);
        driver_forget(d);
        driver_tcp(d, 1, TO, 1001 + sent, 5001, ACK, EVIL);
        sent += strlen(EVIL);
        strcat(said, driver_said(d, TO));
        driver_forget(d);
    }
    ck_assert_uint_eq(d->counters->stream_full, REQUESTS - EDITS);
    ck_assert_uint_eq(strlen(said), REQUESTS * strlen(CORRECTED));
    for (int i = 0; i < REQUESTS; i++) {
        ck_assert(!strncmp(said + i * strlen(CORRECTED), CORRECTED,
                           strlen(CORRECTED)));
    }
    driver_destroy(d);
}
END_TEST

/* Within a segment, too: what had to wait is decided when the server has
 * acknowledged, without the client. */
START_TEST(test_edits_in_segment)
{
    struct pp_limits limits = pp_limits_default();
    struct driver *d = make_driver(NULL);
    char requests[20 * sizeof EVIL] = "";

    for (int i = 0; i < 20; i++) {
        strcat(requests, EVIL);
    }
    limits.edits = 8;
    pp_pipeline_set_limits(d->pl, &limits);
    driver_connect_of(d, 1);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, requests);
    ck_assert_uint_eq(d->counters->correct_edits, 8);
    ck_assert_uint_eq(d->counters->stream_full_waits, 1);
    driver_tcp(d, 1, FROM, 5001, 1001 + 5 * strlen(CORRECTED), ACK, NULL);
    ck_assert_uint_eq(d->counters->correct_edits, 13);
    driver_tcp(d, 1, FROM, 5001, 1001 + 13 * strlen(CORRECTED), ACK, NULL);
    ck_assert_uint_eq(d->counters->correct_edits, 20);
    ck_assert_uint_eq(strlen(driver_said(d, TO)), 20 * strlen(CORRECTED));
    driver_destroy(d);
}
END_TEST

/* Many clients that acknowledge no replies, and all the room there is: they
 * get no more than their share when most of it is taken; then those that hold
 * most are reset; and others are served. */
START_TEST(test_hoarders)
{
    enum { ROOM = 16 * 1024 * 1024 };
    struct pp_limits limits = pp_limits_default();
    struct driver *d = make_driver(NULL);
    const struct pp_counters *c = d->counters;
    uint64_t dropped = 0;

    limits.held_total = ROOM;
    pp_pipeline_set_limits(d->pl, &limits);
    for (uint32_t client = 1; client <= 40; client++) {
        uint32_t sent = 0, got = 0;

        driver_connect_of(d, client);
        ask_without_acking(d, client, &sent, &got, 30000);
        driver_pass_time(d, 1);
        driver_forget(d);
        ck_assert_uint_le(held(d), ROOM);
        ck_assert(is_served(d, 1000 + client));
        if (held(d) < ROOM / 4 * 3) {
            ck_assert_uint_eq(c->stream_full, 0);
        } else {
            ck_assert_uint_gt(c->stream_full, dropped);
            dropped = c->stream_full;
        }
    }
    ck_assert_uint_gt(dropped, 0);
    ck_assert_uint_gt(c->stream_evicted, 10);
    ck_assert_uint_gt(held(d), ROOM / 2);
    driver_destroy(d);
}
END_TEST

/* Room that is taken by edits is free again when their connection is reset. */
START_TEST(test_edits_evicted)
{
    struct pp_limits limits = pp_limits_default();
    struct driver *d = make_driver(NULL);

    limits.held_total = 64 * 1024;
    pp_pipeline_set_limits(d->pl, &limits);
    for (uint32_t client = 1; client <= 100; client++) {
        driver_connect_of(d, client);
        for (uint32_t i = 0; i < 60; i++) {
            driver_tcp(d, client, TO, 1001 + i * (uint32_t) strlen(EVIL),
                       5001, ACK, EVIL);
        }
        driver_pass_time(d, 1);
        ck_assert_uint_le(held(d), limits.held_total);
    }
    ck_assert_uint_gt(d->counters->stream_evicted, 50);
    ck_assert(is_served(d, 200));
    driver_destroy(d);
}
END_TEST

/* A client that sends everything but the first byte. */
START_TEST(test_gap)
{
    struct driver *d = make_driver(NULL);
    static char text[1001];

    memset(text, 'x', sizeof text - 1);
    driver_connect_of(d, 1);
    for (uint32_t i = 0; i < 10000; i++) {
        driver_tcp(d, 1, TO, 1002 + i * 1000, 5001, ACK, text);
        driver_forget(d);
    }
    ck_assert_uint_gt(d->counters->stream_hold_full, 0);
    ck_assert_uint_gt(d->counters->stream_hold_full
                      + d->counters->stream_out_of_window, 5000);
    ck_assert_uint_le(held(d), pp_limits_default().held_conn / 2);
    ck_assert(is_served(d, 2));
    driver_destroy(d);
}
END_TEST

/* What is said on a connection of each protocol, by turns: the one who speaks
 * first in it begins. */
struct talk {
    const char *proxy;
    enum pp_dir first;
    const char *said[14];
    size_t len[14];             /* 0: a string. */
};

static const struct talk talks[] = {
    { "http", TO, { GOOD, REPLY, "POST /a HTTP/1.1\r\nHost: a\r\n"
                    "Content-Length: 3\r\n\r\nabc", REPLY }, { 0 } },
    { "ftp", FROM, { "220 a\r\n", "USER a\r\n", "331 a\r\n", "PASS a\r\n",
                     "230 a\r\n", "CWD /a\r\n", "250 a\r\n",
                     "PORT 10,0,0,1,4,1\r\n", "200 a\r\n" }, { 0 } },
    { "smtp", FROM, { "220 a\r\n", "EHLO a\r\n", "250-a\r\n250 SIZE\r\n",
                      "MAIL FROM:<a@a>\r\n", "250 a\r\n",
                      "RCPT TO:<b@b>\r\n", "250 a\r\n", "DATA\r\n",
                      "354 a\r\n", "Subject: a\r\n\r\na\r\n.\r\n",
                      "250 a\r\n" }, { 0 } },
    { "ldap", TO, { "\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0",
                    "\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0",
                    "\x30\x25\2\1\2\x63\x20\4\0\x0a\1\0\x0a\1\0\2\1\0"
                    "\2\1\0\1\1\0\x87\x0bobjectClass\x30\0",
                    "\x30\x0c\2\1\2\x65\7\x0a\1\0\4\0\4\0" },
      { 14, 14, 39, 14 } },
};

/* Opens connection 'client' and runs 'talk' on it.  Both acknowledge all. */
static void
run_talk(struct driver *d, uint32_t client, const struct talk *talk)
{
    uint32_t next[2] = { 1001, 5001 };
    enum pp_dir dir = talk->first;

    driver_connect_of(d, client);
    for (size_t i = 0; talk->said[i]; i++) {
        size_t n = talk->len[i] ? talk->len[i] : strlen(talk->said[i]);
        struct frame *f = frame_tcp_of(client, dir, next[dir], next[!dir],
                                       ACK, talk->said[i], n);

        driver_run(d, f);
        ck_assert_uint_eq(d->n_out, 1);
        next[dir] += (uint32_t) n;
        dir = !dir;
        driver_forget(d);
        free(f);
    }
    driver_tcp(d, client, dir, next[dir], next[!dir], ACK, NULL);
    driver_forget(d);
}

static void
check_row(void *n_, struct pp_ipc_conn *row)
{
    int *n = n_;

    ck_assert_uint_eq(row->state, PP_CONN_INSPECTED);
    ck_assert_uint_gt(row->bytes[TO], 20);
    ck_assert_uint_gt(row->bytes[FROM], 20);
    ck_assert_uint_eq(row->held, 0);
    ck_assert_uint_eq(row->client.port, CLIENT_PORT + 1);
    ++*n;
}

/* An idle connection of any protocol takes up to 512 bytes, and is as it was
 * when it goes on. */
START_TEST(test_idle_memory)
{
    enum { CONNS = 1000 };
    const struct talk *talk = &talks[_i];
    struct pp_pool *pool = driver_pool(NULL);
    struct pp_snap_service service = driver_service(talk->proxy);
    struct driver *d = driver_create(pool, PP_MODE_ENFORCE, &service, 1);
    const struct pp_counters *c = d->counters;
    uint64_t active;

    pp_pool_unref(pool);
    for (uint32_t client = 1; client <= CONNS; client++) {
        run_talk(d, client, talk);
    }
    driver_pass_time(d, 0);
    active = c->memory;
    ck_assert_uint_gt(active, CONNS * 512);
    driver_pass_time(d, PP_QUIET_MS - 1);
    ck_assert_uint_eq(c->memory, active);
    for (int i = 0; i < 10; i++) {
        driver_pass_time(d, 1);
    }
    ck_assert_uint_eq(c->conns, CONNS);
    ck_assert_uint_eq(c->proxy_bad, 0);
    ck_assert_uint_eq(c->proxy_opaque, 0);
    ck_assert_uint_le(c->memory, CONNS * 512);
    printf("%s: %"PRIu64" bytes a connection, idle %"PRIu64"\n", talk->proxy,
           active / CONNS, c->memory / CONNS);
    driver_destroy(d);
}
END_TEST

/* What is known of a connection is the same when it was packed. */
START_TEST(test_packed)
{
    struct driver *d = make_driver(NULL);
    const uint32_t next = 1001 + strlen(GOOD);
    int n = 0;

    driver_connect_of(d, 1);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, GOOD);
    driver_pass_time(d, 2 * PP_QUIET_MS);       /* The server takes a while. */
    driver_tcp(d, 1, FROM, 5001, next, ACK, REPLY);
    for (int i = 0; i < 3; i++) {
        driver_pass_time(d, 2 * PP_QUIET_MS);
        driver_forget(d);
        driver_tcp(d, 1, TO, next, 5001 + strlen(REPLY), ACK, NULL);
    }
    driver_pass_time(d, 2 * PP_QUIET_MS);
    ck_assert_uint_lt(d->counters->memory, 600);
    ck_assert_uint_eq(pp_pipeline_list(d->pl, 10, check_row, &n), 1);
    ck_assert_int_eq(n, 1);
    driver_forget(d);
    driver_tcp(d, 1, TO, next, 5001 + strlen(REPLY), ACK, EVIL);
    ck_assert_str_eq(driver_said(d, TO), CORRECTED);
    driver_destroy(d);
}
END_TEST

/* What an operator may say, and what it comes to. */
START_TEST(test_words)
{
    static const struct {
        const char *text;
        const char *wrong;      /* Words of the error; NULL: none. */
    } cases[] = {
        { "", NULL },
        { "connections=1000,held=64M held-connection=2m", NULL },
        { "connections=1000,hold=64M", "no limit called \"hold\"; there are "
                                       "connections, held-connection, held" },
        { "connections", "\"connections\" is not of the form" },
        { "connections=", "from 1 to 16777216" },
        { "connections=0", "connections=0 (connections followed) is not a "
                           "number from 1 to 16777216" },
        { "connections=-1", "from 1 to" },
        { "connections=1x", "from 1 to" },
        { "connections=1KK", "from 1 to" },
        { "held=17179869184G", "held=17179869184G" },
        { "held=99999999999999999999", "held=9" },
        { "held=16M,held-connection=32M", "is more than held (16777216)" },
    };
    const struct pp_limits before = pp_limits_default();

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pp_limits limits = before;
        char *wrong = pp_bounds_parse(cases[i].text, &limits);

        if (cases[i].wrong) {
            ck_assert_msg(wrong && strstr(wrong, cases[i].wrong), "%s: %s",
                          cases[i].text, wrong ? wrong : "accepted");
            ck_assert(!memcmp(&limits, &before, sizeof limits));
        } else {
            ck_assert_msg(!wrong, "%s: %s", cases[i].text, wrong);
        }
        free(wrong);
        if (i == 1) {
            ck_assert_uint_eq(limits.conns, 1000);
            ck_assert_uint_eq(limits.held_total, 64 << 20);
            ck_assert_uint_eq(limits.held_conn, 2 << 20);
            ck_assert_uint_eq(limits.datagrams, before.datagrams);
        }
    }
}
END_TEST

/* The engine takes limits from a snapshot, and only sound ones. */
START_TEST(test_snapshot)
{
    struct driver *d = make_driver(NULL);

    d->snap->limits.conns = 3;
    ck_assert_ptr_null(pp_snapshot_check(d->snap, d->snap->size));
    pp_pipeline_set_snapshot(d->pl, d->snap);
    for (uint32_t client = 1; client <= 5; client++) {
        driver_connect_of(d, client);
    }
    ck_assert_uint_eq(d->counters->flow_evicted_idle, 2);
    d->snap->limits.conns = 0;
    ck_assert_str_eq(pp_snapshot_check(d->snap, d->snap->size),
                     "a limit is out of range");
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tc = tcase_create("life");

    tcase_add_test(tc, test_lifetime);
    tcase_add_loop_test(tc, test_false_end, 0, 4);
    tcase_add_loop_test(tc, test_syn_flood, 0, 2);
    tcase_add_test(tc, test_idle_makes_room);
    tcase_add_test(tc, test_edited_stay);
    tcase_add_test(tc, test_lower_bound);
    tcase_add_test(tc, test_forged_frame);
    tcase_add_loop_test(tc, test_two_answers, 0, 2);
    tcase_add_test(tc, test_two_syns);
    suite_add_tcase(suite, tc);

    tc = tcase_create("room");
    tcase_add_loop_test(tc, test_drip, 0, 2);
    tcase_add_test(tc, test_never_acks);
    tcase_add_test(tc, test_acks_late);
    tcase_add_test(tc, test_edits);
    tcase_add_test(tc, test_edits_in_segment);
    tcase_add_test(tc, test_hoarders);
    tcase_add_test(tc, test_edits_evicted);
    tcase_add_test(tc, test_gap);
    suite_add_tcase(suite, tc);

    tc = tcase_create("memory");
    tcase_add_loop_test(tc, test_idle_memory, 0, ARRAY_SIZE(talks));
    tcase_add_test(tc, test_packed);
    suite_add_tcase(suite, tc);

    tc = tcase_create("settings");
    tcase_add_test(tc, test_words);
    tcase_add_test(tc, test_snapshot);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
