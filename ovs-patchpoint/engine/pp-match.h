/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_MATCH_H
#define PP_MATCH_H 1

/* Match: which patches does a message call for?
 *
 * Patches are rows, fields are columns.  Each field, and each expression over
 * fields, is worked out at most once a message, for all patches, and looked up
 * in the program's index (pp-program.h), which says which rules are worth
 * trying, so that the cost hardly grows with the pool.  It is linear in the
 * length of what is looked up, times the clues whose rarest grams are the
 * same, which are few. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/pp-expr.h"
#include "patch/pp-program.h"
#include "pp-proxy.h"

/* Scratch memory for computed values of one message, in bytes: room for 64
 * that are as long as the longest message, since what many rules look at is
 * worked out for all.  A message whose evaluation needs more is an error:
 * pp_hits.error. */
#define PP_MATCH_ARENA_SIZE (64 * PP_HOLD_MAX)

/* Nodes worked out, steps of loops, and bytes that functions were given (64
 * count as one), for one message.  A message that takes more is an error as
 * well: who sends it must not hold up the rest. */
#define PP_MATCH_WORK_MAX (2 * 1024 * 1024)

/* Hits of one message that are kept. */
#define PP_HITS_MAX 256

struct pp_hit {
    uint32_t patch;             /* Index in the program. */
    uint32_t rule;              /* Index in the program's rules. */
    uint32_t elem;              /* Element that the rule was tried on, or
                                 * PP_NONE. */
    bool monitor;               /* Only to be told, not to be corrected. */
};

struct pp_hits {
    unsigned int n;
    bool overflow;              /* There were more. */
    bool error;                 /* Evaluation took too much memory or work:
                                 * what is in here is not all. */
    struct pp_hit h[PP_HITS_MAX];       /* By patch (that is, by id), rule,
                                         * element. */
};

struct pp_cell;
struct pp_scope {
    uint64_t gen;               /* Of the element it stands on. */
    uint32_t field;             /* List that it runs over, or PP_NONE. */
    uint32_t elem;              /* Index in the field's list, or of the
                                 * piece. */
    const struct pp_bytes *pieces;      /* Of a split(), else NULL. */
};

/* The keys of a list's elements, got once a message, so that nobody need look
 * at the elements that LIST["key"] does not mean. */
struct pp_keys {
    uint64_t gen;               /* Of the message. */
    uint32_t n;
    const struct pp_bytes *values;
};

#define PP_KEYS_MAX 128         /* Fields beyond do without. */

/* A value that was looked through for grams, and in which there was no text
 * that a patch looks for.  Clients send the same User-Agent again and again:
 * to compare it with what it was costs less. */
#define PP_MEMO_MIN 64          /* Shorter ones are looked through. */
#define PP_MEMO_MAX 240         /* So are longer ones. */
#define PP_MEMOS 64

struct pp_memo {
    uint32_t lookup;            /* Index in the program. */
    uint32_t n;                 /* 0: none. */
    uint8_t bytes[PP_MEMO_MAX];
};

/* Scratch of one thread.  Everything in it belongs to the last message that
 * was matched and is stale after the next pp_match() or parse(). */
struct pp_matcher {
    /* Stage 'match' and 'correct' only. */
    const struct pp_program *program;
    const struct pp_patchset *set;      /* Whose parameters count. */
    const struct pp_ends *ends; /* Of the connection, or NULL. */
    const struct pp_state *state;       /* What patches keep; or NULL. */
    const struct pp_msg *msg;
    uint32_t proxy;             /* Index in the program. */
    const struct pp_proxy *last_proxy;
    struct pp_cell *cells;      /* One a node of 'program'. */
    size_t n_cells;
    struct pp_regexes *regexes; /* Of 'program', compiled; or NULL. */
    uint64_t *marks;            /* One each a clue, rule and group of
                                 * 'program': when it was last come across. */
    size_t n_marks;
    uint32_t *queue;            /* Rules, then groups, that clues led to;
                                 * then rules that a group tries. */
    size_t n_queue;
    struct pp_memo memos[PP_MEMOS];     /* For 'program'. */
    uint8_t *memory;            /* Of 'arena'. */
    struct pp_arena arena;
    uint64_t gen;               /* Last generation given out. */
    uint64_t msg_gen;
    struct pp_scope scope[PP_EXPR_SCOPES];
    struct pp_keys keys[PP_KEYS_MAX];   /* By list field. */
    int64_t now;
    uint64_t work;              /* Done for this message. */
    bool failed;                /* Something did not fit. */

    /* For whoever wants to know. */
    uint64_t n_messages;        /* Matched. */
    uint64_t n_evals;           /* Nodes worked out. */
    uint64_t n_limits;          /* Searches for regular expressions that were
                                 * given up. */
    uint64_t n_tried;           /* Conditions tried. */
    uint64_t n_errors;          /* Messages that took too much. */
};

void pp_matcher_init(struct pp_matcher *, size_t arena_size);
void pp_matcher_destroy(struct pp_matcher *);

/* Makes 'matcher' ready for 'program', which must have passed
 * pp_program_check() and must outlive it.  To be called when the program in
 * force changes; allocates. */
void pp_matcher_bind(struct pp_matcher *matcher, const struct pp_program *);

/* Finds what the patches of 'set' make of 'msg'.  'matcher' must have been
 * bound to 'program'.  Allocates nothing. */
void pp_match(const struct pp_program *program, const struct pp_patchset *set,
              const struct pp_msg *msg, struct pp_matcher *matcher,
              struct pp_hits *hits);

/* What a hit's rule looked at. */
struct pp_seen {
    const char *name;           /* As in "path" or "value". */
    struct pp_value value;      /* Raw: whoever prints it escapes it. */
    bool secret;                /* Nobody is to print it. */
};

/* After pp_match(), before the next: fills 'seen', of PP_RULE_CAPTURES_MAX
 * items, and returns how many there are. */
unsigned int pp_hit_describe(const struct pp_program *,
                             const struct pp_msg *, const struct pp_hit *,
                             struct pp_matcher *, struct pp_seen *seen);

#endif /* pp-match.h */
