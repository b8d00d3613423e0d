/* SPDX-License-Identifier: Apache-2.0 */

/* What became of each connection of a capture; see pp-replay-report.h.
 *
 * In: frames before and after the pipeline, its counters, and its events.
 * Out: lines of text, or JSON.  Runs in the author's tool; owns the
 * connections.
 *
 * The pipeline knows its connections only as long as they are there, and tells
 * what it did by counters.  One frame goes through at a time, so that what a
 * counter gained is about that frame's connection. */

#include <config.h>

#include "tool/pp-replay-report.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-event.h"
#include "engine/pp-packet.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "packets.h"
#include "patch/pp-program.h"
#include "registry.h"
#include "tool/pp-explain.h"
#include "util.h"

struct correction {
    struct ovs_list node;
    struct timeval time;
    struct pp_ipc_event event;
};

struct key {
    struct in6_addr client, service;
    uint16_t client_port, service_port;
};

struct conn {
    struct hmap_node hmap_node; /* In 'conns', the last of its key. */
    struct ovs_list node;       /* In 'all', in order. */
    struct key key;
    struct timeval first;
    int proxy;                  /* Index into pp_proxies[], or -1. */
    enum pp_report_state state;
    const char *reason;         /* PP_REPORT_OPAQUE, PP_REPORT_BAD. */
    bool udp;
    uint64_t n_messages;        /* Units that patches look at. */
    uint64_t n_bytes[2];        /* Payload as captured, by enum pp_dir. */
    struct ovs_list corrections;
    size_t n_corrections;
};

/* The counters that matter, before the frame at hand. */
struct seen {
    uint64_t begun, messages, opaque, bad;
    uint64_t reasons[PP_REASONS_MAX];   /* Of the frame's proxy. */
};

struct pp_report {
    const struct pp_program *program;
    bool json, quiet;
    struct hmap conns;
    struct ovs_list all;
    size_t n_corrections;

    /* The frame at hand. */
    struct key key;
    struct timeval now;
    int proxy;
    bool to_server, udp;
    uint32_t payload_len;
    struct seen seen;
};

/* Where TLS is spoken from the first byte on (IANA's registry). */
static const uint16_t tls_ports[] = {
    443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5671, 6697,
    8443, 8883,
};

bool
pp_report_is_tls(uint16_t port)
{
    for (size_t i = 0; i < ARRAY_SIZE(tls_ports); i++) {
        if (tls_ports[i] == port) {
            return true;
        }
    }
    return false;
}

struct pp_report *
pp_report_create(const struct pp_program *program, bool json, bool quiet)
{
    struct pp_report *report = xzalloc(sizeof *report);

    report->program = program;
    report->json = json;
    report->quiet = quiet;
    hmap_init(&report->conns);
    ovs_list_init(&report->all);
    return report;
}

void
pp_report_destroy(struct pp_report *report)
{
    struct conn *conn;

    LIST_FOR_EACH_POP (conn, node, &report->all) {
        struct correction *c;

        LIST_FOR_EACH_POP (c, node, &conn->corrections) {
            free(c);
        }
        free(conn);
    }
    hmap_destroy(&report->conns);
    free(report);
}

/* Connections. */

static struct conn *
find(const struct pp_report *report, const struct key *key)
{
    struct conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, hmap_node, hash_bytes(key, sizeof *key, 0),
                             &report->conns) {
        if (!memcmp(&conn->key, key, sizeof *key)) {
            return conn;
        }
    }
    return NULL;
}

/* A new connection with the key of the frame at hand. */
static struct conn *
add(struct pp_report *report, enum pp_report_state state)
{
    struct conn *old = find(report, &report->key);
    struct conn *conn = xzalloc(sizeof *conn);

    if (old) {
        hmap_remove(&report->conns, &old->hmap_node);
    }
    conn->key = report->key;
    conn->first = report->now;
    conn->proxy = report->proxy;
    conn->udp = report->udp;
    conn->state = state;
    ovs_list_init(&conn->corrections);
    ovs_list_push_back(&report->all, &conn->node);
    hmap_insert(&report->conns, &conn->hmap_node,
                hash_bytes(&conn->key, sizeof conn->key, 0));
    return conn;
}

static void
look(struct seen *seen, const struct pp_counters *c, int proxy)
{
    seen->begun = c->flow_new + c->flow_reused;
    seen->messages = c->proxy_messages;
    seen->opaque = c->proxy_opaque;
    seen->bad = c->proxy_bad;
    if (proxy >= 0) {
        memcpy(seen->reasons, c->reasons[proxy], sizeof seen->reasons);
    }
}

static struct key
make_key(const struct pp_packet *pkt, bool to_server)
{
    struct key key;

    memset(&key, 0, sizeof key);
    key.client = to_server ? pkt->src : pkt->dst;
    key.service = to_server ? pkt->dst : pkt->src;
    key.client_port = to_server ? pkt->src_port : pkt->dst_port;
    key.service_port = to_server ? pkt->dst_port : pkt->src_port;
    return key;
}

bool
pp_report_has(const struct pp_report *report, const struct pp_packet *pkt,
              bool to_server)
{
    struct key key = make_key(pkt, to_server);

    return find(report, &key) != NULL;
}

void
pp_report_frame(struct pp_report *report, const struct timeval *now,
                const struct pp_packet *pkt, bool to_server, int proxy,
                const struct pp_counters *counters)
{
    report->key = make_key(pkt, to_server);
    report->now = *now;
    report->proxy = proxy;
    report->to_server = to_server;
    report->udp = pkt->ip_proto == IPPROTO_UDP;
    report->payload_len = pkt->payload_len;
    look(&report->seen, counters, proxy);
}

/* Says of 'conn' why it is not followed any more, if that has come out. */
static void
take_reason(const struct pp_report *report, struct conn *conn,
            const struct seen *now)
{
    const struct pp_proxy *proxy = pp_proxies[conn->proxy];

    if (now->opaque == report->seen.opaque && now->bad == report->seen.bad) {
        return;
    }
    conn->state = (now->bad != report->seen.bad ? PP_REPORT_BAD
                   : PP_REPORT_OPAQUE);
    for (size_t i = 0; i < PP_REASONS_MAX && proxy->reasons[i]; i++) {
        if (now->reasons[i] != report->seen.reasons[i]) {
            conn->reason = proxy->reasons[i];
        }
    }
}

void
pp_report_frame_done(struct pp_report *report,
                     const struct pp_counters *counters)
{
    struct conn *conn = find(report, &report->key);
    struct seen now;

    look(&now, counters, report->proxy);
    if (report->proxy < 0) {
        conn = conn ? conn : add(report, PP_REPORT_TLS);
    } else if (now.begun != report->seen.begun) {
        conn = add(report, PP_REPORT_FOLLOWED);
    } else if (!conn && report->payload_len) {
        conn = add(report, report->udp ? PP_REPORT_FOLLOWED
                   : PP_REPORT_MIDSTREAM);
    }
    if (conn) {
        conn->n_bytes[!report->to_server] += report->payload_len;
        conn->n_messages += now.messages - report->seen.messages;
        if (report->proxy >= 0) {
            take_reason(report, conn, &now);
        }
    }
}

/* Text. */

static void
print_event(const struct pp_report *report, const struct timeval *now,
            const struct pp_ipc_event *event)
{
    char client[INET6_ADDRSTRLEN], service[INET6_ADDRSTRLEN];
    struct ds values = DS_EMPTY_INITIALIZER;

    pp_event_format_values(event->values, event->n_values, &values);
    ipv6_string_mapped(client, &event->client.ip);
    ipv6_string_mapped(service, &event->service.ip);
    printf("%lld.%06ld %s: %s%s: client %s port %u, server %s port %u: %s\n",
           (long long) now->tv_sec, (long) now->tv_usec,
           pp_program_patch_id(report->program, event->patch),
           event->monitor ? "would " : "", pp_event_kind(event->kind), client,
           event->client.port, service, event->service.port,
           ds_cstr(&values));
    ds_destroy(&values);
}

void
pp_report_event(struct pp_report *report, const struct timeval *now,
                const struct pp_ipc_event *event)
{
    struct key key;
    struct conn *conn;

    memset(&key, 0, sizeof key);
    key.client = event->client.ip;
    key.service = event->service.ip;
    key.client_port = event->client.port;
    key.service_port = event->service.port;
    conn = find(report, &key);
    if (!conn) {
        /* A datagram's, or of data in the SYN: not yet known. */
        conn = add(report, PP_REPORT_FOLLOWED);
    }
    struct correction *c = xmalloc(sizeof *c);

    c->time = *now;
    c->event = *event;
    ovs_list_push_back(&conn->corrections, &c->node);
    conn->n_corrections++;
    report->n_corrections++;
    if (!report->json && !report->quiet) {
        print_event(report, now, event);
    }
}

/* Which patches there were corrections of, each once. */
static void
put_patches(const struct pp_report *report, const struct conn *conn,
            struct ds *s)
{
    const struct correction *c, *earlier;
    const char *separator = " (";

    LIST_FOR_EACH (c, node, &conn->corrections) {
        bool first = true;

        LIST_FOR_EACH (earlier, node, &conn->corrections) {
            if (earlier == c) {
                break;
            }
            first = first && earlier->event.patch != c->event.patch;
        }
        if (first) {
            ds_put_format(s, "%s%s", separator,
                          pp_program_patch_id(report->program,
                                              c->event.patch));
            separator = ", ";
        }
    }
    ds_put_char(s, ')');
}

static void
put_state(const struct conn *conn, struct ds *s)
{
    switch (conn->state) {
    case PP_REPORT_FOLLOWED:
        break;

    case PP_REPORT_OPAQUE:
        ds_put_format(s, "; opaque: %s", conn->reason);
        break;

    case PP_REPORT_BAD:
        ds_put_format(s, "; not understood: %s",
                      conn->reason ? conn->reason : "the request is cut off");
        break;

    case PP_REPORT_MIDSTREAM:
        ds_put_cstr(s, "not looked at: it began before the capture");
        break;

    case PP_REPORT_TLS:
        ds_put_cstr(s, "opaque: TLS, by its port");
        break;

    default:
        OVS_NOT_REACHED();
    }
}

static void
print_conn(const struct pp_report *report, const struct conn *conn)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(&conn->key.client, &s);
    ds_put_format(&s, " port %u > ", conn->key.client_port);
    ipv6_format_mapped(&conn->key.service, &s);
    ds_put_format(&s, " port %u", conn->key.service_port);
    if (conn->proxy >= 0) {
        ds_put_format(&s, ", %s", pp_proxies[conn->proxy]->name);
    }
    ds_put_cstr(&s, ": ");
    if (conn->state != PP_REPORT_MIDSTREAM && conn->state != PP_REPORT_TLS) {
        const struct correction *c;
        size_t monitored = 0;

        LIST_FOR_EACH (c, node, &conn->corrections) {
            monitored += c->event.monitor;
        }
        ds_put_format(&s, "%"PRIu64" messages looked at, ", conn->n_messages);
        if (conn->n_corrections) {
            ds_put_format(&s, "%"PRIuSIZE" %s", conn->n_corrections,
                          monitored ? "would be corrected" : "corrected");
            put_patches(report, conn, &s);
        } else {
            ds_put_cstr(&s, "none corrected");
        }
    }
    put_state(conn, &s);
    puts(ds_cstr(&s));
    ds_destroy(&s);
}

static void
print_text(const struct pp_report *report,
           const struct pp_report_totals *totals)
{
    const struct conn *conn;

    LIST_FOR_EACH (conn, node, &report->all) {
        print_conn(report, conn);
    }
    printf("%"PRIu64" frames read, %"PRIu64" written; %"PRIu32" servers, "
           "%"PRIuSIZE" connections, %"PRIuSIZE" corrections\n",
           totals->n_in, totals->n_out, totals->n_servers,
           ovs_list_size(&report->all), report->n_corrections);
    if (totals->n_midstream || totals->n_cut || totals->n_other) {
        printf("left out: %"PRIu64" segments of connections without their "
               "SYN, %"PRIu64" frames cut off when captured, %"PRIu64
               " of other kinds\n", totals->n_midstream, totals->n_cut,
               totals->n_other);
    }
}

/* JSON. */

static void
put_int(struct json *object, const char *name, uint64_t n)
{
    json_object_put(object, name, json_integer_create((long long) n));
}

static void
put_time(struct json *object, const char *name, const struct timeval *tv)
{
    json_object_put_format(object, name, "%lld.%06ld", (long long) tv->tv_sec,
                           (long) tv->tv_usec);
}

static void
put_end(struct json *object, const char *name, const struct in6_addr *ip,
        uint16_t port)
{
    struct json *end = json_object_create();
    struct ds s = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(ip, &s);
    json_object_put_string(end, "address", ds_cstr(&s));
    put_int(end, "port", port);
    json_object_put(object, name, end);
    ds_destroy(&s);
}

static struct json *
correction_json(const struct pp_report *report, const struct correction *c)
{
    struct json *object = json_object_create();
    struct ds values = DS_EMPTY_INITIALIZER;

    put_time(object, "time", &c->time);
    json_object_put_string(object, "patch",
                           pp_program_patch_id(report->program,
                                               c->event.patch));
    put_int(object, "rule", c->event.rule);
    json_object_put_string(object, "correction", pp_event_kind(c->event.kind));
    json_object_put_string(object, "mode",
                           c->event.monitor ? "monitor" : "enforce");
    pp_event_format_values(c->event.values, c->event.n_values, &values);
    json_object_put_string(object, "detail", ds_cstr(&values));
    ds_destroy(&values);
    return object;
}

static struct json *
conn_json(const struct pp_report *report, const struct conn *conn)
{
    static const char *const states[] = {
        [PP_REPORT_FOLLOWED] = "inspected", [PP_REPORT_OPAQUE] = "opaque",
        [PP_REPORT_BAD] = "not-understood",
        [PP_REPORT_MIDSTREAM] = "midstream", [PP_REPORT_TLS] = "opaque",
    };
    struct json *object = json_object_create();
    struct json *corrections = json_array_create_empty();
    const struct correction *c;

    put_time(object, "time", &conn->first);
    put_end(object, "client", &conn->key.client, conn->key.client_port);
    put_end(object, "service", &conn->key.service, conn->key.service_port);
    json_object_put_string(object, "transport", conn->udp ? "udp" : "tcp");
    json_object_put_string(object, "state", states[conn->state]);
    if (conn->proxy >= 0) {
        json_object_put_string(object, "proxy",
                               pp_proxies[conn->proxy]->name);
    }
    if (conn->reason || conn->state == PP_REPORT_TLS) {
        json_object_put_string(object, "reason",
                               conn->reason ? conn->reason : "tls-port");
    }
    put_int(object, "messages", conn->n_messages);
    put_int(object, "to-server-bytes", conn->n_bytes[PP_TO_SERVER]);
    put_int(object, "from-server-bytes", conn->n_bytes[PP_FROM_SERVER]);
    LIST_FOR_EACH (c, node, &conn->corrections) {
        json_array_add(corrections, correction_json(report, c));
    }
    json_object_put(object, "corrections", corrections);
    return object;
}

static void
print_json(const struct pp_report *report,
           const struct pp_report_totals *totals)
{
    struct json *object = json_object_create();
    struct json *frames = json_object_create();
    struct json *conns = json_array_create_empty();
    const struct conn *conn;

    put_int(frames, "read", totals->n_in);
    put_int(frames, "written", totals->n_out);
    put_int(frames, "cut-off", totals->n_cut);
    put_int(frames, "other", totals->n_other);
    put_int(frames, "midstream", totals->n_midstream);
    LIST_FOR_EACH (conn, node, &report->all) {
        json_array_add(conns, conn_json(report, conn));
    }
    json_object_put_string(object, "capture", totals->in);
    json_object_put(object, "frames", frames);
    put_int(object, "servers", totals->n_servers);
    put_int(object, "corrections", report->n_corrections);
    json_object_put(object, "connections", conns);
    pp_explain_print(object);
}

void
pp_report_print(const struct pp_report *report,
                const struct pp_report_totals *totals)
{
    if (report->json) {
        print_json(report, totals);
    } else if (!report->quiet) {
        print_text(report, totals);
    }
}
