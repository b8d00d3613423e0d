/* SPDX-License-Identifier: Apache-2.0 */

/* Parameters of patches; see pp-param.h.
 *
 * In: the text of values, and the pool they are for.  Out: values that are in
 * their ranges, or what is wrong.  Runs in control and in the tools, never in
 * the engine; owns nothing. */

#include <config.h>

#include "patch/pp-param.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "util.h"

static bool
read_integer(struct pp_bytes text, int64_t *i)
{
    bool negative = text.n && text.p[0] == '-';
    size_t first = negative;

    *i = 0;
    for (size_t k = first; k < text.n; k++) {
        int digit = text.p[k] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(*i, 10, i)
            || __builtin_sub_overflow(*i, digit, i)) {
            return false;
        }
    }
    /* Worked out below zero, where there is one number more. */
    return (text.n > first
            && (negative || !__builtin_sub_overflow(0, *i, i)));
}

char *
pp_param_read(const struct pp_param *param, struct pp_bytes text,
              struct pp_param_value *value)
{
    memset(value, 0, sizeof *value);
    if (param->type == PP_TYPE_INT) {
        return (read_integer(text, &value->i) && value->i >= param->min
                && value->i <= param->max ? NULL
                : xasprintf("is not an integer from %"PRId64" to %"PRId64,
                            param->min, param->max));
    } else if (param->type == PP_TYPE_BOOL) {
        value->i = text.n == 4 && !memcmp(text.p, "true", 4);
        return (value->i || (text.n == 5 && !memcmp(text.p, "false", 5)) ? NULL
                : xstrdup("is neither true nor false"));
    }
    if (text.n > sizeof value->bytes || (int64_t) text.n < param->min
        || (int64_t) text.n > param->max) {
        return xasprintf("is not of %"PRId64" to %"PRId64" bytes", param->min,
                         param->max);
    }
    value->i = (int64_t) text.n;
    if (text.n) {
        memcpy(value->bytes, text.p, text.n);
    }
    return NULL;
}

/* The parameter that 'word', "CVE-1.limit", means; or NULL with '*error'. */
static const struct pp_param *
find_param(const struct pp_pool *pool, char *word,
           struct pp_param_choice *choice, char **error)
{
    char *dot = strrchr(word, '.');
    struct ds known = DS_EMPTY_INITIALIZER;
    const struct pp_patch *patch;
    size_t index;

    if (!dot) {
        *error = xasprintf("'%s' is not of the form PATCH.NAME=VALUE", word);
        return NULL;
    }
    *dot = '\0';
    patch = pp_pool_find(pool, word, &index);
    if (!patch) {
        *error = xasprintf("there is no patch '%s'", word);
        return NULL;
    }
    for (size_t i = 0; i < patch->n_params; i++) {
        if (!strcmp(patch->params[i].name, dot + 1)) {
            choice->patch = (uint32_t) index;
            choice->param = (uint32_t) i;
            ds_destroy(&known);
            return &patch->params[i];
        }
        ds_put_format(&known, "%s%s", i ? ", " : "", patch->params[i].name);
    }
    *error = xasprintf("patch %s has no parameter '%s'; it has: %s", word,
                       dot + 1, patch->n_params ? ds_cstr(&known) : "none");
    ds_destroy(&known);
    return NULL;
}

/* Decodes %HH in place; returns the length. */
static size_t
decode(char *s)
{
    size_t n = 0;

    for (size_t i = 0; s[i]; i++) {
        int high = s[i] == '%' ? hexit_value(s[i + 1]) : -1;
        int low = high >= 0 ? hexit_value(s[i + 2]) : -1;

        s[n++] = low >= 0 ? (char) (high << 4 | low) : s[i];
        i += low >= 0 ? 2 : 0;
    }
    return n;
}

static char *
take_word(const struct pp_pool *pool, char *word,
          struct pp_param_choice *choice)
{
    char *name = xstrdup(word);
    char *equals = strchr(name, '=');
    const struct pp_param *param;
    char *error = NULL;

    if (equals) {
        *equals = '\0';
        param = find_param(pool, name, choice, &error);
        if (param) {
            struct pp_bytes text = { (uint8_t *) equals + 1, 0 };
            char *why;

            text.n = (param->type == PP_TYPE_BYTES ? decode(equals + 1)
                      : strlen(equals + 1));
            why = pp_param_read(param, text, &choice->value);
            if (why) {
                error = xasprintf("'%s' %s", word, why);
                free(why);
            }
        }
    } else {
        error = xasprintf("'%s' is not of the form PATCH.NAME=VALUE", word);
    }
    free(name);
    return error;
}

static int
compare_choices(const void *a_, const void *b_)
{
    const struct pp_param_choice *a = a_;
    const struct pp_param_choice *b = b_;

    return (a->patch != b->patch ? (a->patch < b->patch ? -1 : 1)
            : a->param < b->param ? -1 : a->param > b->param);
}

struct pp_param_choice *
pp_params_parse(const struct pp_pool *pool, const char *text, size_t *n,
                char **error)
{
    struct pp_param_choice *choices = xmalloc(sizeof *choices);
    char *copy = xstrdup(text);
    size_t allocated = 1;
    char *save = NULL;

    *n = 0;
    *error = NULL;
    for (char *word = strtok_r(copy, ",; \t\r\n", &save); word && !*error;
         word = strtok_r(NULL, ",; \t\r\n", &save)) {
        if (*n == allocated) {
            choices = x2nrealloc(choices, &allocated, sizeof *choices);
        }
        *error = take_word(pool, word, &choices[*n]);
        for (size_t i = 0; i < *n && !*error; i++) {
            if (!compare_choices(&choices[i], &choices[*n])) {
                *error = xasprintf("'%s' is set twice", word);
            }
        }
        *n += 1;
    }
    free(copy);
    if (*error) {
        free(choices);
        return NULL;
    }
    qsort(choices, *n, sizeof *choices, compare_choices);
    return choices;
}
