/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_NAMED_H
#define PP_NAMED_H 1

/* Named policies: rows of Policy in the PatchPoint database, as they are in
 * force here.  See patchpoint(5). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smap.h"
#include "svec.h"

struct json;

/* What a policy may select servers by: its name in the database, and in the
 * file in which policies are kept. */
#define PP_SELECTORS                            \
    PP_SELECTOR(HOST, "hosts")                  \
    PP_SELECTOR(BRIDGE, "bridges")              \
    PP_SELECTOR(VLAN, "vlans")                  \
    PP_SELECTOR(IFACE_ID, "iface_ids")          \
    PP_SELECTOR(VM_ID, "vm_ids")                \
    PP_SELECTOR(NAME, "names")                  \
    PP_SELECTOR(PRODUCT, "products")

enum pp_selector {
#define PP_SELECTOR(NAME, COLUMN) PP_SELECT_##NAME,
    PP_SELECTORS
#undef PP_SELECTOR
    PP_N_SELECTORS
};

struct pp_named {
    char *name;
    char *where;                /* "Policy NAME", for errors. */
    struct smap keys;           /* What it asks for, under the keys that
                                 * external_ids would have. */
    int64_t priority;
    struct svec selectors[PP_N_SELECTORS];      /* Patterns, sorted; VLANs in
                                                 * decimal. */
};

/* What is known of a server, to be matched with these; in any order. */
struct pp_facts {
    struct svec values[PP_N_SELECTORS];
};

void pp_facts_init(struct pp_facts *);
void pp_facts_destroy(struct pp_facts *);

/* NULL if a policy may be called 'name', or why not, to be freed. */
char *pp_named_name_fault(const char *name);

/* A policy that asks for nothing and selects nothing. */
struct pp_named *pp_named_create(const char *name);
void pp_named_destroy(struct pp_named *);
bool pp_named_equals(const struct pp_named *, const struct pp_named *);

/* Does it have selectors at all?  The hosts are none. */
bool pp_named_has_selectors(const struct pp_named *);

/* Do they fit?  Without selectors, they do not. */
bool pp_named_fits(const struct pp_named *, const struct pp_facts *);

/* The policies in force.  pp_named_put() takes its argument over, in place of
 * the one that has the same name. */
void pp_named_put(struct pp_named *);
void pp_named_remove(const char *name);
const struct pp_named *pp_named_find(const char *name);

/* Does any of them select servers; does any of them by 'selector'? */
bool pp_named_any_selectors(void);
bool pp_named_any_by(enum pp_selector selector);

/* Does any of them that may select servers of bridge 'bridge' have them fail
 * closed? */
bool pp_named_any_closed(const char *bridge);

/* Do the keys of 'named' say so? */
bool pp_named_is_closed(const struct pp_named *named);

void pp_named_clear(void);

/* All their names, sorted. */
void pp_named_list(struct svec *names);

/* The one whose selectors fit, and that goes before all others that do. */
const struct pp_named *pp_named_select(const struct pp_facts *);

/* 'text', a value of patchpoint-policy, with the words that are names of
 * policies in force replaced by what those ask for; to be freed.  '*used' is
 * those policies, in order, '*n' of them; to be freed. */
char *pp_named_expand(const char *text, const struct pp_named ***used,
                      size_t *n);

/* All that is in force, to be kept and to be taken up again.  The latter
 * returns what is wrong, to be freed, and then has changed nothing. */
struct json *pp_named_to_json(void);
char *pp_named_from_json(const struct json *);

#endif /* pp-named.h */
