/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EVAL_H
#define PP_EVAL_H 1

/* Evaluation of a program's expressions on one message: what the stages
 * 'match' and 'correct' share.
 *
 * Nothing here fails: an evaluation that runs out of scratch memory sets
 * matcher->failed and goes on with empty values. */

#include "engine/pp-match.h"

/* A node's kept value. */
struct pp_cell {
    uint64_t gen;               /* Of what it was worked out for. */
    struct pp_value value;

    /* Lists: 'value.count' elements. */
    const uint32_t *elems;      /* Their indexes; NULL: 0, 1, 2, ... */
    const struct pp_bytes *pieces;      /* Of a split(). */
};

/* The regular expressions of a program. */
struct pp_regexes;


/* What a constant's value is good for: all. */
#define PP_GEN_ALWAYS UINT64_MAX

/* Fills the matcher's cells for its program: constants are there for good. */
void pp_eval_bind(struct pp_matcher *);

/* Frees what pp_eval_bind() made. */
void pp_eval_unbind(struct pp_matcher *);

/* Begins with message 'msg'; false if no patch is for its proxy. */
bool pp_eval_begin(struct pp_matcher *, const struct pp_msg *msg);

/* The value of node 'node', which is no list.  It stands in the node's cell,
 * until the node is evaluated for another element or message. */
const struct pp_value *pp_eval_at(struct pp_matcher *, uint32_t node);

static inline struct pp_value
pp_eval(struct pp_matcher *m, uint32_t node)
{
    return *pp_eval_at(m, node);
}

/* The list that node 'node' is. */
const struct pp_cell *pp_eval_list(struct pp_matcher *, uint32_t node);

/* The keys, field 'sub', of the 'n' elements of list 'field', or NULL: they
 * cannot be had. */
const struct pp_keys *pp_eval_keys(struct pp_matcher *, uint32_t field,
                                   uint32_t sub, uint32_t n);

/* Lets scope 'scope' stand on the 'i'th element of 'list', the value of node
 * 'node'.  Returns the element's index in the message. */
uint32_t pp_eval_enter(struct pp_matcher *, unsigned int scope,
                       const struct pp_node *node,
                       const struct pp_cell *list, uint32_t i);

/* The same for an element of which the index in the message is known. */
void pp_eval_enter_elem(struct pp_matcher *, unsigned int scope,
                        uint32_t each, uint32_t elem);

#endif /* pp-eval.h */
