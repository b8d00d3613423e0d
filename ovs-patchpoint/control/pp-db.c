/* SPDX-License-Identifier: Apache-2.0 */

/* The connection to the PatchPoint database; see pp-db.h.
 *
 * In: the database, through an IDL of its own, of other hosts' rows none.
 * Out: transactions for whoever has rows to write.
 *
 * Nothing that protects waits for it.
 *
 * Runs in control's main loop.  Owns the IDL. */

#include <config.h>

#include "pp-db.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "pp-control.h"
#include "pp-db-private.h"
#include "pp-named.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_db);

/* A connection that lasts so long is one to the database, not only to a server
 * that does not have it, in ms. */
#define SETTLED_MS 1000

/* How long it may be away before somebody is told. */
#define AWAY_MS 3000

static struct ovsdb_idl_loop loop;
static struct ovsdb_idl_txn *txn;
static struct ovsdb_idl_index *servers_by_name;
static char *remote;
static char *host;
static bool is_local;
static int64_t serial;          /* Of the last transaction, see ovsdb_idl_loop:
                                 * 'cur_cfg' is the last that succeeded. */
static long long int connected_since, away_since;
static bool said_away;

void
pp_db_start(const char *remote_, const char *local, const char *file,
            const char *helper, const char *cache)
{
    static const struct ovsdb_idl_column *const ours[] = {
        &pprec_host_col_cur_cfg, &pprec_host_col_engine,
        &pprec_host_col_last_seen, &pprec_host_col_n_patches,
        &pprec_host_col_n_servers, &pprec_host_col_problem,
        &pprec_host_col_started, &pprec_host_col_statistics,
        &pprec_host_col_status, &pprec_host_col_version,
        &pprec_server_col_bridge, &pprec_server_col_fail,
        &pprec_server_col_opaque,
        &pprec_server_col_hits, &pprec_server_col_iface_id,
        &pprec_server_col_last_hit, &pprec_server_col_mac,
        &pprec_server_col_mode, &pprec_server_col_n_patches,
        &pprec_server_col_policy, &pprec_server_col_policy_from,
        &pprec_server_col_status, &pprec_server_col_status_reason,
        &pprec_server_col_status_since, &pprec_server_col_vlan,
        &pprec_server_col_vm_id,
        &pprec_server_col_services,
        &pprec_service_col_banner, &pprec_service_col_first_seen,
        &pprec_service_col_host, &pprec_service_col_last_seen,
        &pprec_service_col_patches, &pprec_service_col_port,
        &pprec_service_col_product, &pprec_service_col_protocol,
        &pprec_service_col_transport, &pprec_service_col_version,
        &pprec_policy_col_servers, &pprec_policy_col_status,
        &pprec_patch_col_affects, &pprec_patch_col_error,
        &pprec_patch_col_file, &pprec_patch_col_hits,
        &pprec_patch_col_last_hit, &pprec_patch_col_proxy,
        &pprec_patch_col_severity, &pprec_patch_col_status,
        &pprec_patch_col_title, &pprec_patch_col_vendor,
    };
    struct ovsdb_idl *idl;

    is_local = !remote_;
    remote = xstrdup(is_local ? local : remote_);
    pp_db_policy_load(cache);
    if (is_local) {
        pp_db_attach_start(local, file, helper);
    }

    idl = ovsdb_idl_create_unconnected(&pprec_idl_class, true);
    ovsdb_idl_set_leader_only(idl, false);
    ovsdb_idl_set_write_changed_only_all(idl, true);
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
        ovsdb_idl_omit_alert(idl, ours[i]);
    }
    servers_by_name = ovsdb_idl_index_create1(idl, &pprec_server_col_name);
    ovsdb_idl_track_add_column(idl, &pprec_server_col_name);
    pp_db_patch_start(idl);
    loop = (struct ovsdb_idl_loop) OVSDB_IDL_LOOP_INITIALIZER(idl);
    away_since = time_msec();
}

/* This host's rows, and what all hosts share. */
static void
set_conditions(void)
{
    struct ovsdb_idl_condition c[4];

    for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
        ovsdb_idl_condition_init(&c[i]);
    }
    pprec_host_add_clause_name(&c[0], OVSDB_F_EQ, host);
    pprec_server_add_clause_host(&c[1], OVSDB_F_EQ, host);
    pprec_service_add_clause_host(&c[2], OVSDB_F_EQ, host);
    pprec_patch_add_clause_host(&c[3], OVSDB_F_EQ, host);
    pprec_host_set_condition(loop.idl, &c[0]);
    pprec_server_set_condition(loop.idl, &c[1]);
    pprec_service_set_condition(loop.idl, &c[2]);
    pprec_patch_set_condition(loop.idl, &c[3]);
    for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
        ovsdb_idl_condition_destroy(&c[i]);
    }
}

/* Works out the host's name.  Only then is the database connected to. */
static void
update_host(struct pp_control *ctl)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(
        ctl->idl);
    const struct smap *ids = ovs ? &ovs->external_ids : NULL;
    char kernel[256] = "";
    const char *name;

    if (!ids) {
        return;
    }
    name = smap_get(ids, PP_KEY_HOST);
    if (!name) {
        name = smap_get(ids, "hostname");
    }
    if (!name) {
        ignore(gethostname(kernel, sizeof kernel - 1));
        name = *kernel ? kernel : "localhost";
    }
    if (host && !strcmp(host, name)) {
        return;
    }
    if (host) {
        VLOG_WARN("this host is now called %s in the PatchPoint database; "
                  "what is there under %s stays: ovs-patchpointctl host-del "
                  "%s", name, host, host);
    }
    free(host);
    host = xstrdup(name);
    pp_db_write_again();
    ctl->keys_dirty = true;
    pp_touch_all(ctl);
    set_conditions();
    ovsdb_idl_set_remote(loop.idl, remote, true);
}

/* Keeps account of whether it is there. */
static void
watch(void)
{
    long long int now = time_msec();

    if (!ovsdb_idl_is_connected(loop.idl)) {
        connected_since = 0;
        if (!away_since) {
            away_since = now;
        }
    } else if (!connected_since) {
        connected_since = now;
    } else if (away_since && now - connected_since >= SETTLED_MS
               && ovsdb_idl_has_ever_connected(loop.idl)) {
        away_since = 0;
        if (said_away) {
            VLOG_INFO("the PatchPoint database at %s is back", remote);
            said_away = false;
        }
    }
    if (away_since && !said_away && now - away_since >= AWAY_MS) {
        VLOG_WARN("the PatchPoint database at %s is away (%s): the policies "
                  "that were in force stay in force, and no status or count "
                  "is written", remote, ovs_retval_to_string(
                      ovsdb_idl_get_last_error(loop.idl)));
        said_away = true;
    }
}

static bool
is_away(void)
{
    return away_since && time_msec() - away_since >= AWAY_MS;
}

void
pp_db_run(struct pp_control *ctl)
{
    txn = NULL;
    if (!loop.idl) {
        return;
    }
    if (!ctl->exiting) {
        update_host(ctl);
    }
    if (!host) {
        return;
    }
    if (is_local && !ctl->exiting && pp_db_attach_run(ctl, is_away())) {
        /* At once, not when it is time to try again. */
        ovsdb_idl_set_remote(loop.idl, NULL, true);
        ovsdb_idl_set_remote(loop.idl, remote, true);
    }
    txn = ovsdb_idl_loop_run(&loop);
    if (!loop.committing_txn && loop.cur_cfg != serial) {
        loop.cur_cfg = serial;
        pp_db_write_again();
        pp_db_patch_again();
    }
    watch();
    if (!ovsdb_idl_has_ever_connected(loop.idl)
        || !ovsdb_idl_is_connected(loop.idl)) {
        txn = NULL;
    }
    pp_db_policy_run(ctl, loop.idl,
                     ovsdb_idl_has_ever_connected(loop.idl));
}

void
pp_db_wait(void)
{
    if (!loop.idl || !host) {
        return;
    }
    if (loop.open_txn) {
        loop.next_cfg = ++serial;
    }
    if (txn) {
        pp_db_write_wait();
        txn = NULL;
    }
    ovsdb_idl_loop_commit_and_wait(&loop);
    ovsdb_idl_track_clear(loop.idl);
    if (is_local) {
        pp_db_attach_wait();
    }
    if (away_since) {
        poll_timer_wait_until(connected_since
                              ? connected_since + SETTLED_MS
                              : time_msec() + AWAY_MS);
    }
}

void
pp_db_stop(void)
{
    pp_db_attach_stop();
    pp_db_policy_destroy();
    pp_db_write_destroy();
    pp_db_patch_destroy();
    pp_db_hits_destroy();
    if (loop.idl) {
        if (loop.open_txn) {
            ovsdb_idl_txn_destroy(loop.open_txn);
            loop.open_txn = NULL;
        }
        ovsdb_idl_loop_destroy(&loop);
        loop.idl = NULL;
    }
    free(remote);
    free(host);
    remote = host = NULL;
}

struct ovsdb_idl_txn *
pp_db_txn(void)
{
    return txn;
}

struct ovsdb_idl *
pp_db_idl(void)
{
    return loop.idl;
}

const char *
pp_db_host(void)
{
    return host;
}

const struct pprec_server *
pp_db_find_server(const char *name)
{
    const struct pprec_server *found;
    struct pprec_server *like;

    if (!loop.idl) {
        return NULL;
    }
    like = pprec_server_index_init_row(servers_by_name);
    pprec_server_index_set_name(like, name);
    found = pprec_server_index_find(servers_by_name, like);
    pprec_server_index_destroy_row(like);
    /* Until a new name of this host is known there, the old one's is. */
    return found && !strcmp(found->host, host) ? found : NULL;
}

void
pp_db_add_names(const char *name, struct pp_facts *facts)
{
    const struct pprec_server *server = pp_db_find_server(name);

    for (size_t i = 0; server && i < server->n_names; i++) {
        svec_add(&facts->values[PP_SELECT_NAME], server->names[i]);
    }
}

void
pp_db_format(struct ds *ds)
{
    if (!loop.idl) {
        ds_put_cstr(ds, "not used");
    } else if (away_since) {
        ds_put_format(ds, "%s: away (%s)", remote, ovs_retval_to_string(
                          ovsdb_idl_get_last_error(loop.idl)));
    } else {
        ds_put_format(ds, "%s: this host is %s", remote, host);
    }
}
