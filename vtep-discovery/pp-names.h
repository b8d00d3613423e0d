/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_NAMES_H
#define PP_NAMES_H 1

/* What the DNS calls the servers' addresses.
 *
 * Looked up in the background, kept as long as the DNS says, never waited
 * for: until the answer is there, an address has no name.
 *
 * A name counts only if it leads back to its address (PTR, then A or AAAA):
 * whoever runs the reverse zone of an address can write any name there, and
 * policies go by names. */

#include <stdbool.h>
#include <stddef.h>

struct ds;
struct in6_addr;

/* Called by pp_names_run() when the name of a wanted address is known, or has
 * changed; 'name' is NULL when it has none. */
typedef void pp_names_changed_func(const struct in6_addr *, const char *name,
                                   void *aux);

/* To be called once, after the process has become a daemon.  The servers to
 * be asked are those of /etc/resolv.conf, or of the file that the environment
 * variable OVS_RESOLV_CONF names, as in Open vSwitch's own daemons; without
 * any, no address has a name. */
void pp_names_init(pp_names_changed_func *, void *aux);
void pp_names_run(void);
void pp_names_wait(void);

/* In a process that was forked off: leaves what is the parent's alone. */
void pp_names_abandon(void);
void pp_names_destroy(void);

/* The name of 'addr' is wanted, until as many calls of pp_names_unwant(). */
void pp_names_want(const struct in6_addr *addr);
void pp_names_unwant(const struct in6_addr *addr);

/* The name of 'addr', or NULL: none, not known yet, or not wanted.  Valid
 * until the next call of pp_names_run() or pp_names_unwant(). */
const char *pp_names_get(const struct in6_addr *addr);

/* Has the DNS answered for 'addr', be it that there is no name? */
bool pp_names_is_known(const struct in6_addr *addr);

/* Appends a line for each wanted address to 'ds', for people. */
void pp_names_format(struct ds *);

#endif /* pp-names.h */
