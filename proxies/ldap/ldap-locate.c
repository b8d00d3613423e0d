/* SPDX-License-Identifier: Apache-2.0 */

/* Where fields stand.
 *
 * In: a unit and a field of it.  Out: spans of the view.  Runs in the
 * engine's data threads; owns nothing.
 *
 * A value is an element's content; what deleting takes away is the element
 * with its header, where the message does without, else the content.  Each
 * place that is asked for is kept in the scratch memory for reframe(). */

#include <config.h>

#include "ldap-fields.h"
#include "pp-ldap.h"

/* Says where 'place' stands, and keeps it. */
static bool
found(const struct pp_ldap_msg *m, const struct pp_ldap_place *place,
      struct pp_span *value, struct pp_span *extent)
{
    struct pp_ldap_msg *own = &m->scratch->msg;

    if (own->n_places >= PP_LDAP_PLACES_MAX) {
        return false;
    }
    m->scratch->places[own->n_places++] = *place;
    *value = place->value;
    *extent = place->extent;
    return true;
}

/* The content of 'part'; with 'optional' deleting takes all of it. */
static bool
found_part(const struct pp_ldap_msg *m, struct pp_ldap_part part,
           bool optional, struct pp_span *value, struct pp_span *extent)
{
    struct pp_span whole = pp_ldap_whole(part);
    struct pp_ldap_place place = {
        .value = part.content,
        .extent = optional ? whole : part.content,
        .element = whole.off,
        .value_inside = true,
        .extent_inside = !optional,
    };

    return part.header && found(m, &place, value, extent);
}

/* The element at 's', as a whole. */
static bool
found_element(const struct pp_ldap_msg *m, struct pp_span s,
              struct pp_span *value, struct pp_span *extent)
{
    struct pp_ldap_place place = {
        .value = s, .extent = s, .element = s.off,
    };

    return s.len && found(m, &place, value, extent);
}

/* A field of an element. */
static bool
locate_sub(const struct pp_ldap_msg *m, enum pp_ldap_list_id id,
           const struct pp_ldap_item *item, unsigned int sub,
           struct pp_span *value, struct pp_span *extent)
{
    switch (id) {
    case PP_LDAP_L_FILTERS:
        return sub == PP_LDAP_FILTER_ATTRIBUTE
               ? found_part(m, item->name,
                            item->number == PP_LDAP_F_EXTENSIBLE, value,
                            extent)
               : sub == PP_LDAP_FILTER_VALUE
                 && item->number != PP_LDAP_F_SUBSTRINGS
               ? found_part(m, item->value, false, value, extent)
               : sub == PP_LDAP_FILTER_RULE
               ? found_part(m, item->rule, true, value, extent)
               : sub == PP_LDAP_FILTER_RAW
                 && found_element(m, item->raw, value, extent);
    case PP_LDAP_L_PIECES:
        return sub == PP_LDAP_PIECE_ATTRIBUTE
               ? found_part(m, item->name, false, value, extent)
               : sub == PP_LDAP_PIECE_VALUE
               ? found_part(m, item->value, false, value, extent)
               : sub == PP_LDAP_PIECE_RAW
                 && found_element(m, item->raw, value, extent);
    case PP_LDAP_L_ATTRIBUTES:
        return sub == PP_LDAP_NAME_NAME
               && found_part(m, item->name, false, value, extent);
    case PP_LDAP_L_CHANGES:
        return sub == PP_LDAP_CHANGE_ATTRIBUTE
               ? found_part(m, item->name, false, value, extent)
               : sub == PP_LDAP_CHANGE_RAW
                 && found_element(m, item->raw, value, extent);
    case PP_LDAP_L_VALUES:
        return sub == PP_LDAP_VALUE_ATTRIBUTE
               ? found_part(m, item->name, false, value, extent)
               : sub == PP_LDAP_VALUE_VALUE
               ? found_part(m, item->value, false, value, extent)
               : sub == PP_LDAP_VALUE_RAW
                 && found_element(m, item->raw, value, extent);
    case PP_LDAP_L_CONTROLS:
        return sub == PP_LDAP_CONTROL_OID
               ? found_part(m, item->name, false, value, extent)
               : sub == PP_LDAP_CONTROL_VALUE
               ? found_part(m, item->value, true, value, extent)
               : sub == PP_LDAP_CONTROL_RAW
                 && found_element(m, item->raw, value, extent);
    case PP_LDAP_L_SORT_KEYS:
    case PP_LDAP_L_RETURN_FILTERS:
    case PP_LDAP_N_LISTS:
        break;
    }
    return false;
}

/* An element of a list, or a field of it. */
static bool
locate_item(const struct pp_ldap_msg *m, enum pp_ldap_list_id id,
            uint32_t index, int sub, struct pp_span *value,
            struct pp_span *extent)
{
    const struct pp_ldap_item *item;

    if (index >= m->lists[id].n || id == PP_LDAP_L_SORT_KEYS
        || id == PP_LDAP_L_RETURN_FILTERS) {
        return false;
    }
    item = pp_ldap_item(m, id, index);
    return sub < 0 ? found_element(m, item->raw, value, extent)
           : locate_sub(m, id, item, (unsigned int) sub, value, extent);
}

/* locate() of what is no list. */
static bool
locate_plain(const struct pp_ldap_msg *m, unsigned int field,
             struct pp_span *value, struct pp_span *extent)
{
    bool sasl = m->method == 0xa3;

    switch (field) {
    case PP_LDAP_I_DN:
        return found_part(m, m->dn, false, value, extent);
    case PP_LDAP_I_BIND_PASSWORD:
        return !sasl && found_part(m, m->value, false, value, extent);
    case PP_LDAP_I_BIND_CREDENTIALS:
        return sasl && found_part(m, m->value, true, value, extent);
    case PP_LDAP_I_BIND_MECHANISM:
    case PP_LDAP_I_COMPARE_ATTRIBUTE:
    case PP_LDAP_I_MODIFY_DN_NEW_RDN:
    case PP_LDAP_I_EXTENDED_OID:
        return found_part(m, m->name, false, value, extent);
    case PP_LDAP_I_COMPARE_VALUE:
        return found_part(m, m->value, false, value, extent);
    case PP_LDAP_I_MODIFY_DN_NEW_SUPERIOR:
    case PP_LDAP_I_EXTENDED_VALUE:
        return found_part(m, m->value, true, value, extent);
    case PP_LDAP_I_FILTER:
        return found_element(m, m->filter, value, extent);
    default:
        return false;
    }
}

/* locate(); see pp-proxy.h. */
bool
pp_ldap_locate(const struct pp_msg *msg, unsigned int field, uint32_t index,
               int sub, struct pp_span *value, struct pp_span *extent)
{
    const struct pp_ldap_msg *m = msg->decoded;
    enum pp_ldap_list_id id = pp_ldap_list_of(field);

    if (!pp_ldap_field_there(m, field)) {
        return false;
    }
    return id != PP_LDAP_N_LISTS
           ? locate_item(m, id, index, sub, value, extent)
           : locate_plain(m, field, value, extent);
}
