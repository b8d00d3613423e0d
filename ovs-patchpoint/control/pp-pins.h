/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PINS_H
#define PP_PINS_H 1

/* Pins: connections whose two ends count differently, by what the engine has
 * written into the ledger (engine/pp-ledger.h).  Their frames must go through
 * the engine or nowhere, for as long as they last: also while no engine runs,
 * and when the policy has gone that began it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pp_bridge;
struct pp_control;
struct pp_iface;
struct pp_owner;
struct svec;

/* Opens the ledger in directory 'rundir', or makes it.  Without one, nothing
 * is pinned, and edited connections end with their engine. */
void pp_pins_open(const char *rundir);
void pp_pins_close(void);

/* The ledger, for the engine; -1: there is none. */
int pp_pins_fd(void);

/* Reads the pins anew where they have changed; sets ctl->dirty then. */
void pp_pins_run(struct pp_control *);
void pp_pins_wait(void);

/* After discovery: finds the interfaces of pins that are new, and those of
 * interfaces that were touched, and sets 'n_pins' of interfaces and
 * bridges. */
void pp_pins_assign(struct pp_control *);

/* After policy: gives pins that are not young any more their flows. */
void pp_pins_age(void);

/* The interface is going away. */
void pp_pins_forget(struct pp_iface *);

/* How many are on some bridge. */
size_t pp_pins_count(void);

/* Adds the flows of 'owner', which are those of connections with the same
 * addresses and ports, as ovs-ofctl takes them. */
void pp_pins_put_flows(const struct pp_owner *owner, struct svec *flows);

/* All owners of such flows on 'br' are to be asked anew. */
void pp_pins_touch_owners(const struct pp_bridge *br);

#endif /* pp-pins.h */
