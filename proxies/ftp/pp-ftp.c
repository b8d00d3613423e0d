/* SPDX-License-Identifier: Apache-2.0 */

/* The FTP proxy (RFC 959): the contract's entry points.
 *
 * In: views of both directions, from the engine.  Out: units, their fields,
 * and what keeps a corrected line right.  Runs in the engine's data threads;
 * owns nothing but the connection state it is handed. */

#include <config.h>

#include "pp-ftp.h"

static const uint16_t ports[] = { 21, 0 };

static const struct pp_event events[] = {
    [PP_FTP_E_COMMAND] = {
        "command", PP_TO_SERVER,
        "One line of the client's, with its line ending.",
    },
    [PP_FTP_E_PIPELINED] = {
        "pipelined", PP_TO_SERVER,
        "What the client sent behind AUTH before the server agreed to it.",
    },
    { NULL, PP_TO_SERVER, NULL },
};

static const char *const reasons[] = {
    [PP_FTP_R_NOT_FTP] = "not-ftp",
    [PP_FTP_R_TELNET_NEWLINE] = "telnet-newline",
    [PP_FTP_R_HIDDEN] = "hidden-command",
    [PP_FTP_R_NOT_TLS] = "not-tls",
    [PP_FTP_R_TLS] = "tls",
    [PP_FTP_R_AUTH] = "auth",
    NULL,
};

_Static_assert(sizeof(struct pp_ftp_conn) <= 224,
               "the state of a connection is to stay small");

static void
ftp_conn_init(void *conn_)
{
    struct pp_ftp_conn *conn = conn_;

    conn->to = EXPECT_COMMAND;
    conn->due[conn->n_due++] = PP_FTP_V_GREETING;
}

static void
ftp_conn_ends(void *conn_, const struct pp_ends *ends)
{
    struct pp_ftp_conn *conn = conn_;

    conn->ends = *ends;
}

static void
ftp_rewind(void *conn_)
{
    struct pp_ftp_conn *conn = conn_;

    conn->scan = 0;
    conn->reading = 0;
    conn->reading_from = 0;
    conn->joined = false;
}

static struct pp_parse
ftp_parse(void *conn, void *scratch_, enum pp_dir dir, uint32_t wants,
          const struct pp_view *view, struct pp_msg *msg)
{
    struct pp_ftp_scratch *scratch = scratch_;
    struct pp_parse parse = dir == PP_TO_SERVER
                            ? pp_ftp_parse_to(conn, scratch, wants, view)
                            : pp_ftp_parse_from(conn, view);

    if (parse.status == PP_PARSE_MESSAGE) {
        msg->event = (uint16_t) scratch->msg.event;
        msg->decoded = &scratch->msg;
    }
    return parse;
}

static void
ftp_commit(void *conn, const struct pp_msg *msg, enum pp_outcome what)
{
    pp_ftp_commit_to(conn, msg->decoded, what);
}

/* See pp-proxy.h.  An empty line may get a reply and may not: nothing can wait
 * for that. */
static enum pp_reply_when
ftp_reply_when(const void *conn_, const struct pp_msg *msg)
{
    const struct pp_ftp_conn *conn = conn_;
    unsigned int i;

    (void) msg;
    if (conn->closing || conn->to == EXPECT_OPAQUE
        || conn->to == EXPECT_PIPELINED || conn->to == EXPECT_HELLO) {
        return PP_REPLY_NEVER;
    }
    for (i = 0; i < conn->n_due; i++) {
        if (conn->due[i] != PP_FTP_V_NONE) {
            return PP_REPLY_WAIT;
        }
    }
    return conn->column || conn->in_reply ? PP_REPLY_WAIT : PP_REPLY_NOW;
}

const struct pp_proxy pp_proxy_ftp = {
    .name = "ftp",
    .title = "FTP",
    .transport = PP_TCP,
    .ports = ports,
    .events = events,
    .fields = pp_ftp_field_table,
    .reasons = reasons,
    .conn_size = sizeof(struct pp_ftp_conn),
    .scratch_size = sizeof(struct pp_ftp_scratch),
    .conn_init = ftp_conn_init,
    .conn_ends = ftp_conn_ends,
    .speaks = pp_ftp_speaks,
    .rewind = ftp_rewind,
    .parse = ftp_parse,
    .commit = ftp_commit,
    .get = pp_ftp_get,
    .get_elem = pp_ftp_get_elem,
    .locate = pp_ftp_locate,
    .reframe = pp_ftp_reframe,
    .reply_when = ftp_reply_when,
    .refuse = pp_ftp_refuse,
};
