/* SPDX-License-Identifier: Apache-2.0 */

/* What a patch is for; see pp-affects.h.
 *
 * In: the patch file's 'affects'; what a server said, which is hostile, but
 * printable and short.  Out: whether they fit.  Runs in control and in the
 * tools; what it makes belongs to the patch. */

#include <config.h>

#include "patch/pp-affects.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-func-private.h"
#include "patch/pp-patch-private.h"
#include "patch/pp-patch.h"
#include "patch/pp-yaml.h"
#include "util.h"

/* Room for a version as it is compared: pp_func_version() looks at 256
 * bytes. */
#define KEY_MAX 2048

/* The 'n' bytes at 's' as pp_func_version() writes them, in 'room'; none: they
 * are no version. */
static struct pp_bytes
version_key(const char *s, size_t n, uint8_t room[KEY_MAX])
{
    struct pp_value in = pp_value_bytes(s, n);
    struct pp_value out = pp_value_bytes(NULL, 0);
    struct pp_arena arena;

    pp_arena_init(&arena, room, KEY_MAX);
    return (pp_func_version(&arena, &in, &out) ? out.s
            : (struct pp_bytes) { NULL, 0 });
}

static int
compare_keys(struct pp_bytes a, struct pp_bytes b)
{
    int cmp = memcmp(a.p, b.p, MIN(a.n, b.n));

    return cmp ? cmp : a.n < b.n ? -1 : a.n > b.n;
}

static bool
is_alnum(char c)
{
    return isalnum((unsigned char) c);
}

/* Reading. */

static bool
is_version_byte(char c)
{
    return c && (is_alnum(c) || strchr(".-_+~:", c));
}

/* Reads a version at '*p', if there is one, and moves behind it. */
static struct pp_bytes
take_version(const char **p)
{
    uint8_t room[KEY_MAX];
    struct pp_bytes key;
    size_t n = 0;

    while (is_version_byte((*p)[n])) {
        n++;
    }
    key = version_key(*p, n, room);
    *p += n;
    key.p = key.n ? xmemdup(key.p, key.n) : NULL;
    return key;
}

/* Reads one range, "2 < 2.4.1", "< 3", "2 <= 2.9" or "any", at '*p', and moves
 * behind it.  False: there is none. */
static bool
take_range(const char **p, struct pp_version_range *range)
{
    memset(range, 0, sizeof *range);
    *p += strspn(*p, " \t\n");
    if (!strncmp(*p, "any", 3) && !is_version_byte((*p)[3])) {
        *p += 3;
    } else {
        range->low = take_version(p);
        *p += strspn(*p, " \t\n");
        if (*(*p)++ != '<') {
            return false;
        }
        range->with_high = **p == '=';
        *p += range->with_high;
        *p += strspn(*p, " \t\n");
        range->high = take_version(p);
        if (!range->high.n) {
            return false;
        }
    }
    *p += strspn(*p, " \t\n");
    return !**p || **p == ',';
}

static void
free_range(struct pp_version_range *range)
{
    free(CONST_CAST(uint8_t *, range->low.p));
    free(CONST_CAST(uint8_t *, range->high.p));
}

static void
take_ranges(struct pp_loader *ld, struct pp_affects *a,
            const struct pp_yaml *node)
{
    const char *p = a->versions;
    size_t allocated = 0;

    for (;;) {
        struct pp_version_range range;

        if (!take_range(&p, &range)) {
            free_range(&range);
            pp_loader_error(ld, node, "with 'banner', 'versions' is a list of "
                            "ranges such as \"< 2.4.1, 3.0 < 3.0.2, 4 <= "
                            "4.1\", or \"any\"; this is \"%s\"", a->versions);
            return;
        }
        if (a->n_ranges == allocated) {
            a->ranges = x2nrealloc(a->ranges, &allocated, sizeof *a->ranges);
        }
        a->ranges[a->n_ranges++] = range;
        if (!*p++) {
            return;
        }
    }
}

/* The name in 'node', for 'key'. */
static char *
take_name(struct pp_loader *ld, struct pp_yaml *node, const char *key)
{
    char *name = pp_loader_text(ld, node, key);

    if (!name) {
        return NULL;
    }
    if (strlen(name) > PP_BANNER_NAME_MAX
        || !is_alnum(name[0])
        || !is_alnum(name[strlen(name) - 1])) {
        pp_loader_error(ld, node, "a name in %s starts and ends with a letter "
                        "or a digit and has at most %d bytes", key,
                        PP_BANNER_NAME_MAX);
    }
    for (const char *p = name; *p; p++) {
        if ((unsigned char) *p < ' ' || (unsigned char) *p > '~') {
            pp_loader_error(ld, node, "a name in %s is printable ASCII", key);
            break;
        }
    }
    return name;
}

static void
take_behind(struct pp_loader *ld, struct pp_affects *a, struct pp_yaml *node)
{
    if (node->kind == PP_YAML_SCALAR) {
        a->behind = xcalloc(1, sizeof *a->behind);
        a->behind[0] = take_name(ld, node, "'behind'");
        a->n_behind = a->behind[0] != NULL;
        return;
    } else if (!pp_loader_is(ld, node, PP_YAML_LIST, "'behind'")) {
        return;
    } else if (!node->n_items || node->n_items > PP_BEHIND_MAX) {
        pp_loader_error(ld, node, "'behind' is one name or up to %d",
                        PP_BEHIND_MAX);
        return;
    }
    a->behind = xcalloc(node->n_items, sizeof *a->behind);
    for (size_t i = 0; i < node->n_items; i++) {
        char *name = take_name(ld, node->items[i], "'behind'");

        if (name) {
            a->behind[a->n_behind++] = name;
        }
    }
}

/* Reads the item 'map'. */
static void
take_item(struct pp_loader *ld, struct pp_affects *a, struct pp_yaml *map)
{
    struct pp_yaml *versions = pp_loader_need(ld, map, "versions",
                                              "'affects'");
    struct pp_yaml *banner = pp_yaml_get(map, "banner");
    struct pp_yaml *behind = pp_yaml_get(map, "behind");

    a->product = pp_loader_text(
        ld, pp_loader_need(ld, map, "product", "'affects'"), "'product'");
    a->versions = pp_loader_text(ld, versions, "'versions'");
    if (a->product && a->product[strcspn(a->product, ", \t\n*?[")]) {
        pp_loader_error(ld, map, "a product is one word, such as "
                        "npm/st: no blanks, commas or wildcards");
    }
    if (banner) {
        a->banner = take_name(ld, banner, "'banner'");
        if (a->versions) {
            take_ranges(ld, a, versions);
        }
    }
    if (behind && banner) {
        pp_loader_error(ld, behind, "a product with a 'banner' shows itself: "
                        "'behind' says nothing more");
    } else if (behind) {
        take_behind(ld, a, behind);
    }
    pp_loader_unused(ld, map, "'affects'",
                     "product, versions, banner, behind");
}

void
pp_loader_affects(struct pp_loader *ld)
{
    struct pp_yaml *list = pp_loader_need(ld, ld->root, "affects",
                                          "the patch");
    struct pp_patch *patch = ld->patch;

    if (!list || !pp_loader_is(ld, list, PP_YAML_LIST, "'affects'")) {
        return;
    }
    if (!list->n_items) {
        pp_loader_error(ld, list, "'affects' is empty: which product is it?");
    }
    patch->affects = xcalloc(list->n_items + 1, sizeof *patch->affects);
    for (size_t i = 0; i < list->n_items; i++) {
        struct pp_affects *a = &patch->affects[patch->n_affects++];

        if (pp_loader_is(ld, list->items[i], PP_YAML_MAP,
                         "an item of 'affects'")) {
            take_item(ld, a, list->items[i]);
        }
    }
}

void
pp_affects_destroy(struct pp_affects *affects, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pp_affects *a = &affects[i];

        free(a->product);
        free(a->versions);
        free(a->banner);
        for (size_t j = 0; j < a->n_ranges; j++) {
            free_range(&a->ranges[j]);
        }
        free(a->ranges);
        for (size_t j = 0; j < a->n_behind; j++) {
            free(a->behind[j]);
        }
        free(a->behind);
    }
    free(affects);
}

void
pp_affects_format(const struct pp_affects *a, struct ds *ds)
{
    ds_put_format(ds, "%s %s", a->product, a->versions);
    if (a->banner) {
        ds_put_format(ds, " (banner: %s)", a->banner);
    }
    for (size_t i = 0; i < a->n_behind; i++) {
        ds_put_format(ds, "%s%s%s", i ? ", " : " (behind: ", a->behind[i],
                      i + 1 < a->n_behind ? "" : ")");
    }
}

/* Fitting. */

/* The version at 's', behind a name: its bytes, or 0. */
static size_t
version_len(const char **s)
{
    const char *p = *s;
    size_t n = 0;

    p += strspn(p, " /(-_");
    if (p == *s || p - *s > 2) {
        return 0;
    }
    p += (*p == 'v' || *p == 'V') && isdigit((unsigned char) p[1]);
    if (!isdigit((unsigned char) *p)) {
        return 0;
    }
    while (is_version_byte(p[n])) {
        n++;
    }
    while (!is_alnum(p[n - 1])) {
        n--;
    }
    *s = p;
    return n;
}

bool
pp_said_find(const char *said, const char *name, const char **version,
             size_t *n)
{
    size_t len = strlen(name);
    bool found = false;

    *version = NULL;
    *n = 0;
    for (const char *p = said; strlen(p) >= len && !*n; p++) {
        if (!strncasecmp(p, name, len) && !is_alnum(p[len])
            && (p == said || !is_alnum(p[-1]))) {
            found = true;
            *version = p + len;
            *n = version_len(version);
        }
    }
    return found;
}

bool
pp_said_guess(const char *said, const char **product, size_t *len,
              const char **version, size_t *n)
{
    for (const char *p = said; *p; p += *len) {
        char word[PP_BANNER_NAME_MAX + 1];

        while (*p && !isalpha((unsigned char) *p)) {
            p++;
        }
        *len = strcspn(p, " /;,()<>[]");
        if (!*len || *len >= sizeof word) {
            continue;
        }
        ovs_strzcpy(word, p, *len + 1);
        /* "Nov 2026" is none. */
        if (pp_said_find(p, word, version, n) && *n
            && (p[*len] == '/' || memchr(*version, '.', *n))) {
            *product = p;
            return true;
        }
    }
    return false;
}

bool
pp_affects_knows(const struct pp_patch *patch, const char *said)
{
    const char *version;
    size_t n;

    for (size_t i = 0; i < patch->n_affects; i++) {
        const struct pp_affects *a = &patch->affects[i];

        if (a->banner && pp_said_find(said, a->banner, &version, &n)) {
            return true;
        }
        for (size_t j = 0; j < a->n_behind; j++) {
            if (pp_said_find(said, a->behind[j], &version, &n)) {
                return true;
            }
        }
    }
    return false;
}

static bool
is_in_ranges(const struct pp_affects *a, const char *version, size_t n)
{
    uint8_t room[KEY_MAX];
    struct pp_bytes key = version_key(version, n, room);

    for (size_t i = 0; i < a->n_ranges; i++) {
        const struct pp_version_range *r = &a->ranges[i];
        int cmp = r->high.n ? compare_keys(key, r->high) : -1;

        if ((!r->low.n || compare_keys(key, r->low) >= 0)
            && (cmp < 0 || (!cmp && r->with_high))) {
            return true;
        }
    }
    return false;
}

bool
pp_affects_fits(const struct pp_patch *patch, const char *said,
                enum pp_shown shown)
{
    bool has_banner = false;

    if (shown == PP_SHOWN_NOT_YET || shown == PP_SHOWN_UNCLEAR) {
        return true;
    }
    for (size_t i = 0; i < patch->n_affects; i++) {
        const struct pp_affects *a = &patch->affects[i];
        const char *version;
        size_t n;

        has_banner |= a->banner != NULL;
        if (a->banner && pp_said_find(said, a->banner, &version, &n)
            && (!n || is_in_ranges(a, version, n))) {
            return true;
        }
    }
    return (!has_banner
            && (shown != PP_SHOWN_KNOWN || pp_affects_knows(patch, said)));
}
