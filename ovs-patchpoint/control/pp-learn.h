/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_LEARN_H
#define PP_LEARN_H 1

/* MAC addresses of VMs that nobody wrote down, learned from their frames.
 *
 * While the address of a VM that is to be protected is not known, one flow of
 * table 0 copies to control what comes in by its port.  The first frame tells
 * the address, and the flow goes.  It stands in patchpoint-mac of the
 * interface then, for the next daemon; whoever takes that key away, or plugs
 * the VM anew, has it learned again.
 *
 * A frame says what its sender likes.  So an address that another interface of
 * the bridge has, written or learned, is learned by none. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct pp_bridge;
struct pp_control;
struct pp_iface;
struct svec;

/* Sets '*mac' to what was learned of 'iface', whose row and 'ofport' are set;
 * false: nothing. */
bool pp_learn_mac(const struct pp_iface *iface, struct eth_addr *mac);

/* A frame from 'src' came in by 'ofport' of 'br'; true: that was learned. */
bool pp_learn_frame(struct pp_control *, struct pp_bridge *br,
                    uint16_t ofport, const struct eth_addr src);

/* Why there is no address of 'iface' yet, in words. */
const char *pp_learn_why_not(const struct pp_iface *iface);

/* Adds the flow that copies frames, if there is one, as ovs-ofctl takes it. */
void pp_learn_put_flows(const struct pp_iface *, struct svec *flows);

/* Writes the key of 'iface' if it should be another.  Its rows or its policy
 * have changed, and there is a transaction. */
void pp_learn_write(const struct pp_control *, const struct pp_iface *iface);

/* The interface is gone. */
void pp_learn_forget(const struct pp_iface *);

void pp_learn_destroy(void);

#endif /* pp-learn.h */
