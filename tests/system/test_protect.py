# SPDX-License-Identifier: Apache-2.0
"""Real vulnerable servers behind the switch, from end to end: IPv4 and IPv6,
with and without userspace TSO, however requests are cut.  Each test shows the
harm without protection, too."""

import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
from pplab import get, talk                                 # noqa: E402

WAIT = fidelity.WAIT

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
ORDINARY = get(b"/a/b.txt")

PROTOTYPE = "CVE-2022-24999"
TAINT = get(b"/q?first=1&a%5B__proto__%5D%5Blength%5D=9&last=2")
TAINTED = b"(prototype)"

# A body behind a space before the colon: refused with 400 and closed.
COLON = "CVE-2021-22959"
SPACE = (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\nab")


class Protection:
    """The tests, for each kind of switch and each family: three VMs, one
    without a policy, one patched, one vulnerable and protected.  They run one
    server after the other on the ports 80, 8000 and 3000."""

    tso = False
    version = 4

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, tso=cls.tso)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.bare = cls.lab.add_server_vm("bare", 1)
        cls.fixed = cls.lab.add_server_vm("fixed", 2)
        cls.behind = cls.lab.add_server_vm("ours", 3)
        for ident, port in (TRAVERSAL, 80), (PROTOTYPE, 8000), (COLON, 3000):
            pair = fidelity.load(ident)
            for vm, side in ((cls.bare, "vulnerable"),
                             (cls.fixed, "patched"),
                             (cls.behind, "vulnerable")):
                cls.lab.serve(pair, side, vm,
                              pplab.address(vm, cls.version), port)
        cls.lab.serve_blobs(cls.behind,
                            pplab.address(cls.behind, cls.version))
        cls.lab.protect(cls.behind, ",".join((TRAVERSAL, PROTOTYPE, COLON)))

    def ask(self, vm, *steps, port=80, **kwargs):
        return talk(self.client, pplab.address(vm, self.version), *steps,
                    port=port, **kwargs)

    def same_as_patched(self, *steps, port=80, **kwargs):
        """Both give the same; returns what the protected one gave."""
        want = self.ask(self.fixed, *steps, port=port, **kwargs)
        seen = self.ask(self.behind, *steps, port=port, **kwargs)
        self.assertEqual(fidelity.normal(seen.bytes),
                         fidelity.normal(want.bytes))
        self.assertEqual(seen.end, want.end)
        return seen

    def test_edit_of_the_path(self):
        "an exploit that reads a file gets the patched server's answer"
        self.assertIn(SECRET, self.ask(self.bare, EXPLOIT).bytes)
        seen = self.same_as_patched(EXPLOIT, WAIT, ORDINARY)
        self.assertNotIn(SECRET, seen.bytes)
        self.assertEqual(seen.statuses[-1], 200)

    def test_refusal(self):
        "a smuggled length gets 400, and the connection is closed"
        self.assertEqual(self.ask(self.bare, SPACE, port=3000).statuses,
                         [200])
        seen = self.same_as_patched(SPACE, port=3000)
        self.assertEqual(seen.statuses, [400])
        self.assertEqual(seen.end, fidelity.CLOSED)

    def test_refusal_behind_many_fields(self):
        "no number of fields that the server takes hides an exploit"
        line, rest = SPACE.split(b"\r\n", 1)
        many = line + b"\r\n" + b"a:\r\n" * 3500 + rest
        self.assertEqual(self.ask(self.bare, many, port=3000).statuses, [200])
        seen = self.same_as_patched(many, port=3000)
        self.assertEqual(seen.statuses, [400])

    def test_edit_behind_many_parameters(self):
        "nor does any number of parameters"
        many = TAINT.replace(b" HTTP", b"&x" * 6000 + b" HTTP", 1)
        self.assertIn(TAINTED, self.ask(self.bare, many, port=8000).bytes)
        seen = self.same_as_patched(many, port=8000)
        self.assertNotIn(TAINTED, seen.bytes)

    def test_more_than_is_looked_at(self):
        "a head longer than is looked at does not get by, though it may fail"
        line, rest = EXPLOIT.split(b"\r\n", 1)
        much = line + b"\r\n" + b"a: " + b"b" * 70000 + b"\r\n" + rest
        before = self.lab.counter("proxy_too_much")
        seen = self.ask(self.behind, much)
        self.assertNotIn(SECRET, seen.bytes)
        self.assertEqual(self.lab.counter("proxy_too_much"), before + 1)
        self.assertEqual(self.lab.counter("proxy_bad"), 0)

    def test_ordinary(self):
        "ordinary requests are answered with the same bytes as without us"
        steps = [ORDINARY, WAIT, get(b"/nothing"), WAIT,
                 get(b"/a/c/d.txt", b"Accept-Encoding: gzip"), WAIT,
                 b"HEAD /a/b.txt HTTP/1.1\r\nHost: a\r\n\r\n"]
        want = self.ask(self.bare, *steps)
        seen = self.ask(self.behind, *steps)
        self.assertEqual([fidelity.normal(a) for a in seen.answers],
                         [fidelity.normal(a) for a in want.answers])

    def test_continue(self):
        "a client that waits for 100 (Continue) with a form gets it"
        body = b"a[__proto__][x]=1"
        head = (b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Type: "
                b"application/x-www-form-urlencoded\r\nExpect: "
                b"100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        for vm, harm in (self.bare, True), (self.behind, False):
            with self.client.inside():
                sock = socket.create_connection(
                    (pplab.address(vm, self.version), 8000), timeout=10)
            with sock:
                for _ in range(2):
                    sock.sendall(head)
                    interim = sock.recv(4096)
                    self.assertTrue(interim.startswith(b"HTTP/1.1 100 "))
                    sock.sendall(body)
                    final = b""
                    while b"\r\n\r\n{" not in final:
                        final += sock.recv(4096)
                    self.assertTrue(final.startswith(b"HTTP/1.1 200 "), final)
                    self.assertEqual(TAINTED in final, harm, final)
        self.assertGreater(self.lab.counter("proxy_interim"), 0)

    def test_byte_per_segment(self):
        "a request of one byte a segment is corrected all the same"
        steps = []
        for c in EXPLOIT:
            steps += [bytes([c]), Pause(0.002)]
        self.assertIn(SECRET, self.ask(self.bare, *sent(steps), WAIT).bytes)
        seen = self.same_as_patched(*sent(steps), WAIT, ORDINARY)
        self.assertNotIn(SECRET, seen.bytes)

    def test_cut_anywhere(self):
        "an exploit in two segments, cut at any byte"
        for at in range(1, len(EXPLOIT), 3):
            with self.subTest(at=at):
                seen = self.ask(self.behind, *sent([
                    EXPLOIT[:at], Pause(0.005), EXPLOIT[at:]]), WAIT,
                    settle=0.03)
                self.assertTrue(seen.statuses)
                self.assertNotIn(SECRET, seen.bytes)

    def test_pipelining(self):
        "exploits among pipelined requests, each answered in its turn"
        requests = ORDINARY + EXPLOIT + ORDINARY + EXPLOIT + ORDINARY
        self.assertEqual(self.ask(self.bare, requests).bytes.count(SECRET),
                         2)
        seen = self.same_as_patched(requests)
        self.assertEqual(len(seen.statuses), 5)
        self.assertNotIn(SECRET, seen.bytes)

    def test_refusal_of_a_later_request(self):
        "a refusal behind good requests: as the vendor has it there"
        good = get(b"/x")
        steps = [good, WAIT, good, WAIT, SPACE]
        self.assertEqual(self.ask(self.bare, *steps, port=3000).statuses,
                         [200, 200, 200])
        # Node.js has a word for it on the first request alone.
        seen = self.same_as_patched(*steps, port=3000)
        self.assertEqual(seen.statuses[:2], [200, 200])
        self.assertNotIn(200, seen.statuses[2:])
        self.assertEqual(seen.end, fidelity.CLOSED)

    def test_deleted_element(self):
        "after a deleted element the connection stays in step"
        self.assertIn(TAINTED, self.ask(self.bare, TAINT, port=8000).bytes)
        steps = []
        for i in range(20):
            steps += [TAINT if i % 3 == 0 else get(b"/q?n=%d" % i), WAIT]
        seen = self.same_as_patched(*steps, port=8000, settle=0.05)
        self.assertEqual(seen.statuses, [200] * 20)
        self.assertNotIn(TAINTED, seen.bytes)
        self.assertEqual(seen.end, fidelity.OPEN)

    def test_deleted_element_in_a_body(self):
        "an element deleted from a form, whose length is set right"
        body = b"first=1&a%5B__proto__%5D%5Bx%5D=9&last=2"
        form = (b"POST /f HTTP/1.1\r\nHost: a\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)) + body
        self.assertIn(TAINTED, self.ask(self.bare, form, port=8000).bytes)
        seen = self.same_as_patched(form, WAIT, get(b"/q?n=1"), port=8000)
        self.assertEqual(seen.statuses, [200, 200])
        self.assertNotIn(TAINTED, seen.bytes)

    def test_many_connections(self):
        "fifty connections, each exploit corrected"
        for _ in range(50):
            seen = self.ask(self.behind, EXPLOIT, settle=0.02)
            self.assertTrue(seen.statuses)
            self.assertNotIn(SECRET, seen.bytes)

    def test_transfers(self):
        "100 MiB up and down at once keep their checksum"
        host = pplab.address(self.behind, self.version)
        transfers = [pplab.Transfer(self.client, host, d, 100)
                     for d in ("up", "down")]
        for t in transfers:
            self.assertTrue(t.wait(), t.error)

    def test_a_port_that_is_not_protected(self):
        "a port without a proxy is left alone"
        bypassed = self.lab.counter("packet_in_frames")
        pair = fidelity.load(TRAVERSAL)
        host = pplab.address(self.behind, self.version)
        server = pair.start("vulnerable", host, 8123,
                            wrap=self.behind.argv([]))
        self.addCleanup(server.stop)
        self.assertIn(SECRET, self.ask(self.behind, EXPLOIT,
                                       port=8123).bytes)
        self.assertEqual(self.lab.counter("packet_in_frames"), bypassed)


class Pause:
    """Time between two segments."""

    def __init__(self, seconds):
        self.seconds = seconds


def sent(steps):
    """'steps' with each Pause as a short read, in which an answer that comes
    early is kept."""
    return [fidelity.Wait(s.seconds) if isinstance(s, Pause) else s
            for s in steps]


class Ipv4(Protection, unittest.TestCase):
    pass


class Ipv6(Protection, unittest.TestCase):
    version = 6


class Ipv4Tso(Protection, unittest.TestCase):
    tso = True


class Ipv6Tso(Protection, unittest.TestCase):
    tso = True
    version = 6


class InsideTheHost(unittest.TestCase):
    """Traffic between two VMs of one bridge, and VMs with VLAN tags."""

    def setUp(self):
        self.lab = pplab.Lab()
        self.addCleanup(self.lab.stop)
        self.lab.start()
        self.lab.start_daemon()
        self.pair = fidelity.load(TRAVERSAL)

    def test_vlans(self):
        "two tenants with the same addresses, told apart by their VLAN"
        vms = {}
        for tag, side in (10, "vulnerable"), (20, "vulnerable"):
            c = self.lab.add_server_vm("c%d" % tag, 250, plug=False)
            self.lab.vsctl("add-port", self.lab.bridge, c.ifname,
                           "tag=%d" % tag)
            vm = self.lab.add_vm(self.lab.bridge, "v%d" % tag,
                                 "52:54:00:77:%02x:01" % tag,
                                 ["10.77.0.1/24"],
                                 port_args=["tag=%d" % tag])
            self.lab.serve(self.pair, side, vm)
            vms[tag] = c, vm
        self.lab.protect(vms[10][1], TRAVERSAL)
        bad = talk(vms[20][0], "10.77.0.1", EXPLOIT)
        self.assertIn(SECRET, bad.bytes)
        good = talk(vms[10][0], "10.77.0.1", EXPLOIT, WAIT, ORDINARY)
        self.assertEqual(len(good.statuses), 2)
        self.assertNotIn(SECRET, good.bytes)

    def test_vm_to_vm(self):
        "both VMs protected: one is the other's client"
        a = self.lab.add_server_vm("a", 1)
        b = self.lab.add_server_vm("b", 2)
        for vm in a, b:
            self.lab.serve(self.pair, "vulnerable", vm)
        for x, y in (a, b), (b, a):
            self.assertIn(SECRET, talk(x, pplab.address(y), EXPLOIT).bytes)
            self.lab.protect(y, TRAVERSAL)
        for x, y in (a, b), (b, a):
            seen = talk(x, pplab.address(y), EXPLOIT, WAIT, ORDINARY)
            self.assertEqual(len(seen.statuses), 2)
            self.assertNotIn(SECRET, seen.bytes)

    def test_live_connection(self):
        "a policy set on a VM in use cuts no connection"
        client = self.lab.add_client()
        vm = self.lab.add_server_vm("a", 1)
        self.lab.serve_blobs(vm)
        transfers = [pplab.Transfer(client, pplab.address(vm), d, 40, 20)
                     for d in ("up", "down")]
        time.sleep(0.5)
        self.lab.protect(vm, "all")
        for t in transfers:
            self.assertTrue(t.wait(), t.error)
        self.assertGreaterEqual(self.lab.counter("flow_midstream"), 2)


if __name__ == "__main__":
    unittest.main()
