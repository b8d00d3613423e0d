/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_POOL_H
#define PP_POOL_H 1

/* The pool: every patch there is, sorted by id.
 *
 * A pool is immutable once loaded and is counted: who wants to keep one
 * across a reload takes a reference.  A patch's index in the pool is its
 * index in the program that is built from it (pp-program.h) and its bit in
 * every bitmap. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "patch/pp-errors.h"

struct pp_patch;
struct pp_proxy;

/* Patches in one pool. */
#define PP_POOL_MAX 16384

/* Directories within one another. */
#define PP_POOL_DEPTH_MAX 8

struct pp_pool {
    unsigned int ref_cnt;       /* Not atomic: one thread's. */
    size_t n;
    struct pp_patch **patches;  /* Sorted by id, in strcmp() order. */
};

enum pp_pool_mode {
    /* One bad file fails the whole load: for a reload, where the set in force
     * stays in force. */
    PP_POOL_ALL_OR_NOTHING,
    /* The good files make the pool, the bad ones are reported: for the first
     * start, where there is nothing to stay in force. */
    PP_POOL_WHAT_IS_GOOD,
};

/* Loads the patches of the 'n' 'paths'.  A path is a patch file, or a
 * directory, which is searched recursively for "*.yaml" (names that start
 * with a dot are passed over).  Patches for proxies that are not in
 * 'proxies', which ends with NULL, are errors.
 *
 * All faults of all files go to 'errors'.  Returns the pool, with one
 * reference, or NULL when there were errors and 'mode' is
 * PP_POOL_ALL_OR_NOTHING.  A directory without patches is no error. */
struct pp_pool *pp_pool_load(const char *const *paths, size_t n,
                             const struct pp_proxy *const *proxies,
                             enum pp_pool_mode mode, struct pp_errors *errors);

struct pp_pool *pp_pool_ref(struct pp_pool *);
void pp_pool_unref(struct pp_pool *);

/* The patch with id 'id', and its index, or NULL. */
const struct pp_patch *pp_pool_find(const struct pp_pool *, const char *id,
                                    size_t *index);

/* Words of 64 bits in a bitmap with a bit for each patch; at least 1. */
size_t pp_pool_bitmap_words(const struct pp_pool *);

static inline bool
pp_bitmap_get(const uint64_t *bitmap, size_t i)
{
    return bitmap[i / 64] >> (i % 64) & 1;
}

static inline void
pp_bitmap_set(uint64_t *bitmap, size_t i)
{
    bitmap[i / 64] |= UINT64_C(1) << (i % 64);
}

/* Adds to 'bitmap' the patches that the one word 'word' stands for: a patch
 * id, a shell pattern of ids (with '*', '?' or '['), a product as 'affects'
 * has it ("npm/st") or its last part ("st"), or "all".  Returns how many
 * patches that is; 0 means that the word names nothing. */
size_t pp_pool_select_word(const struct pp_pool *, const char *word,
                           uint64_t *bitmap);

/* Adds to 'bitmap' the patches that are for a service of 'proxy' that said
 * 'said', as pp-affects.h has it; NULL: nothing yet.  Returns how many patches
 * that is. */
size_t pp_pool_select_said(const struct pp_pool *, const struct pp_proxy *,
                           const char *said, uint64_t *bitmap);

/* Sets '*product' to the product that said 'said', as 'affects' names it or
 * else as it calls itself, and '*version' to its version, which may be empty;
 * both are to be freed.  What the pool knows comes first, then what looks like
 * a name with a version.  False, and neither set, where there is nothing. */
bool pp_pool_name_product(const struct pp_pool *, const struct pp_proxy *,
                          const char *said, char **product, char **version);

/* Resolves a policy expression: words as above, "none" or "auto", separated
 * by commas or white space.  Adds the patches to 'bitmap'; sets '*is_auto'
 * when "auto" was among the words (what that means is for the caller to know;
 * 'is_auto' NULL: "auto" is an error).  Returns true, or false with '*error'
 * saying what is wrong, which the caller frees; 'bitmap' is then unchanged. */
bool pp_pool_select(const struct pp_pool *, const char *text,
                    uint64_t *bitmap, bool *is_auto, char **error);

#endif /* pp-pool.h */
