/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_ENGINE_CONN_H
#define PP_ENGINE_CONN_H 1

struct ds;
struct pp_control;
struct pp_ipc_conn;

/* Adds a line about a connection to 'list', unless that is NULL.  Returns
 * NULL, or what is wrong with what the engine says. */
const char *pp_engine_put_conn(const struct pp_control *,
                               const struct pp_ipc_conn *, struct ds *list);

#endif /* pp-engine-conn.h */
