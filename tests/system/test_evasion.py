# SPDX-License-Identifier: Apache-2.0
"""No way around the engine: an exploit carried by every trick that TCP
lends itself to (evasion.py says how)."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import evasion                                              # noqa: E402
import rawtcp                                               # noqa: E402
from evasion import DECOY, EXPLOIT, HARMLESS, answered      # noqa: E402
from evasion import closed_by_rst, decoy_then_exploit       # noqa: E402
from pplab import get                                       # noqa: E402
from rawtcp import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG   # noqa: E402

TRICKS = evasion.Tricks()
trick = TRICKS.trick

MD5_OPTION = bytes([19, 18]) + bytes(16)


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


@trick("urgent data that an empty segment announces")
def _urgent_announced(stage):
    peer = stage.opened()
    at = EXPLOIT.index(b"proto")
    peer.send(b"", flags=ACK | URG, urgent=at + 1)
    peer.say(EXPLOIT[:at] + b"X" + EXPLOIT[at:])


@trick("urgent data in what is sent again")
def _urgent_again(stage):
    peer = stage.opened()
    at = EXPLOIT.index(b"proto")
    data = EXPLOIT[:at] + b"X" + EXPLOIT[at:]
    peer.send(data, ip={"bad": True})
    peer.pump(0.1)
    peer.say(data, flags=ACK | PSH | URG, urgent=at + 1)


# Decoys that the server does not take.

@trick("a decoy with a bad TCP checksum")
def _bad_tcp(stage):
    decoy_then_exploit(stage, bad_tcp=True)


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


@trick("the exploit with an old timestamp, then other bytes", harm=False)
def _paws_exploit(stage):
    peer = stage.opened(timestamps=True)
    peer.say(HARMLESS)
    answered(peer)
    peer.tsval -= 500
    peer.send(EXPLOIT)
    peer.tsval += 501
    peer.pump(0.1)
    peer.say(DECOY)


@trick("a decoy from the far future that the server does not take")
def _future(stage):
    peer = stage.opened(timestamps=True)
    peer.tsval += 1 << 30
    peer.send(DECOY, ip={"bad": True})
    peer.tsval -= 1 << 30
    peer.pump(0.1)
    peer.say(EXPLOIT)


@trick("timestamps that wrap")
def _stamps_wrap(stage):
    peer = stage.peer(timestamps=True)
    peer.tsval = 0xfffffff0
    peer.open()
    peer.say(EXPLOIT[:30])
    peer.tsval = 0x10
    peer.say(EXPLOIT[30:])


@trick("timestamps that are agreed on and then left out", harm=None)
def _stamps_left_out(stage):
    peer = stage.opened(timestamps=True)
    peer.timestamps = False
    peer.say(EXPLOIT)


@trick("a decoy with a TCP header of too few bytes")
def _short_header(stage):
    decoy_then_exploit(stage, words=4)


@trick("a decoy with a TCP header longer than the segment")
def _long_header(stage):
    peer = stage.opened()
    peer.send(DECOY[:20], words=15)
    peer.pump(0.1)
    peer.say(EXPLOIT)


@trick("bits in the TCP header that nobody uses")
def _reserved_bits(stage):
    stage.opened().say(EXPLOIT, reserved=0xf)


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


@trick("a byte where a FIN stood that the server does not take")
def _fin_place(stage):
    peer = stage.opened()
    peer.say(EXPLOIT[:-1])
    peer.wait_acked(2)
    peer.send(b"", flags=FIN | ACK, ip={"bad": True})
    peer.pump(0.2)
    peer.say(EXPLOIT[-1:])


@trick("data behind a FIN", harm=False)
def _fin_then_data(stage):
    peer = stage.opened()
    peer.say(HARMLESS)
    answered(peer)
    peer.send(EXPLOIT[:20], flags=FIN | ACK)
    for extra in 20, 21:
        peer.send(EXPLOIT[20:], seq=peer.nxt + extra)


@trick("the exploit on a FIN")
def _on_fin(stage):
    stage.opened().say(EXPLOIT, flags=FIN | PSH | ACK)


@trick("the exploit in segments with every flag", harm=False)
def _every_flag(stage):
    peer = stage.opened()
    peer.say(HARMLESS)
    answered(peer)
    for flags in 0xff, SYN | FIN | ACK, SYN | RST | ACK, FIN | PSH | URG, 0:
        peer.send(EXPLOIT, flags=flags)


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


@trick("half of the exploit on the SYN")
def _fast_open_half(stage):
    peer = stage.peer()
    peer.syn(payload=EXPLOIT[:30])
    peer.pump(5, lambda: peer.rcv)
    for half in EXPLOIT[:30], EXPLOIT[30:]:
        peer.say(half)


@trick("a decoy on the SYN, the exploit in its place", harm=None)
def _fast_open_decoy(stage):
    peer = stage.peer()
    peer.syn(payload=DECOY)
    peer.pump(5, lambda: peer.rcv)
    peer.say(EXPLOIT)


@trick("explicit congestion notification")
def _ecn(stage):
    peer = stage.peer()
    peer.syn(flags=SYN | ECE | CWR)
    peer.pump(5, lambda: peer.rcv)
    peer.send(b"", flags=ACK)
    for i, tos in enumerate((1, 2, 3, 0)):
        # The bits of the rest of the field change, too.
        peer.say(EXPLOIT[i * 16:(i + 1) * 16], flags=ACK | PSH | CWR,
                 ip={"tos": tos | i << 5})
    peer.say(EXPLOIT[64:], flags=ACK | PSH | ECE)


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


@trick("decoys as probes of a closed window, then the exploit")
def _probes(stage):
    peer = stage.opened()
    request = get(b"/q?n=1", b"X: " + b"x" * 7000)
    requests = request * 30
    with stage.server_stopped():
        while peer.peer_window and peer.nxt - peer.isn < len(requests):
            n = min(peer.mss, peer.peer_window)
            at = peer.nxt - peer.isn - 1
            peer.say(requests[at:at + n])
            if not peer.wait_acked(1):
                break
        at = (peer.nxt - peer.isn - 1) % len(request)
        rest = request[at:] if at else b""
        for i in range(len(DECOY)):
            peer.send(DECOY[i:i + 1], seq=peer.nxt + len(rest) + i)
        peer.pump(0.1)
    peer.pump(5, lambda: peer.peer_window > 20000)
    for at in range(0, len(rest), peer.mss):
        peer.say(rest[at:at + peer.mss])
    peer.say(EXPLOIT)
    peer.wait_acked()


@trick("acknowledgements that carry nothing in between")
def _acks(stage):
    peer = stage.opened()
    for i in range(0, len(EXPLOIT), 10):
        for _ in range(20):
            peer.send(b"", flags=ACK)
            peer.send(b"", flags=ACK, seq=peer.nxt - 1)
        peer.say(EXPLOIT[i:i + 10])
        # No more at once than the switch takes.
        peer.wait_acked()


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


class Tcp(evasion.Evasion):
    @classmethod
    def furnish(cls, vm):
        # Fast Open without a cookie, for every server.
        vm.run(["sysctl", "-qw", "net.ipv4.tcp_fastopen=1539"])


TRICKS.add_to(Tcp)


if __name__ == "__main__":
    unittest.main()
