/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_STREAM_H
#define PP_STREAM_H 1

/* Stream: TCP as the engine follows and edits it.
 *
 * The connection stays between client and server.  What always holds:
 *
 *   - What the server's application reads is what was decided, in order,
 *     once.  The first copy of a byte wins; decided bytes are kept until they
 *     are acknowledged, and a retransmission carries those, never others.
 *
 *   - A frame in which nothing is corrected leaves as it came.
 *
 *   - A correction is an entry in the direction's edit list, through which
 *     sequence, acknowledgement and SACK numbers are mapped both ways.
 *
 *   - Only undecided bytes are held.  Before a sender would have to wait for
 *     its acknowledgement, the engine acknowledges them itself and takes over
 *     their delivery.
 *
 *   - Replies in the server's name are insertions that the engine delivers.
 *     Where the server would close, the engine stands in for each end towards
 *     the other until both are done.
 *
 * From-server bytes are never held: they pass at once and are looked at in
 * passing.
 *
 * The order of calls for a packet, which pp_pipeline_run() makes:
 *
 *     pp_stream_in()           numbers; are there new bytes to decide?
 *     pp_stream_view()         which?
 *     pp_stream_apply()        what is decided, any number of times
 *     pp_stream_out()          what leaves
 *     pp_stream_next()         a waiting frame whose turn it is now, which
 *                              goes through the same calls
 *     pp_stream_done()         acknowledgements, timers */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-conn.h"
#include "engine/pp-limits.h"
#include "engine/pp-packet.h"

struct pp_counters;
struct pp_ledger;

/* Sizes of what connections hold, as powers of 2. */
#define PP_HOLDER_CLASSES 32

struct pp_stream {
    struct pp_output *out;
    struct pp_counters *counters;
    struct pp_limits limits;
    uint64_t now;               /* In ms, monotonic. */
    uint64_t held;              /* Bytes held and kept, in all. */
    uint64_t n_holders;         /* By how many connections... */
    struct ovs_list holders[PP_HOLDER_CLASSES];     /* ...of these; by how
                                 * much, what has not changed for longest
                                 * first. */
    struct pp_timers timers;
    struct pp_ledger *ledger;   /* Or NULL. */
    uint16_t epoch;             /* Changes when frames may have gone around
                                 * the engine... */
    uint64_t epoch_at;          /* ...the last time then. */

    /* The packet at hand. */
    struct pp_conn *conn;
    struct pp_packet *pkt;
    enum pp_dir dir;
    uint64_t in;                /* Offset of its first payload byte. */
    uint64_t from;              /* Where in the out stream it starts. */
    struct pp_bytes fresh;      /* New bytes in it that are in order. */
    bool rebuild;               /* It cannot leave as it came. */
    bool passed;                /* It has left already. */

    uint8_t *segment;           /* Room for a segment's payload. */
};

void pp_stream_init(struct pp_stream *, struct pp_output *,
                    struct pp_counters *);
void pp_stream_destroy(struct pp_stream *);

/* A connection's life. */
void pp_stream_conn_init(struct pp_conn *);
void pp_stream_conn_destroy(struct pp_stream *, struct pp_conn *);

/* True if 'pkt', of direction 'dir', is of another connection than the one
 * that 'conn' has begun to follow: of one from before, which nobody follows,
 * and which goes on if the SYN came late or was made up.  Until the server
 * answers that SYN, what comes may belong there. */
bool pp_stream_is_of_another(const struct pp_stream *, struct pp_conn *conn,
                             enum pp_dir dir, const struct pp_packet *pkt);

/* Handles the numbers of a packet.  True if it brought bytes to be decided;
 * false if nothing is left to be done with it. */
bool pp_stream_in(struct pp_stream *, struct pp_conn *, enum pp_dir,
                  struct pp_packet *);

/* The undecided bytes of direction 'dir' of the connection at hand.  False if
 * there are none and the FIN is not at hand either. */
bool pp_stream_view(struct pp_stream *, enum pp_dir, struct pp_view *);

/* Does what 'step' says about the view of 'dir'. */
void pp_stream_apply(struct pp_stream *, enum pp_dir, const struct pp_view *,
                     const struct pp_step *, enum pp_fail);

/* Lets go what is decided of direction 'dir'. */
void pp_stream_out(struct pp_stream *, enum pp_dir);

/* Takes the next waiting frame of the direction of the packet at hand that is
 * in order now, and makes it the packet at hand.  The caller frees '*held'
 * when done with it. */
bool pp_stream_next(struct pp_stream *, struct pp_packet *,
                    struct pp_held **held);

/* True if all that the sender of 'dir' will ever send has come. */
static inline bool
pp_stream_has_ended(const struct pp_conn *conn, enum pp_dir dir)
{
    const struct pp_half *half = &conn->half[dir];

    return half->fin != UINT64_MAX && half->in_next > half->fin;
}

/* True if a server with SYN cookies might take the end of a handshake that
 * there was for 'conn', if it does not have the connection (any more). */
static inline bool
pp_stream_is_young(const struct pp_stream *st, const struct pp_conn *conn)
{
    return st->now - conn->answered < st->limits.handshake * 1000;
}

/* True if 'pkt', a client's, could be the end of a handshake that came before
 * that of 'conn'.  It may look like the middle of it: both are in the client's
 * hand. */
bool pp_stream_ends_former(const struct pp_stream *, const struct pp_conn *,
                           const struct pp_packet *);

/* True if what may follow from one more decision about to-server bytes stays
 * within the connection's bounds.  If not, it has to wait until an end has
 * acknowledged something. */
bool pp_stream_has_room(const struct pp_stream *, const struct pp_conn *);

/* If more is held in all than may be: the connection that is to make room.
 * Else NULL. */
struct pp_conn *pp_stream_overdrawn(const struct pp_stream *);

/* Resets the connection towards both ends, at once. */
void pp_stream_abort(struct pp_stream *, struct pp_conn *);

/* After all: acknowledgements that are due, and the connection's timer. */
void pp_stream_done(struct pp_stream *, struct pp_conn *);

/* When pp_stream_run_timers() is to be called, in ms; UINT64_MAX: never. */
uint64_t pp_stream_deadline(const struct pp_stream *);

/* Handles what is due.  Returns a connection that was just given up, or NULL
 * when nothing is due any more. */
struct pp_conn *pp_stream_run_timers(struct pp_stream *);

/* Makes 'conn' the connection at hand, with no packet. */
void pp_stream_without_packet(struct pp_stream *, struct pp_conn *);

/* True if its ends count differently, bytes or time. */
static inline bool
pp_stream_is_edited(const struct pp_conn *conn)
{
    return (conn->shifted || !pp_edit_list_is_clean(&conn->half[0].edits)
            || !pp_edit_list_is_clean(&conn->half[1].edits));
}

/* Frames that go around the engine: pp-stream-around.c. */

/* Until now frames may have gone around it. */
void pp_stream_went_around(struct pp_stream *);

/* True if nothing may be decided about the to-server bytes of 'conn' before
 * its server has said that nothing went around.  It is asked; what it says
 * comes as a packet, after which 'conn->asks' is false. */
bool pp_stream_must_ask(struct pp_stream *, struct pp_conn *conn);

/* True if the packet at hand told that bytes went around the engine.  Nothing
 * more is to be decided; pp_stream_lose() is due. */
static inline bool
pp_stream_has_lost(const struct pp_conn *conn)
{
    return conn->around || conn->out_of_step;
}

/* Goes on where the ends are, with a connection that is not inspected any
 * more, or resets it: by 'fail', and where the ends count differently. */
void pp_stream_lose(struct pp_stream *, struct pp_conn *, enum pp_fail fail);

/* True if the engine has closed the connection and both ends know.  It is
 * still to be remembered for a while: the last acknowledgement may get lost,
 * and what is sent again must not reach the other end. */
bool pp_stream_conn_is_over(const struct pp_conn *);

#endif /* pp-stream.h */
