/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_OFTABLE_H
#define PP_OFTABLE_H 1

/* Sets of OpenFlow flows and groups, and the difference between two. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"

struct ofpact;

struct pp_oflow {
    struct hmap_node hmap_node; /* By table, priority and match. */
    uint8_t table;
    uint16_t priority;
    ovs_be64 cookie;
    struct minimatch match;
    struct ofpact *ofpacts;
    size_t ofpacts_len;
};

struct pp_ogroup {
    struct hmap_node hmap_node; /* By id. */
    uint32_t id;
    uint8_t type;
    struct ovs_list buckets;    /* Of struct ofputil_bucket. */
};

struct pp_oftable {
    struct hmap flows;
    struct hmap groups;
};

void pp_oftable_init(struct pp_oftable *);
void pp_oftable_clear(struct pp_oftable *);
void pp_oftable_destroy(struct pp_oftable *);
void pp_oftable_copy(struct pp_oftable *dst, const struct pp_oftable *src);
bool pp_oftable_is_empty(const struct pp_oftable *);

/* Add what 'text', in ovs-ofctl(8)'s syntax, says, in the form in which the
 * switch will report it.  Return NULL, or what is wrong with it (to be
 * freed). */
char *pp_oftable_add_flow_text(struct pp_oftable *, const char *text,
                               enum ofputil_protocol);
char *pp_oftable_add_group_text(struct pp_oftable *, const char *text,
                                enum ofputil_protocol);

/* Add what the switch reports. */
void pp_oftable_add_flow_stats(struct pp_oftable *,
                               const struct ofputil_flow_stats *);
void pp_oftable_add_group_desc(struct pp_oftable *,
                               const struct ofputil_group_desc *);

struct pp_oflow *pp_oftable_find_flow(const struct pp_oftable *,
                                      const struct pp_oflow *);
struct pp_ogroup *pp_oftable_find_group(const struct pp_oftable *,
                                        uint32_t id);
bool pp_oflow_equal_actions(const struct pp_oflow *, const struct pp_oflow *);
bool pp_ogroup_equal(const struct pp_ogroup *, const struct pp_ogroup *);

/* Messages. */
struct ofpbuf *pp_oflow_encode(const struct pp_oflow *, int command,
                               enum ofputil_protocol);
struct ofpbuf *pp_ogroup_encode(const struct pp_ogroup *, int command,
                                enum ofputil_protocol);

#endif /* pp-oftable.h */
