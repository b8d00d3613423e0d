/* SPDX-License-Identifier: Apache-2.0 */

/* The nodes of expressions: making them, with their type, height and cost.
 *
 * In: parts of an expression.  Out: nodes, which belong to the parser until
 * it has the whole tree.  Runs in control and in the tools, never in the
 * engine. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-expr-private.h"
#include "patch/pp-func.h"
#include "pp-proxy.h"
#include "util.h"

const char *
pp_type_name(enum pp_type type)
{
    switch (type) {
    case PP_TYPE_BOOL:
        return "a condition";
    case PP_TYPE_INT:
        return "an integer";
    case PP_TYPE_BYTES:
        return "bytes";
    case PP_TYPE_LIST:
        return "a list";
    case PP_TYPE_VERSION:
        return "a version";
    default:
        return "nothing";
    }
}

void
pp_free_node(struct pp_expr *e)
{
    free(e->bytes);
    free(e->name);
    free(e);
}

void
pp_expr_destroy(struct pp_expr *e)
{
    if (e) {
        for (unsigned int i = 0; i < e->n_args; i++) {
            pp_expr_destroy(e->arg[i]);
        }
        pp_free_node(e);
    }
}

/* Reports what is wrong at 'off'; only the first time. */
struct pp_expr * OVS_PRINTF_FORMAT(3, 4)
pp_parse_fail(struct pp_parser *p, size_t off, const char *format, ...)
{
    if (!p->failed) {
        char *message;
        va_list args;

        va_start(args, format);
        message = xvasprintf(format, args);
        va_end(args);
        p->failed = true;
        p->env->error(p->aux, p->base + off, message);
        free(message);
    }
    return NULL;
}

unsigned int
pp_saturate(uint64_t cost)
{
    return cost > UINT32_MAX ? UINT32_MAX : (unsigned int) cost;
}

/* Works out the members that follow from the arguments. */
void
pp_expr_finish(struct pp_expr *e, unsigned int own_cost)
{
    bool loop = pp_op_is_loop(e->op);
    uint64_t cost = own_cost;

    for (unsigned int i = 0; i < e->n_args; i++) {
        const struct pp_expr *a = e->arg[i];
        unsigned int scopes = a->scopes;

        if (loop && i == 1) {
            scopes &= ~(1u << e->imm);
            cost += (uint64_t) a->cost * PP_EXPR_LOOP_COST;
        } else {
            cost += a->cost;
        }
        e->scopes |= scopes;
        e->level = MAX(e->level, a->level + 1);
    }
    e->cost = pp_saturate(cost);
}

struct pp_expr *
pp_make(struct pp_parser *p, size_t off, enum pp_op op, enum pp_type type)
{
    struct pp_expr *e = xzalloc(sizeof *e);

    e->op = op;
    e->type = type;
    e->off = off;
    if (p->n_nodes == p->allocated) {
        p->nodes = x2nrealloc(p->nodes, &p->allocated, sizeof *p->nodes);
    }
    p->nodes[p->n_nodes++] = e;
    if (p->n_nodes > PP_EXPR_NODES_MAX) {
        pp_parse_fail(p, off, "the expression has more than %d parts",
             PP_EXPR_NODES_MAX);
    }
    return e;
}

struct pp_expr *
pp_make_unary(struct pp_parser *p, size_t off, enum pp_op op,
              enum pp_type type, struct pp_expr *a)
{
    struct pp_expr *e = pp_make(p, off, op, type);

    e->arg[0] = a;
    e->n_args = 1;
    pp_expr_finish(e, 1);
    return e;
}

struct pp_expr *
pp_make_binary(struct pp_parser *p, size_t off, enum pp_op op,
               enum pp_type type, struct pp_expr *a, struct pp_expr *b)
{
    struct pp_expr *e = pp_make(p, off, op, type);

    e->arg[0] = a;
    e->arg[1] = b;
    e->n_args = 2;
    pp_expr_finish(e, 1);
    return e;
}

struct pp_expr *
pp_make_int(struct pp_parser *p, size_t off, int64_t i)
{
    struct pp_expr *e = pp_make(p, off, PP_OP_INT, PP_TYPE_INT);

    e->imm = i;
    return e;
}

struct pp_expr *
pp_make_bytes(struct pp_parser *p, size_t off, const void *s, size_t n)
{
    struct pp_expr *e = pp_make(p, off, PP_OP_BYTES, PP_TYPE_BYTES);

    e->bytes = xmemdup(s, n ? n : 1);
    e->n_bytes = n;
    return e;
}

bool
pp_want(struct pp_parser *p, const struct pp_expr *e, enum pp_type type,
     const char *who)
{
    if (p->failed || !e) {
        return false;
    }
    if (e->type != type) {
        pp_parse_fail(p, e->off, "%s wants %s, this is %s", who,
                      pp_type_name(type), pp_type_name(e->type));
        return false;
    }
    return true;
}

/* A tree of 'op' over the 'n' operands, in their order, no higher than it
 * must be. */
struct pp_expr *
pp_balance(struct pp_parser *p, enum pp_op op, enum pp_type type,
        struct pp_expr **operands, size_t n)
{
    struct pp_expr *a, *b;

    if (n == 1) {
        return operands[0];
    }
    a = pp_balance(p, op, type, operands, n / 2);
    b = pp_balance(p, op, type, operands + n / 2, n - n / 2);
    a = pp_make_binary(p, a->off, op, type, a, b);
    if (op == PP_OP_CALL) {
        a->x = (uint32_t) pp_func_by_name("concat", 6);
        a->cost += pp_funcs[a->x].cost;
    }
    return a;
}
