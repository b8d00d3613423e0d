/* SPDX-License-Identifier: Apache-2.0 */

/* Frames that the switch sends; see pp-frames.h.
 *
 * In: packet-in messages.  Out: each to the part that its flow asked for it
 * for, by the first byte of its userdata.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-frames.h"

#include "flow.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-first.h"
#include "pp-flows.h"
#include "pp-learn.h"
#include "pp-services-frame.h"
#include "pp-slots.h"

VLOG_DEFINE_THIS_MODULE(pp_frames);

bool
pp_frames_handle(struct pp_control *ctl, struct pp_bridge *br,
                 const struct ofp_header *oh)
{
    struct ofputil_packet_in pin;
    const struct eth_header *eth;
    const ovs_be16 *tci;
    uint16_t in_port;
    int vlan;

    if (ofputil_decode_packet_in(oh, false, NULL, NULL, &pin, NULL, NULL,
                                 NULL)) {
        return false;
    }
    in_port = ofp_to_u16(pin.flow_metadata.flow.in_port.ofp_port);
    if (pin.packet_len < sizeof *eth + 4) {
        return false;
    }
    eth = pin.packet;
    if (pin.userdata_len && (pin.userdata[0] == PP_FRAME_LISTENS
                             || pin.userdata[0] == PP_FRAME_SPEAKS)) {
        pp_services_frame(ctl, br, in_port, &pin);
        return false;
    }
    if (pin.userdata_len && pin.userdata[0] == PP_FRAME_TO_LEARN) {
        return pp_learn_frame(ctl, br, in_port, eth->eth_src);
    } else if (pin.userdata_len && (pin.userdata[0] == PP_FRAME_TO_WAIT
                                    || pin.userdata[0] == PP_FRAME_TO_VM)) {
        pp_first_frame(br, oh);
        return false;
    }
    if (eth->eth_type != htons(ETH_TYPE_VLAN)
        && eth->eth_type != htons(ETH_TYPE_VLAN_8021AD)) {
        vlan = PP_UNTAGGED;
    } else {
        tci = (const ovs_be16 *) (eth + 1);
        vlan = vlan_tci_to_vid(*tci);
    }
    VLOG_DBG("bridge %s: frame without a slot, port %u, VLAN %d",
             br->name, in_port, vlan);
    return pp_slots_learn(ctl, br, in_port, vlan);
}
