/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the HTTP/1 proxy: values of fields, corrections by them, and
 * the manual that tells of them. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-driver.h"
#include "proxy-checks.h"

/* Fields. */

static const struct field_vector field_vectors[] = {
    { "POST /a%2fb%zz?x=1&y=%41+b&&=c&d HTTP/1.1\r\nHost: h\r\n\r\n", 0,
      { "method", "POST", "target", "/a%2fb%zz?x=1&y=%41+b&&=c&d",
        "target.form", "origin", "path", "/a%2fb%zz",
        "path.decoded", "/a/b%zz", "query", "x=1&y=%41+b&&=c&d",
        "query.present", "true", "query.params", "4",
        "query.params.1.value", "A b", "query.params.1.raw_value", "%41+b",
        "query.params.2.name", "", "query.params.2.raw", "=c",
        "query.params.3.has_equals", "false", "version", "HTTP/1.1",
        "version.major", "1", "host", "h", "request_line.line_ending", "\r\n",
        "content_length", "-1" } },
    { "GET http://u@h:8?q HTTP/1.0\nHost: x\n\n", 0,
      { "target.form", "absolute", "target.authority", "u@h:8", "path", "",
        "query", "q", "host", "u@h:8", "version.minor", "0",
        "request_line.line_ending", "\n", "headers.line_ending", "\n",
        "headers.0.bare_lf", "true", "headers.0.line_ending", "\n" } },
    { "OPTIONS * HTTP/1.1\r\n\r\n", 0,
      { "target.form", "asterisk", "path", "*", "host", "" } },
    { "CONNECT h:1 HTTP/1.1\r\n\r\n", 0,
      { "target.form", "authority", "target.authority", "h:1", "path", "" } },
    { "CONNECT /a?b HTTP/1.1\r\n\r\n", 0,
      { "target.form", "authority", "target.authority", "", "path", "/a",
        "query", "b" } },
    { "CONNECT http://h/a HTTP/1.1\r\n\r\n", 0,
      { "target.form", "authority", "target.authority", "h", "path", "/a" } },
    { "GET\t/a b\v HTTP/1.1 \r\n\r\n", 0,
      { "request_line.method_separator", "\t", "target", "/a b",
        "request_line.version_separator", "\v ", "version", "HTTP/1.1",
        "request_line", "GET\t/a b\v HTTP/1.1 " } },
    { "\t /a HTTP/1.1\r\n\r\n", 0,
      { "method", "", "request_line.method_separator", "\t ", "target", "/a",
        "version", "HTTP/1.1" } },
    { "GET /\r\n\r\n", 0, { "version", "", "version.major", "-1" } },
    { "\240\034GET\205/a HTTP/1.1\037\r\n\r\n", 0,
      { "method", "GET", "path", "/a", "version", "HTTP/1.1" } },
    { "GET /a\240HTTP/1.1\r\n\r\n", 0,
      { "method", "GET", "path", "/a", "version", "HTTP/1.1" } },
    { "GET\240/a\240\205HTTP/1.1\r\n\r\n", 0,
      { "method", "GET", "path", "/a", "version", "HTTP/1.1" } },
    { "GET /a\240 HTTP/1.1\r\n\r\n", 0,
      { "path", "/a", "request_line.version_separator", "\240 " } },
    { "GET /\303\240 HTTP/1.1\r\n\r\n", 0,
      { "path", "/\303\240", "request_line.version_separator", " " } },
    { "GET /\303\240\r\n\r\n", 0, { "path", "/\303\240", "version", "" } },
    { "GET / HTTP/1.1\r\nA : b \r\nB:\r\n c\r\n\td\r\nC\r\n: e\r\nF: g\rh\r\n"
      "\r\n", 0,
      { "headers", "5", "headers.0.name", "A", "headers.0.raw_name", "A ",
        "headers.0.value", "b", "headers.0.raw_value", " b ",
        "headers.0.raw", "A : b \r\n", "headers.1.value", "c d",
        "headers.1.folded", "true", "headers.1.raw", "B:\r\n c\r\n\td\r\n",
        "headers.2.has_colon", "false", "headers.2.name", "C",
        "headers.3.name", "", "headers.3.value", "e",
        "headers.4.bare_cr", "true", "headers.3.bare_cr", "false",
        "headers.1.bare_lf", "false", "headers.1.bare_cr", "false" } },
    { "GET / HTTP/1.1\r\nA: b\n c\r\n\r\n", 0,
      { "irregular", "true", "headers.0.bare_lf", "true",
        "headers.0.line_ending", "\r\n",
        "head", "GET / HTTP/1.1\r\nA: b\n c\r\n\r\n" } },
    { "GET / HTTP/1.1\r\nCookie: a=b; =c;d ; e=\"f\"\r\nCookie: g=h=i\r\n\r\n",
      0,
      { "cookies", "5", "cookies.0.name", "a", "cookies.1.name", "",
        "cookies.1.value", "c", "cookies.2.name", "d",
        "cookies.2.has_equals", "false", "cookies.3.value", "\"f\"",
        "cookies.4.value", "h=i", "cookies.1.raw", " =c",
        "cookies.4.header", "1", "cookies.3.first", "false",
        "cookies.4.first", "true", "cookies.text", "a=b; =c;d ; e=\"f\",g=h=i",
        "unanswered", "0", "replied", "false", "irregular", "false" } },
    { "GET / HTTP/1.1\r\nCookie: =\"a;b\\\";\" ;c=\"d;e; f = \"g;\"\r\n\r\n",
      0,
      { "cookies.quoted", "4", "cookies.quoted.0.raw", "=\"a;b\\\";\" ",
        "cookies.quoted.0.value", "\"a;b\\\";\"",
        "cookies.quoted.1.value", "\"d", "cookies.quoted.2.name", "e",
        "cookies.quoted.3.raw", " f = \"g;\"", "cookies", "7" } },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n"
      "Transfer-Encoding: gzip\r\nTransfer-Encoding: Chunked;a=b\r\n\r\n", 0,
      { "content_length", "3", "content_length.count", "2",
        "content_length.text", "3, 3", "content_length.valid", "true",
        "transfer_encoding", "gzip, Chunked;a=b",
        "transfer_encoding.count", "2", "transfer_encoding.codings", "2",
        "transfer_encoding.codings.1.name", "Chunked",
        "framing.chunked", "true", "framing.both", "true",
        "framing.conflict", "false" } },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n , identity\r\n"
      "Content-Length: 5,\r\n\r\n", 0,
      { "transfer_encoding", "chunked , identity", "framing.chunked", "false",
        "content_length", "5", "content_length.valid", "false" } },
    { "POST / HTTP/1.1\r\nContent-Type: Multipart/Form-Data; Boundary=\"x;\"; "
      "boundary =y\r\nConnection: close , X\r\n\r\n", 0,
      { "content_type", "multipart/form-data", "content_type.params", "2",
        "content_type.params.0.name", "Boundary",
        "content_type.params.0.value", "x;",
        "content_type.params.0.raw_value", "\"x;\"",
        "content_type.params.1.raw", "boundary =y",
        "connection", "2", "connection.0.name", "close" } },
    { CHUNKED "5 \t;a=b\nhello\r\n0\r\nA: b\n\n", 1,
      { "chunk.line", "5 \t;a=b", "chunk.size_text", "5 \t", "chunk.size", "5",
        "chunk.size_valid", "false", "chunk.ext", ";a=b",
        "chunk.after_size", " \t;a=b", "chunk.line_ending", "\n",
        "chunk.before", "", "chunk.last", "false" } },
    { CHUNKED "5\r\nhelloxx0\r\nA: b\n\n", 2,
      { "chunk.before", "xx", "chunk.last", "true",
        "chunk.size_valid", "true" } },
    { CHUNKED "0\r\nA: b\n\n", 2,
      { "trailers", "1", "trailers.irregular", "true",
        "trailers.0.name", "A", "trailers.0.bare_lf", "true",
        "trailers.line_ending", "\n" } },
    { FORM "Content-Length: 11\r\n\r\na=b&c=%64&d", 1,
      { "body", "a=b&c=%64&d", "body.length", "11", "body.truncated", "false",
        "body.params", "3", "body.params.1.value", "d", "method", "POST" } },
    { FORM "Transfer-Encoding: chunked\r\n\r\n2\r\na=\r\n4;x\r\nb&c=\r\n0\r\n"
      "T: u\r\n\r\n", 5,
      { "body", "a=b&c=", "body.params", "2", "body.params.0.value", "b",
        "trailers.0.value", "u" } },
    { "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=\"x\""
      "\r\nContent-Length: 119\r\n\r\n--x\r\nContent-Disposition: form-data; "
      "name=\"a\"; filename=\"b\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
      "--x\r\n\r\nno name\r\n--x--\r\n", 1,
      { "body.params", "2", "body.params.0.name", "a",
        "body.params.0.filename", "b", "body.params.0.content_type",
        "text/plain", "body.params.0.value", "hello",
        "body.params.1.name", "", "body.params.1.value", "no name",
        "body.params.1.has_filename", "false" } },
};

START_TEST(test_fields)
{
    fields_check(conn_new(TO_SERVER | BODY), &field_vectors[_i]);
}
END_TEST

/* Heads that are irregular, each in one way, and some that are not. */
#define IRREGULAR(HEAD) { HEAD, 0, { "irregular", "true" } }
#define REGULAR(HEAD) { HEAD, 0, { "irregular", "false" } }
static const struct field_vector form_vectors[] = {
    REGULAR("GET / HTTP/1.1\r\n\r\n"),
    REGULAR("M-SEARCH * HTTP/1.0\r\nA:\r\nx!#$%&'*+-.^_`|~9: \t b\xff \t"
            "\r\n\r\n"),
    IRREGULAR(" GET / HTTP/1.1\r\n\r\n"),
    IRREGULAR("GET  / HTTP/1.1\r\n\r\n"),
    IRREGULAR("GET\t/ HTTP/1.1\r\n\r\n"),
    IRREGULAR("G[T / HTTP/1.1\r\n\r\n"),
    IRREGULAR("GET /a b HTTP/1.1\r\n\r\n"),
    IRREGULAR("GET /\xe4 HTTP/1.1\r\n\r\n"),
    IRREGULAR("GET /\x7f HTTP/1.1\r\n\r\n"),
    IRREGULAR("GET /  HTTP/1.1\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1 \r\n\r\n"),
    IRREGULAR("GET / http/1.1\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.10\r\n\r\n"),
    IRREGULAR("GET / HTTP/x.1\r\n\r\n"),
    IRREGULAR("GET / HTTP/1,1\r\n\r\n"),
    IRREGULAR("GET /\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\nA: b\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\nA: b\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\nA: b\r\n\n"),
    IRREGULAR("GET / HTTP/1.1\r\nA : b\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\n A: b\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\nA\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\n: b\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\nA\xb5: b\r\n\r\n"),
    IRREGULAR("GET / HTTP/1.1\r\nA(: b\r\n\r\n"),
};

START_TEST(test_forms)
{
    fields_check(conn_new(TO_SERVER), &form_vectors[_i]);
}
END_TEST

/* Corrections. */

#define Q(QUERY) "GET /" QUERY " HTTP/1.1\r\n" HOST "\r\n"
#define COOKIE(VALUE) "GET / HTTP/1.1\r\nCookie: " VALUE "\r\nA: b\r\n\r\n"

static const struct edit_vector edit_vectors[] = {
    { Q("?a=1&b=2&c=3"), 0, { "query.params.0" }, Q("?b=2&c=3") },
    { Q("?a=1&b=2&c=3"), 0, { "query.params.1" }, Q("?a=1&c=3") },
    { Q("?a=1&b=2&c=3"), 0, { "query.params.2" }, Q("?a=1&b=2") },
    { Q("?a=1&b=2&c=3"), 0, { "query.params.1", "query.params.2" },
      Q("?a=1") },
    { Q("?a=1&b=2&c=3"), 0, { "query.params.0", "query.params.1" },
      Q("?c=3") },
    { Q("?a=1&b=2&c=3"), 0, { "query.params.0", "query.params.2" },
      Q("?b=2") },
    { Q("?a=1&b=2&c=3"), 0,
      { "query.params.0", "query.params.1", "query.params.2" }, Q("") },
    { Q("?a=1"), 0, { "query.params.0" }, Q("") },
    { Q("?a=1"), 0, { "query" }, Q("") },
    { Q("?a=1"), 0, { "query.params.0.value=xyz" }, Q("?a=xyz") },
    { Q("a"), 0, { "path=/b" }, Q("b") },
    { Q("a"), 0, { "path" }, NULL },
    { Q("a"), 0, { "headers.0" }, "GET /a HTTP/1.1\r\n\r\n" },
    { Q("a"), 0, { "headers.0.value=b" },
      "GET /a HTTP/1.1\r\nHost: b\r\n\r\n" },
    { Q("a"), 0, { "headers.0.value=b\r\n\r\n" }, NULL },
    { Q("a"), 0, { "method=HEAD" }, NULL },
    { COOKIE("a=1; b=2; c=3"), 0, { "cookies.0" }, COOKIE(" b=2; c=3") },
    { COOKIE("=\"a;b\";c=d"), 0, { "cookies.quoted.0" }, COOKIE("c=d") },
    { COOKIE("a=1;=b;c=d"), 0, { "cookies.1" }, COOKIE("a=1;c=d") },
    { COOKIE("a=1; b=2; c=3"), 0, { "cookies.1" }, COOKIE("a=1; c=3") },
    { COOKIE("a=1; b=2; c=3"), 0, { "cookies.2" }, COOKIE("a=1; b=2") },
    { COOKIE("a=1; b=2; c=3"), 0, { "cookies.1", "cookies.2" },
      COOKIE("a=1") },
    { COOKIE("a=1; b=2"), 0, { "cookies.0", "cookies.1" },
      "GET / HTTP/1.1\r\nA: b\r\n\r\n" },
    { COOKIE("a=1"), 0, { "cookies.0" }, "GET / HTTP/1.1\r\nA: b\r\n\r\n" },
    { "GET / HTTP/1.1\r\nConnection: close, connection\r\n\r\n", 0,
      { "connection.1" }, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n" },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 0, { "headers.0" },
      NULL },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 0,
      { "headers.0.value=4" }, NULL },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
      0, { "headers.0" },
      "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n" },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"
      "\r\n\r\n", 0, { "headers.0" },
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { CONTENT("11", "a=b&c=%64&d"), 1, { "body.params.1" },
      CONTENT("5", "a=b&d") },
    { CONTENT("11", "a=b&c=%64&d"), 1, { "body.params.1", "body.params.2" },
      CONTENT("3", "a=b") },
    { CONTENT("3", "a=b"), 1, { "body.params.0" }, CONTENT("0", "") },
    { CONTENT("3", "a=b"), 1, { "body=0123456789" },
      CONTENT("10", "0123456789") },
    { CHUNKS("4\r\na=b&\r\n3\r\nc=d\r\n0\r\n\r\n"), 5, { "body.params.0" },
      CHUNKS("3\r\nc=d\r\n0\r\n\r\n") },
    { CHUNKS("4\r\na=b&\r\n3\r\nc=d\r\n0\r\n\r\n"), 5, { "body.params.1" },
      CHUNKS("3\r\na=b\r\n0\r\n\r\n") },
    { CHUNKS("5\r\na=b&c\r\n4\r\n=d&e\r\n0\r\n\r\n"), 5, { "body.params.1" },
      CHUNKS("5\r\na=b&e\r\n0\r\n\r\n") },
    { CHUNKS("5\r\na=b&c\r\n4\r\n=d&e\r\n0\r\n\r\n"), 5,
      { "body.params.1", "body.params.2" }, CHUNKS("3\r\na=b\r\n0\r\n\r\n") },
    { CHUNKS("5\r\na=b&c\r\n4\r\n=d&e\r\n0\r\n\r\n"), 5, { "body=0123456789" },
      CHUNKS("a\r\n0123456789\r\n0\r\n\r\n") },
    { CHUNKED "2;x=y\r\nhi\r\n0\r\n\r\n", 1, { "chunk.ext" },
      "2\r\n" },
    { CHUNKED "2;x=y\r\nhi\r\n0\r\n\r\n", 1, { "chunk.line=3" }, NULL },
    { CHUNKED "0\r\nA: b\r\nC: d\r\n\r\n", 2, { "trailers.0" },
      "C: d\r\n\r\n" },
};

START_TEST(test_edits)
{
    edits_check(conn_new(TO_SERVER | BODY), &edit_vectors[_i]);
}
END_TEST

/* Every field is in the manual, in the words of the table, and so is every
 * reason. */
START_TEST(test_manual)
{
    driver_check_manual();
}
END_TEST

static Suite *
http_fields_suite(void)
{
    Suite *suite = suite_create("http-fields");
    TCase *tc = tcase_create("http-fields");

#define LOOP(TEST, ARRAY) \
    tcase_add_loop_test(tc, TEST, 0, sizeof (ARRAY) / sizeof (ARRAY)[0])
    LOOP(test_fields, field_vectors);
    LOOP(test_forms, form_vectors);
    LOOP(test_edits, edit_vectors);
    tcase_add_test(tc, test_manual);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return driver_main("http", HTTP_LETTERS, false, http_fields_suite());
}
