/* SPDX-License-Identifier: Apache-2.0 */

/* Reading patch files: 'state', and the rules that 'set' it.
 *
 * In: the YAML of a patch being loaded.  Out: what it keeps of a connection,
 * or what is wrong with that.  Runs in control and in the tools, never in the
 * engine. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "patch/pp-patch-private.h"
#include "util.h"

static void
take_state(struct pp_loader *ld, struct pp_yaml *key, struct pp_yaml *type)
{
    struct pp_patch *patch = ld->patch;
    struct pp_patch_state *state = &patch->states[patch->n_states];

    if (!pp_loader_name_is_free(ld, key, "a state's name")
        || !pp_loader_is(ld, type, PP_YAML_SCALAR, "a state's type")) {
        return;
    }
    if (strcmp(type->text, "int") && strcmp(type->text, "flag")) {
        pp_loader_error(ld, type, "a state is of type int or flag");
        return;
    }
    state->type = *type->text == 'i' ? PP_TYPE_INT : PP_TYPE_BOOL;
    state->name = xstrdup(key->text);
    patch->n_states++;
}

void
pp_loader_states(struct pp_loader *ld)
{
    struct pp_yaml *map = pp_yaml_get(ld->root, "state");
    struct pp_patch *patch = ld->patch;

    if (!map || !pp_loader_is(ld, map, PP_YAML_MAP, "'state'")) {
        return;
    }
    if (patch->proxy->transport == PP_UDP) {
        pp_loader_error(ld, map, "nothing is kept from one datagram to the "
                        "next");
        return;
    }
    if (map->n_items > PP_PATCH_STATES_MAX) {
        pp_loader_error(ld, map, "a patch keeps at most %d values",
                        PP_PATCH_STATES_MAX);
        return;
    }
    patch->states = xcalloc(map->n_items + 1, sizeof *patch->states);
    for (size_t i = 0; i < map->n_items; i++) {
        map->used[i] = true;
        take_state(ld, map->keys[i], map->items[i]);
    }
}

static void
take_set(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *key,
         struct pp_yaml *value)
{
    struct pp_patch *patch = ld->patch;
    struct pp_set *set = &rule->sets[rule->n_sets];

    while (set->state < patch->n_states
           && strcmp(patch->states[set->state].name, key->text)) {
        set->state++;
    }
    if (set->state == patch->n_states) {
        pp_loader_error(ld, key, "'%s' is not in the patch's 'state'",
                        key->text);
        return;
    }
    patch->states[set->state].is_set = true;
    rule->n_sets++;
    set->value = pp_loader_expr(ld, rule, value, "a state's value",
                                PP_AN_EXPRESSION);
    if (!set->value) {
        return;
    }
    set->text = xstrdup(value->text);
    if (set->value->type != patch->states[set->state].type) {
        pp_loader_error(ld, value, "'%s' must be %s, this is %s", key->text,
                        pp_type_name(patch->states[set->state].type),
                        pp_type_name(set->value->type));
    }
}

void
pp_loader_set(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *map)
{
    rule->kind = PP_CORRECT_SET;
    if (!pp_loader_is(ld, map, PP_YAML_MAP, "'set'")) {
        return;
    }
    if (!map->n_items) {
        pp_loader_error(ld, map, "'set' sets nothing");
    }
    rule->sets = xcalloc(map->n_items + 1, sizeof *rule->sets);
    for (size_t i = 0; i < map->n_items; i++) {
        map->used[i] = true;
        take_set(ld, rule, map->keys[i], map->items[i]);
    }
}

void
pp_loader_states_end(struct pp_loader *ld)
{
    struct pp_yaml *map = pp_yaml_get(ld->root, "state");

    for (size_t i = 0; i < ld->patch->n_states && !ld->failed; i++) {
        if (!ld->patch->states[i].is_set) {
            pp_loader_error(ld, map, "no rule sets '%s'",
                            ld->patch->states[i].name);
        }
    }
}
