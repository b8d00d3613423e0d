/* SPDX-License-Identifier: Apache-2.0 */

/* Pins; see pp-pins.h.
 *
 * In: the ledger, which the engine writes and which is not believed unchecked.
 * Out: which interfaces have pinned connections, and exact flows for these.
 *
 * Runs in control's main loop.  Owns the ledger's file, which outlives this
 * process and the engine, and the list of pins. */

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

#include "engine/pp-ledger.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
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

/* While a policy leads a connection to the engine anyway, it gets a flow of
 * its own only when it is this old: most that are refused are over before. */
#define YOUNG_MS 100

static int fd = -1;
static const struct pp_ledger_region *region;
static uint64_t n_changes;
static struct pp_pin *pins;
static size_t n_pins, allocated_pins;
static bool unassigned;         /* Pins, or the interfaces that have some, are
                                 * others than when they were assigned. */
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

void
pp_pins_close(void)
{
    if (region) {
        munmap(CONST_CAST(struct pp_ledger_region *, region),
               sizeof *region);
        close(fd);
    }
    region = NULL;
    fd = -1;
    free(pins);
    pins = NULL;
    n_pins = allocated_pins = 0;
}

int
pp_pins_fd(void)
{
    return fd;
}

/* Copies what 'head' says, if it is a pin and sensible.  While it is one, only
 * the rest of its record is written, with every packet; if it stops being one
 * meanwhile, 'n_changes' tells. */
static bool
read_pin(const struct pp_ledger_head *head, struct pp_pin *pin)
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
    memset(pin, 0, sizeof *pin);
    pin->client = copy.client;
    pin->service = copy.service;
    pin->mac = copy.mac;
    memcpy(pin->server, copy.server, sizeof pin->server);
    pin->since = copy.since;
    return true;
}

void
pp_pins_run(struct pp_control *ctl)
{
    if (!region
        || *(const volatile uint64_t *) &region->n_changes == n_changes) {
        return;
    }
    n_changes = region->n_changes;
    n_pins = 0;
    unassigned = ctl->dirty = true;
    if (region->magic != PP_LEDGER_MAGIC
        || region->layout != pp_ledger_layout()) {
        return;
    }
    for (size_t i = 0; i < PP_LEDGER_RECORDS; i++) {
        if (n_pins >= allocated_pins) {
            pins = x2nrealloc(pins, &allocated_pins, sizeof *pins);
        }
        n_pins += read_pin(&region->records[i].head, &pins[n_pins]);
    }
}

static bool
is_young(const struct pp_pin *pin, uint64_t now)
{
    return (pin->iface && pin->iface->policy && pin->since <= now
            && now - pin->since < YOUNG_MS);
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
find_iface(const struct pp_control *ctl, const struct pp_pin *pin)
{
    struct pp_iface *iface = pp_iface_find(ctl, pin->server);

    if (!iface || !iface->ofport || iface->is_tap
        || (iface->has_mac && !eth_addr_equals(iface->mac, pin->mac))) {
        return NULL;
    }
    if (!iface->has_mac && !eth_addr_equals(iface->mac, pin->mac)) {
        iface->mac = pin->mac;
        iface->n_pins_before = 0;       /* Not as it was. */
    }
    return iface;
}

void
pp_pins_assign(struct pp_control *ctl)
{
    struct pp_iface *iface;
    struct pp_bridge *br;

    if (!unassigned && (!n_pins || ovs_list_is_empty(&ctl->touched))) {
        return;
    }
    unassigned = false;
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        br->n_pins = 0;
        pp_owner_touch(&br->pins);
    }
    LIST_FOR_EACH (iface, pinned_node, &ctl->pinned) {
        iface->n_pins_before = iface->n_pins;
        iface->n_pins = 0;
    }
    for (size_t i = 0; i < n_pins; i++) {
        struct pp_pin *pin = &pins[i];

        iface = find_iface(ctl, pin);
        pin->iface = iface;
        if (iface) {
            if (ovs_list_is_empty(&iface->pinned_node)) {
                ovs_list_push_back(&ctl->pinned, &iface->pinned_node);
                iface->n_pins_before = 0;
            }
            iface->n_pins++;
            iface->bridge->n_pins++;
        }
    }
    LIST_FOR_EACH_SAFE (iface, pinned_node, &ctl->pinned) {
        if (!iface->n_pins != !iface->n_pins_before) {
            pp_iface_touch(ctl, iface);
        }
        if (!iface->n_pins) {
            ovs_list_remove(&iface->pinned_node);
            ovs_list_init(&iface->pinned_node);
        }
    }
}

void
pp_pins_forget(struct pp_iface *iface)
{
    for (size_t i = 0; i < n_pins; i++) {
        if (pins[i].iface == iface) {
            pins[i].iface = NULL;
            iface->bridge->n_pins--;
        }
    }
    unassigned = true;
}

size_t
pp_pins_count(void)
{
    size_t n = 0;

    for (size_t i = 0; i < n_pins; i++) {
        n += pins[i].iface != NULL;
    }
    return n;
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
pp_pins_put_flows(const struct pp_bridge *br, struct svec *flows)
{
    uint64_t now = (uint64_t) time_msec();

    for (size_t i = 0; i < n_pins; i++) {
        const struct pp_pin *pin = &pins[i];

        if (pin->iface && pin->iface->bridge == br && !is_young(pin, now)) {
            put_flow(flows, &pin->client, &pin->service);
            put_flow(flows, &pin->service, &pin->client);
        }
    }
    /* Of connections that are alike the same ones (engine/pp-alike.h). */
    svec_sort_unique(flows);
}

void
pp_pins_age(struct pp_control *ctl)
{
    uint64_t now = (uint64_t) time_msec();
    struct pp_bridge *br;

    if (next_old != LLONG_MAX && time_msec() >= next_old) {
        HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
            pp_owner_touch(&br->pins);
        }
    }
    next_old = LLONG_MAX;
    for (size_t i = 0; i < n_pins; i++) {
        if (is_young(&pins[i], now)) {
            next_old = MIN(next_old, (long long int) pins[i].since
                           + YOUNG_MS);
        }
    }
}
