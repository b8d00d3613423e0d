/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's sandbox; see pp-sandbox.h.
 *
 * In: a process that control started.  Out: one that holds nothing worth
 * stealing.  Runs in the engine; owns nothing. */

#include <config.h>

#include "engine/pp-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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

/* Landlock, as of its version 6.  The headers may be older. */
struct landlock_rules {
    uint64_t fs;                /* Accesses that are denied. */
    uint64_t net;               /* From version 4 on. */
    uint64_t scoped;            /* From version 6 on. */
};

#define LANDLOCK_FS(VERSION)                                            \
    ((UINT64_C(1) << ((VERSION) >= 5 ? 16 : (VERSION) >= 3 ? 15         \
                      : (VERSION) >= 2 ? 14 : 13)) - 1)
#define LANDLOCK_NET 3          /* Binding and connecting. */
#define LANDLOCK_SCOPED 3       /* Abstract Unix sockets, signals. */

/* Denies whatever this kernel's Landlock knows.  One without it has to do with
 * the rest. */
static bool
landlock(void)
{
    long int version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    struct landlock_rules rules = {
        .fs = LANDLOCK_FS(version),
        .net = version >= 4 ? LANDLOCK_NET : 0,
        .scoped = version >= 6 ? LANDLOCK_SCOPED : 0,
    };
    size_t size = (version >= 6 ? sizeof rules
                   : version >= 4 ? offsetof(struct landlock_rules, scoped)
                   : offsetof(struct landlock_rules, net));
    int fd;
    bool ok;

    if (version < 1) {
        return true;
    }
    fd = (int) syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    ok = fd >= 0 && !syscall(SYS_landlock_restrict_self, fd, 0);
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* Any, in any of its sets? */
static bool
has_capabilities(void)
{
    struct __user_cap_header_struct hdr = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &hdr, data)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
        if (data[i].effective | data[i].permitted | data[i].inheritable) {
            return true;
        }
    }
    return false;
}

static const char *
drop(void)
{
    const struct rlimit none = { 0, 0 };

    if (!getuid() || !geteuid()) {
        return "it was started as root; ovs-patchpointd starts it as another "
               "user (--engine-user)";
    } else if (has_capabilities()) {
        return "it was started with capabilities";
    } else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
               || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
        return "cannot forbid new privileges";
    } else if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_FSIZE, &none)
               || (!SANITIZED && setrlimit(RLIMIT_NPROC, &none))) {
        return "cannot set resource limits";
    } else if (!SANITIZED && !landlock()) {
        return "cannot set Landlock up";
    }
    return NULL;
}

static const char *
filter(void)
{
    /* With sanitizers, which do more when they report, what is not allowed
     * fails but does not kill. */
    scmp_filter_ctx ctx = seccomp_init(SANITIZED ? SCMP_ACT_ERRNO(EPERM)
                                       : SCMP_ACT_KILL_PROCESS);
    static const int calls[] = {
        SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
        SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
        SCMP_SYS(recvfrom), SCMP_SYS(poll), SCMP_SYS(ppoll),
        SCMP_SYS(close), SCMP_SYS(lseek),
        SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap),
        SCMP_SYS(madvise), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
        SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall),
        SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit),
        SCMP_SYS(exit_group),
#if SANITIZED
        SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield), SCMP_SYS(getrusage),
        SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction), SCMP_SYS(fstat),
        SCMP_SYS(newfstatat),
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

const char *
pp_sandbox_enter(void)
{
    const char *error = drop();

    return error ? error : filter();
}
