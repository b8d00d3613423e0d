/* SPDX-License-Identifier: Apache-2.0 */

/* What many patches cost: requests from a file through the pipeline, on one
 * core, with all patches of a folder in force.
 *
 *     pp-scale PATCHES REQUESTS [ROUNDS [VETTED [CPU]]]
 *
 * PATCHES and REQUESTS are as generate.py makes them.  Prints one JSON object:
 * how long loading took, how long the engine takes to go over to another
 * snapshot, what memory that needs, and the best of ROUNDS rounds (100), each
 * of all requests with an answer to each: so many requests as there are
 * connections, then their answers, whose frames are made before the clock
 * runs.  A round in which a frame was lost, a request not understood, or one
 * corrected, makes the exit status 1.  Which patches are right is remembered
 * in the file VETTED; with "-" no vectors are run at all.
 *
 * Loads in a process of its own, on all processors; what is measured is one
 * thread of another, on processor CPU if there is a number. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/pp-pipeline.h"
#include "engine/pp-vet.h"
#include "patch/pp-errors.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-world.h"
#include "registry.h"
#include "util.h"

#define CONNECTIONS 64
#define SEGMENT_MAX 1448
#define FRAME_ROOM (SEGMENT_MAX + 128)
#define SWAPS 5
#define CLOCK_LOOKS 1000

struct requests {
    char *data;
    size_t n;
    struct pp_bytes *list;      /* 'n' of them, in 'data'. */
    size_t bytes;               /* Of all. */
};

static void OVS_PRINTF_FORMAT(1, 2) OVS_NO_RETURN
give_up(const char *format, ...)
{
    va_list args;

    fputs("pp-scale: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static double
seconds_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void
read_requests(const char *path, struct requests *rq)
{
    FILE *f = fopen(path, "r");
    size_t size, allocated = 0;
    char *p, *end;

    if (!f || fseek(f, 0, SEEK_END)) {
        give_up("%s: cannot be read", path);
    }
    size = (size_t) ftell(f);
    rewind(f);
    *rq = (struct requests) { .data = xmalloc(size + 1) };
    if (fread(rq->data, 1, size, f) != size) {
        give_up("%s: cannot be read", path);
    }
    fclose(f);
    rq->data[size] = '\0';
    end = rq->data + size;
    for (p = rq->data; p < end; ) {
        size_t length = strtoul(p, &p, 10);

        if (*p != '\n' || length > SEGMENT_MAX
            || length > (size_t) (end - p) - 1) {
            give_up("%s: no file of requests", path);
        }
        if (rq->n == allocated) {
            rq->list = x2nrealloc(rq->list, &allocated, sizeof *rq->list);
        }
        rq->list[rq->n++] = (struct pp_bytes) { (uint8_t *) ++p, length };
        rq->bytes += length;
        p += length;
    }
}

/* A field of /proc/self/status in KiB. */
static unsigned long
memory_kib(const char *field)
{
    FILE *f = fopen("/proc/self/status", "r");
    unsigned long kib = 0;
    char line[256];

    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, field, strlen(field))) {
            kib = strtoul(line + strlen(field) + 1, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return kib;
}

/* Lets VmHWM begin anew. */
static void
forget_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY);

    malloc_trim(0);
    if (fd < 0 || write(fd, "5", 1) != 1) {
        fputs("pp-scale: peaks are those since the start\n", stderr);
    }
    close(fd);
}

struct loading {
    double read, verify, build; /* Seconds. */
    size_t n_run;               /* Patches whose vectors were run. */
    unsigned long peak_kib;     /* Above what there was before. */
    uint32_t n_patches;
    size_t program_size;        /* Bytes. */
};

/* A snapshot with the patches under 'path', or no return. */
static struct pp_snapshot *
load(const char *path, const char *vetted, struct loading *l)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    unsigned long before = memory_kib("VmRSS:");
    struct pp_program *program = NULL;
    struct pp_snapshot *snap;
    struct pp_pool *pool;
    char *error = NULL;
    double start = seconds_now();

    pool = pp_pool_load(&path, 1, pp_proxies, PP_POOL_ALL_OR_NOTHING,
                        &errors);
    l->read = seconds_now() - start;
    start += l->read;
    if (pool && (!vetted || strcmp(vetted, "-"))) {
        struct pp_vetted *v = pp_vetted_open(vetted);

        l->n_run = pp_vet_pool(pool, v, &errors);
        pp_vetted_close(v);
    }
    l->verify = seconds_now() - start;
    start += l->verify;
    if (pool && !errors.total) {
        program = pp_program_build(pool, pp_proxies, &l->program_size, &error);
    } else {
        error = pp_errors_format(&errors);
    }
    if (!program) {
        give_up("%s: %s", path, error);
    }
    l->build = seconds_now() - start;
    l->peak_kib = memory_kib("VmHWM:") - before;
    l->n_patches = pp_program_n_patches(program);
    snap = world_snapshot(program, l->program_size);
    free(program);
    pp_pool_unref(pool);
    pp_errors_destroy(&errors);
    return snap;
}

/* A file in memory, with a copy of 'snap'. */
static int
write_shared(int fd, const struct pp_snapshot *snap)
{
    if (fd < 0 || write(fd, snap, snap->size) != (ssize_t) snap->size) {
        give_up("cannot make a snapshot of %"PRIu64" bytes", snap->size);
    }
    return fd;
}

static struct pp_snapshot *
map_shared(int fd)
{
    struct stat s;
    void *data;

    if (fstat(fd, &s)
        || (data = mmap(NULL, (size_t) s.st_size, PROT_READ, MAP_SHARED, fd,
                        0)) == MAP_FAILED) {
        give_up("cannot map a snapshot");
    }
    close(fd);
    return data;
}

static int
open_shared(void)
{
    return memfd_create("pp-scale", MFD_CLOEXEC);
}

/* A copy of 'snap' as the engine gets it: in shared memory. */
static struct pp_snapshot *
share(const struct pp_snapshot *snap)
{
    return map_shared(write_shared(open_shared(), snap));
}

/* load() in a process of its own, as it is not the engine that loads: the
 * memory that it left would be in the way of what is measured. */
static struct pp_snapshot *
load_apart(const char *path, const char *vetted, struct loading *l)
{
    struct loading *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct pp_snapshot *shared, *snap;
    int fd = open_shared(), status = -1;
    pid_t pid = told == MAP_FAILED ? -1 : fork();

    if (pid < 0) {
        give_up("cannot make a process");
    } else if (!pid) {
        write_shared(fd, load(path, vetted, told));
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || status) {
        exit(1);                /* It has said why. */
    }
    *l = *told;
    munmap(told, sizeof *told);
    shared = map_shared(fd);
    snap = xmemdup(shared, shared->size);
    munmap(shared, shared->size);
    return snap;
}

static void
ask(struct world *w, struct world_conn *c, struct pp_bytes request)
{
    world_segment(w, c, PP_TO_SERVER, PP_TCP_ACK | PP_TCP_PSH, request.p,
                  request.n);
    world_answer(w, c);
}

/* Seconds from the moment a snapshot is there to the first request decided
 * by it, the best of several. */
static double
swap(struct world *w, const struct pp_snapshot *snap,
     const struct requests *rq, struct pp_snapshot **in_force)
{
    double best = 1e9;

    for (int i = 0; i < SWAPS; i++) {
        struct pp_snapshot *next = share(snap);
        double start = seconds_now();
        const char *error = pp_snapshot_check(next, next->size);

        if (error) {
            give_up("%s", error);
        }
        pp_pipeline_set_snapshot(w->pl, next);
        if (*in_force) {
            munmap(*in_force, (*in_force)->size);
        }
        *in_force = next;
        if (i) {
            ask(w, &w->conns[0], rq->list[0]);
            best = MIN(best, seconds_now() - start);
        } else {
            for (unsigned int j = 0; j < w->n_conns; j++) {
                world_open(w, &w->conns[j]);
            }
        }
    }
    return best;
}

/* Nanoseconds that pass between two looks at the clock, at least: they are
 * those of the look, which is a system call. */
static uint64_t
clock_ns(void)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < CLOCK_LOOKS; i++) {
        uint64_t begin = world_cpu_ns();

        best = MIN(best, world_cpu_ns() - begin);
    }
    return best;
}

/* Runs the first 'n' frames.  Returns the time it takes, without 'look'. */
static uint64_t
run_frames(struct world *w, const struct world_frame *frames, size_t n,
           uint64_t look)
{
    uint64_t begin = world_cpu_ns();

    for (size_t i = 0; i < n; i++) {
        world_run(w, &frames[i]);
    }
    return world_cpu_ns() - begin - look;
}

/* Nanoseconds that all requests took, and their answers. */
struct times {
    uint64_t requests, answers;
};

static struct times
run_round(struct world *w, const struct requests *rq,
          struct world_frame *frames, uint64_t look)
{
    struct times t = { .requests = 0 };

    for (size_t i = 0; i < rq->n; i += w->n_conns) {
        size_t n = MIN(rq->n - i, w->n_conns);

        for (size_t j = 0; j < n; j++) {
            world_make(&w->conns[j], PP_TO_SERVER, PP_TCP_ACK | PP_TCP_PSH,
                       rq->list[i + j].p, rq->list[i + j].n, &frames[j]);
        }
        t.requests += run_frames(w, frames, n, look);
        for (size_t j = 0; j < n; j++) {
            world_make_answer(&w->conns[j], &frames[j]);
        }
        t.answers += run_frames(w, frames, n, look);
    }
    return t;
}

static void
stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        ovs_fatal(errno, "processor %d", cpu);
    }
}

int
main(int argc, char *argv[])
{
    struct loading l = { .n_run = 0 };
    struct requests rq;
    struct world w;
    struct pp_snapshot *snap, *in_force = NULL;
    int rounds = argc > 3 ? atoi(argv[3]) : 100;
    uint64_t best_ns = UINT64_MAX, best_alone_ns = UINT64_MAX;
    uint64_t look;
    struct world_frame frames[CONNECTIONS];
    unsigned long before, swap_peak;
    double swap_s;
    bool ok = true;

    if (argc < 3 || rounds < 1) {
        fprintf(stderr, "usage: pp-scale PATCHES REQUESTS "
                "[ROUNDS [VETTED [CPU]]]\n");
        return 2;
    }
    snap = load_apart(argv[1], argc > 4 ? argv[4] : NULL, &l);
    if (argc > 5) {
        stay_on(atoi(argv[5]));
    }
    read_requests(argv[2], &rq);
    world_init(&w, CONNECTIONS);
    forget_peak();
    before = memory_kib("VmRSS:");
    swap_s = swap(&w, snap, &rq, &in_force);
    swap_peak = memory_kib("VmHWM:") - before;

    for (int i = 0; i < CONNECTIONS; i++) {
        frames[i].data = xmalloc(FRAME_ROOM);
    }
    look = clock_ns();
    for (int round = 0; round < rounds; round++) {
        uint64_t messages = w.counters->proxy_messages;
        struct times t = run_round(&w, &rq, frames, look);

        best_ns = MIN(best_ns, t.requests + t.answers);
        best_alone_ns = MIN(best_alone_ns, t.requests);
        pp_pipeline_set_time(w.pl, world_cpu_ns() / 1000000, 0);
        ok = ok && w.counters->proxy_messages - messages >= rq.n;
    }
    ok = ok && w.out == w.counters->packet_in_frames
         && !w.counters->proxy_bad && !w.counters->match_hits
         && !w.counters->engine_uninspected_frames;
    printf("{\"patches\": %u, \"requests\": %"PRIuSIZE", "
           "\"requests_per_s\": %.0f, \"gbps\": %.2f, "
           "\"gbps_alone\": %.2f, "
           "\"ns_per_request\": %.0f, "
           "\"load_ms\": %.0f, \"read_ms\": %.0f, \"verify_ms\": %.0f, "
           "\"build_ms\": %.0f, \"run\": %"PRIuSIZE", \"load_peak_kib\": %lu, "
           "\"swap_ms\": %.1f, \"swap_peak_kib\": %lu, "
           "\"program_bytes\": %"PRIuSIZE", \"request_bytes\": %.0f, "
           "\"ok\": %s}\n",
           l.n_patches, rq.n,
           (double) rq.n * 1e9 / (double) best_ns,
           (double) rq.bytes * 8 / (double) best_ns,
           (double) rq.bytes * 8 / (double) best_alone_ns,
           (double) best_ns / (double) rq.n,
           (l.read + l.verify + l.build) * 1e3, l.read * 1e3, l.verify * 1e3,
           l.build * 1e3, l.n_run, l.peak_kib, swap_s * 1e3, swap_peak,
           l.program_size,
           (double) rq.bytes / (double) rq.n, ok ? "true" : "false");
    if (w.counters->match_hits) {
        fprintf(stderr, "pp-scale: %"PRIu64" conditions held for good "
                "requests\n", w.counters->match_hits);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        free(frames[i].data);
    }
    world_destroy(&w);
    munmap(in_force, in_force->size);
    free(snap);
    free(rq.list);
    free(rq.data);
    return !ok;
}
