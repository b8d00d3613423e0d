/* SPDX-License-Identifier: Apache-2.0 */

/* The redirect, as OpenFlow flows and groups.
 *
 * In: an owner of flows: a bridge's interface with its policy and its slots,
 * what policies redirect, or the bridge.  Out: text, one line a flow or group;
 * what the tables are for is in pp-flows.h.  pp-ofconn.c puts it into the
 * switch.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-flows.h"

#include <stdio.h>

#include "flow.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-first.h"
#include "pp-learn.h"
#include "pp-oftable.h"
#include "pp-pins.h"
#include "pp-policy.h"
#include "pp-proxy.h"
#include "pp-services.h"
#include "pp-slots.h"
#include "pp-tap.h"
#include "svec.h"
#include "util.h"

/* Priorities in table 0: above what others use. */
#define PRIO_RETURN 65504
#define PRIO_TO_VM 65503

#define SET_GUARD "load:1->NXM_NX_REG10[31]"

static void OVS_PRINTF_FORMAT(2, 3)
put(struct svec *lines, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    svec_add_nocopy(lines, xvasprintf(format, args));
    va_end(args);
}

const char *
pp_flows_port_name(uint16_t ofport, char buf[8])
{
    if (ofport == ofp_to_u16(OFPP_LOCAL)) {
        return "LOCAL";
    }
    snprintf(buf, 8, "%u", ofport);
    return buf;
}

/* PP_TABLE_DISCOVER, in a text. */
#define DISCOVER "206"
BUILD_ASSERT_DECL(PP_TABLE_DISCOVER == 206);

uint32_t
pp_flows_reg(const struct pp_redirect *r)
{
    uint32_t reg = r->number;

    for (size_t i = 0; i < r->n_ports; i++) {
        reg |= r->ports[i].transport == PP_TCP ? PP_REG_TCP : PP_REG_UDP;
    }
    return reg | (r->fail == PP_FAIL_CLOSED ? PP_REG_CLOSED : 0);
}

void
pp_flows_put_end(struct ds *ds, const char *which,
                 const struct pp_ipc_addr *addr)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(&addr->ip);

    ds_put_format(ds, ",%s_%s=", v4 ? "nw" : "ipv6", which);
    ipv6_format_mapped(&addr->ip, ds);
    ds_put_format(ds, ",tp_%s=%u", which, addr->port);
}

/* What besides the port tells frames of 'iface', for a match. */
static const char *
from_mac(const struct pp_iface *iface, char buf[32])
{
    buf[0] = '\0';
    if (iface->behind) {
        snprintf(buf, 32, ",dl_src="ETH_ADDR_FMT, ETH_ADDR_ARGS(iface->mac));
    }
    return buf;
}

/* Table 0. */
static void
put_classify(const struct pp_iface *iface, struct svec *flows)
{
    uint32_t reg = iface->policy ? pp_flows_reg(iface->policy->redirect) : 0;
    char mac[32], buf[8];

    if (!iface->policy && !iface->n_pins) {
        return;
    }
    put(flows, PP_FLOW"table=0,priority=%d,"PP_UNGUARDED",dl_dst="ETH_ADDR_FMT
        " actions=load:%#x->NXM_NX_REG11[],resubmit(,%d)",
        PP_COOKIE, PRIO_TO_VM, ETH_ADDR_ARGS(iface->mac),
        reg, PP_TABLE_INGRESS);
    if (iface->ofport && !iface->learning) {
        bool heard = iface->policy && !pp_services_is_muted(iface->server_id);

        put(flows, PP_FLOW"table=0,priority=%d,"PP_UNGUARDED",in_port=%s%s "
            "actions=load:%#x->NXM_NX_REG12[],%sresubmit(,%d)",
            PP_COOKIE, PP_PRIO_FROM_VM,
            pp_flows_port_name(iface->ofport, buf), from_mac(iface, mac), reg,
            heard ? "resubmit(,"DISCOVER")," : "", PP_TABLE_INGRESS);
    }
}

/* Table 200: frames from a server behind a tunnel, which has the slot of all
 * that come by that port. */
static void
put_behind(const struct pp_iface *iface, struct svec *flows)
{
    char mac[32], buf[8];

    if (iface->policy && iface->ofport && iface->slot) {
        put(flows, PP_FLOW"table=%d,priority=15,in_port=%s%s,"
            "vlan_tci=0/0x0fff actions=load:%#x->NXM_NX_REG12[],"
            "load:%#x->NXM_NX_REG13[],"
            "resubmit(,%d)", PP_COOKIE, PP_TABLE_INGRESS,
            pp_flows_port_name(iface->ofport, buf), from_mac(iface, mac),
            pp_flows_reg(iface->policy->redirect), iface->slot,
            PP_TABLE_POLICY);
    }
}

/* Table 203: back from the engine. */
static void
put_slot_back(const struct pp_slot *s, struct svec *flows)
{
    if (s->vlan == PP_UNTAGGED) {
        put(flows, PP_FLOW"table=%d,priority=10,vlan_tci=%#x/0x1fff "
            "actions=pop_vlan,load:%#x->NXM_OF_IN_PORT[],"SET_GUARD
            ",resubmit(,0)",
            PP_COOKIE, PP_TABLE_RETURN, 0x1000 | s->vid, s->ofport);
    } else {
        put(flows, PP_FLOW"table=%d,priority=10,vlan_tci=%#x/0x1fff "
            "actions=load:%#x->NXM_OF_VLAN_TCI[0..11],"
            "load:%#x->NXM_OF_IN_PORT[],"SET_GUARD",resubmit(,0)",
            PP_COOKIE, PP_TABLE_RETURN, 0x1000 | s->vid,
            s->vlan, s->ofport);
    }
}

/* Tables 200 and 203: there and back. */
static void
put_slot(const struct pp_slot *s, struct svec *flows)
{
    const struct pp_iface *iface = s->iface;
    struct ds from = DS_EMPTY_INITIALIZER;
    char match[32], buf[8];

    if (s->vlan == PP_UNTAGGED) {
        /* Without a tag, or with one that says a priority alone. */
        ovs_strlcpy(match, "vlan_tci=0/0x0fff", sizeof match);
    } else {
        snprintf(match, sizeof match, "vlan_tci=%#x/0x1fff",
                 0x1000 | s->vlan);
    }
    if (iface->policy) {
        ds_put_format(&from, "load:%#x->NXM_NX_REG12[],",
                      pp_flows_reg(iface->policy->redirect));
    }
    if (!pp_first_holds(iface)) {
        /* By this the port is known (pp-first.h). */
        put(flows, PP_FLOW"table=%d,priority=10,in_port=%s,%s "
            "actions=%sload:%#x->NXM_NX_REG13[],resubmit(,%d)",
            PP_COOKIE, PP_TABLE_INGRESS,
            pp_flows_port_name(s->ofport, buf), match, ds_cstr(&from),
            s->vid, PP_TABLE_POLICY);
    }
    ds_destroy(&from);
}

bool
pp_flows_read_slot(const struct pp_oflow *f, uint16_t *vid, uint16_t *ofport,
                   int *vlan)
{
    const struct ofpact *a;

    if (f->table != PP_TABLE_RETURN || !f->have.exists
        || f->have.cookie != htonll(PP_COOKIE)) {
        return false;
    }
    *vid = miniflow_get_vid(f->match.flow, 0);
    *ofport = 0;
    *vlan = PP_UNTAGGED;
    OFPACT_FOR_EACH (a, f->have.ofpacts, f->have.len) {
        const struct ofpact_set_field *sf;

        if (a->type != OFPACT_SET_FIELD) {
            continue;
        }
        sf = ofpact_get_SET_FIELD(a);
        if (sf->field->id == MFF_IN_PORT) {
            *ofport = ntohs(sf->value->be16);
        } else if (sf->field->id == MFF_VLAN_TCI) {
            *vlan = ntohs(sf->value->be16) & VLAN_VID_MASK;
        }
    }
    return *vid >= PP_SLOT_MIN && *vid <= PP_SLOT_MAX && *ofport;
}

static void
put_iface(const struct pp_iface *iface, struct svec *flows)
{
    char buf[8];

    put_classify(iface, flows);
    if (iface->behind) {
        put_behind(iface, flows);
    }
    /* In place of the one for its port, if it has pins. */
    pp_learn_put_flows(iface, flows);
    pp_first_put_iface(iface, flows);
    if (iface->is_capped) {
        /* No other VLAN of this port gets a slot, so control need not be
         * asked. */
        put(flows, PP_FLOW"table=%d,priority=30,in_port=%s,reg13=0/0xffff "
            "actions=drop", PP_COOKIE, PP_TABLE_OUT,
            pp_flows_port_name(iface->ofport, buf));
    }
}

/* Table 201: the L4 ports that policies have in common, both address families,
 * both directions. */
static void
put_redirect(const struct pp_redirect *r, struct svec *flows)
{
    uint32_t reg = pp_flows_reg(r);
    uint32_t group = (r->fail == PP_FAIL_CLOSED ? PP_GROUP_CLOSED
                      : PP_GROUP_OPEN);

    for (size_t i = 0; i < r->n_ports; i++) {
        const struct pp_redirect_port *p = &r->ports[i];
        const char *l4 = p->transport == PP_TCP ? "tcp" : "udp";

        for (int v6 = 0; v6 < 2; v6++) {
            put(flows, PP_FLOW"table=%d,priority=30,%s%s,reg11=%#x,tp_dst=%u "
                "actions=group:%u", PP_COOKIE, PP_TABLE_POLICY, l4,
                v6 ? "6" : "", reg, p->port, group);
            put(flows, PP_FLOW"table=%d,priority=20,%s%s,reg12=%#x,tp_src=%u "
                "actions=group:%u", PP_COOKIE, PP_TABLE_POLICY, l4,
                v6 ? "6" : "", reg, p->port, group);
        }
    }
}

/* Table 201: fragments, which but for the first have no ports.  All of one
 * IPv4 packet say the same protocol; of an IPv6 packet the first one's word
 * counts (RFC 8200 section 4.5), so there all have to go.  'regs' has the
 * bits of all policies on the bridge. */
static void
put_fragments(uint32_t regs, struct svec *flows)
{
    for (int udp = 0; udp < 2; udp++) {
        uint32_t bit = udp ? PP_REG_UDP : PP_REG_TCP;

        for (int i = 0; regs & bit && i < 8; i++) {
            bool from = i & 1, closed = i & 2, v6 = i & 4;

            put(flows, PP_FLOW"table=%d,priority=%d,%s,ip_frag=yes,"
                "reg%d=%#x/%#x actions=group:%u",
                PP_COOKIE, PP_TABLE_POLICY, (from ? 41 : 43) - udp,
                v6 ? "ipv6" : udp ? "udp" : "tcp", from ? 12 : 11,
                bit | (closed ? PP_REG_CLOSED : 0), bit | PP_REG_CLOSED,
                closed ? PP_GROUP_CLOSED : PP_GROUP_OPEN);
        }
    }
}

/* Table 201: frames with one more tag than the switch looks behind
 * (other_config:vlan-limit), to which the engine looks.  Hosts take a frame
 * with tags of VLAN 0 as if it had none.  'regs' as above. */
static void
put_tagged(uint32_t regs, struct svec *flows)
{
    for (int i = 0; regs & PP_REG_TCP && i < 8; i++) {
        bool from = i & 1, closed = i & 2, service = i & 4;

        put(flows, PP_FLOW"table=%d,priority=%d,dl_type=%#x,"
            "reg%d=%#x/%#x actions=group:%u",
            PP_COOKIE, PP_TABLE_POLICY, from ? 11 : 13,
            service ? ETH_TYPE_VLAN_8021AD : ETH_TYPE_VLAN, from ? 12 : 11,
            PP_REG_TCP | (closed ? PP_REG_CLOSED : 0),
            PP_REG_TCP | PP_REG_CLOSED,
            closed ? PP_GROUP_CLOSED : PP_GROUP_OPEN);
    }
}

/* What there is once on a bridge, so that frames come back from the engine. */
static void
put_back(const struct pp_bridge *br, struct svec *flows)
{
    put(flows, PP_FLOW"table=0,priority=%d,in_port=%u actions=resubmit(,%d)",
        PP_COOKIE, PRIO_RETURN, br->tap->ofport, PP_TABLE_RETURN);
    put(flows, PP_FLOW"table=%d,priority=0 actions=drop",
        PP_COOKIE, PP_TABLE_RETURN);
}

/* What else there is once on a bridge. */
static void
put_fixed(const struct pp_bridge *br, struct svec *flows)
{
    uint32_t regs = ((br->n_tcp ? PP_REG_TCP : 0)
                     | (br->n_udp ? PP_REG_UDP : 0));
    uint16_t pp = br->tap->ofport;

    put(flows, PP_FLOW"table=%d,priority=0 actions=resubmit(,%d)",
        PP_COOKIE, PP_TABLE_INGRESS, PP_TABLE_POLICY);
    put_fragments(regs, flows);
    put_tagged(regs, flows);
    put(flows, PP_FLOW"table=%d,priority=0 actions=resubmit(,%d)",
        PP_COOKIE, PP_TABLE_POLICY, PP_TABLE_GO_ON);

    /* No slot: a VLAN that nobody expected on that port.  Control gives it
     * one, within milliseconds, and the sender sends the frame again: a
     * connection whose first segment passed would not be followed.  Where no
     * slot is left, the fail mode decides. */
    if (br->slots->full) {
        put(flows, PP_FLOW"table=%d,priority=20,reg13=0 "
            "actions=controller(id=%u,max_len=64),resubmit(,%d)",
            PP_COOKIE, PP_TABLE_OUT, PP_CONTROLLER_ID, PP_TABLE_BYPASS);
    } else {
        put(flows, PP_FLOW"table=%d,priority=20,reg13=0 "
            "actions=controller(id=%u,max_len=64)",
            PP_COOKIE, PP_TABLE_OUT, PP_CONTROLLER_ID);
    }
    put(flows, PP_FLOW"table=%d,priority=20,reg13=%#x "
        "actions=controller(id=%u,max_len=64)",
        PP_COOKIE, PP_TABLE_OUT, PP_REG_CLOSED, PP_CONTROLLER_ID);
    put(flows, PP_FLOW"table=%d,priority=10,vlan_tci=0/0x1000 "
        "actions=push_vlan:0x8100,"
        "move:NXM_NX_REG13[0..11]->NXM_OF_VLAN_TCI[0..11],output:%u",
        PP_COOKIE, PP_TABLE_OUT, pp);
    put(flows, PP_FLOW"table=%d,priority=10,vlan_tci=0x1000/0x1000 "
        "actions=move:NXM_NX_REG13[0..11]->NXM_OF_VLAN_TCI[0..11],output:%u",
        PP_COOKIE, PP_TABLE_OUT, pp);

    put(flows, PP_FLOW"table=%d,priority=0 actions="PP_CLEAR_REGS","SET_GUARD
        ",resubmit(,0)", PP_COOKIE, PP_TABLE_BYPASS);
    put(flows, PP_FLOW"table=%d,priority=0 actions="PP_CLEAR_REGS","SET_GUARD
        ",resubmit(,0)", PP_COOKIE, PP_TABLE_GO_ON);
}

/* Tables 206 and 207. */
static void
put_discovery(struct svec *flows)
{
    for (int v6 = 0; v6 < 2; v6++) {
        put(flows, PP_FLOW"table=%d,priority=10,tcp%s,tcp_flags=+syn+ack "
            "actions=resubmit(,%d)", PP_COOKIE, PP_TABLE_DISCOVER,
            v6 ? "6" : "", PP_TABLE_LISTENS);
    }
    /* With priority 0 this would be a table-miss flow, to which other rules
     * apply. */
    put(flows, PP_FLOW"table=%d,priority=1 "
        "actions=controller(id=%u,max_len=128,userdata=%02x)",
        PP_COOKIE, PP_TABLE_LISTENS, PP_CONTROLLER_ID, PP_FRAME_LISTENS);
}

/* The match of what comes from 'service' on 'ofport', in 'table'. */
static void
put_service(struct ds *ds, uint8_t table, int priority, uint16_t ofport,
            const struct pp_ipc_addr *service)
{
    char buf[8];

    ds_put_format(ds, PP_FLOW"table=%u,priority=%d,hard_timeout=%d,%s,"
                  "in_port=%s", PP_COOKIE_LISTENS, table, priority,
                  PP_DISCOVERY_PAUSE,
                  IN6_IS_ADDR_V4MAPPED(&service->ip) ? "tcp" : "tcp6",
                  pp_flows_port_name(ofport, buf));
    pp_flows_put_end(ds, "src", service);
}

char *
pp_flows_listens(uint16_t ofport, const struct pp_ipc_addr *service)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_service(&ds, PP_TABLE_LISTENS, 10, ofport, service);
    ds_put_cstr(&ds, " actions=drop");
    return ds_steal_cstr(&ds);
}

char *
pp_flows_speaks(uint16_t ofport, const struct pp_ipc_addr *service, bool more)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_service(&ds, PP_TABLE_DISCOVER, 5, ofport, service);
    ds_put_cstr(&ds, ",tcp_flags=+psh actions=");
    if (more) {
        ds_put_format(&ds, "controller(id=%u,max_len=%d,userdata=%02x)",
                      PP_CONTROLLER_ID, PP_FRAME_SPEAKS_MAX, PP_FRAME_SPEAKS);
    } else {
        ds_put_cstr(&ds, "drop");
    }
    return ds_steal_cstr(&ds);
}

enum pp_flows_extent
pp_flows_extent(const struct pp_bridge *br)
{
    return (!br->row || !br->tap || !br->tap->ofport || br->tap->removing
            || !br->slots ? PP_FLOWS_NONE
            : pp_bridge_is_used(br) ? PP_FLOWS_ALL : PP_FLOWS_BACK);
}

void
pp_flows_put_groups(const struct pp_bridge *br, struct svec *groups)
{
    uint16_t pp = br->tap->ofport;

    put(groups, "group_id=%u,type=all,bucket=actions=resubmit(,%d)",
        PP_GROUP_BYPASS, PP_TABLE_BYPASS);
    /* The second bucket watches a group that never dies, so that it does not
     * hang on any port. */
    put(groups, "group_id=%u,type=ff,"
        "bucket=watch_port:%u,actions=resubmit(,%d),"
        "bucket=watch_group:%u,actions=resubmit(,%d)",
        PP_GROUP_OPEN, pp, PP_TABLE_OUT, PP_GROUP_BYPASS, PP_TABLE_BYPASS);
    put(groups, "group_id=%u,type=ff,bucket=watch_port:%u,actions="
        "load:1->NXM_NX_REG13[18],resubmit(,%d)",
        PP_GROUP_CLOSED, pp, PP_TABLE_OUT);
}

static void
put_all(const struct pp_owner *owner, struct svec *flows)
{
    switch (owner->kind) {
    case PP_OWNER_IFACE:
        put_iface(CONTAINER_OF(owner, struct pp_iface, owner), flows);
        break;
    case PP_OWNER_SLOT:
        put_slot(CONTAINER_OF(owner, struct pp_slot, owner), flows);
        break;
    case PP_OWNER_REDIRECT:
        put_redirect(CONTAINER_OF(owner, struct pp_bridge_redirect,
                                  owner)->redirect, flows);
        break;
    case PP_OWNER_PINS:
        pp_pins_put_flows(owner, flows);
        break;
    case PP_OWNER_FIXED:
        put_fixed(owner->bridge, flows);
        put_discovery(flows);
        pp_first_put_fixed(owner->bridge, flows);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

void
pp_flows_put(const struct pp_owner *owner, enum pp_flows_extent extent,
             struct svec *flows)
{
    if (extent == PP_FLOWS_NONE) {
        return;
    }
    if (owner->kind == PP_OWNER_FIXED) {
        put_back(owner->bridge, flows);
    } else if (owner->kind == PP_OWNER_SLOT) {
        put_slot_back(CONTAINER_OF(owner, struct pp_slot, owner), flows);
    }
    if (extent == PP_FLOWS_ALL) {
        put_all(owner, flows);
    }
}
