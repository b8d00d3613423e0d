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

#include "engine/pp-ipc.h"
#include "openvswitch/types.h"

struct pp_bridge;
struct pp_control;
struct pp_iface;
struct svec;

struct pp_pin {
    struct pp_ipc_addr client;
    struct pp_ipc_addr service;
    struct eth_addr mac;        /* The server's... */
    char server[PP_NAME_LEN];   /* ...and its interface's name. */
    uint64_t since;             /* ms, monotonic. */
    const struct pp_iface *iface;       /* By pp_pins_assign(); NULL: no such
                                         * interface is there. */
};

/* Opens the ledger in directory 'rundir', or makes it.  Without one, nothing
 * is pinned, and edited connections end with their engine. */
void pp_pins_open(const char *rundir);
void pp_pins_close(void);

/* The ledger, for the engine; -1: there is none. */
int pp_pins_fd(void);

/* Reads the pins anew where they have changed; sets ctl->dirty then. */
void pp_pins_run(struct pp_control *);
void pp_pins_wait(void);

/* After discovery: finds the interface of each pin, and sets 'n_pins' of
 * interfaces and bridges. */
void pp_pins_assign(struct pp_control *);

/* After policy: flows of pins that are not young any more are due. */
void pp_pins_age(struct pp_control *);

/* The interface is going away. */
void pp_pins_forget(struct pp_iface *);

/* How many are on some bridge. */
size_t pp_pins_count(void);

/* Sets 'flows' to those of the pins of 'br', as ovs-ofctl takes them. */
void pp_pins_put_flows(const struct pp_bridge *br, struct svec *flows);

#endif /* pp-pins.h */
