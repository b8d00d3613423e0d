# SPDX-License-Identifier: Apache-2.0
"""Very many VMs: what one of them costs does not depend on how many others
there are.  Asserted is what is done, by the daemon's own counts, and never how
long it takes; "quickstart bench --vms" measures that."""

import os
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manyvms                                              # noqa: E402
import fidelity                                             # noqa: E402
from manyvms import FIXED_FLOWS                             # noqa: E402
from test_failure import PROTOTYPE, TAINT                   # noqa: E402

FEW, MANY = 20, 200

CTL = os.path.join(manyvms.pplab.BUILD,
                   "ovs-patchpoint/tool/ovs-patchpointctl")

# Interfaces looked at by each part, flows put in words, rows for the engine,
# whole snapshots and those of policies alone, and corrected connections.
COUNTS = ("discovery_iface", "policy_iface", "slots_iface",
          "flows_worked_out", "snapshot_row", "snapshot_base",
          "snapshot_policies", "pin_assigned")


class ManyVms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab = manyvms.ManyVms.of(cls)
        lab.open()
        lab.start_daemon()
        lab.set_all(policy="all")

    def tearDown(self):
        self.lab.set_all(policy="all", mode="enforce")
        self.lab.wait_all("protected")

    def work_of(self, change):
        """What 'change' had the daemon do."""
        # Nothing is under way.
        self.lab.wait_all("protected")
        before = self.lab.work(*COUNTS)
        change()
        after = self.lab.work(*COUNTS)
        return {name: after[name] - before[name] for name in COUNTS}

    def plug_one(self):
        vm, = self.lab.plug_many()
        self.lab.wait_all("protected")
        self.lab.unplug_many(vm)
        pipeline = "port %s (" % vm.name
        manyvms.wait_for("its slot is gone", lambda: pipeline
                         not in self.lab.daemon("pipeline/show"))

    def test_0_one_of_few(self):
        "one VM comes and goes, among few"
        self.lab.grow(FEW)
        self.check_one(self.work_of(self.plug_one))

    def test_1_one_of_many(self):
        "one VM comes and goes, among many: no more is done than among few"
        self.lab.grow(MANY)
        self.check_one(self.work_of(self.plug_one))

    def check_one(self, work):
        # It is seen without a port number, and with one.
        for name in "discovery_iface", "policy_iface", "slots_iface":
            self.assertIn(work[name], range(1, 7), work)
        self.assertIn(work["flows_worked_out"], range(4, 25), work)
        self.assertIn(work["snapshot_row"], range(4, 9), work)
        self.assertEqual(work["snapshot_base"], 0, work)

    def test_11_new_policy(self):
        "one VM gets a policy of its own: the engine is not told of the others"
        self.lab.grow(MANY)
        vm = self.lab.many["v1"]

        def change():
            self.lab.vsctl("set", "Interface", vm.name, "external_ids:"
                           "patchpoint-policy=CVE-2014-3744,CVE-2022-24999")
            manyvms.wait_for("it has two patches", lambda: any(
                line.startswith(vm.name + " ") and " patches=2 " in line
                and line.endswith("status=protected") for line in
                self.lab.daemon("server/list").splitlines()))
        work = self.work_of(change)
        self.lab.vsctl("remove", "Interface", vm.name, "external_ids",
                       "patchpoint-policy")
        self.assertEqual((work["snapshot_base"], work["snapshot_policies"]),
                         (0, 1), work)
        self.assertIn(work["snapshot_row"], range(1, 3), work)
        self.assertIn(work["policy_iface"], range(1, 4), work)

    def test_12_policies(self):
        "the places of policies that are gone are taken again"
        vm = self.lab.many["v1"]
        before = self.lab.work("snapshot_base")["snapshot_base"]

        def change(n):
            # A policy of four services.
            self.lab.set_ids_of(vm, policy="all", ports="http:%d,%d,%d,%d"
                                % tuple(range(n, n + 4)))
            return self.lab.work("snapshot_base")["snapshot_base"] > before
        ports = iter(range(1000, 60000, 10))
        manyvms.wait_for("there is a new base", lambda: change(next(ports)),
                         30)
        self.lab.set_ids_of(vm)
        self.lab.wait_all("protected")

    def test_2_all(self):
        "a policy that changes for all is worked out for all, once"
        self.lab.grow(MANY)

        flows = self.lab.flows(self.lab.bridge)

        def change():
            self.lab.set_all(policy="all", mode="monitor")
            self.lab.wait_all("monitored")
            # The same ports lead to the engine.
            self.assertEqual(self.lab.flows(self.lab.bridge), flows)
            self.lab.set_all(policy="all", mode="enforce")
        work = self.work_of(change)
        self.assertGreaterEqual(work["policy_iface"], MANY)
        self.assertEqual(work["snapshot_base"] + work["snapshot_policies"],
                         2, work)

    def test_3_flows(self):
        "four flows a VM, four a (policy, port), and some that do not grow"
        self.lab.grow(MANY)
        n = len(self.lab.many)
        row = self.lab.daemon("server/list").splitlines()[0]
        services = row.split(" services=")[1].split()[0].split(",")
        others = self.lab.daemon("pipeline/show").count("  slot ") - n
        self.assertLessEqual(self.lab.n_flows(), 4 * n + 4 * len(services)
                             + 2 * others + FIXED_FLOWS)
        self.assertGreaterEqual(self.lab.n_flows(), 4 * n)

    def checks(self):
        """How often flows were put back, and compared."""
        m = re.search(r"(\d+) flows put back, (\d+) checks",
                      self.lab.daemon("pipeline/show"))
        return int(m[1]), int(m[2])

    def changes(self):
        """How often flows or groups of the switch have changed."""
        return self.lab.appctl("coverage/read-counter",
                               "rev_flow_table").stdout

    def test_31_check(self):
        "flows and groups that are as they should be are left alone by checks"
        self.lab.grow(MANY)
        self.lab.wait_all("protected")
        put_back, n = self.checks()
        work = self.lab.work("status_iface", "flows_worked_out")
        changes = self.changes()
        manyvms.wait_for("they are compared",
                         lambda: self.checks()[1] >= n + 1, 30)
        self.assertEqual(self.changes(), changes)
        self.assertEqual(self.checks()[0], put_back)
        self.assertEqual(self.lab.work("status_iface", "flows_worked_out"),
                         work)

    def test_4_put_back(self):
        "flows that another deletes are put back, those of all VMs"
        self.lab.grow(MANY)
        flows = self.lab.flows(self.lab.bridge)
        self.lab.ofctl("del-flows", self.lab.bridge, "table=0")
        self.lab.ofctl("add-flow", self.lab.bridge, "priority=0 "
                       "actions=NORMAL")
        manyvms.wait_for("all are there", lambda: self.lab.flows(
            self.lab.bridge) == flows, 20)

    def half_a_bundle(self, seconds):
        """Other flows for all are sent while the switch is stopped, and more
        than it has room for; what is left of them so late that it does not
        wait for that."""
        lab = self.lab
        log = os.path.join(lab.dir, "ovs-patchpointd.log")
        sent = r"pp_ofconn.*\d flows added, [1-9]\d+ changed"
        begin = os.path.getsize(log)

        def logged():
            with open(log) as f:
                f.seek(begin)
                return f.read()
        lab.vswitchd.send_signal(signal.SIGSTOP)
        try:
            lab.set_all(fail="closed")
            manyvms.wait_for("flows are sent",
                             lambda: re.search(sent, logged()))
            lab.control.send_signal(signal.SIGSTOP)
        finally:
            lab.vswitchd.send_signal(signal.SIGCONT)
        try:
            time.sleep(seconds)
        finally:
            lab.control.send_signal(signal.SIGCONT)
        # The database has what was so before.
        manyvms.wait_for("all are protected", lambda: "pending"
                         not in lab.daemon("server/list"), 30)
        return logged()

    def test_41_late(self):
        "flows that a switch dropped since others were late are put back"
        self.lab.grow(MANY)
        self.lab.vsctl("set", "Open_vSwitch", ".",
                       "other_config:bundle-idle-timeout=1")
        self.lab.daemon("vlog/set", "pp_ofconn:file:dbg")
        late = "a part of the flows was late"
        n = self.lab.n_flows()
        # It has to have stopped waiting.
        for seconds in 2.5, 5, 10:
            self.lab.set_all(policy="all", fail="open")
            manyvms.wait_for("it is open",
                             lambda: self.lab.n_flows() == n, 20)
            log = self.half_a_bundle(seconds)
            if late in log:
                break
        else:
            self.fail("no flow was late")
        # They are there when the status says so: it is closed, which takes
        # more of them.
        self.assertGreater(self.lab.n_flows(), n)
        m = re.search(r"settled, (\d+) flows", self.lab.daemon(
            "pipeline/show"))
        self.assertEqual(self.lab.n_flows(), int(m[1]))

        self.lab.vsctl("remove", "Open_vSwitch", ".", "external_ids",
                       "patchpoint-fail")
        self.lab.vsctl("remove", "Open_vSwitch", ".", "other_config",
                       "bundle-idle-timeout")
        self.lab.daemon("vlog/set", "pp_ofconn:file:info")
        manyvms.wait_for("nothing is closed any more", lambda: not any(
            "hard_timeout" in f or "pause" in f
            for f in self.lab.flows(self.lab.bridge)), 20)

    def test_5_none(self):
        "the flows of all go with one message"
        self.lab.grow(MANY)
        sent = self.lab.work("vconn_sent")["vconn_sent"]
        self.lab.set_all(policy="none")
        manyvms.wait_for("they are gone", lambda: not self.lab.n_flows(), 20)
        self.assertLess(self.lab.work("vconn_sent")["vconn_sent"] - sent,
                        MANY)

    def idle(self):
        """How often control looked at a status, and how many things it waited
        for, while nothing happened but 50 commands."""
        before = self.lab.work("status_iface", "poll_create_node")
        for _ in range(50):
            self.lab.daemon("version")
        after = self.lab.work("status_iface", "poll_create_node")
        return [after[name] - before[name] for name in after]

    def test_51_away(self):
        "a switch that does not answer is waited for, and that is told"
        self.lab.grow(FEW)
        self.lab.vswitchd.send_signal(signal.SIGSTOP)
        try:
            # Other ports: other flows.
            self.lab.set_all(policy="CVE-2014-3744")
            self.lab.wait_all("pending: ")
            # That they have come back from the database is not looked for.
            time.sleep(1)
            self.assertLess(self.idle()[0], 20 * FEW)
            self.lab.set_all(policy="none")
            self.lab.wait_all("uninspected: ")
            time.sleep(1)
            # The commands are 100 rounds, of not 30 things each.
            self.assertLess(self.idle()[1], 5000)
        finally:
            self.lab.vswitchd.send_signal(signal.SIGCONT)

    def test_6_refused(self):
        "what the switch refuses does not hold up the rest"
        self.lab.grow(FEW)
        n = len([flow for flow in self.lab.flows(self.lab.bridge)
                 if "table=203," in flow])
        self.lab.vsctl("--", "--id=@t", "create", "Flow_Table",
                       "flow_limit=%d" % n, "--", "set", "Bridge",
                       self.lab.bridge, "flow_tables:203=@t")
        try:
            refused, other = self.lab.plug_many(2)
            self.lab.wait("it is told", lambda: refused.status.startswith(
                "pending: the switch refused a message: OFPFMFC_TABLE_FULL"))
            manyvms.wait_for("the rest is there", lambda: all(
                any("dl_dst=52:54:00:%02x:%02x:01" % (
                    vm.number >> 8, vm.number & 255) in flow
                    for flow in self.lab.flows(self.lab.bridge))
                for vm in (refused, other)), 20)
        finally:
            self.lab.vsctl("clear", "Bridge", self.lab.bridge, "flow_tables")


class Pins(unittest.TestCase):
    """Corrected connections, which have flows of their own."""

    CONNECTIONS = 30

    @classmethod
    def setUpClass(cls):
        cls.lab = lab = manyvms.ManyVms.of(cls)
        lab.open()
        lab.start_daemon()
        lab.set_all(policy="all")
        cls.vm = lab.add_server_vm("a", 1, plug=False)
        manyvms.pphost.PrivateOvs.plug(lab, cls.vm)
        cls.client = lab.add_client()
        lab.serve(fidelity.load(PROTOTYPE), "vulnerable", cls.vm)
        lab.wait_all("protected")
        lab.grow(FEW)

    def n_pinned(self):
        return len([flow for flow in self.lab.flows(self.lab.bridge)
                    if "priority=50," in flow])

    def correct(self):
        s = self.client.connect(manyvms.pplab.address(self.vm), 80)
        self.addCleanup(s.close)
        s.sendall(TAINT)
        self.assertIn(b"HTTP/1.1 200", s.recv(65536))
        return s

    def test_pins(self):
        "one more, and one VM more: the others' flows are left alone"
        kept = [self.correct() for _ in range(self.CONNECTIONS)]
        manyvms.wait_for("they have flows", lambda: self.n_pinned()
                         == 2 * self.CONNECTIONS)
        before = self.lab.work("flows_worked_out", "pin_assigned")
        vm, = self.lab.plug_many()
        self.lab.wait_all("protected")
        after = self.lab.work("flows_worked_out", "pin_assigned")
        self.assertEqual(after["pin_assigned"], before["pin_assigned"])
        self.assertIn(after["flows_worked_out"] - before["flows_worked_out"],
                      range(4, 13))

        kept.append(self.correct())
        manyvms.wait_for("it has flows", lambda: self.n_pinned()
                         == 2 * self.CONNECTIONS + 2)
        more = self.lab.work("flows_worked_out", "pin_assigned")
        self.assertEqual(more["flows_worked_out"]
                         - after["flows_worked_out"], 2)
        self.assertEqual(more["pin_assigned"] - after["pin_assigned"], 1)

        # They stay with their connections when the policy goes.
        self.lab.set_all(policy="none")
        self.lab.wait_all("uninspected")
        for s in kept:
            s.sendall(TAINT)
            self.assertIn(b"HTTP/1.1 200", s.recv(65536))
        self.assertEqual(self.n_pinned(), 2 * len(kept))
        for s in kept:
            s.close()
        manyvms.wait_for("they are gone", lambda: not self.n_pinned(), 20)


class Inventory(unittest.TestCase):
    """The same VMs in the PatchPoint database."""

    @classmethod
    def setUpClass(cls):
        cls.lab = lab = manyvms.ManyVms.of(cls)
        lab.start_daemon(db=True)
        # ovs-patchpointd has it added, and ovsdb-server ends all connections.
        manyvms.wait_for("it is there", lambda: cls.ctl("list", "Host"), 20)
        lab.open()
        lab.set_all(policy="all")
        lab.grow(MANY)

    @classmethod
    def ctl(cls, *args):
        return cls.lab.run([CTL, "--timeout=10", "--no-syslog", "--db=unix:"
                            + cls.lab.db_sock] + list(args),
                           check=False).stdout

    def names(self):
        return set(self.ctl("--bare", "--columns=name", "find", "Server",
                            "status=protected").split())

    def uuid(self, name):
        return self.ctl("--bare", "--columns=_uuid", "find", "Server",
                        "name=" + name).strip()

    def settle(self):
        manyvms.wait_for("all are written",
                         lambda: self.names() == set(self.lab.many), 20)

    def test_1_one(self):
        "one VM comes and goes: no other is looked at"
        self.settle()
        before = self.lab.work("stored_iface")["stored_iface"]
        vm, = self.lab.plug_many()
        self.lab.wait_all("protected")
        self.settle()
        self.lab.unplug_many(vm)
        self.settle()
        after = self.lab.work("stored_iface")["stored_iface"]
        self.assertIn(after - before, range(1, 7))

    def test_2_mode(self):
        "a policy changes for all: all say so"
        self.settle()
        self.lab.set_all(mode="monitor")
        manyvms.wait_for("all are written", lambda: len(self.ctl(
            "--bare", "--columns=name", "find", "Server",
            "status=monitored").split()) == len(self.lab.many), 20)
        self.lab.set_all(mode="enforce")
        self.settle()

    def test_3_others(self):
        "rows that another has deleted or made are put right"
        self.settle()
        uuid = self.uuid("v1")
        self.ctl("destroy", "Server", uuid)
        manyvms.wait_for("it is made again", lambda: self.uuid("v1")
                         not in ("", uuid), 20)
        self.settle()
        host = self.ctl("--bare", "--columns=name", "list", "Host").strip()
        self.ctl("create", "Server", "name=alien", "host=" + host,
                 "kind=interface", "status=protected", "bridge=none")
        self.settle()


if __name__ == "__main__":
    unittest.main()
