/* SPDX-License-Identifier: Apache-2.0 */

/* Timers: see pp-timers.h.
 *
 * In: timers and the time.  Out: those that are due.  Runs in the engine and
 * in the offline tool, for the stream stage, which owns the timers. */

#include <config.h>

#include "engine/pp-timers.h"

#include "util.h"

#define BITS 6                  /* Of a slot's number. */
BUILD_ASSERT_DECL(1 << BITS == PP_TIMERS_SLOTS);

void
pp_timers_init(struct pp_timers *timers)
{
    timers->now = 0;
    for (int level = 0; level < PP_TIMERS_LEVELS; level++) {
        timers->used[level] = 0;
        for (int slot = 0; slot < PP_TIMERS_SLOTS; slot++) {
            ovs_list_init(&timers->slots[level][slot]);
        }
    }
}

static void
take_out(struct pp_timers *timers, struct pp_timer *timer)
{
    struct ovs_list *slot = &timers->slots[timer->level][timer->slot];

    ovs_list_remove(&timer->node);
    if (ovs_list_is_empty(slot)) {
        timers->used[timer->level] &= ~(UINT64_C(1) << timer->slot);
    }
}

/* Puts 'timer' where its time is in the present turn. */
static void
put_in(struct pp_timers *timers, struct pp_timer *timer)
{
    uint64_t at = MAX(timer->at, timers->now);
    uint64_t differs = at ^ timers->now;
    unsigned int level = differs ? (unsigned int) log_2_floor(differs) / BITS
                         : 0;

    timer->level = (uint8_t) level;
    timer->slot = (uint8_t) (at >> level * BITS & (PP_TIMERS_SLOTS - 1));
    ovs_list_push_back(&timers->slots[level][timer->slot], &timer->node);
    timers->used[level] |= UINT64_C(1) << timer->slot;
}

void
pp_timers_set(struct pp_timers *timers, struct pp_timer *timer, uint64_t at)
{
    if (timer->at == at) {
        return;
    } else if (timer->at) {
        take_out(timers, timer);
    }
    timer->at = at;
    if (at) {
        put_in(timers, timer);
    }
}

/* The slot that begins first and is not empty: when that is, and its level.
 * At most one on each level has begun, whose timers are on their way down. */
static uint64_t
first_slot(const struct pp_timers *timers, unsigned int *levelp)
{
    uint64_t first = UINT64_MAX;

    for (unsigned int level = 0; level < PP_TIMERS_LEVELS; level++) {
        if (timers->used[level]) {
            unsigned int shift = level * BITS;
            uint64_t turn = timers->now >> shift >> BITS << BITS;
            uint64_t slot = (uint64_t) raw_ctz(timers->used[level]);
            uint64_t begins = MAX((turn | slot) << shift, timers->now);

            if (begins < first) {
                first = begins;
                *levelp = level;
            }
        }
    }
    return first;
}

uint64_t
pp_timers_next(const struct pp_timers *timers)
{
    unsigned int level = 0;

    return first_slot(timers, &level);
}

struct pp_timer *
pp_timers_due(struct pp_timers *timers, uint64_t now)
{
    for (;;) {
        unsigned int level = 0;
        uint64_t begins = first_slot(timers, &level);
        struct pp_timer *timer;
        struct ovs_list *slot;

        if (begins > now) {
            /* Nothing is left in the turns that are over. */
            timers->now = MAX(timers->now, now);
            return NULL;
        }
        timers->now = begins;
        slot = &timers->slots[level][raw_ctz(timers->used[level])];
        timer = CONTAINER_OF(ovs_list_front(slot), struct pp_timer, node);
        take_out(timers, timer);
        if (timer->at <= begins) {
            timer->at = 0;
            return timer;
        }
        put_in(timers, timer);
    }
}
