/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FACTS_H
#define PP_FACTS_H 1

/* What is known of a VM, as named policies select by it. */

struct pp_iface;
struct pp_named;

/* The named policy whose selectors fit 'iface' best, or NULL. */
const struct pp_named *pp_facts_select(const struct pp_iface *);

#endif /* pp-facts.h */
