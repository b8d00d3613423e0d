/* SPDX-License-Identifier: Apache-2.0 */

/* The parser of the expression language: what is written like a call.
 *
 * In: the words behind a name and a parenthesis.  Out: nodes, which belong to
 * the parser.  Runs in control and in the tools, never in the engine. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "patch/pp-expr-private.h"
#include "patch/pp-func.h"
#include "patch/pp-regex.h"
#include "util.h"

static struct pp_expr *
parse_class(struct pp_parser *p)
{
    struct pp_expr *e;
    const char *error;
    uint8_t bits[32];

    if (p->lex.token != PP_T_STRING) {
        return pp_parse_fail(p, p->lex.off,
                             "a character class is expected here, such "
                             "as \"[A-Za-z0-9._-]\"");
    }
    error = pp_class_parse(p->lex.string, p->lex.n_string, bits);
    if (error) {
        return pp_parse_fail(p, p->lex.off, "%s", error);
    }
    e = pp_make_bytes(p, p->lex.off, bits, sizeof bits);
    e->op = PP_OP_CLASS;
    pp_parse_next(p);
    return e;
}

/* A network, or a list of them in brackets. */
struct pp_expr *
pp_parse_nets(struct pp_parser *p)
{
    size_t off = p->lex.off;
    bool list = p->lex.token == PP_T_LBRACKET;
    struct pp_net nets[PP_EXPR_NETS_MAX];
    struct pp_expr *e;
    size_t n = 0;

    if (list) {
        pp_parse_next(p);
    }
    do {
        const char *error;

        if (p->lex.token != PP_T_STRING || n == PP_EXPR_NETS_MAX) {
            return pp_parse_fail(p, p->lex.off, "up to %d networks in quotes "
                                 "are expected here, such as \"192.0.2.0/24\"",
                                 PP_EXPR_NETS_MAX);
        }
        error = pp_net_parse((struct pp_bytes) { p->lex.string,
                                                 p->lex.n_string }, &nets[n]);
        if (error) {
            return pp_parse_fail(p, p->lex.off, "%s", error);
        }
        n++;
        pp_parse_next(p);
    } while (list && pp_parse_more(p));
    if (list && !pp_parse_expect(p, PP_T_RBRACKET, "']'")) {
        return NULL;
    }
    e = pp_make_bytes(p, off, nets, n * sizeof nets[0]);
    e->op = PP_OP_NETS;
    e->cost = 1 + (unsigned int) n / 4;
    return e;
}

/* A call of an entry in the table; the opening parenthesis is taken. */
static struct pp_expr *
parse_function(struct pp_parser *p, size_t off, uint32_t index)
{
    const struct pp_func *f = &pp_funcs[index];
    const char *types = f->signature + 2;
    struct pp_expr *e = pp_make(p, off, PP_OP_CALL,
                                pp_func_type(*f->signature));
    size_t n = strlen(types);

    e->x = index;
    for (size_t i = 0; i < n; i++) {
        char who[64];

        if (i && !pp_parse_expect(p, PP_T_COMMA,
                                  "a comma and another argument")) {
            return NULL;
        }
        e->arg[i] = (types[i] == 'c' ? parse_class(p)
                     : types[i] == 'n' ? pp_parse_nets(p) : pp_parse_or(p));
        snprintf(who, sizeof who, "argument %"PRIuSIZE" of %s()", i + 1,
                 f->name);
        if (!pp_want(p, e->arg[i], pp_func_type(types[i]), who)) {
            return NULL;
        }
        e->n_args++;
    }
    pp_expr_finish(e, f->cost);
    return e;
}

static struct pp_expr *
parse_concat(struct pp_parser *p)
{
    struct pp_expr **parts = NULL;
    size_t n = 0, allocated = 0;
    struct pp_expr *e = NULL;

    do {
        struct pp_expr *part = pp_parse_or(p);

        if (!pp_want(p, part, PP_TYPE_BYTES, "concat()")) {
            break;
        }
        if (n == allocated) {
            parts = x2nrealloc(parts, &allocated, sizeof *parts);
        }
        parts[n++] = part;
    } while (pp_parse_more(p));
    if (!p->failed) {
        e = pp_balance(p, PP_OP_CALL, PP_TYPE_BYTES, parts, n);
    }
    free(parts);
    return e;
}

/* Loops over a list, and what each wants of its elements. */
static const struct loop {
    const char *name;
    enum pp_op op;
    enum pp_type body, type;
} loops[] = {
    { "any", PP_OP_ANY, PP_TYPE_BOOL, PP_TYPE_BOOL },
    { "all", PP_OP_ALL, PP_TYPE_BOOL, PP_TYPE_BOOL },
    { "count", PP_OP_COUNT_IF, PP_TYPE_BOOL, PP_TYPE_INT },
    { "sum", PP_OP_SUM, PP_TYPE_INT, PP_TYPE_INT },
    { "exists", PP_OP_COUNT, PP_TYPE_LIST, PP_TYPE_BOOL },
};

static const struct loop *
find_loop(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
        if (pp_is_name(loops[i].name, name, n)) {
            return &loops[i];
        }
    }
    return NULL;
}

/* any(LIST, EXPR), all(LIST, EXPR), count(LIST[, EXPR]), sum(LIST, EXPR),
 * exists(LIST). */
static struct pp_expr *
parse_loop(struct pp_parser *p, size_t off, const struct loop *loop)
{
    struct pp_expr *list = pp_parse_or(p);
    struct pp_expr *body;
    char who[16];
    unsigned int s;

    snprintf(who, sizeof who, "%s()", loop->name);
    if (!pp_want(p, list, PP_TYPE_LIST, who)) {
        return NULL;
    }
    if (loop->op == PP_OP_COUNT
        || (loop->op == PP_OP_COUNT_IF && p->lex.token != PP_T_COMMA)) {
        struct pp_expr *e = pp_make_unary(p, off, PP_OP_COUNT, PP_TYPE_INT,
                                       list);

        return (loop->op == PP_OP_COUNT_IF ? e
                : pp_make_binary(p, off, PP_OP_GT, PP_TYPE_BOOL, e,
                              pp_make_int(p, off, 0)));
    }
    if (!pp_parse_expect(p, PP_T_COMMA, (loop->op == PP_OP_SUM
                                         ? "a comma and an integer"
                                         : "a comma and a condition"))) {
        return NULL;
    }
    s = MAX(p->n_scopes, 1);
    if (s >= PP_EXPR_SCOPES) {
        return pp_parse_fail(p, off, "lists within lists: at most %d deep",
                    PP_EXPR_SCOPES - 1);
    }
    p->scope[s] = list;
    p->n_scopes = s + 1;
    body = pp_parse_or(p);
    p->scope[s] = NULL;
    p->n_scopes = s;
    if (!pp_want(p, body, loop->body, who)) {
        return NULL;
    }
    body = pp_make_binary(p, off, loop->op, loop->type, list, body);
    body->imm = s;
    body->scopes = 0;
    body->level = 0;
    pp_expr_finish(body, 1);
    return body;
}

static struct pp_expr *
parse_if(struct pp_parser *p, size_t off)
{
    struct pp_expr *c = pp_parse_or(p);
    struct pp_expr *a, *b, *e;

    if (!pp_want(p, c, PP_TYPE_BOOL, "if()")
        || !pp_parse_expect(p, PP_T_COMMA, "a comma and the value if true")
        || !(a = pp_parse_or(p))
        || !pp_parse_expect(p, PP_T_COMMA, "a comma and the value if false")
        || !(b = pp_parse_or(p))) {
        return NULL;
    }
    if (a->type == PP_TYPE_LIST || a->type != b->type) {
        return pp_parse_fail(p, b->off,
                             "if(): both values must be of one type, and no "
                             "lists: %s and %s",
                             pp_type_name(a->type), pp_type_name(b->type));
    }
    e = pp_make(p, off, PP_OP_IF, a->type);
    e->arg[0] = c;
    e->arg[1] = a;
    e->arg[2] = b;
    e->n_args = 3;
    pp_expr_finish(e, 1);
    return e;
}

static struct pp_expr *
parse_split(struct pp_parser *p, size_t off)
{
    struct pp_expr *x = pp_parse_or(p);
    struct pp_expr *e;

    if (!pp_want(p, x, PP_TYPE_BYTES, "split()")
        || !pp_parse_expect(p, PP_T_COMMA, "a comma and a separator")) {
        return NULL;
    }
    if (p->lex.token != PP_T_STRING || !p->lex.n_string) {
        return pp_parse_fail(p, p->lex.off,
                             "split() wants a separator in quotes, of "
                             "at least one byte");
    }
    e = pp_make_bytes(p, p->lex.off, p->lex.string, p->lex.n_string);
    pp_parse_next(p);
    e = pp_make_binary(p, off, PP_OP_SPLIT, PP_TYPE_LIST, x, e);
    e->cost = pp_saturate((uint64_t) e->cost + 16);
    return e;
}

/* matches(X, "REGEX", WHEN-GIVEN-UP) */
static struct pp_expr *
parse_matches(struct pp_parser *p, size_t off)
{
    struct pp_expr *x = pp_parse_or(p);
    struct pp_regex_error error;
    struct pp_regex *re;
    struct pp_expr *e;

    if (!pp_want(p, x, PP_TYPE_BYTES, "matches()")
        || !pp_parse_expect(p, PP_T_COMMA,
                            "a comma and a regular expression")) {
        return NULL;
    }
    if (p->lex.token != PP_T_STRING) {
        return pp_parse_fail(p, p->lex.off, "matches() wants a regular "
                             "expression in quotes");
    }
    re = pp_regex_compile((struct pp_bytes) { p->lex.string,
                                              p->lex.n_string }, &error);
    if (!re) {
        return pp_parse_fail(p, p->lex.off, "at byte %"PRIuSIZE" of the "
                             "regular expression: %s", error.off, error.text);
    }
    pp_regex_destroy(re);
    e = pp_make_unary(p, off, PP_OP_MATCHES, PP_TYPE_BOOL, x);
    e->bytes = xmemdup(p->lex.string, p->lex.n_string + 1);
    e->n_bytes = p->lex.n_string;
    e->cost = pp_saturate((uint64_t) e->cost + 1000);
    pp_parse_next(p);
    if (!pp_parse_expect(p, PP_T_COMMA, "a comma, and true or false: what "
                         "matches() is when the search takes too long")) {
        return NULL;
    }
    if (p->lex.token != PP_T_TRUE && p->lex.token != PP_T_FALSE) {
        return pp_parse_fail(p, p->lex.off, "true or false is expected here: "
                             "what matches() is when the search takes too "
                             "long");
    }
    e->imm = p->lex.token == PP_T_TRUE;
    pp_parse_next(p);
    return e;
}

struct pp_expr *
pp_parse_call(struct pp_parser *p, size_t off, const char *name, size_t n)
{
    static const char *const special[] = {
        "if", "concat", "split", "matches",
    };
    const struct loop *loop = find_loop(name, n);
    struct pp_expr *e;
    int index;

    pp_parse_next(p);                    /* The parenthesis. */
    if (loop) {
        e = parse_loop(p, off, loop);
    } else if (pp_is_name("if", name, n)) {
        e = parse_if(p, off);
    } else if (pp_is_name("concat", name, n)) {
        e = parse_concat(p);
    } else if (pp_is_name("split", name, n)) {
        e = parse_split(p, off);
    } else if (pp_is_name("matches", name, n)) {
        e = parse_matches(p, off);
    } else if ((index = pp_func_by_name(name, n)) >= 0) {
        e = parse_function(p, off, (uint32_t) index);
    } else {
        struct pp_guess g = pp_guess_init(name, n);

        for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
            pp_guess_add(&g, loops[i].name);
        }
        for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
            pp_guess_add(&g, special[i]);
        }
        for (size_t i = 0; pp_funcs[i].name; i++) {
            pp_guess_add(&g, pp_funcs[i].name);
        }
        return pp_fail_guess(p, off, &g, "function");
    }
    if (p->failed || !e) {
        return NULL;
    }
    return pp_parse_expect(p, PP_T_RPAREN, "')'") ? e : NULL;
}
