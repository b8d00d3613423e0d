/* SPDX-License-Identifier: Apache-2.0 */

/* Frames for benchmarks without a switch; see pp-world.h.
 *
 * In: what clients and the server say.  Out: frames into a pipeline, and how
 * many came out of it.  Runs in the benchmarks; owns the pipeline. */

#include <config.h>

#include "pp-world.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "patch/pp-program.h"
#include "registry.h"
#include "util.h"

#define PORT 80
#define FRAME_ROOM 65600

static const uint8_t server_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static const uint8_t client_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };

static void
count_frame(void *w_, uint32_t bridge OVS_UNUSED,
            const struct iovec *iov OVS_UNUSED, int n OVS_UNUSED)
{
    struct world *w = w_;

    w->out++;
}

static void
ignore_event(void *w_ OVS_UNUSED, const struct pp_ipc_event *e OVS_UNUSED)
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

void
world_make(struct world_conn *c, enum pp_dir dir, uint8_t flags,
           const void *payload, size_t n, struct world_frame *frame)
{
    bool to = dir == PP_TO_SERVER;
    uint8_t *p = frame->data;

    frame->vnet = (struct virtio_net_hdr) {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = n > 1448 ? VIRTIO_NET_HDR_GSO_TCPV4
                             : VIRTIO_NET_HDR_GSO_NONE,
        .gso_size = n > 1448 ? 1448 : 0,
        .csum_start = 38, .csum_offset = 16, .hdr_len = 70,
    };
    frame->len = 70 + n;
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
}

void
world_make_answer(struct world_conn *c, struct world_frame *frame)
{
    static const char response[] =
        "HTTP/1.1 200 OK\r\n"
        "Server: bench\r\n"
        "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
        "Content-Type: text/html\r\n"
        "Content-Length: 16\r\n"
        "Connection: keep-alive\r\n"
        "\r\n"
        "<p>Hello there\r\n";

    world_make(c, PP_FROM_SERVER, PP_TCP_ACK | PP_TCP_PSH, response,
               sizeof response - 1, frame);
}

/* What is measured: its name is for callgrind. */
void __attribute__((noinline))
world_run(struct world *w, const struct world_frame *frame)
{
    pp_pipeline_run(w->pl, 0, &frame->vnet, frame->data, frame->len);
}

void
world_segment(struct world *w, struct world_conn *c, enum pp_dir dir,
              uint8_t flags, const void *payload, size_t n)
{
    struct world_frame frame = { .data = w->frame };

    world_make(c, dir, flags, payload, n, &frame);
    world_run(w, &frame);
}

void
world_answer(struct world *w, struct world_conn *c)
{
    struct world_frame frame = { .data = w->frame };

    world_make_answer(c, &frame);
    world_run(w, &frame);
}

void
world_open(struct world *w, struct world_conn *c)
{
    world_segment(w, c, PP_TO_SERVER, PP_TCP_SYN, NULL, 0);
    world_segment(w, c, PP_FROM_SERVER, PP_TCP_SYN | PP_TCP_ACK, NULL, 0);
    world_segment(w, c, PP_TO_SERVER, PP_TCP_ACK, NULL, 0);
}

void
world_close(struct world *w, struct world_conn *c)
{
    world_segment(w, c, PP_FROM_SERVER, PP_TCP_FIN | PP_TCP_ACK, NULL, 0);
    world_segment(w, c, PP_TO_SERVER, PP_TCP_FIN | PP_TCP_ACK, NULL, 0);
    world_segment(w, c, PP_FROM_SERVER, PP_TCP_ACK, NULL, 0);
}

uint64_t
world_cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
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

struct pp_snapshot *
world_snapshot(const struct pp_program *program, size_t program_size)
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
    struct pp_snap_row row = {
        .kind = PP_ROW_SERVER, .server = { .id = 1, .slot = 1 },
    };
    struct pp_patchset *set = xzalloc(set_size);
    size_t services = ROUND_UP(sizeof snap, 8) + set_size;
    size_t rows = services + ROUND_UP(sizeof service, 8);
    size_t programs = rows + ROUND_UP(sizeof row, 8);
    uint8_t *data;

    pp_patchset_init(set, program);
    for (uint32_t i = 0; i < pp_program_n_patches(program); i++) {
        pp_patchset_set(set, program, i, PP_MODE_ENFORCE);
    }
    snap.sets = (struct pp_snap_part) {
        (uint32_t) (services - set_size), (uint32_t) set_size,
    };
    snap.services = (struct pp_snap_part) { (uint32_t) services, 1 };
    snap.rows = (struct pp_snap_part) { (uint32_t) rows, 1 };
    snap.program = (struct pp_snap_part) {
        (uint32_t) programs, (uint32_t) program_size,
    };
    snap.size = programs + program_size;
    service.patchset = snap.sets.off;
    memcpy(&row.server.mac, server_mac, sizeof row.server.mac);
    row.server.services = (struct pp_snap_part) { 0, 1 };

    data = xzalloc(snap.size);
    memcpy(data, &snap, sizeof snap);
    memcpy(data + snap.sets.off, set, set_size);
    memcpy(data + services, &service, sizeof service);
    memcpy(data + rows, &row, sizeof row);
    memcpy(data + programs, program, program_size);
    free(set);
    return (struct pp_snapshot *) (void *) data;
}


void
world_init(struct world *w, unsigned int n_conns)
{
    static const struct pp_pipeline_ops ops = {
        .write = count_frame, .event = ignore_event,
    };

    *w = (struct world) { .n_conns = n_conns };
    w->counters = xzalloc(sizeof *w->counters);
    w->conns = xcalloc(n_conns, sizeof *w->conns);
    w->frame = xmalloc(FRAME_ROOM);
    w->pl = pp_pipeline_create(&ops, w, w->counters, 1);
    for (unsigned int i = 0; i < n_conns; i++) {
        w->conns[i].port = (uint16_t) (65535 - i);
    }
}

void
world_destroy(struct world *w)
{
    pp_pipeline_destroy(w->pl);
    free(w->frame);
    free(w->conns);
    free(w->counters);
}
