/* SPDX-License-Identifier: Apache-2.0 */

/* What follows when a list has no elements with some key; see
 * pp-build-private.h.
 *
 * In: an expression, the list.  Out: its value, as far as that does not depend
 * on the message.  Runs in control and in the tools, when a program is built;
 * owns scratch memory. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "patch/pp-build-private.h"
#include "patch/pp-func.h"
#include "util.h"

#define ARENA_SIZE (256 * 1024)

void
pp_fold_init(struct pp_fold *f, const struct pp_builder *b)
{
    *f = (struct pp_fold) { .b = b, .memory = xmalloc(ARENA_SIZE) };
    pp_arena_init(&f->arena, f->memory, ARENA_SIZE);
}

void
pp_fold_destroy(struct pp_fold *f)
{
    free(f->memory);
}

static bool fold(struct pp_fold *, uint32_t index, struct pp_value *);

static bool
fold_logic(struct pp_fold *f, const struct pp_node *node,
           struct pp_value *value)
{
    bool decides = node->op == PP_OP_OR;
    struct pp_value a, b;
    bool has_a = fold(f, node->arg[0], &a);
    bool has_b = fold(f, node->arg[1], &b);

    if ((has_a && a.b == decides) || (has_b && b.b == decides)) {
        *value = pp_value_bool(decides);
        return true;
    }
    *value = pp_value_bool(!decides);
    return has_a && has_b;
}

static bool
fold_comparison(struct pp_fold *f, const struct pp_node *node,
                struct pp_value *value)
{
    struct pp_value a, b;
    bool order = (node->op == PP_OP_LT || node->op == PP_OP_LE
                  || node->op == PP_OP_GT || node->op == PP_OP_GE);

    if (!fold(f, node->arg[0], &a) || !fold(f, node->arg[1], &b)
        || (order && a.type != PP_TYPE_INT)) {
        return false;
    }
    *value = pp_value_bool(node->op == PP_OP_EQ ? pp_value_equal(&a, &b)
                           : node->op == PP_OP_NE ? !pp_value_equal(&a, &b)
                           : node->op == PP_OP_EQ_NOCASE
                           ? pp_bytes_equal_nocase(a.s, b.s)
                           : node->op == PP_OP_LT ? a.i < b.i
                           : node->op == PP_OP_LE ? a.i <= b.i
                           : node->op == PP_OP_GT ? a.i > b.i : a.i >= b.i);
    return true;
}

static bool
fold_call(struct pp_fold *f, const struct pp_node *node,
          struct pp_value *value)
{
    struct pp_value args[PP_FUNC_ARGS_MAX];

    for (unsigned int i = 0; i < node->n_args; i++) {
        if (!fold(f, node->arg[i], &args[i])) {
            return false;
        }
    }
    return (pp_funcs[node->x].run(&f->arena, args, value)
            && value->type == node->type);
}

/* Works node 'index' out as far as it does not depend on the message; true if
 * that is all of it, and then '*value' is it. */
static bool
fold(struct pp_fold *f, uint32_t index, struct pp_value *value)
{
    const struct pp_node *node = pp_build_node_at(f->b, index);
    struct pp_value list;

    switch (node->op) {
    case PP_OP_BOOL:
        *value = pp_value_bool(node->imm);
        return true;
    case PP_OP_INT:
        *value = pp_value_int(node->imm);
        return true;
    case PP_OP_BYTES:
    case PP_OP_CLASS:
        *value = (struct pp_value) {
            .type = PP_TYPE_BYTES, .s = pp_build_bytes(f->b, node),
        };
        return true;
    case PP_OP_SELECT:
        *value = pp_value_list(0);
        return index == f->absent;
    case PP_OP_FIRST:
        *value = (node->type == PP_TYPE_BOOL ? pp_value_bool(false)
                  : node->type == PP_TYPE_INT ? pp_value_int(0)
                  : pp_value_bytes(NULL, 0));
        return fold(f, node->arg[0], &list);
    case PP_OP_COUNT:
    case PP_OP_COUNT_IF:
        *value = pp_value_int(0);
        return fold(f, node->arg[0], &list);
    case PP_OP_ANY:
    case PP_OP_ALL:
        if (fold(f, node->arg[0], &list)) {
            *value = pp_value_bool(node->op == PP_OP_ALL);
            return true;
        }
        return (fold(f, node->arg[1], value)
                && value->b == (node->op == PP_OP_ALL));
    case PP_OP_NOT:
        if (!fold(f, node->arg[0], value)) {
            return false;
        }
        *value = pp_value_bool(!value->b);
        return true;
    case PP_OP_AND:
    case PP_OP_OR:
        return fold_logic(f, node, value);
    case PP_OP_IF:
        return (fold(f, node->arg[0], value)
                && fold(f, node->arg[value->b ? 1 : 2], value));
    case PP_OP_EQ: case PP_OP_NE: case PP_OP_EQ_NOCASE: case PP_OP_LT:
    case PP_OP_LE: case PP_OP_GT: case PP_OP_GE:
        return fold_comparison(f, node, value);
    case PP_OP_CALL:
        return fold_call(f, node, value);
    default:
        return false;
    }
}

bool
pp_fold(struct pp_fold *f, uint32_t index, uint32_t absent,
        struct pp_value *value)
{
    f->absent = absent;
    pp_arena_reset(&f->arena);
    return fold(f, index, value);
}
