/* SPDX-License-Identifier: Apache-2.0 */

/* The parser and type checker of the expression language; see pp-expr.h.
 *
 * In: the text of an expression, and what it may name.  Out: a typed tree, or
 * one error with its place.  Runs in control and in the tools, never in the
 * engine; owns its nodes until the caller has the tree. */

#include <config.h>

#include "patch/pp-expr.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-expr-private.h"
#include "patch/pp-func.h"
#include "pp-proxy.h"
#include "util.h"

void
pp_parse_next(struct pp_parser *p)
{
    pp_lexer_next(&p->lex);
    if (p->lex.token == PP_T_BAD) {
        pp_parse_fail(p, p->lex.off, "%s", p->lex.error);
    }
}

bool
pp_parse_expect(struct pp_parser *p, enum pp_token token, const char *what)
{
    if (p->lex.token != token) {
        if (p->lex.token == PP_T_BAD) {
            pp_parse_fail(p, p->lex.off, "%s", p->lex.error);
        }
        pp_parse_fail(p, p->lex.off, "%s is expected here", what);
        return false;
    }
    pp_parse_next(p);
    return !p->failed;
}

/* One more argument, or the end of the list: true if there is one. */
bool
pp_parse_more(struct pp_parser *p)
{
    if (p->failed || p->lex.token != PP_T_COMMA) {
        return false;
    }
    pp_parse_next(p);
    return true;
}

/* LIST[KEY], LIST[KEY].FIELD */
static struct pp_expr *
parse_select(struct pp_parser *p, struct pp_expr *list)
{
    const struct pp_field *field;
    struct pp_expr *key, *e;
    uint32_t index;
    int sub;

    if (list->op != PP_OP_LIST) {
        return pp_parse_fail(p, p->lex.off,
                             "only a list of the message can be "
                             "followed by '[': this is %s",
                             pp_type_name(list->type));
    }
    index = list->x;
    field = &p->env->proxy->fields[index];
    if (!field->key
        || (sub = pp_find_sub(p, index, field->key, strlen(field->key))) < 0) {
        return pp_parse_fail(p, p->lex.off,
                             "the elements of '%s' have no key to be "
                             "selected by; use any(%s, ...)",
                             field->name, field->name);
    }
    pp_parse_next(p);
    key = pp_parse_or(p);
    if (!pp_want(p, key, field->elem[sub].type, "the key")
        || !pp_parse_expect(p, PP_T_RBRACKET, "']'")) {
        return NULL;
    }

    /* The list's own node becomes the selection. */
    e = list;
    e->op = PP_OP_SELECT;
    e->y = (uint32_t) sub;
    e->imm = field->key_nocase;
    e->arg[0] = key;
    e->n_args = 1;
    pp_expr_finish(e, 8);
    if (key->op == PP_OP_BYTES) {
        char *name = xasprintf("%s[\"%.*s\"]", field->name,
                               (int) key->n_bytes, (char *) key->bytes);

        free(e->name);
        e->name = name;
    }
    if (p->lex.token != PP_T_DOT) {
        return e;
    }
    pp_parse_next(p);
    if (p->lex.token != PP_T_NAME
        || (sub = pp_find_sub(p, index, p->lex.text, p->lex.n)) < 0) {
        struct pp_guess g = pp_guess_init(
            p->lex.text, (p->lex.token == PP_T_NAME ? p->lex.n : 0));

        for (const struct pp_field *f = field->elem; f->name; f++) {
            pp_guess_add(&g, f->name);
        }
        return pp_fail_guess(p, p->lex.off, &g, "element field");
    }
    e = pp_make_unary(p, list->off, PP_OP_FIRST, field->elem[sub].type, list);
    e->x = index;
    e->y = (uint32_t) sub;
    e->name = xasprintf("%s.%s", list->name, field->elem[sub].name);
    pp_parse_next(p);
    return e;
}

static struct pp_expr *
parse_primary(struct pp_parser *p)
{
    size_t off = p->lex.off;
    struct pp_expr *e = NULL;

    switch (p->lex.token) {
    case PP_T_INT:
        e = pp_make_int(p, off, p->lex.integer);
        pp_parse_next(p);
        break;

    case PP_T_STRING:
        e = pp_make_bytes(p, off, p->lex.string, p->lex.n_string);
        pp_parse_next(p);
        break;

    case PP_T_TRUE:
    case PP_T_FALSE:
        e = pp_make(p, off, PP_OP_BOOL, PP_TYPE_BOOL);
        e->imm = p->lex.token == PP_T_TRUE;
        pp_parse_next(p);
        break;

    case PP_T_LPAREN:
        pp_parse_next(p);
        e = pp_parse_or(p);
        if (!e || !pp_parse_expect(p, PP_T_RPAREN, "')'")) {
            return NULL;
        }
        break;

    case PP_T_NAME: {
        struct pp_lexer ahead = p->lex;
        bool call;

        ahead.string = NULL;
        pp_lexer_next(&ahead);
        call = ahead.token == PP_T_LPAREN;
        pp_lexer_destroy(&ahead);
        if (call) {
            const char *name = p->lex.text;
            size_t n = p->lex.n;

            pp_parse_next(p);
            e = pp_parse_call(p, off, name, n);
        } else {
            e = pp_parse_name(p);
        }
        break;
    }

    case PP_T_BAD:
        return pp_parse_fail(p, off, "%s", p->lex.error);

    case PP_T_END:
        return pp_parse_fail(p, off, "the expression ends too early");

    case PP_T_AND: case PP_T_OR: case PP_T_NOT: case PP_T_IN:
    case PP_T_EQ: case PP_T_NE: case PP_T_LT: case PP_T_LE: case PP_T_GT:
    case PP_T_GE: case PP_T_EQ_NOCASE: case PP_T_BIT_AND: case PP_T_BIT_OR:
    case PP_T_SHL: case PP_T_SHR: case PP_T_PLUS: case PP_T_MINUS:
    case PP_T_STAR: case PP_T_SLASH: case PP_T_PERCENT: case PP_T_RPAREN:
    case PP_T_LBRACKET: case PP_T_RBRACKET: case PP_T_COMMA: case PP_T_DOT:
    default:
        return pp_parse_fail(p, off,
                             "a value is expected here: a field, a function, "
                             "a number or a string");
    }
    if (e && !p->failed && p->lex.token == PP_T_LBRACKET) {
        e = parse_select(p, e);
    }
    return p->failed ? NULL : e;
}

static struct pp_expr *
parse_unary(struct pp_parser *p)
{
    size_t off = p->lex.off;
    struct pp_expr *e;

    if (p->lex.token != PP_T_MINUS) {
        return parse_primary(p);
    }
    pp_parse_next(p);
    e = parse_primary(p);
    if (!pp_want(p, e, PP_TYPE_INT, "'-'")) {
        return NULL;
    }
    if (e->op == PP_OP_INT) {
        e->imm = -e->imm;
        return e;
    }
    return pp_make_unary(p, off, PP_OP_NEG, PP_TYPE_INT, e);
}

/* Arithmetic, by precedence: the loosest first. */
static const struct arithmetic {
    enum pp_token token;
    enum pp_op op;
    unsigned int level;
} arithmetic[] = {
    { PP_T_BIT_OR, PP_OP_BIT_OR, 0 },
    { PP_T_BIT_AND, PP_OP_BIT_AND, 1 },
    { PP_T_SHL, PP_OP_SHL, 2 }, { PP_T_SHR, PP_OP_SHR, 2 },
    { PP_T_PLUS, PP_OP_ADD, 3 }, { PP_T_MINUS, PP_OP_SUB, 3 },
    { PP_T_STAR, PP_OP_MUL, 4 }, { PP_T_SLASH, PP_OP_DIV, 4 },
    { PP_T_PERCENT, PP_OP_MOD, 4 },
};

#define TIGHTEST 4

static const struct arithmetic *
find_operator(enum pp_token token, unsigned int level)
{
    for (size_t i = 0; i < ARRAY_SIZE(arithmetic); i++) {
        if (arithmetic[i].token == token && arithmetic[i].level == level) {
            return &arithmetic[i];
        }
    }
    return NULL;
}

/* Operands that operators of 'level' or tighter ones join. */
static struct pp_expr *
parse_level(struct pp_parser *p, unsigned int level)
{
    const struct arithmetic *operator;
    struct pp_expr *a;

    if (level > TIGHTEST) {
        return parse_unary(p);
    }
    a = parse_level(p, level + 1);
    while (a && (operator = find_operator(p->lex.token, level))) {
        size_t off = p->lex.off;
        struct pp_expr *b;

        pp_parse_next(p);
        b = parse_level(p, level + 1);
        if (!pp_want(p, a, PP_TYPE_INT, "arithmetic")
            || !pp_want(p, b, PP_TYPE_INT, "arithmetic")) {
            return NULL;
        }
        a = pp_make_binary(p, off, operator->op, PP_TYPE_INT, a, b);
    }
    return a;
}

/* What comparisons compare. */
static struct pp_expr *
parse_term(struct pp_parser *p)
{
    return parse_level(p, 0);
}

/* ["a", "b"] or [1, 2], after 'in'. */
static struct pp_expr *
parse_set(struct pp_parser *p, enum pp_type type)
{
    struct pp_expr *e = pp_make(p, p->lex.off, PP_OP_SET, type);
    unsigned int n = 0;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!pp_parse_expect(p, PP_T_LBRACKET, "'[' and a list of values")) {
        return NULL;
    }
    do {
        if (p->lex.token == PP_T_STRING && type == PP_TYPE_BYTES) {
            uint32_t length = (uint32_t) p->lex.n_string;

            memcpy(ds_put_uninit(&s, sizeof length), &length, sizeof length);
            memcpy(ds_put_uninit(&s, length), p->lex.string, length);
        } else if (p->lex.token == PP_T_INT && type == PP_TYPE_INT) {
            memcpy(ds_put_uninit(&s, sizeof p->lex.integer), &p->lex.integer,
                   sizeof p->lex.integer);
        } else {
            pp_parse_fail(p, p->lex.off,
                          "the members of this set are constants: %s "
                          "are expected",
                          type == PP_TYPE_INT ? "integers" : "strings");
            break;
        }
        if (++n > PP_EXPR_SET_MAX) {
            pp_parse_fail(p, p->lex.off, "more than %d members in a set",
                 PP_EXPR_SET_MAX);
        }
        pp_parse_next(p);
    } while (pp_parse_more(p));
    if (!p->failed) {
        e->bytes = xmemdup(ds_cstr(&s), s.length + 1);
        e->n_bytes = s.length;
        e->cost = 1 + n / 4;
        pp_parse_expect(p, PP_T_RBRACKET, "']'");
    }
    ds_destroy(&s);
    return p->failed ? NULL : e;
}

/* The call of function 'index' on 'a' and 'b'. */
static struct pp_expr *
infix_call(struct pp_parser *p, size_t off, uint32_t index, struct pp_expr *a,
           struct pp_expr *b)
{
    struct pp_expr *e = pp_make_binary(p, off, PP_OP_CALL, PP_TYPE_BOOL, a, b);

    e->x = index;
    e->cost = pp_saturate((uint64_t) e->cost + pp_funcs[index].cost);
    return e;
}

/* What follows 'a' and stands at 'in'. */
static struct pp_expr *
parse_in(struct pp_parser *p, struct pp_expr *a)
{
    size_t off = p->lex.off;
    struct pp_expr *b;

    if (a->type != PP_TYPE_INT && !pp_want(p, a, PP_TYPE_BYTES, "'in'")) {
        return NULL;
    }
    pp_parse_next(p);
    if (p->lex.token == PP_T_NAME
        && pp_is_name("net", p->lex.text, p->lex.n)) {
        pp_parse_next(p);
        if (!pp_want(p, a, PP_TYPE_BYTES, "'in net'")
            || !(b = pp_parse_nets(p))) {
            return NULL;
        }
        return infix_call(p, off, (uint32_t) pp_func_by_name("in_net", 6), a,
                          b);
    }
    b = parse_set(p, a->type);
    return b ? pp_make_binary(p, off, PP_OP_IN, PP_TYPE_BOOL, a, b) : NULL;
}

static struct pp_expr *
parse_comparison(struct pp_parser *p)
{
    struct pp_expr *a = parse_term(p);
    enum pp_token token = p->lex.token;
    size_t off = p->lex.off;
    struct pp_expr *b;
    enum pp_op op;

    if (!a || p->failed) {
        return NULL;
    }
    switch (token) {
    case PP_T_EQ:
        op = PP_OP_EQ;
        break;
    case PP_T_NE:
        op = PP_OP_NE;
        break;
    case PP_T_EQ_NOCASE:
        op = PP_OP_EQ_NOCASE;
        break;
    case PP_T_LT:
        op = PP_OP_LT;
        break;
    case PP_T_LE:
        op = PP_OP_LE;
        break;
    case PP_T_GT:
        op = PP_OP_GT;
        break;
    case PP_T_GE:
        op = PP_OP_GE;
        break;
    case PP_T_IN:
        return parse_in(p, a);
    case PP_T_NAME:
        if (pp_is_name("contains", p->lex.text, p->lex.n)
            || pp_is_name("starts_with", p->lex.text, p->lex.n)
            || pp_is_name("ends_with", p->lex.text, p->lex.n)) {
            uint32_t index = (uint32_t) pp_func_by_name(p->lex.text, p->lex.n);
            const char *name = pp_funcs[index].name;

            pp_parse_next(p);
            b = parse_term(p);
            if (!pp_want(p, a, PP_TYPE_BYTES, name)
                || !pp_want(p, b, PP_TYPE_BYTES, name)) {
                return NULL;
            }
            a = infix_call(p, off, index, a, b);
        }
        return a;
    case PP_T_END: case PP_T_INT: case PP_T_STRING: case PP_T_AND:
    case PP_T_OR: case PP_T_NOT: case PP_T_TRUE: case PP_T_FALSE:
    case PP_T_BIT_AND: case PP_T_BIT_OR: case PP_T_SHL: case PP_T_SHR:
    case PP_T_PLUS: case PP_T_MINUS: case PP_T_STAR: case PP_T_SLASH:
    case PP_T_PERCENT: case PP_T_LPAREN: case PP_T_RPAREN:
    case PP_T_LBRACKET: case PP_T_RBRACKET: case PP_T_COMMA: case PP_T_DOT:
    case PP_T_BAD:
    default:
        return a;
    }
    pp_parse_next(p);
    b = parse_term(p);
    if (!b) {
        return NULL;
    }
    if (op == PP_OP_EQ_NOCASE) {
        if (!pp_want(p, a, PP_TYPE_BYTES, "'~='")
            || !pp_want(p, b, PP_TYPE_BYTES, "'~='")) {
            return NULL;
        }
    } else if (op != PP_OP_EQ && op != PP_OP_NE) {
        enum pp_type type = (a->type == PP_TYPE_VERSION ? PP_TYPE_VERSION
                             : PP_TYPE_INT);

        if (!pp_want(p, a, type, "'<', '<=', '>' and '>='")
            || !pp_want(p, b, type, "'<', '<=', '>' and '>='")) {
            return NULL;
        }
    } else if (a->type != b->type || a->type == PP_TYPE_LIST) {
        return pp_parse_fail(p, off, "%s and %s cannot be compared",
                    pp_type_name(a->type), pp_type_name(b->type));
    }
    return pp_make_binary(p, off, op, PP_TYPE_BOOL, a, b);
}

static struct pp_expr *
parse_not(struct pp_parser *p)
{
    size_t off = p->lex.off;
    unsigned int n_not = 0;
    struct pp_expr *e;

    while (p->lex.token == PP_T_NOT && !p->failed) {
        n_not++;
        pp_parse_next(p);
    }
    e = parse_comparison(p);
    if (n_not && !pp_want(p, e, PP_TYPE_BOOL, "'not'")) {
        return NULL;
    }
    return n_not % 2 ? pp_make_unary(p, off, PP_OP_NOT, PP_TYPE_BOOL, e) : e;
}

/* Operands that 'token' joins. */
static struct pp_expr *
parse_chain(struct pp_parser *p, enum pp_token token, enum pp_op op,
            struct pp_expr *(*operand)(struct pp_parser *))
{
    const char *name = op == PP_OP_AND ? "'and'" : "'or'";
    struct pp_expr **operands = NULL;
    size_t n = 0, allocated = 0;
    struct pp_expr *e;

    e = operand(p);
    if (!e || p->lex.token != token) {
        return e;
    }
    for (;;) {
        if (!pp_want(p, e, PP_TYPE_BOOL, name)) {
            break;
        }
        if (n == allocated) {
            operands = x2nrealloc(operands, &allocated, sizeof *operands);
        }
        operands[n++] = e;
        if (p->lex.token != token) {
            break;
        }
        pp_parse_next(p);
        e = operand(p);
    }
    e = p->failed ? NULL : pp_balance(p, op, PP_TYPE_BOOL, operands, n);
    free(operands);
    return e;
}

static struct pp_expr *
parse_and(struct pp_parser *p)
{
    return parse_chain(p, PP_T_AND, PP_OP_AND, parse_not);
}

struct pp_expr *
pp_parse_or(struct pp_parser *p)
{
    struct pp_expr *e;

    if (p->failed) {
        return NULL;
    }
    if (++p->nesting > PP_EXPR_NESTING_MAX) {
        return pp_parse_fail(p, p->lex.off,
                             "parentheses and calls are nested more "
                             "than %d deep",
                             PP_EXPR_NESTING_MAX);
    }
    e = parse_chain(p, PP_T_OR, PP_OP_OR, parse_and);
    p->nesting--;
    return p->failed ? NULL : e;
}

struct pp_expr *
pp_parse_whole(struct pp_parser *p, const char *end)
{
    struct pp_expr *e = pp_parse_or(p);

    if (e && !p->failed && p->lex.token != PP_T_END) {
        pp_parse_fail(p, p->lex.off, "an operator or %s is expected here",
                      end);
    }
    pp_lexer_destroy(&p->lex);
    return p->failed ? NULL : e;
}

static struct pp_parser
parser_init(const struct pp_expr_env *env)
{
    struct pp_parser p = {
        .env = env, .aux = env->aux, .n_lets = env->n_lets,
    };

    if (env->each) {
        p.scope[0] = env->each;
        p.n_scopes = 1;
    }
    return p;
}

/* Checks the whole and hands it out, or frees all. */
static struct pp_expr *
parser_end(struct pp_parser *p, struct pp_expr *e)
{
    if (e && !p->failed && e->level >= PP_EXPR_LEVEL_MAX) {
        pp_parse_fail(p, 0, "the expression is nested more than %d deep",
             PP_EXPR_LEVEL_MAX);
    }
    if (e && !p->failed && e->cost > PP_EXPR_COST_MAX) {
        pp_parse_fail(
            p, 0,
            "the expression could take too long: its nominal cost is "
            "%u, at most %d is allowed; are there lists within lists?",
            e->cost, PP_EXPR_COST_MAX);
    }
    if (!e && !p->failed) {
        pp_parse_fail(p, 0, "no expression");
    }
    if (p->failed) {
        for (size_t i = 0; i < p->n_nodes; i++) {
            pp_free_node(p->nodes[i]);
        }
        e = NULL;
    }
    free(p->nodes);
    return e;
}

struct pp_expr *
pp_expr_parse(const char *text, size_t n, const struct pp_expr_env *env)
{
    struct pp_parser p = parser_init(env);
    struct pp_expr *e;

    pp_lexer_init(&p.lex, text, n);
    e = pp_parse_whole(&p, "the end");
    return parser_end(&p, e);
}

/* The length of the expression that starts behind "${": where its '}' is,
 * strings passed over, or SIZE_MAX. */
static size_t
embedded_length(const char *s, size_t n)
{
    char quote = 0;

    for (size_t i = 0; i < n; i++) {
        if (quote) {
            if (s[i] == '\\') {
                i++;
            } else if (s[i] == quote) {
                quote = 0;
            }
        } else if (s[i] == '"' || s[i] == '\'') {
            quote = s[i];
        } else if (s[i] == '}') {
            return i;
        }
    }
    return SIZE_MAX;
}

/* The expression in "${...}", as bytes. */
static struct pp_expr *
parse_embedded(struct pp_parser *p, const char *text, size_t off, size_t n)
{
    struct pp_expr *e;

    p->base = off;
    pp_lexer_init(&p->lex, text + off, n);
    e = pp_parse_whole(p, "'}'");
    if (e && !p->failed && e->type == PP_TYPE_INT) {
        e = pp_make_unary(p, 0, PP_OP_CALL, PP_TYPE_BYTES, e);
        e->x = (uint32_t) pp_func_by_name("decimal", 7);
    }
    if (!pp_want(p, e, PP_TYPE_BYTES, "${...}")) {
        e = NULL;
    }
    p->base = 0;
    return e;
}

struct pp_expr *
pp_expr_parse_template(const char *text, size_t n,
                       const struct pp_expr_env *env)
{
    struct pp_parser p = parser_init(env);
    struct pp_expr **parts = NULL;
    size_t n_parts = 0, allocated = 0;
    struct ds literal = DS_EMPTY_INITIALIZER;
    struct pp_expr *e = NULL;

    for (size_t i = 0; i <= n && !p.failed; i++) {
        bool dollar = i < n && text[i] == '$';

        if (dollar && i + 1 < n && text[i + 1] == '$') {
            ds_put_char(&literal, '$');
            i++;
            continue;
        }
        if (!dollar && i < n) {
            ds_put_char(&literal, text[i]);
            continue;
        }
        if (n_parts + 2 > allocated) {
            parts = xrealloc(parts, (allocated = 2 * n_parts + 8)
                             * sizeof *parts);
        }
        if (literal.length || (i == n && !n_parts)) {
            parts[n_parts++] = pp_make_bytes(&p, i, ds_cstr(&literal),
                                          literal.length);
            ds_clear(&literal);
        }
        if (dollar) {
            size_t length = (i + 1 < n && text[i + 1] == '{'
                             ? embedded_length(text + i + 2, n - i - 2)
                             : SIZE_MAX);

            if (length == SIZE_MAX) {
                pp_parse_fail(&p, i,
                              "'$' starts \"${EXPRESSION}\"; a dollar sign is "
                              "written \"$$\"");
                break;
            }
            e = parse_embedded(&p, text, i + 2, length);
            if (!e) {
                break;
            }
            parts[n_parts++] = e;
            i += length + 2;
        }
    }
    e = p.failed ? NULL : pp_balance(&p, PP_OP_CALL, PP_TYPE_BYTES, parts,
                                  n_parts);
    free(parts);
    ds_destroy(&literal);
    return parser_end(&p, e);
}
