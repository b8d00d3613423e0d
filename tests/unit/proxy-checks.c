/* SPDX-License-Identifier: Apache-2.0 */

/* What every proxy is tested for in the same way; see proxy-checks.h.
 *
 * In: vectors.  Out: nothing, or the end of the test.  A test program's; owns
 * nothing that outlives a check. */

#include <config.h>

#include "proxy-checks.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which units there are. */

/* Runs 'v' with each send in pieces: of 'piece' bytes, and a cut at 'cut'. */
static void
vector_run_cut(const struct vector *v, enum pp_dir first, size_t piece,
               size_t cut)
{
    struct test_conn *conn = conn_new(v->wants);
    size_t i, pos, n;

    for (i = 0; v->sends[i]; i++) {
        enum pp_dir dir = i & 1 ? !first : first;

        if (!v->sends[i][0] && dir == PP_TO_SERVER) {
            conn_eof(conn, dir);
        }
        for (pos = 0; pos < strlen(v->sends[i]); pos += n) {
            n = strlen(v->sends[i]) - pos;
            n = n < piece ? n : piece;
            n = pos < cut && pos + n > cut ? cut - pos : n;
            conn_send(conn, dir, v->sends[i] + pos, n);
        }
    }
    log_skip(conn);
    ck_assert_msg(!strcmp(conn->log, v->log),
                  "%s: piece %zu, cut %zu: got\n%s\nnot\n%s", v->name, piece,
                  cut, conn->log, v->log);
    free(conn);
}

void
vector_check_first(const struct vector *v, enum pp_dir first)
{
    size_t i, cut, longest = 0;

    for (i = 0; v->sends[i]; i++) {
        longest = strlen(v->sends[i]) > longest ? strlen(v->sends[i])
                                                : longest;
    }
    vector_run_cut(v, first, SIZE_MAX, 0);
    vector_run_cut(v, first, 1, 0);
    vector_run_cut(v, first, 3, 0);
    for (cut = 1; cut < longest; cut++) {
        vector_run_cut(v, first, SIZE_MAX, cut);
    }
}

void
vector_check(const struct vector *v)
{
    vector_check_first(v, PP_TO_SERVER);
}

/* Replies. */

static char whens[64];

static void
look_when(struct test_conn *conn, const struct pp_msg *msg)
{
    if (msg->dir == PP_TO_SERVER) {
        snprintf(whens + strlen(whens), sizeof whens - strlen(whens), "%c",
                 "nw-"[proxy->reply_when(conn->state, msg)]);
    }
}

void
when_check(const struct when_vector *v, uint32_t wants)
{
    size_t piece, i, pos, n;

    for (piece = 1; piece < 200; piece++) {
        struct test_conn *conn = conn_new(wants);

        whens[0] = '\0';
        conn->look = look_when;
        for (i = 0; v->sends[i]; i++) {
            const char *s = v->sends[i];

            for (pos = 0; pos < strlen(s); pos += n) {
                n = strlen(s) - pos < piece ? strlen(s) - pos : piece;
                conn_send(conn, i & 1 ? PP_FROM_SERVER : PP_TO_SERVER,
                          s + pos, n);
            }
        }
        ck_assert_str_eq(whens, v->whens);
        free(conn);
    }
}

/* The reply that look_refuse() asks for, and what came of it. */
static const struct pp_reply *reply;
static char refused[1024];
static bool refused_close;

static void
look_refuse(struct test_conn *conn, const struct pp_msg *msg)
{
    struct pp_buf buf;

    pp_buf_init(&buf, refused, sizeof refused - 1);
    refused_close = reply->close;
    proxy->refuse(conn->state, msg, reply, &buf, &refused_close);
    ck_assert(!buf.overflow);
    refused[buf.len] = '\0';
}

void
refuse_check(const struct pp_reply *reply_, uint32_t wants, const char *send,
             const char *expect, bool close)
{
    struct test_conn *conn = conn_new(wants);

    reply = reply_;
    refused[0] = '\0';
    conn->look = look_refuse;
    conn_send(conn, PP_TO_SERVER, send, strlen(send));
    ck_assert_str_eq(refused, expect);
    ck_assert_int_eq(refused_close, close);
    free(conn);
}

/* Fields. */

/* The unit that is looked at: the 'nth' one, and what it should say. */
static struct {
    unsigned int nth;
    const char *const *expect;  /* Pairs of field and value; ends with NULL. */
    unsigned int seen;
} looking;

static void
look_fields(struct test_conn *conn, const struct pp_msg *msg)
{
    size_t i;

    if (conn->n_units != looking.nth) {
        return;
    }
    looking.seen++;
    for (i = 0; looking.expect[i]; i += 2) {
        char text[1024];

        field_text(msg, looking.expect[i], text, sizeof text);
        ck_assert_msg(!strcmp(text, looking.expect[i + 1]),
                      "%s is <%s>, not <%s>", looking.expect[i], text,
                      looking.expect[i + 1]);
    }
}

void
fields_check(struct test_conn *conn, const struct field_vector *v)
{
    looking.nth = conn->n_units + v->nth;
    looking.expect = v->expect;
    looking.seen = 0;
    conn->look = look_fields;
    conn_send(conn, PP_TO_SERVER, v->send, strlen(v->send));
    ck_assert_uint_eq(looking.seen, 1);
    free(conn);
}

/* Corrections. */

static const struct edit_vector *editing;

static void
look_edits(struct test_conn *conn, const struct pp_msg *msg)
{
    static uint8_t memory[1 << 16], out[1 << 16];
    static struct pp_edits edits;
    struct pp_arena arena;
    struct pp_buf buf;
    bool right;
    size_t i;

    if (conn->n_units != looking.nth) {
        return;
    }
    looking.seen++;
    pp_arena_init(&arena, memory, sizeof memory);
    memset(&edits, 0, sizeof edits);
    edits.arena = &arena;
    for (i = 0; editing->fields[i]; i++) {
        const char *value = strchr(editing->fields[i], '=');
        struct pp_span at, extent;
        char path[64];
        uint32_t index;
        unsigned int field;
        int sub;

        snprintf(path, sizeof path, "%.*s",
                 (int) strcspn(editing->fields[i], "="), editing->fields[i]);
        field = field_find(path, &index, &sub);
        ck_assert_msg(proxy->locate(msg, field, index, sub, &at, &extent),
                      "%s stands nowhere", path);
        if (value) {
            value++;
            pp_edits_add(&edits, at.off, at.len,
                         (struct pp_bytes) { (const uint8_t *) value,
                                             strlen(value) });
        } else {
            pp_edits_add(&edits, extent.off, extent.len,
                         (struct pp_bytes) { .n = 0 });
        }
    }
    right = proxy->reframe(msg, &edits);
    if (!right || !editing->result) {
        ck_assert_msg(!right == !editing->result, "%s: reframe %d",
                      editing->send, right);
        return;
    }
    pp_buf_init(&buf, out, sizeof out);
    pp_edits_apply(&edits, msg->view.base, msg->end, &buf);
    ck_assert(!buf.overflow);
    ck_assert_msg(buf.len == strlen(editing->result)
                  && !memcmp(out, editing->result, buf.len),
                  "got\n%.*s\nnot\n%s", (int) buf.len, out, editing->result);
}

void
edits_check(struct test_conn *conn, const struct edit_vector *v)
{
    editing = v;
    looking.nth = conn->n_units + v->nth;
    looking.seen = 0;
    conn->look = look_edits;
    conn_send(conn, PP_TO_SERVER, v->send, strlen(v->send));
    ck_assert_uint_eq(looking.seen, 1);
    free(conn);
}
