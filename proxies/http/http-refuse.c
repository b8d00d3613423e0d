/* SPDX-License-Identifier: Apache-2.0 */

/* Replies in the server's name.
 *
 * In: what a patch wants said.  Out: a response message (RFC 9112 4).  Runs
 * in the engine's data threads; owns nothing. */

#include <config.h>

#include "pp-http.h"

/* The usual words (RFC 9110 15). */
static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Payload Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Entity" },
    { 426, "Upgrade Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

static const char *
usual_reason(int64_t status)
{
    size_t i;

    for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "";
}

static bool
name_is(struct pp_bytes name, const char *word)
{
    struct pp_reader text = pp_reader_init(name.p, name.n);

    return pp_http_equals(&text, pp_http_span(0, name.n), word);
}

/* True when the reply says itself how long it is. */
static bool
is_framed(const struct pp_reply *reply)
{
    unsigned int i;

    for (i = 0; i < reply->n_headers; i++) {
        if (name_is(reply->headers[i].name, "content-length")
            || name_is(reply->headers[i].name, "transfer-encoding")) {
            return true;
        }
    }
    return false;
}

/* True when the reply to 'm' has no content whatever its fields say (RFC 9110
 * 6.4.1). */
static bool
is_bodiless(const struct pp_http_msg *m, int64_t status)
{
    bool head = m && (m->event == PP_HTTP_E_REQUEST
                      || m->event == PP_HTTP_E_BODY)
                && m->head.method.len == 4
                && pp_http_equals(&m->text, m->head.method, "head");

    return head || status / 100 == 1 || status == 204 || status == 304;
}

/* True when the connection cannot go on behind a reply to 'm': the server has
 * part of the message and will not have the rest, or the client's FIN cut it
 * off. */
static bool
must_close(const struct pp_http_msg *m)
{
    switch (m->event) {
    case PP_HTTP_E_REQUEST:
        return m->head.fields.truncated || m->head.one_word || m->reading
               || m->other
               || m->head.framing.kind == PP_HTTP_CONFLICT;
    case PP_HTTP_E_CHUNK:
    case PP_HTTP_E_TRAILERS:
        return !m->held;
    case PP_HTTP_E_BODY:
        return m->body_truncated;
    case PP_HTTP_E_RESPONSE:
        break;
    }
    return true;
}

/* refuse(); see pp-proxy.h.  The status line, the patch's fields in their
 * order, and its body.  Content-Length is added where there is a body and the
 * patch does not say how long it is; nothing else is. */
void
pp_http_refuse(const void *conn, const struct pp_msg *msg,
               const struct pp_reply *reply, struct pp_buf *buf, bool *close)
{
    const struct pp_http_msg *m = msg ? msg->decoded : NULL;
    unsigned int i;

    (void) conn;
    *close = *close || (m && must_close(m));
    if (reply->raw) {
        pp_buf_put(buf, reply->body.p, reply->body.n);
        return;
    }
    pp_buf_putf(buf, "HTTP/1.1 %03d ", (int) reply->status);
    if (reply->reason.n) {
        pp_buf_put(buf, reply->reason.p, reply->reason.n);
    } else {
        pp_buf_puts(buf, usual_reason(reply->status));
    }
    pp_buf_puts(buf, "\r\n");
    for (i = 0; i < reply->n_headers; i++) {
        pp_buf_put(buf, reply->headers[i].name.p, reply->headers[i].name.n);
        pp_buf_puts(buf, ": ");
        pp_buf_put(buf, reply->headers[i].value.p, reply->headers[i].value.n);
        pp_buf_puts(buf, "\r\n");
    }
    if (reply->body.n && !is_framed(reply)) {
        pp_buf_putf(buf, "Content-Length: %zu\r\n", reply->body.n);
    }
    pp_buf_puts(buf, "\r\n");
    if (!is_bodiless(m, reply->status)) {
        pp_buf_put(buf, reply->body.p, reply->body.n);
    }
}
