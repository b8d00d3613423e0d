/* SPDX-License-Identifier: Apache-2.0 */

/* The lines of a message, and where it ends (RFC 5321 4.1.1.4, 4.5.2).
 *
 * In: the client's bytes behind 354.  Out: units, and what passes unseen.
 * Runs in the engine's data threads; owns nothing but the connection state.
 *
 * A unit ends with LF, as lines do for every server; a field says what was
 * before it.  RFC 5321 wants CRLF, and a message that ends with a dot between
 * two of them; which other dots end it is the server's choice.  Here, none
 * does.  But where such a dot is the last that was sent and a reply comes,
 * the server has taken it for the end, and so does the proxy. */

#include <config.h>

#include "pp-smtp.h"

#include <string.h>

void
pp_smtp_data_start(struct pp_smtp_conn *conn)
{
    memset(&conn->data, 0, sizeof conn->data);
    conn->data.before = PP_SMTP_CRLF;
    conn->scan = 0;
}

/* How many CRs there are in 's'. */
static uint32_t
count_crs(const struct pp_reader *text, struct pp_span s)
{
    struct pp_reader r = *text;
    struct pp_reader line;
    uint32_t n = 0;
    size_t cr;

    pp_reader_skip(&r, s.off);
    line = pp_reader_sub(&r, s.len);
    while ((cr = pp_reader_find(&line, '\r')) != SIZE_MAX) {
        pp_reader_skip(&line, cr + 1 - line.pos);
        n++;
    }
    return n;
}

/* Is there a dot between the endings of 'text' that some take, with nothing
 * else there but what some leave out? */
static bool
has_odd_dot(const struct pp_reader *text, struct pp_span s, bool fresh)
{
    uint32_t dots = 0, others = !fresh, i;

    for (i = 0; i <= s.len; i++) {
        int c = i < s.len ? pp_reader_peek(text, s.off + i) : '\r';

        if (c == '\r') {
            if (dots == 1 && !others) {
                return true;
            }
            dots = others = 0;
        } else {
            dots += c == '.';
            others += c > ' ' && c != '.' && c != 127;
        }
    }
    return false;
}

/* Reads the line, or the part of one, from 'start'. */
static void
line_parse(const struct pp_smtp_data *data, const struct pp_reader *text,
           size_t start, size_t text_end, size_t end,
           struct pp_smtp_line *line)
{
    bool fresh = !data->inside && data->before == PP_SMTP_CRLF;
    bool straight;

    *line = (struct pp_smtp_line) {
        .text = pp_smtp_span(start, text_end),
        .end = pp_smtp_span(text_end, end),
        .ending = (uint8_t) (end - text_end),
        .start = !data->inside,
        .header = !data->body,
        .fields = pp_smtp_head_goes_on(data->head, text, start, fresh),
        .head = pp_smtp_head_read(data->head, text,
                                  pp_smtp_span(start, end), fresh),
    };
    line->first = data->number ? data->first : line->ending;
    line->crs = count_crs(text, line->text);
    line->dot = (line->start && line->text.len
                 && pp_reader_peek(text, start) == '.'
                 && line->crs == line->text.len - 1);
    straight = !line->start || data->before == PP_SMTP_CRLF;
    line->regular = (straight && !line->crs && line->ending != PP_SMTP_LF);
    line->last = (line->regular && line->dot
                  && line->ending == PP_SMTP_CRLF);
    line->odd = (!line->last
                 && has_odd_dot(text, line->text, line->start));
}

/* What 'line' that has reached the server, or was taken away, leads to.  It is
 * the corrected one; of one that is taken away by that altogether, the ending
 * still counts for the line behind it, as it does for the vendors' fixes. */
void
pp_smtp_data_passed(struct pp_smtp_conn *conn, const struct pp_smtp_line *line,
                    bool swallowed)
{
    struct pp_smtp_data *data = &conn->data;
    bool ends = line->ending != PP_SMTP_NO_ENDING;

    data->broke = false;
    if (swallowed) {
        return;
    }
    data->length += data->unit;
    if (!line->text.len && !line->end.len) {
        data->before = data->inside ? data->before : data->ending;
        data->length = data->ending == PP_SMTP_CRLF ? 0 : data->length;
        return;
    }
    conn->watched |= line->odd;
    data->passed = data->dotted;
    if (line->dot && ends && !line->last) {
        data->dotted = true;
        data->passed = false;
    }
    data->inside = !ends;
    data->head = line->head;
    if (ends) {
        data->first = data->number ? data->first : line->ending;
        data->number++;
        data->before = line->ending;
        data->body |= line->start && line->crs == line->text.len;
        data->length = line->ending == PP_SMTP_CRLF ? 0 : data->length;
    }
    if (line->last) {
        pp_smtp_owe(conn, PP_SMTP_END);
        conn->to = EXPECT_COMMAND;
    }
}

/* Passes what nobody looks at of a line that is straight so far, up to its
 * first CR or LF, whether its end has come or not: a large message is not held
 * up at each line.  Not so of one that starts with a dot. */
static void
pass_text(struct pp_smtp_call *call)
{
    struct pp_smtp_data *data = &call->conn->data;
    struct pp_reader r = call->text;
    size_t lf, end;

    if (!data->inside && (data->before != PP_SMTP_CRLF
                          || pp_reader_peek(&call->text, call->pos) == '.')) {
        return;
    }
    pp_reader_skip(&r, call->pos);
    lf = pp_reader_find(&r, '\n');
    end = lf == SIZE_MAX ? call->text.end : lf;
    r = pp_reader_sub(&r, end - call->pos);
    end = pp_reader_find(&r, '\r') == SIZE_MAX ? end
          : pp_reader_find(&r, '\r');
    if (end > call->pos) {
        data->head = pp_smtp_head_read(data->head, &call->text,
                                       pp_smtp_span(call->pos, end),
                                       !data->inside);
        data->inside = true;
        data->passed = data->dotted;
        data->length += end - call->pos;
        call->pos = end;
        call->conn->scan = 0;
    }
}

/* EXPECT_DATA. */
bool
pp_smtp_step_data(struct pp_smtp_call *call)
{
    struct pp_smtp_conn *conn = call->conn;
    bool data = pp_smtp_wanted(call, PP_SMTP_E_DATA);
    bool breaks = pp_smtp_wanted(call, PP_SMTP_E_BREAK);
    bool watched = conn->watched && pp_smtp_is_watching(call);
    struct pp_smtp_line line;
    size_t text_end, end;

    if (!data && !conn->again && !watched) {
        pass_text(call);
    }
    if (!pp_smtp_line_end(call, PP_SMTP_DATA_LINE_MAX, &text_end, &end)) {
        return false;
    }
    line_parse(&conn->data, &call->text, call->pos, text_end, end, &line);
    watched |= line.odd && !breaks && !data && pp_smtp_is_watching(call);
    if (watched && pp_smtp_line_hides(&call->text, call->pos, text_end,
                                      line.start && conn->watched)) {
        return pp_smtp_stop_hidden(call);
    }
    if (!conn->again) {
        conn->data.unit = (uint32_t) (end - call->pos);
        conn->data.ending = line.ending;
    }
    breaks = (breaks && !conn->data.broke
              && (!line.regular || conn->again));
    if (breaks || data) {
        pp_smtp_msg_init(call, breaks ? PP_SMTP_E_BREAK : PP_SMTP_E_DATA);
        call->scratch->msg.line = line;
        call->scratch->msg.hold = breaks && data;
        pp_smtp_stop_message(call, call->pos, end);
        call->stop.hold = breaks && data;
        return false;
    }
    pp_smtp_data_passed(conn, &line, false);
    call->pos = end;
    return true;
}
