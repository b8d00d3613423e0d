/* SPDX-License-Identifier: Apache-2.0 */

/* Physical servers: see pp-physical.h.
 *
 * In: patchpoint-vtep of Open_vSwitch, the databases that it names
 * (pp-vtep.h), and the tunnels of this host's bridges.  Out: an interface for
 * each address in Ucast_Macs_Local whose locator is the far end of a tunnel;
 * and IP addresses, from Ucast_Macs_Remote, of VMs.
 *
 * A tunnel whose key or far end is set by flows is none of these: what flows
 * know of a frame is lost where the engine has it.
 *
 * Runs in control's main loop.  Owns nothing but what it remembers of the
 * key. */

#include <config.h>

#include "pp-physical.h"

#include <stdlib.h>
#include <string.h>

#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-addresses.h"
#include "pp-control.h"
#include "pp-discovery.h"
#include "pp-dns-name.h"
#include "pp-vtep.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_physical);

static char *key;               /* The key's value, as it was last read. */
static char *key_error;         /* What is wrong with it. */

static void
read_key(const struct pp_control *ctl)
{
    const char *value = (ctl->ovs && !ctl->exiting
                         ? smap_get(&ctl->ovs->external_ids, PP_KEY_VTEP)
                         : NULL);
    char *error;

    if (nullable_string_is_equal(key, value)) {
        return;
    }
    free(key);
    key = nullable_xstrdup(value);
    error = pp_vtep_set_remotes(value);
    free(key_error);
    key_error = NULL;
    if (error) {
        key_error = xasprintf(PP_KEY_VTEP"=%s in external_ids of "
                              "Open_vSwitch: %s; what was in force stays",
                              value, error);
        VLOG_ERR("%s", key_error);
        free(error);
    }
}

/* Is 'tunnel' one by which frames in the network of 'mac' get to it? */
static bool
leads_to(const struct pp_iface *tunnel, const struct pp_vtep_mac *mac)
{
    const struct smap *options = &tunnel->row->options;
    const char *remote = smap_get(options, "remote_ip");
    const char *out = smap_get_def(options, "out_key",
                                   smap_get_def(options, "key", "0"));
    struct in6_addr end;
    int64_t n;

    return (tunnel->ofport && pp_dns_address_parse(remote, &end)
            && ipv6_addr_equals(&end, &mac->locator)
            && str_to_llong(out, 0, (long long int *) &n)
            && (mac->key < 0 || mac->key == n));
}

/* The tunnel to 'mac', the first by name if there are several; or NULL. */
static struct pp_iface *
find_tunnel(const struct pp_control *ctl, const struct pp_vtep_mac *mac)
{
    struct pp_iface *tunnel, *best = NULL;

    LIST_FOR_EACH (tunnel, tunnel_node, &ctl->tunnels) {
        if (leads_to(tunnel, mac)
            && (!best || strcmp(tunnel->name, best->name) < 0)) {
            best = tunnel;
        }
    }
    return best;
}

static char *
server_name(const struct pp_vtep_mac *mac)
{
    return xasprintf(ETH_ADDR_FMT"@%s", ETH_ADDR_ARGS(mac->mac),
                     mac->logical_switch);
}

/* Makes the server at 'mac', or finds it as it was made before. */
static void
place(struct pp_control *ctl, const struct pp_vtep_mac *mac)
{
    struct pp_iface *tunnel = find_tunnel(ctl, mac), *iface;
    char *name = server_name(mac);

    iface = pp_iface_find(ctl, name);
    if (iface && (!iface->behind || iface->is_found)) {
        /* Two databases have it. */
    } else if (tunnel && (!iface || iface->behind != tunnel)) {
        if (iface) {
            pp_iface_destroy(ctl, iface);
        }
        iface = pp_iface_create_behind(ctl, tunnel, &mac->uuid, name,
                                       mac->mac);
    }
    if (iface && iface->behind && tunnel) {
        iface->is_found = true;
        pp_addresses_add(ctl, iface, &mac->ip);
    }
    free(name);
}

/* VMs whose addresses others know. */
static void
add_addresses(struct pp_control *ctl)
{
    struct pp_bridge *br;
    struct pp_iface *iface;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        PP_FOR_EACH_IFACE (iface, br) {
            const struct in6_addr *ip
                = (iface->is_vm && iface->has_mac
                   ? pp_vtep_ip(iface->mac) : NULL);

            if (ip) {
                pp_addresses_add(ctl, iface, ip);
            }
        }
    }
}

void
pp_physical_run(struct pp_control *ctl)
{
    const struct pp_vtep_mac *mac;
    struct pp_iface *tunnel, *iface;

    read_key(ctl);
    if (!pp_vtep_run() && !ctl->tunnels_dirty) {
        return;
    }
    ctl->tunnels_dirty = false;
    LIST_FOR_EACH (tunnel, tunnel_node, &ctl->tunnels) {
        LIST_FOR_EACH (iface, guest_node, &tunnel->guests) {
            iface->is_found = false;
        }
    }
    PP_VTEP_FOR_EACH (mac) {
        if (mac->is_local) {
            place(ctl, mac);
        }
    }
    LIST_FOR_EACH (tunnel, tunnel_node, &ctl->tunnels) {
        LIST_FOR_EACH_SAFE (iface, guest_node, &tunnel->guests) {
            if (!iface->is_found) {
                pp_iface_destroy(ctl, iface);
            }
        }
    }
    add_addresses(ctl);
}

void
pp_physical_wait(void)
{
    pp_vtep_wait();
}

const char *
pp_physical_error(void)
{
    return key_error;
}

void
pp_physical_format(const struct pp_control *ctl, struct ds *ds)
{
    const struct pp_vtep_mac *mac;

    pp_vtep_format_databases(ds);
    PP_VTEP_FOR_EACH (mac) {
        pp_vtep_format(mac, ds);
        if (mac->is_local) {
            const struct pp_iface *tunnel = find_tunnel(ctl, mac);

            if (tunnel) {
                ds_put_format(ds, ", by %s of bridge %s", tunnel->name,
                              tunnel->bridge->name);
            } else {
                ds_put_cstr(ds, ", no tunnel of this host leads there");
            }
        }
        ds_put_char(ds, '\n');
    }
}

void
pp_physical_destroy(void)
{
    pp_vtep_destroy();
    free(key);
    free(key_error);
}
