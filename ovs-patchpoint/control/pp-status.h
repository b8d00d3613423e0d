/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_STATUS_H
#define PP_STATUS_H 1

/* patchpoint-status in external_ids. */

#include <stdbool.h>

struct ds;
struct pp_control;
struct pp_iface;

/* Writes what has changed to the database. */
void pp_status_run(struct pp_control *);
void pp_status_wait(const struct pp_control *);

/* The status of the interface may be another. */
void pp_status_touch(struct pp_control *, struct pp_iface *);

/* What was written has got to the database, or not. */
void pp_status_done(struct pp_control *, bool ok);

/* The status of a VM's interface, in words; "": none. */
void pp_status_format(const struct pp_control *, const struct pp_iface *,
                      struct ds *);

/* Is there any status of ours left in the database? */
bool pp_status_any(const struct pp_control *);

#endif /* pp-status.h */
