/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_TOY_H
#define PP_TOY_H 1

/* A proxy for tests of the patch language, for a protocol that is nothing but
 * lines:
 *
 *     VERB ARGUMENT NAME=VALUE NAME=VALUE...\n
 *
 * Event 'command' has the fields verb, argument, n_pairs and pairs (name,
 * value, size).  A line that starts with '#' is of event 'comment' and has
 * only the field text.  A reply is "STATUS REASON HEADERS BODY\n". */

#include "pp-proxy.h"

extern const struct pp_proxy pp_toy;

/* pp_toy alone; ends with NULL. */
extern const struct pp_proxy *const pp_toys[];

#endif /* pp-toy.h */
