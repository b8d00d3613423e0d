/* SPDX-License-Identifier: Apache-2.0 */

/* The LDAP proxy (RFC 4511): the contract's entry points.
 *
 * In: views of both directions, from the engine.  Out: units, their fields,
 * and what keeps a corrected message right.  Runs in the engine's data
 * threads; owns nothing but the connection state it is handed. */

#include <config.h>

#include "pp-ldap.h"

static const uint16_t ports[] = { 389, 0 };

static const struct pp_event events[] = {
    [PP_LDAP_E_BIND] = {
        "bind", PP_TO_SERVER, "A BindRequest.",
    },
    [PP_LDAP_E_UNBIND] = {
        "unbind", PP_TO_SERVER, "An UnbindRequest, which has no reply.",
    },
    [PP_LDAP_E_SEARCH] = {
        "search", PP_TO_SERVER, "A SearchRequest.",
    },
    [PP_LDAP_E_MODIFY] = {
        "modify", PP_TO_SERVER, "A ModifyRequest.",
    },
    [PP_LDAP_E_ADD] = {
        "add", PP_TO_SERVER, "An AddRequest.",
    },
    [PP_LDAP_E_DELETE] = {
        "delete", PP_TO_SERVER, "A DelRequest.",
    },
    [PP_LDAP_E_MODIFY_DN] = {
        "modify_dn", PP_TO_SERVER, "A ModifyDNRequest.",
    },
    [PP_LDAP_E_COMPARE] = {
        "compare", PP_TO_SERVER, "A CompareRequest.",
    },
    [PP_LDAP_E_ABANDON] = {
        "abandon", PP_TO_SERVER, "An AbandonRequest, which has no reply.",
    },
    [PP_LDAP_E_EXTENDED] = {
        "extended", PP_TO_SERVER, "An ExtendedRequest.",
    },
    [PP_LDAP_E_OTHER] = {
        "other", PP_TO_SERVER,
        "An LDAPMessage with another operation, or with none that can be "
        "read.",
    },
    { NULL, PP_TO_SERVER, NULL },
};

static const char *const reasons[] = {
    [PP_LDAP_R_NOT_LDAP] = "not-ldap",
    [PP_LDAP_R_LENGTH] = "length",
    [PP_LDAP_R_TOO_LONG] = "message-too-long",
    [PP_LDAP_R_ENCODING] = "encoding",
    [PP_LDAP_R_TLS] = "tls",
    [PP_LDAP_R_STARTTLS] = "starttls",
    [PP_LDAP_R_SASL_LAYER] = "sasl-layer",
    NULL,
};

_Static_assert(sizeof(struct pp_ldap_conn) <= 320,
               "the state of a connection is to stay small");

static void
ldap_conn_init(void *conn_)
{
    struct pp_ldap_conn *conn = conn_;

    conn->to = EXPECT_MESSAGE;
    conn->from = EXPECT_RESPONSE;
}

/* parse() keeps in mind only what it lets go. */
static void
ldap_rewind(void *conn)
{
    (void) conn;
}

static struct pp_parse
ldap_parse(void *conn, void *scratch_, enum pp_dir dir, uint32_t wants,
           const struct pp_view *view, struct pp_msg *msg)
{
    struct pp_ldap_scratch *scratch = scratch_;
    struct pp_parse parse
        = dir == PP_TO_SERVER
          ? pp_ldap_parse_to(conn, scratch, wants, view)
          : pp_ldap_parse_from(conn, view);

    if (parse.status == PP_PARSE_MESSAGE) {
        msg->event = (uint16_t) scratch->msg.event;
        msg->decoded = &scratch->msg;
    }
    return parse;
}

static void
ldap_commit(void *conn, const struct pp_msg *msg, enum pp_outcome what)
{
    pp_ldap_commit_to(conn, msg, what);
}

/* See pp-proxy.h.  Servers answer in any order (RFC 4511 4.1.1); what came
 * first is mostly answered first, and a reply that ends the connection must
 * not cut another off. */
static enum pp_reply_when
ldap_reply_when(const void *conn_, const struct pp_msg *msg)
{
    const struct pp_ldap_conn *conn = conn_;

    (void) msg;
    if (conn->opaque || conn->from == EXPECT_LOST) {
        return PP_REPLY_NEVER;
    }
    return conn->n_pending || conn->from_begun ? PP_REPLY_WAIT
                                               : PP_REPLY_NOW;
}

const struct pp_proxy pp_proxy_ldap = {
    .name = "ldap",
    .title = "LDAP",
    .transport = PP_TCP,
    .ports = ports,
    .events = events,
    .fields = pp_ldap_field_table,
    .reasons = reasons,
    .conn_size = sizeof(struct pp_ldap_conn),
    .scratch_size = sizeof(struct pp_ldap_scratch),
    .conn_init = ldap_conn_init,
    .speaks = pp_ldap_speaks,
    .rewind = ldap_rewind,
    .parse = ldap_parse,
    .commit = ldap_commit,
    .get = pp_ldap_get,
    .get_elem = pp_ldap_get_elem,
    .locate = pp_ldap_locate,
    .reframe = pp_ldap_reframe,
    .reply_when = ldap_reply_when,
    .refuse = pp_ldap_refuse,
};
