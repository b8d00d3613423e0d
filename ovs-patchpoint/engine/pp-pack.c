/* SPDX-License-Identifier: Apache-2.0 */

/* Packed connections: see pp-pack.h.
 *
 * In: connections.  Out: the same in little space, or as they were.  Runs in
 * the engine and in the offline tool, for the flow stage; owns nothing. */

#include <config.h>

#include "engine/pp-pack.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-conn.h"
#include "util.h"

/* What is packed starts here. */
#define START offsetof(struct pp_conn, timer)

BUILD_ASSERT_DECL(START % sizeof(uint32_t) == 0);
BUILD_ASSERT_DECL(offsetof(struct pp_conn, inspect) % sizeof(uint64_t) == 0);

struct packed {
    struct pp_conn_head head;
    uint32_t words[];           /* Bitmap, then those that are not zero. */
};

/* Offsets that are as a rule what 'in_next' is; these are kept as differences
 * from it. */
static const size_t alike[] = {
    offsetof(struct pp_half, decided),
    offsetof(struct pp_half, told),
    offsetof(struct pp_half, high),
    offsetof(struct pp_half, acked),
    offsetof(struct pp_half, sent),
    offsetof(struct pp_half, end),
    offsetof(struct pp_half, edge),
};

static void
fold(struct pp_half *half)
{
    for (size_t i = 0; i < ARRAY_SIZE(alike); i++) {
        uint64_t *p = ALIGNED_CAST(uint64_t *, (uint8_t *) half + alike[i]);

        *p -= half->in_next;
    }
    half->fin = ~half->fin;
    half->out_fin = ~half->out_fin;
    /* They are empty. */
    memset(&half->held, 0, sizeof half->held);
    memset(&half->early, 0, sizeof half->early);
}

static void
unfold(struct pp_half *half)
{
    for (size_t i = 0; i < ARRAY_SIZE(alike); i++) {
        uint64_t *p = ALIGNED_CAST(uint64_t *, (uint8_t *) half + alike[i]);

        *p += half->in_next;
    }
    half->fin = ~half->fin;
    half->out_fin = ~half->out_fin;
    ovs_list_init(&half->held);
    ovs_list_init(&half->early);
}

static size_t
n_words(const struct pp_conn_head *head)
{
    return (pp_conn_size(head->proxy) - START) / sizeof(uint32_t);
}

bool
pp_pack_can(const struct pp_conn *conn)
{
    return (!conn->holder_class && !conn->timer.at && !conn->record
            && !conn->cut && !conn->inspect.state);
}

struct pp_conn_head *
pp_pack(struct pp_conn *conn)
{
    const uint32_t *from = ALIGNED_CAST(const uint32_t *,
                                        (uint8_t *) conn + START);
    size_t n = n_words(&conn->head);
    size_t bitmap = DIV_ROUND_UP(n, 32);
    struct packed *packed;
    size_t used = 0;

    memset(&conn->timer, 0, sizeof conn->timer);
    memset(&conn->holder, 0, sizeof conn->holder);
    fold(&conn->half[0]);
    fold(&conn->half[1]);
    pp_inspect_tidy(&conn->inspect, conn->head.proxy);
    for (size_t i = 0; i < n; i++) {
        used += from[i] != 0;
    }
    packed = xzalloc(sizeof *packed
                     + (bitmap + used) * sizeof *packed->words);
    packed->head = conn->head;
    packed->head.packed = true;
    used = bitmap;
    for (size_t i = 0; i < n; i++) {
        if (from[i]) {
            packed->words[i / 32] |= UINT32_C(1) << i % 32;
            packed->words[used++] = from[i];
        }
    }
    return &packed->head;
}

struct pp_conn *
pp_unpack(const struct pp_conn_head *head)
{
    const struct packed *packed = CONTAINER_OF(head, const struct packed,
                                               head);
    struct pp_conn *conn = xzalloc(pp_conn_size(head->proxy));
    uint32_t *to = ALIGNED_CAST(uint32_t *, (uint8_t *) conn + START);
    size_t n = n_words(head);
    const uint32_t *from = packed->words + DIV_ROUND_UP(n, 32);

    for (size_t i = 0; i < n; i += 32) {
        for (uint32_t bits = packed->words[i / 32]; bits;
             bits = zero_rightmost_1bit(bits)) {
            to[i + (size_t) raw_ctz(bits)] = *from++;
        }
    }
    conn->head = *head;
    conn->head.packed = false;
    unfold(&conn->half[0]);
    unfold(&conn->half[1]);
    return conn;
}
