/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_CONTROL_H
#define PP_CONTROL_H 1

/* What the parts of control share: the model of the virtual network, as it is
 * in the database now, and what is made of it.
 *
 * Data flows one way in each pass of the main loop:
 *
 *     discovery -> policy -> taps, slots -> snapshot -> engine
 *                                       \-> flows -> ofconn
 *                        <- status <----------- all of them
 *
 * The interfaces of a bridge are made anew by pp_discovery_run() whenever the
 * database changes; what has to last longer is kept by the part that owns it
 * under the interface's UUID or name. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-snapshot.h"
#include "openvswitch/hmap.h"
#include "openvswitch/shash.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct ovsrec_interface;
struct ovsrec_open_vswitch;
struct ovsrec_port;
struct pp_bridge;
struct pp_engine;
struct pp_ofconn;
struct pp_policy;
struct pp_pool;
struct pp_program;
struct pp_slots;
struct pp_tap;
struct pp_vetted;

/* Keys in external_ids. */
#define PP_KEY_POLICY "patchpoint-policy"
#define PP_KEY_MODE "patchpoint-mode"
#define PP_KEY_FAIL "patchpoint-fail"
#define PP_KEY_PORTS "patchpoint-ports"
#define PP_KEY_LIMITS "patchpoint-limits"
#define PP_KEY_PARAMETERS "patchpoint-parameters"
#define PP_KEY_MAC "patchpoint-mac"     /* Learned. */
#define PP_KEY_STATUS "patchpoint-status"
#define PP_KEY_HOST "patchpoint-host"   /* In the PatchPoint database. */
#define PP_KEY_TAP "patchpoint-tap"     /* Marks a port of ours. */

/* An Interface. */
struct pp_iface {
    struct pp_bridge *bridge;
    const struct ovsrec_interface *row;
    const struct ovsrec_port *port;
    struct uuid uuid;
    const char *name;           /* The row's. */
    uint16_t ofport;            /* 0: not there yet, or never. */
    bool is_tap;                /* Ours. */
    bool is_vm;
    bool can_send;              /* Frames come in by it. */
    bool is_inactive;           /* It says that another one is the VM's. */
    bool has_mac;
    bool mac_learned;           /* Not written by who plugged it. */
    struct eth_addr mac;        /* The VM's own. */

    size_t n_pins;              /* By pp_pins_assign(). */

    /* By pp_policy_run(). */
    const struct pp_policy *policy;     /* In force; NULL: none. */
    char *error;                /* Why it is not what the keys say. */
    const char *why_not;        /* Why there is none, where keys are set. */
    bool learning;              /* For want of 'mac' alone (pp-learn.h). */
    bool is_auto;
    uint32_t server_id;         /* Stable; with a policy only. */
    const char *asked;          /* What asks for its patches, and... */
    const char *asked_where;    /* ...where that is; NULL: nothing. */

    /* By pp_slots_run(). */
    uint16_t slot;              /* Of frames without a tag... */
    uint16_t vlan;              /* ...and their VLAN, or 0. */
    bool in_vlans;              /* It has slots of other VLANs, too. */
};

struct pp_bridge {
    struct hmap_node hmap_node; /* In pp_control's 'bridges', by name. */
    char *name;
    struct uuid uuid;
    uint32_t number;            /* Below PP_BRIDGES_MAX. */
    const struct ovsrec_bridge *row;    /* NULL: it is gone. */

    struct pp_iface *ifaces;
    size_t n_ifaces, allocated_ifaces;
    size_t n_protected;         /* Interfaces with a policy... */
    size_t n_learning;          /* ...and with one to come. */
    size_t n_pins;              /* Pinned connections. */

    struct pp_tap *tap;         /* Each made when first needed, and gone */
    struct pp_slots *slots;     /* when no more. */
    struct pp_ofconn *ofconn;

    /* By pp-cuts.c. */
    bool cuts_known;            /* No cut but ours is in the switch... */
    ovs_be32 cuts_barrier;      /* ...once it has confirmed this. */
};

struct pp_control {
    /* The database. */
    struct ovsdb_idl *idl;
    struct ovsdb_idl_txn *txn;  /* NULL while one is under way. */
    const struct ovsrec_open_vswitch *ovs;      /* NULL: not known yet. */
    unsigned int idl_seqno;     /* Of what the model was made from. */

    struct hmap bridges;        /* Of struct pp_bridge. */
    bool dirty;                 /* Make everything anew in the next pass. */
    bool exiting;               /* Take everything away. */

    /* Patches. */
    struct pp_pool *pool;
    struct pp_program *program;
    size_t program_size;
    char *pool_error;           /* What was refused when they were last
                                 * loaded, a line a fault; else NULL. */
    struct pp_vetted *vetted;   /* Those whose vectors need not be run. */
    const char **patch_paths;
    size_t n_patch_paths;

    struct pp_engine *engine;
    const char *rundir;

    /* Bookkeeping for stats/show. */
    uint64_t n_flows_put_back;
    uint64_t n_reconciles;
};

struct pp_bridge *pp_bridge_find(const struct pp_control *, const char *name);

/* Does the bridge need an engine? */
static inline bool
pp_bridge_is_used(const struct pp_bridge *br)
{
    return br->row && (br->n_protected || br->n_learning || br->n_pins);
}

#define PP_FOR_EACH_IFACE(IFACE, BRIDGE)                        \
    for ((IFACE) = (BRIDGE)->ifaces;                            \
         (IFACE) < (BRIDGE)->ifaces + (BRIDGE)->n_ifaces;       \
         (IFACE)++)

#endif /* pp-control.h */
