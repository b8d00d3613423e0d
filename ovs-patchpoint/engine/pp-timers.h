/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_TIMERS_H
#define PP_TIMERS_H 1

/* Timers: a hierarchical wheel.
 *
 * Whatever is done with a timer takes the same time, however many there are.
 * Each level has 64 slots, and a slot of one level is as long as all of the
 * level below; a timer is in the lowest level whose present turn has it, and
 * goes down one or more levels when its slot begins. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/list.h"

#define PP_TIMERS_LEVELS 11     /* 64^11 is more than 64 bits. */
#define PP_TIMERS_SLOTS 64

struct pp_timer {
    struct ovs_list node;       /* In a slot, if 'at'. */
    uint64_t at;                /* When, in ms; 0: it is off. */
    uint8_t level, slot;
};

struct pp_timers {
    uint64_t now;               /* All before this has been due. */
    uint64_t used[PP_TIMERS_LEVELS];    /* Bit N: slot N is not empty. */
    struct ovs_list slots[PP_TIMERS_LEVELS][PP_TIMERS_SLOTS];
};

void pp_timers_init(struct pp_timers *);

/* Sets 'timer' to 'at', which may be over already; 0 puts it off.  A timer
 * that is all zero is off. */
void pp_timers_set(struct pp_timers *, struct pp_timer *, uint64_t at);

/* When pp_timers_due() is to be called, in ms; UINT64_MAX: there are none.
 * That may be somewhat before a timer is due. */
uint64_t pp_timers_next(const struct pp_timers *);

/* A timer that is due at 'now', which is put off, or NULL.  Time does not go
 * back. */
struct pp_timer *pp_timers_due(struct pp_timers *, uint64_t now);

#endif /* pp-timers.h */
