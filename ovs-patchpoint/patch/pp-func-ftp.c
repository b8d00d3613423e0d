/* SPDX-License-Identifier: Apache-2.0 */

/* Functions of the patch language that do as the FTP server ftp-srv does; see
 * pp-func.h.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "patch/pp-func.h"
#include "util.h"

/* Node.js decodes "ascii" so. */
bool
pp_func_node_ascii(struct pp_arena *arena, const struct pp_value *a,
                   struct pp_value *r)
{
    uint8_t *out = pp_arena_alloc(arena, a[0].s.n);

    if (!out) {
        return false;
    }
    for (size_t i = 0; i < a[0].s.n; i++) {
        out[i] = a[0].s.p[i] & 0x7f;
    }
    *r = pp_value_bytes(out, a[0].s.n);
    return true;
}

/* Takes what is before the first 'byte' off 's', and that byte too; all of it
 * where there is none. */
static struct pp_bytes
cut(struct pp_bytes *s, uint8_t byte)
{
    const uint8_t *p = s->n ? memchr(s->p, byte, s->n) : NULL;
    struct pp_bytes piece = { s->p, p ? (size_t) (p - s->p) : s->n };
    size_t n = p ? piece.n + 1 : s->n;

    s->p = s->n ? s->p + n : s->p;
    s->n -= n;
    return piece;
}

static bool
is_word(struct pp_bytes s, const char *word)
{
    return s.n == strlen(word) && !memcmp(s.p, word, s.n);
}

/* Takes white space off the ends of a command.  What is beyond ASCII counts as
 * such: some of it is, and no command has any. */
static struct pp_bytes
trim(struct pp_bytes s)
{
#define WHITE(C) ((C) >= 0x80 || (C) == ' ' || ((C) >= '\t' && (C) <= '\r'))
    while (s.n && WHITE(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && WHITE(s.p[s.n - 1])) {
        s.n--;
    }
#undef WHITE
    return s;
}

/* A word such as "-a", which is no part of the argument. */
static bool
is_option(struct pp_bytes s)
{
    return s.n == 2 && s.p[0] == '-'
           && (s.p[1] == '_' || (s.p[1] >= '0' && s.p[1] <= '9')
               || (s.p[1] >= 'A' && s.p[1] <= 'Z')
               || (s.p[1] >= 'a' && s.p[1] <= 'z'));
}

/* The line without quotes; then '*command', and what is behind it without
 * options.  False when the arena is full. */
static bool
split_line(struct pp_arena *arena, struct pp_bytes line,
           struct pp_bytes *command, struct pp_bytes *argument)
{
    uint8_t *plain = pp_arena_alloc(arena, line.n + 1);
    uint8_t *out = pp_arena_alloc(arena, line.n + 1);
    struct pp_bytes rest = { plain, 0 };
    bool first = true;

    if (!plain || !out) {
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] != '"') {
            plain[rest.n++] = line.p[i];
        }
    }
    plain[rest.n] = ' ';            /* Each word ends with one. */
    rest.n++;
    *command = trim(cut(&rest, ' '));
    *argument = (struct pp_bytes) { out, 0 };
    while (rest.n) {
        struct pp_bytes word = cut(&rest, ' ');

        if (!is_option(word)) {
            if (!first) {
                out[argument->n++] = ' ';
            }
            first = false;
            if (word.n) {
                memcpy(out + argument->n, word.p, word.n);
                argument->n += word.n;
            }
        }
    }
    return true;
}

static bool
equals_nocase(struct pp_bytes s, const char *word)
{
    return s.n == strlen(word)
           && !strncasecmp((const char *) s.p, word, s.n);
}

/* The family is looked up among the keys of an object: those that every object
 * has are found too. */
static bool
is_family(struct pp_bytes s)
{
    static const char *const keys[] = {
        "1", "2", "__defineGetter__", "__defineSetter__", "__lookupGetter__",
        "__lookupSetter__", "__proto__", "constructor", "hasOwnProperty",
        "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString",
        "valueOf",
    };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (is_word(s, keys[i])) {
            return true;
        }
    }
    return false;
}

/* Writes "=" and the first four of six pieces, with dots between them. */
static void
put_port_host(struct pp_bytes argument, struct pp_buf *buf)
{
    size_t commas = 0;

    for (size_t i = 0; i < argument.n; i++) {
        commas += argument.p[i] == ',';
    }
    if (commas != 5) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        struct pp_bytes piece = cut(&argument, ',');

        pp_buf_puts(buf, i ? "." : "=");
        pp_buf_put(buf, piece.p, piece.n);
    }
}

/* Writes "=" and the third piece. */
static void
put_eprt_host(struct pp_bytes argument, struct pp_buf *buf)
{
    struct pp_bytes piece;
    bool more;

    cut(&argument, '|');
    more = argument.n && memchr(argument.p, '|', argument.n);
    piece = cut(&argument, '|');
    if (is_family(piece)) {
        pp_buf_puts(buf, "=");
        if (more) {
            piece = cut(&argument, '|');
            pp_buf_put(buf, piece.p, piece.n);
        } else {
            pp_buf_puts(buf, "undefined");
        }
    }
}

/* See pp-func.h. */
bool
pp_func_ftp_srv_host(struct pp_arena *arena, const struct pp_value *a,
                     struct pp_value *r)
{
    size_t size = a[0].s.n + sizeof "=undefined";
    struct pp_bytes command, argument;
    struct pp_buf buf;
    uint8_t *out;

    if (!split_line(arena, a[0].s, &command, &argument)) {
        return false;
    }
    out = pp_arena_alloc(arena, size);
    if (!out) {
        return false;
    }
    pp_buf_init(&buf, out, size);
    if (equals_nocase(command, "PORT")) {
        put_port_host(argument, &buf);
    } else if (equals_nocase(command, "EPRT")) {
        put_eprt_host(argument, &buf);
    }
    *r = pp_value_bytes(buf.data, buf.len);
    return true;
}

/* Four numbers of one to three digits, of which each counts as a byte. */
static bool
read_four(struct pp_bytes s, uint8_t *out)
{
    unsigned int digits = 0, n = 0, number = 0;

    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
            number = number * 10 + (s.p[i] - '0');
            if (++digits > 3) {
                return false;
            }
        } else if ((i < s.n && s.p[i] != '.') || !digits || n >= 4) {
            return false;
        } else {
            out[n++] = (uint8_t) number;
            digits = number = 0;
        }
    }
    return n == 4;
}

/* See pp-func.h.  What has the letters of an IPv6 address, and is none, is
 * one of zeros. */
bool
pp_func_npm_ip(struct pp_arena *arena, const struct pp_value *a,
               struct pp_value *r)
{
    static const uint8_t zeros[12];
    uint8_t *out = pp_arena_alloc(arena, 16);

    if (!out) {
        return false;
    }
    if (read_four(a[0].s, out)) {
        *r = pp_value_bytes(out, 4);
        return true;
    }
    if (!pp_func_ip_address(arena, a, r)) {
        return false;
    }
    if (r->s.n == 16 && !memcmp(r->s.p, zeros, sizeof zeros)) {
        /* An IPv4 address is taken for the same. */
        *r = pp_value_bytes(r->s.p + 12, 4);
    } else if (!r->s.n && a[0].s.n <= 39) {
        for (size_t i = 0; i < a[0].s.n; i++) {
            if (a[0].s.p[i] != ':' && hexit_value(a[0].s.p[i]) < 0) {
                return true;
            }
        }
        memset(out, 0, 16);
        *r = pp_value_bytes(out, 16);
    }
    return true;
}
