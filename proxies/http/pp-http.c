/* SPDX-License-Identifier: Apache-2.0 */

/* The HTTP/1 proxy (RFC 9110, RFC 9112): the contract's entry points.
 *
 * In: views of both directions, from the engine.  Out: units, their fields,
 * and what keeps a corrected message right.  Runs in the engine's data
 * threads; owns nothing but the connection state it is handed. */

#include <config.h>

#include "pp-http.h"

static const uint16_t ports[] = { 80, 8080, 8000, 8008, 8888, 3000, 5000, 0 };

static const struct pp_event events[] = {
    [PP_HTTP_E_REQUEST] = {
        "request", PP_TO_SERVER,
        "A request's head: the request line and the field lines, with the "
        "empty line behind them.",
    },
    [PP_HTTP_E_CHUNK] = {
        "chunk", PP_TO_SERVER,
        "The header line of one chunk of a request, the last one's too.",
    },
    [PP_HTTP_E_TRAILERS] = {
        "trailers", PP_TO_SERVER,
        "The field lines behind a request's last chunk, with the empty line; "
        "there may be none.",
    },
    [PP_HTTP_E_BODY] = {
        "body", PP_TO_SERVER,
        "A whole request whose content is a form, urlencoded or multipart, "
        "and is not too long to be held.",
    },
    [PP_HTTP_E_RESPONSE] = {
        "response", PP_FROM_SERVER,
        "A response's head, an interim one's too.",
    },
    { NULL, PP_TO_SERVER, NULL },
};

static const char *const reasons[] = {
    [PP_HTTP_R_NOT_HTTP] = "not-http",
    [PP_HTTP_R_REQUEST_LINE] = "request-line",
    [PP_HTTP_R_HEAD_TOO_LONG] = "head-too-long",
    [PP_HTTP_R_LENGTH_CONFLICT] = "content-length-conflict",
    [PP_HTTP_R_CHUNK_LINE_TOO_LONG] = "chunk-line-too-long",
    [PP_HTTP_R_CHUNK_SIZE] = "chunk-size",
    [PP_HTTP_R_TRAILERS_TOO_LONG] = "trailers-too-long",
    [PP_HTTP_R_TLS] = "tls",
    [PP_HTTP_R_HTTP2] = "http2",
    [PP_HTTP_R_CONNECT] = "connect",
    [PP_HTTP_R_UPGRADE] = "upgrade",
    NULL,
};

_Static_assert(sizeof(struct pp_http_conn) <= 128,
               "the state of a connection is to stay small");

static void
http_conn_init(void *conn_)
{
    struct pp_http_conn *conn = conn_;

    conn->to = EXPECT_REQUEST;
    conn->from = EXPECT_RESPONSE;
}

static bool
http_is_idle(const void *conn_)
{
    const struct pp_http_conn *conn = conn_;

    return (conn->to == EXPECT_REQUEST && conn->from == EXPECT_RESPONSE
            && conn->await == AWAIT_NOTHING && !conn->unanswered
            && !conn->swallow && !conn->end_due && !conn->begun
            && !conn->no_reply && !conn->last_response && !conn->opaque);
}

static void
http_rewind(void *conn_)
{
    struct pp_http_conn *conn = conn_;

    conn->scan = conn->line = 0;
    conn->held_total = 0;
}

static struct pp_parse
http_parse(void *conn, void *scratch_, enum pp_dir dir, uint32_t wants,
           const struct pp_view *view, struct pp_msg *msg)
{
    struct pp_http_scratch *scratch = scratch_;
    struct pp_parse parse
        = dir == PP_TO_SERVER
          ? pp_http_parse_to(conn, scratch, wants, view)
          : pp_http_parse_from(conn, scratch, wants, view);

    if (parse.status == PP_PARSE_MESSAGE) {
        msg->event = (uint16_t) scratch->msg.event;
        msg->decoded = &scratch->msg;
    }
    return parse;
}

static void
http_commit(void *conn, const struct pp_msg *msg, enum pp_outcome what)
{
    if (msg->dir == PP_TO_SERVER) {
        pp_http_commit_to(conn, msg, what);
    } else {
        pp_http_commit_from(conn, msg);
    }
}

/* See pp-proxy.h.  A reply to a part of a request whose head has passed is
 * that request's own; the server must not have begun it. */
static enum pp_reply_when
http_reply_when(const void *conn_, const struct pp_msg *msg)
{
    const struct pp_http_conn *conn = conn_;
    const struct pp_http_msg *m = msg ? msg->decoded : NULL;
    bool passed = m && !m->held && (m->event == PP_HTTP_E_CHUNK
                                    || m->event == PP_HTTP_E_TRAILERS
                                    || m->reading);

    if (conn->no_reply || conn->opaque || conn->last_response) {
        return PP_REPLY_NEVER;
    }
    if (!passed) {
        return conn->unanswered ? PP_REPLY_WAIT : PP_REPLY_NOW;
    }
    if (conn->unanswered > 1) {
        return PP_REPLY_WAIT;
    }
    return conn->unanswered && !conn->begun ? PP_REPLY_NOW : PP_REPLY_NEVER;
}

const struct pp_proxy pp_proxy_http = {
    .name = "http",
    .title = "HTTP/1",
    .transport = PP_TCP,
    .ports = ports,
    .events = events,
    .fields = pp_http_field_table,
    .reasons = reasons,
    .conn_size = sizeof(struct pp_http_conn),
    .scratch_size = sizeof(struct pp_http_scratch),
    .conn_init = http_conn_init,
    .is_idle = http_is_idle,
    .speaks = pp_http_speaks,
    .rewind = http_rewind,
    .parse = http_parse,
    .commit = http_commit,
    .go_on = pp_http_go_on,
    .get = pp_http_get,
    .get_elem = pp_http_get_elem,
    .get_all = pp_http_get_all,
    .locate = pp_http_locate,
    .reframe = pp_http_reframe,
    .reply_when = http_reply_when,
    .refuse = pp_http_refuse,
};
