/* SPDX-License-Identifier: Apache-2.0 */

/* The table of what patches may name.
 *
 * In: nothing.  Out: a table, which the manual is checked against too.  Read
 * by all threads; owns nothing. */

#include <config.h>

#include "ldap-fields.h"
#include "pp-ldap.h"

/* The events that a field is there in. */
#define EVENT(NAME) (UINT32_C(1) << PP_LDAP_E_##NAME)
#define BIND EVENT(BIND)
#define SEARCH EVENT(SEARCH)
#define CHANGES (EVENT(MODIFY) | EVENT(ADD))
#define MODIFY_DN EVENT(MODIFY_DN)
#define COMPARE EVENT(COMPARE)
#define ABANDON EVENT(ABANDON)
#define EXTENDED EVENT(EXTENDED)
#define DN (BIND | SEARCH | CHANGES | MODIFY_DN | COMPARE | EVENT(DELETE))
#define ANY ((UINT32_C(1) << PP_LDAP_N_EVENTS) - 1)

/* Attributes that hold passwords (RFC 4519 2.41, RFC 3112, Active Directory,
 * Samba). */
static const char *const password_attributes[] = {
    "userpassword", "2.5.4.35", "authpassword", "1.3.6.1.4.1.4203.1.3.4",
    "unicodepwd", "olcrootpw", "sambantpassword", "sambalmpassword", NULL,
};

static const struct pp_secret password = {
    .where = "attribute", .names = password_attributes,
};

static const struct pp_secret compared = {
    .where = "compare.attribute", .names = password_attributes,
};

static const struct pp_secret always;

static const struct pp_field control_fields[] = {
    [PP_LDAP_CONTROL_OID] = {
        .name = "oid",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The OID of the control.",
    },
    [PP_LDAP_CONTROL_CRITICAL] = {
        .name = "critical",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The criticality is true.",
    },
    [PP_LDAP_CONTROL_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The value of the control.",
    },
    [PP_LDAP_CONTROL_HAS_VALUE] = {
        .name = "has_value",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is a value, even if empty.",
    },
    [PP_LDAP_CONTROL_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The whole control as sent, encoded.",
    },
    { .name = NULL },
};

static const struct pp_field name_fields[] = {
    [PP_LDAP_NAME_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .doc = "The attribute description, or one of the special ones, as "
               "sent.",
    },
    { .name = NULL },
};

static const struct pp_field filter_fields[] = {
    [PP_LDAP_FILTER_KIND] = {
        .name = "kind",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "What it is: and, or, not, equality, substrings, greater, "
               "less, present, approx, extensible or other.",
    },
    [PP_LDAP_FILTER_TAG] = {
        .name = "tag",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "The identifier octets, as one number.",
    },
    [PP_LDAP_FILTER_DEPTH] = {
        .name = "depth",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "How many sets and nots it stands in.",
    },
    [PP_LDAP_FILTER_ATTRIBUTE] = {
        .name = "attribute",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .doc = "The attribute description; empty in sets and nots.",
    },
    [PP_LDAP_FILTER_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .secret = &password,
        .doc = "The assertion value; empty in sets, nots, substrings and "
               "present.",
    },
    [PP_LDAP_FILTER_RULE] = {
        .name = "rule",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .doc = "The matching rule of an extensible filter.",
    },
    [PP_LDAP_FILTER_DN_ATTRIBUTES] = {
        .name = "dn_attributes",
        .type = PP_TYPE_BOOL,
        .events = SEARCH,
        .doc = "An extensible filter is for the attributes of the DN too.",
    },
    [PP_LDAP_FILTER_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .secret = &always,
        .doc = "The whole filter as sent, encoded.",
    },
    { .name = NULL },
};

static const struct pp_field piece_fields[] = {
    [PP_LDAP_PIECE_KIND] = {
        .name = "kind",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "Which piece it is: initial, any or final.",
    },
    [PP_LDAP_PIECE_ATTRIBUTE] = {
        .name = "attribute",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .doc = "The attribute description of its filter.",
    },
    [PP_LDAP_PIECE_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .secret = &password,
        .doc = "The value of the piece.",
    },
    [PP_LDAP_PIECE_FILTER] = {
        .name = "filter",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "The index in filter.parts of its filter.",
    },
    [PP_LDAP_PIECE_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .secret = &password,
        .doc = "The whole piece as sent, encoded.",
    },
    { .name = NULL },
};

static const struct pp_field change_fields[] = {
    [PP_LDAP_CHANGE_OPERATION] = {
        .name = "operation",
        .type = PP_TYPE_INT,
        .events = CHANGES,
        .doc = "What is to be done: 0 add, 1 delete, 2 replace, 3 "
               "increment; 0 in an add.",
    },
    [PP_LDAP_CHANGE_ATTRIBUTE] = {
        .name = "attribute",
        .type = PP_TYPE_BYTES,
        .events = CHANGES,
        .editable = true,
        .doc = "The attribute description.",
    },
    [PP_LDAP_CHANGE_COUNT] = {
        .name = "count",
        .type = PP_TYPE_INT,
        .events = CHANGES,
        .doc = "How many values there are.",
    },
    [PP_LDAP_CHANGE_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = CHANGES,
        .editable = true,
        .secret = &password,
        .doc = "The whole change as sent, encoded.",
    },
    { .name = NULL },
};

static const struct pp_field value_fields[] = {
    [PP_LDAP_VALUE_OPERATION] = {
        .name = "operation",
        .type = PP_TYPE_INT,
        .events = CHANGES,
        .doc = "The operation of its change.",
    },
    [PP_LDAP_VALUE_ATTRIBUTE] = {
        .name = "attribute",
        .type = PP_TYPE_BYTES,
        .events = CHANGES,
        .editable = true,
        .doc = "The attribute description of its change.",
    },
    [PP_LDAP_VALUE_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = CHANGES,
        .editable = true,
        .secret = &password,
        .doc = "The value.",
    },
    [PP_LDAP_VALUE_CHANGE] = {
        .name = "change",
        .type = PP_TYPE_INT,
        .events = CHANGES,
        .doc = "The index in changes of its change.",
    },
    [PP_LDAP_VALUE_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = CHANGES,
        .editable = true,
        .secret = &password,
        .doc = "The whole value as sent, encoded.",
    },
    { .name = NULL },
};

static const struct pp_field sort_fields[] = {
    [PP_LDAP_SORT_ATTRIBUTE] = {
        .name = "attribute",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "The attribute description.",
    },
    [PP_LDAP_SORT_RULE] = {
        .name = "rule",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "The ordering rule, else empty.",
    },
    [PP_LDAP_SORT_REVERSE] = {
        .name = "reverse",
        .type = PP_TYPE_BOOL,
        .events = SEARCH,
        .doc = "The order is reversed.",
    },
    { .name = NULL },
};

static const struct pp_field return_fields[] = {
    [PP_LDAP_RETURN_KIND] = {
        .name = "kind",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "What it is: equality, substrings, greater, less, present, "
               "approx, extensible or other.",
    },
    [PP_LDAP_RETURN_TAG] = {
        .name = "tag",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "The identifier octets, as one number.",
    },
    [PP_LDAP_RETURN_ATTRIBUTE] = {
        .name = "attribute",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "The attribute description.",
    },
    [PP_LDAP_RETURN_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .secret = &password,
        .doc = "The assertion value.",
    },
    [PP_LDAP_RETURN_RULE] = {
        .name = "rule",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "The matching rule of an extensible filter.",
    },
    { .name = NULL },
};

const struct pp_field pp_ldap_field_table[] = {
    [PP_LDAP_I_MESSAGE_ID] = {
        .name = "message_id",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The message ID, or 0 where there is none that can be read.",
    },
    [PP_LDAP_I_MESSAGE_LENGTH] = {
        .name = "message_length",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The bytes of the whole message.",
    },
    [PP_LDAP_I_OPERATION] = {
        .name = "operation",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "The name of the operation, which is the event's.",
    },
    [PP_LDAP_I_OPERATION_TAG] = {
        .name = "operation_tag",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The identifier octets of the operation, as one number.",
    },
    [PP_LDAP_I_TRUNCATED] = {
        .name = "truncated",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The message is longer than the 262,144 bytes of it that "
               "are looked at.",
    },
    [PP_LDAP_I_MALFORMED] = {
        .name = "malformed",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The message cannot be decoded to its end; what comes "
               "before that is there.",
    },
    [PP_LDAP_I_TRAILING_LENGTH] = {
        .name = "trailing_length",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "How many bytes stand in the message behind all that was "
               "read.",
    },
    [PP_LDAP_I_ENCODING_MINIMAL] = {
        .name = "encoding.minimal",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "All lengths are in as few octets as can be.",
    },
    [PP_LDAP_I_ENCODING_CONSISTENT] = {
        .name = "encoding.consistent",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The length of each element agrees with what is in it.",
    },
    [PP_LDAP_I_ENCODING_TAGS] = {
        .name = "encoding.tags",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "All tags are those that RFC 4511 names.",
    },
    [PP_LDAP_I_CONTROLS] = {
        .name = "controls",
        .type = PP_TYPE_LIST,
        .events = ANY,
        .editable = true,
        .elem = control_fields,
        .key = "oid",
        .doc = "The controls, in their order.",
    },
    [PP_LDAP_I_ASSERTION_DEPTH] = {
        .name = "assertion.depth",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The same as filter.depth of the filter in the first "
               "assertion control (RFC 4528), or -1 where there is none.",
    },
    [PP_LDAP_I_BOUND] = {
        .name = "bound",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "A bind with a name or by SASL has succeeded and is in "
               "force.",
    },
    [PP_LDAP_I_BOUND_NAME] = {
        .name = "bound.name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "The name in that bind, its first 96 bytes; empty with most "
               "SASL mechanisms.",
    },
    [PP_LDAP_I_BOUND_SASL] = {
        .name = "bound.sasl",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "That bind was by SASL.",
    },
    [PP_LDAP_I_BOUND_VERSION] = {
        .name = "bound.version",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The version in the last bind, or 3 before any.",
    },
    [PP_LDAP_I_UNANSWERED] = {
        .name = "unanswered",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "Earlier requests that a reply is due to, up to 16; not "
               "those that go on for as long as they please.",
    },
    [PP_LDAP_I_DN] = {
        .name = "dn",
        .type = PP_TYPE_BYTES,
        .events = DN,
        .editable = true,
        .doc = "The entry that the operation is about: the base of a "
               "search; the name in a bind.",
    },
    [PP_LDAP_I_BIND_VERSION] = {
        .name = "bind.version",
        .type = PP_TYPE_INT,
        .events = BIND,
        .doc = "The protocol version asked for.",
    },
    [PP_LDAP_I_BIND_METHOD] = {
        .name = "bind.method",
        .type = PP_TYPE_BYTES,
        .events = BIND,
        .doc = "The authentication choice: simple, sasl or other.",
    },
    [PP_LDAP_I_BIND_PASSWORD] = {
        .name = "bind.password",
        .type = PP_TYPE_BYTES,
        .events = BIND,
        .editable = true,
        .secret = &always,
        .doc = "The password of a simple bind, or what another choice than "
               "SASL holds.",
    },
    [PP_LDAP_I_BIND_MECHANISM] = {
        .name = "bind.mechanism",
        .type = PP_TYPE_BYTES,
        .events = BIND,
        .editable = true,
        .doc = "The SASL mechanism as sent.",
    },
    [PP_LDAP_I_BIND_CREDENTIALS] = {
        .name = "bind.credentials",
        .type = PP_TYPE_BYTES,
        .events = BIND,
        .editable = true,
        .secret = &always,
        .doc = "The SASL credentials.",
    },
    [PP_LDAP_I_BIND_HAS_CREDENTIALS] = {
        .name = "bind.has_credentials",
        .type = PP_TYPE_BOOL,
        .events = BIND,
        .doc = "There are SASL credentials, even if empty.",
    },
    [PP_LDAP_I_SEARCH_SCOPE] = {
        .name = "search.scope",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "The scope: 0 base, 1 one level, 2 subtree, 3 subordinates.",
    },
    [PP_LDAP_I_SEARCH_DEREF] = {
        .name = "search.deref",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "When aliases are dereferenced: 0 never, 1 in searching, 2 "
               "in finding the base, 3 always.",
    },
    [PP_LDAP_I_SEARCH_SIZE_LIMIT] = {
        .name = "search.size_limit",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "The size limit.",
    },
    [PP_LDAP_I_SEARCH_TIME_LIMIT] = {
        .name = "search.time_limit",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "The time limit, in seconds.",
    },
    [PP_LDAP_I_SEARCH_TYPES_ONLY] = {
        .name = "search.types_only",
        .type = PP_TYPE_BOOL,
        .events = SEARCH,
        .doc = "Values are not asked for.",
    },
    [PP_LDAP_I_SEARCH_ATTRIBUTES] = {
        .name = "search.attributes",
        .type = PP_TYPE_LIST,
        .events = SEARCH,
        .editable = true,
        .elem = name_fields,
        .key = "name",
        .key_nocase = true,
        .doc = "The attributes asked for, in their order.",
    },
    [PP_LDAP_I_FILTER] = {
        .name = "filter",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .editable = true,
        .secret = &always,
        .doc = "The filter as sent, encoded.",
    },
    [PP_LDAP_I_FILTER_DEPTH] = {
        .name = "filter.depth",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "How many sets and nots the deepest filter stands in; 0 for "
               "a simple one.",
    },
    [PP_LDAP_I_FILTER_EMPTY_SETS] = {
        .name = "filter.empty_sets",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "How many sets are empty (RFC 4526).",
    },
    [PP_LDAP_I_FILTER_PARTS] = {
        .name = "filter.parts",
        .type = PP_TYPE_LIST,
        .events = SEARCH,
        .editable = true,
        .elem = filter_fields,
        .key = "attribute",
        .key_nocase = true,
        .doc = "All filters in the filter, itself and sets among them, in "
               "the order of their starts.",
    },
    [PP_LDAP_I_FILTER_SUBSTRINGS] = {
        .name = "filter.substrings",
        .type = PP_TYPE_LIST,
        .events = SEARCH,
        .editable = true,
        .elem = piece_fields,
        .key = "attribute",
        .key_nocase = true,
        .doc = "The pieces of all substring filters.",
    },
    [PP_LDAP_I_CHANGES] = {
        .name = "changes",
        .type = PP_TYPE_LIST,
        .events = CHANGES,
        .editable = true,
        .elem = change_fields,
        .key = "attribute",
        .key_nocase = true,
        .doc = "The changes of a modify; the attributes of an add.",
    },
    [PP_LDAP_I_VALUES] = {
        .name = "values",
        .type = PP_TYPE_LIST,
        .events = CHANGES,
        .editable = true,
        .elem = value_fields,
        .key = "attribute",
        .key_nocase = true,
        .doc = "The values in all changes.",
    },
    [PP_LDAP_I_COMPARE_ATTRIBUTE] = {
        .name = "compare.attribute",
        .type = PP_TYPE_BYTES,
        .events = COMPARE,
        .editable = true,
        .doc = "The attribute description that is compared.",
    },
    [PP_LDAP_I_COMPARE_VALUE] = {
        .name = "compare.value",
        .type = PP_TYPE_BYTES,
        .events = COMPARE,
        .editable = true,
        .secret = &compared,
        .doc = "The value that it is compared with.",
    },
    [PP_LDAP_I_MODIFY_DN_NEW_RDN] = {
        .name = "modify_dn.new_rdn",
        .type = PP_TYPE_BYTES,
        .events = MODIFY_DN,
        .editable = true,
        .doc = "The new RDN.",
    },
    [PP_LDAP_I_MODIFY_DN_DELETE_OLD_RDN] = {
        .name = "modify_dn.delete_old_rdn",
        .type = PP_TYPE_BOOL,
        .events = MODIFY_DN,
        .doc = "The values of the old RDN are to go.",
    },
    [PP_LDAP_I_MODIFY_DN_NEW_SUPERIOR] = {
        .name = "modify_dn.new_superior",
        .type = PP_TYPE_BYTES,
        .events = MODIFY_DN,
        .editable = true,
        .doc = "The new superior.",
    },
    [PP_LDAP_I_MODIFY_DN_HAS_NEW_SUPERIOR] = {
        .name = "modify_dn.has_new_superior",
        .type = PP_TYPE_BOOL,
        .events = MODIFY_DN,
        .doc = "There is a new superior, even if empty.",
    },
    [PP_LDAP_I_ABANDON_ID] = {
        .name = "abandon.id",
        .type = PP_TYPE_INT,
        .events = ABANDON,
        .doc = "The message ID of the request to be abandoned.",
    },
    [PP_LDAP_I_EXTENDED_OID] = {
        .name = "extended.oid",
        .type = PP_TYPE_BYTES,
        .events = EXTENDED,
        .editable = true,
        .doc = "The name of the extended operation.",
    },
    [PP_LDAP_I_EXTENDED_VALUE] = {
        .name = "extended.value",
        .type = PP_TYPE_BYTES,
        .events = EXTENDED,
        .editable = true,
        .secret = &always,
        .doc = "The value of the extended operation.",
    },
    [PP_LDAP_I_EXTENDED_HAS_VALUE] = {
        .name = "extended.has_value",
        .type = PP_TYPE_BOOL,
        .events = EXTENDED,
        .doc = "There is a value, even if empty.",
    },
    [PP_LDAP_I_EXTENDED_CANCEL_ID] = {
        .name = "extended.cancel_id",
        .type = PP_TYPE_INT,
        .events = EXTENDED,
        .doc = "The message ID of the request that a Cancel (RFC 3909) is "
               "about, or -1.",
    },
    [PP_LDAP_I_PAGED] = {
        .name = "paged",
        .type = PP_TYPE_BOOL,
        .events = SEARCH,
        .doc = "There is a paged results control (RFC 2696) that can be "
               "read.",
    },
    [PP_LDAP_I_PAGED_SIZE] = {
        .name = "paged.size",
        .type = PP_TYPE_INT,
        .events = SEARCH,
        .doc = "The page size in it.",
    },
    [PP_LDAP_I_PAGED_COOKIE] = {
        .name = "paged.cookie",
        .type = PP_TYPE_BYTES,
        .events = SEARCH,
        .doc = "The cookie in it.",
    },
    [PP_LDAP_I_SORT_KEYS] = {
        .name = "sort_keys",
        .type = PP_TYPE_LIST,
        .events = SEARCH,
        .elem = sort_fields,
        .key = "attribute",
        .key_nocase = true,
        .doc = "The keys in the first sort control (RFC 2891).",
    },
    [PP_LDAP_I_VALUES_RETURN_FILTER] = {
        .name = "values_return_filter",
        .type = PP_TYPE_LIST,
        .events = SEARCH,
        .elem = return_fields,
        .key = "attribute",
        .key_nocase = true,
        .doc = "The filters in the first values return filter control (RFC "
               "3876).",
    },
    { .name = NULL },
};
