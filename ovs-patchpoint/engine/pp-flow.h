/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FLOW_H
#define PP_FLOW_H 1

/* Flow: which connection of which server does a packet belong to?
 *
 * The key is the server (bridge, VM's interface), the VLAN and the 5-tuple, so
 * that tenants with the same addresses never meet. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-conn.h"
#include "engine/pp-packet.h"
#include "engine/pp-snapshot.h"
#include "openvswitch/hmap.h"

struct pp_ledger_head;
struct pp_stream;

/* How long what is likely over is remembered, in ms. */
#define PP_CLOSED_MS 10000
#define PP_OPENING_MS 60000

/* How long an idle connection is remembered that cannot do without the
 * engine, in ms: a day, as no end may ever say that it is over. */
#define PP_RECORDED_MS 86400000

enum pp_lru {
    PP_LRU_OPENING,
    PP_LRU_CLOSED,
    PP_LRU_LIVE,
    PP_LRU_RECORDED,            /* In the ledger. */
    PP_LRU_CUT,                 /* In the switch (pp-cut.h): not to be
                                 * forgotten. */
    PP_N_LRU,
};

struct pp_flow {
    struct hmap conns;          /* struct pp_conn. */
    struct ovs_list lru[PP_N_LRU];      /* Oldest first. */
    struct hmap servers;        /* By bridge and MAC. */
    struct hmap slots;          /* More slots of servers, by both. */
    const struct pp_snapshot *snapshot; /* Or NULL. */
    uint32_t basis;             /* For hashes that nobody can foresee. */
    uint64_t memory;            /* Bytes of the connections. */
};

void pp_flow_init(struct pp_flow *, uint32_t basis);
void pp_flow_destroy(struct pp_flow *, struct pp_stream *);

/* Puts 'snapshot' in force, which must stay until another one is.  NULL: no
 * server is known. */
void pp_flow_set_snapshot(struct pp_flow *, const struct pp_snapshot *);

enum pp_flow_result {
    PP_FLOW_CONN,               /* A followed connection. */
    PP_FLOW_MIDSTREAM,          /* A service's, but not followed. */
    PP_FLOW_OTHER,              /* No service's. */
};

/* Finds the connection that 'pkt', from bridge 'bridge', belongs to, or makes
 * one for a SYN to a service.  Sets '*dir' and '*service' too unless it is
 * PP_FLOW_OTHER. */
enum pp_flow_result pp_flow(struct pp_flow *, struct pp_stream *,
                            uint32_t bridge, const struct pp_packet *,
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

void pp_flow_forget(struct pp_flow *, struct pp_stream *, struct pp_conn *);

/* Forgets what is likely over.  Returns when to call again, in ms. */
uint64_t pp_flow_expire(struct pp_flow *, struct pp_stream *, uint64_t now);

#endif /* pp-flow.h */
