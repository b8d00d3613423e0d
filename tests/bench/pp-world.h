/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_WORLD_H
#define PP_WORLD_H 1

/* The world around a pipeline in the benchmarks that have no switch: one HTTP
 * server on port 80, clients, and the frames between them. */

#include <stddef.h>
#include <stdint.h>

#include "engine/pp-pipeline.h"
#include "pp-proxy.h"

struct pp_program;

#define WORLD_CONNS_MAX 65536

struct world_conn {
    uint16_t port;
    uint32_t seq[2];            /* By enum pp_dir. */
};

/* A frame, ready to go through the pipeline. */
struct world_frame {
    struct virtio_net_hdr vnet;
    uint8_t *data;              /* The caller's: 70 bytes and the payload. */
    size_t len;
};

struct world {
    struct pp_pipeline *pl;
    struct pp_counters *counters;
    struct world_conn *conns;
    unsigned int n_conns;
    uint8_t *frame;
    uint64_t out;               /* Frames that came out. */
};

/* Sets 'w' up with 'n_conns' connections, none open yet, and no snapshot. */
void world_init(struct world *w, unsigned int n_conns);
void world_destroy(struct world *);

/* Makes a segment of 'c', its checksum left to be made, as the switch hands it
 * over; 'n' bytes of payload, at most 65,000. */
void world_make(struct world_conn *c, enum pp_dir dir, uint8_t flags,
                const void *payload, size_t n, struct world_frame *);

/* A small answer of the server's. */
void world_make_answer(struct world_conn *, struct world_frame *);

/* A frame through the pipeline. */
void world_run(struct world *, const struct world_frame *);

/* As world_make() and world_run(). */
void world_segment(struct world *, struct world_conn *c, enum pp_dir dir,
                   uint8_t flags, const void *payload, size_t n);

/* As world_make_answer() and world_run(). */
void world_answer(struct world *, struct world_conn *);

void world_open(struct world *, struct world_conn *);
void world_close(struct world *, struct world_conn *);

/* A snapshot with the server, every patch of 'program' enforced; to be
 * freed. */
struct pp_snapshot *world_snapshot(const struct pp_program *,
                                   size_t program_size);

/* CPU time of this thread in nanoseconds: what else runs on the machine does
 * not count. */
uint64_t world_cpu_ns(void);

#endif /* pp-world.h */
