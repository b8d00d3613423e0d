/* SPDX-License-Identifier: Apache-2.0 */

/* Discovery: which bridges, ports and VMs there are.
 *
 * In: the Open_vSwitch database, through the IDL.  Out: struct pp_bridge and
 * struct pp_iface, made anew with each change of the database, and a number
 * for each bridge, which it keeps while it is there.
 *
 * Runs in control's main loop.  Owns the bridges. */

#include <config.h>

#include "pp-discovery.h"

#include <stdlib.h>

#include "engine/pp-ipc.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-learn.h"
#include "pp-ofconn.h"
#include "pp-slots.h"
#include "pp-tap.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_discovery);

/* Interface types that are no VM's, whatever their external_ids say. */
static const char *const link_types[] = {
    "patch", "gre", "erspan", "vxlan", "geneve", "lisp", "stt", "gtpu",
    "bareudp", "srv6", "ip6gre", "ip6erspan",
};

/* Any of these marks a VM's interface: libvirt, Nova, OVN and Kubernetes
 * write them. */
static const char *const vm_keys[] = {
    "attached-mac", "attached_mac", "iface-id", "vm-id", "vm-uuid",
};

void
pp_discovery_register(struct ovsdb_idl *idl)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_open_vswitch_col_bridges,
        &ovsrec_open_vswitch_col_external_ids,
        &ovsrec_open_vswitch_col_other_config,
        &ovsrec_open_vswitch_col_next_cfg,
        &ovsrec_open_vswitch_col_cur_cfg,
        &ovsrec_bridge_col_name,
        &ovsrec_bridge_col_ports,
        &ovsrec_bridge_col_external_ids,
        &ovsrec_port_col_name,
        &ovsrec_port_col_interfaces,
        &ovsrec_port_col_tag,
        &ovsrec_port_col_trunks,
        &ovsrec_port_col_vlan_mode,
        &ovsrec_port_col_external_ids,
        &ovsrec_interface_col_name,
        &ovsrec_interface_col_type,
        &ovsrec_interface_col_external_ids,
        &ovsrec_interface_col_ofport,
        &ovsrec_interface_col_mtu,
        &ovsrec_interface_col_mac_in_use,
        &ovsrec_interface_col_error,
        &ovsrec_interface_col_link_state,
    };

    ovsdb_idl_add_table(idl, &ovsrec_table_open_vswitch);
    ovsdb_idl_add_table(idl, &ovsrec_table_bridge);
    ovsdb_idl_add_table(idl, &ovsrec_table_port);
    ovsdb_idl_add_table(idl, &ovsrec_table_interface);
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_add_column(idl, columns[i]);
    }
}

struct pp_bridge *
pp_bridge_find(const struct pp_control *ctl, const char *name)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH_WITH_HASH (br, hmap_node, hash_string(name, 0),
                             &ctl->bridges) {
        if (!strcmp(br->name, name)) {
            return br;
        }
    }
    return NULL;
}

static struct pp_bridge *
bridge_create(struct pp_control *ctl, const char *name)
{
    struct pp_bridge *br, *other;
    uint64_t used = 0;

    HMAP_FOR_EACH (other, hmap_node, &ctl->bridges) {
        used |= UINT64_C(1) << other->number;
    }
    BUILD_ASSERT_DECL(PP_BRIDGES_MAX == 64);
    if (used == UINT64_MAX) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_ERR_RL(&rl, "bridge %s: not looked after, since more than %d "
                    "bridges on one host are not supported",
                    name, PP_BRIDGES_MAX);
        return NULL;
    }

    br = xzalloc(sizeof *br);
    br->name = xstrdup(name);
    br->number = (uint32_t) __builtin_ctzll(~used);
    hmap_insert(&ctl->bridges, &br->hmap_node, hash_string(name, 0));
    return br;
}

static bool
is_link_type(const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(link_types); i++) {
        if (!strcmp(type, link_types[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_vm(const struct ovsrec_interface *row)
{
    if (is_link_type(row->type)) {
        /* Neutron's subports: the address of what is behind the trunk bridge
         * stands at the patch port to it. */
        return (!strcmp(row->type, "patch")
                && (smap_get(&row->external_ids, "attached-mac")
                    || smap_get(&row->external_ids, "attached_mac")));
    }
    for (size_t i = 0; i < ARRAY_SIZE(vm_keys); i++) {
        if (smap_get(&row->external_ids, vm_keys[i])) {
            return true;
        }
    }
    return smap_get(&row->external_ids, PP_KEY_POLICY) != NULL;
}

/* Who plugs a VM in more than once, as for a migration, says so of all but the
 * one that works. */
static bool
is_inactive(const struct ovsrec_interface *row)
{
    const char *s = smap_get(&row->external_ids, "iface-status");

    return s && !strcmp(s, "inactive");
}

/* The VM's own address.  A tap's is not: libvirt gives it fe:…. */
static bool
written_mac(const struct ovsrec_interface *row, struct eth_addr *mac)
{
    const char *s = smap_get(&row->external_ids, "attached-mac");

    if (!s) {
        s = smap_get(&row->external_ids, "attached_mac");
    }
    if (!s && !strcmp(row->type, "internal")) {
        s = row->mac_in_use;    /* A namespace's, or the host's, own. */
    }
    return s && eth_addr_from_string(s, mac) && !eth_addr_is_multicast(*mac);
}

static void
add_iface(struct pp_bridge *br, const struct ovsrec_port *port,
          const struct ovsrec_interface *row)
{
    struct pp_iface *iface;

    if (br->n_ifaces >= br->allocated_ifaces) {
        br->ifaces = x2nrealloc(br->ifaces, &br->allocated_ifaces,
                                sizeof *br->ifaces);
    }
    iface = &br->ifaces[br->n_ifaces++];
    memset(iface, 0, sizeof *iface);
    iface->bridge = br;
    iface->row = row;
    iface->port = port;
    iface->uuid = row->header_.uuid;
    iface->name = row->name;
    if (row->n_ofport && row->ofport[0] > 0 && row->ofport[0] < 0xff00) {
        iface->ofport = (uint16_t) row->ofport[0];
    } else if (row->n_ofport && row->ofport[0] == 65534) {
        iface->ofport = 65534;  /* LOCAL. */
    }
    iface->is_tap = smap_get(&row->external_ids, PP_KEY_TAP) != NULL;
    iface->is_vm = !iface->is_tap && is_vm(row);
    iface->can_send = !iface->is_tap && iface->ofport;
    iface->is_inactive = iface->is_vm && is_inactive(row);
    iface->has_mac = !iface->is_tap && written_mac(row, &iface->mac);
    if (iface->is_vm && !iface->has_mac) {
        iface->mac_learned = pp_learn_mac(iface, &iface->mac);
        iface->has_mac = iface->mac_learned;
    }
}

static void
clear_ifaces(struct pp_bridge *br)
{
    struct pp_iface *iface;

    PP_FOR_EACH_IFACE (iface, br) {
        free(iface->error);
    }
    br->n_ifaces = 0;
    br->n_protected = 0;
    br->n_learning = 0;
    br->n_pins = 0;
}

void
pp_discovery_run(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        clear_ifaces(br);
        br->row = NULL;
    }

    ctl->ovs = ovsrec_open_vswitch_first(ctl->idl);
    if (!ctl->ovs) {
        return;
    }
    for (size_t i = 0; i < ctl->ovs->n_bridges; i++) {
        const struct ovsrec_bridge *row = ctl->ovs->bridges[i];

        br = pp_bridge_find(ctl, row->name);
        if (!br) {
            br = bridge_create(ctl, row->name);
            if (!br) {
                continue;
            }
        }
        br->row = row;
        br->uuid = row->header_.uuid;
        for (size_t j = 0; j < row->n_ports; j++) {
            const struct ovsrec_port *port = row->ports[j];

            for (size_t k = 0; k < port->n_interfaces; k++) {
                add_iface(br, port, port->interfaces[k]);
            }
        }
    }
}

void
pp_discovery_forget(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH_SAFE (br, hmap_node, &ctl->bridges) {
        if (!br->row && !br->tap && !br->ofconn) {
            hmap_remove(&ctl->bridges, &br->hmap_node);
            clear_ifaces(br);
            pp_slots_destroy(br->slots);
            free(br->ifaces);
            free(br->name);
            free(br);
        }
    }
}

void
pp_discovery_destroy(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH_SAFE (br, hmap_node, &ctl->bridges) {
        pp_ofconn_destroy(br->ofconn);
        br->ofconn = NULL;
        pp_tap_forget(br->tap);
        br->tap = NULL;
        br->row = NULL;
    }
    pp_discovery_forget(ctl);
    hmap_destroy(&ctl->bridges);
}
