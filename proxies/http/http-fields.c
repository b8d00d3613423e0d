/* SPDX-License-Identifier: Apache-2.0 */

/* The values of what patches may name.
 *
 * In: a unit and an index into the table in http-field-table.c.  Out: values
 * that point into the message, or into the arena where they must be computed.
 * Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "http-fields.h"
#include "pp-http.h"

/* Values. */

/* The bytes of 's'. */
static bool
get_span(const struct pp_reader *text, struct pp_span s, struct pp_value *v)
{
    if (!pp_reader_has(text, s.off, s.len)) {
        pp_get_bytes(NULL, 0, v);
        return false;
    }
    return pp_get_bytes(pp_reader_at(text, s.off), s.len, v);
}

/* A line ending of 'len' bytes. */
static bool
get_ending(uint8_t len, struct pp_value *v)
{
    return len == 2 ? pp_get_bytes("\r\n", 2, v) : pp_get_bytes("\n", len, v);
}

static bool
get_list(const struct pp_msg *msg, enum pp_http_list_id id,
         struct pp_value *v)
{
    const struct pp_http_list *list = pp_http_list(msg, id);

    pp_get_list(list ? list->n : 0, v);
    return list != NULL;
}

/* Memory for 'n' bytes that are put together. */
static bool
get_buf(struct pp_arena *arena, size_t n, struct pp_buf *buf)
{
    uint8_t *p = pp_arena_alloc(arena, n);

    pp_buf_init(buf, p, p ? n : 0);
    return p != NULL;
}

static void
put_byte(struct pp_buf *buf, int c)
{
    uint8_t byte = (uint8_t) c;

    pp_buf_put(buf, &byte, 1);
}

static bool
got_buf(const struct pp_buf *buf, struct pp_value *v)
{
    *v = pp_value_bytes(buf->data, buf->len);
    return !buf->overflow;
}

/* True if something in 'b' is encoded, with 'form' as in a form. */
static inline bool
is_encoded(struct pp_bytes b, bool form)
{
    if (b.n >= 32) {
        return (memchr(b.p, '%', b.n)
                || (form && memchr(b.p, '+', b.n)));
    }
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '%' || (b.p[i] == '+' && form)) {
            return true;
        }
    }
    return false;
}

/* Decodes the percent-encoding of 's' once (RFC 3986 2.1), and with 'form'
 * '+' to a space.  A '%' without two digits behind it stays. */
static bool
get_decoded(const struct pp_reader *text, struct pp_span s, bool form,
            struct pp_arena *arena, struct pp_value *v)
{
    uint32_t i, end = pp_http_span_end(s);
    struct pp_buf buf;

    if (!is_encoded(pp_http_bytes(text, s), form)) {
        return get_span(text, s, v);
    }
    if (!get_buf(arena, s.len, &buf)) {
        return false;
    }
    for (i = s.off; i < end; i++) {
        int c = pp_reader_peek(text, i);
        int high = pp_http_hex(pp_reader_peek(text, i + 1));
        int low = pp_http_hex(pp_reader_peek(text, i + 2));

        if (c == '%' && i + 2 < end && high >= 0 && low >= 0) {
            c = high << 4 | low;
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        put_byte(&buf, c);
    }
    return got_buf(&buf, v);
}

/* Appends 's' with each fold as one space (RFC 9112 5.2). */
static void
put_unfolded(const struct pp_reader *text, struct pp_span s,
             struct pp_buf *buf)
{
    uint32_t i = s.off, end = pp_http_span_end(s);

    while (i < end) {
        uint32_t stop = i;
        bool fold = false;

        while (stop < end && pp_http_is_space(pp_reader_peek(text, stop))) {
            fold = fold || pp_reader_peek(text, stop) == '\n';
            stop++;
        }
        if (fold) {
            put_byte(buf, ' ');
            i = stop;
        } else {
            stop += stop == i;
        }
        while (i < stop) {
            put_byte(buf, pp_reader_peek(text, i++));
        }
    }
}

/* The value of 'f'. */
static bool
get_field_value(const struct pp_reader *text, const struct pp_http_field *f,
                struct pp_arena *arena, struct pp_value *v)
{
    struct pp_span value;
    struct pp_buf buf;

    if (!f->folded) {
        return get_span(text, pp_http_value(text, f), v);
    }
    value = pp_http_value(text, f);
    if (!get_buf(arena, value.len, &buf)) {
        return false;
    }
    put_unfolded(text, value, &buf);
    return got_buf(&buf, v);
}

/* The values of all fields 'id', joined by 'comma', which for most should be
 * as RFC 9110 5.3 says. */
static bool
get_joined(const struct pp_http_msg *m, enum pp_http_id id, const char *comma,
           struct pp_arena *arena, struct pp_value *v)
{
    const struct pp_http_fields *fields = &m->head.fields;
    struct pp_buf buf;
    size_t n = 0;
    uint32_t i;

    if (!fields->count[id]) {
        return pp_get_bytes("", 0, v);
    }
    if (fields->count[id] == 1) {
        return get_field_value(&m->text, &fields->f[fields->first[id]],
                               arena, v);
    }
    for (i = 0; i < fields->n; i++) {
        if (fields->f[i].id == id) {
            n += pp_http_value(&m->text, &fields->f[i]).len + 2;
        }
    }
    if (!get_buf(arena, n, &buf)) {
        return false;
    }
    for (i = 0; i < fields->n; i++) {
        if (fields->f[i].id == id) {
            pp_buf_puts(&buf, i == fields->first[id] ? "" : comma);
            put_unfolded(&m->text, pp_http_value(&m->text, &fields->f[i]),
                         &buf);
        }
    }
    return got_buf(&buf, v);
}

/* Fields of a head. */

static bool
get_form(enum pp_http_form form, struct pp_value *v)
{
    switch (form) {
    case PP_HTTP_ORIGIN:
        return pp_get_bytes("origin", 6, v);
    case PP_HTTP_ABSOLUTE:
        return pp_get_bytes("absolute", 8, v);
    case PP_HTTP_AUTHORITY:
        return pp_get_bytes("authority", 9, v);
    case PP_HTTP_ASTERISK:
        return pp_get_bytes("asterisk", 8, v);
    case PP_HTTP_OTHER_FORM:
        break;
    }
    return pp_get_bytes("other", 5, v);
}

/* The number at 'at' of a version that is "HTTP/d.d" (RFC 9112 2.3), or
 * -1. */
static int
version_digit(const struct pp_http_msg *m, uint32_t at)
{
    struct pp_span s = m->head.version;

    if (s.len != 8 || pp_reader_peek(&m->text, s.off + 6) != '.'
        || !pp_http_is_digit(pp_reader_peek(&m->text, s.off + 5))
        || !pp_http_is_digit(pp_reader_peek(&m->text, s.off + 7))) {
        return -1;
    }
    return pp_reader_peek(&m->text, s.off + at) - '0';
}

/* The host asked (RFC 9112 3.3). */
struct pp_span
pp_http_host(const struct pp_reader *text, const struct pp_http_head *head)
{
    const struct pp_http_fields *fields = &head->fields;

    return head->form == PP_HTTP_ABSOLUTE ? head->authority
           : fields->count[PP_HTTP_H_HOST]
           ? pp_http_first_value(text, fields, PP_HTTP_H_HOST)
           : (struct pp_span) { .len = 0 };
}

static bool
get_media_type(const struct pp_http_msg *m, struct pp_arena *arena,
               struct pp_value *v)
{
    struct pp_span s = pp_http_media_type(&m->text, &m->head);
    struct pp_buf buf;
    uint32_t i;

    for (i = 0; i < s.len; i++) {
        int c = pp_reader_peek(&m->text, s.off + i);

        if (pp_http_lower(c) != c) {
            break;
        }
    }
    if (i == s.len) {
        return get_span(&m->text, s, v);
    }
    if (!get_buf(arena, s.len, &buf)) {
        return false;
    }
    for (i = 0; i < s.len; i++) {
        put_byte(&buf, pp_http_lower(pp_reader_peek(&m->text, s.off + i)));
    }
    return got_buf(&buf, v);
}

/* Fields of a chunk. */

static bool
get_after_size(const struct pp_http_msg *m, struct pp_value *v)
{
    struct pp_span s = m->chunk.line;

    while (s.len && pp_http_hex(pp_reader_peek(&m->text, s.off)) >= 0) {
        s.off++;
        s.len--;
    }
    return get_span(&m->text, s, v);
}

static bool
get_chunk(const struct pp_http_msg *m, unsigned int field,
          struct pp_value *v)
{
    const struct pp_http_chunk *chunk = &m->chunk;

    switch (field) {
    case PP_HTTP_F_CHUNK_LINE:
        return get_span(&m->text, chunk->line, v);
    case PP_HTTP_F_CHUNK_SIZE_TEXT:
        return get_span(&m->text, chunk->size_text, v);
    case PP_HTTP_F_CHUNK_SIZE:
        return pp_get_int(chunk->size, v);
    case PP_HTTP_F_CHUNK_SIZE_VALID:
        return pp_get_bool(chunk->valid, v);
    case PP_HTTP_F_CHUNK_EXT:
        return get_span(&m->text, chunk->ext, v);
    case PP_HTTP_F_CHUNK_AFTER_SIZE:
        return get_after_size(m, v);
    case PP_HTTP_F_CHUNK_LINE_ENDING:
        return get_ending(chunk->ending, v);
    case PP_HTTP_F_CHUNK_TRUNCATED:
        return pp_get_bool(chunk->truncated, v);
    case PP_HTTP_F_CHUNK_BEFORE:
        return get_span(&m->text, chunk->before, v);
    case PP_HTTP_F_CHUNK_LAST:
        return pp_get_bool(!chunk->size, v);
    default:
        return false;
    }
}

/* The form of a head. */

static bool
is_token(const struct pp_reader *text, struct pp_span s)
{
    struct pp_bytes b = pp_http_bytes(text, s);

    for (size_t i = 0; i < b.n; i++) {
        if (!pp_is_tchar(b.p[i])) {
            return false;
        }
    }
    return b.n > 0;
}

static bool
is_one_space(const struct pp_reader *text, struct pp_span s)
{
    return s.len == 1 && pp_reader_peek(text, s.off) == ' ';
}

/* "HTTP/1.1", or with other digits (RFC 9112 2.3). */
static bool
is_version(const struct pp_reader *text, struct pp_span s)
{
    static const char form[] = "HTTP/#.#";

    for (uint32_t i = 0; i < s.len && i < sizeof form - 1; i++) {
        int c = pp_reader_peek(text, s.off + i);

        if (form[i] == '#' ? !pp_http_is_digit(c) : c != form[i]) {
            return false;
        }
    }
    return s.len == sizeof form - 1;
}

static bool
is_visible(const struct pp_reader *text, struct pp_span s)
{
    struct pp_bytes b = pp_http_bytes(text, s);

    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] <= ' ' || b.p[i] >= 0x7f) {
            return false;
        }
    }
    return b.n > 0;
}

/* The request line is as RFC 9112 3 has it. */
static bool
is_regular_line(const struct pp_reader *text, const struct pp_http_head *head)
{
    return (head->line_ending == 2
            && head->method.off == head->line.off
            && is_token(text, head->method)
            && is_one_space(text, head->method_separator)
            && is_visible(text, head->target)
            && is_one_space(text, head->version_separator)
            && is_version(text, head->version)
            && (pp_http_span_end(head->version)
                == pp_http_span_end(head->line)));
}

/* The field lines are as RFC 9112 5 has them. */
static bool
are_regular(const struct pp_reader *text, const struct pp_http_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct pp_http_field *f = &fields->f[i];

        if (!f->colon || f->folded || f->ending != 2
            || !is_token(text, pp_http_raw_name(f))) {
            return false;
        }
    }
    return fields->ending == 2;
}

/* Fields of the framing and the content. */

static bool
get_content(const struct pp_msg *msg, unsigned int field,
            struct pp_arena *arena, struct pp_value *v)
{
    const struct pp_http_msg *m = msg->decoded;
    const struct pp_http_fields *fields = &m->head.fields;
    const struct pp_http_framing *framing = &m->head.framing;
    const struct pp_http_conn *conn = msg->conn;
    uint32_t lengths = fields->count[PP_HTTP_H_CONTENT_LENGTH];
    uint32_t codings = fields->count[PP_HTTP_H_TRANSFER_ENCODING];

    switch (field) {
    case PP_HTTP_F_CONTENT_LENGTH:
        return pp_get_int(lengths ? (int64_t) framing->length : -1, v);
    case PP_HTTP_F_CONTENT_LENGTH_COUNT:
        return pp_get_int(lengths, v);
    case PP_HTTP_F_CONTENT_LENGTH_TEXT:
        return get_joined(m, PP_HTTP_H_CONTENT_LENGTH, ", ", arena, v);
    case PP_HTTP_F_CONTENT_LENGTH_VALID:
        return pp_get_bool(lengths && framing->valid, v);
    case PP_HTTP_F_TRANSFER_ENCODING:
        return get_joined(m, PP_HTTP_H_TRANSFER_ENCODING, ", ", arena, v);
    case PP_HTTP_F_TRANSFER_ENCODING_COUNT:
        return pp_get_int(codings, v);
    case PP_HTTP_F_TRANSFER_ENCODING_CODINGS:
        return get_list(msg, PP_HTTP_L_CODINGS, v);
    case PP_HTTP_F_FRAMING_CHUNKED:
        return pp_get_bool(framing->kind == PP_HTTP_CHUNKED, v);
    case PP_HTTP_F_FRAMING_BOTH:
        return pp_get_bool(lengths && codings, v);
    case PP_HTTP_F_FRAMING_CONFLICT:
        return pp_get_bool(framing->kind == PP_HTTP_CONFLICT, v);
    case PP_HTTP_F_CONTENT_TYPE:
        return get_media_type(m, arena, v);
    case PP_HTTP_F_CONTENT_TYPE_COUNT:
        return pp_get_int(fields->count[PP_HTTP_H_CONTENT_TYPE], v);
    case PP_HTTP_F_CONTENT_TYPE_PARAMS:
        return get_list(msg, PP_HTTP_L_TYPE_PARAMS, v);
    case PP_HTTP_F_BODY:
        return get_span(&m->body, pp_http_span(0, m->body.end), v);
    case PP_HTTP_F_BODY_LENGTH:
        return pp_get_int((int64_t) m->body.end, v);
    case PP_HTTP_F_BODY_TRUNCATED:
        return pp_get_bool(m->body_truncated, v);
    case PP_HTTP_F_BODY_PARAMS:
        return get_list(msg, PP_HTTP_L_BODY, v);
    case PP_HTTP_F_TRAILERS:
        return pp_get_list(m->trailers.n, v);
    case PP_HTTP_F_TRAILERS_LINE_ENDING:
        return get_ending(m->trailers.ending, v);
    case PP_HTTP_F_TRAILERS_TEXT:
        return get_span(&m->text, pp_http_span(m->trailers.start,
                                               m->trailers.end), v);
    case PP_HTTP_F_TRAILERS_IRREGULAR:
        return pp_get_bool(!are_regular(&m->text, &m->trailers), v);
    case PP_HTTP_F_UNANSWERED:
        return pp_get_int(conn->unanswered, v);
    case PP_HTTP_F_REPLIED:
        return pp_get_bool(conn->replied, v);
    case PP_HTTP_F_STATUS:
        return pp_get_int(m->status, v);
    default:
        return get_chunk(m, field, v);
    }
}

/* True when there is a field of that index, in units like 'm'. */
bool
pp_http_field_there(const struct pp_http_msg *m, unsigned int field)
{
    return field <= PP_HTTP_F_STATUS
           && pp_http_field_table[field].events & UINT32_C(1) << m->event;
}

/* A field that is not there. */
static bool
get_absent(enum pp_type type, struct pp_value *v)
{
    *v = (struct pp_value) { .type = type };
    return true;
}

/* get(); see pp-proxy.h. */
bool
pp_http_get(const struct pp_msg *msg, unsigned int field,
            struct pp_arena *arena, struct pp_value *v)
{
    const struct pp_http_msg *m = msg->decoded;
    const struct pp_http_head *head = &m->head;
    const struct pp_reader *text = &m->text;

    if (field > PP_HTTP_F_STATUS) {
        return false;
    }
    if (!pp_http_field_there(m, field)) {
        return get_absent(pp_http_field_table[field].type, v);
    }
    switch (field) {
    case PP_HTTP_F_METHOD:
        return get_span(text, head->method, v);
    case PP_HTTP_F_TARGET:
        return get_span(text, head->target, v);
    case PP_HTTP_F_TARGET_FORM:
        return get_form(head->form, v);
    case PP_HTTP_F_TARGET_AUTHORITY:
        return get_span(text, head->authority, v);
    case PP_HTTP_F_PATH:
        return get_span(text, head->path, v);
    case PP_HTTP_F_PATH_DECODED:
        return get_decoded(text, head->path, false, arena, v);
    case PP_HTTP_F_QUERY:
        return get_span(text, head->query, v);
    case PP_HTTP_F_QUERY_PRESENT:
        return pp_get_bool(head->has_query, v);
    case PP_HTTP_F_QUERY_PARAMS:
        return get_list(msg, PP_HTTP_L_QUERY, v);
    case PP_HTTP_F_VERSION:
        return get_span(text, head->version, v);
    case PP_HTTP_F_VERSION_MAJOR:
        return pp_get_int(version_digit(m, 5), v);
    case PP_HTTP_F_VERSION_MINOR:
        return pp_get_int(version_digit(m, 7), v);
    case PP_HTTP_F_REQUEST_LINE:
        return get_span(text, head->line, v);
    case PP_HTTP_F_REQUEST_LINE_ENDING:
        return get_ending(head->line_ending, v);
    case PP_HTTP_F_METHOD_SEPARATOR:
        return get_span(text, head->method_separator, v);
    case PP_HTTP_F_VERSION_SEPARATOR:
        return get_span(text, head->version_separator, v);
    case PP_HTTP_F_HEAD:
        return get_span(text, pp_http_span(head->line.off, head->fields.end),
                        v);
    case PP_HTTP_F_IRREGULAR:
        /* What it is has been said of it as it stands there. */
        return pp_get_bool(!m->other && (!is_regular_line(text, head)
                                         || !are_regular(text, &head->fields)),
                           v);
    case PP_HTTP_F_HEADERS:
        return pp_get_list(head->fields.n, v);
    case PP_HTTP_F_HEADERS_LINE_ENDING:
        return get_ending(head->fields.ending, v);
    case PP_HTTP_F_HEADERS_TRUNCATED:
        return pp_get_bool(head->fields.truncated, v);
    case PP_HTTP_F_HOST:
        return get_span(text, pp_http_host(text, head), v);
    case PP_HTTP_F_COOKIES:
        return get_list(msg, PP_HTTP_L_COOKIES, v);
    case PP_HTTP_F_COOKIES_QUOTED:
        return get_list(msg, PP_HTTP_L_QUOTED, v);
    case PP_HTTP_F_COOKIES_TEXT:
        return get_joined(m, PP_HTTP_H_COOKIE, ",", arena, v);
    case PP_HTTP_F_CONNECTION:
        return get_list(msg, PP_HTTP_L_CONNECTION, v);
    default:
        return get_content(msg, field, arena, v);
    }
}

/* Fields of elements. */

/* True when 's' has a CR without LF behind it. */
static bool
has_bare_cr(const struct pp_reader *text, struct pp_span s)
{
    uint32_t pos = s.off, end = pp_http_span_end(s);

    for (;;) {
        pos = pp_http_find(text, pp_http_span(pos, end), '\r');
        if (pos >= end) {
            return false;
        }
        if (pp_reader_peek(text, pos + 1) != '\n') {
            return true;
        }
        pos++;
    }
}

/* True when 's' has a LF without CR before it. */
static bool
has_bare_lf(const struct pp_reader *text, struct pp_span s)
{
    uint32_t pos = s.off, end = pp_http_span_end(s);

    for (;;) {
        pos = pp_http_find(text, pp_http_span(pos, end), '\n');
        if (pos >= end) {
            return false;
        }
        if (pos == s.off || pp_reader_peek(text, pos - 1) != '\r') {
            return true;
        }
        pos++;
    }
}

static bool
get_header(const struct pp_reader *text, const struct pp_http_field *f,
           unsigned int sub, struct pp_arena *arena, struct pp_value *v)
{
    switch ((enum pp_http_field_elem_index) sub) {
    case PP_HTTP_FIELD_NAME:
        return get_span(text, pp_http_name(text, f), v);
    case PP_HTTP_FIELD_RAW_NAME:
        return get_span(text, pp_http_raw_name(f), v);
    case PP_HTTP_FIELD_VALUE:
        return get_field_value(text, f, arena, v);
    case PP_HTTP_FIELD_RAW_VALUE:
        return get_span(text, pp_http_raw_value(f), v);
    case PP_HTTP_FIELD_RAW:
        return get_span(text, f->line, v);
    case PP_HTTP_FIELD_LINE_ENDING:
        return get_ending(f->ending, v);
    case PP_HTTP_FIELD_FOLDED:
        return pp_get_bool(f->folded, v);
    case PP_HTTP_FIELD_HAS_COLON:
        return pp_get_bool(f->colon, v);
    case PP_HTTP_FIELD_BARE_CR:
        return pp_get_bool(has_bare_cr(text, f->line), v);
    case PP_HTTP_FIELD_BARE_LF:
        return pp_get_bool(has_bare_lf(text, f->line), v);
    }
    return false;
}

static bool
get_param(const struct pp_reader *text, const struct pp_http_item *item,
          unsigned int sub, struct pp_arena *arena, struct pp_value *v)
{
    switch ((enum pp_http_param_elem_index) sub) {
    case PP_HTTP_PARAM_NAME:
        return get_decoded(text, item->name, true, arena, v);
    case PP_HTTP_PARAM_VALUE:
        return get_decoded(text, item->value, true, arena, v);
    case PP_HTTP_PARAM_RAW_NAME:
        return get_span(text, item->name, v);
    case PP_HTTP_PARAM_RAW_VALUE:
        return get_span(text, item->value, v);
    case PP_HTTP_PARAM_RAW:
        return get_span(text, item->raw, v);
    case PP_HTTP_PARAM_HAS_EQUALS:
        return pp_get_bool(item->equals, v);
    }
    return false;
}

static bool
get_cookie(const struct pp_http_msg *m, const struct pp_http_item *item,
           unsigned int sub, struct pp_value *v)
{
    const struct pp_reader *text = &m->text;

    switch ((enum pp_http_cookie_elem_index) sub) {
    case PP_HTTP_COOKIE_NAME:
        return get_span(text, item->name, v);
    case PP_HTTP_COOKIE_VALUE:
        return get_span(text, item->value, v);
    case PP_HTTP_COOKIE_RAW:
        return get_span(text, item->raw, v);
    case PP_HTTP_COOKIE_HAS_EQUALS:
        return pp_get_bool(item->equals, v);
    case PP_HTTP_COOKIE_HEADER:
        return pp_get_int(item->owner, v);
    case PP_HTTP_COOKIE_FIRST:
        return pp_get_bool(item->raw.off
                           == pp_http_value(
                               text, &m->head.fields.f[item->owner]).off, v);
    }
    return false;
}

static bool
get_token(const struct pp_reader *text, const struct pp_http_item *item,
          unsigned int sub, struct pp_value *v)
{
    switch ((enum pp_http_token_elem_index) sub) {
    case PP_HTTP_TOKEN_NAME:
        return get_span(text, item->name, v);
    case PP_HTTP_TOKEN_RAW:
        return get_span(text, item->raw, v);
    }
    return false;
}

static bool
get_attribute(const struct pp_reader *text, const struct pp_http_item *item,
              unsigned int sub, struct pp_value *v)
{
    switch ((enum pp_http_attr_elem_index) sub) {
    case PP_HTTP_ATTR_NAME:
        return get_span(text, item->name, v);
    case PP_HTTP_ATTR_VALUE:
        return get_span(text, pp_http_unquote(text, item->value), v);
    case PP_HTTP_ATTR_RAW_VALUE:
        return get_span(text, item->value, v);
    case PP_HTTP_ATTR_RAW:
        return get_span(text, item->raw, v);
    case PP_HTTP_ATTR_HAS_EQUALS:
        return pp_get_bool(item->equals, v);
    }
    return false;
}

static bool
get_form_param(const struct pp_http_msg *m, const struct pp_http_item *item,
               unsigned int sub, struct pp_arena *arena, struct pp_value *v)
{
    const struct pp_reader *text = &m->body;
    bool pair = m->form == PP_HTTP_URLENCODED;

    switch ((enum pp_http_form_elem_index) sub) {
    case PP_HTTP_FORM_NAME:
        return pair ? get_decoded(text, item->name, true, arena, v)
                    : get_span(text, item->name, v);
    case PP_HTTP_FORM_VALUE:
        return pair ? get_decoded(text, item->value, true, arena, v)
                    : get_span(text, item->value, v);
    case PP_HTTP_FORM_RAW_NAME:
        return get_span(text, item->name, v);
    case PP_HTTP_FORM_RAW_VALUE:
        return get_span(text, item->value, v);
    case PP_HTTP_FORM_RAW:
        return get_span(text, item->raw, v);
    case PP_HTTP_FORM_HAS_EQUALS:
        return pp_get_bool(item->equals, v);
    case PP_HTTP_FORM_FILENAME:
        return get_span(text, item->filename, v);
    case PP_HTTP_FORM_HAS_FILENAME:
        return pp_get_bool(item->has_filename, v);
    case PP_HTTP_FORM_CONTENT_TYPE:
        return get_span(text, item->type, v);
    }
    return false;
}

/* get_elem() of the lists that are of field lines. */
static bool
get_fields_elem(const struct pp_http_msg *m,
                const struct pp_http_fields *fields, uint32_t index,
                unsigned int sub, struct pp_arena *arena, struct pp_value *v)
{
    return index < fields->n
           && get_header(&m->text, &fields->f[index], sub, arena, v);
}

/* get_elem(); see pp-proxy.h. */
bool
pp_http_get_elem(const struct pp_msg *msg, unsigned int field, uint32_t index,
                 unsigned int sub, struct pp_arena *arena, struct pp_value *v)
{
    const struct pp_http_msg *m = msg->decoded;
    const struct pp_http_list *list;
    const struct pp_http_item *item;
    enum pp_http_list_id id = pp_http_list_of(field);

    if (!pp_http_field_there(m, field)) {
        return false;
    }
    if (field == PP_HTTP_F_HEADERS) {
        return get_fields_elem(m, &m->head.fields, index, sub, arena, v);
    }
    if (field == PP_HTTP_F_TRAILERS) {
        return get_fields_elem(m, &m->trailers, index, sub, arena, v);
    }
    list = id != PP_HTTP_N_LISTS ? pp_http_list(msg, id) : NULL;
    if (!list || index >= list->n) {
        return false;
    }
    item = &list->item[index];
    switch (id) {
    case PP_HTTP_L_QUERY:
        return get_param(&m->text, item, sub, arena, v);
    case PP_HTTP_L_COOKIES:
    case PP_HTTP_L_QUOTED:
        return get_cookie(m, item, sub, v);
    case PP_HTTP_L_CONNECTION:
    case PP_HTTP_L_CODINGS:
        return get_token(&m->text, item, sub, v);
    case PP_HTTP_L_TYPE_PARAMS:
        return get_attribute(&m->text, item, sub, v);
    case PP_HTTP_L_BODY:
        return get_form_param(m, item, sub, arena, v);
    case PP_HTTP_N_LISTS:
        break;
    }
    return false;
}

/* The names of the first 'n' of 'fields'. */
static bool
get_names(const struct pp_reader *text, const struct pp_http_fields *fields,
          uint32_t n, struct pp_bytes *values)
{
    if (n > fields->n) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct pp_http_field *f = &fields->f[i];
        size_t len = f->name_len;
        const uint8_t *p;

        if (!pp_reader_has(text, f->line.off, len)) {
            return false;
        }
        p = pp_reader_at(text, f->line.off);
        values[i].p = p;
        values[i].n = len;
        if (len && (p[0] <= ' ' || p[len - 1] <= ' ')) {
            values[i] = pp_http_bytes(text, pp_http_name(text, f));
        }
    }
    return true;
}

/* The names of the first 'n' items of a list as they stand; with 'decoded' of
 * those that are not encoded, and no item is. */
static bool
get_item_names(const struct pp_reader *text, const struct pp_http_list *list,
               uint32_t n, bool decoded, struct pp_bytes *values)
{
    if (!list || n > list->n) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct pp_span name = list->item[i].name;

        if (!pp_reader_has(text, name.off, name.len)) {
            return false;
        }
        values[i] = pp_http_bytes(text, name);
        if (decoded && is_encoded(values[i], true)) {
            return false;
        }
    }
    return true;
}

/* The keys of a list, where they can be had without more ado. */
static bool
get_keys(const struct pp_msg *msg, unsigned int field, uint32_t n,
         struct pp_bytes *values)
{
    const struct pp_http_msg *m = msg->decoded;

    switch (field) {
    case PP_HTTP_F_HEADERS:
        return get_names(&m->text, &m->head.fields, n, values);
    case PP_HTTP_F_COOKIES:
        return get_item_names(&m->text, pp_http_list(msg, PP_HTTP_L_COOKIES),
                              n, false, values);
    case PP_HTTP_F_QUERY_PARAMS:
        return get_item_names(&m->text, pp_http_list(msg, PP_HTTP_L_QUERY),
                              n, true, values);
    default:
        return false;
    }
}

_Static_assert(PP_HTTP_FIELD_NAME == 0 && PP_HTTP_COOKIE_NAME == 0
               && PP_HTTP_PARAM_NAME == 0, "keys come first");

/* get_all(); see pp-proxy.h. */
bool
pp_http_get_all(const struct pp_msg *msg, unsigned int field,
                unsigned int sub, uint32_t n, struct pp_arena *arena,
                struct pp_bytes *values)
{
    if (!sub && pp_http_field_there(msg->decoded, field)
        && get_keys(msg, field, n, values)) {
        return true;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct pp_value v;

        if (!pp_http_get_elem(msg, field, i, sub, arena, &v)
            || v.type != PP_TYPE_BYTES) {
            return false;
        }
        values[i] = v.s;
    }
    return true;
}
