/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_HANDOVER_H
#define PP_HANDOVER_H 1

/* Hand-over of a server's connections to another engine, on another host: a VM
 * that moves takes them along.
 *
 * An export writes down all of them as the ledger has those that are edited
 * (pp-ledger.h), and freezes the server: none of its frames is taken until an
 * import, or until the time that control has given is over; a frozen VM is one
 * that is not running.  An import puts such records in place of all that the
 * engine knows of the server.
 *
 * What a record says is another host's word and is not believed unchecked.  A
 * proxy's state does not travel.  A connection between two messages
 * ('is_idle' of struct pp_proxy) goes on with a new one; all others are not
 * inspected any more. */

#include <stdbool.h>
#include <stdint.h>

struct pp_counters;
struct pp_flow;
struct pp_ledger;
struct pp_ledger_cbs;
struct pp_ledger_region;
struct pp_packet;
struct pp_snap_server;
struct pp_stream;

#define PP_FROZEN_MAX 64

struct pp_handover {
    struct pp_flow *flow;
    struct pp_stream *stream;
    struct pp_counters *counters;
    struct {
        uint32_t server;        /* struct pp_snap_server's id. */
        uint64_t until;         /* In ms. */
    } frozen[PP_FROZEN_MAX];
    uint32_t n;
};

/* What there was of a server. */
struct pp_handed {
    uint32_t records;           /* Connections... */
    uint32_t fresh;             /* ...of them, still inspected afterwards... */
    uint32_t left;              /* ...and those for which was no room, or
                                 * whose record made no sense. */
    uint32_t blocks;            /* Of the region. */
};

void pp_handover_init(struct pp_handover *, struct pp_flow *,
                      struct pp_stream *, struct pp_counters *);

/* True if 'pkt' belongs to a frozen server, and so to nobody now. */
bool pp_handover_drops(struct pp_handover *, uint32_t bridge,
                       const struct pp_packet *pkt);

/* Writes down the connections of the server on interface 'name' into 'region',
 * which is all zero, and freezes it for 'ms'.  Returns NULL, or why not. */
const char *pp_handover_export(struct pp_handover *, const char *name,
                               uint32_t ms, struct pp_ledger_region *region,
                               struct pp_handed *);

/* Takes over for the server on interface 'name' what 'region' says of it; it
 * is written to.  'go_on' of the callbacks is called for each connection.
 * Returns NULL, or why not. */
const char *pp_handover_import(struct pp_handover *, const char *name,
                               struct pp_ledger_region *region,
                               const struct pp_ledger_cbs *, void *aux,
                               struct pp_handed *);

/* Leaves what can go on without its proxy's state to the engine that comes
 * next on this host, in 'ledger': nothing comes through this one any more. */
void pp_handover_leave(struct pp_handover *, struct pp_ledger *);

/* After a new snapshot, and when something is due.  Returns when to call
 * again, in ms; UINT64_MAX: never. */
uint64_t pp_handover_run(struct pp_handover *);

#endif /* pp-handover.h */
