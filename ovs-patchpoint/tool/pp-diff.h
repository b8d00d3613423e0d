/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DIFF_H
#define PP_DIFF_H 1

/* What changes in meaning between two pools of patches.
 *
 * Patches are compared by their ids, conditions and corrections as they are
 * understood: white space, comments, and names that stand for the same
 * expressions make no difference. */

#include <stdbool.h>

struct pp_pool;

/* Prints on standard output what 'new' has otherwise than 'old', as text or
 * as one JSON object; with 'quiet' nothing.  Returns true if there is
 * anything. */
bool pp_diff(const struct pp_pool *old, const struct pp_pool *new, bool json,
             bool quiet);

#endif /* pp-diff.h */
