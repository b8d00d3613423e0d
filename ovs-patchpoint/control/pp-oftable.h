/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_OFTABLE_H
#define PP_OFTABLE_H 1

/* What should be in a switch of flows and groups, and what is.
 *
 * A flow that should be there has an owner (struct pp_owner in pp-control.h),
 * whose flows change as one.  Flows of which what should be differs from what
 * is are on a list, so that nobody has to compare all of them. */

#include <stdbool.h>
#include <stdint.h>

#include "bitmap.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "pp-control.h"

struct ofpact;
struct pp_oftable;
struct svec;

/* What a flow does. */
struct pp_oacts {
    bool exists;
    ovs_be64 cookie;
    struct ofpact *ofpacts;
    size_t len;
};

struct pp_oflow {
    struct hmap_node hmap_node; /* By table, priority and match. */
    struct pp_oftable *in;
    uint8_t table;
    uint16_t priority;
    struct minimatch match;
    struct pp_owner *owner;     /* While 'want' exists. */
    struct ovs_list owner_node; /* In the owner's 'flows'. */
    struct ovs_list todo_node;  /* In 'todo', or empty. */
    struct pp_oacts want;
    struct pp_oacts have;
};

struct pp_ogroup {
    struct hmap_node hmap_node; /* By id. */
    uint32_t id;
    uint8_t type;
    struct ovs_list buckets;    /* Of struct ofputil_bucket. */
};

struct pp_oftable {
    struct hmap flows;          /* Of struct pp_oflow. */
    struct ovs_list todo;       /* Those that differ. */
    size_t n_want, n_have;
    bool conflict;              /* Two owners want the same match. */
    unsigned long clear[BITMAP_N_LONGS(256)];   /* Tables to be emptied. */
    struct hmap want_groups, have_groups;       /* Of struct pp_ogroup. */
    bool groups_differ;
};

void pp_oftable_init(struct pp_oftable *);
void pp_oftable_destroy(struct pp_oftable *);

/* Owners. */
void pp_owner_init(struct pp_owner *, enum pp_owner_kind,
                   struct pp_bridge *);

/* Nobody wants its flows any more. */
void pp_owner_destroy(struct pp_owner *);

/* What it wants is to be worked out anew. */
void pp_owner_touch(struct pp_owner *);

/* Takes back what 'owner' wants, before it is asked again: so that two can
 * exchange flows. */
void pp_owner_clear(struct pp_owner *);

/* 'owner' wants what 'text', in ovs-ofctl(8)'s syntax, says, in the form in
 * which the switch will report it.  Returns NULL, or what is wrong with it (to
 * be freed). */
char *pp_oftable_want(struct pp_oftable *, struct pp_owner *,
                      const char *text, enum ofputil_protocol);

/* These groups, likewise, and no others should be there.  What is wrong with
 * one is logged. */
void pp_oftable_want_groups(struct pp_oftable *, const struct svec *,
                            enum ofputil_protocol);

/* What the switch has reported: between begin and end, all there is.  Messages
 * that were sent count as if it had. */
struct pp_odump {
    struct ovs_list flows;      /* Of struct pp_oflow, by 'todo_node'. */
    struct hmap groups;
};

void pp_odump_init(struct pp_odump *);
void pp_odump_clear(struct pp_odump *);
void pp_odump_add_flow(struct pp_odump *, const struct ofputil_flow_stats *);
void pp_odump_add_group(struct pp_odump *,
                        const struct ofputil_group_desc *);
void pp_oftable_take(struct pp_oftable *, struct pp_odump *);

/* Is a flow like this one there? */
bool pp_oftable_has(const struct pp_oftable *, uint8_t table,
                    uint16_t priority, const struct match *);

bool pp_oftable_differs(const struct pp_oftable *);

/* Is a flow that should be there missing, or is another in its place?  'pins':
 * those of single connections count, too. */
bool pp_oftable_lacks(const struct pp_oftable *, bool pins);
bool pp_oftable_is_empty(const struct pp_oftable *);

/* Where messages go: to 'send', as parts of a bundle with the number 'bundle',
 * or one by one if that is 0. */
struct pp_oftable_out {
    enum ofputil_protocol protocol;
    uint32_t bundle;
    void (*send)(void *aux, struct ofpbuf *);
    void *aux;
};

/* Sends the messages that make what is into what should be.  A bundle comes
 * into force as one; without, they are in an order in which no frame meets
 * half of a change: groups, then the private tables, then table 0; deletions
 * the other way round.  Owners of what was sent get 'seq'.  From then on, what
 * should be is. */
struct pp_oftable_sent {
    unsigned int n_added, n_changed, n_deleted;
};
struct pp_oftable_sent pp_oftable_send(struct pp_oftable *, uint64_t seq,
                                       const struct pp_oftable_out *);

/* Do the next messages empty 'table' first?  For when most of it goes. */
void pp_oftable_clear(struct pp_oftable *, uint8_t table, bool clear);

/* The message that deletes flows with a cookie like this from 'table', 255:
 * from all. */
struct ofpbuf *pp_oftable_encode_delete(uint8_t table, ovs_be64 cookie,
                                        ovs_be64 mask, enum ofputil_protocol);

#endif /* pp-oftable.h */
