/* SPDX-License-Identifier: Apache-2.0 */

/* Who is who: see pp-servers.h.
 *
 * In: the snapshot.  Out: servers, their services, and what slots mean.  Runs
 * in the engine and in the offline tool, for the flow stage; owns the two
 * tables. */

#include <config.h>

#include "engine/pp-servers.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "packets.h"
#include "util.h"

struct pp_server {
    struct hmap_node node;
    const struct pp_snap_server *snap;
};

struct pp_slot {
    struct hmap_node node;
    const struct pp_snap_slot *snap;
};

void
pp_servers_init(struct pp_servers *s, uint32_t basis)
{
    hmap_init(&s->servers);
    hmap_init(&s->slots);
    s->basis = basis;
}

static void
clear(struct pp_servers *s)
{
    struct pp_server *server;
    struct pp_slot *slot;

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
    clear(s);
    hmap_destroy(&s->servers);
    hmap_destroy(&s->slots);
}

static uint32_t
hash_server(const struct pp_servers *s, uint32_t bridge,
            const struct eth_addr mac)
{
    return hash_mac(mac, (uint16_t) bridge, s->basis);
}

void
pp_servers_set(struct pp_servers *s, const struct pp_snapshot *snap)
{
    clear(s);
    for (uint32_t i = 0; snap && i < snap->servers.n; i++) {
        struct pp_server *server = xmalloc(sizeof *server);

        server->snap = &pp_snapshot_servers(snap)[i];
        hmap_insert(&s->servers, &server->node,
                    hash_server(s, server->snap->bridge, server->snap->mac));
    }
    for (uint32_t i = 0; snap && i < snap->slots.n; i++) {
        struct pp_slot *slot = xmalloc(sizeof *slot);

        slot->snap = &pp_snapshot_slots(snap)[i];
        hmap_insert(&s->slots, &slot->node,
                    hash_2words(slot->snap->bridge, slot->snap->slot));
    }
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
        if (server->snap->bridge == bridge
            && eth_addr_equals(server->snap->mac, mac)) {
            return server->snap;
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

/* What the snapshot says of 'slot', or NULL. */
static const struct pp_snap_slot *
find_slot(const struct pp_servers *s, uint32_t bridge, uint16_t number)
{
    const struct pp_slot *slot;

    HMAP_FOR_EACH_WITH_HASH (slot, node, hash_2words(bridge, number),
                             &s->slots) {
        if (slot->snap->bridge == bridge && slot->snap->slot == number) {
            return slot->snap;
        }
    }
    return NULL;
}

bool
pp_servers_is_from(const struct pp_servers *s,
                   const struct pp_snap_server *server, uint16_t slot)
{
    const struct pp_snap_slot *snap;

    if (!server->slot || server->slot == slot) {
        return true;
    }
    snap = find_slot(s, server->bridge, slot);
    return snap && snap->server == server->id;
}

uint16_t
pp_servers_vlan(const struct pp_servers *s, uint32_t bridge, uint16_t slot)
{
    const struct pp_snap_slot *snap = find_slot(s, bridge, slot);

    return snap ? (uint16_t) (snap->vlan + 1) : 0;
}
