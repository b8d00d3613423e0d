/* SPDX-License-Identifier: Apache-2.0 */

/* Functions of the patch language: numbers, and how they are written; see
 * pp-func.h.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "patch/pp-func-private.h"
#include "pp-reader.h"
#include "util.h"

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
    bool                                                    \
    pp_func_##NAME(ARGS)                                    \
    {                                                       \
        struct pp_reader rd = reader_at(a[0].s, a[1].i);    \
        int64_t i = READ(&rd);                              \
                                                            \
        UNUSED_ARENA;                                       \
        return pp_give_int(r, rd.error ? -1 : i);           \
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

bool
pp_func_parse_int(ARGS)
{
    UNUSED_ARENA;
    return pp_give_int(r, parse_number(a[0].s, 10));
}

bool
pp_func_parse_hex(ARGS)
{
    UNUSED_ARENA;
    return pp_give_int(r, parse_number(a[0].s, 16));
}

bool
pp_func_bits(ARGS)
{
    struct pp_bytes x = a[0].s;
    int64_t first = a[1].i;
    int64_t n = a[2].i;
    int64_t value = 0;

    UNUSED_ARENA;
    if (n < 1 || n > 63 || first < 0
        || (uint64_t) first / 8 >= x.n
        || (uint64_t) n > 8 * (uint64_t) x.n - (uint64_t) first) {
        return pp_give_int(r, -1);
    }
    for (int64_t i = first; i < first + n; i++) {
        value = value << 1 | (x.p[i / 8] >> (7 - i % 8) & 1);
    }
    return pp_give_int(r, value);
}

/* A number as C's strtol() reads it. */
struct c_number {
    size_t end;                 /* What follows it; 0: there is none. */
    bool negative;
    bool overflow;              /* Beyond 64 bits. */
    uint64_t value;             /* Without the sign. */
};

static int
c_digit(uint8_t c)
{
    c = pp_ascii_lower(c);
    return pp_is_digit(c) ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Reads 'x' in base 'base', 2 to 36, or 0 for that of C's constants (ISO C11
 * section 7.22.1.4). */
static struct c_number
read_c_number(struct pp_bytes x, int64_t base)
{
    struct c_number number = { .end = 0 };
    size_t i = 0;
    bool prefix;

    while (i < x.n && x.p[i] && strchr(" \t\n\v\f\r", x.p[i])) {
        i++;
    }
    if (i < x.n && (x.p[i] == '+' || x.p[i] == '-')) {
        number.negative = x.p[i++] == '-';
    }
    prefix = (x.n - i > 2 && x.p[i] == '0' && (x.p[i + 1] | 0x20) == 'x'
              && c_digit(x.p[i + 2]) < 16);
    if (!base) {
        base = prefix ? 16 : i < x.n && x.p[i] == '0' ? 8 : 10;
    }
    if (base < 2 || base > 36) {
        return number;
    }
    i += base == 16 && prefix ? 2 : 0;
    for (; i < x.n && c_digit(x.p[i]) < base; i++) {
        number.overflow
            |= (__builtin_mul_overflow(number.value, (uint64_t) base,
                                       &number.value)
                || __builtin_add_overflow(number.value,
                                          (uint64_t) c_digit(x.p[i]),
                                          &number.value));
        number.end = i + 1;
    }
    return number;
}

bool
pp_func_strtol(ARGS)
{
    struct c_number n = read_c_number(a[0].s, a[1].i);

    UNUSED_ARENA;
    if (n.overflow || n.value > INT64_MAX) {
        return pp_give_int(r, n.negative ? INT64_MIN : INT64_MAX);
    }
    return pp_give_int(r, n.negative ? -(int64_t) n.value
                                     : (int64_t) n.value);
}

bool
pp_func_strtoul(ARGS)
{
    struct c_number n = read_c_number(a[0].s, a[1].i);
    uint64_t value = n.negative ? -n.value : n.value;

    UNUSED_ARENA;
    return pp_give_int(r, (n.overflow || value > INT64_MAX ? INT64_MAX
                           : (int64_t) value));
}

bool
pp_func_strtol_rest(ARGS)
{
    size_t end = read_c_number(a[0].s, a[1].i).end;

    UNUSED_ARENA;
    return (a[0].s.n ? pp_give_bytes(r, a[0].s.p + end, a[0].s.n - end)
            : pp_give_bytes(r, NULL, 0));
}

bool
pp_func_signed(ARGS)
{
    unsigned int n = a[1].i < 1 || a[1].i > 64 ? 64 : (unsigned int) a[1].i;
    uint64_t sign = UINT64_C(1) << (n - 1);
    uint64_t low = (uint64_t) a[0].i & (sign | (sign - 1));

    UNUSED_ARENA;
    return pp_give_int(r, (int64_t) ((low ^ sign) - sign));
}

bool
pp_func_min(ARGS)
{
    UNUSED_ARENA;
    return pp_give_int(r, a[0].i < a[1].i ? a[0].i : a[1].i);
}

bool
pp_func_max(ARGS)
{
    UNUSED_ARENA;
    return pp_give_int(r, a[0].i > a[1].i ? a[0].i : a[1].i);
}

bool
pp_func_decimal(ARGS)
{
    char *out = pp_arena_alloc(arena, 24);

    return out && pp_give_bytes(r, out, (size_t) snprintf(out, 24, "%lld",
                                                       (long long) a[0].i));
}

bool
pp_func_hex(ARGS)
{
    uint8_t *out = pp_arena_alloc(arena, 2 * a[0].s.n);

    if (!out) {
        return false;
    }
    for (size_t i = 0; i < a[0].s.n; i++) {
        out[2 * i] = "0123456789abcdef"[a[0].s.p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[a[0].s.p[i] & 15];
    }
    return pp_give_bytes(r, out, 2 * a[0].s.n);
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
    return pp_give_bytes(r, out, n);
}

bool
pp_func_put_byte(ARGS)
{
    return put_integer(arena, a[0].i, 1, false, r);
}

bool
pp_func_put_be16(ARGS)
{
    return put_integer(arena, a[0].i, 2, false, r);
}

bool
pp_func_put_be32(ARGS)
{
    return put_integer(arena, a[0].i, 4, false, r);
}

bool
pp_func_put_le16(ARGS)
{
    return put_integer(arena, a[0].i, 2, true, r);
}

bool
pp_func_put_le32(ARGS)
{
    return put_integer(arena, a[0].i, 4, true, r);
}
