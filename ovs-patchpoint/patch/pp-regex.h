/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_REGEX_H
#define PP_REGEX_H 1

/* Regular expressions, for matches(): PCRE2's (pcre2pattern(3)), on bytes,
 * without JIT, within bounds.
 *
 * A program (pp-program.h) has the patterns as text; whoever evaluates one
 * compiles them for itself.  Compiling is bounded by the pattern's length and
 * by PP_REGEX_SIZE_MAX; a search by PP_REGEX_MEMORY_MAX and by a number of
 * steps, in which every place in the pattern and every byte that is passed
 * over counts, however often. */

#include <stddef.h>

#include "pp-value.h"

#define PP_REGEX_PATTERN_MAX 1024       /* Bytes of a pattern. */
#define PP_REGEX_SIZE_MAX (16 * 1024)   /* Bytes of a compiled one. */
#define PP_REGEXES_MAX 1024             /* In a program. */
#define PP_REGEX_MEMORY_MAX (1024 * 1024)       /* Bytes, of a search. */

/* Steps of a search in 'n' bytes. */
#define PP_REGEX_STEPS(N) (100000 + 8 * (uint64_t) (N))

struct pp_regex;
struct pp_regex_search;

/* What is wrong with a pattern. */
struct pp_regex_error {
    size_t off;                 /* In the pattern. */
    char text[160];             /* In words. */
};

/* Compiles 'pattern'.  Returns it, or NULL, with '*error' saying why (which
 * may be NULL). */
struct pp_regex *pp_regex_compile(struct pp_bytes pattern,
                                  struct pp_regex_error *error);
void pp_regex_destroy(struct pp_regex *);

enum pp_regex_result {
    PP_REGEX_NO,
    PP_REGEX_YES,
    PP_REGEX_LIMIT,             /* Given up: it takes too long or too much
                                 * memory. */
};

/* What a search needs, one at a time; grows up to PP_REGEX_MEMORY_MAX. */
struct pp_regex_search *pp_regex_search_create(void);
void pp_regex_search_destroy(struct pp_regex_search *);

/* Searches 'x' for a match of 're'.  Without 're' it is given up at once. */
enum pp_regex_result pp_regex_search(struct pp_regex_search *,
                                     const struct pp_regex *re,
                                     struct pp_bytes x);

#endif /* pp-regex.h */
