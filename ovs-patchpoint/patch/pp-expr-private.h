/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EXPR_PRIVATE_H
#define PP_EXPR_PRIVATE_H 1

/* What the parts of the expression parser share. */

#include "openvswitch/dynamic-string.h"
#include "patch/pp-expr.h"
#include "patch/pp-lex.h"

/* Parentheses, brackets and calls within one another. */
#define PP_EXPR_NESTING_MAX 64

/* A name of an element's field, as it stands in a text. */
struct pp_bare {
    const char *name;
    size_t n;                   /* 0: there is none. */
};

struct pp_parser {
    const struct pp_expr_env *env;
    struct pp_lexer lex;
    size_t base;                /* Of this text in the one that errors are
                                 * reported for. */
    void *aux;                  /* For env->error. */
    size_t n_lets;              /* Those that may be named here. */
    bool failed;
    unsigned int nesting;

    struct pp_expr **nodes;     /* All that were made. */
    size_t n_nodes, allocated;

    const struct pp_expr *scope[PP_EXPR_SCOPES];    /* Lists, or NULL. */
    unsigned int n_scopes;      /* Next free. */
    struct pp_bare bare[PP_EXPR_SCOPES];    /* The first that the 'let' at
                                             * hand reads of each scope's
                                             * element, but for 'each.'. */
};


/* Reports what is wrong at 'off'; only the first time.  Returns NULL. */
struct pp_expr *pp_parse_fail(struct pp_parser *, size_t off,
                              const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Goes on to the next token; reports it if it is none. */
void pp_parse_next(struct pp_parser *);

/* Takes the token 'token', or says that 'what' is expected. */
bool pp_parse_expect(struct pp_parser *, enum pp_token token,
                     const char *what);

/* One more argument, or the end of the list: true if there is one, and its
 * comma is taken. */
bool pp_parse_more(struct pp_parser *);

/* An expression, as far as it goes. */
struct pp_expr *pp_parse_or(struct pp_parser *);

/* A network, or a list of them: what stands behind 'in net'. */
struct pp_expr *pp_parse_nets(struct pp_parser *);

/* The call of 'name', which stands at 'off'; the opening parenthesis is at
 * hand. */
struct pp_expr *pp_parse_call(struct pp_parser *, size_t off,
                              const char *name, size_t n);

/* True if 'e' is there and of type 'type'; else says that 'who' wants it. */
bool pp_want(struct pp_parser *, const struct pp_expr *e, enum pp_type type,
             const char *who);

/* Nodes.  All belong to the parser until the tree is handed out. */
struct pp_expr *pp_make(struct pp_parser *, size_t off, enum pp_op,
                        enum pp_type);
struct pp_expr *pp_make_unary(struct pp_parser *, size_t off, enum pp_op,
                              enum pp_type, struct pp_expr *);
struct pp_expr *pp_make_binary(struct pp_parser *, size_t off, enum pp_op,
                               enum pp_type, struct pp_expr *,
                               struct pp_expr *);
struct pp_expr *pp_make_int(struct pp_parser *, size_t off, int64_t);
struct pp_expr *pp_make_bytes(struct pp_parser *, size_t off, const void *,
                              size_t);

/* A tree of 'op' over the 'n' operands, in their order, no higher than it
 * must be. */
struct pp_expr *pp_balance(struct pp_parser *, enum pp_op, enum pp_type,
                           struct pp_expr **operands, size_t n);

/* Works out the members of a node that follow from its arguments. */
void pp_expr_finish(struct pp_expr *, unsigned int own_cost);

void pp_free_node(struct pp_expr *);
unsigned int pp_saturate(uint64_t cost);

/* Names. */

/* What is known where a name is not. */
struct pp_guess {
    const char *name;           /* What was written. */
    size_t n;
    const char *best;
    unsigned int best_distance;
    struct ds known;
    unsigned int n_known;
};


struct pp_guess pp_guess_init(const char *name, size_t n);
void pp_guess_add(struct pp_guess *, const char *candidate);

/* Reports that the 'what' is not known, and what is.  Returns NULL. */
struct pp_expr *pp_fail_guess(struct pp_parser *, size_t off,
                              struct pp_guess *, const char *what);

bool pp_is_name(const char *candidate, const char *name, size_t n);

/* Index of the element field 'name' of list field 'list', or -1. */
int pp_find_sub(const struct pp_parser *, uint32_t list, const char *name,
                size_t n);

/* Parses the name at hand: 'date' in a reply, a field, or an element's
 * field. */
struct pp_expr *pp_parse_name(struct pp_parser *);

/* Parses the expression that stands in p->lex, to its end. */
struct pp_expr *pp_parse_whole(struct pp_parser *, const char *end);

#endif /* pp-expr-private.h */
