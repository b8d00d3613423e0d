/* SPDX-License-Identifier: Apache-2.0 */

/* Services discovered; see pp-services.h.
 *
 * In: frames with SYN and ACK of VMs, of which the switch sends a copy now and
 * then (pp-flows.h); what servers say of themselves, as the engine hears it.
 * Out: a list of services for each server, and the patches that are for them.
 *
 * All of that comes from VMs, which may be hostile: what one says is bounded,
 * and counts for nothing but its own protection.
 *
 * Runs in control's main loop.  Owns the list. */

#include <config.h>

#include "pp-services.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pp-control.h"
#include "pp-events.h"
#include "pp-services-file.h"
#include "registry.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pp_services);

/* New ports that a server may show in a minute before it is muted for as
 * long. */
#define FLOOD_MAX 128
#define FLOOD_MS 60000

/* Frames of a port whose protocol is not known that are looked at each time
 * that it was seen to listen; these times first, and one in as many then. */
#define ASK_MAX 32              /* Of a server in a minute. */
#define ASK_FRAMES 16
#define ASK_SIGHTS 8

#define LOOK_MS 1000            /* How often to look for what has to go. */
#define WRITE_MS 2000           /* How often to write what is new... */
#define WRITE_SEEN_MS 60000     /* ...and when they were last seen. */

#define GONE_MS 600000          /* For how long a server that is not there is
                                 * kept in mind: it may come back. */

/* A server's. */
struct server {
    struct hmap_node node;      /* In 'servers', by id. */
    uint32_t id;                /* 0: it is not there now. */
    struct uuid uuid;           /* Its Interface's; zero: not known yet. */
    long long int gone;         /* Since then, where it is not. */
    struct hmap services;       /* Of struct pp_discovered. */
    long long int since;        /* Of 'n_frames'. */
    unsigned int n_frames;
    long long int muted_until;  /* 0: it is not. */
};

static struct hmap servers = HMAP_INITIALIZER(&servers);
static long long int timeout_ms = PP_SERVICE_TIMEOUT * 1000LL;
static long long int next_look;
static char *file_name;         /* NULL: none. */
static bool changed;            /* More than 'last_seen', since 'written'. */
static long long int written;
static uint64_t seqno;          /* Of what is known. */

void
pp_services_set_timeout(unsigned int seconds)
{
    timeout_ms = seconds * 1000LL;
}

static struct server *
find_server(uint32_t id)
{
    struct server *s;

    if (!id) {
        return NULL;
    }
    HMAP_FOR_EACH_WITH_HASH (s, node, id, &servers) {
        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

static void
note_change(void)
{
    changed = true;
    seqno++;
}

static struct server *
find_stored(const struct uuid *uuid)
{
    struct server *s;

    HMAP_FOR_EACH_WITH_HASH (s, node, 0, &servers) {
        if (uuid_equals(&s->uuid, uuid)) {
            return s;
        }
    }
    return NULL;
}

/* Policy and flows of server 'id' may be others. */
static void
touch(struct pp_control *ctl, uint32_t id)
{
    struct pp_iface *iface = pp_iface_find_server(ctl, id);

    if (iface) {
        pp_iface_touch(ctl, iface);
    }
}

/* With 'id' 0, another one each time. */
static struct server *
get_server(uint32_t id)
{
    struct server *s = find_server(id);

    if (!s) {
        s = xzalloc(sizeof *s);
        s->id = id;
        hmap_init(&s->services);
        hmap_insert(&servers, &s->node, id);
    }
    return s;
}

static void
forget(struct server *s, struct pp_discovered *d)
{
    note_change();
    hmap_remove(&s->services, &d->node);
    free(d->said);
    free(d->product);
    free(d->version);
    free(d);
}

static void
forget_server(struct server *s)
{
    struct pp_discovered *d;

    HMAP_FOR_EACH_SAFE (d, node, &s->services) {
        forget(s, d);
    }
    hmap_destroy(&s->services);
    hmap_remove(&servers, &s->node);
    free(s);
}

static struct pp_discovered *
find_service(const struct server *s, uint8_t transport, uint16_t port)
{
    struct pp_discovered *d;

    HMAP_FOR_EACH_WITH_HASH (d, node, port, &s->services) {
        if (d->port == port && d->transport == transport) {
            return d;
        }
    }
    return NULL;
}

/* Is 'a' to be forgotten before 'b'?  Ports of data connections come and go;
 * what speaks a known protocol does not. */
static bool
matters_less(const struct pp_discovered *a, const struct pp_discovered *b)
{
    return (a->proxy < 0 ? b->proxy >= 0 || a->last_seen < b->last_seen
            : b->proxy >= 0 && a->last_seen < b->last_seen);
}

/* The service of 's' on 'port', which is made if there is none; '*new' says
 * so. */
static struct pp_discovered *
get_service(struct server *s, uint8_t transport, uint16_t port, bool *new)
{
    struct pp_discovered *d = find_service(s, transport, port);

    *new = !d;
    if (d) {
        return d;
    }
    if (hmap_count(&s->services) >= PP_DISCOVERED_MAX) {
        struct pp_discovered *least = NULL;

        HMAP_FOR_EACH (d, node, &s->services) {
            if (!least || matters_less(d, least)) {
                least = d;
            }
        }
        forget(s, least);
    }
    d = xzalloc(sizeof *d);
    d->port = port;
    d->transport = transport;
    d->proxy = -1;
    d->first_seen = time_wall_msec();
    hmap_insert(&s->services, &d->node, port);
    return d;
}

/* A frame of 's' came.  Returns false if it has sent too many. */
static bool
is_bearable(struct pp_control *ctl, struct server *s, const char *name)
{
    long long int now = time_msec();

    if (s->muted_until) {
        return false;
    }
    if (now - s->since > FLOOD_MS) {
        s->since = now;
        s->n_frames = 0;
    }
    if (++s->n_frames <= FLOOD_MAX) {
        return true;
    }
    VLOG_WARN("server %s: more than %d listening ports in a minute: no more "
              "are looked at for as long", name, FLOOD_MAX);
    s->muted_until = now + FLOOD_MS;
    touch(ctl, s->id);
    return false;
}

bool
pp_services_listens(struct pp_control *ctl, const struct pp_iface *iface,
                    const struct pp_ipc_addr *service, bool *ask)
{
    struct pp_discovered *d;
    struct server *s;
    bool new;

    if (!iface->server_id || !service->port) {
        return false;
    }
    s = get_server(iface->server_id);
    if (!is_bearable(ctl, s, iface->name)) {
        return false;
    }
    d = get_service(s, PP_TCP, service->port, &new);
    d->address = service->ip;
    d->last_seen = time_wall_msec();
    if (new) {
        VLOG_INFO("server %s listens on port %u", iface->name, d->port);
        note_change();
        touch(ctl, s->id);
    }
    d->n_frames = 0;
    d->n_sights++;
    *ask = (d->proxy < 0 && s->n_frames <= ASK_MAX
            && (d->n_sights <= ASK_SIGHTS || !(d->n_sights % ASK_SIGHTS)));
    return true;
}

bool
pp_services_speaks(struct pp_control *ctl, const struct pp_iface *iface,
                   const struct pp_ipc_addr *service, const void *payload,
                   size_t n)
{
    const struct pp_view view = { .base = payload, .len = n };
    struct server *s = find_server(iface->server_id);
    struct pp_discovered *d = s ? find_service(s, PP_TCP, service->port)
                              : NULL;
    int proxy = -1;

    if (!d || d->proxy >= 0) {
        return false;
    }
    for (int i = 0; pp_proxies[i]; i++) {
        if (pp_proxies[i]->transport == PP_TCP && pp_proxies[i]->speaks
            && pp_proxies[i]->speaks(&view)) {
            if (proxy >= 0) {
                return false;   /* It may be either. */
            }
            proxy = i;
        }
    }
    if (proxy < 0) {
        return ++d->n_frames < ASK_FRAMES;
    }
    VLOG_INFO("server %s, port %u: %s", iface->name, d->port,
              pp_proxies[proxy]->name);
    d->proxy = proxy;
    note_change();
    touch(ctl, s->id);
    return false;
}

/* What is made of what it says. */
static void
name_product(const struct pp_control *ctl, struct pp_discovered *d)
{
    free(d->product);
    free(d->version);
    d->product = d->version = NULL;
    if (d->said && d->proxy >= 0) {
        pp_pool_name_product(ctl->pool, pp_proxies[d->proxy], d->said,
                             &d->product, &d->version);
    }
}

void
pp_services_pool_changed(const struct pp_control *ctl)
{
    struct pp_discovered *d;
    struct server *s;

    HMAP_FOR_EACH (s, node, &servers) {
        HMAP_FOR_EACH (d, node, &s->services) {
            name_product(ctl, d);
        }
    }
    seqno++;
}

const char *
pp_services_handle(struct pp_control *ctl, const struct pp_ipc_said *said,
                   size_t len)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);
    struct pp_discovered *d;
    const char *name;
    bool new;

    if (len != sizeof *said) {
        return "word of a server with a bad length";
    } else if (!said->server || said->proxy >= pp_proxies_count()) {
        return "word of a bad server or proxy";
    } else if (!memchr(said->text, '\0', sizeof said->text)) {
        return "word of a server that does not end";
    }
    for (const char *p = said->text; *p; p++) {
        if (!isascii(*p) || !isprint((unsigned char) *p)) {
            return "word of a server that is not printable";
        }
    }
    name = pp_events_server_name(ctl, said->server);
    if (!name) {
        return NULL;            /* Gone meanwhile. */
    }
    d = get_service(get_server(said->server),
                    pp_proxies[said->proxy]->transport, said->service.port,
                    &new);
    d->address = said->service.ip;
    d->last_seen = time_wall_msec();
    if (d->proxy != (int) said->proxy || !d->said
        || strcmp(d->said, said->text)) {
        d->proxy = (int) said->proxy;
        free(d->said);
        d->said = xstrdup(said->text);
        name_product(ctl, d);
        note_change();
        VLOG_INFO_RL(&rl, "server %s, port %u: %s, %s%s%s%s%s", name, d->port,
                     pp_proxies[d->proxy]->name,
                     d->product ? d->product : "product not known",
                     d->version && *d->version ? " " : "",
                     d->version ? d->version : "", *d->said ? ": " : "",
                     d->said);
        touch(ctl, said->server);
    }
    return NULL;
}

bool
pp_services_is_muted(uint32_t id)
{
    const struct server *s = find_server(id);

    return s && s->muted_until;
}

const struct pp_discovered *
pp_services_next(uint32_t id, const struct pp_discovered *after)
{
    const struct server *s = find_server(id);
    const struct pp_discovered *d, *best = NULL;
    int last = after ? after->port << 1 | after->transport : -1;

    if (!s) {
        return NULL;
    }
    HMAP_FOR_EACH (d, node, &s->services) {
        int place = d->port << 1 | d->transport;

        if (place > last
            && (!best || place < (best->port << 1 | best->transport))) {
            best = d;
        }
    }
    return best;
}

/* Policy "auto". */

/* The proxy that is to look at 'd', or -1: what the operator says, what was
 * seen to be spoken there, what usually is. */
static int
choose_proxy(const struct pp_discovered *d, const struct pp_service *named,
             size_t n_named, uint64_t named_proxies)
{
    for (size_t i = 0; i < n_named; i++) {
        if (named[i].port == d->port && named[i].transport == d->transport) {
            return named[i].proxy;
        }
    }
    if (d->proxy >= 0) {
        return d->proxy;
    }
    for (int i = 0; pp_proxies[i]; i++) {
        const uint16_t *port = pp_proxies[i]->ports;

        while (!(named_proxies & UINT64_C(1) << i) && *port) {
            if (*port++ == d->port
                && pp_proxies[i]->transport == d->transport) {
                return i;
            }
        }
    }
    return -1;
}

/* What is protected on the port of 'd', or NULL. */
static struct pp_service *
find_protected(struct pp_service services[], size_t n,
               const struct pp_discovered *d)
{
    for (size_t i = 0; i < n; i++) {
        if (services[i].port == d->port
            && services[i].transport == d->transport) {
            return &services[i];
        }
    }
    return NULL;
}

static bool
pool_has(const struct pp_control *ctl, const struct pp_proxy *proxy)
{
    for (size_t i = 0; i < ctl->pool->n; i++) {
        if (ctl->pool->patches[i]->proxy == proxy) {
            return true;
        }
    }
    return false;
}

void
pp_services_select(const struct pp_control *ctl, uint32_t server,
                   const struct pp_service *named, size_t n_named,
                   uint64_t named_proxies, struct pp_service services[],
                   size_t *n, size_t max)
{
    const struct pp_discovered *d;

    PP_FOR_EACH_DISCOVERED (d, server) {
        struct pp_service *s = find_protected(services, *n, d);
        int proxy = choose_proxy(d, named, n_named, named_proxies);

        if (proxy < 0 || (s && s->proxy != proxy) || (!s && *n >= max)
            || !pool_has(ctl, pp_proxies[proxy])) {
            continue;
        }
        if (!s) {
            s = &services[(*n)++];
            *s = (struct pp_service) {
                .port = d->port, .transport = d->transport,
                .proxy = (uint8_t) proxy,
                .guessed = d->proxy != proxy || !d->said,
                .patches = xcalloc(pp_pool_bitmap_words(ctl->pool),
                                   sizeof *s->patches),
            };
        }
        /* One for which no patch is stays under inspection, so that it is
         * heard when it becomes another. */
        pp_pool_select_said(ctl->pool, pp_proxies[proxy],
                            d->proxy == proxy ? d->said : NULL, s->patches);
    }
}

/* What the daemon before this one knew. */

/* Takes 'd' over, a service of the interface 'uuid'. */
static void
take_stored(const struct uuid *uuid, struct pp_discovered *d)
{
    struct server *s = find_stored(uuid);

    if (!s) {
        s = get_server(0);
        s->uuid = *uuid;
        s->gone = time_msec();
    }
    if (find_service(s, d->transport, d->port)
        || hmap_count(&s->services) >= PP_DISCOVERED_MAX) {
        free(d->said);
        free(d);
        return;
    }
    hmap_insert(&s->services, &d->node, d->port);
}

void
pp_services_open(const struct pp_control *ctl, const char *file)
{
    free(file_name);
    file_name = xstrdup(file);
    pp_services_file_read(file, take_stored);
    pp_services_pool_changed(ctl);
    written = time_msec();
}

/* From now on 's' is server 'id'. */
static void
set_id(struct server *s, uint32_t id)
{
    hmap_remove(&servers, &s->node);
    s->id = id;
    hmap_insert(&servers, &s->node, id);
}

void
pp_services_adopt(uint32_t id, const struct uuid *uuid)
{
    struct server *s = find_server(id);

    if (s) {
        s->uuid = *uuid;
    } else if ((s = find_stored(uuid)) != NULL) {
        set_id(s, id);
    }
}

/* Writes what is known, if it is time to. */
static void
write_file(void)
{
    struct pp_discovered *d;
    struct json *array;
    struct server *s;

    if (!file_name
        || time_msec() < written + (changed ? WRITE_MS : WRITE_SEEN_MS)) {
        return;
    }
    array = json_array_create_empty();
    HMAP_FOR_EACH (s, node, &servers) {
        HMAP_FOR_EACH (d, node, &s->services) {
            if (!uuid_is_zero(&s->uuid)) {
                pp_services_file_put(array, &s->uuid, d);
            }
        }
    }
    pp_services_file_write(file_name, array);
    changed = false;
    written = time_msec();
}

/* Forgets services of 's', called 'name', that were not seen for long. */
static void
forget_old(struct pp_control *ctl, struct server *s, const char *name)
{
    long long int now = time_wall_msec();
    struct pp_discovered *d;

    HMAP_FOR_EACH_SAFE (d, node, &s->services) {
        if (timeout_ms && now - d->last_seen > timeout_ms) {
            VLOG_INFO("server %s: nothing came from port %u for %lld s: "
                      "forgotten", name, d->port, timeout_ms / 1000);
            forget(s, d);
            touch(ctl, s->id);
        }
    }
}

void
pp_services_run(struct pp_control *ctl)
{
    long long int now = time_msec();
    struct server *s;

    if (now < next_look || ctl->exiting) {
        return;
    }
    next_look = now + LOOK_MS;
    HMAP_FOR_EACH_SAFE (s, node, &servers) {
        const char *name = (s->id ? pp_events_server_name(ctl, s->id) : NULL);

        if (s->muted_until && now >= s->muted_until) {
            s->muted_until = 0;
            s->n_frames = 0;
            touch(ctl, s->id);
        }
        if (name) {
            forget_old(ctl, s, name);
        } else if (s->id) {
            s->gone = now;
            set_id(s, 0);
        } else if (now - s->gone > GONE_MS) {
            forget_server(s);
        }
    }
    write_file();
}

void
pp_services_wait(void)
{
    if (!hmap_is_empty(&servers)) {
        poll_timer_wait_until(next_look);
    }
}

uint64_t
pp_services_seqno(void)
{
    return seqno;
}

/* service/list. */

/* The ids of the patches that are for 'd'. */
static void
put_patches(const struct pp_control *ctl, const struct pp_discovered *d,
            struct json *array)
{
    uint64_t *bitmap = xcalloc(pp_pool_bitmap_words(ctl->pool),
                               sizeof *bitmap);

    if (d->proxy >= 0) {
        pp_pool_select_said(ctl->pool, pp_proxies[d->proxy], d->said, bitmap);
    }
    for (size_t i = 0; i < ctl->pool->n; i++) {
        if (pp_bitmap_get(bitmap, i)) {
            json_array_add(array, json_string_create(ctl->pool->patches[i]
                                                     ->id));
        }
    }
    free(bitmap);
}

static void
put_string(struct json *object, const char *key, const char *s)
{
    if (s && *s) {
        json_object_put_string(object, key, s);
    }
}

static struct json *
service_json(const struct pp_control *ctl, const char *server,
             const struct pp_discovered *d)
{
    struct json *object = json_object_create();
    struct json *patches = json_array_create_empty();
    char *first = xastrftime_msec("%Y-%m-%dT%H:%M:%SZ", d->first_seen, true);
    char *last = xastrftime_msec("%Y-%m-%dT%H:%M:%SZ", d->last_seen, true);
    struct ds address = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(&d->address, &address);
    json_object_put_string(object, "server", server);
    json_object_put_string(object, "address", ds_cstr(&address));
    json_object_put_string(object, "transport",
                           d->transport == PP_TCP ? "tcp" : "udp");
    json_object_put(object, "port", json_integer_create(d->port));
    put_string(object, "protocol", d->proxy < 0 ? NULL
               : pp_proxies[d->proxy]->name);
    put_string(object, "product", d->product);
    put_string(object, "version", d->version);
    put_string(object, "banner", d->said);
    json_object_put_string(object, "first-seen", first);
    json_object_put_string(object, "last-seen", last);
    put_patches(ctl, d, patches);
    json_object_put(object, "patches", patches);
    ds_destroy(&address);
    free(first);
    free(last);
    return object;
}

/* A service as a line. */
static void
format_service(const struct pp_control *ctl, const char *server,
               const struct pp_discovered *d, struct ds *ds)
{
    static const char *const keys[] = {
        "address", "transport", "port", "protocol", "product", "version",
        "first-seen", "last-seen",
    };
    struct json *object = service_json(ctl, server, d);
    const struct shash *members = json_object(object);
    const struct json *patches = shash_find_data(members, "patches");

    ds_put_cstr(ds, server);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct json *value = shash_find_data(members, keys[i]);

        if (value && value->type == JSON_STRING) {
            ds_put_format(ds, " %s=%s", keys[i], json_string(value));
        } else if (value) {
            ds_put_format(ds, " %s=%"PRId64, keys[i], json_integer(value));
        }
    }
    ds_put_cstr(ds, " patches=");
    for (size_t i = 0; i < json_array(patches)->n; i++) {
        ds_put_format(ds, "%s%s", i ? "," : "",
                      json_string(json_array(patches)->elems[i]));
    }
    if (d->said && *d->said) {
        ds_put_format(ds, " banner=\"%s\"", d->said);
    }
    ds_put_char(ds, '\n');
    json_destroy(object);
}

static void
service_list(struct unixctl_conn *conn, int argc, const char *argv[],
             void *ctl_)
{
    struct json *array = json_array_create_empty();
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct pp_control *ctl = ctl_;
    const struct pp_bridge *br;
    const struct pp_iface *iface;
    const struct pp_discovered *d;
    size_t n = 0;

    if (argc > 1 && strcmp(argv[1], "--json")) {
        unixctl_command_reply_error(conn, "the only argument that "
                                    "service/list takes is --json");
        return;
    }
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        PP_FOR_EACH_IFACE (iface, br) {
            if (!iface->is_vm || !iface->server_id) {
                continue;
            }
            PP_FOR_EACH_DISCOVERED (d, iface->server_id) {
                n++;
                if (argc > 1) {
                    json_array_add(array, service_json(ctl, iface->name, d));
                } else {
                    format_service(ctl, iface->name, d, &ds);
                }
            }
        }
    }
    if (argc > 1) {
        json_to_ds(array, JSSF_SORT, &ds);
    } else {
        ds_put_format(&ds, "%"PRIuSIZE" services\n", n);
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
    json_destroy(array);
}

void
pp_services_init(struct pp_control *ctl)
{
    unixctl_command_register("service/list", "[--json]", 0, 1, service_list,
                             ctl);
}

void
pp_services_destroy(void)
{
    struct server *s;

    written = LLONG_MIN / 2;
    if (changed) {
        write_file();
    }
    HMAP_FOR_EACH_SAFE (s, node, &servers) {
        forget_server(s);
    }
    hmap_destroy(&servers);
    free(file_name);
    file_name = NULL;
}
