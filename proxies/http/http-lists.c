/* SPDX-License-Identifier: Apache-2.0 */

/* Lists within fields: query and form parameters, cookies, attributes behind
 * ';', lists with commas.  Each is parsed when a patch first looks at it.
 *
 * In: a span of a text.  Out: items in the scratch memory.  Runs in the
 * engine's data threads; owns nothing. */

#include <config.h>

#include "http-fields.h"
#include "pp-http.h"
#include "pp-scan.h"

/* Adds an empty item, or returns NULL when the list is full. */
struct pp_http_item *
pp_http_list_add(struct pp_http_list *list)
{
    struct pp_http_item *item;

    if (list->n >= list->max) {
        list->full = true;
        return NULL;
    }
    item = &list->item[list->n++];
    *item = (struct pp_http_item) { .equals = false };
    return item;
}

/* Adds what is from 'pos' to 'stop', one or more bytes.  What is before the
 * '=' at 'equals' is the name, what is behind it the value; where 'equals' is
 * 'stop' or more, all is the name.  NULL: the list is full. */
static inline struct pp_http_item *
add_pair(size_t pos, size_t stop, size_t equals, struct pp_http_list *list)
{
    struct pp_http_item *item = pp_http_list_add(list);

    if (item) {
        item->equals = equals < stop;
        equals = item->equals ? equals : stop;
        item->raw = item->extent = pp_http_span(pos, stop);
        item->name = pp_http_span(pos, equals);
        item->value = pp_http_span(equals + item->equals, stop);
    }
    return item;
}

/* Adds a piece of a list as add_pair() does; false: the list is full. */
typedef bool add_piece(const struct pp_reader *, size_t pos, size_t stop,
                       size_t equals, uint32_t owner, struct pp_http_list *);

/* Goes through 's', which 'separator' splits, and lets 'add' have each piece
 * with its first '='. */
static inline void __attribute__((always_inline))
split_at(const struct pp_reader *text, struct pp_span s, uint8_t separator,
         add_piece *add, uint32_t owner, struct pp_http_list *list)
{
    size_t pos = s.off, end = pp_http_span_end(s), equals = SIZE_MAX;

    for (size_t at = pos; at < end; at += PP_BLOCK) {
        uint8_t copy[PP_BLOCK];
        struct pp_window w = pp_window_at(text, at, end, copy);
        uint64_t stops = pp_window_find(w, separator);
        uint64_t signs = pp_window_find(w, '=');
        while (stops) {
            size_t stop = at + pp_lowest(stops);
            uint64_t own = pp_take_piece(&stops, &signs);

            if (equals == SIZE_MAX && own) {
                equals = at + pp_lowest(own);
            }
            if (!add(text, pos, stop, equals, owner, list)) {
                return;
            }
            pos = stop + 1;
            equals = SIZE_MAX;
        }
        if (equals == SIZE_MAX && signs) {
            equals = at + pp_lowest(signs);
        }
    }
    if (pos < end) {
        add(text, pos, end, equals, owner, list);
    }
}

/* Adds a parameter, if there is a byte of it. */
static inline bool
add_param(const struct pp_reader *text, size_t pos, size_t stop,
          size_t equals, uint32_t owner, struct pp_http_list *list)
{
    (void) text;
    (void) owner;               /* The request line, or the body. */
    return stop == pos || add_pair(pos, stop, equals, list);
}

/* Splits application/x-www-form-urlencoded: at each '&', what is between them
 * if it is not empty. */
void
pp_http_split_params(const struct pp_reader *text, struct pp_span s,
                     struct pp_http_list *list)
{
    split_at(text, s, '&', add_param, 0, list);
}

/* 's' without the quotes around it. */
struct pp_span
pp_http_unquote(const struct pp_reader *text, struct pp_span s)
{
    return s.len >= 2 && pp_reader_peek(text, s.off) == '"'
           && pp_reader_peek(text, pp_http_span_end(s) - 1) == '"'
           ? pp_http_span(s.off + 1, pp_http_span_end(s) - 1) : s;
}

/* Offset of the first 'byte' in 's' that no quoted string (RFC 9110 5.6.4)
 * holds, or its end. */
static uint32_t
find_unquoted(const struct pp_reader *text, struct pp_span s, uint8_t byte)
{
    uint32_t pos, end = pp_http_span_end(s);
    bool quoted = false;

    for (pos = s.off; pos < end; pos++) {
        int c = pp_reader_peek(text, pos);

        if (c == '"') {
            quoted = !quoted;
        } else if (c == '\\' && quoted) {
            pos++;
        } else if (c == byte && !quoted) {
            break;
        }
    }
    return pos < end ? pos : end;
}

/* Adds a pair, its parts without white space around, if there is more in it
 * than that. */
static inline bool
add_trimmed(const struct pp_reader *text, size_t pos, size_t stop,
            size_t equals, uint32_t owner, struct pp_http_list *list)
{
    struct pp_span pair = pp_http_trim(text, pp_http_span(pos, stop));
    struct pp_http_item *item;

    if (!pair.len) {
        return true;
    }
    item = add_pair(pair.off, pp_http_span_end(pair), equals, list);
    if (!item) {
        return false;
    }
    if (item->equals
        && (pp_http_is_space(pp_reader_peek(text, equals - 1))
            || pp_http_is_space(pp_reader_peek(text, equals + 1)))) {
        item->name = pp_http_trim(text, item->name);
        item->value = pp_http_trim(text, item->value);
    }
    item->owner = owner;
    return true;
}

/* Splits the attributes of 's' ("; name=value ...", RFC 9110 5.6.6), which
 * starts at a ';' or is empty. */
void
pp_http_split_attributes(const struct pp_reader *text, struct pp_span s,
                         struct pp_http_list *list)
{
    uint32_t pos = s.off + 1, end = pp_http_span_end(s);

    while (pos <= end && s.len) {
        struct pp_span rest = pp_http_span(pos, end);
        uint32_t stop = find_unquoted(text, rest, ';'), n = list->n;
        struct pp_span raw = pp_http_span(pos, stop);

        if (!add_trimmed(text, pos, stop, pp_http_find(text, raw, '='), 0,
                         list)) {
            return;
        }
        if (list->n > n) {
            list->item[n].extent = pp_http_span(pos - 1, stop);
        }
        pos = stop + 1;
    }
}

/* Adds a cookie. */
static inline bool
add_cookie(const struct pp_reader *text, size_t pos, size_t stop,
           size_t equals, uint32_t owner, struct pp_http_list *list)
{
    uint32_t n = list->n;

    if (!add_trimmed(text, pos, stop, equals, owner, list)) {
        return false;
    }
    if (list->n > n) {
        list->item[n].raw = pp_http_span(pos, stop);
    }
    return true;
}

/* Splits a Cookie as most servers do: at each ';' (RFC 6265 4.2.1 and 5.4).
 * Quotes have no meaning. */
static void
split_cookie(const struct pp_reader *text, struct pp_span value,
             uint32_t owner, struct pp_http_list *list)
{
    split_at(text, value, ';', add_cookie, owner, list);
}

/* Offset of the ';' that ends the cookie at the start of 's', or the end.  A
 * value that is all of it in double quotes may hold ';', and '"' behind a
 * backslash. */
static uint32_t
quoted_cookie_end(const struct pp_reader *text, struct pp_span s)
{
    uint32_t end = pp_http_span_end(s);
    uint32_t plain = pp_http_find(text, s, ';');
    uint32_t pos = pp_http_find(text, pp_http_span(s.off, plain), '=') + 1;

    while (pos < plain && pp_http_is_space(pp_reader_peek(text, pos))) {
        pos++;
    }
    if (pos >= plain || pp_reader_peek(text, pos) != '"') {
        return plain;
    }
    for (pos++; pos < end && pp_reader_peek(text, pos) != '"'; pos++) {
        pos += pp_reader_peek(text, pos) == '\\';
    }
    for (pos++; pos < end && pp_http_is_space(pp_reader_peek(text, pos));
         pos++) {
        continue;
    }
    return pos == end || (pos < end && pp_reader_peek(text, pos) == ';')
           ? pos : plain;
}

/* Splits a Cookie as Python servers do. */
static void
split_quoted(const struct pp_reader *text, struct pp_span value,
             uint32_t owner, struct pp_http_list *list)
{
    uint32_t pos = value.off, end = pp_http_span_end(value);

    while (pos < end) {
        uint32_t stop = quoted_cookie_end(text, pp_http_span(pos, end));
        struct pp_span raw = pp_http_span(pos, stop);

        if (!add_cookie(text, pos, stop, pp_http_find(text, raw, '='), owner,
                        list)) {
            return;
        }
        pos = stop + 1;
    }
}

/* Splits a list with commas (RFC 9110 5.6.1), what is between if it is not
 * empty. */
static void
split_commas(const struct pp_reader *text, struct pp_span value,
             uint32_t owner, struct pp_http_list *list)
{
    uint32_t pos = value.off, end = pp_http_span_end(value);

    while (pos < end) {
        uint32_t stop = find_unquoted(text, pp_http_span(pos, end), ',');
        struct pp_span raw
            = pp_http_trim(text, pp_http_span(pos, stop));

        if (raw.len) {
            struct pp_http_item *item = pp_http_list_add(list);

            if (!item) {
                return;
            }
            item->raw = item->extent = item->value = raw;
            item->name = raw;
            item->name.len = pp_http_find(text, raw, ';') - raw.off;
            item->name = pp_http_trim(text, item->name);
            item->owner = owner;
        }
        pos = stop + 1;
    }
}

/* Splits all fields 'id' with 'split'. */
static void
split_fields(const struct pp_http_msg *msg, enum pp_http_id id,
             void (*split)(const struct pp_reader *, struct pp_span,
                           uint32_t, struct pp_http_list *),
             struct pp_http_list *list)
{
    const struct pp_http_fields *fields = &msg->head.fields;
    uint32_t i, left = fields->count[id];

    for (i = left ? fields->first[id] : 0; left; i++) {
        if (fields->f[i].id == id) {
            split(&msg->text, pp_http_value(&msg->text, &fields->f[i]), i,
                  list);
            left--;
        }
    }
}

/* Splits the parameters of the first Content-Type. */
static void
split_type_params(const struct pp_http_msg *msg, struct pp_http_list *list)
{
    const struct pp_http_fields *fields = &msg->head.fields;
    struct pp_span value;
    uint32_t semicolon;

    if (!fields->count[PP_HTTP_H_CONTENT_TYPE]) {
        return;
    }
    value = pp_http_first_value(&msg->text, fields, PP_HTTP_H_CONTENT_TYPE);
    semicolon = pp_http_find(&msg->text, value, ';');
    pp_http_split_attributes(&msg->text,
                             pp_http_span(semicolon,
                                          pp_http_span_end(value)), list);
}

static void
list_parse(struct pp_http_msg *msg, enum pp_http_list_id id,
           struct pp_http_list *list)
{
    struct pp_http_scratch *scratch = msg->scratch;

#define USE(ARRAY) \
    (list->item = (ARRAY), list->max = sizeof (ARRAY) / sizeof (ARRAY)[0])
    switch (id) {
    case PP_HTTP_L_QUERY:
        USE(scratch->query);
        pp_http_split_params(&msg->text, msg->head.query, list);
        break;
    case PP_HTTP_L_COOKIES:
        USE(scratch->cookies);
        split_fields(msg, PP_HTTP_H_COOKIE, split_cookie, list);
        break;
    case PP_HTTP_L_QUOTED:
        USE(scratch->quoted);
        split_fields(msg, PP_HTTP_H_COOKIE, split_quoted, list);
        break;
    case PP_HTTP_L_CONNECTION:
        USE(scratch->connection);
        split_fields(msg, PP_HTTP_H_CONNECTION, split_commas, list);
        break;
    case PP_HTTP_L_CODINGS:
        USE(scratch->codings);
        split_fields(msg, PP_HTTP_H_TRANSFER_ENCODING, split_commas, list);
        break;
    case PP_HTTP_L_TYPE_PARAMS:
        USE(scratch->type_params);
        split_type_params(msg, list);
        break;
    case PP_HTTP_L_BODY:
        USE(scratch->form);
        if (msg->form == PP_HTTP_MULTIPART) {
            pp_http_multipart(msg, list);
        } else {
            pp_http_split_params(&msg->body,
                                 pp_http_span(0, msg->body.end), list);
        }
        break;
    case PP_HTTP_N_LISTS:
        break;
    }
#undef USE
}

/* The list 'id' of 'msg', or NULL when it has more items than fit. */
const struct pp_http_list *
pp_http_list(const struct pp_msg *msg, enum pp_http_list_id id)
{
    /* The scratch memory is the proxy's own; 'const' guards it from the
     * engine. */
    struct pp_http_msg *m = (struct pp_http_msg *) (uintptr_t) msg->decoded;
    struct pp_http_list *list = &m->lists[id];

    if (!list->parsed) {
        list->parsed = true;
        list_parse(m, id, list);
    }
    return list->full ? NULL : list;
}

/* The text that the spans of list 'id' are spans of. */
const struct pp_reader *
pp_http_list_text(const struct pp_http_msg *msg, enum pp_http_list_id id)
{
    return id == PP_HTTP_L_BODY ? &msg->body : &msg->text;
}

/* Which list the field of that index is, or PP_HTTP_N_LISTS. */
enum pp_http_list_id
pp_http_list_of(unsigned int field)
{
    switch (field) {
    case PP_HTTP_F_QUERY_PARAMS:
        return PP_HTTP_L_QUERY;
    case PP_HTTP_F_COOKIES:
        return PP_HTTP_L_COOKIES;
    case PP_HTTP_F_COOKIES_QUOTED:
        return PP_HTTP_L_QUOTED;
    case PP_HTTP_F_CONNECTION:
        return PP_HTTP_L_CONNECTION;
    case PP_HTTP_F_TRANSFER_ENCODING_CODINGS:
        return PP_HTTP_L_CODINGS;
    case PP_HTTP_F_CONTENT_TYPE_PARAMS:
        return PP_HTTP_L_TYPE_PARAMS;
    case PP_HTTP_F_BODY_PARAMS:
        return PP_HTTP_L_BODY;
    default:
        return PP_HTTP_N_LISTS;
    }
}
