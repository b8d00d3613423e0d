/* SPDX-License-Identifier: Apache-2.0 */

/* Frames that tell of services; see pp-services-frame.h.
 *
 * In: copies of frames that VMs sent, of some only the start.  Out: what they
 * show, to pp-services.c; the short-lived flows that have the switch tell no
 * more of a port, or more.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-services-frame.h"

#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/ofp-packet.h"
#include "packets.h"
#include "pp-addresses.h"
#include "pp-control.h"
#include "pp-flows.h"
#include "pp-ofconn.h"
#include "pp-services.h"
#include "util.h"

/* A frame, cut off, whose IP header says no more than there is. */
struct start {
    uint8_t bytes[PP_FRAME_SPEAKS_MAX];
    struct dp_packet packet;
    struct flow flow;
};

/* The length in two bytes at 'p' becomes 'max', if it is more. */
static void
clamp_be16(uint8_t *p, size_t max)
{
    if ((size_t) (p[0] << 8 | p[1]) > max) {
        p[0] = (uint8_t) (max >> 8);
        p[1] = (uint8_t) max;
    }
}

/* Takes the start of 'pin' into 's'. */
static void
take_start(struct start *s, const struct ofputil_packet_in *pin)
{
    size_t n = MIN(pin->packet_len, sizeof s->bytes);
    size_t l3 = ETH_HEADER_LEN;
    const uint8_t *type;

    memset(s->bytes, 0, sizeof s->bytes);
    memcpy(s->bytes, pin->packet, n);
    type = s->bytes + l3 - 2;
    if (type[0] == 0x81 && type[1] == 0x00) {
        l3 += VLAN_HEADER_LEN;
        type += VLAN_HEADER_LEN;
    }
    if (type[0] == 0x08 && type[1] == 0x00 && n > l3 + IP_HEADER_LEN) {
        clamp_be16(s->bytes + l3 + 2, n - l3);
    } else if (type[0] == 0x86 && type[1] == 0xdd
               && n > l3 + IPV6_HEADER_LEN) {
        clamp_be16(s->bytes + l3 + 4, n - l3 - IPV6_HEADER_LEN);
    }
    dp_packet_use_const(&s->packet, s->bytes, n);
    flow_extract(&s->packet, &s->flow);
}

static void
add_flow(const struct pp_bridge *br, char *flow)
{
    pp_ofconn_add_flow(br->ofconn, flow);
    free(flow);
}

static void
listens(struct pp_control *ctl, struct pp_iface *iface,
        const struct pp_ipc_addr *service)
{
    const struct pp_bridge *br = iface->bridge;
    bool ask;

    if (pp_services_listens(ctl, iface, service, &ask)) {
        pp_addresses_add(ctl, iface, &service->ip);
        add_flow(br, pp_flows_listens(iface->ofport, service));
        if (ask) {
            add_flow(br, pp_flows_speaks(iface->ofport, service, true));
        }
    }
}

static void
speaks(struct pp_control *ctl, const struct pp_iface *iface,
       const struct pp_ipc_addr *service, const struct dp_packet *packet)
{
    const void *payload = dp_packet_get_tcp_payload(packet);
    size_t n = payload ? dp_packet_get_tcp_payload_length(packet) : 0;

    if (n && !pp_services_speaks(ctl, iface, service, payload, n)) {
        add_flow(iface->bridge,
                 pp_flows_speaks(iface->ofport, service, false));
    }
}

void
pp_services_frame(struct pp_control *ctl, const struct pp_bridge *br,
                  uint16_t port, const struct ofputil_packet_in *pin)
{
    struct pp_iface *iface;
    struct pp_ipc_addr service;
    struct start s;

    take_start(&s, pin);
    if (s.flow.nw_proto != IPPROTO_TCP) {
        return;
    }
    service = (struct pp_ipc_addr) {
        .ip = (s.flow.dl_type == htons(ETH_TYPE_IPV6) ? s.flow.ipv6_src
               : in6_addr_mapped_ipv4(s.flow.nw_src)),
        .port = ntohs(s.flow.tp_src),
    };
    PP_FOR_EACH_IFACE_AT (iface, port, br) {
        if (!iface->is_vm
            || (iface->behind
                && !eth_addr_equals(s.flow.dl_src, iface->mac))) {
            continue;
        } else if (pin->userdata[0] == PP_FRAME_SPEAKS) {
            speaks(ctl, iface, &service, &s.packet);
        } else {
            listens(ctl, iface, &service);
        }
    }
}
