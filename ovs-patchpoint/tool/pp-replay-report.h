/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_REPLAY_REPORT_H
#define PP_REPLAY_REPORT_H 1

/* What became of each connection of a capture, for people and for programs. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

#include "engine/pp-ipc.h"

struct pp_packet;
struct pp_program;
struct pp_report;

enum pp_report_state {
    PP_REPORT_FOLLOWED,         /* From its SYN on, by its proxy. */
    PP_REPORT_OPAQUE,           /* From some point on rightly not. */
    PP_REPORT_BAD,              /* From some point on no proxy understands
                                 * it. */
    PP_REPORT_MIDSTREAM,        /* It began before the capture. */
    PP_REPORT_TLS,              /* On a port where TLS is spoken. */
};

/* What is to be said of the capture as a whole; numbers of frames unless said
 * otherwise. */
struct pp_report_totals {
    const char *in;             /* Name of the file. */
    uint64_t n_in, n_out;
    uint64_t n_cut;             /* Cut off when captured. */
    uint64_t n_other;           /* Of kinds that cannot be replayed. */
    uint64_t n_midstream;       /* Segments without their SYN. */
    uint32_t n_servers;         /* Servers. */
};

/* 'json': everything is said at the end, as one JSON object.  Else each
 * correction is said at once, the rest at the end; with 'quiet' nothing. */
struct pp_report *pp_report_create(const struct pp_program *program,
                                   bool json, bool quiet);
void pp_report_destroy(struct pp_report *);

/* True if 'pkt', to or from the server, is of a connection that is known. */
bool pp_report_has(const struct pp_report *, const struct pp_packet *pkt,
                   bool to_server);

/* A frame 'pkt' of a TCP or UDP service of 'proxy', an index into
 * pp_proxies[], or of none (-1), is about to go through the pipeline;
 * afterwards pp_report_frame_done().  The counters are the pipeline's. */
void pp_report_frame(struct pp_report *, const struct timeval *now,
                     const struct pp_packet *pkt, bool to_server, int proxy,
                     const struct pp_counters *);
void pp_report_frame_done(struct pp_report *, const struct pp_counters *);

/* Something was, or would be, corrected. */
void pp_report_event(struct pp_report *, const struct timeval *now,
                     const struct pp_ipc_event *);

void pp_report_print(const struct pp_report *,
                     const struct pp_report_totals *);

/* True if TLS is what servers usually speak on TCP port 'port'. */
bool pp_report_is_tls(uint16_t port);

#endif /* pp-replay-report.h */
