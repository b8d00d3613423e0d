/* SPDX-License-Identifier: Apache-2.0 */

/* A driver of the whole pipeline for tests; see pipeline-driver.h.
 *
 * In: frames.  Out: frames, checked.  Runs in unit tests and in the fuzzer;
 * owns the pipeline, its snapshot and what left it. */

#include <config.h>

#include "pipeline-driver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "patch/pp-pool.h"
#include "registry.h"
#include "util.h"

/* Fails in a test and in the fuzzer, where libcheck's own cannot be. */
#define ENSURE(X)                                                       \
    do {                                                                \
        if (!(X)) {                                                     \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__,  \
                    #X);                                                \
            abort();                                                    \
        }                                                               \
    } while (0)

static const uint8_t eth[2][12] = {
    { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 },
    { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 },
};

static void
put_be16(uint8_t *p, size_t value)
{
    p[0] = (uint8_t) (value >> 8);
    p[1] = (uint8_t) value;
}

static void
fill_frame(void *f_, uint32_t bridge OVS_UNUSED, const struct iovec *iov,
           int n)
{
    struct frame *f = f_;

    memcpy(&f->vnet, iov[0].iov_base, sizeof f->vnet);
    f->len = 0;
    for (int i = 1; i < n; i++) {
        memcpy(f->data + f->len, iov[i].iov_base, iov[i].iov_len);
        f->len += iov[i].iov_len;
    }
}

static void
keep_frame(void *d_, uint32_t bridge, const struct iovec *iov, int n)
{
    struct driver *d = d_;
    size_t len = 0;

    ENSURE(bridge == 0);
    ENSURE(d->n_out < DRIVER_FRAMES_MAX);
    for (int i = 1; i < n; i++) {
        ENSURE(iov[i].iov_len <= PP_WHOLE_MAX - len);
        len += iov[i].iov_len;
    }
    d->out[d->n_out] = xmalloc(offsetof(struct frame, data) + len);
    fill_frame(d->out[d->n_out++], bridge, iov, n);
}

static void
keep_event(void *d_, const struct pp_ipc_event *event OVS_UNUSED)
{
    struct driver *d = d_;

    d->n_events++;
}

static bool
keep_asked(void *d_, const struct pp_ipc_cut *rows, uint32_t n)
{
    struct driver *d = d_;

    ENSURE(n && n <= PP_IPC_CUTS_MAX);
    for (uint32_t i = 0; !d->deaf && i < n; i++) {
        ENSURE(d->n_asked < ARRAY_SIZE(d->asked));
        d->asked[d->n_asked++] = rows[i];
    }
    return !d->deaf;
}

static struct pp_snap_part
put_part(struct ofpbuf *b, const void *data, size_t size, uint32_t n)
{
    struct pp_snap_part part = { b->size, n };

    ofpbuf_put(b, data, size);
    ofpbuf_put_zeros(b, PAD_SIZE(b->size, 8));
    return part;
}

static struct pp_snapshot *
make_snapshot(const struct pp_program *program, size_t program_size,
              enum pp_patch_mode mode, const struct pp_snap_service *services,
              uint32_t n)
{
    size_t set_size = pp_patchset_size(program);
    struct pp_snap_service *copies = xmemdup(services, n * sizeof *services);
    struct pp_patchset *set = xzalloc(set_size);
    struct ofpbuf *b = ofpbuf_new(65536);
    struct pp_snap_row row = {
        .kind = PP_ROW_SERVER,
        .server = {
            .id = 1, .slot = SERVER_SLOT, .services = { 0, n }, .name = "vm",
        },
    };
    struct pp_snapshot snap = {
        .magic = PP_SNAPSHOT_MAGIC, .version = PP_SNAPSHOT_VERSION,
        .limits = pp_limits_default(),
        .serial = 1, .cuts_max = DRIVER_CUTS_MAX,
    };
    struct pp_snapshot *result;

    pp_patchset_init(set, program);
    for (uint32_t i = 0; i < pp_program_n_patches(program); i++) {
        pp_patchset_set(set, program, i, mode);
    }
    memcpy(&row.server.mac, eth[PP_TO_SERVER], sizeof row.server.mac);
    put_part(b, &snap, sizeof snap, 0);
    snap.sets = put_part(b, set, set_size, (uint32_t) set_size);
    for (uint32_t i = 0; i < n; i++) {
        copies[i].patchset = snap.sets.off;
    }
    snap.services = put_part(b, copies, n * sizeof *copies, n);
    snap.rows = put_part(b, &row, sizeof row, 1);
    snap.program = put_part(b, program, program_size,
                            (uint32_t) program_size);
    snap.size = b->size;
    memcpy(b->data, &snap, sizeof snap);
    result = xmemdup(b->data, b->size);
    ofpbuf_delete(b);
    free(copies);
    free(set);
    return result;
}

void
driver_reset(struct driver *d)
{
    static const struct pp_pipeline_ops ops = {
        .write = keep_frame, .event = keep_event, .cut = keep_asked,
    };

    driver_forget(d);
    if (d->pl) {
        pp_pipeline_clear(d->pl);
    } else {
        d->pl = pp_pipeline_create(&ops, d, d->counters, 0);
    }
    memset(d->counters, 0, sizeof *d->counters);
    pp_pipeline_set_snapshot(d->pl, d->snap);
    d->n_events = 0;
    d->now = 1000;
    driver_pass_time(d, 0);
}

void
driver_set_slots(struct driver *d, const struct pp_snap_slot *slots,
                 uint32_t n, bool in_vlans)
{
    struct pp_snapshot *old = d->snap;
    struct pp_snap_row *rows = xcalloc(1 + n, sizeof *rows);
    struct ofpbuf b;

    rows[0] = pp_snapshot_rows(old)[0];
    rows[0].server.in_vlans = in_vlans;
    for (uint32_t i = 0; i < n; i++) {
        rows[1 + i] = (struct pp_snap_row) {
            .kind = PP_ROW_SLOT, .slot = slots[i],
        };
    }
    ofpbuf_init(&b, old->size);
    ofpbuf_put(&b, old, old->size);
    ofpbuf_put_zeros(&b, PAD_SIZE(b.size, 8));
    old->rows = put_part(&b, rows, (1 + n) * sizeof *rows, 1 + n);
    old->size = b.size;
    memcpy(b.data, old, sizeof *old);
    d->snap = xmemdup(b.data, b.size);
    ofpbuf_uninit(&b);
    d->snap->serial++;
    ENSURE(!pp_snapshot_check(d->snap, d->snap->size));
    pp_pipeline_set_snapshot(d->pl, d->snap);
    free(rows);
    free(old);
}

struct pp_snap_service
driver_service(const char *name)
{
    return (struct pp_snap_service) {
        .port = 80,
        .proxy = (uint8_t) pp_proxy_index(pp_proxy_by_name(name)),
    };
}

struct driver *
driver_create(const struct pp_pool *pool, enum pp_patch_mode mode,
              const struct pp_snap_service *services, uint32_t n)
{
    struct driver *d = xzalloc(sizeof *d);
    char *error = NULL;
    size_t size;

    d->program = pp_program_build(pool, pp_proxies, &size, &error);
    ENSURE(d->program);
    d->snap = make_snapshot(d->program, size, mode, services, n);
    ENSURE(!pp_snapshot_check(d->snap, d->snap->size));
    d->counters = xzalloc(sizeof *d->counters);
    driver_reset(d);
    return d;
}

void
driver_destroy(struct driver *d)
{
    driver_forget(d);
    pp_pipeline_destroy(d->pl);
    free(d->snap);
    free(d->program);
    free(d->counters);
    free(d);
}

struct pp_pool *
driver_pool(const char *id)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    const char *srcdir = getenv("PP_SRCDIR");
    char *path = (id ? xasprintf("%s/patches/http/%s.yaml",
                                 srcdir ? srcdir : ".", id)
                  : xasprintf("%s/patches", srcdir ? srcdir : "."));
    struct pp_pool *pool = pp_pool_load((const char *const *) &path, 1,
                                        pp_proxies, PP_POOL_ALL_OR_NOTHING,
                                        &errors);

    ENSURE(pool && pool->n);
    pp_errors_destroy(&errors);
    free(path);
    return pool;
}

void
driver_run(struct driver *d, const struct frame *f)
{
    uint8_t *copy = xmemdup(f->data, f->len);

    pp_pipeline_run(d->pl, 0, &f->vnet, copy, f->len);
    free(copy);
}

void
driver_pass_time(struct driver *d, uint64_t ms)
{
    d->now += ms;
    pp_pipeline_set_time(d->pl, d->now, 1000000000);
    pp_pipeline_run_timers(d->pl);
}

void
driver_forget(struct driver *d)
{
    for (size_t i = 0; i < d->n_out; i++) {
        free(d->out[i]);
    }
    d->n_out = 0;
    d->n_asked = 0;
}

struct pp_packet
driver_out(const struct driver *d, size_t i, enum pp_packet_kind kind)
{
    static struct pp_counters ignore;
    struct frame *f;
    struct pp_packet pkt;

    ENSURE(i < d->n_out);
    f = d->out[i];
    ENSURE(pp_packet_in(&pkt, &f->vnet, f->data, f->len, &ignore) ==
                     kind);
    if (!pkt.ipv6) {
        const uint8_t *ip = f->data + pkt.l3;

        ENSURE(csum(ip, (ip[0] & 0xf) * 4) == 0);
    }
    return pkt;
}

const char *
driver_said(const struct driver *d, enum pp_dir dir)
{
    static char said[256 * 1024];
    uint16_t slot = dir == PP_TO_SERVER ? CLIENT_SLOT : SERVER_SLOT;
    uint32_t next = 0;
    size_t len = 0;

    for (size_t i = 0; i < d->n_out; i++) {
        struct pp_packet pkt = driver_out(d, i, PP_PACKET_TCP);

        if (pkt.slot != slot || !pkt.payload_len) {
            continue;
        }
        ENSURE(!len || pkt.seq == next);
        ENSURE(len + pkt.payload_len < sizeof said);
        memcpy(said + len, pkt.data + pkt.payload, pkt.payload_len);
        len += pkt.payload_len;
        next = pkt.seq + pkt.payload_len;
    }
    said[len] = '\0';
    return said;
}

struct pp_segment
frame_segment(enum pp_dir dir, bool ipv6, uint16_t port)
{
    bool to_server = dir == PP_TO_SERVER;
    struct pp_segment seg = {
        .eth = eth[dir], .slot = to_server ? CLIENT_SLOT : SERVER_SLOT,
        .ipv6 = ipv6, .ttl = 64, .window = 65535,
        .src_port = to_server ? CLIENT_PORT : port,
        .dst_port = to_server ? port : CLIENT_PORT,
    };

    inet_pton(AF_INET6, ipv6 ? "fd00::1" : "::ffff:10.0.0.1",
              to_server ? &seg.src : &seg.dst);
    inet_pton(AF_INET6, ipv6 ? "fd00::2" : "::ffff:10.0.0.2",
              to_server ? &seg.dst : &seg.src);
    return seg;
}

void
frame_make(struct frame *f, const struct pp_segment *seg)
{
    struct pp_output out = { .write = fill_frame, .aux = f };
    static struct pp_counters ignore;

    pp_segment_out(seg, &out, &ignore);
}

static struct frame *
make_frame(const struct pp_segment *seg)
{
    struct frame *f = xzalloc(sizeof *f);

    frame_make(f, seg);
    return f;
}

struct frame *
frame_tcp(enum pp_dir dir, bool ipv6, uint32_t seq, uint32_t ack,
          uint8_t flags, const void *payload, size_t n)
{
    struct pp_segment seg = frame_segment(dir, ipv6, 80);

    seg.seq = seq;
    seg.ack = ack;
    seg.flags = flags;
    seg.payload = payload;
    seg.payload_len = (uint32_t) n;
    return make_frame(&seg);
}

struct frame *
frame_tcp_of(uint32_t client, enum pp_dir dir, uint32_t seq, uint32_t ack,
             uint8_t flags, const void *payload, size_t n)
{
    struct pp_segment seg = frame_segment(dir, false, 80);
    bool to_server = dir == PP_TO_SERVER;
    struct in6_addr *addr = to_server ? &seg.src : &seg.dst;
    uint16_t *port = to_server ? &seg.src_port : &seg.dst_port;

    *port = (uint16_t) (CLIENT_PORT + client % 50000);
    addr->s6_addr[13] = (uint8_t) (client / 50000);
    seg.seq = seq;
    seg.ack = ack;
    seg.flags = flags;
    seg.payload = payload;
    seg.payload_len = (uint32_t) n;
    return make_frame(&seg);
}

void
frame_set_slot(struct frame *f, uint16_t slot)
{
    put_be16(f->data + 14, slot);
}

struct frame *
frame_udp(enum pp_dir dir, bool ipv6, uint16_t port, const void *payload,
          size_t n)
{
    /* Headers of a segment, with another one in TCP's place. */
    struct frame *f = frame_tcp(dir, ipv6, 0, 0, 0, NULL, 0);
    uint8_t *udp = f->data + FRAME_L3 + (ipv6 ? 40 : 20);
    static struct pp_counters ignore;
    struct pp_packet pkt;

    ENSURE(pp_packet_in(&pkt, &f->vnet, f->data, f->len, &ignore) ==
                     PP_PACKET_TCP);
    f->data[FRAME_L3 + (ipv6 ? 6 : 9)] = IPPROTO_UDP;
    put_be16(udp, dir == PP_TO_SERVER ? CLIENT_PORT : port);
    put_be16(udp + 2, dir == PP_TO_SERVER ? port : CLIENT_PORT);
    if (n) {
        memcpy(udp + 8, payload, n);
    }
    pkt.ip_proto = IPPROTO_UDP;
    pkt.payload = pkt.l4 + 8u;
    pkt.payload_len = (uint32_t) n;
    pkt.len = pkt.payload + pkt.payload_len;
    f->len = pkt.len;
    pp_packet_mend_udp(&pkt);
    if (!ipv6) {
        frame_mend(f);
    }
    return f;
}

void
driver_tcp(struct driver *d, uint32_t client, enum pp_dir dir, uint32_t seq,
           uint32_t ack, uint8_t flags, const char *text)
{
    struct frame *f = frame_tcp_of(client, dir, seq, ack, flags, text,
                                   text ? strlen(text) : 0);

    driver_run(d, f);
    free(f);
}

void
driver_connect_of(struct driver *d, uint32_t client)
{
    driver_tcp(d, client, PP_TO_SERVER, 1000, 0, PP_TCP_SYN, NULL);
    driver_tcp(d, client, PP_FROM_SERVER, 5000, 1001,
               PP_TCP_SYN | PP_TCP_ACK, NULL);
    driver_tcp(d, client, PP_TO_SERVER, 1001, 5001, PP_TCP_ACK, NULL);
    driver_forget(d);
}

void
driver_connect(struct driver *d, bool ipv6)
{
    struct frame *frames[3] = {
        frame_tcp(PP_TO_SERVER, ipv6, 1000, 0, PP_TCP_SYN, NULL, 0),
        frame_tcp(PP_FROM_SERVER, ipv6, 5000, 1001, PP_TCP_SYN | PP_TCP_ACK,
                  NULL, 0),
        frame_tcp(PP_TO_SERVER, ipv6, 1001, 5001, PP_TCP_ACK, NULL, 0),
    };

    for (int i = 0; i < 3; i++) {
        driver_run(d, frames[i]);
        free(frames[i]);
    }
    ENSURE(d->n_out == 3);
    driver_forget(d);
}

void
frame_mend(struct frame *f)
{
    uint8_t *ip = f->data + FRAME_L3;
    ovs_be16 sum = 0;

    memcpy(ip + 10, &sum, sizeof sum);
    sum = csum(ip, (ip[0] & 0xf) * 4);
    memcpy(ip + 10, &sum, sizeof sum);
}

struct frame *
frame_fragment(const struct frame *whole, size_t header, uint32_t id,
               size_t ofs, size_t n, bool more)
{
    bool ipv6 = whole->data[FRAME_L3] >> 4 == 6;
    size_t start = FRAME_L3 + header;
    struct frame *f = xmalloc(offsetof(struct frame, data) + start + 8 + n);
    uint8_t *ip = f->data + FRAME_L3;

    f->vnet = whole->vnet;
    memcpy(f->data, whole->data, start);
    if (ipv6) {
        /* The last extension header announces it, or else the IPv6 one. */
        size_t announces = 6;

        for (size_t at = 40; at < header; at += 8 + 8 * (size_t) ip[at + 1]) {
            announces = at;
        }
        memset(ip + header, 0, 8);
        ip[header] = ip[announces];
        ip[announces] = IPPROTO_FRAGMENT;
        put_be16(ip + header + 2, ofs | more);
        put_be16(ip + header + 4, id >> 16);
        put_be16(ip + header + 6, id);
        put_be16(ip + 4, header - 40 + 8 + n);
        header += 8;
    } else {
        put_be16(ip + 2, header + n);
        put_be16(ip + 4, id);
        put_be16(ip + 6, ofs / 8 | (more ? 0x2000 : 0));
    }
    memcpy(ip + header, whole->data + start + ofs, n);
    f->len = FRAME_L3 + header + n;
    if (!ipv6) {
        frame_mend(f);
    }
    return f;
}

struct frame **
frame_cut(const struct frame *whole, size_t header, uint32_t id, size_t size,
          size_t *n)
{
    size_t len = whole->len - FRAME_L3 - header;
    struct frame **frames = xcalloc(len / size + 1, sizeof *frames);

    *n = 0;
    for (size_t ofs = 0; ofs < len; ofs += size) {
        frames[(*n)++] = frame_fragment(whole, header, id, ofs,
                                        MIN(size, len - ofs),
                                        ofs + size < len);
    }
    return frames;
}
