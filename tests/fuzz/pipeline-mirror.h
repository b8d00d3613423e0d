/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PIPELINE_MIRROR_H
#define PIPELINE_MIRROR_H 1

/* What the server behind the pipeline gets, looked at once more.
 *
 * A mirror follows one connection by what leaves the pipeline for the server
 * and what comes from it, with an inspector of its own in which all patches
 * only report.  It aborts where
 *
 *   - a condition still holds for what has left;
 *   - what left before leaves again with other bytes, while the server may
 *     still take them;
 *   - bytes leave ahead of those before them that were still to be looked at;
 *   - bytes leave that a server may leave out of the stream (TCP's urgent
 *     byte), or from before the stream. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"

struct mirror;
struct pp_packet;
struct pp_program;

/* 'program' and '*n_corrections', how often the pipeline has corrected
 * something, must outlast it.  'refuses': no byte is to leave for the server
 * once the connection is opaque. */
struct mirror *mirror_create(const struct pp_program *program,
                             const unsigned int *n_corrections, bool refuses);

/* A connection begins: the client's SYN had sequence number 'isn', the server
 * has room for 'window' bytes. */
void mirror_open(struct mirror *, const struct pp_proxy *,
                 const struct pp_ends *, uint32_t isn, uint16_t window);

/* No more is looked at until another one begins. */
void mirror_close(struct mirror *);
/* The same, and what was before is forgotten. */
void mirror_reset(struct mirror *);
bool mirror_is_open(const struct mirror *);
/* The same, or the engine has refused what was to follow. */
bool mirror_is_on(const struct mirror *);

/* The next 'n' bytes come from the server, and with 'fin' its FIN. */
void mirror_from_server(struct mirror *, const uint8_t *p, size_t n,
                        bool fin);

/* The server has told that it misses 'ack' next, and has room for 'window'
 * bytes from there. */
void mirror_acked(struct mirror *, uint32_t ack, uint16_t window);

/* The engine has ended the connection: the FIN that leaves from now on is its
 * own.  What it ends was decided as something that goes on. */
void mirror_cut(struct mirror *);

/* A segment leaves for the server. */
void mirror_to_server(struct mirror *, const struct pp_packet *);

#endif /* pipeline-mirror.h */
