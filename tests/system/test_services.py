# SPDX-License-Identifier: Apache-2.0
"""Services discovered: ports by the SYN+ACKs of VMs, products and versions by
what servers say, and policy "auto", which puts exactly the patches in force
that are for them, and follows changes.  With real servers; what a hostile one
can do is bounded."""

import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import rawtcp                                               # noqa: E402
import smtp_cases                                           # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

SMUGGLING = "CVE-2024-27305"
STARTTLS = "CVE-2024-34083"
TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
NODE = ["CVE-2014-3744", "CVE-2021-22959", "CVE-2021-22960", "CVE-2022-24999",
        "CVE-2022-32213", "CVE-2022-32214", "CVE-2022-32215",
        "CVE-2022-39288", "CVE-2023-30589", "CVE-2023-40175",
        "CVE-2023-40225", "CVE-2024-22019", "CVE-2024-27982",
        "CVE-2024-45590", "CVE-2024-45614", "CVE-2025-23167",
        "CVE-2026-26961", "CVE-2026-27654"]


class Services(unittest.TestCase):
    """What the classes below share."""

    def services(self, vm, **like):
        """The services of 'vm' that are 'like' this."""
        rows = json.loads(self.lab.daemon("service/list", "--json"))
        return [row for row in rows if row["server"] == vm.ifname
                and all(row.get(key) == value
                        for key, value in like.items())]

    def wait_service(self, vm, **like):
        return wait_for("a service like %s (there are %s)"
                        % (like, self.services(vm)),
                        lambda: self.services(vm, **like), 20)[0]

    def knock(self, vm, port, host=None):
        """A connection that says nothing and is read from for a moment: by
        itself it changes nothing."""
        with self.client.connect(host or pplab.address(vm), port) as s:
            s.settimeout(0.2)
            try:
                return s.recv(1000)
            except socket.timeout:
                return b""


class Listening(Services):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.other = cls.lab.add_server_vm("b", 2)
        cls.before = cls.lab.picture()
        cls.lab.start_daemon(args=["--service-timeout=4"])
        cls.lab.protect(cls.vm, TRAVERSAL)

    def test_listens(self):
        "a port that is not redirected is told once, not with each connection"
        self.lab.serve_blobs(self.vm, port=8123)
        self.knock(self.vm, 8123)
        row = self.wait_service(self.vm, port=8123)
        self.assertEqual(row["address"], pplab.address(self.vm))
        self.assertEqual(row["transport"], "tcp")
        self.assertNotIn("protocol", row)
        self.assertEqual(row["patches"], [])
        asked = self.packet_ins()
        for _ in range(50):
            self.client.connect(pplab.address(self.vm), 8123).close()
        self.assertEqual(self.packet_ins(), asked)
        self.assertEqual(self.lab.counter("flow_new"), 0)
        self.assertEqual(self.lab.counter("packet_in_not_ours"), 0)

    def test_protocol(self):
        "which protocol an unusual port speaks shows in its first words"
        pair = fidelity.load(SMUGGLING)
        self.lab.servers.append(pair.start(
            "vulnerable", pplab.address(self.vm), 2526,
            wrap=self.vm.argv([])))
        self.lab.serve_blobs(self.vm, port=8129)

        def known():
            self.knock(self.vm, 2526)
            with self.client.connect(pplab.address(self.vm), 8129) as s:
                s.sendall(get(b"/blob/1/0"))
                self.assertTrue(s.recv(100).startswith(b"HTTP/1."))
            return (self.services(self.vm, port=2526, protocol="smtp")
                    and self.services(self.vm, port=8129, protocol="http"))
        wait_for("both protocols are known", known, 20)
        # Nothing was redirected for that.
        self.assertEqual(self.lab.counter("flow_new"), 0)

    def test_no_protocol(self):
        "what speaks no protocol known here passes, and is asked for no more"
        with self.vm.listen(pplab.address(self.vm), 8130) as server:
            for _ in range(3):
                with self.client.connect(pplab.address(self.vm),
                                         8130) as s:
                    s.settimeout(10)
                    conn, _ = server.accept()
                    with conn:
                        for i in range(40):
                            conn.sendall(b"word %d" % i)
                            self.assertTrue(s.recv(100))
        row = self.wait_service(self.vm, port=8130)
        self.assertNotIn("protocol", row)
        wait_for("no more is asked for", lambda: [
            f for f in self.lab.flows(self.lab.bridge) if "tp_src=8130" in f
            and "table=206" in f and f.endswith("actions=drop")], 10)

    def test_ipv6(self):
        "the same over IPv6"
        self.lab.serve_blobs(self.vm, "fd77::1", port=8124)
        self.knock(self.vm, 8124, "fd77::1")
        row = self.wait_service(self.vm, port=8124)
        self.assertEqual(row["address"], "fd77::1")

    def test_client_ports(self):
        "what a VM connects to is no service of its"
        self.lab.serve_blobs(self.other, port=8125)
        with self.vm.connect(pplab.address(self.other), 8125) as s:
            port = s.getsockname()[1]
            s.sendall(get(b"/blob/1/0"))
            self.assertTrue(s.recv(1000))
        self.knock_until_told(8126)
        self.assertEqual(self.services(self.vm, port=port), [])
        # A VM without a policy is not looked at.
        self.assertEqual(self.services(self.other), [])

    def test_forgotten(self):
        "a service that is not seen any more is forgotten; the switch too"
        with self.vm.listen(pplab.address(self.vm), 8127):
            self.knock(self.vm, 8127)
            self.wait_service(self.vm, port=8127)
        wait_for("it is forgotten",
                 lambda: not self.services(self.vm, port=8127), 20)
        self.lab.clear_ids(self.vm, "policy")
        wait_for("the switch has nothing of ours",
                 lambda: self.lab.picture() == self.before)
        self.lab.protect(self.vm, TRAVERSAL)

    def knock_until_told(self, port):
        with self.vm.listen(pplab.address(self.vm), port):
            self.knock(self.vm, port)
            self.wait_service(self.vm, port=port)

    def packet_ins(self):
        """Frames that the switch has sent to controllers."""
        text = self.lab.ofctl("dump-flows", self.lab.bridge, "table=207")
        return sum(int(line.split("n_packets=")[1].split(",")[0])
                   for line in text.splitlines() if "controller(" in line)


class Auto(Services):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.patches = tempfile.mkdtemp(prefix="pp-patches.")
        cls.addClassCleanup(shutil.rmtree, cls.patches)
        shutil.copytree(pplab.PATCHES, cls.patches, dirs_exist_ok=True)
        cls.mx = cls.lab.add_server_vm("mx", 1)
        cls.www = cls.lab.add_server_vm("www", 2)
        cls.lab.start_daemon(patches=(cls.patches,))

    # Mail.

    def start_mx(self, side, ident=None):
        pair = fidelity.load(SMUGGLING)
        server = pair.start(side, pplab.address(self.mx), 25,
                            wrap=self.mx.argv([]),
                            env={"IDENT": ident} if ident else {})
        self.lab.servers.append(server)
        return server

    def smuggle(self, server):
        "What the server made of a message with another one in it."
        case = smtp_cases.smuggling()
        with self.client.inside():
            return fidelity.run_case((pplab.address(self.mx), 25), case,
                                     server, patience=5)

    def wait_patches(self, vm, port, patches, **like):
        """Has clients come until exactly 'patches' are for the service, and
        in force."""
        def come():
            self.knock(vm, port)
            rows = self.services(vm, port=port, **like)
            return (rows and rows[0]["patches"] == patches
                    and ("(auto: 1 services, %d patches)" % len(patches)
                         in self.lab.status(vm.ifname)))
        wait_for("%s for port %d (%s; %s)"
                 % (patches, port, self.services(vm),
                    self.lab.status(vm.ifname)), come, 30)

    def test_mail(self):
        """exactly the patches of the product and version that the greeting
        says; they follow when these change, and when the pool does"""
        lab, mx = self.lab, self.mx
        server = self.start_mx("vulnerable")
        self.assertTrue(smtp_cases.smuggled(self.smuggle(server)))

        lab.set_ids(mx, policy="auto")
        status = lab.wait_status(mx.ifname, "pending: auto", 20)
        self.assertIn("no service has been seen yet",
                      lab.status(mx.ifname), status)
        self.wait_patches(mx, 25, [SMUGGLING, STARTTLS], protocol="smtp",
                          product="pypi/aiosmtpd", version="1.4.3")
        self.assertFalse(smtp_cases.smuggled(self.smuggle(server)))
        self.assertGreater(lab.counter("match_hits"), 0)

        # It is upgraded: what Debian's fix makes of it calls itself fixed.
        server.stop()
        server = self.start_mx("patched", "Python SMTP 1.4.6")
        self.wait_patches(mx, 25, [], version="1.4.6")
        hits = lab.counter("match_hits")
        edits = lab.counter("stream_rebuilt")
        seen = self.smuggle(server)
        self.assertFalse(smtp_cases.smuggled(seen))
        message, = smtp_cases.messages(seen)
        # To the byte what was sent: nobody but the server had a say in it.
        self.assertIn("a\n.\r\nMAIL FROM:<evil@a.test>", message["content"])
        self.assertEqual(lab.counter("match_hits"), hits)
        self.assertEqual(lab.counter("stream_rebuilt"), edits)

        # The pool learns that this version has the flaw, too.
        file = os.path.join(self.patches, "smtp", SMUGGLING + ".yaml")
        with open(file) as f:
            text = f.read()
        with open(file, "w") as f:
            f.write(text.replace('versions: "< 1.4.5"',
                                 'versions: "< 1.4.7"'))
        lab.daemon("patch/reload")
        self.wait_patches(mx, 25, [SMUGGLING])
        with open(file, "w") as f:
            f.write(text)
        lab.daemon("patch/reload")
        self.wait_patches(mx, 25, [])

        # And back to the old one.
        server.stop()
        server = self.start_mx("vulnerable")
        self.wait_patches(mx, 25, [SMUGGLING, STARTTLS], version="1.4.3")
        self.assertFalse(smtp_cases.smuggled(self.smuggle(server)))

    def test_unusual(self):
        "a port that no protocol is usual for is protected, too, once it spoke"
        lab, www = self.lab, self.www
        lab.serve(fidelity.load(TRAVERSAL), "vulnerable", www, port=8181)
        self.assertIn(SECRET, self.ask(8181))
        lab.set_ids(www, policy="auto")
        wait_for("the exploit is corrected",
                 lambda: SECRET not in self.ask(8181), 30)
        self.wait_service(www, port=8181, protocol="http", patches=NODE)

    def test_web(self):
        """a library that never shows is protected behind a server that does
        not say what it is; other VMs keep what they have"""
        lab, www = self.lab, self.www
        lab.serve(fidelity.load(TRAVERSAL), "vulnerable", www)
        self.assertIn(SECRET, self.ask())
        lab.set_ids(www, policy="auto")
        wait_for("the exploit is corrected",
                 lambda: SECRET not in self.ask(), 20)
        row = self.wait_service(www, port=80, protocol="http", patches=NODE)
        self.assertNotIn("product", row)
        self.assertFalse(SECRET in self.ask())

        # Another port of another proxy: listed patches come beside it.
        lab.set_ids(www, policy="auto,CVE-2023-51766")
        wait_for("both ports of mail", lambda: "smtp:587" in [
            word for line in lab.daemon("server/list").splitlines()
            if line.startswith(www.ifname + " ")
            for word in line.replace(",", " ").split()], 20)
        self.assertFalse(SECRET in self.ask())

    def ask(self, port=80):
        return talk(self.client, pplab.address(self.www), EXPLOIT,
                    port=port).bytes


class Kept(Services):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.vm)
        cls.lab.start_daemon(db=True)
        cls.lab.set_ids(cls.vm, policy="auto")
        cls.lab.wait_status(cls.vm.ifname, "pending: auto", 20)
        wait_for("the exploit is corrected", lambda: SECRET not in talk(
            cls.client, pplab.address(cls.vm), EXPLOIT).bytes, 20)

    def rows(self):
        "The rows of Service in the PatchPoint database."
        p = self.lab.run(["ovsdb-client", "--timeout=10", "--format=json",
                          "--data=bare", "dump", "unix:" + self.lab.db_sock,
                          "PatchPoint", "Service"], check=False)
        if p.returncode:
            return []
        table = json.loads(p.stdout)
        return [dict(zip(table["headings"], row)) for row in table["data"]]

    def test_restart(self):
        "a daemon that starts again protects what the one before it knew"
        before = self.wait_service(self.vm, port=80, protocol="http",
                                   patches=NODE)
        self.lab.appctl("exit", "--restart", target="ovs-patchpointd")
        self.lab.control.wait(20)
        self.lab.start_daemon(db=True)
        self.lab.wait_status(self.vm.ifname,
                             "protected (auto: 1 services, %d" % len(NODE),
                             20)
        # Nobody has connected meanwhile.
        after = self.wait_service(self.vm, port=80, protocol="http",
                                  patches=NODE)
        self.assertEqual(after["first-seen"], before["first-seen"])
        self.assertNotIn(SECRET, talk(self.client, pplab.address(self.vm),
                                      EXPLOIT).bytes)

    def test_database(self):
        "the PatchPoint database has a row for each service"
        self.wait_service(self.vm, port=80, protocol="http", patches=NODE)
        # It is written a moment after service-list says so.
        row, = wait_for("the row (there are %s)" % self.rows(),
                        lambda: [row for row in self.rows()
                                 if row["protocol"] == "http"
                                 and sorted(row["patches"][1]) == NODE], 20)
        self.assertEqual(row["port"], 80)
        self.assertEqual(row["transport"], "tcp")


class Sayer(threading.Thread):
    """A server in 'vm' that answers whatever comes with 'reply'."""

    def __init__(self, vm, port, reply):
        super().__init__(daemon=True)
        self.sock = vm.listen(pplab.address(vm), port)
        self.reply = reply
        self.start()

    def run(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with conn:
                try:
                    conn.settimeout(10)
                    conn.recv(65536)
                    conn.sendall(self.reply)
                except OSError:
                    pass


class Hostile(Services):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("evil", 1)
        cls.good = cls.lab.add_server_vm("good", 2)
        cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.good)
        cls.lab.start_daemon()
        for vm in cls.vm, cls.good:
            cls.lab.set_ids(vm, policy="auto")
            cls.lab.wait_status(vm.ifname, "pending: auto", 20)

    def test_banners(self):
        "words of 1 MB, of all bytes, of lies: bounded, escaped, not believed"
        pid = self.lab.engine_pid()
        sayer = Sayer(self.vm, 80, b"")
        self.addCleanup(sayer.sock.close)
        words = [
            bytes(range(1, 10)) + bytes(range(14, 256)),
            b"\"; patches=all\x1b[2J",
            b"gunicorn/" + b"9" * 100000,
            b"x" * (1 << 20),
            b"gunicorn/19.9.0",
        ]
        for word in words:
            sayer.reply = (b"HTTP/1.1 200 OK\r\nServer: " + word
                           + b"\r\nContent-Length: 2\r\n\r\nok")
            seen = talk(self.client, pplab.address(self.vm), get(b"/"),
                        settle=5)
            # It reaches the client as it is.
            self.assertEqual(seen.bytes, sayer.reply)
        self.wait_until_said("gunicorn/19.9.0")
        for row in self.services(self.vm):
            self.assertLess(len(row["banner"]), 256)
            self.assertTrue(row["banner"].isascii()
                            and row["banner"].isprintable())
        self.assertEqual(self.services(self.vm, port=80)[0]["patches"],
                         ["CVE-2024-1135"])
        self.assertEqual(self.lab.engine_pid(), pid)

    def wait_until_said(self, word):
        """A word is told once in a while: clients come until it is."""
        def come():
            talk(self.client, pplab.address(self.vm), get(b"/"))
            return self.services(self.vm, banner=word)
        wait_for("the last word is known (%s)" % self.services(self.vm),
                 come, 20)

    def test_flood(self):
        "thousands of ports of one VM are bounded, and others are unharmed"
        frames = b"".join(
            self.syn_ack(port) for port in range(20000, 26000))
        size = len(frames) // 6000
        with self.vm.inside():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with wire:
            wire.bind(("eth0", 0))
            for i in range(0, len(frames), size):
                wire.send(frames[i:i + size])
        wait_for("it is muted", lambda: "more than 128 listening ports in a "
                 "minute" in self.lab.log())
        self.assertLessEqual(len(self.services(self.vm)), 64)
        learned = [flow for flow in self.lab.flows(self.lab.bridge)
                   if "0x5061746368506f6c" in flow]
        self.assertLessEqual(len(learned), 128 + 32)

        # Meanwhile another VM's service is found, and protected.
        wait_for("the exploit is corrected", lambda: SECRET not in talk(
            self.client, pplab.address(self.good), EXPLOIT).bytes, 20)
        self.wait_service(self.good, port=80, protocol="http")
        self.assertIn("protected", self.lab.status(self.good.ifname))

    def syn_ack(self, port):
        segment = rawtcp.tcp_segment(
            pplab.address(self.vm), pplab.address(self.client), port, 40000,
            1, 1, rawtcp.SYN | rawtcp.ACK)
        return (rawtcp.mac_bytes(self.client.mac)
                + rawtcp.mac_bytes(self.vm.mac) + b"\x08\x00"
                + rawtcp.ipv4_packet(pplab.address(self.vm),
                                     pplab.address(self.client), segment))


if __name__ == "__main__":
    unittest.main()
