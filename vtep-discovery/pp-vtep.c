/* SPDX-License-Identifier: Apache-2.0 */

/* hardware_vtep databases: see pp-vtep.h.
 *
 * In: names of databases; what they say, through an IDL each.  Out: a table of
 * MAC addresses with where they are, made anew when a database changes.  Such
 * databases change when servers are moved between racks, not with each VM.
 *
 * Nothing is written to them: they are another's.
 *
 * Runs in control's main loop.  Owns the connections and the table. */

#include <config.h>

#include "pp-vtep.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "pp-dns-name.h"
#include "socket-util.h"
#include "stream.h"
#include "sset.h"
#include "util.h"
#include "vtep/vtep-idl.h"

VLOG_DEFINE_THIS_MODULE(pp_vtep);

struct database {
    struct ovsdb_idl *idl;
    unsigned int seqno;         /* Of what the table was made from. */
    bool said_away;             /* The log says that it is not reached. */
};

static struct shash databases = SHASH_INITIALIZER(&databases);
static struct hmap macs = HMAP_INITIALIZER(&macs);      /* By address. */
static bool stale;              /* A database has come or gone. */

static void
database_register(struct ovsdb_idl *idl)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &vteprec_physical_switch_col_name,
        &vteprec_physical_switch_col_tunnel_ips,
        &vteprec_logical_switch_col_name,
        &vteprec_logical_switch_col_tunnel_key,
        &vteprec_physical_locator_col_dst_ip,
        &vteprec_ucast_macs_local_col_MAC,
        &vteprec_ucast_macs_local_col_ipaddr,
        &vteprec_ucast_macs_local_col_locator,
        &vteprec_ucast_macs_local_col_logical_switch,
        &vteprec_ucast_macs_remote_col_MAC,
        &vteprec_ucast_macs_remote_col_ipaddr,
        &vteprec_ucast_macs_remote_col_locator,
        &vteprec_ucast_macs_remote_col_logical_switch,
    };

    ovsdb_idl_add_table(idl, &vteprec_table_physical_switch);
    ovsdb_idl_add_table(idl, &vteprec_table_logical_switch);
    ovsdb_idl_add_table(idl, &vteprec_table_physical_locator);
    ovsdb_idl_add_table(idl, &vteprec_table_ucast_macs_local);
    ovsdb_idl_add_table(idl, &vteprec_table_ucast_macs_remote);
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_add_column(idl, columns[i]);
    }
}

char *
pp_vtep_set_remotes(const char *text)
{
    struct sset remotes = SSET_INITIALIZER(&remotes);
    struct shash_node *node;
    const char *remote;
    char *error = NULL;

    sset_from_delimited_string(&remotes, text ? text : "", " ,\t\n");
    SSET_FOR_EACH (remote, &remotes) {
        if (stream_verify_name(remote)) {
            error = xasprintf("\"%s\" is not of the form of a database: "
                              "tcp:HOST:PORT, ssl:HOST:PORT or unix:FILE",
                              remote);
            goto out;
        }
    }

    SHASH_FOR_EACH_SAFE (node, &databases) {
        struct database *db = node->data;

        if (!sset_find_and_delete(&remotes, node->name)) {
            VLOG_INFO("%s: not looked at any more", node->name);
            ovsdb_idl_destroy(db->idl);
            free(db);
            shash_delete(&databases, node);
            stale = true;
        }
    }
    SSET_FOR_EACH (remote, &remotes) {
        struct database *db = xzalloc(sizeof *db);

        db->idl = ovsdb_idl_create(remote, &vteprec_idl_class, false, true);
        database_register(db->idl);
        shash_add(&databases, remote, db);
    }
out:
    sset_destroy(&remotes);
    return error;
}

static void
clear_macs(void)
{
    struct pp_vtep_mac *mac;

    HMAP_FOR_EACH_POP (mac, hmap_node, &macs) {
        free(mac->logical_switch);
        free(mac->gateway);
        free(mac);
    }
}

/* The gateway whose end of tunnels is 'ip', or "". */
static const char *
gateway_of(struct ovsdb_idl *idl, const char *ip)
{
    const struct vteprec_physical_switch *ps;

    VTEPREC_PHYSICAL_SWITCH_FOR_EACH (ps, idl) {
        for (size_t i = 0; i < ps->n_tunnel_ips; i++) {
            if (!strcmp(ps->tunnel_ips[i], ip)) {
                return ps->name;
            }
        }
    }
    return "";
}

/* Adds what a row says; one that does not name a single host, or no place
 * where it is, is of no use. */
static void
add_mac(struct ovsdb_idl *idl, const struct uuid *uuid, bool is_local,
        const char *mac_text, const char *ip_text,
        const struct vteprec_physical_locator *locator,
        const struct vteprec_logical_switch *ls)
{
    struct pp_vtep_mac *mac;
    struct in6_addr where;
    struct eth_addr ea;

    if (!eth_addr_from_string(mac_text, &ea) || eth_addr_is_multicast(ea)
        || eth_addr_is_zero(ea) || !locator || !ls
        || !pp_dns_address_parse(locator->dst_ip, &where)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        VLOG_DBG_RL(&rl, "row "UUID_FMT" (MAC \"%s\") is not of a host",
                    UUID_ARGS(uuid), mac_text);
        return;
    }
    mac = xzalloc(sizeof *mac);
    mac->uuid = *uuid;
    mac->mac = ea;
    mac->is_local = is_local;
    mac->logical_switch = xstrdup(ls->name);
    mac->key = ls->n_tunnel_key ? ls->tunnel_key[0] : -1;
    mac->locator = where;
    mac->gateway = xstrdup(gateway_of(idl, locator->dst_ip));
    pp_dns_address_parse(ip_text, &mac->ip);    /* Or none: all zero. */
    hmap_insert(&macs, &mac->hmap_node, hash_mac(ea, 0, 0));
}

static void
add_database(struct ovsdb_idl *idl)
{
    const struct vteprec_ucast_macs_remote *remote;
    const struct vteprec_ucast_macs_local *local;

    VTEPREC_UCAST_MACS_LOCAL_FOR_EACH (local, idl) {
        add_mac(idl, &local->header_.uuid, true, local->MAC, local->ipaddr,
                local->locator, local->logical_switch);
    }
    VTEPREC_UCAST_MACS_REMOTE_FOR_EACH (remote, idl) {
        add_mac(idl, &remote->header_.uuid, false, remote->MAC,
                remote->ipaddr, remote->locator, remote->logical_switch);
    }
}

bool
pp_vtep_run(void)
{
    struct shash_node *node;
    bool changed = stale;

    stale = false;
    SHASH_FOR_EACH (node, &databases) {
        struct database *db = node->data;
        bool away;

        ovsdb_idl_run(db->idl);
        if (db->seqno != ovsdb_idl_get_seqno(db->idl)) {
            db->seqno = ovsdb_idl_get_seqno(db->idl);
            changed |= ovsdb_idl_has_ever_connected(db->idl);
        }
        away = !ovsdb_idl_is_connected(db->idl);
        if (away && !db->said_away && db->seqno) {
            VLOG_WARN("%s: not reached; what it said last stays in force",
                      node->name);
        }
        db->said_away = away;
    }
    if (changed) {
        clear_macs();
        SHASH_FOR_EACH (node, &databases) {
            struct database *db = node->data;

            add_database(db->idl);
        }
    }
    return changed;
}

void
pp_vtep_wait(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &databases) {
        struct database *db = node->data;

        ovsdb_idl_wait(db->idl);
    }
}

const struct pp_vtep_mac *
pp_vtep_next(const struct pp_vtep_mac *mac)
{
    struct hmap_node *node = (mac ? hmap_next(&macs, &mac->hmap_node)
                              : hmap_first(&macs));

    return node ? CONTAINER_OF(node, struct pp_vtep_mac, hmap_node) : NULL;
}

const struct in6_addr *
pp_vtep_ip(const struct eth_addr ea)
{
    const struct pp_vtep_mac *mac;

    HMAP_FOR_EACH_WITH_HASH (mac, hmap_node, hash_mac(ea, 0, 0), &macs) {
        if (eth_addr_equals(mac->mac, ea) && ipv6_addr_is_set(&mac->ip)) {
            return &mac->ip;
        }
    }
    return NULL;
}

void
pp_vtep_format_databases(struct ds *ds)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &databases) {
        const struct database *db = node->data;

        ds_put_format(ds, "%s: %s\n", node->name,
                      ovsdb_idl_is_connected(db->idl) ? "connected"
                      : "not reached");
    }
}

void
pp_vtep_format(const struct pp_vtep_mac *mac, struct ds *ds)
{
    ds_put_format(ds, ETH_ADDR_FMT" %s %s", ETH_ADDR_ARGS(mac->mac),
                  mac->is_local ? "local" : "remote", mac->logical_switch);
    if (ipv6_addr_is_set(&mac->ip)) {
        ds_put_char(ds, ' ');
        ipv6_format_mapped(&mac->ip, ds);
    }
    ds_put_cstr(ds, " at ");
    ipv6_format_mapped(&mac->locator, ds);
    if (mac->gateway[0]) {
        ds_put_format(ds, " (%s)", mac->gateway);
    }
}

void
pp_vtep_destroy(void)
{
    free(pp_vtep_set_remotes(NULL));
    clear_macs();
    hmap_destroy(&macs);
    shash_destroy(&databases);
}
