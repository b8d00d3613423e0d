/* SPDX-License-Identifier: Apache-2.0 */

/* Names of addresses: see pp-names.h.
 *
 * In: addresses that are wanted; answers of the DNS, through libunbound, whose
 * thread does the waiting.  Out: names, and a call for each that changes.
 *
 * An entry asks for the PTR records of its address, and then, for one name
 * after the other, whether it has that address.  So many questions are under
 * way at a time; the others wait in a heap by when they are due.
 *
 * Runs in control's main loop.  Owns libunbound's context and the entries. */

#include <config.h>

#include "pp-names.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "hash.h"
#include "heap.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-dns-name.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_names);

/* As many questions are under way at a time. */
#define QUERIES_MAX 32

/* As many names of one address are looked at. */
#define CANDIDATES_MAX 8

/* An answer counts for as long as it says, within these bounds; that there is
 * none, and that nobody answered, for so long.  In seconds. */
#define TTL_MIN 30
#define TTL_MAX 86400
#define TTL_NONE 300
#define TTL_FAILED 60

enum expect {
    EXPECT_TIME,                /* Nothing, until it is due. */
    EXPECT_NAMES,               /* The PTR records. */
    EXPECT_ADDRESSES,           /* A or AAAA records of a candidate. */
};

struct name {
    struct hmap_node hmap_node; /* In 'names', by address. */
    struct heap_node heap_node; /* In 'due', while EXPECT_TIME. */
    struct in6_addr addr;
    size_t wanted;
    enum expect expect;
    int query;                  /* libunbound's number of the question. */
    long long int when;         /* When it is due. */
    char *text;                 /* NULL: none. */
    bool known;                 /* It was asked for, and answered. */

    char *candidates[CANDIDATES_MAX];
    size_t n_candidates, next;  /* The one that is being asked for. */
    int ttl;                    /* The least of the answers so far. */
};

static struct ub_ctx *ctx;
static struct hmap names = HMAP_INITIALIZER(&names);
static struct heap due;
static size_t n_queries;
static pp_names_changed_func *changed;
static void *changed_aux;

static void ask(struct name *);

static struct name *
find(const struct in6_addr *addr)
{
    struct name *name;

    HMAP_FOR_EACH_WITH_HASH (name, hmap_node,
                             hash_bytes(addr, sizeof *addr, 0), &names) {
        if (ipv6_addr_equals(&name->addr, addr)) {
            return name;
        }
    }
    return NULL;
}

/* Has libunbound ask the servers of resolv.conf.  Without a server there it
 * would go to the root of the DNS by itself, which is not its place here. */
static bool
use_resolv_conf(void)
{
    const char *file = getenv("OVS_RESOLV_CONF");
    char line[256], word[16];
    bool any = false;
    FILE *stream;
    int error;

    file = file ? file : "/etc/resolv.conf";
    stream = fopen(file, "r");
    if (!stream) {
        VLOG_INFO("%s: %s: addresses will have no names", file,
                  ovs_strerror(errno));
        return false;
    }
    while (fgets(line, sizeof line, stream)) {
        any |= (sscanf(line, "%15s", word) == 1
                && !strcmp(word, "nameserver"));
    }
    fclose(stream);
    if (!any) {
        VLOG_INFO("%s names no name server: addresses will have no names",
                  file);
        return false;
    }
    error = ub_ctx_resolvconf(ctx, file);
    if (error) {
        VLOG_WARN("%s: %s: addresses will have no names", file,
                  ub_strerror(error));
    }
    return !error;
}

/* By itself, libunbound neither asks a server on this host, which resolv.conf
 * often names, nor anyone for the names of private addresses (RFC 1918), which
 * are what VMs have. */
static void
set_options(void)
{
    static const char *const options[][2] = {
        { "do-not-query-localhost:", "no" },
        { "unblock-lan-zones:", "yes" },
        { "insecure-lan-zones:", "yes" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        int error = ub_ctx_set_option(ctx, options[i][0], options[i][1]);

        if (error) {
            VLOG_WARN("libunbound: %s %s: %s", options[i][0], options[i][1],
                      ub_strerror(error));
        }
    }
}

void
pp_names_init(pp_names_changed_func *func, void *aux)
{
    changed = func;
    changed_aux = aux;
    heap_init(&due);
    ctx = ub_ctx_create();
    if (!ctx) {
        VLOG_WARN("libunbound does not start: addresses will have no names");
        return;
    }
    set_options();
    if (!use_resolv_conf()) {
        ub_ctx_delete(ctx);
        ctx = NULL;
        return;
    }
    ub_ctx_hosts(ctx, NULL);
    ub_ctx_async(ctx, 1);
}

static void
forget_candidates(struct name *name)
{
    for (size_t i = 0; i < name->n_candidates; i++) {
        free(name->candidates[i]);
    }
    name->n_candidates = name->next = 0;
}

/* 'name' is done until 'seconds' from now. */
static void
rest(struct name *name, int seconds)
{
    forget_candidates(name);
    name->expect = EXPECT_TIME;
    name->when = time_msec() + seconds * 1000LL;
    /* A max-heap: what is due first has the greatest priority. */
    heap_insert(&due, &name->heap_node, UINT64_MAX - (uint64_t) name->when);
}

/* 'name' is called 'text', or nothing, for 'seconds'. */
static void
settle(struct name *name, const char *text, int seconds)
{
    if (!name->known || !nullable_string_is_equal(name->text, text)) {
        free(name->text);
        name->text = nullable_xstrdup(text);
        name->known = true;
        rest(name, seconds);
        changed(&name->addr, name->text, changed_aux);
    } else {
        rest(name, seconds);
    }
}

static int
compare_candidates(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Takes the names of a PTR answer, in an order that does not depend on the
 * server's. */
static void
take_names(struct name *name, const struct ub_result *result)
{
    for (size_t i = 0; result->havedata && result->data[i]; i++) {
        char text[PP_DNS_NAME_SIZE];

        if (name->n_candidates < CANDIDATES_MAX && result->len[i] > 0
            && pp_dns_name_read((const uint8_t *) result->data[i],
                                (size_t) result->len[i], text)) {
            name->candidates[name->n_candidates++] = xstrdup(text);
        }
    }
    qsort(name->candidates, name->n_candidates, sizeof name->candidates[0],
          compare_candidates);
    name->ttl = result->ttl;
}

/* Is the address of 'name' among those of an A or AAAA answer? */
static bool
leads_back(const struct name *name, const struct ub_result *result)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(&name->addr);
    const uint8_t *want = &name->addr.s6_addr[v4 ? 12 : 0];
    int n = v4 ? 4 : 16;

    for (size_t i = 0; result->havedata && result->data[i]; i++) {
        if (result->len[i] == n
            && !memcmp(result->data[i], want, (size_t) n)) {
            return true;
        }
    }
    return false;
}

/* An answer to 'name_', called from ub_process(). */
static void
answered(void *name_, int error, struct ub_result *result)
{
    struct name *name = name_;

    n_queries--;
    if (error || (!result->havedata && result->rcode != ns_r_noerror
                  && result->rcode != ns_r_nxdomain)) {
        /* Nobody knows: what was known goes on. */
        VLOG_DBG("%s: %s", result ? result->qname : "?",
                 error ? ub_strerror(error) : "no answer");
        rest(name, TTL_FAILED);
    } else if (name->expect == EXPECT_NAMES) {
        take_names(name, result);
        if (name->n_candidates) {
            name->expect = EXPECT_ADDRESSES;
            ask(name);
        } else {
            settle(name, NULL, TTL_NONE);
        }
    } else if (leads_back(name, result)) {
        char *text = xstrdup(name->candidates[name->next]);

        settle(name, text, MAX(TTL_MIN, MIN(TTL_MAX, MIN(name->ttl,
                                                         result->ttl))));
        free(text);
    } else if (++name->next < name->n_candidates) {
        ask(name);
    } else {
        settle(name, NULL, TTL_NONE);
    }
    ub_resolve_free(result);
}

/* Puts the question that 'name' waits for. */
static void
ask(struct name *name)
{
    char reverse[PP_DNS_REVERSE_SIZE];
    const char *what = reverse;
    int type = ns_t_ptr, error;

    if (name->expect == EXPECT_ADDRESSES) {
        what = name->candidates[name->next];
        type = (IN6_IS_ADDR_V4MAPPED(&name->addr) ? ns_t_a : ns_t_aaaa);
    } else {
        pp_dns_reverse(&name->addr, reverse);
    }
    error = ub_resolve_async(ctx, what, type, ns_c_in, name, answered,
                             &name->query);
    if (error) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&rl, "%s: cannot be asked for: %s", what,
                     ub_strerror(error));
        rest(name, TTL_FAILED);
    } else {
        n_queries++;
    }
}

/* The entry that is due first, or NULL. */
static struct name *
first_due(void)
{
    return (heap_is_empty(&due) ? NULL
            : CONTAINER_OF(heap_max(&due), struct name, heap_node));
}

void
pp_names_run(void)
{
    struct name *name;

    if (!ctx) {
        return;
    }
    if (ub_poll(ctx)) {
        ub_process(ctx);
    }
    while (n_queries < QUERIES_MAX && (name = first_due()) != NULL
           && name->when <= time_msec()) {
        heap_remove(&due, &name->heap_node);
        name->expect = EXPECT_NAMES;
        ask(name);
    }
}

void
pp_names_wait(void)
{
    const struct name *name = ctx ? first_due() : NULL;

    if (n_queries) {
        poll_fd_wait(ub_fd(ctx), POLLIN);
    }
    if (name && n_queries < QUERIES_MAX) {
        poll_timer_wait_until(name->when);
    }
}

void
pp_names_want(const struct in6_addr *addr)
{
    struct name *name = find(addr);

    if (!name) {
        name = xzalloc(sizeof *name);
        name->addr = *addr;
        hmap_insert(&names, &name->hmap_node,
                    hash_bytes(addr, sizeof *addr, 0));
        rest(name, 0);
    }
    name->wanted++;
}

static void
name_destroy(struct name *name)
{
    if (name->expect == EXPECT_TIME) {
        heap_remove(&due, &name->heap_node);
    } else if (ctx) {
        ub_cancel(ctx, name->query);
        n_queries--;
    }
    hmap_remove(&names, &name->hmap_node);
    forget_candidates(name);
    free(name->text);
    free(name);
}

void
pp_names_unwant(const struct in6_addr *addr)
{
    struct name *name = find(addr);

    if (name && !--name->wanted) {
        name_destroy(name);
    }
}

const char *
pp_names_get(const struct in6_addr *addr)
{
    const struct name *name = find(addr);

    return name ? name->text : NULL;
}

bool
pp_names_is_known(const struct in6_addr *addr)
{
    const struct name *name = find(addr);

    return name && name->known;
}

void
pp_names_format(struct ds *ds)
{
    const struct name *name;

    HMAP_FOR_EACH (name, hmap_node, &names) {
        ipv6_format_mapped(&name->addr, ds);
        ds_put_format(ds, " %s%s\n", name->text ? name->text : "-",
                      !ctx ? " (no name server)"
                      : name->expect == EXPECT_TIME ? "" : " (asking)");
    }
}

void
pp_names_abandon(void)
{
    ctx = NULL;
    n_queries = 0;
}

void
pp_names_destroy(void)
{
    struct name *name;

    HMAP_FOR_EACH_SAFE (name, hmap_node, &names) {
        name_destroy(name);
    }
    hmap_destroy(&names);
    heap_destroy(&due);
    if (ctx) {
        ub_ctx_delete(ctx);
        ctx = NULL;
    }
}
