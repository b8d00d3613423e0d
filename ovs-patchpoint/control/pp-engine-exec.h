/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_ENGINE_EXEC_H
#define PP_ENGINE_EXEC_H 1

/* Starting an engine's process, and ending the one that another control has
 * left. */

#include <sys/types.h>

struct pp_engine_exec {
    const char *path;           /* The program. */
    const char *user;           /* Whom it is to run as, or NULL. */
    int counters_fd;
    unsigned int event_values;  /* How much of a value an event tells. */
};

/* Starts the program with 'sock' and the counters, and no other descriptor.
 * Returns its pid, or -1 with errno set.  A program that cannot be run exits
 * with 127. */
pid_t pp_engine_exec(const struct pp_engine_exec *, int sock);

/* Ends the engine that the control before us has left in 'rundir', if there is
 * one; from now on 'pid' is the one. */
void pp_engine_end_predecessor(const char *rundir, pid_t pid);

#endif /* pp-engine-exec.h */
