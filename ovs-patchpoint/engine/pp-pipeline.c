/* SPDX-License-Identifier: Apache-2.0 */

/* The pipeline: see pp-pipeline.h.
 *
 * In: frames.  Out: frames and events.  Runs in the engine and in the offline
 * tool; owns the stages' state. */

#include <config.h>

#include "engine/pp-pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pp-cut.h"
#include "engine/pp-flow.h"
#include "engine/pp-hearing.h"
#include "engine/pp-handover.h"
#include "engine/pp-inspect.h"
#include "engine/pp-ledger.h"
#include "engine/pp-reassembly.h"
#include "engine/pp-stream-udp.h"
#include "patch/pp-program.h"
#include "registry.h"
#include "util.h"

/* Steps for one packet: far more than any packet has units. */
#define STEPS_MAX (1 << 20)

struct pp_pipeline {
    struct pp_pipeline_ops ops;
    void *aux;
    struct pp_counters *counters;
    struct pp_output output;
    struct pp_reassembly reassembly;
    struct pp_flow flow;
    struct pp_stream stream;
    struct pp_ledger ledger;
    struct pp_cut cut;
    struct pp_handover handover;
    struct pp_stream_udp udp;
    struct pp_hearing hearing;
    struct pp_inspector *inspector;
};

static void
fill_ends(struct pp_ipc_addr *client, struct pp_ipc_addr *service,
          const struct pp_conn *conn)
{
    const struct pp_conn_key *key = &conn->head.key;

    client->ip = key->client;
    client->port = key->client_port;
    service->ip = key->service;
    service->port = key->service_port;
}

/* A condition held on a connection. */
static void
report(void *pl_, void *conn_, const struct pp_hit_report *hit)
{
    struct pp_pipeline *pl = pl_;
    const struct pp_conn *conn = conn_;
    struct pp_ipc_event event = {
        .server = conn->head.key.server,
        .patch = pp_snapshot_number(pl->flow.snapshot, hit->patch),
        .rule = hit->rule,
        .monitor = hit->monitor,
        .kind = hit->kind,
        .proxy = pp_proxy_index(conn->head.proxy),
        .udp = conn->head.proxy->transport == PP_UDP,
        .n_values = hit->n_values,
    };

    fill_ends(&event.client, &event.service, conn);
    if (hit->n_values) {
        memcpy(event.values, hit->values,
               hit->n_values * sizeof *hit->values);
    }
    pl->counters->patch_hits[event.patch]++;
    pl->ops.event(pl->aux, &event);
}

void
pp_pipeline_set_event_values(struct pp_pipeline *pl, unsigned int n)
{
    pp_inspector_set_event_values(pl->inspector, n);
}

/* The server of a connection has said what it is. */
static void
said(void *pl_, void *conn_, const char *text)
{
    struct pp_pipeline *pl = pl_;
    const struct pp_conn *conn = conn_;
    struct pp_ipc_addr client;
    struct pp_ipc_said word = {
        .server = conn->head.key.server,
        .proxy = pp_proxy_index(conn->head.proxy),
    };

    fill_ends(&client, &word.service, conn);
    ovs_strlcpy(word.text, text, sizeof word.text);
    if (pp_hearing_is_news(&pl->hearing, &word, pl->stream.now)
        && pl->ops.said(pl->aux, &word)) {
        pp_hearing_told(&pl->hearing, &word, pl->stream.now);
        pl->counters->proxy_said++;
    }
}

static const struct pp_snap_server *
server_of(void *pl_, const struct pp_conn *conn)
{
    const struct pp_pipeline *pl = pl_;

    return pp_flow_server(&pl->flow, conn);
}

struct pp_pipeline *
pp_pipeline_create(const struct pp_pipeline_ops *ops, void *aux,
                   struct pp_counters *counters, uint32_t basis)
{
    struct pp_pipeline *pl = xzalloc(sizeof *pl);

    pl->ops = *ops;
    pl->aux = aux;
    pl->counters = counters;
    pl->output = (struct pp_output) { .write = ops->write, .aux = aux };
    pp_reassembly_init(&pl->reassembly, counters, basis);
    pp_flow_init(&pl->flow, basis);
    pp_stream_init(&pl->stream, &pl->output, counters);
    pp_cut_init(&pl->cut, &pl->flow, &pl->stream, counters);
    pp_handover_init(&pl->handover, &pl->flow, &pl->stream, counters);
    pl->ledger.server = server_of;
    pl->ledger.aux = pl;
    pl->stream.ledger = &pl->ledger;
    pp_stream_udp_init(&pl->udp, &pl->output, counters);
    pl->inspector = pp_inspector_create(report);
    pp_inspector_set_aux(pl->inspector, pl);
    if (ops->said) {
        pp_hearing_init(&pl->hearing, basis);
        pp_inspector_set_said(pl->inspector, said);
    }
    pl->flow.inspector = pl->inspector;
    pp_inspector_set_counters(pl->inspector, counters);
    return pl;
}

void
pp_pipeline_destroy(struct pp_pipeline *pl)
{
    if (pl) {
        pl->ledger.region = NULL;       /* For the next engine. */
        pp_reassembly_destroy(&pl->reassembly);
        pp_flow_destroy(&pl->flow, &pl->stream);
        pp_stream_destroy(&pl->stream);
        pp_stream_udp_destroy(&pl->udp);
        pp_cut_destroy(&pl->cut);
        pp_inspector_destroy(pl->inspector);
        free(pl);
    }
}

void
pp_pipeline_clear(struct pp_pipeline *pl)
{
    pp_stream_without_packet(&pl->stream, NULL);
    pp_reassembly_clear(&pl->reassembly);
    pp_cut_clear(&pl->cut);
    pp_flow_clear(&pl->flow, &pl->stream);
    pl->udp.next_id = 0;
}

void
pp_pipeline_set_limits(struct pp_pipeline *pl, const struct pp_limits *limits)
{
    pl->stream.limits = *limits;
}

void
pp_pipeline_reserve(struct pp_pipeline *pl)
{
    hmap_reserve(&pl->flow.conns, pl->stream.limits.conns);
}

const char *
pp_pipeline_set_snapshot(struct pp_pipeline *pl,
                         const struct pp_snapshot *snapshot)
{
    const struct pp_snapshot *is = pl->flow.snapshot;

    if (snapshot && snapshot->after
        && (!is || snapshot->after != pl->flow.serial
            || snapshot->services.n < is->services.n)) {
        return "the snapshot does not come after the one in force";
    }
    pp_flow_set_snapshot(&pl->flow, snapshot);
    pp_inspector_forget_program(pl->inspector);
    if (snapshot) {
        pp_pipeline_set_limits(pl, &snapshot->limits);
    }
    pl->counters->engine_snapshots++;
    return NULL;
}

const char *
pp_pipeline_set_rows(struct pp_pipeline *pl, const struct pp_ipc_rows *msg)
{
    const char *error;

    if (!pl->flow.snapshot || msg->after != pl->flow.serial) {
        return "these rows are not for the snapshot in force";
    }
    error = pp_snapshot_check_rows(pl->flow.snapshot, msg->rows, msg->n);
    if (!error) {
        pp_servers_take(&pl->flow.who, msg->rows, msg->n);
        pl->flow.serial = msg->serial;
    }
    return error;
}

void
pp_pipeline_set_time(struct pp_pipeline *pl, uint64_t now_ms, int64_t wall)
{
    pl->stream.now = now_ms;
    pp_inspector_set_now(pl->inspector, wall);
}

/* What is in force for 'service'. */
static struct pp_rules
service_rules(const struct pp_pipeline *pl,
              const struct pp_snap_service *service)
{
    const uint8_t *snap = (const uint8_t *) pl->flow.snapshot;

    return (struct pp_rules) {
        .proxy = pp_proxies[service->proxy],
        .program = (const void *) (snap + pl->flow.snapshot->program.off),
        .set = (const void *) (snap + service->patchset),
        .refuse_opaque = service->opaque == PP_OPAQUE_REFUSE,
        .interim = true,
        .open = service->fail == PP_FAIL_OPEN,
    };
}

/* What is in force for 'conn' now.  False: nothing. */
static bool
rules_of(struct pp_pipeline *pl, struct pp_conn *conn, struct pp_rules *rules,
         enum pp_fail *fail)
{
    const struct pp_snap_service *service = pp_flow_service(&pl->flow, conn);

    if (!service) {
        return false;
    }
    *rules = service_rules(pl, service);
    *fail = service->fail;
    return true;
}

/* Decides what can be decided of direction 'dir', and lets it go. */
static void
decide(struct pp_pipeline *pl, struct pp_conn *conn, enum pp_dir dir)
{
    struct pp_rules rules;
    enum pp_fail fail = PP_FAIL_OPEN;
    bool ruled = rules_of(pl, conn, &rules, &fail);
    struct pp_ends ends = pp_conn_ends(conn);
    struct pp_step step = { .kind = PP_STEP_MORE };
    struct pp_view view;

    rules.ends = &ends;
    for (int i = 0; i < STEPS_MAX && pp_stream_view(&pl->stream, dir, &view);
         i++) {
        if (dir == PP_TO_SERVER) {
            conn->full = !pp_stream_has_room(&pl->stream, conn);
            if (conn->full) {
                pl->counters->stream_full_waits++;
                step.kind = PP_STEP_MORE;
                break;
            }
            if (pp_stream_must_ask(&pl->stream, conn)) {
                step.kind = PP_STEP_MORE;
                break;
            }
        }
        if (!ruled || conn->signed_ || conn->restored) {
            /* No policy any more; signed segments, which are never edited;
             * or the proxy's state is lost. */
            step = (struct pp_step) {
                .kind = ruled ? PP_STEP_BAD : PP_STEP_OPAQUE,
            };
        } else {
            pp_inspect_step(pl->inspector, &conn->inspect, &rules, dir,
                            &view, conn, &step);
        }
        if (step.kind == PP_STEP_MORE || step.kind == PP_STEP_WAIT) {
            break;
        }
        pp_stream_apply(&pl->stream, dir, &view, &step, fail);
        if (conn->state == PP_CONN_CLOSING) {
            return;
        }
    }
    if (dir == PP_TO_SERVER) {
        conn->to_server_waits = step.kind == PP_STEP_WAIT;
    }
    pp_stream_out(&pl->stream, dir);
}

/* The packet at hand brought bytes of direction 'dir' that are in order. */
static void
inspect(struct pp_pipeline *pl, struct pp_conn *conn, enum pp_dir dir)
{
    decide(pl, conn, dir);
    if (dir == PP_FROM_SERVER && conn->to_server_waits
        && conn->state != PP_CONN_CLOSING) {
        decide(pl, conn, PP_TO_SERVER);
    }
    if (conn->to_server_waits && conn->state != PP_CONN_CLOSING
        && pp_stream_has_ended(conn, PP_FROM_SERVER)) {
        /* What it waits for will not come, and no reply could follow. */
        const struct pp_step step = { .kind = PP_STEP_CLOSE };
        const struct pp_view view = { .len = 0 };

        pp_stream_apply(&pl->stream, PP_TO_SERVER, &view, &step,
                        PP_FAIL_OPEN);
    }
}

/* Has those make room who hold the most for longest, while more is held in all
 * than may be. */
static void
make_room(struct pp_pipeline *pl)
{
    struct pp_conn *conn;

    while ((conn = pp_stream_overdrawn(&pl->stream)) != NULL) {
        pl->counters->stream_evicted++;
        pp_stream_abort(&pl->stream, conn);
        pp_flow_used(&pl->flow, conn, pl->stream.now);
    }
}

/* Bytes of 'conn' went around the engine. */
static void
lose(struct pp_pipeline *pl, struct pp_conn *conn)
{
    enum pp_fail fail = PP_FAIL_OPEN;
    struct pp_rules rules;

    rules_of(pl, conn, &rules, &fail);
    pp_stream_lose(&pl->stream, conn, fail);
}

static void
run_conn(struct pp_pipeline *pl, struct pp_conn *conn, enum pp_dir dir,
         struct pp_packet *pkt)
{
    struct pp_held *held = NULL;
    bool fresh, asked = conn->asks;

    if (conn->restarted) {
        pp_inspect_end(pl->inspector, &conn->inspect);
        pp_conn_inspect_init(conn);
        conn->restarted = false;
    }
    if (pp_cut_in(&pl->cut, conn, dir, pkt)) {
        pp_flow_used(&pl->flow, conn, pl->stream.now);
        return;
    }
    fresh = pp_stream_in(&pl->stream, conn, dir, pkt);
    if (pp_stream_has_lost(conn)) {
        lose(pl, conn);
    } else if (fresh) {
        inspect(pl, conn, dir);
    }
    while (pp_stream_next(&pl->stream, pkt, &held)) {
        inspect(pl, conn, pl->stream.dir);
        free(held);
    }
    if (conn->full && pp_stream_has_room(&pl->stream, conn)) {
        conn->full = false;
        decide(pl, conn, PP_TO_SERVER);
    }
    if (asked && !conn->asks) {
        decide(pl, conn, PP_TO_SERVER);
    }
    if (pp_stream_has_lost(conn)) {
        lose(pl, conn);
    }
    pp_stream_done(&pl->stream, conn);
    pp_cut_done(&pl->cut, conn);
    pp_flow_used(&pl->flow, conn, pl->stream.now);
    make_room(pl);
}

/* The ledger. */

static struct pp_conn *
make_conn(void *pl_, const struct pp_ledger_head *head)
{
    struct pp_pipeline *pl = pl_;

    return pp_flow_restore(&pl->flow, &pl->stream, head);
}

static void
forget_conn(void *pl_, struct pp_conn *conn)
{
    struct pp_pipeline *pl = pl_;

    pp_flow_forget(&pl->flow, &pl->stream, conn);
}

/* Nothing more of 'conn' is looked at, from here on and not only from the next
 * bytes: some may have passed after it was written down. */
static void
give_up(struct pp_pipeline *pl, struct pp_conn *conn)
{
    struct pp_step step = { .kind = PP_STEP_OPAQUE };
    struct pp_half *half = &conn->half[PP_TO_SERVER];
    struct pp_view view = { .len = 0 };
    enum pp_fail fail = PP_FAIL_OPEN;
    struct pp_rules rules;

    if (half->swallow > half->decided || half->pending
        || conn->state == PP_CONN_CLOSING) {
        return;
    }
    if (rules_of(pl, conn, &rules, &fail)) {
        step.kind = PP_STEP_BAD;
    }
    pp_stream_apply(&pl->stream, PP_TO_SERVER, &view, &step, fail);
}

static void
go_on(void *pl_, struct pp_conn *conn)
{
    struct pp_pipeline *pl = pl_;

    pl->output.bridge = conn->head.key.bridge;
    pp_stream_without_packet(&pl->stream, conn);
    if (conn->state != PP_CONN_CLOSING && conn->restored) {
        decide(pl, conn, PP_TO_SERVER);
        give_up(pl, conn);
    }
    pp_stream_done(&pl->stream, conn);
    pp_flow_used(&pl->flow, conn, pl->stream.now);
}

static const struct pp_ledger_cbs ledger_cbs = {
    .make = make_conn, .forget = forget_conn, .go_on = go_on,
};

void
pp_pipeline_take_ledger(struct pp_pipeline *pl,
                        struct pp_ledger_region *region)
{
    pp_ledger_take(&pl->ledger, region, &pl->stream, &ledger_cbs);
}

void
pp_pipeline_leave(struct pp_pipeline *pl)
{
    pp_handover_leave(&pl->handover, &pl->ledger);
}

const char *
pp_pipeline_export(struct pp_pipeline *pl, const char *name, uint32_t ms,
                   struct pp_ledger_region *region, struct pp_handed *handed)
{
    const char *error = pp_handover_export(&pl->handover, name, ms, region,
                                           handed);

    pl->counters->handover_out += handed->records;
    return error;
}

const char *
pp_pipeline_import(struct pp_pipeline *pl, const char *name,
                   struct pp_ledger_region *region, struct pp_handed *handed)
{
    const char *error = pp_handover_import(&pl->handover, name, region,
                                           &ledger_cbs, pl, handed);

    pl->counters->handover_in += handed->records;
    return error;
}

/* A packet in which nothing is looked at leaves: as it came, or as the
 * fragments of 'datagram' came. */
static void
leave(struct pp_pipeline *pl, const struct pp_packet *pkt,
      const struct pp_datagram *datagram)
{
    if (datagram) {
        pp_reassembly_out(datagram, &pl->output, pl->counters);
    } else {
        pp_packet_out(pkt, &pl->output, pl->counters);
    }
}

/* A packet of a service whose connection is not followed. */
static void
run_midstream(struct pp_pipeline *pl, const struct pp_packet *pkt,
              const struct pp_datagram *datagram,
              const struct pp_snap_service *service)
{
    if (pkt->payload_len) {
        pl->counters->flow_midstream++;
    }
    pl->counters->engine_uninspected_frames++;
    if (service->fail == PP_FAIL_CLOSED && !(pkt->flags & PP_TCP_RST)) {
        pl->counters->engine_fail_closed_drops++;
    } else {
        leave(pl, pkt, datagram);
    }
}

/* A UDP datagram: it is a stream of its own. */
static void
run_udp(struct pp_pipeline *pl, uint32_t bridge, const struct pp_packet *pkt,
        const struct pp_datagram *datagram)
{
    const struct pp_snap_server *server;
    const struct pp_snap_service *service;
    struct pp_conn_key key;
    struct pp_rules rules;
    struct pp_conn *conn;
    struct pp_step step;
    struct pp_view view;
    struct pp_ends ends;

    service = pp_flow_datagram(&pl->flow, bridge, pkt, &key, &server);
    if (!service) {
        pl->counters->packet_in_not_ours++;
        leave(pl, pkt, datagram);
        return;
    }
    rules = service_rules(pl, service);
    conn = pp_stream_udp_in(&pl->udp, &key, rules.proxy, pkt);
    ends = pp_conn_ends(conn);
    rules.ends = &ends;
    for (int i = 0; i < STEPS_MAX && pp_stream_udp_view(&pl->udp, &view);
         i++) {
        pp_inspect_step(pl->inspector, &conn->inspect, &rules, PP_TO_SERVER,
                        &view, conn, &step);
        pp_stream_udp_apply(&pl->udp, &step, service->fail, server->slot);
    }
    if (!pp_stream_udp_out(&pl->udp)) {
        leave(pl, pkt, datagram);
    }
}

/* A packet of kind 'kind', which came whole or as fragments of 'datagram'.
 * 'place' is its own if it is TCP. */
static void
run_packet(struct pp_pipeline *pl, uint32_t bridge, enum pp_packet_kind kind,
           struct pp_packet *pkt, const struct pp_flow_place *place,
           const struct pp_datagram *datagram)
{
    const struct pp_snap_service *service = NULL;
    enum pp_flow_result result = PP_FLOW_OTHER;
    struct pp_conn *conn = NULL;
    enum pp_dir dir = PP_TO_SERVER;

    if (kind == PP_PACKET_BAD
        || pp_handover_drops(&pl->handover, bridge, pkt)) {
        return;
    } else if (kind == PP_PACKET_UDP) {
        run_udp(pl, bridge, pkt, datagram);
        return;
    } else if (kind == PP_PACKET_TCP) {
        result = pp_flow(&pl->flow, &pl->stream, bridge, pkt, place, &conn,
                         &dir, &service);
    }
    if ((result == PP_FLOW_CONN || result == PP_FLOW_MIDSTREAM)
        && dir == PP_TO_SERVER && pkt->leads_on) {
        /* The VM may put another of its addresses in place of this one: of
         * which connection it is only the VM knows. */
        pl->counters->packet_in_leads_on++;
        return;
    }
    switch (result) {
    case PP_FLOW_CONN:
        if (pp_stream_is_of_another(&pl->stream, conn, dir, pkt)
            && (service = pp_flow_service(&pl->flow, conn)) != NULL) {
            run_midstream(pl, pkt, datagram, service);
        } else {
            run_conn(pl, conn, dir, pkt);
        }
        break;

    case PP_FLOW_MIDSTREAM:
        run_midstream(pl, pkt, datagram, service);
        break;

    case PP_FLOW_DROP:
        pl->counters->flow_vlan_drops++;
        break;

    case PP_FLOW_OTHER:
    default:
        pl->counters->packet_in_not_ours++;
        leave(pl, pkt, datagram);
        break;
    }
}

/* A fragment: what it makes whole goes on. */
static void
run_fragment(struct pp_pipeline *pl, uint32_t bridge, struct pp_packet *pkt)
{
    struct pp_datagram *datagram
        = pp_reassembly_in(&pl->reassembly, &pl->stream.limits, bridge, pkt,
                           pl->stream.now);

    if (datagram) {
        enum pp_packet_kind kind = pp_reassembly_whole(&pl->reassembly,
                                                       datagram, pkt);
        struct pp_flow_place place = { .server = NULL };

        if (kind == PP_PACKET_TCP) {
            pp_flow_place(&pl->flow, bridge, pkt, &place);
        }
        run_packet(pl, bridge, kind, pkt, &place, datagram);
        pp_reassembly_done(&pl->reassembly, datagram);
    }
}

/* 'n' frames, PP_FLOW_FETCH_MAX at most. */
static void
run_frames(struct pp_pipeline *pl, uint32_t bridge,
           const struct pp_frame *frames, size_t n)
{
    struct pp_packet pkts[PP_FLOW_FETCH_MAX];
    enum pp_packet_kind kinds[PP_FLOW_FETCH_MAX];
    struct pp_flow_place places[PP_FLOW_FETCH_MAX];

    for (size_t i = 0; i < n; i++) {
        kinds[i] = pp_packet_in(&pkts[i], &frames[i].vnet, frames[i].data,
                                frames[i].len, pl->counters);
        places[i].server = NULL;
        if (kinds[i] == PP_PACKET_TCP) {
            pp_flow_place(&pl->flow, bridge, &pkts[i], &places[i]);
        }
    }
    pp_flow_fetch(&pl->flow, places, n);
    for (size_t i = 0; i < n; i++) {
        pl->output.bridge = bridge;
        if (kinds[i] == PP_PACKET_FRAGMENT) {
            run_fragment(pl, bridge, &pkts[i]);
        } else {
            run_packet(pl, bridge, kinds[i], &pkts[i], &places[i], NULL);
        }
    }
}

void
pp_pipeline_run_batch(struct pp_pipeline *pl, uint32_t bridge,
                      const struct pp_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i += PP_FLOW_FETCH_MAX) {
        run_frames(pl, bridge, frames + i, MIN(n - i, PP_FLOW_FETCH_MAX));
    }
}

void
pp_pipeline_run(struct pp_pipeline *pl, uint32_t bridge,
                const struct virtio_net_hdr *vnet, uint8_t *data, size_t len)
{
    struct pp_frame frame = { .vnet = *vnet, .data = data, .len = len };

    run_frames(pl, bridge, &frame, 1);
}

uint64_t
pp_pipeline_run_timers(struct pp_pipeline *pl)
{
    struct pp_conn *conn;
    uint64_t expire;

    while ((conn = pp_stream_run_timers(&pl->stream))) {
        pp_flow_used(&pl->flow, conn, pl->stream.now);
    }
    expire = MIN(pp_flow_expire(&pl->flow, &pl->stream, pl->stream.now),
                 pp_reassembly_expire(&pl->reassembly, pl->stream.now));
    expire = MIN(expire, pp_cut_run(&pl->cut));
    expire = MIN(expire, pp_handover_run(&pl->handover));
    pl->counters->conns = hmap_count(&pl->flow.conns);
    pl->counters->half_open = pl->flow.n_lru[PP_LRU_HALF_OPEN];
    pl->counters->held_bytes = pl->stream.held;
    pl->counters->memory = (pl->flow.memory + pl->stream.held
                            + pl->reassembly.bytes
                            + pp_inspector_memory(pl->inspector)
                            + (pl->flow.conns.mask + 1)
                              * sizeof(struct hmap_node *));
    return MIN(expire, pp_stream_deadline(&pl->stream));
}

void
pp_pipeline_ask_cuts(struct pp_pipeline *pl)
{
    if (pl->ops.cut) {
        pp_cut_ask(&pl->cut, pl->ops.cut, pl->aux);
    }
}

bool
pp_pipeline_has_cuts_to_ask(const struct pp_pipeline *pl)
{
    return pl->ops.cut && pp_cut_has_to_ask(&pl->cut);
}

void
pp_pipeline_went_around(struct pp_pipeline *pl)
{
    pp_stream_went_around(&pl->stream);
}

void
pp_pipeline_uncut(struct pp_pipeline *pl, uint64_t id)
{
    pp_cut_undone(&pl->cut, id);
}

struct list_aux {
    void (*row)(void *aux, struct pp_ipc_conn *);
    void *aux;
    uint64_t now;
};

/* What is said of 'conn': where nothing gets to the server any more, the
 * engine ends it, though it is the server that closes. */
static enum pp_conn_state
state_told(const struct pp_conn *conn)
{
    const struct pp_half *to = &conn->half[PP_TO_SERVER];

    return (!conn->met ? PP_CONN_OPENING
            : conn->state == PP_CONN_INSPECTED
              && to->swallow >= PP_FOREVER / 2 ? PP_CONN_CLOSING
            : conn->state);
}

static void
list_conn(void *l_, const struct pp_conn *conn)
{
    struct list_aux *l = l_;
    struct pp_ipc_conn c = {
        .server = conn->head.key.server,
        .proxy = pp_proxy_index(conn->head.proxy),
        .state = state_told(conn),
        .corrections = conn->inspect.corrections,
        .idle_ms = (uint32_t) (l->now - conn->head.used),
        .cut = conn->cut != 0,
        .vlan = (uint16_t) (MAX(conn->half[PP_TO_SERVER].vlan, 1) - 1),
    };

    fill_ends(&c.client, &c.service, conn);
    for (int dir = 0; dir < 2; dir++) {
        const struct pp_half *half = &conn->half[dir];

        c.bytes[dir] = half->in_next;
        c.edits[dir] = half->edits.n;
        c.held += half->held_bytes;
    }
    l->row(l->aux, &c);
}

uint32_t
pp_pipeline_list(const struct pp_pipeline *pl, uint32_t max,
                 void (*row)(void *aux, struct pp_ipc_conn *), void *aux)
{
    struct list_aux l = { .row = row, .aux = aux, .now = pl->stream.now };

    pp_flow_for_each(&pl->flow, max, list_conn, &l);
    return (uint32_t) hmap_count(&pl->flow.conns);
}
