/* SPDX-License-Identifier: Apache-2.0 */

/* A message: its operation and its controls (RFC 4511 4).
 *
 * In: bytes of the client.  Out: struct pp_ldap_msg in the scratch memory.
 * Runs in the engine's data threads; owns nothing.  Has no side effects: what
 * a message means for the connection is ldap-request.c's. */

#include <config.h>

#include "pp-ldap.h"

#include <string.h>

/* OIDs of controls and of an operation that are looked into. */
#define OID_PAGED "1.2.840.113556.1.4.319"              /* RFC 2696. */
#define OID_SORT "1.2.840.113556.1.4.473"               /* RFC 2891. */
#define OID_RETURN_FILTER "1.2.826.0.1.3344810.2.3"     /* RFC 3876. */
#define OID_ASSERTION "1.3.6.1.1.12"                    /* RFC 4528. */
#define OID_CANCEL "1.3.6.1.1.8"                        /* RFC 3909. */

/* See pp-ldap.h. */
struct pp_bytes
pp_ldap_bytes(const struct pp_reader *text, struct pp_span s)
{
    struct pp_reader r = *text;

    r.pos = 0;
    pp_reader_skip(&r, s.off);
    return (struct pp_bytes) { .p = pp_reader_bytes(&r, s.len),
                               .n = r.error ? 0 : s.len };
}

static int
lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* See pp-ldap.h. */
bool
pp_ldap_is(const struct pp_reader *text, struct pp_span s, const char *word,
           bool nocase)
{
    struct pp_bytes bytes = pp_ldap_bytes(text, s);
    size_t i;

    if (bytes.n != strlen(word)) {
        return false;
    }
    for (i = 0; i < bytes.n; i++) {
        if (nocase ? lower(bytes.p[i]) != lower(word[i])
                   : bytes.p[i] != (uint8_t) word[i]) {
            return false;
        }
    }
    return true;
}

/* See pp-ldap.h. */
enum pp_ldap_event
pp_ldap_event_of(uint32_t tag)
{
    /* Whether it says that it is made of elements is not looked at by all
     * servers. */
    if ((tag & 0xc0) == 0x40 && tag < 0x80) {
        tag |= PP_BER_CONSTRUCTED;
    }
    switch (tag) {
    case PP_LDAP_T_BIND:
        return PP_LDAP_E_BIND;
    case PP_LDAP_T_UNBIND | PP_BER_CONSTRUCTED:
        return PP_LDAP_E_UNBIND;
    case PP_LDAP_T_SEARCH:
        return PP_LDAP_E_SEARCH;
    case PP_LDAP_T_MODIFY:
        return PP_LDAP_E_MODIFY;
    case PP_LDAP_T_ADD:
        return PP_LDAP_E_ADD;
    case PP_LDAP_T_DELETE | PP_BER_CONSTRUCTED:
        return PP_LDAP_E_DELETE;
    case PP_LDAP_T_MODIFY_DN:
        return PP_LDAP_E_MODIFY_DN;
    case PP_LDAP_T_COMPARE:
        return PP_LDAP_E_COMPARE;
    case PP_LDAP_T_ABANDON | PP_BER_CONSTRUCTED:
        return PP_LDAP_E_ABANDON;
    case PP_LDAP_T_EXTENDED:
        return PP_LDAP_E_EXTENDED;
    default:
        return PP_LDAP_E_OTHER;
    }
}

/* As pp_ldap_prefix(), for a message of any tag. */
static enum pp_ldap_found
read_prefix(const struct pp_reader *text, uint32_t pos,
            struct pp_ldap_prefix *prefix)
{
    struct pp_reader r = *text;
    enum pp_ber_result result;
    struct pp_ber id;
    bool all, enough;

    r.pos = 0;
    pp_reader_skip(&r, pos);
    memset(prefix, 0, sizeof *prefix);
    switch (pp_ber_header(&r, &prefix->outer)) {
    case PP_BER_FOUND:
        break;
    case PP_BER_MORE:
        return PP_LDAP_MORE;
    case PP_BER_BAD:
        return PP_LDAP_BAD_LENGTH;
    }
    if (prefix->outer.len > PP_LDAP_MESSAGE_MAX - PP_BER_HEADER_MAX) {
        return PP_LDAP_TOO_LONG;
    }
    all = pp_reader_left(&r) >= prefix->outer.len;
    enough = all || pp_reader_left(&r) >= PP_LDAP_PREFIX_MAX;
    if (prefix->outer.len < pp_reader_left(&r)) {
        r.end = r.pos + (size_t) prefix->outer.len;
    }
    result = pp_ber_header(&r, &id);
    if (result == PP_BER_FOUND && pp_reader_left(&r) >= id.len) {
        struct pp_span s = { .off = id.content, .len = (uint32_t) id.len };

        pp_reader_skip(&r, (size_t) id.len);
        if (!pp_ber_int(text, s, &prefix->id)) {
            prefix->id = 0;     /* Of more octets than RFC 4511 allows. */
        }
        result = pp_ber_header(&r, &prefix->op);
        prefix->whole = result == PP_BER_FOUND;
    }
    prefix->odd = !prefix->whole && (result == PP_BER_BAD || !all);
    return prefix->whole || enough ? PP_LDAP_FOUND : PP_LDAP_MORE;
}

/* See pp-ldap.h. */
enum pp_ldap_found
pp_ldap_prefix(const struct pp_reader *text, uint32_t pos,
               struct pp_ldap_prefix *prefix)
{
    int first = pp_reader_peek(text, pos);

    return (first < 0 ? PP_LDAP_MORE
            : first != PP_BER_SEQUENCE ? PP_LDAP_NOT_LDAP
            : read_prefix(text, pos, prefix));
}

/* See pp-ldap.h. */
enum pp_ldap_found
pp_ldap_prefix_odd(const struct pp_reader *text, struct pp_ldap_prefix *prefix)
{
    enum pp_ldap_found found = read_prefix(text, 0, prefix);
    struct pp_reader r = *text;
    struct pp_ber outer;

    r.pos = 0;
    if (found == PP_LDAP_MORE && pp_ber_header(&r, &outer) == PP_BER_FOUND
        && pp_reader_left(&r) && pp_reader_peek(&r, 0) != PP_BER_INTEGER) {
        return PP_LDAP_NOT_LDAP;
    }
    if (found == PP_LDAP_MORE) {
        return found;
    }
    return (found == PP_LDAP_FOUND && prefix->whole
            && pp_reader_peek(text, prefix->outer.content) == PP_BER_INTEGER
            && pp_ldap_event_of(prefix->op.tag) != PP_LDAP_E_OTHER
            ? PP_LDAP_FOUND : PP_LDAP_NOT_LDAP);
}

/* Walking. */

/* See pp-ldap.h. */
bool
pp_ldap_fail(struct pp_ldap_walk *w)
{
    w->failed = true;
    w->m->malformed = true;
    return false;
}

/* The next element is there in part only: the rest is not looked at. */
static bool
stop_truncated(struct pp_ldap_walk *w)
{
    w->failed = true;
    return false;
}

/* Reads a header.  'fits': its content must be within the message. */
static bool
walk_header(struct pp_ldap_walk *w, uint32_t tag, struct pp_ber *e)
{
    if (w->failed) {
        return false;
    }
    switch (pp_ber_header(&w->r, e)) {
    case PP_BER_FOUND:
        break;
    case PP_BER_MORE:
        return w->limit > w->r.end ? stop_truncated(w) : pp_ldap_fail(w);
    case PP_BER_BAD:
        w->m->odd = true;
        return pp_ldap_fail(w);
    }
    w->m->minimal &= e->minimal;
    w->m->tags &= !tag || e->tag == tag;
    return true;
}

/* See pp-ldap.h. */
uint32_t
pp_ldap_peek(const struct pp_ldap_walk *w)
{
    struct pp_reader r = w->r;
    struct pp_ber e;

    return !w->failed && pp_ber_header(&r, &e) == PP_BER_FOUND
           && e.len <= w->limit - e.content ? e.tag : 0;
}

/* See pp-ldap.h.  What is in it is not less for a length that is too long. */
bool
pp_ldap_enter(struct pp_ldap_walk *w, uint32_t tag, struct pp_ber *e)
{
    if (!walk_header(w, tag, e)) {
        return false;
    }
    if (e->len > w->limit - e->content) {
        e->len = w->limit - e->content;
        w->m->consistent = false;
    }
    return true;
}

/* See pp-ldap.h. */
bool
pp_ldap_take(struct pp_ldap_walk *w, uint32_t tag, struct pp_ldap_part *part)
{
    struct pp_ber e;

    if (!walk_header(w, tag, &e)) {
        return false;
    }
    w->m->odd |= e.constructed && e.tag == (tag | PP_BER_CONSTRUCTED);
    if (e.len > w->limit - e.content) {
        return pp_ldap_fail(w);
    }
    if (e.len > pp_reader_left(&w->r)) {
        return stop_truncated(w);
    }
    part->content = (struct pp_span) { .off = e.content,
                                       .len = (uint32_t) e.len };
    part->header = (uint8_t) (e.content - e.start);
    pp_reader_skip(&w->r, (size_t) e.len);
    return true;
}

/* See pp-ldap.h. */
bool
pp_ldap_take_int(struct pp_ldap_walk *w, uint32_t tag, int64_t *value)
{
    struct pp_ldap_part part;

    if (!pp_ldap_take(w, tag, &part)) {
        return false;
    }
    *value = -1;
    return part.content.len > PP_LDAP_INT_OCTETS_MAX
           || pp_ber_int(&w->m->text, part.content, value)
           || pp_ldap_fail(w);
}

/* See pp-ldap.h. */
void
pp_ldap_leave(struct pp_ldap_walk *w, const struct pp_ber *e)
{
    w->m->consistent &= w->failed || w->r.pos == pp_ber_end(e);
}

/* True until the content of 'e' is behind. */
static bool
within(const struct pp_ldap_walk *w, const struct pp_ber *e)
{
    return !w->failed && w->r.pos < pp_ber_end(e);
}

/* See pp-ldap.h. */
struct pp_ldap_item *
pp_ldap_new(struct pp_ldap_walk *w, enum pp_ldap_list_id id)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ldap_list *list = &m->lists[id];
    struct pp_ldap_item *item = &m->scratch->unlisted;

    if (id == PP_LDAP_N_LISTS) {
        memset(item, 0, sizeof *item);
        return item;
    }
    if (m->up + m->down >= PP_LDAP_ITEMS_MAX) {
        pp_ldap_fail(w);
        return NULL;
    }
    list->down = id == PP_LDAP_L_PIECES || id == PP_LDAP_L_VALUES;
    if (!list->n) {
        list->first = list->down ? PP_LDAP_ITEMS_MAX - 1 - m->down : m->up;
    }
    m->up += !list->down;
    m->down += list->down;
    item = pp_ldap_item(m, id, list->n++);
    memset(item, 0, sizeof *item);
    item->raw.off = (uint32_t) w->r.pos;
    return item;
}

/* See pp-ldap.h. */
void
pp_ldap_item_end(struct pp_ldap_walk *w, enum pp_ldap_list_id id,
                 struct pp_ldap_item *item)
{
    if (id == PP_LDAP_N_LISTS) {
        return;
    }
    if (w->failed) {
        w->m->lists[id].n--;
    } else {
        item->raw.len = (uint32_t) w->r.pos - item->raw.off;
    }
}

/* Operations. */

/* RFC 4511 4.2. */
static void
decode_bind(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ber op, sasl;

    if (!pp_ldap_enter(w, PP_LDAP_T_BIND, &op)
        || !pp_ldap_take_int(w, PP_BER_INTEGER, &m->version)
        || !pp_ldap_take(w, PP_BER_OCTET_STRING, &m->dn)) {
        return;
    }
    m->method = pp_ldap_peek(w);
    if (m->method == 0xa3) {
        if (pp_ldap_enter(w, 0, &sasl)
            && pp_ldap_take(w, PP_BER_OCTET_STRING, &m->name)
            && pp_ldap_peek(w) == PP_BER_OCTET_STRING) {
            pp_ldap_take(w, 0, &m->value);
        }
        pp_ldap_leave(w, &sasl);
    } else {
        m->odd |= m->method == (0x80 | PP_BER_CONSTRUCTED);
        pp_ldap_take(w, 0, &m->value);
    }
    pp_ldap_leave(w, &op);
}

/* RFC 4511 4.5.1. */
static void
decode_search(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ber op, list;
    int64_t types_only = 0;

    if (!pp_ldap_enter(w, PP_LDAP_T_SEARCH, &op)
        || !pp_ldap_take(w, PP_BER_OCTET_STRING, &m->dn)
        || !pp_ldap_take_int(w, PP_BER_ENUMERATED, &m->scope)
        || !pp_ldap_take_int(w, PP_BER_ENUMERATED, &m->deref)
        || !pp_ldap_take_int(w, PP_BER_INTEGER, &m->size_limit)
        || !pp_ldap_take_int(w, PP_BER_INTEGER, &m->time_limit)
        || !pp_ldap_take_int(w, PP_BER_BOOLEAN, &types_only)) {
        return;
    }
    m->types_only = types_only;
    m->filter.off = (uint32_t) w->r.pos;
    m->depth = pp_ldap_filter(w, PP_LDAP_L_FILTERS);
    m->filter.len = (uint32_t) w->r.pos - m->filter.off;
    if (!pp_ldap_enter(w, PP_BER_SEQUENCE, &list)) {
        return;
    }
    while (within(w, &list)) {
        struct pp_ldap_item *item = pp_ldap_new(w, PP_LDAP_L_ATTRIBUTES);

        if (item) {
            pp_ldap_take(w, PP_BER_OCTET_STRING, &item->name);
            pp_ldap_item_end(w, PP_LDAP_L_ATTRIBUTES, item);
        }
    }
    pp_ldap_leave(w, &list);
    pp_ldap_leave(w, &op);
}

/* A PartialAttribute (RFC 4511 4.1.7) of 'change'. */
static void
decode_attribute(struct pp_ldap_walk *w, struct pp_ldap_item *change)
{
    struct pp_ldap_msg *m = w->m;
    uint32_t owner = m->lists[PP_LDAP_L_CHANGES].n - 1;
    struct pp_ber e, set;

    if (!pp_ldap_enter(w, PP_BER_SEQUENCE, &e)
        || !pp_ldap_take(w, PP_BER_OCTET_STRING, &change->name)
        || !pp_ldap_enter(w, PP_BER_SET, &set)) {
        return;
    }
    while (within(w, &set)) {
        struct pp_ldap_item *item = pp_ldap_new(w, PP_LDAP_L_VALUES);

        if (item) {
            item->owner = owner;
            item->name = change->name;
            item->number = change->number;
            pp_ldap_take(w, PP_BER_OCTET_STRING, &item->value);
            pp_ldap_item_end(w, PP_LDAP_L_VALUES, item);
            change->count += !w->failed;
        }
    }
    pp_ldap_leave(w, &set);
    pp_ldap_leave(w, &e);
}

/* RFC 4511 4.6. */
static void
decode_modify(struct pp_ldap_walk *w)
{
    struct pp_ber op, list, e;

    if (!pp_ldap_enter(w, PP_LDAP_T_MODIFY, &op)
        || !pp_ldap_take(w, PP_BER_OCTET_STRING, &w->m->dn)
        || !pp_ldap_enter(w, PP_BER_SEQUENCE, &list)) {
        return;
    }
    while (within(w, &list)) {
        struct pp_ldap_item *item = pp_ldap_new(w, PP_LDAP_L_CHANGES);

        if (item) {
            if (pp_ldap_enter(w, PP_BER_SEQUENCE, &e)
                && pp_ldap_take_int(w, PP_BER_ENUMERATED, &item->number)) {
                decode_attribute(w, item);
                pp_ldap_leave(w, &e);
            }
            pp_ldap_item_end(w, PP_LDAP_L_CHANGES, item);
        }
    }
    pp_ldap_leave(w, &list);
    pp_ldap_leave(w, &op);
}

/* RFC 4511 4.7. */
static void
decode_add(struct pp_ldap_walk *w)
{
    struct pp_ber op, list;

    if (!pp_ldap_enter(w, PP_LDAP_T_ADD, &op)
        || !pp_ldap_take(w, PP_BER_OCTET_STRING, &w->m->dn)
        || !pp_ldap_enter(w, PP_BER_SEQUENCE, &list)) {
        return;
    }
    while (within(w, &list)) {
        struct pp_ldap_item *item = pp_ldap_new(w, PP_LDAP_L_CHANGES);

        if (item) {
            decode_attribute(w, item);
            pp_ldap_item_end(w, PP_LDAP_L_CHANGES, item);
        }
    }
    pp_ldap_leave(w, &list);
    pp_ldap_leave(w, &op);
}

/* RFC 4511 4.9. */
static void
decode_modify_dn(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ber op;
    int64_t delete_old = 0;

    if (pp_ldap_enter(w, PP_LDAP_T_MODIFY_DN, &op)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &m->dn)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &m->name)
        && pp_ldap_take_int(w, PP_BER_BOOLEAN, &delete_old)) {
        if (pp_ldap_peek(w) == 0x80) {
            pp_ldap_take(w, 0, &m->value);
        }
        pp_ldap_leave(w, &op);
    }
    m->delete_old = delete_old;
}

/* RFC 4511 4.10. */
static void
decode_compare(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ber op, e;

    if (pp_ldap_enter(w, PP_LDAP_T_COMPARE, &op)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &m->dn)
        && pp_ldap_enter(w, PP_BER_SEQUENCE, &e)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &m->name)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &m->value)) {
        pp_ldap_leave(w, &e);
        pp_ldap_leave(w, &op);
    }
}

/* A walk through the content of 'part' only. */
static struct pp_ldap_walk
walk_inside(const struct pp_ldap_walk *w, struct pp_ldap_part part)
{
    struct pp_ldap_walk inside = *w;

    inside.failed = false;
    inside.r = w->m->text;
    inside.r.pos = 0;
    pp_reader_skip(&inside.r, part.content.off);
    inside.r = pp_reader_sub(&inside.r, part.content.len);
    inside.limit = inside.r.end;
    return inside;
}

/* What is read of the inside of a value says nothing of the message. */
static void
walk_outside(const struct pp_ldap_walk *w, const struct pp_ldap_msg *before)
{
    w->m->malformed = before->malformed;
    w->m->minimal = before->minimal;
    w->m->consistent = before->consistent;
    w->m->odd = before->odd;
    w->m->tags = before->tags;
}

/* RFC 3909 2: which operation a Cancel is about, or -1. */
static int64_t
decode_cancel(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg before = *w->m;
    struct pp_ldap_walk inside = walk_inside(w, w->m->value);
    struct pp_ber e;
    int64_t id = -1;

    if (!pp_ldap_enter(&inside, PP_BER_SEQUENCE, &e)
        || !pp_ldap_take_int(&inside, PP_BER_INTEGER, &id)) {
        id = -1;
    }
    walk_outside(w, &before);
    return id;
}

/* RFC 4511 4.12. */
static void
decode_extended(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ber op;

    if (pp_ldap_enter(w, PP_LDAP_T_EXTENDED, &op)
        && pp_ldap_take(w, 0x80, &m->name)) {
        m->odd |= pp_ldap_peek(w) == (0x81 | PP_BER_CONSTRUCTED);
        if (pp_ldap_peek(w) == 0x81) {
            pp_ldap_take(w, 0, &m->value);
        }
        pp_ldap_leave(w, &op);
    }
    if (m->value.header
        && pp_ldap_is(&m->text, m->name.content, OID_CANCEL, false)) {
        m->target = decode_cancel(w);
    }
}

/* Operations of one element: RFC 4511 4.3, 4.8, 4.11, and unknown ones. */
static void
decode_plain(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ldap_part part;

    if (!pp_ldap_take(w, 0, &part)) {
        return;
    }
    if (m->event == PP_LDAP_E_DELETE) {
        m->odd |= m->op.constructed;
        m->dn = part;
    } else if (m->event == PP_LDAP_E_ABANDON
               && !pp_ber_int(&m->text, part.content, &m->target)) {
        pp_ldap_fail(w);
    }
}

/* Controls. */

/* RFC 2696 2. */
static void
decode_paged(struct pp_ldap_walk *w)
{
    struct pp_ldap_part cookie;
    struct pp_ber e;

    if (!w->m->paged && pp_ldap_enter(w, PP_BER_SEQUENCE, &e)
        && pp_ldap_take_int(w, PP_BER_INTEGER, &w->m->paged_size)
        && pp_ldap_take(w, PP_BER_OCTET_STRING, &cookie)) {
        w->m->paged_cookie = cookie.content;
        w->m->paged = true;
    }
}

/* RFC 2891 1.1. */
static void
decode_sort(struct pp_ldap_walk *w)
{
    struct pp_ber list, e;

    if (w->m->lists[PP_LDAP_L_SORT_KEYS].n
        || !pp_ldap_enter(w, PP_BER_SEQUENCE, &list)) {
        return;
    }
    while (within(w, &list)) {
        struct pp_ldap_item *item = pp_ldap_new(w, PP_LDAP_L_SORT_KEYS);
        int64_t reverse = 0;

        if (!item) {
            return;
        }
        if (pp_ldap_enter(w, PP_BER_SEQUENCE, &e)
            && pp_ldap_take(w, PP_BER_OCTET_STRING, &item->name)) {
            if (within(w, &e) && pp_ldap_peek(w) == 0x80) {
                pp_ldap_take(w, 0, &item->rule);
            }
            if (within(w, &e) && pp_ldap_peek(w) == 0x81) {
                pp_ldap_take_int(w, 0, &reverse);
            }
            item->flag = reverse;
        }
        pp_ldap_item_end(w, PP_LDAP_L_SORT_KEYS, item);
    }
}

/* Looks into the values of the controls that are known. */
static void
decode_control_values(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ldap_msg before = *m;
    uint32_t i;

    for (i = 0; i < m->lists[PP_LDAP_L_CONTROLS].n; i++) {
        const struct pp_ldap_item *c
            = pp_ldap_item(m, PP_LDAP_L_CONTROLS, i);
        struct pp_ldap_walk inside = walk_inside(w, c->value);
        struct pp_span oid = c->name.content;

        if (!c->value.header) {
            continue;
        }
        if (pp_ldap_is(&m->text, oid, OID_PAGED, false)) {
            decode_paged(&inside);
        } else if (pp_ldap_is(&m->text, oid, OID_SORT, false)) {
            decode_sort(&inside);
        } else if (pp_ldap_is(&m->text, oid, OID_RETURN_FILTER, false)) {
            pp_ldap_return_filter(&inside);
        } else if (pp_ldap_is(&m->text, oid, OID_ASSERTION, false)
                   && m->assertion_depth < 0) {
            m->assertion_depth = pp_ldap_filter(&inside, PP_LDAP_N_LISTS);
        }
    }
    walk_outside(w, &before);
}

/* RFC 4511 4.1.11. */
static void
decode_controls(struct pp_ldap_walk *w)
{
    struct pp_ldap_msg *m = w->m;
    struct pp_ber e;

    if (pp_ldap_peek(w) != PP_LDAP_T_CONTROLS
        || !pp_ldap_enter(w, 0, &m->controls)) {
        return;
    }
    while (within(w, &m->controls)) {
        struct pp_ldap_item *item = pp_ldap_new(w, PP_LDAP_L_CONTROLS);
        int64_t critical = 0;

        if (!item) {
            return;
        }
        if (pp_ldap_enter(w, PP_BER_SEQUENCE, &e)
            && pp_ldap_take(w, PP_BER_OCTET_STRING, &item->name)) {
            if (pp_ldap_peek(w) == PP_BER_BOOLEAN) {
                pp_ldap_take_int(w, 0, &critical);
            }
            if (pp_ldap_peek(w) == PP_BER_OCTET_STRING) {
                pp_ldap_take(w, 0, &item->value);
            }
            item->flag = critical;
            pp_ldap_leave(w, &e);
        }
        pp_ldap_item_end(w, PP_LDAP_L_CONTROLS, item);
    }
    pp_ldap_leave(w, &m->controls);
}

/* Sets up the scratch memory for the message at the start of 'view'. */
static void
msg_init(struct pp_ldap_scratch *scratch, const struct pp_view *view,
         const struct pp_ldap_prefix *prefix)
{
    struct pp_ldap_msg *m = &scratch->msg;

    memset(m, 0, sizeof *m);
    m->text = pp_reader_init(view->base, view->len);
    m->scratch = scratch;
    m->outer = prefix->outer;
    m->total = pp_ber_end(&prefix->outer);
    m->truncated = m->total > view->len;
    m->minimal = prefix->outer.minimal;
    m->consistent = true;
    m->tags = prefix->outer.tag == PP_BER_SEQUENCE;
    m->id = prefix->id;
    m->odd = prefix->odd;
    m->event = PP_LDAP_E_OTHER;
    m->target = m->assertion_depth = -1;
}

/* See pp-ldap.h. */
void
pp_ldap_decode(struct pp_ldap_scratch *scratch, const struct pp_view *view,
               const struct pp_ldap_prefix *prefix)
{
    struct pp_ldap_msg *m = &scratch->msg;
    struct pp_ldap_walk w = { .m = m };
    struct pp_ldap_part id;

    msg_init(scratch, view, prefix);
    if (m->total < m->text.end) {
        m->text.end = (size_t) m->total;
    }
    w.r = m->text;
    w.limit = m->total;
    pp_reader_skip(&w.r, prefix->outer.content);
    if (!prefix->whole || !pp_ldap_take(&w, PP_BER_INTEGER, &id)) {
        pp_ldap_fail(&w);
        return;
    }
    m->op = prefix->op;
    m->event = pp_ldap_event_of(m->op.tag);
    switch (m->event) {
    case PP_LDAP_E_BIND:
        decode_bind(&w);
        break;
    case PP_LDAP_E_SEARCH:
        decode_search(&w);
        break;
    case PP_LDAP_E_MODIFY:
        decode_modify(&w);
        break;
    case PP_LDAP_E_ADD:
        decode_add(&w);
        break;
    case PP_LDAP_E_MODIFY_DN:
        decode_modify_dn(&w);
        break;
    case PP_LDAP_E_COMPARE:
        decode_compare(&w);
        break;
    case PP_LDAP_E_EXTENDED:
        decode_extended(&w);
        break;
    case PP_LDAP_E_UNBIND:
    case PP_LDAP_E_DELETE:
    case PP_LDAP_E_ABANDON:
    case PP_LDAP_E_OTHER:
    case PP_LDAP_N_EVENTS:
        decode_plain(&w);
        break;
    }
    decode_controls(&w);
    if (!w.failed) {
        m->trailing = (uint32_t) (w.limit - w.r.pos);
    }
    decode_control_values(&w);
}
