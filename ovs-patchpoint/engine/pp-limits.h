/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_LIMITS_H
#define PP_LIMITS_H 1

/* The bounds of the engine's memory, and of what servers may do.  The operator
 * can set them; what happens at each is said where it is kept. */

#include <stdint.h>

/* Member of struct pp_limits, name for people, default, least and most, and
 * what it bounds.
 *
 *   conns              Connections.  Which one makes room for another, enum
 *                      pp_lru says (pp-flow.h).
 *   held_conn          Bytes held and kept for one connection, half of it for
 *                      each direction, with its edit lists.  Further segments
 *                      are dropped; their sender sends them again.
 *   held_total         The same, for all connections.  From 3/4 of it on, a
 *                      connection that has more than its share does not get
 *                      more; beyond it, the one that has held the most for
 *                      longest is reset.
 *   edits              Entries in an edit list.  Until the receiver has
 *                      acknowledged some, nothing more is decided, and further
 *                      segments are dropped.
 *   datagram_fragments Fragments of one IP datagram, and bytes of memory for
 *   datagram_bytes     them.  One that needs more is dropped.
 *   datagrams          Datagrams that wait for fragments, and bytes of memory
 *   datagrams_total    for all.  The oldest one makes room.
 *   handshake          Seconds for which a server may take the end of a
 *                      handshake, any number of times, after it has answered
 *                      the SYN: Linux 120 by a SYN cookie (RFC 4987 3.6), for
 *                      which it keeps nothing.  0: no server has those. */
#define PP_LIMITS                                                            \
    PP_LIMIT(conns, "connections", 1 << 20, 1, 1 << 24,                      \
             "connections followed")                                        \
    PP_LIMIT(held_conn, "held-connection", 4 << 20, 1 << 20, 64 << 20,      \
             "bytes held for a connection")                                 \
    PP_LIMIT(held_total, "held", 256 << 20, 16 << 20, UINT64_C(1) << 40,     \
             "bytes held for all")                                          \
    PP_LIMIT(edits, "edits", 1024, 16, 65536,                                \
             "edits of a direction that are not acknowledged")              \
    PP_LIMIT(datagram_fragments, "datagram-fragments", 256, 2, 8192,         \
             "fragments of a datagram")                                     \
    PP_LIMIT(datagram_bytes, "datagram-held", 256 << 10, 64 << 10, 4 << 20,  \
             "bytes held for a datagram")                                   \
    PP_LIMIT(datagrams, "datagrams", 4096, 1, 1 << 20,                       \
             "datagrams that wait for fragments")                           \
    PP_LIMIT(datagrams_total, "datagrams-held", 16 << 20, 1 << 20,           \
             UINT64_C(1) << 40, "bytes held for all datagrams")             \
    PP_LIMIT(handshake, "handshake", 150, 0, 86400,                          \
             "seconds in which a handshake may end")

struct pp_limits {
#define PP_LIMIT(MEMBER, NAME, DEFAULT, MIN, MAX, DOC) uint64_t MEMBER;
    PP_LIMITS
#undef PP_LIMIT
};

static inline struct pp_limits
pp_limits_default(void)
{
    return (struct pp_limits) {
#define PP_LIMIT(MEMBER, NAME, DEFAULT, MIN, MAX, DOC) .MEMBER = (DEFAULT),
        PP_LIMITS
#undef PP_LIMIT
    };
}

#endif /* pp-limits.h */
