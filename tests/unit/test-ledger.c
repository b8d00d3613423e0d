/* SPDX-License-Identifier: Apache-2.0 */

/* The ledger: what an engine writes down another one reads, and nothing that
 * stands there can harm it. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-ledger.h"
#include "engine/pp-snapshot.h"
#include "engine/pp-stream-private.h"
#include "suite.h"
#include "util.h"

#define CONNS 40

struct world {
    struct pp_counters counters;
    struct pp_output output;
    struct pp_stream st;
    struct pp_ledger ledger;
    struct pp_snap_server server;
    struct pp_conn *conns[CONNS];
    int n_conns, n_gone_on;
};

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % n;
}

static void
drop_frame(void *aux OVS_UNUSED, uint32_t bridge OVS_UNUSED,
           const struct iovec *iov OVS_UNUSED, int n OVS_UNUSED)
{
}

static const struct pp_snap_server *
server_of(void *w_, const struct pp_conn *conn OVS_UNUSED)
{
    struct world *w = w_;

    return &w->server;
}

static struct pp_conn *
make(void *w_, const struct pp_ledger_head *head)
{
    struct world *w = w_;
    struct pp_conn *conn;

    if (w->n_conns == CONNS) {
        return NULL;
    }
    conn = w->conns[w->n_conns++] = xzalloc(sizeof *conn);
    pp_stream_conn_init(conn);
    conn->head.key.client = head->client.ip;
    conn->head.key.service = head->service.ip;
    conn->head.key.client_port = head->client.port;
    conn->head.key.service_port = head->service.port;
    return conn;
}

static void
forget(void *w_, struct pp_conn *conn)
{
    struct world *w = w_;

    ck_assert_ptr_eq(w->conns[--w->n_conns], conn);
    pp_stream_conn_destroy(&w->st, conn);
    free(conn);
}

static void
go_on(void *w_, struct pp_conn *conn)
{
    struct world *w = w_;

    w->n_gone_on++;
    pp_stream_without_packet(&w->st, conn);
    pp_stream_done(&w->st, conn);
}

static const struct pp_ledger_cbs cbs = { make, forget, go_on };

static struct world *
start(struct pp_ledger_region *region)
{
    struct world *w = xzalloc(sizeof *w);

    w->output.write = drop_frame;
    pp_stream_init(&w->st, &w->output, &w->counters);
    w->st.now = 1000;
    w->server.mac.ea[0] = 2;
    strcpy(w->server.name, "vm");
    w->ledger.server = server_of;
    w->ledger.aux = w;
    w->st.ledger = &w->ledger;
    pp_ledger_take(&w->ledger, region, &w->st, &cbs);
    return w;
}

/* Ends the engine: as it would end itself, or, if it 'dies', with what it had
 * written left as it is. */
static void
stop(struct world *w, bool dies)
{
    if (dies) {
        w->st.ledger = NULL;
    }
    for (int i = 0; i < w->n_conns; i++) {
        pp_stream_conn_destroy(&w->st, w->conns[i]);
        free(w->conns[i]);
    }
    ck_assert_uint_eq(w->st.held, 0);
    pp_stream_destroy(&w->st);
    free(w);
}

/* A connection of which 'n' bytes were taken out and 'm' put in, of which the
 * receiver has none, and all of which the engine owes. */
static void
edit(struct world *w, uint16_t port, uint32_t n, uint32_t m)
{
    struct pp_ledger_head head = { .vlan = 0 };
    struct pp_half *half;
    struct pp_conn *conn;
    uint8_t *bytes = xzalloc(m + 1);

    head.client.port = port;
    head.service.port = 80;
    conn = make(w, &head);
    conn->state = PP_CONN_INSPECTED;
    conn->half[0].has_isn = conn->half[1].has_isn = true;
    half = &conn->half[PP_TO_SERVER];
    half->in_next = half->decided = half->mine = half->high = 100 + n;
    half->sent = half->end = half->owned = 100 + m;
    half->acked = 100;
    memset(bytes, 'x', m);
    pp_stream_edit(&w->st, half, 100, n, m);
    pp_keep_append(&w->st, half, 100, bytes, m);
    free(bytes);
    pp_stream_done(&w->st, conn);
    ck_assert_uint_ne(conn->record, 0);
}

START_TEST(test_goes_on)
{
    struct pp_ledger_region *region = xzalloc(sizeof *region);
    struct world *w = start(region);

    edit(w, 1000, 10, 3);
    edit(w, 1001, 0, 20000);
    edit(w, 1002, 7, 0);
    ck_assert(region->records[w->conns[0]->record - 1].head.pinned);
    stop(w, true);

    for (int i = 0; i < 3; i++) {
        w = start(region);
        ck_assert_int_eq(w->n_gone_on, 3);
        ck_assert_uint_eq(w->counters.ledger_restored, 3);
        ck_assert_uint_eq(w->counters.ledger_lost, 0);
        for (int j = 0; j < 3; j++) {
            const struct pp_half *half = &w->conns[j]->half[PP_TO_SERVER];
            uint64_t kept = 0;

            ck_assert(w->conns[j]->restored);
            ck_assert_uint_eq(half->edits.n, 1);
            ck_assert_uint_eq(half->edits.entries[0].in, 100);
            for (const struct pp_keep *k = half->keep; k; k = k->next) {
                ck_assert_int_eq(k->data[0], 'x');
                kept += k->len;
            }
            ck_assert_uint_eq(kept, half->owned - half->acked);
        }
        stop(w, true);
    }
    /* Over: all is free again. */
    w = start(region);
    stop(w, false);
    w = start(region);
    ck_assert_int_eq(w->n_conns, 0);
    ck_assert_uint_eq(w->ledger.n_free, PP_LEDGER_RECORDS);
    ck_assert_uint_eq(w->ledger.n_free_blocks, PP_LEDGER_BLOCKS);
    stop(w, false);
    free(region);
}
END_TEST

START_TEST(test_over_when_acknowledged)
{
    struct pp_ledger_region *region = xzalloc(sizeof *region);
    struct world *w = start(region);
    struct pp_half *half;

    /* As long as both ends count alike again, and nothing is owed, it can do
     * without the engine. */
    edit(w, 1000, 5, 5);
    half = &w->conns[0]->half[PP_TO_SERVER];
    half->acked = half->sent;
    pp_stream_prune(&w->st, half, half->acked);
    pp_keep_release(&w->st, half);
    pp_stream_done(&w->st, w->conns[0]);
    ck_assert_uint_eq(w->conns[0]->record, 0);
    stop(w, true);
    w = start(region);
    ck_assert_int_eq(w->n_conns, 0);
    stop(w, true);
    free(region);
}
END_TEST

START_TEST(test_too_much)
{
    struct pp_ledger_region *region = xzalloc(sizeof *region);
    struct world *w = start(region);

    /* More than a record may have: lost with the engine, and counted. */
    edit(w, 1000, 0, 65 * PP_LEDGER_BLOCK_SIZE);
    edit(w, 1001, 1, 1);
    stop(w, true);
    w = start(region);
    ck_assert_int_eq(w->n_conns, 1);
    ck_assert_uint_eq(w->counters.ledger_lost, 1);
    ck_assert_uint_eq(w->ledger.n_free_blocks, PP_LEDGER_BLOCKS);
    stop(w, true);
    free(region);
}
END_TEST

START_TEST(test_another_layout)
{
    struct pp_ledger_region *region = xzalloc(sizeof *region);
    struct world *w = start(region);

    edit(w, 1000, 10, 3);
    stop(w, true);
    region->layout++;
    w = start(region);
    ck_assert_int_eq(w->n_conns, 0);
    ck_assert_uint_eq(w->counters.ledger_lost, 1);
    stop(w, true);
    free(region);
}
END_TEST

START_TEST(test_hostile)
{
    struct pp_ledger_region *region = xzalloc(sizeof *region);
    struct world *w = start(region);
    struct pp_ledger_record *good;
    int restored = 0, lost = 0;

    for (uint16_t i = 0; i < 12; i++) {
        edit(w, (uint16_t) (1000 + i), rnd(50), rnd(2) ? rnd(9000) : rnd(50));
    }
    stop(w, true);
    for (uint32_t i = 0; i < 12; i++) {
        ck_assert(region->records[i].head.used);
    }
    good = xmemdup(region->records, 12 * sizeof *good);
    for (int round = 0; round < 1000; round++) {
        memcpy(region->records, good, 12 * sizeof *good);
        for (uint32_t i = 0; i < 12; i++) {
            uint8_t *p = (uint8_t *) &region->records[i];

            for (uint32_t n = rnd(6); n; n--) {
                size_t at = rnd(2) ? rnd(1600) : rnd(PP_LEDGER_RECORD_SIZE);

                p[at] = (uint8_t) (rnd(3) ? rnd(256) : rnd(2) ? 0 : 0xff);
            }
        }
        w = start(region);
        restored += (int) w->counters.ledger_restored;
        lost += (int) w->counters.ledger_lost;
        stop(w, rnd(2));
    }
    ck_assert_int_gt(restored, 100);
    ck_assert_int_gt(lost, 100);
    free(good);
    free(region);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tc = tcase_create("ledger");

    tcase_set_timeout(tc, 0);
    tcase_add_test(tc, test_goes_on);
    tcase_add_test(tc, test_over_when_acknowledged);
    tcase_add_test(tc, test_too_much);
    tcase_add_test(tc, test_another_layout);
    tcase_add_test(tc, test_hostile);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
