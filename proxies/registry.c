/* SPDX-License-Identifier: Apache-2.0 */

/* The list of proxies.  To add one: its line below.
 *
 * In: a name.  Out: a proxy.  Read by all threads; owns nothing. */

#include <config.h>

#include "registry.h"

#include <string.h>

extern const struct pp_proxy pp_proxy_ftp;
extern const struct pp_proxy pp_proxy_http;
extern const struct pp_proxy pp_proxy_ldap;
extern const struct pp_proxy pp_proxy_smtp;

const struct pp_proxy *const pp_proxies[] = {
    &pp_proxy_ftp,
    &pp_proxy_http,
    &pp_proxy_ldap,
    &pp_proxy_smtp,
    NULL,
};

/* See registry.h. */
const struct pp_proxy *
pp_proxy_by_name(const char *name)
{
    size_t i;

    for (i = 0; pp_proxies[i]; i++) {
        if (!strcmp(pp_proxies[i]->name, name)) {
            return pp_proxies[i];
        }
    }
    return NULL;
}

/* See registry.h. */
const char *
pp_proxies_check(void)
{
    size_t i;

    for (i = 0; pp_proxies[i]; i++) {
        const struct pp_proxy *proxy = pp_proxies[i];
        const char *error = pp_proxy_check(proxy);

        if (error) {
            return error;
        }
        if (pp_proxy_by_name(proxy->name) != proxy) {
            return "two proxies of one name";
        }
    }
    return NULL;
}
