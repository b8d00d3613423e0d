/* SPDX-License-Identifier: Apache-2.0 */

/* Strict YAML; see pp-yaml.h.
 *
 * In: the text of a file.  Out: a tree of scalars, lists and maps, or errors.
 * Runs in control and in the tools, never in the engine; owns the tree until
 * the caller has it. */

#include <config.h>

#include "patch/pp-yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "patch/pp-patch.h"
#include "util.h"

struct reader {
    yaml_parser_t parser;
    const char *file;
    const char *text;
    size_t n;
    struct pp_errors *errors;
    unsigned int n_nodes;
};

static struct pp_yaml *read_node(struct reader *, const yaml_event_t *,
                                 unsigned int depth);

const char *
pp_yaml_kind_name(enum pp_yaml_kind kind)
{
    return (kind == PP_YAML_SCALAR ? "a text"
            : kind == PP_YAML_LIST ? "a list" : "a map of keys");
}

void
pp_yaml_destroy(struct pp_yaml *node)
{
    if (node) {
        for (size_t i = 0; i < node->n_items; i++) {
            pp_yaml_destroy(node->items[i]);
            if (node->keys) {
                pp_yaml_destroy(node->keys[i]);
            }
        }
        free(node->items);
        free(node->keys);
        free(node->used);
        free(node->text);
        free(node);
    }
}

static void OVS_PRINTF_FORMAT(3, 4)
fail(struct reader *rd, const yaml_mark_t *mark, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pp_errors_add_valist(rd->errors, rd->file,
                         (unsigned int) mark->line + 1,
                         (unsigned int) mark->column + 1, format, args);
    va_end(args);
}

/* Line and column of byte 'off' of the text.  Columns count characters. */
static void
line_column(const char *text, size_t n, size_t off, unsigned int *line,
            unsigned int *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < off && i < n; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char) text[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

/* Gets the next event, or says what the parser minds. */
static bool
next_event(struct reader *rd, yaml_event_t *event)
{
    const yaml_parser_t *p = &rd->parser;
    unsigned int line, column;

    if (yaml_parser_parse(&rd->parser, event)) {
        return true;
    }
    switch (p->error) {
    case YAML_READER_ERROR:
        line_column(rd->text, rd->n, p->problem_offset, &line, &column);
        if (p->problem_value != -1) {
            pp_errors_add(rd->errors, rd->file, line, column,
                          "%s (0x%02x); a patch file is UTF-8 text",
                          p->problem, p->problem_value);
        } else {
            pp_errors_add(rd->errors, rd->file, line, column,
                          "%s; a patch file is UTF-8 text", p->problem);
        }
        break;
    case YAML_SCANNER_ERROR:
    case YAML_PARSER_ERROR:
        if (p->context) {
            fail(rd, &p->problem_mark,
                 "not YAML: %s, %s that started in line %"PRIuSIZE,
                 p->problem, p->context, p->context_mark.line + 1);
        } else {
            fail(rd, &p->problem_mark, "not YAML: %s", p->problem);
        }
        break;
    case YAML_NO_ERROR:
    case YAML_MEMORY_ERROR:
    case YAML_COMPOSER_ERROR:
    case YAML_WRITER_ERROR:
    case YAML_EMITTER_ERROR:
    default:
        pp_errors_add(rd->errors, rd->file, 0, 0,
                      "the YAML parser ran out of memory");
        break;
    }
    return false;
}

/* Decodes the UTF-8 text of a !bytes scalar in place. */
static bool
decode_bytes(struct reader *rd, const yaml_mark_t *mark, struct pp_yaml *node)
{
    const unsigned char *s = (const unsigned char *) node->text;
    size_t n = 0;

    for (size_t i = 0; i < node->n; i++) {
        if (s[i] < 0x80) {
            node->text[n++] = (char) s[i];
        } else if (s[i] <= 0xc3 && i + 1 < node->n) {
            node->text[n++] = (char) ((s[i] & 3) << 6 | (s[i + 1] & 0x3f));
            i++;
        } else {
            fail(rd, mark, "a character beyond U+00FF in a !bytes text: it "
                 "is no single byte; write its UTF-8 bytes as \\xHH");
            return false;
        }
    }
    node->text[n] = '\0';
    node->n = n;
    return true;
}

static bool
check_tag(struct reader *rd, const yaml_event_t *event, const char *tag,
          const char *anchor, bool scalar)
{
    if (anchor) {
        fail(rd, &event->start_mark,
             "anchors are not allowed in patches: write the text out");
        return false;
    }
    if (tag && !(scalar && !strcmp(tag, "!bytes"))) {
        fail(rd, &event->start_mark,
             "unknown tag \"%s\": only !bytes is known, and only on a text "
             "(a condition that starts with '!' is written with 'not')", tag);
        return false;
    }
    return true;
}

static void
add_item(struct pp_yaml *node, struct pp_yaml *key, struct pp_yaml *value)
{
    if (!(node->n_items & (node->n_items - 1))) {
        size_t n = node->n_items ? 2 * node->n_items : 1;

        node->items = xrealloc(node->items, n * sizeof *node->items);
        if (key) {
            node->keys = xrealloc(node->keys, n * sizeof *node->keys);
            node->used = xrealloc(node->used, n * sizeof *node->used);
        }
    }
    node->items[node->n_items] = value;
    if (key) {
        node->keys[node->n_items] = key;
        node->used[node->n_items] = false;
    }
    node->n_items++;
}

static bool
read_list(struct reader *rd, struct pp_yaml *node, unsigned int depth)
{
    for (;;) {
        struct pp_yaml *item;
        yaml_event_t event;

        if (!next_event(rd, &event)) {
            return false;
        }
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        item = read_node(rd, &event, depth + 1);
        yaml_event_delete(&event);
        if (!item) {
            return false;
        }
        add_item(node, NULL, item);
    }
}

static bool
read_map(struct reader *rd, struct pp_yaml *node, unsigned int depth)
{
    for (;;) {
        struct pp_yaml *key, *value;
        yaml_event_t event;

        if (!next_event(rd, &event)) {
            return false;
        }
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        if (event.type != YAML_SCALAR_EVENT) {
            fail(rd, &event.start_mark, "a key must be a word");
            yaml_event_delete(&event);
            return false;
        }
        key = read_node(rd, &event, depth + 1);
        yaml_event_delete(&event);
        if (!key) {
            return false;
        }
        for (size_t i = 0; i < node->n_items; i++) {
            if (node->keys[i]->n == key->n
                && !memcmp(node->keys[i]->text, key->text, key->n)) {
                pp_errors_add(rd->errors, rd->file, key->line, key->column,
                              "key '%s' stands here for the second time; "
                              "the first is in line %u",
                              key->text, node->keys[i]->line);
                pp_yaml_destroy(key);
                return false;
            }
        }
        if (!next_event(rd, &event)) {
            pp_yaml_destroy(key);
            return false;
        }
        value = read_node(rd, &event, depth + 1);
        yaml_event_delete(&event);
        if (!value) {
            pp_yaml_destroy(key);
            return false;
        }
        add_item(node, key, value);
    }
}

/* Reads the node that starts with 'event'. */
static struct pp_yaml *
read_node(struct reader *rd, const yaml_event_t *event, unsigned int depth)
{
    struct pp_yaml *node;
    bool ok;

    if (event->type == YAML_ALIAS_EVENT) {
        fail(rd, &event->start_mark,
             "aliases are not allowed in patches: write the text out");
        return NULL;
    }
    if (depth > PP_PATCH_DEPTH_MAX) {
        fail(rd, &event->start_mark, "nested more than %d deep",
             PP_PATCH_DEPTH_MAX);
        return NULL;
    }
    if (++rd->n_nodes > PP_PATCH_NODES_MAX) {
        fail(rd, &event->start_mark, "more than %d YAML nodes in one file",
             PP_PATCH_NODES_MAX);
        return NULL;
    }
    node = xzalloc(sizeof *node);
    node->line = (unsigned int) event->start_mark.line + 1;
    node->column = (unsigned int) event->start_mark.column + 1;
    node->off = event->start_mark.index;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node->kind = PP_YAML_SCALAR;
        node->n = event->data.scalar.length;
        node->text = xmemdup0((const char *) event->data.scalar.value,
                              node->n);
        node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->bytes = event->data.scalar.tag != NULL;
        ok = (check_tag(rd, event, (const char *) event->data.scalar.tag,
                        (const char *) event->data.scalar.anchor, true)
              && (!node->bytes
                  || decode_bytes(rd, &event->start_mark, node)));
        break;
    case YAML_SEQUENCE_START_EVENT:
        node->kind = PP_YAML_LIST;
        ok = (check_tag(rd, event,
                        (const char *) event->data.sequence_start.tag,
                        (const char *) event->data.sequence_start.anchor,
                        false)
              && read_list(rd, node, depth));
        break;
    case YAML_MAPPING_START_EVENT:
        node->kind = PP_YAML_MAP;
        ok = (check_tag(rd, event,
                        (const char *) event->data.mapping_start.tag,
                        (const char *) event->data.mapping_start.anchor,
                        false)
              && read_map(rd, node, depth));
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_ALIAS_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
    default:
        fail(rd, &event->start_mark, "something is missing here");
        ok = false;
        break;
    }
    if (!ok) {
        pp_yaml_destroy(node);
        return NULL;
    }
    return node;
}

/* Reads events up to one of type 'type'; true if it is the very next. */
static bool
expect_event(struct reader *rd, yaml_event_type_t type, const char *otherwise)
{
    yaml_event_t event;
    bool ok;

    if (!next_event(rd, &event)) {
        return false;
    }
    ok = event.type == type;
    if (!ok) {
        fail(rd, &event.start_mark, "%s", otherwise);
    }
    yaml_event_delete(&event);
    return ok;
}

struct pp_yaml *
pp_yaml_parse(const char *file, const char *text, size_t n,
              struct pp_errors *errors)
{
    struct reader rd = {
        .file = file, .text = text, .n = n, .errors = errors,
    };
    struct pp_yaml *root = NULL;
    yaml_event_t event;

    if (!yaml_parser_initialize(&rd.parser)) {
        pp_errors_add(errors, file, 0, 0, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&rd.parser, (const unsigned char *) text, n);
    if (expect_event(&rd, YAML_STREAM_START_EVENT, "not YAML")
        && expect_event(&rd, YAML_DOCUMENT_START_EVENT,
                        "the file is empty: a patch is expected")
        && next_event(&rd, &event)) {
        root = read_node(&rd, &event, 1);
        yaml_event_delete(&event);
        if (root && (!expect_event(&rd, YAML_DOCUMENT_END_EVENT,
                                   "unexpected text")
                     || !expect_event(&rd, YAML_STREAM_END_EVENT,
                                      "one file holds one patch: a second "
                                      "document starts here"))) {
            pp_yaml_destroy(root);
            root = NULL;
        }
    }
    yaml_parser_delete(&rd.parser);
    return root;
}

struct pp_yaml *
pp_yaml_get(struct pp_yaml *map, const char *key)
{
    for (size_t i = 0; map->kind == PP_YAML_MAP && i < map->n_items; i++) {
        if (map->keys[i]->n == strlen(key)
            && !memcmp(map->keys[i]->text, key, map->keys[i]->n)) {
            map->used[i] = true;
            return map->items[i];
        }
    }
    return NULL;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void
pp_yaml_locate(const struct pp_yaml *scalar, const char *text, size_t n,
               size_t off, unsigned int *line, unsigned int *column)
{
    const char *from, *line_end;
    size_t at;

    *line = scalar->line;
    *column = scalar->column;

    /* libyaml's index counts characters, so go by line and column. */
    from = text;
    for (unsigned int i = 1; i < scalar->line; i++) {
        from = memchr(from, '\n', n - (size_t) (from - text));
        if (!from) {
            return;
        }
        from++;
    }
    at = (size_t) (from - text);
    for (unsigned int i = 1; i < scalar->column && at < n; at++) {
        i += at + 1 >= n || ((unsigned char) text[at + 1] & 0xc0) != 0x80;
    }
    if (scalar->bytes && n - at > 6 && !memcmp(text + at, "!bytes", 6)) {
        at += 6;
        while (at < n && is_space(text[at])) {
            at++;
        }
    }
    if (at >= n) {
        return;
    }
    if (text[at] == '|' || text[at] == '>') {
        line_end = memchr(text + at, '\n', n - at);
        if (!line_end) {
            return;
        }
        at = (size_t) (line_end - text) + 1;
    } else if (text[at] == '"' || text[at] == '\'') {
        at++;
    }

    /* Walk both; any white space stands for any other. */
    for (size_t i = 0; ; i++) {
        bool target = i == off || i == scalar->n;

        if (!target && is_space(scalar->text[i])) {
            continue;
        }
        while (at < n && is_space(text[at])
               && !(target && i < scalar->n && is_space(scalar->text[i]))) {
            at++;
        }
        if (at < n && (text[at] == '\\' || text[at] == '\'') && at + 1 < n
            && i < scalar->n && text[at] != scalar->text[i]
            && text[at + 1] == scalar->text[i]) {
            at++;
        }
        if (target) {
            break;
        }
        if (at >= n || text[at] != scalar->text[i]) {
            return;             /* Some other escape. */
        }
        at++;
        /* '\\' and '' that stand for one of themselves. */
        if (at < n && text[at] == text[at - 1] && !scalar->plain
            && (text[at] == '\\' || text[at] == '\'')
            && (i + 1 >= scalar->n || scalar->text[i + 1] != text[at])) {
            at++;
        }
    }
    line_column(text, n, at, line, column);
}
