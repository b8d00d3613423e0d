/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the named functions of the patch language, and regular expressions.
 *
 * In: which function, how much memory there is, and its arguments.  A result
 * must be of its type, and all of its bytes must be there; the same again must
 * come to the same. */

#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patch/pp-func.h"
#include "patch/pp-regex.h"
#include "pp-value.h"
#include "util.h"

#define ARENA_MAX 65536

/* What is left of the input. */
struct input {
    const uint8_t *p;
    size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Up to 'n' bytes off the input, copied to their own size, so that the
 * sanitizers see who reads beyond. */
static struct pp_bytes
take(struct input *in, size_t n)
{
    uint8_t *copy;

    n = MIN(n, in->n);
    copy = xmalloc(MAX(n, 1));
    if (n) {
        memcpy(copy, in->p, n);
    }
    in->p += n;
    in->n -= n;
    return (struct pp_bytes) { copy, n };
}

static uint64_t
take_number(struct input *in, size_t n)
{
    struct pp_bytes s = take(in, n);
    uint64_t value = 0;

    for (size_t i = 0; i < s.n; i++) {
        value = value << 8 | s.p[i];
    }
    free(CONST_CAST(uint8_t *, s.p));
    return value;
}

/* A value for an argument of type 'letter'. */
static struct pp_value
take_argument(struct input *in, char letter)
{
    static const char net[] = "192.0.2.0/25";
    struct pp_value value = { .type = PP_TYPE_BYTES };

    if (letter == 'i') {
        /* Small ones most often. */
        unsigned int n = (unsigned int) take_number(in, 1) % 9;

        return pp_value_int((int64_t) take_number(in, n));
    } else if (letter == 'c') {
        uint8_t *bits = xzalloc(32);
        struct pp_bytes some = take(in, 32);

        memcpy(bits, some.p, some.n);
        free(CONST_CAST(uint8_t *, some.p));
        value.s = (struct pp_bytes) { bits, 32 };
    } else if (letter == 'n') {
        struct pp_net *nets = xzalloc(sizeof *nets);

        pp_net_parse((struct pp_bytes) { (const uint8_t *) net,
                                         sizeof net - 1 }, nets);
        value.s = (struct pp_bytes) { (uint8_t *) nets, sizeof *nets };
    } else {
        value.s = take(in, take_number(in, 2) % 2048);
    }
    return value;
}

static void
run_function(const struct pp_func *f, struct input *in)
{
    const char *types = f->signature + 2;
    size_t size = take_number(in, 2);
    struct pp_value args[PP_FUNC_ARGS_MAX];
    uint8_t *memory[2] = { xmalloc(ARENA_MAX), xmalloc(ARENA_MAX) };
    struct pp_value result[2];
    bool ok[2];
    size_t n = strlen(types);

    for (size_t i = 0; i < n; i++) {
        args[i] = take_argument(in, types[i]);
    }
    for (int i = 0; i < 2; i++) {
        struct pp_arena arena;

        pp_arena_init(&arena, memory[i], size);
        ok[i] = f->run(&arena, args, &result[i]);
        ovs_assert(ok[i] || arena.full);
    }
    ovs_assert(ok[0] == ok[1]);
    if (ok[0]) {
        ovs_assert(result[0].type == (*f->signature == 'v' ? PP_TYPE_BYTES
                                      : pp_func_type(*f->signature)));
        ovs_assert(result[0].type == PP_TYPE_BYTES
                   ? pp_bytes_equal(result[0].s, result[1].s)
                   : result[0].type == PP_TYPE_BOOL
                   ? result[0].b == result[1].b
                   : result[0].i == result[1].i);
    }
    for (size_t i = 0; i < n; i++) {
        if (types[i] != 'i') {
            free(CONST_CAST(uint8_t *, args[i].s.p));
        }
    }
    free(memory[0]);
    free(memory[1]);
}

static void
run_regex(struct input *in)
{
    struct pp_bytes pattern = take(in, take_number(in, 1) % 64);
    struct pp_bytes x = take(in, in->n);
    struct pp_regex *re = pp_regex_compile(pattern, NULL);

    if (re) {
        struct pp_regex_search *search = pp_regex_search_create();

        pp_regex_search(search, re, x);
        pp_regex_search_destroy(search);
        pp_regex_destroy(re);
    }
    free(CONST_CAST(uint8_t *, pattern.p));
    free(CONST_CAST(uint8_t *, x.p));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    uint64_t which = take_number(&in, 1) % (pp_func_count() + 1);

    if (which < pp_func_count()) {
        run_function(&pp_funcs[which], &in);
    } else {
        run_regex(&in);
    }
    return 0;
}
