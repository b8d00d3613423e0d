/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the HTTP/1 proxy: what is longer than it looks at. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/pp-http.h"
#include "http-driver.h"
#include "util.h"

/* A head of 64 KiB a byte at a time takes no longer than a moment. */
START_TEST(test_limits)
{
    static char head[1 << 18];
    struct test_conn *conn = conn_new(TO_SERVER);
    size_t n = 0, i;

    n += sprintf(head, "GET / HTTP/1.1\r\n");
    while (n < 65000) {
        n += sprintf(head + n, "Some-Name: %0100d\r\n", 0);
    }
    n += sprintf(head + n, "\r\n");
    for (i = 0; i < n; i++) {
        conn_send(conn, PP_TO_SERVER, head + i, 1);
    }
    ck_assert_uint_eq(conn->n_units, 1);
    free(conn);

    conn = conn_new(TO_SERVER);
    memset(head, 'a', sizeof head);
    memcpy(head, "GET /", 5);
    conn_send(conn, PP_TO_SERVER, head, 70000);
    ck_assert_str_eq(conn->log, "(head-too-long)");
    free(conn);

    /* Of a chunk's line that is too long, patches see the first 32 KiB. */
    memset(head, 'a', sizeof head);
    memcpy(head, CHUNKED "1;", strlen(CHUNKED "1;"));
    conn = conn_new(REQUEST);
    conn_send(conn, PP_TO_SERVER, head, 40000);
    ck_assert_uint_eq(conn->n_units, 1);
    ck_assert_ptr_nonnull(strstr(conn->log, "(chunk-line-too-long)"));
    free(conn);

    for (i = 1; i <= 40000; i = i == 1 ? 40000 : i + 1) {
        conn = conn_new(TO_SERVER);
        for (n = 0; n < 40000; n += i) {
            conn_send(conn, PP_TO_SERVER, head + n, i);
        }
        ck_assert_uint_eq(conn->n_units, 2);
        ck_assert_ptr_nonnull(strstr(conn->log, ">(chunk-line-too-long)"));
        ck_assert_uint_eq(strlen(conn->log),
                          strlen("R<" CHUNKED ">C<>(chunk-line-too-long)")
                          + 32768);
        free(conn);
    }

    conn = conn_new(TO_SERVER);
    n = sprintf(head, "GET / HTTP/1.1\r\n");
    for (i = 0; i < 30000; i++) {
        n += sprintf(head + n, "a\n");
    }
    n += sprintf(head + n, "\r\n");
    conn_send(conn, PP_TO_SERVER, head, n);
    /* In so many ways it is not read. */
    ck_assert_str_eq(conn->log, "(content-length-conflict)");
    free(conn);

    conn = conn_new(0);
    for (i = 0; i < 80; i++) {
        conn_send(conn, PP_TO_SERVER, GET, strlen(GET));
    }
    ck_assert_uint_eq(conn->skipped, 64 * strlen(GET));
    for (i = 0; i < 16; i++) {
        conn_send(conn, PP_FROM_SERVER, OK, strlen(OK));
    }
    ck_assert_uint_eq(conn->skipped, 80 * strlen(GET));
    free(conn);
}
END_TEST

/* Sends 'n' blanks of content, 'piece' at a time. */
static void
send_blanks(struct test_conn *conn, size_t n, size_t piece)
{
    static const char zeros[60000];

    while (n) {
        size_t now = MIN(MIN(n, piece), sizeof zeros);

        conn_send(conn, PP_TO_SERVER, zeros, now);
        n -= now;
    }
}

/* A request in content is one behind as many blanks as there are, but not in a
 * line that no server reads as far as that. */
static const struct {
    size_t n;                   /* Blanks... */
    const char *end;            /* ...what is behind them... */
    size_t more;                /* ...and blanks behind that. */
    unsigned int n_units;
} blanks[] = {
    { 0, "", 0, 2 },
    { PP_HTTP_BLANKS_MAX, "", 0, 2 },
    { PP_HTTP_BLANKS_MAX, "", 1, 1 },
    { PP_HTTP_BLANKS_MAX, "\n", PP_HTTP_BLANKS_MAX, 2 },
    { PP_HTTP_BLANKS_MAX, "\r", PP_HTTP_BLANKS_MAX, 2 },
    { PP_HTTP_BLANKS_MAX, "\r\n", PP_HTTP_BLANKS_MAX + 1, 1 },
    { PP_HTTP_BLANKS_MAX, " ", 0, 1 },
};

START_TEST(test_blanks)
{
    static const size_t pieces[] = { 1448, 4096, 60000 };
    static const char put[] = "PUT / HTTP/1.1\r\n" HOST
                              "Content-Length: 4000000\r\n\r\n";

    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        struct test_conn *conn = conn_new(REQUEST);

        conn_send(conn, PP_TO_SERVER, put, strlen(put));
        send_blanks(conn, blanks[_i].n, pieces[i]);
        conn_send(conn, PP_TO_SERVER, blanks[_i].end, strlen(blanks[_i].end));
        send_blanks(conn, blanks[_i].more, pieces[i]);
        conn_send(conn, PP_TO_SERVER, GET, strlen(GET));
        ck_assert_uint_eq(conn->n_units, blanks[_i].n_units);
        free(conn);
    }
}
END_TEST

static Suite *
http_limits_suite(void)
{
    Suite *suite = suite_create("http-limits");
    TCase *tc = tcase_create("http-limits");

    tcase_add_test(tc, test_limits);
    tcase_add_loop_test(tc, test_blanks, 0, ARRAY_SIZE(blanks));
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return driver_main("http", HTTP_LETTERS, false, http_limits_suite());
}
