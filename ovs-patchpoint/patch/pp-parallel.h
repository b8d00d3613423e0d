/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PARALLEL_H
#define PP_PARALLEL_H 1

/* Doing the same with each of many things, on all processors. */

#include <stddef.h>

#define PP_PARALLEL_MAX 16      /* Threads, at most. */

/* Calls work(aux, t, i) for each 'i' below 'n', in no order, from several
 * threads, each with a 't' of its own below PP_PARALLEL_MAX; returns when all
 * calls have. */
void pp_parallel(size_t n, void (*work)(void *aux, size_t t, size_t i),
                 void *aux);

#endif /* pp-parallel.h */
