/* SPDX-License-Identifier: Apache-2.0 */

/* Rows of the list of connections.
 *
 * In: what the engine says of a connection, which is checked.  Out: a line for
 * people.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-engine-conn.h"

#include <inttypes.h>

#include "engine/pp-ipc.h"
#include "openvswitch/dynamic-string.h"
#include "pp-events.h"
#include "registry.h"
#include "util.h"

static const char *
conn_state_name(uint32_t state)
{
    static const char *const names[] = {
        [PP_CONN_OPENING] = "opening",
        [PP_CONN_INSPECTED] = "inspected",
        [PP_CONN_OPAQUE] = "opaque",
        [PP_CONN_UNINSPECTED] = "uninspected",
        [PP_CONN_CLOSING] = "closing",
        [PP_CONN_CLOSED] = "closed",
    };

    return state < ARRAY_SIZE(names) ? names[state] : NULL;
}

const char *
pp_engine_put_conn(const struct pp_control *ctl, const struct pp_ipc_conn *row,
                   struct ds *list)
{
    const char *state = conn_state_name(row->state);
    const char *server;

    if (!state || row->proxy >= pp_proxies_count()) {
        return "connection row with a bad state or proxy";
    }
    if (!list) {
        return NULL;
    }
    server = pp_events_server_name(ctl, row->server);
    pp_events_format_addr(&row->client, list);
    ds_put_cstr(list, " -> ");
    pp_events_format_addr(&row->service, list);
    ds_put_format(list, " server=%s proxy=%s state=%s"
                  " bytes=%"PRIu64"/%"PRIu64" edits=%"PRIu32"/%"PRIu32
                  " held=%"PRIu32" corrections=%"PRIu32
                  " idle=%"PRIu32".%03"PRIu32"s",
                  server ? server : "?", pp_proxies[row->proxy]->name, state,
                  row->bytes[0], row->bytes[1], row->edits[0], row->edits[1],
                  row->held, row->corrections,
                  row->idle_ms / 1000, row->idle_ms % 1000);
    if (row->vlan) {
        ds_put_format(list, " vlan=%u", row->vlan);
    }
    ds_put_cstr(list, row->cut ? " cut-through\n" : "\n");
    return NULL;
}
