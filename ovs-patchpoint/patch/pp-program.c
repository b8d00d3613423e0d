/* SPDX-License-Identifier: Apache-2.0 */

/* Compiled patches: the check, and what is looked up; see pp-program.h.
 *
 * In: memory that holds a program.  Out: whether it is sound.  The check runs
 * in the engine before a program is used and in control before it is handed
 * over; owns nothing, allocates nothing. */

#include <config.h>

#include "patch/pp-program.h"

#include <string.h>

#include "patch/pp-func.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-regex.h"
#include "pp-proxy.h"

static uint64_t
hash_fields(uint64_t hash, const struct pp_field *fields)
{
    for (const struct pp_field *f = fields; f && f->name; f++) {
        uint32_t facts[4] = { f->type, f->events, f->editable,
                              f->key_nocase };

        hash = pp_hash_bytes(hash, f->name, strlen(f->name) + 1);
        hash = pp_hash_bytes(hash, facts, sizeof facts);
        if (f->key) {
            hash = pp_hash_bytes(hash, f->key, strlen(f->key) + 1);
        }
        for (const struct pp_field *e = f->elem; e && e->name; e++) {
            uint32_t elem_facts[2] = { e->type, e->editable };

            hash = pp_hash_bytes(hash, e->name, strlen(e->name) + 1);
            hash = pp_hash_bytes(hash, elem_facts, sizeof elem_facts);
        }
    }
    return hash;
}

uint64_t
pp_proxy_fingerprint(const struct pp_proxy *proxy)
{
    uint64_t hash = PP_HASH_BASIS;

    hash = pp_hash_bytes(hash, proxy->name, strlen(proxy->name) + 1);
    for (const struct pp_event *e = proxy->events; e->name; e++) {
        uint8_t dir = e->dir;

        hash = pp_hash_bytes(hash, e->name, strlen(e->name) + 1);
        hash = pp_hash_bytes(hash, &dir, 1);
    }
    return hash_fields(hash, proxy->fields);
}

static unsigned int
count_fields(const struct pp_field *fields)
{
    unsigned int n = 0;

    while (fields && fields[n].name) {
        n++;
    }
    return n;
}

/* The check. */

struct checker {
    const struct pp_program *program;
    const struct pp_proxy *const *proxies;
    const struct pp_proxy *bound[PP_PROGRAM_PROXIES_MAX];
    unsigned int n_regexes;
};

static const struct pp_program_param *
program_params(const struct pp_program *program)
{
    return pp_program_at(program, program->params);
}

static bool
table_fits(const struct pp_program *program, struct pp_table table,
           size_t item)
{
    return (table.off % 8 == 0 && table.off >= sizeof *program
            && table.off <= program->size
            && table.n <= (program->size - table.off) / item);
}

static bool
bytes_fit(const struct pp_program *program, struct pp_text text)
{
    return (text.off < program->text.n
            && text.n < program->text.n - text.off);
}

/* The same with a NUL behind it. */
static bool
text_fits(const struct pp_program *program, struct pp_text text)
{
    const uint8_t *base = pp_program_at(program, program->text);

    return bytes_fit(program, text) && !base[text.off + text.n];
}

static bool
range_fits(uint32_t first, uint32_t n, struct pp_table table)
{
    return first <= table.n && n <= table.n - first;
}

static bool
type_is(char letter, uint8_t type)
{
    switch (letter) {
    case '*':
        return type <= PP_TYPE_VERSION;
    case 'l':
        return type == PP_TYPE_LIST;
    case 'b':
    case 'i':
    case 's':
    case 'v':
    case 'c':
    case 'n':
        return type == pp_func_type(letter);
    default:
        return false;
    }
}

/* The field that a node names, or NULL. */
static const struct pp_field *
node_field(const struct checker *ck, const struct pp_node *node)
{
    const struct pp_proxy *proxy;

    if (node->proxy >= ck->program->proxies.n) {
        return NULL;
    }
    proxy = ck->bound[node->proxy];
    return (node->x < count_fields(proxy->fields)
            ? &proxy->fields[node->x] : NULL);
}

static bool
check_constant(const struct checker *ck, const struct pp_node *node)
{
    const uint8_t *text;

    if (!text_fits(ck->program, (struct pp_text) { node->x, node->y })) {
        return false;
    }
    if (node->op == PP_OP_CLASS) {
        return node->y == 32;
    } else if (node->op == PP_OP_NETS) {
        return pp_nets_check(pp_program_text(ck->program, node->x, node->y));
    }
    if (node->op != PP_OP_SET) {
        return true;
    }
    if (node->type == PP_TYPE_INT) {
        return node->y % 8 == 0;
    }
    if (node->type != PP_TYPE_BYTES) {
        return false;
    }
    text = pp_program_text(ck->program, node->x, node->y).p;
    for (uint32_t off = 0; off < node->y; ) {
        uint32_t n;

        if (node->y - off < sizeof n) {
            return false;
        }
        memcpy(&n, text + off, sizeof n);
        off += sizeof n;
        if (n > node->y - off) {
            return false;
        }
        off += n;
    }
    return true;
}

/* Checks what is particular to the node's operation; its arguments have been
 * checked. */
static bool
check_op(struct checker *ck, const struct pp_node *node)
{
    const struct pp_node *nodes = pp_program_nodes(ck->program);
    const struct pp_node *a = node->n_args ? &nodes[node->arg[0]] : NULL;
    const struct pp_node *b = node->n_args > 1 ? &nodes[node->arg[1]] : NULL;
    const struct pp_field *field;

    switch ((enum pp_op) node->op) {
    case PP_OP_BYTES:
    case PP_OP_CLASS:
    case PP_OP_SET:
    case PP_OP_NETS:
        return check_constant(ck, node);

    case PP_OP_END:
        return node->x < PP_N_ENDS && node->type == pp_end_type(node->x);

    case PP_OP_STATE:
        return (node->x < ck->program->states.n
                && pp_program_states(ck->program)[node->x].type
                   == node->type);

    case PP_OP_PARAM:
        return (node->x < ck->program->params.n
                && program_params(ck->program)[node->x].type == node->type);

    case PP_OP_FIELD:
        field = node_field(ck, node);
        return field && field->type == node->type && !field->elem;

    case PP_OP_LIST:
        field = node_field(ck, node);
        return field && field->type == PP_TYPE_LIST && field->elem;

    case PP_OP_ELEM:
    case PP_OP_FIRST:
    case PP_OP_SELECT:
        field = node_field(ck, node);
        if (!field || field->type != PP_TYPE_LIST
            || node->y >= count_fields(field->elem)) {
            return false;
        }
        if (node->op == PP_OP_SELECT) {
            return (field->elem[node->y].type == a->type
                    && a->type != PP_TYPE_LIST);
        }
        return (field->elem[node->y].type == node->type
                && (node->op == PP_OP_ELEM
                    ? node->imm >= 0 && node->imm < PP_EXPR_SCOPES
                    : a->op == PP_OP_SELECT && a->x == node->x));

    case PP_OP_PIECE:
    case PP_OP_INDEX:
    case PP_OP_COUNT_IF:
    case PP_OP_ANY:
    case PP_OP_ALL:
    case PP_OP_SUM:
        return node->imm >= 0 && node->imm < PP_EXPR_SCOPES;

    case PP_OP_IF:
        b = &nodes[node->arg[2]];
        a = &nodes[node->arg[1]];
        return (a->type == b->type && a->type == node->type
                && a->type != PP_TYPE_LIST);

    case PP_OP_EQ:
    case PP_OP_NE:
        return a->type == b->type && a->type != PP_TYPE_LIST;

    case PP_OP_LT:
    case PP_OP_LE:
    case PP_OP_GT:
    case PP_OP_GE:
        return (a->type == b->type
                && (a->type == PP_TYPE_INT || a->type == PP_TYPE_VERSION));

    case PP_OP_IN:
        return b->op == PP_OP_SET && a->type == b->type;

    case PP_OP_SPLIT:
        return b->op == PP_OP_BYTES && b->y > 0;

    case PP_OP_MATCHES:
        return (text_fits(ck->program, (struct pp_text) { node->x, node->y })
                && node->y <= PP_REGEX_PATTERN_MAX
                && (node->imm == 0 || node->imm == 1)
                && ++ck->n_regexes <= PP_REGEXES_MAX);

    case PP_OP_CALL: {
        const char *types = pp_funcs[node->x].signature + 2;

        for (unsigned int i = 0; i < node->n_args; i++) {
            uint8_t op = nodes[node->arg[i]].op;

            if ((types[i] == 'c') != (op == PP_OP_CLASS)
                || (types[i] == 'n') != (op == PP_OP_NETS)) {
                return false;
            }
        }
        return true;
    }

    case PP_OP_BOOL: case PP_OP_INT: case PP_OP_DATE: case PP_OP_NOT:
    case PP_OP_AND: case PP_OP_OR: case PP_OP_EQ_NOCASE: case PP_OP_ADD:
    case PP_OP_SUB: case PP_OP_MUL: case PP_OP_DIV: case PP_OP_MOD:
    case PP_OP_NEG: case PP_OP_BIT_AND: case PP_OP_BIT_OR: case PP_OP_SHL:
    case PP_OP_SHR: case PP_OP_COUNT:
        return true;

    case PP_N_OPS:
    default:
        return false;
    }
}

static bool
check_node(struct checker *ck, uint32_t index)
{
    const struct pp_node *nodes = pp_program_nodes(ck->program);
    const struct pp_node *node = &nodes[index];
    bool loop = pp_op_is_loop(node->op);
    const char *signature;
    unsigned int scopes = 0;

    if (node->op == PP_OP_CALL) {
        if (node->x >= pp_func_count()) {
            return false;
        }
        signature = pp_funcs[node->x].signature;
    } else {
        signature = pp_op_signature(node->op);
    }
    if (!signature || strlen(signature + 2) != node->n_args
        || node->n_args > PP_EXPR_ARGS_MAX
        || !type_is(signature[0], node->type)
        || node->level >= PP_EXPR_LEVEL_MAX) {
        return false;
    }
    for (unsigned int i = 0; i < node->n_args; i++) {
        const struct pp_node *arg = &nodes[node->arg[i]];

        if (node->arg[i] >= index || arg->level >= node->level
            || !type_is(signature[2 + i], arg->type)
            || (arg->proxy != 0xff && arg->proxy != node->proxy)) {
            return false;
        }
        scopes |= (loop && i == 1 && node->imm >= 0
                   && node->imm < PP_EXPR_SCOPES
                   ? arg->scopes & ~(1u << node->imm) : arg->scopes);
    }
    if (!check_op(ck, node)) {
        return false;
    }
    if (node->op == PP_OP_ELEM || node->op == PP_OP_PIECE
        || node->op == PP_OP_INDEX) {
        scopes = 1u << node->imm;
    }
    return node->scopes == scopes;
}

/* Is 'index' a node of type 'letter' that may be evaluated on messages of
 * proxy 'proxy'?  'optional': PP_NONE will do too. */
static bool
root_is(const struct checker *ck, uint32_t index, char letter, uint32_t proxy,
        bool optional)
{
    const struct pp_node *node;

    if (index == PP_NONE) {
        return optional;
    }
    if (index >= ck->program->nodes.n) {
        return false;
    }
    node = pp_program_nodes(ck->program) + index;
    return (type_is(letter, node->type) && !(node->scopes & ~1u)
            && (node->proxy == 0xff || node->proxy == proxy));
}

/* The same for a gate, which no element may have a say in. */
static bool
gate_is(const struct checker *ck, uint32_t index, uint32_t proxy,
        bool optional)
{
    return (root_is(ck, index, 'b', proxy, optional)
            && (index == PP_NONE
                || !pp_program_nodes(ck->program)[index].scopes));
}

static bool
check_gates(const struct checker *ck, struct pp_program_gates gates,
            uint32_t proxy)
{
    const uint32_t *members = pp_program_at(ck->program,
                                            ck->program->members);

    if (!range_fits(gates.first, gates.n, ck->program->members)) {
        return false;
    }
    for (uint32_t i = 0; i < gates.n; i++) {
        if (!gate_is(ck, members[gates.first + i], proxy, false)) {
            return false;
        }
    }
    return true;
}

static bool
sets_are_sound(const struct checker *ck, const struct pp_program_rule *rule,
               uint32_t proxy)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_set *sets = pp_program_at(program, program->sets);

    if (!range_fits(rule->first_set, rule->n_sets, program->sets)
        || (rule->n_sets && rule->each != PP_NONE)) {
        return false;
    }
    for (uint32_t i = 0; i < rule->n_sets; i++) {
        const struct pp_program_set *set = &sets[rule->first_set + i];

        if (set->state >= program->states.n
            || !root_is(ck, set->node, '*', proxy, false)
            || pp_program_nodes(program)[set->node].type
               != pp_program_states(program)[set->state].type) {
            return false;
        }
    }
    return true;
}

static bool
check_rule(const struct checker *ck, const struct pp_program_rule *rule)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_header *headers;
    const struct pp_program_capture *captures;
    const struct pp_node *nodes = pp_program_nodes(program);
    uint32_t proxy;

    if (rule->patch >= program->patches.n) {
        return false;
    }
    proxy = pp_program_patch(program, rule->patch)->proxy;
    if (rule->event >= 32
        || !root_is(ck, rule->each, 'l', proxy, true)
        || (rule->each != PP_NONE && nodes[rule->each].scopes)
        || !root_is(ck, rule->when, 'b', proxy, false)
        || !gate_is(ck, rule->gate, proxy, true)
        || !root_is(ck, rule->target, '*', proxy, true)
        || !root_is(ck, rule->with, '*', proxy, true)
        || !root_is(ck, rule->low, 'i', proxy, true)
        || !root_is(ck, rule->high, 'i', proxy, true)
        || rule->form >= PP_N_FORMS
        || !root_is(ck, rule->reason, 's', proxy, true)
        || !root_is(ck, rule->body, 's', proxy, true)
        || rule->n_headers > PP_REPLY_HEADERS_MAX
        || rule->n_captures > PP_RULE_CAPTURES_MAX
        || !range_fits(rule->first_header, rule->n_headers, program->headers)
        || !range_fits(rule->first_capture, rule->n_captures,
                       program->captures)
        || !sets_are_sound(ck, rule, proxy)
        || rule->kind > PP_CORRECT_SET) {
        return false;
    }
    switch ((enum pp_correct_kind) rule->kind) {
    case PP_CORRECT_REPLACE:
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
        if (rule->target == PP_NONE
            || !root_is(ck, rule->with, 's', proxy, false)) {
            return false;
        }
        break;
    case PP_CORRECT_TRUNCATE:
        if (rule->target == PP_NONE
            || !root_is(ck, rule->with, 'i', proxy, false)) {
            return false;
        }
        break;
    case PP_CORRECT_CLAMP:
        if (rule->target == PP_NONE) {
            return false;
        }
        break;
    case PP_CORRECT_DELETE:
        if (rule->target == PP_NONE
            && (rule->each == PP_NONE
                || nodes[rule->each].op == PP_OP_SPLIT)) {
            return false;
        }
        break;
    case PP_CORRECT_REJECT:
    case PP_CORRECT_CLOSE:
    case PP_CORRECT_DROP:
    case PP_CORRECT_SET:
    default:
        break;
    }
    if (rule->target != PP_NONE) {
        uint8_t op = nodes[rule->target].op;

        if (op != PP_OP_FIELD && op != PP_OP_ELEM && op != PP_OP_FIRST
            && op != PP_OP_SELECT) {
            return false;
        }
    }
    headers = pp_program_at(program, program->headers);
    for (uint32_t i = 0; i < rule->n_headers; i++) {
        const struct pp_program_header *h = &headers[rule->first_header + i];

        if (!root_is(ck, h->name, 's', proxy, false)
            || !root_is(ck, h->value, 's', proxy, false)) {
            return false;
        }
    }
    captures = pp_program_at(program, program->captures);
    for (uint32_t i = 0; i < rule->n_captures; i++) {
        const struct pp_program_capture *c
            = &captures[rule->first_capture + i];

        if (!text_fits(program, c->name)
            || !root_is(ck, c->node, '*', proxy, false)
            || nodes[c->node].type == PP_TYPE_LIST) {
            return false;
        }
    }
    return true;
}

/* Are the 'n' members from 'first' rules of 'proxy' and 'event' that are
 * tried on 'each'? */
static bool
check_members(const struct checker *ck, uint32_t first, uint32_t n,
              uint32_t proxy, uint32_t event, uint32_t each)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_rule *rules = pp_program_rules(program);
    const uint32_t *members = pp_program_at(program, program->members);

    if (!range_fits(first, n, program->members)) {
        return false;
    }
    for (uint32_t i = first; i < first + n; i++) {
        const struct pp_program_rule *rule = &rules[members[i]];

        if (members[i] >= program->rules.n || rule->event != event
            || rule->each != each
            || pp_program_patch(program, rule->patch)->proxy != proxy) {
            return false;
        }
    }
    return true;
}

static bool
check_guard(const struct checker *ck, const struct pp_program_guard *guard,
            uint32_t proxy, uint32_t event, uint32_t each)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_select *selects
        = pp_program_at(program, program->selects);
    const uint32_t *slots = pp_program_at(program, program->slots);
    bool has_free = false;

    if (!root_is(ck, guard->node, 's', proxy, false)
        || !check_gates(ck, guard->gates, proxy)
        || !guard->n_slots || guard->n_slots & (guard->n_slots - 1)
        || !range_fits(guard->first_slot, guard->n_slots, program->slots)) {
        return false;
    }
    for (uint32_t i = 0; i < guard->n_slots; i++) {
        uint32_t slot = slots[guard->first_slot + i];

        if (slot == PP_NONE) {
            has_free = true;
        } else if (slot >= program->selects.n
                   || !bytes_fit(program, selects[slot].text)
                   || !check_members(ck, selects[slot].first_member,
                                     selects[slot].n_members, proxy, event,
                                     each)) {
            return false;
        }
    }
    return has_free;
}

static bool
check_event(const struct checker *ck, uint32_t index, uint32_t proxy,
            uint32_t event)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_event *e
        = (const struct pp_program_event *)
          pp_program_at(program, program->events) + index;
    const struct pp_program_group *groups
        = pp_program_at(program, program->groups);
    const struct pp_program_guard *guards
        = pp_program_at(program, program->guards);

    if (index >= program->events.n
        || !range_fits(e->first_group, e->n_groups, program->groups)) {
        return false;
    }
    for (uint32_t i = e->first_group; i < e->first_group + e->n_groups; i++) {
        const struct pp_program_group *g = &groups[i];

        if (!root_is(ck, g->each, 'l', proxy, true)
            || !check_gates(ck, g->gates, proxy)
            || !check_members(ck, g->first_member, g->n_members, proxy, event,
                              g->each)
            || !range_fits(g->first_guard, g->n_guards, program->guards)) {
            return false;
        }
        for (uint32_t j = 0; j < g->n_guards; j++) {
            if (!check_guard(ck, &guards[g->first_guard + j], proxy, event,
                             g->each)) {
                return false;
            }
        }
    }
    return true;
}

static const char *
check_proxies(struct checker *ck)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_proxy *table
        = pp_program_at(program, program->proxies);

    for (uint32_t i = 0; i < program->proxies.n; i++) {
        const struct pp_program_proxy *p = &table[i];
        const char *name;

        if (!text_fits(program, p->name)) {
            return "a proxy's name is out of bounds";
        }
        name = (const char *) pp_program_text(program, p->name.off, 0).p;
        for (size_t j = 0; ck->proxies[j]; j++) {
            if (!strcmp(ck->proxies[j]->name, name)) {
                ck->bound[i] = ck->proxies[j];
            }
        }
        if (!ck->bound[i]) {
            return "it has patches for a proxy that is not here";
        }
        if (pp_proxy_fingerprint(ck->bound[i]) != p->fingerprint) {
            return "it was built for another version of a proxy's fields";
        }
    }
    return NULL;
}

static const char *
check_patches(const struct pp_program *program)
{
    for (uint32_t i = 0; i < program->patches.n; i++) {
        const struct pp_program_patch *p = pp_program_patch(program, i);

        if (!text_fits(program, p->id) || !text_fits(program, p->title)
            || p->proxy >= program->proxies.n
            || !range_fits(p->first_rule, p->n_rules, program->rules)
            || !range_fits(p->first_param, p->n_params, program->params)) {
            return "a patch is out of bounds";
        }
    }
    return NULL;
}

static const char *
check_declared(const struct pp_program *program)
{
    for (uint32_t i = 0; i < program->params.n; i++) {
        const struct pp_program_param *p = &program_params(program)[i];
        uint64_t end;

        if (p->type == PP_TYPE_BYTES) {
            if (p->min < 0 || p->max > PP_PARAM_BYTES_MAX
                || !bytes_fit(program, p->bytes) || p->bytes.n < p->min
                || p->bytes.n > p->max) {
                return "a parameter is not sound";
            }
        } else if ((p->type != PP_TYPE_INT && p->type != PP_TYPE_BOOL)
                   || p->value < p->min || p->value > p->max) {
            return "a parameter is not sound";
        }
        end = (uint64_t) p->word + pp_param_words(p->type, p->max);
        if (!text_fits(program, p->name) || end > program->param_words) {
            return "a parameter is out of bounds";
        }
    }
    for (uint32_t i = 0; i < program->states.n; i++) {
        uint32_t type = pp_program_states(program)[i].type;

        if (type != PP_TYPE_INT && type != PP_TYPE_BOOL) {
            return "a state is not sound";
        }
    }
    return (program->param_words <= PP_PROGRAM_MAX / 8 ? NULL
            : "the parameters are too large");
}

const char *
pp_program_check(const void *blob, size_t size,
                 const struct pp_proxy *const *proxies)
{
    const struct pp_program *program = blob;
    struct checker ck = { .program = program, .proxies = proxies };
    const struct pp_program_proxy *table;
    const char *error;

    if (size < sizeof *program || (uintptr_t) blob % 8
        || program->magic != PP_PROGRAM_MAGIC) {
        return "this is no program";
    }
    if (program->version != PP_PROGRAM_VERSION
        || program->functions != pp_func_fingerprint()) {
        return "it was built by another version";
    }
    if (program->size != size || size > PP_PROGRAM_MAX) {
        return "its size is wrong";
    }
    if (!table_fits(program, program->proxies, sizeof *table)
        || !table_fits(program, program->patches,
                       sizeof(struct pp_program_patch))
        || !table_fits(program, program->rules,
                       sizeof(struct pp_program_rule))
        || !table_fits(program, program->nodes, sizeof(struct pp_node))
        || !table_fits(program, program->headers,
                       sizeof(struct pp_program_header))
        || !table_fits(program, program->captures,
                       sizeof(struct pp_program_capture))
        || !table_fits(program, program->params,
                       sizeof(struct pp_program_param))
        || !table_fits(program, program->states,
                       sizeof(struct pp_program_state))
        || !table_fits(program, program->sets, sizeof(struct pp_program_set))
        || !table_fits(program, program->events,
                       sizeof(struct pp_program_event))
        || !table_fits(program, program->groups,
                       sizeof(struct pp_program_group))
        || !table_fits(program, program->guards,
                       sizeof(struct pp_program_guard))
        || !table_fits(program, program->slots, sizeof(uint32_t))
        || !table_fits(program, program->members, sizeof(uint32_t))
        || !table_fits(program, program->selects,
                       sizeof(struct pp_program_select))
        || !table_fits(program, program->text, 1)
        || program->proxies.n > PP_PROGRAM_PROXIES_MAX) {
        return "a table is out of bounds";
    }
    error = check_proxies(&ck);
    error = error ? error : check_patches(program);
    error = error ? error : check_declared(program);
    if (error) {
        return error;
    }
    for (uint32_t i = 0; i < program->nodes.n; i++) {
        if (!check_node(&ck, i)) {
            return "an expression is not sound";
        }
    }
    for (uint32_t i = 0; i < program->rules.n; i++) {
        if (!check_rule(&ck, &pp_program_rules(program)[i])) {
            return "a rule is not sound";
        }
    }
    table = pp_program_at(program, program->proxies);
    for (uint32_t i = 0; i < program->proxies.n; i++) {
        for (uint32_t j = 0; j < 32; j++) {
            if (table[i].events[j] != PP_NONE
                && !check_event(&ck, table[i].events[j], i, j)) {
                return "the table of an event's rules is not sound";
            }
        }
    }
    return NULL;
}

uint32_t
pp_program_find_proxy(const struct pp_program *program, const char *name)
{
    const struct pp_program_proxy *table
        = pp_program_at(program, program->proxies);

    for (uint32_t i = 0; i < program->proxies.n; i++) {
        if (!strcmp((const char *)
                    pp_program_text(program, table[i].name.off, 0).p, name)) {
            return i;
        }
    }
    return PP_NONE;
}

uint32_t
pp_program_find_patch(const struct pp_program *program, const char *id)
{
    uint32_t low = 0, high = program->patches.n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int cmp = strcmp(pp_program_patch_id(program, mid), id);

        if (!cmp) {
            return mid;
        } else if (cmp < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return PP_NONE;
}

/* Patch sets. */

static uint32_t
set_words(const struct pp_program *program)
{
    return program->patches.n ? (program->patches.n + 63) / 64 : 1;
}

size_t
pp_patchset_size(const struct pp_program *program)
{
    return (sizeof(struct pp_patchset)
            + 8 * (2 * (size_t) set_words(program) + program->proxies.n
                   + program->param_words));
}

/* The first word of parameters. */
static size_t
param_base(const struct pp_patchset *set)
{
    return 2 * (size_t) set->words + set->n_proxies;
}

void
pp_patchset_init(struct pp_patchset *set, const struct pp_program *program)
{
    size_t size = pp_patchset_size(program);

    memset(set, 0, size);
    set->n_patches = program->patches.n;
    set->words = set_words(program);
    set->n_proxies = program->proxies.n;
    set->size = (uint32_t) size;
    for (uint32_t i = 0; i < program->params.n; i++) {
        const struct pp_program_param *p = &program_params(program)[i];
        uint64_t *words = set->data + param_base(set) + p->word;

        *words = (p->type == PP_TYPE_BYTES ? p->bytes.n : (uint64_t) p->value);
        if (p->type == PP_TYPE_BYTES) {
            memcpy(words + 1, pp_program_text(program, p->bytes.off, 0).p,
                   p->bytes.n);
        }
    }
}

void
pp_patchset_set_param(struct pp_patchset *set,
                      const struct pp_program *program, uint32_t patch,
                      uint32_t param, const struct pp_param_value *value)
{
    const struct pp_program_patch *p = pp_program_patch(program, patch);
    uint64_t *words = set->data + param_base(set);

    words += program_params(program)[p->first_param + param].word;
    *words = (uint64_t) value->i;
    if (program_params(program)[p->first_param + param].type
        == PP_TYPE_BYTES) {
        memcpy(words + 1, value->bytes, (size_t) value->i);
    }
}

struct pp_value
pp_patchset_param(const struct pp_patchset *set,
                  const struct pp_program *program, uint32_t param)
{
    const struct pp_program_param *p = &program_params(program)[param];
    const uint64_t *words = set->data + param_base(set) + p->word;

    return (p->type == PP_TYPE_BYTES ? pp_value_bytes(words + 1, *words)
            : p->type == PP_TYPE_BOOL ? pp_value_bool(*words)
            : pp_value_int((int64_t) *words));
}

/* Sets how patch 'patch' is in force. */
void
pp_patchset_set(struct pp_patchset *set, const struct pp_program *program,
                uint32_t patch, enum pp_patch_mode mode)
{
    uint64_t *enforce = set->data;
    uint64_t *monitor = enforce + set->words;
    uint64_t *wants = monitor + set->words;
    uint64_t bit = UINT64_C(1) << (patch % 64);

    if (patch >= set->n_patches) {
        return;
    }
    enforce[patch / 64] &= ~bit;
    monitor[patch / 64] &= ~bit;
    if (mode == PP_MODE_ENFORCE) {
        enforce[patch / 64] |= bit;
    } else if (mode == PP_MODE_MONITOR) {
        monitor[patch / 64] |= bit;
    }
    memset(wants, 0, set->n_proxies * sizeof *wants);
    for (uint32_t i = 0; i < set->n_patches; i++) {
        if (pp_patchset_mode(set, i) != PP_MODE_OFF) {
            const struct pp_program_patch *p = pp_program_patch(program, i);

            wants[p->proxy] |= p->events;
        }
    }
}

const char *
pp_patchset_check(const struct pp_patchset *set, size_t size,
                  const struct pp_program *program)
{
    if (size < sizeof *set || (uintptr_t) set % 8
        || set->size > size || set->size != pp_patchset_size(program)
        || set->n_patches != program->patches.n
        || set->words != set_words(program)
        || set->n_proxies != program->proxies.n) {
        return "it is no set of this program's patches";
    }
    for (uint32_t i = 0; i < program->params.n; i++) {
        const struct pp_program_param *p = &program_params(program)[i];
        int64_t value = (int64_t) set->data[param_base(set) + p->word];

        if (value < p->min || value > p->max) {
            return "a parameter's value is out of range";
        }
    }
    return NULL;
}
