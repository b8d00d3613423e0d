/* SPDX-License-Identifier: Apache-2.0 */

/* The main() of a fuzz target that is built without libFuzzer.
 *
 * In: names of files.  Each is given to the target once, in a block of just
 * its size, so that valgrind and AddressSanitizer see a read past its end.  If
 * the target has a mutator of its own, some mutants of each file follow, the
 * same ones each time.  Out: nothing; the target aborts on a finding.  A test
 * program; owns the blocks. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned int seed) __attribute__((weak));

#define MUTANTS 32              /* Of each file. */
#define GROW_MAX 512            /* Bytes by which one may be longer. */

/* libFuzzer's, as far as it has to be: one byte is another one, or comes
 * twice. */
size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    static uint32_t random;

    random = random * UINT32_C(1664525) + UINT32_C(1013904223);
    if (size) {
        size_t at = (random >> 8) % size;

        if (random & 0x10000 && size < max_size) {
            memmove(data + at + 1, data + at, size - at);
            size++;
        } else {
            data[at] ^= (uint8_t) (1u << (random >> 28) % 8);
        }
    }
    return size;
}

/* Runs the target on the 'size' bytes at 'data', in a block of just the size.
 * Returns 0 or a positive errno. */
static int
run_block(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);

    if (!exact) {
        return ENOMEM;
    }
    if (size) {
        memcpy(exact, data, size);
    }
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

/* Runs the target on mutants of the 'size' bytes at 'data'. */
static int
run_mutants(const uint8_t *data, size_t size)
{
    size_t max = size + GROW_MAX;
    uint8_t *mutant = malloc(max);
    int error = mutant ? 0 : ENOMEM;
    size_t n = 0;

    for (unsigned int i = 0; i < MUTANTS && !error; i++) {
        if (i % 8 == 0) {
            memcpy(mutant, data, size);
            n = size;
        }
        n = LLVMFuzzerCustomMutator(mutant, n, max, i);
        error = run_block(mutant, n);
    }
    free(mutant);
    return error;
}

/* Runs the target on file 'name'.  Returns 0 or a positive errno. */
static int
run_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    uint8_t *data = NULL;
    size_t size = 0;
    size_t room = 0;
    int error = 0;

    if (!file) {
        return errno;
    }
    for (;;) {
        if (size == room) {
            room = room ? 2 * room : 4096;

            uint8_t *more = realloc(data, room);
            if (!more) {
                error = ENOMEM;
                break;
            }
            data = more;
        }

        size_t n = fread(data + size, 1, room - size, file);
        size += n;
        if (!n) {
            error = ferror(file) ? EIO : 0;
            break;
        }
    }
    fclose(file);

    if (!error) {
        error = run_block(data, size);
    }
    if (!error && size && LLVMFuzzerCustomMutator) {
        error = run_mutants(data, size);
    }
    free(data);
    return error;
}

int
main(int argc, char *argv[])
{
    int failures = 0;

    for (int i = 1; i < argc; i++) {
        int error = run_file(argv[i]);

        if (error) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(error));
            failures++;
        }
    }
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
