/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: which unit comes next, and what its fate means for what
 * follows.
 *
 * In: views of the client's bytes, and the fate of each unit.  Out: units,
 * and counts of bytes that nobody looks at.  Runs in the engine's data
 * threads; owns the to-server half of struct pp_ftp_conn.
 *
 * Behind a command whose reply says how to go on (is the client let in, does
 * TLS start, is there a file to be renamed) the next one waits for that reply,
 * so that what patches are told of the state is so. */

#include <config.h>

#include "pp-ftp.h"
#include "pp-tls.h"

#include <string.h>

/* One call of parse(). */
struct to_call {
    struct pp_ftp_conn *conn;
    struct pp_ftp_scratch *scratch;
    const struct pp_view *view;
    struct pp_reader text;      /* All of it. */
    uint32_t wants;
};

static struct pp_parse
stop(enum pp_parse_status status, enum pp_ftp_reason reason)
{
    return (struct pp_parse) {
        .status = status, .reason = (uint16_t) reason,
    };
}

static struct pp_parse
skip(uint64_t count, bool swallow)
{
    return (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = count, .swallow = swallow,
    };
}

static struct pp_parse
message(uint32_t end, bool hold)
{
    return (struct pp_parse) {
        .status = PP_PARSE_MESSAGE, .end = end, .hold = hold,
    };
}

/* Something hides in what cannot be looked at. */
static struct pp_parse
hidden(struct pp_ftp_conn *conn)
{
    conn->to = EXPECT_NOTHING;
    conn->nothing_reason = PP_FTP_R_HIDDEN;
    return stop(PP_PARSE_TOO_MUCH, PP_FTP_R_HIDDEN);
}

static bool
wanted(const struct to_call *call, enum pp_ftp_event event)
{
    return call->wants & UINT32_C(1) << event;
}

/* True when the reply to 'verb' says what the next command means. */
static bool
is_awaited(enum pp_ftp_verb verb)
{
    switch (verb) {
    case PP_FTP_V_ACCT:
    case PP_FTP_V_AUTH:
    case PP_FTP_V_PASS:
    case PP_FTP_V_REIN:
    case PP_FTP_V_RNFR:
    case PP_FTP_V_USER:
        return true;
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
    return false;
}

/* True when the next command has to wait for a reply. */
bool
pp_ftp_awaits(const struct pp_ftp_conn *conn)
{
    /* Nothing is let by behind a command that is awaited. */
    return conn->n_due >= PP_FTP_DUE_MAX
           || (conn->n_due && is_awaited(conn->due[conn->n_due - 1]));
}

/* A command went on to the server, which owes a reply now. */
static void
command_passed(struct pp_ftp_conn *conn, const struct pp_ftp_line *line)
{
    enum pp_ftp_verb verb = line->command.verb;
    uint32_t i;

    conn->started = true;
    conn->pipelined = 0;
    conn->renaming = false;
    if (verb == PP_FTP_V_NONE) {
        /* Some servers answer an empty line and some do not. */
        if (conn->n_due < PP_FTP_DUE_MAX / 2) {
            conn->due[conn->n_due++] = (uint8_t) verb;
        }
        return;
    }
    if (conn->n_due < PP_FTP_DUE_MAX) {
        conn->due[conn->n_due++] = (uint8_t) verb;
    }
    if (verb == PP_FTP_V_USER) {
        for (i = 0; i < line->argument.len && i < sizeof conn->user; i++) {
            conn->user[i] = (uint8_t) pp_reader_peek(&line->plain,
                                                     line->argument.off + i);
        }
        conn->user_len = (uint8_t) i;
    }
    for (i = 0; i < line->verb.len && i < sizeof conn->previous; i++) {
        conn->previous[i] = (uint8_t) pp_ftp_upper(
            pp_reader_peek(&line->plain, line->verb.off + i));
    }
    conn->previous_len = (uint8_t) i;
    conn->commands += conn->commands < UINT32_MAX;
}

/* 'n' bytes more of the client's are behind us. */
static void
hello_passes(struct pp_ftp_conn *conn, uint64_t n)
{
    if (conn->hello) {
        conn->hello = n < conn->hello ? (uint16_t) (conn->hello - n) : 0;
        if (!conn->hello) {
            conn->cut_by_tls |= conn->to == EXPECT_LINE_END;
            conn->to = EXPECT_GREETING;
        }
    }
}

/* A command of which only the start is here.  Where that ends the record which
 * TLS would begin with, it passes: a server of TLS answers now, and any other
 * before it gets the rest. */
static struct pp_parse
hello_ends(struct to_call *call)
{
    struct pp_ftp_conn *conn = call->conn;

    if (call->text.end != conn->hello) {
        return stop(PP_PARSE_MORE, 0);
    }
    conn->scan = 0;
    conn->cut_by_tls = true;
    return skip(conn->hello, false);
}

/* The line at hand is to be decided as the 'n' bytes at 'base' first. */
static void
take_reading(struct to_call *call, const uint8_t *base, uint32_t n,
             bool telnet)
{
    struct pp_ftp_msg *msg = &call->scratch->msg;

    msg->text = pp_reader_init(base, n);
    msg->end = n;
    msg->hold = true;
    pp_ftp_line_parse(&msg->text, n, telnet, call->scratch->plain,
                      &msg->line);
    pp_ftp_address_parse(&msg->line, &msg->address);
}

/* The line of 'end' bytes, as servers take it to which only CRLF ends a line:
 * more of the argument of a command that we have let go.  False: it is not. */
static bool
joined_reading(struct to_call *call, uint32_t end)
{
    struct pp_ftp_conn *conn = call->conn;
    uint8_t *joined = call->scratch->joined;
    uint32_t n = conn->first_len;

    if (!conn->after_lf || !conn->n_due || !n || conn->joined) {
        return false;           /* With a reply it was a line. */
    }
    memcpy(joined, conn->first, n);
    joined[n] = ' ';
    memcpy(joined + n + 1, call->text.base, end);
    take_reading(call, joined, n + 1 + end, false);
    call->scratch->msg.joined = true;
    return true;
}

/* The line of 'end' bytes, as the next of the servers that read it in other
 * ways takes it.  False: there are no more.  It is decided before the line as
 * we read it, which is let go with it. */
static bool
other_reading(struct to_call *call, uint32_t end)
{
    struct pp_ftp_conn *conn = call->conn;
    struct pp_reader r = call->text;
    bool telnet;
    uint32_t start;

    if (!pp_ftp_reading(&call->text, end, !conn->reading, conn->reading_from,
                        &start, &telnet)) {
        return false;
    }
    pp_reader_skip(&r, start);
    take_reading(call, pp_reader_bytes(&r, end - start), end - start, telnet);
    call->scratch->msg.start = start;
    return true;
}

/* EXPECT_COMMAND. */
static struct pp_parse
step_command(struct to_call *call)
{
    struct pp_ftp_conn *conn = call->conn;
    struct pp_ftp_msg *msg = &call->scratch->msg;
    bool eof = call->view->eof;
    uint32_t end;

    if (!call->text.end) {
        return stop(PP_PARSE_MORE, 0);
    }
    if (!conn->started && !conn->like_tls && pp_ftp_is_silent(conn)
        && pp_reader_peek(&call->text, 0) == PP_TLS_HANDSHAKE) {
        int32_t n = pp_tls_hello(&call->text, 0);

        if (!n && !call->view->eof) {
            return stop(PP_PARSE_MORE, 0);
        }
        conn->like_tls = n > 0;
        conn->hello = n > 0 ? (uint16_t) n : 0;
    }
    if (pp_ftp_awaits(conn)) {
        conn->pipelined = (uint32_t) call->text.end;
        return stop(PP_PARSE_WAIT, 0);
    }
    if (conn->hello && conn->hello < call->text.end) {
        call->text.end = conn->hello;
        eof = false;            /* Not here. */
    }
    if (pp_ftp_line_find(&call->text, eof, &conn->scan, &end)
        != PP_FTP_FOUND) {
        return hello_ends(call);
    }
    msg->text = call->text;
    msg->scratch = call->scratch;
    msg->event = PP_FTP_E_COMMAND;
    msg->end = end;
    msg->eof = eof;
    msg->hold = msg->joined = false;
    if (pp_ftp_line_parse(&call->text, end, true, call->scratch->plain,
                          &msg->line) != PP_FTP_FOUND) {
        if (conn->hello) {
            return hello_ends(call);
        }
        conn->to = EXPECT_NOTHING;
        conn->nothing_reason = PP_FTP_R_TELNET_NEWLINE;
        return stop(PP_PARSE_TOO_MUCH, PP_FTP_R_TELNET_NEWLINE);
    }
    if (wanted(call, PP_FTP_E_COMMAND) && joined_reading(call, end)) {
        return message(end, true);
    }
    if (wanted(call, PP_FTP_E_COMMAND) && other_reading(call, end)) {
        return (conn->reading < PP_FTP_READINGS_MAX ? message(end, true)
                : hidden(conn));
    }
    pp_ftp_address_parse(&msg->line, &msg->address);
    if (wanted(call, PP_FTP_E_COMMAND)) {
        return message(end, false);
    }
    pp_ftp_commit_to(conn, msg, PP_PASSED);
    return skip(end, false);
}

/* EXPECT_LINE_END. */
static struct pp_parse
step_line_end(struct to_call *call)
{
    struct pp_ftp_conn *conn = call->conn;
    size_t off = pp_reader_find(&call->text, '\n');
    bool swallow = conn->swallow;
    uint32_t end = (uint32_t) (off == SIZE_MAX ? call->text.end : off + 1);

    if (!swallow && wanted(call, PP_FTP_E_COMMAND)) {
        if (pp_ftp_rest_hides(&call->text, 0, end) < end) {
            return hidden(conn);
        } else if (!call->view->eof) {
            end -= pp_ftp_verb_pending(&call->text, 0, end);
        }
    }
    if (!end) {
        return stop(PP_PARSE_MORE, 0);
    }
    if (off == SIZE_MAX) {
        return skip(end, swallow);
    }
    conn->to = EXPECT_COMMAND;
    conn->swallow = false;
    return skip(end, swallow);
}

/* What the client sent before it could know of TLS, 'end' bytes of 'text', is
 * over.  If it begins with TLS, the client has not waited for that. */
static void
pipelined_over(struct pp_ftp_conn *conn, const struct pp_reader *text,
               uint32_t end)
{
    conn->to = (end && pp_tls_begins(text, 0) >= 0 ? EXPECT_OPAQUE
                : EXPECT_HELLO);
}

/* EXPECT_HELLO. */
static struct pp_parse
step_hello(struct to_call *call)
{
    struct pp_ftp_conn *conn = call->conn;
    int begins = pp_tls_begins(&call->text, 0);

    if (wanted(call, PP_FTP_E_COMMAND)) {
        if (begins < 0) {
            conn->to = EXPECT_NOTHING;
            conn->nothing_reason = PP_FTP_R_NOT_TLS;
            return stop(PP_PARSE_TOO_MUCH, PP_FTP_R_NOT_TLS);
        } else if (!begins && !call->view->eof) {
            return stop(PP_PARSE_MORE, 0);
        }
    }
    conn->to = EXPECT_OPAQUE;
    return stop(PP_PARSE_OPAQUE, conn->opaque_reason);
}

/* EXPECT_PIPELINED. */
static struct pp_parse
step_pipelined(struct to_call *call)
{
    struct pp_ftp_conn *conn = call->conn;
    struct pp_ftp_msg *msg = &call->scratch->msg;
    uint32_t end = conn->pipelined;

    end = end < call->text.end ? end : (uint32_t) call->text.end;
    if (end && wanted(call, PP_FTP_E_PIPELINED)) {
        msg->text = call->text;
        msg->scratch = call->scratch;
        msg->event = PP_FTP_E_PIPELINED;
        msg->end = end;
        msg->hold = false;
        return message(end, false);
    }
    if (wanted(call, PP_FTP_E_COMMAND)
        && pp_ftp_lines_hide(&call->text, end)) {
        return hidden(conn);
    }
    pipelined_over(conn, &call->text, end);
    return end ? skip(end, false) : step_hello(call);
}

/* parse() of the client's bytes; see pp-proxy.h. */
struct pp_parse
pp_ftp_parse_to(struct pp_ftp_conn *conn, struct pp_ftp_scratch *scratch,
                uint32_t wants, const struct pp_view *view)
{
    struct to_call call = {
        .conn = conn,
        .scratch = scratch,
        .view = view,
        .text = pp_reader_init(view->base, view->len),
        .wants = wants,
    };

    struct pp_parse parse;

    switch ((enum pp_ftp_to) conn->to) {
    case EXPECT_COMMAND:
        parse = step_command(&call);
        break;
    case EXPECT_LINE_END:
        parse = step_line_end(&call);
        break;
    case EXPECT_PIPELINED:
        return step_pipelined(&call);
    case EXPECT_HELLO:
        return step_hello(&call);
    case EXPECT_GREETING:
        return stop(call.text.end ? PP_PARSE_WAIT : PP_PARSE_MORE, 0);
    case EXPECT_FOREIGN:
        return stop(PP_PARSE_BAD, PP_FTP_R_NOT_FTP);
    case EXPECT_NOTHING:
        return stop(PP_PARSE_TOO_MUCH, conn->cut_by_tls ? PP_FTP_R_NOT_TLS
                                       : conn->nothing_reason);
    case EXPECT_OPAQUE:
        return stop(PP_PARSE_OPAQUE, conn->opaque_reason);
    }
    if (parse.status == PP_PARSE_SKIP) {
        hello_passes(conn, parse.count);
    }
    return parse;
}

/* 'line' is what the server has got now. */
static void
line_ended(struct pp_ftp_conn *conn, const struct pp_ftp_line *line)
{
    if (!conn->after_lf || !conn->first_len) {
        uint32_t end = pp_ftp_span_end(line->verb);
        uint32_t n = pp_ftp_verb_at(&line->plain, line->verb.off, end);

        conn->first_len = n == line->verb.len ? (uint8_t) n : 0;
        for (uint32_t i = 0; i < conn->first_len; i++) {
            conn->first[i] = (uint8_t) pp_reader_peek(&line->plain,
                                                      line->verb.off + i);
        }
    }
    conn->after_lf = line->ending == 1;
}

/* commit() of a unit; see pp-proxy.h. */
void
pp_ftp_commit_to(struct pp_ftp_conn *conn, const struct pp_ftp_msg *m,
                 enum pp_outcome what)
{
    if (what == PP_PASSED && m->hold && m->joined) {
        conn->joined = true;
        return;
    }
    if (what == PP_PASSED && m->hold) {
        conn->reading++;
        conn->reading_from = m->start + 1;
        return;
    }
    conn->reading = 0;
    conn->reading_from = 0;
    conn->joined = false;
    conn->scan = 0;
    if (m->event == PP_FTP_E_PIPELINED) {
        pipelined_over(conn, &m->text, m->end);
        return;
    }
    conn->started = true;
    if (what == PP_PASSED) {
        line_ended(conn, &m->line);
        command_passed(conn, &m->line);
    }
    if (m->line.cut) {
        conn->to = EXPECT_LINE_END;
        conn->swallow = what != PP_PASSED;
    }
    hello_passes(conn, m->end);
}
