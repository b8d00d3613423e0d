/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: content that is held, a form's that a patch looks at; see
 * http-to-server.h.
 *
 * In: views that begin with the request.  Out: its chunks, its trailers, and
 * all of it.  Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "http-to-server.h"

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
    struct pp_http_msg *msg = &call->scratch->msg;
    enum pp_http_found found = pp_http_watch_begins(
        &call->text, pp_http_watch_blanks(&call->text, msg->body_start,
                                          msg->body_end), msg->body_end, true);

    msg->begins = found == PP_HTTP_MORE ? BEGINS_AND_ENDS : BEGINS_OTHERWISE;
    return found == PP_HTTP_FOUND;
}

/* The last unit, from 'start' to 'end', lets the message go. */
static bool
held_goes(struct to_call *call, uint32_t start, uint32_t end)
{
    stop_message(call, start, end, false);
    call->stop.drop = pp_http_expectation(&call->scratch->msg);
    return false;
}

/* All of it is there. */
bool
pp_http_held_end(struct to_call *call)
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
    return held_goes(call, 0, msg->body_end);
}

/* 'needed' more bytes are wanted.  Where nothing of the content is there,
 * since the client waits for 100 (Continue), the server cannot say so: it does
 * not have the head. */
static bool
held_more(struct to_call *call, uint64_t needed)
{
    static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct pp_http_conn *conn = call->conn;
    bool due = conn->continue_due && call->text.end == conn->held;

    stop_more(call, needed);
    conn->continue_due = false;
    if (due) {
        call->stop.interim = (struct pp_bytes) {
            (const uint8_t *) words, sizeof words - 1,
        };
        conn->replied = true;
    }
    return false;
}

/* HELD_BODY. */
bool
pp_http_step_held_body(struct to_call *call)
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
        return held_more(call, conn->held_total - call->text.end);
    }
    return pp_http_held_end(call);
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
    return held_goes(call, chunk.start, chunk.end);
}

/* HELD_CHUNK. */
bool
pp_http_step_held_chunk(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_chunk *chunk = &call->scratch->msg.chunk;
    bool eof = call->view->eof;
    enum pp_http_found found;

    if (call->text.end <= conn->held) {
        return eof ? pp_http_held_end(call)
                   : held_more(call, conn->held + 1 - call->text.end);
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
    pp_http_held_expect(conn, chunk);
    return true;
}

/* HELD_TRAILERS. */
bool
pp_http_step_held_trailers(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    size_t end;
    bool on;

    if (call->text.end <= conn->held && call->view->eof) {
        return pp_http_held_end(call);
    }
    on = pp_http_trailers_find(call, conn->held, true, &end);
    if (end) {
        expect(conn, HELD_END);
    }
    return on;
}
