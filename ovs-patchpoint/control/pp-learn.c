/* SPDX-License-Identifier: Apache-2.0 */

/* MAC addresses learned from traffic: see pp-learn.h.
 *
 * In: interfaces of VMs that are to be protected and have no address written,
 * their frames (pp-ofconn.c).  Out: their addresses, to discovery and, as
 * patchpoint-mac, to the database; the flows that copy the frames.
 *
 * Runs in control's main loop.  Owns what was learned, by interface. */

#include <config.h>

#include "pp-learn.h"

#include <stdlib.h>

#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-discovery.h"
#include "pp-flows.h"
#include "pp-status.h"
#include "smap.h"
#include "svec.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_learn);

/* What is known of an interface without a written address. */
struct learned {
    struct hmap_node hmap_node; /* In 'all', by UUID. */
    struct uuid uuid;
    uint16_t ofport;            /* By which 'mac' came in. */
    bool has_mac;
    struct eth_addr mac;
    bool written;               /* The row has had it. */
    char *refused;              /* What it sent from cannot be its own. */
};

static struct hmap all = HMAP_INITIALIZER(&all);

static struct learned *
find(const struct uuid *uuid)
{
    struct learned *l;

    HMAP_FOR_EACH_WITH_HASH (l, hmap_node, uuid_hash(uuid), &all) {
        if (uuid_equals(&l->uuid, uuid)) {
            return l;
        }
    }
    return NULL;
}

static struct learned *
get(const struct pp_iface *iface)
{
    struct learned *l = find(&iface->uuid);

    if (!l) {
        l = xzalloc(sizeof *l);
        l->uuid = iface->uuid;
        l->ofport = iface->ofport;
        hmap_insert(&all, &l->hmap_node, uuid_hash(&l->uuid));
    }
    return l;
}

static void
forget(struct learned *l)
{
    hmap_remove(&all, &l->hmap_node);
    free(l->refused);
    free(l);
}

static bool
is_an_address(const struct eth_addr mac)
{
    return !eth_addr_is_multicast(mac) && !eth_addr_is_zero(mac);
}

bool
pp_learn_mac(const struct pp_iface *iface, struct eth_addr *mac)
{
    const char *key = smap_get(&iface->row->external_ids, PP_KEY_MAC);
    struct learned *l = find(&iface->uuid);

    if (!l && key && eth_addr_from_string(key, mac)
        && is_an_address(*mac)) {
        /* By a daemon before this one. */
        l = get(iface);
        l->mac = *mac;
        l->has_mac = l->written = true;
    } else if (l && ((iface->ofport && l->ofport
                      && iface->ofport != l->ofport)
                     || (l->written && !key))) {
        /* Plugged anew, or the operator wants it so. */
        forget(l);
        l = NULL;
    }
    if (!l || !l->has_mac) {
        return false;
    }
    if (!l->ofport) {
        l->ofport = iface->ofport;
    }
    *mac = l->mac;
    return true;
}

const char *
pp_learn_why_not(const struct pp_iface *iface)
{
    const struct learned *l = find(&iface->uuid);

    return (l && l->refused ? l->refused
            : "its MAC address is not known yet: external_ids:attached-mac "
              "does not say it, and it has not sent a frame");
}

bool
pp_learn_frame(struct pp_control *ctl, struct pp_bridge *br,
               uint16_t ofport, const struct eth_addr src)
{
    struct pp_iface *other, *iface = NULL, *owner = NULL;
    struct learned *l;

    if (!is_an_address(src)) {
        return false;
    }
    PP_FOR_EACH_IFACE_AT (other, ofport, br) {
        if (other->learning) {
            iface = other;
        }
    }
    if (!iface) {
        return false;
    }
    PP_FOR_EACH_IFACE_LIKE (other, src, br) {
        if (other != iface && eth_addr_equals(other->mac, src)) {
            owner = other;
        }
    }

    l = get(iface);
    if (owner) {
        char *refused = xasprintf(
            "its MAC address is not known: it sends from "ETH_ADDR_FMT", "
            "which is interface %s's; set external_ids:attached-mac",
            ETH_ADDR_ARGS(src), owner->name);
        bool is_new = !nullable_string_is_equal(refused, l->refused);

        free(l->refused);
        l->refused = refused;
        if (is_new) {
            pp_status_touch(ctl, iface);
        }
        return is_new;
    }
    l->mac = src;
    l->has_mac = true;
    l->ofport = ofport;
    free(l->refused);
    l->refused = NULL;
    VLOG_INFO("interface %s on bridge %s: MAC address "ETH_ADDR_FMT
              " learned from a frame", iface->name, br->name,
              ETH_ADDR_ARGS(src));
    pp_discovery_reread(ctl, iface);
    return true;
}

void
pp_learn_put_flows(const struct pp_iface *iface, struct svec *flows)
{
    if (iface->learning && iface->ofport) {
        svec_add_nocopy(flows, xasprintf(
            PP_FLOW"table=0,priority=%d,"PP_UNGUARDED
            ",in_port=%u actions=controller(id=%u,max_len=64,"
            "userdata=%02x),resubmit(,%d)",
            PP_COOKIE, PP_PRIO_FROM_VM, iface->ofport, PP_CONTROLLER_ID,
            PP_FRAME_TO_LEARN, PP_TABLE_GO_ON));
    }
}

void
pp_learn_write(const struct pp_control *ctl, const struct pp_iface *iface)
{
    struct learned *l = find(&iface->uuid);
    const char *is = smap_get(&iface->row->external_ids, PP_KEY_MAC);
    char should[ETH_ADDR_STRLEN + 1];

    if (ctl->exiting || !l || !iface->mac_learned || !iface->policy) {
        if (is) {
            ovsrec_interface_update_external_ids_delkey(iface->row,
                                                        PP_KEY_MAC);
        }
        return;
    }
    snprintf(should, sizeof should, ETH_ADDR_FMT, ETH_ADDR_ARGS(l->mac));
    if (is && !strcmp(is, should)) {
        l->written = true;
    } else if (!l->written) {
        ovsrec_interface_update_external_ids_setkey(iface->row, PP_KEY_MAC,
                                                    should);
    }
}

void
pp_learn_forget(const struct pp_iface *iface)
{
    struct learned *l = find(&iface->uuid);

    if (l) {
        forget(l);
    }
}

void
pp_learn_destroy(void)
{
    struct learned *l;

    HMAP_FOR_EACH_SAFE (l, hmap_node, &all) {
        forget(l);
    }
    hmap_destroy(&all);
}
