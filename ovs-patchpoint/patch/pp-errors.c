/* SPDX-License-Identifier: Apache-2.0 */

/* Lists of places and reasons; see pp-errors.h.
 *
 * In: what is wrong with a file.  Out: the list, and its text.  Runs in
 * control and in the tools, never in the engine; owns the texts. */

#include <config.h>

#include "patch/pp-errors.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

void
pp_errors_add_valist(struct pp_errors *errors, const char *file,
                     unsigned int line, unsigned int column,
                     const char *format, va_list args)
{
    errors->total++;
    if (errors->n >= PP_ERRORS_MAX) {
        return;
    }
    if (!(errors->n & (errors->n - 1))) {
        size_t n = errors->n ? 2 * errors->n : 1;

        errors->list = xrealloc(errors->list, n * sizeof *errors->list);
    }
    errors->list[errors->n++] = (struct pp_error) {
        .file = xstrdup(file),
        .line = line,
        .column = column,
        .text = xvasprintf(format, args),
    };
}

/* Adds the reason that 'format' gives.  'line' 0 is the file as a whole. */
void
pp_errors_add(struct pp_errors *errors, const char *file, unsigned int line,
              unsigned int column, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pp_errors_add_valist(errors, file, line, column, format, args);
    va_end(args);
}

void
pp_errors_move(struct pp_errors *errors, struct pp_errors *from)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct pp_error *e = &from->list[i];

        pp_errors_add(errors, e->file, e->line, e->column, "%s", e->text);
    }
    errors->total += from->total - from->n;
    pp_errors_destroy(from);
}

char *
pp_errors_format(const struct pp_errors *errors)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < errors->n; i++) {
        const struct pp_error *e = &errors->list[i];

        ds_put_cstr(&s, e->file);
        if (e->line) {
            ds_put_format(&s, ":%u", e->line);
        }
        if (e->line && e->column) {
            ds_put_format(&s, ":%u", e->column);
        }
        ds_put_format(&s, ": %s\n", e->text);
    }
    if (errors->total > errors->n) {
        ds_put_format(&s, "(and %"PRIuSIZE" more errors)\n",
                      errors->total - errors->n);
    }
    return ds_steal_cstr(&s);
}

void
pp_errors_destroy(struct pp_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        free(errors->list[i].file);
        free(errors->list[i].text);
    }
    free(errors->list);
    *errors = (struct pp_errors) PP_ERRORS_INITIALIZER;
}
