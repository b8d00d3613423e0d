/* SPDX-License-Identifier: Apache-2.0 */

/* How often each patch's condition held on the traffic of each server, over
 * restarts of the daemon.
 *
 * In: the counts since the daemon was started (pp-server-hits.h), and what the
 * PatchPoint database had counted when that was.  Out: totals, which
 * pp-db-write.c writes.
 *
 * Runs in control's main loop.  Owns the totals. */

#include <config.h>

#include "pp-db.h"

#include <stdlib.h>

#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"
#include "pp-db-private.h"
#include "pp-server-hits.h"
#include "util.h"

struct server {
    struct hmap_node hmap_node; /* In 'servers', by id. */
    uint32_t id;
    bool adopted;               /* The database's counts are in. */
    bool wanted;                /* Since the last sweep. */
    struct shash totals;        /* struct pp_db_count, by patch. */
    int64_t last;
};

static struct hmap servers = HMAP_INITIALIZER(&servers);
static uint64_t seen_seqno;

static struct server *
find(uint32_t id, bool make)
{
    struct server *s;

    HMAP_FOR_EACH_WITH_HASH (s, hmap_node, hash_int(id, 0), &servers) {
        if (s->id == id) {
            return s;
        }
    }
    if (!make) {
        return NULL;
    }
    s = xzalloc(sizeof *s);
    s->id = id;
    shash_init(&s->totals);
    hmap_insert(&servers, &s->hmap_node, hash_int(id, 0));
    return s;
}

static struct pp_db_count *
get_count(struct server *s, const char *patch)
{
    struct pp_db_count *count = shash_find_data(&s->totals, patch);

    if (!count) {
        count = xzalloc(sizeof *count);
        shash_add(&s->totals, patch, count);
    }
    return count;
}

static void
collect(struct pp_server_hits *h, void *aux OVS_UNUSED)
{
    struct server *s = find(h->server_id, true);

    get_count(s, h->patch)->now = h->corrected + h->monitored;
    s->last = MAX(s->last, h->last);
}

bool
pp_db_hits_run(void)
{
    if (seen_seqno == pp_server_hits_seqno()) {
        return false;
    }
    seen_seqno = pp_server_hits_seqno();
    pp_server_hits_for_each(collect, NULL);
    return true;
}

const struct shash *
pp_db_hits_get(uint32_t server_id, const struct pprec_server *row,
               int64_t *last)
{
    struct server *s = find(server_id, row && row->n_hits);

    *last = 0;
    if (!s) {
        return NULL;
    }
    s->wanted = true;
    if (!s->adopted) {
        s->adopted = true;
        for (size_t i = 0; row && i < row->n_hits; i++) {
            get_count(s, row->key_hits[i])->base
                = (uint64_t) row->value_hits[i];
        }
        if (row && row->n_last_hit) {
            s->last = MAX(s->last, row->last_hit[0]);
        }
    }
    *last = s->last;
    return &s->totals;
}

static void
destroy(struct server *s)
{
    hmap_remove(&servers, &s->hmap_node);
    shash_destroy_free_data(&s->totals);
    free(s);
}

void
pp_db_hits_sweep(void)
{
    struct server *s;

    HMAP_FOR_EACH_SAFE (s, hmap_node, &servers) {
        if (!s->wanted) {
            destroy(s);
        } else {
            s->wanted = false;
        }
    }
}

void
pp_db_hits_destroy(void)
{
    struct server *s;

    HMAP_FOR_EACH_SAFE (s, hmap_node, &servers) {
        destroy(s);
    }
}
