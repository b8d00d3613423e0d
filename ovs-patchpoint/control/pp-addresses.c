/* SPDX-License-Identifier: Apache-2.0 */

/* IP addresses of servers: see pp-addresses.h.
 *
 * In: what discovery finds: services that were seen, rows of VTEP databases.
 * Out: addresses and names of each server, for the PatchPoint database and
 * for policies that select by name; a server whose name changes is touched.
 *
 * Runs in control's main loop.  Owns the addresses of each interface. */

#include <config.h>

#include "pp-addresses.h"

#include <stdlib.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-names.h"
#include "svec.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_addresses);

static struct hmap all = HMAP_INITIALIZER(&all);

static uint32_t
hash_ip(const struct in6_addr *ip)
{
    return hash_bytes(ip, sizeof *ip, 0);
}

/* 'ip' is called 'name' now, or nothing any more. */
static void
renamed(const struct in6_addr *ip, const char *name, void *ctl)
{
    struct pp_address *a;

    HMAP_FOR_EACH_WITH_HASH (a, hmap_node, hash_ip(ip), &all) {
        if (ipv6_addr_equals(&a->ip, ip)) {
            VLOG_DBG("%s is %s", a->iface->name, name ? name : "nameless");
            a->iface->addresses_seqno++;
            pp_iface_touch(ctl, a->iface);
        }
    }
}

void
pp_addresses_init(struct pp_control *ctl)
{
    pp_names_init(renamed, ctl);
}

void
pp_addresses_run(void)
{
    pp_names_run();
}

void
pp_addresses_wait(void)
{
    pp_names_wait();
}

void
pp_addresses_destroy(void)
{
    pp_names_destroy();
    hmap_destroy(&all);
}

void
pp_addresses_add(struct pp_control *ctl, struct pp_iface *iface,
                 const struct in6_addr *ip)
{
    struct pp_address *a;

    if (!ipv6_addr_is_set(ip) || IN6_IS_ADDR_LINKLOCAL(ip)
        || IN6_IS_ADDR_MULTICAST(ip)
        || ovs_list_size(&iface->addresses) >= PP_ADDRESSES_MAX) {
        return;
    }
    LIST_FOR_EACH (a, node, &iface->addresses) {
        if (ipv6_addr_equals(&a->ip, ip)) {
            return;
        }
    }
    a = xmalloc(sizeof *a);
    a->ip = *ip;
    a->iface = iface;
    hmap_insert(&all, &a->hmap_node, hash_ip(ip));
    ovs_list_push_back(&iface->addresses, &a->node);
    pp_names_want(ip);
    iface->addresses_seqno++;
    pp_iface_touch(ctl, iface);
}

void
pp_addresses_forget(struct pp_iface *iface)
{
    struct pp_address *a;

    LIST_FOR_EACH_POP (a, node, &iface->addresses) {
        pp_names_unwant(&a->ip);
        hmap_remove(&all, &a->hmap_node);
        free(a);
    }
}

void
pp_addresses_list(const struct pp_iface *iface, struct svec *addresses)
{
    const struct pp_address *a;

    LIST_FOR_EACH (a, node, &iface->addresses) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ipv6_format_mapped(&a->ip, &ds);
        svec_add_nocopy(addresses, ds_steal_cstr(&ds));
    }
    svec_sort_unique(addresses);
}

bool
pp_addresses_list_names(const struct pp_iface *iface, struct svec *names)
{
    const struct pp_address *a;
    bool known = true;

    LIST_FOR_EACH (a, node, &iface->addresses) {
        const char *name = pp_names_get(&a->ip);

        known &= pp_names_is_known(&a->ip);
        if (name) {
            svec_add(names, name);
        }
    }
    svec_sort_unique(names);
    return known;
}
