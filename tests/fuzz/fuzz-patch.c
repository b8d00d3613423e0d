/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the patch language: the YAML reader, the expression parser, the
 * compiler and the check of compiled programs.
 *
 * In: the text of a patch file.  A file that is taken for a patch must compile
 * to a program that passes the check.  Its vectors are not run: what they say
 * need not hold. */

#include <config.h>

#include <stdint.h>
#include <stdlib.h>

#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "registry.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch;

    patch = pp_patch_parse("fuzz/P.yaml", (const char *) data, size,
                           pp_proxies, &errors);
    ovs_assert(!patch == (errors.n > 0));
    if (patch) {
        struct pp_pool pool = { .ref_cnt = 1, .n = 1, .patches = &patch };
        struct pp_program *program;
        char *error;
        size_t n;

        program = pp_program_build(&pool, pp_proxies, &n, &error);
        ovs_assert(program);
        ovs_assert(!pp_program_check(program, n, pp_proxies));
        free(program);
        pp_patch_destroy(patch);
    } else {
        free(pp_errors_format(&errors));
    }
    pp_errors_destroy(&errors);
    return 0;
}
