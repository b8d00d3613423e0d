/* SPDX-License-Identifier: Apache-2.0 */

/* The pool of patches that control works with.
 *
 * In: the patch files and directories named on the command line.  Out: the
 * pool and the program compiled from it; faults as "file:line:column:
 * reason".  A patch whose vectors do not come out as it says is a fault.
 *
 * Runs in control's main loop.  Owns the pool and the program. */

#include <config.h>

#include "pp-patches.h"

#include <stdlib.h>

#include "engine/pp-ipc.h"
#include "engine/pp-vet.h"
#include "openvswitch/vlog.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-control.h"
#include "pp-cuts.h"
#include "pp-engine-proc.h"
#include "pp-hits.h"
#include "pp-policy.h"
#include "pp-services.h"
#include "registry.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_patches);

BUILD_ASSERT_DECL(PP_POOL_MAX <= PP_PATCHES_MAX);

/* Returns the pool and its program, or NULL with '*error'. */
static struct pp_pool *
load(const struct pp_control *ctl, enum pp_pool_mode mode,
     struct pp_program **program, size_t *size, char **error)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool;

    *error = NULL;
    *program = NULL;
    pool = pp_pool_load(ctl->patch_paths, ctl->n_patch_paths, pp_proxies,
                        mode, &errors);
    if (pool) {
        pp_vet_pool(pool, ctl->vetted, &errors);
    }
    if (errors.total) {
        *error = pp_errors_format(&errors);
        if (pool && mode == PP_POOL_ALL_OR_NOTHING) {
            pp_pool_unref(pool);
            pool = NULL;
        }
    }
    pp_errors_destroy(&errors);
    if (pool) {
        char *why = NULL;

        *program = pp_program_build(pool, pp_proxies, size, &why);
        if (!*program) {
            free(*error);
            *error = xasprintf("the patches cannot be compiled: %s\n", why);
            free(why);
            pp_pool_unref(pool);
            pool = NULL;
        }
    }
    return pool;
}

static void
log_lines(const char *text)
{
    char *copy = xstrdup(text), *line, *save = NULL;

    for (line = strtok_r(copy, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        VLOG_ERR("%s", line);
    }
    free(copy);
}

void
pp_patches_load(struct pp_control *ctl)
{
    char *file = xasprintf("%s/ovs-patchpoint.vetted", ctl->rundir);
    char *error;

    ctl->vetted = pp_vetted_open(file);
    free(file);
    ctl->pool = load(ctl, PP_POOL_WHAT_IS_GOOD, &ctl->program,
                     &ctl->program_size, &error);
    if (error) {
        log_lines(error);
        VLOG_ERR("some patches were refused and are not in force; put them "
                 "right and run: ovs-appctl -t ovs-patchpointd patch/reload");
    }
    if (!ctl->pool) {
        struct pp_errors none = PP_ERRORS_INITIALIZER;
        char *why = NULL;

        /* The limits of a program were passed: begin with no patches. */
        ctl->pool = pp_pool_load(NULL, 0, pp_proxies, PP_POOL_WHAT_IS_GOOD,
                                 &none);
        ctl->program = pp_program_build(ctl->pool, pp_proxies,
                                        &ctl->program_size, &why);
        ovs_assert(ctl->program);
    }
    ctl->pool_error = error;
    pp_hits_assign(ctl->pool, pp_engine_counters(ctl->engine));
    VLOG_INFO("%"PRIuSIZE" patches loaded", ctl->pool->n);
}

/* Forgets the pool and what was made of it. */
static void
drop(struct pp_control *ctl)
{
    pp_pool_unref(ctl->pool);
    free(ctl->program);
    free(ctl->pool_error);
    ctl->pool = NULL;
    ctl->program = NULL;
    ctl->pool_error = NULL;
}

const char *
pp_patches_reload(struct pp_control *ctl)
{
    struct pp_program *program;
    struct pp_pool *pool;
    size_t size;
    char *error;

    pool = load(ctl, PP_POOL_ALL_OR_NOTHING, &program, &size, &error);
    if (!pool) {
        if (!nullable_string_is_equal(error, ctl->pool_error)) {
            log_lines(error);
            VLOG_ERR("patches were refused; the %"PRIuSIZE" in force stay in "
                     "force", ctl->pool->n);
        }
        free(ctl->pool_error);
        ctl->pool_error = error;
        ctl->keys_dirty = ctl->dirty = true;
        return error;
    }
    free(error);
    pp_cuts_patches_changed();
    pp_policy_pool_changed(ctl);
    pp_services_pool_changed(ctl);
    drop(ctl);
    ctl->pool = pool;
    ctl->program = program;
    ctl->program_size = size;
    ctl->dirty = true;
    pp_hits_assign(pool, pp_engine_counters(ctl->engine));
    VLOG_INFO("%"PRIuSIZE" patches loaded anew", pool->n);
    return NULL;
}

void
pp_patches_destroy(struct pp_control *ctl)
{
    drop(ctl);
    pp_vetted_close(ctl->vetted);
    ctl->vetted = NULL;
    pp_hits_destroy();
}
