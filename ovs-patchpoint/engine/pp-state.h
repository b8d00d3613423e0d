/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_STATE_H
#define PP_STATE_H 1

/* What patches keep of a connection from one message to the next.
 *
 * A value is known by a key, which is made of the patch's id and the value's
 * name and so outlives a change of the patches.  What was never set is 0, and
 * costs nothing: a connection has memory here only once a patch has set a
 * value that is not 0, and then PP_STATE_MAX of them.
 *
 * In a group of units (pp-proxy.h) what was known at its start is kept as
 * well: when units of the group are corrected, all of it is decided anew. */

#include <stdbool.h>
#include <stdint.h>

#define PP_STATE_MAX 32         /* Values of one connection. */

/* States in all: for as many connections as an engine follows (struct
 * pp_limits), and for what groups started with, so that nobody can use up what
 * others need. */
#define PP_STATES_MAX (2 * 1024 * 1024)

struct pp_state {
    uint32_t n;
    uint32_t start;             /* Handle of what it was when the group
                                 * started; 0: nothing. */
    struct {
        uint64_t key;
        int64_t value;          /* Not 0. */
    } v[PP_STATE_MAX];
};

/* The value for 'key'; 0 if there is none, or no state. */
int64_t pp_state_get(const struct pp_state *, uint64_t key);

/* Sets it.  False if there is no room: it stays as it was. */
bool pp_state_set(struct pp_state *, uint64_t key, int64_t value);

/* Those of all connections of an inspector.  A connection keeps a handle, 0 as
 * long as it has nothing. */
struct pp_states {
    struct pp_state **s;        /* By handle - 1. */
    uint32_t *next;             /* Of the free ones: the next handle. */
    uint32_t free;              /* First free handle, or 0. */
    uint32_t n;                 /* In 's'. */
    uint32_t n_used;            /* Of these, not free. */
    uint32_t max;               /* 'n' does not pass it. */
};

void pp_states_destroy(struct pp_states *);

/* What is known now, and what was at the start of the group. */
const struct pp_state *pp_states_now(const struct pp_states *,
                                     uint32_t handle);
const struct pp_state *pp_states_start(const struct pp_states *,
                                       uint32_t handle);

/* As pp_state_set(); makes room for a connection's first. */
bool pp_states_set(struct pp_states *, uint32_t *handle, uint64_t key,
                   int64_t value);

/* A group starts here; false if there was no room to keep what it starts
 * with. */
bool pp_states_begin(struct pp_states *, uint32_t handle);

/* A group ends; with 'now', that is what is known from here on.  False if
 * there is no room for it. */
bool pp_states_commit(struct pp_states *, uint32_t *handle,
                      const struct pp_state *now);

/* The connection is over. */
void pp_states_forget(struct pp_states *, uint32_t *handle);

#endif /* pp-state.h */
