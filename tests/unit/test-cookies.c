/* SPDX-License-Identifier: Apache-2.0 */

/* Servers with SYN cookies (RFC 4987 3.6), through the whole pipeline: the end
 * of a handshake is good for two minutes, and more than once; nothing gets
 * past inspection by that. */

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

#define EVIL "GET /old HTTP/1.1\r\nHost: a\r\n\r\n"
#define CORRECTED "GET /new! HTTP/1.1\r\nHost: a\r\n\r\n"
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
make_driver(void)
{
    struct pp_snap_service http = driver_service("http");
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = pp_patch_parse("http/T-1.yaml", patch_text,
                                            strlen(patch_text), pp_proxies,
                                            &errors);
    struct pp_pool pool = { .ref_cnt = 1, .n = 1, .patches = &patch };
    struct driver *d;

    ck_assert(patch != NULL);
    d = driver_create(&pool, PP_MODE_ENFORCE, &http, 1);
    pp_patch_destroy(patch);
    pp_errors_destroy(&errors);
    return d;
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

/* A server with SYN cookies keeps nothing of a connection, and takes the end
 * of its handshake for up to 120 s: also after it has reset one with a wrong
 * number. */
START_TEST(test_late_handshake)
{
    struct driver *d = make_driver();

    for (uint32_t client = 1; client <= 4; client++) {
        driver_tcp(d, client, TO, 1000, 0, SYN, NULL);
        driver_tcp(d, client, FROM, 5000, 1001, SYN | ACK, NULL);
        if (client > 2) {
            driver_tcp(d, client, TO, 1101, 5001, ACK, NULL);
            driver_tcp(d, client, FROM, 5001, 0, RST, NULL);
        }
    }
    driver_forget(d);
    driver_pass_time(d, 120000);
    ck_assert(is_inspected(d, 1));
    ck_assert(is_inspected(d, 3));
    /* Else the exploit would get through. */
    driver_pass_time(d, PP_ENDING_MS);
    ck_assert(!is_inspected(d, 2));
    ck_assert(!is_inspected(d, 4));
    driver_destroy(d);
}
END_TEST

/* Such a server takes the end of a handshake, and what follows, a second time
 * when the first connection is over: old bytes must not get there again. */
START_TEST(test_second_handshake)
{
    const char *again = "GET /old HTTP/1.1\r\n";
    const uint32_t to = 1001 + strlen(GOOD);
    const uint32_t from = 5001 + strlen(REPLY);
    struct driver *d = make_driver();

    driver_connect_of(d, 1);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, GOOD);
    driver_tcp(d, 1, FROM, 5001, to, ACK, REPLY);
    /* Also while it seems to be open: the server says that it has them. */
    driver_forget(d);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, again);
    ck_assert_uint_eq(d->n_out, 1);
    ck_assert_str_eq(driver_said(d, TO), "");
    if (_i) {
        driver_tcp(d, 1, TO, to, from, RST, NULL);
    } else {
        driver_tcp(d, 1, TO, to, from, FIN | ACK, NULL);
        driver_tcp(d, 1, FROM, from, to + 1, FIN | ACK, NULL);
        driver_tcp(d, 1, TO, to + 1, from + 1, ACK, NULL);
    }
    driver_pass_time(d, 120000);
    driver_forget(d);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, again);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, EVIL);
    ck_assert_ptr_eq(strstr(driver_said(d, TO), "/old"), NULL);
    if (!_i) {
        /* Forgotten, they get through. */
        driver_pass_time(d, PP_ENDING_MS);
        ck_assert(!is_inspected(d, 1));
    }
    driver_destroy(d);
}
END_TEST

/* It answers any number of SYNs on the same ports, and takes the end of each
 * handshake, in whatever order they come. */
START_TEST(test_several_handshakes)
{
    static const uint32_t isns[][2] = {
        { 1000, 90000 }, { 90000, 1000 }, { 1000, 1010 }, { 1010, 1000 },
        { 1000, 1000 + (1u << 31) },
    };
    const uint32_t *isn = isns[_i / 4];
    bool late = _i & 1;         /* Both SYNs come before the answers. */
    unsigned int which = _i >> 1 & 1;
    struct driver *d = make_driver();

    for (int i = 0; i < 2; i++) {
        driver_tcp(d, 1, TO, isn[i], 0, SYN, NULL);
        if (!late) {
            driver_tcp(d, 1, FROM, 5000 + i * 7000, isn[i] + 1, SYN | ACK,
                       NULL);
        }
    }
    for (int i = 0; late && i < 2; i++) {
        driver_tcp(d, 1, FROM, 5000 + i * 7000, isn[i] + 1, SYN | ACK, NULL);
    }
    driver_forget(d);
    driver_tcp(d, 1, TO, isn[which] + 1, 5001 + which * 7000, ACK, NULL);
    ck_assert_uint_eq(d->n_out, which);
    driver_tcp(d, 1, TO, isn[which] + 1, 5001 + which * 7000, ACK, EVIL);
    ck_assert_str_eq(driver_said(d, TO), which ? CORRECTED : "");
    driver_destroy(d);
}
END_TEST

/* Its first byte may be a few places from what the SYN said, since it takes
 * the difference for an MSS. */
START_TEST(test_other_start)
{
    struct driver *d = make_driver();

    driver_tcp(d, 1, TO, 1000, 0, SYN, NULL);
    driver_tcp(d, 1, FROM, 5000, 1001, SYN | ACK, NULL);
    driver_forget(d);
    driver_tcp(d, 1, TO, 998, 5001, ACK, "GET");
    ck_assert_str_eq(driver_said(d, TO), "");
    driver_tcp(d, 1, TO, 1004, 5001, ACK, NULL);
    ck_assert_uint_eq(driver_out(d, d->n_out - 1, PP_PACKET_TCP).seq, 1001);
    driver_destroy(d);
}
END_TEST

/* A handshake from before, whose end looks like the middle of a body; the
 * server has neither of the connections any more. */
START_TEST(test_former_handshake)
{
    static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\n"
        "Content-Length: 5000\r\n\r\n12345678";
    const uint32_t n = sizeof post - 1;
    struct driver *d = make_driver();
    enum { FORMER, OTHERS, UNTIL_FIN, WITHOUT } how = _i;

    /* The answers' numbers are as far apart as the SYNs', as Linux' are. */
    if (how != WITHOUT) {
        driver_tcp(d, 1, TO, 1000 + n, 0, SYN, NULL);
        driver_tcp(d, 1, FROM, 5000 + n, 1001 + n, SYN | ACK, NULL);
    }
    for (uint32_t i = 1; i <= PP_FORMERS && how == OTHERS; i++) {
        driver_tcp(d, 1, TO, 70000 * i, 0, SYN, NULL);
        driver_tcp(d, 1, FROM, 70000 * i, 70000 * i + 1, SYN | ACK, NULL);
    }
    driver_connect_of(d, 1);
    driver_tcp(d, 1, TO, 1001, 5001, ACK, post);
    driver_tcp(d, 1, FROM, 5001, 1001 + n, ACK, NULL);
    if (how == OTHERS || how == UNTIL_FIN) {
        driver_tcp(d, 1, FROM, 5001, 1001 + n, FIN | ACK, NULL);
        driver_tcp(d, 1, TO, 1001 + n, 5002, ACK, NULL);
    }
    driver_forget(d);
    driver_tcp(d, 1, TO, 1001 + n, 5001 + n, ACK, EVIL);
    ck_assert_str_eq(driver_said(d, TO), how == WITHOUT ? EVIL : "");
    ck_assert_uint_eq(d->counters->stream_over, how != WITHOUT);
    /* The same with the connection's own number is its body, and goes on. */
    driver_forget(d);
    driver_tcp(d, 1, TO, how == WITHOUT ? 1001 + n + strlen(EVIL) : 1001 + n,
               5001, ACK, GOOD);
    ck_assert_str_eq(driver_said(d, TO), how == OTHERS ? "" : GOOD);
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("cookies");
    TCase *tc = tcase_create("handshake");

    tcase_add_test(tc, test_late_handshake);
    tcase_add_loop_test(tc, test_second_handshake, 0, 2);
    tcase_add_loop_test(tc, test_several_handshakes, 0, 20);
    tcase_add_test(tc, test_other_start);
    tcase_add_loop_test(tc, test_former_handshake, 0, 4);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
