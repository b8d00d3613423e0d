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
#include "patch/pp-build-private.h"
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

uint32_t
pp_build_append(struct ofpbuf *table, const void *item, size_t size)
{
    uint32_t index = (uint32_t) (table->size / size);

    ofpbuf_put(table, item, size);
    return index;
}

struct pp_text
pp_build_text(struct pp_builder *b, const void *s, size_t n)
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

uint32_t
pp_build_node(struct pp_builder *b, const struct pp_node *node)
{
    uint32_t hash = hash_bytes(node, sizeof *node, 0);
    struct known *known;

    HMAP_FOR_EACH_WITH_HASH (known, hmap_node, hash, &b->known_nodes) {
        struct pp_node there = *pp_build_node_at(b, known->index);

        there.shared = 0;
        if (!memcmp(&there, node, sizeof *node)) {
            return known->index;
        }
    }
    known = xmalloc(sizeof *known);
    known->index = PP_APPEND(&b->nodes, node);
    known->n = 0;
    hmap_insert(&b->known_nodes, &known->hmap_node, hash);
    return known->index;
}

uint32_t
pp_build_refer(struct pp_builder *b, uint32_t index)
{
    struct pp_node *node = pp_build_node_at(b, index);

    node->shared += node->shared < 2;
    return index;
}

bool
pp_build_is_key(const struct pp_builder *b, uint32_t index, uint32_t each)
{
    const struct pp_node *node = pp_build_node_at(b, index);
    const struct pp_field *field;

    if (each == PP_NONE || node->op != PP_OP_ELEM
        || node->type != PP_TYPE_BYTES
        || pp_build_node_at(b, each)->op != PP_OP_LIST) {
        return false;
    }
    field = &b->bound[node->proxy]->fields[node->x];
    return field->key && !strcmp(field->elem[node->y].name, field->key);
}

static uint32_t
lower(struct pp_builder *b, const struct pp_expr *e)
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
        if (i < e->n_args && pp_build_node_at(b, node.arg[i])->proxy != 0xff) {
            node.proxy = pp_build_node_at(b, node.arg[i])->proxy;
        }
    }
    if (e->bytes) {
        struct pp_text text = pp_build_text(b, e->bytes, e->n_bytes);

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
        node.imm |= 2;
    }
    return pp_build_node(b, &node);
}

/* The same for a root: arguments are counted only once for each node, when
 * all are there. */
static uint32_t
lower_root(struct pp_builder *b, const struct pp_expr *e)
{
    return e ? pp_build_refer(b, lower(b, e)) : PP_NONE;
}

static void
count_references(struct pp_builder *b)
{
    uint32_t n = b->nodes.size / sizeof(struct pp_node);

    for (uint32_t i = 0; i < n; i++) {
        for (unsigned int j = 0; j < pp_build_node_at(b, i)->n_args; j++) {
            pp_build_refer(b, pp_build_node_at(b, i)->arg[j]);
        }
    }
}

/* Notes which fields the condition 'e' looks at. */
static void
add_captures(struct pp_builder *b, const struct pp_expr *e,
             struct pp_program_rule *rule)
{
    if (rule->n_captures >= PP_RULE_CAPTURES_MAX) {
        return;
    }
    if (e->name && e->type != PP_TYPE_LIST && e->op != PP_OP_PIECE
        && !(e->scopes & ~1u)) {
        const struct pp_program_capture *there = b->captures.data;
        struct pp_program_capture c = {
            .name = pp_build_text(b, e->name, strlen(e->name)),
            .node = pp_build_refer(b, lower(b, e)),
        };

        for (uint32_t i = 0; i < rule->n_captures; i++) {
            if (there[rule->first_capture + i].node == c.node) {
                return;
            }
        }
        PP_APPEND(&b->captures, &c);
        rule->n_captures++;
        return;
    }
    for (unsigned int i = 0; i < e->n_args; i++) {
        add_captures(b, e->arg[i], rule);
    }
}

static void
add_rule(struct pp_builder *b, uint32_t patch, uint32_t number,
         const struct pp_rule *r)
{
    struct pp_program_rule rule;

    memset(&rule, 0, sizeof rule);
    rule.patch = patch;
    rule.number = number;
    rule.event = r->event;
    rule.each = lower_root(b, r->each);
    rule.when = lower_root(b, r->when);
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

        PP_APPEND(&b->headers, &h);
    }
    rule.first_set = b->sets.size / sizeof(struct pp_program_set);
    rule.n_sets = r->n_sets;
    for (size_t i = 0; i < r->n_sets; i++) {
        struct pp_program_set set = {
            b->first_state + r->sets[i].state,
            lower_root(b, r->sets[i].value),
        };

        PP_APPEND(&b->sets, &set);
    }
    rule.first_capture = b->captures.size / sizeof(struct pp_program_capture);
    add_captures(b, r->when, &rule);
    PP_APPEND(&b->rules, &rule);
}

static uint32_t
find_proxy(struct pp_builder *b, const struct pp_proxy *proxy)
{
    for (uint32_t i = 0; b->proxies[i] && i < PP_PROGRAM_PROXIES_MAX; i++) {
        if (b->proxies[i] == proxy) {
            if (b->proxy_index[i] == PP_NONE) {
                struct pp_program_proxy p;

                memset(&p, 0, sizeof p);
                memset(p.events, 0xff, sizeof p.events);
                p.name = pp_build_text(b, proxy->name, strlen(proxy->name));
                p.fingerprint = pp_proxy_fingerprint(proxy);
                b->proxy_index[i] = PP_APPEND(&b->proxies_table, &p);
                b->bound[b->proxy_index[i]] = proxy;
                b->n_proxies++;
            }
            return b->proxy_index[i];
        }
    }
    return PP_NONE;
}

static void
add_param(struct pp_builder *b, const struct pp_param *param)
{
    bool bytes = param->type == PP_TYPE_BYTES;
    struct pp_program_param p;

    memset(&p, 0, sizeof p);
    p.name = pp_build_text(b, param->name, strlen(param->name));
    if (bytes) {
        p.bytes = pp_build_text(b, param->value.bytes,
                                (size_t) param->value.i);
    } else {
        p.value = param->value.i;
    }
    p.min = param->min;
    p.max = param->max;
    p.type = param->type;
    p.word = b->param_words;
    b->param_words += pp_param_words(param->type, param->max);
    PP_APPEND(&b->params, &p);
}

static void
add_states(struct pp_builder *b, const struct pp_patch *patch)
{
    b->first_state = b->states.size / sizeof(struct pp_program_state);
    for (size_t i = 0; i < patch->n_states; i++) {
        const char *name = patch->states[i].name;
        struct pp_program_state s = { .type = patch->states[i].type };

        s.key = pp_hash_bytes(PP_HASH_BASIS, patch->id,
                              strlen(patch->id) + 1);
        s.key = pp_hash_bytes(s.key, name, strlen(name));
        PP_APPEND(&b->states, &s);
    }
}

static bool
add_patch(struct pp_builder *b, uint32_t index, const struct pp_patch *patch)
{
    struct pp_program_patch p;

    b->proxy = find_proxy(b, patch->proxy);
    if (b->proxy == PP_NONE) {
        return false;
    }
    memset(&p, 0, sizeof p);
    p.id = pp_build_text(b, patch->id, strlen(patch->id));
    p.title = pp_build_text(b, patch->title, strlen(patch->title));
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
    PP_APPEND(&b->patches, &p);
    return true;
}

static void
add_events(struct pp_builder *b)
{
    const struct pp_program_patch *patches = b->patches.data;
    const struct pp_program_rule *table = b->rules.data;
    uint32_t n_rules = b->rules.size / sizeof *table;
    uint32_t *rules = xcalloc(n_rules + 1, sizeof *rules);
    struct pp_clues clues;

    pp_clues_init(&clues, b);
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
                pp_index_event(b, proxy, event, rules, n, &clues);
            }
        }
    }
    pp_clues_destroy(&clues);
    free(rules);
}

/* Puts the tables one behind the other. */
static struct pp_program *
assemble(struct pp_builder *b, size_t *size, char **error)
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
        { &head.columns, &b->columns, sizeof(struct pp_program_column) },
        { &head.lookups, &b->lookups, sizeof(struct pp_program_lookup) },
        { &head.words, &b->words, sizeof(uint64_t) },
        { &head.starts, &b->starts, sizeof(uint32_t) },
        { &head.slots, &b->slots, sizeof(struct pp_program_slot) },
        { &head.clues, &b->clues, sizeof(struct pp_program_clue) },
        { &head.members, &b->members, sizeof(uint32_t) },
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
regexes_fit(struct pp_builder *b, char **error)
{
    uint32_t n = b->nodes.size / sizeof(struct pp_node);
    unsigned int n_regexes = 0;

    for (uint32_t i = 0; i < n; i++) {
        n_regexes += pp_build_node_at(b, i)->op == PP_OP_MATCHES;
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
    struct pp_builder b = { .pool = pool, .proxies = proxies };
    struct ofpbuf *tables[] = {
        &b.proxies_table, &b.patches, &b.rules, &b.nodes, &b.headers,
        &b.captures, &b.params, &b.states, &b.sets, &b.events, &b.groups,
        &b.columns, &b.lookups, &b.words, &b.starts, &b.slots, &b.clues,
        &b.members, &b.text,
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
