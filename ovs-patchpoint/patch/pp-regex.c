/* SPDX-License-Identifier: Apache-2.0 */

/* Regular expressions; see pp-regex.h.
 *
 * In: patterns, and bytes, both hostile in the worst case.  Out: whether there
 * is a match.  Runs in whatever checks patches, to see that a pattern is
 * sound, and in the engine; owns what it compiled and the memory of its
 * searches. */

#include <config.h>

#include "patch/pp-regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include "util.h"

struct pp_regex {
    pcre2_code *code;
};

struct pp_regex_search {
    pcre2_match_context *context;
    pcre2_match_data *data;
    uint64_t steps;             /* Left. */
    size_t at;                  /* Where in the bytes the last one was. */
};

static struct pp_regex *
fail(struct pp_regex_error *error, size_t off, const char *text)
{
    if (error) {
        error->off = off;
        snprintf(error->text, sizeof error->text, "%s", text);
    }
    return NULL;
}

/* PCRE2 calls this at every item of the pattern (PCRE2_AUTO_CALLOUT): its own
 * limit counts for each start of a search anew, and not what is passed over
 * within an item. */
static int
count_step(pcre2_callout_block *block, void *search_)
{
    struct pp_regex_search *search = search_;
    size_t at = block->current_position;
    uint64_t n = 1 + (at > search->at ? at - search->at : search->at - at);

    search->at = at;
    if (n > search->steps) {
        search->steps = 0;
        return PCRE2_ERROR_MATCHLIMIT;
    }
    search->steps -= n;
    return 0;
}

static pcre2_code *
compile(struct pp_bytes pattern, struct pp_regex_error *error)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_code *code;
    PCRE2_SIZE off;
    char text[sizeof error->text];
    int why;

    if (!context) {
        fail(error, 0, "no memory");
        return NULL;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, 32);
    code = pcre2_compile(pattern.p, pattern.n,
                         PCRE2_AUTO_CALLOUT | PCRE2_NO_AUTO_CAPTURE
                         | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP
                         | PCRE2_NEVER_UTF, &why, &off, context);
    pcre2_compile_context_free(context);
    if (!code) {
        pcre2_get_error_message(why, (PCRE2_UCHAR *) text, sizeof text);
        fail(error, MIN(off, pattern.n), text);
    }
    return code;
}

struct pp_regex *
pp_regex_compile(struct pp_bytes pattern, struct pp_regex_error *error)
{
    struct pp_regex *re;
    uint32_t backref = 0;
    size_t size = 0;
    pcre2_code *code;

    if (pattern.n > PP_REGEX_PATTERN_MAX) {
        return fail(error, 0, "the regular expression is longer than 1024 "
                    "bytes");
    }
    code = compile(pattern, error);
    if (!code) {
        return NULL;
    }
    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
    pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &backref);
    if (size > PP_REGEX_SIZE_MAX || backref) {
        pcre2_code_free(code);
        return fail(error, 0, (backref ? "references back to a group are not "
                               "allowed: their cost has no bound"
                               : "the regular expression is too large when "
                               "compiled: are there large repeats?"));
    }
    re = xzalloc(sizeof *re);
    re->code = code;
    return re;
}

void
pp_regex_destroy(struct pp_regex *re)
{
    if (re) {
        pcre2_code_free(re->code);
        free(re);
    }
}

struct pp_regex_search *
pp_regex_search_create(void)
{
    struct pp_regex_search *search = xzalloc(sizeof *search);

    search->context = pcre2_match_context_create(NULL);
    search->data = pcre2_match_data_create(1, NULL);
    if (!search->context || !search->data) {
        out_of_memory();
    }
    pcre2_set_heap_limit(search->context, PP_REGEX_MEMORY_MAX / 1024);
    pcre2_set_callout(search->context, count_step, search);
    return search;
}

void
pp_regex_search_destroy(struct pp_regex_search *search)
{
    if (search) {
        pcre2_match_data_free(search->data);
        pcre2_match_context_free(search->context);
        free(search);
    }
}

enum pp_regex_result
pp_regex_search(struct pp_regex_search *search, const struct pp_regex *re,
                struct pp_bytes x)
{
    int rc;

    if (!re) {
        return PP_REGEX_LIMIT;
    }
    search->steps = PP_REGEX_STEPS(x.n);
    search->at = 0;
    rc = pcre2_match(re->code, x.n ? x.p : (PCRE2_SPTR) "", x.n, 0, 0,
                     search->data, search->context);
    return (rc >= 0 ? PP_REGEX_YES
            : rc == PCRE2_ERROR_NOMATCH ? PP_REGEX_NO : PP_REGEX_LIMIT);
}
