/* SPDX-License-Identifier: Apache-2.0 */

/* Discovery: which bridges, ports and VMs there are.
 *
 * In: the Open_vSwitch database, through the IDL, and what the IDL says has
 * changed since the last pass.  Out: struct pp_bridge and struct pp_iface,
 * which live as long as their rows are there; those whose rows say something
 * else than before are touched.  A number for each bridge, which it keeps
 * while it is there.
 *
 * Runs in control's main loop.  Owns the bridges and the interfaces. */

#include <config.h>

#include "pp-discovery.h"

#include <limits.h>
#include <stdlib.h>

#include "coverage.h"
#include "engine/pp-ipc.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-addresses.h"
#include "pp-control.h"
#include "pp-db.h"
#include "pp-first.h"
#include "pp-learn.h"
#include "pp-ofconn.h"
#include "pp-oftable.h"
#include "pp-pins.h"
#include "pp-policy.h"
#include "pp-slots.h"
#include "pp-snapshot-build.h"
#include "pp-status.h"
#include "pp-tap.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pp_discovery);

COVERAGE_DEFINE(discovery_iface);

/* The bridge's own port, as ofport has it. */
#define LOCAL 65534

/* A Port. */
struct pp_port {
    struct hmap_node hmap_node; /* In pp_control's 'ports', by UUID. */
    struct uuid uuid;
    const struct ovsrec_port *row;
    struct pp_bridge *bridge;
    struct ovs_list ifaces;     /* Of struct pp_iface. */
};

/* What a bridge's 'ports' was. */
struct pp_row_port {
    const struct ovsrec_port *row;      /* Only compared. */
    struct uuid uuid;
};

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
        &ovsrec_interface_col_options,
    };

    ovsdb_idl_add_table(idl, &ovsrec_table_open_vswitch);
    ovsdb_idl_add_table(idl, &ovsrec_table_bridge);
    ovsdb_idl_add_table(idl, &ovsrec_table_port);
    ovsdb_idl_add_table(idl, &ovsrec_table_interface);
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_add_column(idl, columns[i]);
        ovsdb_idl_track_add_column(idl, columns[i]);
    }
}

void
pp_discovery_init(struct pp_control *ctl)
{
    hmap_init(&ctl->bridges);
    hmap_init(&ctl->ports);
    hmap_init(&ctl->ifaces);
    hmap_init(&ctl->names);
    hmap_init(&ctl->servers);
    ovs_list_init(&ctl->touched);
    ovs_list_init(&ctl->untold);
    ovs_list_init(&ctl->unwritten);
    ovs_list_init(&ctl->waiting);
    ctl->next_pending = LLONG_MAX;
    ovs_list_init(&ctl->writing);
    ovs_list_init(&ctl->unstored);
    ovs_list_init(&ctl->tunnels);
    ctl->keys_dirty = true;
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

struct pp_iface *
pp_iface_find(const struct pp_control *ctl, const char *name)
{
    struct pp_iface *iface;

    HMAP_FOR_EACH_WITH_HASH (iface, name_node, hash_string(name, 0),
                             &ctl->names) {
        if (!strcmp(iface->name, name)) {
            return iface;
        }
    }
    return NULL;
}

struct pp_iface *
pp_iface_find_server(const struct pp_control *ctl, uint32_t server_id)
{
    struct pp_iface *iface;

    HMAP_FOR_EACH_WITH_HASH (iface, id_node, hash_int(server_id, 0),
                             &ctl->servers) {
        if (iface->server_id == server_id) {
            return iface;
        }
    }
    return NULL;
}

void
pp_iface_touch(struct pp_control *ctl, struct pp_iface *iface)
{
    if (ovs_list_is_empty(&iface->touched_node)) {
        ovs_list_push_back(&ctl->touched, &iface->touched_node);
    }
}

void
pp_bridge_touch(struct pp_control *ctl, struct pp_bridge *br)
{
    struct pp_iface *iface;

    PP_FOR_EACH_IFACE (iface, br) {
        pp_iface_touch(ctl, iface);
    }
}

void
pp_touch_all(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        pp_bridge_touch(ctl, br);
    }
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
    ovs_list_init(&br->ifaces);
    hmap_init(&br->macs);
    hmap_init(&br->addresses);
    hmap_init(&br->ofports);
    hmap_init(&br->redirects);
    ovs_list_init(&br->dirty_owners);
    pp_owner_init(&br->fixed, PP_OWNER_FIXED, br);
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

/* A sum over what is in 'ids', in whatever order, but for what we write. */
static uint64_t
ids_signature(const struct smap *ids)
{
    const struct smap_node *node;
    uint64_t sum = 0;

    SMAP_FOR_EACH (node, ids) {
        if (strcmp(node->key, PP_KEY_STATUS)) {
            uint32_t hash = hash_string(node->key, 0);

            sum += ((uint64_t) hash_string(node->value, hash) << 32
                    | hash_string(node->value, ~hash));
        }
    }
    return sum;
}

/* Of all that anyone reads of the rows of 'iface': if it is the same, so is
 * all that is made of it. */
static uint64_t
rows_signature(const struct pp_iface *iface)
{
    const struct ovsrec_interface *row = iface->row;
    const struct ovsrec_port *port = iface->port;
    struct ds ds = DS_EMPTY_INITIALIZER;
    uint64_t signature;

    ds_put_format(&ds, "%s %s %"PRId64" %"PRId64" %s %s %"PRId64" %s",
                  row->type, row->link_state ? row->link_state : "",
                  row->n_ofport ? row->ofport[0] : 0,
                  row->n_mtu ? row->mtu[0] : 0,
                  row->mac_in_use ? row->mac_in_use : "",
                  row->error ? row->error : "",
                  port->n_tag ? port->tag[0] : -1,
                  port->vlan_mode ? port->vlan_mode : "");
    for (size_t i = 0; i < port->n_trunks; i++) {
        ds_put_format(&ds, " %"PRId64, port->trunks[i]);
    }
    signature = ((uint64_t) hash_bytes(ds_cstr(&ds), ds.length, 1) << 32
                 | hash_bytes(ds_cstr(&ds), ds.length, 2));
    ds_destroy(&ds);
    return (signature + ids_signature(&row->external_ids)
            + 3 * ids_signature(&row->options));
}

/* The largest MTU of 'br', of which a port had 'old', or -1, and has 'new',
 * or -1. */
static void
count_mtu(struct pp_bridge *br, int64_t old, int64_t new)
{
    const struct pp_iface *iface;

    br->n_mtu -= old >= 0 && old == br->mtu;
    if (new > br->mtu || (new == br->mtu && new >= 0)) {
        br->n_mtu = new > br->mtu ? 1 : br->n_mtu + 1;
        br->mtu = new;
    } else if (!br->n_mtu) {
        br->mtu = 0;
        PP_FOR_EACH_IFACE (iface, br) {
            if (iface->mtu > br->mtu) {
                br->mtu = iface->mtu;
                br->n_mtu = 0;
            }
            br->n_mtu += iface->mtu == br->mtu;
        }
    }
}

/* Taps come first in their bridge's list. */
static void
set_tap(struct pp_iface *iface, bool is_tap)
{
    struct pp_bridge *br = iface->bridge;

    if (is_tap != iface->is_tap) {
        iface->is_tap = is_tap;
        ovs_list_remove(&iface->node);
        if (is_tap) {
            br->n_taps++;
            ovs_list_push_front(&br->ifaces, &iface->node);
        } else {
            br->n_taps--;
            ovs_list_push_back(&br->ifaces, &iface->node);
        }
    }
}

/* Is it of the kind that leads to a VTEP (vtep(5), Physical_Locator)? */
static void
set_tunnel(struct pp_control *ctl, struct pp_iface *iface, bool is_tunnel)
{
    bool was = !ovs_list_is_empty(&iface->tunnel_node);

    if (was || is_tunnel) {
        ctl->tunnels_dirty = true;
    }
    if (was != is_tunnel) {
        ovs_list_remove(&iface->tunnel_node);
        ovs_list_init(&iface->tunnel_node);
        if (is_tunnel) {
            ovs_list_push_back(&ctl->tunnels, &iface->tunnel_node);
        }
    }
}

static void
set_ofport(struct pp_iface *iface, uint16_t ofport)
{
    if (iface->ofport) {
        hmap_remove(&iface->bridge->ofports, &iface->ofport_node);
    }
    iface->ofport = ofport;
    if (ofport) {
        hmap_insert(&iface->bridge->ofports, &iface->ofport_node, ofport);
    }
}

/* 'iface' has 'mac', or NULL: its address is not known. */
static void
set_mac(struct pp_iface *iface, const struct eth_addr *mac)
{
    struct hmap *addresses = &iface->bridge->addresses;

    if (iface->has_mac) {
        hmap_remove(addresses, &iface->address_node);
    }
    iface->has_mac = mac != NULL;
    if (mac) {
        iface->mac = *mac;
        hmap_insert(addresses, &iface->address_node, hash_mac(*mac, 0, 0));
    }
}

/* What is behind 'iface' comes by its port. */
static void
read_guests(struct pp_control *ctl, struct pp_iface *iface)
{
    struct pp_iface *guest;

    LIST_FOR_EACH (guest, guest_node, &iface->guests) {
        guest->row = iface->row;
        guest->port = iface->port;
        set_ofport(guest, iface->ofport);
        pp_iface_touch(ctl, guest);
    }
}

/* The port that the database says 'row' has, or 0. */
static uint16_t
written_ofport(const struct ovsrec_interface *row)
{
    return (row->n_ofport && ((row->ofport[0] > 0 && row->ofport[0] < 0xff00)
                              || row->ofport[0] == LOCAL)
            ? (uint16_t) row->ofport[0] : 0);
}

/* Reads the rows of 'iface', and touches it if they say something else. */
static void
iface_read(struct pp_control *ctl, struct pp_iface *iface)
{
    const struct ovsrec_interface *row = iface->row;
    uint64_t signature = rows_signature(iface);
    struct eth_addr mac;
    uint16_t before, ofport;
    int64_t mtu;
    bool written;

    if (iface->signature == signature) {
        return;
    }
    COVERAGE_INC(discovery_iface);
    iface->signature = signature;
    before = iface->ofport;
    ofport = written_ofport(row);
    if (ofport) {
        iface->told_ofport = 0;
    }
    set_ofport(iface, ofport ? ofport : iface->told_ofport);
    set_tap(iface, smap_get(&row->external_ids, PP_KEY_TAP) != NULL);
    iface->is_vm = !iface->is_tap && is_vm(row);
    if (iface->ofport != before) {
        iface->port_since = time_msec();
    }
    iface->can_send = !iface->is_tap && iface->ofport;
    iface->is_inactive = iface->is_vm && is_inactive(row);
    written = !iface->is_tap && written_mac(row, &mac);
    iface->mac_learned = (iface->is_vm && !written
                          && pp_learn_mac(iface, &mac));
    set_mac(iface, written || iface->mac_learned ? &mac : NULL);
    mtu = iface->mtu;
    iface->mtu = row->n_mtu && !iface->is_tap ? row->mtu[0] : -1;
    count_mtu(iface->bridge, mtu, iface->mtu);
    pp_iface_touch(ctl, iface);
    set_tunnel(ctl, iface, !strcmp(row->type, "vxlan"));
    read_guests(ctl, iface);
}

void
pp_discovery_reread(struct pp_control *ctl, struct pp_iface *iface)
{
    iface->signature = 0;
    iface_read(ctl, iface);
}

void
pp_discovery_told(struct pp_control *ctl, struct pp_iface *iface,
                  uint16_t ofport)
{
    if (!written_ofport(iface->row) && iface->told_ofport != ofport) {
        iface->told_ofport = ofport;
        pp_discovery_reread(ctl, iface);
    }
}

void
pp_discovery_forget_told(struct pp_control *ctl, const struct pp_bridge *br)
{
    struct pp_iface *iface;

    PP_FOR_EACH_IFACE (iface, br) {
        if (iface->told_ofport) {
            pp_discovery_told(ctl, iface, 0);
        }
    }
}

static struct pp_iface *
iface_find(const struct pp_control *ctl, const struct uuid *uuid)
{
    struct pp_iface *iface;

    HMAP_FOR_EACH_WITH_HASH (iface, uuid_node, uuid_hash(uuid),
                             &ctl->ifaces) {
        if (uuid_equals(&iface->uuid, uuid)) {
            return iface;
        }
    }
    return NULL;
}

/* The caller sets the rows. */
static struct pp_iface *
iface_create(struct pp_control *ctl, struct pp_bridge *br,
             const struct uuid *uuid, const char *name)
{
    struct pp_iface *iface = xzalloc(sizeof *iface);

    iface->bridge = br;
    iface->uuid = *uuid;
    iface->name = xstrdup(name);
    iface->mtu = -1;
    ovs_list_init(&iface->port_node);
    ovs_list_init(&iface->guest_node);
    ovs_list_init(&iface->guests);
    ovs_list_init(&iface->tunnel_node);
    ovs_list_init(&iface->addresses);
    ovs_list_init(&iface->touched_node);
    ovs_list_init(&iface->untold_node);
    ovs_list_init(&iface->unwritten_node);
    ovs_list_init(&iface->unstored_node);
    ovs_list_init(&iface->trunk_node);
    ovs_list_init(&iface->slots);
    pp_owner_init(&iface->owner, PP_OWNER_IFACE, br);
    hmap_insert(&ctl->ifaces, &iface->uuid_node, uuid_hash(&iface->uuid));
    hmap_insert(&ctl->names, &iface->name_node, hash_string(iface->name, 0));
    ovs_list_push_back(&br->ifaces, &iface->node);
    pp_iface_touch(ctl, iface);
    return iface;
}

static void
iface_add(struct pp_control *ctl, struct pp_port *port,
          const struct ovsrec_interface *row)
{
    struct pp_iface *iface = iface_create(ctl, port->bridge,
                                          &row->header_.uuid, row->name);

    iface->in_port = port;
    iface->row = row;
    iface->port = port->row;
    ovs_list_push_back(&port->ifaces, &iface->port_node);
    iface_read(ctl, iface);
}

struct pp_iface *
pp_iface_create_behind(struct pp_control *ctl, struct pp_iface *tunnel,
                       const struct uuid *uuid, const char *name,
                       const struct eth_addr mac)
{
    struct pp_iface *iface = iface_create(ctl, tunnel->bridge, uuid, name);

    iface->behind = tunnel;
    iface->row = tunnel->row;
    iface->port = tunnel->port;
    set_ofport(iface, tunnel->ofport);
    iface->is_vm = true;
    set_mac(iface, &mac);
    ovs_list_push_back(&tunnel->guests, &iface->guest_node);
    return iface;
}

/* 'iface' is gone, and maybe its rows are. */
void
pp_iface_destroy(struct pp_control *ctl, struct pp_iface *iface)
{
    struct pp_iface *guest;

    LIST_FOR_EACH_SAFE (guest, guest_node, &iface->guests) {
        pp_iface_destroy(ctl, guest);
    }
    set_tunnel(ctl, iface, false);
    pp_addresses_forget(iface);
    pp_first_left(iface);
    pp_policy_forget(ctl, iface);
    pp_learn_forget(iface);
    pp_slots_forget(ctl, iface);
    pp_snapshot_build_forget(ctl, iface);
    pp_owner_destroy(&iface->owner);
    set_tap(iface, false);
    set_mac(iface, NULL);
    set_ofport(iface, 0);
    hmap_remove(&ctl->ifaces, &iface->uuid_node);
    hmap_remove(&ctl->names, &iface->name_node);
    ovs_list_remove(&iface->node);
    ovs_list_remove(&iface->port_node);
    ovs_list_remove(&iface->guest_node);
    ovs_list_remove(&iface->touched_node);
    ovs_list_remove(&iface->untold_node);
    ovs_list_remove(&iface->unwritten_node);
    ovs_list_remove(&iface->unstored_node);
    pp_db_forget(iface->name);
    if (iface->n_pins) {
        pp_pins_forget(iface);
    }
    count_mtu(iface->bridge, iface->mtu, -1);
    free(iface->name);
    free(iface);
}

static struct pp_port *
port_find(const struct pp_control *ctl, const struct uuid *uuid)
{
    struct pp_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, hmap_node, uuid_hash(uuid), &ctl->ports) {
        if (uuid_equals(&port->uuid, uuid)) {
            return port;
        }
    }
    return NULL;
}

static void
port_destroy(struct pp_control *ctl, struct pp_port *port)
{
    struct pp_iface *iface;

    LIST_FOR_EACH_SAFE (iface, port_node, &port->ifaces) {
        pp_iface_destroy(ctl, iface);
    }
    hmap_remove(&ctl->ports, &port->hmap_node);
    free(port);
}

static bool
has_iface(const struct ovsrec_port *row, const struct uuid *uuid)
{
    for (size_t i = 0; i < row->n_interfaces; i++) {
        if (uuid_equals(&row->interfaces[i]->header_.uuid, uuid)) {
            return true;
        }
    }
    return false;
}

/* Reads what 'port->row' says. */
static void
port_read(struct pp_control *ctl, struct pp_port *port)
{
    struct pp_iface *iface;

    LIST_FOR_EACH_SAFE (iface, port_node, &port->ifaces) {
        if (!has_iface(port->row, &iface->uuid)) {
            pp_iface_destroy(ctl, iface);
        }
    }
    for (size_t i = 0; i < port->row->n_interfaces; i++) {
        const struct ovsrec_interface *row = port->row->interfaces[i];

        iface = iface_find(ctl, &row->header_.uuid);
        if (iface && (iface->in_port != port
                      || strcmp(iface->name, row->name))) {
            pp_iface_destroy(ctl, iface);
            iface = NULL;
        }
        if (iface) {
            iface->row = row;
            iface->port = port->row;
            iface_read(ctl, iface);
        } else {
            iface_add(ctl, port, row);
        }
    }
}

/* 'row' is a port of 'br'. */
static void
port_add(struct pp_control *ctl, struct pp_bridge *br,
         const struct ovsrec_port *row)
{
    struct pp_port *port = port_find(ctl, &row->header_.uuid);

    if (port && port->bridge != br) {
        port_destroy(ctl, port);
        port = NULL;
    }
    if (!port) {
        port = xzalloc(sizeof *port);
        port->uuid = row->header_.uuid;
        port->bridge = br;
        ovs_list_init(&port->ifaces);
        hmap_insert(&ctl->ports, &port->hmap_node, uuid_hash(&port->uuid));
    }
    port->row = row;
    port_read(ctl, port);
}

static void
port_remove(struct pp_control *ctl, struct pp_bridge *br,
            const struct uuid *uuid)
{
    struct pp_port *port = port_find(ctl, uuid);

    if (port && port->bridge == br) {
        port_destroy(ctl, port);
    }
}

/* Finds out which ports 'br->row' has that it had not, and the other way
 * round.  The IDL has both sorted by UUID; its rows stay where they are, and
 * their memory is not another row's before a pass is over, unless it has lost
 * its connection and made all rows anew, 'reborn'. */
static void
bridge_read_ports(struct pp_control *ctl, struct pp_bridge *br, bool reborn)
{
    size_t n = br->row ? br->row->n_ports : 0, i = 0, j = 0;
    struct pp_row_port *now;

    if (!reborn && n == br->n_ports) {
        while (i < n && br->ports[i].row == br->row->ports[i]) {
            i++;
        }
        if (i == n) {
            return;
        }
    }
    now = xmalloc(MAX(1, n) * sizeof *now);
    for (i = 0; i < n || j < br->n_ports; ) {
        const struct ovsrec_port *row = i < n ? br->row->ports[i] : NULL;
        const struct pp_row_port *old = (j < br->n_ports ? &br->ports[j]
                                         : NULL);
        int order;

        if (row && old && row == old->row && !reborn) {
            now[i++] = *old;
            j++;
            continue;
        }
        order = (!old ? -1 : !row ? 1
                 : uuid_compare_3way(&row->header_.uuid, &old->uuid));
        if (order <= 0) {
            now[i].row = row;
            now[i++].uuid = row->header_.uuid;
            port_add(ctl, br, row);
        } else {
            port_remove(ctl, br, &old->uuid);
        }
        j += order >= 0;
    }
    free(br->ports);
    br->ports = now;
    br->n_ports = n;
}

/* A bridge of ours is now 'row', which may be NULL. */
static void
bridge_read(struct pp_control *ctl, struct pp_bridge *br,
            const struct ovsrec_bridge *row)
{
    bool reborn = row && ovsrec_bridge_is_new(row);
    char *keys;

    if (br->row && (!row || !uuid_equals(&br->uuid, &row->header_.uuid))) {
        br->row = NULL;
        bridge_read_ports(ctl, br, true);
    }
    br->row = row;
    if (!row) {
        return;
    }
    br->uuid = row->header_.uuid;
    bridge_read_ports(ctl, br, reborn);
    ctl->keys_dirty |= (reborn || ovsrec_bridge_is_updated(
        row, OVSREC_BRIDGE_COL_EXTERNAL_IDS));
    keys = pp_policy_keys(&row->external_ids);
    if (!br->keys || strcmp(keys, br->keys)) {
        free(br->keys);
        br->keys = keys;
        pp_bridge_touch(ctl, br);
    } else {
        free(keys);
    }
}

/* All bridges.  There are few, and what has not changed is soon told. */
static void
read_bridges(struct pp_control *ctl)
{
    uint64_t seen = 0;
    struct pp_bridge *br;

    for (size_t i = 0; ctl->ovs && i < ctl->ovs->n_bridges; i++) {
        const struct ovsrec_bridge *row = ctl->ovs->bridges[i];

        br = pp_bridge_find(ctl, row->name);
        if (!br) {
            br = bridge_create(ctl, row->name);
            if (!br) {
                continue;
            }
        }
        bridge_read(ctl, br, row);
        seen |= UINT64_C(1) << br->number;
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (!(seen & UINT64_C(1) << br->number)) {
            bridge_read(ctl, br, NULL);
        }
    }
}

/* Rows of ports and interfaces that have changed in place. */
static void
read_changes(struct pp_control *ctl)
{
    const struct ovsrec_interface *iface_row;
    const struct ovsrec_port *port_row;

    OVSREC_PORT_FOR_EACH_TRACKED (port_row, ctl->idl) {
        struct pp_port *port = port_find(ctl, &port_row->header_.uuid);

        if (port && port->row == port_row
            && !ovsrec_port_is_deleted(port_row)) {
            port_read(ctl, port);
        }
    }
    OVSREC_INTERFACE_FOR_EACH_TRACKED (iface_row, ctl->idl) {
        struct pp_iface *iface = iface_find(ctl, &iface_row->header_.uuid);

        if (iface && iface->row == iface_row
            && !ovsrec_interface_is_deleted(iface_row)) {
            iface_read(ctl, iface);
            /* Maybe what was written there is gone. */
            pp_status_touch(ctl, iface);
        }
    }
}

bool
pp_discovery_run(struct pp_control *ctl)
{
    unsigned int seqno = ovsdb_idl_get_seqno(ctl->idl);
    char *keys;

    if (seqno == ctl->idl_seqno) {
        return false;
    }
    ctl->idl_seqno = seqno;
    ctl->ovs = ovsrec_open_vswitch_first(ctl->idl);
    read_bridges(ctl);
    read_changes(ctl);
    ctl->keys_dirty |= ctl->ovs && (ovsrec_open_vswitch_is_new(ctl->ovs)
        || ovsrec_open_vswitch_is_updated(
            ctl->ovs, OVSREC_OPEN_VSWITCH_COL_EXTERNAL_IDS));

    keys = (ctl->ovs ? pp_policy_keys(&ctl->ovs->external_ids)
            : xstrdup(""));
    if (!ctl->keys || strcmp(keys, ctl->keys)) {
        free(ctl->keys);
        ctl->keys = keys;
        pp_touch_all(ctl);
    } else {
        free(keys);
    }
    return true;
}

void
pp_discovery_forget(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH_SAFE (br, hmap_node, &ctl->bridges) {
        if (!br->row && !br->tap && !br->ofconn) {
            bridge_read_ports(ctl, br, true);
            hmap_remove(&ctl->bridges, &br->hmap_node);
            pp_slots_destroy(br->slots);
            pp_owner_destroy(&br->fixed);
            hmap_destroy(&br->macs);
            hmap_destroy(&br->addresses);
            hmap_destroy(&br->ofports);
            hmap_destroy(&br->redirects);
            free(br->hindrance);
            free(br->keys);
            free(br->ports);
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
    hmap_destroy(&ctl->ports);
    hmap_destroy(&ctl->ifaces);
    hmap_destroy(&ctl->names);
    hmap_destroy(&ctl->servers);
    free(ctl->keys);
}
