/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the pipeline as a whole.
 *
 * In: frames of a connection.  Out: what leaves.  Runs in "make check". */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "engine/pp-ledger.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "registry.h"
#include "suite.h"
#include "util.h"

static const char exploit[] = "GET /%2e%2e/secret HTTP/1.1\r\nHost: a\r\n\r\n";

static void
send_flags(struct driver *d, uint32_t seq, uint8_t flags, const char *payload,
           size_t n)
{
    struct frame *f = frame_tcp(PP_TO_SERVER, false, seq, 5001, flags,
                                payload, n);

    driver_run(d, f);
    free(f);
}

static void
send_tcp(struct driver *d, uint32_t seq, const char *payload, size_t n)
{
    send_flags(d, seq, PP_TCP_ACK, payload, n);
}

/* A pipeline with one patch. */
static struct driver *
make_driver_of(const char *patch)
{
    struct pp_snap_service http = driver_service("http");
    struct pp_pool *pool = driver_pool(patch);
    struct driver *d = driver_create(pool, PP_MODE_ENFORCE, &http,
                                     1);

    pp_pool_unref(pool);
    return d;
}

static struct driver *
make_driver(void)
{
    return make_driver_of("CVE-2014-3744");
}

/* A request that is corrected, a part of one that is held, a segment that
 * came early, and a fragment of a datagram that is not complete. */
static void
leave_things_undone(struct driver *d)
{
    const size_t n = strlen(exploit);
    struct frame *whole = frame_tcp(PP_TO_SERVER, false, 1, 1, PP_TCP_ACK,
                                    exploit, n);
    size_t n_parts;
    struct frame **parts = frame_cut(whole, 20, 7, 24, &n_parts);

    driver_connect(d, false);
    send_tcp(d, 1001, exploit, n);
    send_tcp(d, 1001 + (uint32_t) n, exploit, 10);
    send_tcp(d, 1001 + (uint32_t) n + 20, exploit + 20, 5);
    driver_run(d, parts[0]);
    driver_pass_time(d, 5);
    for (size_t i = 0; i < n_parts; i++) {
        free(parts[i]);
    }
    free(parts);
    free(whole);
}

/* After it, nothing of what was before is left, and the same frames have the
 * same made of them. */
START_TEST(test_clear)
{
    struct driver *d = make_driver();
    struct frame *before[16];
    struct pp_counters counters;
    size_t n;

    leave_things_undone(d);
    counters = *d->counters;
    n = d->n_out;
    ck_assert_uint_eq(counters.conns, 1);
    ck_assert_uint_gt(counters.held_bytes, 0);
    ck_assert_uint_gt(counters.memory, counters.held_bytes);
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_le(n, ARRAY_SIZE(before));
    for (size_t i = 0; i < n; i++) {
        before[i] = d->out[i];
    }
    d->n_out = 0;

    pp_pipeline_clear(d->pl);
    ck_assert_uint_eq(pp_pipeline_list(d->pl, 0, NULL, NULL), 0);
    ck_assert_uint_eq(pp_pipeline_run_timers(d->pl), UINT64_MAX);
    ck_assert_uint_eq(d->counters->conns, 0);
    ck_assert_uint_eq(d->counters->held_bytes, 0);
    /* The table of connections stays. */
    ck_assert_uint_lt(d->counters->memory, 64);

    driver_reset(d);
    leave_things_undone(d);
    /* The allocator may give a little more than the last time. */
    ck_assert_uint_lt(d->counters->memory, counters.memory + 64);
    ck_assert_uint_lt(counters.memory, d->counters->memory + 64);
    counters.memory = d->counters->memory;
    ck_assert_mem_eq(&counters, d->counters, sizeof counters);
    ck_assert_uint_eq(d->n_out, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(d->out[i]->len, before[i]->len);
        ck_assert_mem_eq(d->out[i]->data, before[i]->data, before[i]->len);
        free(before[i]);
    }
    driver_destroy(d);
}
END_TEST

/* Why a connection is not followed is counted where control looks for it: by
 * the proxy's place in the registry. */
START_TEST(test_reasons)
{
    static const char hello[] = { 0x16, 3, 9 };     /* No record. */
    unsigned int http = pp_proxy_index(pp_proxy_by_name("http"));
    struct driver *d = make_driver();
    uint64_t n = 0, of_http = 0;

    driver_connect(d, false);
    send_tcp(d, 1001, hello, sizeof hello);
    for (unsigned int i = 0; i < PP_PROXIES_MAX; i++) {
        for (unsigned int j = 0; j < PP_REASONS_MAX; j++) {
            n += d->counters->reasons[i][j];
            of_http += i == http ? d->counters->reasons[i][j] : 0;
        }
    }
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_eq(of_http, 1);
    driver_destroy(d);
}
END_TEST

/* Bytes that the proxy skipped for what they say come again as others, from a
 * client that made the server pass over the first ones: without ACK they are
 * nothing to it (RFC 9293 3.10.7.4). */
START_TEST(test_skipped_again)
{
    struct driver *d = make_driver();
    const char *request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const uint32_t seq = 1001 + (uint32_t) strlen(request);
    const size_t n = strlen(exploit);
    char empty_lines[64];

    for (size_t i = 0; i < n; i++) {
        empty_lines[i] = i % 2 ? '\n' : '\r';
    }
    ck_assert_uint_eq(n % 2, 0);
    driver_connect(d, false);
    send_tcp(d, 1001, request, strlen(request));
    driver_tcp(d, 0, PP_FROM_SERVER, 5001, seq, PP_TCP_ACK, NULL);
    send_flags(d, seq, 0, empty_lines, n);
    driver_forget(d);
    send_tcp(d, seq, exploit, n);
    ck_assert_mem_eq(driver_said(d, PP_TO_SERVER), empty_lines, n);
    driver_destroy(d);
}
END_TEST

/* An engine that is told to end leaves connections that are between two
 * messages, from their SYN on, to the next one, which goes on to look at them.
 * After one that dies, what comes passes. */
START_TEST(test_left_to_next)
{
    static const char *const before[] = {
        "", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n",
    };
    static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
    static const uint32_t left[] = { 0, 1, 3 };
    struct pp_ledger_region *region = xzalloc(sizeof *region);
    struct driver *d = make_driver();
    bool dies = _i & 1;

    pp_pipeline_take_ledger(d->pl, region);
    for (uint32_t i = 0; i < ARRAY_SIZE(before); i++) {
        uint32_t ack = 1001 + (uint32_t) strlen(before[i]);

        driver_connect_of(d, i);
        driver_tcp(d, i, PP_TO_SERVER, 1001, 5001, PP_TCP_ACK, before[i]);
        if (i == 1) {
            driver_tcp(d, i, PP_FROM_SERVER, 5001, ack, PP_TCP_ACK, answer);
        }
        if (_i & 2) {
            /* Packed. */
            driver_pass_time(d, 60000);
        }
    }
    driver_tcp(d, 3, PP_TO_SERVER, 1000, 0, PP_TCP_SYN, NULL);
    if (!dies) {
        pp_pipeline_leave(d->pl);
    }
    driver_destroy(d);

    d = make_driver();
    pp_pipeline_take_ledger(d->pl, region);
    /* One that was acknowledged in the server's name needs an engine in any
     * case. */
    ck_assert_uint_eq(d->counters->ledger_restored, (dies ? 0 : 3) + _i / 2);
    driver_tcp(d, 3, PP_FROM_SERVER, 5000, 1001, PP_TCP_SYN | PP_TCP_ACK,
               NULL);
    for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
        bool used = left[i] == 1;
        uint32_t seq = 1001 + (used ? (uint32_t) strlen(before[1]) : 0);
        uint32_t ack = 5001 + (used ? (uint32_t) strlen(answer) : 0);

        driver_forget(d);
        driver_tcp(d, left[i], PP_TO_SERVER, seq, ack, PP_TCP_ACK, exploit);
        ck_assert_int_eq(!strcmp(driver_said(d, PP_TO_SERVER), exploit), dies);
    }
    driver_destroy(d);
    free(region);
}
END_TEST

/* The client's content is too long a word for a method; what the server gets
 * of it is not, and may be the beginning of a request for one that does not
 * read content.  What comes behind waits for the server's word. */
START_TEST(test_edited_content)
{
    static const char form[] = "a[b][c][d][e][f][g][__proto__][x]=1";
    static const char rest[] = "\x01\x02\r\n";
    struct driver *d = make_driver_of("CVE-2022-24999");
    char *request = xasprintf("POST / HTTP/1.1\r\nHost: a\r\n"
                              "Content-Type: "
                              "application/x-www-form-urlencoded\r\n"
                              "Content-Length: %"PRIuSIZE"\r\n\r\n%s",
                              strlen(form), form);
    uint32_t end = 1001 + (uint32_t) strlen(request);

    driver_connect(d, false);
    send_tcp(d, 1001, request, strlen(request));
    ck_assert_uint_eq(d->counters->correct_edits, 1);
    ck_assert_uint_le(strlen(strstr(driver_said(d, PP_TO_SERVER), "a[b]")),
                      32);
    driver_forget(d);
    send_tcp(d, end, rest, strlen(rest));
    ck_assert_str_eq(driver_said(d, PP_TO_SERVER), "");
    driver_destroy(d);
    free(request);
}
END_TEST

/* A byte takes the place of the FIN. */
START_TEST(test_behind_fin)
{
    struct driver *d = make_driver();

    driver_connect(d, false);
    send_flags(d, 1001, PP_TCP_ACK | PP_TCP_FIN, "\r", 1);
    ck_assert_uint_eq(d->n_out, 1);
    send_tcp(d, 1001, "\rT", 2);
    ck_assert_uint_eq(d->n_out, 1);
    ck_assert_uint_eq(d->counters->stream_out_of_window, 1);
    driver_destroy(d);
}
END_TEST

/* A segment repeats the last bytes of those that are held and completes them:
 * what leaves begins with the first that is missing. */
START_TEST(test_overlaps_held)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct driver *d = make_driver();

    driver_connect(d, false);
    send_tcp(d, 1001, request, 20);
    ck_assert_uint_eq(d->n_out, 0);
    send_tcp(d, 1011, request + 10, strlen(request) - 10);
    ck_assert_str_eq(driver_said(d, PP_TO_SERVER), request);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).seq, 1001);
    driver_destroy(d);
}
END_TEST

/* The server has no room for all of a request, which leaves anew since it
 * repeats held bytes.  What comes behind it does not leave before it. */
START_TEST(test_behind_window)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const uint32_t n = (uint32_t) strlen(request);
    struct driver *d = make_driver();
    struct frame *f = frame_tcp(PP_FROM_SERVER, false, 5001, 1001, PP_TCP_ACK,
                                NULL, 0);
    struct pp_segment seg = frame_segment(PP_FROM_SERVER, false, 80);

    seg.seq = 5000;
    seg.ack = 1001;
    seg.flags = PP_TCP_SYN | PP_TCP_ACK;
    seg.window = 20;
    frame_make(f, &seg);
    send_flags(d, 1000, PP_TCP_SYN, NULL, 0);
    driver_run(d, f);
    driver_forget(d);
    send_tcp(d, 1001, request, 20);
    ck_assert_uint_eq(d->n_out, 0);
    send_tcp(d, 1011, request + 10, n - 10);
    ck_assert_uint_eq(d->n_out, 1);
    ck_assert_mem_eq(driver_said(d, PP_TO_SERVER), request, 20);

    send_tcp(d, 1001 + n, request, n);
    driver_said(d, PP_TO_SERVER);           /* Without a gap. */
    send_tcp(d, 1001 + n - 3, request + n - 3, 3);      /* Once more. */
    driver_said(d, PP_TO_SERVER);
    driver_forget(d);

    seg.seq = 5001;
    seg.ack = 1021;
    seg.flags = PP_TCP_ACK;
    seg.window = 1000;
    frame_make(f, &seg);
    driver_run(d, f);
    ck_assert_mem_eq(driver_said(d, PP_TO_SERVER), request + 20, n - 20);
    ck_assert_str_eq(driver_said(d, PP_TO_SERVER) + (n - 20), request);
    free(f);
    driver_destroy(d);
}
END_TEST

/* Of the bytes of an answer that nobody looks at some come late.  The client
 * acknowledges them at once with the next answer, which waited behind them:
 * it is looked at then. */
START_TEST(test_acknowledged_at_once)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
    static const char next[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const uint32_t n = (uint32_t) strlen(request);
    const uint32_t acked = 1001 + 2 * n;
    const uint32_t body = 5001 + (uint32_t) strlen(head);
    struct driver *d = make_driver();

    driver_connect_of(d, 7);
    driver_tcp(d, 7, PP_TO_SERVER, 1001, 5001, PP_TCP_ACK, request);
    driver_tcp(d, 7, PP_TO_SERVER, 1001 + n, 5001, PP_TCP_ACK, request);
    driver_tcp(d, 7, PP_FROM_SERVER, 5001, acked, PP_TCP_ACK, head);
    driver_tcp(d, 7, PP_FROM_SERVER, body + 5, acked, PP_TCP_ACK,
               "abcdefghij");
    driver_tcp(d, 7, PP_FROM_SERVER, body + 15, acked, PP_TCP_ACK, "klmno");
    driver_tcp(d, 7, PP_FROM_SERVER, body + 20, acked, PP_TCP_ACK, next);
    driver_tcp(d, 7, PP_FROM_SERVER, body, acked, PP_TCP_ACK, "vwxyz");
    ck_assert_uint_eq(d->n_out, 7);
    driver_pass_time(d, 1);
    ck_assert_uint_gt(d->counters->held_bytes, 0);
    driver_tcp(d, 7, PP_TO_SERVER, acked, body + 20 + (uint32_t) strlen(next),
               PP_TCP_ACK, NULL);
    driver_pass_time(d, 1);
    ck_assert_uint_eq(d->counters->held_bytes, 0);
    driver_destroy(d);
}
END_TEST

/* A SYN that comes late, or that somebody made up, on a connection that was
 * there before: the server's answer tells, and the connection goes on. */
START_TEST(test_late_syn)
{
    struct driver *d = make_driver();

    driver_tcp(d, 7, PP_TO_SERVER, 900, 0, PP_TCP_SYN, NULL);
    driver_tcp(d, 7, PP_FROM_SERVER, 5000, 4711, PP_TCP_ACK, NULL);
    driver_tcp(d, 7, PP_TO_SERVER, 4711, 5000, PP_TCP_ACK, "GET ");
    driver_tcp(d, 7, PP_FROM_SERVER, 5000, 4715, PP_TCP_ACK, "HTTP");
    ck_assert_uint_eq(d->n_out, 4);
    ck_assert_uint_eq(d->counters->flow_midstream, 2);

    /* If the server answers that SYN after all, all is looked at. */
    driver_forget(d);
    driver_tcp(d, 7, PP_FROM_SERVER, 6000, 901, PP_TCP_SYN | PP_TCP_ACK, NULL);
    driver_tcp(d, 7, PP_TO_SERVER, 901, 6001, PP_TCP_ACK, NULL);
    driver_tcp(d, 7, PP_TO_SERVER, 901, 6001, PP_TCP_ACK, "GET ");
    ck_assert_uint_eq(d->n_out, 2);
    ck_assert_uint_eq(d->counters->flow_midstream, 2);
    driver_destroy(d);
}
END_TEST

/* But not where two SYNs came: the server may have taken the other one, and
 * what begins so is to be looked at. */
START_TEST(test_two_syns)
{
    struct driver *d = make_driver();

    driver_tcp(d, 7, PP_TO_SERVER, 4710, 0, PP_TCP_SYN, NULL);
    driver_tcp(d, 7, PP_TO_SERVER, 900, 0, PP_TCP_SYN, NULL);
    driver_forget(d);
    driver_tcp(d, 7, PP_FROM_SERVER, 5000, 4712, PP_TCP_ACK, NULL);
    driver_tcp(d, 7, PP_TO_SERVER, 4712, 5000, PP_TCP_ACK, "GET ");
    ck_assert_uint_eq(d->n_out, 0);
    ck_assert_uint_eq(d->counters->flow_midstream, 0);
    driver_destroy(d);
}
END_TEST

/* The server's answers go another way: nothing is looked at. */
START_TEST(test_one_sided)
{
    struct driver *d = make_driver();

    driver_tcp(d, 7, PP_TO_SERVER, 900, 0, PP_TCP_SYN, NULL);
    driver_tcp(d, 7, PP_TO_SERVER, 901, 5001, PP_TCP_ACK, NULL);
    driver_tcp(d, 7, PP_TO_SERVER, 901, 5001, PP_TCP_ACK, "GET ");
    ck_assert_uint_eq(d->n_out, 3);
    ck_assert_uint_eq(d->counters->flow_midstream, 1);
    driver_destroy(d);
}
END_TEST

static struct pp_snap_row *
rows_of(struct driver *d)
{
    return CONST_CAST(struct pp_snap_row *, pp_snapshot_rows(d->snap));
}

/* A request whose path is longer than 10 bytes, and not than 20. */
static const char eleven[] = "GET /eleven-long HTTP/1.1\r\nHost: a\r\n\r\n";

/* A pipeline with a patch that rejects paths longer than 'limit', for its
 * server's only service; that one stands at 'place' in the snapshot. */
static struct driver *
make_limit_driver(int limit, uint32_t place)
{
    struct pp_snap_service services[2] = { { .port = 0 } };
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool pool = { .ref_cnt = 1, .n = 1 };
    struct driver *d;
    char *text = xasprintf(
        "patch: A\ntitle: t\nvendor: https://a.example/\n"
        "affects: [{ product: app/a, versions: '< 2' }]\nseverity: 5.0\n"
        "proxy: http\non: request\nwhen: len(path) > %d\n"
        "correct: { reject: { status: 403 } }\nsame-as-vendor: As it does.\n"
        "vectors:\n- exploit: a\n  to-server: 'x'\n"
        "  expect: { to-client: 'y' }\n- benign: b\n  to-server: 'z'\n",
        limit);
    struct pp_patch *patch = pp_patch_parse("A.yaml", text, strlen(text),
                                            pp_proxies, &errors);

    ck_assert_msg(patch != NULL, "%s", pp_errors_format(&errors));
    pool.patches = &patch;
    ck_assert_uint_lt(place, ARRAY_SIZE(services));
    services[place] = driver_service("http");
    d = driver_create(&pool, PP_MODE_ENFORCE, services, place + 1);
    rows_of(d)->server.services = (struct pp_snap_part) { place, 1 };
    pp_patch_destroy(patch);
    free(text);
    return d;
}

/* A snapshot may be mapped where another one was that has gone, without a
 * message in between: what it says counts. */
START_TEST(test_same_address)
{
    struct driver *d = make_limit_driver(20, 0);
    struct driver *other = make_limit_driver(10, 0);

    driver_connect(d, false);
    send_tcp(d, 1001, eleven, strlen(eleven));
    ck_assert_uint_eq(d->counters->proxy_messages, 1);
    ck_assert_uint_eq(d->counters->match_hits, 0);

    ck_assert_uint_eq(d->snap->size, other->snap->size);
    memcpy(d->snap, other->snap, d->snap->size);
    pp_pipeline_set_snapshot(d->pl, d->snap);
    send_tcp(d, 1001 + (uint32_t) strlen(eleven), eleven, strlen(eleven));
    ck_assert_uint_eq(d->counters->proxy_messages, 2);
    ck_assert_uint_eq(d->counters->match_hits, 1);
    driver_destroy(other);
    driver_destroy(d);
}
END_TEST

/* A snapshot with other policies alone: servers and slots stay, if it is for
 * what is in force. */
START_TEST(test_policies_alone)
{
    const uint32_t n = (uint32_t) strlen(eleven);
    struct driver *d = make_limit_driver(20, 0);
    struct driver *other = make_limit_driver(10, 0);
    struct pp_snapshot *alone = other->snap;

    driver_connect(d, false);
    send_tcp(d, 1001, eleven, n);
    alone->serial = d->snap->serial + 1;
    alone->after = d->snap->serial;
    alone->rows.n = 0;
    ck_assert_ptr_null(pp_snapshot_check(alone, alone->size));

    alone->after = d->snap->serial + 7;
    ck_assert_ptr_nonnull(pp_pipeline_set_snapshot(d->pl, alone));
    send_tcp(d, 1001 + n, eleven, n);
    ck_assert_uint_eq(d->counters->match_hits, 0);

    alone->after = d->snap->serial;
    alone->services.n = 0;
    ck_assert_ptr_nonnull(pp_pipeline_set_snapshot(d->pl, alone));
    alone->services.n = 1;
    ck_assert_ptr_null(pp_pipeline_set_snapshot(d->pl, alone));
    send_tcp(d, 1001 + 2 * n, eleven, n);
    ck_assert_uint_eq(d->counters->proxy_messages, 3);
    ck_assert_uint_eq(d->counters->match_hits, 1);
    driver_destroy(d);
    driver_destroy(other);
}
END_TEST

/* The server has another policy, and the place of the one that it had is
 * empty: with the server's row in the same snapshot (1) it has that from the
 * next byte on; without it (0) its bytes pass unseen until the row comes. */
START_TEST(test_policy_other)
{
    const uint32_t n = (uint32_t) strlen(eleven);
    struct driver *d = make_limit_driver(20, 0);
    struct driver *other = make_limit_driver(10, 1);
    struct pp_snapshot *next = other->snap;

    driver_connect(d, false);
    send_tcp(d, 1001, eleven, n);
    ck_assert_uint_eq(d->counters->proxy_messages, 1);

    next->serial = d->snap->serial + 1;
    next->after = d->snap->serial;
    next->rows.n = (uint32_t) _i;
    ck_assert_ptr_null(pp_snapshot_check(next, next->size));
    ck_assert_ptr_null(pp_pipeline_set_snapshot(d->pl, next));
    send_tcp(d, 1001 + n, eleven, n);
    ck_assert_uint_eq(d->counters->match_hits, (unsigned int) _i);
    driver_destroy(d);
    driver_destroy(other);
}
END_TEST

/* A row of no kind, and one with services that there are not, are refused. */
START_TEST(test_bad_rows)
{
    struct driver *d = make_limit_driver(20, 0);

    rows_of(d)->server.services.n = 2;
    ck_assert_str_eq(pp_snapshot_check(d->snap, d->snap->size),
                     "a server's services are out of range");
    rows_of(d)->kind = PP_ROW_SLOT_GONE + 1;
    ck_assert_str_eq(pp_snapshot_check(d->snap, d->snap->size),
                     "a row is of no kind that there is");
    d->snap->rows.n = UINT32_MAX;
    ck_assert_str_eq(pp_snapshot_check(d->snap, d->snap->size),
                     "a part of the snapshot is out of range");
    driver_destroy(d);
}
END_TEST

/* Clients of test_batches: so many that connections are fetched. */
#define CROWD 5000
#define CROWD_BATCH 64

struct crowd {
    struct frame *frames[CROWD_BATCH];  /* That come next. */
    size_t n;
    uint32_t seq[CROWD];        /* The client's next; 0: no connection yet. */
    bool over[CROWD];
};

static void
add_segment(struct crowd *w, uint32_t client, enum pp_dir dir, uint32_t seq,
            uint32_t ack, uint8_t flags, const char *text)
{
    w->frames[w->n++] = frame_tcp_of(client, dir, seq, ack, flags, text,
                                     text ? strlen(text) : 0);
}

/* What 'client' does next: it opens a connection and makes a request, or makes
 * another one, or sends an exploit. */
static void
add_client(struct crowd *w, uint32_t client, bool exploits)
{
    static const char request[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const char *text = exploits ? exploit : request;

    if (!w->seq[client]) {
        w->seq[client] = 1001;
        add_segment(w, client, PP_TO_SERVER, 1000, 0, PP_TCP_SYN, NULL);
        add_segment(w, client, PP_FROM_SERVER, 5000, 1001,
                    PP_TCP_SYN | PP_TCP_ACK, NULL);
        add_segment(w, client, PP_TO_SERVER, 1001, 5001, PP_TCP_ACK, NULL);
    }
    add_segment(w, client, PP_TO_SERVER, w->seq[client], 5001, PP_TCP_ACK,
                text);
    w->seq[client] += (uint32_t) strlen(text);
    w->over[client] = exploits;
}

/* Has all frames go through 'one' each by itself, and through 'all' at once:
 * the same leaves. */
static void
run_crowd(struct crowd *w, struct driver *one, struct driver *all)
{
    struct pp_frame batch[CROWD_BATCH];

    for (size_t i = 0; i < w->n; i++) {
        driver_run(one, w->frames[i]);
        batch[i] = (struct pp_frame) {
            .vnet = w->frames[i]->vnet, .data = w->frames[i]->data,
            .len = w->frames[i]->len,
        };
    }
    pp_pipeline_run_batch(all->pl, 0, batch, w->n);
    ck_assert_uint_eq(one->n_out, all->n_out);
    for (size_t i = 0; i < one->n_out; i++) {
        ck_assert_uint_eq(one->out[i]->len, all->out[i]->len);
        ck_assert_mem_eq(one->out[i]->data, all->out[i]->data,
                         one->out[i]->len);
    }
    driver_forget(one);
    driver_forget(all);
    for (size_t i = 0; i < w->n; i++) {
        free(w->frames[i]);
    }
    w->n = 0;
}

/* Frames that come together have made of them what they have one by one:
 * those that open a connection, those that are for one of thousands, packed or
 * not, and those that are corrected, in one batch. */
START_TEST(test_batches)
{
    struct driver *one = make_driver(), *all = make_driver();
    struct crowd *w = xzalloc(sizeof *w);
    uint32_t x = 1;

    for (uint32_t i = 0; i < CROWD - 100; i++) {
        add_client(w, i, false);
        if (w->n > CROWD_BATCH - 4) {
            run_crowd(w, one, all);
        }
    }
    run_crowd(w, one, all);
    for (int i = 0; i < CROWD / 500; i++) {
        driver_pass_time(one, 2000);
        driver_pass_time(all, 2000);
    }
    for (int i = 0; i < 2000; i++) {
        uint32_t client;

        do {
            x = x * 1664525 + 1013904223;
            client = (uint32_t) (((uint64_t) x * CROWD) >> 32);
        } while (w->over[client]);
        add_client(w, client, x % 64 == 7);
        if (w->n > CROWD_BATCH - 4) {
            run_crowd(w, one, all);
        }
    }
    run_crowd(w, one, all);
    driver_pass_time(one, 1);
    driver_pass_time(all, 1);
    ck_assert_uint_gt(all->counters->conns, 4900);
    ck_assert_uint_gt(all->counters->match_hits, 5);
    /* What the allocator gave for the same depends on what it had. */
    ck_assert_uint_lt(llabs((long long) (one->counters->memory
                                         - all->counters->memory)),
                      16 * CROWD);
    one->counters->memory = all->counters->memory;
    ck_assert_mem_eq(one->counters, all->counters, sizeof *one->counters);
    free(w);
    driver_destroy(one);
    driver_destroy(all);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("pipeline");
    TCase *tcase = tcase_create("pipeline");

    tcase_add_test(tcase, test_clear);
    tcase_add_test(tcase, test_reasons);
    tcase_add_test(tcase, test_skipped_again);
    tcase_add_loop_test(tcase, test_left_to_next, 0, 4);
    tcase_add_test(tcase, test_edited_content);
    tcase_add_test(tcase, test_behind_fin);
    tcase_add_test(tcase, test_overlaps_held);
    tcase_add_test(tcase, test_behind_window);
    tcase_add_test(tcase, test_acknowledged_at_once);
    tcase_add_test(tcase, test_late_syn);
    tcase_add_test(tcase, test_two_syns);
    tcase_add_test(tcase, test_one_sided);
    tcase_add_test(tcase, test_same_address);
    tcase_add_test(tcase, test_policies_alone);
    tcase_add_loop_test(tcase, test_policy_other, 0, 2);
    tcase_add_test(tcase, test_bad_rows);
    tcase_add_test(tcase, test_batches);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
