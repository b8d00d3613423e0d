/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: which unit comes next.
 *
 * In: the client's bytes.  Out: units, and what passes unseen.  Runs in the
 * engine's data threads; owns nothing but the connection state.
 *
 * Commands may come before the replies to earlier ones (RFC 2920), but what
 * stands behind DATA, AUTH and STARTTLS is something else, depending on the
 * reply: it waits for that. */

#include <config.h>

#include "pp-smtp.h"
#include "pp-tls.h"

/* Stops the parser with 'status'.  Returns false. */
bool
pp_smtp_stop_status(struct pp_smtp_call *call, enum pp_parse_status status,
                    enum pp_smtp_reason reason)
{
    call->stop = (struct pp_parse) {
        .status = status, .reason = (uint16_t) reason,
    };
    return false;
}

static bool
stop_more(struct pp_smtp_call *call)
{
    return pp_smtp_stop_status(call, PP_PARSE_MORE, 0);
}

/* Finds the end of the line at 'call->pos': of its text, and with the ending.
 * What is longer than 'max' ends there, without an ending; so does what FIN
 * cuts off, and a corrected line that has lost its ending.  False: the parser
 * is stopped. */
bool
pp_smtp_line_end(struct pp_smtp_call *call, size_t max, size_t *text_end,
                 size_t *end)
{
    const struct pp_reader *text = &call->text;
    struct pp_reader r = *text;
    size_t left = text->end - call->pos;
    size_t lf;

    max = call->conn->again ? PP_HOLD_MAX + 1 : max;
    pp_reader_skip(&r, call->pos + (call->conn->scan < left
                                    ? call->conn->scan : left));
    lf = pp_reader_find(&r, '\n');
    if (lf != SIZE_MAX && lf - call->pos < max) {
        *end = lf + 1;
        *text_end = (lf > call->pos && pp_reader_peek(text, lf - 1) == '\r'
                     ? lf - 1 : lf);
    } else if (left >= max) {
        /* Not between CR and LF, nor within a verb. */
        *end = (call->pos + max
                - (pp_reader_peek(text, call->pos + max - 1) == '\r'));
        *end -= pp_smtp_verb_pending(text, call->pos, *end);
        *text_end = *end;
    } else if (call->conn->again || (call->view->eof && left)) {
        *end = *text_end = text->end;
    } else {
        call->conn->scan = (uint32_t) left;
        return stop_more(call);
    }
    call->conn->scan = 0;
    return true;
}

/* Commands. */

/* What the command 'cmd' that has reached the server leads to. */
static void
command_passed(struct pp_smtp_conn *conn, const struct pp_smtp_command *cmd)
{
    enum pp_smtp_kind kind = cmd->kind;
    enum pp_smtp_to next = EXPECT_COMMAND;

    switch (kind) {
    case PP_SMTP_DATA:
    case PP_SMTP_AUTH:
    case PP_SMTP_STARTTLS:
    case PP_SMTP_TURN:
        next = EXPECT_ANSWER;
        conn->early = 0;
        break;
    case PP_SMTP_BDAT:
        if (!(conn->offers & PP_SMTP_O_CHUNKING) || !cmd->straight) {
            /* If the server wants a chunk for it, that is not let go. */
            kind = PP_SMTP_ODD_BDAT;
            next = EXPECT_ANSWER;
        } else {
            kind = cmd->last ? PP_SMTP_END : PP_SMTP_BDAT;
            conn->left = (uint64_t) cmd->size;
            conn->swallow = false;
            conn->doubted = (conn->watched || !conn->mail
                             || !conn->recipients);
            conn->fresh = true;
            next = EXPECT_CHUNK;
        }
        break;
    case PP_SMTP_PROXY:
        kind = (!conn->started && pp_smtp_is_silent(conn) ? PP_SMTP_PROXY
                : PP_SMTP_OTHER);
        break;
    case PP_SMTP_EHLO:
        conn->lmtp |= cmd->lhlo;
        break;
    case PP_SMTP_OTHER:
    case PP_SMTP_GREETING:
    case PP_SMTP_HELO:
    case PP_SMTP_MAIL:
    case PP_SMTP_RCPT:
    case PP_SMTP_END:
    case PP_SMTP_ODD_BDAT:
    case PP_SMTP_RSET:
        break;
    }
    pp_smtp_owe(conn, kind);
    conn->after_lf = (cmd->ending == PP_SMTP_LF && cmd->verb.len
                      && kind != PP_SMTP_PROXY);
    conn->started = true;
    conn->commands++;
    conn->next = next;
    conn->to = cmd->ending == PP_SMTP_NO_ENDING ? EXPECT_LINE_REST : next;
}

/* A command's line, up to 'text_end', with its ending up to 'end'. */
static bool
command_found(struct pp_smtp_call *call, size_t text_end, size_t end)
{
    struct pp_smtp_conn *conn = call->conn;
    struct pp_smtp_command *cmd = &call->scratch->msg.command;

    pp_smtp_msg_init(call, PP_SMTP_E_COMMAND);
    pp_smtp_command_parse(&call->text, call->pos, text_end, end, cmd);
    if (cmd->kind == PP_SMTP_BDAT && !conn->again
        && (pp_smtp_is_watching(call) ? conn->n_owed > 0
            : (pp_smtp_owes(conn, PP_SMTP_EHLO)
               || pp_smtp_owes(conn, PP_SMTP_HELO)))) {
        /* Is it offered?  Is there a message for it? */
        return pp_smtp_stop_status(call, PP_PARSE_WAIT, 0);
    }
    if (pp_smtp_is_watching(call)
        && pp_smtp_line_hides(&call->text, cmd->verb.off, text_end, false)) {
        return pp_smtp_stop_hidden(call);
    }
    if (pp_smtp_wanted(call, PP_SMTP_E_COMMAND)) {
        return pp_smtp_stop_message(call, call->pos, end);
    }
    command_passed(conn, cmd);
    call->pos = end;
    return true;
}

/* 'n' bytes more of the client's are behind us. */
static void
hello_passes(struct pp_smtp_conn *conn, size_t n)
{
    if (conn->hello) {
        conn->hello = n < conn->hello ? (uint16_t) (conn->hello - n) : 0;
        if (!conn->hello) {
            conn->cut_by_tls |= conn->to != EXPECT_COMMAND;
            conn->to = EXPECT_GREETING;
        }
    }
}

/* EXPECT_COMMAND, within the record that TLS would begin with.  Of a command
 * that it has the start of, that passes: a server of TLS answers now, and any
 * other before it gets the rest. */
static bool
step_hello(struct pp_smtp_call *call)
{
    struct pp_smtp_conn *conn = call->conn;
    const struct pp_view *view = call->view;
    struct pp_view record = *view;
    struct pp_reader whole = call->text;
    size_t text_end, end, start = call->pos;
    bool all = call->text.end - start >= conn->hello, found;

    if (all) {
        call->text.end = start + conn->hello;
        record.eof = view->eof && call->text.end == whole.end;
        call->view = &record;
    }
    found = pp_smtp_line_end(call, PP_SMTP_LINE_MAX, &text_end, &end);
    found = found && command_found(call, text_end, end);
    call->text = whole;
    call->view = view;
    if (found) {
        hello_passes(conn, call->pos - start);
    } else if (all && call->stop.status == PP_PARSE_MORE) {
        conn->scan = 0;
        conn->cut_by_tls = true;
        call->pos = start + conn->hello;
        hello_passes(conn, conn->hello);
        return true;
    }
    return found;
}

/* EXPECT_COMMAND. */
static bool
step_command(struct pp_smtp_call *call)
{
    struct pp_smtp_conn *conn = call->conn;
    size_t text_end, end;

    if (call->pos >= call->text.end && !conn->again) {
        return stop_more(call);
    }
    if (!conn->started && !conn->again && !conn->like_tls
        && pp_smtp_is_silent(conn)
        && pp_reader_peek(&call->text, call->pos) == PP_TLS_HANDSHAKE) {
        int32_t n = pp_tls_hello(&call->text, call->pos);

        if (!n && !call->view->eof) {
            return stop_more(call);
        }
        conn->like_tls = n > 0;
        conn->hello = n > 0 ? (uint16_t) n : 0;
    }
    if (conn->n_owed >= PP_SMTP_PIPELINE_MAX
        || (conn->n_owed > 1 && pp_smtp_owes(conn, PP_SMTP_PROXY))) {
        return pp_smtp_stop_status(call, PP_PARSE_WAIT, 0);
    }
    if (conn->hello && !conn->again) {
        return step_hello(call);
    }
    if (conn->after_lf && conn->n_owed && pp_smtp_is_watching(call)) {
        /* Was it a line for the server, too? */
        return pp_smtp_stop_status(call, PP_PARSE_WAIT, 0);
    }
    if (!pp_smtp_line_end(call, PP_SMTP_LINE_MAX, &text_end, &end)) {
        return false;
    }
    return command_found(call, text_end, end);
}

/* EXPECT_LINE_REST. */
static bool
step_line_rest(struct pp_smtp_call *call)
{
    struct pp_smtp_conn *conn = call->conn;
    struct pp_reader r = call->text;
    size_t lf, end, start = call->pos;

    pp_reader_skip(&r, call->pos);
    lf = pp_reader_find(&r, '\n');
    end = lf == SIZE_MAX ? call->text.end : lf + 1;
    if (pp_smtp_is_watching(call)) {
        if (pp_smtp_rest_hides(&call->text, start, end) < end) {
            return pp_smtp_stop_hidden(call);
        } else if (!call->view->eof) {
            end -= pp_smtp_verb_pending(&call->text, start, end);
        }
    }
    call->pos = end;
    if (lf != SIZE_MAX) {
        conn->to = conn->next;
    }
    hello_passes(conn, call->pos - start);
    return lf != SIZE_MAX || stop_more(call);
}

/* EXPECT_ANSWER. */
static bool
step_answer(struct pp_smtp_call *call)
{
    size_t left = call->text.end - call->pos;

    call->conn->early = (uint32_t) left;
    return left ? pp_smtp_stop_status(call, PP_PARSE_WAIT, 0)
                : stop_more(call);
}

/* EXPECT_CHUNK: its bytes are looked at by nobody. */
static bool
step_chunk(struct pp_smtp_call *call)
{
    struct pp_smtp_conn *conn = call->conn;

    if (conn->left && conn->doubted && !conn->swallow
        && pp_smtp_is_watching(call)) {
        return pp_smtp_step_doubted(call);
    }
    if (conn->left && !(call->pos && conn->swallow)) {
        call->stop = (struct pp_parse) {
            .status = PP_PARSE_SKIP,
            .count = call->pos + conn->left,
            .swallow = conn->swallow,
        };
        conn->left = 0;
        conn->to = EXPECT_COMMAND;
        return false;
    }
    if (conn->left) {
        return stop_more(call);     /* First what passes before it. */
    }
    conn->to = EXPECT_COMMAND;
    return true;
}

/* EXPECT_AUTH. */

static void
auth_passed(struct pp_smtp_conn *conn, const struct pp_smtp_command *cmd)
{
    pp_smtp_owe(conn, PP_SMTP_AUTH);
    conn->early = 0;
    conn->next = EXPECT_ANSWER;
    conn->to = (cmd->ending == PP_SMTP_NO_ENDING ? EXPECT_LINE_REST
                : EXPECT_ANSWER);
}

static bool
step_auth(struct pp_smtp_call *call)
{
    struct pp_smtp_command *cmd = &call->scratch->msg.command;
    size_t text_end, end;

    if (!pp_smtp_line_end(call, PP_SMTP_LINE_MAX, &text_end, &end)) {
        return false;
    }
    if (pp_smtp_is_watching(call)
        && pp_smtp_line_hides(&call->text, call->pos, text_end, false)) {
        return pp_smtp_stop_hidden(call);
    }
    pp_smtp_msg_init(call, PP_SMTP_E_AUTH);
    *cmd = (struct pp_smtp_command) {
        .line = pp_smtp_span(call->pos, text_end),
        .end = pp_smtp_span(text_end, end),
        .ending = (uint8_t) (end - text_end),
        .size = -1,
    };
    if (pp_smtp_wanted(call, PP_SMTP_E_AUTH)) {
        return pp_smtp_stop_message(call, call->pos, end);
    }
    auth_passed(call->conn, cmd);
    call->pos = end;
    return true;
}

/* The plaintext 's' is over.  If TLS begins with it, the client has not waited
 * for the server to agree. */
static void
plaintext_over(struct pp_smtp_conn *conn, const struct pp_reader *text,
               struct pp_span s)
{
    conn->to = (s.len && pp_tls_begins(text, s.off) >= 0 ? EXPECT_TLS
                : EXPECT_HELLO);
}

/* EXPECT_PLAINTEXT.  A corrected one is as long as it is. */
static bool
step_plaintext(struct pp_smtp_call *call)
{
    size_t end = call->pos + call->conn->early;

    if (end > call->text.end || call->conn->again) {
        end = call->text.end;
    }
    if (pp_smtp_wanted(call, PP_SMTP_E_PLAINTEXT)) {
        pp_smtp_msg_init(call, PP_SMTP_E_PLAINTEXT);
        call->scratch->msg.plaintext = pp_smtp_span(call->pos, end);
        return pp_smtp_stop_message(call, call->pos, end);
    }
    if (pp_smtp_is_watching(call)
        && pp_smtp_lines_hide(&call->text, call->pos, end)) {
        return pp_smtp_stop_hidden(call);
    }
    plaintext_over(call->conn, &call->text, pp_smtp_span(call->pos, end));
    call->pos = end;
    return true;
}

/* EXPECT_HELLO. */
static bool
step_tls(struct pp_smtp_call *call)
{
    struct pp_smtp_conn *conn = call->conn;
    int begins = pp_tls_begins(&call->text, call->pos);

    if (pp_smtp_is_watching(call)) {
        if (begins < 0) {
            conn->to = EXPECT_BROKEN;
            conn->from_reason = PP_SMTP_R_NOT_TLS;
            return true;
        } else if (!begins && !call->view->eof) {
            return stop_more(call);
        }
    }
    conn->to = EXPECT_TLS;
    return true;
}

/* Takes one step.  False: something stops it, 'call->stop'. */
static bool
step(struct pp_smtp_call *call)
{
    const struct pp_smtp_conn *conn = call->conn;

    switch ((enum pp_smtp_to) conn->to) {
    case EXPECT_COMMAND:
        return step_command(call);
    case EXPECT_LINE_REST:
        return step_line_rest(call);
    case EXPECT_GREETING:
        return (call->pos >= call->text.end ? stop_more(call)
                : pp_smtp_stop_status(call, PP_PARSE_WAIT, 0));
    case EXPECT_BROKEN:
        return pp_smtp_stop_status(call, PP_PARSE_TOO_MUCH,
                                   conn->from_reason);
    case EXPECT_ANSWER:
        return step_answer(call);
    case EXPECT_DATA:
        return pp_smtp_step_data(call);
    case EXPECT_CHUNK:
        return step_chunk(call);
    case EXPECT_AUTH:
        return step_auth(call);
    case EXPECT_PLAINTEXT:
        return step_plaintext(call);
    case EXPECT_HELLO:
        return step_tls(call);
    case EXPECT_TLS:
        return pp_smtp_stop_status(call, PP_PARSE_OPAQUE, PP_SMTP_R_TLS);
    case EXPECT_TURNED:
        return pp_smtp_stop_status(call, PP_PARSE_OPAQUE, PP_SMTP_R_TURNED);
    }
    return pp_smtp_stop_status(call, PP_PARSE_BAD, PP_SMTP_R_NOT_SMTP);
}

/* parse() of the client's bytes; see pp-proxy.h. */
struct pp_parse
pp_smtp_parse_to(struct pp_smtp_conn *conn, struct pp_smtp_scratch *scratch,
                 uint32_t wants, const struct pp_view *view)
{
    struct pp_smtp_call call = {
        .conn = conn,
        .scratch = scratch,
        .view = view,
        .text = pp_reader_init(view->base, view->len),
        .wants = wants,
    };

    while (step(&call)) {
        continue;
    }
    if (call.pos && call.stop.status != PP_PARSE_SKIP) {
        /* First what passes; what stopped it will be found again. */
        call.stop = (struct pp_parse) {
            .status = PP_PARSE_SKIP, .count = call.pos,
        };
    }
    return call.stop;
}

/* What became of a unit. */

static void
commit_command(struct pp_smtp_conn *conn, const struct pp_smtp_command *cmd,
               enum pp_outcome what)
{
    if (what == PP_PASSED) {
        command_passed(conn, cmd);
        return;
    }
    /* The server has not seen it, and must not see what belongs to it. */
    conn->started = true;
    if (cmd->ending == PP_SMTP_NO_ENDING) {
        conn->next = EXPECT_COMMAND;
        conn->to = EXPECT_LINE_REST;
    } else if (cmd->kind == PP_SMTP_BDAT && cmd->size >= 0
               && (conn->offers & PP_SMTP_O_CHUNKING)) {
        conn->left = (uint64_t) cmd->size;
        conn->swallow = true;
        conn->to = EXPECT_CHUNK;
    }
}

/* commit() of a unit; see pp-proxy.h. */
void
pp_smtp_commit_to(struct pp_smtp_conn *conn, const struct pp_msg *msg,
                  enum pp_outcome what)
{
    const struct pp_smtp_msg *m = msg->decoded;

    switch (m->event) {
    case PP_SMTP_E_COMMAND:
        commit_command(conn, &m->command, what);
        hello_passes(conn, msg->end - msg->start);
        break;
    case PP_SMTP_E_AUTH:
        if (what == PP_PASSED) {
            auth_passed(conn, &m->command);
        }
        break;
    case PP_SMTP_E_PLAINTEXT:
        plaintext_over(conn, &m->text, m->plaintext);
        break;
    case PP_SMTP_E_BREAK:
        if (what == PP_PASSED && m->hold) {
            conn->data.broke = true;
            break;
        }
        /* Fall through. */
    case PP_SMTP_E_DATA:
        pp_smtp_data_passed(conn, &m->line, what != PP_PASSED);
        break;
    }
}
