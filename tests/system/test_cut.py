# SPDX-License-Identifier: Apache-2.0
"""Cut-through: connections at which nothing will be looked at any more leave
the engine, and come back when they should."""

import os
import re
import resource
import signal
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import rawtcp                                               # noqa: E402
from pplab import MIB, get, wait_for                        # noqa: E402
from rawtcp import ACK, RST                                 # noqa: E402

TRAVERSAL = "CVE-2014-3744"
TARGET = b"/%2e%2e/secret.txt"
EXPLOIT = get(TARGET)
PROTOTYPE = "CVE-2022-24999"
TAINT = get(b"/q?first=1&a%5B__proto__%5D%5Blength%5D=9&last=2")

# Cookies of the flows: "PatC" in the upper half.
CUT = re.compile(r"cookie=0x50617443[0-9a-f]{8},.*n_packets=(\d+)")

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(506)

# The sender's addresses; its kernel knows nothing of them.
SOURCE = {4: "10.77.0.240", 6: "fd77::f0"}


class Opaque:
    """A connection to the echo of tunnel.py, by way of 'opening'."""

    def __init__(self, client, host, opening, port=80, source=0):
        with client.inside():
            self.sock = socket.socket(socket.AF_INET6 if ":" in host
                                      else socket.AF_INET)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.settimeout(20)
        if source:
            self.sock.bind(("", source))
        self.sock.connect((host, port))
        self.sock.sendall(opening)
        if opening == CLIENT_HELLO:
            self.expect(CLIENT_HELLO)
        else:
            data = b""
            while b"\r\n\r\n" not in data:
                data += self.sock.recv(1)

    def expect(self, what):
        got = b""
        while len(got) < len(what):
            more = self.sock.recv(len(what) - len(got))
            if not more:
                raise pplab.Failed("the echo has ended")
            got += more
        if got != what:
            raise pplab.Failed("the echo is another: %r" % got[:80])

    def chat(self, n=60):
        """Small pieces, there and back."""
        for i in range(n):
            piece = b"%08d" % i
            self.sock.sendall(piece)
            self.expect(piece)

    def bulk(self, n):
        """'n' MiB there and back at once, compared."""
        def send():
            for part in pplab.blob(n):
                self.sock.sendall(part)
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        for part in pplab.blob(n):
            self.expect(part)
        sender.join()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


class Tagged(rawtcp.Peer):
    """A connection in VLAN 77."""

    def put(self, packet, **link):
        super().put(packet, tags=[(rawtcp.VLAN, 77)], **link)


def echo(test, peer, pieces):
    """Each piece comes back before the next one is sent."""
    for piece in pieces:
        n = len(peer.received) + len(piece)
        peer.say(piece)
        test.assertTrue(peer.pump(5, lambda: len(peer.received) >= n))
        test.assertEqual(peer.received[-len(piece):], piece)


OPENINGS = {
    "TLS": CLIENT_HELLO,
    "CONNECT": b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n",
    "Upgrade": (b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                b"Upgrade: echo\r\n\r\n"),
}


class Case(unittest.TestCase):
    tso = False
    args = ()
    handshake = 0               # No server has SYN cookies.

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, tso=cls.tso)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.host = pplab.address(cls.vm)
        for version in 4, 6:
            host = pplab.address(cls.vm, version)
            cls.vm.popen([sys.executable,
                          os.path.join(pplab.HERE, "tunnel.py"), host, "80"])
            wait_for("the server listens",
                     lambda: pplab.answers(cls.vm, host, 80))
        for version, source in SOURCE.items():
            cls.vm.run(["ip", "neigh", "replace", source, "lladdr",
                        cls.client.mac, "dev", "eth0", "nud", "permanent"])

    def setUp(self):
        if not self.lab.control or self.lab.control.poll() is not None:
            self.lab.start_daemon(args=self.args)
        self.assertTrue(self.harmed())
        self.lab.vsctl("set", "Open_vSwitch", ".", "external_ids:"
                       "patchpoint-limits=handshake=%d" % self.handshake)
        self.lab.protect(self.vm, "all")
        self.addCleanup(self.clear)
        self.assertFalse(self.harmed())

    def clear(self):
        self.lab.clear_ids(self.vm, "policy", "mode", "ports", "fail")
        if self.lab.control:
            wait_for("no redirect is left",
                     lambda: not self.lab.status(self.vm.ifname), 15)
            wait_for("nothing of ours is left", lambda: not [
                f for f in self.lab.flows(self.lab.bridge)
                if "cookie=0x50617" in f], 15)

    def harmed(self, source=0):
        """Does the server see the exploit?"""
        with self.client.inside():
            s = socket.socket()
        with s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.settimeout(20)
            if source:
                s.bind(("", source))
            s.connect((self.host, 80))
            s.sendall(EXPLOIT)
            answer = s.recv(65536)
            self.assertTrue(answer)
            return b"saw " + TARGET in answer

    def opaque(self, how="TLS", version=4, **kwargs):
        conn = Opaque(self.client, pplab.address(self.vm, version),
                      OPENINGS[how], **kwargs)
        self.addCleanup(conn.close)
        return conn

    def cuts(self):
        """How many frames each flow of a cut has led past the engine."""
        text = self.lab.ofctl("dump-flows", self.lab.bridge, "table=201")
        return [int(m.group(1)) for m in CUT.finditer(text)]

    def wait_cuts(self, n, timeout=10, flows=2):
        """'n' connections have 'flows' flows each."""
        wait_for("%d connections are cut through" % n,
                 lambda: len(self.cuts()) == flows * n, timeout)

    def cut(self, *args, **kwargs):
        """A connection that has left the engine."""
        before = len(self.cuts()) // 2
        conn = self.opaque(*args, **kwargs)
        conn.chat()
        self.wait_cuts(before + 1)
        # Until the switch's caches know, too.
        time.sleep(0.6)
        return conn

    def has_left(self, conn):
        """Do its frames go around the engine?"""
        conn.chat(3)
        time.sleep(0.3)
        before = self.lab.counter("packet_in_frames")
        conn.chat(50)
        return self.lab.counter("packet_in_frames") - before < 10


class Cut(Case):
    def leaves(self, how, version=4):
        conn = self.cut(how, version)
        self.assertIn("1 connections cut through",
                      self.lab.daemon("pipeline/show"))
        self.assertIn(" cut-through\n", self.lab.daemon("conn/list"))
        frames = self.lab.counter("packet_in_frames")
        flows = self.cuts()
        conn.bulk(8)
        wait_for("the flows have been used", lambda: all(
            new > old + 20 for new, old in zip(self.cuts(), flows)))
        self.assertLess(self.lab.counter("packet_in_frames"), frames + 10)
        self.assertGreaterEqual(self.lab.counter("cut_through"), 1)
        conn.close()
        self.wait_cuts(0, 5)

    def test_tls(self):
        "a connection that is TLS leaves the engine, bytes as they were"
        self.leaves("TLS")

    def test_tls_6(self):
        "the same over IPv6"
        self.leaves("TLS", 6)

    def test_connect(self):
        "a tunnel by CONNECT leaves the engine"
        self.leaves("CONNECT")

    def test_upgrade(self):
        "an upgraded connection leaves the engine"
        self.leaves("Upgrade")

    def test_leaves_at_work(self):
        "a connection leaves in the middle of a transfer"
        conn = self.opaque()
        conn.bulk(30)
        self.wait_cuts(1)
        self.assertTrue(self.has_left(conn))

    def test_short(self):
        "a connection of few frames is not worth it"
        conn = self.opaque()
        conn.chat(5)
        time.sleep(0.5)
        self.assertEqual(self.cuts(), [])
        self.assertIn("state=opaque", self.lab.daemon("conn/list"))

    def test_http_stays(self):
        "a connection of requests stays with the engine"
        with self.client.connect(self.host, 80) as s:
            for _ in range(100):
                s.sendall(get(b"/a"))
                self.assertIn(b"saw /a", s.recv(65536))
            time.sleep(0.5)
            self.assertEqual(self.cuts(), [])
            s.sendall(EXPLOIT)
            self.assertNotIn(TARGET, s.recv(65536))

    def test_edited_stays(self):
        "a connection that was edited stays, also when it is opaque"
        with self.client.connect(self.host, 80) as s:
            s.sendall(TAINT)
            self.assertNotIn(b"length", s.recv(65536))
            s.sendall(OPENINGS["Upgrade"])
            self.assertIn(b" 101 ", s.recv(65536))
            for i in range(100):
                s.sendall(b"%08d" % i)
                self.assertEqual(s.recv(65536), b"%08d" % i)
            time.sleep(0.5)
            self.assertEqual(self.cuts(), [])
            self.assertIn("state=opaque", self.lab.daemon("conn/list"))

    def test_idle(self):
        "idle flows go; the connection goes on, and leaves again"
        conn = self.cut()
        self.wait_cuts(0, 30)
        wait_for("the engine knows", lambda: " cut-through"
                 not in self.lab.daemon("conn/list"), 10)
        conn.chat()
        self.wait_cuts(1)
        self.assertTrue(self.has_left(conn))

    def test_policy_removed(self):
        "a policy is removed, and its flows with it; the connection goes on"
        conn = self.cut()
        self.lab.clear_ids(self.vm, "policy")
        self.wait_cuts(0, 3)
        conn.chat()

    def test_policy_changed(self):
        "another policy: the flows go; under it, the connection leaves again"
        conn = self.cut()
        self.lab.set_ids(self.vm, policy=TRAVERSAL)
        self.wait_cuts(0, 3)
        conn.chat()
        wait_for("it has left again", lambda: conn.chat(10)
                 or len(self.cuts()) == 2, 15)
        self.assertFalse(self.harmed())

    def test_other_policy_changed(self):
        "another VM's policy changes: nothing happens"
        other = self.lab.add_server_vm("b", 2)
        self.addCleanup(other.unplug)
        conn = self.cut()
        self.lab.protect(other, TRAVERSAL)
        self.assertTrue(self.has_left(conn))
        self.assertEqual(len(self.cuts()), 2)

    def test_reload(self):
        "patches reloaded: the flows go, the connection leaves again"
        conn = self.cut()
        back = self.lab.counter("cut_back")
        self.lab.daemon("patch/reload")
        wait_for("it has come back",
                 lambda: self.lab.counter("cut_back") > back)
        conn.chat()

    def test_unplugged(self):
        "the VM goes away, and the flows with it"
        other = self.lab.add_server_vm("d", 4)
        other.popen([sys.executable, os.path.join(pplab.HERE, "tunnel.py"),
                     pplab.address(other), "80"])
        wait_for("the server listens",
                 lambda: pplab.answers(other, pplab.address(other), 80))
        self.lab.protect(other, "all")
        conn = Opaque(self.client, pplab.address(other), CLIENT_HELLO)
        conn.chat()
        self.wait_cuts(1)
        other.unplug()
        self.wait_cuts(0, 5)
        conn.close()

    def test_flows_deleted(self):
        "somebody deletes all flows: ours come back, it leaves again"
        conn = self.cut()
        self.lab.ofctl("del-flows", self.lab.bridge, "table=201")
        conn.chat()
        wait_for("it has left again", lambda: conn.chat(10)
                 or len(self.cuts()) == 2, 15)
        self.lab.wait_status(self.vm.ifname, "protected", 10)
        self.assertFalse(self.harmed())

    def test_alien(self):
        "flows like these that somebody else puts there are taken away"
        self.lab.ofctl(
            "add-flow", self.lab.bridge, "cookie=0x5061744300000077,"
            "table=201,priority=35,tcp,tp_dst=80,tcp_flags=-syn,"
            "actions=resubmit(,205)")
        wait_for("it is gone", lambda: not self.cuts())
        wait_for("the server is safe", lambda: not self.harmed(), 5)

    def next_daemon(self, end):
        conn = self.cut()
        end()
        conn.bulk(4)
        self.assertEqual(len(self.cuts()), 2)
        self.lab.start_daemon(args=self.args)
        self.wait_cuts(0)
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        conn.bulk(4)
        self.assertFalse(self.harmed())

    def test_daemon_killed(self):
        "kill -9 of the daemon: the connection goes on, the next cleans up"
        self.next_daemon(lambda: self.lab.stop_control(signal.SIGKILL))

    def test_restart(self):
        "exit --restart: the same"
        def end():
            self.lab.daemon("exit", "--restart")
            wait_for("it has ended",
                     lambda: self.lab.control.poll() is not None)
        self.next_daemon(end)

    def test_sigterm(self):
        "SIGTERM of the daemon: nothing is left, the connection goes on"
        conn = self.cut()
        self.lab.stop_control()
        self.assertEqual([f for f in self.lab.flows(self.lab.bridge)
                          if "cookie=0x50617" in f], [])
        conn.bulk(4)

    def test_engine_killed(self):
        "the engine killed: its cuts go before the next one has frames"
        conn = self.cut()
        old = self.lab.engine_pid()
        os.kill(old, signal.SIGKILL)
        self.wait_cuts(0, 3)
        wait_for("another engine protects", lambda: (
            self.lab.engine_pid() not in (None, old)
            and self.lab.status(self.vm.ifname) == "protected"), 20)
        conn.bulk(4)
        self.assertFalse(self.harmed())

    def test_switch_restarted(self):
        "ovs-vswitchd restarted: protection and connection come back"
        conn = self.cut()
        self.lab.end(self.lab.vswitchd)
        self.lab.start_vswitchd()
        self.lab.wait_status(self.vm.ifname, "protected", 30)
        conn.bulk(2)
        wait_for("it has left again", lambda: conn.chat(10)
                 or len(self.cuts()) == 2, 15)
        self.assertFalse(self.harmed())

    def test_vlan(self):
        "frames with a VLAN tag; where the switch sees a second one, no cuts"
        vm = self.lab.add_server_vm("v", 5, port_args=["tag=77"])
        trunk = self.lab.add_client("t", 251)
        self.addCleanup(trunk.unplug)
        self.addCleanup(vm.unplug)
        vm.popen([sys.executable, os.path.join(pplab.HERE, "tunnel.py"),
                  pplab.address(vm), "80"])
        vm.run(["ip", "neigh", "replace", SOURCE[4], "lladdr", trunk.mac,
                "dev", "eth0", "nud", "permanent"])
        wait_for("the server listens",
                 lambda: pplab.answers(vm, pplab.address(vm), 80))
        self.lab.protect(vm, "all")
        wire = rawtcp.Wire(trunk)
        self.addCleanup(wire.close)

        def opened(port):
            peer = Tagged(wire, SOURCE[4], pplab.address(vm), port, 80,
                          vm.mac)
            peer.open()
            return peer
        # The first frames of a VLAN that nobody has announced are not seen.
        opened(32000)
        peer = opened(32001)
        echo(self, peer, [CLIENT_HELLO] + [b"12345678"] * 60)
        self.wait_cuts(1)
        time.sleep(0.6)
        before = self.lab.counter("packet_in_frames")
        echo(self, peer, [b"12345678"] * 50)
        self.assertLess(self.lab.counter("packet_in_frames"), before + 10)

        self.lab.vsctl("set", "Open_vSwitch", ".",
                       "other_config:vlan-limit=2")
        self.addCleanup(self.lab.vsctl, "remove", "Open_vSwitch", ".",
                        "other_config", "vlan-limit")
        self.wait_cuts(0, 3)
        time.sleep(6)
        echo(self, peer, [b"12345678"] * 60)
        time.sleep(0.5)
        self.assertEqual(self.cuts(), [])


class CutTso(Case):
    tso = True

    def test_tls(self):
        "TSO: a connection leaves in the middle of a transfer"
        conn = self.opaque()
        conn.bulk(30)
        self.wait_cuts(1)
        self.assertTrue(self.has_left(conn))
        conn.bulk(30)


class Reused(Case):
    """Addresses and ports of a connection that is cut through, used again."""

    def test_reset_and_reused(self):
        "RST, and the same ports again at once"
        for i in range(3):
            conn = self.cut(source=30000 + i)
            conn.reset()
            self.assertFalse(self.harmed(source=30000 + i))
            self.wait_cuts(0, 3)

    def test_closed_and_reused(self):
        "FIN, and the same ports again at once"
        conn = self.cut(source=30100)
        conn.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(conn.sock.recv(10), b"")
        conn.reset()
        self.assertFalse(self.harmed(source=30100))
        self.wait_cuts(0, 3)

    def raw(self, port):
        """A connection of a sender of our own, cut through, which the server
        has forgotten without a word."""
        wire = rawtcp.Wire(self.client)
        self.addCleanup(wire.close)
        peer = rawtcp.Peer(wire, SOURCE[4], self.host, port, 80, self.vm.mac)
        peer.open()
        echo(self, peer, [CLIENT_HELLO] + [b"12345678"] * 60)
        self.wait_cuts(1)
        time.sleep(0.6)
        peer.say(b"!hide!")
        peer.pump(0.3)
        self.assertFalse(peer.fin or peer.reset)
        return peer

    def exploit(self, peer, seconds):
        """Opens anew from the same port and sends the exploit with each SYN,
        as often as a kernel would and oftener.  Returns what came back."""
        peer.restart(peer.nxt + 100000)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not peer.rcv:
            peer.syn()
            peer.pump(0.1, lambda: peer.rcv)
        self.assertTrue(peer.rcv, "no SYN was answered")
        peer.send(b"", flags=ACK)
        peer.say(EXPLOIT)
        peer.pump(5, lambda: peer.received or peer.fin or peer.reset)
        peer.send(b"", flags=ACK | RST)
        return peer.received

    def test_forgotten_and_reused(self):
        "no end was seen, and the same ports again: not around the engine"
        peer = self.raw(31000)
        syns = self.lab.counter("cut_syns")
        answer = self.exploit(peer, 20)
        self.assertTrue(answer)
        self.assertNotIn(TARGET, answer)
        self.assertGreater(self.lab.counter("cut_syns"), syns)
        self.assertEqual(self.cuts(), [])

    def test_harm(self):
        "the same where a flow leads SYNs past the engine, too: harm"
        peer = self.raw(31001)
        for dst, src in (("dst", "src"), ("src", "dst")):
            self.lab.ofctl(
                "add-flow", self.lab.bridge, "table=201,priority=60,tcp,"
                "tp_%s=80,tp_%s=31001,actions=resubmit(,205)" % (dst, src))
        self.addCleanup(self.lab.ofctl, "del-flows", self.lab.bridge,
                        "cookie=0/-1,table=201")
        self.assertIn(b"saw " + TARGET, self.exploit(peer, 5))


class Young(Case):
    """Connections whose handshake could end once more: two seconds long."""
    handshake = 2

    def test_ages(self):
        "first what the server sends leaves, then what the client sends"
        conn = self.opaque()
        conn.chat()
        self.wait_cuts(1, flows=1)
        frames = self.lab.counter("packet_in_frames")
        conn.chat(5)
        self.assertGreater(self.lab.counter("packet_in_frames"), frames + 4)
        wait_for("it has left whole", lambda: conn.chat(5)
                 or len(self.cuts()) == 2)
        time.sleep(0.6)
        self.assertTrue(self.has_left(conn))
        self.assertEqual(self.lab.counter("cut_through"), 1)
        conn.close()
        self.wait_cuts(0, 5)

    def test_bulk(self):
        "it leaves in the middle of transfers, bytes as they were"
        conn = self.opaque()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            conn.bulk(8)
        self.wait_cuts(1)
        self.assertTrue(self.has_left(conn))


class Bound(Case):
    args = ("--max-cut-through=2",)

    def test_bound(self):
        "more than the bound stay with the engine, and that is counted"
        conns = [self.cut(), self.cut()]
        full = self.lab.counter("cut_full")
        third = self.opaque()
        third.chat()
        time.sleep(0.5)
        self.assertEqual(len(self.cuts()), 4)
        self.assertGreater(self.lab.counter("cut_full"), full)
        self.assertFalse(self.has_left(third))
        self.assertIn("2 connections of at most 2",
                      self.lab.daemon("pipeline/show"))
        # One that ends makes room.
        conns[0].close()
        wait_for("the third has left", lambda: third.chat(10)
                 or self.has_left(third), 20)


class Never(Case):
    args = ("--max-cut-through=0",)

    def test_never(self):
        "--max-cut-through=0: no connection leaves"
        conn = self.opaque()
        conn.bulk(4)
        time.sleep(0.5)
        self.assertEqual(self.cuts(), [])
        self.assertFalse(self.has_left(conn))


class List(unittest.TestCase):
    """conn/list has more rows than the engine's socket has room for."""

    CONNS = 1200
    ROWS = 1000                 # Of a list, at most.

    def test_many(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, limit[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limit)
        lab = pplab.Lab.of(type(self), prefix="ppl")
        lab.start_daemon()
        vm = lab.add_server_vm("s", 1)
        client = lab.add_client()
        lab.protect(vm, TRAVERSAL)
        with vm.inside():
            server = socket.create_server(("", 80), backlog=4096)
        self.addCleanup(server.close)
        with client.inside():
            socks = [socket.socket() for _ in range(self.CONNS)]
        for sock in socks:
            self.addCleanup(sock.close)
            sock.settimeout(20)
            sock.connect((pplab.address(vm), 80))
        for _ in range(3):
            rows = lab.daemon("conn/list").splitlines()
            self.assertEqual(rows[-1], "%d connections" % self.CONNS)
            self.assertEqual(len(set(rows[:-1])), self.ROWS)


if __name__ == "__main__":
    unittest.main()
