/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the whole pipeline, with every proxy and all patches in force.
 *
 * In: records, see pipeline-records.h.  Frames are made from them whose
 * numbers fit the connection unless a record says otherwise, so that
 * connections are really opened, and everything behind the handshake is
 * reached.  Out: nothing; aborts where what leaves is no sound frame, where
 * more leaves than came and was put in, where a bound is not kept, or where
 * the server gets what it must not (pipeline-mirror.h).
 *
 * The pipeline is made once and cleared before each input. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "csum.h"
#include "patch/pp-pool.h"
#include "pipeline-mirror.h"
#include "pipeline-records.h"
#include "registry.h"
#include "tests/unit/pipeline-driver.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ASSERT(X) do { if (!(X)) { abort(); } } while (0)

#define CLIENT_ISN 1000
#define SERVER_ISN 5000

/* What one frame, or the passing of time, may bring forth besides what is held
 * and what came: a few acknowledgements, what is sent again, and replies. */
#define MORE_FRAMES 512
#define MORE_BYTES (256 * 1024)

static const struct pp_limits small = {
    .conns = 4, .held_conn = 128 * 1024, .held_total = 128 * 1024, .edits = 8,
    .datagram_fragments = 40, .datagram_bytes = 32 * 1024, .datagrams = 4,
    .datagrams_total = 64 * 1024,
};

/* The connection over IPv4, and the one over IPv6. */
struct both {
    uint32_t next[2];           /* Sequence numbers, by direction. */
    uint32_t acked[2];          /* What the other side has of it. */
    uint16_t window[2];
    bool opened;                /* Once. */
    struct mirror *mirror;
};

struct run {
    struct driver *d;
    const struct pp_proxy *proxy;
    uint16_t port;
    struct both both[2];        /* By whether it is IPv6. */
    bool raw;                   /* Frames came that nobody made sound. */
    size_t n_in, n_in_frames;   /* Bytes and frames of the record at hand. */
};

/* Set-up. */

/* The proxy for clients of 'port'; sets '*port' to its usual one. */
static const struct pp_proxy *
find_proxy(uint16_t *port)
{
    const struct pp_proxy *proxy = pp_proxies[*port % pp_proxies_count()];

    for (size_t i = 0; pp_proxies[i]; i++) {
        if (pp_proxies[i]->ports[0] == *port) {
            proxy = pp_proxies[i];
        }
    }
    *port = proxy->ports[0];
    return proxy;
}

static struct driver *
make_driver(uint8_t how)
{
    struct pp_snap_service services[PP_PROXIES_MAX];
    struct pp_pool *pool;
    struct driver *d;
    uint32_t n = 0;

    for (; pp_proxies[n]; n++) {
        services[n] = (struct pp_snap_service) {
            .port = pp_proxies[n]->ports[0],
            .transport = (uint8_t) pp_proxies[n]->transport,
            .proxy = (uint8_t) n,
            .fail = how & RECORDS_CLOSED ? PP_FAIL_CLOSED : PP_FAIL_OPEN,
            .opaque = (how & RECORDS_REFUSE ? PP_OPAQUE_REFUSE
                       : PP_OPAQUE_PASS),
        };
    }
    setenv("PP_SRCDIR", PP_TOP_SRCDIR, 0);
    pool = driver_pool(NULL);
    d = driver_create(pool, how & RECORDS_MONITOR ? PP_MODE_MONITOR
                      : PP_MODE_ENFORCE, services, n);
    pp_pool_unref(pool);
    pp_pipeline_set_limits(d->pl, &small);
    return d;
}

/* A pipeline with nothing in it, and mirrors.  In monitor mode nothing is to
 * be found in these. */
static void
run_init(struct run *run, const struct records *in)
{
    static struct driver *drivers[8];
    static struct mirror *mirrors[ARRAY_SIZE(drivers)][2];
    uint8_t how = in->how & (RECORDS_MONITOR | RECORDS_CLOSED
                             | RECORDS_REFUSE);

    if (!drivers[how]) {
        drivers[how] = make_driver(how);
    }
    driver_reset(drivers[how]);
    *run = (struct run) { .d = drivers[how], .port = in->port };
    run->proxy = find_proxy(&run->port);
    for (int i = 0; i < 2; i++) {
        struct both *both = &run->both[i];

        if (!mirrors[how][i]) {
            mirrors[how][i] = mirror_create(run->d->program,
                                            &run->d->n_events,
                                            how & RECORDS_REFUSE);
        }
        both->mirror = mirrors[how][i];
        mirror_reset(both->mirror);
        both->opened = how & RECORDS_MONITOR;
        both->window[0] = both->window[1] = UINT16_MAX;
    }
}

/* What leaves. */

/* What the engine says of the connection: that it knows it, that it has just
 * begun, that it passes as what is bad, that it is looked at, and that the
 * engine has ended it. */
struct wanted {
    bool ipv6, there, opening, passes, inspected, cut;
};

static void
see_conn(void *wanted_, struct pp_ipc_conn *conn)
{
    struct wanted *wanted = wanted_;

    if (IN6_IS_ADDR_V4MAPPED(&conn->client.ip) != wanted->ipv6) {
        wanted->there = true;
        wanted->opening = conn->state == PP_CONN_OPENING;
        wanted->passes = conn->state == PP_CONN_UNINSPECTED;
        wanted->inspected = (wanted->opening
                             || conn->state == PP_CONN_INSPECTED
                             || conn->state == PP_CONN_CLOSING);
        wanted->cut = conn->state == PP_CONN_CLOSING;
    }
}

/* What the engine rightly leaves alone is no matter of the mirror's. */
static void
close_mirrors(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        struct mirror *m = run->both[i].mirror;
        struct wanted wanted = { .ipv6 = i };

        if (mirror_is_on(m)) {
            bool another;

            pp_pipeline_list(run->d->pl, small.conns, see_conn, &wanted);
            /* What was refused had begun: this has its ports. */
            another = wanted.opening && !mirror_is_open(m);
            if (!wanted.there || another || wanted.passes || run->raw) {
                mirror_reset(m);
            } else if (!wanted.inspected
                       || run->d->counters->stream_hold_full) {
                mirror_close(m);
            } else if (wanted.cut) {
                mirror_cut(m);
            }
        }
    }
}

static void
check_tcp(struct run *run, const struct pp_packet *pkt)
{
    enum pp_dir dir = pkt->slot == SERVER_SLOT;
    struct both *both = &run->both[pkt->ipv6];
    uint32_t end = (pkt->seq + pkt->payload_len
                    + !!(pkt->flags & (PP_TCP_SYN | PP_TCP_FIN)));

    ASSERT(run->raw || pkt->ipv6
           || !csum(pkt->data + pkt->l3, (pkt->data[pkt->l3] & 0xf) * 4));
    if ((int32_t) (end - both->acked[dir]) > 0
        && !(pkt->flags & PP_TCP_RST)) {
        both->acked[dir] = end;
    }
    if (dir == PP_TO_SERVER) {
        mirror_to_server(both->mirror, pkt);
    }
}

/* Looks at what left. */
static void
check_out(struct run *run)
{
    static struct pp_counters ignore;
    struct driver *d = run->d;
    size_t n_bytes = 0;

    close_mirrors(run);
    for (size_t i = 0; i < d->n_out; i++) {
        struct frame *f = d->out[i];
        enum pp_packet_kind kind;
        struct pp_packet pkt;

        kind = pp_packet_in(&pkt, &f->vnet, f->data, f->len, &ignore);
        ASSERT(kind != PP_PACKET_BAD);
        ASSERT(run->raw || kind == PP_PACKET_TCP || kind == PP_PACKET_UDP
               || kind == PP_PACKET_FRAGMENT);
        ASSERT(kind != PP_PACKET_FRAGMENT
               || !mirror_is_open(run->both[pkt.ipv6].mirror));
        if (kind == PP_PACKET_TCP) {
            check_tcp(run, &pkt);
        }
        n_bytes += f->len;
    }
    ASSERT(d->n_out <= run->n_in_frames + MORE_FRAMES);
    ASSERT(n_bytes <= run->n_in + MORE_BYTES);
    driver_forget(d);
    ASSERT(d->counters->conns <= small.conns);
    ASSERT(d->counters->held_bytes <= small.held_total);
    run->n_in = run->n_in_frames = 0;
}

/* What comes. */

static void
feed(struct run *run, const struct frame *f)
{
    run->n_in += f->len;
    run->n_in_frames++;
    driver_run(run->d, f);
}

static void
send_frame(struct run *run, struct frame *f, const struct record *rec)
{
    size_t header = f->data[FRAME_L3] >> 4 == 6 ? 40 : 20;

    if (rec->how & RECORD_CUT) {
        uint32_t id = run->both[header == 40].next[0];
        size_t n;
        struct frame **parts = frame_cut(f, header, id,
                                         8 * (1 + (size_t) rec->cut), &n);

        for (size_t i = 0; i < n; i++) {
            feed(run, parts[rec->how & RECORD_BACKWARDS ? n - 1 - i : i]);
        }
        for (size_t i = 0; i < n; i++) {
            free(parts[i]);
        }
        free(parts);
    } else {
        if (rec->how & RECORD_PARTIAL) {
            f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        }
        feed(run, f);
    }
    check_out(run);
}

/* What the mirror is to know of a segment that is about to come.  'offset' is
 * where it stands from what came before. */
static void
show_mirror(struct both *both, const struct record *rec,
            const struct pp_segment *seg, int offset)
{
    struct mirror *m = both->mirror;
    uint8_t odd = PP_TCP_SYN | PP_TCP_RST | PP_TCP_URG;
    bool from_server = rec->how & RECORD_FROM_SERVER;
    bool fin = seg->flags & PP_TCP_FIN;

    if (seg->flags & PP_TCP_SYN
        || (seg->flags & PP_TCP_RST && rec->how & RECORD_CUT)) {
        /* Perhaps another connection; fragments may leave. */
        mirror_close(m);
    }
    if (!from_server) {
        return;
    }
    if (offset || rec->how & RECORD_CUT || seg->flags & odd) {
        /* Which bytes of the server's the engine took is not known. */
        mirror_close(m);
    } else if (seg->payload_len || fin) {
        mirror_from_server(m, seg->payload, seg->payload_len, fin);
    }
    /* The room that it makes is for what leaves from now on. */
    if (seg->flags & PP_TCP_ACK) {
        mirror_acked(m, seg->ack, seg->window);
    }
}

static void
send_segment(struct run *run, const struct record *rec, int offset, int ack,
             uint8_t flags)
{
    enum pp_dir dir = rec->how & RECORD_FROM_SERVER ? PP_FROM_SERVER
                      : PP_TO_SERVER;
    bool ipv6 = rec->how & RECORD_IPV6;
    struct both *both = &run->both[ipv6];
    struct pp_segment seg = frame_segment(dir, ipv6, run->port);
    static struct frame f;

    seg.seq = both->next[dir] + (uint32_t) offset;
    seg.ack = both->acked[!dir] + (uint32_t) ack;
    seg.window = both->window[dir];
    seg.flags = flags;
    seg.payload = rec->bytes.p;
    seg.payload_len = (uint32_t) rec->bytes.n;
    if (!offset) {
        both->next[dir] += seg.payload_len
                           + !!(flags & (PP_TCP_SYN | PP_TCP_FIN));
    }
    show_mirror(both, rec, &seg, offset);
    frame_make(&f, &seg);
    send_frame(run, &f, rec);
}

static void
send_datagram(struct run *run, const struct record *rec)
{
    struct frame *f = frame_udp(rec->how & RECORD_FROM_SERVER ? PP_FROM_SERVER
                                : PP_TO_SERVER, rec->how & RECORD_IPV6,
                                run->port, rec->bytes.p, rec->bytes.n);

    send_frame(run, f, rec);
    free(f);
}

static void
handshake(struct run *run, const struct record *rec)
{
    bool ipv6 = rec->how & RECORD_IPV6;
    struct both *both = &run->both[ipv6];
    const struct record client = { .how = rec->how & RECORD_IPV6 };
    const struct record server = {
        .how = (uint8_t) (client.how | RECORD_FROM_SERVER),
    };

    both->next[0] = CLIENT_ISN;
    both->next[1] = SERVER_ISN;
    both->acked[0] = both->acked[1] = 0;
    send_segment(run, &client, 0, 0, PP_TCP_SYN);
    both->acked[0] = both->next[0];
    send_segment(run, &server, 0, 0, PP_TCP_SYN | PP_TCP_ACK);
    both->acked[1] = both->next[1];
    if (!both->opened) {
        struct pp_segment seg = frame_segment(PP_TO_SERVER, ipv6, run->port);
        struct pp_ends ends = {
            .client_port = seg.src_port, .server_port = seg.dst_port,
        };

        memcpy(ends.client, &seg.src, sizeof ends.client);
        memcpy(ends.server, &seg.dst, sizeof ends.server);
        mirror_open(both->mirror, run->proxy, &ends, CLIENT_ISN,
                    both->window[1]);
        both->opened = true;
    }
    send_segment(run, &client, 0, 0, PP_TCP_ACK);
}

/* A frame of any bytes. */
static void
send_raw(struct run *run, struct pp_bytes bytes)
{
    static struct frame f;

    run->raw = true;
    if (bytes.n >= sizeof f.vnet) {
        memcpy(&f.vnet, bytes.p, sizeof f.vnet);
        f.len = bytes.n - sizeof f.vnet;
        memcpy(f.data, bytes.p + sizeof f.vnet, f.len);
        feed(run, &f);
        check_out(run);
    }
}

static void
take_record(struct run *run, const struct record *rec)
{
    bool udp = run->proxy->transport == PP_UDP;

    switch (record_kind(rec)) {
    case RECORD_HANDSHAKE:
        handshake(run, rec);
        break;

    case RECORD_BYTES:
        if (udp) {
            send_datagram(run, rec);
        } else {
            send_segment(run, rec, 0, 0, PP_TCP_ACK);
        }
        break;

    case RECORD_SEGMENT:
        send_segment(run, rec, rec->seq, rec->ack, rec->flags);
        break;

    case RECORD_TIME:
        driver_pass_time(run->d, 16u * rec->number);
        check_out(run);
        break;

    case RECORD_RAW:
        send_raw(run, rec->bytes);
        break;

    case RECORD_ACK:
        send_segment(run, rec, 0, 0, PP_TCP_ACK);
        break;

    case RECORD_WINDOW:
        run->both[!!(rec->how & RECORD_IPV6)]
            .window[!!(rec->how & RECORD_FROM_SERVER)] = rec->number;
        break;

    case RECORD_NONE:
    default:
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct records in;
    struct run run;

    records_parse(&in, data, size);
    run_init(&run, &in);
    for (size_t i = 0; i < in.n; i++) {
        take_record(&run, &in.r[i]);
    }
    /* All timers that there are. */
    for (int i = 0; i < 20; i++) {
        driver_pass_time(run.d, 10000);
        check_out(&run);
    }
    return 0;
}
