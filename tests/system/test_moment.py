# SPDX-License-Identifier: Apache-2.0
"""The moment from which a VM is said to be protected: a server with which
somebody is talking gets its policy, in a switch whose cache is full, so that
its revalidators take their time."""

import contextlib
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manyvms                                              # noqa: E402
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import plugs                                                # noqa: E402
from plugs import TRAVERSAL                                 # noqa: E402
from pplab import wait_for                                  # noqa: E402

OTHERS = 9000                   # Flows in the cache.
CANNOT = "cannot ask ovs-vswitchd when its datapath follows"
CAN = "ovs-vswitchd can be asked"
NO_ANSWER = "ovs-vswitchd does not tell when its datapaths follow"
ANSWERS = "ovs-vswitchd tells again"


class Attack(plugs.Attack):
    """One that does not give up a connection soon."""

    AT_ONCE = 4
    PATIENCE = ANSWER = 10


class Moment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab = pplab.Lab.of(cls, prefix="ppq")
        cls.vm = lab.add_server_vm("a", 1)
        cls.client = lab.add_client()
        lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.vm)
        lab.start_daemon()
        cls.pidfile = os.path.join(lab.dir, "ovs-vswitchd.pid")
        cls.status = "", 0.0
        cls.db = manyvms.Database(lab.db_sock, cls.seen)
        with cls.client.inside():
            cls.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        cls.addClassCleanup(cls.wire.close)
        cls.wire.bind(("eth0", 0))

    @classmethod
    def seen(cls, name, _, status, now):
        if name == cls.vm.ifname and status != cls.status[0]:
            cls.status = status, now

    def tearDown(self):
        self.hide_pidfile(False)
        self.clear()

    def clear(self):
        "Without a policy, and without flows of one"
        self.lab.clear_ids(self.vm, "policy")
        wait_for("its flows are gone", lambda: "506f69" not in "".join(
            self.lab.flows(self.lab.bridge)), 20)

    def hide_pidfile(self, hide):
        """So that nobody finds ovs-vswitchd's control socket."""
        there = os.path.exists(self.pidfile)
        if hide and there:
            os.rename(self.pidfile, self.pidfile + ".hidden")
        elif not hide and not there:
            os.rename(self.pidfile + ".hidden", self.pidfile)

    def fill(self):
        """Fills the switch's cache: a frame each to many addresses."""
        mac = bytes.fromhex(self.client.mac.replace(":", ""))
        for i in range(OTHERS):
            try:
                self.wire.send(bytes.fromhex("5254fe%06x" % i) + mac
                               + b"\x88\xb5" + bytes(50))
            except OSError:     # The queue is full.
                pass
            if not i % 50:
                time.sleep(0.001)

    def run_db(self, what, condition):
        wait_for(what, lambda: self.db.run(0.05) or condition(), 30, 0)

    def attack(self):
        """Sets the policy under attack.  Returns how many exploits worked
        whose connections began when the VM was said to be protected."""
        self.fill()
        attack = Attack(self.client, pplab.address(self.vm))
        try:
            self.run_db("it works", lambda: attack.leaked > 50)
            self.lab.set_ids(self.vm, policy=TRAVERSAL)
            self.run_db("it is protected", lambda: self.status[0].startswith(
                "protected"))
            since = self.status[1]
            worked = attack.answered - attack.leaked
            self.run_db("exploits fail", lambda: attack.answered
                        - attack.leaked > worked + 50)
        finally:
            attack.stop()
        return sum(began > since for began in attack.leaks)

    def test_protected(self):
        "no exploit works on a connection that begins when it is protected"
        for _ in range(3):
            self.assertEqual(self.attack(), 0)
            self.clear()
        self.assertNotIn(CANNOT, self.lab.log())
        wait_for("it has followed", lambda: "datapath: follows"
                 in self.lab.daemon("pipeline/show"))

    @contextlib.contextmanager
    def paused(self):
        """The datapath goes on as before, whatever the flows are.  It is waited
        for for ten seconds at most."""
        self.lab.appctl("revalidator/pause")
        try:
            yield
        finally:
            self.lab.appctl("revalidator/resume")

    def ask(self, request=plugs.EXPLOIT):
        return pplab.talk(self.client, pplab.address(self.vm), request).bytes

    def flows(self, table):
        return [flow for flow in self.lab.flows(self.lab.bridge)
                if "506f69" in flow and "table=%d," % table in flow]

    def status_now(self):
        return self.lab.daemon("server/list").split(self.vm.ifname, 1)[
            1].split("status=", 1)[1].split("\n")[0]

    def test_1_paused(self):
        "it is not protected as long as the datapath does not follow"
        self.assertIn(plugs.SECRET, self.ask())
        with self.paused():
            self.lab.set_ids(self.vm, policy=TRAVERSAL)
            wait_for("the flows are there", lambda: self.flows(201), 5)
            # What is in the cache does its harm on new connections, too.
            self.assertIn(plugs.SECRET, self.ask())
            self.assertTrue(self.status_now().startswith("pending"))
        self.lab.wait_status(self.vm.ifname, "protected")
        self.assertNotIn(plugs.SECRET, self.ask())

    def test_1_way_back(self):
        "frames come back as long as the datapath leads any to the engine"
        self.lab.protect(self.vm, TRAVERSAL)
        self.assertNotIn(plugs.SECRET, self.ask())
        with self.paused():
            self.lab.clear_ids(self.vm, "policy")
            wait_for("nothing leads there", lambda: not self.flows(201), 5)
            self.assertGreater(len(self.flows(203)), 2)
            self.assertIn(b"200 OK", self.ask(pplab.get(b"/index.html")))
        wait_for("all are gone", lambda: "506f69" not in "".join(
            self.lab.flows(self.lab.bridge)), 20)
        self.assertIn(plugs.SECRET, self.ask())

    def connections(self):
        """How many there are to ovs-vswitchd's control socket."""
        path = os.path.join(self.lab.dir, "ovs-vswitchd.%d.ctl"
                            % self.lab.vswitchd.pid)
        with open("/proc/net/unix") as f:
            rows = [line.split() for line in f]
        # "03" are connected ones, "01" is the one that listens.
        return sum(row[-1] == path and row[5] == "03" for row in rows)

    def test_2_left_alone(self):
        "ovs-vswitchd, which looks at each connection all the time, has none"
        with self.paused():
            self.lab.set_ids(self.vm, policy=TRAVERSAL)
            wait_for("it is waited for", self.connections, 5)
        self.lab.wait_status(self.vm.ifname, "protected")
        wait_for("none is left", lambda: not self.connections(), 5)

    def test_z_harm(self):
        "if ovs-vswitchd cannot be asked, some work, and the log tells"
        self.hide_pidfile(True)
        for _ in range(12):
            if self.attack():
                break
            self.clear()
        else:
            self.fail("none worked")
        self.assertEqual(self.lab.log().count(CANNOT), 1)
        self.assertIn("datapath: ovs-vswitchd cannot be asked",
                      self.lab.daemon("pipeline/show"))
        self.clear()

        self.hide_pidfile(False)
        wait_for("it is asked again", lambda: self.change() or
                 CAN in self.lab.log(), 30, 0.5)
        self.assertEqual(self.attack(), 0)
        self.assertEqual(self.lab.log().count(CANNOT), 1)

    def change(self):
        self.lab.protect(self.vm, TRAVERSAL)
        self.clear()


class TypesLab(pplab.Lab):
    def _daemon(self, argv, name):
        if name == "ovs-vswitchd":
            argv = argv + ["--enable-dummy"]
        return super()._daemon(argv, name)


class Types(unittest.TestCase):
    """Bridges with different types of datapath, for which ovs-vswitchd has no
    answer."""

    def test_types(self):
        "a VM is protected after a time, until there is one type again"
        lab = TypesLab.of(type(self), prefix="ppq")
        vm = lab.add_server_vm("a", 1)
        client = lab.add_client()
        lab.serve(fidelity.load(TRAVERSAL), "vulnerable", vm)
        other = lab.name("o")
        lab.vsctl("add-br", other, "--", "set", "Bridge", other,
                  "datapath_type=dummy")
        lab.start_daemon()

        def ask():
            return pplab.talk(client, pplab.address(vm), plugs.EXPLOIT).bytes

        def shows():
            return lab.daemon("pipeline/show")

        self.assertIn(plugs.SECRET, ask())
        for _ in range(2):
            lab.protect(vm, TRAVERSAL)
            self.assertNotIn(plugs.SECRET, ask())
            lab.clear_ids(vm, "policy")
            wait_for("it works again", lambda: plugs.SECRET in ask(), 20)
        self.assertEqual(lab.log().count(NO_ANSWER), 1)
        self.assertIn("datapath: ovs-vswitchd does not tell", shows())

        lab.vsctl("del-br", other)

        def change():
            lab.protect(vm, TRAVERSAL)
            self.assertNotIn(plugs.SECRET, ask())
            lab.clear_ids(vm, "policy")
            return ANSWERS in lab.log()

        wait_for("it is told again", change, 30, 0.5)
        self.assertEqual(lab.log().count(NO_ANSWER), 1)
        wait_for("it has followed", lambda: "datapath: follows" in shows())


if __name__ == "__main__":
    unittest.main()
