/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EXPR_H
#define PP_EXPR_H 1

/* Expressions: the conditions of patches, and what is in their replies.
 *
 * pp_expr_parse() reads the text of one, looks every name up in the proxy's
 * field table and in the table of functions (pp-func.h), checks every type,
 * and works out what it costs.  The result is a tree; pp_program_build() makes
 * one graph of all trees of a pool.  The grammar is in
 * ovs-patchpoint-patch(5). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-value.h"

struct pp_param;
struct pp_patch_state;
struct pp_proxy;

/* Limits; what is beyond is refused when the patch is loaded. */
#define PP_EXPR_ARGS_MAX 4      /* Arguments of a node. */
#define PP_EXPR_SCOPES 4        /* Nested loops: 'each' and three more. */
#define PP_EXPR_LEVEL_MAX 64    /* Height of a tree. */
#define PP_EXPR_NODES_MAX 2000  /* Nodes of a tree. */
#define PP_EXPR_SET_MAX 1000    /* Members of a set after 'in'. */
#define PP_EXPR_NETS_MAX 64     /* Networks after 'in net'. */
#define PP_EXPR_SPLIT_MAX 4096  /* Pieces of a split(). */
#define PP_EXPR_COST_MAX 1000000        /* Nominal cost of a condition. */
#define PP_EXPR_LOOP_COST 32    /* Elements that a list is reckoned with. */

/* What a node does.  'x', 'y' and 'imm' are the members of struct pp_expr and
 * struct pp_node; a tree has in 'bytes' what a program has as text 'x','y'. */
enum pp_op {
    /* Constants. */
    PP_OP_BOOL,                 /* imm */
    PP_OP_INT,                  /* imm */
    PP_OP_BYTES,                /* text x, y */
    PP_OP_CLASS,                /* text x, y: 32 bytes, a bit a byte value */
    PP_OP_SET,                  /* text x, y: members; of type bytes, each
                                 * four bytes of length (host order) and its
                                 * bytes; of type int, eight bytes each */
    PP_OP_NETS,                 /* text x, y: of struct pp_net */
    PP_OP_DATE,                 /* The time of the reply, as in HTTP. */
    PP_OP_END,                  /* x: enum pp_end */
    PP_OP_STATE,                /* State x: of the patch in a tree, of the
                                 * program in a program. */
    PP_OP_PARAM,                /* Parameter x: of the patch in a tree, of the
                                 * program in a program. */

    /* What was parsed. */
    PP_OP_FIELD,                /* field x */
    PP_OP_LIST,                 /* list field x, all elements */
    PP_OP_ELEM,                 /* field y of the element of list field x that
                                 * scope imm stands on */
    PP_OP_PIECE,                /* the piece that scope imm stands on */
    PP_OP_INDEX,                /* the index that scope imm stands on */
    PP_OP_SELECT,               /* arg 0: key; elements of list field x whose
                                 * field y equals it.  imm, bit 0: without
                                 * case; bit 1, in a program: the key is a
                                 * constant */
    PP_OP_FIRST,                /* arg 0: list over field x; field y of its
                                 * first element */
    PP_OP_SPLIT,                /* arg 0, arg 1: a list of pieces */

    /* Logic. */
    PP_OP_NOT, PP_OP_AND, PP_OP_OR,
    PP_OP_IF,                   /* arg 0 ? arg 1 : arg 2 */

    /* Comparison. */
    PP_OP_EQ, PP_OP_NE,         /* Of equal types. */
    PP_OP_EQ_NOCASE,            /* Bytes, without ASCII case. */
    PP_OP_LT, PP_OP_LE, PP_OP_GT, PP_OP_GE,     /* Integers, versions. */
    PP_OP_IN,                   /* arg 0 in set arg 1 */

    /* Integers. */
    PP_OP_ADD, PP_OP_SUB, PP_OP_MUL, PP_OP_DIV, PP_OP_MOD, PP_OP_NEG,
    PP_OP_BIT_AND, PP_OP_BIT_OR,
    PP_OP_SHL, PP_OP_SHR,       /* Of two's complement; arg 1 below 0 counts
                                 * as 0. */

    /* Lists; the body is worked out with scope imm on each element. */
    PP_OP_ANY, PP_OP_ALL, PP_OP_COUNT_IF,       /* arg 0: list; arg 1: body */
    PP_OP_SUM,                  /* The same; the body is an integer. */
    PP_OP_COUNT,                /* arg 0: list */

    PP_OP_CALL,                 /* function x of the table */
    PP_OP_MATCHES,              /* arg 0 matches the regular expression text
                                 * x, y; imm: what it is if the search was
                                 * given up */

    PP_N_OPS
};

/* What is known of the ends of any connection. */
enum pp_end {
    PP_END_CLIENT_ADDRESS,      /* Bytes; see pp_value_address(). */
    PP_END_CLIENT_PORT,         /* An integer. */
    PP_END_SERVER_ADDRESS,
    PP_END_SERVER_PORT,
    PP_N_ENDS
};

static inline enum pp_type
pp_end_type(enum pp_end end)
{
    return (end == PP_END_CLIENT_PORT || end == PP_END_SERVER_PORT
            ? PP_TYPE_INT : PP_TYPE_BYTES);
}

struct pp_expr {
    enum pp_op op;
    enum pp_type type;
    unsigned int n_args;
    struct pp_expr *arg[PP_EXPR_ARGS_MAX];
    uint32_t x, y;
    int64_t imm;
    uint8_t *bytes;             /* Constants; owned. */
    size_t n_bytes;
    unsigned int scopes;        /* Bit N: depends on scope N's element. */
    unsigned int level;         /* Height. */
    unsigned int cost;          /* Nominal, saturating. */
    size_t off;                 /* Where it stands in its text. */
    char *name;                 /* Fields: as written, for people. */
};

/* A name that stands for an expression. */
struct pp_let {
    char *name;
    const char *text;           /* The expression; not owned. */
    size_t n;
    void *aux;                  /* For env->error, about 'text'. */
    bool used;
};

/* What an expression may name, and where to say that it is wrong. */
struct pp_expr_env {
    const struct pp_proxy *proxy;
    unsigned int event;
    const struct pp_expr *each; /* The list that scope 0 runs over, or NULL. */
    const struct pp_param *params;      /* The patch's. */
    size_t n_params;
    const struct pp_patch_state *states;        /* The patch's. */
    size_t n_states;
    bool reply;                 /* In a reply: 'date' is known. */
    struct pp_let *lets;        /* Each may name those before it. */
    size_t n_lets;

    /* Called with the offset in the text at which something is wrong. */
    void (*error)(void *aux, size_t off, const char *message);
    void *aux;
};

/* Reads the expression in the 'n' bytes at 'text'.  Returns it, or NULL after
 * one call of env->error. */
struct pp_expr *pp_expr_parse(const char *text, size_t n,
                              const struct pp_expr_env *env);

/* Reads a text with "${EXPR}" in it ("$$": a dollar sign) as an expression of
 * type bytes. */
struct pp_expr *pp_expr_parse_template(const char *text, size_t n,
                                       const struct pp_expr_env *env);

void pp_expr_destroy(struct pp_expr *);

/* Types of the arguments of 'op' and of what it gives, as in
 * pp_func.signature; 'l' is a list, '*' what is to be looked at further.
 * NULL: that is so for all of it. */
const char *pp_op_signature(enum pp_op op);

/* Does 'op' work its second argument out for each element of its first? */
static inline bool
pp_op_is_loop(enum pp_op op)
{
    return op >= PP_OP_ANY && op <= PP_OP_SUM;
}

const char *pp_type_name(enum pp_type);

#endif /* pp-expr.h */
