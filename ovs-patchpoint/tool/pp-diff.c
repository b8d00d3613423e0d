/* SPDX-License-Identifier: Apache-2.0 */

/* What changes in meaning between two pools; see pp-diff.h.
 *
 * In: two pools.  Out: lines of text, or JSON.  Runs in the author's tool;
 * owns the words it says. */

#include <config.h>

#include "tool/pp-diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "patch/pp-affects.h"
#include "patch/pp-expr.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "svec.h"
#include "tool/pp-explain.h"
#include "util.h"

/* Equality. */

static bool
same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool
same_bytes(struct pp_bytes a, struct pp_bytes b)
{
    return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

static bool
same_expr(const struct pp_expr *a, const struct pp_expr *b)
{
    if (!a || !b) {
        return a == b;
    }
    if (a->op != b->op || a->type != b->type || a->n_args != b->n_args
        || a->x != b->x || a->y != b->y || a->imm != b->imm
        || a->n_bytes != b->n_bytes
        || (a->n_bytes && memcmp(a->bytes, b->bytes, a->n_bytes))) {
        return false;
    }
    for (unsigned int i = 0; i < a->n_args; i++) {
        if (!same_expr(a->arg[i], b->arg[i])) {
            return false;
        }
    }
    return true;
}

static bool
same_reply(const struct pp_rule *a, const struct pp_rule *b)
{
    bool same = (a->status == b->status && a->raw == b->raw
                 && a->close == b->close && a->n_headers == b->n_headers
                 && same_expr(a->reason, b->reason)
                 && same_expr(a->body, b->body));

    for (size_t i = 0; same && i < a->n_headers; i++) {
        same = (same_expr(a->headers[i].name, b->headers[i].name)
                && same_expr(a->headers[i].value, b->headers[i].value));
    }
    return same;
}

static bool
same_sets(const struct pp_rule *a, const struct pp_rule *b)
{
    bool same = a->n_sets == b->n_sets;

    for (size_t i = 0; same && i < a->n_sets; i++) {
        same = (a->sets[i].state == b->sets[i].state
                && same_expr(a->sets[i].value, b->sets[i].value));
    }
    return same;
}

static bool
same_correction(const struct pp_rule *a, const struct pp_rule *b)
{
    return (a->kind == b->kind && a->once == b->once && a->reset == b->reset
            && same_expr(a->target, b->target) && same_expr(a->with, b->with)
            && same_expr(a->low, b->low) && same_expr(a->high, b->high)
            && a->form == b->form && same_sets(a, b) && same_reply(a, b));
}

static bool
same_rule(const struct pp_rule *a, const struct pp_rule *b)
{
    return (a->event == b->event && same_expr(a->each, b->each)
            && same_expr(a->when, b->when) && same_correction(a, b)
            && same_text(a->same_as_vendor, b->same_as_vendor));
}

static bool
same_vector(const struct pp_vector *a, const struct pp_vector *b)
{
    bool same = (a->exploit == b->exploit && a->n_turns == b->n_turns
                 && !memcmp(a->ends.client, b->ends.client,
                            sizeof a->ends.client)
                 && !memcmp(a->ends.server, b->ends.server,
                            sizeof a->ends.server)
                 && a->ends.client_port == b->ends.client_port
                 && a->ends.server_port == b->ends.server_port);

    for (size_t i = 0; same && i < a->n_turns; i++) {
        const struct pp_turn *s = &a->turns[i], *t = &b->turns[i];

        same = (s->kind == t->kind && s->close == t->close
                && same_bytes(s->bytes, t->bytes)
                && same_bytes(s->to_client, t->to_client)
                && same_bytes(s->to_server, t->to_server));
    }
    return same;
}

/* Words. */

static void OVS_PRINTF_FORMAT(2, 3)
say(struct svec *changes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    svec_add_nocopy(changes, xvasprintf(format, args));
    va_end(args);
}

/* 'text' in one line. */
static char *
one_line(const char *text)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(text ? text : "");
    char *save = NULL;

    for (char *word = strtok_r(copy, " \t\n", &save); word;
         word = strtok_r(NULL, " \t\n", &save)) {
        ds_put_format(&s, "%s%s", s.length ? " " : "", word);
    }
    free(copy);
    return s.length ? ds_steal_cstr(&s) : xstrdup("(none)");
}

/* 'what' is said otherwise. */
static void
diff_text(struct svec *changes, const char *what, const char *a,
          const char *b)
{
    char *old = one_line(a);
    char *new = one_line(b);

    if (strcmp(old, new)) {
        say(changes, "%s: %s -> %s", what, old, new);
    }
    free(old);
    free(new);
}

/* A correction, as far as it is said in few words. */
static char *
correction_text(const struct pp_rule *rule)
{
    const char *target = rule->target ? rule->target->name : NULL;
    const char *kind = pp_correct_kind_name(rule->kind);
    const char *end;

    switch (rule->kind) {
    case PP_CORRECT_REJECT:
        end = (rule->reset ? " and reset" : rule->close ? " and close" : "");
        return (rule->raw ? xasprintf("reject with a reply as written%s", end)
                : xasprintf("reject %"PRId64"%s", rule->status, end));

    case PP_CORRECT_CLOSE:
        return xasprintf("close with %s", rule->reset ? "RST" : "FIN");

    case PP_CORRECT_DROP:
    case PP_CORRECT_SET:
        return xstrdup(kind);

    case PP_CORRECT_DELETE:
    case PP_CORRECT_REPLACE:
    case PP_CORRECT_TRUNCATE:
    case PP_CORRECT_CLAMP:
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
    default:
        return xasprintf("%s %s%s", kind, target ? target : "the element",
                         rule->once ? " once" : "");
    }
}

/* An expression, written as 'a' in the old patch and 'b' in the new one, is
 * another one. */
static void
say_expr(struct svec *changes, const char *where, const char *what,
         const char *a, const char *b)
{
    char *old = one_line(a);
    char *new = one_line(b);

    if (strcmp(old, new)) {
        say(changes, "%s: %s: %s -> %s", where, what, old, new);
    } else {
        say(changes, "%s: %s: in the same words, but a name in them stands "
            "for something else: %s", where, what, new);
    }
    free(old);
    free(new);
}

static void
diff_correction(struct svec *changes, const char *where,
                const struct pp_rule *a, const struct pp_rule *b)
{
    char *old = correction_text(a);
    char *new = correction_text(b);

    if (strcmp(old, new)) {
        say(changes, "%s: correction: %s -> %s", where, old, new);
    } else if (!same_expr(a->with, b->with) || !same_expr(a->low, b->low)
               || !same_expr(a->high, b->high) || !same_sets(a, b)) {
        say(changes, "%s: correction: %s: what is put or kept is another",
            where, new);
    } else {
        say(changes, "%s: correction: %s: the reply has other words",
            where, new);
    }
    free(old);
    free(new);
}

static void
diff_rule(struct svec *changes, const struct pp_patch *old_patch,
          const struct pp_patch *new_patch, size_t i, size_t j)
{
    const struct pp_rule *a = &old_patch->rules[i];
    const struct pp_rule *b = &new_patch->rules[j];
    char *where = xasprintf("rule %"PRIuSIZE, j + 1);
    char *vendor = xasprintf("%s: as the vendor", where);

    if (a->event != b->event) {
        say(changes, "%s: on: %s -> %s", where,
            old_patch->proxy->events[a->event].name,
            new_patch->proxy->events[b->event].name);
    }
    if (!same_expr(a->each, b->each)) {
        say_expr(changes, where, "for each element of", a->each_text,
                 b->each_text);
    }
    if (!same_expr(a->when, b->when)) {
        say_expr(changes, where, "condition", a->when_text, b->when_text);
    }
    if (a->when->cost != b->when->cost) {
        say(changes, "%s: nominal cost: %u -> %u", where, a->when->cost,
            b->when->cost);
    }
    if (!same_correction(a, b)) {
        diff_correction(changes, where, a, b);
    }
    diff_text(changes, vendor, a->same_as_vendor, b->same_as_vendor);
    free(vendor);
    free(where);
}

static void
say_rule(struct svec *changes, const char *what, const struct pp_patch *patch,
         size_t i)
{
    const struct pp_rule *rule = &patch->rules[i];
    char *correction = correction_text(rule);
    char *when = one_line(rule->when_text);

    say(changes, "rule %"PRIuSIZE" %s: on %s, when %s: %s", i + 1, what,
        patch->proxy->events[rule->event].name, when, correction);
    free(correction);
    free(when);
}

/* Rules that are equal at both ends are paired, then those between, in their
 * order; of these the last that are left are new, or gone. */
static void
diff_rules(struct svec *changes, const struct pp_patch *a,
           const struct pp_patch *b)
{
    size_t first = 0, n_old = a->n_rules, n_new = b->n_rules;

    while (first < n_old && first < n_new
           && same_rule(&a->rules[first], &b->rules[first])) {
        first++;
    }
    while (n_old > first && n_new > first
           && same_rule(&a->rules[n_old - 1], &b->rules[n_new - 1])) {
        n_old--;
        n_new--;
    }
    for (; first < n_old && first < n_new; first++) {
        diff_rule(changes, a, b, first, first);
    }
    for (size_t i = first; i < n_old; i++) {
        say_rule(changes, "is gone", a, i);
    }
    for (size_t i = first; i < n_new; i++) {
        say_rule(changes, "is new", b, i);
    }
}

/* The vector of 'patch' that vector 'i' of 'other' is to be compared with: of
 * the same name, and where several have that, the same one of these; or
 * NULL. */
static const struct pp_vector *
find_vector(const struct pp_patch *patch, const struct pp_patch *other,
            size_t i)
{
    const char *name = other->vectors[i].name;
    size_t n = 0;

    for (size_t j = 0; j < i; j++) {
        n += !strcmp(other->vectors[j].name, name);
    }
    for (size_t j = 0; j < patch->n_vectors; j++) {
        if (!strcmp(patch->vectors[j].name, name) && !n--) {
            return &patch->vectors[j];
        }
    }
    return NULL;
}

static const char *
vector_kind(const struct pp_vector *v)
{
    return v->exploit ? "exploit" : "benign";
}

static void
diff_vectors(struct svec *changes, const struct pp_patch *a,
             const struct pp_patch *b)
{
    for (size_t i = 0; i < a->n_vectors; i++) {
        const struct pp_vector *old = &a->vectors[i];
        const struct pp_vector *new = find_vector(b, a, i);

        if (!new) {
            say(changes, "vector is gone: %s: %s", vector_kind(old),
                old->name);
        } else if (!same_vector(old, new)) {
            say(changes, "vector is another: %s: %s", vector_kind(new),
                new->name);
        }
    }
    for (size_t i = 0; i < b->n_vectors; i++) {
        const struct pp_vector *new = &b->vectors[i];

        if (!find_vector(a, b, i)) {
            say(changes, "vector is new: %s: %s", vector_kind(new),
                new->name);
        }
    }
}

static char *
affects_text(const struct pp_patch *patch)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < patch->n_affects; i++) {
        ds_put_cstr(&s, i ? ", " : "");
        pp_affects_format(&patch->affects[i], &s);
    }
    return ds_steal_cstr(&s);
}

static char *
params_text(const struct pp_patch *patch)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < patch->n_params; i++) {
        const struct pp_param *p = &patch->params[i];

        ds_put_format(&s, "%s%s from %"PRId64" to %"PRId64" (", i ? ", " : "",
                      p->name, p->min, p->max);
        if (p->type == PP_TYPE_BYTES) {
            for (int64_t j = 0; j < p->value.i; j++) {
                ds_put_format(&s, "%02x", p->value.bytes[j]);
            }
        } else {
            ds_put_format(&s, "%"PRId64, p->value.i);
        }
        ds_put_char(&s, ')');
    }
    return ds_steal_cstr(&s);
}

static char *
states_text(const struct pp_patch *patch)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < patch->n_states; i++) {
        ds_put_format(&s, "%s%s, %s", i ? ", " : "", patch->states[i].name,
                      patch->states[i].type == PP_TYPE_INT ? "an integer"
                      : "a flag");
    }
    return ds_steal_cstr(&s);
}

static void
diff_patch(struct svec *changes, const struct pp_patch *a,
           const struct pp_patch *b)
{
    char *old_affects = affects_text(a);
    char *new_affects = affects_text(b);
    char *old_params = params_text(a);
    char *new_params = params_text(b);
    char *old_states = states_text(a);
    char *new_states = states_text(b);

    diff_text(changes, "title", a->title, b->title);
    diff_text(changes, "vendor", a->vendor, b->vendor);
    diff_text(changes, "affects", old_affects, new_affects);
    diff_text(changes, "parameters", old_params, new_params);
    diff_text(changes, "state", old_states, new_states);
    if (a->severity < b->severity || a->severity > b->severity) {
        say(changes, "severity: %.1f -> %.1f", a->severity, b->severity);
    }
    diff_text(changes, "as the vendor", a->same_as_vendor, b->same_as_vendor);
    diff_text(changes, "proxy", a->proxy->name, b->proxy->name);
    if (a->proxy == b->proxy) {
        diff_rules(changes, a, b);
    } else {
        say(changes, "rules: all are others, since the proxy is");
    }
    diff_vectors(changes, a, b);
    free(old_affects);
    free(new_affects);
    free(old_params);
    free(new_params);
    free(old_states);
    free(new_states);
}

/* Pools. */

struct result {
    struct json *added, *removed, *changed;     /* Arrays. */
    bool text, any;
};

static void
one_sided(struct result *r, struct json *array, char mark,
          const struct pp_patch *patch)
{
    r->any = true;
    json_array_add(array, json_string_create(patch->id));
    if (r->text) {
        printf("%c %s: %s\n", mark, patch->id, patch->title);
    }
}

static void
both_sides(struct result *r, const struct pp_patch *a,
           const struct pp_patch *b)
{
    struct svec changes = SVEC_EMPTY_INITIALIZER;
    struct json *object, *list;
    const char *change;
    size_t i;

    diff_patch(&changes, a, b);
    if (changes.n) {
        r->any = true;
        object = json_object_create();
        list = json_array_create_empty();
        if (r->text) {
            printf("~ %s: %s\n", b->id, b->title);
        }
        SVEC_FOR_EACH (i, change, &changes) {
            json_array_add(list, json_string_create(change));
            if (r->text) {
                printf("    %s\n", change);
            }
        }
        json_object_put_string(object, "patch", b->id);
        json_object_put(object, "changes", list);
        json_array_add(r->changed, object);
    }
    svec_destroy(&changes);
}

bool
pp_diff(const struct pp_pool *old, const struct pp_pool *new, bool json,
        bool quiet)
{
    struct result r = {
        .added = json_array_create_empty(),
        .removed = json_array_create_empty(),
        .changed = json_array_create_empty(),
        .text = !json && !quiet,
    };
    struct json *object = json_object_create();
    size_t i = 0, j = 0;

    while (i < old->n || j < new->n) {      /* Both are sorted by id. */
        const struct pp_patch *a = i < old->n ? old->patches[i] : NULL;
        const struct pp_patch *b = j < new->n ? new->patches[j] : NULL;
        int cmp = !a ? 1 : !b ? -1 : strcmp(a->id, b->id);

        if (cmp < 0) {
            one_sided(&r, r.removed, '-', a);
        } else if (cmp > 0) {
            one_sided(&r, r.added, '+', b);
        } else {
            both_sides(&r, a, b);
        }
        i += cmp <= 0;
        j += cmp >= 0;
    }
    json_object_put(object, "added", r.added);
    json_object_put(object, "removed", r.removed);
    json_object_put(object, "changed", r.changed);
    if (json && !quiet) {
        pp_explain_print(object);
    } else {
        json_destroy(object);
    }
    return r.any;
}
