/* SPDX-License-Identifier: Apache-2.0 */

/* Domain names in vtep-discovery/pp-dns-name.c, against the forms of RFC 1035
 * and RFC 3596, and against what a hostile name server may send. */

#include <config.h>

#include "pp-dns-name.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static void
check_reverse(const char *address, const char *expected)
{
    char text[PP_DNS_REVERSE_SIZE];
    struct in6_addr addr;

    ck_assert(pp_dns_address_parse(address, &addr));
    pp_dns_reverse(&addr, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(reverse)
{
    check_reverse("192.0.2.17", "17.2.0.192.in-addr.arpa");
    check_reverse("255.255.255.255", "255.255.255.255.in-addr.arpa");
    /* RFC 3596 section 2.5. */
    check_reverse("4321:0:1:2:3:4:567:89ab",
                  "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0."
                  "1.2.3.4.ip6.arpa");
}
END_TEST

/* Reads the first 'n' bytes of a copy of 'wire' that has no byte more. */
static bool
read_exactly(const void *wire, size_t n, char text[PP_DNS_NAME_SIZE])
{
    uint8_t *copy = malloc(n ? n : 1);
    bool good;

    memcpy(copy, wire, n);
    good = pp_dns_name_read(copy, n, text);
    free(copy);
    return good;
}

START_TEST(names)
{
    static const char wire[] = "\3Web\7example\3com";
    char text[PP_DNS_NAME_SIZE];

    ck_assert(read_exactly(wire, sizeof wire, text));
    ck_assert_str_eq(text, "web.example.com");
    ck_assert(read_exactly("\1_\2a-\0", 6, text));
    ck_assert_str_eq(text, "_.a-");
    for (size_t n = 0; n < sizeof wire; n++) {
        ck_assert(!read_exactly(wire, n, text));
    }
}
END_TEST

START_TEST(not_names)
{
    static const struct {
        const char *wire;
        size_t n;
    } bad[] = {
        { "", 1 },                              /* The root. */
        { "\3a b", 5 }, { "\3a.b", 5 }, { "\2a\0", 4 }, { "\1\n", 3 },
        { "\1\xe4", 3 },
        { "\3abc\0x", 6 },                      /* More behind it. */
        { "\300\014", 2 }, { "\1a\300\014", 4 },        /* Compressed. */
        { "\100" "a", 3 }, { "\5abc", 5 },
    };
    char text[PP_DNS_NAME_SIZE];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!read_exactly(bad[i].wire, bad[i].n, text),
                      "name %zu", i);
    }
}
END_TEST

START_TEST(longest)
{
    char text[PP_DNS_NAME_SIZE];
    uint8_t wire[300];

    /* Labels of one byte: 127 of them are 255 bytes with the last. */
    memset(wire, 'a', sizeof wire);
    for (size_t i = 0; i < sizeof wire; i += 2) {
        wire[i] = 1;
    }
    wire[254] = 0;
    ck_assert(read_exactly(wire, 255, text));
    ck_assert_uint_eq(strlen(text), 253);
    wire[254] = 1;
    wire[256] = 0;
    ck_assert(!read_exactly(wire, 257, text));
    memset(wire, 'a', sizeof wire);
    wire[0] = 63;
    wire[64] = 0;
    ck_assert(read_exactly(wire, 65, text));
    wire[0] = 64;
    wire[65] = 0;
    ck_assert(!read_exactly(wire, 66, text));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dns-name");
    TCase *tcase = tcase_create("dns-name");

    tcase_add_test(tcase, reverse);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, not_names);
    tcase_add_test(tcase, longest);
    suite_add_tcase(suite, tcase);
    return suite_main(suite);
}
