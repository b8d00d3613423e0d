/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_BOUNDS_H
#define PP_BOUNDS_H 1

/* The engine's limits, as the operator sets them. */

#include "engine/pp-limits.h"

struct ds;
struct pp_control;

/* Reads them.  Those in force stay while the key makes no sense. */
void pp_bounds_run(const struct pp_control *);

/* Those in force. */
const struct pp_limits *pp_bounds(void);

/* What is wrong with the key, in words, or NULL. */
const char *pp_bounds_error(void);

/* Adds "NAME=VALUE NAME=VALUE..." */
void pp_bounds_format(struct ds *);

void pp_bounds_destroy(void);

/* Sets 'limits' to what 'text', "NAME=VALUE[,NAME=VALUE...]", says, and to the
 * defaults for what it does not name.  Values are numbers, maybe with K, M or
 * G behind them (powers of 1,024).  Returns NULL, or what is wrong, in words,
 * which the caller frees. */
char *pp_bounds_parse(const char *text, struct pp_limits *limits);

#endif /* pp-bounds.h */
