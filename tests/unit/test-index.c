/* SPDX-License-Identifier: Apache-2.0 */

/* Matching by the index: that it finds what trying every condition finds, and
 * that it does not try them. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-eval.h"
#include "engine/pp-match.h"
#include "match-driver.h"
#include "openvswitch/dynamic-string.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-toy.h"
#include "suite.h"
#include "util.h"

/* Conditions that are looked up and such that are tried, mixed. */
START_TEST(test_match)
{
    static const char *const conditions[] = {
        "verb == 'A'", "verb == 'B'", "verb ~= 'a'",
        "verb in ['A', 'B', 'A']", "verb == 'A' or verb == 'C'",
        "verb == 'A' or argument == 'x'", "argument == 'x' and verb == 'A'",
        "not verb == 'A'", "pairs['k'].value == 'v'", "len(verb) == 1",
        "verb == 'A' and len(argument) == 1",
        "lower(argument) == 'x'", "any(pairs, value == 'v')",
        "verb == ''", "n.pairs == 2",
    };
    static const struct {
        const char *line;
        uint64_t hits;
    } cases[] = {
        { "A\n", 0x0001 | 0x0004 | 0x0008 | 0x0010 | 0x0020 | 0x0200 },
        { "a\n", 0x0004 | 0x0080 | 0x0200 },
        { "B x\n", 0x0002 | 0x0008 | 0x0020 | 0x0080 | 0x0200 | 0x0800 },
        { "A x\n", 0x0001 | 0x0004 | 0x0008 | 0x0010 | 0x0020 | 0x0040
                   | 0x0200 | 0x0400 | 0x0800 },
        { "C\n", 0x0010 | 0x0080 | 0x0200 },
        { "DD X K=v\n", 0x0080 | 0x0100 | 0x0800 | 0x1000 },
        { "\n", 0x0080 | 0x2000 },
        { "EE y a=b c=d\n", 0x0080 | 0x4000 },
        { "# x\n", 0 },
    };
    struct pp_pool *pool = make_pool(conditions, ARRAY_SIZE(conditions));
    struct engine e;

    engine_init(&e, pool);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t mask = hit_mask(&e, cases[i].line);

        ck_assert_msg(mask == cases[i].hits, "%s: %#"PRIx64", expected "
                      "%#"PRIx64, cases[i].line, mask, cases[i].hits);
    }

    /* Off, and monitored. */
    pp_patchset_set(e.set, e.program, 0, PP_MODE_OFF);
    ck_assert_uint_eq(hit_mask(&e, "A\n") & 1, 0);
    ck_assert_uint_eq(pp_patchset_wants(e.set, 0), 1);
    for (uint32_t i = 0; i < pool->n; i++) {
        pp_patchset_set(e.set, e.program, i, PP_MODE_MONITOR);
    }
    ck_assert_uint_eq(hit_mask(&e, "A\n") & 1, 1);
    for (uint32_t i = 0; i < pool->n; i++) {
        pp_patchset_set(e.set, e.program, i, PP_MODE_OFF);
    }
    ck_assert_uint_eq(hit_mask(&e, "A\n"), 0);
    ck_assert_uint_eq(pp_patchset_wants(e.set, 0), 0);
    ck_assert_uint_eq(pp_patchset_wants(e.set, PP_NONE), 0);
    ck_assert_uint_eq(pp_program_find_patch(e.program, "P-0003"), 3);
    ck_assert_uint_eq(pp_program_find_patch(e.program, "P-0099"), PP_NONE);
    engine_destroy(&e);
    pp_pool_unref(pool);
}
END_TEST

/* One expression is worked out once, in however many patches it is; patches
 * for other values cost nothing. */
START_TEST(test_sharing)
{
    enum { N = 500 };
    char *conditions[N];
    struct pp_pool *pool;
    struct engine e;
    uint64_t few, many;

    for (int i = 0; i < N; i++) {
        conditions[i] = xasprintf("lower(percent_decode(argument)) == "
                                  "'/script%d' and pairs['k'].size > %d",
                                  i, i);
    }
    pool = make_pool((const char *const *) conditions, 1);
    engine_init(&e, pool);
    hit_mask(&e, "GET /none K=v\n");
    few = e.m.n_evals;
    engine_destroy(&e);
    pp_pool_unref(pool);
    pool = make_pool((const char *const *) conditions, N);
    engine_init(&e, pool);
    hit_mask(&e, "GET /none K=v\n");
    many = e.m.n_evals;
    ck_assert_msg(many <= few + 4, "%"PRIu64" evaluations with 1 patch, "
                  "%"PRIu64" with %d", few, many, N);
    engine_destroy(&e);
    pp_pool_unref(pool);
    for (int i = 0; i < N; i++) {
        free(conditions[i]);
    }
}
END_TEST

/* What no element has a say in is looked at before the elements are. */
START_TEST(test_gates)
{
    static const char *const conditions[] = {
        "size > 1 and argument == 'x'\neach: pairs",
        "name ~= 'k' and size > 1 and n.pairs > 2\neach: pairs",
        "n.pairs > 3 and size > 1 and verb != 'B'\neach: pairs",
        "size > 5\neach: pairs",
    };
    static const struct {
        const char *line;
        uint64_t hits;
    } cases[] = {
        { "A y a=1 k=11\n", 0 },
        { "A x a=1 k=11\n", 1 },
        { "A y a=1 b=1 k=11\n", 2 },
        { "A y a=1 b=1 c=1 k=11\n", 2 | 4 },
        { "B x a=1 b=1 c=1 k=11\n", 1 | 2 },
        { "A y k=111111\n", 8 },
    };

    for (size_t n = 3; n <= 4; n++) {
        struct pp_pool *pool = make_pool(conditions, n);
        uint64_t closed[2];
        struct engine e;

        engine_init(&e, pool);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            ck_assert_uint_eq(hit_mask(&e, cases[i].line),
                              cases[i].hits & ((1u << n) - 1));
        }
        for (int i = 0; i < 2; i++) {
            e.m.n_evals = 0;
            hit_mask(&e, i ? "A y a=11 b=22\n" : "A y a=11\n");
            closed[i] = e.m.n_evals;
        }
        /* One rule that elements alone decide, and all are looked at. */
        ck_assert_int_eq(closed[0] == closed[1], n == 3);
        engine_destroy(&e);
        pp_pool_unref(pool);
    }
}
END_TEST

/* Random conditions. */

static uint32_t seed;

static unsigned int
pick(unsigned int n)
{
    seed = seed * UINT32_C(1664525) + UINT32_C(1013904223);
    return (seed >> 8) % n;
}

/* A few words, so that they meet often: of all lengths of grams, in one
 * another, equal but for case. */
static const char *const words[] = {
    "a", "b", "A", "ab", "AB", "ba", "/a", "..", "abc", "Abc", "../", "aaa",
    "abcd", "bcde", "aaaa", "/a/b", "abcde", "aaaaa", "/a/../b", "abcdefgh",
    "abcdefghi", "ABCDEFGHI", "k", "K", "xk=", "12", "123",
};

static const char *
word(void)
{
    return words[pick(ARRAY_SIZE(words))];
}

/* What may be named: within loops, an element, or a piece of a split(). */
enum names { MESSAGE, ELEMENT, PIECE };

static void
put_bytes(struct ds *s, enum names names)
{
    switch (names == MESSAGE ? pick(8) : pick(11)) {
    case 0: ds_put_cstr(s, "verb"); break;
    case 1: ds_put_cstr(s, "argument"); break;
    case 2: ds_put_cstr(s, "lower(argument)"); break;
    case 3: ds_put_cstr(s, "pairs['k'].value"); break;
    case 4: ds_put_format(s, "pairs['%s'].value", word()); break;
    case 5: ds_put_cstr(s, "before(argument, '/')"); break;
    case 6: ds_put_cstr(s, "concat(verb, pairs['k'].value)"); break;
    case 7: ds_put_cstr(s, "upper(pairs['ab'].name)"); break;
    case 8: ds_put_cstr(s, names == PIECE ? "piece" : "name"); break;
    case 9: ds_put_cstr(s, names == PIECE ? "piece" : "value"); break;
    default: ds_put_cstr(s, names == PIECE ? "lower(piece)" : "lower(value)");
    }
}

static void
put_number(struct ds *s, enum names names)
{
    switch (names == MESSAGE ? pick(5) : pick(7)) {
    case 0: ds_put_cstr(s, "n.pairs"); break;
    case 1: ds_put_cstr(s, "pairs['k'].size"); break;
    case 2: ds_put_format(s, "count(pairs['%s'])", word()); break;
    case 3: ds_put_cstr(s, "count(pairs, size > 2)"); break;
    case 4:
        ds_put_cstr(s, "len(");
        put_bytes(s, names);
        ds_put_char(s, ')');
        break;
    case 5: ds_put_cstr(s, "index"); break;
    default: ds_put_cstr(s, names == PIECE ? "len(piece)" : "size");
    }
}

static void put_condition(struct ds *, enum names, int depth);

static void
put_comparison(struct ds *s, enum names names)
{
    static const char *const orders[] = {
        "<", "<=", ">", ">=", "==", "!=",
    };
    static const char *const texts[] = {
        "==", "~=", "!=", "contains", "starts_with", "ends_with",
    };

    switch (pick(8)) {
    case 0:
        put_number(s, names);
        ds_put_format(s, " %s %u", orders[pick(6)], pick(6));
        break;
    case 1:
        ds_put_format(s, "%u %s ", pick(6), orders[pick(6)]);
        put_number(s, names);
        break;
    case 2:
        put_number(s, names);
        ds_put_format(s, " in [%u, %u, 7]", pick(5), pick(5));
        break;
    case 3:
        put_bytes(s, names);
        ds_put_format(s, " in ['%s', '%s', '']", word(), word());
        break;
    case 4:
        ds_put_format(s, "'%s' == ", word());
        put_bytes(s, names);
        break;
    case 5:
        put_bytes(s, names);
        ds_put_format(s, " %s ''", texts[pick(6)]);
        break;
    default:
        put_bytes(s, names);
        ds_put_format(s, " %s '%s'", texts[pick(6)], word());
    }
}

static void
put_loop(struct ds *s, int depth)
{
    static const char *const loops[] = { "any", "all" };
    enum names names = ELEMENT;

    ds_put_format(s, "%s(", loops[pick(2)]);
    switch (pick(3)) {
    case 0:
        ds_put_cstr(s, "pairs");
        break;
    case 1:
        ds_put_format(s, "pairs['%s']", word());
        break;
    default:
        ds_put_cstr(s, "split(argument, '/')");
        names = PIECE;
    }
    ds_put_cstr(s, ", ");
    put_condition(s, names, depth - 2);
    ds_put_char(s, ')');
}

static void
put_condition(struct ds *s, enum names names, int depth)
{
    unsigned int kind = depth <= 0 ? 9 : pick(12);

    if (kind < 3 || kind == 6) {
        ds_put_char(s, '(');
        put_condition(s, names, depth - 1);
        ds_put_cstr(s, kind == 6 ? " or " : " and ");
        put_condition(s, names, depth - 1);
        ds_put_char(s, ')');
    } else if (kind == 3) {
        ds_put_cstr(s, "not (");
        put_condition(s, names, depth - 1);
        ds_put_char(s, ')');
    } else if (kind < 6) {
        put_loop(s, depth);
    } else if (kind == 7) {
        ds_put_cstr(s, "if(");
        put_condition(s, names, depth - 1);
        ds_put_cstr(s, ", ");
        put_condition(s, names, depth - 1);
        ds_put_cstr(s, ", ");
        put_condition(s, names, depth - 1);
        ds_put_char(s, ')');
    } else if (kind == 8) {
        ds_put_format(s, "exists(pairs['%s'])", word());
    } else {
        put_comparison(s, names);
    }
}

static char *
random_rule(void)
{
    static const char *const lists[] = {
        "pairs", "pairs['k']", "pairs['ab']", "split(argument, '/')",
    };
    unsigned int list = pick(8);
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_char(&s, '"');
    put_condition(&s, list < 3 ? ELEMENT : list == 3 ? PIECE : MESSAGE,
                  (int) pick(5));
    ds_put_char(&s, '"');
    if (list < 4) {
        ds_put_format(&s, "\neach: \"%s\"", lists[list]);
    }
    return ds_steal_cstr(&s);
}

static char *
random_line(void)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    unsigned int n = pick(6);

    ds_put_format(&s, "%s ", word());
    for (unsigned int i = pick(4); i > 0; i--) {
        ds_put_format(&s, "%s%s", word(), pick(2) ? "/" : "");
    }
    for (unsigned int i = 0; i < n; i++) {
        ds_put_format(&s, " %s=%s%s", word(), word(), pick(2) ? word() : "");
    }
    ds_put_char(&s, '\n');
    return ds_steal_cstr(&s);
}

/* Whether rule 'index' hits element 'elem' by 'hits'. */
static bool
has_hit(const struct pp_hits *hits, uint32_t index, uint32_t elem)
{
    for (unsigned int i = 0; i < hits->n; i++) {
        if (hits->h[i].rule == index && hits->h[i].elem == elem) {
            return true;
        }
    }
    return false;
}

/* Tries every rule on 'msg', and checks that 'hits' is just those that hold.
 * Returns how many. */
static unsigned int
check_hits(struct engine *e, const struct pp_msg *msg,
           const struct pp_hits *hits, const char *line,
           char *const *conditions)
{
    unsigned int n = 0;

    ck_assert(!hits->overflow && !hits->error);
    pp_eval_begin(&e->m, msg);
    for (uint32_t i = 0; i < e->program->rules.n; i++) {
        const struct pp_program_rule *r = &pp_program_rules(e->program)[i];
        uint32_t count = (r->each == PP_NONE ? 1
                          : pp_eval_list(&e->m, r->each)->value.count);

        for (uint32_t j = 0; j < count; j++) {
            uint32_t elem = PP_NONE;
            bool holds;

            if (r->each != PP_NONE) {
                elem = pp_eval_enter(
                    &e->m, 0, &pp_program_nodes(e->program)[r->each],
                    pp_eval_list(&e->m, r->each), j);
            }
            holds = pp_eval(&e->m, r->when).b;
            ck_assert_msg(holds == has_hit(hits, i, elem), "%s holds: %d, "
                          "looked up: %d, for %s", conditions[i], holds,
                          !holds, line);
            n += holds;
        }
    }
    return n;
}

/* Whatever the patches and the message, what is looked up is what holds. */
START_TEST(test_random)
{
    enum { POOLS = 120, PATCHES = 40, LINES = 60 };
    uint64_t n_hits = 0, n_tried = 0, n_rules = 0;

    seed = 7;
    for (int round = 0; round < POOLS; round++) {
        char *conditions[PATCHES];
        struct pp_pool *pool;
        struct engine e;

        for (int i = 0; i < PATCHES; i++) {
            conditions[i] = random_rule();
        }
        pool = make_pool((const char *const *) conditions, PATCHES);
        engine_init(&e, pool);
        for (int i = 0; i < LINES; i++) {
            char *line = random_line();
            struct pp_hits hits;
            struct pp_msg msg;

            engine_match(&e, line, &msg, &hits);
            n_hits += check_hits(&e, &msg, &hits, line, conditions);
            ck_assert_uint_le(hits.n, PP_HITS_MAX);
            free(line);
        }
        n_tried += e.m.n_tried;
        n_rules += (uint64_t) LINES * PATCHES;
        engine_destroy(&e);
        pp_pool_unref(pool);
        for (int i = 0; i < PATCHES; i++) {
            free(conditions[i]);
        }
    }
    /* Some of both: else this tests nothing. */
    ck_assert_uint_gt(n_hits, n_rules / 20);
    ck_assert_uint_lt(n_tried, n_rules);
}
END_TEST

/* Every kind of condition that is to be looked up, many times over: what is
 * tried on a message, and what is worked out, does not grow. */
START_TEST(test_looked_up)
{
    static const char *const kinds[] = {
        "argument == '/s%d/a' and verb == 'GET'",
        "argument ~= '/s%d/b'",
        "argument in ['/s%d/c', '/s%d/d']",
        "argument starts_with '/s%d/e/' and verb in ['A', 'B']",
        "argument ends_with '.s%d'",
        "argument contains '/../s%d/'",
        "lower(argument) contains 'union s%d' or verb == 's%d'",
        "pairs['s%d'].value != '' and not only(pairs['s%d'].value, '[0-9]')",
        "pairs['agent'].value contains 'robot-s%d-'",
        "any(pairs['agent'], value starts_with 's%d-')",
        "any(pairs, name == 's%d' and size > 7)",
        "len(pairs['s%d'].value) > 100",
        "exists(pairs['s%d']) and verb == 'GET'",
        "count(pairs['s%d']) > 1",
        "n.pairs == 10%d",
        "n.pairs > 10%d",
        "\"name == 's%d' and value contains '<'\"\neach: pairs",
        "\"size > 3 and value starts_with '//s%d'\"\neach: pairs",
        "\"size > 9\"\neach: pairs['s%d']",
        "\"piece == '..s%d'\"\neach: split(argument, '/')",
    };
    static const char line[] =
        "GET /index.html?a=b agent=robot-sx-1 a=1 b=22 c=333 d=4444\n";
    enum { N = 40 };
    uint64_t evals[2], tried[2];

    for (int many = 0; many < 2; many++) {
        size_t n = 0, n_each = many ? N : 1;
        char *conditions[ARRAY_SIZE(kinds) * N];
        struct pp_pool *pool;
        struct pp_hits hits;
        struct pp_msg msg;
        struct engine e;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
            for (size_t j = 0; j < n_each; j++) {
                char *number = xasprintf("%d", 100 + (int) j);
                struct ds s = DS_EMPTY_INITIALIZER;

                for (const char *p = kinds[i]; *p; p++) {
                    if (!strncmp(p, "%d", 2)) {
                        ds_put_cstr(&s, number);
                        p++;
                    } else {
                        ds_put_char(&s, *p);
                    }
                }
                free(number);
                conditions[n++] = ds_steal_cstr(&s);
            }
        }
        pool = make_pool((const char *const *) conditions, n);
        engine_init(&e, pool);
        engine_match(&e, line, &msg, &hits);
        ck_assert_uint_eq(hits.n, 0);
        evals[many] = e.m.n_evals;
        tried[many] = e.m.n_tried;
        engine_destroy(&e);
        pp_pool_unref(pool);
        for (size_t i = 0; i < n; i++) {
            free(conditions[i]);
        }
    }
    ck_assert_msg(tried[1] <= tried[0], "%"PRIu64" and %"PRIu64" tried",
                  tried[0], tried[1]);
    ck_assert_msg(evals[1] <= evals[0] + evals[0] / 2, "%"PRIu64" and %"PRIu64
                  " worked out", evals[0], evals[1]);
}
END_TEST

/* Long values are remembered that led nowhere: those that came before, and
 * such as differ from them in one place, are told apart. */
START_TEST(test_long)
{
    static char conditions[][40] = {
        "argument contains '/needle-1'", "argument contains 'needle-2/'",
        "argument starts_with '/needle-3'", "argument ends_with 'needle-4/'",
        "pairs['agent'].value contains 'needle'",
    };
    char *list[ARRAY_SIZE(conditions)];
    uint64_t n_hits = 0, n_lines = 0;
    struct pp_pool *pool;
    struct engine e;

    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        list[i] = conditions[i];
    }
    pool = make_pool((const char *const *) list, ARRAY_SIZE(list));
    engine_init(&e, pool);
    seed = 11;
    for (size_t n = 56; n < 260; n += 3) {
        for (int round = 0; round < 40; round++) {
            char value[260], needle[12];
            struct pp_hits hits;
            struct pp_msg msg;
            size_t at;
            char *line;

            memset(value, 'a' + round % 3, n);
            value[n] = '\0';
            if (round >= 12) {
                snprintf(needle, sizeof needle, "/needle-%d/",
                         1 + (int) pick(4));
                at = pick((uint32_t) (n - strlen(needle) + 1));
                at = round % 4 ? at : round % 8 ? 0 : n - strlen(needle);
                memcpy(value + at, needle, strlen(needle));
            }
            line = xasprintf("GET %s agent=%s\n", value,
                             round % 5 ? value : "x");
            engine_match(&e, line, &msg, &hits);
            n_hits += check_hits(&e, &msg, &hits, line, list);
            n_lines++;
            free(line);
        }
    }
    ck_assert_uint_gt(n_hits, n_lines / 2);
    engine_destroy(&e);
    pp_pool_unref(pool);
}
END_TEST

/* Puts 'min' to 'max' pieces together that are in one another. */
static char *
random_text(unsigned int min, unsigned int max)
{
    static const char *const pieces[] = { "ab", "ba", "aab", "b/a", "cab" };
    struct ds s = DS_EMPTY_INITIALIZER;

    for (unsigned int i = min + pick(max - min + 1); i > 0; i--) {
        ds_put_cstr(&s, pieces[pick(ARRAY_SIZE(pieces))]);
    }
    return ds_steal_cstr(&s);
}

/* So many texts that long ones have a table beside that of short ones: all are
 * found, wherever in a value they are, and in whatever else. */
START_TEST(test_many_texts)
{
    enum { TEXTS = 400, LINES = 4000 };
    static const char *const hows[] = {
        "contains", "starts_with", "ends_with",
    };
    char *conditions[TEXTS], *texts[TEXTS];
    uint64_t n_hits = 0;
    struct pp_pool *pool;
    struct engine e;

    seed = 13;
    for (int i = 0; i < TEXTS; i++) {
        texts[i] = i % 4 ? random_text(5, 8) : random_text(2, 4);
        conditions[i] = xasprintf("argument %s '%s'", hows[i % 3], texts[i]);
    }
    pool = make_pool((const char *const *) conditions, TEXTS);
    engine_init(&e, pool);
    for (int i = 0; i < LINES; i++) {
        const char *text = texts[pick(TEXTS)];
        char *before = random_text(0, 2), *behind = random_text(0, 2);
        char *line = xasprintf("GET %s%.*s%s\n", before,
                               (int) (strlen(text) - (pick(4) == 0)), text,
                               behind);
        struct pp_hits hits;
        struct pp_msg msg;

        engine_match(&e, line, &msg, &hits);
        n_hits += check_hits(&e, &msg, &hits, line, conditions);
        free(line);
        free(before);
        free(behind);
    }
    ck_assert_uint_gt(n_hits, LINES / 2);
    engine_destroy(&e);
    pp_pool_unref(pool);
    for (int i = 0; i < TEXTS; i++) {
        free(conditions[i]);
        free(texts[i]);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index");
    TCase *tc = tcase_create("index");

    tcase_add_test(tc, test_match);
    tcase_add_test(tc, test_sharing);
    tcase_add_test(tc, test_gates);
    tcase_add_test(tc, test_random);
    tcase_add_test(tc, test_looked_up);
    tcase_add_test(tc, test_long);
    tcase_add_test(tc, test_many_texts);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
