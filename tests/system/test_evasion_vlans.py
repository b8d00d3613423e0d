# SPDX-License-Identifier: Apache-2.0
"""No way around the engine by VLANs: tenants with the same addresses, the same
MAC address and the same ports, VMs that are in several VLANs, and VLANs that
nobody has seen before.  Each test shows that the exploit does harm where
nothing is protected."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import evasion                                              # noqa: E402
import fidelity                                             # noqa: E402
import pplab                                                # noqa: E402
import rawtcp                                               # noqa: E402
from evasion import EXPLOIT, HARMLESS, PATCH, answered      # noqa: E402
from evasion import exploited                               # noqa: E402

SOURCE = evasion.SOURCE[4]
MAC, IP = "52:54:00:77:00:01", "10.77.0.1"

# As long as the exploit.
FILLER = pplab.get(b"/q?n=" + b"1" * (len(EXPLOIT) - len(
    pplab.get(b"/q?n="))))


class Tenant:
    """A client and a server in a VLAN of their own."""

    def __init__(self, lab, server, client, tag=None):
        self.client = client
        self.vm = server
        self.tag = tag                  # Of frames that the client sends.
        server.run(["ip", "neigh", "replace", SOURCE, "lladdr", client.mac,
                    "dev", "eth0", "nud", "permanent"])
        self.server = lab.serve(fidelity.load(PATCH), "vulnerable", server)
        self.wire = rawtcp.Wire(client)

    def peer(self, port=4000, **kwargs):
        return rawtcp.Peer(self.wire, SOURCE, IP, port, 80, self.vm.mac,
                           **kwargs)

    @property
    def link(self):
        return {"tags": [(rawtcp.VLAN, self.tag)]} if self.tag else {}

    def seen(self):
        """True if the application has had the exploit since the last
        call."""
        lines = self.server.lines()
        self.server.mark()
        return exploited(lines)

    def send_exploit(self, port):
        peer = self.peer(port)
        peer.syn(link=self.link)
        peer.pump(5, lambda: peer.rcv)
        peer.send(b"", flags=rawtcp.ACK, link=self.link)
        peer.say(EXPLOIT, link=self.link)
        peer.pump(1, lambda: evasion.asked(self.server.lines()))


class Vlans(unittest.TestCase):
    """Tenants with the same addresses, in VLANs of their own."""

    @classmethod
    def setUpClass(cls):
        cls.lab = lab = pplab.Lab()
        cls.addClassCleanup(lab.stop)
        lab.start()
        lab.start_daemon()
        cls.furnish()
        for tenant in cls.tenants:
            cls.addClassCleanup(tenant.wire.close)

    @classmethod
    def add(cls, short, bridge, *port_args, mac=MAC, ip=IP):
        vm = cls.lab.add_vm(bridge, short, mac, [ip + "/24"], plug=False)
        cls.lab.vsctl("add-port", bridge, vm.ifname, *port_args)
        return vm

    @classmethod
    def add_client(cls, short, number, *port_args):
        return cls.add(short, cls.lab.bridge, *port_args,
                       mac="52:54:00:77:01:%02x" % number, ip="10.77.0.250")

    def two_at_once(self, a, b, port=4100):
        """The same ports and numbers in two VLANs: each is served as if there
        were no other."""
        peers = [tenant.peer(port) for tenant in (a, b)]
        for peer in peers:
            peer.open()
        for part in range(0, len(HARMLESS), 9):
            for peer in peers:
                peer.say(HARMLESS[part:part + 9])
                self.assertTrue(peer.wait_acked())
        for peer in peers:
            answered(peer)
            self.assertIn(b" 200 ", peer.received)
            peer.send(b"", flags=rawtcp.RST | rawtcp.ACK)

    def other_first(self, a, b, port):
        """One's bytes pass, and then the other's, at the same place."""
        peers = [tenant.peer(port) for tenant in (a, b)]
        for peer in peers:
            peer.open()
        peers[1].say(FILLER)
        peers[1].wait_acked()
        answered(peers[1])
        peers[0].say(EXPLOIT)
        peers[0].pump(2, lambda: peers[0].received)
        for peer in peers:
            peer.send(b"", flags=rawtcp.RST | rawtcp.ACK)


class OneProtected(Vlans):
    """A protected VM, and another tenant's with the same addresses."""

    @classmethod
    def furnish(cls):
        cls.tenants = [
            Tenant(cls.lab, cls.add("a", cls.lab.bridge, "tag=10"),
                   cls.add_client("ca", 1, "tag=10")),
            Tenant(cls.lab, cls.add("b", cls.lab.bridge, "tag=20",
                                    mac="52:54:00:77:00:02"),
                   cls.add_client("cb", 2, "tag=20"))]
        cls.lab.vsctl("set", "Interface", cls.tenants[0].vm.ifname,
                      "external_ids:attached-mac=\"%s\"" % MAC)
        cls.lab.protect(cls.tenants[0].vm, PATCH)

    def test_each(self):
        "the exploit does its harm in one VLAN, and not in the other"
        a, b = self.tenants
        for i, tenant in enumerate((a, b, a)):
            tenant.send_exploit(4000 + i)
        self.assertFalse(a.seen())
        self.assertTrue(b.seen())

    def test_two_at_once(self):
        "connections of the same ports and numbers do not disturb each other"
        self.two_at_once(*self.tenants)

    def test_other_first(self):
        "what passes in one VLAN is not taken for what was said in the other"
        a, b = self.tenants
        self.other_first(a, b, 4200)
        self.assertFalse(a.seen())
        self.other_first(b, a, 4201)
        self.assertTrue(b.seen())
        self.assertFalse(a.seen())


class Trunk(Vlans):
    """A protected VM that is in three VLANs, with the same addresses in each:
    a switch in the VM leads them to a namespace each."""

    @classmethod
    def furnish(cls):
        lab = cls.lab
        cls.inner = inner = lab.add_bridge("in")
        cls.port, cls.far = lab.add_link("t", bridge=lab.bridge)
        lab.vsctl("add-port", inner, cls.far)
        clients = [cls.add_client("c%d" % vlan, vlan, "tag=%d" % vlan)
                   for vlan in (10, 20)]
        # This one's port is in all VLANs.
        clients.append(cls.add_client("c30", 30))
        cls.tenants = [
            Tenant(lab, cls.add("v%d" % vlan, inner, "tag=%d" % vlan),
                   client, vlan if vlan == 30 else None)
            for vlan, client in zip((10, 20, 30), clients)]
        cls.tenants.append(cls.translated())
        lab.vsctl("set", "Interface", cls.port,
                  "external_ids:attached-mac=\"%s\"" % MAC)
        lab.vsctl("set", "Interface", cls.port,
                  "external_ids:patchpoint-policy=" + PATCH,
                  "external_ids:patchpoint-mode=off")

    @classmethod
    def translated(cls):
        """One whose client is in VLAN 41 and whose server is in VLAN 40: a
        controller leads the frames from one to the other."""
        lab = cls.lab
        client = cls.add_client("c41", 41, "tag=41")
        near, far = (lab.get("Interface", name, "ofport")
                     for name in (client.ifname, cls.port))
        for flow in ("in_port=%s actions=push_vlan:0x8100,"
                     "set_field:4136->vlan_vid,output:%s" % (near, far),
                     "in_port=%s,dl_vlan=40 actions=pop_vlan,output:%s"
                     % (far, near)):
            lab.ofctl("add-flow", lab.bridge, "priority=7," + flow)
        return Tenant(lab, cls.add("v40", cls.inner, "tag=40"), client)

    def setUp(self):
        self.mode("off")

    def mode(self, mode):
        self.lab.vsctl("set", "Interface", self.port,
                       "external_ids:patchpoint-mode=" + mode)
        if mode == "enforce":
            self.lab.wait_status(self.port, "protected", 20)
        else:
            # But for connections that were corrected.
            pplab.wait_for("nothing new is led to the engine", lambda: not any(
                "table=201" in flow and "reg11=" in flow and "tp_dst" in flow
                for flow in self.lab.flows(self.lab.bridge)))

    def test_0_new_vlan(self):
        "a connection in a VLAN that nobody has seen before"
        tenant = self.tenants[2]
        tenant.send_exploit(4300)
        self.assertTrue(tenant.seen())
        self.mode("enforce")
        tenant.send_exploit(4301)
        self.assertFalse(tenant.seen())

    def test_each(self):
        "the exploit is corrected in each VLAN"
        for i, mode in enumerate(("off", "enforce")):
            self.mode(mode)
            for tenant in self.tenants[:2]:
                tenant.send_exploit(4000 + i)
                self.assertEqual(tenant.seen(), mode == "off")

    def test_two_at_once_without(self):
        "without us, two connections with the same ports and numbers go on"
        self.two_at_once(*self.tenants[:2], 4101)

    def test_other_first_without(self):
        "without us, what passed in one VLAN says nothing of the other"
        a, b = self.tenants[:2]
        self.other_first(a, b, 4200)
        self.assertTrue(a.seen())

    def test_two_at_once(self):
        "connections of the same ports and numbers do not disturb each other"
        self.mode("enforce")
        self.two_at_once(*self.tenants[:2])
        rows = [row.split() for row in self.lab.appctl(
            "conn/list", target="ovs-patchpointd").stdout.splitlines()
            if row.startswith(SOURCE + ":4100 ")]
        self.assertEqual(sorted(word for row in rows for word in row
                                if word.startswith("vlan=")),
                         ["vlan=10", "vlan=20"])

    def test_other_first(self):
        "what passes in one VLAN is not taken for what was said in the other"
        self.mode("enforce")
        a, b = self.tenants[:2]
        self.other_first(a, b, 4201)
        self.assertFalse(a.seen())

    def test_two_vlans(self):
        "a connection that a controller leads back by another VLAN than there"
        a, b = self.tenants[3], self.tenants[0]
        a.send_exploit(4400)
        self.assertTrue(a.seen())
        self.mode("enforce")
        # The first frame from the server in its VLAN is sent again.
        for port in 4401, 4402:
            a.send_exploit(port)
            self.assertFalse(a.seen())
        self.two_at_once(a, b, 4403)
        self.other_first(a, b, 4404)
        self.assertFalse(a.seen())
        self.other_first(b, a, 4405)
        self.assertFalse(b.seen())

    def test_one_host(self):
        "a VM that takes frames from any VLAN: nothing gets in by another one"
        a, b = self.tenants[:2]
        flow = "priority=7,in_port=%s,dl_vlan=20" % self.lab.get(
            "Interface", self.far, "ofport")
        self.lab.ofctl("add-flow", self.inner, flow
                       + " actions=set_field:4106->vlan_vid,NORMAL")
        self.addCleanup(self.lab.ofctl, "--strict", "del-flows", self.inner,
                        flow)
        for i, mode in enumerate(("off", "enforce")):
            self.mode(mode)
            for with_syn in False, True:
                port = 4500 + 2 * i + with_syn
                peer = a.peer(port)
                peer.open()
                other = b.peer(port)
                if with_syn:
                    other.send(b"", flags=rawtcp.SYN, seq=peer.isn)
                other.send(EXPLOIT, seq=peer.nxt, ack=peer.rcv)
                other.pump(1, lambda: evasion.asked(a.server.lines()))
                self.assertEqual(a.seen(), mode == "off")
                peer.send(b"", flags=rawtcp.RST | rawtcp.ACK)


class Greedy(Vlans):
    """A host on a port that may carry any VLAN sends a frame to a protected VM
    in each there is.  Then somebody comes from a VLAN that nobody has seen
    before, as in Trunk."""

    FILL = range(1, 4095)

    @classmethod
    def furnish(cls):
        lab = cls.lab
        cls.inner = inner = lab.add_bridge("in")
        cls.port, cls.far = lab.add_link("t", bridge=lab.bridge)
        lab.vsctl("add-port", inner, cls.far)
        cls.tenants = [
            Tenant(lab, cls.add("v%d" % vlan, inner, "tag=%d" % vlan),
                   cls.add_client("c%d" % vlan, vlan), vlan)
            for vlan in (30, 31)]
        cls.greedy = cls.add("g", lab.bridge, mac="52:54:00:77:01:99",
                             ip="10.77.0.99")
        cls.wire = rawtcp.Wire(cls.greedy)
        cls.addClassCleanup(cls.wire.close)
        lab.vsctl("set", "Interface", cls.port,
                  "external_ids:attached-mac=\"%s\"" % MAC,
                  "external_ids:patchpoint-policy=" + PATCH)

    def start(self, *args):
        self.lab.stop_control()
        self.lab.start_daemon(args=args)
        self.lab.wait_status(self.port, "protected", 20)

    def learned(self):
        text = self.lab.daemon("pipeline/show")
        return text.count("port %s (" % self.greedy.ifname) - 1

    def fill(self, what, condition):
        """Sends frames in all VLANs until condition() is true."""
        peer = rawtcp.Peer(self.wire, "10.77.0.98", IP, 4600, 80, MAC)

        def filled():
            for vlan in self.FILL:
                peer.send(b"", flags=rawtcp.SYN,
                          link={"tags": [(rawtcp.VLAN, vlan)]})
            return condition()
        pplab.wait_for(what, filled, 60)

    def test_without(self):
        "without the bound, the last slot goes, and the exploit does its harm"
        self.start("--max-learned-vlans=4094")
        self.fill("none is left", lambda: "no slot is left"
                  in self.lab.log())
        # The switch is slow with so many flows: it may take several.
        for port in range(4600, 4606):
            self.tenants[0].send_exploit(port)
            if self.tenants[0].seen():
                return
        self.fail("the exploit does no harm")

    def test_bound(self):
        "one port has so many VLANs and no more; others' are inspected"
        self.start("--max-learned-vlans=16")
        self.fill("it has as many as it may", lambda:
                  "raise --max-learned-vlans" in self.lab.log())
        # What comes in others is not for control to look at any more.
        pplab.wait_for("a flow says so", lambda: any(
            "table=202" in flow and "actions=drop" in flow
            for flow in self.lab.flows(self.lab.bridge)))
        self.assertEqual(self.learned(), 16)
        self.assertRegex(self.lab.daemon("pipeline/show"),
                         r"port \S+: 16 VLANs .*; what comes in others is "
                         "dropped")
        self.tenants[1].send_exploit(4601)
        self.assertFalse(self.tenants[1].seen())


if __name__ == "__main__":
    unittest.main()
