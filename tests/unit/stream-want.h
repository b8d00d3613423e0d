/* SPDX-License-Identifier: Apache-2.0 */

#ifndef STREAM_WANT_H
#define STREAM_WANT_H 1

/* What the files of the stream stage's world share: what was decided. */

#include "stream-world.h"

uint64_t offset_of(uint32_t isn, uint32_t seq, uint64_t near);

/* The frame at hand, or the stage, is still at an earlier life. */
bool is_stray(const struct world *w);

/* The sender's next 'n' bytes, which are 'p', pass. */
void want_pass(struct world_side *side, const uint8_t *p, uint64_t n);

/* From-server bytes pass without being asked for: those before 'in' did. */
void want_passed(struct world *w, uint64_t in);

void set_mode(struct world *w, enum world_mode mode);

/* Where the engine stands in, bytes that passed before are all that comes. */
void want_close(struct world *w, enum world_mode mode);

/* True unless the engine stands in for the ends. */
bool is_open(const struct world *w);

/* The end of the stream of direction 'dir', where its FIN stands, as far as it
 * is known. */
uint64_t want_end(const struct world *w, enum pp_dir dir);

/* True if 'n' bytes at 'p' stand at 'out' in the stream of 'dir'. */
bool is_wanted(const struct world *w, enum pp_dir dir, uint64_t out,
          const uint8_t *p, size_t n);

/* Decides about what the stage shows of direction 'dir', and lets it go: what
 * the pipeline does with a real proxy. */
void toy_inspect(struct world *w, enum pp_dir dir);

/* Bytes went around the stage. */
void toy_lose(struct world *w);

/* All that the client sends from here on passes unseen. */
void toy_pass_unseen(struct world *w);

/* A connection that the stage follows from now on. */
void world_new_conn(struct world *w);

#endif /* stream-want.h */
