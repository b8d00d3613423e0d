/* SPDX-License-Identifier: Apache-2.0 */

/* What was decided about the bytes of both sides, and so what each end has to
 * read; see stream-world.h.
 *
 * In: decisions.  Out: whether bytes are those that they must be.  Runs in
 * unit tests only. */

#include <config.h>

#include "stream-want.h"

#include <stdlib.h>
#include <string.h>

#include "stream-world.h"
#include "util.h"

uint64_t
offset_of(uint32_t isn, uint32_t seq, uint64_t near)
{
    return near + (uint64_t) (int64_t) (int32_t)
           (seq - (isn + 1 + (uint32_t) near));
}

/* The frame at hand, or the stage, is still at an earlier life. */
bool
is_stray(const struct world *w)
{
    return ((w->frame && w->frame->life != w->net.life)
            || w->conn_life != w->net.life);
}

/* What was decided. */

static void
add_run(struct world_side *side, uint64_t in, uint64_t out, uint64_t len)
{
    struct world_run *last = (side->n_runs ? &side->runs[side->n_runs - 1]
                              : NULL);

    if (last && last->in + last->len == in && last->out + last->len == out) {
        last->len += len;
        return;
    }
    if (side->n_runs == side->allocated) {
        side->allocated = MAX(16, 2 * side->allocated);
        side->runs = xrealloc(side->runs,
                              side->allocated * sizeof *side->runs);
    }
    side->runs[side->n_runs++] = (struct world_run) { in, out, len };
}

/* The sender's next 'n' bytes, which are 'p', pass. */
void
want_pass(struct world_side *side, const uint8_t *p, uint64_t n)
{
    add_run(side, side->taken, side->want.n, n);
    tcp_text_put(&side->want, p, n);
    side->taken += n;
}

/* From-server bytes pass without being asked for: those before 'in' did. */
void
want_passed(struct world *w, uint64_t in)
{
    struct world_side *side = &w->side[PP_FROM_SERVER];
    struct tcp_end *server = &w->end[PP_FROM_SERVER];

    in = MIN(in, server->out.n);
    if (in > side->taken) {
        want_pass(side, server->out.data + side->taken, in - side->taken);
    }
}

void
set_mode(struct world *w, enum world_mode mode)
{
    if (w->mode == WORLD_ABORTED && mode < w->mode) {
        return;
    }
    w->mode = mode;
    w->mode_at = w->net.now;
    TCP_TRACE("%llu: mode %d", (unsigned long long) w->net.now, mode);
}

/* Where the engine stands in, bytes that passed before are all that comes. */
void
want_close(struct world *w, enum world_mode mode)
{
    want_passed(w, w->conn->half[PP_FROM_SERVER].high);
    set_mode(w, mode);
    w->cut = true;
}

/* True unless the engine stands in for the ends. */
bool
is_open(const struct world *w)
{
    return !w->cut;
}

/* The end of the stream of direction 'dir', where its FIN stands, as far as it
 * is known. */
uint64_t
want_end(const struct world *w, enum pp_dir dir)
{
    const struct world_side *side = &w->side[dir];

    return side->want.n + (is_open(w)
                           ? w->end[dir].out.n - side->taken : 0);
}

/* True if 'n' bytes at 'p' stand at 'out' in the stream of 'dir'. */
bool
is_wanted(const struct world *w, enum pp_dir dir, uint64_t out,
          const uint8_t *p, size_t n)
{
    const struct world_side *side = &w->side[dir];
    const struct tcp_end *sender = &w->end[dir];
    size_t decided = out < side->want.n ? MIN(n, side->want.n - out) : 0;
    uint64_t in = side->taken + (out + decided - side->want.n);

    if (out + n <= w->around_end[dir]
        && !memcmp(sender->out.data + out, p, n)) {
        /* It came around the stage before anything was edited. */
        return true;
    }
    if (decided && memcmp(side->want.data + out, p, decided)) {
        return false;
    }
    return (decided == n
            || (((dir == PP_FROM_SERVER && is_open(w))
                 || in + (n - decided) <= w->around_end[dir])
                && in + (n - decided) <= sender->out.n
                && !memcmp(sender->out.data + in, p + decided,
                           n - decided)));
}
