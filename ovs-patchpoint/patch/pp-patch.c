/* SPDX-License-Identifier: Apache-2.0 */

/* Reading patch files; see pp-patch.h.
 *
 * In: the text of a file.  Out: a checked patch, or everything that is wrong
 * with it.  Runs in control and in the tools, never in the engine; owns the
 * patch until the caller has it. */

#include <config.h>

#include "patch/pp-patch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-affects.h"
#include "patch/pp-expr.h"
#include "patch/pp-func.h"
#include "patch/pp-patch-private.h"
#include "patch/pp-yaml.h"
#include "pp-proxy.h"
#include "sha1.h"
#include "util.h"

void
pp_loader_error(struct pp_loader *ld, const struct pp_yaml *node,
                const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pp_errors_add_valist(ld->errors, ld->file, node->line, node->column,
                         format, args);
    va_end(args);
    ld->failed = true;
}

bool
pp_loader_is(struct pp_loader *ld, const struct pp_yaml *node,
             enum pp_yaml_kind kind, const char *what)
{
    if (node->kind == kind) {
        return true;
    }
    pp_loader_error(ld, node, "%s must be %s, this is %s", what,
                    pp_yaml_kind_name(kind), pp_yaml_kind_name(node->kind));
    return false;
}

struct pp_yaml *
pp_loader_need(struct pp_loader *ld, struct pp_yaml *map, const char *key,
               const char *what)
{
    struct pp_yaml *node = pp_yaml_get(map, key);

    if (!node) {
        pp_loader_error(ld, map, "key '%s' is missing in %s", key, what);
    }
    return node;
}

void
pp_loader_unused(struct pp_loader *ld, const struct pp_yaml *map,
                 const char *what, const char *known)
{
    for (size_t i = 0; i < map->n_items; i++) {
        if (!map->used[i]) {
            pp_loader_error(ld, map->keys[i],
                            "unknown key '%s' in %s; known: %s",
                            map->keys[i]->text, what, known);
        }
    }
}

char *
pp_loader_text(struct pp_loader *ld, struct pp_yaml *node, const char *what)
{
    char *text;
    size_t n;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, what)) {
        return NULL;
    }
    if (strlen(node->text) != node->n) {
        pp_loader_error(ld, node, "%s has a NUL in it", what);
        return NULL;
    }
    text = xstrdup(node->text);
    for (n = strlen(text); n && strchr(" \t\r\n", text[n - 1]); n--) {
        text[n - 1] = '\0';
    }
    if (!*text) {
        pp_loader_error(ld, node, "%s is empty", what);
        free(text);
        return NULL;
    }
    return text;
}

/* Expressions. */

struct expr_place {
    struct pp_loader *ld;
    const struct pp_yaml *node;
    size_t skip;                /* Of the node's text, before the part. */
};

static void
report_expr(void *place_, size_t off, const char *message)
{
    const struct expr_place *place = place_;
    struct pp_loader *ld = place->ld;
    unsigned int line, column;

    pp_yaml_locate(place->node, ld->text, ld->n, place->skip + off, &line,
                   &column);
    pp_errors_add(ld->errors, ld->file, line, column, "%s", message);
    ld->failed = true;
}

struct pp_expr *
pp_loader_expr(struct pp_loader *ld, const struct pp_rule *rule,
               const struct pp_yaml *node, const char *what,
               enum pp_expr_form form)
{
    struct expr_place place = { .ld = ld, .node = node };
    struct pp_expr_env env = {
        .proxy = ld->patch->proxy,
        .event = rule->event,
        .each = rule->each,
        .reply = form == PP_A_TEMPLATE,
        .params = ld->patch->params,
        .n_params = ld->patch->n_params,
        .states = ld->patch->states,
        .n_states = ld->patch->n_states,
        .lets = ld->lets,
        .n_lets = ld->n_lets,
        .error = report_expr,
        .aux = &place,
    };

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, what)) {
        return NULL;
    }
    return (form == PP_A_TEMPLATE
            ? pp_expr_parse_template(node->text, node->n, &env)
            : pp_expr_parse(node->text, node->n, &env));
}

/* Rules. */

static bool
take_event(struct pp_loader *ld, struct pp_rule *rule, struct pp_yaml *node)
{
    const struct pp_event *events = ld->patch->proxy->events;
    struct ds known = DS_EMPTY_INITIALIZER;
    unsigned int i;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "'on'")) {
        return false;
    }
    for (i = 0; events[i].name; i++) {
        if (!strcmp(events[i].name, node->text)) {
            ds_destroy(&known);
            rule->event = i;
            if (events[i].dir == PP_TO_SERVER) {
                return true;
            }
            pp_loader_error(ld, node, "the event '%s' comes from the server: "
                            "it is only observed", node->text);
            return false;
        }
        ds_put_format(&known, "%s%s", i ? ", " : "", events[i].name);
    }
    pp_loader_error(ld, node, "proxy '%s' has no event '%s'; it has: %s",
                    ld->patch->proxy->name, node->text, ds_cstr(&known));
    ds_destroy(&known);
    return false;
}

/* Is 'name' one that an expression might mean something else by? */
static bool
is_taken(const struct pp_loader *ld, const char *name)
{
    for (const struct pp_field *f = ld->patch->proxy->fields; f->name; f++) {
        if (!strcmp(f->name, name)) {
            return true;
        }
        for (const struct pp_field *e = f->elem; e && e->name; e++) {
            if (!strcmp(e->name, name)) {
                return true;
            }
        }
    }
    for (size_t i = 0; i < ld->patch->n_params; i++) {
        if (!strcmp(ld->patch->params[i].name, name)) {
            return true;
        }
    }
    for (size_t i = 0; i < ld->patch->n_states; i++) {
        if (!strcmp(ld->patch->states[i].name, name)) {
            return true;
        }
    }
    return (!strcmp(name, "date") || !strcmp(name, "index")
            || !strcmp(name, "piece") || !strcmp(name, "each")
            || !strcmp(name, "and") || !strcmp(name, "or")
            || !strcmp(name, "not") || !strcmp(name, "in")
            || !strcmp(name, "true") || !strcmp(name, "false"));
}

bool
pp_loader_name_is_free(struct pp_loader *ld, const struct pp_yaml *key,
                       const char *what)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

    if (!key->n || strspn(key->text, letters) != key->n) {
        pp_loader_error(ld, key, "%s has letters and '_' only", what);
        return false;
    } else if (is_taken(ld, key->text)) {
        pp_loader_error(ld, key, "'%s' means something in conditions already",
                        key->text);
        return false;
    }
    return true;
}

/* Reads 'let', names for expressions that the patch's rules may use. */
static void
take_lets(struct pp_loader *ld, struct pp_yaml *map)
{
    if (!map || !pp_loader_is(ld, map, PP_YAML_MAP, "'let'")) {
        return;
    }
    ld->lets = xcalloc(map->n_items + 1, sizeof *ld->lets);
    for (size_t i = 0; i < map->n_items; i++) {
        const char *name = map->keys[i]->text;
        struct expr_place *place;

        map->used[i] = true;
        if (pp_loader_name_is_free(ld, map->keys[i], "a name in 'let'")
            && pp_loader_is(ld, map->items[i], PP_YAML_SCALAR,
                            "an expression")) {
            place = xmalloc(sizeof *place);
            *place = (struct expr_place) { .ld = ld, .node = map->items[i] };
            ld->lets[ld->n_lets++] = (struct pp_let) {
                .name = xstrdup(name), .text = map->items[i]->text,
                .n = map->items[i]->n, .aux = place,
            };
        }
    }
}

/* All lets must be used: those that are not have not been checked. */
static void
end_lets(struct pp_loader *ld)
{
    for (size_t i = 0; i < ld->n_lets; i++) {
        const struct expr_place *place = ld->lets[i].aux;

        if (!ld->lets[i].used && !ld->failed) {
            pp_loader_error(ld, place->node, "'%s' is not used",
                            ld->lets[i].name);
        }
        free(ld->lets[i].name);
        free(ld->lets[i].aux);
    }
    free(ld->lets);
}

/* Reads the rule whose keys are in 'map'. */
static void
take_rule(struct pp_loader *ld, struct pp_yaml *map)
{
    struct pp_patch *patch = ld->patch;
    struct pp_yaml *on, *each, *when, *correct, *set, *same;
    struct pp_rule *rule = &patch->rules[patch->n_rules];

    on = pp_loader_need(ld, map, "on", "the rule");
    each = pp_yaml_get(map, "each");
    when = pp_loader_need(ld, map, "when", "the rule");
    set = pp_yaml_get(map, "set");
    correct = (set ? pp_yaml_get(map, "correct")
               : pp_loader_need(ld, map, "correct", "the rule"));
    same = map == ld->root ? NULL : pp_yaml_get(map, "same-as-vendor");
    patch->n_rules++;
    rule->line = when ? when->line : map->line;
    if (!take_event(ld, rule, on)) {
        return;
    }
    if (each) {
        rule->each = pp_loader_expr(ld, rule, each, "'each'",
                                    PP_AN_EXPRESSION);
        rule->each_text = pp_loader_text(ld, each, "'each'");
        if (!rule->each) {
            return;             /* All that follows would be unknown. */
        }
        if (rule->each->type != PP_TYPE_LIST) {
            pp_loader_error(ld, each, "'each' wants a list, this is %s",
                            pp_type_name(rule->each->type));
            return;
        }
    }
    if (when) {
        rule->when = pp_loader_expr(ld, rule, when, "'when'",
                                    PP_AN_EXPRESSION);
        rule->when_text = pp_loader_text(ld, when, "'when'");
        if (rule->when && rule->when->type != PP_TYPE_BOOL) {
            pp_loader_error(ld, when, "'when' must be a condition, this is "
                            "%s", pp_type_name(rule->when->type));
        }
    }
    if (set && (correct || each)) {
        pp_loader_error(ld, set, "a rule that sets state has no 'correct' and "
                        "no 'each': make it a rule of its own");
    } else if (set) {
        pp_loader_set(ld, rule, set);
    } else if (correct) {
        pp_loader_correct(ld, rule, correct);
    }
    if (same) {
        rule->same_as_vendor = pp_loader_text(ld, same, "'same-as-vendor'");
    }
}

static void
take_rules(struct pp_loader *ld)
{
    struct pp_patch *patch = ld->patch;
    struct pp_yaml *list = pp_yaml_get(ld->root, "rules");

    if (!list) {
        patch->rules = xcalloc(1, sizeof *patch->rules);
        take_rule(ld, ld->root);
        return;
    }
    if (!pp_loader_is(ld, list, PP_YAML_LIST, "'rules'")) {
        return;
    }
    if (!list->n_items || list->n_items > PP_PATCH_RULES_MAX) {
        pp_loader_error(ld, list, "'rules' has %"PRIuSIZE" rules; 1 to %d "
                        "are allowed", list->n_items, PP_PATCH_RULES_MAX);
        return;
    }
    patch->rules = xcalloc(list->n_items, sizeof *patch->rules);
    for (size_t i = 0; i < list->n_items; i++) {
        if (pp_loader_is(ld, list->items[i], PP_YAML_MAP, "a rule")) {
            take_rule(ld, list->items[i]);
            pp_loader_unused(ld, list->items[i], "the rule",
                             "on, each, when, correct, set, same-as-vendor");
        }
    }
}

/* The patch. */

char *
pp_patch_id_fault(const char *id)
{
    size_t n = strlen(id);

    if (!n || n > PP_PATCH_ID_MAX
        || strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "abcdefghijklmnopqrstuvwxyz0123456789._-") != n) {
        return xasprintf("an id has up to %d letters, digits, '.', '_' and "
                         "'-'", PP_PATCH_ID_MAX);
    }
    if (!strcmp(id, "all") || !strcmp(id, "none") || !strcmp(id, "auto")) {
        return xasprintf("'%s' means something else in policies: it cannot be "
                         "an id", id);
    }
    return NULL;
}

static void
take_id(struct pp_loader *ld)
{
    struct pp_yaml *node = pp_loader_need(ld, ld->root, "patch", "the patch");
    const char *base = strrchr(ld->file, '/');
    const char *dot;
    char *fault;
    size_t n;

    ld->patch->id = pp_loader_text(ld, node, "'patch'");
    if (!ld->patch->id) {
        return;
    }
    n = strlen(ld->patch->id);
    fault = pp_patch_id_fault(ld->patch->id);
    if (fault) {
        pp_loader_error(ld, node, "%s", fault);
        free(fault);
    }
    base = base ? base + 1 : ld->file;
    dot = strrchr(base, '.');
    if (n != (dot ? (size_t) (dot - base) : strlen(base))
        || memcmp(base, ld->patch->id, n)) {
        pp_loader_error(ld, node, "the file's name is '%s'; a patch '%s' "
                        "must be in '%s.yaml'", base, ld->patch->id,
                        ld->patch->id);
    }
}

static void
take_severity(struct pp_loader *ld)
{
    struct pp_yaml *node = pp_loader_need(ld, ld->root, "severity",
                                          "the patch");
    char *tail;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "'severity'")) {
        return;
    }
    ld->patch->severity = strtod(node->text, &tail);
    if (tail == node->text || *tail || !isfinite(ld->patch->severity)
        || ld->patch->severity < 0 || ld->patch->severity > 10) {
        pp_loader_error(ld, node, "'severity' is a CVSS score from 0.0 to "
                        "10.0");
    }
}

static void
take_proxy(struct pp_loader *ld)
{
    struct pp_yaml *node = pp_loader_need(ld, ld->root, "proxy",
                                          "the patch");
    struct ds known = DS_EMPTY_INITIALIZER;

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "'proxy'")) {
        return;
    }
    for (size_t i = 0; ld->proxies[i]; i++) {
        if (!strcmp(ld->proxies[i]->name, node->text)) {
            ld->patch->proxy = ld->proxies[i];
        }
        ds_put_format(&known, "%s%s", i ? ", " : "", ld->proxies[i]->name);
    }
    if (!ld->patch->proxy) {
        pp_loader_error(ld, node, "there is no proxy '%s'; there are: %s",
                        node->text, ds_cstr(&known));
    }
    ds_destroy(&known);
}

static void
take_patch(struct pp_loader *ld)
{
    struct pp_patch *patch = ld->patch;
    struct pp_yaml *root = ld->root;
    struct pp_yaml *same;

    take_id(ld);
    patch->title = pp_loader_text(ld, pp_loader_need(ld, root, "title",
                                                "the patch"), "'title'");
    patch->vendor = pp_loader_text(ld, pp_loader_need(ld, root, "vendor",
                                                 "the patch"), "'vendor'");
    pp_loader_affects(ld);
    take_severity(ld);
    take_proxy(ld);
    same = pp_yaml_get(root, "same-as-vendor");
    if (same) {
        patch->same_as_vendor = pp_loader_text(ld, same, "'same-as-vendor'");
    }
    if (!patch->proxy) {
        return;                 /* All names would be unknown. */
    }
    pp_loader_params(ld);
    pp_loader_states(ld);
    take_lets(ld, pp_yaml_get(root, "let"));
    take_rules(ld);
    pp_loader_states_end(ld);
    end_lets(ld);
    for (size_t i = 0; i < patch->n_rules && !same; i++) {
        if (!patch->rules[i].same_as_vendor) {
            pp_loader_error(ld, root, "key 'same-as-vendor' is missing: why "
                            "is this the vendor's own correction?");
            break;
        }
    }
    pp_loader_vectors(ld);
    pp_loader_unused(ld, root, "the patch",
                     (pp_yaml_get(root, "rules")
                      ? "patch, title, vendor, affects, severity, proxy, "
                        "parameters, state, let, rules, same-as-vendor, "
                        "vectors"
                      : "patch, title, vendor, affects, severity, proxy, "
                        "parameters, state, let, on, each, when, correct, "
                        "set, same-as-vendor, vectors"));
}

struct pp_patch *
pp_patch_parse(const char *file, const char *text, size_t n,
               const struct pp_proxy *const *proxies,
               struct pp_errors *errors)
{
    struct pp_loader ld = {
        .file = file, .text = text, .n = n, .errors = errors,
        .proxies = proxies,
    };

    if (n > PP_PATCH_FILE_MAX) {
        pp_errors_add(errors, file, 0, 0, "the file is too large; a patch has "
                      "at most %d bytes", PP_PATCH_FILE_MAX);
        return NULL;
    }
    ld.root = pp_yaml_parse(file, text, n, errors);
    if (!ld.root) {
        return NULL;
    }
    ld.patch = xzalloc(sizeof *ld.patch);
    ld.patch->file = xstrdup(file);
    sha1_bytes(text, (uint32_t) n, ld.patch->digest);
    if (pp_loader_is(&ld, ld.root, PP_YAML_MAP, "a patch")) {
        take_patch(&ld);
    }
    pp_yaml_destroy(ld.root);
    if (ld.failed) {
        pp_patch_destroy(ld.patch);
        return NULL;
    }
    return ld.patch;
}

struct pp_patch *
pp_patch_read(const char *file, const struct pp_proxy *const *proxies,
              struct pp_errors *errors)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct pp_patch *patch;
    size_t n = 0;
    char *text;
    struct stat s;

    if (fd < 0 || fstat(fd, &s)) {
        pp_errors_add(errors, file, 0, 0, "cannot be opened: %s",
                      ovs_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    if (!S_ISREG(s.st_mode)) {
        pp_errors_add(errors, file, 0, 0, "is not a file");
        close(fd);
        return NULL;
    }
    text = xmalloc(PP_PATCH_FILE_MAX + 1);
    while (n <= PP_PATCH_FILE_MAX) {
        ssize_t got = read(fd, text + n, PP_PATCH_FILE_MAX + 1 - n);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            pp_errors_add(errors, file, 0, 0, "cannot be read: %s",
                          ovs_strerror(errno));
            close(fd);
            free(text);
            return NULL;
        }
        if (!got) {
            break;
        }
        n += (size_t) got;
    }
    close(fd);
    patch = pp_patch_parse(file, text, n, proxies, errors);
    free(text);
    return patch;
}

static void
rule_destroy(struct pp_rule *rule)
{
    pp_expr_destroy(rule->each);
    pp_expr_destroy(rule->when);
    pp_expr_destroy(rule->target);
    pp_expr_destroy(rule->with);
    pp_expr_destroy(rule->low);
    pp_expr_destroy(rule->high);
    pp_expr_destroy(rule->reason);
    pp_expr_destroy(rule->body);
    for (size_t i = 0; i < rule->n_headers; i++) {
        pp_expr_destroy(rule->headers[i].name);
        pp_expr_destroy(rule->headers[i].value);
    }
    for (size_t i = 0; i < rule->n_sets; i++) {
        pp_expr_destroy(rule->sets[i].value);
        free(rule->sets[i].text);
    }
    free(rule->sets);
    free(rule->headers);
    free(rule->each_text);
    free(rule->when_text);
    free(rule->same_as_vendor);
}

static void
vector_destroy(struct pp_vector *vector)
{
    for (size_t i = 0; i < vector->n_turns; i++) {
        free(CONST_CAST(uint8_t *, vector->turns[i].bytes.p));
        free(CONST_CAST(uint8_t *, vector->turns[i].to_client.p));
        free(CONST_CAST(uint8_t *, vector->turns[i].to_server.p));
    }
    free(vector->turns);
    free(vector->params);
    free(vector->name);
}

void
pp_patch_destroy(struct pp_patch *patch)
{
    if (!patch) {
        return;
    }
    for (size_t i = 0; i < patch->n_rules; i++) {
        rule_destroy(&patch->rules[i]);
    }
    for (size_t i = 0; i < patch->n_vectors; i++) {
        vector_destroy(&patch->vectors[i]);
    }
    for (size_t i = 0; i < patch->n_states; i++) {
        free(patch->states[i].name);
    }
    free(patch->states);
    pp_params_destroy(patch->params, patch->n_params);
    free(patch->rules);
    free(patch->vectors);
    pp_affects_destroy(patch->affects, patch->n_affects);
    free(patch->id);
    free(patch->file);
    free(patch->title);
    free(patch->vendor);
    free(patch->same_as_vendor);
    free(patch);
}
