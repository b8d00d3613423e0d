/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_HITS_H
#define PP_HITS_H 1

/* How often the condition of each patch has held, since the daemon was
 * started: whatever snapshots and engines there were meanwhile.
 *
 * The engine counts by number.  A patch's id has the same number for as long
 * as the daemon runs, so that nothing is lost or mixed up when the set of
 * patches changes, not even by an engine that still goes by the last one. */

#include <stdint.h>

struct pp_counters;
struct pp_pool;

/* Gives each patch of the pool its number, if it has none. */
void pp_hits_assign(const struct pp_pool *, const struct pp_counters *);

/* The number of the patch 'id', which is of a pool that was assigned. */
uint32_t pp_hits_number(const char *id);

/* The patch with the number 'number', or NULL. */
const char *pp_hits_id(uint32_t number);

uint64_t pp_hits_count(const char *id, const struct pp_counters *);

void pp_hits_destroy(void);

#endif /* pp-hits.h */
