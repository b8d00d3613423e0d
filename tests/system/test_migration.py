# SPDX-License-Identifier: Apache-2.0
"""A protected VM moves to another host with its connections: two hosts with an
Open vSwitch and a daemon each, in network namespaces of their own, and a
physical network between them.  Real TCP goes on meanwhile, every byte of it
checked, plain and corrected."""

import os
import random
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import echoload                                             # noqa: E402
import faults                                               # noqa: E402
import netload                                              # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
from pplab import wait_for                                  # noqa: E402

PORT = 8000
MAC = "52:54:00:77:00:01"
ADDRESS = "10.77.0.1"


class Host(pplab.Lab):
    """A hypervisor, in a network namespace of its own."""

    def __init__(self, name):
        super().__init__(prefix=name)
        self.netns = self.name("h")

    def inside(self, argv):
        return ["ip", "netns", "exec", self.netns] + argv

    def _daemon(self, argv, name):
        return super()._daemon(self.inside(argv), name)

    def host(self, *argv, check=True):
        return pphost.run(self.inside(list(argv)), check=check)

    def start(self):
        pphost.run(["ip", "netns", "add", self.netns])
        self.host("ip", "link", "set", "lo", "up")
        super().start()
        # The uplink.
        self.uplink = self.name("u")
        pphost.run(["ip", "link", "add", self.uplink, "type", "veth", "peer",
                    "name", "uplink", "netns", self.netns])
        self.links.append(self.uplink)
        pphost.set_offloads(self.uplink, False)
        pphost.set_offloads("uplink", False, self.netns)
        pphost.run(["ip", "link", "set", self.uplink, "up"])
        self.host("ip", "link", "set", "uplink", "up")
        self.vsctl("add-port", self.bridge, "uplink")
        patches = os.path.join(self.dir, "patches")
        netload.write_patches(patches)
        self.start_daemon(patches=[patches])

    def stop(self):
        super().stop()
        pphost.run(["ip", "netns", "del", self.netns], check=False)


class Setting:
    """Two hosts, a client on the physical network, and a VM whose cable leads
    to the one or the other."""

    def __init__(self, test):
        self.net = pphost.PrivateOvs(prefix="mn")
        test.addCleanup(self.net.stop)
        self.hosts = [Host("ma"), Host("mb")]
        for host in self.hosts:
            test.addCleanup(host.stop)
            host.start()
        self.client = self.net.add_vm("", "c", "52:54:00:77:00:fa",
                                      ["10.77.0.250/24"], plug=False)
        self.vm = self.net.add_vm("", "v", MAC, [ADDRESS + "/24"],
                                  plug=False)
        self.bridge("s", self.client.ifname, *(h.uplink for h in self.hosts))
        self.wires = [self.net.name("w%d" % i) for i in range(2)]
        for i, wire in enumerate(self.wires):
            ns, ifname = self.hosts[i].netns, self.ifname(i)
            pphost.run(["ip", "link", "add", wire, "type", "veth", "peer",
                        "name", ifname, "netns", ns])
            self.net.links.append(wire)
            pphost.set_offloads(wire, False)
            pphost.set_offloads(ifname, False, ns)
            self.hosts[i].host("ip", "link", "set", ifname, "up")
        self.bridge("k", self.vm.ifname, *self.wires)
        self.file = os.path.join(self.net.dir, "connections")
        self.plug(0)
        self.resume(0)
        self.vm.popen([sys.executable, os.path.join(
            pplab.HERE, "echoload.py"), ADDRESS, str(PORT)])
        wait_for("the server listens", lambda: pplab.answers(
            self.client, ADDRESS, PORT), 20)

    def bridge(self, short, *ports):
        name = self.net.name(short)
        pphost.run(["ip", "link", "add", name, "type", "bridge"])
        self.net.links.append(name)
        pphost.run(["ip", "link", "set", name, "up"])
        for port in ports:
            pphost.run(["ip", "link", "set", port, "master", name])

    def connect(self):
        return self.client.connect(ADDRESS, PORT, echoload.TIMEOUT)

    # The steps of a migration.

    @staticmethod
    def ifname(i):
        return "vnet%d" % (3 + 4 * i)

    def plug(self, i):
        """The VM's tap on host 'i'; the VM does not run there yet."""
        host = self.hosts[i]
        host.vsctl(
            "add-port", host.bridge, self.ifname(i), "--", "set", "Interface",
            self.ifname(i), 'external_ids:attached-mac="%s"' % MAC,
            "external_ids:iface-id=vm", "external_ids:patchpoint-policy=all",
            'external_ids:patchpoint-ports="http:%d"' % PORT)
        host.wait_status(self.ifname(i), "protected", 20)

    def unplug(self, i):
        self.hosts[i].vsctl("del-port", self.ifname(i))

    def pause(self, i):
        pphost.run(["ip", "link", "set", self.wires[i], "down"])

    def resume(self, i):
        """It runs on host 'i', and QEMU says so (RARP)."""
        pphost.run(["ip", "link", "set", self.wires[i], "up"])
        mac = bytes.fromhex(MAC.replace(":", ""))
        rarp = (bytes([255] * 6) + mac + b"\x80\x35\0\1\x08\0\6\4\0\3"
                + mac + bytes(4) + mac + bytes(4))
        with self.vm.inside():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with s:
            s.bind(("eth0", 0))
            for _ in range(5):
                s.send(rarp.ljust(60, b"\0"))
                time.sleep(0.02)

    def migrate(self, old, new, hands_over=True):
        """Returns what the two commands said."""
        said = []
        self.plug(new)
        self.pause(old)
        if hands_over:
            said.append(self.hosts[old].daemon(
                "server/export", self.ifname(old), self.file))
            said.append(self.hosts[new].daemon(
                "server/import", self.ifname(new), self.file))
        self.resume(new)
        self.unplug(old)
        return said


class Idle:
    """A connection that says nothing while the VM moves."""

    def __init__(self, setting, exploit):
        self.conn = echoload.Conn.__new__(echoload.Conn)
        echoload.threading.Thread.__init__(self.conn, daemon=True)
        c = self.conn
        c.requests = c.sent = c.corrected = c.uninspected = 0
        c.bytes = c.gap = 0
        c.last = time.monotonic()
        c.sock = setting.connect()
        c.sock.settimeout(echoload.TIMEOUT)
        c.file = c.sock.makefile("rb")
        self.n = 0
        self.ask(exploit)

    def ask(self, exploit):
        """True if an exploit was corrected."""
        self.n += 1
        return self.conn.ask(8 * self.n, exploit)

    def close(self):
        self.conn.file.close()
        self.conn.sock.close()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def seal(data):
    """The same file, with a checksum that is right."""
    n = 4096 + 4096 * int.from_bytes(data[12:16], "little")
    sums = b"".join(struct.pack("<I", crc32c(part))
                    for part in (data[4096:n], data[n:]))
    return data[:20] + struct.pack(">I", crc32c(sums)) + data[24:]


class Migration(unittest.TestCase):
    def setUp(self):
        self.setting = Setting(self)

    def load(self):
        conns = faults.connections(self.setting)
        wait_for("every connection is in use", lambda: all(
            c.bytes > 20000 or c.why for c in conns), 20)
        return conns

    def wait_moving(self, conns):
        for c in conns:
            c.mark()
        wait_for("every connection goes on", lambda: all(
            c.bytes - c.marked > 20000 or c.why for c in conns), 25)

    def finish(self, conns):
        for c in conns:
            c.finish()
        for c in conns:
            c.join(echoload.TIMEOUT + 5)
            self.assertFalse(c.is_alive(), c.name)

    def test_there_and_back(self):
        "connections, plain and corrected ones, go along there and back"
        s = self.setting
        idle = [Idle(s, False), Idle(s, True)]
        for conn in idle:
            self.addCleanup(conn.close)
        conns = self.load()
        for old, new in (0, 1), (1, 0):
            said = s.migrate(old, new)
            # What is not inspected any more on the second host, and carries
            # no corrections, needs nobody to go along.
            self.assertRegex(said[0], r"^12 connections, " if new
                             else r"^\d+ connections, ", said)
            self.assertEqual(said[0], said[1])
            self.wait_moving(conns)
            for conn in idle:
                self.assertTrue(conn.ask(True), (old, new))
            probe = echoload.Probe(s.connect, 3)
            probe.join(echoload.TIMEOUT)
            self.assertIsNone(probe.why)
            self.assertTrue(probe.span[2], "a new exploit gets through")
        self.finish(conns)
        self.assertEqual([c.why for c in conns if c.why], [])
        self.assertEqual(s.hosts[1].counter("handover_in"), 12)
        self.assertGreater(s.hosts[0].counter("handover_in"), 0)

    def test_without(self):
        "without a hand-over, corrected ones do not survive the same move"
        s = self.setting
        timeout = echoload.TIMEOUT
        echoload.TIMEOUT = 8
        try:
            conns = self.load()
            s.migrate(0, 1, hands_over=False)
            self.finish(conns)
        finally:
            echoload.TIMEOUT = timeout
        broken = {c.name for c in conns if c.why}
        self.assertTrue({"edited-up", "edited-down"} <= broken, broken)
        self.assertFalse({name for name in broken if "plain" in name},
                         broken)

    def test_bad_files(self):
        "a file that is damaged, cut off or another's changes nothing"
        s = self.setting
        host = s.hosts[0]
        conn = Idle(s, True)
        self.addCleanup(conn.close)
        host.daemon("server/export", s.ifname(0), s.file)
        self.assertEqual(os.stat(s.file).st_mode & 0o777, 0o600)
        with open(s.file, "rb") as f:
            good = f.read()
        host.daemon("server/import", s.ifname(0), s.file)
        self.assertTrue(conn.ask(True))
        for what, data in (
                ("was not written by", b"x" * len(good)),
                ("is cut off", good[:-1]), ("cut off", good[:4096 + 17]),
                ("was not written by", b""),
                ("another version", good[:8] + b"\0\0\0\0" + good[12:]),
                ("damaged", good[:12] + b"\xff" * 8 + good[20:]),
                ("checksum", good[:5000] + b"\xff" + good[5001:])):
            with open(s.file, "wb") as f:
                f.write(data)
            answer = host.daemon("server/import", s.ifname(0), s.file,
                                 check=False)
            self.assertIn(what, answer)
            self.assertTrue(conn.ask(True), what)
        for command, name, file, why in (
                ("import", s.ifname(0), "/nowhere", "No such file"),
                ("import", s.ifname(0), "x", "begin with a slash"),
                ("export", "vnet99", s.file, "does not know"),
                ("export", s.ifname(0), "/nowhere/x", "cannot be written")):
            self.assertIn(why, host.daemon("server/" + command, name, file,
                                           check=False))

    def test_hostile_files(self):
        "whatever a file says, the engine takes it or leaves it"
        s = self.setting
        host = s.hosts[0]
        conns = [Idle(s, True) for _ in range(3)]
        for conn in conns:
            self.addCleanup(conn.close)
        host.daemon("server/export", s.ifname(0), s.file)
        with open(s.file, "rb") as f:
            good = f.read()
        self.assertEqual(seal(good), good)
        engine = host.engine_pid()
        rng = random.Random(1)
        for _ in range(25):
            data = bytearray(good)
            for _ in range(rng.choice((1, 3, 40))):
                # Heads and the beginnings of bodies have all that counts.
                at = 4096 * rng.randint(1, 3) + rng.randrange(1200)
                data[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff,
                                       rng.randrange(256)))
            with open(s.file, "wb") as f:
                f.write(seal(bytes(data)))
            self.assertRegex(host.daemon("server/import", s.ifname(0),
                                         s.file), r"^[0-3] connections")
        with open(s.file, "wb") as f:
            f.write(good)
        self.assertEqual(host.daemon("server/import", s.ifname(0), s.file),
                         "3 connections, 3 of them still inspected\n")
        for conn in conns:
            self.assertTrue(conn.ask(True))
        self.assertEqual(host.engine_pid(), engine)


if __name__ == "__main__":
    unittest.main()
