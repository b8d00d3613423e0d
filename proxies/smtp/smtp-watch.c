/* SPDX-License-Identifier: Apache-2.0 */

/* What servers may take for a command, and we do not.
 *
 * Where a line, a message or a chunk ends, and whether one was taken at all,
 * is the server's choice once a client has sent what the RFCs do not have:
 * lines with CR or NUL within, dots between other endings than CRLF, commands
 * longer than a server's buffer, chunks that nobody has asked for.  Which
 * reading is the server's cannot be known.  But whatever it is, a command has
 * its verb at the start of what the server takes for a line.  So what is no
 * command for us and may be one for some server must not look like one
 * either.
 *
 * In: what is no command.  Out: whether one is hidden in it.  Runs in the
 * engine's data threads; keeps nothing. */

#include <config.h>

#include "pp-smtp.h"

#include "util.h"

/* See pp-smtp.h.  Where no patch looks at commands there is nothing to be
 * hidden; and a corrected unit was looked at before. */
bool
pp_smtp_is_watching(const struct pp_smtp_call *call)
{
    return pp_smtp_wanted(call, PP_SMTP_E_COMMAND) && !call->conn->again;
}

/* Stops the parser for good.  Returns false. */
bool
pp_smtp_stop_hidden(struct pp_smtp_call *call)
{
    call->conn->to = EXPECT_BROKEN;
    call->conn->from_reason = PP_SMTP_R_HIDDEN;
    return pp_smtp_stop_status(call, PP_PARSE_TOO_MUCH, PP_SMTP_R_HIDDEN);
}

/* Do the bytes from 'start' to 'end' look like a command?  'least' is how much
 * it must look like one. */
static bool
looks(const struct pp_reader *text, size_t start, size_t end,
      enum pp_smtp_look least)
{
    struct pp_smtp_command cmd;

    pp_smtp_command_parse(text, start, end, end, &cmd);
    if (cmd.look < least) {
        return false;
    }
    switch ((enum pp_smtp_look) cmd.look) {
    case PP_SMTP_L_NONE:
        break;
    case PP_SMTP_L_ALONE:
        return !cmd.argument.len;
    case PP_SMTP_L_WORDS:
        return cmd.argument.len > 0;
    case PP_SMTP_L_PATH:
        return cmd.has_path;
    }
    return false;
}

static bool
ends_for_some(int c)
{
    return c == '\r' || !c;
}

/* Is a command hidden in the line from 'start' to 'end', without its ending:
 * behind a CR or NUL, or behind as many bytes as fit into some server's
 * buffer?  'fresh': or is it one? */
bool
pp_smtp_line_hides(const struct pp_reader *text, size_t start, size_t end,
                   bool fresh)
{
    size_t i, from = start;

    for (i = start; i <= end; i++) {
        if (i == end || ends_for_some(pp_reader_peek(text, i))) {
            if ((fresh || from > start)
                && looks(text, from, i, PP_SMTP_L_ALONE)) {
                return true;
            }
            from = i + 1;
        }
    }
    for (i = start + PP_SMTP_LINE_LEAST; i < end; i++) {
        i = pp_smtp_rest_hides(text, i, end);
        if (i < end && looks(text, i, end, PP_SMTP_L_WORDS)) {
            return true;
        }
    }
    return false;
}

/* Where a verb that takes arguments stands from 'start' on, with a blank
 * behind it and whatever before it; 'end' or more if nowhere. */
size_t
pp_smtp_rest_hides(const struct pp_reader *text, size_t start, size_t end)
{
    for (; start < end; start++) {
        size_t n = pp_smtp_verb_at(text, start, end);

        if (n && start + n < end
            && pp_smtp_is_blank(pp_reader_peek(text, start + n))) {
            break;
        }
    }
    return start;
}

/* How many bytes before 'end' may be the beginning of a verb. */
size_t
pp_smtp_verb_pending(const struct pp_reader *text, size_t start, size_t end)
{
    for (size_t n = MIN(PP_SMTP_VERB_MAX, end - start); n; n--) {
        if (pp_smtp_verb_at(text, end - n, end) == n) {
            return n;
        }
    }
    return 0;
}

/* Do the bytes from 'start' to 'end', where they are cut off, begin like a
 * command? */
static bool
begins(const struct pp_reader *text, size_t start, size_t end)
{
    size_t n;

    for (size_t i = start; i < end; i++) {
        if (ends_for_some(pp_reader_peek(text, i))) {
            start = i + 1;
        }
    }
    while (start < end && pp_smtp_is_blank(pp_reader_peek(text, start))) {
        start++;
    }
    n = pp_smtp_verb_at(text, start, end);
    return n && (start + n == end
                 || pp_smtp_is_blank(pp_reader_peek(text, start + n)));
}

/* See pp-smtp.h.  What a client sends behind STARTTLS before it may. */
bool
pp_smtp_lines_hide(const struct pp_reader *text, size_t start, size_t end)
{
    while (start < end) {
        struct pp_reader r = *text;
        size_t lf;

        pp_reader_skip(&r, start);
        lf = pp_reader_find(&r, '\n');
        lf = MIN(lf, end);
        if (pp_smtp_line_hides(text, start, lf, true)) {
            return true;
        }
        start = lf + 1;
    }
    return false;
}

/* EXPECT_CHUNK, of one that the server may not take for a chunk: a line of
 * it. */
bool
pp_smtp_step_doubted(struct pp_smtp_call *call)
{
    struct pp_smtp_conn *conn = call->conn;
    size_t there = call->text.end - call->pos;
    bool all = conn->left <= there, ends, fresh = conn->fresh;
    struct pp_reader r = call->text;
    size_t lf, n;

    pp_reader_skip(&r, call->pos);
    lf = pp_reader_find(&r, '\n');
    n = all ? (size_t) conn->left : there;
    ends = lf != SIZE_MAX && lf - call->pos < n;
    n = ends ? lf + 1 - call->pos : n;
    if (!ends && !all && n < PP_SMTP_LINE_MAX && !call->view->eof) {
        return pp_smtp_stop_status(call, PP_PARSE_MORE, 0);
    }
    if (pp_smtp_line_hides(&call->text, call->pos, call->pos + n - ends, fresh)
        || (all && !ends && fresh
            && begins(&call->text, call->pos, call->pos + n))) {
        return pp_smtp_stop_hidden(call);
    }
    conn->fresh = ends;
    conn->left -= n;
    call->pos += n;
    if (!conn->left) {
        conn->to = EXPECT_COMMAND;
    }
    return n > 0 || pp_smtp_stop_status(call, PP_PARSE_MORE, 0);
}
