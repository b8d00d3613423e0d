/* SPDX-License-Identifier: Apache-2.0 */

/* The connection to a bridge's OpenFlow management socket.
 *
 * In: what should be in the switch (pp-flows.c), what the switch says is in
 * it.  Out: the messages that make the difference (pp-oftable.c), each batch
 * with a barrier behind it.  A batch is confirmed when the switch has answered
 * the barrier, and its datapath follows (pp-datapath.c).
 *
 * Only "<bridge>.mgmt" is used, and only flows with our cookie and groups
 * with our ids are touched.  Others may delete ours: a flow monitor tells so
 * at once, and the difference is put back.  The monitor pauses when it has
 * too much to say, so its resuming counts as an alarm too; and every
 * CHECK_MS, flows and groups are compared in any case.
 *
 * Runs in control's main loop.  Owns the connection and the knowledge of what
 * is in the switch. */

#include <config.h>

#include "pp-ofconn.h"

#include <errno.h>
#include <stdlib.h>

#include "dirs.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-cuts.h"
#include "pp-datapath.h"
#include "pp-discovery.h"
#include "pp-engine-proc.h"
#include "pp-flows.h"
#include "pp-frames.h"
#include "pp-ofsetup.h"
#include "pp-oftable.h"
#include "pp-pins.h"
#include "pp-slots.h"
#include "pp-tap.h"
#include "socket-util.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_ofconn);

#define OF_VERSIONS ((1u << OFP13_VERSION) | (1u << OFP14_VERSION) \
                     | (1u << OFP15_VERSION))

#define PROBE_SECS 5
#define MAX_BACKOFF_SECS 1      /* A Unix socket on this host. */
#define CHECK_MS 10000
#define RETRY_MS 1000           /* After the switch has refused something. */
#define BUNDLE_ID 0x5050
#define MAX_BATCHES 16          /* On their way at a time. */
#define MAX_ANSWERED 8          /* Tickets that are waited for at a time. */

/* No flow has it. */
#define POKE_COOKIE UINT64_C(0x5061746350000000)        /* "PatP" */

enum ofconn_state {
    CONNECTING,                 /* Or the version is not agreed yet. */
    DUMPING,                    /* Waits for what is in the switch. */
    SETTLED,                    /* 'table' has it right. */
};

/* Of batches of messages to any bridge, and of connections. */
static uint64_t last_seq;
static unsigned int last_number;

struct pp_ofconn {
    char *bridge;
    struct rconn *rconn;
    unsigned int seqno;         /* Of the connection that all is about... */
    unsigned int number;        /* ...and which one that is, of all. */
    enum ofconn_state state;
    enum ofputil_protocol protocol;

    /* What should be there, and what is. */
    struct pp_oftable table;
    enum pp_flows_extent extent;        /* Of the former. */
    bool may_send;              /* The engine is ready for it. */
    bool known;                 /* The latter is what this switch said. */
    bool adopted;               /* It was once, and slots are as it had them
                                 * from a daemon before this one. */

    /* State DUMPING. */
    struct pp_odump dump;
    ovs_be32 flows_xid, groups_xid;
    bool flows_done, groups_done;

    /* Batches of messages.  What was there when the connection came up counts
     * as one. */
    uint64_t confirmed_seq;
    uint64_t first_seq;         /* On this connection. */
    struct {
        ovs_be32 xid;
        uint64_t seq;
    } barriers[MAX_BATCHES];    /* On their way, the oldest first. */
    size_t n_barriers;
    struct {
        uint64_t ticket;
        uint64_t seq;
    } answered[MAX_ANSWERED];   /* The datapath is to follow, likewise. */
    size_t n_answered;
    bool confirmed;             /* All is, and 'table' does not differ. */

    uint16_t tap_port;          /* For which the groups were made. */
    bool regroup;               /* They are to be made anew. */

    bool connected_anew;        /* Not compared yet since then. */
    bool around;                /* Frames may go around the engine, which has
                                 * been told: flows are missing. */
    bool alarm;                 /* Somebody touched ours: look again. */
    long long int alarm_since;
    unsigned int n_lost;        /* Flows deleted or changed since then. */
    unsigned int n_put_back;    /* In all. */
    unsigned int n_checks;
    long long int next_check;
    long long int next_try;     /* Not before, after an error. */
    char *error;
    bool one_by_one;            /* Something was refused: no bundles. */
};

static void
set_error(struct pp_ofconn *oc, char *error)
{
    if (error && (!oc->error || strcmp(error, oc->error))) {
        VLOG_ERR("bridge %s: %s", oc->bridge, error);
    }
    free(oc->error);
    oc->error = error;
}

/* Of a connection that is up. */
static enum ofp_version
of_version(const struct pp_ofconn *oc)
{
    int version = rconn_get_version(oc->rconn);

    return version < 0 ? OFP13_VERSION : (enum ofp_version) version;
}

static ovs_be32
send_msg(struct pp_ofconn *oc, struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    ovs_be32 xid = oh->xid;

    rconn_send(oc->rconn, msg, NULL);
    return xid;
}

static struct pp_ofconn *
ofconn_create(const struct pp_control *ctl, const struct pp_bridge *br)
{
    struct pp_ofconn *oc = xzalloc(sizeof *oc);
    char *target = xasprintf("unix:%s/%s.mgmt", ctl->rundir, br->name);

    oc->bridge = xstrdup(br->name);
    oc->rconn = rconn_create(PROBE_SECS, MAX_BACKOFF_SECS, DSCP_DEFAULT,
                             OF_VERSIONS);
    rconn_connect(oc->rconn, target, target);
    free(target);
    pp_oftable_init(&oc->table);
    pp_odump_init(&oc->dump);
    return oc;
}

void
pp_ofconn_destroy(struct pp_ofconn *oc)
{
    if (oc) {
        rconn_destroy(oc->rconn);
        pp_oftable_destroy(&oc->table);
        pp_odump_clear(&oc->dump);
        hmap_destroy(&oc->dump.groups);
        free(oc->error);
        free(oc->bridge);
        free(oc);
    }
}

static void
send_dump(struct pp_ofconn *oc)
{
    struct ofputil_flow_stats_request rq = {
        .cookie = htonll(PP_COOKIE),
        .cookie_mask = OVS_BE64_MAX,
        .table_id = 0xff,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    enum ofp_version version = of_version(oc);

    match_init_catchall(&rq.match);
    pp_odump_clear(&oc->dump);
    oc->flows_done = oc->groups_done = false;
    oc->flows_xid = send_msg(
        oc, ofputil_encode_flow_stats_request(&rq, oc->protocol));
    oc->groups_xid = send_msg(
        oc, ofputil_encode_group_desc_request(version, OFPG_ALL));
    oc->state = DUMPING;
    oc->alarm = false;
    oc->confirmed = false;
    oc->next_check = time_msec() + CHECK_MS;
    oc->n_checks++;
}

/* All owners of flows on 'br' are to be asked anew. */
static void
touch_owners(struct pp_bridge *br)
{
    struct pp_bridge_redirect *b;
    struct pp_iface *iface;

    pp_owner_touch(&br->fixed);
    pp_pins_touch_owners(br);
    HMAP_FOR_EACH (b, hmap_node, &br->redirects) {
        pp_owner_touch(&b->owner);
    }
    PP_FOR_EACH_IFACE (iface, br) {
        struct pp_slot *s;

        pp_owner_touch(&iface->owner);
        LIST_FOR_EACH (s, node, &iface->slots) {
            pp_owner_touch(&s->owner);
        }
    }
}

static void
start(struct pp_control *ctl, struct pp_ofconn *oc, struct pp_bridge *br)
{
    enum ofputil_protocol protocol = ofputil_protocol_from_ofp_version(
        of_version(oc));

    if (protocol != oc->protocol) {
        oc->protocol = protocol;
        touch_owners(br);
        oc->regroup = true;
    }
    /* What was sent before does not matter. */
    oc->n_barriers = oc->n_answered = 0;
    oc->number = ++last_number;
    oc->known = false;
    oc->n_lost = 0;
    oc->alarm_since = 0;
    oc->one_by_one = false;
    set_error(oc, NULL);
    pp_discovery_forget_told(ctl, br);
    pp_ofsetup_send(oc->rconn, oc->protocol);
    pp_cuts_connected(br);
    pp_ofconn_delete_flows(oc, PP_COOKIE_LISTENS, UINT64_MAX);
    send_dump(oc);
}

static void
put_owner(struct pp_ofconn *oc, struct pp_owner *owner)
{
    struct svec flows = SVEC_EMPTY_INITIALIZER;
    const char *s;
    size_t i;

    pp_flows_put(owner, oc->extent, &flows);
    SVEC_FOR_EACH (i, s, &flows) {
        char *error = pp_oftable_want(&oc->table, owner, s, oc->protocol);

        if (error) {
            static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

            VLOG_ERR_RL(&rl, "bridge %s: BUG: flow \"%s\": %s",
                        oc->bridge, s, error);
            free(error);
        }
    }
    svec_destroy(&flows);
}

/* What there should be now.  When nothing is to go to the engine any more, the
 * way back stays until the datapath leads nothing there. */
static enum pp_flows_extent
next_extent(const struct pp_ofconn *oc, const struct pp_bridge *br)
{
    enum pp_flows_extent extent = pp_flows_extent(br);
    bool over = oc->confirmed && !pp_oftable_differs(&oc->table);

    return (extent == PP_FLOWS_BACK
            && (oc->extent == PP_FLOWS_NONE
                || (oc->extent == PP_FLOWS_BACK && over))
            ? PP_FLOWS_NONE : extent);
}

/* Works out anew what should be there, for the owners of whom something has
 * changed. */
static void
update_wanted(struct pp_ofconn *oc, struct pp_bridge *br)
{
    enum pp_flows_extent extent = next_extent(oc, br);
    uint16_t tap_port = extent == PP_FLOWS_NONE ? 0 : br->tap->ofport;
    struct pp_owner *owner;

    if (oc->state == CONNECTING) {
        return;                 /* No protocol is agreed on. */
    }
    if (extent != oc->extent || tap_port != oc->tap_port
        || oc->table.conflict) {
        oc->extent = extent;
        oc->tap_port = tap_port;
        /* Where flows of each VM are, but for those that stay. */
        pp_oftable_clear(&oc->table, 0, extent == PP_FLOWS_BACK);
        pp_oftable_clear(&oc->table, PP_TABLE_INGRESS,
                         extent == PP_FLOWS_BACK);
        oc->table.conflict = false;
        oc->regroup = true;
        touch_owners(br);
    }
    if (oc->regroup) {
        struct svec groups = SVEC_EMPTY_INITIALIZER;

        if (extent == PP_FLOWS_ALL) {
            pp_flows_put_groups(br, &groups);
        }
        pp_oftable_want_groups(&oc->table, &groups, oc->protocol);
        svec_destroy(&groups);
        oc->regroup = false;
    }
    LIST_FOR_EACH (owner, dirty_node, &br->dirty_owners) {
        pp_owner_clear(owner);
    }
    LIST_FOR_EACH_POP (owner, dirty_node, &br->dirty_owners) {
        ovs_list_init(&owner->dirty_node);
        owner->dirty = false;
        put_owner(oc, owner);
    }
}

static void
send_change(void *oc, struct ofpbuf *msg)
{
    send_msg(oc, msg);
}

/* Sends what makes what is there into what should be.  In a bundle, that costs
 * ovs-vswitchd a small part of what it costs message by message, and either
 * all is done or nothing.  So after something was refused it goes without: the
 * rest is not to wait for that. */
static void
send_difference(struct pp_ofconn *oc)
{
    const struct pp_oftable_out out = {
        .protocol = oc->protocol,
        .bundle = oc->one_by_one ? 0 : BUNDLE_ID,
        .send = send_change,
        .aux = oc,
    };
    struct pp_oftable_sent sent = pp_oftable_send(&oc->table, ++last_seq,
                                                  &out);
    ovs_be32 xid;

    if (oc->extent != PP_FLOWS_ALL) {
        pp_ofconn_delete_flows(oc, PP_COOKIE_LISTENS, UINT64_MAX);
    }
    xid = send_msg(oc, ofputil_encode_barrier_request(of_version(oc)));

    VLOG_DBG("bridge %s: %u flows added, %u changed, %u deleted",
             oc->bridge, sent.n_added, sent.n_changed, sent.n_deleted);
    if (oc->n_lost) {
        oc->n_put_back += sent.n_added + sent.n_changed;
    }
    oc->barriers[oc->n_barriers].xid = xid;
    oc->barriers[oc->n_barriers++].seq = last_seq;
    oc->confirmed = false;
}

static void
handle_flow_stats(struct pp_ofconn *oc, const struct ofp_header *oh)
{
    struct ofpbuf msg = ofpbuf_const_initializer(oh, ntohs(oh->length));
    bool more = ofpmp_more(oh);
    struct ofpbuf ofpacts;

    if (oc->state != DUMPING || oh->xid != oc->flows_xid) {
        return;
    }
    ofpbuf_init(&ofpacts, 0);
    for (;;) {
        struct ofputil_flow_stats fs;
        int retval = ofputil_decode_flow_stats_reply(&fs, &msg, true,
                                                     &ofpacts);

        if (retval) {
            if (retval != EOF) {
                VLOG_WARN("bridge %s: bad flow dump: %s", oc->bridge,
                          ofperr_to_string((enum ofperr) retval));
            }
            break;
        }
        pp_odump_add_flow(&oc->dump, &fs);
    }
    ofpbuf_uninit(&ofpacts);
    oc->flows_done = !more;
}

static void
handle_group_desc(struct pp_ofconn *oc, const struct ofp_header *oh)
{
    struct ofpbuf msg = ofpbuf_const_initializer(oh, ntohs(oh->length));
    bool more = ofpmp_more(oh);

    if (oc->state != DUMPING || oh->xid != oc->groups_xid) {
        return;
    }
    for (;;) {
        struct ofputil_group_desc gd;

        if (ofputil_decode_group_desc_reply(&gd, &msg, oh->version)) {
            break;
        }
        if (gd.group_id >= PP_GROUP_BYPASS
            && gd.group_id <= PP_GROUP_CLOSED) {
            pp_odump_add_group(&oc->dump, &gd);
        }
        ofputil_uninit_group_desc(&gd);
    }
    oc->groups_done = !more;
}

static void
raise_alarm(struct pp_ofconn *oc)
{
    if (!oc->alarm_since) {
        oc->alarm_since = time_msec();
    }
    oc->alarm = true;
}

static void
handle_monitor(struct pp_ofconn *oc, struct pp_bridge *br,
               const struct ofp_header *oh)
{
    struct ofpbuf msg = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 0);
    for (;;) {
        struct ofputil_flow_update fu;
        int retval = ofputil_decode_flow_update(&fu, &msg, &ofpacts);

        if (retval) {
            if (retval != EOF) {
                raise_alarm(oc);
            }
            break;
        }
        if (fu.event == OFPFME_RESUMED || fu.event == OFPFME_PAUSED) {
            /* OpenFlow 1.4 says it here. */
            raise_alarm(oc);
        } else if (fu.event == OFPFME_REMOVED
                   || fu.event == OFPFME_MODIFIED
                   || fu.event == OFPFME_ADDED) {
            bool ours = fu.cookie == htonll(PP_COOKIE);
            uint64_t cookie = ntohll(fu.cookie);

            if ((cookie & PP_CUT_COOKIE_MASK) == PP_CUT_COOKIE
                && fu.event != OFPFME_REMOVED) {
                pp_cuts_alien(br, cookie);
            }
            if (!ours && fu.event != OFPFME_REMOVED) {
                /* In place of one of ours? */
                ours = pp_oftable_has(&oc->table, fu.table_id, fu.priority,
                                      &fu.match);
            }
            if (ours) {
                oc->n_lost++;
                raise_alarm(oc);
            }
        }
    }
    ofpbuf_uninit(&ofpacts);
}

static void
handle_flow_removed(struct pp_bridge *br, const struct ofp_header *oh)
{
    struct ofputil_flow_removed fr;

    if (!ofputil_decode_flow_removed(&fr, oh)
        && ((ntohll(fr.cookie) & PP_CUT_COOKIE_MASK) == PP_CUT_COOKIE)) {
        pp_cuts_removed(br, ntohll(fr.cookie), fr.packet_count,
                        fr.byte_count);
    }
}

static void
handle_port_status(struct pp_control *ctl, const struct pp_bridge *br,
                   const struct ofp_header *oh)
{
    struct ofputil_port_status ps;

    if (!ofputil_decode_port_status(oh, &ps)) {
        struct pp_iface *iface = pp_iface_find(ctl, ps.desc.name);

        if (iface && iface->bridge == br && !iface->behind) {
            pp_discovery_told(ctl, iface, (ps.reason == OFPPR_DELETE ? 0
                                           : ofp_to_u16(ps.desc.port_no)));
        }
    }
}

static void
handle_error(struct pp_ofconn *oc, struct pp_bridge *br,
             const struct ofp_header *oh)
{
    struct ofpbuf payload;
    enum ofperr ofperr;
    char *s;

    if (pp_cuts_refused(br, oh->xid)) {
        return;
    }
    ofperr = ofperr_decode_msg(oh, &payload);
    if (ofperr == OFPERR_OFPBFC_TIMEOUT) {
        /* The switch has dropped what it had of the bundle, and takes what
         * comes after that for one of its own. */
        set_error(oc, xstrdup("a part of the flows was late, and the switch "
                              "has dropped the rest; they are sent again"));
        raise_alarm(oc);
        ofpbuf_uninit(&payload);
        return;
    }
    oc->one_by_one = true;
    if (ofperr != OFPERR_OFPBFC_MSG_FAILED || !oc->error) {
        /* Else it is a bundle, and which of its messages was told before. */
        s = ofp_to_string(payload.data, payload.size, NULL, NULL, 1);
        s[strcspn(s, "\n")] = '\0';
        set_error(oc, xasprintf("the switch refused a message: %s: %s",
                                ofperr_to_string(ofperr), s));
        free(s);
    }
    ofpbuf_uninit(&payload);
    oc->next_try = time_msec() + RETRY_MS;
    raise_alarm(oc);
}

/* All is in the switch as it should be. */
static void
confirm(struct pp_ofconn *oc)
{
    oc->confirmed = true;
    if (oc->n_lost) {
        VLOG_WARN("bridge %s: %u of our flows were deleted or changed by "
                  "another controller; put back after %lld ms (%u flows so "
                  "far)", oc->bridge, oc->n_lost,
                  time_msec() - oc->alarm_since, oc->n_put_back);
    }
    oc->n_lost = 0;
    oc->alarm_since = 0;
    oc->one_by_one = false;
    set_error(oc, NULL);
}

/* The engine has to know that frames may have gone around it before the first
 * one comes that would have it go on as if none had: before flows are put
 * back.  Once they are, it is told that this is over. */
static void
tell_around(struct pp_control *ctl, struct pp_ofconn *oc, bool around)
{
    if (around || oc->around) {
        struct pp_ipc_hdr hdr = { PP_IPC_AROUND, sizeof hdr };

        pp_engine_send(ctl->engine, &hdr, sizeof hdr, -1);
    }
    oc->around = around;
}

/* Nobody watched the switch before it was connected.  What it has from a
 * daemon before this one leads to the engine, too, if not always as this one
 * would have it; and so do all connections of a server with a policy, without
 * flows of their own. */
static bool
may_have_gone_around(const struct pp_control *ctl,
                     const struct pp_ofconn *oc, const struct pp_bridge *br)
{
    const struct pp_iface *iface;
    bool pins = false;

    HMAP_FOR_EACH (iface, uuid_node, &ctl->ifaces) {
        pins |= iface->bridge == br && iface->n_pins && !iface->policy;
    }
    return pp_oftable_lacks(&oc->table, pins);
}

/* What the batches up to 'seq' have done is in the tables. */
static void
answer(struct pp_ofconn *oc, uint64_t seq)
{
    uint64_t ticket = pp_datapath_ticket();
    size_t n = oc->n_answered;

    if (!n || oc->answered[n - 1].ticket != ticket) {
        n = MIN(n + 1, MAX_ANSWERED);
        oc->n_answered = n;
    }
    oc->answered[n - 1].ticket = ticket;
    oc->answered[n - 1].seq = seq;
}

/* Looks what the datapath follows by now.  Returns true if it is more than
 * before. */
static bool
follow(struct pp_ofconn *oc)
{
    size_t n = 0;

    while (n < oc->n_answered
           && pp_datapath_follows(oc->answered[n].ticket)) {
        oc->confirmed_seq = oc->answered[n++].seq;
    }
    oc->n_answered -= n;
    memmove(oc->answered, oc->answered + n,
            oc->n_answered * sizeof *oc->answered);
    return n > 0;
}

/* True if it was one of ours. */
static bool
handle_barrier(struct pp_ofconn *oc, ovs_be32 xid)
{
    if (!oc->n_barriers || oc->barriers[0].xid != xid) {
        return false;
    }
    answer(oc, oc->barriers[0].seq);
    oc->n_barriers--;
    memmove(oc->barriers, oc->barriers + 1,
            oc->n_barriers * sizeof *oc->barriers);
    return true;
}

static void
handle_msg(struct pp_control *ctl, struct pp_ofconn *oc, struct pp_bridge *br,
           const struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    /* Of the many types there are, these are ours. */
    if (type == OFPTYPE_ECHO_REQUEST) {
        send_msg(oc, ofputil_encode_echo_reply(oh));
    } else if (type == OFPTYPE_FLOW_STATS_REPLY) {
        handle_flow_stats(oc, oh);
    } else if (type == OFPTYPE_GROUP_DESC_STATS_REPLY) {
        handle_group_desc(oc, oh);
    } else if (type == OFPTYPE_FLOW_MONITOR_STATS_REPLY) {
        handle_monitor(oc, br, oh);
    } else if (type == OFPTYPE_FLOW_MONITOR_RESUMED
               || type == OFPTYPE_FLOW_MONITOR_PAUSED) {
        raise_alarm(oc);
    } else if (type == OFPTYPE_BARRIER_REPLY) {
        if (handle_barrier(oc, oh->xid)) {
            ctl->dirty = true;
        } else {
            pp_datapath_barrier(ctl, br, oh->xid);
            ctl->dirty |= pp_cuts_barrier(br, oh->xid);
        }
    } else if (type == OFPTYPE_PORT_STATUS) {
        handle_port_status(ctl, br, oh);
    } else if (type == OFPTYPE_FLOW_REMOVED) {
        handle_flow_removed(br, oh);
    } else if (type == OFPTYPE_PACKET_IN) {
        ctl->dirty |= pp_frames_handle(ctl, br, oh);
    } else if (type == OFPTYPE_ERROR) {
        handle_error(oc, br, oh);
        ctl->dirty = true;
    }
}

static void
ofconn_run(struct pp_control *ctl, struct pp_bridge *br)
{
    struct pp_ofconn *oc = br->ofconn;

    rconn_run(oc->rconn);
    if (!rconn_is_connected(oc->rconn)) {
        if (oc->state != CONNECTING) {
            VLOG_INFO("bridge %s: lost the connection to the switch",
                      br->name);
            oc->state = CONNECTING;
            oc->confirmed = false;
            ctl->dirty = true;
        }
        return;
    }
    if (oc->state == CONNECTING
        || oc->seqno != rconn_get_connection_seqno(oc->rconn)) {
        oc->seqno = rconn_get_connection_seqno(oc->rconn);
        start(ctl, oc, br);
        oc->connected_anew = true;
    }

    for (int i = 0; i < 200; i++) {
        struct ofpbuf *msg = rconn_recv(oc->rconn);

        if (!msg) {
            break;
        }
        handle_msg(ctl, oc, br, msg);
        ofpbuf_delete(msg);
    }

    ctl->dirty |= follow(oc);

    /* Also when a policy goes: the engine has to have let go of it, so that no
     * connection is corrected, and counts differently, that then goes around
     * the engine. */
    oc->may_send = !pp_engine_holds_flows(ctl->engine);
    update_wanted(oc, br);
    if (oc->state == DUMPING && oc->flows_done && oc->groups_done) {
        pp_oftable_take(&oc->table, &oc->dump);
        pp_odump_clear(&oc->dump);
        oc->state = SETTLED;
        if (!oc->known || oc->n_lost) {
            answer(oc, ++last_seq);
        }
        if (!oc->known) {
            oc->known = true;
            oc->first_seq = last_seq;
        }
        if (!oc->adopted) {
            oc->adopted = true;
            if (pp_slots_adopt(ctl, br, &oc->table)) {
                ctl->dirty = true;
                return;
            }
        }
    }
    if (oc->state != SETTLED || !oc->may_send) {
        /* What a daemon before this one left stays until it is known what
         * should be there. */
        return;
    }
    if (oc->alarm || time_msec() >= oc->next_check) {
        if (time_msec() >= oc->next_try && !oc->n_barriers) {
            if (oc->alarm) {
                tell_around(ctl, oc, true);
            }
            send_dump(oc);
        }
    } else if (time_msec() >= oc->next_try) {
        bool differs = pp_oftable_differs(&oc->table);

        if (oc->connected_anew && may_have_gone_around(ctl, oc, br)) {
            tell_around(ctl, oc, true);
        }
        oc->connected_anew = false;
        if (differs) {
            if (oc->n_barriers < MAX_BATCHES) {
                send_difference(oc);
            }
        } else if (!oc->confirmed && !oc->n_barriers && !oc->n_answered) {
            confirm(oc);
            tell_around(ctl, oc, false);
            ctl->dirty = true;
        }
    }
}

void
pp_ofconn_run(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        bool wanted = br->row && br->tap;

        if (br->ofconn && !br->row) {
            /* The bridge is gone, and its flows with it. */
            pp_ofconn_destroy(br->ofconn);
            br->ofconn = NULL;
        } else if (br->ofconn && !wanted
                   && !pp_ofconn_has_flows(br->ofconn)
                   && !pp_cuts_any(br)) {
            pp_ofconn_destroy(br->ofconn);
            br->ofconn = NULL;
        } else if (!br->ofconn && wanted) {
            br->ofconn = ofconn_create(ctl, br);
        }
        if (br->ofconn) {
            ofconn_run(ctl, br);
        }
    }
}

void
pp_ofconn_wait(const struct pp_control *ctl)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        const struct pp_ofconn *oc = br->ofconn;

        if (!oc) {
            continue;
        }
        rconn_run_wait(oc->rconn);
        rconn_recv_wait(oc->rconn);
        if (oc->state == SETTLED && !oc->n_barriers) {
            poll_timer_wait_until(oc->next_check);
            if (oc->alarm || (oc->may_send
                              && pp_oftable_differs(&oc->table))) {
                poll_timer_wait_until(oc->next_try);
            }
        }
    }
}

/* Does the switch have what was last sent to it, as far as we know? */
static bool
is_sound(const struct pp_ofconn *oc)
{
    return oc && oc->state != CONNECTING && oc->known && !oc->n_lost;
}

bool
pp_ofconn_is_adopted(const struct pp_ofconn *oc)
{
    return oc->adopted;
}

bool
pp_ofconn_in_sync(const struct pp_ofconn *oc)
{
    return (is_sound(oc) && (oc->confirmed || oc->state == DUMPING)
            && !oc->n_barriers && !oc->n_answered
            && !pp_oftable_differs(&oc->table));
}

bool
pp_ofconn_has(const struct pp_ofconn *oc, const struct pp_owner *owner)
{
    return (is_sound(oc) && !owner->dirty && !owner->n_todo
            && MAX(owner->seq, oc->first_seq) <= oc->confirmed_seq);
}

uint64_t
pp_ofconn_progress(const struct pp_ofconn *oc)
{
    return oc ? oc->confirmed_seq << 3 | oc->state << 1 | is_sound(oc) : 0;
}

bool
pp_ofconn_has_iface(const struct pp_iface *iface)
{
    const struct pp_ofconn *oc = iface->bridge->ofconn;
    const struct pp_iface *port = iface->behind ? iface->behind : iface;
    const struct pp_slot *s;

    LIST_FOR_EACH (s, node, &port->slots) {
        if (!pp_ofconn_has(oc, &s->owner)) {
            return false;
        }
    }
    return pp_ofconn_has(oc, &iface->owner);
}

bool
pp_ofconn_has_flows(const struct pp_ofconn *oc)
{
    return oc && (oc->state != SETTLED || oc->n_barriers || oc->n_answered
                  || !oc->confirmed || !pp_oftable_is_empty(&oc->table));
}

bool
pp_ofconn_is_up(const struct pp_ofconn *oc)
{
    return oc->state != CONNECTING;
}

unsigned int
pp_ofconn_number(const struct pp_ofconn *oc)
{
    return oc->number;
}

static ovs_be32
send_flow_mod(struct pp_ofconn *oc, int command, const char *flow)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_mod fm;
    char *error = parse_ofp_str(&fm, command, flow, NULL, NULL, &usable);
    ovs_be32 xid;

    if (error) {
        VLOG_ERR("bridge %s: BUG: flow \"%s\": %s", oc->bridge, flow, error);
        free(error);
        return 0;
    }
    xid = send_msg(oc, ofputil_encode_flow_mod(&fm, oc->protocol));
    minimatch_destroy(&fm.match);
    free(fm.ofpacts);
    return xid;
}

ovs_be32
pp_ofconn_add_flow(struct pp_ofconn *oc, const char *flow)
{
    return send_flow_mod(oc, OFPFC_ADD, flow);
}

void
pp_ofconn_delete_flow(struct pp_ofconn *oc, const char *flow)
{
    send_flow_mod(oc, OFPFC_DELETE_STRICT, flow);
}

void
pp_ofconn_delete_flows(struct pp_ofconn *oc, uint64_t cookie, uint64_t mask)
{
    send_msg(oc, pp_oftable_encode_delete(0xff, htonll(cookie), htonll(mask),
                                          oc->protocol));
}

ovs_be32
pp_ofconn_send_barrier(struct pp_ofconn *oc)
{
    return send_msg(oc, ofputil_encode_barrier_request(of_version(oc)));
}

void
pp_ofconn_poke(struct pp_ofconn *oc)
{
    pp_ofconn_delete_flows(oc, POKE_COOKIE, UINT64_MAX);
}

void
pp_ofconn_resume(struct pp_ofconn *oc, const struct ofputil_packet_in *pin,
                 const struct ofpbuf *continuation)
{
    send_msg(oc, ofputil_encode_resume(pin, continuation, oc->protocol));
}

const char *
pp_ofconn_error(const struct pp_ofconn *oc)
{
    return (!oc ? "not connected to the switch yet"
            : oc->state == CONNECTING
            ? "not connected to the switch (bridge's .mgmt socket)"
            : oc->error ? oc->error
            : is_sound(oc) ? NULL : "flows are on their way to the switch");
}

void
pp_ofconn_format(const struct pp_ofconn *oc, struct ds *ds)
{
    static const char *const states[] = {
        "connecting", "comparing", "settled",
    };

    if (!oc) {
        ds_put_cstr(ds, "no connection");
        return;
    }
    ds_put_format(ds, "%s, %"PRIuSIZE" flows, %"PRIuSIZE" groups%s, "
                  "%u flows put back, %u checks",
                  states[oc->state], oc->table.n_have,
                  hmap_count(&oc->table.have_groups),
                  oc->confirmed ? "" : " (not confirmed)",
                  oc->n_put_back, oc->n_checks);
}
