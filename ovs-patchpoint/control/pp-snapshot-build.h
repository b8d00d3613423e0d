/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SNAPSHOT_BUILD_H
#define PP_SNAPSHOT_BUILD_H 1

/* Makes the snapshot that the engine works by, and hands it over when it
 * differs from the last. */

struct pp_control;

void pp_snapshot_build_run(struct pp_control *);
void pp_snapshot_build_destroy(void);

#endif /* pp-snapshot-build.h */
