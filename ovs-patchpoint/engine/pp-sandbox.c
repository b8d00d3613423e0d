/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's sandbox; see pp-sandbox.h.
 *
 * In: a process that control started.  Out: one that holds nothing worth
 * stealing.  Runs in the engine; owns nothing. */

#include <config.h>

#include "engine/pp-sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const char *
become(const char *user)
{
    const struct passwd *pw = getpwnam(user);

    if (!pw) {
        return "there is no such user";
    } else if (!pw->pw_uid) {
        return "the engine does not run as root";
    } else if (setgroups(0, NULL) || setresgid(pw->pw_gid, pw->pw_gid,
                                               pw->pw_gid)
               || setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid)) {
        return "cannot become that user";
    }
    return NULL;
}

const char *
pp_sandbox_drop_privileges(const char *user)
{
    const struct rlimit none = { 0, 0 };
    const char *error = NULL;

    if (!geteuid()) {
        capng_clear(CAPNG_SELECT_BOTH);
        capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
                      CAP_SETUID, CAP_SETGID, CAP_SETPCAP, -1);
        if (capng_apply(CAPNG_SELECT_BOTH)) {
            return "cannot drop capabilities";
        }
        if (!user) {
            return "it was started as root and no --user is given";
        }
        error = become(user);
    }
    if (error) {
        return error;
    }
    capng_clear(CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS)
        || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE) {
        return "cannot drop the last capabilities";
    } else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
               || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
        return "cannot forbid new privileges";
    } else if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_FSIZE, &none)
               || (!SANITIZED && setrlimit(RLIMIT_NPROC, &none))) {
        return "cannot set resource limits";
    }
    return NULL;
}

const char *
pp_sandbox_enter(void)
{
    /* With sanitizers, which do more when they report, what is not allowed
     * fails but does not kill. */
    scmp_filter_ctx ctx = seccomp_init(SANITIZED ? SCMP_ACT_ERRNO(EPERM)
                                       : SCMP_ACT_KILL_PROCESS);
    static const int calls[] = {
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
        SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
        SCMP_SYS(recvfrom), SCMP_SYS(poll), SCMP_SYS(ppoll),
        SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
        SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap),
        SCMP_SYS(madvise), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
        SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),
        SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit),
        SCMP_SYS(exit_group),
#if SANITIZED
        SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield), SCMP_SYS(getrusage),
        SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction),
#endif
    };
    const char *error = "cannot set the seccomp filter up";
    bool ok;

    if (!ctx) {
        return error;
    }
    ok = true;
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
    }
    /* Memory, but never code. */
    ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* Descriptors that control hands over: look at them, set O_NONBLOCK. */
    ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                 SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS));
    ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                 SCMP_A1(SCMP_CMP_EQ, F_GETFL));
    ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                 SCMP_A1(SCMP_CMP_EQ, F_SETFL));
    if (ok && !seccomp_load(ctx)) {
        error = NULL;
    }
    seccomp_release(ctx);
    return error;
}
