/* SPDX-License-Identifier: Apache-2.0 */

/* Servers with little room: what is offered to the client meanwhile, how long
 * the engine tries to deliver, and how it gives up. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "suite.h"
#include "util.h"

#define HEAD "GET /a HTTP/1.1\r\nHost: a\r\nX: 0123456789"
#define MORE "0123456789"
#define REST "\r\n\r\n"
#define ROOM ((uint16_t) strlen(HEAD))  /* The server has, for bytes. */

/* The server says that it has all up to 'ack', and room for 'window' more. */
static void
server_says(struct driver *d, uint8_t flags, uint32_t ack, uint16_t window)
{
    struct frame *f = frame_tcp(PP_FROM_SERVER, false,
                                flags & PP_TCP_SYN ? 5000 : 5001, ack, flags,
                                NULL, 0);
    static struct pp_counters ignore;
    struct pp_packet pkt;

    ck_assert_int_eq(pp_packet_in(&pkt, &f->vnet, f->data, f->len, &ignore),
                     PP_PACKET_TCP);
    pp_packet_set_window(&pkt, window);
    driver_run(d, f);
    free(f);
}

static void
client_says(struct driver *d, uint8_t flags, uint32_t seq, const char *s)
{
    struct frame *f = frame_tcp(PP_TO_SERVER, false, seq,
                                flags & PP_TCP_SYN ? 0 : 5001, flags, s,
                                strlen(s));

    driver_run(d, f);
    free(f);
}

/* A server with room for 'room' bytes. */
static struct driver *
open_connection(uint16_t room)
{
    struct pp_snap_service service = driver_service("http");
    struct pp_pool *pool = driver_pool("CVE-2014-3744");
    struct driver *d = driver_create(pool, PP_MODE_ENFORCE, &service, 1);

    pp_pool_unref(pool);
    client_says(d, PP_TCP_SYN, 1000, "");
    server_says(d, PP_TCP_SYN | PP_TCP_ACK, 1001, room);
    client_says(d, PP_TCP_ACK, 1001, "");
    return d;
}

/* A request of which the engine has acknowledged HEAD and MORE, to a server
 * that has taken ROOM bytes of it and has no room for more. */
static struct driver *
make_driver(void)
{
    struct driver *d = open_connection(ROOM);

    client_says(d, PP_TCP_ACK, 1001, HEAD);
    driver_pass_time(d, 10);
    client_says(d, PP_TCP_ACK, 1001 + ROOM, MORE);
    driver_pass_time(d, 10);
    ck_assert_uint_eq(d->counters->stream_hold_acks, 2);
    client_says(d, PP_TCP_ACK, 1001 + ROOM + strlen(MORE), REST);
    server_says(d, PP_TCP_ACK, 1001 + ROOM, 0);
    driver_forget(d);
    return d;
}

/* Lets 'seconds' pass, a quarter at a time.  If 'answers', the server answers
 * each probe: it has no room.  Returns how many there were. */
static unsigned int
wait_for_server(struct driver *d, unsigned int seconds, bool answers)
{
    unsigned int probes = 0;

    for (unsigned int i = 0; i < 4 * seconds; i++) {
        size_t n = d->n_out;

        driver_pass_time(d, 250);
        if (d->n_out > n) {
            probes++;
            if (answers) {
                server_says(d, PP_TCP_ACK, 1001 + ROOM, 0);
            }
        }
    }
    return probes;
}

/* While a message is undecided, its sender is offered room for the rest of it,
 * however little the server has: in the engine's own acknowledgements, and in
 * the server's that pass, of whose room nothing is left behind the bytes that
 * the engine has acknowledged.  Else both would wait for each other for
 * good. */
START_TEST(test_offer)
{
    struct driver *d = open_connection(ROOM);
    struct pp_packet pkt;

    client_says(d, PP_TCP_ACK, 1001, HEAD);
    driver_forget(d);
    driver_pass_time(d, 10);
    ck_assert_uint_eq(d->n_out, 1);
    pkt = driver_out(d, 0, PP_PACKET_TCP);
    ck_assert_uint_eq(pkt.slot, SERVER_SLOT);
    ck_assert_uint_eq(pkt.ack, 1001 + ROOM);
    ck_assert_uint_gt(pkt.window, 0);

    server_says(d, PP_TCP_ACK, 1001, ROOM);
    ck_assert_uint_eq(d->n_out, 2);
    pkt = driver_out(d, 1, PP_PACKET_TCP);
    ck_assert_uint_eq(pkt.ack, 1001 + ROOM);
    ck_assert_uint_gt(pkt.window, 0);
    driver_destroy(d);
}
END_TEST

/* It is never offered more than the server ever had: it would make segments of
 * a size that a server with a small buffer takes none of any more (RFC 9293
 * 3.8.6.2.2). */
START_TEST(test_offer_bound)
{
    struct driver *d = open_connection(1000);
    struct pp_packet pkt;

    client_says(d, PP_TCP_ACK, 1001, HEAD);
    driver_pass_time(d, 10);
    client_says(d, PP_TCP_ACK, 1001 + ROOM, MORE);
    driver_forget(d);
    /* The engine has said that it has HEAD, and not yet that it has MORE. */
    server_says(d, PP_TCP_ACK, 1001, 1000);
    ck_assert_uint_eq(d->n_out, 1);
    pkt = driver_out(d, 0, PP_PACKET_TCP);
    ck_assert_uint_eq(pkt.ack, 1001 + ROOM);
    ck_assert_uint_eq(pkt.window, 1000);
    driver_destroy(d);
}
END_TEST

/* A server that says nothing any more is given up after 100 s. */
START_TEST(test_silent)
{
    struct driver *d = make_driver();

    ck_assert_uint_ge(wait_for_server(d, 90, false), 7);
    ck_assert_uint_eq(d->counters->stream_gave_up, 0);
    wait_for_server(d, 20, false);
    ck_assert_uint_eq(d->counters->stream_gave_up, 1);
    driver_destroy(d);
}
END_TEST

/* One that answers probes is waited for, however long it has no room (RFC 9293
 * 3.8.6.1). */
START_TEST(test_slow_reader)
{
    struct driver *d = make_driver();

    ck_assert_uint_ge(wait_for_server(d, 600, true), 8);
    ck_assert_uint_eq(d->counters->stream_gave_up, 0);
    driver_destroy(d);
}
END_TEST

/* What a RST says towards a server without room has to be just what that
 * expects, or it is not taken (RFC 5961 3.2). */
START_TEST(test_reset_number)
{
    struct driver *d = make_driver();
    bool taken = false;

    wait_for_server(d, 90, false);
    driver_forget(d);
    wait_for_server(d, 30, false);
    ck_assert_uint_eq(d->counters->stream_gave_up, 1);
    for (size_t i = 0; i < d->n_out; i++) {
        struct pp_packet pkt = driver_out(d, i, PP_PACKET_TCP);

        taken |= (pkt.slot == CLIENT_SLOT && pkt.flags & PP_TCP_RST
                  && pkt.seq == 1001 + ROOM);
    }
    ck_assert(taken);
    driver_destroy(d);
}
END_TEST

/* What the engine puts into segments of its own is for a receiver with a small
 * buffer no larger than its sender would have made it. */
START_TEST(test_segments)
{
    struct driver *d = open_connection(1000);
    char more[301];
    uint32_t seq = 1001;
    struct pp_packet pkt;

    client_says(d, PP_TCP_ACK, seq, HEAD);
    seq += (uint32_t) strlen(HEAD);
    memset(more, 'x', 300);
    more[300] = '\0';
    for (int i = 0; i < 3; i++) {
        driver_pass_time(d, 10);
        client_says(d, PP_TCP_ACK, seq, more);
        seq += 300;
    }
    client_says(d, PP_TCP_ACK, seq, REST);
    driver_forget(d);

    /* All is lost, and told to the client: the engine sends it again. */
    driver_pass_time(d, 300);
    ck_assert_uint_eq(d->n_out, 1);
    pkt = driver_out(d, 0, PP_PACKET_TCP);
    ck_assert_uint_eq(pkt.seq, 1001);
    ck_assert_uint_eq(pkt.payload_len, 1000 / 2);
    driver_destroy(d);
}
END_TEST

/* A client's segment without a byte, at 'seq', leaves at 1001. */
static void
check_place(struct driver *d, uint32_t seq)
{
    driver_forget(d);
    client_says(d, PP_TCP_ACK, seq, "");
    ck_assert_uint_eq(d->n_out, 1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).seq, 1001);
}

/* A segment that is ahead of what the server has stands where later ones do: a
 * server takes no window from an earlier place than before (RFC 9293
 * 3.10.7.4), and would not learn that its client has room again. */
START_TEST(test_place)
{
    struct driver *d = open_connection(1000);
    uint32_t held = 1001 + (uint32_t) strlen(HEAD);

    check_place(d, held);               /* What is before it was lost... */
    client_says(d, PP_TCP_ACK, 1001, HEAD);
    check_place(d, held);               /* ...is held... */
    check_place(d, held + 10);
    driver_pass_time(d, 10);
    check_place(d, held);               /* ...and acknowledged. */

    driver_forget(d);
    client_says(d, PP_TCP_ACK, held, REST);
    ck_assert_str_eq(driver_said(d, PP_TO_SERVER), HEAD REST);
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("small-room");
    TCase *tc = tcase_create("small-room");

    tcase_add_test(tc, test_offer);
    tcase_add_test(tc, test_offer_bound);
    tcase_add_test(tc, test_silent);
    tcase_add_test(tc, test_slow_reader);
    tcase_add_test(tc, test_reset_number);
    tcase_add_test(tc, test_segments);
    tcase_add_test(tc, test_place);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
