/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FTP_H
#define PP_FTP_H 1

/* The FTP proxy, inside: what its files share.
 *
 *     pp-ftp.c          the entry: tables of the contract, connection state
 *     ftp-line.c        a line, its Telnet commands, its words
 *     ftp-readings.c    other lines that servers may read in one
 *     ftp-verbs.c       what is known of each command
 *     ftp-address.c     the addresses in PORT, EPRT and LPRT
 *     ftp-command.c     to the server: which unit comes next
 *     ftp-reply.c       from the server: which reply belongs to what
 *     ftp-field-table.c what patches may name
 *     ftp-fields.c      its values
 *     ftp-locate.c      where a field stands, and what is a line after edits
 *     ftp-refuse.c      replies in the server's name
 *
 * Only the control connection is FTP.  Data connections are connections of
 * their own, to other ports, and nobody looks into them.
 *
 * Two texts have a say: the view, which is what was sent, and the line
 * without Telnet commands ("plain"), which is what servers act on.  Where
 * there are none, and there hardly ever are, both are the same bytes.  All is
 * read with pp_reader; a reader at position 0 serves for random access.
 *
 * "RFC 959 4.1" in these files means section 4.1 of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"
#include "pp-reader.h"

/* Limits. */
#define PP_FTP_LINE_MAX (64 * 1024)     /* Bytes of a line that is looked at;
                                         * the rest of it passes unseen. */
#define PP_FTP_LINE_LEAST 500           /* Any server takes as many. */
#define PP_FTP_READINGS_MAX 16          /* Of a line; of one that has more is
                                         * the connection closed. */
#define PP_FTP_VERB_MAX 8
#define PP_FTP_DUE_MAX 32               /* Commands without a reply; the next
                                         * one waits. */
#define PP_FTP_USER_MAX 64              /* Bytes of a user name that are kept;
                                         * of a longer one its start is. */
#define PP_FTP_GREETING_MAX 512         /* Bytes of the greeting's first line;
                                         * the rest of it is not read. */

/* Leniencies: what some servers accept although the RFCs do not.  Each has a
 * field that shows it, a paragraph in ovs-patchpoint-ftp(7), and a vector of
 * its name in tests/unit/test-ftp.c. */
enum pp_ftp_leniency {
    PP_FTP_LF_ENDS_LINE = true,         /* As does CRLF (RFC 854). */
    PP_FTP_SPACE_BEFORE_VERB = true,    /* " NOOP", "\tNOOP". */
    PP_FTP_ANY_SPACE_BETWEEN = true,    /* TAB, VT, FF and CR separate verb and
                                         * argument as SP does, any number. */
    PP_FTP_EOF_ENDS_LINE = true,        /* FIN instead of CRLF. */
};

/* Indexes into the proxy's 'reasons'. */
enum pp_ftp_reason {
    PP_FTP_R_NOT_FTP,           /* The greeting is no reply. */
    PP_FTP_R_TELNET_NEWLINE,    /* A LF within a Telnet command. */
    PP_FTP_R_HIDDEN,            /* What may be a command for the server, and
                                 * cannot be looked at as one. */
    PP_FTP_R_NOT_TLS,           /* A part of a command that passed as what it
                                 * looked like; or other bytes than TLS where
                                 * the server has agreed to that. */
    PP_FTP_R_TLS,               /* From here on: opaque. */
    PP_FTP_R_AUTH,
};

enum pp_ftp_event {
    PP_FTP_E_COMMAND,
    PP_FTP_E_PIPELINED,
};

/* The commands that mean something to the proxy itself. */
enum pp_ftp_verb {
    PP_FTP_V_OTHER,
    PP_FTP_V_NONE,              /* There is none: an empty line. */
    PP_FTP_V_ACCT,
    PP_FTP_V_AUTH,
    PP_FTP_V_EPRT,
    PP_FTP_V_LPRT,
    PP_FTP_V_PASS,
    PP_FTP_V_PORT,
    PP_FTP_V_REIN,
    PP_FTP_V_RNFR,
    PP_FTP_V_RNTO,
    PP_FTP_V_STAT,
    PP_FTP_V_TRANSFER,          /* RETR, STOR, LIST and their like. */
    PP_FTP_V_USER,
    PP_FTP_V_GREETING,          /* None at all: what the server says first. */
};

/* Where a command's path stands in its argument. */
enum pp_ftp_path {
    PP_FTP_NO_PATH,
    PP_FTP_PATH,                /* All of it. */
    PP_FTP_PATH_OPTIONS,        /* Behind words that start with "-". */
    PP_FTP_PATH_WORD,           /* Behind the first word. */
    PP_FTP_PATH_SITE,           /* As the word behind SITE says. */
};

/* What is known of a command. */
struct pp_ftp_command {
    enum pp_ftp_verb verb;
    enum pp_ftp_path path;
    bool sub;                   /* Its first word is a command of its own. */
};

/* An address that a client names. */
struct pp_ftp_address {
    uint8_t bytes[16];
    uint8_t n;                  /* Of 'bytes': 4, 16, or 0: there is none. */
    int family;                 /* As sent by EPRT and LPRT, else -1. */
    int32_t port;               /* -1: there is none. */
    bool valid;                 /* All as the RFC says. */
};

/* A line, decoded.  Spans are of 'plain'. */
struct pp_ftp_line {
    struct pp_reader plain;     /* Without Telnet commands and line ending. */
    bool telnet;                /* There were some. */
    bool cut;                   /* Longer than PP_FTP_LINE_MAX. */
    uint8_t ending;             /* Length of the line ending, 0 to 2. */
    struct pp_ftp_command command;
    struct pp_span before;      /* White space before the verb. */
    struct pp_span verb, separator, argument;
    struct pp_span sub, sub_separator, sub_argument;
    struct pp_span path;
    bool has_path;
};

/* A unit, decoded. */
struct pp_ftp_msg {
    struct pp_reader text;      /* The view. */
    struct pp_ftp_scratch *scratch;
    enum pp_ftp_event event;
    uint32_t end;               /* Of the unit, which starts at 0. */
    bool eof;                   /* The client's FIN stands behind it. */
    bool hold;                  /* Another reading of it comes behind. */
    uint32_t start;             /* With 'hold': where this one starts. */
    bool joined;                /* With 'hold': behind an earlier command. */
    struct pp_ftp_line line;    /* PP_FTP_E_COMMAND. */
    struct pp_ftp_address address;
};

struct pp_ftp_scratch {
    struct pp_ftp_msg msg;
    uint8_t plain[PP_FTP_LINE_MAX];     /* msg.line.plain, where it has to be
                                         * put together. */
    uint8_t joined[PP_FTP_VERB_MAX + 1 + PP_FTP_LINE_MAX];
    /* For reframe(), which reads the edited line again. */
    struct pp_ftp_line edited_line;
    uint8_t edited_plain[PP_FTP_LINE_MAX];
    uint8_t edited[2 * PP_FTP_LINE_MAX];
};

/* To the server: what is expected next. */
enum pp_ftp_to {
    EXPECT_COMMAND,             /* RFC 959 5.3. */
    EXPECT_LINE_END,            /* The rest of a line that was too long. */
    EXPECT_PIPELINED,           /* AUTH was agreed to: what the client sent
                                 * before it could know that. */
    EXPECT_HELLO,               /* The first of TLS (RFC 4217 4). */
    EXPECT_GREETING,            /* Nothing, before the server has answered
                                 * what looks like TLS. */
    EXPECT_FOREIGN,             /* The server speaks something else. */
    EXPECT_NOTHING,             /* Bad for good. */
    EXPECT_OPAQUE,              /* TLS, or what AUTH made of it. */
};

/* Within a Telnet command (RFC 854). */
enum pp_ftp_telnet {
    PP_FTP_T_NONE,
    PP_FTP_T_IAC,               /* Its second byte is next. */
    PP_FTP_T_OPTION,            /* The option is next. */
};

/* What the server wants before it lets the client in (RFC 959 5.4). */
enum pp_ftp_login {
    PP_FTP_WANTS_USER,
    PP_FTP_WANTS_PASSWORD,
    PP_FTP_WANTS_ACCOUNT,
    PP_FTP_LOGGED_IN,
};

/* A connection. */
struct pp_ftp_conn {
    /* To the server. */
    uint32_t scan;              /* No LF before this one of the view. */
    uint32_t reading_from;      /* Other readings of the line at hand that
                                 * start before are decided. */
    uint32_t pipelined;         /* Bytes that came between AUTH and the reply
                                 * to it. */
    uint16_t hello;             /* What is left of a record that the client
                                 * has begun with like TLS. */
    bool like_tls;              /* It has... */
    bool cut_by_tls;            /* ...and within a command that ended. */
    uint8_t to;                 /* enum pp_ftp_to. */
    uint8_t reading;            /* How many readings of the line at hand have
                                 * been decided. */
    uint8_t opaque_reason;      /* With EXPECT_OPAQUE. */
    uint8_t nothing_reason;     /* With EXPECT_NOTHING. */
    bool started;               /* A byte came from the client. */
    bool swallow;               /* What is left of this line must not reach
                                 * the server. */
    bool after_lf;              /* The last line that the server has ended
                                 * with LF alone. */
    bool joined;                /* The reading of the line at hand as the rest
                                 * of that has been decided. */
    uint8_t first_len;          /* With 'after_lf': the first known command
                                 * behind CRLF; 0: none. */
    uint8_t first[PP_FTP_VERB_MAX];

    /* From the server.  Where in a line it is is all that is kept of it. */
    uint8_t column;             /* Bytes of this line, up to 4. */
    bool heard;                 /* A byte came from the server. */
    bool in_reply;              /* Lines of a reply of several have come. */
    uint16_t code;              /* With 'in_reply': its code. */
    uint16_t line_code;         /* Of this line, as far as it has come. */
    bool coded;                 /* It starts with digits, so far. */
    bool dash;                  /* And goes on with "-". */
    uint8_t telnet;             /* enum pp_ftp_telnet. */

    /* Replies that are due. */
    uint8_t n_due;
    bool begun;                 /* The first one had a 1yz already. */
    bool closing;               /* The server said that it closes. */
    uint8_t due[PP_FTP_DUE_MAX];        /* enum pp_ftp_verb, in order. */

    /* What the commands and replies so far came to. */
    uint8_t login;              /* enum pp_ftp_login. */
    uint8_t user_len;
    bool renaming;              /* RNFR was agreed to, RNTO comes next. */
    uint32_t commands;          /* That the server has, saturating. */
    uint32_t failures;          /* Of USER, PASS and ACCT, saturating. */
    uint8_t user[PP_FTP_USER_MAX];
    uint8_t previous_len;
    uint8_t previous[8];        /* The verb before this one, in upper case,
                                 * as far as it fits. */
    struct pp_ends ends;
};

/* Is the server's first line not there yet? */
static inline bool
pp_ftp_is_unmet(const struct pp_ftp_conn *conn)
{
    return (conn->n_due && conn->due[0] == PP_FTP_V_GREETING && !conn->column
            && !conn->in_reply);
}

/* Has the server not said a byte yet? */
static inline bool
pp_ftp_is_silent(const struct pp_ftp_conn *conn)
{
    return pp_ftp_is_unmet(conn) && !conn->heard;
}

static inline struct pp_span
pp_ftp_span(size_t start, size_t end)
{
    return (struct pp_span) {
        .off = (uint32_t) start,
        .len = end > start ? (uint32_t) (end - start) : 0,
    };
}

static inline uint32_t
pp_ftp_span_end(struct pp_span s)
{
    return s.off + s.len;
}

/* A reader of just 's' of 'text'. */
static inline struct pp_reader
pp_ftp_sub(const struct pp_reader *text, struct pp_span s)
{
    struct pp_reader r = *text;

    r.pos = 0;
    pp_reader_skip(&r, s.off);
    return pp_reader_sub(&r, s.len);
}

static inline int
pp_ftp_upper(int c)
{
    return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
}

static inline bool
pp_ftp_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* What separates words for one server or another. */
static inline bool
pp_ftp_is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

/* pp-ftp.c. */
extern const struct pp_proxy pp_proxy_ftp;

/* ftp-line.c. */

/* What a look for the end of a line came to. */
enum pp_ftp_found {
    PP_FTP_FOUND,
    PP_FTP_MORE,                /* It has not arrived. */
    PP_FTP_BAD_NEWLINE,         /* There is a LF within a Telnet command. */
};

enum pp_ftp_found pp_ftp_line_find(const struct pp_reader *text, bool eof,
                                   uint32_t *scan, uint32_t *end);
enum pp_ftp_found pp_ftp_line_parse(const struct pp_reader *text, uint32_t end,
                                    bool telnet, uint8_t *plain,
                                    struct pp_ftp_line *);
uint32_t pp_ftp_to_view(const struct pp_ftp_msg *, uint32_t off, bool end);

/* ftp-readings.c. */
bool pp_ftp_reading(const struct pp_reader *text, uint32_t end,
                    bool first, uint32_t from, uint32_t *start, bool *telnet);
uint32_t pp_ftp_rest_hides(const struct pp_reader *, uint32_t start,
                           uint32_t end);
uint32_t pp_ftp_verb_pending(const struct pp_reader *, uint32_t start,
                             uint32_t end);
bool pp_ftp_lines_hide(const struct pp_reader *, uint32_t end);

/* ftp-verbs.c. */
uint32_t pp_ftp_verb_at(const struct pp_reader *, uint32_t start,
                        uint32_t end);
struct pp_ftp_command pp_ftp_command(const struct pp_reader *,
                                     struct pp_span verb);
bool pp_ftp_equals(const struct pp_reader *, struct pp_span,
                   const char *word);
enum pp_ftp_path pp_ftp_site_path(const struct pp_reader *,
                                  struct pp_span sub);

/* ftp-address.c. */
void pp_ftp_address_parse(const struct pp_ftp_line *, struct pp_ftp_address *);

/* ftp-command.c. */
struct pp_parse pp_ftp_parse_to(struct pp_ftp_conn *, struct pp_ftp_scratch *,
                                uint32_t wants, const struct pp_view *);
void pp_ftp_commit_to(struct pp_ftp_conn *, const struct pp_ftp_msg *,
                      enum pp_outcome);
bool pp_ftp_awaits(const struct pp_ftp_conn *);

/* ftp-reply.c. */
bool pp_ftp_speaks(const struct pp_view *);
struct pp_parse pp_ftp_parse_from(struct pp_ftp_conn *,
                                  const struct pp_view *);

/* ftp-field-table.c, ftp-fields.c. */
extern const struct pp_field pp_ftp_field_table[];
bool pp_ftp_field_there(const struct pp_ftp_msg *, unsigned int field);
bool pp_ftp_get(const struct pp_msg *, unsigned int field, struct pp_arena *,
                struct pp_value *);
bool pp_ftp_get_elem(const struct pp_msg *, unsigned int field,
                     uint32_t index, unsigned int sub, struct pp_arena *,
                     struct pp_value *);

/* ftp-locate.c. */
bool pp_ftp_locate(const struct pp_msg *, unsigned int field, uint32_t index,
                   int sub, struct pp_span *value, struct pp_span *extent);
bool pp_ftp_reframe(const struct pp_msg *, struct pp_edits *);

/* ftp-refuse.c. */
void pp_ftp_refuse(const void *conn, const struct pp_msg *,
                   const struct pp_reply *, struct pp_buf *, bool *close);

#endif /* pp-ftp.h */
