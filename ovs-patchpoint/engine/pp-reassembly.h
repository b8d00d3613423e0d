/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_REASSEMBLY_H
#define PP_REASSEMBLY_H 1

/* Reassembly: the part of packet in that puts IP datagrams together from
 * their fragments (RFC 791 3.2, RFC 815, RFC 8200 4.5).
 *
 * Behind the engine nobody is to put together anything but what the engine
 * has seen whole.  So no fragment leaves before its datagram is complete, and
 * where receivers differ in what they make of fragments, the datagram is
 * dropped:
 *
 *   - Fragments that overlap drop their datagram with all that still comes of
 *     it (RFC 5722, RFC 1858 and 3128 for IPv4), but for one that repeats
 *     another one exactly, which is ignored (RFC 8200 4.5).
 *
 *   - So do fragments that disagree about where the datagram ends, a datagram
 *     longer than IP allows, and an IPv6 first fragment without all headers
 *     (RFC 8200 4.5).
 *
 *   - A fragment that makes no sense in itself is dropped alone: one without
 *     payload, one but the last whose length is no multiple of 8 bytes, one
 *     whose end lies beyond 65,535 bytes, one with a checksum to be made or
 *     segments to be cut.
 *
 *   - A datagram that is not complete after PP_REASSEMBLY_MS is dropped.
 *
 * Bounds are those of struct pp_limits.  What a fragment costs does not grow
 * with the number of datagrams that wait. */

#include <stdint.h>

#include "engine/pp-packet.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct pp_datagram;
struct pp_limits;

/* How long a datagram may take from its first fragment on, in ms: as Linux'
 * ipfrag_time; RFC 1122 3.3.2 asks for 60 to 120 s, which no host keeps. */
#define PP_REASSEMBLY_MS 30000

struct pp_reassembly {
    struct hmap datagrams;      /* struct pp_datagram, by what tells them
                                 * apart. */
    struct ovs_list oldest;     /* The same, oldest first. */
    uint64_t bytes;             /* Memory of all these. */
    uint32_t basis;             /* For hashes that nobody can foresee. */
    uint8_t *frame;             /* The whole at hand. */
    struct pp_counters *counters;
};

void pp_reassembly_init(struct pp_reassembly *, struct pp_counters *,
                        uint32_t basis);
void pp_reassembly_destroy(struct pp_reassembly *);

/* Drops all datagrams. */
void pp_reassembly_clear(struct pp_reassembly *);

/* Takes a copy of fragment 'frag', which came from bridge 'bridge'.  Returns
 * its datagram if that is complete now, else NULL.  The caller hands it to
 * pp_reassembly_done() when done with it. */
struct pp_datagram *pp_reassembly_in(struct pp_reassembly *,
                                     const struct pp_limits *,
                                     uint32_t bridge,
                                     const struct pp_packet *frag,
                                     uint64_t now);

/* Puts the datagram together and parses it as pp_packet_in() would, had it
 * come in one piece.  'whole' is good until the next call. */
enum pp_packet_kind pp_reassembly_whole(struct pp_reassembly *,
                                        const struct pp_datagram *,
                                        struct pp_packet *whole);

/* Lets the fragments go as they came, in their order. */
void pp_reassembly_out(const struct pp_datagram *, const struct pp_output *,
                       struct pp_counters *);

void pp_reassembly_done(struct pp_reassembly *, struct pp_datagram *);

/* Drops what is not complete in time.  Returns when to call again, in ms;
 * UINT64_MAX: not before the next fragment. */
uint64_t pp_reassembly_expire(struct pp_reassembly *, uint64_t now);

#endif /* pp-reassembly.h */
