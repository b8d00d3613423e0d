/* SPDX-License-Identifier: Apache-2.0 */

/* patchpoint-status in external_ids.
 *
 * In: what all other parts know of an interface.  Out: the key in its
 * external_ids, and in those of a bridge or of Open_vSwitch whose own keys
 * make no sense.  Single keys are changed, never the column, which is shared
 * with libvirt, neutron and OVN.
 *
 * "protected" is said only when the switch has confirmed the flows and the
 * engine has the snapshot in force and holds the tap.
 *
 * Runs in control's main loop.  Owns those keys. */

#include <config.h>

#include "pp-status.h"

#include <limits.h>
#include <stdlib.h>

#include "coverage.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "patch/pp-pool.h"
#include "pp-bounds.h"
#include "pp-control.h"
#include "pp-db.h"
#include "pp-engine-proc.h"
#include "pp-learn.h"
#include "pp-ofconn.h"
#include "pp-physical.h"
#include "pp-policy.h"
#include "pp-slots.h"
#include "pp-tap.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_status);

COVERAGE_DEFINE(status_iface);

/* "pending" is written once it has been so, for the same reason, so long: a
 * change for all VMs would be written twice for each of them, which takes
 * ovsdb-server and ovs-vswitchd longer than the change itself. */
#define PENDING_MS 1000

/* Why frames of no interface of 'br' reach the engine yet; false: nothing is
 * in the way of all. */
static bool
format_common(const struct pp_control *ctl, const struct pp_bridge *br,
              bool closed, struct ds *ds)
{
    const struct pp_engine *e = ctl->engine;
    const char *error;

    if (br->tap && br->tap->error) {
        ds_put_format(ds, "pending: %s", br->tap->error);
    } else if (!br->tap || !br->tap->ofport) {
        ds_put_cstr(ds, "pending: the switch has not made the tap's port "
                    "yet");
    } else if (pp_engine_state(e) == PP_ENGINE_WAITING
               || (pp_engine_state(e) == PP_ENGINE_STARTING
                   && pp_engine_error(e))) {
        ds_put_format(ds, "uninspected: the engine is not running (%s); "
                      "traffic %s (" PP_KEY_FAIL "=%s)", pp_engine_error(e),
                      closed ? "is dropped" : "passes directly",
                      closed ? "closed" : "open");
    } else if (pp_engine_state(e) != PP_ENGINE_READY) {
        ds_put_cstr(ds, "pending: the engine is starting");
    } else if (pp_engine_error(e)) {
        ds_put_format(ds, "error: the engine %s", pp_engine_error(e));
    } else if (!pp_engine_has(e, ctl->base_serial) || !br->tap->attached) {
        ds_put_cstr(ds, "pending: the engine is taking the patches over");
    } else if ((error = pp_ofconn_error(br->ofconn)) != NULL) {
        ds_put_format(ds, "pending: %s", error);
    } else if (!pp_ofconn_has(br->ofconn, &br->fixed)) {
        ds_put_cstr(ds, "pending: flows are on their way to the switch");
    } else {
        return false;
    }
    return true;
}

/* Why frames of 'iface', which has a policy, do not reach the engine yet;
 * false: they do. */
static bool
format_hindrance(const struct pp_control *ctl, const struct pp_iface *iface,
                 struct ds *ds)
{
    const struct pp_bridge *br = iface->bridge;

    if (!iface->ofport && iface->row->error) {
        ds_put_format(ds, "error: the switch cannot make this port: %s",
                      iface->row->error);
    } else if (!iface->ofport) {
        ds_put_cstr(ds, "pending: the switch has not made this port yet");
    } else if (br->slots && !iface->slot) {
        ds_put_cstr(ds, "error: more ports and VLANs on the bridge than "
                    "there are slots");
    } else if (format_common(ctl, br, iface->policy->fail == PP_FAIL_CLOSED,
                             ds)) {
        return true;
    } else if (!pp_engine_has(ctl->engine, iface->serial)) {
        ds_put_cstr(ds, "pending: the engine is taking the patches over");
    } else if (!pp_ofconn_has_iface(iface)
               || !pp_ofconn_has(br->ofconn, &iface->redirect->owner)) {
        ds_put_cstr(ds, "pending: flows are on their way to the switch");
    } else {
        return false;
    }
    return true;
}

void
pp_status_format(const struct pp_control *ctl, const struct pp_iface *iface,
                 struct ds *ds)
{
    if (!iface->is_vm) {
        return;
    }
    if (iface->error || iface->double_error) {
        ds_put_format(ds, "error: %s; ", iface->error ? iface->error
                      : iface->double_error);
        if (!iface->policy) {
            ds_put_cstr(ds, "no policy is in force");
            return;
        }
        ds_put_cstr(ds, "what was in force before stays: ");
    }
    if (!iface->policy) {
        const char *why_not = (iface->learning ? pp_learn_why_not(iface)
                               : iface->why_not);

        if (why_not) {
            ds_put_format(ds, "uninspected: %s", why_not);
        }
    } else if (!format_hindrance(ctl, iface, ds)) {
        if (iface->is_auto && !iface->policy->n_services) {
            ds_put_cstr(ds, "pending: auto: no service has been seen yet; the "
                        "next connection to one shows it");
            return;
        }
        if (iface->policy->mode == PP_MODE_MONITOR) {
            ds_put_cstr(ds, "monitored: hits are reported, nothing is "
                        "corrected");
        } else {
            ds_put_cstr(ds, "protected");
        }
        if (iface->mac_learned) {
            ds_put_format(ds, " (MAC address "ETH_ADDR_FMT", learned from "
                          "its traffic)", ETH_ADDR_ARGS(iface->mac));
        }
        if (iface->is_auto) {
            ds_put_format(ds, " (auto: %"PRIuSIZE" services, %"PRIuSIZE
                          " patches)", iface->policy->n_services,
                          iface->policy->n_patches);
        }
    }
}

/* How long the port was there, as far as control saw, before all was. */
static void
note_redirect(struct pp_iface *iface)
{
    if (iface->policy && iface->port_since
        && pp_ofconn_has_iface(iface)) {
        VLOG_INFO("interface %s on bridge %s: redirected %lld ms after its "
                  "port came", iface->name, iface->bridge->name,
                  time_msec() - iface->port_since);
        iface->port_since = 0;
    }
}

/* Is 'text', the status of 'iface', to be written now? */
static bool
is_due(struct pp_control *ctl, struct pp_iface *iface, const char *text)
{
    uint32_t hash = hash_string(text, 0);
    long long int now = time_msec();

    if (strncmp(text, "pending: ", 9)) {
        iface->pending_since = 0;
        return true;
    }
    if (!iface->pending_since || hash != iface->pending_hash) {
        iface->pending_since = now;
        iface->pending_hash = hash;
    }
    if (now >= iface->pending_since + PENDING_MS) {
        return true;
    }
    ctl->next_pending = MIN(ctl->next_pending,
                            iface->pending_since + PENDING_MS);
    return false;
}

/* Writes the status of 'iface' where it is another.  Returns true if it will
 * change by itself. */
static bool
run_iface(struct pp_control *ctl, struct pp_iface *iface)
{
    bool pending, due;
    const char *is = smap_get(&iface->row->external_ids, PP_KEY_STATUS);
    struct ds should = DS_EMPTY_INITIALIZER;

    COVERAGE_INC(status_iface);
    if (!ctl->exiting) {
        pp_status_format(ctl, iface, &should);
    }
    due = is_due(ctl, iface, ds_cstr(&should));
    if (due) {
        pp_db_touch(ctl, iface);
    }
    if (!due || iface->behind) {
        /* What is behind a tunnel has no row of its own; server/list and the
         * PatchPoint database have its status. */
    } else if (!should.length) {
        if (is) {
            ovsrec_interface_update_external_ids_delkey(iface->row,
                                                        PP_KEY_STATUS);
        }
    } else if (!is || strcmp(is, ds_cstr(&should))) {
        if (!is || strcspn(is, ": ") != strcspn(ds_cstr(&should), ": ")
            || strncmp(is, ds_cstr(&should), strcspn(is, ": "))) {
            VLOG_INFO("interface %s on bridge %s: %s", iface->name,
                      iface->bridge->name, ds_cstr(&should));
            note_redirect(iface);
        }
        ovsrec_interface_update_external_ids_setkey(
            iface->row, PP_KEY_STATUS, ds_cstr(&should));
    }
    pending = strstr(ds_cstr(&should), "pending: ") != NULL;
    ds_destroy(&should);
    return pending;
}

/* What is wrong with the patches themselves, where some are in force, or
 * NULL; to be freed. */
static char *
refused_patches(const struct pp_control *ctl)
{
    const struct pp_bridge *br;
    size_t first, more = 0;

    if (!ctl->pool_error) {
        return NULL;
    }
    first = strcspn(ctl->pool_error, "\n");
    for (const char *p = ctl->pool_error; *p; p++) {
        more += *p == '\n' && p[1];
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->n_protected) {
            struct ds s = DS_EMPTY_INITIALIZER;

            ds_put_format(&s, "patches were refused: %.*s", (int) first,
                          ctl->pool_error);
            if (more) {
                ds_put_format(&s, " (and %"PRIuSIZE" more: patch/list)", more);
            }
            ds_put_format(&s, "; the %"PRIuSIZE" in force stay in force",
                          ctl->pool->n);
            return ds_steal_cstr(&s);
        }
    }
    return NULL;
}

/* Status of a row that is no VM's: only what is wrong with its own keys, or
 * else 'other', which this frees.  Returns the value it should have, or NULL,
 * and true if that is not what 'ids' has. */
static bool
check_row(struct pp_control *ctl, const struct smap *ids, const char *where,
          char *other, char **value)
{
    const char *is = smap_get(ids, PP_KEY_STATUS);
    char *error = ctl->exiting ? NULL : pp_policy_check_keys(ctl, ids, where);

    if (!error && !ctl->exiting && ids == &ctl->ovs->external_ids) {
        error = nullable_xstrdup(pp_bounds_error() ? pp_bounds_error()
                                 : pp_physical_error());
    }
    if (error || ctl->exiting) {
        free(other);
    } else {
        error = other;
    }
    *value = error ? xasprintf("error: %s", error) : NULL;
    free(error);
    if (*value && (!is || strcmp(is, *value))) {
        VLOG_ERR("%s", *value + 7);
    }
    return !nullable_string_is_equal(is, *value);
}

void
pp_status_touch(struct pp_control *ctl, struct pp_iface *iface)
{
    ovs_list_remove(&iface->unwritten_node);
    ovs_list_push_back(&ctl->unwritten, &iface->unwritten_node);
}

void
pp_status_done(struct pp_control *ctl, bool ok)
{
    struct pp_iface *iface;

    LIST_FOR_EACH_SAFE (iface, unwritten_node, &ctl->writing) {
        ovs_list_remove(&iface->unwritten_node);
        ovs_list_init(&iface->unwritten_node);
        if (!ok) {
            pp_status_touch(ctl, iface);
        }
    }
    if (!ok) {
        ovs_list_push_back_all(&ctl->unwritten, &ctl->waiting);
    }
    ctl->keys_dirty |= !ok;
}

/* Status of Open_vSwitch and of the bridges. */
static void
run_rows(struct pp_control *ctl)
{
    struct pp_bridge *br;
    char *value;

    if (check_row(ctl, &ctl->ovs->external_ids, "Open_vSwitch",
                  refused_patches(ctl), &value)) {
        if (value) {
            ovsrec_open_vswitch_update_external_ids_setkey(
                ctl->ovs, PP_KEY_STATUS, value);
        } else {
            ovsrec_open_vswitch_update_external_ids_delkey(
                ctl->ovs, PP_KEY_STATUS);
        }
    }
    free(value);

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        char *where;

        if (!br->row) {
            continue;
        }
        where = xasprintf("Bridge %s", br->name);
        if (check_row(ctl, &br->row->external_ids, where, NULL, &value)) {
            if (value) {
                ovsrec_bridge_update_external_ids_setkey(
                    br->row, PP_KEY_STATUS, value);
            } else {
                ovsrec_bridge_update_external_ids_delkey(
                    br->row, PP_KEY_STATUS);
            }
        }
        free(value);
        free(where);
    }
}

/* Where something is in the way of all of a bridge that was not, or the other
 * way round, all have another status. */
static void
touch_hindered(struct pp_control *ctl)
{
    struct pp_bridge *br;
    struct pp_iface *iface;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        format_common(ctl, br, false, &ds);
        if (br->hindrance && !strcmp(br->hindrance, ds_cstr(&ds))) {
            ds_destroy(&ds);
            continue;
        }
        free(br->hindrance);
        br->hindrance = ds_steal_cstr(&ds);
        PP_FOR_EACH_IFACE (iface, br) {
            pp_status_touch(ctl, iface);
        }
    }
}

/* Those that are pending are looked at when the switch or the engine has
 * confirmed something, or when that is to be written. */
static void
look_at_waiting(struct pp_control *ctl)
{
    uint64_t acked = pp_engine_acked(ctl->engine);
    bool look = (acked != ctl->status_acked
                 || time_msec() >= ctl->next_pending);
    struct pp_bridge *br;

    ctl->status_acked = acked;
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        uint64_t progress = pp_ofconn_progress(br->ofconn);

        look |= progress != br->status_progress;
        br->status_progress = progress;
    }
    if (look) {
        ctl->next_pending = LLONG_MAX;
        ovs_list_push_back_all(&ctl->unwritten, &ctl->waiting);
    }
}

/* Is anything protected? */
static bool
is_any_protected(const struct pp_control *ctl)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->n_protected) {
            return true;
        }
    }
    return false;
}

void
pp_status_run(struct pp_control *ctl)
{
    struct pp_iface *iface;
    bool any;

    if (!ctl->txn || !ctl->ovs) {
        return;
    }
    any = is_any_protected(ctl);
    if (ctl->keys_dirty || any != ctl->was_any_protected) {
        ctl->was_any_protected = any;
        ctl->keys_dirty = false;
        run_rows(ctl);
    }
    touch_hindered(ctl);
    look_at_waiting(ctl);
    LIST_FOR_EACH_SAFE (iface, unwritten_node, &ctl->unwritten) {
        pp_learn_write(ctl, iface);
        ovs_list_remove(&iface->unwritten_node);
        ovs_list_push_back(run_iface(ctl, iface) ? &ctl->waiting
                           : &ctl->writing, &iface->unwritten_node);
    }
}

void
pp_status_wait(const struct pp_control *ctl)
{
    if (ctl->txn && ctl->ovs && !ovs_list_is_empty(&ctl->waiting)) {
        poll_timer_wait_until(ctl->next_pending);
    }
}

bool
pp_status_any(const struct pp_control *ctl)
{
    const struct pp_bridge *br;
    const struct pp_iface *iface;

    if (!ctl->ovs) {
        return false;
    }
    if (smap_get(&ctl->ovs->external_ids, PP_KEY_STATUS)) {
        return true;
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->row && smap_get(&br->row->external_ids, PP_KEY_STATUS)) {
            return true;
        }
        PP_FOR_EACH_IFACE (iface, br) {
            if (smap_get(&iface->row->external_ids, PP_KEY_STATUS)
                || smap_get(&iface->row->external_ids, PP_KEY_MAC)) {
                return true;
            }
        }
    }
    return false;
}
