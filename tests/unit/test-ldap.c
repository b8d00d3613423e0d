/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the LDAP proxy: which units, and which replies when.
 *
 * A vector is what both sides send, in the notation of ber-text.h, and the
 * units it comes to.  Every vector is run whole, at every cut in two, and a
 * byte at a time, and comes to the same each time. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ber-text.h"
#include "ldap-driver.h"

#define SEND_MAX (1 << 19)

/* What both sides send in turn: the client first.  A NULL ends it. */
struct vector {
    const char *name;
    uint32_t wants;
    const char *log;
    const char *sends[12];
};

/* Sends 's' in pieces of 'piece' bytes, with a cut at 'cut'. */
static void
send_cut(struct test_conn *conn, enum pp_dir dir, const char *s, size_t piece,
         size_t cut)
{
    static uint8_t bytes[SEND_MAX];
    size_t len = ber_text(s, bytes, sizeof bytes);
    size_t pos, n;

    for (pos = 0; pos < len; pos += n) {
        n = len - pos < piece ? len - pos : piece;
        n = pos < cut && pos + n > cut ? cut - pos : n;
        conn_send(conn, dir, (const char *) bytes + pos, n);
    }
}

static void
vector_run_cut(const struct vector *v, size_t piece, size_t cut)
{
    struct test_conn *conn = conn_new(v->wants);
    size_t i;

    for (i = 0; v->sends[i]; i++) {
        send_cut(conn, i & 1 ? PP_FROM_SERVER : PP_TO_SERVER, v->sends[i],
                 piece, cut);
    }
    log_skip(conn);
    ck_assert_msg(!strcmp(conn->log, v->log),
                  "%s: piece %zu, cut %zu: got\n%s\nnot\n%s", v->name, piece,
                  cut, conn->log, v->log);
    free(conn);
}

static void
vector_run(const struct vector *v)
{
    static uint8_t bytes[SEND_MAX];
    size_t i, cut, longest = 0;

    for (i = 0; v->sends[i]; i++) {
        size_t n = ber_text(v->sends[i], bytes, sizeof bytes);

        longest = n > longest ? n : longest;
    }
    vector_run_cut(v, SIZE_MAX, 0);
    vector_run_cut(v, 1, 0);
    vector_run_cut(v, 3, 0);
    for (cut = 1; cut < longest; cut++) {
        vector_run_cut(v, SIZE_MAX, cut);
    }
}

static const struct vector vectors[] = {
    /* RFC 4511 4.1.1, 4.2 to 4.12. */
    { "bind", ALL, "B<14>", { BIND } },
    { "search", ALL, "S<39>", { SEARCH } },
    { "unbind", ALL, "U<7>", { "30(02(03) 42())" } },
    { "modify", ALL, "M<27>",
      { "30(02(05) 66(04('dc=x') 30(30(0a(00) 30(04('a') 31())))))" } },
    { "add", ALL, "A<22>",
      { "30(02(05) 68(04('dc=x') 30(30(04('a') 31()))))" } },
    { "delete", ALL, "D<11>", { "30(02(05) 4a('dc=x'))" } },
    { "modify DN", ALL, "N<22>",
      { "30(02(05) 6c(04('dc=x') 04('dc=y') 01(ff)))" } },
    { "compare", ALL, "C<21>",
      { "30(02(05) 6e(04('dc=x') 30(04('a') 04('b'))))" } },
    { "abandon", ALL, "X<8>", { "30(02(05) 50(04))" } },
    { "extended", ALL, "E<14>", { "30(02(05) 77(80('1.2.3')))" } },
    { "unknown", ALL, "O<10>", { "30(02(05) 7d('abc'))" } },
    { "no operation", ALL, "O<5>", { "30(02(05))" } },
    { "empty", ALL, "O<2>", { "30()" } },
    { "an id of another tag", ALL, "U<7>", { "30(04(05) 42())" } },
    { "an id of nine octets", ALL, "U<15>",
      { "30(02(000000000000000005) 42())" } },
    { "an operation that is not made of elements", ALL, "S<39>",
      { "30(02(05) 43(04() 0a(02) 0a(00) 02(00) 02(00) 01(00)"
        "87('objectClass') 30()))" } },
    { "an operation that is longer than the message", ALL, "S<39>U<7>",
      { "30(02(05) 63 7f 04() 0a(02) 0a(00) 02(00) 02(00) 01(00)"
        "87('objectClass') 30())" "30(02(03) 42())" } },
    { "id that is longer than the message", ALL, "O<7>",
      { "30(02 7f 05 42())" } },
    { "pipelined", ALL, "S<39>S<39>U<7>", { SEARCH SEARCH "30(02(03)42())" } },
    { "nothing wanted", 0, "85", { SEARCH SEARCH "30(02(03)42())" } },
    { "one of them wanted", 1 << 1, "78U<7>",
      { SEARCH SEARCH "30(02(03)42())" } },

    /* RFC 4511 5.1. */
    { "LONG_LENGTH", ALL, "S<52>S<39>",
      { "30(4:02(1:02) 63(8:04() 0a(02) 0a(00) 02(00) 02(00) 01(00)"
        "87('objectClass') 30()))" SEARCH } },
    { "indefinite length", ALL, "(length)", { "30 80 02(01) 42() 0000" } },
    { "an indefinite length within", ALL, "(encoding)",
      { "30(02(05) 63 80 04() 0a(02) 0a(00) 02(00) 02(00) 01(00)"
        "87('objectClass') 30() 0000)" } },
    { "an indefinite length within, later", ALL, "(encoding)",
      { "30(02(05) 63(04() 0a(02) 0a(00) 02(00) 02(00) 01(00)"
        "a0 80 87('objectClass') 0000 30()))" } },
    { "an indefinite length that nobody looks at", 1 << 2, "26",
      { "30(02(05) 60(02(03) 04() a3 80 04('PLAIN') 04('x') 0000)) 30(02(01)"
        "42()) 30(02(01) 42())" } },
    { "a string in pieces", ALL, "(encoding)",
      { "30(02(05) 60(02(03) 24(04('a') 04('b')) 80()))" } },
    { "a password in pieces", ALL, "(encoding)",
      { "30(02(05) 60(02(03) 04() a0(04('a') 04('b'))))" } },
    { "nine length octets and more", ALL, "U<15>U<16>",
      { "30 88 0000000000000005 02(01) 42() 30 89 000000000000000005 02(01)"
        "42()" } },
    { "a length of 64 bits", ALL, "(length)", { "30 88 8000000000000002" } },
    { "a message of 2 GiB", ALL, "(message-too-long)",
      { "30 84 7fffffff 02(01) 42 84 7ffffff6" } },
    { "not LDAP", ALL, "(not-ldap)", { "'GET / HTTP/1.1'" } },
    { "a message of another tag", ALL, "U<7>U<7>",
      { "10(02(03)42()) a0(02(03)42())" } },
    { "no message, of another tag", ALL, "U<7>(not-ldap)",
      { "30(02(03)42()) 10(04(03)42())" } },
    { "no operation that is known, of another tag", ALL, "(not-ldap)",
      { "10(02(03)5f())" } },
    { "TLS", ALL, "9(tls)", { "160301000401 000000" SEARCH, "1603" } },
    { "TLS that waits", ALL, "9", { "160301000401 000000" SEARCH } },
    { "like TLS, but the server is not", ALL, "9(not-ldap)",
      { "160301000401 000000" SEARCH, BIND_OK } },
    { "like TLS, but no record", ALL, "(not-ldap)", { "160302" "000005" } },
    { "TLS later", ALL, "U<7>(not-ldap)", { "30(02(03)42()) 160301" } },

    /* RFC 4511 4.2.1. */
    { "bind waits", ALL, "B<14>", { BIND SEARCH } },
    { "bind answered", ALL, "B<14>S<39>", { BIND SEARCH, BIND_OK } },
    { "bind that nobody wants waits", 1 << 2, "14",
      { BIND SEARCH } },
    { "bind that nobody wants, answered", 1 << 2, "14S<39>",
      { BIND SEARCH, BIND_OK } },
    { "bind refused", ALL, "B<14>S<39>",
      { BIND SEARCH, "30(02(01) 61(0a(31) 04() 04()))" } },
    { "the reply to something else", ALL, "S<39>B<14>",
      { SEARCH BIND SEARCH, "30(02(02) 65(0a(00) 04() 04()))" } },
    { "the server makes no sense", ALL, "B<14>S<39>",
      { BIND SEARCH, "'what?'" } },

    /* RFC 4511 4.14. */
    { "StartTLS waits", ALL, "E<31>", { STARTTLS SEARCH } },
    { "StartTLS agreed", ALL, "E<31>(starttls)",
      { STARTTLS, "30(02(04) 78(0a(00) 04() 04()))", "160301" } },
    { "StartTLS that nobody wants, agreed", 0, "31(starttls)",
      { STARTTLS, "30(02(04) 78(0a(00) 04() 04()))", "160301" } },
    { "StartTLS agreed, but the client goes on", ALL, "E<31>S<39>",
      { STARTTLS, "30(02(04) 78(0a(00) 04() 04()))", SEARCH } },
    { "StartTLS refused, another request of its id answered", ALL,
      "E<14>E<31>S<39>",
      { "30(02(04) 77(80('1.2.3')))" STARTTLS SEARCH,
        "30(02(04) 78(0a(00) 04() 04())) 30(02(04) 78(0a(01) 04() 04()))" } },
    { "StartTLS refused", ALL, "E<31>S<39>",
      { STARTTLS SEARCH, "30(02(04) 78(0a(34) 04() 04('no')))" } },

    /* RFC 4513 5.2.1. */
    { "SASL layer", ALL, "B<26>(sasl-layer)",
      { SASL("DIGEST-MD5"), BIND_OK, "00000010 3005" } },
    { "SASL without a layer", ALL, "B<26>S<39>",
      { SASL("DIGEST-MD5"), BIND_OK, SEARCH } },
    { "SASL in steps", ALL, "B<26>B<26>(sasl-layer)",
      { SASL("digest-md5"), "30(02(01) 61(0a(0e) 04() 04() 87('x')))",
        SASL("digest-md5"), BIND_OK, "00000010 3005" } },
    { "a response's code is within it", ALL, "B<26>(not-ldap)",
      { SASL("DIGEST-MD5"), "30(02(01) 61()) 0a(00)", "00000010 3005" } },
    { "a mechanism without layers", ALL, "B<21>(not-ldap)",
      { SASL("PLAIN"), BIND_OK, "00000010 3005" } },
    { "a SASL layer, the server first", ALL, "B<26>(sasl-layer)",
      { SASL("DIGEST-MD5"), BIND_OK "00000010 3005", "30" } },
};

START_TEST(test_vectors)
{
    vector_run(&vectors[_i]);
}
END_TEST

/* A long message passes as it comes if nobody looks into it, and with its
 * start looked at else. */
static const struct vector long_vectors[] = {
    { "long add", 1 << 2, "300042S<39>",
      { "30(02(05) 68(04('dc=x') 30(30(04('a') 31(04(300000*[00]))))))"
        SEARCH } },
    { "long add, wanted", 1 << 4, "A<262144>37937",
      { "30(02(05) 68(04('dc=x') 30(30(04('a') 31(04(300000*[00]))))))"
        SEARCH } },
    { "long search", 1 << 1, "300045",
      { "30(02(05) 63(04() 0a(02) 0a(00) 02(00) 02(00) 01(00)"
        "a3(04('a') 04(300000*[00])) 30()))" } },
};

START_TEST(test_long)
{
    vector_run_cut(&long_vectors[_i], SIZE_MAX, 0);
    vector_run_cut(&long_vectors[_i], 1448, 0);
    vector_run_cut(&long_vectors[_i], SIZE_MAX, 1);
    vector_run_cut(&long_vectors[_i], SIZE_MAX, 262144);
    vector_run_cut(&long_vectors[_i], SIZE_MAX, 262145);
}
END_TEST

/* What is left of a refused message is swallowed. */
START_TEST(test_refused)
{
    struct test_conn *conn = conn_new(ALL);

    conn->outcome[0] = PP_REFUSED;
    conn->outcome[1] = PP_SWALLOWED;
    send_cut(conn, PP_TO_SERVER,
             "30(02(05) 68(04('dc=x') 30(30(04('a') 31(04(300000*[00]))))))"
             BIND SEARCH, 1448, 0);
    log_skip(conn);
    ck_assert_str_eq(conn->log, "A<262144>37898!B<14>S<39>");
    free(conn);
}
END_TEST

/* Replies. */

static char whens[64];

static void
look_when(struct test_conn *conn, const struct pp_msg *msg)
{
    static const char letters[] = {
        [PP_REPLY_NOW] = 'n', [PP_REPLY_WAIT] = 'w', [PP_REPLY_NEVER] = '-',
    };
    char letter = letters[proxy->reply_when(conn->state, msg)];

    strncat(whens, &letter, 1);
}

#define DONE "30(02(02) 65(0a(00) 04() 04()))"
#define ENTRY "30(02(02) 64(04('dc=x') 30()))"
#define PERSISTENT "30(02(02) 63(04() 0a(02) 0a(00) 02(00) 02(00) 01(00)" \
                   "87('a') 30()) a0(30(04('2.16.840.1.113730.3.4.3'))))"

/* What reply_when() says at each unit. */
static const struct {
    const char *whens;
    const char *sends[8];
} when_vectors[] = {
    { "nw", { SEARCH SEARCH } },
    { "nn", { SEARCH, DONE, SEARCH } },
    { "nw", { SEARCH, ENTRY, SEARCH } },
    { "nn", { SEARCH, ENTRY ENTRY DONE, SEARCH } },
    { "nw", { SEARCH, ENTRY DONE "30", SEARCH } },
    { "nw", { SEARCH, DONE "30 0c 020100 78 07 0a0102 0400 04", SEARCH } },
    { "nn", { PERSISTENT SEARCH } },
    { "nw", { PERSISTENT, "30 25 020102 64 20 04", SEARCH } },
    { "nwn", { SEARCH "30(02(05) 50(02))" SEARCH } },
    { "nww", { SEARCH "30(02(05) 50(07))" SEARCH } },
    { "nn", { SEARCH, "30(02(00) 78(0a(02) 04() 04()))" DONE, SEARCH } },
    { "nwn", { SEARCH BIND, BIND_OK, SEARCH } },
    { "n-", { SEARCH, "'what?'", SEARCH } },
    { "nn", { "30(02(03) 42())" SEARCH } },
};

START_TEST(test_reply_when)
{
    size_t piece, i;

    for (piece = 1; piece < 100; piece++) {
        struct test_conn *conn = conn_new(ALL);
        const char *expect = when_vectors[_i].whens;

        whens[0] = '\0';
        conn->look = look_when;
        for (i = 0; when_vectors[_i].sends[i]; i++) {
            send_cut(conn, i & 1 ? PP_FROM_SERVER : PP_TO_SERVER,
                     when_vectors[_i].sends[i], piece, 0);
        }
        ck_assert_msg(!strcmp(whens, expect), "vector %d, piece %zu: %s, "
                      "not %s", _i, piece, whens, expect);
        free(conn);
    }
}
END_TEST

static struct pp_bytes
text(const char *s)
{
    return (struct pp_bytes) { .p = (const uint8_t *) s, .n = strlen(s) };
}

/* The reply that look_refuse() asks for, and what came of it. */
static struct pp_reply reply;
static uint8_t refused[1024];
static size_t refused_len;

static void
look_refuse(struct test_conn *conn, const struct pp_msg *msg)
{
    bool close = reply.close;
    struct pp_buf buf;

    pp_buf_init(&buf, refused, sizeof refused);
    proxy->refuse(conn->state, msg, &reply, &buf, &close);
    ck_assert(!buf.overflow);
    ck_assert_int_eq(close, reply.close);
    refused_len = buf.len;
}

static void
check_refuse(const char *send, const char *expect)
{
    struct test_conn *conn = conn_new(ALL);
    uint8_t bytes[1024];
    size_t n = ber_text(expect, bytes, sizeof bytes);

    conn->look = look_refuse;
    send_cut(conn, PP_TO_SERVER, send, SIZE_MAX, 0);
    ck_assert_uint_eq(refused_len, n);
    ck_assert(!memcmp(refused, bytes, n));
    free(conn);
}

/* Each request, and its response. */
static const struct {
    const char *send, *reply;
} refuse_vectors[] = {
    { BIND, "30(02(01) 61(0a(02) 04() 04('no')))" },
    { SEARCH, "30(02(02) 65(0a(02) 04() 04('no')))" },
    { "30(02(0100) 66(04('dc=x') 30()))",
      "30(02(0100) 67(0a(02) 04() 04('no')))" },
    { "30(02(7fffffff) 68(04('dc=x') 30()))",
      "30(02(7fffffff) 69(0a(02) 04() 04('no')))" },
    { "30(02(000080) 4a('dc=x'))", "30(02(0080) 6b(0a(02) 04() 04('no')))" },
    { "30(02(ff) 6c(04() 04() 01(ff)))",
      "30(02(ff) 6d(0a(02) 04() 04('no')))" },
    { "30(02(05) 6e(04() 30(04('a') 04())))",
      "30(02(05) 6f(0a(02) 04() 04('no')))" },
    { "30(02(05) 77(80('1.2.3')))", "30(02(05) 78(0a(02) 04() 04('no')))" },
    { "30(02(05) 7d('abc'))", "30(02(05) 78(0a(02) 04() 04('no')))" },
    { "30(02(05) 42())", "" },
    { "30(02(05) 50(04))", "" },
};

START_TEST(test_refuse)
{
    reply = (struct pp_reply) { .status = 2, .reason = text("no") };
    check_refuse(refuse_vectors[_i].send, refuse_vectors[_i].reply);
}
END_TEST

START_TEST(test_refuse_fields)
{
    static const char long_text[] =
        "0123456789012345678901234567890123456789012345678901234567890123456"
        "7890123456789012345678901234567890123456789012345678901234567890";

    reply = (struct pp_reply) {
        .status = 2,
        .reason = text(long_text),
        .close = true,
        .n_headers = 2,
        .headers = { { text("unsolicited"), text("yes") },
                     { text("RESPONSENAME"), text("1.2") } },
    };
    check_refuse(SEARCH, "30(02(00) 78(0a(02) 04() 04('"
                 "0123456789012345678901234567890123456789012345678901234567"
                 "8901234567890123456789012345678901234567890123456789012345"
                 "678901234567890') 8a('1.2')))");
    check_refuse("30(02(05) 42())", "30(02(00) 78(0a(02) 04() 04('"
                 "0123456789012345678901234567890123456789012345678901234567"
                 "8901234567890123456789012345678901234567890123456789012345"
                 "678901234567890') 8a('1.2')))");

    reply = (struct pp_reply) {
        .status = 49,
        .n_headers = 3,
        .headers = { { text("serverSaslCreds"), text("c") },
                     { text("matchedDN"), text("dc=x") },
                     { text("responseValue"), text("") } },
    };
    check_refuse(BIND, "30(02(01) 61(0a(31) 04('dc=x') 04() 87('c') 8b()))");

    reply = (struct pp_reply) { .raw = true, .body = text("as it is") };
    check_refuse(BIND, "'as it is'");
}
END_TEST

static Suite *
ldap_suite(void)
{
    Suite *suite = suite_create("ldap");
    TCase *tc = tcase_create("ldap");

#define LOOP(TEST, ARRAY) \
    tcase_add_loop_test(tc, TEST, 0, sizeof (ARRAY) / sizeof (ARRAY)[0])
    LOOP(test_vectors, vectors);
    LOOP(test_long, long_vectors);
    tcase_add_test(tc, test_refused);
    LOOP(test_reply_when, when_vectors);
    LOOP(test_refuse, refuse_vectors);
    tcase_add_test(tc, test_refuse_fields);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return driver_main("ldap", LDAP_LETTERS, true, ldap_suite());
}
