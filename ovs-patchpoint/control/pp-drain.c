/* SPDX-License-Identifier: Apache-2.0 */

/* Draining; see pp-drain.h.
 *
 * In: a daemon that is about to exit.  Out: a process in the background that
 * has its connections to database and switch, but not its name: no pidfile, no
 * control socket.  A lock on a file in the run directory says who it is.
 *
 * Runs in control.  Owns that file. */

#include <config.h>

#include "pp-drain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_drain);

/* How long the one before may take to end. */
#define END_MS 3000

static bool draining;

bool
pp_drain_is(void)
{
    return draining;
}

static int
open_lock(const char *rundir)
{
    char *name = xasprintf("%s/ovs-patchpointd.draining", rundir);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        VLOG_WARN("%s: %s", name, ovs_strerror(errno));
    }
    free(name);
    return fd;
}

bool
pp_drain_fork(const char *rundir)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd, null;
    pid_t pid = fork();

    if (pid) {
        if (pid < 0) {
            VLOG_ERR("cannot fork (%s): corrected connections stay in the "
                     "switch until the next start",
                     ovs_strerror(errno));
        }
        return false;
    }

    draining = true;
    fatal_signal_fork();
    setsid();
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; null >= 0 && i < 3; i++) {
        dup2(null, i);
    }
    /* Open, and locked, until the process ends. */
    fd = open_lock(rundir);
    if (fd >= 0) {
        char text[16];
        int n = snprintf(text, sizeof text, "%ld\n", (long int) getpid());

        if (fcntl(fd, F_SETLKW, &lock) || ftruncate(fd, 0)
            || write(fd, text, (size_t) n) != n) {
            VLOG_WARN("cannot write into the run directory: %s",
                      ovs_strerror(errno));
        }
    }
    return true;
}

/* The process that has the lock, or 0. */
static pid_t
holder(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    return (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK
            ? 0 : lock.l_pid);
}

void
pp_drain_take_over(const char *rundir)
{
    int fd = open_lock(rundir);
    pid_t pid = fd >= 0 ? holder(fd) : 0;

    if (pid > 0) {
        VLOG_INFO("going on with what process %ld still looks after",
                  (long int) pid);
        kill(pid, SIGTERM);
        for (int i = 0; i < END_MS && holder(fd) == pid; i++) {
            xnanosleep(1000 * 1000);
        }
        if (holder(fd) == pid) {
            kill(pid, SIGKILL);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}
