/* SPDX-License-Identifier: Apache-2.0 */

/* Flow: the second stage of the pipeline; see pp-flow.h.
 *
 * In: parsed packets and the snapshot.  Out: connections.  Runs in the engine
 * and in the offline tool; owns the connection table. */

#include <config.h>

#include "engine/pp-flow.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-alike.h"
#include "engine/pp-ledger.h"
#include "engine/pp-pack.h"
#include "engine/pp-stream.h"
#include "hash.h"
#include "packets.h"
#include "pp-proxy.h"
#include "registry.h"
#include "util.h"

/* With fewer connections than this they are in the cache anyway. */
#define FETCH_CONNS 4096

/* Connections in one bucket that are looked at to find one to fetch. */
#define FETCH_STEPS 2

/* Most of what a packed connection takes, and of what the allocator has on
 * either side of it. */
#define FETCH_PACKED 272
#define ALLOCATOR_BYTES 16

void
pp_flow_init(struct pp_flow *flow, uint32_t basis)
{
    memset(flow, 0, sizeof *flow);
    hmap_init(&flow->conns);
    pp_servers_init(&flow->who, basis);
    for (int i = 0; i < PP_N_LRU; i++) {
        ovs_list_init(&flow->lru[i][0]);
        ovs_list_init(&flow->lru[i][1]);
    }
    flow->basis = basis;
}

void
pp_flow_set_snapshot(struct pp_flow *flow, const struct pp_snapshot *snap)
{
    if (!snap || !snap->after) {
        pp_servers_clear(&flow->who);
    }
    if (snap) {
        pp_servers_take(&flow->who, pp_snapshot_rows(snap), snap->rows.n);
    }
    flow->snapshot = snap;
    flow->serial = snap ? snap->serial : 0;
}

static bool
is_syn(const struct pp_packet *pkt)
{
    return (pkt->flags & (PP_TCP_SYN | PP_TCP_ACK)) == PP_TCP_SYN;
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

#ifdef __SIZEOF_INT128__
/* The 128-bit product of 'a' and 'b', folded. */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/* Hash of 'key'.  Clients choose what is in it: both sides of each product
 * have the basis in them, which they do not know. */
static uint32_t
hash_key(const struct pp_flow *flow, const struct pp_conn_key *key)
{
    uint64_t basis = (flow->basis + UINT64_C(1))
                     * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = basis, w[6] = { 0 };

    BUILD_ASSERT_DECL(sizeof *key <= sizeof w);
    memcpy(w, key, sizeof *key);
    for (int i = 0; i < 6; i += 2) {
        hash = fold(hash ^ w[i] ^ UINT64_C(0xff51afd7ed558ccd),
                    basis ^ w[i + 1] ^ UINT64_C(0xc4ceb9fe1a85ec53));
    }
    return (uint32_t) (hash ^ hash >> 32);
}
#else
static uint32_t
hash_key(const struct pp_flow *flow, const struct pp_conn_key *key)
{
    return hash_bytes(key, sizeof *key, flow->basis);
}
#endif

/* The connection of a head that is not packed. */
static struct pp_conn *
conn_of(struct pp_conn_head *head)
{
    ovs_assert(!head->packed);
    return CONTAINER_OF(head, struct pp_conn, head);
}

static void
join_list(struct pp_flow *flow, struct pp_conn_head *head, enum pp_lru list,
          bool quiet)
{
    head->lru_list = list;
    head->quiet = quiet;
    ovs_list_push_back(&flow->lru[list][quiet], &head->lru);
    flow->n_lru[list]++;
}

static void
leave_list(struct pp_flow *flow, struct pp_conn_head *head)
{
    ovs_list_remove(&head->lru);
    flow->n_lru[head->lru_list]--;
}

/* The one that was used before all others of 'list', or NULL. */
static struct pp_conn_head *
oldest(const struct pp_flow *flow, enum pp_lru list, bool quiet)
{
    const struct ovs_list *l = &flow->lru[list][quiet];

    return (ovs_list_is_empty(l) ? NULL
            : CONTAINER_OF(ovs_list_front(l), struct pp_conn_head, lru));
}

static void
forget(struct pp_flow *flow, struct pp_stream *st, struct pp_conn_head *head)
{
    hmap_remove(&flow->conns, &head->node);
    leave_list(flow, head);
    if (!head->packed) {
        pp_stream_conn_destroy(st, conn_of(head));
        pp_inspect_end(flow->inspector, &conn_of(head)->inspect);
    }
    flow->memory -= malloc_usable_size(head);
    free(head);
}

void
pp_flow_forget(struct pp_flow *flow, struct pp_stream *st,
               struct pp_conn *conn)
{
    forget(flow, st, &conn->head);
}

/* 'new' has the place of 'old', which is freed. */
static void
replace(struct pp_flow *flow, struct pp_conn_head *old,
        struct pp_conn_head *new)
{
    hmap_replace(&flow->conns, &old->node, &new->node);
    ovs_list_replace(&new->lru, &old->lru);
    flow->memory += malloc_usable_size(new);
    flow->memory -= malloc_usable_size(old);
    free(old);
}

void
pp_flow_clear(struct pp_flow *flow, struct pp_stream *st)
{
    struct pp_conn_head *head;

    HMAP_FOR_EACH_SAFE (head, node, &flow->conns) {
        forget(flow, st, head);
    }
}

void
pp_flow_destroy(struct pp_flow *flow, struct pp_stream *st)
{
    pp_flow_clear(flow, st);
    hmap_destroy(&flow->conns);
    pp_servers_destroy(&flow->who);
}

/* The connection of 'head', unpacked. */
static struct pp_conn *
open_conn(struct pp_flow *flow, struct pp_conn_head *head)
{
    struct pp_conn *conn;

    if (!head->packed) {
        return conn_of(head);
    }
    conn = pp_unpack(head);
    replace(flow, head, &conn->head);
    return conn;
}

struct pp_conn *
pp_flow_open(struct pp_flow *flow, struct pp_conn_head *head)
{
    return open_conn(flow, head);
}

/* Where the first connection with 'hash' would be. */
static struct hmap_node *const *
bucket_of(const struct pp_flow *flow, uint32_t hash)
{
    return &flow->conns.buckets[hash & flow->conns.mask];
}

/* Sets 'heads' to those with 'key'; returns how many there are. */
static size_t
find_heads(const struct pp_flow *flow, const struct pp_conn_key *key,
           uint32_t hash, struct pp_conn_head *heads[PP_ALIKE_MAX])
{
    struct pp_conn_head *head;
    size_t n = 0;

    HMAP_FOR_EACH_WITH_HASH (head, node, hash, &flow->conns) {
        if (!memcmp(&head->key, key, sizeof *key)) {
            heads[n++] = head;
            if (n >= PP_ALIKE_MAX) {
                break;
            }
        }
    }
    return n;
}

/* Does 'pkt' say what VLAN its direction is in?  A server's SYN or refusal may
 * not be its last word. */
static bool
tells_vlan(enum pp_dir dir, const struct pp_packet *pkt)
{
    return (dir == PP_TO_SERVER
            || (pkt->flags & (PP_TCP_ACK | PP_TCP_RST)) == PP_TCP_ACK);
}

/* Which of the connections with 'key' does 'pkt', in direction 'dir' and VLAN
 * 'vlan', belong to?  Sets '*connp' if to one. */
static enum pp_alike
find_conn(struct pp_flow *flow, const struct pp_snap_server *server,
          const struct pp_conn_key *key, uint32_t hash, enum pp_dir dir,
          const struct pp_packet *pkt, struct pp_conn **connp)
{
    uint16_t vlan = pp_servers_vlan(&flow->who, key->bridge, pkt->slot);
    struct pp_conn_head *heads[PP_ALIKE_MAX];
    size_t n = find_heads(flow, key, hash, heads);
    enum pp_alike alike = PP_ALIKE_THIS;
    size_t i = 0;

    if (server->in_vlans) {
        /* A slot that is new reaches the switch and us at about the same
         * time. */
        alike = (vlan ? pp_alike(heads, n, dir, vlan, pkt, &i)
                 : PP_ALIKE_DROP);
    } else if (!n) {
        alike = (dir == PP_TO_SERVER && is_syn(pkt) ? PP_ALIKE_NEW
                 : PP_ALIKE_NONE);
    }
    *connp = NULL;
    if (alike == PP_ALIKE_THIS) {
        *connp = open_conn(flow, heads[i]);
        if (vlan && tells_vlan(dir, pkt)) {
            (*connp)->half[dir].vlan = vlan;
        }
    }
    return alike;
}

static enum pp_lru
list_of(const struct pp_conn *conn)
{
    bool ending = (conn->reset
                   || (pp_stream_has_ended(conn, PP_TO_SERVER)
                       && pp_stream_has_ended(conn, PP_FROM_SERVER)));

    if (conn->cut) {
        return PP_LRU_CUT;
    } else if (conn->state == PP_CONN_CLOSED
               || pp_stream_conn_is_over(conn)) {
        /* An end that missed the last acknowledgement of an edited one may
         * ask for it as late as its timeout has grown. */
        return pp_stream_is_edited(conn) ? PP_LRU_ENDING : PP_LRU_CLOSED;
    } else if (pp_ledger_is_due(conn)) {
        return ending ? PP_LRU_EDITED_ENDING : PP_LRU_EDITED;
    }
    return (ending ? PP_LRU_ENDING
            : conn->met ? PP_LRU_LIVE : PP_LRU_HALF_OPEN);
}

/* True if 'head' is in the list where it belongs.  If not, since a timer has
 * changed something, it is afterwards. */
static bool
is_in_place(struct pp_flow *flow, struct pp_conn_head *head)
{
    enum pp_lru list = (head->packed ? head->lru_list
                        : list_of(conn_of(head)));

    if (list == head->lru_list) {
        return true;
    }
    leave_list(flow, head);
    join_list(flow, head, list, head->quiet);
    return false;
}

/* Which list gives a connection at the bound; PP_N_LRU: none has one that
 * could go. */
static enum pp_lru
list_to_give(const struct pp_flow *flow)
{
    const uint32_t *n = flow->n_lru;

    if (n[PP_LRU_CLOSED] || n[PP_LRU_ENDING]) {
        return n[PP_LRU_CLOSED] ? PP_LRU_CLOSED : PP_LRU_ENDING;
    } else if (n[PP_LRU_LIVE] && (n[PP_LRU_HALF_OPEN]
                                  < hmap_count(&flow->conns)
                                    / PP_HALF_OPEN_SHARE)) {
        return PP_LRU_LIVE;
    }
    return (n[PP_LRU_HALF_OPEN] ? PP_LRU_HALF_OPEN
            : n[PP_LRU_LIVE] ? PP_LRU_LIVE : PP_N_LRU);
}

/* The one that is to go at the bound, or NULL. */
static struct pp_conn_head *
find_to_go(struct pp_flow *flow)
{
    struct pp_conn_head *head;
    enum pp_lru list;

    do {
        list = list_to_give(flow);
        if (list == PP_N_LRU) {
            return NULL;
        }
        head = oldest(flow, list, true);
        head = head ? head : oldest(flow, list, false);
    } while (!is_in_place(flow, head));
    return head;
}

/* Makes room for one more connection.  False: there is none.  A bound that has
 * come down is reached with the next ones, each of which has two go. */
static bool
make_room(struct pp_flow *flow, struct pp_stream *st)
{
    for (int i = 0; i < 2 && hmap_count(&flow->conns) >= st->limits.conns;
         i++) {
        struct pp_conn_head *head = find_to_go(flow);
        enum pp_lru list;

        if (!head) {
            st->counters->flow_table_full += !i;
            return i;
        }
        list = head->lru_list;
        st->counters->flow_evicted_closed += list < PP_LRU_HALF_OPEN;
        st->counters->flow_evicted_half_open += list == PP_LRU_HALF_OPEN;
        st->counters->flow_evicted_idle += list == PP_LRU_LIVE;
        forget(flow, st, head);
    }
    return true;
}

struct pp_ends
pp_conn_ends(const struct pp_conn *conn)
{
    struct pp_ends ends = {
        .client_port = conn->head.key.client_port,
        .server_port = conn->head.key.service_port,
    };

    memcpy(ends.client, &conn->head.key.client, sizeof ends.client);
    memcpy(ends.server, &conn->head.key.service, sizeof ends.server);
    return ends;
}

void
pp_conn_inspect_init(struct pp_conn *conn)
{
    struct pp_ends ends = pp_conn_ends(conn);

    pp_inspect_init(&conn->inspect, conn->head.proxy, &ends);
}

/* A new connection, or NULL if there is no room for it. */
static struct pp_conn *
new_conn(struct pp_flow *flow, struct pp_stream *st,
         const struct pp_conn_key *key, uint32_t hash,
         const struct pp_proxy *proxy)
{
    struct pp_conn *conn;

    if (!make_room(flow, st)) {
        return NULL;
    }
    conn = xzalloc(pp_conn_size(proxy));
    conn->head.key = *key;
    conn->head.proxy = proxy;
    pp_stream_conn_init(conn);
    pp_conn_inspect_init(conn);
    hmap_insert(&flow->conns, &conn->head.node, hash);
    conn->head.used = st->now;
    join_list(flow, &conn->head, PP_LRU_HALF_OPEN, false);
    flow->memory += malloc_usable_size(conn);
    st->counters->flow_new++;
    return conn;
}

/* A new connection for 'pkt', a SYN to 'service', or NULL if there is no room
 * for it. */
static struct pp_conn *
begin_conn(struct pp_flow *flow, struct pp_stream *st,
           const struct pp_conn_key *key, uint32_t hash,
           const struct pp_packet *pkt, const struct pp_snap_service *service)
{
    struct pp_conn *conn = new_conn(flow, st, key, hash,
                                    pp_proxies[service->proxy]);

    if (conn) {
        conn->half[PP_TO_SERVER].vlan = pp_servers_vlan(
            &flow->who, key->bridge, pkt->slot);
        conn->serial = flow->serial;
        conn->service = (uint32_t) (service
                                    - pp_snapshot_services(flow->snapshot));
    }
    return conn;
}

/* Sets '*place' to the first direction of 'pkt', from 'dir' on, that has a
 * server of ours. */
static void
find_place(const struct pp_flow *flow, uint32_t bridge,
           const struct pp_packet *pkt, int dir, struct pp_flow_place *place)
{
    const struct pp_servers *who = &flow->who;

    place->server = NULL;
    place->node = NULL;
    for (; dir < 2 && flow->snapshot; dir++) {
        bool to_server = dir == PP_TO_SERVER;
        const struct pp_snap_server *server
            = pp_servers_find(who, bridge, to_server ? pp_packet_eth_dst(pkt)
                              : pp_packet_eth_src(pkt));

        if (server && (to_server
                       || pp_servers_is_from(who, server, pkt->slot))) {
            place->server = server;
            place->dir = dir;
            make_key(&place->key, server, pkt, dir);
            place->hash = hash_key(flow, &place->key);
            return;
        }
    }
}

void
pp_flow_place(const struct pp_flow *flow, uint32_t bridge,
              const struct pp_packet *pkt, struct pp_flow_place *place)
{
    find_place(flow, bridge, pkt, PP_TO_SERVER, place);
}

/* Has 'n' bytes at 'p', which will be written, fetched. */
static inline void
fetch(const void *p, size_t n)
{
    uintptr_t line = (uintptr_t) p & ~(uintptr_t) (CACHE_LINE_SIZE - 1);

    for (; line < (uintptr_t) p + n; line += CACHE_LINE_SIZE) {
        __builtin_prefetch((const void *) line, 1);
    }
}

/* Nothing here waits for what it has just asked for: each loop only looks at
 * what the one before had fetched. */
void
pp_flow_fetch(const struct pp_flow *flow, struct pp_flow_place *places,
              size_t n)
{
    struct pp_flow_place *wanted[PP_FLOW_FETCH_MAX];
    uint32_t last = 0;
    size_t n_wanted = 0;

    if (hmap_count(&flow->conns) < FETCH_CONNS || n < 2) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        /* Packets of a connection often come one after the other. */
        if (places[i].server && places[i].hash != last) {
            last = places[i].hash;
            wanted[n_wanted++] = &places[i];
            __builtin_prefetch(bucket_of(flow, last));
        }
    }
    for (size_t i = 0; i < n_wanted; i++) {
        wanted[i]->node = *bucket_of(flow, wanted[i]->hash);
        __builtin_prefetch(wanted[i]->node, 1);
    }
    for (int step = 0; step < FETCH_STEPS; step++) {
        for (size_t i = 0; i < n_wanted; i++) {
            const struct hmap_node *node = wanted[i]->node;

            if (node && node->hash != wanted[i]->hash) {
                wanted[i]->node = node->next;
                __builtin_prefetch(wanted[i]->node, 1);
            }
        }
    }
    for (size_t i = 0; i < n_wanted; i++) {
        const struct pp_conn_head *head;

        if (!wanted[i]->node || wanted[i]->node->hash != wanted[i]->hash) {
            continue;
        }
        __builtin_prefetch(wanted[i]->node->next);
        head = CONTAINER_OF(wanted[i]->node, struct pp_conn_head, node);
        fetch(head->lru.prev, sizeof head->lru);
        fetch(head->lru.next, sizeof head->lru);
        /* With what the allocator has in front of it and behind. */
        fetch((const uint8_t *) head - ALLOCATOR_BYTES,
              (head->packed ? FETCH_PACKED : sizeof(struct pp_conn))
              + 2 * ALLOCATOR_BYTES);
    }
}

enum pp_flow_result
pp_flow(struct pp_flow *flow, struct pp_stream *st, uint32_t bridge,
        const struct pp_packet *pkt, const struct pp_flow_place *first,
        struct pp_conn **connp, enum pp_dir *dirp,
        const struct pp_snap_service **servicep)
{
    enum pp_flow_result result = PP_FLOW_OTHER;
    const struct pp_flow_place *place = first;
    struct pp_flow_place second;

    while (place->server) {
        const struct pp_snap_server *server = place->server;
        enum pp_dir dir = place->dir;
        const struct pp_snap_service *service
            = pp_servers_service(flow->snapshot, server, PP_TCP,
                                 dir == PP_TO_SERVER ? pkt->dst_port
                                 : pkt->src_port);
        enum pp_alike alike = find_conn(flow, server, &place->key,
                                        place->hash, dir, pkt, connp);

        if (*connp || service) {
            if (alike == PP_ALIKE_DROP) {
                return PP_FLOW_DROP;
            } else if (alike == PP_ALIKE_NEW) {
                *connp = begin_conn(flow, st, &place->key, place->hash, pkt,
                                    service);
            }
            if (*connp || result == PP_FLOW_OTHER) {
                *dirp = dir;
                *servicep = service;
                result = *connp ? PP_FLOW_CONN : PP_FLOW_MIDSTREAM;
            }
        }
        if (*connp || dir == PP_FROM_SERVER) {
            break;
        }
        find_place(flow, bridge, pkt, PP_FROM_SERVER, &second);
        place = &second;
    }
    return result;
}

const struct pp_snap_server *
pp_flow_server(const struct pp_flow *flow, const struct pp_conn *conn)
{
    return pp_servers_find(&flow->who, conn->head.key.bridge,
                           conn->half[PP_TO_SERVER].eth);
}

/* False if there is a connection with 'key' from VLAN 'vlan', or no room for
 * one more. */
static bool
may_add(struct pp_flow *flow, const struct pp_conn_key *key, uint32_t hash,
        uint16_t vlan)
{
    struct pp_conn_head *heads[PP_ALIKE_MAX];
    size_t n = find_heads(flow, key, hash, heads);

    for (size_t i = 0; i < n; i++) {
        if (open_conn(flow, heads[i])->half[PP_TO_SERVER].vlan == vlan) {
            return false;
        }
    }
    return n < PP_ALIKE_MAX;
}

struct pp_conn *
pp_flow_restore(struct pp_flow *flow, struct pp_stream *st,
                const struct pp_ledger_head *head)
{
    const struct pp_snapshot *snap = flow->snapshot;
    const struct pp_snap_server *server = NULL;
    const struct pp_snap_service *service;
    struct pp_conn_key key;
    struct pp_conn *conn;
    uint32_t hash;

    if (snap) {
        server = pp_servers_by_name(&flow->who, head->server, &head->mac);
    }
    if (!server) {
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
    hash = hash_key(flow, &key);
    service = pp_servers_service(snap, server, PP_TCP, key.service_port);
    if (!may_add(flow, &key, hash, head->client_vlan)) {
        return NULL;
    }
    conn = new_conn(flow, st, &key, hash,
                    pp_proxies[service ? service->proxy : 0]);
    if (conn) {
        conn->met = true;
        /* What handshakes there were is not known. */
        conn->answered = st->now;
        conn->crowded = true;
    }
    return conn;
}

const struct pp_snap_service *
pp_flow_datagram(const struct pp_flow *flow, uint32_t bridge,
                 const struct pp_packet *pkt, struct pp_conn_key *key,
                 const struct pp_snap_server **serverp)
{
    const struct pp_snap_server *server
        = pp_servers_find(&flow->who, bridge, pp_packet_eth_dst(pkt));

    *serverp = server;
    if (!server) {
        return NULL;
    }
    make_key(key, server, pkt, PP_TO_SERVER);
    return pp_servers_service(flow->snapshot, server, PP_UDP,
                              pkt->dst_port);
}

const struct pp_snap_service *
pp_flow_service(struct pp_flow *flow, struct pp_conn *conn)
{
    const struct pp_snapshot *snap = flow->snapshot;

    if (!snap) {
        return NULL;
    } else if (conn->serial != flow->serial) {
        const struct pp_snap_server *server
            = pp_servers_by_id(&flow->who, conn->head.key.server);
        const struct pp_snap_service *service
            = server ? pp_servers_service(snap, server, PP_TCP,
                                          conn->head.key.service_port) : NULL;

        conn->serial = flow->serial;
        conn->service
            = (service && pp_proxies[service->proxy] == conn->head.proxy
               ? (uint32_t) (service - pp_snapshot_services(snap))
               : UINT32_MAX);
    }
    return (conn->service == UINT32_MAX ? NULL
            : &pp_snapshot_services(snap)[conn->service]);
}

void
pp_flow_used(struct pp_flow *flow, struct pp_conn *conn, uint64_t now)
{
    conn->head.used = now;
    leave_list(flow, &conn->head);
    join_list(flow, &conn->head, list_of(conn), false);
}

/* Nothing comes of it at the moment. */
static void
quieten(struct pp_flow *flow, struct pp_conn_head *head)
{
    struct pp_conn *conn = conn_of(head);

    leave_list(flow, head);
    join_list(flow, head, list_of(conn), true);
    if (pp_pack_can(conn)) {
        replace(flow, head, pp_pack(conn));
    }
}

static void
expire(struct pp_flow *flow, struct pp_stream *st, struct pp_conn_head *head)
{
    if (head->lru_list == PP_LRU_HALF_OPEN) {
        st->counters->flow_expired_half_open++;
    } else if (head->lru_list == PP_LRU_LIVE
               || head->lru_list == PP_LRU_EDITED) {
        st->counters->flow_expired++;
    } else {
        st->counters->flow_closed++;
    }
    forget(flow, st, head);
}

/* Does what is due for the connections of 'list', for '*batch' of them at
 * most.  Returns when the next is due. */
static uint64_t
run_list(struct pp_flow *flow, struct pp_stream *st, enum pp_lru list,
         uint64_t now, unsigned int *batch)
{
    static const uint64_t ages[PP_N_LRU] = {
        [PP_LRU_CLOSED] = PP_CLOSED_MS,
        [PP_LRU_ENDING] = PP_ENDING_MS,
        [PP_LRU_HALF_OPEN] = PP_HALF_OPEN_MS,
        [PP_LRU_LIVE] = PP_IDLE_MS,
        [PP_LRU_EDITED_ENDING] = PP_ENDING_MS,
        [PP_LRU_EDITED] = PP_IDLE_MS,
    };
    uint64_t next = UINT64_MAX;

    for (int quiet = 0; quiet < 2; quiet++) {
        uint64_t age = quiet ? ages[list] : PP_QUIET_MS;
        struct pp_conn_head *head;

        while ((head = oldest(flow, list, quiet)) != NULL) {
            if (head->used + age > now || !*batch) {
                next = MIN(next, head->used + age);
                break;
            }
            --*batch;
            if (!quiet) {
                quieten(flow, head);
            } else if (is_in_place(flow, head)) {
                expire(flow, st, head);
            }
        }
    }
    return next;
}

uint64_t
pp_flow_expire(struct pp_flow *flow, struct pp_stream *st, uint64_t now)
{
    unsigned int batch = PP_EXPIRE_BATCH;
    uint64_t next = UINT64_MAX;

    for (int list = 0; list < PP_LRU_CUT; list++) {
        next = MIN(next, run_list(flow, st, list, now, &batch));
    }
    return next;
}

void
pp_flow_for_each(const struct pp_flow *flow, uint32_t max,
                 void (*cb)(void *aux, const struct pp_conn *), void *aux)
{
    struct pp_conn_head *head;

    HMAP_FOR_EACH (head, node, &flow->conns) {
        if (!max--) {
            break;
        } else if (head->packed) {
            struct pp_conn *conn = pp_unpack(head);

            cb(aux, conn);
            free(conn);
        } else {
            cb(aux, conn_of(head));
        }
    }
}
