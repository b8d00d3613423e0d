# SPDX-License-Identifier: Apache-2.0
"""What the tests of evasion share: tricks, and where they are played.

A trick carries an exploit of a patch in force to a server, by a sender of our
own (rawtcp).  It is played twice: on a VM whose mode is off, where a real
kernel and the vulnerable server say whether it carries an exploit at all, and
on a protected VM, where the application must never see the exploit.  What
counts is the application's own log.  Afterwards ordinary clients are served,
and at the end the log of the protected server has no exploit in all."""

import contextlib
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import rawtcp                                               # noqa: E402
from pphost import GotThrough                               # noqa: E402
from pplab import get, talk                                 # noqa: E402

PATCH = "CVE-2022-24999"
EXPLOIT = get(b"/q?first=1&a%5B__proto__%5D%5Blength%5D=9&last=2")
DECOY = EXPLOIT.replace(b"__proto__", b"__plain__")
SHOWN = "(prototype)"
HARMLESS = get(b"/q?n=1")

# The sender's addresses; its kernel knows nothing of them.
SOURCE = {4: "10.77.0.240", 6: "fd77::f0"}


class Tricks:
    """The tricks of a module, in their order."""

    def __init__(self):
        self.all = []

    def trick(self, title, harm=True, version=4, unmet=None, counter=None):
        """Registers a function that plays a trick on a Stage.  'harm': a real
        kernel takes the bait, so that the application sees the exploit; None
        where kernels differ; or a function of the test class that says.
        'unmet': why the engine does not meet it yet.  'counter': one of the
        engine's that grows where the trick is met."""
        def register(function):
            self.all.append((title, harm, version, unmet, counter, function))
            return function
        return register

    def add_to(self, cls):
        for index, one in enumerate(self.all):
            title, harm, version, unmet, counter, function = one

            def test(self, one=(harm, version, counter, function)):
                self.trick(*one)
            test.__doc__ = title
            if unmet:
                test = unittest.expectedFailure(test)
            setattr(cls, "test_%02d%s" % (index, function.__name__), test)


class Stage:
    """Where a trick is played."""

    ports = 20000

    def __init__(self, wire, vm, version, server=None, others=()):
        self.wire = wire
        self.vm = vm
        self.version = version
        self.server = server
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

    @contextlib.contextmanager
    def server_stopped(self):
        """The server's application takes nothing meanwhile."""
        os.killpg(self.server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.server.pid, signal.SIGCONT)


def answered(peer, n=1):
    """Waits until 'n' answers have come."""
    peer.pump(5, lambda: peer.received.count(b"HTTP/1.1 ") >= n
              or peer.reset or peer.fin)


def decoy_then_exploit(stage, timestamps=False, **how):
    peer = stage.opened(timestamps=timestamps)
    peer.send(DECOY, **how)
    peer.pump(0.1)
    peer.say(EXPLOIT)
    return peer


def closed_by_rst(stage):
    """A connection that was used and ended; and its peer."""
    peer = stage.opened()
    peer.say(HARMLESS * 40)
    answered(peer, 40)
    peer.send(b"", flags=rawtcp.RST | rawtcp.ACK)
    return peer


def exploited(lines):
    return any(SHOWN in str(line) for line in lines)


def asked(lines):
    """The request has come, with the exploit or without it."""
    return any(line.get("event") == "request" and "first" in str(line)
               for line in lines)


class Evasion(unittest.TestCase):
    """The two VMs.  Subclasses have the tests."""

    tso = False

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, tso=cls.tso)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.off = cls.lab.add_server_vm("off", 1)
        cls.ours = cls.lab.add_server_vm("ours", 2)
        cls.other = cls.lab.add_server_vm("othr", 3)
        pair = fidelity.load(PATCH)
        cls.servers = {}
        for vm in cls.off, cls.ours:
            cls.furnish(vm)
            for version, source in SOURCE.items():
                vm.run(["ip", "neigh", "replace", source, "lladdr",
                        cls.client.mac, "dev", "eth0", "nud", "permanent"])
            cls.servers[vm] = cls.lab.serve(pair, "vulnerable", vm, "::")
        cls.wire = rawtcp.Wire(cls.client, offloads=cls.tso)
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
    def furnish(cls, vm):
        """What else a VM has, before its server starts."""

    @classmethod
    def tearDownClass(cls):
        # Late arrivals count, too.
        server = cls.servers[cls.ours]
        server.offset = 0
        if exploited(server.lines()):
            raise GotThrough("an exploit got to the protected server")

    def play(self, vm, function, version, wait, over):
        """Plays a trick; returns what the server's log says then."""
        server = self.servers[vm]
        server.mark()
        self.wire.peers.clear()
        others = [self.other] if vm is self.ours else []
        function(Stage(self.wire, vm, version, server, others))
        self.wire.pump(wait, lambda: over(server.lines()))
        return server.lines()

    def trick(self, harm, version, counter, function):
        if callable(harm):
            harm = harm(type(self))
        without = self.play(self.off, function, version,
                            10 if harm else 0.5, exploited)
        if harm is not None:
            self.assertEqual(exploited(without), harm,
                             "without us: %r" % without)
        # What is dropped is not waited for: see tearDownClass().
        before = counter and self.lab.counter(counter)
        behind = self.play(self.ours, function, version, 0.7, asked)
        if exploited(behind):
            raise GotThrough(behind)
        if counter:
            self.assertGreater(self.lab.counter(counter), before, counter)
        seen = talk(self.client, pplab.address(self.ours, version), HARMLESS,
                    settle=0.02)
        self.assertEqual(seen.statuses, [200])
