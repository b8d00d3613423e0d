/* SPDX-License-Identifier: Apache-2.0 */

/* Commands of ovs-patchpointctl that change the database; see pp-ctl.h.
 *
 * What a key of a policy may say is what ovs-patchpointd reads in external_ids
 * under patchpoint-KEY, so that nobody has to learn it twice; it is put into
 * the form that the column has.  Whether patches are known is for the daemons
 * to say, who have them. */

#include <config.h>

#include "tool/pp-ctl.h"

#include <stdlib.h>
#include <string.h>

#include "db-ctl-base.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "ovsdb-idl.h"
#include "ovsdb-schema/patchpoint-idl.h"
#include "smap.h"
#include "sset.h"
#include "util.h"

/* Policies that were made or changed. */
static struct sset touched = SSET_INITIALIZER(&touched);

enum form {
    FORM_PLAIN,                 /* As it is; "": none. */
    FORM_WORDS,                 /* A set of strings. */
    FORM_NUMBERS,               /* A set of integers. */
    FORM_PORTS,                 /* "http:80,8080 smtp:25". */
    FORM_PARAMETERS,            /* "CVE-1.x=1 CVE-2.y=2". */
};

/* A key of policy-add and policy-set; "bridge" and "iface-id" do for "bridges"
 * and "iface_ids". */
static const struct key {
    const char *column;
    enum form form;
    const struct ovsdb_idl_column *idl;
} keys[] = {
    { "patches", FORM_WORDS, &pprec_policy_col_patches },
    { "mode", FORM_PLAIN, &pprec_policy_col_mode },
    { "fail", FORM_PLAIN, &pprec_policy_col_fail },
    { "opaque", FORM_PLAIN, &pprec_policy_col_opaque },
    { "ports", FORM_PORTS, &pprec_policy_col_ports },
    { "parameters", FORM_PARAMETERS, &pprec_policy_col_parameters },
    { "priority", FORM_PLAIN, &pprec_policy_col_priority },
    { "bridges", FORM_WORDS, &pprec_policy_col_bridges },
    { "vlans", FORM_NUMBERS, &pprec_policy_col_vlans },
    { "iface_ids", FORM_WORDS, &pprec_policy_col_iface_ids },
    { "vm_ids", FORM_WORDS, &pprec_policy_col_vm_ids },
    { "names", FORM_WORDS, &pprec_policy_col_names },
    { "products", FORM_WORDS, &pprec_policy_col_products },
    { "hosts", FORM_WORDS, &pprec_policy_col_hosts },
};

static const struct key *
find_key(const char *name, size_t len)
{
    char *canonical = xmemdup0(name, len);
    const struct key *found = NULL;

    for (char *p = canonical; *p; p++) {
        *p = *p == '-' ? '_' : *p;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys) && !found; i++) {
        size_t n = strlen(keys[i].column);

        if (!strcmp(keys[i].column, canonical)
            || (keys[i].column[n - 1] == 's' && len == n - 1
                && !strncmp(keys[i].column, canonical, len))) {
            found = &keys[i];
        }
    }
    free(canonical);
    return found;
}

static void
put_string(struct ds *ds, const char *string)
{
    struct json *json = json_string_create(string);

    json_to_ds(json, 0, ds);
    json_destroy(json);
}

/* Appends 'value' as db-ctl-base reads a column.  Returns NULL or what is
 * wrong. */
static char *
put_value(enum form form, const char *value, struct ds *ds)
{
    const char *between = (form == FORM_PORTS ? " \t;"
                           : form == FORM_PARAMETERS ? ",; \t" : ", \t");
    char split = form == FORM_PORTS ? ':' : '=';
    bool is_map = form == FORM_PORTS || form == FORM_PARAMETERS;
    char *copy, *word, *save = NULL, *error = NULL;
    bool first = true;

    if (form == FORM_PLAIN) {
        ds_put_cstr(ds, *value ? value : "[]");
        return NULL;
    }
    ds_put_char(ds, is_map ? '{' : '[');
    copy = xstrdup(value);
    for (word = strtok_r(copy, between, &save); word && !error;
         word = strtok_r(NULL, between, &save)) {
        ds_put_cstr(ds, first ? "" : ",");
        first = false;
        if (is_map) {
            char *p = strchr(word, split);

            if (!p || p == word || !p[1]) {
                error = xasprintf("\"%s\" is not of the form %s", word,
                                  form == FORM_PORTS ? "PROXY:PORT[,PORT...]"
                                  : "PATCH.PARAMETER=VALUE");
                break;
            }
            *p = '\0';
            put_string(ds, word);
            ds_put_char(ds, '=');
            put_string(ds, p + 1);
        } else if (form == FORM_NUMBERS) {
            ds_put_cstr(ds, word);
        } else {
            put_string(ds, word);
        }
    }
    free(copy);
    ds_put_char(ds, is_map ? '}' : ']');
    return error;
}

static void
set_key(struct ctl_context *ctx, const struct pprec_policy *row,
        const struct key *key, const char *value)
{
    struct ds arg = DS_EMPTY_INITIALIZER;
    char *error;

    ds_put_format(&arg, "%s=", key->column);
    error = put_value(key->form, value, &arg);
    if (!error) {
        error = ctl_set_column("Policy", &row->header_, ds_cstr(&arg),
                               ctx->symtab);
    }
    ds_destroy(&arg);
    if (error) {
        ctl_error(ctx, "%s of policy %s: %s", key->column, row->name, error);
        free(error);
    }
}

/* Sets what the arguments from 'first' on say. */
static void
set_keys(struct ctl_context *ctx, const struct pprec_policy *row, int first)
{
    for (int i = first; i < ctx->argc && !ctx->error; i++) {
        const char *equals = strchr(ctx->argv[i], '=');
        const struct key *key;

        if (!equals) {
            ctl_error(ctx, "%s: an argument of the form KEY=VALUE is needed",
                      ctx->argv[i]);
            return;
        }
        key = find_key(ctx->argv[i], (size_t) (equals - ctx->argv[i]));
        if (!key) {
            struct ds all = DS_EMPTY_INITIALIZER;

            for (size_t j = 0; j < ARRAY_SIZE(keys); j++) {
                ds_put_format(&all, "%s%s", j ? ", " : "", keys[j].column);
            }
            ctl_error(ctx, "%.*s: a policy has no such key; it has %s",
                      (int) (equals - ctx->argv[i]), ctx->argv[i],
                      ds_cstr(&all));
            ds_destroy(&all);
            return;
        }
        set_key(ctx, row, key, equals + 1);
    }
    sset_add(&touched, row->name);
}

static const struct pprec_policy *
find_policy(struct ctl_context *ctx, const char *name)
{
    const struct pprec_policy *row;

    PPREC_POLICY_FOR_EACH (row, ctx->idl) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static void
pre_policy(struct ctl_context *ctx)
{
    ovsdb_idl_add_column(ctx->idl, &pprec_policy_col_name);
    ovsdb_idl_add_column(ctx->idl, &pprec_policy_col_status);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        ovsdb_idl_add_column(ctx->idl, keys[i].idl);
    }
}

static void
policy_add(struct ctl_context *ctx)
{
    bool may_exist = shash_find(&ctx->options, "--may-exist") != NULL;
    const char *name = ctx->argv[1];
    const struct pprec_policy *row = find_policy(ctx, name);

    if (row && !may_exist) {
        ctl_error(ctx, "there is a policy called %s already: policy-set "
                  "changes it", name);
        return;
    }
    if (strchr(ctx->argv[2], '=')) {
        ctl_error(ctx, "%s: PATCHES are needed behind the name, as in "
                  "policy-add %s npm/st,CVE-2014-3744 %s", ctx->argv[2], name,
                  ctx->argv[2]);
        return;
    }
    if (!row) {
        row = pprec_policy_insert(ctx->txn);
        pprec_policy_set_name(row, name);
    }
    set_key(ctx, row, &keys[0], ctx->argv[2]);
    if (!ctx->error) {
        set_keys(ctx, row, 3);
    }
}

/* The policy that the command is about; NULL: there is none, and that is
 * either an error or none. */
static const struct pprec_policy *
need_policy(struct ctl_context *ctx)
{
    const struct pprec_policy *row = find_policy(ctx, ctx->argv[1]);

    if (!row && !shash_find(&ctx->options, "--if-exists")) {
        ctl_error(ctx, "no policy is called %s", ctx->argv[1]);
    }
    return row;
}

static void
policy_set(struct ctl_context *ctx)
{
    const struct pprec_policy *row = need_policy(ctx);

    if (row) {
        set_keys(ctx, row, 2);
    }
}

static void
policy_del(struct ctl_context *ctx)
{
    const struct pprec_policy *row = need_policy(ctx);

    if (row) {
        pprec_policy_delete(row);
    }
}

static void
pre_host_del(struct ctl_context *ctx)
{
    ovsdb_idl_add_column(ctx->idl, &pprec_host_col_name);
    ovsdb_idl_add_column(ctx->idl, &pprec_server_col_host);
    ovsdb_idl_add_column(ctx->idl, &pprec_patch_col_host);
    ovsdb_idl_add_column(ctx->idl, &pprec_policy_col_status);
    ovsdb_idl_add_column(ctx->idl, &pprec_policy_col_servers);
}

/* Services go with their servers. */
static void
host_del(struct ctl_context *ctx)
{
    const char *name = ctx->argv[1];
    const struct pprec_policy *policy;
    const struct pprec_server *server;
    const struct pprec_patch *patch;
    const struct pprec_host *host;
    bool found = false;

    PPREC_HOST_FOR_EACH_SAFE (host, ctx->idl) {
        if (!strcmp(host->name, name)) {
            pprec_host_delete(host);
            found = true;
        }
    }
    if (!found && !shash_find(&ctx->options, "--if-exists")) {
        ctl_error(ctx, "no host is called %s", name);
        return;
    }
    PPREC_SERVER_FOR_EACH_SAFE (server, ctx->idl) {
        if (!strcmp(server->host, name)) {
            pprec_server_delete(server);
        }
    }
    PPREC_PATCH_FOR_EACH_SAFE (patch, ctx->idl) {
        if (!strcmp(patch->host, name)) {
            pprec_patch_delete(patch);
        }
    }
    PPREC_POLICY_FOR_EACH (policy, ctx->idl) {
        if (smap_get(&policy->status, name)) {
            pprec_policy_update_status_delkey(policy, name);
        }
        pprec_policy_update_servers_delkey(policy, name);
    }
}

const struct pprec_patchpoint *
pp_ctl_get_global(struct ctl_context *ctx)
{
    const struct pprec_patchpoint *global = pprec_patchpoint_first(ctx->idl);

    return global ? global : pprec_patchpoint_insert(ctx->txn);
}

static void
init(struct ctl_context *ctx OVS_UNUSED)
{
    /* Whatever may write makes the row. */
}

char *
pp_ctl_policy_errors(const struct ovsdb_idl *idl)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct pprec_policy *row;

    PPREC_POLICY_FOR_EACH (row, idl) {
        struct smap_node *node;

        if (!sset_contains(&touched, row->name)) {
            continue;
        }
        SMAP_FOR_EACH (node, &row->status) {
            if (!strncmp(node->value, "error: ", 7)) {
                ds_put_format(&ds, "%spolicy %s on host %s: %s",
                              ds.length ? "\n" : "", row->name, node->key,
                              node->value + 7);
            }
        }
    }
    if (!ds.length) {
        ds_destroy(&ds);
        return NULL;
    }
    return ds_steal_cstr(&ds);
}

const struct ctl_command_syntax pp_ctl_change_commands[] = {
    { "init", 0, 0, "", NULL, init, NULL, "", RW },
    { "policy-add", 2, INT_MAX, "NAME PATCHES [KEY=VALUE]...", pre_policy,
      policy_add, NULL, "--may-exist", RW },
    { "policy-set", 2, INT_MAX, "NAME KEY=VALUE...", pre_policy, policy_set,
      NULL, "--if-exists", RW },
    { "policy-del", 1, 1, "NAME", pre_policy, policy_del, NULL,
      "--if-exists", RW },
    { "host-del", 1, 1, "HOST", pre_host_del, host_del, NULL,
      "--if-exists", RW },
    { NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO },
};
