/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EVENT_H
#define PP_EVENT_H 1

/* What an event says, in text: for logs, for the offline tool, for tests. */

#include <stddef.h>
#include <stdint.h>

struct ds;
struct pp_ipc_value;

/* "edit", "reject", "close", "drop"; NULL if 'kind' is no enum
 * pp_correction_kind. */
const char *pp_event_kind(unsigned int kind);

/* Appends the 'n' bytes at 'p' as printable ASCII: \r, \n and \t; \" and \\;
 * \xNN for all else that is not printable. */
void pp_event_escape(const uint8_t *p, size_t n, struct ds *);

/* Appends NAME=VALUE for each of the 'n' values at 'v', separated by blanks:
 * numbers, true, false, "bytes" (and "..." behind those that are cut short),
 * *** for what is secret. */
void pp_event_format_values(const struct pp_ipc_value *v, size_t n,
                            struct ds *);

#endif /* pp-event.h */
