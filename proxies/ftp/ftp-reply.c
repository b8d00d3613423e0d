/* SPDX-License-Identifier: Apache-2.0 */

/* From the server: which reply belongs to which command, and what it says of
 * the state.
 *
 * In: views of the server's bytes.  Out: counts of bytes, as nobody looks at
 * them.  Runs in the engine's data threads; owns the from-server half of
 * struct pp_ftp_conn.
 *
 * Of a line, its first four bytes are what counts (RFC 959 4.2).  Lines that
 * start otherwise are text. */

#include <config.h>

#include "pp-ftp.h"
#include "pp-tls.h"

#include <string.h>

/* Takes the reply at 'i' off those that are due. */
static void
due_remove(struct pp_ftp_conn *conn, unsigned int i)
{
    conn->n_due--;
    memmove(conn->due + i, conn->due + i + 1, conn->n_due - i);
}

/* Which of the replies that are due is one with 'code'?  'n_due': none.  A
 * STAT is answered while a transfer goes on (RFC 959 4.1.3). */
static unsigned int
due_find(const struct pp_ftp_conn *conn, int code)
{
    unsigned int i;

    if (code >= 211 && code <= 213 && conn->n_due && conn->begun
        && conn->due[0] == PP_FTP_V_TRANSFER) {
        for (i = 1; i < conn->n_due; i++) {
            if (conn->due[i] == PP_FTP_V_STAT) {
                return i;
            }
        }
    }
    return 0;
}

static void
login_failed(struct pp_ftp_conn *conn)
{
    conn->failures += conn->failures < UINT32_MAX;
    if (conn->login != PP_FTP_LOGGED_IN) {
        conn->login = PP_FTP_WANTS_USER;
    }
}

/* A reply to USER, PASS or ACCT (RFC 959 5.4, RFC 2228 5.3). */
static void
login_reply(struct pp_ftp_conn *conn, enum pp_ftp_verb verb, int code)
{
    if (code / 100 == 2) {
        conn->login = PP_FTP_LOGGED_IN;
    } else if (code == 332) {
        conn->login = PP_FTP_WANTS_ACCOUNT;
    } else if (code / 100 == 3 && verb == PP_FTP_V_USER) {
        conn->login = PP_FTP_WANTS_PASSWORD;
    } else {
        login_failed(conn);
    }
}

/* The final reply to 'verb' is there. */
static void
command_done(struct pp_ftp_conn *conn, enum pp_ftp_verb verb, int code)
{
    switch (verb) {
    case PP_FTP_V_ACCT:
    case PP_FTP_V_PASS:
    case PP_FTP_V_USER:
        login_reply(conn, verb, code);
        break;
    case PP_FTP_V_AUTH:
        if (code == 234) {      /* RFC 4217 4. */
            conn->to = EXPECT_PIPELINED;
            conn->opaque_reason = PP_FTP_R_AUTH;
        }
        break;
    case PP_FTP_V_REIN:
        if (code / 100 == 2) {
            conn->login = PP_FTP_WANTS_USER;
            conn->user_len = 0;
        }
        break;
    case PP_FTP_V_RNFR:
        conn->renaming = code / 100 == 3;
        break;
    case PP_FTP_V_OTHER:
    case PP_FTP_V_NONE:
    case PP_FTP_V_EPRT:
    case PP_FTP_V_LPRT:
    case PP_FTP_V_PORT:
    case PP_FTP_V_RNTO:
    case PP_FTP_V_STAT:
    case PP_FTP_V_TRANSFER:
    case PP_FTP_V_GREETING:
        break;
    }
}

/* A reply is there, all its lines. */
static void
reply_done(struct pp_ftp_conn *conn, int code)
{
    unsigned int i;

    if (code == 421) {
        conn->closing = true;
    }
    if (code / 100 == 1) {
        conn->begun = true;     /* Another one follows (RFC 959 4.2.1). */
        return;
    }
    /* An empty line is answered by "500 what?", or not at all. */
    while (conn->n_due && conn->due[0] == PP_FTP_V_NONE && code / 10 != 50) {
        due_remove(conn, 0);
    }
    i = due_find(conn, code);
    if (i < conn->n_due) {
        enum pp_ftp_verb verb = conn->due[i];

        due_remove(conn, i);
        conn->begun = conn->begun && i;
        command_done(conn, verb, code);
    }
}

/* A line has ended (RFC 959 4.2: "123-" starts a reply of several lines, and
 * the next one that starts with "123 " ends it). */
static void
line_done(struct pp_ftp_conn *conn)
{
    bool coded = conn->coded && conn->column >= 3;

    if (!conn->in_reply && coded && conn->dash) {
        conn->in_reply = true;
        conn->code = conn->line_code;
    } else if (coded && !conn->dash
               && (!conn->in_reply || conn->code == conn->line_code)) {
        conn->in_reply = false;
        reply_done(conn, conn->line_code);
    }
    conn->column = 0;
    conn->telnet = PP_FTP_T_NONE;
}

/* Takes the byte 'c', which is no part of a Telnet command. */
static void
take_byte(struct pp_ftp_conn *conn, uint8_t c)
{
    if (!conn->column) {
        conn->line_code = 0;
        conn->coded = true;
        conn->dash = false;
    }
    if (conn->column < 3) {
        if (pp_ftp_is_digit(c)) {
            conn->line_code = (uint16_t) (conn->line_code * 10 + (c - '0'));
        } else {
            conn->coded = false;
        }
    } else if (conn->column == 3) {
        conn->dash = c == '-';
        conn->coded = conn->coded && !pp_ftp_is_digit(c);
    }
    conn->column += conn->column < 4;
}

/* Takes the next byte.  Servers answer Telnet options in between. */
static void
take(struct pp_ftp_conn *conn, uint8_t c)
{
    if (c == '\n') {
        line_done(conn);
        return;
    }
    switch ((enum pp_ftp_telnet) conn->telnet) {
    case PP_FTP_T_NONE:
        if (c == 255) {
            conn->telnet = PP_FTP_T_IAC;
        } else if (c != '\r') {
            take_byte(conn, c);
        }
        break;
    case PP_FTP_T_IAC:
        conn->telnet = c >= 251 && c <= 254 ? PP_FTP_T_OPTION : PP_FTP_T_NONE;
        if (c == 255) {
            take_byte(conn, c);
        }
        break;
    case PP_FTP_T_OPTION:
        conn->telnet = PP_FTP_T_NONE;
        break;
    }
}

/* speaks(); see pp-proxy.h.  Greetings of other protocols have the same code:
 * it has to have the word. */
bool
pp_ftp_speaks(const struct pp_view *view)
{
    size_t i;

    if (view->len < 8 || memcmp(view->base, "220", 3)
        || (view->base[3] != ' ' && view->base[3] != '-')) {
        return false;
    }
    for (i = 4; i + 3 <= view->len && view->base[i] != '\n'; i++) {
        if ((view->base[i] | 0x20) == 'f' && (view->base[i + 1] | 0x20) == 't'
            && (view->base[i + 2] | 0x20) == 'p') {
            return true;
        }
    }
    return false;
}

/* The server's first byte, 'c', to a client that has begun like TLS. */
static void
take_answer(struct pp_ftp_conn *conn, int c)
{
    conn->like_tls = false;
    conn->hello = 0;
    if (pp_tls_answers(c)) {
        conn->to = EXPECT_OPAQUE;       /* FTPS without AUTH. */
        conn->opaque_reason = PP_FTP_R_TLS;
    } else if (conn->to == EXPECT_GREETING) {
        conn->to = conn->cut_by_tls ? EXPECT_NOTHING : EXPECT_COMMAND;
    }
}

/* Does 'r' begin like a reply: with a digit (RFC 959 4.2), or a Telnet command
 * before it? */
static bool
is_reply(const struct pp_reader *r)
{
    int first = pp_reader_peek(r, 0);

    return pp_ftp_is_digit(first) || first == 255;
}

/* parse() of the server's bytes; see pp-proxy.h. */
struct pp_parse
pp_ftp_parse_from(struct pp_ftp_conn *conn, const struct pp_view *view)
{
    struct pp_reader r = pp_reader_init(view->base, view->len);
    struct pp_span banner = { 0, 0 };   /* The greeting's first line. */
    bool said = false;

    if (!view->len) {
        return (struct pp_parse) { .status = PP_PARSE_MORE };
    }
    if (conn->like_tls && pp_ftp_is_silent(conn)) {
        take_answer(conn, view->base[0]);
    }
    conn->heard = true;
    if (conn->to == EXPECT_OPAQUE) {
        return (struct pp_parse) {
            .status = PP_PARSE_OPAQUE, .reason = conn->opaque_reason,
        };
    }
    if (pp_ftp_is_unmet(conn)) {
        size_t lf = pp_reader_find(&r, '\n');

        if (lf == SIZE_MAX && view->len < PP_FTP_GREETING_MAX && !view->eof) {
            return (struct pp_parse) { .status = PP_PARSE_MORE };
        }
        lf = lf == SIZE_MAX ? view->len : lf;
        if (!is_reply(&r)) {
            conn->to = EXPECT_FOREIGN;
            return (struct pp_parse) {
                .status = PP_PARSE_BAD, .reason = PP_FTP_R_NOT_FTP,
            };
        }
        said = lf >= 4 && !memcmp(view->base, "220", 3);
        if (said) {
            banner = (struct pp_span) { .off = 4, .len = (uint32_t) lf - 4 };
        }
        r.end = lf < view->len ? lf + 1 : lf;   /* A line at a time. */
    }
    /* Behind the reply to AUTH there are no more until the client goes on. */
    while (pp_reader_left(&r) && conn->to != EXPECT_PIPELINED
           && conn->to != EXPECT_HELLO) {
        uint8_t c = pp_reader_u8(&r);

        take(conn, c);
        if (c == '\n' && pp_ftp_is_unmet(conn)) {
            r.end = r.pos;      /* It said that it is about to begin. */
        }
    }
    return (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = r.end,
        .said = said, .banner = { banner },
    };
}
