/* SPDX-License-Identifier: Apache-2.0 */

/* Numbers of patches, by which the engine counts; see pp-hits.h.
 *
 * In: the patches of each pool, the engine's counters.  Out: counts by id.
 * Runs in control's main loop.  Owns the numbers. */

#include <config.h>

#include "pp-hits.h"

#include <stdlib.h>

#include "engine/pp-ipc.h"
#include "openvswitch/shash.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "util.h"

struct entry {
    uint32_t number;
    uint64_t base;              /* What the engine's counter was before. */
    bool used;                  /* In the pool. */
};

static struct shash entries = SHASH_INITIALIZER(&entries);      /* By id. */
static const char *ids[PP_PATCHES_MAX];         /* By number; those in
                                                 * 'entries'. */
static uint32_t n_numbers;      /* That were ever given. */

/* Takes the number of a patch that is no longer there. */
static uint32_t
take_number(void)
{
    struct shash_node *node;
    uint32_t number;

    if (n_numbers < PP_PATCHES_MAX) {
        return n_numbers++;
    }
    SHASH_FOR_EACH_SAFE (node, &entries) {
        struct entry *e = node->data;

        if (!e->used) {
            number = e->number;
            free(e);
            shash_delete(&entries, node);
            return number;
        }
    }
    OVS_NOT_REACHED();          /* A pool has no more patches than there are
                                 * numbers. */
}

void
pp_hits_assign(const struct pp_pool *pool, const struct pp_counters *counters)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &entries) {
        ((struct entry *) node->data)->used = false;
    }
    for (size_t i = 0; i < pool->n; i++) {
        struct entry *e = shash_find_data(&entries, pool->patches[i]->id);

        if (e) {
            e->used = true;
        }
    }
    for (size_t i = 0; i < pool->n; i++) {
        const char *id = pool->patches[i]->id;
        struct entry *e;

        if (shash_find(&entries, id)) {
            continue;
        }
        e = xzalloc(sizeof *e);
        e->number = take_number();
        e->base = counters->patch_hits[e->number];
        e->used = true;
        ids[e->number] = shash_add(&entries, id, e)->name;
    }
}

uint32_t
pp_hits_number(const char *id)
{
    const struct entry *e = shash_find_data(&entries, id);

    return e->number;
}

const char *
pp_hits_id(uint32_t number)
{
    return number < n_numbers ? ids[number] : NULL;
}

uint64_t
pp_hits_count(const char *id, const struct pp_counters *counters)
{
    const struct entry *e = shash_find_data(&entries, id);

    return counters->patch_hits[e->number] - e->base;
}

void
pp_hits_destroy(void)
{
    shash_destroy_free_data(&entries);
}
