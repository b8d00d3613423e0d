/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_LEDGER_H
#define PP_LEDGER_H 1

/* The ledger: what has to outlive the engine.
 *
 * Client and server of a connection that carries edits count differently, and
 * of one whose bytes the engine has acknowledged in the receiver's name only
 * the engine has those bytes.  Such a connection has a record in the ledger,
 * memory that control makes and that one engine after the other is handed.
 * When an engine dies the next one goes on from there: numbers are mapped as
 * before, and what is owed is delivered.  What the proxy knew is lost, so from
 * then on the connection counts as uninspected.
 *
 * An engine that is told to end leaves a record of each connection that is
 * between two messages, too, as far as there is room: the next one can go on
 * with a new proxy.
 *
 * A connection whose ends count differently must never go around the engine.
 * Its record is *pinned*: control has an exact flow for it in the switch that
 * leads to the engine or nowhere, and that stays when the policy goes.
 *
 * One engine at a time writes; control and the next engine believe nothing
 * that they read without a check. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-ipc.h"
#include "openvswitch/types.h"

struct pp_conn;
struct pp_counters;
struct pp_snap_server;
struct pp_stream;

#define PP_LEDGER_MAGIC 0x50504c32u
#define PP_LEDGER_RECORDS 4096
#define PP_LEDGER_RECORD_SIZE 4096
#define PP_LEDGER_BLOCKS 2048   /* For bytes that a record has no room for. */
#define PP_LEDGER_BLOCK_SIZE 4096

/* The part of a record that control reads. */
struct pp_ledger_head {
    uint32_t seq;               /* Odd while it is being written. */
    uint8_t used;
    uint8_t pinned;
    uint16_t vlan;              /* An inner tag's. */
    uint64_t since;             /* Made then: ms, monotonic. */
    struct pp_ipc_addr client;
    struct pp_ipc_addr service;
    struct eth_addr mac;        /* The server's... */
    uint16_t client_vlan;       /* As in the client's struct pp_half. */
    char server[PP_NAME_LEN];   /* ...and its interface's name. */
};

struct pp_ledger_record {
    struct pp_ledger_head head;
    uint8_t body[PP_LEDGER_RECORD_SIZE - sizeof(struct pp_ledger_head)];
};

struct pp_ledger_region {
    uint32_t magic;
    uint32_t layout;            /* pp_ledger_layout(): of those who wrote. */
    uint64_t n_changes;         /* Grows when a record comes, goes, or is
                                 * pinned. */
    uint8_t pad[PP_LEDGER_RECORD_SIZE - 16];
    struct pp_ledger_record records[PP_LEDGER_RECORDS];
    uint8_t blocks[PP_LEDGER_BLOCKS][PP_LEDGER_BLOCK_SIZE];
};

/* Which server a connection belongs to, or NULL. */
typedef const struct pp_snap_server *pp_ledger_server_cb(
    void *aux, const struct pp_conn *);

/* What reading the ledger needs. */
struct pp_ledger_cbs {
    /* A new connection with the key that 'head' says, or NULL if there is
     * nobody for it. */
    struct pp_conn *(*make)(void *aux, const struct pp_ledger_head *head);

    /* Its record made no sense. */
    void (*forget)(void *aux, struct pp_conn *);

    /* It is as it was written down, and may deliver what it owes. */
    void (*go_on)(void *aux, struct pp_conn *);
};

struct pp_ledger {
    struct pp_ledger_region *region;    /* NULL: none, nothing is kept. */
    pp_ledger_server_cb *server;
    void *aux;
    uint16_t free[PP_LEDGER_RECORDS];
    uint32_t n_free;
    uint16_t free_blocks[PP_LEDGER_BLOCKS];
    uint32_t n_free_blocks;
};

/* Tells apart builds that lay records out differently. */
uint32_t pp_ledger_layout(void);

/* Takes over 'region', with what another engine has left in it: a connection
 * of each record.  Records that cannot be used are counted and struck out. */
void pp_ledger_take(struct pp_ledger *, struct pp_ledger_region *,
                    struct pp_stream *, const struct pp_ledger_cbs *);

/* True if an end of 'conn' cannot do without the engine: they count
 * differently, or one has been told that the other has what it has not. */
bool pp_ledger_is_due(const struct pp_conn *);

/* Writes down what 'conn' has become, or strikes it out where both ends can
 * do without the engine.  The ledger may be NULL. */
void pp_ledger_update(struct pp_ledger *, struct pp_stream *,
                      struct pp_conn *);

/* Writes 'conn' down in 'ledger', which is not the one that it has a record
 * in, as it is now; 'fresh': it can do without what its proxy knows.  False if
 * there is no room. */
bool pp_ledger_export(struct pp_ledger *, struct pp_stream *,
                      struct pp_conn *, bool fresh);

/* Writes 'conn', which can do without what its proxy knows or consists of a
 * SYN alone, down as such for the engine that comes next, if there is room. */
void pp_ledger_leave(struct pp_ledger *, struct pp_stream *,
                     struct pp_conn *);

/* Strikes 'conn' out.  The ledger may be NULL. */
void pp_ledger_forget(struct pp_ledger *, struct pp_conn *);

#endif /* pp-ledger.h */
