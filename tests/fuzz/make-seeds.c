/* SPDX-License-Identifier: Apache-2.0 */

/* Makes seeds for the fuzz targets of the patches' vectors: for a folder DIR,
 * DIR/<proxy>/ for that proxy's target and DIR/pipeline/ for the pipeline's.
 *
 * In: the folder of the patches.  Out: files.  Run by "make check" and by
 * quickstart; owns what it writes. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/pp-packet.h"
#include "fuzz-proxy.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pipeline-records.h"
#include "registry.h"
#include "util.h"

/* A longer one would make every input that comes of it slow. */
#define SEED_MAX 8192

static uint8_t seed[SEED_MAX];

static bool
is_client(const struct pp_turn *turn)
{
    return (turn->kind == PP_TURN_CLIENT || turn->kind == PP_TURN_CLIENT_END);
}

static bool
is_end(const struct pp_turn *turn)
{
    return (turn->kind == PP_TURN_CLIENT_END
            || turn->kind == PP_TURN_SERVER_END);
}

/* The conversation of 'v' as frames.  Returns the size, or 0: too long. */
static size_t
make_pipeline(const struct pp_proxy *proxy, const struct pp_vector *v)
{
    static struct records out;

    out = (struct records) { .port = proxy->ports[0] };
    if (proxy->transport == PP_TCP) {
        out.r[out.n++] = (struct record) { .how = RECORD_HANDSHAKE };
    }
    for (size_t i = 0; i < v->n_turns; i++) {
        const struct pp_turn *turn = &v->turns[i];
        uint8_t from = is_client(turn) ? 0 : RECORD_FROM_SERVER;

        if (turn->kind == PP_TURN_EXPECT) {
            continue;
        }
        if (out.n + 2 > RECORDS_MAX || turn->bytes.n > SEED_MAX) {
            return 0;
        }
        out.r[out.n++] = (struct record) {
            .how = (uint8_t) ((is_end(turn) ? RECORD_SEGMENT : RECORD_BYTES)
                              | from),
            .flags = PP_TCP_ACK | PP_TCP_FIN,
            .bytes = turn->bytes,
        };
        if (proxy->transport == PP_TCP) {
            out.r[out.n++] = (struct record) {
                .how = (uint8_t) (RECORD_ACK | (from ^ RECORD_FROM_SERVER)),
            };
        }
    }
    size_t size = records_write(&out, seed, sizeof seed);
    struct records again;

    records_parse(&again, seed, size);
    return again.n == out.n ? size : 0;
}

/* The same for the proxy alone. */
static size_t
make_proxy(const struct pp_proxy *proxy, const struct pp_vector *v)
{
    struct pp_buf b;

    pp_buf_init(&b, seed, sizeof seed);
    for (size_t i = 0; i < fuzz_wants_size(proxy); i++) {
        pp_buf_put(&b, &(uint8_t) { 0xff }, 1);
    }
    for (size_t i = 0; i < v->n_turns; i++) {
        const struct pp_turn *turn = &v->turns[i];
        const uint8_t head[3] = {
            (uint8_t) ((is_client(turn) ? 0 : FUZZ_FROM_SERVER)
                       | (is_end(turn) ? FUZZ_FIN : 0)),
            (uint8_t) turn->bytes.n, (uint8_t) (turn->bytes.n >> 8),
        };

        if (turn->kind != PP_TURN_EXPECT) {
            pp_buf_put(&b, head, sizeof head);
            pp_buf_put(&b, turn->bytes.p, turn->bytes.n);
        }
    }
    return b.overflow ? 0 : b.len;
}

/* Writes the 'size' bytes at 'seed' as DIR/SUB/ID-NUMBER. */
static void
write_seed(const char *dir, const char *sub, const struct pp_patch *patch,
           size_t number, size_t size)
{
    char *folder = xasprintf("%s/%s", dir, sub);
    char *name = xasprintf("%s/%s-%"PRIuSIZE, folder, patch->id, number);
    FILE *file;

    if (!size) {
        free(name);
        free(folder);
        return;
    }
    if (mkdir(folder, 0777) && errno != EEXIST) {
        ovs_fatal(errno, "%s", folder);
    }
    file = fopen(name, "wb");
    if (!file || fwrite(seed, 1, size, file) != size || fclose(file)) {
        ovs_fatal(errno, "%s", name);
    }
    free(name);
    free(folder);
}

int
main(int argc, char *argv[])
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool;

    ovs_set_program_name(argv[0], VERSION);
    if (argc != 3) {
        ovs_fatal(0, "usage: %s PATCHES DIR", program_name);
    }
    pool = pp_pool_load((const char *const *) &argv[1], 1, pp_proxies,
                        PP_POOL_ALL_OR_NOTHING, &errors);
    if (!pool) {
        ovs_fatal(0, "%s", pp_errors_format(&errors));
    }
    for (size_t i = 0; i < pool->n; i++) {
        const struct pp_patch *patch = pool->patches[i];

        for (size_t j = 0; j < patch->n_vectors; j++) {
            const struct pp_vector *v = &patch->vectors[j];

            write_seed(argv[2], "pipeline", patch, j,
                       make_pipeline(patch->proxy, v));
            write_seed(argv[2], patch->proxy->name, patch, j,
                       make_proxy(patch->proxy, v));
        }
    }
    pp_pool_unref(pool);
    pp_errors_destroy(&errors);
    return EXIT_SUCCESS;
}
