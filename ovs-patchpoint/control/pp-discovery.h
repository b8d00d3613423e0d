/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DISCOVERY_H
#define PP_DISCOVERY_H 1

struct ovsdb_idl;
struct pp_control;

/* Says which columns control reads and writes. */
void pp_discovery_register(struct ovsdb_idl *);

/* Makes the model of the virtual network anew from the database. */
void pp_discovery_run(struct pp_control *);

/* Forgets bridges that are gone and that nothing holds any more. */
void pp_discovery_forget(struct pp_control *);

void pp_discovery_destroy(struct pp_control *);

#endif /* pp-discovery.h */
