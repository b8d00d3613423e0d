/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_HTTP_H
#define PP_HTTP_H 1

/* The HTTP/1 proxy, inside: what its files share.
 *
 *     pp-http.c         the entry: tables of the contract, connection state
 *     http-head.c       lines, field lines, request line, framing
 *     http-chunk.c      a chunk's header line
 *     http-preface.c    what may come before all requests
 *     http-request.c    to the server: which unit comes next...
 *     http-content.c    ...content that passes...
 *     http-held.c       ...content that is held...
 *     http-commit.c     ...and what the fate of a unit means
 *     http-watch.c      requests that servers may tell apart elsewhere
 *     http-readings.c   other heads that servers may read in one
 *     http-response.c   from the server: which reply belongs to what
 *     http-body.c       a held form: its decoded bytes, where they stand
 *     http-lists.c      query parameters, cookies, lists with commas
 *     http-multipart.c  the parts of multipart/form-data
 *     http-field-table.c    what patches may name
 *     http-fields.c     its values
 *     http-locate.c     where a field stands
 *     http-reframe.c    lengths and separators after an edit
 *     http-refuse.c     replies in the server's name
 *
 * Everything is read with pp_reader.  A reader at position 0 over a whole
 * text serves for random access: pp_reader_peek(text, off) is the byte at
 * 'off', or -1.  Spans are offsets into such a text, which is the view, or
 * for the parameters of a form the decoded body.
 *
 * "RFC 9112 6.3" in these files means section 6.3 of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pp-proxy.h"
#include "pp-reader.h"

/* Limits.  Beyond those of the first group a message is PP_PARSE_TOO_MUCH. */
#define PP_HTTP_HEAD_MAX (64 * 1024)    /* Bytes of a head, of trailers. */
#define PP_HTTP_BLANKS_MAX (1024 * 1024)        /* No server has a line with
                                                 * as many before the first
                                                 * word. */
#define PP_HTTP_FIELDS_MAX (PP_HTTP_HEAD_MAX / 2)   /* Field lines of either:
                                         * all that there can be. */
#define PP_HTTP_CHUNK_LINE_MAX (32 * 1024)  /* Bytes of a chunk's header. */

#define PP_HTTP_READINGS_MAX 6  /* Other readings of a head. */

/* What a held form leaves free, so that its last chunk and trailers fit. */
#define PP_HTTP_HOLD_RESERVE (PP_HTTP_HEAD_MAX + PP_HTTP_CHUNK_LINE_MAX + 8)

/* The preface of HTTP/2, and that part of it which is a request's head. */
#define PP_HTTP_PREFACE 24
#define PP_HTTP_PREFACE_HEAD 17

/* Beyond this one the next request waits for a reply to an earlier one. */
#define PP_HTTP_PIPELINE_MAX 64         /* Requests without a reply. */

/* Beyond this one a form is not held; it passes as other bodies do. */
#define PP_HTTP_CHUNKS_MAX 4096         /* Chunks of a held form. */

/* Beyond these get() of the list fails; but for the last one, these are all
 * that there can be. */
#define PP_HTTP_PARAMS_MAX PP_HOLD_MAX  /* Of a query, of a form. */
#define PP_HTTP_COOKIES_MAX PP_HTTP_HEAD_MAX
#define PP_HTTP_TOKENS_MAX PP_HTTP_HEAD_MAX     /* Of any list with commas. */
#define PP_HTTP_TYPE_PARAMS_MAX 128     /* Of multipart's Content-Type. */

/* Leniencies: what some servers accept although RFC 9112 does not.  Each has
 * a field that shows it, a paragraph in ovs-patchpoint-http(7), and a vector
 * of its name in tests/unit/test-http.c. */
enum pp_http_leniency {
    PP_HTTP_LF_ENDS_LINE = true,        /* As does CRLF (RFC 9112 2.2). */
    PP_HTTP_SPACE_BEFORE_COLON = true,  /* "Content-Length : 5" counts. */
    PP_HTTP_ANY_SPACE_IN_LINE = true,   /* TAB, VT, FF, CR in the request
                                         * line (RFC 9112 3). */
    PP_HTTP_PYTHON_SPACE = true,        /* Or what Python takes for it. */
    PP_HTTP_ANY_METHOD = true,          /* "(GET[": any character is one
                                         * of a method's. */
    PP_HTTP_NO_METHOD = true,           /* " /": nothing before the space. */
    PP_HTTP_NO_VERSION = true,          /* "GET /" with a head behind it. */
    PP_HTTP_REPEATED_CODING = true,     /* "chunkedchunked" is chunked. */
    PP_HTTP_LOOSE_LENGTH = true,        /* "+5", "5_0", "5x", "" as length. */
    PP_HTTP_LOOSE_CHUNK_SIZE = true,    /* "0x5", "5_0", " 5 ", "5x". */
    PP_HTTP_LOOSE_CHUNK_END = true,     /* LF, or any two bytes, after the
                                         * data of a chunk. */
    PP_HTTP_EOF_ENDS_HEAD = true,       /* FIN instead of the empty line. */
};

/* Indexes into the proxy's 'reasons'. */
enum pp_http_reason {
    PP_HTTP_R_NOT_HTTP,         /* First byte of no request line. */
    PP_HTTP_R_REQUEST_LINE,     /* A line of one word. */
    PP_HTTP_R_HEAD_TOO_LONG,
    PP_HTTP_R_LENGTH_CONFLICT,  /* Content-Length with two values. */
    PP_HTTP_R_CHUNK_LINE_TOO_LONG,
    PP_HTTP_R_CHUNK_SIZE,       /* No size, or more than 63 bits. */
    PP_HTTP_R_TRAILERS_TOO_LONG,
    PP_HTTP_R_TLS,              /* From here on: opaque. */
    PP_HTTP_R_HTTP2,
    PP_HTTP_R_CONNECT,
    PP_HTTP_R_UPGRADE,
};

enum pp_http_event {
    PP_HTTP_E_REQUEST,
    PP_HTTP_E_CHUNK,
    PP_HTTP_E_TRAILERS,
    PP_HTTP_E_BODY,
    PP_HTTP_E_RESPONSE,
};

/* Field names that mean something to the proxy itself. */
enum pp_http_id {
    PP_HTTP_H_OTHER,
    PP_HTTP_H_CONNECTION,
    PP_HTTP_H_CONTENT_LENGTH,
    PP_HTTP_H_CONTENT_TYPE,
    PP_HTTP_H_COOKIE,
    PP_HTTP_H_HOST,
    PP_HTTP_H_TRANSFER_ENCODING,
    PP_HTTP_H_UPGRADE,
    PP_HTTP_N_IDS
};

/* One field line, with those folded into it.  What else there is to know of it
 * is told by pp_http_name() and so on, when somebody asks. */
struct pp_http_field {
    struct pp_span line;        /* All of it, with its line ending. */
    uint32_t name_len;          /* What is before the colon, as sent. */
    uint8_t id;                 /* PP_HTTP_H_*. */
    uint8_t ending;             /* Length of the last line ending, 0 to 2. */
    bool folded;                /* RFC 9112 5.2. */
    bool colon;                 /* There is one. */
};

/* A head's field lines, or the trailers. */
struct pp_http_fields {
    struct pp_http_field *f;    /* In the scratch memory. */
    uint32_t n;
    uint32_t start;             /* Offset of the first line. */
    uint32_t end;               /* Offset after the empty line. */
    uint8_t ending;             /* Length of the empty line. */
    bool truncated;             /* Ended by FIN, not by an empty line. */
    bool unusual;               /* A line is folded, or has no name, or one
                                 * with white space in it or another byte
                                 * around it that is none of a name, or with
                                 * '_' where those of lengths have '-'. */
    bool bare_lf;               /* A line ends by LF alone. */
    bool may_end;               /* There is a CR without LF behind it, which
                                 * ends a line for the JDK's server, or a blank
                                 * line is folded, which ends all for POCO. */
    uint32_t count[PP_HTTP_N_IDS];      /* How many there are ... */
    uint32_t first[PP_HTTP_N_IDS];      /* ... and the first of them. */
};

enum pp_http_framing_kind {
    PP_HTTP_NO_BODY,
    PP_HTTP_LENGTH,             /* 'length' bytes follow. */
    PP_HTTP_CHUNKED,
    PP_HTTP_CONFLICT,           /* Content-Length contradicts itself. */
};

/* How long the content is (RFC 9112 6.3). */
struct pp_http_framing {
    enum pp_http_framing_kind kind;
    uint64_t length;            /* By Content-Length, even if chunked. */
    bool valid;                 /* Content-Length is as RFC 9110 8.6 says. */
};

enum pp_http_form {             /* Of a request target (RFC 9112 3.2). */
    PP_HTTP_ORIGIN,
    PP_HTTP_ABSOLUTE,
    PP_HTTP_AUTHORITY,
    PP_HTTP_ASTERISK,
    PP_HTTP_OTHER_FORM,
};

/* What some servers would tell requests apart in other places by
 * (http-watch.c). */
enum pp_http_odd {
    PP_HTTP_NOT_ODD,
    PP_HTTP_ODD_LENGTH,         /* What is behind may be content or not. */
    PP_HTTP_ODD_LINES,          /* The fields may end earlier, too. */
};

struct pp_http_head {
    struct pp_span line;        /* The request line without its ending. */
    uint8_t line_ending;        /* Length of that. */
    bool has_query;             /* There is a '?', even with nothing after. */
    bool one_word;              /* The line has one: all servers refuse it. */
    bool plain;                 /* The line is, but for a space between the
                                 * words (pp_is_plain()). */
    bool line_cr;               /* There is a CR in the line. */
    enum pp_http_form form;
    struct pp_span method, method_separator, target, version_separator;
    struct pp_span version;     /* n == 0: none (HTTP/0.9). */
    struct pp_span authority, path, query;      /* Of the target. */
    struct pp_http_fields fields;
    struct pp_http_framing framing;
    enum pp_http_odd odd;       /* Of a request that was just found. */
};

/* A chunk's header line. */
struct pp_http_chunk {
    uint32_t start, end;        /* With the line ending. */
    struct pp_span before;      /* What stood for the CRLF after the data
                                 * before it, where that was not CRLF. */
    struct pp_span line;        /* Without the line ending. */
    struct pp_span size_text;   /* As far as ';'. */
    struct pp_span ext;         /* From ';' on. */
    uint8_t ending;
    bool truncated;             /* The line goes on: it is too long. */
    bool valid;                 /* The size is as RFC 9112 7.1 says. */
    bool odd;                   /* As of a head. */
    int64_t size;               /* -1: none that any server reads. */
};

/* An element of a list.  Spans of what is not there have offset 0. */
struct pp_http_item {
    struct pp_span raw;         /* All of it, without its separators. */
    struct pp_span name, value;
    struct pp_span extent;      /* Multipart: the part with its delimiter. */
    struct pp_span filename, type;      /* Multipart only. */
    uint32_t owner;             /* Index of the field line it stands in. */
    bool equals;                /* There is a '='. */
    bool has_filename;
};

enum pp_http_list_id {
    PP_HTTP_L_QUERY,
    PP_HTTP_L_COOKIES,
    PP_HTTP_L_QUOTED,           /* Cookies, split as Python does. */
    PP_HTTP_L_CONNECTION,
    PP_HTTP_L_CODINGS,
    PP_HTTP_L_TYPE_PARAMS,
    PP_HTTP_L_BODY,
    PP_HTTP_N_LISTS
};

/* A list, parsed when a patch first looks at it. */
struct pp_http_list {
    struct pp_http_item *item;
    uint32_t n, max;
    bool parsed;
    bool full;                  /* More than 'max': not to be used. */
};

/* Where the data of a chunk of a held body stands. */
struct pp_http_piece {
    struct pp_http_chunk chunk;
    uint32_t body_off;          /* In the decoded body. */
    uint32_t view_off;          /* In the view. */
    uint32_t len;
};

enum pp_http_form_type {
    PP_HTTP_NO_FORM,
    PP_HTTP_URLENCODED,
    PP_HTTP_MULTIPART,
};

/* A unit, decoded. */
struct pp_http_msg {
    struct pp_reader text;      /* The view. */
    struct pp_http_scratch *scratch;
    enum pp_http_event event;
    bool hold;                  /* Returned with 'hold'. */
    bool held;                  /* So is the head before it. */
    bool reading;               /* It is content for us, and a request for a
                                 * server that does not read that. */
    uint32_t first_line;        /* With 'reading': no more than this passes of
                                 * the content; 0: the head does. */
    bool other;                 /* It is the request at hand, as some servers
                                 * read it (http-readings.c). */
    struct pp_http_head head;   /* Request, body. */
    struct pp_http_chunk chunk; /* Chunk. */
    struct pp_http_fields trailers;     /* Trailers. */
    int status;                 /* Response. */

    /* Body.  Of one piece, it is read where it stands; else put together in
     * the scratch memory. */
    enum pp_http_form_type form;
    struct pp_reader body;
    uint32_t body_start;        /* Where it starts in the view. */
    uint32_t n_pieces;          /* Chunks; 0: by Content-Length. */
    uint32_t body_end;          /* Where the last unit read ends. */
    bool body_truncated;        /* FIN came before its end. */
    uint8_t begins;             /* enum pp_http_begins. */

    struct pp_http_list lists[PP_HTTP_N_LISTS];
};

struct pp_http_scratch {
    struct pp_http_msg msg;

    /* The connection whose request's head in 'msg' was just committed with
     * 'hold', and is read by the parse() that follows at once, or NULL. */
    const struct pp_http_conn *held_by;
    struct pp_http_field fields[PP_HTTP_FIELDS_MAX];
    struct pp_http_field trailers[PP_HTTP_FIELDS_MAX];
    struct pp_http_item query[PP_HTTP_PARAMS_MAX];
    struct pp_http_item form[PP_HTTP_PARAMS_MAX];
    struct pp_http_item cookies[PP_HTTP_COOKIES_MAX];
    struct pp_http_item quoted[PP_HTTP_COOKIES_MAX];
    struct pp_http_item connection[PP_HTTP_TOKENS_MAX];
    struct pp_http_item codings[PP_HTTP_TOKENS_MAX];
    struct pp_http_item type_params[PP_HTTP_TOKENS_MAX];
    struct pp_http_piece pieces[PP_HTTP_CHUNKS_MAX];
    uint8_t body[PP_HOLD_MAX];

    /* For reframe(), which reads the edited message again, and for other
     * readings of a head. */
    uint8_t edited[PP_HOLD_MAX];
    struct pp_http_field edited_fields[PP_HTTP_FIELDS_MAX];
};

/* To the server: what is expected next. */
enum pp_http_to {
    EXPECT_REQUEST,             /* RFC 9112 2.1. */
    EXPECT_BODY,                /* 'to_left' bytes (6.2). */
    EXPECT_CHUNK,               /* A chunk's header (7.1). */
    EXPECT_CHUNK_DATA,          /* 'to_left' bytes. */
    EXPECT_CHUNK_END,           /* The CRLF after the data. */
    EXPECT_TRAILERS,            /* 7.1.2. */
    EXPECT_OTHER,               /* Nothing, before the server has answered
                                 * what looks like 'opaque_reason'. */
    EXPECT_NOTHING,             /* Bad: 'to_reason'. */
    EXPECT_CLOSE,               /* Refused for good: swallow the rest. */
    HELD_BODY,                  /* A held form, by Content-Length. */
    HELD_CHUNK,                 /* The same, chunked: a header at 'held'. */
    HELD_TRAILERS,              /* Its trailers, at 'held'. */
    HELD_END,                   /* All there: the body unit is due. */
};

/* From the server: what is expected next. */
enum pp_http_from {
    EXPECT_RESPONSE,
    EXPECT_RESPONSE_BODY,       /* 'from_left' bytes. */
    EXPECT_RESPONSE_CHUNK,
    EXPECT_RESPONSE_CHUNK_DATA, /* 'from_left' bytes, with the CRLF. */
    EXPECT_RESPONSE_TRAILERS,
    EXPECT_SERVER_CLOSE,        /* Until close, or not to be followed. */
};

/* What the next request must wait for. */
enum pp_http_await {
    AWAIT_NOTHING,
    AWAIT_CONNECT,              /* 2xx makes a tunnel (RFC 9110 9.3.6). */
    AWAIT_UPGRADE,              /* 101 changes the protocol (7.8). */
};

/* How content begins: some servers do not read it, where their application
 * does not, and take it for the next request. */
enum pp_http_begins {
    BEGINS_OTHERWISE,
    BEGINS_UNKNOWN,             /* As a request line may; more is to come. */
    BEGINS_AND_ENDS,            /* So, and that was all of it. */
};

/* How far a first line has come that may have a target. */
enum pp_http_line_shape {
    SHAPE_BLANK,
    SHAPE_METHOD,               /* In its first word... */
    SHAPE_SPACE,                /* ...and behind that. */
    SHAPE_TARGET,               /* In its second, so far a target... */
    SHAPE_HAS_TARGET,           /* ...and behind that. */
    SHAPE_OTHER,                /* That was none. */
};

/* What passes that may be a head, up to where it has come. */
struct pp_http_head_shape {
    uint8_t line;               /* enum pp_http_line_shape. */
    uint8_t words;              /* Of its first line, between spaces; 3: more,
                                 * or a CR or LF stands between them. */
    bool spaced : 1;            /* There is a space behind the last one... */
    bool bare : 1;              /* ...or such a CR or LF. */
    bool over : 1;              /* The first line is: CRLF ended it. */
    bool begun : 1;             /* This line has a byte. */
    bool cr : 1;                /* A CR came last. */
};

/* How far a line has come that may be a request's for a server that takes any
 * protocol's version: a word, a target, and a name with two numbers. */
enum pp_http_version_part {     /* Of its last word. */
    PART_NONE,                  /* There is no word. */
    PART_NAME,
    PART_SLASH,
    PART_MAJOR,
    PART_DOT,
    PART_MINOR,
};

struct pp_http_line_words {
    uint8_t part;               /* enum pp_http_version_part. */
    bool spaced : 1;            /* White space is behind the last word... */
    bool target : 1;            /* ...which may be a target, as may... */
    bool has_target : 1;        /* ...the one before it. */
};

/* A connection. */
struct pp_http_conn {
    uint64_t to_left;
    uint64_t from_left;
    uint64_t head_bits;         /* Bit N: the Nth unanswered is a HEAD. */
    uint64_t connect_bits;      /* The same for CONNECT. */

    /* How far parse() has looked, from where the unit starts: no LF from
     * 'line' to 'scan'.  0: it has not. */
    uint32_t scan, line;
    uint32_t from_scan, from_line;

    uint32_t held;              /* Where a held message goes on. */
    uint32_t held_total;        /* Its length once known, or 0. */
    uint16_t held_chunks;
    uint8_t readings;           /* How many of the head at hand passed. */
    bool goes_on;               /* The last one has no end for some servers:
                                 * what is behind it may be more fields. */

    uint8_t to;                 /* enum pp_http_to. */
    uint8_t from;               /* enum pp_http_from. */
    uint8_t await;              /* enum pp_http_await. */
    uint8_t to_reason;          /* With EXPECT_NOTHING. */
    uint8_t unanswered;         /* Requests without a final response. */
    bool started;               /* A byte of the client's has got to the
                                 * server. */
    bool past_start;            /* What may be before the first request has
                                 * passed: empty lines, a PROXY header. */
    bool swallow;               /* What is left of this message must not
                                 * reach the server. */
    bool continue_due;          /* The client of a held message waits for
                                 * 100 (Continue). */
    bool end_due;               /* What ends a chunk's data is still to come,
                                 * before the next chunk's header. */
    bool begun;                 /* Part of the first response was seen. */
    bool replied;               /* The client was sent a byte, by whomever. */
    bool said;                  /* A response, or the beginning of one, was
                                 * seen. */
    bool no_reply;              /* None can be put in any more. */
    bool last_response;         /* The server closes behind this one. */
    bool watched;               /* Servers may tell requests apart in other
                                 * places (http-watch.c)... */
    uint8_t version_begun;      /* ...and the content before ends with as many
                                 * bytes of a version... */
    struct pp_http_line_words words;    /* ...in such a line. */
    uint8_t begins;             /* enum pp_http_begins. */
    uint32_t blanks;            /* BEGINS_UNKNOWN: of the content's line so
                                 * far, which is nothing else. */
    bool foreign;               /* What comes is no request, and passes. */
    struct pp_http_head_shape shape;    /* With 'foreign', of that. */
    bool settings;              /* Before any request the server said what
                                 * HTTP/2 begins with. */
    bool opaque;                /* A tunnel, or another protocol. */
    uint8_t opaque_reason;
};

/* What a look for something came to. */
enum pp_http_found {
    PP_HTTP_FOUND,
    PP_HTTP_MORE,               /* Its end has not arrived. */
    PP_HTTP_TOO_LONG,
    PP_HTTP_TOO_MANY,
    PP_HTTP_MALFORMED,
};

static inline struct pp_span
pp_http_span(size_t start, size_t end)
{
    return (struct pp_span) {
        .off = (uint32_t) start,
        .len = end > start ? (uint32_t) (end - start) : 0,
    };
}

static inline uint32_t
pp_http_span_end(struct pp_span s)
{
    return s.off + s.len;
}

/* The bytes of 's' of 'text'; none where they are not there. */
static inline struct pp_bytes
pp_http_bytes(const struct pp_reader *text, struct pp_span s)
{
    return pp_reader_slice(text, s.off, s.len);
}

/* Offset of the first 'byte' in 's' of 'text', or its end. */
static inline uint32_t
pp_http_find(const struct pp_reader *text, struct pp_span s, uint8_t byte)
{
    struct pp_bytes b = pp_http_bytes(text, s);
    const uint8_t *p = b.n ? memchr(b.p, byte, b.n) : NULL;

    return p ? s.off + (uint32_t) (p - b.p) : pp_http_span_end(s);
}

/* Is there a 'byte' in 's' of 'text'? */
static inline bool
pp_http_has_byte(const struct pp_reader *text, struct pp_span s, uint8_t byte)
{
    return pp_http_find(text, s, byte) < pp_http_span_end(s);
}

/* Is there white space, or a control, in 'b'? */
static inline bool
pp_http_has_blank(struct pp_bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] <= ' ') {
            return true;
        }
    }
    return false;
}

/* Offset of the LF of the first CRLF in 's' of 'text', or its end. */
static inline uint32_t
pp_http_find_crlf(const struct pp_reader *text, struct pp_span s)
{
    uint32_t end = pp_http_span_end(s);
    uint32_t lf = pp_http_find(text, s, '\n');

    while (lf < end && (lf == s.off || pp_reader_peek(text, lf - 1) != '\r')) {
        lf = pp_http_find(text, pp_http_span(lf + 1, end), '\n');
    }
    return lf;
}

static inline bool
pp_http_is_ows(int c)
{
    return c == ' ' || c == '\t';
}

/* White space around a value, the line ends of folded lines among it. */
static inline bool
pp_http_is_space(int c)
{
    return (c <= ' '
            && (c == ' ' || c == '\t' || c == '\r' || c == '\n'));
}

/* 's' without white space on both sides. */
static inline struct pp_span
pp_http_trim(const struct pp_reader *text, struct pp_span s)
{
    struct pp_bytes b = pp_http_bytes(text, s);

    while (b.n && pp_http_is_space(b.p[0])) {
        b.p++;
        b.n--;
        s.off++;
    }
    while (b.n && pp_http_is_space(b.p[b.n - 1])) {
        b.n--;
    }
    return (struct pp_span) { .off = s.off, .len = (uint32_t) b.n };
}

static inline int
pp_http_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static inline bool
pp_http_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* True when the 'n' bytes at 'p' are those of 'word', case ignored.  'word' is
 * of lower-case letters, digits and what is below '@': where it has bit 0x40,
 * the other case is the same but for bit 0x20. */
static inline bool
pp_http_same_word(const uint8_t *p, const char *word, size_t n)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t a, w;

        memcpy(&a, p + i, sizeof a);
        memcpy(&w, word + i, sizeof w);
        if ((a | (w & UINT64_C(0x4040404040404040)) >> 1) != w) {
            return false;
        }
    }
    for (; i + 4 <= n; i += 4) {
        uint32_t a, w;

        memcpy(&a, p + i, sizeof a);
        memcpy(&w, word + i, sizeof w);
        if ((a | (w & UINT32_C(0x40404040)) >> 1) != w) {
            return false;
        }
    }
    for (; i < n; i++) {
        if ((p[i] | (word[i] & 0x40) >> 1) != word[i]) {
            return false;
        }
    }
    return true;
}

/* True when 's' starts with 'word', which is as for pp_http_same_word(). */
static inline bool
pp_http_starts(const struct pp_reader *text, struct pp_span s,
               const char *word)
{
    struct pp_bytes b = pp_http_bytes(text, s);
    size_t n = strlen(word);

    return b.n >= n && pp_http_same_word(b.p, word, n);
}

/* True when 's' is 'word', which is as for pp_http_same_word().  Most are told
 * apart by their lengths, where it is called. */
static inline bool __attribute__((always_inline))
pp_http_equals(const struct pp_reader *text, struct pp_span s,
               const char *word)
{
    return s.len == strlen(word) && pp_http_starts(text, s, word);
}

/* The value of a hexadecimal digit, or -1. */
static inline int
pp_http_hex(int c)
{
    int l = pp_http_lower(c);

    return pp_http_is_digit(c) ? c - '0'
           : l >= 'a' && l <= 'f' ? l - 'a' + 10
           : -1;
}

/* pp-http.c. */
extern const struct pp_proxy pp_proxy_http;

/* http-head.c. */
struct pp_span pp_http_name(const struct pp_reader *,
                            const struct pp_http_field *);
struct pp_span pp_http_raw_name(const struct pp_http_field *);
struct pp_span pp_http_value(const struct pp_reader *,
                             const struct pp_http_field *);
struct pp_span pp_http_raw_value(const struct pp_http_field *);
struct pp_span pp_http_first_value(const struct pp_reader *,
                                   const struct pp_http_fields *,
                                   enum pp_http_id);
bool pp_http_starts_request(const struct pp_reader *);

/* A byte that is no part of a name for a server that takes it for white
 * space, or takes no notice of it. */
static inline bool
pp_http_wraps(int c)
{
    return c >= 0 && (c <= ' ' || c >= 0x7f);
}

/* Of http-watch.c.  What 'odd' of a head, and of a chunk, is to be. */
enum pp_http_odd pp_http_head_odd(const struct pp_reader *,
                                  const struct pp_http_head *);
bool pp_http_chunk_is_odd(const struct pp_reader *,
                          const struct pp_http_chunk *);
/* The same of trailers, which are from 'pos' to 'end'. */
bool pp_http_trailers_are_odd(const struct pp_reader *, size_t pos,
                              size_t end);

/* Where a mark of a request line starts from 'pos' on that is whole before
 * 'end', or with 'versions' one that is a version's; 'end': nowhere. */
size_t pp_http_watch_find(const struct pp_reader *, size_t pos, size_t end,
                          bool versions);
/* Is there one that is whole from 'pos' to 'end', or a line as for
 * pp_http_watch_words()? */
bool pp_http_watch_has_mark(const struct pp_reader *, size_t pos, size_t end,
                            bool versions);
/* How many bytes before 'end', and not before 'pos', one may start with. */
size_t pp_http_watch_pending(const struct pp_reader *, size_t pos,
                             size_t end);
/* With 'begun' bytes of one before 'pos', is the rest there? */
bool pp_http_watch_continues(const struct pp_reader *, size_t pos,
                             size_t begun);
/* The end of what is from 'pos' to 'end' that may be before a request line. */
size_t pp_http_watch_blanks(const struct pp_reader *, size_t pos, size_t end);
/* Where the LF stands, from 'pos' to 'end', that ends a first line whose
 * second word is a path or a URL, or a head whose first line has two words of
 * any kind; or 'end'.  'shape' is of what is before 'pos', and then of what is
 * before that.  Of what begins with random bytes one of 10,000 has such a
 * line. */
size_t pp_http_watch_shape(const struct pp_reader *, size_t pos, size_t end,
                           struct pp_http_head_shape *shape);
/* Where the LF stands, from 'pos' to 'end', that ends a line which has a
 * target for its last word but one, and for its last a version, of whatever
 * protocol; or 'end'.  'words' is of the line that is before 'pos', and then
 * of the one before what is returned. */
size_t pp_http_watch_words(const struct pp_reader *, size_t pos, size_t end,
                           struct pp_http_line_words *words);
/* Has a line from 'pos' to 'end' a path or a URL for its second word? */
bool pp_http_watch_target(const struct pp_reader *, size_t pos, size_t end);
/* May a server that does not speak TLS find a request in the ClientHello that
 * the first 'n' bytes look like? */
bool pp_http_watch_hello(const struct pp_reader *, size_t n);
/* Do the bytes from 'pos' to 'end' begin with a request line?  'all': content
 * ends there.  PP_HTTP_MORE: what follows may tell; else PP_HTTP_FOUND or
 * PP_HTTP_MALFORMED. */
enum pp_http_found pp_http_watch_begins(const struct pp_reader *, size_t pos,
                                        size_t end, bool all);
/* May 'head' be the rest of another for some, or hide one? */
bool pp_http_watch_head(const struct pp_http_conn *, const struct pp_reader *,
                        const struct pp_http_head *);

bool pp_http_line_end(const struct pp_reader *, size_t pos, size_t *end,
                      uint8_t *ending);
enum pp_http_found pp_http_fields_parse(const struct pp_reader *, size_t pos,
                                        bool eof, struct pp_http_fields *);
enum pp_http_found pp_http_head_parse(const struct pp_reader *, size_t pos,
                                      bool eof, struct pp_http_head *);
size_t pp_http_head_end(const struct pp_reader *, size_t pos, bool eof,
                        uint32_t *scan, uint32_t *line);
enum pp_http_found pp_http_head_find(const struct pp_reader *, size_t pos,
                                     bool eof, uint32_t *scan, uint32_t *line,
                                     struct pp_http_head *);
void pp_http_framing(const struct pp_reader *, const struct pp_http_fields *,
                     struct pp_http_framing *);
bool pp_http_target_has_space(const struct pp_reader *,
                              const struct pp_http_head *);
void pp_http_target_ends(const struct pp_reader *, struct pp_http_head *);
bool pp_http_has_token(const struct pp_reader *,
                       const struct pp_http_fields *, enum pp_http_id,
                       const char *token);

/* http-preface.c. */
uint32_t pp_http_preface(const struct pp_reader *);
enum pp_http_found pp_http_proxy_header(const struct pp_reader *,
                                        uint32_t *n);

/* http-response.c. */
bool pp_http_speaks(const struct pp_view *);

/* http-chunk.c. */
enum pp_http_found pp_http_chunk_parse(const struct pp_reader *, size_t pos,
                                       bool before, bool eof, uint32_t *scan,
                                       struct pp_http_chunk *);

/* http-request.c. */
struct pp_parse pp_http_parse_to(struct pp_http_conn *,
                                 struct pp_http_scratch *, uint32_t wants,
                                 const struct pp_view *);
void pp_http_commit_to(struct pp_http_conn *, const struct pp_msg *,
                       enum pp_outcome);
bool pp_http_go_on(void *conn);

/* http-response.c. */
struct pp_parse pp_http_parse_from(struct pp_http_conn *,
                                   struct pp_http_scratch *, uint32_t wants,
                                   const struct pp_view *);
void pp_http_commit_from(struct pp_http_conn *, const struct pp_msg *);
void pp_http_msg_init(struct pp_http_scratch *, const struct pp_view *,
                      enum pp_http_event);

/* http-body.c. */
enum pp_http_form_type pp_http_form_type(const struct pp_reader *,
                                         const struct pp_http_head *);
struct pp_span pp_http_media_type(const struct pp_reader *,
                                  const struct pp_http_head *);
enum pp_http_found pp_http_body_parse(struct pp_http_msg *, bool eof);
uint32_t pp_http_body_to_view(const struct pp_http_msg *, uint32_t off,
                              bool end);

/* http-lists.c. */
const struct pp_http_list *pp_http_list(const struct pp_msg *,
                                        enum pp_http_list_id);
const struct pp_reader *pp_http_list_text(const struct pp_http_msg *,
                                          enum pp_http_list_id);
struct pp_span pp_http_unquote(const struct pp_reader *, struct pp_span);
struct pp_http_item *pp_http_list_add(struct pp_http_list *);
void pp_http_split_params(const struct pp_reader *, struct pp_span,
                          struct pp_http_list *);
void pp_http_split_attributes(const struct pp_reader *, struct pp_span,
                              struct pp_http_list *);

enum pp_http_list_id pp_http_list_of(unsigned int field);

/* http-multipart.c. */
void pp_http_multipart(struct pp_http_msg *, struct pp_http_list *);

/* http-fields.c. */
extern const struct pp_field pp_http_field_table[];
bool pp_http_field_there(const struct pp_http_msg *, unsigned int field);
struct pp_span pp_http_host(const struct pp_reader *,
                            const struct pp_http_head *);
bool pp_http_get(const struct pp_msg *, unsigned int field,
                 struct pp_arena *, struct pp_value *);
bool pp_http_get_elem(const struct pp_msg *, unsigned int field,
                      uint32_t index, unsigned int sub, struct pp_arena *,
                      struct pp_value *);
bool pp_http_get_all(const struct pp_msg *, unsigned int field,
                     unsigned int sub, uint32_t n, struct pp_arena *,
                     struct pp_bytes *values);

/* http-locate.c. */
bool pp_http_locate(const struct pp_msg *, unsigned int field, uint32_t index,
                    int sub, struct pp_span *value, struct pp_span *extent);

/* http-reframe.c. */
bool pp_http_reframe(const struct pp_msg *, struct pp_edits *);

/* http-refuse.c. */
void pp_http_refuse(const void *conn, const struct pp_msg *,
                    const struct pp_reply *, struct pp_buf *, bool *close);

#endif /* pp-http.h */
