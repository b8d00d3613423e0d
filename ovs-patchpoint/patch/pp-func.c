/* SPDX-License-Identifier: Apache-2.0 */

/* The named functions of the patch language; see pp-func.h.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include "patch/pp-func.h"

#include <stdio.h>
#include <string.h>

#include "pp-reader.h"
#include "util.h"

#define ARGS struct pp_arena *arena, const struct pp_value *a, \
             struct pp_value *r
#define UNUSED_ARENA (void) arena

static bool
give_bool(struct pp_value *r, bool b)
{
    *r = pp_value_bool(b);
    return true;
}

static bool
give_int(struct pp_value *r, int64_t i)
{
    *r = pp_value_int(i);
    return true;
}

static bool
give_bytes(struct pp_value *r, const void *p, size_t n)
{
    *r = pp_value_bytes(p, n);
    return true;
}

static bool
is_decimal_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110 section 5.6.2. */
static bool
is_tchar(uint8_t c)
{
    return (is_decimal_digit(c) || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z')
            || (c && strchr("!#$%&'*+-.^_`|~", c)));
}

/* Offset of the last 'y' in 'x', or SIZE_MAX.  Walks forward, so that it is
 * linear. */
static size_t
find_last_in(struct pp_bytes x, struct pp_bytes y)
{
    size_t last = SIZE_MAX;
    size_t at = 0;

    while (y.n && at <= x.n) {
        struct pp_bytes rest = { x.p + at, x.n - at };
        size_t off = pp_bytes_find(rest, y);

        if (off == SIZE_MAX) {
            break;
        }
        last = at + off;
        at = last + 1;
    }
    return last;
}

/* Tests. */

static bool
f_contains(ARGS)
{
    UNUSED_ARENA;
    return give_bool(r, pp_bytes_find(a[0].s, a[1].s) != SIZE_MAX);
}

static bool
f_starts_with(ARGS)
{
    struct pp_bytes x = a[0].s;

    UNUSED_ARENA;
    return give_bool(r, x.n >= a[1].s.n
                     && pp_bytes_equal((struct pp_bytes) { x.p, a[1].s.n },
                                       a[1].s));
}

static bool
f_ends_with(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_bytes y = a[1].s;

    UNUSED_ARENA;
    return give_bool(r, !y.n
                     || (x.n >= y.n
                         && pp_bytes_equal((struct pp_bytes)
                                           { x.p + (x.n - y.n), y.n }, y)));
}

static bool
f_only(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (!pp_class_has(a[1].s.p, a[0].s.p[i])) {
            return give_bool(r, false);
        }
    }
    return give_bool(r, true);
}

static bool
f_any_of(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (pp_class_has(a[1].s.p, a[0].s.p[i])) {
            return give_bool(r, true);
        }
    }
    return give_bool(r, false);
}

static bool
f_is_decimal(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (!is_decimal_digit(a[0].s.p[i])) {
            return give_bool(r, false);
        }
    }
    return give_bool(r, a[0].s.n > 0);
}

static bool
f_is_hex(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (hexit_value(a[0].s.p[i]) < 0) {
            return give_bool(r, false);
        }
    }
    return give_bool(r, a[0].s.n > 0);
}

static bool
f_is_token(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (!is_tchar(a[0].s.p[i])) {
            return give_bool(r, false);
        }
    }
    return give_bool(r, a[0].s.n > 0);
}

/* The next '/'-separated segment from '*at' on; false at the end. */
static bool
next_segment(struct pp_bytes path, size_t *at, struct pp_bytes *segment)
{
    const uint8_t *slash;

    if (*at > path.n || !path.n) {
        return false;
    }
    slash = *at < path.n ? memchr(path.p + *at, '/', path.n - *at) : NULL;
    segment->p = path.p + *at;
    segment->n = slash ? (size_t) (slash - segment->p) : path.n - *at;
    *at += segment->n + 1;
    return true;
}

static bool
is_dots(struct pp_bytes segment, size_t n)
{
    return segment.n == n && !memcmp(segment.p, "..", n);
}

static bool
f_escapes_root(ARGS)
{
    struct pp_bytes segment;
    int64_t depth = 0;
    size_t at = 0;

    UNUSED_ARENA;
    while (next_segment(a[0].s, &at, &segment)) {
        if (is_dots(segment, 2)) {
            if (--depth < 0) {
                return give_bool(r, true);
            }
        } else if (segment.n && !is_dots(segment, 1)) {
            depth++;
        }
    }
    return give_bool(r, false);
}

/* Numbers. */

static bool
f_len(ARGS)
{
    UNUSED_ARENA;
    return give_int(r, (int64_t) a[0].s.n);
}

static bool
f_find(ARGS)
{
    size_t off = pp_bytes_find(a[0].s, a[1].s);

    UNUSED_ARENA;
    return give_int(r, off == SIZE_MAX ? -1 : (int64_t) off);
}

static bool
f_find_last(ARGS)
{
    size_t off = find_last_in(a[0].s, a[1].s);

    UNUSED_ARENA;
    return give_int(r, off == SIZE_MAX ? -1 : (int64_t) off);
}

static bool
f_count_of(ARGS)
{
    int64_t n = 0;

    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        n += pp_class_has(a[1].s.p, a[0].s.p[i]);
    }
    return give_int(r, n);
}

static bool
f_split_count(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_bytes y = a[1].s;
    int64_t n = 1;

    UNUSED_ARENA;
    while (y.n) {
        size_t off = pp_bytes_find(x, y);

        if (off == SIZE_MAX) {
            break;
        }
        n++;
        x.p += off + y.n;
        x.n -= off + y.n;
    }
    return give_int(r, n);
}

/* A reader of 'x' that stands at 'off'; in error if that is outside. */
static struct pp_reader
reader_at(struct pp_bytes x, int64_t off)
{
    struct pp_reader rd = pp_reader_init(x.p, x.n);

    if (off < 0 || (uint64_t) off > x.n) {
        rd.error = true;
    } else {
        pp_reader_skip(&rd, (size_t) off);
    }
    return rd;
}

#define INTEGER_READER(NAME, READ)                          \
    static bool                                             \
    f_##NAME(ARGS)                                          \
    {                                                       \
        struct pp_reader rd = reader_at(a[0].s, a[1].i);    \
        int64_t i = READ(&rd);                              \
                                                            \
        UNUSED_ARENA;                                       \
        return give_int(r, rd.error ? -1 : i);              \
    }
INTEGER_READER(byte, pp_reader_u8)
INTEGER_READER(be16, pp_reader_be16)
INTEGER_READER(be32, pp_reader_be32)
INTEGER_READER(le16, pp_reader_le16)
INTEGER_READER(le32, pp_reader_le32)

static int64_t
parse_number(struct pp_bytes x, unsigned int base)
{
    int64_t value = 0;

    for (size_t i = 0; i < x.n; i++) {
        int digit = hexit_value(x.p[i]);

        if (digit < 0 || (unsigned int) digit >= base) {
            return -1;
        }
        if (value > (INT64_MAX - digit) / (int64_t) base) {
            value = INT64_MAX;
        } else {
            value = value * base + digit;
        }
    }
    return x.n ? value : -1;
}

static bool
f_parse_int(ARGS)
{
    UNUSED_ARENA;
    return give_int(r, parse_number(a[0].s, 10));
}

static bool
f_parse_hex(ARGS)
{
    UNUSED_ARENA;
    return give_int(r, parse_number(a[0].s, 16));
}

static bool
f_min(ARGS)
{
    UNUSED_ARENA;
    return give_int(r, a[0].i < a[1].i ? a[0].i : a[1].i);
}

static bool
f_max(ARGS)
{
    UNUSED_ARENA;
    return give_int(r, a[0].i > a[1].i ? a[0].i : a[1].i);
}

/* Parts of bytes: no copy. */

static size_t
clamp_offset(int64_t i, size_t n)
{
    return i < 0 ? 0 : (uint64_t) i > n ? n : (size_t) i;
}

static bool
f_slice(ARGS)
{
    struct pp_bytes x = a[0].s;
    size_t from = clamp_offset(a[1].i, x.n);
    size_t to = clamp_offset(a[2].i, x.n);

    UNUSED_ARENA;
    if (from >= to) {
        return give_bytes(r, NULL, 0);
    }
    return give_bytes(r, x.p + from, to - from);
}

static bool
strip_class(struct pp_bytes x, const uint8_t *bits, struct pp_value *r)
{
    while (x.n && pp_class_has(bits, x.p[0])) {
        x.p++;
        x.n--;
    }
    while (x.n && pp_class_has(bits, x.p[x.n - 1])) {
        x.n--;
    }
    return give_bytes(r, x.p, x.n);
}

static bool
f_trim(ARGS)
{
    static const uint8_t blank[32] = {
        ['\t' / 8] = 1 << '\t' % 8, [' ' / 8] = 1 << ' ' % 8,
    };

    UNUSED_ARENA;
    return strip_class(a[0].s, blank, r);
}

static bool
f_strip(ARGS)
{
    UNUSED_ARENA;
    return strip_class(a[0].s, a[1].s.p, r);
}

static bool
f_before(ARGS)
{
    size_t off = pp_bytes_find(a[0].s, a[1].s);

    UNUSED_ARENA;
    return give_bytes(r, a[0].s.p, off == SIZE_MAX ? a[0].s.n : off);
}

static bool
f_after(ARGS)
{
    size_t off = pp_bytes_find(a[0].s, a[1].s);

    UNUSED_ARENA;
    if (off == SIZE_MAX || !a[0].s.n) {
        return give_bytes(r, NULL, 0);
    }
    off += a[1].s.n;
    return give_bytes(r, a[0].s.p + off, a[0].s.n - off);
}

static bool
f_last(ARGS)
{
    size_t off = find_last_in(a[0].s, a[1].s);

    UNUSED_ARENA;
    if (off == SIZE_MAX) {
        return give_bytes(r, a[0].s.p, a[0].s.n);
    }
    off += a[1].s.n;
    return give_bytes(r, a[0].s.p + off, a[0].s.n - off);
}

/* New bytes. */

static bool
decode(struct pp_arena *arena, struct pp_bytes x, bool plus,
       struct pp_value *r)
{
    uint8_t *out;
    size_t n = 0;

    if (!x.n || (!memchr(x.p, '%', x.n)
                 && (!plus || !memchr(x.p, '+', x.n)))) {
        return give_bytes(r, x.p, x.n);
    }
    out = pp_arena_alloc(arena, x.n);
    if (!out) {
        return false;
    }
    for (size_t i = 0; i < x.n; i++) {
        if (x.p[i] == '%' && x.n - i > 2 && hexit_value(x.p[i + 1]) >= 0
            && hexit_value(x.p[i + 2]) >= 0) {
            out[n++] = (uint8_t) (hexit_value(x.p[i + 1]) << 4
                                  | hexit_value(x.p[i + 2]));
            i += 2;
        } else {
            out[n++] = plus && x.p[i] == '+' ? ' ' : x.p[i];
        }
    }
    return give_bytes(r, out, n);
}

static bool
f_percent_decode(ARGS)
{
    return decode(arena, a[0].s, false, r);
}

static bool
f_form_decode(ARGS)
{
    return decode(arena, a[0].s, true, r);
}

/* All but unreserved characters (RFC 3986 section 2.3). */
static bool
f_percent_encode(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_buf buf;
    uint8_t *out = pp_arena_alloc(arena, 3 * x.n);

    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, 3 * x.n);
    for (size_t i = 0; i < x.n; i++) {
        uint8_t c = x.p[i];

        if (is_decimal_digit(c) || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c))) {
            pp_buf_put(&buf, &c, 1);
        } else {
            pp_buf_putf(&buf, "%%%02X", c);
        }
    }
    return give_bytes(r, buf.data, buf.len);
}

static bool
change_case(struct pp_arena *arena, struct pp_bytes x, bool up,
            struct pp_value *r)
{
    uint8_t *out;
    size_t i;

    for (i = 0; i < x.n; i++) {
        if (up ? x.p[i] >= 'a' && x.p[i] <= 'z'
               : x.p[i] >= 'A' && x.p[i] <= 'Z') {
            break;
        }
    }
    if (i == x.n) {
        return give_bytes(r, x.p, x.n);
    }
    out = pp_arena_alloc(arena, x.n);
    if (!out) {
        return false;
    }
    for (i = 0; i < x.n; i++) {
        out[i] = (up ? (x.p[i] >= 'a' && x.p[i] <= 'z'
                        ? x.p[i] - 32 : x.p[i])
                  : pp_ascii_lower(x.p[i]));
    }
    return give_bytes(r, out, x.n);
}

static bool
f_lower(ARGS)
{
    return change_case(arena, a[0].s, false, r);
}

static bool
f_upper(ARGS)
{
    return change_case(arena, a[0].s, true, r);
}

static bool
f_concat(ARGS)
{
    uint8_t *out;

    if (!a[0].s.n || !a[1].s.n) {
        *r = a[0].s.n ? a[0] : a[1];
        return true;
    }
    out = pp_arena_alloc(arena, a[0].s.n + a[1].s.n);
    if (!out) {
        return false;
    }
    memcpy(out, a[0].s.p, a[0].s.n);
    memcpy(out + a[0].s.n, a[1].s.p, a[1].s.n);
    return give_bytes(r, out, a[0].s.n + a[1].s.n);
}

/* Each '<', '>', '&', '"' and '\'' becomes an entity, as most servers'
 * escapers have it (the quotes as numbers). */
static bool
f_html_escape(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_buf buf;
    size_t grow = 0;
    uint8_t *out;

    for (size_t i = 0; i < x.n; i++) {
        grow += (x.p[i] == '<' || x.p[i] == '>' ? 3
                 : x.p[i] == '&' ? 4
                 : x.p[i] == '\'' ? 4 : x.p[i] == '"' ? 5 : 0);
    }
    if (!grow) {
        return give_bytes(r, x.p, x.n);
    }
    out = pp_arena_alloc(arena, x.n + grow);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, x.n + grow);
    for (size_t i = 0; i < x.n; i++) {
        switch (x.p[i]) {
        case '<':
            pp_buf_puts(&buf, "&lt;");
            break;
        case '>':
            pp_buf_puts(&buf, "&gt;");
            break;
        case '&':
            pp_buf_puts(&buf, "&amp;");
            break;
        case '\'':
            pp_buf_puts(&buf, "&#39;");
            break;
        case '"':
            pp_buf_puts(&buf, "&quot;");
            break;
        default:
            pp_buf_put(&buf, &x.p[i], 1);
            break;
        }
    }
    return give_bytes(r, buf.data, buf.len);
}

static bool
f_replace_first(ARGS)
{
    struct pp_bytes x = a[0].s;
    size_t off = a[1].s.n ? pp_bytes_find(x, a[1].s) : SIZE_MAX;
    struct pp_buf buf;
    uint8_t *out;
    size_t size;

    if (off == SIZE_MAX) {
        return give_bytes(r, x.p, x.n);
    }
    size = x.n - a[1].s.n + a[2].s.n;
    out = pp_arena_alloc(arena, size);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, size);
    pp_buf_put(&buf, x.p, off);
    pp_buf_put(&buf, a[2].s.p, a[2].s.n);
    off += a[1].s.n;
    pp_buf_put(&buf, x.p + off, x.n - off);
    return give_bytes(r, buf.data, buf.len);
}

static bool
f_translate(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_value count;
    struct pp_buf buf;
    uint8_t *out;
    size_t size;

    f_count_of(arena, a, &count);
    if (!count.i) {
        return give_bytes(r, x.p, x.n);
    }
    size = x.n - (size_t) count.i + (size_t) count.i * a[2].s.n;
    out = pp_arena_alloc(arena, size);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, size);
    for (size_t i = 0; i < x.n; i++) {
        if (pp_class_has(a[1].s.p, x.p[i])) {
            pp_buf_put(&buf, a[2].s.p, a[2].s.n);
        } else {
            pp_buf_put(&buf, &x.p[i], 1);
        }
    }
    return give_bytes(r, buf.data, buf.len);
}

static bool
f_replace_all(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_bytes from = a[1].s;
    struct pp_bytes to = a[2].s;
    struct pp_value count;
    struct pp_buf buf;
    size_t size;
    uint8_t *out;

    if (!from.n || pp_bytes_find(x, from) == SIZE_MAX) {
        return give_bytes(r, x.p, x.n);
    }
    f_split_count(arena, a, &count);
    size = x.n + (size_t) (count.i - 1) * to.n;
    out = pp_arena_alloc(arena, size);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, size);
    for (;;) {
        size_t off = pp_bytes_find(x, from);

        if (off == SIZE_MAX) {
            break;
        }
        pp_buf_put(&buf, x.p, off);
        pp_buf_put(&buf, to.p, to.n);
        x.p += off + from.n;
        x.n -= off + from.n;
    }
    pp_buf_put(&buf, x.p, x.n);
    return give_bytes(r, buf.data, buf.len);
}

/* Dot segments and doubled slashes go, as POSIX normpath() has it, but a
 * trailing slash stays.  ".." above a leading slash vanishes; in a relative
 * path it stays. */
static bool
f_normalize_path(ARGS)
{
    struct pp_bytes path = a[0].s;
    bool absolute = path.n && path.p[0] == '/';
    bool slash = path.n && path.p[path.n - 1] == '/';
    struct pp_bytes segment;
    size_t kept_dots = absolute;        /* Nothing before it is taken away. */
    size_t at = 0;
    size_t n = 0;
    uint8_t *out = pp_arena_alloc(arena, path.n + 1);

    if (!out) {
        return false;
    }
    if (absolute) {
        out[n++] = '/';
    }
    while (next_segment(path, &at, &segment)) {
        if (!segment.n || is_dots(segment, 1)) {
            continue;
        }
        if (is_dots(segment, 2)) {
            if (n > kept_dots) {
                while (n > kept_dots && out[n - 1] != '/') {
                    n--;
                }
                n -= n > kept_dots;
                continue;
            }
            if (absolute) {
                continue;
            }
        }
        if (n && out[n - 1] != '/') {
            out[n++] = '/';
        }
        memcpy(out + n, segment.p, segment.n);
        n += segment.n;
        if (is_dots(segment, 2)) {
            kept_dots = n;
        }
    }
    if (slash && n && out[n - 1] != '/') {
        out[n++] = '/';
    }
    return give_bytes(r, out, n);
}

static bool
f_decimal(ARGS)
{
    char *out = pp_arena_alloc(arena, 24);

    return out && give_bytes(r, out, (size_t) snprintf(out, 24, "%lld",
                                                       (long long) a[0].i));
}

static bool
f_hex(ARGS)
{
    uint8_t *out = pp_arena_alloc(arena, 2 * a[0].s.n);

    if (!out) {
        return false;
    }
    for (size_t i = 0; i < a[0].s.n; i++) {
        out[2 * i] = "0123456789abcdef"[a[0].s.p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[a[0].s.p[i] & 15];
    }
    return give_bytes(r, out, 2 * a[0].s.n);
}

static bool
put_integer(struct pp_arena *arena, int64_t i, size_t n, bool little,
            struct pp_value *r)
{
    uint8_t *out = pp_arena_alloc(arena, n);

    if (!out) {
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        out[little ? k : n - 1 - k] = (uint8_t) ((uint64_t) i >> (8 * k));
    }
    return give_bytes(r, out, n);
}

static bool
f_put_byte(ARGS)
{
    return put_integer(arena, a[0].i, 1, false, r);
}

static bool
f_put_be16(ARGS)
{
    return put_integer(arena, a[0].i, 2, false, r);
}

static bool
f_put_be32(ARGS)
{
    return put_integer(arena, a[0].i, 4, false, r);
}

static bool
f_put_le16(ARGS)
{
    return put_integer(arena, a[0].i, 2, true, r);
}

static bool
f_put_le32(ARGS)
{
    return put_integer(arena, a[0].i, 4, true, r);
}

const struct pp_func pp_funcs[] = {
    { "contains", "b:ss", 8, f_contains,
      "True if Y stands somewhere in X; also written X contains Y." },
    { "starts_with", "b:ss", 1, f_starts_with,
      "True if X starts with Y; also written X starts_with Y." },
    { "ends_with", "b:ss", 1, f_ends_with,
      "True if X ends with Y; also written X ends_with Y." },
    { "only", "b:sc", 8, f_only,
      "True if every byte of X is in the class; so it is of empty bytes." },
    { "any_of", "b:sc", 8, f_any_of,
      "True if some byte of X is in the class." },
    { "is_decimal", "b:s", 4, f_is_decimal,
      "True if X is one or more digits and nothing else." },
    { "is_hex", "b:s", 4, f_is_hex,
      "True if X is one or more hexadecimal digits and nothing else." },
    { "is_token", "b:s", 8, f_is_token,
      "True if X is a token as in RFC 9110 section 5.6.2." },
    { "escapes_root", "b:s", 16, f_escapes_root,
      "True if the path's '..' segments lead above where it starts, at any "
      "point; '/' separates, empty segments do not count." },

    { "len", "i:s", 1, f_len, "The number of bytes in X." },
    { "find", "i:ss", 8, f_find,
      "Where Y first stands in X, from 0, or -1." },
    { "find_last", "i:ss", 8, f_find_last,
      "Where Y last stands in X, from 0, or -1." },
    { "count_of", "i:sc", 8, f_count_of,
      "How many bytes of X are in the class." },
    { "split_count", "i:ss", 8, f_split_count,
      "How many pieces X falls into at each Y; 1 if Y is not in it." },
    { "byte", "i:si", 1, f_byte, "The byte at offset I of X, or -1." },
    { "be16", "i:si", 1, f_be16,
      "The 16-bit big-endian number at offset I of X, or -1." },
    { "be32", "i:si", 1, f_be32,
      "The 32-bit big-endian number at offset I of X, or -1." },
    { "le16", "i:si", 1, f_le16,
      "The 16-bit little-endian number at offset I of X, or -1." },
    { "le32", "i:si", 1, f_le32,
      "The 32-bit little-endian number at offset I of X, or -1." },
    { "parse_int", "i:s", 4, f_parse_int,
      "The value of decimal digits, saturating, or -1 if X is anything "
      "else." },
    { "parse_hex", "i:s", 4, f_parse_hex,
      "The value of hexadecimal digits, saturating, or -1 if X is anything "
      "else." },
    { "min", "i:ii", 1, f_min, "The smaller of the two." },
    { "max", "i:ii", 1, f_max, "The larger of the two." },

    { "slice", "s:sii", 1, f_slice,
      "The bytes of X from offset I up to, not with, offset J; offsets "
      "outside are moved to the ends." },
    { "trim", "s:s", 4, f_trim,
      "X without spaces and tabs at its ends." },
    { "strip", "s:sc", 4, f_strip,
      "X without bytes of the class at its ends." },
    { "before", "s:ss", 8, f_before,
      "What is in front of the first Y in X; all of X if there is none." },
    { "after", "s:ss", 8, f_after,
      "What is behind the first Y in X; empty if there is none." },
    { "last", "s:ss", 8, f_last,
      "What is behind the last Y in X; all of X if there is none." },

    { "percent_decode", "s:s", 16, f_percent_decode,
      "X with each %HH decoded, once; a '%' without two hexadecimal digits "
      "stays." },
    { "form_decode", "s:s", 16, f_form_decode,
      "The same with '+' read as a space first." },
    { "percent_encode", "s:s", 16, f_percent_encode,
      "X with %HH for each byte that is not a letter, a digit or one of "
      "'-._~'." },
    { "lower", "s:s", 8, f_lower, "X with ASCII letters in lower case." },
    { "upper", "s:s", 8, f_upper, "X with ASCII letters in upper case." },
    { "concat", "s:ss", 8, f_concat,
      "X and Y, one behind the other; takes more arguments too." },
    { "html_escape", "s:s", 16, f_html_escape,
      "X with &lt; &gt; &amp; &quot; and &#39; for the bytes that HTML "
      "minds." },
    { "replace_all", "s:sss", 16, f_replace_all,
      "X with each Y in it replaced by Z." },
    { "replace_first", "s:sss", 16, f_replace_first,
      "X with the first Y in it replaced by Z." },
    { "translate", "s:scs", 16, f_translate,
      "X with each byte of the class replaced by Y." },
    { "normalize_path", "s:s", 16, f_normalize_path,
      "The path without empty and dot segments; '..' takes its "
      "predecessor with it, and vanishes at the root." },
    { "decimal", "s:i", 4, f_decimal, "The number in decimal digits." },
    { "hex", "s:s", 8, f_hex, "X in lower case hexadecimal digits." },
    { "put_byte", "s:i", 2, f_put_byte, "One byte with the number's value." },
    { "put_be16", "s:i", 2, f_put_be16,
      "Two bytes, big-endian, with the number's value." },
    { "put_be32", "s:i", 2, f_put_be32,
      "Four bytes, big-endian, with the number's value." },
    { "put_le16", "s:i", 2, f_put_le16,
      "Two bytes, little-endian, with the number's value." },
    { "put_le32", "s:i", 2, f_put_le32,
      "Four bytes, little-endian, with the number's value." },

    { "ip_address", "s:s", 8, pp_func_ip_address,
      "The 4 or 16 bytes of the IP address that X says in text; empty if it "
      "is none." },
    { "ip_text", "s:s", 8, pp_func_ip_text,
      "The IP address of 4 or 16 bytes X as text; empty if X is none." },

    { "python_repr", "s:s", 16, pp_func_python_repr,
      "X as Python's repr() of the text that Latin-1 makes of it." },
    { "latin1_upper", "s:s", 8, pp_func_latin1_upper,
      "X with letters of Latin-1 in upper case, as Python has it." },
    { "node_ascii", "s:s", 8, pp_func_node_ascii,
      "X with the highest bit of each byte cleared, as Node.js decodes "
      "ASCII." },
    { "npm_ip", "s:s", 8, pp_func_npm_ip,
      "The 4 or 16 bytes of the address that X is for npm's ip; empty if it "
      "is none." },
    { "ftp_srv_host", "s:s", 16, pp_func_ftp_srv_host,
      "\"=\" and the host that ftp-srv connects to for the PORT or EPRT in "
      "the line X; empty if it is none." },
    { "qs_without", "s:ssi", 64, pp_func_qs_without,
      "The query X with no value behind a key that has the element Y, and "
      "it not as the first, where qs, limited to depth I, would make such a "
      "value a prototype." },
    { NULL, NULL, 0, NULL, NULL },
};

unsigned int
pp_func_count(void)
{
    return sizeof pp_funcs / sizeof pp_funcs[0] - 1;
}

int
pp_func_find(const char *name, size_t n)
{
    for (unsigned int i = 0; pp_funcs[i].name; i++) {
        if (!strncmp(pp_funcs[i].name, name, n) && !pp_funcs[i].name[n]) {
            return (int) i;
        }
    }
    return -1;
}

uint64_t
pp_func_fingerprint(void)
{
    uint64_t hash = PP_HASH_BASIS;

    for (const struct pp_func *f = pp_funcs; f->name; f++) {
        hash = pp_hash_bytes(hash, f->name, strlen(f->name) + 1);
        hash = pp_hash_bytes(hash, f->signature, strlen(f->signature) + 1);
    }
    return hash;
}
