/* SPDX-License-Identifier: Apache-2.0 */

/* The stream stage for UDP; see pp-stream-udp.h.
 *
 * In: datagrams, and what was decided about their bytes.  Out: datagrams.
 * Runs in the engine and in the offline tool; owns memory for one datagram. */

#include <config.h>

#include "engine/pp-stream-udp.h"

#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "engine/pp-flow.h"
#include "engine/pp-ipc.h"
#include "util.h"

/* Most payload of a datagram of ours, in bytes, whatever its headers: with
 * IPv4's, an IP packet of 65,535. */
#define PAYLOAD_MAX (65535 - 20 - 8)

#define TTL 64                  /* Of datagrams of the engine's making. */

void
pp_stream_udp_init(struct pp_stream_udp *udp, const struct pp_output *output,
                   struct pp_counters *counters)
{
    memset(udp, 0, sizeof *udp);
    udp->output = output;
    udp->counters = counters;
    udp->frame = xmalloc(PP_WHOLE_MAX);
    udp->decided = xmalloc(PAYLOAD_MAX);
}

void
pp_stream_udp_destroy(struct pp_stream_udp *udp)
{
    free(udp->conn);
    free(udp->frame);
    free(udp->decided);
}

struct pp_conn *
pp_stream_udp_in(struct pp_stream_udp *udp, const struct pp_conn_key *key,
                 const struct pp_proxy *proxy, const struct pp_packet *pkt)
{
    size_t size = pp_conn_size(proxy);

    udp->counters->stream_datagrams++;
    udp->pkt = pkt;
    udp->view = (struct pp_view) {
        .base = pkt->data + pkt->payload,
        .len = pkt->payload_len,
        .eof = true,
    };
    pp_buf_init(&udp->out, udp->decided, PAYLOAD_MAX);
    udp->changed = false;
    if (size > udp->conn_size) {
        free(udp->conn);
        udp->conn = xmalloc(size);
        udp->conn_size = size;
    }
    memset(udp->conn, 0, size);
    udp->conn->head.key = *key;
    udp->conn->head.proxy = proxy;
    pp_conn_inspect_init(udp->conn);
    return udp->conn;
}

bool
pp_stream_udp_view(const struct pp_stream_udp *udp, struct pp_view *view)
{
    *view = udp->view;
    return view->len > 0;
}

/* The next 'count' bytes are decided: they go on, with 'edits' if any. */
static void
pass(struct pp_stream_udp *udp, uint64_t count, const struct pp_edits *edits)
{
    size_t n = (size_t) MIN(count, udp->view.len);

    if (edits && edits->n) {
        pp_edits_apply(edits, udp->view.base, n, &udp->out);
        udp->changed = true;
    } else {
        pp_buf_put(&udp->out, udp->view.base, n);
    }
    udp->view.base += n;
    udp->view.len -= n;
}

/* The next 'count' bytes are decided: they do not go on. */
static void
take_away(struct pp_stream_udp *udp, uint64_t count)
{
    size_t n = (size_t) MIN(count, udp->view.len);

    udp->view.base += n;
    udp->view.len -= n;
    udp->changed = true;
}

/* No proxy understands the rest. */
static void
give_up(struct pp_stream_udp *udp, enum pp_fail fail)
{
    udp->counters->engine_uninspected_frames++;
    if (fail == PP_FAIL_OPEN) {
        pass(udp, UINT64_MAX, NULL);
    } else {
        udp->counters->engine_fail_closed_drops++;
        take_away(udp, UINT64_MAX);
    }
}

/* Writes 'pkt', whose data is in udp->frame.  Where what it grew to does not
 * fit the way on, it leaves in fragments: the engine has no way to tell a
 * server's application to say less. */
static void
write_own(struct pp_stream_udp *udp, struct pp_packet *pkt, uint32_t fits)
{
    pp_packet_mend_udp(pkt);
    if (!pkt->mtu && !pkt->frag_at && pkt->len - pkt->l3 > fits) {
        pkt->mtu = (uint16_t) MIN(fits, UINT16_MAX);
        if (pkt->ipv6) {
            pkt->frag_at = pkt->l4;
            pkt->frag_next = pkt->l4_next;
            pkt->frag_id = ++udp->next_id;
        }
    }
    pp_packet_out(pkt, udp->output, udp->counters);
}

/* The headers of a datagram from the server to the client of the one at hand
 * go to udp->frame. */
static void
put_reply_headers(struct pp_stream_udp *udp, struct pp_packet *pkt,
                  uint16_t slot)
{
    const struct pp_packet *came = udp->pkt;
    size_t skip = came->ipv6 ? 0 : 12;
    struct pp_buf b;
    ovs_be16 ports[2] = { htons(came->dst_port), htons(came->src_port) };
    ovs_be16 tag[2] = { htons(0x8100), htons(slot) };
    ovs_be16 vlan[2] = { htons(0x8100), htons(came->vlan) };
    ovs_be16 type = htons(came->ipv6 ? 0x86dd : 0x0800);
    uint8_t ip[8] = { came->ipv6 ? 0x60 : 0x45 };

    pp_buf_init(&b, udp->frame, PP_WHOLE_MAX);
    pp_buf_put(&b, pp_packet_eth_src(came), 6);
    pp_buf_put(&b, pp_packet_eth_dst(came), 6);
    pp_buf_put(&b, tag, slot ? sizeof tag : 0);
    pp_buf_put(&b, vlan, came->vlan ? sizeof vlan : 0);
    pp_buf_put(&b, &type, sizeof type);
    pkt->l3 = (uint16_t) b.len;
    pkt->l4_next = (uint16_t) (pkt->l3 + 6);
    if (came->ipv6) {
        ip[6] = IPPROTO_UDP;
        ip[7] = TTL;
        pp_buf_put(&b, ip, 8);
    } else {
        ovs_be16 id = htons((uint16_t) ++udp->next_id);
        uint8_t rest[4] = { TTL, IPPROTO_UDP, 0, 0 };

        memcpy(ip + 4, &id, sizeof id);
        pkt->frag_id = ntohs(id);
        pp_buf_put(&b, ip, 8);
        pp_buf_put(&b, rest, 4);
    }
    pp_buf_put(&b, &came->dst.s6_addr[skip], 16 - skip);
    pp_buf_put(&b, &came->src.s6_addr[skip], 16 - skip);
    if (!came->ipv6) {
        ovs_be16 sum = csum(udp->frame + pkt->l3, 20);

        memcpy(udp->frame + pkt->l3 + 10, &sum, sizeof sum);
    }
    pkt->l4 = (uint16_t) b.len;
    pp_buf_put(&b, ports, sizeof ports);
    pkt->payload = (uint32_t) b.len + 4;
}

static void
send_reply(struct pp_stream_udp *udp, struct pp_bytes reply, uint16_t slot)
{
    struct pp_packet pkt = {
        .data = udp->frame,
        .ipv6 = udp->pkt->ipv6,
        .ip_proto = IPPROTO_UDP,
        .src = udp->pkt->dst,
        .dst = udp->pkt->src,
        .payload_len = (uint32_t) reply.n,
    };

    if (reply.n > PAYLOAD_MAX) {
        udp->counters->correct_failed++;
        return;
    }
    put_reply_headers(udp, &pkt, slot);
    if (reply.n) {
        memcpy(udp->frame + pkt.payload, reply.p, reply.n);
    }
    pkt.len = pkt.payload + pkt.payload_len;
    udp->counters->stream_datagram_replies++;
    write_own(udp, &pkt, PP_IPV6_MTU_MIN);
}

void
pp_stream_udp_apply(struct pp_stream_udp *udp, const struct pp_step *step,
                    enum pp_fail fail, uint16_t slot)
{
    switch (step->kind) {
    case PP_STEP_PASS:
        pass(udp, step->count, step->edits);
        break;

    case PP_STEP_SKIP:
        pass(udp, step->count, NULL);
        break;

    case PP_STEP_OPAQUE:
        pass(udp, UINT64_MAX, NULL);
        break;

    case PP_STEP_SWALLOW:
        take_away(udp, step->count);
        break;

    case PP_STEP_REFUSE:
        take_away(udp, step->close ? UINT64_MAX : step->count);
        send_reply(udp, step->reply, slot);
        break;

    case PP_STEP_CLOSE:
        take_away(udp, UINT64_MAX);
        break;

    case PP_STEP_MORE:          /* There is no more, */
    case PP_STEP_WAIT:          /* nor anything to wait for, */
    case PP_STEP_REPLY:         /* nor anybody who does. */
    case PP_STEP_BAD:
        give_up(udp, fail);
        break;

    default:
        OVS_NOT_REACHED();
    }
}

bool
pp_stream_udp_out(struct pp_stream_udp *udp)
{
    const struct pp_packet *came = udp->pkt;
    struct pp_packet pkt;

    if (!udp->changed) {
        return false;
    } else if (udp->out.overflow
               || came->payload - came->l3 + udp->out.len
                  > (came->ipv6 ? 40 : 0) + 65535u) {
        /* Longer than IP allows. */
        udp->counters->correct_failed++;
        udp->counters->stream_datagrams_gone++;
        return true;
    } else if (!udp->out.len) {
        udp->counters->stream_datagrams_gone++;
        return true;
    }
    pkt = *came;
    pkt.data = udp->frame;
    pkt.payload_len = (uint32_t) udp->out.len;
    pkt.len = pkt.payload + pkt.payload_len;
    memcpy(udp->frame, came->data, came->payload);
    memcpy(udp->frame + pkt.payload, udp->out.data, udp->out.len);
    udp->counters->stream_datagrams_changed++;
    write_own(udp, &pkt, MAX(PP_IPV6_MTU_MIN, came->len - came->l3));
    return true;
}
