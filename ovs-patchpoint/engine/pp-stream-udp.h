/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_STREAM_UDP_H
#define PP_STREAM_UDP_H 1

/* The stream stage for UDP: one datagram is the stream.
 *
 * The proxy gets its payload as one view with the end in sight, and what is
 * decided about its bytes makes the datagram that goes on: as it came if
 * nothing is corrected, else put together anew with right lengths and a whole
 * checksum, or none.  A reply in the server's name is a datagram of its own.
 *
 * Nothing is kept from one datagram to the next: a proxy that speaks UDP finds
 * its connection's state fresh each time.  Datagrams from the server pass
 * unseen.
 *
 * The order of calls for a datagram, which pp_pipeline_run() makes:
 *
 *     pp_stream_udp_in()       what is it?
 *     pp_stream_udp_view()     what of it is undecided?
 *     pp_stream_udp_apply()    what is decided, any number of times
 *     pp_stream_udp_out()      what leaves */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-conn.h"
#include "engine/pp-inspect.h"
#include "engine/pp-packet.h"
#include "engine/pp-snapshot.h"

struct pp_counters;

struct pp_stream_udp {
    const struct pp_output *output;
    struct pp_counters *counters;
    struct pp_conn *conn;       /* For the datagram at hand... */
    size_t conn_size;           /* ...in so many bytes. */
    uint8_t *frame;             /* Of the engine's own making. */
    uint32_t next_id;           /* For fragments of those. */

    /* The datagram at hand. */
    const struct pp_packet *pkt;
    struct pp_view view;        /* What is undecided. */
    uint8_t *decided;           /* What goes on. */
    struct pp_buf out;          /* That memory. */
    bool changed;               /* It is not what came. */
};

void pp_stream_udp_init(struct pp_stream_udp *, const struct pp_output *,
                        struct pp_counters *);
void pp_stream_udp_destroy(struct pp_stream_udp *);

/* Begins with 'pkt', which must stay.  Returns a connection for it, with its
 * 'inspect', that is good until the next call. */
struct pp_conn *pp_stream_udp_in(struct pp_stream_udp *,
                                 const struct pp_conn_key *,
                                 const struct pp_proxy *,
                                 const struct pp_packet *pkt);

/* What is undecided.  False: nothing any more. */
bool pp_stream_udp_view(const struct pp_stream_udp *, struct pp_view *);

/* Does what 'step' says about the view.  'slot' is the server's. */
void pp_stream_udp_apply(struct pp_stream_udp *, const struct pp_step *,
                         enum pp_fail, uint16_t slot);

/* Lets go what was corrected.  False: nothing was, it is to leave as it
 * came. */
bool pp_stream_udp_out(struct pp_stream_udp *);

#endif /* pp-stream-udp.h */
