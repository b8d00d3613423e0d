/* SPDX-License-Identifier: Apache-2.0 */

/* Named functions that read or write as particular servers do; see
 * pp-func.h, whose table has their entries.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include "patch/pp-func.h"

#include <string.h>

#include "pp-reader.h"
#include "util.h"

static bool
give_bytes(struct pp_value *r, const void *p, size_t n)
{
    *r = pp_value_bytes(p, n);
    return true;
}

/* Python. */

/* As repr() of the str that Latin-1 bytes make, all of which is then written
 * in Latin-1 again. */
bool
pp_func_python_repr(struct pp_arena *arena, const struct pp_value *a,
                    struct pp_value *r)
{
    struct pp_bytes x = a[0].s;
    bool single = x.n && memchr(x.p, '\'', x.n);
    uint8_t quote = single && !memchr(x.p, '"', x.n) ? '"' : '\'';
    size_t size = 4 * x.n + 2;
    uint8_t *out = pp_arena_alloc(arena, size);
    struct pp_buf buf;

    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, size);
    pp_buf_put(&buf, &quote, 1);
    for (size_t i = 0; i < x.n; i++) {
        uint8_t c = x.p[i];

        if (c == quote || c == '\\') {
            pp_buf_puts(&buf, "\\");
            pp_buf_put(&buf, &c, 1);
        } else if (c == '\t') {
            pp_buf_puts(&buf, "\\t");
        } else if (c == '\n') {
            pp_buf_puts(&buf, "\\n");
        } else if (c == '\r') {
            pp_buf_puts(&buf, "\\r");
        } else if (c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad) {
            pp_buf_putf(&buf, "\\x%02x", c);
        } else {
            pp_buf_put(&buf, &c, 1);
        }
    }
    pp_buf_put(&buf, &quote, 1);
    return give_bytes(r, buf.data, buf.len);
}

/* As str.upper() of what Latin-1 bytes make.  The two whose upper case is not
 * in Latin-1 (0xb5, 0xff) stay; 0xdf becomes "SS". */
bool
pp_func_latin1_upper(struct pp_arena *arena, const struct pp_value *a,
                     struct pp_value *r)
{
    struct pp_bytes x = a[0].s;
    uint8_t *out = pp_arena_alloc(arena, 2 * x.n);
    size_t n = 0;

    if (!out) {
        return false;
    }
    for (size_t i = 0; i < x.n; i++) {
        uint8_t c = x.p[i];

        if (c == 0xdf) {
            out[n++] = 'S';
            out[n++] = 'S';
        } else if ((c >= 'a' && c <= 'z')
                   || (c >= 0xe0 && c <= 0xfe && c != 0xf7)) {
            out[n++] = c - 32;
        } else {
            out[n++] = c;
        }
    }
    return give_bytes(r, out, n);
}

/* qs, the query parser of express. */

#define QS_PARTS_MAX 1000           /* qs' own parameterLimit. */

/* A part that has the name in its key, and not as its first element. */
struct qs_part {
    uint64_t key;                   /* Hash of the decoded key. */
    size_t start, end;              /* In the query. */
    size_t cut;                     /* Where the element of that name ends. */
    bool raw;                       /* The key could not be decoded. */
    bool more;                      /* Elements come behind it. */
};

/* The value of the "%HH" at 'i', or -1. */
static int
escape_at(struct pp_bytes x, size_t i)
{
    if (x.n - i < 3 || x.p[i] != '%' || hexit_value(x.p[i + 1]) < 0
        || hexit_value(x.p[i + 2]) < 0) {
        return -1;
    }
    return hexit_value(x.p[i + 1]) << 4 | hexit_value(x.p[i + 2]);
}

/* How many "%HH" make the character that starts at 'i', or 0 where they are no
 * UTF-8, as decodeURIComponent() sees it. */
static int
escapes_of_character(struct pp_bytes x, size_t i)
{
    int lead = escape_at(x, i);
    int n = (lead < 0 ? 0 : lead < 0x80 ? 1 : lead < 0xc2 ? 0
             : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0);

    for (int k = 1; k < n; k++) {
        size_t at = i + 3 * (size_t) k;
        int c = at < x.n ? escape_at(x, at) : -1;
        int low = (k > 1 ? 0x80 : lead == 0xe0 ? 0xa0
                   : lead == 0xf0 ? 0x90 : 0x80);
        int high = (k > 1 ? 0xbf : lead == 0xed ? 0x9f
                    : lead == 0xf4 ? 0x8f : 0xbf);

        if (c < low || c > high) {
            return 0;
        }
    }
    return n;
}

/* True if decodeURIComponent() takes 'x'. */
static bool
is_decodable(struct pp_bytes x)
{
    for (size_t i = 0; i < x.n; i++) {
        if (x.p[i] == '%') {
            int n = escapes_of_character(x, i);

            if (!n) {
                return false;
            }
            i += 3 * (size_t) n - 1;
        }
    }
    return true;
}

/* The next byte of a key, from '*i' on; 'raw' as in struct qs_part. */
static uint8_t
qs_byte(struct pp_bytes x, bool raw, size_t *i)
{
    int c = raw ? -1 : escape_at(x, *i);

    *i += c < 0 ? 1 : 3;
    return c >= 0 ? (uint8_t) c : x.p[*i - 1] == '+' ? ' ' : x.p[*i - 1];
}

static size_t
qs_decode(struct pp_bytes x, bool raw, uint8_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < x.n; ) {
        out[n++] = qs_byte(x, raw, &i);
    }
    return n;
}

/* Where in 'x' the decoded byte 'n' starts. */
static size_t
qs_offset(struct pp_bytes x, bool raw, size_t n)
{
    size_t i = 0;

    while (n--) {
        qs_byte(x, raw, &i);
    }
    return i;
}

/* A hash that is the same for keys that are the same.  What is not ASCII is
 * Latin-1 in a query and UTF-8 in a form where it is not encoded, so a run of
 * it is all the same here. */
static uint64_t
qs_hash(const uint8_t *key, size_t n)
{
    uint64_t hash = PP_HASH_BASIS;

    for (size_t i = 0; i < n; i++) {
        if (key[i] < 0x80) {
            hash = pp_hash_bytes(hash, &key[i], 1);
        } else if (!i || key[i - 1] < 0x80) {
            hash = pp_hash_bytes(hash, "\x80", 1);
        }
    }
    return hash;
}

/* Finds the next "[...]" without brackets in it from '*start' on. */
static bool
next_brackets(const uint8_t *key, size_t n, size_t *start, size_t *end)
{
    size_t open = SIZE_MAX;

    for (size_t i = *start; i < n; i++) {
        if (key[i] == '[') {
            open = i;
        } else if (key[i] == ']' && open != SIZE_MAX) {
            *start = open;
            *end = i + 1;
            return true;
        }
    }
    return false;
}

/* Looks for 'name' in the decoded key, parseKeys() in qs.  Where it is an
 * element but not the first, returns true, with where that ends, and whether
 * there is another one behind it. */
static bool
qs_find(const uint8_t *key, size_t n, struct pp_bytes name, int64_t depth,
        size_t *cut, bool *more)
{
    size_t start = 0, end;
    bool first = true;              /* No element before this one. */

    if (depth <= 0 || !next_brackets(key, n, &start, &end)) {
        return false;
    }
    if (start) {
        if (start == name.n && !memcmp(key, name.p, name.n)) {
            return false;
        }
        first = false;
    }
    for (int64_t i = 0; i < depth; i++) {
        bool found = (end - start - 2 == name.n
                      && !memcmp(key + start + 1, name.p, name.n));

        *cut = start = end;
        *more = next_brackets(key, n, &start, &end);
        if (found || !*more) {
            return found && !first;
        }
        first = false;
    }
    return false;                   /* The rest is one element. */
}

/* The text of the key in 'part': to the first "]=", else to the first '='. */
static struct pp_bytes
qs_key(struct pp_bytes part)
{
    const uint8_t *p = part.n ? memmem(part.p, part.n, "]=", 2) : NULL;

    if (p) {
        p++;
    } else if (part.n) {
        p = memchr(part.p, '=', part.n);
    }
    return p ? (struct pp_bytes) { part.p, (size_t) (p - part.p) } : part;
}

/* Sets up '*q' for the part of 'x' from 'start' to 'end' and returns true, if
 * it has the name so. */
static bool
qs_part(struct pp_bytes x, size_t start, size_t end, struct pp_bytes name,
        int64_t depth, uint8_t *key, struct qs_part *q)
{
    struct pp_bytes text
        = qs_key((struct pp_bytes) { x.p + start, end - start });
    bool raw = !is_decodable(text);
    size_t n = qs_decode(text, raw, key);
    size_t cut;
    bool more;

    if (!qs_find(key, n, name, depth, &cut, &more)) {
        return false;
    }
    *q = (struct qs_part) {
        .key = qs_hash(key, n),
        .start = start,
        .end = end,
        .cut = start + qs_offset(text, raw, cut),
        .raw = raw,
        .more = more,
    };
    return true;
}

/* The parts of 'x' that have the name; 'key' is room for any of them. */
static size_t
qs_parts(struct pp_bytes x, struct pp_bytes name, int64_t depth, uint8_t *key,
         struct qs_part *parts)
{
    size_t n = 0;
    size_t start = 0;

    for (int i = 0; i < QS_PARTS_MAX && start <= x.n && x.n; i++) {
        const uint8_t *p = (start < x.n
                            ? memchr(x.p + start, '&', x.n - start) : NULL);
        size_t end = p ? (size_t) (p - x.p) : x.n;

        /* Shorter than "a[" name "]" there is none. */
        if (end - start >= name.n + 3
            && (memchr(x.p + start, ']', end - start)
                || memchr(x.p + start, '%', end - start))) {
            n += qs_part(x, start, end, name, depth, key, &parts[n]);
        }
        start = end + 1;
    }
    return n;
}

/* The first of 'parts' with the key of parts[i]; '*harmful' becomes true if it
 * makes something the prototype of what it is in: an element behind, or a list
 * made of several values. */
static size_t
qs_same(const struct qs_part *parts, size_t n, size_t i, bool *harmful)
{
    size_t first = i;

    *harmful = parts[i].more;
    for (size_t j = 0; j < n; j++) {
        if (j != i && parts[j].key == parts[i].key) {
            *harmful = true;
            first = j < first ? j : first;
        }
    }
    return first;
}

/* Writes the key as far as the name, made different from all others by
 * 'number', which qs passes over, and an empty value. */
static void
qs_put(struct pp_buf *buf, struct pp_bytes x, const struct qs_part *q,
       size_t number)
{
    for (size_t i = q->start; i < q->cut; i++) {
        if (x.p[i] == '=') {
            pp_buf_puts(buf, "%3D");
        } else if (x.p[i] == '%' && q->raw) {
            pp_buf_puts(buf, "%25");
        } else {
            pp_buf_put(buf, &x.p[i], 1);
        }
    }
    pp_buf_putf(buf, "%zu=", number);
}

/* See ovs-patchpoint-patch(5).  What qs 6.9.7 does: the value of a key with
 * 'name' in it is not put there, but what it is to be put into is still made,
 * once for all values of one key, where the first of them stands. */
bool
pp_func_qs_without(struct pp_arena *arena, const struct pp_value *a,
                   struct pp_value *r)
{
    struct pp_bytes x = a[0].s;
    struct qs_part *parts = pp_arena_alloc(arena,
                                           QS_PARTS_MAX * sizeof *parts);
    uint8_t *key = pp_arena_alloc(arena, x.n);
    size_t size, n, pos = 0;
    struct pp_buf buf;
    uint8_t *out;
    bool any = false;

    if (!parts || !key) {
        return false;
    }
    n = qs_parts(x, a[1].s, a[2].i, key, parts);
    if (!n) {
        return give_bytes(r, x.p, x.n);
    }
    size = 3 * x.n + 8 * n;
    out = pp_arena_alloc(arena, size);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, size);
    for (size_t i = 0; i < n; i++) {
        bool harmful;
        size_t first = qs_same(parts, n, i, &harmful);

        if (harmful) {
            any = true;
            pp_buf_put(&buf, x.p + pos, parts[i].start - pos);
            if (first == i) {
                qs_put(&buf, x, &parts[i], i);
            }
            pos = parts[i].end;
        }
    }
    pp_buf_put(&buf, x.p + pos, x.n - pos);
    return any ? give_bytes(r, buf.data, buf.len) : give_bytes(r, x.p, x.n);
}
