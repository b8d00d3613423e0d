/* SPDX-License-Identifier: Apache-2.0 */

/* Policy: what the keys of external_ids come to.
 *
 * In: keys, as text; the pool of patches, the table of proxies.  Out: an
 * answer to them, with a struct pp_policy shared by all who have the same
 * wishes, or words on what is wrong.  Which interface has which is
 * pp-policy-iface.c's.
 *
 * Runs in control's main loop.  Owns the answers and the policies. */

#include <config.h>

#include "pp-policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "coverage.h"
#include "hash.h"
#include "packets.h"
#include "patch/pp-param.h"
#include "patch/pp-pool.h"
#include "pp-control.h"
#include "pp-named.h"
#include "pp-services.h"
#include "registry.h"
#include "smap.h"
#include "util.h"
#include "uuid.h"

COVERAGE_DEFINE(policy_resolve);

static struct hmap policies = HMAP_INITIALIZER(&policies);
static struct hmap answers = HMAP_INITIALIZER(&answers);
static struct hmap redirects = HMAP_INITIALIZER(&redirects);
static struct pp_redirect *by_number[UINT16_MAX + 1];
static uint16_t last_number;

static void
free_service_patches(struct pp_service services[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(services[i].patches);
    }
}

struct pp_redirect *
pp_redirect_ref(struct pp_redirect *r)
{
    r->n_refs++;
    return r;
}

void
pp_redirect_unref(struct pp_redirect *r)
{
    if (!--r->n_refs) {
        hmap_remove(&redirects, &r->hmap_node);
        by_number[r->number] = NULL;
        free(r->key);
        free(r->ports);
        free(r);
    }
}

const struct pp_policy *
pp_policy_ref(const struct pp_policy *policy)
{
    if (policy) {
        CONST_CAST(struct pp_policy *, policy)->n_refs++;
    }
    return policy;
}

void
pp_policy_unref(const struct pp_policy *policy_)
{
    struct pp_policy *policy = CONST_CAST(struct pp_policy *, policy_);

    if (policy && !--policy->n_refs) {
        if (!policy->stale) {
            hmap_remove(&policies, &policy->hmap_node);
        }
        pp_redirect_unref(policy->redirect);
        free(policy->key);
        free(policy->patches);
        free_service_patches(policy->services, policy->n_services);
        free(policy->services);
        free(policy->params);
        free(policy);
    }
}

/* The one after the last, so that a number is not soon another policy's. */
static uint16_t
unused_number(void)
{
    for (uint32_t i = 0; i < UINT16_MAX; i++) {
        last_number = (uint16_t) (last_number % UINT16_MAX + 1);
        if (!by_number[last_number]) {
            return last_number;
        }
    }
    return 0;
}

struct pp_key_value
pp_policy_lookup(const struct pp_source sources[], size_t n,
                 const char *key)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = smap_get(sources[i].keys, key);

        if (value) {
            return (struct pp_key_value) { value, sources[i].where };
        }
    }
    return (struct pp_key_value) { NULL, NULL };
}

/* The column of Policy that says what 'key' says in external_ids. */
static const char *
column_of(const char *key)
{
    return (!strcmp(key, PP_KEY_POLICY) ? "patches"
            : key + strlen("patchpoint-"));
}

static char * OVS_PRINTF_FORMAT(3, 4)
key_error(const char *key, const struct pp_key_value *kv, const char *format,
          ...)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    va_list args;

    if (!strncmp(kv->where, "Policy ", 7)) {
        ds_put_format(&ds, "%s=%s in %s: ", column_of(key), kv->value,
                      kv->where);
    } else {
        ds_put_format(&ds, "%s=%s in external_ids of %s: ", key, kv->value,
                      kv->where);
    }
    va_start(args, format);
    ds_put_format_valist(&ds, format, args);
    va_end(args);
    return ds_steal_cstr(&ds);
}

/* A key whose value is one of a few words. */
struct choice {
    const char *key;
    const char *words[3];       /* By the value that they mean. */
    int usual;                  /* That of no word. */
    const char *all;            /* For people. */
};

static const struct choice modes = {
    PP_KEY_MODE,
    { [PP_MODE_OFF] = "off", [PP_MODE_MONITOR] = "monitor",
      [PP_MODE_ENFORCE] = "enforce" },
    PP_MODE_ENFORCE, "enforce, monitor and off"
};

static const struct choice fails = {
    PP_KEY_FAIL,
    { [PP_FAIL_OPEN] = "open", [PP_FAIL_CLOSED] = "closed" },
    PP_FAIL_OPEN, "open and closed"
};

static const struct choice opaques = {
    PP_KEY_OPAQUE,
    { [PP_OPAQUE_PASS] = "pass", [PP_OPAQUE_REFUSE] = "refuse" },
    PP_OPAQUE_PASS, "pass and refuse"
};

const char *
pp_policy_mode_word(enum pp_patch_mode mode)
{
    return modes.words[mode];
}

const char *
pp_policy_fail_word(enum pp_fail fail)
{
    return fails.words[fail];
}

const char *
pp_policy_opaque_word(enum pp_opaque opaque)
{
    return opaques.words[opaque];
}

/* Sets '*value' to what 'kv' says. */
static char *
parse_choice(const struct choice *c, const struct pp_key_value *kv, int *value)
{
    *value = c->usual;
    if (!kv->value) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(c->words) && c->words[i]; i++) {
        if (!strcmp(kv->value, c->words[i])) {
            *value = (int) i;
            return NULL;
        }
    }
    return key_error(c->key, kv, "not one of %s", c->all);
}

/* The ports that patchpoint-ports names, "http:80,8080 dns:53", as a service
 * each; of proxies without a word in it, nothing.  Bit N of '*named' is set
 * for each proxy that is named. */
static char *
parse_ports(const struct pp_key_value *kv, struct pp_service services[],
            size_t *n, uint64_t *named)
{
    char *copy, *word, *save = NULL, *error = NULL;

    *n = 0;
    *named = 0;
    if (!kv->value) {
        return NULL;
    }
    copy = xstrdup(kv->value);
    for (word = strtok_r(copy, " \t;", &save); word && !error;
         word = strtok_r(NULL, " \t;", &save)) {
        char *colon = strchr(word, ':'), *p = colon ? colon + 1 : NULL;
        size_t proxy;

        if (colon) {
            *colon = '\0';
        }
        for (proxy = 0; pp_proxies[proxy]; proxy++) {
            if (!strcmp(pp_proxies[proxy]->name, word)) {
                break;
            }
        }
        if (!colon || !*p) {
            error = key_error(PP_KEY_PORTS, kv, "\"%s\" is not of the form "
                              "PROXY:PORT[,PORT...]", word);
            break;
        } else if (!pp_proxies[proxy]) {
            error = key_error(PP_KEY_PORTS, kv,
                              "there is no proxy called \"%s\"", word);
            break;
        }
        *named |= UINT64_C(1) << proxy;
        while (*p) {
            char *end;
            unsigned long port;

            errno = 0;
            port = strtoul(p, &end, 10);
            if (!isdigit((unsigned char) *p) || errno || !port
                || port > 65535 || (*end && *end != ',')) {
                error = key_error(PP_KEY_PORTS, kv, "\"%s\" is not a list of "
                                  "ports from 1 to 65535", p);
                break;
            } else if (*n >= PP_SERVICES_MAX) {
                error = key_error(PP_KEY_PORTS, kv, "more than %d ports",
                                  PP_SERVICES_MAX);
                break;
            }
            services[(*n)++] = (struct pp_service) {
                .port = (uint16_t) port,
                .proxy = (uint8_t) proxy,
                .transport = pp_proxies[proxy]->transport,
            };
            p = *end ? end + 1 : end;
        }
    }
    free(copy);
    return error;
}

static int
compare_services(const void *a_, const void *b_)
{
    const struct pp_service *a = a_, *b = b_;

    return (a->transport != b->transport ? (int) a->transport - b->transport
            : a->port != b->port ? (int) a->port - b->port
            : (int) a->proxy - b->proxy);
}

/* Sorts; takes out doubles.  Two proxies on one port are an error. */
static char *
tidy_services(struct pp_service s[], size_t *n)
{
    size_t kept = 0;

    qsort(s, *n, sizeof *s, compare_services);
    for (size_t i = 0; i < *n; i++) {
        if (kept && s[kept - 1].port == s[i].port
            && s[kept - 1].transport == s[i].transport) {
            if (s[kept - 1].proxy != s[i].proxy) {
                const char *one = pp_proxies[s[kept - 1].proxy]->name;
                const char *other = pp_proxies[s[i].proxy]->name;

                return xasprintf("port %u is asked for by the proxies %s and "
                                 "%s: say with %s which of them it is",
                                 s[i].port, one, other, PP_KEY_PORTS);
            }
            continue;
        }
        s[kept++] = s[i];
    }
    *n = kept;
    return NULL;
}

/* Which proxies do the patches of 'bitmap' belong to? */
static uint64_t
proxies_of(const struct pp_control *ctl, const uint64_t *bitmap, size_t *n)
{
    uint64_t proxies = 0;

    *n = 0;
    for (size_t i = 0; i < ctl->pool->n; i++) {
        if (pp_bitmap_get(bitmap, i)) {
            uint32_t p = pp_program_patch(ctl->program, (uint32_t) i)->proxy;
            const struct pp_program_proxy *pp
                = pp_program_at(ctl->program, ctl->program->proxies);
            struct pp_bytes name = pp_program_text(ctl->program,
                                                   pp[p].name.off, 0);

            (*n)++;
            for (size_t j = 0; pp_proxies[j]; j++) {
                if (!strcmp(pp_proxies[j]->name, (const char *) name.p)) {
                    proxies |= UINT64_C(1) << j;
                }
            }
        }
    }
    return proxies;
}

/* Finds what a policy like 'like' has the switch do, or makes it, and takes a
 * reference; NULL: there are too many. */
static struct pp_redirect *
redirect_intern(const struct pp_policy *like)
{
    struct ds key = DS_EMPTY_INITIALIZER;
    struct pp_redirect *r;
    uint16_t number;
    uint32_t hash;

    ds_put_format(&key, "%d", like->fail);
    for (size_t i = 0; i < like->n_services; i++) {
        ds_put_format(&key, " %u/%u", like->services[i].transport,
                      like->services[i].port);
    }
    hash = hash_string(ds_cstr(&key), 0);
    HMAP_FOR_EACH_WITH_HASH (r, hmap_node, hash, &redirects) {
        if (!strcmp(r->key, ds_cstr(&key))) {
            ds_destroy(&key);
            return pp_redirect_ref(r);
        }
    }
    number = unused_number();
    if (!number) {
        ds_destroy(&key);
        return NULL;
    }
    r = xzalloc(sizeof *r);
    r->key = ds_steal_cstr(&key);
    r->n_refs = 1;
    r->number = number;
    by_number[number] = r;
    r->fail = like->fail;
    r->n_ports = like->n_services;
    r->ports = xcalloc(MAX(1, r->n_ports), sizeof *r->ports);
    for (size_t i = 0; i < r->n_ports; i++) {
        r->ports[i].port = like->services[i].port;
        r->ports[i].transport = like->services[i].transport;
    }
    hmap_insert(&redirects, &r->hmap_node, hash);
    return r;
}

/* Finds the policy that is like 'like', whose 'patches', 'services' and
 * 'params' it copies, or makes it, and takes a reference; NULL: there are too
 * many. */
static struct pp_policy *
policy_intern(const struct pp_control *ctl, const struct pp_policy *like)
{
    size_t words = pp_pool_bitmap_words(ctl->pool);
    struct ds key = DS_EMPTY_INITIALIZER;
    struct pp_redirect *redirect;
    struct pp_policy *policy;
    uint32_t hash;

    ds_put_format(&key, "%d %d %d", like->mode, like->fail, like->opaque);
    for (size_t i = 0; i < like->n_services; i++) {
        const struct pp_service *s = &like->services[i];

        ds_put_format(&key, " %u/%u/%u%s", s->transport, s->port, s->proxy,
                      s->guessed ? "?" : "");
        if (s->patches) {
            ds_put_hex(&key, s->patches, words * sizeof *s->patches);
        }
    }
    ds_put_char(&key, ' ');
    ds_put_hex(&key, like->patches, words * sizeof *like->patches);
    for (size_t i = 0; i < like->n_params; i++) {
        const struct pp_param_choice *c = &like->params[i];

        ds_put_format(&key, " %"PRIu32".%"PRIu32"=%"PRId64":", c->patch,
                      c->param, c->value.i);
        ds_put_hex(&key, c->value.bytes, sizeof c->value.bytes);
    }

    hash = hash_string(ds_cstr(&key), 0);
    HMAP_FOR_EACH_WITH_HASH (policy, hmap_node, hash, &policies) {
        if (!strcmp(policy->key, ds_cstr(&key))) {
            ds_destroy(&key);
            policy->n_refs++;
            return policy;
        }
    }
    redirect = redirect_intern(like);
    if (!redirect) {
        ds_destroy(&key);
        return NULL;
    }
    policy = xmemdup(like, sizeof *like);
    policy->key = ds_steal_cstr(&key);
    policy->n_refs = 1;
    policy->redirect = redirect;
    policy->patches = xmemdup(like->patches, words * sizeof *like->patches);
    policy->services = xmemdup(like->services, MAX(1, like->n_services)
                               * sizeof *like->services);
    for (size_t i = 0; i < policy->n_services; i++) {
        struct pp_service *s = &policy->services[i];

        if (s->patches) {
            s->patches = xmemdup(s->patches, words * sizeof *s->patches);
        }
    }
    policy->params = xmemdup(like->params, MAX(1, like->n_params)
                             * sizeof *like->params);
    hmap_insert(&policies, &policy->hmap_node, hash);
    return policy;
}

/* Reads patchpoint-parameters into 'like'; those of patches that it has not
 * are left out, so that it is equal to one that does not name them. */
static char *
parse_parameters(const struct pp_control *ctl, const struct pp_key_value *kv,
                 struct pp_policy *like)
{
    char *why, *error = NULL;
    size_t n, kept = 0;

    like->params = pp_params_parse(ctl->pool, kv->value ? kv->value : "", &n,
                                   &why);
    if (!like->params) {
        error = key_error(PP_KEY_PARAMETERS, kv, "%s", why);
        free(why);
        return error;
    }
    for (size_t i = 0; i < n; i++) {
        if (pp_bitmap_get(like->patches, like->params[i].patch)) {
            like->params[kept++] = like->params[i];
        }
    }
    like->n_params = kept;
    return NULL;
}

/* Adds to 'like' what the services of 'server' call for.  Each service then
 * has its own patches: those that are asked for in any case, and its own. */
static void
add_discovered(const struct pp_control *ctl, uint32_t server,
               const struct pp_service *ports, size_t n_ports, uint64_t named,
               struct pp_policy *like)
{
    size_t words = pp_pool_bitmap_words(ctl->pool);
    uint64_t *always = xmemdup(like->patches, words * sizeof *always);

    for (size_t i = 0; i < like->n_services; i++) {
        like->services[i].patches = xcalloc(words, sizeof *always);
    }
    pp_services_select(ctl, server, ports, n_ports, named, like->services,
                       &like->n_services, PP_SERVICES_MAX);
    for (size_t i = 0; i < like->n_services; i++) {
        for (size_t j = 0; j < words; j++) {
            like->patches[j] |= like->services[i].patches[j];
            like->services[i].patches[j] |= always[j];
        }
    }
    free(always);
}

/* Works 'w' of 'server' out.  Returns NULL, with '*policyp' the policy, and a
 * reference to it, or NULL and '*why_not' saying why there is none; or what is
 * wrong. */
static char *
resolve(const struct pp_control *ctl, const struct pp_wishes *w,
        uint32_t server, struct pp_policy **policyp, const char **why_not,
        bool *is_auto)
{
    struct pp_service services[PP_SERVICES_MAX + 64];
    struct pp_service ports[PP_SERVICES_MAX];
    struct pp_policy like = { .services = services };
    uint64_t named, proxies;
    char *error, *why = NULL;
    int mode, fail, opaque;
    size_t n_ports;

    COVERAGE_INC(policy_resolve);
    *policyp = NULL;
    *why_not = NULL;
    *is_auto = false;
    if ((error = parse_choice(&modes, &w->mode, &mode))
        || (error = parse_choice(&fails, &w->fail, &fail))
        || (error = parse_choice(&opaques, &w->opaque, &opaque))
        || (error = parse_ports(&w->ports, services, &like.n_services,
                                &named))) {
        return error;
    }
    like.mode = (enum pp_patch_mode) mode;
    like.fail = (enum pp_fail) fail;
    like.opaque = (enum pp_opaque) opaque;

    like.patches = xcalloc(pp_pool_bitmap_words(ctl->pool),
                           sizeof *like.patches);
    if (!pp_pool_select(ctl->pool, w->words, like.patches, is_auto,
                        &why)) {
        error = key_error(PP_KEY_POLICY, &w->policy, "%s", why);
        free(why);
        goto out;
    }
    n_ports = like.n_services;
    memcpy(ports, services, n_ports * sizeof *ports);
    proxies = proxies_of(ctl, like.patches, &like.n_patches);

    /* A patch without a port for its proxy is of no use, nor is a port
     * without a patch. */
    for (size_t i = 0; i < like.n_services; ) {
        if (proxies & UINT64_C(1) << services[i].proxy) {
            i++;
        } else {
            services[i] = services[--like.n_services];
        }
    }
    for (size_t i = 0; i < pp_proxies_count(); i++) {
        const uint16_t *port = pp_proxies[i]->ports;

        if (!(proxies & ~named & UINT64_C(1) << i)) {
            continue;
        }
        for (; *port && like.n_services < ARRAY_SIZE(services); port++) {
            services[like.n_services++] = (struct pp_service) {
                .port = *port,
                .proxy = (uint8_t) i,
                .transport = pp_proxies[i]->transport,
            };
        }
    }
    error = tidy_services(services, &like.n_services);
    if (error) {
        goto out;
    }
    if (*is_auto) {
        add_discovered(ctl, server, ports, n_ports, named, &like);
        proxies_of(ctl, like.patches, &like.n_patches);
    }
    error = parse_parameters(ctl, &w->parameters, &like);
    if (error) {
        goto out;
    }

    if (like.mode == PP_MODE_OFF) {
        *why_not = PP_KEY_MODE " is off";
    } else if (!like.n_patches && !*is_auto) {
        *why_not = (ctl->pool->n ? PP_KEY_POLICY " asks for no patches"
                    : "no patches are loaded");
    } else if (!like.n_services && !*is_auto) {
        *why_not = PP_KEY_PORTS " leaves no port to protect";
    } else {
        *policyp = policy_intern(ctl, &like);
        if (!*policyp) {
            error = xstrdup("more than 65535 different sets of ports");
        }
    }

out:
    free_service_patches(services, like.n_services);
    free(like.patches);
    free(like.params);
    return error;
}

/* Those words of 'policy' that still mean something. */
static char *
known_words(const struct pp_control *ctl, const char *policy)
{
    uint64_t *bitmap = xcalloc(pp_pool_bitmap_words(ctl->pool),
                               sizeof *bitmap);
    struct ds known = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(policy), *word, *save = NULL;

    for (word = strtok_r(copy, ", \t\r\n", &save); word;
         word = strtok_r(NULL, ", \t\r\n", &save)) {
        if (pp_pool_select_word(ctl->pool, word, bitmap)) {
            ds_put_format(&known, "%s ", word);
        }
    }
    free(bitmap);
    free(copy);
    return ds_steal_cstr(&known);
}

/* The same for 'parameters', which may be NULL. */
static char *
known_parameters(const struct pp_control *ctl, const char *parameters)
{
    struct ds known = DS_EMPTY_INITIALIZER;
    char *copy = xstrdup(parameters ? parameters : ""), *word, *save = NULL;

    for (word = strtok_r(copy, ",; \t\r\n", &save); word;
         word = strtok_r(NULL, ",; \t\r\n", &save)) {
        char *error;
        size_t n;

        free(pp_params_parse(ctl->pool, word, &n, &error));
        if (!error) {
            ds_put_format(&known, "%s ", word);
        }
        free(error);
    }
    free(copy);
    return ds_steal_cstr(&known);
}

static void
put_wish(struct ds *ds, const char *value)
{
    if (value) {
        ds_put_format(ds, "%"PRIuSIZE":%s", strlen(value), value);
    } else {
        ds_put_char(ds, '-');
    }
}

char *
pp_policy_keys(const struct smap *ids)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    put_wish(&ds, smap_get(ids, PP_KEY_POLICY));
    put_wish(&ds, smap_get(ids, PP_KEY_MODE));
    put_wish(&ds, smap_get(ids, PP_KEY_FAIL));
    put_wish(&ds, smap_get(ids, PP_KEY_OPAQUE));
    put_wish(&ds, smap_get(ids, PP_KEY_PORTS));
    put_wish(&ds, smap_get(ids, PP_KEY_PARAMETERS));
    return ds_steal_cstr(&ds);
}

struct pp_answer *
pp_answer_ref(struct pp_answer *a)
{
    if (a) {
        a->n_refs++;
    }
    return a;
}

void
pp_answer_unref(struct pp_answer *a)
{
    if (a && !--a->n_refs) {
        hmap_remove(&answers, &a->hmap_node);
        pp_policy_unref(a->result);
        free(a->key);
        free(a->policy);
        free(a->mode);
        free(a->fail);
        free(a->opaque);
        free(a->ports);
        free(a->parameters);
        free(a);
    }
}

char *
pp_answer_get(const struct pp_control *ctl, const struct pp_wishes *w,
              uint32_t server, struct pp_answer **answerp)
{
    struct ds key = DS_EMPTY_INITIALIZER;
    struct pp_answer *a, *found = NULL;
    struct pp_policy *policy;
    const char *why_not;
    bool is_auto;
    uint32_t hash;
    char *error;

    put_wish(&key, w->words);
    put_wish(&key, w->mode.value);
    put_wish(&key, w->fail.value);
    put_wish(&key, w->opaque.value);
    put_wish(&key, w->ports.value);
    put_wish(&key, w->parameters.value);
    if (strstr(w->words, "auto")) {
        /* What a server's services call for is its own. */
        ds_put_format(&key, " %"PRIu32, server);
    }
    hash = hash_string(ds_cstr(&key), 0);
    HMAP_FOR_EACH_WITH_HASH (a, hmap_node, hash, &answers) {
        if (!strcmp(a->key, ds_cstr(&key))) {
            found = a;
            break;
        }
    }
    if (!found || found->stale || found->is_auto) {
        error = resolve(ctl, w, server, &policy, &why_not, &is_auto);
        if (error) {
            ds_destroy(&key);
            return error;
        }
        if (!found) {
            found = xzalloc(sizeof *found);
            found->key = xstrdup(ds_cstr(&key));
            found->policy = nullable_xstrdup(w->words);
            found->mode = nullable_xstrdup(w->mode.value);
            found->fail = nullable_xstrdup(w->fail.value);
            found->opaque = nullable_xstrdup(w->opaque.value);
            found->ports = nullable_xstrdup(w->ports.value);
            found->parameters = nullable_xstrdup(w->parameters.value);
            hmap_insert(&answers, &found->hmap_node, hash);
        }
        pp_policy_unref(found->result);
        found->result = policy;
        found->why_not = why_not;
        found->is_auto = is_auto;
        found->stale = false;
    }
    ds_destroy(&key);
    *answerp = pp_answer_ref(found);
    return NULL;
}

struct pp_answer *
pp_answer_remembered(const struct pp_control *ctl,
                     const struct pp_answer *good, uint32_t server)
{
    struct pp_wishes w = {
        .policy = { good->policy, "" }, .mode = { good->mode, "" },
        .fail = { good->fail, "" }, .opaque = { good->opaque, "" },
        .ports = { good->ports, "" },
        .parameters = { good->parameters, "" }, .words = good->policy,
    };
    struct pp_answer *a = NULL;
    char *error = pp_answer_get(ctl, &w, server, &a);

    if (error) {
        char *known = known_words(ctl, good->policy);
        char *parameters = known_parameters(ctl, good->parameters);

        free(error);
        w.words = w.policy.value = *known ? known : "none";
        w.parameters.value = parameters;
        error = pp_answer_get(ctl, &w, server, &a);
        free(known);
        free(parameters);
        free(error);
    }
    return a;
}

void
pp_policy_pool_changed(struct pp_control *ctl)
{
    struct pp_policy *policy;
    struct pp_answer *a;

    /* Whoever has them keeps them until it is looked at. */
    HMAP_FOR_EACH_SAFE (policy, hmap_node, &policies) {
        policy->stale = true;
        hmap_remove(&policies, &policy->hmap_node);
    }
    HMAP_FOR_EACH (a, hmap_node, &answers) {
        a->stale = true;
    }
    ctl->keys_dirty = ctl->snapshot_dirty = true;
    pp_touch_all(ctl);
}

const struct pp_policy *
pp_policy_next(const struct pp_policy *after)
{
    const struct hmap_node *node = (after
                                    ? hmap_next(&policies, &after->hmap_node)
                                    : hmap_first(&policies));

    return node ? CONTAINER_OF(node, struct pp_policy, hmap_node) : NULL;
}

static char *
check(const struct pp_control *ctl, const struct pp_source *source,
      const char *words)
{
    struct pp_wishes w = {
        .policy = pp_policy_lookup(source, 1, PP_KEY_POLICY),
        .mode = pp_policy_lookup(source, 1, PP_KEY_MODE),
        .fail = pp_policy_lookup(source, 1, PP_KEY_FAIL),
        .opaque = pp_policy_lookup(source, 1, PP_KEY_OPAQUE),
        .ports = pp_policy_lookup(source, 1, PP_KEY_PORTS),
        .parameters = pp_policy_lookup(source, 1, PP_KEY_PARAMETERS),
        .words = words ? words : "none",
    };
    struct pp_answer *a = NULL;
    char *error;

    if (!w.policy.value && !w.mode.value && !w.fail.value && !w.opaque.value
        && !w.ports.value && !w.parameters.value) {
        return NULL;
    }
    error = pp_answer_get(ctl, &w, 0, &a);
    pp_answer_unref(a);
    return error;
}

char *
pp_policy_check_keys(struct pp_control *ctl, const struct smap *ids,
                     const char *where)
{
    const char *text = smap_get(ids, PP_KEY_POLICY);
    struct pp_source source = { ids, where };
    const struct pp_named **named = NULL;
    char *words, *error;
    size_t n;

    words = text ? pp_named_expand(text, &named, &n) : NULL;
    error = check(ctl, &source, words);
    free(words);
    free(named);
    return error;
}

char *
pp_policy_check_named(const struct pp_control *ctl,
                      const struct pp_named *named)
{
    struct pp_source source = { &named->keys, named->where };

    return check(ctl, &source, smap_get(&named->keys, PP_KEY_POLICY));
}

void
pp_policy_fill_set(const struct pp_policy *policy,
                   const struct pp_program *program, const uint64_t *patches,
                   struct pp_patchset *set)
{
    pp_patchset_init(set, program);
    for (uint32_t i = 0; i < pp_program_n_patches(program); i++) {
        if (pp_bitmap_get(patches, i)) {
            pp_patchset_set(set, program, i, policy->mode);
        }
    }
    for (size_t i = 0; i < policy->n_params; i++) {
        pp_patchset_set_param(set, program, policy->params[i].patch,
                              policy->params[i].param,
                              &policy->params[i].value);
    }
}

void
pp_policy_destroy(void)
{
    hmap_destroy(&policies);
    hmap_destroy(&redirects);
    hmap_destroy(&answers);
}
