/* SPDX-License-Identifier: Apache-2.0 */

#ifndef HTTP_TO_SERVER_H
#define HTTP_TO_SERVER_H 1

/* To the server: what the files share that find its units.
 *
 *     http-request.c    heads, and which step comes next
 *     http-content.c    content that passes
 *     http-held.c       content that is held
 *     http-commit.c     what the fate of a unit means for what follows
 *
 * A PP_PARSE_SKIP moves the state on when it is returned; all else waits for
 * commit().  What passes unseen is gathered into one skip: a step of the
 * machine either takes bytes or says what stops it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-http.h"

/* One call of parse(). */
struct to_call {
    struct pp_http_conn *conn;
    struct pp_http_scratch *scratch;
    const struct pp_view *view;
    struct pp_reader text;      /* All of it. */
    uint32_t wants;
    bool head_known;            /* That of a held message, in the scratch. */
    uint64_t pos;               /* What is before it is skipped. */
    struct pp_parse stop;       /* What stops it, where a step says so. */
};

static inline bool
wanted(const struct to_call *call, enum pp_http_event event)
{
    return (call->wants & UINT32_C(1) << event) && !call->conn->swallow;
}

/* Results. */

static inline bool
stop_more(struct to_call *call, uint64_t needed)
{
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_MORE, .needed = (uint32_t) needed,
    };
    return false;
}

static inline bool
stop_status(struct to_call *call, enum pp_parse_status status,
            unsigned int reason)
{
    call->stop = (struct pp_parse) {
        .status = status, .reason = (uint16_t) reason,
    };
    return false;
}

/* Why 'reason' is the end of it: there is too much, or it makes no sense. */
static inline enum pp_parse_status
status_of(enum pp_http_reason reason)
{
    return (reason == PP_HTTP_R_NOT_HTTP || reason == PP_HTTP_R_REQUEST_LINE
            ? PP_PARSE_BAD : PP_PARSE_TOO_MUCH);
}

/* The bytes cannot be followed.  Where they are the rest of something that
 * was refused, the rest of all is. */
static inline bool
stop_bad(struct to_call *call, enum pp_http_reason reason)
{
    if (call->conn->swallow) {
        call->conn->to = EXPECT_CLOSE;
        return true;
    }
    call->conn->to = EXPECT_NOTHING;
    call->conn->to_reason = (uint8_t) reason;
    return stop_status(call, status_of(reason), reason);
}

static inline bool
stop_message(struct to_call *call, uint32_t start, uint32_t end, bool hold)
{
    call->scratch->msg.hold = hold;
    call->stop = (struct pp_parse) {
        .status = PP_PARSE_MESSAGE, .start = start, .end = end, .hold = hold,
    };
    return false;
}

/* What follows what. */

static inline void
expect(struct pp_http_conn *conn, enum pp_http_to to)
{
    conn->to = to;
    conn->scan = conn->line = 0;
}

/* A message is over. */
static inline void
expect_request(struct pp_http_conn *conn)
{
    expect(conn, EXPECT_REQUEST);
    conn->swallow = false;
    conn->held = conn->held_total = 0;
}

/* Nothing that follows can be told apart. */
static inline void
expect_nothing(struct pp_http_conn *conn, enum pp_http_reason reason)
{
    expect(conn, conn->swallow ? EXPECT_CLOSE : EXPECT_NOTHING);
    conn->to_reason = (uint8_t) reason;
}

/* What there is behind what passes waits for the server's word. */
static inline bool
stop_wait(struct to_call *call)
{
    return (call->pos >= call->text.end ? stop_more(call, 0)
            : stop_status(call, PP_PARSE_WAIT, 0));
}

/* There is a mark of a request line in what should have none. */
static inline bool
watch_ends(struct to_call *call)
{
    expect_nothing(call->conn, PP_HTTP_R_LENGTH_CONFLICT);
    return true;
}

/* Is there one from 'pos' to 'end'? */
static inline bool
has_mark(const struct to_call *call, size_t pos, size_t end)
{
    return pp_http_watch_has_mark(&call->text, pos, end,
                                  call->conn->foreign);
}

/* Steps, http-content.c and http-held.c.  False: something stops it,
 * 'call->stop'. */
bool pp_http_step_data(struct to_call *);
bool pp_http_step_chunk(struct to_call *);
bool pp_http_step_chunk_end(struct to_call *);
bool pp_http_step_trailers(struct to_call *);
bool pp_http_step_held_body(struct to_call *);
bool pp_http_step_held_chunk(struct to_call *);
bool pp_http_step_held_trailers(struct to_call *);
bool pp_http_held_end(struct to_call *);

/* Trailers, http-content.c. */
bool pp_http_trailers_find(struct to_call *, size_t pos, bool hold,
                           size_t *end);

/* What follows, http-commit.c. */
void pp_http_expect_content(struct pp_http_conn *,
                            const struct pp_http_framing *);
void pp_http_expect_chunk_data(struct pp_http_conn *,
                               const struct pp_http_chunk *);

/* http-readings.c.  The head at hand, read in the next way of those that have
 * not passed: in the scratch memory, as 'other'.  PP_HTTP_MALFORMED: there is
 * none any more, and the head is as it was; PP_HTTP_TOO_MANY: more than are
 * looked at. */
enum pp_http_found pp_http_reading(struct to_call *);
/* Reads 'n' bytes of content as a head that they may begin with.  False: they
 * do not. */
bool pp_http_content_again(struct to_call *, uint32_t n);
/* The end of the first line from 'pos' to 'end' that leaves its line ending
 * alone to some server's buffer, or 0. */
size_t pp_http_leaves_ending(const struct pp_reader *, size_t pos, size_t end);
/* May what is behind the head be more of it for some? */
bool pp_http_head_goes_on(const struct pp_reader *,
                          const struct pp_http_head *);

void pp_http_reading_passed(struct pp_http_conn *, const struct pp_http_msg *);
struct pp_span pp_http_expectation(const struct pp_http_msg *);
void pp_http_held_expect(struct pp_http_conn *, const struct pp_http_chunk *);
void pp_http_request_passed(struct pp_http_conn *, const struct pp_http_head *,
                            const struct pp_reader *);

#endif /* http-to-server.h */
