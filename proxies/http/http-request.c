/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: heads, and which unit comes next; see http-to-server.h.
 *
 * In: views of the client's bytes.  Out: units, and counts of bytes that
 * nobody looks at.  Runs in the engine's data threads; owns the to-server half
 * of struct pp_http_conn. */

#include <config.h>

#include "http-to-server.h"

#include <string.h>

#include "pp-tls.h"

/* Sets up the scratch memory for a unit of 'event' in 'view'. */
void
pp_http_msg_init(struct pp_http_scratch *scratch, const struct pp_view *view,
                 enum pp_http_event event)
{
    struct pp_http_msg *msg = &scratch->msg;

    msg->text = pp_reader_init(view->base, view->len);
    msg->scratch = scratch;
    msg->event = event;
    msg->hold = msg->held = msg->reading = msg->other = false;
    msg->first_line = 0;
    msg->n_pieces = 0;
    msg->form = PP_HTTP_NO_FORM;
    msg->body_truncated = false;
    msg->begins = BEGINS_OTHERWISE;
    msg->head.fields.f = scratch->fields;
    msg->trailers.f = scratch->trailers;
    msg->trailers.n = 0;
    msg->trailers.start = msg->trailers.end = 0;
    msg->trailers.ending = 0;
    msg->trailers.truncated = false;
    memset(msg->lists, 0, sizeof msg->lists);
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

/* A first byte that TLS begins with, too.  A ClientHello is waited for as a
 * whole, as a server of TLS does: for others it may be a request. */
static bool
step_tls(struct to_call *call)
{
    int32_t n = pp_tls_hello(&call->text, 0);

    if (n < 0) {
        return stop_bad(call, PP_HTTP_R_NOT_HTTP);
    } else if (!n || (size_t) n > call->text.end) {
        uint32_t needed = n ? (uint32_t) (n - (int32_t) call->text.end) : 0;

        return (call->view->eof ? stop_bad(call, PP_HTTP_R_NOT_HTTP)
                : stop_more(call, needed));
    } else if (pp_http_watch_hello(&call->text, (size_t) n)) {
        return watch_ends(call);
    }
    return expect_other(call, (uint32_t) n, PP_HTTP_R_TLS);
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
    if (wanted(call, PP_HTTP_E_REQUEST)) {
        uint32_t end = head->fields.end;
        enum pp_http_found found = pp_http_reading(call);

        if (found == PP_HTTP_FOUND) {
            stop_message(call, 0, end, true);
            call->stop.other = true;
            return false;
        } else if (found == PP_HTTP_TOO_MANY) {
            return watch_ends(call);
        }
    }
    hold = head_holds(call, head);
    if (hold || wanted(call, PP_HTTP_E_REQUEST)) {
        return stop_message(call, 0, head->fields.end, hold);
    }
    call->conn->watched |= head->odd != PP_HTTP_NOT_ODD;
    pp_http_request_passed(call->conn, head, &call->text);
    pp_http_expect_content(call->conn, &head->framing);
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
        /* Such a line may be the end of one that began in the content. */
        empty = (uint32_t) pp_http_watch_words(&call->text, 0, empty,
                                               &conn->words);
        if (!empty) {
            return watch_ends(call);
        }
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

/* All of it. */

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
        return pp_http_step_data(call);
    case EXPECT_CHUNK:
        return pp_http_step_chunk(call);
    case EXPECT_CHUNK_END:
        return pp_http_step_chunk_end(call);
    case EXPECT_TRAILERS:
        return pp_http_step_trailers(call);
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
        return pp_http_step_held_body(call);
    case HELD_CHUNK:
        return pp_http_step_held_chunk(call);
    case HELD_TRAILERS:
        return pp_http_step_held_trailers(call);
    case HELD_END:
        return pp_http_held_end(call);
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
