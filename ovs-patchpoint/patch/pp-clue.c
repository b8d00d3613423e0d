/* SPDX-License-Identifier: Apache-2.0 */

/* Finding the clues of conditions; see pp-build-private.h.
 *
 * In: the conditions of the rules of one event.  Out: for each, the clues by
 * which it is best looked up.  Of "and" either side has them, of "or" both
 * together; "not" turns the two around; what holds for some element of a list
 * has clues on the elements.  Which are best is reckoned by how seldom a clue
 * is so, and by how many rules share the work of looking for it.
 *
 * Runs in control and in the tools, when a program is built; owns the
 * clues. */

#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "patch/pp-build-private.h"
#include "patch/pp-func.h"
#include "pp-proxy.h"
#include "util.h"

/* Elements that a list is reckoned with. */
#define LIST_LENGTH 8

/* Keys whose absence is tried on a condition. */
#define KEYS_MAX 8

struct known {
    struct hmap_node hmap_node;
    uint32_t index;
    uint32_t column[4];         /* Columns: what they are of. */
};

void
pp_clues_init(struct pp_clues *c, struct pp_builder *b)
{
    memset(c, 0, sizeof *c);
    c->b = b;
    c->starts_with = pp_func_by_name("starts_with", 11);
    c->ends_with = pp_func_by_name("ends_with", 9);
    c->contains = pp_func_by_name("contains", 8);
    ofpbuf_init(&c->list, 0);
    ofpbuf_init(&c->columns, 0);
    hmap_init(&c->known_clues);
    hmap_init(&c->known_columns);
    pp_fold_init(&c->fold, b);
}

void
pp_clues_clear(struct pp_clues *c)
{
    struct known *known;

    HMAP_FOR_EACH_POP (known, hmap_node, &c->known_clues) {
        free(known);
    }
    HMAP_FOR_EACH_POP (known, hmap_node, &c->known_columns) {
        free(known);
    }
    ofpbuf_clear(&c->list);
    ofpbuf_clear(&c->columns);
}

void
pp_clues_destroy(struct pp_clues *c)
{
    pp_clues_clear(c);
    hmap_destroy(&c->known_clues);
    hmap_destroy(&c->known_columns);
    ofpbuf_uninit(&c->list);
    ofpbuf_uninit(&c->columns);
    pp_fold_destroy(&c->fold);
}

static const struct pp_node *
node_at(const struct pp_clues *c, uint32_t index)
{
    return pp_build_node_at(c->b, index);
}

/* True if node 'index' cannot be true without elements of 'list'. */
static bool
needs(struct pp_clues *c, uint32_t index, uint32_t list)
{
    struct pp_value value;

    return pp_fold(&c->fold, index, list, &value) && !value.b;
}

/* Adds to 'keys' the lists with a constant key that node 'index' looks at. */
static void
find_keys(struct pp_clues *c, uint32_t index, uint32_t keys[KEYS_MAX],
          size_t *n)
{
    const struct pp_node *node = node_at(c, index);

    if (node->op == PP_OP_SELECT && node->imm & 2 && *n < KEYS_MAX) {
        for (size_t i = 0; i < *n; i++) {
            if (keys[i] == index) {
                return;
            }
        }
        keys[(*n)++] = index;
    }
    for (unsigned int i = 0; i < node->n_args; i++) {
        find_keys(c, node_at(c, index)->arg[i], keys, n);
    }
}

/* The clues there are. */

/* The number of the column that 'clue' is in. */
static uint32_t
column_of(struct pp_clues *c, const struct pp_clue *clue)
{
    uint32_t column[4] = { clue->each, clue->scope, clue->node, clue->key };
    uint32_t hash = hash_bytes(column, sizeof column, 0);
    uint32_t none = 0;
    struct known *known;

    HMAP_FOR_EACH_WITH_HASH (known, hmap_node, hash, &c->known_columns) {
        if (!memcmp(known->column, column, sizeof column)) {
            return known->index;
        }
    }
    known = xzalloc(sizeof *known);
    known->index = PP_APPEND(&c->columns, &none);
    memcpy(known->column, column, sizeof column);
    hmap_insert(&c->known_columns, &known->hmap_node, hash);
    return known->index;
}

/* The index of the clue that equals 'clue', which has no counts yet. */
static uint32_t
intern(struct pp_clues *c, struct pp_clue *clue)
{
    uint32_t hash = hash_bytes(clue, sizeof *clue, 0);
    struct known *known;

    HMAP_FOR_EACH_WITH_HASH (known, hmap_node, hash, &c->known_clues) {
        struct pp_clue there = *pp_clue_at(c, known->index);

        there.n_rules = there.column = there.counted = 0;
        if (!memcmp(&there, clue, sizeof there)) {
            return known->index;
        }
    }
    clue->column = column_of(c, clue);
    known = xzalloc(sizeof *known);
    known->index = PP_APPEND(&c->list, clue);
    hmap_insert(&c->known_clues, &known->hmap_node, hash);
    return known->index;
}

/* The text 's'; in lower case if 'nocase', so that equal ones are one. */
static struct pp_text
canonical(struct pp_clues *c, struct pp_bytes s, bool nocase)
{
    uint8_t *copy = xmemdup(s.n ? s.p : (const uint8_t *) "", s.n + 1);
    struct pp_text text;

    for (size_t i = 0; nocase && i < s.n; i++) {
        copy[i] = pp_ascii_lower(copy[i]);
    }
    text = pp_build_text(c->b, copy, s.n);
    free(copy);
    return text;
}

uint32_t
pp_clue_of_key(struct pp_clues *c, uint32_t list)
{
    struct pp_node select = *node_at(c, list), node;
    const struct pp_proxy *proxy;
    struct pp_clue clue;
    bool nocase = select.imm & 1;

    if (select.op != PP_OP_SELECT || !(select.imm & 2)
        || node_at(c, select.arg[0])->type != PP_TYPE_BYTES) {
        return PP_NONE;
    }
    memset(&clue, 0, sizeof clue);
    memset(&node, 0, sizeof node);
    memset(node.arg, 0xff, sizeof node.arg);
    node.proxy = select.proxy;
    node.x = select.x;
    node.op = PP_OP_LIST;
    node.type = PP_TYPE_LIST;
    clue.each = pp_build_node(c->b, &node);

    /* As any() would have it. */
    proxy = c->b->bound[select.proxy];
    node.op = PP_OP_ELEM;
    node.type = (uint8_t) proxy->fields[select.x].elem[select.y].type;
    node.y = select.y;
    node.imm = clue.scope = 1;
    node.scopes = 1 << 1;
    clue.node = pp_build_node(c->b, &node);
    clue.how = nocase ? PP_CLUE_NOCASE : PP_CLUE_WHOLE;
    clue.text = canonical(
        c, pp_build_bytes(c->b, node_at(c, select.arg[0])), nocase);
    clue.key = PP_NONE;
    return intern(c, &clue);
}

/* What it costs to look a rule up by clues.  1 is what it costs to try a
 * condition. */

/* Looking a value up... */
#define LOOK_UP 1.5

/* ...and an element's key, with its part of making the list. */
#define LOOK_UP_KEY 0.25

/* Making a list for a condition that is tried. */
#define MAKE_LIST 1

/* Is 'clue' about an element's key as a whole? */
static bool
is_of_key(const struct pp_clues *c, const struct pp_clue *clue)
{
    return ((clue->how == PP_CLUE_WHOLE || clue->how == PP_CLUE_NOCASE)
            && pp_build_is_key(c->b, clue->node, clue->each));
}

/* How often a clue is so. */
static double
likelihood(const struct pp_clues *c, const struct pp_clue *clue)
{
    const struct pp_node *node = node_at(c, clue->node);
    double n = MIN(clue->text.n, 10);

    switch ((enum pp_clue_how) clue->how) {
    case PP_CLUE_WHOLE:
    case PP_CLUE_NOCASE:
        /* Fields of type bool tell of what is unusual. */
        return (node->type == PP_TYPE_BOOL && node->op == PP_OP_FIELD
                ? (clue->imm ? 0.05 : 0.95)
                : node->type != PP_TYPE_BYTES ? 0.3
                : is_of_key(c, clue) ? 0.03
                : node->op == PP_OP_ELEM ? 0.1
                : exp2(-2 - n));
    case PP_CLUE_HEAD:
        return exp2(-1 - n);
    case PP_CLUE_TAIL:
    case PP_CLUE_ANYWHERE:
        return exp2(-n);
    case PP_CLUE_ABOVE:
        /* Most elements are behind the first ones. */
        return (node->op == PP_OP_INDEX ? 0.9
                : clue->imm >= 64 ? 0.05 : 0.3);
    case PP_CLUE_BELOW:
        return 0.3;
    case PP_N_CLUE_HOWS:
    default:
        OVS_NOT_REACHED();
    }
}

/* How many functions are called to work node 'index' out; a search for a
 * regular expression counts for many, and a loop for what it does on each
 * element. */
static double
effort(const struct pp_clues *c, uint32_t index)
{
    const struct pp_node *node = node_at(c, index);
    double sum = 0;

    for (unsigned int i = 0; i < node->n_args; i++) {
        sum += effort(c, node->arg[i]);
    }
    switch (node->op) {
    case PP_OP_CALL:
        return sum + 1;
    case PP_OP_MATCHES:
        return sum + 20;
    case PP_OP_ANY:
    case PP_OP_ALL:
    case PP_OP_COUNT_IF:
    case PP_OP_SUM:
        return (sum + 1) * LIST_LENGTH;
    default:
        return sum;
    }
}

/* What looking for clue 'index' adds to a message's cost.  A rule that it
 * leads to is tried on 'tries' elements. */
static double
price(const struct pp_clues *c, uint32_t index, double tries)
{
    const struct pp_clue *clue = pp_clue_at(c, index);
    const uint32_t *columns = c->columns.data;
    double sharers = MAX(columns[clue->column], 1);
    double once = (is_of_key(c, clue) ? LOOK_UP_KEY
                   : LOOK_UP + effort(c, clue->node));
    double cost = (once / sharers
                   + likelihood(c, clue) * tries * MAX(clue->n_rules, 1));

    if (clue->each != PP_NONE) {
        cost *= clue->key == PP_NONE ? LIST_LENGTH : 1;
    }
    if (clue->key != PP_NONE) {
        const struct pp_clue *key = pp_clue_at(c, clue->key);

        cost = (cost * likelihood(c, key)
                + LOOK_UP_KEY * LIST_LENGTH / MAX(columns[key->column], 1));
    }
    return cost;
}

static void
count(struct pp_clues *c, uint32_t index)
{
    struct pp_clue *clue = (struct pp_clue *) c->list.data + index;

    if (clue->counted != c->rule + 1) {
        clue->counted = c->rule + 1;
        clue->n_rules++;
        ((uint32_t *) c->columns.data)[clue->column]++;
    }
}

/* Finding them.  Each function adds the best clues for something to 'found'
 * and returns their price; INFINITY: there are none. */

/* Is 'clue' so for the value 'v'? */
static bool
is_so(const struct pp_clues *c, const struct pp_clue *clue,
      const struct pp_value *v)
{
    struct pp_bytes text = {
        (const uint8_t *) c->b->text.data + clue->text.off, clue->text.n,
    };
    bool fits = v->type == PP_TYPE_BYTES && v->s.n >= text.n;

    switch ((enum pp_clue_how) clue->how) {
    case PP_CLUE_WHOLE:
        return (v->type == PP_TYPE_BYTES ? pp_bytes_equal(v->s, text)
                : v->type == PP_TYPE_INT ? v->i == clue->imm
                : v->b == clue->imm);
    case PP_CLUE_NOCASE:
        return pp_bytes_equal_nocase(v->s, text);
    case PP_CLUE_HEAD:
        return fits && !memcmp(v->s.p, text.p, text.n);
    case PP_CLUE_TAIL:
        return fits && !memcmp(v->s.p + v->s.n - text.n, text.p, text.n);
    case PP_CLUE_ANYWHERE:
        return pp_bytes_find(v->s, text) != SIZE_MAX;
    case PP_CLUE_ABOVE:
        return v->i > clue->imm;
    case PP_CLUE_BELOW:
        return v->i < clue->imm;
    case PP_N_CLUE_HOWS:
    default:
        OVS_NOT_REACHED();
    }
}

/* The clue without which 'clue', one on the message, cannot be so, or
 * PP_NONE. */
static uint32_t
find_key(struct pp_clues *c, const struct pp_clue *clue)
{
    uint32_t keys[KEYS_MAX];
    struct pp_value value;
    size_t n = 0;

    find_keys(c, clue->node, keys, &n);
    for (size_t i = 0; i < n; i++) {
        if (pp_fold(&c->fold, clue->node, keys[i], &value)
            && !is_so(c, clue, &value)) {
            return pp_clue_of_key(c, keys[i]);
        }
    }
    return PP_NONE;
}

/* That 'clue' is so, of which the list, the scope and the key are yet to be
 * filled in. */
static double
take(struct pp_clues *c, struct pp_clue *clue, struct ofpbuf *found)
{
    unsigned int scopes = node_at(c, clue->node)->scopes;
    double tries, cost;
    uint32_t best;

    clue->each = clue->key = PP_NONE;
    if (scopes & (scopes - 1)) {
        return INFINITY;
    } else if (scopes) {
        clue->scope = 31 - (uint32_t) __builtin_clz(scopes);
        clue->each = c->lists[clue->scope];
        if (clue->each == PP_NONE) {
            return INFINITY;
        }
        clue->key = pp_clue_of_key(c, clue->each);
    } else {
        clue->key = find_key(c, clue);
    }
    best = intern(c, clue);
    if (c->counting) {
        count(c, best);
        if (clue->key != PP_NONE) {
            count(c, clue->key);
        }
    }
    tries = (c->lists[0] == PP_NONE || (scopes && !clue->scope)
             ? 1 : LIST_LENGTH);
    cost = price(c, best, tries);
    if (clue->key != PP_NONE && price(c, clue->key, tries) <= cost) {
        best = clue->key;
        cost = price(c, best, tries);
    }
    ofpbuf_put(found, &best, sizeof best);
    return cost;
}

/* A clue over node 'node' with nothing else in it. */
static struct pp_clue
clue_over(uint32_t node, enum pp_clue_how how)
{
    struct pp_clue clue;

    memset(&clue, 0, sizeof clue);
    clue.node = node;
    clue.how = how;
    return clue;
}

/* That node 'node', a condition, is 'wanted', without looking into it. */
static double
take_whole(struct pp_clues *c, uint32_t node, bool wanted,
           struct ofpbuf *found)
{
    struct pp_clue clue = clue_over(node, PP_CLUE_WHOLE);

    clue.imm = wanted;
    return take(c, &clue, found);
}

/* That one side of the comparison 'node' equals the other, a constant. */
static double
take_equal(struct pp_clues *c, const struct pp_node *node,
           struct ofpbuf *found)
{
    bool left = node_at(c, node->arg[0])->op < PP_OP_SET;
    const struct pp_node *constant = node_at(c, node->arg[!left]);
    bool nocase = node->op == PP_OP_EQ_NOCASE;
    struct pp_clue clue = clue_over(node->arg[left],
                                    nocase ? PP_CLUE_NOCASE : PP_CLUE_WHOLE);

    if (constant->op == PP_OP_BYTES) {
        clue.text = canonical(c, pp_build_bytes(c->b, constant), nocase);
    } else if (constant->op == PP_OP_INT || constant->op == PP_OP_BOOL) {
        clue.imm = constant->imm;
    } else {
        return INFINITY;
    }
    return take(c, &clue, found);
}

/* That something is in a set. */
static double
take_in(struct pp_clues *c, const struct pp_node *node, struct ofpbuf *found)
{
    struct pp_node set = *node_at(c, node->arg[1]);
    double cost = 0;

    for (uint32_t off = 0; off < set.y; ) {
        const uint8_t *p = pp_build_bytes(c->b, &set).p + off;
        struct pp_clue clue = clue_over(node->arg[0], PP_CLUE_WHOLE);

        if (set.type == PP_TYPE_INT) {
            memcpy(&clue.imm, p, sizeof clue.imm);
            off += sizeof clue.imm;
        } else {
            uint32_t n;

            memcpy(&n, p, sizeof n);
            clue.text = canonical(
                c, (struct pp_bytes) { p + sizeof n, n }, false);
            off += sizeof n + n;
        }
        cost += take(c, &clue, found);
    }
    return cost;
}

/* An order of integers that is 'wanted' or not; one side is a constant. */
static double
take_order(struct pp_clues *c, const struct pp_node *node, bool wanted,
           struct ofpbuf *found)
{
    bool left = node_at(c, node->arg[0])->op == PP_OP_INT;
    int64_t imm = node_at(c, node->arg[!left])->imm;
    bool above = (node->op == PP_OP_GT || node->op == PP_OP_GE) == wanted;
    bool equal = (node->op == PP_OP_GE || node->op == PP_OP_LE) == wanted;
    struct pp_clue clue;

    if (left == (node_at(c, node->arg[1])->op == PP_OP_INT)) {
        return INFINITY;
    }
    above = above != left;
    if (equal && imm == (above ? INT64_MIN : INT64_MAX)) {
        return INFINITY;
    }
    clue = clue_over(node->arg[left], above ? PP_CLUE_ABOVE : PP_CLUE_BELOW);
    clue.imm = equal ? (above ? imm - 1 : imm + 1) : imm;
    return take(c, &clue, found);
}

/* A function that looks for a constant text. */
static double
take_call(struct pp_clues *c, const struct pp_node *node,
          struct ofpbuf *found)
{
    int function = (int) node->x;
    struct pp_clue clue;

    if ((function != c->starts_with && function != c->ends_with
         && function != c->contains)
        || node_at(c, node->arg[1])->op != PP_OP_BYTES
        || !node_at(c, node->arg[1])->y) {
        return INFINITY;
    }
    clue = clue_over(node->arg[0],
                     function == c->starts_with ? PP_CLUE_HEAD
                     : function == c->ends_with ? PP_CLUE_TAIL
                     : PP_CLUE_ANYWHERE);
    clue.text = canonical(
        c, pp_build_bytes(c->b, node_at(c, node->arg[1])), false);
    return take(c, &clue, found);
}

static double find(struct pp_clues *, uint32_t index, bool wanted,
                   struct ofpbuf *found);

/* Leaves in 'found', from 'start', the cheaper of the clues up to 'middle',
 * which cost 'a', and of those behind, which cost 'b'. */
static double
cheaper(struct ofpbuf *found, uint32_t start, uint32_t middle, double a,
        double b)
{
    char *p = found->data;

    if (a <= b) {
        found->size = middle;
        return a;
    }
    memmove(p + start, p + middle, found->size - middle);
    found->size -= middle - start;
    return b;
}

static double
find_logic(struct pp_clues *c, uint32_t index, bool wanted,
           struct ofpbuf *found)
{
    struct pp_node node = *node_at(c, index);
    bool both = (node.op == PP_OP_AND) == wanted;
    uint32_t start = found->size, middle;
    double a = find(c, node.arg[0], wanted, found), b;

    if (!both && isinf(a)) {
        return a;
    }
    middle = found->size;
    b = find(c, node.arg[1], wanted, found);
    if (both) {
        return cheaper(found, start, middle, a, b);
    } else if (isinf(b)) {
        found->size = start;
    }
    return a + b;
}

/* any(), or all() that is not wanted. */
static double
find_some(struct pp_clues *c, uint32_t index, bool wanted,
          struct ofpbuf *found)
{
    struct pp_node node = *node_at(c, index);
    uint32_t start = found->size, middle, saved = c->lists[node.imm];
    double cost = INFINITY;

    if (!node_at(c, node.arg[0])->scopes) {
        c->lists[node.imm] = node.arg[0];
        cost = find(c, node.arg[1], wanted, found);
        c->lists[node.imm] = saved;
    }
    middle = found->size;
    return cheaper(found, start, middle, cost,
                   take_whole(c, index, wanted, found));
}

/* That node 'index', a condition, is 'wanted'. */
static double
find(struct pp_clues *c, uint32_t index, bool wanted, struct ofpbuf *found)
{
    struct pp_node node = *node_at(c, index);
    double cost = INFINITY;

    switch (node.op) {
    case PP_OP_BOOL:
        return INFINITY;
    case PP_OP_NOT:
        return find(c, node.arg[0], !wanted, found);
    case PP_OP_AND:
    case PP_OP_OR:
        return find_logic(c, index, wanted, found);
    case PP_OP_ANY:
    case PP_OP_ALL:
        if (wanted == (node.op == PP_OP_ANY)) {
            return find_some(c, index, wanted, found);
        }
        break;
    case PP_OP_EQ:
    case PP_OP_NE:
    case PP_OP_EQ_NOCASE:
        if (wanted == (node.op != PP_OP_NE)) {
            cost = take_equal(c, &node, found);
        }
        break;
    case PP_OP_LT:
    case PP_OP_LE:
    case PP_OP_GT:
    case PP_OP_GE:
        cost = take_order(c, &node, wanted, found);
        break;
    case PP_OP_IN:
        if (wanted) {
            cost = take_in(c, &node, found);
        }
        break;
    case PP_OP_CALL:
        if (wanted) {
            cost = take_call(c, &node, found);
        }
        break;
    default:
        break;
    }
    return isinf(cost) ? take_whole(c, index, wanted, found) : cost;
}

/* All that rule 'rule' can be looked up by. */
static double
find_of_rule(struct pp_clues *c, uint32_t rule, struct ofpbuf *found)
{
    const struct pp_program_rule *r
        = (const struct pp_program_rule *) c->b->rules.data + rule;
    uint32_t when = r->when, each = r->each;
    uint32_t keys[KEYS_MAX];
    double tries = each == PP_NONE ? 1 : LIST_LENGTH;
    double cost;
    size_t n = 0;

    c->rule = rule;
    memset(c->lists, 0xff, sizeof c->lists);
    c->lists[0] = each;
    cost = find(c, when, true, found);
    find_keys(c, when, keys, &n);
    if (each != PP_NONE && n < KEYS_MAX) {
        keys[n++] = each;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t key;

        if (keys[i] != each && !needs(c, when, keys[i])) {
            continue;
        }
        key = pp_clue_of_key(c, keys[i]);
        if (key == PP_NONE) {
            continue;
        } else if (c->counting) {
            count(c, key);
        } else if (price(c, key, tries) < cost) {
            cost = price(c, key, tries);
            ofpbuf_clear(found);
            ofpbuf_put(found, &key, sizeof key);
        }
    }
    return cost;
}

void
pp_clues_count(struct pp_clues *c, uint32_t rule)
{
    struct ofpbuf found;

    ofpbuf_init(&found, 0);
    c->counting = true;
    find_of_rule(c, rule, &found);
    ofpbuf_uninit(&found);
}

bool
pp_clues_choose(struct pp_clues *c, uint32_t rule, struct ofpbuf *found)
{
    const struct pp_program_rule *r
        = (const struct pp_program_rule *) c->b->rules.data + rule;
    uint32_t keys[KEYS_MAX];
    size_t n_keys = 0;
    double always, cost;

    ofpbuf_clear(found);
    c->counting = false;
    cost = find_of_rule(c, rule, found);
    find_keys(c, r->when, keys, &n_keys);
    always = ((r->each == PP_NONE ? 1 : LIST_LENGTH)
              + (n_keys ? MAKE_LIST : 0));
    return found->size && cost <= always * 1.5;
}
