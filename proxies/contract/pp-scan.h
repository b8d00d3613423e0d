/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SCAN_H
#define PP_SCAN_H 1

/* Looking for bytes, 64 at a time.
 *
 * A block is 64 bytes, and what is found in it is a mask, in which bit I
 * stands for byte I.  x86-64 has vector instructions for that (SSE2, which all
 * of them have); others do it by words of eight bytes.  Both are always there,
 * so that the tests hold one against the other.
 *
 * A parser walks over the bits: of those that end a piece of the text (a line,
 * a parameter, a cookie), and of those that divide it (the '='), in one pass.
 * A line's colon is near its start, and is looked for there.  Nothing behind
 * the end of the reader is read, not even by a vector: where less than a block
 * is left, the last 64 bytes there are looked at, or a copy (struct
 * pp_window). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "pp-reader.h"

#define PP_BLOCK 64

/* Which of the 64 bytes at 'p' are 'c'; by words. */
static inline uint64_t
pp_block_find_by_words(const uint8_t *p, uint8_t c)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t mask = 0;

    for (int i = 0; i < PP_BLOCK; i += 8) {
        uint64_t x;

        memcpy(&x, p + i, sizeof x);
        x ^= ones * c;
        /* The high bit of each byte that is 0, and of no other... */
        x = ~(((x & low) + low) | x | low);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        x = __builtin_bswap64(x);
#endif
        /* ...and all eight of them side by side. */
        mask |= ((x >> 7) * UINT64_C(0x0102040810204080) >> 56) << i;
    }
    return mask;
}

/* No white space, no control, nothing that is not ASCII. */
static inline bool
pp_is_plain(uint8_t c)
{
    return c > ' ' && c < 0x7f;
}

#ifdef __SSE2__
static inline uint64_t
pp_sixteen_find(const uint8_t *p, __m128i wanted)
{
    __m128i v = _mm_loadu_si128((const void *) p);

    return (uint32_t) _mm_movemask_epi8(_mm_cmpeq_epi8(v, wanted));
}

/* Which of the 64 bytes at 'p' are 'c'; by vectors. */
static inline uint64_t
pp_block_find(const uint8_t *p, uint8_t c)
{
    const __m128i wanted = _mm_set1_epi8((char) c);

    return (pp_sixteen_find(p, wanted)
            | pp_sixteen_find(p + 16, wanted) << 16
            | pp_sixteen_find(p + 32, wanted) << 32
            | pp_sixteen_find(p + 48, wanted) << 48);
}

/* Which of the 16 bytes at 'p' are plain. */
static inline uint64_t
pp_sixteen_plain(const uint8_t *p)
{
    __m128i v = _mm_loadu_si128((const void *) p);
    /* By signed bytes. */
    __m128i over = _mm_cmpgt_epi8(v, _mm_set1_epi8(' '));
    __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));

    return (uint32_t) _mm_movemask_epi8(_mm_andnot_si128(del, over));
}
#else
#define pp_block_find pp_block_find_by_words
#endif

/* A block of a text, or as much as there is of it: bit 0 of what is found
 * stands for 'p[shift]', and only bits of 'there' are of the text. */
struct pp_window {
    const uint8_t *p;           /* PP_BLOCK bytes. */
    unsigned int shift;
    uint64_t there;
};

/* The last bytes of a text, less than a block, with what stands before them:
 * 'room' of them at 'p', and 'before' before.  In 'copy', of PP_BLOCK bytes,
 * if that is less, too. */
static __attribute__((noinline, unused)) const uint8_t *
pp_rest(const uint8_t *p, size_t before, size_t room, uint8_t *copy)
{
    if (before + room >= PP_BLOCK) {
        return p - (PP_BLOCK - room);
    }
    memset(copy, 0, PP_BLOCK - room);
    memcpy(copy + (PP_BLOCK - room), p, room);
    return copy;
}

/* The bytes of 'text' from 'at' on, up to 64 of them, as far as 'end'.  Where
 * not all of them are there, none is.  'copy' is of PP_BLOCK bytes, and used
 * where the text has less. */
static inline struct pp_window
pp_window_at(const struct pp_reader *text, size_t at, size_t end,
             uint8_t *copy)
{
    struct pp_window w = { .p = copy };

    if (text->error || end > text->end || at >= end) {
        memset(copy, 0, PP_BLOCK);
        return w;
    }
    w.p = text->base + at;
    if (text->end - at < PP_BLOCK) {
        w.shift = (unsigned int) (PP_BLOCK - (text->end - at));
        w.p = pp_rest(w.p, at, text->end - at, copy);
    }
    w.there = (end - at < PP_BLOCK ? (UINT64_C(1) << (end - at)) - 1
               : UINT64_MAX);
    return w;
}

/* Which of them are 'c'. */
static inline uint64_t
pp_window_find(struct pp_window w, uint8_t c)
{
    return pp_block_find(w.p, c) >> w.shift & w.there;
}

/* Are the 'n' bytes at 'p' all plain? */
static inline bool
pp_are_plain(const uint8_t *p, size_t n)
{
    size_t i = 0;

#ifdef __SSE2__
    if (n >= 16) {
        for (; n - i >= 16; i += 16) {
            if (pp_sixteen_plain(p + i) != UINT16_MAX) {
                return false;
            }
        }
        return pp_sixteen_plain(p + n - 16) == UINT16_MAX;
    }
#endif
    for (; i < n; i++) {
        if (!pp_is_plain(p[i])) {
            return false;
        }
    }
    return true;
}

/* Where the first 'c' of the 'n' bytes at 'p' is, and in '*plain', whether all
 * bytes before it are plain; 'n' or more: nowhere.  'room' bytes are there. */
static inline size_t
pp_find_plain(const uint8_t *p, size_t n, size_t room, uint8_t c, bool *plain)
{
    const uint8_t *found;

#ifdef __SSE2__
    if (room >= 16) {
        uint64_t at = pp_sixteen_find(p, _mm_set1_epi8((char) c));

        if (at) {
            *plain = !(~pp_sixteen_plain(p) & (at - 1) & ~at);
            return (size_t) __builtin_ctzll(at);
        }
    }
#else
    (void) room;
#endif
    found = memchr(p, c, n);
    *plain = found && pp_are_plain(p, (size_t) (found - p));
    return found ? (size_t) (found - p) : n;
}

/* Are the 'n' bytes at 'p', of which there are 'room', letters and '-'?  False
 * where that takes a second look. */
static inline bool
pp_is_usual_name(const uint8_t *p, size_t n, size_t room)
{
#ifdef __SSE2__
    if (n && n <= 16 && room >= 16) {
        __m128i v = _mm_loadu_si128((const void *) p);
        __m128i lower = _mm_or_si128(v, _mm_set1_epi8(0x20));
        __m128i letter
            = _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)),
                            _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));
        __m128i dash = _mm_cmpeq_epi8(v, _mm_set1_epi8('-'));
        uint32_t other = ~(uint32_t) _mm_movemask_epi8(
            _mm_or_si128(letter, dash));

        return !(other & ((UINT32_C(1) << n) - 1));
    }
#else
    (void) p;
    (void) n;
    (void) room;
#endif
    return false;
}

/* How many of the 'n' bytes at 'p', from the first on, are 'most' or less, or
 * 'a' or 'b'. */
static inline size_t
pp_run_upto(const uint8_t *p, size_t n, uint8_t most, uint8_t a, uint8_t b)
{
    size_t i = 0;

#ifdef __SSE2__
    for (; n - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const void *) (p + i));
        __m128i low = _mm_min_epu8(v, _mm_set1_epi8((char) most));
        uint64_t run = (uint32_t) _mm_movemask_epi8(_mm_cmpeq_epi8(low, v));

        run |= pp_sixteen_find(p + i, _mm_set1_epi8((char) a));
        run |= pp_sixteen_find(p + i, _mm_set1_epi8((char) b));
        if (run != UINT16_MAX) {
            return i + (size_t) __builtin_ctzll(~run);
        }
    }
#endif
    while (i < n && (p[i] <= most || p[i] == a || p[i] == b)) {
        i++;
    }
    return i;
}

/* The lowest bit of 'mask', which is not 0. */
static inline size_t
pp_lowest(uint64_t mask)
{
    return (size_t) __builtin_ctzll(mask);
}

/* Takes from '*ends' its lowest bit, and from '*marks' all up to there, which
 * it returns. */
static inline uint64_t
pp_take_piece(uint64_t *ends, uint64_t *marks)
{
    uint64_t piece = *ends ^ (*ends - 1), taken = *marks & piece;

    *ends &= *ends - 1;
    *marks &= ~piece;
    return taken;
}

#endif /* pp-scan.h */
