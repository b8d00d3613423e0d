/* SPDX-License-Identifier: Apache-2.0 */

/* Taps: the port by which a bridge's frames reach the engine.
 *
 * In: which bridges have something to protect, their MTUs, the switch's
 * number for our port.  Out: a persistent tap device a bridge, quiet, with
 * virtio-net headers and offloads, and its Port and Interface rows, which
 * carry our mark in external_ids so that what a crash left over is found
 * again.
 *
 * The device is persistent, but control keeps no queue of it open: the engine
 * alone holds it, so that the device loses its carrier the moment the engine
 * dies and the switch's fast-failover group sees it.  When an engine takes
 * over from one that lives, its queue is opened first: the carrier stays, and
 * no frame goes around either.
 *
 * Runs in control's main loop.  Owns the devices and those rows. */

#include <config.h>

#include "pp-tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hash.h"
#include "lib/vswitch-idl.h"
#include "netlink-socket.h"
#include "netlink.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "pp-control.h"
#include "pp-cuts.h"
#include "pp-engine-proc.h"
#include "pp-ofconn.h"
#include "smap.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(pp_tap);

static bool asked;              /* In this pass's transaction. */

/* The MTU covers the largest on the bridge and the slot's tag. */
#define VLAN_TAG_LEN 4
#define DEFAULT_MTU 1500
#define MAX_MTU (65535 - 14)

/* Retry when the device or the port could not be made. */
#define RETRY_MS 2000

/* How often to look whether the device is still there. */
#define LOOK_MS 300

/* How long to wait for ovs-vswitchd to let go of a device. */
#define LET_GO_MS 3000

/* Nothing is said to, learned from, or flooded into the port by NORMAL: it is
 * in no VLAN that there is. */
static const int64_t no_vlan = 4095;

static int
ioctl_name(unsigned long int cmd, const char *name, struct ifreq *ifr)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0) {
        return errno;
    }
    ovs_strzcpy(ifr->ifr_name, name, sizeof ifr->ifr_name);
    error = ioctl(fd, cmd, ifr) < 0 ? errno : 0;
    close(fd);
    return error;
}

/* Opens a queue of 'name', which is made if it is not there.  It may have
 * several, so that one engine can take over from another without the carrier
 * being lost in between. */
static int
attach(const char *name, bool persist)
{
    struct ifreq ifr;
    int hdr_size = sizeof(struct virtio_net_hdr);
    int fd, error;

    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
    ovs_strzcpy(ifr.ifr_name, name, sizeof ifr.ifr_name);
    if (ioctl(fd, TUNSETIFF, &ifr) < 0
        || ioctl(fd, TUNSETVNETHDRSZ, &hdr_size) < 0
        || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0
        || (persist && ioctl(fd, TUNSETPERSIST, 1) < 0)) {
        error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static bool
is_wanted(const struct pp_tap *tap)
{
    return tap && !tap->removing;
}

static bool
may_attach(const struct pp_bridge *br)
{
    return (is_wanted(br->tap) && br->tap->made
            && pp_cuts_may_attach(br));
}

bool
pp_tap_may_attach_all(const struct pp_control *ctl)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (is_wanted(br->tap) && !may_attach(br)) {
            return false;
        }
    }
    return true;
}

static void
open_queue(struct pp_tap *tap)
{
    if (tap->queue < 0) {
        tap->queue = attach(tap->name, false);
    }
}

void
pp_tap_open_early(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (may_attach(br)) {
            open_queue(br->tap);
        }
    }
}

static void
close_queue(struct pp_tap *tap)
{
    if (tap->queue >= 0) {
        close(tap->queue);
    }
    tap->queue = -1;
}

void
pp_tap_engine_gone(struct pp_control *ctl)
{
    struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->tap) {
            br->tap->attached = false;
            close_queue(br->tap);
        }
    }
}

static void
attach_engine(struct pp_control *ctl, const struct pp_bridge *br)
{
    struct pp_tap *tap = br->tap;
    struct pp_ipc_tap msg = {
        .hdr = { PP_IPC_TAP, sizeof msg }, .bridge = br->number,
    };

    open_queue(tap);
    if (tap->queue < 0) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        VLOG_WARN_RL(&rl, "bridge %s: cannot open tap %s: %s",
                     br->name, tap->name, ovs_strerror(-tap->queue));
        return;
    }
    ovs_strlcpy(msg.name, tap->name, sizeof msg.name);
    if (!pp_engine_send(ctl->engine, &msg, sizeof msg, tap->queue)) {
        tap->attached = true;
        ctl->dirty = true;
    }
    close_queue(tap);
}

void
pp_tap_attach_all(struct pp_control *ctl)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (may_attach(br) && !br->tap->attached) {
            attach_engine(ctl, br);
        }
    }
}

/* Writes a file under /proc/sys/net; a kernel without it needs none. */
static void
set_sysctl(const char *family, const char *dev, const char *what,
           const char *value)
{
    char *path = xasprintf("/proc/sys/net/%s/conf/%s/%s", family, dev, what);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        ignore(write(fd, value, strlen(value)));
        close(fd);
    }
    free(path);
}

static int
set_mtu(const char *name, int mtu)
{
    struct ifreq ifr;

    memset(&ifr, 0, sizeof ifr);
    ifr.ifr_mtu = mtu;
    return ioctl_name(SIOCSIFMTU, name, &ifr);
}

/* Nothing on this host may speak through the device: frames come from the
 * engine alone. */
static int
quiet_and_up(const char *name)
{
    struct ifreq ifr;
    int error;

    set_sysctl("ipv6", name, "disable_ipv6", "1");
    set_sysctl("ipv6", name, "autoconf", "0");
    set_sysctl("ipv6", name, "accept_ra", "0");
    set_sysctl("ipv6", name, "addr_gen_mode", "1");

    memset(&ifr, 0, sizeof ifr);
    error = ioctl_name(SIOCGIFFLAGS, name, &ifr);
    if (!error) {
        ifr.ifr_flags |= IFF_UP | IFF_NOARP;
        ifr.ifr_flags &= (short int) ~IFF_MULTICAST;
        error = ioctl_name(SIOCSIFFLAGS, name, &ifr);
    }
    return error;
}

static int
delete_device(const char *name)
{
    unsigned int ifindex = if_nametoindex(name);
    struct ifinfomsg *ifi;
    struct ofpbuf request;
    int error;

    if (!ifindex) {
        return 0;
    }
    ofpbuf_init(&request, 0);
    nl_msg_put_nlmsghdr(&request, sizeof *ifi, RTM_DELLINK,
                        NLM_F_REQUEST | NLM_F_ACK);
    ifi = ofpbuf_put_zeros(&request, sizeof *ifi);
    ifi->ifi_family = AF_UNSPEC;
    ifi->ifi_index = (int) ifindex;
    error = nl_transact(NETLINK_ROUTE, &request, NULL);
    ofpbuf_uninit(&request);
    return error;
}

static const struct pp_iface *
find_iface(const struct pp_control *ctl, const struct pp_bridge *br,
           const char *name)
{
    const struct pp_iface *iface = pp_iface_find(ctl, name);

    return iface && iface->bridge == br ? iface : NULL;
}

/* The port of ours that is on 'br', left over or not, or NULL. */
static const struct pp_iface *
find_ours(const struct pp_bridge *br)
{
    return br->n_taps ? CONTAINER_OF(ovs_list_front(&br->ifaces),
                                     struct pp_iface, node) : NULL;
}

/* Is the device 'name' there, and more than a tap that nobody uses, as a
 * crash may leave it over? */
static bool
is_taken(const struct pp_control *ctl, const char *name)
{
    int fd;

    if (pp_iface_find(ctl, name)) {
        return true;
    }
    if (!if_nametoindex(name)) {
        return false;
    }
    fd = attach(name, false);
    if (fd < 0) {
        return true;
    }
    close(fd);
    return false;
}

/* A device name for 'br' that nobody else has: "pp-BRIDGE", or what fits. */
static char *
choose_name(const struct pp_control *ctl, const struct pp_bridge *br)
{
    char *name = xasprintf("pp-%s", br->name);

    for (uint32_t basis = 0; strlen(name) >= IFNAMSIZ || is_taken(ctl, name);
         basis++) {
        free(name);
        name = xasprintf("pp-%08x", hash_string(br->name, basis));
    }
    return name;
}

static int
wanted_mtu(const struct pp_bridge *br)
{
    return (int) MIN(MAX(br->mtu, DEFAULT_MTU) + VLAN_TAG_LEN, MAX_MTU);
}

static void
set_error(struct pp_tap *tap, char *error)
{
    if (error && (!tap->error || strcmp(error, tap->error))) {
        VLOG_ERR("bridge %s: %s", tap->bridge, error);
    }
    free(tap->error);
    tap->error = error;
    if (error) {
        tap->retry = time_msec() + RETRY_MS;
    }
}

static void
make_device(struct pp_bridge *br, struct pp_tap *tap)
{
    int fd, error;

    if (tap->made || time_msec() < tap->retry) {
        return;
    }
    fd = attach(tap->name, true);
    error = fd < 0 ? -fd : 0;
    /* Busy: a queue is open, so the device is there and ours; an engine that
     * outlived control has it until ours takes over. */
    if (error && !(error == EBUSY && if_nametoindex(tap->name))) {
        set_error(tap, xasprintf("cannot make the tap device %s: %s%s",
                                 tap->name, ovs_strerror(error),
                                 error == EPERM
                                 ? " (ovs-patchpointd needs CAP_NET_ADMIN)"
                                 : error == ENOENT || error == ENODEV
                                 ? " (is the tun module there?)" : ""));
        return;
    }
    if (fd >= 0) {
        close(fd);
    }
    tap->mtu = wanted_mtu(br);
    error = set_mtu(tap->name, tap->mtu);
    if (!error) {
        error = quiet_and_up(tap->name);
    }
    if (error) {
        set_error(tap, xasprintf("cannot set up the tap device %s: %s",
                                 tap->name, ovs_strerror(error)));
        return;
    }
    set_error(tap, NULL);
    tap->made = true;
    tap->ifindex = if_nametoindex(tap->name);
    tap->next_look = time_msec() + LOOK_MS;
    VLOG_INFO("bridge %s: made tap device %s, MTU %d",
              br->name, tap->name, tap->mtu);
}

/* Device or port was deleted by somebody else: the switch has led traffic
 * past the engine, which has missed bytes of its connections.  Another engine
 * goes on with those that were corrected, and lets the others pass. */
static void
lost(struct pp_control *ctl, struct pp_bridge *br, struct pp_tap *tap,
     const char *what)
{
    VLOG_WARN("bridge %s: %s %s was deleted by somebody else; making it again",
              br->name, what, tap->name);
    tap->ofport = 0;
    pp_engine_replace(ctl, xasprintf("%s %s was deleted", what, tap->name));
}

/* Has somebody else deleted the device?  Then the switch's socket is dead too:
 * it would not see what a new device of the same name sends until the port was
 * off the switch. */
static void
look_for_device(struct pp_control *ctl, struct pp_bridge *br,
                struct pp_tap *tap)
{
    unsigned int ifindex;

    if (!tap->made || time_msec() < tap->next_look) {
        return;
    }
    tap->next_look = time_msec() + LOOK_MS;
    ifindex = if_nametoindex(tap->name);
    if (ifindex ? ifindex != tap->ifindex : errno == ENODEV) {
        lost(ctl, br, tap, "tap device");
        tap->made = false;
        tap->again = true;
        tap->gone_deadline = 0;
    }
}

/* Has ovs-vswitchd let go of the device, whose port is out of the
 * database? */
static bool
is_let_go(const struct pp_control *ctl, struct pp_tap *tap)
{
    if (!tap->gone_deadline) {
        tap->gone_cfg = ctl->ovs ? ctl->ovs->next_cfg : 0;
        tap->gone_deadline = time_msec() + LET_GO_MS;
    }
    return (!ctl->ovs || ctl->ovs->cur_cfg >= tap->gone_cfg
            || time_msec() >= tap->gone_deadline);
}

static void
keep_mtu(struct pp_bridge *br, struct pp_tap *tap)
{
    int mtu = wanted_mtu(br);

    if (tap->made && mtu != tap->mtu) {
        int error = set_mtu(tap->name, mtu);

        if (error) {
            VLOG_WARN("bridge %s: cannot set the MTU of %s to %d: %s",
                      br->name, tap->name, mtu, ovs_strerror(error));
        }
        tap->mtu = mtu;
    }
}

/* Has the switch look at the database, as ovs-vsctl does.  Once a transaction,
 * for all bridges. */
static void
ask_switch(struct pp_control *ctl)
{
    if (!asked) {
        asked = true;
        ovsdb_idl_txn_increment(ctl->txn, &ctl->ovs->header_,
                                &ovsrec_open_vswitch_col_next_cfg, false);
    }
}

static void
add_port(struct pp_control *ctl, struct pp_bridge *br, struct pp_tap *tap)
{
    const struct smap ids = SMAP_CONST1(&ids, PP_KEY_TAP, br->name);
    struct ovsrec_interface *iface;
    struct ovsrec_port *port;

    iface = ovsrec_interface_insert(ctl->txn);
    ovsrec_interface_set_name(iface, tap->name);
    ovsrec_interface_set_type(iface, "");
    ovsrec_interface_set_external_ids(iface, &ids);

    port = ovsrec_port_insert(ctl->txn);
    ovsrec_port_set_name(port, tap->name);
    ovsrec_port_set_interfaces(port, &iface, 1);
    ovsrec_port_set_trunks(port, &no_vlan, 1);
    ovsrec_port_set_vlan_mode(port, "trunk");
    ovsrec_port_set_external_ids(port, &ids);

    ovsrec_bridge_update_ports_addvalue(br->row, port);
    ovsdb_idl_txn_add_comment(ctl->txn, "ovs-patchpointd: add port %s",
                              tap->name);
    ask_switch(ctl);
}

static void
del_port(struct pp_control *ctl, struct pp_bridge *br,
         const struct pp_iface *iface)
{
    ovsrec_bridge_update_ports_delvalue(br->row, iface->port);
    ovsdb_idl_txn_add_comment(ctl->txn, "ovs-patchpointd: remove port %s",
                              iface->name);
    ask_switch(ctl);
}

/* Takes the port of a device that was deleted off the switch.  Returns true
 * when both can be made again. */
static bool
is_off(struct pp_control *ctl, struct pp_bridge *br, struct pp_tap *tap)
{
    const struct pp_iface *ours = find_iface(ctl, br, tap->name);

    if (ours) {
        if (ctl->txn) {
            del_port(ctl, br, ours);
        }
    } else if (is_let_go(ctl, tap)) {
        tap->again = false;
        tap->retry = LLONG_MIN;
    }
    return !tap->again;
}

/* Takes over 'name'. */
static struct pp_tap *
new_tap(const struct pp_bridge *br, char *name)
{
    struct pp_tap *tap = xzalloc(sizeof *tap);

    tap->bridge = xstrdup(br->name);
    tap->name = name;
    tap->queue = -1;
    return tap;
}

static void
tap_want(struct pp_control *ctl, struct pp_bridge *br)
{
    const struct pp_iface *ours = find_ours(br);
    struct pp_tap *tap = br->tap;

    if (!tap) {
        tap = br->tap = new_tap(br, (ours ? xstrdup(ours->name)
                                     : choose_name(ctl, br)));
        tap->retry = LLONG_MIN;
        if (ours) {
            VLOG_INFO("bridge %s: taking over port %s", br->name, tap->name);
        }
    }
    tap->removing = false;
    look_for_device(ctl, br, tap);
    if (tap->again && !is_off(ctl, br, tap)) {
        return;
    }
    make_device(br, tap);
    keep_mtu(br, tap);
    if (!tap->made) {
        return;
    }

    ours = find_iface(ctl, br, tap->name);
    if (!ours) {
        if (tap->ofport) {
            lost(ctl, br, tap, "port");
        }
        if (ctl->txn) {
            add_port(ctl, br, tap);
        }
        return;
    }
    if (tap->ofport != ours->ofport) {
        tap->ofport = ours->ofport;
        ctl->dirty = true;
    }
    if (ours->row->error && *ours->row->error) {
        set_error(tap, xasprintf("the switch has not taken port %s: %s",
                                 tap->name, ours->row->error));
    } else if (tap->error) {
        set_error(tap, NULL);
    }
}

void
pp_tap_forget(struct pp_tap *tap)
{
    if (tap) {
        close_queue(tap);
        free(tap->name);
        free(tap->bridge);
        free(tap->error);
        free(tap);
    }
}

/* Takes the port off the switch, waits until ovs-vswitchd has let go of the
 * device, and deletes it.  The flows are gone by now. */
static void
tap_unwant(struct pp_control *ctl, struct pp_bridge *br)
{
    const struct pp_iface *ours = br->row ? find_ours(br) : NULL;
    struct pp_tap *tap = br->tap;
    int error;

    if (ours && !tap) {
        /* Left over.  With a tap the bridge gets its connection, which tells
         * what flows are left over too. */
        if (ctl->txn) {
            VLOG_INFO("bridge %s: removing left-over port %s",
                      br->name, ours->name);
            tap = br->tap = new_tap(br, xstrdup(ours->name));
            tap->made = tap->removing = true;
        }
        return;
    }
    if (br->row && pp_ofconn_has_flows(br->ofconn)) {
        return;
    }
    if (ours) {
        if (ctl->txn) {
            tap->removing = true;
            tap->gone_deadline = 0;
            del_port(ctl, br, ours);
        }
        return;
    }
    if (!tap) {
        return;
    }
    if (!tap->removing) {
        tap->removing = true;
        tap->gone_deadline = 0;
    }
    tap->ofport = 0;
    if (!is_let_go(ctl, tap)) {
        return;
    }
    pp_engine_detach(ctl, br->number, tap->name);
    if (tap->made) {
        error = delete_device(tap->name);
        if (error) {
            VLOG_WARN("bridge %s: cannot delete tap device %s: %s",
                      br->name, tap->name, ovs_strerror(error));
        } else {
            VLOG_INFO("bridge %s: removed tap device %s",
                      br->name, tap->name);
        }
    }
    pp_tap_forget(tap);
    br->tap = NULL;
    ctl->dirty = true;
}

void
pp_tap_run(struct pp_control *ctl)
{
    struct pp_bridge *br;

    asked = false;
    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (pp_bridge_is_used(br)) {
            tap_want(ctl, br);
        } else {
            tap_unwant(ctl, br);
        }
    }
}

void
pp_tap_wait(struct pp_control *ctl)
{
    const struct pp_bridge *br;

    HMAP_FOR_EACH (br, hmap_node, &ctl->bridges) {
        if (br->tap && (br->tap->removing || br->tap->again)
            && br->tap->gone_deadline) {
            poll_timer_wait_until(br->tap->gone_deadline);
        } else if (!br->tap || !pp_bridge_is_used(br)) {
            continue;           /* Nothing, or the switch is waited for. */
        } else if (br->tap->error) {
            poll_timer_wait_until(br->tap->retry);
        } else if (br->tap->made) {
            poll_timer_wait_until(br->tap->next_look);
        }
    }
}
