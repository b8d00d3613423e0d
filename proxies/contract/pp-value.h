/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_VALUE_H
#define PP_VALUE_H 1

/* Typed values.
 *
 * A proxy publishes what it parsed as typed fields, a patch's condition is an
 * expression over them.  This header is the vocabulary that the two share.
 * Values never own memory: bytes point into the message being decided, into
 * the patch pool, or into the arena of the evaluation, and live as long. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum pp_type {
    PP_TYPE_BOOL,               /* true or false. */
    PP_TYPE_INT,                /* Signed, 64 bits, saturating. */
    PP_TYPE_BYTES,              /* Any bytes, NUL too; compared as they are. */
    PP_TYPE_LIST,               /* Elements with fields of their own. */
    PP_TYPE_VERSION,            /* Of expressions alone: as bytes, which say
                                 * by their order which version is later. */
};

/* Bytes at 'p', 'n' of them.  'p' may be NULL when 'n' is 0. */
struct pp_bytes {
    const uint8_t *p;
    size_t n;
};

/* Where a value stands: 'len' bytes at 'off' from the start of the view that
 * was given to the parser. */
struct pp_span {
    uint32_t off;
    uint32_t len;
};

struct pp_value {
    enum pp_type type;
    union {
        bool b;                 /* PP_TYPE_BOOL. */
        int64_t i;              /* PP_TYPE_INT. */
        struct pp_bytes s;      /* PP_TYPE_BYTES. */
        uint32_t count;         /* PP_TYPE_LIST: number of elements. */
    };
};

static inline struct pp_value
pp_value_bool(bool b)
{
    return (struct pp_value) { .type = PP_TYPE_BOOL, .b = b };
}

static inline struct pp_value
pp_value_int(int64_t i)
{
    return (struct pp_value) { .type = PP_TYPE_INT, .i = i };
}

static inline struct pp_value
pp_value_bytes(const void *p, size_t n)
{
    return (struct pp_value) {
        .type = PP_TYPE_BYTES, .s = { .p = p, .n = n },
    };
}

static inline struct pp_value
pp_value_list(uint32_t count)
{
    return (struct pp_value) { .type = PP_TYPE_LIST, .count = count };
}

/* As above, for get() and get_elem() of a proxy: set '*value', return true.
 * Member by member: a copy of the whole has to wait for what was written in
 * parts. */
static inline bool
pp_get_bool(bool b, struct pp_value *value)
{
    value->type = PP_TYPE_BOOL;
    value->b = b;
    return true;
}

static inline bool
pp_get_int(int64_t i, struct pp_value *value)
{
    value->type = PP_TYPE_INT;
    value->i = i;
    return true;
}

static inline bool
pp_get_bytes(const void *p, size_t n, struct pp_value *value)
{
    value->type = PP_TYPE_BYTES;
    value->s.p = p;
    value->s.n = n;
    return true;
}

static inline bool
pp_get_list(uint32_t count, struct pp_value *value)
{
    value->type = PP_TYPE_LIST;
    value->count = count;
    return true;
}

static inline bool
pp_get_string(const char *s, struct pp_value *value)
{
    return pp_get_bytes(s, strlen(s), value);
}

/* An IP address as patches get it: the 16 bytes at 'address', or, of an IPv4
 * one (::ffff:a.b.c.d), its 4.  Two addresses are the same when their bytes
 * are. */
struct pp_value pp_value_address(const uint8_t address[16]);

/* True if both, of one type, are the same.  Lists never are. */
bool pp_value_equal(const struct pp_value *, const struct pp_value *);

/* Scratch memory of one evaluation: a bump allocator over memory that the
 * caller owns.  It never grows and never frees: the owner resets it between
 * messages.  An allocation that does not fit returns NULL and sets 'full',
 * which stays set until the reset. */
struct pp_arena {
    uint8_t *base;
    size_t size;
    size_t used;
    bool full;
};

static inline void
pp_arena_init(struct pp_arena *arena, void *base, size_t size)
{
    *arena = (struct pp_arena) { .base = base, .size = size };
}

static inline void
pp_arena_reset(struct pp_arena *arena)
{
    arena->used = 0;
    arena->full = false;
}

/* Returns 'n' bytes aligned for any type, or NULL when they do not fit. */
static inline void *
pp_arena_alloc(struct pp_arena *arena, size_t n)
{
    size_t start = (arena->used + 15) & ~(size_t) 15;

    if (start > arena->size || n > arena->size - start) {
        arena->full = true;
        return NULL;
    }
    arena->used = start + n;
    return arena->base + start;
}

/* Bytes being put together in memory that the caller owns.  A write that does
 * not fit writes nothing and sets 'overflow', which is sticky, so that a
 * writer checks once, at its end. */
struct pp_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool overflow;
};

static inline void
pp_buf_init(struct pp_buf *buf, void *data, size_t cap)
{
    *buf = (struct pp_buf) { .data = data, .cap = cap };
}

void pp_buf_put(struct pp_buf *, const void *, size_t);
void pp_buf_puts(struct pp_buf *, const char *);
void pp_buf_putf(struct pp_buf *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A character of a token (RFC 9110 5.6.2)? */
static inline bool
pp_is_tchar(uint8_t c)
{
    static const uint64_t tchars[2] = {
        UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe),
    };

    return c < 128 && tchars[c / 64] >> c % 64 & 1;
}

#endif /* pp-value.h */
