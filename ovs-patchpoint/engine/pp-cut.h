/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_CUT_H
#define PP_CUT_H 1

/* Cut-through: connections that leave the engine.
 *
 * Once nothing of a connection will ever be looked at again, its frames need
 * not come here.  It is *loose* when that is so, and the engine does nothing
 * for it either: no edits in its lists, no bytes held, kept or owed, both ends
 * in step.  From then on its frames pass as they come, and their numbers are
 * not followed any more.
 *
 * A server with SYN cookies (RFC 4987 3.6) may begin anew without a SYN: the
 * end of a handshake, which it takes for two minutes and any number of times,
 * has neither flag nor place that a switch could tell from the middle of a
 * connection.  So until its handshake is too old for that (pp-limits.h),
 * a loose connection's frames to the server still pass here, and what ends its
 * handshake again, or one before it, is dropped; and a connection before which
 * there were too many to be remembered becomes loose only then.
 *
 * A loose connection that is in use is *cut through*: control, asked for it,
 * puts exact flows into the switch, which lead its frames past the engine: one
 * for what the server sends, and when it is old enough one for what the client
 * sends.  They match no SYN, FIN or RST: the engine sees how the connection
 * ends, and every attempt to begin another one with the same addresses and
 * ports.  That one has to be inspected from its first byte, so its SYN is
 * dropped until control has confirmed that the flows are gone, and for
 * PP_CUT_GRACE_MS more, in which the switch's caches forget them.  The client
 * sends it again.
 *
 * So what is cut through must never be forgotten here while it may be in the
 * switch.  How many there may be at a time is bounded by the snapshot's
 * 'cuts_max'; at the bound, no more leave, and that is counted.
 *
 * What is never cut through:
 *
 *   - A connection with edits: its ends count differently for good.
 *
 *   - One that has to go on being followed, though nobody looks at what is on
 *     its way now, such as a counted body: behind it comes the next message,
 *     and a switch cannot tell where that begins.  Nor one direction alone:
 *     the other one's acknowledgements are in it.
 *
 *   - One of frames that the switch does not see through: more than one VLAN
 *     tag. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-ipc.h"
#include "engine/pp-packet.h"
#include "openvswitch/list.h"
#include "pp-proxy.h"

struct pp_conn;
struct pp_counters;
struct pp_flow;
struct pp_stream;

/* Frames after which a loose connection is worth two flows.  Most that are
 * over by then never need them. */
#define PP_CUT_FRAMES 32

/* How long after the flows are gone the switch's caches may still have them,
 * in ms.  Open vSwitch goes through its caches at once, and takes 2 s for
 * "unreasonably long" (udpif_revalidator()). */
#define PP_CUT_GRACE_MS 5000

/* Flows that are there and still do not keep this many frames away, after this
 * long, in ms, do not fit any more. */
#define PP_CUT_MISSED_FRAMES 256
#define PP_CUT_MISSED_MS 2000

struct pp_cut_entry;

struct pp_cut {
    struct pp_cut_entry *entries;       /* PP_CUTS_MAX, made when needed. */
    uint32_t n;                 /* In use. */
    uint32_t last;              /* For ids. */
    struct ovs_list idle;       /* Entries: not in use... */
    struct ovs_list asks;       /* ...to be asked for... */
    struct ovs_list there;      /* ...asked for, so perhaps in the switch... */
    struct ovs_list undoes;     /* ...to be taken back... */
    struct ovs_list graces;     /* ...and gone, the oldest first. */
    struct pp_flow *flow;
    struct pp_stream *stream;
    struct pp_counters *counters;
};

void pp_cut_init(struct pp_cut *, struct pp_flow *, struct pp_stream *,
                 struct pp_counters *);
void pp_cut_destroy(struct pp_cut *);

/* All connections are about to be forgotten, and the switch has none. */
void pp_cut_clear(struct pp_cut *);

/* A packet of 'conn'.  True if it is loose, and nothing is left to be done
 * with the packet. */
bool pp_cut_in(struct pp_cut *, struct pp_conn *, enum pp_dir,
               const struct pp_packet *);

/* 'conn' is as its last packet has left it: is it loose from now on? */
void pp_cut_done(const struct pp_cut *, struct pp_conn *);

/* Hands what control is to do to 'ask', up to PP_IPC_CUTS_MAX rows at a time,
 * for as long as it returns true, which it does if control gets to know. */
void pp_cut_ask(struct pp_cut *,
                bool (*ask)(void *aux, const struct pp_ipc_cut *, uint32_t n),
                void *aux);

/* Is there something to ask? */
bool pp_cut_has_to_ask(const struct pp_cut *);

/* Control says that there is nothing in the switch for 'id'. */
void pp_cut_undone(struct pp_cut *, uint64_t id);

/* Ends graces.  Returns when to call again, in ms; UINT64_MAX: never. */
uint64_t pp_cut_run(struct pp_cut *);

#endif /* pp-cut.h */
