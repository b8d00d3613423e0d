# SPDX-License-Identifier: Apache-2.0
"""The main job on the datapath that the tests run on ($PP_DATAPATH, see
pphost.py): what "quickstart check" has of the kernel's in short, with devices
that leave segments and checksums to others."""

import os
import signal
import socket
import struct
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netload                                              # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import rawtcp                                               # noqa: E402
import test_failure                                         # noqa: E402
from pplab import MIB, talk, wait_for                       # noqa: E402
from test_failure import (EXPLOIT, PROTOTYPE, SECRET,       # noqa: E402
                          TAINT, TAINTED, TRAVERSAL)
from test_protect import ORDINARY, WAIT                     # noqa: E402

NEEDS_CSUM = 1
LOAD_PORT = 3000


class Watch(threading.Thread):
    """Looks at all that crosses a device: what frames say of segments still to
    be cut and checksums still to be made, to the device and from it."""

    def __init__(self, device):
        super().__init__(daemon=True)
        self.to = self.back = 0     # Such frames of several segments.
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                  socket.htons(3))
        self.sock.setsockopt(rawtcp.SOL_PACKET, rawtcp.PACKET_VNET_HDR, 1)
        self.sock.bind((device, 3))
        self.sock.settimeout(0.1)
        self.stopping = False
        self.start()

    def run(self):
        while not self.stopping:
            try:
                # The headers are enough.
                frame, origin = self.sock.recvfrom(64)
            except socket.timeout:
                continue
            flags, kind = struct.unpack_from("=BB", frame)
            if flags & NEEDS_CSUM and kind:
                if origin[2] == socket.PACKET_OUTGOING:
                    self.to += 1
                else:
                    self.back += 1

    def stop(self):
        self.stopping = True
        self.join()
        self.sock.close()


class Datapath(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, tso=True)
        folder = os.path.join(cls.lab.dir, "patches")
        netload.write_patches(folder)
        cls.lab.start_daemon(patches=[pplab.PATCHES, folder])
        cls.client = cls.lab.add_client()
        cls.bare = cls.lab.add_server_vm("bare", 1)
        cls.fixed = cls.lab.add_server_vm("fixed", 2)
        cls.vm = cls.lab.add_server_vm("ours", 3)
        cls.host = pplab.address(cls.vm)
        for vm, side in ((cls.bare, "vulnerable"), (cls.fixed, "patched"),
                         (cls.vm, "vulnerable")):
            cls.lab.serve(fidelity.load(TRAVERSAL), side, vm)
        cls.lab.serve(fidelity.load(PROTOTYPE), "vulnerable", cls.vm,
                      port=8000)
        cls.lab.serve_blobs(cls.vm)
        cls.vm.popen([sys.executable, os.path.join(pplab.HERE, "netload.py"),
                      cls.host, str(LOAD_PORT)])
        wait_for("the server listens",
                 lambda: pplab.answers(cls.vm, cls.host, LOAD_PORT))
        cls.lab.protect(cls.vm, ",".join((TRAVERSAL, PROTOTYPE,
                                          netload.IDS)))

    def ask(self, vm, *steps):
        return talk(self.client, pplab.address(vm), *steps)

    def harmed(self, vm):
        seen = self.ask(vm, EXPLOIT)
        self.assertTrue(seen.statuses)
        return SECRET in seen.bytes

    def kept(self):
        """A connection that has been edited."""
        kept = test_failure.Kept(self.client, self.host, 8000)
        self.addCleanup(kept.close)
        self.assert_edited(kept)
        return kept

    def assert_edited(self, kept):
        answer = kept.ask(TAINT)
        self.assertIn(b'"first":"1"', answer)
        self.assertNotIn(TAINTED, answer)

    def test_is_the_one(self):
        "the bridge is on the datapath that is asked for"
        self.assertRegex(self.lab.appctl("dpif/show").stdout,
                         "^" + pphost.DATAPATH + "@")

    def test_exploit(self):
        "a real server's flaw: shown without us, the vendor's answer with us"
        self.assertTrue(self.harmed(self.bare))
        want = self.ask(self.fixed, EXPLOIT, WAIT, ORDINARY)
        seen = self.ask(self.vm, EXPLOIT, WAIT, ORDINARY)
        self.assertNotIn(SECRET, seen.bytes)
        self.assertEqual(fidelity.normal(seen.bytes),
                         fidelity.normal(want.bytes))

    def test_super_frames(self):
        "frames of several segments, edited: both ends read what they should"
        watch = Watch("pp-" + self.lab.bridge)
        self.addCleanup(watch.stop)
        names = "correct_edits", "correct_rejects"
        before = sum(self.lab.counter(name) for name in names)
        load = netload.Load(self.client.connect(self.host, LOAD_PORT, 60),
                            MIB, 1)
        self.assertIsNone(load.wait(120))
        self.assertGreater(load.corrections, 20)
        self.assertEqual(sum(self.lab.counter(name) for name in names),
                         before + load.corrections)
        self.assertGreater(watch.to, 20)
        self.assertGreater(watch.back, 20)

    def test_engine_killed(self):
        "kill -9 of the engine: nothing is cut, edited or not; it comes back"
        kept = self.kept()
        transfers = [pplab.Transfer(self.client, self.host, d, 10, 4)
                     for d in ("up", "down")]
        wait_for("transfers are under way",
                 lambda: all(t.moved > 1 or t.error for t in transfers), 20)
        old = self.lab.engine_pid()
        os.kill(old, signal.SIGKILL)
        wait_for("another engine protects", lambda: (
            self.lab.engine_pid() not in (None, old)
            and self.lab.status(self.vm.ifname) == "protected"), 20)
        self.assertIn(b'"n":"2"', kept.ask(pplab.get(b"/q?n=2")))
        for t in transfers:
            self.assertTrue(t.wait(), t.error)
        self.assertFalse(self.harmed(self.vm))

    def test_put_back(self):
        "flows and groups that another deletes are put back"
        def there():
            # Less those that go by themselves.
            return ([flow for flow in self.lab.flows(self.lab.bridge)
                     if "hard_timeout" not in flow],
                    self.lab.groups(self.lab.bridge))

        want = there()
        for what in "del-flows", "del-groups":
            self.lab.ofctl(what, self.lab.bridge)
            self.lab.ofctl("add-flow", self.lab.bridge,
                           "priority=0 actions=NORMAL")
            wait_for("they are back", lambda: there() == want)
            self.assertFalse(self.harmed(self.vm))

    @unittest.skipIf(pphost.DATAPATH == "netdev",
                     "in userspace, ovs-vswitchd itself is the datapath")
    def test_without_vswitchd(self):
        "while there is no ovs-vswitchd the kernel goes on, and so do we"
        kept = self.kept()
        self.lab.vswitchd.kill()
        self.lab.vswitchd.wait()
        for _ in range(5):
            self.assert_edited(kept)
        self.lab.start_vswitchd()
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        self.assert_edited(kept)
        self.assertFalse(self.harmed(self.vm))


if __name__ == "__main__":
    unittest.main()
