/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EVENTS_H
#define PP_EVENTS_H 1

/* Corrections that the engine made: counted, and told to the log and to a
 * file.  What is told is described in ovs-patchpointd(8), EVENTS. */

#include <stddef.h>
#include <stdint.h>

#include "engine/pp-ipc.h"

struct ds;
struct pp_control;

#define PP_EVENTS_RATE 100              /* Default of --event-rate. */
#define PP_EVENTS_SIZE (32 * 1024 * 1024)       /* Of --events-size. */

/* The file, for JSON lines; NULL: none. */
void pp_events_set_file(const char *name);

/* When it is larger than 'size' bytes, a new one is begun; 0: never. */
void pp_events_set_size(uint64_t size);

/* Of one server and patch at most 'rate' are told at once, and 'rate' a
 * minute; of all, ten times that.  0: all. */
void pp_events_set_rate(unsigned int rate);

/* Begins a new file now.  Returns 0 or an errno value. */
int pp_events_rotate(void);

/* Each checks and tells what the engine said, in 'n' bytes.  Returns NULL, or
 * what is wrong with it. */
const char *pp_events_handle(struct pp_control *, const struct pp_ipc_event *,
                             size_t n);
const char *pp_events_handle_missed(struct pp_control *,
                                    const struct pp_ipc_missed *, size_t n);

/* Tells how many were left out, once it is over. */
void pp_events_run(struct pp_control *);
void pp_events_wait(void);

/* The last word on what was left out. */
void pp_events_flush(struct pp_control *);

/* "192.0.2.1:80", "[2001:db8::1]:80". */
void pp_events_format_addr(const struct pp_ipc_addr *, struct ds *);

/* Name of the interface with that server id, or NULL. */
const char *pp_events_server_name(const struct pp_control *, uint32_t id);

#endif /* pp-events.h */
