/* SPDX-License-Identifier: Apache-2.0 */

/* The searching part of the bounds-checked reader; see pp-reader.h.
 *
 * In: a reader.  Out: offsets.  Runs wherever a parser runs; owns nothing. */

#include <config.h>

#include "pp-reader.h"

#include <string.h>

size_t
pp_reader_find(const struct pp_reader *r, uint8_t byte)
{
    size_t left = pp_reader_left(r);
    const uint8_t *p = left ? memchr(r->base + r->pos, byte, left) : NULL;

    return p ? (size_t) (p - r->base) : SIZE_MAX;
}
