/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TCP_MODEL_H
#define TCP_MODEL_H 1

/* Modelled TCP endpoints and the network between them, for tests of the
 * stream stage.
 *
 * An endpoint does what RFC 9293, 2018, 2883, 5961 and 7323 say, and what
 * real stacks do with their liberties: delayed acknowledgements, small
 * congestion windows, windows that shut and open, probes, keepalives,
 * retransmissions at other boundaries, super-frames whose checksums are still
 * to be made.  The network loses, repeats, delays and reorders.  All of it
 * comes from one seed, so every schedule can be repeated.
 *
 * Offsets count the bytes of a stream from 0; a FIN counts as one more. */

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>

#include "compiler.h"
#include "engine/pp-packet.h"
#include "pp-proxy.h"

/* How often each thing happened, in all schedules.  The test prints them, so
 * that everybody can see that it is not vacuous. */
#define TCP_SEEN                                                            \
    X(schedules) X(lives) X(steps) X(frames) X(bytes_to_server)             \
    X(bytes_to_client)                                                      \
    X(left_as_it_came) X(ipv6) X(inner_vlan) X(partial_csum)                \
    X(super_frames) X(timestamps) X(window_scaling) X(sequence_wraps)       \
    X(syn_data) X(simultaneous_open) X(urgent)                              \
    X(lost) X(duplicated) X(reordered) X(segments_to_early)                 \
    X(retransmissions) X(fast_retransmissions) X(overlaps_with_new)         \
    X(lies) X(lies_noticed) X(one_segment_cwnd)                             \
    X(sack_blocks) X(sack_with_edits) X(dsack_blocks)                       \
    X(zero_windows) X(window_probes) X(old_windows) X(beyond_window)        \
    X(keepalives) X(keepalives_with_byte)                                   \
    X(client_half_close) X(server_half_close) X(simultaneous_close)         \
    X(fin_in_edited) X(rst_outside) X(rst_challenged) X(aborts)             \
    X(edits) X(growing) X(shrinking) X(retransmitted_edits) X(swallowed)    \
    X(replies) X(refusals_open) X(refusals_close) X(closes) X(resets)       \
    X(opaque) X(bad_open) X(bad_closed) X(skipped) X(waits)          \
    X(waits_in_vain) X(cut_by_fin)                                          \
    X(held) X(hold_acks) X(hold_full) X(delivered_by_timer) X(gave_up)      \
    X(packed)                                                               \
    X(reuses) X(strays) X(deaths) X(restored)                               \
    X(times_around) X(frames_around) X(bytes_around) X(foreign_frames)      \
    X(foreign_without_timestamps) X(went_around) X(asked) X(out_of_step) \
    X(harmed) X(stalled_unguarded)

struct tcp_seen {
#define X(NAME) uint64_t NAME;
    TCP_SEEN
#undef X
};
extern struct tcp_seen tcp_seen;

/* Randomness that a seed repeats. */
void tcp_srand(uint64_t seed);
uint32_t tcp_rnd(uint32_t n);           /* Below 'n'. */
bool tcp_chance(uint32_t percent);

/* A schedule is wrong: says so and ends the test.  The test defines it. */
OVS_NO_RETURN void tcp_fail(const char *format, ...)
    OVS_PRINTF_FORMAT(1, 2);

/* What happens, for people; costs nothing unless 'tcp_tracing'. */
extern bool tcp_tracing;
void tcp_trace(const char *format, ...) OVS_PRINTF_FORMAT(1, 2);
void tcp_trace_show(void);      /* The end of it, on stderr. */
#define TCP_TRACE(...) (tcp_tracing ? tcp_trace(__VA_ARGS__) : (void) 0)

/* Bytes that grow. */
struct tcp_text {
    uint8_t *data;
    size_t n, allocated;
};
void tcp_text_put(struct tcp_text *, const void *, size_t);
void tcp_text_room(struct tcp_text *, size_t);

/* Bytes from 'l' up to 'r'. */
struct tcp_range {
    uint64_t l, r;
};

#define TCP_RANGES_MAX 32
struct tcp_ranges {
    struct tcp_range r[TCP_RANGES_MAX + 1];
    unsigned int n;
};
bool tcp_ranges_have(const struct tcp_ranges *, uint64_t l, uint64_t r);
/* Puts [l, r) in, merged.  Drops it if there is no room, but for one that
 * 'all_wait' for. */
void tcp_ranges_add(struct tcp_ranges *, uint64_t l, uint64_t r,
                    bool all_wait);
/* Takes off what is before 'before'. */
void tcp_ranges_trim(struct tcp_ranges *, uint64_t before);

struct tcp_net;
struct tcp_end;

/* A frame on its way. */
struct tcp_frame {
    uint64_t at;                /* When it arrives... */
    uint64_t order;             /* ...and among those of the same time. */
    bool to_stage;              /* Else to the endpoint. */
    bool foreign;               /* Has numbers that are not the receiver's. */
    uint8_t dir;                /* enum pp_dir. */
    uint32_t life;              /* Of the connection. */
    uint32_t len;
    uint8_t data[];             /* struct virtio_net_hdr, then the frame. */
};

struct tcp_net {
    uint64_t now;               /* ms. */
    uint64_t order;
    uint32_t life;
    struct tcp_frame **queue;   /* A heap by 'at'. */
    size_t n, allocated;
    bool stray;                 /* The frame at hand is of an earlier life,
                                 * or foreign. */
    bool foreign;               /* What is sent now is. */
    bool misled;                /* Some was, and its receiver could not
                                 * tell. */
    bool fin_around;            /* A FIN went around the stage, which may take
                                 * bytes before it away. */
    bool around;                /* Some frame did. */
    bool near[2];               /* The end that sends in this direction is
                                 * near the stage: nothing is late or lost
                                 * between them. */
    uint32_t loss, dup, jitter; /* Per cent, per cent, ms. */
    bool ipv6;
    uint16_t vlan;
    struct in6_addr client, server;
    uint16_t client_port, server_port;
};

/* Sends 'len' bytes at 'data' on their way, or loses them. */
void tcp_net_send(struct tcp_net *, bool to_stage, enum pp_dir,
                  const void *data, size_t len);
/* The next frame, if it arrives by net->now, or NULL.  The caller frees. */
struct tcp_frame *tcp_net_next(struct tcp_net *);
uint64_t tcp_net_deadline(const struct tcp_net *);
void tcp_net_clear(struct tcp_net *);

enum tcp_state {
    TCP_LISTENING,
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_UP,
};

/* What a test may check when something happens.  Each may be NULL. */
struct tcp_hooks {
    /* 'e' learns that its peer has its bytes before 'ack'. */
    void (*acked)(void *aux, struct tcp_end *e, uint64_t ack);
    /* ...and those in 'range', which is not empty. */
    void (*sacked)(void *aux, struct tcp_end *e, struct tcp_range range);
    /* Its application has read e->in up to e->read. */
    void (*read)(void *aux, struct tcp_end *e);
};

struct tcp_end {
    const char *name;
    struct tcp_net *net;
    enum pp_dir dir;            /* Of what it sends. */
    const struct tcp_hooks *hooks;
    void *aux;
    uint8_t eth[12];
    uint16_t slot;

    /* Its nature. */
    uint16_t mss;               /* That it announces, or 0. */
    int8_t wscale;              /* That it announces, or -1. */
    bool ts, sack, syn_data;
    bool gso, partial, nagle, delays_acks, reads_slowly, keeps_alive;
    bool last_copy_wins;        /* Where received ranges overlap. */
    bool lies;                  /* Sends other bytes when it sends again. */
    unsigned int restless;      /* So often it sends again without need. */
    uint8_t cut;                /* 0: full segments, 1: any, 2: tiny. */
    uint32_t rcvbuf;

    /* State. */
    enum tcp_state state;
    bool gone;                  /* Reset; answers with RST. */
    uint32_t isn, peer_isn;
    unsigned int peer_shift, shift;
    bool ts_on, sack_on;
    uint16_t peer_mss;

    /* Sending. */
    struct tcp_text out;        /* All that its application sends... */
    size_t ready;               /* ...and what it has handed down so far. */
    bool out_fin;               /* It closes behind that. */
    uint64_t una, nxt;          /* Acknowledged, sent. */
    uint64_t cwnd, edge;
    uint32_t wl1;               /* What "edge" was taken from last:        */
    uint64_t wl2;               /* SND.WL1, SND.WL2 (RFC 9293 3.3.1).      */
    uint64_t rto_at, rto, alive_at, more_at;
    unsigned int dup_acks, n_rto;
    uint64_t fast_at;           /* Was sent again fast already. */
    struct tcp_ranges sacked;

    /* Receiving. */
    struct tcp_text in;         /* In order. */
    uint64_t read;              /* That the application has taken. */
    bool in_fin;
    uint64_t fin_at;            /* Or UINT64_MAX. */
    bool fin_is_stray;          /* Its peer did not say so, or not to it. */
    struct tcp_text gaps;       /* Out of order, each at its place. */
    struct tcp_ranges early;
    struct tcp_range dsack;
    uint64_t in_edge;           /* Most that it ever announced. */
    uint32_t ts_recent, last_ack;
    bool has_ts_recent;
    bool minds_urgent;          /* Its application does not find urgent bytes
                                 * in its stream. */
    uint64_t ack_at, read_at;
    uint64_t quiet_until;       /* No answer to what has no byte and is not
                                 * acceptable. */
};

/* All but its nature anew; texts keep their memory. */
void tcp_end_reset(struct tcp_end *, enum tcp_state);
void tcp_end_destroy(struct tcp_end *);

void tcp_end_connect(struct tcp_end *);
void tcp_end_take(struct tcp_end *, const struct pp_packet *);
void tcp_end_timers(struct tcp_end *);
void tcp_end_pump(struct tcp_end *);
uint64_t tcp_end_deadline(const struct tcp_end *);
/* Its application is gone, and with it the socket. */
void tcp_end_abort(struct tcp_end *);
/* A third party's RST, or a late one, at 'seq'. */
void tcp_end_send_rst(struct tcp_end *, uint32_t seq);

/* All that it wants to send is acknowledged. */
static inline bool
tcp_end_is_done(const struct tcp_end *e)
{
    return e->una == e->out.n + e->out_fin;
}

#endif /* tcp-model.h */
