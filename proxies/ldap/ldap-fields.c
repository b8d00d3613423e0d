/* SPDX-License-Identifier: Apache-2.0 */

/* The values of what patches may name.
 *
 * In: a unit and an index into the table in ldap-field-table.c.  Out: values
 * that point into the message.  Runs in the engine's data threads; owns
 * nothing. */

#include <config.h>

#include "ldap-fields.h"
#include "pp-ldap.h"

#include <string.h>

/* Values. */

static bool
get_span(const struct pp_ldap_msg *m, struct pp_span s, struct pp_value *v)
{
    struct pp_bytes bytes = pp_ldap_bytes(&m->text, s);

    *v = pp_value_bytes(bytes.p, bytes.n);
    return bytes.n == s.len;
}

static bool
get_part(const struct pp_ldap_msg *m, struct pp_ldap_part part,
         struct pp_value *v)
{
    return get_span(m, part.content, v);
}

/* Where the lists are. */

/* See pp-ldap.h; PP_LDAP_N_LISTS: 'field' is no list. */
enum pp_ldap_list_id
pp_ldap_list_of(unsigned int field)
{
    switch (field) {
    case PP_LDAP_I_CONTROLS:
        return PP_LDAP_L_CONTROLS;
    case PP_LDAP_I_SEARCH_ATTRIBUTES:
        return PP_LDAP_L_ATTRIBUTES;
    case PP_LDAP_I_FILTER_PARTS:
        return PP_LDAP_L_FILTERS;
    case PP_LDAP_I_FILTER_SUBSTRINGS:
        return PP_LDAP_L_PIECES;
    case PP_LDAP_I_CHANGES:
        return PP_LDAP_L_CHANGES;
    case PP_LDAP_I_VALUES:
        return PP_LDAP_L_VALUES;
    case PP_LDAP_I_SORT_KEYS:
        return PP_LDAP_L_SORT_KEYS;
    case PP_LDAP_I_VALUES_RETURN_FILTER:
        return PP_LDAP_L_RETURN_FILTERS;
    default:
        return PP_LDAP_N_LISTS;
    }
}

/* See pp-ldap.h. */
bool
pp_ldap_field_there(const struct pp_ldap_msg *m, unsigned int field)
{
    return field < PP_LDAP_N_FIELDS
           && pp_ldap_field_table[field].events & UINT32_C(1) << m->event;
}

/* Fields of the operations. */

static bool
get_method(const struct pp_ldap_msg *m, struct pp_value *v)
{
    return pp_get_string(m->method == 0x80 ? "simple"
                         : m->method == 0xa3 ? "sasl" : "other", v);
}

/* Fields of a bind. */
static bool
get_bind(const struct pp_ldap_msg *m, unsigned int field, struct pp_value *v)
{
    static const struct pp_ldap_part none;
    bool sasl = m->method == 0xa3;

    switch (field) {
    case PP_LDAP_I_BIND_VERSION:
        return pp_get_int(m->version, v);
    case PP_LDAP_I_BIND_METHOD:
        return get_method(m, v);
    case PP_LDAP_I_BIND_PASSWORD:
        return get_part(m, sasl ? none : m->value, v);
    case PP_LDAP_I_BIND_MECHANISM:
        return get_part(m, m->name, v);
    case PP_LDAP_I_BIND_CREDENTIALS:
        return get_part(m, sasl ? m->value : none, v);
    case PP_LDAP_I_BIND_HAS_CREDENTIALS:
        return pp_get_bool(sasl && m->value.header, v);
    default:
        return false;
    }
}

/* Fields of a search. */
static bool
get_search(const struct pp_ldap_msg *m, unsigned int field,
           struct pp_value *v)
{
    switch (field) {
    case PP_LDAP_I_SEARCH_SCOPE:
        return pp_get_int(m->scope, v);
    case PP_LDAP_I_SEARCH_DEREF:
        return pp_get_int(m->deref, v);
    case PP_LDAP_I_SEARCH_SIZE_LIMIT:
        return pp_get_int(m->size_limit, v);
    case PP_LDAP_I_SEARCH_TIME_LIMIT:
        return pp_get_int(m->time_limit, v);
    case PP_LDAP_I_SEARCH_TYPES_ONLY:
        return pp_get_bool(m->types_only, v);
    case PP_LDAP_I_FILTER:
        return get_span(m, m->filter, v);
    case PP_LDAP_I_FILTER_DEPTH:
        return pp_get_int(m->depth, v);
    case PP_LDAP_I_FILTER_EMPTY_SETS:
        return pp_get_int(m->empty_sets, v);
    case PP_LDAP_I_PAGED:
        return pp_get_bool(m->paged, v);
    case PP_LDAP_I_PAGED_SIZE:
        return pp_get_int(m->paged_size, v);
    case PP_LDAP_I_PAGED_COOKIE:
        return get_span(m, m->paged_cookie, v);
    default:
        return false;
    }
}

/* Fields of the other operations. */
static bool
get_other(const struct pp_ldap_msg *m, unsigned int field,
          struct pp_value *v)
{
    switch (field) {
    case PP_LDAP_I_COMPARE_ATTRIBUTE:
    case PP_LDAP_I_MODIFY_DN_NEW_RDN:
    case PP_LDAP_I_EXTENDED_OID:
        return get_part(m, m->name, v);
    case PP_LDAP_I_COMPARE_VALUE:
    case PP_LDAP_I_MODIFY_DN_NEW_SUPERIOR:
    case PP_LDAP_I_EXTENDED_VALUE:
        return get_part(m, m->value, v);
    case PP_LDAP_I_MODIFY_DN_HAS_NEW_SUPERIOR:
    case PP_LDAP_I_EXTENDED_HAS_VALUE:
        return pp_get_bool(m->value.header, v);
    case PP_LDAP_I_MODIFY_DN_DELETE_OLD_RDN:
        return pp_get_bool(m->delete_old, v);
    case PP_LDAP_I_ABANDON_ID:
    case PP_LDAP_I_EXTENDED_CANCEL_ID:
        return pp_get_int(m->target, v);
    default:
        return m->event == PP_LDAP_E_BIND ? get_bind(m, field, v)
               : get_search(m, field, v);
    }
}

/* get(); see pp-proxy.h. */
bool
pp_ldap_get(const struct pp_msg *msg, unsigned int field,
            struct pp_arena *arena, struct pp_value *v)
{
    const struct pp_ldap_msg *m = msg->decoded;
    const struct pp_ldap_conn *conn = msg->conn;
    enum pp_ldap_list_id id = pp_ldap_list_of(field);

    (void) arena;
    if (field >= PP_LDAP_N_FIELDS) {
        return false;
    }
    if (!pp_ldap_field_there(m, field)) {
        *v = (struct pp_value) { .type = pp_ldap_field_table[field].type };
        return true;
    }
    if (id != PP_LDAP_N_LISTS) {
        *v = pp_value_list(m->lists[id].n);
        return true;
    }
    switch (field) {
    case PP_LDAP_I_MESSAGE_ID:
        return pp_get_int(m->id, v);
    case PP_LDAP_I_MESSAGE_LENGTH:
        return pp_get_int((int64_t) m->total, v);
    case PP_LDAP_I_OPERATION:
        return pp_get_string(pp_proxy_ldap.events[m->event].name, v);
    case PP_LDAP_I_OPERATION_TAG:
        return pp_get_int(m->op.tag, v);
    case PP_LDAP_I_TRUNCATED:
        return pp_get_bool(m->truncated, v);
    case PP_LDAP_I_MALFORMED:
        return pp_get_bool(m->malformed, v);
    case PP_LDAP_I_TRAILING_LENGTH:
        return pp_get_int(m->trailing, v);
    case PP_LDAP_I_ENCODING_MINIMAL:
        return pp_get_bool(m->minimal, v);
    case PP_LDAP_I_ENCODING_CONSISTENT:
        return pp_get_bool(m->consistent, v);
    case PP_LDAP_I_ENCODING_TAGS:
        return pp_get_bool(m->tags, v);
    case PP_LDAP_I_BOUND:
        return pp_get_bool(conn->bound, v);
    case PP_LDAP_I_BOUND_NAME:
        *v = pp_value_bytes(conn->name, conn->bound ? conn->name_len : 0);
        return true;
    case PP_LDAP_I_BOUND_SASL:
        return pp_get_bool(conn->bound && conn->bound_sasl, v);
    case PP_LDAP_I_BOUND_VERSION:
        return pp_get_int(conn->bind_version ? conn->bind_version : 3, v);
    case PP_LDAP_I_ASSERTION_DEPTH:
        return pp_get_int(m->assertion_depth, v);
    case PP_LDAP_I_UNANSWERED:
        return pp_get_int(conn->n_pending, v);
    case PP_LDAP_I_DN:
        return get_part(m, m->dn, v);
    default:
        return get_other(m, field, v);
    }
}

/* Fields of elements. */

static const char *
filter_kind(int64_t tag)
{
    switch (tag) {
    case PP_LDAP_F_AND:
        return "and";
    case PP_LDAP_F_OR:
        return "or";
    case PP_LDAP_F_NOT:
        return "not";
    case PP_LDAP_F_EQUALITY:
        return "equality";
    case PP_LDAP_F_SUBSTRINGS:
        return "substrings";
    case PP_LDAP_F_GREATER:
        return "greater";
    case PP_LDAP_F_LESS:
        return "less";
    case PP_LDAP_F_PRESENT:
        return "present";
    case PP_LDAP_F_APPROX:
        return "approx";
    case PP_LDAP_F_EXTENSIBLE:
        return "extensible";
    default:
        return "other";
    }
}

static bool
get_control(const struct pp_ldap_msg *m, const struct pp_ldap_item *item,
            unsigned int sub, struct pp_value *v)
{
    switch ((enum pp_ldap_control_elem_index) sub) {
    case PP_LDAP_CONTROL_OID:
        return get_part(m, item->name, v);
    case PP_LDAP_CONTROL_CRITICAL:
        return pp_get_bool(item->flag, v);
    case PP_LDAP_CONTROL_VALUE:
        return get_part(m, item->value, v);
    case PP_LDAP_CONTROL_HAS_VALUE:
        return pp_get_bool(item->value.header, v);
    case PP_LDAP_CONTROL_RAW:
        return get_span(m, item->raw, v);
    }
    return false;
}

static bool
get_filter(const struct pp_ldap_msg *m, const struct pp_ldap_item *item,
           unsigned int sub, struct pp_value *v)
{
    static const struct pp_ldap_part none;

    switch ((enum pp_ldap_filter_elem_index) sub) {
    case PP_LDAP_FILTER_KIND:
        return pp_get_string(filter_kind(item->number), v);
    case PP_LDAP_FILTER_TAG:
        return pp_get_int(item->number, v);
    case PP_LDAP_FILTER_DEPTH:
        return pp_get_int(item->count, v);
    case PP_LDAP_FILTER_ATTRIBUTE:
        return get_part(m, item->name, v);
    case PP_LDAP_FILTER_VALUE:
        return get_part(m, strcmp(filter_kind(item->number), "other")
                           ? item->value : none, v);
    case PP_LDAP_FILTER_RULE:
        return get_part(m, item->rule, v);
    case PP_LDAP_FILTER_DN_ATTRIBUTES:
        return pp_get_bool(item->flag, v);
    case PP_LDAP_FILTER_RAW:
        return get_span(m, item->raw, v);
    }
    return false;
}

static bool
get_piece(const struct pp_ldap_msg *m, const struct pp_ldap_item *item,
          unsigned int sub, struct pp_value *v)
{
    switch ((enum pp_ldap_piece_elem_index) sub) {
    case PP_LDAP_PIECE_KIND:
        return pp_get_string(item->number == 0 ? "initial"
                             : item->number == 1 ? "any" : "final", v);
    case PP_LDAP_PIECE_ATTRIBUTE:
        return get_part(m, item->name, v);
    case PP_LDAP_PIECE_VALUE:
        return get_part(m, item->value, v);
    case PP_LDAP_PIECE_FILTER:
        return pp_get_int(item->owner, v);
    case PP_LDAP_PIECE_RAW:
        return get_span(m, item->raw, v);
    }
    return false;
}

static bool
get_change(const struct pp_ldap_msg *m, const struct pp_ldap_item *item,
           unsigned int sub, struct pp_value *v)
{
    switch ((enum pp_ldap_change_elem_index) sub) {
    case PP_LDAP_CHANGE_OPERATION:
        return pp_get_int(item->number, v);
    case PP_LDAP_CHANGE_ATTRIBUTE:
        return get_part(m, item->name, v);
    case PP_LDAP_CHANGE_COUNT:
        return pp_get_int(item->count, v);
    case PP_LDAP_CHANGE_RAW:
        return get_span(m, item->raw, v);
    }
    return false;
}

static bool
get_value(const struct pp_ldap_msg *m, const struct pp_ldap_item *item,
          unsigned int sub, struct pp_value *v)
{
    switch ((enum pp_ldap_value_elem_index) sub) {
    case PP_LDAP_VALUE_OPERATION:
        return pp_get_int(item->number, v);
    case PP_LDAP_VALUE_ATTRIBUTE:
        return get_part(m, item->name, v);
    case PP_LDAP_VALUE_VALUE:
        return get_part(m, item->value, v);
    case PP_LDAP_VALUE_CHANGE:
        return pp_get_int(item->owner, v);
    case PP_LDAP_VALUE_RAW:
        return get_span(m, item->raw, v);
    }
    return false;
}

static bool
get_sort_key(const struct pp_ldap_msg *m, const struct pp_ldap_item *item,
             unsigned int sub, struct pp_value *v)
{
    switch ((enum pp_ldap_sort_elem_index) sub) {
    case PP_LDAP_SORT_ATTRIBUTE:
        return get_part(m, item->name, v);
    case PP_LDAP_SORT_RULE:
        return get_part(m, item->rule, v);
    case PP_LDAP_SORT_REVERSE:
        return pp_get_bool(item->flag, v);
    }
    return false;
}

static bool
get_return_filter(const struct pp_ldap_msg *m,
                  const struct pp_ldap_item *item, unsigned int sub,
                  struct pp_value *v)
{
    switch ((enum pp_ldap_return_elem_index) sub) {
    case PP_LDAP_RETURN_KIND:
        return get_filter(m, item, PP_LDAP_FILTER_KIND, v);
    case PP_LDAP_RETURN_TAG:
        return get_filter(m, item, PP_LDAP_FILTER_TAG, v);
    case PP_LDAP_RETURN_ATTRIBUTE:
        return get_filter(m, item, PP_LDAP_FILTER_ATTRIBUTE, v);
    case PP_LDAP_RETURN_VALUE:
        return get_filter(m, item, PP_LDAP_FILTER_VALUE, v);
    case PP_LDAP_RETURN_RULE:
        return get_filter(m, item, PP_LDAP_FILTER_RULE, v);
    }
    return false;
}

/* get_elem(); see pp-proxy.h. */
bool
pp_ldap_get_elem(const struct pp_msg *msg, unsigned int field,
                 uint32_t index, unsigned int sub, struct pp_arena *arena,
                 struct pp_value *v)
{
    const struct pp_ldap_msg *m = msg->decoded;
    enum pp_ldap_list_id id = pp_ldap_list_of(field);
    const struct pp_ldap_item *item;

    (void) arena;
    if (id == PP_LDAP_N_LISTS || !pp_ldap_field_there(m, field)
        || index >= m->lists[id].n) {
        return false;
    }
    item = pp_ldap_item(m, id, index);
    switch (id) {
    case PP_LDAP_L_FILTERS:
        return get_filter(m, item, sub, v);
    case PP_LDAP_L_PIECES:
        return get_piece(m, item, sub, v);
    case PP_LDAP_L_ATTRIBUTES:
        return sub == PP_LDAP_NAME_NAME && get_part(m, item->name, v);
    case PP_LDAP_L_CHANGES:
        return get_change(m, item, sub, v);
    case PP_LDAP_L_VALUES:
        return get_value(m, item, sub, v);
    case PP_LDAP_L_CONTROLS:
        return get_control(m, item, sub, v);
    case PP_LDAP_L_SORT_KEYS:
        return get_sort_key(m, item, sub, v);
    case PP_LDAP_L_RETURN_FILTERS:
        return get_return_filter(m, item, sub, v);
    case PP_LDAP_N_LISTS:
        break;
    }
    return false;
}
