/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_WATCH_H
#define PP_WATCH_H 1

/* Watches the files and directories that patches are loaded from, and loads
 * them anew when they have changed and then been left alone for a moment. */

struct pp_control;

/* Begins to watch; to be called before they are first loaded. */
void pp_watch_start(const struct pp_control *);

void pp_watch_run(struct pp_control *);
void pp_watch_wait(void);
void pp_watch_stop(void);

#endif /* pp-watch.h */
