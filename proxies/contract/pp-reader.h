/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_READER_H
#define PP_READER_H 1

/* The bounds-checked reader.
 *
 * Every parser of this project reads hostile bytes through this, and through
 * nothing else.  A read past the end returns 0 (or an empty span), moves
 * nothing and sets 'error', which is sticky: a parser reads on and checks
 * once, where it would act on what it read.  "Ran out of bytes" is therefore
 * never mistaken for a value.
 *
 * Nested blocks get a reader of their own with pp_reader_sub() and cannot see
 * the bytes around them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-value.h"

struct pp_reader {
    const uint8_t *base;        /* First byte; offsets count from here. */
    size_t pos;                 /* Offset of the next byte. */
    size_t end;                 /* Offset after the last readable byte. */
    bool error;                 /* A read did not fit; sticky. */
};

static inline struct pp_reader
pp_reader_init(const void *base, size_t n)
{
    return (struct pp_reader) { .base = base, .end = n };
}

/* Bytes left to read. */
static inline size_t
pp_reader_left(const struct pp_reader *r)
{
    return r->error ? 0 : r->end - r->pos;
}

/* True when 'n' bytes can be read; else sets the error. */
static inline bool
pp_reader_check(struct pp_reader *r, size_t n)
{
    if (r->error || n > r->end - r->pos) {
        r->error = true;
        return false;
    }
    return true;
}

/* The byte 'ahead' bytes from here, or -1 past the end.  Moves nothing and
 * sets no error. */
static inline int
pp_reader_peek(const struct pp_reader *r, size_t ahead)
{
    return ahead < pp_reader_left(r) ? r->base[r->pos + ahead] : -1;
}

static inline uint8_t
pp_reader_u8(struct pp_reader *r)
{
    return pp_reader_check(r, 1) ? r->base[r->pos++] : 0;
}

/* Big-endian (network order) integers: of bytes that are known to be there,
 * such as those of pp_reader_bytes()... */
static inline uint16_t
pp_be16(const uint8_t *p)
{
    return (uint16_t) (p[0] << 8 | p[1]);
}

static inline uint32_t
pp_be32(const uint8_t *p)
{
    return ((uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
            | (uint32_t) p[2] << 8 | p[3]);
}

/* ...and the next ones. */
static inline uint16_t
pp_reader_be16(struct pp_reader *r)
{
    uint16_t x = 0;

    if (pp_reader_check(r, 2)) {
        x = (uint16_t) (r->base[r->pos] << 8 | r->base[r->pos + 1]);
        r->pos += 2;
    }
    return x;
}

static inline uint32_t
pp_reader_be32(struct pp_reader *r)
{
    uint32_t hi;

    if (!pp_reader_check(r, 4)) {
        return 0;
    }
    hi = pp_reader_be16(r);
    return hi << 16 | pp_reader_be16(r);
}

/* Little-endian integers. */
static inline uint16_t
pp_reader_le16(struct pp_reader *r)
{
    uint16_t x = pp_reader_be16(r);

    return (uint16_t) (x << 8 | x >> 8);
}

static inline uint32_t
pp_reader_le32(struct pp_reader *r)
{
    return __builtin_bswap32(pp_reader_be32(r));
}

/* The next 'n' bytes, as a pointer that is good for 'n' bytes, or NULL with
 * the error set. */
static inline const uint8_t *
pp_reader_bytes(struct pp_reader *r, size_t n)
{
    const uint8_t *p;

    if (!pp_reader_check(r, n)) {
        return NULL;
    }
    p = r->base + r->pos;
    r->pos += n;
    return p;
}

/* The 'n' bytes at offset 'off', or none where they are not all there.  Moves
 * nothing and sets no error. */
static inline struct pp_bytes
pp_reader_slice(const struct pp_reader *r, size_t off, size_t n)
{
    if (r->error || off > r->end || n > r->end - off) {
        return (struct pp_bytes) { .n = 0 };
    }
    return (struct pp_bytes) { .p = r->base + off, .n = n };
}

/* True when 'n' bytes can be read 'ahead' bytes from here: they are at
 * pp_reader_at().  Moves nothing and sets no error. */
static inline bool
pp_reader_has(const struct pp_reader *r, size_t ahead, size_t n)
{
    return (!r->error && ahead <= r->end - r->pos
            && n <= r->end - r->pos - ahead);
}

static inline const uint8_t *
pp_reader_at(const struct pp_reader *r, size_t ahead)
{
    return r->base + r->pos + ahead;
}

static inline void
pp_reader_skip(struct pp_reader *r, size_t n)
{
    if (pp_reader_check(r, n)) {
        r->pos += n;
    }
}

/* A reader of just the next 'n' bytes, which are taken from 'r'.  Its offsets
 * count from the same base, so that spans found in it are spans of the whole.
 * Where they do not fit, both have the error set. */
static inline struct pp_reader
pp_reader_sub(struct pp_reader *r, size_t n)
{
    struct pp_reader sub = *r;

    if (pp_reader_check(r, n)) {
        sub.end = r->pos + n;
        r->pos += n;
    } else {
        sub.error = true;
    }
    return sub;
}

/* Offset of the first 'byte' from here on, or SIZE_MAX where there is none. */
static inline size_t
pp_reader_find(const struct pp_reader *r, uint8_t byte)
{
    size_t left = pp_reader_left(r);
    const uint8_t *p = left ? memchr(r->base + r->pos, byte, left) : NULL;

    return p ? (size_t) (p - r->base) : SIZE_MAX;
}

/* The next bytes as far as the first 'byte', which is the last of them; none,
 * and nothing is taken, where there is no such byte. */
static inline struct pp_bytes
pp_reader_until(struct pp_reader *r, uint8_t byte)
{
    size_t off = pp_reader_find(r, byte), pos = r->pos;

    if (off == SIZE_MAX) {
        return (struct pp_bytes) { .n = 0 };
    }
    r->pos = off + 1;
    return (struct pp_bytes) { .p = r->base + pos, .n = r->pos - pos };
}

#endif /* pp-reader.h */
