# SPDX-License-Identifier: Apache-2.0
"""The PatchPoint database: named policies from it, with real servers, and the
inventory to it, in a real ovsdb-server, through its restarts and while it is
away."""

import json
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

    @classmethod
    def start_daemon(cls):
        cls.lab.start_daemon(db=True)
        wait_for("the database is there", lambda: cls.rows("Host"), 20)

    def setUp(self):
        self.addCleanup(self.clear)

    def clear(self):
        self.transact({"op": "delete", "table": "Policy", "where": []})
        for vm in self.vm, self.other:
            self.lab.clear_ids(vm, "policy", "mode", "fail", "ports")
        self.lab.vsctl("remove", "Bridge", self.lab.bridge, "external_ids",
                       "patchpoint-policy", "patchpoint-mode")
        wait_for("no VM has a policy", lambda: not any(
            self.lab.status(vm.ifname) for vm in (self.vm, self.other)))

    @classmethod
    def transact(cls, *operations, remote=None):
        p = cls.lab.run(["ovsdb-client", "--timeout=10", "transact",
                         remote or "unix:" + cls.lab.db_sock,
                         json.dumps(["PatchPoint"] + list(operations))])
        results = json.loads(p.stdout)
        for result in results:
            if result and "error" in result:
                raise pplab.Failed(p.stdout)
        return results

    @classmethod
    def rows(cls, table, remote=None, **where):
        """The rows of a table whose columns are 'where', as dicts."""
        try:
            result = cls.transact({"op": "select", "table": table, "where": [
                [column, "==", value] for column, value in where.items()]},
                remote=remote)
        except pplab.Failed:
            return []           # Not there now.
        return [{column: plain(value) for column, value in row.items()}
                for row in result[0]["rows"]]

    def server(self, vm=None):
        rows = self.rows("Server", name=(vm or self.vm).ifname)
        return rows[0] if rows else {}

    def policy(self, name, **columns):
        """Makes a named policy, or changes it."""
        for column, value in columns.items():
            if isinstance(value, list):
                columns[column] = ["set", value]
            elif isinstance(value, dict):
                columns[column] = ["map", [list(i) for i in value.items()]]
        if self.rows("Policy", name=name):
            self.transact({"op": "update", "table": "Policy", "row": columns,
                           "where": [["name", "==", name]]})
        else:
            self.transact({"op": "insert", "table": "Policy",
                           "row": dict(columns, name=name)})

    def policy_status(self, name):
        rows = self.rows("Policy", name=name)
        return rows[0]["status"].get("hv1", "") if rows else ""

    def harmed(self, vm=None):
        seen = talk(self.client, pplab.address(vm or self.vm), EXPLOIT)
        self.assertTrue(seen.statuses)
        return SECRET in seen.bytes


class Named(Case):
    def test_by_name(self):
        "a name in patchpoint-policy means the policy of that name"
        self.assertTrue(self.harmed())
        self.policy("web-tier", patches=["npm/st"])
        self.assertTrue(self.harmed())
        self.lab.protect(self.vm, "web-tier")
        self.assertFalse(self.harmed())
        self.assertTrue(self.harmed(self.other))
        row = wait_for("it is in the database", lambda: self.server().get(
            "status") == "protected" and self.server())
        self.assertEqual(row["policy"], "web-tier")
        self.assertEqual(row["policy_from"], "Interface " + self.vm.ifname)
        self.assertEqual(row["n_patches"], 1)
        self.assertEqual(row["mac"], self.vm.mac)
        self.assertEqual(row["host"], "hv1")

        # A change takes effect by itself.
        self.policy("web-tier", mode="monitor")
        self.lab.wait_status(self.vm.ifname, "monitored", 15)
        self.assertTrue(self.harmed())

    def test_by_selector(self):
        "a policy with selectors applies to whom they fit, and to no other"
        self.assertTrue(self.harmed())
        self.policy("web", patches=[TRAVERSAL],
                    iface_ids=[self.vm.netns[:-1] + "[a]"])
        self.lab.wait_status(self.vm.ifname, "protected", 15)
        self.assertFalse(self.harmed())
        self.assertTrue(self.harmed(self.other))
        wait_for("the count of its servers is written", lambda: self.rows(
            "Policy", name="web")[0]["servers"] == {"hv1": 1})
        self.assertEqual(self.policy_status("web"), "ok")
        self.assertEqual(self.server()["policy_from"], "Policy web")
        self.policy("web", iface_ids=["nobody"])
        wait_for("it does not apply any more",
                 lambda: not self.lab.status(self.vm.ifname), 15)
        self.assertTrue(self.harmed())

    def test_order(self):
        "Interface, then selectors by priority, then Bridge"
        self.lab.vsctl("set", "Bridge", self.lab.bridge,
                       "external_ids:patchpoint-policy=all",
                       "external_ids:patchpoint-mode=monitor")
        self.lab.wait_status(self.vm.ifname, "monitored", 15)
        self.assertTrue(self.harmed())

        self.policy("low", patches=["none"], priority=1,
                    bridges=[self.lab.bridge])
        self.lab.wait_status(self.vm.ifname, "uninspected", 15)
        # What the policy does not say is the Bridge's.
        self.policy("high", patches=["npm/st"], priority=2, bridges=["*"],
                    vlans=[0])
        self.lab.wait_status(self.vm.ifname, "monitored", 15)
        self.policy("high", mode="enforce")
        self.lab.wait_status(self.vm.ifname, "protected", 15)
        self.assertFalse(self.harmed())

        self.lab.set_ids(self.vm, policy="none")
        self.lab.wait_status(self.vm.ifname, "uninspected", 15)
        self.assertTrue(self.harmed())
        self.assertFalse(self.harmed(self.other))

    def test_bad_row(self):
        "a mistake is told in the row; what was in force stays"
        self.policy("web", patches=["npm/st"], iface_ids=["*"])
        self.lab.wait_status(self.vm.ifname, "protected", 15)
        for columns, words in (
                ({"patches": ["npm/st", "CVE-1999-0001"]}, "CVE-1999-0001"),
                ({"patches": ["npm/st"],
                  "ports": {"htp": "80"}}, "no proxy called"),
                ({"ports": {"http": "x"}}, "1 to 65535"),
                ({"ports": {}, "parameters": {"x.y": "1"}}, "parameters=x.y")):
            self.policy("web", **columns)
            wait_for("the status says %r" % words,
                     lambda: words in self.policy_status("web"), 15)
            self.assertRegex(self.policy_status("web"),
                             "^error: .*what was in force stays in force")
            self.assertTrue(self.lab.status(self.vm.ifname).startswith(
                "protected"))
            self.assertFalse(self.harmed())
            self.assertIn(words, self.lab.log())
        self.policy("web", parameters={})
        wait_for("it is sound again",
                 lambda: self.policy_status("web") == "ok", 15)

        # One that never made sense is not in force, and says so.
        self.policy("9lives", patches=["all"])
        wait_for("it is refused", lambda: "no name for a policy"
                 in self.policy_status("9lives"), 15)

    def test_deleted(self):
        "a policy that is still named is deleted: what was in force stays"
        self.policy("web", patches=["npm/st"])
        self.lab.protect(self.vm, "web")
        self.transact({"op": "delete", "table": "Policy", "where": []})
        self.lab.wait_status(self.vm.ifname, "error: ", 15)
        self.assertIn("what was in force before stays: protected",
                      self.lab.status(self.vm.ifname))
        self.assertFalse(self.harmed())


class Away(Case):
    def test_ovsdb_server_restarts(self):
        "ovsdb-server forgets the database: it is added again"
        self.policy("web", patches=["npm/st"], iface_ids=["*"])
        self.lab.wait_status(self.vm.ifname, "protected", 15)
        self.assertFalse(self.harmed())
        self.lab.end(self.lab.ovsdb)
        self.lab.start_ovsdb()
        wait_for("the database is back", lambda: self.rows("Host"), 15)
        self.lab.wait_status(self.vm.ifname, "protected", 15)
        self.assertFalse(self.harmed())
        self.policy("web", mode="monitor")
        self.lab.wait_status(self.vm.ifname, "monitored", 20)
        wait_for("its status is written", lambda: self.server().get(
            "status") == "monitored", 15)

    def test_away(self):
        "the database is away, and the daemon starts: policies stay"
        self.policy("web", patches=["npm/st"], iface_ids=["*"])
        self.lab.wait_status(self.vm.ifname, "protected", 15)
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
        wait_for("the database is back", lambda: self.rows("Host"), 30)
        self.policy("web", mode="monitor")
        self.lab.wait_status(self.vm.ifname, "monitored", 15)


if __name__ == "__main__":
    import private
    private.enter()
    unittest.main(verbosity=2)
