/* SPDX-License-Identifier: Apache-2.0 */

/* Lengths after an edit.
 *
 * In: a unit and the edits to be made of it.  Out: further edits, of the
 * lengths of all elements around them.  Runs in the engine's data threads;
 * owns nothing.
 *
 * For each edit the elements that it stands in are found from the outside in;
 * then their lengths are made right from the inside out, as a length that
 * takes more octets makes those around it greater still.  A length keeps its
 * form, octets more than need be too, unless it does not fit any more. */

#include <config.h>

#include "pp-ldap.h"

#include <string.h>

/* One call of reframe(). */
struct reframe {
    const struct pp_ldap_msg *m;
    struct pp_edits *edits;
    struct pp_ldap_touched *touched;
    unsigned int n;
};

/* What an edit stands in: all elements down to one. */
struct target {
    uint32_t off, end;          /* Bytes that it removes. */
    uint32_t element;           /* Where it removes none: down to this. */
    bool inside;                /* ... with it. */
};

/* Reads the element that starts at 'pos' and ends by 'end'. */
static bool
read_element(const struct pp_ldap_msg *m, uint32_t pos, uint64_t end,
             struct pp_ber *e)
{
    struct pp_reader r = m->text;

    r.pos = 0;
    pp_reader_skip(&r, pos);
    return !r.error && pp_ber_header(&r, e) == PP_BER_FOUND
           && pp_ber_end(e) <= end;
}

/* True when 't' is within the content of 'e', or is to be taken as if. */
static bool
holds(const struct pp_ber *e, const struct target *t)
{
    if (t->end > t->off) {
        return t->off >= e->content && t->end <= pp_ber_end(e);
    }
    return e->start == t->element ? t->inside
           : e->content <= t->element && t->element < pp_ber_end(e);
}

/* Finds the element in 'parent' that holds 't'. */
static bool
find_child(const struct pp_ldap_msg *m, const struct pp_ber *parent,
           const struct target *t, struct pp_ber *child)
{
    uint64_t pos = parent->content;

    if (!parent->constructed) {
        return false;
    }
    while (pos < pp_ber_end(parent)
           && read_element(m, (uint32_t) pos, pp_ber_end(parent), child)) {
        if (holds(child, t)) {
            return true;
        }
        pos = pp_ber_end(child);
    }
    return false;
}

/* Notes that the content of 'e' gets 'delta' longer. */
static bool
touch(struct reframe *rf, const struct pp_ber *e, int64_t delta)
{
    unsigned int i = 0;

    while (i < rf->n && rf->touched[i].e.start < e->start) {
        i++;
    }
    if (i < rf->n && rf->touched[i].e.start == e->start) {
        rf->touched[i].delta += delta;
        return true;
    }
    if (rf->n >= PP_LDAP_TOUCHED_MAX) {
        return false;
    }
    memmove(&rf->touched[i + 1], &rf->touched[i],
            (rf->n - i) * sizeof rf->touched[0]);
    rf->touched[i] = (struct pp_ldap_touched) { .e = *e, .delta = delta };
    rf->n++;
    return true;
}

/* What 'edit' is in.  An edit that removes nothing stands where some place
 * that was asked for starts or ends. */
static bool
edit_target(const struct pp_ldap_msg *m, const struct pp_edit *edit,
            struct target *t)
{
    unsigned int i;

    *t = (struct target) { .off = edit->off,
                           .end = edit->off + edit->removed };
    for (i = 0; !edit->removed && i < m->n_places; i++) {
        const struct pp_ldap_place *p = &m->scratch->places[i];

        t->element = p->element;
        if (edit->off == p->value.off
            || edit->off == p->value.off + p->value.len) {
            t->inside = p->value_inside;
            if (t->inside || edit->off == p->extent.off
                || edit->off == p->extent.off + p->extent.len) {
                return true;
            }
        }
        if (edit->off == p->extent.off
            || edit->off == p->extent.off + p->extent.len) {
            t->inside = p->extent_inside;
            return true;
        }
    }
    return edit->removed > 0;
}

/* Notes the elements that 'edit' changes the lengths of. */
static bool
touch_around(struct reframe *rf, const struct pp_edit *edit)
{
    int64_t delta = (int64_t) edit->ins.n - edit->removed;
    struct pp_ber e = rf->m->outer, child;
    struct target t;

    if (!edit_target(rf->m, edit, &t) || t.off < e.content
        || t.end > pp_ber_end(&e)) {
        return false;
    }
    if (!touch(rf, &e, delta)) {
        return false;
    }
    while (find_child(rf->m, &e, &t, &child)) {
        if (!touch(rf, &child, delta)) {
            return false;
        }
        e = child;
    }
    return true;
}

/* Makes the length of touched element 'i' right. */
static bool
fix_length(struct reframe *rf, unsigned int i)
{
    const struct pp_ldap_touched *t = &rf->touched[i];
    uint32_t off = t->e.start + t->e.tag_octets;
    uint8_t octets = t->e.length_octets;
    struct pp_buf buf;
    uint64_t len;
    unsigned int j;
    uint8_t *p;

    if (t->delta < 0 && (uint64_t) -t->delta > t->e.len) {
        return false;
    }
    len = t->e.len + (uint64_t) t->delta;
    if (t->e.minimal || octets < pp_ber_length_octets(len)) {
        octets = pp_ber_length_octets(len);
    }
    for (j = 0; j < i; j++) {
        /* Those around it start before it. */
        if (pp_ber_end(&rf->touched[j].e) >= pp_ber_end(&t->e)) {
            rf->touched[j].delta += octets - t->e.length_octets;
        }
    }
    if (!t->delta) {
        return true;
    }
    p = pp_arena_alloc(rf->edits->arena, octets);
    if (!p) {
        return false;
    }
    pp_buf_init(&buf, p, octets);
    pp_ber_put_length(&buf, len, octets);
    pp_edits_add(rf->edits, off, t->e.length_octets,
                 (struct pp_bytes) { .p = buf.data, .n = buf.len });
    return !buf.overflow && !rf->edits->overflow;
}

/* Where all controls are deleted, what holds them is too. */
static void
drop_controls(struct reframe *rf)
{
    const struct pp_ber *c = &rf->m->controls;
    uint64_t removed = 0;
    unsigned int i;

    for (i = 0; i < rf->edits->n; i++) {
        const struct pp_edit *e = &rf->edits->e[i];

        if (e->off >= c->content && e->off + e->removed <= pp_ber_end(c)) {
            if (e->ins.n) {
                return;
            }
            removed += e->removed;
        }
    }
    if (c->len && removed == c->len) {
        /* Neighbours do not merge: one edit is to hold them all. */
        pp_edits_add(rf->edits, c->start, (uint32_t) (pp_ber_end(c)
                                                      - c->start),
                     (struct pp_bytes) { .n = 0 });
    }
}

/* reframe(); see pp-proxy.h.  Messages whose lengths contradict one another
 * cannot be kept right, nor those that are not all there. */
bool
pp_ldap_reframe(const struct pp_msg *msg, struct pp_edits *edits)
{
    const struct pp_ldap_msg *m = msg->decoded;
    struct reframe rf = {
        .m = m, .edits = edits, .touched = m->scratch->touched,
    };
    unsigned int i;

    if (m->truncated || !m->consistent) {
        return false;
    }
    drop_controls(&rf);
    for (i = 0; i < edits->n; i++) {
        if (!touch_around(&rf, &edits->e[i])) {
            return false;
        }
    }
    for (i = rf.n; i > 0; i--) {
        if (!fix_length(&rf, i - 1)) {
            return false;
        }
    }
    return true;
}
