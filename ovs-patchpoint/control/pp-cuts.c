/* SPDX-License-Identifier: Apache-2.0 */

/* Cuts; see pp-cuts.h.
 *
 * In: what the engine asks for, each word of which is checked; policies; what
 * the switches say.  Out: flows that lead single connections past the engine,
 * their end, and word of that to the engine.
 *
 * Runs in control's main loop.  Owns the table of cuts. */

#include <config.h>

#include "pp-cuts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-engine-proc.h"
#include "pp-flows.h"
#include "pp-ofconn.h"
#include "pp-policy.h"
#include "pp-proxy.h"
#include "pp-slots.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_cuts);

/* The switch takes the flows away when no frame has come for this long, in
 * s. */
#define IDLE_S 10

enum cut_state {
    TO_ADD,                     /* Flows that are wanted are not there. */
    ADDED,
    TO_DELETE,
    DELETING,                   /* Its barrier is on its way. */
};

struct cut {
    struct hmap_node hmap_node; /* In 'cuts', by number. */
    struct ovs_list node;       /* In 'todo' or 'others'. */
    enum cut_state state;
    uint32_t number;
    uint64_t id;                /* The engine's... */
    bool engine_knows;          /* ...if it is this one. */
    struct pp_bridge *bridge;
    uint32_t server;
    const struct pp_policy *policy;     /* Of the server; only compared. */
    uint32_t reg;               /* pp_flows_reg() of it. */
    struct pp_ipc_cut want;
    struct eth_addr mac;
    int vlan[2];                /* Of the slots in 'want'. */
    bool there[2];              /* Flows, by enum pp_dir... */
    ovs_be32 xids[2];           /* ...and the messages that made them. */
    ovs_be32 barrier;           /* DELETING. */
};

static struct hmap cuts = HMAP_INITIALIZER(&cuts);
static struct ovs_list todo = OVS_LIST_INITIALIZER(&todo);
static struct ovs_list others = OVS_LIST_INITIALIZER(&others);
static uint32_t max = PP_CUTS_DEFAULT;
static uint32_t last_number;

/* Word for the engine. */
static uint64_t *gone_ids;
static size_t n_gone, allocated_gone;

/* For people. */
static uint64_t n_made, n_refused, n_packets, n_bytes;

void
pp_cuts_set_max(uint32_t max_)
{
    max = MIN(max_, PP_CUTS_MAX);
}

uint32_t
pp_cuts_max(void)
{
    return max;
}

static struct cut *
find_number(uint32_t number)
{
    struct cut *cut;

    HMAP_FOR_EACH_WITH_HASH (cut, hmap_node, hash_int(number, 0), &cuts) {
        if (cut->number == number) {
            return cut;
        }
    }
    return NULL;
}

static struct cut *
find_id(uint64_t id)
{
    struct cut *cut;

    HMAP_FOR_EACH (cut, hmap_node, &cuts) {
        if (cut->engine_knows && cut->id == id) {
            return cut;
        }
    }
    return NULL;
}

static void
tell(uint64_t id)
{
    if (n_gone >= allocated_gone) {
        gone_ids = x2nrealloc(gone_ids, &allocated_gone, sizeof *gone_ids);
    }
    gone_ids[n_gone++] = id;
}

static void
set_state(struct cut *cut, enum cut_state state)
{
    ovs_list_remove(&cut->node);
    ovs_list_push_back(state == TO_ADD || state == TO_DELETE ? &todo
                       : &others, &cut->node);
    cut->state = state;
}

/* Nothing is left of it in the switch. */
static void
cut_gone(struct cut *cut)
{
    if (cut->engine_knows) {
        tell(cut->id);
    }
    hmap_remove(&cuts, &cut->hmap_node);
    ovs_list_remove(&cut->node);
    free(cut);
}

static void
cut_end(struct cut *cut)
{
    if (!cut->there[PP_TO_SERVER] && !cut->there[PP_FROM_SERVER]) {
        cut_gone(cut);
    } else if (cut->state == TO_ADD || cut->state == ADDED) {
        set_state(cut, TO_DELETE);
    }
}

/* What the engine asks for. */

static const struct pp_iface *
find_server(const struct pp_control *ctl, uint32_t id)
{
    const struct pp_iface *iface = pp_iface_find_server(ctl, id);

    return iface && iface->is_vm && iface->policy ? iface : NULL;
}

static bool
has_service(const struct pp_policy *policy, uint16_t port)
{
    for (size_t i = 0; i < policy->n_services; i++) {
        if (policy->services[i].port == port
            && policy->services[i].transport == PP_TCP) {
            return true;
        }
    }
    return false;
}

/* Does the switch look behind a second VLAN tag?  Then a flow for frames with
 * one tag is also one for frames with two, which are another connection's. */
static bool
sees_two_tags(const struct pp_control *ctl)
{
    return !ctl->ovs || smap_get_int(&ctl->ovs->other_config, "vlan-limit",
                                     1) != 1;
}

/* May 'cut', which is of 'iface', be in the switch? */
static bool
is_possible(const struct pp_control *ctl, const struct cut *cut,
            const struct pp_iface *iface)
{
    bool tagged = (cut->vlan[PP_TO_SERVER] != PP_UNTAGGED
                   || cut->vlan[PP_FROM_SERVER] != PP_UNTAGGED);

    return (iface && iface->bridge == cut->bridge && cut->bridge->row
            && iface->policy == cut->policy
            && pp_flows_reg(iface->policy->redirect) == cut->reg
            && iface->has_mac && eth_addr_equals(iface->mac, cut->mac)
            && !(tagged && sees_two_tags(ctl)));
}

/* A cut of what the engine wants, or NULL if there can be no such connection
 * or it cannot be cut through now. */
static struct cut *
cut_create(const struct pp_control *ctl, const struct pp_ipc_cut *want)
{
    const struct pp_iface *iface = find_server(ctl, want->server);
    const struct pp_slot *to, *from;
    struct cut *cut;

    if (!iface || !iface->bridge->cuts_known
        || !has_service(iface->policy, want->service.port)
        || (IN6_IS_ADDR_V4MAPPED(&want->client.ip)
            != IN6_IS_ADDR_V4MAPPED(&want->service.ip))) {
        return NULL;
    }
    to = pp_slots_find(iface->bridge, want->slot[PP_TO_SERVER]);
    from = pp_slots_find(iface->bridge, want->slot[PP_FROM_SERVER]);
    if (!to || !from || from->iface != iface) {
        return NULL;
    }
    cut = xzalloc(sizeof *cut);
    do {
        cut->number = ++last_number;
    } while (find_number(cut->number));
    cut->id = want->id;
    cut->engine_knows = true;
    cut->bridge = iface->bridge;
    cut->server = want->server;
    cut->policy = iface->policy;
    cut->reg = pp_flows_reg(iface->policy->redirect);
    cut->want = *want;
    cut->mac = iface->mac;
    cut->vlan[PP_TO_SERVER] = to->vlan;
    cut->vlan[PP_FROM_SERVER] = from->vlan;
    if (!is_possible(ctl, cut, iface)) {
        free(cut);
        return NULL;
    }
    hmap_insert(&cuts, &cut->hmap_node, hash_int(cut->number, 0));
    ovs_list_push_back(&others, &cut->node);
    set_state(cut, TO_ADD);
    return cut;
}

static void
handle_row(struct pp_control *ctl, const struct pp_ipc_cut *want)
{
    struct cut *cut = find_id(want->id);

    if (want->undo) {
        /* Unless it is gone, and word of that on its way. */
        if (cut) {
            cut_end(cut);
        }
    } else if (cut && (cut->state == TO_ADD || cut->state == ADDED)) {
        cut->want.both |= want->both;
        set_state(cut, TO_ADD);
    } else if (!cut && (hmap_count(&cuts) >= max
                        || !cut_create(ctl, want))) {
        n_refused++;
        tell(want->id);
    }
}

const char *
pp_cuts_handle(struct pp_control *ctl, const struct pp_ipc_cuts *msg,
               size_t n)
{
    if (n < offsetof(struct pp_ipc_cuts, rows) || msg->n > PP_IPC_CUTS_MAX
        || n != offsetof(struct pp_ipc_cuts, rows)
                + msg->n * sizeof *msg->rows) {
        return "list of connections to cut through with a bad length";
    }
    for (uint32_t i = 0; i < msg->n; i++) {
        handle_row(ctl, &msg->rows[i]);
    }
    return NULL;
}

/* What ends cuts. */

void
pp_cuts_engine_gone(void)
{
    struct cut *cut;

    n_gone = 0;
    HMAP_FOR_EACH_SAFE (cut, hmap_node, &cuts) {
        cut->engine_knows = false;
        cut_end(cut);
    }
}

void
pp_cuts_patches_changed(void)
{
    struct cut *cut;

    HMAP_FOR_EACH_SAFE (cut, hmap_node, &cuts) {
        cut_end(cut);
    }
}

void
pp_cuts_check(const struct pp_control *ctl)
{
    struct cut *cut;

    HMAP_FOR_EACH_SAFE (cut, hmap_node, &cuts) {
        if (!cut->bridge->row) {
            cut_gone(cut);      /* With its bridge. */
        } else if (!is_possible(ctl, cut, find_server(ctl, cut->server))) {
            cut_end(cut);
        }
    }
}

/* The switch. */

/* Sends one flow of 'cut': the frames of direction 'dir'.  Returns the xid. */
static ovs_be32
send_flow(const struct cut *cut, enum pp_dir dir)
{
    const struct pp_ipc_cut *want = &cut->want;
    bool to = dir == PP_TO_SERVER;
    int vlan = cut->vlan[dir];
    struct ds ds = DS_EMPTY_INITIALIZER;
    ovs_be32 xid;

    ds_put_format(&ds, "cookie=%#"PRIx64",table=%d,priority=%d,"
                  "idle_timeout=%d,send_flow_rem,%s,tcp_flags=-syn-fin-rst,"
                  "ip_frag=no,reg13=%u,reg%d=%#"PRIx32",dl_%s="ETH_ADDR_FMT,
                  PP_CUT_COOKIE | cut->number, PP_TABLE_POLICY,
                  PP_PRIO_CUT, IDLE_S,
                  IN6_IS_ADDR_V4MAPPED(&want->client.ip) ? "tcp" : "tcp6",
                  want->slot[dir], to ? 11 : 12,
                  cut->reg, to ? "dst" : "src",
                  ETH_ADDR_ARGS(cut->mac));
    if (vlan == PP_UNTAGGED) {
        ds_put_cstr(&ds, ",vlan_tci=0/0x1000");
    } else {
        ds_put_format(&ds, ",vlan_tci=%#x/0x1fff", 0x1000 | (unsigned) vlan);
    }
    pp_flows_put_end(&ds, "src", to ? &want->client : &want->service);
    pp_flows_put_end(&ds, "dst", to ? &want->service : &want->client);
    ds_put_format(&ds, " actions=resubmit(,%d)", PP_TABLE_GO_ON);
    xid = pp_ofconn_add_flow(cut->bridge->ofconn, ds_cstr(&ds));
    ds_destroy(&ds);
    return xid;
}

/* Sends what is not there yet of 'cut'. */
static void
send_flows(struct cut *cut)
{
    for (int dir = 0; dir < 2; dir++) {
        if (!cut->there[dir] && (dir == PP_FROM_SERVER || cut->want.both)) {
            cut->xids[dir] = send_flow(cut, dir);
            cut->there[dir] = true;
        }
    }
}

/* Does what 'todo' says, for bridges whose switch is there. */
static void
run_switches(const struct pp_control *ctl)
{
    struct pp_bridge *br;
    struct cut *cut;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        bool deleted = false;
        ovs_be32 barrier;

        if (!br->ofconn || !pp_ofconn_is_up(br->ofconn)) {
            continue;
        }
        LIST_FOR_EACH_SAFE (cut, node, &todo) {
            if (cut->bridge != br) {
                continue;
            } else if (cut->state == TO_ADD) {
                n_made += !cut->there[PP_FROM_SERVER];
                send_flows(cut);
                set_state(cut, ADDED);
            } else {
                pp_ofconn_delete_flows(br->ofconn,
                                       PP_CUT_COOKIE | cut->number,
                                       UINT64_MAX);
                deleted = true;
            }
        }
        if (!deleted) {
            continue;
        }
        barrier = pp_ofconn_send_barrier(br->ofconn);
        LIST_FOR_EACH_SAFE (cut, node, &todo) {
            if (cut->bridge == br) {
                cut->barrier = barrier;
                set_state(cut, DELETING);
            }
        }
    }
}

static void
tell_engine(struct pp_control *ctl)
{
    while (n_gone) {
        struct pp_ipc_uncut msg = { .n = (uint32_t) MIN(n_gone,
                                                        PP_IPC_UNCUT_MAX) };

        memcpy(msg.ids, gone_ids, msg.n * sizeof *msg.ids);
        if (!pp_engine_send_uncut(ctl->engine, &msg)) {
            break;
        }
        n_gone -= msg.n;
        memmove(gone_ids, gone_ids + msg.n, n_gone * sizeof *gone_ids);
    }
}

void
pp_cuts_run(struct pp_control *ctl)
{
    if (!ovs_list_is_empty(&todo)) {
        run_switches(ctl);
    }
    tell_engine(ctl);
}

bool
pp_cuts_may_attach(const struct pp_bridge *br)
{
    const struct cut *cut;

    HMAP_FOR_EACH (cut, hmap_node, &cuts) {
        if (cut->bridge == br && !cut->engine_knows) {
            return false;
        }
    }
    return br->cuts_known;
}

size_t
pp_cuts_count(const struct pp_bridge *br)
{
    const struct cut *cut;
    size_t n = 0;

    HMAP_FOR_EACH (cut, hmap_node, &cuts) {
        n += cut->bridge == br;
    }
    return n;
}

bool
pp_cuts_any(const struct pp_bridge *br)
{
    return pp_cuts_count(br) > 0;
}

void
pp_cuts_connected(struct pp_bridge *br)
{
    struct cut *cut;

    pp_ofconn_delete_flows(br->ofconn, PP_CUT_COOKIE, PP_CUT_COOKIE_MASK);
    br->cuts_known = false;
    br->cuts_barrier = pp_ofconn_send_barrier(br->ofconn);
    HMAP_FOR_EACH_SAFE (cut, hmap_node, &cuts) {
        if (cut->bridge == br) {
            cut->barrier = br->cuts_barrier;
            set_state(cut, DELETING);
        }
    }
}

void
pp_cuts_removed(struct pp_bridge *br, uint64_t cookie, uint64_t packets,
                uint64_t bytes)
{
    struct cut *cut = find_number((uint32_t) cookie);

    n_packets += packets == UINT64_MAX ? 0 : packets;
    n_bytes += bytes == UINT64_MAX ? 0 : bytes;
    if (cut && cut->bridge == br) {
        cut_end(cut);           /* The other flow too. */
    }
}

void
pp_cuts_alien(struct pp_bridge *br, uint64_t cookie)
{
    struct cut *cut = find_number((uint32_t) cookie);

    if (cut && cut->bridge == br
        && (cut->state == ADDED || cut->state == TO_ADD)) {
        /* Ours: told again after the monitor had to pause. */
        return;
    }
    VLOG_WARN("bridge %s: somebody else has put a flow there that leads a "
              "connection past the engine; taking it away", br->name);
    pp_ofconn_delete_flows(br->ofconn, cookie, UINT64_MAX);
}

bool
pp_cuts_barrier(struct pp_bridge *br, ovs_be32 xid)
{
    bool changed = false;
    struct cut *cut;

    if (!br->cuts_known && xid == br->cuts_barrier) {
        br->cuts_known = changed = true;
    }
    LIST_FOR_EACH_SAFE (cut, node, &others) {
        if (cut->bridge == br && cut->state == DELETING
            && cut->barrier == xid) {
            changed |= !cut->engine_knows;
            cut_gone(cut);
        }
    }
    return changed;
}

bool
pp_cuts_refused(struct pp_bridge *br, ovs_be32 xid)
{
    struct cut *cut;

    HMAP_FOR_EACH (cut, hmap_node, &cuts) {
        if (cut->bridge == br
            && ((cut->there[0] && cut->xids[0] == xid)
                || (cut->there[1] && cut->xids[1] == xid))) {
            n_refused++;
            cut_end(cut);
            return true;
        }
    }
    return false;
}

void
pp_cuts_format(struct ds *ds)
{
    ds_put_format(ds, "cut through: %"PRIuSIZE" connections of at most "
                  "%"PRIu32", %"PRIu64" so far, %"PRIu64" refused, "
                  "%"PRIu64" frames with %"PRIu64" bytes of those that ended",
                  hmap_count(&cuts), max, n_made, n_refused, n_packets,
                  n_bytes);
}

void
pp_cuts_destroy(void)
{
    struct cut *cut;

    HMAP_FOR_EACH_SAFE (cut, hmap_node, &cuts) {
        cut->engine_knows = false;
        cut_gone(cut);
    }
    free(gone_ids);
    gone_ids = NULL;
    n_gone = allocated_gone = 0;
}
