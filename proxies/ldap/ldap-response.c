/* SPDX-License-Identifier: Apache-2.0 */

/* From the server: which request a response belongs to, and what it means for
 * those to come.
 *
 * In: views of the server's bytes.  Out: counts of bytes that pass.  Runs in
 * the engine's data threads; owns the from-server half of struct
 * pp_ldap_conn.
 *
 * Of a response its start is read, with the result code where that matters.
 * All but its last byte then goes by count: it is over, and a reply in the
 * server's name may stand behind it, when that byte is seen. */

#include <config.h>

#include "pp-ldap.h"
#include "pp-tls.h"

#include <string.h>

/* Result codes: the bind goes on. */
#define SASL_BIND_IN_PROGRESS 14

/* A result code is a number of few octets, and its element the first. */
#define RESULT_MAX 16

/* One call of parse(). */
struct from_call {
    struct pp_ldap_conn *conn;
    struct pp_reader text;
    uint64_t pos;               /* What is before it is let go. */
    bool said;                  /* 'banner' is to be told. */
    struct pp_span banner[PP_BANNER_PIECES];
    enum pp_parse_status stop;
};

/* True for the last response to a request (RFC 4511 4.2.2 to 4.13). */
static bool
is_last(uint32_t tag)
{
    switch (tag) {
    case PP_LDAP_T_BIND_RESPONSE:
    case PP_LDAP_T_SEARCH_DONE:
    case PP_LDAP_T_MODIFY_RESPONSE:
    case PP_LDAP_T_ADD_RESPONSE:
    case PP_LDAP_T_DELETE_RESPONSE:
    case PP_LDAP_T_MODIFY_DN_RESPONSE:
    case PP_LDAP_T_COMPARE_RESPONSE:
    case PP_LDAP_T_EXTENDED_RESPONSE:
        return true;
    default:
        return false;
    }
}

/* The bind that was awaited came to 'code'. */
static void
bind_answered(struct pp_ldap_conn *conn, int64_t code)
{
    conn->await = AWAIT_NOTHING;
    if (code == PP_LDAP_SUCCESS) {
        conn->bound = conn->bind_sasl || conn->name_len;
        conn->bound_sasl = conn->bind_sasl;
        conn->layer = conn->layer_asked;
    } else if (code != SASL_BIND_IN_PROGRESS) {
        conn->name_len = 0;
    }
}

/* The response is over. */
static void
response_done(struct pp_ldap_conn *conn)
{
    conn->from = EXPECT_RESPONSE;
    conn->from_begun = false;
    if (!is_last(conn->from_tag)) {
        return;
    }
    pp_ldap_pending_remove(conn, conn->from_id);
    if (conn->await == AWAIT_NOTHING || conn->from_id != conn->await_id) {
        return;
    }
    if (conn->await == AWAIT_BIND
        && conn->from_tag == PP_LDAP_T_BIND_RESPONSE) {
        bind_answered(conn, conn->from_code);
    } else if (conn->await == AWAIT_STARTTLS
               && conn->from_tag == PP_LDAP_T_EXTENDED_RESPONSE) {
        conn->await = AWAIT_NOTHING;
        /* Perhaps to another request of the same id: TLS begins if the client
         * begins with it. */
        conn->tls_agreed |= conn->from_code == PP_LDAP_SUCCESS;
    }
}

/* Nothing that follows is understood. */
static void
expect_lost(struct pp_ldap_conn *conn)
{
    conn->from = EXPECT_LOST;
    conn->from_begun = true;
    conn->n_pending = 0;
    conn->bound = false;
}

/* Reads the result code of 'prefix', if it is a last response and has it
 * within its own bytes.  False: more bytes are needed. */
static bool
read_code(struct from_call *call, const struct pp_ldap_prefix *prefix)
{
    struct pp_reader r = call->text;
    uint64_t end = pp_ber_end(&prefix->outer);
    struct pp_ber e;
    struct pp_span s;
    enum pp_ber_result result;

    call->conn->from_code = -1;
    if (!is_last(prefix->op.tag)) {
        return true;
    }
    r.pos = 0;
    r.end = r.end < end ? r.end : (size_t) end;
    pp_reader_skip(&r, prefix->op.content);
    result = pp_ber_header(&r, &e);
    s = (struct pp_span) { .off = e.content, .len = (uint32_t) e.len };
    if (result == PP_BER_FOUND && e.len <= RESULT_MAX
        && e.len <= pp_reader_left(&r)) {
        pp_ber_int(&call->text, s, &call->conn->from_code);
        return true;
    }
    return result == PP_BER_BAD || (result == PP_BER_FOUND
                                    && e.len > RESULT_MAX)
           || end <= call->text.end;
}

/* True if the content of 'e' is 'word', which is in lower case; case
 * ignored. */
static bool
content_is(const struct pp_reader *text, const struct pp_ber *e,
           const char *word)
{
    size_t n = strlen(word);

    if (e->len != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int c = pp_reader_peek(text, e->content + i);

        if ((c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c) != word[i]) {
            return false;
        }
    }
    return true;
}

/* Reads the next element of 'r' and moves behind it; '*in' becomes a reader of
 * its content.  False: there is none, or none that is all there. */
static bool
next_element(struct pp_reader *r, struct pp_ber *e, struct pp_reader *in)
{
    if (pp_ber_header(r, e) != PP_BER_FOUND || e->len > pp_reader_left(r)) {
        return false;
    }
    *in = pp_reader_sub(r, (size_t) e->len);
    return true;
}

/* The values 'values' of attribute 'type' of the root DSE: those that say
 * whose it is (RFC 3045; OpenLDAP says it by the object class). */
static void
root_dse_attribute(struct from_call *call, const struct pp_ber *type,
                   struct pp_reader *values)
{
    static const char *const types[PP_BANNER_PIECES] = {
        "vendorname", "vendorversion", "objectclass",
    };
    struct pp_reader in;
    struct pp_ber e;

    for (int i = 0; i < PP_BANNER_PIECES; i++) {
        if (!content_is(&call->text, type, types[i])) {
            continue;
        }
        while (!call->banner[i].len && next_element(values, &e, &in)) {
            if (!content_is(&call->text, &e, "top")) {
                call->banner[i] = (struct pp_span) {
                    .off = e.content, .len = (uint32_t) e.len,
                };
            }
        }
    }
}

/* Is 'prefix' a search's result with the root DSE (RFC 4512 5.1), that is to
 * be read?  Then that is done.  False: more bytes are needed. */
static bool
read_root_dse(struct from_call *call, const struct pp_ldap_prefix *prefix)
{
    struct pp_reader entry = call->text, name, all, one, in, values;
    uint64_t end = pp_ber_end(&prefix->op);
    struct pp_ber e, type;

    if (call->conn->said || prefix->op.tag != PP_LDAP_T_SEARCH_ENTRY
        || prefix->outer.len > PP_LDAP_ROOT_DSE_MAX) {
        return true;
    }
    if (pp_ber_end(&prefix->outer) > call->text.end) {
        /* Its name, which is empty, comes first. */
        return pp_reader_peek(&call->text, prefix->op.content + 1) > 0;
    }
    entry.pos = prefix->op.content;
    entry.end = (size_t) (end < pp_ber_end(&prefix->outer) ? end
                          : pp_ber_end(&prefix->outer));
    if (entry.pos > entry.end || !next_element(&entry, &e, &name) || e.len
        || !next_element(&entry, &e, &all)) {
        return true;
    }
    call->said = call->conn->said = true;
    while (next_element(&all, &e, &one)) {
        if (next_element(&one, &type, &in)
            && next_element(&one, &e, &values)) {
            root_dse_attribute(call, &type, &values);
        }
    }
    return true;
}

/* EXPECT_RESPONSE.  False: it stops here. */
static bool
step_response(struct from_call *call)
{
    struct pp_ldap_conn *conn = call->conn;
    int first = pp_reader_peek(&call->text, (size_t) call->pos);
    struct pp_ldap_prefix prefix;
    enum pp_ldap_found found;

    if (first < 0) {
        return false;
    }
    conn->from_begun = true;
    if (conn->await == AWAIT_TLS) {
        conn->await = AWAIT_NOTHING;
        if (pp_tls_answers(first)) {
            conn->opaque = true;
            conn->opaque_reason = PP_LDAP_R_TLS;
            return true;
        }
        conn->to = EXPECT_NOTHING;
        conn->to_reason = PP_LDAP_R_NOT_LDAP;
    }
    if (conn->layer && first != PP_BER_SEQUENCE) {
        conn->opaque = true;
        conn->opaque_reason = PP_LDAP_R_SASL_LAYER;
        return true;
    }
    found = pp_ldap_prefix(&call->text, (uint32_t) call->pos, &prefix);
    if (found == PP_LDAP_MORE
        || (found == PP_LDAP_FOUND && prefix.whole
            && (!read_code(call, &prefix)
                || !read_root_dse(call, &prefix)))) {
        return false;
    }
    if (found != PP_LDAP_FOUND || !prefix.whole) {
        expect_lost(conn);
        return true;
    }
    conn->from_tag = prefix.op.tag;
    conn->from_id = prefix.id;
    conn->from = EXPECT_RESPONSE_END;
    call->pos = pp_ber_end(&prefix.outer) - 1;
    return true;
}

/* EXPECT_RESPONSE_END. */
static bool
step_end(struct from_call *call)
{
    if (call->pos >= call->text.end) {
        return false;
    }
    call->pos++;
    response_done(call->conn);
    return true;
}

/* Takes one step.  False: nothing more is to be seen here. */
static bool
step(struct from_call *call)
{
    struct pp_ldap_conn *conn = call->conn;

    if (conn->opaque) {
        call->stop = PP_PARSE_OPAQUE;
        return false;
    }
    switch ((enum pp_ldap_from) conn->from) {
    case EXPECT_RESPONSE:
        return step_response(call);
    case EXPECT_RESPONSE_END:
        return step_end(call);
    case EXPECT_LOST:
        break;
    }
    call->pos = PP_FOREVER;
    return false;
}

/* speaks(); see pp-proxy.h: a bind's or a search's response. */
bool
pp_ldap_speaks(const struct pp_view *view)
{
    struct pp_reader text = pp_reader_init(view->base, view->len);
    struct pp_ldap_prefix prefix;

    return (pp_ldap_prefix(&text, 0, &prefix) == PP_LDAP_FOUND
            && prefix.whole && prefix.id > 0
            && (prefix.op.tag == PP_LDAP_T_BIND_RESPONSE
                || prefix.op.tag == PP_LDAP_T_SEARCH_ENTRY
                || prefix.op.tag == PP_LDAP_T_SEARCH_DONE));
}

/* parse() of the server's bytes; see pp-proxy.h. */
struct pp_parse
pp_ldap_parse_from(struct pp_ldap_conn *conn, const struct pp_view *view)
{
    struct from_call call = {
        .conn = conn,
        .text = pp_reader_init(view->base, view->len),
        .stop = PP_PARSE_MORE,
    };

    while (step(&call)) {
        continue;
    }
    if (call.pos) {
        /* First what passes; what stopped it will be found again. */
        return (struct pp_parse) {
            .status = PP_PARSE_SKIP, .count = call.pos, .said = call.said,
            .banner = { call.banner[0], call.banner[1], call.banner[2] },
        };
    }
    return (struct pp_parse) {
        .status = call.stop, .reason = conn->opaque_reason,
    };
}
