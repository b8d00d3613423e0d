/* SPDX-License-Identifier: Apache-2.0 */

/* Reading patch files; see pp-patch.h.
 *
 * In: the text of a file.  Out: a checked patch, or everything that is wrong
 * with it.  Runs in control and in the tools, never in the engine; owns the
 * patch until the caller has it. */

#include <config.h>

#include "patch/pp-patch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-expr.h"
#include "patch/pp-func.h"
#include "patch/pp-patch-private.h"
#include "patch/pp-yaml.h"
#include "pp-proxy.h"
#include "sha1.h"
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
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
        return "insert";
    default:
        return "unknown";
    }
}

void
pp_loader_error(struct pp_loader *ld, const struct pp_yaml *node,
                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pp_errors_add_valist(ld->errors, ld->file, node->line, node->column,
                         format, args);
    va_end(args);
    ld->failed = true;
}

bool
pp_loader_is(struct pp_loader *ld, const struct pp_yaml *node,
             enum pp_yaml_kind kind, const char *what)
{
    if (node->kind == kind) {
        return true;
    }
    pp_loader_error(ld, node, "%s must be %s, this is %s", what,
                    pp_yaml_kind_name(kind), pp_yaml_kind_name(node->kind));
    return false;
}

struct pp_yaml *
pp_loader_need(struct pp_loader *ld, struct pp_yaml *map, const char *key,
               const char *what)
{
    struct pp_yaml *node = pp_yaml_get(map, key);

    if (!node) {
        pp_loader_error(ld, map, "key '%s' is missing in %s", key, what);
    }
    return node;
}

void
pp_loader_unused(struct pp_loader *ld, const struct pp_yaml *map,
                 const char *what, const char *known)
{
    for (size_t i = 0; i < map->n_items; i++) {
        if (!map->used[i]) {
            pp_loader_error(ld, map->keys[i],
                            "unknown key '%s' in %s; known: %s",
                            map->keys[i]->text, what, known);
        }
    }
}

/* The text of scalar 'node', which may have no NUL in it, or NULL. */
static char *
take_text(struct pp_loader *ld, struct pp_yaml *node, const char *what)
{
    char *text;
    size_t n;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, what)) {
        return NULL;
    }
    if (strlen(node->text) != node->n) {
        pp_loader_error(ld, node, "%s has a NUL in it", what);
        return NULL;
    }
    text = xstrdup(node->text);
    for (n = strlen(text); n && strchr(" \t\r\n", text[n - 1]); n--) {
        text[n - 1] = '\0';
    }
    if (!*text) {
        pp_loader_error(ld, node, "%s is empty", what);
        free(text);
        return NULL;
    }
    return text;
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

/* Expressions. */

struct expr_place {
    struct pp_loader *ld;
    const struct pp_yaml *node;
    size_t skip;                /* Of the node's text, before the part. */
};

static void
report_expr(void *place_, size_t off, const char *message)
{
    const struct expr_place *place = place_;
    struct pp_loader *ld = place->ld;
    unsigned int line, column;

    pp_yaml_locate(place->node, ld->text, ld->n, place->skip + off, &line,
                   &column);
    pp_errors_add(ld->errors, ld->file, line, column, "%s", message);
    ld->failed = true;
}

enum expr_form { AN_EXPRESSION, A_TEMPLATE };

/* Parses the scalar 'node' in the surroundings of 'rule'. */
static struct pp_expr *
take_expr(struct pp_loader *ld, const struct pp_rule *rule,
          const struct pp_yaml *node, const char *what, enum expr_form form)
{
    struct expr_place place = { .ld = ld, .node = node };
    struct pp_expr_env env = {
        .proxy = ld->patch->proxy,
        .event = rule->event,
        .each = rule->each,
        .reply = form == A_TEMPLATE,
        .lets = ld->lets,
        .n_lets = ld->n_lets,
        .error = report_expr,
        .aux = &place,
    };

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, what)) {
        return NULL;
    }
    return (form == A_TEMPLATE
            ? pp_expr_parse_template(node->text, node->n, &env)
            : pp_expr_parse(node->text, node->n, &env));
}

/* Corrections. */

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
        h->name = take_expr(ld, rule, map->keys[0], "a header's name",
                            A_TEMPLATE);
        h->value = take_expr(ld, rule, map->items[0], "a header's value",
                             A_TEMPLATE);
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
    rule->close = take_bool(ld, pp_yaml_get(node, "close"), "'close'");
    if (raw) {
        rule->raw = true;
        rule->body = take_expr(ld, rule, raw, "'raw'", A_TEMPLATE);
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
        rule->reason = take_expr(ld, rule, n, "'reason'", A_TEMPLATE);
    }
    n = pp_yaml_get(node, "body");
    if (n) {
        rule->body = take_expr(ld, rule, n, "'body'", A_TEMPLATE);
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

    rule->target = take_expr(ld, rule, node, "the field", AN_EXPRESSION);
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

    rule->with = take_expr(ld, rule, node, what, AN_EXPRESSION);
    if (rule->with
        && rule->with->type != (length ? PP_TYPE_INT : PP_TYPE_BYTES)) {
        pp_loader_error(ld, node, "%s must be %s, this is %s%s", what,
                        pp_type_name(length ? PP_TYPE_INT : PP_TYPE_BYTES),
                        pp_type_name(rule->with->type),
                        (length || rule->with->type != PP_TYPE_INT ? ""
                         : "; decimal(), put_be16() ... make bytes of it"));
    }
}

static void
take_correct_map(struct pp_loader *ld, struct pp_rule *rule,
                 struct pp_yaml *map)
{
    static const char known[] = "reject, close, delete, replace with, "
                                "truncate to, insert before, insert after, "
                                "once";
    struct pp_yaml *n, *side;

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
        rule->kind = PP_CORRECT_INSERT_BEFORE;
        side = pp_yaml_get(map, "before");
        if (!side) {
            rule->kind = PP_CORRECT_INSERT_AFTER;
            side = pp_loader_need(ld, map, "after", "'insert'");
        }
        if (side) {
            take_target(ld, rule, side);
        }
        take_with(ld, rule, n, "'insert'");
        rule->once = take_bool(ld, pp_yaml_get(map, "once"), "'once'");
    } else {
        pp_loader_error(ld, map, "'correct' says nothing that is known: %s, "
                        "drop", known);
        return;
    }
    pp_loader_unused(ld, map, "this correction", known);
}

static void
take_correct(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *node)
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
                        "{insert: EXPR, before: FIELD}", node->text);
    }
}

/* Rules. */

static bool
take_event(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *node)
{
    const struct pp_event *events = ld->patch->proxy->events;
    struct ds known = DS_EMPTY_INITIALIZER;
    unsigned int i;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "'on'")) {
        return false;
    }
    for (i = 0; events[i].name; i++) {
        if (!strcmp(events[i].name, node->text)) {
            ds_destroy(&known);
            rule->event = i;
            if (events[i].dir == PP_TO_SERVER) {
                return true;
            }
            pp_loader_error(ld, node, "the event '%s' comes from the server: "
                            "it is only observed", node->text);
            return false;
        }
        ds_put_format(&known, "%s%s", i ? ", " : "", events[i].name);
    }
    pp_loader_error(ld, node, "proxy '%s' has no event '%s'; it has: %s",
                    ld->patch->proxy->name, node->text, ds_cstr(&known));
    ds_destroy(&known);
    return false;
}

/* Is 'name' one that an expression might mean something else by? */
static bool
is_taken(const struct pp_loader *ld, const char *name)
{
    for (const struct pp_field *f = ld->patch->proxy->fields; f->name; f++) {
        if (!strcmp(f->name, name)) {
            return true;
        }
        for (const struct pp_field *e = f->elem; e && e->name; e++) {
            if (!strcmp(e->name, name)) {
                return true;
            }
        }
    }
    return (!strcmp(name, "date") || !strcmp(name, "index")
            || !strcmp(name, "piece") || !strcmp(name, "each")
            || !strcmp(name, "and") || !strcmp(name, "or")
            || !strcmp(name, "not") || !strcmp(name, "in")
            || !strcmp(name, "true") || !strcmp(name, "false"));
}

/* Reads 'let', names for expressions that the patch's rules may use. */
static void
take_lets(struct pp_loader *ld, struct pp_yaml *map)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

    if (!map || !pp_loader_is(ld, map, PP_YAML_MAP, "'let'")) {
        return;
    }
    ld->lets = xcalloc(map->n_items + 1, sizeof *ld->lets);
    for (size_t i = 0; i < map->n_items; i++) {
        const char *name = map->keys[i]->text;
        struct expr_place *place;

        map->used[i] = true;
        if (name[0] == '\0' || strspn(name, letters) != strlen(name)) {
            pp_loader_error(ld, map->keys[i], "a name in 'let' has letters "
                            "and '_' only");
        } else if (is_taken(ld, name)) {
            pp_loader_error(ld, map->keys[i], "'%s' means something in "
                            "conditions already", name);
        } else if (pp_loader_is(ld, map->items[i], PP_YAML_SCALAR,
                                "an expression")) {
            place = xmalloc(sizeof *place);
            *place = (struct expr_place) { .ld = ld, .node = map->items[i] };
            ld->lets[ld->n_lets++] = (struct pp_let) {
                .name = xstrdup(name), .text = map->items[i]->text,
                .n = map->items[i]->n, .aux = place,
            };
        }
    }
}

/* All lets must be used: those that are not have not been checked. */
static void
end_lets(struct pp_loader *ld)
{
    for (size_t i = 0; i < ld->n_lets; i++) {
        const struct expr_place *place = ld->lets[i].aux;

        if (!ld->lets[i].used && !ld->failed) {
            pp_loader_error(ld, place->node, "'%s' is not used",
                            ld->lets[i].name);
        }
        free(ld->lets[i].name);
        free(ld->lets[i].aux);
    }
    free(ld->lets);
}

/* Reads the rule whose keys are in 'map'. */
static void
take_rule(struct pp_loader *ld, struct pp_yaml *map)
{
    struct pp_patch *patch = ld->patch;
    struct pp_yaml *on, *each, *when, *correct, *same;
    struct pp_rule *rule = &patch->rules[patch->n_rules];

    on = pp_loader_need(ld, map, "on", "the rule");
    each = pp_yaml_get(map, "each");
    when = pp_loader_need(ld, map, "when", "the rule");
    correct = pp_loader_need(ld, map, "correct", "the rule");
    same = map == ld->root ? NULL : pp_yaml_get(map, "same-as-vendor");
    patch->n_rules++;
    rule->line = when ? when->line : map->line;
    if (!take_event(ld, rule, on)) {
        return;
    }
    if (each) {
        rule->each = take_expr(ld, rule, each, "'each'", AN_EXPRESSION);
        rule->each_text = take_text(ld, each, "'each'");
        if (!rule->each) {
            return;             /* All that follows would be unknown. */
        }
        if (rule->each->type != PP_TYPE_LIST) {
            pp_loader_error(ld, each, "'each' wants a list, this is %s",
                            pp_type_name(rule->each->type));
            return;
        }
    }
    if (when) {
        rule->when = take_expr(ld, rule, when, "'when'", AN_EXPRESSION);
        rule->when_text = take_text(ld, when, "'when'");
        if (rule->when && rule->when->type != PP_TYPE_BOOL) {
            pp_loader_error(ld, when, "'when' must be a condition, this is "
                            "%s", pp_type_name(rule->when->type));
        }
    }
    if (correct) {
        take_correct(ld, rule, correct);
    }
    if (same) {
        rule->same_as_vendor = take_text(ld, same, "'same-as-vendor'");
    }
}

static void
take_rules(struct pp_loader *ld)
{
    struct pp_patch *patch = ld->patch;
    struct pp_yaml *list = pp_yaml_get(ld->root, "rules");

    if (!list) {
        patch->rules = xcalloc(1, sizeof *patch->rules);
        take_rule(ld, ld->root);
        return;
    }
    if (!pp_loader_is(ld, list, PP_YAML_LIST, "'rules'")) {
        return;
    }
    if (!list->n_items || list->n_items > PP_PATCH_RULES_MAX) {
        pp_loader_error(ld, list, "'rules' has %"PRIuSIZE" rules; 1 to %d "
                        "are allowed", list->n_items, PP_PATCH_RULES_MAX);
        return;
    }
    patch->rules = xcalloc(list->n_items, sizeof *patch->rules);
    for (size_t i = 0; i < list->n_items; i++) {
        if (pp_loader_is(ld, list->items[i], PP_YAML_MAP, "a rule")) {
            take_rule(ld, list->items[i]);
            pp_loader_unused(ld, list->items[i], "the rule",
                             "on, each, when, correct, same-as-vendor");
        }
    }
}

/* The patch. */

char *
pp_patch_id_fault(const char *id)
{
    size_t n = strlen(id);

    if (!n || n > PP_PATCH_ID_MAX
        || strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "abcdefghijklmnopqrstuvwxyz0123456789._-") != n) {
        return xasprintf("an id has up to %d letters, digits, '.', '_' and "
                         "'-'", PP_PATCH_ID_MAX);
    }
    if (!strcmp(id, "all") || !strcmp(id, "none") || !strcmp(id, "auto")) {
        return xasprintf("'%s' means something else in policies: it cannot be "
                         "an id", id);
    }
    return NULL;
}

static void
take_id(struct pp_loader *ld)
{
    struct pp_yaml *node = pp_loader_need(ld, ld->root, "patch", "the patch");
    const char *base = strrchr(ld->file, '/');
    const char *dot;
    char *fault;
    size_t n;

    ld->patch->id = take_text(ld, node, "'patch'");
    if (!ld->patch->id) {
        return;
    }
    n = strlen(ld->patch->id);
    fault = pp_patch_id_fault(ld->patch->id);
    if (fault) {
        pp_loader_error(ld, node, "%s", fault);
        free(fault);
    }
    base = base ? base + 1 : ld->file;
    dot = strrchr(base, '.');
    if (n != (dot ? (size_t) (dot - base) : strlen(base))
        || memcmp(base, ld->patch->id, n)) {
        pp_loader_error(ld, node, "the file's name is '%s'; a patch '%s' "
                        "must be in '%s.yaml'", base, ld->patch->id,
                        ld->patch->id);
    }
}

static void
take_affects(struct pp_loader *ld)
{
    struct pp_yaml *list = pp_loader_need(ld, ld->root, "affects",
                                          "the patch");
    struct pp_patch *patch = ld->patch;

    if (!list || !pp_loader_is(ld, list, PP_YAML_LIST, "'affects'")) {
        return;
    }
    if (!list->n_items) {
        pp_loader_error(ld, list, "'affects' is empty: which product is it?");
    }
    patch->affects = xcalloc(list->n_items + 1, sizeof *patch->affects);
    for (size_t i = 0; i < list->n_items; i++) {
        struct pp_yaml *map = list->items[i];
        struct pp_affects *a = &patch->affects[patch->n_affects++];

        if (pp_loader_is(ld, map, PP_YAML_MAP, "an item of 'affects'")) {
            a->product = take_text(ld, pp_loader_need(ld, map, "product",
                                                      "'affects'"),
                                   "'product'");
            a->versions = take_text(ld, pp_loader_need(ld, map, "versions",
                                                       "'affects'"),
                                    "'versions'");
            if (a->product && a->product[strcspn(a->product, ", \t\n*?[")]) {
                pp_loader_error(ld, map, "a product is one word, such as "
                                "npm/st: no blanks, commas or wildcards");
            }
            pp_loader_unused(ld, map, "'affects'", "product, versions");
        }
    }
}

static void
take_severity(struct pp_loader *ld)
{
    struct pp_yaml *node = pp_loader_need(ld, ld->root, "severity",
                                          "the patch");
    char *tail;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "'severity'")) {
        return;
    }
    ld->patch->severity = strtod(node->text, &tail);
    if (tail == node->text || *tail || !isfinite(ld->patch->severity)
        || ld->patch->severity < 0 || ld->patch->severity > 10) {
        pp_loader_error(ld, node, "'severity' is a CVSS score from 0.0 to "
                        "10.0");
    }
}

static void
take_proxy(struct pp_loader *ld)
{
    struct pp_yaml *node = pp_loader_need(ld, ld->root, "proxy",
                                          "the patch");
    struct ds known = DS_EMPTY_INITIALIZER;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "'proxy'")) {
        return;
    }
    for (size_t i = 0; ld->proxies[i]; i++) {
        if (!strcmp(ld->proxies[i]->name, node->text)) {
            ld->patch->proxy = ld->proxies[i];
        }
        ds_put_format(&known, "%s%s", i ? ", " : "", ld->proxies[i]->name);
    }
    if (!ld->patch->proxy) {
        pp_loader_error(ld, node, "there is no proxy '%s'; there are: %s",
                        node->text, ds_cstr(&known));
    }
    ds_destroy(&known);
}

static void
take_patch(struct pp_loader *ld)
{
    struct pp_patch *patch = ld->patch;
    struct pp_yaml *root = ld->root;
    struct pp_yaml *same;

    take_id(ld);
    patch->title = take_text(ld, pp_loader_need(ld, root, "title",
                                                "the patch"), "'title'");
    patch->vendor = take_text(ld, pp_loader_need(ld, root, "vendor",
                                                 "the patch"), "'vendor'");
    take_affects(ld);
    take_severity(ld);
    take_proxy(ld);
    same = pp_yaml_get(root, "same-as-vendor");
    if (same) {
        patch->same_as_vendor = take_text(ld, same, "'same-as-vendor'");
    }
    if (!patch->proxy) {
        return;                 /* All names would be unknown. */
    }
    take_lets(ld, pp_yaml_get(root, "let"));
    take_rules(ld);
    end_lets(ld);
    for (size_t i = 0; i < patch->n_rules && !same; i++) {
        if (!patch->rules[i].same_as_vendor) {
            pp_loader_error(ld, root, "key 'same-as-vendor' is missing: why "
                            "is this the vendor's own correction?");
            break;
        }
    }
    pp_loader_vectors(ld);
    pp_loader_unused(ld, root, "the patch",
                     (pp_yaml_get(root, "rules")
                      ? "patch, title, vendor, affects, severity, proxy, let, "
                        "rules, same-as-vendor, vectors"
                      : "patch, title, vendor, affects, severity, proxy, let, "
                        "on, each, when, correct, same-as-vendor, vectors"));
}

struct pp_patch *
pp_patch_parse(const char *file, const char *text, size_t n,
               const struct pp_proxy *const *proxies,
               struct pp_errors *errors)
{
    struct pp_loader ld = {
        .file = file, .text = text, .n = n, .errors = errors,
        .proxies = proxies,
    };

    if (n > PP_PATCH_FILE_MAX) {
        pp_errors_add(errors, file, 0, 0, "the file has %"PRIuSIZE" bytes; a "
                      "patch has at most %d", n, PP_PATCH_FILE_MAX);
        return NULL;
    }
    ld.root = pp_yaml_parse(file, text, n, errors);
    if (!ld.root) {
        return NULL;
    }
    ld.patch = xzalloc(sizeof *ld.patch);
    ld.patch->file = xstrdup(file);
    sha1_bytes(text, (uint32_t) n, ld.patch->digest);
    if (pp_loader_is(&ld, ld.root, PP_YAML_MAP, "a patch")) {
        take_patch(&ld);
    }
    pp_yaml_destroy(ld.root);
    if (ld.failed) {
        pp_patch_destroy(ld.patch);
        return NULL;
    }
    return ld.patch;
}

struct pp_patch *
pp_patch_read(const char *file, const struct pp_proxy *const *proxies,
              struct pp_errors *errors)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct pp_patch *patch;
    size_t n = 0;
    char *text;
    struct stat s;

    if (fd < 0 || fstat(fd, &s)) {
        pp_errors_add(errors, file, 0, 0, "cannot be opened: %s",
                      ovs_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    if (!S_ISREG(s.st_mode)) {
        pp_errors_add(errors, file, 0, 0, "is not a file");
        close(fd);
        return NULL;
    }
    text = xmalloc(PP_PATCH_FILE_MAX + 1);
    while (n <= PP_PATCH_FILE_MAX) {
        ssize_t got = read(fd, text + n, PP_PATCH_FILE_MAX + 1 - n);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            pp_errors_add(errors, file, 0, 0, "cannot be read: %s",
                          ovs_strerror(errno));
            close(fd);
            free(text);
            return NULL;
        }
        if (!got) {
            break;
        }
        n += (size_t) got;
    }
    close(fd);
    patch = pp_patch_parse(file, text, n, proxies, errors);
    free(text);
    return patch;
}

static void
rule_destroy(struct pp_rule *rule)
{
    pp_expr_destroy(rule->each);
    pp_expr_destroy(rule->when);
    pp_expr_destroy(rule->target);
    pp_expr_destroy(rule->with);
    pp_expr_destroy(rule->reason);
    pp_expr_destroy(rule->body);
    for (size_t i = 0; i < rule->n_headers; i++) {
        pp_expr_destroy(rule->headers[i].name);
        pp_expr_destroy(rule->headers[i].value);
    }
    free(rule->headers);
    free(rule->each_text);
    free(rule->when_text);
    free(rule->same_as_vendor);
}

static void
vector_destroy(struct pp_vector *vector)
{
    for (size_t i = 0; i < vector->n_turns; i++) {
        free(CONST_CAST(uint8_t *, vector->turns[i].bytes.p));
        free(CONST_CAST(uint8_t *, vector->turns[i].to_client.p));
        free(CONST_CAST(uint8_t *, vector->turns[i].to_server.p));
    }
    free(vector->turns);
    free(vector->name);
}

void
pp_patch_destroy(struct pp_patch *patch)
{
    if (!patch) {
        return;
    }
    for (size_t i = 0; i < patch->n_rules; i++) {
        rule_destroy(&patch->rules[i]);
    }
    for (size_t i = 0; i < patch->n_vectors; i++) {
        vector_destroy(&patch->vectors[i]);
    }
    for (size_t i = 0; i < patch->n_affects; i++) {
        free(patch->affects[i].product);
        free(patch->affects[i].versions);
    }
    free(patch->rules);
    free(patch->vectors);
    free(patch->affects);
    free(patch->id);
    free(patch->file);
    free(patch->title);
    free(patch->vendor);
    free(patch->same_as_vendor);
    free(patch);
}
