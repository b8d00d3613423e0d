/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PROXY_H
#define PP_PROXY_H 1

/* The contract between the engine and an application proxy.
 *
 * A proxy interprets one protocol as a server of it would.  It is a pure
 * incremental parser: it allocates nothing, does no I/O, keeps no pointer
 * past the call, and learns of the world only what it is handed here.  It
 * publishes typed fields, which are what patches may name; it knows how to
 * keep the framing right after an edit and how to refuse in the protocol's
 * own words.
 *
 *
 * Views and units
 * ===============
 *
 * The engine hands parse() a *view*: the contiguous bytes of one direction
 * from the first that is still held, as many as have arrived.  parse() finds
 * the next *unit* in it: the smallest stretch that can be decided on its own,
 * such as a request's head, a chunk's header, an SMTP command.  Each unit is
 * of one *event*; a patch says with 'on:' which event it looks at.
 *
 * Usually a unit starts where the view does, and is let go once decided, so
 * that the next view starts behind it.  A proxy that can decide only later (a
 * form whose body a patch looks at) returns its units with 'hold': they are
 * matched, but the bytes stay, the next view starts at the same byte, and the
 * proxy finds the next unit behind the last one (it keeps that position in
 * its connection state).  The first parse() after the commit() of such a unit
 * comes at once, and with the same view.  The first unit without 'hold' lets
 * everything go.  Offsets (spans, edits, 'start', 'end') always count from the
 * view's start.
 *
 * To-server bytes are held until decided and may be corrected.  From-server
 * bytes are only observed: they are never held or edited for what they say,
 * and are parsed so far as requests need it (which reply belongs to which
 * request, whether an upgrade was agreed).  Their units have no fields that a
 * patch could name unless the proxy gives them some later.
 *
 * parse() may be called again with the same bytes and more; it must remember
 * how far it has looked, so that a message that arrives a byte at a time
 * costs no more than linear time.
 *
 *
 * Calls, in order, for each unit
 * ==============================
 *
 *     parse()              what is next?  PP_PARSE_MESSAGE fills 'msg'
 *     get(), get_elem(),   by the matcher, any number of times
 *     get_all()
 *     locate()             by the corrector: where does a field stand?
 *     reframe()            by the corrector, after its edits, if any
 *     refuse()             by the corrector, for a reply in the server's name
 *     commit()             exactly once: what became of the unit
 *
 * Only conn_init(), conn_ends(), rewind(), parse() and commit() change the
 * connection state.  parse() without a commit() before it finds the same unit
 * again.  Everything in 'msg' and in the scratch memory stays valid until the
 * next parse() with the same scratch.
 *
 *
 * Datagrams
 * =========
 *
 * With PP_UDP each datagram is a connection of its own: one view to the server
 * with 'eof' set, whose state is fresh and is forgotten afterwards.  Nothing
 * from the server is shown.  PP_PARSE_MORE and PP_PARSE_WAIT can come to
 * nothing: the fail mode decides.  refuse() writes the payload of a datagram
 * to the client. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-value.h"

enum pp_dir {
    PP_TO_SERVER,
    PP_FROM_SERVER,
};

enum pp_transport {
    PP_TCP,
    PP_UDP,
};

/* Longest run of bytes that a proxy may ask to be held, in bytes.  What is
 * longer the proxy must skip, or declare bad.  Also the largest view. */
#define PP_HOLD_MAX (256 * 1024)

/* A byte count without end: "all that follows". */
#define PP_FOREVER UINT64_MAX

enum pp_parse_status {
    PP_PARSE_MESSAGE,   /* A unit: bytes 'start' to 'end' of the view. */
    PP_PARSE_MORE,      /* Undecided; at least 'needed' more bytes (or 1). */
    PP_PARSE_SKIP,      /* The next 'count' bytes are looked at by nobody:
                         * they pass as they come (or vanish, 'swallow').
                         * May be more than the view has. */
    PP_PARSE_WAIT,      /* Undecided until the other direction goes on. */
    PP_PARSE_BAD,       /* Not the protocol as any server of it reads it; the
                         * policy's fail mode decides.  'reason' says why. */
    PP_PARSE_TOO_MUCH,  /* More than the proxy follows, though a server may.
                         * A to-server message must not pass unseen for its
                         * size: the connection is closed. */
    PP_PARSE_OPAQUE,    /* Rightly not followed from here on (TLS, CONNECT,
                         * upgrade).  'reason' says why. */
};

/* Pieces of text by which a server says what product it is. */
#define PP_BANNER_PIECES 3

struct pp_parse {
    enum pp_parse_status status;
    uint32_t start, end;        /* PP_PARSE_MESSAGE. */
    bool hold;                  /* PP_PARSE_MESSAGE: do not let go yet. */
    bool other;                 /* With 'hold': the next unit of the group, as
                                 * some server may read it.  It is refused
                                 * where that would pass, and is not edited. */
    bool swallow;               /* PP_PARSE_SKIP: the rest of a message that
                                 * was refused; must not reach the server. */
    uint64_t count;             /* PP_PARSE_SKIP; PP_FOREVER: all. */
    uint32_t needed;            /* PP_PARSE_MORE: more bytes wanted, or 0. */
    struct pp_bytes interim;    /* PP_PARSE_MORE, to the server: what the
                                 * client is told in the server's name, since
                                 * it waits for that and does not send more;
                                 * or empty.  parse() says so once, and is
                                 * called again.  Constant bytes. */
    struct pp_span drop;        /* PP_PARSE_MESSAGE, not to be held: if the
                                 * client was told, what asked for it, which
                                 * the server need not see; or empty. */
    uint16_t reason;            /* PP_PARSE_BAD, PP_PARSE_TOO_MUCH,
                                 * PP_PARSE_OPAQUE: index into the proxy's
                                 * 'reasons'. */
    bool said;                  /* From the server, with any status, once a
                                 * connection: it has spoken the protocol, and
                                 * where it says its product and version, it
                                 * does so in these pieces of the view.  All
                                 * empty: it does not say. */
    struct pp_span banner[PP_BANNER_PIECES];
};

/* Who speaks to whom.  Addresses are IPv6 ones, those of IPv4 as
 * ::ffff:a.b.c.d (see pp_value_address()). */
struct pp_ends {
    uint8_t client[16];
    uint8_t server[16];
    uint16_t client_port;
    uint16_t server_port;
};

struct pp_view {
    const uint8_t *base;
    size_t len;                 /* Bytes there are. */
    bool eof;                   /* The sender's FIN stands behind them. */
};

/* One parsed unit. */
struct pp_msg {
    const struct pp_proxy *proxy;
    enum pp_dir dir;
    uint16_t event;             /* Index into the proxy's 'events'. */
    struct pp_view view;        /* The view it was found in. */
    uint32_t start, end;        /* The unit, in the view. */
    const void *conn;           /* The proxy's connection state. */
    const void *decoded;        /* The proxy's own; in its scratch memory. */
};

/* One edit: 'removed' bytes at 'off' of the view give way to 'ins'.  Sorted
 * by 'off', disjoint; two insertions at one place keep their order. */
struct pp_edit {
    uint32_t off;
    uint32_t removed;
    struct pp_bytes ins;
};

#define PP_EDITS_MAX 256

struct pp_edits {
    unsigned int n;
    bool overflow;              /* More than fits; sticky. */
    struct pp_arena *arena;     /* For 'ins' that must be made up. */
    struct pp_edit e[PP_EDITS_MAX];
};

/* Adds an edit, in its place.  Edits that overlap one another merge into one
 * that removes their union and keeps both insertions. */
void pp_edits_add(struct pp_edits *, uint32_t off, uint32_t removed,
                  struct pp_bytes ins);

/* Writes the 'len' bytes at 'base' with the edits made.  The edits' offsets
 * count from 'base'; those outside of it are not allowed. */
void pp_edits_apply(const struct pp_edits *, const uint8_t *base, size_t len,
                    struct pp_buf *out);

/* Which values of a field are secrets, such as passwords: they serve to
 * decide, but are never written into a log or an event. */
struct pp_secret {
    const char *where;          /* The field, of the same list or of none,
                                 * that tells; NULL: all values are. */
    const char *const *names;   /* They are where it is one of these, without
                                 * ASCII case, and in front of a ';' if there
                                 * is one.  Ends with NULL. */
};

/* What a patch can name. */
struct pp_field {
    const char *name;           /* A word, or words joined by '.'. */
    enum pp_type type;
    uint32_t events;            /* Bit N: there in units of event N. */
    bool editable;              /* locate() can tell where it stands. */
    const struct pp_field *elem;    /* PP_TYPE_LIST: fields of an element; an
                                     * array that ends with a NULL name. */
    const char *key;            /* PP_TYPE_LIST: name of the element's field
                                 * that 'list["x"]' selects by, or NULL. */
    bool key_nocase;            /* That key is compared without ASCII case. */
    const struct pp_secret *secret;     /* PP_TYPE_BYTES; NULL: never. */
    const char *doc;            /* One full sentence, for the manual. */
};

struct pp_event {
    const char *name;
    enum pp_dir dir;
    const char *doc;
};

/* A reply in the server's name, as a patch asks for it.  All bytes are ready
 * made (expressions in them evaluated). */
struct pp_reply_header {
    struct pp_bytes name;
    struct pp_bytes value;
};

#define PP_REPLY_HEADERS_MAX 32

struct pp_reply {
    int64_t status;             /* The protocol's own code. */
    struct pp_bytes reason;     /* n == 0: the protocol's usual words. */
    unsigned int n_headers;
    struct pp_reply_header headers[PP_REPLY_HEADERS_MAX];
    struct pp_bytes body;
    bool raw;                   /* 'body' is the whole reply, as it is. */
    bool close;                 /* The server closes after it. */
    int64_t now;                /* Seconds since 1970, for dates; UTC. */
};

/* May a reply be sent in the server's name to the unit 'msg' now? */
enum pp_reply_when {
    PP_REPLY_NOW,               /* The server owes nothing before it. */
    PP_REPLY_WAIT,              /* Replies to earlier messages come first. */
    PP_REPLY_NEVER,             /* The server's own reply to this message has
                                 * begun: only closing is left. */
};

/* What became of a unit. */
enum pp_outcome {
    PP_PASSED,                  /* Went on to the server, edited or not. */
    PP_SWALLOWED,               /* Did not reach the server and got no reply;
                                 * what belongs to it must not either. */
    PP_REFUSED,                 /* Did not reach the server, a reply in the
                                 * server's name was or will be sent. */
};

struct pp_proxy {
    const char *name;           /* As in a patch's 'proxy:'; the folder. */
    const char *title;          /* For people. */
    enum pp_transport transport;
    const uint16_t *ports;      /* Usual ports; ends with 0. */

    const struct pp_event *events;      /* Ends with a NULL name; up to 32. */
    const struct pp_field *fields;      /* Ends with a NULL name. */
    const char *const *reasons;         /* Ends with NULL. */

    size_t conn_size;           /* State of a connection, in bytes. */
    size_t scratch_size;        /* Scratch memory, one a thread. */

    /* Sets up the zeroed state of a new connection. */
    void (*conn_init)(void *conn);

    /* Tells a new connection, right after conn_init(), who its ends are.
     * NULL for a protocol in which that means nothing. */
    void (*conn_ends)(void *conn, const struct pp_ends *);

    /* True between two messages, in both directions, where nothing that came
     * before matters: a new state would do as well.  NULL: there is no such
     * time.  A connection that moves to another host is still inspected there
     * if it is so. */
    bool (*is_idle)(const void *conn);

    /* Do the first bytes that a server sends, 'view', show beyond doubt that
     * it speaks this protocol?  They may be cut off.  NULL: they never do. */
    bool (*speaks)(const struct pp_view *view);

    /* Forgets how far parse() has looked into the view (not what was
     * committed): the next parse() of to-server bytes reads it as if for the
     * first time.  The engine calls it on a copy of the state, to parse a
     * corrected message again. */
    void (*rewind)(void *conn);

    /* Finds the next unit of direction 'dir' in 'view'.  'wants' has bit N
     * set when some patch in force looks at event N: a proxy need not find,
     * and should skip, what nobody wants, as far as it does not need it
     * itself.  Of 'msg' it says event and 'decoded'; pp_proxy_parse() the
     * rest. */
    struct pp_parse (*parse)(void *conn, void *scratch, enum pp_dir dir,
                             uint32_t wants, const struct pp_view *view,
                             struct pp_msg *msg);

    /* 'what' became of the unit that parse() found last.  Of one that passes
     * corrected, 'decoded' is what the server gets. */
    void (*commit)(void *conn, const struct pp_msg *, enum pp_outcome what);

    /* What parse() called bad, to the server, passes all the same, as the
     * policy says so.  True: the proxy goes on looking at it, so that nothing
     * hides there that a server may take for a message.  May be NULL. */
    bool (*go_on)(void *conn);

    /* The value of field 'field' (an index into 'fields').  For a list, the
     * number of its elements.  An absent value is empty, 0 or false; whether
     * it was there is a field of its own where that matters.  What must be
     * computed is put into 'arena'.  False when it does not fit. */
    bool (*get)(const struct pp_msg *, unsigned int field,
                struct pp_arena *arena, struct pp_value *);

    /* The value of field 'sub' (an index into fields[field].elem) of element
     * 'index' of list 'field'. */
    bool (*get_elem)(const struct pp_msg *, unsigned int field,
                     uint32_t index, unsigned int sub,
                     struct pp_arena *arena, struct pp_value *);

    /* What get_elem() would say of field 'sub', which is bytes, of the first
     * 'n' elements of list 'field', all at once: it is asked of each message.
     * NULL where nothing is gained by that. */
    bool (*get_all)(const struct pp_msg *, unsigned int field,
                    unsigned int sub, uint32_t n, struct pp_arena *arena,
                    struct pp_bytes *values);

    /* Where a field stands, for a correction.  'sub' < 0: the field itself,
     * or with a list, element 'index' as a whole.  '*value' is what replace
     * and truncate act on, '*extent' what delete takes away (with the
     * separators that belong to it).  False if it stands nowhere. */
    bool (*locate)(const struct pp_msg *, unsigned int field, uint32_t index,
                   int sub, struct pp_span *value, struct pp_span *extent);

    /* Adds to 'edits' what keeps the message's framing right after them
     * (lengths, counts), and resolves deletions of neighbours (so that no
     * separator is left over or missing).  False if that cannot be done:
     * then the message is refused. */
    bool (*reframe)(const struct pp_msg *, struct pp_edits *edits);

    /* When a reply to 'msg' may be sent in the server's name, by what has
     * been seen of both directions so far. */
    enum pp_reply_when (*reply_when)(const void *conn, const struct pp_msg *);

    /* Writes the reply.  '*close' comes in as the patch has it and is set
     * when the connection cannot go on after it (a message cut off in its
     * middle).  'msg' may be NULL (reply in general). */
    void (*refuse)(const void *conn, const struct pp_msg *,
                   const struct pp_reply *, struct pp_buf *, bool *close);
};

/* Is the value of field 'field' a secret?  'sub' >= 0: that of field 'sub' of
 * element 'index' of list 'field'. */
bool pp_field_is_secret(const struct pp_msg *, unsigned int field,
                        uint32_t index, int sub, struct pp_arena *);

/* Checks that every mandatory member is there and that the tables are sound.
 * Returns NULL, or what is wrong, in words. */
const char *pp_proxy_check(const struct pp_proxy *);

/* Calls the proxy's parse().  Where a unit was found, '*msg' is all of it. */
static inline struct pp_parse
pp_proxy_parse(const struct pp_proxy *proxy, void *conn, void *scratch,
               enum pp_dir dir, uint32_t wants, const struct pp_view *view,
               struct pp_msg *msg)
{
    struct pp_parse parse = proxy->parse(conn, scratch, dir, wants, view, msg);

    if (parse.status == PP_PARSE_MESSAGE) {
        msg->proxy = proxy;
        msg->dir = dir;
        msg->view = *view;
        msg->start = parse.start;
        msg->end = parse.end;
        msg->conn = conn;
    }
    return parse;
}

#endif /* pp-proxy.h */
