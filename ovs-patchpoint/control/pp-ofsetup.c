/* SPDX-License-Identifier: Apache-2.0 */

/* What a switch is asked for when a connection to it has come up; see
 * pp-ofsetup.h.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-ofsetup.h"

#include "flow.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/rconn.h"
#include "pp-flows.h"

#define MONITOR_ID 0x5050

static void
send_msg(struct rconn *rconn, struct ofpbuf *msg)
{
    rconn_send(rconn, msg, NULL);
}

/* Asks to be told when others change flows: in table 0, where others' flows
 * are too, and in our own tables.  Our own changes come as an xid only. */
static void
send_monitor(struct rconn *rconn, enum ofputil_protocol protocol)
{
    for (int i = 0; i <= PP_TABLE_LAST - PP_TABLE_FIRST + 1; i++) {
        struct ofputil_flow_monitor_request rq = {
            .id = MONITOR_ID + (uint32_t) i,
            .command = OFPFMC_ADD,
            .flags = OFPFMF_REMOVED | OFPFMF_MODIFY | OFPFMF_ADD,
            .out_port = OFPP_NONE,
            .out_group = OFPG_ANY,
            .table_id = (uint8_t) (i ? PP_TABLE_FIRST + i - 1 : 0),
        };
        /* A message each: the library appends to an empty one only. */
        struct ofpbuf *msg = ofpbuf_new(0);

        match_init_catchall(&rq.match);
        ofputil_append_flow_monitor_request(&rq, msg, protocol);
        send_msg(rconn, msg);
    }
}

/* Frames that control is to see are to come by this connection, and word of
 * flows that ask for it when they go. */
static void
send_async_setup(struct rconn *rconn, enum ofp_version version)
{
    struct ofputil_switch_config config = {
        .frag = OFPUTIL_FRAG_NORMAL, .miss_send_len = 128,
        .invalid_ttl_to_controller = -1,
    };
    struct ofputil_async_cfg async;
    struct nx_controller_id *id;
    struct ofpbuf *msg;

    send_msg(rconn, ofputil_encode_set_config(&config, version));
    /* With userdata. */
    send_msg(rconn, ofputil_encode_set_packet_in_format(
        version, OFPUTIL_PACKET_IN_NXT2));

    msg = ofpraw_alloc(OFPRAW_NXT_SET_CONTROLLER_ID, version, 0);
    id = ofpbuf_put_zeros(msg, sizeof *id);
    id->controller_id = htons(PP_CONTROLLER_ID);
    send_msg(rconn, msg);

    memset(&async, 0, sizeof async);
    async.primary[OAM_PACKET_IN] = async.secondary[OAM_PACKET_IN]
        = (1u << OFPR_ACTION) | (1u << OFPR_EXPLICIT_MISS)
          | (1u << OFPR_GROUP) | (1u << OFPR_ACTION_SET);
    async.primary[OAM_FLOW_REMOVED] = async.secondary[OAM_FLOW_REMOVED]
        = (1u << OFPRR_IDLE_TIMEOUT) | (1u << OFPRR_DELETE)
          | (1u << OFPRR_GROUP_DELETE) | (1u << OFPRR_EVICTION);
    msg = ofputil_encode_set_async_config(&async, (1u << OAM_PACKET_IN)
                                          | (1u << OAM_FLOW_REMOVED),
                                          version);
    if (msg) {
        send_msg(rconn, msg);
    }
}

void
pp_ofsetup_send(struct rconn *rconn, enum ofputil_protocol protocol)
{
    send_monitor(rconn, protocol);
    send_async_setup(rconn, ofputil_protocol_to_ofp_version(protocol));
}
