/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PIPELINE_H
#define PP_PIPELINE_H 1

/* The pipeline: packet in, flow, stream, proxy, match, correct, packet out.
 *
 * A library that runs without a switch: the engine feeds it from tap queues,
 * the offline tool from captures, tests and fuzzers from memory. */

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-ipc.h"
#include "engine/pp-packet.h"
#include "engine/pp-snapshot.h"
#include "engine/pp-stream.h"

struct pp_pipeline;

struct pp_handed;
struct pp_ledger_region;

struct pp_pipeline_ops {
    /* A frame for the switch, behind its virtio-net header. */
    void (*write)(void *aux, uint32_t bridge, const struct iovec *, int n);

    /* A condition held.  'event' is complete but for its header. */
    void (*event)(void *aux, const struct pp_ipc_event *event);

    /* A server said what it is.  'said' is complete but for its header.
     * False if control does not get to know.  NULL: nobody asks. */
    bool (*said)(void *aux, const struct pp_ipc_said *said);

    /* What is to be done in the switch for 'n' connections.  False if control
     * does not get to know.  NULL: no connection is cut through. */
    bool (*cut)(void *aux, const struct pp_ipc_cut *, uint32_t n);
};

struct pp_pipeline *pp_pipeline_create(const struct pp_pipeline_ops *,
                                       void *aux, struct pp_counters *,
                                       uint32_t basis);
void pp_pipeline_destroy(struct pp_pipeline *);

/* Forgets all connections and datagrams, as a new pipeline has none.  What was
 * put in force, limits and counters stay. */
void pp_pipeline_clear(struct pp_pipeline *);

/* Other limits than the snapshot's, until the next one. */
void pp_pipeline_set_limits(struct pp_pipeline *, const struct pp_limits *);

/* How much of values events tell: pp_inspector_set_event_values(). */
void pp_pipeline_set_event_values(struct pp_pipeline *, unsigned int n);

/* Makes the connection table as large as it may get, up to 8 bytes a
 * connection, so that no packet has to wait for it to grow. */
void pp_pipeline_reserve(struct pp_pipeline *);

/* Puts a snapshot in force, with its limits, that passed pp_snapshot_check().
 * It must stay where it is until another one is in force.  Returns NULL, or
 * why it cannot come after what is in force; then nothing has changed. */
const char *pp_pipeline_set_snapshot(struct pp_pipeline *,
                                     const struct pp_snapshot *);

/* Servers and slots are others than in the snapshot in force.  Returns NULL,
 * or what is wrong with a row; then nothing has changed. */
const char *pp_pipeline_set_rows(struct pp_pipeline *,
                                 const struct pp_ipc_rows *);

/* Goes on from what another engine has left in 'region', and keeps the ledger
 * there from now on (pp-ledger.h).  It must outlast the pipeline. */
void pp_pipeline_take_ledger(struct pp_pipeline *, struct pp_ledger_region *);

/* Leaves connections to the engine that comes next on this host, in the
 * ledger: nothing comes through this pipeline any more. */
void pp_pipeline_leave(struct pp_pipeline *);

/* The time: 'now_ms' is monotonic, 'wall' in seconds since 1970. */
void pp_pipeline_set_time(struct pp_pipeline *, uint64_t now_ms,
                          int64_t wall);

/* A frame of 'len' bytes at 'data', which may be changed, and reused after the
 * call. */
struct pp_frame {
    struct virtio_net_hdr vnet;
    uint8_t *data;
    size_t len;
};

/* The next 'n' frames from bridge 'bridge', one after the other.  With many
 * connections, those that come together cost less than one by one: what they
 * need is fetched into the cache for all at once. */
void pp_pipeline_run_batch(struct pp_pipeline *, uint32_t bridge,
                           const struct pp_frame *, size_t n);

/* The same for one. */
void pp_pipeline_run(struct pp_pipeline *, uint32_t bridge,
                     const struct virtio_net_hdr *, uint8_t *data,
                     size_t len);

/* Timers.  Returns when to call again, in ms; UINT64_MAX: not before the next
 * frame. */
uint64_t pp_pipeline_run_timers(struct pp_pipeline *);

/* Asks for the cut-through of connections, and for its end.  Nothing is lost
 * when this is called late. */
void pp_pipeline_ask_cuts(struct pp_pipeline *);
bool pp_pipeline_has_cuts_to_ask(const struct pp_pipeline *);

/* Control says that there is nothing in the switch for 'id' (pp_ipc_cut). */
void pp_pipeline_uncut(struct pp_pipeline *, uint64_t id);

/* Hand-over to another engine, and from one: pp-handover.h. */
const char *pp_pipeline_export(struct pp_pipeline *, const char *name,
                               uint32_t ms, struct pp_ledger_region *,
                               struct pp_handed *);
const char *pp_pipeline_import(struct pp_pipeline *, const char *name,
                               struct pp_ledger_region *,
                               struct pp_handed *);

/* Until now frames may have gone around the engine. */
void pp_pipeline_went_around(struct pp_pipeline *);

/* Calls 'row' for up to 'max' connections.  Returns how many there are. */
uint32_t pp_pipeline_list(const struct pp_pipeline *, uint32_t max,
                          void (*row)(void *aux, struct pp_ipc_conn *),
                          void *aux);

#endif /* pp-pipeline.h */
