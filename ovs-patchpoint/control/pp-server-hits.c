/* SPDX-License-Identifier: Apache-2.0 */

/* Corrections by server and patch; see pp-server-hits.h.
 *
 * In: corrections, one by one or many at once, from pp-events.c.  Out: counts,
 * for people and for the database.  Runs in control's main loop.  Owns the
 * counts, which outlive server and patch. */

#include <config.h>

#include "pp-server-hits.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "timeval.h"
#include "util.h"

/* Beyond that, those that were hit longest ago are forgotten. */
#define PAIRS_MAX 65536

static struct hmap pairs = HMAP_INITIALIZER(&pairs);
static uint64_t seqno = 1;

static void
forget(struct pp_server_hits *h)
{
    hmap_remove(&pairs, &h->node);
    free(h->server);
    free(h->bridge);
    free(h->patch);
    free(h);
}

static int
compare_last(const void *a_, const void *b_)
{
    const struct pp_server_hits *const *a = a_, *const *b = b_;

    return (*a)->last < (*b)->last ? -1 : (*a)->last > (*b)->last;
}

/* Forgets the older half. */
static void
make_room(void)
{
    size_t n = hmap_count(&pairs), i = 0;
    struct pp_server_hits **all = xmalloc(n * sizeof *all);
    struct pp_server_hits *h;

    HMAP_FOR_EACH (h, node, &pairs) {
        all[i++] = h;
    }
    qsort(all, n, sizeof *all, compare_last);
    for (i = 0; i < n / 2; i++) {
        forget(all[i]);
    }
    free(all);
}

static void
update(char **name, const char *now)
{
    if (strcmp(*name, now)) {
        free(*name);
        *name = xstrdup(now);
    }
}

void
pp_server_hits_set_server(struct pp_server_hits *h, const char *server,
                          const char *bridge)
{
    update(&h->server, server);
    update(&h->bridge, bridge);
}

struct pp_server_hits *
pp_server_hits_get(uint32_t server_id, const char *patch)
{
    uint32_t hash = hash_string(patch, server_id);
    struct pp_server_hits *h;

    HMAP_FOR_EACH_WITH_HASH (h, node, hash, &pairs) {
        if (h->server_id == server_id && !strcmp(h->patch, patch)) {
            return h;
        }
    }
    if (hmap_count(&pairs) >= PAIRS_MAX) {
        make_room();
    }
    h = xzalloc(sizeof *h);
    h->server_id = server_id;
    h->server = xstrdup("");
    h->bridge = xstrdup("");
    h->patch = xstrdup(patch);
    hmap_insert(&pairs, &h->node, hash);
    return h;
}

void
pp_server_hits_for_each(void (*cb)(struct pp_server_hits *, void *), void *aux)
{
    struct pp_server_hits *h;

    HMAP_FOR_EACH (h, node, &pairs) {
        cb(h, aux);
    }
}

uint64_t
pp_server_hits_seqno(void)
{
    return seqno;
}

void
pp_server_hits_changed(void)
{
    seqno++;
}

static int
compare_names(const void *a_, const void *b_)
{
    const struct pp_server_hits *const *a = a_, *const *b = b_;
    int cmp = strcmp((*a)->server, (*b)->server);

    cmp = cmp ? cmp : strcmp((*a)->patch, (*b)->patch);
    return cmp ? cmp : (*a)->server_id < (*b)->server_id ? -1 : 1;
}

void
pp_server_hits_format(struct ds *ds)
{
    size_t n = hmap_count(&pairs), i = 0;
    struct pp_server_hits **all = xmalloc(MAX(n, 1) * sizeof *all);
    struct pp_server_hits *h;

    HMAP_FOR_EACH (h, node, &pairs) {
        all[i++] = h;
    }
    qsort(all, n, sizeof *all, compare_names);
    for (i = 0; i < n; i++) {
        char *last = xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z", all[i]->last,
                                     true);

        h = all[i];
        ds_put_format(ds, "%s bridge=%s patch=%s corrected=%"PRIu64
                      " monitored=%"PRIu64" last=%s\n",
                      h->server[0] ? h->server : "?",
                      h->bridge[0] ? h->bridge : "?", h->patch,
                      h->corrected, h->monitored, last);
        free(last);
    }
    free(all);
}

void
pp_server_hits_destroy(void)
{
    struct pp_server_hits *h;

    HMAP_FOR_EACH_SAFE (h, node, &pairs) {
        forget(h);
    }
    hmap_destroy(&pairs);
}
