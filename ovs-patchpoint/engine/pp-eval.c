/* SPDX-License-Identifier: Apache-2.0 */

/* Evaluation of conditions; see pp-eval.h.
 *
 * In: a checked program, a parsed message.  Out: values.  Runs in the engine,
 * once or more a message, on hostile bytes; owns nothing, allocates nothing:
 * what must be made is in the matcher's arena. */

#include <config.h>

#include "engine/pp-eval.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-state.h"
#include "patch/pp-func.h"
#include "patch/pp-regex.h"
#include "util.h"

/* The generation that a value of node 'node' is good for: that of the
 * innermost element it depends on. */
static inline uint64_t
generation(const struct pp_matcher *m, const struct pp_node *node)
{
    return (node->scopes
            ? m->scope[31 - __builtin_clz(node->scopes)].gen : m->msg_gen);
}

/* Copies by word, as values are written: what was written in two words, the
 * processor cannot hand on to a load of both at once. */
static inline void
copy(struct pp_value *to, const struct pp_value *from)
{
    to->type = from->type;
    if (from->type == PP_TYPE_BYTES) {
        to->s.p = from->s.p;
        to->s.n = from->s.n;
    } else {
        to->i = from->i;
    }
}

static inline void
nothing(uint8_t type, struct pp_value *value)
{
    if (type == PP_TYPE_BOOL) {
        pp_get_bool(false, value);
    } else if (type == PP_TYPE_INT) {
        pp_get_int(0, value);
    } else {
        pp_get_bytes(NULL, 0, value);
    }
}

/* Goes on with 'n' more units of work.  False if that is too much. */
static bool
work(struct pp_matcher *m, uint64_t n)
{
    m->work += n;
    m->failed |= m->work > PP_MATCH_WORK_MAX;
    return !m->failed;
}

/* What the proxy said in 'value'; a wrong type or a failure is nothing. */
static void
got(struct pp_matcher *m, bool ok, uint8_t type, struct pp_value *value)
{
    if (!ok) {
        m->failed = true;
    }
    if (!ok || value->type != type) {
        nothing(type, value);
    }
}

static void
get_elem(struct pp_matcher *m, uint32_t field, uint32_t elem, uint32_t sub,
         uint8_t type, struct pp_value *value)
{
    nothing(type, value);
    got(m, m->msg->proxy->get_elem(m->msg, field, elem, sub, &m->arena,
                                   value), type, value);
}

static bool
in_set(const struct pp_program *program, const struct pp_node *set,
       const struct pp_value *value)
{
    struct pp_bytes text = pp_program_text(program, set->x, set->y);
    size_t off = 0;

    if (set->type == PP_TYPE_INT) {
        for (; off + 8 <= text.n; off += 8) {
            int64_t member;

            memcpy(&member, text.p + off, sizeof member);
            if (member == value->i) {
                return true;
            }
        }
        return false;
    }
    while (off < text.n) {
        struct pp_bytes member;
        uint32_t n;

        memcpy(&n, text.p + off, sizeof n);
        off += sizeof n;
        member = (struct pp_bytes) { text.p + off, n };
        if (pp_bytes_equal(member, value->s)) {
            return true;
        }
        off += n;
    }
    return false;
}

static int64_t
arithmetic(enum pp_op op, int64_t a, int64_t b)
{
    int64_t r;

    if (op == PP_OP_ADD) {
        return (!__builtin_add_overflow(a, b, &r) ? r
                : a < 0 ? INT64_MIN : INT64_MAX);
    } else if (op == PP_OP_SUB) {
        return (!__builtin_sub_overflow(a, b, &r) ? r
                : a < 0 ? INT64_MIN : INT64_MAX);
    } else if (op == PP_OP_MUL) {
        return (!__builtin_mul_overflow(a, b, &r) ? r
                : (a < 0) != (b < 0) ? INT64_MIN : INT64_MAX);
    } else if (op == PP_OP_BIT_AND) {
        return a & b;
    } else if (op == PP_OP_BIT_OR) {
        return a | b;
    } else if (op == PP_OP_SHL) {
        return b > 63 ? 0 : (int64_t) ((uint64_t) a << (b < 0 ? 0 : b));
    } else if (op == PP_OP_SHR) {
        return a >> (b < 0 ? 0 : b > 63 ? 63 : b);
    } else if (!b) {
        return 0;
    } else if (b == -1) {
        return op == PP_OP_MOD ? 0 : a == INT64_MIN ? INT64_MAX : -a;
    } else {
        return op == PP_OP_DIV ? a / b : a % b;
    }
}

/* Lists. */

/* Field 'sub', of type bytes, of the first 'n' elements of list 'field'. */
static bool
get_all(struct pp_matcher *m, uint32_t field, uint32_t sub, uint32_t n,
        struct pp_bytes *values)
{
    const struct pp_proxy *proxy = m->msg->proxy;

    if (proxy->get_all) {
        return proxy->get_all(m->msg, field, sub, n, &m->arena, values);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct pp_value value;

        get_elem(m, field, i, sub, PP_TYPE_BYTES, &value);
        values[i] = value.s;
    }
    return true;
}

const struct pp_keys *
pp_eval_keys(struct pp_matcher *m, uint32_t field, uint32_t sub, uint32_t n)
{
    struct pp_keys *keys;
    struct pp_bytes *values;

    if (field >= PP_KEYS_MAX) {
        return NULL;
    }
    keys = &m->keys[field];
    if (keys->gen == m->msg_gen) {
        return keys;
    }
    values = pp_arena_alloc(&m->arena, n * sizeof *values);
    if (!values || !get_all(m, field, sub, n, values)) {
        m->failed = true;
        return NULL;
    }
    keys->gen = m->msg_gen;
    keys->n = n;
    keys->values = values;
    return keys;
}

/* The number of elements of list field 'field'. */
static uint32_t
list_length(struct pp_matcher *m, uint32_t field)
{
    struct pp_value all;

    pp_get_list(0, &all);
    if (!m->msg->proxy->get(m->msg, field, &m->arena, &all)
        || all.type != PP_TYPE_LIST) {
        m->failed = true;
        return 0;
    }
    return all.count;
}

/* Where in 'keys' from 'i' on the next is that may be 'key'. */
static inline uint32_t
next_key(const struct pp_keys *keys, uint32_t i, struct pp_bytes key)
{
    while (i < keys->n && (keys->values[i].n != key.n
                           || (key.n && ((keys->values[i].p[0] ^ key.p[0])
                                         & ~0x20)))) {
        i++;
    }
    return i;
}

/* Elements of a list whose key equals the argument of 'node'. */
static void
select_elems(struct pp_matcher *m, const struct pp_node *node,
             struct pp_cell *cell)
{
    const struct pp_node *nodes = pp_program_nodes(m->program);
    uint8_t type = nodes[node->arg[0]].type;
    const struct pp_value *key = pp_eval_at(m, node->arg[0]);
    uint32_t count = list_length(m, node->x);
    const struct pp_keys *keys = NULL;
    uint32_t *elems = NULL;
    uint32_t n = 0;

    if (node->imm & 2 && type == PP_TYPE_BYTES) {
        keys = pp_eval_keys(m, node->x, node->y, count);
    }
    if (!work(m, count / 8)) {
        count = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct pp_value v;

        if (!keys) {
            get_elem(m, node->x, i, node->y, type, &v);
        } else {
            i = next_key(keys, i, key->s);
            if (i >= count) {
                break;
            }
            pp_get_bytes(keys->values[i].p, keys->values[i].n, &v);
        }
        if (node->imm & 1 && type == PP_TYPE_BYTES
            ? !pp_bytes_equal_nocase(v.s, key->s) : !pp_value_equal(&v, key)) {
            continue;
        }
        if (!elems) {
            elems = pp_arena_alloc(&m->arena, (count - i) * sizeof *elems);
            if (!elems) {
                m->failed = true;
                break;
            }
        }
        elems[n++] = i;
    }
    pp_get_list(n, &cell->value);
    cell->elems = elems;
}

static void
split(struct pp_matcher *m, const struct pp_node *node, struct pp_cell *cell)
{
    struct pp_bytes x = pp_eval(m, node->arg[0]).s;
    struct pp_bytes separator = pp_eval(m, node->arg[1]).s;
    struct pp_bytes rest = x;
    struct pp_bytes *pieces;
    uint32_t n = 1;
    size_t at;

    cell->value = pp_value_list(0);
    while ((at = pp_bytes_find(rest, separator)) != SIZE_MAX) {
        n++;
        rest.p += at + separator.n;
        rest.n -= at + separator.n;
    }
    if (n > PP_EXPR_SPLIT_MAX
        || !(pieces = pp_arena_alloc(&m->arena, n * sizeof *pieces))) {
        m->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        at = i < n - 1 ? pp_bytes_find(x, separator) : x.n;
        pieces[i] = (struct pp_bytes) { x.p, at };
        if (i < n - 1) {
            x.p += at + separator.n;
            x.n -= at + separator.n;
        }
    }
    cell->value.count = n;
    cell->pieces = pieces;
}

static const struct pp_cell *
make_list(struct pp_matcher *m, const struct pp_node *node,
          struct pp_cell *cell, uint64_t gen)
{
    m->n_evals++;
    cell->elems = NULL;
    cell->pieces = NULL;
    if (node->op == PP_OP_SELECT) {
        select_elems(m, node, cell);
    } else if (node->op == PP_OP_SPLIT) {
        split(m, node, cell);
    } else {
        pp_get_list(list_length(m, node->x), &cell->value);
    }
    cell->gen = gen;
    return cell;
}

const struct pp_cell *
pp_eval_list(struct pp_matcher *m, uint32_t index)
{
    const struct pp_node *node = pp_program_nodes(m->program) + index;
    struct pp_cell *cell = &m->cells[index];
    uint64_t gen = generation(m, node);

    return cell->gen == gen ? cell : make_list(m, node, cell, gen);
}

void
pp_eval_enter_elem(struct pp_matcher *m, unsigned int scope, uint32_t each,
                   uint32_t elem)
{
    const struct pp_node *node = pp_program_nodes(m->program) + each;

    m->scope[scope] = (struct pp_scope) {
        .gen = ++m->gen,
        .field = node->op == PP_OP_SPLIT ? PP_NONE : node->x,
        .elem = elem,
        .pieces = (node->op == PP_OP_SPLIT
                   && elem < pp_eval_list(m, each)->value.count
                   ? pp_eval_list(m, each)->pieces : NULL),
    };
}

uint32_t
pp_eval_enter(struct pp_matcher *m, unsigned int scope,
              const struct pp_node *node, const struct pp_cell *list,
              uint32_t i)
{
    uint32_t elem = list->elems ? list->elems[i] : i;

    m->scope[scope] = (struct pp_scope) {
        .gen = ++m->gen,
        .field = node->op == PP_OP_SPLIT ? PP_NONE : node->x,
        .elem = elem,
        .pieces = list->pieces,
    };
    return elem;
}

/* The value of node 'index', of type bool.  What conditions consist of for
 * the most part is worked out here, without a call for each. */
static bool
eval_bool(struct pp_matcher *m, uint32_t index)
{
    for (;;) {
        const struct pp_node *node = pp_program_nodes(m->program) + index;

        if (node->shared > 1) {
            return pp_eval_at(m, index)->b;
        } else if (node->op == PP_OP_AND) {
            if (!eval_bool(m, node->arg[0])) {
                return false;
            }
        } else if (node->op == PP_OP_OR) {
            if (eval_bool(m, node->arg[0])) {
                return true;
            }
        } else if (node->op == PP_OP_NOT) {
            return !eval_bool(m, node->arg[0]);
        } else {
            return pp_eval_at(m, index)->b;
        }
        index = node->arg[1];
    }
}

static void
sum(struct pp_matcher *m, const struct pp_node *node, struct pp_value *value)
{
    const struct pp_node *nodes = pp_program_nodes(m->program);
    const struct pp_cell *list = pp_eval_list(m, node->arg[0]);
    int64_t total = 0;

    for (uint32_t i = 0; i < list->value.count && work(m, 1); i++) {
        pp_eval_enter(m, (unsigned int) node->imm, &nodes[node->arg[0]],
                      list, i);
        total = arithmetic(PP_OP_ADD, total,
                           pp_eval_at(m, node->arg[1])->i);
    }
    *value = pp_value_int(total);
}

/* any(), all(), count() with a condition. */
static void
loop(struct pp_matcher *m, const struct pp_node *node, struct pp_value *value)
{
    const struct pp_node *nodes = pp_program_nodes(m->program);
    const struct pp_cell *list = pp_eval_list(m, node->arg[0]);
    unsigned int scope = (unsigned int) node->imm;
    int64_t n = 0;

    for (uint32_t i = 0; i < list->value.count && work(m, 1); i++) {
        bool holds;

        pp_eval_enter(m, scope, &nodes[node->arg[0]], list, i);
        holds = eval_bool(m, node->arg[1]);
        if (holds == (node->op == PP_OP_ANY) && node->op != PP_OP_COUNT_IF) {
            *value = pp_value_bool(holds);
            return;
        }
        n += holds;
    }
    *value = (node->op == PP_OP_COUNT_IF ? pp_value_int(n)
              : pp_value_bool(node->op == PP_OP_ALL));
}

static void
call(struct pp_matcher *m, const struct pp_node *node, struct pp_value *value)
{
    struct pp_value args[PP_FUNC_ARGS_MAX];
    uint64_t bytes = 0;

    for (unsigned int i = 0; i < node->n_args; i++) {
        copy(&args[i], pp_eval_at(m, node->arg[i]));
        bytes += args[i].type == PP_TYPE_BYTES ? args[i].s.n : 0;
    }
    nothing(node->type, value);
    if (!work(m, bytes / 64)) {
        return;
    }
    if (!pp_funcs[node->x].run(&m->arena, args, value)) {
        m->failed = true;
        nothing(node->type, value);
    }
}

static void
date(struct pp_matcher *m, struct pp_value *value)
{
    char *s = pp_arena_alloc(&m->arena, PP_DATE_LEN + 1);

    if (s) {
        pp_format_date(m->now, s);
        *value = pp_value_bytes(s, PP_DATE_LEN);
    } else {
        m->failed = true;
        *value = pp_value_bytes(NULL, 0);
    }
}

static struct pp_value
end(const struct pp_ends *ends, enum pp_end which)
{
    return (which == PP_END_CLIENT_ADDRESS ? pp_value_address(ends->client)
            : which == PP_END_SERVER_ADDRESS ? pp_value_address(ends->server)
            : pp_value_int(which == PP_END_CLIENT_PORT ? ends->client_port
                           : ends->server_port));
}

/* The value of a constant. */
static struct pp_value
constant(const struct pp_program *program, const struct pp_node *node)
{
    return (node->op == PP_OP_BOOL ? pp_value_bool(node->imm)
            : node->op == PP_OP_INT ? pp_value_int(node->imm)
            : (struct pp_value) {
                .type = PP_TYPE_BYTES,
                .s = pp_program_text(program, node->x, node->y),
            });
}

/* Regular expressions: compiled when the program changes, found by the node
 * that looks for a match. */
struct pp_regexes {
    struct pp_regex_search *search;
    size_t n;
    struct {
        uint32_t node;
        struct pp_regex *re;    /* NULL if there was no memory for it. */
    } r[];                      /* By 'node'. */
};

static void
bind_regexes(struct pp_matcher *m)
{
    const struct pp_node *nodes = pp_program_nodes(m->program);
    struct pp_regexes *all;
    size_t n = 0;

    for (uint32_t i = 0; i < m->program->nodes.n; i++) {
        n += nodes[i].op == PP_OP_MATCHES;
    }
    if (!n) {
        return;
    }
    m->regexes = all = xzalloc(sizeof *all + n * sizeof all->r[0]);
    all->search = pp_regex_search_create();
    for (uint32_t i = 0; i < m->program->nodes.n; i++) {
        if (nodes[i].op == PP_OP_MATCHES) {
            all->r[all->n].node = i;
            all->r[all->n++].re = pp_regex_compile(
                pp_program_text(m->program, nodes[i].x, nodes[i].y), NULL);
        }
    }
}

void
pp_eval_unbind(struct pp_matcher *m)
{
    struct pp_regexes *all = m->regexes;

    if (all) {
        for (size_t i = 0; i < all->n; i++) {
            pp_regex_destroy(all->r[i].re);
        }
        pp_regex_search_destroy(all->search);
        free(all);
        m->regexes = NULL;
    }
}

static bool
matches(struct pp_matcher *m, const struct pp_node *node)
{
    struct pp_regexes *all = m->regexes;
    uint32_t index = (uint32_t) (node - pp_program_nodes(m->program));
    struct pp_bytes x = pp_eval_at(m, node->arg[0])->s;
    size_t low = 0, high = all->n;
    enum pp_regex_result result;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        *(all->r[middle].node <= index ? &low : &high) = middle;
    }
    result = pp_regex_search(all->search, all->r[low].re, x);
    m->n_limits += result == PP_REGEX_LIMIT;
    return result == PP_REGEX_LIMIT ? node->imm : result == PP_REGEX_YES;
}

void
pp_eval_bind(struct pp_matcher *m)
{
    const struct pp_node *nodes = pp_program_nodes(m->program);

    pp_eval_unbind(m);
    bind_regexes(m);
    for (uint32_t i = 0; i < m->program->nodes.n; i++) {
        bool is_constant = nodes[i].op < PP_OP_DATE;

        m->cells[i] = (struct pp_cell) {
            .gen = is_constant ? PP_GEN_ALWAYS : 0,
            .value = (is_constant ? constant(m->program, &nodes[i])
                      : pp_value_bool(false)),
        };
    }
}

/* Whether a comparison of integers, or of versions, holds. */
static bool
compare(enum pp_op op, const struct pp_value *a, const struct pp_value *b)
{
    int order = (a->type == PP_TYPE_INT ? (a->i > b->i) - (a->i < b->i)
                 : pp_bytes_compare(a->s, b->s));

    return (op == PP_OP_LT ? order < 0
            : op == PP_OP_LE ? order <= 0
            : op == PP_OP_GT ? order > 0 : order >= 0);
}

/* Works node 'node' out anew.  'value' is its cell's. */
static void
work_out(struct pp_matcher *m, const struct pp_node *node,
         struct pp_value *value)
{
    const struct pp_node *nodes = pp_program_nodes(m->program);
    const struct pp_value *a;
    const struct pp_scope *scope;
    const struct pp_cell *list;
    int64_t i;
    bool ok;

    m->n_evals++;
    if (!work(m, 1)) {
        nothing(node->type, value);
        return;
    }
    switch ((enum pp_op) node->op) {
    case PP_OP_BOOL:
    case PP_OP_INT:
    case PP_OP_BYTES:
    case PP_OP_CLASS:
    case PP_OP_SET:
    case PP_OP_NETS:
        *value = constant(m->program, node);
        return;
    case PP_OP_DATE:
        date(m, value);
        return;
    case PP_OP_END:
        if (m->ends) {
            *value = end(m->ends, node->x);
        } else {
            nothing(node->type, value);
        }
        return;
    case PP_OP_STATE:
        i = pp_state_get(m->state, pp_program_states(m->program)[node->x].key);
        *value = (node->type == PP_TYPE_INT ? pp_value_int(i)
                  : pp_value_bool(i));
        return;
    case PP_OP_PARAM:
        *value = pp_patchset_param(m->set, m->program, node->x);
        return;

    case PP_OP_FIELD:
        nothing(node->type, value);
        ok = m->msg->proxy->get(m->msg, node->x, &m->arena, value);
        got(m, ok, node->type, value);
        return;

    case PP_OP_ELEM:
        scope = &m->scope[node->imm];
        if (scope->field == node->x) {
            get_elem(m, node->x, scope->elem, node->y, node->type, value);
        } else {
            nothing(node->type, value);
        }
        return;

    case PP_OP_PIECE:
        scope = &m->scope[node->imm];
        if (scope->pieces) {
            pp_get_bytes(scope->pieces[scope->elem].p,
                         scope->pieces[scope->elem].n, value);
        } else {
            nothing(node->type, value);
        }
        return;

    case PP_OP_INDEX:
        *value = pp_value_int(m->scope[node->imm].elem);
        return;

    case PP_OP_FIRST:
        list = pp_eval_list(m, node->arg[0]);
        if (list->value.count) {
            get_elem(m, node->x, list->elems ? list->elems[0] : 0, node->y,
                     node->type, value);
        } else {
            nothing(node->type, value);
        }
        return;

    case PP_OP_NOT:
        *value = pp_value_bool(!eval_bool(m, node->arg[0]));
        return;
    case PP_OP_AND:
        *value = pp_value_bool(eval_bool(m, node->arg[0])
                               && eval_bool(m, node->arg[1]));
        return;
    case PP_OP_OR:
        *value = pp_value_bool(eval_bool(m, node->arg[0])
                               || eval_bool(m, node->arg[1]));
        return;
    case PP_OP_IF:
        copy(value, pp_eval_at(m, eval_bool(m, node->arg[0])
                               ? node->arg[1] : node->arg[2]));
        return;

    case PP_OP_EQ:
    case PP_OP_NE:
        a = pp_eval_at(m, node->arg[0]);
        ok = pp_value_equal(a, pp_eval_at(m, node->arg[1]));
        *value = pp_value_bool(ok == (node->op == PP_OP_EQ));
        return;
    case PP_OP_EQ_NOCASE:
        a = pp_eval_at(m, node->arg[0]);
        *value = pp_value_bool(pp_bytes_equal_nocase(
                                   a->s, pp_eval_at(m, node->arg[1])->s));
        return;
    case PP_OP_LT:
    case PP_OP_LE:
    case PP_OP_GT:
    case PP_OP_GE:
        a = pp_eval_at(m, node->arg[0]);
        *value = pp_value_bool(compare(node->op, a,
                                       pp_eval_at(m, node->arg[1])));
        return;
    case PP_OP_IN:
        *value = pp_value_bool(in_set(m->program, &nodes[node->arg[1]],
                                      pp_eval_at(m, node->arg[0])));
        return;

    case PP_OP_ADD:
    case PP_OP_SUB:
    case PP_OP_MUL:
    case PP_OP_DIV:
    case PP_OP_MOD:
    case PP_OP_BIT_AND:
    case PP_OP_BIT_OR:
    case PP_OP_SHL:
    case PP_OP_SHR:
        i = pp_eval_at(m, node->arg[0])->i;
        *value = pp_value_int(arithmetic(node->op, i,
                                         pp_eval_at(m, node->arg[1])->i));
        return;
    case PP_OP_NEG:
        *value = pp_value_int(arithmetic(PP_OP_SUB, 0,
                                         pp_eval_at(m, node->arg[0])->i));
        return;

    case PP_OP_ANY:
    case PP_OP_ALL:
    case PP_OP_COUNT_IF:
        loop(m, node, value);
        return;
    case PP_OP_SUM:
        sum(m, node, value);
        return;
    case PP_OP_COUNT:
        *value = pp_value_int(pp_eval_list(m, node->arg[0])->value.count);
        return;

    case PP_OP_CALL:
        call(m, node, value);
        return;
    case PP_OP_MATCHES:
        *value = pp_value_bool(matches(m, node));
        return;

    case PP_OP_LIST:
    case PP_OP_SELECT:
    case PP_OP_SPLIT:
    case PP_N_OPS:
    default:
        nothing(node->type, value);
    }
}

const struct pp_value *
pp_eval_at(struct pp_matcher *m, uint32_t index)
{
    const struct pp_node *node = pp_program_nodes(m->program) + index;
    struct pp_cell *cell = &m->cells[index];
    uint64_t gen;

    if (cell->gen == PP_GEN_ALWAYS) {
        return &cell->value;
    } else if (node->shared < 2 || node->op == PP_OP_DATE) {
        work_out(m, node, &cell->value);
        return &cell->value;
    }
    gen = generation(m, node);
    if (cell->gen != gen) {
        work_out(m, node, &cell->value);
        cell->gen = gen;
    }
    return &cell->value;
}

bool
pp_eval_begin(struct pp_matcher *m, const struct pp_msg *msg)
{
    m->n_messages++;
    m->msg = msg;
    m->msg_gen = ++m->gen;
    m->failed = false;
    m->work = 0;
    pp_arena_reset(&m->arena);
    for (unsigned int s = 0; s < PP_EXPR_SCOPES; s++) {
        m->scope[s] = (struct pp_scope) {
            .gen = m->msg_gen, .field = PP_NONE,
        };
    }
    if (m->last_proxy != msg->proxy) {
        m->last_proxy = msg->proxy;
        m->proxy = pp_program_find_proxy(m->program, msg->proxy->name);
    }
    return m->proxy != PP_NONE;
}
