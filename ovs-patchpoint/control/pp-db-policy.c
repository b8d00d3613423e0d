/* SPDX-License-Identifier: Apache-2.0 */

/* Named policies, from the PatchPoint database.
 *
 * In: the rows of Policy, the pool of patches.  Out: the policies in force
 * (pp-named.h), which are also kept in a file, so that they are known when the
 * daemon starts while the database is away.  A row that makes no sense changes
 * nothing: what is wrong is for its status and the log.
 *
 * Runs in control's main loop.  Owns the file, and what is wrong with rows. */

#include <config.h>

#include "pp-db-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "pp-control.h"
#include "pp-named.h"
#include "pp-policy.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_db_policy);

static char *cache_file;
static struct shash errors = SHASH_INITIALIZER(&errors);    /* By name. */

/* Of what was looked at last. */
static unsigned int seen_seqno;
static const struct pp_pool *seen_pool;
static bool seen_known;

void
pp_db_policy_load(const char *cache)
{
    struct json *json;
    char *error;

    cache_file = xstrdup(cache);
    if (access(cache_file, F_OK)) {
        return;
    }
    json = json_from_file(cache_file);
    error = pp_named_from_json(json);
    if (error) {
        VLOG_WARN("%s: the policies that were in force are not known (%s); "
                  "they will be when the PatchPoint database is there",
                  cache_file, error);
        free(error);
    }
    json_destroy(json);
}

static void
save(void)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    char *temporary = xasprintf("%s.new", cache_file);
    struct json *json = pp_named_to_json();
    char *text = json_to_string(json, JSSF_SORT);
    FILE *f = fopen(temporary, "w");
    bool ok = false;

    if (f) {
        fchmod(fileno(f), 0640);
        ok = fputs(text, f) >= 0;
        ok = !fclose(f) && ok && !rename(temporary, cache_file);
    }
    if (!ok) {
        VLOG_WARN_RL(&rl, "%s: cannot be written (%s): should the daemon be "
                     "started again while the PatchPoint database is away, "
                     "its policies are not known", cache_file,
                     ovs_strerror(errno));
        unlink(temporary);
    }
    free(temporary);
    free(text);
    json_destroy(json);
}

/* "a b c". */
static char *
join(const struct smap *map, char between, char after)
{
    const struct smap_node **nodes = smap_sort(map);
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < smap_count(map); i++) {
        ds_put_format(&ds, "%s%s%c%s", i ? (after == ' ' ? " " : ",") : "",
                      nodes[i]->key, between, nodes[i]->value);
    }
    free(nodes);
    return ds_steal_cstr(&ds);
}

static void
add_patterns(struct pp_named *named, enum pp_selector selector,
             char *const *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        svec_add(&named->selectors[selector], patterns[i]);
    }
    svec_sort(&named->selectors[selector]);
}

static struct pp_named *
named_from_row(const struct pprec_policy *row)
{
    struct pp_named *named = pp_named_create(row->name);
    struct ds words = DS_EMPTY_INITIALIZER;
    char *text;

    for (size_t i = 0; i < row->n_patches; i++) {
        ds_put_format(&words, "%s%s", i ? "," : "", row->patches[i]);
    }
    smap_add(&named->keys, PP_KEY_POLICY,
             words.length ? ds_cstr(&words) : "none");
    ds_destroy(&words);
    if (row->mode) {
        smap_add(&named->keys, PP_KEY_MODE, row->mode);
    }
    if (row->fail) {
        smap_add(&named->keys, PP_KEY_FAIL, row->fail);
    }
    if (row->opaque) {
        smap_add(&named->keys, PP_KEY_OPAQUE, row->opaque);
    }
    if (smap_count(&row->ports)) {
        text = join(&row->ports, ':', ' ');
        smap_add_nocopy(&named->keys, xstrdup(PP_KEY_PORTS), text);
    }
    if (smap_count(&row->parameters)) {
        text = join(&row->parameters, '=', ',');
        smap_add_nocopy(&named->keys, xstrdup(PP_KEY_PARAMETERS), text);
    }

    named->priority = row->priority;
    add_patterns(named, PP_SELECT_HOST, row->hosts, row->n_hosts);
    add_patterns(named, PP_SELECT_BRIDGE, row->bridges, row->n_bridges);
    add_patterns(named, PP_SELECT_IFACE_ID, row->iface_ids, row->n_iface_ids);
    add_patterns(named, PP_SELECT_VM_ID, row->vm_ids, row->n_vm_ids);
    add_patterns(named, PP_SELECT_NAME, row->names, row->n_names);
    add_patterns(named, PP_SELECT_PRODUCT, row->products, row->n_products);
    for (size_t i = 0; i < row->n_vlans; i++) {
        svec_add_nocopy(&named->selectors[PP_SELECT_VLAN],
                        xasprintf("%"PRId64, row->vlans[i]));
    }
    svec_sort(&named->selectors[PP_SELECT_VLAN]);
    return named;
}

/* Notes what is wrong with the policy 'name', or that nothing is (NULL). */
static void
note_error(const char *name, char *error)
{
    char *before = shash_find_and_delete(&errors, name);

    if (error && !nullable_string_is_equal(before, error)) {
        VLOG_ERR("policy %s in the PatchPoint database: %s; %s", name, error,
                 pp_named_find(name) ? "what was in force stays in force"
                 : "it is not in force");
    } else if (before && !error) {
        VLOG_INFO("policy %s in the PatchPoint database is sound again",
                  name);
    }
    free(before);
    if (error) {
        shash_add(&errors, name, error);
    }
}

/* Takes 'row' up.  Returns true if that changes what is in force. */
static bool
row_run(const struct pp_control *ctl, const struct pprec_policy *row)
{
    struct pp_named *named = named_from_row(row);
    const struct pp_named *before = pp_named_find(row->name);
    char *error = pp_named_name_fault(row->name);

    if (!error) {
        error = pp_policy_check_named(ctl, named);
    }
    note_error(row->name, error);
    if (error || (before && pp_named_equals(before, named))) {
        pp_named_destroy(named);
        return false;
    }
    pp_named_put(named);
    return true;
}

void
pp_db_policy_run(struct pp_control *ctl, const struct ovsdb_idl *idl,
                 bool known)
{
    struct svec gone = SVEC_EMPTY_INITIALIZER;
    const struct pprec_policy *row;
    const struct shash_node *node;
    bool changed = false;

    if (!known || (seen_known && seen_seqno == ovsdb_idl_get_seqno(idl)
                   && seen_pool == ctl->pool)) {
        return;
    }
    seen_known = true;
    seen_seqno = ovsdb_idl_get_seqno(idl);
    seen_pool = ctl->pool;

    pp_named_list(&gone);
    SHASH_FOR_EACH (node, &errors) {
        svec_add(&gone, node->name);
    }
    svec_sort_unique(&gone);
    PPREC_POLICY_FOR_EACH (row, idl) {
        changed |= row_run(ctl, row);
        svec_del(&gone, row->name);
    }
    for (size_t i = 0; i < gone.n; i++) {
        changed |= pp_named_find(gone.names[i]) != NULL;
        pp_named_remove(gone.names[i]);
        note_error(gone.names[i], NULL);
    }
    svec_destroy(&gone);
    if (changed) {
        save();
    }
    if (changed || pp_named_any_by(PP_SELECT_NAME)) {
        /* DNS names are in that database, too. */
        ctl->keys_dirty = true;
        pp_touch_all(ctl);
    }
}

const char *
pp_db_policy_error(const char *name)
{
    return shash_find_data(&errors, name);
}

void
pp_db_policy_destroy(void)
{
    shash_destroy_free_data(&errors);
    shash_init(&errors);
    pp_named_clear();
    free(cache_file);
    cache_file = NULL;
}
