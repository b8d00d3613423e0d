/* SPDX-License-Identifier: Apache-2.0 */

/* Functions of the patch language: encodings; see pp-func.h.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include <string.h>

#include "patch/pp-func-private.h"
#include "util.h"

static bool
decode(struct pp_arena *arena, struct pp_bytes x, bool plus,
       struct pp_value *r)
{
    uint8_t *out;
    size_t n = 0;

    if (!x.n || (!memchr(x.p, '%', x.n)
                 && (!plus || !memchr(x.p, '+', x.n)))) {
        return pp_give_bytes(r, x.p, x.n);
    }
    out = pp_arena_alloc(arena, x.n);
    if (!out) {
        return false;
    }
    for (size_t i = 0; i < x.n; i++) {
        if (x.p[i] == '%' && x.n - i > 2 && hexit_value(x.p[i + 1]) >= 0
            && hexit_value(x.p[i + 2]) >= 0) {
            out[n++] = (uint8_t) (hexit_value(x.p[i + 1]) << 4
                                  | hexit_value(x.p[i + 2]));
            i += 2;
        } else {
            out[n++] = plus && x.p[i] == '+' ? ' ' : x.p[i];
        }
    }
    return pp_give_bytes(r, out, n);
}

bool
pp_func_percent_decode(ARGS)
{
    return decode(arena, a[0].s, false, r);
}

bool
pp_func_form_decode(ARGS)
{
    return decode(arena, a[0].s, true, r);
}

/* All but unreserved characters (RFC 3986 section 2.3). */
bool
pp_func_percent_encode(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_buf buf;
    uint8_t *out = pp_arena_alloc(arena, 3 * x.n);

    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, 3 * x.n);
    for (size_t i = 0; i < x.n; i++) {
        uint8_t c = x.p[i];

        if (pp_is_digit(c) || (c >= 'a' && c <= 'z')
            || (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c))) {
            pp_buf_put(&buf, &c, 1);
        } else {
            pp_buf_putf(&buf, "%%%02X", c);
        }
    }
    return pp_give_bytes(r, buf.data, buf.len);
}

/* Each '<', '>', '&', '"' and '\'' becomes an entity, as most servers'
 * escapers have it (the quotes as numbers). */
bool
pp_func_html_escape(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_buf buf;
    size_t grow = 0;
    uint8_t *out;

    for (size_t i = 0; i < x.n; i++) {
        grow += (x.p[i] == '<' || x.p[i] == '>' ? 3
                 : x.p[i] == '&' ? 4
                 : x.p[i] == '\'' ? 4 : x.p[i] == '"' ? 5 : 0);
    }
    if (!grow) {
        return pp_give_bytes(r, x.p, x.n);
    }
    out = pp_arena_alloc(arena, x.n + grow);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, x.n + grow);
    for (size_t i = 0; i < x.n; i++) {
        switch (x.p[i]) {
        case '<':
            pp_buf_puts(&buf, "&lt;");
            break;
        case '>':
            pp_buf_puts(&buf, "&gt;");
            break;
        case '&':
            pp_buf_puts(&buf, "&amp;");
            break;
        case '\'':
            pp_buf_puts(&buf, "&#39;");
            break;
        case '"':
            pp_buf_puts(&buf, "&quot;");
            break;
        default:
            pp_buf_put(&buf, &x.p[i], 1);
            break;
        }
    }
    return pp_give_bytes(r, buf.data, buf.len);
}

/* Character references. */

/* Those that HTML knows and that stand for ASCII, and for the space that does
 * not break; the first four also without a semicolon (HTML standard, section
 * 13.5). */
static const struct {
    const char *name;
    uint16_t c;
} references[] = {
    { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
    { "AMP", '&' }, { "LT", '<' }, { "GT", '>' }, { "QUOT", '"' },
    { "apos", '\'' }, { "nbsp", 0xa0 }, { "Tab", '\t' },
    { "NewLine", '\n' }, { "excl", '!' }, { "num", '#' }, { "dollar", '$' },
    { "percnt", '%' }, { "lpar", '(' }, { "rpar", ')' }, { "ast", '*' },
    { "midast", '*' }, { "plus", '+' }, { "comma", ',' }, { "period", '.' },
    { "sol", '/' }, { "colon", ':' }, { "semi", ';' }, { "equals", '=' },
    { "quest", '?' }, { "commat", '@' }, { "lsqb", '[' }, { "lbrack", '[' },
    { "bsol", '\\' }, { "rsqb", ']' }, { "rbrack", ']' }, { "Hat", '^' },
    { "lowbar", '_' }, { "UnderBar", '_' }, { "grave", '`' },
    { "DiacriticalGrave", '`' }, { "lcub", '{' }, { "lbrace", '{' },
    { "verbar", '|' }, { "vert", '|' }, { "VerticalLine", '|' },
    { "rcub", '}' }, { "rbrace", '}' },
};

/* What numbers from 0x80 to 0x9f stand for, as in Windows-1252; 0: for
 * themselves. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
    0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
};

static void
put_utf8(struct pp_buf *out, uint32_t c)
{
    uint8_t s[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n; i-- > 1; c >>= 6) {
        s[i] = (uint8_t) (0x80 | (c & 0x3f));
    }
    s[0] = (uint8_t) (n == 1 ? c : (0xf00 >> n & 0xff) | c);
    pp_buf_put(out, s, n);
}

/* Reads the number behind "&#" at the start of 'x'; returns how many bytes
 * that is in all, or 0 if it is none. */
static size_t
numeric_reference(struct pp_bytes x, uint32_t *c)
{
    unsigned int base = x.n > 2 && (x.p[2] | 0x20) == 'x' ? 16 : 10;
    size_t first = base == 16 ? 3 : 2;
    uint32_t value = 0;
    size_t i;

    for (i = first; i < x.n; i++) {
        int digit = hexit_value(x.p[i]);

        if (digit < 0 || (unsigned int) digit >= base) {
            break;
        }
        value = MIN(value * base + (unsigned int) digit, 0x110000);
    }
    if (i == first) {
        return 0;
    }
    *c = (!value || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)
          ? 0xfffd
          : value >= 0x80 && value < 0xa0 && windows_1252[value - 0x80]
          ? windows_1252[value - 0x80] : value);
    return i + (i < x.n && x.p[i] == ';');
}

static size_t
named_reference(struct pp_bytes x, uint32_t *c)
{
    for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
        size_t n = strlen(references[i].name);

        if (x.n > n && !memcmp(x.p + 1, references[i].name, n)) {
            bool semicolon = x.n > n + 1 && x.p[n + 1] == ';';

            if (semicolon || i < 8 || references[i].c == 0xa0) {
                *c = references[i].c;
                return n + 1 + semicolon;
            }
        }
    }
    return 0;
}

/* No reference is shorter than what it stands for. */
bool
pp_func_html_unescape(ARGS)
{
    struct pp_bytes x = a[0].s;
    struct pp_buf buf;
    uint8_t *out;

    if (!x.n || !memchr(x.p, '&', x.n)) {
        return pp_give_bytes(r, x.p, x.n);
    }
    out = pp_arena_alloc(arena, x.n);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, x.n);
    while (x.n) {
        uint32_t c = x.p[0];
        size_t n = (c != '&' || x.n < 2 ? 0
                    : x.p[1] == '#' ? numeric_reference(x, &c)
                    : named_reference(x, &c));

        if (n) {
            put_utf8(&buf, c);
        } else {
            pp_buf_put(&buf, x.p, n = 1);
        }
        x.p += n;
        x.n -= n;
    }
    return pp_give_bytes(r, buf.data, buf.len);
}

/* Base64. */

/* The value of a character of either alphabet (RFC 4648 sections 4 and 5), or
 * -1. */
static int
base64_value(uint8_t c, bool both)
{
    return (c >= 'A' && c <= 'Z' ? c - 'A'
            : c >= 'a' && c <= 'z' ? c - 'a' + 26
            : pp_is_digit(c) ? c - '0' + 52
            : c == '+' || (both && c == '-') ? 62
            : c == '/' || (both && c == '_') ? 63 : -1);
}

bool
pp_func_is_base64(ARGS)
{
    struct pp_bytes x = a[0].s;
    size_t n = x.n;

    UNUSED_ARENA;
    if (n % 4) {
        return pp_give_bool(r, false);
    }
    for (int i = 0; i < 2 && n && x.p[n - 1] == '='; i++) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        if (base64_value(x.p[i], false) < 0) {
            return pp_give_bool(r, false);
        }
    }
    return pp_give_bool(r, true);
}

bool
pp_func_base64_decode_lenient(ARGS)
{
    struct pp_bytes x = a[0].s;
    uint8_t *out = pp_arena_alloc(arena, x.n);
    uint32_t group = 0;
    unsigned int n_bits = 0;
    size_t n = 0;

    if (!out) {
        return false;
    }
    for (size_t i = 0; i < x.n && x.p[i] != '='; i++) {
        int value = base64_value(x.p[i], true);

        if (value >= 0) {
            group = group << 6 | (uint32_t) value;
            n_bits += 6;
            if (n_bits >= 8) {
                n_bits -= 8;
                out[n++] = (uint8_t) (group >> n_bits);
            }
        }
    }
    return pp_give_bytes(r, out, n);
}

bool
pp_func_base64_decode(ARGS)
{
    pp_func_is_base64(arena, a, r);
    return (r->b ? pp_func_base64_decode_lenient(arena, a, r)
            : pp_give_bytes(r, NULL, 0));
}

/* RFC 2045 section 6.7, and with what it advises for bad input: an '=' that
 * starts nothing stays. */
bool
pp_func_quoted_printable_decode(ARGS)
{
    struct pp_bytes x = a[0].s;
    uint8_t *out = pp_arena_alloc(arena, x.n);
    size_t kept = 0;            /* No blank before it is at a line's end. */
    size_t n = 0;

    if (!out) {
        return false;
    }
    for (size_t i = 0; i < x.n; i++) {
        uint8_t c = x.p[i];

        if (c == '=') {
            size_t end = i + 1;

            if (x.n - i > 2 && hexit_value(x.p[i + 1]) >= 0
                && hexit_value(x.p[i + 2]) >= 0) {
                out[n++] = (uint8_t) (hexit_value(x.p[i + 1]) << 4
                                      | hexit_value(x.p[i + 2]));
                kept = n;
                i += 2;
                continue;
            }
            while (end < x.n && (x.p[end] == ' ' || x.p[end] == '\t')) {
                end++;
            }
            end += x.n - end > 1 && x.p[end] == '\r' && x.p[end + 1] == '\n';
            if (end == x.n || x.p[end] == '\n') {
                i = end;
                kept = n;
                continue;
            }
        } else if (c == '\n' || (c == '\r' && i + 1 < x.n
                                && x.p[i + 1] == '\n')) {
            while (n > kept && (out[n - 1] == ' ' || out[n - 1] == '\t')) {
                n--;
            }
        }
        out[n++] = c;
    }
    return pp_give_bytes(r, out, n);
}
