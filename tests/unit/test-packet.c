/* SPDX-License-Identifier: Apache-2.0 */

/* Packet in: frames in which more stands, or stands elsewhere, than they seem
 * to say. */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "patch/pp-pool.h"
#include "pipeline-driver.h"
#include "suite.h"
#include "util.h"

#define REQUEST "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
#define BEHIND "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"

static struct driver *
make_driver(enum pp_fail fail)
{
    struct pp_snap_service service = driver_service("http");
    struct pp_pool *pool = driver_pool("CVE-2014-3744");
    struct driver *d;

    service.fail = (uint8_t) fail;
    d = driver_create(pool, PP_MODE_ENFORCE, &service, 1);
    pp_pool_unref(pool);
    return d;
}

static struct frame *
request(bool ipv6)
{
    return frame_tcp(PP_TO_SERVER, ipv6, 1001, 5001, PP_TCP_ACK, REQUEST,
                     strlen(REQUEST));
}

/* Puts 'n' bytes into the frame at 'ofs'. */
static void
put_in(struct frame *f, size_t ofs, const void *p, size_t n)
{
    memmove(f->data + ofs + n, f->data + ofs, f->len - ofs);
    memcpy(f->data + ofs, p, n);
    f->len += n;
}

/* Bytes behind the packet leave with the frame, but for one that is still to
 * be cut into segments: there they would become the server's. */
START_TEST(test_trailer)
{
    struct driver *d = make_driver(PP_FAIL_OPEN);
    bool ipv6 = _i & 1, cut = _i & 2;
    struct frame *f = request(ipv6);
    size_t len = f->len;

    driver_connect(d, ipv6);
    driver_forget(d);
    if (cut) {
        f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        f->vnet.gso_type = (ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                            : VIRTIO_NET_HDR_GSO_TCPV4);
        f->vnet.gso_size = 10;
    }
    memcpy(f->data + len, BEHIND, strlen(BEHIND));
    f->len += strlen(BEHIND);
    driver_run(d, f);
    ck_assert_uint_eq(d->n_out, 1);
    ck_assert_uint_eq(d->out[0]->len, cut ? len : f->len);
    ck_assert_mem_eq(d->out[0]->data, f->data, len);
    free(f);
    driver_destroy(d);
}
END_TEST

/* A packet that is too long for its receiver, and has no checksum yet, is to
 * be cut by whoever makes that; all else stays as it came. */
START_TEST(test_mark_long)
{
    struct pp_counters counters = { 0 };
    uint16_t n = (uint16_t) strlen(REQUEST);
    bool ipv6 = _i & 1, partial = _i & 2;
    struct frame *f = request(ipv6);
    struct pp_packet pkt;

    f->vnet.flags = partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0;
    ck_assert_int_eq(pp_packet_in(&pkt, &f->vnet, f->data, f->len, &counters),
                     PP_PACKET_TCP);
    pp_packet_mark_long(&pkt, 0);
    pp_packet_mark_long(&pkt, n);
    ck_assert_uint_eq(pkt.vnet.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    pp_packet_mark_long(&pkt, (uint16_t) (n - 1));
    if (partial) {
        ck_assert_uint_eq(pkt.vnet.gso_type, ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
                          : VIRTIO_NET_HDR_GSO_TCPV4);
        ck_assert_uint_eq(pkt.vnet.gso_size, n - 1);
        ck_assert_uint_eq(pkt.vnet.hdr_len, pkt.payload);
    } else {
        ck_assert_uint_eq(pkt.vnet.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    }
    free(f);
}
END_TEST

/* A frame whose packet leads on, and one whose way is at its end. */
static struct frame *
led(bool ipv6, bool on)
{
    /* RFC 791 3.1, a pointer behind the only address; RFC 8200 4.4. */
    uint8_t option[] = { 131, 7, on ? 4 : 8, 10, 0, 0, 9, 0 };
    uint8_t header[24] = { IPPROTO_TCP, 2, 4, on };
    struct frame *f = request(ipv6);
    uint8_t *ip = f->data + FRAME_L3;

    if (ipv6) {
        ip[5] = (uint8_t) (ip[5] + sizeof header);
        ip[6] = IPPROTO_ROUTING;
        put_in(f, FRAME_L3 + 40, header, sizeof header);
    } else {
        ip[0] = 0x47;
        ip[3] = (uint8_t) (ip[3] + sizeof option);
        put_in(f, FRAME_L3 + 20, option, sizeof option);
        frame_mend(f);
    }
    return f;
}

/* A packet that leads on is dropped if it is for a service: of a connection,
 * or of none that is known.  One whose way is at its end is as any other, and
 * so is one for another port. */
START_TEST(test_leads_on)
{
    struct driver *d = make_driver(PP_FAIL_OPEN);
    bool ipv6 = _i & 1, on = _i & 2, known = _i & 4;
    struct frame *f = led(ipv6, on);

    if (known) {
        driver_connect(d, ipv6);
        driver_forget(d);
    }
    driver_run(d, f);
    ck_assert_uint_eq(d->n_out, !on);
    ck_assert_uint_eq(d->counters->packet_in_leads_on, on);
    free(f);
    driver_destroy(d);
}
END_TEST

/* IP behind an IEEE 802.2 header is dropped, other such frames pass. */
START_TEST(test_snap)
{
    static const uint8_t llc[3][8] = {
        { 0xaa, 0xaa, 3, 0, 0, 0, 8, 0 },
        { 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd },
        { 0x42, 0x42, 3, 0, 0, 0, 8, 0 },
    };
    struct driver *d = make_driver(PP_FAIL_OPEN);
    struct frame *f = request(false);

    f->data[FRAME_L3 - 2] = 0;
    f->data[FRAME_L3 - 1] = (uint8_t) (f->len - FRAME_L3 + 8);
    put_in(f, FRAME_L3, llc[_i], sizeof llc[_i]);
    driver_run(d, f);
    ck_assert_uint_eq(d->n_out, _i == 2);
    ck_assert_uint_eq(d->counters->packet_in_snap, _i < 2);
    free(f);
    driver_destroy(d);
}
END_TEST

/* Of a handshake, by either end, the options of Multipath TCP are taken out,
 * and all others left. */
START_TEST(test_mptcp)
{
    static const uint8_t options[] = {
        2, 4, 1460 >> 8, 1460 & 0xff, 30, 12, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8,
        1, 30, 4, 0x10, 0, 4, 2, 0,
    };
    bool ipv6 = _i & 1, partial = _i & 2;
    struct driver *d = make_driver(PP_FAIL_OPEN);

    for (int dir = 0; dir < 2; dir++) {
        size_t l4 = FRAME_L3 + (ipv6 ? 40 : 20);
        struct frame *f = frame_tcp(dir, ipv6, dir ? 5000 : 1000,
                                    dir ? 1001 : 0,
                                    PP_TCP_SYN | (dir ? PP_TCP_ACK : 0), NULL,
                                    0);
        struct pp_packet pkt;

        put_in(f, l4 + 20, options, sizeof options);
        f->data[l4 + 12] = (20 + sizeof options) / 4 << 4;
        f->data[FRAME_L3 + (ipv6 ? 5 : 3)] += sizeof options;
        if (!ipv6) {
            frame_mend(f);
        }
        f->vnet.flags = (partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM
                         : VIRTIO_NET_HDR_F_DATA_VALID);
        driver_forget(d);
        driver_run(d, f);
        ck_assert_uint_eq(d->n_out, 1);
        ck_assert_uint_eq(d->out[0]->len, f->len);
        pkt = driver_out(d, 0, PP_PACKET_TCP);
        ck_assert(!pkt.mptcp);
        ck_assert_uint_eq(pkt.mss, 1460);
        ck_assert(pkt.sack_ok);
        free(f);
    }
    ck_assert_uint_eq(d->counters->stream_mptcp, 2);
    driver_destroy(d);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("packet");
    TCase *tc = tcase_create("packet");

    tcase_add_loop_test(tc, test_trailer, 0, 4);
    tcase_add_loop_test(tc, test_mark_long, 0, 4);
    tcase_add_loop_test(tc, test_leads_on, 0, 8);
    tcase_add_loop_test(tc, test_snap, 0, 3);
    tcase_add_loop_test(tc, test_mptcp, 0, 4);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
