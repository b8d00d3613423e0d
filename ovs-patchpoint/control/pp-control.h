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
 * An interface lives as long as its row is on its bridge.  What changes in the
 * database is told by the IDL's change tracking; pp_iface_touch() puts an
 * interface on the list of those that policy and slots look at in the next
 * pass, and from there it goes on the lists of those that are told to the
 * engine, to the switch and to the database.  So a pass costs what has
 * changed, not what there is.  Only what is common to all (keys of the bridge
 * or of Open_vSwitch, the patches, the engine's coming and going) touches
 * all. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-snapshot.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"

struct ovsdb_idl;
struct ovsdb_idl_txn;
struct ovsrec_bridge;
struct ovsrec_interface;
struct ovsrec_open_vswitch;
struct ovsrec_port;
struct pp_bridge;
struct pp_bridge_redirect;
struct pp_engine;
struct pp_memory;
struct pp_ofconn;
struct pp_port;
struct pp_policy;
struct pp_pool;
struct pp_redirect;
struct pp_program;
struct pp_row_port;
struct pp_slots;
struct pp_tap;
struct pp_vetted;

/* Keys in external_ids. */
#define PP_KEY_POLICY "patchpoint-policy"
#define PP_KEY_MODE "patchpoint-mode"
#define PP_KEY_FAIL "patchpoint-fail"
#define PP_KEY_OPAQUE "patchpoint-opaque"
#define PP_KEY_PORTS "patchpoint-ports"
#define PP_KEY_LIMITS "patchpoint-limits"
#define PP_KEY_PARAMETERS "patchpoint-parameters"
#define PP_KEY_VTEP "patchpoint-vtep"
#define PP_KEY_MAC "patchpoint-mac"     /* Learned. */
#define PP_KEY_STATUS "patchpoint-status"
#define PP_KEY_HOST "patchpoint-host"   /* In the PatchPoint database. */
#define PP_KEY_TAP "patchpoint-tap"     /* Marks a port of ours. */

/* Whose flows some flows are (pp-flows.h, pp-oftable.h). */
enum pp_owner_kind {
    PP_OWNER_IFACE,             /* In a struct pp_iface. */
    PP_OWNER_SLOT,              /* In a struct pp_slot. */
    PP_OWNER_REDIRECT,            /* In a struct pp_bridge_redirect. */
    PP_OWNER_PINS,              /* By pp-pins.c. */
    PP_OWNER_FIXED,             /* In a struct pp_bridge. */
};

struct pp_owner {
    enum pp_owner_kind kind;
    struct pp_bridge *bridge;
    struct ovs_list flows;      /* Of struct pp_oflow: what it wants. */
    struct ovs_list dirty_node; /* In the bridge's 'dirty_owners'. */
    bool dirty;
    size_t n_todo;              /* Flows to be sent to the switch. */
    uint64_t seq;               /* Of the batch with the last that was. */
};

/* An Interface; or a physical server "behind" one that is a tunnel
 * (pp-physical.h), of which the rows are the tunnel's. */
struct pp_iface {
    struct hmap_node uuid_node; /* In pp_control's 'ifaces'. */
    struct hmap_node name_node; /* In pp_control's 'names'. */
    struct hmap_node id_node;   /* In pp_control's 'servers', while
                                 * 'server_id' is not 0. */
    struct hmap_node mac_node;  /* In the bridge's 'macs', while 'wanted'. */
    struct hmap_node address_node;      /* In the bridge's 'addresses', while
                                         * 'has_mac'. */
    struct hmap_node ofport_node;       /* In the bridge's 'ofports', while
                                         * 'ofport' is not 0. */
    struct ovs_list node;       /* In the bridge's 'ifaces'. */
    struct ovs_list port_node;  /* In its port's 'ifaces'. */
    struct ovs_list touched_node;       /* Each empty while not in the list */
    struct ovs_list untold_node;        /* of this name in pp_control. */
    struct ovs_list unwritten_node;     /* Or in 'waiting' or 'writing'. */
    struct ovs_list unstored_node;

    /* By pp_discovery_run(). */
    struct pp_bridge *bridge;
    struct pp_port *in_port;
    const struct ovsrec_interface *row;
    const struct ovsrec_port *port;
    struct uuid uuid;
    char *name;
    uint64_t signature;         /* Of all that is read of the rows. */
    uint16_t ofport;            /* 0: not there yet, or never. */
    uint16_t told_ofport;       /* As the switch has told, or 0. */
    bool is_tap;                /* Ours. */
    bool is_vm;
    bool can_send;              /* Frames come in by it. */
    bool is_inactive;           /* It says that another one is the VM's. */
    bool has_mac;
    bool mac_learned;           /* Not written by who plugged it. */
    struct eth_addr mac;        /* The VM's own. */
    int64_t mtu;

    size_t n_pins;              /* By pp_pins_assign(). */

    /* By pp_physical_run(). */
    struct pp_iface *behind;    /* The tunnel that it is behind, or NULL. */
    struct ovs_list guest_node; /* In that one's 'guests'. */
    struct ovs_list guests;     /* Of struct pp_iface, behind this one. */
    struct ovs_list tunnel_node;        /* In 'tunnels' of pp_control. */
    bool is_found;

    struct ovs_list addresses;  /* Of struct pp_address... */
    uint32_t addresses_seqno;   /* ...which have changed so often. */

    /* By pp_policy_run(). */
    struct pp_memory *memory;   /* What is remembered of it. */
    const struct pp_policy *wanted;     /* What it would be... */
    struct eth_addr wanted_mac;         /* ...at this address... */
    const struct pp_policy *policy;     /* ...and what is; NULL: none. */
    struct pp_bridge_redirect *redirect;        /* For 'policy'. */
    char *error;                /* Why it is not what the keys say. */
    char *double_error;         /* The same: another has its address. */
    const char *why_not;        /* Why there is none, where keys are set. */
    bool learning;              /* For want of 'mac' alone (pp-learn.h). */
    bool held;                  /* It would fail closed (pp-first.h). */
    struct eth_addr early_mac;  /* Frames to it were told to wait. */
    long long int port_since;   /* When 'ofport' came; 0: it is in use. */
    bool is_auto;
    uint32_t server_id;         /* Stable; with a policy or pins only. */
    const char *asked;          /* What asks for its patches, and... */
    const char *asked_where;    /* ...where that is; NULL: nothing. */

    /* By pp_slots_run(). */
    struct ovs_list slots;      /* Of struct pp_slot. */
    struct ovs_list trunk_node; /* In the bridge's 'trunks', or empty. */
    size_t n_learned;           /* Slots of VLANs that nobody announced. */
    bool is_capped;             /* It may have no more of those. */
    unsigned long *vlans;       /* It protects, or NULL; 4096 bits. */
    uint16_t slot;              /* Of frames without a tag... */
    uint16_t vlan;              /* ...and their VLAN, or 0. */
    bool in_vlans;              /* It has slots of other VLANs, too. */

    /* By pp_snapshot_build_run(): what the engine was told. */
    struct pp_snap_server told;
    bool is_told;
    uint64_t serial;            /* Of the snapshot that has it. */

    /* By pp_status_run(). */
    long long int pending_since;        /* 0: it is not. */
    uint32_t pending_hash;      /* Of the reason. */

    struct pp_owner owner;
};

/* What policies have the switch do, on a bridge. */
struct pp_bridge_redirect {
    struct hmap_node hmap_node; /* In pp_bridge's 'redirects'. */
    struct pp_redirect *redirect;
    size_t n_ifaces;
    struct pp_owner owner;
};

struct pp_bridge {
    struct hmap_node hmap_node; /* In pp_control's 'bridges', by name. */
    char *name;
    struct uuid uuid;
    uint32_t number;            /* Below PP_BRIDGES_MAX. */
    const struct ovsrec_bridge *row;    /* NULL: it is gone. */
    struct pp_row_port *ports;  /* The row's, when last looked at. */
    size_t n_ports;
    char *keys;                 /* Those of policy, as text. */

    struct ovs_list ifaces;     /* Of struct pp_iface; taps of ours first. */
    size_t n_taps;
    struct hmap macs;           /* Of struct pp_iface: with 'wanted'... */
    struct hmap addresses;      /* ...with 'has_mac'... */
    struct hmap ofports;        /* ...and with a port; those behind a tunnel
                                 * have the tunnel's. */
    struct hmap redirects;      /* Of struct pp_bridge_redirect. */
    size_t n_tcp, n_udp;        /* Of these, with such services. */
    size_t n_protected;         /* Interfaces with a policy... */
    size_t n_learning;          /* ...and with one to come. */
    size_t n_pins;              /* Pinned connections. */
    bool first_waits;           /* By pp_first_check(). */
    int64_t mtu;                /* The largest, but for taps... */
    size_t n_mtu;               /* ...and how many have it. */

    struct pp_tap *tap;         /* Each made when first needed, and gone */
    struct pp_slots *slots;     /* when no more. */
    struct pp_ofconn *ofconn;

    struct ovs_list dirty_owners;       /* Of struct pp_owner. */
    struct pp_owner fixed;

    char *hindrance;            /* What hinders all, when last looked at. */
    uint64_t status_progress;   /* Of 'ofconn', likewise. */

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
    struct hmap ports;          /* Of struct pp_port, by UUID. */
    struct hmap ifaces;         /* Of struct pp_iface, by UUID... */
    struct hmap names;          /* ...by name... */
    struct hmap servers;        /* ...and by server_id. */
    char *keys;                 /* Open_vSwitch's, of policy, as text. */
    bool dirty;                 /* Make another pass at once. */
    bool keys_dirty;            /* Keys of Open_vSwitch or a bridge, or the
                                 * patches, are others. */

    /* What is to be looked at. */
    struct ovs_list touched;    /* By policy and slots. */
    struct ovs_list untold;     /* By the snapshot. */
    struct ovs_list unwritten;  /* By the status. */
    struct ovs_list waiting;    /* Those whose status is pending: looked at */
    long long int next_pending; /* when one of them is to say so, or when */
    uint64_t status_acked;      /* this, or a bridge's progress, is another. */
    struct ovs_list writing;    /* Those whose status is on its way. */
    struct ovs_list unstored;   /* By the PatchPoint database. */
    struct ovs_list tunnels;    /* Those that may lead to a VTEP... */
    bool tunnels_dirty;         /* ...of which one has changed. */
    bool snapshot_dirty;        /* All of the snapshot is to be made anew. */
    bool was_any_protected;     /* When last looked at. */
    uint64_t base_serial;       /* Of the snapshot that all depends on. */
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
struct pp_iface *pp_iface_find(const struct pp_control *, const char *name);

/* The one with 'server_id', or NULL. */
struct pp_iface *pp_iface_find_server(const struct pp_control *,
                                      uint32_t server_id);

/* Policy and slots are to look at it, or at all of 'br', or at all there
 * are. */
void pp_iface_touch(struct pp_control *, struct pp_iface *);
void pp_bridge_touch(struct pp_control *, struct pp_bridge *);
void pp_touch_all(struct pp_control *);

/* Does the bridge need an engine? */
static inline bool
pp_bridge_is_used(const struct pp_bridge *br)
{
    return br->row && (br->n_protected || br->n_learning || br->n_pins
                       || br->first_waits);
}

#define PP_FOR_EACH_IFACE(IFACE, BRIDGE)                        \
    LIST_FOR_EACH (IFACE, node, &(BRIDGE)->ifaces)

/* Those of 'BRIDGE' whose address, known, has the hash of 'MAC'. */
#define PP_FOR_EACH_IFACE_LIKE(IFACE, MAC, BRIDGE)              \
    HMAP_FOR_EACH_WITH_HASH (IFACE, address_node,               \
                             hash_mac(MAC, 0, 0), &(BRIDGE)->addresses)

/* Those of 'BRIDGE' that are at port 'OFPORT'. */
#define PP_FOR_EACH_IFACE_AT(IFACE, OFPORT, BRIDGE)             \
    HMAP_FOR_EACH_WITH_HASH (IFACE, ofport_node, OFPORT, &(BRIDGE)->ofports)

#endif /* pp-control.h */
