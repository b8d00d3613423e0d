# SPDX-License-Identifier: Apache-2.0
"""VMs as they really appear: how libvirt, Nova, OVN and Kubernetes write
them, what becomes of them between plug and unplug, and addresses that nobody
wrote down.  Always with a real vulnerable server, and the same exploit
without a policy beside it."""

import os
import re
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import pphost                                               # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
UUID = "5ea9b3bc-9b4a-4b0c-8a57-3a5f8e7c12%02x"


class Case(unittest.TestCase):
    """A lab with a client and, for most tests, one VM whose server runs
    whether it is plugged or not."""

    prefix = "ppv"
    db = False
    vms = ("a", 1),

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, prefix=cls.prefix)
        cls.client = cls.lab.add_client()
        pair = fidelity.load(TRAVERSAL)
        cls.made = []
        for name, host in cls.vms:
            vm = cls.lab.add_server_vm(name, host, plug=False)
            cls.lab.serve(pair, "vulnerable", vm)
            cls.made.append(vm)
        if cls.made:
            cls.vm = cls.made[0]
        cls.lab.start_daemon(db=cls.db)

    def setUp(self):
        self.addCleanup(self.clear)

    def clear(self):
        for vm in self.made:
            self.lab.vsctl("--if-exists", "del-port", vm.ifname)
        self.policy(None)

    def policy(self, value, **more):
        """For the whole host."""
        for key, v in dict(more, policy=value).items():
            if v is None:
                self.lab.vsctl("remove", "Open_vSwitch", ".", "external_ids",
                               "patchpoint-" + key)
            else:
                self.lab.vsctl("set", "Open_vSwitch", ".",
                               "external_ids:patchpoint-%s=%s" % (key, v))
                self.addCleanup(self.lab.vsctl, "remove", "Open_vSwitch",
                                ".", "external_ids", "patchpoint-" + key)

    def plug(self, *settings, vm=None, ids=None, bridge=None, tag=()):
        """In one transaction, as all of them do it."""
        vm = vm or self.vm
        self.lab.vsctl(
            "add-port", bridge or self.lab.bridge, vm.ifname, *tag, "--",
            "set", "Interface", vm.ifname, "mtu_request=[]", *settings,
            *["external_ids:%s=\"%s\"" % item
              for item in (ids or {}).items()])

    def unplug(self, vm=None):
        self.lab.vsctl("del-port", (vm or self.vm).ifname)

    def ids(self, vm=None, **more):
        """What libvirt writes (virNetDevOpenvswitchAddPort)."""
        vm = vm or self.vm
        ids = {"attached-mac": vm.mac, "iface-id": UUID % 1,
               "vm-id": UUID % 2, "iface-status": "active"}
        ids.update(more)
        return ids

    def link(self, short):
        """A veth pair, for one test."""
        ends = self.lab.add_link(short)
        for dev in ends:
            pphost.set_offloads(dev, False)
        self.addCleanup(pphost.run, ["ip", "link", "del", ends[0]],
                        check=False)
        return ends

    def set_address(self, mac, vm):
        """In the VM, and whoever remembers it forgets."""
        vm.run(["ip", "link", "set", "eth0", "address", mac])
        self.client.run(["ip", "neigh", "flush", "dev", "eth0"])

    def readdress(self, mac, vm=None):
        """The same for one test."""
        vm = vm or self.vm
        self.set_address(mac, vm)
        self.addCleanup(self.set_address, vm.mac, vm)

    def harmed(self, vm=None, host=None, client=None):
        """Does the exploit work?  It has to be answered in any case."""
        seen = talk(client or self.client, host
                    or pplab.address(vm or self.vm), EXPLOIT)
        self.assertTrue(seen.statuses)
        return SECRET in seen.bytes

    def protected(self, vm=None):
        self.lab.wait_status((vm or self.vm).ifname, "protected", 15)
        self.assertFalse(self.harmed(vm))

    def status(self, begins, vm=None):
        vm = vm or self.vm
        self.lab.wait_status(vm.ifname, begins, 15)
        return self.lab.status(vm.ifname)

    def wait_text(self, text, vm=None):
        vm = vm or self.vm
        wait_for("status of %s has %r (is %r)" % (
            vm.ifname, text, self.lab.status(vm.ifname)),
            lambda: text in self.lab.status(vm.ifname), 15)


class Written(Case):
    """As each of them writes a VM."""

    def way(self, ids, *settings, **kwargs):
        self.plug(*settings, ids=ids, **kwargs)
        self.assertTrue(self.harmed())
        self.policy("all")
        self.protected()

    def test_libvirt(self):
        "libvirt: attached-mac, iface-id, vm-id, iface-status"
        self.way(self.ids())

    def test_nova(self):
        "Nova's os-vif: vm-uuid, and an MTU that it asks for"
        self.way({"attached-mac": self.vm.mac, "iface-id": UUID % 1,
                  "vm-uuid": UUID % 2, "iface-status": "active"},
                 "mtu_request=1450")

    def test_ovn(self):
        "OVN: what ovn-controller adds, on a bridge with tables of its own"
        self.lab.vsctl("set", "Bridge", self.lab.bridge, "fail_mode=secure")
        self.addCleanup(self.lab.vsctl, "clear", "Bridge", self.lab.bridge,
                        "fail_mode")
        for flow in ("table=0,priority=100 actions=load:1->NXM_NX_REG14[],"
                     "resubmit(,8)",
                     "table=8,priority=50 actions=load:2->OXM_OF_METADATA[],"
                     "resubmit(,37)",
                     "table=37,priority=0 actions=NORMAL"):
            self.lab.ofctl("add-flow", self.lab.bridge, flow)
        self.addCleanup(self.lab.ofctl, "--strict", "del-flows",
                        self.lab.bridge, "table=0,priority=100")
        self.way({"attached-mac": self.vm.mac, "iface-id": UUID % 1,
                  "iface-status": "active", "vm-id": UUID % 2,
                  "ovn-installed": "true", "ovn-installed-ts": "1700000000"})

    def test_ovn_kubernetes(self):
        "OVN-Kubernetes: attached_mac, sandbox, ip_addresses"
        self.way({"attached_mac": self.vm.mac, "iface-id": "default_web-0",
                  "iface-id-ver": UUID % 3, "sandbox": "0f" * 32,
                  "ip_addresses": "10.77.0.1/24", "ovn-installed": "true"})

    def test_antrea(self):
        "Antrea: attached-mac, container-id, pod-name, ip-address"
        self.way({"attached-mac": self.vm.mac, "container-id": "0f" * 32,
                  "pod-name": "web-0", "pod-namespace": "default",
                  "ip-address": "10.77.0.1"})

    def test_access(self):
        "a VLAN's access port"
        self.lab.vsctl("set", "Port", self.client.ifname, "tag=10")
        self.addCleanup(self.lab.vsctl, "clear", "Port", self.client.ifname,
                        "tag")
        self.way(self.ids(), tag=["tag=10"])

    def test_not_made(self):
        "a type that this switch has not: the status says why"
        self.policy("all")
        self.plug("type=dpdkvhostuserclient",
                  "options:vhost-server-path=/tmp/vhu0", ids=self.ids())
        status = self.status("error")
        self.assertIn("the switch cannot make this port", status)
        self.assertIn(self.vm.ifname, status)

    def test_no_vm(self):
        "no key and no policy of its own: no VM"
        self.policy("all")
        self.plug()
        self.assertTrue(self.harmed())
        self.assertEqual(self.lab.status(self.vm.ifname), "")


class Learned(Case):
    """Addresses that nobody wrote down."""

    prefix = "ppw"
    vms = ("a", 1), ("b", 2)

    def speak(self, text=None, vm=None):
        """Has the VM send frames until its status has 'text'."""
        vm = vm or self.vm
        wait_for("status of %s has %r" % (vm.ifname, text), lambda: (
            self.send(vm), (text or vm.mac) in self.lab.status(vm.ifname))[1],
            15)

    @staticmethod
    def send(vm):
        """Whereupon the switch takes the VM's address for its own, too."""
        with vm.inside(), socket.socket(socket.AF_INET,
                                        socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("10.77.0.250", 9))

    def test_learned(self):
        "learned from the first frame, by iface-id alone"
        self.plug(ids={"iface-id": UUID % 1})
        self.policy("all")
        self.wait_text("it has not sent a frame")
        self.assertTrue(self.harmed())
        self.wait_text(self.vm.mac)
        self.protected()
        self.assertEqual(self.lab.get(
            "Interface", self.vm.ifname, "external_ids", "patchpoint-mac"),
            self.vm.mac)

    def test_policy_of_its_own(self):
        "an interface with no mark but a policy of its own"
        self.plug(ids={"patchpoint-policy": TRAVERSAL})
        self.speak()
        self.protected()

    def test_goes_with_the_policy(self):
        "what was written goes with the policy"
        self.plug(ids={"iface-id": UUID % 1})
        self.policy("all")
        self.speak()
        self.protected()
        self.policy(None)
        wait_for("no key is left", lambda: "patchpoint" not in self.lab.get(
            "Interface", self.vm.ifname, "external_ids"))
        self.assertTrue(self.harmed())

    def test_daemon_anew(self):
        "a new daemon knows it, though the VM is silent"
        self.plug(ids={"iface-id": UUID % 1})
        self.policy("all")
        self.speak()
        self.protected()
        self.lab.stop_control(9)
        self.lab.start_daemon()
        self.assertFalse(self.harmed())
        self.protected()

    def test_other_address(self):
        "plugged anew with another address: that one is learned"
        self.plug(ids={"iface-id": UUID % 1})
        self.policy("all")
        self.speak()
        self.protected()
        self.unplug()
        other = "52:54:00:77:01:01"
        self.readdress(other)
        self.plug(ids={"iface-id": UUID % 1})
        self.speak(other)
        self.protected()

    def test_forged(self):
        "a VM that sends from another's address takes nothing from it"
        a, b = self.made
        self.plug(ids=self.ids())
        self.policy("all")
        self.protected()
        self.readdress(a.mac, b)
        self.plug(vm=b, ids={"iface-id": UUID % 9})
        self.speak("interface %s's" % a.ifname, b)
        self.set_address(b.mac, b)
        # The switch itself takes the address to be where it last came from.
        at = r"^ *%s +0 +%s " % (self.lab.get("Interface", a.ifname,
                                              "ofport"), a.mac)
        wait_for("the switch has it at its own port again", lambda: (
            self.send(a), re.search(at, self.lab.appctl(
                "fdb/show", self.lab.bridge).stdout, re.M))[1])
        self.protected()
        # And it gets what is its own.
        self.speak(vm=b)
        self.protected(b)
        self.protected(a)

    def test_forged_first(self):
        "an address learned first gives way to one that is written"
        a, b = self.made
        self.readdress(a.mac, b)
        self.policy("all")
        self.plug(vm=b, ids={"iface-id": UUID % 9})
        self.speak(a.mac, b)
        b.run(["ip", "link", "set", "eth0", "down"])
        self.addCleanup(b.run, ["ip", "addr", "replace", "fd77::2/64", "dev",
                                "eth0", "nodad"])
        self.addCleanup(b.run, ["ip", "link", "set", "eth0", "up"])
        self.plug(ids=self.ids())
        self.protected(a)
        wait_for("it has it no more", lambda: not self.lab.status(
            b.ifname).startswith("protected"))
        self.protected(a)


class Changes(Case):
    """What becomes of a VM while it is there."""

    prefix = "ppx"

    def begin(self):
        self.plug(ids=self.ids())
        self.assertTrue(self.harmed())
        self.policy("all")
        self.protected()

    def test_replug(self):
        "unplugged, and plugged with another port number"
        self.begin()
        before = self.lab.get("Interface", self.vm.ifname, "ofport")
        self.unplug()
        self.plug("ofport_request=77", ids=self.ids())
        self.protected()
        self.assertNotEqual(self.lab.get("Interface", self.vm.ifname,
                                         "ofport"), before)

    def test_renumbered(self):
        "another port number without being unplugged"
        self.begin()
        self.lab.vsctl("set", "Interface", self.vm.ifname,
                       "ofport_request=99")
        wait_for("the number", lambda: self.lab.get(
            "Interface", self.vm.ifname, "ofport") == "99")
        self.protected()

    def test_rename(self):
        "another name for the port"
        self.begin()
        old = self.vm.ifname
        self.unplug()
        self.rename_device(old, old + "x")
        self.vm.ifname = old + "x"

        def back():
            self.lab.vsctl("--if-exists", "del-port", old + "x")
            self.rename_device(old + "x", old)
            pphost.run(["ip", "link", "set", old, "up"])
            self.vm.ifname = old
        self.addCleanup(back)
        pphost.run(["ip", "link", "set", old + "x", "up"])
        self.plug(ids=self.ids())
        self.protected()

    def test_told_by_the_switch(self):
        "its flows come with its port, however late the database says it"
        self.policy("all")
        name = self.vm.ifname
        self.addCleanup(pphost.run, ["ip", "link", "set", name, "up"])
        self.rename_device(name, name + "x")
        self.addCleanup(self.rename_device, name + "x", name, check=False)
        self.plug(ids=self.ids())
        self.wait_text("the switch cannot make this port")

        self.lab.ovsdb.send_signal(signal.SIGSTOP)
        self.addCleanup(self.lab.ovsdb.send_signal, signal.SIGCONT)
        self.rename_device(name + "x", name)
        pphost.run(["ip", "link", "set", name, "up"])
        wait_for("the port is there", lambda: "(%s)" % name in
                 self.lab.ofctl("show", self.lab.bridge), 5)
        number = re.search(r"(\d+)\(%s\)" % name, self.lab.ofctl(
            "show", self.lab.bridge)).group(1)
        wait_for("its flows are there", lambda: "in_port=%s " % number in
                 self.lab.ofctl("--no-names", "dump-flows", self.lab.bridge,
                                "table=0"), 5)
        self.assertFalse(self.harmed())

        self.lab.ovsdb.send_signal(signal.SIGCONT)
        self.protected()
        self.unplug()
        self.plug(ids=self.ids())
        self.protected()

    @staticmethod
    def rename_device(name, to, check=True):
        pphost.run(["ip", "link", "set", name, "down"], check=check)
        pphost.run(["ip", "link", "set", name, "name", to], check=check)

    def test_mac(self):
        "another MAC address"
        self.begin()
        other = "52:54:00:77:02:01"
        self.readdress(other)
        self.lab.vsctl("set", "Interface", self.vm.ifname,
                       "external_ids:attached-mac=\"%s\"" % other)
        wait_for("the exploit is corrected", lambda: not self.harmed(), 15)
        self.protected()

    def test_policy(self):
        "another policy, and none"
        self.begin()
        self.policy("none")
        wait_for("the exploit works", self.harmed, 15)
        self.lab.set_ids(self.vm, policy=TRAVERSAL)
        self.protected()
        self.lab.set_ids(self.vm, policy="CVE-2021-22959")
        wait_for("the exploit works", self.harmed, 15)

    def test_bridge(self):
        "the bridge is deleted, and made again"
        self.begin()
        br = self.lab.bridge
        for _ in range(2):
            self.lab.vsctl("del-br", br)
            self.lab.vsctl("add-br", br, "--", "set", "Bridge", br,
                           "datapath_type=" + pphost.DATAPATH, "--",
                           "add-port", br, self.client.ifname)
            self.plug(ids=self.ids())
            self.protected()

    def test_bridge_at_once(self):
        "the same in one transaction"
        self.begin()
        br = self.lab.bridge
        self.lab.vsctl("del-br", br, "--", "add-br", br, "--", "set",
                       "Bridge", br,
                       "datapath_type=" + pphost.DATAPATH, "--",
                       "add-port", br, self.client.ifname)
        self.plug(ids=self.ids())
        self.protected()

    def test_status(self):
        "iface-status: inactive, and active again"
        self.begin()
        self.lab.vsctl("set", "Interface", self.vm.ifname,
                       "external_ids:iface-status=inactive")
        self.assertIn("inactive", self.status("uninspected"))
        self.lab.vsctl("set", "Interface", self.vm.ifname,
                       "external_ids:iface-status=active")
        self.protected()

    def twin(self, **more):
        """Another port that says that it is the same VM's; nothing is behind
        it."""
        dev, _ = self.link("0t")
        self.addCleanup(self.lab.vsctl, "--if-exists", "del-port", dev)
        self.lab.vsctl(
            "add-port", self.lab.bridge, dev, "--", "set", "Interface", dev,
            *["external_ids:%s=\"%s\"" % item
              for item in self.ids(**more).items()])
        return dev

    def test_inactive_twin(self):
        "an inactive port of the same VM is in nobody's way"
        self.begin()
        twin = self.twin(**{"iface-status": "inactive"})
        self.lab.wait_status(twin, "uninspected: external_ids:iface-status")
        self.protected()

    def test_left_over_twin(self):
        "nor is one whose device is gone"
        self.begin()
        twin = self.twin()
        pphost.run(["ip", "link", "del", twin])
        self.lab.wait_status(twin, "error: its MAC address")
        self.protected()


class Bridges(Case):
    """VMs with more than one port or bridge between them and the world."""

    prefix = "ppy"

    def clear(self):
        super().clear()
        for port in self.lab.vsctl("list-ports", self.lab.bridge).split():
            if port != self.client.ifname:
                self.lab.vsctl("--if-exists", "del-port", port)

    def bridge(self, short):
        """Another bridge, for one test."""
        name = self.lab.add_bridge(short)
        self.addCleanup(self.lab.vsctl, "--if-exists", "del-br", name)
        return name

    def patch(self, a, b, names, a_args=(), b_args=(), ids=None):
        """A pair of patch ports; 'ids' are for the one on 'a'."""
        one, two = [self.lab.name(n) for n in names]
        for br, port, peer, args in ((a, one, two, a_args),
                                     (b, two, one, b_args)):
            self.lab.vsctl("add-port", br, port, *args, "--", "set",
                           "Interface", port, "type=patch",
                           "options:peer=" + peer)
        self.lab.vsctl("set", "Interface", one, "type=patch",
                       *["external_ids:%s=\"%s\"" % item
                         for item in (ids or {}).items()])
        return one

    def test_hybrid(self):
        "Nova's hybrid bridge: a Linux bridge between VM and switch"
        qbr = self.lab.name("q")
        qvo, qvb = self.link("v")
        pphost.run(["ip", "link", "add", qbr, "type", "bridge"])
        self.addCleanup(pphost.run, ["ip", "link", "del", qbr])
        for dev in self.vm.ifname, qvb:
            pphost.run(["ip", "link", "set", dev, "master", qbr])
            self.addCleanup(pphost.run, ["ip", "link", "set", dev,
                                         "nomaster"])
        pphost.run(["ip", "link", "set", qbr, "up"])
        self.lab.vsctl("add-port", self.lab.bridge, qvo, "--", "set",
                       "Interface", qvo,
                       *["external_ids:%s=\"%s\"" % item
                         for item in self.ids().items()])
        wait_for("the exploit works", self.harmed)
        self.policy("all")
        self.lab.wait_status(qvo, "protected", 15)
        self.assertFalse(self.harmed())

    def test_trunk(self):
        "a trunk port, whose VM tags its frames itself"
        # Inside of the VM, as it were: a switch that tags.
        inside = self.bridge("i")
        port, end = self.link("t")
        self.lab.vsctl("add-port", inside, end, "trunks=10")
        self.plug(bridge=inside, tag=["tag=10"])
        self.lab.vsctl("set", "Port", self.client.ifname, "tag=10")
        self.addCleanup(self.lab.vsctl, "clear", "Port", self.client.ifname,
                        "tag")
        self.lab.vsctl("add-port", self.lab.bridge, port, "trunks=10,20",
                       "--", "set", "Interface", port,
                       *["external_ids:%s=\"%s\"" % item
                         for item in self.ids().items()])
        wait_for("the exploit works", self.harmed)
        self.policy("all")
        self.lab.wait_status(port, "protected", 15)
        self.assertFalse(self.harmed())

    def test_trunk_bridge(self):
        "Neutron's trunk bridge: the parent's tap on it"
        tbr = self.bridge("tbr-")
        self.patch(self.lab.bridge, tbr, ("tpi-", "tpt-"), ["tag=3"],
                   ids={"attached-mac": self.vm.mac, "iface-id": UUID % 1})
        self.lab.vsctl("set", "Port", self.client.ifname, "tag=3")
        self.addCleanup(self.lab.vsctl, "clear", "Port", self.client.ifname,
                        "tag")
        self.plug(bridge=tbr, ids=self.ids())
        self.assertTrue(self.harmed())
        self.policy("all")
        self.protected()

    def test_subport(self):
        "and a subport, whose address stands at a patch port alone"
        tbr = self.bridge("tbr-")
        inside = self.bridge("i")
        port, end = self.link("t")
        self.lab.vsctl("add-port", inside, end)
        self.plug(bridge=inside, tag=["tag=101"])
        self.lab.vsctl(
            "add-port", tbr, port, "--", "set", "Interface", port,
            *["external_ids:%s=\"%s\"" % item for item in self.ids(
                **{"attached-mac": "52:54:00:77:09:09"}).items()])
        spi = self.patch(self.lab.bridge, tbr, ("spi-", "spt-"), ["tag=4"],
                         ["tag=101"], {"attached-mac": self.vm.mac,
                                       "iface-id": UUID % 5})
        self.lab.vsctl("set", "Port", self.client.ifname, "tag=4")
        self.addCleanup(self.lab.vsctl, "clear", "Port", self.client.ifname,
                        "tag")
        wait_for("the exploit works", self.harmed)
        self.policy("all")
        self.lab.wait_status(spi, "protected", 15)
        self.assertFalse(self.harmed())

    def test_two_interfaces(self):
        "two interfaces of one VM, each with its own policy"
        second = pphost.Vm(self.lab, self.lab.bridge, self.vm.netns,
                           self.lab.name("a2"), "52:54:00:77:00:11",
                           ["10.78.0.1/24"])
        pphost.run(["ip", "link", "add", second.ifname, "type", "veth",
                    "peer", "name", "eth1", "netns", second.netns,
                    "address", second.mac])
        self.addCleanup(pphost.run, ["ip", "link", "del", second.ifname])
        pphost.set_offloads(second.ifname, False)
        pphost.set_offloads("eth1", False, second.netns)
        pphost.run(["ip", "link", "set", second.ifname, "up"])
        second.run(["ip", "link", "set", "eth1", "up"])
        second.run(["ip", "addr", "add", "10.78.0.1/24", "dev", "eth1"])
        self.client.run(["ip", "addr", "add", "10.78.0.250/24", "dev",
                         "eth0"])
        self.addCleanup(self.client.run, ["ip", "addr", "del",
                                          "10.78.0.250/24", "dev", "eth0"])
        # Each interface answers for its own addresses.
        second.run(["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1"])
        self.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", second,
                       host="10.78.0.1")
        self.plug(ids=self.ids())
        self.plug(vm=second, ids=self.ids(second, **{"iface-id": UUID % 7}))
        self.assertTrue(self.harmed())
        self.assertTrue(self.harmed(second))
        self.policy("all")
        self.lab.set_ids(second, policy="none")
        self.protected()
        self.assertTrue(self.harmed(second))
        self.lab.clear_ids(second, "policy")
        self.protected(second)
        self.protected()

    def test_internal(self):
        "an internal port, whose address the switch knows"
        port = self.lab.name("int")
        self.lab.vsctl("add-port", self.lab.bridge, port, "--", "set",
                       "Interface", port, "type=internal",
                       "external_ids:iface-id=" + UUID % 1)
        netns = self.lab.name("n")
        pphost.run(["ip", "netns", "add", netns])
        self.addCleanup(pphost.run, ["ip", "netns", "del", netns])
        pphost.run(["ip", "link", "set", port, "netns", netns])
        vm = pphost.Vm(self.lab, self.lab.bridge, netns, port, None,
                       ["10.77.0.3/24"])
        vm.run(["ip", "link", "set", port, "up"])
        vm.run(["ip", "addr", "add", "10.77.0.3/24", "dev", port])
        pphost.set_offloads(port, False, netns)
        server = self.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", vm)
        self.addCleanup(server.stop)
        self.assertTrue(self.harmed(vm))
        self.policy("all")
        self.protected(vm)

    # Migration: two bridges are two hosts.

    def host(self):
        """Another host, which has a client too."""
        br = self.bridge("h")
        self.patch(self.lab.bridge, br, ("u1", "u2"))
        there = self.lab.add_server_vm("d", 251, plug=False)
        self.addCleanup(there.unplug)
        self.lab.vsctl("add-port", br, there.ifname)
        return br, there

    def half(self, br, short):
        """The VM's other half: a port that says it is active, with nothing
        behind it."""
        dev, _ = self.link(short)
        self.lab.vsctl(
            "add-port", br, dev, "--", "set", "Interface", dev,
            *["external_ids:%s=\"%s\"" % item
              for item in self.ids().items()])
        self.lab.wait_status(dev, "protected", 15)
        return dev

    def well(self, *clients):
        """Ordinary requests are answered, exploits corrected, on connections
        of their own and on one."""
        for client in clients:
            for steps in ((get(b"/hello.txt"),), (EXPLOIT,),
                          (get(b"/hello.txt"), fidelity.WAIT, EXPLOIT)):
                seen = talk(client, pplab.address(self.vm), *steps)
                self.assertEqual(len(seen.statuses), len(
                    [s for s in steps if s is not fidelity.WAIT]))
                self.assertNotIn(SECRET, seen.bytes)

    def test_migration(self):
        "active on two hosts, before and after it moves"
        br, there = self.host()
        self.plug(ids=self.ids())
        self.assertTrue(self.harmed())
        self.assertTrue(self.harmed(client=there))
        self.policy("all")
        self.protected()
        target = self.half(br, "m")
        self.well(self.client, there)

        self.unplug()
        self.lab.vsctl("del-port", target)
        self.half(self.lab.bridge, "o")
        self.plug(bridge=br, ids=self.ids())
        self.lab.wait_status(self.vm.ifname, "protected")
        with self.vm.inside(), socket.socket(socket.AF_INET,
                                             socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("10.77.0.250", 9))
        self.well(there, self.client)


if __name__ == "__main__":
    unittest.main()
