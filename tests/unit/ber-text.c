/* SPDX-License-Identifier: Apache-2.0 */

/* BER that people can read; see ber-text.h.
 *
 * In: text.  Out: bytes.  A test program's; owns nothing. */

#include <config.h>

#include "ber-text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    const char *p;
    uint8_t *out;
    size_t n, size;
};

static void write_until(struct writer *, char end);

static void
put(struct writer *w, uint8_t c)
{
    if (w->n >= w->size) {
        abort();
    }
    w->out[w->n++] = c;
}

static int
digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *p = c ? strchr(digits, tolower((unsigned char) c)) : NULL;

    return p ? (int) (p - digits) : -1;
}

/* Behind '(': the length, which is put in its place once it is known, and the
 * content. */
static void
write_content(struct writer *w)
{
    size_t octets = 0, start = w->n, n, i;

    if (digit(w->p[0]) >= 0 && w->p[1] == ':') {
        octets = (size_t) digit(w->p[0]);
        w->p += 2;
    }
    write_until(w, ')');
    n = w->n - start;
    if (!octets && n >= 0x80) {
        for (i = n; i; i >>= 8) {
            octets++;
        }
    }
    for (i = 0; i <= octets; i++) {
        put(w, 0);
    }
    memmove(w->out + start + octets + 1, w->out + start, n);
    w->out[start] = (uint8_t) (octets ? 0x80 | octets : n);
    for (i = 0; i < octets; i++) {
        w->out[start + octets - i] = (uint8_t) (i < 8 ? n >> 8 * i : 0);
    }
}

/* Writes "N*[...]" if that is what comes next. */
static bool
write_times(struct writer *w)
{
    char *end;
    unsigned long times;
    const char *from;

    if (!isdigit((unsigned char) *w->p)) {
        return false;
    }
    times = strtoul(w->p, &end, 10);
    if (end[0] != '*' || end[1] != '[' || !times) {
        return false;
    }
    from = end + 2;
    while (times--) {
        w->p = from;
        write_until(w, ']');
    }
    return true;
}

static void
write_until(struct writer *w, char end)
{
    while (*w->p != end) {
        if (*w->p == ' ') {
            w->p++;
        } else if (*w->p == '(') {
            w->p++;
            write_content(w);
        } else if (*w->p == '\'') {
            for (w->p++; *w->p != '\''; w->p++) {
                if (!*w->p) {
                    abort();
                }
                put(w, (uint8_t) *w->p);
            }
            w->p++;
        } else if (!write_times(w)) {
            int high = digit(w->p[0]);
            int low = high < 0 ? -1 : digit(w->p[1]);

            if (low < 0) {
                abort();
            }
            put(w, (uint8_t) (high << 4 | low));
            w->p += 2;
        }
    }
    if (end) {
        w->p++;
    }
}

size_t
ber_text(const char *text, uint8_t *out, size_t size)
{
    struct writer w = { .p = text, .out = out, .size = size };

    write_until(&w, '\0');
    return w.n;
}
