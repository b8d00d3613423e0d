# SPDX-License-Identifier: Apache-2.0
"""What is not for a protected port passes a protected VM's port as it is, byte
for byte, both ways: other protocols, whole or in fragments, UDP, other ports,
and what no host can make sense of."""

import os
import random
import select
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import rawtcp                                               # noqa: E402
from rawtcp import ACK, IPV4, IPV6, SYN                     # noqa: E402

ARP = 0x0806
ICMP, IPIP, UDP, IP6, GRE, ESP, AH, ICMP6, OSPF, SCTP, UDPLITE, NOBODY = (
    1, 4, 17, 41, 47, 50, 51, 58, 89, 132, 136, 253)

EXPLOIT = pplab.get(b"/q?a%5B__proto__%5D%5Blength%5D=9")


class End:
    """A host: what frames have of it."""

    def __init__(self, vm):
        self.mac = rawtcp.mac_bytes(vm.mac)
        self.address = {v: pplab.address(vm, v) for v in (4, 6)}
        with vm.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
            self.sock.setsockopt(socket.SOL_SOCKET,
                                 rawtcp.SO_RCVBUFFORCE, 4 << 20)
            self.sock.bind(("eth0", 3))


class Frames:
    """Frames from 'src' to 'dst', two Ends.  'src_port' and 'dst_port' are of
    all that has ports."""

    def __init__(self, src, dst, version, src_port, dst_port):
        self.src, self.dst = src, dst
        self.version = version
        self.src_port, self.dst_port = src_port, dst_port
        self.ident = 100
        self.random = random.Random(5)

    def eth(self, kind, payload):
        return (self.dst.mac + self.src.mac + struct.pack("!H", kind)
                + payload)

    def ip(self, payload, protocol, **kwargs):
        make, kind = ((rawtcp.ipv4_packet, IPV4) if self.version == 4
                      else (rawtcp.ipv6_packet, IPV6))
        return self.eth(kind, make(
            self.src.address[self.version], self.dst.address[self.version],
            payload, protocol=protocol, **kwargs))

    def bytes(self, n):
        return self.random.randbytes(n)

    def summed(self, segment, at, protocol):
        """With the checksum at 'at' filled in."""
        a, b = (rawtcp.packed(end.address[self.version])
                for end in (self.src, self.dst))
        value = rawtcp.checksum(a + b + struct.pack(
            "!II", len(segment), protocol) + segment)
        return (segment[:at] + struct.pack("!H", value or 0xffff)
                + segment[at + 2:])

    def udp(self, payload, check=True):
        datagram = struct.pack("!HHHH", self.src_port, self.dst_port,
                               8 + len(payload), 0) + payload
        return self.summed(datagram, 6, UDP) if check else datagram

    def tcp(self, payload=b"", flags=ACK, **kwargs):
        return rawtcp.tcp_segment(
            self.src.address[self.version], self.dst.address[self.version],
            self.src_port, self.dst_port, 1, 1, flags, payload, **kwargs)

    def echo(self, n):
        kind, protocol = (8, ICMP) if self.version == 4 else (128, ICMP6)
        message = struct.pack("!BBHHH", kind, 0, 0, 7, 7) + self.bytes(n)
        if self.version == 6:
            return self.summed(message, 2, ICMP6), protocol
        return (message[:2] + struct.pack("!H", rawtcp.checksum(message))
                + message[4:], protocol)

    def fragments(self, payload, protocol, size, backwards=False):
        """The IP packet with 'payload' in fragments of 'size' bytes."""
        self.ident += 1
        frames = []
        for at in range(0, len(payload), size):
            part, more = payload[at:at + size], at + size < len(payload)
            if self.version == 4:
                frames.append(self.ip(part, protocol, ident=self.ident,
                                      offset=at, more=more))
            else:
                frames.append(self.ip(part, protocol, headers=[
                    rawtcp.fragment_header(at, more, self.ident)]))
        return frames[::-1] if backwards else frames

    # What tests send.

    def others(self):
        """Other protocols."""
        echo, protocol = self.echo(56)
        inner = self.ip(self.tcp(EXPLOIT), rawtcp.TCP)[14:]
        yield self.ip(echo, protocol)
        yield self.ip(struct.pack("!HHII", 5000, 80, 0, 0) + self.bytes(40),
                      SCTP)
        yield self.ip(struct.pack("!II", 7, 1) + self.bytes(64), ESP)
        yield self.ip(bytes([rawtcp.TCP, 4, 0, 0]) + self.bytes(20)
                      + self.tcp(EXPLOIT), AH)
        yield self.ip(struct.pack("!HH", 0, IPV4 if self.version == 4
                                  else IPV6) + inner, GRE)
        yield self.ip(inner, IPIP if self.version == 4 else IP6)
        yield self.ip(self.bytes(44), OSPF)
        yield self.ip(struct.pack("!HHHH", 5000, 80, 8, 0)
                      + self.bytes(30), UDPLITE)
        yield self.ip(self.bytes(70), NOBODY)
        yield self.ip(b"", 59)
        yield self.eth(ARP, struct.pack(
            "!HHBBH6s4s6s4s", 1, IPV4, 6, 4, 2, self.src.mac,
            rawtcp.packed(self.src.address[4]), self.dst.mac,
            rawtcp.packed(self.dst.address[4])))
        yield self.eth(0x88b5, self.bytes(100))     # For experiments.
        yield self.eth(0x0006, b"\x42\x42\x03abc" + bytes(40))  # IEEE 802.2.
        yield self.eth(IPV4, b"\x45")               # Too short for anything.
        yield self.eth(IPV6, self.bytes(50))

    def datagrams(self):
        """UDP."""
        for n in 0, 1, 33, 1200:
            yield self.ip(self.udp(self.bytes(n)), UDP)
        yield self.ip(self.udp(EXPLOIT), UDP)
        yield self.ip(self.udp(self.bytes(9), check=False), UDP)
        yield self.ip(self.udp(self.bytes(9))[:-1] + b"!", UDP)     # Bad.
        yield self.ip(struct.pack("!HHHH", self.src_port, self.dst_port,
                                  900, 0) + self.bytes(9), UDP)
        yield self.ip(self.udp(self.bytes(20)), UDP) + bytes(30)

    def segments(self):
        """TCP."""
        yield self.ip(self.tcp(flags=SYN, options=bytes([2, 4, 5, 0xb4])),
                      rawtcp.TCP)
        yield self.ip(self.tcp(EXPLOIT), rawtcp.TCP)
        yield self.ip(self.tcp(EXPLOIT, bad=True), rawtcp.TCP)
        yield self.ip(self.tcp(EXPLOIT, words=15), rawtcp.TCP)
        yield self.ip(self.tcp(EXPLOIT, flags=ACK | rawtcp.URG, urgent=5),
                      rawtcp.TCP)
        yield self.ip(self.tcp(EXPLOIT), rawtcp.TCP) + bytes(30)
        if self.version == 4:
            yield self.ip(self.tcp(EXPLOIT), rawtcp.TCP, options=bytes(
                [131, 7, 4, 10, 77, 0, 9]))
        else:
            yield self.ip(self.tcp(EXPLOIT), rawtcp.TCP, headers=[
                rawtcp.HOP_BY_HOP, (43, bytes([2, 4, 1, 1, 0, 0, 0])
                                    + self.bytes(16))])

    def parts(self):
        """Fragments, each packet's in and out of order."""
        echo, protocol = self.echo(3000)
        for backwards in False, True:
            for size in 64, 1400:
                yield from self.fragments(self.udp(self.bytes(3000)), UDP,
                                          size, backwards)
                yield from self.fragments(
                    self.udp(self.bytes(1500), check=False), UDP, size,
                    backwards)
                yield from self.fragments(self.tcp(self.bytes(2000)),
                                          rawtcp.TCP, size, backwards)
            yield from self.fragments(echo, protocol, 1400, backwards)
            yield from self.fragments(self.bytes(2000), SCTP, 1000,
                                      backwards)
            yield from self.fragments(self.bytes(2000), ESP, 1000, backwards)


class Untouched:
    """The tests, for each kind of switch and each family."""

    tso = False
    version = 4

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, tso=cls.tso)
        cls.lab.start_daemon()
        client = cls.lab.add_client()
        vm = cls.lab.add_server_vm("vm", 2)
        for end in client, vm:
            # Nobody answers, so that nothing else is on the wire.
            end.run(["ip", "link", "set", "eth0", "arp", "off"])
            end.run(["ip", "addr", "flush", "dev", "eth0"])
        cls.client, cls.vm = End(client), End(vm)
        cls.addClassCleanup(cls.client.sock.close)
        cls.addClassCleanup(cls.vm.sock.close)
        cls.lab.protect(vm, "all", ports="http:80 smtp:25 ldap:389")

    def cross(self, src, dst, frames):
        """Sends 'frames', and compares with what arrives.  (The switch alone
        may change the order of the first ones.)"""
        # The switch learns where the receiver is.
        dst.sock.send(src.mac + dst.mac + b"\x88\xb5" + bytes(50))
        time.sleep(0.2)
        while select.select([dst.sock], [], [], 0)[0]:
            dst.sock.recv(70000)
        for i, frame in enumerate(frames):
            src.sock.send(frame)
            if i % 20 == 0:
                time.sleep(0.01)
        arrived = []
        end = time.monotonic() + 10
        while len(arrived) < len(frames) and time.monotonic() < end:
            if select.select([dst.sock], [], [], 0.2)[0]:
                frame, origin = dst.sock.recvfrom(70000)
                if (origin[2] != socket.PACKET_OUTGOING
                        and frame[:12] == dst.mac + src.mac):
                    arrived.append(frame)
        for i, frame in enumerate(frames):
            self.assertIn(frame, arrived, "frame %d of %d" % (i, len(frames)))
        self.assertEqual(sorted(arrived), sorted(frames))

    def both_ways(self, what, ports):
        for src, dst in (self.client, self.vm), (self.vm, self.client):
            frames = []
            for pair in ports:
                made = Frames(src, dst, self.version,
                              *(pair if src is self.client else pair[::-1]))
                frames += getattr(made, what)()
            self.cross(src, dst, frames)

    def test_others(self):
        "other protocols pass as they are"
        self.both_ways("others", [(5000, 80)])

    def test_datagrams(self):
        "UDP passes as it is, to and from the ports of TCP services, too"
        self.both_ways("datagrams", [(5000, 80), (80, 5000), (53, 53),
                                     (25, 389)])

    def test_segments(self):
        "TCP of other ports passes as it is"
        self.both_ways("segments", [(5000, 81), (80, 5000), (443, 8080)])

    def test_fragments(self):
        "fragments of what is not for a protected port pass as they are"
        before = self.lab.counter("packet_in_reassembled")
        self.both_ways("parts", [(5000, 81), (80, 9000)])
        # TCP's did go through the engine; in IPv6 all do.
        self.assertGreaterEqual(self.lab.counter("packet_in_reassembled"),
                                before + 16)


class Ipv4(Untouched, unittest.TestCase):
    pass


class Ipv6(Untouched, unittest.TestCase):
    version = 6


class Ipv4Tso(Untouched, unittest.TestCase):
    tso = True


class Ipv6Tso(Untouched, unittest.TestCase):
    tso = True
    version = 6


if __name__ == "__main__":
    unittest.main()
