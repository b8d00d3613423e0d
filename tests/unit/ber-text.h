/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BER_TEXT_H
#define BER_TEXT_H 1

/* BER that people can read, for tests.
 *
 *     30(02(01) 60(02(03) 04() 80('secret')))
 *
 * Pairs of hexadecimal digits are octets, text in single quotes is itself,
 * and (...) is its length and it.  (N:...) has its length in N octets behind
 * the first one, whether it takes as many or not.  N*[...] is N times what is
 * in it.  Spaces are for the eye. */

#include <stddef.h>
#include <stdint.h>

/* Writes what 'text' says to 'out', at most 'size' bytes, and returns how
 * many there are.  Aborts where 'text' makes no sense or too much. */
size_t ber_text(const char *text, uint8_t *out, size_t size);

#endif /* ber-text.h */
