/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: what the fate of a unit means for what follows; see
 * http-to-server.h.
 *
 * In: units that were decided.  Out: nothing.  Runs in the engine's data
 * threads; owns nothing. */

#include <config.h>

#include "http-to-server.h"

/* The content that 'framing' tells of. */
void
pp_http_expect_content(struct pp_http_conn *conn,
                       const struct pp_http_framing *framing)
{
    conn->begins = BEGINS_OTHERWISE;
    switch (framing->kind) {
    case PP_HTTP_NO_BODY:
        expect_request(conn);
        break;
    case PP_HTTP_LENGTH:
        expect(conn, EXPECT_BODY);
        conn->begins = BEGINS_UNKNOWN;
        conn->blanks = 0;
        conn->to_left = framing->length;
        break;
    case PP_HTTP_CHUNKED:
        expect(conn, EXPECT_CHUNK);
        conn->end_due = false;
        break;
    case PP_HTTP_CONFLICT:
        expect_nothing(conn, PP_HTTP_R_LENGTH_CONFLICT);
        break;
    }
}

/* The reading of content passed: its head, or no more than its first line.
 * Content behind the head, if it has any, may be read or not again: no mark of
 * a request line is to be in it, nor in what is behind that line.  A head that
 * goes on behind the content must not. */
void
pp_http_reading_passed(struct pp_http_conn *conn,
                       const struct pp_http_msg *msg)
{
    const struct pp_http_head *head = &msg->head;
    uint32_t line = msg->first_line;
    bool more = line || head->framing.kind != PP_HTTP_NO_BODY;

    conn->scan = conn->line = 0;
    pp_http_watch_words(&msg->text, 0, line, &conn->words);
    conn->to_left -= line ? line : head->fields.end;
    conn->watched |= more;
    conn->begins = more || !conn->to_left ? BEGINS_OTHERWISE : BEGINS_UNKNOWN;
    conn->blanks = 0;
    if (!line && head->fields.truncated) {
        expect_nothing(conn, PP_HTTP_R_LENGTH_CONFLICT);
    } else if (!conn->to_left) {
        expect_request(conn);
    }
}

/* The data of 'chunk'. */
void
pp_http_expect_chunk_data(struct pp_http_conn *conn,
                          const struct pp_http_chunk *chunk)
{
    conn->words = (struct pp_http_line_words) { .part = PART_NONE };
    if (chunk->truncated) {
        expect_nothing(conn, PP_HTTP_R_CHUNK_LINE_TOO_LONG);
    } else if (chunk->size < 0) {
        expect_nothing(conn, PP_HTTP_R_CHUNK_SIZE);
    } else if (!chunk->size) {
        expect(conn, EXPECT_TRAILERS);
    } else {
        expect(conn, EXPECT_CHUNK_DATA);
        conn->to_left = (uint64_t) chunk->size;
    }
}

/* What comes behind 'chunk', of a held message. */
void
pp_http_held_expect(struct pp_http_conn *conn,
                    const struct pp_http_chunk *chunk)
{
    if (chunk->size < 0) {
        expect_nothing(conn, PP_HTTP_R_CHUNK_SIZE);
    } else if (!chunk->size) {
        expect(conn, HELD_TRAILERS);
        conn->held = chunk->end;
    } else {
        expect(conn, HELD_CHUNK);
        conn->held = chunk->end + (uint32_t) chunk->size;
        conn->held_chunks++;
        conn->end_due = true;
    }
}

/* A request went on to the server, and a reply to it is due. */
void
pp_http_request_passed(struct pp_http_conn *conn,
                       const struct pp_http_head *head,
                       const struct pp_reader *text)
{
    uint64_t bit = UINT64_C(1) << (conn->unanswered & 63);
    bool connect = pp_http_equals(text, head->method, "connect");

    if (conn->unanswered >= PP_HTTP_PIPELINE_MAX) {
        conn->no_reply = true;      /* parse() does not let it come to it. */
        return;
    }
    conn->head_bits &= ~bit;
    conn->connect_bits &= ~bit;
    if (head->method.len == 4 && pp_http_equals(text, head->method, "head")) {
        conn->head_bits |= bit;
    }
    if (connect) {
        conn->connect_bits |= bit;
        conn->await = AWAIT_CONNECT;
    } else if (head->fields.count[PP_HTTP_H_UPGRADE]) {
        conn->await = AWAIT_UPGRADE;
    }
    conn->goes_on = pp_http_head_goes_on(text, head);
    conn->unanswered++;
    conn->started = true;
    conn->version_begun = 0;
    conn->words = (struct pp_http_line_words) { .part = PART_NONE };
}

/* What became of a unit. */

/* The head that the content at hand begins with. */
static void
commit_reading(struct pp_http_conn *conn, const struct pp_http_msg *msg,
               enum pp_outcome what)
{
    if (what == PP_PASSED) {
        pp_http_reading_passed(conn, msg);
    } else {
        /* The server has the head, and will never have the rest. */
        conn->swallow = true;
        expect(conn, EXPECT_CLOSE);
    }
}

/* The line by which the client of 'msg' says that it waits for 100 (Continue)
 * before it sends the content (RFC 9110 10.1.1); empty: it does not, or with
 * several lines, which servers read in different ways. */
struct pp_span
pp_http_expectation(const struct pp_http_msg *msg)
{
    const struct pp_http_head *head = &msg->head;
    const struct pp_http_field *found = NULL;

    for (uint32_t i = 0; i < head->fields.n; i++) {
        const struct pp_http_field *f = &head->fields.f[i];

        if (pp_http_equals(&msg->text, pp_http_raw_name(f), "expect")) {
            if (found) {
                return (struct pp_span) { .len = 0 };
            }
            found = f;
        }
    }
    return (found
            && pp_http_equals(&msg->text,
                              pp_http_trim(&msg->text,
                                           pp_http_raw_value(found)),
                              "100-continue")
            ? found->line : (struct pp_span) { .len = 0 });
}

/* May the client be told to go on now, if it waits for that? */
static bool
continue_is_due(const struct pp_http_conn *conn, const struct pp_http_msg *msg)
{
    return (pp_http_expectation(msg).len
            && pp_http_equals(&msg->text, msg->head.version, "http/1.1")
            && !conn->unanswered && conn->from == EXPECT_RESPONSE
            && !conn->no_reply && !conn->last_response);
}

/* A head. */
static void
commit_request(struct pp_http_conn *conn, const struct pp_http_msg *msg,
               enum pp_outcome what)
{
    const struct pp_http_head *head = &msg->head;

    conn->readings = 0;
    conn->started |= what == PP_PASSED && !msg->hold;
    conn->continue_due = false;
    conn->watched |= head->odd != PP_HTTP_NOT_ODD;
    if (head->one_word) {
        /* A server that goes on behind it is not known. */
        conn->swallow = what != PP_PASSED;
        expect_nothing(conn,
                       conn->watched || pp_http_head_goes_on(&msg->text, head)
                       ? PP_HTTP_R_LENGTH_CONFLICT : PP_HTTP_R_REQUEST_LINE);
    } else if (what != PP_PASSED) {
        conn->swallow = true;
        pp_http_expect_content(conn, &head->framing);
    } else if (msg->hold) {
        msg->scratch->held_by = conn;
        conn->held = head->fields.end;
        conn->held_chunks = 0;
        conn->end_due = false;
        conn->continue_due = continue_is_due(conn, msg);
        if (head->framing.kind == PP_HTTP_CHUNKED) {
            expect(conn, HELD_CHUNK);
        } else {
            expect(conn, HELD_BODY);
            conn->held_total = conn->held + (uint32_t) head->framing.length;
        }
    } else {
        pp_http_request_passed(conn, head, &msg->text);
        pp_http_expect_content(conn, &head->framing);
    }
}

/* A chunk, or the trailers ('chunk' is NULL). */
static void
commit_part(struct pp_http_conn *conn, const struct pp_http_msg *msg,
            const struct pp_http_chunk *chunk, enum pp_outcome what)
{
    conn->watched |= (chunk ? chunk->odd
                      : pp_http_trailers_are_odd(&msg->text,
                                                 msg->trailers.start,
                                                 msg->trailers.end));
    if (what == PP_PASSED && msg->hold) {
        if (chunk) {
            pp_http_held_expect(conn, chunk);
        } else {
            expect(conn, HELD_END);
        }
        return;
    }
    if (what == PP_PASSED && msg->held) {
        pp_http_request_passed(conn, &msg->head, &msg->text);
    }
    if (what != PP_PASSED) {
        conn->swallow = true;
        if (!msg->held) {
            /* The server has the head, and will never have the rest. */
            expect(conn, EXPECT_CLOSE);
            return;
        }
    }
    conn->held = conn->held_total = 0;
    if (chunk) {
        pp_http_expect_chunk_data(conn, chunk);
    } else {
        expect_request(conn);
    }
}

/* commit() of a unit to the server; see pp-proxy.h. */
void
pp_http_commit_to(struct pp_http_conn *conn, const struct pp_msg *msg,
                  enum pp_outcome what)
{
    const struct pp_http_msg *m = msg->decoded;

    conn->replied |= what == PP_REFUSED;
    switch (m->event) {
    case PP_HTTP_E_REQUEST:
        if (m->other && what == PP_PASSED) {
            conn->readings++;
        } else if (m->reading || m->other) {
            commit_reading(conn, m, what);
        } else {
            commit_request(conn, m, what);
        }
        break;
    case PP_HTTP_E_CHUNK:
        commit_part(conn, m, &m->chunk, what);
        break;
    case PP_HTTP_E_TRAILERS:
        commit_part(conn, m, NULL, what);
        break;
    case PP_HTTP_E_BODY:
        if (what == PP_PASSED) {
            pp_http_request_passed(conn, &m->head, &m->text);
            /* It may have been edited since it was parsed: the server gets
             * what 'm' says. */
            conn->begins = m->begins;
            conn->version_begun = (uint8_t) pp_http_watch_pending(
                &m->text, 0, m->body_end);
            if (conn->watched) {
                pp_http_watch_words(&m->text, m->head.fields.end, m->body_end,
                                    &conn->words);
            }
        }
        expect_request(conn);
        break;
    case PP_HTTP_E_RESPONSE:
        break;
    }
}
