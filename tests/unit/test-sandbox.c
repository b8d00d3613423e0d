/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's sandbox, from within.
 *
 * This program is started as control starts the engine, by pp_engine_exec(),
 * goes into the sandbox as the engine does, by pp_sandbox_enter(), is handed
 * what the engine is handed, and tries to get out.  Each attempt is first made
 * without the sandbox, where it has to succeed: so this test can fail.  It is
 * never installed.  Needs root, as control does; does nothing without. */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_alg.h>
#include <linux/if_tun.h>
#include <linux/perf_event.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/pp-engine-exec.h"
#include "control/pp-privileges.h"
#include "control/pp-snapshot-build.h"
#include "engine/pp-sandbox.h"
#include "openvswitch/ofpbuf.h"
#include "suite.h"
#include "util.h"

#define PAGE 4096

/* What an attempt works on: in the sandbox, what control hands over. */
enum { SNAPSHOT, TAP, TUN, N_FDS };

struct world {
    int fd[N_FDS];              /* A snapshot, a tap's queue, a /dev/net/tun
                                 * that is nothing yet. */
    pid_t victim;               /* Control, or another process. */
    void *secret;               /* In its memory. */
};

/* Attempts.  Each returns 0 if it succeeds, or an errno value. */

static int
result(long int retval)
{
    return retval < 0 ? errno : 0;
}

#define ATTEMPT(NAME, CALL)                                     \
    static int                                                  \
    NAME(const struct world *w OVS_UNUSED)                      \
    {                                                           \
        return result((long int) (CALL));                       \
    }

ATTEMPT(open_file, open("/etc/passwd", O_RDONLY))
ATTEMPT(open_null, syscall(SYS_open, "/dev/null", O_RDWR))
ATTEMPT(open_2, syscall(SYS_openat2, AT_FDCWD, "/etc/passwd",
                        (uint64_t[3]) { O_RDONLY, 0, 0 }, 24))
ATTEMPT(open_root, open("/", O_RDONLY | O_DIRECTORY))
ATTEMPT(open_tmp, open("/tmp", O_TMPFILE | O_RDWR, 0600))
ATTEMPT(open_self, open("/proc/self/maps", O_RDONLY))
ATTEMPT(open_tap, open("/dev/net/tun", O_RDWR))
ATTEMPT(stat_file, syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd",
                           &(struct stat) { .st_dev = 0 }, 0))
ATTEMPT(access_file, access("/etc/passwd", R_OK))
ATTEMPT(read_link, readlink("/proc/self/exe", (char[9]) { 0 }, 9))
ATTEMPT(make_dir, mkdir("/nonexistent/a", 0700) && errno != ENOENT ? -1 : 0)
ATTEMPT(change_root, chroot("/"))
ATTEMPT(change_dir, chdir("/"))
ATTEMPT(mount_dir, mount("none", "/tmp", NULL, MS_REMOUNT | MS_BIND, NULL)
        && errno != EINVAL ? -1 : 0)
ATTEMPT(memory_file, memfd_create("a", 0))

ATTEMPT(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0))
ATTEMPT(socket_inet, socket(AF_INET, SOCK_STREAM, 0))
ATTEMPT(socket_udp, socket(AF_INET, SOCK_DGRAM, 0))
ATTEMPT(socket_raw, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP))
ATTEMPT(socket_inet6, socket(AF_INET6, SOCK_STREAM, 0))
ATTEMPT(socket_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
ATTEMPT(socket_packet, socket(AF_PACKET, SOCK_RAW, 0))
ATTEMPT(socket_vsock, socket(AF_VSOCK, SOCK_STREAM, 0))
ATTEMPT(socket_alg, socket(AF_ALG, SOCK_SEQPACKET, 0))
ATTEMPT(socket_pair, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]) { 0, 0 }))
ATTEMPT(make_pipe, pipe((int[2]) { 0, 0 }))

static int
start_process(const struct world *w OVS_UNUSED)
{
    pid_t pid = fork();

    if (!pid) {
        _exit(0);
    }
    return result(pid);
}

static int
start_by(long int number)
{
    struct { uint64_t flags, a[3], exit_signal, b[3]; } args = {
        .exit_signal = SIGCHLD,
    };
    long int pid = (number == SYS_clone3
                    ? syscall(SYS_clone3, &args, sizeof args)
                    : syscall(number, SIGCHLD, NULL, NULL, NULL, NULL));

    if (!pid) {
        _exit(0);
    }
    return result(pid);
}

static int
start_clone(const struct world *w OVS_UNUSED)
{
    return start_by(SYS_clone);
}

static int
start_clone3(const struct world *w OVS_UNUSED)
{
    return start_by(SYS_clone3);
}

/* The program it is then exits with 0. */
ATTEMPT(execute, execl("/bin/true", "true", NULL))

ATTEMPT(trace, ptrace(PTRACE_SEIZE, w->victim, NULL, NULL))
ATTEMPT(read_memory, process_vm_readv(
            w->victim, &(struct iovec) { (char[4]) { 0 }, 4 }, 1,
            &(struct iovec) { w->secret, 4 }, 1, 0))
ATTEMPT(write_memory, process_vm_writev(
            w->victim, &(struct iovec) { (char[4]) { 0 }, 4 }, 1,
            &(struct iovec) { w->secret, 4 }, 1, 0))

static int
open_memory(const struct world *w)
{
    char name[32];

    snprintf(name, sizeof name, "/proc/%d/mem", (int) w->victim);
    return result(open(name, O_RDWR));
}

ATTEMPT(signal_it, kill(w->victim, 0))
ATTEMPT(signal_thread, syscall(SYS_tgkill, w->victim, w->victim, 0))
ATTEMPT(signal_all, kill(-1, 0))
ATTEMPT(process_fd, syscall(SYS_pidfd_open, w->victim, 0))
ATTEMPT(set_priority, setpriority(PRIO_PROCESS, (id_t) w->victim, 0))
ATTEMPT(send_signals, fcntl(w->fd[SNAPSHOT], F_SETOWN, w->victim))

static void *
map(int prot, int flags, int fd)
{
    return mmap(NULL, PAGE, prot, flags, fd, 0);
}

static int
mapped(void *p)
{
    return p == MAP_FAILED ? errno : 0;
}

static int
map_code(const struct world *w OVS_UNUSED)
{
    return mapped(map(PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1));
}

static int
map_file_code(const struct world *w)
{
    return mapped(map(PROT_READ | PROT_EXEC, MAP_PRIVATE, w->fd[SNAPSHOT]));
}

ATTEMPT(make_code, mprotect(map(PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1), PAGE,
                            PROT_READ | PROT_EXEC))
ATTEMPT(make_code_by_key, syscall(SYS_pkey_mprotect,
                                  map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
                                      -1), PAGE, PROT_EXEC, -1))
ATTEMPT(code_by_reading, personality(READ_IMPLIES_EXEC))
ATTEMPT(share_memory, shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600))

ATTEMPT(io_uring, syscall(SYS_io_uring_setup, 1, (char[256]) { 0 }))
ATTEMPT(page_faults, syscall(SYS_userfaultfd, 0))
ATTEMPT(load_bpf, syscall(SYS_bpf, 0 /* BPF_MAP_CREATE */,
                          &(struct { uint32_t type, key, value, n; char a[112];
                                   }) { 2, 4, 4, 1, { 0 } }, 128))
ATTEMPT(perf_event, syscall(SYS_perf_event_open, &(struct perf_event_attr) {
            .type = PERF_TYPE_SOFTWARE, .size = sizeof(struct perf_event_attr),
        }, 0, -1, -1, 0))
ATTEMPT(add_key, syscall(SYS_add_key, "user", "a", "a", 1, -1))
ATTEMPT(new_namespace, unshare(CLONE_NEWNET))
ATTEMPT(new_user_namespace, unshare(CLONE_NEWUSER))
ATTEMPT(kernel_log, syscall(SYS_syslog, 10, NULL, 0))
ATTEMPT(set_clock, syscall(SYS_clock_settime, CLOCK_REALTIME, NULL)
        && errno != EFAULT ? -1 : 0)

ATTEMPT(become_root, syscall(SYS_setuid, 0))
ATTEMPT(become_root_all, syscall(SYS_setresuid, 0, 0, 0))
ATTEMPT(become_root_group, syscall(SYS_setresgid, 0, 0, 0))
ATTEMPT(join_groups, syscall(SYS_setgroups, 1, (gid_t[1]) { 0 }))
ATTEMPT(get_capabilities, syscall(
            SYS_capset, (uint32_t[2]) { 0x20080522, 0 },
            (uint32_t[6]) { 1, 1, 0, 0, 0, 0 }))
ATTEMPT(be_dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
ATTEMPT(raise_limit, syscall(SYS_setrlimit, RLIMIT_FSIZE, &(struct rlimit) {
            RLIM_INFINITY, RLIM_INFINITY }))
ATTEMPT(raise_limit_new, prlimit(0, RLIMIT_FSIZE, &(struct rlimit) {
            RLIM_INFINITY, RLIM_INFINITY }, NULL))

static int
tun_ioctl(int fd, unsigned long int request)
{
    struct ifreq ifr;

    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
    return result(ioctl(fd, request, &ifr));
}

static int
be_another_tap(const struct world *w)
{
    return tun_ioctl(w->fd[TUN], TUNSETIFF);
}

static int
change_tap(const struct world *w)
{
    return result(ioctl(w->fd[TAP], TUNSETPERSIST, 0));
}

static int
ask_tap(const struct world *w)
{
    return tun_ioctl(w->fd[TAP], TUNGETIFF);
}

ATTEMPT(write_snapshot, pwrite(w->fd[SNAPSHOT], "x", 1, 0))
ATTEMPT(write_on_snapshot, write(w->fd[SNAPSHOT], "x", 1))
ATTEMPT(cut_snapshot, ftruncate(w->fd[SNAPSHOT], 1))
ATTEMPT(seal_snapshot, fcntl(w->fd[SNAPSHOT], F_ADD_SEALS, F_SEAL_GROW))

static int
map_snapshot(const struct world *w)
{
    return mapped(map(PROT_READ | PROT_WRITE, MAP_SHARED, w->fd[SNAPSHOT]));
}

ATTEMPT(remap_snapshot, mprotect(map(PROT_READ, MAP_SHARED, w->fd[SNAPSHOT]),
                                 PAGE, PROT_READ | PROT_WRITE))

static int
store_in_snapshot(const struct world *w)
{
    volatile char *p = map(PROT_READ, MAP_SHARED, w->fd[SNAPSHOT]);

    mprotect(CONST_CAST(char *, p), PAGE, PROT_READ | PROT_WRITE);
    *p = 1;
    return 0;
}

ATTEMPT(copy_descriptor, fcntl(w->fd[SNAPSHOT], F_DUPFD, 0))

#ifdef __x86_64__
/* System calls have other numbers there. */
static int
call_as_i386(const struct world *w OVS_UNUSED)
{
    int retval;

    __asm__ volatile ("int $0x80" : "=a" (retval) : "a" (20) : "memory");
    return retval > 0 ? 0 : EINVAL;
}

ATTEMPT(call_as_x32, syscall(0x40000000 | SYS_getppid))
#endif

/* What the engine does need. */

static int
allocate(const struct world *w OVS_UNUSED)
{
    char *p = malloc(1 << 20);
    char *q = p ? realloc(p, 8 << 20) : NULL;

    if (!q) {
        return ENOMEM;
    }
    memset(q, 1, 8 << 20);
    free(q);
    return 0;
}

ATTEMPT(tell_time, clock_gettime(CLOCK_MONOTONIC,
                                 &(struct timespec) { .tv_sec = 0 }))
ATTEMPT(read_tap, read(w->fd[TAP], (char[64]) { 0 }, 64) < 0
        && errno != EAGAIN && errno != EIO ? -1 : 0)
ATTEMPT(not_block, fcntl(w->fd[TAP], F_SETFL, O_RDWR | O_NONBLOCK))
ATTEMPT(see_seals, fcntl(w->fd[SNAPSHOT], F_GET_SEALS))
ATTEMPT(see_size, lseek(w->fd[SNAPSHOT], 0, SEEK_END))

static int
read_snapshot(const struct world *w)
{
    const volatile char *p = map(PROT_READ, MAP_SHARED, w->fd[SNAPSHOT]);

    return p == MAP_FAILED ? errno : *p == 's' ? 0 : EINVAL;
}

enum {
    LACKS = 1,                  /* Some kernels do not have it, or not for
                                 * everybody. */
    NEEDED = 2,                 /* The engine is to be able to. */
    TAPS = 4,                   /* With real taps, which take their time. */
};

static const struct attempt {
    const char *what;
    int (*try)(const struct world *);
    int error;                  /* How it is refused; 0: by death. */
    int flags;
} attempts[] = {
    { "open a file", open_file, 0, 0 },
#ifdef SYS_open
    { "open a device", open_null, 0, 0 },
#endif
    { "open a file, by openat2", open_2, 0, LACKS },
    { "open the root directory", open_root, 0, 0 },
    { "make a file", open_tmp, 0, LACKS },
    { "open a file in /proc", open_self, 0, 0 },
    { "open another tap", open_tap, 0, LACKS },
    { "look for a file", stat_file, 0, 0 },
    { "ask about a file", access_file, 0, 0 },
    { "read a link", read_link, 0, 0 },
    { "make a directory", make_dir, 0, 0 },
    { "change the root directory", change_root, 0, LACKS },
    { "change the directory", change_dir, 0, 0 },
    { "mount", mount_dir, 0, LACKS },
    { "make a file of memory", memory_file, 0, 0 },

    { "make a Unix socket", socket_unix, 0, 0 },
    { "make a TCP socket", socket_inet, 0, 0 },
    { "make a UDP socket", socket_udp, 0, 0 },
    { "make a raw socket", socket_raw, 0, LACKS },
    { "make a TCP socket of IPv6", socket_inet6, 0, LACKS },
    { "make a netlink socket", socket_netlink, 0, 0 },
    { "make a packet socket", socket_packet, 0, LACKS },
    { "make a socket to the hypervisor", socket_vsock, 0, LACKS },
    { "make a socket of the kernel's cryptography", socket_alg, 0, LACKS },
    { "make a pair of sockets", socket_pair, 0, 0 },
    { "make a pipe", make_pipe, 0, 0 },

    { "fork", start_process, 0, 0 },
    { "clone", start_clone, 0, 0 },
    { "clone3", start_clone3, 0, LACKS },
    { "execve", execute, 0, 0 },

    { "trace another process", trace, 0, LACKS },
    { "read another process's memory", read_memory, 0, LACKS },
    { "write to another process's memory", write_memory, 0, LACKS },
    { "open another process's memory", open_memory, 0, LACKS },
    { "signal another process", signal_it, 0, 0 },
    { "signal another thread", signal_thread, 0, 0 },
    { "signal all processes", signal_all, 0, 0 },
    { "refer to another process", process_fd, 0, LACKS },
    { "set another process's priority", set_priority, 0, 0 },
    { "have signals sent", send_signals, 0, 0 },

    { "map memory for code", map_code, 0, 0 },
    { "map a file as code", map_file_code, 0, 0 },
    { "make code of memory", make_code, 0, 0 },
    { "make code of memory, by key", make_code_by_key, 0, LACKS },
    { "make code of all that can be read", code_by_reading, 0, 0 },
    { "share memory", share_memory, 0, LACKS },

    { "io_uring", io_uring, 0, LACKS },
    { "userfaultfd", page_faults, 0, LACKS },
    { "bpf", load_bpf, 0, LACKS },
    { "perf_event_open", perf_event, 0, LACKS },
    { "add a key", add_key, 0, LACKS },
    { "make a namespace", new_namespace, 0, LACKS },
    { "make a user namespace", new_user_namespace, 0, LACKS },
    { "ask the kernel's log", kernel_log, 0, LACKS },
    { "set the clock", set_clock, 0, 0 },

    { "become root", become_root, 0, 0 },
    { "become root in all ways", become_root_all, 0, 0 },
    { "become the group root", become_root_group, 0, 0 },
    { "join the group root", join_groups, 0, LACKS },
    { "get a capability", get_capabilities, 0, 0 },
    { "be looked into", be_dumpable, 0, 0 },
    { "raise a limit", raise_limit, 0, 0 },
    { "raise a limit, by prlimit", raise_limit_new, 0, 0 },

    { "make the tap another one", be_another_tap, 0, LACKS | TAPS },
    { "change the tap", change_tap, 0, LACKS | TAPS },
    { "ask about the tap", ask_tap, 0, LACKS | TAPS },
    { "write to the snapshot", write_snapshot, 0, 0 },
    { "write to the snapshot, in place", write_on_snapshot, EBADF, 0 },
    { "cut the snapshot short", cut_snapshot, 0, 0 },
    { "seal the snapshot", seal_snapshot, 0, 0 },
    { "map the snapshot for writing", map_snapshot, EACCES, 0 },
    { "make its map writable", remap_snapshot, EACCES, 0 },
    { "store in its map", store_in_snapshot, -SIGSEGV, 0 },
    { "copy a descriptor", copy_descriptor, 0, 0 },
#ifdef __x86_64__
    { "call the kernel as i386", call_as_i386, 0, LACKS },
    { "call the kernel as x32", call_as_x32, 0, LACKS },
#endif

    { "allocate", allocate, 0, NEEDED },
    { "tell the time", tell_time, 0, NEEDED },
    { "read the tap", read_tap, 0, NEEDED | TAPS },
    { "not wait for it", not_block, 0, NEEDED | TAPS },
    { "see the snapshot's seals", see_seals, 0, NEEDED },
    { "see its size", see_size, 0, NEEDED },
    { "read it", read_snapshot, 0, NEEDED },
};

/* The process in the sandbox. */

struct request {
    uint32_t attempt;
    pid_t victim;
    void *secret;
};

/* As the engine's main(): makes one attempt, and answers with its errno, if it
 * lives. */
static int
be_engine(int sock)
{
    union {
        struct cmsghdr hdr;
        uint8_t bytes[CMSG_SPACE(N_FDS * sizeof(int))];
    } control;
    struct request request;
    struct iovec iov = { &request, sizeof request };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    const char *error = pp_sandbox_enter();
    struct world w;
    int answer;

    if (error) {
        fprintf(stderr, "%s\n", error);
        return EXIT_FAILURE;
    }
    if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != sizeof request
        || !CMSG_FIRSTHDR(&m)) {
        return EXIT_FAILURE;
    }
    memcpy(w.fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof w.fd);
    w.victim = request.victim;
    w.secret = request.secret;
    answer = attempts[request.attempt].try(&w);
    return send(sock, &answer, sizeof answer, 0) == sizeof answer
           ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The test. */

static char secret[] = "secret";

static int
make_memory(bool sealed)
{
    struct ofpbuf *b = ofpbuf_new(PAGE);
    int fd;

    memset(ofpbuf_put_zeros(b, PAGE), 's', PAGE);
    if (sealed) {
        fd = pp_snapshot_seal(b);
    } else {
        fd = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        ck_assert_int_eq(write(fd, b->data, b->size), PAGE);
        lseek(fd, 0, SEEK_SET);
    }
    ofpbuf_delete(b);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* The world as control makes it, or without any protection. */
static void
make_world(struct world *w, bool sealed, bool taps)
{
    struct ifreq ifr;

    w->fd[SNAPSHOT] = make_memory(sealed);
    /* Where there are no taps, other descriptors stand for them. */
    for (int i = TAP; i <= TUN; i++) {
        w->fd[i] = taps ? open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)
                   : -1;
        if (w->fd[i] < 0) {
            w->fd[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        }
    }
    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
    ioctl(w->fd[TAP], TUNSETIFF, &ifr);

    w->secret = secret;
    w->victim = fork();
    if (!w->victim) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            pause();
        }
    }
}

static void
end_world(struct world *w)
{
    kill(w->victim, SIGKILL);
    waitpid(w->victim, NULL, 0);
    for (int i = 0; i < N_FDS; i++) {
        close(w->fd[i]);
    }
}

static void
hand_over(int sock, const struct world *w, uint32_t attempt)
{
    union {
        struct cmsghdr hdr;
        uint8_t bytes[CMSG_SPACE(N_FDS * sizeof(int))];
    } control;
    struct request request = { attempt, w->victim, w->secret };
    struct iovec iov = { &request, sizeof request };
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    struct cmsghdr *c;

    memset(&control, 0, sizeof control);
    c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof w->fd);
    memcpy(CMSG_DATA(c), w->fd, sizeof w->fd);
    ck_assert_int_eq(sendmsg(sock, &m, 0), sizeof request);
}

/* Makes the attempt in the sandbox.  Returns its errno, 0 if it succeeded, or
 * a negative signal number if the process died of it. */
static int
try_inside(uint32_t attempt)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct pp_engine_exec x = {
        .path = "/proc/self/exe",
        .counters_fd = make_memory(false), .event_values = 1,
    };
    int socks[2], err[2], status, answer = -1;
    struct world w;
    char text[256];
    ssize_t n;
    pid_t pid;

    ck_assert_ptr_nonnull(nobody);
    x.uid = nobody->pw_uid;
    x.gid = nobody->pw_gid;
    make_world(&w, true, attempts[attempt].flags & TAPS);
    ck_assert(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks));
    ck_assert(!pipe2(err, O_CLOEXEC | O_NONBLOCK));
    pid = pp_engine_exec(&x, socks[1], err[1]);
    ck_assert_int_gt(pid, 0);
    close(socks[1]);
    close(err[1]);
    hand_over(socks[0], &w, attempt);
    n = recv(socks[0], &answer, sizeof answer, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) {
        ssize_t said = read(err[0], text, sizeof text - 1);

        text[said > 0 ? said : 0] = '\0';
        ck_assert_msg(!WEXITSTATUS(status) && n == sizeof answer,
                      "%s: exit status %d: %s", attempts[attempt].what,
                      WEXITSTATUS(status), text);
    }
    close(socks[0]);
    close(err[0]);
    close(x.counters_fd);
    end_world(&w);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : answer;
}

/* The same without the sandbox. */
static int
try_outside(uint32_t attempt)
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        struct world w;
        int error;

        make_world(&w, false, attempts[attempt].flags & TAPS);
        error = attempts[attempt].try(&w);
        end_world(&w);
        _exit(error);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

START_TEST(test_attempt)
{
    const struct attempt *a = &attempts[_i];
    int outside, inside, expected;

    if (geteuid()) {
        return;
    }
    outside = try_outside((uint32_t) _i);
    inside = try_inside((uint32_t) _i);
    expected = a->flags & NEEDED ? 0 : a->error ? a->error : -SIGSYS;
    if (outside && a->flags & LACKS) {
        printf("# %s: not possible here at all (%d)\n", a->what, outside);
        /* A signal of the processor's comes before any filter. */
        expected = outside == -SIGSEGV ? outside : expected;
    } else {
        ck_assert_msg(!outside, "%s: fails without the sandbox, too: %d",
                      a->what, outside);
    }
    ck_assert_msg(inside == expected, "%s: %d", a->what, inside);
}
END_TEST

/* It does not run with privileges. */
START_TEST(test_refuses)
{
    int status;
    pid_t pid;

    if (geteuid()) {
        return;
    }
    pid = fork();
    if (!pid) {
        const char *error = pp_sandbox_enter();

        _exit(error && strstr(error, "as root") ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));

    pid = fork();
    if (!pid) {
        const char *error;

        /* Another user who keeps root's capabilities. */
        prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
        error = setresuid(65534, 65534, 65534) ? "" : pp_sandbox_enter();
        _exit(error && strstr(error, "with capabilities") ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
}
END_TEST

/* Control's own privileges: with a capability to become anyone, it can become
 * the engine's user and nobody else. */

static int
become_engine(const struct world *w OVS_UNUSED)
{
    return result(syscall(SYS_setresuid, 65534, 65534, 65534));
}

ATTEMPT(become_engine_effective, syscall(SYS_setresuid, -1, 65534, -1))
ATTEMPT(become_root_effective, syscall(SYS_setreuid, -1, 0))
ATTEMPT(become_root_for_files, syscall(SYS_setfsuid, 0) == 0
        ? 0 : (errno = EPERM, -1))
ATTEMPT(get_all_capabilities, syscall(
            SYS_capset, (uint32_t[2]) { 0x20080522, 0 },
            (uint32_t[6]) { 1 << 21, 1 << 21, 0, 0, 0, 0 }))

static const struct attempt control_attempts[] = {
    { "become root", become_root, EPERM, 0 },
    { "become root in all ways", become_root_all, EPERM, 0 },
    { "become root in effect", become_root_effective, EPERM, 0 },
    { "become root for files", become_root_for_files, EPERM, 0 },
    { "become the group root", become_root_group, EPERM, 0 },
    { "join the group root", join_groups, EPERM, LACKS },
    { "become the engine in part", become_engine_effective, EPERM, 0 },
    { "get CAP_SYS_ADMIN", get_all_capabilities, EPERM, LACKS },
    { "change the root directory", change_root, EPERM, LACKS },
    { "trace another process", trace, EPERM, LACKS },
    { "become the engine", become_engine, 0, NEEDED },
    { "signal another process", signal_it, 0, NEEDED },
};

/* The attempt by a process of its own, whose errno is returned. */
static int
try_as_control(const struct attempt *a, const char *user, bool drop)
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        struct world w;
        int error;

        make_world(&w, false, false);
        if (drop) {
            char *why = pp_privileges_drop(user, 65534, 65534);

            if (why) {
                fprintf(stderr, "%s\n", why);
                _exit(255);
            }
        }
        error = a->try(&w);
        kill(w.victim, SIGKILL);
        _exit(error);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

START_TEST(test_control)
{
    const struct attempt *a = &control_attempts[_i];
    int without;

    if (geteuid()) {
        return;
    }
    without = try_as_control(a, NULL, false);
    ck_assert_msg(!without || a->flags & LACKS, "%s: fails in any case: %d",
                  a->what, without);
    ck_assert_msg(try_as_control(a, "daemon", true) == a->error,
                  "%s, as another user", a->what);
    /* As root, it is root already; all else is the same. */
    if (!strstr(a->what, "root ") && a->try != become_root
        && a->try != trace) {
        ck_assert_msg(try_as_control(a, NULL, true) == a->error,
                      "%s, as root", a->what);
    }
}
END_TEST

START_TEST(test_control_refuses)
{
    static const struct {
        const char *user, *why;
    } vectors[] = {
        { "nosuchuser", "no such user" },
        { "daemon:nosuchgroup", "no such group" },
        { "root", "leave this out" },
        { "nobody", "the engine's user" },
    };

    if (geteuid()) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        char *why = pp_privileges_drop(vectors[i].user, 65534, 65534);

        ck_assert(why && strstr(why, vectors[i].why));
        free(why);
    }
}
END_TEST

int
main(int argc, char *argv[])
{
    Suite *suite;
    TCase *tc;

#ifdef __SANITIZE_ADDRESS__
    puts("sanitizers need more than the sandbox allows");
    return 77;                  /* Skipped. */
#endif
    if (argc > 1 && !strncmp(argv[1], "--socket=", 9)) {
        return be_engine(atoi(argv[1] + 9));
    }
    unshare(CLONE_NEWNET);      /* For taps of our own. */
    suite = suite_create("sandbox");
    tc = tcase_create("sandbox");
    tcase_add_loop_test(tc, test_attempt, 0, ARRAY_SIZE(attempts));
    tcase_add_test(tc, test_refuses);
    tcase_add_loop_test(tc, test_control, 0, ARRAY_SIZE(control_attempts));
    tcase_add_test(tc, test_control_refuses);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
