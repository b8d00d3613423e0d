# SPDX-License-Identifier: Apache-2.0
"""The PatchPoint database and ovs-patchpointctl: named policies from it, with
real servers, and the inventory to it, in a real ovsdb-server, through its
restarts and while it is away; and in one of a cluster, shared by hosts."""

import csv
import io
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import smtp_cases                                           # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

CTL = os.path.join(pplab.BUILD, "ovs-patchpoint/tool/ovs-patchpointctl")
SCHEMA = os.path.join(pplab.TOP, "ovsdb-schema/patchpoint.ovsschema")
TRAVERSAL = "CVE-2014-3744"
SMUGGLING = "CVE-2024-27305"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"


def plain(value):
    """A column's value as JSON has it, made Python's own."""
    if isinstance(value, list) and value[0] == "set":
        return [plain(v) for v in value[1]]
    if isinstance(value, list) and value[0] == "map":
        return {plain(k): plain(v) for k, v in value[1]}
    return value


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.other = cls.lab.add_server_vm("b", 2)
        cls.lab.vsctl("set", "Open_vSwitch", ".",
                      "external_ids:hostname=hv1",
                      "external_ids:system-id=one")
        pair = fidelity.load(TRAVERSAL)
        for vm in cls.vm, cls.other:
            cls.lab.serve(pair, "vulnerable", vm)
        cls.start_daemon()

    remote = None               # Of the database, if not the lab's server.

    @classmethod
    def start_daemon(cls):
        if cls.remote:
            cls.lab.start_daemon(args=["--patchpoint-db=" + cls.remote],
                                 db=True)
        else:
            cls.lab.start_daemon(db=True)
        wait_for("the database is there", lambda: cls.rows("Host"), 20)

    def setUp(self):
        self.addCleanup(self.clear)

    def clear(self):
        self.ctl("--all", "destroy", "Policy")
        for vm in self.vm, self.other:
            self.lab.clear_ids(vm, "policy", "mode", "fail", "ports")
        self.lab.vsctl("remove", "Bridge", self.lab.bridge, "external_ids",
                       "patchpoint-policy", "patchpoint-mode")
        wait_for("no VM has a policy", lambda: not any(
            self.lab.status(vm.ifname) for vm in (self.vm, self.other)))

    @classmethod
    def run_ctl(cls, *args, timeout=20):
        """Runs ovs-patchpointctl; returns its CompletedProcess."""
        return cls.lab.run([CTL, "--timeout=%d" % timeout, "--no-syslog",
                            "--db=" + (cls.remote
                                       or "unix:" + cls.lab.db_sock)]
                           + list(args), check=False, timeout=timeout + 10)

    @classmethod
    def ctl(cls, *args):
        """What it prints; it has to succeed."""
        p = cls.run_ctl(*args)
        if p.returncode:
            raise pplab.Failed("%s: exit %d: %s" % (args, p.returncode,
                                                    p.stderr))
        return p.stdout

    def refused(self, words, *args):
        """It has to fail, and to say why."""
        p = self.run_ctl(*args)
        self.assertEqual(p.returncode, 1, p.stdout)
        self.assertIn(words, p.stderr)

    @classmethod
    def rows(cls, table, *conditions):
        """Rows of a table, as dicts."""
        p = cls.run_ctl("--format=json", "find", table, *conditions)
        if p.returncode:
            return []           # Not there now.
        result = json.loads(p.stdout)
        return [dict(zip(result["headings"], map(plain, row)))
                for row in result["data"]]

    def server(self, vm=None):
        rows = self.rows("Server", "name=" + (vm or self.vm).ifname)
        return rows[0] if rows else {}

    def wait_server(self, status, vm=None):
        self.ctl("--retry", "wait-until", "Server", (vm or self.vm).ifname,
                 "status=" + status)

    def policy_status(self, name):
        rows = self.rows("Policy", "name=" + name)
        return rows[0]["status"].get("hv1", "") if rows else ""

    def harmed(self, vm=None):
        seen = talk(self.client, pplab.address(vm or self.vm), EXPLOIT)
        self.assertTrue(seen.statuses)
        return SECRET in seen.bytes


class Named(Case):
    def test_by_name(self):
        "a name in patchpoint-policy means the policy of that name"
        self.assertTrue(self.harmed())
        self.ctl("--wait=hosts", "policy-add", "web-tier", "npm/st")
        self.assertTrue(self.harmed())
        self.lab.set_ids(self.vm, policy="web-tier")
        self.wait_server("protected")
        self.assertFalse(self.harmed())
        self.assertTrue(self.harmed(self.other))
        row = self.server()
        self.assertEqual(row["policy"], "web-tier")
        self.assertEqual(row["policy_from"], "Interface " + self.vm.ifname)
        self.assertEqual(row["n_patches"], 1)
        self.assertEqual(row["mac"], self.vm.mac)
        self.assertEqual(row["host"], "hv1")
        self.assertEqual(self.server(self.other)["status"], "unprotected")

        # A change takes effect by itself.
        self.ctl("--wait=hosts", "policy-set", "web-tier", "mode=monitor")
        self.assertTrue(self.harmed())
        self.assertEqual(self.server()["status"], "monitored")

    def test_by_selector(self):
        "a policy with selectors applies to whom they fit, and to no other"
        self.assertTrue(self.harmed())
        self.ctl("--wait=hosts", "policy-add", "web", TRAVERSAL,
                 "iface-id=%s[a]" % self.vm.netns[:-1])
        self.assertFalse(self.harmed())
        self.assertTrue(self.harmed(self.other))
        self.assertEqual(self.ctl("get", "Policy", "web", "servers:hv1"),
                         "1\n")
        self.assertEqual(self.policy_status("web"), "ok")
        self.assertEqual(self.server()["policy_from"], "Policy web")
        self.ctl("--wait=hosts", "policy-set", "web", "iface-id=nobody")
        self.assertTrue(self.harmed())
        self.assertEqual(self.lab.status(self.vm.ifname), "")

    def test_by_dns_name(self):
        "a policy applies to whom its DNS name fits"
        self.ctl("--wait=hosts", "policy-add", "org", TRAVERSAL,
                 "name=*.example.org")
        self.assertTrue(self.harmed())
        self.ctl("add", "Server", self.vm.ifname, "names", "www.example.org")
        self.wait_server("protected")
        self.assertFalse(self.harmed())
        self.assertIn("names: www.example.org", self.ctl("show"))
        self.ctl("clear", "Server", self.vm.ifname, "names")
        self.wait_server("unprotected")

    def smuggled(self, server):
        "Did the mail server take the content of one message for another one?"
        case = smtp_cases.smuggling()
        with self.client.inside():
            return smtp_cases.smuggled(fidelity.run_case(
                (pplab.address(self.other), 25), case, server, patience=5))

    def test_by_product(self):
        "a policy applies to whom a product was discovered on"
        server = self.lab.serve(fidelity.load(SMUGGLING), "vulnerable",
                                self.other, port=25)
        self.ctl("--wait=hosts", "policy-add", "mx", SMUGGLING,
                 "product=aiosmtpd", "mode=enforce")
        self.assertTrue(self.smuggled(server))
        # Products are read off what goes through the engine.
        self.lab.vsctl("set", "Bridge", self.lab.bridge,
                       "external_ids:patchpoint-policy=all",
                       "external_ids:patchpoint-mode=monitor")
        self.wait_server("monitored", self.vm)
        wait_for("the policy applies, as the greeting was seen", lambda: (
            self.smuggled(server), self.server(self.other))[1].get(
                "policy_from") == "Policy mx", 20)
        self.wait_server("protected", self.other)
        self.assertFalse(self.smuggled(server))
        self.assertEqual(self.server(self.vm)["policy"], "all")

    def test_order(self):
        "Interface, then selectors by priority, then Bridge"
        self.lab.vsctl("set", "Bridge", self.lab.bridge,
                       "external_ids:patchpoint-policy=all",
                       "external_ids:patchpoint-mode=monitor")
        self.lab.wait_status(self.vm.ifname, "monitored", 15)
        self.assertTrue(self.harmed())

        self.ctl("--wait=hosts", "policy-add", "low", "none", "priority=1",
                 "bridge=" + self.lab.bridge)
        self.assertEqual(self.server()["status"], "uninspected")
        # What the policy does not say is the Bridge's.
        self.ctl("--wait=hosts", "policy-add", "high", "npm/st", "priority=2",
                 "bridge=*", "vlan=0")
        self.assertEqual(self.server()["status"], "monitored")
        self.ctl("--wait=hosts", "policy-set", "high", "mode=enforce")
        self.assertFalse(self.harmed())

        self.lab.set_ids(self.vm, policy="none")
        self.wait_server("uninspected")
        self.assertTrue(self.harmed())
        self.assertFalse(self.harmed(self.other))

        # One that the Bridge names counts behind the Bridge's own keys.
        self.ctl("--wait=hosts", "policy-del", "high", "--", "policy-del",
                 "low", "--", "policy-add", "named", "npm/st", "mode=enforce",
                 "fail=closed")
        self.lab.vsctl("set", "Bridge", self.lab.bridge,
                       "external_ids:patchpoint-policy=named")
        wait_for("it is in force", lambda: self.server(self.other).get(
            "fail") == "closed")
        self.wait_server("monitored", self.other)
        self.lab.vsctl("remove", "Bridge", self.lab.bridge, "external_ids",
                       "patchpoint-mode")
        self.wait_server("protected", self.other)

    def test_bad_row(self):
        "a mistake is told in the row; what was in force stays"
        self.ctl("--wait=hosts", "policy-add", "web", "npm/st", "iface-id=*")
        self.assertFalse(self.harmed())
        for key, value, words in (
                ("patches", "npm/st,CVE-1999-0001", "CVE-1999-0001"),
                ("ports", "htp:80", "no proxy called"),
                ("ports", "http:x", "1 to 65535"),
                ("parameters", "x.y=1", "parameters=x.y")):
            before = self.ctl("get", "Policy", "web", key)
            self.refused(words, "--wait=hosts", "policy-set", "web",
                         "%s=%s" % (key, value))
            self.assertRegex(self.policy_status("web"),
                             "^error: .*what was in force stays in force")
            self.assertIn(words, self.policy_status("web"))
            self.assertEqual(self.server()["status"], "protected")
            self.assertFalse(self.harmed())
            self.assertIn(words, self.lab.log())
            self.ctl("--wait=hosts", "set", "Policy", "web",
                     "%s=%s" % (key, before.strip()))
            self.assertEqual(self.policy_status("web"), "ok")

        # One that never made sense is not in force, and says so.
        self.refused("no name for a policy", "--wait=hosts", "policy-add",
                     "9lives", "all")
        self.lab.set_ids(self.other, policy="9lives")
        self.lab.wait_status(self.other.ifname, "error: ", 15)

    def test_deleted(self):
        "a policy that is still named is deleted: what was in force stays"
        self.ctl("--wait=hosts", "policy-add", "web", "npm/st")
        self.lab.set_ids(self.vm, policy="web")
        self.wait_server("protected")
        self.ctl("policy-del", "web")
        self.wait_server("error")
        self.assertIn("what was in force before stays: protected",
                      self.lab.status(self.vm.ifname))
        self.assertFalse(self.harmed())

    def test_counters(self):
        "hits appear by server and patch, and go on over a restart"
        def hits():
            return (self.server()["hits"].get(TRAVERSAL, 0),
                    self.rows("Patch", "id=" + TRAVERSAL)[0]["hits"])

        self.ctl("--wait=hosts", "policy-add", "web", TRAVERSAL,
                 "iface-id=*")
        server, patch = hits()
        for _ in range(3):
            self.assertFalse(self.harmed())
        wait_for("they are counted", lambda: hits() == (server + 3,
                                                        patch + 3))
        self.assertNotIn(TRAVERSAL, self.server(self.other)["hits"])
        self.assertIn("%s=%d" % (TRAVERSAL, server + 3), self.ctl("show"))
        self.assertIn(",%d," % (patch + 3), self.ctl("-f", "csv",
                                                     "patch-list", "hv1"))

        self.lab.stop_control()
        self.assertEqual(self.ctl("get", "Host", "hv1", "status"),
                         "stopped\n")
        self.assertEqual(self.server()["status"], "uninspected")
        self.start_daemon()
        self.wait_server("protected")
        self.assertFalse(self.harmed())
        wait_for("counting goes on", lambda: hits() == (server + 4,
                                                        patch + 4))

    def test_servers_come_and_go(self):
        "a VM that is plugged has a row, protected by itself; and then none"
        self.ctl("--wait=hosts", "policy-add", "web", TRAVERSAL,
                 "vm-id=guest-?")
        vm = self.lab.add_server_vm("n", 3, external_ids={"vm-id": "guest-7"})
        self.wait_server("protected", vm)
        self.assertEqual(self.server(vm)["vm_id"], "guest-7")
        self.ctl("wait-until", "Server", "guest-7", "status=protected")
        vm.unplug()
        wait_for("its row is gone", lambda: not self.server(vm))

    def test_refused_patch(self):
        "a broken file of patches is in patch-list, with its place"
        folder = os.path.join(self.lab.dir, "patches.d")
        os.makedirs(folder)
        self.lab.stop_control()
        self.addCleanup(self.start_daemon)
        self.addCleanup(self.lab.stop_control)
        with open(os.path.join(folder, "CVE-2099-1.yaml"), "w",
                  encoding="ascii") as f:
            f.write("patch: CVE-2099-1\nwhen: nonsense\n")
        self.lab.start_daemon(patches=[pplab.PATCHES, folder], db=True)
        row = wait_for("it is told", lambda: self.rows(
            "Patch", "status=refused"))[0]
        self.assertEqual(row["id"], "CVE-2099-1")
        self.assertRegex(row["error"], r"CVE-2099-1\.yaml:\d+:\d+: ")
        self.assertIn("refused", self.ctl("patch-list"))
        self.assertIn("CVE-2099-1.yaml", self.ctl("get", "Host", "hv1",
                                                  "problem"))


class Ctl(Case):
    def test_errors(self):
        "errors say what is wrong and change nothing"
        self.ctl("--wait=hosts", "policy-add", "web", "npm/st")
        before = self.ctl("list", "Policy")
        for words, *args in (
                ("called web already", "policy-add", "web", "all"),
                ("at least 2 arguments", "policy-add", "x"),
                ("PATCHES are needed", "policy-add", "x", "mode=off"),
                ("enforce, monitor, off", "policy-add", "x", "all",
                 "mode=on"),
                ("closed, open", "policy-set", "web", "fail=ajar"),
                ("no such key", "policy-set", "web", "colour=red"),
                ("KEY=VALUE", "policy-set", "web", "mode"),
                ("not a valid integer", "policy-set", "web", "vlan=ten"),
                ("not in the valid range", "policy-set", "web", "vlan=5000"),
                ("PROXY:PORT", "policy-set", "web", "ports=80"),
                ("no policy is called y", "policy-set", "y", "mode=off"),
                ("no policy is called y", "policy-del", "y"),
                ("no host is called y", "host-del", "y"),
                ("no host is called y", "server-list", "y"),
                ("no server has", "service-list", "y"),
                ("no row", "get", "Server", "y", "status"),
                ("unknown command", "policy-drop", "web"),
                ("--wait must be", "--wait=sometimes", "show"),
                ("'--may-exist' option", "--may-exist", "policy-del", "web"),
                # All or nothing.
                ("no policy is called y", "policy-set", "web", "mode=off",
                 "--", "policy-del", "y")):
            with self.subTest(args=args):
                self.refused(words, *args)
                self.assertEqual(self.ctl("list", "Policy"), before)
        p = self.lab.run([CTL, "--db=unix:/nonexistent", "show"],
                         check=False)
        self.assertEqual(p.returncode, 1)
        self.assertIn("No such file", p.stderr)
        p = self.run_ctl("wait-until", "Server", "y", timeout=1)
        self.assertEqual(-p.returncode, 14)     # SIGALRM, as its kin.

    def test_commands(self):
        "commands and options as those of ovs-vsctl"
        self.ctl("--if-exists", "policy-del", "y")
        self.ctl("--if-exists", "policy-set", "y", "mode=off")
        self.ctl("--dry-run", "policy-add", "web", "all")
        self.assertEqual(self.ctl("policy-list").splitlines()[2:], [])
        self.ctl("init", "--", "policy-add", "web",
                 "npm/st, CVE-2014-3744", "mode=monitor", "fail=closed",
                 "ports=http:80,8080;smtp:25", "priority=7",
                 "parameters=", "bridges=br0,br1", "vlan=10,20",
                 "vm_ids=a*", "product=st", "name=*.example.org",
                 "hosts=nowhere")
        row, = csv.DictReader(io.StringIO(self.ctl("-f", "csv",
                                                   "policy-list")))
        self.assertEqual(row["patches"], "CVE-2014-3744,npm/st")
        self.assertEqual(row["ports"], "http:80,8080 smtp:25")
        self.assertEqual(row["selectors"], "bridges=br0,br1 vlans=10,20 "
                         "vm_ids=a* names=*.example.org products=st "
                         "hosts=nowhere")
        self.ctl("--may-exist", "policy-add", "web", "all", "bridges=",
                 "mode=")
        self.assertEqual(self.ctl("get", "Policy", "web", "bridges", "mode",
                                  "patches", "priority"),
                         "[]\n[]\n[all]\n7\n")
        self.assertEqual(self.ctl("--oneline", "get", "Policy", "web",
                                  "fail", "priority"), "closed\\n7\n")
        self.ctl("sync")
        self.assertEqual(self.policy_status("web"), "ok")
        self.assertIn(self.vm.ifname, self.ctl("server-list", "hv1"))
        self.assertIn("Host hv1\n    status: running", self.ctl("show"))
        for command in "policy-add", "wait-until", "server-list":
            self.assertIn(command, self.ctl("--commands"))
        self.assertIn("--wait", self.ctl("--options"))


class Away(Case):
    def test_ovsdb_server_restarts(self):
        "ovsdb-server forgets the database: it is added again"
        self.ctl("--wait=hosts", "policy-add", "web", "npm/st", "iface-id=*")
        self.assertFalse(self.harmed())
        self.lab.end(self.lab.ovsdb)
        self.lab.start_ovsdb()
        wait_for("the database is back", lambda: self.rows("Host"), 15)
        self.lab.wait_status(self.vm.ifname, "protected", 15)
        self.assertFalse(self.harmed())
        self.ctl("--retry", "--wait=hosts", "policy-set", "web",
                 "mode=monitor")
        self.assertTrue(self.harmed())

    def test_away(self):
        "the database is away, and the daemon starts: policies stay"
        self.ctl("--wait=hosts", "policy-add", "web", "npm/st", "iface-id=*")
        self.assertFalse(self.harmed())
        file = os.path.join(self.lab.dir, "patchpoint.db")
        self.lab.appctl("ovsdb-server/remove-db", "PatchPoint",
                        target="ovsdb-server")
        os.rename(file, file + ".hidden")
        os.mkdir(file)          # It cannot be made anew.
        try:
            wait_for("the log says so",
                     lambda: "is away" in self.lab.log(), 20)
            self.assertFalse(self.harmed())

            self.lab.stop_control()
            self.assertTrue(self.harmed())
            self.lab.start_daemon(db=True)
            self.lab.wait_status(self.vm.ifname, "protected", 15)
            self.assertFalse(self.harmed())
            wait_for("the log says why", lambda:
                     "cannot be had from the server" in self.lab.log(), 15)
        finally:
            os.rmdir(file)
            os.rename(file + ".hidden", file)
        wait_for("the database is back", lambda: self.rows("Host"), 40)
        self.ctl("--retry", "--wait=hosts", "policy-set", "web",
                 "mode=monitor")
        self.assertTrue(self.harmed())

    def test_older_schema(self):
        "a database of an older schema is converted, and kept beside"
        with open(SCHEMA, encoding="utf-8") as f:
            schema = json.load(f)
        schema["version"] = "0.9.0"
        del schema["tables"]["Policy"]["columns"]["priority"]
        old = os.path.join(self.lab.dir, "old.ovsschema")
        with open(old, "w", encoding="utf-8") as f:
            json.dump(schema, f)
        db = os.path.join(self.lab.dir, "patchpoint.db")
        self.lab.stop_control()
        # While the server has it, and while it does not.
        for online in True, False:
            self.lab.appctl("ovsdb-server/remove-db", "PatchPoint",
                            target="ovsdb-server")
            os.unlink(db)
            self.lab.run(["ovsdb-tool", "create", db, old])
            self.lab.run(["ovsdb-tool", "transact", db, json.dumps(
                ["PatchPoint", {"op": "insert", "table": "Policy", "row": {
                    "name": "kept", "patches": "npm/st",
                    "iface_ids": "*"}}])])
            if online:
                self.lab.appctl("ovsdb-server/add-db", db,
                                target="ovsdb-server")
            self.start_daemon()
            self.wait_server("protected")
            self.assertFalse(self.harmed())
            self.assertEqual(self.ctl("get", "Policy", "kept", "priority"),
                             "0\n")
            self.lab.stop_control()
            self.assertTrue(self.harmed())
        self.assertTrue(os.path.exists(db + ".backup-0.9.0"))
        self.start_daemon()


class Cluster(Case):
    """A clustered database of its own server, which hosts share."""

    @classmethod
    def start_daemon(cls):
        if not cls.remote:
            lab = cls.lab
            sock = os.path.join(lab.dir, "central.sock")
            db = os.path.join(lab.dir, "central.db")
            lab.run(["ovsdb-tool", "create-cluster", db, SCHEMA,
                     "unix:" + os.path.join(lab.dir, "raft.sock")])
            cls.central = subprocess.Popen(
                ["ovsdb-server", db, "--remote=punix:" + sock,
                 "--unixctl=" + os.path.join(lab.dir, "central.ctl"),
                 "--log-file=" + os.path.join(lab.dir, "central.log"),
                 "-vconsole:off", "--no-chdir"],
                env=lab.env, stdin=subprocess.DEVNULL,
                start_new_session=True)
            cls.addClassCleanup(lab.end, cls.central)
            cls.remote = "unix:" + sock
            wait_for("the cluster has a leader", lambda: cls.run_ctl(
                "init", timeout=2).returncode == 0, 20, 0.2)
        super().start_daemon()

    def test_shared(self):
        "each daemon touches its own host's rows alone"
        self.ctl("create", "Host", "name=hv2", "status=stopped", "--",
                 "create", "Server", "host=hv2", "name=" + self.vm.ifname,
                 "bridge=br0", "kind=interface", "status=protected", "--",
                 "create", "Patch", "host=hv2", "id=" + TRAVERSAL,
                 "status=loaded")
        foreign = [self.ctl("find", table, "host=hv2")
                   for table in ("Server", "Patch")]
        self.assertTrue(self.harmed())
        self.ctl("--wait=hosts", "policy-add", "web", "npm/st", "iface-id=*",
                 "--", "policy-add", "elsewhere", "none", "iface-id=*",
                 "priority=1", "host=hv2")
        self.assertFalse(self.harmed())
        wait_for("the hit is written", lambda: any(
            row["hits"] for row in self.rows("Server", "host=hv1")))
        self.assertEqual(foreign, [self.ctl("find", table, "host=hv2")
                                   for table in ("Server", "Patch")])
        self.refused("multiple rows", "get", "Server", self.vm.ifname,
                     "status")
        self.assertIn("Host hv2", self.ctl("show"))
        self.assertNotIn("Host hv2", self.ctl("show", "hv1"))
        self.ctl("host-del", "hv2")
        self.assertEqual(self.rows("Server", "host=hv2"), [])
        self.assertEqual(self.rows("Patch", "host=hv2"), [])
        self.assertEqual(self.server()["status"], "protected")

    def test_same_name(self):
        "another host of the same name is left alone, and the log says so"
        self.lab.stop_control()
        self.ctl("set", "Host", "hv1", "system_id=another")
        before = self.ctl("list", "Host")
        self.start_daemon()
        wait_for("the log says so", lambda: "host-del hv1" in self.lab.log())
        self.lab.protect(self.vm, "all")
        self.assertEqual(self.ctl("list", "Host"), before)

        self.lab.vsctl("set", "Open_vSwitch", ".",
                       "external_ids:patchpoint-host=other")
        wait_for("it has a row of its own", lambda: self.rows(
            "Host", "name=other", "status=running"), 15)
        wait_for("so have its servers", lambda: self.rows(
            "Server", "host=other", "status=protected"), 15)
        self.ctl("host-del", "hv1")
        self.lab.vsctl("remove", "Open_vSwitch", ".", "external_ids",
                       "patchpoint-host")
        wait_for("it has its name again", lambda: self.rows(
            "Host", "name=hv1", "status=running"), 15)
        self.ctl("host-del", "other")
        wait_for("so have its servers", lambda: self.rows(
            "Server", "host=hv1", "status=protected"), 15)


if __name__ == "__main__":
    import private
    private.enter()
    unittest.main(verbosity=2)
