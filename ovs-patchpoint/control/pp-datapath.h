/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DATAPATH_H
#define PP_DATAPATH_H 1

/* Does the switch's datapath follow its flow tables?
 *
 * A barrier's reply says that flows are in the tables of ovs-vswitchd.  Its
 * datapath, in userspace or in the kernel, has a cache of what becomes of
 * frames, though, and what is in there goes on as before until one of
 * ovs-vswitchd's revalidators has looked at it.  They go over the whole cache
 * in rounds.  Those who are just talking to a VM are in the cache: only after
 * a round that began after the change do they go where the flows say.
 *
 * ovs-vswitchd is asked over its control socket, as ovs-appctl does, with few
 * questions at a time for all bridges and all changes.  While it cannot be
 * asked, the datapath counts as following at once; while it has no answer,
 * since bridges have different types of datapath, after a time.  The log says
 * so. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ds;
struct pp_bridge;
struct pp_control;

/* What is in flow tables now, as the switch has confirmed, is followed when
 * pp_datapath_follows() is true of what this returns.  It grows. */
uint64_t pp_datapath_ticket(void);
bool pp_datapath_follows(uint64_t ticket);

/* Asks ovs-vswitchd, and takes its answers. */
void pp_datapath_run(struct pp_control *);
void pp_datapath_wait(const struct pp_control *);

/* From the connection to the bridge's switch: the answer to a barrier. */
void pp_datapath_barrier(struct pp_control *, const struct pp_bridge *,
                         ovs_be32 xid);

/* For people: a line. */
void pp_datapath_format(struct ds *);

void pp_datapath_destroy(void);

#endif /* pp-datapath.h */
