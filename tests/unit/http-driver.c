/* SPDX-License-Identifier: Apache-2.0 */

/* Drives the HTTP/1 proxy as the engine does, for its unit tests.
 *
 * In: bytes of both sides.  Out: a log of what became of those to the server.
 * Each view is in a block of memory of just its size, so that
 * AddressSanitizer sees a read past its end.  A test program's; owns the
 * scratch memory. */

#include <config.h>

#include "http-driver.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"

const struct pp_proxy *http;
static uint8_t *scratch;

void
driver_init(void)
{
    http = pp_proxy_by_name("http");
    scratch = malloc(http->scratch_size);
}

void
driver_free(void)
{
    free(scratch);
}

static void
log_put(struct test_conn *conn, const char *s, size_t n)
{
    ck_assert_uint_lt(conn->log_len + n + 1, sizeof conn->log);
    memcpy(conn->log + conn->log_len, s, n);
    conn->log_len += n;
    conn->log[conn->log_len] = '\0';
}

void
log_skip(struct test_conn *conn)
{
    char text[32];

    if (conn->skipped) {
        int n = snprintf(text, sizeof text, "%llu%s",
                         (unsigned long long) conn->skipped,
                         conn->swallowed ? "!" : "");

        log_put(conn, text, n);
    }
    conn->skipped = 0;
}

static void
log_word(struct test_conn *conn, const char *word)
{
    log_skip(conn);
    log_put(conn, word, strlen(word));
}

struct test_conn *
conn_new(uint32_t wants)
{
    struct test_conn *conn = calloc(1, sizeof *conn);

    ck_assert_uint_le(http->conn_size, sizeof conn->state);
    conn->wants = wants;
    http->conn_init(conn->state);
    return conn;
}

static void
log_unit(struct test_conn *conn, const struct pp_msg *msg,
         const struct pp_parse *parse)
{
    char letter = "RCTBA"[msg->event];

    ck_assert_uint_le(parse->start, parse->end);
    ck_assert_uint_le(parse->end, msg->view.len);
    log_skip(conn);
    log_put(conn, &letter, 1);
    log_put(conn, parse->hold ? "+<" : "<", parse->hold ? 2 : 1);
    log_put(conn, (const char *) msg->view.base + parse->start,
            parse->end - parse->start);
    log_put(conn, ">", 1);
}

static void
take_skip(struct test_conn *conn, struct side *side, bool server)
{
    uint64_t n = side->len - side->start;

    n = n < side->skip ? n : side->skip;
    side->start += n;
    side->skip -= side->skip == PP_FOREVER ? 0 : n;
    if (server) {
        conn->skipped += n;
    }
}

/* Takes one parse() of 'dir'.  False when it got no further. */
static bool
conn_step(struct test_conn *conn, enum pp_dir dir)
{
    struct side *side = &conn->sides[dir];
    size_t len;
    uint8_t *copy;
    struct pp_view view;
    struct pp_parse parse;
    struct pp_msg msg;

    if (side->skip) {
        take_skip(conn, side, dir == PP_TO_SERVER);
    }
    if (side->skip || side->over) {
        return false;
    }
    len = side->len - side->start;
    len = len < PP_HOLD_MAX ? len : PP_HOLD_MAX;
    copy = malloc(len);
    if (len) {
        memcpy(copy, side->data + side->start, len);
    }
    view = (struct pp_view) { .base = copy, .len = len, .eof = side->eof };
    parse = http->parse(conn->state, scratch, dir, conn->wants, &view, &msg);
    switch (parse.status) {
    case PP_PARSE_MESSAGE:
        if (dir == PP_TO_SERVER) {
            log_unit(conn, &msg, &parse);
        }
        if (conn->look) {
            conn->look(conn, &msg);
        }
        http->commit(conn->state, &msg, conn->outcome[conn->n_units & 31]);
        conn->n_units++;
        side->start += parse.hold
                       && conn->outcome[(conn->n_units - 1) & 31] == PP_PASSED
                       ? 0 : parse.end;
        break;
    case PP_PARSE_SKIP:
        ck_assert_uint_gt(parse.count, 0);
        if (parse.swallow != conn->swallowed) {
            log_skip(conn);
            conn->swallowed = parse.swallow;
        }
        side->skip = parse.count;
        take_skip(conn, side, dir == PP_TO_SERVER);
        break;
    case PP_PARSE_MORE:
    case PP_PARSE_WAIT:
        free(copy);
        return false;
    case PP_PARSE_BAD:
    case PP_PARSE_OPAQUE:
        side->over = true;
        if (dir == PP_TO_SERVER) {
            log_word(conn, "(");
            log_word(conn, http->reasons[parse.reason]);
            log_word(conn, ")");
        }
        break;
    }
    free(copy);
    return true;
}

static void
conn_run(struct test_conn *conn)
{
    bool on;

    do {
        on = conn_step(conn, PP_TO_SERVER);
        on = conn_step(conn, PP_FROM_SERVER) || on;
    } while (on);
}

void
conn_send(struct test_conn *conn, enum pp_dir dir, const char *s, size_t n)
{
    struct side *side = &conn->sides[dir];

    ck_assert_uint_le(side->len + n, sizeof side->data);
    memcpy(side->data + side->len, s, n);
    side->len += n;
    conn_run(conn);
}

void
conn_eof(struct test_conn *conn, enum pp_dir dir)
{
    conn->sides[dir].eof = true;
    conn_run(conn);
}
