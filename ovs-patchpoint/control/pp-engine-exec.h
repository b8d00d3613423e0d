/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_ENGINE_EXEC_H
#define PP_ENGINE_EXEC_H 1

/* Starting an engine's process, and ending the one that another control has
 * left. */

#include <sys/types.h>

struct pp_engine_exec {
    const char *path;           /* The program. */
    uid_t uid;                  /* Whom it is to run as; 0: as we do, which is
                                 * as nobody special. */
    gid_t gid;
    int counters_fd;
    unsigned int event_values;  /* How much of a value an event tells. */
};

/* Starts the program.  It has 'sock', the counters, 'err' to write its last
 * words to, and no other descriptor; it is 'uid', is in the group 'gid' alone,
 * and has no capability nor any way to one, before it is run.  Returns its
 * pid, or -1 with errno set.  It exits with 126 if it cannot be all that, with
 * 127 if the program cannot be run. */
pid_t pp_engine_exec(const struct pp_engine_exec *, int sock, int err);

/* Ends the engine that the control before us has left in 'rundir', if there is
 * one; from now on 'pid' is the one. */
void pp_engine_end_predecessor(const char *rundir, pid_t pid);

#endif /* pp-engine-exec.h */
