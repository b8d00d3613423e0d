/* SPDX-License-Identifier: Apache-2.0 */

/* Frames that went around the engine, through the whole pipeline: what it
 * makes of it, and who may make it believe so.  (The model of test-stream.c
 * has them at any time.) */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

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

#define EVIL "GET /old HTTP/1.1\r\nHost: a\r\n\r\n"
#define CORRECTED "GET /new! HTTP/1.1\r\nHost: a\r\n\r\n"
#define GOOD "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
#define REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"

#define SHIFT (UINT32_C(1) << 30)

static const char patch_text[] =
    "patch: T-1\n"
    "title: A test\n"
    "vendor: https://example.org/fix\n"
    "affects: [{product: npm/box, versions: '< 2'}]\n"
    "severity: 7.5\n"
    "proxy: http\n"
    "same-as-vendor: it is\n"
    "on: request\n"
    "when: path == '/old'\n"
    "correct: { replace: path, with: \"'/new!'\" }\n"
    "vectors:\n"
    "  - exploit: e\n"
    "    to-server: \"GET /old HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n"
    "    expect: {to-server: \"GET /new! HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"}"
    "\n"
    "  - benign: b\n"
    "    to-server: \"GET /a HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n";

static struct driver *
make_driver(enum pp_fail fail)
{
    struct pp_snap_service http = driver_service("http");
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = pp_patch_parse("http/T-1.yaml", patch_text,
                                            strlen(patch_text), pp_proxies,
                                            &errors);
    struct pp_pool pool = { .ref_cnt = 1, .n = 1, .patches = &patch };
    struct driver *d;

    ck_assert(patch != NULL);
    http.fail = fail;
    d = driver_create(&pool, PP_MODE_ENFORCE, &http, 1);
    pp_patch_destroy(patch);
    pp_errors_destroy(&errors);
    return d;
}

/* A segment of the connection; what left before is forgotten. */
static void
say(struct driver *d, enum pp_dir dir, uint32_t seq, uint32_t ack,
    const char *text)
{
    driver_forget(d);
    driver_tcp(d, 1, dir, seq, ack, ACK, text);
}

/* How many RSTs left. */
static unsigned int
resets(const struct driver *d)
{
    unsigned int n = 0;

    for (size_t i = 0; i < d->n_out; i++) {
        n += (driver_out(d, i, PP_PACKET_TCP).flags & PP_TCP_RST) != 0;
    }
    return n;
}

/* A request and its answer went around. */
START_TEST(test_clean)
{
    enum pp_fail fail = _i ? PP_FAIL_CLOSED : PP_FAIL_OPEN;
    const uint32_t to = 1001 + strlen(GOOD);
    const uint32_t from = 5001 + strlen(REPLY);
    struct driver *d = make_driver(fail);

    driver_connect_of(d, 1);
    pp_pipeline_went_around(d->pl);
    /* What the client says next does not wait for what nobody sends again. */
    say(d, TO, to, from, EVIL);
    ck_assert_uint_eq(d->counters->stream_around, 1);
    if (fail == PP_FAIL_OPEN) {
        say(d, FROM, from, to, NULL);
        ck_assert_str_eq(driver_said(d, TO), EVIL);
    } else {
        ck_assert_uint_eq(resets(d), 2);
    }
    driver_destroy(d);
}
END_TEST

/* The server's word counts at any time; it has what it acknowledges. */
START_TEST(test_servers_word)
{
    const uint32_t to = 1001 + strlen(GOOD);
    struct driver *d = make_driver(PP_FAIL_OPEN);

    driver_connect_of(d, 1);
    say(d, FROM, 5001, to, REPLY);
    ck_assert_uint_eq(d->counters->stream_around, 1);
    say(d, TO, to, 5001 + strlen(REPLY), EVIL);
    ck_assert_str_eq(driver_said(d, TO), EVIL);
    driver_destroy(d);
}
END_TEST

/* The client's does not, unless control says so: it may acknowledge what it
 * never got, to be left alone. */
START_TEST(test_clients_word)
{
    struct driver *d = make_driver(PP_FAIL_OPEN);

    driver_connect_of(d, 1);
    say(d, TO, 1001, 5001 + 100, NULL);
    say(d, TO, 1001, 5001 + 100, EVIL);
    ck_assert_str_eq(driver_said(d, TO), "");
    say(d, TO, 1001, 5001, EVIL);
    ck_assert_str_eq(driver_said(d, TO), CORRECTED);
    ck_assert_uint_eq(d->counters->stream_around, 0);
    driver_destroy(d);

    d = make_driver(PP_FAIL_OPEN);
    driver_connect_of(d, 1);
    pp_pipeline_went_around(d->pl);
    say(d, TO, 1001, 5001 + 100, NULL);
    say(d, TO, 1001, 5001 + 100, EVIL);
    ck_assert_str_eq(driver_said(d, TO), EVIL);
    ck_assert_uint_eq(d->counters->stream_around, 1);
    driver_destroy(d);
}
END_TEST

/* Where the ends count differently, one that has what never left the engine is
 * reset, and so is the other. */
START_TEST(test_out_of_step)
{
    struct driver *d = make_driver(PP_FAIL_OPEN);

    driver_connect_of(d, 1);
    say(d, TO, 1001, 5001, EVIL);
    ck_assert_str_eq(driver_said(d, TO), CORRECTED);
    say(d, FROM, 5001, 1001 + strlen(CORRECTED) + strlen(GOOD), NULL);
    ck_assert_uint_eq(d->counters->stream_out_of_step, 1);
    ck_assert_uint_eq(d->n_out, 2);
    ck_assert_uint_eq(resets(d), 2);
    driver_destroy(d);
}
END_TEST

/* A segment with timestamps; returns what left, which is one. */
static struct pp_packet
say_timed(struct driver *d, enum pp_dir dir, struct pp_segment numbers,
          const char *text)
{
    struct pp_segment seg = frame_segment(dir, false, 80);
    struct frame *f = xzalloc(sizeof *f);

    seg.seq = numbers.seq;
    seg.ack = numbers.ack;
    seg.flags = numbers.flags;
    seg.has_ts = true;
    seg.tsval = numbers.tsval;
    seg.tsecr = numbers.tsecr;
    seg.payload = (const uint8_t *) text;
    seg.payload_len = (uint32_t) (text ? strlen(text) : 0);
    frame_make(f, &seg);
    driver_forget(d);
    driver_run(d, f);
    free(f);
    ck_assert_uint_eq(d->n_out, 1);
    return driver_out(d, 0, PP_PACKET_TCP);
}

#define NUMBERS(...) ((struct pp_segment) { __VA_ARGS__ })

/* From the first edit on, timestamps leave later than they came, and come back
 * as they were: what goes around is an old duplicate to both ends. */
START_TEST(test_shift)
{
    const uint32_t to = 1001 + strlen(EVIL);
    const uint32_t out = 1001 + strlen(CORRECTED);
    struct driver *d = make_driver(PP_FAIL_OPEN);
    struct pp_packet pkt;

    say_timed(d, TO, NUMBERS(.seq = 1000, .flags = SYN, .tsval = 100), NULL);
    say_timed(d, FROM, NUMBERS(.seq = 5000, .ack = 1001, .flags = SYN | ACK,
                               .tsval = 7000, .tsecr = 100), NULL);
    pkt = say_timed(d, TO, NUMBERS(.seq = 1001, .ack = 5001, .flags = ACK,
                                   .tsval = 101, .tsecr = 7000), NULL);
    ck_assert_uint_eq(pkt.tsval, 101);

    pkt = say_timed(d, TO, NUMBERS(.seq = 1001, .ack = 5001, .flags = ACK,
                                   .tsval = 102, .tsecr = 7000), EVIL);
    ck_assert_str_eq(driver_said(d, TO), CORRECTED);
    ck_assert_uint_eq(pkt.tsval, 102 + SHIFT);
    ck_assert_uint_eq(pkt.tsecr, 7000);

    pkt = say_timed(d, FROM, NUMBERS(.seq = 5001, .ack = out, .flags = ACK,
                                     .tsval = 7010, .tsecr = 102 + SHIFT),
                    REPLY);
    ck_assert_uint_eq(pkt.ack, to);
    ck_assert_uint_eq(pkt.tsval, 7010 + SHIFT);
    ck_assert_uint_eq(pkt.tsecr, 102);

    pkt = say_timed(d, TO, NUMBERS(.seq = to, .ack = 5001 + strlen(REPLY),
                                   .flags = ACK, .tsval = 110,
                                   .tsecr = 7010 + SHIFT), NULL);
    ck_assert_uint_eq(pkt.tsval, 110 + SHIFT);
    ck_assert_uint_eq(pkt.tsecr, 7010);

    /* Both ends have one: what may have gone around is no matter, and the next
     * request is looked at without a question. */
    pp_pipeline_went_around(d->pl);
    say_timed(d, TO, NUMBERS(.seq = to, .ack = 5001 + strlen(REPLY),
                             .flags = ACK, .tsval = 111,
                             .tsecr = 7010 + SHIFT), EVIL);
    ck_assert_str_eq(driver_said(d, TO), CORRECTED);
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("around");
    TCase *tc = tcase_create("around");

    tcase_add_loop_test(tc, test_clean, 0, 2);
    tcase_add_test(tc, test_servers_word);
    tcase_add_test(tc, test_clients_word);
    tcase_add_test(tc, test_out_of_step);
    tcase_add_test(tc, test_shift);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
