/* SPDX-License-Identifier: Apache-2.0 */

/* A server that is in several VLANs, through the whole pipeline: what is said
 * in one of them is not taken for what is said in another, and nothing that
 * the server might take so gets by. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-alike.h"
#include "engine/pp-flow.h"
#include "engine/pp-ledger.h"
#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "suite.h"
#include "util.h"

#define TO PP_TO_SERVER
#define FROM PP_FROM_SERVER
#define ACK PP_TCP_ACK
#define SYN PP_TCP_SYN
#define FIN PP_TCP_FIN
#define RST PP_TCP_RST

/* A request that is corrected, what becomes of it, and one as long that
 * passes. */
#define REQUEST(QUERY) "GET /q?" QUERY " HTTP/1.1\r\nHost: a\r\n\r\n"
#define EVIL REQUEST("b=1&a[__proto__][x]=1&c=2")
#define CORRECTED REQUEST("b=1&a[__proto__]0=&c=2")
#define GOOD REQUEST("b=1&a[__grape__][x]=1&c=2")
#define LEN ((uint32_t) strlen(EVIL))
#define NEW_LEN ((uint32_t) strlen(CORRECTED))

/* Slots of the client's ports and of the server's, by VLAN. */
#define C(VLAN) ((uint16_t) (100 + (VLAN)))
#define S(VLAN) ((uint16_t) (200 + (VLAN)))
#define VLANS 20

static void
set_vlans(struct driver *d, bool in_vlans)
{
    struct pp_snap_slot slots[2 * VLANS];

    memset(slots, 0, sizeof slots);
    for (uint16_t vlan = 0; vlan < VLANS; vlan++) {
        slots[2 * vlan].slot = C(vlan);
        slots[2 * vlan + 1].slot = S(vlan);
        slots[2 * vlan + 1].server = 1;
        slots[2 * vlan].vlan = slots[2 * vlan + 1].vlan = vlan;
    }
    driver_set_slots(d, slots, ARRAY_SIZE(slots), in_vlans);
}

static struct driver *
make_driver(bool in_vlans)
{
    const struct pp_snap_service service = driver_service("http");
    struct pp_pool *pool = driver_pool("CVE-2022-24999");
    struct driver *d = driver_create(pool, PP_MODE_ENFORCE, &service, 1);

    pp_pool_unref(pool);
    set_vlans(d, in_vlans);
    return d;
}

/* Runs a segment from 'slot' with 'text' as its payload; NULL: none.  Returns
 * how many frames left. */
static size_t
say(struct driver *d, uint16_t slot, uint32_t seq, uint32_t ack,
    uint8_t flags, const char *text)
{
    struct frame *f = frame_tcp(slot < S(0) ? TO : FROM, false, seq, ack,
                                flags, text, text ? strlen(text) : 0);

    driver_forget(d);
    frame_set_slot(f, slot);
    driver_run(d, f);
    free(f);
    return d->n_out;
}

/* A handshake, all of which passes; the client is at 1,001, the server at
 * 5,001 afterwards. */
static void
connect_by(struct driver *d, uint16_t to, uint16_t from)
{
    ck_assert_uint_eq(say(d, to, 1000, 0, SYN, NULL), 1);
    ck_assert_uint_eq(say(d, from, 5000, 1001, SYN | ACK, NULL), 1);
    ck_assert_uint_eq(say(d, to, 1001, 5001, ACK, NULL), 1);
}

/* True if the server gets 'text' when the client, which has said nothing yet,
 * says EVIL. */
static bool
gets(struct driver *d, uint16_t to, const char *text)
{
    struct pp_packet pkt;

    if (!say(d, to, 1001, 5001, ACK, EVIL)) {
        return false;
    }
    pkt = driver_out(d, 0, PP_PACKET_TCP);
    return (pkt.slot == to && pkt.payload_len == strlen(text)
            && !memcmp(pkt.data + pkt.payload, text, pkt.payload_len));
}

static uint64_t
drops(const struct driver *d)
{
    return d->counters->flow_vlan_drops;
}

/* What was acknowledged in one VLAN lets nothing pass in the other; as it does
 * where the server is known to be in one only. */
START_TEST(test_apart)
{
    struct driver *d = make_driver(_i);

    connect_by(d, C(10), S(10));
    connect_by(d, C(11), S(11));
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, GOOD), 1);
    ck_assert_uint_eq(say(d, S(11), 5001, 1001 + LEN, ACK, NULL), 1);
    ck_assert_int_eq(gets(d, C(10), CORRECTED), _i);
    ck_assert_uint_eq(d->counters->flow_new, 1 + _i);
    ck_assert_uint_eq(drops(d), 0);
    driver_destroy(d);
}
END_TEST

/* There and back by different VLANs, and a connection there that leads back by
 * its own. */
START_TEST(test_two_ways)
{
    struct driver *d = make_driver(true);

    connect_by(d, C(10), S(11));
    connect_by(d, C(11), S(12));
    ck_assert(gets(d, C(10), CORRECTED));
    ck_assert_uint_eq(say(d, S(11), 5001, 1001 + NEW_LEN, ACK, NULL), 1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).ack, 1001 + LEN);
    ck_assert(gets(d, C(11), CORRECTED));
    ck_assert_uint_eq(drops(d), 0);
    driver_destroy(d);
}
END_TEST

/* A server that takes frames from any VLAN: nothing gets to it past the
 * connection that is inspected. */
START_TEST(test_one_host)
{
    struct driver *d = make_driver(true);

    connect_by(d, C(10), S(10));

    /* No connection there. */
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, EVIL), 0);
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, RST, NULL), 0);
    ck_assert_uint_eq(drops(d), 2);

    /* One that the server does not answer as such. */
    ck_assert_uint_eq(say(d, C(11), 1000, 0, SYN, NULL), 1);
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, EVIL), 0);
    ck_assert_uint_eq(say(d, S(10), 5001, 1001, ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, EVIL), 0);
    ck_assert_uint_eq(say(d, S(10), 5000, 1001, SYN | ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, EVIL), 0);
    ck_assert_uint_eq(say(d, C(11), 1001, 0, RST, NULL), 0);
    ck_assert_uint_eq(drops(d), 6);

    /* An acknowledgement alone is no answer to it. */
    ck_assert_uint_eq(say(d, S(12), 5001, 1001, ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, EVIL), 0);
    ck_assert_uint_eq(drops(d), 7);

    /* Nor does its answer to another SYN in yet another VLAN. */
    ck_assert_uint_eq(say(d, S(12), 7000, 2001, SYN | ACK, NULL), 0);
    ck_assert_uint_eq(drops(d), 8);

    ck_assert(gets(d, C(10), CORRECTED));
    driver_destroy(d);
}
END_TEST

/* Who is answered, the number of the SYN tells: there are no two of them with
 * the same one that wait. */
START_TEST(test_same_number)
{
    struct driver *d = make_driver(true);

    ck_assert_uint_eq(say(d, C(10), 1000, 0, SYN, NULL), 1);
    ck_assert_uint_eq(say(d, C(11), 1000, 0, SYN, NULL), 0);
    ck_assert_uint_eq(say(d, C(12), 2000, 0, SYN, NULL), 1);
    ck_assert_uint_eq(drops(d), 1);
    ck_assert_uint_eq(say(d, C(10), 1000, 0, SYN, NULL), 1);
    ck_assert_uint_eq(say(d, S(12), 5000, 1001, SYN | ACK, NULL), 1);
    ck_assert_uint_eq(say(d, S(10), 6000, 2001, SYN | ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(11), 1000, 0, SYN, NULL), 1);
    ck_assert(gets(d, C(10), CORRECTED));
    ck_assert_uint_eq(say(d, C(12), 2001, 6001, ACK, GOOD), 1);
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, GOOD), 0);
    ck_assert_uint_eq(drops(d), 2);
    driver_destroy(d);
}
END_TEST

/* The ports are used again, and the answer comes by another VLAN. */
START_TEST(test_other_way)
{
    struct driver *d = make_driver(true);

    connect_by(d, C(12), S(12));
    connect_by(d, C(10), S(10));
    ck_assert_uint_eq(say(d, C(10), 100, 0, SYN, NULL), 1);
    ck_assert_uint_eq(say(d, S(11), 900, 101, SYN | ACK, NULL), 1);
    ck_assert_uint_eq(d->counters->flow_reused, 1);
    ck_assert_uint_eq(say(d, C(11), 101, 901, ACK, GOOD), 0);
    ck_assert_uint_eq(drops(d), 1);
    ck_assert_uint_eq(say(d, C(10), 101, 901, ACK, GOOD), 1);
    ck_assert_uint_eq(say(d, S(11), 901, 101 + LEN, ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(10), 101 + LEN, 901, ACK, EVIL), 1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).payload_len,
                      NEW_LEN);
    ck_assert_uint_eq(d->counters->flow_new, 2);
    driver_destroy(d);
}
END_TEST

/* Where there is nothing to be taken for another, all is as in one VLAN. */
START_TEST(test_alone)
{
    struct driver *d = make_driver(true);
    uint64_t uninspected;

    /* In mid-stream. */
    ck_assert_uint_eq(say(d, C(10), 1001, 5001, ACK, EVIL), 1);
    ck_assert_uint_eq(say(d, S(10), 5001, 1001 + LEN, ACK, NULL), 1);
    ck_assert_uint_eq(d->counters->flow_midstream, 1);

    /* Both open; refused. */
    uninspected = d->counters->engine_uninspected_frames;
    ck_assert_uint_eq(say(d, C(10), 1000, 0, SYN, NULL), 1);
    ck_assert_uint_eq(say(d, S(11), 5000, 0, SYN, NULL), 1);
    ck_assert_uint_eq(say(d, S(11), 0, 1001, RST | ACK, NULL), 1);
    ck_assert_uint_eq(d->counters->engine_uninspected_frames, uninspected);

    /* Over, in one VLAN. */
    connect_by(d, C(10), S(10));
    ck_assert_uint_eq(say(d, C(10), 1001, 5001, FIN | ACK, NULL), 1);
    ck_assert_uint_eq(say(d, S(10), 5001, 1002, FIN | ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(10), 1002, 5002, ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, GOOD), 1);
    ck_assert_uint_eq(say(d, S(11), 5000, 777, SYN | ACK, NULL), 1);
    connect_by(d, C(11), S(10));
    ck_assert(gets(d, C(11), CORRECTED));
    ck_assert_uint_eq(say(d, S(10), 5001, 1001 + NEW_LEN, ACK, NULL), 1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).ack, 1001 + LEN);
    ck_assert_uint_eq(drops(d), 0);

    /* A slot that nobody has said anything of. */
    ck_assert_uint_eq(say(d, C(50), 1000, 0, SYN, NULL), 0);
    ck_assert_uint_eq(drops(d), 1);
    driver_destroy(d);
}
END_TEST

/* A server in one VLAN may be reached from any, and a client that moves takes
 * its connections along; also when the server's second VLAN is seen later. */
START_TEST(test_moves)
{
    struct driver *d = make_driver(false);

    connect_by(d, C(0), S(0));
    ck_assert_uint_eq(say(d, C(10), 1001, 5001, ACK, GOOD), 1);
    set_vlans(d, true);
    ck_assert_uint_eq(say(d, S(0), 5001, 1001 + LEN, ACK, NULL), 1);
    ck_assert_uint_eq(say(d, C(0), 1001 + LEN, 5001, ACK, EVIL), 0);
    ck_assert_uint_eq(say(d, C(10), 1001 + LEN, 5001, ACK, EVIL), 1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).payload_len,
                      NEW_LEN);
    ck_assert_uint_eq(d->counters->flow_midstream, 0);
    driver_destroy(d);
}
END_TEST

/* Packed ones are told apart, too, and stay packed while another is meant; a
 * server in many VLANs takes no more memory for them. */
START_TEST(test_packed)
{
    struct driver *d = make_driver(true);
    uint64_t memory;

    connect_by(d, C(10), S(10));
    driver_pass_time(d, PP_QUIET_MS + 1);
    memory = d->counters->memory;
    for (uint16_t vlan = 11; vlan < 14; vlan++) {
        connect_by(d, C(vlan), S(vlan));
    }
    driver_pass_time(d, PP_QUIET_MS + 1);
    /* The allocator may give a little more than for the first. */
    ck_assert_uint_lt(d->counters->memory, 4 * memory + 64);
    say(d, S(13), 5001, 1001, ACK, NULL);
    driver_pass_time(d, PP_QUIET_MS + 1);
    /* This one has more to say. */
    ck_assert_uint_le(d->counters->memory, 4 * memory + 32);
    for (uint16_t vlan = 10; vlan < 14; vlan++) {
        ck_assert(gets(d, C(vlan), CORRECTED));
    }
    ck_assert_uint_eq(drops(d), 0);
    driver_destroy(d);
}
END_TEST

/* At the bound, one more waits until another is forgotten. */
START_TEST(test_bound)
{
    struct driver *d = make_driver(true);
    uint16_t vlan;

    for (vlan = 1; vlan <= PP_ALIKE_MAX; vlan++) {
        connect_by(d, C(vlan), S(vlan));
    }
    ck_assert_uint_eq(say(d, C(vlan), 1000, 0, SYN, NULL), 0);
    ck_assert_uint_eq(drops(d), 1);
    ck_assert_uint_eq(say(d, S(1), 5001, 1001, RST | ACK, NULL), 1);
    driver_pass_time(d, PP_ENDING_MS + 1);
    connect_by(d, C(vlan), S(vlan));
    ck_assert(gets(d, C(vlan), CORRECTED));
    ck_assert_uint_eq(drops(d), 1);
    driver_destroy(d);
}
END_TEST

/* The next engine takes them over, each with its own numbers. */
START_TEST(test_ledger)
{
    struct pp_ledger_region *region = xzalloc(sizeof *region);
    size_t used, unused;
    struct driver *d = make_driver(true);

    pp_pipeline_take_ledger(d->pl, region);
    connect_by(d, C(10), S(11));
    connect_by(d, C(11), S(10));
    ck_assert(gets(d, C(10), CORRECTED));
    ck_assert_uint_eq(say(d, C(11), 1001, 5001, ACK, GOOD EVIL), 1);
    driver_destroy(d);

    /* One of them twice makes no sense. */
    for (used = 0; !region->records[used].head.used; used++) {
        continue;
    }
    unused = used ? 0 : PP_LEDGER_RECORDS - 1;
    ck_assert(!region->records[unused].head.used);
    region->records[unused] = region->records[used];

    d = make_driver(true);
    pp_pipeline_take_ledger(d->pl, region);
    ck_assert_uint_eq(d->counters->ledger_restored, 2);
    ck_assert_uint_eq(d->counters->ledger_lost, 1);
    ck_assert_uint_eq(say(d, S(11), 5001, 1001 + NEW_LEN, ACK, NULL), 1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).ack, 1001 + LEN);
    ck_assert_uint_eq(say(d, S(10), 5001, 1001 + LEN + NEW_LEN, ACK, NULL),
                      1);
    ck_assert_uint_eq(driver_out(d, 0, PP_PACKET_TCP).ack, 1001 + 2 * LEN);
    ck_assert_uint_eq(say(d, C(12), 1001, 5001, ACK, EVIL), 0);
    driver_destroy(d);
    free(region);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("vlans");
    TCase *tc = tcase_create("vlans");

    tcase_add_loop_test(tc, test_apart, 0, 2);
    tcase_add_test(tc, test_two_ways);
    tcase_add_test(tc, test_one_host);
    tcase_add_test(tc, test_same_number);
    tcase_add_test(tc, test_other_way);
    tcase_add_test(tc, test_alone);
    tcase_add_test(tc, test_moves);
    tcase_add_test(tc, test_packed);
    tcase_add_test(tc, test_bound);
    tcase_add_test(tc, test_ledger);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
