/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_CONTROL_HANDOVER_H
#define PP_CONTROL_HANDOVER_H 1

/* Hand-over of a server's connections between hosts, by way of a file: the
 * commands server/export and server/import (engine/pp-handover.h). */

#include <stddef.h>

struct pp_control;

void pp_handover_init_commands(struct pp_control *);

/* The engine's answer, of 'len' bytes.  Returns NULL, or what is wrong with
 * it. */
const char *pp_handover_handle(const void *msg, size_t len);

/* Answers who has waited for too long. */
void pp_handover_run_commands(void);
void pp_handover_wait_commands(void);

#endif /* pp-handover.h */
