/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of what a proxy knows of the world: reader, buffers, BER, edit
 * lists, and the check that a proxy is whole. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pp-ber.h"
#include "pp-proxy.h"
#include "pp-reader.h"
#include "registry.h"
#include "suite.h"

/* The reader: an error sticks, and a sub-reader sees only its own bytes. */
START_TEST(test_reader)
{
    const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6 };
    struct pp_reader r = pp_reader_init(bytes, sizeof bytes), sub;

    ck_assert_uint_eq(pp_reader_be16(&r), 0x102);
    sub = pp_reader_sub(&r, 2);
    ck_assert_uint_eq(pp_reader_find(&sub, 5), SIZE_MAX);
    ck_assert_uint_eq(pp_reader_find(&sub, 4), 3);
    ck_assert_uint_eq(pp_reader_le16(&sub), 0x403);
    ck_assert_uint_eq(pp_reader_u8(&sub), 0);
    ck_assert(sub.error && !r.error);
    ck_assert_int_eq(pp_reader_peek(&r, 1), 6);
    ck_assert_int_eq(pp_reader_peek(&r, 2), -1);
    ck_assert_uint_eq(pp_reader_be32(&r), 0);
    ck_assert_uint_eq(pp_reader_u8(&r), 0);
    ck_assert(r.error);
}
END_TEST

START_TEST(test_buf)
{
    uint8_t memory[4];
    struct pp_buf buf;

    pp_buf_init(&buf, memory, sizeof memory);
    pp_buf_puts(&buf, "ab");
    pp_buf_putf(&buf, "%d", 7);
    ck_assert(!buf.overflow);
    pp_buf_puts(&buf, "cd");
    ck_assert(buf.overflow);
    ck_assert_uint_eq(buf.len, 3);
}
END_TEST

/* Edit lists. */

struct edit {
    uint32_t off, removed;
    const char *ins;
};

static const struct {
    struct edit edits[5];       /* Ends with 'ins' NULL. */
    const char *result;         /* Of "0123456789". */
    unsigned int n;             /* Edits in the list. */
} edit_vectors[] = {
    { { { 0, 0, NULL } }, "0123456789", 0 },
    { { { 3, 0, "" } }, "0123456789", 0 },
    { { { 0, 1, "" }, { 9, 1, "" } }, "12345678", 2 },
    { { { 9, 1, "" }, { 0, 1, "" } }, "12345678", 2 },
    { { { 10, 0, "x" }, { 0, 0, "y" } }, "y0123456789x", 2 },
    { { { 5, 0, "a" }, { 5, 0, "b" } }, "01234ab56789", 2 },
    { { { 2, 3, "" }, { 5, 2, "" } }, "01789", 2 },
    { { { 2, 3, "a" }, { 5, 2, "b" } }, "01ab789", 2 },
    { { { 2, 4, "a" }, { 4, 4, "b" } }, "01ab89", 1 },
    { { { 4, 4, "b" }, { 2, 4, "a" } }, "01ab89", 1 },
    { { { 2, 6, "a" }, { 4, 1, "b" } }, "01ab89", 1 },
    { { { 4, 1, "b" }, { 2, 6, "a" } }, "01ab89", 1 },
    { { { 2, 2, "a" }, { 6, 2, "b" }, { 3, 4, "c" } }, "01acb89", 1 },
    { { { 2, 4, "a" }, { 3, 0, "b" } }, "01ab6789", 1 },
    { { { 2, 4, "a" }, { 2, 0, "b" } }, "01ab6789", 1 },
    { { { 2, 0, "b" }, { 2, 4, "a" } }, "01ba6789", 1 },
    { { { 2, 4, "a" }, { 6, 0, "b" } }, "01ab6789", 2 },
};

START_TEST(test_edits)
{
    static struct pp_edits edits;
    uint8_t memory[256], out[64];
    struct pp_arena arena;
    struct pp_buf buf;
    size_t i;

    pp_arena_init(&arena, memory, sizeof memory);
    memset(&edits, 0, sizeof edits);
    edits.arena = &arena;
    for (i = 0; edit_vectors[_i].edits[i].ins; i++) {
        const struct edit *e = &edit_vectors[_i].edits[i];

        pp_edits_add(&edits, e->off, e->removed,
                     (struct pp_bytes) { (const uint8_t *) e->ins,
                                         strlen(e->ins) });
    }
    ck_assert_uint_eq(edits.n, edit_vectors[_i].n);
    ck_assert(!edits.overflow);
    pp_buf_init(&buf, out, sizeof out - 1);
    pp_edits_apply(&edits, (const uint8_t *) "0123456789", 10, &buf);
    ck_assert(!buf.overflow);
    out[buf.len] = '\0';
    ck_assert_str_eq((char *) out, edit_vectors[_i].result);
}
END_TEST

START_TEST(test_edits_bounds)
{
    static struct pp_edits edits;
    struct pp_bytes x = { (const uint8_t *) "x", 1 };
    uint8_t out[1024], in[512] = { 0 };
    struct pp_buf buf;
    uint32_t i;

    /* An edit outside of the bytes. */
    pp_edits_add(&edits, 9, 2, x);
    pp_buf_init(&buf, out, sizeof out);
    pp_edits_apply(&edits, (const uint8_t *) "0123456789", 10, &buf);
    ck_assert(buf.overflow);

    /* Insertions to be joined, and no arena to join them in. */
    memset(&edits, 0, sizeof edits);
    pp_edits_add(&edits, 1, 2, x);
    pp_edits_add(&edits, 2, 2, x);
    ck_assert(edits.overflow);

    /* More than fit. */
    memset(&edits, 0, sizeof edits);
    for (i = 0; i < PP_EDITS_MAX; i++) {
        pp_edits_add(&edits, i, 0, x);
    }
    ck_assert(!edits.overflow);
    pp_edits_add(&edits, 0, 0, x);
    ck_assert(edits.overflow);
    ck_assert_uint_eq(edits.n, PP_EDITS_MAX);
    pp_buf_init(&buf, out, sizeof out);
    pp_edits_apply(&edits, in, sizeof in, &buf);
    ck_assert(buf.overflow);
}
END_TEST

/* The check of a proxy: one that is whole, then with each thing broken. */

static const struct pp_field no_elem[] = { { .name = NULL } };
static const struct pp_field elem[] = {
    { .name = "name", .type = PP_TYPE_BYTES, .events = 1, .doc = "A." },
    { .name = NULL },
};
static const struct pp_field elem_int[] = {
    { .name = "name", .type = PP_TYPE_INT, .events = 1, .doc = "A." },
    { .name = NULL },
};
static const struct pp_field elem_list[] = {
    { .name = "name", .type = PP_TYPE_LIST, .events = 1, .doc = "A." },
    { .name = NULL },
};

static const char *const secret_names[] = { "pass", "acct", NULL };
static const struct pp_secret secret;
static const struct pp_secret secret_where = { "first", secret_names };
static const struct pp_secret secret_nowhere = { "second", secret_names };

#define PLAIN .type = PP_TYPE_BYTES, .events = 1, .doc = "A."
#define LIST .type = PP_TYPE_LIST, .events = 1, .doc = "A."

static const struct {
    const char *error;
    struct pp_field field;
} field_vectors[] = {
    { NULL, { .name = "a.b_1", PLAIN } },
    { NULL, { .name = "a", LIST, .elem = elem, .key = "name" } },
    { NULL, { .name = "a", LIST, .elem = elem } },
    { "A: not a name", { .name = "A", PLAIN } },
    { ": not a name", { .name = "", PLAIN } },
    { "a.: not a name", { .name = "a.", PLAIN } },
    { "a..b: not a name", { .name = "a..b", PLAIN } },
    { "1a: not a name", { .name = "1a", PLAIN } },
    { "first: there twice", { .name = "first", PLAIN } },
    { "a: its 'doc' is not a sentence",
      { .name = "a", .type = PP_TYPE_BYTES, .events = 1, .doc = "A" } },
    { "a: in no event, or in one that is not there",
      { .name = "a", .type = PP_TYPE_BYTES, .events = 2, .doc = "A." } },
    { "a: in no event, or in one that is not there",
      { .name = "a", .type = PP_TYPE_BYTES, .doc = "A." } },
    { "a: a list without element fields", { .name = "a", LIST } },
    { "a: a list without element fields",
      { .name = "a", LIST, .elem = no_elem } },
    { "a: a list within a list", { .name = "a", LIST, .elem = elem_list } },
    { "a: its key is no element field",
      { .name = "a", LIST, .elem = elem, .key = "b" } },
    { "a: its key is not of bytes",
      { .name = "a", LIST, .elem = elem_int, .key = "name" } },
    { "a: not a list, yet elements",
      { .name = "a", PLAIN, .elem = elem } },
    { NULL, { .name = "a", PLAIN, .secret = &secret } },
    { NULL, { .name = "a", PLAIN, .secret = &secret_where } },
    { "a: what tells that it is secret is no field of bytes",
      { .name = "a", PLAIN, .secret = &secret_nowhere } },
    { "a: secret, yet not of bytes",
      { .name = "a", .type = PP_TYPE_INT, .events = 1, .doc = "A.",
        .secret = &secret } },
};

START_TEST(test_check_fields)
{
    struct pp_proxy proxy = *pp_proxy_by_name("http");
    const struct pp_event events[] = {
        { "request", PP_TO_SERVER, "One." }, { NULL, PP_TO_SERVER, NULL },
    };
    struct pp_field fields[] = {
        { .name = "first", PLAIN }, field_vectors[_i].field, { .name = NULL },
    };
    const char *error;

    proxy.events = events;
    proxy.fields = fields;
    error = pp_proxy_check(&proxy);
    ck_assert_pstr_eq(error, field_vectors[_i].error);
}
END_TEST

/* Secrets: the value of field 0 says whether field 1 is one. */
static const char *verb;

static bool
get_verb(const struct pp_msg *msg, unsigned int field,
         struct pp_arena *arena, struct pp_value *v)
{
    ck_assert_ptr_nonnull(msg);
    ck_assert_ptr_null(arena);
    ck_assert_uint_eq(field, 0);
    return verb && pp_get_string(verb, v);
}

static const struct {
    const char *verb;
    bool secret;
} secret_vectors[] = {
    { "pass", true }, { "PASS", true }, { "Acct", true }, { "", false },
    { "pas", false }, { "passw", false }, { "user", false },
    { "pass;x-option", true }, { "pas;s", false }, { ";", false },
    { NULL, true },             /* Cannot be told. */
};

START_TEST(test_secret)
{
    const struct pp_field fields[] = {
        { .name = "first", PLAIN },
        { .name = "argument", PLAIN, .secret = &secret_where },
        { .name = "always", PLAIN, .secret = &secret },
        { .name = NULL },
    };
    struct pp_proxy proxy = { .fields = fields, .get = get_verb };
    struct pp_msg msg = { .proxy = &proxy };

    verb = secret_vectors[_i].verb;
    ck_assert(!pp_field_is_secret(&msg, 0, 0, -1, NULL));
    ck_assert_int_eq(pp_field_is_secret(&msg, 1, 0, -1, NULL),
                     secret_vectors[_i].secret);
    ck_assert(pp_field_is_secret(&msg, 2, 0, -1, NULL));
}
END_TEST

/* Each field that is called so is marked. */
START_TEST(test_secret_fields)
{
    static const struct {
        const char *proxy, *field;
    } marked[] = {
        { "ftp", "argument" }, { "ftp", "line" }, { "ftp", "line.raw" },
        { "smtp", "command.argument" }, { "smtp", "command.line" },
        { "smtp", "command.initial" }, { "smtp", "auth.line" },
        { "ldap", "bind.password" }, { "ldap", "bind.credentials" },
        { "ldap", "extended.value" }, { "ldap", "compare.value" },
        { "http", "head" }, { "http", "body" }, { "http", "cookies.text" },
    };

    for (size_t i = 0; i < sizeof marked / sizeof *marked; i++) {
        const struct pp_proxy *proxy = pp_proxy_by_name(marked[i].proxy);
        const struct pp_field *f = proxy->fields;

        while (f->name && strcmp(f->name, marked[i].field)) {
            f++;
        }
        ck_assert_msg(f->name && f->secret, "%s", marked[i].field);
    }
}
END_TEST

START_TEST(test_check_members)
{
    const struct pp_proxy *http = pp_proxy_by_name("http");
    struct pp_proxy proxy = *http;

    ck_assert_ptr_null(pp_proxy_check(&proxy));
#define BROKEN(MEMBER)                              \
    proxy = *http;                                  \
    proxy.MEMBER = 0;                               \
    ck_assert_ptr_nonnull(pp_proxy_check(&proxy))
    BROKEN(name);
    BROKEN(title);
    BROKEN(ports);
    BROKEN(events);
    BROKEN(fields);
    BROKEN(reasons);
    BROKEN(conn_size);
    BROKEN(scratch_size);
    BROKEN(conn_init);
    BROKEN(rewind);
    BROKEN(parse);
    BROKEN(commit);
    BROKEN(get);
    BROKEN(get_elem);
    BROKEN(locate);
    BROKEN(reframe);
    BROKEN(reply_when);
    BROKEN(refuse);
#undef BROKEN
    proxy = *http;
    proxy.name = "a.b";
    ck_assert_ptr_nonnull(pp_proxy_check(&proxy));
}
END_TEST

START_TEST(test_registry)
{
    size_t i;

    ck_assert_pstr_eq(pp_proxies_check(), NULL);
    ck_assert_ptr_null(pp_proxy_by_name("nonesuch"));
    for (i = 0; pp_proxies[i]; i++) {
        ck_assert_ptr_eq(pp_proxy_by_name(pp_proxies[i]->name),
                         pp_proxies[i]);
    }
}
END_TEST

/* BER. */

static const struct {
    uint8_t bytes[16];
    size_t n;
    enum pp_ber_result result;
    uint32_t tag;
    uint64_t len;
    bool minimal;
} ber_vectors[] = {
    { { 0x04, 0x05 }, 2, PP_BER_FOUND, 0x04, 5, true },
    { { 0x30, 0x81, 0x80 }, 3, PP_BER_FOUND, 0x30, 128, true },
    { { 0x30, 0x81, 0x7f }, 3, PP_BER_FOUND, 0x30, 127, false },
    { { 0x30, 0x82, 0x01, 0x00 }, 4, PP_BER_FOUND, 0x30, 256, true },
    { { 0x30, 0x84, 0, 0, 0, 1 }, 6, PP_BER_FOUND, 0x30, 1, false },
    { { 0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 10,
      PP_BER_FOUND, 0x30, INT64_MAX, true },
    { { 0x30, 0x88, 0x80, 0, 0, 0, 0, 0, 0, 0 }, 10, PP_BER_BAD, 0, 0, 0 },
    { { 0x30, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5 }, 11, PP_BER_FOUND, 0x30, 5,
      false },
    { { 0x30, 0x89, 0, 0x80, 0, 0, 0, 0, 0, 0, 0 }, 11, PP_BER_BAD, 0, 0, 0 },
    { { 0x30, 0xff }, 2, PP_BER_BAD, 0, 0, 0 },
    { { 0x30, 0x80 }, 2, PP_BER_BAD, 0, 0, 0 },
    { { 0xbf, 0x7f, 0x00 }, 3, PP_BER_FOUND, 0xbf7f, 0, true },
    { { 0x1f, 0x81, 0x82, 0x03, 0x00 }, 5, PP_BER_FOUND, 0x1f818203, 0, true },
    { { 0x1f, 0x81, 0x82, 0x83, 0x04, 0x00 }, 6, PP_BER_BAD, 0, 0, 0 },
};

/* Each header is found when it is all there, and not before. */
START_TEST(test_ber_header)
{
    size_t n;

    for (n = 0; n <= ber_vectors[_i].n; n++) {
        struct pp_reader r = pp_reader_init(ber_vectors[_i].bytes, n);
        struct pp_ber e;
        enum pp_ber_result result = pp_ber_header(&r, &e);

        ck_assert(!r.error);
        if (result != PP_BER_FOUND) {
            ck_assert_uint_eq(r.pos, 0);
            ck_assert(result == PP_BER_MORE ? n < ber_vectors[_i].n
                      : ber_vectors[_i].result == PP_BER_BAD);
            continue;
        }
        ck_assert_uint_eq(n, ber_vectors[_i].n);
        ck_assert_uint_eq(r.pos, n);
        ck_assert_uint_eq(e.content, n);
        ck_assert_uint_eq(e.tag, ber_vectors[_i].tag);
        ck_assert_uint_eq(e.len, ber_vectors[_i].len);
        ck_assert_int_eq(e.minimal, ber_vectors[_i].minimal);
        ck_assert_uint_eq(e.tag_octets + e.length_octets, n);
    }
}
END_TEST

static const int64_t ber_ints[] = {
    0, 1, 127, 128, 255, 256, 32767, 32768, -1, -128, -129, -32768, -32769,
    INT32_MAX, INT64_MAX, INT64_MIN,
};

/* Integers come back as they were written, in as few octets as can be. */
START_TEST(test_ber_int)
{
    int64_t in = ber_ints[_i], out = 0;
    uint8_t bytes[16];
    struct pp_reader r;
    struct pp_span s;
    struct pp_buf buf;

    pp_buf_init(&buf, bytes, sizeof bytes);
    pp_ber_put_int(&buf, PP_BER_INTEGER, in);
    ck_assert(!buf.overflow);
    ck_assert_uint_eq(bytes[1], buf.len - 2);
    s = (struct pp_span) { .off = 2, .len = bytes[1] };
    r = pp_reader_init(bytes, buf.len);
    ck_assert(pp_ber_int(&r, s, &out));
    ck_assert_int_eq(in, out);
    ck_assert(s.len == 1 || !((bytes[2] == 0 && bytes[3] < 0x80)
                              || (bytes[2] == 0xff && bytes[3] >= 0x80)));
    s.len = 9;
    ck_assert(!pp_ber_int(&r, s, &out));
    s.off = (uint32_t) buf.len;
    s.len = 1;
    ck_assert(!pp_ber_int(&r, s, &out));
}
END_TEST

START_TEST(test_ber_put)
{
    static const uint8_t text[200];
    uint8_t bytes[256];
    struct pp_buf buf;

    pp_buf_init(&buf, bytes, sizeof bytes);
    pp_ber_put(&buf, 0x04, (struct pp_bytes) { text, 200 });
    ck_assert_uint_eq(buf.len, 203);
    ck_assert(!memcmp(bytes, "\x04\x81\xc8", 3));

    pp_buf_init(&buf, bytes, sizeof bytes);
    pp_ber_put_length(&buf, 5, 5);
    ck_assert_uint_eq(buf.len, 5);
    ck_assert(!memcmp(bytes, "\x84\0\0\0\5", 5));

    pp_buf_init(&buf, bytes, sizeof bytes);
    pp_ber_put_length(&buf, 200, 1);
    ck_assert(buf.overflow);
}
END_TEST

static Suite *
contract_suite(void)
{
    Suite *suite = suite_create("contract");
    TCase *tc = tcase_create("contract");

#define LOOP(TEST, ARRAY) \
    tcase_add_loop_test(tc, TEST, 0, sizeof (ARRAY) / sizeof (ARRAY)[0])
    tcase_add_test(tc, test_reader);
    tcase_add_test(tc, test_buf);
    LOOP(test_ber_header, ber_vectors);
    LOOP(test_ber_int, ber_ints);
    tcase_add_test(tc, test_ber_put);
    LOOP(test_edits, edit_vectors);
    tcase_add_test(tc, test_edits_bounds);
    LOOP(test_check_fields, field_vectors);
    LOOP(test_secret, secret_vectors);
    tcase_add_test(tc, test_secret_fields);
    tcase_add_test(tc, test_check_members);
    tcase_add_test(tc, test_registry);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return suite_main(contract_suite());
}
