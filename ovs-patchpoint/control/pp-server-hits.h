/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SERVER_HITS_H
#define PP_SERVER_HITS_H 1

/* How often each patch has corrected something for each server, since the
 * daemon was started, and which of that has been told. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/token-bucket.h"

struct ds;

/* Where a correction is told. */
enum pp_outlet {
    PP_OUTLET_LOG,              /* vlog: the log file, syslog. */
    PP_OUTLET_FILE,             /* Lines of JSON. */
    PP_N_OUTLETS
};

struct pp_server_hits {
    struct hmap_node node;
    uint32_t server_id;
    char *server;               /* Name of the interface, "" if it was gone
                                 * before it could be told. */
    char *bridge;
    char *patch;                /* Id. */
    uint64_t corrected;
    uint64_t monitored;         /* Would have been. */
    long long int last;         /* Wall clock, ms since 1970. */

    /* pp-events.c's. */
    struct token_bucket bucket;
    uint64_t left_out[PP_N_OUTLETS];    /* Not told yet. */
    long long int heard;        /* The last of them, monotonic ms. */
};

/* The counts of a server and a patch, made if need be. */
struct pp_server_hits *pp_server_hits_get(uint32_t server_id,
                                          const char *patch);

/* The server is called so now. */
void pp_server_hits_set_server(struct pp_server_hits *, const char *server,
                               const char *bridge);

/* Calls 'cb' for each, in no order. */
void pp_server_hits_for_each(void (*cb)(struct pp_server_hits *, void *aux),
                             void *aux);

/* Another number whenever a count is another one. */
uint64_t pp_server_hits_seqno(void);
void pp_server_hits_changed(void);

/* A line for each: by server, then by patch. */
void pp_server_hits_format(struct ds *);

void pp_server_hits_destroy(void);

#endif /* pp-server-hits.h */
