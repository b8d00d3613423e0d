/* SPDX-License-Identifier: Apache-2.0 */

/* Corrections that the engine made.
 *
 * In: its events, each checked before it is believed.  Out: a line in the log
 * and, for programs, a line of JSON in the events file.
 *
 * Runs in control's main loop.  Owns the file's name; the file is opened for
 * each line, so that it may be rotated at any time. */

#include <config.h>

#include "pp-events.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-hits.h"
#include "registry.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_events);

static char *file_name;

void
pp_events_set_file(const char *name)
{
    free(file_name);
    file_name = nullable_xstrdup(name);
}

const char *
pp_events_server_name(const struct pp_control *ctl, uint32_t id)
{
    const struct pp_bridge *br;
    const struct pp_iface *iface;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        PP_FOR_EACH_IFACE (iface, br) {
            if (iface->is_vm && iface->server_id == id) {
                return iface->name;
            }
        }
    }
    return NULL;
}

static void
format_ip(const struct in6_addr *ip, struct ds *ds, bool brackets)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        ds_put_format(ds, IP_FMT, IP_ARGS(in6_addr_get_mapped_ipv4(ip)));
    } else {
        ds_put_cstr(ds, brackets ? "[" : "");
        ipv6_format_addr(ip, ds);
        ds_put_cstr(ds, brackets ? "]" : "");
    }
}

void
pp_events_format_addr(const struct pp_ipc_addr *a, struct ds *ds)
{
    format_ip(&a->ip, ds, true);
    ds_put_format(ds, ":%u", a->port);
}

static const char *
kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [PP_CORRECTED_EDIT] = "edit",
        [PP_CORRECTED_REJECT] = "reject",
        [PP_CORRECTED_CLOSE] = "close",
        [PP_CORRECTED_DROP] = "drop",
    };

    return kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

static void
put_addr(struct json *object, const char *key, const struct pp_ipc_addr *a)
{
    struct json *addr = json_object_create();
    struct ds ds = DS_EMPTY_INITIALIZER;

    format_ip(&a->ip, &ds, false);
    json_object_put_string(addr, "address", ds_cstr(&ds));
    json_object_put(addr, "port", json_integer_create(a->port));
    json_object_put(object, key, addr);
    ds_destroy(&ds);
}

static void
write_line(const char *line, size_t n)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    ssize_t done;
    int fd;

    if (!file_name) {
        return;
    }
    fd = open(file_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    done = fd < 0 ? -1 : write(fd, line, n);
    if (done != (ssize_t) n) {
        VLOG_ERR_RL(&rl, "%s: cannot write an event: %s", file_name,
                    ovs_strerror(done < 0 ? errno : ENOSPC));
    }
    if (done > 0 && done != (ssize_t) n) {
        /* No line is left half written. */
        ignore(ftruncate(fd, lseek(fd, 0, SEEK_CUR) - done));
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void
tell(const struct pp_control *ctl, const struct pp_ipc_event *ev,
     const char *patch)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(600, 300);
    const char *server = pp_events_server_name(ctl, ev->server);
    struct ds client = DS_EMPTY_INITIALIZER;
    struct ds service = DS_EMPTY_INITIALIZER;
    struct json *json = json_object_create();
    struct ds line = DS_EMPTY_INITIALIZER;
    char *time = xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z",
                                 time_wall_msec(), true);

    pp_events_format_addr(&ev->client, &client);
    pp_events_format_addr(&ev->service, &service);
    VLOG_INFO_RL(&rl, "%s: %s %s: client %s, server %s %s%s%s", patch,
                 ev->monitor ? "would be corrected:" : "corrected:",
                 kind_name(ev->kind), ds_cstr(&client),
                 server ? server : "(gone)", ds_cstr(&service),
                 ev->detail[0] ? ", " : "", ev->detail);

    json_object_put_string(json, "time", time);
    json_object_put_string(json, "patch", patch);
    json_object_put(json, "rule", json_integer_create(ev->rule));
    json_object_put_string(json, "action", kind_name(ev->kind));
    json_object_put_string(json, "mode", ev->monitor ? "monitor" : "enforce");
    json_object_put_string(json, "proxy", pp_proxies[ev->proxy]->name);
    json_object_put_string(json, "server", server ? server : "");
    put_addr(json, "client", &ev->client);
    put_addr(json, "service", &ev->service);
    json_object_put_string(json, "detail", ev->detail);
    json_to_ds(json, JSSF_SORT, &line);
    ds_put_char(&line, '\n');
    write_line(ds_cstr(&line), line.length);

    json_destroy(json);
    ds_destroy(&line);
    ds_destroy(&client);
    ds_destroy(&service);
    free(time);
}

const char *
pp_events_handle(struct pp_control *ctl, const struct pp_ipc_event *ev)
{
    const char *patch;

    if (!kind_name(ev->kind) || ev->monitor > 1) {
        return "event with a bad kind or mode";
    } else if (ev->proxy >= pp_proxies_count()) {
        return "event with a bad proxy";
    } else if (!memchr(ev->detail, '\0', sizeof ev->detail)) {
        return "event whose text does not end";
    }
    for (const char *p = ev->detail; *p; p++) {
        if (!isprint((unsigned char) *p)) {
            return "event whose text is not printable";
        }
    }
    patch = pp_hits_id(ev->patch);
    if (!patch) {
        return "event with a bad patch";
    }
    tell(ctl, ev, patch);
    return NULL;
}
