/* SPDX-License-Identifier: Apache-2.0 */

/* Reading patch files: 'correct'.
 *
 * In: the YAML of a correction.  Out: what the rule does, or what is wrong
 * with it.  Runs in control and in the tools, never in the engine. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "patch/pp-patch-private.h"
#include "util.h"

const char *
pp_correct_kind_name(enum pp_correct_kind kind)
{
    switch (kind) {
    case PP_CORRECT_REJECT:
        return "reject";
    case PP_CORRECT_CLOSE:
        return "close";
    case PP_CORRECT_DROP:
        return "drop";
    case PP_CORRECT_DELETE:
        return "delete";
    case PP_CORRECT_REPLACE:
        return "replace";
    case PP_CORRECT_TRUNCATE:
        return "truncate";
    case PP_CORRECT_CLAMP:
        return "clamp";
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
        return "insert";
    case PP_CORRECT_SET:
        return "set";
    default:
        return "unknown";
    }
}

static bool
take_bool(struct pp_loader *ld, struct pp_yaml *node, const char *what)
{
    if (node && pp_loader_is(ld, node, PP_YAML_SCALAR, what)) {
        if (node->plain && !strcmp(node->text, "true")) {
            return true;
        }
        if (!node->plain || strcmp(node->text, "false")) {
            pp_loader_error(ld, node, "%s must be true or false", what);
        }
    }
    return false;
}

static bool
parse_status(const char *text, int64_t *status)
{
    char *tail;

    errno = 0;
    *status = strtoll(text, &tail, 10);
    return tail != text && !*tail && !errno && *status >= 0;
}

static void
take_headers(struct pp_loader *ld, struct pp_rule *rule,
             struct pp_yaml *list)
{
    if (!list || !pp_loader_is(ld, list, PP_YAML_LIST, "'headers'")) {
        return;
    }
    if (list->n_items > PP_REPLY_HEADERS_MAX) {
        pp_loader_error(ld, list, "a reply has at most %d headers",
                        PP_REPLY_HEADERS_MAX);
        return;
    }
    rule->headers = xcalloc(list->n_items + 1, sizeof *rule->headers);
    for (size_t i = 0; i < list->n_items; i++) {
        struct pp_yaml *map = list->items[i];
        struct pp_reject_header *h = &rule->headers[rule->n_headers++];

        if (map->kind != PP_YAML_MAP || map->n_items != 1) {
            pp_loader_error(ld, map, "a header is written \"- Name: value\"");
            continue;
        }
        h->name = pp_loader_expr(ld, rule, map->keys[0], "a header's name",
                            PP_A_TEMPLATE);
        h->value = pp_loader_expr(ld, rule, map->items[0], "a header's value",
                             PP_A_TEMPLATE);
    }
}

/* Whether, and how, the connection ends behind a reply. */
static void
take_reject_close(struct pp_loader *ld, struct pp_rule *rule,
                  struct pp_yaml *node)
{
    if (node && node->kind == PP_YAML_SCALAR
        && (!strcmp(node->text, "fin") || !strcmp(node->text, "reset"))) {
        rule->close = true;
        rule->reset = !strcmp(node->text, "reset");
    } else if (node && node->kind == PP_YAML_SCALAR
               && strcmp(node->text, "true") && strcmp(node->text, "false")) {
        pp_loader_error(ld, node, "'close' is true, false, fin or reset");
    } else {
        rule->close = take_bool(ld, node, "'close'");
    }
}

/* {status: N, reason: T, headers: [...], body: T, close: B}, {raw: T}, or a
 * bare status. */
static void
take_reject(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *node)
{
    struct pp_yaml *raw, *n;

    rule->kind = PP_CORRECT_REJECT;
    if (node->kind == PP_YAML_SCALAR) {
        if (!parse_status(node->text, &rule->status)) {
            pp_loader_error(ld, node, "'reject' wants a status code, as in "
                            "'reject 404', or a map");
        }
        return;
    }
    if (!pp_loader_is(ld, node, PP_YAML_MAP, "'reject'")) {
        return;
    }
    raw = pp_yaml_get(node, "raw");
    take_reject_close(ld, rule, pp_yaml_get(node, "close"));
    if (raw) {
        rule->raw = true;
        rule->body = pp_loader_expr(ld, rule, raw, "'raw'", PP_A_TEMPLATE);
        pp_loader_unused(ld, node, "a raw 'reject'", "raw, close");
        return;
    }
    n = pp_loader_need(ld, node, "status", "'reject'");
    if (n && pp_loader_is(ld, n, PP_YAML_SCALAR, "'status'")
        && !parse_status(n->text, &rule->status)) {
        pp_loader_error(ld, n, "'status' must be a number");
    }
    n = pp_yaml_get(node, "reason");
    if (n) {
        rule->reason = pp_loader_expr(ld, rule, n, "'reason'", PP_A_TEMPLATE);
    }
    n = pp_yaml_get(node, "body");
    if (n) {
        rule->body = pp_loader_expr(ld, rule, n, "'body'", PP_A_TEMPLATE);
    }
    take_headers(ld, rule, pp_yaml_get(node, "headers"));
    pp_loader_unused(ld, node, "'reject'",
                     "status, reason, headers, body, close, raw");
}

static void
take_close(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *node)
{
    rule->kind = PP_CORRECT_CLOSE;
    if (!pp_loader_is(ld, node, PP_YAML_SCALAR, "'close'")) {
        return;
    }
    if (!strcmp(node->text, "reset")) {
        rule->reset = true;
    } else if (strcmp(node->text, "fin")) {
        pp_loader_error(ld, node, "'close' is 'fin' or 'reset'");
    }
}

/* The field that an edit acts on: it must be one that can be located. */
static void
take_target(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *node)
{
    const struct pp_field *field, *f;
    struct pp_expr *e;

    rule->target = pp_loader_expr(ld, rule, node, "the field",
                                  PP_AN_EXPRESSION);
    e = rule->target;
    if (!e) {
        return;
    }
    if (e->op == PP_OP_PIECE || (e->op != PP_OP_FIELD && e->op != PP_OP_ELEM
                                 && e->op != PP_OP_FIRST
                                 && e->op != PP_OP_SELECT)) {
        pp_loader_error(ld, node, "a correction changes a field, an "
                        "element's field, LIST[\"key\"] or "
                        "LIST[\"key\"].FIELD; this is something computed");
        return;
    }
    field = &ld->patch->proxy->fields[e->x];
    f = (e->op == PP_OP_ELEM || e->op == PP_OP_FIRST
         ? &field->elem[e->y] : field);
    if (!f->editable) {
        pp_loader_error(ld, node, "'%s' cannot be edited: it does not stand "
                        "in the message as it is", f->name);
    }
    if (e->op == PP_OP_SELECT && rule->kind != PP_CORRECT_DELETE) {
        pp_loader_error(ld, node, "of LIST[\"key\"] all elements are meant: "
                        "that can only be deleted");
    }
}

static void
check_element(struct pp_loader *ld, struct pp_rule *rule,
              const struct pp_yaml *node)
{
    if (!rule->each) {
        pp_loader_error(ld, node, "'delete' alone deletes the element of "
                        "'each'; there is no 'each' here, so name a field: "
                        "{delete: FIELD}");
    } else if (rule->each->op == PP_OP_SPLIT) {
        pp_loader_error(ld, node, "a piece of split() cannot be deleted");
    } else if (!ld->patch->proxy->fields[rule->each->x].editable) {
        pp_loader_error(ld, node, "elements of '%s' cannot be edited",
                        ld->patch->proxy->fields[rule->each->x].name);
    }
}

static void
take_with(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *node,
          const char *what)
{
    bool length = rule->kind == PP_CORRECT_TRUNCATE;

    rule->with = pp_loader_expr(ld, rule, node, what, PP_AN_EXPRESSION);
    if (rule->with
        && rule->with->type != (length ? PP_TYPE_INT : PP_TYPE_BYTES)) {
        pp_loader_error(ld, node, "%s must be %s, this is %s%s", what,
                        pp_type_name(length ? PP_TYPE_INT : PP_TYPE_BYTES),
                        pp_type_name(rule->with->type),
                        (length || rule->with->type != PP_TYPE_INT ? ""
                         : "; decimal(), put_be16() ... make bytes of it"));
    }
}

/* An integer expression, or NULL. */
static struct pp_expr *
take_integer(struct pp_loader *ld, const struct pp_rule *rule,
             struct pp_yaml *node, const char *what)
{
    struct pp_expr *e;

    if (!node) {
        return NULL;
    }
    e = pp_loader_expr(ld, rule, node, what, PP_AN_EXPRESSION);
    if (e && e->type != PP_TYPE_INT) {
        pp_loader_error(ld, node, "%s must be an integer, this is %s", what,
                        pp_type_name(e->type));
    }
    return e;
}

/* {clamp: FIELD, min: EXPR, max: EXPR, as: FORM} */
static void
take_clamp(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *map,
           struct pp_yaml *field)
{
    static const char *const forms[PP_N_FORMS] = {
        [PP_FORM_DECIMAL] = "decimal", [PP_FORM_HEX] = "hex",
        [PP_FORM_BE] = "be", [PP_FORM_LE] = "le",
    };
    struct pp_yaml *as = pp_yaml_get(map, "as");

    rule->kind = PP_CORRECT_CLAMP;
    take_target(ld, rule, field);
    rule->low = take_integer(ld, rule, pp_yaml_get(map, "min"), "'min'");
    rule->high = take_integer(ld, rule, pp_yaml_get(map, "max"), "'max'");
    if (!rule->low && !rule->high && !ld->failed) {
        pp_loader_error(ld, map, "'clamp' wants 'min', 'max' or both");
    }
    if (as && pp_loader_is(ld, as, PP_YAML_SCALAR, "'as'")) {
        while (rule->form < PP_N_FORMS
               && strcmp(forms[rule->form], as->text)) {
            rule->form++;
        }
        if (rule->form == PP_N_FORMS) {
            rule->form = PP_FORM_DECIMAL;
            pp_loader_error(ld, as, "a number is written as decimal, hex, be "
                            "or le, not as '%s'", as->text);
        }
    }
}

/* {insert: EXPR, before|after: FIELD, once: true} */
static void
take_insert(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *map,
            struct pp_yaml *what)
{
    struct pp_yaml *before = pp_yaml_get(map, "before");
    struct pp_yaml *after = pp_yaml_get(map, "after");

    if (!before == !after) {
        pp_loader_error(ld, map, "'insert' wants either 'before' or 'after': "
                        "where?");
        return;
    }
    rule->kind = before ? PP_CORRECT_INSERT_BEFORE : PP_CORRECT_INSERT_AFTER;
    take_target(ld, rule, before ? before : after);
    take_with(ld, rule, what, "'insert'");
    if (rule->with && rule->with->op == PP_OP_BYTES && !rule->with->n_bytes) {
        pp_loader_error(ld, what, "to insert nothing changes nothing");
    }
    rule->once = take_bool(ld, pp_yaml_get(map, "once"), "'once'");
}

static void
take_correct_map(struct pp_loader *ld, struct pp_rule *rule,
                 struct pp_yaml *map)
{
    static const char known[] = "reject, close, delete, replace with, "
                                "truncate to, clamp min max as, insert "
                                "before, insert after, once";
    struct pp_yaml *n;

    if ((n = pp_yaml_get(map, "reject"))) {
        take_reject(ld, rule, n);
    } else if ((n = pp_yaml_get(map, "close"))) {
        take_close(ld, rule, n);
    } else if ((n = pp_yaml_get(map, "delete"))) {
        rule->kind = PP_CORRECT_DELETE;
        take_target(ld, rule, n);
    } else if ((n = pp_yaml_get(map, "replace"))) {
        rule->kind = PP_CORRECT_REPLACE;
        take_target(ld, rule, n);
        take_with(ld, rule, pp_loader_need(ld, map, "with", "'replace'"),
                  "'with'");
    } else if ((n = pp_yaml_get(map, "truncate"))) {
        rule->kind = PP_CORRECT_TRUNCATE;
        take_target(ld, rule, n);
        take_with(ld, rule, pp_loader_need(ld, map, "to", "'truncate'"),
                  "'to'");
    } else if ((n = pp_yaml_get(map, "insert"))) {
        take_insert(ld, rule, map, n);
    } else if ((n = pp_yaml_get(map, "clamp"))) {
        take_clamp(ld, rule, map, n);
    } else {
        pp_loader_error(ld, map, "'correct' says nothing that is known: %s, "
                        "drop", known);
        return;
    }
    pp_loader_unused(ld, map, "this correction; or it does not belong to it",
                     known);
}

void
pp_loader_correct(struct pp_loader *ld, struct pp_rule *rule,
                  struct pp_yaml *node)
{
    if (node->kind == PP_YAML_MAP) {
        take_correct_map(ld, rule, node);
    } else if (!pp_loader_is(ld, node, PP_YAML_SCALAR, "'correct'")) {
        return;
    } else if (!strncmp(node->text, "reject ", 7)
               && parse_status(node->text + 7, &rule->status)) {
        rule->kind = PP_CORRECT_REJECT;
    } else if (!strcmp(node->text, "close")) {
        rule->kind = PP_CORRECT_CLOSE;
    } else if (!strcmp(node->text, "drop")) {
        rule->kind = PP_CORRECT_DROP;
    } else if (!strcmp(node->text, "delete")) {
        rule->kind = PP_CORRECT_DELETE;
        check_element(ld, rule, node);
    } else {
        pp_loader_error(ld, node, "unknown correction '%s'; known: reject "
                        "STATUS, close, drop, delete, or a map {reject: "
                        "...}, {close: reset}, {delete: FIELD}, {replace: "
                        "FIELD, with: EXPR}, {truncate: FIELD, to: EXPR}, "
                        "{clamp: FIELD, max: EXPR}, "
                        "{insert: EXPR, before: FIELD}", node->text);
    }
}
