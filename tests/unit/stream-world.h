/* SPDX-License-Identifier: Apache-2.0 */

#ifndef STREAM_WORLD_H
#define STREAM_WORLD_H 1

/* The stream stage between two modelled endpoints (tcp-model.h), and what must
 * hold.
 *
 * The protocol is a toy, so that the stage is alone under test.  A to-server
 * unit is a line; its first letter says what becomes of it:
 *
 *     P        passes; so does a line with any other letter
 *     G<n>     passes, and the server answers with n bytes more
 *     H        passes, but only when the next line is there as well
 *     E        each 'e' becomes "[+]", each 'k' is taken away
 *     D        is taken away
 *     T<n>     is taken away, with the n bytes behind it
 *     S<n>     passes, and the n bytes behind it pass unseen
 *     R        is refused: the client gets "refused <line>"
 *     C        is refused, and the connection is closed
 *     X, Z     the connection is closed with FIN, with RST
 *     O        from here on all passes unseen
 *     B        not understood: passes unseen, or is closed with RST
 *
 * The server answers each line that it reads with "ok <line>".
 *
 * Checked after each step:
 *
 *   - what an application has read is a prefix of what was decided for it;
 *   - each byte and FIN in each frame that leaves stands where it was decided
 *     to, so no byte that was not parsed leaves for the server;
 *   - bytes that were handed to the proxy once never change;
 *   - an acknowledgement or SACK block covers only what the other end, or the
 *     engine for it, has;
 *   - while nothing is edited or held, a frame leaves exactly as it came;
 *   - what waited does not leave with an older timestamp than what left.
 *
 * At the end both ends have read everything, everything is acknowledged, and
 * the stage holds nothing.
 *
 * Frames may go around the stage for a while: world_may_go_around(). */

#include "engine/pp-ipc.h"
#include "engine/pp-ledger.h"
#include "engine/pp-stream.h"
#include "tcp-model.h"

/* Bytes of the in stream that are at 'out' in the out stream. */
struct world_run {
    uint64_t in, out, len;
};

/* What was decided for one direction. */
struct world_side {
    struct tcp_text want;       /* What the receiver's application reads... */
    uint64_t taken;             /* ...instead of so many of its sender's. */
    struct world_run *runs;     /* What of it is the sender's. */
    size_t n_runs, allocated;
    size_t checked;             /* So many were read and found right. */
    uint64_t acked;             /* The stage was told that the receiver has
                                 * so much of the out stream. */
    uint32_t tsval;             /* The latest that left, if 'has_ts'. */
    bool has_ts;
};

enum world_mode {
    WORLD_NORMAL,
    WORLD_CLOSED,               /* The engine closes with FIN... */
    WORLD_RESET,                /* ...with RST towards the client. */
    WORLD_ABORTED,              /* An end is gone. */
    WORLD_GAVE_UP,              /* The engine is. */
};

struct world {
    uint64_t seed;
    uint64_t step;
    struct tcp_net net;
    struct tcp_end end[2];      /* By what they send: client, server. */

    struct pp_stream st;
    struct pp_output output;
    struct pp_counters *counters;
    struct pp_conn *conn;       /* NULL: not followed. */
    uint32_t conn_life;         /* That it follows. */
    enum pp_fail fail;

    enum world_mode mode;
    uint64_t mode_at;
    bool cut;                   /* The engine stands in for the ends. */
    struct world_side side[2];  /* By direction. */

    /* The toy proxy. */
    unsigned int owed;          /* Answers. */
    uint32_t skip;              /* Bytes that are to pass unseen. */
    bool waits;                 /* The to-server direction does. */
    struct tcp_text seen;       /* The undecided bytes as last seen. */

    /* The server's application. */
    uint64_t answered;          /* Bytes of its lines that it answered. */
    int closes_after;           /* So many lines; -1: when the client does. */

    /* The frame at hand. */
    const struct tcp_frame *frame;
    uint32_t tsval;             /* Its timestamp, if it has one. */
    unsigned int n_out, n_same;
    bool aborts, rsts;          /* Ends may go away, RSTs come from nowhere. */

    bool died;
    unsigned int arounds;       /* So often frames still go around the
                                 * stage... */
    uint64_t around_until;      /* ...now, in these directions: */
    uint8_t around;             /* a bit each, 1 << enum pp_dir. */
    bool went_around;           /* Some did... */
    uint8_t unguarded;          /* ...with numbers that are not the
                                 * receiver's, who cannot tell: a bit each,
                                 * 1 << enum pp_dir... */
    bool harmed;                /* ...and who took them. */
    uint64_t around_end[2];     /* ...with bytes up to here. */
    unsigned int deaths;        /* So often the engine still dies... */
    struct pp_ledger ledger;    /* ...and leaves this. */
};

void world_init(struct world *, uint64_t seed);
void world_destroy(struct world *);

/* A new connection with the same key. */
void world_new_life(struct world *);

/* Has the engine die 'deaths' times on the way, at any time between two
 * frames; from then on nothing is looked at any more, but what was decided
 * holds. */
void world_may_die(struct world *, unsigned int deaths);
void world_die(struct world *);

/* Has frames go around the stage 'arounds' times on the way, for a while, in
 * one direction or both.  What they bring to an end it reads as it was sent;
 * bytes with numbers that are not the receiver's nobody may ever read. */
void world_may_go_around(struct world *, unsigned int arounds);
bool world_goes_around(struct world *, struct tcp_frame *);
void world_goes_around_no_more(struct world *);

/* Runs until both ends are done, or fails. */
void world_run(struct world *);

#endif /* stream-world.h */
