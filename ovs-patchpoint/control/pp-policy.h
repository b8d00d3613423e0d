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
struct pp_iface;
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

/* What policies have the switch do.  Those that differ in patches or mode
 * alone have it in common, so that no flow changes when one comes in the place
 * of another. */
struct pp_redirect {
    struct hmap_node hmap_node;
    char *key;                  /* Canonical, as those of policies. */
    uint16_t number;            /* From 1; stable while it is in use. */
    enum pp_fail fail;
    struct pp_redirect_port {
        uint16_t port;
        uint8_t transport;      /* enum pp_transport. */
    } *ports;
    size_t n_ports;
    size_t n_refs;
};

/* What several VMs may have in common: equal wishes are one policy. */
struct pp_policy {
    struct hmap_node hmap_node;
    char *key;                  /* Canonical: tells policies apart. */
    struct pp_redirect *redirect;
    enum pp_patch_mode mode;
    enum pp_fail fail;
    enum pp_opaque opaque;
    uint64_t *patches;          /* Bitmap over the pool. */
    size_t n_patches;
    struct pp_service *services;
    size_t n_services;
    struct pp_param_choice *params;     /* Of these patches, sorted. */
    size_t n_params;
    size_t n_refs;
    bool stale;                 /* Of patches that are no more. */

    /* By pp_snapshot_build_run(): where its services are, if 'in_snapshot' is
     * the number of the base that they are in. */
    uint64_t in_snapshot;
    uint32_t snapshot_services;
};

/* Where the value of a key comes from. */
struct pp_key_value {
    const char *value;
    const char *where;          /* "Interface web", "Policy web-tier", … */
};

/* What the keys of one interface come to, as text. */
struct pp_wishes {
    struct pp_key_value policy, mode, fail, opaque, ports, parameters;
    const char *words;          /* 'policy' without names of policies. */
};

/* Where keys are looked for. */
struct pp_source {
    const struct smap *keys;
    const char *where;
};

/* The value of 'key' in the first of 'n' sources that has it. */
struct pp_key_value pp_policy_lookup(const struct pp_source[], size_t n,
                                     const char *key);

/* Wishes that make sense, and what they come to; shared by all interfaces
 * that have these. */
struct pp_answer {
    struct hmap_node hmap_node; /* In 'answers', by 'key'. */
    size_t n_refs;
    char *key;
    /* There is no name of a policy in 'policy': these may go. */
    char *policy, *mode, *fail, *opaque, *ports, *parameters;
    bool stale;                 /* The patches are others meanwhile. */

    struct pp_policy *result;   /* NULL: none... */
    const char *why_not;        /* ...for this reason. */
    bool is_auto;
};

/* What 'w', of server 'server', comes to: returns NULL, with a reference to
 * the answer in '*answerp'; or what is wrong. */
char *pp_answer_get(const struct pp_control *, const struct pp_wishes *w,
                    uint32_t server, struct pp_answer **answerp);

/* As pp_answer_get(), for wishes that made sense with patches that were there
 * then: those that are gone meanwhile are left out.  NULL: nothing is left of
 * them. */
struct pp_answer *pp_answer_remembered(const struct pp_control *,
                                       const struct pp_answer *good,
                                       uint32_t server);

/* NULL: nothing happens. */
struct pp_answer *pp_answer_ref(struct pp_answer *);
void pp_answer_unref(struct pp_answer *);
const struct pp_policy *pp_policy_ref(const struct pp_policy *);
void pp_policy_unref(const struct pp_policy *);
struct pp_redirect *pp_redirect_ref(struct pp_redirect *);
void pp_redirect_unref(struct pp_redirect *);

/* Works out 'policy', 'error' and 'why_not' of each interface that was
 * touched.  What was in force for an interface stays so while its keys cannot
 * be made sense of. */
void pp_policy_run(struct pp_control *);

/* The interface is going away. */
void pp_policy_forget(struct pp_control *, struct pp_iface *);

/* The keys of 'ids' that make policy, as one text (to be freed). */
char *pp_policy_keys(const struct smap *ids);

/* The patches have changed: indexes into the old pool are void. */
void pp_policy_pool_changed(struct pp_control *);

/* The policies in use. */
const struct pp_policy *pp_policy_next(const struct pp_policy *);

#define PP_FOR_EACH_POLICY(POLICY)                              \
    for ((POLICY) = pp_policy_next(NULL); (POLICY);             \
         (POLICY) = pp_policy_next(POLICY))

/* The values of patchpoint-mode, -fail and -opaque that mean these. */
const char *pp_policy_mode_word(enum pp_patch_mode);
const char *pp_policy_fail_word(enum pp_fail);
const char *pp_policy_opaque_word(enum pp_opaque);

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
