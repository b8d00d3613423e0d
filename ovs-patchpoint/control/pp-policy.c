/* SPDX-License-Identifier: Apache-2.0 */

/* Policy: what is to be done for each VM.
 *
 * In: the keys in external_ids (Interface, then Bridge, then Open_vSwitch;
 * for each key the most specific row that has it wins), named policies, the
 * pool of patches, the table of proxies.  Out: a struct pp_policy for each
 * interface that is to be protected, shared by all with the same wishes, or
 * words on why not.
 *
 * What is wrong changes nothing: the interface keeps what was in force, its
 * status says what is wrong and in which row, and the log says it once.
 *
 * Runs in control's main loop.  Owns the policies, and for each interface the
 * last wishes that made sense. */

#include <config.h>

#include "pp-policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "patch/pp-param.h"
#include "patch/pp-pool.h"
#include "pp-control.h"
#include "pp-facts.h"
#include "pp-learn.h"
#include "pp-named.h"
#include "pp-services.h"
#include "registry.h"
#include "smap.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pp_policy);

/* Where the value of a key comes from. */
struct key_value {
    const char *value;
    const char *where;          /* "Interface web", "Policy web-tier", … */
};

/* What the keys of one interface come to, as text. */
struct wishes {
    struct key_value policy, mode, fail, ports, parameters;
    const char *words;          /* 'policy' without names of policies. */
};

/* Where keys are looked for. */
struct source {
    const struct smap *keys;
    const char *where;
};

/* What is remembered of an interface. */
struct memory {
    struct hmap_node hmap_node; /* In 'memories', by UUID. */
    struct uuid uuid;
    uint32_t server_id;
    bool seen;
    char *logged;               /* Error that was logged last. */
    char *asked, *asked_where;  /* For the interface's. */
    /* Last values that made sense; 'policy' NULL: none were in force.  In
     * 'policy' there is no name of a policy: these may go. */
    char *policy, *mode, *fail, *ports, *parameters;
};

static struct hmap policies = HMAP_INITIALIZER(&policies);
static struct hmap memories = HMAP_INITIALIZER(&memories);
static uint32_t last_server_id;

static struct memory *
memory_get(const struct uuid *uuid)
{
    size_t hash = uuid_hash(uuid);
    struct memory *m;

    HMAP_FOR_EACH_WITH_HASH (m, hmap_node, hash, &memories) {
        if (uuid_equals(&m->uuid, uuid)) {
            return m;
        }
    }
    m = xzalloc(sizeof *m);
    m->uuid = *uuid;
    m->server_id = ++last_server_id;
    hmap_insert(&memories, &m->hmap_node, hash);
    return m;
}

static void
memory_set_wishes(struct memory *m, const struct wishes *w)
{
    /* 'w' may be made of what is freed here. */
    char *policy = w ? nullable_xstrdup(w->words) : NULL;
    char *mode = w ? nullable_xstrdup(w->mode.value) : NULL;
    char *fail = w ? nullable_xstrdup(w->fail.value) : NULL;
    char *ports = w ? nullable_xstrdup(w->ports.value) : NULL;
    char *parameters = w ? nullable_xstrdup(w->parameters.value) : NULL;

    free(m->policy);
    free(m->mode);
    free(m->fail);
    free(m->ports);
    free(m->parameters);
    m->policy = policy;
    m->mode = mode;
    m->fail = fail;
    m->ports = ports;
    m->parameters = parameters;
}

/* What is asked for now, sound or not, under the name of the policy if one
 * selected the interface. */
static void
memory_set_asked(struct memory *m, const struct wishes *w)
{
    const char *asked = w->policy.value, *where = w->policy.where;

    if (where && !strncmp(where, "Policy ", 7)) {
        asked = where + 7;
    }
    if (!nullable_string_is_equal(m->asked, asked)
        || !nullable_string_is_equal(m->asked_where, where)) {
        free(m->asked);
        free(m->asked_where);
        m->asked = nullable_xstrdup(asked);
        m->asked_where = nullable_xstrdup(where);
    }
}

static void
memory_destroy(struct memory *m)
{
    hmap_remove(&memories, &m->hmap_node);
    memory_set_wishes(m, NULL);
    free(m->logged);
    free(m->asked);
    free(m->asked_where);
    free(m);
}

static void
free_service_patches(struct pp_service services[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(services[i].patches);
    }
}

static void
policy_destroy(struct pp_policy *policy)
{
    hmap_remove(&policies, &policy->hmap_node);
    free(policy->key);
    free(policy->patches);
    free_service_patches(policy->services, policy->n_services);
    free(policy->services);
    free(policy->params);
    free(policy);
}

static uint16_t
unused_number(void)
{
    struct pp_policy *policy;

    for (uint16_t n = 1; n; n++) {
        bool used = false;

        HMAP_FOR_EACH (policy, hmap_node, &policies) {
            if (policy->number == n) {
                used = true;
                break;
            }
        }
        if (!used) {
            return n;
        }
    }
    return 0;
}

static struct key_value
lookup(const struct source sources[], size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = smap_get(sources[i].keys, key);

        if (value) {
            return (struct key_value) { value, sources[i].where };
        }
    }
    return (struct key_value) { NULL, NULL };
}

/* The column of Policy that says what 'key' says in external_ids. */
static const char *
column_of(const char *key)
{
    return (!strcmp(key, PP_KEY_POLICY) ? "patches"
            : key + strlen("patchpoint-"));
}

static char * OVS_PRINTF_FORMAT(3, 4)
key_error(const char *key, const struct key_value *kv, const char *format,
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

static char *
parse_mode(const struct key_value *kv, enum pp_patch_mode *mode)
{
    *mode = PP_MODE_ENFORCE;
    if (!kv->value || !strcmp(kv->value, "enforce")) {
        return NULL;
    } else if (!strcmp(kv->value, "monitor")) {
        *mode = PP_MODE_MONITOR;
        return NULL;
    } else if (!strcmp(kv->value, "off")) {
        *mode = PP_MODE_OFF;
        return NULL;
    }
    return key_error(PP_KEY_MODE, kv,
                     "not one of enforce, monitor and off");
}

static char *
parse_fail(const struct key_value *kv, enum pp_fail *fail)
{
    *fail = PP_FAIL_OPEN;
    if (!kv->value || !strcmp(kv->value, "open")) {
        return NULL;
    } else if (!strcmp(kv->value, "closed")) {
        *fail = PP_FAIL_CLOSED;
        return NULL;
    }
    return key_error(PP_KEY_FAIL, kv, "not one of open and closed");
}

/* The ports that patchpoint-ports names, "http:80,8080 dns:53", as a service
 * each; of proxies without a word in it, nothing.  Bit N of '*named' is set
 * for each proxy that is named. */
static char *
parse_ports(const struct key_value *kv, struct pp_service services[],
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

/* Finds the policy that is like 'like', whose 'patches', 'services' and
 * 'params' it copies, or makes it. */
static struct pp_policy *
policy_intern(const struct pp_control *ctl, const struct pp_policy *like)
{
    size_t words = pp_pool_bitmap_words(ctl->pool);
    struct ds key = DS_EMPTY_INITIALIZER;
    struct pp_policy *policy;
    uint32_t hash;

    ds_put_format(&key, "%d %d", like->mode, like->fail);
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
            return policy;
        }
    }
    policy = xmemdup(like, sizeof *like);
    policy->key = ds_steal_cstr(&key);
    policy->number = unused_number();
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
parse_parameters(const struct pp_control *ctl, const struct key_value *kv,
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

/* Works 'w' of 'server' out.  Returns NULL, with '*policyp' the policy or NULL
 * and '*why_not' saying why there is none; or what is wrong. */
static char *
resolve(const struct pp_control *ctl, const struct wishes *w, uint32_t server,
        struct pp_policy **policyp, const char **why_not, bool *is_auto)
{
    struct pp_service services[PP_SERVICES_MAX + 64];
    struct pp_service ports[PP_SERVICES_MAX];
    struct pp_policy like = { .services = services };
    uint64_t named, proxies;
    char *error, *why = NULL;
    size_t n_ports;

    *policyp = NULL;
    *why_not = NULL;
    if ((error = parse_mode(&w->mode, &like.mode))
        || (error = parse_fail(&w->fail, &like.fail))
        || (error = parse_ports(&w->ports, services, &like.n_services,
                                &named))) {
        return error;
    }

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
        if (!(*policyp)->number) {
            error = xstrdup("more than 65535 different policies");
            *policyp = NULL;
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

/* As resolve(), for wishes that made sense with patches that were there then:
 * those that are gone meanwhile are left out. */
static struct pp_policy *
resolve_remembered(const struct pp_control *ctl, const struct memory *m,
                   const char **why_not)
{
    struct wishes w = {
        .policy = { m->policy, "" }, .mode = { m->mode, "" },
        .fail = { m->fail, "" }, .ports = { m->ports, "" },
        .parameters = { m->parameters, "" }, .words = m->policy,
    };
    struct pp_policy *policy;
    bool is_auto = false;
    char *error;

    if (!m->policy) {
        *why_not = "nothing was in force before";
        return NULL;
    }
    error = resolve(ctl, &w, m->server_id, &policy, why_not, &is_auto);
    if (error) {
        char *known = known_words(ctl, m->policy);
        char *parameters = known_parameters(ctl, m->parameters);

        free(error);
        w.words = w.policy.value = *known ? known : "none";
        w.parameters.value = parameters;
        error = resolve(ctl, &w, m->server_id, &policy, why_not, &is_auto);
        free(known);
        free(parameters);
        if (error) {
            free(error);
            return NULL;
        }
    }
    return policy;
}

static void
note_error(struct pp_iface *iface, struct memory *m, char *error)
{
    iface->error = error;
    if (error && (!m->logged || strcmp(m->logged, error))) {
        VLOG_ERR("interface %s on bridge %s: %s; %s stays in force",
                 iface->name, iface->bridge->name, error,
                 m->policy ? "what was in force" : "no policy");
    } else if (!error && m->logged) {
        VLOG_INFO("interface %s on bridge %s: its policy is sound again",
                  iface->name, iface->bridge->name);
    }
    if (error != m->logged) {
        free(m->logged);
        m->logged = nullable_xstrdup(error);
    }
}

/* Finds what is asked for 'iface', and where: in its own keys; in the named
 * policy that selects it, if it has no policy of its own; in the keys of its
 * bridge; in those of Open_vSwitch.  What a policy says that is named in one
 * of these counts right behind the keys there.  Returns 'w->words', to be
 * freed. */
static char *
collect(const struct pp_control *ctl, const struct pp_iface *iface,
        const char *iface_where, const char *bridge_where, struct wishes *w)
{
    const struct source places[] = {
        { &iface->row->external_ids, iface_where },
        { NULL, NULL },
        { &iface->bridge->row->external_ids, bridge_where },
        { &ctl->ovs->external_ids, "Open_vSwitch" },
    };
    const struct pp_named *selected = NULL, **named = NULL;
    struct source *sources;
    size_t n_named = 0, n = 0;
    char *words = NULL;
    bool found = false;

    if (!smap_get(places[0].keys, PP_KEY_POLICY)) {
        selected = pp_facts_select(iface);
    }
    for (size_t i = 0; i < ARRAY_SIZE(places) && !words && !selected; i++) {
        const char *text = (places[i].keys
                            ? smap_get(places[i].keys, PP_KEY_POLICY) : NULL);

        if (text) {
            words = pp_named_expand(text, &named, &n_named);
        }
    }

    sources = xmalloc((ARRAY_SIZE(places) + n_named) * sizeof *sources);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (places[i].keys) {
            sources[n++] = places[i];
        } else if (selected) {
            sources[n++] = (struct source) { &selected->keys,
                                             selected->where };
        }
        if (!found && words && places[i].keys
            && smap_get(places[i].keys, PP_KEY_POLICY)) {
            found = true;
            for (size_t j = 0; j < n_named; j++) {
                sources[n++] = (struct source) { &named[j]->keys,
                                                 named[j]->where };
            }
        }
    }
    w->policy = lookup(sources, n, PP_KEY_POLICY);
    w->mode = lookup(sources, n, PP_KEY_MODE);
    w->fail = lookup(sources, n, PP_KEY_FAIL);
    w->ports = lookup(sources, n, PP_KEY_PORTS);
    w->parameters = lookup(sources, n, PP_KEY_PARAMETERS);
    if (!words) {
        words = nullable_xstrdup(w->policy.value);
    }
    w->words = words;
    free(sources);
    free(named);
    return words;
}

static void
iface_run(const struct pp_control *ctl, struct pp_iface *iface)
{
    char *iface_where = xasprintf("Interface %s", iface->name);
    char *bridge_where = xasprintf("Bridge %s", iface->bridge->name);
    struct memory *m = memory_get(&iface->uuid);
    struct pp_policy *policy = NULL;
    char *error = NULL, *words;
    struct wishes w;

    m->seen = true;
    iface->server_id = m->server_id;
    pp_services_adopt(m->server_id, &iface->uuid);
    words = collect(ctl, iface, iface_where, bridge_where, &w);
    memory_set_asked(m, &w);
    iface->asked = m->asked;
    iface->asked_where = m->asked_where;
    if (!w.policy.value) {
        memory_set_wishes(m, NULL);
    } else {
        error = resolve(ctl, &w, m->server_id, &policy, &iface->why_not,
                        &iface->is_auto);
        if (!error) {
            memory_set_wishes(m, &w);
        } else {
            policy = resolve_remembered(ctl, m, &iface->why_not);
        }
    }
    note_error(iface, m, error);

    if (policy && iface->is_inactive) {
        iface->why_not = "external_ids:iface-status is inactive";
        policy = NULL;
    } else if (policy && !iface->has_mac) {
        iface->why_not = pp_learn_why_not(iface);
        iface->learning = true;
        iface->bridge->n_learning++;
        policy = NULL;
    }
    if (policy) {
        policy->in_use = true;
        iface->policy = policy;
        iface->bridge->n_protected++;
    }
    free(words);
    free(iface_where);
    free(bridge_where);
}

static bool
works(const struct pp_iface *iface)
{
    const char *link = iface->row->link_state;

    return iface->ofport && !(link && !strcmp(link, "down"));
}

/* Is 'a' rather than 'b', on the same bridge and with the same address, the
 * one to be protected?  What was written is worth more than what was learned,
 * since any VM can send from any address; a port that works more than one
 * that is left over. */
static bool
is_rather(const struct pp_iface *a, const struct pp_iface *b)
{
    return (a->mac_learned != b->mac_learned ? b->mac_learned
            : works(a) != works(b) ? works(a)
            : strcmp(a->name, b->name) < 0);
}

/* Two protected interfaces of one bridge with one address cannot be told
 * apart by the switch: one of them is protected. */
static void
refuse_doubles(struct pp_bridge *br)
{
    struct pp_iface *a, *b;

    PP_FOR_EACH_IFACE (a, br) {
        if (!a->policy) {
            continue;
        }
        for (b = a + 1; b < br->ifaces + br->n_ifaces; b++) {
            if (b->policy && eth_addr_equals(a->mac, b->mac)) {
                struct pp_iface *loser = is_rather(a, b) ? b : a;

                if (!loser->error) {
                    loser->error = xasprintf(
                        "its MAC address "ETH_ADDR_FMT" is also that of "
                        "interface %s on the same bridge",
                        ETH_ADDR_ARGS(a->mac), loser == a ? b->name : a->name);
                }
                loser->policy = NULL;
                br->n_protected--;
                if (loser == a) {
                    break;
                }
            }
        }
    }
}

void
pp_policy_run(struct pp_control *ctl)
{
    struct pp_policy *policy;
    struct pp_bridge *br;
    struct pp_iface *iface;
    struct memory *m;

    HMAP_FOR_EACH (policy, hmap_node, &policies) {
        policy->in_use = false;
    }
    HMAP_FOR_EACH (m, hmap_node, &memories) {
        m->seen = false;
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (!br->row) {
            continue;
        }
        PP_FOR_EACH_IFACE (iface, br) {
            if (iface->is_vm && !ctl->exiting) {
                iface_run(ctl, iface);
            } else if (iface->n_pins) {
                m = memory_get(&iface->uuid);
                m->seen = true;
                iface->server_id = m->server_id;
            }
        }
        refuse_doubles(br);
    }
    HMAP_FOR_EACH_SAFE (m, hmap_node, &memories) {
        if (!m->seen) {
            memory_destroy(m);
        }
    }
    HMAP_FOR_EACH_SAFE (policy, hmap_node, &policies) {
        if (!policy->in_use) {
            policy_destroy(policy);
        }
    }
}

void
pp_policy_pool_changed(void)
{
    struct pp_policy *policy;

    HMAP_FOR_EACH_SAFE (policy, hmap_node, &policies) {
        policy_destroy(policy);
    }
}

const struct pp_policy *
pp_policy_next(const struct pp_policy *after)
{
    struct pp_policy *policy, *best = NULL;

    HMAP_FOR_EACH (policy, hmap_node, &policies) {
        if (policy->in_use && policy->number > (after ? after->number : 0)
            && (!best || policy->number < best->number)) {
            best = policy;
        }
    }
    return best;
}

static char *
check(const struct pp_control *ctl, const struct source *source,
      const char *words)
{
    struct wishes w = {
        .policy = lookup(source, 1, PP_KEY_POLICY),
        .mode = lookup(source, 1, PP_KEY_MODE),
        .fail = lookup(source, 1, PP_KEY_FAIL),
        .ports = lookup(source, 1, PP_KEY_PORTS),
        .parameters = lookup(source, 1, PP_KEY_PARAMETERS),
        .words = words ? words : "none",
    };
    struct pp_policy *policy;
    const char *why_not;
    bool is_auto = false;

    if (!w.policy.value && !w.mode.value && !w.fail.value && !w.ports.value
        && !w.parameters.value) {
        return NULL;
    }
    return resolve(ctl, &w, 0, &policy, &why_not, &is_auto);
}

char *
pp_policy_check_keys(struct pp_control *ctl, const struct smap *ids,
                     const char *where)
{
    const char *text = smap_get(ids, PP_KEY_POLICY);
    struct source source = { ids, where };
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
    struct source source = { &named->keys, named->where };

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
    struct memory *m;

    pp_policy_pool_changed();
    HMAP_FOR_EACH_SAFE (m, hmap_node, &memories) {
        memory_destroy(m);
    }
    hmap_destroy(&policies);
    hmap_destroy(&memories);
}
