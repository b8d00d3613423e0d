/* SPDX-License-Identifier: Apache-2.0 */

/* Slots: the numbers that stand for "came in by this port, in this VLAN".
 *
 * In: a bridge's interfaces; frames that had no slot (pp-ofconn.c).  Out: a
 * slot for each port without a tag and, on ports that carry tagged frames,
 * for each VLAN that a protected VM is in.
 *
 * Runs in control's main loop.  Owns the slots of each bridge. */

#include <config.h>

#include "pp-slots.h"

#include <stdlib.h>

#include "bitmap.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "pp-control.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_slots);

static uint32_t
slot_hash(const char *ifname, int vlan)
{
    return hash_string(ifname, (uint32_t) vlan);
}

static struct pp_slot *
slot_find(const struct pp_slots *slots, const char *ifname, int vlan)
{
    struct pp_slot *s;

    HMAP_FOR_EACH_WITH_HASH (s, hmap_node, slot_hash(ifname, vlan),
                             &slots->slots) {
        if (s->vlan == vlan && !strcmp(s->ifname, ifname)) {
            return s;
        }
    }
    return NULL;
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

/* 's', which 'iface' has, is in use. */
static void
slot_use(struct pp_slot *s, struct pp_iface *iface)
{
    s->iface = iface;
    s->ofport = iface->ofport;
    s->of_vlan = vlan_of(s, iface->port);
    s->seen = true;
}

static struct pp_slot *
slot_get(struct pp_slots *slots, struct pp_iface *iface, int vlan)
{
    struct pp_slot *s = slot_find(slots, iface->name, vlan);

    if (!s) {
        uint16_t vid = free_vid(slots);

        if (!vid) {
            static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

            slots->full = true;
            VLOG_ERR_RL(&rl, "bridge %s: no slot is left for frames of port "
                        "%s in VLAN %d: more than %d ports and VLANs; they "
                        "pass uninspected, or are dropped where "
                        PP_KEY_FAIL"=closed",
                        iface->bridge->name, iface->name, vlan, PP_SLOT_MAX);
            return NULL;
        }
        s = xzalloc(sizeof *s);
        s->ifname = xstrdup(iface->name);
        s->vlan = vlan;
        s->vid = vid;
        bitmap_set1(slots->used, vid);
        slots->next = (uint16_t) (vid + 1);
        hmap_insert(&slots->slots, &s->hmap_node,
                    slot_hash(iface->name, vlan));
    }
    slot_use(s, iface);
    return s;
}

static void
slot_destroy(struct pp_slots *slots, struct pp_slot *s)
{
    bitmap_set0(slots->used, s->vid);
    hmap_remove(&slots->slots, &s->hmap_node);
    free(s->ifname);
    free(s);
}

static bool
is_access(const struct ovsrec_port *port)
{
    return (port->vlan_mode ? !strcmp(port->vlan_mode, "access")
            : port->n_tag > 0);
}

static bool
carries(const struct ovsrec_port *port, int64_t vlan)
{
    for (size_t i = 0; i < port->n_trunks; i++) {
        if (port->trunks[i] == vlan) {
            return true;
        }
    }
    return !port->n_trunks;
}

/* The VLANs in which there is a protected VM. */
static void
protected_vlans(const struct pp_bridge *br, unsigned long *vlans)
{
    const struct pp_iface *iface;

    PP_FOR_EACH_IFACE (iface, br) {
        const struct ovsrec_port *port = iface->port;

        if (!iface->policy) {
            continue;
        }
        if (port->n_tag && port->tag[0] > 0 && port->tag[0] < 4096) {
            bitmap_set1(vlans, (size_t) port->tag[0]);
        }
        for (size_t i = 0; i < port->n_trunks; i++) {
            if (port->trunks[i] >= 0 && port->trunks[i] < 4096) {
                bitmap_set1(vlans, (size_t) port->trunks[i]);
            }
        }
    }
}

void
pp_slots_run(struct pp_bridge *br)
{
    unsigned long vlans[BITMAP_N_LONGS(4096)];
    struct pp_slots *slots = br->slots;
    struct pp_iface *iface;
    struct pp_slot *s;

    if (!slots) {
        if (!pp_bridge_is_used(br)) {
            return;
        }
        slots = br->slots = xzalloc(sizeof *slots);
        hmap_init(&slots->slots);
        slots->used = bitmap_allocate(PP_SLOT_MAX + 1);
        slots->next = PP_SLOT_MIN;
    }

    memset(vlans, 0, sizeof vlans);
    protected_vlans(br, vlans);
    slots->full = false;
    HMAP_FOR_EACH (s, hmap_node, &slots->slots) {
        s->seen = false;
    }
    PP_FOR_EACH_IFACE (iface, br) {
        size_t vlan;

        if (!iface->can_send) {
            continue;
        }
        s = slot_get(slots, iface, PP_UNTAGGED);
        iface->slot = s ? s->vid : 0;
        iface->vlan = s ? s->of_vlan : 0;
        if (is_access(iface->port)) {
            continue;
        }
        BITMAP_FOR_EACH_1 (vlan, 4096, vlans) {
            if (carries(iface->port, (int64_t) vlan)) {
                slot_get(slots, iface, (int) vlan);
            }
        }
        HMAP_FOR_EACH (s, hmap_node, &slots->slots) {
            if (s->learned && !strcmp(s->ifname, iface->name)) {
                slot_use(s, iface);
            }
        }
    }
    HMAP_FOR_EACH_SAFE (s, hmap_node, &slots->slots) {
        if (!s->seen) {
            slot_destroy(slots, s);
        } else if (s->of_vlan != s->iface->vlan) {
            s->iface->in_vlans = true;
        }
    }
    slots->full |= !free_vid(slots);
}

bool
pp_slots_learn(struct pp_bridge *br, uint16_t ofport, int vlan)
{
    struct pp_iface *iface;

    if (!br->slots) {
        return false;
    }
    PP_FOR_EACH_IFACE (iface, br) {
        if (iface->can_send && iface->ofport == ofport) {
            bool is_new = !slot_find(br->slots, iface->name, vlan);
            struct pp_slot *s = slot_get(br->slots, iface, vlan);

            if (s && is_new) {
                s->learned = true;
                VLOG_INFO("bridge %s: port %s carries VLAN %d to a protected "
                          "VM; slot %u", br->name, iface->name, vlan, s->vid);
            }
            return s && is_new;
        }
    }
    return false;
}

void
pp_slots_destroy(struct pp_slots *slots)
{
    struct pp_slot *s;

    if (slots) {
        HMAP_FOR_EACH_SAFE (s, hmap_node, &slots->slots) {
            slot_destroy(slots, s);
        }
        hmap_destroy(&slots->slots);
        bitmap_free(slots->used);
        free(slots);
    }
}
