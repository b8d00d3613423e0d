/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SMTP_H
#define PP_SMTP_H 1

/* The SMTP proxy, inside: what its files share.
 *
 *     pp-smtp.c             the entry: tables of the contract, state
 *     smtp-command.c        to the server: which unit comes next
 *     smtp-data.c           the lines of a message, and where it ends
 *     smtp-line.c           a command line, decoded
 *     smtp-watch.c          what servers may take for a command, and we do not
 *     smtp-reply.c          from the server: which reply belongs to what
 *     smtp-field-table.c    what patches may name
 *     smtp-fields.c         its values, and where they stand
 *     smtp-refuse.c         replies in the server's name
 *
 * Everything is read with pp_reader.  A reader at position 0 over the view
 * serves for random access: pp_reader_peek(text, off) is the byte at 'off', or
 * -1.  Spans are offsets into the view.
 *
 * "RFC 5321 4.1" in these files means section 4.1 of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"
#include "pp-reader.h"

/* Limits.  None makes a message bad: what is longer is seen in part. */
#define PP_SMTP_LINE_MAX (16 * 1024)    /* Bytes of a command, of a line of
                                         * AUTH; the rest of it passes. */
#define PP_SMTP_DATA_LINE_MAX (8 * 1024)    /* Bytes of a unit of data;
                                             * longer lines come in parts. */
#define PP_SMTP_REPLY_LINE_MAX (8 * 1024)   /* The rest of it is not read. */
#define PP_SMTP_PARAMS_MAX 128          /* Beyond it get() of them fails. */
#define PP_SMTP_LINE_LEAST 500          /* Any server takes as many bytes of a
                                         * command (RFC 5321 4.5.3.1.4). */
#define PP_SMTP_VERB_MAX 8

/* Beyond this one the next command waits for a reply to an earlier one. */
#define PP_SMTP_PIPELINE_MAX 64         /* Commands without a reply. */

/* Leniencies: what servers accept although RFC 5321 does not.  Each has a
 * field that shows it, or a place in ovs-patchpoint-smtp(7), and a vector of
 * its name in tests/unit/test-smtp.c. */
enum pp_smtp_leniency {
    PP_SMTP_LF_ENDS_COMMAND = true,     /* As does CRLF (RFC 5321 2.3.8). */
    PP_SMTP_FIN_ENDS_LINE = true,       /* So does the client's FIN. */
    PP_SMTP_SPACE_BEFORE_VERB = true,   /* " MAIL FROM:<>". */
    PP_SMTP_ANY_SPACE = true,           /* "MAIL\vFROM:<>", and NUL. */
    PP_SMTP_SPACE_BEFORE_PATH = true,   /* "MAIL FROM: <a@b>" (4.1.1.2). */
    PP_SMTP_PATH_WITHOUT_BRACKETS = true,   /* "MAIL FROM:a@b". */
    PP_SMTP_PATH_WITHOUT_KEYWORD = true,    /* "MAIL:<a@b>", "MAILX y:<a@b>",
                                             * but not without brackets. */
    PP_SMTP_REPLY_ENDS_DATA = true,     /* A reply shows that the server took
                                         * a dot line for the end of the data
                                         * that RFC 5321 4.1.1.4 does not. */
};

/* Indexes into the proxy's 'reasons'. */
enum pp_smtp_reason {
    PP_SMTP_R_NOT_SMTP,         /* A reply without a code. */
    PP_SMTP_R_UNEXPECTED_REPLY, /* One that belongs to nothing. */
    PP_SMTP_R_DATA_END,         /* The server has ended the data at a place
                                 * that is not known any more. */
    PP_SMTP_R_EXCHANGE,         /* 354 to a command that is not DATA. */
    PP_SMTP_R_HIDDEN,           /* What may be a command for the server, in
                                 * what is none for us. */
    PP_SMTP_R_NOT_TLS,          /* A part of a command that passed as what it
                                 * looked like; or other bytes than TLS where
                                 * the server has agreed to that. */
    PP_SMTP_R_TLS,              /* From here on: opaque. */
    PP_SMTP_R_TURNED,           /* Client and server change places. */
};

enum pp_smtp_event {
    PP_SMTP_E_COMMAND,
    PP_SMTP_E_AUTH,
    PP_SMTP_E_PLAINTEXT,
    PP_SMTP_E_BREAK,
    PP_SMTP_E_DATA,
};

/* What the server owes a reply to; also what a command is. */
enum pp_smtp_kind {
    PP_SMTP_OTHER,              /* Nothing follows from its reply. */
    PP_SMTP_GREETING,           /* Of the connection (RFC 5321 3.1). */
    PP_SMTP_HELO,
    PP_SMTP_EHLO,               /* Also LHLO (RFC 2033 4.1). */
    PP_SMTP_MAIL,
    PP_SMTP_RCPT,
    PP_SMTP_DATA,
    PP_SMTP_END,                /* The end of a message. */
    PP_SMTP_BDAT,               /* RFC 3030 2. */
    PP_SMTP_RSET,
    PP_SMTP_AUTH,               /* RFC 4954 4; and each line of it. */
    PP_SMTP_STARTTLS,           /* RFC 3207 4. */
    PP_SMTP_TURN,               /* Also ATRN (RFC 2645 5.2.1). */
    PP_SMTP_ODD_BDAT,           /* Whatever its size is for the server. */
    PP_SMTP_PROXY,              /* A load balancer's line before all others;
                                 * a server that knows it does not reply. */
};

/* What makes a line of a command look like one. */
enum pp_smtp_look {
    PP_SMTP_L_NONE,             /* Nothing: it does no harm. */
    PP_SMTP_L_ALONE,            /* The verb, with nothing behind it. */
    PP_SMTP_L_WORDS,            /* The verb, with something behind it. */
    PP_SMTP_L_PATH,             /* The verb, and FROM: or TO: behind it. */
};

/* How a line ends. */
enum pp_smtp_ending {
    PP_SMTP_NO_ENDING,          /* There is more of it, or FIN. */
    PP_SMTP_LF,
    PP_SMTP_CRLF,
};

/* A parameter of MAIL or RCPT (RFC 5321 4.1.2). */
struct pp_smtp_param {
    struct pp_span extent;      /* With the blanks before it. */
    struct pp_span raw, name, value;
    bool has_value;
};

/* A command line. */
struct pp_smtp_command {
    enum pp_smtp_kind kind;
    uint8_t ending;             /* enum pp_smtp_ending. */
    bool lhlo;                  /* LMTP's. */
    bool has_path;
    bool last;                  /* BDAT ... LAST. */
    bool straight;              /* BDAT: as RFC 3030 2 has it. */
    uint8_t look;               /* enum pp_smtp_look, of its verb. */
    struct pp_span line;        /* Without the ending. */
    struct pp_span end;         /* The ending. */
    struct pp_span verb;
    struct pp_span argument;    /* Behind it, without blanks around. */
    struct pp_span path;        /* MAIL, RCPT: without the brackets. */
    struct pp_span word;        /* The argument's first word. */
    struct pp_span rest;        /* What is behind that. */
    struct pp_span params;      /* MAIL, RCPT: behind the path. */
    int64_t size;               /* BDAT: bytes that follow; else -1. */
};

/* A line of data, or a part of one. */
struct pp_smtp_line {
    struct pp_span text;        /* Without the ending. */
    struct pp_span end;         /* The ending. */
    uint8_t ending;             /* enum pp_smtp_ending. */
    uint8_t first;              /* The ending of the message's first line. */
    bool start;                 /* A line starts here, by any ending. */
    bool dot;                   /* Just a dot, and any CRs behind it. */
    bool odd;                   /* A dot with what some leave out of a line:
                                 * the end of the message for these. */
    bool header;                /* No empty line has come before. */
    bool fields;                /* The header section goes on here. */
    uint8_t head;               /* enum pp_smtp_head, behind it. */
    bool regular;               /* It is as RFC 5321 2.3.8 wants it, and so
                                 * is the end of the one before. */
    bool last;                  /* CRLF.CRLF: the message ends. */
    uint32_t crs;               /* CRs in the text. */
};

/* A unit, decoded. */
struct pp_smtp_msg {
    struct pp_reader text;      /* The view. */
    struct pp_smtp_scratch *scratch;
    enum pp_smtp_event event;
    bool hold;                  /* Returned with 'hold'. */
    struct pp_smtp_command command;     /* Command; auth: 'line', 'end'. */
    struct pp_smtp_line line;           /* Data, break. */
    struct pp_span plaintext;           /* Plaintext. */

    struct pp_smtp_param *params;       /* Parsed when first looked at. */
    uint32_t n_params;
    bool params_parsed, params_full;
};

struct pp_smtp_scratch {
    struct pp_smtp_msg msg;
    struct pp_smtp_param params[PP_SMTP_PARAMS_MAX];
};

/* To the server: what is expected next. */
enum pp_smtp_to {
    EXPECT_COMMAND,             /* RFC 5321 4.1. */
    EXPECT_LINE_REST,           /* Of a command too long to be held. */
    EXPECT_GREETING,            /* Nothing, before the server has answered
                                 * what looks like TLS. */
    EXPECT_BROKEN,              /* Bad, and no byte more: 'from_reason'. */
    EXPECT_ANSWER,              /* Nothing, before the reply to DATA (RFC 5321
                                 * 4.1.1.4), AUTH (RFC 4954 4), STARTTLS (RFC
                                 * 3207 4) or TURN: what comes behind depends
                                 * on it (RFC 2920 3.1). */
    EXPECT_DATA,                /* A line of a message (RFC 5321 4.5.2). */
    EXPECT_CHUNK,               /* 'left' bytes (RFC 3030 2). */
    EXPECT_AUTH,                /* A line after 334 (RFC 4954 4). */
    EXPECT_PLAINTEXT,           /* 'early' bytes that came before the server
                                 * had agreed to TLS. */
    EXPECT_HELLO,               /* The first of TLS, RFC 3207 4. */
    EXPECT_TLS,                 /* More of it: not to be followed. */
    EXPECT_TURNED,              /* The same, RFC 5321 F.1. */
};

/* From the server: what is expected next. */
enum pp_smtp_from {
    EXPECT_REPLY,               /* A line of a reply (RFC 5321 4.2). */
    EXPECT_REPLY_REST,          /* Of a line too long to be read. */
    EXPECT_NO_REPLY,            /* Bad: 'from_reason'. */
};

/* What an EHLO reply offers (RFC 5321 4.1.1.1). */
enum pp_smtp_offer {
    PP_SMTP_O_PIPELINING = 1 << 0,
    PP_SMTP_O_CHUNKING = 1 << 1,
    PP_SMTP_O_STARTTLS = 1 << 2,
    PP_SMTP_O_AUTH = 1 << 3,
    PP_SMTP_O_8BITMIME = 1 << 4,
    PP_SMTP_O_SMTPUTF8 = 1 << 5,
};

/* What is expected next of a header section (RFC 5322 2.2), for a server that
 * ends its lines at CRLF alone, strips a dot before, and takes a line without
 * a name and a colon for the body's first. */
enum pp_smtp_head {
    EXPECT_FIRST_LINE,          /* Nothing has come. */
    EXPECT_FIELD,               /* The first byte of a line, or a dot. */
    EXPECT_FIELD_START,         /* That byte behind a dot. */
    EXPECT_FIELD_NAME,          /* More of the name, or the colon. */
    EXPECT_COLON,               /* White space, or the colon. */
    EXPECT_FIELD_VALUE,         /* The line is a field. */
    EXPECT_NO_FIELD,            /* The line is none. */
    EXPECT_BODY,                /* The section is over. */
};

/* Of the data: what has passed, as a server sees it. */
struct pp_smtp_data {
    uint64_t length;            /* Bytes since the last CRLF. */
    uint32_t number;            /* Lines, by any ending. */
    uint32_t unit;              /* Bytes of the unit, as the client sent it, */
    uint8_t ending;             /* and its ending: a correction may take all
                                 * of it away. */
    uint8_t before;             /* Ending of the line before. */
    uint8_t first;              /* Ending of the first line. */
    uint8_t head;               /* enum pp_smtp_head. */
    bool inside;                /* In a line: a part of it was a unit. */
    bool body;                  /* An empty line was there. */
    bool broke;                 /* The line at hand was a 'break' already. */
    bool dotted;                /* A server could have taken the last line
                                 * for the end ... */
    bool passed;                /* ... but more has passed since. */
};

/* A connection. */
struct pp_smtp_conn {
    uint64_t left;              /* EXPECT_CHUNK. */
    struct pp_smtp_data data;

    /* Kinds that replies are due to, oldest first; four bits each. */
    uint64_t owed[PP_SMTP_PIPELINE_MAX / 16];
    uint8_t n_owed;

    uint8_t to;                 /* enum pp_smtp_to. */
    uint8_t next;               /* The same, behind EXPECT_LINE_REST. */
    uint8_t from;               /* enum pp_smtp_from. */
    uint8_t from_reason;
    uint8_t offers;             /* enum pp_smtp_offer. */
    bool started;               /* A line came from the client. */
    bool like_tls;              /* The client has begun like TLS... */
    bool cut_by_tls;            /* ...and within a command that ended. */
    uint16_t hello;             /* What is left of that record. */
    bool again;                 /* A corrected unit is parsed again: what
                                 * there is, is one. */
    bool swallow;               /* The chunk of a BDAT that was refused. */
    bool watched;               /* What was sent may be read in more than one
                                 * way: see smtp-watch.c. */
    bool doubted;               /* So may the chunk at hand. */
    bool fresh;                 /* In it, a line starts. */
    bool after_lf;              /* The last command ended with LF alone: for
                                 * some servers, its line goes on. */
    bool lmtp;
    bool crlf;                  /* The server ends its lines with CRLF. */
    bool esmtp;
    bool in_reply;              /* Lines of a reply were seen. */
    bool authenticated;
    bool mail;                  /* A sender was accepted. */

    uint32_t scan;              /* No LF before it, from the unit's start. */
    uint32_t from_scan;
    uint32_t early;             /* Bytes that wait for a reply. */
    uint32_t commands;          /* How many there were, and so on. */
    uint32_t recipients, refused, messages;
    uint32_t end_left;          /* LMTP: replies to the end, still due. */
};

/* Has the server not said a byte yet? */
bool pp_smtp_is_silent(const struct pp_smtp_conn *);

static inline struct pp_span
pp_smtp_span(size_t start, size_t end)
{
    return (struct pp_span) {
        .off = (uint32_t) start,
        .len = end > start ? (uint32_t) (end - start) : 0,
    };
}

static inline uint32_t
pp_smtp_span_end(struct pp_span s)
{
    return s.off + s.len;
}

/* What separates words for one server or another, and NUL, where some see the
 * end of the line. */
static inline bool
pp_smtp_is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n') || !c;
}

static inline int
pp_smtp_upper(int c)
{
    return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
}

/* A call of parse() for the client's bytes. */
struct pp_smtp_call {
    struct pp_smtp_conn *conn;
    struct pp_smtp_scratch *scratch;
    const struct pp_view *view;
    struct pp_reader text;
    uint32_t wants;
    size_t pos;                 /* All before it passes unseen. */
    struct pp_parse stop;
};

/* pp-smtp.c. */
extern const struct pp_proxy pp_proxy_smtp;
void pp_smtp_msg_init(struct pp_smtp_call *, enum pp_smtp_event);
bool pp_smtp_wanted(const struct pp_smtp_call *, enum pp_smtp_event);
bool pp_smtp_stop_message(struct pp_smtp_call *, size_t start, size_t end);

/* smtp-line.c. */
struct pp_span pp_smtp_trim(const struct pp_reader *, struct pp_span);
bool pp_smtp_equals(const struct pp_reader *, struct pp_span, const char *);
size_t pp_smtp_verb_at(const struct pp_reader *, size_t start, size_t end);
void pp_smtp_command_parse(const struct pp_reader *, size_t start,
                           size_t text_end, size_t end,
                           struct pp_smtp_command *);
const struct pp_smtp_param *pp_smtp_params(struct pp_smtp_msg *, uint32_t *n);

/* smtp-watch.c. */
bool pp_smtp_is_watching(const struct pp_smtp_call *);
bool pp_smtp_line_hides(const struct pp_reader *, size_t start, size_t end,
                        bool fresh);
size_t pp_smtp_rest_hides(const struct pp_reader *, size_t start, size_t end);
bool pp_smtp_lines_hide(const struct pp_reader *, size_t start, size_t end);
size_t pp_smtp_verb_pending(const struct pp_reader *, size_t start,
                            size_t end);
bool pp_smtp_stop_hidden(struct pp_smtp_call *);
bool pp_smtp_step_doubted(struct pp_smtp_call *);

/* smtp-command.c. */
struct pp_parse pp_smtp_parse_to(struct pp_smtp_conn *,
                                 struct pp_smtp_scratch *, uint32_t wants,
                                 const struct pp_view *);
void pp_smtp_commit_to(struct pp_smtp_conn *, const struct pp_msg *,
                       enum pp_outcome);
bool pp_smtp_stop_status(struct pp_smtp_call *, enum pp_parse_status,
                         enum pp_smtp_reason);
bool pp_smtp_line_end(struct pp_smtp_call *, size_t max, size_t *text_end,
                      size_t *end);

/* smtp-head.c. */
bool pp_smtp_head_goes_on(enum pp_smtp_head, const struct pp_reader *,
                          size_t off, bool fresh);
enum pp_smtp_head pp_smtp_head_read(enum pp_smtp_head,
                                    const struct pp_reader *,
                                    struct pp_span, bool fresh);

/* smtp-data.c. */
void pp_smtp_data_start(struct pp_smtp_conn *);
bool pp_smtp_step_data(struct pp_smtp_call *);
void pp_smtp_data_passed(struct pp_smtp_conn *, const struct pp_smtp_line *,
                         bool swallowed);

/* smtp-reply.c. */
bool pp_smtp_owe(struct pp_smtp_conn *, enum pp_smtp_kind);
bool pp_smtp_owes(const struct pp_smtp_conn *, enum pp_smtp_kind);
bool pp_smtp_speaks(const struct pp_view *);
struct pp_parse pp_smtp_parse_from(struct pp_smtp_conn *,
                                   const struct pp_view *);

/* smtp-fields.c. */
extern const struct pp_field pp_smtp_field_table[];
bool pp_smtp_get(const struct pp_msg *, unsigned int field,
                 struct pp_arena *, struct pp_value *);
bool pp_smtp_get_elem(const struct pp_msg *, unsigned int field,
                      uint32_t index, unsigned int sub, struct pp_arena *,
                      struct pp_value *);
bool pp_smtp_locate(const struct pp_msg *, unsigned int field, uint32_t index,
                    int sub, struct pp_span *value, struct pp_span *extent);

/* smtp-refuse.c. */
void pp_smtp_refuse(const void *conn, const struct pp_msg *,
                    const struct pp_reply *, struct pp_buf *, bool *close);

#endif /* pp-smtp.h */
