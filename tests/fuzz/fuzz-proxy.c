/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzing of a proxy; see fuzz-proxy.h.
 *
 * In: a proxy's name and the fuzzer's bytes.  Out: nothing; aborts where a
 * promise of pp-proxy.h is broken:
 *
 *   - units and spans lie in the view, skips are not empty;
 *   - parse() without commit() finds the same again;
 *   - however the records are cut, the same comes out;
 *   - the calls needed grow with the bytes and with the cuts;
 *   - what reframe() lets by is one unit of the same kind. */

#include <config.h>

#include "fuzz-proxy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-hearing.h"
#include "pp-proxy.h"
#include "registry.h"

#define ASSERT(X) do { if (!(X)) { abort(); } } while (0)

#define ELEMS 12                /* Of a list, that are looked at. */

struct side {
    uint8_t *data;
    size_t start, len, size;
    uint64_t skip;
    bool eof, over;
};

struct run {
    uint64_t state[64];
    uint32_t wants;
    struct side sides[2];
    uint64_t hash;              /* Of all that came out to the server. */
    uint64_t skipped;           /* To the server, not in the hash yet. */
    uint64_t calls;
    uint8_t *block;             /* Each view ends where it does, so that
                                 * sanitizers see a read past its end. */
    size_t size;
    bool deep;                  /* Look at every field. */
};

static const struct pp_proxy *proxy;
static uint8_t *scratch;
static uint8_t arena_memory[1 << 20], edited[2 * PP_HOLD_MAX];

/* Who the ends are: 1.1.1.1 and 2.2.2.2. */
static const struct pp_ends ends = {
    .client = { [10] = 0xff, [11] = 0xff, 1, 1, 1, 1 },
    .server = { [10] = 0xff, [11] = 0xff, 2, 2, 2, 2 },
    .client_port = 1024,
    .server_port = 9,
};

static void
hash_put(struct run *run, const void *p_, size_t n)
{
    const uint8_t *p = p_;

    while (n--) {
        run->hash = (run->hash ^ *p++) * UINT64_C(0x100000001b3);
    }
}

static void
hash_skip(struct run *run)
{
    hash_put(run, &run->skipped, sizeof run->skipped);
    run->skipped = 0;
}

static void
check_span(const struct pp_msg *msg, struct pp_span s)
{
    ASSERT(s.off <= msg->view.len && s.len <= msg->view.len - s.off);
}

/* Reads every byte of 'v', for the sanitizers. */
static void
check_value(const struct pp_value *v, enum pp_type type)
{
    volatile uint8_t sum = 0;
    size_t i;

    ASSERT(v->type == type);
    if (type == PP_TYPE_BYTES) {
        for (i = 0; i < v->s.n; i++) {
            sum = (uint8_t) (sum + v->s.p[i]);
        }
    }
}

/* Deletes what 'extent' says and sees whether the result is a unit still. */
static void
check_delete(struct run *run, const struct pp_msg *msg, struct pp_span extent)
{
    static struct pp_edits edits;
    struct pp_arena arena;
    struct pp_buf buf;
    uint64_t state[64];
    struct pp_view view = msg->view;
    struct pp_parse parse;
    struct pp_msg again;
    static uint8_t *other;

    pp_arena_init(&arena, arena_memory, sizeof arena_memory);
    edits.n = 0;
    edits.overflow = false;
    edits.arena = &arena;
    pp_edits_add(&edits, extent.off, extent.len,
                 (struct pp_bytes) { .n = 0 });
    if (!edits.n || !proxy->reframe(msg, &edits)) {
        return;
    }
    pp_buf_init(&buf, edited, sizeof edited);
    pp_edits_apply(&edits, msg->view.base, msg->view.len, &buf);
    ASSERT(!buf.overflow);

    other = other ? other : malloc(proxy->scratch_size);
    memcpy(state, run->state, sizeof state);
    proxy->rewind(state);
    view.base = buf.data;
    view.len = buf.len < PP_HOLD_MAX ? buf.len : PP_HOLD_MAX;
    parse = pp_proxy_parse(proxy, state, other, PP_TO_SERVER, run->wants,
                           &view, &again);
    while (parse.status == PP_PARSE_MESSAGE && parse.hold
           && again.event != msg->event) {
        /* Of several events that are looked at in turn, the first. */
        proxy->commit(state, &again, PP_PASSED);
        parse = pp_proxy_parse(proxy, state, other, PP_TO_SERVER, run->wants,
                               &view, &again);
    }
    /* What FIN cut off may be no such message any more, or one that servers
     * could read in different ways, or behind which they close; the engine
     * then resets the connection. */
    ASSERT(view.eof || parse.status == PP_PARSE_TOO_MUCH
           || parse.status == PP_PARSE_WAIT
           || (parse.status == PP_PARSE_SKIP && parse.swallow)
           || (parse.status == PP_PARSE_MESSAGE && again.event == msg->event));
}

static void
check_place(struct run *run, const struct pp_msg *msg, unsigned int field,
            uint32_t index, int sub)
{
    struct pp_span value, extent;

    if (proxy->locate(msg, field, index, sub, &value, &extent)) {
        check_span(msg, value);
        check_span(msg, extent);
        check_delete(run, msg, extent);
    }
}

/* get_all() says what get_elem() says. */
static void
check_all(const struct pp_msg *msg, unsigned int field, unsigned int sub,
          uint32_t count, struct pp_arena *arena)
{
    struct pp_bytes all[ELEMS];
    uint32_t n = count < ELEMS ? count : ELEMS;
    bool ok;

    pp_arena_init(arena, arena_memory, sizeof arena_memory);
    ok = proxy->get_all(msg, field, sub, n, arena, all);
    for (uint32_t i = 0; i < n; i++) {
        struct pp_value v;

        if (!proxy->get_elem(msg, field, i, sub, arena, &v)) {
            ASSERT(!ok);
            return;
        }
        ASSERT(!ok || (v.s.n == all[i].n
                       && (!v.s.n || !memcmp(v.s.p, all[i].p, v.s.n))));
    }
    ASSERT(ok);
}

static void
check_list(struct run *run, const struct pp_msg *msg, unsigned int field,
           uint32_t count, struct pp_arena *arena)
{
    const struct pp_field *elem = proxy->fields[field].elem;
    struct pp_value v;
    uint32_t i;
    int sub;

    for (i = 0; i < count && i < ELEMS; i++) {
        check_place(run, msg, field, i, -1);
        for (sub = 0; elem[sub].name; sub++) {
            pp_arena_init(arena, arena_memory, sizeof arena_memory);
            if (proxy->get_elem(msg, field, i, sub, arena, &v)) {
                check_value(&v, elem[sub].type);
            }
            if (elem[sub].editable) {
                check_place(run, msg, field, i, sub);
            }
        }
    }
    for (sub = 0; elem[sub].name && proxy->get_all; sub++) {
        if (elem[sub].type == PP_TYPE_BYTES) {
            check_all(msg, field, (unsigned int) sub, count, arena);
        }
    }
    ASSERT(!proxy->get_elem(msg, field, count, 0, arena, &v));
}

static void
check_fields(struct run *run, const struct pp_msg *msg)
{
    struct pp_arena arena;
    struct pp_value v;
    unsigned int i;

    for (i = 0; proxy->fields[i].name; i++) {
        const struct pp_field *f = &proxy->fields[i];

        pp_arena_init(&arena, arena_memory, sizeof arena_memory);
        if (!(f->events & UINT32_C(1) << msg->event)
            || !proxy->get(msg, i, &arena, &v)) {
            continue;
        }
        check_value(&v, f->type);
        if (f->type == PP_TYPE_LIST) {
            check_list(run, msg, i, v.count, &arena);
        } else if (f->editable) {
            check_place(run, msg, i, 0, -1);
        }
    }
}

static void
check_reply(const struct run *run, const struct pp_msg *msg)
{
    struct pp_reply reply = { .status = 400 };
    struct pp_buf buf;
    bool close = false;

    proxy->reply_when(run->state, msg);
    pp_buf_init(&buf, edited, sizeof edited);
    proxy->refuse(run->state, msg, &reply, &buf, &close);
    ASSERT(!buf.overflow);
}

static void
take_message(struct run *run, const struct pp_msg *msg,
             const struct pp_parse *parse)
{
    struct pp_parse again;
    struct pp_msg same;

    ASSERT(parse->start <= parse->end && parse->end <= msg->view.len);
    if (msg->dir == PP_TO_SERVER) {
        hash_skip(run);
        hash_put(run, &msg->event, sizeof msg->event);
        hash_put(run, &parse->hold, sizeof parse->hold);
        hash_put(run, msg->view.base + parse->start,
                 parse->end - parse->start);
        if (run->deep && (run->wants & UINT32_C(1) << msg->event)) {
            check_fields(run, msg);
            check_reply(run, msg);
        }
    }
    again = pp_proxy_parse(proxy, run->state, scratch, msg->dir, run->wants,
                           &msg->view, &same);
    ASSERT(again.status == PP_PARSE_MESSAGE && again.start == parse->start
           && again.end == parse->end && again.hold == parse->hold
           && same.event == msg->event);
    proxy->commit(run->state, &same, PP_PASSED);
}

static void
take_skip(struct run *run, struct side *side, enum pp_dir dir)
{
    uint64_t n = side->len - side->start;

    n = n < side->skip ? n : side->skip;
    side->start += n;
    side->skip -= side->skip == PP_FOREVER ? 0 : n;
    run->skipped += dir == PP_TO_SERVER ? n : 0;
}

/* What the server says of itself lies in the view, and is safe to print. */
static void
check_said(enum pp_dir dir, const struct pp_view *view,
           const struct pp_parse *parse)
{
    char text[PP_SAID_MAX];

    proxy->speaks(view);
    if (!parse->said) {
        return;
    }
    ASSERT(dir == PP_FROM_SERVER);
    for (int i = 0; i < PP_BANNER_PIECES; i++) {
        ASSERT((size_t) parse->banner[i].off + parse->banner[i].len
               <= view->len);
    }
    pp_hearing_text(view, parse->banner, text);
    for (const char *p = text; *p; p++) {
        ASSERT(*p >= ' ' && *p <= '~');
    }
}

/* One parse().  False when it got no further. */
static bool
step(struct run *run, enum pp_dir dir)
{
    struct side *side = &run->sides[dir];
    struct pp_view view;
    struct pp_parse parse;
    struct pp_msg msg;
    uint8_t *copy;
    bool on = true;

    take_skip(run, side, dir);
    if (side->skip || side->over) {
        return false;
    }
    view.len = side->len - side->start;
    view.len = view.len < PP_HOLD_MAX ? view.len : PP_HOLD_MAX;
    view.eof = side->eof;
    copy = run->block + (run->size - view.len);
    memcpy(copy, side->data + side->start, view.len);
    view.base = copy;
    parse = pp_proxy_parse(proxy, run->state, scratch, dir, run->wants, &view,
                           &msg);
    run->calls++;
    check_said(dir, &view, &parse);
    switch (parse.status) {
    case PP_PARSE_MESSAGE:
        take_message(run, &msg, &parse);
        side->start += parse.hold ? 0 : parse.end;
        break;
    case PP_PARSE_SKIP:
        /* All units pass; only what is behind a request that the server closed
         * over is swallowed, and that is all. */
        ASSERT(parse.count > 0
               && (!parse.swallow || parse.count == PP_FOREVER));
        side->skip = parse.count;
        take_skip(run, side, dir);
        break;
    case PP_PARSE_MORE:
    case PP_PARSE_WAIT:
        on = false;
        break;
    case PP_PARSE_BAD:
    case PP_PARSE_TOO_MUCH:
    case PP_PARSE_OPAQUE:
        side->over = true;
        break;
    }
    if (side->over && dir == PP_TO_SERVER) {
        hash_skip(run);
        hash_put(run, &parse.status, sizeof parse.status);
    }
    return on;
}

/* Delivers the next bytes of a record; 'last' ones with 'fin' if FIN follows.
 * The client's side goes on when a record of the server's is there as a whole:
 * how many replies a waiting request finds there is no matter of cuts. */
static void
deliver(struct run *run, enum pp_dir dir, const uint8_t *p, size_t n,
        bool last, bool fin)
{
    struct side *side = &run->sides[dir];
    bool on;

    if (n) {
        memcpy(side->data + side->len, p, n);
        side->len += n;
    }
    side->eof = side->eof || (fin && last);
    if (dir == PP_FROM_SERVER) {
        while (step(run, PP_FROM_SERVER)) {
            continue;
        }
        if (!last) {
            return;
        }
    }
    do {
        on = step(run, PP_TO_SERVER);
        on = step(run, PP_FROM_SERVER) || on;
    } while (on);
}

/* Delivers all records in pieces of 'piece' bytes.  Returns the hash. */
static uint64_t
run_all(uint32_t wants, const uint8_t *data, size_t size, size_t piece,
        bool deep)
{
    struct run run = { .wants = wants, .hash = 1, .deep = deep };
    size_t pos = 0, pieces = 0;
    uint64_t hash;

    run.sides[0].data = malloc(size);
    run.sides[1].data = malloc(size);
    run.block = malloc(size);
    run.size = size;
    ASSERT(proxy->conn_size <= sizeof run.state);
    proxy->conn_init(run.state);
    if (proxy->conn_ends) {
        proxy->conn_ends(run.state, &ends);
    }
    while (size - pos >= 3) {
        enum pp_dir dir = data[pos] & FUZZ_FROM_SERVER ? PP_FROM_SERVER
                                                  : PP_TO_SERVER;
        bool fin = data[pos] & FUZZ_FIN;
        size_t n = data[pos + 1] | (size_t) data[pos + 2] << 8;

        pos += 3;
        n = n < size - pos ? n : size - pos;
        do {
            size_t part = n < piece ? n : piece;

            if (!run.sides[dir].eof) {
                deliver(&run, dir, data + pos, part, part == n, fin);
            }
            pieces++;
            pos += part;
            n -= part;
        } while (n);
    }
    ASSERT(run.calls <= 4 * (size + pieces) + 16);
    hash_skip(&run);
    hash = run.hash;
    free(run.sides[0].data);
    free(run.sides[1].data);
    free(run.block);
    return hash;
}

/* See fuzz-proxy.h. */
int
fuzz_proxy(const char *name, const uint8_t *data, size_t size)
{
    size_t wants_size, i;
    uint32_t wants = 0;
    uint64_t hash;

    if (!proxy) {
        ASSERT(!pp_proxies_check());
        proxy = pp_proxy_by_name(name);
        scratch = malloc(proxy->scratch_size);
    }
    wants_size = fuzz_wants_size(proxy);
    if (size < wants_size + 3) {
        return 0;
    }
    for (i = 0; i < wants_size; i++) {
        wants |= (uint32_t) data[i] << 8 * i;
    }
    data += wants_size;
    size -= wants_size;
    hash = run_all(wants, data, size, SIZE_MAX, true);
    ASSERT(hash == run_all(wants, data, size, 1, false));
    ASSERT(hash == run_all(wants, data, size, 7, false));
    return 0;
}
