/* SPDX-License-Identifier: Apache-2.0 */

/* A command line, decoded (RFC 5321 4.1, RFC 3030 2, RFC 4954 4).
 *
 * In: a line.  Out: its parts, as spans.  Runs in the engine's data threads;
 * owns nothing. */

#include <config.h>

#include "pp-smtp.h"

#include "util.h"

/* The verbs that mean something to the proxy itself, or that it looks for
 * where they are hidden. */
static const struct {
    const char *verb;           /* Of up to PP_SMTP_VERB_MAX bytes. */
    enum pp_smtp_kind kind;
    enum pp_smtp_look look;
} verbs[] = {
    { "HELO", PP_SMTP_HELO, PP_SMTP_L_WORDS },
    { "EHLO", PP_SMTP_EHLO, PP_SMTP_L_WORDS },
    { "LHLO", PP_SMTP_EHLO, PP_SMTP_L_WORDS },
    { "MAIL", PP_SMTP_MAIL, PP_SMTP_L_PATH },
    { "RCPT", PP_SMTP_RCPT, PP_SMTP_L_PATH },
    { "DATA", PP_SMTP_DATA, PP_SMTP_L_ALONE },
    { "BDAT", PP_SMTP_BDAT, PP_SMTP_L_WORDS },
    { "RSET", PP_SMTP_RSET, PP_SMTP_L_ALONE },
    { "AUTH", PP_SMTP_AUTH, PP_SMTP_L_WORDS },
    { "STARTTLS", PP_SMTP_STARTTLS, PP_SMTP_L_ALONE },
    { "TURN", PP_SMTP_TURN, PP_SMTP_L_ALONE },
    { "ATRN", PP_SMTP_TURN, PP_SMTP_L_WORDS },
    { "PROXY", PP_SMTP_PROXY, PP_SMTP_L_NONE },
    { "VRFY", PP_SMTP_OTHER, PP_SMTP_L_WORDS },
    { "EXPN", PP_SMTP_OTHER, PP_SMTP_L_WORDS },
    { "ETRN", PP_SMTP_OTHER, PP_SMTP_L_WORDS },
    { "XCLIENT", PP_SMTP_OTHER, PP_SMTP_L_WORDS },
    { "XFORWARD", PP_SMTP_OTHER, PP_SMTP_L_WORDS },
};

/* How many bytes of a verb that takes something behind it stand at 'start':
 * all of them, or as many as there are before 'end'; 0 if there is none. */
size_t
pp_smtp_verb_at(const struct pp_reader *text, size_t start, size_t end)
{
    size_t i, n;

    for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        for (n = 0; verbs[i].verb[n] && start + n < end
             && (pp_smtp_upper(pp_reader_peek(text, start + n))
                 == verbs[i].verb[n]); n++) {
            continue;
        }
        if (n && (!verbs[i].verb[n] || start + n == end)
            && verbs[i].look > PP_SMTP_L_ALONE) {
            return n;
        }
    }
    return 0;
}

/* 's' without blanks around. */
struct pp_span
pp_smtp_trim(const struct pp_reader *text, struct pp_span s)
{
    while (s.len && pp_smtp_is_blank(pp_reader_peek(text, s.off))) {
        s.off++;
        s.len--;
    }
    while (s.len
           && pp_smtp_is_blank(pp_reader_peek(text, s.off + s.len - 1))) {
        s.len--;
    }
    return s;
}

/* True if 's' is 'word', which is in upper case, without regard to case. */
bool
pp_smtp_equals(const struct pp_reader *text, struct pp_span s,
               const char *word)
{
    uint32_t i;

    for (i = 0; i < s.len && word[i]; i++) {
        if (pp_smtp_upper(pp_reader_peek(text, s.off + i)) != word[i]) {
            return false;
        }
    }
    return i == s.len && !word[i];
}

/* The first word of 's', which has no blanks around; '*rest' is what is behind
 * it. */
static struct pp_span
first_word(const struct pp_reader *text, struct pp_span s,
           struct pp_span *rest)
{
    uint32_t n = 0;

    while (n < s.len && !pp_smtp_is_blank(pp_reader_peek(text, s.off + n))) {
        n++;
    }
    *rest = pp_smtp_trim(text, pp_smtp_span(s.off + n, pp_smtp_span_end(s)));
    return pp_smtp_span(s.off, s.off + n);
}

/* Offset after the '>' that ends the path which starts at 'pos' with '<', or
 * 'end'.  A quoted string may have a '>' in it (RFC 5321 4.1.2). */
static size_t
path_end(const struct pp_reader *text, size_t pos, size_t end)
{
    bool quoted = false;

    for (; pos < end; pos++) {
        int c = pp_reader_peek(text, pos);

        if (quoted && c == '\\') {
            pos++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == '>' && !quoted) {
            return pos + 1;
        }
    }
    return end;
}

/* The path of MAIL and RCPT, and the parameters behind it, in what stands from
 * 'pos' to 'end', behind the colon. */
static void
take_path(const struct pp_reader *text, size_t pos, size_t end,
          struct pp_smtp_command *cmd)
{
    struct pp_span s = pp_smtp_trim(text, pp_smtp_span(pos, end));

    cmd->has_path = true;
    if (pp_reader_peek(text, s.off) == '<' && s.len) {
        size_t stop = path_end(text, s.off, end);
        bool closed = (stop > s.off + 1
                       && pp_reader_peek(text, stop - 1) == '>');

        cmd->path = pp_smtp_span(s.off + 1, stop - closed);
        cmd->params = pp_smtp_span(stop, end);
    } else {
        cmd->path = first_word(text, s, &cmd->params);
        cmd->params = pp_smtp_span(pp_smtp_span_end(cmd->path), end);
    }
}

/* The same in the argument, behind 'keyword' and a colon. */
static void
parse_path(const struct pp_reader *text, const char *keyword,
           struct pp_smtp_command *cmd)
{
    struct pp_span arg = cmd->argument;
    size_t end = pp_smtp_span_end(arg);
    struct pp_span s;
    uint32_t n;

    for (n = 0; keyword[n]; n++) {
        if (n >= arg.len
            || pp_smtp_upper(pp_reader_peek(text, arg.off + n))
               != keyword[n]) {
            return;
        }
    }
    s = pp_smtp_trim(text, pp_smtp_span(arg.off + n, end));
    if (s.len && pp_reader_peek(text, s.off) == ':') {
        take_path(text, s.off + 1, end, cmd);
    }
}

/* The size in BDAT, or -1. */
static int64_t
parse_size(const struct pp_reader *text, struct pp_span s)
{
    int64_t size = 0;
    uint32_t i;

    for (i = 0; i < s.len; i++) {
        int c = pp_reader_peek(text, s.off + i);

        if (c < '0' || c > '9' || size > (INT64_MAX - 9) / 10) {
            return -1;
        }
        size = size * 10 + (c - '0');
    }
    return s.len ? size : -1;
}

/* Is 'cmd', a BDAT, one that every server reads alike: "BDAT", a space, up to
 * nine digits without a 0 in front, and perhaps " LAST"? */
static bool
is_straight(const struct pp_reader *text, const struct pp_smtp_command *cmd)
{
    uint32_t end = pp_smtp_span_end(cmd->word);

    return (cmd->size >= 0 && cmd->word.len <= 9
            && (pp_reader_peek(text, cmd->word.off) != '0'
                || cmd->word.len == 1)
            && cmd->word.off == cmd->line.off + sizeof "BDAT"
            && pp_reader_peek(text, cmd->word.off - 1) == ' '
            && (cmd->last ? end + sizeof "LAST" : end)
               == pp_smtp_span_end(cmd->line)
            && (!cmd->last || pp_reader_peek(text, end) == ' ')
            && cmd->ending == PP_SMTP_CRLF);
}

/* Finds the verb of 'cmd', the first word but no more than 'max' bytes of it,
 * and what is behind it. */
static void
take_verb(const struct pp_reader *text, size_t max,
          struct pp_smtp_command *cmd)
{
    struct pp_span line = pp_smtp_trim(text, cmd->line);
    size_t i;

    cmd->verb = first_word(text, line, &cmd->argument);
    if (cmd->verb.len > max) {
        cmd->verb.len = (uint32_t) max;
        cmd->argument = pp_smtp_trim(
            text, pp_smtp_span(pp_smtp_span_end(cmd->verb),
                               pp_smtp_span_end(line)));
    }
    cmd->word = first_word(text, cmd->argument, &cmd->rest);
    for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (pp_smtp_equals(text, cmd->verb, verbs[i].verb)) {
            cmd->kind = verbs[i].kind;
            cmd->look = (uint8_t) verbs[i].look;
            cmd->lhlo = verbs[i].verb[0] == 'L';
        }
    }
}

/* The path of MAIL and RCPT for servers to which a line that begins like that,
 * whatever else is there, is one if it has a colon, and a path in angle
 * brackets behind the first. */
static void
parse_loose_path(const struct pp_reader *text, struct pp_smtp_command *cmd)
{
    size_t end = pp_smtp_span_end(cmd->argument);
    size_t colon = cmd->verb.off + 4;
    struct pp_span first = pp_smtp_span(cmd->verb.off, colon);
    struct pp_span s;

    if (cmd->verb.len < 4 || !(pp_smtp_equals(text, first, "MAIL")
                               || pp_smtp_equals(text, first, "RCPT"))) {
        return;
    }
    end = MAX(end, pp_smtp_span_end(cmd->verb));
    while (colon < end && pp_reader_peek(text, colon) != ':') {
        colon++;
    }
    s = pp_smtp_trim(text, pp_smtp_span(colon + 1, end));
    if (colon < end && s.len && pp_reader_peek(text, s.off) == '<') {
        take_verb(text, 4, cmd);
        take_path(text, s.off, end, cmd);
    }
}

/* Reads the command from 'start'; 'text_end' is the end of its text, 'end'
 * that of its line ending. */
void
pp_smtp_command_parse(const struct pp_reader *text, size_t start,
                      size_t text_end, size_t end,
                      struct pp_smtp_command *cmd)
{
    *cmd = (struct pp_smtp_command) {
        .line = pp_smtp_span(start, text_end),
        .end = pp_smtp_span(text_end, end),
        .ending = (uint8_t) (end - text_end),
        .size = -1,
    };
    take_verb(text, SIZE_MAX, cmd);
    if (cmd->kind == PP_SMTP_MAIL) {
        parse_path(text, "FROM", cmd);
    } else if (cmd->kind == PP_SMTP_RCPT) {
        parse_path(text, "TO", cmd);
    } else if (cmd->kind == PP_SMTP_BDAT) {
        cmd->size = parse_size(text, cmd->word);
        cmd->last = pp_smtp_equals(text, cmd->rest, "LAST");
        cmd->straight = is_straight(text, cmd);
    }
    if (!cmd->has_path) {
        parse_loose_path(text, cmd);
    }
}

/* Parameters. */

static struct pp_smtp_param
parse_param(const struct pp_reader *text, size_t from, size_t start,
            size_t end)
{
    struct pp_smtp_param param = {
        .extent = pp_smtp_span(from, end),
        .raw = pp_smtp_span(start, end),
        .name = pp_smtp_span(start, end),
    };
    size_t i;

    for (i = start; i < end; i++) {
        if (pp_reader_peek(text, i) == '=') {
            param.name = pp_smtp_span(start, i);
            param.value = pp_smtp_span(i + 1, end);
            param.has_value = true;
            break;
        }
    }
    return param;
}

/* The parameters of MAIL and RCPT, '*n' of them, or NULL where there are too
 * many. */
const struct pp_smtp_param *
pp_smtp_params(struct pp_smtp_msg *msg, uint32_t *n)
{
    size_t pos = msg->command.params.off;
    size_t end = pp_smtp_span_end(msg->command.params);

    while (!msg->params_parsed) {
        size_t start = pos;
        size_t stop;

        while (start < end
               && pp_smtp_is_blank(pp_reader_peek(&msg->text, start))) {
            start++;
        }
        stop = start;
        while (stop < end
               && !pp_smtp_is_blank(pp_reader_peek(&msg->text, stop))) {
            stop++;
        }
        if (stop == start) {
            msg->params_parsed = true;
        } else if (msg->n_params >= PP_SMTP_PARAMS_MAX) {
            msg->params_parsed = msg->params_full = true;
        } else {
            msg->params[msg->n_params++]
                = parse_param(&msg->text, pos, start, stop);
        }
        pos = stop;
    }
    *n = msg->n_params;
    return msg->params_full ? NULL : msg->params;
}
