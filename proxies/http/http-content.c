/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: content that passes; see http-to-server.h.
 *
 * In: views of the client's bytes.  Out: counts of bytes, chunks and trailers.
 * Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "http-to-server.h"

#include <string.h>

#include "util.h"

/* Where the content at 'pos' ends, as far as it has come.  '*all': that is its
 * end. */
static size_t
content_end(const struct to_call *call, bool *all)
{
    size_t left = call->text.end - (size_t) call->pos;

    *all = left >= call->conn->to_left;
    return (*all ? (size_t) (call->pos + call->conn->to_left)
            : call->text.end);
}

/* Content up to 'end' passes. */
static void
content_passes(struct to_call *call, size_t end)
{
    call->conn->to_left -= end - call->pos;
    call->pos = end;
}

/* Lets as much of the content pass as has no mark.  True: that is all of
 * it. */
static bool
watch_data(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    bool all;
    size_t pos = (size_t) call->pos, end = content_end(call, &all);
    size_t found = pp_http_watch_find(&call->text, pos, end, conn->foreign);
    size_t begun = pp_http_watch_pending(&call->text, pos, end);

    if (found < end) {
        all = false;
        end = found;
    } else if (all) {
        conn->version_begun = (uint8_t) begun;
    } else if (!call->view->eof) {
        end -= begun;
    }
    if (conn->foreign) {
        /* There is no end to it, so that it is never all. */
        end = pp_http_watch_shape(&call->text, pos, end, &conn->shape);
    }
    found = pp_http_watch_words(&call->text, pos, end, &conn->words);
    if (found < end) {
        all = false;
        end = found;
    }
    content_passes(call, end);
    return all;
}

/* May nothing pass of what is at 'pos'? */
static bool
stops_here(const struct to_call *call, size_t pos)
{
    struct pp_http_head_shape shape = call->conn->shape;
    struct pp_http_line_words words = call->conn->words;

    return (has_mark(call, pos, call->text.end)
            || pp_http_watch_words(&call->text, pos, pos + 1, &words) == pos
            || (call->conn->foreign
                && pp_http_watch_shape(&call->text, pos, pos + 1,
                                       &shape) == pos));
}

/* Is 'head', which is in content, read alike by all servers that take it for a
 * request, as is where that ends? */
static bool
reading_is_plain(const struct to_call *call, const struct pp_http_head *head)
{
    enum pp_http_framing_kind kind = head->framing.kind;

    return (!call->conn->watched && !head->one_word
            && !pp_http_target_has_space(&call->text, head)
            && (head->version.len || !head->fields.n)
            && pp_http_head_odd(&call->text, head) == PP_HTTP_NOT_ODD
            && !pp_http_watch_head(call->conn, &call->text, head)
            && (kind == PP_HTTP_NO_BODY
                || ((kind == PP_HTTP_LENGTH || kind == PP_HTTP_CHUNKED)
                    && !wanted(call, PP_HTTP_E_BODY)
                    && !wanted(call, PP_HTTP_E_CHUNK)
                    && !wanted(call, PP_HTTP_E_TRAILERS))));
}

/* The content at 'pos' begins with a request line: that request's head is for
 * patches to decide, as it is the next request for a server that does not read
 * the content, of which there is as much as 'end', or 'all'. */
static bool
content_reading(struct to_call *call, size_t end, bool all)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_head *head = &call->scratch->msg.head;
    struct pp_reader r = call->text;
    bool eof = all || call->view->eof;

    if (call->pos) {
        return stop_more(call, 0);      /* What is before it passes first. */
    }
    pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_REQUEST);
    r.end = end;
    switch (pp_http_head_find(&r, 0, eof, &conn->scan, &conn->line, head)) {
    case PP_HTTP_FOUND:
        if (!reading_is_plain(call, head)) {
            return watch_ends(call);
        } else if (wanted(call, PP_HTTP_E_REQUEST)) {
            call->scratch->msg.reading = true;
            return stop_message(call, 0, head->fields.end, false);
        }
        call->pos = head->fields.end;
        pp_http_reading_passed(conn, &call->scratch->msg);
        return true;
    case PP_HTTP_MORE:
        return (end > PP_HTTP_HEAD_MAX ? watch_ends(call)
                : stop_more(call, 0));
    case PP_HTTP_TOO_LONG:
    case PP_HTTP_TOO_MANY:
    case PP_HTTP_MALFORMED:
        break;
    }
    return watch_ends(call);
}

/* The content at 'pos' begins with no request line as most have it, but it may
 * be none for the server: its beginning, up to CRLF, is a request for patches
 * all the same, if it has two words.  In content of which there is as much as
 * 'end', or 'all'. */
static bool
content_line(struct to_call *call, size_t end, bool all)
{
    struct pp_span s = { .len = (uint32_t) MIN(end, PP_HTTP_HEAD_MAX) };
    uint32_t line;

    if (call->pos) {
        return stop_more(call, 0);      /* What is before it passes first. */
    }
    line = pp_http_find_crlf(&call->text, s);
    if (line == s.len && !all && s.len < PP_HTTP_HEAD_MAX) {
        return stop_more(call, 0);
    }
    line += line < s.len;
    call->conn->begins = BEGINS_OTHERWISE;
    if (has_mark(call, 0, line) || !pp_http_content_again(call, line)) {
        return true;
    }
    call->conn->begins = BEGINS_UNKNOWN;
    call->scratch->msg.first_line = line;
    return stop_message(call, 0, line, false);
}

/* The blanks at 'pos', as far as 'end', pass.  False: there are so many in
 * their line that no server finds a word behind them. */
static bool
blanks_pass(struct to_call *call, size_t end)
{
    struct pp_http_conn *conn = call->conn;
    size_t pos = (size_t) call->pos;
    struct pp_bytes b = pp_reader_slice(&call->text, pos, end - pos);
    const uint8_t *lf = b.n ? memrchr(b.p, '\n', b.n) : NULL;
    const uint8_t *cr = b.n ? memrchr(b.p, '\r', b.n) : NULL;
    const uint8_t *last = !cr || (lf && lf > cr) ? lf : cr;
    size_t n = last ? (size_t) (b.p + b.n - last) - 1 : conn->blanks + b.n;

    conn->blanks = (uint32_t) MIN(n, PP_HTTP_BLANKS_MAX + 1);
    content_passes(call, end);
    return n <= PP_HTTP_BLANKS_MAX;
}

/* Looks how the content at 'pos' begins; blanks before that pass. */
static bool
content_begins(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    enum pp_http_found found;
    bool all;
    size_t end = content_end(call, &all);

    if (!blanks_pass(call, pp_http_watch_blanks(&call->text,
                                                (size_t) call->pos, end))) {
        conn->begins = BEGINS_OTHERWISE;
        return true;
    }
    found = pp_http_watch_begins(&call->text, (size_t) call->pos, end, all);
    if (found == PP_HTTP_FOUND) {
        return content_reading(call, end, all);
    } else if (found == PP_HTTP_MORE && !all && !call->view->eof) {
        return stop_more(call, 0);
    }
    if (found != PP_HTTP_MORE && conn->watched
        && wanted(call, PP_HTTP_E_REQUEST)) {
        return content_line(call, end, all || call->view->eof);
    }
    conn->begins = (found == PP_HTTP_MORE ? BEGINS_AND_ENDS
                    : BEGINS_OTHERWISE);
    return true;
}

/* Has the server shown that it does not speak HTTP? */
static bool
server_is_foreign(const struct pp_http_conn *conn)
{
    return conn->from == EXPECT_SERVER_CLOSE && !conn->said;
}

/* go_on(); see pp-proxy.h.  What is no request line here may be one for a
 * server that takes any bytes for a method, or nothing for one that goes on to
 * the next line: what follows is like content without an end.  But nothing
 * passes that makes a whole head of it (pp_http_watch_shape()). */
bool
pp_http_go_on(void *conn_)
{
    struct pp_http_conn *conn = conn_;

    if (conn->to != EXPECT_NOTHING || conn->foreign
        || status_of(conn->to_reason) != PP_PARSE_BAD
        || server_is_foreign(conn)) {
        return false;
    }
    conn->started = conn->watched = conn->foreign = true;
    conn->version_begun = 0;
    conn->words = (struct pp_http_line_words) { .part = PART_NONE };
    conn->shape = (struct pp_http_head_shape) { .line = SHAPE_BLANK };
    conn->begins = BEGINS_OTHERWISE;
    expect(conn, EXPECT_BODY);
    conn->to_left = UINT64_MAX;
    return true;
}

/* EXPECT_BODY, EXPECT_CHUNK_DATA: goes by count, in one skip. */
bool
pp_http_step_data(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    bool swallow = conn->swallow;

    if (conn->foreign && server_is_foreign(conn)) {
        return stop_bad(call, PP_HTTP_R_NOT_HTTP);
    }
    if (conn->begins == BEGINS_UNKNOWN && !swallow) {
        return content_begins(call);
    }
    if (conn->watched) {
        size_t pos = (size_t) call->pos;

        if (!watch_data(call)) {
            return call->pos == pos && stops_here(call, pos)
                   ? watch_ends(call) : stop_more(call, 0);
        }
    }
    call->pos += conn->to_left;
    conn->to_left = 0;
    if (conn->to == EXPECT_CHUNK_DATA) {
        expect(conn, EXPECT_CHUNK_END);
        return call->pos < call->text.end || stop_more(call, 0);
    }
    expect_request(conn);
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = call->pos, .swallow = swallow,
    };
    return false;
}

/* EXPECT_CHUNK_END: the CRLF goes at once, since a server may wait for it
 * before it answers.  What stands in its place is part of the next unit. */
bool
pp_http_step_chunk_end(struct to_call *call)
{
    int c = pp_reader_peek(&call->text, call->pos);
    int d = pp_reader_peek(&call->text, call->pos + 1);

    if (c < 0 || (d < 0 && c != '\n' && !call->view->eof)) {
        return stop_more(call, 0);
    }
    call->conn->end_due = c != '\r' || d != '\n';
    call->pos += call->conn->end_due ? 0 : 2;
    expect(call->conn, EXPECT_CHUNK);
    return true;
}

/* EXPECT_CHUNK. */
bool
pp_http_step_chunk(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    struct pp_http_chunk *chunk = &call->scratch->msg.chunk;
    enum pp_http_found found
        = pp_http_chunk_parse(&call->text, call->pos, conn->end_due,
                              call->view->eof, &conn->scan, chunk);

    if (found == PP_HTTP_MORE) {
        return stop_more(call, 0);
    }
    if (found != PP_HTTP_FOUND && !wanted(call, PP_HTTP_E_CHUNK)) {
        return stop_bad(call, PP_HTTP_R_CHUNK_LINE_TOO_LONG);
    }
    if (((chunk->odd || conn->watched)
         && (has_mark(call, chunk->start, chunk->end)
             || pp_http_watch_target(&call->text, chunk->start, chunk->end)))
        || pp_http_leaves_ending(&call->text, chunk->line.off, chunk->end)
        || (conn->watched
            && pp_http_watch_continues(&call->text, chunk->start,
                                       conn->version_begun))) {
        return watch_ends(call);
    }
    conn->version_begun = 0;
    if (wanted(call, PP_HTTP_E_CHUNK)) {
        pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_CHUNK);
        return stop_message(call, chunk->start, chunk->end, false);
    }
    conn->watched |= chunk->odd;
    call->pos = chunk->end;
    pp_http_expect_chunk_data(conn, chunk);
    return true;
}

/* Reads the trailers at 'pos', whose end is known to have come. */
static bool
trailers_found(struct to_call *call, uint32_t pos, bool hold)
{
    struct pp_http_msg *msg = &call->scratch->msg;

    pp_http_msg_init(call->scratch, call->view, PP_HTTP_E_TRAILERS);
    msg->held = hold;
    if (pp_http_fields_parse(&call->text, pos, call->view->eof,
                             &msg->trailers) != PP_HTTP_FOUND) {
        return stop_bad(call, PP_HTTP_R_TRAILERS_TOO_LONG);
    }
    return stop_message(call, pos, msg->trailers.end, hold);
}

/* False: those from 'pos' to 'end' have a version that could be a request's,
 * as they may end before it: some servers take them to be one line, or none.
 * Where a patch looks at trailers, it is for that to say what becomes of
 * them, if they are fields. */
static bool
trailers_pass(const struct to_call *call, size_t pos, size_t end)
{
    return !pp_http_leaves_ending(&call->text, pos, end)
           && !((pp_http_trailers_are_odd(&call->text, pos, end)
                 || !wanted(call, PP_HTTP_E_TRAILERS))
                && has_mark(call, pos, end));
}

/* Looks for the trailers at 'pos', which are to be held with 'hold'.  '*end'
 * becomes their end if they have come and nobody looks at them; else it is 0,
 * and that was the step. */
bool
pp_http_trailers_find(struct to_call *call, size_t pos, bool hold, size_t *end)
{
    struct pp_http_conn *conn = call->conn;
    size_t found = pp_http_head_end(&call->text, pos, call->view->eof,
                                    &conn->scan, &conn->line);

    *end = 0;
    if ((found ? found : call->text.end) - pos > PP_HTTP_HEAD_MAX) {
        return stop_bad(call, PP_HTTP_R_TRAILERS_TOO_LONG);
    }
    if (!found) {
        return stop_more(call, 0);
    }
    conn->scan = conn->line = 0;
    if (!trailers_pass(call, pos, found)) {
        return watch_ends(call);
    }
    if (wanted(call, PP_HTTP_E_TRAILERS)) {
        return trailers_found(call, (uint32_t) pos, hold);
    }
    *end = found;
    return true;
}

/* EXPECT_TRAILERS. */
bool
pp_http_step_trailers(struct to_call *call)
{
    struct pp_http_conn *conn = call->conn;
    size_t end;
    bool on = pp_http_trailers_find(call, (size_t) call->pos, false, &end);

    if (!end) {
        return on;
    }
    conn->watched |= pp_http_trailers_are_odd(&call->text, call->pos, end);
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = end, .swallow = conn->swallow,
    };
    call->pos = end;
    expect_request(conn);
    return false;
}
