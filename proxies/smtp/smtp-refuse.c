/* SPDX-License-Identifier: Apache-2.0 */

/* Replies in the server's name.
 *
 * In: what a patch wants said.  Out: a reply (RFC 5321 4.2).  Runs in the
 * engine's data threads; owns nothing. */

#include <config.h>

#include "pp-smtp.h"

/* The usual words (RFC 5321 4.2.3), with the code of RFC 3463 where one
 * says as much. */
static const struct {
    int code;
    const char *words;
} usual[] = {
    { 250, "OK" },
    { 421, "4.3.0 Service not available, closing transmission channel" },
    { 450, "4.2.0 Mailbox unavailable" },
    { 451, "4.3.0 Local error in processing" },
    { 452, "4.3.1 Insufficient system storage" },
    { 454, "4.7.0 TLS not available" },
    { 455, "4.5.4 Server unable to accommodate parameters" },
    { 500, "5.5.2 Syntax error, command unrecognized" },
    { 501, "5.5.4 Syntax error in parameters or arguments" },
    { 502, "5.5.1 Command not implemented" },
    { 503, "5.5.1 Bad sequence of commands" },
    { 504, "5.5.4 Command parameter not implemented" },
    { 550, "5.1.1 Mailbox unavailable" },
    { 551, "5.1.6 User not local" },
    { 552, "5.2.2 Exceeded storage allocation" },
    { 553, "5.1.3 Mailbox name not allowed" },
    { 554, "5.0.0 Transaction failed" },
    { 555, "5.5.4 MAIL FROM/RCPT TO parameters not recognized" },
};

static const char *
usual_words(int64_t code)
{
    size_t i;

    for (i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (usual[i].code == code) {
            return usual[i].words;
        }
    }
    return "";
}

/* refuse(); see pp-proxy.h.  One line: SMTP has no fields and no body, and
 * what a patch says of those is not sent.  Only a command can be refused and
 * the connection go on: in the middle of a message or an exchange the server
 * waits for the rest. */
void
pp_smtp_refuse(const void *conn, const struct pp_msg *msg,
               const struct pp_reply *reply, struct pp_buf *buf, bool *close)
{
    const struct pp_smtp_msg *m = msg ? msg->decoded : NULL;

    (void) conn;
    *close = *close || (m && m->event != PP_SMTP_E_COMMAND);
    if (reply->raw) {
        pp_buf_put(buf, reply->body.p, reply->body.n);
        return;
    }
    pp_buf_putf(buf, "%03d ", (int) reply->status);
    if (reply->reason.n) {
        pp_buf_put(buf, reply->reason.p, reply->reason.n);
    } else {
        pp_buf_puts(buf, usual_words(reply->status));
    }
    pp_buf_puts(buf, "\r\n");
}
