/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DB_PRIVATE_H
#define PP_DB_PRIVATE_H 1

/* What the files of the PatchPoint database share: pp-db.c (the connection),
 * pp-db-policy.c (named policies from it), pp-db-attach.c (it is where it
 * should be), pp-db-write.c, pp-db-patch.c and pp-db-hits.c (the inventory to
 * it). */

#include <stdbool.h>
#include <stdint.h>

#include "ovsdb-schema/patchpoint-idl.h"

struct pp_control;
struct pp_iface;
struct shash;

/* pp-db-attach.c.  pp_db_attach_run() returns true when the database has just
 * been added to the server; 'away': it does not seem to be there. */
void pp_db_attach_start(const char *local, const char *file,
                        const char *helper);
bool pp_db_attach_run(const struct pp_control *, bool away);
void pp_db_attach_wait(void);
void pp_db_attach_stop(void);

/* pp-db-policy.c. */
void pp_db_policy_load(const char *cache);
void pp_db_policy_run(struct pp_control *, const struct ovsdb_idl *,
                      bool known);
const char *pp_db_policy_error(const char *name);
void pp_db_policy_destroy(void);

/* pp-db-hits.c.  pp_db_hits_run() returns true if there is news.
 *
 * pp_db_hits_get() is the server's counts by patch, or NULL, and when one of
 * them was counted last, in ms since the epoch, or 0.  'row': what the
 * database has of the server now, or NULL; the first time, that is where
 * counting goes on.  pp_db_hits_sweep() forgets those of whom nothing was
 * asked since the last time. */
struct pp_db_count {
    uint64_t base;              /* Before the daemon was started. */
    uint64_t now;               /* Since then. */
};
bool pp_db_hits_run(void);
const struct shash *pp_db_hits_get(uint32_t server_id,
                                   const struct pprec_server *row,
                                   int64_t *last);
void pp_db_hits_sweep(void);
void pp_db_hits_destroy(void);

/* pp-db-service.c: the services of 'iface', whose row is 'row', which is new
 * if 'is_new'. */
void pp_db_put_services(const struct pp_control *, const struct pp_iface *,
                        const struct pprec_server *row, bool is_new);

/* pp-db-write.c, pp-db-patch.c.  pp_db_*_again(): what was written last did
 * not get there.  pp_db_patch_write() returns false if there is more. */
void pp_db_write_again(void);
void pp_db_write_wait(void);
void pp_db_write_destroy(void);
void pp_db_patch_start(struct ovsdb_idl *);
bool pp_db_patch_write(const struct pp_control *);
void pp_db_patch_again(void);
void pp_db_patch_destroy(void);

#endif /* pp-db-private.h */
