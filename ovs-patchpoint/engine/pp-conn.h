/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_CONN_H
#define PP_CONN_H 1

/* A followed TCP connection: what the stages flow and stream share. */

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-edit-list.h"
#include "engine/pp-inspect.h"
#include "engine/pp-ipc.h"
#include "engine/pp-packet.h"
#include "engine/pp-timers.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

/* Decided bytes of the out stream that its receiver has not acknowledged yet.
 * They are what a retransmission carries, whatever it came with. */
struct pp_keep {
    struct pp_keep *next;
    uint64_t out;
    uint32_t len;
    uint32_t allocated;
    uint8_t data[];
};

/* A frame that waits: for a decision, or for those before it. */
struct pp_held {
    struct ovs_list node;
    uint64_t in;                /* Of its first payload byte. */
    bool passed;                /* Left already; only to be looked at. */
    struct pp_packet pkt;       /* pkt.data is 'frame'. */
    uint8_t frame[];
};

/* The to-be-decided bytes, when they came in more than one piece. */
struct pp_pending {
    uint32_t len, allocated;
    uint8_t data[];
};

/* One direction.  "Sender" and "receiver" are this direction's.  Offsets of
 * the in stream are what the sender counts, of the out stream what the
 * receiver counts; the FIN counts as one byte at the end. */
struct pp_half {
    uint32_t isn;               /* Byte 0 has sequence number isn + 1. */

    /* In stream. */
    uint64_t in_next;           /* First byte that did not come in order. */
    uint64_t decided;           /* First byte that is not decided; beyond
                                 * 'in_next' where bytes are skipped. */
    uint64_t fin;               /* Where the FIN stands, or UINT64_MAX. */
    uint64_t told;              /* What the sender has been told that the
                                 * receiver has. */
    uint64_t mine;              /* What the engine has acknowledged in the
                                 * receiver's name. */
    uint64_t promised;          /* End of what the sender has been told in
                                 * SACK blocks that is waiting. */
    uint64_t high;              /* End of what came, in order or not. */
    uint64_t unkept;            /* End of the last bytes that passed without
                                 * being kept: the engine cannot take these
                                 * over from the sender. */
    uint64_t cut_in;            /* With 'cut': first byte that is taken
                                 * away. */
    uint64_t swallow;           /* Bytes before this are taken away. */

    /* Out stream. */
    uint64_t acked;             /* First byte that the receiver misses. */
    uint64_t sent;              /* First byte that never left. */
    uint64_t end;               /* First byte that is not decided. */
    uint64_t out_fin;           /* Where its FIN stands, or UINT64_MAX. */
    uint64_t edge;              /* First byte beyond its window. */
    uint64_t owned;             /* Kept bytes before this are for the engine
                                 * to deliver. */
    uint64_t recover;           /* After a timeout: what had left by then. */

    uint32_t tsval;             /* The sender's last. */
    uint16_t window;            /* As in the sender's last segment... */
    uint16_t window_max;        /* ...and in that with the most. */
    uint16_t mss;               /* The sender's: most that it can take. */
    uint16_t slot;              /* Where the sender's frames come from... */
    uint16_t tpid;              /* ...and its tag's type. */
    uint16_t vlan_tci;
    uint16_t vlan;              /* The VLAN that they are in (struct
                                 * pp_snap_slot), + 1; 0: not known. */
    uint8_t eth[12];
    uint8_t ttl, tos;
    int8_t wscale;              /* The sender's, or -1. */
    uint8_t n_rto;              /* Timeouts in a row. */
    bool has_isn : 1;
    bool sack_ok : 1;           /* The sender takes SACK blocks, if the other
                                 * end does. */
    bool whole : 1;             /* 'held' has all undecided bytes, as they
                                 * came. */
    bool cut : 1;               /* What still comes in is taken away, and the
                                 * out stream ends with the engine's FIN. */
    bool dead : 1;              /* RST: the sender is gone. */
    bool guarded : 1;           /* The sender has got a timestamp that is
                                 * shifted. */

    struct pp_edit_list edits;
    struct pp_keep *keep, *keep_last;
    struct pp_pending *pending;
    struct ovs_list held;       /* struct pp_held: undecided, in order. */
    struct ovs_list early;      /* struct pp_held: out of order, by 'in'. */
    uint32_t held_bytes;        /* Memory of all these. */
    uint8_t dir;                /* enum pp_dir. */
};

/* Handshakes of earlier connections with the same addresses and ports that are
 * remembered. */
#define PP_FORMERS 6

/* What a half is besides its lists: plain bytes. */
#define PP_HALF_PLAIN offsetof(struct pp_half, edits)

struct pp_conn_key {
    struct in6_addr client, service;
    uint16_t client_port, service_port;
    uint16_t vlan;
    uint16_t bridge;
    uint32_t server;            /* struct pp_snap_server's id. */
};

/* What the flow stage knows of a connection, also of a packed one. */
struct pp_conn_head {
    struct hmap_node node;      /* In the connection table. */
    struct ovs_list lru;        /* In one of its lists... */
    struct pp_conn_key key;
    uint8_t lru_list;           /* ...this one, an enum pp_lru... */
    bool quiet;                 /* ...of these. */
    bool packed;                /* A packed one's (pp-pack.h). */
    const struct pp_proxy *proxy;
    uint64_t used;              /* When a frame last came, in ms. */
};

struct pp_conn {
    struct pp_conn_head head;   /* Must be first. */
    struct pp_timer timer;      /* When it wants to be looked at. */
    uint64_t hold_ack_at;       /* Deadlines of one kind each; 0: none. */
    uint64_t rto_at;
    uint64_t close_at;
    uint64_t ask_at;
    uint64_t answered;          /* When the server last answered a SYN, in
                                 * ms. */
    uint32_t pending_isn;       /* Of a SYN that may start the key anew... */
    uint32_t pending_tsval;     /* ...and what it announced. */
    uint32_t other_isn;
    uint32_t former_isn;        /* With 'has_former': the client's, of the
                                 * connection before... */
    uint32_t formers[PP_FORMERS];       /* ...and the server's, of that one and
                                 * of those before it, whose handshake may
                                 * still end, 'n_formers'. */
    uint32_t stray_seq;         /* With 'has_stray', the server's last that did
                                 * not fit: it may have come before a SYN of
                                 * its... */
    uint32_t stray_tsval;       /* ...and be later than that. */
    uint16_t pending_mss;
    int8_t pending_wscale;
    bool pending_sack_ok;
    uint32_t service;           /* Index into the snapshot's services... */
    uint64_t serial;            /* ...of this one. */
    uint16_t record;            /* In the ledger: index + 1, or 0. */
    uint16_t cut;               /* Of pp-cut.h: index + 1, or 0. */
    uint8_t cut_frames;         /* Frames that passed since it was 'loose', up
                                 * to PP_CUT_FRAMES. */
    uint8_t fins;               /* With 'loose': bit N: FIN of enum pp_dir
                                 * N. */
    uint8_t state;              /* enum pp_conn_state. */
    bool met;                   /* The client has acknowledged the server's
                                 * SYN: the handshake is over. */
    bool other_syn;             /* Until then: the server's SYN came with
                                 * 'other_isn', too... */
    bool other_ts;              /* ...and announced this. */
    bool other_sack_ok;
    bool has_former;
    uint8_t n_formers;
    bool crowded;               /* There were more than that. */
    bool has_stray;
    int8_t other_wscale;
    uint16_t other_mss;
    bool pending_syn;
    bool another;               /* The server has one from before on the same
                                 * ports; its SYN+ACK may still come. */
    bool reset;                 /* The last that came was a RST that fits. */
    bool over;                  /* A RST ended it: no byte is for the server
                                 * any more. */
    bool restarted;             /* 'inspect' is to start anew. */
    bool restored;              /* From the ledger: what its proxy knew is
                                 * lost. */
    bool to_server_waits;       /* PP_STEP_WAIT. */
    bool full;                  /* Not decided on for want of room. */
    uint8_t holder_class;       /* Index into the stream stage's holders + 1;
                                 * 0: it holds nothing. */
    struct ovs_list holder;     /* In that list... */
    uint64_t holds_since;       /* ...and so much, without getting rid of any,
                                 * since then. */
    bool has_ts;                /* Timestamps (RFC 7323) are in use. */
    bool signed_;               /* TCP-MD5 or TCP-AO: cannot be edited. */
    uint16_t epoch;             /* struct pp_stream's as of which the server
                                 * is in step. */
    uint8_t n_again;            /* So often the client has sent again what is
                                 * behind a gap. */
    bool doubtful;              /* With edits, frames may have gone around. */
    bool asks;                  /* To-server bytes wait until it says so. */
    bool shifted;               /* Timestamps leave later than they came:
                                 * frames that go around the engine are
                                 * old. */
    bool unplaced;              /* From another host: the client's slot is not
                                 * known yet. */
    bool around;                /* Bytes went around the engine... */
    bool out_of_step;           /* ...where they must not have. */
    bool loose;                 /* Does without the engine: all passes as it
                                 * comes, and 'half' is what it was then. */
    struct pp_half half[2];     /* By enum pp_dir. */
    struct pp_inspect inspect;  /* Must be last. */
};

static inline size_t
pp_conn_size(const struct pp_proxy *proxy)
{
    return offsetof(struct pp_conn, inspect) + PP_INSPECT_SIZE(proxy);
}

#endif /* pp-conn.h */
