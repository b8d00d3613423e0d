/* SPDX-License-Identifier: Apache-2.0 */

/* The parts of multipart/form-data (RFC 7578, RFC 2046 5.1).
 *
 * In: a decoded body and its Content-Type.  Out: an item for each part.  Runs
 * in the engine's data threads; owns nothing. */

#include <config.h>

#include "pp-http.h"

#define BOUNDARY_MAX 256        /* RFC 2046 allows 70 bytes. */

/* The delimiter: "--" and the boundary. */
struct delimiter {
    uint8_t text[BOUNDARY_MAX + 2];
    uint32_t len;
};

/* The first 'name' among the attributes in 'list' (of 'text'), without the
 * quotes around it; 'found' tells whether it is there. */
static struct pp_span
attribute(const struct pp_reader *text, const struct pp_http_list *list,
          const char *name, bool *found)
{
    uint32_t i;

    for (i = 0; i < list->n; i++) {
        struct pp_span value = list->item[i].value;

        if (!pp_http_equals(text, list->item[i].name, name)) {
            continue;
        }
        *found = true;
        return pp_http_unquote(text, value);
    }
    *found = false;
    return (struct pp_span) { .len = 0 };
}

/* Finds the boundary: the first that Content-Type has. */
static bool
delimiter_init(const struct pp_http_msg *msg, struct delimiter *delimiter)
{
    const struct pp_http_fields *fields = &msg->head.fields;
    struct pp_http_item items[PP_HTTP_TYPE_PARAMS_MAX];
    struct pp_http_list list = {
        .item = items, .max = PP_HTTP_TYPE_PARAMS_MAX,
    };
    struct pp_span value, boundary;
    uint32_t i;
    bool found;

    if (!fields->count[PP_HTTP_H_CONTENT_TYPE]) {
        return false;
    }
    value = pp_http_first_value(&msg->text, fields, PP_HTTP_H_CONTENT_TYPE);
    pp_http_split_attributes(
        &msg->text, pp_http_span(pp_http_find(&msg->text, value, ';'),
                                 pp_http_span_end(value)), &list);
    boundary = attribute(&msg->text, &list, "boundary", &found);
    if (!boundary.len || boundary.len > BOUNDARY_MAX) {
        return false;
    }
    delimiter->text[0] = delimiter->text[1] = '-';
    for (i = 0; i < boundary.len; i++) {
        delimiter->text[i + 2]
            = (uint8_t) pp_reader_peek(&msg->text, boundary.off + i);
    }
    delimiter->len = boundary.len + 2;
    return true;
}

/* True when 'body' has the delimiter at 'pos'. */
static bool
delimiter_at(const struct pp_reader *body, size_t pos,
             const struct delimiter *delimiter)
{
    uint32_t i;

    for (i = 0; i < delimiter->len; i++) {
        if (pp_reader_peek(body, pos + i) != delimiter->text[i]) {
            return false;
        }
    }
    return true;
}

/* The first line from 'pos' on that is a delimiter: its start, or the body's
 * end. */
static uint32_t
delimiter_find(const struct pp_reader *body, size_t pos,
               const struct delimiter *delimiter)
{
    uint8_t ending;
    size_t end;

    while (!delimiter_at(body, pos, delimiter)) {
        if (!pp_http_line_end(body, pos, &end, &ending)) {
            return (uint32_t) body->end;
        }
        pos = end;
    }
    return (uint32_t) pos;
}

/* Reads Content-Disposition (RFC 7578 4.2). */
static void
part_disposition(const struct pp_reader *body, struct pp_span value,
                 struct pp_http_item *item)
{
    struct pp_http_item items[16];
    struct pp_http_list list = { .item = items, .max = 16 };
    bool found;

    pp_http_split_attributes(body,
                             pp_http_span(pp_http_find(body, value, ';'),
                                          pp_http_span_end(value)), &list);
    item->name = attribute(body, &list, "name", &found);
    item->filename = attribute(body, &list, "filename", &item->has_filename);
}

/* Reads a part's field lines, from 'pos' as far as the empty line; returns
 * the offset behind that.  Lines that are folded count as lines of no
 * colon. */
static uint32_t
part_fields(const struct pp_reader *body, size_t pos, uint32_t stop,
            struct pp_http_item *item)
{
    uint8_t ending;
    size_t end;

    while (pp_http_line_end(body, pos, &end, &ending) && end <= stop) {
        struct pp_span line = pp_http_span(pos, end - ending);
        uint32_t colon = pp_http_find(body, line, ':');
        struct pp_span name = pp_http_trim(body, pp_http_span(pos, colon));
        struct pp_span value
            = pp_http_trim(body, pp_http_span(colon + 1, end - ending));

        pos = end;
        if (!line.len) {
            break;
        }
        if (pp_http_equals(body, name, "content-disposition")) {
            part_disposition(body, value, item);
        } else if (pp_http_equals(body, name, "content-type")) {
            item->type = value;
        }
    }
    return (uint32_t) (pos < stop ? pos : stop);
}

/* Length of the line ending before 'pos', which ends a part's content and
 * belongs to the delimiter (RFC 2046 5.1.1). */
static uint32_t
ending_before(const struct pp_reader *body, uint32_t start, uint32_t pos)
{
    if (pos == start || pp_reader_peek(body, pos - 1) != '\n') {
        return 0;
    }
    return pos - start > 1 && pp_reader_peek(body, pos - 2) == '\r' ? 2 : 1;
}

/* Splits the body of 'msg' into its parts. */
void
pp_http_multipart(struct pp_http_msg *msg, struct pp_http_list *list)
{
    const struct pp_reader *body = &msg->body;
    struct delimiter delimiter;
    uint32_t start, stop;
    uint8_t ending;
    size_t line;

    if (!delimiter_init(msg, &delimiter)) {
        return;
    }
    start = delimiter_find(body, 0, &delimiter);
    while (pp_http_line_end(body, start, &line, &ending)) {
        struct pp_http_item *item;
        uint32_t content;

        if (pp_reader_peek(body, start + delimiter.len) == '-'
            && pp_reader_peek(body, start + delimiter.len + 1) == '-') {
            return;             /* The last one. */
        }
        item = pp_http_list_add(list);
        if (!item) {
            return;
        }
        stop = delimiter_find(body, line, &delimiter);
        content = part_fields(body, line, stop, item);
        item->extent = pp_http_span(start, stop);
        stop -= ending_before(body, content, stop);
        item->value = pp_http_span(content, stop);
        item->raw = pp_http_span(line, stop);
        item->equals = true;
        start = pp_http_span_end(item->extent);
    }
}
