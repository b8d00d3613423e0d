/* SPDX-License-Identifier: Apache-2.0 */

/* The inventory, to the PatchPoint database: this host, its servers, and what
 * became of policies.  (Patches: pp-db-patch.c.)
 *
 * In: the model of the virtual network and all that is known of it.  Out: rows
 * of Host, Server and Policy.  Rows are compared with what the database has
 * and only what differs is sent, so that it does not matter why one was
 * written before.  Servers are looked at whose status was looked at, or who
 * are gone; all of them where it is not known whose has changed (services,
 * hits, another's hand in the database), those passed over by a hash of which
 * nothing has: there may be thousands.  What has changed is written after a
 * second at the earliest; mere counters of the engine less often.
 *
 * Runs in control's main loop.  Owns the times. */

#include <config.h>

#include "pp-db.h"

#include <stdlib.h>

#include "coverage.h"
#include "engine/pp-ipc.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "patch/pp-pool.h"
#include "pp-addresses.h"
#include "pp-control.h"
#include "pp-db-private.h"
#include "pp-engine-proc.h"
#include "pp-named.h"
#include "pp-policy.h"
#include "pp-services.h"
#include "pp-status.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pp_db_write);

COVERAGE_DEFINE(stored_iface);

/* All in ms. */
#define WRITE_MS 1000           /* Between writes. */
#define URGENT_MS 50            /* The same, when somebody waits. */
#define STATISTICS_MS 5000
#define SIGN_OF_LIFE_MS 60000
#define STOP_MS 1500            /* How long the way out waits. */

/* Servers that are made at once: more would take long. */
#define INSERTS_MAX 500

/* What was looked at when it was written last. */
struct seen {
    unsigned int ovs_seqno, pp_seqno;
    uint64_t services_seqno;
    const struct pp_pool *pool;
    enum pp_engine_state engine;
    bool in_force;
};

/* A server's row that was written. */
struct written {
    struct hmap_node hmap_node; /* In 'written', by name. */
    struct ovs_list gone_node;  /* In 'gone', or empty. */
    char *name;
    char *asked;                /* By what policies, or NULL. */
    uint32_t hash;              /* Of what it was made of. */
};

static struct hmap written = HMAP_INITIALIZER(&written);
static struct ovs_list gone = OVS_LIST_INITIALIZER(&gone);
static struct shash asked = SHASH_INITIALIZER(&asked);  /* How many are. */

static struct seen seen;
static bool pending = true;     /* Something is to be written. */
static bool all_servers = true; /* It may be any of them. */
static bool urgent;
static long long int last_write, last_statistics, last_life;
static uint64_t statistics_hash;
static int64_t started;
static long long int stop_since;
static bool stop_written, stop_done;
static bool said_other;

static void
set_optional(const struct pprec_server *row,
             void (*set)(const struct pprec_server *, const char *),
             const char *value)
{
    set(row, value && *value ? value : NULL);
}

/* 'is_new': the row is one that is being made. */
static void
put_hits(const struct pprec_server *row, uint32_t server_id, bool is_new)
{
    int64_t last;
    const struct shash *counts = pp_db_hits_get(server_id,
                                                is_new ? NULL : row, &last);
    size_t n = counts ? shash_count(counts) : 0, i = 0;
    const char **keys = xmalloc(MAX(1, n) * sizeof *keys);
    int64_t *values = xmalloc(MAX(1, n) * sizeof *values);
    const struct shash_node *node;

    if (n) {
        SHASH_FOR_EACH (node, counts) {
            const struct pp_db_count *count = node->data;

            keys[i] = node->name;
            values[i++] = (int64_t) (count->base + count->now);
        }
    }
    pprec_server_set_hits(row, keys, values, n);
    pprec_server_set_last_hit(row, &last, last != 0);
    free(keys);
    free(values);
}

/* Puts a status into its word and its reason. */
static void
put_status(const struct pprec_server *row, const char *old, const char *text)
{
    size_t len = strcspn(text, ": ");
    char *word = len ? xmemdup0(text, len) : xstrdup("unprotected");
    const char *reason = text + len + strspn(text + len, ": ");

    if (!old || strcmp(old, word)) {
        int64_t now = time_wall_msec();

        pprec_server_set_status_since(row, &now, 1);
    }
    pprec_server_set_status(row, word);
    set_optional(row, pprec_server_set_status_reason, reason);
    free(word);
}

static void
put_policy(const struct pprec_server *row, const struct pp_iface *iface)
{
    const struct pp_policy *policy = iface->policy;

    set_optional(row, pprec_server_set_policy, iface->asked);
    set_optional(row, pprec_server_set_policy_from, iface->asked_where);
    pprec_server_set_mode(row, policy ? pp_policy_mode_word(policy->mode)
                          : NULL);
    pprec_server_set_fail(row, policy ? pp_policy_fail_word(policy->fail)
                          : NULL);
    pprec_server_set_opaque(row, policy
                            ? pp_policy_opaque_word(policy->opaque) : NULL);
    pprec_server_set_n_patches(row, policy ? (int64_t) policy->n_patches : 0);
}

/* What is known of its addresses.  As long as that is nothing, what a daemon
 * before this one wrote stays. */
static void
put_addresses(const struct pprec_server *row, const struct pp_iface *iface)
{
    struct svec addresses = SVEC_EMPTY_INITIALIZER;
    struct svec names = SVEC_EMPTY_INITIALIZER;

    pp_addresses_list(iface, &addresses);
    if (addresses.n) {
        pprec_server_set_addresses(row, (const char **) addresses.names,
                                   addresses.n);
        if (pp_addresses_list_names(iface, &names)) {
            pprec_server_set_names(row, (const char **) names.names, names.n);
        }
    }
    svec_destroy(&addresses);
    svec_destroy(&names);
}

static void
put_server(const struct pp_iface *iface, const struct pprec_server *row,
           const char *old_status, const char *status)
{
    static const struct smap none = SMAP_INITIALIZER(&none);
    const struct smap *ids = (iface->behind ? &none
                              : &iface->row->external_ids);
    int64_t vlan = iface->port->n_tag ? iface->port->tag[0] : 0;
    char mac[ETH_ADDR_STRLEN + 1];

    pprec_server_set_bridge(row, iface->bridge->name);
    snprintf(mac, sizeof mac, ETH_ADDR_FMT, ETH_ADDR_ARGS(iface->mac));
    pprec_server_set_mac(row, iface->has_mac ? mac : NULL);
    pprec_server_set_vlan(row, &vlan, vlan != 0);
    set_optional(row, pprec_server_set_iface_id, smap_get(ids, "iface-id"));
    set_optional(row, pprec_server_set_vm_id,
                 smap_get(ids, "vm-id") ? smap_get(ids, "vm-id")
                 : smap_get(ids, "vm-uuid"));
    put_addresses(row, iface);
    put_policy(row, iface);
    put_status(row, old_status, status);
}

static uint32_t
hash_text(const char *text, uint32_t basis)
{
    return text ? hash_string(text, basis) : hash_int(1, basis);
}

/* Of all that the row of 'iface' is made of. */
static uint32_t
hash_server(const struct pp_iface *iface, const struct pprec_server *row,
            const char *status)
{
    const struct smap *ids = &iface->row->external_ids;
    const struct pp_policy *policy = iface->policy;
    const struct shash *counts;
    int64_t last;
    uint32_t h = hash_text(status, uuid_hash(&iface->uuid));

    h = hash_text(iface->bridge->name, h);
    h = hash_bytes(&iface->mac, sizeof iface->mac, h + iface->has_mac);
    h = hash_int(iface->port->n_tag ? (uint32_t) iface->port->tag[0] : 0, h);
    h = hash_text(smap_get(ids, "iface-id"), h);
    h = hash_text(smap_get(ids, "vm-id"), h);
    h = hash_text(smap_get(ids, "vm-uuid"), h);
    h = hash_int(iface->addresses_seqno, h);
    h = hash_text(iface->asked, h);
    h = hash_text(iface->asked_where, h);
    if (policy) {
        h = hash_int((uint32_t) policy->mode << 2
                     | (uint32_t) policy->fail << 1
                     | (uint32_t) policy->opaque, h);
        h = hash_uint64_basis(policy->n_patches, h);
    }
    if (pp_services_next(iface->server_id, NULL)) {
        h = hash_uint64_basis(pp_services_seqno(), h);
    }
    counts = pp_db_hits_get(iface->server_id, row, &last);
    if (counts && !shash_is_empty(counts)) {
        const struct shash_node *node;
        uint64_t sum = 0;

        SHASH_FOR_EACH (node, counts) {
            const struct pp_db_count *count = node->data;

            sum += count->base + count->now;
        }
        h = hash_uint64_basis(sum, hash_uint64_basis((uint64_t) last, h));
    }
    return h;
}

static struct written *
find_written(const char *name)
{
    struct written *w;

    HMAP_FOR_EACH_WITH_HASH (w, hmap_node, hash_string(name, 0), &written) {
        if (!strcmp(w->name, name)) {
            return w;
        }
    }
    return NULL;
}

static void
count_asked(const char *text, int n)
{
    if (text) {
        struct shash_node *node = shash_find(&asked, text);

        node = node ? node : shash_add(&asked, text, NULL);
        node->data = (void *) ((uintptr_t) node->data + (uintptr_t) n);
        if (!node->data) {
            shash_delete(&asked, node);
        }
    }
}

static void
written_destroy(struct written *w)
{
    count_asked(w->asked, -1);
    hmap_remove(&written, &w->hmap_node);
    ovs_list_remove(&w->gone_node);
    free(w->asked);
    free(w->name);
    free(w);
}

/* Is the row of 'iface' as it was written?  If not, it is going to be. */
static bool
is_written(const struct pp_iface *iface, uint32_t hash)
{
    struct written *w = find_written(iface->name);
    bool same = w && w->hash == hash;

    if (!w) {
        w = xzalloc(sizeof *w);
        w->name = xstrdup(iface->name);
        ovs_list_init(&w->gone_node);
        hmap_insert(&written, &w->hmap_node, hash_string(w->name, 0));
    }
    w->hash = hash;
    ovs_list_remove(&w->gone_node);
    ovs_list_init(&w->gone_node);
    if (!nullable_string_is_equal(w->asked, iface->asked)) {
        count_asked(w->asked, -1);
        count_asked(iface->asked, 1);
        free(w->asked);
        w->asked = nullable_xstrdup(iface->asked);
    }
    return same;
}

static void
forget_written(void)
{
    struct written *w;

    HMAP_FOR_EACH_SAFE (w, hmap_node, &written) {
        written_destroy(w);
    }
}

void
pp_db_forget(const char *name)
{
    struct written *w = find_written(name);

    if (w && ovs_list_is_empty(&w->gone_node)) {
        ovs_list_push_back(&gone, &w->gone_node);
        pending = true;
    }
}

/* Counts servers by the named policies that they go by. */
static void
count_policies(struct shash *counts)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &asked) {
        char *copy = xstrdup(node->name), *word, *save = NULL;

        for (word = strtok_r(copy, ", \t\r\n", &save); word;
             word = strtok_r(NULL, ", \t\r\n", &save)) {
            if (pp_named_find(word)) {
                shash_replace(counts, word, (void *) (
                    (uintptr_t) shash_find_data(counts, word)
                    + (uintptr_t) node->data));
            }
        }
        free(copy);
    }
}

static void
put_policies(struct ovsdb_idl *idl, const char *host)
{
    struct shash counts = SHASH_INITIALIZER(&counts);
    const struct pprec_policy *row;

    count_policies(&counts);
    PPREC_POLICY_FOR_EACH (row, idl) {
        const char *error = pp_db_policy_error(row->name);
        char *status = (error ? xasprintf("error: %s; %s", error,
                                          pp_named_find(row->name)
                                          ? "what was in force stays in force"
                                          : "it is not in force")
                        : xstrdup("ok"));
        const char *is = smap_get(&row->status, host);
        int64_t n = (int64_t) (uintptr_t) shash_find_data(&counts, row->name);
        int64_t was = -1;

        for (size_t i = 0; i < row->n_servers; i++) {
            if (!strcmp(row->key_servers[i], host)) {
                was = row->value_servers[i];
            }
        }
        if (!is || strcmp(is, status)) {
            pprec_policy_update_status_setkey(row, host, status);
        }
        if (n != was) {
            pprec_policy_update_servers_setkey(row, host, n);
        }
        free(status);
    }
    shash_destroy(&counts);
}

/* Writes 'iface', which is a VM's; 'row' is what the database has of it, or
 * NULL. */
static void
put_iface(const struct pp_control *ctl, const struct pp_iface *iface,
          const struct pprec_server *row)
{
    struct ds status = DS_EMPTY_INITIALIZER;
    const char *old = row ? row->status : NULL;
    bool is_new = !row;
    uint32_t hash;

    COVERAGE_INC(stored_iface);
    pp_status_format(ctl, iface, &status);
    hash = hash_server(iface, row, ds_cstr(&status));
    if (!is_written(iface, hash) || is_new) {
        if (is_new) {
            row = pprec_server_insert(pp_db_txn());
            pprec_server_set_host(row, pp_db_host());
            pprec_server_set_name(row, iface->name);
            pprec_server_set_kind(row, iface->behind ? "vtep" : "interface");
        }
        put_hits(row, iface->server_id, is_new);
        pp_db_put_services(ctl, iface, row, is_new);
        put_server(iface, row, old, ds_cstr(&status));
    }
    ds_destroy(&status);
}

/* Has what the database has of servers that are no more deleted, and all
 * others looked at. */
static void
look_at_all(struct pp_control *ctl)
{
    const struct pprec_server *row;
    struct pp_iface *iface;
    struct pp_bridge *br;

    PPREC_SERVER_FOR_EACH_SAFE (row, pp_db_idl()) {
        if (!strcmp(row->host, pp_db_host())) {
            iface = pp_iface_find(ctl, row->name);
            if (find_written(row->name)) {
                continue;       /* If it is gone, that is known. */
            } else if (!iface || !iface->is_vm) {
                pprec_server_delete(row);
            }
        }
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        PP_FOR_EACH_IFACE (iface, br) {
            pp_db_touch(ctl, iface);
        }
    }
}

/* Writes servers that have changed.  Returns false if there is more to do. */
static bool
put_servers(struct pp_control *ctl)
{
    struct pp_iface *iface;
    struct written *w;
    size_t inserted = 0;

    if (all_servers) {
        look_at_all(ctl);
    }
    LIST_FOR_EACH_SAFE (iface, unstored_node, &ctl->unstored) {
        const struct pprec_server *row = pp_db_find_server(iface->name);

        if (!iface->is_vm) {
            pp_db_forget(iface->name);
        } else if (!row && inserted++ >= INSERTS_MAX) {
            all_servers = false;
            return false;
        } else {
            put_iface(ctl, iface, row);
        }
        ovs_list_remove(&iface->unstored_node);
        ovs_list_init(&iface->unstored_node);
    }
    LIST_FOR_EACH_SAFE (w, gone_node, &gone) {
        const struct pprec_server *row = pp_db_find_server(w->name);

        if (row) {
            pprec_server_delete(row);
        }
        written_destroy(w);
    }
    if (all_servers) {
        /* Each of them was asked for its hits. */
        pp_db_hits_sweep();
        all_servers = false;
    }
    put_policies(pp_db_idl(), pp_db_host());
    return true;
}

static const char *
engine_name(enum pp_engine_state state)
{
    switch (state) {
    case PP_ENGINE_STOPPED: return "stopped";
    case PP_ENGINE_WAITING: return "waiting";
    case PP_ENGINE_STARTING: return "starting";
    case PP_ENGINE_READY: return "ready";
    case PP_ENGINE_ENDING: return "ending";
    }
    OVS_NOT_REACHED();
}

static const struct pprec_host *
first_host(void)
{
    const struct pprec_host *row;

    PPREC_HOST_FOR_EACH (row, pp_db_idl()) {
        if (!strcmp(row->name, pp_db_host())) {
            return row;
        }
    }
    return NULL;
}

/* The host's row, made if need be; NULL if it is another host's. */
static const struct pprec_host *
get_host(const struct pp_control *ctl)
{
    const struct pprec_host *row = first_host();
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(
        ctl->idl);
    const char *id = ovs ? smap_get(&ovs->external_ids, "system-id") : NULL;

    if (!row) {
        row = pprec_host_insert(pp_db_txn());
        pprec_host_set_name(row, pp_db_host());
    } else if (row->system_id && id && strcmp(row->system_id, id)) {
        if (!said_other) {
            VLOG_ERR("the PatchPoint database has a host called %s whose "
                     "system-id is %s, and this one's is %s: nothing is "
                     "written there.  If that host is no more, run: "
                     "ovs-patchpointctl host-del %s; else give this one a "
                     "name of its own: ovs-vsctl set Open_vSwitch . "
                     "external_ids:" PP_KEY_HOST "=NAME", pp_db_host(),
                     row->system_id, id, pp_db_host());
            said_other = true;
        }
        return NULL;
    }
    said_other = false;
    if (id) {
        pprec_host_set_system_id(row, id);
    }
    return row;
}

static void
put_host(const struct pp_control *ctl, const struct pprec_host *row, size_t n)
{
    const char *problem = ctl->pool_error;
    char *first = (problem ? xmemdup0(problem, strcspn(problem, "\n"))
                   : nullable_xstrdup(pp_engine_error(ctl->engine)));

    if (!started) {
        started = time_wall_msec();
    }
    pprec_host_set_version(row, PACKAGE_VERSION);
    pprec_host_set_status(row, "running");
    pprec_host_set_engine(row, engine_name(pp_engine_state(ctl->engine)));
    pprec_host_set_problem(row, first);
    pprec_host_set_started(row, &started, 1);
    pprec_host_set_n_servers(row, (int64_t) n);
    pprec_host_set_n_patches(row, (int64_t) ctl->pool->n);
    free(first);
}

/* Writes the engine's counters, if they have changed. */
static void
put_statistics(const struct pp_control *ctl, const struct pprec_host *row)
{
    const struct pp_counters *c = pp_engine_counters(ctl->engine);
    static const struct {
        const char *name;
        size_t offset;
    } all[] = {
        { "conns", offsetof(struct pp_counters, conns) },
        { "half_open", offsetof(struct pp_counters, half_open) },
        { "held_bytes", offsetof(struct pp_counters, held_bytes) },
        { "memory", offsetof(struct pp_counters, memory) },
#define PP_COUNTER(NAME, DOC) { #NAME, offsetof(struct pp_counters, NAME) },
        PP_COUNTERS
#undef PP_COUNTER
    };
    const char *keys[ARRAY_SIZE(all)];
    int64_t values[ARRAY_SIZE(all)];
    uint64_t hash = 1;
    int64_t now;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        uint64_t value;

        memcpy(&value, (const char *) c + all[i].offset, sizeof value);
        if (value) {
            keys[n] = all[i].name;
            values[n++] = (int64_t) value;
        }
        hash = (hash ^ value) * UINT64_C(0x100000001b3);
    }
    last_statistics = time_msec();
    if (hash == statistics_hash
        && time_msec() - last_life < SIGN_OF_LIFE_MS) {
        return;
    }
    statistics_hash = hash;
    last_life = time_msec();
    now = time_wall_msec();
    pprec_host_set_statistics(row, keys, values, n);
    pprec_host_set_last_seen(row, &now, 1);
}

/* Nobody looks after this host's servers any more. */
static void
put_stopped(void)
{
    const struct pprec_host *host = first_host();
    const struct pprec_server *row;

    if (!host || said_other) {
        return;
    }
    pprec_host_set_status(host, "stopped");
    pprec_host_set_engine(host, "stopped");
    PPREC_SERVER_FOR_EACH (row, pp_db_idl()) {
        if (strcmp(row->status, "unprotected")) {
            put_status(row, row->status,
                       "uninspected: ovs-patchpointd was stopped");
        }
    }
}

static void
write_stopped(void)
{
    if (!stop_since) {
        stop_since = time_msec();
    }
    if (pp_db_txn()) {
        if (stop_written) {
            stop_done = true;   /* The transaction is over. */
        } else {
            put_stopped();
            stop_written = true;
        }
    }
}

bool
pp_db_is_done(void)
{
    return (!pp_db_host() || stop_done || (stop_since && time_msec()
                                           >= stop_since + STOP_MS));
}

void
pp_db_touch(struct pp_control *ctl, struct pp_iface *iface)
{
    if (ovs_list_is_empty(&iface->unstored_node)) {
        ovs_list_push_back(&ctl->unstored, &iface->unstored_node);
    }
    pending = true;
}

/* Rows of ours that another has deleted or made. */
static void
look_at_rows(void)
{
    const struct pprec_server *row;

    PPREC_SERVER_FOR_EACH_TRACKED (row, pp_db_idl()) {
        bool is_ours = find_written(row->name) != NULL;

        if (pprec_server_is_deleted(row) ? is_ours
            : pprec_server_is_new(row) && !is_ours) {
            all_servers = true;
        }
    }
}

/* Is there something new? */
static void
look(const struct pp_control *ctl)
{
    const struct seen now = {
        .ovs_seqno = ovsdb_idl_get_seqno(ctl->idl),
        .pp_seqno = ovsdb_idl_get_seqno(pp_db_idl()),
        .services_seqno = pp_services_seqno(),
        .pool = ctl->pool,
        .engine = pp_engine_state(ctl->engine),
        .in_force = pp_engine_in_force(ctl->engine),
    };

    if (now.ovs_seqno != seen.ovs_seqno || now.pp_seqno != seen.pp_seqno
        || now.services_seqno != seen.services_seqno
        || now.pool != seen.pool || now.engine != seen.engine
        || now.in_force != seen.in_force) {
        all_servers |= (now.services_seqno != seen.services_seqno
                        || now.pool != seen.pool);
        seen = now;
        pending = true;
    }
    look_at_rows();
    all_servers |= pp_db_hits_run();
    pending |= all_servers;
}

/* Servers with a policy. */
static size_t
n_servers(const struct pp_control *ctl)
{
    const struct pp_bridge *br;
    size_t n = 0;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        n += br->row ? br->n_protected : 0;
    }
    return n;
}

void
pp_db_write(struct pp_control *ctl)
{
    const struct pprec_patchpoint *global;
    const struct pprec_host *host;
    long long int now = time_msec();
    int64_t next_cfg;
    bool all;

    if (!pp_db_idl() || !pp_db_host()) {
        return;
    }
    if (ctl->exiting) {
        write_stopped();
        return;
    }
    look(ctl);
    if (!pp_db_txn()) {
        return;
    }
    global = pprec_patchpoint_first(pp_db_idl());
    host = first_host();
    next_cfg = global ? global->next_cfg : 0;
    urgent = !host || host->cur_cfg != next_cfg;

    if (now - last_write >= (urgent ? URGENT_MS : WRITE_MS)
        && (pending || urgent)) {
        host = get_host(ctl);
        last_write = now;
        pending = false;
        if (!host) {
            return;
        }
        all = put_servers(ctl);
        all &= pp_db_patch_write(ctl);
        put_host(ctl, host, n_servers(ctl));
        if (ovs_list_is_empty(&ctl->waiting)
            && ovs_list_is_empty(&ctl->unwritten) && !ctl->dirty && all) {
            pprec_host_set_cur_cfg(host, next_cfg);
        }
        if (!all) {
            pending = true;
            last_write = now - WRITE_MS + URGENT_MS;
        }
    }
    if (host && !said_other && now - last_statistics >= STATISTICS_MS) {
        put_statistics(ctl, host);
    }
}

void
pp_db_write_again(void)
{
    forget_written();
    all_servers = pending = true;
}

void
pp_db_write_wait(void)
{
    if (stop_since) {
        poll_timer_wait_until(stop_since + STOP_MS);
        return;
    }
    if (pending || urgent) {
        poll_timer_wait_until(last_write + (urgent ? URGENT_MS : WRITE_MS));
    }
    poll_timer_wait_until(last_statistics + STATISTICS_MS);
}

void
pp_db_write_destroy(void)
{
    forget_written();
    shash_destroy(&asked);
}
