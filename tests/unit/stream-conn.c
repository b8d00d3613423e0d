/* SPDX-License-Identifier: Apache-2.0 */

/* Connections for the stream stage alone; see stream-conn.h.
 *
 * In, out: connections.  Runs in unit tests; owns nothing. */

#include <config.h>

#include "stream-conn.h"

#include <stdlib.h>

#include "engine/pp-pack.h"
#include "engine/pp-stream.h"
#include "util.h"

static const struct pp_proxy no_proxy = { .conn_size = 8 };

struct pp_conn *
stream_conn_create(void)
{
    struct pp_conn *conn = xzalloc(pp_conn_size(&no_proxy));

    conn->head.proxy = &no_proxy;
    pp_stream_conn_init(conn);
    return conn;
}

struct pp_conn *
stream_conn_repack(struct pp_conn *conn)
{
    struct pp_conn_head *packed = pp_pack(conn);

    free(conn);
    conn = pp_unpack(packed);
    free(packed);
    return conn;
}
