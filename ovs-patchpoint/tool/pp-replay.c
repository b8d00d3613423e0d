/* SPDX-License-Identifier: Apache-2.0 */

/* patchpoint-patch replay: a capture through the pipeline.
 *
 * In: a capture file and a pool.  Out: the capture as it leaves the engine,
 * and what became of each connection (pp-replay-report.c).  Runs in the
 * author's tool, with the very code that runs inline; owns the files and a
 * snapshot of its own.
 *
 * The file is read twice: first to learn who the servers are (who has a
 * service's port), then to be replayed. */

#include <config.h>

#include "tool/pp-replay.h"

#include "tool/pp-replay-report.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-ipc.h"
#include "engine/pp-pipeline.h"
#include "hash.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "patch/pp-pool.h"
#include "patch/pp-program.h"
#include "pp-proxy.h"
#include "pp-reader.h"
#include "registry.h"
#include "util.h"

#define SERVICES_MAX 64
#define SERVERS_MAX 4096

struct link_type;

struct replay {
    const struct pp_replay *config;
    struct pp_program *program;
    size_t program_size;
    struct pp_snap_service services[SERVICES_MAX];
    uint32_t n_services;
    struct eth_addr servers[SERVERS_MAX];
    uint32_t n_servers;
    const struct link_type *link;

    struct pp_counters *counters;
    pcap_dumper_t *dumper;      /* Or NULL. */
    struct pp_report *report;
    struct timeval now;
    struct pp_report_totals totals;
    uint8_t *frame;             /* Room for one. */
};

/* Services. */

static bool
add_service(struct replay *r, uint8_t proxy, uint16_t port)
{
    if (r->n_services == SERVICES_MAX) {
        return false;
    }
    r->services[r->n_services++] = (struct pp_snap_service) {
        .port = port, .transport = (uint8_t) pp_proxies[proxy]->transport,
        .proxy = proxy, .fail = PP_FAIL_OPEN,
    };
    return true;
}

/* Takes "PROXY:PORT[,PORT...]" apart. */
static char *
parse_ports(struct replay *r, const char *text)
{
    char *copy = xstrdup(text);
    char *ports = strchr(copy, ':');
    char *error = NULL;
    char *save = NULL;
    uint8_t proxy = 0;

    if (ports) {
        *ports++ = '\0';
    }
    while (pp_proxies[proxy] && strcmp(pp_proxies[proxy]->name, copy)) {
        proxy++;
    }
    if (!ports || !pp_proxies[proxy]) {
        error = xasprintf("--ports=%s: expected the name of a proxy, ':' and "
                          "ports", text);
    }
    for (char *port = error ? NULL : strtok_r(ports, ",", &save);
         port && !error; port = strtok_r(NULL, ",", &save)) {
        int n;

        if (!str_to_int(port, 10, &n) || n < 1 || n > UINT16_MAX
            || !add_service(r, proxy, (uint16_t) n)) {
            error = xasprintf("--ports=%s: '%s' is no port, or there are more "
                              "than %d", text, port, SERVICES_MAX);
        }
    }
    if (!error && !r->n_services) {
        error = xasprintf("--ports=%s: no port is named", text);
    }
    free(copy);
    return error;
}

static char *
find_services(struct replay *r)
{
    if (r->config->ports) {
        return parse_ports(r, r->config->ports);
    }
    for (uint8_t i = 0; pp_proxies[i]; i++) {
        for (const uint16_t *port = pp_proxies[i]->ports; *port; port++) {
            add_service(r, i, *port);
        }
    }
    return NULL;
}

/* The service on 'port', or NULL. */
static const struct pp_snap_service *
find_service(const struct replay *r, enum pp_transport transport,
             uint16_t port)
{
    for (uint32_t i = 0; i < r->n_services; i++) {
        if (r->services[i].port == port
            && r->services[i].transport == transport) {
            return &r->services[i];
        }
    }
    return NULL;
}

/* Frames. */

/* An Ethernet address for an IP address, where the capture has none. */
static void
put_mac(uint8_t mac[6], const uint8_t *ip, size_t n)
{
    uint32_t hash = hash_bytes(ip, n, 0);

    mac[0] = 0x02;
    mac[1] = (uint8_t) ip[n - 1];
    memcpy(mac + 2, &hash, sizeof hash);
}

/* The link types that are understood.  Where others come before the IP packet
 * than Ethernet's, how many bytes. */
static const struct link_type {
    int link;                   /* DLT_*. */
    size_t skip;
} link_types[] = {
    { DLT_EN10MB, 0 }, { DLT_RAW, 0 }, { DLT_IPV4, 0 }, { DLT_IPV6, 0 },
    { DLT_LINUX_SLL, 16 }, { DLT_LINUX_SLL2, 20 }, { DLT_NULL, 4 },
    { DLT_LOOP, 4 },
};

static const struct link_type *
find_link_type(int link)
{
    for (size_t i = 0; i < ARRAY_SIZE(link_types); i++) {
        if (link_types[i].link == link) {
            return &link_types[i];
        }
    }
    return NULL;
}

/* Makes an Ethernet frame of what was captured, in r->frame.  Returns its
 * length, or 0 if it is nothing that can be replayed. */
static size_t
make_frame(struct replay *r, const uint8_t *data, size_t len)
{
    size_t skip = r->link->skip;
    size_t addr, n;

    if (r->link->link == DLT_EN10MB) {
        if (len > PP_FRAME_MAX) {
            return 0;
        }
        memcpy(r->frame, data, len);
        return len;
    }
    if (len < skip + 1) {
        return 0;
    }
    data += skip;
    len -= skip;
    addr = data[0] >> 4 == 6 ? 8 : 12;
    n = data[0] >> 4 == 6 ? 16 : 4;
    if ((data[0] >> 4 != 4 && data[0] >> 4 != 6) || len < addr + 2 * n
        || len > PP_FRAME_MAX - 14) {
        return 0;
    }
    put_mac(r->frame + 6, data + addr, n);
    put_mac(r->frame, data + addr + n, n);
    r->frame[12] = n == 16 ? 0x86 : 0x08;
    r->frame[13] = n == 16 ? 0xdd : 0x00;
    memcpy(r->frame + 14, data, len);
    return len + 14;
}

static void
add_server(struct replay *r, const uint8_t *mac)
{
    for (uint32_t i = 0; i < r->n_servers; i++) {
        if (!memcmp(&r->servers[i], mac, 6)) {
            return;
        }
    }
    if (r->n_servers < SERVERS_MAX) {
        memcpy(&r->servers[r->n_servers++], mac, 6);
    }
}

/* What a frame says. */
struct sight {
    struct pp_packet pkt;
    bool to_server, from_server;        /* Both: which is not plain. */
    int proxy;                  /* Index into pp_proxies[]; -1: TLS by its
                                 * port. */
};

/* Looks at the frame of 'len' bytes.  False: it belongs to no service. */
static bool
look(struct replay *r, size_t len, struct sight *sight)
{
    const struct virtio_net_hdr vnet = {
        .flags = VIRTIO_NET_HDR_F_DATA_VALID,
    };
    const struct pp_snap_service *to, *from;
    static struct pp_counters ignore;
    struct pp_packet *pkt = &sight->pkt;
    enum pp_packet_kind kind = pp_packet_in(pkt, &vnet, r->frame, len,
                                            &ignore);
    enum pp_transport transport = kind == PP_PACKET_UDP ? PP_UDP : PP_TCP;

    if (kind != PP_PACKET_TCP && kind != PP_PACKET_UDP) {
        return false;
    }
    to = find_service(r, transport, pkt->dst_port);
    from = find_service(r, transport, pkt->src_port);
    sight->to_server = to;
    sight->from_server = from;
    sight->proxy = to ? to->proxy : from ? from->proxy : -1;
    if (!to && !from && kind == PP_PACKET_TCP) {
        sight->to_server = pp_report_is_tls(pkt->dst_port);
        sight->from_server = pp_report_is_tls(pkt->src_port);
    }
    if (sight->to_server && sight->from_server && pkt->flags & PP_TCP_SYN
        && kind == PP_PACKET_TCP) {
        /* Who opens the connection is the client. */
        sight->from_server = pkt->flags & PP_TCP_ACK;
        sight->to_server = !sight->from_server;
        sight->proxy = (!sight->from_server ? sight->proxy
                        : from ? from->proxy : -1);
    }
    return sight->to_server || sight->from_server;
}

/* First reading: who answers where a service is? */
static void
learn(struct replay *r, size_t len)
{
    struct sight sight;

    if (look(r, len, &sight) && sight.proxy >= 0
        && sight.to_server != sight.from_server) {
        add_server(r, sight.to_server ? pp_packet_eth_dst(&sight.pkt)
                   : pp_packet_eth_src(&sight.pkt));
    }
}

/* Second reading. */

static void
write_frame(void *r_, uint32_t bridge OVS_UNUSED, const struct iovec *iov,
            int n)
{
    struct replay *r = r_;
    static uint8_t out[PP_FRAME_MAX + 64];
    struct pcap_pkthdr hdr = { .ts = r->now };
    size_t len = 0;

    for (int i = 1; i < n; i++) {
        memcpy(out + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    hdr.caplen = hdr.len = (bpf_u_int32) len;
    r->totals.n_out++;
    if (!r->dumper) {
        return;
    }
    pcap_dump((u_char *) r->dumper, &hdr, out);
}

static void
take_event(void *r_, const struct pp_ipc_event *event)
{
    struct replay *r = r_;

    pp_report_event(r->report, &r->now, event);
}

static struct pp_snapshot *
make_snapshot(struct replay *r)
{
    size_t set_size = pp_patchset_size(r->program);
    struct ofpbuf *b = ofpbuf_new(65536);
    struct pp_snapshot snap = {
        .magic = PP_SNAPSHOT_MAGIC, .version = PP_SNAPSHOT_VERSION,
        .limits = pp_limits_default(),
        .serial = 1,
    };
    struct pp_patchset *set = xzalloc(set_size);
    struct pp_snapshot *copy;

    pp_patchset_init(set, r->program);
    for (uint32_t i = 0; i < pp_program_n_patches(r->program); i++) {
        pp_patchset_set(set, r->program, i, r->config->monitor
                        ? PP_MODE_MONITOR : PP_MODE_ENFORCE);
    }
    ofpbuf_put_zeros(b, ROUND_UP(sizeof snap, 8));
    snap.sets = (struct pp_snap_part) { b->size, (uint32_t) set_size };
    ofpbuf_put(b, set, set_size);
    ofpbuf_put_zeros(b, PAD_SIZE(b->size, 8));
    free(set);

    snap.services = (struct pp_snap_part) { b->size, r->n_services };
    for (uint32_t i = 0; i < r->n_services; i++) {
        r->services[i].patchset = snap.sets.off;
        ofpbuf_put(b, &r->services[i], sizeof r->services[i]);
    }
    ofpbuf_put_zeros(b, PAD_SIZE(b->size, 8));

    snap.rows = (struct pp_snap_part) { b->size, r->n_servers };
    for (uint32_t i = 0; i < r->n_servers; i++) {
        struct pp_snap_row *row = ofpbuf_put_zeros(b, sizeof *row);

        row->kind = PP_ROW_SERVER;
        row->server.id = i + 1;
        row->server.mac = r->servers[i];
        row->server.services = (struct pp_snap_part) { 0, r->n_services };
    }
    ofpbuf_put_zeros(b, PAD_SIZE(b->size, 8));

    snap.program = (struct pp_snap_part) { b->size,
                                           (uint32_t) r->program_size };
    ofpbuf_put(b, r->program, r->program_size);
    snap.size = b->size;
    memcpy(b->data, &snap, sizeof snap);
    copy = xmemdup(b->data, b->size);   /* malloc() aligns it. */
    ofpbuf_delete(b);
    return copy;
}

static uint64_t
ms(const struct timeval *tv)
{
    return (uint64_t) tv->tv_sec * 1000 + (uint64_t) tv->tv_usec / 1000;
}

static struct timeval
at_ms(uint64_t t)
{
    return (struct timeval) {
        .tv_sec = (time_t) (t / 1000),
        .tv_usec = (suseconds_t) (t % 1000 * 1000),
    };
}

/* Lets the time pass that lies between two frames. */
static void
pass_time(struct replay *r, struct pp_pipeline *pl, const struct timeval *to)
{
    for (;;) {
        uint64_t next;

        pp_pipeline_set_time(pl, ms(&r->now), r->now.tv_sec);
        next = pp_pipeline_run_timers(pl);
        if (next >= ms(to)) {
            break;
        }
        r->now = at_ms(MAX(next, ms(&r->now) + 1));
    }
    r->now = *to;
    pp_pipeline_set_time(pl, ms(&r->now), r->now.tv_sec);
}

/* Second reading: the frame of 'len' bytes goes through the pipeline. */
static void
run_frame(struct replay *r, struct pp_pipeline *pl, size_t len)
{
    struct virtio_net_hdr vnet = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
    struct sight sight;
    bool seen = look(r, len, &sight);

    if (seen) {
        bool to_server = (sight.to_server
                          && !(sight.from_server
                               && pp_report_has(r->report, &sight.pkt,
                                                false)));

        pp_report_frame(r->report, &r->now, &sight.pkt, to_server,
                        sight.proxy, r->counters);
    }
    pp_pipeline_run(pl, 0, &vnet, r->frame, len);
    if (seen) {
        pp_report_frame_done(r->report, r->counters);
    }
}

/* Reads 'in' and calls for each frame learn(), or with 'pl' the pipeline. */
static char *
read_all(struct replay *r, struct pp_pipeline *pl, pcap_t *in)
{
    struct pcap_pkthdr *hdr;
    const u_char *data;
    int retval;

    while ((retval = pcap_next_ex(in, &hdr, &data)) == 1) {
        size_t len = make_frame(r, data, hdr->caplen);

        if (!pl) {
            learn(r, len);
            continue;
        }
        r->totals.n_in++;
        if (!len) {
            r->totals.n_other++;
        } else if (hdr->caplen < hdr->len) {
            r->totals.n_cut++;
        } else {
            if (r->totals.n_in == 1) {
                r->now = hdr->ts;
            }
            pass_time(r, pl, &hdr->ts);
            run_frame(r, pl, len);
        }
    }
    return (retval == PCAP_ERROR
            ? xasprintf("%s: %s", r->config->in, pcap_geterr(in)) : NULL);
}

static pcap_t *
open_in(struct replay *r, char **error)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *in = pcap_open_offline(r->config->in, text);

    if (!in) {
        *error = xasprintf("%s: cannot be read as a capture: %s",
                           r->config->in, text);
        return NULL;
    }
    int link = pcap_datalink(in);

    r->link = find_link_type(link);
    if (!r->link) {
        const char *name = pcap_datalink_val_to_name(link);

        *error = xasprintf("%s: link type %s is not known; Ethernet, raw IP, "
                           "BSD loopback and Linux cooked captures are",
                           r->config->in, name ? name : "?");
        pcap_close(in);
        return NULL;
    }
    return in;
}

static char *
replay(struct replay *r)
{
    static const struct pp_pipeline_ops ops = {
        .write = write_frame, .event = take_event,
    };
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, PP_FRAME_MAX + 64);
    const char *out = r->config->out;
    struct pp_snapshot *snap = make_snapshot(r);
    const char *unsound = pp_snapshot_check(snap, snap->size);
    struct pp_pipeline *pl = NULL;
    char *error = NULL;
    pcap_t *in = NULL;

    ovs_assert(!unsound);
    memset(r->counters, 0, sizeof *r->counters);
    r->dumper = out ? pcap_dump_open(dead, out) : NULL;
    if (out && !r->dumper) {
        error = xasprintf("%s: cannot be written: %s", out,
                          pcap_geterr(dead));
    } else {
        in = open_in(r, &error);
    }
    if (in) {
        pl = pp_pipeline_create(&ops, r, r->counters, 0);
        pp_pipeline_set_snapshot(pl, snap);
        error = read_all(r, pl, in);
        /* What the engine still has to do, it does until all is over. */
        for (int i = 0; i < 100000 && !error; i++) {
            uint64_t next = pp_pipeline_run_timers(pl);
            struct timeval to = at_ms(next);

            if (next == UINT64_MAX) {
                break;
            }
            pass_time(r, pl, &to);
        }
        pp_pipeline_destroy(pl);
        pcap_close(in);
    }
    if (r->dumper) {
        pcap_dump_close(r->dumper);
    }
    pcap_close(dead);
    free(snap);
    return error;
}

bool
pp_replay(const struct pp_replay *config, char **error)
{
    struct replay r = { .config = config };
    pcap_t *in = NULL;

    r.counters = xzalloc(sizeof *r.counters);
    r.frame = xmalloc(PP_FRAME_MAX);
    r.program = pp_program_build(config->pool, pp_proxies, &r.program_size,
                                 error);
    if (r.program) {
        *error = find_services(&r);
    }
    if (!*error) {
        in = open_in(&r, error);
    }
    if (in) {
        *error = read_all(&r, NULL, in);
        pcap_close(in);
    }
    if (!*error) {
        r.report = pp_report_create(r.program, config->json, config->quiet);
        *error = replay(&r);
        r.totals.in = config->in;
        r.totals.n_servers = r.n_servers;
        r.totals.n_midstream = r.counters->flow_midstream;
        if (!*error) {
            pp_report_print(r.report, &r.totals);
        }
        pp_report_destroy(r.report);
    }
    free(r.program);
    free(r.frame);
    free(r.counters);
    return !*error;
}
