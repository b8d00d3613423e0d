/* SPDX-License-Identifier: Apache-2.0 */

/* The snapshot that the engine works by.
 *
 * In: the interfaces with a policy, their slots, the policies, the program,
 * the limits.
 * Out: the base, a sealed memfd with a struct pp_snapshot
 * (engine/pp-snapshot.h), and after it, as messages, rows that are others than
 * in it.  A base and a message each have a serial, which grows by one; the
 * engine says which is in force.
 *
 * The base has the program, which may be large, so it is made anew for other
 * patches or limits, for an engine that has none, and where it is less work
 * than very many rows.  For a new policy there is one that has, of the
 * servers and slots, only what is other: what that takes does not grow with
 * the number of VMs, and servers go from one policy to the next in one step,
 * without a moment in which they have none.  Policies keep the places of their
 * services in it.
 *
 * Runs in control's main loop.  Owns rows that are gone until the engine has
 * been told. */

#include <config.h>

#include "pp-snapshot-build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coverage.h"
#include "engine/pp-ipc.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "pp-bounds.h"
#include "pp-control.h"
#include "pp-cuts.h"
#include "pp-engine-proc.h"
#include "pp-hits.h"
#include "pp-policy.h"
#include "pp-slots.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_snapshot_build);

COVERAGE_DEFINE(snapshot_base);
COVERAGE_DEFINE(snapshot_policies);
COVERAGE_DEFINE(snapshot_row);

/* More changed interfaces at a time than this make a new base; fewer places
 * for services than that do not. */
#define MAX_UPDATE 256
#define MIN_PLACES 256

static uint64_t serial;
static uint64_t n_bases;
static struct pp_limits limits; /* In the base... */
static uint32_t cuts_max;       /* ...and this, too. */
static bool has_base;
static uint32_t n_services;     /* Places in the base, or after it. */
static struct pp_snap_row *gone;
static size_t n_gone, allocated_gone;

static void
align(struct ofpbuf *b)
{
    ofpbuf_put_zeros(b, PAD_SIZE(b->size, 8));
}

/* Sets the service rows of 'policy' in 'rows'.  Its sets of patches, of
 * 'set_size' bytes each, will stand from 'patchset' on: its own, and then
 * those of services that have one of their own.  Returns where they end. */
static uint32_t
set_services(struct pp_snap_service *rows, const struct pp_policy *policy,
             uint32_t patchset, uint32_t set_size)
{
    uint32_t next = patchset + set_size;

    for (size_t i = 0; i < policy->n_services; i++) {
        const struct pp_service *s = &policy->services[i];
        struct pp_snap_service *row = &rows[policy->snapshot_services + i];

        row->port = s->port;
        row->transport = s->transport;
        row->proxy = s->proxy;
        row->fail = (uint8_t) (s->guessed ? PP_FAIL_OPEN : policy->fail);
        /* Whoever only watches is in nobody's way. */
        row->opaque = (uint8_t) (s->guessed || policy->mode != PP_MODE_ENFORCE
                                 ? PP_OPAQUE_PASS : policy->opaque);
        row->patchset = patchset;
        if (s->patches) {
            row->patchset = next;
            next += set_size;
        }
    }
    return next;
}

/* Adds what 'policy' says of 'patches' to 'b', in 'set_size' bytes. */
static void
put_set(struct ofpbuf *b, const struct pp_control *ctl,
        const struct pp_policy *policy, const uint64_t *patches,
        uint32_t set_size)
{
    /* Aligned wherever the buffer is. */
    void *set = xzalloc(set_size);

    pp_policy_fill_set(policy, ctl->program, patches, set);
    ofpbuf_put(b, set, set_size);
    free(set);
}

static bool
is_server(const struct pp_iface *iface)
{
    return iface->policy || iface->n_pins;
}

/* What the engine should know of 'iface', which is_server().  Its policy is in
 * the base. */
static struct pp_snap_server
server_row(const struct pp_iface *iface)
{
    const struct pp_policy *policy = iface->policy;
    struct pp_snap_server row;

    memset(&row, 0, sizeof row);
    row.id = iface->server_id;
    row.bridge = iface->bridge->number;
    row.mac = iface->mac;
    row.slot = iface->slot ? iface->slot : PP_SLOT_NONE;
    if (policy) {
        row.services.off = policy->snapshot_services;
        row.services.n = (uint32_t) policy->n_services;
    }
    row.in_vlans = iface->in_vlans;
    ovs_strzcpy(row.name, iface->name, sizeof row.name);
    return row;
}

static struct pp_snap_slot
slot_row(const struct pp_slot *s)
{
    const struct pp_iface *iface = s->iface;
    struct pp_snap_slot row;

    memset(&row, 0, sizeof row);
    row.bridge = iface->bridge->number;
    row.server = iface->policy || iface->n_pins ? iface->server_id : 0;
    row.slot = s->vid;
    row.vlan = s->of_vlan;
    return row;
}

/* The engine is told what is known of 'iface'. */
static void
set_told(struct pp_iface *iface)
{
    struct pp_slot *s;

    iface->is_told = is_server(iface);
    if (iface->is_told) {
        iface->told = server_row(iface);
    }
    LIST_FOR_EACH (s, node, &iface->slots) {
        s->told = slot_row(s);
        s->is_told = true;
    }
}

/* Rows. */

static struct pp_snap_row *
put_row(struct ofpbuf *b, enum pp_snap_row_kind kind)
{
    struct pp_snap_row *row = ofpbuf_put_zeros(b, sizeof *row);

    row->kind = kind;
    return row;
}

/* Adds all servers and slots to 'b'. */
static void
put_all(struct ofpbuf *b, const struct pp_control *ctl)
{
    struct pp_bridge *br;
    struct pp_iface *iface;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        PP_FOR_EACH_IFACE (iface, br) {
            const struct pp_slot *s;

            set_told(iface);
            if (iface->is_told) {
                put_row(b, PP_ROW_SERVER)->server = iface->told;
            }
            LIST_FOR_EACH (s, node, &iface->slots) {
                put_row(b, PP_ROW_SLOT)->slot = s->told;
            }
        }
    }
}

/* Adds what is other with 'iface' than the engine was told. */
static void
put_iface(struct ofpbuf *b, struct pp_iface *iface)
{
    struct pp_snap_server was = iface->told;
    bool was_told = iface->is_told;
    struct pp_slot *s;

    LIST_FOR_EACH (s, node, &iface->slots) {
        struct pp_snap_slot slot = slot_row(s);

        if (!s->is_told || memcmp(&slot, &s->told, sizeof slot)) {
            put_row(b, PP_ROW_SLOT)->slot = slot;
        }
    }
    set_told(iface);
    if (!iface->is_told) {
        if (was_told) {
            put_row(b, PP_ROW_SERVER_GONE)->server.id = was.id;
        }
    } else if (!was_told || memcmp(&was, &iface->told, sizeof was)) {
        put_row(b, PP_ROW_SERVER)->server = iface->told;
    }
}

/* Adds all that is other than the engine was told.  Policies have places. */
static void
put_news(struct ofpbuf *b, const struct pp_control *ctl)
{
    struct pp_iface *iface;
    uint32_t was = b->size;

    ofpbuf_put(b, gone, n_gone * sizeof *gone);
    n_gone = 0;
    LIST_FOR_EACH (iface, untold_node, &ctl->untold) {
        put_iface(b, iface);
    }
    COVERAGE_ADD(snapshot_row, (b->size - was) / sizeof *gone);
}

/* Gives the services of policies that have no places yet some behind those
 * that are taken. */
static void
place_services(void)
{
    const struct pp_policy *policy_;

    PP_FOR_EACH_POLICY (policy_) {
        struct pp_policy *policy = CONST_CAST(struct pp_policy *, policy_);

        if (policy->in_snapshot != n_bases) {
            policy->in_snapshot = n_bases;
            policy->snapshot_services = n_services;
            n_services += (uint32_t) policy->n_services;
        }
    }
}

/* Adds the services of all policies to 'b', and then their sets of patches.
 * Places that nobody has any more have one that no server names. */
static void
put_policies(struct ofpbuf *b, struct pp_snapshot *snap,
             const struct pp_control *ctl)
{
    uint32_t set_size
        = (uint32_t) ROUND_UP(pp_patchset_size(ctl->program), 8);
    const struct pp_policy *policy;
    struct pp_snap_service *rows;
    uint32_t patchset;

    snap->services.off = b->size;
    snap->services.n = n_services;
    rows = ofpbuf_put_zeros(b, n_services * sizeof *rows);
    patchset = ROUND_UP(b->size, 8);
    for (uint32_t i = 0; i < n_services; i++) {
        rows[i].patchset = patchset;
    }
    PP_FOR_EACH_POLICY (policy) {
        patchset = set_services(rows, policy, patchset, set_size);
    }
    align(b);

    snap->sets.off = b->size;
    PP_FOR_EACH_POLICY (policy) {
        put_set(b, ctl, policy, policy->patches, set_size);
        for (size_t i = 0; i < policy->n_services; i++) {
            if (policy->services[i].patches) {
                put_set(b, ctl, policy, policy->services[i].patches,
                        set_size);
            }
        }
    }
    snap->sets.n = b->size - snap->sets.off;
}

/* A snapshot that comes after what has the serial 'after'; 0: after none. */
static struct ofpbuf *
build(const struct pp_control *ctl, uint64_t after)
{
    struct ofpbuf *b = ofpbuf_new(65536);
    struct pp_snapshot snap = {
        .magic = PP_SNAPSHOT_MAGIC, .version = PP_SNAPSHOT_VERSION,
        .serial = ++serial,
        .after = after,
        .limits = *pp_bounds(),
        .cuts_max = pp_cuts_max(),
    };

    ofpbuf_put_zeros(b, sizeof snap);
    align(b);
    place_services();
    snap.rows.off = b->size;
    if (after) {
        put_news(b, ctl);
    } else {
        put_all(b, ctl);
    }
    snap.rows.n = (b->size - snap.rows.off)
                  / (uint32_t) sizeof(struct pp_snap_row);
    align(b);
    put_policies(b, &snap, ctl);

    snap.program.off = b->size;
    snap.program.n = (uint32_t) ctl->program_size;
    ofpbuf_put(b, ctl->program, ctl->program_size);
    align(b);

    snap.numbers.off = b->size;
    snap.numbers.n = pp_program_n_patches(ctl->program);
    for (uint32_t i = 0; i < snap.numbers.n; i++) {
        uint32_t number = pp_hits_number(pp_program_patch_id(ctl->program,
                                                             i));

        ofpbuf_put(b, &number, sizeof number);
    }
    align(b);
    snap.size = b->size;
    memcpy(b->data, &snap, sizeof snap);
    return b;
}

/* The same memory, for reading alone. */
static int
reopen(int fd)
{
    char name[32];
    int ro;

    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ro = open(name, O_RDONLY | O_CLOEXEC);
    if (ro >= 0) {
        close(fd);
    }
    return ro;
}

int
pp_snapshot_seal(const struct ofpbuf *b)
{
    int fd = memfd_create("ovs-patchpoint-snapshot",
                          MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const char *p = b->data;
    size_t left = b->size;
    int ro = -1;

    while (fd >= 0 && left) {
        ssize_t n = write(fd, p, left);

        if (n <= 0 && errno != EINTR) {
            break;
        }
        p += MAX(n, 0);
        left -= (size_t) MAX(n, 0);
    }
    if (fd < 0 || left
        || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW
                 | F_SEAL_SEAL)
        || (ro = reopen(fd)) < 0) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_ERR_RL(&rl, "cannot make a snapshot of %"PRIu32" bytes: %s; the "
                    "one in force stays", b->size, ovs_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return ro;
}

static void
send_base(struct pp_control *ctl)
{
    struct ofpbuf *b;
    int fd;

    COVERAGE_INC(snapshot_base);
    n_bases++;
    n_services = 0;
    limits = *pp_bounds();
    cuts_max = pp_cuts_max();
    n_gone = 0;
    b = build(ctl, 0);
    fd = pp_snapshot_seal(b);
    if (fd >= 0) {
        VLOG_DBG("snapshot %"PRIu64": %"PRIu32" bytes", serial, b->size);
        pp_engine_set_snapshot(ctl->engine, fd, serial);
    }
    has_base = fd >= 0;
    ctl->snapshot_dirty = false;
    ofpbuf_delete(b);
}

/* There are policies now that the base has not: they come with the rows that
 * name them. */
static void
send_policies(struct pp_control *ctl)
{
    struct ofpbuf *b = build(ctl, serial);
    struct pp_ipc_snapshot msg = {
        .hdr = { PP_IPC_SNAPSHOT, sizeof msg }, .serial = serial,
    };
    int fd = pp_snapshot_seal(b);

    COVERAGE_INC(snapshot_policies);
    if (fd >= 0) {
        VLOG_DBG("policies %"PRIu64": %"PRIu32" bytes", serial, b->size);
        pp_engine_update_snapshot(ctl->engine, &msg, sizeof msg, fd, serial);
    } else {
        has_base = false;
    }
    ofpbuf_delete(b);
}

static void
send_rows(struct pp_control *ctl)
{
    const struct pp_snap_row *rows;
    struct ofpbuf b;
    uint32_t n;

    ofpbuf_init(&b, PP_IPC_MAX);
    put_news(&b, ctl);
    rows = b.data;
    n = b.size / (uint32_t) sizeof *rows;
    for (uint32_t i = 0; i < n; i += PP_IPC_ROWS_MAX) {
        struct pp_ipc_rows msg = {
            .hdr.type = PP_IPC_ROWS,
            .after = serial,
            .serial = serial + 1,
            .n = MIN(n - i, PP_IPC_ROWS_MAX),
        };

        memcpy(msg.rows, &rows[i], msg.n * sizeof *rows);
        msg.hdr.len = (uint32_t) (offsetof(struct pp_ipc_rows, rows)
                                  + msg.n * sizeof *rows);
        serial++;
        pp_engine_update_snapshot(ctl->engine, &msg, msg.hdr.len, -1, serial);
    }
    ofpbuf_uninit(&b);
}

/* Is a new base needed for what all depends on? */
static bool
is_base_other(const struct pp_control *ctl)
{
    return (!has_base || ctl->snapshot_dirty || cuts_max != pp_cuts_max()
            || memcmp(&limits, pp_bounds(), sizeof limits));
}

/* Is one less work than rows are, or are its places for services such that
 * most were those of policies that are gone? */
static bool
is_base_due(const struct pp_control *ctl)
{
    const struct pp_policy *policy;
    uint32_t used = 0;

    if (n_gone + ovs_list_size(&ctl->untold) > MAX_UPDATE) {
        return true;
    }
    PP_FOR_EACH_POLICY (policy) {
        used += (uint32_t) policy->n_services;
    }
    return n_services > MIN_PLACES && n_services / 2 > used;
}

/* Has an interface a policy that the base does not have? */
static bool
is_policy_new(const struct pp_control *ctl)
{
    const struct pp_iface *iface;

    LIST_FOR_EACH (iface, untold_node, &ctl->untold) {
        if (iface->policy && iface->policy->in_snapshot != n_bases) {
            return true;
        }
    }
    return false;
}

static bool
any_server(const struct pp_control *ctl)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (pp_bridge_is_used(br)) {
            return true;
        }
    }
    return false;
}

void
pp_snapshot_build_run(struct pp_control *ctl)
{
    struct pp_iface *iface;

    if (!serial && !any_server(ctl)) {
        return;                 /* Nothing to protect yet. */
    }
    if (is_base_other(ctl)) {
        send_base(ctl);
        ctl->base_serial = serial;
    } else if (is_base_due(ctl)) {
        send_base(ctl);
    } else if (is_policy_new(ctl)) {
        send_policies(ctl);
    } else {
        send_rows(ctl);
    }
    LIST_FOR_EACH_SAFE (iface, untold_node, &ctl->untold) {
        ovs_list_remove(&iface->untold_node);
        ovs_list_init(&iface->untold_node);
        iface->serial = serial;
    }
}

void
pp_snapshot_build_touch(struct pp_control *ctl, struct pp_iface *iface)
{
    if (ovs_list_is_empty(&iface->untold_node)) {
        ovs_list_push_back(&ctl->untold, &iface->untold_node);
    }
}

static void
put_gone(const struct pp_snap_row *row)
{
    if (n_gone >= allocated_gone) {
        gone = x2nrealloc(gone, &allocated_gone, sizeof *gone);
    }
    gone[n_gone++] = *row;
}

void
pp_snapshot_build_forget(struct pp_control *ctl OVS_UNUSED,
                         struct pp_iface *iface)
{
    struct pp_snap_row row = { .kind = PP_ROW_SERVER_GONE };

    if (iface->is_told) {
        row.server.id = iface->told.id;
        put_gone(&row);
        iface->is_told = false;
    }
}

void
pp_snapshot_build_forget_slot(const struct pp_bridge *br, struct pp_slot *s)
{
    struct pp_snap_row row = { .kind = PP_ROW_SLOT_GONE };

    if (s->is_told) {
        row.slot.bridge = br->number;
        row.slot.slot = s->vid;
        put_gone(&row);
        s->is_told = false;
    }
}

void
pp_snapshot_build_destroy(void)
{
    free(gone);
    gone = NULL;
    n_gone = allocated_gone = 0;
}
