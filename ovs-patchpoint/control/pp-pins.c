/* SPDX-License-Identifier: Apache-2.0 */

/* Pins; see pp-pins.h.
 *
 * In: the ledger, which the engine writes and which is not believed unchecked.
 * Out: which interfaces have pinned connections, and exact flows for these.
 *
 * Runs in control's main loop.  Owns the ledger's file, which outlives this
 * process and the engine, and the pins.  A pin costs something when it comes
 * and goes, and when its interface changes; how many there are matters only
 * for a look at each record of the ledger when one of them has changed. */

#include <config.h>

#include "pp-pins.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coverage.h"
#include "engine/pp-ledger.h"
#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "pp-control.h"
#include "pp-flows.h"
#include "pp-oftable.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_pins);

COVERAGE_DEFINE(pin_assigned);

/* While a policy leads a connection to the engine anyway, it gets a flow of
 * its own only when it is this old: most that are refused are over before. */
#define YOUNG_MS 100

/* What the ledger says of a connection. */
struct said {
    struct pp_ipc_addr client;
    struct pp_ipc_addr service;
    struct eth_addr mac;        /* The server's... */
    char server[PP_NAME_LEN];   /* ...and its interface's name. */
    uint64_t since;             /* ms, monotonic. */
};

struct pin {
    struct hmap_node hmap_node; /* In 'by_name', by 'said.server'. */
    struct ovs_list new_node;   /* In 'unassigned', or empty. */
    struct ovs_list young_node; /* In 'young', or empty. */
    struct said said;
    struct pp_iface *iface;     /* NULL: no such interface is there. */
    struct pinned *pinned;      /* Its flows; NULL: it has none. */
};

/* The flows of pins on one bridge with the same addresses and ports: those of
 * connections that are alike (engine/pp-alike.h). */
struct pinned {
    struct hmap_node hmap_node; /* In 'all_pinned'. */
    struct pp_ipc_addr client;
    struct pp_ipc_addr service;
    size_t n;                   /* Pins. */
    struct pp_owner owner;
};

static int fd = -1;
static const struct pp_ledger_region *region;
static uint64_t n_changes;
static struct pin *pins[PP_LEDGER_RECORDS];     /* By record; NULL: none. */
static size_t n_assigned;
static struct hmap by_name = HMAP_INITIALIZER(&by_name);
static struct hmap all_pinned = HMAP_INITIALIZER(&all_pinned);
static struct ovs_list unassigned = OVS_LIST_INITIALIZER(&unassigned);
static struct ovs_list young = OVS_LIST_INITIALIZER(&young);
static long long int next_old = LLONG_MAX;      /* When one stops being
                                                 * young. */

/* A file of the right size, all of it there, so that neither side can fall
 * off its end. */
static int
open_ledger(const char *name)
{
    const off_t size = sizeof(struct pp_ledger_region);
    struct stat st;
    int error;
    int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (file >= 0 && !fstat(file, &st) && st.st_size && st.st_size != size) {
        /* Another version's. */
        close(file);
        unlink(name);
        file = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_EXCL,
                    0600);
    }
    if (file < 0) {
        return -errno;
    }
    error = posix_fallocate(file, 0, size);
    if (error) {
        close(file);
        unlink(name);
        return -error;
    }
    return file;
}

void
pp_pins_open(const char *rundir)
{
    char *name = xasprintf("%s/ovs-patchpoint.ledger", rundir);
    int file = open_ledger(name);
    void *p = MAP_FAILED;

    if (file >= 0) {
        p = mmap(NULL, sizeof *region, PROT_READ, MAP_SHARED, file, 0);
    }
    if (p == MAP_FAILED) {
        VLOG_WARN("%s: cannot be made: %s; corrected connections will not "
                  "outlive their engine", name,
                  ovs_strerror(file < 0 ? -file : errno));
        if (file >= 0) {
            close(file);
        }
    } else {
        fd = file;
        region = p;
        n_changes = UINT64_MAX;
    }
    free(name);
}

int
pp_pins_fd(void)
{
    return fd;
}

/* Flows. */

static uint32_t
pinned_hash(const struct pp_bridge *br, const struct said *said)
{
    return hash_2words(hash_bytes(&said->client, sizeof said->client,
                                  br->number),
                       hash_bytes(&said->service, sizeof said->service, 0));
}

static void
flows_remove(struct pin *pin)
{
    struct pinned *p = pin->pinned;

    if (p && !--p->n) {
        pp_owner_destroy(&p->owner);
        hmap_remove(&all_pinned, &p->hmap_node);
        free(p);
    }
    pin->pinned = NULL;
}

static void
flows_add(struct pin *pin)
{
    struct pp_bridge *br = pin->iface->bridge;
    uint32_t hash = pinned_hash(br, &pin->said);
    struct pinned *p;

    if (pin->pinned && pin->pinned->owner.bridge == br) {
        return;
    }
    flows_remove(pin);
    HMAP_FOR_EACH_WITH_HASH (p, hmap_node, hash, &all_pinned) {
        if (p->owner.bridge == br
            && !memcmp(&p->client, &pin->said.client, sizeof p->client)
            && !memcmp(&p->service, &pin->said.service, sizeof p->service)) {
            break;
        }
    }
    if (!p) {
        p = xzalloc(sizeof *p);
        p->client = pin->said.client;
        p->service = pin->said.service;
        pp_owner_init(&p->owner, PP_OWNER_PINS, br);
        pp_owner_touch(&p->owner);
        hmap_insert(&all_pinned, &p->hmap_node, hash);
    }
    p->n++;
    pin->pinned = p;
}

static void
put_flow(struct svec *flows, const struct pp_ipc_addr *src,
         const struct pp_ipc_addr *dst)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(&src->ip);
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "cookie=%#"PRIx64",table=%d,priority=%d,%s",
                  PP_COOKIE, PP_TABLE_POLICY, PP_PRIO_PIN,
                  v4 ? "tcp" : "tcp6");
    pp_flows_put_end(&ds, "src", src);
    pp_flows_put_end(&ds, "dst", dst);
    ds_put_format(&ds, " actions=group:%u", PP_GROUP_CLOSED);
    svec_add_nocopy(flows, ds_steal_cstr(&ds));
}

void
pp_pins_put_flows(const struct pp_owner *owner, struct svec *flows)
{
    const struct pinned *p = CONTAINER_OF(owner, struct pinned, owner);

    put_flow(flows, &p->client, &p->service);
    put_flow(flows, &p->service, &p->client);
}

void
pp_pins_touch_owners(const struct pp_bridge *br)
{
    struct pinned *p;

    HMAP_FOR_EACH (p, hmap_node, &all_pinned) {
        if (p->owner.bridge == br) {
            pp_owner_touch(&p->owner);
        }
    }
}

/* Pins. */

/* Takes 'pin' from its interface, which has to be assigned one anew. */
static void
unassign(struct pp_control *ctl, struct pin *pin)
{
    struct pp_iface *iface = pin->iface;

    flows_remove(pin);
    ovs_list_remove(&pin->young_node);
    ovs_list_init(&pin->young_node);
    if (iface) {
        pin->iface = NULL;
        n_assigned--;
        iface->bridge->n_pins--;
        if (!--iface->n_pins && ctl) {
            pp_iface_touch(ctl, iface);
        }
    }
}

static void
pin_create(size_t record, const struct said *said)
{
    struct pin *pin = xzalloc(sizeof *pin);

    pin->said = *said;
    hmap_insert(&by_name, &pin->hmap_node, hash_string(said->server, 0));
    ovs_list_push_back(&unassigned, &pin->new_node);
    ovs_list_init(&pin->young_node);
    pins[record] = pin;
}

static void
pin_destroy(struct pp_control *ctl, size_t record)
{
    struct pin *pin = pins[record];

    if (pin) {
        unassign(ctl, pin);
        ovs_list_remove(&pin->new_node);
        hmap_remove(&by_name, &pin->hmap_node);
        free(pin);
        pins[record] = NULL;
    }
}

void
pp_pins_close(void)
{
    for (size_t i = 0; i < PP_LEDGER_RECORDS; i++) {
        pin_destroy(NULL, i);
    }
    if (region) {
        munmap(CONST_CAST(struct pp_ledger_region *, region),
               sizeof *region);
        close(fd);
    }
    region = NULL;
    fd = -1;
}

/* Copies what 'head' says, if it is a pin and sensible.  While it is one, only
 * the rest of its record is written, with every packet; if it stops being one
 * meanwhile, 'n_changes' tells. */
static bool
read_pin(const struct pp_ledger_head *head, struct said *said)
{
    struct pp_ledger_head copy;

    if (!*(const volatile uint8_t *) &head->pinned) {
        return false;
    }
    atomic_thread_fence(memory_order_acquire);
    copy = *head;
    if (!copy.used || !copy.pinned
        || copy.server[sizeof copy.server - 1]
        || eth_addr_is_multicast(copy.mac)
        || (IN6_IS_ADDR_V4MAPPED(&copy.client.ip)
            != IN6_IS_ADDR_V4MAPPED(&copy.service.ip))) {
        return false;
    }
    memset(said, 0, sizeof *said);
    said->client = copy.client;
    said->service = copy.service;
    said->mac = copy.mac;
    memcpy(said->server, copy.server, sizeof said->server);
    said->since = copy.since;
    return true;
}

void
pp_pins_run(struct pp_control *ctl)
{
    bool good;

    if (!region
        || *(const volatile uint64_t *) &region->n_changes == n_changes) {
        return;
    }
    n_changes = region->n_changes;
    ctl->dirty = true;
    good = (region->magic == PP_LEDGER_MAGIC
            && region->layout == pp_ledger_layout());
    for (size_t i = 0; i < PP_LEDGER_RECORDS; i++) {
        struct said said;
        bool is = good && read_pin(&region->records[i].head, &said);

        if (pins[i] && (!is || memcmp(&pins[i]->said, &said, sizeof said))) {
            pin_destroy(ctl, i);
        }
        if (is && !pins[i]) {
            pin_create(i, &said);
        }
    }
}

/* Does 'pin', which is assigned, do without flows of its own? */
static bool
is_young(const struct pin *pin, uint64_t now)
{
    return (pin->iface->policy && pin->said.since <= now
            && now - pin->said.since < YOUNG_MS);
}

void
pp_pins_wait(void)
{
    if (next_old != LLONG_MAX) {
        poll_timer_wait_until(next_old);
    }
}

/* Which interface 'pin' is on, or NULL. */
static struct pp_iface *
find_iface(struct pp_control *ctl, const struct pin *pin)
{
    const struct eth_addr mac = pin->said.mac;
    struct pp_iface *iface = pp_iface_find(ctl, pin->said.server);

    if (!iface || !iface->ofport || iface->is_tap
        || (iface->has_mac && !eth_addr_equals(iface->mac, mac))) {
        return NULL;
    }
    if (!iface->has_mac && !eth_addr_equals(iface->mac, mac)) {
        iface->mac = mac;
        pp_iface_touch(ctl, iface);
    }
    return iface;
}

static void
assign(struct pp_control *ctl, struct pin *pin)
{
    struct pp_iface *iface = find_iface(ctl, pin);

    COVERAGE_INC(pin_assigned);
    if (iface != pin->iface) {
        unassign(ctl, pin);
        if (iface) {
            pin->iface = iface;
            n_assigned++;
            iface->bridge->n_pins++;
            if (!iface->n_pins++) {
                pp_iface_touch(ctl, iface);
            }
        }
    }
    if (pin->iface && !pin->pinned && ovs_list_is_empty(&pin->young_node)) {
        ovs_list_push_back(&young, &pin->young_node);
    }
}

void
pp_pins_assign(struct pp_control *ctl)
{
    struct pp_iface *iface;
    struct pin *pin;

    LIST_FOR_EACH_POP (pin, new_node, &unassigned) {
        ovs_list_init(&pin->new_node);
        assign(ctl, pin);
    }
    if (hmap_is_empty(&by_name)) {
        return;
    }
    LIST_FOR_EACH (iface, touched_node, &ctl->touched) {
        HMAP_FOR_EACH_WITH_HASH (pin, hmap_node, hash_string(iface->name, 0),
                                 &by_name) {
            if (!strcmp(pin->said.server, iface->name)) {
                assign(ctl, pin);
            }
        }
    }
}

void
pp_pins_forget(struct pp_iface *iface)
{
    struct pin *pin;

    HMAP_FOR_EACH_WITH_HASH (pin, hmap_node, hash_string(iface->name, 0),
                             &by_name) {
        if (pin->iface == iface) {
            unassign(NULL, pin);
            ovs_list_remove(&pin->new_node);
            ovs_list_push_back(&unassigned, &pin->new_node);
        }
    }
}

size_t
pp_pins_count(void)
{
    return n_assigned;
}

void
pp_pins_age(void)
{
    uint64_t now = (uint64_t) time_msec();
    struct pin *pin;

    next_old = LLONG_MAX;
    LIST_FOR_EACH_SAFE (pin, young_node, &young) {
        if (is_young(pin, now)) {
            next_old = MIN(next_old, (long long int) pin->said.since
                           + YOUNG_MS);
        } else {
            ovs_list_remove(&pin->young_node);
            ovs_list_init(&pin->young_node);
            flows_add(pin);
        }
    }
}
