/* SPDX-License-Identifier: Apache-2.0 */

/* Sets of OpenFlow flows and groups.
 *
 * In: text as ovs-ofctl takes it (what should be), and the switch's reports
 * (what is).  Out: sets that can be compared, and the messages that make the
 * one into the other.
 *
 * What comes from text goes through an OpenFlow message once, so that it has
 * the very form that the switch reports: there are many ways to say one
 * thing.
 *
 * Runs in control's main loop.  Owns nothing but what is in the sets. */

#include <config.h>

#include "pp-oftable.h"

#include <stdlib.h>

#include "hash.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

void
pp_oftable_init(struct pp_oftable *t)
{
    hmap_init(&t->flows);
    hmap_init(&t->groups);
}

void
pp_oftable_clear(struct pp_oftable *t)
{
    struct pp_oflow *f;
    struct pp_ogroup *g;

    HMAP_FOR_EACH_SAFE (f, hmap_node, &t->flows) {
        hmap_remove(&t->flows, &f->hmap_node);
        minimatch_destroy(&f->match);
        free(f->ofpacts);
        free(f);
    }
    HMAP_FOR_EACH_SAFE (g, hmap_node, &t->groups) {
        hmap_remove(&t->groups, &g->hmap_node);
        ofputil_bucket_list_destroy(&g->buckets);
        free(g);
    }
}

void
pp_oftable_destroy(struct pp_oftable *t)
{
    pp_oftable_clear(t);
    hmap_destroy(&t->flows);
    hmap_destroy(&t->groups);
}

bool
pp_oftable_is_empty(const struct pp_oftable *t)
{
    return hmap_is_empty(&t->flows) && hmap_is_empty(&t->groups);
}

static uint32_t
flow_hash(const struct pp_oflow *f)
{
    return minimatch_hash(&f->match,
                          (uint32_t) f->table << 16 | f->priority);
}

/* Takes over 'f', whose 'ofpacts' is its own. */
static void
insert_flow(struct pp_oftable *t, struct pp_oflow *f)
{
    hmap_insert(&t->flows, &f->hmap_node, flow_hash(f));
}

static void
insert_group(struct pp_oftable *t, uint32_t id, uint8_t type,
             const struct ovs_list *buckets)
{
    struct pp_ogroup *g = xzalloc(sizeof *g);

    g->id = id;
    g->type = type;
    ovs_list_init(&g->buckets);
    ofputil_bucket_clone_list(&g->buckets, buckets, NULL);
    hmap_insert(&t->groups, &g->hmap_node, hash_int(id, 0));
}

void
pp_oftable_copy(struct pp_oftable *dst, const struct pp_oftable *src)
{
    const struct pp_oflow *f;
    const struct pp_ogroup *g;

    pp_oftable_clear(dst);
    HMAP_FOR_EACH (f, hmap_node, &src->flows) {
        struct pp_oflow *copy = xmemdup(f, sizeof *f);

        minimatch_clone(&copy->match, &f->match);
        copy->ofpacts = xmemdup(f->ofpacts, f->ofpacts_len);
        insert_flow(dst, copy);
    }
    HMAP_FOR_EACH (g, hmap_node, &src->groups) {
        insert_group(dst, g->id, g->type, &g->buckets);
    }
}

struct pp_oflow *
pp_oftable_find_flow(const struct pp_oftable *t, const struct pp_oflow *like)
{
    struct pp_oflow *f;

    HMAP_FOR_EACH_WITH_HASH (f, hmap_node, flow_hash(like), &t->flows) {
        if (f->table == like->table && f->priority == like->priority
            && minimatch_equal(&f->match, &like->match)) {
            return f;
        }
    }
    return NULL;
}

struct pp_ogroup *
pp_oftable_find_group(const struct pp_oftable *t, uint32_t id)
{
    struct pp_ogroup *g;

    HMAP_FOR_EACH_WITH_HASH (g, hmap_node, hash_int(id, 0), &t->groups) {
        if (g->id == id) {
            return g;
        }
    }
    return NULL;
}

bool
pp_oflow_equal_actions(const struct pp_oflow *a, const struct pp_oflow *b)
{
    return a->cookie == b->cookie && ofpacts_equal(a->ofpacts, a->ofpacts_len,
                                                   b->ofpacts, b->ofpacts_len);
}

bool
pp_ogroup_equal(const struct pp_ogroup *a, const struct pp_ogroup *b)
{
    const struct ofputil_bucket *x, *y;

    if (a->type != b->type
        || ovs_list_size(&a->buckets) != ovs_list_size(&b->buckets)) {
        return false;
    }
    y = ofputil_bucket_list_front(&b->buckets);
    LIST_FOR_EACH (x, list_node, &a->buckets) {
        if (x->watch_port != y->watch_port || x->watch_group != y->watch_group
            || !ofpacts_equal(x->ofpacts, x->ofpacts_len,
                              y->ofpacts, y->ofpacts_len)) {
            return false;
        }
        y = CONTAINER_OF(y->list_node.next, struct ofputil_bucket, list_node);
    }
    return true;
}

char *
pp_oftable_add_flow_text(struct pp_oftable *t, const char *text,
                         enum ofputil_protocol protocol)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_mod fm;
    struct ofpbuf ofpacts;
    struct ofpbuf *msg;
    struct pp_oflow *f;
    enum ofperr ofperr;
    char *error;

    error = parse_ofp_str(&fm, OFPFC_ADD, text, NULL, NULL, &usable);
    if (error) {
        return error;
    } else if (!(usable & protocol)) {
        minimatch_destroy(&fm.match);
        free(fm.ofpacts);
        return xstrdup("the bridge's OpenFlow version cannot express it");
    }
    msg = ofputil_encode_flow_mod(&fm, protocol);
    minimatch_destroy(&fm.match);
    free(fm.ofpacts);

    ofpmsg_update_length(msg);
    ofpbuf_init(&ofpacts, 0);
    ofperr = ofputil_decode_flow_mod(&fm, msg->data, protocol, NULL, NULL,
                                     &ofpacts, OFPP_MAX, 255);
    ofpbuf_delete(msg);
    if (ofperr) {
        ofpbuf_uninit(&ofpacts);
        return xstrdup(ofperr_to_string(ofperr));
    }
    f = xzalloc(sizeof *f);
    f->table = fm.table_id;
    f->priority = (uint16_t) fm.priority;
    f->cookie = fm.new_cookie;
    f->match = fm.match;        /* Takes over what it points to. */
    f->ofpacts = xmemdup(fm.ofpacts, fm.ofpacts_len);
    f->ofpacts_len = fm.ofpacts_len;
    ofpbuf_uninit(&ofpacts);
    if (pp_oftable_find_flow(t, f)) {
        minimatch_destroy(&f->match);
        free(f->ofpacts);
        free(f);
        return xstrdup("another flow has the same match");
    }
    insert_flow(t, f);
    return NULL;
}

char *
pp_oftable_add_group_text(struct pp_oftable *t, const char *text,
                          enum ofputil_protocol protocol)
{
    enum ofp_version version = ofputil_protocol_to_ofp_version(protocol);
    enum ofputil_protocol usable;
    struct ofputil_group_mod gm;
    struct ofpbuf *msg;
    enum ofperr ofperr;
    char *error;

    error = parse_ofp_group_mod_str(&gm, OFPGC11_ADD, text, NULL, NULL,
                                    &usable);
    if (error) {
        return error;
    }
    msg = ofputil_encode_group_mod(version, &gm, NULL, -1);
    ofputil_uninit_group_mod(&gm);
    ofpmsg_update_length(msg);
    ofperr = ofputil_decode_group_mod(msg->data, &gm);
    ofpbuf_delete(msg);
    if (ofperr) {
        return xstrdup(ofperr_to_string(ofperr));
    }
    insert_group(t, gm.group_id, gm.type, &gm.buckets);
    ofputil_uninit_group_mod(&gm);
    return NULL;
}

void
pp_oftable_add_flow_stats(struct pp_oftable *t,
                          const struct ofputil_flow_stats *fs)
{
    struct pp_oflow *f = xzalloc(sizeof *f);

    f->table = fs->table_id;
    f->priority = fs->priority;
    f->cookie = fs->cookie;
    minimatch_init(&f->match, &fs->match);
    f->ofpacts = xmemdup(fs->ofpacts, fs->ofpacts_len);
    f->ofpacts_len = fs->ofpacts_len;
    insert_flow(t, f);
}

void
pp_oftable_add_group_desc(struct pp_oftable *t,
                          const struct ofputil_group_desc *gd)
{
    insert_group(t, gd->group_id, gd->type, &gd->buckets);
}

struct ofpbuf *
pp_oflow_encode(const struct pp_oflow *f, int command,
                enum ofputil_protocol protocol)
{
    struct ofputil_flow_mod fm = {
        .match = f->match,
        .priority = f->priority,
        .table_id = f->table,
        .new_cookie = f->cookie,
        .command = (uint16_t) command,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .ofpacts = f->ofpacts,
        .ofpacts_len = f->ofpacts_len,
    };

    if (command == OFPFC_DELETE_STRICT) {
        /* Never another's, even with the same match. */
        fm.cookie = f->cookie;
        fm.cookie_mask = OVS_BE64_MAX;
        fm.new_cookie = OVS_BE64_MAX;
        fm.ofpacts = NULL;
        fm.ofpacts_len = 0;
    }
    return ofputil_encode_flow_mod(&fm, protocol);
}

struct ofpbuf *
pp_ogroup_encode(const struct pp_ogroup *g, int command,
                 enum ofputil_protocol protocol)
{
    struct ofputil_group_mod gm = {
        .command = (uint16_t) command,
        .type = g->type,
        .group_id = g->id,
        .command_bucket_id = OFPG15_BUCKET_ALL,
    };
    struct ofpbuf *msg;

    ovs_list_init(&gm.buckets);
    if (command != OFPGC11_DELETE) {
        ofputil_bucket_clone_list(&gm.buckets, &g->buckets, NULL);
    }
    msg = ofputil_encode_group_mod(ofputil_protocol_to_ofp_version(protocol),
                                   &gm, NULL, -1);
    ofputil_bucket_list_destroy(&gm.buckets);
    return msg;
}
