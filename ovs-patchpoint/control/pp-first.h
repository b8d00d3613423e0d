/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FIRST_H
#define PP_FIRST_H 1

/* A VM from its first packet.
 *
 * The switch makes a new VM's port, and floods frames to it, before anyone can
 * have written flows for that port.  On a bridge for which, by its own keys or
 * those of Open_vSwitch, patchpoint-fail is closed, frames that could be a
 * server's therefore only go on when they come from a port that is known: one
 * with a slot.  Others (TCP, fragments, frames with a tag more than the switch
 * looks at, UDP from ports of UDP proxies) wait in control, and go on, through
 * the redirect if there is one, when the port is known; or are dropped after a
 * time.  No connection that begins comes about without an answer of the VM's,
 * so none comes about that the engine does not see.
 *
 * What is sent to a VM of connections that it had before takes no answer.  It
 * waits, too, from when the VM's row is seen: that is a race with the switch,
 * which makes the port then.
 *
 * Flows: some fixed ones of a bridge (those of slots tell what is known), and
 * for a VM that is protected none, but two that go by themselves. */

#include <stdbool.h>
#include <stddef.h>

struct ds;
struct ofp_header;
struct ofpbuf;
struct ofputil_packet_in;
struct pp_bridge;
struct pp_control;
struct pp_iface;
struct svec;

/* Sets 'first_waits' of all bridges. */
void pp_first_check(struct pp_control *);

/* May nothing that a server could have sent come from 'iface', since it is
 * to be protected, at any price, and cannot be? */
bool pp_first_holds(const struct pp_iface *iface);

/* Has frames to VMs that have just appeared, and fail closed, wait until their
 * flows are there.  That takes no engine, so it is in the switch at about the
 * same time as the port. */
void pp_first_early(const struct pp_control *);

/* The interface is going away, and its flows may do so before its port does:
 * where it fails closed, frames to it are dropped for a second. */
void pp_first_left(const struct pp_iface *iface);

/* Adds the flows of a bridge, and of an interface on one. */
void pp_first_put_fixed(const struct pp_bridge *, struct svec *flows);
void pp_first_put_iface(const struct pp_iface *, struct svec *flows);

/* The frame in 'oh', of NXT_PACKET_IN2, is to wait. */
void pp_first_frame(struct pp_bridge *, const struct ofp_header *oh);

/* Lets frames go on whose port is known by now, and drops old ones. */
void pp_first_run(struct pp_control *);
void pp_first_wait(void);

/* Adds the counters. */
void pp_first_format(struct ds *);

void pp_first_destroy(void);

#endif /* pp-first.h */
