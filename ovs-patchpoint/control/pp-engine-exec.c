/* SPDX-License-Identifier: Apache-2.0 */

/* An engine's process: its start, and the end of one that was left over; see
 * pp-engine-exec.h.
 *
 * In: what pp-engine-proc.c wants started.  Out: a process with two
 * descriptors, and its number in a file.  Runs in control's main loop; owns
 * nothing. */

#include <config.h>

#include "pp-engine-exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_engine_exec);

/* The descriptors as the engine sees them. */
#define ENGINE_SOCKET_FD 3
#define ENGINE_COUNTERS_FD 4

/* In the child.  Only what is safe between fork and exec. */
static void OVS_NO_RETURN
run_engine(const struct pp_engine_exec *x, int sock, char *const argv[])
{
    sigset_t none;
    int fds[2];

    /* Out of the way of the numbers they are to have. */
    fds[0] = fcntl(sock, F_DUPFD, 10);
    fds[1] = fcntl(x->counters_fd, F_DUPFD, 10);
    dup2(fds[0], ENGINE_SOCKET_FD);
    dup2(fds[1], ENGINE_COUNTERS_FD);
    syscall(SYS_close_range, ENGINE_COUNTERS_FD + 1, ~0u, 0);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int sig = 1; sig < NSIG; sig++) {
        signal(sig, SIG_DFL);
    }
    /* Not with control's terminal: ^C is for control, which ends us. */
    setsid();
    execv(x->path, argv);
    _exit(127);
}

pid_t
pp_engine_exec(const struct pp_engine_exec *x, int sock)
{
    char *argv[6];
    int n = 0;
    pid_t pid;

    argv[n++] = CONST_CAST(char *, x->path);
    argv[n++] = xasprintf("--socket=%d", ENGINE_SOCKET_FD);
    argv[n++] = xasprintf("--counters=%d", ENGINE_COUNTERS_FD);
    argv[n++] = xasprintf("--event-values=%u", x->event_values);
    if (x->user) {
        argv[n++] = xasprintf("--user=%s", x->user);
    }
    argv[n] = NULL;

    pid = fork();
    if (!pid) {
        run_engine(x, sock, argv);
    }
    for (int i = 1; i < n; i++) {
        free(argv[i]);
    }
    return pid;
}

/* Is 'pid' an engine, as we start them?  Numbers of processes are used
 * again, and an upgrade may have replaced the program's file. */
static bool
is_engine(long int pid)
{
    char *name = xasprintf("/proc/%ld/cmdline", pid), *want;
    char buf[4096];
    FILE *f = fopen(name, "r");
    size_t n = f ? fread(buf, 1, sizeof buf - 1, f) : 0;
    bool is;

    if (f) {
        fclose(f);
    }
    for (size_t i = 0; i < n; i++) {
        buf[i] = buf[i] ? buf[i] : ' ';
    }
    buf[n] = '\0';
    want = xasprintf(" --socket=%d --counters=%d ", ENGINE_SOCKET_FD,
                     ENGINE_COUNTERS_FD);
    is = strstr(buf, want) != NULL;
    free(want);
    free(name);
    return is;
}

void
pp_engine_end_predecessor(const char *rundir, pid_t own)
{
    char *name = xasprintf("%s/ovs-patchpoint-engine.pid", rundir);
    long int pid = 0;
    FILE *f = fopen(name, "r");

    if (f) {
        if (fscanf(f, "%ld", &pid) != 1) {
            pid = 0;
        }
        fclose(f);
    }
    if (pid > 1 && pid != own && is_engine(pid)) {
        VLOG_INFO("ending the engine that was left over (pid %ld)", pid);
        kill((pid_t) pid, SIGKILL);
        for (int i = 0; i < 100 && is_engine(pid); i++) {
            xnanosleep(1000 * 1000);
        }
    }

    f = fopen(name, "w");
    if (f) {
        fprintf(f, "%d\n", (int) own);
        fclose(f);
    } else {
        VLOG_WARN("%s: %s", name, ovs_strerror(errno));
    }
    free(name);
}
