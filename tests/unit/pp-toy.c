/* SPDX-License-Identifier: Apache-2.0 */

/* A proxy for tests; see pp-toy.h.
 *
 * In: bytes.  Out: what a proxy gives.  Runs in unit tests only. */

#include <config.h>

#include "pp-toy.h"

#include <inttypes.h>
#include <string.h>

#define PAIRS_MAX 64

struct toy_msg {
    struct pp_span verb, argument, text;
    uint32_t n_pairs;
    struct pp_span name[PAIRS_MAX], value[PAIRS_MAX];
};

struct toy_conn {
    uint64_t n_lines;
};

enum { VERB, ARGUMENT, N_PAIRS, PAIRS, TEXT };
enum { NAME, VALUE, SIZE };

static void
toy_init(void *conn)
{
    memset(conn, 0, sizeof(struct toy_conn));
}

static void
toy_rewind(void *conn)
{
    (void) conn;
}

/* The next word from '*at' on, up to a blank. */
static struct pp_span
word(const struct pp_view *view, uint32_t *at, uint32_t end)
{
    struct pp_span span = { *at, 0 };

    while (*at < end && view->base[*at] != ' ') {
        ++*at;
    }
    span.len = *at - span.off;
    *at += *at < end;
    return span;
}

static void
decode(struct toy_msg *toy, const struct pp_view *view, uint32_t end)
{
    uint32_t at = 0;

    toy->verb = word(view, &at, end);
    toy->argument = word(view, &at, end);
    while (at < end && toy->n_pairs < PAIRS_MAX) {
        struct pp_span pair = word(view, &at, end);
        const uint8_t *eq = (pair.len ? memchr(view->base + pair.off, '=',
                                               pair.len) : NULL);
        uint32_t n = (eq ? (uint32_t) (eq - view->base) - pair.off
                      : pair.len);

        toy->name[toy->n_pairs] = (struct pp_span) { pair.off, n };
        toy->value[toy->n_pairs++] = (struct pp_span) {
            pair.off + n + (eq != NULL), pair.len - n - (eq != NULL),
        };
    }
}

static struct pp_parse
toy_parse(void *conn, void *scratch, enum pp_dir dir, uint32_t wants,
          const struct pp_view *view, struct pp_msg *msg)
{
    const uint8_t *lf = view->len ? memchr(view->base, '\n', view->len) : NULL;
    struct toy_msg *toy = scratch;
    bool comment;

    (void) conn;
    if (dir == PP_FROM_SERVER || !wants) {
        return (struct pp_parse) {
            .status = PP_PARSE_SKIP, .count = PP_FOREVER,
        };
    }
    if (!lf) {
        return (struct pp_parse) { .status = PP_PARSE_MORE };
    }
    memset(toy, 0, sizeof *toy);
    comment = view->base[0] == '#';
    if (comment) {
        toy->text = (struct pp_span) { 0, (uint32_t) (lf - view->base) };
    } else {
        decode(toy, view, (uint32_t) (lf - view->base));
    }
    msg->event = comment;
    msg->decoded = toy;
    return (struct pp_parse) {
        .status = PP_PARSE_MESSAGE, .end = (uint32_t) (lf - view->base) + 1,
    };
}

static void
toy_commit(void *conn, const struct pp_msg *msg, enum pp_outcome what)
{
    (void) msg;
    (void) what;
    ((struct toy_conn *) conn)->n_lines++;
}

static struct pp_value
span_value(const struct pp_msg *msg, struct pp_span span)
{
    return pp_value_bytes(msg->view.base + span.off, span.len);
}

static bool
toy_get(const struct pp_msg *msg, unsigned int field, struct pp_arena *arena,
        struct pp_value *value)
{
    const struct toy_msg *toy = msg->decoded;

    (void) arena;
    *value = (field == VERB ? span_value(msg, toy->verb)
              : field == ARGUMENT ? span_value(msg, toy->argument)
              : field == TEXT ? span_value(msg, toy->text)
              : field == PAIRS ? pp_value_list(toy->n_pairs)
              : pp_value_int(toy->n_pairs));
    return true;
}

static bool
toy_get_elem(const struct pp_msg *msg, unsigned int field, uint32_t index,
             unsigned int sub, struct pp_arena *arena, struct pp_value *value)
{
    const struct toy_msg *toy = msg->decoded;

    (void) arena;
    (void) field;
    *value = (sub == NAME ? span_value(msg, toy->name[index])
              : sub == VALUE ? span_value(msg, toy->value[index])
              : pp_value_int(toy->value[index].len));
    return true;
}

static bool
toy_locate(const struct pp_msg *msg, unsigned int field, uint32_t index,
           int sub, struct pp_span *value, struct pp_span *extent)
{
    const struct toy_msg *toy = msg->decoded;

    if (field == PAIRS) {
        uint32_t end = toy->value[index].off + toy->value[index].len;

        *value = (sub == NAME ? toy->name[index]
                  : sub == VALUE ? toy->value[index]
                  : (struct pp_span) { toy->name[index].off,
                                       end - toy->name[index].off });
        *extent = *value;
        if (sub < 0) {
            extent->off--;      /* The blank before it. */
            extent->len++;
        }
        return true;
    }
    *value = *extent = field == VERB ? toy->verb : toy->argument;
    return value->len > 0;
}

static bool
toy_reframe(const struct pp_msg *msg, struct pp_edits *edits)
{
    (void) msg;
    (void) edits;
    return true;
}

static enum pp_reply_when
toy_reply_when(const void *conn, const struct pp_msg *msg)
{
    (void) conn;
    (void) msg;
    return PP_REPLY_NOW;
}

static void
toy_refuse(const void *conn, const struct pp_msg *msg,
           const struct pp_reply *reply, struct pp_buf *buf, bool *close)
{
    (void) conn;
    (void) msg;
    (void) close;
    if (!reply->raw) {
        pp_buf_putf(buf, "%"PRId64" ", reply->status);
        pp_buf_put(buf, reply->reason.p, reply->reason.n);
        for (unsigned int i = 0; i < reply->n_headers; i++) {
            pp_buf_puts(buf, " ");
            pp_buf_put(buf, reply->headers[i].name.p,
                       reply->headers[i].name.n);
            pp_buf_puts(buf, ":");
            pp_buf_put(buf, reply->headers[i].value.p,
                       reply->headers[i].value.n);
        }
        pp_buf_puts(buf, " ");
    }
    pp_buf_put(buf, reply->body.p, reply->body.n);
    pp_buf_puts(buf, reply->raw ? "" : "\n");
}

static const struct pp_field pair_fields[] = {
    [NAME] = { .name = "name", .type = PP_TYPE_BYTES, .events = 1,
               .editable = true, .doc = "Before the equals sign." },
    [VALUE] = { .name = "value", .type = PP_TYPE_BYTES, .events = 1,
                .editable = true, .doc = "Behind the equals sign." },
    [SIZE] = { .name = "size", .type = PP_TYPE_INT, .events = 1,
               .doc = "The length of the value." },
    { .name = NULL },
};

static const struct pp_field toy_fields[] = {
    [VERB] = { .name = "verb", .type = PP_TYPE_BYTES, .events = 1,
               .editable = true, .doc = "The first word." },
    [ARGUMENT] = { .name = "argument", .type = PP_TYPE_BYTES, .events = 1,
                   .editable = true, .doc = "The second word." },
    [N_PAIRS] = { .name = "n.pairs", .type = PP_TYPE_INT, .events = 1,
                  .doc = "How many pairs there are." },
    [PAIRS] = { .name = "pairs", .type = PP_TYPE_LIST, .events = 1,
                .editable = true, .elem = pair_fields, .key = "name",
                .key_nocase = true, .doc = "The pairs." },
    [TEXT] = { .name = "text", .type = PP_TYPE_BYTES, .events = 2,
               .doc = "The whole comment." },
    { .name = NULL },
};

static const struct pp_event toy_events[] = {
    { "command", PP_TO_SERVER, "A line." },
    { "comment", PP_TO_SERVER, "A line that starts with '#'." },
    { "reply", PP_FROM_SERVER, "What the server says." },
    { NULL, PP_TO_SERVER, NULL },
};

static const uint16_t toy_ports[] = { 7, 0 };
static const char *const toy_reasons[] = { NULL };

const struct pp_proxy pp_toy = {
    .name = "toy",
    .title = "Toy",
    .transport = PP_TCP,
    .ports = toy_ports,
    .events = toy_events,
    .fields = toy_fields,
    .reasons = toy_reasons,
    .conn_size = sizeof(struct toy_conn),
    .scratch_size = sizeof(struct toy_msg),
    .conn_init = toy_init,
    .rewind = toy_rewind,
    .parse = toy_parse,
    .commit = toy_commit,
    .get = toy_get,
    .get_elem = toy_get_elem,
    .locate = toy_locate,
    .reframe = toy_reframe,
    .reply_when = toy_reply_when,
    .refuse = toy_refuse,
};

const struct pp_proxy *const pp_toys[] = { &pp_toy, NULL };
