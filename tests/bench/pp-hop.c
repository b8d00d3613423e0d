/* SPDX-License-Identifier: Apache-2.0 */

/* The bare hop: an engine that looks at nothing.
 *
 * It is started by ovs-patchpointd in the engine's place (--engine=pp-hop),
 * takes the same options and speaks the same messages (engine/pp-ipc.h), but
 * only writes each frame back to the tap that it came from.  What is slower
 * than direct forwarding here is the price of the detour through a process;
 * what ovs-patchpoint-engine adds to it is the price of inspection.  Tests of
 * control use it too.
 *
 * With --tap=NAME it serves that persistent tap alone, with no control.
 *
 * In: frames, with their virtio-net headers, from tap queues.  Out: the same
 * frames.  Runs as a process of its own, one thread; owns the descriptors
 * that it is handed. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/pp-ipc.h"

#define FRAME_MAX (65536 + 64)
#define BURST 64

static int ipc_fd = -1;
static struct pp_counters *counters;
static struct pp_counters no_counters;
static int taps[PP_BRIDGES_MAX];

static void
say(const void *msg, size_t len)
{
    if (send(ipc_fd, msg, len, 0) < 0 && errno != EAGAIN) {
        exit(1);
    }
}

static void
drop_tap(uint32_t bridge)
{
    if (bridge < PP_BRIDGES_MAX && taps[bridge] >= 0) {
        close(taps[bridge]);
        taps[bridge] = -1;
    }
}

static void
handle_message(const struct pp_ipc_hdr *hdr, size_t len, int fd)
{
    struct pp_ipc_tap tap;

    switch (hdr->type) {
    case PP_IPC_SNAPSHOT: {
        struct pp_ipc_snapshot snap;
        struct pp_ipc_snapshot_done done = {
            .hdr = { PP_IPC_SNAPSHOT_DONE, sizeof done }, .ok = 1,
        };

        if (len == sizeof snap) {
            memcpy(&snap, hdr, sizeof snap);
            done.serial = snap.serial;
            counters->engine_snapshots++;
            say(&done, sizeof done);
        }
        break;
    }
    case PP_IPC_ROWS: {
        struct pp_ipc_snapshot_done done = {
            .hdr = { PP_IPC_SNAPSHOT_DONE, sizeof done }, .ok = 1,
        };

        if (len >= offsetof(struct pp_ipc_rows, rows)) {
            memcpy(&done.serial, (const uint8_t *) hdr
                   + offsetof(struct pp_ipc_rows, serial),
                   sizeof done.serial);
            say(&done, sizeof done);
        }
        break;
    }
    case PP_IPC_TAP:
    case PP_IPC_TAP_DEL:
        if (len != sizeof tap) {
            break;
        }
        memcpy(&tap, hdr, sizeof tap);
        drop_tap(tap.bridge);
        if (hdr->type == PP_IPC_TAP && tap.bridge < PP_BRIDGES_MAX) {
            taps[tap.bridge] = fd;
            return;
        }
        break;
    case PP_IPC_CONN_LIST: {
        struct pp_ipc_conn_list list;

        if (len == sizeof list) {
            memcpy(&list, hdr, sizeof list);
            list.hdr.type = PP_IPC_CONN_END;
            list.total = 0;
            say(&list, sizeof list);
        }
        break;
    }
    case PP_IPC_EXIT:
        exit(0);
    default:
        break;
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Takes messages until there is none.  Control's going is no reason to stop:
 * it comes back with an engine of its own and ends this one. */
static void
receive(void)
{
    for (;;) {
        _Alignas(struct pp_ipc_hdr) char buf[PP_IPC_MAX];
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = { buf, sizeof buf };
        struct msghdr msg = {
            .msg_iov = &iov, .msg_iovlen = 1,
            .msg_control = control, .msg_controllen = sizeof control,
        };
        ssize_t n = recvmsg(ipc_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        struct cmsghdr *c;
        int fd = -1;

        if (n == 0) {
            close(ipc_fd);
            ipc_fd = -1;
            return;
        } else if (n < 0) {
            return;
        }
        c = CMSG_FIRSTHDR(&msg);
        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            memcpy(&fd, CMSG_DATA(c), sizeof fd);
        }
        if ((size_t) n >= sizeof(struct pp_ipc_hdr)) {
            handle_message((const void *) buf, (size_t) n, fd);
        }
    }
}

/* Returns false when the tap's device is gone. */
static bool
copy(int fd)
{
    static char frame[FRAME_MAX];

    for (int i = 0; i < BURST; i++) {
        ssize_t n = read(fd, frame, sizeof frame);

        if (n <= 0) {
            return n < 0 && errno == EAGAIN;
        }
        counters->packet_in_frames++;
        counters->packet_in_bytes += (uint64_t) n;
        if (write(fd, frame, (size_t) n) == n) {
            counters->packet_out_frames++;
            counters->packet_out_bytes += (uint64_t) n;
        } else {
            counters->packet_out_errors++;
        }
    }
    return true;
}

static int
open_tap(const char *name)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr)
        || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) {
        fprintf(stderr, "pp-hop: tap %s: %s\n", name, strerror(errno));
        exit(1);
    }
    return fd;
}

static void
run(void)
{
    for (;;) {
        struct pollfd fds[PP_BRIDGES_MAX + 1];
        uint32_t bridges[PP_BRIDGES_MAX + 1];
        nfds_t n = 1;
        struct timespec ts;

        fds[0] = (struct pollfd) { .fd = ipc_fd, .events = POLLIN };
        for (uint32_t i = 0; i < PP_BRIDGES_MAX; i++) {
            if (taps[i] >= 0) {
                bridges[n] = i;
                fds[n++] = (struct pollfd) { taps[i], POLLIN, 0 };
            }
        }
        if (n == 1 && ipc_fd < 0) {
            exit(0);
        }
        poll(fds, n, 100);
        clock_gettime(CLOCK_MONOTONIC, &ts);
        counters->heartbeat = (uint64_t) ts.tv_sec * 1000
                              + (uint64_t) ts.tv_nsec / 1000000;
        for (nfds_t i = 1; i < n; i++) {
            if (fds[i].revents && !copy(fds[i].fd)) {
                drop_tap(bridges[i]);
            }
        }
        if (ipc_fd >= 0 && fds[0].revents) {
            receive();
        }
    }
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "socket", required_argument, NULL, 's' },
        { "counters", required_argument, NULL, 'c' },
        { "tap", required_argument, NULL, 't' },
        { NULL, 0, NULL, 0 },
    };
    struct pp_ipc_hello hello = {
        .hdr = { PP_IPC_HELLO, sizeof hello }, .version = PP_IPC_VERSION,
    };
    int c, counters_fd = -1;

    for (int i = 0; i < PP_BRIDGES_MAX; i++) {
        taps[i] = -1;
    }
    signal(SIGPIPE, SIG_IGN);
    opterr = 0;                 /* The engine's other options are not ours. */
    while ((c = getopt_long(argc, argv, "v::", options, NULL)) != -1) {
        switch (c) {
        case 's':
            ipc_fd = atoi(optarg);
            break;
        case 'c':
            counters_fd = atoi(optarg);
            break;
        case 't':
            taps[0] = open_tap(optarg);
            break;
        }
    }
    if (ipc_fd < 0 && taps[0] < 0) {
        fprintf(stderr, "pp-hop: give --socket=FD or --tap=NAME\n");
        return 2;
    }

    counters = &no_counters;
    if (counters_fd >= 0) {
        void *p = mmap(NULL, PP_COUNTERS_SIZE, PROT_READ | PROT_WRITE,
                       MAP_SHARED, counters_fd, 0);

        if (p == MAP_FAILED) {
            perror("pp-hop: mmap");
            return 1;
        }
        counters = p;
        close(counters_fd);
    }
    if (ipc_fd >= 0) {
        hello.pid = (uint32_t) getpid();
        say(&hello, sizeof hello);
    }
    run();
}
