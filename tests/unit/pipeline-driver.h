/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PIPELINE_DRIVER_H
#define PIPELINE_DRIVER_H 1

/* The whole pipeline under test: with patches in force for one server, frames
 * made and cut into fragments, and frames that leave taken apart. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-ipc.h"
#include "engine/pp-packet.h"
#include "engine/pp-pipeline.h"
#include "patch/pp-program.h"

struct pp_pool;

/* Who there is: a client and a server.  Frames to the server come from slot
 * 7, frames from it from slot 9. */
#define CLIENT_SLOT 7
#define SERVER_SLOT 9
#define CLIENT_PORT 4000

#define DRIVER_FRAMES_MAX 4096

/* Connections that may be cut through at a time. */
#define DRIVER_CUTS_MAX 1

/* Those that leave and fragments have no more room than their 'len' bytes. */
struct frame {
    struct virtio_net_hdr vnet;
    size_t len;
    uint8_t data[PP_WHOLE_MAX];
};

struct driver {
    struct pp_pipeline *pl;
    struct pp_counters *counters;
    struct pp_program *program;
    struct pp_snapshot *snap;
    uint64_t now;               /* In ms. */
    struct frame *out[DRIVER_FRAMES_MAX];   /* What left. */
    size_t n_out;
    unsigned int n_events;
    struct pp_ipc_cut asked[64];        /* Of control, for connections. */
    size_t n_asked;
    bool deaf;                  /* Control does not get to know. */
};

/* A pipeline with the patches of 'pool', in 'mode', in force for the 'n'
 * 'services' (whose 'patchset' need not be set). */
struct driver *driver_create(const struct pp_pool *pool,
                             enum pp_patch_mode mode,
                             const struct pp_snap_service *services,
                             uint32_t n);
void driver_destroy(struct driver *);

/* Makes the pipeline as if new, and all counters 0; but what limits were set
 * stay. */
void driver_reset(struct driver *);

/* Puts a snapshot in force that is the same but for its slots, 'n' at 'slots',
 * and for whether the server is in several VLANs. */
void driver_set_slots(struct driver *, const struct pp_snap_slot *slots,
                      uint32_t n, bool in_vlans);

/* A service of proxy 'name' on TCP port 80. */
struct pp_snap_service driver_service(const char *name);

/* The patch with id 'id' of this source tree, as a pool; or NULL: all. */
struct pp_pool *driver_pool(const char *id);

/* Runs a frame, from a block of just its size. */
void driver_run(struct driver *, const struct frame *);

/* Lets 'ms' pass. */
void driver_pass_time(struct driver *, uint64_t ms);

/* Forgets what left, and what was asked. */
void driver_forget(struct driver *);

/* Parses the 'i'th frame that left, and checks its checksums.  It is a whole
 * one unless 'kind' says otherwise. */
struct pp_packet driver_out(const struct driver *, size_t i,
                            enum pp_packet_kind kind);

/* What the TCP payloads that left for the server, or the client, say, in
 * their order; one after the other without a gap.  A string, which is good
 * until the next call. */
const char *driver_said(const struct driver *, enum pp_dir);

/* A segment between CLIENT_PORT and 'port' of the server, with all numbers and
 * flags 0; and the frame for a segment. */
struct pp_segment frame_segment(enum pp_dir, bool ipv6, uint16_t port);
void frame_make(struct frame *, const struct pp_segment *);

/* A TCP segment of the connection, whose numbers count from 1,000 (client)
 * and 5,000 (server). */
struct frame *frame_tcp(enum pp_dir, bool ipv6, uint32_t seq, uint32_t ack,
                        uint8_t flags, const void *payload, size_t n);

/* The same of another client's connection: each number is one, and 0 is the
 * one of frame_tcp().  By IPv4. */
struct frame *frame_tcp_of(uint32_t client, enum pp_dir, uint32_t seq,
                           uint32_t ack, uint8_t flags, const void *payload,
                           size_t n);

/* Puts another slot on it. */
void frame_set_slot(struct frame *, uint16_t slot);

/* A UDP datagram between CLIENT_PORT and 'port' of the server. */
struct frame *frame_udp(enum pp_dir, bool ipv6, uint16_t port,
                        const void *payload, size_t n);

/* The connection's handshake goes through the pipeline; afterwards the client
 * is at 1,001 and the server at 5,001. */
void driver_connect(struct driver *, bool ipv6);

/* Runs such a segment of connection 'client' with 'text' as its payload;
 * NULL: none. */
void driver_tcp(struct driver *, uint32_t client, enum pp_dir, uint32_t seq,
                uint32_t ack, uint8_t flags, const char *text);

/* As driver_connect(), for connection 'client'. */
void driver_connect_of(struct driver *, uint32_t client);

/* A fragment with the 'n' bytes at 'ofs' of what the IP header of 'whole'
 * carries, with IP header 'header' bytes long (40: IPv6, more: extension
 * headers stay before the fragment header). */
struct frame *frame_fragment(const struct frame *whole, size_t header,
                             uint32_t id, size_t ofs, size_t n, bool more);

/* Cuts 'whole' into fragments of at most 'size' bytes, and sets '*n'. */
struct frame **frame_cut(const struct frame *whole, size_t header,
                         uint32_t id, size_t size, size_t *n);

/* Makes the IPv4 header's checksum right again after a change. */
void frame_mend(struct frame *);

/* Where the IP header of a frame of ours stands. */
#define FRAME_L3 18

#endif /* pipeline-driver.h */
