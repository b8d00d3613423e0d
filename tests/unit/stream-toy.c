/* SPDX-License-Identifier: Apache-2.0 */

/* The toy protocol of stream-world.h, as a pipeline would speak it.
 *
 * In: the bytes that the stage shows.  Out: what becomes of them, to the stage
 * and to what is wanted of it.  Runs in unit tests only. */

#include <config.h>

#include "stream-want.h"

#include <stdlib.h>
#include <string.h>

#include "pp-reader.h"
#include "util.h"

#define LINE_MAX_TOY 8192

static void
edit_line(struct world_side *side, const uint8_t *line, size_t n,
          struct pp_edits *edits)
{
    edits->n = 0;
    for (size_t i = 0; i < n; i++) {
        bool e = line[i] == 'e' && i;
        bool k = line[i] == 'k' && i;

        if ((!e && !k) || edits->n == PP_EDITS_MAX) {
            want_pass(side, line + i, 1);
            continue;
        }
        edits->e[edits->n++] = (struct pp_edit) {
            .off = (uint32_t) i, .removed = 1,
            .ins = { .p = (const uint8_t *) "[+]", .n = e ? 3 : 0 },
        };
        tcp_text_put(&side->want, "[+]", e ? 3 : 0);
        side->taken++;
        tcp_seen.growing += e;
        tcp_seen.shrinking += k;
    }
    tcp_seen.edits += edits->n;
}

static void
refuse(struct world *w, const uint8_t *line, size_t n, struct pp_step *step)
{
    static uint8_t reply[LINE_MAX_TOY + 8];
    const struct pp_half *from = &w->conn->half[PP_FROM_SERVER];

    step->kind = PP_STEP_REFUSE;
    n = MIN(n, LINE_MAX_TOY);
    memcpy(reply, "refused ", 8);
    memcpy(reply + 8, line, n);
    step->reply = (struct pp_bytes) { .p = reply, .n = n + 8 };
    if (from->fin == UINT64_MAX) {
        want_passed(w, from->high);
        tcp_text_put(&w->side[PP_FROM_SERVER].want, reply, n + 8);
        tcp_seen.replies++;
    }
    if (step->close) {
        tcp_seen.refusals_close++;
        want_close(w, WORLD_CLOSED);
    } else {
        tcp_seen.refusals_open++;
    }
}

void
toy_pass_unseen(struct world *w)
{
    struct tcp_end *client = &w->end[PP_TO_SERVER];
    struct world_side *to = &w->side[PP_TO_SERVER];

    want_pass(to, client->out.data + to->taken, client->out.n - to->taken);
    /* Nobody cares any more what is urgent. */
    w->end[PP_FROM_SERVER].minds_urgent = false;
}

/* A line of 'n' bytes. */
static void
toy_line(struct world *w, const uint8_t *line, size_t n, struct pp_step *step)
{
    static struct pp_edits edits;
    struct world_side *to = &w->side[PP_TO_SERVER];
    bool honest = !w->end[PP_TO_SERVER].lies;
    uint8_t kind = line[0];
    uint32_t number = (uint32_t) strtoul((const char *) line + 1, NULL, 10);

    *step = (struct pp_step) { .kind = PP_STEP_PASS, .count = n };
    if (kind == 'E') {
        w->owed++;
        edit_line(to, line, n, &edits);
        step->edits = &edits;
    } else if (kind == 'D' || (kind == 'T' && honest)) {
        step->kind = PP_STEP_SWALLOW;
        step->count += kind == 'T' ? number : 0;
        to->taken += step->count;
        tcp_seen.swallowed++;
    } else if (kind == 'R' || kind == 'C') {
        step->close = kind == 'C';
        to->taken += n;
        refuse(w, line, n, step);
    } else if (kind == 'X' || kind == 'Z') {
        step->kind = PP_STEP_CLOSE;
        step->reset = kind == 'Z';
        tcp_seen.closes += kind == 'X';
        tcp_seen.resets += kind == 'Z';
        want_close(w, kind == 'X' ? WORLD_CLOSED : WORLD_RESET);
    } else if (kind == 'B' && honest && w->fail == PP_FAIL_CLOSED) {
        step->kind = PP_STEP_BAD;
        tcp_seen.bad_closed++;
        want_close(w, WORLD_RESET);
    } else if ((kind == 'B' || kind == 'O') && honest) {
        step->kind = kind == 'B' ? PP_STEP_BAD : PP_STEP_OPAQUE;
        tcp_seen.bad_open += kind == 'B';
        tcp_seen.opaque += kind == 'O';
        toy_pass_unseen(w);
    } else {
        w->owed++;
        want_pass(to, line, n);
        w->skip = kind == 'S' && honest ? number : 0;
    }
}

static void
toy_step(struct world *w, const struct pp_view *view, struct pp_step *step)
{
    struct world_side *to = &w->side[PP_TO_SERVER];
    struct tcp_end *client = &w->end[PP_TO_SERVER];
    const uint8_t *nl = memchr(view->base, '\n', view->len);
    size_t n = nl ? (size_t) (nl + 1 - view->base) : 0;
    uint8_t kind = view->base[0];

    *step = (struct pp_step) { .kind = PP_STEP_MORE };
    if (w->conn->restored) {
        toy_pass_unseen(w);
        step->kind = PP_STEP_OPAQUE;
    } else if (w->skip) {
        *step = (struct pp_step) { .kind = PP_STEP_SKIP, .count = w->skip };
        want_pass(to, client->out.data + to->taken, w->skip);
        tcp_seen.skipped++;
        w->skip = 0;
    } else if (!nl) {
        if (view->eof) {
            tcp_seen.cut_by_fin++;
            want_pass(to, view->base, view->len);
            *step = (struct pp_step) { .kind = PP_STEP_PASS,
                                       .count = view->len };
        }
    } else if (kind == 'H' && !view->eof
               && !memchr(nl + 1, '\n', view->len - n)) {
        /* The next line first. */
    } else if (strchr("RCX", kind) && w->owed) {
        tcp_seen.waits++;
        step->kind = PP_STEP_WAIT;
    } else {
        toy_line(w, view->base, n, step);
    }
}

static void
observe_step(struct world *w, const struct pp_view *view,
             struct pp_step *step)
{
    const uint8_t *nl = memchr(view->base, '\n', view->len);
    size_t n = nl ? (size_t) (nl + 1 - view->base) : view->len;

    *step = (struct pp_step) { .kind = PP_STEP_MORE };
    if (nl || view->len > 500) {
        *step = (struct pp_step) { .kind = PP_STEP_PASS, .count = n };
        want_passed(w, w->conn->half[PP_FROM_SERVER].decided + n);
        if (nl && !w->owed && !w->unguarded) {
            tcp_fail("an answer to nothing");
        }
        w->owed -= nl && w->owed;
    }
}

/* Bytes that were seen once must not change before they are decided. */
static void
check_view(struct world *w, const struct pp_view *view)
{
    const struct pp_half *to = &w->conn->half[PP_TO_SERVER];
    size_t n = MIN(view->len, w->seen.n);

    if (to->decided != w->side[PP_TO_SERVER].taken) {
        tcp_fail("the stage decided %llu bytes, not %llu",
                 (unsigned long long) to->decided,
                 (unsigned long long) w->side[PP_TO_SERVER].taken);
    } else if (view->len < w->seen.n
               || (n && memcmp(view->base, w->seen.data, n))) {
        tcp_fail("undecided bytes at %llu changed",
                 (unsigned long long) to->decided);
    }
    tcp_text_put(&w->seen, view->base + n, view->len - n);
}

static void
decide(struct world *w, enum pp_dir dir)
{
    struct pp_step step = { .kind = PP_STEP_MORE };
    struct pp_view view;

    while (pp_stream_view(&w->st, dir, &view)) {
        if (w->conn_life != w->net.life) {
            /* Late frames of an earlier life, which nobody is to read. */
            step = (struct pp_step) { .kind = PP_STEP_OPAQUE };
        } else if (dir == PP_TO_SERVER) {
            check_view(w, &view);
            if (pp_stream_must_ask(&w->st, w->conn)) {
                break;
            }
            toy_step(w, &view, &step);
        } else {
            observe_step(w, &view, &step);
        }
        if (step.kind == PP_STEP_MORE || step.kind == PP_STEP_WAIT) {
            break;
        }
        if (dir == PP_TO_SERVER) {
            uint64_t n = MIN(step.count, w->seen.n);

            w->seen.n -= n;
            memmove(w->seen.data, w->seen.data + n, w->seen.n);
        }
        TCP_TRACE("%llu: step %d of %llu",
                  (unsigned long long) w->net.now, step.kind,
                  (unsigned long long) step.count);
        pp_stream_apply(&w->st, dir, &view, &step, w->fail);
        if (w->conn->state == PP_CONN_CLOSING) {
            return;
        }
    }
    if (dir == PP_TO_SERVER) {
        w->waits = step.kind == PP_STEP_WAIT;
    }
    pp_stream_out(&w->st, dir);
}

/* Only what may have gone around the stage it may miss. */
static void
check_lost(struct world *w)
{
    if (w->st.epoch == (uint16_t) w->seed && !w->went_around
        && !is_stray(w)) {
        tcp_fail("the stage finds that bytes went around it");
    }
    w->went_around = true;
}

void
toy_lose(struct world *w)
{
    const struct pp_half *to = &w->conn->half[PP_TO_SERVER];

    if (w->conn->state == PP_CONN_CLOSING || is_stray(w)) {
        /* Nothing comes of it. */
    } else if (w->conn->out_of_step || to->swallow > to->decided) {
        tcp_seen.out_of_step++;
        check_lost(w);
        set_mode(w, WORLD_ABORTED);
    } else if (w->conn->state == PP_CONN_INSPECTED) {
        tcp_seen.went_around++;
        check_lost(w);
        if (w->fail == PP_FAIL_OPEN) {
            toy_pass_unseen(w);
        } else {
            set_mode(w, WORLD_ABORTED);
        }
    }
    pp_stream_lose(&w->st, w->conn, w->fail);
    w->waits = false;
}

void
toy_inspect(struct world *w, enum pp_dir dir)
{
    decide(w, dir);
    if (dir == PP_FROM_SERVER && w->waits
        && w->conn->state != PP_CONN_CLOSING) {
        decide(w, PP_TO_SERVER);
    }
    if (w->waits && w->conn->state != PP_CONN_CLOSING
        && pp_stream_has_ended(w->conn, PP_FROM_SERVER)) {
        const struct pp_step step = { .kind = PP_STEP_CLOSE };
        const struct pp_view view = { .len = 0 };

        tcp_seen.waits_in_vain++;
        want_close(w, WORLD_CLOSED);
        pp_stream_apply(&w->st, PP_TO_SERVER, &view, &step, w->fail);
    }
}
