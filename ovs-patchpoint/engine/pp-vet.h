/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_VET_H
#define PP_VET_H 1

/* Running the vectors of a whole pool: on all processors, and once for each
 * text of a patch.
 *
 * Which texts have been found right is remembered, in memory and in a file, so
 * that loading thousands of patches again takes no longer than reading them.
 * The memory is good for one build of the program only: what another build
 * found right, this one runs again. */

#include <stddef.h>

#include "patch/pp-errors.h"

struct pp_pool;
struct pp_vetted;

/* What is remembered in 'file', which only its owner, us, may be able to
 * write; anything else in its place counts as empty.  'file' may be NULL:
 * memory alone.  Never NULL. */
struct pp_vetted *pp_vetted_open(const char *file);
void pp_vetted_close(struct pp_vetted *);

/* Runs the vectors of all patches that are not in 'vetted', which may be NULL.
 * Those of which one fails are errors, and leave the pool, which nobody else
 * may have yet.  Then remembers those that stay, in place of all before.
 * Returns how many patches had to be run. */
size_t pp_vet_pool(struct pp_pool *, struct pp_vetted *vetted,
                   struct pp_errors *);

#endif /* pp-vet.h */
