/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EVENTS_H
#define PP_EVENTS_H 1

/* Corrections that the engine made: to the log and to a file. */

#include <stddef.h>
#include <stdint.h>

#include "engine/pp-ipc.h"

struct ds;
struct pp_control;

/* The file, for JSON lines; NULL: none. */
void pp_events_set_file(const char *name);

/* Checks and tells an event.  Returns NULL, or what is wrong with it. */
const char *pp_events_handle(struct pp_control *, const struct pp_ipc_event *);

/* "192.0.2.1:80", "[2001:db8::1]:80". */
void pp_events_format_addr(const struct pp_ipc_addr *, struct ds *);

/* Name of the interface with that server id, or NULL. */
const char *pp_events_server_name(const struct pp_control *, uint32_t id);

#endif /* pp-events.h */
