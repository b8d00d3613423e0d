/* SPDX-License-Identifier: Apache-2.0 */

/* Who is who: see pp-servers.h.
 *
 * In: rows of the snapshot, and of what came after it.  Out: servers, their
 * services, and what slots mean.  Runs in the engine and in the offline tool,
 * for the flow stage; owns the tables. */

#include <config.h>

#include "engine/pp-servers.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

struct pp_server {
    struct hmap_node node;
    struct hmap_node id_node;
    struct pp_snap_server snap;
};

struct pp_slot {
    struct hmap_node node;
    struct pp_snap_slot snap;
};

void
pp_servers_init(struct pp_servers *s, uint32_t basis)
{
    hmap_init(&s->servers);
    hmap_init(&s->ids);
    hmap_init(&s->slots);
    s->basis = basis;
}

void
pp_servers_clear(struct pp_servers *s)
{
    struct pp_server *server;
    struct pp_slot *slot;

    hmap_clear(&s->ids);
    HMAP_FOR_EACH_POP (server, node, &s->servers) {
        free(server);
    }
    HMAP_FOR_EACH_POP (slot, node, &s->slots) {
        free(slot);
    }
}

void
pp_servers_destroy(struct pp_servers *s)
{
    pp_servers_clear(s);
    hmap_destroy(&s->servers);
    hmap_destroy(&s->ids);
    hmap_destroy(&s->slots);
}

static uint32_t
hash_server(const struct pp_servers *s, uint32_t bridge,
            const struct eth_addr mac)
{
    uint64_t hash = (uint64_t) s->basis << 32 | bridge;

    for (int i = 0; i < 3; i++) {
        hash = (hash ^ (OVS_FORCE uint16_t) mac.be16[i])
               * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (uint32_t) hash;
}

static struct pp_server *
find_id(const struct pp_servers *s, uint32_t id)
{
    struct pp_server *server;

    HMAP_FOR_EACH_WITH_HASH (server, id_node, hash_int(id, 0), &s->ids) {
        if (server->snap.id == id) {
            return server;
        }
    }
    return NULL;
}

static void
drop(struct pp_servers *s, uint32_t id)
{
    struct pp_server *server = find_id(s, id);

    if (server) {
        hmap_remove(&s->servers, &server->node);
        hmap_remove(&s->ids, &server->id_node);
        free(server);
    }
}

static void
put(struct pp_servers *s, const struct pp_snap_server *snap)
{
    struct pp_server *server = xmalloc(sizeof *server);

    drop(s, snap->id);
    server->snap = *snap;
    hmap_insert(&s->servers, &server->node,
                hash_server(s, snap->bridge, snap->mac));
    hmap_insert(&s->ids, &server->id_node, hash_int(snap->id, 0));
}

/* What is known of slot 'number', or NULL. */
static struct pp_slot *
find_slot(const struct pp_servers *s, uint32_t bridge, uint16_t number)
{
    struct pp_slot *slot;

    HMAP_FOR_EACH_WITH_HASH (slot, node, hash_2words(bridge, number),
                             &s->slots) {
        if (slot->snap.bridge == bridge && slot->snap.slot == number) {
            return slot;
        }
    }
    return NULL;
}

static void
drop_slot(struct pp_servers *s, uint32_t bridge, uint16_t number)
{
    struct pp_slot *slot = find_slot(s, bridge, number);

    if (slot) {
        hmap_remove(&s->slots, &slot->node);
        free(slot);
    }
}

static void
put_slot(struct pp_servers *s, const struct pp_snap_slot *snap)
{
    struct pp_slot *slot = xmalloc(sizeof *slot);

    drop_slot(s, snap->bridge, snap->slot);
    slot->snap = *snap;
    hmap_insert(&s->slots, &slot->node,
                hash_2words(snap->bridge, snap->slot));
}

void
pp_servers_take(struct pp_servers *s, const struct pp_snap_row *rows,
                uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct pp_snap_row *row = &rows[i];

        if (row->kind == PP_ROW_SERVER) {
            put(s, &row->server);
        } else if (row->kind == PP_ROW_SERVER_GONE) {
            drop(s, row->server.id);
        } else if (row->kind == PP_ROW_SLOT) {
            put_slot(s, &row->slot);
        } else {
            drop_slot(s, row->slot.bridge, row->slot.slot);
        }
    }
}

const struct pp_snap_server *
pp_servers_by_id(const struct pp_servers *s, uint32_t id)
{
    const struct pp_server *server = find_id(s, id);

    return server ? &server->snap : NULL;
}

const struct pp_snap_server *
pp_servers_by_name(const struct pp_servers *s, const char *name,
                   const struct eth_addr *mac)
{
    const struct pp_server *server;

    HMAP_FOR_EACH (server, node, &s->servers) {
        if (!strcmp(server->snap.name, name)
            && (!mac || eth_addr_equals(server->snap.mac, *mac))) {
            return &server->snap;
        }
    }
    return NULL;
}

const struct pp_snap_server *
pp_servers_find(const struct pp_servers *s, uint32_t bridge,
                const uint8_t mac_bytes[6])
{
    const struct pp_server *server;
    struct eth_addr mac;

    memcpy(&mac, mac_bytes, sizeof mac);
    HMAP_FOR_EACH_WITH_HASH (server, node, hash_server(s, bridge, mac),
                             &s->servers) {
        if (server->snap.bridge == bridge
            && eth_addr_equals(server->snap.mac, mac)) {
            return &server->snap;
        }
    }
    return NULL;
}

const struct pp_snap_service *
pp_servers_service(const struct pp_snapshot *snap,
                   const struct pp_snap_server *server,
                   enum pp_transport transport, uint16_t port)
{
    const struct pp_snap_service *services
        = pp_snapshot_services(snap) + server->services.off;

    for (uint32_t i = 0; i < server->services.n; i++) {
        if (services[i].port == port && services[i].transport == transport) {
            return &services[i];
        }
    }
    return NULL;
}

bool
pp_servers_is_from(const struct pp_servers *s,
                   const struct pp_snap_server *server, uint16_t slot)
{
    const struct pp_slot *known;

    if (!server->slot || server->slot == slot) {
        return true;
    }
    known = find_slot(s, server->bridge, slot);
    return known && known->snap.server == server->id;
}

uint16_t
pp_servers_vlan(const struct pp_servers *s, uint32_t bridge, uint16_t slot)
{
    const struct pp_slot *known = find_slot(s, bridge, slot);

    return known ? (uint16_t) (known->snap.vlan + 1) : 0;
}
