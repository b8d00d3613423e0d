/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: which unit comes next, and what its fate means for what
 * follows.
 *
 * In: views of the client's bytes, and the fate of each unit.  Out: units,
 * and counts of bytes that nobody looks at.  Runs in the engine's data
 * threads; owns the to-server half of struct pp_http_conn.
 *
 * A PP_PARSE_SKIP moves the state on when it is returned; all else waits for
 * commit().  What passes unseen is gathered into one skip: a step of the
 * machine below either takes bytes or says what stops it. */

#include <config.h>

#include "pp-http.h"
#include "pp-tls.h"

#include <string.h>

/* One call of parse(). */
struct to_call {
    struct pp_http_conn *conn;
    struct pp_http_scratch *scratch;
    const struct pp_view *view;
    struct pp_reader text;      /* All of it. */
    uint32_t wants;
    bool head_known;            /* That of a held message, in the scratch. */
    uint64_t pos;               /* What is before it is skipped. */
    struct pp_parse stop;       /* What stops it, where a step says so. */
};

static bool
wanted(const struct to_call *call, enum pp_http_event event)
{
    return (call->wants & UINT32_C(1) << event) && !call->conn->swallow;
}

/* Results. */

static bool
stop_more(struct to_call *call, uint64_t needed)
{
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_MORE, .needed = (uint32_t) needed,
    };
    return false;
}

static bool
stop_status(struct to_call *call, enum pp_parse_status status,
            unsigned int reason)
{
    call->stop = (struct pp_parse) {
        .status = status, .reason = (uint16_t) reason,
    };
    return false;
}

/* Why 'reason' is the end of it: there is too much, or it makes no sense. */
static enum pp_parse_status
status_of(enum pp_http_reason reason)
{
    return (reason == PP_HTTP_R_NOT_HTTP || reason == PP_HTTP_R_REQUEST_LINE
            ? PP_PARSE_BAD : PP_PARSE_TOO_MUCH);
}

/* The bytes cannot be followed.  Where they are the rest of something that
 * was refused, the rest of all is. */
static bool
stop_bad(struct to_call *call, enum pp_http_reason reason)
{
    if (call->conn->swallow) {
        call->conn->to = EXPECT_CLOSE;
        return true;
    }
    call->conn->to = EXPECT_NOTHING;
    call->conn->to_reason = (uint8_t) reason;
    return stop_status(call, status_of(reason), reason);
}

static bool
stop_message(struct to_call *call, uint32_t start, uint32_t end, bool hold)
{
    call->scratch->msg.hold = hold;
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_MESSAGE, .start = start, .end = end, .hold = hold,
    };
    return false;
}

/* Sets up the scratch memory for a unit of 'event' in 'view'. */
void
pp_http_msg_init(struct pp_http_scratch *scratch, const struct pp_view *view,
                 enum pp_http_event event)
{
    struct pp_http_msg *msg = &scratch->msg;

    msg->text = pp_reader_init(view->base, view->len);
    msg->scratch = scratch;
    msg->event = event;
    msg->hold = msg->held = false;
    msg->n_pieces = 0;
    msg->form = PP_HTTP_NO_FORM;
    msg->body_truncated = false;
    msg->head.fields.f = scratch->fields;
    msg->trailers.f = scratch->trailers;
    msg->trailers.n = 0;
    msg->trailers.start = msg->trailers.end = 0;
    msg->trailers.ending = 0;
    msg->trailers.truncated = false;
    memset(msg->lists, 0, sizeof msg->lists);
}

/* What follows what. */

static void
expect(struct pp_http_conn *conn, enum pp_http_to to)
{
    conn->to = to;
    conn->scan = conn->line = 0;
}

/* A message is over. */
static void
expect_request(struct pp_http_conn *conn)
{
    expect(conn, EXPECT_REQUEST);
    conn->swallow = false;
    conn->held = conn->held_total = 0;
}

/* Nothing that follows can be told apart. */
static void
expect_nothing(struct pp_http_conn *conn, enum pp_http_reason reason)
{
    expect(conn, conn->swallow ? EXPECT_CLOSE : EXPECT_NOTHING);
    conn->to_reason = (uint8_t) reason;
}

/* The content that 'framing' tells of. */
static void
expect_content(struct pp_http_conn *conn,
               const struct pp_http_framing *framing)
{
    conn->begins = BEGINS_OTHERWISE;
    switch (framing->kind) {
    case PP_HTTP_NO_BODY:
        expect_request(conn);
        break;
    case PP_HTTP_LENGTH:
        expect(conn, EXPECT_BODY);
        conn->begins = BEGINS_UNKNOWN;
        conn->to_left = framing->length;
        break;
    case PP_HTTP_CHUNKED:
        expect(conn, EXPECT_CHUNK);
        conn->end_due = false;
        break;
    case PP_HTTP_CONFLICT:
        expect_nothing(conn, PP_HTTP_R_LENGTH_CONFLICT);
        break;
    }
}

/* The data of 'chunk'. */
static void
expect_chunk_data(struct pp_http_conn *conn,
                  const struct pp_http_chunk *chunk)
{
    if (chunk->truncated) {
        expect_nothing(conn, PP_HTTP_R_CHUNK_LINE_TOO_LONG);
    } else if (chunk->size < 0) {
        expect_nothing(conn, PP_HTTP_R_CHUNK_SIZE);
    } else if (!chunk->size) {
        expect(conn, EXPECT_TRAILERS);
    } else {
        expect(conn, EXPECT_CHUNK_DATA);
        conn->to_left = (uint64_t) chunk->size;
    }
}

/* What comes behind 'chunk', of a held message. */
static void
held_expect(struct pp_http_conn *conn, const struct pp_http_chunk *chunk)
{
    if (chunk->size < 0) {
        expect_nothing(conn, PP_HTTP_R_CHUNK_SIZE);
    } else if (!chunk->size) {
        expect(conn, HELD_TRAILERS);
        conn->held = chunk->end;
    } else {
        expect(conn, HELD_CHUNK);
        conn->held = chunk->end + (uint32_t) chunk->size;
        conn->held_chunks++;
        conn->end_due = true;
    }
}

/* A request went on to the server, and a reply to it is due. */
static void
request_passed(struct pp_http_conn *conn, const struct pp_http_head *head,
               const struct pp_reader *text)
{
    uint64_t bit = UINT64_C(1) << (conn->unanswered & 63);
    bool connect = pp_http_equals(text, head->method, "connect");

    if (conn->unanswered >= PP_HTTP_PIPELINE_MAX) {
        conn->no_reply = true;      /* parse() does not let it come to it. */
        return;
    }
    conn->head_bits &= ~bit;
    conn->connect_bits &= ~bit;
    if (head->method.len == 4 && pp_http_equals(text, head->method, "head")) {
        conn->head_bits |= bit;
    }
    if (connect) {
        conn->connect_bits |= bit;
        conn->await = AWAIT_CONNECT;
    } else if (head->fields.count[PP_HTTP_H_UPGRADE]) {
        conn->await = AWAIT_UPGRADE;
    }
    conn->unanswered++;
    conn->started = true;
    conn->version_begun = 0;
}

/* Heads. */

/* Bytes of CR and LF at the text's start: servers ignore empty lines before
 * a request line (RFC 9112 2.2). */
static uint32_t
empty_lines(const struct pp_reader *text)
{
    uint32_t n = 0;
    int c;

    while ((c = pp_reader_peek(text, n)) == '\r' || c == '\n') {
        n++;
    }
    return n;
}

/* The first 'n' bytes pass, which look like the beginning of another protocol,
 * for 'reason'; whether it is, the server's answer will tell. */
static bool
expect_other(struct to_call *call, uint32_t n, enum pp_http_reason reason)
{
    struct pp_http_conn *conn = call->conn;

    if (conn->from == EXPECT_SERVER_CLOSE
        && !(conn->settings && reason == PP_HTTP_R_HTTP2)) {
        return stop_bad(call, PP_HTTP_R_NOT_HTTP);
    }
    conn->started = true;
    conn->opaque_reason = (uint8_t) reason;
    if (conn->from == EXPECT_SERVER_CLOSE) {    /* It has answered before. */
        conn->opaque = true;
        return stop_status(call, PP_PARSE_OPAQUE, reason);
    }
    expect(conn, EXPECT_OTHER);
    call->pos = n;
    return true;
}

/* What there is behind what passes waits for the server's word. */
static bool
stop_wait(struct to_call *call)
{
    return (call->pos >= call->text.end ? stop_more(call, 0)
            : stop_status(call, PP_PARSE_WAIT, 0));
}

/* A first byte that TLS begins with, too. */
static bool
step_tls(struct to_call *call)
{
    int32_t n = pp_tls_hello(&call->text, 0);

    return (n < 0 ? stop_bad(call, PP_HTTP_R_NOT_HTTP)
            : n ? expect_other(call, (uint32_t) n, PP_HTTP_R_TLS)
            : stop_more(call, 0));
}

/* True when the content behind 'head' is a form that a patch looks at, and
 * may be short enough to be held. */
static bool
head_holds(const struct to_call *call, const struct pp_http_head *head)
{
    const struct pp_http_framing *framing = &head->framing;
    bool fits = framing->kind == PP_HTTP_CHUNKED
                ? head->fields.end + PP_HTTP_HOLD_RESERVE <= PP_HOLD_MAX
                : framing->kind == PP_HTTP_LENGTH
                  && framing->length <= PP_HOLD_MAX - head->fields.end;

    return fits && wanted(call, PP_HTTP_E_BODY) && !head->fields.truncated
           && !head->one_word
           && head->form != PP_HTTP_AUTHORITY
           && pp_http_form_type(&call->text, head) != PP_HTTP_NO_FORM;
}

/* There is a mark of a request line in what should have none. */
static bool
watch_ends(struct to_call *call)
{
    expect_nothing(call->conn, PP_HTTP_R_LENGTH_CONFLICT);
    return true;
}

/* Is there one from 'pos' to 'end'? */
static bool
has_mark(const struct to_call *call, size_t pos, size_t end)
{
    return (pp_http_watch_find(&call->text, pos, end, call->conn->foreign)
            < end);
}

/* Decides what to do about the head that was found. */
static bool
head_found(struct to_call *call)
{
    struct pp_http_head *head = &call->scratch->msg.head;
    bool hold;

    head->odd = pp_http_head_odd(&call->text, head);
    if (pp_http_watch_head(call->conn, &call->text, head)) {
        return watch_ends(call);
    }
    if (head->one_word && !wanted(call, PP_HTTP_E_REQUEST)) {
        return stop_bad(call, PP_HTTP_R_REQUEST_LINE);
    }
    hold = head_holds(call, head);
    if (hold || wanted(call, PP_HTTP_E_REQUEST)) {
        return stop_message(call, 0, head->fields.end, hold);
    }
    call->conn->watched |= head->odd != PP_HTTP_NOT_ODD;
    request_passed(call->conn, head, &call->text);
    expect_content(call->conn, &head->framing);
    call->pos = head->fields.end;
    return true;
}

/* EXPECT_REQUEST. */
static bool
step_request(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    int first = pp_reader_peek(&call->text, 0);
    uint32_t empty, header = 0;
    enum pp_http_found found;

    if (call->pos || first < 0) {
        return stop_more(call, 0);
    }
    if (conn->from != EXPECT_SERVER_CLOSE
        && (conn->await != AWAIT_NOTHING
            || conn->unanswered >= PP_HTTP_PIPELINE_MAX)) {
        return stop_status(call, PP_PARSE_WAIT, 0);
    }
    if (pp_http_watch_continues(&call->text, 0, conn->version_begun)) {
        return watch_ends(call);
    }
    found = (conn->started || conn->past_start ? PP_HTTP_MALFORMED
             : pp_http_proxy_header(&call->text, &header));
    if (found == PP_HTTP_FOUND
        || (found == PP_HTTP_MORE && !call->view->eof)) {
        conn->past_start = found == PP_HTTP_FOUND;
        call->pos = header;
        return stop_more(call, 0);
    }
    empty = empty_lines(&call->text);
    if (empty) {
        conn->past_start = true;
        conn->version_begun = 0;
        call->pos = empty;
        return stop_more(call, 0);
    }
    if (!conn->started && first == PP_TLS_HANDSHAKE) {
        return step_tls(call);
    }
    if (!conn->started && first == 'P') {
        uint32_t n = pp_http_preface(&call->text);

        if (n == PP_HTTP_PREFACE) {
            return expect_other(call, n, PP_HTTP_R_HTTP2);
        } else if (n > PP_HTTP_PREFACE_HEAD && !call->view->eof) {
            return stop_more(call, PP_HTTP_PREFACE - n);
        }
    }
    if (!pp_http_starts_request(&call->text)) {
        return stop_bad(call, PP_HTTP_R_NOT_HTTP);
    }
    pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_REQUEST);
    switch (pp_http_head_find(&call->text, 0, call->view->eof, &conn->scan,
                              &conn->line, &call->scratch->msg.head)) {
    case PP_HTTP_FOUND:
        return call->scratch->msg.head.fields.end > PP_HTTP_HEAD_MAX
               ? stop_bad(call, PP_HTTP_R_HEAD_TOO_LONG) : head_found(call);
    case PP_HTTP_MORE:
        return call->text.end > PP_HTTP_HEAD_MAX
               ? stop_bad(call, PP_HTTP_R_HEAD_TOO_LONG)
               : stop_more(call, 0);
    case PP_HTTP_TOO_MANY:
        return stop_bad(call, PP_HTTP_R_HEAD_TOO_LONG);
    case PP_HTTP_TOO_LONG:
    case PP_HTTP_MALFORMED:
        break;
    }
    return stop_bad(call, PP_HTTP_R_REQUEST_LINE);
}

/* Content that passes. */

/* Lets as much of the content pass as has no mark.  True: that is all of
 * it. */
static bool
watch_data(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    size_t pos = (size_t) call->pos, left = call->text.end - pos;
    bool all = left >= conn->to_left;
    size_t end = all ? pos + (size_t) conn->to_left : call->text.end;
    size_t found = pp_http_watch_find(&call->text, pos, end, conn->foreign);
    size_t begun = pp_http_watch_pending(&call->text, pos, end);

    if (found < end) {
        all = false;
        end = found;
    } else if (all) {
        conn->version_begun = (uint8_t) begun;
    } else if (!call->view->eof) {
        end -= begun;
    }
    conn->to_left -= end - pos;
    call->pos = end;
    return all;
}

/* Looks how the content at 'pos' begins; blanks before that pass.  False: that
 * stops it. */
static bool
content_begins(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    size_t pos = (size_t) call->pos, left = call->text.end - pos;
    bool all = left >= conn->to_left;
    size_t end = all ? pos + (size_t) conn->to_left : call->text.end;
    enum pp_http_found found;

    call->pos = pp_http_watch_blanks(&call->text, pos, end);
    conn->to_left -= call->pos - pos;
    found = pp_http_watch_begins(&call->text, (size_t) call->pos, end);
    if (found == PP_HTTP_FOUND) {
        return !watch_ends(call);
    } else if (found == PP_HTTP_MORE && !all && !call->view->eof) {
        return stop_more(call, 0);
    }
    conn->begins = (found == PP_HTTP_MORE ? BEGINS_AND_ENDS
                    : BEGINS_OTHERWISE);
    return true;
}

/* Has the server shown that it does not speak HTTP? */
static bool
server_is_foreign(const struct pp_http_conn *conn)
{
    return conn->from == EXPECT_SERVER_CLOSE && !conn->said;
}

/* go_on(); see pp-proxy.h.  What is no request line here may be one for a
 * server that takes any bytes for a method, or nothing for one that goes on to
 * the next line: what follows is like content without an end. */
bool
pp_http_go_on(void *conn_)
{
    struct pp_http_conn *conn = conn_;

    if (conn->to != EXPECT_NOTHING || conn->foreign
        || status_of(conn->to_reason) != PP_PARSE_BAD
        || server_is_foreign(conn)) {
        return false;
    }
    conn->started = conn->watched = conn->foreign = true;
    conn->version_begun = 0;
    conn->begins = BEGINS_OTHERWISE;
    expect(conn, EXPECT_BODY);
    conn->to_left = UINT64_MAX;
    return true;
}

/* EXPECT_BODY, EXPECT_CHUNK_DATA: goes by count, in one skip. */
static bool
step_data(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    bool swallow = conn->swallow;

    if (conn->foreign && server_is_foreign(conn)) {
        return stop_bad(call, PP_HTTP_R_NOT_HTTP);
    }
    if (conn->begins == BEGINS_UNKNOWN && !swallow && !content_begins(call)) {
        return conn->to == EXPECT_NOTHING;
    }
    if (conn->watched) {
        size_t pos = (size_t) call->pos;

        if (!watch_data(call)) {
            return call->pos == pos && has_mark(call, pos, call->text.end)
                   ? watch_ends(call) : stop_more(call, 0);
        }
    }
    call->pos += conn->to_left;
    conn->to_left = 0;
    if (conn->to == EXPECT_CHUNK_DATA) {
        expect(conn, EXPECT_CHUNK_END);
        return call->pos < call->text.end || stop_more(call, 0);
    }
    expect_request(conn);
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = call->pos, .swallow = swallow,
    };
    return false;
}

/* EXPECT_CHUNK_END: the CRLF goes at once, since a server may wait for it
 * before it answers.  What stands in its place is part of the next unit. */
static bool
step_chunk_end(struct to_call *call)
{
    int c = pp_reader_peek(&call->text, call->pos);
    int d = pp_reader_peek(&call->text, call->pos + 1);

    if (c < 0 || (d < 0 && c != '\n' && !call->view->eof)) {
        return stop_more(call, 0);
    }
    call->conn->end_due = c != '\r' || d != '\n';
    call->pos += call->conn->end_due ? 0 : 2;
    expect(call->conn, EXPECT_CHUNK);
    return true;
}

/* EXPECT_CHUNK. */
static bool
step_chunk(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_chunk *chunk = &call->scratch->msg.chunk;
    enum pp_http_found found
        = pp_http_chunk_parse(&call->text, call->pos, conn->end_due,
                              call->view->eof, &conn->scan, chunk);

    if (found == PP_HTTP_MORE) {
        return stop_more(call, 0);
    }
    if (found != PP_HTTP_FOUND && !wanted(call, PP_HTTP_E_CHUNK)) {
        return stop_bad(call, PP_HTTP_R_CHUNK_LINE_TOO_LONG);
    }
    if (((chunk->odd || conn->watched)
         && has_mark(call, chunk->start, chunk->end))
        || (conn->watched
            && pp_http_watch_continues(&call->text, chunk->start,
                                       conn->version_begun))) {
        return watch_ends(call);
    }
    conn->version_begun = 0;
    if (wanted(call, PP_HTTP_E_CHUNK)) {
        pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_CHUNK);
        return stop_message(call, chunk->start, chunk->end, false);
    }
    conn->watched |= chunk->odd;
    call->pos = chunk->end;
    expect_chunk_data(conn, chunk);
    return true;
}

/* Reads the trailers at 'pos', whose end is known to have come. */
static bool
trailers_found(struct to_call *call, uint32_t pos, bool hold)
{
    struct pp_http_msg *msg = &call->scratch->msg;

    pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_TRAILERS);
    msg->held = hold;
    if (pp_http_fields_parse(&call->text, pos, call->view->eof,
                             &msg->trailers) != PP_HTTP_FOUND) {
        return stop_bad(call, PP_HTTP_R_TRAILERS_TOO_LONG);
    }
    return stop_message(call, pos, msg->trailers.end, hold);
}

/* Looks for the end of the trailers at 'pos'.  '*end' becomes 0 where that
 * has not come.  False: they are too long. */
static bool
trailers_end(struct to_call *call, size_t pos, size_t *end)
{
    struct pp_http_conn *conn = call->conn;

    *end = pp_http_head_end(&call->text, pos, call->view->eof, &conn->scan,
                            &conn->line);
    return (*end ? *end : call->text.end) - pos <= PP_HTTP_HEAD_MAX;
}

/* False: those from 'pos' to 'end' have a version that could be a request's,
 * as they may end before it: some servers take them to be one line, or none.
 * Where a patch looks at trailers, it is for that to say what becomes of
 * them, if they are fields. */
static bool
trailers_pass(const struct to_call *call, size_t pos, size_t end)
{
    return !((pp_http_trailers_are_odd(&call->text, pos, end)
              || !wanted(call, PP_HTTP_E_TRAILERS))
             && has_mark(call, pos, end));
}

/* EXPECT_TRAILERS. */
static bool
step_trailers(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    size_t end;

    if (!trailers_end(call, call->pos, &end)) {
        return stop_bad(call, PP_HTTP_R_TRAILERS_TOO_LONG);
    }
    if (!end) {
        return stop_more(call, 0);
    }
    conn->scan = conn->line = 0;
    if (!trailers_pass(call, call->pos, end)) {
        return watch_ends(call);
    }
    if (wanted(call, PP_HTTP_E_TRAILERS)) {
        return trailers_found(call, (uint32_t) call->pos, false);
    }
    conn->watched |= pp_http_trailers_are_odd(&call->text, call->pos, end);
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = end, .swallow = conn->swallow,
    };
    call->pos = end;
    expect_request(conn);
    return false;
}

/* Content that is held. */

/* Reads the head of the held message again, which stands at the text's start:
 * a correction may have changed it.  But not between the commit() of a unit
 * that is held and the parse() that follows. */
static bool
held_head(struct to_call *call, enum pp_http_event event)
{
    struct pp_http_msg *msg = &call->scratch->msg;
    bool known = (call->head_known && msg->text.base == call->text.base
                  && msg->text.end == call->text.end);

    pp_http_msg_init(call->scratch, call->view, event);
    msg->held = true;
    return (known
            || (pp_http_head_parse(&call->text, 0, false, &msg->head)
                == PP_HTTP_FOUND));
}

/* Does the content begin as a request? */
static bool
held_begins(struct to_call *call)
{
    const struct pp_http_msg *msg = &call->scratch->msg;
    enum pp_http_found found = pp_http_watch_begins(
        &call->text, pp_http_watch_blanks(&call->text, msg->body_start,
                                          msg->body_end), msg->body_end);

    call->conn->begins = found == PP_HTTP_MORE ? BEGINS_AND_ENDS
                                               : BEGINS_OTHERWISE;
    return found == PP_HTTP_FOUND;
}

/* All of it is there: its last unit, which lets it go. */
static bool
held_end(struct to_call *call)
{
    struct pp_http_msg *msg = &call->scratch->msg;

    if (!held_head(call, PP_HTTP_E_BODY)) {
        return stop_bad(call, PP_HTTP_R_REQUEST_LINE);
    }
    if (pp_http_body_parse(msg, call->view->eof) != PP_HTTP_FOUND) {
        return stop_bad(call, PP_HTTP_R_CHUNK_SIZE);
    }
    if ((call->conn->watched
         && has_mark(call, msg->head.fields.start, msg->body_end))
        || (!msg->n_pieces && held_begins(call))) {
        return watch_ends(call);
    }
    return stop_message(call, 0, msg->body_end, false);
}

/* HELD_BODY. */
static bool
step_held_body(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_head *head = &call->scratch->msg.head;

    if (!conn->held_total) {        /* Forgotten by rewind(). */
        if (!held_head(call, PP_HTTP_E_BODY)) {
            return stop_bad(call, PP_HTTP_R_REQUEST_LINE);
        }
        if (head->framing.length > PP_HOLD_MAX - head->fields.end) {
            return stop_bad(call, PP_HTTP_R_LENGTH_CONFLICT);
        }
        conn->held_total = head->fields.end + (uint32_t) head->framing.length;
    }
    if (call->text.end < conn->held_total && !call->view->eof) {
        return stop_more(call, conn->held_total - call->text.end);
    }
    return held_end(call);
}

/* The chunk would make the message too long to be held: lets all go. */
static bool
held_release(struct to_call *call)
{
    struct pp_http_chunk chunk = call->scratch->msg.chunk;

    if (!held_head(call, PP_HTTP_E_CHUNK)) {
        return stop_bad(call, PP_HTTP_R_REQUEST_LINE);
    }
    call->scratch->msg.chunk = chunk;
    return stop_message(call, chunk.start, chunk.end, false);
}

/* HELD_CHUNK. */
static bool
step_held_chunk(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_chunk *chunk = &call->scratch->msg.chunk;
    bool eof = call->view->eof;
    enum pp_http_found found;

    if (call->text.end <= conn->held) {
        return eof ? held_end(call)
                   : stop_more(call, conn->held + 1 - call->text.end);
    }
    found = pp_http_chunk_parse(&call->text, conn->held, conn->end_due, eof,
                                &conn->scan, chunk);
    if (found == PP_HTTP_MORE) {
        return stop_more(call, 0);
    }
    if (found != PP_HTTP_FOUND && !wanted(call, PP_HTTP_E_CHUNK)) {
        return stop_bad(call, PP_HTTP_R_CHUNK_LINE_TOO_LONG);
    }
    conn->watched |= chunk->odd;
    if (chunk->truncated
        || conn->held_chunks >= PP_HTTP_CHUNKS_MAX
        || chunk->size > PP_HOLD_MAX
        || chunk->end + chunk->size + PP_HTTP_HOLD_RESERVE > PP_HOLD_MAX) {
        return held_release(call);
    }
    if (wanted(call, PP_HTTP_E_CHUNK)) {
        pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_CHUNK);
        call->scratch->msg.held = true;
        return stop_message(call, chunk->start, chunk->end, true);
    }
    if (chunk->size < 0) {
        return held_release(call);
    }
    held_expect(conn, chunk);
    return true;
}

/* HELD_TRAILERS. */
static bool
step_held_trailers(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    size_t end;

    if (call->text.end <= conn->held && call->view->eof) {
        return held_end(call);
    }
    if (!trailers_end(call, conn->held, &end)) {
        return stop_bad(call, PP_HTTP_R_TRAILERS_TOO_LONG);
    }
    if (!end) {
        return stop_more(call, 0);
    }
    conn->scan = conn->line = 0;
    if (!trailers_pass(call, conn->held, end)) {
        return watch_ends(call);
    }
    if (wanted(call, PP_HTTP_E_TRAILERS)) {
        return trailers_found(call, conn->held, true);
    }
    expect(conn, HELD_END);
    return true;
}

/* EXPECT_NOTHING.  Where it is not known how long a request is, what is behind
 * waits for the server's word: it refuses such a request, as it must (RFC 9112
 * 6.3), and closes; one that goes on has read something into it. */
static bool
step_nothing(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    enum pp_http_reason reason = conn->to_reason;

    if (reason == PP_HTTP_R_LENGTH_CONFLICT
        || reason == PP_HTTP_R_CHUNK_SIZE) {
        if (conn->from == EXPECT_SERVER_CLOSE) {
            expect(conn, EXPECT_CLOSE);
            return true;
        } else if (conn->unanswered) {
            return stop_wait(call);
        }
    }
    return stop_status(call, status_of(reason), reason);
}

/* Takes one step.  False: something stops it, 'call->stop'. */
static bool
step(struct to_call *call)
{
    switch ((enum pp_http_to) call->conn->to) {
    case EXPECT_REQUEST:
        return step_request(call);
    case EXPECT_BODY:
    case EXPECT_CHUNK_DATA:
        return step_data(call);
    case EXPECT_CHUNK:
        return step_chunk(call);
    case EXPECT_CHUNK_END:
        return step_chunk_end(call);
    case EXPECT_TRAILERS:
        return step_trailers(call);
    case EXPECT_OTHER:
        return stop_wait(call);
    case EXPECT_NOTHING:
        return step_nothing(call);
    case EXPECT_CLOSE:
        call->stop = (struct pp_parse) {
            .status = PP_PARSE_SKIP, .count = PP_FOREVER, .swallow = true,
        };
        return false;
    case HELD_BODY:
        return step_held_body(call);
    case HELD_CHUNK:
        return step_held_chunk(call);
    case HELD_TRAILERS:
        return step_held_trailers(call);
    case HELD_END:
        return held_end(call);
    }
    return stop_status(call, PP_PARSE_BAD, PP_HTTP_R_NOT_HTTP);
}

/* parse() of the client's bytes; see pp-proxy.h. */
struct pp_parse
pp_http_parse_to(struct pp_http_conn *conn, struct pp_http_scratch *scratch,
                 uint32_t wants, const struct pp_view *view)
{
    struct to_call call = {
        .conn = conn,
        .scratch = scratch,
        .view = view,
        .text = pp_reader_init(view->base, view->len),
        .wants = wants,
        .head_known = scratch->held_by == conn,
    };
    bool swallow = conn->swallow;

    scratch->held_by = NULL;
    if (conn->opaque) {
        stop_status(&call, PP_PARSE_OPAQUE, conn->opaque_reason);
        return call.stop;
    }
    while (step(&call)) {
        continue;
    }
    if ((conn->watched || conn->begins == BEGINS_AND_ENDS) && !call.pos
        && call.stop.status == PP_PARSE_BAD) {
        /* For the server it may be the middle of something. */
        watch_ends(&call);
        step_nothing(&call);
    }
    if (call.pos && call.stop.status != PP_PARSE_SKIP) {
        /* First what passes; what stopped it will be found again. */
        call.stop = (struct pp_parse) {
            .status = PP_PARSE_SKIP, .count = call.pos, .swallow = swallow,
        };
    }
    return call.stop;
}

/* What became of a unit. */

static void
commit_request(struct pp_http_conn *conn, const struct pp_http_msg *msg,
               enum pp_outcome what)
{
    const struct pp_http_head *head = &msg->head;

    conn->started = true;
    conn->watched |= head->odd != PP_HTTP_NOT_ODD;
    if (head->one_word) {
        /* A server that goes on behind it is not known. */
        conn->swallow = what != PP_PASSED;
        expect_nothing(conn, conn->watched ? PP_HTTP_R_LENGTH_CONFLICT
                       : PP_HTTP_R_REQUEST_LINE);
    } else if (what != PP_PASSED) {
        conn->swallow = true;
        expect_content(conn, &head->framing);
    } else if (msg->hold) {
        msg->scratch->held_by = conn;
        conn->held = head->fields.end;
        conn->held_chunks = 0;
        conn->end_due = false;
        if (head->framing.kind == PP_HTTP_CHUNKED) {
            expect(conn, HELD_CHUNK);
        } else {
            expect(conn, HELD_BODY);
            conn->held_total = conn->held + (uint32_t) head->framing.length;
        }
    } else {
        request_passed(conn, head, &msg->text);
        expect_content(conn, &head->framing);
    }
}

/* A chunk, or the trailers ('chunk' is NULL). */
static void
commit_part(struct pp_http_conn *conn, const struct pp_http_msg *msg,
            const struct pp_http_chunk *chunk, enum pp_outcome what)
{
    conn->watched |= (chunk ? chunk->odd
                      : pp_http_trailers_are_odd(&msg->text,
                                                 msg->trailers.start,
                                                 msg->trailers.end));
    if (what == PP_PASSED && msg->hold) {
        if (chunk) {
            held_expect(conn, chunk);
        } else {
            expect(conn, HELD_END);
        }
        return;
    }
    if (what == PP_PASSED && msg->held) {
        request_passed(conn, &msg->head, &msg->text);
    }
    if (what != PP_PASSED) {
        conn->swallow = true;
        if (!msg->held) {
            /* The server has the head, and will never have the rest. */
            expect(conn, EXPECT_CLOSE);
            return;
        }
    }
    conn->held = conn->held_total = 0;
    if (chunk) {
        expect_chunk_data(conn, chunk);
    } else {
        expect_request(conn);
    }
}

/* commit() of a unit to the server; see pp-proxy.h. */
void
pp_http_commit_to(struct pp_http_conn *conn, const struct pp_msg *msg,
                  enum pp_outcome what)
{
    const struct pp_http_msg *m = msg->decoded;

    conn->replied |= what == PP_REFUSED;
    switch (m->event) {
    case PP_HTTP_E_REQUEST:
        commit_request(conn, m, what);
        break;
    case PP_HTTP_E_CHUNK:
        commit_part(conn, m, &m->chunk, what);
        break;
    case PP_HTTP_E_TRAILERS:
        commit_part(conn, m, NULL, what);
        break;
    case PP_HTTP_E_BODY:
        if (what == PP_PASSED) {
            request_passed(conn, &m->head, &m->text);
            conn->version_begun = (uint8_t) pp_http_watch_pending(
                &m->text, 0, m->body_end);
        }
        expect_request(conn);
        break;
    case PP_HTTP_E_RESPONSE:
        break;
    }
}
