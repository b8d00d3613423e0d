/* SPDX-License-Identifier: Apache-2.0 */

/* ovs-appctl commands; they are described in ovs-patchpointd(8).
 *
 * In: requests on the control socket.  Out: text for people, one thing a
 * line.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-unixctl.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/pp-ipc.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pp-bounds.h"
#include "pp-control.h"
#include "pp-cuts.h"
#include "pp-datapath.h"
#include "pp-db.h"
#include "pp-engine-proc.h"
#include "pp-first.h"
#include "pp-handover.h"
#include "pp-hits.h"
#include "pp-events.h"
#include "pp-names.h"
#include "pp-ofconn.h"
#include "pp-physical.h"
#include "pp-patches.h"
#include "pp-policy.h"
#include "pp-server-hits.h"
#include "pp-slots.h"
#include "pp-status.h"
#include "pp-tap.h"
#include "registry.h"
#include "unixctl.h"
#include "util.h"

static void
reply_ds(struct unixctl_conn *conn, struct ds *ds)
{
    unixctl_command_reply(conn, ds_cstr(ds));
    ds_destroy(ds);
}

static void
put_services(const struct pp_policy *policy, struct ds *ds)
{
    for (size_t i = 0; i < policy->n_services; i++) {
        const struct pp_service *s = &policy->services[i];

        ds_put_format(ds, "%s%s:%u", i ? "," : "",
                      pp_proxies[s->proxy]->name, s->port);
    }
}

static void
vtep_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *ctl)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    pp_physical_format(ctl, &ds);
    reply_ds(conn, &ds);
}

static void
name_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *ctl OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    pp_names_format(&ds);
    reply_ds(conn, &ds);
}

static void
server_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *ctl_)
{
    struct pp_control *ctl = ctl_;
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct pp_bridge *br;
    const struct pp_iface *iface;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        PP_FOR_EACH_IFACE (iface, br) {
            struct ds status = DS_EMPTY_INITIALIZER;

            if (!iface->is_vm) {
                continue;
            }
            ds_put_format(&ds, "%s bridge=%s", iface->name, br->name);
            if (iface->has_mac) {
                ds_put_format(&ds, " mac="ETH_ADDR_FMT,
                              ETH_ADDR_ARGS(iface->mac));
            }
            if (iface->policy) {
                ds_put_format(&ds, " slot=%u mode=%s fail=%s opaque=%s "
                              "patches=%"PRIuSIZE" services=", iface->slot,
                              pp_policy_mode_word(iface->policy->mode),
                              pp_policy_fail_word(iface->policy->fail),
                              pp_policy_opaque_word(iface->policy->opaque),
                              iface->policy->n_patches);
                put_services(iface->policy, &ds);
            }
            pp_status_format(ctl, iface, &status);
            ds_put_format(&ds, " status=%s\n", status.length
                          ? ds_cstr(&status) : "(no policy)");
            ds_destroy(&status);
        }
    }
    reply_ds(conn, &ds);
}

static void
patch_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *ctl_)
{
    struct pp_control *ctl = ctl_;
    const struct pp_counters *counters = pp_engine_counters(ctl->engine);
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ctl->pool->n; i++) {
        const struct pp_patch *patch = ctl->pool->patches[i];
        const struct pp_policy *policy;
        bool enforced = false, monitored = false;

        PP_FOR_EACH_POLICY (policy) {
            if (pp_bitmap_get(policy->patches, i)) {
                enforced |= policy->mode == PP_MODE_ENFORCE;
                monitored |= policy->mode == PP_MODE_MONITOR;
            }
        }
        ds_put_format(&ds, "%s proxy=%s severity=%.1f %s hits=%"PRIu64
                      " %s\n", patch->id, patch->proxy->name,
                      patch->severity,
                      enforced && monitored ? "enforce,monitor"
                      : enforced ? "enforce" : monitored ? "monitor" : "off",
                      pp_hits_count(patch->id, counters), patch->title);
    }
    ds_put_format(&ds, "%"PRIuSIZE" patches\n", ctl->pool->n);
    if (ctl->pool_error) {
        ds_put_format(&ds, "refused:\n%s", ctl->pool_error);
    }
    reply_ds(conn, &ds);
}

static void
patch_reload(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *ctl_)
{
    struct pp_control *ctl = ctl_;
    const char *error = pp_patches_reload(ctl);

    if (error) {
        char *text = xasprintf("%sNothing was changed: the %"PRIuSIZE
                               " patches in force stay in force.",
                               error, ctl->pool->n);

        unixctl_command_reply_error(conn, text);
        free(text);
    } else {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_format(&ds, "%"PRIuSIZE" patches loaded\n", ctl->pool->n);
        reply_ds(conn, &ds);
    }
}

static void
conn_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *ctl_)
{
    pp_engine_list_conns(ctl_, conn);
}

struct counter_name {
    const char *name;
    const char *doc;
};

static const struct counter_name counter_names[] = {
#define PP_COUNTER(NAME, DOC) { #NAME, DOC },
    PP_COUNTERS
#undef PP_COUNTER
};

static void
stats_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
           const char *argv[] OVS_UNUSED, void *ctl_)
{
    struct pp_control *ctl = ctl_;
    const struct pp_counters *c = pp_engine_counters(ctl->engine);
    const uint64_t *values = &c->packet_in_frames;
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "%-28s %12"PRIu64"  connections followed\n", "conns",
                  c->conns);
    ds_put_format(&ds, "%-28s %12"PRIu64"  of them half-open\n", "half_open",
                  c->half_open);
    ds_put_format(&ds, "%-28s %12"PRIu64"  bytes held\n", "held_bytes",
                  c->held_bytes);
    ds_put_format(&ds, "%-28s %12"PRIu64"  bytes of connection state\n",
                  "memory", c->memory);
    for (size_t i = 0; i < ARRAY_SIZE(counter_names); i++) {
        ds_put_format(&ds, "%-28s %12"PRIu64"  %s\n", counter_names[i].name,
                      values[i], counter_names[i].doc);
    }
    for (size_t i = 0; pp_proxies[i] && i < PP_PROXIES_MAX; i++) {
        const char *const *reason = pp_proxies[i]->reasons;

        for (size_t j = 0; reason && reason[j] && j < PP_REASONS_MAX; j++) {
            if (c->reasons[i][j]) {
                char *name = xasprintf("proxy_%s", pp_proxies[i]->name);

                ds_put_format(&ds, "%-28s %12"PRIu64"  %s\n", name,
                              c->reasons[i][j], reason[j]);
                free(name);
            }
        }
    }
    reply_ds(conn, &ds);
}

static void
pipeline_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *ctl_)
{
    struct pp_control *ctl = ctl_;
    const struct pp_policy *policy;
    const struct pp_bridge *br;
    const struct pp_iface *iface;
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&ds, "engine: ");
    pp_engine_format(ctl->engine, &ds);
    ds_put_format(&ds, "\npatches: %"PRIuSIZE" loaded%s\n", ctl->pool->n,
                  ctl->pool_error ? ", some refused (patch/list)" : "");
    ds_put_cstr(&ds, "limits: ");
    pp_bounds_format(&ds);
    ds_put_cstr(&ds, "\ndatabase: ");
    pp_db_format(&ds);
    ds_put_char(&ds, '\n');
    PP_FOR_EACH_POLICY (policy) {
        ds_put_format(&ds, "policy %u: %"PRIuSIZE" patches, %s, fail %s, "
                      "opaque %s, ",
                      policy->redirect->number, policy->n_patches,
                      pp_policy_mode_word(policy->mode),
                      pp_policy_fail_word(policy->fail),
                      pp_policy_opaque_word(policy->opaque));
        put_services(policy, &ds);
        ds_put_char(&ds, '\n');
    }
    pp_cuts_format(&ds);
    ds_put_char(&ds, '\n');
    pp_first_format(&ds);
    pp_datapath_format(&ds);
    ds_put_char(&ds, '\n');
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        const struct pp_slot *s;

        ds_put_format(&ds, "bridge %s: %"PRIuSIZE" protected, %"PRIuSIZE
                      " connections cut through\n", br->name,
                      br->n_protected, pp_cuts_count(br));
        if (br->tap) {
            ds_put_format(&ds, "  tap %s: port %u, MTU %d, %s%s%s\n",
                          br->tap->name, br->tap->ofport, br->tap->mtu,
                          br->tap->attached ? "with the engine"
                          : "without an engine",
                          br->tap->error ? "; " : "",
                          br->tap->error ? br->tap->error : "");
        }
        if (br->ofconn) {
            ds_put_cstr(&ds, "  switch: ");
            pp_ofconn_format(br->ofconn, &ds);
            ds_put_char(&ds, '\n');
        }
        if (br->slots) {
            if (br->slots->full) {
                ds_put_cstr(&ds, "  no slot is left\n");
            }
            PP_FOR_EACH_IFACE (iface, br) {
                if (iface->is_capped) {
                    ds_put_format(&ds, "  port %s: %"PRIuSIZE" VLANs have a "
                                  "slot that nobody announced, and no more "
                                  "get one (--max-learned-vlans); what comes "
                                  "in others is dropped\n", iface->name,
                                  iface->n_learned);
                }
            }
            HMAP_FOR_EACH (s, hmap_node, &br->slots->slots) {
                ds_put_format(&ds, "  slot %u: port %s (%u)", s->vid,
                              s->iface->name, s->ofport);
                if (s->vlan != PP_UNTAGGED) {
                    ds_put_format(&ds, " VLAN %d", s->vlan);
                }
                ds_put_char(&ds, '\n');
            }
        }
    }
    reply_ds(conn, &ds);
}

static void
hits_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *ctl OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    pp_server_hits_format(&ds);
    reply_ds(conn, &ds);
}

static void
events_rotate(struct unixctl_conn *conn, int argc OVS_UNUSED,
              const char *argv[] OVS_UNUSED, void *ctl OVS_UNUSED)
{
    int error = pp_events_rotate();

    if (error && error != ENOENT) {
        unixctl_command_reply_error(conn, ovs_strerror(error));
    } else {
        unixctl_command_reply(conn, NULL);
    }
}

static void
do_exit(struct unixctl_conn *conn, int argc, const char *argv[], void *exit_)
{
    struct pp_exit *ex = exit_;

    if (argc > 1 && strcmp(argv[1], "--restart")) {
        unixctl_command_reply_error(conn, "the only argument that exit "
                                    "takes is --restart");
        return;
    }
    if (ex->conn) {
        unixctl_command_reply_error(conn, "is about to exit");
        return;
    }
    ex->asked = true;
    ex->restart = argc > 1;
    ex->conn = conn;
}

void
pp_unixctl_init(struct pp_control *ctl, struct pp_exit *ex)
{
    unixctl_command_register("exit", "[--restart]", 0, 1, do_exit, ex);
    unixctl_command_register("server/list", "", 0, 0, server_list, ctl);
    unixctl_command_register("patch/list", "", 0, 0, patch_list, ctl);
    unixctl_command_register("patch/reload", "", 0, 0, patch_reload, ctl);
    unixctl_command_register("conn/list", "", 0, 0, conn_list, ctl);
    unixctl_command_register("stats/show", "", 0, 0, stats_show, ctl);
    unixctl_command_register("hits/show", "", 0, 0, hits_show, ctl);
    unixctl_command_register("events/rotate", "", 0, 0, events_rotate, ctl);
    unixctl_command_register("vtep/list", "", 0, 0, vtep_list, ctl);
    unixctl_command_register("name/list", "", 0, 0, name_list, ctl);
    unixctl_command_register("pipeline/show", "", 0, 0, pipeline_show, ctl);
    pp_handover_init_commands(ctl);
}
