/* SPDX-License-Identifier: Apache-2.0 */

/* The pool of patches; see pp-pool.h.
 *
 * In: files and directories.  Out: a sorted pool, or every fault in them.
 * Runs in control and in the tools, never in the engine; a pool owns its
 * patches. */

#include <config.h>

#include "patch/pp-affects.h"
#include "patch/pp-pool.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "patch/pp-parallel.h"
#include "patch/pp-patch.h"
#include "svec.h"
#include "util.h"

static void
find_files(const char *path, unsigned int depth, struct svec *files,
           struct pp_errors *errors)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const struct dirent *entry;
    struct stat s;
    const char *name;
    size_t i;
    DIR *dir;

    if (stat(path, &s)) {
        pp_errors_add(errors, path, 0, 0, "cannot be opened: %s",
                      ovs_strerror(errno));
        return;
    }
    if (!S_ISDIR(s.st_mode)) {
        svec_add(files, path);
        return;
    }
    if (depth > PP_POOL_DEPTH_MAX) {
        pp_errors_add(errors, path, 0, 0, "directories more than %d deep",
                      PP_POOL_DEPTH_MAX);
        return;
    }
    dir = opendir(path);
    if (!dir) {
        pp_errors_add(errors, path, 0, 0, "cannot be listed: %s",
                      ovs_strerror(errno));
        return;
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            svec_add(&names, entry->d_name);
        }
    }
    closedir(dir);
    svec_sort(&names);
    SVEC_FOR_EACH (i, name, &names) {
        char *child = xasprintf("%s/%s", path, name);
        size_t n = strlen(name);

        if (!stat(child, &s) && S_ISDIR(s.st_mode)) {
            find_files(child, depth + 1, files, errors);
        } else if (n > 5 && !strcmp(name + n - 5, ".yaml")) {
            svec_add(files, child);
        }
        free(child);
    }
    svec_destroy(&names);
}

static int
compare_patches(const void *a_, const void *b_)
{
    struct pp_patch *const *a = a_;
    struct pp_patch *const *b = b_;
    int cmp = strcmp((*a)->id, (*b)->id);

    return cmp ? cmp : strcmp((*a)->file, (*b)->file);
}

/* Sorts the pool by id; of those with one id only the first stays. */
static void
sort_pool(struct pp_pool *pool, struct pp_errors *errors)
{
    size_t n = 0;

    if (pool->n) {
        qsort(pool->patches, pool->n, sizeof *pool->patches,
              compare_patches);
    }
    for (size_t i = 0; i < pool->n; i++) {
        struct pp_patch *patch = pool->patches[i];

        if (n && !strcmp(pool->patches[n - 1]->id, patch->id)) {
            pp_errors_add(errors, patch->file, 0, 0, "patch '%s' is in %s "
                          "already", patch->id, pool->patches[n - 1]->file);
            pp_patch_destroy(patch);
        } else {
            pool->patches[n++] = patch;
        }
    }
    pool->n = n;
}

/* Files being read. */
struct reading {
    const struct pp_proxy *const *proxies;
    const struct svec *files;
    struct pp_patch **patches;  /* Of each; NULL if it is none. */
    struct pp_errors *errors;   /* Of each. */
};

static void
read_file(void *reading_, size_t t OVS_UNUSED, size_t i)
{
    struct reading *r = reading_;

    r->patches[i] = pp_patch_read(r->files->names[i], r->proxies,
                                  &r->errors[i]);
}

/* Reads 'files' into 'pool', as many as fit. */
static void
read_files(const struct svec *files, const struct pp_proxy *const *proxies,
           struct pp_pool *pool, struct pp_errors *errors)
{
    struct reading r = {
        .proxies = proxies, .files = files,
        .patches = xcalloc(files->n + 1, sizeof *r.patches),
        .errors = xcalloc(files->n + 1, sizeof *r.errors),
    };
    size_t n = MIN(files->n, PP_POOL_MAX);

    pp_parallel(n, read_file, &r);
    for (size_t i = 0; i < n; i++) {
        pp_errors_move(errors, &r.errors[i]);
        if (r.patches[i]) {
            r.patches[pool->n++] = r.patches[i];
        }
    }
    if (n < files->n) {
        pp_errors_add(errors, files->names[n], 0, 0, "more than %d patches",
                      PP_POOL_MAX);
    }
    pool->patches = r.patches;
    free(r.errors);
}

struct pp_pool *
pp_pool_load(const char *const *paths, size_t n,
             const struct pp_proxy *const *proxies, enum pp_pool_mode mode,
             struct pp_errors *errors)
{
    struct svec files = SVEC_EMPTY_INITIALIZER;
    struct pp_pool *pool = xzalloc(sizeof *pool);
    size_t errors_before = errors->total;

    pool->ref_cnt = 1;
    for (size_t i = 0; i < n; i++) {
        find_files(paths[i], 1, &files, errors);
    }
    read_files(&files, proxies, pool, errors);
    svec_destroy(&files);
    sort_pool(pool, errors);
    if (errors->total != errors_before && mode == PP_POOL_ALL_OR_NOTHING) {
        pp_pool_unref(pool);
        return NULL;
    }
    return pool;
}

struct pp_pool *
pp_pool_ref(struct pp_pool *pool)
{
    if (pool) {
        pool->ref_cnt++;
    }
    return pool;
}

void
pp_pool_unref(struct pp_pool *pool)
{
    if (pool && !--pool->ref_cnt) {
        for (size_t i = 0; i < pool->n; i++) {
            pp_patch_destroy(pool->patches[i]);
        }
        free(pool->patches);
        free(pool);
    }
}

const struct pp_patch *
pp_pool_find(const struct pp_pool *pool, const char *id, size_t *index)
{
    size_t low = 0, high = pool->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(pool->patches[mid]->id, id);

        if (!cmp) {
            if (index) {
                *index = mid;
            }
            return pool->patches[mid];
        } else if (cmp < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

size_t
pp_pool_bitmap_words(const struct pp_pool *pool)
{
    return pool->n ? (pool->n + 63) / 64 : 1;
}

static bool
is_product(const struct pp_patch *patch, const char *word)
{
    for (size_t i = 0; i < patch->n_affects; i++) {
        const char *product = patch->affects[i].product;
        const char *slash = strrchr(product, '/');

        if (!strcmp(product, word) || (slash && !strcmp(slash + 1, word))) {
            return true;
        }
    }
    return false;
}

size_t
pp_pool_select_word(const struct pp_pool *pool, const char *word,
                    uint64_t *bitmap)
{
    bool pattern = word[strcspn(word, "*?[")] != '\0';
    bool all = !strcmp(word, "all");
    size_t n = 0;

    for (size_t i = 0; i < pool->n; i++) {
        const struct pp_patch *patch = pool->patches[i];

        if (all
            || (pattern ? !fnmatch(word, patch->id, 0)
                : !strcmp(word, patch->id) || is_product(patch, word))) {
            pp_bitmap_set(bitmap, i);
            n++;
        }
    }
    return n;
}

/* What 'said' shows of a service of 'proxy'. */
static enum pp_shown
shown_by(const struct pp_pool *pool, const struct pp_proxy *proxy,
         const char *said)
{
    const char *product, *version;
    size_t len, n;

    if (!said || !*said) {
        return said ? PP_SHOWN_NOTHING : PP_SHOWN_NOT_YET;
    }
    for (size_t i = 0; i < pool->n; i++) {
        if (pool->patches[i]->proxy == proxy
            && pp_affects_knows(pool->patches[i], said)) {
            return PP_SHOWN_KNOWN;
        }
    }
    return (pp_said_guess(said, &product, &len, &version, &n)
            ? PP_SHOWN_OTHER : PP_SHOWN_UNCLEAR);
}

size_t
pp_pool_select_said(const struct pp_pool *pool, const struct pp_proxy *proxy,
                    const char *said, uint64_t *bitmap)
{
    enum pp_shown shown = shown_by(pool, proxy, said);
    size_t n = 0;

    for (size_t i = 0; i < pool->n; i++) {
        const struct pp_patch *patch = pool->patches[i];

        if (patch->proxy == proxy && pp_affects_fits(patch, said, shown)) {
            pp_bitmap_set(bitmap, i);
            n++;
        }
    }
    return n;
}

/* Does 'a' say more closely what the product is than 'b'? */
static bool
is_better_name(const struct pp_affects *a, const struct pp_affects *b)
{
    size_t n = strlen(a->banner), m = strlen(b->banner);

    return n > m || (n == m && strlen(a->product) < strlen(b->product));
}

bool
pp_pool_name_product(const struct pp_pool *pool,
                     const struct pp_proxy *proxy, const char *said,
                     char **product, char **version)
{
    const struct pp_affects *best = NULL;
    const char *name = NULL, *best_version = NULL, *v;
    size_t len = 0, best_n = 0, n;

    for (size_t i = 0; i < pool->n; i++) {
        const struct pp_patch *patch = pool->patches[i];

        for (size_t j = 0; patch->proxy == proxy && j < patch->n_affects;
             j++) {
            const struct pp_affects *a = &patch->affects[j];

            if (a->banner && pp_said_find(said, a->banner, &v, &n)
                && (!best || is_better_name(a, best))) {
                best = a;
                name = a->product;
                len = strlen(name);
                best_version = v;
                best_n = n;
            }
        }
    }
    if (!best
        && !pp_said_guess(said, &name, &len, &best_version, &best_n)) {
        *product = *version = NULL;
        return false;
    }
    *product = xmemdup0(name, len);
    *version = xmemdup0(best_version, best_n);
    return true;
}

bool
pp_pool_select(const struct pp_pool *pool, const char *text,
               uint64_t *bitmap, bool *is_auto, char **error)
{
    size_t words = pp_pool_bitmap_words(pool);
    uint64_t *chosen = xcalloc(words, sizeof *chosen);
    char *copy = xstrdup(text);
    bool auto_ = false;
    char *save = NULL;
    size_t n = 0;

    *error = NULL;
    for (char *word = strtok_r(copy, ", \t\r\n", &save); word && !*error;
         word = strtok_r(NULL, ", \t\r\n", &save)) {
        n++;
        if (!strcmp(word, "none")) {
            continue;
        }
        if (!strcmp(word, "auto")) {
            auto_ = true;
            if (!is_auto) {
                *error = xstrdup("'auto' cannot be used here");
            }
            continue;
        }
        if (!pp_pool_select_word(pool, word, chosen)
            && strcmp(word, "all")) {
            *error = xasprintf("'%s' is no patch id, product or pattern that "
                               "matches one; 'patchpoint-patch list' shows "
                               "what there is", word);
        }
    }
    if (!n) {
        *error = xstrdup("a policy is 'all', 'none', 'auto', or a list of "
                         "products and patch ids; this one is empty");
    }
    for (size_t i = 0; !*error && i < words; i++) {
        bitmap[i] |= chosen[i];
    }
    if (is_auto && !*error) {
        *is_auto = auto_;
    }
    free(chosen);
    free(copy);
    return !*error;
}
