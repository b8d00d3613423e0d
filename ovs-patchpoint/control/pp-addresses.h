/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_ADDRESSES_H
#define PP_ADDRESSES_H 1

/* IP addresses of servers, and what the DNS calls them (pp-names.h). */

#include <netinet/in.h>
#include <stdbool.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct pp_control;
struct pp_iface;
struct svec;

/* As many are remembered of one server, the first ones. */
#define PP_ADDRESSES_MAX 16

struct pp_address {
    struct hmap_node hmap_node; /* In 'all', by 'ip'. */
    struct ovs_list node;       /* In the interface's 'addresses'. */
    struct in6_addr ip;
    struct pp_iface *iface;
};

void pp_addresses_init(struct pp_control *);
void pp_addresses_run(void);
void pp_addresses_wait(void);
void pp_addresses_destroy(void);

/* 'iface' was seen, or is said, to have 'ip'. */
void pp_addresses_add(struct pp_control *, struct pp_iface *iface,
                      const struct in6_addr *ip);

/* 'iface' is gone. */
void pp_addresses_forget(struct pp_iface *iface);

/* Adds its addresses, and their names, as text, sorted.  The latter returns
 * false if the DNS has not answered yet for all. */
void pp_addresses_list(const struct pp_iface *, struct svec *addresses);
bool pp_addresses_list_names(const struct pp_iface *, struct svec *names);

#endif /* pp-addresses.h */
