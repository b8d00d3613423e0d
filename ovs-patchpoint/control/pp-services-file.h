/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SERVICES_FILE_H
#define PP_SERVICES_FILE_H 1

/* Where services that were discovered are kept, so that the next daemon knows
 * them from its start on. */

struct json;
struct pp_discovered;
struct uuid;

/* Reads 'file', if it is there, and calls 'take' for each service in it, of
 * the interface 'uuid'; what it is handed is taken over.  What makes no sense
 * is logged and left out. */
void pp_services_file_read(const char *file,
                           void (*take)(const struct uuid *,
                                        struct pp_discovered *));

/* Adds 'service' to 'array', for pp_services_file_write(). */
void pp_services_file_put(struct json *array, const struct uuid *,
                          const struct pp_discovered *service);

/* Writes 'array', which it destroys, in place of 'file'. */
void pp_services_file_write(const char *file, struct json *array);

#endif /* pp-services-file.h */
