/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the LDAP proxy: values of fields, corrections by them, and
 * the manual that tells of them.  Messages are in the notation of
 * ber-text.h. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ber-text.h"
#include "ldap-driver.h"

#define SEND_MAX (1 << 19)

/* Parts of a search. */
#define SEARCH_OF(FILTER, ATTRIBUTES, CONTROLS) \
    "30(02(05) 63(04('dc=x') 0a(01) 0a(03) 02(0a) 02(14) 01(ff)" \
    FILTER "30(" ATTRIBUTES "))" CONTROLS ")"
#define FILTER(F) SEARCH_OF(F, "", "")
#define DELETE_OF(CONTROLS) "30(02(05) 4a('dc=x')" CONTROLS ")"
#define PRESENT "87('a')"
#define EQUALS(A, V) "a3(04('" A "') 04('" V "'))"

/* The last unit of what is sent, and what it should say. */
struct field_vector {
    const char *send;
    const char *expect[32];     /* Pairs of field and value; NULL ends. */
};

static const struct field_vector field_vectors[] = {
    /* RFC 4511 4.1.1. */
    { "30(02(7fffffff) 42())",
      { "message_id", "2147483647", "message_length", "10",
        "operation", "unbind", "operation_tag", "66", "truncated", "false",
        "malformed", "false", "trailing_length", "0",
        "encoding.minimal", "true", "encoding.consistent", "true",
        "encoding.tags", "true", "controls", "0", "bound", "false",
        "unanswered", "0" } },
    { "30(02(05) 42() 0400)", { "trailing_length", "2" } },
    { "30(02(05) 42(1:))", { "encoding.minimal", "false" } },
    { "30(02(05))", { "operation", "other", "malformed", "true" } },
    { "30(02(000000000000000005) 42())",
      { "operation", "unbind", "message_id", "0", "malformed", "false" } },
    { "30(02() 42())", { "message_id", "0", "malformed", "false" } },
    { "30(02(ff80) 42())", { "message_id", "-128" } },

    /* RFC 4511 4.1.11. */
    { "30(02(05) 4a('dc=x') a0(30(04('1.2')) 30(04('1.3') 01(ff) 04('v'))"
      "30(04('1.4') 01(00)) 30(04('1.5') 04())))",
      { "dn", "dc=x", "controls", "4", "controls.0.oid", "1.2",
        "controls.0.critical", "false", "controls.0.has_value", "false",
        "controls.1.critical", "true", "controls.1.value", "v",
        "controls.2.critical", "false", "controls.3.value", "",
        "controls.3.has_value", "true", "malformed", "false" } },
    { "30(02(05) 4a('dc=x') a0(30(04('1.2') 04(7fff))) 04 7f)",
      { "controls", "1", "trailing_length", "2", "malformed", "false" } },
    { "30(02(05) 4a('dc=x') a0(30 7f 04('1.2')))",
      { "controls", "1", "encoding.consistent", "false" } },

    /* RFC 4511 4.2. */
    { "30(02(05) 60(02(03) 04('cn=a') 80('secret')))",
      { "dn", "cn=a", "bind.version", "3", "bind.method", "simple",
        "bind.password", "secret", "bind.mechanism", "",
        "bind.has_credentials", "false", "bind.credentials", "" } },
    { "30(02(05) 60(02(02) 04() a3(04('PLAIN') 04('x'))))",
      { "dn", "", "bind.version", "2", "bind.method", "sasl",
        "bind.password", "", "bind.mechanism", "PLAIN",
        "bind.has_credentials", "true", "bind.credentials", "x",
        "encoding.consistent", "true" } },
    { "30(02(05) 60(02(03) 04() a3(04('EXTERNAL'))))",
      { "bind.has_credentials", "false", "malformed", "false" } },
    { "30(02(05) 60(02(03) 04() 81('x')))",
      { "bind.method", "other", "bind.password", "x" } },

    /* RFC 4511 4.5.1. */
    { SEARCH_OF(PRESENT, "04('cn') 04('*')", ""),
      { "dn", "dc=x", "search.scope", "1", "search.deref", "3",
        "search.size_limit", "10", "search.time_limit", "20",
        "search.types_only", "true", "search.attributes", "2",
        "search.attributes.0.name", "cn", "search.attributes.1.name", "*",
        "filter", "\x87\1a", "filter.depth", "0", "filter.parts", "1",
        "filter.parts.0.kind", "present", "filter.parts.0.attribute", "a",
        "malformed", "false" } },
    { FILTER("a0(" EQUALS("a", "b") "a2(" EQUALS("c", "d") ")" PRESENT ")"),
      { "filter.depth", "2", "filter.parts", "5",
        "filter.parts.0.kind", "and", "filter.parts.0.depth", "0",
        "filter.parts.1.value", "b", "filter.parts.1.depth", "1",
        "filter.parts.2.kind", "not", "filter.parts.3.attribute", "c",
        "filter.parts.3.depth", "2", "filter.parts.4.depth", "1",
        "filter.empty_sets", "0", "encoding.consistent", "true",
        "encoding.tags", "true" } },
    { FILTER("a4(04('cn') 30(80('i') 81('x') 81('y') 82('f')))"),
      { "filter.parts", "1", "filter.substrings", "4",
        "filter.substrings.0.kind", "initial",
        "filter.substrings.1.kind", "any", "filter.substrings.2.value", "y",
        "filter.substrings.3.kind", "final",
        "filter.substrings.3.attribute", "cn",
        "filter.substrings.3.filter", "0" } },
    { FILTER("a1(a5(04('a') 04('1')) a6(04('b') 04('2')) a8(04('c')"
             "04('3')))"),
      { "filter.parts.0.kind", "or", "filter.parts.1.kind", "greater",
        "filter.parts.2.kind", "less", "filter.parts.3.kind", "approx" } },
    { FILTER("a9(81('r') 82('t') 83('v') 84(ff))"),
      { "filter.parts.0.kind", "extensible", "filter.parts.0.rule", "r",
        "filter.parts.0.attribute", "t", "filter.parts.0.value", "v",
        "filter.parts.0.dn_attributes", "true" } },
    { FILTER("a9(83('v'))"),
      { "filter.parts.0.rule", "", "filter.parts.0.value", "v",
        "filter.parts.0.dn_attributes", "false" } },
    { FILTER("a9(82('t'))"), { "malformed", "true", "filter.parts", "0" } },
    { FILTER("a0()"),
      { "filter.empty_sets", "1", "filter.depth", "0", "filter.parts", "1",
        "malformed", "false" } },
    { FILTER("a1(a0() a1())"),
      { "filter.empty_sets", "2", "filter.depth", "1" } },
    { FILTER("bf7f('x')"),
      { "filter.parts.0.kind", "other", "filter.parts.0.value", "",
        "encoding.tags", "false", "malformed", "false" } },

    /* Depth, however it is put. */
    { FILTER("1000*[a2 83 000000]" PRESENT),
      { "filter.depth", "1000", "encoding.consistent", "false",
        "malformed", "false" } },
    { FILTER("1001*[a0 83 01ffff]" PRESENT), { "malformed", "true",
      "filter.depth", "0" } },
    { FILTER("1001*[a1 82 0001]" PRESENT), { "filter.depth", "1001" } },
    { FILTER("a4(04('cn') 30(80('x') 5*[a2 00] " PRESENT "))"),
      { "filter.parts", "1", "filter.depth", "0",
        "encoding.consistent", "false" } },
    { FILTER("a0(a4(04('cn') 30(80('x') 5*[a2 00] " PRESENT ")))"),
      { "filter.depth", "6", "encoding.consistent", "false" } },

    /* BY_POSITION, ANY_TAG. */
    { FILTER("a2()" PRESENT),
      { "filter.depth", "1", "filter.parts", "2", "malformed", "false",
        "encoding.consistent", "false" } },
    { FILTER("a3 01 04('a') 04('b')"),
      { "filter.parts.0.value", "b", "encoding.consistent", "false" } },
    { FILTER("a3(0c('a') 16('b'))"),
      { "filter.parts.0.value", "b", "encoding.tags", "false",
        "encoding.consistent", "true" } },

    /* RFC 4511 4.6, 4.7. */
    { "30(02(05) 66(04('dc=x') 30(30(0a(02) 30(04('a') 31(04('1') 04())))"
      "30(0a(01) 30(04('b') 31())) 30(0a(00) 30(04('c') 31(04('3')))))))",
      { "dn", "dc=x", "changes", "3", "changes.0.operation", "2",
        "changes.0.attribute", "a", "changes.0.count", "2",
        "changes.1.count", "0", "values", "3", "values.0.value", "1",
        "values.0.attribute", "a", "values.1.value", "",
        "values.2.change", "2", "values.2.operation", "0",
        "malformed", "false" } },
    { "30(02(05) 68(04('dc=x') 30(30(04('a') 31(04('1'))) 30(04('b')"
      "31(04('2'))))))",
      { "changes", "2", "changes.1.operation", "0", "values.1.value", "2",
        "values.1.attribute", "b", "encoding.consistent", "true" } },

    /* RFC 4511 4.9 to 4.12. */
    { "30(02(05) 6c(04('a=b') 04('a=c') 01(ff)))",
      { "dn", "a=b", "modify_dn.new_rdn", "a=c",
        "modify_dn.delete_old_rdn", "true",
        "modify_dn.has_new_superior", "false" } },
    { "30(02(05) 6c(04('a=b') 04('a=c') 01(00) 80('dc=x')))",
      { "modify_dn.delete_old_rdn", "false",
        "modify_dn.has_new_superior", "true",
        "modify_dn.new_superior", "dc=x" } },
    { "30(02(05) 6e(04('a=b') 30(04('t') 04('v'))))",
      { "dn", "a=b", "compare.attribute", "t", "compare.value", "v" } },
    { "30(02(05) 50(0102))", { "abandon.id", "258" } },
    { "30(02(05) 77(80('1.2.3') 81('v')))",
      { "extended.oid", "1.2.3", "extended.value", "v",
        "extended.has_value", "true", "extended.cancel_id", "-1" } },
    { "30(02(05) 77(80('1.2.3')))", { "extended.has_value", "false" } },
    { "30(02(05) 77(80('1.3.6.1.1.8') 81(30(02(05)))))",
      { "extended.cancel_id", "5", "malformed", "false" } },
    { "30(02(05) 77(80('1.3.6.1.1.8') 81(30 05 02(05))))",
      { "extended.cancel_id", "5", "malformed", "false" } },

    /* Controls that are looked into. */
    { SEARCH_OF(PRESENT, "", "a0(30(04('1.2.840.113556.1.4.319')"
                "04(30(02(64) 04('cookie')))))"),
      { "paged", "true", "paged.size", "100", "paged.cookie", "cookie" } },
    { SEARCH_OF(PRESENT, "", "a0(30(04('1.2.840.113556.1.4.319') 04()))"),
      { "paged", "false", "malformed", "false" } },
    { SEARCH_OF(PRESENT, "", "a0(30(04('1.2.840.113556.1.4.473')"
                "04(30(30(04('cn')) 30(04('sn') 80('r') 81(ff))))))"),
      { "sort_keys", "2", "sort_keys.0.attribute", "cn",
        "sort_keys.0.reverse", "false", "sort_keys.1.rule", "r",
        "sort_keys.1.reverse", "true" } },
    { DELETE_OF("a0(30(04('1.3.6.1.1.12') 04(a2(a0(" PRESENT "a1())))))"),
      { "assertion.depth", "2", "filter.parts", "0", "malformed", "false" } },
    { DELETE_OF("a0(30(04('1.3.6.1.1.12') 04(1001*[a200])))"),
      { "assertion.depth", "1001", "malformed", "false" } },
    { DELETE_OF("a0(30(04('1.3.6.1.1.12')))"), { "assertion.depth", "-1" } },
    { "30(02(05) 63(04() 0a(0000000001) 0a(01) 02(ffff) 02(01) 01(00)"
      PRESENT "30()))", { "search.scope", "-1", "search.size_limit", "-1" } },
    { SEARCH_OF("a4(04('q') 30(81('z')))", "04('cn')",
                "a0(30(04('1.2.826.0.1.3344810.2.3') 04(30("
                EQUALS("cn", "v") "a4(04('b') 30(81('x'))) a9(81('r')"
                "83('v')))) ))"),
      { "values_return_filter", "3",
        "values_return_filter.0.kind", "equality",
        "values_return_filter.0.attribute", "cn",
        "values_return_filter.0.value", "v",
        "values_return_filter.1.kind", "substrings",
        "values_return_filter.2.rule", "r", "filter.substrings", "1",
        "filter.substrings.0.value", "z", "search.attributes.0.name",
        "cn", "controls", "1" } },
};

/* Sends what 's' says. */
static void
send_text(struct test_conn *conn, enum pp_dir dir, const char *s)
{
    static uint8_t bytes[SEND_MAX];
    size_t n = ber_text(s, bytes, sizeof bytes);

    conn_send(conn, dir, (const char *) bytes, n);
}

static const char *const *looking_for;

static void
look_fields(struct test_conn *conn, const struct pp_msg *msg)
{
    size_t i;

    (void) conn;
    for (i = 0; looking_for[i]; i += 2) {
        char text[1024];

        field_text(msg, looking_for[i], text, sizeof text);
        ck_assert_msg(!strcmp(text, looking_for[i + 1]),
                      "%s is <%s>, not <%s>", looking_for[i], text,
                      looking_for[i + 1]);
    }
}

START_TEST(test_fields)
{
    struct test_conn *conn = conn_new(ALL);

    looking_for = field_vectors[_i].expect;
    conn->look = look_fields;
    send_text(conn, PP_TO_SERVER, field_vectors[_i].send);
    ck_assert_uint_eq(conn->n_units, 1);
    free(conn);
}
END_TEST

/* What a connection is bound to, at the last of what the client sends. */
static const struct {
    const char *sends[8];
    const char *expect[12];
} bound_vectors[] = {
    { { SEARCH }, { "bound", "false", "bound.version", "3",
                    "unanswered", "0" } },
    { { BIND, BIND_OK, SEARCH }, { "bound", "false", "bound.sasl", "false" } },
    { { "30(02(01) 60(02(02) 04('cn=a') 80('x')))", BIND_OK, SEARCH },
      { "bound", "true", "bound.name", "cn=a", "bound.sasl", "false",
        "bound.version", "2" } },
    { { "30(02(01) 60(02(03) 04('cn=a') 80('x')))",
        "30(02(01) 61(0a(31) 04() 04()))", SEARCH },
      { "bound", "false", "bound.name", "", "bound.version", "3" } },
    { { SASL("PLAIN"), BIND_OK, SEARCH },
      { "bound", "true", "bound.name", "", "bound.sasl", "true" } },
    { { "30(02(01) 60(02(03) 04('cn=a') 80('x')))", BIND_OK, BIND, BIND_OK,
        SEARCH }, { "bound", "false", "bound.name", "" } },
    { { SEARCH SEARCH }, { "unanswered", "1" } },
};

/* What the last unit says. */
static char last_said[8][256];

static void
look_last(struct test_conn *conn, const struct pp_msg *msg)
{
    size_t i;

    (void) conn;
    for (i = 0; looking_for[2 * i]; i++) {
        field_text(msg, looking_for[2 * i], last_said[i],
                   sizeof last_said[i]);
    }
}

START_TEST(test_bound)
{
    struct test_conn *conn = conn_new(ALL);
    size_t i;

    looking_for = bound_vectors[_i].expect;
    conn->look = look_last;
    for (i = 0; bound_vectors[_i].sends[i]; i++) {
        send_text(conn, i & 1 ? PP_FROM_SERVER : PP_TO_SERVER,
                  bound_vectors[_i].sends[i]);
    }
    ck_assert_uint_eq(conn->sides[0].start, conn->sides[0].len);
    for (i = 0; looking_for[2 * i]; i++) {
        ck_assert_msg(!strcmp(last_said[i], looking_for[2 * i + 1]),
                      "%s is <%s>, not <%s>", looking_for[2 * i],
                      last_said[i], looking_for[2 * i + 1]);
    }
    free(conn);
}
END_TEST

/* A message with more in it than lists have room for elsewhere: as many
 * filters as bytes allow, a byte at a time, in linear time. */
START_TEST(test_many)
{
    static const char *const expect[] = {
        "filter.parts", "131050", "filter.depth", "131049",
        "malformed", "false", NULL,
    };
    static uint8_t bytes[SEND_MAX];
    struct test_conn *conn = conn_new(ALL);
    size_t n = ber_text(FILTER("131049*[a200] 8700"), bytes, sizeof bytes);
    size_t i;

    ck_assert_uint_le(n, PP_HOLD_MAX);
    looking_for = expect;
    conn->look = look_fields;
    for (i = 0; i < n; i++) {
        conn_send(conn, PP_TO_SERVER, (const char *) bytes + i, 1);
    }
    ck_assert_uint_eq(conn->n_units, 1);
    free(conn);
}
END_TEST

/* Corrections. */

/* What is done to a message, and what it becomes. */
struct edit_vector {
    const char *send;
    const char *fields[8];      /* A field to delete; "field=value": to
                                 * replace; "field<value", "field>value": to
                                 * insert before or behind. */
    const char *result;         /* NULL: reframe() refuses. */
};

static const struct edit_vector *editing;

/* Makes the edit that 'text' says. */
static void
edit_one(const struct pp_msg *msg, const char *text, struct pp_edits *edits)
{
    size_t n = strcspn(text, "=<>");
    char path[64];
    struct pp_span at, extent;
    struct pp_bytes value = { .n = 0 };
    uint32_t index;
    unsigned int field;
    int sub;

    snprintf(path, sizeof path, "%.*s", (int) n, text);
    field = field_find(path, &index, &sub);
    ck_assert_msg(proxy->locate(msg, field, index, sub, &at, &extent),
                  "%s stands nowhere", path);
    if (text[n]) {
        uint8_t *p = pp_arena_alloc(edits->arena, 512);

        value.p = p;
        value.n = ber_text(text + n + 1, p, 512);
    }
    switch (text[n]) {
    case '=':
        pp_edits_add(edits, at.off, at.len, value);
        break;
    case '<':
        pp_edits_add(edits, extent.off, 0, value);
        break;
    case '>':
        pp_edits_add(edits, extent.off + extent.len, 0, value);
        break;
    default:
        pp_edits_add(edits, extent.off, extent.len, value);
        break;
    }
}

static void
look_edits(struct test_conn *conn, const struct pp_msg *msg)
{
    static uint8_t memory[1 << 16], out[1 << 16], wanted[1 << 16];
    static struct pp_edits edits;
    struct pp_arena arena;
    struct pp_buf buf;
    size_t i, n;
    bool right;

    (void) conn;
    pp_arena_init(&arena, memory, sizeof memory);
    memset(&edits, 0, sizeof edits);
    edits.arena = &arena;
    for (i = 0; editing->fields[i]; i++) {
        edit_one(msg, editing->fields[i], &edits);
    }
    right = proxy->reframe(msg, &edits);
    if (!right || !editing->result) {
        ck_assert_msg(!right == !editing->result, "%s: reframe %d",
                      editing->send, right);
        return;
    }
    pp_buf_init(&buf, out, sizeof out);
    pp_edits_apply(&edits, msg->view.base, msg->end, &buf);
    ck_assert(!buf.overflow);
    n = ber_text(editing->result, wanted, sizeof wanted);
    ck_assert_msg(buf.len == n && !memcmp(out, wanted, n),
                  "%s: became something else", editing->send);
}

#define MODIFY(CHANGES) "30(02(05) 66(04('dc=x') 30(" CHANGES ")))"
#define CHANGE(OP, A, VALUES) \
    "30(0a(" OP ") 30(04('" A "') 31(" VALUES ")))"

static const struct edit_vector edit_vectors[] = {
    { DELETE_OF("a0(30(04('1.2')) 30(04('1.3')))"), { "controls.0" },
      DELETE_OF("a0(30(04('1.3')))") },
    { DELETE_OF("a0(30(04('1.2')) 30(04('1.3')))"), { "controls.1" },
      DELETE_OF("a0(30(04('1.2')))") },
    { DELETE_OF("a0(30(04('1.2')) 30(04('1.3')))"),
      { "controls.0", "controls.1" }, DELETE_OF("") },
    { DELETE_OF("a0(30(04('1.2')))"), { "controls.0" }, DELETE_OF("") },
    { DELETE_OF("a0(30(04('1.2')))"), { "controls.0<30(04('1.1'))" },
      DELETE_OF("a0(30(04('1.1')) 30(04('1.2')))") },
    { DELETE_OF("a0(30(04('1.2')))"), { "controls.0>30(04('1.3'))" },
      DELETE_OF("a0(30(04('1.2')) 30(04('1.3')))") },
    { DELETE_OF("a0(30(04('1.2') 04('v')))"), { "controls.0.value" },
      DELETE_OF("a0(30(04('1.2')))") },
    { DELETE_OF("a0(30(04('1.2') 04()))"), { "controls.0.value='abc'" },
      DELETE_OF("a0(30(04('1.2') 04('abc')))") },
    { DELETE_OF("a0(30(04('1.2')))"), { "controls.0.oid<'9.'" },
      DELETE_OF("a0(30(04('9.1.2')))") },
    { DELETE_OF("a0(30(04('1.2')))"), { "controls.0.oid>'.9'" },
      DELETE_OF("a0(30(04('1.2.9')))") },
    { DELETE_OF(""), { "dn='dc=example,dc=org'" },
      "30(02(05) 4a('dc=example,dc=org'))" },
    { DELETE_OF(""), { "dn" }, "30(02(05) 4a())" },

    /* Lengths that grow and shrink, and keep their form. */
    { MODIFY(CHANGE("02", "a", "04('b')")), { "values.0.value=200*['x']" },
      MODIFY(CHANGE("02", "a", "04(200*['x'])")) },
    { MODIFY(CHANGE("02", "a", "04(200*['x'])")), { "values.0.value='b'" },
      MODIFY(CHANGE("02", "a", "04('b')")) },
    { MODIFY(CHANGE("02", "a", "04(200*['x']) 04('b')")), { "values.0" },
      MODIFY(CHANGE("02", "a", "04('b')")) },
    { MODIFY(CHANGE("02", "a", "04('b')") CHANGE("01", "c", "")),
      { "changes.0" }, MODIFY(CHANGE("01", "c", "")) },
    { MODIFY(CHANGE("02", "a", "04('b')") CHANGE("01", "c", "")),
      { "changes.1.attribute='cn'", "values.0.value='bb'" },
      MODIFY(CHANGE("02", "a", "04('bb')") CHANGE("01", "cn", "")) },
    { "30(4:02(05) 66(2:04('dc=x') 30(1:30(0a(02) 30(04('a')"
      "31(1:04('b')))))))", { "values.0.value='bb'" },
      "30(4:02(05) 66(2:04('dc=x') 30(1:30(0a(02) 30(04('a')"
      "31(1:04('bb')))))))" },
    { "30(4:02(05) 66(1:04('dc=x') 30(1:30(0a(02) 30(04('a')"
      "31(1:04('b')))))))", { "values.0.value=300*['x']" },
      "30(4:02(05) 66(2:04('dc=x') 30(2:30(0a(02) 30(04('a')"
      "31(2:04(300*['x'])))))))" },

    /* Parts that need not be there. */
    { "30(02(05) 6c(04('a') 04('b') 01(00) 80('c')))",
      { "modify_dn.new_superior" },
      "30(02(05) 6c(04('a') 04('b') 01(00)))" },
    { "30(02(05) 77(80('1.2') 81('v')))", { "extended.value" },
      "30(02(05) 77(80('1.2')))" },
    { "30(02(05) 60(02(03) 04() a3(04('PLAIN') 04('x'))))",
      { "bind.credentials" }, "30(02(05) 60(02(03) 04() a3(04('PLAIN'))))" },
    { "30(02(05) 60(02(03) 04() 80()))", { "bind.password='x'" },
      "30(02(05) 60(02(03) 04() 80('x')))" },
    { "30(02(05) 6e(04() 30(04('a') 04('b'))))",
      { "compare.value='bb'", "dn='dc=x'" },
      "30(02(05) 6e(04('dc=x') 30(04('a') 04('bb'))))" },

    /* Filters. */
    { FILTER("a0(" EQUALS("a", "b") PRESENT ")"), { "filter.parts.1" },
      FILTER("a0(" PRESENT ")") },
    { FILTER("a0(" EQUALS("a", "b") "a2(" EQUALS("c", "d") "))"),
      { "filter.parts.3.value='long'" },
      FILTER("a0(" EQUALS("a", "b") "a2(" EQUALS("c", "long") "))") },
    { FILTER("a0(" EQUALS("a", "b") ")"), { "filter=" PRESENT },
      FILTER(PRESENT) },
    { FILTER("a4(04('cn') 30(80('i') 82('f')))"), { "filter.substrings.1" },
      FILTER("a4(04('cn') 30(80('i')))") },
    { FILTER("a9(81('r') 82('t') 83('v'))"), { "filter.parts.0.rule" },
      FILTER("a9(82('t') 83('v'))") },
    { SEARCH_OF(PRESENT, "04('a') 04('b')", ""),
      { "search.attributes.0", "search.attributes.1" },
      SEARCH_OF(PRESENT, "", "") },
    { SEARCH_OF(PRESENT, "04('a')", ""), { "search.attributes.0>04('b')" },
      SEARCH_OF(PRESENT, "04('a') 04('b')", "") },
    { FILTER("a2(a2(a2(a2(" PRESENT "))))"),
      { "filter.parts.4.attribute='bb'" },
      FILTER("a2(a2(a2(a2(87('bb')))))") },

    /* Lengths that contradict one another. */
    { FILTER("a2()" PRESENT), { "dn='dc=y'" }, NULL },
    { FILTER("a3 01 04('a') 04('b')"), { "filter.parts.0.value='c'" }, NULL },
};

START_TEST(test_edits)
{
    struct test_conn *conn = conn_new(ALL);

    editing = &edit_vectors[_i];
    conn->look = look_edits;
    send_text(conn, PP_TO_SERVER, editing->send);
    ck_assert_uint_eq(conn->n_units, 1);
    free(conn);
}
END_TEST

/* More elements around an edit than can be made right. */
START_TEST(test_edits_deep)
{
    static char text[1 << 16], name[64];
    static struct edit_vector deep;
    struct test_conn *conn = conn_new(ALL);
    size_t n = 0, i;

    for (i = 0; i < 300; i++) {
        n += (size_t) sprintf(text + n, "a2(");
    }
    n += (size_t) sprintf(text + n, "87('a')");
    for (i = 0; i < 300; i++) {
        n += (size_t) sprintf(text + n, ")");
    }
    memmove(text + 100, text, n + 1);
    i = (size_t) sprintf(text, "30(02(05) 63(04() 0a(00) 0a(00) 02() 02() "
                               "01(00)");
    memset(text + i, ' ', 100 - i);
    strcat(text, "30()))");
    snprintf(name, sizeof name, "filter.parts.300.attribute='bb'");
    deep = (struct edit_vector) { text, { name }, NULL };
    editing = &deep;
    conn->look = look_edits;
    send_text(conn, PP_TO_SERVER, text);
    ck_assert_uint_eq(conn->n_units, 1);
    free(conn);
}
END_TEST

START_TEST(test_manual)
{
    driver_check_manual();
}
END_TEST

static Suite *
ldap_fields_suite(void)
{
    Suite *suite = suite_create("ldap-fields");
    TCase *tc = tcase_create("ldap-fields");

#define LOOP(TEST, ARRAY) \
    tcase_add_loop_test(tc, TEST, 0, sizeof (ARRAY) / sizeof (ARRAY)[0])
    LOOP(test_fields, field_vectors);
    LOOP(test_bound, bound_vectors);
    tcase_add_test(tc, test_many);
    LOOP(test_edits, edit_vectors);
    tcase_add_test(tc, test_edits_deep);
    tcase_add_test(tc, test_manual);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return driver_main("ldap", LDAP_LETTERS, true, ldap_fields_suite());
}
