/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_ENGINE_PROC_H
#define PP_ENGINE_PROC_H 1

/* The engine as a process: started, watched, talked to. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/pp-ipc.h"

struct ds;
struct pp_control;
struct unixctl_conn;

enum pp_engine_state {
    PP_ENGINE_STOPPED,          /* Nothing for it to do. */
    PP_ENGINE_WAITING,          /* Died; to be started again in a while. */
    PP_ENGINE_STARTING,         /* Has not said hello yet. */
    PP_ENGINE_READY,            /* Takes messages. */
    PP_ENGINE_ENDING,           /* Was told to exit. */
};

/* 'path': the program.  'user': whom it is to run as, or NULL.
 * 'event_values': how much of a value an event tells.  Returns NULL, with
 * '*error' saying why, if this cannot work. */
struct pp_engine *pp_engine_create(const char *path, const char *user,
                                   unsigned int event_values, char **error);

/* Whom it runs as; 0 if as we do. */
void pp_engine_ids(const struct pp_engine *, uid_t *, gid_t *);

void pp_engine_run(struct pp_control *);
void pp_engine_wait(struct pp_control *);

/* Ends the engine, unless 'keep', and frees all. */
void pp_engine_destroy(struct pp_engine *, bool keep);

/* Hands the sealed memfd 'fd', which it takes over, to this engine and all
 * after it. */
void pp_engine_set_snapshot(struct pp_engine *, int fd, uint64_t serial);

/* Hands over 'len' bytes of a message that changes that, and with it 'fd', if
 * that is not -1, which it takes over; not for an engine that is started
 * later, for which ctl->snapshot_dirty will be set. */
void pp_engine_update_snapshot(struct pp_engine *, const void *msg,
                               size_t len, int fd, uint64_t serial);

/* Is what was handed over last in force?  Or what has 'serial'? */
bool pp_engine_in_force(const struct pp_engine *);
bool pp_engine_has(const struct pp_engine *, uint64_t serial);

/* The last serial that the engine has said is in force. */
uint64_t pp_engine_acked(const struct pp_engine *);

/* Should the flows wait for it?  Not for long, and not for an engine that
 * does not come up: the switch's groups know what to do without one. */
bool pp_engine_holds_flows(const struct pp_engine *);

/* Tells the engine which connections are cut through no more.  False if there
 * is no room for that now. */
bool pp_engine_send_uncut(struct pp_engine *, struct pp_ipc_uncut *);

/* Sends the engine a message, with descriptor 'fd' unless it is -1.  Returns 0
 * or an errno value; ENOTCONN: there is none; EAGAIN: no room now. */
int pp_engine_send(struct pp_engine *, const void *msg, size_t len, int fd);

/* Ends the engine, if there is one, and starts another.  Takes over 'why'. */
void pp_engine_replace(struct pp_control *, char *why);

/* The engine is to let go of a bridge's tap. */
void pp_engine_detach(struct pp_control *, uint32_t bridge, const char *tap);

enum pp_engine_state pp_engine_state(const struct pp_engine *);

/* What hinders it, in words, or NULL. */
const char *pp_engine_error(const struct pp_engine *);

/* Has it been told to end, and is gone? */
bool pp_engine_is_stopped(const struct pp_engine *);

const struct pp_counters *pp_engine_counters(const struct pp_engine *);

/* Answers 'conn', now or later, with the connections there are. */
void pp_engine_list_conns(struct pp_control *, struct unixctl_conn *conn);

void pp_engine_format(const struct pp_engine *, struct ds *);

#endif /* pp-engine-proc.h */
