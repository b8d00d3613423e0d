# SPDX-License-Identifier: Apache-2.0
"""No way around the engine by a server with SYN cookies (RFC 4987 3.6), which
keeps nothing of a SYN: it takes the end of any handshake that it could have
answered, with a first byte up to three places from what the SYN said (Linux has
one of four MSSs in that number), as evasion.py says how."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import evasion                                              # noqa: E402
from evasion import EXPLOIT, HARMLESS, answered             # noqa: E402
from evasion import closed_by_rst                           # noqa: E402
from rawtcp import ACK, RST, SYN                             # noqa: E402

TRICKS = evasion.Tricks()
trick = TRICKS.trick

FEWEST, MOST = 536, 1460        # MSSs with the first and last number.
FIN_TIMEOUT = 1                 # Of the server, in s.


def another_syn(peer, isn):
    """One more SYN, and its answer; the peer stays with its own."""
    peer.send(b"", flags=SYN, seq=isn)
    peer.pump(5, lambda: any(seg.flags & SYN and seg.ack == isn + 1
                             for seg in peer.segments))


def two_handshakes(stage, other):
    """Two SYNs, the second 'other' bytes from the first, are answered; then
    the first handshake ends."""
    peer = stage.peer(isn=100000)
    peer.syn()
    peer.pump(5, lambda: peer.rcv)
    another_syn(peer, peer.isn + other)
    peer.send(b"", flags=ACK)
    return peer


@trick("two handshakes, the first of which ends, below the second")
def _first_below(stage):
    two_handshakes(stage, 70000).say(EXPLOIT)


@trick("two handshakes, the first of which ends, above the second")
def _first_above(stage):
    two_handshakes(stage, -70000).say(EXPLOIT)


@trick("bytes of the second handshake before the exploit on the first")
def _first_in_second(stage):
    # For who reads from there, the exploit is a field's value.
    before = HARMLESS[:-2] + b"X: "
    peer = two_handshakes(stage, -len(before))
    peer.send(EXPLOIT)
    peer.pump(0.1)
    peer.send(before, seq=peer.nxt - len(before), ack=peer.rcv - len(before))
    peer.pump(0.1)
    peer.say(EXPLOIT)


@trick("two handshakes behind a RST, the first of which ends")
def _first_behind_rst(stage):
    peer = closed_by_rst(stage)
    peer.pump(0.1)
    peer.restart(peer.isn + 10)
    peer.syn()
    peer.pump(5, lambda: peer.rcv)
    another_syn(peer, peer.isn + 100000)
    peer.send(b"", flags=ACK)
    peer.say(EXPLOIT)


@trick("a handshake that ends three bytes earlier, with three bytes")
def _earlier(stage):
    peer = stage.peer(mss=FEWEST)
    peer.syn()
    peer.pump(5, lambda: peer.rcv)
    peer.send(EXPLOIT[:3], seq=peer.isn + 1 - 3)
    peer.pump(0.1)
    peer.say(EXPLOIT[3:])


@trick("a handshake that ends three bytes later")
def _later(stage):
    peer = stage.peer(mss=MOST)
    peer.syn()
    peer.pump(5, lambda: peer.rcv)
    peer.send(b"", flags=ACK, seq=peer.nxt + 3)
    peer.pump(0.1)
    peer.say(b"xyz" + EXPLOIT)


def end_again(peer):
    """The end of the connection's handshake once more, and the exploit."""
    start = peer.peer_isn + 1 & 0xffffffff
    peer.send(b"", flags=ACK, seq=peer.isn + 1, ack=start)
    peer.pump(0.1)
    peer.send(EXPLOIT, seq=peer.isn + 1, ack=start)


@trick("a handshake that ends again, after a RST, and the exploit in place of "
       "a request")
def _again(stage):
    peer = stage.opened()
    peer.say(HARMLESS)
    answered(peer)
    peer.send(b"", flags=RST | ACK)
    peer.pump(0.1)
    end_again(peer)


@trick("a handshake that ends again, behind what looked like TLS")
def _behind_tls(stage):
    peer = stage.opened()
    peer.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(506))
    peer.pump(1, lambda: peer.fin or peer.reset)
    peer.send(b"", flags=RST | ACK)
    peer.pump(0.1)
    end_again(peer)


@trick("a handshake that ends again when the server has closed and forgotten "
       "the connection")
def _behind_close(stage):
    peer = stage.opened()
    peer.say(HARMLESS.replace(b"\r\n\r\n",
                              b"\r\nConnection: close\r\n\r\n"))
    peer.pump(5, lambda: peer.fin)
    # FIN-WAIT-2 is over.
    peer.pump(FIN_TIMEOUT + 1)
    end_again(peer)


@trick("a handshake from before that ends within a body, behind a RST")
def _within_body(stage):
    head = (b"POST /q?n=1 HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 100000\r\n\r\n")
    said = head + b"x" * 500
    peer = stage.peer(isn=100000)
    peer.syn()
    peer.pump(5, lambda: peer.rcv)
    before = peer.peer_isn
    peer.restart(peer.isn - len(said))
    peer.syn()
    peer.pump(5, lambda: peer.rcv)
    peer.send(b"", flags=ACK)
    peer.say(said)
    peer.wait_acked()
    peer.send(b"", flags=RST | ACK)
    peer.pump(0.1)
    peer.send(EXPLOIT, ack=before + 1)


class Cookies(evasion.Evasion):
    @classmethod
    def furnish(cls, vm):
        # A cookie in each answer to a SYN.
        vm.run(["sysctl", "-qw", "net.ipv4.tcp_syncookies=2",
                "net.ipv4.tcp_fin_timeout=%d" % FIN_TIMEOUT])


TRICKS.add_to(Cookies)


if __name__ == "__main__":
    unittest.main()
