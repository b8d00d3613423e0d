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
 * a parameter, a cookie), and of those that divide it (the colon, the '='), in
 * one pass.  Nothing behind the end of the reader is read, not even by a
 * vector: where less than a block is left, the last 64 bytes there are looked
 * at, or a copy. */

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
#else
#define pp_block_find pp_block_find_by_words
#endif

/* The last bytes of a text, less than a block: 'room' of them at 'p', and
 * 'before' before them.  As pp_text_find(). */
static __attribute__((noinline, unused)) uint64_t
pp_rest_find(const uint8_t *p, size_t before, size_t room, uint8_t a,
             uint8_t b, uint64_t *bs)
{
    uint8_t copy[PP_BLOCK] = { 0 };
    unsigned int shift = 0;

    if (before + room >= PP_BLOCK) {
        shift = (unsigned int) (PP_BLOCK - room);
        p -= shift;
    } else {
        memcpy(copy, p, room);
        p = copy;
    }
    *bs = pp_block_find(p, b) >> shift;
    return pp_block_find(p, a) >> shift;
}

/* Looks at the bytes of 'text' from 'at' on, up to 64 of them, as far as
 * 'end': which are 'a', and in '*bs', which are 'b'.  Neither is 0.  Where not
 * all of them are there, none is either. */
static inline uint64_t
pp_text_find(const struct pp_reader *text, size_t at, size_t end, uint8_t a,
             uint8_t b, uint64_t *bs)
{
    uint64_t as, there = UINT64_MAX;

    if (text->error || end > text->end || at >= end) {
        return *bs = 0;
    }
    if (text->end - at >= PP_BLOCK) {
        *bs = pp_block_find(text->base + at, b);
        as = pp_block_find(text->base + at, a);
    } else {
        as = pp_rest_find(text->base + at, at, text->end - at, a, b, bs);
    }
    if (end - at < PP_BLOCK) {
        there = (UINT64_C(1) << (end - at)) - 1;
    }
    *bs &= there;
    return as & there;
}

/* From 0x21 to 0x7f: no white space, no control but the last, nothing that is
 * not ASCII. */
static inline bool
pp_is_plain(uint8_t c)
{
    return c > ' ' && c < 0x80;
}

/* Are the 'n' bytes of 'text' from 'at' on all plain?  Not where they are not
 * all there. */
static inline bool
pp_text_is_plain(const struct pp_reader *text, size_t at, size_t n)
{
    const uint8_t *p = text->base + at;
    size_t i = 0;

    if (text->error || at > text->end || n > text->end - at) {
        return false;
    }
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(' ');

    for (; i < n && text->end - at - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const void *) (p + i));
        /* By signed bytes. */
        uint32_t plain = (uint32_t) _mm_movemask_epi8(_mm_cmpgt_epi8(v,
                                                                     space));
        uint32_t want = (n - i < 16 ? (UINT32_C(1) << (n - i)) - 1
                         : UINT16_MAX);

        if ((plain & want) != want) {
            return false;
        }
    }
#endif
    for (; i < n; i++) {
        if (!pp_is_plain(p[i])) {
            return false;
        }
    }
    return true;
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
