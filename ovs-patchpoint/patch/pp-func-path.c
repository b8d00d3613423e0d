/* SPDX-License-Identifier: Apache-2.0 */

/* Functions of the patch language: paths, and how servers normalise them; see
 * pp-func.h.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include <string.h>

#include "patch/pp-func-private.h"
#include "util.h"

/* The next '/'-separated segment from '*at' on; false at the end. */
static bool
next_segment(struct pp_bytes path, size_t *at, struct pp_bytes *segment)
{
    const uint8_t *slash;

    if (*at > path.n || !path.n) {
        return false;
    }
    slash = *at < path.n ? memchr(path.p + *at, '/', path.n - *at) : NULL;
    segment->p = path.p + *at;
    segment->n = slash ? (size_t) (slash - segment->p) : path.n - *at;
    *at += segment->n + 1;
    return true;
}

static bool
is_dots(struct pp_bytes segment, size_t n)
{
    return segment.n == n && !memcmp(segment.p, "..", n);
}

bool
pp_func_escapes_root(ARGS)
{
    struct pp_bytes segment;
    int64_t depth = 0;
    size_t at = 0;

    UNUSED_ARENA;
    while (next_segment(a[0].s, &at, &segment)) {
        if (is_dots(segment, 2)) {
            if (--depth < 0) {
                return pp_give_bool(r, true);
            }
        } else if (segment.n && !is_dots(segment, 1)) {
            depth++;
        }
    }
    return pp_give_bool(r, false);
}

/* Writes 'path' to 'out', of one byte more, without empty and dot segments and
 * without a slash at its end, as POSIX normpath() has it.  ".." above a
 * leading slash vanishes; in a relative path it stays.  Returns how many
 * bytes. */
static size_t
fold_path(struct pp_bytes path, uint8_t *out)
{
    bool absolute = path.n && path.p[0] == '/';
    struct pp_bytes segment;
    size_t kept_dots = absolute;        /* Nothing before it is taken away. */
    size_t at = 0;
    size_t n = 0;

    if (absolute) {
        out[n++] = '/';
    }
    while (next_segment(path, &at, &segment)) {
        if (!segment.n || is_dots(segment, 1)) {
            continue;
        }
        if (is_dots(segment, 2)) {
            if (n > kept_dots) {
                while (n > kept_dots && out[n - 1] != '/') {
                    n--;
                }
                n -= n > kept_dots;
                continue;
            }
            if (absolute) {
                continue;
            }
        }
        if (n && out[n - 1] != '/') {
            out[n++] = '/';
        }
        memcpy(out + n, segment.p, segment.n);
        n += segment.n;
        if (is_dots(segment, 2)) {
            kept_dots = n;
        }
    }
    return n;
}

/* A slash at the end stays. */
bool
pp_func_normalize_path(ARGS)
{
    struct pp_bytes path = a[0].s;
    uint8_t *out = pp_arena_alloc(arena, path.n + 1);
    size_t n;

    if (!out) {
        return false;
    }
    n = fold_path(path, out);
    if (path.n && path.p[path.n - 1] == '/' && n && out[n - 1] != '/') {
        out[n++] = '/';
    }
    return pp_give_bytes(r, out, n);
}

/* posixpath.normpath() of Python 3: no slash stays at the end, exactly two
 * slashes at the start stay two, and nothing becomes ".". */
bool
pp_func_python_normpath(ARGS)
{
    struct pp_bytes path = a[0].s;
    uint8_t *out = pp_arena_alloc(arena, path.n + 2);
    bool two = (path.n > 1 && path.p[0] == '/' && path.p[1] == '/'
                && (path.n == 2 || path.p[2] != '/'));
    size_t n;

    if (!out) {
        return false;
    }
    out[0] = two ? '/' : '.';
    n = fold_path(path, out + two) + two;
    if (!n) {
        out[n++] = '.';
    }
    return pp_give_bytes(r, out, n);
}

/* RFC 3986 section 5.2.4. */
bool
pp_func_remove_dot_segments(ARGS)
{
    struct pp_bytes path = a[0].s;
    uint8_t *out = pp_arena_alloc(arena, path.n + 1);
    struct pp_bytes segment;
    size_t at = 0;
    size_t n = 0;
    bool slash = false;         /* One is due before what comes: there was a
                                 * segment that was no dots. */

    if (!out) {
        return false;
    }
    while (next_segment(path, &at, &segment)) {
        bool last = at > path.n;

        if (is_dots(segment, 1) || is_dots(segment, 2)) {
            if (segment.n == 2) {
                while (n && out[--n] != '/') {
                    continue;
                }
            }
            if (slash && last) {
                out[n++] = '/';
            }
            continue;
        }
        if (slash) {
            out[n++] = '/';
        }
        if (segment.n) {
            memcpy(out + n, segment.p, segment.n);
            n += segment.n;
        }
        slash = true;
    }
    return pp_give_bytes(r, out, n);
}

/* What nginx (1.22, ngx_http_parse_complex_uri()) makes of a path, with
 * merge_slashes on as it is by default.  It decodes and normalises in one
 * pass, so that what is decoded counts like what came so, but for '%', '#' and
 * '?', and refuses (400) what leads above the root. */
enum nginx_state {
    NGINX_USUAL,
    NGINX_SLASH,                /* Behind a slash. */
    NGINX_DOT,                  /* Behind "/.". */
    NGINX_DOT_DOT,              /* Behind "/..". */
};

struct nginx_path {
    enum nginx_state state;
    uint8_t *out;
    size_t n;
};

/* Takes "/.." and the segment before it away; false at the root. */
static bool
nginx_up(struct nginx_path *x)
{
    size_t n = x->n - 3;

    while (n && x->out[n - 1] != '/') {
        n--;
    }
    x->n = n;
    return n > 0;
}

static bool
nginx_put(struct nginx_path *x, uint8_t c)
{
    if (c == '/' && x->state == NGINX_DOT_DOT) {
        x->state = NGINX_SLASH;
        return nginx_up(x);
    } else if (c == '/' && x->state == NGINX_DOT) {
        x->n--;
        x->state = NGINX_SLASH;
    } else if (c != '/' || x->state != NGINX_SLASH) {
        x->out[x->n++] = c;
        x->state = (c == '/' ? NGINX_SLASH
                    : c != '.' ? NGINX_USUAL
                    : x->state == NGINX_SLASH ? NGINX_DOT
                    : x->state == NGINX_DOT ? NGINX_DOT_DOT : NGINX_USUAL);
    }
    return true;
}

bool
pp_func_nginx_path(ARGS)
{
    struct pp_bytes path = a[0].s;
    struct nginx_path x = { .out = pp_arena_alloc(arena, path.n) };
    bool ok = path.n && path.p[0] == '/';

    if (!x.out) {
        return false;
    }
    for (size_t i = 0; i < path.n && ok; i++) {
        uint8_t c = path.p[i];

        if (c == '?' || c == '#') {
            break;
        } else if (c != '%') {
            ok = nginx_put(&x, c);
            continue;
        }
        ok = (path.n - i > 2 && hexit_value(path.p[i + 1]) >= 0
              && hexit_value(path.p[i + 2]) >= 0);
        if (ok) {
            c = (uint8_t) (hexit_value(path.p[i + 1]) << 4
                           | hexit_value(path.p[i + 2]));
            i += 2;
            if (c == '%' || c == '#' || c == '?') {
                x.out[x.n++] = c;
                x.state = NGINX_USUAL;
            } else {
                ok = c && nginx_put(&x, c);
            }
        }
    }
    if (ok && x.state == NGINX_DOT) {
        x.n--;
    } else if (ok && x.state == NGINX_DOT_DOT) {
        ok = nginx_up(&x);
    }
    return pp_give_bytes(r, x.out, ok ? x.n : 0);
}

/* As servlet containers read paths, before they decode and normalise them. */
bool
pp_func_drop_path_parameters(ARGS)
{
    struct pp_bytes path = a[0].s;
    uint8_t *out;
    size_t n = 0;
    bool parameter = false;

    if (!path.n || !memchr(path.p, ';', path.n)) {
        return pp_give_bytes(r, path.p, path.n);
    }
    out = pp_arena_alloc(arena, path.n);
    if (!out) {
        return false;
    }
    for (size_t i = 0; i < path.n; i++) {
        parameter = path.p[i] != '/' && (parameter || path.p[i] == ';');
        if (!parameter) {
            out[n++] = path.p[i];
        }
    }
    return pp_give_bytes(r, out, n);
}

/* As the Win32 API reads names: either slash separates, and dots and spaces at
 * a name's end do not count. */
bool
pp_func_windows_path(ARGS)
{
    struct pp_bytes path = a[0].s;
    uint8_t *out = pp_arena_alloc(arena, path.n);
    size_t start = 0;           /* Of the segment, in 'out'. */
    size_t n = 0;

    if (!out) {
        return false;
    }
    for (size_t i = 0; i <= path.n; i++) {
        bool slash = i < path.n && (path.p[i] == '/' || path.p[i] == '\\');

        if (i < path.n && !slash) {
            out[n++] = path.p[i];
            continue;
        }
        if (!is_dots((struct pp_bytes) { out + start, n - start }, 1)
            && !is_dots((struct pp_bytes) { out + start, n - start }, 2)) {
            while (n > start && (out[n - 1] == '.' || out[n - 1] == ' ')) {
                n--;
            }
        }
        if (slash) {
            out[n++] = '/';
            start = n;
        }
    }
    return pp_give_bytes(r, out, n);
}
