/* SPDX-License-Identifier: Apache-2.0 */

/* Search filters (RFC 4511 4.5.1.7).
 *
 * In: a walk that stands before a filter.  Out: its items, how deep it is,
 * and the walk behind it.  Runs in the engine's data threads; owns nothing.
 *
 * Servers read filters by recursion, and by position: a 'not' is followed by
 * its operand whatever its length says, and a set is over once its end is
 * reached or passed.  Here is no recursion: the ends of the sets that are
 * open are on a stack in the scratch memory. */

#include <config.h>

#include "pp-ldap.h"

/* With an end: it is a 'not's, which is over with its operand.  Messages are
 * too short for this to be part of an offset. */
#define NOT_OPEN (UINT32_C(1) << 31)

_Static_assert(PP_LDAP_MESSAGE_MAX < NOT_OPEN, "a bit of an end is in use");

/* An AttributeValueAssertion (RFC 4511 4.1.6). */
static void
read_assertion(struct pp_ldap_walk *w, struct pp_ldap_item *item)
{
    struct pp_ber e;

    if (pp_ldap_enter(w, 0, &e)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &item->name)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &item->value)) {
        pp_ldap_leave(w, &e);
    }
}

/* A SubstringFilter (RFC 4511 4.5.1.7.2).  A piece with a tag of none is left
 * for what comes next: a server that gives the filter up before it takes it
 * for one more filter. */
static void
read_substrings(struct pp_ldap_walk *w, struct pp_ldap_item *item,
                enum pp_ldap_list_id id)
{
    struct pp_ber e, list;

    if (!pp_ldap_enter(w, 0, &e)
        || !pp_ldap_take(w, PP_BER_OCTET_STRING, &item->name)
        || !pp_ldap_enter(w, PP_BER_SEQUENCE, &list)) {
        return;
    }
    while (!w->failed && w->r.pos < pp_ber_end(&list)) {
        uint32_t tag = pp_ldap_peek(w);
        struct pp_ldap_item *piece;

        if (tag < 0x80 || tag > 0x82) {
            break;
        }
        if (id != PP_LDAP_L_FILTERS) {
            struct pp_ldap_part part;

            pp_ldap_take(w, 0, &part);
            continue;
        }
        piece = pp_ldap_new(w, PP_LDAP_L_PIECES);
        if (piece) {
            piece->owner = w->m->lists[id].n - 1;
            piece->name = item->name;
            piece->number = tag - 0x80;
            pp_ldap_take(w, 0, &piece->value);
            pp_ldap_item_end(w, PP_LDAP_L_PIECES, piece);
        }
    }
    pp_ldap_leave(w, &list);
    pp_ldap_leave(w, &e);
}

/* A MatchingRuleAssertion (RFC 4511 4.5.1.7.7). */
static void
read_extensible(struct pp_ldap_walk *w, struct pp_ldap_item *item)
{
    struct pp_ber e;
    int64_t dn_attributes = 0;

    if (!pp_ldap_enter(w, 0, &e)) {
        return;
    }
    if (pp_ldap_peek(w) == 0x81) {
        pp_ldap_take(w, 0, &item->rule);
    }
    if (pp_ldap_peek(w) == 0x82) {
        pp_ldap_take(w, 0, &item->name);
    }
    if (pp_ldap_peek(w) == 0x83) {
        pp_ldap_take(w, 0, &item->value);
    } else {
        pp_ldap_fail(w);
    }
    if (pp_ldap_peek(w) == 0x84) {
        pp_ldap_take_int(w, 0, &dn_attributes);
    }
    item->flag = dn_attributes;
    pp_ldap_leave(w, &e);
}

/* A filter that has no filters in it. */
static void
read_simple(struct pp_ldap_walk *w, struct pp_ldap_item *item,
            enum pp_ldap_list_id id)
{
    switch (item->number) {
    case PP_LDAP_F_EQUALITY:
    case PP_LDAP_F_GREATER:
    case PP_LDAP_F_LESS:
    case PP_LDAP_F_APPROX:
        read_assertion(w, item);
        break;
    case PP_LDAP_F_SUBSTRINGS:
        read_substrings(w, item, id);
        break;
    case PP_LDAP_F_EXTENSIBLE:
        read_extensible(w, item);
        break;
    case PP_LDAP_F_PRESENT:
        pp_ldap_take(w, 0, &item->name);
        break;
    default:
        /* Unknown: servers pass over it. */
        w->m->tags = false;
        pp_ldap_take(w, 0, &item->value);
        break;
    }
}

/* A filter begins here, 'depth' deep, of list 'id'.  Returns true where it is
 * one that has filters in it: 'e' has its header, and '*item' it. */
static bool
filter_begin(struct pp_ldap_walk *w, enum pp_ldap_list_id id, uint32_t depth,
             struct pp_ldap_item **itemp, struct pp_ber *e)
{
    struct pp_ldap_item *item;

    item = *itemp = pp_ldap_new(w, id);
    if (!item) {
        return false;
    }
    item->number = pp_ldap_peek(w);
    item->count = depth;
    if (item->number == PP_LDAP_F_AND || item->number == PP_LDAP_F_OR
        || item->number == PP_LDAP_F_NOT) {
        if (!pp_ldap_enter(w, 0, e)) {
            return false;
        }
        item->raw.len = (uint32_t) pp_ber_end(e) - item->raw.off;
        if (pp_ber_end(e) > w->r.end) {
            item->raw.len = (uint32_t) w->r.end - item->raw.off;
        }
        return true;
    }
    read_simple(w, item, id);
    pp_ldap_item_end(w, id, item);
    return false;
}

/* Closes the filters that are over here, of 'open'.  Returns how many are
 * still open. */
static uint32_t
filters_end(struct pp_ldap_walk *w, uint32_t open)
{
    const uint32_t *ends = w->m->scratch->ends;

    while (open && !w->failed) {
        bool not = ends[open - 1] & NOT_OPEN;
        uint32_t end = ends[open - 1] & ~NOT_OPEN;

        if (!not && w->r.pos < end && pp_ldap_peek(w)) {
            break;
        }
        w->m->consistent &= w->r.pos == end;
        open--;
    }
    return open;
}

/* See pp-ldap.h. */
uint32_t
pp_ldap_filter(struct pp_ldap_walk *w, enum pp_ldap_list_id id)
{
    uint32_t *ends = w->m->scratch->ends;
    uint32_t open = 0, depth = 0;

    do {
        struct pp_ldap_item *item;
        struct pp_ber e;

        depth = open > depth ? open : depth;
        if (filter_begin(w, id, open, &item, &e)) {
            bool not = item->number == PP_LDAP_F_NOT;

            if (open >= PP_LDAP_DEPTH_MAX) {
                pp_ldap_fail(w);    /* There are not bytes enough for it. */
                break;
            }
            ends[open++] = (uint32_t) pp_ber_end(&e) | (not ? NOT_OPEN : 0);
            if (not) {
                continue;
            }
            w->m->empty_sets += !e.len && id == PP_LDAP_L_FILTERS;
        }
        open = filters_end(w, open);
    } while (open && !w->failed);
    return depth;
}

/* See pp-ldap.h. */
void
pp_ldap_return_filter(struct pp_ldap_walk *w)
{
    struct pp_ber list;

    if (w->m->lists[PP_LDAP_L_RETURN_FILTERS].n
        || !pp_ldap_enter(w, PP_BER_SEQUENCE, &list)) {
        return;
    }
    while (!w->failed && w->r.pos < pp_ber_end(&list)) {
        struct pp_ldap_item *item = pp_ldap_new(w, PP_LDAP_L_RETURN_FILTERS);

        if (!item) {
            return;
        }
        item->number = pp_ldap_peek(w);
        read_simple(w, item, PP_LDAP_L_RETURN_FILTERS);
        pp_ldap_item_end(w, PP_LDAP_L_RETURN_FILTERS, item);
    }
}
