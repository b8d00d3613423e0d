/* SPDX-License-Identifier: Apache-2.0 */

/* The stages proxy, match and correct for one connection; see pp-inspect.h.
 *
 * In: the undecided bytes of a direction.  Out: what is to become of them.
 * Runs in the engine, in the offline tool and in control (to verify vectors);
 * owns the scratch memory that connections share. */

#include <config.h>

#include "engine/pp-inspect.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-correct.h"
#include "engine/pp-eval.h"
#include "engine/pp-hearing.h"
#include "engine/pp-ipc.h"
#include "engine/pp-match.h"
#include "engine/pp-state.h"
#include "patch/pp-program.h"
#include "registry.h"
#include "util.h"

/* Corrections of one unit that may follow from one another. */
#define ROUNDS_MAX 4

/* Values that patches may set on one message. */
#define SETS_MAX 64

/* Room for what corrections put in, in bytes. */
#define INSERT_MAX (256 * 1024)
#define REPLY_MAX (64 * 1024)
#define FIXED_MAX (PP_HOLD_MAX + INSERT_MAX)

struct pp_inspector {
    void (*report)(void *aux, void *conn_aux, const struct pp_hit_report *);
    void (*said)(void *aux, void *conn_aux, const char *text);
    void *aux;
    struct pp_counters *counters;
    struct pp_counters *own_counters;
    int64_t now;
    unsigned int event_values;

    const struct pp_program *program;   /* That 'matcher' is bound to. */
    const struct pp_program *asked_program;     /* Of which 'asked_proxy'... */
    const struct pp_proxy *asked_proxy;
    uint32_t asked;             /* ...is this one. */
    struct pp_matcher matcher;
    struct pp_hits hits;
    struct pp_correction correction;

    void *scratch[PP_PROXIES_MAX];      /* By proxy, made when needed. */
    const struct pp_proxy *scratch_of[PP_PROXIES_MAX];

    struct pp_states states;    /* What patches keep of connections. */
    struct pp_state trial;      /* The same where a group is tried again. */
    struct {
        uint64_t key;
        int64_t value;
    } sets[SETS_MAX];           /* What the message at hand calls for. */
    unsigned int n_sets;

    struct pp_edits edits;      /* Of the group at hand. */
    struct pp_arena arena;      /* For what they insert. */
    struct pp_edits rounds;     /* The one edit that several rounds make. */
    uint8_t *inserts;
    uint8_t *fixed[2];          /* Corrected bytes. */
    uint8_t *reply;
    void *conn;                 /* Copy of a proxy's state. */
    size_t conn_size;
};

struct pp_inspector *
pp_inspector_create(void (*report)(void *, void *,
                                   const struct pp_hit_report *))
{
    struct pp_inspector *ins = xzalloc(sizeof *ins);

    ins->report = report;
    ins->own_counters = xzalloc(sizeof *ins->own_counters);
    ins->counters = ins->own_counters;
    ins->states.max = PP_STATES_MAX;
    ins->event_values = PP_EVENT_VALUES;
    pp_matcher_init(&ins->matcher, PP_MATCH_ARENA_SIZE);
    ins->inserts = xmalloc(INSERT_MAX);
    ins->fixed[0] = xmalloc(FIXED_MAX);
    ins->fixed[1] = xmalloc(FIXED_MAX);
    ins->reply = xmalloc(REPLY_MAX);
    return ins;
}

void
pp_inspector_destroy(struct pp_inspector *ins)
{
    if (ins) {
        for (int i = 0; i < PP_PROXIES_MAX; i++) {
            free(ins->scratch[i]);
        }
        pp_matcher_destroy(&ins->matcher);
        pp_states_destroy(&ins->states);
        free(ins->own_counters);
        free(ins->inserts);
        free(ins->fixed[0]);
        free(ins->fixed[1]);
        free(ins->reply);
        free(ins->conn);
        free(ins);
    }
}

void
pp_inspector_set_said(struct pp_inspector *ins,
                      void (*said)(void *, void *, const char *))
{
    ins->said = said;
}

void
pp_inspector_set_aux(struct pp_inspector *ins, void *aux)
{
    ins->aux = aux;
}

void
pp_inspector_set_counters(struct pp_inspector *ins, struct pp_counters *c)
{
    ins->counters = c;
}

size_t
pp_inspector_memory(const struct pp_inspector *ins)
{
    return ins->states.n_used * sizeof(struct pp_state);
}

void
pp_inspector_forget_program(struct pp_inspector *ins)
{
    ins->program = ins->asked_program = NULL;
}

void
pp_inspector_set_now(struct pp_inspector *ins, int64_t now)
{
    ins->now = now;
}

void
pp_inspector_set_event_values(struct pp_inspector *ins, unsigned int n)
{
    BUILD_ASSERT_DECL(PP_RULE_CAPTURES_MAX <= PP_IPC_VALUES_MAX);
    ins->event_values = MIN(n, PP_IPC_VALUE_MAX);
}

/* The proxy's state at the start of the group. */
static void *
saved(struct pp_inspect *in, const struct pp_proxy *proxy)
{
    return in->conn + (proxy->conn_size + 7) / 8;
}

void
pp_inspect_init(struct pp_inspect *in, const struct pp_proxy *proxy,
                const struct pp_ends *ends)
{
    memset(in, 0, PP_INSPECT_SIZE(proxy));
    proxy->conn_init(in->conn);
    if (proxy->conn_ends) {
        proxy->conn_ends(in->conn, ends);
    }
}

void
pp_inspect_tidy(struct pp_inspect *in, const struct pp_proxy *proxy)
{
    if (!in->in_group) {
        memset(saved(in, proxy), 0, proxy->conn_size);
    }
}

void
pp_inspect_end(struct pp_inspector *ins, struct pp_inspect *in)
{
    if (ins) {
        pp_states_forget(&ins->states, &in->state);
    }
}

/* The slot of 'proxy' in tables by proxy. */
static int
proxy_slot(struct pp_inspector *ins, const struct pp_proxy *proxy)
{
    for (int i = 0; i < PP_PROXIES_MAX; i++) {
        if (!ins->scratch_of[i]) {
            ins->scratch_of[i] = proxy;
            ins->scratch[i] = xzalloc(MAX(proxy->scratch_size, 1));
        }
        if (ins->scratch_of[i] == proxy) {
            return i;
        }
    }
    OVS_NOT_REACHED();
}

/* A copy of the state 'conn', to parse ahead with. */
static void *
copy_conn(struct pp_inspector *ins, const struct pp_proxy *proxy,
          const void *conn)
{
    if (ins->conn_size < proxy->conn_size) {
        ins->conn_size = proxy->conn_size;
        ins->conn = xrealloc(ins->conn, ins->conn_size);
    }
    memcpy(ins->conn, conn, proxy->conn_size);
    return ins->conn;
}

/* Reporting. */

static void
tell_value(const struct pp_inspector *ins, const struct pp_seen *seen,
           struct pp_ipc_value *v)
{
    ovs_strlcpy(v->name, seen->name, sizeof v->name);
    v->type = (uint8_t) seen->value.type;
    v->secret = seen->secret;
    v->n = 0;
    v->len = 0;
    v->i = 0;
    switch (seen->value.type) {
    case PP_TYPE_BOOL:
        v->i = seen->value.b;
        break;
    case PP_TYPE_INT:
        v->i = seen->value.i;
        break;
    case PP_TYPE_LIST:
        v->len = seen->value.count;
        break;
    case PP_TYPE_BYTES:
    case PP_TYPE_VERSION:
        v->len = (uint32_t) seen->value.s.n;
        v->n = seen->secret ? 0 : (uint16_t) MIN(v->len, ins->event_values);
        if (v->n) {
            memcpy(v->bytes, seen->value.s.p, v->n);
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
}

static void
report_hits(struct pp_inspector *ins, const struct pp_rules *rules,
            const struct pp_msg *msg, void *conn_aux)
{
    struct pp_correction *c = &ins->correction;

    for (unsigned int i = 0; i < ins->hits.n; i++) {
        const struct pp_hit *hit = &ins->hits.h[i];
        const struct pp_program_rule *rule
            = &pp_program_rules(rules->program)[hit->rule];
        struct pp_seen seen[PP_RULE_CAPTURES_MAX];
        struct pp_ipc_value values[PP_RULE_CAPTURES_MAX];
        struct pp_hit_report report = {
            .patch = hit->patch,
            .rule = (uint16_t) rule->number,
            .monitor = hit->monitor,
            .kind = (rule->kind == PP_CORRECT_REJECT ? PP_CORRECTED_REJECT
                     : rule->kind == PP_CORRECT_CLOSE ? PP_CORRECTED_CLOSE
                     : rule->kind == PP_CORRECT_DROP ? PP_CORRECTED_DROP
                     : PP_CORRECTED_EDIT),
            .values = values,
        };

        ins->counters->match_hits++;
        if (hit->monitor) {
            ins->counters->match_monitor_hits++;
        } else if (c->decision != PP_DECIDE_EDIT
                   && (hit->patch != c->patch || hit->rule != c->rule)) {
            continue;           /* Another one decided before it. */
        }
        if (ins->event_values) {
            report.n_values = pp_hit_describe(rules->program, msg, hit,
                                              &ins->matcher, seen);
        }
        for (unsigned int j = 0; j < report.n_values; j++) {
            tell_value(ins, &seen[j], &values[j]);
        }
        ins->report(ins->aux, conn_aux, &report);
    }
}

/* Deciding. */

/* Forgets the hits of rules that are not for what has been corrected. */
static void
drop_once(struct pp_hits *hits, const struct pp_program *program)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < hits->n; i++) {
        if (!pp_program_rules(program)[hits->h[i].rule].once) {
            hits->h[n++] = hits->h[i];
        }
    }
    hits->n = n;
}

/* Takes the hits of rules that set state out of the others, and works out
 * what they set. */
static void
take_sets(struct pp_inspector *ins, const struct pp_program *program)
{
    const struct pp_program_set *sets = pp_program_at(program, program->sets);
    struct pp_hits *hits = &ins->hits;
    unsigned int n = 0;

    ins->n_sets = 0;
    for (unsigned int i = 0; i < hits->n; i++) {
        const struct pp_program_rule *rule
            = &pp_program_rules(program)[hits->h[i].rule];

        if (rule->kind != PP_CORRECT_SET) {
            hits->h[n++] = hits->h[i];
            continue;
        }
        for (uint32_t j = 0; j < rule->n_sets; j++) {
            const struct pp_program_set *set = &sets[rule->first_set + j];
            struct pp_value value;

            if (ins->n_sets == SETS_MAX) {
                ins->counters->match_state_full++;
                break;
            }
            value = pp_eval(&ins->matcher, set->node);
            ins->sets[ins->n_sets].key
                = pp_program_states(program)[set->state].key;
            ins->sets[ins->n_sets++].value
                = value.type == PP_TYPE_BOOL ? value.b : value.i;
        }
    }
    hits->n = n;
}

/* What the message at hand called for is so from here on. */
static void
make_sets(struct pp_inspector *ins, struct pp_inspect *in)
{
    for (unsigned int i = 0; i < ins->n_sets; i++) {
        ins->counters->match_state_full
            += !pp_states_set(&ins->states, &in->state, ins->sets[i].key,
                              ins->sets[i].value);
    }
}

/* The same where a group is tried again. */
static void
try_sets(struct pp_inspector *ins)
{
    for (unsigned int i = 0; i < ins->n_sets; i++) {
        ins->counters->match_state_full
            += !pp_state_set(&ins->trial, ins->sets[i].key,
                             ins->sets[i].value);
    }
}

/* Matches 'msg', which is 'corrected' or as it came, and works out its
 * correction.  'state' is what patches know of the connection. */
static enum pp_decision
decide(struct pp_inspector *ins, const struct pp_rules *rules,
       const struct pp_state *state, const struct pp_msg *msg, bool corrected)
{
    uint64_t n_limits;

    ins->counters->proxy_messages++;
    if (ins->program != rules->program) {
        pp_matcher_bind(&ins->matcher, rules->program);
        ins->program = rules->program;
    }
    n_limits = ins->matcher.n_limits;
    ins->matcher.state = state;
    ins->matcher.ends = rules->ends;
    pp_match(rules->program, rules->set, msg, &ins->matcher, &ins->hits);
    ins->counters->match_limits += ins->matcher.n_limits - n_limits;
    if (ins->hits.error) {
        ins->counters->match_errors++;
    }
    take_sets(ins, rules->program);
    if (corrected) {
        drop_once(&ins->hits, rules->program);
    }
    if (!ins->hits.n) {
        return PP_DECIDE_PASS;
    }
    pp_correct(rules->program, msg, &ins->hits, &ins->matcher, ins->now,
               &ins->correction);
    if (ins->correction.failure) {
        ins->counters->correct_failed++;
    }
    return ins->correction.decision;
}

/* Adds the edits of the correction at hand to those of the group, with
 * insertions of their own. */
static bool
collect_edits(struct pp_inspector *ins)
{
    const struct pp_edits *edits = &ins->correction.edits;

    for (unsigned int i = 0; i < edits->n; i++) {
        const struct pp_edit *e = &edits->e[i];
        uint8_t *p = pp_arena_alloc(&ins->arena, e->ins.n);

        if (!p) {
            return false;
        } else if (e->ins.n) {
            memcpy(p, e->ins.p, e->ins.n);
        }
        pp_edits_add(&ins->edits, e->off, e->removed,
                     (struct pp_bytes) { .p = p, .n = e->ins.n });
    }
    return !edits->overflow && !ins->edits.overflow;
}

enum group_result {
    GROUP_CLEAN,                /* Nothing to correct any more. */
    GROUP_EDITED,               /* 'edits' has what. */
    GROUP_FAILED,               /* It cannot be corrected by edits. */
};

/* The events of the proxy that some patch looks at: parse()'s 'wants'. */
static uint32_t
wants_of(struct pp_inspector *ins, const struct pp_rules *rules)
{
    if (ins->asked_program != rules->program
        || ins->asked_proxy != rules->proxy) {
        ins->asked_program = rules->program;
        ins->asked_proxy = rules->proxy;
        ins->asked = pp_program_find_proxy(rules->program,
                                           rules->proxy->name);
    }
    return pp_patchset_wants(rules->set, ins->asked);
}

/* Goes through all units of the group that starts with 'view', with the
 * proxy's state 'conn', and collects what is to be edited.  '*end' becomes
 * the group's end.  'corrected' says that edits were made to it before. */
static enum group_result
run_group(struct pp_inspector *ins, const struct pp_rules *rules, void *conn,
          const struct pp_view *view, bool corrected, uint32_t *end)
{
    const struct pp_proxy *proxy = rules->proxy;
    void *scratch = ins->scratch[proxy_slot(ins, proxy)];
    uint32_t wants = wants_of(ins, rules);

    ins->edits.n = 0;
    ins->edits.overflow = false;
    pp_arena_init(&ins->arena, ins->inserts, INSERT_MAX);
    ins->edits.arena = &ins->arena;
    for (;;) {
        struct pp_msg msg;
        struct pp_parse r = pp_proxy_parse(proxy, conn, scratch, PP_TO_SERVER,
                                           wants, view, &msg);
        enum pp_decision d;

        if (r.status != PP_PARSE_MESSAGE) {
            return GROUP_FAILED;
        }
        *end = r.end;
        if (r.other && !corrected) {
            proxy->commit(conn, &msg, PP_PASSED);
            continue;
        }
        d = decide(ins, rules, &ins->trial, &msg, corrected);
        if (!r.other) {
            try_sets(ins);
        } else if (d != PP_DECIDE_PASS) {
            return GROUP_FAILED;
        }
        if (d == PP_DECIDE_EDIT) {
            if (!collect_edits(ins)) {
                return GROUP_FAILED;
            }
        } else if (d != PP_DECIDE_PASS) {
            return GROUP_FAILED;
        }
        proxy->commit(conn, &msg, PP_PASSED);
        if (!r.hold) {
            return ins->edits.n ? GROUP_EDITED : GROUP_CLEAN;
        }
    }
}

/* Lets 'view' be what the edits at hand make of it, in the memory of round
 * 'round', not that of the one before.  False: it does not fit. */
static bool
make_edits(struct pp_inspector *ins, unsigned int round, struct pp_view *view)
{
    struct pp_buf fixed;

    pp_buf_init(&fixed, ins->fixed[round % 2], FIXED_MAX);
    pp_edits_apply(&ins->edits, view->base, view->len, &fixed);
    view->base = fixed.data;
    view->len = fixed.len;
    return !fixed.overflow;
}

/* Corrects the group of units that starts with 'view' and ends at 'end', as
 * often as it takes until nothing in it matches any more; first 'drop' goes.
 * 'start' is the proxy's state at its start, 'state' that of patches.  Returns
 * the edits, with what patches then know in ins->trial, or NULL when that
 * cannot be done. */
static const struct pp_edits *
correct_group(struct pp_inspector *ins, const struct pp_rules *rules,
              const void *start, const struct pp_state *state,
              const struct pp_view *view, uint32_t end, struct pp_span drop)
{
    struct pp_view now = { .base = view->base, .len = end, .eof = view->eof };
    uint32_t now_end;

    if (drop.len) {
        ins->edits.n = 0;
        ins->edits.overflow = false;
        pp_edits_add(&ins->edits, drop.off, drop.len,
                     (struct pp_bytes) { .n = 0 });
        make_edits(ins, 1, &now);       /* Round 0 is still to come. */
    }
    for (unsigned int round = 0; round < ROUNDS_MAX; round++) {
        void *conn = copy_conn(ins, rules->proxy, start);
        enum group_result result;

        ins->trial = *state;
        rules->proxy->rewind(conn);
        result = run_group(ins, rules, conn, &now, round > 0, &now_end);
        if (result == GROUP_CLEAN && now_end == now.len) {
            /* What came out of the rounds replaces the whole. */
            ins->rounds.n = 0;
            ins->rounds.overflow = false;
            pp_edits_add(&ins->rounds, 0, end,
                         (struct pp_bytes) { .p = now.base, .n = now.len });
            return &ins->rounds;
        } else if (result != GROUP_EDITED || now_end != now.len) {
            return NULL;
        }
        if (!make_edits(ins, round, &now)) {
            return NULL;
        }
    }
    ins->counters->correct_no_fixpoint++;
    return NULL;
}

/* Makes the smallest single edit that turns the 'len' bytes at 'old' into
 * what edits->e[0] puts in their place: common ends are left alone, so that
 * numbers are mapped wrongly nowhere. */
static void
narrow(struct pp_edits *edits, const uint8_t *old, size_t len)
{
    struct pp_edit *e = &edits->e[0];
    size_t max = MIN(len, e->ins.n);
    size_t head = 0;
    size_t tail = 0;

    while (head < max && old[head] == e->ins.p[head]) {
        head++;
    }
    while (tail < max - head
           && old[len - 1 - tail] == e->ins.p[e->ins.n - 1 - tail]) {
        tail++;
    }
    e->off = (uint32_t) head;
    e->removed = (uint32_t) (len - head - tail);
    e->ins.p += head;
    e->ins.n -= head + tail;
}

static void
group_ends(struct pp_inspect *in)
{
    in->in_group = in->group_edits = in->reported = in->told = false;
    in->doubted = in->insists = false;
}

/* The group is let go: with the edits that its units call for, if any. */
static void
release(struct pp_inspector *ins, struct pp_inspect *in,
        const struct pp_rules *rules, const struct pp_view *view,
        const struct pp_parse *r, const struct pp_msg *msg, bool edit,
        struct pp_step *step)
{
    bool corrected = edit || in->group_edits;
    struct pp_span drop = in->told ? r->drop : (struct pp_span) { .len = 0 };

    *step = (struct pp_step) { .kind = PP_STEP_PASS, .count = r->end };
    if (corrected || drop.len) {
        const void *start = in->in_group ? saved(in, rules->proxy) : in->conn;
        const struct pp_state *state
            = (in->in_group ? pp_states_start(&ins->states, in->state)
               : pp_states_now(&ins->states, in->state));
        const struct pp_edits *edits
            = correct_group(ins, rules, start, state, view, r->end, drop);

        if (!edits) {
            ins->counters->correct_failed++;
            *step = (struct pp_step) { .kind = PP_STEP_CLOSE, .reset = true };
            in->ended = true;
            return;
        }
        narrow(&ins->rounds, view->base, r->end);
        ins->counters->correct_edits += corrected;
        in->corrections += corrected;
        step->edits = edits;
        ins->counters->match_state_full
            += !pp_states_commit(&ins->states, &in->state, &ins->trial);
    } else {
        make_sets(ins, in);
        pp_states_commit(&ins->states, &in->state, NULL);
    }
    /* Where it was corrected, correct_group() has parsed what the server gets
     * last, and 'msg' has that. */
    rules->proxy->commit(in->conn, msg, PP_PASSED);
    group_ends(in);
}

/* The unit is refused, closed or dropped, and with it the group. */
static void
take_away(struct pp_inspector *ins, struct pp_inspect *in,
          const struct pp_rules *rules, const struct pp_parse *r,
          const struct pp_msg *msg, enum pp_decision decision,
          struct pp_step *step)
{
    const struct pp_proxy *proxy = rules->proxy;
    const struct pp_correction *c = &ins->correction;
    enum pp_reply_when when = proxy->reply_when(in->conn, msg);

    if (decision != PP_DECIDE_DROP && when == PP_REPLY_WAIT) {
        step->kind = PP_STEP_WAIT;
        return;
    }
    make_sets(ins, in);
    pp_states_commit(&ins->states, &in->state, NULL);
    in->corrections++;
    group_ends(in);
    if (decision == PP_DECIDE_DROP) {
        ins->counters->correct_drops++;
        proxy->commit(in->conn, msg, PP_SWALLOWED);
        *step = (struct pp_step) {
            .kind = PP_STEP_SWALLOW, .count = r->end,
        };
    } else if (decision == PP_DECIDE_CLOSE || when == PP_REPLY_NEVER) {
        ins->counters->correct_closes++;
        in->ended = true;
        *step = (struct pp_step) {
            .kind = PP_STEP_CLOSE,
            .reset = (decision == PP_DECIDE_CLOSE
                      && c->close == PP_CLOSE_RESET),
        };
    } else {
        struct pp_buf reply;
        bool close = c->reply.close;

        ins->counters->correct_rejects++;
        pp_buf_init(&reply, ins->reply, REPLY_MAX);
        proxy->refuse(in->conn, msg, &c->reply, &reply, &close);
        proxy->commit(in->conn, msg, PP_REFUSED);
        in->ended = close;
        *step = (struct pp_step) {
            .kind = PP_STEP_REFUSE,
            .count = r->end,
            .reply = { .p = reply.data, .n = reply.len },
            .close = close,
            .reset = close && c->close == PP_CLOSE_RESET,
        };
    }
}

static void
bad(struct pp_inspector *ins, struct pp_inspect *in, struct pp_step *step)
{
    ins->counters->proxy_bad++;
    in->ended = true;
    step->kind = PP_STEP_BAD;
}

/* There is more to it than the engine looks at.  A client knows that, and must
 * not get by with it; what a server sends cannot harm it. */
static void
too_much(struct pp_inspector *ins, struct pp_inspect *in, enum pp_dir dir,
         struct pp_step *step)
{
    if (dir == PP_FROM_SERVER) {
        bad(ins, in, step);
        return;
    }
    ins->counters->proxy_too_much++;
    in->ended = true;
    *step = (struct pp_step) { .kind = PP_STEP_CLOSE, .reset = true };
}

/* If there is no group, one begins with the unit at hand. */
static void
group_begins(struct pp_inspector *ins, struct pp_inspect *in,
             const struct pp_rules *rules)
{
    if (!in->in_group) {
        memcpy(saved(in, rules->proxy), in->conn, rules->proxy->conn_size);
        ins->counters->match_state_full
            += !pp_states_begin(&ins->states, in->state);
        in->in_group = true;
    }
}

/* Decides the to-server unit 'msg'.  Returns false if the group goes on and
 * its next unit is to be looked for. */
static bool
decide_unit(struct pp_inspector *ins, struct pp_inspect *in,
            const struct pp_rules *rules, const struct pp_view *view,
            const struct pp_parse *r, const struct pp_msg *msg,
            void *conn_aux, struct pp_step *step)
{
    enum pp_decision d = decide(ins, rules,
                                pp_states_now(&ins->states, in->state), msg,
                                false);

    if (r->other && !ins->hits.error
        && (!in->insists || d == PP_DECIDE_PASS)) {
        /* What the unit itself comes to has the first say. */
        in->doubted |= d != PP_DECIDE_PASS;
        group_begins(ins, in, rules);
        rules->proxy->commit(in->conn, msg, PP_PASSED);
        return false;
    }
    if (in->doubted && d == PP_DECIDE_PASS) {
        memcpy(in->conn, saved(in, rules->proxy), rules->proxy->conn_size);
        in->doubted = false;
        in->insists = true;
        return false;
    }
    if (ins->hits.n && !in->reported) {
        report_hits(ins, rules, msg, conn_aux);
        in->reported = true;
    }
    if (ins->hits.error) {
        too_much(ins, in, PP_TO_SERVER, step);
        return true;
    }
    if (d != PP_DECIDE_PASS && d != PP_DECIDE_EDIT) {
        take_away(ins, in, rules, r, msg, d, step);
        return true;
    } else if (!r->hold) {
        release(ins, in, rules, view, r, msg, d == PP_DECIDE_EDIT, step);
        return true;
    }
    group_begins(ins, in, rules);
    make_sets(ins, in);
    in->group_edits |= d == PP_DECIDE_EDIT;
    in->reported = false;
    rules->proxy->commit(in->conn, msg, PP_PASSED);
    return false;
}

/* Counts by the proxy's place in the registry, as whoever reads the counters
 * has it.  A test's own proxy has none. */
static void
count_reason(struct pp_inspector *ins, const struct pp_proxy *proxy,
             uint16_t reason)
{
    for (int i = 0; pp_proxies[i]; i++) {
        if (pp_proxies[i] == proxy && reason < PP_REASONS_MAX) {
            ins->counters->reasons[i][reason]++;
        }
    }
}

void
pp_inspect_step(struct pp_inspector *ins, struct pp_inspect *in,
                const struct pp_rules *rules, enum pp_dir dir,
                const struct pp_view *view, void *conn_aux,
                struct pp_step *step)
{
    const struct pp_proxy *proxy = rules->proxy;
    uint32_t wants = 0;
    int slot;

    *step = (struct pp_step) { .kind = PP_STEP_MORE };
    if (in->ended) {
        step->kind = PP_STEP_SKIP;
        step->count = PP_FOREVER;
        return;
    }
    if (!view->len && !view->eof) {
        return;
    }
    slot = proxy_slot(ins, proxy);
    if (dir == PP_TO_SERVER) {
        if (view->len < in->wait_len && !view->eof) {
            return;
        }
        in->wait_len = 0;
        wants = wants_of(ins, rules);
    }
    for (;;) {
        struct pp_msg msg;
        struct pp_parse r = pp_proxy_parse(proxy, in->conn,
                                           ins->scratch[slot], dir, wants,
                                           view, &msg);

        if (r.said && ins->said) {
            char text[PP_SAID_MAX];

            pp_hearing_text(view, r.banner, text);
            ins->said(ins->aux, conn_aux, text);
        }
        switch (r.status) {
        case PP_PARSE_MESSAGE:
            if (dir == PP_FROM_SERVER) {
                proxy->commit(in->conn, &msg, PP_PASSED);
                *step = (struct pp_step) {
                    .kind = PP_STEP_PASS, .count = r.end,
                };
                return;
            } else if (decide_unit(ins, in, rules, view, &r, &msg, conn_aux,
                                   step)) {
                return;
            }
            break;

        case PP_PARSE_MORE:
            if (view->eof && view->len) {
                /* Cut off by the sender's FIN: no more will come. */
                ins->counters->proxy_eof++;
                bad(ins, in, step);
            } else if (view->len >= PP_HOLD_MAX) {
                too_much(ins, in, dir, step);
            } else if (r.interim.n && rules->interim) {
                ins->counters->proxy_interim++;
                in->told = true;
                step->kind = PP_STEP_REPLY;
                step->reply = r.interim;
            } else if (dir == PP_TO_SERVER && r.needed) {
                in->wait_len = (uint32_t) MIN(view->len + r.needed,
                                              PP_HOLD_MAX);
            }
            return;

        case PP_PARSE_WAIT:
            step->kind = PP_STEP_WAIT;
            return;

        case PP_PARSE_SKIP:
            ins->counters->proxy_skipped_bytes
                += r.count == PP_FOREVER ? 0 : r.count;
            step->kind = r.swallow ? PP_STEP_SWALLOW : PP_STEP_SKIP;
            step->count = r.count;
            return;

        case PP_PARSE_BAD:
            count_reason(ins, proxy, r.reason);
            if (dir != PP_TO_SERVER || in->in_group || !rules->open
                || !proxy->go_on || !proxy->go_on(in->conn)) {
                bad(ins, in, step);
                return;
            }
            ins->counters->proxy_bad++;
            break;

        case PP_PARSE_TOO_MUCH:
            count_reason(ins, proxy, r.reason);
            too_much(ins, in, dir, step);
            return;

        case PP_PARSE_OPAQUE:
            count_reason(ins, proxy, r.reason);
            in->ended = true;
            if (rules->refuse_opaque) {
                ins->counters->proxy_opaque_refused++;
                step->kind = PP_STEP_CLOSE;
                step->reset = true;
            } else {
                ins->counters->proxy_opaque++;
                step->kind = PP_STEP_OPAQUE;
            }
            return;

        default:
            OVS_NOT_REACHED();
        }
    }
}
