/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_POLICY_H
#define PP_POLICY_H 1

/* Policy: what is to be done for each VM. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-snapshot.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "patch/pp-program.h"

struct pp_control;
struct pp_named;
struct pp_param_choice;
struct smap;

/* A port that a policy protects. */
struct pp_service {
    uint16_t port;
    uint8_t proxy;              /* Index into pp_proxies[]. */
    uint8_t transport;          /* enum pp_transport. */
    bool guessed;               /* Nobody said and nothing has shown yet that
                                 * the proxy's protocol is spoken there: what
                                 * is not understood passes. */
    uint64_t *patches;          /* Bitmap over the pool; NULL: those of the
                                 * policy. */
};

/* More on one VM is refused. */
#define PP_SERVICES_MAX 256

/* What several VMs may have in common: equal wishes are one policy. */
struct pp_policy {
    struct hmap_node hmap_node;
    char *key;                  /* Canonical: tells policies apart. */
    uint16_t number;            /* From 1; stable while it is in use. */
    enum pp_patch_mode mode;
    enum pp_fail fail;
    uint64_t *patches;          /* Bitmap over the pool. */
    size_t n_patches;
    struct pp_service *services;
    size_t n_services;
    struct pp_param_choice *params;     /* Of these patches, sorted. */
    size_t n_params;
    bool in_use;
    uint32_t snapshot_set;      /* Offset in the snapshot being built. */
};

/* Works out 'policy', 'error' and 'why_not' of each interface.  What was in
 * force for an interface stays so while its keys cannot be made sense of. */
void pp_policy_run(struct pp_control *);

/* The patches have changed: indexes into the old pool are void. */
void pp_policy_pool_changed(void);

/* The policies in use, by number. */
const struct pp_policy *pp_policy_next(const struct pp_policy *);

#define PP_FOR_EACH_POLICY(POLICY)                              \
    for ((POLICY) = pp_policy_next(NULL); (POLICY);             \
         (POLICY) = pp_policy_next(POLICY))

/* What is wrong with the keys of the Open_vSwitch row or a bridge on their
 * own, for their status; NULL: nothing. */
char *pp_policy_check_keys(struct pp_control *, const struct smap *ids,
                           const char *where);

/* The same for a named policy, whose patches are not to be names of others. */
char *pp_policy_check_named(const struct pp_control *,
                            const struct pp_named *);

/* Sets 'patchset', memory for pp_patchset_size(), to what 'policy' says of the
 * patches of the bitmap 'patches'. */
void pp_policy_fill_set(const struct pp_policy *, const struct pp_program *,
                        const uint64_t *patches,
                        struct pp_patchset *patchset);

void pp_policy_destroy(void);

#endif /* pp-policy.h */
