/* SPDX-License-Identifier: Apache-2.0 */

/* What should be in a switch of flows and groups, and what is; see
 * pp-oftable.h.
 *
 * In: text as ovs-ofctl takes it (what should be), and the switch's reports
 * (what is).  Out: the messages that make the one into the other.
 *
 * What comes from text goes through an OpenFlow message once, so that it has
 * the very form that the switch reports: there are many ways to say one
 * thing.
 *
 * Runs in control's main loop.  Owns what is in the tables. */

#include <config.h>

#include "pp-oftable.h"

#include <stdlib.h>

#include "coverage.h"
#include "hash.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "svec.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_oftable);

COVERAGE_DEFINE(flows_worked_out);

static void
groups_clear(struct hmap *groups)
{
    struct pp_ogroup *g;

    HMAP_FOR_EACH_POP (g, hmap_node, groups) {
        ofputil_bucket_list_destroy(&g->buckets);
        free(g);
    }
}

static void
acts_clear(struct pp_oacts *acts)
{
    free(acts->ofpacts);
    memset(acts, 0, sizeof *acts);
}

static void
acts_set(struct pp_oacts *acts, ovs_be64 cookie, const struct ofpact *ofpacts,
         size_t len)
{
    free(acts->ofpacts);
    acts->exists = true;
    acts->cookie = cookie;
    acts->ofpacts = xmemdup(ofpacts, len);
    acts->len = len;
}

/* Bytes that fill up decoded actions are whatever was in memory: where they
 * differ, what the actions say decides. */
static bool
say_the_same(const struct ofpact *a, size_t a_len,
             const struct ofpact *b, size_t b_len)
{
    return (ofpacts_equal(a, a_len, b, b_len)
            || ofpacts_equal_stringwise(a, a_len, b, b_len));
}

static bool
acts_equal(const struct pp_oacts *a, const struct pp_oacts *b)
{
    return (a->exists == b->exists
            && (!a->exists
                || (a->cookie == b->cookie
                    && say_the_same(a->ofpacts, a->len,
                                    b->ofpacts, b->len))));
}

/* Takes 'f' off the list of those that differ, if it is there. */
static void
flow_off(struct pp_oflow *f)
{
    if (f->owner && !ovs_list_is_empty(&f->todo_node)) {
        f->owner->n_todo--;
    }
    ovs_list_remove(&f->todo_node);
    ovs_list_init(&f->todo_node);
}

static void
flow_destroy(struct pp_oflow *f)
{
    flow_off(f);
    ovs_list_remove(&f->owner_node);
    minimatch_destroy(&f->match);
    acts_clear(&f->want);
    acts_clear(&f->have);
    free(f);
}

void
pp_oftable_init(struct pp_oftable *t)
{
    memset(t, 0, sizeof *t);
    hmap_init(&t->flows);
    ovs_list_init(&t->todo);
    hmap_init(&t->want_groups);
    hmap_init(&t->have_groups);
}

void
pp_oftable_destroy(struct pp_oftable *t)
{
    struct pp_oflow *f;

    HMAP_FOR_EACH_POP (f, hmap_node, &t->flows) {
        flow_destroy(f);
    }
    hmap_destroy(&t->flows);
    groups_clear(&t->want_groups);
    groups_clear(&t->have_groups);
    hmap_destroy(&t->want_groups);
    hmap_destroy(&t->have_groups);
}

bool
pp_oftable_is_empty(const struct pp_oftable *t)
{
    return !t->n_have && hmap_is_empty(&t->have_groups);
}

bool
pp_oftable_differs(const struct pp_oftable *t)
{
    return t->groups_differ || !ovs_list_is_empty(&t->todo);
}

bool
pp_oftable_lacks(const struct pp_oftable *t, bool pins)
{
    const struct pp_oflow *f;

    LIST_FOR_EACH (f, todo_node, &t->todo) {
        if (f->want.exists && (pins || f->owner->kind != PP_OWNER_PINS)
            && (!f->have.exists || f->have.cookie != f->want.cookie)) {
            return true;
        }
    }
    return false;
}

/* Flows. */

static uint32_t
flow_hash(const struct pp_oflow *f)
{
    return minimatch_hash(&f->match,
                          (uint32_t) f->table << 16 | f->priority);
}

static struct pp_oflow *
flow_find(const struct pp_oftable *t, const struct pp_oflow *like)
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

/* A flow with a match of its own, in no table. */
static struct pp_oflow *
flow_create(uint8_t table, uint16_t priority, const struct minimatch *match)
{
    struct pp_oflow *f = xzalloc(sizeof *f);

    f->table = table;
    f->priority = priority;
    minimatch_clone(&f->match, match);
    ovs_list_init(&f->owner_node);
    ovs_list_init(&f->todo_node);
    return f;
}

static void
flow_insert(struct pp_oftable *t, struct pp_oflow *f)
{
    f->in = t;
    hmap_insert(&t->flows, &f->hmap_node, flow_hash(f));
}

/* 'want' or 'have' of 'f' is another.  A flow that is neither goes with the
 * next messages. */
static void
flow_changed(struct pp_oflow *f)
{
    bool todo = (!acts_equal(&f->want, &f->have)
                 || (!f->want.exists && !f->have.exists));

    flow_off(f);
    if (todo) {
        ovs_list_push_back(&f->in->todo, &f->todo_node);
        if (f->owner) {
            f->owner->n_todo++;
        }
    }
}

static void
flow_unwant(struct pp_oflow *f)
{
    flow_off(f);
    ovs_list_remove(&f->owner_node);
    ovs_list_init(&f->owner_node);
    f->owner = NULL;
    acts_clear(&f->want);
    f->in->n_want--;
    flow_changed(f);
}

bool
pp_oftable_has(const struct pp_oftable *t, uint8_t table, uint16_t priority,
               const struct match *match)
{
    struct pp_oflow like = { .table = table, .priority = priority };
    const struct pp_oflow *f;

    minimatch_init(&like.match, match);
    f = flow_find(t, &like);
    minimatch_destroy(&like.match);
    return f && f->have.exists;
}

/* Owners. */

void
pp_owner_init(struct pp_owner *owner, enum pp_owner_kind kind,
              struct pp_bridge *br)
{
    memset(owner, 0, sizeof *owner);
    owner->kind = kind;
    owner->bridge = br;
    ovs_list_init(&owner->flows);
    ovs_list_init(&owner->dirty_node);
}

void
pp_owner_touch(struct pp_owner *owner)
{
    if (!owner->dirty) {
        owner->dirty = true;
        ovs_list_push_back(&owner->bridge->dirty_owners, &owner->dirty_node);
    }
}

void
pp_owner_clear(struct pp_owner *owner)
{
    struct pp_oflow *f;

    LIST_FOR_EACH_SAFE (f, owner_node, &owner->flows) {
        flow_unwant(f);
    }
}

void
pp_owner_destroy(struct pp_owner *owner)
{
    pp_owner_clear(owner);
    ovs_list_remove(&owner->dirty_node);
    ovs_list_init(&owner->dirty_node);
    owner->dirty = false;
}

static char *
parse(const char *text, enum ofputil_protocol protocol,
      struct ofputil_flow_mod *fm, struct ofpbuf *ofpacts)
{
    enum ofputil_protocol usable;
    enum ofperr ofperr;
    struct ofpbuf *msg;
    char *error;

    error = parse_ofp_str(fm, OFPFC_ADD, text, NULL, NULL, &usable);
    if (error) {
        return error;
    } else if (!(usable & protocol)) {
        minimatch_destroy(&fm->match);
        free(fm->ofpacts);
        return xstrdup("the bridge's OpenFlow version cannot express it");
    }
    msg = ofputil_encode_flow_mod(fm, protocol);
    minimatch_destroy(&fm->match);
    free(fm->ofpacts);

    ofpmsg_update_length(msg);
    ofperr = ofputil_decode_flow_mod(fm, msg->data, protocol, NULL, NULL,
                                     ofpacts, OFPP_MAX, 255);
    ofpbuf_delete(msg);
    return ofperr ? xstrdup(ofperr_to_string(ofperr)) : NULL;
}

char *
pp_oftable_want(struct pp_oftable *t, struct pp_owner *owner,
                const char *text, enum ofputil_protocol protocol)
{
    struct ofputil_flow_mod fm;
    struct pp_oflow *f, *found;
    struct ofpbuf ofpacts;
    char *error;

    COVERAGE_INC(flows_worked_out);
    ofpbuf_init(&ofpacts, 0);
    error = parse(text, protocol, &fm, &ofpacts);
    if (error) {
        ofpbuf_uninit(&ofpacts);
        return error;
    }
    f = flow_create(fm.table_id, (uint16_t) fm.priority, &fm.match);
    minimatch_destroy(&fm.match);
    found = flow_find(t, f);
    if (found) {
        flow_destroy(f);
        f = found;
    } else {
        flow_insert(t, f);
    }
    if (f->want.exists) {
        t->conflict |= f->owner != owner;
        error = xstrdup("another flow has the same match");
    } else {
        flow_off(f);
        acts_set(&f->want, fm.new_cookie, fm.ofpacts, fm.ofpacts_len);
        f->owner = owner;
        ovs_list_push_back(&owner->flows, &f->owner_node);
        t->n_want++;
        flow_changed(f);
    }
    ofpbuf_uninit(&ofpacts);
    return error;
}

/* Groups. */

static struct pp_ogroup *
group_find(const struct hmap *groups, uint32_t id)
{
    struct pp_ogroup *g;

    HMAP_FOR_EACH_WITH_HASH (g, hmap_node, hash_int(id, 0), groups) {
        if (g->id == id) {
            return g;
        }
    }
    return NULL;
}

static void
group_insert(struct hmap *groups, uint32_t id, uint8_t type,
             const struct ovs_list *buckets)
{
    struct pp_ogroup *g = xzalloc(sizeof *g);

    g->id = id;
    g->type = type;
    ovs_list_init(&g->buckets);
    ofputil_bucket_clone_list(&g->buckets, buckets, NULL);
    hmap_insert(groups, &g->hmap_node, hash_int(id, 0));
}

static bool
group_equal(const struct pp_ogroup *a, const struct pp_ogroup *b)
{
    const struct ofputil_bucket *x, *y;

    if (!a || !b || a->type != b->type
        || ovs_list_size(&a->buckets) != ovs_list_size(&b->buckets)) {
        return false;
    }
    y = ofputil_bucket_list_front(&b->buckets);
    LIST_FOR_EACH (x, list_node, &a->buckets) {
        if (x->watch_port != y->watch_port || x->watch_group != y->watch_group
            || !say_the_same(x->ofpacts, x->ofpacts_len,
                             y->ofpacts, y->ofpacts_len)) {
            return false;
        }
        y = CONTAINER_OF(y->list_node.next, struct ofputil_bucket, list_node);
    }
    return true;
}

static void
compare_groups(struct pp_oftable *t)
{
    const struct pp_ogroup *g;

    t->groups_differ = (hmap_count(&t->want_groups)
                        != hmap_count(&t->have_groups));
    HMAP_FOR_EACH (g, hmap_node, &t->want_groups) {
        t->groups_differ |= !group_equal(g, group_find(&t->have_groups,
                                                       g->id));
    }
}

static char *
want_group(struct pp_oftable *t, const char *text,
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
    group_insert(&t->want_groups, gm.group_id, gm.type, &gm.buckets);
    ofputil_uninit_group_mod(&gm);
    return NULL;
}

void
pp_oftable_want_groups(struct pp_oftable *t, const struct svec *texts,
                       enum ofputil_protocol protocol)
{
    const char *text;
    size_t i;

    groups_clear(&t->want_groups);
    SVEC_FOR_EACH (i, text, texts) {
        char *error = want_group(t, text, protocol);

        if (error) {
            VLOG_ERR("BUG: group \"%s\": %s", text, error);
            free(error);
        }
    }
    compare_groups(t);
}

/* What the switch reports. */

void
pp_odump_init(struct pp_odump *d)
{
    ovs_list_init(&d->flows);
    hmap_init(&d->groups);
}

void
pp_odump_clear(struct pp_odump *d)
{
    struct pp_oflow *f;

    LIST_FOR_EACH_SAFE (f, todo_node, &d->flows) {
        flow_destroy(f);
    }
    groups_clear(&d->groups);
}

void
pp_odump_add_flow(struct pp_odump *d, const struct ofputil_flow_stats *fs)
{
    struct pp_oflow *f = xzalloc(sizeof *f);

    f->table = fs->table_id;
    f->priority = fs->priority;
    minimatch_init(&f->match, &fs->match);
    acts_set(&f->have, fs->cookie, fs->ofpacts, fs->ofpacts_len);
    ovs_list_init(&f->owner_node);
    ovs_list_push_back(&d->flows, &f->todo_node);
}

void
pp_odump_add_group(struct pp_odump *d, const struct ofputil_group_desc *gd)
{
    group_insert(&d->groups, gd->group_id, gd->type, &gd->buckets);
}

void
pp_oftable_take(struct pp_oftable *t, struct pp_odump *d)
{
    struct pp_oflow *f, *found;

    HMAP_FOR_EACH (f, hmap_node, &t->flows) {
        acts_clear(&f->have);
    }
    t->n_have = 0;
    LIST_FOR_EACH_SAFE (f, todo_node, &d->flows) {
        ovs_list_remove(&f->todo_node);
        ovs_list_init(&f->todo_node);
        found = flow_find(t, f);
        if (found) {
            acts_clear(&found->have);
            found->have = f->have;
            memset(&f->have, 0, sizeof f->have);
            flow_destroy(f);
        } else {
            flow_insert(t, f);
        }
        t->n_have++;
    }
    HMAP_FOR_EACH (f, hmap_node, &t->flows) {
        flow_changed(f);
    }
    groups_clear(&t->have_groups);
    hmap_swap(&t->have_groups, &d->groups);
    compare_groups(t);
}

/* Messages. */

static struct ofpbuf *
flow_encode(const struct pp_oflow *f, enum ofp_flow_mod_command command,
            enum ofputil_protocol protocol)
{
    struct ofputil_flow_mod fm = {
        .match = f->match,
        .priority = f->priority,
        .table_id = f->table,
        .new_cookie = f->want.cookie,
        .command = (uint16_t) command,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .ofpacts = f->want.ofpacts,
        .ofpacts_len = f->want.len,
    };

    if (command == OFPFC_DELETE_STRICT) {
        /* Never another's, even with the same match. */
        fm.cookie = f->have.cookie;
        fm.cookie_mask = OVS_BE64_MAX;
        fm.new_cookie = OVS_BE64_MAX;
        fm.ofpacts = NULL;
        fm.ofpacts_len = 0;
    }
    return ofputil_encode_flow_mod(&fm, protocol);
}

struct ofpbuf *
pp_oftable_encode_delete(uint8_t table, ovs_be64 cookie, ovs_be64 mask,
                         enum ofputil_protocol protocol)
{
    struct ofputil_flow_mod fm = {
        .table_id = table,
        .cookie = cookie,
        .cookie_mask = mask,
        .new_cookie = OVS_BE64_MAX,
        .command = OFPFC_DELETE,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    struct ofpbuf *msg;

    minimatch_init_catchall(&fm.match);
    msg = ofputil_encode_flow_mod(&fm, protocol);
    minimatch_destroy(&fm.match);
    return msg;
}

static struct ofpbuf *
group_encode(const struct pp_ogroup *g, int command,
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

/* Private tables come before table 0. */
static int
order_flows(const void *a_, const void *b_)
{
    const struct pp_oflow *const *a = a_, *const *b = b_;

    return (int) (*b)->table - (int) (*a)->table;
}

static int
order_groups(const void *a_, const void *b_)
{
    const struct pp_ogroup *const *a = a_, *const *b = b_;

    return (*a)->id < (*b)->id ? -1 : (*a)->id > (*b)->id;
}

static const struct pp_ogroup **
sorted_groups(const struct hmap *groups)
{
    const struct pp_ogroup **list = xcalloc(hmap_count(groups) + 1,
                                            sizeof *list);
    const struct pp_ogroup *g;
    size_t n = 0;

    HMAP_FOR_EACH (g, hmap_node, groups) {
        list[n++] = g;
    }
    qsort(list, n, sizeof *list, order_groups);
    return list;
}

static struct pp_oflow **
sorted_todo(const struct pp_oftable *t, size_t *n)
{
    struct pp_oflow **list, *f;
    size_t i = 0;

    *n = ovs_list_size(&t->todo);
    list = xcalloc(*n + 1, sizeof *list);
    LIST_FOR_EACH (f, todo_node, &t->todo) {
        list[i++] = f;
    }
    qsort(list, *n, sizeof *list, order_flows);
    return list;
}

/* Sends 'msg', as a part of the bundle if there is one. */
static void
emit(const struct pp_oftable_out *out, struct ofpbuf *msg)
{
    if (out->bundle) {
        struct ofputil_bundle_add_msg add = {
            .bundle_id = out->bundle,
            .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
            .msg = msg->data,
        };

        ofpmsg_update_length(msg);
        out->send(out->aux, ofputil_encode_bundle_add(
            ofputil_protocol_to_ofp_version(out->protocol), &add));
        ofpbuf_delete(msg);
    } else {
        out->send(out->aux, msg);
    }
}

/* Begins the bundle, or has it done, if there is one. */
static void
bundle_control(const struct pp_oftable_out *out, uint16_t type)
{
    if (out->bundle) {
        struct ofputil_bundle_ctrl_msg msg = {
            .bundle_id = out->bundle,
            .type = type,
            .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
        };

        out->send(out->aux, ofputil_encode_bundle_ctrl_request(
            ofputil_protocol_to_ofp_version(out->protocol), &msg));
    }
}

static void
add_groups(const struct pp_oftable *t, const struct pp_oftable_out *out)
{
    const struct pp_ogroup **want = sorted_groups(&t->want_groups);

    for (size_t i = 0; want[i]; i++) {
        const struct pp_ogroup *have = group_find(&t->have_groups,
                                                  want[i]->id);

        if (!have || !group_equal(have, want[i])) {
            emit(out, group_encode(want[i], have ? OFPGC11_MODIFY
                                   : OFPGC11_ADD, out->protocol));
        }
    }
    free(want);
}

static void
delete_groups(struct pp_oftable *t, const struct pp_oftable_out *out)
{
    const struct pp_ogroup **have = sorted_groups(&t->have_groups), *g;
    size_t i = hmap_count(&t->have_groups);

    while (i-- > 0) {
        if (!group_find(&t->want_groups, have[i]->id)) {
            emit(out, group_encode(have[i], OFPGC11_DELETE, out->protocol));
        }
    }
    free(have);
    groups_clear(&t->have_groups);
    HMAP_FOR_EACH (g, hmap_node, &t->want_groups) {
        group_insert(&t->have_groups, g->id, g->type, &g->buckets);
    }
}

void
pp_oftable_clear(struct pp_oftable *t, uint8_t table, bool clear)
{
    bitmap_set(t->clear, table, clear);
}

/* Empties the tables that are to be: what is wanted there is added anew. */
static void
clear_tables(struct pp_oftable *t, const struct pp_oftable_out *out)
{
    ovs_be64 cookie = OVS_BE64_MAX;
    struct pp_oflow *f;
    size_t table;

    if (bitmap_is_all_zeros(t->clear, 256)) {
        return;
    }
    HMAP_FOR_EACH (f, hmap_node, &t->flows) {
        if (f->have.exists && bitmap_is_set(t->clear, f->table)) {
            cookie = f->have.cookie;
            acts_clear(&f->have);
            t->n_have--;
            flow_changed(f);
        }
    }
    BITMAP_FOR_EACH_1 (table, 256, t->clear) {
        emit(out, pp_oftable_encode_delete((uint8_t) table, cookie,
                                           OVS_BE64_MAX, out->protocol));
    }
    memset(t->clear, 0, sizeof t->clear);
}

struct pp_oftable_sent
pp_oftable_send(struct pp_oftable *t, uint64_t seq,
                const struct pp_oftable_out *out)
{
    struct pp_oftable_sent sent = { 0, 0, 0 };
    bool one_by_one = t->n_want;
    struct pp_oflow **todo;
    size_t n;

    bundle_control(out, OFPBCT_OPEN_REQUEST);
    clear_tables(t, out);
    todo = sorted_todo(t, &n);
    if (t->groups_differ) {
        add_groups(t, out);
    }
    for (size_t i = 0; i < n; i++) {
        struct pp_oflow *f = todo[i];

        if (f->want.exists) {
            /* Adding replaces what has the same match. */
            emit(out, flow_encode(f, OFPFC_ADD, out->protocol));
            sent.n_added += !f->have.exists;
            sent.n_changed += f->have.exists;
            t->n_have += !f->have.exists;
            acts_set(&f->have, f->want.cookie, f->want.ofpacts, f->want.len);
            f->owner->seq = seq;
            flow_changed(f);
        }
    }
    for (size_t i = n; i-- > 0; ) {
        struct pp_oflow *f = todo[i];

        if (!f->want.exists) {
            if (f->have.exists) {
                if (one_by_one) {
                    emit(out, flow_encode(f, OFPFC_DELETE_STRICT,
                                          out->protocol));
                } else if (!sent.n_deleted) {
                    /* None is to stay. */
                    emit(out, pp_oftable_encode_delete(
                        0xff, f->have.cookie, OVS_BE64_MAX, out->protocol));
                }
                sent.n_deleted++;
                t->n_have--;
            }
            hmap_remove(&t->flows, &f->hmap_node);
            flow_destroy(f);
        }
    }
    free(todo);
    if (t->groups_differ) {
        delete_groups(t, out);
        t->groups_differ = false;
    }
    bundle_control(out, OFPBCT_COMMIT_REQUEST);
    return sent;
}
