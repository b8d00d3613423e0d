/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_VECTOR_H
#define PP_VECTOR_H 1

/* Running a patch's vectors against the very code that runs inline.
 *
 * An exploit must come out exactly as the patch says, and unchanged when the
 * patch is off or only monitored.  What is benign must come out byte for byte
 * unchanged, without a single edit.  All of it must be so at every way of
 * cutting the bytes into segments: whole, a byte at a time, at every single
 * place, and at random (but repeatable) places. */

#include <stdbool.h>
#include <stddef.h>

#include "patch/pp-errors.h"

struct pp_inspector;
struct pp_patch;

/* A message longer than this, in bytes, is not cut at every single place but
 * at this many places, and not sent byte by byte but in longer pieces. */
#define PP_VECTOR_CUTS_MAX 2048

struct pp_vector_stats {
    size_t n_vectors;
    size_t n_runs;              /* Of all vectors, at all ways of cutting. */
};

/* With which modes.  At single and at random places where an exploit is cut,
 * what happens when the patch is off or only monitored is a matter of the
 * proxy, which its own vectors ask at every place, and of the decision that
 * enforcing asks. */
enum pp_vectors_how {
    PP_VECTORS_ALL,             /* In all modes, at every way of cutting. */
    PP_VECTORS_LOAD,            /* Off and monitored only whole and a byte at
                                 * a time. */
};

/* Runs all vectors of 'patch', as 'how' says.  Each that fails adds one error,
 * at its line of the file.  Adds to '*stats', which may be NULL.  Returns true
 * if none failed. */
bool pp_vectors_run(const struct pp_patch *patch, enum pp_vectors_how how,
                    struct pp_errors *errors, struct pp_vector_stats *stats);

/* The same with an inspector that serves for one patch after the other: what
 * pp_vectors_inspector() made, which the caller destroys.  Of one thread at a
 * time. */
struct pp_inspector *pp_vectors_inspector(void);
bool pp_vectors_run_with(struct pp_inspector *, const struct pp_patch *patch,
                         enum pp_vectors_how how, struct pp_errors *errors,
                         struct pp_vector_stats *stats);

#endif /* pp-vector.h */
