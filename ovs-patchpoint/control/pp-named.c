/* SPDX-License-Identifier: Apache-2.0 */

/* Named policies; see pp-named.h.
 *
 * In: policies that pp-db-policy.c found sound.  Out: which of them a word
 * means, and which one selects a server.  Knows nothing of databases, so that
 * unit tests can have it alone.
 *
 * Runs in control's main loop.  Owns the policies. */

#include <config.h>

#include "pp-named.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "pp-control.h"
#include "util.h"

#define NAME_MAX_LEN 64

static const char *const columns[PP_N_SELECTORS] = {
#define PP_SELECTOR(NAME, COLUMN) COLUMN,
    PP_SELECTORS
#undef PP_SELECTOR
};

static struct shash in_force = SHASH_INITIALIZER(&in_force);

/* Those with selectors, in the order in which they are tried. */
static const struct pp_named **ranked;
static size_t n_ranked;

void
pp_facts_init(struct pp_facts *facts)
{
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        svec_init(&facts->values[i]);
    }
}

void
pp_facts_destroy(struct pp_facts *facts)
{
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        svec_destroy(&facts->values[i]);
    }
}

char *
pp_named_name_fault(const char *name)
{
    static const char *const taken[] = { "all", "none", "auto" };

    for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
        if (!strcmp(name, taken[i])) {
            return xasprintf("\"%s\" means something else: choose another "
                             "name", name);
        }
    }
    if (!isalpha((unsigned char) *name)
        || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                       "abcdefghijklmnopqrstuvwxyz0123456789._-")]
        || strlen(name) > NAME_MAX_LEN) {
        return xasprintf("\"%s\" is no name for a policy: letters, digits, "
                         "'.', '_' and '-' are, %d at most, beginning with a "
                         "letter", name, NAME_MAX_LEN);
    }
    return NULL;
}

struct pp_named *
pp_named_create(const char *name)
{
    struct pp_named *named = xzalloc(sizeof *named);

    named->name = xstrdup(name);
    named->where = xasprintf("Policy %s", name);
    smap_init(&named->keys);
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        svec_init(&named->selectors[i]);
    }
    return named;
}

void
pp_named_destroy(struct pp_named *named)
{
    if (named) {
        for (int i = 0; i < PP_N_SELECTORS; i++) {
            svec_destroy(&named->selectors[i]);
        }
        smap_destroy(&named->keys);
        free(named->where);
        free(named->name);
        free(named);
    }
}

bool
pp_named_equals(const struct pp_named *a, const struct pp_named *b)
{
    if (strcmp(a->name, b->name) || a->priority != b->priority
        || !smap_equal(&a->keys, &b->keys)) {
        return false;
    }
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        if (!svec_equal(&a->selectors[i], &b->selectors[i])) {
            return false;
        }
    }
    return true;
}

bool
pp_named_has_selectors(const struct pp_named *named)
{
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        if (i != PP_SELECT_HOST && named->selectors[i].n) {
            return true;
        }
    }
    return false;
}

static bool
fits(enum pp_selector selector, const char *pattern, const char *value)
{
    int flags = selector == PP_SELECT_NAME ? FNM_CASEFOLD : 0;

    if (!fnmatch(pattern, value, flags)) {
        return true;
    }
    if (selector == PP_SELECT_PRODUCT && !strchr(pattern, '/')) {
        const char *slash = strrchr(value, '/');

        return slash && !fnmatch(pattern, slash + 1, 0);
    }
    return false;
}

static bool
any_fits(enum pp_selector selector, const struct svec *patterns,
         const struct svec *values)
{
    for (size_t i = 0; i < patterns->n; i++) {
        for (size_t j = 0; j < values->n; j++) {
            if (fits(selector, patterns->names[i], values->names[j])) {
                return true;
            }
        }
    }
    return false;
}

bool
pp_named_fits(const struct pp_named *named, const struct pp_facts *facts)
{
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        if (named->selectors[i].n
            && !any_fits((enum pp_selector) i, &named->selectors[i],
                         &facts->values[i])) {
            return false;
        }
    }
    return pp_named_has_selectors(named);
}

static int
compare_rank(const void *a_, const void *b_)
{
    const struct pp_named *const *a = a_, *const *b = b_;

    return ((*a)->priority != (*b)->priority
            ? ((*a)->priority < (*b)->priority ? 1 : -1)
            : strcmp((*a)->name, (*b)->name));
}

static void
rank(void)
{
    struct shash_node *node;

    free(ranked);
    ranked = xmalloc(MAX(1, shash_count(&in_force)) * sizeof *ranked);
    n_ranked = 0;
    SHASH_FOR_EACH (node, &in_force) {
        if (pp_named_has_selectors(node->data)) {
            ranked[n_ranked++] = node->data;
        }
    }
    qsort(ranked, n_ranked, sizeof *ranked, compare_rank);
}

void
pp_named_put(struct pp_named *named)
{
    pp_named_destroy(shash_replace(&in_force, named->name, named));
    rank();
}

void
pp_named_remove(const char *name)
{
    pp_named_destroy(shash_find_and_delete(&in_force, name));
    rank();
}

const struct pp_named *
pp_named_find(const char *name)
{
    return shash_find_data(&in_force, name);
}

bool
pp_named_any_selectors(void)
{
    return n_ranked > 0;
}

bool
pp_named_any_by(enum pp_selector selector)
{
    for (size_t i = 0; i < n_ranked; i++) {
        if (ranked[i]->selectors[selector].n) {
            return true;
        }
    }
    return false;
}

static bool
says(const struct pp_named *named, const char *key, const char *word)
{
    const char *value = smap_get(&named->keys, key);

    return value && !strcmp(value, word);
}

bool
pp_named_is_closed(const struct pp_named *named)
{
    return (says(named, PP_KEY_FAIL, "closed")
            && !says(named, PP_KEY_MODE, "off")
            && !says(named, PP_KEY_POLICY, "none"));
}

bool
pp_named_any_closed(const char *bridge)
{
    for (size_t i = 0; i < n_ranked; i++) {
        const struct svec *bridges = &ranked[i]->selectors[PP_SELECT_BRIDGE];
        bool may = !bridges->n;

        for (size_t j = 0; j < bridges->n && !may; j++) {
            may = fits(PP_SELECT_BRIDGE, bridges->names[j], bridge);
        }
        if (may && pp_named_is_closed(ranked[i])) {
            return true;
        }
    }
    return false;
}

void
pp_named_clear(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &in_force) {
        pp_named_destroy(node->data);
    }
    shash_clear(&in_force);
    free(ranked);
    ranked = NULL;
    n_ranked = 0;
}

void
pp_named_list(struct svec *names)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &in_force) {
        svec_add(names, node->name);
    }
    svec_sort(names);
}

const struct pp_named *
pp_named_select(const struct pp_facts *facts)
{
    for (size_t i = 0; i < n_ranked; i++) {
        if (pp_named_fits(ranked[i], facts)) {
            return ranked[i];
        }
    }
    return NULL;
}

char *
pp_named_expand(const char *text, const struct pp_named ***used, size_t *n)
{
    char *copy = xstrdup(text), *word, *save = NULL;
    struct ds expanded = DS_EMPTY_INITIALIZER;
    size_t allocated = 0;

    *used = NULL;
    *n = 0;
    for (word = strtok_r(copy, ", \t\r\n", &save); word;
         word = strtok_r(NULL, ", \t\r\n", &save)) {
        const struct pp_named *named = pp_named_find(word);

        if (named) {
            if (*n >= allocated) {
                *used = x2nrealloc(*used, &allocated, sizeof **used);
            }
            (*used)[(*n)++] = named;
            word = CONST_CAST(char *, smap_get_def(&named->keys,
                                                   PP_KEY_POLICY, ""));
        }
        ds_put_format(&expanded, "%s%s", expanded.length ? "," : "", word);
    }
    free(copy);
    return ds_steal_cstr(&expanded);
}

static struct json *
svec_to_json(const struct svec *v)
{
    struct json *array = json_array_create_empty();

    for (size_t i = 0; i < v->n; i++) {
        json_array_add(array, json_string_create(v->names[i]));
    }
    return array;
}

struct json *
pp_named_to_json(void)
{
    struct json *all = json_array_create_empty();
    struct svec names = SVEC_EMPTY_INITIALIZER;

    pp_named_list(&names);
    for (size_t i = 0; i < names.n; i++) {
        const struct pp_named *named = pp_named_find(names.names[i]);
        struct json *one = json_object_create();

        json_object_put_string(one, "name", named->name);
        json_object_put(one, "keys", smap_to_json(&named->keys));
        json_object_put(one, "priority",
                        json_integer_create(named->priority));
        for (int j = 0; j < PP_N_SELECTORS; j++) {
            json_object_put(one, columns[j],
                            svec_to_json(&named->selectors[j]));
        }
        json_array_add(all, one);
    }
    svec_destroy(&names);
    return all;
}

static bool
is_smap(const struct json *json)
{
    const struct shash_node *node;

    if (json->type != JSON_OBJECT) {
        return false;
    }
    SHASH_FOR_EACH (node, json_object(json)) {
        if (((const struct json *) node->data)->type != JSON_STRING) {
            return false;
        }
    }
    return true;
}

/* Returns NULL if 'json' is none of ours. */
static struct pp_named *
named_from_json(const struct json *json)
{
    const struct json *name, *keys, *priority;
    struct pp_named *named;

    if (json->type != JSON_OBJECT) {
        return NULL;
    }
    name = shash_find_data(json_object(json), "name");
    keys = shash_find_data(json_object(json), "keys");
    priority = shash_find_data(json_object(json), "priority");
    if (!name || name->type != JSON_STRING
        || !keys || !is_smap(keys)
        || !priority || priority->type != JSON_INTEGER) {
        return NULL;
    }
    named = pp_named_create(json_string(name));
    smap_from_json(&named->keys, keys);
    named->priority = json_integer(priority);
    for (int i = 0; i < PP_N_SELECTORS; i++) {
        const struct json *array = shash_find_data(json_object(json),
                                                   columns[i]);

        if (!array || array->type != JSON_ARRAY) {
            pp_named_destroy(named);
            return NULL;
        }
        for (size_t j = 0; j < array->array.n; j++) {
            const struct json *pattern = array->array.elems[j];

            if (pattern->type != JSON_STRING) {
                pp_named_destroy(named);
                return NULL;
            }
            svec_add(&named->selectors[i], json_string(pattern));
        }
        svec_sort(&named->selectors[i]);
    }
    return named;
}

char *
pp_named_from_json(const struct json *json)
{
    struct pp_named **all;
    size_t n;

    if (json->type == JSON_STRING) {
        return xstrdup(json_string(json));      /* The JSON parser's error. */
    } else if (json->type != JSON_ARRAY) {
        return xstrdup("not a list of policies");
    }
    all = xcalloc(MAX(1, json->array.n), sizeof *all);
    for (n = 0; n < json->array.n; n++) {
        all[n] = named_from_json(json->array.elems[n]);
        if (!all[n]) {
            while (n--) {
                pp_named_destroy(all[n]);
            }
            free(all);
            return xstrdup("not a list of policies");
        }
    }
    for (size_t i = 0; i < n; i++) {
        pp_named_put(all[i]);
    }
    free(all);
    return NULL;
}
