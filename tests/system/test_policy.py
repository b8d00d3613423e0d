# SPDX-License-Identifier: Apache-2.0
"""Policy: which row's keys count, what they may say, and what happens when
they name nothing: the state in force stays, with real servers, and the status
says why.  (What each key may say is in test_control.)"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"


class Policy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.other = cls.lab.add_server_vm("b", 2)
        pair = fidelity.load(TRAVERSAL)
        for vm in cls.vm, cls.other:
            for port in 80, 81:
                cls.lab.serve(pair, "vulnerable", vm, port=port)
        cls.before = cls.lab.picture()
        cls.lab.start_daemon()

    def setUp(self):
        self.addCleanup(self.clear)

    def clear(self):
        for row in (("Interface", self.vm.ifname),
                    ("Interface", self.other.ifname),
                    ("Bridge", self.lab.bridge), ("Open_vSwitch", ".")):
            self.lab.vsctl("remove", *row, "external_ids",
                           *["patchpoint-" + key for key in
                             ("policy", "mode", "fail", "ports")])
        wait_for("the switch is as before",
                 lambda: self.lab.picture() == self.before, 15)

    def set(self, table, record, key, value):
        self.lab.vsctl("set", table, record,
                       "external_ids:patchpoint-%s=\"%s\"" % (key, value))

    def harmed(self, vm=None, port=80):
        seen = talk(self.client, pplab.address(vm or self.vm), EXPLOIT,
                    port=port)
        self.assertTrue(seen.statuses)
        return SECRET in seen.bytes

    def status(self, begins, vm=None):
        vm = vm or self.vm
        self.lab.wait_status(vm.ifname, begins, 15)
        return self.lab.status(vm.ifname)

    def test_no_policy(self):
        "no key set: nothing is changed, and the exploit works"
        self.assertTrue(self.harmed())
        self.assertEqual(self.lab.picture(), self.before)
        self.assertEqual(self.lab.status(self.vm.ifname), "")

    def test_inheritance(self):
        "Interface wins over Bridge, Bridge over Open_vSwitch"
        self.assertTrue(self.harmed())
        self.set("Open_vSwitch", ".", "policy", "all")
        self.status("protected")
        self.status("protected", self.other)
        self.assertFalse(self.harmed())
        self.assertFalse(self.harmed(self.other))

        self.set("Bridge", self.lab.bridge, "policy", "none")
        self.status("uninspected")
        self.assertTrue(self.harmed())

        self.set("Interface", self.vm.ifname, "policy", TRAVERSAL)
        self.status("protected")
        self.assertFalse(self.harmed())
        self.assertTrue(self.harmed(self.other))

    def test_mode_of_its_own(self):
        "each key is looked up by itself: mode here, policy there"
        self.set("Open_vSwitch", ".", "policy", "all")
        self.set("Interface", self.vm.ifname, "mode", "monitor")
        self.status("monitored")
        self.status("protected", self.other)
        self.assertTrue(self.harmed())
        self.assertFalse(self.harmed(self.other))

    def test_off(self):
        "mode off: no redirect"
        self.lab.protect(self.vm, "all")
        self.lab.set_ids(self.vm, mode="off")
        self.status("uninspected")
        self.assertTrue(self.harmed())

    def test_product(self):
        "a policy may name a product"
        self.lab.protect(self.vm, "npm/st")
        self.assertFalse(self.harmed())

    def test_none(self):
        "policy none: no redirect"
        self.set("Interface", self.vm.ifname, "policy", "none")
        self.status("uninspected")
        self.assertTrue(self.harmed())

    def test_ports(self):
        "patchpoint-ports says where the protocol is spoken"
        self.lab.protect(self.vm, "all")
        self.assertTrue(self.harmed(port=81))
        self.lab.set_ids(self.vm, ports="http:81")
        wait_for("port 81 is protected",
                 lambda: not self.harmed(port=81), 10, 0.2)
        self.assertTrue(self.harmed(port=80))

    def test_monitor_reports(self):
        "monitor mode: passes, and names patch, server, client"
        self.lab.protect(self.vm, TRAVERSAL, mode="monitor")
        n = len(self.lab.events())
        self.assertTrue(self.harmed())
        wait_for("an event", lambda: len(self.lab.events()) > n)
        event = self.lab.events()[n]
        self.assertEqual(event["patch"], TRAVERSAL)
        self.assertEqual(event["mode"], "monitor")
        self.assertEqual(event["server"]["name"], self.vm.ifname)
        self.assertEqual(event["client"]["address"],
                         pplab.address(self.client))
        self.assertIn("hits=", self.lab.daemon("patch/list"))

    # Nonsense.

    def nonsense(self, policy, *words):
        """'policy' is complained about with 'words', and the VM stays
        protected."""
        self.assertTrue(self.harmed())
        self.lab.protect(self.vm, TRAVERSAL)
        self.lab.set_ids(self.vm, policy=policy)
        status = self.status("error")
        for word in words + ("stays",):
            self.assertIn(word, status)
        self.assertIn(words[0], self.lab.log())
        self.assertFalse(self.harmed())
        # And it is over when the value is.
        self.lab.set_ids(self.vm, policy=TRAVERSAL)
        self.status("protected")

    def test_unknown_policy(self):
        "an unknown name in a policy"
        self.nonsense("CVE-1999-0000", "CVE-1999-0000",
                      "Interface " + self.vm.ifname)

    def test_unknown_among_known(self):
        "an unknown name among known ones"
        self.nonsense(TRAVERSAL + ",no-such-product", "no-such-product")

    def test_nonsense_for_the_host(self):
        "an unknown name for the whole host: its row says so, too"
        self.set("Open_vSwitch", ".", "policy", "no-such-policy")
        wait_for("a status", lambda: "no-such-policy" in self.lab.get(
            "Open_vSwitch", ".", "external_ids", "patchpoint-status"))
        self.assertIn("Open_vSwitch", self.status("error"))


    def limits(self):
        return [line for line in
                self.lab.daemon("pipeline/show").splitlines()
                if line.startswith("limits: ")][0]

    def test_limits(self):
        "the engine's limits: set, set wrongly, and no more"
        self.addCleanup(self.lab.vsctl, "remove", "Open_vSwitch", ".",
                        "external_ids", "patchpoint-limits")
        self.lab.set_ids(self.vm, policy=TRAVERSAL)
        self.status("protected")
        before = self.limits()
        self.set("Open_vSwitch", ".", "limits", "connections=3,held=32M")
        wait_for("the limits", lambda: " connections=3 " in self.limits()
                 and " held=33554432 " in self.limits())
        self.status("protected")
        evicted = self.lab.counter("flow_evicted_closed")
        for _ in range(6):
            self.assertFalse(self.harmed())
        wait_for("closed ones make room", lambda: self.lab.counter(
            "flow_evicted_closed") >= evicted + 2)

        self.set("Open_vSwitch", ".", "limits", "connections=2,hold=1M")
        wait_for("a status", lambda: "no limit called" in
                 self.lab.get("Open_vSwitch", ".", "external_ids",
                              "patchpoint-status"))
        self.assertIn(" connections=3 ", self.limits())
        self.assertFalse(self.harmed())
        self.status("protected")

        self.lab.vsctl("remove", "Open_vSwitch", ".", "external_ids",
                       "patchpoint-limits")
        wait_for("the defaults", lambda: self.limits() == before)
        wait_for("no status", lambda: "patchpoint-status" not in
                 self.lab.get("Open_vSwitch", ".", "external_ids"))


class NewVms(unittest.TestCase):
    def setUp(self):
        self.lab = pplab.Lab()
        self.addCleanup(self.lab.stop)
        self.lab.start()
        self.client = self.lab.add_client()

    def test_plug(self):
        "a new VM is protected when it is plugged in, nobody acting"
        self.lab.start_daemon()
        self.lab.vsctl("set", "Open_vSwitch", ".",
                       "external_ids:patchpoint-policy=all")
        pair = fidelity.load(TRAVERSAL)
        vm = self.lab.add_server_vm("new", 1, plug=False)
        self.lab.serve(pair, "vulnerable", vm)
        self.lab.plug(vm)
        self.lab.wait_status(vm.ifname, "protected", 15)
        seen = talk(self.client, pplab.address(vm), EXPLOIT)
        self.assertTrue(seen.statuses)
        self.assertNotIn(SECRET, seen.bytes)

    def test_there_before_the_daemon(self):
        "a VM and its policy that were there before the daemon"
        pair = fidelity.load(TRAVERSAL)
        vm = self.lab.add_server_vm("old", 1)
        self.lab.serve(pair, "vulnerable", vm)
        self.lab.set_ids(vm, policy="all")
        self.assertIn(SECRET, talk(self.client, pplab.address(vm),
                                   EXPLOIT).bytes)
        self.lab.start_daemon()
        self.lab.wait_status(vm.ifname, "protected", 15)
        self.assertNotIn(SECRET, talk(self.client, pplab.address(vm),
                                      EXPLOIT).bytes)

    def test_thirty(self):
        "thirty VMs at once"
        self.lab.start_daemon()
        self.lab.vsctl("set", "Open_vSwitch", ".",
                       "external_ids:patchpoint-policy=all")
        vms = [self.lab.add_server_vm("v%d" % i, i) for i in range(1, 31)]
        for vm in vms:
            self.lab.wait_status(vm.ifname, "protected", 20)


if __name__ == "__main__":
    unittest.main()
