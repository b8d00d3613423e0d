/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SLOTS_H
#define PP_SLOTS_H 1

/* Slots: the numbers that stand for "came in by this port, in this VLAN"
 * while a frame is with the engine.
 *
 * A slot is a VID, 1 to 4094.  Stock Open vSwitch looks at one VLAN tag only
 * (other_config:vlan-limit), so that a second tag around a frame that already
 * has one does not come back whole: what is behind it is not parsed.  So the
 * slot's tag *replaces* the frame's own, and the slot says which VLAN it
 * was. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-snapshot.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "pp-control.h"

struct pp_bridge;
struct pp_control;
struct pp_iface;
struct pp_oftable;

#define PP_SLOT_MIN 1
#define PP_SLOT_MAX 4094

/* So many VLANs of one port may get a slot because frames came in them, though
 * nothing in the database says that the port carries them: one VM cannot use
 * up the slots of all.  VLANs that are in the Port's 'trunks' do not count. */
#define PP_SLOTS_LEARNED_DEFAULT 128
void pp_slots_set_learned_max(uint32_t max);

/* Instead of a VID: frames without a tag. */
#define PP_UNTAGGED (-1)

struct pp_slot {
    struct hmap_node hmap_node; /* In 'slots', by interface and VLAN. */
    struct ovs_list node;       /* In its interface's 'slots'. */
    struct pp_iface *iface;     /* Whose it is. */
    int vlan;                   /* 0 to 4095, or PP_UNTAGGED. */
    uint16_t ofport;
    uint16_t of_vlan;           /* The VLAN that its frames are in: 'vlan', or
                                 * else its port's; 0: none. */
    uint16_t vid;               /* The slot. */
    bool learned;               /* Stays while its port is there. */
    bool counts;                /* Among the port's 'n_learned'. */
    bool seen;
    uint32_t flow_reg;          /* Its port's pp_flows_reg(), and... */
    uint16_t flow_port;         /* ...number, that its flows were made for. */
    struct pp_owner owner;
    struct pp_snap_slot told;   /* By pp_snapshot_build_run(). */
    bool is_told;
};

struct pp_slots {
    struct hmap slots;
    struct pp_slot *by_vid[PP_SLOT_MAX + 1];
    unsigned long *used;        /* Bitmap of VIDs. */
    uint16_t next;              /* Where the search begins. */
    bool full;                  /* No slot is left. */
    size_t n_vlans[4096];       /* Protected interfaces in each VLAN. */
    struct ovs_list trunks;     /* Interfaces that get a slot for each of
                                 * these. */
};

/* Gives ports that were touched, and that frames come in by, their slots, and
 * takes back those that they need no more.  A slot stays the same while its
 * port is there.  Puts them on the lists of those that are told to the engine,
 * to the switch and to the database, and takes them off the list of touched
 * ones. */
void pp_slots_run(struct pp_control *);

/* Has slots be the numbers that the switch knows them by, from a daemon before
 * this one: whose frames are whose must not change while one follows the
 * other.  True if any is another now. */
bool pp_slots_adopt(struct pp_control *, struct pp_bridge *,
                    const struct pp_oftable *);

/* The interface is going away. */
void pp_slots_forget(struct pp_control *, struct pp_iface *);

/* The slot with number 'vid', or NULL. */
const struct pp_slot *pp_slots_find(const struct pp_bridge *, uint16_t vid);

/* A frame for a protected VM came in by 'ofport' with a VID that nobody
 * expected there: gives it a slot.  True if that is a new one. */
bool pp_slots_learn(struct pp_control *, struct pp_bridge *br,
                    uint16_t ofport, int vlan);

void pp_slots_destroy(struct pp_slots *);

#endif /* pp-slots.h */
