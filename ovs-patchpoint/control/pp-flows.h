/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FLOWS_H
#define PP_FLOWS_H 1

/* The redirect, as OpenFlow flows and groups.
 *
 *   table  0  classifies, and no more: frames to a protected VM (by its MAC
 *             address) or from one (by its port) go to table 200, frames
 *             from the engine to table 203.  All other frames go on as if
 *             there were no ovs-patchpoint.
 *   table 200 ingress: slot of the port and VLAN, policy of the sender.
 *   table 201 policy: pinned connections (pp-pins.h), ports of the policies,
 *             and IP fragments, to a group.
 *             What else there is goes to table 205, and so do connections that
 *             are cut through (pp-cuts.h), whose flows are not made here.
 *   table 202 out: the slot's tag is put on, or in place of the frame's own,
 *             and the frame goes to the tap.
 *   table 203 return: the slot says which port and VLAN to restore.
 *   table 204 bypass: what cannot be inspected now, where it may pass.
 *   table 205 go on: back to table 0, with the guard set.  Here and in 204,
 *             what comes from a port that is not known waits, where that is
 *             wanted (pp-first.h).
 *   table 206 discover: frames with SYN and ACK from a VM pass through here on
 *             their way from table 0 to 200.
 *             For a while also those with PSH of a service whose protocol is
 *             not known: copies of some go to control.
 *   table 207 listens: of the first of them in a while of an address and port,
 *             control gets a copy, and adds a flow (with a cookie of its own)
 *             that those which follow end at.
 *
 * Registers, 0 outside of these tables but for the guard:
 *
 *   reg10[31]     the guard: "has been here"
 *   reg11, reg12  policies of the receiver and of the sender: the number of
 *                 their struct pp_redirect, and PP_REG_* bits
 *   reg13         the slot, and PP_REG_CLOSED
 *
 * A frame that goes back to table 0 is as it was when it came, but for the
 * guard, and for a tag of VLAN 0: a port's untagged frames and those that say
 * a priority but no VLAN share a slot, and come back untagged.
 *
 * Each flow has an owner (struct pp_owner), whose flows change as one.  A VM
 * has four: by its address and by its port in table 0, and there and back for
 * its port's slot.  A (policy, port) has four, too: both address
 * families, both directions.  Another slot, of a port that is no VM's or of a
 * VLAN on a trunk, has two, a pinned connection two, and there are at most 34
 * others, whatever the number of VMs.  Where first packets wait, it is 15 more
 * and one of each port without a policy. */

#include <stdbool.h>
#include <stdint.h>

struct ds;
struct pp_bridge;
struct pp_ipc_addr;
struct pp_owner;
struct pp_oflow;
struct pp_redirect;
struct svec;

#define PP_TABLE_INGRESS 200
#define PP_TABLE_POLICY 201
#define PP_TABLE_OUT 202
#define PP_TABLE_RETURN 203
#define PP_TABLE_BYPASS 204
#define PP_TABLE_GO_ON 205
#define PP_TABLE_DISCOVER 206
#define PP_TABLE_LISTENS 207
#define PP_TABLE_FIRST PP_TABLE_INGRESS
#define PP_TABLE_LAST PP_TABLE_LISTENS

/* "PatchPoi"; all our flows have it and none else does. */
#define PP_COOKIE UINT64_C(0x5061746368506f69)
#define PP_FLOW "cookie=0x%"PRIx64","    /* How a flow's text begins. */

/* That of flows that control adds to table 207. */
#define PP_COOKIE_LISTENS UINT64_C(0x5061746368506f6c)

/* Groups: an id that says "PP". */
#define PP_GROUP_BYPASS 0x50500001u     /* Always alive. */
#define PP_GROUP_OPEN 0x50500002u       /* The engine, or else bypass. */
#define PP_GROUP_CLOSED 0x50500003u     /* The engine, or else nothing. */

/* Priorities in table 201 of connections' own flows: pinned ones come before
 * all else, those that are cut through behind IP fragments, which have to stay
 * together, and before the ports of the policies. */
#define PP_PRIO_PIN 50
#define PP_PRIO_CUT 35

/* Controller id, for frames that control is to see, and the first byte of the
 * userdata that says what for; none: they have no slot. */
#define PP_CONTROLLER_ID 0x5050
#define PP_FRAME_TO_LEARN 0x4c          /* By pp-learn.h. */
#define PP_FRAME_LISTENS 0x53           /* By pp-services.h. */
#define PP_FRAME_SPEAKS 0x54            /* The same, of so many bytes. */
#define PP_FRAME_SPEAKS_MAX 256
#define PP_FRAME_TO_WAIT 0x47           /* By pp-first.h: for its sender... */
#define PP_FRAME_TO_VM 0x56             /* ...or for its receiver. */

/* Table 0: frames to a VM that has left, or is being plugged in; frames from a
 * VM, by its port; and those that pp-first.h has a look at. */
#define PP_PRIO_LEFT 65505
#define PP_PRIO_EARLY 65502
#define PP_PRIO_FROM_VM 65501
#define PP_PRIO_FIRST 65500
#define PP_UNGUARDED "reg10=0/0x80000000"

/* Bits of reg11, reg12 and reg13. */
#define PP_REG_TCP (1u << 16)           /* Has TCP services. */
#define PP_REG_UDP (1u << 17)           /* Has UDP services. */
#define PP_REG_CLOSED (1u << 18)        /* Fails closed. */
#define PP_REG_KNOWN (1u << 19)         /* No VM's that is protected. */

#define PP_CLEAR_REGS "load:0->NXM_NX_REG11[],load:0->NXM_NX_REG12[]," \
                      "load:0->NXM_NX_REG13[]"

/* What reg11 has of frames to a server with a policy, and reg12 of those from
 * one. */
uint32_t pp_flows_reg(const struct pp_redirect *);

/* 'ofport' as a match has it, maybe in 'buf'. */
const char *pp_flows_port_name(uint16_t ofport, char buf[8]);

/* Appends to a match that 'which' end, "src" or "dst", is 'addr'. */
void pp_flows_put_end(struct ds *, const char *which,
                      const struct pp_ipc_addr *addr);

/* The flow, to be freed, by which control hears no more for a while of what
 * listens at 'service' on 'ofport'. */
char *pp_flows_listens(uint16_t ofport, const struct pp_ipc_addr *service);

/* The flow, to be freed, by which control hears for a while what the server at
 * 'service' on 'ofport' sends: copies of its frames with PSH.  Without 'more',
 * one in its place that ends this. */
char *pp_flows_speaks(uint16_t ofport, const struct pp_ipc_addr *service,
                      bool more);

/* Which flows there should be on a bridge. */
enum pp_flows_extent {
    PP_FLOWS_NONE,
    PP_FLOWS_BACK,              /* Those by which frames come back. */
    PP_FLOWS_ALL,
};

/* How many of them should be, or may be, on 'br': PP_FLOWS_BACK if nothing is
 * to go to the engine any more, but what has may come back. */
enum pp_flows_extent pp_flows_extent(const struct pp_bridge *br);

/* If 'f', as the switch has it, brings frames of a slot back: which slot, and
 * the port's number and 'vlan' (struct pp_slot) that it stands for. */
bool pp_flows_read_slot(const struct pp_oflow *f, uint16_t *vid,
                        uint16_t *ofport, int *vlan);

/* Writes the flows of 'owner' of which there should be so many, or the groups
 * of 'br', as ovs-ofctl takes them. */
void pp_flows_put(const struct pp_owner *owner, enum pp_flows_extent,
                  struct svec *flows);
void pp_flows_put_groups(const struct pp_bridge *br, struct svec *groups);

#endif /* pp-flows.h */
