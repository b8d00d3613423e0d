/* SPDX-License-Identifier: Apache-2.0 */

/* A chunk's header line (RFC 9112 7.1).
 *
 * In: a text and a position in it.  Out: spans of the text, and the size as
 * the most lenient servers read it.  Runs in the engine's data threads; owns
 * nothing. */

#include <config.h>

#include "pp-http.h"

/* Reads a size: white space around, a sign, "0x" and '_' as Python's int(),
 * digits as far as they go as C's strtol().  Returns -1 where there is no
 * digit or no room, and for less than 0. */
static int64_t
size_parse(const struct pp_reader *text, struct pp_span s)
{
    uint32_t pos, end;
    int64_t size = -1;
    bool minus;

    s = pp_http_trim(text, s);
    pos = s.off;
    end = pp_http_span_end(s);
    minus = pos < end && pp_reader_peek(text, pos) == '-';
    if (minus || (pos < end && pp_reader_peek(text, pos) == '+')) {
        pos++;
    }
    if (end - pos > 2 && pp_reader_peek(text, pos) == '0'
        && pp_http_lower(pp_reader_peek(text, pos + 1)) == 'x') {
        pos += 2;
    }
    for (; pos < end; pos++) {
        int c = pp_reader_peek(text, pos), digit = pp_http_hex(c);

        if (c == '_' && size >= 0) {
            continue;
        }
        if (digit < 0) {
            break;
        }
        size = size < 0 ? 0 : size;
        if (size > INT64_MAX >> 4) {
            return -1;
        }
        size = size << 4 | digit;
    }
    return minus && size ? -1 : size;
}

/* Reads a size as RFC 9112 has it: digits and nothing else. */
static bool
size_valid(const struct pp_reader *text, struct pp_span s)
{
    uint32_t i;

    for (i = 0; i < s.len; i++) {
        if (pp_http_hex(pp_reader_peek(text, s.off + i)) < 0) {
            return false;
        }
    }
    return s.len > 0;
}

/* Reads what should be the CRLF after a chunk's data, at 'pos'.  Where it is
 * not, servers that go on take LF alone, or any two bytes.  Returns its
 * length, or 0 when it has not come. */
static uint32_t
data_end_parse(const struct pp_reader *text, size_t pos, bool eof)
{
    int c = pp_reader_peek(text, pos);

    if (c < 0) {
        return 0;
    }
    if (c == '\n') {
        return 1;
    }
    return pp_reader_peek(text, pos + 1) >= 0 ? 2 : eof;
}

/* Looks for the end of the line that starts at 'start', from 'look' on.  For
 * Python's int() a LF without CR before a size is white space, and no other
 * server takes a line without a size. */
static bool
line_find(const struct pp_reader *text, size_t start, size_t look,
          size_t *end, uint8_t *ending)
{
    size_t pos = start;

    while (pp_http_line_end(text, look, end, ending)) {
        while (pos < *end && (pp_http_is_ows(pp_reader_peek(text, pos))
                              || pp_reader_peek(text, pos) == '\n')) {
            pos++;
        }
        if (pos < *end || !PP_HTTP_LOOSE_CHUNK_SIZE) {
            return true;
        }
        look = *end;
    }
    return false;
}

/* Reads the chunk header at 'pos'; where 'before' is set, what ends the last
 * chunk's data comes first.  'scan' is how far there is no LF, from 'pos', and
 * is kept for the next call.  Of one that is too long '*chunk' has the first
 * PP_HTTP_CHUNK_LINE_MAX bytes. */
enum pp_http_found
pp_http_chunk_parse(const struct pp_reader *text, size_t pos, bool before,
                    bool eof, uint32_t *scan, struct pp_http_chunk *chunk)
{
    size_t end = text->end, start = pos, look;
    uint32_t data_end = 0, semicolon;

    if (before) {
        data_end = data_end_parse(text, pos, eof);
        if (!data_end) {
            return PP_HTTP_MORE;
        }
        start += data_end;
    }
    look = pos + *scan > start ? pos + *scan : start;
    chunk->ending = 0;
    if (!line_find(text, start, look, &end, &chunk->ending)) {
        end = text->end;
        chunk->ending = 0;
        *scan = (uint32_t) (text->end - pos);
        if (text->end - pos <= PP_HTTP_CHUNK_LINE_MAX
            && (!eof || text->end == pos)) {
            return PP_HTTP_MORE;
        }
    } else if (end - 1 > start) {
        /* The CR may have come in an earlier look. */
        chunk->ending = pp_reader_peek(text, end - 2) == '\r' ? 2 : 1;
    }
    chunk->truncated = end - pos > PP_HTTP_CHUNK_LINE_MAX;
    if (chunk->truncated) {
        end = pos + PP_HTTP_CHUNK_LINE_MAX;
        chunk->ending = 0;
    }
    *scan = 0;

    chunk->start = (uint32_t) pos;
    chunk->end = (uint32_t) end;
    chunk->before = pp_http_span(pos, start);
    if (data_end == 2 && pp_reader_peek(text, pos) == '\r'
        && pp_reader_peek(text, pos + 1) == '\n') {
        chunk->before.len = 0;
    }
    chunk->line = pp_http_span(start, end - chunk->ending);
    semicolon = pp_http_find(text, chunk->line, ';');
    chunk->size_text = pp_http_span(start, semicolon);
    chunk->ext = pp_http_span(semicolon, end - chunk->ending);
    chunk->size = size_parse(text, chunk->size_text);
    chunk->valid = size_valid(text, chunk->size_text);
    chunk->odd = pp_http_chunk_is_odd(text, chunk);
    return chunk->truncated ? PP_HTTP_TOO_LONG : PP_HTTP_FOUND;
}
