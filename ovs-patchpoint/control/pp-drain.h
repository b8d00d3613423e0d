/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DRAIN_H
#define PP_DRAIN_H 1

/* Draining: a daemon that is to end while corrected connections are open
 * ends, and leaves a process that looks after those, and nothing else, until
 * the last of them is over. */

#include <stdbool.h>

/* Parts into the daemon, which is to exit, and the process that stays behind,
 * for which it returns true. */
bool pp_drain_fork(const char *rundir);

/* Is this such a process? */
bool pp_drain_is(void);

/* Has a process that another daemon left behind leave all as it is and end,
 * so that this one goes on with it.  Waits until it has. */
void pp_drain_take_over(const char *rundir);

#endif /* pp-drain.h */
