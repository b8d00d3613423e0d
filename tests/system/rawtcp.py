# SPDX-License-Identifier: Apache-2.0
"""TCP by hand, for tests that no kernel would do the sending for.

A Wire is a packet socket in a VM's namespace.  It sends from addresses that
the VM's kernel does not own, so that the kernel has no say in the connection
(and resets none); the receivers know these addresses by static neighbour
entries.  A Peer is one connection on it: it counts, acknowledges what comes
in order and keeps it, and for the rest sends what it is told, right or
wrong."""

import select
import socket
import struct
import time

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))

IPV4, IPV6, VLAN, SVLAN = 0x0800, 0x86dd, 0x8100, 0x88a8
TCP = 6


def checksum(data):
    """The Internet checksum (RFC 1071) of 'data'."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def tcp_segment(src, dst, sport, dport, seq, ack, flags, payload=b"",
                window=65535, options=b"", urgent=0, bad=False, words=None,
                reserved=0):
    """A TCP segment; with a wrong checksum if 'bad'.  It says that its header
    is 'words' of 32 bits long."""
    options += b"\1" * (-len(options) % 4)
    if words is None:
        words = (20 + len(options)) // 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff,
                       ack & 0xffffffff, words << 4 | reserved, flags, window,
                       0, urgent) + options
    a, b = packed(src), packed(dst)
    length = len(head) + len(payload)
    pseudo = a + b + (struct.pack("!HH", TCP, length) if len(a) == 4
                      else struct.pack("!II", length, TCP))
    value = checksum(pseudo + head + payload)
    if bad:
        value ^= 0x5555
    return head[:16] + struct.pack("!H", value) + head[18:] + payload


def partial(src, dst, segment):
    """'segment' with the sum of the pseudo header in place of its checksum:
    what is left to whoever cuts it."""
    a, b = packed(src), packed(dst)
    pseudo = a + b + (struct.pack("!HH", TCP, len(segment)) if len(a) == 4
                      else struct.pack("!II", len(segment), TCP))
    return (segment[:16] + struct.pack("!H", ~checksum(pseudo) & 0xffff)
            + segment[18:])


def ipv4_packet(src, dst, payload, ttl=64, options=b"", bad=False, ident=0,
                offset=0, more=False, protocol=TCP, tos=0, length=None,
                first=None, flags=0):
    """'offset' is in bytes.  The packet says that it is 'length' bytes long,
    and has 'first' as its first byte."""
    options += b"\1" * (-len(options) % 4)
    if length is None:
        length = 20 + len(options) + len(payload)
    if first is None:
        first = 0x45 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", first, tos, length, ident,
                       offset // 8 | (0x2000 if more else 0) | flags, ttl,
                       protocol, 0, packed(src), packed(dst)) + options
    value = checksum(head)
    if bad:
        value ^= 0x5555
    return head[:10] + struct.pack("!H", value) + head[12:] + payload


def ipv6_packet(src, dst, payload, ttl=64, headers=(), protocol=TCP, tos=0,
                label=0, length=None):
    """'headers' are extension headers: (protocol number, bytes without the
    first, which says what comes next).  The packet says that 'length' bytes
    follow its header."""
    chain = [number for number, _ in headers] + [protocol]
    body = b"".join(bytes([chain[i + 1]]) + rest
                    for i, (_, rest) in enumerate(headers)) + payload
    return struct.pack("!IHBB16s16s", 6 << 28 | tos << 20 | label,
                       len(body) if length is None else length, chain[0], ttl,
                       packed(src), packed(dst)) + body


# Extension headers that say nothing: padding options of 8 bytes in all.
HOP_BY_HOP = (0, bytes([0, 1, 4, 0, 0, 0, 0]))
DESTINATION = (60, bytes([0, 1, 4, 0, 0, 0, 0]))


def fragment_header(offset, more, ident):
    return 44, struct.pack("!BHI", 0, offset | more, ident)


class Segment:
    """One that came in."""

    def __init__(self, frame):
        self.ok = False
        at = 12
        kind, = struct.unpack_from("!H", frame, at)
        while kind in (VLAN, SVLAN):
            at += 4
            kind, = struct.unpack_from("!H", frame, at)
        at += 2
        if kind == IPV4:
            total, = struct.unpack_from("!H", frame, at + 2)
            self.src, self.dst = (socket.inet_ntop(
                socket.AF_INET, frame[at + i:at + i + 4]) for i in (12, 16))
            self.ttl, protocol = frame[at + 8], frame[at + 9]
            end = at + total
            at += (frame[at] & 15) * 4
        elif kind == IPV6:
            length, protocol, self.ttl = struct.unpack_from("!HBB", frame,
                                                            at + 4)
            self.src, self.dst = (socket.inet_ntop(
                socket.AF_INET6, frame[at + i:at + i + 16]) for i in (8, 24))
            end = at + 40 + length
            at += 40
        else:
            return
        if protocol != TCP:
            return
        (self.sport, self.dport, self.seq, self.ack, size, self.flags,
         self.window) = struct.unpack_from("!HHIIBBH", frame, at)
        size = (size >> 4) * 4
        self.options = frame[at + 20:at + size]
        self.payload = frame[at + size:end]
        self.ok = True

    def tsval(self):
        i = 0
        while i + 1 < len(self.options):
            kind, length = self.options[i], self.options[i + 1]
            if kind == 8:
                return struct.unpack_from("!I", self.options, i + 2)[0]
            i += 1 if kind == 1 else max(length, 2)
        return 0


SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_VNET_HDR = 263, 15
VNET = struct.Struct("=BBHHHH")     # struct virtio_net_hdr.


class Wire:
    """A packet socket on the eth0 of 'vm'.  'offloads': frames may be said to
    be still without checksum, or still to be cut into segments."""

    def __init__(self, vm, offloads=False):
        self.mac = mac_bytes(vm.mac)
        self.offloads = offloads
        with vm.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
            if offloads:
                self.sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
            self.sock.bind(("eth0", 3))
        self.peers = {}

    def close(self):
        self.sock.close()

    def send(self, dst_mac, kind, packet, tags=(), src_mac=None, pad=b"",
             vnet=(0, 0, 0, 0, 0, 0)):
        """'tags' are (TPID, TCI), the outermost first; 'pad' stands behind
        the packet."""
        frame = VNET.pack(*vnet) if self.offloads else b""
        frame += mac_bytes(dst_mac) + (src_mac or self.mac)
        for tag in tags:
            frame += struct.pack("!HH", *tag)
        self.sock.send(frame + struct.pack("!H", kind) + packet + pad)

    def pump(self, seconds=0.0, until=None):
        """Handles what comes, for 'seconds' or until until() is true.
        Returns whether that came about."""
        end = time.monotonic() + seconds
        while True:
            if until and until():
                return True
            left = max(0.0, end - time.monotonic())
            if not select.select([self.sock], [], [], min(left, 0.05))[0]:
                if not left:
                    return False
                continue
            frame, origin = self.sock.recvfrom(65536 + 100)
            if origin[2] == socket.PACKET_OUTGOING:
                continue
            seg = Segment(frame[VNET.size if self.offloads else 0:])
            peer = seg.ok and self.peers.get((seg.dst, seg.dport, seg.src,
                                              seg.sport))
            if peer:
                peer.take(seg)


class Peer:
    """One connection, the client's end.  'options' and 'tricks' of its
    methods are for tcp_segment() and the IP packet: see send()."""

    def __init__(self, wire, src, dst, sport, dport, dst_mac, isn=1000,
                 mss=1460, timestamps=False):
        self.wire = wire
        self.src, self.dst = src, dst
        self.sport, self.dport = sport, dport
        self.dst_mac = dst_mac
        self.mss = mss
        self.timestamps = timestamps
        self.acknowledges = True
        self.window = 65535
        wire.peers[src, sport, dst, dport] = self
        self.restart(isn)

    def restart(self, isn):
        """A new connection between the same ends."""
        self.isn = isn & 0xffffffff
        self.nxt = self.isn + 1             # Next to be sent.
        self.rcv = None                     # Next expected.
        self.peer_isn = None
        self.early = 0                      # Bytes on the SYN.
        self.acked = None                   # The other's last word.
        self.peer_window = None
        self.tsval, self.tsecr = 1000, 0
        self.received = b""
        self.fin = self.reset = False
        self.segments = []

    def take(self, seg):
        self.segments.append(seg)
        if seg.flags & RST:
            self.reset = True
            return
        self.tsecr = seg.tsval() or self.tsecr
        if seg.flags & ACK:
            self.acked = seg.ack
            self.peer_window = seg.window
        if seg.flags & SYN:
            if seg.ack - self.isn - 1 & 0xffffffff not in (0, self.early):
                return
            self.peer_isn = seg.seq
            self.rcv = seg.seq + 1 & 0xffffffff
            return
        if self.rcv is None:
            return
        skip = (self.rcv - seg.seq) & 0xffffffff
        fresh = seg.payload[skip:] if skip < 1 << 31 else b""
        self.received += fresh
        self.rcv = self.rcv + len(fresh) & 0xffffffff
        at_end = (seg.seq + len(seg.payload)) & 0xffffffff == self.rcv
        if seg.flags & FIN and at_end and not self.fin:
            self.fin = True
            self.rcv = self.rcv + 1 & 0xffffffff
        if (seg.payload or seg.flags & FIN) and self.acknowledges:
            self.send(b"")

    def stamp(self):
        return (struct.pack("!BBBBII", 1, 1, 8, 10, self.tsval, self.tsecr)
                if self.timestamps else b"")

    def segment(self, payload=b"", flags=ACK, seq=None, ack=None, options=b"",
                bad_tcp=False, window=None, **lies):
        """The TCP segment alone."""
        seq = self.nxt if seq is None else seq
        if ack is None:
            ack = (self.rcv or 0) if flags & ACK else 0
        return tcp_segment(self.src, self.dst, self.sport, self.dport, seq,
                           ack, flags, payload,
                           self.window if window is None else window,
                           options + self.stamp(), bad=bad_tcp, **lies)

    def packet(self, payload, **ip):
        """An IP packet with 'payload'."""
        make = ipv6_packet if ":" in self.src else ipv4_packet
        return make(self.src, self.dst, payload, **ip)

    def put(self, packet, **link):
        self.wire.send(self.dst_mac, IPV6 if ":" in self.src else IPV4,
                       packet, **link)

    def send(self, payload, flags=ACK | PSH, ip=(), link=(), **tcp):
        """One segment; does not count it.  'ip' is for ipv4_packet() or
        ipv6_packet(), 'link' for Wire.send(), the rest for segment()."""
        self.put(self.packet(self.segment(payload, flags, **tcp), **dict(ip)),
                 **dict(link))

    def say(self, payload, **how):
        """One segment, and counts it."""
        self.send(payload, **how)
        self.nxt += len(payload)

    def syn(self, payload=b"", options=b"", flags=SYN, **how):
        self.early = len(payload)
        self.send(payload, flags=flags, seq=self.isn, options=options
                  + struct.pack("!BBH", 2, 4, self.mss), **how)

    def open(self, seconds=10, **how):
        """The three-way handshake."""
        self.syn(**how)
        if not self.wire.pump(seconds, lambda: self.rcv or self.reset):
            raise TimeoutError("no answer to the SYN")
        if self.reset:
            raise ConnectionResetError("the SYN was answered by a RST")
        self.send(b"", flags=ACK)

    def pump(self, seconds, until=None):
        return self.wire.pump(seconds, until)

    def wait_acked(self, seconds=10):
        """All that was said is acknowledged."""
        return self.pump(seconds, lambda: self.acked == self.nxt & 0xffffffff
                         or self.reset)
