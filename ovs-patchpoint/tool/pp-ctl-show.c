/* SPDX-License-Identifier: Apache-2.0 */

/* Commands of ovs-patchpointctl that show the database; see pp-ctl.h.
 *
 * In: the database.  Out: "show", all at a glance, and lists as tables, which
 * --format prints in every form that Open vSwitch knows. */

#include <config.h>

#include "tool/pp-ctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db-ctl-base.h"
#include "openvswitch/dynamic-string.h"
#include "ovsdb-idl.h"
#include "ovsdb-schema/patchpoint-idl.h"
#include "smap.h"
#include "svec.h"
#include "table.h"
#include "timeval.h"
#include "util.h"

static void
add_columns(struct ovsdb_idl *idl, const struct ovsdb_idl_table_class *table)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        ovsdb_idl_add_column(idl, &table->columns[i]);
    }
}

static void
put_time(struct ds *ds, const int64_t *ms, size_t n)
{
    if (n) {
        char *text = xastrftime_msec("%Y-%m-%d %H:%M:%S", *ms, false);

        ds_put_cstr(ds, text);
        free(text);
    }
}

static void
put_list(struct ds *ds, char *const *values, size_t n, const char *between)
{
    for (size_t i = 0; i < n; i++) {
        ds_put_format(ds, "%s%s", i ? between : "", values[i]);
    }
}

/* A cell with the text in 'ds', which is emptied. */
static void
put_cell(struct table *table, struct ds *ds)
{
    table_add_cell(table)->text = ds_steal_cstr(ds);
    ds_init(ds);
}

static void
put_text(struct table *table, const char *text)
{
    table_add_cell(table)->text = xstrdup(text ? text : "");
}

static struct table *
new_table(struct ctl_context *ctx, const char *const headings[])
{
    struct table *table = ctx->table = xmalloc(sizeof *ctx->table);

    table_init(table);
    for (size_t i = 0; headings[i]; i++) {
        table_add_column(table, "%s", headings[i]);
    }
    return table;
}

/* Orders. */

static int
compare_names(const char *a_host, const char *a_name, const char *b_host,
              const char *b_name)
{
    int cmp = strcmp(a_host, b_host);

    return cmp ? cmp : strcmp(a_name, b_name);
}

static int
compare_servers(const void *a_, const void *b_)
{
    const struct pprec_server *const *a = a_, *const *b = b_;

    return compare_names((*a)->host, (*a)->name, (*b)->host, (*b)->name);
}

static int
compare_patches(const void *a_, const void *b_)
{
    const struct pprec_patch *const *a = a_, *const *b = b_;

    return compare_names((*a)->host, (*a)->id, (*b)->host, (*b)->id);
}

static int
compare_services(const void *a_, const void *b_)
{
    const struct pprec_service *const *a = a_, *const *b = b_;
    int cmp = strcmp((*a)->transport, (*b)->transport);

    return cmp ? cmp : (*a)->port < (*b)->port ? -1 : (*a)->port > (*b)->port;
}

/* Policies that select, as they are tried; then the others. */
static bool
selects(const struct pprec_policy *p)
{
    return (p->n_bridges || p->n_vlans || p->n_iface_ids || p->n_vm_ids
            || p->n_names || p->n_products);
}

static int
compare_policies(const void *a_, const void *b_)
{
    const struct pprec_policy *const *a = a_, *const *b = b_;

    if (selects(*a) != selects(*b)) {
        return selects(*a) ? -1 : 1;
    } else if (selects(*a) && (*a)->priority != (*b)->priority) {
        return (*a)->priority > (*b)->priority ? -1 : 1;
    }
    return strcmp((*a)->name, (*b)->name);
}

/* All servers of 'host', or all (NULL), sorted; to be freed. */
static const struct pprec_server **
get_servers(const struct ovsdb_idl *idl, const char *host, size_t *n)
{
    const struct pprec_server *row, **all = NULL;
    size_t allocated = 0;

    *n = 0;
    PPREC_SERVER_FOR_EACH (row, idl) {
        if (!host || !strcmp(row->host, host)) {
            if (*n >= allocated) {
                all = x2nrealloc(all, &allocated, sizeof *all);
            }
            all[(*n)++] = row;
        }
    }
    if (*n) {
        qsort(all, *n, sizeof *all, compare_servers);
    }
    return all;
}

static const struct pprec_policy **
get_policies(const struct ovsdb_idl *idl, size_t *n)
{
    const struct pprec_policy *row, **all = NULL;
    size_t allocated = 0;

    *n = 0;
    PPREC_POLICY_FOR_EACH (row, idl) {
        if (*n >= allocated) {
            all = x2nrealloc(all, &allocated, sizeof *all);
        }
        all[(*n)++] = row;
    }
    if (*n) {
        qsort(all, *n, sizeof *all, compare_policies);
    }
    return all;
}

static bool
check_host(struct ctl_context *ctx, const char **host)
{
    const struct pprec_host *row;

    *host = ctx->argc > 1 ? ctx->argv[1] : NULL;
    if (!*host) {
        return true;
    }
    PPREC_HOST_FOR_EACH (row, ctx->idl) {
        if (!strcmp(row->name, *host)) {
            return true;
        }
    }
    ctl_error(ctx, "no host is called %s", *host);
    return false;
}

/* What a policy says. */

static void
put_map(struct ds *ds, const struct smap *map, char between, const char *gap)
{
    const struct smap_node **nodes = smap_sort(map);

    for (size_t i = 0; i < smap_count(map); i++) {
        ds_put_format(ds, "%s%s%c%s", i ? gap : "", nodes[i]->key, between,
                      nodes[i]->value);
    }
    free(nodes);
}

static void
put_selector(struct ds *ds, const char *name, char *const *values, size_t n)
{
    if (n) {
        ds_put_format(ds, "%s%s=", ds->length ? " " : "", name);
        put_list(ds, values, n, ",");
    }
}

static void
put_selectors(struct ds *ds, const struct pprec_policy *p)
{
    put_selector(ds, "bridges", p->bridges, p->n_bridges);
    for (size_t i = 0; i < p->n_vlans; i++) {
        ds_put_format(ds, "%s%"PRId64, i ? "," : ds->length ? " vlans="
                      : "vlans=", p->vlans[i]);
    }
    put_selector(ds, "iface_ids", p->iface_ids, p->n_iface_ids);
    put_selector(ds, "vm_ids", p->vm_ids, p->n_vm_ids);
    put_selector(ds, "names", p->names, p->n_names);
    put_selector(ds, "products", p->products, p->n_products);
    put_selector(ds, "hosts", p->hosts, p->n_hosts);
}

/* "ok", or what the hosts say that do not. */
static void
put_policy_status(struct ds *ds, const struct pprec_policy *p)
{
    const struct smap_node **nodes = smap_sort(&p->status);
    bool any = false;

    for (size_t i = 0; i < smap_count(&p->status); i++) {
        if (strcmp(nodes[i]->value, "ok")) {
            ds_put_format(ds, "%s%s: %s", any ? "; " : "", nodes[i]->key,
                          nodes[i]->value);
            any = true;
        }
    }
    if (!any && smap_count(&p->status)) {
        ds_put_cstr(ds, "ok");
    }
    free(nodes);
}

static int64_t
count_servers(const struct pprec_policy *p)
{
    int64_t n = 0;

    for (size_t i = 0; i < p->n_servers; i++) {
        n += p->value_servers[i];
    }
    return n;
}

static void
pre_policy_list(struct ctl_context *ctx)
{
    add_columns(ctx->idl, &pprec_table_policy);
}

static void
policy_list(struct ctl_context *ctx)
{
    static const char *const headings[] = {
        "name", "patches", "mode", "fail", "opaque", "ports", "parameters",
        "priority", "selectors", "servers", "status", NULL,
    };
    struct table *table = new_table(ctx, headings);
    struct ds ds = DS_EMPTY_INITIALIZER;
    size_t n;
    const struct pprec_policy **all = get_policies(ctx->idl, &n);

    for (size_t i = 0; i < n; i++) {
        const struct pprec_policy *p = all[i];

        table_add_row(table);
        put_text(table, p->name);
        put_list(&ds, p->patches, p->n_patches, ",");
        put_cell(table, &ds);
        put_text(table, p->mode);
        put_text(table, p->fail);
        put_text(table, p->opaque);
        put_map(&ds, &p->ports, ':', " ");
        put_cell(table, &ds);
        put_map(&ds, &p->parameters, '=', " ");
        put_cell(table, &ds);
        ds_put_format(&ds, "%"PRId64, p->priority);
        put_cell(table, &ds);
        put_selectors(&ds, p);
        put_cell(table, &ds);
        ds_put_format(&ds, "%"PRId64, count_servers(p));
        put_cell(table, &ds);
        put_policy_status(&ds, p);
        put_cell(table, &ds);
    }
    free(all);
    ds_destroy(&ds);
}

/* Servers. */

static int64_t
count_hits(const struct pprec_server *s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s->n_hits; i++) {
        n += s->value_hits[i];
    }
    return n;
}

static void
put_service(struct ds *ds, const struct pprec_service *s)
{
    ds_put_format(ds, "%s/%"PRId64, s->transport, s->port);
    if (s->protocol) {
        ds_put_format(ds, " %s", s->protocol);
    }
    if (s->product) {
        ds_put_format(ds, " %s", s->product);
    }
    if (s->version) {
        ds_put_format(ds, " %s", s->version);
    }
}

/* The server's services, sorted; to be freed. */
static struct pprec_service **
get_services(const struct pprec_server *s)
{
    struct pprec_service **all = xmalloc(MAX(1, s->n_services) * sizeof *all);

    if (s->n_services) {
        memcpy(all, s->services, s->n_services * sizeof *all);
        qsort(all, s->n_services, sizeof *all, compare_services);
    }
    return all;
}

static void
pre_server_list(struct ctl_context *ctx)
{
    add_columns(ctx->idl, &pprec_table_server);
    add_columns(ctx->idl, &pprec_table_service);
    ovsdb_idl_add_column(ctx->idl, &pprec_host_col_name);
}

static void
server_list(struct ctl_context *ctx)
{
    static const char *const headings[] = {
        "host", "name", "kind", "bridge", "vlan", "mac", "addresses", "names",
        "status", "policy", "from", "mode", "fail", "opaque", "patches",
        "services", "hits", "last_hit", NULL,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct pprec_server **all;
    struct table *table;
    const char *host;
    size_t n;

    if (!check_host(ctx, &host)) {
        return;
    }
    table = new_table(ctx, headings);
    all = get_servers(ctx->idl, host, &n);
    for (size_t i = 0; i < n; i++) {
        const struct pprec_server *s = all[i];
        struct pprec_service **services = get_services(s);

        table_add_row(table);
        put_text(table, s->host);
        put_text(table, s->name);
        put_text(table, s->kind);
        put_text(table, s->bridge);
        if (s->n_vlan) {
            ds_put_format(&ds, "%"PRId64, s->vlan[0]);
        }
        put_cell(table, &ds);
        put_text(table, s->mac);
        put_list(&ds, s->addresses, s->n_addresses, ",");
        put_cell(table, &ds);
        put_list(&ds, s->names, s->n_names, ",");
        put_cell(table, &ds);
        put_text(table, s->status);
        put_text(table, s->policy);
        put_text(table, s->policy_from);
        put_text(table, s->mode);
        put_text(table, s->fail);
        put_text(table, s->opaque);
        ds_put_format(&ds, "%"PRId64, s->n_patches);
        put_cell(table, &ds);
        for (size_t j = 0; j < s->n_services; j++) {
            ds_put_cstr(&ds, j ? "; " : "");
            put_service(&ds, services[j]);
        }
        put_cell(table, &ds);
        ds_put_format(&ds, "%"PRId64, count_hits(s));
        put_cell(table, &ds);
        put_time(&ds, s->last_hit, s->n_last_hit);
        put_cell(table, &ds);
        free(services);
    }
    free(all);
    ds_destroy(&ds);
}

static bool
is_called(const struct pprec_server *s, const char *name)
{
    return (!strcmp(s->name, name)
            || (s->iface_id && !strcmp(s->iface_id, name))
            || (s->vm_id && !strcmp(s->vm_id, name))
            || (s->mac && !strcmp(s->mac, name)));
}

static void
service_list(struct ctl_context *ctx)
{
    static const char *const headings[] = {
        "host", "server", "port", "protocol", "product", "version",
        "first_seen", "last_seen", "patches", NULL,
    };
    struct table *table = new_table(ctx, headings);
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool found = ctx->argc < 2;
    size_t n;
    const struct pprec_server **all = get_servers(ctx->idl, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        const struct pprec_server *s = all[i];
        struct pprec_service **services;

        if (ctx->argc > 1 && !is_called(s, ctx->argv[1])) {
            continue;
        }
        found = true;
        services = get_services(s);
        for (size_t j = 0; j < s->n_services; j++) {
            const struct pprec_service *v = services[j];

            table_add_row(table);
            put_text(table, s->host);
            put_text(table, s->name);
            ds_put_format(&ds, "%s/%"PRId64, v->transport, v->port);
            put_cell(table, &ds);
            put_text(table, v->protocol);
            put_text(table, v->product);
            put_text(table, v->version);
            put_time(&ds, v->first_seen, v->n_first_seen);
            put_cell(table, &ds);
            put_time(&ds, v->last_seen, v->n_last_seen);
            put_cell(table, &ds);
            put_list(&ds, v->patches, v->n_patches, ",");
            put_cell(table, &ds);
        }
        free(services);
    }
    free(all);
    ds_destroy(&ds);
    if (!found) {
        ctl_error(ctx, "no server has the name, iface-id, vm-id or MAC "
                  "address %s", ctx->argv[1]);
    }
}

static void
pre_patch_list(struct ctl_context *ctx)
{
    add_columns(ctx->idl, &pprec_table_patch);
    ovsdb_idl_add_column(ctx->idl, &pprec_host_col_name);
}

static void
patch_list(struct ctl_context *ctx)
{
    static const char *const headings[] = {
        "host", "id", "status", "severity", "proxy", "affects", "hits",
        "last_hit", "title", "error", NULL,
    };
    const struct pprec_patch *row, **all = NULL;
    struct ds ds = DS_EMPTY_INITIALIZER;
    size_t n = 0, allocated = 0;
    struct table *table;
    const char *host;

    if (!check_host(ctx, &host)) {
        return;
    }
    PPREC_PATCH_FOR_EACH (row, ctx->idl) {
        if (!host || !strcmp(row->host, host)) {
            if (n >= allocated) {
                all = x2nrealloc(all, &allocated, sizeof *all);
            }
            all[n++] = row;
        }
    }
    if (n) {
        qsort(all, n, sizeof *all, compare_patches);
    }
    table = new_table(ctx, headings);
    for (size_t i = 0; i < n; i++) {
        row = all[i];
        table_add_row(table);
        put_text(table, row->host);
        put_text(table, row->id);
        put_text(table, row->status);
        if (row->n_severity) {
            ds_put_format(&ds, "%.1f", row->severity[0]);
        }
        put_cell(table, &ds);
        put_text(table, row->proxy);
        put_list(&ds, row->affects, row->n_affects, "; ");
        put_cell(table, &ds);
        ds_put_format(&ds, "%"PRId64, row->hits);
        put_cell(table, &ds);
        put_time(&ds, row->last_hit, row->n_last_hit);
        put_cell(table, &ds);
        put_text(table, row->title);
        put_text(table, row->error);
    }
    free(all);
    ds_destroy(&ds);
}

/* All at a glance. */

static void
show_server(struct ds *ds, const struct pprec_server *s)
{
    struct pprec_service **services = get_services(s);

    ds_put_format(ds, "    Server %s\n        status: %s%s%s\n", s->name,
                  s->status, s->status_reason ? ": " : "",
                  s->status_reason ? s->status_reason : "");
    if (s->policy) {
        ds_put_format(ds, "        policy: %s (%s)", s->policy,
                      s->policy_from ? s->policy_from : "");
        if (s->mode) {
            ds_put_format(ds, ", %"PRId64" patch%s, %s, fail %s",
                          s->n_patches, s->n_patches == 1 ? "" : "es",
                          s->mode, s->fail ? s->fail : "open");
            if (s->opaque && !strcmp(s->opaque, "refuse")) {
                ds_put_cstr(ds, ", opaque refused");
            }
        }
        ds_put_char(ds, '\n');
    }
    ds_put_format(ds, "        bridge: %s", s->bridge);
    if (s->n_vlan) {
        ds_put_format(ds, ", VLAN %"PRId64, s->vlan[0]);
    }
    if (!strcmp(s->kind, "vtep")) {
        ds_put_cstr(ds, ", behind a VTEP");
    }
    ds_put_char(ds, '\n');
    if (s->mac || s->n_addresses) {
        ds_put_format(ds, "        addresses: %s%s", s->mac ? s->mac : "",
                      s->mac && s->n_addresses ? ", " : "");
        put_list(ds, s->addresses, s->n_addresses, ", ");
        ds_put_char(ds, '\n');
    }
    if (s->n_names) {
        ds_put_cstr(ds, "        names: ");
        put_list(ds, s->names, s->n_names, ", ");
        ds_put_char(ds, '\n');
    }
    if (s->vm_id) {
        ds_put_format(ds, "        vm-id: %s\n", s->vm_id);
    }
    if (s->iface_id) {
        ds_put_format(ds, "        iface-id: %s\n", s->iface_id);
    }
    for (size_t i = 0; i < s->n_services; i++) {
        ds_put_cstr(ds, "        Service ");
        put_service(ds, services[i]);
        if (services[i]->n_patches) {
            ds_put_cstr(ds, ": ");
            put_list(ds, services[i]->patches, services[i]->n_patches, ", ");
        }
        ds_put_char(ds, '\n');
    }
    if (s->n_hits) {
        ds_put_cstr(ds, "        hits: ");
        for (size_t i = 0; i < s->n_hits; i++) {
            ds_put_format(ds, "%s%s=%"PRId64, i ? ", " : "", s->key_hits[i],
                          s->value_hits[i]);
        }
        if (s->n_last_hit) {
            ds_put_cstr(ds, ", last ");
            put_time(ds, s->last_hit, s->n_last_hit);
        }
        ds_put_char(ds, '\n');
    }
    free(services);
}

static void
show_host(struct ctl_context *ctx, const char *name)
{
    const struct pprec_server **servers;
    const struct pprec_host *h, *host = NULL;
    struct ds *ds = &ctx->output;
    size_t n;

    PPREC_HOST_FOR_EACH (h, ctx->idl) {
        host = !strcmp(h->name, name) ? h : host;
    }
    ds_put_format(ds, "Host %s\n", name);
    if (host) {
        ds_put_format(ds, "    status: %s, engine %s", host->status,
                      host->engine);
        if (host->n_last_seen) {
            ds_put_cstr(ds, ", last seen ");
            put_time(ds, host->last_seen, host->n_last_seen);
        }
        ds_put_char(ds, '\n');
        if (host->problem) {
            ds_put_format(ds, "    problem: %s\n", host->problem);
        }
        ds_put_format(ds, "    patches: %"PRId64"\n", host->n_patches);
    }
    servers = get_servers(ctx->idl, name, &n);
    for (size_t i = 0; i < n; i++) {
        show_server(ds, servers[i]);
    }
    free(servers);
}

static void
show_policy(struct ds *ds, const struct pprec_policy *p)
{
    struct ds text = DS_EMPTY_INITIALIZER;

    ds_put_format(ds, "Policy %s\n    patches: ", p->name);
    put_list(ds, p->patches, p->n_patches, ", ");
    ds_put_char(ds, '\n');
    if (p->mode) {
        ds_put_format(ds, "    mode: %s\n", p->mode);
    }
    if (p->fail) {
        ds_put_format(ds, "    fail: %s\n", p->fail);
    }
    if (p->opaque) {
        ds_put_format(ds, "    opaque: %s\n", p->opaque);
    }
    if (smap_count(&p->ports)) {
        ds_put_cstr(ds, "    ports: ");
        put_map(ds, &p->ports, ':', " ");
        ds_put_char(ds, '\n');
    }
    if (smap_count(&p->parameters)) {
        ds_put_cstr(ds, "    parameters: ");
        put_map(ds, &p->parameters, '=', " ");
        ds_put_char(ds, '\n');
    }
    put_selectors(&text, p);
    if (text.length) {
        ds_put_format(ds, "    selects: %s, priority %"PRId64"\n",
                      ds_cstr(&text), p->priority);
    }
    ds_clear(&text);
    put_policy_status(&text, p);
    ds_put_format(ds, "    status: %s\n    servers: %"PRId64"\n",
                  text.length ? ds_cstr(&text) : "no host has seen it yet",
                  count_servers(p));
    ds_destroy(&text);
}

static void
pre_show(struct ctl_context *ctx)
{
    add_columns(ctx->idl, &pprec_table_host);
    add_columns(ctx->idl, &pprec_table_server);
    add_columns(ctx->idl, &pprec_table_service);
    add_columns(ctx->idl, &pprec_table_policy);
}

static void
show(struct ctl_context *ctx)
{
    struct svec hosts = SVEC_EMPTY_INITIALIZER;
    const struct pprec_policy **policies;
    const struct pprec_server *server;
    const struct pprec_host *host;
    const char *only;
    size_t n;

    if (!check_host(ctx, &only)) {
        return;
    }
    PPREC_HOST_FOR_EACH (host, ctx->idl) {
        svec_add(&hosts, host->name);
    }
    PPREC_SERVER_FOR_EACH (server, ctx->idl) {
        svec_add(&hosts, server->host);
    }
    svec_sort_unique(&hosts);
    for (size_t i = 0; i < hosts.n; i++) {
        if (!only || !strcmp(only, hosts.names[i])) {
            show_host(ctx, hosts.names[i]);
        }
    }
    svec_destroy(&hosts);

    policies = get_policies(ctx->idl, &n);
    for (size_t i = 0; i < n; i++) {
        show_policy(&ctx->output, policies[i]);
    }
    free(policies);
}

const struct ctl_command_syntax pp_ctl_show_commands[] = {
    { "show", 0, 1, "[HOST]", pre_show, show, NULL, "", RO },
    { "policy-list", 0, 0, "", pre_policy_list, policy_list, NULL, "", RO },
    { "server-list", 0, 1, "[HOST]", pre_server_list, server_list, NULL, "",
      RO },
    { "service-list", 0, 1, "[SERVER]", pre_server_list, service_list, NULL,
      "", RO },
    { "patch-list", 0, 1, "[HOST]", pre_patch_list, patch_list, NULL, "",
      RO },
    { NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO },
};
