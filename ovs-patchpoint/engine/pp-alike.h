/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_ALIKE_H
#define PP_ALIKE_H 1

/* Connections that are alike: of one server, with the same addresses and
 * ports.
 *
 * A server that is in several VLANs may have one such connection in each, if
 * it is a host of its own in each; or they are one, if it takes frames for its
 * address from any VLAN.  Nobody but the server knows.  So a frame is one of a
 * connection's only if its VLAN is that of the SYN (from the client), or that
 * of the server's answer to it (from the server: not always the same, where a
 * controller or a route leads there and back by different VLANs).  What the
 * server could take for a part of another connection than the one that would
 * be followed is dropped: what comes from the client in a VLAN where there is
 * no connection, or one that the server has not answered yet. */

#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"

struct pp_conn_head;
struct pp_packet;

/* As many are followed at a time. */
#define PP_ALIKE_MAX 16

enum pp_alike {
    PP_ALIKE_THIS,              /* It is one of this connection's. */
    PP_ALIKE_NONE,              /* It is of none of them. */
    PP_ALIKE_NEW,               /* It is a SYN of one more. */
    PP_ALIKE_DROP,              /* It might be of any. */
};

/* Which of the 'n' connections 'heads' does 'pkt', in direction 'dir' and VLAN
 * 'vlan' (counted as in struct pp_half), belong to?  Sets '*index' if to
 * one. */
enum pp_alike pp_alike(struct pp_conn_head *const heads[], size_t n,
                       enum pp_dir dir, uint16_t vlan,
                       const struct pp_packet *, size_t *index);

#endif /* pp-alike.h */
