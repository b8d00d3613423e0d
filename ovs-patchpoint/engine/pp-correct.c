/* SPDX-License-Identifier: Apache-2.0 */

/* Stage 'correct': what is done about a message; see pp-correct.h.
 *
 * In: the hits of a message.  Out: a decision, with the edits or the reply
 * that go with it.  Runs in the engine for messages that patches call for;
 * owns nothing, allocates nothing. */

#include <config.h>

#include "engine/pp-correct.h"

#include <string.h>

#include "engine/pp-eval.h"
#include "util.h"

const char *
pp_decision_name(enum pp_decision decision)
{
    switch (decision) {
    case PP_DECIDE_PASS:
        return "pass";
    case PP_DECIDE_EDIT:
        return "edit";
    case PP_DECIDE_REJECT:
        return "reject";
    case PP_DECIDE_CLOSE:
        return "close";
    case PP_DECIDE_DROP:
        return "drop";
    default:
        return "unknown";
    }
}

struct work {
    const struct pp_program *program;
    const struct pp_msg *msg;
    struct pp_matcher *m;
    struct pp_correction *c;
};

static void
fail(struct work *w, const char *why)
{
    if (!w->c->failure) {
        w->c->failure = why;
    }
    w->c->decision = PP_DECIDE_CLOSE;
    w->c->close = PP_CLOSE_RESET;
}

/* A header's part must not be able to end the header: what comes from the
 * request may hold anything. */
static struct pp_bytes
one_line(struct work *w, struct pp_bytes s)
{
    uint8_t *out;
    size_t i;

    for (i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' || s.p[i] == '\n' || !s.p[i]) {
            break;
        }
    }
    if (i == s.n) {
        return s;
    }
    out = pp_arena_alloc(&w->m->arena, s.n);
    if (!out) {
        w->m->failed = true;
        return (struct pp_bytes) { NULL, 0 };
    }
    for (i = 0; i < s.n; i++) {
        out[i] = (s.p[i] == '\r' || s.p[i] == '\n' || !s.p[i] ? ' '
                  : s.p[i]);
    }
    return (struct pp_bytes) { out, s.n };
}

static struct pp_bytes
eval_text(struct work *w, uint32_t node)
{
    return (node == PP_NONE ? (struct pp_bytes) { NULL, 0 }
            : pp_eval(w->m, node).s);
}

static void
make_reply(struct work *w, const struct pp_program_rule *rule)
{
    const struct pp_program_header *headers
        = (const struct pp_program_header *)
          pp_program_at(w->program, w->program->headers) + rule->first_header;
    struct pp_reply *reply = &w->c->reply;

    reply->status = rule->status;
    reply->reason = one_line(w, eval_text(w, rule->reason));
    reply->body = eval_text(w, rule->body);
    reply->raw = rule->raw;
    reply->close = rule->close;
    reply->now = w->m->now;
    for (uint32_t i = 0; i < rule->n_headers; i++) {
        reply->headers[i].name = one_line(w, eval_text(w, headers[i].name));
        reply->headers[i].value = one_line(w, eval_text(w, headers[i].value));
    }
    reply->n_headers = rule->n_headers;
}

/* Reads the number in 's'; false if it is none.  Saturates. */
static bool
read_number(struct pp_bytes s, enum pp_number_form form, int64_t *value)
{
    uint64_t limit = INT64_MAX;
    unsigned int base = form == PP_FORM_HEX ? 16 : 10;
    bool negative = false;
    uint64_t n = 0;

    if (!s.n || (form >= PP_FORM_BE && s.n > 8)) {
        return false;
    }
    if (form == PP_FORM_DECIMAL && s.n > 1
        && (s.p[0] == '-' || s.p[0] == '+')) {
        negative = s.p[0] == '-';
        s.p++;
        s.n--;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (form >= PP_FORM_BE) {
            n = n << 8 | s.p[form == PP_FORM_BE ? i : s.n - 1 - i];
        } else {
            int digit = hexit_value(s.p[i]);

            if (digit < 0 || digit >= (int) base) {
                return false;
            }
            n = n > (limit - digit) / base ? limit : n * base + digit;
        }
    }
    n = MIN(n, limit);
    *value = negative ? -(int64_t) n : (int64_t) n;
    return true;
}

/* The same the other way, in 'length' bytes where these have no end; false if
 * it cannot be written so. */
static bool
write_number(struct work *w, int64_t value, enum pp_number_form form,
             uint32_t length, struct pp_bytes *out)
{
    size_t size = form >= PP_FORM_BE ? length : 24;
    uint8_t *p = pp_arena_alloc(&w->m->arena, size);
    struct pp_buf buf;

    if (!p) {
        w->m->failed = true;
        return true;
    }
    pp_buf_init(&buf, p, size);
    if (form == PP_FORM_DECIMAL) {
        pp_buf_putf(&buf, "%lld", (long long) value);
    } else if (value < 0 || (form >= PP_FORM_BE && length < 8
                             && value >> (8 * length))) {
        return false;
    } else if (form == PP_FORM_HEX) {
        pp_buf_putf(&buf, "%llx", (unsigned long long) value);
    } else {
        for (uint32_t i = 0; i < length; i++) {
            p[form == PP_FORM_LE ? i : length - 1 - i]
                = (uint8_t) ((uint64_t) value >> (8 * i));
        }
        buf.len = length;
    }
    *out = (struct pp_bytes) { p, buf.len };
    return true;
}

/* Moves the number that stands at 'span' into the range of 'rule'. */
static void
clamp(struct work *w, const struct pp_program_rule *rule, struct pp_span span)
{
    struct pp_bytes text = { w->msg->view.base + span.off, span.len };
    struct pp_bytes out = { NULL, 0 };
    int64_t value, clamped;

    if (!read_number(text, rule->form, &value)) {
        fail(w, "the field to be clamped is no number");
        return;
    }
    clamped = value;
    if (rule->low != PP_NONE) {
        clamped = MAX(clamped, pp_eval(w->m, rule->low).i);
    }
    if (rule->high != PP_NONE) {
        clamped = MIN(clamped, pp_eval(w->m, rule->high).i);
    }
    if (clamped == value) {
        return;
    }
    if (!write_number(w, clamped, rule->form, span.len, &out)) {
        fail(w, "what a number is clamped to does not fit into its field");
    } else {
        pp_edits_add(&w->c->edits, span.off, span.len, out);
    }
}

/* Makes the edit of 'rule' to field 'field', element 'index', its field
 * 'sub' (or < 0). */
static void
edit_one(struct work *w, const struct pp_program_rule *rule, uint32_t field,
         uint32_t index, int sub)
{
    static const struct pp_bytes nothing = { NULL, 0 };
    struct pp_edits *edits = &w->c->edits;
    struct pp_span value, extent;

    if (!w->msg->proxy->locate(w->msg, field, index, sub, &value, &extent)) {
        fail(w, "the field to be changed stands nowhere in the message");
        return;
    }
    switch ((enum pp_correct_kind) rule->kind) {
    case PP_CORRECT_DELETE:
        pp_edits_add(edits, extent.off, extent.len, nothing);
        break;
    case PP_CORRECT_REPLACE:
        pp_edits_add(edits, value.off, value.len,
                     pp_eval(w->m, rule->with).s);
        break;
    case PP_CORRECT_TRUNCATE: {
        int64_t n = pp_eval(w->m, rule->with).i;

        n = n < 0 ? 0 : n;
        if (n < value.len) {
            pp_edits_add(edits, value.off + (uint32_t) n,
                         value.len - (uint32_t) n, nothing);
        }
        break;
    }
    case PP_CORRECT_CLAMP:
        clamp(w, rule, value);
        break;
    case PP_CORRECT_INSERT_BEFORE:
        pp_edits_add(edits, extent.off, 0, pp_eval(w->m, rule->with).s);
        break;
    case PP_CORRECT_INSERT_AFTER:
        pp_edits_add(edits, extent.off + extent.len, 0,
                     pp_eval(w->m, rule->with).s);
        break;
    case PP_CORRECT_REJECT:
    case PP_CORRECT_CLOSE:
    case PP_CORRECT_DROP:
    case PP_CORRECT_SET:
    default:
        break;
    }
}

/* Lets scope 0 stand on the element that 'hit' is about. */
static void
enter(struct work *w, const struct pp_program_rule *rule,
      const struct pp_hit *hit)
{
    if (rule->each != PP_NONE) {
        pp_eval_enter_elem(w->m, 0, rule->each, hit->elem);
    }
}

static void
edit(struct work *w, const struct pp_program_rule *rule,
     const struct pp_hit *hit)
{
    const struct pp_node *nodes = pp_program_nodes(w->program);
    const struct pp_node *target;
    const struct pp_cell *list;

    enter(w, rule, hit);
    if (rule->target == PP_NONE) {
        edit_one(w, rule, nodes[rule->each].x, hit->elem, -1);
        return;
    }
    target = &nodes[rule->target];
    if (target->op == PP_OP_FIELD) {
        edit_one(w, rule, target->x, 0, -1);
    } else if (target->op == PP_OP_ELEM) {
        edit_one(w, rule, target->x, hit->elem, (int) target->y);
    } else if (target->op == PP_OP_FIRST) {
        list = pp_eval_list(w->m, target->arg[0]);
        if (list->value.count) {
            edit_one(w, rule, target->x, list->elems ? list->elems[0] : 0,
                     (int) target->y);
        }
    } else {
        list = pp_eval_list(w->m, rule->target);
        for (uint32_t i = 0; i < list->value.count; i++) {
            edit_one(w, rule, target->x, list->elems ? list->elems[i] : i,
                     -1);
        }
    }
}

/* Decides if 'rule' is one that decides alone. */
static bool
decide_alone(struct work *w, const struct pp_program_rule *rule,
             const struct pp_hit *hit)
{
    switch ((enum pp_correct_kind) rule->kind) {
    case PP_CORRECT_REJECT:
        w->c->decision = PP_DECIDE_REJECT;
        w->c->close = rule->reset ? PP_CLOSE_RESET : PP_CLOSE_FIN;
        enter(w, rule, hit);
        make_reply(w, rule);
        break;
    case PP_CORRECT_CLOSE:
        w->c->decision = PP_DECIDE_CLOSE;
        w->c->close = rule->reset ? PP_CLOSE_RESET : PP_CLOSE_FIN;
        break;
    case PP_CORRECT_DROP:
        w->c->decision = PP_DECIDE_DROP;
        break;
    case PP_CORRECT_DELETE:
    case PP_CORRECT_REPLACE:
    case PP_CORRECT_TRUNCATE:
    case PP_CORRECT_CLAMP:
    case PP_CORRECT_INSERT_BEFORE:
    case PP_CORRECT_INSERT_AFTER:
    case PP_CORRECT_SET:
    default:
        return false;
    }
    w->c->patch = hit->patch;
    w->c->rule = hit->rule;
    return true;
}

static void
make_edits(struct work *w, const struct pp_hits *hits)
{
    struct pp_correction *c = w->c;

    for (unsigned int i = 0; i < hits->n && !c->failure; i++) {
        const struct pp_hit *hit = &hits->h[i];
        const struct pp_program_rule *rule
            = &pp_program_rules(w->program)[hit->rule];

        if (!hit->monitor && rule->kind != PP_CORRECT_SET) {
            if (c->patch == PP_NONE) {
                c->patch = hit->patch;
                c->rule = hit->rule;
            }
            edit(w, rule, hit);
        }
    }
    if (c->failure || (!c->edits.n && !c->edits.overflow)) {
        return;
    }
    if (c->edits.overflow) {
        fail(w, "more edits than one message may have");
    } else if (!w->msg->proxy->reframe(w->msg, &c->edits)
               || c->edits.overflow) {
        fail(w, "the message's framing cannot be kept right after the edits");
    } else {
        c->decision = PP_DECIDE_EDIT;
    }
}

void
pp_correct(const struct pp_program *program, const struct pp_msg *msg,
           const struct pp_hits *hits, struct pp_matcher *m, int64_t now,
           struct pp_correction *c)
{
    struct work w = { .program = program, .msg = msg, .m = m, .c = c };
    bool alone = false;

    c->decision = PP_DECIDE_PASS;
    c->patch = c->rule = PP_NONE;
    c->close = PP_CLOSE_NONE;
    c->edits.n = 0;
    c->edits.overflow = false;
    c->edits.arena = &m->arena;
    c->failure = NULL;
    memset(&c->reply, 0, sizeof c->reply);
    m->msg = msg;
    m->now = now;
    for (unsigned int i = 0; i < hits->n && !alone; i++) {
        alone = (!hits->h[i].monitor
                 && decide_alone(&w, &pp_program_rules(program)
                                     [hits->h[i].rule], &hits->h[i]));
    }
    if (!alone) {
        make_edits(&w, hits);
    }
    if ((m->failed || m->arena.full) && c->decision != PP_DECIDE_PASS) {
        fail(&w, "the correction needs more scratch memory than there is");
    }
}
