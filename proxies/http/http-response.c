/* SPDX-License-Identifier: Apache-2.0 */

/* From the server: which reply belongs to which request, and where it ends.
 *
 * In: views of the server's bytes.  Out: counts of bytes that nobody looks
 * at, and the head of a reply where one is wanted.  Runs in the engine's data
 * threads; owns the from-server half of struct pp_http_conn.
 *
 * A body is skipped but for its last byte, so that the proxy is asked again
 * when it is over, and knows that from then on a reply may be put in. */

#include <config.h>

#include "pp-http.h"
#include "pp-tls.h"

#include <string.h>

/* One call of parse(). */
struct from_call {
    struct pp_http_conn *conn;
    struct pp_http_scratch *scratch;
    const struct pp_view *view;
    struct pp_reader text;
    uint32_t wants;
    uint64_t pos;               /* What is before it is skipped. */
    bool said;                  /* 'banner' is to be told. */
    struct pp_span banner[PP_BANNER_PIECES];
    struct pp_parse stop;
};

static bool
stop_status(struct from_call *call, enum pp_parse_status status)
{
    call->stop = (struct pp_parse) { .status = status };
    return false;
}

static void
expect(struct pp_http_conn *conn, enum pp_http_from from)
{
    conn->from = from;
    conn->from_scan = conn->from_line = 0;
}

/* From here on the server's bytes are not followed: they end with the
 * connection, or make no sense. */
static void
expect_close(struct pp_http_conn *conn)
{
    expect(conn, EXPECT_SERVER_CLOSE);
    conn->no_reply = true;
}

/* The first reply that is due is over. */
static void
response_done(struct pp_http_conn *conn)
{
    conn->unanswered--;
    conn->head_bits >>= 1;
    conn->connect_bits >>= 1;
    conn->begun = false;
    expect(conn, EXPECT_RESPONSE);
    if (conn->last_response) {
        expect_close(conn);
    }
}

/* The status code of a reply's head, or -1.  The head was read as if it were
 * a request's: "HTTP/1.1" is the method and "200 OK" the target. */
static int
response_status(const struct pp_reader *text, const struct pp_http_head *head)
{
    int status = 0;
    uint32_t i;

    if (!pp_http_starts(text, head->method, "http/") || head->target.len < 3) {
        return -1;
    }
    for (i = 0; i < 3; i++) {
        int c = pp_reader_peek(text, head->target.off + i);

        if (!pp_http_is_digit(c)) {
            return -1;
        }
        status = status * 10 + (c - '0');
    }
    return status;
}

/* True when the server closes behind the reply (RFC 9112 9.3). */
static bool
response_closes(const struct pp_reader *text, const struct pp_http_head *head)
{
    return pp_http_has_token(text, &head->fields, PP_HTTP_H_CONNECTION,
                             "close")
           || (pp_http_equals(text, head->method, "http/1.0")
               && !pp_http_has_token(text, &head->fields,
                                     PP_HTTP_H_CONNECTION, "keep-alive"));
}

/* True when the reply turns the connection into something else.  One to
 * CONNECT that has content, or says that it has none, is no tunnel's (RFC 9110
 * 9.3.6): the server has taken it for a request like any other, and goes on
 * with HTTP. */
static bool
response_switches(struct pp_http_conn *conn, const struct pp_http_head *head,
                  int status)
{
    const uint32_t *count = head->fields.count;

    if (status == 101) {
        conn->opaque_reason = PP_HTTP_R_UPGRADE;
    } else if ((conn->connect_bits & 1) && status / 100 == 2
               && status != 204 && status != 205
               && !count[PP_HTTP_H_CONTENT_LENGTH]
               && !count[PP_HTTP_H_TRANSFER_ENCODING]) {
        conn->opaque_reason = PP_HTTP_R_CONNECT;
    } else {
        return false;
    }
    return conn->opaque = true;
}

/* What follows a reply's head (RFC 9112 6.3). */
static void
expect_content(struct pp_http_conn *conn, const struct pp_http_head *head,
               int status)
{
    const struct pp_http_framing *framing = &head->framing;
    bool coded = head->fields.count[PP_HTTP_H_TRANSFER_ENCODING] != 0;
    bool counted = head->fields.count[PP_HTTP_H_CONTENT_LENGTH] != 0;

    if ((conn->head_bits & 1) || status == 204 || status == 304) {
        response_done(conn);
    } else if (framing->kind == PP_HTTP_CHUNKED) {
        expect(conn, EXPECT_RESPONSE_CHUNK);
    } else if (coded || !counted || framing->kind == PP_HTTP_CONFLICT) {
        expect_close(conn);
    } else if (framing->kind == PP_HTTP_LENGTH) {
        expect(conn, EXPECT_RESPONSE_BODY);
        conn->from_left = framing->length;
    } else {
        response_done(conn);
    }
}

/* The head of a reply has passed: what it means for both directions. */
static void
response_head(struct pp_http_conn *conn, const struct pp_http_msg *msg)
{
    if (msg->status < 0) {
        expect_close(conn);         /* HTTP/0.9, or no HTTP. */
    } else if (response_switches(conn, &msg->head, msg->status)) {
        expect_close(conn);
    } else if (msg->status / 100 == 1) {
        expect(conn, EXPECT_RESPONSE);      /* Interim: the final follows. */
        conn->begun = false;
    } else {
        conn->last_response = response_closes(&msg->text, &msg->head);
        if (conn->unanswered == 1) {
            /* No request is let by behind one that something awaits. */
            conn->await = AWAIT_NOTHING;
        }
        expect_content(conn, &msg->head, msg->status);
    }
}

/* What the first response says of the software that it comes from (RFC 9110
 * 10.2.4, 7.6.3): the origin server, what runs in it, a proxy before it. */
static void
find_banner(struct from_call *call, const struct pp_http_fields *fields)
{
    static const char *const names[PP_BANNER_PIECES] = {
        "server", "x-powered-by", "via",
    };

    call->said = call->conn->said = true;
    for (uint32_t i = 0; i < fields->n; i++) {
        for (int j = 0; j < PP_BANNER_PIECES; j++) {
            if (!call->banner[j].len
                && pp_http_equals(&call->text,
                                  pp_http_raw_name(&fields->f[i]), names[j])) {
                call->banner[j] = pp_http_value(&call->text, &fields->f[i]);
            }
        }
    }
}

/* Does what is at 'pos' begin like a SETTINGS frame, the first that a server
 * of HTTP/2 sends (RFC 9113 3.4, 4.1)? */
static bool
is_settings(const struct pp_reader *text, size_t pos)
{
    return (pp_reader_peek(text, pos) == 0
            && pp_reader_peek(text, pos + 3) == 4);
}

/* The server does not speak HTTP: nor does its client. */
static void
to_foreign(struct pp_http_conn *conn)
{
    conn->to = EXPECT_NOTHING;
    conn->to_reason = PP_HTTP_R_NOT_HTTP;
}

/* What the server says begins as a response does, or shows what else it is. */
static void
first_word(struct from_call *call)
{
    call->conn->said |= pp_reader_peek(&call->text, call->pos) == 'H';
}

/* The server says what nobody asked for: the beginning of HTTP/2, a response
 * such as a 408, or, as the first of both, what no server of HTTP does. */
static void
unasked(struct from_call *call)
{
    struct pp_http_conn *conn = call->conn;
    bool first = !conn->started && conn->to == EXPECT_REQUEST;

    first_word(call);
    conn->settings = first && is_settings(&call->text, call->pos);
    if (first && !conn->settings && !conn->said) {
        to_foreign(conn);
    }
    expect_close(conn);
}

/* EXPECT_RESPONSE. */
static bool
step_response(struct from_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_msg *msg = &call->scratch->msg;
    enum pp_http_found found;

    if (pp_reader_peek(&call->text, call->pos) < 0) {
        return stop_status(call, PP_PARSE_MORE);
    }
    if (!conn->unanswered) {
        if (!conn->started && !pp_reader_peek(&call->text, call->pos)
            && call->text.end - call->pos < 4 && !call->view->eof) {
            return stop_status(call, PP_PARSE_MORE);    /* SETTINGS? */
        }
        unasked(call);
        return true;
    }
    conn->begun = true;
    pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_RESPONSE);
    found = pp_http_head_find(&call->text, call->pos, call->view->eof,
                              &conn->from_scan, &conn->from_line, &msg->head);
    if (found == PP_HTTP_MORE
        && call->text.end - call->pos <= PP_HTTP_HEAD_MAX) {
        return stop_status(call, PP_PARSE_MORE);
    }
    if (found != PP_HTTP_FOUND) {
        expect_close(conn);
        return true;
    }
    msg->status = response_status(&call->text, &msg->head);
    if (!conn->said && msg->status >= 200) {
        find_banner(call, &msg->head.fields);
    }
    if (call->wants & UINT32_C(1) << PP_HTTP_E_RESPONSE) {
        call->stop = (struct pp_parse) {
            .status = PP_PARSE_MESSAGE,
            .start = (uint32_t) call->pos,
            .end = msg->head.fields.end,
        };
        return false;
    }
    response_head(conn, msg);
    if (!conn->opaque) {
        call->pos = msg->head.fields.end;
    }
    return true;
}

/* EXPECT_RESPONSE_BODY. */
static bool
step_body(struct from_call *call)
{
    struct pp_http_conn *conn = call->conn;
    uint64_t there = call->text.end - call->pos;

    if (conn->from_left <= there) {
        call->pos += conn->from_left;
        response_done(conn);
        return true;
    }
    call->pos += conn->from_left - 1;
    conn->from_left = 1;
    return stop_status(call, PP_PARSE_MORE);
}

/* EXPECT_RESPONSE_CHUNK. */
static bool
step_chunk(struct from_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_chunk chunk;

    switch (pp_http_chunk_parse(&call->text, call->pos, false,
                                call->view->eof, &conn->from_scan, &chunk)) {
    case PP_HTTP_FOUND:
        break;
    case PP_HTTP_MORE:
        return stop_status(call, PP_PARSE_MORE);
    case PP_HTTP_TOO_LONG:
    case PP_HTTP_TOO_MANY:
    case PP_HTTP_MALFORMED:
        chunk.size = -1;
        break;
    }
    if (chunk.size < 0) {
        expect_close(conn);
        return true;
    }
    call->pos = chunk.end;
    conn->from_left = chunk.size ? (uint64_t) chunk.size + 2 : 0;
    expect(conn, chunk.size ? EXPECT_RESPONSE_CHUNK_DATA
                            : EXPECT_RESPONSE_TRAILERS);
    return true;
}

/* EXPECT_RESPONSE_TRAILERS. */
static bool
step_trailers(struct from_call *call)
{
    struct pp_http_conn *conn = call->conn;
    size_t end = pp_http_head_end(&call->text, call->pos, call->view->eof,
                                  &conn->from_scan, &conn->from_line);

    if (end) {
        call->pos = end;
        response_done(conn);
        return true;
    }
    if (call->text.end - call->pos > PP_HTTP_HEAD_MAX) {
        expect_close(conn);
        return true;
    }
    return stop_status(call, PP_PARSE_MORE);
}

/* With EXPECT_OTHER to the server, its first bytes: does it speak what the
 * client's looked like? */
static bool
step_other(struct from_call *call)
{
    struct pp_http_conn *conn = call->conn;
    bool tls = conn->opaque_reason == PP_HTTP_R_TLS;
    size_t needed = tls ? 1 : 4;

    if (call->text.end - call->pos < needed && !call->view->eof) {
        return stop_status(call, PP_PARSE_MORE);
    } else if (tls ? pp_tls_answers(pp_reader_peek(&call->text, call->pos))
               : is_settings(&call->text, call->pos)) {
        conn->opaque = true;
    } else {
        first_word(call);
        to_foreign(conn);
        expect_close(conn);
    }
    return true;
}

/* Takes one step.  False: something stops it, 'call->stop'. */
static bool
step(struct from_call *call)
{
    struct pp_http_conn *conn = call->conn;

    if (call->pos > call->text.end) {
        return stop_status(call, PP_PARSE_MORE);
    }
    if (conn->opaque) {
        call->stop = (struct pp_parse) {
            .status = PP_PARSE_OPAQUE, .reason = conn->opaque_reason,
        };
        return false;
    }
    if (conn->to == EXPECT_OTHER) {
        return step_other(call);
    }
    switch ((enum pp_http_from) conn->from) {
    case EXPECT_RESPONSE:
        return step_response(call);
    case EXPECT_RESPONSE_BODY:
        return step_body(call);
    case EXPECT_RESPONSE_CHUNK:
        return step_chunk(call);
    case EXPECT_RESPONSE_CHUNK_DATA:
        call->pos += conn->from_left;
        expect(conn, EXPECT_RESPONSE_CHUNK);
        return true;
    case EXPECT_RESPONSE_TRAILERS:
        return step_trailers(call);
    case EXPECT_SERVER_CLOSE:
        call->pos = 0;
        call->stop = (struct pp_parse) {
            .status = PP_PARSE_SKIP, .count = PP_FOREVER,
        };
        return false;
    }
    return stop_status(call, PP_PARSE_MORE);
}

/* speaks(); see pp-proxy.h (RFC 9112 4). */
bool
pp_http_speaks(const struct pp_view *view)
{
    const uint8_t *p = view->base;

    return (view->len >= 12 && !memcmp(p, "HTTP/1.", 7)
            && (p[7] == '0' || p[7] == '1') && p[8] == ' '
            && pp_http_is_digit(p[9]) && pp_http_is_digit(p[10])
            && pp_http_is_digit(p[11]));
}

/* parse() of the server's bytes; see pp-proxy.h. */
struct pp_parse
pp_http_parse_from(struct pp_http_conn *conn, struct pp_http_scratch *scratch,
                   uint32_t wants, const struct pp_view *view)
{
    struct from_call call = {
        .conn = conn,
        .scratch = scratch,
        .view = view,
        .text = pp_reader_init(view->base, view->len),
        .wants = wants,
    };

    scratch->held_by = NULL;
    conn->replied |= view->len > 0;
    while (step(&call)) {
        continue;
    }
    if (call.pos) {
        /* First what passes; what stopped it will be found again. */
        call.stop = (struct pp_parse) {
            .status = PP_PARSE_SKIP, .count = call.pos,
        };
    }
    if (call.said) {
        call.stop.said = true;
        memcpy(call.stop.banner, call.banner, sizeof call.banner);
    }
    return call.stop;
}

/* commit() of a reply's head; see pp-proxy.h. */
void
pp_http_commit_from(struct pp_http_conn *conn, const struct pp_msg *msg)
{
    response_head(conn, msg->decoded);
}
