/* SPDX-License-Identifier: Apache-2.0 */

#ifndef STREAM_CONN_H
#define STREAM_CONN_H 1

/* Connections for the stream stage alone, which knows nothing of proxies. */

struct pp_conn;

/* A new one. */
struct pp_conn *stream_conn_create(void);

/* Packs 'conn', which allows it, and unpacks it: nobody is to see a
 * difference.  It stands elsewhere afterwards. */
struct pp_conn *stream_conn_repack(struct pp_conn *conn);

#endif /* stream-conn.h */
