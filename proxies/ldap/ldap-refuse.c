/* SPDX-License-Identifier: Apache-2.0 */

/* Replies in the server's name.
 *
 * In: what a patch wants said.  Out: an LDAPMessage with the response that
 * belongs to the request (RFC 4511 4.1.9), or one that belongs to none (4.4).
 * Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "pp-ldap.h"

#include <string.h>

/* Tags of what may stand in a response behind the LDAPResult. */
#define RESPONSE_NAME 0x8a
#define RESPONSE_VALUE 0x8b
#define SERVER_SASL_CREDS 0x87

/* The response to an operation, or 0 where it has none. */
static uint8_t
response_tag(enum pp_ldap_event event)
{
    switch (event) {
    case PP_LDAP_E_BIND:
        return PP_LDAP_T_BIND_RESPONSE;
    case PP_LDAP_E_SEARCH:
        return PP_LDAP_T_SEARCH_DONE;
    case PP_LDAP_E_MODIFY:
        return PP_LDAP_T_MODIFY_RESPONSE;
    case PP_LDAP_E_ADD:
        return PP_LDAP_T_ADD_RESPONSE;
    case PP_LDAP_E_DELETE:
        return PP_LDAP_T_DELETE_RESPONSE;
    case PP_LDAP_E_MODIFY_DN:
        return PP_LDAP_T_MODIFY_DN_RESPONSE;
    case PP_LDAP_E_COMPARE:
        return PP_LDAP_T_COMPARE_RESPONSE;
    case PP_LDAP_E_EXTENDED:
    case PP_LDAP_E_OTHER:
    case PP_LDAP_N_EVENTS:
        return PP_LDAP_T_EXTENDED_RESPONSE;
    case PP_LDAP_E_UNBIND:
    case PP_LDAP_E_ABANDON:
        break;
    }
    return 0;
}

/* The field 'name' of the reply, in any case, or NULL. */
static const struct pp_bytes *
reply_field(const struct pp_reply *reply, const char *name)
{
    unsigned int i;

    for (i = 0; i < reply->n_headers; i++) {
        const struct pp_bytes *s = &reply->headers[i].name;
        struct pp_reader text = pp_reader_init(s->p, s->n);

        if (pp_ldap_is(&text, (struct pp_span) { .len = (uint32_t) s->n },
                       name, true)) {
            return &reply->headers[i].value;
        }
    }
    return NULL;
}

/* Where the octets that a length goes into are to be: as many as it takes. */
struct reply_sizes {
    size_t result;              /* Content of the operation. */
    size_t message;             /* Content of the LDAPMessage. */
};

static size_t
element_size(size_t n)
{
    return 1 + pp_ber_length_octets(n) + n;
}

static void
put_optional(struct pp_buf *buf, uint8_t tag, const struct pp_bytes *s)
{
    if (s) {
        pp_ber_put(buf, tag, *s);
    }
}

/* refuse(); see pp-proxy.h.  The status is the resultCode, the reason the
 * diagnosticMessage.  Fields may be matchedDN, responseName, responseValue,
 * serverSaslCreds, and unsolicited, which makes it a notice that belongs to
 * no request. */
void
pp_ldap_refuse(const void *conn, const struct pp_msg *msg,
               const struct pp_reply *reply, struct pp_buf *buf, bool *close)
{
    static const struct pp_bytes empty = { .n = 0 };
    const struct pp_ldap_msg *m = msg ? msg->decoded : NULL;
    const struct pp_bytes *matched = reply_field(reply, "matchedDN");
    const struct pp_bytes *creds = reply_field(reply, "serverSaslCreds");
    const struct pp_bytes *name = reply_field(reply, "responseName");
    const struct pp_bytes *value = reply_field(reply, "responseValue");
    bool unsolicited = !m || reply_field(reply, "unsolicited");
    uint8_t tag = unsolicited ? PP_LDAP_T_EXTENDED_RESPONSE
                              : response_tag(m->event);
    uint8_t numbers[32];
    struct pp_buf id, code;
    struct reply_sizes sizes;

    (void) conn;
    (void) close;
    if (reply->raw) {
        pp_buf_put(buf, reply->body.p, reply->body.n);
        return;
    }
    if (!tag) {
        return;
    }
    matched = matched ? matched : &empty;
    pp_buf_init(&id, numbers, 16);
    pp_ber_put_int(&id, PP_BER_INTEGER, unsolicited ? 0 : m->id);
    pp_buf_init(&code, numbers + 16, 16);
    pp_ber_put_int(&code, PP_BER_ENUMERATED, reply->status);

    sizes.result = code.len + element_size(matched->n)
                   + element_size(reply->reason.n)
                   + (creds ? element_size(creds->n) : 0)
                   + (name ? element_size(name->n) : 0)
                   + (value ? element_size(value->n) : 0);
    sizes.message = id.len + element_size(sizes.result);

    pp_buf_put(buf, &(uint8_t) { PP_BER_SEQUENCE }, 1);
    pp_ber_put_length(buf, sizes.message,
                      pp_ber_length_octets(sizes.message));
    pp_buf_put(buf, id.data, id.len);
    pp_buf_put(buf, &tag, 1);
    pp_ber_put_length(buf, sizes.result, pp_ber_length_octets(sizes.result));
    pp_buf_put(buf, code.data, code.len);
    pp_ber_put(buf, PP_BER_OCTET_STRING, *matched);
    pp_ber_put(buf, PP_BER_OCTET_STRING, reply->reason);
    put_optional(buf, SERVER_SASL_CREDS, creds);
    put_optional(buf, RESPONSE_NAME, name);
    put_optional(buf, RESPONSE_VALUE, value);
}
