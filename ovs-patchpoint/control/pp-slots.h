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

#include "openvswitch/hmap.h"

struct pp_bridge;
struct pp_iface;

#define PP_SLOT_MIN 1
#define PP_SLOT_MAX 4094

/* Instead of a VID: frames without a tag. */
#define PP_UNTAGGED (-1)

struct pp_slot {
    struct hmap_node hmap_node; /* In 'slots', by port and VLAN. */
    char *ifname;
    int vlan;                   /* 0 to 4095, or PP_UNTAGGED. */
    uint16_t ofport;
    uint16_t of_vlan;           /* The VLAN that its frames are in: 'vlan', or
                                 * else its port's; 0: none. */
    struct pp_iface *iface;     /* Whose it is, until they are made anew. */
    uint16_t vid;               /* The slot. */
    bool learned;               /* Stays while its port is there. */
    bool seen;
};

struct pp_slots {
    struct hmap slots;
    unsigned long *used;        /* Bitmap of VIDs. */
    uint16_t next;              /* Where the search begins. */
    bool full;                  /* No slot is left. */
};

/* Gives every port of 'br' that frames come in by its slots, and takes back
 * those of ports that are gone.  A slot stays the same while its port is
 * there. */
void pp_slots_run(struct pp_bridge *br);

/* A frame for a protected VM came in by 'ofport' with a VID that nobody
 * expected there: gives it a slot.  True if that is a new one. */
bool pp_slots_learn(struct pp_bridge *br, uint16_t ofport, int vlan);

void pp_slots_destroy(struct pp_slots *);

#endif /* pp-slots.h */
