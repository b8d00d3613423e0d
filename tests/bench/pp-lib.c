/* SPDX-License-Identifier: Apache-2.0 */

/* What the pipeline alone costs, without a switch and without system calls:
 * frames from memory through pp_pipeline_run(), on one core.
 *
 *     pp-lib PATCHES [SECONDS [CONNECTIONS]]
 *
 * All patches under PATCHES are in force.  Prints, for each kind of traffic,
 * nanoseconds of CPU time a frame and a unit of work, and the Gb/s that this
 * makes.  Every frame has to come out again, or the exit status is 1.  It
 * serves profiles, too: "perf record pp-lib ...".
 *
 * Runs as a process of its own, one thread. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/pp-pipeline.h"
#include "patch/pp-errors.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-proxy.h"
#include "registry.h"
#include "util.h"

#define PORT 80
#define CONNS_MAX 65536
#define FRAME_ROOM 65600

static const uint8_t server_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static const uint8_t client_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };

/* What a browser sends, and a small answer. */
static const char request[] =
    "GET /shop/item?id=1234&lang=en HTTP/1.1\r\n"
    "Host: bench.example\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
    "Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Cookie: theme=dark; session=0123456789abcdef\r\n"
    "\r\n";
static const char form[] =
    "POST /login HTTP/1.1\r\n"
    "Host: bench.example\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
    "Firefox/128.0\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 48\r\n"
    "\r\n"
    "name=someone&password=secret&next=%2Fshop%2Fitem";
static const char response[] =
    "HTTP/1.1 200 OK\r\n"
    "Server: bench\r\n"
    "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: text/html\r\n"
    "Content-Length: 16\r\n"
    "Connection: keep-alive\r\n"
    "\r\n"
    "<p>Hello there\r\n";
static const char upload[] =
    "PUT /upload HTTP/1.1\r\n"
    "Host: bench.example\r\n"
    "Content-Length: 1099511627776\r\n"
    "\r\n";
static uint8_t block[61440];

struct conn {
    uint16_t port;
    uint32_t seq[2];            /* By enum pp_dir. */
};

struct bench {
    struct pp_pipeline *pl;
    struct pp_counters *counters;
    struct conn *conns;
    unsigned int n_conns;
    double seconds;
    uint8_t *frame;
    uint64_t out;               /* Frames that came out. */
};

static void
count_frame(void *b_, uint32_t bridge OVS_UNUSED,
            const struct iovec *iov OVS_UNUSED, int n OVS_UNUSED)
{
    struct bench *b = b_;

    b->out++;
}

static void
ignore_event(void *b_ OVS_UNUSED, const struct pp_ipc_event *e OVS_UNUSED)
{
}

static void
put16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t) (value >> 8);
    p[1] = (uint8_t) value;
}

static void
put32(uint8_t *p, uint32_t value)
{
    put16(p, (uint16_t) (value >> 16));
    put16(p + 2, (uint16_t) value);
}

/* A segment of 'c' through the pipeline, its checksum left to be made, as the
 * switch hands it over. */
static void
segment(struct bench *b, struct conn *c, enum pp_dir dir, uint8_t flags,
        const void *payload, size_t n)
{
    bool to = dir == PP_TO_SERVER;
    struct virtio_net_hdr vnet = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = n > 1448 ? VIRTIO_NET_HDR_GSO_TCPV4
                             : VIRTIO_NET_HDR_GSO_NONE,
        .gso_size = n > 1448 ? 1448 : 0,
        .csum_start = 38, .csum_offset = 16, .hdr_len = 70,
    };
    uint8_t *p = b->frame;

    memcpy(p, to ? server_mac : client_mac, 6);
    memcpy(p + 6, to ? client_mac : server_mac, 6);
    put16(p + 12, 0x8100);
    put16(p + 14, to ? 2 : 1);
    put16(p + 16, 0x0800);
    memset(p + 18, 0, 52);
    p[18] = 0x45;
    put16(p + 20, (uint16_t) (52 + n));
    p[24] = 0x40;
    p[26] = 64;
    p[27] = 6;
    put32(p + 30, to ? 0x0a000002 : 0x0a000001);
    put32(p + 34, to ? 0x0a000001 : 0x0a000002);
    put16(p + 38, to ? c->port : PORT);
    put16(p + 40, to ? PORT : c->port);
    put32(p + 42, c->seq[dir]);
    put32(p + 46, flags & PP_TCP_ACK ? c->seq[!dir] : 0);
    p[50] = 0x80;
    p[51] = flags;
    put16(p + 52, 60000);
    put32(p + 58, 0x0101080a);
    put32(p + 62, 1);
    put32(p + 66, 1);
    if (n) {
        memcpy(p + 70, payload, n);
    }
    c->seq[dir] += (uint32_t) n + !!(flags & (PP_TCP_SYN | PP_TCP_FIN));
    pp_pipeline_run(b->pl, 0, &vnet, p, 70 + n);
}

static void
open_conn(struct bench *b, struct conn *c)
{
    segment(b, c, PP_TO_SERVER, PP_TCP_SYN, NULL, 0);
    segment(b, c, PP_FROM_SERVER, PP_TCP_SYN | PP_TCP_ACK, NULL, 0);
    segment(b, c, PP_TO_SERVER, PP_TCP_ACK, NULL, 0);
}

static void
close_conn(struct bench *b, struct conn *c)
{
    segment(b, c, PP_FROM_SERVER, PP_TCP_FIN | PP_TCP_ACK, NULL, 0);
    segment(b, c, PP_TO_SERVER, PP_TCP_FIN | PP_TCP_ACK, NULL, 0);
    segment(b, c, PP_FROM_SERVER, PP_TCP_ACK, NULL, 0);
}

/* Kinds of traffic: each is one unit of work on one connection. */

static void
keep_alive(struct bench *b, struct conn *c)
{
    segment(b, c, PP_TO_SERVER, PP_TCP_ACK | PP_TCP_PSH, request,
            sizeof request - 1);
    segment(b, c, PP_FROM_SERVER, PP_TCP_ACK | PP_TCP_PSH, response,
            sizeof response - 1);
}

static void
post_form(struct bench *b, struct conn *c)
{
    segment(b, c, PP_TO_SERVER, PP_TCP_ACK | PP_TCP_PSH, form,
            sizeof form - 1);
    segment(b, c, PP_FROM_SERVER, PP_TCP_ACK | PP_TCP_PSH, response,
            sizeof response - 1);
}

static void
new_connection(struct bench *b, struct conn *c)
{
    open_conn(b, c);
    keep_alive(b, c);
    close_conn(b, c);
}

static void
acknowledge(struct bench *b, struct conn *c)
{
    segment(b, c, PP_TO_SERVER, PP_TCP_ACK, NULL, 0);
}

static void
bulk_up(struct bench *b, struct conn *c)
{
    segment(b, c, PP_TO_SERVER, PP_TCP_ACK, block, sizeof block);
    segment(b, c, PP_FROM_SERVER, PP_TCP_ACK, NULL, 0);
}

/* CPU time: what else runs on the machine does not count. */
static uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

/* Runs 'work' in turn on all connections.  Returns true if every frame came
 * out again and all was understood. */
static bool
measure(struct bench *b, const char *name, const char *first,
        void (*work)(struct bench *, struct conn *), bool opens)
{
    uint64_t frames, bytes, begin, t, n = 0;
    bool ok;

    memset(b->counters, 0, sizeof *b->counters);
    for (unsigned int i = 0; i < b->n_conns; i++) {
        struct conn *c = &b->conns[i];

        c->port = (uint16_t) (65535 - i);
        if (!opens) {
            open_conn(b, c);
        }
        if (first) {
            segment(b, c, PP_TO_SERVER, PP_TCP_ACK, first, strlen(first));
        }
    }
    b->out = b->counters->packet_in_frames = b->counters->packet_in_bytes = 0;
    begin = now_ns();
    do {
        for (int i = 0; i < 256; i++) {
            work(b, &b->conns[n++ % b->n_conns]);
        }
        t = now_ns();
        pp_pipeline_set_time(b->pl, t / 1000000, (int64_t) (t / 1000000000));
        pp_pipeline_run_timers(b->pl);
    } while ((double) (t - begin) < b->seconds * 1e9);
    frames = b->counters->packet_in_frames;
    bytes = b->counters->packet_in_bytes;
    ok = b->out == frames && !b->counters->proxy_bad
         && !b->counters->engine_uninspected_frames
         && (work == bulk_up || work == acknowledge
             || b->counters->proxy_messages >= n);
    printf("%-16s %7.0f ns/frame %8.0f ns/unit %8.2f Gb/s%s\n", name,
           (double) (t - begin) / (double) frames,
           (double) (t - begin) / (double) n,
           (double) bytes * 8 / (double) (t - begin),
           ok ? "" : "  NOT ALL CAME OUT");
    for (unsigned int i = 0; !opens && i < b->n_conns; i++) {
        segment(b, &b->conns[i], PP_TO_SERVER, PP_TCP_RST | PP_TCP_ACK, NULL,
                0);
    }
    return ok;
}

/* The index of the proxy for HTTP in pp_proxies[]. */
static uint8_t
http_index(void)
{
    uint8_t i = 0;

    while (strcmp(pp_proxies[i]->name, "http")) {
        i++;
    }
    return i;
}

/* One server, one service, every patch enforced. */
static struct pp_snapshot *
make_snapshot(const struct pp_program *program, size_t program_size)
{
    size_t set_size = ROUND_UP(pp_patchset_size(program), 8);
    struct pp_snapshot snap = {
        .magic = PP_SNAPSHOT_MAGIC, .version = PP_SNAPSHOT_VERSION,
        .limits = pp_limits_default(),
        .serial = 1,
    };
    struct pp_snap_service service = {
        .port = PORT, .transport = PP_TCP, .fail = PP_FAIL_OPEN,
        .proxy = http_index(),
    };
    struct pp_snap_server server = { .id = 1, .slot = 1 };
    struct pp_patchset *set = xzalloc(set_size);
    size_t services = ROUND_UP(sizeof snap, 8) + set_size;
    size_t servers = services + ROUND_UP(sizeof service, 8);
    size_t programs = servers + ROUND_UP(sizeof server, 8);
    uint8_t *data;

    pp_patchset_init(set, program);
    for (uint32_t i = 0; i < pp_program_n_patches(program); i++) {
        pp_patchset_set(set, program, i, PP_MODE_ENFORCE);
    }
    snap.sets = (struct pp_snap_part) {
        (uint32_t) (services - set_size), (uint32_t) set_size,
    };
    snap.services = (struct pp_snap_part) { (uint32_t) services, 1 };
    snap.servers = (struct pp_snap_part) { (uint32_t) servers, 1 };
    snap.program = (struct pp_snap_part) {
        (uint32_t) programs, (uint32_t) program_size,
    };
    snap.size = programs + program_size;
    service.patchset = snap.sets.off;
    memcpy(&server.mac, server_mac, sizeof server.mac);
    server.services = (struct pp_snap_part) { 0, 1 };

    data = xzalloc(snap.size);
    memcpy(data, &snap, sizeof snap);
    memcpy(data + snap.sets.off, set, set_size);
    memcpy(data + services, &service, sizeof service);
    memcpy(data + servers, &server, sizeof server);
    memcpy(data + programs, program, program_size);
    free(set);
    return (struct pp_snapshot *) (void *) data;
}

/* The patches under 'path', or no return. */
static struct pp_program *
load(const char *path, size_t *size)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool = pp_pool_load(&path, 1, pp_proxies,
                                        PP_POOL_ALL_OR_NOTHING, &errors);
    struct pp_program *program = NULL;
    char *error = NULL;

    if (pool) {
        program = pp_program_build(pool, pp_proxies, size, &error);
    } else {
        error = pp_errors_format(&errors);
    }
    if (!program) {
        fprintf(stderr, "pp-lib: %s: %s\n", path, error);
        exit(1);
    }
    printf("%u patches in force\n", pp_program_n_patches(program));
    pp_pool_unref(pool);
    pp_errors_destroy(&errors);
    return program;
}

int
main(int argc, char *argv[])
{
    static const struct pp_pipeline_ops ops = {
        .write = count_frame, .event = ignore_event,
    };
    struct pp_snapshot *snap;
    struct pp_program *program;
    struct bench b = { .seconds = 1, .n_conns = 16 };
    size_t program_size;
    bool ok = true;

    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: pp-lib PATCHES [SECONDS [CONNECTIONS]]\n");
        return 2;
    }
    b.seconds = argc > 2 ? atof(argv[2]) : b.seconds;
    b.n_conns = argc > 3 ? (unsigned int) atoi(argv[3]) : b.n_conns;
    if (b.n_conns < 1 || b.n_conns > CONNS_MAX) {
        fprintf(stderr, "pp-lib: 1 to %d connections\n", CONNS_MAX);
        return 2;
    }
    program = load(argv[1], &program_size);
    snap = make_snapshot(program, program_size);
    if (pp_snapshot_check(snap, snap->size)) {
        fprintf(stderr, "pp-lib: %s\n", pp_snapshot_check(snap, snap->size));
        return 1;
    }
    b.counters = xzalloc(sizeof *b.counters);
    b.conns = xcalloc(b.n_conns, sizeof *b.conns);
    b.frame = xmalloc(FRAME_ROOM);
    b.pl = pp_pipeline_create(&ops, &b, b.counters, 1);
    pp_pipeline_set_snapshot(b.pl, snap);

    ok &= measure(&b, "requests", NULL, keep_alive, false);
    ok &= measure(&b, "forms", NULL, post_form, false);
    ok &= measure(&b, "connections", NULL, new_connection, true);
    ok &= measure(&b, "acknowledgements", NULL, acknowledge, false);
    ok &= measure(&b, "bulk, 60 KB", upload, bulk_up, false);

    pp_pipeline_destroy(b.pl);
    free(b.frame);
    free(b.conns);
    free(b.counters);
    free(snap);
    free(program);
    return !ok;
}
