/* SPDX-License-Identifier: Apache-2.0 */

/* The file of services that were discovered; see pp-services-file.h.
 *
 * In, out: a JSON array with an object for each service.  A daemon that starts
 * has to know them before it works out a policy: one that is "auto" would else
 * leave all ports alone until the next connection to each.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-services-file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-dns-name.h"
#include "pp-services.h"
#include "registry.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(pp_services_file);

static const char *
get_string(const struct json *object, const char *key)
{
    const struct json *value = shash_find_data(json_object(object), key);

    return value && value->type == JSON_STRING ? json_string(value) : NULL;
}

static int64_t
get_integer(const struct json *object, const char *key)
{
    const struct json *value = shash_find_data(json_object(object), key);

    return value && value->type == JSON_INTEGER ? json_integer(value) : -1;
}

static bool
is_printable(const char *s)
{
    while (isascii(*s) && isprint((unsigned char) *s)) {
        s++;
    }
    return !*s;
}

/* The service that 'object' is, and whose; NULL: none. */
static struct pp_discovered *
parse(const struct json *object, struct uuid *uuid)
{
    const char *interface, *transport, *address, *protocol, *said;
    struct pp_discovered *d;
    int64_t port;

    if (object->type != JSON_OBJECT) {
        return NULL;
    }
    interface = get_string(object, "interface");
    transport = get_string(object, "transport");
    address = get_string(object, "address");
    protocol = get_string(object, "protocol");
    said = get_string(object, "banner");
    port = get_integer(object, "port");
    if (!interface || !uuid_from_string(uuid, interface)
        || !transport || (strcmp(transport, "tcp") && strcmp(transport, "udp"))
        || port < 1 || port > 65535
        || (protocol && !pp_proxy_by_name(protocol))
        || (said && (strlen(said) >= sizeof ((struct pp_ipc_said *) 0)->text
                     || !is_printable(said)))) {
        return NULL;
    }
    d = xzalloc(sizeof *d);
    d->port = (uint16_t) port;
    d->transport = strcmp(transport, "tcp") ? PP_UDP : PP_TCP;
    d->proxy = (protocol ? (int) pp_proxy_index(pp_proxy_by_name(protocol))
                : -1);
    d->said = protocol ? nullable_xstrdup(said) : NULL;
    d->first_seen = get_integer(object, "first-seen");
    d->last_seen = get_integer(object, "last-seen");
    pp_dns_address_parse(address, &d->address);     /* Or none: all zero. */
    return d;
}

void
pp_services_file_read(const char *file,
                      void (*take)(const struct uuid *,
                                   struct pp_discovered *))
{
    struct json *json;
    size_t bad = 0;

    if (access(file, F_OK)) {
        return;
    }
    json = json_from_file(file);
    if (json->type != JSON_ARRAY) {
        VLOG_WARN("%s: %s: the services in it are not known any more", file,
                  json->type == JSON_STRING ? json_string(json)
                  : "not an array");
        json_destroy(json);
        return;
    }
    for (size_t i = 0; i < json_array(json)->n; i++) {
        struct uuid uuid;
        struct pp_discovered *d = parse(json_array(json)->elems[i], &uuid);

        if (d) {
            take(&uuid, d);
        } else {
            bad++;
        }
    }
    if (bad) {
        VLOG_WARN("%s: %"PRIuSIZE" of %"PRIuSIZE" services make no sense and "
                  "are left out", file, bad, json_array(json)->n);
    }
    json_destroy(json);
}

void
pp_services_file_put(struct json *array, const struct uuid *uuid,
                     const struct pp_discovered *d)
{
    struct json *object = json_object_create();
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, UUID_FMT, UUID_ARGS(uuid));
    json_object_put_string(object, "interface", ds_cstr(&ds));
    ds_clear(&ds);
    ipv6_format_mapped(&d->address, &ds);
    json_object_put_string(object, "address", ds_cstr(&ds));
    ds_destroy(&ds);
    json_object_put_string(object, "transport",
                           d->transport == PP_TCP ? "tcp" : "udp");
    json_object_put(object, "port", json_integer_create(d->port));
    if (d->proxy >= 0) {
        json_object_put_string(object, "protocol",
                               pp_proxies[d->proxy]->name);
    }
    if (d->said) {
        json_object_put_string(object, "banner", d->said);
    }
    json_object_put(object, "first-seen", json_integer_create(d->first_seen));
    json_object_put(object, "last-seen", json_integer_create(d->last_seen));
    json_array_add(array, object);
}

void
pp_services_file_write(const char *file, struct json *array)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    char *temporary = xasprintf("%s.new", file);
    char *text = json_to_string(array, JSSF_SORT);
    FILE *f = fopen(temporary, "w");
    bool ok = f != NULL;

    if (f) {
        ok = fputs(text, f) >= 0 && !ferror(f);
        ok = !fclose(f) && ok && !rename(temporary, file);
    }
    if (!ok) {
        VLOG_ERR_RL(&rl, "%s: cannot be written: %s; a daemon that starts "
                    "without it has to discover services anew", file,
                    ovs_strerror(errno));
    }
    json_destroy(array);
    free(text);
    free(temporary);
}
