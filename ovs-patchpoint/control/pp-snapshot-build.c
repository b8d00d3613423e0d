/* SPDX-License-Identifier: Apache-2.0 */

/* The snapshot that the engine works by.
 *
 * In: the interfaces with a policy, their slots, the policies, the program,
 * the limits.
 * Out: a sealed memfd with a struct pp_snapshot (engine/pp-snapshot.h), handed
 * to the engine when it is not what it has already.
 *
 * Runs in control's main loop.  Owns a copy of the last snapshot, to compare
 * with. */

#include <config.h>

#include "pp-snapshot-build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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

static struct ofpbuf *last;
static uint64_t serial;

static void
align(struct ofpbuf *b)
{
    ofpbuf_put_zeros(b, PAD_SIZE(b->size, 8));
}

/* Adds the service rows of 'policy' to 'b'.  Its sets of patches, of
 * 'set_size' bytes each, will stand from 'patchset' on: its own, and then
 * those of services that have one of their own.  Returns where they end. */
static uint32_t
put_services(struct ofpbuf *b, const struct pp_policy *policy,
             uint32_t patchset, uint32_t set_size)
{
    uint32_t next = patchset + set_size;

    for (size_t i = 0; i < policy->n_services; i++) {
        const struct pp_service *s = &policy->services[i];
        struct pp_snap_service *row = ofpbuf_put_zeros(b, sizeof *row);

        row->port = s->port;
        row->transport = s->transport;
        row->proxy = s->proxy;
        row->fail = (uint8_t) (s->guessed ? PP_FAIL_OPEN : policy->fail);
        row->patchset = patchset;
        row->policy = policy->number;
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

static void
put_server(struct ofpbuf *b, const struct pp_iface *iface,
           struct pp_snap_part services)
{
    struct pp_snap_server *row = ofpbuf_put_zeros(b, sizeof *row);

    row->id = iface->server_id;
    row->bridge = iface->bridge->number;
    row->mac = iface->mac;
    row->slot = iface->slot;
    row->services = services;
    row->in_vlans = iface->in_vlans;
    ovs_strzcpy(row->name, iface->name, sizeof row->name);
}

/* Adds all slots of 'br'; returns how many. */
static uint32_t
put_slots(struct ofpbuf *b, const struct pp_bridge *br)
{
    const struct pp_slot *s;

    if (!br->row || !br->slots) {
        return 0;
    }
    HMAP_FOR_EACH (s, hmap_node, &br->slots->slots) {
        struct pp_snap_slot *row = ofpbuf_put_zeros(b, sizeof *row);
        const struct pp_iface *iface = s->iface;

        row->bridge = br->number;
        row->server = (iface->policy || iface->n_pins ? iface->server_id
                       : 0);
        row->slot = s->vid;
        row->vlan = s->of_vlan;
    }
    return (uint32_t) hmap_count(&br->slots->slots);
}

/* Sets '*services' to where those of 'policy' are, counting up to it. */
static struct pp_snap_part
find_services(const struct pp_policy *policy)
{
    struct pp_snap_part part = { 0, 0 };
    const struct pp_policy *p;

    PP_FOR_EACH_POLICY (p) {
        if (p == policy) {
            part.n = (uint32_t) p->n_services;
            break;
        }
        part.off += (uint32_t) p->n_services;
    }
    return part;
}

static struct ofpbuf *
build(const struct pp_control *ctl)
{
    uint32_t set_size
        = (uint32_t) ROUND_UP(pp_patchset_size(ctl->program), 8);
    struct ofpbuf *b = ofpbuf_new(65536);
    struct pp_snapshot snap = {
        .magic = PP_SNAPSHOT_MAGIC, .version = PP_SNAPSHOT_VERSION,
        .limits = *pp_bounds(),
        .cuts_max = pp_cuts_max(),
    };
    const struct pp_policy *policy;
    struct pp_bridge *br;
    struct pp_iface *iface;
    uint32_t patchset;

    ofpbuf_put_zeros(b, sizeof snap);
    align(b);

    snap.servers.off = b->size;
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        PP_FOR_EACH_IFACE (iface, br) {
            if ((iface->policy || iface->n_pins) && iface->slot) {
                put_server(b, iface, find_services(iface->policy));
                snap.servers.n++;
            }
        }
    }
    align(b);

    snap.slots.off = b->size;
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        snap.slots.n += put_slots(b, br);
    }
    align(b);

    snap.services.off = b->size;
    PP_FOR_EACH_POLICY (policy) {
        snap.services.n += (uint32_t) policy->n_services;
    }
    patchset = ROUND_UP(snap.services.off + snap.services.n
                        * (uint32_t) sizeof(struct pp_snap_service), 8);
    PP_FOR_EACH_POLICY (policy) {
        patchset = put_services(b, policy, patchset, set_size);
    }
    align(b);

    snap.sets.off = b->size;
    PP_FOR_EACH_POLICY (policy) {
        put_set(b, ctl, policy, policy->patches, set_size);
        for (size_t i = 0; i < policy->n_services; i++) {
            if (policy->services[i].patches) {
                put_set(b, ctl, policy, policy->services[i].patches,
                        set_size);
            }
        }
    }
    snap.sets.n = b->size - snap.sets.off;

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

void
pp_snapshot_build_run(struct pp_control *ctl)
{
    struct ofpbuf *b = build(ctl);
    int fd;

    if (last && last->size == b->size
        && !memcmp(last->data, b->data, b->size)) {
        ofpbuf_delete(b);
        return;
    }
    if (!last && !((struct pp_snapshot *) b->data)->servers.n) {
        ofpbuf_delete(b);       /* Nothing to protect yet. */
        return;
    }
    ofpbuf_delete(last);
    last = ofpbuf_clone(b);     /* With serial 0. */

    ((struct pp_snapshot *) b->data)->serial = ++serial;
    fd = pp_snapshot_seal(b);
    if (fd >= 0) {
        VLOG_DBG("snapshot %"PRIu64": %"PRIu32" bytes", serial, b->size);
        pp_engine_set_snapshot(ctl->engine, fd, serial,
                               pp_program_n_patches(ctl->program));
    } else {
        ofpbuf_delete(last);
        last = NULL;
    }
    ofpbuf_delete(b);
}

void
pp_snapshot_build_destroy(void)
{
    ofpbuf_delete(last);
    last = NULL;
}
