# SPDX-License-Identifier: Apache-2.0
"""Requests in IP fragments, through real switches to real servers' kernels:
by a sender of ours that fragments as it likes, and by a router with a smaller
MTU.  What harm they do without protection is shown, too."""

import os
import random
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import pphost                                               # noqa: E402
from pplab import get, talk                                 # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt", b"X: " + b"x" * 100)
SECRET = b"outside the served folder"
ORDINARY = get(b"/a/b.txt", b"X: " + b"x" * 100)

SYN, RST, PSH, ACK = 2, 4, 8, 16


def checksum(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


class Sender:
    """A TCP connection of our own making, from an address that no kernel has,
    so that none interferes."""

    ports = iter(range(20000, 60000))

    def __init__(self, client, vm, version):
        self.version = version
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        source = "10.77.0.251" if version == 4 else "fd77::fb"
        self.src = socket.inet_pton(family, source)
        self.dst = socket.inet_pton(family, pplab.address(vm, version))
        with client.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
            self.sock.bind(("eth0", 0))
        vm.run(["ip", "neigh", "replace", source, "lladdr", client.mac,
                "dev", "eth0"])
        self.eth = bytes.fromhex((vm.mac + client.mac).replace(":", ""))
        self.port = next(self.ports)
        self.id = random.randrange(1, 60000)
        self.seq, self.ack = random.randrange(1 << 32), 0
        self._open()

    def close(self):
        self._emit(self._tcp(RST, b""))
        self.sock.close()

    # Packets.

    def _tcp(self, flags, payload, seq=None):
        tcp = struct.pack("!HHIIBBHHH", self.port, 80,
                          self.seq if seq is None else seq, self.ack, 0x50,
                          flags, 60000, 0, 0) + payload
        pseudo = self.src + self.dst + struct.pack("!II", len(tcp), 6)
        return tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]

    def _emit(self, data, ofs=None, more=False):
        """Sends IP's payload, or with 'ofs' the part of it that is there."""
        if self.version == 4:
            frag = 0x4000 if ofs is None else ofs // 8 | more << 13
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), self.id,
                             frag, 64, 6, 0) + self.src + self.dst
            ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
            frame = self.eth + b"\x08\x00" + ip + data
        else:
            if ofs is not None:
                data = struct.pack("!BBHI", 6, 0, ofs | more, self.id) + data
            ip = struct.pack("!IHBB", 6 << 28, len(data),
                             6 if ofs is None else 44, 64)
            frame = self.eth + b"\x86\xdd" + ip + self.src + self.dst + data
        self.sock.send(frame)

    def _receive(self, until):
        """The next segment of the connection as (flags, seq, payload), or
        None when the time is over."""
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                frame = self.sock.recv(70000)
            except socket.timeout:
                return None
            kind, ip = frame[12:14], frame[14:]
            if kind == b"\x08\0" and self.version == 4 and ip[9] == 6:
                ip = ip[:struct.unpack_from("!H", ip, 2)[0]]
                tcp, peers = ip[(ip[0] & 15) * 4:], ip[12:20]
            elif kind == b"\x86\xdd" and self.version == 6 and ip[6] == 6:
                ip = ip[:40 + struct.unpack_from("!H", ip, 4)[0]]
                tcp, peers = ip[40:], ip[8:40]
            else:
                continue
            if (peers != self.dst + self.src
                    or struct.unpack_from("!HH", tcp) != (80, self.port)):
                continue
            return (tcp[13], struct.unpack_from("!I", tcp, 4)[0],
                    tcp[(tcp[12] >> 4) * 4:])

    def _open(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self._emit(self._tcp(SYN, b""))
            got = self._receive(time.monotonic() + 1)
            if got and got[0] & (SYN | ACK) == SYN | ACK:
                self.seq = (self.seq + 1) & 0xffffffff
                self.ack = (got[1] + 1) & 0xffffffff
                self._emit(self._tcp(ACK, b""))
                return
        raise pplab.Failed("no connection")

    # What a test does.

    def send(self, payload, cut=None):
        """Sends bytes at the place where the stream stands, in one packet, or
        in the fragments that cut(IP's payload) gives: (offset, bytes,
        more)."""
        tcp = self._tcp(ACK | PSH, payload)
        if cut is None:
            self._emit(tcp)
            return
        self.id += 1
        for ofs, data, more in cut(tcp):
            self._emit(data, ofs, more)

    def sent(self, payload):
        """The stream stands behind these bytes now."""
        self.seq = (self.seq + len(payload)) & 0xffffffff

    def answer(self, seconds=20):
        """Reads one answer, which has a length."""
        data = b""
        until = time.monotonic() + seconds
        while True:
            got = self._receive(until)
            if got is None:
                raise pplab.Failed("no whole answer: %r" % data)
            flags, seq, payload = got
            if seq == self.ack and payload:
                data += payload
                self.ack = (self.ack + len(payload)) & 0xffffffff
                self._emit(self._tcp(ACK, b""))
            head, found, body = data.partition(b"\r\n\r\n")
            length = [int(line.split(b":")[1])
                      for line in head.lower().split(b"\r\n")
                      if line.startswith(b"content-length:")]
            if found and len(body) >= (length or [0])[0]:
                return data

    def ask(self, payload, cut=None):
        self.send(payload, cut)
        self.sent(payload)
        return self.answer()


# Ways to cut.

def pieces(size):
    def cut(data):
        return [(i, data[i:i + size], i + size < len(data))
                for i in range(0, len(data), size)]
    return cut


def backwards(size):
    def cut(data):
        return pieces(size)(data)[::-1]
    return cut


def shuffled(size):
    def cut(data):
        parts = pieces(size)(data)
        parts.append(parts[0])
        random.Random(1).shuffle(parts)
        return parts
    return cut


class Fragments:
    """The tests, for each kind of switch and each family."""

    tso = False
    version = 4

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, tso=cls.tso)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.bare = cls.lab.add_server_vm("bare", 1)
        cls.behind = cls.lab.add_server_vm("ours", 3)
        pair = fidelity.load(TRAVERSAL)
        for vm in cls.bare, cls.behind:
            cls.lab.serve(pair, "vulnerable", vm,
                          pplab.address(vm, cls.version))
        cls.lab.protect(cls.behind, TRAVERSAL)

    def sender(self, vm):
        s = Sender(self.client, vm, self.version)
        self.addCleanup(s.close)
        return s

    def test_exploit(self):
        "an exploit in fragments, in any order, is corrected"
        for cut in pieces(64), backwards(64), shuffled(24), pieces(24):
            bare = self.sender(self.bare)
            self.assertIn(SECRET, bare.ask(EXPLOIT, cut))
            before = self.lab.counter("packet_in_reassembled")
            s = self.sender(self.behind)
            self.assertNotIn(SECRET, s.ask(EXPLOIT, cut))
            # What is benign gets the same answer as without us.
            self.assertEqual(fidelity.normal(s.ask(ORDINARY, cut)),
                             fidelity.normal(bare.ask(ORDINARY, cut)))
            self.assertEqual(self.lab.counter("packet_in_reassembled"),
                             before + 2)

    def test_overlap(self):
        "a datagram whose fragments overlap reaches the server in no version"
        good = get(b"/aaaaaaaaaaaaaaaaa", b"X: " + b"x" * 100)
        assert len(good) == len(EXPLOIT)
        before = self.lab.counter("packet_in_frag_overlap")
        s = self.sender(self.behind)

        def cut(tcp):
            bad = s._tcp(ACK | PSH, EXPLOIT)
            return [(0, tcp[:64], True), (24, bad[24:48], True),
                    (64, tcp[64:], False), (0, bad[:64], True)]
        s.send(good, cut)
        # Sent again in one piece, it is the first that the server gets.
        answer = s.ask(good)
        self.assertNotIn(SECRET, answer)
        self.assertIn(b" 404 ", answer)
        self.assertEqual(self.lab.counter("packet_in_frag_overlap"),
                         before + 1)

    def test_incomplete(self):
        "fragments alone reach nobody, and the connection goes on"
        s = self.sender(self.behind)
        s.send(EXPLOIT, lambda tcp: pieces(64)(tcp)[:-1])
        self.assertNotIn(SECRET, s.ask(EXPLOIT))
        self.assertIn(b" 200 ", s.ask(ORDINARY))


class Ipv4(Fragments, unittest.TestCase):
    def test_router(self):
        "requests and an upload that a router fragments on their way"
        lab, mtu = self.lab, 900
        router = lab.add_client("r", 254)
        far = lab.add_vm(lab.bridge, "f", "52:54:00:78:00:02",
                         ["10.78.0.2/24"], plug=False)
        pphost.run(["ip", "link", "set", far.ifname, "netns", router.netns])
        router.run(["ip", "addr", "add", "10.78.0.1/24", "dev", far.ifname])
        router.run(["ip", "link", "set", far.ifname, "up"])
        router.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        router.run(["ip", "route", "replace", "10.77.0.0/24", "dev", "eth0",
                    "mtu", "lock", str(mtu)])
        far.run(["ip", "route", "add", "default", "via", "10.78.0.1"])
        # TCP without DF.
        far.run(["sysctl", "-qw", "net.ipv4.ip_no_pmtu_disc=1"])
        for vm in self.bare, self.behind:
            vm.run(["ip", "route", "replace", "10.78.0.0/24", "via",
                    "10.77.0.254"])
        self.addCleanup(router.unplug)
        self.addCleanup(far.unplug)

        exploit = get(b"/%2e%2e/secret.txt", b"X: " + b"x" * 1300)
        ordinary = get(b"/a/b.txt", b"X: " + b"x" * 3000)
        bare = talk(far, pplab.address(self.bare), exploit, fidelity.WAIT,
                    ordinary)
        self.assertIn(SECRET, bare.bytes)
        before = self.lab.counter("packet_in_reassembled")
        seen = talk(far, pplab.address(self.behind), exploit, fidelity.WAIT,
                    ordinary)
        self.assertNotIn(SECRET, seen.bytes)
        self.assertEqual(fidelity.normal(seen.answers[-1]),
                         fidelity.normal(bare.answers[-1]))
        after = self.lab.counter("packet_in_reassembled")
        self.assertGreaterEqual(after, before + 3)

        lab.serve_blobs(self.behind)
        up = pplab.Transfer(far, pplab.address(self.behind), "up", 20)
        self.assertTrue(up.wait(), up.error)
        self.assertGreater(self.lab.counter("packet_in_reassembled"),
                           after + 10000)


class Ipv6(Fragments, unittest.TestCase):
    version = 6


class Ipv4Tso(Fragments, unittest.TestCase):
    tso = True


class Ipv6Tso(Fragments, unittest.TestCase):
    tso = True
    version = 6


if __name__ == "__main__":
    unittest.main()
