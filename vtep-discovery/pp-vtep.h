/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_VTEP_H
#define PP_VTEP_H 1

/* Servers that are not this host's VMs, from hardware_vtep databases (vtep(5)
 * of Open vSwitch): physical servers behind a VTEP gateway, and what the
 * gateway was told of those elsewhere. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"

struct ds;

/* A row of Ucast_Macs_Local or Ucast_Macs_Remote. */
struct pp_vtep_mac {
    struct hmap_node hmap_node;
    struct uuid uuid;           /* The row's: stable while it is there. */
    struct eth_addr mac;
    struct in6_addr ip;         /* in6addr_any: none is written. */
    bool is_local;              /* Behind the gateway itself. */
    char *logical_switch;
    int64_t key;                /* Its tunnel key (VNI); -1: has none. */
    struct in6_addr locator;    /* Where frames to it are sent to: the far end
                                 * of the tunnel. */
    char *gateway;              /* Physical_Switch with that tunnel address,
                                 * or "". */
};

/* 'remotes' names databases as ovsdb-client(1) does, with blanks or commas
 * between ("tcp:192.0.2.1:6640 ssl:gw2.example.com:6640"); NULL or "": none.
 * What a database that is still named has said stays.  Returns NULL, or what
 * is wrong with 'remotes' (to be freed): then nothing has changed. */
char *pp_vtep_set_remotes(const char *remotes);

/* Returns true if what the databases say has changed.  What one that is not
 * reached has said last stays in force. */
bool pp_vtep_run(void);
void pp_vtep_wait(void);
void pp_vtep_destroy(void);

/* The rows of all databases, in no order. */
const struct pp_vtep_mac *pp_vtep_next(const struct pp_vtep_mac *);

#define PP_VTEP_FOR_EACH(MAC)                                           \
    for ((MAC) = pp_vtep_next(NULL); (MAC); (MAC) = pp_vtep_next(MAC))

/* The address that any of the databases says 'mac' has, or NULL. */
const struct in6_addr *pp_vtep_ip(const struct eth_addr mac);

/* For people: appends a line for each database to 'ds'; or what 'mac' is,
 * without a newline. */
void pp_vtep_format_databases(struct ds *);
void pp_vtep_format(const struct pp_vtep_mac *mac, struct ds *);

#endif /* pp-vtep.h */
