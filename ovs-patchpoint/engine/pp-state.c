/* SPDX-License-Identifier: Apache-2.0 */

/* What patches keep of a connection; see pp-state.h.
 *
 * In: values that rules set.  Out: the same, later.  Runs in the engine and in
 * whatever plays vectors; owns the values, in memory that is bounded per
 * connection and in all. */

#include <config.h>

#include "engine/pp-state.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static const struct pp_state nothing;

int64_t
pp_state_get(const struct pp_state *state, uint64_t key)
{
    for (uint32_t i = 0; state && i < state->n; i++) {
        if (state->v[i].key == key) {
            return state->v[i].value;
        }
    }
    return 0;
}

bool
pp_state_set(struct pp_state *state, uint64_t key, int64_t value)
{
    uint32_t i = 0;

    while (i < state->n && state->v[i].key != key) {
        i++;
    }
    if (!value) {
        if (i < state->n) {
            state->v[i] = state->v[--state->n];
        }
        return true;
    } else if (i == PP_STATE_MAX) {
        return false;
    }
    state->v[i].key = key;
    state->v[i].value = value;
    state->n = MAX(state->n, i + 1);
    return true;
}

void
pp_states_destroy(struct pp_states *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        free(all->s[i]);
    }
    free(all->s);
    free(all->next);
    memset(all, 0, sizeof *all);
}

static struct pp_state *
get(const struct pp_states *all, uint32_t handle)
{
    return handle ? all->s[handle - 1] : NULL;
}

/* A handle for a new state, a copy of 'from'; 0 if there are too many. */
static uint32_t
add(struct pp_states *all, const struct pp_state *from)
{
    uint32_t handle = all->free;

    if (handle) {
        all->free = all->next[handle - 1];
    } else if (all->n < all->max) {
        if (!(all->n & (all->n - 1))) {
            size_t n = all->n ? 2 * (size_t) all->n : 1;

            all->s = xrealloc(all->s, n * sizeof *all->s);
            all->next = xrealloc(all->next, n * sizeof *all->next);
        }
        handle = ++all->n;
    } else {
        return 0;
    }
    all->n_used++;
    all->s[handle - 1] = xmemdup(from, sizeof *from);
    all->s[handle - 1]->start = 0;
    return handle;
}

static void
drop(struct pp_states *all, uint32_t handle)
{
    if (handle) {
        free(all->s[handle - 1]);
        all->s[handle - 1] = NULL;
        all->n_used--;
        all->next[handle - 1] = all->free;
        all->free = handle;
    }
}

const struct pp_state *
pp_states_now(const struct pp_states *all, uint32_t handle)
{
    return handle ? get(all, handle) : &nothing;
}

const struct pp_state *
pp_states_start(const struct pp_states *all, uint32_t handle)
{
    return pp_states_now(all, handle ? get(all, handle)->start : 0);
}

bool
pp_states_set(struct pp_states *all, uint32_t *handle, uint64_t key,
              int64_t value)
{
    if (!*handle) {
        if (!value) {
            return true;
        }
        *handle = add(all, &nothing);
        if (!*handle) {
            return false;
        }
    }
    return pp_state_set(get(all, *handle), key, value);
}

bool
pp_states_begin(struct pp_states *all, uint32_t handle)
{
    uint32_t start;

    if (!handle) {
        return true;            /* From nothing. */
    }
    drop(all, get(all, handle)->start);
    get(all, handle)->start = 0;
    start = add(all, get(all, handle));
    get(all, handle)->start = start;
    return start != 0;
}

bool
pp_states_commit(struct pp_states *all, uint32_t *handle,
                 const struct pp_state *now)
{
    struct pp_state *state = get(all, *handle);

    if (!state) {
        if (now && now->n) {
            *handle = add(all, now);
        }
        return *handle || !now || !now->n;
    }
    drop(all, state->start);
    if (now) {
        *state = *now;
    }
    state->start = 0;
    if (!state->n) {
        drop(all, *handle);
        *handle = 0;
    }
    return true;
}

void
pp_states_forget(struct pp_states *all, uint32_t *handle)
{
    if (*handle) {
        drop(all, get(all, *handle)->start);
        drop(all, *handle);
        *handle = 0;
    }
}
