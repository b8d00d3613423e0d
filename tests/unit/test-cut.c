/* SPDX-License-Identifier: Apache-2.0 */

/* Cut-through, as far as the engine goes: which connections leave, what is
 * asked of control, and that no new connection slips through by the ports of
 * an old one. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-cut.h"
#include "engine/pp-flow.h"
#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "suite.h"
#include "util.h"

static const char hello[] = "\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03";
static const char edited[] =
    "GET /q?first=1&a%5B__proto__%5D%5Blength%5D=9&last=2 HTTP/1.1\r\n"
    "Host: a\r\n\r\n";
static const char upgrade[] = "GET /chat HTTP/1.1\r\nHost: a\r\n"
    "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n";
static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n"
    "Connection: upgrade\r\nUpgrade: echo\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/* Both ends of the connection, and what each has. */
struct ends {
    struct driver *d;
    bool ipv6;
    uint32_t next[2];           /* By enum pp_dir: to be sent next. */
    uint32_t seen[2];           /* What the other one acknowledges. */
};

static struct driver *
make_driver(void)
{
    const struct pp_snap_service service = driver_service("http");
    struct pp_pool *pool = driver_pool("CVE-2022-24999");
    struct driver *d = driver_create(pool, PP_MODE_ENFORCE, &service, 1);

    pp_pool_unref(pool);
    return d;
}

static struct ends
connected(struct driver *d, bool ipv6)
{
    driver_connect(d, ipv6);
    return (struct ends) {
        .d = d, .ipv6 = ipv6, .next = { 1001, 5001 },
        .seen = { 1001, 5001 },
    };
}

/* A segment with 'flags' and the 'n' bytes at 'data'. */
static void
say(struct ends *e, enum pp_dir dir, uint8_t flags, const char *data,
    size_t n)
{
    struct frame *f = frame_tcp(dir, e->ipv6, e->next[dir], e->seen[!dir],
                                flags, data, n);

    driver_run(e->d, f);
    free(f);
    e->next[dir] += (uint32_t) n + !!(flags & PP_TCP_FIN);
}

/* The same, and the other end acknowledges it. */
static void
tell(struct ends *e, enum pp_dir dir, const char *data, size_t n)
{
    say(e, dir, PP_TCP_ACK | PP_TCP_PSH, data, n);
    e->seen[dir] = e->next[dir];
    say(e, !dir, PP_TCP_ACK, NULL, 0);
}

static void
chat(struct ends *e, int n)
{
    for (int i = 0; i < n; i++) {
        tell(e, i % 2 ? PP_FROM_SERVER : PP_TO_SERVER, "12345678", 8);
    }
}

static void
begin_tls(struct ends *e)
{
    tell(e, PP_TO_SERVER, hello, sizeof hello - 1);
    tell(e, PP_FROM_SERVER, hello, 4);
}

static size_t
asked(struct driver *d)
{
    driver_forget(d);
    pp_pipeline_ask_cuts(d->pl);
    return d->n_asked;
}

/* A connection that has left the engine.  Returns its id. */
static uint64_t
leave(struct ends *e)
{
    begin_tls(e);
    chat(e, PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(e->d), 1);
    ck_assert(!e->d->asked[0].undo);
    return e->d->asked[0].id;
}

static void
syn(struct ends *e, uint32_t seq)
{
    struct frame *f = frame_tcp(PP_TO_SERVER, e->ipv6, seq, 0, PP_TCP_SYN,
                                NULL, 0);

    driver_run(e->d, f);
    free(f);
}

/* The server answers the SYN with number 'isn', and the handshake ends. */
static void
open_anew(struct ends *e, uint32_t isn)
{
    *e = (struct ends) {
        .d = e->d, .ipv6 = e->ipv6, .next = { isn + 1, 777000 + isn },
        .seen = { isn + 1, 777001 + isn },
    };
    say(e, PP_FROM_SERVER, PP_TCP_SYN | PP_TCP_ACK, NULL, 0);
    e->next[PP_FROM_SERVER]++;
    say(e, PP_TO_SERVER, PP_TCP_ACK, NULL, 0);
}

/* Is control asked, and about nothing else, to undo 'id'? */
static void
ck_undo(struct driver *d, uint64_t id)
{
    ck_assert_uint_eq(asked(d), 1);
    ck_assert(d->asked[0].undo);
    ck_assert_uint_eq(d->asked[0].id, id);
}

START_TEST(test_leaves)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, _i);
    const struct pp_ipc_cut *row = &d->asked[0];

    begin_tls(&e);
    ck_assert_uint_eq(asked(d), 0);
    chat(&e, 4);
    ck_assert_uint_eq(asked(d), 0);
    chat(&e, 2 * PP_CUT_FRAMES);
    ck_assert_uint_eq(d->n_out, 4 * PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), 1);
    ck_assert(!row->undo);
    ck_assert_uint_eq(row->server, 1);
    ck_assert_uint_eq(row->slot[PP_TO_SERVER], CLIENT_SLOT);
    ck_assert_uint_eq(row->slot[PP_FROM_SERVER], SERVER_SLOT);
    ck_assert_uint_eq(row->client.port, CLIENT_PORT);
    ck_assert_uint_eq(row->service.port, 80);
    ck_assert_uint_eq(IN6_IS_ADDR_V4MAPPED(&row->client.ip), !_i);
    ck_assert_uint_eq(d->counters->cut_through, 1);
    /* Once, and what still comes passes. */
    chat(&e, PP_CUT_FRAMES);
    ck_assert_uint_eq(d->n_out, 2 * PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), 0);
    driver_destroy(d);
}
END_TEST

/* While its handshake may end once more, what the client sends stays. */
START_TEST(test_young)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, _i);
    uint32_t first[2] = { e.next[PP_TO_SERVER], e.next[PP_FROM_SERVER] };
    struct ends again = e;
    uint64_t id = leave(&e);

    ck_assert(!d->asked[0].both);
    for (int i = 0; i < 2; i++) {
        driver_forget(d);
        again.next[PP_TO_SERVER] = first[PP_TO_SERVER];
        again.seen[PP_FROM_SERVER] = first[PP_FROM_SERVER];
        say(&again, PP_TO_SERVER, PP_TCP_ACK, i ? edited : NULL,
            i ? sizeof edited - 1 : 0);
        ck_assert_uint_eq(d->n_out, 0);
        ck_assert_uint_eq(d->counters->cut_again, i + 1);
    }
    driver_pass_time(d, PP_CLOSED_MS - 1);
    chat(&e, 2);
    ck_assert_uint_eq(d->n_out, 4);
    ck_assert_uint_eq(asked(d), 0);
    driver_pass_time(d, 1);
    say(&e, PP_FROM_SERVER, PP_TCP_ACK, NULL, 0);
    ck_assert_uint_eq(asked(d), 0);
    say(&e, PP_TO_SERVER, PP_TCP_ACK, NULL, 0);
    ck_assert_uint_eq(asked(d), 1);
    ck_assert(!d->asked[0].undo);
    ck_assert(d->asked[0].both);
    ck_assert_uint_eq(d->asked[0].id, id);
    ck_assert_uint_eq(d->counters->cut_through, 1);
    say(&e, PP_TO_SERVER, PP_TCP_RST, NULL, 0);
    ck_undo(d, id);
    driver_destroy(d);
}
END_TEST

/* The end of a connection that is to be asked for in both directions, but
 * has been in one: control has to know. */
START_TEST(test_ends_when_old)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);
    uint64_t id = leave(&e);

    driver_pass_time(d, PP_CLOSED_MS);
    say(&e, PP_TO_SERVER, PP_TCP_ACK, NULL, 0);
    say(&e, PP_TO_SERVER, PP_TCP_RST, NULL, 0);
    ck_undo(d, id);
    driver_destroy(d);
}
END_TEST

/* A connection behind '_i' others with the same addresses and ports. */
START_TEST(test_crowded)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);
    struct ends former = e;

    for (int i = 0; i < _i; i++) {
        uint32_t isn = 900000 + 1000 * (uint32_t) i;

        former = e;
        syn(&e, isn);
        open_anew(&e, isn);
    }
    begin_tls(&e);
    chat(&e, 2 * PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), _i <= PP_FORMERS);
    driver_forget(d);
    former.next[PP_TO_SERVER] = e.next[PP_TO_SERVER];
    say(&former, PP_TO_SERVER, PP_TCP_ACK, edited, sizeof edited - 1);
    ck_assert_uint_eq(d->n_out, 0);
    if (_i > PP_FORMERS) {
        driver_pass_time(d, PP_CLOSED_MS);
        chat(&e, 2 * PP_CUT_FRAMES);
        ck_assert_uint_eq(asked(d), 1);
        ck_assert(d->asked[0].both);
    }
    driver_destroy(d);
}
END_TEST

START_TEST(test_not_in_step)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);

    /* Upgraded, but the server has not got it all: other bytes in the place
     * of these must not reach it. */
    say(&e, PP_TO_SERVER, PP_TCP_ACK, upgrade, sizeof upgrade - 1);
    say(&e, PP_FROM_SERVER, PP_TCP_ACK, switching, sizeof switching - 1);
    for (int i = 0; i < 3 * PP_CUT_FRAMES; i++) {
        say(&e, PP_FROM_SERVER, PP_TCP_ACK, "12345678", 8);
    }
    ck_assert_uint_eq(asked(d), 0);
    e.seen[PP_TO_SERVER] = e.next[PP_TO_SERVER];
    e.seen[PP_FROM_SERVER] = e.next[PP_FROM_SERVER];
    chat(&e, PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), 1);
    driver_destroy(d);
}
END_TEST

START_TEST(test_edited)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);
    struct pp_packet pkt;

    say(&e, PP_TO_SERVER, PP_TCP_ACK, edited, sizeof edited - 1);
    ck_assert_uint_eq(d->counters->correct_edits, 1);
    pkt = driver_out(d, 0, PP_PACKET_TCP);
    /* The server has less. */
    e.seen[PP_TO_SERVER] = pkt.seq + pkt.payload_len;
    ck_assert_uint_lt(e.seen[PP_TO_SERVER], e.next[PP_TO_SERVER]);
    say(&e, PP_FROM_SERVER, PP_TCP_ACK, answer, sizeof answer - 1);
    e.seen[PP_FROM_SERVER] = e.next[PP_FROM_SERVER];
    say(&e, PP_TO_SERVER, PP_TCP_ACK, upgrade, sizeof upgrade - 1);
    e.seen[PP_TO_SERVER] += (uint32_t) sizeof upgrade - 1;
    say(&e, PP_FROM_SERVER, PP_TCP_ACK, switching, sizeof switching - 1);
    for (int i = 0; i < 3 * PP_CUT_FRAMES; i++) {
        e.seen[PP_FROM_SERVER] = e.next[PP_FROM_SERVER];
        say(&e, PP_TO_SERVER, PP_TCP_ACK, "12345678", 8);
        e.seen[PP_TO_SERVER] += 8;
        say(&e, PP_FROM_SERVER, PP_TCP_ACK, "12345678", 8);
    }
    ck_assert_uint_eq(d->counters->proxy_opaque, 1);
    ck_assert_uint_eq(asked(d), 0);
    driver_destroy(d);
}
END_TEST

START_TEST(test_reused)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);
    uint64_t id = leave(&e);

    driver_forget(d);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 0);
    ck_assert_uint_eq(d->counters->cut_syns, 1);
    ck_undo(d, id);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 0);
    ck_assert_uint_eq(asked(d), 0);
    driver_pass_time(d, 100 * PP_CUT_GRACE_MS);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 0);

    /* Others' ids say nothing. */
    pp_pipeline_uncut(d->pl, id + 1);
    pp_pipeline_uncut(d->pl, id + (UINT64_C(1) << 32));
    pp_pipeline_uncut(d->pl, UINT64_MAX);
    driver_pass_time(d, 2 * PP_CUT_GRACE_MS);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 0);

    pp_pipeline_uncut(d->pl, id);
    driver_pass_time(d, PP_CUT_GRACE_MS - 1);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 0);
    driver_pass_time(d, 1);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 1);

    /* What follows is inspected. */
    open_anew(&e, 900000);
    say(&e, PP_TO_SERVER, PP_TCP_ACK, edited, sizeof edited - 1);
    ck_assert_uint_eq(d->counters->correct_edits, 1);
    driver_destroy(d);
}
END_TEST

START_TEST(test_asked_for_in_vain)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);

    /* Control does not hear; what was never asked for is not undone. */
    d->deaf = true;
    begin_tls(&e);
    chat(&e, PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), 0);
    ck_assert(pp_pipeline_has_cuts_to_ask(d->pl));
    d->deaf = false;
    ck_assert_uint_eq(asked(d), 1);
    ck_assert(!pp_pipeline_has_cuts_to_ask(d->pl));

    /* Control refuses. */
    pp_pipeline_uncut(d->pl, d->asked[0].id);
    chat(&e, PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), 0);
    driver_pass_time(d, PP_CUT_GRACE_MS);
    d->deaf = true;
    chat(&e, PP_CUT_FRAMES);
    ck_assert(pp_pipeline_has_cuts_to_ask(d->pl));
    driver_forget(d);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 1);
    ck_assert(!pp_pipeline_has_cuts_to_ask(d->pl));
    driver_destroy(d);
}
END_TEST

START_TEST(test_ends)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);
    uint64_t id = leave(&e);

    switch (_i) {
    case 0:
        say(&e, PP_TO_SERVER, PP_TCP_ACK | PP_TCP_FIN, NULL, 0);
        ck_assert_uint_eq(asked(d), 0);         /* Half open. */
        say(&e, PP_FROM_SERVER, PP_TCP_ACK | PP_TCP_FIN, NULL, 0);
        ck_assert_uint_eq(d->n_out, 1);
        break;
    case 1:
        say(&e, PP_TO_SERVER, PP_TCP_RST, NULL, 0);
        break;
    default:
        say(&e, PP_FROM_SERVER, PP_TCP_RST, NULL, 0);
        break;
    }
    ck_undo(d, id);
    driver_pass_time(d, 100 * PP_CLOSED_MS);
    ck_assert_uint_eq(d->counters->conns, 1);
    pp_pipeline_uncut(d->pl, id);
    driver_pass_time(d, PP_CUT_GRACE_MS);
    driver_pass_time(d, PP_CLOSED_MS);
    ck_assert_uint_eq(d->counters->conns, _i == 1);
    driver_destroy(d);
}
END_TEST

START_TEST(test_flows_that_do_not_fit)
{
    struct driver *d = make_driver();
    struct ends e = connected(d, false);
    uint64_t id = leave(&e);

    chat(&e, 2 * PP_CUT_MISSED_FRAMES);
    ck_assert_uint_eq(asked(d), 0);
    driver_pass_time(d, PP_CUT_MISSED_MS + 1);
    chat(&e, PP_CUT_MISSED_FRAMES);
    ck_undo(d, id);
    driver_destroy(d);
}
END_TEST

START_TEST(test_bounds)
{
    struct pp_limits limits = pp_limits_default();
    struct driver *d = make_driver();
    struct ends e = connected(d, false);
    uint64_t id = leave(&e);
    struct ends f;

    /* What is cut through makes room for no other connection. */
    limits.conns = 1;
    pp_pipeline_set_limits(d->pl, &limits);
    driver_forget(d);
    connected(d, true);
    driver_pass_time(d, 0);
    ck_assert_uint_eq(d->counters->conns, 1);
    ck_assert_uint_eq(d->counters->flow_table_full, 1);
    limits.conns = 2;
    pp_pipeline_set_limits(d->pl, &limits);
    driver_forget(d);
    f = connected(d, true);
    driver_pass_time(d, 0);
    ck_assert_uint_eq(d->counters->conns, 2);

    /* One more than DRIVER_CUTS_MAX. */
    tell(&f, PP_TO_SERVER, hello, sizeof hello - 1);
    chat(&f, PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), 0);
    ck_assert_uint_ge(d->counters->cut_full, 1);
    syn(&e, 900000);
    ck_assert_uint_eq(d->n_out, 0);
    ck_undo(d, id);
    pp_pipeline_uncut(d->pl, id);
    driver_pass_time(d, PP_CUT_GRACE_MS);
    chat(&f, PP_CUT_FRAMES);
    ck_assert_uint_eq(asked(d), 1);
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("cut-through");
    TCase *tc = tcase_create("engine");

    tcase_add_loop_test(tc, test_leaves, 0, 2);
    tcase_add_loop_test(tc, test_young, 0, 2);
    tcase_add_test(tc, test_ends_when_old);
    tcase_add_loop_test(tc, test_crowded, 1, PP_FORMERS + 2);
    tcase_add_test(tc, test_not_in_step);
    tcase_add_test(tc, test_edited);
    tcase_add_test(tc, test_reused);
    tcase_add_test(tc, test_asked_for_in_vain);
    tcase_add_loop_test(tc, test_ends, 0, 3);
    tcase_add_test(tc, test_flows_that_do_not_fit);
    tcase_add_test(tc, test_bounds);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
