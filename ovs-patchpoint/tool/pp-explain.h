/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EXPLAIN_H
#define PP_EXPLAIN_H 1

/* What patches say, for people and for programs. */

#include <stdbool.h>

struct json;
struct pp_errors;
struct pp_patch;
struct pp_pool;

/* Prints on standard output what 'patch' looks at and does, in words. */
void pp_explain(const struct pp_patch *patch);

/* The same as JSON; not 'full': as far as a line of a list has it. */
struct json *pp_explain_json(const struct pp_patch *patch, bool full);

/* An array of what is wrong. */
struct json *pp_explain_errors(const struct pp_errors *);

/* Prints 'json' on standard output and destroys it. */
void pp_explain_print(struct json *);

#endif /* pp-explain.h */
