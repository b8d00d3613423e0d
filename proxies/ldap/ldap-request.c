/* SPDX-License-Identifier: Apache-2.0 */

/* To the server: which unit comes next, and what its fate means for what
 * follows.
 *
 * In: views of the client's bytes, and the fate of each unit.  Out: units,
 * and counts of bytes that nobody looks at.  Runs in the engine's data
 * threads; owns the to-server half of struct pp_ldap_conn.
 *
 * A unit is a message.  One that no patch looks at goes by count, when it has
 * shown what operation it is; binds and extended operations are decoded in
 * any case, for what they mean to the messages behind them. */

#include <config.h>

#include "pp-ldap.h"
#include "pp-tls.h"

#include <string.h>

#define OID_STARTTLS "1.3.6.1.4.1.1466.20037"           /* RFC 4511 4.14. */

/* Controls that let a search go on without end. */
static const char *const lasting_controls[] = {
    "1.3.6.1.4.1.4203.1.9.1.1",         /* RFC 4533, refreshAndPersist. */
    "2.16.840.1.113730.3.4.3",          /* Persistent search. */
    "1.2.840.113556.1.4.528",           /* Active Directory notification. */
};

/* Mechanisms that may put a layer between (RFC 4513 5.2.1, RFC 4752, RFC
 * 2831). */
static const char *const layer_mechanisms[] = {
    "GSSAPI",
    "GSS-SPNEGO",
    "DIGEST-MD5",
    "KERBEROS_V4",
    "NTLM",
    "SRP",
};

/* One call of parse(). */
struct to_call {
    struct pp_ldap_conn *conn;
    struct pp_ldap_scratch *scratch;
    const struct pp_view *view;
    struct pp_reader text;
    uint32_t wants;
};

/* Results. */

static struct pp_parse
result_more(uint64_t needed)
{
    return (struct pp_parse) {
        .status = PP_PARSE_MORE, .needed = (uint32_t) needed,
    };
}

static struct pp_parse
result_skip(uint64_t count, bool swallow)
{
    return (struct pp_parse) {
        .status = PP_PARSE_SKIP, .count = count, .swallow = swallow,
    };
}

/* It is no LDAP; but what a client brings about in the midst of it, and some
 * server may read all the same, must not go by. */
static struct pp_parse
result_bad(struct pp_ldap_conn *conn, enum pp_ldap_reason reason)
{
    bool other = (reason == PP_LDAP_R_NOT_LDAP
                  && (!conn->started || conn->from == EXPECT_LOST));

    conn->to = EXPECT_NOTHING;
    conn->to_reason = (uint8_t) reason;
    return (struct pp_parse) {
        .status = other ? PP_PARSE_BAD : PP_PARSE_TOO_MUCH,
        .reason = (uint16_t) reason,
    };
}

static struct pp_parse
result_opaque(struct pp_ldap_conn *conn, enum pp_ldap_reason reason)
{
    conn->opaque = true;
    conn->opaque_reason = (uint8_t) reason;
    return (struct pp_parse) {
        .status = PP_PARSE_OPAQUE, .reason = (uint16_t) reason,
    };
}

/* What messages mean for the connection. */

/* See pp-ldap.h. */
void
pp_ldap_pending_remove(struct pp_ldap_conn *conn, int64_t id)
{
    uint8_t i, n = 0;

    for (i = 0; i < conn->n_pending; i++) {
        if (conn->pending[i] != id) {
            conn->pending[n++] = conn->pending[i];
        }
    }
    conn->n_pending = n;
}

/* Request 'id' is to be answered.  Of very many only the first are kept in
 * mind. */
static void
pending_add(struct pp_ldap_conn *conn, int64_t id)
{
    if (conn->n_pending < PP_LDAP_PENDING_MAX) {
        conn->pending[conn->n_pending++] = id;
    }
}

static bool
is_one_of(const struct pp_reader *text, struct pp_span s,
          const char *const *words, size_t n, bool nocase)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (pp_ldap_is(text, s, words[i], nocase)) {
            return true;
        }
    }
    return false;
}

/* True for a search that may be answered for as long as it pleases. */
static bool
is_lasting(const struct pp_ldap_msg *m)
{
    uint32_t i;

    for (i = 0; i < m->lists[PP_LDAP_L_CONTROLS].n; i++) {
        const struct pp_ldap_item *c
            = pp_ldap_item(m, PP_LDAP_L_CONTROLS, i);

        if (is_one_of(&m->text, c->name.content, lasting_controls,
                      sizeof lasting_controls / sizeof *lasting_controls,
                      false)) {
            return true;
        }
    }
    return m->truncated;
}

/* RFC 4511 4.2.1: the server gives up what it was at, and takes the client
 * for nobody until it has answered. */
static void
bind_passed(struct pp_ldap_conn *conn, const struct pp_ldap_msg *m)
{
    struct pp_bytes name = pp_ldap_bytes(&m->text, m->dn.content);

    conn->n_pending = 0;
    conn->bound = conn->bound_sasl = false;
    conn->bind_sasl = m->method == 0xa3;
    conn->bind_version = (uint8_t) (m->version > 0 && m->version < 256
                                    ? m->version : 0);
    conn->layer = false;
    conn->layer_asked
        = conn->bind_sasl
          && is_one_of(&m->text, m->name.content, layer_mechanisms,
                       sizeof layer_mechanisms / sizeof *layer_mechanisms,
                       true);
    conn->name_len = (uint8_t) (name.n < PP_LDAP_NAME_MAX ? name.n
                                : PP_LDAP_NAME_MAX);
    if (conn->name_len) {
        memcpy(conn->name, name.p, conn->name_len);
    }
    conn->await = AWAIT_BIND;
    conn->await_id = m->id;
    pending_add(conn, m->id);
}

/* The message went on to the server. */
static void
message_passed(struct pp_ldap_conn *conn, const struct pp_ldap_msg *m)
{
    conn->started = true;
    switch (m->event) {
    case PP_LDAP_E_BIND:
        bind_passed(conn, m);
        break;
    case PP_LDAP_E_EXTENDED:
        if (pp_ldap_is(&m->text, m->name.content, OID_STARTTLS, false)) {
            conn->await = AWAIT_STARTTLS;
            conn->await_id = m->id;
        }
        pending_add(conn, m->id);
        break;
    case PP_LDAP_E_ABANDON:
        pp_ldap_pending_remove(conn, m->target);
        break;
    case PP_LDAP_E_SEARCH:
        if (!is_lasting(m)) {
            pending_add(conn, m->id);
        }
        break;
    case PP_LDAP_E_MODIFY:
    case PP_LDAP_E_ADD:
    case PP_LDAP_E_DELETE:
    case PP_LDAP_E_MODIFY_DN:
    case PP_LDAP_E_COMPARE:
        pending_add(conn, m->id);
        break;
    case PP_LDAP_E_UNBIND:
    case PP_LDAP_E_OTHER:
    case PP_LDAP_N_EVENTS:
        break;
    }
}

/* 'there' bytes of a message of 'total' are decided. */
static void
expect_rest(struct pp_ldap_conn *conn, uint64_t total, uint64_t there)
{
    conn->to = total > there ? EXPECT_REST : EXPECT_MESSAGE;
    conn->to_left = (uint32_t) (total - there);
    if (conn->to == EXPECT_MESSAGE) {
        conn->swallow = false;
    }
}

/* Messages. */

/* True for an operation that the proxy itself has to see. */
static bool
is_needed(enum pp_ldap_event event, uint64_t total)
{
    return event == PP_LDAP_E_BIND || event == PP_LDAP_E_EXTENDED
           || event == PP_LDAP_E_ABANDON
           || (event == PP_LDAP_E_SEARCH && total <= PP_LDAP_PEEK_MAX);
}

/* A message that only its start was looked at of. */
static struct pp_parse
message_unseen(struct to_call *call, const struct pp_ldap_prefix *prefix,
               enum pp_ldap_event event)
{
    struct pp_ldap_msg m = { .event = event, .id = prefix->id };

    m.truncated = event == PP_LDAP_E_SEARCH;
    message_passed(call->conn, &m);
    return result_skip(pp_ber_end(&prefix->outer), false);
}

/* EXPECT_MESSAGE, the start of one. */
static struct pp_parse
message_found(struct to_call *call, const struct pp_ldap_prefix *prefix)
{
    enum pp_ldap_event event = prefix->whole
                               ? pp_ldap_event_of(prefix->op.tag)
                               : PP_LDAP_E_OTHER;
    bool wanted = call->wants & UINT32_C(1) << event;
    uint64_t total = pp_ber_end(&prefix->outer);
    uint32_t look = total < PP_LDAP_LOOK_MAX ? (uint32_t) total
                                             : PP_LDAP_LOOK_MAX;

    if (prefix->odd && call->wants) {
        return result_bad(call->conn, PP_LDAP_R_ENCODING);
    }
    if (!wanted && !is_needed(event, total)) {
        return message_unseen(call, prefix, event);
    }
    if (call->text.end < look) {
        return result_more(look - call->text.end);
    }
    pp_ldap_decode(call->scratch, call->view, prefix);
    if (wanted && call->scratch->msg.odd) {
        return result_bad(call->conn, PP_LDAP_R_ENCODING);
    }
    if (!wanted) {
        message_passed(call->conn, &call->scratch->msg);
        return result_skip(total, false);
    }
    return (struct pp_parse) {
        .status = PP_PARSE_MESSAGE, .start = 0, .end = look,
    };
}

/* A first byte that TLS begins with, too. */
static struct pp_parse
step_tls(struct to_call *call)
{
    struct pp_ldap_conn *conn = call->conn;
    int32_t n = pp_tls_hello(&call->text, 0);

    if (n <= 0) {
        return n ? result_bad(conn, PP_LDAP_R_NOT_LDAP) : result_more(0);
    }
    conn->started = true;
    conn->await = AWAIT_TLS;
    return result_skip((uint64_t) n, false);
}

/* EXPECT_MESSAGE. */
static struct pp_parse
step_message(struct to_call *call)
{
    struct pp_ldap_conn *conn = call->conn;
    int first = pp_reader_peek(&call->text, 0);
    int begins;
    struct pp_ldap_prefix prefix;
    enum pp_ldap_found found;

    if (first < 0) {
        return result_more(0);
    }
    if (conn->await != AWAIT_NOTHING && conn->from != EXPECT_LOST) {
        return (struct pp_parse) { .status = PP_PARSE_WAIT };
    }
    begins = conn->tls_agreed ? pp_tls_begins(&call->text, 0) : -1;
    if (begins >= 0) {
        return (begins ? result_opaque(conn, PP_LDAP_R_STARTTLS)
                : result_more(0));
    }
    if (!conn->started && first == PP_TLS_HANDSHAKE) {
        return step_tls(call);
    }
    if (conn->layer && first != PP_BER_SEQUENCE) {
        return result_opaque(conn, PP_LDAP_R_SASL_LAYER);
    }
    found = pp_ldap_prefix(&call->text, 0, &prefix);
    if (found == PP_LDAP_NOT_LDAP && call->wants) {
        found = pp_ldap_prefix_odd(&call->text, &prefix);
    }
    switch (found) {
    case PP_LDAP_FOUND:
        return message_found(call, &prefix);
    case PP_LDAP_MORE:
        return result_more(0);
    case PP_LDAP_NOT_LDAP:
        break;
    case PP_LDAP_BAD_LENGTH:
        return result_bad(conn, PP_LDAP_R_LENGTH);
    case PP_LDAP_TOO_LONG:
        return result_bad(conn, PP_LDAP_R_TOO_LONG);
    }
    return result_bad(conn, PP_LDAP_R_NOT_LDAP);
}

/* parse() of the client's bytes; see pp-proxy.h. */
struct pp_parse
pp_ldap_parse_to(struct pp_ldap_conn *conn, struct pp_ldap_scratch *scratch,
                 uint32_t wants, const struct pp_view *view)
{
    struct to_call call = {
        .conn = conn,
        .scratch = scratch,
        .view = view,
        .text = pp_reader_init(view->base, view->len),
        .wants = wants,
    };
    struct pp_parse skip;

    if (conn->opaque) {
        return result_opaque(conn, conn->opaque_reason);
    }
    switch ((enum pp_ldap_to) conn->to) {
    case EXPECT_MESSAGE:
        return step_message(&call);
    case EXPECT_REST:
        skip = result_skip(conn->to_left, conn->swallow);
        expect_rest(conn, 0, 0);
        return skip;
    case EXPECT_NOTHING:
        break;
    }
    return result_bad(conn, conn->to_reason);
}

/* commit() of a unit to the server; see pp-proxy.h. */
void
pp_ldap_commit_to(struct pp_ldap_conn *conn, const struct pp_msg *msg,
                  enum pp_outcome what)
{
    const struct pp_ldap_msg *m = msg->decoded;

    conn->started = true;
    conn->swallow = what != PP_PASSED;
    if (what == PP_PASSED) {
        message_passed(conn, m);
    }
    expect_rest(conn, m->total, msg->end - msg->start);
}
