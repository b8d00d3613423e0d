/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_IPC_H
#define PP_IPC_H 1

/* What control and engine say to each other.
 *
 * Control starts the engine as
 *
 *     ovs-patchpoint-engine --socket=FD --counters=FD --event-values=N
 *
 * with these descriptors inherited: a SOCK_SEQPACKET socket pair's end, one
 * message a packet, a memfd of PP_COUNTERS_SIZE bytes (struct pp_counters)
 * that the engine writes and control reads, and, as standard error, a pipe
 * that control reads when the engine has ended.  The engine takes
 * nothing else from the outside; descriptors that a message carries come as
 * SCM_RIGHTS.
 *
 * The engine handles hostile bytes: control believes nothing that it says
 * without a check (lengths, indexes, enums), and a message that fails one is
 * counted, logged, and has the engine restarted. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "pp-snapshot.h"

#define PP_IPC_VERSION 6
#define PP_IPC_MAX 4096         /* Longest message, in bytes. */

enum pp_ipc_type {
    /* Control to engine. */
    PP_IPC_SNAPSHOT = 1,        /* + memfd.  struct pp_ipc_snapshot. */
    PP_IPC_TAP,                 /* + tap queue fd.  struct pp_ipc_tap. */
    PP_IPC_TAP_DEL,             /* struct pp_ipc_tap. */
    PP_IPC_LEDGER,              /* + fd of the ledger (pp-ledger.h), which is
                                 * this engine's now. */
    PP_IPC_CONN_LIST,           /* struct pp_ipc_conn_list. */
    PP_IPC_EXIT,                /* Finish and exit with 0. */
    PP_IPC_UNCUT,               /* struct pp_ipc_uncut. */
    PP_IPC_EXPORT,              /* + memfd of a ledger's size.  struct
                                 * pp_ipc_handover. */
    PP_IPC_IMPORT,              /* The same. */
    PP_IPC_AROUND,              /* Until now frames may have gone around the
                                 * engine. */
    PP_IPC_ROWS,                /* struct pp_ipc_rows. */

    /* Engine to control. */
    PP_IPC_HELLO = 64,          /* struct pp_ipc_hello: sandboxed, ready. */
    PP_IPC_SNAPSHOT_DONE,       /* struct pp_ipc_snapshot_done. */
    PP_IPC_EVENT,               /* struct pp_ipc_event. */
    PP_IPC_CONN,                /* struct pp_ipc_conn: a row of the list. */
    PP_IPC_CONN_END,            /* struct pp_ipc_conn_list: list is over. */
    PP_IPC_PINS,                /* The ledger's pinned records are others
                                 * now. */
    PP_IPC_LOG,                 /* A line of log: 1 byte level, then text. */
    PP_IPC_CUT,                 /* struct pp_ipc_cuts. */
    PP_IPC_HANDED,              /* struct pp_ipc_handed. */
    PP_IPC_MISSED,              /* struct pp_ipc_missed. */
    PP_IPC_SAID,                /* struct pp_ipc_said. */
};

struct pp_ipc_hdr {
    uint32_t type;              /* enum pp_ipc_type. */
    uint32_t len;               /* Bytes of the whole message. */
};

struct pp_ipc_snapshot {
    struct pp_ipc_hdr hdr;
    uint64_t serial;
};

#define PP_IPC_ROWS_MAX 38

/* PP_IPC_ROWS: servers and slots that are others than in the snapshot.  Has
 * 'n' rows, and is no longer than that takes.  Answered as a snapshot is. */
struct pp_ipc_rows {
    struct pp_ipc_hdr hdr;
    uint64_t serial;
    uint64_t after;             /* Serial of what it changes: the snapshot, or
                                 * the rows that came last. */
    uint32_t n;
    uint32_t pad;
    struct pp_snap_row rows[PP_IPC_ROWS_MAX];
};

struct pp_ipc_snapshot_done {
    struct pp_ipc_hdr hdr;
    uint64_t serial;            /* The one that this is about. */
    uint32_t ok;                /* In force?  Else the one before still is. */
    char error[256];            /* Why not, in words. */
};

struct pp_ipc_tap {
    struct pp_ipc_hdr hdr;
    uint32_t bridge;            /* Control's number for the bridge, below
                                 * PP_BRIDGES_MAX. */
    char name[PP_NAME_LEN];     /* The tap's, for logs. */
};

#define PP_BRIDGES_MAX 64

/* A server's connections are to be written into the memory that comes with
 * this, or taken from it; see pp-handover.h. */
struct pp_ipc_handover {
    struct pp_ipc_hdr hdr;
    uint32_t request;           /* Given back in the answer. */
    uint32_t freeze_ms;         /* PP_IPC_EXPORT. */
    char name[PP_NAME_LEN];     /* Of the interface. */
};

/* What became of it. */
struct pp_ipc_handed {
    struct pp_ipc_hdr hdr;
    uint32_t request;
    uint32_t records, fresh, left, blocks;      /* struct pp_handed. */
    char error[124];            /* Why nothing did, or empty. */
};

struct pp_ipc_hello {
    struct pp_ipc_hdr hdr;
    uint32_t version;           /* PP_IPC_VERSION. */
    uint32_t pid;
};

struct pp_ipc_conn_list {
    struct pp_ipc_hdr hdr;
    uint32_t request;           /* Given back in the answer. */
    uint32_t total;             /* PP_IPC_CONN_END: connections there are. */
};

/* IPv4 addresses are IPv4-mapped (RFC 4291 2.5.5.2).  Ports and all other
 * numbers are in host byte order. */
struct pp_ipc_addr {
    struct in6_addr ip;
    uint16_t port;
    uint16_t pad[3];
};

/* Cut-through (pp-cut.h): what the engine wants of the switch for one
 * connection. */
struct pp_ipc_cut {
    uint64_t id;                /* The engine's; not used again. */
    uint32_t server;            /* struct pp_snap_server's id. */
    uint16_t slot[2];           /* Where its frames come from, by enum
                                 * pp_dir. */
    struct pp_ipc_addr client;
    struct pp_ipc_addr service;
    uint32_t undo;              /* Not any more: only 'id' counts. */
    uint32_t both;              /* The client's frames, too; else only the
                                 * server's. */
};

#define PP_IPC_CUTS_MAX 32

/* PP_IPC_CUT.  Has 'n' rows, and is no longer than that takes. */
struct pp_ipc_cuts {
    struct pp_ipc_hdr hdr;
    uint32_t n;
    uint32_t pad;
    struct pp_ipc_cut rows[PP_IPC_CUTS_MAX];
};

#define PP_IPC_UNCUT_MAX 256

/* PP_IPC_UNCUT: the switch has nothing for these connections, as it has
 * confirmed.  Said once of each that was asked for, also when it never had.
 * Has 'n' ids, and is no longer than that takes. */
struct pp_ipc_uncut {
    struct pp_ipc_hdr hdr;
    uint32_t n;
    uint32_t pad;
    uint64_t ids[PP_IPC_UNCUT_MAX];
};

enum pp_conn_state {
    PP_CONN_OPENING,            /* SYN seen, handshake not over. */
    PP_CONN_INSPECTED,          /* Followed by its proxy. */
    PP_CONN_OPAQUE,             /* Rightly not followed any more. */
    PP_CONN_UNINSPECTED,        /* Passes unseen, though it should not. */
    PP_CONN_CLOSING,            /* The engine closes it in the server's
                                 * name, or has taken all that the client has
                                 * yet to say. */
    PP_CONN_CLOSED,             /* Both FINs or a RST seen. */
};

struct pp_ipc_conn {
    struct pp_ipc_hdr hdr;
    uint32_t request;
    uint32_t server;            /* struct pp_snap_server's id. */
    struct pp_ipc_addr client;
    struct pp_ipc_addr service;
    uint32_t proxy;             /* Index into pp_proxies[]. */
    uint32_t state;             /* enum pp_conn_state. */
    uint64_t bytes[2];          /* Stream bytes by enum pp_dir. */
    uint32_t edits[2];          /* Edit list entries by enum pp_dir. */
    uint32_t held;              /* Bytes held now. */
    uint32_t corrections;       /* So far on this connection. */
    uint32_t idle_ms;
    uint16_t cut;               /* Is it cut through? */
    uint16_t vlan;              /* The client's frames are in; 0: none, or not
                                 * known. */
};

enum pp_correction_kind {
    PP_CORRECTED_EDIT,
    PP_CORRECTED_REJECT,
    PP_CORRECTED_CLOSE,
    PP_CORRECTED_DROP,
};

/* A value that the condition looked at. */
#define PP_IPC_VALUE_MAX 256
#define PP_IPC_VALUES_MAX 8

struct pp_ipc_value {
    char name[64];              /* As in the condition, NUL at the end. */
    uint8_t type;               /* enum pp_type. */
    uint8_t secret;             /* It is not told. */
    uint16_t n;                 /* Of bytes: those that are here... */
    uint32_t len;               /* ...of so many; of a list: elements. */
    int64_t i;                  /* Integer or bool. */
    uint8_t bytes[PP_IPC_VALUE_MAX];
};

/* A correction was made ('monitor': would have been).  Has 'n_values' values,
 * and is no longer than that takes. */
struct pp_ipc_event {
    struct pp_ipc_hdr hdr;
    uint32_t server;
    uint32_t patch;             /* Its pp_snapshot_number(). */
    uint16_t rule;              /* Which of its rules. */
    uint8_t monitor;
    uint8_t kind;               /* enum pp_correction_kind. */
    uint32_t proxy;
    struct pp_ipc_addr client;
    struct pp_ipc_addr service;
    uint8_t udp;                /* Else TCP. */
    uint8_t pad[3];
    uint32_t n_values;
    struct pp_ipc_value values[PP_IPC_VALUES_MAX];
};

/* Events that there was no room for in the socket. */
struct pp_ipc_missed_row {
    uint32_t server;
    uint32_t patch;             /* Its pp_snapshot_number(). */
    uint64_t n[2];              /* Corrected; would have been. */
};

#define PP_IPC_MISSED_MAX 128

/* PP_IPC_MISSED.  Has 'n' rows, and is no longer than that takes. */
struct pp_ipc_missed {
    struct pp_ipc_hdr hdr;
    uint32_t n;
    uint32_t pad;
    struct pp_ipc_missed_row rows[PP_IPC_MISSED_MAX];
};

/* A server has said on the wire what it is, or has spoken without saying it.
 * Told when it is another word than last time, and again now and then. */
struct pp_ipc_said {
    struct pp_ipc_hdr hdr;
    uint32_t server;
    uint32_t proxy;             /* Whose protocol it speaks: index into
                                 * pp_proxies[]. */
    struct pp_ipc_addr service;
    char text[256];             /* Its own words, hostile: printable ASCII,
                                 * other bytes as \\xNN, NUL at the end. */
};

/* Counters.  One line each: name, and what it counts.  'pp_counters' has
 * them in this order, so has stats/show. */
#define PP_COUNTERS                                                         \
    /* packet in */                                                         \
    PP_COUNTER(packet_in_frames, "frames read from the switch")             \
    PP_COUNTER(packet_in_bytes, "bytes of them")                            \
    PP_COUNTER(packet_in_short, "frames too short for their headers")       \
    PP_COUNTER(packet_in_no_tag, "frames without a slot's tag")             \
    PP_COUNTER(packet_in_bad_csum, "segments with a bad checksum")          \
    PP_COUNTER(packet_in_not_ours, "frames that belong to no service")      \
    PP_COUNTER(packet_in_fragments, "IP fragments")                         \
    PP_COUNTER(packet_in_fragment_drops, "IP fragments dropped")            \
    PP_COUNTER(packet_in_reassembled, "datagrams put together from them")   \
    PP_COUNTER(packet_in_frag_repeated, "fragments that came twice")        \
    PP_COUNTER(packet_in_frag_bad, "fragments that make no sense")          \
    PP_COUNTER(packet_in_frag_overlap, "datagrams whose fragments overlap") \
    PP_COUNTER(packet_in_frag_end, "datagrams with more than one end")      \
    PP_COUNTER(packet_in_frag_too_long, "datagrams longer than IP allows")  \
    PP_COUNTER(packet_in_frag_headless, "first fragments without headers")  \
    PP_COUNTER(packet_in_frag_timeout, "datagrams not complete in time")    \
    PP_COUNTER(packet_in_frag_too_much, "datagrams of too many fragments")  \
    PP_COUNTER(packet_in_frag_table_full, "datagrams dropped: too many")    \
    PP_COUNTER(packet_in_frag_memory, "datagrams dropped: memory at bound") \
    PP_COUNTER(packet_in_leads_on, "segments routed on by their sender")    \
    PP_COUNTER(packet_in_snap, "IP packets behind an 802.2 header")         \
    PP_COUNTER(packet_in_bad_tcp, "TCP headers that make no sense")         \
    PP_COUNTER(packet_in_bad_udp, "UDP headers that make no sense")         \
    /* flow */                                                              \
    PP_COUNTER(flow_new, "connections seen from their SYN on")              \
    PP_COUNTER(flow_midstream, "connections first seen in mid-stream")      \
    PP_COUNTER(flow_expired, "connections forgotten when idle")             \
    PP_COUNTER(flow_expired_half_open, "forgotten: handshake not over")     \
    PP_COUNTER(flow_closed, "connections ended")                            \
    PP_COUNTER(flow_evicted_closed, "ended ones that made room early")      \
    PP_COUNTER(flow_evicted_half_open, "half-open ones that made room")     \
    PP_COUNTER(flow_evicted_idle, "idle ones that made room")               \
    PP_COUNTER(flow_table_full, "connections not followed: table full")     \
    PP_COUNTER(flow_reused, "connections that took over an old one's key")  \
    PP_COUNTER(flow_vlan_drops, "frames that may be another VLAN's")        \
    /* cut-through */                                                       \
    PP_COUNTER(cut_through, "connections that left the engine")             \
    PP_COUNTER(cut_back, "of them, led back to it")                         \
    PP_COUNTER(cut_full, "connections not cut through: at the bound")       \
    PP_COUNTER(cut_syns, "SYNs dropped: their ports are still cut through") \
    PP_COUNTER(cut_again, "ends of a handshake again: dropped")             \
    /* stream */                                                            \
    PP_COUNTER(stream_fast, "segments that left as they came")              \
    PP_COUNTER(stream_rewritten, "segments with numbers mapped")            \
    PP_COUNTER(stream_rebuilt, "segments put together anew")                \
    PP_COUNTER(stream_held, "segments held for a decision")                 \
    PP_COUNTER(stream_retransmit, "retransmissions of decided bytes")       \
    PP_COUNTER(stream_conflict, "retransmissions with other bytes")         \
    PP_COUNTER(stream_out_of_order, "segments ahead of their turn")         \
    PP_COUNTER(stream_out_of_window, "segments outside the window")         \
    PP_COUNTER(stream_over, "segments for a server that may begin anew")    \
    PP_COUNTER(stream_hold_full, "segments dropped: held bytes at bound")   \
    PP_COUNTER(stream_full, "segments dropped: edits or replies at bound")  \
    PP_COUNTER(stream_full_waits, "decisions put off: the same")            \
    PP_COUNTER(stream_evicted, "connections reset: held most for longest")  \
    PP_COUNTER(stream_hold_acks, "acknowledgements sent for held bytes")    \
    PP_COUNTER(stream_rto, "retransmissions on the engine's own timer")     \
    PP_COUNTER(stream_gave_up, "connections given up after timeouts")       \
    PP_COUNTER(stream_rst_ignored, "RSTs that did not fit the connection")  \
    PP_COUNTER(stream_mptcp, "SYNs whose Multipath TCP was taken out")      \
    PP_COUNTER(stream_around, "connections of which bytes went around us")  \
    PP_COUNTER(stream_out_of_step, "connections reset: ends out of step")   \
    PP_COUNTER(ledger_restored, "connections taken over from an engine")    \
    PP_COUNTER(ledger_lost, "connections that could not be taken over")     \
    PP_COUNTER(ledger_full, "connections for which the ledger had no room") \
    PP_COUNTER(handover_out, "connections handed over to another host")     \
    PP_COUNTER(handover_in, "connections taken over from another host")     \
    PP_COUNTER(handover_drops, "frames of servers that are moving")         \
    PP_COUNTER(stream_datagrams, "UDP datagrams looked at")                 \
    PP_COUNTER(stream_datagrams_changed, "of them put together anew")       \
    PP_COUNTER(stream_datagrams_gone, "of them taken away")                 \
    PP_COUNTER(stream_datagram_replies, "datagrams in the server's name")   \
    /* proxy */                                                             \
    PP_COUNTER(proxy_messages, "units decided")                             \
    PP_COUNTER(proxy_skipped_bytes, "bytes that nobody looks at")           \
    PP_COUNTER(proxy_bad, "connections no proxy understands")               \
    PP_COUNTER(proxy_too_much, "closed: messages too large to be looked at") \
    PP_COUNTER(proxy_opaque, "connections rightly not followed")            \
    PP_COUNTER(proxy_opaque_refused, "reset, as it was to be opaque")       \
    PP_COUNTER(proxy_eof, "messages cut off by the sender's FIN")           \
    PP_COUNTER(proxy_interim, "clients told to go on (100 Continue)")       \
    PP_COUNTER(proxy_said, "words of servers on what they are, told")       \
    /* match */                                                             \
    PP_COUNTER(match_hits, "conditions that held")                          \
    PP_COUNTER(match_monitor_hits, "of them in monitor mode")               \
    PP_COUNTER(match_errors, "evaluations that took too much")              \
    PP_COUNTER(match_state_full, "values that patches could not keep")      \
    PP_COUNTER(match_limits, "searches given up at their limit")            \
    /* correct */                                                           \
    PP_COUNTER(correct_edits, "messages edited")                            \
    PP_COUNTER(correct_rejects, "messages refused in the server's name")    \
    PP_COUNTER(correct_closes, "connections closed")                        \
    PP_COUNTER(correct_drops, "messages dropped")                           \
    PP_COUNTER(correct_no_fixpoint, "closed: still matching when edited")   \
    PP_COUNTER(correct_failed, "closed: correction could not be made")      \
    /* packet out */                                                        \
    PP_COUNTER(packet_out_frames, "frames written to the switch")           \
    PP_COUNTER(packet_out_bytes, "bytes of them")                           \
    PP_COUNTER(packet_out_errors, "frames that the tap refused")            \
    PP_COUNTER(packet_out_split, "datagrams that left in several frames")   \
    PP_COUNTER(packet_out_unsplit, "datagrams dropped: headers too long")   \
    /* engine */                                                            \
    PP_COUNTER(engine_uninspected_frames, "frames of uninspected flows")    \
    PP_COUNTER(engine_fail_closed_drops, "frames dropped: fail closed")     \
    PP_COUNTER(engine_events_lost, "events that control did not take")      \
    PP_COUNTER(engine_snapshots, "snapshots taken")                         \
    PP_COUNTER(engine_bad_snapshots, "snapshots refused")

#define PP_PATCHES_MAX 16384    /* Patches in one snapshot. */
#define PP_REASONS_MAX 64       /* Reasons of one proxy. */
#define PP_PROXIES_MAX 16

struct pp_counters {
    /* Written at least every 250 ms while the engine is well: control takes
     * an engine for hung when it stays the same for long. */
    uint64_t heartbeat;

    /* Gauges. */
    uint64_t conns;             /* Connections in the table. */
    uint64_t half_open;         /* Of them half-open. */
    uint64_t held_bytes;        /* Held and kept, all connections. */
    uint64_t memory;            /* Bytes of all connection state. */

#define PP_COUNTER(NAME, DOC) uint64_t NAME;
    PP_COUNTERS
#undef PP_COUNTER

    uint64_t reasons[PP_PROXIES_MAX][PP_REASONS_MAX];
    uint64_t patch_hits[PP_PATCHES_MAX];    /* By pp_snapshot_number(). */
};

#define PP_COUNTERS_SIZE sizeof(struct pp_counters)

#endif /* pp-ipc.h */
