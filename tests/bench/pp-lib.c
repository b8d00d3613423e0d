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

#include "patch/pp-errors.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-proxy.h"
#include "pp-world.h"
#include "registry.h"
#include "util.h"

/* What a browser sends. */
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
static const char upload[] =
    "PUT /upload HTTP/1.1\r\n"
    "Host: bench.example\r\n"
    "Content-Length: 1099511627776\r\n"
    "\r\n";
static uint8_t block[61440];

/* Kinds of traffic: each is one unit of work on one connection. */

static void
keep_alive(struct world *w, struct world_conn *c)
{
    world_segment(w, c, PP_TO_SERVER, PP_TCP_ACK | PP_TCP_PSH, request,
                  sizeof request - 1);
    world_answer(w, c);
}

static void
post_form(struct world *w, struct world_conn *c)
{
    world_segment(w, c, PP_TO_SERVER, PP_TCP_ACK | PP_TCP_PSH, form,
                  sizeof form - 1);
    world_answer(w, c);
}

static void
new_connection(struct world *w, struct world_conn *c)
{
    world_open(w, c);
    keep_alive(w, c);
    world_close(w, c);
}

static void
acknowledge(struct world *w, struct world_conn *c)
{
    world_segment(w, c, PP_TO_SERVER, PP_TCP_ACK, NULL, 0);
}

static void
bulk_up(struct world *w, struct world_conn *c)
{
    world_segment(w, c, PP_TO_SERVER, PP_TCP_ACK, block, sizeof block);
    world_segment(w, c, PP_FROM_SERVER, PP_TCP_ACK, NULL, 0);
}

/* Runs 'work' in turn on all connections.  Returns true if every frame came
 * out again and all was understood. */
static bool
measure(struct world *w, const char *name, const char *first,
        void (*work)(struct world *, struct world_conn *), bool opens,
        double seconds)
{
    uint64_t frames, bytes, begin, t, n = 0;
    bool ok;

    memset(w->counters, 0, sizeof *w->counters);
    for (unsigned int i = 0; i < w->n_conns; i++) {
        struct world_conn *c = &w->conns[i];

        if (!opens) {
            world_open(w, c);
        }
        if (first) {
            world_segment(w, c, PP_TO_SERVER, PP_TCP_ACK, first,
                          strlen(first));
        }
    }
    w->out = w->counters->packet_in_frames = w->counters->packet_in_bytes = 0;
    begin = world_cpu_ns();
    do {
        for (int i = 0; i < 256; i++) {
            work(w, &w->conns[n++ % w->n_conns]);
        }
        t = world_cpu_ns();
        pp_pipeline_set_time(w->pl, t / 1000000, (int64_t) (t / 1000000000));
        pp_pipeline_run_timers(w->pl);
    } while ((double) (t - begin) < seconds * 1e9);
    frames = w->counters->packet_in_frames;
    bytes = w->counters->packet_in_bytes;
    ok = w->out == frames && !w->counters->proxy_bad
         && !w->counters->engine_uninspected_frames
         && (work == bulk_up || work == acknowledge
             || w->counters->proxy_messages >= n);
    printf("%-16s %7.0f ns/frame %8.0f ns/unit %8.2f Gb/s%s\n", name,
           (double) (t - begin) / (double) frames,
           (double) (t - begin) / (double) n,
           (double) bytes * 8 / (double) (t - begin),
           ok ? "" : "  NOT ALL CAME OUT");
    for (unsigned int i = 0; !opens && i < w->n_conns; i++) {
        world_segment(w, &w->conns[i], PP_TO_SERVER, PP_TCP_RST | PP_TCP_ACK,
                      NULL, 0);
    }
    return ok;
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
    struct pp_snapshot *snap;
    struct pp_program *program;
    struct world w;
    double seconds = 1;
    int n_conns = 16;
    size_t program_size;
    bool ok = true;

    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: pp-lib PATCHES [SECONDS [CONNECTIONS]]\n");
        return 2;
    }
    seconds = argc > 2 ? atof(argv[2]) : seconds;
    n_conns = argc > 3 ? atoi(argv[3]) : n_conns;
    if (n_conns < 1 || n_conns > WORLD_CONNS_MAX) {
        fprintf(stderr, "pp-lib: 1 to %d connections\n", WORLD_CONNS_MAX);
        return 2;
    }
    program = load(argv[1], &program_size);
    snap = world_snapshot(program, program_size);
    if (pp_snapshot_check(snap, snap->size)) {
        fprintf(stderr, "pp-lib: %s\n", pp_snapshot_check(snap, snap->size));
        return 1;
    }
    world_init(&w, (unsigned int) n_conns);
    pp_pipeline_set_snapshot(w.pl, snap);

    ok &= measure(&w, "requests", NULL, keep_alive, false, seconds);
    ok &= measure(&w, "forms", NULL, post_form, false, seconds);
    ok &= measure(&w, "connections", NULL, new_connection, true,
                  seconds);
    ok &= measure(&w, "acknowledgements", NULL, acknowledge, false, seconds);
    ok &= measure(&w, "bulk, 60 KB", upload, bulk_up, false, seconds);

    world_destroy(&w);
    free(snap);
    free(program);
    return !ok;
}
