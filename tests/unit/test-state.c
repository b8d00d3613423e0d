/* SPDX-License-Identifier: Apache-2.0 */

/* What patches keep of a connection: in their files, over messages and
 * corrections, within its bounds. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-state.h"
#include "engine/pp-vector.h"
#include "patch-text.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "registry.h"
#include "suite.h"
#include "util.h"

#define GET "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
#define OK "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"

#define COUNT                                                   \
    "state: {n: int}\n"                                         \
    "rules:\n"                                                  \
    "  - on: command\n"                                         \
    "    when: verb == 'ADD'\n"                                 \
    "    set: {n: n + 1}\n"

static const char *const good[] = {
    /* What was seen so far decides; the message at hand does not yet. */
    GOOD(COUNT
         "  - on: command\n    when: n >= 2 and verb == 'ADD'\n"
         "    correct: {reject: {status: 421, reason: \"${n}\"}}\n",
         EXPLOIT("\"ADD\\nX\\nADD\\nADD\\nX\\nADD\\n\"",
                 "to-server: \"ADD\\nX\\nADD\\nX\\n\", "
                 "to-client: \"421 2 \\n421 3 \\n\"")
         BENIGN("\"ADD\\nX\\nADD\\nX\\n\"")),

    /* Flags, on and off; several at once; names for expressions. */
    GOOD("state: {open: flag, door: int}\n"
         "let: {locked: not open and door != 7}\n"
         "rules:\n"
         "  - on: command\n    when: verb == 'OPEN'\n"
         "    set: {open: 'true', door: parse_int(argument)}\n"
         "  - on: command\n    when: verb == 'SHUT'\n"
         "    set: {open: 'false', door: 0}\n"
         "  - on: command\n    when: verb == 'USE' and locked\n"
         "    correct: drop\n",
         EXPLOIT("\"USE a\\nOPEN 1\\nUSE b\\nSHUT\\nUSE c\\nUSE d\\n\"",
                 "to-server: \"OPEN 1\\nUSE b\\nSHUT\\n\"")
         BENIGN("\"OPEN 7\\nUSE b\\n\"")),

    /* The last rule that sets a value has its way. */
    GOOD("state: {n: int}\n"
         "rules:\n"
         "  - on: command\n    when: verb == 'A'\n    set: {n: '1'}\n"
         "  - on: command\n    when: verb == 'A'\n    set: {n: n + 2}\n"
         "  - on: command\n    when: verb == 'B' and n == 2\n"
         "    correct: drop\n",
         EXPLOIT("\"A\\nB\\n\"", "to-server: \"A\\n\"") BENIGN("\"B\\n\"")),

    /* A message that is corrected counts once... */
    GOOD(COUNT
         "  - on: command\n    when: argument starts_with 'x'\n"
         "    correct: {replace: argument, "
         "with: \"slice(argument, 1, len(argument))\"}\n"
         "  - on: command\n    when: n >= 2 and verb == 'END'\n"
         "    correct: reject 1\n",
         EXPLOIT("\"ADD xxxa\\nEND\\n\"", "to-server: \"ADD a\\nEND\\n\"")
         EXPLOIT("\"ADD xxxa\\nADD b\\nEND\\n\"",
                 "to-server: \"ADD a\\nADD b\\n\", to-client: \"1  \\n\"")
         BENIGN("\"ADD\\nEND\\n\"")),
    /* ...and as the server gets it. */
    GOOD("state: {bad: flag, ok: flag}\n"
         "rules:\n"
         "  - on: command\n    when: argument == 'bad'\n"
         "    set: {bad: 'true'}\n"
         "  - on: command\n    when: argument == 'ok'\n"
         "    set: {ok: 'true'}\n"
         "  - on: command\n    when: argument == 'bad'\n"
         "    correct: {replace: argument, with: \"'ok'\"}\n"
         "  - on: command\n    when: verb == 'END' and (bad or ok)\n"
         "    correct: {reject: {status: 1, "
         "reason: \"${if(bad, 'bad', '')}${if(ok, 'ok', '')}\"}}\n",
         EXPLOIT("\"A bad\\nEND\\n\"",
                 "to-server: \"A ok\\n\", to-client: \"1 ok \\n\"")
         BENIGN("\"A b\\nEND\\n\"")),
};

START_TEST(test_good)
{
    patch_text_good(good[_i]);
}
END_TEST

#define STATE_RULE(STATE, SET)                                  \
    HEAD "state: " STATE "\non: command\n"                      \
    "when: verb == 'A'\nset: " SET "\n" VECTORS

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    { STATE_RULE("{n: text}", "{n: '1'}"), ":8:12: a state is of type int or "
      "flag" },
    { STATE_RULE("[n]", "{n: '1'}"), "'state' must be a map" },
    { STATE_RULE("{verb: int}", "{verb: '1'}"), "'verb' means something in" },
    { STATE_RULE("{n: int}", "{m: '1'}"), ":11:7: 'm' is not in the patch's "
      "'state'" },
    { STATE_RULE("{n: int}", "{n: verb}"), ":11:10: 'n' must be an integer, "
      "this is bytes" },
    { STATE_RULE("{n: flag}", "{n: '1'}"), "'n' must be a condition, this is "
      "an integer" },
    { STATE_RULE("{n: int}", "{}"), "'set' sets nothing" },
    { STATE_RULE("{n: int, m: int}", "{n: m}"), ":8:8: no rule sets 'm'" },
    { STATE_RULE("{n: int}", "{n: '1'}\neach: pairs"), "no 'correct' and no "
      "'each'" },
    { STATE_RULE("{n: int}", "{n: '1'}\ncorrect: drop"), "no 'correct' and no "
      "'each'" },
    { STATE_RULE("{a: int, b: int, c: int, d: int, e: int, f: int, g: int, "
                 "h: int, i: int}", "{a: '1'}"), "keeps at most 8 values" },
    { HEAD "state: {n: int}\non: command\nwhen: nn == 1\ncorrect: drop\n"
      VECTORS, "did you mean 'n'?" },
    { HEAD "parameters: {n: {type: int, default: 1, about: a}}\n"
      "state: {n: int}\n" RULE VECTORS, ":9:9: 'n' means something in" },
};

START_TEST(test_bad)
{
    patch_text_bad(bad[_i].text, bad[_i].error);
}
END_TEST

/* Fails the test unless 'text' is a patch of the real proxies and its vectors
 * hold. */
static void
check_real(const char *text)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    struct pp_patch *patch = pp_patch_parse("T-1.yaml", text, strlen(text),
                                            pp_proxies, &errors);
    char *s;

    if (patch) {
        pp_vectors_run(patch, PP_VECTORS_ALL, &errors, NULL);
    }
    s = pp_errors_format(&errors);
    ck_assert_msg(!errors.n, "%s", s);
    free(s);
    pp_patch_destroy(patch);
    pp_errors_destroy(&errors);
}

/* Messages of several units that are decided together: what a form's head set
 * counts once, also when the form is corrected. */
START_TEST(test_group)
{
    static const char text[] =
        "patch: T-1\ntitle: t\nvendor: v\n"
        "affects: [{product: a/b, versions: '< 2'}]\nseverity: 1\n"
        "proxy: http\nsame-as-vendor: it is\n"
        "state: {heads: int, forms: int}\n"
        "rules:\n"
        "  - on: request\n    when: method == 'POST'\n"
        "    set: {heads: heads + 1}\n"
        "  - on: body\n    when: count(body.params) > 0\n"
        "    set: {forms: forms + heads}\n"
        "  - on: body\n    when: exists(body.params[\"evil\"])\n"
        "    correct: {delete: 'body.params[\"evil\"]'}\n"
        "  - on: request\n"
        "    when: method == 'GET' and (heads != 1 or forms != 1)\n"
        "    correct: {reject: {raw: \"${heads}/${forms}\"}}\n"
        "vectors:\n"
        "  - exploit: a corrected form counts once\n"
        "    to-server: \"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: "
        "application/x-www-form-urlencoded\\r\\nContent-Length: 10\\r\\n\\r\\n"
        "a=b&evil=cGET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n"
        "    expect: {to-server: \"POST / HTTP/1.1\\r\\nHost: a\\r\\n"
        "Content-Type: application/x-www-form-urlencoded\\r\\n"
        "Content-Length: 3\\r\\n\\r\\na=b"
        "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"}\n"
        "  - exploit: nothing seen before\n"
        "    to-server: \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n"
        "    expect: {to-client: 0/0}\n"
        "  - benign: a form that is as it should be\n"
        "    to-server: \"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: "
        "application/x-www-form-urlencoded\\r\\nContent-Length: 3\\r\\n\\r\\n"
        "a=bGET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\n";

    check_real(text);
}
END_TEST

/* A refusal that has to wait for replies to what came before is decided again
 * when they are there, and counts once. */
START_TEST(test_wait)
{
    static const char text[] =
        "patch: T-1\ntitle: t\nvendor: v\n"
        "affects: [{product: a/b, versions: '< 2'}]\nseverity: 1\n"
        "proxy: http\nsame-as-vendor: it is\n"
        "state: {asked: int}\n"
        "rules:\n"
        "  - on: request\n    when: method == 'GET'\n"
        "    set: {asked: asked + 1}\n"
        "  - on: request\n    when: asked >= 2\n"
        "    correct: {reject: {raw: \"${asked}.\"}}\n"
        "vectors:\n"
        "  - exploit: one too many\n"
        "    steps:\n"
        "      - client: \"" GET GET GET "\"\n"
        "      - expect: {to-server: \"" GET GET "\"}\n"
        "      - server: \"" OK "\"\n"
        "      - expect: {to-client: \"" OK "\"}\n"
        "      - server: \"" OK "\"\n"
        "      - client: \"" GET "\"\n"
        "      - expect: {to-client: \"" OK "2.3.\"}\n"
        "  - benign: just enough\n"
        "    to-server: \"" GET GET "\"\n";

    check_real(text);
}
END_TEST

/* The values of one connection. */
START_TEST(test_values)
{
    struct pp_state state = { .n = 0 };

    ck_assert_int_eq(pp_state_get(NULL, 1), 0);
    for (uint64_t key = 1; key <= PP_STATE_MAX; key++) {
        ck_assert(pp_state_set(&state, key, (int64_t) key));
    }
    ck_assert(!pp_state_set(&state, 0, 5));
    ck_assert(pp_state_set(&state, 0, 0));
    ck_assert(pp_state_set(&state, 7, -1));
    ck_assert_int_eq(pp_state_get(&state, 7), -1);
    ck_assert(pp_state_set(&state, 1, 0));
    ck_assert_int_eq(pp_state_get(&state, 1), 0);
    ck_assert_int_eq(pp_state_get(&state, PP_STATE_MAX), PP_STATE_MAX);
    ck_assert(pp_state_set(&state, 0, 5));
    ck_assert_int_eq(pp_state_get(&state, 0), 5);
    ck_assert_uint_eq(state.n, PP_STATE_MAX);
}
END_TEST

#define MOST 1000

/* Those of all: what was never set takes no memory, the rest is bounded, and
 * what is given back is used again. */
START_TEST(test_bounds)
{
    struct pp_states all = { .max = MOST };
    uint32_t *handles = xcalloc(MOST + 1, sizeof *handles);
    struct pp_state now;

    ck_assert(pp_states_set(&all, &handles[0], 1, 0));
    ck_assert_uint_eq(handles[0], 0);
    ck_assert_uint_eq(all.n, 0);
    for (uint32_t i = 0; i < MOST; i++) {
        ck_assert(pp_states_set(&all, &handles[i], 1, i + 1));
    }
    ck_assert(!pp_states_set(&all, &handles[MOST], 1, 1));
    ck_assert_uint_eq(handles[MOST], 0);

    /* There is no room for what a group starts with either: it is told, and
     * the group goes on. */
    ck_assert(!pp_states_begin(&all, handles[5]));
    ck_assert_uint_eq(pp_states_start(&all, handles[5])->n, 0);
    ck_assert(pp_states_commit(&all, &handles[5], NULL));
    ck_assert_int_eq(pp_state_get(pp_states_now(&all, handles[5]), 1), 6);

    pp_states_forget(&all, &handles[9]);
    ck_assert(pp_states_begin(&all, handles[5]));
    ck_assert(pp_states_set(&all, &handles[5], 1, 77));
    ck_assert_int_eq(pp_state_get(pp_states_start(&all, handles[5]), 1), 6);
    now = *pp_states_start(&all, handles[5]);
    ck_assert(pp_state_set(&now, 1, 8));
    ck_assert(pp_states_commit(&all, &handles[5], &now));
    ck_assert_int_eq(pp_state_get(pp_states_now(&all, handles[5]), 1), 8);

    /* With its last value gone, so is a connection's memory. */
    ck_assert(pp_states_set(&all, &handles[9], 1, 1));
    ck_assert(pp_states_set(&all, &handles[5], 1, 0));
    ck_assert(pp_states_commit(&all, &handles[5], NULL));
    ck_assert_uint_eq(handles[5], 0);
    ck_assert(pp_states_set(&all, &handles[MOST], 1, 1));
    ck_assert_uint_eq(all.n, MOST);
    for (uint32_t i = 0; i <= MOST; i++) {
        pp_states_forget(&all, &handles[i]);
    }
    ck_assert_uint_eq(all.n_used, 0);
    pp_states_destroy(&all);
    free(handles);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("state");
    TCase *tc = tcase_create("state");

    tcase_add_loop_test(tc, test_good, 0, ARRAY_SIZE(good));
    tcase_add_loop_test(tc, test_bad, 0, ARRAY_SIZE(bad));
    tcase_add_test(tc, test_group);
    tcase_add_test(tc, test_wait);
    tcase_add_test(tc, test_values);
    tcase_add_test(tc, test_bounds);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
