/* SPDX-License-Identifier: Apache-2.0 */

/* Lengths and separators after an edit.
 *
 * In: a unit and the corrector's edits.  Out: more edits.  Runs in the
 * engine's data threads; owns nothing.
 *
 * Whatever was edited, at the end the message is read again with the edits
 * made: it must end where it should, and its content be as long as it is.
 * That no edit can break the framing is so not left to a list of cases. */

#include <config.h>

#include "http-fields.h"
#include "pp-http.h"

#include <string.h>

static uint64_t
edit_end(const struct pp_edit *e)
{
    return (uint64_t) e->off + e->removed;
}

static void
remove_bytes(struct pp_edits *edits, uint32_t start, uint32_t end)
{
    pp_edits_add(edits, start, end - start, (struct pp_bytes) { .n = 0 });
}

/* Separators. */

/* A list within a text: what to look at for separators left over. */
struct region {
    const struct pp_http_msg *m;
    const struct pp_reader *text;
    struct pp_span span;        /* The list, in 'text'. */
    struct pp_span whole;       /* What goes with the last item. */
    int separator;
    bool body;                  /* 'text' is the body, not the view. */
};

/* The place in the body of byte 'off' of the view; of the next byte of the
 * body, where it is none of its. */
static uint32_t
view_to_body(const struct pp_http_msg *m, uint32_t off)
{
    const struct pp_http_piece *pieces = m->scratch->pieces;
    uint32_t i;

    if (!m->n_pieces) {
        return off < m->body_start ? 0 : off - m->body_start;
    }
    for (i = 0; i < m->n_pieces; i++) {
        if (off <= pieces[i].view_off) {
            return pieces[i].body_off;
        }
        if (off <= pieces[i].view_off + pieces[i].len) {
            return pieces[i].body_off + (off - pieces[i].view_off);
        }
    }
    return (uint32_t) m->body.end;
}

static uint32_t
region_at(const struct region *region, uint32_t off)
{
    return region->body ? view_to_body(region->m, off) : off;
}

static bool
is_separator(const struct region *region, int c)
{
    return c == region->separator
           || (region->separator != '&' && pp_http_is_space(c));
}

/* Finds the run of deletions that takes the end of the region away: where it
 * starts, or the region's end. */
static uint32_t
deleted_from(const struct region *region, const struct pp_edits *edits)
{
    uint32_t from = pp_http_span_end(region->span);
    unsigned int i;

    for (i = edits->n; i > 0; i--) {
        const struct pp_edit *e = &edits->e[i - 1];

        if (!e->ins.n && e->removed && region_at(region, e->off) < from
            && region_at(region, (uint32_t) edit_end(e)) >= from) {
            from = region_at(region, e->off);
        }
    }
    return from;
}

/* Takes away the separators before a deleted end of the region, and what
 * makes no sense without items where none is left. */
static void
region_tidy(const struct region *region, struct pp_edits *edits)
{
    uint32_t end = pp_http_span_end(region->span);
    uint32_t from = deleted_from(region, edits), start = from;

    if (from == end || from < region->span.off) {
        return;
    }
    while (start > region->span.off
           && is_separator(region, pp_reader_peek(region->text, start - 1))) {
        start--;
    }
    if (start == region->span.off && !region->body) {
        remove_bytes(edits, region->whole.off,
                     pp_http_span_end(region->whole));
    } else if (start < from && region->body) {
        remove_bytes(edits, pp_http_body_to_view(region->m, start, false),
                     pp_http_body_to_view(region->m, from, true));
    } else if (start < from) {
        remove_bytes(edits, start, from);
    }
}

/* Tidies the lists of a head. */
static void
tidy_head(const struct pp_http_msg *m, struct pp_edits *edits)
{
    const struct pp_http_fields *fields = &m->head.fields;
    struct region region = { .m = m, .text = &m->text };
    uint32_t i;

    if (m->head.has_query) {
        region.span = m->head.query;
        region.whole = pp_http_span(region.span.off - 1,
                                    pp_http_span_end(region.span));
        region.separator = '&';
        region_tidy(&region, edits);
    }
    for (i = 0; i < fields->n; i++) {
        region.separator
            = fields->f[i].id == PP_HTTP_H_COOKIE ? ';'
              : fields->f[i].id == PP_HTTP_H_CONNECTION
                || fields->f[i].id == PP_HTTP_H_TRANSFER_ENCODING ? ',' : 0;
        region.span = pp_http_value(&m->text, &fields->f[i]);
        region.whole = fields->f[i].line;
        if (region.separator && region.span.len) {
            region_tidy(&region, edits);
        }
    }
}

/* Tidies the pairs of an urlencoded form. */
static void
tidy_body(const struct pp_http_msg *m, struct pp_edits *edits)
{
    struct region region = {
        .m = m,
        .text = &m->body,
        .span = pp_http_span(0, m->body.end),
        .separator = '&',
        .body = true,
    };

    if (m->form == PP_HTTP_URLENCODED && m->body.end) {
        region_tidy(&region, edits);
    }
}

/* Lengths. */

/* Puts a number in place of 's'. */
static void
replace_number(struct pp_edits *edits, struct pp_span s, const char *format,
               unsigned long long number)
{
    struct pp_buf buf;
    uint8_t *p = edits->arena ? pp_arena_alloc(edits->arena, 24) : NULL;

    pp_buf_init(&buf, p, p ? 24 : 0);
    pp_buf_putf(&buf, format, number);
    if (buf.overflow) {
        edits->overflow = true;
        return;
    }
    pp_edits_add(edits, s.off, s.len,
                 (struct pp_bytes) { .p = buf.data, .n = buf.len });
}

/* What the edits make of the bytes from 'start' to 'end'. */
static uint64_t
edited_length(const struct pp_edits *edits, uint32_t start, uint32_t end)
{
    uint64_t n = end - start;
    unsigned int i;

    for (i = 0; i < edits->n; i++) {
        const struct pp_edit *e = &edits->e[i];
        uint64_t from = e->off > start ? e->off : start;
        uint64_t to = edit_end(e) < end ? edit_end(e) : end;

        n -= to > from ? to - from : 0;
        n += e->off >= start && e->off <= end ? e->ins.n : 0;
    }
    return n;
}

/* Gives Content-Length the length that the body has after the edits. */
static void
reframe_length(const struct pp_http_msg *m, struct pp_edits *edits)
{
    const struct pp_http_fields *fields = &m->head.fields;
    uint32_t start = m->body_start;
    uint64_t length = edited_length(edits, start,
                                    start + (uint32_t) m->body.end);
    uint32_t i;

    if (length == m->body.end) {
        return;
    }
    for (i = 0; i < fields->n; i++) {
        if (fields->f[i].id == PP_HTTP_H_CONTENT_LENGTH) {
            replace_number(edits, pp_http_value(&m->text, &fields->f[i]),
                           "%llu", length);
        }
    }
}

/* Index of the last chunk that an edit joins with chunk 'first': it takes
 * away what is between their data. */
static uint32_t
joined_chunks(const struct pp_http_msg *m, const struct pp_edits *edits,
              uint32_t first)
{
    const struct pp_http_piece *pieces = m->scratch->pieces;
    uint32_t last = first;
    unsigned int i;

    for (i = 0; i < edits->n; i++) {
        const struct pp_edit *e = &edits->e[i];

        while (last + 1 < m->n_pieces
               && e->off < pieces[last].view_off + pieces[last].len
               && edit_end(e) > pieces[last + 1].view_off) {
            last++;
        }
    }
    return last;
}

/* Gives the chunks 'first' to 'last', which the edits make one, their size.
 * One of size 0 would be the last one: goes as a whole. */
static void
reframe_chunk(const struct pp_http_msg *m, struct pp_edits *edits,
              uint32_t first, uint32_t last)
{
    const struct pp_http_piece *pieces = m->scratch->pieces;
    const struct pp_http_chunk *next = last + 1 < m->n_pieces
                                       ? &pieces[last + 1].chunk : &m->chunk;
    uint32_t start = pieces[first].view_off;
    uint32_t end = pieces[last].view_off + pieces[last].len;
    uint64_t size = edited_length(edits, start, end);

    if (!size) {
        remove_bytes(edits, pieces[first].chunk.line.off, next->line.off);
    } else if (size != pieces[first].len) {
        replace_number(edits, pieces[first].chunk.size_text, "%llx", size);
    }
}

static void
reframe_chunks(const struct pp_http_msg *m, struct pp_edits *edits)
{
    uint32_t first = 0;

    while (first < m->n_pieces) {
        uint32_t last = joined_chunks(m, edits, first);

        reframe_chunk(m, edits, first, last);
        first = last + 1;
    }
}

/* Makes the lengths right.  False: the body was cut off by FIN, and no length
 * is right. */
static bool
reframe_body(const struct pp_http_msg *m, struct pp_edits *edits)
{
    if (m->body_truncated) {
        return !edits->n || edit_end(&edits->e[edits->n - 1]) < m->body_start;
    }
    tidy_body(m, edits);
    if (m->head.framing.kind == PP_HTTP_CHUNKED) {
        reframe_chunks(m, edits);
    } else {
        reframe_length(m, edits);
    }
    return true;
}

/* The proof. */

/* Makes the edits and sets 'text' up to read the result up to where the unit
 * ends, from '*pos', where it starts. */
static bool
edited_text(const struct pp_msg *msg, const struct pp_edits *edits,
            struct pp_reader *text, size_t *pos)
{
    const struct pp_http_msg *m = msg->decoded;
    struct pp_buf buf;
    unsigned int i;

    *pos = msg->start;
    for (i = 0; i < edits->n; i++) {
        if (edit_end(&edits->e[i]) <= msg->start
            && edits->e[i].off < msg->start) {
            *pos += edits->e[i].ins.n;
            *pos -= edits->e[i].removed;
        }
    }
    pp_buf_init(&buf, m->scratch->edited, sizeof m->scratch->edited);
    pp_edits_apply(edits, m->text.base, msg->end, &buf);
    *text = pp_reader_init(buf.data, buf.len);
    return !buf.overflow && *pos < buf.len;
}

/* Reads chunks from 'pos' on: true when they and the trailers end with the
 * text. */
static bool
chunks_hold(const struct pp_reader *text, size_t pos, bool eof,
            struct pp_http_fields *fields)
{
    struct pp_http_chunk chunk = { .size = 1 };
    bool before = false;

    while (chunk.size) {
        uint32_t scan = 0;

        if (pp_http_chunk_parse(text, pos, before, eof, &scan, &chunk)
            != PP_HTTP_FOUND || chunk.size < 0
            || (uint64_t) chunk.size > text->end - chunk.end) {
            return eof;
        }
        pos = chunk.end + (size_t) chunk.size;
        before = true;
    }
    return pp_http_fields_parse(text, pos, eof, fields) == PP_HTTP_FOUND
           && fields->end == text->end;
}

/* True when 'a' and 'b' make the same of a connection: replies to them end
 * alike. */
static bool
methods_agree(const struct pp_reader *text, struct pp_span s,
              const struct pp_reader *edited, struct pp_span t)
{
    return pp_http_equals(text, s, "head") == pp_http_equals(edited, t, "head")
           && pp_http_equals(text, s, "connect")
              == pp_http_equals(edited, t, "connect");
}

/* Where the head should end after the edits. */
static uint64_t
edited_head_end(const struct pp_http_msg *m, const struct pp_edits *edits)
{
    uint64_t end = m->head.fields.end;
    unsigned int i;

    for (i = 0; i < edits->n && edits->e[i].off < m->head.fields.end; i++) {
        end += edits->e[i].ins.n;
        end -= edits->e[i].removed;
    }
    return end;
}

/* True when the edited head, with what is edited of its content, is framed as
 * it is long. */
static bool
head_holds(const struct pp_msg *msg, const struct pp_edits *edits,
           const struct pp_reader *text)
{
    const struct pp_http_msg *m = msg->decoded;
    const struct pp_http_framing *old = &m->head.framing;
    bool eof = msg->view.eof;
    struct pp_http_head head = { .fields.f = m->scratch->edited_fields };

    if (!pp_http_starts_request(text)
        || pp_http_head_parse(text, 0, m->head.fields.truncated, &head)
           != PP_HTTP_FOUND
        || head.fields.end != edited_head_end(m, edits)
        || head.framing.kind == PP_HTTP_CONFLICT
        || !head.version.len != !m->head.version.len
        || !methods_agree(&m->text, m->head.method, text, head.method)) {
        return false;
    }
    if (m->event == PP_HTTP_E_REQUEST) {
        return head.framing.kind == old->kind
               && (old->kind != PP_HTTP_LENGTH
                   || head.framing.length == old->length);
    }
    return head.framing.kind == PP_HTTP_CHUNKED
           ? chunks_hold(text, head.fields.end, eof, &head.fields)
           : m->body_truncated
             || head.fields.end + head.framing.length == text->end;
}

/* True when the edited unit is one, and of the same framing. */
static bool
holds(const struct pp_msg *msg, const struct pp_edits *edits)
{
    const struct pp_http_msg *m = msg->decoded;
    struct pp_http_fields fields = { .f = m->scratch->edited_fields };
    struct pp_http_chunk chunk;
    struct pp_reader text;
    uint32_t scan = 0;
    size_t pos;

    if (!edited_text(msg, edits, &text, &pos)) {
        return false;
    }
    switch (m->event) {
    case PP_HTTP_E_REQUEST:
    case PP_HTTP_E_BODY:
        return head_holds(msg, edits, &text);
    case PP_HTTP_E_CHUNK:
        return !m->chunk.truncated
               && pp_http_chunk_parse(&text, pos,
                                   m->chunk.line.off != m->chunk.start,
                                   !m->chunk.ending, &scan, &chunk)
               == PP_HTTP_FOUND
               && chunk.end == text.end && chunk.size == m->chunk.size;
    case PP_HTTP_E_TRAILERS:
        return pp_http_fields_parse(&text, pos, m->trailers.truncated,
                                    &fields) == PP_HTTP_FOUND
               && fields.end == text.end;
    case PP_HTTP_E_RESPONSE:
        break;
    }
    return false;
}

/* reframe(); see pp-proxy.h.  False too where an edit changes how the message
 * is framed, such as the deletion of a Content-Length that counts. */
bool
pp_http_reframe(const struct pp_msg *msg, struct pp_edits *edits)
{
    const struct pp_http_msg *m = msg->decoded;

    if (!edits->n && !edits->overflow) {
        return true;
    } else if (m->reading || m->other) {
        return false;           /* The content's length has passed; or it is
                                 * not as it is read. */
    }
    if (m->event == PP_HTTP_E_REQUEST || m->event == PP_HTTP_E_BODY) {
        tidy_head(m, edits);
    }
    if (m->event == PP_HTTP_E_BODY && !reframe_body(m, edits)) {
        return false;
    }
    return !edits->overflow && holds(msg, edits);
}
