/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DB_H
#define PP_DB_H 1

/* The PatchPoint database: named policies from it, the inventory to it.  See
 * patchpoint(5).
 *
 * Those parts of control that have rows of their own there (of servers behind
 * a VTEP, of services) write them in the transaction that pp_db_txn() gives,
 * between pp_db_run() and pp_db_wait(), and not more often than they must. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ovsdb_idl;
struct ovsdb_idl_txn;
struct pp_control;
struct pp_facts;
struct pp_iface;
struct pprec_server;

/* 'remote': where it is; NULL: in the ovsdb-server at 'local', to which it is
 * added as the file 'file' by the program 'helper', if need be.  'cache': the
 * file in which the policies in force are kept.  All are copied. */
void pp_db_start(const char *remote, const char *local, const char *file,
                 const char *helper, const char *cache);

/* Takes up what has changed there; sets 'dirty' if that matters. */
void pp_db_run(struct pp_control *);

/* Writes what has changed here, not more often than each second. */
void pp_db_write(struct pp_control *);

/* What is to be written of the interface may be another; or there is none of
 * this name any more. */
void pp_db_touch(struct pp_control *, struct pp_iface *);
void pp_db_forget(const char *name);

void pp_db_wait(void);

/* On the way out: has it been written that this host is not looked after any
 * more, or is there no one to tell? */
bool pp_db_is_done(void);

void pp_db_stop(void);

/* NULL while one is under way, or while the database is away. */
struct ovsdb_idl_txn *pp_db_txn(void);
struct ovsdb_idl *pp_db_idl(void);

/* This host's name there; NULL: not known yet. */
const char *pp_db_host(void);

/* The row of this host's server 'name', or NULL. */
const struct pprec_server *pp_db_find_server(const char *name);

/* Adds the DNS names of the server 'name', as they were written last. */
void pp_db_add_names(const char *name, struct pp_facts *);

/* For ovs-appctl pipeline/show: a line without its end. */
struct ds;
void pp_db_format(struct ds *);

#endif /* pp-db.h */
