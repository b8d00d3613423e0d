/* SPDX-License-Identifier: Apache-2.0 */

/* The values of what patches may name.
 *
 * In: a unit and an index into the table of fields.  Out: a value, of bytes
 * that stand in the unit or in the state of the connection.  Runs in the
 * engine's data threads; owns nothing. */

#include <config.h>

#include "ftp-fields.h"
#include "pp-ftp.h"

#include <string.h>

static bool
get_span(const struct pp_reader *text, struct pp_span s, struct pp_value *v)
{
    struct pp_reader r = pp_ftp_sub(text, s);

    *v = pp_value_bytes(pp_reader_bytes(&r, s.len), s.len);
    return !r.error;
}

static bool
get_wants(enum pp_ftp_login login, struct pp_value *v)
{
    const char *word = "";

    switch (login) {
    case PP_FTP_WANTS_USER:
        word = "user";
        break;
    case PP_FTP_WANTS_PASSWORD:
        word = "password";
        break;
    case PP_FTP_WANTS_ACCOUNT:
        word = "account";
        break;
    case PP_FTP_LOGGED_IN:
        break;
    }
    return pp_get_string(word, v);
}

/* Replies that are due for sure. */
static int64_t
count_due(const struct pp_ftp_conn *conn)
{
    unsigned int i;
    int64_t n = 0;

    for (i = 0; i < conn->n_due; i++) {
        n += conn->due[i] != PP_FTP_V_NONE;
    }
    return n;
}

/* What the connection has come to. */
static bool
get_state(const struct pp_ftp_conn *conn, enum pp_ftp_field_index field,
          struct pp_value *v)
{
    if (field == PP_FTP_F_CLIENT_ADDRESS) {
        *v = pp_value_address(conn->ends.client);
        return true;
    } else if (field == PP_FTP_F_CLIENT_PORT) {
        return pp_get_int(conn->ends.client_port, v);
    } else if (field == PP_FTP_F_SERVER_ADDRESS) {
        *v = pp_value_address(conn->ends.server);
        return true;
    } else if (field == PP_FTP_F_SERVER_PORT) {
        return pp_get_int(conn->ends.server_port, v);
    } else if (field == PP_FTP_F_LOGGED_IN) {
        return pp_get_bool(conn->login == PP_FTP_LOGGED_IN, v);
    } else if (field == PP_FTP_F_LOGIN_WANTS) {
        return get_wants(conn->login, v);
    } else if (field == PP_FTP_F_LOGIN_FAILURES) {
        return pp_get_int(conn->failures, v);
    } else if (field == PP_FTP_F_USER) {
        return pp_get_bytes(conn->user, conn->user_len, v);
    } else if (field == PP_FTP_F_RENAMING) {
        return pp_get_bool(conn->renaming, v);
    } else if (field == PP_FTP_F_PREVIOUS) {
        return pp_get_bytes(conn->previous, conn->previous_len, v);
    } else if (field == PP_FTP_F_COMMANDS) {
        return pp_get_int(conn->commands, v);
    } else if (field == PP_FTP_F_UNANSWERED) {
        return pp_get_int(count_due(conn), v);
    }
    return pp_get_bool(conn->begun && conn->n_due
                       && conn->due[0] == PP_FTP_V_TRANSFER, v);
}

/* What the line says. */
static bool
get_line(const struct pp_ftp_msg *m, const struct pp_ftp_conn *conn,
         enum pp_ftp_field_index field, struct pp_value *v)
{
    const struct pp_ftp_line *line = &m->line;
    uint32_t content = m->end - line->ending;

    if (field == PP_FTP_F_VERB) {
        return get_span(&line->plain, line->verb, v);
    } else if (field == PP_FTP_F_VERB_BEFORE) {
        return get_span(&line->plain, line->before, v);
    } else if (field == PP_FTP_F_ARGUMENT) {
        return get_span(&line->plain, line->argument, v);
    } else if (field == PP_FTP_F_ARGUMENT_PRESENT) {
        return pp_get_bool(line->separator.len, v);
    } else if (field == PP_FTP_F_ARGUMENT_SEPARATOR) {
        return get_span(&line->plain, line->separator, v);
    } else if (field == PP_FTP_F_SUBVERB) {
        return get_span(&line->plain, line->sub, v);
    } else if (field == PP_FTP_F_SUBARGUMENT) {
        return get_span(&line->plain, line->sub_argument, v);
    } else if (field == PP_FTP_F_PATH) {
        return get_span(&line->plain, line->path, v);
    } else if (field == PP_FTP_F_PATH_PRESENT) {
        return pp_get_bool(line->has_path, v);
    } else if (field == PP_FTP_F_LINE) {
        return get_span(&line->plain, pp_ftp_span(0, line->plain.end), v);
    } else if (field == PP_FTP_F_LINE_RAW) {
        return get_span(&m->text, pp_ftp_span(0, content), v);
    } else if (field == PP_FTP_F_LINE_ENDING) {
        return get_span(&m->text, pp_ftp_span(content, m->end), v);
    } else if (field == PP_FTP_F_LINE_AFTER_LF) {
        return pp_get_bool(conn->after_lf, v);
    } else if (field == PP_FTP_F_LINE_TELNET) {
        return pp_get_bool(line->telnet, v);
    } else if (field == PP_FTP_F_LINE_TRUNCATED) {
        return pp_get_bool(line->cut, v);
    } else if (field == PP_FTP_F_ADDRESS) {
        return pp_get_bytes(m->address.bytes, m->address.n, v);
    } else if (field == PP_FTP_F_ADDRESS_PORT) {
        return pp_get_int(m->address.port, v);
    } else if (field == PP_FTP_F_ADDRESS_FAMILY) {
        return pp_get_int(m->address.family, v);
    }
    return pp_get_bool(m->address.valid, v);
}

/* get(); see pp-proxy.h. */
bool
pp_ftp_get(const struct pp_msg *msg, unsigned int field,
           struct pp_arena *arena, struct pp_value *v)
{
    const struct pp_ftp_msg *m = msg->decoded;

    (void) arena;
    if (!pp_ftp_field_there(m, field)) {
        return false;
    }
    if (field >= PP_FTP_F_CLIENT_ADDRESS) {
        return get_state(msg->conn, field, v);
    }
    return field == PP_FTP_F_PIPELINED
           ? get_span(&m->text, pp_ftp_span(0, m->end), v)
           : get_line(m, msg->conn, field, v);
}

/* get_elem(); see pp-proxy.h.  There are no lists. */
bool
pp_ftp_get_elem(const struct pp_msg *msg, unsigned int field, uint32_t index,
                unsigned int sub, struct pp_arena *arena, struct pp_value *v)
{
    (void) msg, (void) field, (void) index, (void) sub, (void) arena;
    (void) v;
    return false;
}
