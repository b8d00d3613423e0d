/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DISCOVERY_H
#define PP_DISCOVERY_H 1

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ovsdb_idl;
struct pp_bridge;
struct pp_control;
struct pp_iface;
struct uuid;

/* Says which columns control reads and writes. */
void pp_discovery_register(struct ovsdb_idl *);

/* An empty model. */
void pp_discovery_init(struct pp_control *);

/* Brings the model of the virtual network up to date with the database.  To
 * be called after each ovsdb_idl_run(), before what it tracks is cleared.
 * Returns true if anything there has changed. */
bool pp_discovery_run(struct pp_control *);

/* Something else than its rows says something else of the interface. */
void pp_discovery_reread(struct pp_control *, struct pp_iface *);

/* The switch tells that the interface has the port 'ofport', or 0: none any
 * more.  It does so at once; the database says it only when ovs-vswitchd has
 * gone over all of its ports. */
void pp_discovery_told(struct pp_control *, struct pp_iface *,
                       uint16_t ofport);

/* What the switch of the bridge has told may not be so any more. */
void pp_discovery_forget_told(struct pp_control *, const struct pp_bridge *);

/* Forgets bridges that are gone and that nothing holds any more. */
void pp_discovery_forget(struct pp_control *);

void pp_discovery_destroy(struct pp_control *);

/* Makes a server at 'mac' behind 'tunnel'.  'uuid' is that of the row that
 * says so. */
struct pp_iface *pp_iface_create_behind(struct pp_control *,
                                        struct pp_iface *tunnel,
                                        const struct uuid *uuid,
                                        const char *name,
                                        const struct eth_addr mac);
void pp_iface_destroy(struct pp_control *, struct pp_iface *);

#endif /* pp-discovery.h */
