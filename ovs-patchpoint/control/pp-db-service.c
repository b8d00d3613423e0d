/* SPDX-License-Identifier: Apache-2.0 */

/* Services that were discovered, to the PatchPoint database.
 *
 * In: what is known of a server (pp-services.h).  Out: its rows of Service.
 * As elsewhere rows are compared with what the database has, so that only what
 * differs is sent; rows that no server has any more, the database deletes.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-db.h"

#include <stdlib.h>

#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pp-control.h"
#include "pp-db-private.h"
#include "pp-services.h"
#include "registry.h"
#include "util.h"

static const char *
transport_name(const struct pp_discovered *d)
{
    return d->transport == PP_TCP ? "tcp" : "udp";
}

/* The row of 'd' among those of 'server', or NULL. */
static const struct pprec_service *
find(const struct pprec_server *server, const struct pp_discovered *d)
{
    for (size_t i = 0; i < server->n_services; i++) {
        const struct pprec_service *row = server->services[i];

        if (row->port == d->port
            && !strcmp(row->transport, transport_name(d))) {
            return row;
        }
    }
    return NULL;
}

static void
put(const struct pp_control *ctl, const struct pp_discovered *d,
    const struct pprec_service *row)
{
    uint64_t *bitmap = xcalloc(pp_pool_bitmap_words(ctl->pool),
                               sizeof *bitmap);
    const char **ids = xcalloc(ctl->pool->n + 1, sizeof *ids);
    int64_t first = d->first_seen, last = d->last_seen;
    size_t n = 0;

    pprec_service_set_host(row, pp_db_host());
    pprec_service_set_transport(row, transport_name(d));
    pprec_service_set_port(row, d->port);
    pprec_service_set_protocol(row, d->proxy < 0 ? NULL
                               : pp_proxies[d->proxy]->name);
    pprec_service_set_product(row, d->product);
    pprec_service_set_version(row, d->version && *d->version ? d->version
                              : NULL);
    pprec_service_set_banner(row, d->said && *d->said ? d->said : NULL);
    pprec_service_set_first_seen(row, &first, 1);
    pprec_service_set_last_seen(row, &last, 1);
    if (d->proxy >= 0) {
        pp_pool_select_said(ctl->pool, pp_proxies[d->proxy], d->said, bitmap);
    }
    for (size_t i = 0; i < ctl->pool->n; i++) {
        if (pp_bitmap_get(bitmap, i)) {
            ids[n++] = ctl->pool->patches[i]->id;
        }
    }
    pprec_service_set_patches(row, ids, n);
    free(ids);
    free(bitmap);
}

void
pp_db_put_services(const struct pp_control *ctl, const struct pp_iface *iface,
                   const struct pprec_server *server, bool is_new)
{
    struct pprec_service *rows[PP_DISCOVERED_MAX];
    const struct pp_discovered *d;
    size_t n = 0;

    PP_FOR_EACH_DISCOVERED (d, iface->server_id) {
        const struct pprec_service *row = is_new ? NULL : find(server, d);

        row = row ? row : pprec_service_insert(pp_db_txn());
        put(ctl, d, row);
        rows[n++] = CONST_CAST(struct pprec_service *, row);
    }
    pprec_server_set_services(server, rows, n);
}
