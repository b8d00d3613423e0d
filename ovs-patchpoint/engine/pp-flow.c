/* SPDX-License-Identifier: Apache-2.0 */

/* Flow: the second stage of the pipeline; see pp-flow.h.
 *
 * In: parsed packets and the snapshot.  Out: connections.  Runs in the engine
 * and in the offline tool; owns the connection table. */

#include <config.h>

#include "engine/pp-flow.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-ledger.h"
#include "engine/pp-stream.h"
#include "hash.h"
#include "packets.h"
#include "pp-proxy.h"
#include "registry.h"
#include "util.h"

struct pp_server {
    struct hmap_node node;
    const struct pp_snap_server *snap;
};

/* One more slot of a server's. */
struct pp_server_slot {
    struct hmap_node node;
    const struct pp_snap_slot *snap;
};

void
pp_flow_init(struct pp_flow *flow, uint32_t basis)
{
    memset(flow, 0, sizeof *flow);
    hmap_init(&flow->conns);
    hmap_init(&flow->servers);
    hmap_init(&flow->slots);
    for (int i = 0; i < PP_N_LRU; i++) {
        ovs_list_init(&flow->lru[i]);
    }
    flow->basis = basis;
}

static void
clear_servers(struct pp_flow *flow)
{
    struct pp_server *server;
    struct pp_server_slot *slot;

    HMAP_FOR_EACH_POP (server, node, &flow->servers) {
        free(server);
    }
    HMAP_FOR_EACH_POP (slot, node, &flow->slots) {
        free(slot);
    }
}

void
pp_flow_destroy(struct pp_flow *flow, struct pp_stream *st)
{
    struct pp_conn *conn;

    HMAP_FOR_EACH_SAFE (conn, node, &flow->conns) {
        pp_flow_forget(flow, st, conn);
    }
    hmap_destroy(&flow->conns);
    clear_servers(flow);
    hmap_destroy(&flow->servers);
    hmap_destroy(&flow->slots);
}

static uint32_t
hash_server(const struct pp_flow *flow, uint32_t bridge,
            const struct eth_addr mac)
{
    return hash_mac(mac, (uint16_t) bridge, flow->basis);
}

void
pp_flow_set_snapshot(struct pp_flow *flow, const struct pp_snapshot *snap)
{
    clear_servers(flow);
    flow->snapshot = snap;
    for (uint32_t i = 0; snap && i < snap->servers.n; i++) {
        struct pp_server *server = xmalloc(sizeof *server);

        server->snap = &pp_snapshot_servers(snap)[i];
        hmap_insert(&flow->servers, &server->node,
                    hash_server(flow, server->snap->bridge,
                                server->snap->mac));
    }
    for (uint32_t i = 0; snap && i < snap->slots.n; i++) {
        struct pp_server_slot *slot = xmalloc(sizeof *slot);

        slot->snap = &pp_snapshot_slots(snap)[i];
        hmap_insert(&flow->slots, &slot->node,
                    hash_2words(slot->snap->server, slot->snap->slot));
    }
}

/* True if frames of 'slot' come from the port of 'server'.  Anyone can send
 * from its MAC address. */
static bool
is_from(const struct pp_flow *flow, const struct pp_snap_server *server,
        uint16_t slot)
{
    const struct pp_server_slot *s;

    if (!server->slot || server->slot == slot) {
        return true;
    }
    HMAP_FOR_EACH_WITH_HASH (s, node, hash_2words(server->id, slot),
                             &flow->slots) {
        if (s->snap->server == server->id && s->snap->slot == slot) {
            return true;
        }
    }
    return false;
}

static const struct pp_snap_server *
find_server(const struct pp_flow *flow, uint32_t bridge,
            const uint8_t mac_bytes[6])
{
    const struct pp_server *server;
    struct eth_addr mac;

    memcpy(&mac, mac_bytes, sizeof mac);
    HMAP_FOR_EACH_WITH_HASH (server, node, hash_server(flow, bridge, mac),
                             &flow->servers) {
        if (server->snap->bridge == bridge
            && eth_addr_equals(server->snap->mac, mac)) {
            return server->snap;
        }
    }
    return NULL;
}

static const struct pp_snap_service *
find_service(const struct pp_flow *flow, const struct pp_snap_server *server,
             enum pp_transport transport, uint16_t port)
{
    const struct pp_snap_service *services
        = pp_snapshot_services(flow->snapshot) + server->services.off;

    for (uint32_t i = 0; i < server->services.n; i++) {
        if (services[i].port == port && services[i].transport == transport) {
            return &services[i];
        }
    }
    return NULL;
}

static struct pp_conn *
find_conn(struct pp_flow *flow, const struct pp_conn_key *key, uint32_t hash)
{
    struct pp_conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, node, hash, &flow->conns) {
        if (!memcmp(&conn->key, key, sizeof *key)) {
            return conn;
        }
    }
    return NULL;
}

static void
make_key(struct pp_conn_key *key, const struct pp_snap_server *server,
         const struct pp_packet *pkt, enum pp_dir dir)
{
    bool to_server = dir == PP_TO_SERVER;

    memset(key, 0, sizeof *key);
    key->client = to_server ? pkt->src : pkt->dst;
    key->service = to_server ? pkt->dst : pkt->src;
    key->client_port = to_server ? pkt->src_port : pkt->dst_port;
    key->service_port = to_server ? pkt->dst_port : pkt->src_port;
    key->vlan = pkt->vlan;
    key->bridge = (uint16_t) server->bridge;
    key->server = server->id;
}

static size_t
conn_memory(const struct pp_proxy *proxy)
{
    return offsetof(struct pp_conn, inspect) + PP_INSPECT_SIZE(proxy);
}

void
pp_flow_forget(struct pp_flow *flow, struct pp_stream *st,
               struct pp_conn *conn)
{
    hmap_remove(&flow->conns, &conn->node);
    ovs_list_remove(&conn->lru);
    pp_stream_conn_destroy(st, conn);
    flow->memory -= conn_memory(conn->proxy);
    free(conn);
}

/* Makes room for one more connection at the bound: one that is likely over,
 * else the one idle for longest. */
static void
make_room(struct pp_flow *flow, struct pp_stream *st)
{
    if (hmap_count(&flow->conns) < st->limits.conns) {
        return;
    }
    st->counters->flow_table_full++;
    for (int i = 0; i < PP_LRU_CUT; i++) {
        if (!ovs_list_is_empty(&flow->lru[i])) {
            pp_flow_forget(flow, st,
                           CONTAINER_OF(ovs_list_front(&flow->lru[i]),
                                        struct pp_conn, lru));
            return;
        }
    }
}

void
pp_conn_inspect_init(struct pp_conn *conn)
{
    struct pp_ends ends = {
        .client_port = conn->key.client_port,
        .server_port = conn->key.service_port,
    };

    memcpy(ends.client, &conn->key.client, sizeof ends.client);
    memcpy(ends.server, &conn->key.service, sizeof ends.server);
    pp_inspect_init(&conn->inspect, conn->proxy, &ends);
}

static struct pp_conn *
new_conn(struct pp_flow *flow, struct pp_stream *st,
         const struct pp_conn_key *key, uint32_t hash,
         const struct pp_proxy *proxy)
{
    struct pp_conn *conn;

    make_room(flow, st);
    conn = xzalloc(conn_memory(proxy));
    conn->key = *key;
    conn->proxy = proxy;
    pp_stream_conn_init(conn);
    pp_conn_inspect_init(conn);
    hmap_insert(&flow->conns, &conn->node, hash);
    conn->used = st->now;
    ovs_list_push_back(&flow->lru[PP_LRU_OPENING], &conn->lru);
    flow->memory += conn_memory(proxy);
    st->counters->flow_new++;
    return conn;
}

enum pp_flow_result
pp_flow(struct pp_flow *flow, struct pp_stream *st, uint32_t bridge,
        const struct pp_packet *pkt, struct pp_conn **connp,
        enum pp_dir *dirp, const struct pp_snap_service **servicep)
{
    enum pp_flow_result result = PP_FLOW_OTHER;

    if (!flow->snapshot) {
        return PP_FLOW_OTHER;
    }
    for (int dir = 0; dir < 2; dir++) {
        bool to_server = dir == PP_TO_SERVER;
        const struct pp_snap_server *server
            = find_server(flow, bridge, to_server ? pp_packet_eth_dst(pkt)
                          : pp_packet_eth_src(pkt));
        const struct pp_snap_service *service
            = server ? find_service(flow, server, PP_TCP, to_server
                                    ? pkt->dst_port : pkt->src_port) : NULL;
        struct pp_conn_key key;
        uint32_t hash;

        if (!server || (!to_server && !is_from(flow, server, pkt->slot))) {
            continue;
        }
        make_key(&key, server, pkt, dir);
        hash = hash_bytes(&key, sizeof key, flow->basis);
        *connp = find_conn(flow, &key, hash);
        if (!*connp && !service) {
            continue;
        }
        if (!*connp && to_server
            && (pkt->flags & (PP_TCP_SYN | PP_TCP_ACK)) == PP_TCP_SYN) {
            *connp = new_conn(flow, st, &key, hash,
                              pp_proxies[service->proxy]);
            (*connp)->serial = flow->snapshot->serial;
            (*connp)->service = (uint32_t) (
                service - pp_snapshot_services(flow->snapshot));
        }
        if (*connp || result == PP_FLOW_OTHER) {
            *dirp = dir;
            *servicep = service;
            result = *connp ? PP_FLOW_CONN : PP_FLOW_MIDSTREAM;
        }
        if (*connp) {
            break;
        }
    }
    return result;
}

const struct pp_snap_server *
pp_flow_server(const struct pp_flow *flow, const struct pp_conn *conn)
{
    return (flow->snapshot
            ? find_server(flow, conn->key.bridge, conn->half[PP_TO_SERVER].eth)
            : NULL);
}

struct pp_conn *
pp_flow_restore(struct pp_flow *flow, struct pp_stream *st,
                const struct pp_ledger_head *head)
{
    const struct pp_snapshot *snap = flow->snapshot;
    const struct pp_snap_server *server = NULL;
    const struct pp_snap_service *service;
    struct pp_conn_key key;
    uint32_t hash;

    for (uint32_t i = 0; snap && i < snap->servers.n && !server; i++) {
        const struct pp_snap_server *s = &pp_snapshot_servers(snap)[i];

        if (!strcmp(s->name, head->server)
            && eth_addr_equals(s->mac, head->mac)) {
            server = s;
        }
    }
    if (!server || hmap_count(&flow->conns) >= st->limits.conns) {
        return NULL;
    }
    memset(&key, 0, sizeof key);
    key.client = head->client.ip;
    key.service = head->service.ip;
    key.client_port = head->client.port;
    key.service_port = head->service.port;
    key.vlan = head->vlan;
    key.bridge = (uint16_t) server->bridge;
    key.server = server->id;
    hash = hash_bytes(&key, sizeof key, flow->basis);
    service = find_service(flow, server, PP_TCP, key.service_port);
    return (find_conn(flow, &key, hash) ? NULL
            : new_conn(flow, st, &key, hash,
                       pp_proxies[service ? service->proxy : 0]));
}

const struct pp_snap_service *
pp_flow_datagram(const struct pp_flow *flow, uint32_t bridge,
                 const struct pp_packet *pkt, struct pp_conn_key *key,
                 const struct pp_snap_server **serverp)
{
    const struct pp_snap_server *server
        = (flow->snapshot ? find_server(flow, bridge, pp_packet_eth_dst(pkt))
           : NULL);

    *serverp = server;
    if (!server) {
        return NULL;
    }
    make_key(key, server, pkt, PP_TO_SERVER);
    return find_service(flow, server, PP_UDP, pkt->dst_port);
}

const struct pp_snap_service *
pp_flow_service(struct pp_flow *flow, struct pp_conn *conn)
{
    const struct pp_snapshot *snap = flow->snapshot;

    if (!snap) {
        return NULL;
    } else if (conn->serial != snap->serial) {
        const struct pp_snap_server *servers = pp_snapshot_servers(snap);
        const struct pp_snap_service *service = NULL;

        for (uint32_t i = 0; i < snap->servers.n && !service; i++) {
            if (servers[i].id == conn->key.server) {
                service = find_service(flow, &servers[i], PP_TCP,
                                       conn->key.service_port);
            }
        }
        conn->serial = snap->serial;
        conn->service = (service && pp_proxies[service->proxy] == conn->proxy
                         ? (uint32_t) (service - pp_snapshot_services(snap))
                         : UINT32_MAX);
    }
    return (conn->service == UINT32_MAX ? NULL
            : &pp_snapshot_services(snap)[conn->service]);
}

void
pp_flow_used(struct pp_flow *flow, struct pp_conn *conn, uint64_t now)
{
    enum pp_lru list = (conn->cut ? PP_LRU_CUT
                        : conn->state == PP_CONN_CLOSED
                        || pp_stream_conn_is_over(conn) ? PP_LRU_CLOSED
                        : conn->record ? PP_LRU_RECORDED
                        : conn->state == PP_CONN_OPENING ? PP_LRU_OPENING
                        : PP_LRU_LIVE);

    conn->used = now;
    ovs_list_remove(&conn->lru);
    ovs_list_push_back(&flow->lru[list], &conn->lru);
}

static uint64_t
expire_list(struct pp_flow *flow, struct pp_stream *st, enum pp_lru list,
            uint64_t now, uint64_t age)
{
    struct pp_conn *conn;

    LIST_FOR_EACH_SAFE (conn, lru, &flow->lru[list]) {
        if (conn->used + age > now) {
            return conn->used + age;
        }
        st->counters->flow_closed += list == PP_LRU_CLOSED;
        st->counters->flow_expired += list != PP_LRU_CLOSED;
        pp_flow_forget(flow, st, conn);
    }
    return UINT64_MAX;
}

uint64_t
pp_flow_expire(struct pp_flow *flow, struct pp_stream *st, uint64_t now)
{
    uint64_t a = expire_list(flow, st, PP_LRU_OPENING, now, PP_OPENING_MS);
    uint64_t b = expire_list(flow, st, PP_LRU_CLOSED, now, PP_CLOSED_MS);
    uint64_t c = expire_list(flow, st, PP_LRU_RECORDED, now, PP_RECORDED_MS);

    return MIN(MIN(a, b), c);
}
