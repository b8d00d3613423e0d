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
    free(m->memory);
    memset(m, 0, sizeof *m);
}

void
pp_matcher_bind(struct pp_matcher *m, const struct pp_program *program)
{
    m->program = program;
    m->last_proxy = NULL;
    m->proxy = PP_NONE;
    if (program->nodes.n > m->n_cells) {
        free(m->cells);
        m->n_cells = program->nodes.n;
        m->cells = xmalloc(m->n_cells * sizeof *m->cells);
    }
    pp_eval_bind(m);
}

/* What one call of pp_match() works on. */
struct match {
    const struct pp_program *program;
    const struct pp_patchset *set;
    struct pp_matcher *m;
    struct pp_hits *hits;
};

/* True unless nothing behind 'gates' can hold for the message. */
static bool
is_open(struct match *x, struct pp_program_gates gates)
{
    const uint32_t *members = pp_program_at(x->program, x->program->members);

    for (uint32_t i = 0; i < gates.n; i++) {
        if (pp_eval(x->m, members[gates.first + i]).b) {
            return true;
        }
    }
    return !gates.n;
}

/* Tries rule 'index' on the message, or on element 'elem'. */
static void
try_rule(struct match *x, uint32_t index, uint32_t elem)
{
    const struct pp_program_rule *rule = &pp_program_rules(x->program)[index];
    enum pp_patch_mode mode = pp_patchset_mode(x->set, rule->patch);

    if (mode == PP_MODE_OFF
        || (rule->gate != PP_NONE && !pp_eval(x->m, rule->gate).b)
        || !pp_eval(x->m, rule->when).b) {
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

static void
try_guard(struct match *x, const struct pp_program_guard *guard,
          uint32_t elem)
{
    const struct pp_program *program = x->program;
    const struct pp_program_select *selects
        = pp_program_at(program, program->selects);
    const uint32_t *members = pp_program_at(program, program->members);
    const uint32_t *slots = pp_program_at(program, program->slots);
    struct pp_bytes value;
    uint64_t slot;

    if (!is_open(x, guard->gates)) {
        return;
    }
    value = pp_eval(x->m, guard->node).s;
    slot = (guard->nocase
            ? pp_hash_bytes_nocase(PP_HASH_BASIS, value.p, value.n)
            : pp_hash_bytes(PP_HASH_BASIS, value.p, value.n));
    for (;; slot++) {
        uint32_t index = slots[guard->first_slot
                               + (slot & (guard->n_slots - 1))];
        const struct pp_program_select *select;
        struct pp_bytes text;

        if (index == PP_NONE) {
            return;
        }
        select = &selects[index];
        text = pp_program_text(program, select->text.off, select->text.n);
        if (guard->nocase ? pp_bytes_equal_nocase(text, value)
                          : pp_bytes_equal(text, value)) {
            for (uint32_t i = 0; i < select->n_members; i++) {
                try_rule(x, members[select->first_member + i], elem);
            }
        }
    }
}

static void
try_group(struct match *x, const struct pp_program_group *group,
          uint32_t elem)
{
    const struct pp_program_guard *guards
        = pp_program_at(x->program, x->program->guards);
    const uint32_t *members = pp_program_at(x->program, x->program->members);

    for (uint32_t i = 0; i < group->n_members; i++) {
        try_rule(x, members[group->first_member + i], elem);
    }
    for (uint32_t i = 0; i < group->n_guards; i++) {
        try_guard(x, &guards[group->first_guard + i], elem);
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
    struct match x = {
        .program = program, .set = set, .m = m, .hits = hits,
    };
    const struct pp_node *nodes = pp_program_nodes(program);
    const struct pp_program_proxy *proxies
        = pp_program_at(program, program->proxies);
    const struct pp_program_event *events
        = pp_program_at(program, program->events);
    const struct pp_program_group *groups
        = pp_program_at(program, program->groups);
    uint32_t event;

    m->set = set;
    hits->n = 0;
    hits->overflow = hits->error = false;
    if (!pp_eval_begin(m, msg)
        || !(pp_patchset_wants(set, m->proxy) >> msg->event & 1)) {
        return;
    }
    event = proxies[m->proxy].events[msg->event];
    if (event == PP_NONE) {
        return;
    }
    for (uint32_t i = 0; i < events[event].n_groups; i++) {
        const struct pp_program_group *group
            = &groups[events[event].first_group + i];
        const struct pp_cell *list;

        if (group->each == PP_NONE) {
            try_group(&x, group, PP_NONE);
            continue;
        } else if (!is_open(&x, group->gates)) {
            continue;
        }
        list = pp_eval_list(m, group->each);
        for (uint32_t j = 0; j < list->value.count && !m->failed; j++) {
            uint32_t elem = pp_eval_enter(m, 0, &nodes[group->each], list, j);

            try_group(&x, group, elem);
        }
    }
    sort_hits(hits);
    if (m->failed) {
        hits->error = true;
        m->n_errors++;
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
    }
    m->failed = failed;         /* It is only for the log. */
    return rule->n_captures;
}
