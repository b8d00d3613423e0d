/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_AFFECTS_H
#define PP_AFFECTS_H 1

/* What a patch is for: products and versions, and how these show themselves
 * on the wire.
 *
 * 'affects' names a product as its packagers do.  Where the product shows
 * itself, 'banner' is the name by which it does, and 'versions' is then ranges
 * of what stands behind that name.  'behind' names other products that show
 * themselves where this one is at work.
 *
 * Which patches are for a service is decided by what it said (struct
 * pp_ipc_said), and by nothing else: see enum pp_shown. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-value.h"

struct pp_patch;

/* Versions from 'low' on, below 'high' or, 'with_high', up to it.  As
 * pp_func_version() writes them; 'low' empty: all, 'high' empty: all. */
struct pp_version_range {
    struct pp_bytes low, high;
    bool with_high;
};

struct pp_affects {
    char *product;              /* "npm/st", "debian/puma". */
    char *versions;             /* "< 0.2.5". */
    char *banner;               /* Its name on the wire; NULL: it has none. */
    struct pp_version_range *ranges;    /* With 'banner': of 'versions'. */
    size_t n_ranges;
    char **behind;
    size_t n_behind;
};

/* What a service's words show of its product, and what that means for patches
 * with a 'banner', and for those without. */
enum pp_shown {
    PP_SHOWN_NOT_YET,           /* It has not spoken: all may be for it. */
    PP_SHOWN_NOTHING,           /* It does not say: what has a banner would
                                 * have shown it, all others may be there. */
    PP_SHOWN_UNCLEAR,           /* Words that name no product, as where it is
                                 * hidden: all may be for it. */
    PP_SHOWN_OTHER,             /* A product that the pool has no patch for,
                                 * with its version.  It may stand before
                                 * those that never show. */
    PP_SHOWN_KNOWN,             /* A name that the pool knows: patches with
                                 * that banner, if their ranges have the
                                 * version, or none is said; and those that
                                 * may stand behind it. */
};

/* Bytes of a name on the wire; how many an item has in 'behind'. */
#define PP_BANNER_NAME_MAX 32
#define PP_BEHIND_MAX 8

void pp_affects_destroy(struct pp_affects *, size_t n);

/* Appends it as people read it: "exim/exim < 4.97.1 (banner: Exim)". */
struct ds;
void pp_affects_format(const struct pp_affects *, struct ds *);

/* Looks for 'name' in 'said', as whole words, without ASCII case.  Returns
 * true if it is there; '*version' becomes the version that follows it, of
 * '*n' bytes, which is 0 if there is none. */
bool pp_said_find(const char *said, const char *name, const char **version,
                  size_t *n);

/* Looks in 'said' for the first word that a version stands behind.  Returns
 * false if there is none. */
bool pp_said_guess(const char *said, const char **product, size_t *len,
                   const char **version, size_t *n);

/* Does 'said' have a name that 'patch' knows? */
bool pp_affects_knows(const struct pp_patch *, const char *said);

/* Is 'patch' for a service that said 'said', which shows 'shown'? */
bool pp_affects_fits(const struct pp_patch *, const char *said,
                     enum pp_shown shown);

#endif /* pp-affects.h */
