/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PARAM_H
#define PP_PARAM_H 1

/* Parameters of patches: what is different from VM to VM and that the wire
 * does not show, such as a limit in a server's configuration.  A patch
 * declares them, with a default and a range; a policy may set them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pp-value.h"

struct pp_pool;

#define PP_PARAMS_MAX 16        /* Of one patch. */
#define PP_PARAM_BYTES_MAX 256  /* Longest value of type bytes. */

struct pp_param_value {
    int64_t i;                  /* An integer, a flag (0 or 1), or how many
                                 * 'bytes' there are. */
    uint8_t bytes[PP_PARAM_BYTES_MAX];
};

struct pp_param {
    char *name;
    char *about;                /* A sentence for people. */
    enum pp_type type;          /* PP_TYPE_BOOL, PP_TYPE_INT, PP_TYPE_BYTES. */
    int64_t min, max;           /* Of the integer; of the length. */
    struct pp_param_value value;        /* The default. */
};

/* 64-bit words that a value takes in a patch set (pp-program.h). */
static inline uint32_t
pp_param_words(enum pp_type type, int64_t max)
{
    return type == PP_TYPE_BYTES ? 1 + (uint32_t) ((max + 7) / 8) : 1;
}

/* Reads 'text' as a value of 'param': a decimal integer, true or false, or
 * bytes as they are.  Returns NULL, or what is wrong, in words to be freed:
 * "is not an integer from 1 to 10". */
char *pp_param_read(const struct pp_param *param, struct pp_bytes text,
                    struct pp_param_value *value);

/* A value for a parameter of a patch of a pool. */
struct pp_param_choice {
    uint32_t patch;             /* Index in the pool. */
    uint32_t param;             /* In the patch. */
    struct pp_param_value value;
};

/* Reads what a policy sets: "CVE-1.limit=5, CVE-2.name=a%2Cb", words separated
 * by commas, semicolons or white space; in bytes, %HH is a byte.  Returns the
 * choices, sorted, '*n' of them, to be freed; or NULL with '*error' saying
 * what is wrong, to be freed. */
struct pp_param_choice *pp_params_parse(const struct pp_pool *,
                                        const char *text, size_t *n,
                                        char **error);

#endif /* pp-param.h */
