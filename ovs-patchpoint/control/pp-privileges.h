/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PRIVILEGES_H
#define PP_PRIVILEGES_H 1

/* Control keeps only the privileges that it needs. */

#include <stdbool.h>
#include <sys/types.h>

/* Becomes 'user', "USER[:GROUP]", unless it is NULL, which needs root.  In any
 * case, keeps no other capabilities than the few that pp-privileges.c names,
 * of those that there are; can gain none, by no program; and can become nobody
 * else any more than 'engine_uid' and 'engine_gid', if they are not 0.  To be
 * called while there is one thread.  Returns NULL, or what went wrong, which
 * the caller frees. */
char *pp_privileges_drop(const char *user, uid_t engine_uid,
                         gid_t engine_gid);

/* May this process become another user, as the engine's process has to? */
bool pp_privileges_may_become(void);

/* Until it is taken back, programs that are started may connect to Open
 * vSwitch's sockets, as we do. */
void pp_privileges_lend(bool);

#endif /* pp-privileges.h */
