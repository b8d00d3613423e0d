/* SPDX-License-Identifier: Apache-2.0 */

/* What clients, and proxies in front of them, may send before all requests.
 *
 * In: a text, the connection's first bytes.  Out: how much of it that is.
 * Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "pp-http.h"

#include <string.h>

/* How many bytes of 'text' are those of 'word', 'n' bytes. */
static size_t
same_bytes(const struct pp_reader *text, const char *word, size_t n)
{
    size_t i = 0;

    while (i < n && pp_reader_peek(text, i) == (uint8_t) word[i]) {
        i++;
    }
    return i;
}

/* How much of the preface of HTTP/2 (RFC 9113 3.4) the client's first bytes
 * are: all of it, if so many are there, or 0. */
uint32_t
pp_http_preface(const struct pp_reader *text)
{
    static const char all[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    uint32_t n = (uint32_t) same_bytes(text, all, PP_HTTP_PREFACE);

    _Static_assert(sizeof all - 1 == PP_HTTP_PREFACE, "its length");
    return n == PP_HTTP_PREFACE || n == text->end ? n : 0;
}

/* The two forms of the PROXY protocol's header (HAProxy's proxy-protocol.txt,
 * 2.1 and 2.2), which balancers put before what the client sends. */
#define PROXY_V1_MAX 107
#define PROXY_V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_V2_MIN 16

/* A line with addresses and ports, or UNKNOWN: nothing that could be part of a
 * request. */
static enum pp_http_found
proxy_v1(const struct pp_reader *text, uint32_t *n)
{
    static const char start[] = "PROXY ", unknown[] = "UNKNOWN";
    uint8_t ending;
    size_t i, end;

    i = same_bytes(text, start, sizeof start - 1);
    if (i < sizeof start - 1) {
        return i == text->end ? PP_HTTP_MORE : PP_HTTP_MALFORMED;
    }
    for (; i < text->end && i < PROXY_V1_MAX; i++) {
        int c = pp_reader_peek(text, i);

        if (c == '\r') {
            break;
        }
        if (pp_http_hex(c) < 0 && !strchr("TCP46.: ", c)
            && !strchr(unknown, c)) {
            return PP_HTTP_MALFORMED;
        }
    }
    if (i + 1 >= text->end) {
        return PP_HTTP_MORE;
    }
    if (i >= PROXY_V1_MAX || !pp_http_line_end(text, i, &end, &ending)
        || end != i + 2) {
        return PP_HTTP_MALFORMED;
    }
    *n = (uint32_t) end;
    return PP_HTTP_FOUND;
}

/* Bytes, in which no request may be. */
static enum pp_http_found
proxy_v2(const struct pp_reader *text, uint32_t *n)
{
    size_t i = same_bytes(text, PROXY_V2_SIGNATURE,
                          sizeof PROXY_V2_SIGNATURE - 1);
    size_t end = PROXY_V2_MIN, there;

    if (i < sizeof PROXY_V2_SIGNATURE - 1) {
        return i == text->end ? PP_HTTP_MORE : PP_HTTP_MALFORMED;
    }
    if (text->end < end) {
        return PP_HTTP_MORE;
    }
    end += (size_t) (pp_reader_peek(text, 14) << 8
                     | pp_reader_peek(text, 15));
    there = end < text->end ? end : text->end;
    if ((pp_reader_peek(text, 12) & 0xf0) != 0x20 || end > PP_HTTP_HEAD_MAX
        || pp_http_watch_find(text, i, there, false) < there) {
        return PP_HTTP_MALFORMED;
    }
    if (text->end < end) {
        return PP_HTTP_MORE;
    }
    *n = (uint32_t) end;
    return PP_HTTP_FOUND;
}

/* Does 'text' begin with a PROXY header?  PP_HTTP_FOUND: with '*n' bytes of
 * it; PP_HTTP_MORE: what follows may tell; PP_HTTP_MALFORMED: no. */
enum pp_http_found
pp_http_proxy_header(const struct pp_reader *text, uint32_t *n)
{
    return (pp_reader_peek(text, 0) == 'P' ? proxy_v1(text, n)
            : pp_reader_peek(text, 0) == '\r' ? proxy_v2(text, n)
            : PP_HTTP_MALFORMED);
}
