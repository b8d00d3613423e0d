/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_PATCH_PRIVATE_H
#define PP_PATCH_PRIVATE_H 1

/* What the two halves of the patch loader share. */

#include "patch/pp-expr.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-yaml.h"

/* One file being loaded. */
struct pp_loader {
    const char *file;
    const char *text;
    size_t n;
    struct pp_errors *errors;
    const struct pp_proxy *const *proxies;
    struct pp_yaml *root;
    struct pp_patch *patch;     /* Being made. */
    struct pp_let *lets;
    size_t n_lets;
    size_t vector_bytes;        /* In all vectors so far. */
    bool failed;                /* Something was reported. */
};

/* Reports what is wrong with 'node'. */
void pp_loader_error(struct pp_loader *, const struct pp_yaml *node,
                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True if 'node' is a 'kind'; else says that 'what' must be one. */
bool pp_loader_is(struct pp_loader *, const struct pp_yaml *node,
                  enum pp_yaml_kind kind, const char *what);

/* The value of 'key' in 'map'; if there is none, says that 'what' lacks it
 * and returns NULL. */
struct pp_yaml *pp_loader_need(struct pp_loader *, struct pp_yaml *map,
                               const char *key, const char *what);

/* Reports every key in 'map' that nobody has asked for. */
void pp_loader_unused(struct pp_loader *, const struct pp_yaml *map,
                      const char *what, const char *known);

/* The text of scalar 'node', which may have no NUL in it, or NULL. */
char *pp_loader_text(struct pp_loader *, struct pp_yaml *node,
                     const char *what);

/* May 'key' name something that expressions are to know?  Else says why 'what'
 * may not be called so. */
bool pp_loader_name_is_free(struct pp_loader *, const struct pp_yaml *key,
                            const char *what);

enum pp_expr_form { PP_AN_EXPRESSION, PP_A_TEMPLATE };

/* Parses the scalar 'node' in the surroundings of 'rule'. */
struct pp_expr *pp_loader_expr(struct pp_loader *, const struct pp_rule *,
                               const struct pp_yaml *node, const char *what,
                               enum pp_expr_form);

/* Reads 'affects'. */
void pp_loader_affects(struct pp_loader *);

/* Reads the correction of 'rule'. */
void pp_loader_correct(struct pp_loader *, struct pp_rule *,
                       struct pp_yaml *node);

/* Reads the parameters, and a vector's values for them. */
void pp_loader_params(struct pp_loader *);
void pp_loader_vector_params(struct pp_loader *, struct pp_vector *,
                             struct pp_yaml *map);
void pp_params_destroy(struct pp_param *, size_t n);

/* Reads 'state'; and 'set', what 'rule' makes of it. */
void pp_loader_states(struct pp_loader *);
void pp_loader_set(struct pp_loader *, struct pp_rule *, struct pp_yaml *map);

/* Reports states that no rule sets. */
void pp_loader_states_end(struct pp_loader *);

/* Reads the vectors. */
void pp_loader_vectors(struct pp_loader *);

#endif /* pp-patch-private.h */
