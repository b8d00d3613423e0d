/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_REGISTRY_H
#define PP_REGISTRY_H 1

/* The proxies there are: a visible list, in registry.c. */

#include "pp-proxy.h"

/* All proxies; ends with NULL. */
extern const struct pp_proxy *const pp_proxies[];

/* Which of them 'which' is; of NULL: how many there are. */
static inline unsigned int
pp_proxy_index(const struct pp_proxy *which)
{
    unsigned int i = 0;

    while (pp_proxies[i] != which) {
        i++;
    }
    return i;
}

static inline unsigned int
pp_proxies_count(void)
{
    return pp_proxy_index(NULL);
}

/* The proxy called 'name', or NULL. */
const struct pp_proxy *pp_proxy_by_name(const char *name);

/* Checks all proxies, for start-up.  Returns NULL, or what is wrong, in
 * words. */
const char *pp_proxies_check(void);

#endif /* registry.h */
