/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the SMTP proxy: which units, their fields, where these stand,
 * and which replies when.
 *
 * A vector is what both sides send, the server first, and the units it comes
 * to; it comes to the same however it is cut. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy-checks.h"

enum {
    COMMAND = 1 << 0,
    AUTH = 1 << 1,
    PLAINTEXT = 1 << 2,
    BREAK = 1 << 3,
    DATA = 1 << 4,
    ALL = COMMAND | AUTH | PLAINTEXT | DATA,
};

#define LETTERS "CAPBD"

/* What a server says. */
#define HI "220 a\r\n"
#define OK "250 2.0.0 OK\r\n"
#define GO "354 go\r\n"
#define OFFER "250-a\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"
#define SORRY "503 no\r\n"
#define READY "220 go\r\n"

#define VECTOR(NAME, WANTS, LOG, ...) \
    { NAME, WANTS, LOG, { __VA_ARGS__ } }

static const struct vector vectors[] = {
    /* RFC 5321 4.1, 4.2. */
    VECTOR("command", ALL, "C<HELO a\r\n>C<QUIT\r\n>",
           HI, "HELO a\r\n", OK, "QUIT\r\n", "221 bye\r\n"),
    VECTOR("nothing wanted", 0, "14", HI, "HELO a\r\n", OK, "QUIT\r\n"),
    VECTOR("before the greeting", ALL, "C<HELO a\r\n>", "", "HELO a\r\n"),
    VECTOR("long greeting", ALL, "C<NOOP\r\n>",
           "220-a\r\n220-b\r\n220 c\r\n", "NOOP\r\n"),
    VECTOR("empty line", ALL, "C<\r\n>C<NOOP\r\n>", HI, "\r\nNOOP\r\n"),
    VECTOR("LF_ENDS_COMMAND", ALL, "C<NOOP\n>C<QUIT\n>", HI,
           "NOOP\nQUIT\n", OK),
    VECTOR("a bare CR ends no command", ALL, "C<NOOP\rQUIT\r\n>", HI,
           "NOOP\rQUIT\r\n"),
    VECTOR("FIN_ENDS_LINE", ALL, "C<NOOP>", HI, "NOOP", "", ""),
    VECTOR("FIN behind a command", ALL, "C<NOOP\r\n>", HI, "NOOP\r\n", OK,
           ""),
    VECTOR("TLS from the start", ALL, "262(tls)", "", TLS_HELLO "more",
           "\026\003\003"),
    VECTOR("TLS that waits", ALL, "262", "", TLS_HELLO TLS_HELLO),
    VECTOR("like TLS, but the server is not", ALL, "262(not-tls)", "",
           TLS_HELLO "more", HI),
    VECTOR("like TLS, in lines", ALL,
           "C<\026\003\001\001\001\001" X64 X64 X64 "\n>C<" X32 "\n>C<"
           X16 "xxxxxxxxxxxx\r\n>C<NOOP\r\n>C<NOOP\r\n>", "",
           "\026\003\001\001\001\001" X64 X64 X64 "\n" X32 "\n" X16
           "xxxxxxxxxxxx\r\nNOOP\r\n" "NOOP\r\n", HI),
    VECTOR("like TLS, in lines, until the server speaks", ALL,
           "C<\026\003\001\001\001\001" X64 "\n>C<NOOP\r\n>", "",
           "\026\003\001\001\001\001" X64 "\nNO", HI OK, "OP\r\n"),
    VECTOR("like TLS behind the greeting", ALL,
           "C<\026\003\001\001\001\001" X64 X64 X64 X64 "more\r\n>", HI,
           TLS_HELLO "more\r\n"),
    VECTOR("like TLS within the greeting", ALL,
           "C<\026\003\001\001\001\001" X64 X64 X64 X64 "more\r\n>", "22",
           TLS_HELLO "more\r\n", "0 a\r\n"),
    VECTOR("a byte 22 and no record", ALL, "C<\026\r\n>C<NOOP\r\n>", "",
           "\026\r\nNOOP\r\n"),
    VECTOR("no reply", ALL, "(not-smtp)", "hello\r\n",
           "A\r\nB\r\n"),

    /* RFC 2920. */
    VECTOR("pipelined", ALL,
           "C<MAIL FROM:<>\r\n>C<RCPT TO:<a@b>\r\n>C<DATA\r\n>",
           HI, "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"),
    VECTOR("pipelined behind DATA, accepted", ALL,
           "C<DATA\r\n>D<a\r\n>D<.\r\n>C<QUIT\r\n>",
           HI, "DATA\r\na\r\n.\r\nQUIT\r\n", GO),
    VECTOR("pipelined behind DATA, refused", ALL,
           "C<DATA\r\n>C<a\r\n>C<.\r\n>C<QUIT\r\n>",
           HI, "DATA\r\na\r\n.\r\nQUIT\r\n", SORRY),
    VECTOR("pipelined behind DATA, not answered", ALL, "C<DATA\r\n>",
           HI, "DATA\r\na\r\n.\r\nQUIT\r\n"),

    /* RFC 5321 4.1.1.4, 4.5.2. */
    VECTOR("message", ALL,
           "C<DATA\r\n>D<A: b\r\n>D<\r\n>D<..\r\n>D<.\r\n>C<QUIT\r\n>",
           HI, "DATA\r\n", GO, "A: b\r\n\r\n..\r\n.\r\n", OK, "QUIT\r\n"),
    VECTOR("message, nothing wanted", 0, "27",
           HI, "DATA\r\n", GO, "A: b\r\n\r\n..\r\n.\r\n", OK, "QUIT\r\n"),
    VECTOR("message, breaks wanted", COMMAND | BREAK,
           "C<DATA\r\n>15C<QUIT\r\n>",
           HI, "DATA\r\n", GO, "A: b\r\n\r\n..\r\n.\r\n", OK, "QUIT\r\n"),
    VECTOR("message of no line", ALL, "C<DATA\r\n>D<.\r\n>C<QUIT\r\n>",
           HI, "DATA\r\n", GO, ".\r\nQUIT\r\n"),
    VECTOR("commands behind the end", ALL,
           "C<DATA\r\n>D<a\r\n>D<.\r\n>C<NOOP\r\n>C<QUIT\r\n>",
           HI, "DATA\r\n", GO, "a\r\n.\r\nNOOP\r\nQUIT\r\n"),
    VECTOR("two messages", COMMAND,
           "C<DATA\r\n>6C<DATA\r\n>3C<QUIT\r\n>",
           HI, "DATA\r\n", GO, "a\r\n.\r\nDATA\r\n", OK GO, ".\r\nQUIT\r\n"),
    VECTOR("354 of a server that says more", COMMAND,
           "C<DATA\r\n>3C<QUIT\r\n>",
           HI, "DATA\r\n", "354-a\r\n" GO, ".\r\nQUIT\r\n"),
    VECTOR("FIN in a message", ALL, "C<DATA\r\n>D<a>",
           HI, "DATA\r\n", GO, "a", "", ""),

    /* What is not as RFC 5321 2.3.8 wants it. */
    VECTOR("LF.CRLF", COMMAND | BREAK,
           "C<DATA\r\n>4B<\n>B<.\r\n>3C<X\r\n>",
           HI, "DATA\r\n", GO, "a\r\nb\n.\r\n.\r\nX\r\n"),
    VECTOR("LF.LF", COMMAND | BREAK,
           "C<DATA\r\n>1B<\n>B<.\n>B<c\r\n>3C<X\r\n>",
           HI, "DATA\r\n", GO, "b\n.\nc\r\n.\r\nX\r\n"),
    VECTOR("CRLF.LF", COMMAND | BREAK,
           "C<DATA\r\n>3B<.\n>B<c\r\n>3C<X\r\n>",
           HI, "DATA\r\n", GO, "b\r\n.\nc\r\n.\r\nX\r\n"),
    VECTOR("CR.CR", COMMAND | BREAK,
           "C<DATA\r\n>1B<\r.\rc\r\n>3C<X\r\n>",
           HI, "DATA\r\n", GO, "b\r.\rc\r\n.\r\nX\r\n"),
    VECTOR("CRLF.CRCRLF", COMMAND | BREAK,
           "C<DATA\r\n>3B<.\r\r\n>3C<X\r\n>",
           HI, "DATA\r\n", GO, "b\r\n.\r\r\n.\r\nX\r\n"),
    VECTOR("breaks and all lines", COMMAND | BREAK | DATA,
           "C<DATA\r\n>D<a\r\n>B+<b\n>D<b\n>B+<c\r\n>D<c\r\n>D<.\r\n>"
           "C<X\r\n>",
           HI, "DATA\r\n", GO, "a\r\nb\nc\r\n.\r\nX\r\n"),
    VECTOR("REPLY_ENDS_DATA", COMMAND | BREAK,
           "C<DATA\r\n>1B<\n>B<.\n>C<QUIT\n>",
           HI, "DATA\r\n", GO, "b\n.\n", OK, "QUIT\n"),
    VECTOR("a reply to more than the end", COMMAND | BREAK,
           "C<DATA\r\n>1B<\n>B<.\n>B<QUIT\n>(data-end)",
           HI, "DATA\r\n", GO, "b\n.\nQUIT\n", OK, "QUIT\n"),
    VECTOR("a reply in a message", COMMAND | DATA,
           "C<DATA\r\n>D<b\r\n>(data-end)",
           HI, "DATA\r\n", GO, "b\r\n", OK, ".\r\nX\r\n"),
    VECTOR("a message that is refused before its end", COMMAND | DATA,
           "C<DATA\r\n>D<b\r\n>D<.\r\n>C<X\r\n>",
           HI, "DATA\r\n", GO, "b\r\n", "552 no\r\n", ".\r\nX\r\n"),
    VECTOR("354 to another command", COMMAND, "C<XDATA\r\n>(unknown-exchange)",
           HI, "XDATA\r\n", GO, "b\r\n"),
    VECTOR("a reply to nothing", COMMAND, "C<NOOP\r\n>C<RSET\r\n>", HI OK,
           "NOOP\r\n", OK OK OK, "RSET\r\n"),
    VECTOR("a reply to nothing that takes a message", COMMAND,
           "C<NOOP\r\n>(unexpected-reply)", HI,
           "NOOP\r\n", OK GO, "MAIL\r\n"),
    VECTOR("421 in a message", COMMAND | DATA,
           "C<DATA\r\n>D<b\r\n>D<.\r\n>C<X\r\n>",
           HI, "DATA\r\n", GO, "b\r\n", "421 late\r\n", ".\r\nX\r\n"),

    /* RFC 3030. */
    VECTOR("BDAT", COMMAND,
           "C<EHLO a\r\n>C<MAIL FROM:<>\r\n>C<RCPT TO:<a>\r\n>"
           "C<BDAT 6\r\n>6C<BDAT 2 LAST\r\n>2C<QUIT\r\n>",
           HI, "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a>\r\n", OFFER OK OK,
           "BDAT 6\r\nDATA\r\nBDAT 2 LAST\r\n..QUIT\r\n", OK),
    VECTOR("BDAT, nothing wanted", 0, "34",
           HI, "EHLO a\r\n", OFFER, "BDAT 4 LAST\r\nA\r\nBNOOP\r\nQ\r\n"),
    VECTOR("BDAT 0 LAST", COMMAND,
           "C<EHLO a\r\n>C<BDAT 0 LAST\r\n>C<QUIT\r\n>",
           HI, "EHLO a\r\n", OFFER, "BDAT 0 LAST\r\nQUIT\r\n"),
    VECTOR("BDAT that is not offered", COMMAND,
           "C<EHLO a\r\n>C<BDAT 6\r\n>C<NOOP\r\n>",
           HI, "EHLO a\r\n", OK, "BDAT 6\r\nNOOP\r\n", SORRY),
    VECTOR("BDAT that is not offered any more", COMMAND,
           "C<EHLO a\r\n>C<HELO a\r\n>C<BDAT 6\r\n>C<NOOP\r\n>",
           HI, "EHLO a\r\n", OFFER, "HELO a\r\n", OK,
           "BDAT 6\r\nNOOP\r\n", SORRY),
    VECTOR("BDAT behind EHLO", COMMAND,
           "C<EHLO a\r\n>C<BDAT 6\r\n>6",
           HI, "EHLO a\r\nBDAT 6\r\nNOOP\r\n", OFFER),
    VECTOR("BDAT without a size", COMMAND,
           "C<EHLO a\r\n>C<BDAT x\r\n>C<NOOP\r\n>",
           HI, "EHLO a\r\n", OFFER, "BDAT x\r\nNOOP\r\n", SORRY),

    /* What is a command for some servers, and none for us. */
    VECTOR("ANY_SPACE", ALL, "C<\r DATA\v\r\n>D<a\r\n>", HI,
           "\r DATA\v\r\n", GO, "a\r\n"),
    VECTOR("ANY_SPACE, 354 to another command", ALL,
           "C<DATA\x1c\r\n>(unknown-exchange)", HI, "DATA\x1c\r\n", GO,
           "a\r\n"),
    VECTOR("hidden behind CR", ALL, "(hidden-command)", HI,
           "NOOP\rRCPT TO:<a>\r\n"),
    VECTOR("hidden behind CR, nothing looks", AUTH, "16", HI,
           "NOOP\rVRFY evil\r\n"),
    VECTOR("no command behind CR", ALL, "C<NOOP\rRCPT <a>\r\n>", HI,
           "NOOP\rRCPT <a>\r\n"),
    VECTOR("hidden in a long line", ALL, "(hidden-command)", HI,
           X64 X64 X64 X64 X64 X64 X64 X64 "mail from:<a>\r\n"),
    VECTOR("no command in a long line", ALL,
           "C<" X64 X64 X64 X64 X64 X64 X64 X64 "mail <a>\r\n>", HI,
           X64 X64 X64 X64 X64 X64 X64 X64 "mail <a>\r\n"),
    VECTOR("hidden behind LF.LF", COMMAND, "C<DATA\r\n>4(hidden-command)",
           HI, "DATA\r\n", GO, "a\n.\n\tEHLO b\r\n"),
    VECTOR("hidden behind LF.LF, without FROM", COMMAND,
           "C<DATA\r\n>4(hidden-command)",
           HI, "DATA\r\n", GO, "a\n.\nMAIL:<a@b>\r\n"),
    VECTOR("hidden behind CR.CR", COMMAND, "C<DATA\r\n>1(hidden-command)",
           HI, "DATA\r\n", GO, "a\r.\rEHLO b\r\n"),
    VECTOR("hidden behind a dot with NUL", COMMAND,
           "C<DATA\r\n>7(hidden-command)",
           HI, "DATA\r\n", GO, "a\r\n.\v\r\nEHLO b\r\n"),
    VECTOR("no command behind LF.LF", COMMAND, "C<DATA\r\n>23C<QUIT\r\n>",
           HI, "DATA\r\n", GO,
           "a\n.\nMail b\r\nData c\r\n.\r\nQUIT\r\n"),
    VECTOR("hidden in a message that is refused", COMMAND,
           "C<DATA\r\n>3(hidden-command)",
           HI, "DATA\r\n", GO, "b\r\n", "552 no\r\n", "RSET\r\n"),
    VECTOR("hidden in a chunk that is not asked for", COMMAND,
           "C<EHLO a\r\n>C<BDAT 11\r\n>3(hidden-command)",
           HI, "EHLO a\r\n", OFFER, "BDAT 11\r\na\r\nHELO b\r\n"),
    VECTOR("hidden at the end of a chunk that is not asked for", COMMAND,
           "C<EHLO a\r\n>C<BDAT 5\r\n>3(hidden-command)",
           HI, "EHLO a\r\n", OFFER, "BDAT 5\r\na\r\nHELO b\r\n"),
    VECTOR("no command in a chunk that is not asked for", COMMAND,
           "C<EHLO a\r\n>C<BDAT 9\r\n>9C<NOOP\r\n>",
           HI, "EHLO a\r\n", OFFER, "BDAT 9\r\na\r\nHELOx\nNOOP\r\n"),
    VECTOR("a chunk behind a refused recipient", COMMAND,
           "C<EHLO a\r\n>C<MAIL FROM:<>\r\n>C<RCPT TO:<a>\r\n>"
           "C<BDAT 8\r\n>(hidden-command)",
           HI, "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT 8\r\n"
           "HELO b\r\n", OFFER OK SORRY),
    VECTOR("a size that servers read in other ways", COMMAND,
           "C<EHLO a\r\n>C<BDAT 4294967297\r\n>C<HELO b\r\n>",
           HI, "EHLO a\r\n", OFFER, "BDAT 4294967297\r\nHELO b\r\n",
           SORRY),
    VECTOR("a size that a chunk is taken for", COMMAND,
           "C<EHLO a\r\n>C<BDAT +8\r\n>",
           HI, "EHLO a\r\n", OFFER, "BDAT +8\r\nHELO b\r\n"),
    VECTOR("hidden in a line of AUTH", COMMAND,
           "C<AUTH LOGIN\r\n>(hidden-command)", HI, "AUTH LOGIN\r\n",
           "334 a\r\n", "*\rHELO b\r\n"),
    VECTOR("hidden behind STARTTLS", COMMAND,
           "C<STARTTLS\r\n>(hidden-command)",
           HI, "STARTTLS\r\nNOOP\r\nHELO a\r\n", READY, "\003\001"),
    VECTOR("a reply that repeats a command", COMMAND,
           "C<NOOP\r\n>C<DATA\r\n>C<HELO a\r\n>",
           HI, "NOOP\r\nDATA\r\n", "500 \"C\n354\"?\r\n" SORRY,
           "HELO a\r\n"),

    /* What is one line for servers that want CRLF. */
    VECTOR("behind LF alone", COMMAND, "C<MAIL\n>", HI,
           "MAIL\nFROM:<a@b>\r\n"),
    VECTOR("behind LF alone, the server replies", COMMAND,
           "C<NOOP\r\n>C<MAIL\n>C<FROM:<a@b>\r\n>", HI,
           "NOOP\r\nMAIL\nFROM:<a@b>\r\n", OK OK),
    VECTOR("behind LF alone, one reply is due", COMMAND,
           "C<NOOP\r\n>C<MAIL\n>", HI,
           "NOOP\r\nMAIL\nFROM:<a@b>\r\n", OK),
    VECTOR("behind LF alone, nothing looks", AUTH, "17", HI,
           "MAIL\nFROM:<a@b>\r\n"),
    VECTOR("behind an empty line", COMMAND, "C<\n>C<\t\n>C<NOOP\r\n>", HI,
           "\n\t\nNOOP\r\n"),

    /* RFC 3207. */
    VECTOR("STARTTLS", ALL, "C<STARTTLS\r\n>(tls)",
           HI, "STARTTLS\r\n", READY, "\026\003\001"),
    VECTOR("pipelined behind STARTTLS", ALL,
           "C<STARTTLS\r\n>P<NOOP\r\n>(tls)",
           HI, "STARTTLS\r\nNOOP\r\n", READY, "\026\003\001"),
    VECTOR("pipelined behind STARTTLS, nothing wanted", 0, "16(tls)",
           HI, "STARTTLS\r\nNOOP\r\n", READY, "\026\003\001"),
    VECTOR("TLS before the server agrees", ALL,
           "C<STARTTLS\r\n>P<\026\003\001>(tls)",
           HI, "STARTTLS\r\n\026\003\001", READY, "\024\003\003"),
    VECTOR("STARTTLS, in the form of SSL 2.0", ALL, "C<STARTTLS\r\n>(tls)",
           HI, "STARTTLS\r\n", READY, "\200\056\001\003\001"),
    VECTOR("STARTTLS, but not TLS", ALL, "C<STARTTLS\r\n>(not-tls)",
           HI, "STARTTLS\r\n", READY, "xxxxxMAIL FROM:<a@b>\r\n"),
    VECTOR("STARTTLS, but not TLS either", ALL,
           "C<STARTTLS\r\n>P<NOOP\r\n>(not-tls)",
           HI, "STARTTLS\r\nNOOP\r\n", READY, "\026\nHELO a\r\n"),
    VECTOR("STARTTLS, but not TLS, nothing looks", AUTH, "10(tls)",
           HI, "STARTTLS\r\n", READY, "HELO a\r\n"),
    VECTOR("STARTTLS, refused", ALL,
           "C<STARTTLS\r\n>C<NOOP\r\n>C<QUIT\r\n>",
           HI, "STARTTLS\r\nNOOP\r\n", SORRY, "QUIT\r\n"),
    VECTOR("STARTTLS, replies due before it", ALL,
           "C<EHLO a\r\n>C<STARTTLS\r\n>P<NOOP\r\n>(tls)",
           HI, "EHLO a\r\nSTARTTLS\r\nNOOP\r\n", OFFER READY,
           "\026\003"),

    /* RFC 4954. */
    VECTOR("AUTH", ALL,
           "C<AUTH LOGIN\r\n>A<YQ==\r\n>A<Yg==\r\n>C<NOOP\r\n>",
           HI, "AUTH LOGIN\r\n", "334 VQ==\r\n", "YQ==\r\n", "334 Ug==\r\n",
           "Yg==\r\n", "235 in\r\n", "NOOP\r\n"),
    VECTOR("AUTH, nothing wanted", 0, "30",
           HI, "AUTH LOGIN\r\n", "334 VQ==\r\n", "YQ==\r\n", "334 Ug==\r\n",
           "Yg==\r\n", "235 in\r\n", "NOOP\r\n"),
    VECTOR("AUTH with an initial response", ALL,
           "C<AUTH PLAIN AGEAYg==\r\n>C<NOOP\r\n>",
           HI, "AUTH PLAIN AGEAYg==\r\n", "535 no\r\n", "NOOP\r\n"),
    VECTOR("AUTH, cancelled", ALL, "C<AUTH LOGIN\r\n>A<*\r\n>C<NOOP\r\n>",
           HI, "AUTH LOGIN\r\n", "334 \r\n", "*\r\n", "501 no\r\n",
           "NOOP\r\n"),
    VECTOR("pipelined behind AUTH", ALL,
           "C<AUTH LOGIN\r\n>A<STARTTLS\r\n>C<NOOP\r\n>",
           HI, "AUTH LOGIN\r\nSTARTTLS\r\nNOOP\r\n",
           "334 VQ==\r\n", "", "535 no\r\n"),

    /* RFC 2033. */
    VECTOR("LMTP, a reply a recipient", COMMAND,
           "C<LHLO a\r\n>C<RCPT TO:<a>\r\n>C<RCPT TO:<b>\r\n>C<DATA\r\n>3"
           "C<STARTTLS\r\n>1(tls)",
           HI, "LHLO a\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\nDATA\r\n",
           OFFER OK OK GO, ".\r\nSTARTTLS\r\nX", OK "452 no\r\n" READY,
           "\026\003"),

    /* RFC 2645 5.2.1. */
    VECTOR("ATRN", ALL, "C<ATRN a.b\r\n>(turned)",
           HI, "ATRN a.b\r\n", OK, "220 b\r\n"),
    VECTOR("TURN, refused", ALL, "C<TURN\r\n>C<NOOP\r\n>",
           HI, "TURN\r\n", SORRY, "NOOP\r\n"),

    /* A load balancer's line, which gets no reply. */
    VECTOR("PROXY", ALL, "C<PROXY TCP4 a b 1 2\r\n>C<STARTTLS\r\n>(tls)",
           "", "PROXY TCP4 a b 1 2\r\n", HI, "STARTTLS\r\n", READY,
           "\026\003"),
    VECTOR("PROXY, more waits", ALL, "C<PROXY TCP4 a b 1 2\r\n>", "",
           "PROXY TCP4 a b 1 2\r\nNOOP\r\n"),
    VECTOR("PROXY, but one command waits", ALL,
           "C<PROXY TCP4 a b 1 2\r\n>C<NOOP\r\n>", "",
           "PROXY TCP4 a b 1 2\r\nNOOP\r\nNOOP\r\n", HI),
    VECTOR("PROXY, EHLO", ALL,
           "C<PROXY TCP4 a b 1 2\r\n>C<EHLO a\r\n>C<BDAT 2\r\n>2"
           "C<NOOP\r\n>", "", "PROXY TCP4 a b 1 2\r\n", HI, "EHLO a\r\n",
           OFFER, "BDAT 2\r\nabNOOP\r\n"),
    VECTOR("PROXY that the server does not know", ALL,
           "C<PROXY TCP4 a b 1 2\r\n>C<DATA\r\n>C<NOOP\r\n>", "",
           "PROXY TCP4 a b 1 2\r\nDATA\r\nNOOP\r\n", HI,
           "", "500 no\r\n" SORRY),
    VECTOR("PROXY that the server does not know, later", ALL,
           "C<PROXY TCP4 a b 1 2\r\n>C<DATA\r\n>D<a\r\n>", "",
           "PROXY TCP4 a b 1 2\r\n", HI, "DATA\r\n", "500 no\r\n" GO,
           "a\r\n"),
};

START_TEST(test_vectors)
{
    vector_check_first(&vectors[_i], PP_FROM_SERVER);
}
END_TEST

/* A refused unit does not reach the server, nor what belongs to it. */
START_TEST(test_refused)
{
    struct test_conn *conn = conn_new(ALL);
    const char *sends = "BDAT 4 LAST\r\nabcdSTARTTLS\r\nNOOP\r\n";

    conn_send(conn, PP_FROM_SERVER, HI, strlen(HI));
    conn_send(conn, PP_TO_SERVER, "EHLO a\r\n", 8);
    conn_send(conn, PP_FROM_SERVER, OFFER, strlen(OFFER));
    conn->outcome[1] = conn->outcome[2] = PP_REFUSED;
    conn_send(conn, PP_TO_SERVER, sends, strlen(sends));
    ck_assert_str_eq(conn->log, "C<EHLO a\r\n>C<BDAT 4 LAST\r\n>4!"
                                "C<STARTTLS\r\n>C<NOOP\r\n>");
    free(conn);
}
END_TEST

/* Lines of any length pass; what is too long is seen in part. */
START_TEST(test_limits)
{
    static char s[200000];
    struct test_conn *conn = conn_new(0);
    int i;

    conn_send(conn, PP_FROM_SERVER, HI, strlen(HI));
    memset(s, 'x', sizeof s);
    conn_send(conn, PP_TO_SERVER, s, sizeof s);
    conn_send(conn, PP_TO_SERVER, "\r\nDATA\r\n", 8);
    conn_send(conn, PP_FROM_SERVER, SORRY GO, strlen(SORRY GO));
    conn_send(conn, PP_TO_SERVER, s, sizeof s);
    conn_send(conn, PP_TO_SERVER, "\r\n.\r\nSTARTTLS\r\n1", 16);
    ck_assert_uint_eq(conn->skipped, 2 * sizeof s + 8 + 15);
    conn_send(conn, PP_FROM_SERVER, OK, strlen(OK));
    conn_send(conn, PP_FROM_SERVER, s, 100);
    conn_send(conn, PP_FROM_SERVER, READY, strlen(READY));
    free(conn);

    /* Of a command that is cut off, the front is a unit. */
    conn = conn_new(COMMAND);
    memset(s, 'x', sizeof s);
    memcpy(s, "STARTTLS ", 9);
    conn_send(conn, PP_TO_SERVER, s, 16384);
    ck_assert_uint_eq(conn->n_units, 1);
    conn_send(conn, PP_TO_SERVER, s, 100);
    conn_send(conn, PP_TO_SERVER, "\r\n1", 3);
    conn_send(conn, PP_FROM_SERVER, HI READY, strlen(HI READY));
    conn_send(conn, PP_TO_SERVER, "\026\003", 2);
    ck_assert_ptr_nonnull(strstr(conn->log, ">104(tls)"));
    free(conn);

    /* So many commands may come before a reply; the greeting's is due too. */
    conn = conn_new(0);
    for (i = 0; i < 80; i++) {
        conn_send(conn, PP_TO_SERVER, "NOOP\r\n", 6);
    }
    ck_assert_uint_eq(conn->skipped, 63 * 6);
    for (i = 0; i < 18; i++) {
        conn_send(conn, PP_FROM_SERVER, OK, strlen(OK));
    }
    ck_assert_uint_eq(conn->skipped, 80 * 6);
    free(conn);
}
END_TEST

/* Fields. */

static const char *want_field, *want_value;
static unsigned int want_unit, n_looked;

static unsigned int
field_index(const char *name)
{
    unsigned int i = 0;

    while (proxy->fields[i].name && strcmp(proxy->fields[i].name, name)) {
        i++;
    }
    ck_assert_msg(proxy->fields[i].name != NULL, "%s", name);
    return i;
}

/* A value in words: bytes as they are. */
static void
value_text(const struct pp_value *v, char *text, size_t n)
{
    if (v->type == PP_TYPE_BOOL) {
        snprintf(text, n, "%s", v->b ? "true" : "false");
    } else if (v->type == PP_TYPE_INT) {
        snprintf(text, n, "%lld", (long long) v->i);
    } else {
        snprintf(text, n, "%.*s", (int) v->s.n, (const char *) v->s.p);
    }
}

/* All elements, as NAME|VALUE|HAS_VALUE|RAW; and so on. */
static void
list_text(const struct pp_msg *msg, unsigned int field, uint32_t count,
          char *text, size_t n)
{
    char one[256];

    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        for (unsigned int sub = 0; proxy->fields[field].elem[sub].name;
             sub++) {
            struct pp_value v;

            ck_assert(proxy->get_elem(msg, field, i, sub, NULL, &v));
            value_text(&v, one, sizeof one);
            snprintf(text + strlen(text), n - strlen(text), "%s%s",
                     one, proxy->fields[field].elem[sub + 1].name ? "|"
                     : ";");
        }
    }
}

static void
look(struct test_conn *conn, const struct pp_msg *msg)
{
    unsigned int field = field_index(want_field);
    uint8_t memory[512];
    struct pp_arena arena;
    struct pp_value v;
    char text[1024];

    if (msg->dir != PP_TO_SERVER || conn->n_units != want_unit) {
        return;
    }
    n_looked++;
    pp_arena_init(&arena, memory, sizeof memory);
    ck_assert(proxy->get(msg, field, &arena, &v));
    ck_assert_int_eq(v.type, proxy->fields[field].type);
    if (v.type == PP_TYPE_LIST) {
        list_text(msg, field, v.count, text, sizeof text);
    } else {
        value_text(&v, text, sizeof text);
    }
    ck_assert_msg(!strcmp(text, want_value), "%s: got '%s', not '%s'",
                  want_field, text, want_value);
}

/* The client's 'unit', from 0, has 'value' in 'field'. */
struct field_case {
    const char *field;
    const char *value;
    uint32_t wants;
    unsigned int unit;
    const char *sends[9];       /* In turn, the server first. */
};

#define FIELD(NAME, VALUE, LINE) \
    { NAME, VALUE, COMMAND, 0, { HI, LINE "\r\n" } }
#define LINE_FIELD(NAME, VALUE, UNIT, TEXT) \
    { NAME, VALUE, DATA, UNIT, { HI, "DATA\r\n", GO, TEXT } }

/* 8 KiB and a byte. */
#define X16 "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16
#define X2048 X256 X256 X256 X256 X256 X256 X256 X256
#define LONG X2048 X2048 X2048 X2048 "x"

static const struct field_case field_vectors[] = {
    FIELD("command.verb", "EHLO", "ehlo a.b"),
    FIELD("command.verb", "EHLO", " EhLO\ta.b"),    /* SPACE_BEFORE_VERB. */
    FIELD("command.verb", "", ""),
    FIELD("command.argument", "a.b c", "EHLO  a.b c\t "),
    FIELD("command.argument", "", "EHLO"),
    FIELD("command.line", "EHLO a", "EHLO a"),
    FIELD("command.ending", "\r\n", "EHLO a"),
    { "command.ending", "\n", COMMAND, 0, { HI, "EHLO a\n" } },
    { "command.ending", "", COMMAND, 0, { HI, "EHLO a", "", "" } },
    FIELD("command.helo", "a.b", "HELO a.b c"),
    FIELD("command.helo", "", "NOOP a.b c"),
    FIELD("command.mechanism", "PLAIN", "auth PLAIN YQ=="),
    FIELD("command.initial", "YQ==", "AUTH PLAIN YQ=="),
    FIELD("command.initial", "", "AUTH PLAIN"),
    FIELD("command.has_path", "true", "MAIL FROM:<>"),
    FIELD("command.has_path", "false", "MAIL TO:a@b"),
    FIELD("command.path", "", "MAIL FROM:<> SIZE=1"),
    FIELD("command.path", "a@b", "MAIL FROM:<a@b> SIZE=1"),
    /* SPACE_BEFORE_PATH. */
    FIELD("command.path", "a@b", "rcpt to: <a@b>"),
    /* PATH_WITHOUT_BRACKETS. */
    FIELD("command.path", "a@b", "RCPT TO:a@b NOTIFY=NEVER"),
    FIELD("command.path", "@x,@y:a@b", "RCPT TO:<@x,@y:a@b>"),
    FIELD("command.path", "\"a> b\\\"\"@c", "RCPT TO:<\"a> b\\\"\"@c> X"),
    FIELD("command.path", "a@b", "RCPT TO:<a@b"),
    /* PATH_WITHOUT_KEYWORD. */
    FIELD("command.path", "a@b", "mail X y\xa0: <a@b> SIZE=1"),
    FIELD("command.path", "a@b", "RCPTX:<a@b>"),
    FIELD("command.verb", "RCPT", "rcptX y:<a@b>"),
    FIELD("command.argument", "X y:<a@b>", "RCPTX y:<a@b>"),
    FIELD("command.has_path", "true", "MAIL:<>"),
    FIELD("command.verb", "MAILX", "MAILX y: a@b <c@d>"),
    FIELD("command.path", "", "MAIL x <a@b>"),
    FIELD("command.path", "", "NOOP <a@b>"),
    FIELD("command.path", "", "XMAIL x:<a@b>"),
    FIELD("command.parameters", "SIZE|10|true|SIZE=10;"
          "body|8BITMIME|true|body=8BITMIME;SMTPUTF8||false|SMTPUTF8;",
          "MAIL FROM:<a@b> SIZE=10 body=8BITMIME  SMTPUTF8"),
    FIELD("command.parameters", "NOTIFY|=|true|NOTIFY==;",
          "RCPT TO:<a@b>\tNOTIFY=="),
    FIELD("command.parameters", "", "MAIL FROM:<a@b> "),
    FIELD("command.parameters", "", "NOOP A=b"),
    FIELD("command.chunk", "-1", "NOOP"),
    FIELD("command.chunk", "123", "BDAT 123"),
    FIELD("command.chunk", "-1", "BDAT 99999999999999999999"),
    FIELD("command.last", "true", "BDAT 1 last"),
    FIELD("command.last", "false", "BDAT 1"),
    { "command.behind", "4", COMMAND, 0, { HI, "NOOP\r\nQUIT" } },
    { "auth.line", "YQ==", AUTH, 0,
      { HI, "AUTH LOGIN\r\n", "334 \r\n", "YQ==\n" } },
    { "auth.ending", "\n", AUTH, 0,
      { HI, "AUTH LOGIN\r\n", "334 \r\n", "YQ==\n" } },
    { "plaintext", "NOOP\r\nx", PLAINTEXT, 0,
      { HI, "STARTTLS\r\nNOOP\r\nx", READY } },

    LINE_FIELD("data.text", ".a", 0, ".a\r\n"),
    LINE_FIELD("data.ending", "\r\n", 0, "a\r\n"),
    LINE_FIELD("data.ending", "\n", 0, "a\n"),
    LINE_FIELD("data.before", "\r\n", 0, "a\n"),
    LINE_FIELD("data.before", "\n", 1, "a\nb\r\n"),
    LINE_FIELD("data.before", "\r\n", 1, "a\r\nb\r\n"),
    LINE_FIELD("data.first_ending", "\n", 1, "a\nb\r\n"),
    LINE_FIELD("data.first_ending", "\r\n", 1, "a\r\nb\n"),
    LINE_FIELD("data.first_ending", "\n", 0, "a\n"),
    LINE_FIELD("data.start", "true", 1, "a\nb\n"),
    LINE_FIELD("data.dot", "true", 0, ".\n"),
    LINE_FIELD("data.dot", "true", 0, ".\r\r\n"),
    LINE_FIELD("data.dot", "false", 0, "..\r\n"),
    LINE_FIELD("data.dot", "false", 0, "\r\n"),
    LINE_FIELD("data.last", "true", 0, ".\r\n"),
    LINE_FIELD("data.last", "false", 0, ".\n"),
    LINE_FIELD("data.last", "false", 1, "a\n.\r\n"),
    LINE_FIELD("data.header", "true", 1, "a\r\n\r\nb\r\n"),
    LINE_FIELD("data.header", "false", 2, "a\r\n\r\nb\r\n"),
    LINE_FIELD("data.header", "false", 2, "a\n\nb\n"),
    LINE_FIELD("data.fields", "true", 0, "a\r\n"),
    LINE_FIELD("data.fields", "true", 1, "a:\r\nb: c\r\n"),
    LINE_FIELD("data.fields", "true", 1, "a \t:\r\nb\r\n"),
    LINE_FIELD("data.fields", "true", 1, ".a:\r\nb\r\n"),
    LINE_FIELD("data.fields", "true", 1, ":\r\nb\r\n"),
    LINE_FIELD("data.fields", "true", 1, "\303\251:\r\nb\r\n"),
    LINE_FIELD("data.fields", "true", 2, "a\r\n\t:\r\nb\r\n"),
    LINE_FIELD("data.fields", "true", 2, "a:\r\n b\r\nc\r\n"),
    LINE_FIELD("data.fields", "true", 2, "a:\nb\r\nc\r\n"),
    LINE_FIELD("data.fields", "true", 3, "a:\n\nb\r\nc\r\n"),
    LINE_FIELD("data.fields", "true", 1, "a\r\n b\r\n"),
    LINE_FIELD("data.fields", "true", 1, "a:\r\n\r\n"),
    LINE_FIELD("data.fields", "true", 1, "a:\r\n\n"),
    LINE_FIELD("data.fields", "false", 1, "a\r\nb\r\n"),
    LINE_FIELD("data.fields", "false", 1, "a b:\r\nc\r\n"),
    LINE_FIELD("data.fields", "false", 1, "a\177:\r\nb\r\n"),
    LINE_FIELD("data.fields", "false", 1, " a:\r\nb\r\n"),
    LINE_FIELD("data.fields", "false", 1, ". a:\r\nb\r\n"),
    LINE_FIELD("data.fields", "false", 2, "a:\r\nb\r\nc:\r\n"),
    LINE_FIELD("data.fields", "false", 1, "\r\nb:\r\n"),
    LINE_FIELD("data.fields", "false", 2, "a:\r\n\r\nb:\r\n"),
    LINE_FIELD("data.fields", "false", 2, "a:\r\n\nb:\r\n"),
    LINE_FIELD("data.fields", "false", 1, "\rb:\r\nc:\r\n"),
    LINE_FIELD("data.length", "3", 0, "a\r\n"),
    LINE_FIELD("data.length", "5", 1, "a\nb\r\n"),
    LINE_FIELD("data.length", "3", 2, "a\nb\r\nc\r\n"),
    LINE_FIELD("data.length", "8198", 1, LONG "aaa\r\n"),
    LINE_FIELD("data.number", "2", 2, "a\nb\r\nc\r\n"),
    LINE_FIELD("data.whole", "a\n", 0, "a\n"),

    { "session.commands", "1", COMMAND, 1, { HI, "A\r\nB\r\n" } },
    { "session.owed", "1", COMMAND, 1, { HI, "A\r\nB\r\n" , OK } },
    { "session.owed", "0", COMMAND, 1, { HI, "A\r\n", OK, "B\r\n" } },
    { "session.esmtp", "true", COMMAND, 1,
      { HI, "EHLO a\r\n", OFFER, "B\r\n" } },
    { "session.esmtp", "false", COMMAND, 1,
      { HI, "HELO a\r\n", OK, "B\r\n" } },
    { "session.pipelining", "true", COMMAND, 1,
      { HI, "EHLO a\r\n", OFFER, "B\r\n" } },
    { "session.chunking", "true", COMMAND, 1,
      { HI, "EHLO a\r\n", OFFER, "B\r\n" } },
    { "session.eightbitmime", "true", COMMAND, 1,
      { HI, "EHLO a\r\n", OFFER, "B\r\n" } },
    { "session.starttls", "false", COMMAND, 1,
      { HI, "EHLO a\r\n", OFFER, "B\r\n" } },
    { "session.starttls", "true", COMMAND, 1,
      { HI, "EHLO a\r\n", "250-a\r\n250 starttls\r\n", "B\r\n" } },
    { "session.auth", "true", COMMAND, 1,
      { HI, "EHLO a\r\n", "250-a\r\n250 AUTH LOGIN PLAIN\r\n", "B\r\n" } },
    { "session.smtputf8", "true", COMMAND, 1,
      { HI, "EHLO a\r\n", "250-a\r\n250 SMTPUTF8\r\n", "B\r\n" } },
    { "session.authenticated", "true", COMMAND, 1,
      { HI, "AUTH PLAIN a\r\n", "235 in\r\n", "B\r\n" } },
    { "session.authenticated", "false", COMMAND, 1,
      { HI, "AUTH PLAIN a\r\n", "535 no\r\n", "B\r\n" } },
    { "session.mail", "true", COMMAND, 1,
      { HI, "MAIL FROM:<>\r\n", OK, "B\r\n" } },
    { "session.mail", "false", COMMAND, 2,
      { HI, "MAIL FROM:<>\r\n", OK, "RSET\r\n", OK, "B\r\n" } },
    { "session.recipients", "1", COMMAND, 3,
      { HI, "MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\n",
        OK OK "550 no\r\n", "B\r\n" } },
    { "session.refused", "1", COMMAND, 3,
      { HI, "MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\n",
        OK OK "550 no\r\n", "B\r\n" } },
    { "session.messages", "1", COMMAND, 1,
      { HI, "DATA\r\n", GO, ".\r\n", OK, "B\r\n" } },
};

START_TEST(test_fields)
{
    const struct field_case *v = &field_vectors[_i];
    struct test_conn *conn = conn_new(v->wants);

    want_field = v->field;
    want_value = v->value;
    want_unit = v->unit;
    n_looked = 0;
    conn->look = look;
    for (size_t i = 0; v->sends[i]; i++) {
        enum pp_dir dir = i & 1 ? PP_TO_SERVER : PP_FROM_SERVER;

        if (dir == PP_TO_SERVER && !v->sends[i][0]) {
            conn_eof(conn, dir);
        } else {
            conn_send(conn, dir, v->sends[i], strlen(v->sends[i]));
        }
    }
    ck_assert_msg(n_looked == 1, "%s: the unit was not there", v->field);
    free(conn);
}
END_TEST

/* Edits. */

static const char *edit_field, *edit_to;
static char edited[256];
static bool reframed;

/* Replaces the field, or deletes it with 'edit_to' NULL; of the list, its
 * second element. */
static void
edit(struct test_conn *conn, const struct pp_msg *msg)
{
    static struct pp_edits edits;
    unsigned int field = field_index(edit_field);
    struct pp_span value, extent, s;
    struct pp_bytes ins = { .p = (const uint8_t *) edit_to,
                            .n = edit_to ? strlen(edit_to) : 0 };
    struct pp_buf buf;

    (void) conn;
    memset(&edits, 0, sizeof edits);
    ck_assert(proxy->locate(msg, field, 1, -1, &value, &extent));
    s = edit_to ? value : extent;
    pp_edits_add(&edits, s.off, s.len, ins);
    reframed = proxy->reframe(msg, &edits);
    pp_buf_init(&buf, edited, sizeof edited - 1);
    pp_edits_apply(&edits, msg->view.base, msg->end, &buf);
    ck_assert(!buf.overflow);
    edited[buf.len] = '\0';
}

static const struct edit_case {
    const char *field, *to;
    const char *result;         /* NULL: reframe() does not let it by. */
    uint32_t wants;
    const char *sends[5];
} edit_vectors[] = {
    { "command.verb", "NOOP", "NOOP a\r\n", COMMAND, { HI, "EHLO a\r\n" } },
    { "command.line", NULL, "\r\n", COMMAND, { HI, "EHLO a\r\n" } },
    { "command.line", "A\r\nB", NULL, COMMAND, { HI, "EHLO a\r\n" } },
    { "command.ending", "\r\n", "NOOP\r\n", COMMAND, { HI, "NOOP\n" } },
    { "command.ending", NULL, NULL, COMMAND, { HI, "NOOP\r\n" } },
    { "command.ending", "\r\n\r\n", NULL, COMMAND, { HI, "NOOP\r\n" } },
    { "command.path", "", "MAIL FROM:<> X\r\n", COMMAND,
      { HI, "MAIL FROM:<a@b> X\r\n" } },
    { "command.parameters", NULL, "MAIL FROM:<a@b> A C\r\n", COMMAND,
      { HI, "MAIL FROM:<a@b> A  B=b C\r\n" } },
    { "command.parameters", "D", "MAIL FROM:<a@b> A  D C\r\n", COMMAND,
      { HI, "MAIL FROM:<a@b> A  B=b C\r\n" } },
    { "auth.line", "*", "*\r\n", AUTH,
      { HI, "AUTH LOGIN\r\n", "334 \r\n", "YQ==\r\n" } },
    { "plaintext", NULL, "", PLAINTEXT, { HI, "STARTTLS\r\nNOOP\n", READY } },
    { "data.ending", " ", " ", BREAK, { HI, "DATA\r\n", GO, "a\n" } },
    { "data.ending", "\r\n", "\r\n", BREAK,
      { HI, "DATA\r\n", GO, "a\n" } },
    { "data.ending", "\n\n", NULL, BREAK, { HI, "DATA\r\n", GO, "a\n" } },
    { "data.text", "a\nb", NULL, BREAK, { HI, "DATA\r\n", GO, "a\n" } },
    { "data.whole", NULL, "", BREAK, { HI, "DATA\r\n", GO, ".\n" } },
};

START_TEST(test_edits)
{
    const struct edit_case *v = &edit_vectors[_i];
    struct test_conn *conn = conn_new(v->wants);

    edit_field = v->field;
    edit_to = v->to;
    conn->look = edit;
    for (size_t i = 0; v->sends[i]; i++) {
        conn_send(conn, i & 1 ? PP_TO_SERVER : PP_FROM_SERVER, v->sends[i],
                  strlen(v->sends[i]));
    }
    ck_assert_uint_eq(conn->n_units, 1);
    ck_assert_msg(reframed == (v->result != NULL), "%s", v->field);
    if (v->result) {
        ck_assert_str_eq(edited, v->result);
    }
    free(conn);
}
END_TEST

/* Replies. */

static enum pp_reply_when when;
static char reply_text[256];
static bool reply_close;
static struct pp_reply reply;

static void
refuse(struct test_conn *conn, const struct pp_msg *msg)
{
    struct pp_buf buf;

    when = proxy->reply_when(conn->state, msg);
    reply_close = false;
    pp_buf_init(&buf, reply_text, sizeof reply_text - 1);
    proxy->refuse(conn->state, msg, &reply, &buf, &reply_close);
    reply_text[buf.len] = '\0';
}

START_TEST(test_refuse)
{
    struct test_conn *conn = conn_new(COMMAND | DATA);

    conn->look = refuse;
    reply = (struct pp_reply) { .status = 500 };
    conn_send(conn, PP_TO_SERVER, "A\r\n", 3);
    ck_assert_int_eq(when, PP_REPLY_WAIT);      /* For the greeting. */
    conn_send(conn, PP_FROM_SERVER, HI, strlen(HI));
    conn_send(conn, PP_TO_SERVER, "B\r\n", 3);
    ck_assert_int_eq(when, PP_REPLY_WAIT);
    conn_send(conn, PP_FROM_SERVER, OK OK, strlen(OK OK));
    conn_send(conn, PP_TO_SERVER, "C\r\n", 3);
    ck_assert_int_eq(when, PP_REPLY_NOW);
    ck_assert_str_eq(reply_text,
                     "500 5.5.2 Syntax error, command unrecognized\r\n");
    ck_assert(!reply_close);

    reply.reason = (struct pp_bytes) { (const uint8_t *) "5.5.0 no", 8 };
    conn_send(conn, PP_FROM_SERVER, OK, strlen(OK));
    conn_send(conn, PP_TO_SERVER, "DATA\r\n", 6);
    ck_assert_str_eq(reply_text, "500 5.5.0 no\r\n");
    conn_send(conn, PP_FROM_SERVER, GO, strlen(GO));

    /* The server waits for the rest of the message. */
    reply = (struct pp_reply) {
        .raw = true, .body = { (const uint8_t *) "550-a\r\n550 b\r\n", 14 },
    };
    conn_send(conn, PP_TO_SERVER, "a\r\n", 3);
    ck_assert_int_eq(when, PP_REPLY_NOW);
    ck_assert_str_eq(reply_text, "550-a\r\n550 b\r\n");
    ck_assert(reply_close);
    free(conn);
}
END_TEST

START_TEST(test_manual)
{
    driver_check_manual();
    driver_check_manual_events();
}
END_TEST

static Suite *
smtp_suite(void)
{
    Suite *suite = suite_create("smtp");
    TCase *tc = tcase_create("smtp");

#define LOOP(TEST, ARRAY) \
    tcase_add_loop_test(tc, TEST, 0, sizeof (ARRAY) / sizeof (ARRAY)[0])
    LOOP(test_vectors, vectors);
    LOOP(test_fields, field_vectors);
    LOOP(test_edits, edit_vectors);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_limits);
    tcase_add_test(tc, test_refuse);
    tcase_add_test(tc, test_manual);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return driver_main("smtp", LETTERS, false, smtp_suite());
}
