/* SPDX-License-Identifier: Apache-2.0 */

/* Which policy each interface has.
 *
 * In: the keys in external_ids (Interface, then Bridge, then Open_vSwitch;
 * for each key the most specific row that has it wins), and named policies, of
 * interfaces that were touched.  Out: a struct pp_policy for each interface
 * that is to be protected, or words on why not.
 *
 * What is wrong changes nothing: the interface keeps what was in force, its
 * status says what is wrong and in which row, and the log says it once.
 *
 * Runs in control's main loop.  Owns, for each interface, the last wishes that
 * made sense. */

#include <config.h>

#include "pp-policy.h"

#include <stdlib.h>

#include "coverage.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-facts.h"
#include "pp-flows.h"
#include "pp-named.h"
#include "pp-oftable.h"
#include "pp-services.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_policy_iface);

COVERAGE_DEFINE(policy_iface);

/* What is remembered of an interface. */
struct pp_memory {
    char *logged;               /* Error that was logged last. */
    char *asked, *asked_where;  /* For the interface's. */
    struct pp_answer *good;        /* The last wishes that made sense... */
    struct pp_answer *used;        /* ...and what is in force. */
};

static uint32_t last_server_id;

/* What is asked for now, sound or not, under the name of the policy if one
 * selected the interface. */
static void
memory_set_asked(struct pp_memory *m, const struct pp_wishes *w)
{
    const char *asked = w->policy.value, *where = w->policy.where;

    if (where && !strncmp(where, "Policy ", 7)) {
        asked = where + 7;
    }
    if (!nullable_string_is_equal(m->asked, asked)
        || !nullable_string_is_equal(m->asked_where, where)) {
        free(m->asked);
        free(m->asked_where);
        m->asked = nullable_xstrdup(asked);
        m->asked_where = nullable_xstrdup(where);
    }
}

static void
note_error(struct pp_iface *iface, struct pp_memory *m, char *error)
{
    free(iface->error);
    iface->error = error;
    if (error && (!m->logged || strcmp(m->logged, error))) {
        VLOG_ERR("interface %s on bridge %s: %s; %s stays in force",
                 iface->name, iface->bridge->name, error,
                 m->good ? "what was in force" : "no policy");
    } else if (!error && m->logged) {
        VLOG_INFO("interface %s on bridge %s: its policy is sound again",
                  iface->name, iface->bridge->name);
    }
    if (error != m->logged) {
        free(m->logged);
        m->logged = nullable_xstrdup(error);
    }
}

/* Finds what is asked for 'iface', and where: in its own keys; in the named
 * policy that selects it, if it has no policy of its own; in the keys of its
 * bridge; in those of Open_vSwitch.  What a policy says that is named in one
 * of these counts right behind the keys there.  Returns 'w->words', to be
 * freed. */
static char *
collect(const struct pp_control *ctl, const struct pp_iface *iface,
        const char *iface_where, const char *bridge_where, struct pp_wishes *w)
{
    const struct pp_source places[] = {
        { &iface->row->external_ids, iface_where },
        { NULL, NULL },
        { &iface->bridge->row->external_ids, bridge_where },
        { &ctl->ovs->external_ids, "Open_vSwitch" },
    };
    const struct pp_named *selected = NULL, **named = NULL;
    struct pp_source *sources;
    size_t n_named = 0, n = 0;
    char *words = NULL;
    bool found = false;

    if (!smap_get(places[0].keys, PP_KEY_POLICY)) {
        selected = pp_facts_select(iface);
    }
    for (size_t i = 0; i < ARRAY_SIZE(places) && !words && !selected; i++) {
        const char *text = (places[i].keys
                            ? smap_get(places[i].keys, PP_KEY_POLICY) : NULL);

        if (text) {
            words = pp_named_expand(text, &named, &n_named);
        }
    }

    sources = xmalloc((ARRAY_SIZE(places) + n_named) * sizeof *sources);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (places[i].keys) {
            sources[n++] = places[i];
        } else if (selected) {
            sources[n++] = (struct pp_source) { &selected->keys,
                                             selected->where };
        }
        if (!found && words && places[i].keys
            && smap_get(places[i].keys, PP_KEY_POLICY)) {
            found = true;
            for (size_t j = 0; j < n_named; j++) {
                sources[n++] = (struct pp_source) { &named[j]->keys,
                                                 named[j]->where };
            }
        }
    }
    w->policy = pp_policy_lookup(sources, n, PP_KEY_POLICY);
    w->mode = pp_policy_lookup(sources, n, PP_KEY_MODE);
    w->fail = pp_policy_lookup(sources, n, PP_KEY_FAIL);
    w->opaque = pp_policy_lookup(sources, n, PP_KEY_OPAQUE);
    w->ports = pp_policy_lookup(sources, n, PP_KEY_PORTS);
    w->parameters = pp_policy_lookup(sources, n, PP_KEY_PARAMETERS);
    if (!words) {
        words = nullable_xstrdup(w->policy.value);
    }
    w->words = words;
    free(sources);
    free(named);
    return words;
}

/* What the keys of 'iface' come to, with a reference, or NULL. */
static struct pp_answer *
iface_answer(const struct pp_control *ctl, struct pp_iface *iface,
             struct pp_memory *m)
{
    char *iface_where = xasprintf("Interface %s", iface->behind
                                  ? iface->behind->name : iface->name);
    char *bridge_where = xasprintf("Bridge %s", iface->bridge->name);
    struct pp_answer *a = NULL;
    char *error = NULL, *words;
    struct pp_wishes w;

    words = collect(ctl, iface, iface_where, bridge_where, &w);
    memory_set_asked(m, &w);
    iface->asked = m->asked;
    iface->asked_where = m->asked_where;
    if (w.policy.value) {
        error = pp_answer_get(ctl, &w, iface->server_id, &a);
    }
    if (!error) {
        pp_answer_unref(m->good);
        m->good = pp_answer_ref(a);
    } else if (m->good) {
        a = pp_answer_remembered(ctl, m->good, iface->server_id);
    } else {
        iface->why_not = "nothing was in force before";
    }
    if (a) {
        iface->why_not = a->why_not;
        iface->is_auto = a->is_auto && !error;
    }
    note_error(iface, m, error);
    free(words);
    free(iface_where);
    free(bridge_where);
    return a;
}

static uint32_t
mac_hash(const struct eth_addr mac)
{
    return hash_bytes(&mac, sizeof mac, 0);
}

/* Those that would be protected at 'mac' have to be told apart anew. */
static void
touch_mac(struct pp_control *ctl, struct pp_bridge *br,
          const struct eth_addr mac)
{
    struct pp_iface *iface;

    HMAP_FOR_EACH_WITH_HASH (iface, mac_node, mac_hash(mac), &br->macs) {
        if (eth_addr_equals(iface->wanted_mac, mac)) {
            pp_iface_touch(ctl, iface);
        }
    }
}

static void
iface_want(struct pp_control *ctl, struct pp_iface *iface,
           const struct pp_policy *wanted)
{
    struct pp_bridge *br = iface->bridge;
    bool other = (!wanted != !iface->wanted
                  || (wanted && !eth_addr_equals(iface->mac,
                                                 iface->wanted_mac)));

    if (other && iface->wanted) {
        hmap_remove(&br->macs, &iface->mac_node);
        touch_mac(ctl, br, iface->wanted_mac);
    }
    iface->wanted = wanted;
    if (wanted) {
        touch_mac(ctl, br, iface->mac);
    }
    if (other && wanted) {
        iface->wanted_mac = iface->mac;
        hmap_insert(&br->macs, &iface->mac_node, mac_hash(iface->mac));
    }
}

static void
set_server_id(struct pp_control *ctl, struct pp_iface *iface)
{
    if (!iface->server_id) {
        iface->server_id = ++last_server_id;
        hmap_insert(&ctl->servers, &iface->id_node,
                    hash_int(iface->server_id, 0));
    }
}

static void
iface_run(struct pp_control *ctl, struct pp_iface *iface)
{
    struct pp_memory *m = iface->memory;
    struct pp_answer *a = NULL;
    const struct pp_policy *wanted;

    COVERAGE_INC(policy_iface);
    iface->why_not = NULL;
    iface->is_auto = false;
    if (iface->is_vm && !ctl->exiting) {
        if (!m) {
            m = iface->memory = xzalloc(sizeof *m);
        }
        set_server_id(ctl, iface);
        pp_services_adopt(iface->server_id, &iface->uuid);
        a = iface_answer(ctl, iface, m);
    } else {
        if (m) {
            pp_answer_unref(m->good);
            m->good = NULL;
            free(m->asked);
            free(m->asked_where);
            m->asked = m->asked_where = NULL;
            iface->asked = iface->asked_where = NULL;
            note_error(iface, m, NULL);
        }
        if (iface->n_pins) {
            set_server_id(ctl, iface);
        }
    }
    wanted = a ? a->result : NULL;
    iface->bridge->n_learning -= iface->learning;
    iface->learning = wanted && !iface->is_inactive && !iface->has_mac;
    iface->bridge->n_learning += iface->learning;
    iface->held = (wanted ? wanted->fail == PP_FAIL_CLOSED
                   : !a && iface->error);
    if (wanted && iface->is_inactive) {
        iface->why_not = "external_ids:iface-status is inactive";
        wanted = NULL;
    } else if (iface->learning) {
        wanted = NULL;
    }
    iface_want(ctl, iface, wanted);
    if (m) {
        pp_answer_unref(m->used);
        m->used = a;
    }
}

/* 'r' has come to 'br', or gone. */
static void
count_transports(struct pp_bridge *br, const struct pp_redirect *r, int n)
{
    uint32_t regs = pp_flows_reg(r);
    bool tcp = br->n_tcp, udp = br->n_udp;

    br->n_tcp += (size_t) (regs & PP_REG_TCP ? n : 0);
    br->n_udp += (size_t) (regs & PP_REG_UDP ? n : 0);
    if (tcp != (br->n_tcp > 0) || udp != (br->n_udp > 0)) {
        pp_owner_touch(&br->fixed);
    }
}

static struct pp_bridge_redirect *
bridge_redirect_ref(struct pp_bridge *br, struct pp_redirect *r)
{
    uint32_t hash = hash_pointer(r, 0);
    struct pp_bridge_redirect *b;

    HMAP_FOR_EACH_WITH_HASH (b, hmap_node, hash, &br->redirects) {
        if (b->redirect == r) {
            b->n_ifaces++;
            return b;
        }
    }
    b = xzalloc(sizeof *b);
    b->redirect = pp_redirect_ref(r);
    b->n_ifaces = 1;
    pp_owner_init(&b->owner, PP_OWNER_REDIRECT, br);
    pp_owner_touch(&b->owner);
    hmap_insert(&br->redirects, &b->hmap_node, hash);
    count_transports(br, r, 1);
    return b;
}

static void
bridge_redirect_unref(struct pp_bridge *br, struct pp_bridge_redirect *b)
{
    if (!--b->n_ifaces) {
        count_transports(br, b->redirect, -1);
        hmap_remove(&br->redirects, &b->hmap_node);
        pp_owner_destroy(&b->owner);
        pp_redirect_unref(b->redirect);
        free(b);
    }
}

static void
iface_set_policy(struct pp_iface *iface, const struct pp_policy *policy)
{
    struct pp_bridge_redirect *before = iface->redirect;
    const struct pp_policy *old = iface->policy;
    struct pp_bridge *br = iface->bridge;

    if (policy == iface->policy) {
        return;
    }
    br->n_protected += policy != NULL;
    br->n_protected -= iface->policy != NULL;
    iface->redirect = policy ? bridge_redirect_ref(br, policy->redirect)
                      : NULL;
    iface->policy = pp_policy_ref(policy);
    if (before) {
        bridge_redirect_unref(br, before);
    }
    pp_policy_unref(old);
}

static bool
works(const struct pp_iface *iface)
{
    const char *link = iface->row->link_state;

    return iface->ofport && !(link && !strcmp(link, "down"));
}

/* Is 'a' rather than 'b', on the same bridge and with the same address, the
 * one to be protected?  What was written is worth more than what was learned,
 * since any VM can send from any address; a port that works more than one
 * that is left over. */
static bool
is_rather(const struct pp_iface *a, const struct pp_iface *b)
{
    return (a->mac_learned != b->mac_learned ? b->mac_learned
            : works(a) != works(b) ? works(a)
            : strcmp(a->name, b->name) < 0);
}

/* Puts what 'iface' wants in force.  But two protected interfaces of one
 * bridge with one address cannot be told apart by the switch: one of them is
 * protected. */
static void
iface_decide(struct pp_iface *iface)
{
    const struct pp_iface *other, *winner = NULL;

    if (iface->wanted) {
        winner = iface;
        HMAP_FOR_EACH_WITH_HASH (other, mac_node, mac_hash(iface->mac),
                                 &iface->bridge->macs) {
            if (eth_addr_equals(other->wanted_mac, iface->mac)
                && other != winner && is_rather(other, winner)) {
                winner = other;
            }
        }
    }
    free(iface->double_error);
    iface->double_error = NULL;
    if (winner && winner != iface) {
        iface->double_error = xasprintf(
            "its MAC address "ETH_ADDR_FMT" is also that of interface %s on "
            "the same bridge", ETH_ADDR_ARGS(iface->mac), winner->name);
    }
    iface_set_policy(iface, winner == iface ? iface->wanted : NULL);
}

void
pp_policy_run(struct pp_control *ctl)
{
    struct pp_iface *iface;

    LIST_FOR_EACH (iface, touched_node, &ctl->touched) {
        iface_run(ctl, iface);
    }
    LIST_FOR_EACH (iface, touched_node, &ctl->touched) {
        iface_decide(iface);
    }
}

void
pp_policy_forget(struct pp_control *ctl, struct pp_iface *iface)
{
    struct pp_memory *m = iface->memory;

    iface_want(ctl, iface, NULL);
    iface_set_policy(iface, NULL);
    iface->bridge->n_learning -= iface->learning;
    iface->learning = false;
    if (iface->server_id) {
        hmap_remove(&ctl->servers, &iface->id_node);
        iface->server_id = 0;
    }
    if (m) {
        pp_answer_unref(m->good);
        pp_answer_unref(m->used);
        free(m->logged);
        free(m->asked);
        free(m->asked_where);
        free(m);
        iface->memory = NULL;
    }
    free(iface->error);
    free(iface->double_error);
    iface->error = iface->double_error = NULL;
}
