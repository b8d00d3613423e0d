/* SPDX-License-Identifier: Apache-2.0 */

/* Slots: the numbers that stand for "came in by this port, in this VLAN".
 *
 * In: interfaces that were touched; frames that had no slot (pp-ofconn.c).
 * Out: a slot for each port without a tag and, on ports that carry tagged
 * frames, for each VLAN that a protected VM is in.  A VM's port that could
 * carry any VLAN, since nothing in the database says which, gets a slot for
 * one when the first frame comes in it.
 *
 * Runs in control's main loop.  Owns the slots of each bridge. */

#include <config.h>

#include "pp-slots.h"

#include <stdlib.h>

#include "bitmap.h"
#include "coverage.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "pp-control.h"
#include "pp-flows.h"
#include "pp-first.h"
#include "pp-oftable.h"
#include "pp-policy.h"
#include "pp-snapshot-build.h"
#include "pp-status.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_slots);

COVERAGE_DEFINE(slots_iface);
COVERAGE_DEFINE(slots_refused);

static uint32_t learned_max = PP_SLOTS_LEARNED_DEFAULT;

void
pp_slots_set_learned_max(uint32_t max)
{
    learned_max = max;
}

static uint32_t
slot_hash(const struct pp_iface *iface, int vlan)
{
    return hash_pointer(iface, (uint32_t) vlan);
}

static struct pp_slot *
slot_find(const struct pp_slots *slots, const struct pp_iface *iface,
          int vlan)
{
    struct pp_slot *s;

    HMAP_FOR_EACH_WITH_HASH (s, hmap_node, slot_hash(iface, vlan),
                             &slots->slots) {
        if (s->vlan == vlan && s->iface == iface) {
            return s;
        }
    }
    return NULL;
}

const struct pp_slot *
pp_slots_find(const struct pp_bridge *br, uint16_t vid)
{
    return br->slots && vid <= PP_SLOT_MAX ? br->slots->by_vid[vid] : NULL;
}

/* The one after the last that was given out, so that a slot that was taken
 * back is not soon another port's. */
static uint16_t
free_vid(const struct pp_slots *slots)
{
    size_t vid = bitmap_scan(slots->used, false, slots->next,
                             PP_SLOT_MAX + 1);

    if (vid > PP_SLOT_MAX) {
        vid = bitmap_scan(slots->used, false, PP_SLOT_MIN, PP_SLOT_MAX + 1);
    }
    return vid > PP_SLOT_MAX ? 0 : (uint16_t) vid;
}

/* Whether a slot is left decides what becomes of frames without one. */
static void
check_full(struct pp_control *ctl, struct pp_bridge *br)
{
    bool full = !free_vid(br->slots);

    if (full != br->slots->full) {
        br->slots->full = full;
        pp_owner_touch(&br->fixed);
        if (!full) {
            /* Maybe somebody went without. */
            pp_bridge_touch(ctl, br);
        }
    }
}

/* The VLAN of the frames of 's', a slot of 'port'. */
static uint16_t
vlan_of(const struct pp_slot *s, const struct ovsrec_port *port)
{
    if (s->vlan != PP_UNTAGGED) {
        return (uint16_t) s->vlan;
    }
    return (port->n_tag && port->tag[0] > 0 && port->tag[0] < 4096
            && (!port->vlan_mode || strcmp(port->vlan_mode, "trunk"))
            ? (uint16_t) port->tag[0] : 0);
}

/* 's' is in use. */
static void
slot_use(struct pp_slot *s)
{
    s->ofport = s->iface->ofport;
    s->of_vlan = vlan_of(s, s->iface->port);
    s->seen = true;
}

static struct pp_slot *
slot_get(struct pp_slots *slots, struct pp_iface *iface, int vlan)
{
    struct pp_slot *s = slot_find(slots, iface, vlan);

    if (!s) {
        uint16_t vid = free_vid(slots);

        if (!vid) {
            static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

            VLOG_ERR_RL(&rl, "bridge %s: no slot is left for frames of port "
                        "%s in VLAN %d: more than %d ports and VLANs; they "
                        "pass uninspected, or are dropped where "
                        PP_KEY_FAIL"=closed",
                        iface->bridge->name, iface->name, vlan, PP_SLOT_MAX);
            return NULL;
        }
        s = xzalloc(sizeof *s);
        s->iface = iface;
        s->vlan = vlan;
        s->vid = vid;
        bitmap_set1(slots->used, vid);
        slots->by_vid[vid] = s;
        slots->next = (uint16_t) (vid + 1);
        hmap_insert(&slots->slots, &s->hmap_node, slot_hash(iface, vlan));
        ovs_list_push_back(&iface->slots, &s->node);
        pp_owner_init(&s->owner, PP_OWNER_SLOT, iface->bridge);
        pp_owner_touch(&s->owner);
    }
    slot_use(s);
    return s;
}

static void
slot_destroy(struct pp_slots *slots, struct pp_slot *s)
{
    pp_snapshot_build_forget_slot(s->iface->bridge, s);
    pp_owner_destroy(&s->owner);
    s->iface->n_learned -= s->counts;
    bitmap_set0(slots->used, s->vid);
    slots->by_vid[s->vid] = NULL;
    hmap_remove(&slots->slots, &s->hmap_node);
    ovs_list_remove(&s->node);
    free(s);
}

static bool
is_access(const struct ovsrec_port *port)
{
    return (port->vlan_mode ? !strcmp(port->vlan_mode, "access")
            : port->n_tag > 0);
}

static bool
is_in_trunks(const struct ovsrec_port *port, int64_t vlan)
{
    for (size_t i = 0; i < port->n_trunks; i++) {
        if (port->trunks[i] == vlan) {
            return true;
        }
    }
    return false;
}

/* Is 'iface' to have a slot for each VLAN that a protected VM is in? */
static bool
is_trunk(const struct pp_iface *iface)
{
    return (iface->can_send && !iface->behind && !is_access(iface->port)
            && (!iface->is_vm || iface->port->n_trunks));
}

/* The VLANs that 'iface' is in, if it is protected, or NULL. */
static unsigned long *
protected_vlans(const struct pp_iface *iface)
{
    const struct ovsrec_port *port = iface->port;
    unsigned long *vlans;

    if (!iface->policy || (!port->n_tag && !port->n_trunks)) {
        return NULL;
    }
    vlans = bitmap_allocate(4096);
    if (port->n_tag && port->tag[0] > 0 && port->tag[0] < 4096) {
        bitmap_set1(vlans, (size_t) port->tag[0]);
    }
    for (size_t i = 0; i < port->n_trunks; i++) {
        if (port->trunks[i] >= 0 && port->trunks[i] < 4096) {
            bitmap_set1(vlans, (size_t) port->trunks[i]);
        }
    }
    return vlans;
}

/* 'iface' is in 'vlans' now, which this takes over.  Where a VLAN comes or
 * goes for the whole bridge, trunks are to be looked at. */
static void
set_vlans(struct pp_control *ctl, struct pp_iface *iface,
          unsigned long *vlans)
{
    struct pp_slots *slots = iface->bridge->slots;
    struct pp_iface *trunk;
    bool changed = false;
    size_t vlan;

    if (iface->vlans && vlans && bitmap_equal(iface->vlans, vlans, 4096)) {
        bitmap_free(vlans);
        return;
    }
    if (vlans) {
        BITMAP_FOR_EACH_1 (vlan, 4096, vlans) {
            changed |= !slots->n_vlans[vlan]++;
        }
    }
    if (iface->vlans) {
        BITMAP_FOR_EACH_1 (vlan, 4096, iface->vlans) {
            changed |= !--slots->n_vlans[vlan];
        }
        bitmap_free(iface->vlans);
    }
    iface->vlans = vlans;
    if (changed) {
        LIST_FOR_EACH (trunk, trunk_node, &slots->trunks) {
            pp_iface_touch(ctl, trunk);
        }
    }
}

/* What is behind 'iface' has its slot, for frames without a tag: VTEPs put
 * none into a tunnel that has a network's number (RFC 7348 6.1). */
static void
give_guests(struct pp_control *ctl, const struct pp_iface *iface)
{
    struct pp_iface *guest;

    LIST_FOR_EACH (guest, guest_node, &iface->guests) {
        if (guest->slot != iface->slot) {
            pp_iface_touch(ctl, guest);
        }
        guest->slot = iface->slot;
        guest->vlan = iface->vlan;
    }
}

static void
iface_run(struct pp_control *ctl, struct pp_iface *iface)
{
    struct pp_slots *slots = iface->bridge->slots;
    bool trunk = is_trunk(iface);
    struct pp_slot *s;

    if (iface->behind) {
        iface->slot = iface->behind->slot;
        iface->vlan = iface->behind->vlan;
        return;
    }

    if (trunk == ovs_list_is_empty(&iface->trunk_node)) {
        ovs_list_remove(&iface->trunk_node);
        ovs_list_init(&iface->trunk_node);
        if (trunk) {
            ovs_list_push_back(&slots->trunks, &iface->trunk_node);
        }
    }
    LIST_FOR_EACH (s, node, &iface->slots) {
        s->seen = false;
    }
    iface->slot = iface->vlan = 0;
    iface->in_vlans = false;
    if (iface->can_send) {
        s = slot_get(slots, iface, PP_UNTAGGED);
        iface->slot = s ? s->vid : 0;
        iface->vlan = s ? s->of_vlan : 0;
    }
    for (int64_t vlan = 0; trunk && vlan < 4096; vlan++) {
        if (slots->n_vlans[vlan] && (!iface->port->n_trunks
                                     || is_in_trunks(iface->port, vlan))) {
            slot_get(slots, iface, (int) vlan);
        }
    }
    LIST_FOR_EACH_SAFE (s, node, &iface->slots) {
        if (s->learned && iface->can_send && !is_access(iface->port)) {
            slot_use(s);
        }
        if (!s->seen) {
            slot_destroy(slots, s);
        } else if (s->of_vlan != iface->vlan) {
            iface->in_vlans = true;
        }
    }
    iface->is_capped = iface->n_learned >= learned_max;
    give_guests(ctl, iface);
}

/* What flows are made of, but for the slots themselves. */
static void
touch_owners(struct pp_iface *iface)
{
    uint32_t reg = (iface->policy ? pp_flows_reg(iface->policy->redirect)
                    : pp_first_holds(iface) ? UINT32_MAX : 0);
    struct pp_slot *s;

    pp_owner_touch(&iface->owner);
    LIST_FOR_EACH (s, node, &iface->slots) {
        if (s->flow_reg != reg || s->flow_port != s->ofport) {
            s->flow_reg = reg;
            s->flow_port = s->ofport;
            pp_owner_touch(&s->owner);
        }
    }
}

static void
slots_create(struct pp_control *ctl, struct pp_bridge *br)
{
    br->slots = xzalloc(sizeof *br->slots);
    hmap_init(&br->slots->slots);
    ovs_list_init(&br->slots->trunks);
    br->slots->used = bitmap_allocate(PP_SLOT_MAX + 1);
    br->slots->next = PP_SLOT_MIN;
    pp_bridge_touch(ctl, br);
}

void
pp_slots_run(struct pp_control *ctl)
{
    struct pp_bridge *br;
    struct pp_iface *iface;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (!br->slots && pp_bridge_is_used(br)) {
            slots_create(ctl, br);
        }
    }
    LIST_FOR_EACH (iface, touched_node, &ctl->touched) {
        if (iface->bridge->slots) {
            set_vlans(ctl, iface, protected_vlans(iface));
        }
    }
    LIST_FOR_EACH (iface, touched_node, &ctl->touched) {
        if (iface->bridge->slots) {
            COVERAGE_INC(slots_iface);
            iface_run(ctl, iface);
        }
    }
    LIST_FOR_EACH_SAFE (iface, touched_node, &ctl->touched) {
        ovs_list_remove(&iface->touched_node);
        ovs_list_init(&iface->touched_node);
        pp_snapshot_build_touch(ctl, iface);
        touch_owners(iface);
        pp_status_touch(ctl, iface);
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->slots) {
            check_full(ctl, br);
        }
    }
    ctl->dirty |= !ovs_list_is_empty(&ctl->touched);
}

void
pp_slots_forget(struct pp_control *ctl, struct pp_iface *iface)
{
    struct pp_slots *slots = iface->bridge->slots;
    struct pp_slot *s;

    if (slots) {
        set_vlans(ctl, iface, NULL);
        LIST_FOR_EACH_SAFE (s, node, &iface->slots) {
            slot_destroy(slots, s);
        }
        ovs_list_remove(&iface->trunk_node);
    }
}

static struct pp_iface *
find_ofport(struct pp_bridge *br, uint16_t ofport)
{
    struct pp_iface *iface;

    PP_FOR_EACH_IFACE_AT (iface, ofport, br) {
        if (iface->can_send) {
            return iface;
        }
    }
    return NULL;
}

/* One port cannot have the slots of all.  The switch drops what comes in other
 * VLANs from now on, so that nothing of it may be seen here. */
static void
warn_of_bound(const struct pp_iface *iface)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    VLOG_WARN_RL(&rl, "bridge %s: port %s carries %"PRIu32" VLANs to "
                 "protected VMs that nobody expected there, and no more are "
                 "learned; what comes in others is dropped.  If it should "
                 "carry them, list them in the Port's trunks, or raise "
                 "--max-learned-vlans",
                 iface->bridge->name, iface->name, learned_max);
}

bool
pp_slots_learn(struct pp_control *ctl, struct pp_bridge *br, uint16_t ofport,
               int vlan)
{
    struct pp_iface *iface = br->slots ? find_ofport(br, ofport) : NULL;
    struct pp_slot *s;
    bool counts;

    if (!iface || slot_find(br->slots, iface, vlan)
        || (vlan != PP_UNTAGGED && is_access(iface->port))) {
        return false;
    }
    counts = !is_in_trunks(iface->port, vlan);
    if (counts && iface->n_learned >= learned_max) {
        COVERAGE_INC(slots_refused);
        return false;
    }
    s = slot_get(br->slots, iface, vlan);
    if (!s) {
        return false;
    }
    s->learned = true;
    s->counts = counts;
    iface->n_learned += counts;
    pp_iface_touch(ctl, iface);
    VLOG_INFO("bridge %s: port %s carries VLAN %d to a protected VM; slot %u",
              br->name, iface->name, vlan, s->vid);
    if (counts && iface->n_learned == learned_max) {
        warn_of_bound(iface);
    }
    return true;
}

/* The slots of 'br' by the numbers that the switch's flows have for them, in
 * 'by_vid'. */
static void
find_former(struct pp_bridge *br, const struct pp_oftable *table,
            struct pp_slot *by_vid[PP_SLOT_MAX + 1])
{
    const struct pp_oflow *f;
    struct pp_slot *s;

    HMAP_FOR_EACH (s, hmap_node, &br->slots->slots) {
        s->seen = false;
    }
    HMAP_FOR_EACH (f, hmap_node, &table->flows) {
        uint16_t vid, ofport;
        int vlan;

        if (pp_flows_read_slot(f, &vid, &ofport, &vlan)) {
            struct pp_iface *iface = find_ofport(br, ofport);

            s = iface ? slot_find(br->slots, iface, vlan) : NULL;
            if (s && !s->seen && !by_vid[vid]) {
                by_vid[vid] = s;
                s->seen = true;
            }
        }
    }
}

/* 's' is another number. */
static void
slot_renumber(struct pp_control *ctl, struct pp_slot *s, uint16_t vid)
{
    pp_snapshot_build_forget_slot(s->iface->bridge, s);
    s->vid = vid;
    pp_owner_touch(&s->owner);
    pp_iface_touch(ctl, s->iface);
}

bool
pp_slots_adopt(struct pp_control *ctl, struct pp_bridge *br,
               const struct pp_oftable *table)
{
    struct pp_slots *slots = br->slots;
    struct pp_slot *by_vid[PP_SLOT_MAX + 1] = { NULL };
    unsigned int n = 0;
    uint16_t next = PP_SLOT_MIN;
    struct pp_slot *s;

    if (!slots) {
        return false;
    }
    find_former(br, table, by_vid);
    HMAP_FOR_EACH (s, hmap_node, &slots->slots) {
        if (!s->seen) {
            uint16_t vid = s->vid;

            while (by_vid[vid]) {
                vid = vid == PP_SLOT_MAX ? PP_SLOT_MIN : (uint16_t) (vid + 1);
            }
            by_vid[vid] = s;
        }
    }
    for (uint16_t vid = PP_SLOT_MIN; vid <= PP_SLOT_MAX; vid++) {
        s = slots->by_vid[vid] = by_vid[vid];
        bitmap_set(slots->used, vid, s != NULL);
        if (s) {
            next = (uint16_t) (vid + 1);
        }
        if (s && s->vid != vid) {
            slot_renumber(ctl, s, vid);
            n++;
        }
    }
    slots->next = next;
    return n > 0;
}

void
pp_slots_destroy(struct pp_slots *slots)
{
    if (slots) {
        hmap_destroy(&slots->slots);
        bitmap_free(slots->used);
        free(slots);
    }
}
