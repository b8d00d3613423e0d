/* SPDX-License-Identifier: Apache-2.0 */

/* An engine's process: its start, and the end of one that was left over; see
 * pp-engine-exec.h.
 *
 * In: what pp-engine-proc.c wants started.  Out: a process without privileges
 * and with three descriptors of ours, and its number in a file.  Runs in
 * control's main loop; owns nothing. */

#include <config.h>

#include "pp-engine-exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_engine_exec);

/* The descriptors as the engine sees them, from standard error on. */
#define ENGINE_SOCKET_FD 3
#define ENGINE_COUNTERS_FD 4
#define ENGINE_PROGRAM_FD 5
#define ENGINE_FDS 4

/* Exit codes of a child that did not become an engine. */
#define EXIT_PRIVILEGES 126
#define EXIT_EXEC 127

/* What follows runs in the child: only what is safe between fork and exec, and
 * the system calls themselves, since the C library's set*id() are for all
 * threads of a process. */

static void
drop_privileges(const struct pp_engine_exec *x)
{
    int cap = 0;

    while (!prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)) {
        cap++;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (x->uid && (syscall(SYS_setgroups, 0, NULL)
                   || syscall(SYS_setresgid, x->gid, x->gid, x->gid)
                   || syscall(SYS_setresuid, x->uid, x->uid, x->uid))) {
        _exit(EXIT_PRIVILEGES);
    }
    /* The capabilities that another user than root may still have are gone
     * with the exec. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        _exit(EXIT_PRIVILEGES);
    }
}

/* Gives the descriptors the numbers that they are to have, out of the way of
 * which 'fds' are.  The program is closed by its execution. */
static void
arrange(const int fds[ENGINE_FDS])
{
    int null = open("/dev/null", O_RDWR);

    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    for (int i = 0; i < ENGINE_FDS; i++) {
        dup2(fds[i], STDERR_FILENO + i);
    }
    syscall(SYS_close_range, STDERR_FILENO + ENGINE_FDS, ~0u, 0);
    fcntl(ENGINE_PROGRAM_FD, F_SETFD, FD_CLOEXEC);
}

static void OVS_NO_RETURN
run_engine(const struct pp_engine_exec *x, const int fds[ENGINE_FDS],
           char *const argv[])
{
    sigset_t none;

    arrange(fds);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int sig = 1; sig < NSIG; sig++) {
        signal(sig, SIG_DFL);
    }
    /* Not with control's terminal: ^C is for control, which ends us. */
    setsid();
    drop_privileges(x);
    /* By descriptor: its user need not be able to reach the file. */
    syscall(SYS_execveat, ENGINE_PROGRAM_FD, "", argv, environ,
            AT_EMPTY_PATH);
    _exit(EXIT_EXEC);
}

pid_t
pp_engine_exec(const struct pp_engine_exec *x, int sock, int err)
{
    const int from[] = { err, sock, x->counters_fd,
                         open(x->path, O_PATH | O_CLOEXEC) };
    int fds[ENGINE_FDS];
    char *argv[5];
    int n = 0, error;
    pid_t pid;

    BUILD_ASSERT_DECL(ARRAY_SIZE(from) == ENGINE_FDS);
    argv[n++] = CONST_CAST(char *, x->path);
    argv[n++] = xasprintf("--socket=%d", ENGINE_SOCKET_FD);
    argv[n++] = xasprintf("--counters=%d", ENGINE_COUNTERS_FD);
    argv[n++] = xasprintf("--event-values=%u", x->event_values);
    argv[n] = NULL;

    error = 0;
    for (int i = 0; i < ENGINE_FDS; i++) {
        fds[i] = fcntl(from[i], F_DUPFD_CLOEXEC, STDERR_FILENO + ENGINE_FDS);
        error = fds[i] < 0 && !error ? errno : error;
    }
    pid = error ? -1 : fork();
    if (!pid) {
        run_engine(x, fds, argv);
    }
    error = error ? error : errno;
    for (int i = 0; i < ENGINE_FDS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (from[3] >= 0) {
        close(from[3]);
    }
    for (int i = 1; i < n; i++) {
        free(argv[i]);
    }
    errno = error;
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

/* How long an engine may take to end. */
#define END_MS 300

static bool
wait_for_end(long int pid)
{
    for (int i = 0; i < END_MS && is_engine(pid); i++) {
        xnanosleep(1000 * 1000);
    }
    return !is_engine(pid);
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
        /* It leaves its connections to the next one, if it can. */
        kill((pid_t) pid, SIGTERM);
        if (!wait_for_end(pid)) {
            VLOG_WARN("the engine that was left over (pid %ld) does not end "
                      "within %d ms: killed", pid, END_MS);
            kill((pid_t) pid, SIGKILL);
            wait_for_end(pid);
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
