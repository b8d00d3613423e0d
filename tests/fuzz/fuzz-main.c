/* SPDX-License-Identifier: Apache-2.0 */

/* The main() of a fuzz target that is built without libFuzzer.
 *
 * In: names of files.  Each is given to the target once, in a block of just
 * its size, so that valgrind and AddressSanitizer see a read past its end.
 * Out: nothing; the target aborts on a finding.  A test program; owns the
 * block. */

#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
        uint8_t *exact = malloc(size ? size : 1);

        if (exact) {
            memcpy(exact, data, size);
            LLVMFuzzerTestOneInput(exact, size);
            free(exact);
        } else {
            error = ENOMEM;
        }
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
