/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the HTTP/1 proxy: which units, and which replies when.
 *
 * A vector is what both sides send, and the units it comes to.  Every vector
 * is run whole, at every cut in two, and a byte at a time, and comes to the
 * same each time. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-driver.h"
#include "proxy-checks.h"

/* Each request, with all that is to the server wanted. */
#define EXPECT "Expect: 100-continue\r\n"
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#define NO_FIELD "GET / HTTP/1.1\r\na\r\nX /b\r\n\r\n"
#define NO_FIELDS "GET / HTTP/1.1\r\na b: c\r\nX: /b\r\n c\r\n: d\r\nY: /" \
                  "\r\n\r\n"
#define SPACED "GET /a b HTTP/1.1\r\n\r\n"
#define ODD(N) "GET / HTTP/1.1\r\nA: b\nContent-Length: " N "\r\n\r\n"
#define LF_FIELD ODD("16")
#define LF_CHUNKED "GET / HTTP/1.1\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n"

static const struct vector vectors[] = {
    /* RFC 9112 2.1, 2.2. */
    { "get", TO_SERVER, "R<" GET ">", { GET } },
    { "pipelined", TO_SERVER, "R<" GET ">R<" GET ">", { GET GET } },
    { "nothing wanted", 0, "81", { GET GET GET } },
    { "empty lines before", TO_SERVER, "4R<" GET ">", { "\r\n\r\n" GET } },
    { "empty lines between", TO_SERVER, "R<" GET ">2R<" GET ">",
      { GET "\r\n" GET } },
    { "PROXY header", TO_SERVER, "36R<" GET ">",
      { "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" GET } },
    { "PROXY header, unknown", TO_SERVER, "15R<" GET ">",
      { "PROXY UNKNOWN\r\n" GET } },
    { "PROXY header, before TLS", TO_SERVER, "277(tls)",
      { "PROXY UNKNOWN\r\n" TLS_HELLO "more", "\026\003\003" } },
    { "no PROXY header", TO_SERVER, "R<PROXY /a HTTP/1.1\r\n\r\n>",
      { "PROXY /a HTTP/1.1\r\n\r\n" } },
    { "LF_ENDS_LINE", TO_SERVER, "R<GET / HTTP/1.1\nHost: a\n\n>R<" GET ">",
      { "GET / HTTP/1.1\nHost: a\n\n" GET } },
    { "LF_ENDS_LINE, mixed", TO_SERVER,
      "R+<GET / HTTP/1.1\r\nHost: a\n\r\n>"
      "R<GET / HTTP/1.1\r\nHost: a\n\r\n>R<" GET ">",
      { "GET / HTTP/1.1\r\nHost: a\n\r\n" GET } },
    { "bare CR ends no line", TO_SERVER,
      "R<GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n>",
      { "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n" } },
    { "ANY_SPACE_IN_LINE", TO_SERVER, "R<GET\t/\tHTTP/1.1\r\n\r\n>",
      { "GET\t/\tHTTP/1.1\r\n\r\n" } },
    { "NO_METHOD", TO_SERVER, "R< / HTTP/1.1\r\n\r\n>R<" GET ">",
      { " / HTTP/1.1\r\n\r\n" GET } },
    { "NO_VERSION", TO_SERVER, "R<GET /\r\n\r\n>R<" GET ">",
      { "GET /\r\n\r\n" GET } },
    { "EOF_ENDS_HEAD", TO_SERVER, "R<GET / HTTP/1.1\r\nA: b>",
      { "GET / HTTP/1.1\r\nA: b", "", "" } },
    { "EOF after a head", TO_SERVER, "R<" GET ">", { GET, "", "" } },
    { "one word", TO_SERVER, "R<GET\r\n\r\n>(request-line)",
      { "GET\r\n\r\n" } },
    { "one word, nothing wanted", 0, "(request-line)", { "GET\r\n\r\n" } },
    { "no word", TO_SERVER, "(request-line)", { " \r\n\r\n" } },
    { "ANY_METHOD", TO_SERVER,
      "R<\f(G[ / HTTP/1.1\r\n\r\n>", { "\f(G[ / HTTP/1.1\r\n\r\n" } },
    { "Python's space before the method", TO_SERVER,
      "R<\240\034GET / HTTP/1.1\r\n\r\n>",
      { "\240\034GET / HTTP/1.1\r\n\r\n" } },
    { "a method of bytes", TO_SERVER, "R<\301G / HTTP/1.1\r\n\r\n>",
      { "\301G / HTTP/1.1\r\n\r\n" } },
    { "bytes and no HTTP", TO_SERVER, "(not-http)", { "\301G x\r\n" } },
    { "bytes that wait", TO_SERVER, "", { "\301G x" } },
    { "not a token", TO_SERVER, "(not-http)", { "\001\002\003" } },
    { "TLS", TO_SERVER, "262(tls)", { TLS_HELLO "more", "\026\003\003" } },
    { "TLS that the server refuses", TO_SERVER, "262(tls)",
      { TLS_HELLO "more", "\025\003\003" } },
    { "TLS that waits", TO_SERVER, "262", { TLS_HELLO GET } },
    { "like TLS, but the server is not", TO_SERVER, "262(not-http)",
      { TLS_HELLO GET, "HTTP/1.1 400 Bad\r\n\r\n" } },
    { "like TLS, but no record", TO_SERVER, "(not-http)",
      { "\026\003\001\177" } },
    { "preface that waits", TO_SERVER, "24", { PREFACE "more" } },
    { "preface, but the server is not", TO_SERVER, "24(not-http)",
      { PREFACE GET, "HTTP/1.1 505 No\r\n\r\n" } },
    { "like the preface, a request", TO_SERVER,
      "R<PRI * HTTP/2.0\r\n\r\n>R<" GET ">",
      { "PRI * HTTP/2.0\r\n\r\n" GET } },
    { "like the preface, in small letters", TO_SERVER,
      "R<pri * HTTP/2.0\r\n\r\n>(not-http)",
      { "pri * HTTP/2.0\r\n\r\n\001" } },
    { "like the preface, with a field", TO_SERVER,
      "R<PRI * HTTP/2.0\r\nA: b\r\n\r\n>R<" GET ">",
      { "PRI * HTTP/2.0\r\nA: b\r\n\r\n" GET } },
    { "the preface later", TO_SERVER, "R<" GET ">R<PRI * HTTP/2.0\r\n\r\n>",
      { GET "PRI * HTTP/2.0\r\n\r\nSM" } },

    /* RFC 9112 6. */
    { "Content-Length", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello" GET } },
    { "Content-Length, nothing wanted", 0, "70",
      { "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello" GET } },
    { "Content-Length: 0", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n" GET } },
    { "Content-Length, the same twice", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello" GET } },
    { "Content-Length in any case", TO_SERVER,
      "R<POST / HTTP/1.1\r\ncONTENT-lENGTH: 5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\ncONTENT-lENGTH: 5\r\n\r\nhello" GET } },
    { "what differs as case does, and is no letter", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent\rLength: 5\r\n\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nContent\rLength: 5\r\n\r\n" GET } },
#define CONFLICT \
    "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"
    { "Content-Length, two values: waits", TO_SERVER, "R<" CONFLICT ">",
      { CONFLICT "hello" } },
    { "Content-Length, two values: served", TO_SERVER,
      "R<" CONFLICT ">(content-length-conflict)", { CONFLICT "hello", OK } },
    { "Content-Length, two values: refused", TO_SERVER, "R<" CONFLICT ">5!",
      { CONFLICT "hello", "HTTP/1.0 400 No\r\n\r\n" } },
    { "Content-Length, two values behind a request", TO_SERVER,
      "R<" GET ">R<" CONFLICT ">", { GET CONFLICT "hello", OK } },
    { "SPACE_BEFORE_COLON", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length \t: 5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length \t: 5\r\n\r\nhello" GET } },
    { "space before the name does not count", TO_SERVER,
      "R<POST / HTTP/1.1\r\n Content-Length: 5\r\n\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\n Content-Length: 5\r\n\r\n" GET } },
    { "LOOSE_LENGTH, sign", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello" GET } },
    { "LOOSE_LENGTH, underscore", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 0_5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 0_5\r\n\r\nhello" GET } },
    { "LOOSE_LENGTH, rest", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 5x\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 5x\r\n\r\nhello" GET } },
    { "LOOSE_LENGTH, empty", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length:\r\n\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n" GET } },
    { "folded Content-Length", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length:\r\n 5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length:\r\n 5\r\n\r\nhello" GET } },

    /* RFC 9112 7.1. */
    { "chunked", TO_SERVER,
      "R<" CHUNKED ">C<5;a=b\r\n>7C<0\r\n>T<A: b\r\n\r\n>R<" GET ">",
      { CHUNKED "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n" GET } },
    { "chunked, nothing wanted", 0, "99",
      { CHUNKED "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n" GET } },
    { "chunked, head wanted", REQUEST, "R<" CHUNKED ">25R<" GET ">",
      { CHUNKED "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n" GET } },
    { "chunked overrides Content-Length", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: gzip, "
      "Chunked\r\n\r\n>C<0\r\n>T<\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 9\r\nTransfer-Encoding: gzip, "
        "Chunked\r\n\r\n0\r\n\r\n" GET } },
    { "last coding is not chunked", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n"
      "Content-Length: 2\r\n\r\n>2R<" GET ">",
      { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n"
        "Content-Length: 2\r\n\r\nhi" GET } },

    /* Servers differ about where the next request is: no version but in the
     * first line of what is one here (http-watch.c). */
    { "chunked for some, and Content-Length", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: "
      "chunked;a\r\n\r\n>C<22\r\n>",
      { "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: "
        "chunked;a\r\n\r\n22\r\nGET / HTTP/1.1\r\n" } },
    { "the same, and nothing like a request", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: "
      "chunked;a\r\n\r\n>C<4\r\n>6C<0\r\n>T<\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: "
        "chunked;a\r\n\r\n4\r\nhttp\r\n0\r\n\r\n" GET } },
    { "the next field behind a coding", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n A: 1\r\n\r\n>"
      "R<0\r\n\r\n>",
      { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n A: 1\r\n\r\n"
        "0\r\n\r\n" GET } },
    { "Python's white space around a name", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTransfer-Encoding\xa0: chunked\r\n\r\n>"
      "R<" GET ">R<POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\n>",
      { "POST / HTTP/1.1\r\nTransfer-Encoding\xa0: chunked\r\n\r\n" GET
        "POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nHTTP/1" } },
    { "a length behind LF", TO_SERVER,
      "R+<POST / HTTP/1.1\r\nA: b\nContent-Length: 18\r\n\r\n>"
      "R<POST / HTTP/1.1\r\nA: b\nContent-Length: 18\r\n\r\n>",
      { "POST / HTTP/1.1\r\nA: b\nContent-Length: 18\r\n\r\n"
        "GET / HTTP/1.1\r\n\r\n" } },
    { "a length behind a line that is folded behind LF", TO_SERVER,
      "R+<POST / HTTP/1.1\r\nA: b\n c\r\nContent-Length: 18\r\n\r\n>"
      "R<POST / HTTP/1.1\r\nA: b\n c\r\nContent-Length: 18\r\n\r\n>",
      { "POST / HTTP/1.1\r\nA: b\n c\r\nContent-Length: 18\r\n\r\n"
        "GET / HTTP/1.1\r\n\r\n" } },
    { "a CR where a field would be", TO_SERVER, "(content-length-conflict)",
      { "GET / HTTP/1.1\r\nA: b\r\n\r\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a CR where a trailer would be", TO_SERVER,
      "R<" CHUNKED ">C<0\r\n>",
      { CHUNKED "0\r\n\r\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a CR in a chunk's header", TO_SERVER, "R<" CHUNKED ">C<6\r\r\n>",
      { CHUNKED "6\r\r\nHTTP/1\r\n" } },
    { "another protocol's version", TO_SERVER,
      "R<POST / HTTP/1.1\nContent-Length: 25\n\n>19",
      { "POST / HTTP/1.1\nContent-Length: 25\n\n"
        "ice/1 SOURCE /evil ICE/1.0\r\n\r\n" } },
    { "a request without a version", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: +25\r\n\r\n>5",
      { "POST / HTTP/1.1\r\nContent-Length: +25\r\n\r\n"
        "a b cGET\t/evil\r\n" } },
    { "both lengths", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked"
      "\r\n\r\n>C<22\r\n>10",
      { "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked"
        "\r\n\r\n22\r\nFOO /evil HTTP/1.1\r\n" } },
    { "a coding in HTTP/1.0", TO_SERVER,
      "R<POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n>C<22\r\n>",
      { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
        "22\r\nGET / HTTP/1.1\r\n" } },
    { "a length behind a line that is no field", TO_SERVER,
      "R+<POST / HTTP/1.1\r\na b: c\r\nContent-Length: 23\r\n\r\n>"
      "R<POST / HTTP/1.1\r\na b: c\r\nContent-Length: 23\r\n\r\n>5",
      { "POST / HTTP/1.1\r\na b: c\r\nContent-Length: 23\r\n\r\n"
        "a b cGET / HTTP/1.1\r\n\r\n" } },
    { "a name that CGI's variables make a length's", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 23\r\nContent_Length: 3\r\n\r\n"
      ">5",
      { "POST / HTTP/1.1\r\nContent-Length: 23\r\nContent_Length: 3\r\n\r\n"
        "a b cGET / HTTP/1.1\r\n\r\n" } },
    { "a length in a line that is folded", TO_SERVER,
      "R<POST / HTTP/1.1\r\nA: b\r\n Content-Length: 9\r\n\r\n>",
      { "POST / HTTP/1.1\r\nA: b\r\n Content-Length: 9\r\n\r\n"
        "GET /a HTTP/1.1\r\nA: GET / HTTP/1.1\r\n\r\n" } },
    { "the same of a coding, alone", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTRANSFER_ENCODING: chunked\r\n\r\n>R<POST / "
      "HTTP/1.1\r\nContent-Length: 23\r\n\r\n>5",
      { "POST / HTTP/1.1\r\nTRANSFER_ENCODING: chunked\r\n\r\n"
        "POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\n"
        "a b cGET / HTTP/1.1\r\n\r\n" } },
    { "a line that is no field may end a head", TO_SERVER,
      "(content-length-conflict)",
      { "GET / HTTP/1.1\r\nA: b\r\n:\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "CRs may end a head", TO_SERVER, "(content-length-conflict)",
      { "GET / HTTP/1.1\r\nA: b\r\rGET / HTTP/1.1\r\n\r\n" } },
    { "a blank line may end a head", TO_SERVER, "(content-length-conflict)",
      { "GET / HTTP/1.1\r\nA: b\r\n \r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a request line may go on", TO_SERVER, "(content-length-conflict)",
      { "GET\t/a\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "one that goes on with its target", TO_SERVER,
      "R+<GET\n/a HTTP/1.1\r\n\r\n>R<GET\n/a HTTP/1.1\r\n\r\n>"
      "(request-line)",
      { "GET\n/a HTTP/1.1\r\n\r\n" } },
    { "one whose lines only LF ends, and more", TO_SERVER,
      "R<GET\n/a\n\n>(content-length-conflict)", { "GET\n/a\n\nx\r\n" } },
    { "fields of a head that ends for some", TO_SERVER,
      "R+<GET / HTTP/1.1\r\nHost: a\n\r\n>"
      "R<GET / HTTP/1.1\r\nHost: a\n\r\n>",
      { "GET / HTTP/1.1\r\nHost: a\n\r\nCookie: a=b\r\n\r\n" } },
    { "a CR in the line", TO_SERVER,
      "R+<GET /\ra\r\n\r\n>R+<GET /\ra\r\n\r\n>R<GET /\ra\r\n\r\n>",
      { "GET /\ra\r\n\r\n" } },
    { "white space in the target", TO_SERVER,
      "R+<" SPACED ">R+<" SPACED ">R<" SPACED ">R<" GET ">",
      { SPACED GET } },
    { "white space that is not stripped", TO_SERVER,
      "R+<GET /a\vA\r\n\r\n>R<GET /a\vA\r\n\r\n>",
      { "GET /a\vA\r\n\r\n" } },
    { "another protocol's version in odd content", REQUEST,
      "R+<" ODD("22") ">R<" ODD("22") ">20",
      { ODD("22") "x\r\ny FOO /a BAR/1.1\r\n" } },
    { "prose like that", REQUEST, "R+<" ODD("42") ">R<" ODD("42") ">42R<" GET
      ">",
      { ODD("42") "x\r\nFOO /a BAR/1\n/a /a c d/1.1\nUA X/1.1\nabc" GET } },
    { "that line ends behind the content", REQUEST,
      "R+<" ODD("20") ">R<" ODD("20") ">20",
      { ODD("20") "x\r\ny FOO /a BAR/1.1\r\n" } },
    { "its version does", REQUEST, "R+<" ODD("17") ">R<" ODD("17") ">17",
      { ODD("17") "x\r\ny FOO /a BAR/11.1\r\nA: b\r\n\r\n" } },
    { "one that the first line is the beginning of", REQUEST,
      "R+<" ODD("14") ">R<" ODD("14") ">R<x FOO /a BAR/1>",
      { ODD("14") "x FOO /a BAR/11.1\r\nA: b\r\n\r\n" } },
    { "another protocol's version in odd trailers", REQUEST,
      "R<" CHUNKED ">3", { CHUNKED "0\r\nFOO /a BAR/1.1\r\nA: b\r\n\r\n" } },
    { "one in fields that may be none", REQUEST, "(content-length-conflict)",
      { "GET / HTTP/1.1\r\nA: b\r\n:\r\nFOO /a BAR/1.1\r\n\r\n" } },
    { "a request behind no field", TO_SERVER,
      "R+<" NO_FIELD ">R<" NO_FIELD ">", { NO_FIELD } },
    { "two readings", TO_SERVER,
      "R+<" NO_FIELDS ">R+<" NO_FIELDS ">R<" NO_FIELDS ">R<" GET ">",
      { NO_FIELDS GET } },
    { "too many readings", TO_SERVER, "(content-length-conflict)",
      { "GET / HTTP/1.1\r\na\r\na\r\na\r\na\r\na\r\na\r\na\r\n\r\n" } },
    { "content that is a request for few", TO_SERVER,
      "R+<" LF_FIELD ">R<" LF_FIELD ">R<X /a y\r\n>8",
      { LF_FIELD "X /a y\r\n\r\n" "123456" } },
    { "no request for any", TO_SERVER,
      "R+<" LF_FIELD ">R<" LF_FIELD ">16", { LF_FIELD "abcdefghijklmnop" } },
    { "a chunk's header that is a request for few", TO_SERVER,
      "R+<" LF_CHUNKED ">R<" LF_CHUNKED ">",
      { LF_CHUNKED "3;a /b c\r\nabc\r\n" } },
    { "lines of another protocol", TO_SERVER,
      "R<a b\r\nc\r\n d\r\n\r\n>(not-http)",
      { "a b\r\nc\r\n d\r\n\r\n\001" } },
    { "a request line of one word may go on", TO_SERVER,
      "(content-length-conflict)", { "{}\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "content that begins as a request", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\n>2"
      "R<FOO / HTTP/1.1\r\n\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\n"
        "\r\nFOO / HTTP/1.1\r\n\r\n" GET } },
    { "content that begins so, which nobody looks at", CHUNK,
      "100",
      { "POST / HTTP/1.1\r\nContent-Length: 34\r\n\r\n"
        "FOO / HTTP/1.1\r\nA: b\r\n\r\nwords here" GET } },
    { "content of requests and words", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 70\r\n\r\n>"
      "R<" GET ">R<PUT / HTTP/1.1\r\n\r\n>25R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 70\r\n\r\n"
        GET "PUT / HTTP/1.1\r\n\r\n" "HTTP/1.1 200 OK\r\n\r\nwords." GET } },
    { "content that begins as a request with content", REQUEST,
      "R<POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\n>"
      "R<PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n>3R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\n"
        "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab\n" GET } },
    { "a request behind that", REQUEST,
      "R<POST / HTTP/1.1\r\nContent-Length: 57\r\n\r\n>"
      "R<PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n>2",
      { "POST / HTTP/1.1\r\nContent-Length: 57\r\n\r\n"
        "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
        "PUT / HTTP/1.1\r\n\r\n" } },
    { "content that a patch looks at, of a request in content", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 39\r\n\r\n>",
      { "POST / HTTP/1.1\r\nContent-Length: 39\r\n\r\n"
        "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab" } },
    { "an odd request in content", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 25\r\n\r\n>",
      { "POST / HTTP/1.1\r\nContent-Length: 25\r\n\r\n"
        "PUT / HTTP/1.1\r\n:\r\nA: b\r\n\r\n" } },
    { "content of an odd request begins as one", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 18x\r\n\r\n>",
      { "POST / HTTP/1.1\r\nContent-Length: 18x\r\n\r\n"
        "PUT / HTTP/1.1\r\n\r\n" } },
    { "a request that begins in content, and ends behind it", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\n>"
      "R<PUT / HTTP/1.1\r\n>",
      { "POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\n"
        "PUT / HTTP/1.1\r\n" GET } },
    { "content that begins as one with another version", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 15\r\n\r\n>",
      { "POST / HTTP/1.1\r\nContent-Length: 15\r\n\r\nPUT /a FOO/1.1\n"
        "GET" } },
    { "content that begins as a request without a version", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n>R<GET a\r\n\r\n>"
      "R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nGET a\r\n\r\n" GET } },
    { "the same, and a line behind", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\n>",
      { "POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\n"
        "GET a\r\nGET b\r\n\r\n" } },
    { "content that is a request line", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 14\r\n\r\n>"
      "R<FOO / HTTP/1.1>",
      { "POST / HTTP/1.1\r\nContent-Length: 14\r\n\r\nFOO / HTTP/1.1"
        "\r\n\r\n" } },
    { "content that is one, and then FIN", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 14\r\n\r\n>"
      "R<FOO / HTTP/1.1>",
      { "POST / HTTP/1.1\r\nContent-Length: 14\r\n\r\nFOO / HTTP/1.1",
        "", "" } },
    { "FIN before that", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n>"
      "R<FOO / HTTP/1.1\r\nA: b>",
      { "POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n"
        "FOO / HTTP/1.1\r\nA: b", "", "" } },
    { "content that is words", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 26\r\n\r\n>26R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 26\r\n\r\n"
        "GET to know HTTP/1.1 well\n" GET } },
    { "content that is words, and begins as one", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 19\r\n\r\n>19R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 19\r\n\r\n"
        "GET /a returns 404\n" GET } },
    { "content that has a request", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\n>23R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 23\r\n\r\n"
        "{\"GET / HTTP/1.1\": \"1\"}" GET } },
    { "a form that begins as a request", TO_SERVER | BODY,
      "R+<" FORM "Content-Length: 18\r\n\r\n>(content-length-conflict)",
      { FORM "Content-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a request line that began in the content", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n>R<FOO />",
      { "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"
        "FOO / HTTP/1.1\r\n\r\n" } },
    { "all but its target", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n>4",
      { "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
        "FOO /a HTTP/1.1\r\n\r\n" } },
    { "the rest has no target", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n>5",
      { "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"
        "FOO a HTTP/1.1\r\n\r\n" } },
    { "the same, and only if it is odd", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n>5R<" GET ">",
      { "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nFOO a" GET } },
    { "a request line that began in odd content", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 3x\r\n\r\n>3",
      { "POST / HTTP/1.1\r\nContent-Length: 3x\r\n\r\n"
        "FOO / HTTP/1.1\r\n\r\n" } },
    { "content of CONNECT", TO_SERVER,
      "R<CONNECT a:1 HTTP/1.1\r\nContent-Length: 23\r\n\r\n>5",
      { "CONNECT a:1 HTTP/1.1\r\nContent-Length: 23\r\n\r\n"
        "a b cGET / HTTP/1.1\r\n\r\n" } },
    { "a request in trailers", REQUEST, "R<" CHUNKED ">3",
      { CHUNKED "0\r\nA: b\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a request in trailers that are looked at", TO_SERVER,
      "R<" CHUNKED ">C<0\r\n>",
      { CHUNKED "0\r\nA: b\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a request in a chunk's header", TO_SERVER, "R<" CHUNKED ">",
      { CHUNKED "a;b / HTTP/1.1\r\n" } },
    { "no CRLF behind a chunk's data", TO_SERVER,
      "R<" CHUNKED ">C<2\r\n>2C<xx12\r\n>",
      { CHUNKED "2\r\nhixx12\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a chunk whose size does not fit for some", TO_SERVER,
      "R<" CHUNKED ">C<100000003\r\n>10",
      { CHUNKED "100000003\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n" } },
    { "a version that goes on behind the content", TO_SERVER,
      "R<POST / HTTP/1.1\r\nContent-Length: 04,4\r\nContent-Length: +4"
      "\r\n\r\n>4",
      { "POST / HTTP/1.1\r\nContent-Length: 04,4\r\nContent-Length: +4"
        "\r\n\r\nhttp/1.1 / HTTP/1.1\r\n\r\n" } },
    { "empty members behind the last coding", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTransfer-Encoding: gzip,chunked, ,\r\n\r\n>"
      "C<0\r\n>T<\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nTransfer-Encoding: gzip,chunked, ,\r\n\r\n"
        "0\r\n\r\n" GET } },
    { "the last coding in the first field", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
      "Transfer-Encoding:\r\nTransfer-Encoding: ,\r\n\r\n>"
      "C<0\r\n>T<\r\n>",
      { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        "Transfer-Encoding:\r\nTransfer-Encoding: ,\r\n\r\n0\r\n\r\n" } },
    { "no coding but empty ones", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTransfer-Encoding: ,, \r\n\r\n>R<" GET ">",
      { "POST / HTTP/1.1\r\nTransfer-Encoding: ,, \r\n\r\n" GET } },
    { "REPEATED_CODING", TO_SERVER,
      "R<POST / HTTP/1.1\r\nTransfer-Encoding: chunkedchunked\r\n\r\n>"
      "C<0\r\n>T<\r\n>",
      { "POST / HTTP/1.1\r\nTransfer-Encoding: chunkedchunked\r\n\r\n"
        "0\r\n\r\n" } },
    { "LOOSE_CHUNK_SIZE", TO_SERVER,
      "R<" CHUNKED ">C<0x2\r\n>4C<0_2\r\n>4C< 2 \r\n>4C<2 x\n>4C<\n\t\n+2\r\n>"
      "4C<-0\n>T<\n>R<" GET ">",
      { CHUNKED "0x2\r\nhi\r\n0_2\r\nhi\r\n 2 \r\nhi\r\n2 x\nhi\r\n"
        "\n\t\n+2\r\nhi\r\n-0\n\n" GET } },
    { "chunk size below 0", TO_SERVER, "R<" CHUNKED ">C<-2\r\n>(chunk-size)",
      { CHUNKED "-2\r\nab", OK } },
    { "LOOSE_CHUNK_END", TO_SERVER,
      "R<" CHUNKED ">C<2\r\n>2C<\n2\r\n>2C<xx0\r\n>T<\r\n>R<" GET ">",
      { CHUNKED "2\r\nhi\n2\r\nhixx0\r\n\r\n" GET } },
    { "no chunk size", TO_SERVER, "R<" CHUNKED ">C<;x\r\n>(chunk-size)",
      { CHUNKED ";x\r\nab", OK } },
    { "no chunk size: waits", TO_SERVER, "R<" CHUNKED ">C<;x\r\n>",
      { CHUNKED ";x\r\nab" } },
    { "no chunk size, nothing wanted", 0, "51(chunk-size)",
      { CHUNKED ";x\r\nab", OK } },
    { "chunk size of 64 bits", TO_SERVER,
      "R<" CHUNKED ">C<8000000000000000\r\n>(chunk-size)",
      { CHUNKED "8000000000000000\r\nab", OK } },

    /* RFC 9110 9.3.6, 7.8. */
#define CONNECT "CONNECT a:1 HTTP/1.1\r\n\r\n"
#define UPGRADE "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n"
    { "CONNECT waits", TO_SERVER, "R<" CONNECT ">", { CONNECT "tunnel" } },
    { "CONNECT agreed", TO_SERVER, "R<" CONNECT ">(connect)",
      { CONNECT "tunnel", "HTTP/1.1 200 OK\r\n\r\n" } },
    { "CONNECT answered with content", TO_SERVER, "R<" CONNECT ">R<" GET ">",
      { CONNECT GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" } },
    { "CONNECT answered with no content", TO_SERVER,
      "R<" CONNECT ">R<" GET ">",
      { CONNECT GET, "HTTP/1.1 204 No Content\r\n\r\n" } },
    { "CONNECT answered with chunks", TO_SERVER, "R<" CONNECT ">R<" GET ">",
      { CONNECT GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n" } },
    { "CONNECT refused", TO_SERVER, "R<" CONNECT ">R<" GET ">",
      { CONNECT GET, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" } },
    { "upgrade agreed", TO_SERVER, "R<" UPGRADE ">(upgrade)",
      { UPGRADE "frames", "HTTP/1.1 101 Go\r\n\r\nframes" } },
    { "upgrade refused", TO_SERVER, "R<" UPGRADE ">R<" GET ">",
      { UPGRADE GET, OK } },
    { "upgrade, and a reply that makes no sense", TO_SERVER,
      "R<" UPGRADE ">R<" GET ">", { UPGRADE GET, "no HTTP at all\r\n\r\n" } },
    { "upgrade behind a request", TO_SERVER,
      "R<" GET ">R<" UPGRADE ">R<" GET ">",
      { GET UPGRADE GET, OK "HTTP/1.1 100 Continue\r\n\r\n" OK } },

    /* Forms. */
    { "form", TO_SERVER | BODY,
      "R+<" FORM "Content-Length: 3\r\n\r\n>"
      "B<" FORM "Content-Length: 3\r\n\r\na=b>R<" GET ">",
      { FORM "Content-Length: 3\r\n\r\na=b" GET } },
    { "form that nobody wants", TO_SERVER,
      "R<" FORM "Content-Length: 3\r\n\r\n>3R<" GET ">",
      { FORM "Content-Length: 3\r\n\r\na=b" GET } },
    { "form, chunked", TO_SERVER | BODY,
      "R+<" FORM "Transfer-Encoding: chunked\r\n\r\n>C+<2\r\n>C+<\r\n1\r\n>"
      "C+<\r\n0\r\n>T+<\r\n>B<" FORM "Transfer-Encoding: chunked\r\n\r\n"
      "2\r\na=\r\n1\r\nb\r\n0\r\n\r\n>R<" GET ">",
      { FORM "Transfer-Encoding: chunked\r\n\r\n2\r\na=\r\n1\r\nb\r\n0\r\n"
        "\r\n" GET } },
    { "form, chunked, body wanted", BODY,
      "R+<" FORM "Transfer-Encoding: chunked\r\n\r\n>B<" FORM
      "Transfer-Encoding: chunked\r\n\r\n2\r\na=\r\n1\r\nb\r\n0\r\n\r\n>27",
      { FORM "Transfer-Encoding: chunked\r\n\r\n2\r\na=\r\n1\r\nb\r\n0\r\n"
        "\r\n" GET } },
    { "form too long", TO_SERVER | BODY,
      "R<" FORM "Content-Length: 262144\r\n\r\n>27",
      { FORM "Content-Length: 262144\r\n\r\n"
        "a=b c d efghijklmnopqrstuvw" } },
    { "form with a long chunk", TO_SERVER | BODY,
      "R+<" FORM "Transfer-Encoding: chunked\r\n\r\n>C+<2\r\n>"
      "C<\r\n40000\r\n>27",
      { FORM "Transfer-Encoding: chunked\r\n\r\n2\r\na=\r\n40000\r\n" GET } },
    { "form cut off", TO_SERVER | BODY,
      "R+<" FORM "Content-Length: 3\r\n\r\n>"
      "B<" FORM "Content-Length: 3\r\n\r\na=>",
      { FORM "Content-Length: 3\r\n\r\na=", "", "" } },
};

/* The PROXY protocol's header in bytes (version 2), which passes only where it
 * has nothing of a request in it. */
START_TEST(test_proxy_header)
{
    static const char start[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14"
                                "\300\0\2\1\300\0\2\2\0\1\0\2";
    const char *rest = _i ? "GET /abc" GET : "\4\0\5abcde" GET;
    size_t first = sizeof start - 1, n = first + 8 + sizeof GET - 1;
    char bytes[128];

    memcpy(bytes, start, first);
    memcpy(bytes + first, rest, n - first);
    for (size_t cut = 0; cut < n; cut++) {
        struct test_conn *conn = conn_new(TO_SERVER);

        conn->open = true;
        conn_send(conn, PP_TO_SERVER, bytes, cut);
        conn_send(conn, PP_TO_SERVER, bytes + cut, n - cut);
        log_skip(conn);
        ck_assert_str_eq(conn->log, _i ? "4!38(content-length-conflict)"
                         : "36R<" GET ">");
        free(conn);
    }
}
END_TEST

/* The preface of HTTP/2 says nothing until the server has its part, of which a
 * SETTINGS frame is the first. */
START_TEST(test_http2)
{
    static const char frame[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };
    static const struct {
        bool server_first, settings;
        const char *log;
    } cases[] = {
        { false, true, "24(http2)" },
        { true, true, "(http2)" },
        { false, false, "24(not-http)" },
        { true, false, "(not-http)" },
    };
    bool server_first = cases[_i].server_first;

    for (size_t cut = 0; cut < sizeof frame; cut++) {
        struct test_conn *conn = conn_new(TO_SERVER);
        char bytes[sizeof frame];

        memcpy(bytes, frame, sizeof frame);
        bytes[3] = cases[_i].settings ? 4 : 0;
        if (!server_first) {
            conn_send(conn, PP_TO_SERVER, PREFACE, sizeof PREFACE - 1);
        }
        if (cut && !server_first) {
            conn_send(conn, PP_FROM_SERVER, bytes, cut);
        }
        conn_send(conn, PP_FROM_SERVER, bytes + (server_first ? 0 : cut),
                  sizeof bytes - (server_first ? 0 : cut));
        conn_send(conn, PP_TO_SERVER, PREFACE, sizeof PREFACE - 1);
        log_skip(conn);
        ck_assert_str_eq(conn->log, cases[_i].log);
        free(conn);
    }
}
END_TEST

START_TEST(test_vectors)
{
    vector_check(&vectors[_i]);
}
END_TEST

/* Forms that are held, and whether their client is told to go on: it waits for
 * that and nothing else. */
static const struct {
    const char *sends[4];
    unsigned int n[4];          /* How often, by the end of each. */
} continues[] = {
    { { FORM EXPECT "Content-Length: 3\r\n\r\n", "a=b", GET }, { 1, 1, 1 } },
    { { FORM "EXPECT:100-Continue \r\nContent-Length: 3\r\n\r\n", "a=b" },
      { 1, 1 } },
    { { FORM EXPECT "Transfer-Encoding: chunked\r\n\r\n",
        "3\r\na=b\r\n0\r\n\r\n" }, { 1, 1 } },
    { { FORM EXPECT "Content-Length: 3\r\n\r\n", "a=b",
        FORM EXPECT "Content-Length: 3\r\n\r\n", "a=b" }, { 1, 1, 1, 1 } },
    { { FORM EXPECT "Content-Length: 3\r\n\r\na", "=b" }, { 0, 0 } },
    { { FORM EXPECT "Content-Length: 3\r\n", "\r\n", "a=b" }, { 0, 1, 1 } },
    { { FORM "Content-Length: 3\r\n\r\n", "a=b" }, { 0, 0 } },
    { { FORM "Expect: 100-continued\r\nContent-Length: 3\r\n\r\n" }, { 0 } },
    { { FORM "X-Expect: 100-continue\r\nContent-Length: 3\r\n\r\n" }, { 0 } },
    { { FORM EXPECT EXPECT "Content-Length: 3\r\n\r\n", "a=b" }, { 0, 0 } },
    { { FORM EXPECT "Content-Length: 3\r\nExpect: x\r\n\r\n", "a=b" },
      { 0, 0 } },
    { { "POST / HTTP/1.1\r\n" EXPECT "Content-Length: 3\r\n\r\n" }, { 0 } },
    { { GET FORM EXPECT "Content-Length: 3\r\n\r\n", "a=b" }, { 0, 0 } },
};

START_TEST(test_continue)
{
    struct test_conn *conn = conn_new(TO_SERVER | BODY);

    for (int i = 0; i < 4 && continues[_i].sends[i]; i++) {
        conn_send(conn, PP_TO_SERVER, continues[_i].sends[i],
                  strlen(continues[_i].sends[i]));
        ck_assert_uint_eq(conn->n_interim, continues[_i].n[i]);
    }
    free(conn);
}
END_TEST

/* Replies. */

/* Refused messages: what is left of them is swallowed. */
static const struct {
    const char *send;
    enum pp_outcome outcome[4];
    const char *log;
} refusals[] = {
    { GET GET, { PP_REFUSED }, "R<" GET ">R<" GET ">" },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" GET, { PP_REFUSED },
      "R<POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n>3!R<" GET ">" },
    { CHUNKED "2\r\nhi\r\n0\r\nA: b\r\n\r\n" GET, { PP_SWALLOWED },
      "R<" CHUNKED ">18!R<" GET ">" },
    { CHUNKED "2\r\nhi\r\n0\r\n\r\n" GET, { PP_PASSED, PP_REFUSED },
      "R<" CHUNKED ">C<2\r\n>36!" },
    { CHUNKED "x\r\n" GET, { PP_REFUSED }, "R<" CHUNKED ">30!" },
    { CONTENT("3", "a=b") GET, { PP_PASSED, PP_REFUSED },
      "R+<" CONTENT("3", "") ">B<" CONTENT("3", "a=b") ">R<" GET ">" },
    { CHUNKS("2\r\nhi\r\n0\r\n\r\n") GET, { PP_PASSED, PP_REFUSED },
      "R+<" CHUNKS("") ">C+<2\r\n>9!R<" GET ">" },

    /* What is behind is the first for the server. */
    { GET PREFACE, { PP_REFUSED }, "R<" GET ">24" },
    { CONTENT("3", "a=b") PREFACE, { PP_PASSED, PP_REFUSED },
      "R+<" CONTENT("3", "") ">B<" CONTENT("3", "a=b") ">24" },
    { CONTENT("3", "a=b") "PRI * HTTP/2.0\r\n\r\n", { PP_PASSED, PP_PASSED },
      "R+<" CONTENT("3", "") ">B<" CONTENT("3", "a=b") ">"
      "R<PRI * HTTP/2.0\r\n\r\n>" },
};

START_TEST(test_refused)
{
    size_t piece;

    for (piece = 1; piece < 400; piece++) {
        struct test_conn *conn = conn_new(TO_SERVER | BODY);
        size_t pos, n, len = strlen(refusals[_i].send);

        memcpy(conn->outcome, refusals[_i].outcome,
               sizeof refusals[_i].outcome);
        for (pos = 0; pos < len; pos += n) {
            n = len - pos < piece ? len - pos : piece;
            conn_send(conn, PP_TO_SERVER, refusals[_i].send + pos, n);
        }
        log_skip(conn);
        ck_assert_str_eq(conn->log, refusals[_i].log);
        free(conn);
    }
}
END_TEST

static const struct when_vector when_vectors[] = {
    { "nw", { GET GET } },
    { "nn", { GET, OK, GET } },
    { "nw", { GET, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", GET } },
    { "nww", { GET GET, OK, GET } },
    { "nwn", { GET GET, OK OK, GET } },
    { "nn", { GET, "HTTP/1.1 100 Continue\r\n\r\n" OK, GET } },
    { "n-", { GET, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                   "Content-Length: 0\r\n\r\n", GET } },
    { "n-", { GET, "HTTP/1.0 200 OK\r\n\r\nuntil close", GET } },
    { "nn", { "HEAD / HTTP/1.1\r\n\r\n",
              "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", GET } },
    { "nn", { GET, "HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\n", GET } },
    { "nn", { GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "2;a\r\nhi\r\n0\r\nA: b\r\n\r\n", GET } },
    { "nw", { GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "2;a\r\nhi\r\n0\r\nA: b\r\n", GET } },
    { "nn", { CHUNKED, "HTTP/1.1 100 Continue\r\n\r\n", "2\r\n" } },
    { "n-", { CHUNKED, "HTTP", "2\r\n" } },
    { "n-", { CHUNKED, OK, "2\r\n" } },
    { "nww", { GET CHUNKED, "HTTP/1.1 200", "2\r\n" } },
    { "nwn", { GET CHUNKED, OK, "2\r\n" } },
    { "-", { "", "HTTP/1.1 408 Slow\r\n\r\n", GET } },
};

START_TEST(test_reply_when)
{
    when_check(&when_vectors[_i], TO_SERVER);
}
END_TEST

static struct pp_bytes
text(const char *s)
{
    return (struct pp_bytes) { .p = (const uint8_t *) s, .n = strlen(s) };
}

START_TEST(test_refuse)
{
    struct pp_reply reply = { .status = 400 };

    refuse_check(&reply, TO_SERVER, GET, "HTTP/1.1 400 Bad Request\r\n\r\n",
                 false);
    reply.close = true;
    reply.n_headers = 1;
    reply.headers[0].name = text("Connection");
    reply.headers[0].value = text("close");
    refuse_check(&reply, TO_SERVER, GET,
                 "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
                 true);
    reply.close = false;
    reply.body = text("no");
    reply.reason = text("Really Bad");
    refuse_check(&reply, TO_SERVER, GET,
                 "HTTP/1.1 400 Really Bad\r\nConnection: close\r\n"
                 "Content-Length: 2\r\n\r\nno", false);
    refuse_check(&reply, TO_SERVER, "HEAD / HTTP/1.1\r\n\r\n",
                 "HTTP/1.1 400 Really Bad\r\nConnection: close\r\n"
                 "Content-Length: 2\r\n\r\n", false);
    refuse_check(&reply, TO_SERVER, CHUNKED "2\r\n",
                 "HTTP/1.1 400 Really Bad\r\nConnection: close\r\n"
                 "Content-Length: 2\r\n\r\nno", true);
    reply.headers[0].name = text("content-length");
    reply.headers[0].value = text("2");
    refuse_check(&reply, TO_SERVER, GET,
                 "HTTP/1.1 400 Really Bad\r\ncontent-length: 2\r\n\r\nno",
                 false);
    reply.raw = true;
    refuse_check(&reply, TO_SERVER, GET, "no", false);
}
END_TEST

/* What is no request, and passes: it has a version nowhere, as long as the
 * server may speak HTTP. */
static const struct {
    const char *name;
    const char *bytes;
    size_t n;
    const char *answer;         /* Before 'more'; NULL: there is none. */
    const char *more;           /* NULL: FIN. */
    const char *log;
} foreign[] = {
#define BYTES(S) S, sizeof S - 1
    { "no version", BYTES("\1\2\0\r\nno HTTP \n"), NULL, "", "!14" },
    { "a method", BYTES("\1ET / HTTP/1.1\r\n\r\n"), NULL, "",
      "!6(content-length-conflict)" },
    { "a method with NUL", BYTES("\1\0T / http/1.0\r\n\r\n"), NULL, "",
      "!6(content-length-conflict)" },
    { "TLS' first byte", BYTES("\x16GET / HTTP/1.1\r\n\r\n"), NULL, "",
      "!7(content-length-conflict)" },
    { "a request like TLS",
      BYTES("\x16\3\1\0\x17\1A / HTTP/1.1\r\nA: b\r\n\r\n"), NULL, "",
      "(content-length-conflict)" },
    { "the same in two", BYTES("\x16\3\1\0\x17\1A / HTTP/1."), NULL,
      "1\r\nA: b\r\n\r\n", "(content-length-conflict)" },
    { "the same without a version", BYTES("\x16\3\1\0\x8\1A /\r\n\r\n"), NULL,
      "", "(content-length-conflict)" },
    { "the same, which ends before that does",
      BYTES("\x16\3\1\0\x17\1A / HTTP/1.1\r\n\r\n"), NULL, NULL,
      "!10(content-length-conflict)" },
    { "TLS of a client of HTTP", BYTES("\x16\3\1\0\xb\1\0\bhttp/1.1"), "\x16",
      "a / http/1.1", "16(tls)" },
    { "in two", BYTES("\1ET / HTT"), NULL, "P/1.1\r\n\r\n",
      "!6(content-length-conflict)" },
    { "behind other bytes", BYTES("\1\2\0"), NULL, GET,
      "!9(content-length-conflict)" },
    { "no word", BYTES(" \n\n"), NULL, GET, "!9(content-length-conflict)" },
    { "one word", BYTES("GET\r\n\r\n"), NULL, GET,
      "R<GET\r\n\r\n>!6(content-length-conflict)" },
    { "one word that LF ends", BYTES("GET\n\n"), NULL, GET,
      "R<GET\n\n>(content-length-conflict)" },
    { "a head without a version", BYTES("\1ET *\0 \r\nA: b\r\n\r\n"), NULL,
      "", "!16(content-length-conflict)" },
    { "such a head in two", BYTES("\1ET *\0\r\nA: b\r\n"), NULL, "\r\nmore",
      "!15(content-length-conflict)" },
    { "such a head in three words", BYTES("\1ET "), NULL, "*\r\n\r\n",
      "!8(content-length-conflict)" },
    { "such a head behind another",
      BYTES("\1\r\n\r\n\n \0\tET * \t\v\f\r\n\r\n"), NULL, "",
      "!20(content-length-conflict)" },
    { "white space behind such a line", BYTES("\1ET * \n\r\r\n\r\n"), NULL, "",
      "!11(content-length-conflict)" },
    { "a bare LF in it", BYTES("\1ET\n *\r\n\r\n"), NULL, "\r\n", "!12" },
    { "a bare CR in it", BYTES("\1ET \r*\r\n\r\n"), NULL, "\r\n", "!12" },
    { "a bare CR behind it", BYTES("\1ET *\r\n\r\r\n"), NULL, "\r\n",
      "!11(content-length-conflict)" },
    { "three words", BYTES("\1ET * *\r\nA: b\r\n\r\n"), NULL, "\r\n", "!19" },
    { "no whole head", BYTES("\1ET *\r\n"), NULL, "A\nb\r\n\n", "!13" },
    { "a line with a path", BYTES("\1ET\t/a b\n"), NULL, "",
      "!8(content-length-conflict)" },
    { "a line with a URL, in pieces", BYTES("\1\177 ht"), NULL, "tp:x\r\n",
      "!10(content-length-conflict)" },
    { "no path", BYTES("\1\177 x/ /\n"), NULL, "a /\n", "!12" },
    { "no path's bytes", BYTES("\1\177 /\1 /\n"), NULL, "", "!8" },
    { "a path behind LF", BYTES("\1\n/a \n"), NULL, "",
      "!5(content-length-conflict)" },
    { "such a head behind the server's bytes", BYTES("\1ET /"), "\3\4\5",
      "\r\n\r\n", "!5(not-http)" },
    { "behind the server's bytes", BYTES("\1\2\0"), "\3\4\5", GET,
      "!3(not-http)" },
    { "the server is HTTP's", BYTES("\1\2\0"),
      "HTTP/1.1 400 Bad Request\r\n\r\n", GET, "!921!" },
#undef BYTES
};

START_TEST(test_foreign)
{
    struct test_conn *conn = conn_new(TO_SERVER);

    conn->open = true;
    conn_send(conn, PP_TO_SERVER, foreign[_i].bytes, foreign[_i].n);
    if (foreign[_i].answer) {
        conn_send(conn, PP_FROM_SERVER, foreign[_i].answer,
                  strlen(foreign[_i].answer));
    }
    if (foreign[_i].more) {
        conn_send(conn, PP_TO_SERVER, foreign[_i].more,
                  strlen(foreign[_i].more));
    } else {
        conn_eof(conn, PP_TO_SERVER);
    }
    log_skip(conn);
    ck_assert_msg(!strcmp(conn->log, foreign[_i].log), "%s: %s, not %s",
                  foreign[_i].name, conn->log, foreign[_i].log);
    free(conn);
}
END_TEST

static Suite *
http_suite(void)
{
    Suite *suite = suite_create("http");
    TCase *tc = tcase_create("http");

#define LOOP(TEST, ARRAY) \
    tcase_add_loop_test(tc, TEST, 0, sizeof (ARRAY) / sizeof (ARRAY)[0])
    LOOP(test_vectors, vectors);
    tcase_add_loop_test(tc, test_http2, 0, 4);
    tcase_add_loop_test(tc, test_proxy_header, 0, 2);
    tcase_add_loop_test(tc, test_continue, 0,
                        sizeof continues / sizeof continues[0]);
    LOOP(test_refused, refusals);
    LOOP(test_reply_when, when_vectors);
    tcase_add_test(tc, test_refuse);
    tcase_add_loop_test(tc, test_foreign, 0,
                        sizeof foreign / sizeof *foreign);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return driver_main("http", HTTP_LETTERS, false, http_suite());
}
