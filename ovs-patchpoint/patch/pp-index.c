/* SPDX-License-Identifier: Apache-2.0 */

/* Making the index of a program; see pp-program.h.
 *
 * In: the rules of one event, and the clues by which each is looked up.  Out:
 * groups, columns and tables of keys.  Runs in control and in the tools, when
 * a program is built; owns nothing. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "patch/pp-build-private.h"
#include "patch/pp-bytes.h"
#include "util.h"

/* Grams are counted by a hash of so many bits, for few rules and for many:
 * close enough to tell the rare from the common. */
#define COUNT_BITS_MIN 8
#define COUNT_BITS_MAX 16

/* A filter has so many bits for a key, or up to twice as many, of which a key
 * sets three: one in 130 to 510 keys that are not there gets by.  That of a
 * small table has some words in any case. */
#define FILTER_BITS 16
#define LOOKUP_BITS_MIN 3

/* So many texts are worth a table with long grams, beside one with short
 * ones. */
#define LONG_TEXTS_MIN 64

/* What one clue leads to. */
struct lead {
    uint32_t group;             /* Of the clue, in its event. */
    uint32_t node;              /* Its column. */
    uint32_t gram;              /* Bytes in its table's keys. */
    uint32_t how;               /* Where its table takes keys from. */
    uint32_t clue;
    uint32_t lead;              /* As in 'members'. */
    int64_t imm;                /* For the order among clues on numbers. */
};

/* Groups of the event at hand. */
struct group {
    uint32_t each, scope, key;
    struct ofpbuf members;      /* uint32_t */
};

struct indexer {
    struct pp_builder *b;
    struct pp_clues *clues;
    struct group *groups;
    size_t n_groups, allocated_groups;
    struct lead *leads;
    size_t n_leads, allocated_leads;
    uint32_t *counts;
    unsigned int count_bits;
};

static void add_lead(struct indexer *, uint32_t clue, uint32_t lead);

/* The number of the group of what is looked at on the elements of 'each' (or
 * on the message) if clue 'key' is so (or always). */
static uint32_t
find_group(struct indexer *x, uint32_t each, uint32_t scope, uint32_t key)
{
    uint32_t index;

    for (index = 0; index < x->n_groups; index++) {
        const struct group *g = &x->groups[index];

        if (g->each == each && g->scope == scope && g->key == key) {
            return index;
        }
    }
    if (x->n_groups == x->allocated_groups) {
        x->groups = x2nrealloc(x->groups, &x->allocated_groups,
                               sizeof *x->groups);
    }
    x->groups[x->n_groups++] = (struct group) { each, scope, key, { 0 } };
    ofpbuf_init(&x->groups[index].members, 0);
    if (key != PP_NONE) {
        add_lead(x, key, PP_LEAD_GROUP | index);
    }
    return index;
}

/* The element's field that node 'index' is, with the element that scope 0
 * stands on. */
static uint32_t
in_scope_0(struct indexer *x, uint32_t index)
{
    struct pp_node node = *pp_build_node_at(x->b, index);

    node.imm = 0;
    node.scopes = 1;
    node.shared = 0;
    return pp_build_node(x->b, &node);
}

static void
add_lead(struct indexer *x, uint32_t clue, uint32_t lead)
{
    const struct pp_clue *c = pp_clue_at(x->clues, clue);
    bool is_gram = c->how >= PP_CLUE_HEAD && c->how <= PP_CLUE_ANYWHERE;
    /* Keys are got without a scope that stands on their elements: those of a
     * list are looked up once, whoever looks for them. */
    bool is_key = !is_gram && pp_build_is_key(x->b, c->node, c->each);
    struct lead new = {
        .group = find_group(x, c->each, is_key ? 0 : c->scope, c->key),
        .node = is_key ? in_scope_0(x, c->node) : c->node,
        .gram = is_gram ? pp_gram_of(c->text.n) : 0,
        .how = c->how,
        .clue = clue,
        .lead = lead,
        .imm = c->how == PP_CLUE_BELOW ? ~c->imm : c->imm,
    };

    if (x->n_leads == x->allocated_leads) {
        x->leads = x2nrealloc(x->leads, &x->allocated_leads,
                              sizeof *x->leads);
    }
    x->leads[x->n_leads++] = new;
}

static const struct pp_program_rule *
rule_at(const struct indexer *x, uint32_t index)
{
    return (const struct pp_program_rule *) x->b->rules.data + index;
}

/* Rule 'rule' is tried always. */
static void
add_member(struct indexer *x, uint32_t rule)
{
    uint32_t each = rule_at(x, rule)->each;
    uint32_t group = find_group(x, each, 0, PP_NONE);

    ofpbuf_put(&x->groups[group].members, &rule, sizeof rule);
}

static void
add_rule(struct indexer *x, uint32_t rule, struct ofpbuf *found)
{
    const uint32_t *clues;

    if (!pp_clues_choose(x->clues, rule, found)) {
        add_member(x, rule);
        return;
    }
    clues = found->data;
    for (size_t i = 0; i < found->size / sizeof *clues; i++) {
        const struct pp_clue *c = pp_clue_at(x->clues, clues[i]);
        bool here = (c->each != PP_NONE && !c->scope);

        add_lead(x, clues[i], rule | (here ? PP_LEAD_HERE : 0));
    }
}

#define COMPARE(A, B) ((A) < (B) ? -1 : (A) > (B))

static int
compare_leads(const void *a_, const void *b_)
{
    const struct lead *a = a_;
    const struct lead *b = b_;
    int cmp = COMPARE(a->group, b->group);

    cmp = cmp ? cmp : COMPARE(a->node, b->node);
    cmp = cmp ? cmp : COMPARE(a->gram, b->gram);
    cmp = cmp ? cmp : COMPARE(a->how, b->how);
    cmp = cmp ? cmp : COMPARE(a->imm, b->imm);
    cmp = cmp ? cmp : COMPARE(a->clue, b->clue);
    return cmp ? cmp : COMPARE(a->lead, b->lead);
}

/* What starts or ends a value is looked for with what is anywhere in it, where
 * there is such a thing, and what is long with what is short, where that is
 * not much: the value is gone through once. */
static void
join_tables(struct lead *leads, size_t n)
{
    bool anywhere[PP_GRAM_LONG + 1] = { false };
    size_t n_of[PP_GRAM_LONG + 1] = { 0 };

    for (size_t i = 0; i < n; i++) {
        n_of[leads[i].gram]++;
    }
    for (size_t i = 0; i < n; i++) {
        if (leads[i].gram == PP_GRAM_LONG && n_of[PP_GRAM_SHORT]
            && n_of[PP_GRAM_LONG] < LONG_TEXTS_MIN) {
            leads[i].gram = PP_GRAM_SHORT;
        }
    }
    for (size_t i = 0; i < n; i++) {
        anywhere[leads[i].gram] |= leads[i].how == PP_CLUE_ANYWHERE;
    }
    for (size_t i = 0; i < n; i++) {
        if (leads[i].gram && anywhere[leads[i].gram]) {
            leads[i].how = PP_CLUE_ANYWHERE;
        }
    }
    qsort(leads, n, sizeof *leads, compare_leads);
}

static const uint8_t *
text_of(const struct indexer *x, struct pp_text text)
{
    return (const uint8_t *) x->b->text.data + text.off;
}

static uint32_t *
count_of(struct indexer *x, const uint8_t *p, unsigned int gram)
{
    return &x->counts[pp_key_of_gram(p, gram) >> (32 - x->count_bits)];
}

/* Counts the grams of the clues of 'leads'. */
static void
count_grams(struct indexer *x, const struct lead *leads, size_t n)
{
    memset(x->counts, 0, sizeof *x->counts << x->count_bits);
    for (size_t i = 0; i < n; i++) {
        struct pp_text text = pp_clue_at(x->clues, leads[i].clue)->text;

        if (i && leads[i].clue == leads[i - 1].clue) {
            continue;
        }
        for (uint32_t at = 0; at + leads[i].gram <= text.n; at++) {
            ++*count_of(x, text_of(x, text) + at, leads[i].gram);
        }
    }
}

/* Of the grams in 'text', every 'step'th, where the rarest 'n' in a row begin;
 * those nearest to the end by which 'l' looks for them. */
static uint32_t
choose_grams(struct indexer *x, struct pp_text text,
             const struct pp_program_lookup *l, uint32_t step, uint32_t n)
{
    uint32_t last = text.n - l->gram - n + 1;
    uint32_t best = UINT32_MAX, best_at = 0;

    for (uint32_t i = 0; i <= last; i += step) {
        uint32_t at = l->how == PP_CLUE_TAIL ? last - i : i;
        uint32_t count = 0;

        for (uint32_t j = 0; j < n; j++) {
            count += *count_of(x, text_of(x, text) + at + j, l->gram);
        }
        if (count < best) {
            best = count;
            best_at = at;
        }
    }
    return best_at;
}

/* The slot of the gram at 'at' in 'text', the text of clue 'clue', which is
 * where 'how' says. */
static struct pp_program_slot
slot_of_gram(const struct indexer *x, uint32_t clue, enum pp_clue_how how,
             struct pp_text text, uint32_t at, unsigned int gram)
{
    const uint8_t *p = text_of(x, text) + at;
    struct pp_program_slot slot = {
        .key = pp_key_of_gram(p, gram),
        .clue = clue,
        .at = how == PP_CLUE_TAIL ? text.n - at : at,
        .place = (how == PP_CLUE_HEAD ? PP_SLOT_HEAD
                  : how == PP_CLUE_TAIL ? PP_SLOT_TAIL : PP_SLOT_ANYWHERE),
    };

    if (at + gram + PP_SLOT_MORE <= text.n) {
        slot.next = PP_SLOT_BEHIND;
        memcpy(&slot.more, p + gram, PP_SLOT_MORE);
    } else if (at >= PP_SLOT_MORE) {
        slot.next = PP_SLOT_BEFORE;
        memcpy(&slot.more, p - PP_SLOT_MORE, PP_SLOT_MORE);
    }
    return slot;
}

/* Makes the slots by which clue 'clue', which is 'c', is looked up by grams.
 * Where a value starts with it, that one gram of it is looked up which a
 * stride comes to is known. */
static size_t
put_grams(struct indexer *x, uint32_t clue, const struct pp_clue *c,
          struct pp_program_lookup *l, struct pp_program_slot *slots)
{
    struct pp_text text = c->text;
    bool head = c->how == PP_CLUE_HEAD;
    uint32_t n = head ? 1 : l->stride;
    uint32_t at = choose_grams(x, text, l, head ? l->stride : 1, n);
    uint32_t last = at + n - 1;

    l->reach = MAX(l->reach, l->how == PP_CLUE_TAIL ? text.n - l->gram - at
                             : last);
    for (uint32_t i = 0; i < n; i++) {
        slots[i] = slot_of_gram(x, clue, c->how, text, at + i, l->gram);
    }
    return n;
}

/* Puts clue 'leads[0]' with all it leads to into the program, and what it is
 * looked up by into 'slots'; returns how many those are. */
static size_t
put_clue(struct indexer *x, const struct lead *leads, size_t n,
         struct pp_program_lookup *lookup, struct pp_program_slot *slots)
{
    const struct pp_clue *c = pp_clue_at(x->clues, leads[0].clue);
    struct pp_program_clue clue = {
        .how = c->how, .text = c->text, .imm = c->imm,
        .first_lead = x->b->members.size / sizeof(uint32_t),
    };
    bool is_bytes = pp_build_node_at(x->b, c->node)->type == PP_TYPE_BYTES;
    uint32_t last = PP_NONE, index;

    for (size_t i = 0; i < n; i++) {
        if (leads[i].lead != last) {
            last = leads[i].lead;
            PP_APPEND(&x->b->members, &last);
            clue.n_leads++;
        }
    }
    index = PP_APPEND(&x->b->clues, &clue);
    if (lookup->gram) {
        return put_grams(x, index, c, lookup, slots);
    }
    slots[0] = (struct pp_program_slot) {
        .key = (is_bytes
                ? pp_hash_key((struct pp_bytes) { text_of(x, c->text),
                                                  c->text.n })
                : pp_key_of_number(c->imm)),
        .clue = index,
    };
    return 1;
}

static uint32_t
log2_up(size_t n)
{
    uint32_t bits = 0;

    while (n > (size_t) 1 << bits) {
        bits++;
    }
    return bits;
}

/* Spreads the 'n' slots of 'list' over buckets, and makes the filter. */
static void
put_slots(struct pp_builder *b, const struct pp_program_slot *list, size_t n,
          struct pp_program_lookup *lookup)
{
    unsigned int bits = MIN(MAX(log2_up(FILTER_BITS * n / 64 + 1),
                                LOOKUP_BITS_MIN), PP_LOOKUP_BITS_MAX);
    size_t n_buckets = (size_t) 1 << bits;
    struct pp_program_slot *slots;
    uint32_t *starts;
    uint64_t *words;

    lookup->bits = (uint8_t) bits;
    lookup->n_slots = (uint32_t) n;
    lookup->first_word = b->words.size / sizeof *words;
    lookup->first_start = b->starts.size / sizeof *starts;
    words = ofpbuf_put_zeros(&b->words, n_buckets * sizeof *words);
    starts = ofpbuf_put_zeros(&b->starts, (n_buckets + 1) * sizeof *starts);
    slots = ofpbuf_put_uninit(&b->slots, n * sizeof *slots);
    for (size_t i = 0; i < n; i++) {
        uint32_t bucket = pp_bucket_of(list[i].key, bits);

        words[bucket] |= pp_filter_bits(list[i].key);
        starts[bucket]++;
    }
    for (size_t i = 0; i < n_buckets; i++) {
        starts[i + 1] += starts[i];
    }
    /* From where each bucket ends to where it starts. */
    for (size_t i = n; i > 0; i--) {
        slots[--starts[pp_bucket_of(list[i - 1].key, bits)]] = list[i - 1];
    }
}

/* As many grams in a row as the shortest text has. */
static uint8_t
stride_of(const struct indexer *x, const struct lead *leads, size_t n)
{
    uint32_t stride = PP_STRIDE_MAX;

    for (size_t i = 0; i < n; i++) {
        struct pp_text text = pp_clue_at(x->clues, leads[i].clue)->text;

        stride = MIN(stride, text.n - leads[i].gram + 1);
    }
    return (uint8_t) stride;
}

/* Notes which shapes the texts of 'leads' have. */
static uint32_t
put_shapes(struct indexer *x, const struct lead *leads, size_t n)
{
    uint32_t first = x->b->words.size / sizeof(uint64_t);
    uint64_t *words = ofpbuf_put_zeros(&x->b->words,
                                       PP_SHAPES * sizeof *words);

    for (size_t i = 0; i < n; i++) {
        struct pp_text text = pp_clue_at(x->clues, leads[i].clue)->text;
        struct pp_bytes key = { text_of(x, text), text.n };

        words[pp_shape_word(key)] |= UINT64_C(1) << pp_shape_bit(key);
    }
    return first;
}

/* Makes one table of the 'n' leads at 'leads'. */
static void
put_lookup(struct indexer *x, const struct lead *leads, size_t n, bool is_key)
{
    struct pp_program_lookup lookup = {
        .how = (uint8_t) leads[0].how, .gram = (uint8_t) leads[0].gram,
        .first_shape = PP_NONE,
        .first_slot = x->b->slots.size / sizeof(struct pp_program_slot),
    };
    struct pp_program_slot *list = xcalloc(n * PP_STRIDE_MAX, sizeof *list);
    size_t n_list = 0;

    if (lookup.gram) {
        count_grams(x, leads, n);
        lookup.stride = stride_of(x, leads, n);
    } else if (is_key) {
        lookup.first_shape = put_shapes(x, leads, n);
    }
    for (size_t i = 0; i < n; ) {
        size_t start = i;

        while (i < n && leads[i].clue == leads[start].clue) {
            i++;
        }
        n_list += put_clue(x, leads + start, i - start, &lookup,
                           &list[n_list]);
    }
    if (lookup.how == PP_CLUE_ABOVE || lookup.how == PP_CLUE_BELOW) {
        ofpbuf_put(&x->b->slots, list, n_list * sizeof *list);
        lookup.n_slots = (uint32_t) n_list;
    } else {
        put_slots(x->b, list, n_list, &lookup);
    }
    free(list);
    PP_APPEND(&x->b->lookups, &lookup);
}

/* Makes one column of the 'n' leads at 'leads'. */
static void
put_column(struct indexer *x, struct lead *leads, size_t n)
{
    struct pp_program_column column = {
        .node = pp_build_refer(x->b, leads[0].node),
        .first_lookup = x->b->lookups.size / sizeof(struct pp_program_lookup),
    };

    join_tables(leads, n);
    column.is_key = pp_build_is_key(x->b, leads[0].node,
                                    x->groups[leads[0].group].each);
    for (size_t i = 0; i < n; ) {
        size_t start = i;

        while (i < n && leads[i].gram == leads[start].gram
               && leads[i].how == leads[start].how) {
            i++;
        }
        put_lookup(x, leads + start, i - start, column.is_key);
        column.n_lookups++;
    }
    PP_APPEND(&x->b->columns, &column);
}

/* Makes group 'index' of the leads from '*i' on that are its. */
static void
put_group(struct indexer *x, uint32_t index, size_t *i)
{
    struct pp_builder *b = x->b;
    struct group *g = &x->groups[index];
    struct pp_program_group group = {
        .each = g->each, .scope = g->scope,
        .first_member = b->members.size / sizeof(uint32_t),
        .n_members = g->members.size / sizeof(uint32_t),
        .first_column = b->columns.size / sizeof(struct pp_program_column),
    };

    if (g->members.size) {
        ofpbuf_put(&b->members, g->members.data, g->members.size);
    }
    while (*i < x->n_leads && x->leads[*i].group == index) {
        size_t start = *i;

        while (*i < x->n_leads && x->leads[*i].group == index
               && x->leads[*i].node == x->leads[start].node) {
            ++*i;
        }
        put_column(x, x->leads + start, *i - start);
        group.n_columns++;
    }
    PP_APPEND(&b->groups, &group);
}

/* Numbers the groups so that those for every message come first; returns how
 * many those are. */
static uint32_t
order_groups(struct indexer *x, uint32_t first)
{
    struct group *sorted = xcalloc(x->n_groups + 1, sizeof *sorted);
    uint32_t *number = xcalloc(x->n_groups + 1, sizeof *number);
    uint32_t n = 0, n_roots = 0;

    for (int roots = 1; roots >= 0; roots--) {
        for (size_t i = 0; i < x->n_groups; i++) {
            if ((x->groups[i].key == PP_NONE) == roots) {
                number[i] = n;
                sorted[n++] = x->groups[i];
                n_roots += (uint32_t) roots;
            }
        }
    }
    for (size_t i = 0; i < x->n_leads; i++) {
        struct lead *l = &x->leads[i];

        l->group = number[l->group];
        if (l->lead & PP_LEAD_GROUP) {
            l->lead = PP_LEAD_GROUP
                      | (first + number[l->lead & PP_LEAD_INDEX]);
        }
    }
    free(x->groups);
    free(number);
    x->groups = sorted;
    return n_roots;
}

void
pp_index_event(struct pp_builder *b, uint32_t proxy, unsigned int event,
               const uint32_t *rules, size_t n, struct pp_clues *clues)
{
    struct indexer *x = xzalloc(sizeof *x);
    struct pp_program_event e = {
        .first_group = b->groups.size / sizeof(struct pp_program_group),
    };
    struct ofpbuf found;
    size_t lead = 0;

    x->b = b;
    x->clues = clues;
    x->count_bits = MAX(COUNT_BITS_MIN,
                        MIN(COUNT_BITS_MAX, log2_up(64 * n)));
    x->counts = xmalloc(sizeof *x->counts << x->count_bits);
    pp_clues_clear(clues);
    ofpbuf_init(&found, 0);
    for (size_t i = 0; i < n; i++) {
        pp_clues_count(clues, rules[i]);
    }
    for (size_t i = 0; i < n; i++) {
        add_rule(x, rules[i], &found);
    }
    ofpbuf_uninit(&found);

    e.n_roots = order_groups(x, e.first_group);
    e.n_groups = (uint32_t) x->n_groups;
    if (x->n_leads) {
        qsort(x->leads, x->n_leads, sizeof *x->leads, compare_leads);
    }
    for (uint32_t i = 0; i < x->n_groups; i++) {
        put_group(x, i, &lead);
        ofpbuf_uninit(&x->groups[i].members);
    }
    ((struct pp_program_proxy *) b->proxies_table.data)[proxy].events[event]
        = PP_APPEND(&b->events, &e);
    free(x->groups);
    free(x->leads);
    free(x->counts);
    free(x);
}
