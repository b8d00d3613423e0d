/* SPDX-License-Identifier: Apache-2.0 */

/* The engine's limits.
 *
 * In: patchpoint-limits in external_ids of Open_vSwitch.  Out: a struct
 * pp_limits for the snapshot.  Runs in control's main loop; owns the limits in
 * force. */

#include <config.h>

#include "pp-bounds.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "pp-control.h"
#include "smap.h"
#include "util.h"

struct limit {
    const char *name;
    size_t ofs;
    uint64_t min, max;
    const char *doc;
};

static const struct limit limits[] = {
#define PP_LIMIT(MEMBER, NAME, DEFAULT, MIN, MAX, DOC)                  \
    { NAME, offsetof(struct pp_limits, MEMBER), MIN, MAX, DOC },
    PP_LIMITS
#undef PP_LIMIT
};

static struct pp_limits in_force;
static bool is_set;
static char *error;

static uint64_t *
member(struct pp_limits *l, const struct limit *limit)
{
    return (uint64_t *) (void *) ((uint8_t *) l + limit->ofs);
}

static const struct limit *
find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        if (!strcmp(limits[i].name, name)) {
            return &limits[i];
        }
    }
    return NULL;
}

static char *
unknown(const char *name)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "there is no limit called \"%s\"; there are", name);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        ds_put_format(&ds, "%s %s", i ? "," : "", limits[i].name);
    }
    return ds_steal_cstr(&ds);
}

/* The number 'text', maybe with a unit behind it.  False if it is none. */
static bool
parse_number(const char *text, uint64_t *value)
{
    static const char units[] = "KMG";
    unsigned int shift = 0;
    const char *unit;
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char) *text) || errno) {
        return false;
    }
    unit = *end ? strchr(units, toupper((unsigned char) *end)) : NULL;
    if (unit) {
        shift = 10 * (unsigned int) (unit - units + 1);
        end++;
    }
    if (*end || *value > UINT64_MAX >> shift) {
        return false;
    }
    *value <<= shift;
    return true;
}

/* One "NAME=VALUE", which is changed. */
static char *
parse_word(char *word, struct pp_limits *to)
{
    char *equals = strchr(word, '=');
    const struct limit *limit;
    uint64_t value;

    if (!equals) {
        return xasprintf("\"%s\" is not of the form NAME=VALUE", word);
    }
    *equals = '\0';
    limit = find(word);
    if (!limit) {
        return unknown(word);
    } else if (!parse_number(equals + 1, &value) || value < limit->min
               || value > limit->max) {
        return xasprintf("%s=%s (%s) is not a number from %"PRIu64" to "
                         "%"PRIu64, word, equals + 1, limit->doc, limit->min,
                         limit->max);
    }
    *member(to, limit) = value;
    return NULL;
}

char *
pp_bounds_parse(const char *text, struct pp_limits *to)
{
    char *copy = xstrdup(text), *word, *save = NULL, *wrong = NULL;
    struct pp_limits l = pp_limits_default();

    for (word = strtok_r(copy, ", \t\r\n", &save); word && !wrong;
         word = strtok_r(NULL, ", \t\r\n", &save)) {
        wrong = parse_word(word, &l);
    }
    if (!wrong && l.held_conn > l.held_total) {
        wrong = xasprintf("held-connection (%"PRIu64") is more than held "
                          "(%"PRIu64")", l.held_conn, l.held_total);
    }
    if (!wrong) {
        *to = l;
    }
    free(copy);
    return wrong;
}

void
pp_bounds_run(const struct pp_control *ctl)
{
    const char *text;
    char *wrong;

    if (!is_set) {
        in_force = pp_limits_default();
        is_set = true;
    }
    if (!ctl->ovs) {
        return;
    }
    text = smap_get(&ctl->ovs->external_ids, PP_KEY_LIMITS);
    wrong = pp_bounds_parse(text ? text : "", &in_force);
    free(error);
    error = (wrong ? xasprintf(PP_KEY_LIMITS"=%s in external_ids of "
                               "Open_vSwitch: %s; the limits in force stay",
                               text, wrong) : NULL);
    free(wrong);
}

const struct pp_limits *
pp_bounds(void)
{
    return &in_force;
}

const char *
pp_bounds_error(void)
{
    return error;
}

void
pp_bounds_format(struct ds *ds)
{
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        ds_put_format(ds, "%s%s=%"PRIu64, i ? " " : "", limits[i].name,
                      *member(&in_force, &limits[i]));
    }
}

void
pp_bounds_destroy(void)
{
    free(error);
    error = NULL;
}
