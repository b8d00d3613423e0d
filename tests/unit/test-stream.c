/* SPDX-License-Identifier: Apache-2.0 */

/* The stream stage against a model.
 *
 * In: schedules made from a seed.  Two modelled TCP endpoints talk through the
 * stream stage over links that lose, repeat, delay and reorder.  The client
 * cuts its bytes anyhow, sends ranges again with other boundaries, and lies:
 * it sends other bytes when it sends again.  Out: checked after each step and
 * at the end, what each side's application reads is what was decided, and both
 * sides end in step.
 *
 * The protocol is a toy, so that the stage is alone under test.  A to-server
 * unit is a line; its first letter says what becomes of it:
 *
 *     P   passes                  D   is taken away
 *     E   each 'e' becomes "[+]", each 'k' is taken away
 *     R   is refused: the client gets "refused <line>"
 *     S   passes, and as many bytes as its number says pass unseen behind it
 *     C   is refused, and the connection is closed
 *
 * The server answers each line that it reads with "ok <line>".  PP_SEED runs
 * one schedule, PP_SCHEDULES sets how many. */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pp-ipc.h"
#include "engine/pp-stream.h"
#include "pp-reader.h"
#include "util.h"

#define STREAM_MAX (256 * 1024)
#define QUEUE_MAX 4096

/* Randomness that a seed repeats. */

static uint64_t rng;

static uint32_t
rnd(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return n ? (uint32_t) (rng >> 16) % n : 0;
}

static bool
chance(uint32_t percent)
{
    return rnd(100) < percent;
}

struct text {
    uint8_t data[STREAM_MAX];
    size_t n;
    size_t checked;             /* So many were found right. */
};

static void
put(struct text *t, const void *p, size_t n)
{
    ck_assert_msg(t->n + n <= sizeof t->data, "the schedule is too long");
    memcpy(t->data + t->n, p, n);
    t->n += n;
}

/* A modelled endpoint. */
struct end {
    struct world *w;
    enum pp_dir dir;            /* Of what it sends. */
    uint32_t isn, peer_isn;
    bool established, reset;
    uint32_t mss;
    bool use_ts;

    struct text out;            /* All that its application sends. */
    bool out_fin;               /* It closes behind that. */
    uint64_t una, nxt;          /* Acknowledged, sent. */
    uint64_t cwnd;
    uint64_t peer_edge;
    uint64_t rto_at, rto;
    bool lies;                  /* Sends other bytes when it sends again. */

    struct text in;             /* All that its application has read. */
    bool in_fin;
    struct text gaps;           /* What came out of order, at its place. */
    uint8_t have[STREAM_MAX + 1];
    uint64_t fin_at;
    uint32_t window;
};

struct frame {
    uint64_t at;
    struct end *to;             /* NULL: to the stage. */
    enum pp_dir dir;
    size_t len;
    uint8_t data[2048];
};

struct world {
    uint64_t seed;
    uint64_t now;
    struct pp_stream st;
    struct pp_output output;
    struct pp_counters *counters;
    struct pp_conn *conn;
    struct end client, server;
    struct frame *queue[QUEUE_MAX];
    size_t n_queue;
    uint32_t loss, dup, jitter;

    /* What was decided. */
    struct text to_server;      /* What the server's application must read. */
    struct text to_client;
    size_t answered;            /* Server's bytes that it answered. */
    unsigned int owed;
    bool closed;
    uint32_t skip;              /* Bytes that are to pass unseen. */
};

/* Links. */

static void
enqueue(struct world *w, struct end *to, enum pp_dir dir,
        const struct iovec *iov, int n)
{
    struct frame *f;

    if (chance(w->loss) || w->n_queue == QUEUE_MAX) {
        return;
    }
    f = xzalloc(sizeof *f);
    for (int i = 0; i < n; i++) {
        ck_assert(f->len + iov[i].iov_len <= sizeof f->data);
        memcpy(f->data + f->len, iov[i].iov_base, iov[i].iov_len);
        f->len += iov[i].iov_len;
    }
    f->to = to;
    f->dir = dir;
    f->at = w->now + 1 + rnd(w->jitter);
    w->queue[w->n_queue++] = f;
    if (chance(w->dup) && w->n_queue < QUEUE_MAX) {
        struct frame *again = xmemdup(f, sizeof *f);

        again->at += rnd(20);
        w->queue[w->n_queue++] = again;
    }
}

static void
stage_writes(void *w_, uint32_t bridge OVS_UNUSED, const struct iovec *iov,
             int n)
{
    struct world *w = w_;
    static struct pp_counters ignore;
    struct pp_packet pkt;
    uint8_t data[2048];
    size_t len = 0;
    struct virtio_net_hdr vnet;
    enum pp_dir dir;

    /* Every frame that leaves must be sound. */
    memcpy(&vnet, iov[0].iov_base, sizeof vnet);
    for (int i = 1; i < n; i++) {
        memcpy(data + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    ck_assert_int_eq(pp_packet_in(&pkt, &vnet, data, len, &ignore),
                     PP_PACKET_TCP);
    dir = pkt.dst_port == 80 ? PP_TO_SERVER : PP_FROM_SERVER;
    ck_assert_int_eq(pkt.slot, dir == PP_TO_SERVER ? 7 : 9);
    enqueue(w, dir == PP_TO_SERVER ? &w->server : &w->client, dir, iov, n);
}

static void
end_writes(void *e_, uint32_t bridge OVS_UNUSED, const struct iovec *iov,
           int n)
{
    struct end *e = e_;

    enqueue(e->w, NULL, e->dir, iov, n);
}

/* Endpoints. */

static void
end_send(struct end *e, uint64_t seq, uint8_t flags, const uint8_t *payload,
         size_t n)
{
    static const uint8_t eth[2][12] = {
        { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 },
        { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 },
    };
    struct pp_output out = { .write = end_writes, .aux = e };
    bool client = e->dir == PP_TO_SERVER;
    struct pp_segment seg = {
        .eth = eth[e->dir], .slot = client ? 7 : 9, .ttl = 64,
        .src_port = client ? 4000 : 80, .dst_port = client ? 80 : 4000,
        .seq = e->isn + 1 + (uint32_t) seq,
        .ack = e->peer_isn + 1 + (uint32_t) (e->in.n + e->in_fin),
        .window = (uint16_t) e->window, .flags = flags,
        .has_ts = e->use_ts, .tsval = (uint32_t) e->w->now, .tsecr = 1,
        .payload = payload, .payload_len = (uint32_t) n,
    };
    static struct pp_counters ignore;

    inet_pton(AF_INET6, "::ffff:10.0.0.1", client ? &seg.src : &seg.dst);
    inet_pton(AF_INET6, "::ffff:10.0.0.2", client ? &seg.dst : &seg.src);
    pp_segment_out(&seg, &out, &ignore);
}

/* Sends bytes 'from' to at most 'to'. */
static uint64_t
end_send_range(struct end *e, uint64_t from, uint64_t to, bool again)
{
    size_t n = MIN(to, e->out.n) > from ? MIN(to, e->out.n) - from : 0;
    bool fin = e->out_fin && from + n == e->out.n && to > e->out.n;
    uint8_t copy[2048];

    n = MIN(n, e->mss);
    fin = fin && from + n == e->out.n;
    if (n) {
        memcpy(copy, e->out.data + from, n);
    }
    if (again && e->lies && n && chance(40)) {
        copy[rnd((uint32_t) n)] ^= 1 + rnd(30);
    }
    if (n || fin) {
        end_send(e, from, PP_TCP_ACK | (fin ? PP_TCP_FIN : 0), copy, n);
    }
    return from + n + fin;
}

static void
end_pump(struct end *e)
{
    uint64_t total = e->out.n + e->out_fin;

    while (e->established && !e->reset && e->nxt < total
           && e->nxt < e->una + e->cwnd && e->nxt < e->peer_edge) {
        uint64_t limit = MIN(e->una + e->cwnd, e->peer_edge);
        uint64_t cut = e->nxt + 1 + rnd(e->mss);

        e->nxt = end_send_range(e, e->nxt, MIN(MIN(cut, limit), total),
                                false);
    }
    if (e->established && (e->una < e->nxt || e->nxt < total) && !e->rto_at) {
        e->rto_at = e->w->now + e->rto;
    }
}

static void
end_timer(struct end *e)
{
    if (!e->rto_at || e->w->now < e->rto_at || e->reset) {
        return;
    }
    e->rto = MIN(e->rto * 2, 3000);
    e->rto_at = e->w->now + e->rto;
    if (!e->established) {
        if (e->dir == PP_TO_SERVER) {
            end_send(e, UINT64_MAX, PP_TCP_SYN, NULL, 0);
        }
    } else if (e->una < e->nxt) {
        uint64_t to = chance(50) ? e->nxt : e->una + 1 + rnd(e->mss);

        end_send_range(e, e->una, MIN(to, e->nxt), true);
        e->cwnd = MAX(e->mss, e->cwnd / 2);
    } else if (e->nxt < e->out.n) {
        /* A window that stayed shut is probed (RFC 9293 3.8.6.1). */
        e->nxt = end_send_range(e, e->nxt, e->nxt + 1, false);
    } else {
        e->rto_at = 0;
    }
}

/* The server's application. */
static void
serve(struct end *e)
{
    struct world *w = e->w;
    uint8_t *nl;

    /* It answers each line, as they come; 'S' bodies have no newlines. */
    while ((nl = memchr(e->in.data + w->answered, '\n',
                        e->in.n - w->answered))) {
        size_t n = (size_t) (nl + 1 - (e->in.data + w->answered));

        put(&e->out, "ok ", 3);
        put(&e->out, e->in.data + w->answered, n);
        w->answered += n;
    }
    if (e->in_fin) {
        e->out_fin = true;
    }
}

static void
end_take(struct end *e, const struct pp_packet *pkt)
{
    struct world *w = e->w;
    uint64_t ack, seq, len;

    if (pkt->flags & PP_TCP_RST) {
        e->reset = true;
        return;
    }
    if (pkt->flags & PP_TCP_SYN) {
        e->peer_isn = pkt->seq;
        if (e->dir == PP_FROM_SERVER) {
            end_send(e, UINT64_MAX, PP_TCP_SYN | PP_TCP_ACK, NULL, 0);
        } else if (!e->established) {
            e->established = true;
            e->peer_edge = pkt->window;
            e->rto_at = 0;
            end_send(e, 0, PP_TCP_ACK, NULL, 0);
        } else {
            end_send(e, e->nxt, PP_TCP_ACK, NULL, 0);
        }
        return;
    }
    if (e->dir == PP_FROM_SERVER) {
        e->established = true;
    } else if (!e->established) {
        return;
    }
    ack = e->nxt + (uint64_t) (int64_t) (int32_t)
          (pkt->ack - (e->isn + 1 + (uint32_t) e->nxt));
    ck_assert_msg((int64_t) ack <= (int64_t) e->nxt,
                  "seed %llu: %s gets an acknowledgement of %lld, sent %llu",
                  (unsigned long long) w->seed,
                  e->dir ? "server" : "client", (long long) ack,
                  (unsigned long long) e->nxt);
    if ((int64_t) ack > (int64_t) e->una) {
        e->cwnd = MIN(e->cwnd + (ack - e->una), 20000);
        e->una = ack;
        e->rto = 250;
        e->rto_at = e->una < e->nxt ? w->now + e->rto : 0;
    }
    if ((int64_t) ack >= 0) {
        e->peer_edge = MAX(e->peer_edge, ack + pkt->window);
    }
    len = pkt->payload_len + !!(pkt->flags & PP_TCP_FIN);
    seq = e->in.n + (uint64_t) (int64_t) (int32_t)
          (pkt->seq - (e->peer_isn + 1 + (uint32_t) e->in.n));
    if (!len) {
        if ((int64_t) seq < (int64_t) (e->in.n + e->in_fin)) {
            end_send(e, e->nxt, PP_TCP_ACK, NULL, 0);
        }
        return;
    }
    for (uint32_t i = 0; i < pkt->payload_len; i++) {
        uint64_t at = seq + i;

        if ((int64_t) at >= (int64_t) e->in.n && at < sizeof e->have
            && !e->have[at]) {
            e->have[at] = 1;
            e->gaps.data[at] = pkt->data[pkt->payload + i];
        }
    }
    if (pkt->flags & PP_TCP_FIN) {
        e->fin_at = seq + pkt->payload_len;
    }
    while (e->have[e->in.n]) {
        put(&e->in, &e->gaps.data[e->in.n], 1);
    }
    if (e->in.n == e->fin_at) {
        e->in_fin = true;
    }
    if (e->dir == PP_FROM_SERVER) {
        serve(e);
    }
    end_send(e, e->nxt, PP_TCP_ACK, NULL, 0);
}

/* The toy protocol. */

static uint8_t reply[4096];

static void
edit_line(struct world *w, const uint8_t *line, size_t n,
          struct pp_edits *edits)
{
    edits->n = 0;
    for (size_t i = 1; i < n; i++) {
        if (edits->n == PP_EDITS_MAX) {
            put(&w->to_server, line + i, 1);
        } else if (line[i] == 'e') {
            edits->e[edits->n++] = (struct pp_edit) {
                .off = (uint32_t) i, .removed = 1,
                .ins = { .p = (const uint8_t *) "[+]", .n = 3 },
            };
            put(&w->to_server, "[+]", 3);
        } else if (line[i] == 'k') {
            edits->e[edits->n++] = (struct pp_edit) {
                .off = (uint32_t) i, .removed = 1,
            };
        } else {
            put(&w->to_server, line + i, 1);
        }
    }
}

static void
toy_step(struct world *w, const struct pp_view *view, struct pp_step *step)
{
    static struct pp_edits edits;
    const uint8_t *nl = memchr(view->base, '\n', view->len);
    size_t n = nl ? (size_t) (nl + 1 - view->base) : 0;
    uint8_t kind = view->base[0];

    if (w->skip) {
        *step = (struct pp_step) { .kind = PP_STEP_SKIP, .count = w->skip };
        put(&w->to_server,
            w->client.out.data + w->conn->half[PP_TO_SERVER].decided,
            w->skip);
        w->skip = 0;
        return;
    }
    *step = (struct pp_step) { .kind = PP_STEP_MORE };
    if (!nl) {
        if (view->eof) {
            put(&w->to_server, view->base, view->len);
            *step = (struct pp_step) { .kind = PP_STEP_PASS,
                                       .count = view->len };
        }
        return;
    }
    if ((kind == 'R' || kind == 'C') && w->owed) {
        step->kind = PP_STEP_WAIT;
        return;
    }
    *step = (struct pp_step) { .kind = PP_STEP_PASS, .count = n };
    switch (kind) {
    case 'D':
        step->kind = PP_STEP_SWALLOW;
        break;

    case 'E':
        w->owed++;
        put(&w->to_server, "E", 1);
        edit_line(w, view->base, n, &edits);
        step->edits = &edits;
        break;

    case 'R':
    case 'C':
        step->kind = PP_STEP_REFUSE;
        step->close = kind == 'C';
        w->closed |= step->close;
        memcpy(reply, "refused ", 8);
        memcpy(reply + 8, view->base, n);
        step->reply = (struct pp_bytes) { .p = reply, .n = n + 8 };
        put(&w->to_client, reply, n + 8);
        break;

    default:
        w->owed++;
        put(&w->to_server, view->base, n);
        if (kind == 'S') {
            w->skip = (uint32_t) strtoul((const char *) view->base + 1, NULL,
                                         10);
        }
        break;
    }
}

static void
observe_step(struct world *w, const struct pp_view *view,
             struct pp_step *step)
{
    const uint8_t *nl = memchr(view->base, '\n', view->len);

    *step = (struct pp_step) { .kind = PP_STEP_MORE };
    if (nl) {
        size_t n = (size_t) (nl + 1 - view->base);

        *step = (struct pp_step) { .kind = PP_STEP_PASS, .count = n };
        put(&w->to_client, view->base, n);
        ck_assert_uint_gt(w->owed, 0);
        w->owed--;
    }
}

static bool
decide(struct world *w, enum pp_dir dir)
{
    struct pp_step step = { .kind = PP_STEP_MORE };
    struct pp_view view;

    while (pp_stream_view(&w->st, dir, &view)) {
        if (dir == PP_TO_SERVER) {
            toy_step(w, &view, &step);
        } else {
            observe_step(w, &view, &step);
        }
        if (step.kind == PP_STEP_MORE || step.kind == PP_STEP_WAIT) {
            break;
        }
        pp_stream_apply(&w->st, dir, &view, &step, PP_FAIL_OPEN);
        if (w->conn->state == PP_CONN_CLOSING) {
            return false;
        }
    }
    pp_stream_out(&w->st, dir);
    return true;
}

static void
inspect(struct world *w, enum pp_dir dir)
{
    if (decide(w, dir) && dir == PP_FROM_SERVER) {
        decide(w, PP_TO_SERVER);
    }
}

static void
stage_takes(struct world *w, struct frame *f)
{
    struct virtio_net_hdr vnet;
    struct pp_held *held = NULL;
    struct pp_packet pkt;

    memcpy(&vnet, f->data, sizeof vnet);
    ck_assert_int_eq(pp_packet_in(&pkt, &vnet, f->data + sizeof vnet,
                                  f->len - sizeof vnet, w->counters),
                     PP_PACKET_TCP);
    if (pp_stream_in(&w->st, w->conn, f->dir, &pkt)) {
        inspect(w, f->dir);
    }
    while (pp_stream_next(&w->st, &pkt, &held)) {
        inspect(w, w->st.dir);
        free(held);
    }
    pp_stream_done(&w->st, w->conn);
}

/* Schedules. */

static void
write_lines(struct end *e)
{
    static const char kinds[] = "PPPDEERRPE";
    unsigned int lines = 1 + rnd(30);

    for (unsigned int i = 0; i < lines; i++) {
        char kind = kinds[rnd(sizeof kinds - 1)];
        uint32_t len = chance(10) ? rnd(3000) : rnd(60);

        if (i + 1 == lines && chance(20)) {
            kind = 'C';
        }
        put(&e->out, &kind, 1);
        for (uint32_t j = 0; j < len; j++) {
            char c = "abcdefghijk "[rnd(12)];

            put(&e->out, &c, 1);
        }
        put(&e->out, "\n", 1);
        if (!e->lies && chance(15)) {
            /* Bytes that pass unseen; lies about them nobody can see. */
            uint32_t n = rnd(chance(30) ? 20000 : 300);
            char text[16];

            snprintf(text, sizeof text, "S%u\n", n);
            put(&e->out, text, strlen(text));
            for (uint32_t j = 0; j < n; j++) {
                char c = "ABCDEFGHIJKL"[rnd(12)];

                put(&e->out, &c, 1);
            }
        }
    }
}

static void
start(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    rnd(1);
    w->seed = seed;
    w->counters = xzalloc(sizeof *w->counters);
    w->output = (struct pp_output) { .write = stage_writes, .aux = w };
    pp_stream_init(&w->st, &w->output, w->counters);
    w->conn = xzalloc(sizeof *w->conn);
    pp_stream_conn_init(w->conn);
    inet_pton(AF_INET6, "::ffff:10.0.0.1", &w->conn->key.client);
    inet_pton(AF_INET6, "::ffff:10.0.0.2", &w->conn->key.service);
    w->conn->key.client_port = 4000;
    w->conn->key.service_port = 80;

    w->loss = chance(50) ? rnd(20) : 0;
    w->dup = chance(50) ? rnd(15) : 0;
    w->jitter = chance(60) ? 1 + rnd(40) : 1;
    for (int i = 0; i < 2; i++) {
        struct end *e = i ? &w->server : &w->client;

        e->w = w;
        e->dir = i;
        e->isn = chance(30) ? UINT32_MAX - rnd(2000)
                 : (uint32_t) rnd(UINT32_MAX);
        e->mss = chance(30) ? 8 + rnd(60) : 100 + rnd(1300);
        e->cwnd = chance(30) ? e->mss : 4 * e->mss;
        e->window = chance(20) ? 200 + rnd(2000) : 65535;
        e->rto = 250;
        e->fin_at = UINT64_MAX;
    }
    w->client.use_ts = w->server.use_ts = chance(50);
    w->client.lies = chance(40);
    write_lines(&w->client);
    w->client.out_fin = chance(60);
    end_send(&w->client, UINT64_MAX, PP_TCP_SYN, NULL, 0);
    w->client.rto_at = w->now + w->client.rto;
}

static void
finish(struct world *w)
{
    for (size_t i = 0; i < w->n_queue; i++) {
        free(w->queue[i]);
    }
    pp_stream_conn_destroy(&w->st, w->conn);
    ck_assert_msg(w->st.held == 0, "seed %llu: %llu bytes are lost track of",
                  (unsigned long long) w->seed,
                  (unsigned long long) w->st.held);
    pp_stream_destroy(&w->st);
    free(w->conn);
    free(w->counters);
}

static void
check_prefix(struct world *w, const char *who, struct text *got,
             const struct text *want)
{
    size_t n = MIN(got->n, want->n);
    size_t i = MIN(got->checked, n);

    while (i < n && got->data[i] == want->data[i]) {
        i++;
    }
    got->checked = i;
    /* From-server bytes pass before the line that they belong to is whole. */
    if (i < n || (got->n > want->n && want == &w->to_server)) {
        ck_abort_msg("seed %llu, t %llu: the %s reads at %zu '%.40s', not "
                     "'%.40s' (%zu of %zu bytes)",
                     (unsigned long long) w->seed,
                     (unsigned long long) w->now, who, i,
                     (const char *) got->data + i,
                     (const char *) want->data + i, got->n, want->n);
    }
}

static bool
is_over(const struct world *w)
{
    const struct end *c = &w->client;
    const struct end *s = &w->server;

    if (w->closed) {
        return c->in_fin && c->in.n == w->to_client.n
               && s->in.n == w->to_server.n && s->in_fin;
    }
    return (c->una == c->out.n + c->out_fin && s->una == s->out.n + s->out_fin
            && s->in.n == w->to_server.n && c->in.n == w->to_client.n
            && (!c->out_fin || (s->in_fin && c->in_fin)));
}

/* Runs until both sides are done. */
static void
run_schedule(struct world *w)
{
    const uint64_t limit = 8000000;

    while (w->now < limit) {
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < w->n_queue;) {
            struct frame *f = w->queue[i];

            if (f->at > w->now) {
                next = MIN(next, f->at);
                i++;
                continue;
            }
            w->queue[i] = w->queue[--w->n_queue];
            if (!f->to) {
                stage_takes(w, f);
            } else {
                struct virtio_net_hdr vnet;
                struct pp_packet pkt;

                memcpy(&vnet, f->data, sizeof vnet);
                pp_packet_in(&pkt, &vnet, f->data + sizeof vnet,
                             f->len - sizeof vnet, w->counters);
                end_take(f->to, &pkt);
            }
            free(f);
            i = 0;
        }
        w->st.now = w->now;
        if (pp_stream_run_timers(&w->st)) {
            w->conn->close_at = 0;
        }
        end_timer(&w->client);
        end_timer(&w->server);
        end_pump(&w->client);
        end_pump(&w->server);
        check_prefix(w, "server", &w->server.in, &w->to_server);
        check_prefix(w, "client", &w->client.in, &w->to_client);
        if (is_over(w)) {
            return;
        }
        for (size_t i = 0; i < w->n_queue; i++) {
            next = MIN(next, w->queue[i]->at);
        }
        next = MIN(next, w->client.rto_at ? w->client.rto_at : UINT64_MAX);
        next = MIN(next, w->server.rto_at ? w->server.rto_at : UINT64_MAX);
        next = MIN(next, pp_stream_deadline(&w->st));
        w->now = MAX(w->now + 1, MIN(next, limit));
    }
    ck_abort_msg("seed %llu: stalled; client sent %llu, %llu acknowledged, "
                 "read %zu of %zu, fin %d; server sent %llu of %zu, %llu "
                 "acknowledged, read %zu of %zu, fin %d; closed %d; owed %u",
                 (unsigned long long) w->seed,
                 (unsigned long long) w->client.nxt,
                 (unsigned long long) w->client.una, w->client.in.n,
                 w->to_client.n, w->client.in_fin,
                 (unsigned long long) w->server.nxt, w->server.out.n,
                 (unsigned long long) w->server.una, w->server.in.n,
                 w->to_server.n, w->server.in_fin, w->closed, w->owed);
}

START_TEST(test_model)
{
    const char *seed = getenv("PP_SEED");
    const char *schedules = getenv("PP_SCHEDULES");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    uint64_t n = seed ? 1 : schedules ? strtoull(schedules, NULL, 10) : 500;
    struct world *w = xmalloc(sizeof *w);
    uint64_t conflicts = 0;
    uint64_t edits = 0;

    for (uint64_t i = first; i < first + n; i++) {
        start(w, i);
        run_schedule(w);
        conflicts += w->counters->stream_conflict;
        edits += w->counters->stream_rebuilt;
        finish(w);
    }
    printf("%llu schedules, %llu segments rebuilt, %llu lies seen\n",
           (unsigned long long) n, (unsigned long long) edits,
           (unsigned long long) conflicts);
    if (n >= 500) {
        ck_assert_uint_gt(edits, 0);
        ck_assert_uint_gt(conflicts, 0);
    }
    free(w);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tc = tcase_create("model");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 0);
    tcase_add_test(tc, test_model);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
