/* SPDX-License-Identifier: Apache-2.0 */

/* Bytes: comparing, hashing, classes, dates; see pp-bytes.h.
 *
 * In: bytes.  Out: facts about them.  Runs in the engine and in whatever
 * checks patches; owns nothing. */

#include <config.h>

#include "patch/pp-bytes.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

uint64_t
pp_hash_bytes(uint64_t hash, const void *p_, size_t n)
{
    const uint8_t *p = p_;

    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* The key of more than 24 bytes: all of them count, since the texts that
 * patches look for may be alike at both ends. */
uint32_t
pp_hash_long_key(struct pp_bytes s)
{
    uint64_t hash = s.n * UINT64_C(0x9e3779b97f4a7c15);

    for (; s.n > 8; s.p += 8, s.n -= 8) {
        hash = pp_hash_mix(hash, pp_load_key(s.p, 8));
    }
    return (uint32_t) (pp_hash_mix(hash, pp_load_key(s.p, s.n)) >> 32);
}

bool
pp_bytes_equal(struct pp_bytes a, struct pp_bytes b)
{
    return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

size_t
pp_bytes_find(struct pp_bytes x, struct pp_bytes y)
{
    size_t at = 0;

    if (!y.n) {
        return 0;
    }
    while (x.n >= y.n && x.n - at >= y.n) {
        size_t room = x.n - at - (y.n - 1);
        const uint8_t *p = memchr(x.p + at, y.p[0], room);

        if (!p) {
            break;
        }
        at = (size_t) (p - x.p);
        if (y.n == 1 || (y.n == 2 && p[1] == y.p[1])) {
            return at;
        } else if (y.n > 2) {
            p = memmem(p, x.n - at, y.p, y.n);
            return p ? (size_t) (p - x.p) : SIZE_MAX;
        }
        at++;
    }
    return SIZE_MAX;
}

int
pp_bytes_compare(struct pp_bytes a, struct pp_bytes b)
{
    size_t n = MIN(a.n, b.n);
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* The eight bytes at 'p', capital letters as small ones. */
static inline uint64_t
load_lower(const uint8_t *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t high = ones << 7;
    uint64_t x, low, above, from;

    memcpy(&x, p, sizeof x);
    low = x & ~high;
    from = low + ones * (0x80 - 'A');
    above = low + ones * (0x7f - 'Z');
    return x | (from & ~above & ~x & high) >> 2;
}

bool
pp_bytes_equal_nocase(struct pp_bytes a, struct pp_bytes b)
{
    size_t i = 0;

    if (a.n != b.n) {
        return false;
    }
    for (; i + 8 <= a.n; i += 8) {
        if (load_lower(a.p + i) != load_lower(b.p + i)) {
            return false;
        }
    }
    for (; i < a.n; i++) {
        if (pp_ascii_lower(a.p[i]) != pp_ascii_lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

const char *
pp_class_parse(const uint8_t *p, size_t n, uint8_t bits[32])
{
    bool negate = false;
    size_t i = 1;

    memset(bits, 0, 32);
    if (n < 3 || p[0] != '[' || p[n - 1] != ']') {
        return "a character class is written \"[...]\", with at least one "
               "character in it";
    }
    n--;
    if (p[i] == '^') {
        negate = true;
        i++;
    }
    if (i == n) {
        return "the character class is empty";
    }
    while (i < n) {
        uint8_t from, to;

        if (p[i] == '\\' && ++i == n) {
            return "a backslash at the end of a character class";
        }
        from = to = p[i++];
        if (n - i >= 2 && p[i] == '-') {
            i++;
            if (p[i] == '\\' && ++i == n) {
                return "a backslash at the end of a character class";
            }
            to = p[i++];
        }
        if (from > to) {
            return "a range in a character class runs backwards";
        }
        for (unsigned int c = from; c <= to; c++) {
            bits[c / 8] |= (uint8_t) (1 << c % 8);
        }
    }
    for (i = 0; negate && i < 32; i++) {
        bits[i] = (uint8_t) ~bits[i];
    }
    return NULL;
}

void
pp_format_date(int64_t now, char date[PP_DATE_LEN + 1])
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const uint8_t lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    unsigned int day, year, month, seconds;
    unsigned int y400, days_left;

    now = now < 0 ? 0 : now > INT64_C(253402300799) ? INT64_C(253402300799)
          : now;
    day = (unsigned int) (now / 86400);
    seconds = (unsigned int) (now % 86400);
    days_left = day;
    for (year = 1970; ; year++) {
        y400 = (year % 4 == 0 && year % 100) || year % 400 == 0;
        if (days_left < 365 + y400) {
            break;
        }
        days_left -= 365 + y400;
    }
    for (month = 0; ; month++) {
        unsigned int length = lengths[month] + (month == 1 && y400);

        if (days_left < length) {
            break;
        }
        days_left -= length;
    }
    snprintf(date, PP_DATE_LEN + 1,
             "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             &days[day % 7 * 3], (days_left + 1) % 100, &months[month * 3],
             year % 10000, seconds / 3600 % 24, seconds / 60 % 60,
             seconds % 60);
}
