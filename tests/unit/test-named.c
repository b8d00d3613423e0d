/* SPDX-License-Identifier: Apache-2.0 */

/* Named policies: names, selectors, which one goes before which, what words
 * stand for, and that what is kept is what is taken up again. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "control/pp-control.h"
#include "control/pp-named.h"
#include "openvswitch/json.h"
#include "suite.h"
#include "util.h"

static struct pp_named *
policy(const char *name, int priority, const char *patches)
{
    struct pp_named *named = pp_named_create(name);

    named->priority = priority;
    smap_add(&named->keys, PP_KEY_POLICY, patches);
    return named;
}

static struct pp_facts
facts(enum pp_selector selector, const char *value)
{
    struct pp_facts f;

    pp_facts_init(&f);
    svec_add(&f.values[selector], value);
    return f;
}

START_TEST(test_names)
{
    static const char *const good[] = { "web", "Web-tier_2.x", "x" };
    static const char *const bad[] = {
        "", "all", "none", "auto", "2nd", "-x", "a b", "a,b", "caf\xc3\xa9",
        "a/b",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        ck_assert_ptr_null(pp_named_name_fault(good[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *fault = pp_named_name_fault(bad[i]);

        ck_assert_msg(fault != NULL, "%s", bad[i]);
        free(fault);
    }
}
END_TEST

static const struct {
    enum pp_selector selector;
    const char *pattern, *value;
    bool fits;
} cases[] = {
    { PP_SELECT_BRIDGE, "br0", "br0", true },
    { PP_SELECT_BRIDGE, "br0", "br00", false },
    { PP_SELECT_BRIDGE, "br?", "br1", true },
    { PP_SELECT_BRIDGE, "BR0", "br0", false },
    { PP_SELECT_VLAN, "10", "10", true },
    { PP_SELECT_VLAN, "1", "10", false },
    { PP_SELECT_VLAN, "0", "0", true },
    { PP_SELECT_IFACE_ID, "web-*", "web-17", true },
    { PP_SELECT_IFACE_ID, "web-*", "db-web-1", false },
    { PP_SELECT_IFACE_ID, "*", "", true },
    { PP_SELECT_IFACE_ID, "[ab]1", "b1", true },
    { PP_SELECT_VM_ID, "a*", "A1", false },
    { PP_SELECT_NAME, "*.example.org", "www.Example.ORG", true },
    { PP_SELECT_NAME, "*.example.org", "example.org", false },
    { PP_SELECT_PRODUCT, "npm/st", "npm/st", true },
    { PP_SELECT_PRODUCT, "st", "npm/st", true },
    { PP_SELECT_PRODUCT, "s*", "npm/st", true },
    { PP_SELECT_PRODUCT, "npm", "npm/st", false },
    { PP_SELECT_PRODUCT, "debian/st", "npm/st", false },
    { PP_SELECT_PRODUCT, "st", "st", true },
};

START_TEST(test_patterns)
{
    struct pp_named *named = policy("p", 0, "all");
    struct pp_facts f = facts(cases[_i].selector, cases[_i].value);
    struct pp_facts none;

    svec_add(&named->selectors[cases[_i].selector], cases[_i].pattern);
    ck_assert_msg(pp_named_fits(named, &f) == cases[_i].fits, "%s %s",
                  cases[_i].pattern, cases[_i].value);

    /* What is not known fits nothing. */
    pp_facts_init(&none);
    ck_assert(!pp_named_fits(named, &none));

    /* Any of a column... */
    svec_add(&named->selectors[cases[_i].selector], cases[_i].value);
    ck_assert(pp_named_fits(named, &f));

    /* ...but all columns. */
    svec_add(&named->selectors[PP_SELECT_HOST], "elsewhere");
    ck_assert(!pp_named_fits(named, &f));
    pp_facts_destroy(&f);
    pp_facts_destroy(&none);
    pp_named_destroy(named);
}
END_TEST

/* Without selectors a policy is for those alone that name it. */
START_TEST(test_no_selectors)
{
    struct pp_named *named = policy("p", 0, "all");
    struct pp_facts f = facts(PP_SELECT_HOST, "here");

    ck_assert(!pp_named_fits(named, &f));
    svec_add(&named->selectors[PP_SELECT_HOST], "*");
    ck_assert(!pp_named_has_selectors(named));
    ck_assert(!pp_named_fits(named, &f));

    pp_named_put(named);
    ck_assert(!pp_named_any_selectors());
    ck_assert_ptr_null(pp_named_select(&f));
    pp_facts_destroy(&f);
    pp_named_clear();
}
END_TEST

START_TEST(test_rank)
{
    static const struct {
        const char *name;
        int priority;
        const char *pattern;
    } all[] = {
        { "b", 5, "web*" }, { "a", 5, "web*" }, { "low", -1, "*" },
        { "high", 9, "web-9" },
    };
    struct pp_facts f = facts(PP_SELECT_IFACE_ID, "web-1");
    struct pp_facts nine = facts(PP_SELECT_IFACE_ID, "web-9");
    struct pp_facts other = facts(PP_SELECT_IFACE_ID, "db");
    struct pp_named *named;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        named = policy(all[i].name, all[i].priority, "all");
        svec_add(&named->selectors[PP_SELECT_IFACE_ID], all[i].pattern);
        pp_named_put(named);
    }
    ck_assert(pp_named_any_by(PP_SELECT_IFACE_ID));
    ck_assert(!pp_named_any_by(PP_SELECT_PRODUCT));
    ck_assert_str_eq(pp_named_select(&f)->name, "a");
    ck_assert_str_eq(pp_named_select(&nine)->name, "high");
    ck_assert_str_eq(pp_named_select(&other)->name, "low");

    /* One that is put again takes its new place. */
    named = policy("b", 6, "all");
    svec_add(&named->selectors[PP_SELECT_IFACE_ID], "web*");
    pp_named_put(named);
    ck_assert_str_eq(pp_named_select(&f)->name, "b");
    pp_named_remove("b");
    pp_named_remove("a");
    ck_assert_str_eq(pp_named_select(&f)->name, "low");

    pp_facts_destroy(&f);
    pp_facts_destroy(&nine);
    pp_facts_destroy(&other);
    pp_named_clear();
}
END_TEST

START_TEST(test_expand)
{
    const struct pp_named **used;
    char *text;
    size_t n;

    pp_named_put(policy("web", 0, "npm/st,npm/qs"));
    pp_named_put(policy("nothing", 0, "none"));

    text = pp_named_expand("CVE-1, web  nothing\tst", &used, &n);
    ck_assert_str_eq(text, "CVE-1,npm/st,npm/qs,none,st");
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(used[0]->name, "web");
    ck_assert_str_eq(used[1]->name, "nothing");
    free(text);
    free(used);

    text = pp_named_expand("all", &used, &n);
    ck_assert_str_eq(text, "all");
    ck_assert_uint_eq(n, 0);
    free(text);
    free(used);

    text = pp_named_expand(" ,", &used, &n);
    ck_assert_str_eq(text, "");
    free(text);
    free(used);
    pp_named_clear();
}
END_TEST

START_TEST(test_kept)
{
    struct pp_named *named = policy("web", 7, "npm/st");
    struct pp_named *copy = policy("web", 7, "npm/st");
    struct pp_named *other = policy("other", -3, "none");
    struct json *json, *again;
    char *text;

    smap_add(&named->keys, PP_KEY_PORTS, "http:80,8080 smtp:25");
    smap_add(&copy->keys, PP_KEY_PORTS, "http:80,8080 smtp:25");
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        svec_add(&named->selectors[i], "x*\"\n");
        svec_add(&copy->selectors[i], "x*\"\n");
    }
    pp_named_put(named);
    pp_named_put(other);
    json = pp_named_to_json();
    text = json_to_string(json, 0);
    pp_named_clear();
    json_destroy(json);

    again = json_from_string(text);
    ck_assert_ptr_null(pp_named_from_json(again));
    ck_assert(pp_named_equals(pp_named_find("web"), copy));
    ck_assert_int_eq(pp_named_find("other")->priority, -3);
    smap_replace(&copy->keys, PP_KEY_PORTS, "http:80");
    ck_assert(!pp_named_equals(pp_named_find("web"), copy));
    json_destroy(again);
    free(text);
    pp_named_destroy(copy);
    pp_named_clear();
}
END_TEST

/* A file that was damaged changes nothing. */
START_TEST(test_not_kept)
{
    static const char *const bad[] = {
        "", "x", "{}", "[1]", "[{}]", "[{\"name\":1}]",
        "[{\"name\":\"a\",\"keys\":{},\"priority\":0}]",
        "[{\"name\":\"a\",\"keys\":{\"k\":1},\"priority\":0}]",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct json *json = json_from_string(bad[i]);
        char *error = pp_named_from_json(json);

        ck_assert_msg(error != NULL, "%s", bad[i]);
        free(error);
        json_destroy(json);
        ck_assert_ptr_null(pp_named_find("a"));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("named");
    TCase *tcase = tcase_create("named");

    tcase_add_test(tcase, test_names);
    tcase_add_loop_test(tcase, test_patterns, 0, ARRAY_SIZE(cases));
    tcase_add_test(tcase, test_no_selectors);
    tcase_add_test(tcase, test_rank);
    tcase_add_test(tcase, test_expand);
    tcase_add_test(tcase, test_kept);
    tcase_add_test(tcase, test_not_kept);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
