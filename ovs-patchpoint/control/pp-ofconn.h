/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_OFCONN_H
#define PP_OFCONN_H 1

/* The connection to a bridge's OpenFlow management socket, and what is in the
 * switch by it. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ds;
struct ofpbuf;
struct ofputil_packet_in;
struct pp_bridge;
struct pp_control;
struct pp_iface;
struct pp_ofconn;
struct pp_owner;

/* Connects to bridges that have a tap, makes the switch have what
 * pp_flows_put() says, and puts it back when somebody takes it away. */
void pp_ofconn_run(struct pp_control *);
void pp_ofconn_wait(const struct pp_control *);

/* Has the switch once said what it has, so that slots are as it knows them? */
bool pp_ofconn_is_adopted(const struct pp_ofconn *);

/* Is all that should be in the switch there, as it has confirmed, and does its
 * datapath follow?  Or all that is the owner's? */
bool pp_ofconn_in_sync(const struct pp_ofconn *);
bool pp_ofconn_has(const struct pp_ofconn *, const struct pp_owner *);

/* The same of the interface and of all its slots. */
bool pp_ofconn_has_iface(const struct pp_iface *);

/* Another number than before when pp_ofconn_has() may be true of an owner of
 * whom it was not, and who was not touched.  NULL: 0. */
uint64_t pp_ofconn_progress(const struct pp_ofconn *);

/* May anything of ours be in the switch?  It may until the switch has
 * confirmed that there is nothing. */
bool pp_ofconn_has_flows(const struct pp_ofconn *);

/* What hinders it, in words, or NULL. */
const char *pp_ofconn_error(const struct pp_ofconn *);

/* For flows that pp_flows_put() does not know of (pp-cuts.h).  While the
 * connection is up: */
bool pp_ofconn_is_up(const struct pp_ofconn *);

/* Which connection it is: none before had, or has, the same number. */
unsigned int pp_ofconn_number(const struct pp_ofconn *);

/* Adds 'flow', as ovs-ofctl takes it.  Returns the message's xid. */
ovs_be32 pp_ofconn_add_flow(struct pp_ofconn *, const char *flow);

/* Deletes the one with the match and the priority of 'flow'. */
void pp_ofconn_delete_flow(struct pp_ofconn *, const char *flow);

/* Deletes the flows with 'cookie' in the bits of 'mask'. */
void pp_ofconn_delete_flows(struct pp_ofconn *, uint64_t cookie,
                            uint64_t mask);

/* Changes nothing, but has the switch look at what its datapath has in its
 * cache (pp-datapath.h). */
void pp_ofconn_poke(struct pp_ofconn *);

/* The switch goes on with a frame that it paused, behind all that was sent
 * before. */
void pp_ofconn_resume(struct pp_ofconn *, const struct ofputil_packet_in *,
                      const struct ofpbuf *continuation);

/* The answer comes as pp_cuts_barrier() and pp_datapath_barrier(), with the
 * xid that this returns. */
ovs_be32 pp_ofconn_send_barrier(struct pp_ofconn *);

void pp_ofconn_format(const struct pp_ofconn *, struct ds *);

void pp_ofconn_destroy(struct pp_ofconn *);

#endif /* pp-ofconn.h */
