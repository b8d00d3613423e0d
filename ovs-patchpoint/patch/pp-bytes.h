/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_BYTES_H
#define PP_BYTES_H 1

/* Bytes: comparing, hashing, character classes, and the date in HTTP. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-value.h"

/* FNV-1a, for fingerprints and for tables: 'hash' starts as PP_HASH_BASIS. */
#define PP_HASH_BASIS UINT64_C(0xcbf29ce484222325)
uint64_t pp_hash_bytes(uint64_t hash, const void *, size_t);

/* Hash of a key in 32 bits, of which the high ones are the best; quick.  Both
 * cases of a letter count alike. */
uint32_t pp_hash_long_key(struct pp_bytes key);

/* Up to eight bytes at 'p' as a number, without the bit in which both cases of
 * a letter differ.  That other bytes differ in it, too, does no harm. */
static inline uint64_t
pp_load_key(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    uint32_t low, high;

    if (n >= 8) {
        memcpy(&x, p, 8);
    } else if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        x = (uint64_t) high << 32 | low;
    } else if (n) {
        x = (uint64_t) p[0] << 16 | (uint64_t) p[n / 2] << 8 | p[n - 1];
    }
    return x | UINT64_C(0x2020202020202020);
}

static inline uint64_t
pp_hash_mix(uint64_t hash, uint64_t x)
{
    hash = (hash ^ x) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 32;
}

static inline uint32_t
pp_hash_key(struct pp_bytes key)
{
    uint64_t hash = key.n * UINT64_C(0x9e3779b97f4a7c15);

    if (key.n > 24) {
        return pp_hash_long_key(key);
    } else if (key.n < 8) {
        hash ^= pp_load_key(key.p, key.n);
    } else {
        hash = pp_hash_mix(hash, pp_load_key(key.p, 8));
        if (key.n > 16) {
            hash = pp_hash_mix(hash, pp_load_key(key.p + 8, 8));
        }
        hash ^= pp_load_key(key.p + key.n - 8, 8);
    }
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 29;
    return (uint32_t) (hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static inline uint8_t
pp_ascii_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

bool pp_bytes_equal(struct pp_bytes, struct pp_bytes);
bool pp_bytes_equal_nocase(struct pp_bytes, struct pp_bytes);

/* The order of two texts, byte by byte: negative, 0 or positive. */
int pp_bytes_compare(struct pp_bytes, struct pp_bytes);

/* Offset of the first 'y' in 'x', or SIZE_MAX.  Takes time linear in 'x'; most
 * often 'x' does not even have the first byte of 'y', and then little. */
size_t pp_bytes_find(struct pp_bytes x, struct pp_bytes y);

/* Reads a character class, "[A-Za-z0-9._-]" or "[^ \t]", into the 32 bytes at
 * 'bits'.  Returns NULL, or what is wrong. */
const char *pp_class_parse(const uint8_t *, size_t n, uint8_t bits[32]);

static inline bool
pp_class_has(const uint8_t *bits, uint8_t c)
{
    return bits[c / 8] >> (c % 8) & 1;
}

/* Writes 'now', seconds since 1970, as "Sun, 06 Nov 1994 08:49:37 GMT" (RFC
 * 9110 section 5.6.7, IMF-fixdate) and a NUL.  Years beyond 9999 or before
 * 1970 are cut to them. */
#define PP_DATE_LEN 29
void pp_format_date(int64_t now, char date[PP_DATE_LEN + 1]);

#endif /* pp-bytes.h */
