/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PACK_H
#define PP_PACK_H 1

/* Packed connections.
 *
 * Nearly all that a connection keeps is zero, or can be told from something
 * else, while it is idle and nothing of it is held.  Such a connection is
 * packed: what is behind its head is kept as a bitmap of its 32-bit words and
 * those that are not zero.  Nothing is lost, whatever stands in it. */

#include <stdbool.h>
#include <stddef.h>

struct pp_conn;
struct pp_conn_head;

/* True if 'conn' has nothing outside of itself (what patches keep of it, for
 * one), and waits for no time. */
bool pp_pack_can(const struct pp_conn *);

/* Returns 'conn' packed, with its head as it is.  All that is left to be done
 * with 'conn' is to free it. */
struct pp_conn_head *pp_pack(struct pp_conn *conn);

/* The opposite, but that it leaves 'packed' alone. */
struct pp_conn *pp_unpack(const struct pp_conn_head *packed);

#endif /* pp-pack.h */
