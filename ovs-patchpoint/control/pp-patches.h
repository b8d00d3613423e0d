/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PATCHES_H
#define PP_PATCHES_H 1

/* The pool of patches that control works with, and the program made of it. */

#include <stdbool.h>

struct pp_control;

/* Loads the patches at the start: the good ones make the pool, what is wrong
 * with the others is logged and kept in 'pool_error'. */
void pp_patches_load(struct pp_control *);

/* Loads them anew.  One bad file, and all stays as it is.  Returns NULL, or
 * what is wrong, a line a fault, "file:line:column: reason", which is in
 * 'pool_error' too. */
const char *pp_patches_reload(struct pp_control *);

void pp_patches_destroy(struct pp_control *);

#endif /* pp-patches.h */
