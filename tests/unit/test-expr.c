/* SPDX-License-Identifier: Apache-2.0 */

/* The expression language: what each part of it means, and what is said about
 * expressions that mean nothing. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-match.h"
#include "patch/pp-expr.h"
#include "patch/pp-func.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "patch/pp-regex.h"
#include "pp-toy.h"
#include "suite.h"
#include "util.h"

#define LINE "GET /a/%2e%2e/b Host=x X-Foo=1,2,3 x_foo= Big=abcdefghij\n"

struct report {
    size_t off;
    char *message;
};

static void
note_error(void *report_, size_t off, const char *message)
{
    struct report *report = report_;

    ck_assert_msg(!report->message, "reported twice: %s", message);
    report->off = off;
    report->message = xstrdup(message);
}

static struct pp_expr *
parse(const char *text, bool reply, struct report *report)
{
    struct pp_expr_env env = {
        .proxy = &pp_toy, .reply = reply, .error = note_error, .aux = report,
    };

    *report = (struct report) { 0, NULL };
    return (reply ? pp_expr_parse_template(text, strlen(text), &env)
            : pp_expr_parse(text, strlen(text), &env));
}

/* Compiles a patch with the condition 'when' and tries it on 'line'.  Takes
 * 'when'. */
static bool
holds(struct pp_expr *when, const char *line, size_t arena_size, bool *error)
{
    struct pp_view view = { (const uint8_t *) line, strlen(line), false };
    struct pp_rule *rule = xzalloc(sizeof *rule);
    struct pp_patch *patch = xzalloc(sizeof *patch);
    struct pp_pool pool = { .n = 1, .patches = &patch };
    void *scratch = xzalloc(pp_toy.scratch_size);
    void *conn = xzalloc(pp_toy.conn_size);
    struct pp_program *program;
    struct pp_patchset *set;
    struct pp_matcher m;
    struct pp_hits hits;
    struct pp_msg msg;
    char *why;
    size_t size;

    rule->when = when;
    rule->kind = PP_CORRECT_DROP;
    patch->id = xstrdup("P");
    patch->title = xstrdup("t");
    patch->proxy = &pp_toy;
    patch->rules = rule;
    patch->n_rules = 1;
    program = pp_program_build(&pool, pp_toys, &size, &why);
    ck_assert_ptr_nonnull(program);
    why = CONST_CAST(char *, pp_program_check(program, size, pp_toys));
    ck_assert_msg(!why, "%s", why);
    set = xmalloc(pp_patchset_size(program));
    pp_patchset_init(set, program);
    pp_patchset_set(set, program, 0, PP_MODE_ENFORCE);
    pp_toy.conn_init(conn);
    ck_assert_int_eq(pp_proxy_parse(&pp_toy, conn, scratch, PP_TO_SERVER, 1,
                                    &view, &msg).status, PP_PARSE_MESSAGE);
    pp_matcher_init(&m, arena_size);
    pp_matcher_bind(&m, program);
    pp_match(program, set, &msg, &m, &hits);
    pp_matcher_destroy(&m);
    if (error) {
        *error = hits.error;
    } else {
        ck_assert(!hits.error);
    }
    pp_patch_destroy(patch);
    free(program);
    free(set);
    free(conn);
    free(scratch);
    return hits.n > 0;
}

/* Conditions that are true of LINE. */
static const char *const truths[] = {
    /* Logic and its precedence. */
    "true", "not false", "!false", "not not true",
    "true or false and false", "(true or false) and true",
    "not (true and false)", "true || false && false",
    "not 1 == 2 and true",

    /* Integers. */
    "1 + 2 * 3 == 7", "(1 + 2) * 3 == 9", "7 / 2 == 3", "7 % 4 == 3",
    "7 / 0 == 0", "7 % 0 == 0", "-3 < 0", "0x10 == 16", "2 - 3 == -1",
    "- len(\"abc\") == -3", "1 != 2", "2 >= 2", "2 <= 2", "not 2 > 2",
    "9223372036854775807 + 1 == 9223372036854775807",
    "-9223372036854775807 - 5 < -9223372036854775807",
    "9223372036854775807 * 2 == 9223372036854775807",
    "(-9223372036854775807 - 1) / -1 == 9223372036854775807",
    "(-9223372036854775807 - 1) % -1 == 0",
    "3 in [1, 2, 3]", "not 4 in [1, 2, 3]",

    /* Bytes. */
    "verb == \"GET\"", "verb != 'get'", "verb ~= 'get'",
    "verb in [\"PUT\", \"GET\"]", "not verb in [\"PUT\", \"POST\"]",
    "\"\\r\\n\\t\\0\\x41\\\\\\\"\" == concat('\\r', '\\n', '\\t', "
        "'\\0', 'A', '\\\\', '\"')",
    "len('\\0\\xff') == 2", "'' == ''", "(verb == 'GET') == true",

    /* Lists. */
    "n.pairs == 4", "count(pairs) == 4", "count(pairs, size > 1) == 2",
    "any(pairs, name == \"Host\")", "not any(pairs, name == \"host\")",
    "all(pairs, len(name) > 0)", "not all(pairs, size == 1)",
    "exists(pairs[\"HOST\"])", "not exists(pairs[\"Cookie\"])",
    "pairs[\"host\"].value == \"x\"", "pairs[\"none\"].value == \"\"",
    "pairs[\"none\"].size == 0", "count(pairs[\"Host\"]) == 1",
    "any(pairs[\"Big\"], size == 10)", "any(pairs, index == 3)",
    "not any(pairs, index == 4)", "all(pairs[\"none\"], false)",
    "any(pairs, name contains \"_\" and "
        "exists(pairs[replace_all(name, \"_\", \"-\")]))",
    "any(pairs, any(pairs, name == \"Host\"))",
    "any(split(pairs[\"X-Foo\"].value, \",\"), piece == \"2\")",
    "count(split(pairs[\"X-Foo\"].value, \",\")) == 3",
    "count(split(\"\", \",\")) == 1",
    "all(split(\"a, b\", \",\"), trim(piece) in [\"a\", \"b\"])",
    "any(pairs, any(split(value, \",\"), piece == \"3\" and "
        "name == \"X-Foo\"))",
    "if(verb == \"GET\", 1, 2) == 1", "if(false, \"a\", verb) == \"GET\"",

    /* Regular expressions. */
    "matches(argument, \"%2[eE]\", false)", "matches(\"\", \"^$\", false)",
    "not matches(verb, \"^GE$\", true)", "matches(verb, \"(?i)^get$\", false)",
    "not matches(\"a\\nb\", \"^b\", true)",
    "matches(\"a\\nb\", \"(?m)^b\", false)",
    "matches(\"a\\n\", \"a$\", false)",
    "not matches(\"a\\n\", \"a\\\\z\", true)",
    "matches(\"\\0\\xff\", \"^\\\\x00\\xff$\", false)",
    "any(pairs, matches(name, \"_\", false))",
    "matches(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\", "
        "\"^(a|aa)+$\", true)",
    "not matches(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\", "
        "\"^(a|aa)+$\", false)",

    /* Versions; networks. */
    "version(\"dev\") < version(\"0\")", "version(\"0\") < version(\"0.1\")",
    "version(\"0.1\") < version(\"1.0~rc1\")",
    "version(\"1.0~rc1\") < version(\"1.0.dev3\")",
    "version(\"1.0.dev3\") < version(\"1.0a1\")",
    "version(\"1.0a1\") < version(\"1.0-alpha.2\")",
    "version(\"1.0-alpha.2\") < version(\"1.0b1\")",
    "version(\"1.0b1\") < version(\"1.0-rc.1\")",
    "version(\"1.0-rc.1\") < version(\"1.0\")",
    "version(\"1.0\") < version(\"1.0.0p1\")",
    "version(\"1.0.0p1\") < version(\"1.0.0.1\")",
    "version(\"1.0.0.1\") < version(\"1.0.2\")",
    "version(\"1.0.2\") < version(\"1.0.2b\")",
    "version(\"1.0.2b\") < version(\"1.0.2k\")",
    "version(\"1.0.2k\") < version(\"1.0.10\")",
    "version(\"1.0.10\") < version(\"1.2-1\")",
    "version(\"1.2-1\") < version(\"1.2-1+deb12u1\")",
    "version(\"1.2-1+deb12u1\") < version(\"1.2-1+deb12u2\")",
    "version(\"1.2-1+deb12u2\") < version(\"1.10\")",
    "version(\"1.10\") < version(\"2\")", "version(\"2\") < version(\"10.0\")",
    "version(\"10.0\") < version(\"123456789012345678901234567890\")",
    "version(\"1.2\") == version(\"1.2.0\")",
    "version(\"1.2\") == version(\"v1.2 (Debian)\")",
    "version(\"1.0-rc1\") == version(\"1.RC-1\")",
    "version(\"01.2\") == version(\"1.02\")",
    "version(\"1.0\") == version(\"1\")", "version(\"\") == version(\"x\")",
    "version(\"1.2/x\") == version(\"1.2\")",
    "version(\"1.3\") >= version(\"1.3\")",
    "version(\"1.3\") <= version(\"1.3.0\")",
    "not version(\"1.3\") > version(\"1.3\")",
    "version(\"2\") > version(\"1.9\")", "version(\"1\") != version(\"2\")",
    "not version(after(\"ProFTPD 1.3.5e Server\", \" \")) < v"
        "ersion(\"1.3.5d\")",
    "if(true, version(\"1\"), version(\"2\")) < version(\"1.1\")",
    "\"\\xc0\\x00\\x02\\x05\" in net \"192.0.2.0/24\"",
    "not \"\\xc0\\x00\\x03\\x05\" in net \"192.0.2.0/24\"",
    "\"\\xc0\\x00\\x02\\x81\" in net \"192.0.2.128/25\"",
    "not \"\\xc0\\x00\\x02\\x7f\" in net \"192.0.2.128/25\"",
    "ip_address(\"10.1.2.3\") in net [\"192.168.0.0/16\", \"10.0.0.0/8\"]",
    "ip_address(\"2001:db8::1\") in net \"2001:db8::/32\"",
    "not ip_address(\"10.0.0.1\") in net \"::/0\"",
    "ip_address(\"10.0.0.1\") in net \"0.0.0.0/0\"",
    "ip_address(\"10.0.0.1\") in net \"10.0.0.1\"",
    "not ip_address(\"10.0.0.2\") in net \"10.0.0.1\"",
    "ip_address(\"10.0.0.1\") in net \"::ffff:10.0.0.0/104\"",
    "not \"\" in net \"0.0.0.0/0\"",
    "not \"abc\" in net [\"0.0.0.0/0\", \"::/0\"]",
    "in_net(ip_address(\"::1\"), \"::1/128\")",
    "in_net(ip_address(\"fe80::9\"), [\"10.0.0.0/8\", \"fe80::/10\"])",
    "not \"\" in net \"::\"",

    /* Functions. */
    "contains(\"abc\", \"bc\")", "\"abc\" contains \"\"",
    "not \"abc\" contains \"abcd\"",
    "starts_with(\"abc\", \"ab\")", "\"abc\" starts_with \"\"",
    "not \"a\" starts_with \"ab\"",
    "ends_with(\"abc\", \"bc\")", "not \"c\" ends_with \"bc\"",
    "\"\" ends_with \"\"",
    "only(\"a-b\", \"[a-z-]\")", "only(\"\", \"[x]\")",
    "not only(\"aB\", \"[^A-Z]\")", "only(\"a]b\", \"[ab\\\\]]\")",
    "any_of(\"abc\", \"[c]\")", "not any_of(\"\", \"[^a]\")",
    "any_of(\"\\0\", \"[\\0-\\x1f]\")",
    "is_decimal(\"0123\")", "not is_decimal(\"\")", "not is_decimal(\"-1\")",
    "is_hex(\"0aF\")", "not is_hex(\"0x1\")",
    "is_token(\"a-b!\")", "not is_token(\"a b\")", "not is_token(\"\")",
    "escapes_root(\"/../a\")", "escapes_root(\"a/../../b\")",
    "not escapes_root(\"/a/../b\")", "not escapes_root(\"/...\")",
    "escapes_root(\"/a/..//../b\")", "not escapes_root(\"\")",
    "escapes_root(\"..\")", "escapes_root(\"/a/../../a/b\")",
    "not escapes_root(percent_decode(argument))",
    "len(\"\") == 0", "find(\"abc\", \"c\") == 2",
    "find(\"abc\", \"d\") == -1",
    "find(\"abac\", \"ac\") == 2", "find(\"aaab\", \"ab\") == 2",
    "find(\"aaa\", \"ab\") == -1", "find(\"a\", \"ab\") == -1",
    "find(\"aabaabc\", \"abc\") == 4", "find(\"xxab\", \"abc\") == -1",
    "find(\"aa\", \"aa\") == 0", "find(\"ba\", \"a\") == 1",
    "find(\"\", \"\") == 0", "find_last(\"abab\", \"ab\") == 2",
    "find_last(\"abab\", \"x\") == -1",
    "find_last(\"aaa\", \"aa\") == 1",
    "count_of(\"a[b][c]\", \"[\\\\[]\") == 2",
    "split_count(\"a,b,\", \",\") == 3", "split_count(\"\", \",\") == 1",
    "byte(\"a\\xff\", 1) == 255", "byte(\"a\", 1) == -1",
    "byte(\"a\", -1) == -1",
    "be16(\"\\x01\\x02\", 0) == 0x0102", "be16(\"\\x01\\x02\", 1) == -1",
    "be32(\"\\xff\\x01\\x02\\x03\\x04\", 1) == 0x01020304",
    "le16(\"\\x01\\x02\", 0) == 0x0201",
    "le32(\"\\x01\\x02\\x03\\xff\", 0) == 0xff030201",
    "be32(\"\", 9223372036854775807) == -1",
    "parse_int(\"12\") == 12", "parse_int(\"\") == -1",
    "parse_int(\" 1\") == -1", "parse_int(\"+1\") == -1",
    "parse_int(\"99999999999999999999\") == 9223372036854775807",
    "parse_hex(\"fF\") == 255", "parse_hex(\"0xff\") == -1",
    "min(1, 2) == 1", "max(1, 2) == 2",
    "slice(\"abcd\", 1, 3) == \"bc\"", "slice(\"abcd\", -5, 99) == \"abcd\"",
    "slice(\"abcd\", 3, 1) == \"\"",
    "trim(\" \\ta b \") == \"a b\"", "strip(\"--a-\", \"[-]\") == \"a\"",
    "before(\"a=b=c\", \"=\") == \"a\"", "before(\"a\", \"=\") == \"a\"",
    "after(\"a=b=c\", \"=\") == \"b=c\"", "after(\"a\", \"=\") == \"\"",
    "after(\"\", \"\") == \"\"",
    "last(\"a/b/c\", \"/\") == \"c\"", "last(\"a\", \"/\") == \"a\"",
    "percent_decode(\"%41%2e%zz%4\") == \"A.%zz%4\"",
    "percent_decode(\"%252e\") == \"%2e\"",
    "percent_decode(\"a+b\") == \"a+b\"",
    "form_decode(\"a+b%2b\") == \"a b+\"",
    "percent_encode(\"aZ9-._~[ ]\\0\\xff%\") == "
        "\"aZ9-._~%5B%20%5D%00%FF%25\"",
    "lower(\"AbC\\xc4\") == \"abc\\xc4\"", "upper(\"aBc\") == \"ABC\"",
    "concat(\"a\", \"\", \"b\", \"c\") == \"abc\"", "concat(\"a\") == \"a\"",
    "html_escape(\"<a b='c' d=\\\"&\\\">\") == "
        "\"&lt;a b=&#39;c&#39; d=&quot;&amp;&quot;&gt;\"",
    "replace_all(\"aXbX\", \"X\", \"yy\") == \"ayybyy\"",
    "replace_all(\"aa\", \"a\", \"\") == \"\"",
    "replace_first(\"aXbX\", \"X\", \"yy\") == \"ayybX\"",
    "replace_first(\"ab\", \"\", \"x\") == \"ab\"",
    "translate(\"a\\\\b/c\", \"[/\\\\\\\\]\", \"|\") == \"a|b|c\"",
    "normalize_path(\"/a/./b//../c/\") == \"/a/c/\"",
    "normalize_path(\"/../../a\") == \"/a\"",
    "normalize_path(\"../a/../../b\") == \"../../b\"",
    "normalize_path(\"\") == \"\"", "normalize_path(\"/\") == \"/\"",
    "normalize_path(\"a/..\") == \"\"",
    "normalize_path(\"/a/b/..\") == \"/a\"",
    "normalize_path(\"..a/..\") == \"\"",
    "python_repr(\"a'\\\\b\\t\\x00\\xe9\\xad\") == "
        "\"\\\"a'\\\\\\\\b\\\\t\\\\x00\\xe9\\\\xad\\\"\"",
    "python_repr(\"'\\\"\") == \"'\\\\'\\\"'\"", "python_repr(\"\") == \"''\"",
    "latin1_upper(\"a\\xe9\\xf7\\xff\\xdf\") == \"A\\xc9\\xf7\\xffSS\"",
    "qs_without(\"a[p][x]=1&b\", \"p\", 5) == \"a[p]0=&b\"",
    "qs_without(\"a[p]=1\", \"p\", 5) == \"a[p]=1\"",
    "qs_without(\"a[p]=1&a%5bp%5D=2&\", \"p\", 5) == \"a[p]0=&&\"",
    "qs_without(\"p[x]=1&[p][x]&p[p][x]\", \"p\", 5) == "
        "\"p[x]=1&[p][x]&p[p][x]\"",
    "qs_without(\"a[b]z[p]z[x]z\", \"p\", 5) == \"a[b]z[p]0=\"",
    "qs_without(\"a[b][p][x]\", \"p\", 1) == \"a[b][p][x]\"",
    "qs_without(\"a[p][x]\", \"p\", 1) == \"a[p]0=\"",
    "qs_without(\"a=b[p][x]=1=2\", \"p\", 5) == \"a%3Db[p]0=\"",
    "qs_without(\"a[%70][x]\", \"p\", 5) == \"a[%70]0=\"",
    "qs_without(\"%5B[p][%zz]\", \"p\", 5) == \"%255B[p]0=\"",
    "qs_without(\"a[[p][x]]\", \"p\", 5) == \"a[[p]0=\"",
    "qs_without(\"\\xe9[p]&%C3%A9[p]\", \"p\", 5) == \"\\xe9[p]0=&\"",
    "qs_without(\"\", \"p\", 5) == \"\"",
    "decimal(-12) == \"-12\"", "hex(\"\\x00\\xfe\") == \"00fe\"",
    "put_byte(256 + 65) == \"A\"", "put_be16(0x0102) == \"\\x01\\x02\"",
    "put_be32(0x01020304) == \"\\x01\\x02\\x03\\x04\"",
    "put_le16(0x0102) == \"\\x02\\x01\"",
    "node_ascii(\"\\xd0ort\\xff\") == \"Port\\x7f\"",
    "node_ascii(\"\") == \"\"",
    "npm_ip(\"192.000.2.257\") == \"\\xc0\\x00\\x02\\x01\"",
    "npm_ip(\"::FFFF:192.0.2.1\") == \"\\xc0\\x00\\x02\\x01\"",
    "npm_ip(\"::192.0.2.1\") == \"\\xc0\\x00\\x02\\x01\"",
    "npm_ip(\"2001:db8::1\") == ip_address(\"2001:db8::1\")",
    "len(npm_ip(\"\")) == 16", "len(npm_ip(\"a:b:c\")) == 16",
    "npm_ip(\"1.2.3\") == \"\"", "npm_ip(\"1.2.3.4567\") == \"\"",
    "npm_ip(\"1.2.3.4.5\") == \"\"", "npm_ip(\"1.2..4\") == \"\"",
    "npm_ip(\" 1.2.3.4\") == \"\"", "npm_ip(\"undefined\") == \"\"",
    "ftp_srv_host(\"PORT 1,2,3,4,5,6\") == \"=1.2.3.4\"",
    "ftp_srv_host(\"\\t\\xc2\\xa0pO\\\"rt\\r a,,c,d,,\") == \"=a..c.d\"",
    "ftp_srv_host(\"PORT -a 1,2,3,4, -b 5,6\") == \"=1.2.3.4\"",
    "ftp_srv_host(\"PORT  1,2,3,4,5,6\") == \"= 1.2.3.4\"",
    "ftp_srv_host(\"PORT 1,2,3,4,5\") == \"\"",
    "ftp_srv_host(\"PORT 1,2,3,4,5,6,7\") == \"\"",
    "ftp_srv_host(\"PORT\") == \"\"", "ftp_srv_host(\"\") == \"\"",
    "ftp_srv_host(\"XPORT 1,2,3,4,5,6\") == \"\"",
    "ftp_srv_host(\"EPRT |2|::1|5|\") == \"=::1\"",
    "ftp_srv_host(\"EPRT x|valueOf|h\") == \"=h\"",
    "ftp_srv_host(\"EPRT |1||5|\") == \"=\"",
    "ftp_srv_host(\"EPRT |1\") == \"=undefined\"",
    "ftp_srv_host(\"EPRT |3|h|5|\") == \"\"",
    "ftp_srv_host(\"EPRT 1\") == \"\"",
    "ip_address(\"192.0.2.1\") == \"\\xc0\\x00\\x02\\x01\"",
    "ip_address(\"::ffff:192.0.2.1\") == ip_address(\"192.0.2.1\")",
    "len(ip_address(\"2001:db8::1\")) == 16",
    "ip_address(\"2001:DB8:0::1\") == ip_address(\"2001:db8::1\")",
    "ip_address(\"\") == \"\"", "ip_address(\"192.0.2\") == \"\"",
    "ip_address(\"192.0.2.256\") == \"\"",
    "ip_address(\"192.0.2.1\\0\") == \"\"",
    "ip_address(\"192.0.2.1 \") == \"\"", "ip_address(\"a.example\") == \"\"",
    "ip_address(\"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000\") "
        "== \"\"",
    "ip_text(\"\\xc0\\x00\\x02\\x01\") == \"192.0.2.1\"",
    "ip_text(ip_address(\"2001:db8:0:0::1\")) == \"2001:db8::1\"",
    "ip_text(\"abc\") == \"\"", "ip_text(\"\") == \"\"",
    "put_le32(0x01020304) == \"\\x04\\x03\\x02\\x01\"",
    "(6 & 3) == 2", "6 & 3 == 2", "(6 | 3) == 7", "1 | 2 & 2 == 3",
    "1 << 4 == 16", "1 << 2 + 1 == 8", "-8 >> 1 == -4",
    "256 >> 4 & 0xff == 16", "1 << 64 == 0", "1 << -1 == 1", "-1 >> 99 == -1",
    "5 >> -3 == 5", "1 << 63 < 0", "-1 & 0xff == 255",
    "sum(pairs, size) == 16", "sum(pairs[\"none\"], size) == 0",
    "sum(split(\"1,2,3\", \",\"), parse_int(piece)) == 6",
    "sum(split(\"9223372036854775807,5\", \",\"), parse_int(piece)) == "
        "9223372036854775807",
    "sum(pairs, sum(split(value, \",\"), len(piece))) == "
        "len(concat(\"x\", \"123\", \"abcdefghij\"))",
    "contains_nocase(\"aBc\", \"bC\")", "not contains_nocase(\"abc\", \"bd\")",
    "contains_nocase(\"\", \"\")", "starts_with_nocase(\"HTTP/1\", \"http\")",
    "not starts_with_nocase(\"HT\", \"http\")",
    "starts_with_nocase(\"a\", \"\")", "ends_with_nocase(\"x.PHP\", \".php\")",
    "not ends_with_nocase(\"php\", \".php\")", "ends_with_nocase(\"\", \"\")",
    "nesting(\"f(a[b(c)])\", \"[([]\", \"[)\\\\]]\") == 3",
    "nesting(\")))(\", \"[(]\", \"[)]\") == 1",
    "nesting(\"\", \"[(]\", \"[)]\") == 0",
    "nesting(\"()()(())\", \"[(]\", \"[)]\") == 2",
    "bits(\"\\x81\\x0f\", 0, 1) == 1", "bits(\"\\x81\\x0f\", 7, 2) == 2",
    "bits(\"\\x81\\x0f\", 12, 4) == 15", "bits(\"\\x81\\x0f\", 12, 5) == -1",
    "bits(\"\\x81\", 0, 0) == -1", "bits(\"\\x81\", 8, 1) == -1",
    "bits(\"\\x81\", -1, 1) == -1", "bits(\"abcdefgh\", 0, 64) == -1",
    "bits(\"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\", 1, 63) == "
        "9223372036854775807",
    "bits(\"\", 0, 1) == -1", "bits(\"a\", 9223372036854775807, 1) == -1",
    "strtol(\" \\t-12x\", 10) == -12", "strtol(\"0x1Fg\", 0) == 31",
    "strtol(\"0x1f\", 16) == 31", "strtol(\"0xg\", 16) == 0",
    "strtol(\"017\", 0) == 15", "strtol(\"018\", 0) == 1",
    "strtol(\"zz\", 36) == 1295", "strtol(\"12\", 1) == 0",
    "strtol(\"12\", 37) == 0", "strtol(\"\", 10) == 0",
    "strtol(\"+7\", 10) == 7", "strtol(\"- 7\", 10) == 0",
    "strtol(\"0b1\", 2) == 0",
    "strtol(\"99999999999999999999\", 10) == 9223372036854775807",
    "strtol(\"-99999999999999999999\", 10) < -9223372036854775807",
    "strtol(\"-9223372036854775808\", 10) == -9223372036854775807 - 1",
    "strtol(\"\\0\", 10) == 0", "strtoul(\"42\", 10) == 42",
    "strtoul(\"-1\", 10) == 9223372036854775807",
    "strtoul(\"-18446744073709551615\", 10) == 1",
    "strtoul(\"99999999999999999999\", 10) == 9223372036854775807",
    "strtol_rest(\"12ab\", 10) == \"ab\"", "strtol_rest(\" 12\", 10) == \"\"",
    "strtol_rest(\" x\", 10) == \" x\"", "strtol_rest(\"0x\", 16) == \"x\"",
    "strtol_rest(\"\", 10) == \"\"", "strtol_rest(\"-\", 10) == \"-\"",
    "signed(255, 8) == -1", "signed(0x17f, 8) == 127",
    "signed(4294967295, 32) == -1", "signed(-5, 64) == -5",
    "signed(2, 1) == 0", "signed(3, 1) == -1",
    "signed(strtol(\"4294967297\", 10), 32) == 1",
    "remove_dot_segments(\"/a/./b/../../c\") == \"/c\"",
    "remove_dot_segments(\"mid/content=5/../6\") == \"mid/6\"",
    "remove_dot_segments(\"/a//../b\") == \"/a/b\"",
    "remove_dot_segments(\"/a//b/..\") == \"/a//\"",
    "remove_dot_segments(\"../a\") == \"a\"",
    "remove_dot_segments(\"./a\") == \"a\"",
    "remove_dot_segments(\"/./\") == \"/\"",
    "remove_dot_segments(\"/../\") == \"/\"",
    "remove_dot_segments(\"/..\") == \"/\"",
    "remove_dot_segments(\"/.\") == \"/\"",
    "remove_dot_segments(\".\") == \"\"",
    "remove_dot_segments(\"..\") == \"\"", "remove_dot_segments(\"\") == \"\"",
    "remove_dot_segments(\"a/..\") == \"/\"",
    "remove_dot_segments(\"a/../b\") == \"/b\"",
    "remove_dot_segments(\"/a/b/.\") == \"/a/b/\"",
    "remove_dot_segments(\"//\") == \"//\"",
    "remove_dot_segments(\"/../../x\") == \"/x\"",
    "remove_dot_segments(\"a/./\") == \"a/\"",
    "remove_dot_segments(\"...\") == \"...\"",
    "remove_dot_segments(\"/...\") == \"/...\"",
    "remove_dot_segments(\"//a/..\") == \"//\"",
    "remove_dot_segments(\"a//\") == \"a//\"",
    "remove_dot_segments(\"/a/.../../b\") == \"/a/b\"",
    "remove_dot_segments(\"a/../\") == \"/\"",
    "remove_dot_segments(\"./..\") == \"\"",
    "remove_dot_segments(\".././a\") == \"a\"",
    "python_normpath(\"/a/./b//../c/\") == \"/a/c\"",
    "python_normpath(\"//a\") == \"//a\"",
    "python_normpath(\"///a\") == \"/a\"", "python_normpath(\"//\") == \"//\"",
    "python_normpath(\"\") == \".\"", "python_normpath(\"a/..\") == \".\"",
    "python_normpath(\"../a/../../b\") == \"../../b\"",
    "python_normpath(\"/..\") == \"/\"", "python_normpath(\".\") == \".\"",
    "python_normpath(\"/a/b/..\") == \"/a\"",
    "python_normpath(\"//..\") == \"//\"", "python_normpath(\"./\") == \".\"",
    "nginx_path(\"/a/%2e%2e/b\") == \"/b\"",
    "nginx_path(\"/a//b\") == \"/a/b\"",
    "nginx_path(\"/a/b/../../..\") == \"\"", "nginx_path(\"/..\") == \"\"",
    "nginx_path(\"/a/..\") == \"/\"", "nginx_path(\"/a/.\") == \"/a/\"",
    "nginx_path(\"/%2e%2E%2f\") == \"\"",
    "nginx_path(\"/a%2f..%2fb\") == \"/b\"", "nginx_path(\"/a%00\") == \"\"",
    "nginx_path(\"/a%2\") == \"\"", "nginx_path(\"/%zz\") == \"\"",
    "nginx_path(\"/a%3fb%23%25\") == \"/a?b#%\"",
    "nginx_path(\"/a?b\") == \"/a\"", "nginx_path(\"/a/...\") == \"/a/...\"",
    "nginx_path(\"/a/..b\") == \"/a/..b\"",
    "nginx_path(\"/a/./b\") == \"/a/b\"", "nginx_path(\"/./../x\") == \"\"",
    "nginx_path(\"a\") == \"\"", "nginx_path(\"\") == \"\"",
    "nginx_path(\"/\") == \"/\"", "nginx_path(\"//\") == \"/\"",
    "nginx_path(\"/a/..%3f\") == \"/a/..?\"",
    "nginx_path(\"/%2525\") == \"/%25\"",
    "nginx_path(\"/a/b/..#x\") == \"/a/\"",
    "drop_path_parameters(\"/a;x=1/b;y\") == \"/a/b\"",
    "drop_path_parameters(\"/..;/b\") == \"/../b\"",
    "drop_path_parameters(\"/a\") == \"/a\"",
    "drop_path_parameters(\";/;\") == \"/\"",
    "drop_path_parameters(\"\") == \"\"",
    "windows_path(\"a\\\\..\\\\b. .\") == \"a/../b\"",
    "windows_path(\"/x.php. /y\") == \"/x.php/y\"",
    "windows_path(\"..\") == \"..\"", "windows_path(\".\") == \".\"",
    "windows_path(\"...\") == \"\"", "windows_path(\"/. ./a\") == \"//a\"",
    "windows_path(\"\") == \"\"", "windows_path(\"\\\\\") == \"/\"",
    "html_unescape(\"&lt;a&gt;&amp;&quot;&apos;&#39;\") == \"<a>&\\\"''\"",
    "html_unescape(\"&#x3C;&#60\") == \"<<\"",
    "html_unescape(\"&#x41g\") == \"Ag\"",
    "html_unescape(\"&#;&#x;&x;&\") == \"&#;&#x;&x;&\"",
    "html_unescape(\"a&b\") == \"a&b\"",
    "html_unescape(\"&colon;&Tab;&NewLine;\") == \":\\t\\n\"",
    "html_unescape(\"&ltx\") == \"<x\"", "html_unescape(\"&AMP\") == \"&\"",
    "html_unescape(\"&#128;&#x9f;\") == \"\\xe2\\x82\\xac\\xc5\\xb8\"",
    "html_unescape(\"&#0;&#xd800;&#x110000;&#99999999999;\") == "
        "\"\\xef\\xbf\\xbd\\xef\\xbf\\xbd\\xef\\xbf\\xbd\\xef\\xbf\\xbd\"",
    "html_unescape(\"&#228;&#x20ac;&#x1F600;\") == "
        "\"\\xc3\\xa4\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\"",
    "html_unescape(\"&amp;lt;\") == \"&lt;\"",
    "html_unescape(\"&nbsp;\") == \"\\xc2\\xa0\"",
    "html_unescape(\"&lbrack;&vert;\") == \"[|\"",
    "html_unescape(\"&lpar\") == \"&lpar\"", "html_unescape(\"&\") == \"&\"",
    "html_unescape(\"&#x\") == \"&#x\"", "html_unescape(\"\") == \"\"",
    "is_base64(\"QUI=\")", "is_base64(\"\")", "not is_base64(\"QUI\")",
    "not is_base64(\"Q===\")", "not is_base64(\"QU\\nI=\")",
    "not is_base64(\"QU-_\")", "not is_base64(\"====\")",
    "is_base64(\"Q+/=\")", "not is_base64(\"QQ=a\")",
    "base64_decode(\"QUI=\") == \"AB\"", "base64_decode(\"QUJD\") == \"ABC\"",
    "base64_decode(\"QQ==\") == \"A\"", "base64_decode(\"QUI\") == \"\"",
    "base64_decode(\"QU I=\") == \"\"", "base64_decode(\"\") == \"\"",
    "base64_decode_lenient(\"QUI\") == \"AB\"",
    "base64_decode_lenient(\"Q U\\r\\nJ D\") == \"ABC\"",
    "base64_decode_lenient(\"QQ==QQ==\") == \"A\"",
    "base64_decode_lenient(\"-_8\") == \"\\xfb\\xff\"",
    "base64_decode_lenient(\"+/8\") == \"\\xfb\\xff\"",
    "base64_decode_lenient(\"\") == \"\"",
    "base64_decode_lenient(\"!\") == \"\"",
    "base64_decode_lenient(\"Q\") == \"\"",
    "quoted_printable_decode(\"a=3Db=0D\") == \"a=b\\r\"",
    "quoted_printable_decode(\"soft=\\r\\nline\") == \"softline\"",
    "quoted_printable_decode(\"soft= \\t\\nx\") == \"softx\"",
    "quoted_printable_decode(\"blank \\t\\r\\nend \") == "
        "\"blank\\r\\nend \"",
    "quoted_printable_decode(\"=20\\r\\n\") == \" \\r\\n\"",
    "quoted_printable_decode(\"=\") == \"\"",
    "quoted_printable_decode(\"=ZZ=4\") == \"=ZZ=4\"",
    "quoted_printable_decode(\"a =\\r\\n \\r\\nb\") == \"a \\r\\nb\"",
    "quoted_printable_decode(\"\") == \"\"",
    "quoted_printable_decode(\"=3d=e9\") == \"=\\xe9\"",
};

START_TEST(test_truths)
{
    const char *text = truths[_i];
    struct report report;
    struct pp_expr *e = parse(text, false, &report);

    ck_assert_msg(e != NULL, "%s: %s", text,
                  report.message ? report.message : "?");
    ck_assert_int_eq(e->type, PP_TYPE_BOOL);
    ck_assert_msg(holds(e, LINE, 65536, NULL), "not true: %s", text);
}
END_TEST

/* Every function must be in the table above. */
START_TEST(test_all_functions)
{
    for (const struct pp_func *f = pp_funcs; f->name; f++) {
        char *call = xasprintf("%s(", f->name);
        bool found = false;

        for (size_t i = 0; i < ARRAY_SIZE(truths); i++) {
            found = found || strstr(truths[i], call);
        }
        ck_assert_msg(found, "no case for %s", f->name);
        ck_assert_msg(f->doc[strlen(f->doc) - 1] == '.', "%s: no sentence",
                      f->name);
        free(call);
    }
}
END_TEST

static const struct {
    const char *text;
    size_t off;
    const char *message;
} errors[] = {
    { "", 0, "ends too early" },
    { "verb ==", 7, "ends too early" },
    { "verb = \"x\"", 5, "'==' compares" },
    { "verb == \"x", 8, "does not end" },
    { "verb == \"\\q\"", 9, "unknown escape" },
    { "verb == \"\\x4\"", 9, "two hexadecimal digits" },
    { "verb == 'a' 'b'", 12, "an operator or the end" },
    { "(verb == 'a'", 12, "')' is expected" },
    { "varb == 'a'", 0, "did you mean 'verb'?" },
    { "zzzzzzz == 'a'", 0, "known: verb, argument" },
    { "lenn(verb) > 1", 0, "did you mean 'len'?" },
    { "len(verb, 1) > 1", 8, "')' is expected" },
    { "len(1) > 1", 4, "argument 1 of len() wants bytes, this is an" },
    { "find(verb) > 1", 9, "a comma and another argument" },
    { "verb", 0, NULL },
    { "verb > 1", 0, "wants an integer, this is bytes" },
    { "verb == 1", 5, "bytes and an integer cannot be compared" },
    { "verb and true", 0, "'and' wants a condition" },
    { "not verb", 4, "'not' wants a condition" },
    { "1 + verb == 1", 4, "arithmetic wants an integer" },
    { "text == 'a'", 0, "no field 'text' in the event 'command'; it is in: "
                        "comment" },
    { "name == 'a'", 0, "not known" },
    { "any(verb, true)", 4, "any() wants a list, this is bytes" },
    { "any(pairs)", 9, "a comma and a condition" },
    { "any(pairs, nam == 'x')", 11, "did you mean 'name'?" },
    { "pairs['x'].valu == 'y'", 11, "did you mean 'value'?" },
    { "pairs['x'] == 'y'", 11, "cannot be compared" },
    { "verb['x'] == 'y'", 4, "only a list" },
    { "pairs[1].value == 'y'", 6, "the key wants bytes" },
    { "only(verb, 'a-z')", 11, "\"[...]\"" },
    { "only(verb, '[]')", 11, "at least one" },
    { "only(verb, '[z-a]')", 11, "backwards" },
    { "only(verb, argument)", 11, "a character class is expected" },
    { "verb in ['a', 1]", 14, "strings" },
    { "verb in 'a'", 8, "'['" },
    { "date == ''", 0, "known only in one" },
    { "split(verb, '') == ''", 12, "at least one byte" },
    { "if(true, 1, 'a') == 1", 12, "of one type" },
    { "matches(verb, '(a')", 14, "at byte 2 of the regular expression: "
                               "missing closing parenthesis" },
    { "matches(verb, 'a')", 17, "when the search takes too long" },
    { "matches(verb, 'a', 1)", 19, "true or false is expected" },
    { "matches(verb, verb, true)", 14, "in quotes" },
    { "matches(verb, '(?<x>a)\\\\k<x>', true)", 14, "back to a group" },
    { "matches(verb, '(*UTF)a', true)", 14, "regular expression: " },
    { "matches(verb, '(ab?c){999}', true)", 14, "too large" },
    { "verb in net '10.0.0.0/8'", 0, NULL },
    { "verb in net '10.0.0.1/8'", 12, "behind its prefix" },
    { "verb in net '10.0.0.0/33'", 12, "no more bits" },
    { "verb in net '::ffff:10.0.0.0/95'", 12, "no more bits" },
    { "verb in net '10.0.0.0/'", 12, "no more bits" },
    { "verb in net '10.0.0.0/x'", 12, "a number of bits" },
    { "verb in net 'ten'", 12, "a network is written" },
    { "verb in net verb", 12, "networks in quotes" },
    { "verb in net ['::', verb]", 19, "networks in quotes" },
    { "verb in net ['::'", 17, "']' is expected" },
    { "1 in net '::'", 0, "'in net' wants bytes" },
    { "version(verb) < '1.2'", 16, "wants a version, this is bytes" },
    { "version(verb) == '1.2'", 14, "cannot be compared" },
    { "version(verb) in ['1.2']", 0, "'in' wants bytes, this is a version" },
    { "client.addres == ''", 0, "did you mean 'client.address'?" },
    { "client.port == ''", 12, "cannot be compared" },
    { "1 | verb == 1", 4, "arithmetic wants an integer" },
    { "sum(pairs, name) == 1", 11, "sum() wants an integer, this is bytes" },
    { "sum(pairs) == 1", 9, "a comma and an integer" },
    { "99999999999999999999 == 1", 0, "64 bits" },
    { "0x == 1", 0, "not a number" },
    { "1a == 1", 0, "not a number" },
    { "verb == 'a' # c", 12, "no meaning" },
    { "any(pairs, any(pairs, any(pairs, any(pairs, true))))", 33, "deep" },
    { "any(pairs, any(pairs, any(pairs, html_escape(html_escape("
      "html_escape(html_escape(html_escape(html_escape(name)))))) == "
      "'x')))", 0, "could take too long" },
};

START_TEST(test_errors)
{
    struct report report;
    struct pp_expr *e = parse(errors[_i].text, false, &report);

    if (!errors[_i].message) {
        ck_assert_ptr_nonnull(e);
        pp_expr_destroy(e);
        return;
    }
    ck_assert_msg(!e, "accepted: %s", errors[_i].text);
    ck_assert_msg(strstr(report.message, errors[_i].message) != NULL,
                  "%s: \"%s\", expected \"%s\"", errors[_i].text,
                  report.message, errors[_i].message);
    ck_assert_msg(report.off == errors[_i].off,
                  "%s: offset %"PRIuSIZE", expected %"PRIuSIZE" (%s)",
                  errors[_i].text, report.off, errors[_i].off,
                  report.message);
    free(report.message);
}
END_TEST

/* Deep and long expressions are refused, not followed. */
START_TEST(test_limits)
{
    static const struct {
        const char *start, *middle, *end;
        size_t n;
        bool ok;
    } cases[] = {
        { "", "(", "", 100000, false },
        { "", "not ", "true", 100000, true },
        { "", "-", "1 == 1", 100000, false },
        { "1 == 1", " + 1", "", 60, true },
        { "1 == 1", " + 1", "", 100, false },
        { "1 == 1", " + 1", "", 5000, false },
        { "true", " or true", "", 500, true },
        { "true", " or verb == 'a'", "", 5000, false },
        { "", "lower(", "", 100000, false },
        { "1 in [1", ", 2", "]", 999, true },
        { "1 in [1", ", 2", "]", 1000, false },
    };
    char *text;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t n = strlen(cases[i].middle);
        struct report report;
        struct pp_expr *e;
        char *p;

        text = xmalloc(strlen(cases[i].start) + n * cases[i].n
                       + strlen(cases[i].end) + 1);
        p = text + sprintf(text, "%s", cases[i].start);
        for (size_t j = 0; j < cases[i].n; j++) {
            memcpy(p, cases[i].middle, n);
            p += n;
        }
        strcpy(p, cases[i].end);
        e = parse(text, false, &report);
        ck_assert_msg((e != NULL) == cases[i].ok, "case %"PRIuSIZE": %s", i,
                      report.message ? report.message : "accepted");
        pp_expr_destroy(e);
        free(report.message);
        free(text);
    }
}
END_TEST

START_TEST(test_templates)
{
    static const struct {
        const char *text, *error;
        size_t off;
    } cases[] = {
        { "plain", NULL, 0 },
        { "", NULL, 0 },
        { "$$ ${verb} ${n.pairs} ${'}'} ${date}", NULL, 0 },
        { "a $b", "a dollar sign is written \"$$\"", 2 },
        { "a ${verb", "a dollar sign is written \"$$\"", 2 },
        { "a ${varb}", "did you mean 'verb'", 4 },
        { "a ${verb == 'a'}", "wants bytes", 9 },
        { "a ${verb verb}", "an operator or '}'", 9 },
        { "a ${}", "ends too early", 4 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct report report;
        struct pp_expr *e = parse(cases[i].text, true, &report);

        ck_assert_msg((e != NULL) == !cases[i].error, "%s", cases[i].text);
        if (e) {
            ck_assert_int_eq(e->type, PP_TYPE_BYTES);
        } else {
            ck_assert_msg(strstr(report.message, cases[i].error) != NULL,
                          "%s", report.message);
            ck_assert_uint_eq(report.off, cases[i].off);
        }
        pp_expr_destroy(e);
        free(report.message);
    }
}
END_TEST

/* An evaluation that needs more memory than there is says so, and is no
 * match. */
START_TEST(test_out_of_memory)
{
    static const char *const texts[] = {
        "lower(verb) == 'get'", "any(split(argument, '/'), true)",
        "exists(pairs['Host'])", "percent_decode(argument) == '/a/../b'",
        "concat(verb, verb) == 'GETGET'", "hex(verb) == '474554'",
        "normalize_path(argument) == '/b'",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct report report;
        bool error;

        ck_assert(!holds(parse(texts[i], false, &report), LINE, 1, &error));
        ck_assert_msg(error, "%s", texts[i]);
    }
}
END_TEST

/* Whatever the pattern and the bytes, a search ends within its bounds; one
 * that only has far to go finds what there is. */
START_TEST(test_regex_bounds)
{
    static const struct {
        const char *pattern, *unit, *end;
        enum pp_regex_result result;
    } cases[] = {
        { "[ab][cd]", "ab", "", PP_REGEX_NO },
        { "[ab][cd]", "ab", "c", PP_REGEX_YES },
        { "x\\z", "x", "", PP_REGEX_YES },
        { "\\d+[;,]", "1", "", PP_REGEX_LIMIT },
        { "\\d+[;,]", "1 ", "", PP_REGEX_NO },
        { "(a+)+$", "a", "b", PP_REGEX_LIMIT },
        { "^(a|b)*$", "ab", "", PP_REGEX_LIMIT },
        { "^[ab]*$", "ab", "", PP_REGEX_YES },
        { "(?:(?=.*[cd])a)*[ef]", "a", "", PP_REGEX_LIMIT },
    };
    struct pp_regex_search *search = pp_regex_search_create();
    size_t n = 256 * 1024;
    uint8_t *x = xmalloc(n + 1);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct pp_bytes pattern = {
            (const uint8_t *) cases[i].pattern, strlen(cases[i].pattern),
        };
        struct pp_regex *re = pp_regex_compile(pattern, NULL);

        ck_assert_ptr_nonnull(re);
        for (size_t j = 0; j < n; j++) {
            x[j] = (uint8_t) cases[i].unit[j % strlen(cases[i].unit)];
        }
        x[n] = (uint8_t) cases[i].end[0];
        ck_assert_msg(pp_regex_search(search, re,
                                      (struct pp_bytes) {
                                          x, n + strlen(cases[i].end) })
                      == cases[i].result, "%s", cases[i].pattern);
        pp_regex_destroy(re);
    }
    ck_assert_int_eq(pp_regex_search(search, NULL, (struct pp_bytes) { x, n }),
                     PP_REGEX_LIMIT);
    pp_regex_search_destroy(search);
    free(x);
}
END_TEST

START_TEST(test_date)
{
    static const struct {
        int64_t now;
        const char *date;
    } cases[] = {
        { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
        { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
        { 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
        { 1709164799, "Wed, 28 Feb 2024 23:59:59 GMT" },
        { 1798761599, "Thu, 31 Dec 2026 23:59:59 GMT" },
        { 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
        { INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT" },
        { INT64_MIN, "Thu, 01 Jan 1970 00:00:00 GMT" },
    };
    char date[PP_DATE_LEN + 1];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        pp_format_date(cases[i].now, date);
        ck_assert_str_eq(date, cases[i].date);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("expr");
    TCase *tc = tcase_create("expr");

    tcase_add_loop_test(tc, test_truths, 0, ARRAY_SIZE(truths));
    tcase_add_test(tc, test_all_functions);
    tcase_add_loop_test(tc, test_errors, 0, ARRAY_SIZE(errors));
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_templates);
    tcase_add_test(tc, test_out_of_memory);
    tcase_add_test(tc, test_regex_bounds);
    tcase_add_test(tc, test_date);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
