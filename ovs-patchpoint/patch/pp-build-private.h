/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_BUILD_PRIVATE_H
#define PP_BUILD_PRIVATE_H 1

/* What the parts of the compiler share: pp-build.c makes nodes and rules,
 * pp-clue.c finds out by what a rule can be looked up, pp-index.c makes the
 * tables in which that is done. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/ofpbuf.h"
#include "patch/pp-program.h"

struct pp_clues;

struct pp_builder {
    const struct pp_pool *pool;
    const struct pp_proxy *const *proxies;
    uint32_t proxy_index[PP_PROGRAM_PROXIES_MAX];   /* By 'proxies'. */
    const struct pp_proxy *bound[PP_PROGRAM_PROXIES_MAX];   /* By index. */
    uint32_t n_proxies;
    uint32_t proxy;             /* Of the patch at hand... */
    uint32_t first_param;       /* ...and so are these two. */
    uint32_t first_state;
    uint32_t param_words;

    struct ofpbuf proxies_table, patches, rules, nodes, headers, captures;
    struct ofpbuf params, states, sets;
    struct ofpbuf events, groups, columns, lookups, words, starts, slots;
    struct ofpbuf clues, members, text;
    struct hmap known_nodes, known_texts;
};

/* Appends one item of 'size' bytes; returns its index. */
uint32_t pp_build_append(struct ofpbuf *table, const void *item, size_t size);

#define PP_APPEND(TABLE, ITEM) pp_build_append(TABLE, ITEM, sizeof *(ITEM))

struct pp_text pp_build_text(struct pp_builder *, const void *, size_t n);

/* Puts 'node' into the graph; returns the index of the one that is equal, or
 * its own. */
uint32_t pp_build_node(struct pp_builder *, const struct pp_node *node);

/* Counts one more place that looks at node 'index', and returns that. */
uint32_t pp_build_refer(struct pp_builder *, uint32_t index);

static inline struct pp_node *
pp_build_node_at(const struct pp_builder *b, uint32_t index)
{
    return (struct pp_node *) b->nodes.data + index;
}

/* Is node 'index' the key of the elements of 'each'? */
bool pp_build_is_key(const struct pp_builder *, uint32_t index, uint32_t each);

/* Makes the index of the 'n' rules at 'rules', those of one event. */
void pp_index_event(struct pp_builder *, uint32_t proxy, unsigned int event,
                    const uint32_t *rules, size_t n, struct pp_clues *);

/* The bytes of a constant. */
static inline struct pp_bytes
pp_build_bytes(const struct pp_builder *b, const struct pp_node *node)
{
    return (struct pp_bytes) {
        (const uint8_t *) b->text.data + node->x, node->y,
    };
}

/* Working out what an expression is when a list is empty. */
struct pp_fold {
    const struct pp_builder *b;
    uint32_t absent;            /* The list: a PP_OP_SELECT. */
    struct pp_arena arena;
    uint8_t *memory;
};

void pp_fold_init(struct pp_fold *, const struct pp_builder *);
void pp_fold_destroy(struct pp_fold *);

/* True if all of node 'index' can be worked out when 'absent' has no elements,
 * whatever the message; then '*value', good until the next call, is it. */
bool pp_fold(struct pp_fold *, uint32_t index, uint32_t absent,
             struct pp_value *value);

/* Clues: facts about a message of which one must be so for a rule's condition
 * to hold.  Equal ones are one, whichever rules they are of. */

struct pp_clue {
    uint32_t each;              /* The list on whose elements it is looked
                                 * for, or PP_NONE: on the message. */
    uint32_t scope;             /* That stands on them. */
    uint32_t node;              /* What is compared... */
    uint32_t how;               /* ...in which way (enum pp_clue_how)... */
    struct pp_text text;        /* ...with which bytes, or... */
    int64_t imm;                /* ...with which number. */
    uint32_t key;               /* The clue without which this one cannot be
                                 * so, or PP_NONE. */
    uint32_t n_rules;           /* That it could be a clue of. */
    uint32_t column;            /* Of all clues over this expression. */
    uint32_t counted;           /* 1 + the last rule that it was counted
                                 * for. */
};

/* Those that were found, over all rules of an event. */
struct pp_clues {
    struct pp_builder *b;
    int starts_with, ends_with, contains;       /* Functions. */
    struct ofpbuf list;         /* struct pp_clue */
    struct ofpbuf columns;      /* uint32_t: clues in the column */
    struct hmap known_clues, known_columns;

    /* Of the rule at hand. */
    uint32_t rule;
    bool counting;
    uint32_t lists[PP_EXPR_SCOPES];     /* What each scope runs over. */

    struct pp_fold fold;
};

void pp_clues_init(struct pp_clues *, struct pp_builder *);
void pp_clues_destroy(struct pp_clues *);

/* Forgets the clues: another event begins. */
void pp_clues_clear(struct pp_clues *);

/* Counts all the clues that rule 'rule' could be looked up by. */
void pp_clues_count(struct pp_clues *, uint32_t rule);

/* After all rules were counted: the best clues for 'rule', of which at least
 * one must be so.  Fills 'found' (uint32_t, indexes); false if it is better
 * tried always. */
bool pp_clues_choose(struct pp_clues *, uint32_t rule, struct ofpbuf *found);

static inline const struct pp_clue *
pp_clue_at(const struct pp_clues *clues, uint32_t index)
{
    return (const struct pp_clue *) clues->list.data + index;
}

/* The clue that elements of 'list', a PP_OP_SELECT, are there, or PP_NONE. */
uint32_t pp_clue_of_key(struct pp_clues *, uint32_t list);

#endif /* pp-build-private.h */
