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
#define PP_PROGRAM_VERSION 7
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
    struct pp_table columns;    /* struct pp_program_column */
    struct pp_table lookups;    /* struct pp_program_lookup */
    struct pp_table words;      /* uint64_t: filters */
    struct pp_table starts;     /* uint32_t: where buckets start */
    struct pp_table slots;      /* struct pp_program_slot */
    struct pp_table clues;      /* struct pp_program_clue */
    struct pp_table members;    /* uint32_t: rules, or leads */
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

/* The index: which rules are worth trying on a message.
 *
 * A rule is looked up by its clues: facts that are cheap to look for, of which
 * at least one must be so for its condition to hold ("the path is '/a'", "the
 * path starts with '/b/'", "there is a header 'x'").  All clues over one
 * expression are one column: the expression is worked out once, and its value
 * looked up once, however many there are.  A clue that is so leads to rules,
 * which are then tried, or to a group of more columns: those that cannot be so
 * without it ("the value of header 'x' contains '../'").
 *
 * What is looked up in a value is 'keys': the value as a whole, or each run of
 * a few bytes in it (a gram).  For texts that a value starts with, ends with
 * or contains, one gram of each text, its rarest, leads to it; only then is
 * the text compared.  Where all texts are long enough to have several grams in
 * a row, a stride of them, all these lead to it, and only one gram a stride of
 * the value is looked up.  A filter in front of the table of keys says of
 * nearly all that they are not in it, and before that, of the keys of a list's
 * elements, their shape.
 *
 * With many patches it is their memory that a lookup takes time for: it is not
 * in the processor's caches.  So a table is small and dense, and little of it
 * is looked at: a word of the filter, and behind that, two starts and the
 * slots of a bucket, which stand side by side. */

enum pp_clue_how {
    PP_CLUE_WHOLE,              /* The value is the text, or the number. */
    PP_CLUE_NOCASE,             /* The same, without ASCII case. */
    PP_CLUE_HEAD,               /* The value starts with the text. */
    PP_CLUE_TAIL,               /* It ends with it. */
    PP_CLUE_ANYWHERE,           /* It contains it. */
    PP_CLUE_ABOVE,              /* The number is greater than the clue's. */
    PP_CLUE_BELOW,              /* It is less. */
    PP_N_CLUE_HOWS
};

/* Grams in a stride, at most. */
#define PP_STRIDE_MAX 3

/* Bytes in a gram.  Long ones are for texts that have a stride of them: of
 * many texts, most values have some short gram, one of a common word, but
 * seldom a long one.  Others have short ones, or are one themselves. */
#define PP_GRAM_LONG 7
#define PP_GRAM_SHORT 4

static inline unsigned int
pp_gram_of(size_t n)
{
    return (n >= PP_GRAM_LONG + PP_STRIDE_MAX - 1 ? PP_GRAM_LONG
            : n >= PP_GRAM_SHORT ? PP_GRAM_SHORT : (unsigned int) n);
}

/* The index of one event of one proxy. */
struct pp_program_event {
    uint32_t first_group;
    uint32_t n_roots;           /* The first groups, which are for every
                                 * message... */
    uint32_t n_groups;          /* ...and with those that clues lead to. */
};

/* What is looked at on each element of a list, or on the message. */
struct pp_program_group {
    uint32_t each;              /* List node, or PP_NONE. */
    uint32_t scope;             /* That stands on the elements. */
    uint32_t first_member, n_members;   /* Rules that are tried always: on
                                         * the message, or with 'scope' 0, on
                                         * the element. */
    uint32_t first_column, n_columns;
};

struct pp_program_column {
    uint32_t node;              /* Bytes, integer or condition. */
    uint32_t is_key;            /* It is the key of the group's list. */
    uint32_t first_lookup, n_lookups;
};

/* One table of keys. */
struct pp_program_lookup {
    uint8_t how;                /* enum pp_clue_how: where keys are taken
                                 * from.  What starts or ends a value may also
                                 * be in a table for what is anywhere. */
    uint8_t gram;               /* Bytes in a key; 0: no gram. */
    uint8_t stride;             /* Grams: of so many in a row one is looked
                                 * up. */
    uint8_t bits;               /* Log2 of how many words the filter has, and
                                 * how many buckets there are; 1 to 26. */
    uint32_t reach;             /* Grams of PP_CLUE_HEAD, PP_CLUE_TAIL: those
                                 * further from that end are not looked at. */
    uint32_t first_word;        /* The filter, in 'words'. */
    uint32_t first_shape;       /* Keys of a list's elements as a whole: the
                                 * PP_SHAPES words that tell which shapes
                                 * they have.  Else PP_NONE. */
    uint32_t first_start;       /* Of each bucket, its first slot, counted
                                 * from 'first_slot', and one more, where the
                                 * last one ends. */
    uint32_t first_slot;
    uint32_t n_slots;           /* By buckets.  PP_CLUE_ABOVE and _BELOW have
                                 * none, but a list, by numbers, the first to
                                 * be so first. */
};

#define PP_LOOKUP_BITS_MAX 26

/* The bucket that is for 'key', and the word of the filter, of which there are
 * 1 << 'bits'. */
static inline uint32_t
pp_bucket_of(uint32_t key, unsigned int bits)
{
    return key >> (32 - bits);
}

/* The bits of that word that are set if the key is there, and seldom else. */
static inline uint64_t
pp_filter_bits(uint32_t key)
{
    return (UINT64_C(1) << key % 64 | UINT64_C(1) << key / 64 % 64
            | UINT64_C(1) << key / 4096 % 64);
}

static inline bool
pp_filter_has(uint64_t word, uint32_t key)
{
    return (word >> key % 64 & word >> key / 64 % 64
            & word >> key / 4096 % 64 & 1);
}

/* The shape of a key is its length, without the high bits, and its first byte,
 * without case: the keys of nearly all elements are told by it from those that
 * are looked for, without being hashed. */
#define PP_SHAPES 32

static inline uint32_t
pp_shape_word(struct pp_bytes key)
{
    return key.n ? key.p[0] % PP_SHAPES : 0;
}

static inline unsigned int
pp_shape_bit(struct pp_bytes key)
{
    return key.n % 64;
}

/* Where a value has the text of a slot. */
enum pp_slot_place {
    PP_SLOT_ANYWHERE,
    PP_SLOT_HEAD,
    PP_SLOT_TAIL,
};

/* Where PP_SLOT_MORE more bytes of the text are, next to the gram. */
enum pp_slot_next {
    PP_SLOT_ALONE,              /* There are not as many. */
    PP_SLOT_BEHIND,
    PP_SLOT_BEFORE,
};

#define PP_SLOT_MORE 4

/* By its place, and the bytes next to it, nearly all that has the gram and not
 * the text is told without looking the text up. */
struct pp_program_slot {
    uint32_t key;
    uint32_t clue;
    uint32_t more;              /* The bytes next to the gram. */
    uint32_t at : 28;           /* Where in the clue's text the gram is; from
                                 * the end of it, if the value ends with it. */
    uint32_t place : 2;         /* enum pp_slot_place */
    uint32_t next : 2;          /* enum pp_slot_next */
};

struct pp_program_clue {
    uint32_t how;               /* enum pp_clue_how */
    struct pp_text text;
    uint32_t pad;
    int64_t imm;                /* Of numbers. */
    uint32_t first_lead, n_leads;       /* In 'members'. */
};

/* A lead is a rule's index, or that of a group with a bit set. */
#define PP_LEAD_GROUP UINT32_C(0x80000000)
#define PP_LEAD_HERE UINT32_C(0x40000000)       /* A rule, but only on this
                                                 * element. */
#define PP_LEAD_INDEX UINT32_C(0x3fffffff)

/* The key of a gram, of which 'n' bytes are at 'p'.  Each bit of it depends on
 * all of them. */
static inline uint32_t
pp_key_of_gram(const uint8_t *p, unsigned int n)
{
    uint64_t gram = p[0];
    uint32_t head, tail;

    if (n >= 4) {
        memcpy(&head, p, 4);
        memcpy(&tail, p + n - 4, 4);
        gram = n == 4 ? head : (uint64_t) tail << 32 | (head ^ tail);
    } else if (n > 1) {
        gram |= (uint64_t) p[1] << 8 | (n == 3 ? (uint64_t) p[2] << 16 : 0);
    }
    return (uint32_t) (gram * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The key of a number; that of bytes is pp_hash_key(). */
uint32_t pp_key_of_number(int64_t);

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

static inline const struct pp_program_param *
pp_program_params(const struct pp_program *program)
{
    return pp_program_at(program, program->params);
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
