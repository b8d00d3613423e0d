/* SPDX-License-Identifier: Apache-2.0 */

/* Reading patch files: 'parameters', and the values that vectors give them.
 *
 * In: the YAML of a patch being loaded.  Out: its parameters, or what is wrong
 * with them.  Runs in control and in the tools, never in the engine. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "patch/pp-param.h"
#include "patch/pp-patch-private.h"
#include "util.h"

/* The value of 'node' for 'param', as text. */
static void
take_value(struct pp_loader *ld, const struct pp_param *param,
           const struct pp_yaml *node, struct pp_param_value *value)
{
    char *error;

    if (!pp_loader_is(ld, node, PP_YAML_SCALAR, "a parameter's value")) {
        return;
    }
    error = pp_param_read(param, (struct pp_bytes) {
                              (const uint8_t *) node->text, node->n }, value);
    if (error) {
        pp_loader_error(ld, node, "'%s' %s", node->text, error);
        free(error);
    }
}

static bool
take_type(struct pp_loader *ld, struct pp_param *param, struct pp_yaml *node)
{
    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "'type'")) {
        return false;
    }
    param->type = (!strcmp(node->text, "int") ? PP_TYPE_INT
                   : !strcmp(node->text, "flag") ? PP_TYPE_BOOL
                   : PP_TYPE_BYTES);
    if (param->type == PP_TYPE_BYTES && strcmp(node->text, "bytes")) {
        pp_loader_error(ld, node, "a parameter is of type int, flag or "
                        "bytes");
        return false;
    }
    return true;
}

/* 'min' or 'max': at least 'low', at most 'high'. */
static void
take_bound(struct pp_loader *ld, struct pp_yaml *node, int64_t low,
           int64_t high, int64_t *bound)
{
    struct pp_param range = { .type = PP_TYPE_INT, .min = low, .max = high };
    struct pp_param_value value;

    if (node) {
        take_value(ld, &range, node, &value);
        *bound = ld->failed ? *bound : value.i;
    }
}

static void
take_param(struct pp_loader *ld, struct pp_param *param, struct pp_yaml *map)
{
    static const char what[] = "the parameter";
    struct pp_yaml *min, *max, *value, *about;

    if (!pp_loader_is(ld, map, PP_YAML_MAP, what)
        || !take_type(ld, param, pp_loader_need(ld, map, "type", what))) {
        return;
    }
    about = pp_loader_need(ld, map, "about", what);
    value = pp_loader_need(ld, map, "default", what);
    param->min = param->type == PP_TYPE_INT ? INT64_MIN : 0;
    param->max = (param->type == PP_TYPE_INT ? INT64_MAX
                  : param->type == PP_TYPE_BOOL ? 1 : PP_PARAM_BYTES_MAX);
    if (param->type != PP_TYPE_BOOL) {
        min = pp_yaml_get(map, "min");
        max = pp_yaml_get(map, "max");
        take_bound(ld, min, param->min, param->max, &param->min);
        take_bound(ld, max, param->min, param->max, &param->max);
    }
    if (about) {
        param->about = pp_loader_text(ld, about, "'about'");
    }
    if (value) {
        take_value(ld, param, value, &param->value);
    }
    pp_loader_unused(ld, map, what,
                     (param->type == PP_TYPE_BOOL ? "type, default, about"
                      : "type, default, min, max, about"));
}

void
pp_loader_params(struct pp_loader *ld)
{
    struct pp_yaml *map = pp_yaml_get(ld->root, "parameters");
    struct pp_patch *patch = ld->patch;

    if (!map || !pp_loader_is(ld, map, PP_YAML_MAP, "'parameters'")) {
        return;
    }
    if (map->n_items > PP_PARAMS_MAX) {
        pp_loader_error(ld, map, "a patch has at most %d parameters",
                        PP_PARAMS_MAX);
        return;
    }
    patch->params = xcalloc(map->n_items + 1, sizeof *patch->params);
    for (size_t i = 0; i < map->n_items; i++) {
        struct pp_param *param = &patch->params[patch->n_params];

        map->used[i] = true;
        if (pp_loader_name_is_free(ld, map->keys[i], "a parameter's name")) {
            param->name = xstrdup(map->keys[i]->text);
            patch->n_params++;
            take_param(ld, param, map->items[i]);
        }
    }
}

void
pp_loader_vector_params(struct pp_loader *ld, struct pp_vector *vector,
                        struct pp_yaml *map)
{
    const struct pp_patch *patch = ld->patch;

    if (!map || !pp_loader_is(ld, map, PP_YAML_MAP, "'parameters'")) {
        return;
    }
    vector->params = xcalloc(map->n_items + 1, sizeof *vector->params);
    for (size_t i = 0; i < map->n_items; i++) {
        struct pp_param_choice *choice = &vector->params[vector->n_params];
        size_t j = 0;

        map->used[i] = true;
        while (j < patch->n_params
               && strcmp(patch->params[j].name, map->keys[i]->text)) {
            j++;
        }
        if (j == patch->n_params) {
            pp_loader_error(ld, map->keys[i], "the patch has no parameter "
                            "'%s'", map->keys[i]->text);
        } else {
            choice->param = (uint32_t) j;
            take_value(ld, &patch->params[j], map->items[i], &choice->value);
            vector->n_params++;
        }
    }
}

void
pp_params_destroy(struct pp_param *params, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(params[i].name);
        free(params[i].about);
    }
    free(params);
}
