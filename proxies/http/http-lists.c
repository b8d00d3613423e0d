/* SPDX-License-Identifier: Apache-2.0 */

/* Lists within fields: query and form parameters, cookies, attributes behind
 * ';', lists with commas.  Each is parsed when a patch first looks at it.
 *
 * In: a span of a text.  Out: items in the scratch memory.  Runs in the
 * engine's data threads; owns nothing. */

#include <config.h>

#include "http-fields.h"
#include "pp-http.h"

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

/* Splits 'raw' at its first '=' into name and value.  Without one, all of it
 * is the name. */
static void
split_pair(const struct pp_reader *text, struct pp_span raw,
           struct pp_http_item *item)
{
    uint32_t end = pp_http_span_end(raw);
    uint32_t equals = pp_http_find(text, raw, '=');

    item->raw = item->extent = raw;
    item->equals = equals < end;
    item->name = pp_http_span(raw.off, equals);
    item->value = pp_http_span(item->equals ? equals + 1 : end, end);
}

/* Splits application/x-www-form-urlencoded: at each '&', what is between them
 * if it is not empty. */
void
pp_http_split_params(const struct pp_reader *text, struct pp_span s,
                     struct pp_http_list *list)
{
    uint32_t pos = s.off, end = pp_http_span_end(s);

    while (pos < end) {
        uint32_t stop = pp_http_find(text, pp_http_span(pos, end), '&');

        if (stop > pos) {
            struct pp_http_item *item = pp_http_list_add(list);

            if (!item) {
                return;
            }
            split_pair(text, pp_http_span(pos, stop), item);
        }
        pos = stop + 1;
    }
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

/* Adds the pair 'raw', its parts without white space around. */
static bool
add_pair(const struct pp_reader *text, struct pp_span raw, uint32_t owner,
         struct pp_http_list *list)
{
    struct pp_http_item *item = pp_http_list_add(list);

    if (item) {
        split_pair(text, pp_http_trim(text, raw), item);
        item->name = pp_http_trim(text, item->name);
        item->value = pp_http_trim(text, item->value);
        item->owner = owner;
    }
    return item != NULL;
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
        uint32_t stop = find_unquoted(text, rest, ';');
        struct pp_span raw
            = pp_http_trim(text, pp_http_span(pos, stop));

        if (raw.len) {
            if (!add_pair(text, raw, 0, list)) {
                return;
            }
            list->item[list->n - 1].extent = pp_http_span(pos - 1, stop);
        }
        pos = stop + 1;
    }
}

/* Adds the cookie 'raw', if there is more than white space in it. */
static bool
add_cookie(const struct pp_reader *text, struct pp_span raw, uint32_t owner,
           struct pp_http_list *list)
{
    return !pp_http_trim(text, raw).len
           || (add_pair(text, raw, owner, list)
               && (list->item[list->n - 1].raw = raw, true));
}

/* Splits a Cookie as most servers do: at each ';' (RFC 6265 4.2.1 and 5.4).
 * Quotes have no meaning. */
static void
split_cookie(const struct pp_reader *text, struct pp_span value,
             uint32_t owner, struct pp_http_list *list)
{
    uint32_t pos = value.off, end = pp_http_span_end(value);

    while (pos < end) {
        uint32_t stop = pp_http_find(text, pp_http_span(pos, end), ';');

        if (!add_cookie(text, pp_http_span(pos, stop), owner, list)) {
            return;
        }
        pos = stop + 1;
    }
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

        if (!add_cookie(text, pp_http_span(pos, stop), owner, list)) {
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
