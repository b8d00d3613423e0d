/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_LDAP_H
#define PP_LDAP_H 1

/* The LDAP proxy, inside: what its files share.
 *
 *     pp-ldap.c         the entry: tables of the contract, connection state
 *     ldap-request.c    to the server: which unit comes next
 *     ldap-response.c   from the server: which reply belongs to what
 *     ldap-decode.c     a message: its operation and its controls
 *     ldap-filter.c     search filters
 *     ldap-field-table.c    what patches may name
 *     ldap-fields.c     its values
 *     ldap-locate.c     where a field stands
 *     ldap-reframe.c    lengths after an edit
 *     ldap-refuse.c     replies in the server's name
 *
 * Everything is read with pp_reader.  Spans are offsets into the view.
 *
 * A message is decoded by position, as LDAP servers do: what comes next
 * starts where the last thing read ended, whatever the lengths around it say.
 * For messages that are well-formed it is all the same; in others, what the
 * server makes of them counts.
 *
 * "RFC 4511 4.5" in these files means section 4.5 of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-ber.h"
#include "pp-proxy.h"
#include "pp-reader.h"

/* Limits.  A message longer than the first is PP_PARSE_BAD; OpenLDAP ends
 * connections at 16 MB in any case. */
#define PP_LDAP_MESSAGE_MAX INT32_MAX   /* Bytes. */

/* Of a longer one no more than this is looked at: all that may be held. */
#define PP_LDAP_LOOK_MAX PP_HOLD_MAX

/* The bytes in which a message's id and operation must show themselves. */
#define PP_LDAP_PREFIX_MAX 1024

/* A search that no patch looks at is decoded, for its controls, if it is no
 * longer than this. */
#define PP_LDAP_PEEK_MAX 4096

/* An element has two octets at least: that many are in the longest message
 * looked at, and as deep may filters be nested.  Neither limit can be
 * reached. */
#define PP_LDAP_ITEMS_MAX (PP_LDAP_LOOK_MAX / 2)
#define PP_LDAP_DEPTH_MAX PP_LDAP_ITEMS_MAX

/* A number in more octets is none of LDAP's (maxInt, RFC 4511 4.1.1), and is
 * read as -1: OpenLDAP cannot read it either. */
#define PP_LDAP_INT_OCTETS_MAX 4

/* Requests without a reply that are kept in mind. */
#define PP_LDAP_PENDING_MAX 16

/* Bytes of a root DSE that is read. */
#define PP_LDAP_ROOT_DSE_MAX (16 * 1024)

/* Bytes kept of the name that a connection is bound to. */
#define PP_LDAP_NAME_MAX 96

/* Places where edits stand, and elements whose lengths they change. */
#define PP_LDAP_PLACES_MAX PP_EDITS_MAX
#define PP_LDAP_TOUCHED_MAX PP_EDITS_MAX

/* Leniencies: what some servers accept although RFC 4511 does not.  Each has
 * a field that shows it, a paragraph in ovs-patchpoint-ldap(7), and a vector
 * of its name in tests/unit/test-ldap.c. */
enum pp_ldap_leniency {
    PP_LDAP_LONG_LENGTH = true,     /* "04 81 01" for "04 01" (allowed by
                                     * RFC 4511 5.1, but not DER). */
    PP_LDAP_ANY_TAG = true,         /* A string is one whatever its tag. */
    PP_LDAP_BY_POSITION = true,     /* Lengths around elements need not agree
                                     * with what is in them. */
    PP_LDAP_TRAILING = true,        /* Bytes behind the controls. */
};

/* Indexes into the proxy's 'reasons'. */
enum pp_ldap_reason {
    PP_LDAP_R_NOT_LDAP,         /* First byte of no LDAPMessage. */
    PP_LDAP_R_LENGTH,           /* Its length is not to be read. */
    PP_LDAP_R_TOO_LONG,
    PP_LDAP_R_ENCODING,         /* Not as RFC 4511 5.1 wants it: what some
                                 * servers read is not known. */
    PP_LDAP_R_TLS,              /* From here on: opaque. */
    PP_LDAP_R_STARTTLS,
    PP_LDAP_R_SASL_LAYER,
};

enum pp_ldap_event {
    PP_LDAP_E_BIND,
    PP_LDAP_E_UNBIND,
    PP_LDAP_E_SEARCH,
    PP_LDAP_E_MODIFY,
    PP_LDAP_E_ADD,
    PP_LDAP_E_DELETE,
    PP_LDAP_E_MODIFY_DN,
    PP_LDAP_E_COMPARE,
    PP_LDAP_E_ABANDON,
    PP_LDAP_E_EXTENDED,
    PP_LDAP_E_OTHER,
    PP_LDAP_N_EVENTS
};

/* Tags of operations (RFC 4511 4.2 to 4.12), as identifier octets. */
enum pp_ldap_tag {
    PP_LDAP_T_BIND = 0x60,
    PP_LDAP_T_BIND_RESPONSE = 0x61,
    PP_LDAP_T_UNBIND = 0x42,
    PP_LDAP_T_SEARCH = 0x63,
    PP_LDAP_T_SEARCH_ENTRY = 0x64,
    PP_LDAP_T_SEARCH_DONE = 0x65,
    PP_LDAP_T_MODIFY = 0x66,
    PP_LDAP_T_MODIFY_RESPONSE = 0x67,
    PP_LDAP_T_ADD = 0x68,
    PP_LDAP_T_ADD_RESPONSE = 0x69,
    PP_LDAP_T_DELETE = 0x4a,
    PP_LDAP_T_DELETE_RESPONSE = 0x6b,
    PP_LDAP_T_MODIFY_DN = 0x6c,
    PP_LDAP_T_MODIFY_DN_RESPONSE = 0x6d,
    PP_LDAP_T_COMPARE = 0x6e,
    PP_LDAP_T_COMPARE_RESPONSE = 0x6f,
    PP_LDAP_T_ABANDON = 0x50,
    PP_LDAP_T_EXTENDED = 0x77,
    PP_LDAP_T_EXTENDED_RESPONSE = 0x78,
    PP_LDAP_T_CONTROLS = 0xa0,
};

/* Tags of filters (RFC 4511 4.5.1.7). */
enum pp_ldap_filter_tag {
    PP_LDAP_F_AND = 0xa0,
    PP_LDAP_F_OR = 0xa1,
    PP_LDAP_F_NOT = 0xa2,
    PP_LDAP_F_EQUALITY = 0xa3,
    PP_LDAP_F_SUBSTRINGS = 0xa4,
    PP_LDAP_F_GREATER = 0xa5,
    PP_LDAP_F_LESS = 0xa6,
    PP_LDAP_F_PRESENT = 0x87,
    PP_LDAP_F_APPROX = 0xa8,
    PP_LDAP_F_EXTENSIBLE = 0xa9,
};

/* Result codes that mean something to the proxy itself. */
#define PP_LDAP_SUCCESS 0

/* An element's content, and where its header is. */
struct pp_ldap_part {
    struct pp_span content;
    uint8_t header;             /* Octets of it, before the content; 0: the
                                 * element is not there. */
};

/* An element of a list. */
struct pp_ldap_item {
    struct pp_span raw;         /* All of it. */
    struct pp_ldap_part name;   /* Attribute description, or OID. */
    struct pp_ldap_part value;
    struct pp_ldap_part rule;   /* Matching rule. */
    uint32_t owner;             /* Values: the change; pieces: the filter. */
    uint32_t count;             /* Changes: values; filters: how deep. */
    int64_t number;             /* Changes: the operation; filters, pieces:
                                 * the tag. */
    bool flag;                  /* Controls: critical; filters: dnAttributes;
                                 * sort keys: reverse. */
};

enum pp_ldap_list_id {
    PP_LDAP_L_FILTERS,
    PP_LDAP_L_PIECES,           /* Of substrings. */
    PP_LDAP_L_ATTRIBUTES,       /* Asked for by a search. */
    PP_LDAP_L_CHANGES,
    PP_LDAP_L_VALUES,
    PP_LDAP_L_CONTROLS,
    PP_LDAP_L_SORT_KEYS,
    PP_LDAP_L_RETURN_FILTERS,
    PP_LDAP_N_LISTS             /* None. */
};

/* A list: some of the scratch memory's items.  Those that are found while
 * another list's are have the end of it to themselves, and grow down. */
struct pp_ldap_list {
    uint32_t first, n;
    bool down;
};

/* A unit, decoded. */
struct pp_ldap_msg {
    struct pp_reader text;      /* The view. */
    struct pp_ldap_scratch *scratch;
    enum pp_ldap_event event;
    uint64_t total;             /* Length of the whole message. */
    bool truncated;             /* It is longer than what is looked at. */
    bool malformed;             /* No server can decode it to its end. */
    bool minimal;               /* No length octets are longer than need be. */
    bool consistent;            /* Lengths agree with what is in elements. */
    bool tags;                  /* All tags are RFC 4511's. */
    bool odd;                   /* There is an indefinite length, a string in
                                 * pieces, or a header that cannot be read:
                                 * RFC 4511 5.1 rules them out, and what some
                                 * server makes of them is not known. */
    uint32_t trailing;          /* Bytes behind the controls. */

    struct pp_ber outer;        /* LDAPMessage. */
    struct pp_ber op;           /* The operation. */
    struct pp_ber controls;     /* Where there are any. */
    int64_t id;

    struct pp_ldap_part dn;     /* What the operation is about; bind: who. */
    struct pp_ldap_part name;   /* Bind: mechanism; compare: attribute;
                                 * extended: OID; modify DN: new RDN. */
    struct pp_ldap_part value;  /* Bind: password, credentials; compare;
                                 * extended; modify DN: new superior. */
    int64_t version;            /* Bind. */
    uint32_t method;            /* Bind: tag of the choice. */
    int64_t target;             /* Abandon, cancel: message id, or -1. */
    int64_t scope, deref, size_limit, time_limit;
    bool types_only;            /* Search. */
    bool delete_old;            /* Modify DN. */
    struct pp_span filter;
    uint32_t depth;             /* Of the filter. */
    uint32_t empty_sets;
    int64_t assertion_depth;    /* The same of an assertion control's, or
                                 * -1. */
    bool paged;                 /* RFC 2696. */
    int64_t paged_size;
    struct pp_span paged_cookie;

    struct pp_ldap_list lists[PP_LDAP_N_LISTS];
    uint32_t up, down;          /* Items taken from either end. */
    unsigned int n_places;
};

/* Where a field that locate() was asked for stands: what tells an edit at the
 * end of one element from one at the start of the next. */
struct pp_ldap_place {
    struct pp_span value, extent;
    uint32_t element;           /* Offset of the element. */
    bool value_inside;          /* The span is of its content ... */
    bool extent_inside;         /* ... not of the element itself. */
};

/* An element whose length changes. */
struct pp_ldap_touched {
    struct pp_ber e;
    int64_t delta;
};

struct pp_ldap_scratch {
    struct pp_ldap_msg msg;
    struct pp_ldap_item items[PP_LDAP_ITEMS_MAX];
    struct pp_ldap_item unlisted;       /* Of no list. */
    uint32_t ends[PP_LDAP_DEPTH_MAX + 1];       /* Of open filters. */
    struct pp_ldap_place places[PP_LDAP_PLACES_MAX];
    struct pp_ldap_touched touched[PP_LDAP_TOUCHED_MAX];
};

/* To the server: what is expected next. */
enum pp_ldap_to {
    EXPECT_MESSAGE,             /* RFC 4511 4.1.1. */
    EXPECT_REST,                /* 'to_left' bytes of one. */
    EXPECT_NOTHING,             /* Bad: 'to_reason'. */
};

/* From the server: what is expected next. */
enum pp_ldap_from {
    EXPECT_RESPONSE,
    EXPECT_RESPONSE_END,        /* The last byte of one. */
    EXPECT_LOST,                /* Not to be followed. */
};

/* What the next request must wait for. */
enum pp_ldap_await {
    AWAIT_NOTHING,
    AWAIT_BIND,                 /* RFC 4511 4.2.1. */
    AWAIT_STARTTLS,             /* RFC 4511 4.14.1. */
    AWAIT_TLS,                  /* The client has begun like TLS. */
};

/* A connection. */
struct pp_ldap_conn {
    uint32_t to_left;
    int64_t await_id;           /* The message whose reply is awaited. */
    int64_t pending[PP_LDAP_PENDING_MAX];       /* Ids without a reply. */

    /* The response whose last byte is still to come. */
    int64_t from_id, from_code;
    uint32_t from_tag;

    uint8_t n_pending;
    uint8_t to;                 /* enum pp_ldap_to. */
    uint8_t from;               /* enum pp_ldap_from. */
    uint8_t await;              /* enum pp_ldap_await. */
    uint8_t to_reason;          /* With EXPECT_NOTHING. */
    uint8_t opaque_reason;
    bool opaque;
    bool started;               /* A message came from the client. */
    bool swallow;               /* What is left of this message must not
                                 * reach the server. */
    bool from_begun;            /* Part of a response was seen. */
    bool said;                  /* The root DSE was seen. */
    bool layer_asked;           /* The last bind's mechanism may put a layer
                                 * between (RFC 4513 5.2.1). */
    bool layer;                 /* It succeeded. */
    bool tls_agreed;            /* So did StartTLS, by what is known. */
    bool bound;                 /* To 'name', or by SASL. */
    bool bound_sasl;
    bool bind_sasl;             /* The last bind is by SASL. */
    uint8_t name_len;
    uint8_t bind_version;       /* Of the last bind; 0: none. */
    char name[PP_LDAP_NAME_MAX];
};

/* ldap-request.c */
struct pp_parse pp_ldap_parse_to(struct pp_ldap_conn *,
                                 struct pp_ldap_scratch *, uint32_t wants,
                                 const struct pp_view *);
void pp_ldap_commit_to(struct pp_ldap_conn *, const struct pp_msg *,
                       enum pp_outcome);

/* Request 'id' will not be answered any more. */
void pp_ldap_pending_remove(struct pp_ldap_conn *, int64_t id);

/* ldap-response.c */
bool pp_ldap_speaks(const struct pp_view *);
struct pp_parse pp_ldap_parse_from(struct pp_ldap_conn *,
                                   const struct pp_view *);

/* ldap-decode.c */

/* What the start of a message shows. */
struct pp_ldap_prefix {
    struct pp_ber outer;
    struct pp_ber op;
    int64_t id;
    bool whole;                 /* Id and operation could be read. */
    bool odd;                   /* See struct pp_ldap_msg. */
};

enum pp_ldap_found {
    PP_LDAP_FOUND,
    PP_LDAP_MORE,
    PP_LDAP_NOT_LDAP,
    PP_LDAP_BAD_LENGTH,
    PP_LDAP_TOO_LONG,
};

/* Reads the start of the message at 'pos' of 'text'. */
enum pp_ldap_found pp_ldap_prefix(const struct pp_reader *text, uint32_t pos,
                                  struct pp_ldap_prefix *);

/* The same at the start of 'text', where another first byte stands, which some
 * servers do not look at: 'not LDAP' unless there is a known operation. */
enum pp_ldap_found pp_ldap_prefix_odd(const struct pp_reader *text,
                                      struct pp_ldap_prefix *);

/* The event of an operation. */
enum pp_ldap_event pp_ldap_event_of(uint32_t tag);

/* Decodes the message at the start of 'view', as far as it is there; all of
 * it is, but for one longer than PP_LDAP_LOOK_MAX. */
void pp_ldap_decode(struct pp_ldap_scratch *, const struct pp_view *,
                    const struct pp_ldap_prefix *);

/* The text of 's' in 'text'. */
struct pp_bytes pp_ldap_bytes(const struct pp_reader *text, struct pp_span s);

/* True when 's' of 'text' is 'word', with 'nocase' whatever the case. */
bool pp_ldap_is(const struct pp_reader *text, struct pp_span s,
                const char *word, bool nocase);

/* A walk through a message by position. */
struct pp_ldap_walk {
    struct pp_ldap_msg *m;
    struct pp_reader r;
    uint64_t limit;             /* Offset where the message ends, which may
                                 * be behind what there is. */
    bool failed;                /* No further. */
};

/* The next element's tag, or 0 where there is none that fits. */
uint32_t pp_ldap_peek(const struct pp_ldap_walk *);

/* Reads the next element's header, and goes behind it (enter) or behind the
 * element (take), which must fit.  'tag' is what RFC 4511 wants, or 0.
 * False: there is none. */
bool pp_ldap_enter(struct pp_ldap_walk *, uint32_t tag, struct pp_ber *);
bool pp_ldap_take(struct pp_ldap_walk *, uint32_t tag,
                  struct pp_ldap_part *);
bool pp_ldap_take_int(struct pp_ldap_walk *, uint32_t tag, int64_t *);

/* Says that 'e', which was entered, is over here. */
void pp_ldap_leave(struct pp_ldap_walk *, const struct pp_ber *);

/* Ends the walk: what is there is not to be decoded. */
bool pp_ldap_fail(struct pp_ldap_walk *);

/* A new item of a list, or of none, cleared; NULL and a failed walk if there
 * is no room, which cannot be. */
struct pp_ldap_item *pp_ldap_new(struct pp_ldap_walk *,
                                 enum pp_ldap_list_id);

/* The item ends here.  One that is not all there is none. */
void pp_ldap_item_end(struct pp_ldap_walk *, enum pp_ldap_list_id,
                      struct pp_ldap_item *);

/* ldap-filter.c */

/* Reads a Filter (RFC 4511 4.5.1.7), and the filters in it into a list, or
 * nowhere.  Returns how many sets and nots the deepest stands in. */
uint32_t pp_ldap_filter(struct pp_ldap_walk *, enum pp_ldap_list_id);

/* Reads a ValuesReturnFilter (RFC 3876 2): like a Filter's set, not
 * nested. */
void pp_ldap_return_filter(struct pp_ldap_walk *);

/* ldap-field-table.c, ldap-fields.c */
extern const struct pp_field pp_ldap_field_table[];
bool pp_ldap_field_there(const struct pp_ldap_msg *, unsigned int field);
enum pp_ldap_list_id pp_ldap_list_of(unsigned int field);
bool pp_ldap_get(const struct pp_msg *, unsigned int field,
                 struct pp_arena *, struct pp_value *);
bool pp_ldap_get_elem(const struct pp_msg *, unsigned int field,
                      uint32_t index, unsigned int sub, struct pp_arena *,
                      struct pp_value *);

/* ldap-locate.c, ldap-reframe.c, ldap-refuse.c */
bool pp_ldap_locate(const struct pp_msg *, unsigned int field,
                    uint32_t index, int sub, struct pp_span *value,
                    struct pp_span *extent);
bool pp_ldap_reframe(const struct pp_msg *, struct pp_edits *);
void pp_ldap_refuse(const void *conn, const struct pp_msg *,
                    const struct pp_reply *, struct pp_buf *, bool *close);

extern const struct pp_proxy pp_proxy_ldap;

/* Inlines. */

static inline struct pp_ldap_item *
pp_ldap_item(const struct pp_ldap_msg *m, enum pp_ldap_list_id id,
             uint32_t index)
{
    const struct pp_ldap_list *list = &m->lists[id];

    return &m->scratch->items[list->down ? list->first - index
                                         : list->first + index];
}

/* The whole element of 'part'. */
static inline struct pp_span
pp_ldap_whole(struct pp_ldap_part part)
{
    return (struct pp_span) {
        .off = part.content.off - part.header,
        .len = part.content.len + part.header,
    };
}

#endif /* pp-ldap.h */
