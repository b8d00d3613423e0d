# SPDX-License-Identifier: Apache-2.0
"""A VM from its first packet, where patchpoint-fail is closed for the bridge:
what comes from a port that is not known yet waits.  plugs.py does the main
thing a thousand times."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import plugs                                                # noqa: E402
from pplab import wait_for                                  # noqa: E402
from test_plug import UUID, Case                            # noqa: E402


CTL = os.path.join(pplab.BUILD, "ovs-patchpoint/tool/ovs-patchpointctl")


class UnderAttack(unittest.TestCase):
    """Plugged in again and again while a client attacks."""

    tso = False

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, prefix="ppp", tso=cls.tso)
        cls.plugs = plugs.Plugs(cls.lab)

    def setUp(self):
        self.plugs.keys()

    def test_closed(self):
        "closed: no exploit works in 30 plugs, and first packets wait"
        self.plugs.ready("closed")
        for late in False, True:
            n = 5 if late else 25
            attack = self.plugs.run(n, late)
            self.assertGreaterEqual(attack.answered, n)
            self.assertEqual(attack.leaked, 0)
        waited, went_on = self.plugs.waited()
        self.assertGreater(waited, 0)
        self.assertGreater(went_on, 0)
        # With their checksums, where those were still to be completed.
        self.assertEqual(self.lab.counter("packet_in_bad_csum"), 0)

    def test_harm(self):
        "open: some work before the flows are there"
        self.plugs.ready("open")
        self.assertGreater(self.plugs.run(5, late=True).leaked, 0)


class UnderAttackTso(UnderAttack):
    """With frames whose checksums are still to be completed."""

    tso = True
    test_harm = None


class Closed(Case):
    """Who waits, and who does not."""

    prefix = "ppz"

    def setUp(self):
        super().setUp()
        self.policy("all", fail="closed")
        wait_for("the engine is there beforehand", lambda:
                 "with the engine" in self.lab.daemon("pipeline/show"), 15)

    def test_no_vm(self):
        "a port that is no VM's goes on"
        self.plug()
        self.assertTrue(self.harmed())

    def test_no_policy(self):
        "a VM that is to have no policy goes on"
        self.plug(ids=self.ids(**{"patchpoint-policy": "none"}))
        self.assertTrue(self.harmed())

    def test_protected(self):
        "a VM that is to have one answers, inspected"
        self.plug(ids=self.ids())
        self.assertFalse(self.harmed())
        self.protected()

    def test_other_vlan(self):
        "a known port's frames of a VLAN that nobody expects there go on"
        inside = self.lab.add_bridge("i")
        self.addCleanup(self.lab.vsctl, "--if-exists", "del-br", inside)
        port, end = self.link("t")
        self.lab.vsctl("set", "Bridge", inside,
                       "external_ids:patchpoint-policy=none")
        self.lab.vsctl("add-port", inside, end)
        self.lab.vsctl("add-port", self.lab.bridge, port)
        self.addCleanup(self.lab.vsctl, "--if-exists", "del-port", port)
        self.plug(bridge=inside, tag=["tag=30"])
        self.lab.vsctl("set", "Port", self.client.ifname, "tag=30")
        self.addCleanup(self.lab.vsctl, "clear", "Port", self.client.ifname,
                        "tag")
        wait_for("the switch has made it", lambda: pplab.answers(
            self.client, pplab.address(self.vm), 80))
        self.assertTrue(self.harmed())

    def test_learned(self):
        "one whose address is not known waits until it is"
        self.plug(ids={"iface-id": UUID % 1})
        self.assertFalse(self.harmed())
        self.protected()

    def test_inactive(self):
        "one that says that another port is the VM's waits in vain"
        self.plug(ids=self.ids(**{"iface-status": "inactive"}))
        self.status("uninspected: external_ids:iface-status")
        self.assertFalse(pplab.answers(self.client, pplab.address(self.vm),
                                       80))
        self.lab.vsctl("set", "Interface", self.vm.ifname,
                       "external_ids:iface-status=active")
        self.protected()

    def test_goes(self):
        "without the key, nobody waits any more"
        self.policy(None, fail=None)
        wait_for("no flow is left", lambda: not [
            f for f in self.lab.flows(self.lab.bridge) if "506f69" in f], 15)
        self.plug(ids=self.ids())
        self.assertTrue(self.harmed())


class Named(Case):
    """The same, where a policy of the PatchPoint database says so."""

    prefix = "ppn"
    db = True

    def setUp(self):
        super().setUp()
        wait_for("the database is there", lambda: not self.ctl(
            "list", "Policy", check=False).returncode, 15)

    def ctl(self, *args, check=True):
        return self.lab.run([CTL, "--db=unix:" + self.lab.db_sock,
                             "--timeout=15", "--wait=hosts", *args],
                            check=check)

    def way(self):
        wait_for("frames of new ports wait", lambda: any(
            "pause" in flow for flow in self.lab.flows(self.lab.bridge)), 15)
        wait_for("the engine is there beforehand", lambda:
                 "with the engine" in self.lab.daemon("pipeline/show"), 15)
        self.plug(ids=self.ids())
        self.assertFalse(self.harmed())
        self.protected()

    def test_selector(self):
        "a VM that a policy selects answers, inspected; another one goes on"
        self.ctl("policy-add", "web", "all", "fail=closed",
                 "iface-id=" + UUID % 1)
        self.addCleanup(self.ctl, "policy-del", "web")
        self.way()
        self.unplug()
        self.plug(ids=self.ids(**{"iface-id": UUID % 9}))
        self.assertTrue(self.harmed())

    def test_by_name(self):
        "a VM of a bridge whose policy is called by its name"
        self.ctl("policy-add", "web", "all", "fail=closed")
        self.addCleanup(self.ctl, "policy-del", "web")
        self.policy("web")
        self.way()


if __name__ == "__main__":
    unittest.main()
