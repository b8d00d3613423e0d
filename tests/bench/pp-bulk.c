/* SPDX-License-Identifier: Apache-2.0 */

/* Bulk transfer over HTTP/1.1, for the benchmark: bodies without end.
 *
 *     pp-bulk serve ADDRESS PORT
 *     pp-bulk up|down ADDRESS PORT CONNECTIONS SECONDS [upgrade]
 *
 * The server answers a GET with an endless body, and takes the body of any
 * other request and throws it away.  The client moves bodies "up" (PUT) or
 * "down" (GET) on several connections at once, and prints the bytes that the
 * other side got and the nanoseconds that it took them: "up", those that TCP
 * has acknowledged.  Exit status 1: a connection failed.
 *
 * With "upgrade" the same bytes go over connections that were upgraded from
 * HTTP first, to a protocol of our own that is nothing but these bytes.
 *
 * Real programs on both ends would do as well, but none of the usual ones
 * sends and takes bodies at the speed of a network card.  Runs as a process
 * of its own, one thread. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 1024
#define HEAD_MAX 4096

/* "Without end" as a Content-Length: 1 TiB. */
#define ENDLESS "1099511627776"

/* Time for windows and buffers to fill, before anything counts. */
#define WARM_UP_NS 500000000

/* The same for upgraded connections, which also have to leave the engine. */
#define UPGRADE_WARM_UP_NS 2000000000

static char buf[256 * 1024];

enum state {
    EXPECT_HEAD,
    SENDING,
    RECEIVING,
};

struct conn {
    enum state state;
    size_t head_len;
    char head[HEAD_MAX];
};

static void
die(const char *what)
{
    fprintf(stderr, "pp-bulk: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

static struct sockaddr_in
parse_address(const char *address, const char *port)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t) atoi(port)),
    };

    if (inet_pton(AF_INET, address, &sin.sin_addr) != 1) {
        fprintf(stderr, "pp-bulk: %s is no IPv4 address\n", address);
        exit(2);
    }
    return sin;
}

/* What follows the request in 'head'. */
static enum state
state_after(const char *head)
{
    const char *upgrade = strstr(head, "\r\nUpgrade: bulk-");

    return (upgrade ? strstr(upgrade, "bulk-up") != NULL
            : strncmp(head, "GET ", 4) != 0) ? RECEIVING : SENDING;
}

static bool
is_upgrade(const char *head)
{
    return strstr(head, "\r\nUpgrade: ") != NULL;
}

/* Reads on until the head's end; what is behind it belongs to the body.
 * Returns false if the connection is over. */
static bool
read_head(int fd, struct conn *c)
{
    ssize_t n = read(fd, c->head + c->head_len,
                     sizeof c->head - 1 - c->head_len);

    if (n <= 0) {
        return n < 0 && errno == EAGAIN;
    }
    c->head_len += (size_t) n;
    c->head[c->head_len] = '\0';
    if (strstr(c->head, "\r\n\r\n")) {
        c->state = state_after(c->head);
        return true;
    }
    return c->head_len < sizeof c->head - 1;
}

/* The answer's head, if it is time for it. */
static bool
answer_head(int fd, const struct conn *c)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/octet-stream\r\n"
        "Content-Length: " ENDLESS "\r\n\r\n";
    static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n"
        "Connection: upgrade\r\nUpgrade: bulk\r\n\r\n";

    if (c->state != EXPECT_HEAD && is_upgrade(c->head)) {
        return write(fd, switching, sizeof switching - 1)
               == (ssize_t) sizeof switching - 1;
    }
    return (c->state != SENDING
            || write(fd, ok, sizeof ok - 1) == (ssize_t) sizeof ok - 1);
}

static bool
serve(int fd, struct conn *c)
{
    ssize_t n;

    switch (c->state) {
    case EXPECT_HEAD:
        return read_head(fd, c) && answer_head(fd, c);
    case SENDING:
        n = write(fd, buf, sizeof buf);
        return n > 0 || errno == EAGAIN;
    case RECEIVING:
        n = read(fd, buf, sizeof buf);
        return n > 0 || (n < 0 && errno == EAGAIN);
    default:
        return false;
    }
}

static void
run_server(const struct sockaddr_in *sin)
{
    static struct conn conns[CONNS_MAX];
    static struct pollfd fds[CONNS_MAX + 1];
    const int on = 1;
    nfds_t n = 1;

    fds[0] = (struct pollfd) {
        .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
        .events = POLLIN,
    };
    if (fds[0].fd < 0
        || setsockopt(fds[0].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)
        || bind(fds[0].fd, (const struct sockaddr *) sin, sizeof *sin)
        || listen(fds[0].fd, 512)) {
        die("cannot listen");
    }
    for (;;) {
        if (poll(fds, n, -1) < 0 && errno != EINTR) {
            die("poll");
        }
        for (nfds_t i = n - 1; i > 0; i--) {
            struct conn *c = &conns[i - 1];

            if (fds[i].revents && !serve(fds[i].fd, c)) {
                close(fds[i].fd);
                fds[i] = fds[--n];
                *c = conns[n - 1];
            } else {
                fds[i].events = c->state == SENDING ? POLLOUT : POLLIN;
            }
        }
        while (fds[0].revents && n <= CONNS_MAX) {
            int fd = accept4(fds[0].fd, NULL, NULL,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);

            if (fd < 0) {
                break;
            }
            conns[n - 1] = (struct conn) { .state = EXPECT_HEAD };
            fds[n++] = (struct pollfd) { .fd = fd, .events = POLLIN };
        }
    }
}

/* Bytes that the receiver of 'fd' has. */
static uint64_t
acked(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) {
        die("TCP_INFO");
    }
    return info.tcpi_bytes_acked;
}

/* Reads the answer to an upgrade, and nothing behind it. */
static bool
is_upgraded(int fd)
{
    char head[HEAD_MAX];
    size_t n = 0;

    while (n < sizeof head - 1 && read(fd, head + n, 1) == 1) {
        head[++n] = '\0';
        if (n >= 4 && !strcmp(head + n - 4, "\r\n\r\n")) {
            return !strncmp(head, "HTTP/1.1 101 ", 13);
        }
    }
    return false;
}

static int
start(const struct sockaddr_in *sin, bool up, bool upgrade)
{
    static const char upgrade_up[] = "GET / HTTP/1.1\r\n"
        "Host: bench.example\r\nConnection: upgrade\r\n"
        "Upgrade: bulk-up\r\n\r\n";
    static const char upgrade_down[] = "GET / HTTP/1.1\r\n"
        "Host: bench.example\r\nConnection: upgrade\r\n"
        "Upgrade: bulk-down\r\n\r\n";
    static const char put[] = "PUT / HTTP/1.1\r\nHost: bench.example\r\n"
        "Content-Length: " ENDLESS "\r\n\r\n";
    static const char get[] = "GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
    const char *request = (upgrade ? (up ? upgrade_up : upgrade_down)
                           : up ? put : get);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len = strlen(request);

    if (fd < 0 || connect(fd, (const struct sockaddr *) sin, sizeof *sin)
        || write(fd, request, len) != (ssize_t) len
        || (upgrade && !is_upgraded(fd))
        || fcntl(fd, F_SETFL, O_NONBLOCK)) {
        die("cannot connect");
    }
    return fd;
}

static void
run_client(const struct sockaddr_in *sin, bool up, bool upgrade,
           unsigned int n, double seconds)
{
    static struct pollfd fds[CONNS_MAX];
    uint64_t moved = 0;
    uint64_t begin, warm, end, t;
    bool counting = false;

    for (unsigned int i = 0; i < n; i++) {
        fds[i] = (struct pollfd) {
            .fd = start(sin, up, upgrade),
            .events = up ? POLLOUT : POLLIN,
        };
    }
    begin = now_ns();
    warm = begin + (upgrade ? UPGRADE_WARM_UP_NS : WARM_UP_NS);
    end = warm + (uint64_t) (seconds * 1e9);
    for (;;) {
        poll(fds, n, 100);
        t = now_ns();
        if (!counting && t >= warm) {
            counting = true;
            begin = t;
            moved = 0;
            for (unsigned int i = 0; up && i < n; i++) {
                moved -= acked(fds[i].fd);
            }
        }
        if (t >= end) {
            break;
        }
        for (unsigned int i = 0; i < n; i++) {
            ssize_t r = (!fds[i].revents ? 1
                         : up ? write(fds[i].fd, buf, sizeof buf)
                         : read(fds[i].fd, buf, sizeof buf));

            if (!r || (r < 0 && errno != EAGAIN)) {
                die("a connection broke");
            } else if (r > 0 && fds[i].revents && !up) {
                moved += (uint64_t) r;
            }
        }
    }
    for (unsigned int i = 0; up && i < n; i++) {
        moved += acked(fds[i].fd);
    }
    printf("%llu %llu\n", (unsigned long long) moved,
           (unsigned long long) (t - begin));
}

int
main(int argc, char *argv[])
{
    struct sockaddr_in sin;
    bool up, upgrade;
    int n;

    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && !strcmp(argv[1], "serve")) {
        sin = parse_address(argv[2], argv[3]);
        run_server(&sin);
    }
    upgrade = argc == 7 && !strcmp(argv[6], "upgrade");
    up = argc >= 6 && !strcmp(argv[1], "up");
    n = argc == 6 || upgrade ? atoi(argv[4]) : 0;
    if (n < 1 || n > CONNS_MAX || (!up && strcmp(argv[1], "down"))) {
        fprintf(stderr, "usage: pp-bulk serve ADDRESS PORT\n"
                "       pp-bulk up|down ADDRESS PORT CONNECTIONS SECONDS "
                "[upgrade]\n");
        return 2;
    }
    sin = parse_address(argv[2], argv[3]);
    run_client(&sin, up, upgrade, (unsigned int) n, atof(argv[5]));
    return 0;
}
