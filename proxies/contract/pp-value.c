/* SPDX-License-Identifier: Apache-2.0 */

/* Bytes being put together, and addresses as values; see pp-value.h.
 *
 * In: bytes and formats.  Out: bytes in the caller's memory.  Runs wherever a
 * proxy runs; owns nothing. */

#include <config.h>

#include "pp-value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* See pp-value.h. */
struct pp_value
pp_value_address(const uint8_t address[16])
{
    static const uint8_t ipv4[12] = { [10] = 0xff, [11] = 0xff };

    return memcmp(address, ipv4, sizeof ipv4)
           ? pp_value_bytes(address, 16) : pp_value_bytes(address + 12, 4);
}

/* Appends the 'n' bytes at 'p'. */
void
pp_buf_put(struct pp_buf *buf, const void *p, size_t n)
{
    if (buf->overflow || n > buf->cap - buf->len) {
        buf->overflow = true;
    } else if (n) {
        memcpy(buf->data + buf->len, p, n);
        buf->len += n;
    }
}

/* Appends the string 's' without its NUL. */
void
pp_buf_puts(struct pp_buf *buf, const char *s)
{
    pp_buf_put(buf, s, strlen(s));
}

/* Appends text formatted as printf() does, at most 255 bytes of it. */
void
pp_buf_putf(struct pp_buf *buf, const char *format, ...)
{
    char text[256];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t) n >= sizeof text) {
        buf->overflow = true;
    } else {
        pp_buf_put(buf, text, n);
    }
}

bool
pp_value_equal(const struct pp_value *a, const struct pp_value *b)
{
    switch (a->type) {
    case PP_TYPE_BOOL:
        return a->b == b->b;
    case PP_TYPE_INT:
        return a->i == b->i;
    case PP_TYPE_BYTES:
    case PP_TYPE_VERSION:       /* Equal versions are the same bytes. */
        return (a->s.n == b->s.n
                && (!a->s.n || !memcmp(a->s.p, b->s.p, a->s.n)));
    case PP_TYPE_LIST:
    default:
        return false;
    }
}
