# SPDX-License-Identifier: Apache-2.0
"""No way around the engine: an exploit of a patch in force, carried by every
trick that TCP, IP and Ethernet lend themselves to.

A trick is played twice, by a sender of our own (rawtcp): on a VM whose mode
is off, where a real kernel and the vulnerable server say whether it carries
an exploit at all, and on a protected VM, where the application must never see
the exploit.  What counts is the application's own log.  Afterwards ordinary
clients are served, and at the end the log of the protected server has no
exploit in all."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import rawtcp                                               # noqa: E402
from pplab import get, talk                                 # noqa: E402
from rawtcp import ACK, FIN, PSH, RST, SYN, URG             # noqa: E402

PATCH = "CVE-2022-24999"
EXPLOIT = get(b"/q?first=1&a%5B__proto__%5D%5Blength%5D=9&last=2")
DECOY = EXPLOIT.replace(b"__proto__", b"__plain__")
SHOWN = "(prototype)"
HARMLESS = get(b"/q?n=1")

# The sender's addresses; its kernel knows nothing of them.
SOURCE = {4: "10.77.0.240", 6: "fd77::f0"}

MD5_OPTION = bytes([19, 18]) + bytes(16)

TRICKS = []


def trick(title, harm=True, version=4):
    """'harm': a real kernel takes the bait, so that the application sees the
    exploit."""
    def register(function):
        TRICKS.append((title, harm, version, function))
        return function
    return register


class Stage:
    """Where a trick is played."""

    ports = 20000

    def __init__(self, wire, vm, version, others=()):
        self.wire = wire
        self.vm = vm
        self.version = version
        self.others = others        # More protected VMs.

    def peer(self, port=None, **kwargs):
        if port is None:
            Stage.ports += 1
            port = Stage.ports
        return rawtcp.Peer(self.wire, SOURCE[self.version],
                           pplab.address(self.vm, self.version), port, 80,
                           self.vm.mac, **kwargs)

    def opened(self, **kwargs):
        peer = self.peer(**kwargs)
        peer.open()
        return peer


def answered(peer, n=1):
    """Waits until 'n' answers have come."""
    peer.pump(5, lambda: peer.received.count(b"HTTP/1.1 ") >= n
              or peer.reset or peer.fin)


# How the bytes are cut.

@trick("one segment")
def _plain(stage):
    stage.opened().say(EXPLOIT)


@trick("one segment, IPv6", version=6)
def _plain6(stage):
    stage.opened().say(EXPLOIT)


@trick("a segment per byte")
def _bytes(stage):
    peer = stage.opened()
    for i in range(len(EXPLOIT)):
        peer.say(EXPLOIT[i:i + 1])
        peer.wait_acked()


@trick("segments in reverse order")
def _reverse(stage):
    peer = stage.opened()
    cuts = range(0, len(EXPLOIT), 7)
    for i in reversed(cuts):
        peer.send(EXPLOIT[i:i + 7], seq=peer.nxt + i)
    peer.nxt += len(EXPLOIT)
    peer.wait_acked()


@trick("segments that overlap, each sent twice")
def _overlap(stage):
    peer = stage.opened()
    for i in range(0, len(EXPLOIT), 5):
        for _ in range(2):
            peer.send(EXPLOIT[max(0, i - 3):i + 5],
                      seq=peer.nxt + max(0, i - 3))
    peer.nxt += len(EXPLOIT)
    peer.wait_acked()


@trick("an exploit behind thousands of pipelined requests")
def _pipelined(stage):
    peer = stage.opened()
    data = HARMLESS * 2000 + EXPLOIT
    sent = 0
    while sent < len(data) and not peer.reset:
        # As far as the server's window of a SYN goes.
        peer.say(data[sent:sent + 1400])
        sent += 1400
        peer.pump(5, lambda: (peer.nxt - (peer.acked or 0)) % (1 << 32)
                  < 20000 or peer.reset)


@trick("sequence numbers that wrap within the exploit")
def _wrap(stage):
    peer = stage.opened(isn=(1 << 32) - 20)
    peer.say(EXPLOIT[:30])
    peer.say(EXPLOIT[30:])


# Bytes at places where they may or may not count.

@trick("a segment that begins before the first byte")
def _before_start(stage):
    peer = stage.opened()
    peer.send(b"xyz" + EXPLOIT, seq=peer.isn - 2)


@trick("a segment that begins before the first byte, after a request")
def _before_start_later(stage):
    peer = stage.opened()
    peer.say(HARMLESS)
    answered(peer)
    peer.send(b"xyz" + HARMLESS + EXPLOIT, seq=peer.isn - 2)


@trick("a segment of old and new bytes")
def _old_and_new(stage):
    peer = stage.opened()
    peer.say(HARMLESS)
    answered(peer)
    peer.send(DECOY[:20] + EXPLOIT, seq=peer.nxt - 20)


@trick("other bytes sent again before the rest comes", harm=False)
def _conflict_first(stage):
    peer = stage.opened()
    half = EXPLOIT.index(b"__") + 9
    peer.say(DECOY[:half])
    peer.wait_acked()
    peer.send(EXPLOIT[:half], seq=peer.nxt - half)
    peer.say(EXPLOIT[half:])


@trick("other bytes behind a gap, then the exploit over them")
def _conflict_early(stage):
    peer = stage.opened()
    peer.send(DECOY[20:], seq=peer.nxt + 20)
    peer.say(EXPLOIT)


@trick("the exploit behind a gap, then other bytes over it", harm=None)
def _conflict_late(stage):
    peer = stage.opened()
    peer.send(EXPLOIT[20:], seq=peer.nxt + 20)
    peer.send(DECOY[:24], seq=peer.nxt)
    peer.say(DECOY)


@trick("data far outside the window, then the exploit")
def _outside(stage):
    peer = stage.opened()
    for ahead in 1 << 20, 1 << 28, 1 << 30, -(1 << 20), -(1 << 30):
        peer.send(DECOY, seq=peer.nxt + ahead)
    peer.say(EXPLOIT)


@trick("urgent data, which the application does not read")
def _urgent(stage):
    peer = stage.opened()
    at = EXPLOIT.index(b"proto")
    # The byte before where the pointer points to is taken out of the stream.
    peer.say(EXPLOIT[:at] + b"X" + EXPLOIT[at:], flags=ACK | PSH | URG,
             urgent=at + 1)


@trick("urgent data in a segment ahead of its turn")
def _urgent_early(stage):
    peer = stage.opened()
    at = EXPLOIT.index(b"proto")
    data = EXPLOIT[:at] + b"X" + EXPLOIT[at:]
    peer.send(data[10:], seq=peer.nxt + 10, flags=ACK | PSH | URG,
              urgent=at + 1 - 10)
    peer.say(data[:10])


# Decoys that the server does not take.

def decoy_then_exploit(stage, timestamps=False, **how):
    peer = stage.opened(timestamps=timestamps)
    peer.send(DECOY, **how)
    peer.pump(0.1)
    peer.say(EXPLOIT)
    return peer


@trick("a decoy with a bad TCP checksum")
def _bad_tcp(stage):
    decoy_then_exploit(stage, bad_tcp=True)


@trick("a decoy with a bad IP checksum")
def _bad_ip(stage):
    decoy_then_exploit(stage, ip={"bad": True})


@trick("a decoy without an ACK flag")
def _no_ack_flag(stage):
    decoy_then_exploit(stage, flags=PSH)


@trick("a decoy that acknowledges what was never sent")
def _bad_ack(stage):
    decoy_then_exploit(stage, ack=0x12345678)


@trick("a decoy with a TCP-MD5 option")
def _md5_decoy(stage):
    decoy_then_exploit(stage, options=MD5_OPTION)


@trick("a decoy with an old timestamp")
def _paws(stage):
    peer = stage.opened(timestamps=True)
    peer.say(HARMLESS)
    answered(peer)
    peer.tsval -= 500
    peer.send(DECOY)
    peer.tsval += 501
    peer.pump(0.1)
    peer.say(EXPLOIT)


@trick("a decoy whose source route the server refuses")
def _source_route(stage):
    # LSRR, of one address.
    decoy_then_exploit(stage, ip={"options": bytes([131, 7, 4])
                                  + rawtcp.packed("10.77.0.9")})


@trick("a decoy with an unknown extension header", version=6)
def _unknown_header(stage):
    # An option that is to be discarded with its packet (RFC 8200 4.2).
    decoy_then_exploit(stage, ip={"headers": [
        (60, bytes([0, 0x5e, 4, 0, 0, 0, 0]))]})


@trick("a FIN that the server does not take")
def _bad_fin(stage):
    peer = stage.opened()
    peer.send(b"", flags=FIN | ACK, ip={"bad": True})
    peer.say(EXPLOIT)


@trick("a RST that the server does not take", harm=True)
def _bad_rst(stage):
    peer = stage.opened()
    peer.send(b"", flags=RST, seq=peer.nxt + 5)
    peer.send(b"", flags=RST, seq=peer.nxt, bad_tcp=True)
    peer.send(b"", flags=RST, seq=peer.nxt, ip={"bad": True})
    peer.pump(0.1)
    peer.say(EXPLOIT)


@trick("a FIN before the data")
def _fin_first(stage):
    peer = stage.opened()
    peer.send(b"", seq=peer.nxt + len(EXPLOIT), flags=FIN | ACK)
    peer.say(EXPLOIT)


# How connections begin.

@trick("data before the handshake is over, then the exploit")
def _early_data(stage):
    peer = stage.peer()
    peer.send(DECOY, flags=PSH, seq=peer.isn + 1)
    peer.syn()
    peer.send(DECOY, flags=ACK | PSH, seq=peer.isn + 1, ack=77)
    peer.pump(5, lambda: peer.rcv)
    peer.send(b"", flags=ACK)
    peer.say(EXPLOIT)


@trick("the exploit in the handshake's third segment")
def _third_segment(stage):
    peer = stage.peer()
    peer.syn()
    peer.pump(5, lambda: peer.rcv)
    peer.say(EXPLOIT)


@trick("the exploit on the SYN (TCP Fast Open)")
def _fast_open(stage):
    peer = stage.peer()
    peer.syn(payload=EXPLOIT)
    peer.pump(5, lambda: peer.rcv)
    # All of it is said again where the server did not take it.
    peer.send(b"", flags=ACK, seq=peer.isn + 1 + len(EXPLOIT))
    peer.say(EXPLOIT)


@trick("two SYNs at once, the exploit on the first")
def _two_syns(stage):
    peer = stage.peer()
    peer.syn()
    peer.send(b"", flags=SYN, seq=peer.isn + 500000)
    peer.pump(5, lambda: peer.rcv)
    peer.say(EXPLOIT)


@trick("a SYN that the server does not take, then another")
def _bad_syn(stage):
    peer = stage.peer()
    peer.send(b"", flags=SYN, seq=peer.isn - 7000, ip={"bad": True})
    peer.open()
    peer.say(EXPLOIT)


@trick("a SYN with TCP-MD5 that the server does not take, then another")
def _md5_syn(stage):
    peer = stage.peer()
    peer.syn(options=MD5_OPTION)
    peer.pump(0.1)
    peer.open()
    peer.say(EXPLOIT)


@trick("SYNs and SYN+ACKs in the middle of a connection")
def _syn_in_the_middle(stage):
    peer = stage.opened()
    peer.say(HARMLESS)
    answered(peer)
    for flags in SYN, SYN | ACK, SYN | PSH | ACK:
        peer.send(DECOY, flags=flags, seq=peer.nxt + 3)
        peer.send(DECOY, flags=flags, seq=peer.nxt)
    peer.pump(0.1)
    peer.say(EXPLOIT)


def closed_by_rst(stage):
    """A connection that was used and ended; and its peer."""
    peer = stage.opened()
    peer.say(HARMLESS * 40)
    answered(peer, 40)
    peer.send(b"", flags=RST | ACK)
    return peer


@trick("the same ports at once, behind a RST")
def _reused_rst(stage):
    peer = closed_by_rst(stage)
    peer.restart(peer.nxt + 70000)
    peer.open()
    peer.say(EXPLOIT)


@trick("the same ports at once, with numbers from before")
def _reused_old_numbers(stage):
    peer = closed_by_rst(stage)
    peer.restart(peer.isn + 10)
    peer.open()
    peer.say(EXPLOIT)


@trick("the same ports, two SYNs at once, with numbers from before")
def _reused_two_syns(stage):
    peer = closed_by_rst(stage)
    peer.pump(0.1)
    peer.restart(peer.isn + 10)
    peer.syn()
    peer.send(b"", flags=SYN, seq=peer.isn + 100000)
    peer.pump(5, lambda: peer.rcv)
    peer.say(EXPLOIT)


@trick("the same ports at once, behind FINs of both")
def _reused_fin(stage):
    peer = stage.opened()
    peer.say(get(b"/q?n=1", b"Connection: close"))
    peer.pump(5, lambda: peer.fin)
    peer.send(b"", flags=FIN | ACK)
    peer.nxt += 1
    peer.wait_acked()
    peer.restart(peer.nxt + 100000)
    peer.open()
    peer.say(EXPLOIT)


@trick("the same ports, without a RST: the old connection is still there")
def _reused_alive(stage):
    peer = stage.opened()
    peer.say(HARMLESS)
    answered(peer)
    peer.syn()
    peer.send(b"", flags=SYN, seq=peer.nxt + 9)
    peer.pump(0.1)
    peer.say(EXPLOIT)


# Windows.

@trick("a window of nothing, then one byte at a time")
def _zero_window(stage):
    peer = stage.opened()
    peer.window = 0
    peer.say(EXPLOIT)
    peer.wait_acked()
    for window in 1, 0, 2, 0, 65535:
        peer.window = window
        peer.send(b"", flags=ACK)
        peer.pump(0.02)


@trick("acknowledgements that carry nothing in between")
def _acks(stage):
    peer = stage.opened()
    for i in range(0, len(EXPLOIT), 10):
        for _ in range(20):
            peer.send(b"", flags=ACK)
            peer.send(b"", flags=ACK, seq=peer.nxt - 1)
        peer.say(EXPLOIT[i:i + 10])


# IP and Ethernet.

@trick("IP options")
def _ip_options(stage):
    stage.opened().say(EXPLOIT, ip={"options": bytes([1] * 8)})


@trick("TCP options up to the header's end")
def _tcp_options(stage):
    stage.opened().say(EXPLOIT, options=bytes([1] * 40))


@trick("a frame with a trailer")
def _trailer(stage):
    stage.opened().say(EXPLOIT, link={"pad": 600})


@trick("a priority tag")
def _priority_tag(stage):
    stage.opened().say(EXPLOIT, link={"tags": [(rawtcp.VLAN, 0xe000)]})


@trick("a priority tag from the SYN on")
def _priority_tag_first(stage):
    tag = {"tags": [(rawtcp.VLAN, 0x6000)]}
    peer = stage.peer()
    peer.syn(link=tag)
    peer.pump(5, lambda: peer.rcv)
    peer.send(b"", flags=ACK, link=tag)
    peer.say(EXPLOIT, link=tag)


@trick("two priority tags")
def _two_priority_tags(stage):
    stage.opened().say(EXPLOIT, link={"tags": [(rawtcp.VLAN, 0)] * 2})


@trick("three priority tags", harm=None)
def _three_priority_tags(stage):
    stage.opened().say(EXPLOIT, link={"tags": [(rawtcp.VLAN, 0)] * 3})


@trick("a priority tag of 802.1ad", harm=None)
def _service_tag(stage):
    stage.opened().say(EXPLOIT, link={"tags": [(rawtcp.SVLAN, 0)]})


@trick("priority tags of both kinds", harm=None)
def _both_tags(stage):
    peer = stage.opened()
    peer.say(EXPLOIT, link={"tags": [(rawtcp.VLAN, 0), (rawtcp.SVLAN, 0)]})
    peer.send(EXPLOIT, seq=peer.nxt - len(EXPLOIT),
              link={"tags": [(rawtcp.SVLAN, 0), (rawtcp.VLAN, 0)]})


@trick("the tag of a VLAN that the VM is not in", harm=False)
def _foreign_vlan(stage):
    peer = stage.opened()
    for vlan in 1, 77, 4095:
        peer.send(EXPLOIT, link={"tags": [(rawtcp.VLAN, vlan)]})


@trick("a frame to everybody", harm=False)
def _broadcast(stage):
    peer = stage.opened()
    peer.dst_mac = "ff:ff:ff:ff:ff:ff"
    peer.say(EXPLOIT)


def extension_headers(title, headers, harm=True):
    @trick(title, version=6, harm=harm)
    def _headers(stage):
        stage.opened().say(EXPLOIT, ip={"headers": headers})


ROUTING = (43, bytes([0, 0, 0, 0, 0, 0, 0]))
extension_headers("a hop-by-hop header", [rawtcp.HOP_BY_HOP])
extension_headers("a destination options header", [rawtcp.DESTINATION])
extension_headers("a routing header that leads nowhere", [ROUTING])
extension_headers("eight extension headers", [rawtcp.DESTINATION] * 8)
extension_headers("nine extension headers", [rawtcp.DESTINATION] * 9)
extension_headers("forty extension headers", [rawtcp.DESTINATION] * 40)
extension_headers("a fragment header around all of it",
                  [rawtcp.fragment_header(0, 0, 7)])


def fragments(peer, payload, cuts, ident, order=lambda f: f):
    """The segment with 'payload' as IPv4 fragments, cut at 'cuts'."""
    data = peer.segment(payload, ACK | PSH)
    ends = list(cuts) + [len(data)]
    pieces = [(a, data[a:b], b != len(data))
              for a, b in zip([0] + list(cuts), ends)]
    for offset, piece, more in order(pieces):
        peer.put(peer.packet(piece, ident=ident, offset=offset, more=more))
    peer.nxt += len(payload)


@trick("fragments in order")
def _fragments(stage):
    fragments(stage.opened(), EXPLOIT, [40, 72], 1)


@trick("fragments in reverse order")
def _fragments_reverse(stage):
    fragments(stage.opened(), EXPLOIT, [40, 72], 2, reversed)


@trick("fragments of eight bytes, the TCP header in three of them")
def _fragments_tiny(stage):
    fragments(stage.opened(), EXPLOIT, range(8, 20 + len(EXPLOIT), 8), 3)


@trick("fragments that overlap", harm=None)
def _fragments_overlap(stage):
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    fake = peer.segment(DECOY, ACK | PSH)
    peer.put(peer.packet(data[:40], ident=4, more=True))
    peer.put(peer.packet(fake[40:80], ident=4, offset=40, more=True))
    peer.put(peer.packet(data[40:80], ident=4, offset=40, more=True))
    peer.put(peer.packet(data[80:], ident=4, offset=80))


@trick("IPv6 fragments", version=6)
def _fragments6(stage):
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    for offset, end in (0, 40), (40, 72), (72, len(data)):
        peer.put(peer.packet(data[offset:end], headers=[
            rawtcp.fragment_header(offset, end != len(data), 9)]))


@trick("IPv6 fragments behind a destination options header", version=6)
def _fragments6_headers(stage):
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    for offset, end in (72, len(data)), (0, 40), (40, 72):
        peer.put(peer.packet(data[offset:end], headers=[
            rawtcp.DESTINATION,
            rawtcp.fragment_header(offset, end != len(data), 10)]))


# Speaking for the server.

@trick("bytes acknowledged in the server's name, then others")
def _spoofed_ack(stage):
    # The engine tells by the MAC address whose word a frame is; the frame
    # gets to it since it is for another protected VM.
    peer = stage.peer(port=80)
    peer.open()
    peer.send(DECOY, ip={"bad": True})
    peer.pump(0.1)
    forged = rawtcp.tcp_segment(peer.dst, peer.src, 80, 80, peer.rcv,
                                peer.nxt + len(DECOY), ACK)
    for other in stage.others:
        stage.wire.send(other.mac, rawtcp.IPV4,
                        rawtcp.ipv4_packet(peer.dst, peer.src, forged),
                        src_mac=rawtcp.mac_bytes(peer.dst_mac))
    peer.pump(0.1)
    peer.say(EXPLOIT)
    peer.wait_acked()
    peer.send(b"", flags=RST | ACK)


def exploited(lines):
    return any(SHOWN in str(line) for line in lines)


def asked(lines):
    """The request has come, with the exploit or without it."""
    return any(line.get("event") == "request" and "first" in str(line)
               for line in lines)


class Evasion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab()
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start()
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.off = cls.lab.add_server_vm("off", 1)
        cls.ours = cls.lab.add_server_vm("ours", 2)
        cls.other = cls.lab.add_server_vm("othr", 3)
        pair = fidelity.load(PATCH)
        cls.servers = {}
        for vm in cls.off, cls.ours:
            # Fast Open without a cookie, for every server.
            vm.run(["sysctl", "-qw", "net.ipv4.tcp_fastopen=1539"])
            for version, source in SOURCE.items():
                vm.run(["ip", "neigh", "replace", source, "lladdr",
                        cls.client.mac, "dev", "eth0", "nud", "permanent"])
            cls.servers[vm] = cls.lab.serve(pair, "vulnerable", vm, "::")
        cls.wire = rawtcp.Wire(cls.client)
        cls.addClassCleanup(cls.wire.close)
        # Switches learn where the sender is.
        for vm in cls.off, cls.ours:
            for version in 4, 6:
                talk(cls.client, pplab.address(vm, version), HARMLESS)
        cls.lab.set_ids(cls.off, policy=PATCH, mode="off")
        cls.lab.protect(cls.ours, PATCH)
        cls.lab.protect(cls.other, PATCH)
        for server in cls.servers.values():
            server.mark()

    @classmethod
    def tearDownClass(cls):
        # Late arrivals count, too.
        server = cls.servers[cls.ours]
        server.offset = 0
        if exploited(server.lines()):
            raise AssertionError("an exploit got to the protected server")

    def play(self, vm, function, version, wait, over):
        """Plays a trick; returns whether over() was seen in the log."""
        server = self.servers[vm]
        server.mark()
        self.wire.peers.clear()
        others = [self.other] if vm is self.ours else []
        function(Stage(self.wire, vm, version, others))
        self.wire.pump(wait, lambda: over(server.lines()))
        return server.lines()

    def trick(self, title, harm, version, function):
        without = self.play(self.off, function, version,
                            10 if harm else 0.5, exploited)
        if harm is not None:
            self.assertEqual(exploited(without), harm,
                             "without us: %r" % without)
        # What is dropped is not waited for: see tearDownClass().
        behind = self.play(self.ours, function, version, 0.7, asked)
        self.assertFalse(exploited(behind), behind)
        seen = talk(self.client, pplab.address(self.ours, version), HARMLESS,
                    settle=0.02)
        self.assertEqual(seen.statuses, [200])


def add(index, one):
    def test(self):
        self.trick(*one)
    test.__doc__ = one[0]
    setattr(Evasion, "test_%02d%s" % (index, one[3].__name__), test)


for _index, _one in enumerate(TRICKS):
    add(_index, _one)


if __name__ == "__main__":
    unittest.main()
