/* SPDX-License-Identifier: Apache-2.0 */

/* What patches say, for people and for programs; see pp-explain.h.
 *
 * In: patches.  Out: words, or JSON.  Runs in the author's tool; owns
 * nothing. */

#include <config.h>

#include "tool/pp-explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "patch/pp-affects.h"
#include "patch/pp-errors.h"
#include "patch/pp-expr.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "pp-proxy.h"
#include "util.h"

/* Words. */

/* Prints 'text' with its lines indented, each as long as fits. */
static void
print_wrapped(const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t n = strcspn(text, " \t\n");

        if (column && column + n > 68) {
            column = 0;
        }
        if (n) {
            printf("%s%.*s", column ? " " : "\n    ", (int) n, text);
            column += n + 1;
        }
        text += n;
        text += strspn(text, " \t\n");
    }
    putchar('\n');
}

static void
explain_expr(const char *what, const struct pp_expr *e)
{
    if (e && e->name) {
        printf("      %s: %s\n", what, e->name);
    }
}

/* What the rule works out when its condition holds. */
static uint64_t
correction_cost(const struct pp_rule *rule)
{
    const struct pp_expr *const parts[] = {
        rule->with, rule->low, rule->high, rule->reason, rule->body,
    };
    uint64_t cost = 0;

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        cost += parts[i] ? parts[i]->cost : 0;
    }
    for (size_t i = 0; i < rule->n_headers; i++) {
        cost += rule->headers[i].name->cost + rule->headers[i].value->cost;
    }
    for (size_t i = 0; i < rule->n_sets; i++) {
        cost += rule->sets[i].value->cost;
    }
    return cost;
}

static void
explain_rule(const struct pp_patch *patch, size_t i)
{
    const struct pp_rule *rule = &patch->rules[i];

    printf("\n  rule %"PRIuSIZE" (line %u), on each %s of %s", i + 1,
           rule->line, patch->proxy->events[rule->event].name,
           patch->proxy->title);
    if (rule->each_text) {
        printf("\n    for each element of %s", rule->each_text);
    }
    printf("\n    when");
    print_wrapped(rule->when_text);
    printf("    then %s", pp_correct_kind_name(rule->kind));
    switch (rule->kind) {
    case PP_CORRECT_REJECT:
        if (rule->raw) {
            printf(" with a reply as written");
        } else {
            printf(" with status %"PRId64, rule->status);
        }
        printf("; the connection %s\n",
               (rule->reset ? "is reset after it"
                : rule->close ? "is closed after it" : "goes on"));
        break;
    case PP_CORRECT_CLOSE:
        printf(" the connection with %s\n", rule->reset ? "RST" : "FIN");
        break;
    case PP_CORRECT_DROP:
        printf(" it silently; the connection goes on\n");
        break;
    case PP_CORRECT_SET:
        for (size_t j = 0; j < rule->n_sets; j++) {
            printf("%s %s to %s", j ? "," : "",
                   patch->states[rule->sets[j].state].name,
                   rule->sets[j].text);
        }
        printf("\n");
        break;
    case PP_CORRECT_DELETE:
    case PP_CORRECT_REPLACE:
    case PP_CORRECT_TRUNCATE:
    case PP_CORRECT_CLAMP:
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
    default:
        printf(rule->target ? "\n" : " the element\n");
        explain_expr("field", rule->target);
        break;
    }
    printf("    nominal cost %u of at most %d", rule->when->cost,
           PP_EXPR_COST_MAX);
    if (correction_cost(rule)) {
        printf("; %"PRIu64" more if it holds", correction_cost(rule));
    }
    printf("\n");
    if (rule->same_as_vendor) {
        printf("    as the vendor:");
        print_wrapped(rule->same_as_vendor);
    }
}

static void
explain_param(const struct pp_param *param)
{
    printf("  parameter %s, ", param->name);
    switch ((int) param->type) {
    case PP_TYPE_BOOL:
        printf("true or false; default %s", param->value.i ? "true" : "false");
        break;
    case PP_TYPE_INT:
        printf("an integer from %"PRId64" to %"PRId64"; default %"PRId64,
               param->min, param->max, param->value.i);
        break;
    default:
        printf("%"PRId64" to %"PRId64" bytes; default \"", param->min,
               param->max);
        for (int64_t i = 0; i < param->value.i; i++) {
            uint8_t c = param->value.bytes[i];

            printf(c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? "\\x%02x"
                   : "%c", c);
        }
        printf("\"");
        break;
    }
    print_wrapped(param->about);
}

void
pp_explain(const struct pp_patch *p)
{
    printf("%s: %s\n", p->id, p->title);
    printf("  file      %s\n  vendor    %s\n  severity  %.1f\n", p->file,
           p->vendor, p->severity);
    for (size_t i = 0; i < p->n_affects; i++) {
        struct ds s = DS_EMPTY_INITIALIZER;

        pp_affects_format(&p->affects[i], &s);
        printf("  affects   %s\n", ds_cstr(&s));
        ds_destroy(&s);
    }
    for (size_t i = 0; i < p->n_params; i++) {
        explain_param(&p->params[i]);
    }
    for (size_t i = 0; i < p->n_states; i++) {
        printf("  keeps     %s, %s, of each connection\n", p->states[i].name,
               p->states[i].type == PP_TYPE_INT ? "an integer" : "a flag");
    }
    for (size_t i = 0; i < p->n_rules; i++) {
        explain_rule(p, i);
    }
    if (p->same_as_vendor) {
        printf("\n  as the vendor:");
        print_wrapped(p->same_as_vendor);
    }
    printf("\n");
    for (size_t i = 0; i < p->n_vectors; i++) {
        printf("  %s: %s\n", p->vectors[i].exploit ? "exploit" : "benign ",
               p->vectors[i].name);
    }
}

/* JSON. */

static void
put_text(struct json *object, const char *name, const char *text)
{
    if (text) {
        json_object_put_string(object, name, text);
    }
}

static void
put_int(struct json *object, const char *name, int64_t n)
{
    json_object_put(object, name, json_integer_create(n));
}

static struct json *
correction_json(const struct pp_patch *patch, const struct pp_rule *rule)
{
    struct json *object = json_object_create();

    put_text(object, "kind", pp_correct_kind_name(rule->kind));
    switch (rule->kind) {
    case PP_CORRECT_REJECT:
        if (!rule->raw) {
            put_int(object, "status", rule->status);
        }
        json_object_put(object, "close", json_boolean_create(rule->close));
        json_object_put(object, "reset", json_boolean_create(rule->reset));
        break;

    case PP_CORRECT_CLOSE:
        json_object_put(object, "reset", json_boolean_create(rule->reset));
        break;

    case PP_CORRECT_DROP:
        break;

    case PP_CORRECT_SET: {
        struct json *sets = json_object_create();

        for (size_t i = 0; i < rule->n_sets; i++) {
            put_text(sets, patch->states[rule->sets[i].state].name,
                     rule->sets[i].text);
        }
        json_object_put(object, "set", sets);
        break;
    }

    case PP_CORRECT_DELETE:
    case PP_CORRECT_REPLACE:
    case PP_CORRECT_TRUNCATE:
    case PP_CORRECT_CLAMP:
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
    default:
        put_text(object, "field", rule->target ? rule->target->name : NULL);
        break;
    }
    return object;
}

static struct json *
rule_json(const struct pp_patch *patch, const struct pp_rule *rule)
{
    struct json *object = json_object_create();

    put_int(object, "line", rule->line);
    put_text(object, "on", patch->proxy->events[rule->event].name);
    put_text(object, "each", rule->each_text);
    put_text(object, "when", rule->when_text);
    json_object_put(object, "correct", correction_json(patch, rule));
    put_int(object, "cost", rule->when->cost);
    put_int(object, "correction-cost", (int64_t) correction_cost(rule));
    put_text(object, "same-as-vendor", rule->same_as_vendor);
    return object;
}

static struct json *
vector_json(const struct pp_vector *vector)
{
    struct json *object = json_object_create();

    put_text(object, "kind", vector->exploit ? "exploit" : "benign");
    put_text(object, "name", vector->name);
    return object;
}

struct json *
pp_explain_json(const struct pp_patch *patch, bool full)
{
    struct json *object = json_object_create();
    struct json *affects = json_array_create_empty();

    put_text(object, "patch", patch->id);
    put_text(object, "title", patch->title);
    put_text(object, "proxy", patch->proxy->name);
    json_object_put(object, "severity", json_real_create(patch->severity));
    for (size_t i = 0; i < patch->n_affects; i++) {
        struct json *product = json_object_create();

        put_text(product, "product", patch->affects[i].product);
        put_text(product, "versions", patch->affects[i].versions);
        if (patch->affects[i].banner) {
            put_text(product, "banner", patch->affects[i].banner);
        }
        json_array_add(affects, product);
    }
    json_object_put(object, "affects", affects);
    if (full) {
        struct json *rules = json_array_create_empty();
        struct json *vectors = json_array_create_empty();

        for (size_t i = 0; i < patch->n_rules; i++) {
            json_array_add(rules, rule_json(patch, &patch->rules[i]));
        }
        for (size_t i = 0; i < patch->n_vectors; i++) {
            json_array_add(vectors, vector_json(&patch->vectors[i]));
        }
        put_text(object, "file", patch->file);
        put_text(object, "vendor", patch->vendor);
        put_text(object, "same-as-vendor", patch->same_as_vendor);
        json_object_put(object, "rules", rules);
        json_object_put(object, "vectors", vectors);
    }
    return object;
}

struct json *
pp_explain_errors(const struct pp_errors *errors)
{
    struct json *array = json_array_create_empty();

    for (size_t i = 0; i < errors->n; i++) {
        const struct pp_error *e = &errors->list[i];
        struct json *object = json_object_create();

        put_text(object, "file", e->file);
        put_int(object, "line", e->line);
        put_int(object, "column", e->column);
        put_text(object, "reason", e->text);
        json_array_add(array, object);
    }
    return array;
}

void
pp_explain_print(struct json *json)
{
    char *text = json_to_string(json, JSSF_PRETTY | JSSF_SORT);

    puts(text);
    free(text);
    json_destroy(json);
}
