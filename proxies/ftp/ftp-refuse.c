/* SPDX-License-Identifier: Apache-2.0 */

/* Replies in the server's name.
 *
 * In: what a patch wants said.  Out: a reply (RFC 959 4.2).  Runs in the
 * engine's data threads; owns nothing. */

#include <config.h>

#include "pp-ftp.h"

/* The usual words: RFC 959 4.2.2, RFC 2228 5, RFC 2428 2. */
static const struct {
    int code;
    const char *text;
} texts[] = {
    { 200, "Command okay." },
    { 202, "Command not implemented, superfluous at this site." },
    { 225, "Data connection open; no transfer in progress." },
    { 226, "Closing data connection." },
    { 250, "Requested file action okay, completed." },
    { 350, "Requested file action pending further information." },
    { 421, "Service not available, closing control connection." },
    { 425, "Can't open data connection." },
    { 426, "Connection closed; transfer aborted." },
    { 431, "Need some unavailable resource to process security." },
    { 450, "Requested file action not taken." },
    { 451, "Requested action aborted: local error in processing." },
    { 452, "Requested action not taken." },
    { 500, "Syntax error, command unrecognized." },
    { 501, "Syntax error in parameters or arguments." },
    { 502, "Command not implemented." },
    { 503, "Bad sequence of commands." },
    { 504, "Command not implemented for that parameter." },
    { 522, "Network protocol not supported." },
    { 530, "Not logged in." },
    { 532, "Need account for storing files." },
    { 533, "Command protection level denied for policy reasons." },
    { 534, "Request denied for policy reasons." },
    { 550, "Requested action not taken." },
    { 551, "Requested action aborted: page type unknown." },
    { 552, "Requested file action aborted." },
    { 553, "Requested action not taken." },
};

static const char *
usual_text(int64_t code)
{
    size_t i;

    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].code == code) {
            return texts[i].text;
        }
    }
    return "";
}

/* Writes the lines of 'body', each as one before the last of a reply. */
static void
put_lines(struct pp_bytes body, int code, struct pp_buf *buf)
{
    struct pp_reader r = pp_reader_init(body.p, body.n);

    while (pp_reader_left(&r)) {
        size_t off = pp_reader_find(&r, '\n');
        struct pp_reader line = pp_reader_sub(
            &r, off == SIZE_MAX ? pp_reader_left(&r) : off - r.pos);
        size_t n = pp_reader_left(&line);

        pp_reader_skip(&r, pp_reader_left(&r) ? 1 : 0);
        n -= n && pp_reader_peek(&line, n - 1) == '\r';
        pp_buf_putf(buf, "%03d-", code);
        pp_buf_put(buf, pp_reader_bytes(&line, n), n);
        pp_buf_puts(buf, "\r\n");
    }
}

/* refuse(); see pp-proxy.h.  FTP has no headers, so a patch's are left out. */
void
pp_ftp_refuse(const void *conn, const struct pp_msg *msg,
              const struct pp_reply *reply, struct pp_buf *buf, bool *close)
{
    const struct pp_ftp_msg *m = msg ? msg->decoded : NULL;
    int code = (int) reply->status;

    (void) conn;
    /* TLS would be next, and never comes; or the client has gone. */
    *close = *close || (m && m->event == PP_FTP_E_PIPELINED);
    if (reply->raw) {
        pp_buf_put(buf, reply->body.p, reply->body.n);
        return;
    }
    put_lines(reply->body, code, buf);
    pp_buf_putf(buf, "%03d ", code);
    if (reply->reason.n) {
        pp_buf_put(buf, reply->reason.p, reply->reason.n);
    } else {
        pp_buf_puts(buf, usual_text(reply->status));
    }
    pp_buf_puts(buf, "\r\n");
}
