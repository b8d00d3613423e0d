/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PATCH_TEXT_H
#define PATCH_TEXT_H 1

/* Patches of the toy protocol (pp-toy.h), as text, and what must come of
 * them. */

struct pp_errors;
struct pp_patch;

#define HEAD                                            \
    "patch: T-1\n"                                      \
    "title: A test\n"                                   \
    "vendor: https://example.org/fix\n"                 \
    "affects: [{product: toy/box, versions: '< 2'}]\n"  \
    "severity: 7.5\n"                                   \
    "proxy: toy\n"                                      \
    "same-as-vendor: it is\n"
#define RULE                                            \
    "on: command\n"                                     \
    "when: verb == \"EVIL\"\n"                          \
    "correct: reject 400\n"
#define VECTORS                                         \
    "vectors:\n"                                        \
    "  - exploit: e\n"                                  \
    "    to-server: \"EVIL x\\n\"\n"                    \
    "    expect: {to-client: \"400  \\n\"}\n"           \
    "  - benign: b\n"                                   \
    "    to-server: \"GOOD x\\n\"\n"

/* Good patches with vectors that say what they do. */
#define GOOD(RULES, VECTOR_LIST) HEAD RULES "vectors:\n" VECTOR_LIST
#define EXPLOIT(IN, EXPECT)                                             \
    "  - exploit: e\n    to-server: " IN "\n    expect: {" EXPECT "}\n"
#define BENIGN(IN) "  - benign: b\n    to-server: " IN "\n"

/* The patch that 'text' is, to be destroyed, or NULL with errors. */
struct pp_patch *patch_text_parse(const char *text, struct pp_errors *);

/* Fails the test unless 'text' is a patch and its vectors hold. */
void patch_text_good(const char *text);

/* Fails the test unless 'text' is refused with words that have 'error' in
 * them. */
void patch_text_bad(const char *text, const char *error);

/* Fails the test unless 'text' is a patch and one of its vectors does not
 * hold, with words that have 'error' in them. */
void patch_text_wrong(const char *text, const char *error);

#endif /* patch-text.h */
