/* SPDX-License-Identifier: Apache-2.0 */

/* Edit lists, and the check that a proxy is whole; see pp-proxy.h.
 *
 * In: edits one by one, a proxy's tables.  Out: a sorted list, the bytes with
 * the edits made, or what is wrong with a table.  Runs in the engine's data
 * threads, pp_proxy_check() once at start-up; owns nothing. */

#include <config.h>

#include "pp-proxy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Edit lists. */

static uint64_t
edit_end(const struct pp_edit *e)
{
    return (uint64_t) e->off + e->removed;
}

/* True when 'at' is a place that 'e' removes. */
static bool
edit_removes(const struct pp_edit *e, uint32_t at)
{
    return at >= e->off && at < edit_end(e);
}

/* True when 'a' and 'b' touch the same bytes.  An insertion belongs to the
 * removal that takes the byte behind it, so that edits at one place never
 * depend on which of them was added first. */
static bool
edits_overlap(const struct pp_edit *a, const struct pp_edit *b)
{
    return edit_removes(a, b->off) || edit_removes(b, a->off);
}

/* Returns 'a' and 'b' one behind the other, in the arena where both have
 * bytes. */
static struct pp_bytes
edits_join(struct pp_edits *edits, struct pp_bytes a, struct pp_bytes b)
{
    uint8_t *p;

    if (!a.n || !b.n) {
        return a.n ? a : b;
    }
    p = edits->arena ? pp_arena_alloc(edits->arena, a.n + b.n) : NULL;
    if (!p) {
        edits->overflow = true;
        return a;
    }
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, b.p, b.n);
    return (struct pp_bytes) { .p = p, .n = a.n + b.n };
}

/* Puts 'new' in place of the 'count' edits from 'first' on, which it
 * overlaps. */
static void
edits_merge(struct pp_edits *edits, unsigned int first, unsigned int count,
            const struct pp_edit *new)
{
    struct pp_bytes before = { .n = 0 }, behind = { .n = 0 };
    uint64_t end = edit_end(new);
    struct pp_edit merged = *new;
    unsigned int i;

    for (i = first; i < first + count; i++) {
        const struct pp_edit *e = &edits->e[i];

        if (e->off <= new->off) {
            before = edits_join(edits, before, e->ins);
        } else {
            behind = edits_join(edits, behind, e->ins);
        }
        merged.off = e->off < merged.off ? e->off : merged.off;
        end = edit_end(e) > end ? edit_end(e) : end;
    }
    merged.removed = (uint32_t) (end - merged.off);
    before = edits_join(edits, before, new->ins);
    merged.ins = edits_join(edits, before, behind);

    edits->e[first] = merged;
    memmove(&edits->e[first + 1], &edits->e[first + count],
            (edits->n - first - count) * sizeof edits->e[0]);
    edits->n -= count - 1;
}

/* Adds 'new', which overlaps none, behind all at its place. */
static void
edits_insert(struct pp_edits *edits, const struct pp_edit *new)
{
    unsigned int i = edits->n;

    if (edits->n >= PP_EDITS_MAX) {
        edits->overflow = true;
        return;
    }
    while (i > 0 && edits->e[i - 1].off > new->off) {
        i--;
    }
    memmove(&edits->e[i + 1], &edits->e[i],
            (edits->n - i) * sizeof edits->e[0]);
    edits->e[i] = *new;
    edits->n++;
}

/* See pp-proxy.h.  An edit that neither removes nor inserts is none. */
void
pp_edits_add(struct pp_edits *edits, uint32_t off, uint32_t removed,
             struct pp_bytes ins)
{
    struct pp_edit new = { .off = off, .removed = removed, .ins = ins };
    unsigned int first, count = 0;

    if (edits->overflow || (!removed && !ins.n)) {
        return;
    }
    for (first = 0; first < edits->n; first++) {
        if (edits_overlap(&edits->e[first], &new)) {
            break;
        }
    }
    while (first + count < edits->n
           && edits_overlap(&edits->e[first + count], &new)) {
        count++;
    }
    if (count) {
        edits_merge(edits, first, count, &new);
    } else {
        edits_insert(edits, &new);
    }
}

/* See pp-proxy.h.  Where the list overflowed, or an edit lies outside of the
 * bytes, 'out' is marked as overflowed: half a correction is none. */
void
pp_edits_apply(const struct pp_edits *edits, const uint8_t *base, size_t len,
               struct pp_buf *out)
{
    size_t pos = 0;
    unsigned int i;

    for (i = 0; i < edits->n; i++) {
        const struct pp_edit *e = &edits->e[i];

        if (e->off < pos || edit_end(e) > len) {
            out->overflow = true;
            return;
        }
        pp_buf_put(out, base + pos, e->off - pos);
        pp_buf_put(out, e->ins.p, e->ins.n);
        pos = edit_end(e);
    }
    if (len > pos) {
        pp_buf_put(out, base + pos, len - pos);
    }
    out->overflow = out->overflow || edits->overflow;
}

/* Secrets. */

static bool
is_one_of(struct pp_bytes name, const char *const *names)
{
    const uint8_t *options = memchr(name.p ? name.p : (const uint8_t *) "",
                                    ';', name.n);
    size_t n = options ? (size_t) (options - name.p) : name.n;

    for (; *names; names++) {
        if (strlen(*names) == n
            && !strncasecmp(*names, (const char *) name.p, n)) {
            return true;
        }
    }
    return false;
}

/* The index of the field 'name' of 'fields', or -1. */
static int
find_field(const struct pp_field *fields, const char *name)
{
    for (int i = 0; fields[i].name; i++) {
        if (!strcmp(fields[i].name, name)) {
            return i;
        }
    }
    return -1;
}

/* See pp-proxy.h.  What cannot be told is one. */
bool
pp_field_is_secret(const struct pp_msg *msg, unsigned int field,
                   uint32_t index, int sub, struct pp_arena *arena)
{
    const struct pp_proxy *proxy = msg->proxy;
    const struct pp_field *fields = (sub < 0 ? proxy->fields
                                     : proxy->fields[field].elem);
    const struct pp_secret *secret
        = fields[sub < 0 ? field : (unsigned int) sub].secret;
    struct pp_value v;
    int where;

    if (!secret) {
        return false;
    } else if (!secret->where) {
        return true;
    }
    where = find_field(fields, secret->where);
    return (where < 0
            || !(sub < 0 ? proxy->get(msg, (unsigned int) where, arena, &v)
                 : proxy->get_elem(msg, field, index, (unsigned int) where,
                                   arena, &v))
            || is_one_of(v.s, secret->names));
}

/* The check of a proxy's tables. */

/* What is wrong, with the name it is wrong at.  Start-up has one thread. */
static char check_text[160];

static const char *
check_say(const char *name, const char *what)
{
    snprintf(check_text, sizeof check_text, "%s: %s", name, what);
    return check_text;
}

/* True for words of lower-case letters, digits and '_', joined by '.'. */
static bool
check_name(const char *name)
{
    bool start = true;
    const char *p;

    for (p = name; *p; p++) {
        bool letter = *p >= 'a' && *p <= 'z';
        bool more = (*p >= '0' && *p <= '9') || *p == '_';

        if (*p == '.' ? start : !letter && (start || !more)) {
            return false;
        }
        start = *p == '.';
    }
    return !start;
}

/* True for a text that is a full sentence, as the manual needs it. */
static bool
check_doc(const char *doc)
{
    return doc && *doc && doc[strlen(doc) - 1] == '.';
}

/* Finds what is wrong with the element 'f' of a list. */
static const char *
check_elem(const struct pp_field *f, const struct pp_field *first)
{
    const struct pp_field *g;

    if (!check_name(f->name)) {
        return check_say(f->name, "not a name");
    }
    if (!check_doc(f->doc)) {
        return check_say(f->name, "its 'doc' is not a sentence");
    }
    for (g = first; g < f; g++) {
        if (!strcmp(g->name, f->name)) {
            return check_say(f->name, "there twice");
        }
    }
    if (f->secret && f->secret->where) {
        int where = find_field(first, f->secret->where);

        if (where < 0 || first[where].type != PP_TYPE_BYTES
            || !f->secret->names) {
            return check_say(f->name, "what tells that it is secret is no "
                             "field of bytes");
        }
    }
    return f->secret && f->type != PP_TYPE_BYTES
           ? check_say(f->name, "secret, yet not of bytes") : NULL;
}

/* Finds what is wrong with what the list 'f' says of its elements. */
static const char *
check_list(const struct pp_field *f)
{
    const struct pp_field *e;
    bool key = !f->key;

    if (!f->elem || !f->elem[0].name) {
        return check_say(f->name, "a list without element fields");
    }
    for (e = f->elem; e->name; e++) {
        const char *error = check_elem(e, f->elem);

        if (error) {
            return error;
        }
        if (e->type == PP_TYPE_LIST) {
            return check_say(f->name, "a list within a list");
        }
        if (f->key && !strcmp(e->name, f->key)) {
            if (e->type != PP_TYPE_BYTES) {
                return check_say(f->name, "its key is not of bytes");
            }
            key = true;
        }
    }
    return key ? NULL : check_say(f->name, "its key is no element field");
}

static const char *
check_field(const struct pp_proxy *proxy, const struct pp_field *f,
            uint32_t events)
{
    const char *error = check_elem(f, proxy->fields);

    if (error) {
        return error;
    }
    if (!f->events || (f->events & ~events)) {
        return check_say(f->name, "in no event, or in one that is not there");
    }
    if (f->type == PP_TYPE_LIST) {
        return check_list(f);
    }
    return f->elem || f->key ? check_say(f->name, "not a list, yet elements")
                             : NULL;
}

/* Finds what is wrong with the events; '*mask' has a bit for each. */
static const char *
check_events(const struct pp_proxy *proxy, uint32_t *mask)
{
    unsigned int n;

    for (n = 0; proxy->events[n].name; n++) {
        const struct pp_event *e = &proxy->events[n];

        if (n >= 32) {
            return check_say(proxy->name, "more than 32 events");
        }
        if (!check_name(e->name) || !check_doc(e->doc)) {
            return check_say(e->name, "an event without a name or a 'doc'");
        }
        *mask |= UINT32_C(1) << n;
    }
    return *mask ? NULL : check_say(proxy->name, "no events");
}

/* See pp-proxy.h. */
const char *
pp_proxy_check(const struct pp_proxy *proxy)
{
    const struct pp_field *f;
    const char *error = NULL;
    uint32_t events = 0;

    if (!proxy->name || !check_name(proxy->name) || strchr(proxy->name, '.')) {
        return "a proxy without a proper name";
    }
    if (!proxy->title || !proxy->ports || !proxy->events || !proxy->fields
        || !proxy->reasons) {
        return check_say(proxy->name, "a table is missing");
    }
    if (!proxy->conn_init || !proxy->rewind || !proxy->parse
        || !proxy->commit || !proxy->get
        || !proxy->get_elem || !proxy->locate || !proxy->reframe
        || !proxy->reply_when || !proxy->refuse) {
        return check_say(proxy->name, "a function is missing");
    }
    if (!proxy->conn_size || !proxy->scratch_size) {
        return check_say(proxy->name, "no state or no scratch memory");
    }
    error = check_events(proxy, &events);
    for (f = proxy->fields; !error && f->name; f++) {
        error = check_field(proxy, f, events);
    }
    return error;
}
