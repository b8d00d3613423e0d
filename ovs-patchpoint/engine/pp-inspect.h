/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_INSPECT_H
#define PP_INSPECT_H 1

/* The inspector: the stages proxy, match and correct for one connection, with
 * no notion of packets.
 *
 * It is handed the in-order bytes of a direction that are still undecided and
 * says, one step at a time, what is to become of them.  The stream stage
 * (pp-stream.h) runs it on live TCP; vectors, replay and unit tests run it on
 * bytes.  It holds no bytes itself.
 *
 * The caller keeps, for each direction, a view: the bytes from the first one
 * that is not decided.  It calls pp_inspect_step() until it gets PP_STEP_MORE
 * or PP_STEP_WAIT, and each time takes 'count' bytes off the view as the step
 * says.  After new bytes it calls again.  After steps in one direction the
 * other one, if it got PP_STEP_WAIT, is to be called again too. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"

struct pp_correction;
struct pp_matcher;
struct pp_patchset;
struct pp_program;

enum pp_step_kind {
    PP_STEP_MORE,       /* Undecided: keep the view, wait for more bytes. */
    PP_STEP_WAIT,       /* Undecided: the other direction comes first. */
    PP_STEP_PASS,       /* 'count' bytes are decided; with 'edits', as they
                         * say (offsets from the view's start). */
    PP_STEP_SKIP,       /* 'count' bytes from here pass unseen, those that
                         * have not come yet too; PP_FOREVER: all. */
    PP_STEP_OPAQUE,     /* Everything from here on, in both directions, is
                         * rightly not followed any more. */
    PP_STEP_SWALLOW,    /* 'count' bytes from here are taken away. */
    PP_STEP_REFUSE,     /* 'count' bytes are taken away and 'reply' goes to
                         * the client, where the from-server stream stands
                         * now.  With 'close' the server's FIN follows it, or
                         * a RST if 'reset'. */
    PP_STEP_REPLY,      /* Undecided: 'reply' goes to the client, as with
                         * PP_STEP_REFUSE; then call again. */
    PP_STEP_CLOSE,      /* Everything from here on is taken away; the
                         * connection is closed in the server's name, with
                         * FIN, or RST if 'reset'. */
    PP_STEP_BAD,        /* No proxy understands this: the fail mode decides;
                         * the inspector has nothing more to say. */
};

struct pp_step {
    enum pp_step_kind kind;
    uint64_t count;
    const struct pp_edits *edits;   /* PP_STEP_PASS: or NULL. */
    struct pp_bytes reply;          /* PP_STEP_REFUSE, PP_STEP_REPLY. */
    bool close;                     /* PP_STEP_REFUSE. */
    bool reset;                     /* PP_STEP_CLOSE, PP_STEP_REFUSE. */
};

/* A condition held; told once for each hit. */
struct pp_ipc_value;
struct pp_hit_report {
    uint32_t patch;             /* Index in the program. */
    uint16_t rule;
    bool monitor;               /* Only seen, nothing was done. */
    uint8_t kind;               /* enum pp_correction_kind. */
    unsigned int n_values;      /* What the condition looked at. */
    const struct pp_ipc_value *values;
};

/* What inspectors of one thread share: scratch memory, and whom to tell. */
struct pp_inspector;

struct pp_inspector *pp_inspector_create(
    void (*report)(void *aux, void *conn_aux, const struct pp_hit_report *));
void pp_inspector_destroy(struct pp_inspector *);

/* Whom to tell what a server says of itself: 'text' as in struct pp_ipc_said.
 * Without one, nobody. */
void pp_inspector_set_said(struct pp_inspector *,
                           void (*said)(void *aux, void *conn_aux,
                                        const char *text));
void pp_inspector_set_aux(struct pp_inspector *, void *aux);

/* The counters that it counts in; a struct pp_counters of pp-ipc.h.  Until
 * this is called it counts into memory of its own. */
struct pp_counters;
void pp_inspector_set_counters(struct pp_inspector *, struct pp_counters *);

/* Of values in reports, at most 'n' bytes are told, or none of them when it
 * is 0.  At first PP_EVENT_VALUES. */
#define PP_EVENT_VALUES 128
void pp_inspector_set_event_values(struct pp_inspector *, unsigned int n);

/* Bytes that patches keep of connections. */
size_t pp_inspector_memory(const struct pp_inspector *);

/* The program that it used last is about to go: another may come to stand at
 * the same address. */
void pp_inspector_forget_program(struct pp_inspector *);

/* Time for replies, in seconds since 1970; the caller keeps it going. */
void pp_inspector_set_now(struct pp_inspector *, int64_t now);

/* What is in force for a connection.  May change between any two steps. */
struct pp_rules {
    const struct pp_proxy *proxy;
    const struct pp_program *program;
    const struct pp_patchset *set;
    const struct pp_ends *ends; /* Who the connection's ends are; or NULL. */
    bool refuse_opaque;         /* What becomes opaque is reset. */
    bool open;                  /* What cannot be inspected passes. */
    bool interim;               /* A client that waits for a word of the
                                 * server's in the middle of a message gets
                                 * one (PP_STEP_REPLY). */
};

/* State of one connection: PP_INSPECT_SIZE(proxy) bytes, zeroed, then
 * initialised.  No pointers in it, so that it may be moved or stored.  At the
 * connection's end: pp_inspect_end(). */
struct pp_inspect {
    bool reported;              /* Hits of the unit at hand were reported. */
    bool in_group;              /* Units with 'hold' came before it. */
    bool group_edits;           /* They are to be edited. */
    bool doubted;               /* Another reading of the unit at hand is to be
                                 * refused, if that unit is not... */
    bool insists;               /* ...which it is not. */
    bool told;                  /* PP_STEP_REPLY was, for the group. */
    bool ended;                 /* No more to say, in both directions. */
    uint32_t wait_len;          /* Nothing new in a to-server view shorter
                                 * than this. */
    uint32_t corrections;
    uint32_t state;             /* What patches keep: pp-state.h's handle. */
    uint64_t conn[];            /* The proxy's state, then that at the start
                                 * of the group. */
};

#define PP_INSPECT_SIZE(PROXY)                                          \
    (sizeof(struct pp_inspect)                                          \
     + 2 * (((PROXY)->conn_size + 7) & ~(size_t) 7))

/* 'ends' is who the connection's ends are. */
void pp_inspect_init(struct pp_inspect *, const struct pp_proxy *,
                     const struct pp_ends *ends);

/* Makes zero what nobody will look at any more. */
void pp_inspect_tidy(struct pp_inspect *, const struct pp_proxy *);

/* Frees what the inspector keeps for a connection that is over, or that is to
 * be initialised anew.  'ins' may be NULL: then it has kept nothing. */
void pp_inspect_end(struct pp_inspector *ins, struct pp_inspect *);

/* The next step of direction 'dir'.  'conn_aux' is handed to report().  What
 * '*step' points to is valid until the next call for the same inspector. */
void pp_inspect_step(struct pp_inspector *, struct pp_inspect *,
                     const struct pp_rules *, enum pp_dir dir,
                     const struct pp_view *, void *conn_aux,
                     struct pp_step *step);

#endif /* pp-inspect.h */
