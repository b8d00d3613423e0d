/* SPDX-License-Identifier: Apache-2.0 */

/* First packets: see pp-first.h.
 *
 * In: the keys of bridges and of Open_vSwitch, named policies, frames from
 * ports that are not known (pp-ofconn.c).  Out: flows, and the frames again,
 * when their time has come (NXT_RESUME).
 *
 * Runs in control's main loop.  Owns the frames that wait. */

#include <config.h>

#include "pp-first.h"

#include <stdlib.h>

#include "csum.h"
#include "dp-packet.h"
#include "flow.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-flows.h"
#include "pp-named.h"
#include "pp-ofconn.h"
#include "pp-oftable.h"
#include "pp-policy.h"
#include "registry.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_first);

/* How long a frame waits at most: longer than a port takes, shorter than who
 * sent it is patient. */
#define WAIT_MS 3000

/* "PatchBrf": flows that go by themselves. */
#define BRIEF_COOKIE UINT64_C(0x5061746368427266)

/* So many wait on all bridges, and so many from one port. */
#define WAITING_MAX 1024
#define WAITING_PORT_MAX 256

/* A frame that waits. */
struct waiting {
    struct ovs_list node;       /* In 'frames', oldest first. */
    char *bridge;
    uint16_t ofport;            /* By which it came. */
    bool for_vm;                /* It waits for the VM with 'dst', not for the
                                 * one at 'ofport'. */
    struct eth_addr dst;
    long long int since;
    struct ofpbuf *msg;         /* The NXT_PACKET_IN2. */
};

static struct ovs_list frames = OVS_LIST_INITIALIZER(&frames);
static size_t n_frames;
static uint64_t n_waited, n_resumed, n_dropped;
static long long int longest;

/* Which bridges. */

static const char *
key_of(const struct pp_control *ctl, const struct pp_bridge *br,
       const char *key)
{
    const char *value = smap_get(&br->row->external_ids, key);

    return value ? value : smap_get(&ctl->ovs->external_ids, key);
}

static bool
is(const char *value, const char *word)
{
    return value && !strcmp(value, word);
}

/* Do the keys of 'br', or of Open_vSwitch, have the VMs on it fail closed?
 * Those of a policy that they name count where they say nothing. */
static bool
keys_close(const struct pp_control *ctl, const struct pp_bridge *br)
{
    const char *policy = key_of(ctl, br, PP_KEY_POLICY);
    const char *fail = key_of(ctl, br, PP_KEY_FAIL);
    const struct pp_named **used;
    bool closed = false;
    size_t n;

    if (!policy || is(policy, "none")
        || is(key_of(ctl, br, PP_KEY_MODE), "off")) {
        return false;
    } else if (fail) {
        return is(fail, "closed");
    }
    free(pp_named_expand(policy, &used, &n));
    for (size_t i = 0; i < n; i++) {
        closed |= pp_named_is_closed(used[i]);
    }
    free(used);
    return closed;
}

void
pp_first_check(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        bool waits;

        if (!br->row || !ctl->ovs) {
            continue;
        }
        waits = (!ctl->exiting && (keys_close(ctl, br)
                                   || pp_named_any_closed(br->name)));
        if (waits != br->first_waits) {
            VLOG_INFO("bridge %s: first frames of new ports %s", br->name,
                      waits ? "wait until it is known whose they are"
                      : "do not wait any more");
            br->first_waits = waits;
            pp_bridge_touch(ctl, br);
            pp_owner_touch(&br->fixed);
        }
    }
}

bool
pp_first_holds(const struct pp_iface *iface)
{
    return (iface->bridge->first_waits && iface->is_vm && iface->held
            && !iface->policy);
}

/* Flows. */

/* What a server could have sent, but for UDP. */
static const char *const servers_say[] = {
    "tcp", "tcp6",
    "ipv6,ip_frag=later",       /* The first one says what it is. */
    "dl_type=0x8100", "dl_type=0x88a8",
};

/* Adds the three flows for frames that 'match': in table 0, which has seen
 * that they are neither to nor from a protected VM, and where they would go
 * on. */
static void
put_first(const char *match, struct svec *flows)
{
    static const int tables[] = { PP_TABLE_BYPASS, PP_TABLE_GO_ON };

    svec_add_nocopy(flows, xasprintf(
        PP_FLOW"table=0,priority=%d,"PP_UNGUARDED",%s actions=resubmit(,%d)",
        PP_COOKIE, PP_PRIO_FIRST, match, PP_TABLE_INGRESS));
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        svec_add_nocopy(flows, xasprintf(
            PP_FLOW"table=%d,priority=10,reg12=0,reg13=0,%s actions="
            "controller(id=%u,userdata=%02x,pause),"PP_CLEAR_REGS
            ",resubmit(,0)",
            PP_COOKIE, tables[i], match, PP_CONTROLLER_ID,
            PP_FRAME_TO_WAIT));
    }
}

void
pp_first_put_fixed(const struct pp_bridge *br, struct svec *flows)
{
    if (!br->first_waits) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(servers_say); i++) {
        put_first(servers_say[i], flows);
    }
    for (size_t i = 0; i < pp_proxies_count(); i++) {
        const uint16_t *port = pp_proxies[i]->ports;

        for (; pp_proxies[i]->transport == PP_UDP && *port; port++) {
            char match[32];

            snprintf(match, sizeof match, "udp,tp_src=%u", *port);
            put_first(match, flows);
            snprintf(match, sizeof match, "udp6,tp_src=%u", *port);
            put_first(match, flows);
        }
    }
}

static bool
fails_closed(const struct pp_iface *iface)
{
    return iface->policy && iface->policy->fail == PP_FAIL_CLOSED;
}

/* For 'seconds', frames to 'iface' get 'actions'; NULL: they do not any
 * more. */
static void
put_to_iface(const struct pp_iface *iface, int priority, int seconds,
             const char *actions)
{
    struct pp_ofconn *oc = iface->bridge->ofconn;

    for (int v6 = 0; oc && pp_ofconn_is_up(oc) && v6 < 2; v6++) {
        struct ds flow = DS_EMPTY_INITIALIZER;

        ds_put_format(&flow, "table=0,priority=%d,"PP_UNGUARDED
                      ",dl_dst="ETH_ADDR_FMT",tcp%s", priority,
                      ETH_ADDR_ARGS(iface->mac), v6 ? "6" : "");
        if (actions) {
            ds_put_format(&flow, ",cookie=0x%"PRIx64",hard_timeout=%d "
                          "actions=%s", BRIEF_COOKIE, seconds, actions);
            pp_ofconn_add_flow(oc, ds_cstr(&flow));
        } else {
            pp_ofconn_delete_flow(oc, ds_cstr(&flow));
        }
        ds_destroy(&flow);
    }
}

void
pp_first_early(const struct pp_control *ctl)
{
    char *wait = xasprintf("controller(id=%u,userdata=%02x,pause),"
                           "resubmit(,0)", PP_CONTROLLER_ID, PP_FRAME_TO_VM);
    struct pp_iface *iface;

    LIST_FOR_EACH (iface, touched_node, &ctl->touched) {
        if (fails_closed(iface)
            && !eth_addr_equals(iface->mac, iface->early_mac)) {
            iface->early_mac = iface->mac;
            put_to_iface(iface, PP_PRIO_EARLY, WAIT_MS / 1000, wait);
            put_to_iface(iface, PP_PRIO_LEFT, 0, NULL);
        }
    }
    free(wait);
}

void
pp_first_left(const struct pp_iface *iface)
{
    if (fails_closed(iface) && iface->bridge->row) {
        put_to_iface(iface, PP_PRIO_LEFT, 1, "drop");
    }
}

/* A port that is known, for frames that have no slot: those of VLANs that
 * nobody expects there. */
void
pp_first_put_iface(const struct pp_iface *iface, struct svec *flows)
{
    if (iface->bridge->first_waits && iface->can_send && !iface->policy
        && !pp_first_holds(iface)) {
        char port[8];

        svec_add_nocopy(flows, xasprintf(
            PP_FLOW"table=%d,priority=5,in_port=%s "
            "actions=load:%#x->NXM_NX_REG12[],resubmit(,%d)",
            PP_COOKIE, PP_TABLE_INGRESS,
            pp_flows_port_name(iface->ofport, port), PP_REG_KNOWN,
            PP_TABLE_POLICY));
    }
}

/* Frames. */

static void
forget(struct waiting *w)
{
    ovs_list_remove(&w->node);
    n_frames--;
    free(w->bridge);
    ofpbuf_delete(w->msg);
    free(w);
}

void
pp_first_frame(struct pp_bridge *br, const struct ofp_header *oh)
{
    struct ofputil_packet_in pin;
    struct waiting *w;
    uint16_t ofport;
    size_t n = 0;

    if (ofputil_decode_packet_in(oh, false, NULL, NULL, &pin, NULL, NULL,
                                 NULL)) {
        return;
    }
    ofport = ofp_to_u16(pin.flow_metadata.flow.in_port.ofp_port);
    LIST_FOR_EACH (w, node, &frames) {
        n += w->ofport == ofport && !strcmp(w->bridge, br->name);
    }
    n_waited++;
    if (n >= WAITING_PORT_MAX || n_frames >= WAITING_MAX) {
        n_dropped++;
        return;
    }
    w = xzalloc(sizeof *w);
    w->bridge = xstrdup(br->name);
    w->ofport = ofport;
    w->for_vm = pin.userdata_len && pin.userdata[0] == PP_FRAME_TO_VM;
    w->dst = ((const struct eth_header *) pin.packet)->eth_dst;
    w->since = time_msec();
    w->msg = ofpbuf_clone_data(oh, ntohs(oh->length));
    ovs_list_push_back(&frames, &w->node);
    n_frames++;
}

/* The checksum field of a packet whose checksum is to be completed, where
 * 'sum' is that of its pseudo-header. */
static ovs_be16
unfinished(uint32_t sum)
{
    return csum_finish(sum) ^ OVS_BE16_MAX;
}

/* Where the sender's device was to complete the checksum of 'pin', it is done
 * here: the switch forgets on the way that it was. */
static void
complete_checksum(const struct ofputil_packet_in *pin)
{
    struct dp_packet packet;
    struct tcp_header *tcp;
    struct flow flow;

    dp_packet_use_const(&packet, pin->packet, pin->packet_len);
    flow_extract(&packet, &flow);
    tcp = dp_packet_l4(&packet);
    if (!tcp || flow.nw_proto != IPPROTO_TCP || flow.nw_frag
        || dp_packet_l4_size(&packet) < TCP_HEADER_LEN) {
        return;
    }
    if (flow.dl_type == htons(ETH_TYPE_IP)) {
        uint32_t sum = packet_csum_pseudoheader(dp_packet_l3(&packet));

        if (tcp->tcp_csum == unfinished(sum)) {
            tcp->tcp_csum = 0;
            tcp->tcp_csum = csum_finish(csum_continue(
                sum, tcp, dp_packet_l4_size(&packet)));
        }
    } else if (flow.dl_type == htons(ETH_TYPE_IPV6)) {
        const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(&packet);
        uint32_t sum = packet_csum_pseudoheader6(ip6);

        if (tcp->tcp_csum == unfinished(sum)) {
            tcp->tcp_csum = 0;
            tcp->tcp_csum = packet_csum_upperlayer6(
                ip6, tcp, IPPROTO_TCP,
                (uint16_t) dp_packet_l4_size(&packet));
        }
    }
}

static void
go_on(struct waiting *w, struct pp_ofconn *oc)
{
    struct ofputil_packet_in pin;
    struct ofpbuf continuation;

    if (!ofputil_decode_packet_in(w->msg->data, true, NULL, NULL, &pin, NULL,
                                  NULL, &continuation)) {
        complete_checksum(&pin);
        pp_ofconn_resume(oc, &pin, &continuation);
        n_resumed++;
        longest = MAX(longest, time_msec() - w->since);
    }
}

static bool
may_go_on(const struct pp_iface *iface)
{
    return !pp_first_holds(iface) && pp_ofconn_has_iface(iface);
}

/* Is it known by now whose frame that is, and does the switch have the flows
 * that this takes? */
static bool
is_known(const struct pp_bridge *br, const struct waiting *w)
{
    const struct pp_iface *iface;

    if (w->for_vm) {
        PP_FOR_EACH_IFACE_LIKE (iface, w->dst, br) {
            if (iface->policy && eth_addr_equals(iface->mac, w->dst)) {
                return may_go_on(iface);
            }
        }
    } else {
        PP_FOR_EACH_IFACE_AT (iface, w->ofport, br) {
            if (!iface->behind) {
                return may_go_on(iface);
            }
        }
    }
    return false;
}

void
pp_first_run(struct pp_control *ctl)
{
    struct waiting *w;

    LIST_FOR_EACH_SAFE (w, node, &frames) {
        struct pp_bridge *br = pp_bridge_find(ctl, w->bridge);

        if (!br || !br->row || !br->ofconn
            || time_msec() >= w->since + WAIT_MS) {
            n_dropped++;
            forget(w);
        } else if (is_known(br, w)) {
            go_on(w, br->ofconn);
            forget(w);
        }
    }
}

void
pp_first_wait(void)
{
    if (!ovs_list_is_empty(&frames)) {
        const struct waiting *w = CONTAINER_OF(ovs_list_front(&frames),
                                               struct waiting, node);

        poll_timer_wait_until(w->since + WAIT_MS);
    }
}

void
pp_first_format(struct ds *ds)
{
    ds_put_format(ds, "first packets: %"PRIu64" frames of new ports waited, "
                  "%"PRIu64" went on, at most %lld ms later, %"PRIu64
                  " were dropped, %"PRIuSIZE" wait\n",
                  n_waited, n_resumed, longest, n_dropped, n_frames);
}

void
pp_first_destroy(void)
{
    struct waiting *w;

    LIST_FOR_EACH_SAFE (w, node, &frames) {
        forget(w);
    }
}
