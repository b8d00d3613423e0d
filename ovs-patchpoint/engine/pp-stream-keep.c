/* SPDX-License-Identifier: Apache-2.0 */

/* The memory of the stream stage: decided bytes that are kept until they are
 * acknowledged, undecided bytes, waiting frames.
 *
 * In: bytes and frames of one direction.  Out: the same, when asked for.  Runs
 * in the engine and in the offline tool; owns that memory and accounts for
 * it. */

#include <config.h>

#include "engine/pp-stream-private.h"

#include <stdlib.h>
#include <string.h>

/* What a step may put in at once: the longest reply. */
#define STEP_ROOM (64 * 1024)

static struct pp_conn *
conn_of(const struct pp_half *half)
{
    return CONST_CAST(struct pp_conn *,
                      CONTAINER_OF(half - half->dir, struct pp_conn,
                                   half[0]));
}

static uint64_t
held_by(const struct pp_conn *conn)
{
    return (uint64_t) conn->half[0].held_bytes + conn->half[1].held_bytes;
}

/* 'n' bytes more are held; fewer if it is negative. */
static void
account(struct pp_stream *st, struct pp_half *half, int64_t n)
{
    struct pp_conn *conn = conn_of(half);
    uint64_t held;
    uint8_t class;

    half->held_bytes = (uint32_t) (half->held_bytes + n);
    st->held = (uint64_t) ((int64_t) st->held + n);
    held = held_by(conn);
    class = (uint8_t) (held ? log_2_floor(held) + 1 : 0);
    if (class == conn->holder_class && n >= 0) {
        return;
    }
    if (conn->holder_class) {
        ovs_list_remove(&conn->holder);
        st->n_holders--;
    }
    if (class) {
        ovs_list_push_back(&st->holders[class - 1], &conn->holder);
        st->n_holders++;
        conn->holds_since = st->now;
    }
    conn->holder_class = class;
}

/* True if 'n' more bytes stay within the bounds of the connection: half of
 * them are for each direction, so that neither has to wait for the other.
 * When most of the room for all is taken, who holds more than the others do
 * on the average does not get more; a little is left for each. */
bool
pp_may_hold(const struct pp_stream *st, const struct pp_half *half, size_t n)
{
    uint64_t bound = st->limits.held_conn / 2;
    uint64_t most = st->limits.held_total / 4 * 3;

    if (n > bound || half->held_bytes > bound - n) {
        return false;
    }
    return (st->held + n <= most
            || held_by(conn_of(half)) + n
               <= MAX(st->limits.held_conn / 4,
                      most / MAX(st->n_holders, 1)));
}

bool
pp_stream_has_room(const struct pp_stream *st, const struct pp_conn *conn)
{
    if (conn->state != PP_CONN_INSPECTED) {
        return true;
    }
    for (int dir = 0; dir < 2; dir++) {
        const struct pp_half *half = &conn->half[dir];

        if (half->edits.n >= st->limits.edits
            || (half->keep && !pp_may_hold(st, half, STEP_ROOM))) {
            return false;
        }
    }
    return true;
}

/* Who costs most: by bytes, and by how long they have been held without any of
 * them going. */
struct pp_conn *
pp_stream_overdrawn(const struct pp_stream *st)
{
    struct pp_conn *worst = NULL;
    uint64_t most = 0;

    if (st->held <= st->limits.held_total) {
        return NULL;
    }
    for (int i = 0; i < PP_HOLDER_CLASSES; i++) {
        if (!ovs_list_is_empty(&st->holders[i])) {
            struct pp_conn *conn = CONTAINER_OF(
                ovs_list_front(&st->holders[i]), struct pp_conn, holder);
            uint64_t cost = (st->now - conn->holds_since + 1) << i;

            if (cost > most) {
                most = cost;
                worst = conn;
            }
        }
    }
    return worst;
}

/* Edits.  Their entries are held, too. */

static void
account_edits(struct pp_stream *st, struct pp_half *half, uint32_t before)
{
    account(st, half, ((int64_t) half->edits.allocated - before)
                      * (int64_t) sizeof *half->edits.entries);
}

/* As pp_edit_list_add(). */
void
pp_stream_edit(struct pp_stream *st, struct pp_half *half, uint64_t in,
               uint32_t removed, uint32_t inserted)
{
    uint32_t before = half->edits.allocated;

    if (removed != inserted) {
        pp_stream_shift(conn_of(half));
    }
    pp_edit_list_add(&half->edits, in, removed, inserted);
    if (half->edits.allocated != before) {
        account_edits(st, half, before);
    }
}

/* As pp_edit_list_prune(). */
void
pp_stream_prune(struct pp_stream *st, struct pp_half *half,
                uint64_t acked_out)
{
    uint32_t before = half->edits.allocated;

    pp_edit_list_prune(&half->edits, acked_out);
    if (half->edits.allocated != before) {
        account_edits(st, half, before);
    }
}

/* Kept bytes. */

/* Appends 'n' bytes that stand at 'out' in the out stream, at or behind the
 * end of the last kept ones. */
void
pp_keep_append(struct pp_stream *st, struct pp_half *half, uint64_t out,
               const void *p, size_t n)
{
    struct pp_keep *last = half->keep_last;

    if (!n) {
        return;
    }
    if (last && last->out + last->len == out
        && n <= last->allocated - last->len) {
        memcpy(last->data + last->len, p, n);
        last->len += (uint32_t) n;
        return;
    }
    struct pp_keep *keep = xmalloc(sizeof *keep + n);

    keep->next = NULL;
    keep->out = out;
    keep->len = keep->allocated = (uint32_t) n;
    memcpy(keep->data, p, n);
    if (last) {
        last->next = keep;
    } else {
        half->keep = keep;
    }
    half->keep_last = keep;
    account(st, half, (int64_t) (sizeof *keep + n));
}

/* Frees what stands before 'out'. */
static void
free_before(struct pp_stream *st, struct pp_half *half, uint64_t out)
{
    while (half->keep && half->keep->out + half->keep->len <= out) {
        struct pp_keep *keep = half->keep;

        half->keep = keep->next;
        account(st, half, -(int64_t) (sizeof *keep + keep->allocated));
        free(keep);
    }
    if (!half->keep) {
        half->keep_last = NULL;
    }
}

/* Frees what the receiver has acknowledged. */
void
pp_keep_release(struct pp_stream *st, struct pp_half *half)
{
    free_before(st, half, half->acked);
}

/* Frees all: the receiver is gone. */
void
pp_keep_drop(struct pp_stream *st, struct pp_half *half)
{
    free_before(st, half, UINT64_MAX);
}

/* The kept bytes that have 'out', or else the first behind it, or NULL. */
const struct pp_keep *
pp_keep_find(const struct pp_half *half, uint64_t out)
{
    const struct pp_keep *keep = half->keep;

    if (half->keep_last && half->keep_last->out <= out) {
        keep = half->keep_last;
    }
    while (keep && keep->out + keep->len <= out) {
        keep = keep->next;
    }
    return keep;
}

/* True if kept bytes differ from the 'n' at 'p' that claim to stand at
 * 'out'. */
bool
pp_keep_differs(const struct pp_half *half, uint64_t out, const uint8_t *p,
                size_t n)
{
    for (const struct pp_keep *keep = pp_keep_find(half, out);
         keep && keep->out < out + n; keep = keep->next) {
        uint64_t from = MAX(out, keep->out);
        uint64_t to = MIN(out + n, keep->out + keep->len);

        if (memcmp(p + (from - out), keep->data + (from - keep->out),
                   to - from)) {
            return true;
        }
    }
    return false;
}

/* Undecided bytes. */

/* Gives those of 'half', or NULL, room for 'n' bytes. */
static void
resize_pending(struct pp_stream *st, struct pp_half *half, size_t n)
{
    struct pp_pending *pending = half->pending;

    account(st, half, pending ? (int64_t) n - pending->allocated
            : (int64_t) (sizeof *pending + n));
    half->pending = xrealloc(pending, sizeof *pending + n);
    half->pending->allocated = (uint32_t) n;
}

void
pp_pending_append(struct pp_stream *st, struct pp_half *half,
                  struct pp_bytes bytes)
{
    size_t len = half->pending ? half->pending->len : 0;

    if (!half->pending || bytes.n > half->pending->allocated - len) {
        resize_pending(st, half, MAX(2 * len, len + bytes.n));
    }
    memcpy(half->pending->data + len, bytes.p, bytes.n);
    half->pending->len = (uint32_t) (len + bytes.n);
}

/* The first 'n' undecided bytes are not undecided any more. */
void
pp_pending_consume(struct pp_stream *st, struct pp_half *half, size_t n)
{
    struct pp_pending *pending = half->pending;

    if (!pending) {
        return;
    }
    pending->len -= (uint32_t) MIN(n, pending->len);
    if (pending->len) {
        memmove(pending->data, pending->data + n, pending->len);
        if (pending->len < pending->allocated / 2) {
            /* What is not needed any more must not be in the way of what
             * comes next. */
            resize_pending(st, half, pending->len);
        }
    } else {
        account(st, half,
                -(int64_t) (sizeof *pending + pending->allocated));
        free(pending);
        half->pending = NULL;
    }
}

/* Waiting frames. */

/* Adds a copy of 'pkt', whose payload starts at 'in', to 'list', in order. */
void
pp_held_add(struct pp_stream *st, struct pp_half *half,
            struct ovs_list *list, const struct pp_packet *pkt, uint64_t in,
            bool passed)
{
    struct pp_held *held = xmalloc(sizeof *held + pkt->len);
    struct pp_held *other;
    struct ovs_list *before = list;

    held->in = in;
    held->passed = passed;
    held->pkt = *pkt;
    held->pkt.data = held->frame;
    memcpy(held->frame, pkt->data, pkt->len);
    /* The latest is nearly always the last. */
    LIST_FOR_EACH_REVERSE (other, node, list) {
        if (other->in <= in) {
            break;
        }
        before = &other->node;
    }
    ovs_list_insert(before, &held->node);
    account(st, half, (int64_t) (sizeof *held + pkt->len));
}

/* Takes 'held' off its list.  The caller frees it. */
void
pp_held_remove(struct pp_stream *st, struct pp_half *half,
               struct pp_held *held)
{
    ovs_list_remove(&held->node);
    account(st, half, -(int64_t) (sizeof *held + held->pkt.len));
}

void
pp_held_drop(struct pp_stream *st, struct pp_half *half,
             struct ovs_list *list)
{
    struct pp_held *held;

    LIST_FOR_EACH_SAFE (held, node, list) {
        pp_held_remove(st, half, held);
        free(held);
    }
}
