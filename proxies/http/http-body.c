/* SPDX-License-Identifier: Apache-2.0 */

/* A held form: which kind it is, its decoded bytes, and where they stand.
 *
 * In: a head and what is behind it.  Out: the body in one run.  Runs in the
 * engine's data threads; owns nothing. */

#include <config.h>

#include "pp-http.h"

#include <string.h>

/* The media type of the content, without its parameters (RFC 9110 8.3.1), by
 * the first Content-Type.  Of length 0 where there is none. */
struct pp_span
pp_http_media_type(const struct pp_reader *text,
                   const struct pp_http_head *head)
{
    const struct pp_http_fields *fields = &head->fields;
    struct pp_span type;

    if (!fields->count[PP_HTTP_H_CONTENT_TYPE]) {
        return (struct pp_span) { .len = 0 };
    }
    type = pp_http_first_value(text, fields, PP_HTTP_H_CONTENT_TYPE);
    type.len = pp_http_find(text, type, ';') - type.off;
    return pp_http_trim(text, type);
}

/* Which kind of form the content is, by its type. */
enum pp_http_form_type
pp_http_form_type(const struct pp_reader *text,
                  const struct pp_http_head *head)
{
    struct pp_span type = pp_http_media_type(text, head);

    return pp_http_equals(text, type, "application/x-www-form-urlencoded")
           ? PP_HTTP_URLENCODED
           : pp_http_equals(text, type, "multipart/form-data")
           ? PP_HTTP_MULTIPART : PP_HTTP_NO_FORM;
}

/* Takes the data of 'chunk' in as the next piece, 'body_off' bytes behind the
 * body's start.  False when there are too many. */
static bool
piece_add(struct pp_http_msg *msg, const struct pp_http_chunk *chunk,
          uint32_t body_off)
{
    struct pp_http_piece *piece = &msg->scratch->pieces[msg->n_pieces];
    size_t left = msg->text.end - chunk->end;

    if (msg->n_pieces >= PP_HTTP_CHUNKS_MAX) {
        return false;
    }
    piece->chunk = *chunk;
    piece->body_off = body_off;
    piece->view_off = chunk->end;
    piece->len = (uint64_t) chunk->size < left ? (uint32_t) chunk->size
                                               : (uint32_t) left;
    msg->n_pieces++;
    return true;
}

/* Reads all chunks.  'body_end' becomes the end of the last one's header. */
static enum pp_http_found
pieces_parse(struct pp_http_msg *msg, bool eof)
{
    struct pp_http_chunk chunk;
    uint32_t pos = msg->head.fields.end, len = 0;

    for (;;) {
        uint32_t scan = 0;
        enum pp_http_found found
            = pp_http_chunk_parse(&msg->text, pos, msg->n_pieces != 0, eof,
                                  &scan, &chunk);

        msg->body_end = pos;
        if (found == PP_HTTP_MORE && eof) {
            msg->body_truncated = true;
            msg->body_end = (uint32_t) msg->text.end;
            return PP_HTTP_FOUND;
        }
        if (found != PP_HTTP_FOUND) {
            return found;
        }
        if (chunk.size < 0) {
            return PP_HTTP_MALFORMED;
        }
        msg->body_end = chunk.end;
        if (!chunk.size) {
            msg->chunk = chunk;
            return PP_HTTP_FOUND;
        }
        if (!piece_add(msg, &chunk, len)) {
            return PP_HTTP_TOO_MANY;
        }
        len += msg->scratch->pieces[msg->n_pieces - 1].len;
        pos = msg->scratch->pieces[msg->n_pieces - 1].view_off
              + msg->scratch->pieces[msg->n_pieces - 1].len;
        if (pos == msg->text.end && !eof) {
            return PP_HTTP_MORE;
        }
    }
}

/* Puts the pieces together. */
static void
pieces_join(struct pp_http_msg *msg)
{
    struct pp_http_scratch *scratch = msg->scratch;
    struct pp_buf buf;
    uint32_t i;

    if (msg->n_pieces == 1) {
        struct pp_reader r = msg->text;

        pp_reader_skip(&r, scratch->pieces[0].view_off);
        msg->body = pp_reader_init(pp_reader_bytes(&r, scratch->pieces[0].len),
                                   scratch->pieces[0].len);
        return;
    }
    pp_buf_init(&buf, scratch->body, sizeof scratch->body);
    for (i = 0; i < msg->n_pieces; i++) {
        const struct pp_http_piece *piece = &scratch->pieces[i];
        struct pp_reader r = msg->text;

        pp_reader_skip(&r, piece->view_off);
        pp_buf_put(&buf, pp_reader_bytes(&r, piece->len), piece->len);
    }
    msg->body = pp_reader_init(buf.data, buf.len);
}

/* Reads the trailers behind the last chunk. */
static enum pp_http_found
chunked_end(struct pp_http_msg *msg, bool eof)
{
    enum pp_http_found found;

    if (msg->body_truncated) {
        msg->trailers.n = 0;
        msg->trailers.start = msg->trailers.end = msg->body_end;
        msg->trailers.truncated = true;
        return PP_HTTP_FOUND;
    }
    found = pp_http_fields_parse(&msg->text, msg->body_end, eof,
                                 &msg->trailers);
    msg->body_truncated = msg->trailers.truncated;
    msg->body_end = msg->trailers.end;
    return found;
}

/* Reads the content behind the head of 'msg', all of which has come. */
enum pp_http_found
pp_http_body_parse(struct pp_http_msg *msg, bool eof)
{
    const struct pp_http_head *head = &msg->head;
    enum pp_http_found found;
    struct pp_reader r = msg->text;
    size_t left;

    msg->form = pp_http_form_type(&msg->text, head);
    msg->n_pieces = 0;
    msg->body_start = head->fields.end;
    if (head->framing.kind == PP_HTTP_CHUNKED) {
        found = pieces_parse(msg, eof);
        if (found != PP_HTTP_FOUND) {
            return found;
        }
        pieces_join(msg);
        return chunked_end(msg, eof);
    }
    pp_reader_skip(&r, msg->body_start);
    left = pp_reader_left(&r);
    if (head->framing.length <= left) {
        left = head->framing.length;
    } else if (!eof) {
        return PP_HTTP_MORE;
    } else {
        msg->body_truncated = true;
    }
    msg->body = pp_reader_init(pp_reader_bytes(&r, left), left);
    msg->body_end = msg->body_start + (uint32_t) left;
    return PP_HTTP_FOUND;
}

/* Where byte 'off' of the body stands in the view; with 'end', where the byte
 * before it ends.  They differ where a chunk starts. */
uint32_t
pp_http_body_to_view(const struct pp_http_msg *msg, uint32_t off, bool end)
{
    const struct pp_http_piece *pieces = msg->scratch->pieces;
    uint32_t low = 0, high = msg->n_pieces, at = off - (end && off ? 1 : 0);

    if (!msg->n_pieces) {
        return msg->body_start + off;
    }
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (pieces[middle].body_off <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return pieces[low].view_off + (off - pieces[low].body_off);
}
