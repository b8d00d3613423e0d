/* SPDX-License-Identifier: Apache-2.0 */

/* Parameters of patches: in their files, in vectors, in policies, in patch
 * sets. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "patch-text.h"
#include "patch/pp-errors.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-toy.h"
#include "suite.h"
#include "util.h"

#define PARAMETERS                                                          \
    "parameters:\n"                                                         \
    "  most: {type: int, default: 3, min: -1, max: 9, about: a limit}\n"    \
    "  strict: {type: flag, default: true, about: a switch}\n"              \
    "  evil: {type: bytes, default: EVIL, max: 9, about: a word}\n"

static const char *const good[] = {
    /* The defaults, and others. */
    GOOD(PARAMETERS
         "on: command\n"
         "when: verb == evil and strict and len(argument) > most\n"
         "correct: {reject: {status: 1, body: \"${most} ${evil}\"}}\n",
         EXPLOIT("\"EVIL abcd\\n\"", "to-client: \"1  3 EVIL\\n\"")
         BENIGN("\"EVIL abc\\nX abcd\\n\"")
         "  - exploit: e\n    parameters: {most: -1, evil: X}\n"
         "    to-server: \"X\\n\"\n    expect: {to-client: \"1  -1 X\\n\"}\n"
         BENIGN("\"X\\n\"")
         "  - benign: b\n    parameters: {strict: false}\n"
         "    to-server: \"EVIL abcd\\n\"\n"
         "  - benign: b\n    parameters: {evil: '', most: 9}\n"
         "    to-server: \"EVIL abcd\\n\"\n"),
};

START_TEST(test_good)
{
    patch_text_good(good[_i]);
}
END_TEST

#define ONE(PARAM) \
    HEAD "parameters:\n  p: " PARAM "\n" \
    "on: command\nwhen: p == 1\ncorrect: drop\n" VECTORS

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    { ONE("1"), ":9:6: the parameter must be a map" },
    { ONE("{default: 1, about: a}"), ":9:6: key 'type' is missing in the "
      "parameter" },
    { ONE("{type: list, default: 1, about: a}"), ":9:13: a parameter is of "
      "type int, flag or bytes" },
    { ONE("{type: int, about: a}"), "key 'default' is missing" },
    { ONE("{type: int, default: 1}"), "key 'about' is missing" },
    { ONE("{type: int, default: one, about: a}"), ":9:27: 'one' is not an "
      "integer from -9223372036854775808 to 9223372036854775807" },
    { ONE("{type: int, default: 5, max: 4, about: a}"),
      "'5' is not an integer from -9223372036854775808 to 4" },
    { ONE("{type: int, default: 5, min: 6, max: 4, about: a}"),
      "'4' is not an integer from 6 to" },
    { ONE("{type: int, default: 99999999999999999999, about: a}"), "is not an "
      "integer" },
    { ONE("{type: flag, default: 1, about: a}"), "neither true nor false" },
    { ONE("{type: flag, default: true, min: 0, about: a}"), "unknown key "
      "'min' in the parameter; known: type, default, about" },
    { ONE("{type: bytes, default: abc, max: 2, about: a}"),
      "'abc' is not of 0 to 2 bytes" },
    { ONE("{type: bytes, default: a, max: 257, about: a}"), "'257' is not an "
      "integer from 0 to 256" },
    { ONE("{type: flag, default: true, about: a}"), ":11:9: a condition and "
      "an integer cannot be compared" },
    { HEAD "parameters: {verb: {type: flag, default: true, about: a}}\n" RULE
      VECTORS, "'verb' means something in conditions already" },
    { HEAD "parameters: {p.q: {type: flag, default: true, about: a}}\n" RULE
      VECTORS, "a parameter's name has letters and '_' only" },
    { HEAD "parameters: {p: {type: flag, default: true, about: a}}\n"
      "let: {p: verb}\n" RULE VECTORS, ":9:7: 'p' means something in" },
    { HEAD "parameters: {p: {type: int, default: 1, about: a}}\n"
      "on: command\nwhen: pp == 1\ncorrect: drop\n" VECTORS,
      "did you mean 'p'?" },
    { HEAD "parameters: {p: {type: int, default: 1, about: a}}\n"
      "on: command\nwhen: verb == 'EVIL'\ncorrect: {delete: p}\n" VECTORS,
      "something computed" },
    { GOOD(RULE, "  - exploit: e\n    parameters: {p: 1}\n"
           "    to-server: x\n"), "the patch has no parameter 'p'" },
    { GOOD(PARAMETERS RULE, "  - exploit: e\n    parameters: {most: 10}\n"
           "    to-server: x\n"), "'10' is not an integer from -1 to 9" },
};

START_TEST(test_bad)
{
    patch_text_bad(bad[_i].text, bad[_i].error);
}
END_TEST

/* A pool of two patches, of which the second has parameters. */
static struct pp_pool *
make_pool(void)
{
    static const char *const texts[] = {
        GOOD(RULE, EXPLOIT("x", "to-client: x") BENIGN("y")),
        GOOD(PARAMETERS RULE, EXPLOIT("x", "to-client: x") BENIGN("y")),
    };
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_pool *pool = xzalloc(sizeof *pool);

    pool->ref_cnt = 1;
    pool->n = 2;
    pool->patches = xcalloc(2, sizeof *pool->patches);
    for (size_t i = 0; i < 2; i++) {
        pool->patches[i] = patch_text_parse(texts[i], &errors);
        ck_assert_ptr_nonnull(pool->patches[i]);
        free(pool->patches[i]->id);
        pool->patches[i]->id = xasprintf("T.%"PRIuSIZE, i);
    }
    return pool;
}

static const struct {
    const char *text;
    const char *error;
} policies[] = {
    { "T.1.most", "'T.1.most' is not of the form PATCH.NAME=VALUE" },
    { "most=1", "'most' is not of the form PATCH.NAME=VALUE" },
    { "T.2.most=1", "there is no patch 'T.2'" },
    { "T.1.least=1", "patch T.1 has no parameter 'least'; it has: most, "
                     "strict, evil" },
    { "T.0.most=1", "patch T.0 has no parameter 'most'; it has: none" },
    { "T.1.most=10", "'T.1.most=10' is not an integer from -1 to 9" },
    { "T.1.most=", "is not an integer from -1 to 9" },
    { "T.1.most=1 T.1.most=2", "'T.1.most=2' is set twice" },
    { "T.1.strict=yes", "neither true nor false" },
    { "T.1.evil=abcdefghij", "not of 0 to 9 bytes" },
};

START_TEST(test_policy_error)
{
    struct pp_pool *pool = make_pool();
    char *error;
    size_t n;

    ck_assert_ptr_null(pp_params_parse(pool, policies[_i].text, &n, &error));
    ck_assert_msg(strstr(error, policies[_i].error) != NULL,
                  "%s: \"%s\", expected \"%s\"", policies[_i].text, error,
                  policies[_i].error);
    free(error);
    pp_pool_unref(pool);
}
END_TEST

/* From a policy's words into a patch set, and what the check makes of it. */
START_TEST(test_policy)
{
    struct pp_pool *pool = make_pool();
    struct pp_param_choice *choices;
    struct pp_program *program;
    struct pp_patchset *set;
    struct pp_value value;
    char *error;
    size_t n, size;

    choices = pp_params_parse(pool, " T.1.evil=a%2Cb%zz;T.1.strict=false,\n"
                              "T.1.most=-1 ", &n, &error);
    ck_assert_msg(choices != NULL, "%s", error);
    ck_assert_uint_eq(n, 3);
    ck_assert_uint_eq(choices[0].param, 0);
    ck_assert_uint_eq(choices[2].param, 2);

    program = pp_program_build(pool, pp_toys, &size, &error);
    ck_assert_ptr_nonnull(program);
    ck_assert_ptr_null(pp_program_check(program, size, pp_toys));
    size = pp_patchset_size(program);
    set = xmalloc(size);
    pp_patchset_init(set, program);
    ck_assert_int_eq(pp_patchset_param(set, program, 0).i, 3);
    ck_assert(pp_patchset_param(set, program, 1).b);
    for (size_t i = 0; i < n; i++) {
        pp_patchset_set_param(set, program, choices[i].patch,
                              choices[i].param, &choices[i].value);
    }
    ck_assert_ptr_null(pp_patchset_check(set, size, program));
    ck_assert_int_eq(pp_patchset_param(set, program, 0).i, -1);
    ck_assert(!pp_patchset_param(set, program, 1).b);
    value = pp_patchset_param(set, program, 2);
    ck_assert_uint_eq(value.s.n, 6);
    ck_assert_mem_eq(value.s.p, "a,b%zz", 6);

    /* A set that says that a value is longer than its room is refused. */
    choices[0].value.i = 10;
    pp_patchset_set_param(set, program, 1, 0, &choices[0].value);
    ck_assert_str_eq(pp_patchset_check(set, size, program),
                     "a parameter's value is out of range");
    free(choices);
    free(set);
    free(program);

    choices = pp_params_parse(pool, "", &n, &error);
    ck_assert_ptr_nonnull(choices);
    ck_assert_uint_eq(n, 0);
    free(choices);
    pp_pool_unref(pool);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("param");
    TCase *tc = tcase_create("param");

    tcase_add_loop_test(tc, test_good, 0, ARRAY_SIZE(good));
    tcase_add_loop_test(tc, test_bad, 0, ARRAY_SIZE(bad));
    tcase_add_loop_test(tc, test_policy_error, 0, ARRAY_SIZE(policies));
    tcase_add_test(tc, test_policy);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
