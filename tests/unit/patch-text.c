/* SPDX-License-Identifier: Apache-2.0 */

/* Patches as text, and what must come of them; see patch-text.h. */

#include <config.h>

#include "patch-text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-vector.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "pp-toy.h"

struct pp_patch *
patch_text_parse(const char *text, struct pp_errors *errors)
{
    return pp_patch_parse("dir/T-1.yaml", text, strlen(text), pp_toys,
                          errors);
}

void
patch_text_good(const char *text)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = patch_text_parse(text, &errors);
    char *s;

    if (patch) {
        pp_vectors_run(patch, PP_VECTORS_ALL, &errors, NULL);
    }
    s = pp_errors_format(&errors);
    ck_assert_msg(!errors.n, "%s", s);
    ck_assert_ptr_nonnull(patch);
    pp_patch_destroy(patch);
    pp_errors_destroy(&errors);
    free(s);
}

void
patch_text_bad(const char *text, const char *error)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = patch_text_parse(text, &errors);
    char *s = pp_errors_format(&errors);

    ck_assert_msg(!patch, "accepted:\n%s", text);
    ck_assert_msg(strstr(s, error) != NULL, "expected \"%s\" in:\n%s", error,
                  s);
    free(s);
    pp_errors_destroy(&errors);
}

void
patch_text_wrong(const char *text, const char *error)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = patch_text_parse(text, &errors);
    char *s;

    s = pp_errors_format(&errors);
    ck_assert_msg(patch != NULL, "%s", s);
    free(s);
    ck_assert_msg(!pp_vectors_run(patch, PP_VECTORS_ALL, &errors, NULL),
                  "holds:\n%s", text);
    s = pp_errors_format(&errors);
    ck_assert_msg(strstr(s, error) != NULL, "expected \"%s\" in:\n%s", error,
                  s);
    free(s);
    pp_patch_destroy(patch);
    pp_errors_destroy(&errors);
}
