/* SPDX-License-Identifier: Apache-2.0 */

/* The SMTP proxy (RFC 5321 and its extensions): the contract's entry points.
 *
 * In: views of both directions, from the engine.  Out: units, their fields,
 * and what keeps a corrected message right.  Runs in the engine's data
 * threads; owns nothing but the connection state it is handed. */

#include <config.h>

#include "pp-smtp.h"

#include <string.h>

static const uint16_t ports[] = { 25, 587, 0 };

static const struct pp_event events[] = {
    [PP_SMTP_E_COMMAND] = {
        "command", PP_TO_SERVER,
        "A command line, with its line ending.",
    },
    [PP_SMTP_E_AUTH] = {
        "auth", PP_TO_SERVER,
        "A line that answers a 334 in an AUTH exchange, with its line "
        "ending.",
    },
    [PP_SMTP_E_PLAINTEXT] = {
        "plaintext", PP_TO_SERVER,
        "All that the client sent behind STARTTLS before the server had "
        "agreed to it; what comes then is TLS and is not followed.",
    },
    [PP_SMTP_E_BREAK] = {
        "break", PP_TO_SERVER,
        "A line of a message, with its ending, that is not ended by CRLF, or "
        "follows one that is not, or has a CR within; all others cost next "
        "to nothing.",
    },
    [PP_SMTP_E_DATA] = {
        "data", PP_TO_SERVER,
        "Every line of a message that is sent with DATA, with its ending, "
        "the dot at its end too.",
    },
    { NULL, PP_TO_SERVER, NULL },
};

static const char *const reasons[] = {
    [PP_SMTP_R_NOT_SMTP] = "not-smtp",
    [PP_SMTP_R_UNEXPECTED_REPLY] = "unexpected-reply",
    [PP_SMTP_R_DATA_END] = "data-end",
    [PP_SMTP_R_EXCHANGE] = "unknown-exchange",
    [PP_SMTP_R_HIDDEN] = "hidden-command",
    [PP_SMTP_R_NOT_TLS] = "not-tls",
    [PP_SMTP_R_TLS] = "tls",
    [PP_SMTP_R_TURNED] = "turned",
    NULL,
};

_Static_assert(sizeof(struct pp_smtp_conn) <= 144,
               "the state of a connection is to stay small");

static void
smtp_conn_init(void *conn_)
{
    struct pp_smtp_conn *conn = conn_;

    conn->to = EXPECT_COMMAND;
    conn->from = EXPECT_REPLY;
    pp_smtp_owe(conn, PP_SMTP_GREETING);
}

static void
smtp_rewind(void *conn_)
{
    struct pp_smtp_conn *conn = conn_;

    conn->scan = 0;
    conn->again = true;
}

/* Helpers of both parsers to the server. */

void
pp_smtp_msg_init(struct pp_smtp_call *call, enum pp_smtp_event event)
{
    struct pp_smtp_msg *msg = &call->scratch->msg;

    memset(msg, 0, sizeof *msg);
    msg->text = call->text;
    msg->scratch = call->scratch;
    msg->event = event;
    msg->params = call->scratch->params;
}

/* True if some patch looks at 'event'. */
bool
pp_smtp_wanted(const struct pp_smtp_call *call, enum pp_smtp_event event)
{
    return call->wants & (UINT32_C(1) << event);
}

/* The unit that msg_init() began is from 'start' to 'end'.  Returns false: it
 * stops the parser. */
bool
pp_smtp_stop_message(struct pp_smtp_call *call, size_t start, size_t end)
{
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_MESSAGE,
        .start = (uint32_t) start,
        .end = (uint32_t) end,
    };
    return false;
}

static struct pp_parse
smtp_parse(void *conn, void *scratch_, enum pp_dir dir, uint32_t wants,
           const struct pp_view *view, struct pp_msg *msg)
{
    struct pp_smtp_scratch *scratch = scratch_;
    struct pp_parse parse;

    if (dir == PP_FROM_SERVER) {
        return pp_smtp_parse_from(conn, view);
    }
    parse = pp_smtp_parse_to(conn, scratch, wants, view);
    if (parse.status == PP_PARSE_MESSAGE) {
        msg->event = (uint16_t) scratch->msg.event;
        msg->decoded = &scratch->msg;
    }
    return parse;
}

static void
smtp_commit(void *conn, const struct pp_msg *msg, enum pp_outcome what)
{
    pp_smtp_commit_to(conn, msg, what);
}

/* See pp-proxy.h.  Within an exchange no reply is due: the server has said
 * "go on". */
static enum pp_reply_when
smtp_reply_when(const void *conn_, const struct pp_msg *msg)
{
    const struct pp_smtp_conn *conn = conn_;

    (void) msg;
    if (conn->in_reply) {
        return PP_REPLY_WAIT;
    }
    return conn->n_owed ? PP_REPLY_WAIT : PP_REPLY_NOW;
}

/* How many LFs there are in 'ins'. */
static unsigned int
count_lfs(struct pp_bytes ins)
{
    struct pp_reader r = pp_reader_init(ins.p, ins.n);
    unsigned int n = 0;
    size_t lf;

    while ((lf = pp_reader_find(&r, '\n')) != SIZE_MAX) {
        pp_reader_skip(&r, lf + 1 - r.pos);
        n++;
    }
    return n;
}

/* See pp-proxy.h.  Nothing in SMTP says how long something is but BDAT, whose
 * size cannot be edited.  But a line must remain one: no LF may come into it,
 * and a command's ending may be replaced but not taken away. */
static bool
smtp_reframe(const struct pp_msg *msg, struct pp_edits *edits)
{
    const struct pp_smtp_msg *m = msg->decoded;
    bool command = (m->event == PP_SMTP_E_COMMAND
                    || m->event == PP_SMTP_E_AUTH);
    uint32_t lf = UINT32_MAX;
    unsigned int i;

    if (m->event == PP_SMTP_E_PLAINTEXT) {
        return true;
    }
    if (command ? m->command.end.len : m->line.end.len) {
        lf = msg->end - 1;
    }
    for (i = 0; i < edits->n; i++) {
        const struct pp_edit *e = &edits->e[i];
        unsigned int n = count_lfs(e->ins);

        if (lf >= e->off && lf - e->off < e->removed) {
            bool ends = n == 1 && e->ins.p[e->ins.n - 1] == '\n';

            if (!ends && (n || command)) {
                return false;
            }
        } else if (n || (lf < e->off && e->ins.n)) {
            return false;
        }
    }
    return true;
}

const struct pp_proxy pp_proxy_smtp = {
    .name = "smtp",
    .title = "SMTP",
    .transport = PP_TCP,
    .ports = ports,
    .events = events,
    .fields = pp_smtp_field_table,
    .reasons = reasons,
    .conn_size = sizeof(struct pp_smtp_conn),
    .scratch_size = sizeof(struct pp_smtp_scratch),
    .conn_init = smtp_conn_init,
    .speaks = pp_smtp_speaks,
    .rewind = smtp_rewind,
    .parse = smtp_parse,
    .commit = smtp_commit,
    .get = pp_smtp_get,
    .get_elem = pp_smtp_get_elem,
    .locate = pp_smtp_locate,
    .reframe = smtp_reframe,
    .reply_when = smtp_reply_when,
    .refuse = pp_smtp_refuse,
};
