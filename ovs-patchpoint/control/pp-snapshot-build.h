/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SNAPSHOT_BUILD_H
#define PP_SNAPSHOT_BUILD_H 1

/* Makes the snapshot that the engine works by, and hands it over: the whole
 * where patches, policies or limits are others and for an engine that has
 * none; rows of servers and slots alone where only those are. */

struct ofpbuf;
struct pp_bridge;
struct pp_control;
struct pp_iface;
struct pp_slot;

void pp_snapshot_build_run(struct pp_control *);

/* Something about the interface or its slots has changed. */
void pp_snapshot_build_touch(struct pp_control *, struct pp_iface *);

/* The interface, or the slot, is going away. */
void pp_snapshot_build_forget(struct pp_control *, struct pp_iface *);
void pp_snapshot_build_forget_slot(const struct pp_bridge *, struct pp_slot *);

void pp_snapshot_build_destroy(void);

/* Writes 'b' into a memfd that nobody can change any more, and that is open
 * for reading alone.  Returns its descriptor, or -1. */
int pp_snapshot_seal(const struct ofpbuf *b);

#endif /* pp-snapshot-build.h */
