/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_TEMPLATE_H
#define PP_TEMPLATE_H 1

/* A patch file with everything but its contents. */

#include <stdio.h>

struct pp_proxy;

/* Writes a patch 'id' for 'proxy' in which all values are missing that only
 * its author can know, with every key that there is, and the proxy's events
 * and fields, in comments. */
void pp_template_write(FILE *, const struct pp_proxy *proxy, const char *id);

#endif /* pp-template.h */
