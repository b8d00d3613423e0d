/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FLOW_H
#define PP_FLOW_H 1

/* Flow: which connection of which server does a packet belong to?
 *
 * The key is the server (bridge, VM's interface), an inner VLAN tag and the
 * 5-tuple, so that tenants with the same addresses never meet.  Of a server
 * that is in several VLANs, connections may share a key (pp-alike.h). */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-conn.h"
#include "engine/pp-packet.h"
#include "engine/pp-servers.h"
#include "engine/pp-snapshot.h"
#include "openvswitch/hmap.h"

struct pp_ledger_head;
struct pp_stream;

/* How long a connection is remembered after its last frame, in ms: one that is
 * over, and one whose handshake is not, longer than servers take the end of
 * that handshake for it: Linux 63 s from its SYN queue, 120 s by a SYN cookie
 * (RFC 4987 3.6), for which it keeps nothing and which holds any number of
 * times; one that may be over but that an end may still go on with, which
 * would not be inspected then: longer than servers wait for clients; and any
 * other, a day, as no end may ever say that it is over. */
#define PP_CLOSED_MS 150000
#define PP_ENDING_MS 300000
#define PP_HALF_OPEN_MS 150000
#define PP_IDLE_MS 86400000

/* After so long without a frame a connection is packed, in ms: so that those
 * with traffic are not packed and unpacked all the time. */
#define PP_QUIET_MS 1000

/* Where a connection is in its life.  At the bound of the table, the first
 * list in this order that has one gives its oldest; those that are edited, or
 * cut through, never do. */
enum pp_lru {
    PP_LRU_CLOSED,              /* Over: FINs acknowledged, or the server's
                                 * RST. */
    PP_LRU_ENDING,              /* The client's RST, or FINs of both; or over,
                                 * but edited. */
    PP_LRU_HALF_OPEN,           /* Handshake not over. */
    PP_LRU_LIVE,
    PP_LRU_EDITED_ENDING,       /* Its ends cannot do without the engine. */
    PP_LRU_EDITED,
    PP_LRU_CUT,                 /* In the switch (pp-cut.h): not to be
                                 * forgotten. */
    PP_N_LRU,
};

/* While less than 1 in this many connections are half-open, an idle one makes
 * room before them: a full table does not keep newcomers from getting through
 * their handshake while somebody floods it with SYNs. */
#define PP_HALF_OPEN_SHARE 64

/* Connections that are forgotten or packed in one call at most. */
#define PP_EXPIRE_BATCH 256

struct pp_flow {
    struct hmap conns;          /* struct pp_conn_head. */
    struct ovs_list lru[PP_N_LRU][2];   /* The same, oldest first; [1]: quiet
                                         * for PP_QUIET_MS, and packed if
                                         * that is possible. */
    uint32_t n_lru[PP_N_LRU];   /* How many there are. */
    struct pp_servers who;
    const struct pp_snapshot *snapshot; /* Or NULL. */
    uint64_t serial;            /* Of that, or of rows that came after it. */
    uint32_t basis;             /* For hashes that nobody can foresee. */
    uint64_t memory;            /* Bytes of the connections, as the allocator
                                 * rounds them up. */
    struct pp_inspector *inspector;     /* Of the connections, or NULL. */
};

void pp_flow_init(struct pp_flow *, uint32_t basis);
void pp_flow_destroy(struct pp_flow *, struct pp_stream *);

/* Forgets all connections. */
void pp_flow_clear(struct pp_flow *, struct pp_stream *);

/* Puts 'snapshot' in force, which must stay until another one is.  NULL: no
 * server is known. */
void pp_flow_set_snapshot(struct pp_flow *, const struct pp_snapshot *);

enum pp_flow_result {
    PP_FLOW_CONN,               /* A followed connection. */
    PP_FLOW_MIDSTREAM,          /* A service's, but not followed. */
    PP_FLOW_OTHER,              /* No service's. */
    PP_FLOW_DROP,               /* Nobody can tell which connection's. */
};

/* What is looked for: the first of a packet's directions that has a server of
 * ours.  It holds until other servers are in force. */
struct pp_flow_place {
    const struct pp_snap_server *server;        /* NULL: none has one. */
    enum pp_dir dir;
    uint32_t hash;              /* Of the key. */
    struct pp_conn_key key;
    const struct hmap_node *node;       /* While it is being fetched. */
};

/* Sets '*place' to that of 'pkt', from bridge 'bridge'. */
void pp_flow_place(const struct pp_flow *, uint32_t bridge,
                   const struct pp_packet *, struct pp_flow_place *);

/* Has the connections of 'n' places, PP_FLOW_FETCH_MAX at most, fetched into
 * the cache, all at the same time, where the table is so large that they are
 * not there. */
void pp_flow_fetch(const struct pp_flow *, struct pp_flow_place *, size_t n);
#define PP_FLOW_FETCH_MAX 32

/* Finds the connection that 'pkt', from bridge 'bridge' and with its place,
 * belongs to, or makes one for a SYN to a service; at the bound another one
 * makes room for it, or it is not followed.  Sets '*dir' and '*service' too if
 * it is PP_FLOW_CONN or PP_FLOW_MIDSTREAM. */
enum pp_flow_result pp_flow(struct pp_flow *, struct pp_stream *,
                            uint32_t bridge, const struct pp_packet *,
                            const struct pp_flow_place *,
                            struct pp_conn **, enum pp_dir *dir,
                            const struct pp_snap_service **service);

/* The server of 'conn', or NULL if it is not one any more. */
const struct pp_snap_server *pp_flow_server(const struct pp_flow *,
                                            const struct pp_conn *);

/* A new connection as 'head' says, or NULL if there is no such server or the
 * connection is there already. */
struct pp_conn *pp_flow_restore(struct pp_flow *, struct pp_stream *,
                                const struct pp_ledger_head *head);

/* Finds the service that 'pkt', a UDP datagram, is for, and sets '*key' and
 * '*server'.  NULL if it is for none: another one's, or a server's reply.
 * Nothing is kept of it. */
const struct pp_snap_service *pp_flow_datagram(
    const struct pp_flow *, uint32_t bridge, const struct pp_packet *,
    struct pp_conn_key *key, const struct pp_snap_server **server);

/* The service of 'conn' as policy has it now, or NULL if it is not one any
 * more. */
const struct pp_snap_service *pp_flow_service(struct pp_flow *,
                                              struct pp_conn *);

/* Makes its inspection one of a new connection. */
void pp_conn_inspect_init(struct pp_conn *);

/* After a packet: the connection was used now, in its present state. */
void pp_flow_used(struct pp_flow *, struct pp_conn *, uint64_t now);

/* Calls 'cb' for each of up to 'max' connections. */
void pp_flow_for_each(const struct pp_flow *, uint32_t max,
                      void (*cb)(void *aux, const struct pp_conn *),
                      void *aux);

/* Who the ends of 'conn' are. */
struct pp_ends pp_conn_ends(const struct pp_conn *);

/* Takes it off the table and frees it. */
/* The connection of 'head', which stands elsewhere if it was packed. */
struct pp_conn *pp_flow_open(struct pp_flow *, struct pp_conn_head *head);

void pp_flow_forget(struct pp_flow *, struct pp_stream *, struct pp_conn *);

/* Forgets what is over, or idle for too long, and packs what is quiet.
 * Returns when to call again, in ms. */
uint64_t pp_flow_expire(struct pp_flow *, struct pp_stream *, uint64_t now);

#endif /* pp-flow.h */
