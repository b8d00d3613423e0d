/* SPDX-License-Identifier: Apache-2.0 */

/* The Basic Encoding Rules; see pp-ber.h.
 *
 * In: a reader, or what is to be written.  Out: headers and numbers, or
 * bytes.  Runs wherever a proxy runs; owns nothing. */

#include <config.h>

#include "pp-ber.h"

/* Reads identifier octets (X.690 8.1.2). */
static enum pp_ber_result
read_tag(struct pp_reader *r, struct pp_ber *e)
{
    int c = pp_reader_peek(r, 0);

    if (c < 0) {
        return PP_BER_MORE;
    }
    e->constructed = c & PP_BER_CONSTRUCTED;
    e->tag = pp_reader_u8(r);
    e->tag_octets = 1;
    if ((c & 0x1f) != 0x1f) {
        return PP_BER_FOUND;
    }
    do {
        c = pp_reader_peek(r, 0);
        if (c < 0) {
            return PP_BER_MORE;
        }
        if (e->tag_octets >= PP_BER_TAG_OCTETS_MAX) {
            return PP_BER_BAD;
        }
        e->tag = e->tag << 8 | pp_reader_u8(r);
        e->tag_octets++;
    } while (c & 0x80);
    return PP_BER_FOUND;
}

/* Reads length octets (X.690 8.1.3). */
static enum pp_ber_result
read_length(struct pp_reader *r, struct pp_ber *e)
{
    int c = pp_reader_peek(r, 0);
    int i, n;

    if (c < 0) {
        return PP_BER_MORE;
    }
    pp_reader_u8(r);
    e->len = (uint64_t) c;
    if (c & 0x80) {
        n = c & 0x7f;
        if (!n || n > PP_BER_ZEROS_MAX + PP_BER_LENGTH_OCTETS_MAX) {
            return PP_BER_BAD;
        }
        e->len = 0;
        for (i = 0; i < n; i++) {
            if (e->len >> (63 - 8)) {
                return PP_BER_BAD;
            } else if (pp_reader_peek(r, 0) < 0) {
                return PP_BER_MORE;
            }
            e->len = e->len << 8 | pp_reader_u8(r);
        }
        e->length_octets = (uint8_t) (1 + n);
    } else {
        e->length_octets = 1;
    }
    e->minimal = e->length_octets == pp_ber_length_octets(e->len);
    return e->len > INT64_MAX ? PP_BER_BAD : PP_BER_FOUND;
}

/* See pp-ber.h. */
enum pp_ber_result
pp_ber_header(struct pp_reader *r, struct pp_ber *e)
{
    struct pp_reader ahead = *r;
    enum pp_ber_result result;

    *e = (struct pp_ber) { .start = (uint32_t) r->pos };
    result = read_tag(&ahead, e);
    if (result == PP_BER_FOUND) {
        result = read_length(&ahead, e);
    }
    if (result == PP_BER_FOUND) {
        e->content = (uint32_t) ahead.pos;
        *r = ahead;
    }
    return result;
}

/* See pp-ber.h. */
bool
pp_ber_int(const struct pp_reader *text, struct pp_span s, int64_t *value)
{
    struct pp_reader r = *text;
    uint64_t x = 0;
    uint32_t i;

    r.pos = 0;
    pp_reader_skip(&r, s.off);
    if (s.len > 8 || !pp_reader_check(&r, s.len)) {
        return false;
    }
    if (s.len && pp_reader_peek(&r, 0) & 0x80) {
        x = UINT64_MAX;
    }
    for (i = 0; i < s.len; i++) {
        x = x << 8 | pp_reader_u8(&r);
    }
    *value = (int64_t) x;
    return true;
}

/* See pp-ber.h. */
uint8_t
pp_ber_length_octets(uint64_t len)
{
    uint8_t n = 1;

    if (len >= 0x80) {
        for (; len; len >>= 8) {
            n++;
        }
    }
    return n;
}

/* See pp-ber.h. */
void
pp_ber_put_length(struct pp_buf *buf, uint64_t len, uint8_t octets)
{
    uint8_t c = octets > 1 ? (uint8_t) (0x80 | (octets - 1)) : (uint8_t) len;

    if (octets < pp_ber_length_octets(len)
        || octets > 1 + PP_BER_LENGTH_OCTETS_MAX) {
        buf->overflow = true;
        return;
    }
    pp_buf_put(buf, &c, 1);
    while (--octets) {
        c = (uint8_t) (len >> 8 * (octets - 1));
        pp_buf_put(buf, &c, 1);
    }
}

/* See pp-ber.h. */
void
pp_ber_put(struct pp_buf *buf, uint8_t tag, struct pp_bytes s)
{
    pp_buf_put(buf, &tag, 1);
    pp_ber_put_length(buf, s.n, pp_ber_length_octets(s.n));
    pp_buf_put(buf, s.p, s.n);
}

/* See pp-ber.h. */
void
pp_ber_put_int(struct pp_buf *buf, uint8_t tag, int64_t value)
{
    uint8_t octets[8];
    size_t first = 0, i;

    for (i = 0; i < 8; i++) {
        octets[i] = (uint8_t) ((uint64_t) value >> 8 * (7 - i));
    }
    while (first < 7
           && ((octets[first] == 0 && !(octets[first + 1] & 0x80))
               || (octets[first] == 0xff && (octets[first + 1] & 0x80)))) {
        first++;
    }
    pp_ber_put(buf, tag, (struct pp_bytes) { .p = octets + first,
                                             .n = 8 - first });
}
