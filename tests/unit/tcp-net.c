/* SPDX-License-Identifier: Apache-2.0 */

/* The modelled network of tcp-model.h, and what the model shares: randomness,
 * text, ranges.
 *
 * In: frames.  Out: the same, late, twice, in another order or not at all.
 * Runs in unit tests only. */

#include <config.h>

#include "tcp-model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

struct tcp_seen tcp_seen;
bool tcp_tracing;

/* The last that happened: enough to see how it came to it, no flood. */
#define TRACE_LINES 120
static char trace[TRACE_LINES][160];
static unsigned int n_trace;

void
tcp_trace(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(trace[n_trace % TRACE_LINES], sizeof trace[0], format, args);
    va_end(args);
    if (getenv("PP_TRACE")) {
        puts(trace[n_trace % TRACE_LINES]);
    }
    n_trace++;
}

void
tcp_trace_show(void)
{
    unsigned int i = n_trace > TRACE_LINES ? n_trace - TRACE_LINES : 0;

    for (; i < n_trace; i++) {
        fprintf(stderr, "%s\n", trace[i % TRACE_LINES]);
    }
}

/* Randomness. */

static uint64_t rng;

void
tcp_srand(uint64_t seed)
{
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (int i = 0; i < 4; i++) {
        tcp_rnd(1);
    }
}

uint32_t
tcp_rnd(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return n ? (uint32_t) (rng >> 16) % n : 0;
}

bool
tcp_chance(uint32_t percent)
{
    return percent && tcp_rnd(100) < percent;
}

/* Text. */

void
tcp_text_room(struct tcp_text *t, size_t n)
{
    if (n > t->allocated) {
        t->allocated = MAX(n, MAX(2 * t->allocated, 1024));
        t->data = xrealloc(t->data, t->allocated);
    }
}

void
tcp_text_put(struct tcp_text *t, const void *p, size_t n)
{
    size_t at = t->n;

    if (!n) {
        return;
    }
    tcp_text_room(t, at + n);
    memmove(t->data + at, p, n);
    t->n += n;
}

bool
tcp_ranges_have(const struct tcp_ranges *ranges, uint64_t l, uint64_t r)
{
    for (unsigned int i = 0; i < ranges->n; i++) {
        if (ranges->r[i].l <= l && ranges->r[i].r >= r) {
            return true;
        }
    }
    return false;
}

void
tcp_ranges_add(struct tcp_ranges *ranges, uint64_t l, uint64_t r,
               bool all_wait)
{
    unsigned int i = 0, n;

    while (i < ranges->n && ranges->r[i].r < l) {
        i++;
    }
    for (n = i; n < ranges->n && ranges->r[n].l <= r; n++) {
        l = MIN(l, ranges->r[n].l);
        r = MAX(r, ranges->r[n].r);
    }
    if (n == i && ranges->n == TCP_RANGES_MAX && !all_wait) {
        return;
    }
    memmove(&ranges->r[i + 1], &ranges->r[n],
            (ranges->n - n) * sizeof ranges->r[0]);
    ranges->n -= n - i;
    ranges->n++;
    ranges->r[i] = (struct tcp_range) { l, r };
}

void
tcp_ranges_trim(struct tcp_ranges *ranges, uint64_t before)
{
    unsigned int n = 0;

    while (n < ranges->n && ranges->r[n].r <= before) {
        n++;
    }
    if (n) {
        ranges->n -= n;
        memmove(&ranges->r[0], &ranges->r[n],
                ranges->n * sizeof ranges->r[0]);
    }
}

/* Frames. */

static bool
before(const struct tcp_frame *a, const struct tcp_frame *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void
push(struct tcp_net *net, struct tcp_frame *f)
{
    size_t i = net->n++;

    if (net->n > net->allocated) {
        net->allocated = MAX(64, 2 * net->allocated);
        net->queue = xrealloc(net->queue,
                              net->allocated * sizeof *net->queue);
    }
    while (i && before(f, net->queue[(i - 1) / 2])) {
        net->queue[i] = net->queue[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    net->queue[i] = f;
}

static struct tcp_frame *
pop(struct tcp_net *net)
{
    struct tcp_frame *first = net->queue[0];
    struct tcp_frame *last = net->queue[--net->n];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= net->n) {
            break;
        } else if (child + 1 < net->n
                   && before(net->queue[child + 1], net->queue[child])) {
            child++;
        }
        if (!before(net->queue[child], last)) {
            break;
        }
        net->queue[i] = net->queue[child];
        i = child;
    }
    net->queue[i] = last;
    return first;
}

void
tcp_net_send(struct tcp_net *net, bool to_stage, enum pp_dir dir,
             const void *data, size_t len)
{
    struct tcp_frame *f;
    bool near = net->near[to_stage ? dir : !dir];
    uint64_t late = near ? 0 : tcp_rnd(net->jitter);

    tcp_seen.frames++;
    if (!near && tcp_chance(net->loss)) {
        tcp_seen.lost++;
        TCP_TRACE("%llu: lost", (unsigned long long) net->now);
        return;
    }
    tcp_seen.reordered += late > 1;
    for (int copies = 1 + (!near && tcp_chance(net->dup)); copies > 0;
         copies--) {
        f = xmalloc(sizeof *f + len);
        *f = (struct tcp_frame) {
            .at = net->now + 1 + late, .order = net->order++,
            .to_stage = to_stage, .dir = (uint8_t) dir, .life = net->life,
            .foreign = net->foreign,
            .len = (uint32_t) len,
        };
        memcpy(f->data, data, len);
        push(net, f);
        tcp_seen.duplicated += copies > 1;
        late += tcp_rnd(30);
    }
}

struct tcp_frame *
tcp_net_next(struct tcp_net *net)
{
    return net->n && net->queue[0]->at <= net->now ? pop(net) : NULL;
}

uint64_t
tcp_net_deadline(const struct tcp_net *net)
{
    return net->n ? net->queue[0]->at : UINT64_MAX;
}

void
tcp_net_clear(struct tcp_net *net)
{
    while (net->n) {
        free(net->queue[--net->n]);
    }
}
