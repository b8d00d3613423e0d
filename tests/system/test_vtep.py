# SPDX-License-Identifier: Apache-2.0
"""Physical servers behind a VTEP gateway: found in a hardware_vtep database
(a real ovsdb-server, written with vtep-ctl), protected where their traffic
passes a bridge with a tunnel to the gateway; and names from the DNS, by which
policies select.  The tunnel is a real one: VXLAN between two bridges."""

import os
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
TOOLS = os.path.join(
    os.environ.get("PP_CACHE", "/var/cache/ovs-patchpoint"), "pairs", "clients",
    "all", "usr")
VTEP_CTL = os.path.join(TOOLS, "bin", "vtep-ctl")
VTEP_SCHEMA = os.path.join(TOOLS, "share", "openvswitch", "vtep.ovsschema")
NETWORK = "lab"
VNI = 5000
PORT = 6640


class Site:
    """A lab whose bridge has a tunnel to another one, the gateway's, with a
    physical server at it; and the gateway's database."""

    def __init__(self, lab):
        self.lab = lab
        self.gateway = lab.add_bridge("gw")
        self.server = self.add_server("ph", 9)
        self.other = self.add_server("po", 8)
        self.vm = lab.add_server_vm("a", 1)
        for n, short in (1, "u1"), (2, "u2"):
            bridge = lab.add_bridge(short)
            pphost.run(["ip", "addr", "add", "192.0.2.%d/24" % n, "dev",
                        bridge])
            pphost.run(["ip", "link", "set", bridge, "up"])
        for dev, short in zip(lab.add_link("ul"), ("u1", "u2")):
            pphost.set_offloads(dev, False)
            lab.vsctl("add-port", lab.name(short), dev)
        for n, short, bridge in ((2, "u1", lab.bridge),
                                 (1, "u2", self.gateway)):
            far = lab.name("u%d" % n)
            with open("/sys/class/net/%s/address" % far) as f:
                mac = f.read().strip()
            lab.appctl("ovs/route/add", "192.0.2.%d/32" % n, lab.name(short))
            lab.appctl("tnl/neigh/set", lab.name(short), "192.0.2.%d" % n,
                       mac)
            lab.vsctl("add-port", bridge, lab.name("vx%d" % n), "--", "set",
                      "Interface", lab.name("vx%d" % n), "type=vxlan",
                      "options:remote_ip=192.0.2.%d" % n,
                      "options:key=%d" % VNI)
        self.tunnel = lab.name("vx2")
        pair = fidelity.load(TRAVERSAL)
        for vm in self.server, self.other, self.vm:
            lab.serve(pair, "vulnerable", vm)
        self.start_database()

    def add_server(self, short, host):
        server = self.lab.add_vm(
            self.gateway, short, "52:54:00:77:00:%02x" % host,
            ["10.77.0.%d/24" % host], plug=False)
        self.lab.vsctl("add-port", self.gateway, server.ifname)
        return server

    def start_database(self):
        lab = self.lab
        file = os.path.join(lab.dir, "vtep.db")
        if not os.path.exists(file):
            pphost.run(["ovsdb-tool", "create", file, VTEP_SCHEMA])
        self.remote = "unix:" + os.path.join(lab.dir, "vtep.sock")
        self.database = lab._daemon(
            ["ovsdb-server", file, "--remote=p" + self.remote,
             "--remote=ptcp:%d:127.0.0.1" % PORT, "--no-chdir",
             "--pidfile=" + os.path.join(lab.dir, "vtep.pid"),
             "--unixctl=" + os.path.join(lab.dir, "vtep.ctl"),
             "-vconsole:off"], "vtep-server")
        lab.processes.append(self.database)
        wait_for("the VTEP's database answers", lambda: self.ctl(
            "list-ps", check=False).returncode == 0)

    def ctl(self, *args, check=True):
        return pphost.run([VTEP_CTL, "--timeout=10", "--db=" + self.remote]
                          + list(args), check=check)

    def announce(self, server, locator="192.0.2.2"):
        """As the gateway does when it learns an address."""
        self.ctl("--may-exist", "add-ls", NETWORK, "--", "set",
                 "Logical_Switch", NETWORK, "tunnel_key=%d" % VNI, "--",
                 "add-ucast-local", NETWORK, server.mac, locator)
        uuid = self.ctl("--bare", "--columns=_uuid", "find",
                        "Ucast_Macs_Local",
                        "MAC=\"%s\"" % server.mac).stdout.strip()
        self.ctl("set", "Ucast_Macs_Local", uuid,
                 "ipaddr=%s" % pplab.address(server))

    def withdraw(self, server):
        self.ctl("del-ucast-local", NETWORK, server.mac)

    def ask(self, server, request=EXPLOIT, frm=None):
        return talk(frm or self.vm, pplab.address(server), request).bytes

    def status(self, server):
        """Of 'server', as server/list has it; "" if it is not there."""
        for line in self.lab.daemon("server/list").splitlines():
            if line.startswith("%s@%s " % (server.mac, NETWORK)):
                return line.split(" status=", 1)[1]
        return ""

    def wait(self, server, begins):
        wait_for("%s is %s (it is %r)" % (server.mac, begins,
                                          self.status(server)),
                 lambda: self.status(server).startswith(begins), 20)


class Physical(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.site = Site(cls.lab)
        cls.lab.vsctl("set", "Open_vSwitch", ".",
                      "external_ids:patchpoint-policy=" + TRAVERSAL)
        cls.lab.start_daemon()
        cls.lab.wait_status(cls.site.vm.ifname, "protected", 20)

    def setUp(self):
        self.site.announce(self.site.server)
        self.set_key(self.site.remote)
        self.site.wait(self.site.server, "protected")

    def set_key(self, value):
        self.lab.vsctl("set", "Open_vSwitch", ".",
                       "external_ids:patchpoint-vtep=\"%s\"" % value)

    def harmed(self, server=None):
        return SECRET in self.site.ask(server or self.site.server)

    def test_protected(self):
        "a physical server in the gateway's database is protected"
        self.assertTrue(self.harmed(self.site.other))   # Not in it.
        before = len(self.lab.events())
        self.assertFalse(self.harmed())
        event = wait_for("its event", lambda: self.lab.events()[before:])[0]
        self.assertEqual(event["patch"], TRAVERSAL)
        self.assertEqual(event["server"]["mac"], self.site.server.mac)
        answer = self.site.ask(self.site.server, get(b"/index.html"))
        self.assertIn(b"200 OK", answer)

    def test_both(self):
        "between a VM and a physical server, each is protected from the other"
        self.assertFalse(self.harmed())
        answer = self.site.ask(self.site.vm, frm=self.site.server)
        self.assertNotIn(SECRET, answer)
        self.assertIn(b"HTTP/1.1", answer)

    def test_withdrawn(self):
        "an address that goes from the database is left alone, one that comes \
is protected"
        self.site.withdraw(self.site.server)
        wait_for("it is gone", lambda: not self.site.status(
            self.site.server), 20)
        wait_for("its flows are gone", lambda: self.site.server.mac
                 not in "".join(self.lab.flows(self.lab.bridge)), 20)
        self.assertTrue(self.harmed())
        self.site.announce(self.site.server)
        self.site.wait(self.site.server, "protected")
        self.assertFalse(self.harmed())

    def test_elsewhere(self):
        "what no tunnel leads to is told, and not looked for"
        self.site.announce(self.site.other, "192.0.2.77")
        line = wait_for("vtep/list has it", lambda: [
            line for line in self.lab.daemon("vtep/list").splitlines()
            if self.site.other.mac in line])[0]
        self.assertIn("no tunnel of this host leads there", line)
        self.assertEqual(self.site.status(self.site.other), "")
        self.site.withdraw(self.site.other)

    def test_no_host(self):
        "rows that are no single host's are passed over, and harm no other"
        rows = "unknown-dst", "01:00:5e:00:00:01", "00:00:00:00:00:00"
        for mac in rows:
            self.site.ctl("add-ucast-local", NETWORK, mac, "192.0.2.2")
            self.addCleanup(self.site.ctl, "del-ucast-local", NETWORK, mac)
        # One that is a host's, behind them.
        self.site.announce(self.site.other, "192.0.2.77")
        self.addCleanup(self.site.withdraw, self.site.other)
        wait_for("vtep/list has it", lambda: self.site.other.mac
                 in self.lab.daemon("vtep/list"))
        for mac in rows:
            self.assertNotIn(mac, self.lab.daemon("vtep/list"))
            self.assertNotIn(mac, self.lab.daemon("server/list"))
        self.assertFalse(self.harmed())

    def test_tunnel(self):
        "it follows the tunnel: its key, and the port itself"
        self.lab.vsctl("set", "Interface", self.site.tunnel,
                       "options:key=%d" % (VNI + 1))
        wait_for("it is gone", lambda: not self.site.status(
            self.site.server), 20)
        self.lab.vsctl("del-port", self.site.tunnel)
        self.lab.vsctl("add-port", self.lab.bridge, self.site.tunnel, "--",
                       "set", "Interface", self.site.tunnel, "type=vxlan",
                       "options:remote_ip=192.0.2.2",
                       "options:key=%d" % VNI, "ofport_request=77")
        self.site.wait(self.site.server, "protected")
        self.assertFalse(self.harmed())

    def test_away(self):
        "while the database is away, what it said last stays in force"
        self.lab.end(self.site.database)
        wait_for("vtep/list tells", lambda: "not reached"
                 in self.lab.daemon("vtep/list"), 20)
        self.assertTrue(self.site.status(
            self.site.server).startswith("protected"))
        self.assertFalse(self.harmed())
        self.site.start_database()
        wait_for("vtep/list tells", lambda: "not reached"
                 not in self.lab.daemon("vtep/list"), 20)
        self.assertFalse(self.harmed())

    def test_wrong_key(self):
        "a name of a database that is none is an error, and changes nothing"
        self.set_key("gateway.example.com")
        wait_for("the status tells", lambda: "is not of the form of a database"
                 in self.lab.get("Open_vSwitch", ".", "external_ids",
                                 "patchpoint-status"), 20)
        self.assertTrue(self.site.status(
            self.site.server).startswith("protected"))
        self.assertFalse(self.harmed())
        self.lab.vsctl("remove", "Open_vSwitch", ".", "external_ids",
                       "patchpoint-vtep")
        wait_for("it is gone", lambda: not self.site.status(
            self.site.server), 20)
        self.assertTrue(self.harmed())


class Names(unittest.TestCase):
    """Names that lead back to their addresses, and one that does not."""

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.site = Site(cls.lab)
        conf = os.path.join(cls.lab.dir, "resolv.conf")
        with open(conf, "w") as out:
            out.write("nameserver 192.0.2.1\n")
        cls.lab.env["OVS_RESOLV_CONF"] = conf
        cls.lab.processes.append(cls.lab._daemon(
            ["dnsmasq", "--keep-in-foreground", "--user=root", "--no-hosts",
             "--conf-file=/dev/null", "--no-resolv", "--pid-file=",
             "--listen-address=192.0.2.1", "--bind-interfaces",
             "--host-record=web9.rack.example,10.77.0.9,10",
             "--host-record=gateway.example,127.0.0.1",
             "--ptr-record=8.0.77.10.in-addr.arpa,web8.rack.example"],
            "dnsmasq"))
        cls.lab.vsctl("set", "Open_vSwitch", ".",
                      "external_ids:hostname=hv1",
                      "external_ids:patchpoint-vtep=tcp:gateway.example:%d"
                      % PORT)
        for server in cls.site.server, cls.site.other:
            cls.site.announce(server)
        cls.lab.start_daemon(db=True)

    def test_names(self):
        "a policy selects by names, which count if they lead back"
        wait_for("both are known", lambda: all(
            server.mac in self.lab.daemon("server/list")
            for server in (self.site.server, self.site.other)), 30)
        wait_for("the DNS has answered", lambda: self.lab.daemon(
            "name/list").count("asking") == 0, 30)
        self.assertEqual(sorted(self.lab.daemon("name/list").splitlines()),
                         ["10.77.0.8 -", "10.77.0.9 web9.rack.example"])
        self.assertIn(SECRET, self.site.ask(self.site.server))
        self.lab.run(["ovsdb-client", "transact", "unix:" + self.lab.db_sock,
                      '["PatchPoint", {"op": "insert", "table": "Policy", '
                      '"row": {"name": "racks", "patches": "%s", '
                      '"names": "*.rack.example"}}]' % TRAVERSAL])
        self.site.wait(self.site.server, "protected")
        self.assertNotIn(SECRET, self.site.ask(self.site.server))
        self.assertEqual(self.site.status(self.site.other), "(no policy)")
        self.assertIn(SECRET, self.site.ask(self.site.other))
        wait_for("the database has it", lambda: "web9.rack.example"
                 in self.lab.run(["ovsdb-client", "dump", "unix:"
                                  + self.lab.db_sock, "PatchPoint",
                                  "Server", "names"]).stdout)


if __name__ == "__main__":
    unittest.main()
