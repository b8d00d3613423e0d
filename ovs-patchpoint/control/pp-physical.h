/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PHYSICAL_H
#define PP_PHYSICAL_H 1

/* Physical servers: those that hardware_vtep databases say are behind a VTEP
 * gateway to which a bridge of this host has a tunnel.  Each becomes a struct
 * pp_iface "behind" the tunnel's. */

struct ds;
struct pp_control;

/* To be called when discovery has run; touches what is another. */
void pp_physical_run(struct pp_control *);
void pp_physical_wait(void);
void pp_physical_destroy(void);

/* What is wrong with patchpoint-vtep, or NULL. */
const char *pp_physical_error(void);

/* For vtep/list: databases, addresses, and what became of each. */
void pp_physical_format(const struct pp_control *, struct ds *);

#endif /* pp-physical.h */
