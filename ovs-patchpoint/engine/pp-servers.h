/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SERVERS_H
#define PP_SERVERS_H 1

/* Who is who: what the snapshot says of MAC addresses and slots, found
 * fast. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/pp-snapshot.h"
#include "openvswitch/hmap.h"
#include "pp-proxy.h"

struct pp_servers {
    struct hmap servers;        /* By bridge and MAC... */
    struct hmap ids;            /* ...and by id. */
    struct hmap slots;          /* By bridge and slot. */
    uint32_t basis;             /* For hashes that nobody can foresee. */
};

void pp_servers_init(struct pp_servers *, uint32_t basis);
void pp_servers_destroy(struct pp_servers *);

/* Forgets all servers and slots. */
void pp_servers_clear(struct pp_servers *);

/* Takes over what 'n' rows say, one after the other.  They were checked. */
void pp_servers_take(struct pp_servers *, const struct pp_snap_row *,
                     uint32_t n);

/* The server with 'id', or the one whose interface has 'name' and, unless that
 * is NULL, that has the address 'mac', or NULL. */
const struct pp_snap_server *pp_servers_by_id(const struct pp_servers *,
                                              uint32_t id);
const struct pp_snap_server *pp_servers_by_name(const struct pp_servers *,
                                                const char *name,
                                                const struct eth_addr *mac);

/* The server of 'bridge' with the address of the 6 bytes at 'mac', or NULL. */
const struct pp_snap_server *pp_servers_find(const struct pp_servers *,
                                             uint32_t bridge,
                                             const uint8_t mac[6]);

/* The service of 'server', one of those above, on 'port', or NULL. */
const struct pp_snap_service *pp_servers_service(
    const struct pp_snapshot *, const struct pp_snap_server *server,
    enum pp_transport, uint16_t port);

/* True if frames of 'slot' come from the port of 'server'.  Anyone can send
 * from its MAC address. */
bool pp_servers_is_from(const struct pp_servers *,
                        const struct pp_snap_server *server, uint16_t slot);

/* The VLAN of frames with 'slot', + 1; 0: not known. */
uint16_t pp_servers_vlan(const struct pp_servers *, uint32_t bridge,
                         uint16_t slot);

#endif /* pp-servers.h */
