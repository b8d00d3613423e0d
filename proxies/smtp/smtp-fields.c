/* SPDX-License-Identifier: Apache-2.0 */

/* The values of what patches may name, and where they stand.
 *
 * In: a unit and an index into the table of fields.  Out: values, spans of the
 * view.  Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "smtp-fields.h"
#include "pp-smtp.h"

/* A span that stands nowhere. */
#define NOWHERE ((struct pp_span) { .off = UINT32_MAX })

/* Where the field 'id' of 'm' stands, or NOWHERE. */
static struct pp_span
field_span(const struct pp_smtp_msg *m, unsigned int id)
{
    const struct pp_smtp_command *cmd = &m->command;
    bool helo = cmd->kind == PP_SMTP_HELO || cmd->kind == PP_SMTP_EHLO;
    bool auth = cmd->kind == PP_SMTP_AUTH;

    switch (id) {
    case PP_SMTP_F_COMMAND_VERB:
        return cmd->verb;
    case PP_SMTP_F_COMMAND_ARGUMENT:
        return cmd->argument;
    case PP_SMTP_F_COMMAND_LINE:
    case PP_SMTP_F_AUTH_LINE:
        return cmd->line;
    case PP_SMTP_F_COMMAND_ENDING:
    case PP_SMTP_F_AUTH_ENDING:
        return cmd->end;
    case PP_SMTP_F_COMMAND_PATH:
        return cmd->has_path ? cmd->path : NOWHERE;
    case PP_SMTP_F_COMMAND_HELO:
        return helo ? cmd->word : NOWHERE;
    case PP_SMTP_F_COMMAND_MECHANISM:
        return auth ? cmd->word : NOWHERE;
    case PP_SMTP_F_COMMAND_INITIAL:
        return auth ? cmd->rest : NOWHERE;
    case PP_SMTP_F_PLAINTEXT:
        return m->plaintext;
    case PP_SMTP_F_DATA_TEXT:
        return m->line.text;
    case PP_SMTP_F_DATA_ENDING:
        return m->line.end;
    case PP_SMTP_F_DATA_WHOLE:
        return pp_smtp_span(m->line.text.off, pp_smtp_span_end(m->line.end));
    default:
        return NOWHERE;
    }
}

static struct pp_value
value_bytes(const struct pp_smtp_msg *m, struct pp_span s)
{
    struct pp_reader r = m->text;

    if (s.off == UINT32_MAX) {
        return pp_value_bytes(NULL, 0);
    }
    pp_reader_skip(&r, s.off);
    return pp_value_bytes(pp_reader_bytes(&r, s.len), r.error ? 0 : s.len);
}

/* 's' in upper case, in 'arena' where it is not. */
static bool
value_upper(const struct pp_smtp_msg *m, struct pp_span s,
            struct pp_arena *arena, struct pp_value *value)
{
    bool upper = true;
    uint8_t *copy;
    uint32_t i;

    *value = value_bytes(m, s);
    for (i = 0; i < s.len; i++) {
        int c = pp_reader_peek(&m->text, s.off + i);

        upper = upper && pp_smtp_upper(c) == c;
    }
    if (upper) {
        return true;
    }
    copy = pp_arena_alloc(arena, s.len);
    if (!copy) {
        return false;
    }
    for (i = 0; i < s.len; i++) {
        copy[i] = (uint8_t) pp_smtp_upper(pp_reader_peek(&m->text,
                                                         s.off + i));
    }
    *value = pp_value_bytes(copy, s.len);
    return true;
}

static struct pp_value
value_ending(uint8_t ending)
{
    return (ending == PP_SMTP_CRLF ? pp_value_bytes("\r\n", 2)
            : ending == PP_SMTP_LF ? pp_value_bytes("\n", 1)
            : pp_value_bytes(NULL, 0));
}

static bool
get_parameters(const struct pp_smtp_msg *m, struct pp_value *value)
{
    struct pp_smtp_msg *msg = &m->scratch->msg;
    uint32_t n = 0;
    bool ok = pp_smtp_params(msg, &n) != NULL;

    *value = pp_value_list(ok ? n : 0);
    return ok;
}

/* get() of what the session has come to. */
static struct pp_value
get_session(const struct pp_smtp_conn *conn, unsigned int id)
{
    switch (id) {
    case PP_SMTP_F_SESSION_COMMANDS:
        return pp_value_int(conn->commands);
    case PP_SMTP_F_SESSION_OWED:
        return pp_value_int(conn->n_owed);
    case PP_SMTP_F_SESSION_ESMTP:
        return pp_value_bool(conn->esmtp);
    case PP_SMTP_F_SESSION_AUTHENTICATED:
        return pp_value_bool(conn->authenticated);
    case PP_SMTP_F_SESSION_MAIL:
        return pp_value_bool(conn->mail);
    case PP_SMTP_F_SESSION_RECIPIENTS:
        return pp_value_int(conn->recipients);
    case PP_SMTP_F_SESSION_REFUSED:
        return pp_value_int(conn->refused);
    case PP_SMTP_F_SESSION_MESSAGES:
        return pp_value_int(conn->messages);
    case PP_SMTP_F_SESSION_PIPELINING:
        return pp_value_bool(conn->offers & PP_SMTP_O_PIPELINING);
    case PP_SMTP_F_SESSION_CHUNKING:
        return pp_value_bool(conn->offers & PP_SMTP_O_CHUNKING);
    case PP_SMTP_F_SESSION_STARTTLS:
        return pp_value_bool(conn->offers & PP_SMTP_O_STARTTLS);
    case PP_SMTP_F_SESSION_AUTH:
        return pp_value_bool(conn->offers & PP_SMTP_O_AUTH);
    case PP_SMTP_F_SESSION_EIGHTBIT:
        return pp_value_bool(conn->offers & PP_SMTP_O_8BITMIME);
    case PP_SMTP_F_SESSION_SMTPUTF8:
        return pp_value_bool(conn->offers & PP_SMTP_O_SMTPUTF8);
    default:
        return pp_value_int(0);
    }
}

/* get(); see pp-proxy.h. */
bool
pp_smtp_get(const struct pp_msg *msg, unsigned int field,
            struct pp_arena *arena, struct pp_value *value)
{
    const struct pp_smtp_msg *m = msg->decoded;
    const struct pp_smtp_conn *conn = msg->conn;
    const struct pp_smtp_line *line = &m->line;

    switch (field) {
    case PP_SMTP_F_COMMAND_VERB:
        return value_upper(m, m->command.verb, arena, value);
    case PP_SMTP_F_COMMAND_HAS_PATH:
        *value = pp_value_bool(m->command.has_path);
        break;
    case PP_SMTP_F_COMMAND_PARAMETERS:
        return get_parameters(m, value);
    case PP_SMTP_F_COMMAND_CHUNK:
        *value = pp_value_int(m->command.size);
        break;
    case PP_SMTP_F_COMMAND_LAST:
        *value = pp_value_bool(m->command.last);
        break;
    case PP_SMTP_F_COMMAND_BEHIND:
        *value = pp_value_int((int64_t) (msg->view.len - msg->end));
        break;
    case PP_SMTP_F_DATA_BEFORE:
        *value = value_ending(line->start ? conn->data.before
                              : PP_SMTP_NO_ENDING);
        break;
    case PP_SMTP_F_DATA_FIRST_ENDING:
        *value = value_ending(line->first);
        break;
    case PP_SMTP_F_DATA_START:
        *value = pp_value_bool(line->start);
        break;
    case PP_SMTP_F_DATA_DOT:
        *value = pp_value_bool(line->dot);
        break;
    case PP_SMTP_F_DATA_LAST:
        *value = pp_value_bool(line->last);
        break;
    case PP_SMTP_F_DATA_HEADER:
        *value = pp_value_bool(line->header);
        break;
    case PP_SMTP_F_DATA_FIELDS:
        *value = pp_value_bool(line->fields);
        break;
    case PP_SMTP_F_DATA_LENGTH:
        *value = pp_value_int((int64_t) conn->data.length + line->text.len
                              + line->end.len);
        break;
    case PP_SMTP_F_DATA_NUMBER:
        *value = pp_value_int(conn->data.number);
        break;
    case PP_SMTP_F_COMMAND_ARGUMENT:
    case PP_SMTP_F_COMMAND_LINE:
    case PP_SMTP_F_COMMAND_ENDING:
    case PP_SMTP_F_COMMAND_PATH:
    case PP_SMTP_F_COMMAND_HELO:
    case PP_SMTP_F_COMMAND_MECHANISM:
    case PP_SMTP_F_COMMAND_INITIAL:
    case PP_SMTP_F_AUTH_LINE:
    case PP_SMTP_F_AUTH_ENDING:
    case PP_SMTP_F_PLAINTEXT:
    case PP_SMTP_F_DATA_TEXT:
    case PP_SMTP_F_DATA_ENDING:
    case PP_SMTP_F_DATA_WHOLE:
        *value = value_bytes(m, field_span(m, field));
        break;
    default:
        *value = get_session(conn, field);
        break;
    }
    return true;
}

/* The parameter 'index' of 'm', or NULL. */
static const struct pp_smtp_param *
param_at(const struct pp_smtp_msg *m, uint32_t index)
{
    uint32_t n = 0;
    const struct pp_smtp_param *params = pp_smtp_params(&m->scratch->msg, &n);

    return params && index < n ? &params[index] : NULL;
}

/* get_elem(); see pp-proxy.h. */
bool
pp_smtp_get_elem(const struct pp_msg *msg, unsigned int field,
                 uint32_t index, unsigned int sub, struct pp_arena *arena,
                 struct pp_value *value)
{
    const struct pp_smtp_msg *m = msg->decoded;
    const struct pp_smtp_param *param = param_at(m, index);

    (void) field;
    (void) arena;
    if (!param) {
        return false;
    }
    switch ((enum pp_smtp_param_id) sub) {
    case PP_SMTP_PARAM_NAME:
        *value = value_bytes(m, param->name);
        return true;
    case PP_SMTP_PARAM_VALUE:
        *value = value_bytes(m, param->value);
        return true;
    case PP_SMTP_PARAM_HAS_VALUE:
        *value = pp_value_bool(param->has_value);
        return true;
    case PP_SMTP_PARAM_RAW:
        *value = value_bytes(m, param->raw);
        return true;
    }
    return false;
}

/* Where 'sub' of the parameter 'index' stands. */
static bool
locate_param(const struct pp_smtp_msg *m, uint32_t index, int sub,
             struct pp_span *value, struct pp_span *extent)
{
    const struct pp_smtp_param *param = param_at(m, index);

    if (!param) {
        return false;
    }
    if (sub < 0 || sub == PP_SMTP_PARAM_RAW) {
        *value = param->raw;
        *extent = param->extent;
    } else if (sub == PP_SMTP_PARAM_NAME) {
        *value = *extent = param->name;
    } else if (sub == PP_SMTP_PARAM_VALUE && param->has_value) {
        /* The equals sign goes with it. */
        *value = param->value;
        *extent = pp_smtp_span(param->value.off - 1,
                               pp_smtp_span_end(param->value));
    } else {
        return false;
    }
    return true;
}

/* locate(); see pp-proxy.h. */
bool
pp_smtp_locate(const struct pp_msg *msg, unsigned int field, uint32_t index,
               int sub, struct pp_span *value, struct pp_span *extent)
{
    const struct pp_smtp_msg *m = msg->decoded;

    if (!(pp_smtp_field_table[field].events & (UINT32_C(1) << m->event))) {
        return false;
    }
    if (field == PP_SMTP_F_COMMAND_PARAMETERS) {
        return locate_param(m, index, sub, value, extent);
    }
    *value = *extent = field_span(m, field);
    return value->off != UINT32_MAX;
}
