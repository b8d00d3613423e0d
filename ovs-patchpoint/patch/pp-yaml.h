/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_YAML_H
#define PP_YAML_H 1

/* A strict reading of YAML into a tree that knows where everything stands.
 *
 * What a patch file does not need is refused: more than one document,
 * anchors and aliases, tags other than !bytes, keys that are not text,
 * duplicate keys, nesting beyond PP_PATCH_DEPTH_MAX, invalid UTF-8. */

#include <stdbool.h>
#include <stddef.h>

#include "patch/pp-errors.h"

enum pp_yaml_kind {
    PP_YAML_SCALAR,
    PP_YAML_LIST,
    PP_YAML_MAP,
};

struct pp_yaml {
    enum pp_yaml_kind kind;
    unsigned int line, column;  /* From 1. */
    size_t off;                 /* In the file's text. */

    /* PP_YAML_SCALAR.  With the tag !bytes, code points below 0x100 have
     * become single bytes. */
    char *text;                 /* A NUL that does not count follows. */
    size_t n;
    bool plain;                 /* Without quotes. */
    bool bytes;                 /* Had the tag !bytes. */

    /* PP_YAML_LIST, PP_YAML_MAP. */
    size_t n_items;
    struct pp_yaml **items;     /* Lists: items; maps: values. */
    struct pp_yaml **keys;      /* Maps: scalars. */
    bool *used;                 /* Maps: pp_yaml_get() asked for it. */
};

/* Reads the 'n' bytes at 'text'.  Returns the tree, to be destroyed, or NULL
 * with an error added. */
struct pp_yaml *pp_yaml_parse(const char *file, const char *text, size_t n,
                              struct pp_errors *errors);

void pp_yaml_destroy(struct pp_yaml *);

/* The value of 'key' in map 'map', or NULL; marks it as used. */
struct pp_yaml *pp_yaml_get(struct pp_yaml *map, const char *key);

const char *pp_yaml_kind_name(enum pp_yaml_kind);

/* Where, in the file's text, byte 'off' of a scalar's text stands: exact for
 * scalars without escapes, the scalar's start if it cannot be told. */
void pp_yaml_locate(const struct pp_yaml *scalar, const char *text, size_t n,
                    size_t off, unsigned int *line, unsigned int *column);

#endif /* pp-yaml.h */
