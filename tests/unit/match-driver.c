/* SPDX-License-Identifier: Apache-2.0 */

/* Matching the toy proxy's messages; see match-driver.h.
 *
 * In: conditions, lines.  Out: hits.  Runs in unit tests. */

#include <config.h>

#include "match-driver.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-toy.h"
#include "util.h"

/* A patch with id 'id'; 'when' is its condition. */
char *
patch_text(const char *id, const char *product, const char *when)
{
    return xasprintf("patch: %s\ntitle: t\nvendor: v\n"
                     "affects: [{product: %s, versions: x}]\n"
                     "severity: 5\nproxy: toy\nsame-as-vendor: s\n"
                     "on: command\nwhen: %s\ncorrect: drop\n"
                     "vectors:\n  - {exploit: e, to-server: x, expect: {}}\n"
                     "  - {benign: b, to-server: y}\n", id, product, when);
}

struct pp_pool *
make_pool(const char *const *conditions, size_t n)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool = xzalloc(sizeof *pool);

    pool->ref_cnt = 1;
    pool->patches = xcalloc(n, sizeof *pool->patches);
    for (size_t i = 0; i < n; i++) {
        char *id = xasprintf("P-%04"PRIuSIZE, i);
        char *text = patch_text(id, "toy/box", conditions[i]);
        char *s;

        pool->patches[i] = pp_patch_parse(id, text, strlen(text), pp_toys,
                                          &errors);
        s = pp_errors_format(&errors);
        ck_assert_msg(pool->patches[i] != NULL, "%s", s);
        free(s);
        free(id);
        free(text);
    }
    pool->n = n;
    return pool;
}

void
engine_init(struct engine *e, const struct pp_pool *pool)
{
    char *error;

    e->program = pp_program_build(pool, pp_toys, &e->size, &error);
    ck_assert_ptr_nonnull(e->program);
    ck_assert_ptr_null(pp_program_check(e->program, e->size, pp_toys));
    e->set = xmalloc(pp_patchset_size(e->program));
    pp_patchset_init(e->set, e->program);
    for (uint32_t i = 0; i < pool->n; i++) {
        pp_patchset_set(e->set, e->program, i, PP_MODE_ENFORCE);
    }
    pp_matcher_init(&e->m, 65536);
    pp_matcher_bind(&e->m, e->program);
    e->conn = xzalloc(pp_toy.conn_size);
    e->scratch = xzalloc(pp_toy.scratch_size);
}

void
engine_destroy(struct engine *e)
{
    free(e->program);
    free(e->set);
    free(e->conn);
    free(e->scratch);
    pp_matcher_destroy(&e->m);
}

void
engine_match(struct engine *e, const char *line, struct pp_msg *msg,
             struct pp_hits *hits)
{
    struct pp_view view = { (const uint8_t *) line, strlen(line), false };

    ck_assert_int_eq(pp_proxy_parse(&pp_toy, e->conn, e->scratch,
                                    PP_TO_SERVER, 3, &view, msg).status,
                     PP_PARSE_MESSAGE);
    pp_match(e->program, e->set, msg, &e->m, hits);
}

uint64_t
hit_mask(struct engine *e, const char *line)
{
    struct pp_hits hits;
    struct pp_msg msg;
    uint64_t mask = 0;

    engine_match(e, line, &msg, &hits);
    for (unsigned int i = 0; i < hits.n; i++) {
        ck_assert(!(mask >> hits.h[i].patch & 1));
        mask |= UINT64_C(1) << hits.h[i].patch;
    }
    return mask;
}
