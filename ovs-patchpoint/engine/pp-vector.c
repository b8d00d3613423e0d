/* SPDX-License-Identifier: Apache-2.0 */

/* Running vectors; see pp-vector.h.
 *
 * In: a patch.  Out: which of its vectors fail, and how.  Runs in the tool,
 * in control when patches are loaded, and in tests, never inline; owns the
 * conversations it plays. */

#include <config.h>

#include "engine/pp-vector.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-inspect.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "util.h"

/* Ways of cutting at random places that are tried. */
#define RANDOM_CUTS 24

/* Views up to this long are copied, so that the sanitizers see a parser that
 * reads beyond; without them that has no use. */
#ifdef __SANITIZE_ADDRESS__
#define COPIED_VIEW_MAX 4096
#else
#define COPIED_VIEW_MAX 0
#endif

/* One direction of the conversation. */
struct side {
    struct ofpbuf in;           /* Undecided. */
    struct ofpbuf out;          /* Decided, since the last expectation. */
    uint64_t skip, swallow;     /* Bytes of the next, or PP_FOREVER. */
    bool eof;                   /* The sender's FIN stands behind 'in'. */
    bool waits;                 /* PP_STEP_WAIT. */
};

/* A conversation being played. */
struct play {
    struct pp_inspector *ins;
    struct pp_inspect *in;
    const struct pp_rules *rules;
    struct side side[2];        /* By enum pp_dir. */
    enum pp_close close;
    unsigned int n_edits;
    unsigned int n_hits;
    bool bad;                   /* No proxy understood it. */
};

static void
count_hit(void *aux OVS_UNUSED, void *conn_aux,
          const struct pp_hit_report *report OVS_UNUSED)
{
    struct play *play = conn_aux;

    play->n_hits++;
}

/* Memory for one conversation of 'proxy' at a time. */
static void
play_create(struct play *play, struct pp_inspector *ins,
            const struct pp_proxy *proxy)
{
    *play = (struct play) { .ins = ins };
    play->in = xzalloc(PP_INSPECT_SIZE(proxy));
    for (int i = 0; i < 2; i++) {
        ofpbuf_init(&play->side[i].in, 0);
        ofpbuf_init(&play->side[i].out, 0);
    }
}

static void
play_destroy(struct play *play)
{
    for (int i = 0; i < 2; i++) {
        ofpbuf_uninit(&play->side[i].in);
        ofpbuf_uninit(&play->side[i].out);
    }
    free(play->in);
}

static void
play_begin(struct play *play, const struct pp_rules *rules,
           const struct pp_ends *ends)
{
    play->rules = rules;
    play->close = PP_CLOSE_NONE;
    play->n_edits = play->n_hits = 0;
    play->bad = false;
    pp_inspect_init(play->in, rules->proxy, ends);
    for (int i = 0; i < 2; i++) {
        struct side *side = &play->side[i];

        ofpbuf_clear(&side->in);
        ofpbuf_clear(&side->out);
        side->skip = side->swallow = 0;
        side->eof = side->waits = false;
    }
}

static void
play_end(struct play *play)
{
    pp_inspect_end(play->ins, play->in);
}

/* Takes up to 'n' bytes off what is undecided; they pass if 'pass'.  Returns
 * how many are still to be taken. */
static uint64_t
take(struct side *side, uint64_t n, bool pass)
{
    uint32_t now = MIN(n, side->in.size);

    if (pass && now) {
        ofpbuf_put(&side->out, side->in.data, now);
    }
    ofpbuf_pull(&side->in, now);
    return n == PP_FOREVER ? n : n - now;
}

static void
pass_edited(struct side *side, uint64_t n, const struct pp_edits *edits)
{
    size_t cap = n;
    struct pp_buf buf;
    uint8_t *data;

    for (unsigned int i = 0; i < edits->n; i++) {
        cap += edits->e[i].ins.n;
    }
    data = xmalloc(cap + 1);
    pp_buf_init(&buf, data, cap);
    pp_edits_apply(edits, side->in.data, n, &buf);
    ofpbuf_put(&side->out, buf.data, buf.len);
    ofpbuf_pull(&side->in, n);
    free(data);
}

static void
play_close(struct play *play, bool reset)
{
    play->close = reset ? PP_CLOSE_RESET : PP_CLOSE_FIN;
    for (int i = 0; i < 2; i++) {
        play->side[i].skip = 0;
        play->side[i].swallow = PP_FOREVER;
    }
}

/* Does what 'step' says; false if there is no more to do for now. */
static bool
play_step(struct play *play, struct side *side, const struct pp_step *step)
{
    switch (step->kind) {
    case PP_STEP_MORE:
        return false;
    case PP_STEP_WAIT:
        side->waits = true;
        return false;
    case PP_STEP_PASS:
        if (step->edits && step->edits->n) {
            play->n_edits += step->edits->n;
            pass_edited(side, step->count, step->edits);
        } else {
            take(side, step->count, true);
        }
        return true;
    case PP_STEP_SKIP:
        side->skip = step->count;
        return true;
    case PP_STEP_SWALLOW:
        side->swallow = step->count;
        return true;
    case PP_STEP_REFUSE:
        take(side, step->count, false);
        ofpbuf_put(&play->side[PP_FROM_SERVER].out, step->reply.p,
                   step->reply.n);
        if (step->close) {
            play_close(play, step->reset);
        }
        return true;
    case PP_STEP_CLOSE:
        play_close(play, step->reset);
        return true;
    case PP_STEP_BAD:
        play->bad = true;
        /* Fall through. */
    case PP_STEP_OPAQUE:
        play->side[PP_TO_SERVER].skip = PP_FOREVER;
        play->side[PP_FROM_SERVER].skip = PP_FOREVER;
        return true;
    case PP_STEP_REPLY:         /* No patch's doing: not asked for. */
    default:
        OVS_NOT_REACHED();
    }
}

static void
play_side(struct play *play, enum pp_dir dir)
{
    struct side *side = &play->side[dir];
    struct side *other = &play->side[!dir];
    bool moved = false;

    side->waits = false;
    for (;;) {
        struct pp_view view;
        struct pp_step step;
        uint8_t *copy = NULL;
        bool more;

        if (side->skip) {
            side->skip = take(side, side->skip, true);
        } else if (side->swallow) {
            side->swallow = take(side, side->swallow, false);
        }
        if (side->skip || side->swallow || (!side->in.size && !side->eof)) {
            break;
        }
        view = (struct pp_view) {
            .base = side->in.data, .len = side->in.size, .eof = side->eof,
        };
        if (view.len && view.len <= COPIED_VIEW_MAX) {
            view.base = copy = xmemdup(view.base, view.len);
        }
        pp_inspect_step(play->ins, play->in, play->rules, dir, &view, play,
                        &step);
        free(copy);
        more = play_step(play, side, &step);
        moved |= more;
        if (!more || (!side->in.size && side->eof)) {
            break;
        }
    }
    if (moved && other->waits) {
        play_side(play, !dir);
    }
}

/* How the bytes of a conversation are cut: after each 'piece' bytes, or, with
 * 'piece' 0, at place 'place' of turn 'turn' only, or, with 'seed', at
 * random. */
struct cut {
    size_t piece;
    size_t turn, place;
    uint32_t seed;
};

/* A small generator: the places must be the same each time. */
static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * UINT32_C(1664525) + UINT32_C(1013904223);
    return *seed >> 8;
}

static size_t
next_piece(const struct cut *cut, uint32_t *seed, size_t turn, size_t done,
           size_t n)
{
    size_t piece = (cut->seed ? 1 + next_random(seed) % (1 + n / 3)
                    : cut->piece ? cut->piece
                    : cut->turn == turn && done < cut->place
                    ? cut->place - done : n);

    return MIN(piece, n - done);
}

static void
play_turn(struct play *play, const struct pp_vector *v, size_t i,
          const struct cut *cut, uint32_t *seed)
{
    const struct pp_turn *turn = &v->turns[i];
    bool client = (turn->kind == PP_TURN_CLIENT
                   || turn->kind == PP_TURN_CLIENT_END);
    enum pp_dir dir = client ? PP_TO_SERVER : PP_FROM_SERVER;

    if (turn->kind == PP_TURN_CLIENT_END || turn->kind == PP_TURN_SERVER_END) {
        play->side[dir].eof = true;
        play_side(play, dir);
        return;
    }
    for (size_t done = 0; done < turn->bytes.n; ) {
        size_t piece = next_piece(cut, seed, i, done, turn->bytes.n);

        ofpbuf_put(&play->side[dir].in, turn->bytes.p + done, piece);
        done += piece;
        play_side(play, dir);
    }
}

/* What is wrong, in words. */

static void
put_escaped(struct ds *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\r') {
            ds_put_cstr(s, "\\r");
        } else if (p[i] == '\n') {
            ds_put_cstr(s, "\\n");
        } else if (p[i] < 0x20 || p[i] >= 0x7f || p[i] == '"'
                   || p[i] == '\\') {
            ds_put_format(s, "\\x%02x", p[i]);
        } else {
            ds_put_char(s, p[i]);
        }
    }
}

/* A stretch of the 'n' bytes at 'p' around 'at'. */
static void
put_around(struct ds *s, const uint8_t *p, size_t n, size_t at)
{
    size_t from = at > 20 ? at - 20 : 0;
    size_t to = MIN(n, at + 40);

    ds_put_cstr(s, from ? "...\"" : "\"");
    if (to > from) {            /* 'p' may be NULL when there is nothing. */
        put_escaped(s, p + from, to - from);
    }
    ds_put_cstr(s, to < n ? "\"..." : "\"");
}

/* NULL if both are equal, else how they differ; to be freed. */
static char *
difference(const char *what, const void *got_, size_t n_got,
           const void *want_, size_t n_want)
{
    const uint8_t *got = got_;
    const uint8_t *want = want_;
    struct ds s = DS_EMPTY_INITIALIZER;
    size_t at = 0;

    while (at < n_got && at < n_want && got[at] == want[at]) {
        at++;
    }
    if (at == n_got && at == n_want) {
        return NULL;
    }
    ds_put_format(&s, "%s: at byte %"PRIuSIZE" there is ", what, at);
    put_around(&s, got, n_got, at);
    ds_put_cstr(&s, ", expected is ");
    put_around(&s, want, n_want, at);
    ds_put_format(&s, " (%"PRIuSIZE" bytes, expected are %"PRIuSIZE")",
                  n_got, n_want);
    return ds_steal_cstr(&s);
}

static const char *
close_name(enum pp_close close)
{
    return (close == PP_CLOSE_FIN ? "closed with FIN"
            : close == PP_CLOSE_RESET ? "reset" : "open");
}

static char *
check_expectation(struct play *play, const struct pp_turn *turn)
{
    struct ofpbuf *to_client = &play->side[PP_FROM_SERVER].out;
    struct ofpbuf *to_server = &play->side[PP_TO_SERVER].out;
    char *error;

    if (play->bad) {
        return xstrdup("the proxy does not understand it: it would be left "
                       "to the fail mode");
    }
    error = difference("to-client", to_client->data, to_client->size,
                       turn->to_client.p, turn->to_client.n);
    if (!error) {
        error = difference("to-server", to_server->data, to_server->size,
                           turn->to_server.p, turn->to_server.n);
    }
    if (!error && play->close != turn->close) {
        error = xasprintf("the connection is %s, expected is that it is %s",
                          close_name(play->close), close_name(turn->close));
    }
    ofpbuf_clear(to_client);
    ofpbuf_clear(to_server);
    return error;
}

/* Running. */

struct run {
    const struct pp_patch *patch;
    enum pp_vectors_how how;
    struct play play;
    struct pp_rules rules[3];   /* By enum pp_patch_mode. */
    struct pp_patchset *sets[3];        /* Of these. */
    struct ofpbuf sent[2];      /* All bytes of the vector, by enum pp_dir. */
    struct pp_vector_stats stats;
};

/* Checks that all that was sent in direction 'dir' has come out as it was.
 * What is held when the conversation ends may be held. */
static char *
check_unchanged(struct run *run, enum pp_dir dir)
{
    const struct ofpbuf *sent = &run->sent[dir];
    struct side *side = &run->play.side[dir];

    take(side, PP_FOREVER, true);
    return difference(dir == PP_TO_SERVER ? "to-server" : "to-client",
                      side->out.data, side->out.size, sent->data, sent->size);
}

/* Plays 'v' once.  'unchanged': nothing may be changed, whatever the vector
 * expects.  Returns what is wrong, or NULL. */
static char *
play_vector(struct run *run, enum pp_patch_mode mode,
            const struct pp_vector *v, const struct cut *cut, bool unchanged,
            unsigned int *n_hits)
{
    struct play *play = &run->play;
    uint32_t seed = cut->seed;
    bool expects = false;
    char *error = NULL;

    play_begin(play, &run->rules[mode], &v->ends);
    for (size_t i = 0; i < v->n_turns && !error; i++) {
        if (v->turns[i].kind != PP_TURN_EXPECT) {
            play_turn(play, v, i, cut, &seed);
        } else if (!unchanged) {
            error = check_expectation(play, &v->turns[i]);
            expects = true;
        }
    }
    if (!error && play->bad && !v->exploit) {
        error = xstrdup("the proxy does not understand it: it would be left "
                        "to the fail mode");
    }
    if (!error && (unchanged || !v->exploit) && !expects) {
        error = check_unchanged(run, PP_TO_SERVER);
        error = error ? error : check_unchanged(run, PP_FROM_SERVER);
    }
    if (!error && (unchanged || !v->exploit)
        && (play->n_edits || play->close != PP_CLOSE_NONE)) {
        error = xasprintf("%u edits were made, and the connection is %s",
                          play->n_edits, close_name(play->close));
    }
    if (!error && !v->exploit && play->n_hits) {
        error = xstrdup("the patch's condition is true for it");
    }
    *n_hits = play->n_hits;
    play_end(play);
    return error;
}

/* Plays 'v', cut as 'cut' says, with the patch in every mode it must be right
 * in.  Returns what is wrong, or NULL. */
static char *
run_cut(struct run *run, const struct pp_vector *v, const struct cut *cut)
{
    bool again = !cut->piece;
    unsigned int n_hits;
    char *error;

    run->stats.n_runs++;
    error = play_vector(run, PP_MODE_ENFORCE, v, cut, false, &n_hits);
    if (error || !v->exploit) {
        return error;
    }
    if (!n_hits) {
        return xstrdup("what is expected comes out, but the patch's condition "
                       "was never true");
    }
    if (again && run->how == PP_VECTORS_LOAD) {
        return NULL;
    }
    for (int mode = PP_MODE_OFF; mode <= PP_MODE_MONITOR; mode++) {
        error = play_vector(run, mode, v, cut, true, &n_hits);
        if (error) {
            char *why = xasprintf("with the patch %s it must pass unchanged: "
                                  "%s", mode == PP_MODE_OFF ? "off"
                                  : "only monitored", error);

            free(error);
            return why;
        }
        if ((mode == PP_MODE_MONITOR) != (n_hits > 0)) {
            return xasprintf("with the patch %s its condition was true %u "
                             "times", mode == PP_MODE_OFF ? "off"
                             : "only monitored", n_hits);
        }
    }
    return NULL;
}

/* Runs 'v' cut as 'cut' says and reports what fails; 'how' says the same in
 * words. */
static bool OVS_PRINTF_FORMAT(5, 6)
try_cut(struct run *run, const struct pp_vector *v, const struct cut *cut,
        struct pp_errors *errors, const char *how, ...)
{
    char *error = run_cut(run, v, cut);
    va_list args;
    char *where;

    if (!error) {
        return true;
    }
    va_start(args, how);
    where = xvasprintf(how, args);
    va_end(args);
    pp_errors_add(errors, run->patch->file, v->line, v->column,
                  "%s '%s', %s: %s",
                  v->exploit ? "exploit" : "benign", v->name, where, error);
    free(where);
    free(error);
    return false;
}

/* Puts down what 'v' sends, and makes the sets with the values of parameters
 * that it is for. */
static void
set_up(struct run *run, const struct pp_vector *v)
{
    for (int dir = 0; dir < 2; dir++) {
        ofpbuf_clear(&run->sent[dir]);
    }
    for (size_t i = 0; i < v->n_turns; i++) {
        const struct pp_turn *turn = &v->turns[i];

        if (turn->kind == PP_TURN_CLIENT || turn->kind == PP_TURN_SERVER) {
            ofpbuf_put(&run->sent[turn->kind == PP_TURN_CLIENT
                                  ? PP_TO_SERVER : PP_FROM_SERVER],
                       turn->bytes.p, turn->bytes.n);
        }
    }
    for (int mode = PP_MODE_OFF; mode <= PP_MODE_ENFORCE; mode++) {
        const struct pp_program *program = run->rules[mode].program;

        run->rules[mode].ends = &v->ends;
        pp_patchset_init(run->sets[mode], program);
        pp_patchset_set(run->sets[mode], program, 0, mode);
        for (size_t i = 0; i < v->n_params; i++) {
            pp_patchset_set_param(run->sets[mode], program, 0,
                                  v->params[i].param, &v->params[i].value);
        }
    }
}

static bool
run_vector(struct run *run, const struct pp_vector *v,
           struct pp_errors *errors)
{
    struct cut whole = { .piece = SIZE_MAX };
    size_t longest = 0;

    run->stats.n_vectors++;
    set_up(run, v);
    if (!try_cut(run, v, &whole, errors, "sent whole")) {
        return false;
    }
    if (run->rules[0].proxy->transport == PP_UDP) {
        return true;            /* A datagram is not cut. */
    }
    for (size_t i = 0; i < v->n_turns; i++) {
        longest = MAX(longest, v->turns[i].bytes.n);
    }
    for (size_t i = 0; i < v->n_turns; i++) {
        size_t n = v->turns[i].bytes.n;
        size_t by = n > PP_VECTOR_CUTS_MAX ? n / PP_VECTOR_CUTS_MAX + 1 : 1;

        for (size_t place = 1; place < n; place += by) {
            struct cut cut = { .turn = i, .place = place };

            if (!try_cut(run, v, &cut, errors, "cut before byte %"PRIuSIZE
                         " of what is sent in line %u", place,
                         v->turns[i].line)) {
                return false;
            }
        }
    }
    whole.piece = longest > PP_VECTOR_CUTS_MAX ? 97 : 1;
    if (!try_cut(run, v, &whole, errors, "sent in pieces of %"PRIuSIZE" bytes",
                 whole.piece)) {
        return false;
    }
    for (uint32_t i = 1; i <= RANDOM_CUTS; i++) {
        struct cut cut = { .seed = i * UINT32_C(2654435761) };

        if (!try_cut(run, v, &cut, errors, "cut at random places (%"PRIu32")",
                     i)) {
            return false;
        }
    }
    return true;
}

struct pp_inspector *
pp_vectors_inspector(void)
{
    struct pp_inspector *ins = pp_inspector_create(count_hit);

    pp_inspector_set_now(ins, PP_VECTOR_NOW);
    return ins;
}

bool
pp_vectors_run_with(struct pp_inspector *ins, const struct pp_patch *patch,
                    enum pp_vectors_how how, struct pp_errors *errors,
                    struct pp_vector_stats *stats)
{
    const struct pp_proxy *const proxies[] = { patch->proxy, NULL };
    struct pp_patch *patches[] = { CONST_CAST(struct pp_patch *, patch) };
    struct pp_pool pool = { .ref_cnt = 1, .n = 1, .patches = patches };
    struct run run = { .patch = patch, .how = how };
    struct pp_program *program;
    bool ok = true;
    char *error;
    size_t size;

    program = pp_program_build(&pool, proxies, &size, &error);
    if (!program || pp_program_check(program, size, proxies)) {
        pp_errors_add(errors, patch->file, 0, 0, "cannot be compiled: %s",
                      program ? pp_program_check(program, size, proxies)
                      : error);
        free(program);
        free(error);
        return false;
    }
    for (int mode = PP_MODE_OFF; mode <= PP_MODE_ENFORCE; mode++) {
        run.sets[mode] = xmalloc(pp_patchset_size(program));
        run.rules[mode] = (struct pp_rules) {
            .proxy = patch->proxy, .program = program, .set = run.sets[mode],
        };
    }
    play_create(&run.play, ins, patch->proxy);
    for (int dir = 0; dir < 2; dir++) {
        ofpbuf_init(&run.sent[dir], 0);
    }
    for (size_t i = 0; i < patch->n_vectors; i++) {
        ok = run_vector(&run, &patch->vectors[i], errors) && ok;
    }
    for (int dir = 0; dir < 2; dir++) {
        ofpbuf_uninit(&run.sent[dir]);
    }
    play_destroy(&run.play);
    pp_inspector_forget_program(ins);
    for (int mode = PP_MODE_OFF; mode <= PP_MODE_ENFORCE; mode++) {
        free(run.sets[mode]);
    }
    free(program);
    if (stats) {
        stats->n_vectors += run.stats.n_vectors;
        stats->n_runs += run.stats.n_runs;
    }
    return ok;
}

bool
pp_vectors_run(const struct pp_patch *patch, enum pp_vectors_how how,
               struct pp_errors *errors, struct pp_vector_stats *stats)
{
    struct pp_inspector *ins = pp_vectors_inspector();
    bool ok = pp_vectors_run_with(ins, patch, how, errors, stats);

    pp_inspector_destroy(ins);
    return ok;
}
