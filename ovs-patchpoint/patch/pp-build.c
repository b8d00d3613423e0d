/* SPDX-License-Identifier: Apache-2.0 */

/* Compiling a pool into a program; see pp-program.h.
 *
 * In: the checked patches of a pool.  Out: one flat piece of memory.  Runs in
 * control and in the tools, never in the engine; owns the tables it is
 * putting together. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/ofpbuf.h"
#include "patch/pp-func.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "patch/pp-regex.h"
#include "pp-proxy.h"
#include "util.h"

/* Finds equal nodes and equal texts. */
struct known {
    struct hmap_node hmap_node;
    uint32_t index;
    uint32_t n;                 /* Texts: length. */
};

/* A rule's guard while tables are made. */
struct guard_text {
    uint32_t node;
    bool nocase;
    struct pp_text text;
};

#define GUARD_TEXTS_MAX 64

struct builder {
    const struct pp_pool *pool;
    const struct pp_proxy *const *proxies;
    uint32_t proxy_index[PP_PROGRAM_PROXIES_MAX];   /* By 'proxies'. */
    uint32_t n_proxies;
    uint32_t proxy;             /* Of the patch at hand. */

    uint32_t first_param;       /* Of the patch at hand. */
    uint32_t first_state;       /* The same. */
    uint32_t param_words;

    struct ofpbuf proxies_table, patches, rules, nodes, headers, captures;
    struct ofpbuf params, states, sets;
    struct ofpbuf events, groups, guards, slots, members, selects, text;
    struct hmap known_nodes, known_texts;
};

/* Appends one item of 'size' bytes; returns its index. */
static uint32_t
append(struct ofpbuf *table, const void *item, size_t size)
{
    uint32_t index = (uint32_t) (table->size / size);

    ofpbuf_put(table, item, size);
    return index;
}

#define APPEND(TABLE, ITEM) append(TABLE, ITEM, sizeof *(ITEM))

static struct pp_node *
node_at(struct builder *b, uint32_t index)
{
    return (struct pp_node *) b->nodes.data + index;
}

static struct pp_text
add_text(struct builder *b, const void *s, size_t n)
{
    uint32_t hash = hash_bytes(s, n, 0);
    struct known *known;

    HMAP_FOR_EACH_WITH_HASH (known, hmap_node, hash, &b->known_texts) {
        if (known->n == n
            && !memcmp((char *) b->text.data + known->index, s, n)) {
            return (struct pp_text) { known->index, known->n };
        }
    }
    known = xmalloc(sizeof *known);
    known->index = b->text.size;
    known->n = (uint32_t) n;
    hmap_insert(&b->known_texts, &known->hmap_node, hash);
    ofpbuf_put(&b->text, s, n);
    ofpbuf_put(&b->text, "", 1);
    return (struct pp_text) { known->index, known->n };
}

/* Puts 'node' into the graph; returns the index of the one that is equal, or
 * its own. */
static uint32_t
add_node(struct builder *b, const struct pp_node *node)
{
    uint32_t hash = hash_bytes(node, sizeof *node, 0);
    struct known *known;

    HMAP_FOR_EACH_WITH_HASH (known, hmap_node, hash, &b->known_nodes) {
        struct pp_node there = *node_at(b, known->index);

        there.shared = 0;
        if (!memcmp(&there, node, sizeof *node)) {
            return known->index;
        }
    }
    known = xmalloc(sizeof *known);
    known->index = APPEND(&b->nodes, node);
    known->n = 0;
    hmap_insert(&b->known_nodes, &known->hmap_node, hash);
    return known->index;
}

/* Counts one more place that looks at node 'index'. */
static uint32_t
refer(struct builder *b, uint32_t index)
{
    struct pp_node *node = node_at(b, index);

    node->shared += node->shared < 2;
    return index;
}

static uint32_t
lower(struct builder *b, const struct pp_expr *e)
{
    struct pp_node node;

    memset(&node, 0, sizeof node);
    node.op = e->op;
    node.type = e->type;
    node.n_args = e->n_args;
    node.proxy = 0xff;
    node.scopes = e->scopes;
    node.level = e->level;
    node.x = e->x;
    node.y = e->y;
    node.imm = e->imm;
    for (unsigned int i = 0; i < PP_EXPR_ARGS_MAX; i++) {
        node.arg[i] = i < e->n_args ? lower(b, e->arg[i]) : PP_NONE;
        if (i < e->n_args && node_at(b, node.arg[i])->proxy != 0xff) {
            node.proxy = node_at(b, node.arg[i])->proxy;
        }
    }
    if (e->bytes) {
        struct pp_text text = add_text(b, e->bytes, e->n_bytes);

        node.x = text.off;
        node.y = text.n;
    }
    if (e->op == PP_OP_FIELD || e->op == PP_OP_LIST || e->op == PP_OP_ELEM
        || e->op == PP_OP_SELECT || e->op == PP_OP_FIRST) {
        node.proxy = b->proxy;
    }
    if (e->op == PP_OP_PARAM) {
        node.x += b->first_param;
    } else if (e->op == PP_OP_STATE) {
        node.x += b->first_state;
    }
    if (e->op == PP_OP_SELECT && e->arg[0]->op == PP_OP_BYTES) {
        struct pp_bytes key = { e->arg[0]->bytes, e->arg[0]->n_bytes };

        node.imm |= 2 | (int64_t) ((uint64_t) pp_hash_key(key) << 8);
    }
    return add_node(b, &node);
}

/* The same for a root: arguments are counted only once for each node, when
 * all are there. */
static uint32_t
lower_root(struct builder *b, const struct pp_expr *e)
{
    return e ? refer(b, lower(b, e)) : PP_NONE;
}

static void
count_references(struct builder *b)
{
    uint32_t n = b->nodes.size / sizeof(struct pp_node);

    for (uint32_t i = 0; i < n; i++) {
        for (unsigned int j = 0; j < node_at(b, i)->n_args; j++) {
            refer(b, node_at(b, i)->arg[j]);
        }
    }
}

/* Gates. */

/* The conjunction of nodes 'x' and 'y', or 'x' alone where that would be too
 * deep: it is true whenever the whole is. */
static uint32_t
conjunction(struct builder *b, uint32_t x, uint32_t y)
{
    const struct pp_node *left = node_at(b, x);
    const struct pp_node *right = node_at(b, y);
    struct pp_node node;

    memset(&node, 0, sizeof node);
    node.op = PP_OP_AND;
    node.type = PP_TYPE_BOOL;
    node.n_args = 2;
    node.proxy = left->proxy != 0xff ? left->proxy : right->proxy;
    node.level = MAX(left->level, right->level) + 1;
    memset(node.arg, 0xff, sizeof node.arg);
    node.arg[0] = x;
    node.arg[1] = y;
    return node.level < PP_EXPR_LEVEL_MAX ? add_node(b, &node) : x;
}

/* What of the conjunction 'when' depends on no element, or PP_NONE. */
static uint32_t
find_gate(struct builder *b, uint32_t when)
{
    const struct pp_node *node = node_at(b, when);
    uint32_t left, right;

    if (!node->scopes) {
        return when;
    } else if (node->op != PP_OP_AND) {
        return PP_NONE;
    }
    right = node->arg[1];
    left = find_gate(b, node->arg[0]);
    right = find_gate(b, right);
    return (left == PP_NONE ? right
            : right == PP_NONE ? left : conjunction(b, left, right));
}

/* Adds the gates of the 'n' rules at 'rules', 'step' bytes apart: none if one
 * of them has none, or if they are so many that to look at all would cost
 * more than it saves. */
static struct pp_program_gates
add_gates(struct builder *b, const uint32_t *rules, size_t n, size_t step)
{
    const struct pp_program_rule *table = b->rules.data;
    struct pp_program_gates gates = {
        .first = b->members.size / sizeof(uint32_t),
    };
    uint32_t found[PP_GATES_MAX];

    for (size_t i = 0; i < n; i++) {
        const uint32_t *rule = (const void *) ((const char *) rules
                                               + i * step);
        uint32_t gate = table[*rule].gate;
        uint32_t j = 0;

        while (j < gates.n && found[j] != gate) {
            j++;
        }
        if (gate == PP_NONE || j == PP_GATES_MAX) {
            return (struct pp_program_gates) { gates.first, 0 };
        }
        found[j] = gate;
        gates.n = MAX(gates.n, j + 1);
    }
    for (uint32_t i = 0; i < gates.n; i++) {
        APPEND(&b->members, &found[i]);
    }
    return gates;
}

/* Notes which fields the condition 'e' looks at. */
static void
add_captures(struct builder *b, const struct pp_expr *e,
             struct pp_program_rule *rule)
{
    if (rule->n_captures >= PP_RULE_CAPTURES_MAX) {
        return;
    }
    if (e->name && e->type != PP_TYPE_LIST && e->op != PP_OP_PIECE
        && !(e->scopes & ~1u)) {
        const struct pp_program_capture *there = b->captures.data;
        struct pp_program_capture c = {
            .name = add_text(b, e->name, strlen(e->name)),
            .node = refer(b, lower(b, e)),
        };

        for (uint32_t i = 0; i < rule->n_captures; i++) {
            if (there[rule->first_capture + i].node == c.node) {
                return;
            }
        }
        APPEND(&b->captures, &c);
        rule->n_captures++;
        return;
    }
    for (unsigned int i = 0; i < e->n_args; i++) {
        add_captures(b, e->arg[i], rule);
    }
}

static void
add_rule(struct builder *b, uint32_t patch, uint32_t number,
         const struct pp_rule *r)
{
    struct pp_program_rule rule;

    memset(&rule, 0, sizeof rule);
    rule.patch = patch;
    rule.number = number;
    rule.event = r->event;
    rule.each = lower_root(b, r->each);
    rule.when = lower_root(b, r->when);
    rule.gate = rule.each == PP_NONE ? PP_NONE : find_gate(b, rule.when);
    if (rule.gate != PP_NONE) {
        refer(b, rule.gate);    /* The rule looks at it... */
        refer(b, rule.gate);    /* ...and so does its group. */
    }
    rule.kind = r->kind;
    rule.target = lower_root(b, r->target);
    rule.with = lower_root(b, r->with);
    rule.low = lower_root(b, r->low);
    rule.high = lower_root(b, r->high);
    rule.form = r->form;
    rule.reason = lower_root(b, r->reason);
    rule.body = lower_root(b, r->body);
    rule.line = r->line;
    rule.reset = r->reset;
    rule.raw = r->raw;
    rule.close = r->close;
    rule.once = r->once;
    rule.status = r->status;
    rule.first_header = b->headers.size / sizeof(struct pp_program_header);
    rule.n_headers = r->n_headers;
    for (size_t i = 0; i < r->n_headers; i++) {
        struct pp_program_header h = {
            lower_root(b, r->headers[i].name),
            lower_root(b, r->headers[i].value),
        };

        APPEND(&b->headers, &h);
    }
    rule.first_set = b->sets.size / sizeof(struct pp_program_set);
    rule.n_sets = r->n_sets;
    for (size_t i = 0; i < r->n_sets; i++) {
        struct pp_program_set set = {
            b->first_state + r->sets[i].state,
            lower_root(b, r->sets[i].value),
        };

        APPEND(&b->sets, &set);
    }
    rule.first_capture = b->captures.size / sizeof(struct pp_program_capture);
    add_captures(b, r->when, &rule);
    APPEND(&b->rules, &rule);
}

static uint32_t
find_proxy(struct builder *b, const struct pp_proxy *proxy)
{
    for (uint32_t i = 0; b->proxies[i] && i < PP_PROGRAM_PROXIES_MAX; i++) {
        if (b->proxies[i] == proxy) {
            if (b->proxy_index[i] == PP_NONE) {
                struct pp_program_proxy p;

                memset(&p, 0, sizeof p);
                memset(p.events, 0xff, sizeof p.events);
                p.name = add_text(b, proxy->name, strlen(proxy->name));
                p.fingerprint = pp_proxy_fingerprint(proxy);
                b->proxy_index[i] = APPEND(&b->proxies_table, &p);
                b->n_proxies++;
            }
            return b->proxy_index[i];
        }
    }
    return PP_NONE;
}

static void
add_param(struct builder *b, const struct pp_param *param)
{
    bool bytes = param->type == PP_TYPE_BYTES;
    struct pp_program_param p;

    memset(&p, 0, sizeof p);
    p.name = add_text(b, param->name, strlen(param->name));
    if (bytes) {
        p.bytes = add_text(b, param->value.bytes, (size_t) param->value.i);
    } else {
        p.value = param->value.i;
    }
    p.min = param->min;
    p.max = param->max;
    p.type = param->type;
    p.word = b->param_words;
    b->param_words += pp_param_words(param->type, param->max);
    APPEND(&b->params, &p);
}

static void
add_states(struct builder *b, const struct pp_patch *patch)
{
    b->first_state = b->states.size / sizeof(struct pp_program_state);
    for (size_t i = 0; i < patch->n_states; i++) {
        const char *name = patch->states[i].name;
        struct pp_program_state s = { .type = patch->states[i].type };

        s.key = pp_hash_bytes(PP_HASH_BASIS, patch->id,
                              strlen(patch->id) + 1);
        s.key = pp_hash_bytes(s.key, name, strlen(name));
        APPEND(&b->states, &s);
    }
}

static bool
add_patch(struct builder *b, uint32_t index, const struct pp_patch *patch)
{
    struct pp_program_patch p;

    b->proxy = find_proxy(b, patch->proxy);
    if (b->proxy == PP_NONE) {
        return false;
    }
    memset(&p, 0, sizeof p);
    p.id = add_text(b, patch->id, strlen(patch->id));
    p.title = add_text(b, patch->title, strlen(patch->title));
    p.proxy = b->proxy;
    p.first_rule = b->rules.size / sizeof(struct pp_program_rule);
    p.n_rules = patch->n_rules;
    p.first_param = b->params.size / sizeof(struct pp_program_param);
    p.n_params = patch->n_params;
    b->first_param = p.first_param;
    for (size_t i = 0; i < patch->n_params; i++) {
        add_param(b, &patch->params[i]);
    }
    add_states(b, patch);
    for (size_t i = 0; i < patch->n_rules; i++) {
        add_rule(b, index, i, &patch->rules[i]);
        p.events |= UINT32_C(1) << patch->rules[i].event;
    }
    APPEND(&b->patches, &p);
    return true;
}

/* Guards. */

/* The text at 'off', so that equal ones are one: in the text table once, and
 * in lower case if 'nocase'. */
static struct pp_text
canonical(struct builder *b, uint32_t off, uint32_t n, bool nocase)
{
    uint8_t *copy = xmemdup((char *) b->text.data + off, n + 1);
    struct pp_text text;

    for (uint32_t i = 0; nocase && i < n; i++) {
        copy[i] = pp_ascii_lower(copy[i]);
    }
    text = add_text(b, copy, n);
    free(copy);
    return text;
}

/* Adds what 'texts' must be compared with so that 'when' can be true; false
 * if nothing of the kind is known.  'texts' has room for GUARD_TEXTS_MAX. */
static bool
find_guard(struct builder *b, uint32_t when, struct guard_text *texts,
           size_t *n)
{
    const struct pp_node *node = node_at(b, when);
    const struct pp_node *right;
    size_t start = *n;

    switch ((enum pp_op) node->op) {
    case PP_OP_EQ:
    case PP_OP_EQ_NOCASE:
        right = node_at(b, node->arg[1]);
        if (right->op != PP_OP_BYTES || *n == GUARD_TEXTS_MAX) {
            return false;
        }
        texts[(*n)++] = (struct guard_text) {
            .node = node->arg[0],
            .nocase = node->op == PP_OP_EQ_NOCASE,
            .text = canonical(b, right->x, right->y,
                              node->op == PP_OP_EQ_NOCASE),
        };
        return true;

    case PP_OP_IN:
        right = node_at(b, node->arg[1]);
        if (right->type != PP_TYPE_BYTES) {
            return false;
        }
        for (uint32_t off = 0; off < right->y; ) {
            uint32_t length;

            if (*n == GUARD_TEXTS_MAX) {
                *n = start;
                return false;
            }
            memcpy(&length, (char *) b->text.data + right->x + off,
                   sizeof length);
            off += sizeof length;
            texts[(*n)++] = (struct guard_text) {
                .node = node->arg[0],
                .text = canonical(b, right->x + off, length, false),
            };
            off += length;
        }
        return true;

    case PP_OP_AND:
        return (find_guard(b, node->arg[0], texts, n)
                || find_guard(b, node->arg[1], texts, n));

    case PP_OP_OR:
        if (find_guard(b, node->arg[0], texts, n)
            && find_guard(b, node->arg[1], texts, n)) {
            for (size_t i = start + 1; ; i++) {
                if (i == *n) {
                    return true;
                }
                if (texts[i].node != texts[start].node
                    || texts[i].nocase != texts[start].nocase) {
                    break;
                }
            }
        }
        *n = start;
        return false;

    case PP_OP_BOOL: case PP_OP_INT: case PP_OP_BYTES: case PP_OP_CLASS:
    case PP_OP_SET: case PP_OP_NETS: case PP_OP_DATE: case PP_OP_END:
    case PP_OP_STATE: case PP_OP_PARAM: case PP_OP_FIELD: case PP_OP_LIST:
    case PP_OP_ELEM: case PP_OP_PIECE: case PP_OP_INDEX: case PP_OP_SELECT:
    case PP_OP_FIRST: case PP_OP_SPLIT: case PP_OP_NOT: case PP_OP_IF:
    case PP_OP_NE: case PP_OP_LT: case PP_OP_LE: case PP_OP_GT: case PP_OP_GE:
    case PP_OP_ADD: case PP_OP_SUB: case PP_OP_MUL: case PP_OP_DIV:
    case PP_OP_MOD: case PP_OP_NEG: case PP_OP_BIT_AND: case PP_OP_BIT_OR:
    case PP_OP_SHL: case PP_OP_SHR: case PP_OP_ANY: case PP_OP_ALL:
    case PP_OP_COUNT_IF: case PP_OP_SUM: case PP_OP_COUNT: case PP_OP_CALL:
    case PP_OP_MATCHES:
    case PP_N_OPS:
    default:
        return false;
    }
}

/* One text that leads to one rule. */
struct lead {
    uint32_t node;
    uint32_t nocase;
    struct pp_text text;
    uint32_t rule;
};

static int
compare_leads(const void *a_, const void *b_)
{
    const struct lead *a = a_;
    const struct lead *b = b_;

    return (a->node != b->node ? (a->node < b->node ? -1 : 1)
            : a->nocase != b->nocase ? (a->nocase < b->nocase ? -1 : 1)
            : a->text.off != b->text.off ? (a->text.off < b->text.off ? -1 : 1)
            : a->text.n != b->text.n ? (a->text.n < b->text.n ? -1 : 1)
            : a->rule < b->rule ? -1 : a->rule > b->rule);
}

static uint64_t
hash_text(const struct builder *b, struct pp_text text, bool nocase)
{
    const char *s = (const char *) b->text.data + text.off;

    return (nocase ? pp_hash_bytes_nocase(PP_HASH_BASIS, s, text.n)
            : pp_hash_bytes(PP_HASH_BASIS, s, text.n));
}

/* Makes one guard of the 'n' leads over one node. */
static void
add_guard(struct builder *b, const struct lead *leads, size_t n)
{
    struct pp_program_gates gates = add_gates(b, &leads[0].rule, n,
                                              sizeof *leads);
    struct pp_program_guard guard = {
        .node = refer(b, leads[0].node),
        .nocase = leads[0].nocase,
        .gates = gates,
        .first_slot = b->slots.size / sizeof(uint32_t),
        .n_slots = 2,
    };
    uint32_t *slots;

    while (guard.n_slots < 2 * n) {
        guard.n_slots *= 2;
    }
    slots = ofpbuf_put_uninit(&b->slots, guard.n_slots * sizeof *slots);
    memset(slots, 0xff, guard.n_slots * sizeof *slots);
    for (size_t i = 0; i < n; ) {
        struct pp_program_select select = {
            .text = leads[i].text,
            .first_member = b->members.size / sizeof(uint32_t),
        };
        uint32_t last = PP_NONE;
        uint64_t slot;

        for (; (i < n && leads[i].text.off == select.text.off
                && leads[i].text.n == select.text.n); i++) {
            if (leads[i].rule != last) {
                last = leads[i].rule;
                APPEND(&b->members, &last);
                select.n_members++;
            }
        }
        slot = hash_text(b, select.text, guard.nocase) & (guard.n_slots - 1);
        while (slots[slot] != PP_NONE) {
            slot = (slot + 1) & (guard.n_slots - 1);
        }
        slots[slot] = APPEND(&b->selects, &select);
    }
    APPEND(&b->guards, &guard);
}

/* Makes one group of the 'n' rules at 'rules', which share 'each'. */
static void
add_group(struct builder *b, const uint32_t *rules, size_t n)
{
    const struct pp_program_rule *table = b->rules.data;
    struct guard_text texts[GUARD_TEXTS_MAX];
    struct pp_program_gates gates = add_gates(b, rules, n, sizeof *rules);
    struct pp_program_group group = {
        .each = table[rules[0]].each,
        .gates = gates,
        .first_member = b->members.size / sizeof(uint32_t),
        .first_guard = b->guards.size / sizeof(struct pp_program_guard),
    };
    struct lead *leads = NULL;
    size_t n_leads = 0, allocated = 0;

    for (size_t i = 0; i < n; i++) {
        size_t n_texts = 0;

        if (!find_guard(b, table[rules[i]].when, texts, &n_texts)) {
            APPEND(&b->members, &rules[i]);
            group.n_members++;
            continue;
        }
        for (size_t j = 0; j < n_texts; j++) {
            if (n_leads == allocated) {
                leads = x2nrealloc(leads, &allocated, sizeof *leads);
            }
            leads[n_leads++] = (struct lead) {
                texts[j].node, texts[j].nocase, texts[j].text, rules[i],
            };
        }
    }
    if (n_leads) {
        qsort(leads, n_leads, sizeof *leads, compare_leads);
    }
    for (size_t i = 0; i < n_leads; ) {
        size_t start = i;

        while (i < n_leads && leads[i].node == leads[start].node
               && leads[i].nocase == leads[start].nocase) {
            i++;
        }
        add_guard(b, leads + start, i - start);
        group.n_guards++;
    }
    free(leads);
    APPEND(&b->groups, &group);
}

static const struct builder *sorting;

static int
compare_rules(const void *a_, const void *b_)
{
    const struct pp_program_rule *rules = sorting->rules.data;
    const uint32_t *a = a_;
    const uint32_t *b = b_;
    uint32_t x = rules[*a].each + 1;    /* PP_NONE comes first. */
    uint32_t y = rules[*b].each + 1;

    return x != y ? (x < y ? -1 : 1) : *a < *b ? -1 : *a > *b;
}

/* Makes the groups of one event. */
static void
add_event(struct builder *b, uint32_t proxy, unsigned int event,
          uint32_t *rules, size_t n)
{
    const struct pp_program_rule *table = b->rules.data;
    struct pp_program_event e = {
        .first_group = b->groups.size / sizeof(struct pp_program_group),
    };

    sorting = b;
    qsort(rules, n, sizeof *rules, compare_rules);
    for (size_t i = 0; i < n; ) {
        size_t start = i;

        while (i < n && table[rules[i]].each == table[rules[start]].each) {
            i++;
        }
        add_group(b, rules + start, i - start);
        e.n_groups++;
    }
    ((struct pp_program_proxy *) b->proxies_table.data)[proxy].events[event]
        = APPEND(&b->events, &e);
}

static void
add_events(struct builder *b)
{
    const struct pp_program_patch *patches = b->patches.data;
    const struct pp_program_rule *table = b->rules.data;
    uint32_t n_rules = b->rules.size / sizeof *table;
    uint32_t *rules = xcalloc(n_rules + 1, sizeof *rules);

    for (uint32_t proxy = 0; proxy < b->n_proxies; proxy++) {
        for (unsigned int event = 0; event < 32; event++) {
            size_t n = 0;

            for (uint32_t i = 0; i < n_rules; i++) {
                if (patches[table[i].patch].proxy == proxy
                    && table[i].event == event) {
                    rules[n++] = i;
                }
            }
            if (n) {
                add_event(b, proxy, event, rules, n);
            }
        }
    }
    free(rules);
}

/* Puts the tables one behind the other. */
static struct pp_program *
assemble(struct builder *b, size_t *size, char **error)
{
    struct pp_program head;
    struct {
        struct pp_table *table;
        struct ofpbuf *data;
        size_t item;
    } parts[] = {
        { &head.proxies, &b->proxies_table, sizeof(struct pp_program_proxy) },
        { &head.patches, &b->patches, sizeof(struct pp_program_patch) },
        { &head.rules, &b->rules, sizeof(struct pp_program_rule) },
        { &head.nodes, &b->nodes, sizeof(struct pp_node) },
        { &head.headers, &b->headers, sizeof(struct pp_program_header) },
        { &head.captures, &b->captures, sizeof(struct pp_program_capture) },
        { &head.params, &b->params, sizeof(struct pp_program_param) },
        { &head.states, &b->states, sizeof(struct pp_program_state) },
        { &head.sets, &b->sets, sizeof(struct pp_program_set) },
        { &head.events, &b->events, sizeof(struct pp_program_event) },
        { &head.groups, &b->groups, sizeof(struct pp_program_group) },
        { &head.guards, &b->guards, sizeof(struct pp_program_guard) },
        { &head.slots, &b->slots, sizeof(uint32_t) },
        { &head.members, &b->members, sizeof(uint32_t) },
        { &head.selects, &b->selects, sizeof(struct pp_program_select) },
        { &head.text, &b->text, 1 },
    };
    struct pp_program *program;
    size_t at = ROUND_UP(sizeof head, 8);

    memset(&head, 0, sizeof head);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        parts[i].table->off = at;
        parts[i].table->n = parts[i].data->size / parts[i].item;
        at += ROUND_UP(parts[i].data->size, 8);
        if (at > PP_PROGRAM_MAX) {
            *error = xasprintf("the compiled patches take more than %u bytes",
                               PP_PROGRAM_MAX);
            return NULL;
        }
    }
    head.magic = PP_PROGRAM_MAGIC;
    head.version = PP_PROGRAM_VERSION;
    head.functions = pp_func_fingerprint();
    head.size = at;
    head.param_words = b->param_words;
    program = xzalloc(at);
    memcpy(program, &head, sizeof head);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (parts[i].data->size) {
            memcpy((char *) program + parts[i].table->off,
                   parts[i].data->data, parts[i].data->size);
        }
    }
    *size = at;
    return program;
}

/* Are there no more regular expressions than an engine will compile? */
static bool
regexes_fit(struct builder *b, char **error)
{
    uint32_t n = b->nodes.size / sizeof(struct pp_node);
    unsigned int n_regexes = 0;

    for (uint32_t i = 0; i < n; i++) {
        n_regexes += node_at(b, i)->op == PP_OP_MATCHES;
    }
    if (n_regexes > PP_REGEXES_MAX) {
        *error = xasprintf("the patches have %u regular expressions; at most "
                           "%d are allowed", n_regexes, PP_REGEXES_MAX);
    }
    return n_regexes <= PP_REGEXES_MAX;
}

static void
destroy_known(struct hmap *map)
{
    struct known *known;

    HMAP_FOR_EACH_POP (known, hmap_node, map) {
        free(known);
    }
    hmap_destroy(map);
}

struct pp_program *
pp_program_build(const struct pp_pool *pool,
                 const struct pp_proxy *const *proxies, size_t *size,
                 char **error)
{
    struct builder b = { .pool = pool, .proxies = proxies };
    struct ofpbuf *tables[] = {
        &b.proxies_table, &b.patches, &b.rules, &b.nodes, &b.headers,
        &b.captures, &b.params, &b.states, &b.sets, &b.events, &b.groups,
        &b.guards, &b.slots, &b.members, &b.selects, &b.text,
    };
    struct pp_program *program = NULL;
    bool ok = true;

    *error = NULL;
    memset(b.proxy_index, 0xff, sizeof b.proxy_index);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        ofpbuf_init(tables[i], 0);
    }
    hmap_init(&b.known_nodes);
    hmap_init(&b.known_texts);
    for (size_t i = 0; ok && i < pool->n; i++) {
        ok = add_patch(&b, i, pool->patches[i]);
        if (!ok) {
            *error = xasprintf("%s: its proxy '%s' is not among the proxies",
                               pool->patches[i]->id,
                               pool->patches[i]->proxy->name);
        }
    }
    if (ok && regexes_fit(&b, error)) {
        count_references(&b);
        add_events(&b);
        program = assemble(&b, size, error);
    }
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        ofpbuf_uninit(tables[i]);
    }
    destroy_known(&b.known_nodes);
    destroy_known(&b.known_texts);
    return program;
}
