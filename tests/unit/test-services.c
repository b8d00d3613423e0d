/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of what services say of themselves: what the proxies find of it
 * in each protocol, what goes to control and how often, and which patches it
 * calls for.
 *
 * Every vector of a proxy is run whole, at every cut in two, and a byte at a
 * time, and comes to the same each time. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ber-text.h"
#include "engine/pp-hearing.h"
#include "patch/pp-affects.h"
#include "patch/pp-errors.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "patch-text.h"
#include "pp-toy.h"
#include "proxy-driver.h"
#include "registry.h"
#include "suite.h"
#include "util.h"

/* What the proxies find. */

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define SEARCH "30(02(02) 63(04() 0a(00) 0a(00) 02(00) 02(00) 01(00) " \
               "87('objectClass') 30()))"
#define DONE "30(02(02) 65(0a(00) 04() 04()))"

static const struct {
    const char *proxy;
    const char *client, *server;        /* LDAP: as ber-text.h has it. */
    const char *said;           /* NULL: nothing. */
} spoken[] = {
    { "http", GET, "HTTP/1.1 200 OK\r\nServer: Apache/2.4.49 (Unix)\r\n"
      "Content-Length: 0\r\n\r\n", "Apache/2.4.49 (Unix)|||" },
    { "http", GET, "HTTP/1.1 200 OK\r\nX-Powered-By:  Express \r\n"
      "Content-Length: 0\r\n\r\n", "|Express||" },
    { "http", GET, "HTTP/1.1 200 OK\r\nVIA: 1.1 a (tinyproxy/1.11.1)\r\n"
      "sErVer: b\r\nServer: c\r\nContent-Length: 0\r\n\r\n",
      "b||1.1 a (tinyproxy/1.11.1)|" },
    { "http", GET, "HTTP/1.1 204 No\r\n\r\n", "|||" },
    /* An interim response is not yet the server's word; one that nobody asked
     * for may be anything; the first one counts. */
    { "http", GET, "HTTP/1.1 100 C\r\nServer: a\r\n\r\n"
      "HTTP/1.1 200 OK\r\nServer: b\r\nContent-Length: 0\r\n\r\n", "b|||" },
    { "http", "", "HTTP/1.1 408 T\r\nServer: a\r\n\r\n", NULL },
    { "http", GET GET, "HTTP/1.1 204 N\r\nServer: a\r\n\r\n"
      "HTTP/1.1 204 N\r\nServer: b\r\n\r\n", "a|||" },
    { "http", GET, "220 a ESMTP b\r\n\r\n", NULL },

    { "smtp", "", "220 a ESMTP Exim 4.94.2 Mon\r\n",
      "a ESMTP Exim 4.94.2 Mon\r\n|||" },
    { "smtp", "", "220-a ESMTP b 1.0\r\n220 c 2.0\r\n",
      "a ESMTP b 1.0\r\n|||" },
    { "smtp", "", "220\r\n", "\n|||" },
    { "smtp", "NOOP\r\n", "220 a\r\n250 b 3.0\r\n", "a\r\n|||" },
    { "smtp", "", "what?\r\n", NULL },

    { "ftp", "", "220 ProFTPD 1.3.5 Server\r\n", "ProFTPD 1.3.5 Server\r|||" },
    { "ftp", "", "120 a\r\n220-b\r\nc\r\n220 d\r\n", "b\r|||" },
    { "ftp", "NOOP\r\n", "220 a\n200 b\n220 c\n", "a|||" },
    { "ftp", "", "what?\r\n", NULL },

    { "ldap", SEARCH, "30(02(02) 64(04() 30("
      "30(04('objectClass') 31(04('top') 04('OpenLDAProotDSE'))))))" DONE,
      "||OpenLDAProotDSE|" },
    { "ldap", SEARCH, "30(02(02) 64(04() 30("
      "30(04('vendorVersion') 31(04('389-Directory/1.4.4')))"
      "30(04('VENDORNAME') 31(04('389 Project')))"
      "30(04('a') 31()))))" DONE, "389 Project|389-Directory/1.4.4||" },
    { "ldap", SEARCH, "30(02(02) 64(04() 30()))" DONE, "|||" },
    { "ldap", SEARCH, "30(02(02) 64(04('dc=x') 30("
      "30(04('vendorName') 31(04('x'))))))" DONE, NULL },
    { "ldap", SEARCH, "30(02(02) 64(04() 30(30(04('vendorName') 31 7f 04))))",
      "|||" },
};

static void
speak(size_t i, size_t cut, size_t piece)
{
    static uint8_t bytes[65536];
    struct test_conn *conn = conn_new(0);
    bool ber = !strcmp(spoken[i].proxy, "ldap");
    const char *client = spoken[i].client;
    size_t n = ber ? ber_text(client, bytes, sizeof bytes) : strlen(client);
    size_t len;

    conn_send(conn, PP_TO_SERVER, ber ? (char *) bytes : client, n);
    n = (ber ? ber_text(spoken[i].server, bytes, sizeof bytes)
         : strlen(spoken[i].server));
    if (!ber) {
        memcpy(bytes, spoken[i].server, n);
    }
    for (size_t pos = 0; pos < n; pos += len) {
        len = MIN(piece, n - pos);
        len = pos < cut && pos + len > cut ? cut - pos : len;
        conn_send(conn, PP_FROM_SERVER, (char *) bytes + pos, len);
    }
    ck_assert_msg(conn->n_said == (spoken[i].said != NULL),
                  "%zu, cut %zu: said %u times", i, cut, conn->n_said);
    if (spoken[i].said) {
        ck_assert_str_eq(conn->said, spoken[i].said);
    }
    free(conn);
}

START_TEST(test_spoken)
{
    size_t n = strlen(spoken[_i].server);

    driver_init(spoken[_i].proxy, "????????????????????????????????", true);
    speak(_i, 0, SIZE_MAX);
    speak(_i, 0, 1);
    for (size_t cut = 1; cut < n; cut++) {
        speak(_i, cut, SIZE_MAX);
    }
    driver_free();
}
END_TEST

/* First words of servers, and the proxies that take them for theirs. */
static const struct {
    const char *said;           /* LDAP: as ber-text.h has it, behind a '='. */
    const char *proxies;
} first[] = {
    { "HTTP/1.1 200 OK\r\nServer: FTP SMTP\r\n", "http " },
    { "HTTP/1.0 404 N", "http " },
    { "HTTP/1.1 20", "" },
    { "HTTP/1.2 200 OK\r\n", "" },
    { "http/1.1 200 OK\r\n", "" },
    { "x HTTP/1.1 200 OK\r\n", "" },
    { "220 mx ESMTP Exim 4.96 Sat\r\n", "smtp " },
    { "220-mx lmtp and smtp", "smtp " },
    { "220 ProFTPD 1.3.5 Server\r\n", "ftp " },
    { "220 (vsFTPd 3.0.3)\r\n", "ftp " },
    { "220 ready\r\nFTP SMTP\r\n", "" },
    { "220 smtp.ftp.test ESMTP\r\n", "ftp smtp " },      /* Either. */
    { "250 SMTP FTP\r\n", "" },
    { "220", "" },
    { "SSH-2.0-OpenSSH_9.2p1\r\n", "" },
    { "\026\003\003", "" },
    { "=30(02(01) 61(0a(00) 04() 04()))", "ldap " },
    { "=" DONE, "ldap " },
    { "=30(02(01) 64(04('dc=x') 30()))", "ldap " },
    { "=30(02(01) 77(04()))", "" },
    { "=30(02(00) 61(0a(00) 04() 04()))", "" },
    { "=30(04('abc'))", "" },
    { "", "" },
};

START_TEST(test_first)
{
    uint8_t room[256];
    const char *said = first[_i].said;
    size_t n = (*said == '=' ? ber_text(said + 1, room, sizeof room)
                : strlen(said));
    uint8_t *bytes = xmemdup(*said == '=' ? (const void *) room : said,
                             MAX(n, 1));
    struct pp_view view = { .base = bytes, .len = n };
    char got[64] = "";

    for (int i = 0; pp_proxies[i]; i++) {
        if (pp_proxies[i]->speaks(&view)) {
            strcat(got, pp_proxies[i]->name);
            strcat(got, " ");
        }
    }
    ck_assert_str_eq(got, first[_i].proxies);
    free(bytes);
}
END_TEST

/* What goes to control. */

START_TEST(test_text)
{
    char text[PP_SAID_MAX];
    static uint8_t bytes[100000];
    struct pp_view view = { .base = bytes, .len = sizeof bytes };
    struct pp_span banner[PP_BANNER_PIECES] = { { 0, 12 }, { 0, 0 },
                                                { 20, 3 } };

    memcpy(bytes, " a\0b\\c\377\r\nd\r\n", 13);
    memcpy(bytes + 20, "xyz", 3);
    pp_hearing_text(&view, banner, text);
    ck_assert_str_eq(text, "a\\x00b\\x5cc\\xff\\x0d\\x0ad; xyz");

    /* 100,000 bytes of what has to be escaped. */
    for (int i = 0; i < PP_BANNER_PIECES; i++) {
        banner[i] = (struct pp_span) { 30, sizeof bytes - 30 };
    }
    memset(bytes, 1, sizeof bytes);
    pp_hearing_text(&view, banner, text);
    ck_assert_uint_lt(strlen(text), PP_SAID_MAX);
    ck_assert_uint_gt(strlen(text), PP_SAID_MAX - 12);
    ck_assert_ptr_null(strpbrk(text, "\001"));

    memset(banner, 0, sizeof banner);
    pp_hearing_text(&view, banner, text);
    ck_assert_str_eq(text, "");
}
END_TEST

static bool
hear(struct pp_hearing *h, uint16_t port, const char *text, uint64_t now)
{
    struct pp_ipc_said said = { .server = 1, .service.port = port };

    ovs_strzcpy(said.text, text, sizeof said.text);
    if (!pp_hearing_is_news(h, &said, now)) {
        return false;
    }
    pp_hearing_told(h, &said, now);
    return true;
}

START_TEST(test_news)
{
    static struct pp_hearing h;
    unsigned int n = 0;

    pp_hearing_init(&h, 1);
    ck_assert(hear(&h, 80, "a", 0));
    ck_assert(!hear(&h, 80, "a", 59999));
    ck_assert(hear(&h, 80, "a", 60001));
    ck_assert(hear(&h, 81, "a", 60001));
    /* A server that says something else each time. */
    ck_assert(!hear(&h, 80, "b", 60500));
    ck_assert(hear(&h, 80, "b", 61001));
    for (uint64_t t = 62000; t < 72000; t++) {
        n += hear(&h, 80, t & 1 ? "a" : "b", t);
    }
    ck_assert_uint_ge(n, 9);
    ck_assert_uint_le(n, 11);
    /* One with thousands of ports. */
    n = 0;
    for (int i = 0; i < 50000; i++) {
        n += hear(&h, (uint16_t) i, "c", 80000 + i / 5000);
    }
    ck_assert_uint_eq(n, PP_HEARING_RATE);
}
END_TEST

/* What 'affects' says. */

#define AFFECTS(ITEM) \
    "patch: T-1\ntitle: t\nvendor: v\naffects: [{" ITEM "}]\n" \
    "severity: 5\nproxy: toy\nsame-as-vendor: s\n" RULE VECTORS

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    { AFFECTS("product: a, versions: about 2, banner: A"),
      "T-1.yaml:4:34: with 'banner', 'versions' is a list of ranges" },
    { AFFECTS("product: a, versions: '< 2, ', banner: A"), "list of ranges" },
    { AFFECTS("product: a, versions: '3 2', banner: A"), "list of ranges" },
    { AFFECTS("product: a, versions: '< 2 < 3', banner: A"),
      "list of ranges" },
    { AFFECTS("product: a, versions: '', banner: A"), "is empty" },
    { AFFECTS("product: a, versions: '< 2', banner: [A]"),
      "'banner' must be" },
    { AFFECTS("product: a, versions: '< 2', banner: ' A/'"),
      "starts and ends with a letter or a digit" },
    { AFFECTS("product: a, versions: '< 2', banner: \"a\\x01b\""),
      "printable ASCII" },
    { AFFECTS("product: a, versions: '< 2', banner: "
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "at most 32 bytes" },
    { AFFECTS("product: a, versions: '< 2', banner: A, behind: B"),
      "'behind' says nothing more" },
    { AFFECTS("product: a, versions: x, behind: []"), "one name or up to 8" },
    { AFFECTS("product: a, versions: x, behind: {a: b}"), "'behind' must be" },
    { AFFECTS("product: a, versions: x, shows: A"),
      "known: product, versions, banner, behind" },
};

START_TEST(test_bad)
{
    patch_text_bad(bad[_i].text, bad[_i].error);
}
END_TEST

#define TEN "aaaaaaaaaa"

static const struct {
    const char *versions;
    const char *said;
    bool fits;
} ranges[] = {
    { "< 4.97.1", "a ESMTP Box 4.94.2 Mon", true },
    { "< 4.97.1", "a ESMTP Box 4.97.1", false },
    { "< 4.97.1", "a ESMTP Box 4.97", true },
    { "<= 4.97.1", "Box/4.97.1", true },
    { "<= 4.97.1", "Box/4.97.2", false },
    { "2.4 < 2.4.10, 3 < 3.0.2", "Box/2.4.9 (Unix)", true },
    { "2.4 < 2.4.10, 3 < 3.0.2", "Box/2.4.10", false },
    { "2.4 < 2.4.10, 3 < 3.0.2", "Box/2.3.99", false },
    { "2.4 < 2.4.10, 3 < 3.0.2", "Box/3.0.1", true },
    { "< 1.3.8a", "(Box v1.3.8)", true },
    { "< 1.3.8a", "(Box v1.3.8a)", false },
    { "< 2", "Box 2.0rc1", true },
    { "< 2", "Box 2.0, ready.", false },
    { "< 2", "Box-1.9.", true },
    { "any", "Box 9", true },
    /* No version, and what is none. */
    { "< 2", "box", true },
    { "< 2", "Box (Debian)", true },
    { "< 2", "Box  - 3", true },
    { "< 2", "Box ready; Box/3", false },
    /* Other words. */
    { "< 2", "Boxer 1.0", false },
    { "< 2", "MyBox 1.0", false },
    { "< 2", "Other/1.0", false },
    { "< 2", "", false },
    /* Absurd ones. */
    { "< 2", "Box 99999999999999999999999999999999999999999999", false },
    { "< 2", "Box 0" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN, true },
    { "< 2", "Box \\x00\\xff", true },
};

START_TEST(test_ranges)
{
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    char *text = xasprintf(AFFECTS("product: a, versions: '%s', banner: Box"),
                           ranges[_i].versions);
    struct pp_patch *patch = patch_text_parse(text, &errors);
    struct pp_pool pool = { .patches = &patch, .n = 1 };
    uint64_t bitmap[1] = { 0 };

    ck_assert_ptr_nonnull(patch);
    pp_pool_select_said(&pool, pp_toys[0], ranges[_i].said, bitmap);
    ck_assert_msg(bitmap[0] == ranges[_i].fits, "%s: %s", ranges[_i].versions,
                  ranges[_i].said);
    pp_patch_destroy(patch);
    free(text);
}
END_TEST

/* Which of the shipped patches are for what real servers say. */

#define NODE "CVE-2014-3744 CVE-2021-22959 CVE-2021-22960 CVE-2022-24999 " \
             "CVE-2022-32213 CVE-2022-32214 CVE-2022-32215 "
#define ANY_HTTP NODE "CVE-2022-39288 CVE-2023-30589 CVE-2023-40175 " \
                 "CVE-2023-40225 CVE-2024-22019 CVE-2024-27982 " \
                 "CVE-2024-45590 CVE-2024-45614 CVE-2025-23167 " \
                 "CVE-2026-26961 CVE-2026-27654 "
#define SMTP "CVE-2023-51764 CVE-2023-51765 CVE-2023-51766 " \
             "CVE-2024-27305 CVE-2024-34083 "

static const struct {
    const char *proxy;
    const char *said;
    const char *patches;
    const char *product;        /* And version; NULL: not known. */
} real[] = {
    { "smtp", NULL, SMTP, NULL },
    { "smtp", "mx ESMTP Exim 4.94.2 Sat, 28 Nov 2026 02:23:08 +0000",
      "CVE-2023-51766 ", "exim/exim 4.94.2" },
    { "smtp", "mx ESMTP Exim 4.98 Sat, 28 Nov 2026 02:23:08 +0000", "",
      "exim/exim 4.98" },
    { "smtp", "mx ESMTP Postfix (Debian/GNU)", "CVE-2023-51764 ",
      "postfix/postfix " },
    { "smtp", "mx ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian-2; Sat, 28 Nov",
      "CVE-2023-51765 ", "sendmail/sendmail 8.17.1.9" },
    { "smtp", "mx ESMTP Sendmail 8.18.1/8.18.1", "",
      "sendmail/sendmail 8.18.1" },
    { "smtp", "mx Python SMTP 1.4.3", "CVE-2024-27305 CVE-2024-34083 ",
      "pypi/aiosmtpd 1.4.3" },
    { "smtp", "mx Python SMTP 1.4.5", "CVE-2024-34083 ",
      "pypi/aiosmtpd 1.4.5" },
    { "smtp", "mx Python SMTP 1.4.6", "", "pypi/aiosmtpd 1.4.6" },
    /* It hides, with a date that is no version. */
    { "smtp", "mx.test ESMTP ready; Sat, 28 Nov 2026 02:23:08", SMTP, NULL },
    { "smtp", "mx ESMTP OpenSMTPD/7.0", "", "OpenSMTPD 7.0" },
    { "ftp", "ProFTPD Server (Debian) [::ffff:10.0.0.1]",
      "CVE-1999-0017 CVE-2023-51713 ", "proftpd/proftpd " },
    { "ftp", "ProFTPD 1.3.8b Server (x)", "CVE-1999-0017 ",
      "proftpd/proftpd 1.3.8b" },
    { "ftp", "ready", "CVE-1999-0017 CVE-2020-15152 CVE-2023-51713 ", NULL },
    { "ftp", "(vsFTPd 3.0.3)", "CVE-2020-15152 ", "vsFTPd 3.0.3" },
    { "http", "", ANY_HTTP, NULL },
    { "http", "Express", NODE "CVE-2023-30589 CVE-2024-22019 CVE-2024-27982 "
      "CVE-2024-45590 CVE-2025-23167 ", NULL },
    { "http", "gunicorn", "CVE-2024-1135 ", "pypi/gunicorn " },
    { "http", "gunicorn/19.9.0", "CVE-2024-1135 ", "pypi/gunicorn 19.9.0" },
    { "http", "Werkzeug/2.2.2 Python/3.11.2", "CVE-2023-23934 ",
      "pypi/werkzeug 2.2.2" },
    { "http", "Werkzeug/2.2.3 Python/3.11.2", "", "pypi/werkzeug 2.2.3" },
    { "http", "Python/3.11 aiohttp/3.8.4", "CVE-2024-52304 ",
      "pypi/aiohttp 3.8.4" },
    { "http", "Python/3.11 aiohttp/3.10.11", "", "pypi/aiohttp 3.10.11" },
    { "http", "1.1 test (tinyproxy/1.11.1)", "CVE-2023-49606 ",
      "tinyproxy/tinyproxy 1.11.1" },
    { "http", "nginx/1.18.0", ANY_HTTP, "nginx 1.18.0" },
    { "ldap", "OpenLDAProotDSE", "CVE-2020-12243 ", "debian/openldap " },
    { "ldap", "389 Project; 389-Directory/1.4.4.11 B2021", "ldapjs-958 ",
      "Directory 1.4.4.11" },
    { "ldap", "", "ldapjs-958 ", NULL },
};

START_TEST(test_real)
{
    const char *srcdir = getenv("srcdir");
    char *dir = xasprintf("%s/patches", srcdir ? srcdir : ".");
    struct pp_errors errors = PP_ERRORS_INITIALIZER;
    const char *paths[] = { dir };
    struct pp_pool *pool = pp_pool_load(paths, 1, pp_proxies,
                                        PP_POOL_ALL_OR_NOTHING, &errors);

    ck_assert_ptr_nonnull(pool);
    for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
        const struct pp_proxy *p = pp_proxy_by_name(real[i].proxy);
        uint64_t *bitmap = xcalloc(pp_pool_bitmap_words(pool),
                                   sizeof *bitmap);
        char *product = NULL, *version = NULL, *name;
        char got[1024] = "";

        pp_pool_select_said(pool, p, real[i].said, bitmap);
        for (size_t j = 0; j < pool->n; j++) {
            if (pp_bitmap_get(bitmap, j)) {
                strcat(got, pool->patches[j]->id);
                strcat(got, " ");
            }
        }
        ck_assert_str_eq(got, real[i].patches);
        if (real[i].said) {
            pp_pool_name_product(pool, p, real[i].said, &product, &version);
        }
        name = product ? xasprintf("%s %s", product, version) : NULL;
        ck_assert_pstr_eq(name, real[i].product);
        free(name);
        free(product);
        free(version);
        free(bitmap);
    }
    pp_pool_unref(pool);
    free(dir);
}
END_TEST

static Suite *
services_suite(void)
{
    Suite *suite = suite_create("services");
    TCase *tc = tcase_create("services");

    tcase_add_loop_test(tc, test_spoken, 0, ARRAY_SIZE(spoken));
    tcase_add_loop_test(tc, test_first, 0, ARRAY_SIZE(first));
    tcase_add_test(tc, test_text);
    tcase_add_test(tc, test_news);
    tcase_add_loop_test(tc, test_bad, 0, ARRAY_SIZE(bad));
    tcase_add_loop_test(tc, test_ranges, 0, ARRAY_SIZE(ranges));
    tcase_add_test(tc, test_real);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return suite_main(services_suite());
}
