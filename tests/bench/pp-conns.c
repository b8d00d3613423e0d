/* SPDX-License-Identifier: Apache-2.0 */

/* What many connections cost: the pipeline with a thousand to a million of
 * them open, each of which has made a request, and all idle.
 *
 *     pp-conns [CONNECTIONS...]
 *
 * All patches of this source tree are in force ($PP_SRCDIR).  Prints for each
 * number of connections (default: 1000 10000 100000 1000000)
 *
 *   - bytes a connection: right after its request, idle by the engine's own
 *     gauge, and idle by the allocator, which has all there is;
 *
 *   - what a packet costs when connections picked by chance, that were idle
 *     and so are packed, make one more request each: nanoseconds of CPU time,
 *     and instructions if the kernel counts them.  Where it does not,
 *     "valgrind --tool=callgrind --toggle-collect=run_batch" does: for 300,000
 *     packets.
 *
 * The exit status is 1 if an idle connection takes more than 512 bytes, or if
 * not every frame came out again.  Runs as a process of its own, one
 * thread. */

#include <config.h>

#include <linux/perf_event.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/pp-flow.h"
#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "util.h"

#define REQUEST "GET /a?b=c HTTP/1.1\r\nHost: bench.example\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"

/* Requests that are measured, and connections between two looks at the
 * clock. */
#define REQUESTS 100000
#define BATCH 50

/* Of the longest of their frames. */
#define FRAME_ROOM 256

/* Packets of a connection's opening, and of a request. */
#define OPENING 3
#define REQUEST_PACKETS 3

struct bench {
    struct driver *d;           /* Lends its snapshot. */
    struct pp_pipeline *pl;
    uint64_t n_in, n_out;
    uint64_t now;               /* In ms. */
    uint32_t *done;             /* Requests made, by connection. */
    struct pp_frame frames[BATCH * REQUEST_PACKETS];
    uint8_t data[BATCH * REQUEST_PACKETS][FRAME_ROOM];
    int instructions;           /* Descriptor of the counter, or -1. */
};

struct cost {
    uint64_t ns, instructions;
};

static void
count_frame(void *b_, uint32_t bridge OVS_UNUSED,
            const struct iovec *iov OVS_UNUSED, int n OVS_UNUSED)
{
    struct bench *b = b_;

    b->n_out++;
}

static void
ignore_event(void *b OVS_UNUSED, const struct pp_ipc_event *event OVS_UNUSED)
{
}

static int
count_instructions(void)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE, .size = sizeof attr,
        .config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    return (int) syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static struct cost
so_far(const struct bench *b)
{
    struct cost cost = { 0, 0 };
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    cost.ns = (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
    if (b->instructions >= 0
        && read(b->instructions, &cost.instructions,
                sizeof cost.instructions) != sizeof cost.instructions) {
        cost.instructions = 0;
    }
    return cost;
}

static void
pass_time(struct bench *b, uint64_t ms)
{
    b->now += ms;
    pp_pipeline_set_time(b->pl, b->now, 1000000000);
    pp_pipeline_run_timers(b->pl);
}

/* All that is due, as the engine's loop would do it. */
static void
settle(struct bench *b)
{
    pp_pipeline_set_time(b->pl, b->now, 1000000000);
    while (pp_pipeline_run_timers(b->pl) <= b->now) {
        continue;
    }
}

static void
run(struct bench *b, struct frame *f)
{
    b->n_in++;
    pp_pipeline_run(b->pl, 0, &f->vnet, f->data, f->len);
    free(f);
}

/* Makes the frames of the next request of 'conn'. */
static void
make_request(struct bench *b, uint32_t conn, struct frame *f[REQUEST_PACKETS])
{
    uint32_t n = b->done[conn]++;
    uint32_t seq = 1001 + n * (uint32_t) strlen(REQUEST);
    uint32_t ack = 5001 + n * (uint32_t) strlen(RESPONSE);
    uint32_t next = seq + (uint32_t) strlen(REQUEST);

    f[0] = frame_tcp_of(conn, PP_TO_SERVER, seq, ack, PP_TCP_ACK, REQUEST,
                        strlen(REQUEST));
    f[1] = frame_tcp_of(conn, PP_FROM_SERVER, ack, next, PP_TCP_ACK, RESPONSE,
                        strlen(RESPONSE));
    f[2] = frame_tcp_of(conn, PP_TO_SERVER, next,
                        ack + (uint32_t) strlen(RESPONSE), PP_TCP_ACK, NULL,
                        0);
}

static void
open_conn(struct bench *b, uint32_t conn)
{
    struct frame *f[OPENING + REQUEST_PACKETS] = {
        frame_tcp_of(conn, PP_TO_SERVER, 1000, 0, PP_TCP_SYN, NULL, 0),
        frame_tcp_of(conn, PP_FROM_SERVER, 5000, 1001,
                     PP_TCP_SYN | PP_TCP_ACK, NULL, 0),
        frame_tcp_of(conn, PP_TO_SERVER, 1001, 5001, PP_TCP_ACK, NULL, 0),
    };

    make_request(b, conn, f + OPENING);
    for (size_t i = 0; i < ARRAY_SIZE(f); i++) {
        run(b, f[i]);
    }
}

/* What is measured: the frames at hand, as the engine hands on what it reads
 * from a tap at once, after which all are idle again, whoever they are of.
 * Its name is for callgrind. */
static void __attribute__((noinline))
run_batch(struct bench *b)
{
    pp_pipeline_run_batch(b->pl, 0, b->frames, ARRAY_SIZE(b->frames));
    b->now += 2 * PP_QUIET_MS;
    settle(b);
}

/* Frame 'i' of what is measured next is 'f', which is freed. */
static void
put_frame(struct bench *b, int i, struct frame *f)
{
    ovs_assert(f->len <= FRAME_ROOM);
    memcpy(b->data[i], f->data, f->len);
    b->frames[i] = (struct pp_frame) { f->vnet, b->data[i], f->len };
    b->n_in++;
    free(f);
}

/* One more request of connections picked by chance. */
static struct cost
measure(struct bench *b, uint32_t n)
{
    struct cost sum = { 0, 0 };
    uint32_t x = 1;

    for (uint32_t i = 0; i < REQUESTS / BATCH; i++) {
        struct cost before, after;

        for (int j = 0; j < BATCH * REQUEST_PACKETS; j += REQUEST_PACKETS) {
            struct frame *f[REQUEST_PACKETS];

            x = x * 1664525 + 1013904223;
            make_request(b, (uint32_t) (((uint64_t) x * n) >> 32), f);
            for (int k = 0; k < REQUEST_PACKETS; k++) {
                put_frame(b, j + k, f[k]);
            }
        }
        before = so_far(b);
        run_batch(b);
        after = so_far(b);
        sum.ns += after.ns - before.ns;
        sum.instructions += after.instructions - before.instructions;
    }
    return sum;
}

static void
report(struct bench *b, uint32_t n, uint64_t active, uint64_t bytes)
{
    const uint64_t packets = (uint64_t) REQUESTS * REQUEST_PACKETS;
    uint64_t idle = b->d->counters->memory / n;
    struct cost cost = measure(b, n);

    printf("%11u %6"PRIu64" %6"PRIu64" %9"PRIu64" %9"PRIu64, n, active, idle,
           bytes / n, cost.ns / packets);
    if (cost.instructions) {
        printf(" %9"PRIu64"\n", cost.instructions / packets);
    } else {
        printf(" %9s\n", "-");
    }
    fflush(stdout);
}

static uint64_t
allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static bool
bench(struct bench *b, uint32_t n)
{
    static const struct pp_pipeline_ops ops = {
        .write = count_frame, .event = ignore_event,
    };
    const struct pp_counters *c = b->d->counters;
    uint64_t before = 0, active = 0;
    bool ok;

    memset(b->d->counters, 0, sizeof *b->d->counters);
    b->d->snap->limits.conns = MAX(n, 1 << 20);
    b->n_in = b->n_out = 0;
    b->now = 1000;
    b->done = xcalloc(n, sizeof *b->done);
    b->pl = pp_pipeline_create(&ops, b, b->d->counters, 1);
    pp_pipeline_set_snapshot(b->pl, b->d->snap);
    for (uint32_t i = 0; i < n; i++) {
        open_conn(b, i);
        if (!i) {
            before = allocated();       /* With what all share. */
        }
        if (i % BATCH == 0) {
            pass_time(b, 1);
        }
        if (i == BATCH) {
            active = c->memory / (i + 1);
        }
    }
    b->now += 2 * PP_QUIET_MS;
    settle(b);
    ok = c->conns == n && c->memory / n <= 512;
    report(b, n, active, allocated() - before);
    ok = ok && b->n_in == b->n_out && !c->proxy_bad && !c->flow_evicted_idle;
    pp_pipeline_destroy(b->pl);
    free(b->done);
    return ok;
}

int
main(int argc, char *argv[])
{
    static const char *defaults[] = { "1000", "10000", "100000", "1000000" };
    struct pp_pool *pool = driver_pool(NULL);
    struct pp_snap_service http = driver_service("http");
    struct bench b = { .instructions = count_instructions() };
    const char *const *numbers = argc > 1 ? (const char *const *) argv + 1
                                 : defaults;
    int n = argc > 1 ? argc - 1 : (int) ARRAY_SIZE(defaults);
    bool ok = true;

    b.d = driver_create(pool, PP_MODE_ENFORCE, &http, 1);
    printf("            ---- bytes a connection --- ----- a packet ----\n"
           "connections active   idle allocated        ns instructions\n");
    for (int i = 0; i < n; i++) {
        unsigned int conns;

        if (!str_to_uint(numbers[i], 10, &conns) || conns <= BATCH
            || conns > 10000000) {
            fprintf(stderr, "pp-conns: \"%s\" is not a number from %d to "
                    "10000000\n", numbers[i], BATCH + 1);
            return 2;
        }
        ok &= bench(&b, conns);
    }
    driver_destroy(b.d);
    pp_pool_unref(pool);
    if (!ok) {
        fprintf(stderr, "pp-conns: an idle connection takes more than 512 "
                "bytes, or frames got lost\n");
    }
    return !ok;
}
