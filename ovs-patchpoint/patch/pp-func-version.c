/* SPDX-License-Identifier: Apache-2.0 */

/* Versions of products, in an order; see pp-func.h.
 *
 * In: a text that starts with a version.  Out: bytes in the arena, such that
 * memcmp() has the order that ovs-patchpoint-patch(5) says.  Runs in the
 * engine, on hostile bytes, and in whatever checks patches; owns nothing. */

#include <config.h>

#include <string.h>

#include "patch/pp-func-private.h"
#include "util.h"

/* What a part of a version starts with in the result, in their order. */
enum part {
    PART_TILDE = 1,
    PART_DEV,
    PART_ALPHA,
    PART_BETA,
    PART_CANDIDATE,
    PART_END,
    PART_WORD,                  /* The word, in lower case, and a NUL. */
    PART_NUMBER,                /* How many digits, in two bytes; these. */
};

static bool
is_letter(uint8_t c)
{
    c = pp_ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

static bool
belongs(uint8_t c)
{
    return pp_is_digit(c) || is_letter(c) || (c && strchr(".-_+~:", c));
}

static enum part
word_part(struct pp_bytes word)
{
    static const struct {
        const char *word;
        enum part part;
    } words[] = {
        { "dev", PART_DEV }, { "alpha", PART_ALPHA }, { "beta", PART_BETA },
        { "rc", PART_CANDIDATE }, { "pre", PART_CANDIDATE },
        { "preview", PART_CANDIDATE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        struct pp_bytes known = {
            (const uint8_t *) words[i].word, strlen(words[i].word),
        };

        if (pp_bytes_equal_nocase(word, known)) {
            return words[i].part;
        }
    }
    return PART_WORD;
}

static void
put_part(struct pp_buf *out, enum part part)
{
    uint8_t c = (uint8_t) part;

    pp_buf_put(out, &c, 1);
}

/* Writes the number at 'x' without leading zeros; returns how many digits
 * there are. */
static size_t
put_number(struct pp_buf *out, struct pp_bytes x)
{
    uint8_t length[2];
    size_t zeros = 0;
    size_t n = 0;

    while (n < x.n && pp_is_digit(x.p[n])) {
        zeros += zeros == n && x.p[n] == '0';
        n++;
    }
    length[0] = (uint8_t) ((n - zeros) >> 8);
    length[1] = (uint8_t) (n - zeros);
    put_part(out, PART_NUMBER);
    pp_buf_put(out, length, 2);
    pp_buf_put(out, x.p + zeros, n - zeros);
    return n;
}

static size_t
put_word(struct pp_buf *out, struct pp_bytes x)
{
    enum part part;
    size_t n = 0;

    while (n < x.n && is_letter(x.p[n])) {
        n++;
    }
    if (n == 1 && x.n > 1 && pp_is_digit(x.p[1])
        && pp_ascii_lower(x.p[0]) <= 'c') {
        /* "1.0b2"; but "1.0.2b" comes after 1.0.2. */
        part = PART_ALPHA + (pp_ascii_lower(x.p[0]) - 'a');
    } else {
        part = word_part((struct pp_bytes) { x.p, n });
    }
    put_part(out, part);
    for (size_t i = 0; part == PART_WORD && i <= n; i++) {
        uint8_t c = i < n ? pp_ascii_lower(x.p[i]) : 0;

        pp_buf_put(out, &c, 1);
    }
    return n;
}

/* Longest text that is looked at: no product has a longer version. */
#define VERSION_MAX 256

bool
pp_func_version(ARGS)
{
    struct pp_bytes x = { a[0].s.p, MIN(a[0].s.n, VERSION_MAX) };
    size_t size = 4 * x.n + 1;
    size_t end = 0;             /* Behind the last part that is not 0: those
                                 * at the end of a run of numbers do not
                                 * count. */
    struct pp_buf out;
    uint8_t *p;

    if (x.n > 1 && (x.p[0] | 0x20) == 'v') {
        x.p++;
        x.n--;
    }
    if (!x.n || !pp_is_digit(x.p[0])) {
        return pp_give_bytes(r, NULL, 0);
    }
    p = pp_arena_alloc(arena, size);
    if (!p) {
        return false;
    }
    pp_buf_init(&out, p, size);
    while (x.n && belongs(x.p[0])) {
        size_t start = out.len;
        size_t n = 1;

        if (pp_is_digit(x.p[0])) {
            n = put_number(&out, x);
            end = out.len - start > 3 ? out.len : end;
        } else if (x.p[0] == '~') {
            out.len = end;
            put_part(&out, PART_TILDE);
            end = out.len;
        } else if (is_letter(x.p[0])) {
            out.len = end;
            n = put_word(&out, x);
            end = out.len;
        }
        x.p += n;
        x.n -= n;
    }
    out.len = end;
    put_part(&out, PART_END);
    return pp_give_bytes(r, out.data, out.len);
}
