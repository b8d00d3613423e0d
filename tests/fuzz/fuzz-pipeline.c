/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the whole pipeline, with the HTTP proxy and all patches in force.
 *
 * In: records, each a byte that says what comes and how, and what it needs.
 * Frames are made from them whose numbers fit the connection unless a record
 * says otherwise, so that connections are really opened, and everything behind
 * the handshake is reached:
 *
 *     0  handshake
 *     1  bytes in their order: length of two bytes, bytes
 *     2  a segment: offsets of its numbers from where the connection stands,
 *        flags, length of a byte, bytes
 *     3  time: milliseconds in two bytes, times 16
 *     4  a frame: its virtio-net header, length of two bytes, bytes
 *     5  an acknowledgement of all that left
 *
 * Out: nothing; aborts where what leaves is no sound frame, or a bound is not
 * kept. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "patch/pp-pool.h"
#include "pp-reader.h"
#include "tests/unit/pipeline-driver.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ASSERT(X) do { if (!(X)) { abort(); } } while (0)

#define FROM_SERVER 0x08        /* How a record's frame is. */
#define IPV6 0x10
#define PARTIAL 0x20            /* The checksum is still to be made. */
#define CUT 0x40                /* In fragments: a byte follows the record's,
                                 * their length / 8. */
#define BACKWARDS 0x80          /* The last one first. */

#define BATCH 64                /* Records of one input. */

static const struct pp_limits small = {
    .conns = 4, .held_conn = 128 * 1024, .held_total = 128 * 1024, .edits = 8,
    .datagram_fragments = 40, .datagram_bytes = 32 * 1024, .datagrams = 4,
    .datagrams_total = 64 * 1024,
};

struct run {
    struct driver *d;
    uint32_t next[2];           /* Sequence numbers, by direction. */
    uint32_t acked[2];          /* What the other side has of it. */
    bool raw;                   /* Frames came that nobody made sound. */
};

/* Looks at what left. */
static void
check_out(struct run *run)
{
    static struct pp_counters ignore;
    struct driver *d = run->d;

    for (size_t i = 0; i < d->n_out; i++) {
        struct frame *f = d->out[i];
        /* A block of just its size. */
        uint8_t *copy = xmemdup(f->data, f->len);
        enum pp_packet_kind kind;
        struct pp_packet pkt;

        kind = pp_packet_in(&pkt, &f->vnet, copy, f->len, &ignore);
        ASSERT(kind != PP_PACKET_BAD);
        if (kind == PP_PACKET_TCP) {
            enum pp_dir dir = pkt.slot == SERVER_SLOT;

            ASSERT(run->raw || pkt.ipv6
                   || !csum(copy + pkt.l3, (copy[pkt.l3] & 0xf) * 4));
            run->acked[dir] = pkt.seq + pkt.payload_len
                              + !!(pkt.flags & (PP_TCP_SYN | PP_TCP_FIN));
        }
        free(copy);
    }
    driver_forget(d);
    ASSERT(d->counters->conns <= small.conns);
    ASSERT(d->counters->held_bytes <= small.held_total);
}

static void
send_frame(struct run *run, struct frame *f, uint8_t how, uint8_t cut)
{
    size_t header = f->data[FRAME_L3] >> 4 == 6 ? 40 : 20;

    if (how & CUT) {
        size_t n;
        struct frame **parts = frame_cut(f, header, run->next[0],
                                         8 * (1 + (size_t) cut), &n);

        for (size_t i = 0; i < n; i++) {
            driver_run(run->d, parts[how & BACKWARDS ? n - 1 - i : i]);
        }
        for (size_t i = 0; i < n; i++) {
            free(parts[i]);
        }
        free(parts);
    } else {
        if (how & PARTIAL) {
            f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        }
        driver_run(run->d, f);
    }
    free(f);
    check_out(run);
}

static void
send_tcp(struct run *run, uint8_t how, uint8_t cut, uint32_t seq,
         uint32_t ack, uint8_t flags, const uint8_t *p, size_t n)
{
    enum pp_dir dir = how & FROM_SERVER ? PP_FROM_SERVER : PP_TO_SERVER;

    send_frame(run, frame_tcp(dir, how & IPV6, seq, ack, flags, p, n), how,
               cut);
}

static void
handshake(struct run *run, uint8_t how)
{
    uint8_t client = how & IPV6;
    uint8_t server = client | FROM_SERVER;

    run->next[0] = 1000;
    run->next[1] = 5000;
    send_tcp(run, client, 0, run->next[0]++, 0, PP_TCP_SYN, NULL, 0);
    send_tcp(run, server, 0, run->next[1]++, run->next[0],
             PP_TCP_SYN | PP_TCP_ACK, NULL, 0);
    run->acked[0] = run->next[0];
    run->acked[1] = run->next[1];
    send_tcp(run, client, 0, run->next[0], run->next[1], PP_TCP_ACK, NULL, 0);
}

/* 'n', or what is left. */
static size_t
at_most(const struct pp_reader *r, size_t n)
{
    return MIN(n, pp_reader_left(r));
}

/* A frame of any bytes. */
static void
send_raw(struct run *run, struct pp_reader *r)
{
    struct frame *f = xzalloc(sizeof *f);
    const uint8_t *p = pp_reader_bytes(r, sizeof f->vnet);

    if (p) {
        memcpy(&f->vnet, p, sizeof f->vnet);
    }
    f->len = at_most(r, pp_reader_be16(r));
    p = pp_reader_bytes(r, f->len);
    if (p) {
        memcpy(f->data, p, f->len);
    }
    run->raw = true;
    driver_run(run->d, f);
    free(f);
    check_out(run);
}

static void
take_record(struct run *run, struct pp_reader *r)
{
    uint8_t how = pp_reader_u8(r);
    uint8_t cut = how & CUT ? pp_reader_u8(r) : 0;
    enum pp_dir dir = how & FROM_SERVER ? PP_FROM_SERVER : PP_TO_SERVER;
    uint32_t seq, ack;
    uint8_t flags;
    size_t n;

    switch (how & 7) {
    case 0:
        handshake(run, how);
        break;

    case 1:
        n = at_most(r, pp_reader_be16(r));
        seq = run->next[dir];
        run->next[dir] += (uint32_t) n;
        send_tcp(run, how, cut, seq, run->acked[!dir], PP_TCP_ACK,
                 pp_reader_bytes(r, n), n);
        break;

    case 2:
        seq = run->next[dir] + (uint32_t) (int8_t) pp_reader_u8(r);
        ack = run->acked[!dir] + (uint32_t) (int8_t) pp_reader_u8(r);
        flags = pp_reader_u8(r);
        n = at_most(r, pp_reader_u8(r));
        send_tcp(run, how, cut, seq, ack, flags, pp_reader_bytes(r, n), n);
        break;

    case 3:
        driver_pass_time(run->d, 16u * pp_reader_be16(r));
        check_out(run);
        break;

    case 4:
        send_raw(run, r);
        break;

    case 5:
        send_tcp(run, how, cut, run->next[dir], run->acked[!dir], PP_TCP_ACK,
                 NULL, 0);
        break;

    default:
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_snap_service http = driver_service("http");
    static struct driver *d;
    struct pp_reader r = pp_reader_init(data, size);
    struct run run;

    if (!d) {
        struct pp_pool *pool;

        setenv("PP_SRCDIR", PP_TOP_SRCDIR, 0);
        pool = driver_pool(NULL);
        d = driver_create(pool, PP_MODE_ENFORCE, &http, 1);
        pp_pool_unref(pool);
    }
    driver_reset(d);
    pp_pipeline_set_limits(d->pl, &small);
    run = (struct run) { .d = d };
    for (int i = 0; i < BATCH && pp_reader_left(&r); i++) {
        take_record(&run, &r);
    }
    /* All timers that there are. */
    for (int i = 0; i < 20; i++) {
        driver_pass_time(d, 10000);
        check_out(&run);
    }
    return 0;
}
