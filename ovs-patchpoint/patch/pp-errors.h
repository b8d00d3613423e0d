/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_ERRORS_H
#define PP_ERRORS_H 1

/* What is wrong with patch files: a list of places and reasons, so that an
 * author sees all of it at once and not the first fault only. */

#include <stdarg.h>
#include <stddef.h>

/* More errors than this are counted but not kept. */
#define PP_ERRORS_MAX 1000

struct pp_error {
    char *file;
    unsigned int line;          /* From 1; 0: the file as a whole. */
    unsigned int column;        /* From 1, in characters; 0: unknown. */
    char *text;                 /* The reason, in words. */
};

struct pp_errors {
    size_t n;                   /* In 'list'. */
    size_t total;               /* With those not kept. */
    struct pp_error *list;
};

#define PP_ERRORS_INITIALIZER { 0, 0, NULL }

void pp_errors_add(struct pp_errors *, const char *file, unsigned int line,
                   unsigned int column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void pp_errors_add_valist(struct pp_errors *, const char *file,
                          unsigned int line, unsigned int column,
                          const char *format, va_list)
    __attribute__((format(printf, 5, 0)));

/* Adds those of 'from' to 'errors' and leaves 'from' empty. */
void pp_errors_move(struct pp_errors *errors, struct pp_errors *from);

/* All of them as text, a line each, "file:line:column: reason".  The caller
 * frees it. */
char *pp_errors_format(const struct pp_errors *);

void pp_errors_destroy(struct pp_errors *);

#endif /* pp-errors.h */
