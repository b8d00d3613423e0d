/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SERVICES_H
#define PP_SERVICES_H 1

/* Services discovered: which ports VMs were seen listening on, what is spoken
 * there, and by which product. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-ipc.h"
#include "openvswitch/hmap.h"
#include "pp-policy.h"

struct pp_control;
struct pp_iface;
struct uuid;

/* Services of one server; of more, those of which least is known and that
 * were not seen for longest are forgotten. */
#define PP_DISCOVERED_MAX 64

/* The switch tells of a listening port once in so many seconds, while there
 * are new connections to it. */
#define PP_DISCOVERY_PAUSE 60

/* A service that was not seen for so long is forgotten, in seconds. */
#define PP_SERVICE_TIMEOUT (24 * 60 * 60)

/* A service, as it was discovered. */
struct pp_discovered {
    struct hmap_node node;      /* In its server's 'services', by port. */
    uint16_t port;
    uint8_t transport;          /* enum pp_transport. */
    struct in6_addr address;    /* Where it was seen last. */
    int proxy;                  /* That it was seen to speak, or -1. */
    char *said;                 /* What it said of itself; NULL: nothing
                                 * yet. */
    char *product;              /* As the pool names it; NULL: not known. */
    char *version;              /* With a product; may be empty. */
    long long int first_seen;   /* In ms since 1970. */
    long long int last_seen;
    unsigned int n_sights;      /* How often it was seen to listen. */
    unsigned int n_frames;      /* Looked at since it was last. */
};

/* For how long a service is remembered that is not seen; 0: for ever. */
void pp_services_set_timeout(unsigned int seconds);

/* Keeps what is known in 'file', and goes on from what is there. */
void pp_services_open(const struct pp_control *, const char *file);

/* Server 'id' is the interface 'uuid'. */
void pp_services_adopt(uint32_t id, const struct uuid *uuid);

/* Grows when what is known becomes something else. */
uint64_t pp_services_seqno(void);

/* 'iface' sent a TCP segment with SYN and ACK from 'service'.  Returns false
 * if it has sent too many; else '*ask' says whether to look at what it sends
 * from there, since it is not known which protocol that is. */
bool pp_services_listens(struct pp_control *, const struct pp_iface *iface,
                         const struct pp_ipc_addr *service, bool *ask);

/* 'iface' sent the 'n' bytes at 'payload' from 'service', at the start of a
 * segment.  Returns true if more is to be looked at. */
bool pp_services_speaks(struct pp_control *, const struct pp_iface *iface,
                        const struct pp_ipc_addr *service,
                        const void *payload, size_t n);

/* What the engine heard.  Returns NULL, or what is wrong with it. */
const char *pp_services_handle(struct pp_control *, const struct pp_ipc_said *,
                               size_t len);

/* Policy 'auto': the services of server 'server', and which patches are for
 * them.  In 'services' are '*n' services that are protected in any case; those
 * that were discovered are added, at most up to 'max', each with its own
 * 'patches', to be freed.  'named' is as in pp-policy.c: the '*n_named' ports
 * of patchpoint-ports, and the proxies that these are for. */
void pp_services_select(const struct pp_control *, uint32_t server,
                        const struct pp_service *named, size_t n_named,
                        uint64_t named_proxies,
                        struct pp_service services[], size_t *n,
                        size_t max);

/* Does so much come from it that it is left out for a while? */
bool pp_services_is_muted(uint32_t server);

/* The services of 'server', by port; NULL behind the last. */
const struct pp_discovered *pp_services_next(uint32_t server,
                                             const struct pp_discovered *);

#define PP_FOR_EACH_DISCOVERED(SERVICE, SERVER)                     \
    for ((SERVICE) = pp_services_next(SERVER, NULL); (SERVICE);     \
         (SERVICE) = pp_services_next(SERVER, SERVICE))

/* The patches have changed: products have other names. */
void pp_services_pool_changed(const struct pp_control *);

/* Forgets what was not seen for long, and servers that are gone. */
void pp_services_run(struct pp_control *);
void pp_services_wait(void);

void pp_services_init(struct pp_control *);
void pp_services_destroy(void);

#endif /* pp-services.h */
