/* SPDX-License-Identifier: Apache-2.0 */

/* Corrections that the engine made.
 *
 * In: its events, each checked before it is believed.  Out: counts by server
 * and patch (pp-server-hits.h); a line in the log, which is syslog's too; and,
 * for programs, a line of JSON in the events file.  What is not told, since
 * there is too much of it or the disk is full, is counted, and the next line
 * about the same server and patch has the number.
 *
 * Runs in control's main loop.  Owns the file's name; the file is opened for
 * each line, so that anybody may move it at any time and nothing is lost. */

#include <config.h>

#include "pp-events.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/pp-event.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/token-bucket.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-hits.h"
#include "pp-server-hits.h"
#include "registry.h"
#include "smap.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_events);

/* Older files that are kept: FILE.1, the newest of them, to FILE.4. */
#define GENERATIONS 4

/* After that long without more of them, what was left out is told by
 * itself. */
#define QUIET_MS 1000

/* Tokens that a line takes: rates are per minute, those of a bucket per
 * millisecond. */
#define LINE_TOKENS 60000

static char *file_name;
static uint64_t file_size = PP_EVENTS_SIZE;
static unsigned int rate = PP_EVENTS_RATE;
static struct token_bucket all = TOKEN_BUCKET_INIT(
    10 * PP_EVENTS_RATE, 10 * PP_EVENTS_RATE * LINE_TOKENS);

/* Something may be left out, and is to be told then; or LLONG_MAX. */
static long long int next_look = LLONG_MAX;

void
pp_events_set_file(const char *name)
{
    free(file_name);
    file_name = nullable_xstrdup(name);
}

void
pp_events_set_size(uint64_t size)
{
    file_size = size;
}

void
pp_events_set_rate(unsigned int n)
{
    rate = n;
    token_bucket_set(&all, 10 * n, 10 * n * LINE_TOKENS);
}

static const struct pp_iface *
find_server(const struct pp_control *ctl, uint32_t id)
{
    const struct pp_iface *iface = pp_iface_find_server(ctl, id);

    return iface && iface->is_vm ? iface : NULL;
}

const char *
pp_events_server_name(const struct pp_control *ctl, uint32_t id)
{
    const struct pp_iface *iface = find_server(ctl, id);

    return iface ? iface->name : NULL;
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

/* The line. */

static struct json *
end_json(const struct pp_ipc_addr *a)
{
    struct json *end = json_object_create();
    struct ds ds = DS_EMPTY_INITIALIZER;

    format_ip(&a->ip, &ds, false);
    json_object_put_string(end, "address", ds_cstr(&ds));
    json_object_put(end, "port", json_integer_create(a->port));
    ds_destroy(&ds);
    return end;
}

/* Who we are: for a reader of many hosts' lines. */
static struct json *
host_json(const struct pp_control *ctl)
{
    static char hostname[256];
    struct json *host = json_object_create();
    const char *id = (ctl->ovs ? smap_get(&ctl->ovs->external_ids,
                                          "system-id") : NULL);

    if (!hostname[0]) {
        gethostname(hostname, sizeof hostname - 1);
    }
    json_object_put_string(host, "name", hostname);
    if (id) {
        json_object_put_string(host, "system-id", id);
    }
    return host;
}

/* The first of 'keys' that the interface has. */
static void
put_id(struct json *object, const char *name, const struct pp_iface *iface,
       const char *const keys[])
{
    for (; *keys; keys++) {
        const char *value = smap_get(&iface->row->external_ids, *keys);

        if (value) {
            json_object_put_string(object, name, value);
            return;
        }
    }
}

static struct json *
server_json(const struct pp_server_hits *h, const struct pp_iface *iface)
{
    static const char *const vm_ids[] = { "vm-id", "vm-uuid", NULL };
    static const char *const iface_ids[] = { "iface-id", NULL };
    struct json *server = json_object_create();

    json_object_put_string(server, "name", h->server);
    json_object_put_string(server, "bridge", h->bridge);
    if (iface && iface->has_mac) {
        json_object_put_format(server, "mac", ETH_ADDR_FMT,
                               ETH_ADDR_ARGS(iface->mac));
    }
    if (iface && iface->row && !iface->behind) {
        put_id(server, "vm-id", iface, vm_ids);
        put_id(server, "iface-id", iface, iface_ids);
    }
    return server;
}

static struct json *
value_json(const struct pp_ipc_value *v)
{
    struct json *object = json_object_create();
    struct ds ds = DS_EMPTY_INITIALIZER;

    json_object_put_string(object, "name", v->name);
    if (v->secret) {
        json_object_put_string(object, "value", "***");
    } else if (v->type == PP_TYPE_BOOL) {
        json_object_put(object, "value", json_boolean_create(v->i));
    } else if (v->type == PP_TYPE_INT) {
        json_object_put(object, "value", json_integer_create(v->i));
    } else if (v->type == PP_TYPE_LIST) {
        json_object_put(object, "value", json_integer_create(v->len));
    } else {
        pp_event_escape(v->bytes, v->n, &ds);
        json_object_put_string(object, "value", ds_cstr(&ds));
        if (v->n < v->len) {
            json_object_put(object, "length", json_integer_create(v->len));
        }
    }
    ds_destroy(&ds);
    return object;
}

static void
put_event(struct json *json, const struct pp_ipc_event *ev)
{
    struct json *service = end_json(&ev->service);
    struct json *values = json_array_create_empty();

    json_object_put(json, "rule", json_integer_create(ev->rule));
    json_object_put_string(json, "correction", pp_event_kind(ev->kind));
    json_object_put_string(json, "mode", ev->monitor ? "monitor" : "enforce");
    json_object_put(json, "client", end_json(&ev->client));
    json_object_put_string(service, "protocol", ev->udp ? "udp" : "tcp");
    json_object_put_string(service, "proxy", pp_proxies[ev->proxy]->name);
    json_object_put(json, "service", service);
    for (uint32_t i = 0; i < ev->n_values; i++) {
        json_array_add(values, value_json(&ev->values[i]));
    }
    json_object_put(json, "values", values);
}

/* The line about 'ev', or, if that is NULL, about what was left out alone. */
static char *
make_line(const struct pp_control *ctl, const struct pp_server_hits *h,
          const struct pp_iface *iface, const struct pp_ipc_event *ev,
          uint64_t left_out)
{
    struct json *json = json_object_create();
    char *time = xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z",
                                 time_wall_msec(), true);
    char *line;

    json_object_put_string(json, "time", time);
    json_object_put(json, "host", host_json(ctl));
    json_object_put(json, "server", server_json(h, iface));
    json_object_put_string(json, "patch", h->patch);
    if (ev) {
        put_event(json, ev);
    }
    if (left_out) {
        json_object_put(json, "suppressed",
                        json_integer_create((long long int) left_out));
    }
    line = json_to_string(json, JSSF_SORT);
    json_destroy(json);
    free(time);
    return line;
}

/* The log. */

static void
write_log(const struct pp_server_hits *h, const struct pp_ipc_event *ev,
          const char *line)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (!ev) {
        VLOG_INFO("%s: more of them, not told one by one: %s", h->patch,
                  line);
        return;
    }
    ds_put_format(&ds, "%s: %s %s: client ", h->patch, ev->monitor
                  ? "would be corrected:" : "corrected:",
                  pp_event_kind(ev->kind));
    pp_events_format_addr(&ev->client, &ds);
    ds_put_format(&ds, ", server %s ", h->server[0] ? h->server : "(gone)");
    pp_events_format_addr(&ev->service, &ds);
    VLOG_INFO("%s: %s", ds_cstr(&ds), line);
    ds_destroy(&ds);
}

/* The file. */

int
pp_events_rotate(void)
{
    int error = 0;

    if (!file_name) {
        return ENOENT;
    }
    for (int i = GENERATIONS; i > 0; i--) {
        char *to = xasprintf("%s.%d", file_name, i);
        char *from = (i > 1 ? xasprintf("%s.%d", file_name, i - 1)
                      : xstrdup(file_name));

        error = rename(from, to) ? errno : 0;
        free(from);
        free(to);
    }
    return error;
}

/* Opens the file, with room for 'n' bytes in it. */
static int
open_file(size_t n)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK;
    int fd = open(file_name, flags, 0640);
    struct stat st;

    if (fd >= 0 && file_size && !fstat(fd, &st) && S_ISREG(st.st_mode)
        && st.st_size && (uint64_t) st.st_size + n > file_size) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
        int error = pp_events_rotate();

        if (error) {
            VLOG_ERR_RL(&rl, "%s: cannot begin a new file: %s", file_name,
                        ovs_strerror(error));
            return fd;
        }
        close(fd);
        fd = open(file_name, flags, 0640);
    }
    return fd;
}

/* Returns true if the line stands in the file, whole. */
static bool
write_file(const char *line)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    char *text = xasprintf("%s\n", line);
    size_t n = strlen(text);
    int fd = open_file(n);
    ssize_t done = fd < 0 ? -1 : write(fd, text, n);

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
    free(text);
    return done == (ssize_t) n;
}

/* Telling. */

static void
leave_out(struct pp_server_hits *h, enum pp_outlet outlet, uint64_t n)
{
    h->left_out[outlet] += n;
    next_look = MIN(next_look, time_msec() + QUIET_MS);
}

static void
tell(const struct pp_control *ctl, struct pp_server_hits *h,
     const struct pp_ipc_event *ev)
{
    const struct pp_iface *iface = find_server(ctl, h->server_id);
    char *line;

    if (iface) {
        pp_server_hits_set_server(h, iface->name, iface->bridge->name);
    }
    if (ev || h->left_out[PP_OUTLET_LOG]) {
        line = make_line(ctl, h, iface, ev, h->left_out[PP_OUTLET_LOG]);
        write_log(h, ev, line);
        h->left_out[PP_OUTLET_LOG] = 0;
        free(line);
    }
    if (file_name && (ev || h->left_out[PP_OUTLET_FILE])) {
        line = make_line(ctl, h, iface, ev, h->left_out[PP_OUTLET_FILE]);
        if (write_file(line)) {
            h->left_out[PP_OUTLET_FILE] = 0;
        } else {
            leave_out(h, PP_OUTLET_FILE, ev != NULL);
        }
        free(line);
    }
}

/* May a line be written about 'h'? */
static bool
may_tell(struct pp_server_hits *h)
{
    if (!rate) {
        return true;
    } else if (h->bucket.rate != rate) {
        token_bucket_init(&h->bucket, rate, rate * LINE_TOKENS);
    }
    return (token_bucket_withdraw(&h->bucket, LINE_TOKENS)
            && token_bucket_withdraw(&all, LINE_TOKENS));
}

/* 'n' more corrections of the server and patch. */
static struct pp_server_hits *
count(const struct pp_control *ctl, uint32_t server, const char *patch,
      bool monitor, uint64_t n)
{
    struct pp_server_hits *h = pp_server_hits_get(server, patch);

    if (!h->server[0]) {
        const struct pp_iface *iface = find_server(ctl, server);

        if (iface) {
            pp_server_hits_set_server(h, iface->name, iface->bridge->name);
        }
    }
    *(monitor ? &h->monitored : &h->corrected) += n;
    h->last = time_wall_msec();
    h->heard = time_msec();
    pp_server_hits_changed();
    return h;
}

static bool
is_text(const char *s, size_t size)
{
    size_t n = strnlen(s, size);

    for (size_t i = 0; i < n; i++) {
        if (!isprint((unsigned char) s[i])) {
            return false;
        }
    }
    return n < size;
}

static const char *
check_value(const struct pp_ipc_value *v)
{
    return (!is_text(v->name, sizeof v->name)
            ? "event with a value whose name is not printable"
            : v->type > PP_TYPE_VERSION || v->secret > 1
            ? "event with a value of a bad type"
            : v->n > sizeof v->bytes || v->n > v->len
            ? "event with a value of a bad length" : NULL);
}

const char *
pp_events_handle(struct pp_control *ctl, const struct pp_ipc_event *ev,
                 size_t n)
{
    struct pp_server_hits *h;
    const char *patch;

    if (n < offsetof(struct pp_ipc_event, values)
        || ev->n_values > PP_IPC_VALUES_MAX
        || n != offsetof(struct pp_ipc_event, values)
                + ev->n_values * sizeof *ev->values) {
        return "event with a bad length";
    } else if (!pp_event_kind(ev->kind) || ev->monitor > 1) {
        return "event with a bad kind or mode";
    } else if (ev->proxy >= pp_proxies_count()) {
        return "event with a bad proxy";
    }
    for (uint32_t i = 0; i < ev->n_values; i++) {
        const char *wrong = check_value(&ev->values[i]);

        if (wrong) {
            return wrong;
        }
    }
    patch = pp_hits_id(ev->patch);
    if (!patch) {
        return "event with a bad patch";
    }
    h = count(ctl, ev->server, patch, ev->monitor, 1);
    if (may_tell(h)) {
        tell(ctl, h, ev);
    } else {
        leave_out(h, PP_OUTLET_LOG, 1);
        leave_out(h, PP_OUTLET_FILE, 1);
    }
    return NULL;
}

const char *
pp_events_handle_missed(struct pp_control *ctl,
                        const struct pp_ipc_missed *msg, size_t n)
{
    if (n < offsetof(struct pp_ipc_missed, rows) || !msg->n
        || msg->n > PP_IPC_MISSED_MAX
        || n != offsetof(struct pp_ipc_missed, rows)
                + msg->n * sizeof *msg->rows) {
        return "list of missed events with a bad length";
    }
    for (uint32_t i = 0; i < msg->n; i++) {
        const struct pp_ipc_missed_row *row = &msg->rows[i];
        const char *patch = pp_hits_id(row->patch);

        if (!patch) {
            return "list of missed events with a bad patch";
        }
        for (int monitor = 0; monitor < 2; monitor++) {
            if (row->n[monitor]) {
                struct pp_server_hits *h = count(ctl, row->server, patch,
                                                 monitor, row->n[monitor]);

                leave_out(h, PP_OUTLET_LOG, row->n[monitor]);
                leave_out(h, PP_OUTLET_FILE, row->n[monitor]);
            }
        }
    }
    return NULL;
}

static void
tell_left_out(struct pp_server_hits *h, void *ctl)
{
    if (!h->left_out[PP_OUTLET_LOG]
        && (!file_name || !h->left_out[PP_OUTLET_FILE])) {
        return;
    }
    if (time_msec() - h->heard >= QUIET_MS && may_tell(h)) {
        tell(ctl, h, NULL);
    } else {
        next_look = MIN(next_look, time_msec() + QUIET_MS);
    }
}

void
pp_events_run(struct pp_control *ctl)
{
    if (time_msec() >= next_look) {
        next_look = LLONG_MAX;
        pp_server_hits_for_each(tell_left_out, ctl);
    }
}

void
pp_events_wait(void)
{
    if (next_look != LLONG_MAX) {
        poll_timer_wait_until(next_look);
    }
}

static void
tell_at_last(struct pp_server_hits *h, void *ctl)
{
    tell(ctl, h, NULL);
}

void
pp_events_flush(struct pp_control *ctl)
{
    if (next_look != LLONG_MAX) {
        pp_server_hits_for_each(tell_at_last, ctl);
    }
}
