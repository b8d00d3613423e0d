# SPDX-License-Identifier: Apache-2.0
"""No way around the engine: an exploit carried by every trick that IP and Ethernet
lend themselves to (evasion.py says how)."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import evasion                                              # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import rawtcp                                               # noqa: E402
from evasion import DECOY, EXPLOIT, HARMLESS, answered      # noqa: E402
from evasion import decoy_then_exploit                      # noqa: E402
from rawtcp import ACK, PSH                                 # noqa: E402

TRICKS = evasion.Tricks()
trick = TRICKS.trick

# IP and Ethernet.

@trick("IP options")
def _ip_options(stage):
    stage.opened().say(EXPLOIT, ip={"options": bytes([1] * 8)})


@trick("TCP options up to the header's end")
def _tcp_options(stage):
    stage.opened().say(EXPLOIT, options=bytes([1] * 40))


@trick("a TTL of 0 and of 1")
def _no_ttl(stage):
    # The hypervisor's is the last hop: the VM's kernel takes what comes.
    peer = stage.opened()
    peer.say(EXPLOIT[:30], ip={"ttl": 1})
    peer.say(EXPLOIT[30:], ip={"ttl": 0})


@trick("a hop limit of 0 and of 1", version=6)
def _no_hop_limit(stage):
    peer = stage.opened()
    peer.say(EXPLOIT[:30], ip={"ttl": 1})
    peer.say(EXPLOIT[30:], ip={"ttl": 0})


@trick("other bytes with a TTL of 0, then the exploit", harm=False)
def _no_ttl_decoy(stage):
    # No hop is behind us where they could have died, so they count.
    decoy_then_exploit(stage, ip={"ttl": 0})


@trick("other flags of the IP header")
def _ip_flags(stage):
    peer = stage.opened()
    for i, flags in enumerate((0x8000, 0x4000, 0xc000)):
        peer.say(EXPLOIT[i * 30:(i + 1) * 30 if i < 2 else None],
                 ip={"flags": flags})


@trick("a flow label and a traffic class for each segment", version=6)
def _flow_label(stage):
    peer = stage.opened()
    for i in range(0, len(EXPLOIT), 9):
        peer.say(EXPLOIT[i:i + 9], ip={"label": i * 7777 & 0xfffff,
                                       "tos": i & 0xff})


def trailer(stage):
    """A segment in a packet that ends before its frame does: what stands
    behind it are other bytes of the stream."""
    peer = stage.opened()
    cut = EXPLOIT.index(b"__proto__")
    peer.say(EXPLOIT[:cut], link={"pad": DECOY[cut:]})
    peer.pump(0.1)
    peer.say(EXPLOIT[cut:])


@trick("a packet that ends before its frame, other bytes behind it")
def _trailer_decoy(stage):
    trailer(stage)


@trick("a packet that ends before its frame, IPv6", version=6)
def _trailer_decoy6(stage):
    trailer(stage)


@trick("a long trailer, IPv6", version=6)
def _trailer6(stage):
    stage.opened().say(EXPLOIT, link={"pad": bytes(900)})


@trick("bytes in frames filled up with other bytes")
def _padding(stage):
    peer = stage.opened()
    for i in range(0, len(EXPLOIT), 3):
        peer.say(EXPLOIT[i:i + 3], link={"pad": DECOY[i + 3:i + 6]})


IP_OPTIONS = {
    "router alert": bytes([148, 4, 0, 0]),
    "a recorded route": bytes([7, 39, 4]) + bytes(36),
    "timestamps": bytes([68, 36, 5, 0]) + bytes(32),
    "an unknown option": bytes([30 | 0x80, 4, 1, 2]),
    "a security label": bytes([134, 12]) + bytes(10),
}
for _name, _options in IP_OPTIONS.items():
    @trick("IP options: " + _name, harm=None)
    def _an_option(stage, options=_options):
        stage.opened().say(EXPLOIT, ip={"options": options})


@trick("a frame with a trailer")
def _trailer(stage):
    stage.opened().say(EXPLOIT, link={"pad": bytes(600)})


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


@trick("a frame to another VM's address", harm=False)
def _other_mac(stage):
    peer = stage.opened()
    peer.dst_mac = "52:54:00:77:00:99"      # Nobody's: it is flooded.
    peer.say(EXPLOIT)


@trick("a frame to a group of hosts", harm=False, version=6)
def _multicast(stage):
    peer = stage.opened()
    peer.dst_mac = "33:33:00:00:00:01"      # All nodes.
    peer.say(EXPLOIT)


@trick("an IEEE 802.2 header before IP", harm=False,
       counter="packet_in_snap")
def _snap(stage):
    # RFC 1042; Linux does not take it, other kernels may.
    peer = stage.opened()
    packet = (bytes([0xaa, 0xaa, 3, 0, 0, 0, 8, 0])
              + peer.packet(peer.segment(EXPLOIT, ACK | PSH)))
    peer.wire.send(peer.dst_mac, len(packet), packet)


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


@trick("fragments, and among them a decoy with a bad IP checksum")
def _fragments_bad(stage):
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    decoy = peer.segment(DECOY, ACK | PSH)
    peer.put(peer.packet(data[:40], ident=5, more=True))
    peer.put(peer.packet(decoy[40:], ident=5, offset=40, bad=True))
    peer.put(peer.packet(data[40:], ident=5, offset=40))


@trick("fragments of which the last goes to everybody", harm=None)
def _fragments_broadcast_last(stage):
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    everybody = {"dst_mac": "ff:ff:ff:ff:ff:ff", "kind": rawtcp.IPV4}
    stage.wire.send(packet=peer.packet(data[40:], ident=6, offset=40),
                    **everybody)
    peer.put(peer.packet(data[:40], ident=6, more=True))


@trick("fragments of which the first goes to everybody, the last to a port "
       "that is not protected", harm=None)
def _fragments_broadcast_first(stage):
    # The engine sees the last part with another beginning.
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    other = rawtcp.tcp_segment(peer.src, peer.dst, peer.sport, 81, 1, 0,
                               ACK, data[20:])
    stage.wire.send("ff:ff:ff:ff:ff:ff", rawtcp.IPV4, peer.packet(
        data[:40], ident=8, more=True))
    peer.put(peer.packet(data[40:], ident=8, offset=40))
    peer.put(peer.packet(other[:40], ident=8, more=True))


@trick("fragments with other TTLs, the last one with none left")
def _fragments_ttl(stage):
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    for offset, end, ttl in (0, 40, 64), (40, 72, 1), (72, len(data), 0):
        peer.put(peer.packet(data[offset:end], ident=9, offset=offset,
                             more=end != len(data), ttl=ttl))


@trick("IPv6 fragments", version=6)
def _fragments6(stage):
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    for offset, end in (0, 40), (40, 72), (72, len(data)):
        peer.put(peer.packet(data[offset:end], headers=[
            rawtcp.fragment_header(offset, end != len(data), 9)]))


@trick("IPv6 fragments behind a destination options header", version=6,
       harm=lambda cls: None if pphost.DATAPATH == "system" else True)
def _fragments6_headers(stage):
    # Through the datapath of Linux 6.1 they do not get to the server.
    peer = stage.opened()
    data = peer.segment(EXPLOIT, ACK | PSH)
    for offset, end in (72, len(data)), (0, 40), (40, 72):
        peer.put(peer.packet(data[offset:end], headers=[
            rawtcp.DESTINATION,
            rawtcp.fragment_header(offset, end != len(data), 10)]))


# Packets that lead on, to another address of the same VM.  The two addresses
# have the same sum, so that a checksum is right for both.

def second(vm, version):
    address = pplab.address(vm, version)
    start, number = address[:-1], int(address[-1])
    return start.replace("77", "76", 1) + str(number + 1)


def led_on(stage, **ip):
    """The exploit to the VM's second address, from where it leads to the
    first, which has the connection."""
    peer = stage.opened()
    to = peer.dst
    segment = peer.segment(EXPLOIT, ACK | PSH)
    peer.dst = second(stage.vm, stage.version)
    peer.put(peer.packet(segment, **ip))
    peer.dst = to
    peer.nxt += len(EXPLOIT)
    peer.wait_acked(0.3)


@trick("a loose source route to the connection's address",
       counter="packet_in_leads_on")
def _led_on(stage):
    led_on(stage, options=bytes([131, 7, 4]) + rawtcp.packed(
        pplab.address(stage.vm)))


@trick("a strict source route to the connection's address",
       counter="packet_in_leads_on")
def _led_on_strictly(stage):
    led_on(stage, options=bytes([1, 137, 7, 4]) + rawtcp.packed(
        pplab.address(stage.vm)))


@trick("a segment route to the connection's address", version=6,
       counter="packet_in_leads_on")
def _led_on6(stage):
    # RFC 8754: of two segments, one is left: the list's first.
    led_on(stage, headers=[(43, bytes([4, 4, 1, 1, 0, 0, 0])
                            + rawtcp.packed(pplab.address(stage.vm, 6))
                            + rawtcp.packed(second(stage.vm, 6)))])


# Decoys.

@trick("a decoy with a bad IP checksum")
def _bad_ip(stage):
    decoy_then_exploit(stage, ip={"bad": True})


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

def decoy(title, version=4, **how):
    @trick("a decoy with " + title, version=version)
    def _decoy(stage):
        decoy_then_exploit(stage, **how)


decoy("an IP header of too few bytes", ip={"first": 0x44})
decoy("an IP header longer than the packet", ip={"first": 0x4f,
                                                 "length": 50})
decoy("another IP version", ip={"first": 0x65})
decoy("an IP length beyond the frame's end", ip={"length": 1400})
decoy("an IP length within the headers", ip={"length": 30})
decoy("IP options that have no end", ip={"options": bytes([7, 200, 4, 0])})
decoy("an IPv6 length beyond the frame's end", version=6,
      ip={"length": 1400})
decoy("an IPv6 length within the headers", version=6, ip={"length": 10})
decoy("an IPv6 length of 0, as jumbograms have", version=6,
      ip={"length": 0})
decoy("a hop-by-hop header out of its place", version=6,
      ip={"headers": [rawtcp.DESTINATION, rawtcp.HOP_BY_HOP]})
decoy("a routing header that leads on", version=6,
      ip={"headers": [(43, bytes([2, 0, 1, 0, 0, 0, 0]) + bytes(16))]})
decoy("an authentication header", version=6,
      ip={"headers": [(51, bytes([4, 0, 0]) + bytes(20))]})


class Frames(evasion.Evasion):
    @classmethod
    def furnish(cls, vm):
        for version, bits in (4, 32), (6, 128):
            vm.run(["ip", "addr", "add", "%s/%d" % (second(vm, version),
                                                    bits), "dev", "eth0"])
        for name in "all", "eth0":
            vm.run(["sysctl", "-qw",
                    "net.ipv4.conf.%s.accept_source_route=1" % name,
                    "net.ipv6.conf.%s.seg6_enabled=1" % name])


TRICKS.add_to(Frames)


if __name__ == "__main__":
    unittest.main()
