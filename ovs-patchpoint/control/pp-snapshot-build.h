/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SNAPSHOT_BUILD_H
#define PP_SNAPSHOT_BUILD_H 1

/* Makes the snapshot that the engine works by, and hands it over when it
 * differs from the last. */

struct ofpbuf;
struct pp_control;

void pp_snapshot_build_run(struct pp_control *);
void pp_snapshot_build_destroy(void);

/* Writes 'b' into a memfd that nobody can change any more, and that is open
 * for reading alone.  Returns its descriptor, or -1. */
int pp_snapshot_seal(const struct ofpbuf *b);

#endif /* pp-snapshot-build.h */
