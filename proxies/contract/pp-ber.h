/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_BER_H
#define PP_BER_H 1

/* The Basic Encoding Rules of ASN.1 (X.690), as far as protocols use them:
 * definite lengths, tags of up to four octets.
 *
 * An element is a header, identifier octets and length octets, and content.
 * Readers here go by position: pp_ber_header() stops behind the header, and
 * what the length says of the content is the caller's to hold against what
 * there is.  Lengths that are not as short as they could be are read and told
 * of, for servers read them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-reader.h"
#include "pp-value.h"

#define PP_BER_TAG_OCTETS_MAX 4
#define PP_BER_LENGTH_OCTETS_MAX 8      /* Behind the first one; beside as
                                         * many that are 0 as there may be. */
#define PP_BER_ZEROS_MAX 118

/* The longest header. */
#define PP_BER_HEADER_MAX \
    (PP_BER_TAG_OCTETS_MAX + 1 + PP_BER_ZEROS_MAX + PP_BER_LENGTH_OCTETS_MAX)

/* The bit of the first identifier octet that says that the content is made of
 * elements. */
#define PP_BER_CONSTRUCTED 0x20

/* Universal tags, as identifier octets. */
#define PP_BER_BOOLEAN 0x01
#define PP_BER_INTEGER 0x02
#define PP_BER_OCTET_STRING 0x04
#define PP_BER_ENUMERATED 0x0a
#define PP_BER_SEQUENCE 0x30
#define PP_BER_SET 0x31

/* An element's header. */
struct pp_ber {
    uint32_t tag;               /* The identifier octets, as one number. */
    uint32_t start;             /* Offset of the first of them. */
    uint32_t content;           /* Offset of the content. */
    uint64_t len;               /* Its length as told; up to 63 bits. */
    uint8_t tag_octets;
    uint8_t length_octets;      /* With the first one. */
    bool constructed;
    bool minimal;               /* No shorter length octets would do. */
};

enum pp_ber_result {
    PP_BER_FOUND,
    PP_BER_MORE,                /* The header is cut off. */
    PP_BER_BAD,                 /* An indefinite length, one of more than 63
                                 * bits, or a tag of more octets than are read
                                 * here. */
};

/* Reads the header at the reader's position and moves behind it.  Unless
 * there is one, moves nothing and leaves the reader's error alone. */
enum pp_ber_result pp_ber_header(struct pp_reader *, struct pp_ber *);

/* Offset after the content, as its length tells. */
static inline uint64_t
pp_ber_end(const struct pp_ber *e)
{
    return e->content + e->len;
}

/* The value of the INTEGER, ENUMERATED or BOOLEAN whose content is 's' of
 * 'text': two's complement, 0 where it is empty.  False where it has more
 * than 8 octets, or is not all there. */
bool pp_ber_int(const struct pp_reader *text, struct pp_span s, int64_t *);

/* The octets that a length takes: as few as can be. */
uint8_t pp_ber_length_octets(uint64_t len);

/* Writes a length in 'octets' octets, of which one at least behind the first
 * unless 'octets' is 1.  It must fit. */
void pp_ber_put_length(struct pp_buf *, uint64_t len, uint8_t octets);

/* Writes elements: with bytes, and with an integer in as few octets as can
 * be, as content.  'tag' is one octet. */
void pp_ber_put(struct pp_buf *, uint8_t tag, struct pp_bytes);
void pp_ber_put_int(struct pp_buf *, uint8_t tag, int64_t);

#endif /* pp-ber.h */
