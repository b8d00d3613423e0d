/* SPDX-License-Identifier: Apache-2.0 */

/* The ledger: see pp-ledger.h.
 *
 * In: connections after each packet, memory that another engine has written.
 * Out: records, and connections made of them.  Runs in the engine; the memory
 * is control's, this owns what stands in it. */

#include <config.h>

#include "engine/pp-ledger.h"

#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "engine/pp-snapshot.h"
#include "engine/pp-stream-private.h"
#include "hash.h"
#include "ovs-atomic.h"
#include "util.h"

/* Blocks of one record. */
#define BLOCKS_MAX 64

struct half_record {
    uint8_t plain[ROUND_UP(PP_HALF_PLAIN, 8)];
    int64_t skew;
    uint32_t n_edits;
    uint32_t pending;           /* Undecided bytes. */
};

struct range {
    uint64_t from, to;
};

/* Bytes of the out stream that only the engine has. */
struct piece {
    uint64_t out;
    uint32_t len;
    uint32_t dir;
};

struct body {
    uint32_t whole;             /* All that had to be written down is. */
    uint32_t n_pieces;
    uint32_t len;               /* Bytes of data. */
    uint8_t state;
    uint8_t has_ts;
    uint8_t signed_;
    uint8_t shifted;
    uint8_t fresh;              /* Nothing is lost with what its proxy
                                 * knew. */
    uint8_t pad[3];
    struct half_record half[2];
    uint32_t n_blocks;
    uint16_t blocks[BLOCKS_MAX];
    uint8_t data[];             /* Edits, pieces, pending bytes; what does
                                 * not fit goes on in the blocks. */
};

#define DATA_HERE (PP_LEDGER_RECORD_SIZE - sizeof(struct pp_ledger_head) \
                   - offsetof(struct body, data))
#define DATA_MAX (DATA_HERE + BLOCKS_MAX * PP_LEDGER_BLOCK_SIZE)

BUILD_ASSERT_DECL(sizeof(struct pp_ledger_record) == PP_LEDGER_RECORD_SIZE);
BUILD_ASSERT_DECL(offsetof(struct pp_ledger_record, body) % 8 == 0);
BUILD_ASSERT_DECL(offsetof(struct body, data) + 2048
                  <= PP_LEDGER_RECORD_SIZE - sizeof(struct pp_ledger_head));
BUILD_ASSERT_DECL(PP_LEDGER_RECORDS <= UINT16_MAX);

uint32_t
pp_ledger_layout(void)
{
    uint32_t hash = hash_2words(sizeof(struct body), PP_HALF_PLAIN);

    return hash_2words(hash, PP_LEDGER_RECORDS);
}

static struct body *
body_of(struct pp_ledger_record *record)
{
    return ALIGNED_CAST(struct body *, record->body);
}

/* Writing. */

/* Where the byte 'pos' of a record's data stands, and how many follow it
 * there. */
static uint8_t *
data_at(struct pp_ledger_region *region, struct body *body, size_t pos,
        size_t *n)
{
    size_t block, off;

    if (pos < DATA_HERE) {
        *n = DATA_HERE - pos;
        return body->data + pos;
    }
    block = (pos - DATA_HERE) / PP_LEDGER_BLOCK_SIZE;
    off = (pos - DATA_HERE) % PP_LEDGER_BLOCK_SIZE;
    *n = PP_LEDGER_BLOCK_SIZE - off;
    return region->blocks[body->blocks[block]] + off;
}

/* Has 'body' room for 'n' more bytes?  Takes blocks where it needs them. */
static bool
make_room(struct pp_ledger *ledger, struct body *body, size_t n)
{
    if (body->len + n > DATA_MAX) {
        return false;
    }
    while (body->len + n
           > DATA_HERE + (size_t) body->n_blocks * PP_LEDGER_BLOCK_SIZE) {
        if (!ledger->n_free_blocks) {
            return false;
        }
        body->blocks[body->n_blocks++]
            = ledger->free_blocks[--ledger->n_free_blocks];
    }
    return true;
}

/* Gives blocks back but for the first 'n'. */
static void
free_blocks(struct pp_ledger *ledger, struct body *body, uint32_t n)
{
    while (body->n_blocks > n) {
        ledger->free_blocks[ledger->n_free_blocks++]
            = body->blocks[--body->n_blocks];
    }
}

/* Adds 'n' bytes of data.  What does not fit makes the record useless. */
static void
put(struct pp_ledger *ledger, struct body *body, const void *p, size_t n)
{
    body->whole = body->whole && make_room(ledger, body, n);
    while (body->whole && n) {
        size_t room;
        uint8_t *to = data_at(ledger->region, body, body->len, &room);

        room = MIN(room, n);
        memcpy(to, p, room);
        body->len += (uint32_t) room;
        p = (const uint8_t *) p + room;
        n -= room;
    }
}

static void
put_piece(struct pp_ledger *ledger, struct body *body,
          const struct pp_keep *keep, struct range range, int dir)
{
    uint64_t from = MAX(range.from, keep->out);
    uint64_t to = MIN(range.to, keep->out + keep->len);

    if (from < to) {
        struct piece piece = {
            .out = from, .len = (uint32_t) (to - from),
            .dir = (uint32_t) dir,
        };

        put(ledger, body, &piece, sizeof piece);
        put(ledger, body, keep->data + (from - keep->out), piece.len);
        body->n_pieces++;
    }
}

/* Writes down the kept bytes that the sender will not send again, or not so:
 * those that the engine is to deliver, and those that were put in. */
static void
put_pieces(struct pp_ledger *ledger, struct body *body,
           const struct pp_half *half, int dir)
{
    uint64_t owed = half->cut ? UINT64_MAX : half->owned;
    const struct pp_edit_entry *e = half->edits.entries;
    const struct pp_edit_entry *end = e ? e + half->edits.n : NULL;

    for (const struct pp_keep *keep = half->keep; keep; keep = keep->next) {
        uint64_t keep_end = keep->out + keep->len;

        put_piece(ledger, body, keep, (struct range) { half->acked, owed },
                  dir);
        while (e < end && e->out < keep_end) {
            put_piece(ledger, body, keep,
                      (struct range) { MAX(e->out, owed),
                                       e->out + e->inserted }, dir);
            if (e->out + e->inserted > keep_end) {
                break;          /* The next one has the rest. */
            }
            e++;
        }
    }
}

static void
put_half(struct pp_ledger *ledger, struct body *body,
         const struct pp_half *half, int dir)
{
    struct half_record *r = &body->half[dir];

    memcpy(r->plain, half, PP_HALF_PLAIN);
    r->skew = half->edits.skew;
    r->n_edits = half->edits.n;
    put(ledger, body, half->edits.entries,
        half->edits.n * sizeof *half->edits.entries);
}

static void
put_pending(struct pp_ledger *ledger, struct body *body,
            const struct pp_half *half, int dir)
{
    bool owed = (dir == PP_TO_SERVER && half->pending
                 && half->mine > half->decided);

    body->half[dir].pending = owed ? half->pending->len : 0;
    if (owed) {
        put(ledger, body, half->pending->data, half->pending->len);
    }
}

/* Do its ends count differently? */
static bool
is_pinned(const struct pp_conn *conn)
{
    return conn->state == PP_CONN_CLOSING || pp_stream_is_edited(conn);
}

static bool
is_owed(const struct pp_half *half)
{
    return (half->acked < half->owned || half->swallow > half->decided
            || half->mine > pp_edit_list_acked(&half->edits, half->acked));
}

bool
pp_ledger_is_due(const struct pp_conn *conn)
{
    return (is_pinned(conn) || is_owed(&conn->half[0])
            || is_owed(&conn->half[1]));
}

static void
begin(struct pp_ledger_record *record)
{
    record->head.seq |= 1;
    atomic_thread_fence(memory_order_release);
}

static void
end(struct pp_ledger_record *record)
{
    atomic_thread_fence(memory_order_release);
    record->head.seq++;
}

static void
strike_out(struct pp_ledger *ledger, uint32_t i)
{
    struct pp_ledger_record *record = &ledger->region->records[i];

    begin(record);
    ledger->region->n_changes += record->head.pinned;
    record->head.used = record->head.pinned = false;
    free_blocks(ledger, body_of(record), 0);
    end(record);
    ledger->free[ledger->n_free++] = (uint16_t) i;
}

/* Takes a free record for 'conn'. */
static struct pp_ledger_record *
new_record(struct pp_ledger *ledger, struct pp_stream *st,
           struct pp_conn *conn)
{
    const struct pp_snap_server *server = ledger->server(ledger->aux, conn);
    struct pp_ledger_record *record;
    struct pp_ledger_head *head;

    if (!server || !ledger->n_free) {
        st->counters->ledger_full += server != NULL;
        return NULL;
    }
    conn->record = (uint16_t) (ledger->free[--ledger->n_free] + 1);
    record = &ledger->region->records[conn->record - 1];
    begin(record);
    head = &record->head;
    head->used = true;
    head->pinned = false;
    body_of(record)->n_blocks = 0;
    head->vlan = conn->head.key.vlan;
    head->client_vlan = conn->half[PP_TO_SERVER].vlan;
    head->since = st->now;
    memset(&head->client, 0, sizeof head->client);
    head->client.ip = conn->head.key.client;
    head->client.port = conn->head.key.client_port;
    memset(&head->service, 0, sizeof head->service);
    head->service.ip = conn->head.key.service;
    head->service.port = conn->head.key.service_port;
    head->mac = server->mac;
    memcpy(head->server, server->name, sizeof head->server);
    end(record);
    return record;
}

/* The one that 'conn' has, or else a free one; NULL: there is none. */
static struct pp_ledger_record *
record_of(struct pp_ledger *ledger, struct pp_stream *st,
          struct pp_conn *conn)
{
    return (conn->record ? &ledger->region->records[conn->record - 1]
            : new_record(ledger, st, conn));
}

static void
write_record(struct pp_ledger *ledger, struct pp_ledger_record *record,
             const struct pp_conn *conn, bool fresh)
{
    bool pinned = is_pinned(conn);
    struct body *body = body_of(record);

    begin(record);
    body->whole = true;
    body->n_pieces = body->len = 0;
    body->state = conn->state;
    body->has_ts = conn->has_ts;
    body->signed_ = conn->signed_;
    body->shifted = conn->shifted;
    body->fresh = fresh;
    for (int dir = 0; dir < 2; dir++) {
        put_half(ledger, body, &conn->half[dir], dir);
    }
    for (int dir = 0; dir < 2; dir++) {
        put_pieces(ledger, body, &conn->half[dir], dir);
    }
    for (int dir = 0; dir < 2; dir++) {
        put_pending(ledger, body, &conn->half[dir], dir);
    }
    free_blocks(ledger, body,
                body->len <= DATA_HERE ? 0
                : DIV_ROUND_UP(body->len - DATA_HERE, PP_LEDGER_BLOCK_SIZE));
    if (record->head.pinned != pinned) {
        record->head.pinned = pinned;
        ledger->region->n_changes++;
    }
    end(record);
}

void
pp_ledger_update(struct pp_ledger *ledger, struct pp_stream *st,
                 struct pp_conn *conn)
{
    struct pp_ledger_record *record;

    if (!ledger || !ledger->region) {
        return;
    }
    if (conn->state == PP_CONN_OPENING || conn->state == PP_CONN_CLOSED
        || conn->reset || pp_stream_conn_is_over(conn)
        || !pp_ledger_is_due(conn)) {
        if (conn->record) {
            pp_ledger_forget(ledger, conn);
        }
        return;
    }
    record = record_of(ledger, st, conn);
    if (!record) {
        return;
    }
    write_record(ledger, record, conn, false);
}

bool
pp_ledger_export(struct pp_ledger *ledger, struct pp_stream *st,
                 struct pp_conn *conn, bool fresh)
{
    uint16_t record = conn->record;
    struct pp_ledger_record *copy = new_record(ledger, st, conn);
    bool whole = false;

    if (copy) {
        write_record(ledger, copy, conn, fresh);
        whole = body_of(copy)->whole;
        if (!whole) {
            strike_out(ledger, conn->record - 1u);
        }
    }
    conn->record = record;
    return whole;
}

void
pp_ledger_leave(struct pp_ledger *ledger, struct pp_stream *st,
                struct pp_conn *conn)
{
    bool due = conn->record != 0;
    struct pp_ledger_record *record;

    if (!ledger || !ledger->region) {
        return;
    }
    record = record_of(ledger, st, conn);
    if (record) {
        write_record(ledger, record, conn, true);
        if (!due && !body_of(record)->whole) {
            pp_ledger_forget(ledger, conn);
        }
    }
}

void
pp_ledger_forget(struct pp_ledger *ledger, struct pp_conn *conn)
{
    if (ledger && ledger->region && conn->record) {
        strike_out(ledger, conn->record - 1u);
        conn->record = 0;
    }
}

/* Reading.  It may be anything. */

/* What is left of a record's data. */
struct cursor {
    const uint8_t *p;
    size_t n;
};

/* The next 'n' bytes of the data, or NULL. */
static const uint8_t *
get(struct cursor *c, size_t n)
{
    const uint8_t *p = c->p;

    if (n > c->n) {
        return NULL;
    }
    c->p += n;
    c->n -= n;
    return p;
}

/* Puts the next 'n' entries into the edit list of 'half', which has the right
 * skew.  False if no list could have had them. */
static bool
take_edits(struct pp_stream *st, struct pp_half *half, uint32_t n,
           struct cursor *c)
{
    int64_t skew = half->edits.skew;
    uint64_t from = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct pp_edit_entry e;
        const uint8_t *p = get(c, sizeof e);

        if (!p) {
            return false;
        }
        memcpy(&e, p, sizeof e);
        if ((int64_t) e.in < 0 || e.in < from
            || (int64_t) (e.out - e.in) != skew || (int64_t) e.out < 0) {
            return false;
        }
        from = e.in + e.removed;
        skew += (int64_t) e.inserted - e.removed;
        pp_stream_edit(st, half, e.in, e.removed, e.inserted);
    }
    return true;
}

static bool
half_is_good(const struct pp_half *half)
{
    return (half->wscale >= -1 && half->wscale <= 14 && half->has_isn
            && half->slot < 4096 && half->vlan_tci < 4096
            && half->vlan <= 4096
            && (int64_t) half->in_next >= 0 && (int64_t) half->acked >= 0
            && (int64_t) half->sent >= 0 && (int64_t) half->end >= 0);
}

/* Puts what 'r' says into 'half', which is new. */
static bool
take_half(struct pp_stream *st, struct pp_half *half,
          const struct half_record *r, struct cursor *c)
{
    struct pp_half plain;

    memcpy(&plain, r->plain, PP_HALF_PLAIN);
    if (!half_is_good(&plain)) {
        return false;
    }
    memcpy(half, &plain, PP_HALF_PLAIN);
    half->edits.skew = r->skew;
    return take_edits(st, half, r->n_edits, c);
}

/* Puts kept bytes back. */
static bool
take_pieces(struct pp_stream *st, struct pp_conn *conn, uint32_t n,
            struct cursor *c)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = get(c, sizeof(struct piece));
        struct piece piece;
        struct pp_half *half;

        if (!p) {
            return false;
        }
        memcpy(&piece, p, sizeof piece);
        p = get(c, piece.len);
        if (!p || piece.dir > 1 || (int64_t) piece.out < 0) {
            return false;
        }
        half = &conn->half[piece.dir];
        if (half->keep_last && piece.out < half->keep_last->out
                                           + half->keep_last->len) {
            return false;
        }
        pp_keep_append(st, half, piece.out, p, piece.len);
    }
    return true;
}

/* What nobody has any more, its sender is to send again. */
static void
forget_unowed(struct pp_half *half, enum pp_dir dir)
{
    half->unkept = MAX(half->unkept, pp_decided(half));
    if (dir == PP_TO_SERVER) {
        if (!half->pending && half->in_next > half->decided) {
            half->in_next = MAX(half->decided, half->mine);
            half->fin = UINT64_MAX;
        }
        half->high = half->in_next;
    }
    /* What was decided may have left after it was written down. */
    half->sent = MAX(half->sent, half->end);
    half->whole = !half->pending;
    half->n_rto = 0;
}

static bool
take_record(struct pp_stream *st, struct pp_conn *conn,
            const struct body *body, struct cursor c)
{
    if (body->state == PP_CONN_OPENING && body->fresh) {
        /* All that there is of it is the client's SYN. */
        conn->met = false;
        conn->epoch = st->epoch;
        return take_half(st, &conn->half[PP_TO_SERVER],
                         &body->half[PP_TO_SERVER], &c);
    }
    if ((body->state != PP_CONN_INSPECTED && body->state != PP_CONN_OPAQUE
         && body->state != PP_CONN_UNINSPECTED
         && body->state != PP_CONN_CLOSING)
        || !take_half(st, &conn->half[0], &body->half[0], &c)
        || !take_half(st, &conn->half[1], &body->half[1], &c)
        || !take_pieces(st, conn, body->n_pieces, &c)) {
        return false;
    }
    for (int dir = 0; dir < 2; dir++) {
        struct pp_bytes pending = { .n = body->half[dir].pending };

        pending.p = get(&c, pending.n);
        if (!pending.p) {
            return false;
        } else if (pending.n) {
            pp_pending_append(st, &conn->half[dir], pending);
        }
        forget_unowed(&conn->half[dir], dir);
    }
    conn->state = body->state;
    conn->has_ts = body->has_ts;
    conn->signed_ = body->signed_;
    conn->shifted = body->shifted;
    conn->restored = !body->fresh;
    conn->epoch = st->epoch;
    if (conn->state == PP_CONN_CLOSING) {
        conn->close_at = st->now + PP_CLOSE_MS;
    }
    return true;
}

static bool
head_is_good(const struct pp_ledger_head *head)
{
    return (head->used && !(head->seq & 1) && head->vlan < 4096
            && !head->server[sizeof head->server - 1]);
}

/* Copies the data of 'body', or returns NULL if it has none that is whole.
 * Each block has to be one that no other record has. */
static uint8_t *
copy_data(struct pp_ledger_region *region, struct body *body,
          unsigned long *blocks)
{
    uint8_t *data;
    size_t n;

    body->n_blocks = MIN(body->n_blocks, BLOCKS_MAX);
    for (uint32_t i = 0; i < body->n_blocks; i++) {
        if (body->blocks[i] >= PP_LEDGER_BLOCKS
            || bitmap_is_set(blocks, body->blocks[i])) {
            body->n_blocks = i;
            break;
        }
        bitmap_set1(blocks, body->blocks[i]);
    }
    if (!body->whole
        || body->len > DATA_HERE
                       + (size_t) body->n_blocks * PP_LEDGER_BLOCK_SIZE) {
        return NULL;
    }
    data = xmalloc(body->len + 1);
    for (size_t pos = 0; pos < body->len; pos += n) {
        const uint8_t *from = data_at(region, body, pos, &n);

        n = MIN(n, body->len - pos);
        memcpy(data + pos, from, n);
    }
    return data;
}

/* Makes a connection of record 'i', or returns NULL. */
static struct pp_conn *
take(struct pp_ledger *ledger, struct pp_stream *st, uint32_t i,
     const struct pp_ledger_cbs *cbs, unsigned long *blocks)
{
    struct pp_ledger_record *record = &ledger->region->records[i];
    union {
        struct pp_ledger_record record;
        uint64_t align;
    } copy = { .record = *record };
    struct body *body = body_of(&copy.record);
    uint8_t *data = copy_data(ledger->region, body, blocks);
    struct pp_conn *conn = NULL;

    if (data && head_is_good(&copy.record.head)) {
        conn = cbs->make(ledger->aux, &copy.record.head);
    }
    if (conn && !take_record(st, conn, body, (struct cursor) {
            .p = data, .n = body->len })) {
        cbs->forget(ledger->aux, conn);
        conn = NULL;
    }
    begin(record);
    if (conn) {
        conn->record = (uint16_t) (i + 1);
        body_of(record)->n_blocks = body->n_blocks;
    } else {
        record->head.used = record->head.pinned = false;
        for (uint32_t b = 0; b < body->n_blocks; b++) {
            bitmap_set0(blocks, body->blocks[b]);
        }
    }
    end(record);
    free(data);
    return conn;
}

void
pp_ledger_take(struct pp_ledger *ledger, struct pp_ledger_region *region,
               struct pp_stream *st, const struct pp_ledger_cbs *cbs)
{
    unsigned long *blocks = bitmap_allocate(PP_LEDGER_BLOCKS);
    struct pp_conn **conns = xcalloc(PP_LEDGER_RECORDS, sizeof *conns);
    bool ours = (region->magic == PP_LEDGER_MAGIC
                 && region->layout == pp_ledger_layout());

    region->magic = PP_LEDGER_MAGIC;
    region->layout = pp_ledger_layout();
    region->n_changes++;
    ledger->region = region;
    ledger->n_free = ledger->n_free_blocks = 0;

    for (uint32_t i = 0; i < PP_LEDGER_RECORDS; i++) {
        struct pp_ledger_head *head = &region->records[i].head;

        if (head->used) {
            conns[i] = ours ? take(ledger, st, i, cbs, blocks) : NULL;
            head->used = conns[i] != NULL;
            st->counters->ledger_restored += conns[i] != NULL;
            st->counters->ledger_lost += !conns[i];
        }
    }
    for (uint32_t i = PP_LEDGER_RECORDS; i-- > 0;) {
        if (!conns[i]) {
            ledger->free[ledger->n_free++] = (uint16_t) i;
        }
    }
    for (uint32_t i = PP_LEDGER_BLOCKS; i-- > 0;) {
        if (!bitmap_is_set(blocks, i)) {
            ledger->free_blocks[ledger->n_free_blocks++] = (uint16_t) i;
        }
    }
    /* From here on they may need, or give back, what is free. */
    for (uint32_t i = 0; i < PP_LEDGER_RECORDS; i++) {
        if (conns[i]) {
            cbs->go_on(ledger->aux, conns[i]);
        }
    }
    free(conns);
    bitmap_free(blocks);
}
