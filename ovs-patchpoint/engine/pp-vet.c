/* SPDX-License-Identifier: Apache-2.0 */

/* Running the vectors of a pool; see pp-vet.h.
 *
 * In: a pool, texts known to be right.  Out: the pool with what is right, and
 * errors.  Runs in control when patches are loaded, on all processors; owns
 * the memory of what was right.
 *
 * A text is known by its SHA-1.  That is to tell texts apart, not to keep
 * anyone out: who may write patches needs no trick to have a bad one. */

#include <config.h>

#include "engine/pp-vet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/pp-inspect.h"
#include "engine/pp-vector.h"
#include "patch/pp-parallel.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "sha1.h"
#include "sset.h"
#include "util.h"

#define FIRST_LINE "ovs-patchpoint vetted 1\n"

struct pp_vetted {
    char *file;
    char build[SHA1_HEX_DIGEST_LEN + 1];
    struct sset texts;          /* Digests in hexadecimal. */
};

/* The digest of the program that runs. */
static void
identify_build(char hex[SHA1_HEX_DIGEST_LEN + 1])
{
    uint8_t digest[SHA1_DIGEST_SIZE], buffer[65536];
    FILE *f = fopen("/proc/self/exe", "rb");
    struct sha1_ctx ctx;
    size_t n;

    sha1_init(&ctx);
    while (f && (n = fread(buffer, 1, sizeof buffer, f)) > 0) {
        sha1_update(&ctx, buffer, (uint32_t) n);
    }
    sha1_final(&ctx, digest);
    sha1_to_hex(digest, hex);
    if (f) {
        fclose(f);
    }
}

/* The file, if it is ours alone, or NULL. */
static FILE *
open_own(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat s;

    if (fd >= 0 && (fstat(fd, &s) || !S_ISREG(s.st_mode)
                    || s.st_uid != geteuid() || s.st_mode & 022)) {
        close(fd);
        fd = -1;
    }
    return fd < 0 ? NULL : fdopen(fd, "r");
}

struct pp_vetted *
pp_vetted_open(const char *file)
{
    struct pp_vetted *v = xzalloc(sizeof *v);
    FILE *f = file ? open_own(file) : NULL;
    char line[SHA1_HEX_DIGEST_LEN + 2];

    v->file = nullable_xstrdup(file);
    sset_init(&v->texts);
    identify_build(v->build);
    if (f && fgets(line, sizeof line, f) && !strcmp(line, FIRST_LINE)
        && fgets(line, sizeof line, f)
        && !strncmp(line, v->build, SHA1_HEX_DIGEST_LEN)) {
        while (fgets(line, sizeof line, f)) {
            line[strcspn(line, "\n")] = '\0';
            sset_add(&v->texts, line);
        }
    }
    if (f) {
        fclose(f);
    }
    return v;
}

void
pp_vetted_close(struct pp_vetted *v)
{
    if (v) {
        sset_destroy(&v->texts);
        free(v->file);
        free(v);
    }
}

/* Writes the file anew.  If that fails, vectors are run once more the next
 * time: no harm. */
static void
save(const struct pp_vetted *v)
{
    char *name = xasprintf("%s.new", v->file);
    const char *text;
    FILE *f;
    int fd;

    unlink(name);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    f = fd < 0 ? NULL : fdopen(fd, "w");
    if (f) {
        fprintf(f, "%s%s\n", FIRST_LINE, v->build);
        SSET_FOR_EACH (text, &v->texts) {
            fprintf(f, "%s\n", text);
        }
        if (fclose(f) || rename(name, v->file)) {
            unlink(name);
        }
    }
    free(name);
}

/* Patches to be run. */
struct work {
    struct pp_patch **patches;
    struct pp_errors *errors;   /* By patch. */
    size_t n;
    struct pp_inspector *inspectors[PP_PARALLEL_MAX];   /* By thread. */
};

static void
run(void *work_, size_t t, size_t i)
{
    struct work *w = work_;

    if (!w->inspectors[t]) {
        w->inspectors[t] = pp_vectors_inspector();
    }
    pp_vectors_run_with(w->inspectors[t], w->patches[i], PP_VECTORS_LOAD,
                        &w->errors[i], NULL);
}

static void
run_all(struct work *w)
{
    pp_parallel(w->n, run, w);
    for (size_t t = 0; t < PP_PARALLEL_MAX; t++) {
        pp_inspector_destroy(w->inspectors[t]);
    }
}

static bool
is_vetted(const struct pp_vetted *v, const struct pp_patch *patch)
{
    char hex[SHA1_HEX_DIGEST_LEN + 1];

    sha1_to_hex(patch->digest, hex);
    return v && sset_contains(&v->texts, hex);
}

/* Lets only patches stay of which no vector failed. */
static void
keep_good(struct pp_pool *pool, const struct work *w,
          struct pp_errors *errors)
{
    size_t next = 0, kept = 0;

    for (size_t i = 0; i < pool->n; i++) {
        bool ran = next < w->n && w->patches[next] == pool->patches[i];
        struct pp_errors *own = ran ? &w->errors[next] : NULL;

        next += ran;
        if (own && own->total) {
            pp_patch_destroy(pool->patches[i]);
            pp_errors_move(errors, own);
        } else {
            pool->patches[kept++] = pool->patches[i];
        }
    }
    pool->n = kept;
}

size_t
pp_vet_pool(struct pp_pool *pool, struct pp_vetted *v,
            struct pp_errors *errors)
{
    struct work w = { .n = 0 };

    w.patches = xcalloc(pool->n + 1, sizeof *w.patches);
    w.errors = xcalloc(pool->n + 1, sizeof *w.errors);
    for (size_t i = 0; i < pool->n; i++) {
        if (!is_vetted(v, pool->patches[i])) {
            w.patches[w.n++] = pool->patches[i];
        }
    }
    run_all(&w);
    keep_good(pool, &w, errors);
    if (v && w.n) {
        sset_clear(&v->texts);
        for (size_t i = 0; i < pool->n; i++) {
            char hex[SHA1_HEX_DIGEST_LEN + 1];

            sha1_to_hex(pool->patches[i]->digest, hex);
            sset_add(&v->texts, hex);
        }
        if (v->file) {
            save(v);
        }
    }
    free(w.patches);
    free(w.errors);
    return w.n;
}
