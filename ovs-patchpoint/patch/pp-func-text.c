/* SPDX-License-Identifier: Apache-2.0 */

/* Functions of the patch language: texts, their parts, and new ones made of
 * them; see pp-func.h.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include <string.h>

#include "patch/pp-func-private.h"
#include "util.h"

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

bool
pp_func_contains(ARGS)
{
    UNUSED_ARENA;
    return pp_give_bool(r, pp_bytes_find(a[0].s, a[1].s) != SIZE_MAX);
}

/* What of 'x' is as long as 'y', at its start or at its end; 'x' if it is
 * shorter. */
static struct pp_bytes
head_or_tail(struct pp_bytes x, struct pp_bytes y, bool tail)
{
    return (!y.n || x.n <= y.n ? (struct pp_bytes) { x.p, MIN(x.n, y.n) }
            : (struct pp_bytes) { tail ? x.p + (x.n - y.n) : x.p, y.n });
}

bool
pp_func_starts_with(ARGS)
{
    UNUSED_ARENA;
    return pp_give_bool(r, pp_bytes_equal(head_or_tail(a[0].s, a[1].s, false),
                                          a[1].s));
}

bool
pp_func_ends_with(ARGS)
{
    UNUSED_ARENA;
    return pp_give_bool(r, pp_bytes_equal(head_or_tail(a[0].s, a[1].s, true),
                                          a[1].s));
}

bool
pp_func_starts_with_nocase(ARGS)
{
    UNUSED_ARENA;
    return pp_give_bool(r, pp_bytes_equal_nocase(
                            head_or_tail(a[0].s, a[1].s, false), a[1].s));
}

bool
pp_func_ends_with_nocase(ARGS)
{
    UNUSED_ARENA;
    return pp_give_bool(r, pp_bytes_equal_nocase(
                            head_or_tail(a[0].s, a[1].s, true), a[1].s));
}

bool
pp_func_only(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (!pp_class_has(a[1].s.p, a[0].s.p[i])) {
            return pp_give_bool(r, false);
        }
    }
    return pp_give_bool(r, true);
}

bool
pp_func_any_of(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (pp_class_has(a[1].s.p, a[0].s.p[i])) {
            return pp_give_bool(r, true);
        }
    }
    return pp_give_bool(r, false);
}

bool
pp_func_is_decimal(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (!pp_is_digit(a[0].s.p[i])) {
            return pp_give_bool(r, false);
        }
    }
    return pp_give_bool(r, a[0].s.n > 0);
}

bool
pp_func_is_hex(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (hexit_value(a[0].s.p[i]) < 0) {
            return pp_give_bool(r, false);
        }
    }
    return pp_give_bool(r, a[0].s.n > 0);
}

bool
pp_func_is_token(ARGS)
{
    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (!pp_is_tchar(a[0].s.p[i])) {
            return pp_give_bool(r, false);
        }
    }
    return pp_give_bool(r, a[0].s.n > 0);
}

bool
pp_func_len(ARGS)
{
    UNUSED_ARENA;
    return pp_give_int(r, (int64_t) a[0].s.n);
}

bool
pp_func_find(ARGS)
{
    size_t off = pp_bytes_find(a[0].s, a[1].s);

    UNUSED_ARENA;
    return pp_give_int(r, off == SIZE_MAX ? -1 : (int64_t) off);
}

bool
pp_func_find_last(ARGS)
{
    size_t off = find_last_in(a[0].s, a[1].s);

    UNUSED_ARENA;
    return pp_give_int(r, off == SIZE_MAX ? -1 : (int64_t) off);
}

bool
pp_func_count_of(ARGS)
{
    int64_t n = 0;

    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        n += pp_class_has(a[1].s.p, a[0].s.p[i]);
    }
    return pp_give_int(r, n);
}

bool
pp_func_split_count(ARGS)
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
    return pp_give_int(r, n);
}

bool
pp_func_nesting(ARGS)
{
    int64_t depth = 0;
    int64_t deepest = 0;

    UNUSED_ARENA;
    for (size_t i = 0; i < a[0].s.n; i++) {
        if (pp_class_has(a[1].s.p, a[0].s.p[i])) {
            depth++;
            deepest = MAX(deepest, depth);
        } else if (depth && pp_class_has(a[2].s.p, a[0].s.p[i])) {
            depth--;
        }
    }
    return pp_give_int(r, deepest);
}

/* Parts of bytes: no copy. */

bool
pp_func_slice(ARGS)
{
    struct pp_bytes x = a[0].s;
    size_t from = pp_clamp_offset(a[1].i, x.n);
    size_t to = pp_clamp_offset(a[2].i, x.n);

    UNUSED_ARENA;
    if (from >= to) {
        return pp_give_bytes(r, NULL, 0);
    }
    return pp_give_bytes(r, x.p + from, to - from);
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
    return pp_give_bytes(r, x.p, x.n);
}

bool
pp_func_trim(ARGS)
{
    static const uint8_t blank[32] = {
        ['\t' / 8] = 1 << '\t' % 8, [' ' / 8] = 1 << ' ' % 8,
    };

    UNUSED_ARENA;
    return strip_class(a[0].s, blank, r);
}

bool
pp_func_strip(ARGS)
{
    UNUSED_ARENA;
    return strip_class(a[0].s, a[1].s.p, r);
}

bool
pp_func_before(ARGS)
{
    size_t off = pp_bytes_find(a[0].s, a[1].s);

    UNUSED_ARENA;
    return pp_give_bytes(r, a[0].s.p, off == SIZE_MAX ? a[0].s.n : off);
}

bool
pp_func_after(ARGS)
{
    size_t off = pp_bytes_find(a[0].s, a[1].s);

    UNUSED_ARENA;
    if (off == SIZE_MAX || !a[0].s.n) {
        return pp_give_bytes(r, NULL, 0);
    }
    off += a[1].s.n;
    return pp_give_bytes(r, a[0].s.p + off, a[0].s.n - off);
}

bool
pp_func_last(ARGS)
{
    size_t off = find_last_in(a[0].s, a[1].s);

    UNUSED_ARENA;
    if (off == SIZE_MAX) {
        return pp_give_bytes(r, a[0].s.p, a[0].s.n);
    }
    off += a[1].s.n;
    return pp_give_bytes(r, a[0].s.p + off, a[0].s.n - off);
}

/* New bytes. */

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
        return pp_give_bytes(r, x.p, x.n);
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
    return pp_give_bytes(r, out, x.n);
}

bool
pp_func_lower(ARGS)
{
    return change_case(arena, a[0].s, false, r);
}

bool
pp_func_upper(ARGS)
{
    return change_case(arena, a[0].s, true, r);
}

/* In lower case both, so that the search stays linear. */
bool
pp_func_contains_nocase(ARGS)
{
    struct pp_value x, y;

    return (change_case(arena, a[0].s, false, &x)
            && change_case(arena, a[1].s, false, &y)
            && pp_give_bool(r, pp_bytes_find(x.s, y.s) != SIZE_MAX));
}

bool
pp_func_concat(ARGS)
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
    return pp_give_bytes(r, out, a[0].s.n + a[1].s.n);
}

bool
pp_func_replace_first(ARGS)
{
    struct pp_bytes x = a[0].s;
    size_t off = a[1].s.n ? pp_bytes_find(x, a[1].s) : SIZE_MAX;
    struct pp_buf buf;
    uint8_t *out;
    size_t size;

    if (off == SIZE_MAX) {
        return pp_give_bytes(r, x.p, x.n);
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
    return pp_give_bytes(r, buf.data, buf.len);
}

bool
pp_func_translate(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_value count;
    struct pp_buf buf;
    uint8_t *out;
    size_t size;

    pp_func_count_of(arena, a, &count);
    if (!count.i) {
        return pp_give_bytes(r, x.p, x.n);
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
    return pp_give_bytes(r, buf.data, buf.len);
}

bool
pp_func_replace_all(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_bytes from = a[1].s;
    struct pp_bytes to = a[2].s;
    struct pp_value count;
    struct pp_buf buf;
    size_t size;
    uint8_t *out;

    if (!from.n || pp_bytes_find(x, from) == SIZE_MAX) {
        return pp_give_bytes(r, x.p, x.n);
    }
    pp_func_split_count(arena, a, &count);
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
    return pp_give_bytes(r, buf.data, buf.len);
}
