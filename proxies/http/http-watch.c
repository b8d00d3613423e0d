/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that servers may tell apart in other places than we do.
 *
 * RFC 9112 section 11.2 calls it request smuggling: a field or a chunk that
 * only some read has what is content for one be a request for another.  Which
 * reading is the server's cannot be known.  But whatever it is, a request has
 * a version in its first line.  So once a client has sent something odd, its
 * connection is watched: "HTTP/" is let through in the first line of what is a
 * request for us, and nowhere else.
 *
 * In: heads and chunk headers, and bytes of a connection that is watched.
 * Out: whether they are odd, and where they have to stop.  Keeps nothing. */

#include <config.h>

#include "pp-http.h"

#include <string.h>

#include "util.h"

/* Is the name of 'f' one that says how long the content is, but for such bytes
 * around it? */
static bool
name_is_odd(const struct pp_reader *text, const struct pp_http_field *f)
{
    struct pp_span s = pp_http_raw_name(f);
    uint32_t end = pp_http_span_end(s);

    while (s.off < end && pp_http_wraps(pp_reader_peek(text, s.off))) {
        s.off++;
    }
    while (end > s.off && pp_http_wraps(pp_reader_peek(text, end - 1))) {
        end--;
    }
    if (end - s.off == s.len) {
        return false;
    }
    s = pp_http_span(s.off, end);
    return pp_http_equals(text, s, "content-length")
           || pp_http_equals(text, s, "transfer-encoding");
}

/* Is 'f', a Transfer-Encoding, other than "chunked" alone, and yet perhaps
 * that for some? */
static bool
coding_is_odd(const struct pp_reader *text, const struct pp_http_field *f)
{
    struct pp_span s = pp_http_raw_value(f);

    if (!f->folded
        && pp_http_equals(text, pp_http_trim(text, s), "chunked")) {
        return false;
    }
    for (; s.len; s = pp_http_span(s.off + 1, pp_http_span_end(s))) {
        if (pp_http_starts(text, s, "chunked")) {
            return true;
        }
    }
    return false;
}

/* See pp-http.h. */
enum pp_http_odd
pp_http_head_odd(const struct pp_reader *text, const struct pp_http_head *head)
{
    const struct pp_http_fields *fields = &head->fields;
    uint32_t lengths = fields->count[PP_HTTP_H_CONTENT_LENGTH];
    uint32_t codings = fields->count[PP_HTTP_H_TRANSFER_ENCODING];
    uint32_t n = codings || fields->unusual ? fields->n : 0;
    bool odd = codings > 1 || (lengths && !head->framing.valid);

    if ((lengths || codings) && (head->line_ending == 1 || fields->bare_lf)) {
        return PP_HTTP_ODD_LINES;
    }
    /* Whatever else is odd, only such a head has. */
    for (uint32_t i = 0; i < n; i++) {
        const struct pp_http_field *f = &fields->f[i];

        /* For Node.js the fields end by a CR where a line would start. */
        if (pp_reader_peek(text, f->line.off) == '\r') {
            return PP_HTTP_ODD_LINES;
        }
        odd |= (name_is_odd(text, f)
                || (f->id == PP_HTTP_H_CONTENT_LENGTH && f->folded)
                || (f->id == PP_HTTP_H_TRANSFER_ENCODING
                    && coding_is_odd(text, f)));
    }
    return odd ? PP_HTTP_ODD_LENGTH : PP_HTTP_NOT_ODD;
}

/* See pp-http.h. */
bool
pp_http_chunk_is_odd(const struct pp_reader *text,
                     const struct pp_http_chunk *chunk)
{
    return !chunk->valid || chunk->ending == 1
           || (pp_http_find(text, chunk->line, '\r')
               < pp_http_span_end(chunk->line));
}

/* See pp-http.h. */
bool
pp_http_trailers_are_odd(const struct pp_reader *text, size_t pos, size_t end)
{
    for (size_t i = pos; i + 1 < end; i++) {
        int c = pp_reader_peek(text, i);

        if ((i == pos || pp_reader_peek(text, i - 1) == '\n') && c == '\r'
            && pp_reader_peek(text, i + 1) != '\n') {
            return true;
        }
    }
    return false;
}

/* What versions begin with.  Node.js takes two others, in capitals, for some
 * methods. */
static const struct version {
    const char *text;
    bool any_case;
} versions[] = { { "http/", true }, { "ICE/", false }, { "RTSP/", false } };
#define VERSION_MAX 5

/* True when the bytes at 'pos' are those of 'v' from its byte 'from' on: all,
 * or as many as there are before the text's end. */
static bool
version_at(const struct pp_reader *text, size_t pos, const struct version *v,
           size_t from)
{
    for (; v->text[from] && pos < text->end; from++, pos++) {
        int c = pp_reader_peek(text, pos);

        if ((v->any_case ? pp_http_lower(c) : c) != v->text[from]) {
            return false;
        }
    }
    return true;
}

/* See pp-http.h. */
size_t
pp_http_watch_find(const struct pp_reader *text, size_t pos, size_t end)
{
    for (; pos < end; pos++) {
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
            if (strlen(versions[i].text) <= end - pos
                && version_at(text, pos, &versions[i], 0)) {
                return pos;
            }
        }
    }
    return end;
}

/* See pp-http.h. */
size_t
pp_http_watch_pending(const struct pp_reader *text, size_t pos, size_t end)
{
    struct pp_reader r = *text;

    r.end = end;
    for (size_t n = MIN(VERSION_MAX - 1, end - pos); n; n--) {
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
            if (n < strlen(versions[i].text)
                && version_at(&r, end - n, &versions[i], 0)) {
                return n;
            }
        }
    }
    return 0;
}

/* See pp-http.h. */
bool
pp_http_watch_continues(const struct pp_reader *text, size_t pos, size_t begun)
{
    for (size_t i = 0; begun && i < ARRAY_SIZE(versions); i++) {
        size_t n = strlen(versions[i].text);

        if (begun < n && n - begun <= text->end - MIN(pos, text->end)
            && version_at(text, pos, &versions[i], begun)) {
            return true;
        }
    }
    return false;
}
