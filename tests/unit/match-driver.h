/* SPDX-License-Identifier: Apache-2.0 */

#ifndef MATCH_DRIVER_H
#define MATCH_DRIVER_H 1

/* Patches for the toy proxy (pp-toy.h) made from conditions, and what they
 * make of its messages. */

#include <stddef.h>
#include <stdint.h>

#include "engine/pp-match.h"
#include "pp-proxy.h"

struct pp_pool;

/* The text of a patch with the condition 'when', behind which more keys may
 * stand on lines of their own; to be freed. */
char *patch_text(const char *id, const char *product, const char *when);

/* Builds a pool in memory of patches with these conditions. */
struct pp_pool *make_pool(const char *const *conditions, size_t n);

/* A program with all that is needed to match by it, every patch enforced. */
struct engine {
    struct pp_program *program;
    struct pp_patchset *set;
    size_t size;
    struct pp_matcher m;
    void *conn, *scratch;
};

void engine_init(struct engine *, const struct pp_pool *);
void engine_destroy(struct engine *);

/* Matches the message 'line'. */
void engine_match(struct engine *, const char *line, struct pp_msg *,
                  struct pp_hits *);

/* Which of at most 64 patches hit 'line', as a mask. */
uint64_t hit_mask(struct engine *, const char *line);

#endif /* match-driver.h */
