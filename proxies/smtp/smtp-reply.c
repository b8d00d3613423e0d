/* SPDX-License-Identifier: Apache-2.0 */

/* From the server: which reply belongs to what (RFC 5321 4.2).
 *
 * In: the server's bytes.  Out: nothing; they pass unseen.  Runs in the
 * engine's data threads; owns nothing but the connection state.
 *
 * The server replies once to each command, in their order (RFC 2920 3.2), to
 * the connection, and to the end of a message. */

#include <config.h>

#include "pp-smtp.h"
#include "pp-tls.h"

#include <string.h>

#include "util.h"

/* What replies are due to. */

/* A reply to 'kind' is due, behind all others.  False if they are too many. */
bool
pp_smtp_owe(struct pp_smtp_conn *conn, enum pp_smtp_kind kind)
{
    unsigned int i = conn->n_owed;

    if (i >= PP_SMTP_PIPELINE_MAX) {
        return false;
    }
    conn->owed[i / 16] &= ~(UINT64_C(15) << i % 16 * 4);
    conn->owed[i / 16] |= (uint64_t) kind << i % 16 * 4;
    conn->n_owed++;
    return true;
}

static enum pp_smtp_kind
owed(const struct pp_smtp_conn *conn, unsigned int i)
{
    return (enum pp_smtp_kind) (conn->owed[i / 16] >> i % 16 * 4 & 15);
}

/* True if a reply to some 'kind' is due. */
bool
pp_smtp_owes(const struct pp_smtp_conn *conn, enum pp_smtp_kind kind)
{
    unsigned int i;

    for (i = 0; i < conn->n_owed; i++) {
        if (owed(conn, i) == kind) {
            return true;
        }
    }
    return false;
}

/* See pp-smtp.h. */
bool
pp_smtp_is_silent(const struct pp_smtp_conn *conn)
{
    return (conn->n_owed && owed(conn, 0) == PP_SMTP_GREETING
            && !conn->in_reply && conn->from == EXPECT_REPLY
            && !conn->from_scan);
}

/* The server's first byte, 'c', to a client that has begun like TLS. */
static void
take_answer(struct pp_smtp_conn *conn, int c)
{
    conn->like_tls = false;
    conn->hello = 0;
    if (pp_tls_answers(c)) {
        conn->to = EXPECT_TLS;          /* SMTPS without STARTTLS. */
    } else if (conn->to == EXPECT_GREETING) {
        conn->to = conn->cut_by_tls ? EXPECT_BROKEN : EXPECT_COMMAND;
        conn->from_reason = PP_SMTP_R_NOT_TLS;
    }
}

/* The oldest has its reply. */
static void
paid(struct pp_smtp_conn *conn)
{
    const unsigned int n = PP_SMTP_PIPELINE_MAX / 16;
    unsigned int i;

    for (i = 0; i < n; i++) {
        conn->owed[i] = conn->owed[i] >> 4;
        if (i + 1 < n) {
            conn->owed[i] |= conn->owed[i + 1] << 60;
        }
    }
    conn->n_owed--;
}

/* Replies. */

static void
bad(struct pp_smtp_conn *conn, enum pp_smtp_reason reason)
{
    conn->from = EXPECT_NO_REPLY;
    conn->from_reason = (uint8_t) reason;
}

/* What the client has sent is something else for the server than for us; where
 * it goes on is not known. */
static void
lost(struct pp_smtp_conn *conn, enum pp_smtp_reason reason)
{
    conn->to = EXPECT_BROKEN;
    conn->from_reason = (uint8_t) reason;
}

/* Ends the wait of EXPECT_ANSWER. */
static void
go_on(struct pp_smtp_conn *conn, enum pp_smtp_to to)
{
    conn->scan = 0;
    if (conn->to == EXPECT_LINE_REST) {
        conn->next = (uint8_t) to;
    } else if (conn->to != EXPECT_BROKEN) {
        conn->to = (uint8_t) to;
    }
}

static void
end_transaction(struct pp_smtp_conn *conn)
{
    conn->mail = false;
    conn->recipients = conn->refused = 0;
}

/* A reply with 'code' to the end of a message; LMTP has one a recipient (RFC
 * 2033 4.2).  True if it was the last. */
static bool
reply_to_end(struct pp_smtp_conn *conn, unsigned int code)
{
    if (conn->lmtp && !conn->end_left) {
        conn->end_left = conn->recipients;
    }
    if (conn->end_left > 1) {
        conn->end_left--;
        return false;
    }
    conn->end_left = 0;
    conn->messages += code / 100 == 2;
    end_transaction(conn);
    return true;
}

/* A reply to a greeting of the client's. */
static void
reply_to_hello(struct pp_smtp_conn *conn, unsigned int code, bool extended)
{
    if (code == 250) {
        conn->esmtp = extended;
        conn->offers = extended ? conn->offers : 0;
        end_transaction(conn);
    }
}

/* A reply with 'code' to the oldest, 'kind'. */
static void
reply_to(struct pp_smtp_conn *conn, enum pp_smtp_kind kind, unsigned int code)
{
    bool good = code / 100 == 2;

    switch (kind) {
    case PP_SMTP_HELO:
    case PP_SMTP_EHLO:
        reply_to_hello(conn, code, kind == PP_SMTP_EHLO);
        break;
    case PP_SMTP_MAIL:
        if (good) {
            end_transaction(conn);
            conn->mail = true;
        }
        break;
    case PP_SMTP_RCPT:
        conn->recipients += good;
        conn->refused += !good;
        break;
    case PP_SMTP_DATA:
        if (code == 354) {
            pp_smtp_data_start(conn);
        }
        go_on(conn, code == 354 ? EXPECT_DATA : EXPECT_COMMAND);
        break;
    case PP_SMTP_RSET:
        if (good) {
            end_transaction(conn);
        }
        break;
    case PP_SMTP_AUTH:
        conn->authenticated |= code == 235;
        go_on(conn, code == 334 ? EXPECT_AUTH : EXPECT_COMMAND);
        break;
    case PP_SMTP_STARTTLS:
        go_on(conn, (code != 220 ? EXPECT_COMMAND
                     : conn->early ? EXPECT_PLAINTEXT : EXPECT_HELLO));
        break;
    case PP_SMTP_TURN:
        go_on(conn, good ? EXPECT_TURNED : EXPECT_COMMAND);
        break;
    case PP_SMTP_ODD_BDAT:
    case PP_SMTP_BDAT:
        conn->watched |= !good || kind == PP_SMTP_ODD_BDAT;
        if (kind == PP_SMTP_ODD_BDAT) {
            go_on(conn, EXPECT_COMMAND);
        }
        /* Fall through. */
    case PP_SMTP_OTHER:
    case PP_SMTP_GREETING:
    case PP_SMTP_END:
    case PP_SMTP_PROXY:
        if (code == 354) {
            lost(conn, PP_SMTP_R_EXCHANGE);
        }
        break;
    }
}

/* A reply with 'code' that nothing was due to.  421 comes at any time (RFC
 * 5321 3.8); a message may be refused before its end. */
static void
unexpected(struct pp_smtp_conn *conn, unsigned int code)
{
    if (conn->to == EXPECT_DATA && conn->data.dotted && !conn->data.passed) {
        pp_smtp_owe(conn, PP_SMTP_END);
        if (reply_to_end(conn, code)) {
            paid(conn);
        }
        go_on(conn, EXPECT_COMMAND);
    } else if (conn->to == EXPECT_COMMAND && code != 354) {
        /* To something that is a command for the server alone.  What is one
         * for us is one for it, too. */
    } else if (conn->to == EXPECT_COMMAND) {
        /* And now it takes a message, whose lines are none. */
        lost(conn, PP_SMTP_R_UNEXPECTED_REPLY);
    } else if (conn->to == EXPECT_DATA && !conn->data.dotted
               && code / 100 != 2) {
        conn->watched |= code != 421;
    } else if (code != 421) {
        lost(conn, (conn->to == EXPECT_DATA ? PP_SMTP_R_DATA_END
                    : PP_SMTP_R_UNEXPECTED_REPLY));
    }
}

static void
reply(struct pp_smtp_conn *conn, unsigned int code)
{
    enum pp_smtp_kind kind = owed(conn, 0);

    if (!conn->n_owed) {
        unexpected(conn, code);
    } else if (kind != PP_SMTP_END || reply_to_end(conn, code)) {
        paid(conn);
        reply_to(conn, kind, code);
    }
}

/* What an EHLO reply's line offers (RFC 5321 4.1.1.1): its first word. */
static void
offer(struct pp_smtp_conn *conn, const struct pp_reader *text,
      struct pp_span s)
{
    static const struct {
        const char *word;
        enum pp_smtp_offer offer;
    } offers[] = {
        { "PIPELINING", PP_SMTP_O_PIPELINING },
        { "CHUNKING", PP_SMTP_O_CHUNKING },
        { "STARTTLS", PP_SMTP_O_STARTTLS },
        { "AUTH", PP_SMTP_O_AUTH },
        { "8BITMIME", PP_SMTP_O_8BITMIME },
        { "SMTPUTF8", PP_SMTP_O_SMTPUTF8 },
    };
    uint32_t n = 0;
    size_t i;

    while (n < s.len && pp_reader_peek(text, s.off + n) > ' ') {
        n++;
    }
    for (i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        if (pp_smtp_equals(text, pp_smtp_span(s.off, s.off + n),
                           offers[i].word)) {
            conn->offers |= (uint8_t) offers[i].offer;
        }
    }
}

/* A line of a reply (RFC 5321 4.2.1), from 'start' to 'end'. */
static void
reply_line(struct pp_smtp_conn *conn, const struct pp_reader *text,
           size_t start, size_t end)
{
    unsigned int code = 0;
    size_t i;

    for (i = start; i < start + 3; i++) {
        int c = i < end ? pp_reader_peek(text, i) : -1;

        if (c < '0' || c > '9') {
            bad(conn, PP_SMTP_R_NOT_SMTP);
            return;
        }
        code = code * 10 + (unsigned int) (c - '0');
    }
    if (conn->n_owed && owed(conn, 0) == PP_SMTP_PROXY && code < 400) {
        paid(conn);             /* It knows PROXY, and does not reply to it. */
    }
    if (code == 250 && conn->n_owed && owed(conn, 0) == PP_SMTP_EHLO) {
        conn->offers = conn->in_reply ? conn->offers : 0;
        offer(conn, text, pp_smtp_span(start + 4, end));
    }
    conn->in_reply = end > start + 3 && pp_reader_peek(text, start + 3) == '-';
    if (!conn->in_reply) {
        reply(conn, code);
    }
}

/* Is 'word' in 's', without ASCII case? */
static bool
has_word(const struct pp_reader *text, struct pp_span s, const char *word)
{
    size_t n = strlen(word);

    for (uint32_t i = 0; i + n <= s.len; i++) {
        if (pp_smtp_equals(text, pp_smtp_span(s.off + i, s.off + i + n),
                           word)) {
            return true;
        }
    }
    return false;
}

/* speaks(); see pp-proxy.h.  Greetings of other protocols have the same code;
 * what comes after the name is "ESMTP" or "SMTP" (RFC 5321 4.2). */
bool
pp_smtp_speaks(const struct pp_view *view)
{
    struct pp_reader text = pp_reader_init(view->base, view->len);
    size_t lf = pp_reader_find(&text, '\n');
    size_t end = lf == SIZE_MAX ? view->len : lf;

    return (end > 4 && !memcmp(view->base, "220", 3)
            && (view->base[3] == ' ' || view->base[3] == '-')
            && has_word(&text, pp_smtp_span(4, end), "SMTP"));
}

/* Finds the LF that ends the server's line, from 'start' on.  A server that
 * ends its first line with CRLF does so with all: what some say of a command
 * that they do not know has that command in it, with LFs. */
static size_t
find_end(const struct pp_smtp_conn *conn, const struct pp_reader *text,
         size_t start)
{
    struct pp_reader r = *text;
    size_t lf;

    pp_reader_skip(&r, start);
    do {
        lf = pp_reader_find(&r, '\n');
        pp_reader_skip(&r, lf == SIZE_MAX ? 0 : lf + 1 - r.pos);
    } while (conn->crlf && lf != SIZE_MAX
             && (!lf || pp_reader_peek(text, lf - 1) != '\r'));
    return lf;
}

/* parse() of the server's bytes; see pp-proxy.h.  A line at a time: what the
 * client sent may depend on it, and what the next one belongs to on that. */
struct pp_parse
pp_smtp_parse_from(struct pp_smtp_conn *conn, const struct pp_view *view)
{
    struct pp_reader text = pp_reader_init(view->base, view->len);
    bool said = false;          /* The greeting's first line. */
    size_t lf, end;

    if (conn->like_tls && view->len && pp_smtp_is_silent(conn)) {
        take_answer(conn, view->base[0]);
    }
    if (conn->to >= EXPECT_PLAINTEXT && view->len) {
        return (struct pp_parse) {      /* Not for us any more. */
            .status = PP_PARSE_SKIP, .count = view->len,
        };
    }
    lf = find_end(conn, &text, MIN(conn->from_scan, text.end));
    end = lf == SIZE_MAX ? text.end : lf + 1;
    if (conn->from == EXPECT_REPLY) {
        said = (!conn->in_reply && conn->n_owed
                && owed(conn, 0) == PP_SMTP_GREETING);
        if (lf == SIZE_MAX && end < PP_SMTP_REPLY_LINE_MAX) {
            conn->from_scan = (uint32_t) end;
            return (struct pp_parse) { .status = PP_PARSE_MORE };
        }
        reply_line(conn, &text, 0, lf == SIZE_MAX ? end : lf);
    }
    if (conn->from == EXPECT_NO_REPLY) {
        return (struct pp_parse) {
            .status = PP_PARSE_BAD, .reason = conn->from_reason,
        };
    }
    if (lf != SIZE_MAX) {
        conn->crlf |= said && lf && pp_reader_peek(&text, lf - 1) == '\r';
    } else if (end && pp_reader_peek(&text, end - 1) == '\r') {
        end--;                  /* Not between CR and LF. */
    }
    if (!end) {
        return (struct pp_parse) { .status = PP_PARSE_MORE };
    }
    conn->from = lf == SIZE_MAX ? EXPECT_REPLY_REST : EXPECT_REPLY;
    conn->from_scan = 0;
    return (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = end,
        .said = said,
        .banner = { said && end > 4 ? pp_smtp_span(4, end)
                    : pp_smtp_span(0, 0) },
    };
}
