/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the FTP proxy: which units, which replies belong to what,
 * values of fields, corrections by them, and the manual.
 *
 * A vector is what both sides send, and the units it comes to.  Every vector
 * is run whole, at every cut in two, and a byte at a time, and comes to the
 * same each time. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy-checks.h"

enum {
    COMMAND = 1 << 0,
    PIPELINED = 1 << 1,
};

/* Messages. */
#define HELLO "220 ready\r\n"
#define USER "USER a b\r\n"
#define PASS "PASS x\r\n"
#define IAC "\377"
#define X500 X64 X64 X64 X64 X64 X64 X64 X32 X16 "xxxx"

static const struct vector vectors[] = {
    /* RFC 959 5.3. */
    { "command", COMMAND, "C<NOOP\r\n>", { "NOOP\r\n" } },
    { "several", COMMAND, "C<NOOP\r\n>C<PWD\r\n>C<CWD a b\r\n>",
      { "NOOP\r\nPWD\r\nCWD a b\r\n" } },
    { "nothing wanted", 0, "11", { "NOOP\r\nPWD\r\n" } },
    { "not whole", COMMAND, "C<NOOP\r\n>", { "NOOP\r\nPW" } },
    { "LF_ENDS_LINE", COMMAND, "C<NOOP\n>C<PWD\r\n>", { "NOOP\nPWD\r\n" } },
    { "bare CR ends no line", COMMAND, "C<NOOP\rPWD\r\n>",
      { "NOOP\rPWD\r\n" } },
    { "SPACE_BEFORE_VERB", COMMAND, "C< \tNOOP\r\n>", { " \tNOOP\r\n" } },
    { "ANY_SPACE_BETWEEN", COMMAND, "C<CWD\t \va\r\n>",
      { "CWD\t \va\r\n" } },
    { "EOF_ENDS_LINE", COMMAND, "C<NOOP\r\n>C<PWD>",
      { "NOOP\r\nPWD", "", "" } },
    { "EOF behind a line", COMMAND, "C<NOOP\r\n>", { "NOOP\r\n", "", "" } },
    { "empty lines", COMMAND, "C<\r\n>C<\n>C<NOOP\r\n>",
      { "\r\n\nNOOP\r\n" } },
    { "bytes of all kinds", COMMAND, "C<\001\177\200\376 \t\r\r\n>",
      { "\001\177\200\376 \t\r\r\n" } },

    /* Telnet. */
    { "interrupt before a command", COMMAND,
      "C+<" IAC "\364" IAC "\362ABOR\r\n>"
      "C<" IAC "\364" IAC "\362ABOR\r\n>", { IAC "\364" IAC "\362ABOR\r\n" } },
    { "option within a command", COMMAND,
      "C+<NO" IAC "\373\001OP\r\n>C<NO" IAC "\373\001OP\r\n>",
      { "NO" IAC "\373\001OP\r\n" } },
    { "escaped 255", COMMAND,
      "C+<CWD " IAC IAC "\r\n>C<CWD " IAC IAC "\r\n>",
      { "CWD " IAC IAC "\r\n" } },
    { "Telnet command cut off by the line's end", COMMAND,
      "C+<NOOP" IAC "\r\n>C<NOOP" IAC "\r\n>C+<PWD" IAC "\375\r\n>"
      "C<PWD" IAC "\375\r\n>",
      { "NOOP" IAC "\r\nPWD" IAC "\375\r\n" } },
    { "LF in a Telnet command", COMMAND, "C<NOOP\r\n>(telnet-newline)",
      { "NOOP\r\nNOOP" IAC "\nPWD\r\n" } },
    { "LF as a Telnet option", 0, "(telnet-newline)",
      { "NOOP" IAC "\375\nPWD\r\n" } },
    { "LF behind a whole Telnet command", COMMAND,
      "C+<NOOP" IAC "\375\001\n>C<NOOP" IAC "\375\001\n>C<PWD\r\n>",
      { "NOOP" IAC "\375\001\nPWD\r\n" } },
    { "LF behind an escaped 255", COMMAND,
      "C+<CWD " IAC IAC "\n>C<CWD " IAC IAC "\n>",
      { "CWD " IAC IAC "\n" } },

    /* What is another command for some servers. */
    { "behind CR", COMMAND, "C+<NOOP\r user a\r\n>C<NOOP\r user a\r\n>",
      { "NOOP\r user a\r\n" } },
    { "behind CR, and again", COMMAND,
      "C+<NOOP\rCWD a\rUSER a\n>C+<NOOP\rCWD a\rUSER a\n>"
      "C<NOOP\rCWD a\rUSER a\n>C<NOOP\r\n>",
      { "NOOP\rCWD a\rUSER a\nNOOP\r\n" } },
    { "nothing behind CR", COMMAND, "C<\rCWD a\rUSERX b\r\n>",
      { "\rCWD a\rUSERX b\r\n" } },
    { "behind CR, nothing looks", 0, "13", { "NOOP\rUSER a\r\n" } },
    { "behind as much as fits", COMMAND,
      "C+<CWD " X500 "SIZE a\r\n>C<CWD " X500 "SIZE a\r\n>",
      { "CWD " X500 "SIZE a\r\n" } },
    { "behind LF", COMMAND,
      "C<CWD a\n>C+<b\r\n>C<b\r\n>C<DELE c\n>C+<SIZE d\n>C<SIZE d\n>"
      "C+<" IAC "\361e\r\n>C+<" IAC "\361e\r\n>C<" IAC "\361e\r\n>"
      "C<SIZE d\r\n>",
      { "CWD a\nb\r\nDELE c\nSIZE d\n" IAC "\361e\r\nSIZE d\r\n" } },
    { "behind LF, and the server replies", COMMAND,
      "C<CWD a\n>C<SIZE b\r\n>",
      { "CWD a\n", HELLO "250 ok\r\n", "SIZE b\r\n" } },
    { "behind LF, nothing looks", 0, "9", { "CWD a\nb\r\n" } },
    { "hidden behind AUTH", COMMAND, "C<AUTH TLS\r\n>(hidden-command)",
      { "AUTH TLS\r\nX\r\nUSER a\r\n", HELLO "234 a\r\n" } },

    /* What waits for a reply. */
    { "USER waits", COMMAND, "C<" USER ">", { USER PASS "PWD\r\n" } },
    { "USER is answered", COMMAND, "C<" USER ">C<" PASS ">",
      { USER PASS "PWD\r\n", HELLO "331 ?\r\n" } },
    { "PASS is answered", COMMAND,
      "C<" USER ">C<" PASS ">C<PWD\r\n>C<NOOP\r\n>",
      { USER PASS "PWD\r\n", HELLO "331 ?\r\n", "NOOP\r\n", "230 in\r\n" } },
    { "they wait when nothing is wanted", 0, "18",
      { USER PASS "PWD\r\n", HELLO "331 ?\r\n" } },
    { "the greeting is no reply to it", COMMAND, "C<" USER ">",
      { USER PASS, HELLO } },
    { "a reply to what came before is none", COMMAND,
      "C<NOOP\r\n>C<" USER ">", { "NOOP\r\n" USER PASS, HELLO "200 ok\r\n" } },
    { "a reply of several lines", COMMAND, "C<" USER ">C<" PASS ">",
      { USER PASS, "220-hi\r\n221 no\r\n220 ready\r\n331-a\r\n 331 b\r\n"
                   "3310\r\n330 c\r\n331-d\r\n331\r\n" } },
    { "a reply of several lines, not whole", COMMAND, "C<" USER ">",
      { USER PASS, HELLO "331-a\r\n331-b\r\n" } },
    { "a reply that makes no sense", COMMAND, "C<" USER ">",
      { USER PASS, HELLO "what?\r\n33\r\n331x" } },
    { "Telnet in replies", COMMAND, "C<" USER ">C<" PASS ">",
      { USER PASS, IAC "\376\001220 a\r\n3" IAC "\366" "31 " IAC "\n" } },
    { "interim replies", COMMAND, "C<RNFR a\r\n>C<RNTO b\r\n>",
      { "RNFR a\r\nRNTO b\r\n", HELLO "150 wait\r\n350 go\r\n" } },

    /* RFC 4217. */
    { "AUTH waits", COMMAND, "C<AUTH TLS\r\n>", { "AUTH TLS\r\nPWD\r\n" } },
    { "AUTH refused", COMMAND, "C<AUTH TLS\r\n>C<PWD\r\n>",
      { "AUTH TLS\r\nPWD\r\n", HELLO "500 no\r\n" } },
    { "AUTH agreed", COMMAND, "C<AUTH TLS\r\n>(auth)",
      { "AUTH TLS\r\n", HELLO "234 go\r\n", "\026\003\001" } },
    { "AUTH agreed, commands behind it", COMMAND | PIPELINED,
      "C<auth tls\r\n>P<PWD\r\nNO>(auth)",
      { "auth tls\r\nPWD\r\nNO", HELLO "234 go\r\n", "\026\003\001" } },
    { "AUTH agreed, those not wanted", COMMAND, "C<AUTH TLS\r\n>5(auth)",
      { "AUTH TLS\r\nPWD\r\n", HELLO "234 go\r\n", "\026\003\001" } },
    { "AUTH agreed, TLS came before", COMMAND, "C<AUTH TLS\r\n>3(auth)",
      { "AUTH TLS\r\n\026\003\001", HELLO "234 go\r\n", "\024\003" } },
    { "AUTH agreed, TLS comes late", COMMAND, "C<AUTH TLS\r\n>",
      { "AUTH TLS\r\n", HELLO "234 go\r\n", "\026" } },
    { "AUTH agreed, but not TLS", COMMAND, "C<AUTH TLS\r\n>(not-tls)",
      { "AUTH TLS\r\n", HELLO "234 go\r\n", "NOOP\r\n" } },
    { "AUTH agreed, but not TLS behind commands", COMMAND | PIPELINED,
      "C<AUTH TLS\r\n>P<PWD\r\n>(not-tls)",
      { "AUTH TLS\r\nPWD\r\n", HELLO "234 go\r\n", "\026USER a\r\n" } },
    { "AUTH agreed, but not TLS, nothing looks", 0, "10(auth)",
      { "AUTH TLS\r\n", HELLO "234 go\r\n", "NOOP\r\n" } },
    { "AUTH agreed, nothing behind it", COMMAND | PIPELINED,
      "C<AUTH TLS\r\n>(auth)",
      { "AUTH TLS\r\n", HELLO "234 go\r\n", "\026\003\001" } },
    { "AUTH that goes on otherwise", COMMAND,
      "C<AUTH GSSAPI\r\n>C<ADAT x\r\n>C<ENC y\r\n>",
      { "AUTH GSSAPI\r\nADAT x\r\n", HELLO "334 more\r\n235 done\r\n",
        "ENC y\r\n" } },
    { "TLS from the start", COMMAND, "262(tls)",
      { TLS_HELLO "more", "\026\003\003" } },
    { "TLS that the server refuses", COMMAND, "262(tls)",
      { TLS_HELLO "more", "\025\003\003" } },
    { "TLS that waits", COMMAND, "262", { TLS_HELLO TLS_HELLO } },
    { "like TLS, but the server is not", COMMAND, "262(not-tls)",
      { TLS_HELLO "more", HELLO } },
    { "like TLS, in lines", COMMAND,
      "C<\026\003\001\001\001\001" X64 X64 X64 "\n>C<" X32 "\n>C<"
      X16 "xxxxxxxxxxxx\r\n>C<NOOP\r\n>C<NOOP\r\n>",
      { "\026\003\001\001\001\001" X64 X64 X64 "\n" X32 "\n" X16
        "xxxxxxxxxxxx\r\nNOOP\r\n" "NOOP\r\n", HELLO } },
    { "like TLS, in lines, until the server speaks", COMMAND,
      "C<\026\003\001\001\001\001" X64 "\n>C<NOOP\r\n>",
      { "\026\003\001\001\001\001" X64 "\nNO", HELLO, "OP\r\n" } },
    { "another protocol", COMMAND, "C<SSH\r\n>(not-ftp)",
      { "SSH\r\nbinary", "SSH-2.0-x\r\n" } },
    { "a Telnet command before the greeting", COMMAND, "C<NOOP\r\n>",
      { "NOOP\r\n", IAC "\371" HELLO } },
    { "a byte 22 and no record", COMMAND, "C<\026\r\n>C<NOOP\r\n>",
      { "\026\r\nNOOP\r\n" } },
    { "a byte 22 later", COMMAND, "C<NOOP\r\n>C<\026\003\r\n>",
      { "NOOP\r\n\026\003\r\n" } },

    /* Who is due a reply. */
    { "STAT in a transfer", COMMAND,
      "C<RETR a\r\n>C<STAT\r\n>C<" USER ">C<" PASS ">",
      { "RETR a\r\nSTAT\r\n" USER PASS,
        HELLO "150 go\r\n211-on\r\n211 it\r\n226 done\r\n331 ?\r\n" } },
    { "STAT in no transfer", COMMAND, "C<SYST\r\n>C<STAT\r\n>C<" USER ">",
      { "SYST\r\nSTAT\r\n" USER PASS, HELLO "211 a\r\n211 b\r\n" } },
    { "ABOR in a transfer", COMMAND,
      "C<RETR a\r\n>C<ABOR\r\n>C<" USER ">C<" PASS ">",
      { "RETR a\r\nABOR\r\n" USER PASS,
        HELLO "150 go\r\n426 no\r\n226 done\r\n331 ?\r\n" } },
    { "an empty line that is answered", COMMAND,
      "C<\r\n>C<" USER ">C<" PASS ">",
      { "\r\n" USER PASS, HELLO "500 what?\r\n331 ?\r\n" } },
    { "an empty line that is not", COMMAND, "C<\r\n>C<" USER ">C<" PASS ">",
      { "\r\n" USER PASS, HELLO "331 ?\r\n" } },
    { "a reply that nobody asked for", COMMAND,
      "C<NOOP\r\n>C<" USER ">C<" PASS ">",
      { "NOOP\r\n", HELLO "200 ok\r\n500 OOPS\r\n", USER PASS,
        "331 ?\r\n" } },
};

START_TEST(test_vectors)
{
    vector_check(&vectors[_i]);
}
END_TEST

/* 'n': now, 'w': wait, '-': never. */
static const struct when_vector when_vectors[] = {
    { "w", { "NOOP\r\n" } },
    { "n", { "", HELLO, "NOOP\r\n" } },
    { "w", { "", "220-hi\r\n", "NOOP\r\n" } },
    { "w", { "", "120 wait\r\n", "NOOP\r\n" } },
    { "nw", { "", HELLO, "NOOP\r\nNOOP\r\n" } },
    { "nn", { "", HELLO, "NOOP\r\n", "200 ok\r\n", "NOOP\r\n" } },
    { "nw", { "", HELLO, "RETR a\r\n", "150 go\r\n", "NOOP\r\n" } },
    { "nn", { "", HELLO, "RETR a\r\n", "150 go\r\n226 ok\r\n", "NOOP\r\n" } },
    { "nn", { "", HELLO, "\r\n", "", "NOOP\r\n" } },
    { "nw", { "", HELLO, "\r\n", "500 wh", "NOOP\r\n" } },
    { "n-", { "", HELLO, "NOOP\r\n", "421 bye\r\n", "NOOP\r\n" } },
    { "n", { "", HELLO, "AUTH TLS\r\n", "234 go\r\n", "" } },
    { "n-", { "", HELLO, "AUTH TLS\r\nPWD\r\n", "234 go\r\n" } },
};

START_TEST(test_reply_when)
{
    when_check(&when_vectors[_i], COMMAND | PIPELINED);
}
END_TEST

static struct pp_bytes
text(const char *s)
{
    return (struct pp_bytes) { .p = (const uint8_t *) s, .n = strlen(s) };
}

START_TEST(test_refuse)
{
    struct pp_reply reply = { .status = 500 };

    refuse_check(&reply, COMMAND, "NOOP\r\n",
                 "500 Syntax error, command unrecognized.\r\n", false);
    reply.close = true;
    reply.reason = text("The given address is not yours");
    refuse_check(&reply, COMMAND, "NOOP\r\n",
                 "500 The given address is not yours\r\n", true);
    reply.close = false;
    reply.n_headers = 1;
    reply.headers[0].name = text("A");
    reply.headers[0].value = text("b");
    reply.body = text("one\r\n\r\ntwo\nthree");
    refuse_check(&reply, COMMAND, "NOOP\r\n",
                 "500-one\r\n500-\r\n500-two\r\n500-three\r\n"
                 "500 The given address is not yours\r\n", false);
    reply.raw = true;
    refuse_check(&reply, COMMAND, "NOOP\r\n", "one\r\n\r\ntwo\nthree", false);
    reply = (struct pp_reply) { .status = 599 };
    refuse_check(&reply, COMMAND, "NOOP\r\n", "599 \r\n", false);
}
END_TEST

/* What is refused is no command that the server has. */
START_TEST(test_refused)
{
    static const char send[] = USER "NOOP\r\n";
    static const struct field_vector after = {
        .send = "PWD\r\n", .expect = { "line.after_lf", "false" },
    };
    static const struct field_vector still_after = {
        .send = "PWD\r\n", .expect = { "line.after_lf", "true" },
    };
    struct test_conn *conn = conn_new(COMMAND);

    conn->outcome[0] = PP_REFUSED;
    conn_send(conn, PP_TO_SERVER, send, strlen(send));
    ck_assert_str_eq(conn->log, "C<" USER ">C<NOOP\r\n>");
    free(conn);

    /* Nor has the server a line that it would be one with. */
    conn = conn_new(COMMAND);
    conn->outcome[0] = PP_REFUSED;
    conn_send(conn, PP_TO_SERVER, "NOOP\n", 5);
    fields_check(conn, &after);
    conn = conn_new(COMMAND);
    conn->outcome[1] = PP_REFUSED;
    conn_send(conn, PP_TO_SERVER, "NOOP\nNOOP\r\n", 11);
    fields_check(conn, &still_after);
}
END_TEST

/* Fields of the line. */

static const struct field_vector field_vectors[] = {
    { "NOOP\r\n", 0,
      { "verb", "NOOP", "verb.before", "", "argument", "",
        "argument.present", "false", "argument.separator", "",
        "subverb", "", "subargument", "", "path", "", "path.present", "false",
        "line", "NOOP", "line.raw", "NOOP", "line.ending", "\r\n",
        "line.telnet", "false", "line.truncated", "false", "address", "",
        "address.port", "-1", "address.family", "-1",
        "address.valid", "false" } },
    { "NOOP\nNOOP\r\n", 0, { "line.after_lf", "false" } },
    { "NOOP\nNOOP\r\n", 1, { "line.after_lf", "true" } },
    { "NOOP\nNOOP\r\nNOOP\r\n", 2, { "line.after_lf", "false" } },
    { " \tcwd  a b \n", 0,
      { "verb", "cwd", "verb.before", " \t", "argument", "a b ",
        "argument.present", "true", "argument.separator", "  ",
        "path", "a b ", "path.present", "true", "line", " \tcwd  a b ",
        "line.ending", "\n" } },
    { "CWD \r\n", 0,
      { "argument", "", "argument.present", "true", "path.present",
        "false" } },
    { "\r\n", 0, { "verb", "", "line", "", "argument.present", "false" } },
    { "  \r\n", 0, { "verb", "", "verb.before", "  ", "line", "  " } },
    { IAC "\364" IAC "\362C" IAC "\366WD a" IAC IAC "b\r\n", 1,
      { "verb", "CWD", "argument", "a" IAC "b", "line", "CWD a" IAC "b",
        "line.raw", IAC "\364" IAC "\362C" IAC "\366WD a" IAC IAC "b",
        "line.telnet", "true", "verb.before", "" } },
    { "CWD" IAC "\375 \r\n", 1, { "verb", "CWD", "argument.present",
        "false" } },
    { "SITE chmod 644 a b\r\n", 0,
      { "subverb", "chmod", "subargument", "644 a b", "path", "a b" } },
    { "SITE CPFR  a b\r\n", 0, { "subargument", "a b", "path", "a b" } },
    { "SITE HELP\r\n", 0,
      { "subverb", "HELP", "subargument", "", "path.present", "false" } },
    { "OPTS UTF8 ON\r\n", 0, { "subverb", "UTF8", "subargument", "ON" } },
    { "CWD UTF8 ON\r\n", 0, { "subverb", "", "subargument", "" } },
    { "LIST -la --x a -b\r\n", 0, { "path", "a -b" } },
    { "LIST -la\r\n", 0, { "path.present", "false" } },
    { "RETR -la\r\n", 0, { "path", "-la" } },
    { "MFMT 20261124000000 a b\r\n", 0, { "path", "a b" } },
    { "NOOP a\r\n", 0, { "path.present", "false" } },

    { "PORT 192,0,2,1,4,1\r\n", 0,
      { "address", "\300\\0\002\001", "address.port", "1025",
        "address.family", "-1", "address.valid", "true" } },
    { "port 192,0,2,1\r\n", 0,
      { "address", "\300\\0\002\001", "address.port", "-1",
        "address.valid", "false" } },
    { "PORT 192,0,2,1,4,1,5\r\n", 0,
      { "address", "\300\\0\002\001", "address.port", "1025",
        "address.valid", "false" } },
    { "PORT 192,0,2,1,4,1 \r\n", 0,
      { "address.port", "1025", "address.valid", "false" } },
    { "PORT 192,0,2,256,4,1\r\n", 0,
      { "address", "", "address.valid", "false" } },
    { "PORT 192,0,2,1,4,256\r\n", 0,
      { "address.port", "1280", "address.valid", "false" } },
    { "PORT 192,0,2\r\n", 0, { "address", "", "address.valid", "false" } },
    { "PORT 99999999999999,0,2,1,0,1\r\n", 0,
      { "address", "", "address.valid", "false" } },
    { "PORT\r\n", 0, { "address", "", "address.valid", "false" } },
    { "PORT host\r\n", 0, { "address", "", "address.valid", "false" } },
    { "EPRT |1|192.0.2.1|1025|\r\n", 0,
      { "address", "\300\\0\002\001", "address.port", "1025",
        "address.family", "1", "address.valid", "true" } },
    { "EPRT !2!2001:db8::1!1025!\r\n", 0,
      { "address", "\040\001\015\270\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\001",
        "address.port", "1025", "address.family", "2",
        "address.valid", "true" } },
    { "EPRT |2|::ffff:192.0.2.1|1025|\r\n", 0,
      { "address", "\300\\0\002\001", "address.valid", "true" } },
    { "EPRT |2|192.0.2.1|1025|\r\n", 0,
      { "address", "\300\\0\002\001", "address.valid", "false" } },
    { "EPRT |1|192.0.2.1|1025\r\n", 0,
      { "address.port", "1025", "address.valid", "false" } },
    { "EPRT |1|192.0.2.1\r\n", 0,
      { "address", "\300\\0\002\001", "address.port", "-1",
        "address.valid", "false" } },
    { "EPRT |1|192.0.2.1|x|\r\n", 0,
      { "address.port", "-1", "address.valid", "false" } },
    { "EPRT |1|192.0.2.1|1025|x\r\n", 0, { "address.valid", "false" } },
    { "EPRT |3|a.example|1025|\r\n", 0,
      { "address", "", "address.family", "3", "address.port", "1025",
        "address.valid", "false" } },
    { "EPRT \r\n", 0, { "address", "", "address.valid", "false" } },
    { "LPRT 4,4,192,0,2,1,2,4,1\r\n", 0,
      { "address", "\300\\0\002\001", "address.port", "1025",
        "address.family", "4", "address.valid", "true" } },
    { "LPRT 6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,1\r\n", 0,
      { "address", "\040\001\015\270\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\001",
        "address.port", "1025", "address.valid", "true" } },
    { "LPRT 4,16,192,0,2,1,2,4,1\r\n", 0,
      { "address", "", "address.valid", "false" } },
    { "LPRT 4,255,1\r\n", 0, { "address", "", "address.valid", "false" } },
    { "LPRT\r\n", 0, { "address", "", "address.valid", "false" } },
};

START_TEST(test_fields)
{
    fields_check(conn_new(COMMAND), &field_vectors[_i]);
}
END_TEST

/* Fields of the state: what came before, and what is said of a NOOP then. */
static const struct {
    const char *sends[8];       /* The client first. */
    const char *expect[12];
} state_vectors[] = {
    { { NULL },
      { "logged_in", "false", "login.wants", "user", "login.failures", "0",
        "user", "", "commands", "0", "unanswered", "1" } },
    { { NULL },
      { "client.address", "\300\\0\002\001", "client.port", "49152",
        "server.address", "\300\\0\002\002", "server.port", "9" } },
    { { "", HELLO }, { "unanswered", "0", "previous", "" } },
    { { USER, HELLO "331 ?\r\n" },
      { "logged_in", "false", "login.wants", "password", "user", "a b",
        "commands", "1", "previous", "USER", "unanswered", "0" } },
    { { USER PASS, HELLO "331 ?\r\n", "", "230 in\r\n" },
      { "logged_in", "true", "login.wants", "", "user", "a b",
        "commands", "2" } },
    { { USER, HELLO "230 in\r\n" }, { "logged_in", "true" } },
    { { USER PASS, HELLO "331 ?\r\n", "", "530 no\r\n" },
      { "logged_in", "false", "login.wants", "user", "login.failures", "1",
        "user", "a b" } },
    { { USER PASS, HELLO "331 ?\r\n", "", "332 ?\r\n" },
      { "login.wants", "account", "logged_in", "false" } },
    { { USER PASS "ACCT z\r\n", HELLO "331 ?\r\n", "", "332 ?\r\n", "",
        "230 in\r\n" },
      { "login.wants", "", "logged_in", "true" } },
    { { USER PASS "PASS y\r\n", HELLO "331 ?\r\n", "", "230 in\r\n", "",
        "503 why\r\n" },
      { "logged_in", "true", "login.failures", "1" } },
    { { USER PASS "REIN\r\n", HELLO "331 ?\r\n", "", "230 in\r\n", "",
        "220 ok\r\n" },
      { "logged_in", "false", "login.wants", "user", "user", "" } },
    { { USER PASS "REIN\r\n", HELLO "331 ?\r\n", "", "230 in\r\n", "",
        "502 no\r\n" },
      { "logged_in", "true", "user", "a b" } },
    { { "RNFR a\r\n", HELLO "350 go\r\n" },
      { "renaming", "true", "previous", "RNFR" } },
    { { "RNFR a\r\n", HELLO "550 no\r\n" }, { "renaming", "false" } },
    { { "RNFR a\r\nrnto b\r\n", HELLO "350 go\r\n", "", "250 ok\r\n" },
      { "renaming", "false", "previous", "RNTO" } },
    { { "RETR a\r\n", HELLO "150 go\r\n" },
      { "transferring", "true", "unanswered", "1" } },
    { { "RETR a\r\n", HELLO "150 go\r\n226 ok\r\n" },
      { "transferring", "false", "unanswered", "0" } },
    { { "CWD a\r\n", HELLO "150 go\r\n" }, { "transferring", "false" } },
    { { "\r\n", HELLO },
      { "unanswered", "0", "commands", "0", "previous", "" } },
    { { "longestword\r\n", HELLO "500 no\r\n" }, { "previous", "LONGESTW" } },
    { { "USER 0123456789012345678901234567890123456789012345678901234567"
        "8901234567\r\n", HELLO "331 ?\r\n" },
      { "user", "012345678901234567890123456789012345678901234567890123456"
        "7890123" } },
};

START_TEST(test_state)
{
    struct test_conn *conn = conn_new(COMMAND);
    struct field_vector v = { .send = "NOOP\r\n" };
    size_t i;

    memcpy(v.expect, state_vectors[_i].expect,
           sizeof state_vectors[_i].expect);
    for (i = 0; state_vectors[_i].sends[i]; i++) {
        const char *s = state_vectors[_i].sends[i];

        conn_send(conn, i & 1 ? PP_FROM_SERVER : PP_TO_SERVER, s, strlen(s));
    }
    fields_check(conn, &v);
}
END_TEST

static const struct edit_vector edit_vectors[] = {
    { "CWD a b\r\n", 0, { "verb=XCWD" }, "XCWD a b\r\n" },
    { "CWD a b\r\n", 0, { "argument=c" }, "CWD c\r\n" },
    { "CWD  a b\n", 0, { "argument" }, "CWD\n" },
    { "CWD a b\r\n", 0, { "path=c" }, "CWD c\r\n" },
    { "CWD \r\n", 0, { "argument=c" }, "CWD c\r\n" },
    { "LIST -a  b c\r\n", 0, { "path" }, "LIST -a\r\n" },
    { "SITE CHMOD 644 a\r\n", 0, { "path=b" }, "SITE CHMOD 644 b\r\n" },
    { "SITE CHMOD 644 a\r\n", 0, { "subverb=IDLE" }, "SITE IDLE 644 a\r\n" },
    { "SITE CHMOD 644 a\r\n", 0, { "subargument" }, "SITE CHMOD\r\n" },
    { "SITE CHMOD 644 a\r\n", 0, { "subverb" }, "SITE 644 a\r\n" },
    { "CWD a\r\n", 0, { "argument=b\r\nPWD" }, NULL },
    { "CWD a\r\n", 0, { "argument=b\n" }, NULL },
    { "CWD a\r\n", 0, { "argument=" IAC }, "CWD " IAC IAC "\r\n" },
    { IAC "\364C" IAC "\366WD a" IAC IAC "b" IAC "\361\r\n", 1,
      { "argument=c" }, IAC "\364C" IAC "\366WD c" IAC "\361\r\n" },
    { IAC "\364C" IAC "\366WD" IAC "\361 a\r\n", 1, { "verb=PWD" },
      IAC "\364PWD" IAC "\361 a\r\n" },
    { IAC "\364C" IAC "\366WD" IAC "\361 a\r\n", 1, { "argument" },
      IAC "\364C" IAC "\366WD" IAC "\361\r\n" },
    { "CWD a" IAC "\r\n", 1, { "argument=b" }, "CWD b" IAC "\r\n" },
};

START_TEST(test_edits)
{
    edits_check(conn_new(COMMAND), &edit_vectors[_i]);
}
END_TEST

/* A line of 64 KiB a byte at a time takes no longer than a moment, what is
 * behind it is not looked at, and commands without a reply are counted. */
START_TEST(test_limits)
{
    static char line[1 << 18];
    static const struct field_vector cut = {
        .send = "", .nth = 0, .expect = { "line.truncated", "true",
                                          "line.ending", "", "verb", "CWD" },
    };
    struct test_conn *conn;
    size_t i;
    int what;

    memset(line, 'b', sizeof line);
    memcpy(line, "CWD ", 4);
    memcpy(line + 65534, "\r\n", 2);
    conn = conn_new(COMMAND);
    for (i = 0; i < 65536; i++) {
        conn_send(conn, PP_TO_SERVER, line + i, 1);
    }
    ck_assert_uint_eq(conn->n_units, 1);
    free(conn);

    memset(line + 65534, 'b', 2);
    memcpy(line + 100000, "\r\nNOOP\r\n", 8);
    for (what = PP_PASSED; what <= PP_REFUSED; what++) {
        conn = conn_new(COMMAND);
        conn->outcome[0] = what;
        conn_send(conn, PP_TO_SERVER, line, 70000);
        conn_send(conn, PP_TO_SERVER, line + 70000, 30008);
        ck_assert_uint_eq(conn->n_units, 2);
        ck_assert(!strncmp(conn->log + 65536 + 2, what == PP_PASSED
                           ? ">34466C<NOOP\r\n>" : ">34466!C<NOOP\r\n>", 16));
        free(conn);
    }

    conn = conn_new(COMMAND);
    memcpy(conn->sides[PP_TO_SERVER].data, line, 70000);
    conn->sides[PP_TO_SERVER].len = 70000;
    fields_check(conn, &cut);

    conn = conn_new(0);
    for (i = 0; i < 80; i++) {
        conn_send(conn, PP_TO_SERVER, "NOOP\r\n", 6);
    }
    ck_assert_uint_eq(conn->skipped, 31 * 6);
    for (i = 0; i < 50; i++) {
        conn_send(conn, PP_FROM_SERVER, "200 ok\r\n", 8);
    }
    ck_assert_uint_eq(conn->skipped, 80 * 6);
    for (i = 0; i < 80; i++) {
        conn_send(conn, PP_TO_SERVER, "\r\n", 2);
    }
    ck_assert_uint_eq(conn->skipped, 80 * 6 + 80 * 2);
    free(conn);
}
END_TEST

START_TEST(test_manual)
{
    driver_check_manual();
}
END_TEST

static Suite *
ftp_suite(void)
{
    Suite *suite = suite_create("ftp");
    TCase *tc = tcase_create("ftp");

#define LOOP(TEST, ARRAY) \
    tcase_add_loop_test(tc, TEST, 0, sizeof (ARRAY) / sizeof (ARRAY)[0])
    LOOP(test_vectors, vectors);
    LOOP(test_reply_when, when_vectors);
    tcase_add_test(tc, test_refuse);
    tcase_add_test(tc, test_refused);
    LOOP(test_fields, field_vectors);
    LOOP(test_state, state_vectors);
    LOOP(test_edits, edit_vectors);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_manual);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return driver_main("ftp", "CP", false, ftp_suite());
}
