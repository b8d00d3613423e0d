# SPDX-License-Identifier: Apache-2.0
"""No way around the engine: what frames say of segments still to be cut and
checksums still to be made, which a VM on the same switch may make up
(evasion.py says how)."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import evasion                                              # noqa: E402
import pphost                                               # noqa: E402
import rawtcp                                               # noqa: E402
from evasion import DECOY, EXPLOIT, HARMLESS                # noqa: E402
from rawtcp import ACK, PSH                                 # noqa: E402

TRICKS = evasion.Tricks()
trick = TRICKS.trick

NEEDS_CSUM, DATA_VALID = 1, 2
GSO_TCPV4, GSO_TCPV6, GSO_ECN = 1, 4, 0x80

PADDED = EXPLOIT.replace(b"Host: a", b"Host: a\r\nX: " + b"x" * 4000)


def super_frame(peer, payload, kind=None, size=1000, length=None, tail=b"",
                flags=NEEDS_CSUM, start=None, offset=16, header=None, **how):
    """A frame that stands for several segments.  The IP packet says that it
    is 'length' bytes long, and 'tail' stands behind the payload."""
    ipv6 = ":" in peer.src
    head = 14 + (40 if ipv6 else 20)
    if kind is None:
        kind = GSO_TCPV6 if ipv6 else GSO_TCPV4
    segment = rawtcp.partial(peer.src, peer.dst,
                             peer.segment(payload + tail, ACK | PSH))
    ip = {} if length is None else {"length": length}
    peer.put(peer.packet(segment, **ip), vnet=(
        flags, kind, head + 20 if header is None else header, size,
        head if start is None else start, offset), **how)
    peer.nxt += len(payload)


@trick("a frame that stands for several segments")
def _super(stage):
    super_frame(stage.opened(), PADDED)


@trick("a frame that stands for several segments, IPv6", version=6)
def _super6(stage):
    super_frame(stage.opened(), PADDED)


@trick("a frame that stands for many segments of a few bytes")
def _super_small(stage):
    super_frame(stage.opened(), EXPLOIT, size=48)


@trick("a checksum that is still to be made")
def _partial(stage):
    super_frame(stage.opened(), EXPLOIT, kind=0, size=0)


LONG = HARMLESS.replace(b"Host: a", b"Host: a\r\nX: " + b"x" * 4000)


@trick("a frame of several segments, with more behind its packet",
       harm=lambda cls: cls.cuts)
def _super_tail(stage):
    # Whoever cuts it into segments may count what stands behind.
    super_frame(stage.opened(), LONG, length=40 + len(LONG), tail=EXPLOIT)


@trick("a frame of several segments, with more behind its packet, IPv6",
       harm=lambda cls: cls.cuts, version=6)
def _super_tail6(stage):
    super_frame(stage.opened(), LONG, length=20 + len(LONG), tail=EXPLOIT)


@trick("a frame of several segments with congestion notification")
def _super_ecn(stage):
    super_frame(stage.opened(), PADDED, kind=GSO_TCPV4 | GSO_ECN)


@trick("a frame with a wrong length of its headers")
def _super_header(stage):
    super_frame(stage.opened(), PADDED, header=14)
    super_frame(stage.opened(), PADDED, header=500)


@trick("a checksum that is to be made over other bytes",
       harm=lambda cls: cls.cuts and pphost.DATAPATH == "system")
def _start_lie(stage):
    # Whoever makes it writes two bytes of the payload anew: "__" of the name.
    # The kernel's datapath does, for a port that wants whole checksums; TCP's
    # own is wrong then, and the server takes what is sent again.
    peer = stage.opened()
    at = DECOY.index(b"__plain__") + 2
    decoy = DECOY[:at] + b"zz" + DECOY[at + 2:]
    super_frame(peer, decoy, kind=0, size=0, start=14 + 40, offset=at)
    peer.pump(0.1)
    peer.send(EXPLOIT, seq=peer.nxt - len(DECOY))


@trick("a wrong checksum that is said to be right")
def _valid_lie(stage):
    peer = stage.opened()
    peer.send(DECOY, bad_tcp=True, link={"vnet": (DATA_VALID, 0, 0, 0, 0, 0)})
    peer.pump(0.1)
    peer.say(EXPLOIT)


class Segments(evasion.Evasion):
    """The switch cuts frames into segments before a VM gets them."""

    tso = cuts = True

    @classmethod
    def furnish(cls, vm):
        pphost.set_offloads(vm.ifname, False)
        pphost.set_offloads("eth0", False, vm.netns)


class Whole(evasion.Evasion):
    """VMs get frames as they are."""

    tso, cuts = True, False


TRICKS.add_to(Segments)
TRICKS.add_to(Whole)


if __name__ == "__main__":
    unittest.main()
