/* SPDX-License-Identifier: Apache-2.0 */

/* Stage 'match': which patches a message calls for; see pp-match.h.
 *
 * In: a parsed message, the patches in force.  Out: hits.  Runs in the engine
 * for each message; the matcher owns the scratch memory, which is allocated
 * only when the program changes. */

#include <config.h>

#include "engine/pp-match.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-eval.h"
#include "patch/pp-bytes.h"
#include "patch/pp-func.h"
#include "util.h"

void
pp_matcher_init(struct pp_matcher *m, size_t arena_size)
{
    memset(m, 0, sizeof *m);
    m->memory = xmalloc(arena_size);
    pp_arena_init(&m->arena, m->memory, arena_size);
}

void
pp_matcher_destroy(struct pp_matcher *m)
{
    pp_eval_unbind(m);
    free(m->cells);
    free(m->marks);
    free(m->queue);
    free(m->memory);
    memset(m, 0, sizeof *m);
}

void
pp_matcher_bind(struct pp_matcher *m, const struct pp_program *program)
{
    size_t n_marks, n_queue;

    m->program = program;
    for (int i = 0; i < PP_MEMOS; i++) {
        m->memos[i].n = 0;
    }
    m->last_proxy = NULL;
    m->proxy = PP_NONE;
    if (program->nodes.n > m->n_cells) {
        free(m->cells);
        m->n_cells = program->nodes.n;
        m->cells = xmalloc(m->n_cells * sizeof *m->cells);
    }
    n_marks = (size_t) program->clues.n + program->rules.n
              + program->groups.n;
    if (n_marks > m->n_marks) {
        free(m->marks);
        m->n_marks = n_marks;
        m->marks = xcalloc(n_marks, sizeof *m->marks);
    }
    n_queue = 2 * (size_t) program->rules.n + program->groups.n;
    if (n_queue > m->n_queue) {
        free(m->queue);
        m->n_queue = n_queue;
        m->queue = xmalloc(n_queue * sizeof *m->queue);
    }
    pp_eval_bind(m);
}

/* What one call of pp_match() works on. */
struct match {
    const struct pp_program *program;
    const struct pp_patchset *set;
    struct pp_matcher *m;
    struct pp_hits *hits;
    const uint32_t *members;
    uint64_t *clue_marks, *rule_marks, *group_marks;
    uint32_t *rules, *groups;   /* Queues. */
    uint32_t *open;             /* Of a group's rules, those that may hold. */
    uint32_t n_rules, n_groups;
    uint64_t look;              /* Which value is being looked up. */
    uint64_t n_so;              /* Clues that were so. */

    /* The list that is being gone through. */
    const struct pp_program_group *group;
    const struct pp_cell *list;
    uint32_t at;                /* The place in it... */
    uint32_t elem;              /* ...and the element, once a scope stands on
                                 * it; PP_NONE: none does. */
};

static bool
is_hit(const struct pp_hits *hits, uint32_t rule, uint32_t elem)
{
    for (unsigned int i = 0; i < hits->n; i++) {
        if (hits->h[i].rule == rule && hits->h[i].elem == elem) {
            return true;
        }
    }
    return false;
}

/* Tries rule 'index' on the message, or on element 'elem', on which scope 0
 * stands. */
static void
try_rule(struct match *x, uint32_t index, uint32_t elem)
{
    const struct pp_program_rule *rule = &pp_program_rules(x->program)[index];
    enum pp_patch_mode mode = pp_patchset_mode(x->set, rule->patch);

    if (mode == PP_MODE_OFF) {
        return;
    }
    x->m->n_tried++;
    if (!pp_eval(x->m, rule->when).b || is_hit(x->hits, index, elem)) {
        return;
    }
    if (x->hits->n == PP_HITS_MAX) {
        x->hits->overflow = true;
        return;
    }
    x->hits->h[x->hits->n++] = (struct pp_hit) {
        .patch = rule->patch,
        .rule = index,
        .elem = elem,
        .monitor = mode == PP_MODE_MONITOR,
    };
}

/* False if rule 'index', which is for elements, can hold for none of them: its
 * condition starts with something that is so of the message, or not
 * (pp-build.c sees to that). */
static bool
may_hold(struct match *x, uint32_t index)
{
    const struct pp_node *nodes = pp_program_nodes(x->program);
    const struct pp_node *when
        = &nodes[pp_program_rules(x->program)[index].when];

    return (when->op != PP_OP_AND || nodes[when->arg[0]].scopes
            || pp_eval_at(x->m, when->arg[0])->b);
}

/* Tries rule 'index' on the message, or on all elements it is for. */
static void
try_everywhere(struct match *x, uint32_t index)
{
    uint32_t each = pp_program_rules(x->program)[index].each;
    const struct pp_cell *list;

    if (each == PP_NONE) {
        try_rule(x, index, PP_NONE);
        return;
    } else if (!may_hold(x, index)) {
        return;
    }
    list = pp_eval_list(x->m, each);
    for (uint32_t i = 0; i < list->value.count && !x->m->failed; i++) {
        try_rule(x, index, pp_eval_enter(
                     x->m, 0, &pp_program_nodes(x->program)[each], list, i));
    }
}

/* Looking up. */

/* Lets the group's scope stand on the element at hand, unless it does. */
static void
enter(struct match *x)
{
    if (x->elem == PP_NONE) {
        x->elem = pp_eval_enter(x->m, x->group->scope,
                                pp_program_nodes(x->program) + x->group->each,
                                x->list, x->at);
    }
}

/* Clue 'index' is so: notes what it leads to.  Rules are tried, and groups
 * looked at, when the lists that are being gone through now are done with:
 * they have use for the same scopes. */
static void
follow(struct match *x, uint32_t index)
{
    const struct pp_program_clue *clue
        = (const struct pp_program_clue *)
          pp_program_at(x->program, x->program->clues) + index;

    if (x->clue_marks[index] == x->look) {
        return;
    }
    x->clue_marks[index] = x->look;
    for (uint32_t i = 0; i < clue->n_leads; i++) {
        uint32_t lead = x->members[clue->first_lead + i];
        uint32_t to = lead & PP_LEAD_INDEX;

        if (lead & PP_LEAD_HERE) {
            enter(x);
            try_rule(x, to, x->elem);
        } else if (lead & PP_LEAD_GROUP) {
            if (x->group_marks[to] != x->m->msg_gen) {
                x->group_marks[to] = x->m->msg_gen;
                x->groups[x->n_groups++] = to;
            }
        } else if (x->rule_marks[to] != x->m->msg_gen) {
            x->rule_marks[to] = x->m->msg_gen;
            x->rules[x->n_rules++] = to;
        }
    }
}

/* Is the clue of 'slot' so for the bytes 's', which have the slot's gram at
 * 'at', or of which the key of the whole is its? */
static bool
is_so(const struct match *x, const struct pp_program_slot *slot,
      struct pp_bytes s, size_t at)
{
    const struct pp_program_clue *clue
        = (const struct pp_program_clue *)
          pp_program_at(x->program, x->program->clues) + slot->clue;
    struct pp_bytes text = pp_program_text(x->program, clue->text.off,
                                           clue->text.n);

    switch ((enum pp_clue_how) clue->how) {
    case PP_CLUE_WHOLE:
        return pp_bytes_equal(s, text);
    case PP_CLUE_NOCASE:
        return pp_bytes_equal_nocase(s, text);
    case PP_CLUE_HEAD:
        return text.n <= s.n && !memcmp(s.p, text.p, text.n);
    case PP_CLUE_TAIL:
        return (text.n <= s.n
                && !memcmp(s.p + (s.n - text.n), text.p, text.n));
    case PP_CLUE_ANYWHERE:
        return (at >= slot->at && text.n <= s.n - (at - slot->at)
                && !memcmp(s.p + (at - slot->at), text.p, text.n));
    case PP_CLUE_ABOVE:
    case PP_CLUE_BELOW:
    case PP_N_CLUE_HOWS:
    default:
        return false;
    }
}

static inline const uint64_t *
words_of(const struct match *x, const struct pp_program_lookup *l)
{
    return (const uint64_t *) pp_program_at(x->program, x->program->words)
           + l->first_word;
}

/* Is 'key' one that the filter 'words' of 'l' lets by? */
static inline bool
may_have(const struct pp_program_lookup *l, const uint64_t *words,
         uint32_t key)
{
    return pp_filter_has(words[pp_bucket_of(key, l->bits)], key);
}

static inline const struct pp_program_slot *
slots_of(const struct match *x, const struct pp_program_lookup *l)
{
    return (const struct pp_program_slot *)
           pp_program_at(x->program, x->program->slots) + l->first_slot;
}

/* With the gram of 'slot', of 'gram' bytes, at 'at' in 's': does 's' have it
 * at the right place, and the bytes next to it, too? */
static inline bool
may_be_so(const struct pp_program_slot *slot, struct pp_bytes s, size_t at,
          unsigned int gram)
{
    size_t next = slot->next == PP_SLOT_BEHIND ? at + gram : at - PP_SLOT_MORE;

    if (slot->place != PP_SLOT_ANYWHERE
        && slot->at != (slot->place == PP_SLOT_HEAD ? at : s.n - at)) {
        return false;
    }
    return (slot->next == PP_SLOT_ALONE
            || (next <= s.n && s.n - next >= PP_SLOT_MORE
                && !memcmp(s.p + next, &slot->more, PP_SLOT_MORE)));
}

/* The slots with key 'key' and perhaps others: from 'slots[*i]' as far as
 * 'slots[*end]'. */
static inline const struct pp_program_slot *
bucket_of(const struct match *x, const struct pp_program_lookup *l,
          uint32_t key, uint32_t *i, uint32_t *end)
{
    const uint32_t *starts
        = (const uint32_t *) pp_program_at(x->program, x->program->starts)
          + l->first_start + pp_bucket_of(key, l->bits);

    *i = starts[0];
    *end = starts[1];
    return slots_of(x, l);
}

/* Follows the clues with key 'key' that are so for 's'. */
static void
look_up_bytes(struct match *x, const struct pp_program_lookup *l,
              uint32_t key, struct pp_bytes s, size_t at)
{
    uint32_t i, end;
    const struct pp_program_slot *slots = bucket_of(x, l, key, &i, &end);

    for (; i < end; i++) {
        if (slots[i].key == key && may_be_so(&slots[i], s, at, l->gram)
            && is_so(x, &slots[i], s, at)) {
            x->n_so++;
            follow(x, slots[i].clue);
        }
    }
}

static void
look_up_number(struct match *x, const struct pp_program_lookup *l,
               int64_t number)
{
    const struct pp_program_clue *clues
        = pp_program_at(x->program, x->program->clues);
    const struct pp_program_slot *slots = slots_of(x, l);
    uint32_t i, end;

    if (l->how == PP_CLUE_ABOVE || l->how == PP_CLUE_BELOW) {
        for (i = 0; i < l->n_slots; i++) {
            int64_t imm = clues[slots[i].clue].imm;

            if (l->how == PP_CLUE_ABOVE ? number <= imm : number >= imm) {
                return;
            }
            follow(x, slots[i].clue);
        }
        return;
    }
    slots = bucket_of(x, l, pp_key_of_number(number), &i, &end);
    for (; i < end; i++) {
        if (clues[slots[i].clue].imm == number) {
            follow(x, slots[i].clue);
        }
    }
}

static inline bool
may_have_gram(const struct pp_program_lookup *l, const uint64_t *words,
              const uint8_t *p, unsigned int gram)
{
    return may_have(l, words, pp_key_of_gram(p, gram));
}

/* Looks up the grams of 's', of 'gram' bytes each, one a stride.  A function
 * for each length, so that the loop is a tight one. */
static inline void
look_up_grams(struct match *x, const struct pp_program_lookup *l,
              struct pp_bytes s, unsigned int gram, size_t stride)
{
    const uint64_t *words;
    size_t from = 0, to;

    if (s.n < gram) {
        return;
    }
    to = s.n - gram;
    words = words_of(x, l);
    if (l->how == PP_CLUE_HEAD) {
        to = MIN(to, l->reach);
    } else if (l->how == PP_CLUE_TAIL) {
        from = to - MIN(to, l->reach);
    }
    for (size_t at = from; at <= to; at += stride) {
        uint32_t key = pp_key_of_gram(s.p + at, gram);

        /* Of nearly all, all four are in no text. */
        while (at + 3 * stride <= to
               && !(may_have(l, words, key)
                    | may_have_gram(l, words, s.p + at + stride, gram)
                    | may_have_gram(l, words, s.p + at + 2 * stride, gram)
                    | may_have_gram(l, words, s.p + at + 3 * stride, gram))) {
            at += 4 * stride;
            if (at > to) {
                return;
            }
            key = pp_key_of_gram(s.p + at, gram);
        }
        if (may_have(l, words, key)) {
            look_up_bytes(x, l, key, s, at);
        }
    }
}

/* Looks up the grams of 's'. */
static void
look_up_all_grams(struct match *x, const struct pp_program_lookup *l,
                  struct pp_bytes s)
{
    if (l->gram == PP_GRAM_LONG && l->stride == PP_STRIDE_MAX) {
        look_up_grams(x, l, s, PP_GRAM_LONG, PP_STRIDE_MAX);
    } else if (l->gram == PP_GRAM_LONG) {
        look_up_grams(x, l, s, PP_GRAM_LONG, l->stride);
    } else if (l->gram == PP_GRAM_SHORT && l->stride == PP_STRIDE_MAX) {
        look_up_grams(x, l, s, PP_GRAM_SHORT, PP_STRIDE_MAX);
    } else if (l->gram == PP_GRAM_SHORT) {
        look_up_grams(x, l, s, PP_GRAM_SHORT, l->stride);
    } else if (l->gram == 3) {
        look_up_grams(x, l, s, 3, l->stride);
    } else if (l->gram == 2) {
        look_up_grams(x, l, s, 2, l->stride);
    } else {
        look_up_grams(x, l, s, 1, l->stride);
    }
}

/* Where a value that table 'index' is looked up in has its memo, if any. */
static struct pp_memo *
memo_of(struct match *x, uint32_t index, struct pp_bytes s)
{
    uint64_t hash = s.n ^ index;

    hash = pp_hash_mix(hash, pp_load_key(s.p + s.n / 2, 8));
    hash = pp_hash_mix(hash, pp_load_key(s.p + s.n - 8, 8));
    return &x->m->memos[(hash >> 32) % PP_MEMOS];
}

/* Looks up the grams of 's', a long value, unless it is known that none leads
 * anywhere. */
static void
look_up_long(struct match *x, const struct pp_program_lookup *l,
             struct pp_bytes s)
{
    const struct pp_program_lookup *lookups
        = pp_program_at(x->program, x->program->lookups);
    uint32_t index = (uint32_t) (l - lookups);
    struct pp_memo *memo = memo_of(x, index, s);
    uint64_t n_so = x->n_so;

    if (memo->lookup == index && memo->n == s.n
        && !memcmp(memo->bytes, s.p, s.n)) {
        return;
    }
    look_up_all_grams(x, l, s);
    if (x->n_so == n_so) {
        memo->lookup = index;
        memo->n = (uint32_t) s.n;
        memcpy(memo->bytes, s.p, s.n);
    }
}

static void
look_up_text(struct match *x, const struct pp_program_lookup *l,
             struct pp_bytes s)
{
    if (l->gram && s.n >= PP_MEMO_MIN && s.n <= PP_MEMO_MAX) {
        look_up_long(x, l, s);
    } else if (l->gram) {
        look_up_all_grams(x, l, s);
    } else {
        uint32_t key = pp_hash_key(s);

        if (may_have(l, words_of(x, l), key)) {
            look_up_bytes(x, l, key, s, 0);
        }
    }
}

static void
look_up(struct match *x, const struct pp_program_lookup *l,
        const struct pp_value *value)
{
    if (value->type == PP_TYPE_BYTES) {
        look_up_text(x, l, value->s);
    } else {
        look_up_number(x, l, value->type == PP_TYPE_INT ? value->i
                       : value->b);
    }
}

/* Looks column 'c' up. */
static void
look_at_column(struct match *x, const struct pp_program_column *c)
{
    const struct pp_program_lookup *l
        = (const struct pp_program_lookup *)
          pp_program_at(x->program, x->program->lookups) + c->first_lookup;
    const struct pp_value *value = pp_eval_at(x->m, c->node);

    x->look = ++x->m->gen;
    for (uint32_t i = 0; i < c->n_lookups; i++) {
        look_up(x, &l[i], value);
    }
}

/* Looks up the keys of a list's elements, of which those of nearly all are
 * nobody's, as their shapes and hashes say. */
static void
look_at_keys(struct match *x, const struct pp_program_column *c,
             const struct pp_keys *keys)
{
    const struct pp_program_lookup *l
        = (const struct pp_program_lookup *)
          pp_program_at(x->program, x->program->lookups) + c->first_lookup;

    for (uint32_t i = 0; i < c->n_lookups; i++) {
        const uint64_t *shapes
            = (const uint64_t *) pp_program_at(x->program, x->program->words)
              + l[i].first_shape;

        for (uint32_t at = 0; at < keys->n; at++) {
            struct pp_bytes key = keys->values[at];

            if (l[i].gram
                || shapes[pp_shape_word(key)] >> pp_shape_bit(key) & 1) {
                x->at = at;
                x->elem = PP_NONE;
                x->look = ++x->m->gen;
                look_up_text(x, &l[i], key);
            }
        }
    }
}

/* The keys of the elements of the group's list, if one of 'columns' is about
 * them. */
static const struct pp_keys *
keys_of(struct match *x, const struct pp_program_column *columns)
{
    for (uint32_t i = 0; i < x->group->n_columns; i++) {
        if (columns[i].is_key) {
            const struct pp_node *key
                = pp_program_nodes(x->program) + columns[i].node;

            return pp_eval_keys(x->m, key->x, key->y, x->list->value.count);
        }
    }
    return NULL;
}

static void
look_at_elements(struct match *x, const struct pp_program_group *group,
                 const struct pp_program_column *columns)
{
    const struct pp_keys *keys;
    uint32_t n_open = 0, n_left = group->n_columns;

    for (uint32_t i = 0; i < group->n_members; i++) {
        uint32_t rule = x->members[group->first_member + i];

        if (may_hold(x, rule)) {
            x->open[n_open++] = rule;
        }
    }
    if (!n_open && !group->n_columns) {
        return;
    }
    x->group = group;
    x->list = pp_eval_list(x->m, group->each);
    if (!x->list->value.count) {
        return;
    }
    keys = keys_of(x, columns);
    for (uint32_t i = 0; keys && i < group->n_columns; i++) {
        if (columns[i].is_key) {
            look_at_keys(x, &columns[i], keys);
            n_left--;
        }
    }
    if (!n_open && !n_left) {
        return;
    }
    for (x->at = 0; x->at < x->list->value.count && !x->m->failed; x->at++) {
        x->elem = PP_NONE;
        enter(x);
        for (uint32_t i = 0; i < n_open; i++) {
            try_rule(x, x->open[i], x->elem);
        }
        for (uint32_t i = 0; n_left && i < group->n_columns; i++) {
            if (!keys || !columns[i].is_key) {
                look_at_column(x, &columns[i]);
            }
        }
    }
}

static void
look_at_group(struct match *x, uint32_t index)
{
    const struct pp_program_group *group
        = (const struct pp_program_group *)
          pp_program_at(x->program, x->program->groups) + index;
    const struct pp_program_column *columns
        = (const struct pp_program_column *)
          pp_program_at(x->program, x->program->columns)
          + group->first_column;

    if (group->each != PP_NONE) {
        look_at_elements(x, group, columns);
        return;
    }
    for (uint32_t i = 0; i < group->n_members; i++) {
        try_rule(x, x->members[group->first_member + i], PP_NONE);
    }
    for (uint32_t i = 0; i < group->n_columns; i++) {
        look_at_column(x, &columns[i]);
    }
}

static int
compare_hits(const void *a_, const void *b_)
{
    const struct pp_hit *a = a_;
    const struct pp_hit *b = b_;

    return (a->rule != b->rule ? (a->rule < b->rule ? -1 : 1)
            : a->elem != b->elem ? (a->elem < b->elem ? -1 : 1) : 0);
}

/* Rules are numbered by patch, so this is the order by patch too. */
static void
sort_hits(struct pp_hits *hits)
{
    for (unsigned int i = 1; i < hits->n; i++) {
        struct pp_hit hit = hits->h[i];
        unsigned int j = i;

        for (; j > 0 && compare_hits(&hits->h[j - 1], &hit) > 0; j--) {
            hits->h[j] = hits->h[j - 1];
        }
        hits->h[j] = hit;
    }
}

void
pp_match(const struct pp_program *program, const struct pp_patchset *set,
         const struct pp_msg *msg, struct pp_matcher *m, struct pp_hits *hits)
{
    uint32_t n_clues = program->clues.n, n_rules = program->rules.n;
    struct match x = {
        .program = program, .set = set, .m = m, .hits = hits,
        .members = pp_program_at(program, program->members),
        .clue_marks = m->marks, .rule_marks = m->marks + n_clues,
        .group_marks = m->marks + n_clues + n_rules,
        .rules = m->queue, .groups = m->queue + n_rules,
        .open = m->queue + n_rules + program->groups.n,
    };
    const struct pp_program_proxy *proxies
        = pp_program_at(program, program->proxies);
    const struct pp_program_event *e
        = pp_program_at(program, program->events);

    m->set = set;
    hits->n = 0;
    hits->overflow = hits->error = false;
    if (!pp_eval_begin(m, msg)
        || !(pp_patchset_wants(set, m->proxy) >> msg->event & 1)
        || proxies[m->proxy].events[msg->event] == PP_NONE) {
        return;
    }
    e += proxies[m->proxy].events[msg->event];
    for (uint32_t i = 0; i < e->n_roots; i++) {
        look_at_group(&x, e->first_group + i);
    }
    for (uint32_t i = 0; i < x.n_groups; i++) {
        look_at_group(&x, x.groups[i]);
    }
    for (uint32_t i = 0; i < x.n_rules; i++) {
        try_everywhere(&x, x.rules[i]);
    }
    sort_hits(hits);
    if (m->failed) {
        hits->error = true;
        m->n_errors++;
    }
}

/* Is what 'node' stands for a secret (struct pp_secret)? */
static bool
is_secret(struct pp_matcher *m, const struct pp_node *node)
{
    const struct pp_cell *list;

    switch ((int) node->op) {
    case PP_OP_FIELD:
        return pp_field_is_secret(m->msg, node->x, 0, -1, &m->arena);
    case PP_OP_ELEM:
        return (m->scope[node->imm].field == node->x
                && pp_field_is_secret(m->msg, node->x,
                                      m->scope[node->imm].elem,
                                      (int) node->y, &m->arena));
    case PP_OP_FIRST:
        list = pp_eval_list(m, node->arg[0]);
        return (list->value.count
                && pp_field_is_secret(m->msg, node->x,
                                      list->elems ? list->elems[0] : 0,
                                      (int) node->y, &m->arena));
    default:
        return false;
    }
}

unsigned int
pp_hit_describe(const struct pp_program *program, const struct pp_msg *msg,
                const struct pp_hit *hit, struct pp_matcher *m,
                struct pp_seen *seen)
{
    const struct pp_program_rule *rule
        = &pp_program_rules(program)[hit->rule];
    const struct pp_program_capture *captures
        = (const struct pp_program_capture *)
          pp_program_at(program, program->captures) + rule->first_capture;
    bool failed = m->failed;

    m->msg = msg;
    if (rule->each != PP_NONE) {
        pp_eval_enter_elem(m, 0, rule->each, hit->elem);
    }
    for (uint32_t i = 0; i < rule->n_captures; i++) {
        seen[i].name = (const char *)
            pp_program_text(program, captures[i].name.off, 0).p;
        seen[i].value = pp_eval(m, captures[i].node);
        seen[i].secret = is_secret(m, pp_program_nodes(program)
                                      + captures[i].node);
    }
    m->failed = failed;         /* It is only for the log. */
    return rule->n_captures;
}
