/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PROGRAM_H
#define PP_PROGRAM_H 1

/* A program: all patches of a pool, compiled.
 *
 * One flat, immutable, position-independent piece of memory: offsets, no
 * pointers.  Control builds it and puts it into shared memory; the engine
 * checks it once with pp_program_check() and then evaluates it without
 * looking back.
 *
 * Conditions are a directed acyclic graph of typed nodes.  Equal
 * sub-expressions are one node, whichever patches they come from, so that
 * each is worked out once a message.  A node's arguments always have lower
 * indexes than the node, which is what makes evaluation end.
 *
 * The program starts with struct pp_program; everything else is found through
 * its tables. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/pp-expr.h"
#include "pp-value.h"

struct pp_pool;
struct pp_proxy;

#define PP_PROGRAM_MAGIC UINT64_C(0x31475250744e5050)   /* "PPNtPRG1" */
#define PP_PROGRAM_VERSION 3
#define PP_PROGRAM_MAX (256u * 1024 * 1024)
#define PP_PROGRAM_PROXIES_MAX 64

/* "No such node", "no element". */
#define PP_NONE UINT32_MAX

/* 'n' items at 'off' bytes from the program's start. */
struct pp_table {
    uint32_t off;
    uint32_t n;
};

/* 'n' bytes at 'off' of the text table; a NUL that does not count follows. */
struct pp_text {
    uint32_t off;
    uint32_t n;
};

struct pp_program {
    uint64_t magic;
    uint32_t version;
    uint32_t size;              /* Of the whole, in bytes. */
    uint64_t functions;         /* Fingerprint of the function table. */
    struct pp_table proxies;    /* struct pp_program_proxy */
    struct pp_table patches;    /* struct pp_program_patch */
    struct pp_table rules;      /* struct pp_program_rule */
    struct pp_table nodes;      /* struct pp_node */
    struct pp_table headers;    /* struct pp_program_header */
    struct pp_table captures;   /* struct pp_program_capture */
    struct pp_table params;     /* struct pp_program_param */
    struct pp_table states;     /* struct pp_program_state */
    struct pp_table sets;       /* struct pp_program_set */
    struct pp_table events;     /* struct pp_program_event */
    struct pp_table groups;     /* struct pp_program_group */
    struct pp_table guards;     /* struct pp_program_guard */
    struct pp_table slots;      /* uint32_t */
    struct pp_table members;    /* uint32_t: rules, or nodes of gates */
    struct pp_table selects;    /* struct pp_program_select */
    struct pp_table text;       /* Bytes. */
    uint32_t param_words;       /* What a patch set has for parameters. */
    uint32_t pad;
};

struct pp_program_proxy {
    struct pp_text name;
    uint64_t fingerprint;       /* Of its events and fields. */
    uint32_t events[32];        /* Index into 'events', or PP_NONE. */
};

struct pp_program_patch {
    struct pp_text id;
    struct pp_text title;
    uint32_t proxy;
    uint32_t first_rule, n_rules;
    uint32_t first_param, n_params;
    uint32_t events;            /* Bit N: some rule looks at event N. */
};

/* A parameter of a patch. */
struct pp_program_param {
    struct pp_text name;
    struct pp_text bytes;       /* Of type bytes: the default. */
    int64_t value;              /* Else: the default. */
    int64_t min, max;           /* Of the integer, or of the length. */
    uint32_t type;              /* enum pp_type. */
    uint32_t word;              /* Where a patch set's words for it start. */
};

/* A value that a patch keeps of a connection. */
struct pp_program_state {
    uint64_t key;               /* Of the patch's id and the name: the same in
                                 * every program that has them. */
    uint32_t type;              /* PP_TYPE_INT or PP_TYPE_BOOL. */
    uint32_t pad;
};

/* What it becomes. */
struct pp_program_set {
    uint32_t state;             /* Index into 'states'. */
    uint32_t node;              /* Of its type. */
};

/* One expression node. */
struct pp_node {
    uint8_t op;                 /* enum pp_op. */
    uint8_t type;               /* enum pp_type. */
    uint8_t n_args;
    uint8_t proxy;              /* Whose fields it looks at; 0xff: none's. */
    uint8_t scopes;             /* Bit N: depends on scope N's element. */
    uint8_t level;              /* Height over its leaves. */
    uint8_t shared;             /* Looked at from several places: its value
                                 * is kept. */
    uint8_t pad;
    uint32_t arg[PP_EXPR_ARGS_MAX];     /* Nodes. */
    uint32_t x, y;              /* As enum pp_op says. */
    int64_t imm;
};

struct pp_program_rule {
    uint32_t patch;
    uint32_t number;            /* In its patch, from 0. */
    uint32_t event;
    uint32_t each;              /* List node, or PP_NONE. */
    uint32_t when;              /* Bool node. */
    uint32_t gate;              /* Bool node that depends on no element and
                                 * without which 'when' cannot be true, or
                                 * PP_NONE. */
    uint32_t kind;              /* enum pp_correct_kind. */
    uint32_t target;            /* Node, or PP_NONE: the element. */
    uint32_t with;              /* Node, or PP_NONE. */
    uint32_t reason, body;      /* Nodes, or PP_NONE. */
    uint32_t first_header, n_headers;
    uint32_t first_capture, n_captures;
    uint32_t line;              /* In the patch's file. */
    uint8_t reset, raw, close, once;
    uint32_t low, high;         /* Integer nodes, or PP_NONE. */
    uint32_t form;              /* enum pp_number_form. */
    uint32_t first_set, n_sets;
    uint32_t pad;
    int64_t status;
};

struct pp_program_header {
    uint32_t name, value;       /* Nodes. */
};

/* What a rule looks at, for events and logs. */
struct pp_program_capture {
    struct pp_text name;
    uint32_t node;
};

#define PP_RULE_CAPTURES_MAX 8

/* The rules of one event of one proxy: its groups. */
struct pp_program_event {
    uint32_t first_group, n_groups;
};

/* Gates: the nodes at 'first' of 'members'.  Unless one of them is true, no
 * rule that is behind them need be tried, on whatever element.  None: it is
 * open. */
struct pp_program_gates {
    uint32_t first, n;
};

#define PP_GATES_MAX 8

/* Rules that are tried on the same list (or on the message, 'each' PP_NONE).
 * 'members' without a guard are tried always; the others only when one of the
 * group's guards leads to them. */
struct pp_program_group {
    uint32_t each;
    struct pp_program_gates gates;
    uint32_t first_member, n_members;   /* Those without a guard. */
    uint32_t first_guard, n_guards;
};

/* A column: one expression that several rules compare with constants.  Its
 * value is worked out once and looked up in a hash table, so that rules for
 * other values cost nothing. */
struct pp_program_guard {
    uint32_t node;              /* Bytes. */
    uint32_t nocase;
    struct pp_program_gates gates;
    uint32_t first_slot, n_slots;       /* A power of two.  A slot is an
                                         * index into 'selects', or PP_NONE;
                                         * probing is linear, one is free. */
};

/* What a guard's value is compared with, and who is tried when it is equal. */
struct pp_program_select {
    struct pp_text text;
    uint32_t first_member, n_members;
};

/* Builds the program of 'pool'.  'proxies' ends with NULL, and the engine's
 * must be the same.  Returns memory that the caller frees, and its size in
 * '*size'; NULL, with '*error' saying why (to be freed), when a limit is
 * passed. */
struct pp_program *pp_program_build(const struct pp_pool *,
                                    const struct pp_proxy *const *proxies,
                                    size_t *size, char **error);

/* Checks every offset, index, type and depth in the 'size' bytes at 'blob',
 * which must be aligned to 8, and that it was built for these very 'proxies'
 * and functions.  Returns NULL when it is sound, else what is wrong. */
const char *pp_program_check(const void *blob, size_t size,
                             const struct pp_proxy *const *proxies);

/* A number that changes whenever a proxy's events or fields do. */
uint64_t pp_proxy_fingerprint(const struct pp_proxy *);

/* Accessors: good for every program that passed pp_program_check(). */

static inline const void *
pp_program_at(const struct pp_program *program, struct pp_table table)
{
    return (const uint8_t *) program + table.off;
}

static inline const struct pp_node *
pp_program_nodes(const struct pp_program *program)
{
    return pp_program_at(program, program->nodes);
}

static inline const struct pp_program_rule *
pp_program_rules(const struct pp_program *program)
{
    return pp_program_at(program, program->rules);
}

static inline const struct pp_program_state *
pp_program_states(const struct pp_program *program)
{
    return pp_program_at(program, program->states);
}

static inline struct pp_bytes
pp_program_text(const struct pp_program *program, uint32_t off, uint32_t n)
{
    const uint8_t *text = pp_program_at(program, program->text);

    return (struct pp_bytes) { .p = text + off, .n = n };
}

static inline uint32_t
pp_program_n_patches(const struct pp_program *program)
{
    return program->patches.n;
}

static inline const struct pp_program_patch *
pp_program_patch(const struct pp_program *program, uint32_t patch)
{
    return (const struct pp_program_patch *)
           pp_program_at(program, program->patches) + patch;
}

/* A string that ends with NUL and lives as long as the program. */
static inline const char *
pp_program_patch_id(const struct pp_program *program, uint32_t patch)
{
    return (const char *) pp_program_text(
        program, pp_program_patch(program, patch)->id.off, 0).p;
}

/* Index of the proxy named 'name' in the program, or PP_NONE when no patch is
 * for it. */
uint32_t pp_program_find_proxy(const struct pp_program *, const char *name);

/* Index of the patch 'id', or PP_NONE. */
uint32_t pp_program_find_patch(const struct pp_program *, const char *id);

/* A patch set: which patches of a program are in force for one service, and
 * how.  Flat as well: it may lie in shared memory beside the program. */
struct pp_patchset {
    uint32_t n_patches;         /* As in the program. */
    uint32_t words;             /* 64-bit words of one bitmap. */
    uint32_t n_proxies;
    uint32_t size;              /* Of the whole, in bytes. */
    uint64_t data[];            /* The bitmap of the patches that are
                                 * enforced, that of those only monitored,
                                 * then for each proxy the mask of events
                                 * that they look at, then the parameters: a
                                 * word with the integer, or with the length,
                                 * behind which the bytes stand. */
};

size_t pp_patchset_size(const struct pp_program *);

/* Makes an empty set, with the defaults of parameters, in the
 * pp_patchset_size() bytes at 'set', which must be aligned to 8. */
void pp_patchset_init(struct pp_patchset *set, const struct pp_program *);

enum pp_patch_mode {
    PP_MODE_OFF,
    PP_MODE_MONITOR,            /* Count and tell what would be done. */
    PP_MODE_ENFORCE,
};

void pp_patchset_set(struct pp_patchset *, const struct pp_program *,
                     uint32_t patch, enum pp_patch_mode);

/* Sets parameter 'param' of patch 'patch', which the pool of the program has
 * there. */
struct pp_param_value;
void pp_patchset_set_param(struct pp_patchset *, const struct pp_program *,
                           uint32_t patch, uint32_t param,
                           const struct pp_param_value *);

/* The value of the program's parameter 'param'.  Bytes are in the set. */
struct pp_value pp_patchset_param(const struct pp_patchset *,
                                  const struct pp_program *, uint32_t param);

/* Returns NULL when the 'size' bytes at 'set' are a sound set for the
 * program, else what is wrong. */
const char *pp_patchset_check(const struct pp_patchset *set, size_t size,
                              const struct pp_program *);

static inline enum pp_patch_mode
pp_patchset_mode(const struct pp_patchset *set, uint32_t patch)
{
    const uint64_t *monitor = set->data + set->words;

    return (set->data[patch / 64] >> (patch % 64) & 1 ? PP_MODE_ENFORCE
            : monitor[patch / 64] >> (patch % 64) & 1 ? PP_MODE_MONITOR
            : PP_MODE_OFF);
}

/* The events of proxy 'proxy' (pp_program_find_proxy(); PP_NONE is allowed)
 * that some patch in the set looks at: parse()'s 'wants'. */
static inline uint32_t
pp_patchset_wants(const struct pp_patchset *set, uint32_t proxy)
{
    return (proxy < set->n_proxies
            ? (uint32_t) set->data[2 * (size_t) set->words + proxy] : 0);
}

#endif /* pp-program.h */
