/* SPDX-License-Identifier: Apache-2.0 */

/* Where a field stands, for a correction.
 *
 * In: a unit and an index into the table of fields.  Out: spans of the view.
 * Runs in the engine's data threads; owns nothing.
 *
 * What is taken away with an element of a list is the separator behind it (of
 * a list with commas the white space behind that too), or, of the last one,
 * the separator before it; and with the only one what
 * makes no sense without: the '?' of a query, the whole line of a Cookie.
 * Neighbours that go together leave a separator; reframe() sees to that. */

#include <config.h>

#include "http-fields.h"
#include "pp-http.h"

/* The separator of a list, or 0 where items know their extents. */
static int
list_separator(const struct pp_http_msg *m, enum pp_http_list_id id)
{
    switch (id) {
    case PP_HTTP_L_QUERY:
        return '&';
    case PP_HTTP_L_COOKIES:
    case PP_HTTP_L_QUOTED:
        return ';';
    case PP_HTTP_L_CONNECTION:
    case PP_HTTP_L_CODINGS:
        return ',';
    case PP_HTTP_L_BODY:
        return m->form == PP_HTTP_URLENCODED ? '&' : 0;
    case PP_HTTP_L_TYPE_PARAMS:
    case PP_HTTP_N_LISTS:
        break;
    }
    return 0;
}

/* What the item is one of several in, and what goes when it is the last. */
static void
item_region(const struct pp_http_msg *m, enum pp_http_list_id id,
            const struct pp_http_item *item, struct pp_span *region,
            struct pp_span *whole)
{
    if (id == PP_HTTP_L_QUERY) {
        *region = m->head.query;
        *whole = pp_http_span(region->off - 1, pp_http_span_end(*region));
    } else if (id == PP_HTTP_L_BODY) {
        *region = *whole = pp_http_span(0, m->body.end);
    } else {
        *region = pp_http_value(&m->text, &m->head.fields.f[item->owner]);
        *whole = m->head.fields.f[item->owner].line;
    }
}

/* The extent of 'item', in the list's own text. */
static struct pp_span
item_extent(const struct pp_http_msg *m, enum pp_http_list_id id,
            const struct pp_http_item *item)
{
    const struct pp_reader *text = pp_http_list_text(m, id);
    int separator = list_separator(m, id);
    uint32_t start = item->raw.off, end = pp_http_span_end(item->raw);
    struct pp_span region, whole;

    if (!separator) {
        return item->extent;
    }
    item_region(m, id, item, &region, &whole);
    while (separator == ',' && end < pp_http_span_end(region)
           && pp_http_is_space(pp_reader_peek(text, end))) {
        end++;
    }
    if (end < pp_http_span_end(region)
        && pp_reader_peek(text, end) == separator) {
        do {
            end++;
        } while (separator == ',' && end < pp_http_span_end(region)
                 && pp_http_is_space(pp_reader_peek(text, end)));
        return pp_http_span(start, end);
    }
    while (separator != '&' && start > region.off
           && pp_http_is_space(pp_reader_peek(text, start - 1))) {
        start--;
    }
    if (start == region.off) {
        return whole;
    }
    return pp_http_span(start - 1, end);
}

/* Turns a span of the list's own text into one of the view. */
static struct pp_span
to_view(const struct pp_http_msg *m, enum pp_http_list_id id,
        struct pp_span s)
{
    if (id != PP_HTTP_L_BODY) {
        return s;
    }
    return s.len
           ? pp_http_span(pp_http_body_to_view(m, s.off, false),
                          pp_http_body_to_view(m, pp_http_span_end(s), true))
           : pp_http_span(pp_http_body_to_view(m, s.off, true),
                          pp_http_body_to_view(m, s.off, true));
}

/* Takes 's' as the answer. */
static bool
at(struct pp_span s, struct pp_span *span)
{
    *span = s;
    return true;
}

static bool
param_span(const struct pp_http_item *item, int sub, struct pp_span *span)
{
    switch ((enum pp_http_param_elem_index) sub) {
    case PP_HTTP_PARAM_NAME:
    case PP_HTTP_PARAM_RAW_NAME:
        return at(item->name, span);
    case PP_HTTP_PARAM_VALUE:
    case PP_HTTP_PARAM_RAW_VALUE:
        return at(item->value, span);
    case PP_HTTP_PARAM_RAW:
        return at(item->raw, span);
    case PP_HTTP_PARAM_HAS_EQUALS:
        break;
    }
    return false;
}

static bool
cookie_span(const struct pp_http_item *item, int sub, struct pp_span *span)
{
    switch ((enum pp_http_cookie_elem_index) sub) {
    case PP_HTTP_COOKIE_NAME:
        return at(item->name, span);
    case PP_HTTP_COOKIE_VALUE:
        return at(item->value, span);
    case PP_HTTP_COOKIE_RAW:
        return at(item->raw, span);
    case PP_HTTP_COOKIE_HAS_EQUALS:
    case PP_HTTP_COOKIE_HEADER:
    case PP_HTTP_COOKIE_FIRST:
        break;
    }
    return false;
}

static bool
token_span(const struct pp_http_item *item, int sub, struct pp_span *span)
{
    switch ((enum pp_http_token_elem_index) sub) {
    case PP_HTTP_TOKEN_NAME:
        return at(item->name, span);
    case PP_HTTP_TOKEN_RAW:
        return at(item->raw, span);
    }
    return false;
}

static bool
attribute_span(const struct pp_reader *text, const struct pp_http_item *item,
               int sub, struct pp_span *span)
{
    switch ((enum pp_http_attr_elem_index) sub) {
    case PP_HTTP_ATTR_NAME:
        return at(item->name, span);
    case PP_HTTP_ATTR_VALUE:
        return at(pp_http_unquote(text, item->value), span);
    case PP_HTTP_ATTR_RAW_VALUE:
        return at(item->value, span);
    case PP_HTTP_ATTR_RAW:
        return at(item->raw, span);
    case PP_HTTP_ATTR_HAS_EQUALS:
        break;
    }
    return false;
}

static bool
form_span(const struct pp_http_item *item, int sub, struct pp_span *span)
{
    switch ((enum pp_http_form_elem_index) sub) {
    case PP_HTTP_FORM_NAME:
    case PP_HTTP_FORM_RAW_NAME:
        return at(item->name, span) && item->raw.len;
    case PP_HTTP_FORM_VALUE:
    case PP_HTTP_FORM_RAW_VALUE:
        return at(item->value, span);
    case PP_HTTP_FORM_RAW:
        return at(item->raw, span);
    case PP_HTTP_FORM_FILENAME:
        return at(item->filename, span) && item->has_filename;
    case PP_HTTP_FORM_CONTENT_TYPE:
        return at(item->type, span) && item->type.off;
    case PP_HTTP_FORM_HAS_EQUALS:
    case PP_HTTP_FORM_HAS_FILENAME:
        break;
    }
    return false;
}

/* The span of field 'sub' of 'item', in the list's own text. */
static bool
item_span(const struct pp_http_msg *m, enum pp_http_list_id id,
          const struct pp_http_item *item, int sub, struct pp_span *span)
{
    switch (id) {
    case PP_HTTP_L_QUERY:
        return param_span(item, sub, span);
    case PP_HTTP_L_COOKIES:
    case PP_HTTP_L_QUOTED:
        return cookie_span(item, sub, span);
    case PP_HTTP_L_CONNECTION:
    case PP_HTTP_L_CODINGS:
        return token_span(item, sub, span);
    case PP_HTTP_L_TYPE_PARAMS:
        return attribute_span(&m->text, item, sub, span);
    case PP_HTTP_L_BODY:
        return form_span(item, sub, span);
    case PP_HTTP_N_LISTS:
        break;
    }
    return false;
}

/* locate() of lists of items. */
static bool
locate_item(const struct pp_msg *msg, enum pp_http_list_id id, uint32_t index,
            int sub, struct pp_span *value, struct pp_span *extent)
{
    const struct pp_http_msg *m = msg->decoded;
    const struct pp_http_list *list = pp_http_list(msg, id);
    const struct pp_http_item *item;

    if (!list || index >= list->n) {
        return false;
    }
    item = &list->item[index];
    if (sub < 0) {
        *value = to_view(m, id, item->value);
        *extent = to_view(m, id, item_extent(m, id, item));
        return true;
    }
    if (!item_span(m, id, item, sub, value)) {
        return false;
    }
    *value = *extent = to_view(m, id, *value);
    return true;
}

/* locate() of lists of field lines. */
static bool
locate_field(const struct pp_http_msg *m, const struct pp_http_fields *fields,
             uint32_t index, int sub, struct pp_span *value,
             struct pp_span *extent)
{
    const struct pp_http_field *f;

    if (index >= fields->n) {
        return false;
    }
    f = &fields->f[index];
    if (sub < 0) {
        *value = pp_http_value(&m->text, f);
        *extent = f->line;
        return true;
    }
    switch ((enum pp_http_field_elem_index) sub) {
    case PP_HTTP_FIELD_NAME:
        *value = pp_http_name(&m->text, f);
        break;
    case PP_HTTP_FIELD_RAW_NAME:
        *value = pp_http_raw_name(f);
        break;
    case PP_HTTP_FIELD_VALUE:
        *value = pp_http_value(&m->text, f);
        break;
    case PP_HTTP_FIELD_RAW_VALUE:
        *value = pp_http_raw_value(f);
        break;
    case PP_HTTP_FIELD_RAW:
        *value = f->line;
        break;
    case PP_HTTP_FIELD_LINE_ENDING:
    case PP_HTTP_FIELD_FOLDED:
    case PP_HTTP_FIELD_HAS_COLON:
    case PP_HTTP_FIELD_BARE_CR:
    case PP_HTTP_FIELD_BARE_LF:
        return false;
    }
    *extent = *value;
    return true;
}

/* locate() of what is no list. */
static bool
locate_plain(const struct pp_http_msg *m, unsigned int field,
             struct pp_span *value, struct pp_span *extent)
{
    const struct pp_http_head *head = &m->head;
    struct pp_span all = pp_http_span(0, m->body.end);

    switch (field) {
    case PP_HTTP_F_METHOD:
        return at(head->method, value) && at(*value, extent);
    case PP_HTTP_F_TARGET:
        return at(head->target, value) && at(*value, extent);
    case PP_HTTP_F_TARGET_AUTHORITY:
        return at(head->authority, value) && at(*value, extent) && value->len;
    case PP_HTTP_F_PATH:
        return at(head->path, value) && at(*value, extent);
    case PP_HTTP_F_QUERY:
        *value = head->query;
        *extent = pp_http_span(value->off - 1, pp_http_span_end(*value));
        return head->has_query;
    case PP_HTTP_F_VERSION:
        return at(head->version, value) && at(*value, extent) && value->len;
    case PP_HTTP_F_HOST:
        return at(pp_http_host(&m->text, head), value) && at(*value, extent)
               && value->off;
    case PP_HTTP_F_BODY:
        return at(to_view(m, PP_HTTP_L_BODY, all), value)
               && at(*value, extent);
    case PP_HTTP_F_CHUNK_LINE:
        return at(m->chunk.line, value) && at(*value, extent);
    case PP_HTTP_F_CHUNK_EXT:
        return at(m->chunk.ext, value) && at(*value, extent);
    default:
        return false;
    }
}

/* locate(); see pp-proxy.h. */
bool
pp_http_locate(const struct pp_msg *msg, unsigned int field, uint32_t index,
               int sub, struct pp_span *value, struct pp_span *extent)
{
    const struct pp_http_msg *m = msg->decoded;
    enum pp_http_list_id id = pp_http_list_of(field);

    if (!pp_http_field_there(m, field)) {
        return false;
    }
    if (field == PP_HTTP_F_HEADERS) {
        return locate_field(m, &m->head.fields, index, sub, value, extent);
    }
    if (field == PP_HTTP_F_TRAILERS) {
        return locate_field(m, &m->trailers, index, sub, value, extent);
    }
    return id != PP_HTTP_N_LISTS
           ? locate_item(msg, id, index, sub, value, extent)
           : locate_plain(m, field, value, extent);
}
