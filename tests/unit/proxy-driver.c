/* SPDX-License-Identifier: Apache-2.0 */

/* Drives a proxy as the engine does, for its unit tests.
 *
 * In: bytes of both sides.  Out: a log of what became of those to the server.
 * Each view ends where memory does, so that a read past its end is a
 * fault.  A test program's; owns the scratch memory. */

#include <config.h>

#include "proxy-driver.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry.h"
#include "suite.h"

const struct pp_proxy *proxy;
static const char *event_letters;
static bool log_lengths;
static uint8_t *scratch;
static uint8_t *views_end;      /* Behind it nothing can be read. */

/* Who the ends of the connections under test are: 192.0.2.1 and .2. */
static const struct pp_ends driver_ends = {
    .client = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 },
    .server = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 2 },
    .client_port = 49152,
    .server_port = 9,
};

void
driver_init(const char *name, const char *letters, bool lengths)
{
    proxy = pp_proxy_by_name(name);
    event_letters = letters;
    log_lengths = lengths;
    scratch = malloc(proxy->scratch_size);
    views_end = mmap(NULL, PP_HOLD_MAX + (size_t) getpagesize(),
                     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                     0);
    if (views_end == MAP_FAILED) {
        abort();
    }
    views_end += PP_HOLD_MAX;
    mprotect(views_end, (size_t) getpagesize(), PROT_NONE);
}

void
driver_free(void)
{
    free(scratch);
    munmap(views_end - PP_HOLD_MAX, PP_HOLD_MAX + (size_t) getpagesize());
}

int
driver_main(const char *name, const char *letters, bool lengths, Suite *suite)
{
    int status;

    driver_init(name, letters, lengths);
    status = suite_main(suite);
    driver_free();
    return status;
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

    ck_assert_uint_le(proxy->conn_size, sizeof conn->state);
    conn->wants = wants;
    proxy->conn_init(conn->state);
    if (proxy->conn_ends) {
        proxy->conn_ends(conn->state, &driver_ends);
    }
    return conn;
}

static void
log_unit(struct test_conn *conn, const struct pp_msg *msg,
         const struct pp_parse *parse)
{
    char letter = event_letters[msg->event];
    char length[16];

    ck_assert_uint_le(parse->start, parse->end);
    ck_assert_uint_le(parse->end, msg->view.len);
    log_skip(conn);
    log_put(conn, &letter, 1);
    log_put(conn, parse->hold ? "+<" : "<", parse->hold ? 2 : 1);
    if (log_lengths) {
        log_put(conn, length, (size_t) snprintf(length, sizeof length, "%u",
                                                parse->end - parse->start));
    } else {
        log_put(conn, (const char *) msg->view.base + parse->start,
                parse->end - parse->start);
    }
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

static void
note_said(struct test_conn *conn, const struct pp_view *view,
          const struct pp_parse *parse)
{
    size_t n = 0;

    for (int i = 0; i < PP_BANNER_PIECES; i++) {
        struct pp_span s = parse->banner[i];

        ck_assert_uint_le((size_t) s.off + s.len, view->len);
        ck_assert_uint_lt(n + s.len + 2, sizeof conn->said);
        memcpy(conn->said + n, view->base + s.off, s.len);
        n += s.len;
        conn->said[n++] = '|';
    }
    conn->said[n] = '\0';
    conn->n_said++;
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
    copy = views_end - len;
    if (len) {
        memcpy(copy, side->data + side->start, len);
    }
    view = (struct pp_view) { .base = copy, .len = len, .eof = side->eof };
    parse = pp_proxy_parse(proxy, conn->state, scratch, dir, conn->wants,
                           &view, &msg);
    if (parse.said) {
        ck_assert_int_eq(dir, PP_FROM_SERVER);
        note_said(conn, &view, &parse);
    }
    switch (parse.status) {
    case PP_PARSE_MESSAGE:
        if (dir == PP_TO_SERVER) {
            log_unit(conn, &msg, &parse);
        }
        if (parse.other) {
            proxy->commit(conn->state, &msg, PP_PASSED);
            break;
        }
        if (conn->look) {
            conn->look(conn, &msg);
        }
        proxy->commit(conn->state, &msg, conn->outcome[conn->n_units & 31]);
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
        ck_assert(!parse.interim.n || dir == PP_TO_SERVER);
        conn->n_interim += parse.interim.n > 0;
        return parse.interim.n > 0;
    case PP_PARSE_WAIT:
        return false;
    case PP_PARSE_BAD:
        if (conn->open && dir == PP_TO_SERVER && proxy->go_on
            && proxy->go_on(conn->state)) {
            log_skip(conn);
            log_word(conn, "!");
            break;
        }
        /* Fall through. */
    case PP_PARSE_TOO_MUCH:
    case PP_PARSE_OPAQUE:
        conn->sides[0].over = conn->sides[1].over = true;
        log_word(conn, "(");
        log_word(conn, proxy->reasons[parse.reason]);
        log_word(conn, ")");
        break;
    }
    return true;
}

static void
conn_run(struct test_conn *conn)
{
    bool on;

    do {
        /* A server answers what has reached it. */
        while (conn_step(conn, PP_TO_SERVER)) {
            continue;
        }
        on = conn_step(conn, PP_FROM_SERVER);
    } while (on);
}

void
conn_send(struct test_conn *conn, enum pp_dir dir, const char *s, size_t n)
{
    struct side *side = &conn->sides[dir];

    if (side->len + n > sizeof side->data) {
        side->len -= side->start;
        memmove(side->data, side->data + side->start, side->len);
        side->start = 0;
    }
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

/* Fields. */

/* The index of the field 'name' in 'table'. */
static unsigned int
field_index(const struct pp_field *table, const char *name)
{
    unsigned int i;

    for (i = 0; table[i].name; i++) {
        if (!strcmp(table[i].name, name)) {
            return i;
        }
    }
    ck_abort_msg("no field %s", name);
    return 0;
}

unsigned int
field_find(const char *path, uint32_t *index, int *sub)
{
    char name[64], *number;
    unsigned int field;

    snprintf(name, sizeof name, "%s", path);
    number = strpbrk(name, "0123456789");
    *index = 0;
    *sub = -1;
    if (!number) {
        return field_index(proxy->fields, name);
    }
    number[-1] = '\0';
    field = field_index(proxy->fields, name);
    *index = strtoul(number, &number, 10);
    if (*number == '.') {
        *sub = field_index(proxy->fields[field].elem, number + 1);
    }
    return field;
}

/* Writes bytes as text, a NUL as "\0". */
static void
put_text(struct pp_bytes s, char *text, size_t n)
{
    size_t i, len = 0;

    text[0] = '\0';
    for (i = 0; i < s.n && len < n - 2; i++) {
        len += (size_t) snprintf(text + len, n - len, s.p[i] ? "%c" : "\\0",
                                 s.p[i]);
    }
}

void
field_text(const struct pp_msg *msg, const char *path, char *text, size_t n)
{
    static uint8_t memory[1 << 16];
    struct pp_arena arena;
    struct pp_value v = { .type = PP_TYPE_BOOL };
    uint32_t index;
    int sub;
    unsigned int field = field_find(path, &index, &sub);
    bool there;

    pp_arena_init(&arena, memory, sizeof memory);
    there = sub < 0
            ? proxy->get(msg, field, &arena, &v)
            : proxy->get_elem(msg, field, index, sub, &arena, &v);
    if (!there) {
        snprintf(text, n, "(none)");
        return;
    }
    switch (v.type) {
    case PP_TYPE_BOOL:
        snprintf(text, n, "%s", v.b ? "true" : "false");
        break;
    case PP_TYPE_INT:
        snprintf(text, n, "%lld", (long long) v.i);
        break;
    case PP_TYPE_LIST:
    case PP_TYPE_VERSION:
        snprintf(text, n, "%u", v.count);
        break;
    case PP_TYPE_BYTES:
        put_text(v.s, text, n);
        break;
    }
}

/* The manual. */

/* Reads the manual page with its line ends as spaces and no backslashes. */
static char *
manual_read(void)
{
    const char *srcdir = getenv("srcdir");
    char *text = calloc(1, 1 << 17), name[512];
    FILE *file;
    size_t i, n, out = 0;

    snprintf(name, sizeof name, "%s/proxies/%s/ovs-patchpoint-%s.7",
             srcdir ? srcdir : ".", proxy->name, proxy->name);
    file = fopen(name, "r");
    ck_assert_msg(file != NULL, "no %s", name);
    n = fread(text, 1, (1 << 17) - 1, file);
    fclose(file);
    for (i = 0; i < n; i++) {
        if (text[i] != '\\') {
            text[out++] = text[i] == '\n' ? ' ' : text[i];
        }
    }
    text[out] = '\0';
    return text;
}

static void
manual_check(const char *manual, const struct pp_field *fields)
{
    char name[128];

    for (; fields->name; fields++) {
        snprintf(name, sizeof name, "fB%sfR (", fields->name);
        ck_assert_msg(strstr(manual, name) != NULL, "no field %s",
                      fields->name);
        ck_assert_msg(strstr(manual, fields->doc) != NULL,
                      "%s: the manual says something else", fields->name);
        if (fields->elem) {
            manual_check(manual, fields->elem);
        }
    }
}

void
driver_check_manual(void)
{
    char *manual = manual_read();
    size_t i;

    manual_check(manual, proxy->fields);
    for (i = 0; proxy->reasons[i]; i++) {
        ck_assert_msg(strstr(manual, proxy->reasons[i]) != NULL,
                      "no reason %s", proxy->reasons[i]);
    }
    free(manual);
}

void
driver_check_manual_events(void)
{
    char *manual = manual_read();
    size_t i;

    for (i = 0; proxy->events[i].name; i++) {
        ck_assert_msg(strstr(manual, proxy->events[i].doc) != NULL,
                      "event %s: the manual says something else",
                      proxy->events[i].name);
    }
    free(manual);
}
