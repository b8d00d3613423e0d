/* SPDX-License-Identifier: Apache-2.0 */

/* The check of compiled patches; see pp-program.h.
 *
 * In: memory that holds a program.  Out: whether it is sound.  Runs in the
 * engine before a program is used and in control before it is handed over;
 * owns nothing, allocates nothing. */

#include <config.h>

#include "patch/pp-program.h"

#include <string.h>

#include "patch/pp-func.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-regex.h"
#include "pp-proxy.h"

static unsigned int
count_fields(const struct pp_field *fields)
{
    unsigned int n = 0;

    while (fields && fields[n].name) {
        n++;
    }
    return n;
}

struct checker {
    const struct pp_program *program;
    const struct pp_proxy *const *proxies;
    const struct pp_proxy *bound[PP_PROGRAM_PROXIES_MAX];
    unsigned int n_fields[PP_PROGRAM_PROXIES_MAX];
    unsigned int n_regexes;
};

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
    return (node->x < ck->n_fields[node->proxy]
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
                && pp_program_params(ck->program)[node->x].type == node->type);

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

/* The index. */

/* Where in the index one is. */
struct place {
    uint32_t proxy, event;
    const struct pp_program_event *e;
    const struct pp_program_group *group;
};

/* Does 'slot', of 'c' and with a gram of 'gram' bytes, tell the right place,
 * and the right bytes next to the gram? */
static bool
check_gram(const struct pp_program *program, const struct pp_program_clue *c,
           const struct pp_program_slot *slot, uint32_t gram)
{
    uint32_t n = c->text.n;
    uint32_t at = slot->place == PP_SLOT_TAIL ? n - slot->at : slot->at;
    uint32_t next = slot->next == PP_SLOT_BEHIND ? at + gram
                    : at - PP_SLOT_MORE;

    return (slot->at <= n && gram <= n - at
            && slot->place == (c->how == PP_CLUE_HEAD ? PP_SLOT_HEAD
                               : c->how == PP_CLUE_TAIL ? PP_SLOT_TAIL
                               : PP_SLOT_ANYWHERE)
            && slot->next <= PP_SLOT_BEFORE
            && (slot->next == PP_SLOT_ALONE
                || (next <= n && n - next >= PP_SLOT_MORE
                    && !memcmp(pp_program_text(program, c->text.off + next,
                                               PP_SLOT_MORE).p, &slot->more,
                               PP_SLOT_MORE))));
}

/* Is 'index' a rule that may be tried there?  'here': on the element. */
static bool
check_member(const struct checker *ck, const struct place *at, uint32_t index,
             bool here)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_rule *rule = &pp_program_rules(program)[index];

    return (index < program->rules.n && rule->event == at->event
            && pp_program_patch(program, rule->patch)->proxy == at->proxy
            && (!here || (at->group->each == rule->each
                          && !at->group->scope)));
}

static bool
check_clue(const struct checker *ck, const struct place *at,
           const struct pp_program_lookup *lookup,
           const struct pp_program_slot *slot)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_clue *c
        = (const struct pp_program_clue *)
          pp_program_at(program, program->clues) + slot->clue;
    const uint32_t *members = pp_program_at(program, program->members);

    if (slot->clue >= program->clues.n || !bytes_fit(program, c->text)
        || !check_gram(program, c, slot, lookup->gram)
        || (lookup->gram ? c->how < PP_CLUE_HEAD || c->how > PP_CLUE_ANYWHERE
            : c->how != lookup->how)
        || !range_fits(c->first_lead, c->n_leads, program->members)) {
        return false;
    }
    for (uint32_t i = 0; i < c->n_leads; i++) {
        uint32_t lead = members[c->first_lead + i];
        uint32_t to = lead & PP_LEAD_INDEX;

        if (lead & PP_LEAD_GROUP
            ? to < at->e->first_group
              || to - at->e->first_group >= at->e->n_groups
            : !check_member(ck, at, to, lead & PP_LEAD_HERE)) {
            return false;
        }
    }
    return true;
}

/* Does a column of type 'type' have tables of this kind? */
static bool
check_how(const struct pp_program_lookup *l, uint8_t type)
{
    switch ((enum pp_clue_how) l->how) {
    case PP_CLUE_WHOLE:
        return type != PP_TYPE_LIST && !l->gram;
    case PP_CLUE_NOCASE:
        return type == PP_TYPE_BYTES && !l->gram;
    case PP_CLUE_HEAD:
    case PP_CLUE_TAIL:
    case PP_CLUE_ANYWHERE:
        return (type == PP_TYPE_BYTES && l->gram
                && (l->gram <= PP_GRAM_SHORT || l->gram == PP_GRAM_LONG)
                && l->stride && l->stride <= PP_STRIDE_MAX);
    case PP_CLUE_ABOVE:
    case PP_CLUE_BELOW:
        return type == PP_TYPE_INT && !l->gram;
    case PP_N_CLUE_HOWS:
    default:
        return false;
    }
}

/* Are filter and buckets of 'l' all there? */
static bool
check_buckets(const struct pp_program *program,
              const struct pp_program_lookup *l)
{
    const uint32_t *starts = (const uint32_t *)
        pp_program_at(program, program->starts) + l->first_start;

    if (!l->bits || l->bits > PP_LOOKUP_BITS_MAX
        || !range_fits(l->first_word, 1u << l->bits, program->words)
        || !range_fits(l->first_start, (1u << l->bits) + 1, program->starts)) {
        return false;
    }
    for (uint32_t i = 0; i < 1u << l->bits; i++) {
        if (starts[i] > starts[i + 1] || starts[i + 1] > l->n_slots) {
            return false;
        }
    }
    return true;
}

static bool
check_lookup(const struct checker *ck, const struct place *at,
             const struct pp_program_lookup *l, uint8_t type, bool is_key)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_slot *slots = pp_program_at(program,
                                                        program->slots);
    bool is_list = l->how == PP_CLUE_ABOVE || l->how == PP_CLUE_BELOW;

    if (!check_how(l, type)
        || (is_key && !l->gram
            && !range_fits(l->first_shape, PP_SHAPES, program->words))
        || !range_fits(l->first_slot, l->n_slots, program->slots)
        || (!is_list && !check_buckets(program, l))) {
        return false;
    }
    for (uint32_t i = 0; i < l->n_slots; i++) {
        if (!check_clue(ck, at, l, &slots[l->first_slot + i])) {
            return false;
        }
    }
    return true;
}

/* Is 'node' the key of the elements of list 'each', all of a field's? */
static bool
is_key(const struct checker *ck, const struct pp_node *node, uint32_t each)
{
    const struct pp_node *list = pp_program_nodes(ck->program) + each;
    const struct pp_field *field = node_field(ck, node);

    return (each != PP_NONE && list->op == PP_OP_LIST && list->x == node->x
            && node->op == PP_OP_ELEM && node->type == PP_TYPE_BYTES
            && field && field->key
            && !strcmp(field->elem[node->y].name, field->key));
}

static bool
check_column(const struct checker *ck, const struct place *at,
             const struct pp_program_column *column)
{
    const struct pp_program *program = ck->program;
    const struct pp_node *node = pp_program_nodes(program) + column->node;
    const struct pp_program_lookup *lookups
        = pp_program_at(program, program->lookups);
    uint8_t scopes = at->group->each == PP_NONE ? 0 : 1 << at->group->scope;

    if (column->node >= program->nodes.n || node->type == PP_TYPE_LIST
        || node->scopes & ~scopes
        || (node->proxy != 0xff && node->proxy != at->proxy)
        || (column->is_key && !is_key(ck, node, at->group->each))
        || !range_fits(column->first_lookup, column->n_lookups,
                       program->lookups)) {
        return false;
    }
    for (uint32_t i = 0; i < column->n_lookups; i++) {
        if (!check_lookup(ck, at, &lookups[column->first_lookup + i],
                          node->type, column->is_key)) {
            return false;
        }
    }
    return true;
}

static bool
check_group(const struct checker *ck, struct place at)
{
    const struct pp_program *program = ck->program;
    const struct pp_program_group *g = at.group;
    const struct pp_program_column *columns
        = pp_program_at(program, program->columns);
    const uint32_t *members = pp_program_at(program, program->members);

    if (!root_is(ck, g->each, 'l', at.proxy, true)
        || (g->each != PP_NONE && pp_program_nodes(program)[g->each].scopes)
        || g->scope >= PP_EXPR_SCOPES
        || g->n_members > program->rules.n
        || !range_fits(g->first_member, g->n_members, program->members)
        || !range_fits(g->first_column, g->n_columns, program->columns)) {
        return false;
    }
    for (uint32_t i = 0; i < g->n_members; i++) {
        if (!check_member(ck, &at, members[g->first_member + i], true)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < g->n_columns; i++) {
        if (!check_column(ck, &at, &columns[g->first_column + i])) {
            return false;
        }
    }
    return true;
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

    if (index >= program->events.n || e->n_roots > e->n_groups
        || !range_fits(e->first_group, e->n_groups, program->groups)) {
        return false;
    }
    for (uint32_t i = e->first_group; i < e->first_group + e->n_groups; i++) {
        if (!check_group(ck, (struct place) { proxy, event, e, &groups[i] })) {
            return false;
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
        ck->n_fields[i] = count_fields(ck->bound[i]->fields);
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
        const struct pp_program_param *p = &pp_program_params(program)[i];
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
        || !table_fits(program, program->columns,
                       sizeof(struct pp_program_column))
        || !table_fits(program, program->lookups,
                       sizeof(struct pp_program_lookup))
        || !table_fits(program, program->words, sizeof(uint64_t))
        || !table_fits(program, program->starts, sizeof(uint32_t))
        || !table_fits(program, program->slots,
                       sizeof(struct pp_program_slot))
        || !table_fits(program, program->clues,
                       sizeof(struct pp_program_clue))
        || !table_fits(program, program->members, sizeof(uint32_t))
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
                return "the index of an event's rules is not sound";
            }
        }
    }
    return NULL;
}
