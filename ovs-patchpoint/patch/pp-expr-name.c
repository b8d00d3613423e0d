/* SPDX-License-Identifier: Apache-2.0 */

/* Names in expressions: what they stand for, and what was perhaps meant.
 *
 * In: a name, and the fields there are.  Out: a node, or an error that says
 * what is known.  Runs in control and in the tools, never in the engine; owns
 * nothing. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-expr-private.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-func.h"
#include "pp-proxy.h"
#include "util.h"

/* How many letters must be changed, put in or left out to get from 'a' to
 * 'b'; up to 'n' letters of 'a', at most 31 each. */
static unsigned int
distance(const char *a, size_t n, const char *b)
{
    size_t m = strlen(b);
    unsigned int row[32];

    if (n > 31 || m > 31) {
        return 99;
    }
    for (size_t j = 0; j <= m; j++) {
        row[j] = (unsigned int) j;
    }
    for (size_t i = 1; i <= n; i++) {
        unsigned int diagonal = row[0];

        row[0] = (unsigned int) i;
        for (size_t j = 1; j <= m; j++) {
            unsigned int up = row[j];

            row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1),
                         diagonal + (a[i - 1] != b[j - 1]));
            diagonal = up;
        }
    }
    return row[m];
}

void
pp_guess_add(struct pp_guess *g, const char *candidate)
{
    unsigned int d = distance(g->name, g->n, candidate);

    if (d < g->best_distance) {
        g->best_distance = d;
        g->best = candidate;
    }
    if (g->n_known++ < 40) {
        ds_put_format(&g->known, "%s%s", g->n_known > 1 ? ", " : "",
                      candidate);
    }
}

struct pp_expr *
pp_fail_guess(struct pp_parser *p, size_t off, struct pp_guess *g,
              const char *what)
{
    if (g->best && g->best_distance <= 1 + g->n / 3) {
        pp_parse_fail(p, off,
                      "%s '%.*s' is not known; did you mean '%s'?  Known: %s",
                      what, (int) g->n, g->name, g->best, ds_cstr(&g->known));
    } else {
        pp_parse_fail(p, off, "%s '%.*s' is not known; known: %s",
             what, (int) g->n, g->name,
             g->n_known ? ds_cstr(&g->known) : "none");
    }
    ds_destroy(&g->known);
    return NULL;
}

struct pp_guess
pp_guess_init(const char *name, size_t n)
{
    return (struct pp_guess) {
        .name = name, .n = n, .best_distance = 99,
        .known = DS_EMPTY_INITIALIZER,
    };
}

bool
pp_is_name(const char *candidate, const char *name, size_t n)
{
    return !strncmp(candidate, name, n) && !candidate[n];
}

/* Index of the element field 'name' of list field 'list', or -1. */
int
pp_find_sub(const struct pp_parser *p, uint32_t list, const char *name,
            size_t n)
{
    const struct pp_field *elem = p->env->proxy->fields[list].elem;

    for (int i = 0; elem && elem[i].name; i++) {
        if (pp_is_name(elem[i].name, name, n)) {
            return i;
        }
    }
    return -1;
}

/* Puts the list's type into '*fields'; true for lists of the message, false
 * for a split(). */
static bool
list_field(const struct pp_expr *list, uint32_t *field)
{
    if (list->op == PP_OP_LIST || list->op == PP_OP_SELECT) {
        *field = list->x;
        return true;
    }
    return false;
}

/* What 'name' is in scope 's', or NULL. */
static struct pp_expr *
name_in_scope(struct pp_parser *p, size_t off, unsigned int s,
              const char *name, size_t n)
{
    const struct pp_expr *list = p->scope[s];
    struct pp_expr *e = NULL;
    uint32_t field;

    if (!list) {
        return NULL;
    }
    if (list_field(list, &field)) {
        int sub = pp_find_sub(p, field, name, n);

        if (sub >= 0) {
            e = pp_make(p, off, PP_OP_ELEM,
                     p->env->proxy->fields[field].elem[sub].type);
            e->x = field;
            e->y = (uint32_t) sub;
        }
    } else if (pp_is_name("piece", name, n)) {
        e = pp_make(p, off, PP_OP_PIECE, PP_TYPE_BYTES);
    }
    if (!e && pp_is_name("index", name, n)) {
        e = pp_make(p, off, PP_OP_INDEX, PP_TYPE_INT);
    }
    if (e) {
        e->imm = s;
        e->scopes = 1u << s;
        e->cost = 1;
        e->name = xmemdup0(name, n);
    }
    return e;
}

/* By enum pp_end. */
static const char *const end_names[PP_N_ENDS] = {
    [PP_END_CLIENT_ADDRESS] = "client.address",
    [PP_END_CLIENT_PORT] = "client.port",
    [PP_END_SERVER_ADDRESS] = "server.address",
    [PP_END_SERVER_PORT] = "server.port",
};

static struct pp_expr *
fail_name(struct pp_parser *p, size_t off, const char *name, size_t n)
{
    const struct pp_field *fields = p->env->proxy->fields;
    struct pp_guess g = pp_guess_init(name, n);

    for (unsigned int s = p->n_scopes; s-- > 0; ) {
        uint32_t field;

        if (!p->scope[s]) {
            continue;
        }
        if (list_field(p->scope[s], &field)) {
            for (const struct pp_field *f = fields[field].elem;
                 f && f->name; f++) {
                pp_guess_add(&g, f->name);
            }
        } else {
            pp_guess_add(&g, "piece");
        }
        pp_guess_add(&g, "index");
    }
    for (size_t i = 0; i < p->n_lets; i++) {
        pp_guess_add(&g, p->env->lets[i].name);
    }
    for (size_t i = 0; i < p->env->n_params; i++) {
        pp_guess_add(&g, p->env->params[i].name);
    }
    for (size_t i = 0; i < p->env->n_states; i++) {
        pp_guess_add(&g, p->env->states[i].name);
    }
    for (const struct pp_field *f = fields; f->name; f++) {
        if (f->events >> p->env->event & 1) {
            pp_guess_add(&g, f->name);
        }
    }
    for (size_t i = 0; i < PP_N_ENDS; i++) {
        pp_guess_add(&g, end_names[i]);
    }
    return pp_fail_guess(p, off, &g, "field");
}

/* 'let' has been parsed: is all that it reads of the 'n' scopes around it of
 * one element?  Then notes it for a 'let' that names it, of which 'outer' is
 * known so far. */
static bool
one_element(struct pp_parser *p, const struct pp_let *let, unsigned int n,
            const struct pp_bare outer[PP_EXPR_SCOPES])
{
    const struct pp_bare *one = NULL;

    for (const struct pp_bare *b = p->bare; b < p->bare + n; b++) {
        if (one && b->n) {
            pp_parse_fail(p, p->lex.off,
                          "'%s' would read '%.*s' of one list's element and "
                          "'%.*s' of another's here; a name in 'let' is about "
                          "one element: make a name of each part, or write "
                          "'each.' in front of what is of the rule's own",
                          let->name, (int) one->n, one->name, (int) b->n,
                          b->name);
            return false;
        }
        one = b->n ? b : one;
    }
    for (unsigned int s = 0; s < PP_EXPR_SCOPES; s++) {
        if (s >= n || outer[s].n) {
            p->bare[s] = outer[s];
        }
    }
    return true;
}

/* The name at hand is the 'i'th of 'let': parses what it stands for, as if it
 * stood here in parentheses. */
static struct pp_expr *
parse_let(struct pp_parser *p, size_t i)
{
    struct pp_let *let = &p->env->lets[i];
    struct pp_parser saved = *p;
    struct pp_expr *e;

    if (p->nesting >= PP_EXPR_NESTING_MAX) {
        return pp_parse_fail(p, p->lex.off, "nested more than %d deep",
                             PP_EXPR_NESTING_MAX);
    }
    let->used = true;
    p->nesting++;
    p->base = 0;
    p->aux = let->aux;
    p->n_lets = i;
    memset(p->bare, 0, sizeof p->bare);
    pp_lexer_init(&p->lex, let->text, let->n);
    e = pp_parse_whole(p, "the end");

    p->nesting = saved.nesting;
    p->base = saved.base;
    p->aux = saved.aux;
    p->n_lets = saved.n_lets;
    p->lex = saved.lex;
    if (e && one_element(p, let, p->n_scopes, saved.bare)) {
        e->off = p->lex.off;
        pp_parse_next(p);
    }
    return e;
}

/* The name at hand is the 'i'th of what no proxy publishes. */
static struct pp_expr *
own_name(struct pp_parser *p, enum pp_op op, size_t i, enum pp_type type)
{
    struct pp_expr *e = pp_make(p, p->lex.off, op, type);

    e->x = (uint32_t) i;
    e->cost = 1;
    e->name = xmemdup0(p->lex.text, p->lex.n);
    pp_parse_next(p);
    return e;
}

/* 'date' in a reply, a field, or an element's field. */
struct pp_expr *
pp_parse_name(struct pp_parser *p)
{
    const struct pp_field *fields = p->env->proxy->fields;
    const char *name = p->lex.text;
    size_t off = p->lex.off;
    size_t n = p->lex.n;

    for (unsigned int s = p->n_scopes; s-- > 0; ) {
        struct pp_expr *e = name_in_scope(p, off, s, name, n);

        if (e) {
            if (!p->bare[s].n) {
                p->bare[s] = (struct pp_bare) { name, n };
            }
            pp_parse_next(p);
            return e;
        }
    }
    if (n > 5 && !memcmp(name, "each.", 5)) {
        struct pp_expr *e = name_in_scope(p, off, 0, name + 5, n - 5);

        if (e) {
            pp_parse_next(p);
            return e;
        }
    }
    for (size_t i = 0; i < p->n_lets; i++) {
        if (pp_is_name(p->env->lets[i].name, name, n)) {
            return parse_let(p, i);
        }
    }
    for (size_t i = 0; i < p->env->n_params; i++) {
        if (pp_is_name(p->env->params[i].name, name, n)) {
            return own_name(p, PP_OP_PARAM, i, p->env->params[i].type);
        }
    }
    for (size_t i = 0; i < p->env->n_states; i++) {
        if (pp_is_name(p->env->states[i].name, name, n)) {
            return own_name(p, PP_OP_STATE, i, p->env->states[i].type);
        }
    }
    for (uint32_t i = 0; fields[i].name; i++) {
        struct pp_expr *e;

        if (!pp_is_name(fields[i].name, name, n)) {
            continue;
        }
        if (!(fields[i].events >> p->env->event & 1)) {
            struct ds where = DS_EMPTY_INITIALIZER;

            for (unsigned int j = 0; p->env->proxy->events[j].name; j++) {
                if (fields[i].events >> j & 1) {
                    ds_put_format(&where, "%s%s", where.length ? ", " : "",
                                  p->env->proxy->events[j].name);
                }
            }
            pp_parse_fail(
                p, off,
                "there is no field '%s' in the event '%s'; it is in: "
                "%s",
                fields[i].name, p->env->proxy->events[p->env->event].name,
                ds_cstr(&where));
            ds_destroy(&where);
            return NULL;
        }
        e = pp_make(p, off, (fields[i].type == PP_TYPE_LIST
                          ? PP_OP_LIST : PP_OP_FIELD), fields[i].type);
        e->x = i;
        e->cost = 1;
        e->name = xmemdup0(name, n);
        pp_parse_next(p);
        return e;
    }
    for (size_t i = 0; i < PP_N_ENDS; i++) {
        if (pp_is_name(end_names[i], name, n)) {
            return own_name(p, PP_OP_END, i, pp_end_type(i));
        }
    }
    if (pp_is_name("date", name, n)) {
        struct pp_expr *e;

        if (!p->env->reply) {
            return pp_parse_fail(p, off,
                                 "'date' is the time of a reply: it is known "
                                 "only in one");
        }
        e = pp_make(p, off, PP_OP_DATE, PP_TYPE_BYTES);
        pp_parse_next(p);
        return e;
    }
    return fail_name(p, off, name, n);
}

