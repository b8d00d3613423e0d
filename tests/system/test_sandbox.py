#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the running engine and the running daemon are able to do, as the kernel
has it, under load.  (What they are refused is tested from within, in
tests/unit/test-sandbox.c.)"""

import os
import pwd
import re
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
NOBODY = 65534

# CAP_DAC_OVERRIDE, KILL, SETGID, SETUID, SETPCAP, NET_ADMIN.
NEEDED = sum(1 << n for n in (1, 5, 6, 7, 8, 12))


def status(pid):
    """/proc/PID/status, a line a key."""
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)


def capabilities(pid):
    """The sets that there are any in: name to number."""
    return {name: int(value, 16) for name, value in status(pid).items()
            if name.startswith("Cap") and int(value, 16)}


def descriptors(pid):
    """What they are, without the numbers in it."""
    found = {}
    for fd in os.listdir("/proc/%d/fd" % pid):
        found[int(fd)] = re.sub(
            r":\[\d+\]", "", os.readlink("/proc/%d/fd/%s" % (pid, fd)))
    return found


def maps(pid):
    with open("/proc/%d/maps" % pid) as f:
        for line in f:
            words = line.split(None, 5)
            yield words[1], words[5].strip() if len(words) > 5 else ""


class Engine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.host = pplab.address(cls.vm)
        cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.vm)
        cls.lab.serve_blobs(cls.vm)
        cls.lab.start_daemon()
        assert SECRET in talk(cls.client, cls.host, EXPLOIT).bytes
        cls.lab.protect(cls.vm, "all", ports="http:80,8080")

    def load(self):
        """Transfers both ways, and corrections."""
        t = [pplab.Transfer(self.client, self.host, d, 40, 20)
             for d in ("up", "down")]
        wait_for("transfers are under way",
                 lambda: all(x.moved > 2 or x.error for x in t), 20)
        self.assertNotIn(SECRET, talk(self.client, self.host, EXPLOIT).bytes)
        return t

    def test_engine(self):
        "the engine has nothing but what it was given, also under load"
        pid = self.lab.engine_pid()
        transfers = self.load()
        s = status(pid)
        self.assertEqual(s["Uid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(s["Gid"].split(), [s["Gid"].split()[0]] * 4)
        self.assertNotEqual(s["Gid"].split()[0], "0")
        self.assertEqual(s["Groups"].split(), [])
        self.assertEqual(capabilities(pid), {})
        self.assertEqual((s["NoNewPrivs"], s["Seccomp"], s["Threads"]),
                         ("1", "2", "1"))

        fds = descriptors(pid)
        self.assertEqual({fds.pop(0), fds.pop(1)}, {"/dev/null"})
        self.assertEqual(fds.pop(2), "pipe")
        self.assertEqual(sorted(fds.values()), ["/dev/net/tun", "socket"])

        writable = set()
        for mode, name in maps(pid):
            self.assertFalse("w" in mode and "x" in mode, name)
            if "w" in mode and mode.endswith("s"):
                writable.add(name)
        self.assertEqual(writable, {
            "/memfd:ovs-patchpoint-counters (deleted)",
            os.path.join(self.lab.dir, "ovs-patchpoint.ledger")})
        self.assertIn(("r--s", "/memfd:ovs-patchpoint-snapshot (deleted)"),
                      list(maps(pid)))

        with open("/proc/%d/limits" % pid) as f:
            limits = f.read()
        for name in "core file size", "file size", "processes":
            self.assertRegex(limits, "(?m)^Max %s +0 +0 " % name)
        # Not dumpable: its /proc files are root's.
        self.assertEqual(os.stat("/proc/%d/mem" % pid).st_uid, 0)
        # Root directory and namespaces are the host's; nothing in them can be
        # named any more.
        for name in ["root"] + ["ns/" + ns for ns in os.listdir(
                "/proc/self/ns") if not ns.endswith("_for_children")]:
            self.assertEqual(
                os.readlink("/proc/%d/%s" % (pid, name)),
                os.readlink("/proc/%d/%s" % (self.lab.control.pid, name)))
        self.assertEqual(os.readlink("/proc/%d/exe" % pid),
                         os.path.realpath(pplab.ENGINE))
        for t in transfers:
            self.assertTrue(t.wait(), t.error)
        self.assertEqual(self.lab.engine_pid(), pid)

    def tearDown(self):
        if not self.lab.control or self.lab.control.poll() is not None:
            self.lab.start_daemon()
            self.lab.wait_status(self.vm.ifname, "protected", 20)

    def by_itself(self, user, ids):
        """The daemon as 'user' does all of its work, with these privileges
        alone."""
        self.lab.stop_control()
        args = ["--user=" + user] if user else []
        before = self.lab.picture()
        self.lab.start_daemon(args=args)
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        pid = self.lab.control.pid
        s = status(pid)
        self.assertEqual(s["Uid"].split(), [str(ids[0])] * 4)
        self.assertEqual(s["Gid"].split(), [str(ids[1])] * 4)
        if user:
            self.assertEqual(s["Groups"].split(), [])
        self.assertEqual(capabilities(pid), {
            "CapPrm": NEEDED, "CapEff": NEEDED, "CapBnd": NEEDED})
        self.assertEqual((s["NoNewPrivs"], s["Seccomp"]), ("1", "2"))
        self.assertEqual(status(self.lab.engine_pid())["Uid"].split(),
                         [str(NOBODY)] * 4)
        self.assertEqual(capabilities(self.lab.engine_pid()), {})

        # It reaches the control socket of root's ovs-vswitchd.
        self.assertRegex(self.lab.daemon("pipeline/show"),
                         r"datapath: .*, [1-9]\d* rounds")

        old = self.lab.engine_pid()
        os.kill(old, signal.SIGKILL)
        wait_for("another engine protects", lambda: (
            self.lab.engine_pid() not in (None, old)
            and self.lab.status(self.vm.ifname) == "protected"), 20)
        self.assertNotIn(SECRET, talk(self.client, self.host, EXPLOIT).bytes)
        # Its files can be opened anew, by it.
        os.rename(os.path.join(self.lab.dir, "ovs-patchpointd.log"),
                  os.path.join(self.lab.dir, "old.log"))
        self.lab.daemon("vlog/reopen")
        log = os.path.join(self.lab.dir, "ovs-patchpointd.log")
        wait_for("a new log", lambda: os.path.exists(log))
        self.assertEqual(os.stat(log).st_uid, ids[0])
        # It hands over to the next, and takes everything away at last.
        self.lab.daemon("exit", "--restart")
        self.lab.control.wait(10)
        self.lab.start_daemon(args=args)
        # The status is still that of the one before.
        wait_for("it has taken over", lambda: "engine: running" in
                 self.lab.daemon("pipeline/show"), 20)
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        self.assertNotIn(SECRET, talk(self.client, self.host, EXPLOIT).bytes)
        self.lab.stop_control()
        self.assertEqual(self.lab.picture(), before)
        self.assertIn(SECRET, talk(self.client, self.host, EXPLOIT).bytes)

    def test_own_user(self):
        "the daemon as its own user: six capabilities, and all works"
        user = pwd.getpwnam("daemon")
        self.by_itself("daemon", (user.pw_uid, user.pw_gid))

    def test_as_root(self):
        "the daemon as root has no more capabilities than these either"
        self.by_itself(None, (0, 0))
        # Files of root's are no hindrance to another user, nor the reverse.
        self.lab.start_daemon(args=["--user=daemon"])
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        self.lab.stop_control()

    def test_last_words(self):
        "an engine that cannot start says why, in the log"
        program = os.path.join(self.lab.dir, "engine")
        self.lab.stop_control()
        for text, words in (("#!/bin/sh\n", "could not be run"),
                            ("\x7fELF", "could not be run")):
            with open(program, "w") as f:
                f.write(text)
            os.chmod(program, 0o755)
            self.lab.start_control(pplab.DAEMON, program, [pplab.PATCHES],
                                   ["--engine-user=nobody"])
            wait_for(words, lambda: words in self.lab.log(), 10)
            self.lab.stop_control()
        p = self.lab.run([pplab.DAEMON, "--engine=" + pplab.ENGINE,
                          "--engine-user=root"], check=False)
        self.assertEqual(p.returncode, 1)
        self.assertIn("does not run as root", p.stderr)


if __name__ == "__main__":
    unittest.main()
