# SPDX-License-Identifier: Apache-2.0
"""When things fail or end under load, with the real engine and real servers:
connections whose bytes were changed go on as well as others.  (What happens
to the switch is in test_control.)"""

import os
import shutil
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
PROTOTYPE = "CVE-2022-24999"
TAINT = get(b"/q?first=1&a%5B__proto__%5D%5Blength%5D=9&last=2")
TAINTED = b"(prototype)"


class Kept:
    """One HTTP connection, kept open from request to request."""

    def __init__(self, client, host, port):
        self.sock = client.connect(host, port, 10)

    def ask(self, request):
        """Sends a request, reads the whole answer, which has a length."""
        self.sock.sendall(request)
        data = b""
        while True:
            head, found, body = data.partition(b"\r\n\r\n")
            if found:
                length = [int(line.split(b":")[1])
                          for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length:")]
                if len(body) >= (length or [0])[0]:
                    return data
            more = self.sock.recv(65536)
            if not more:
                raise pplab.Failed("connection closed after %r" % data)
            data += more

    def close(self):
        self.sock.close()


class Talker(threading.Thread):
    """Uses a connection all the time; each answer has to be the one to its
    request, which an edit shifts as long as there is inspection."""

    def __init__(self, kept):
        super().__init__(daemon=True)
        self.kept = kept
        self.error = None
        self.n = self.marked = 0
        self.stopping = False
        self.start()

    def run(self):
        try:
            while not self.stopping:
                self.n += 1
                answer = self.kept.ask(TAINT.replace(
                    b"first=1", b"first=%d" % self.n))
                if b'"first":"%d"' % self.n not in answer:
                    raise pplab.Failed("request %d: %r" % (self.n, answer))
        except (OSError, pplab.Failed) as e:
            self.error = "after %d requests: %s" % (self.n, e)

    def mark(self):
        self.marked = self.n

    def n_new(self):
        return self.n - self.marked

    def stop(self):
        self.stopping = True
        self.join(30)


class Failure(unittest.TestCase):
    tso = False

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, tso=cls.tso)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.host = pplab.address(cls.vm)
        cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.vm)
        cls.lab.serve(fidelity.load(PROTOTYPE), "vulnerable", cls.vm,
                      port=8000)
        cls.lab.serve_blobs(cls.vm)

    def setUp(self):
        if not self.lab.control or self.lab.control.poll() is not None:
            self.lab.start_daemon()
        self.assertTrue(self.harmed_without())
        self.lab.protect(self.vm, "all")
        self.addCleanup(self.clear)

    def clear(self):
        self.lab.vsctl("remove", "Interface", self.vm.ifname, "external_ids",
                       "patchpoint-policy", "patchpoint-fail")
        if self.lab.control:
            wait_for("no redirect is left",
                     lambda: not self.lab.status(self.vm.ifname), 15)

    def harmed_without(self):
        return SECRET in talk(self.client, self.host, EXPLOIT).bytes

    def harmed(self):
        seen = talk(self.client, self.host, EXPLOIT)
        return SECRET in seen.bytes or not seen.statuses

    def kept(self):
        """A connection that has been edited."""
        kept = Kept(self.client, self.host, 8000)
        self.addCleanup(kept.close)
        for _ in range(3):
            answer = kept.ask(TAINT)
            self.assertIn(b'"first":"1"', answer)
            self.assertNotIn(TAINTED, answer)
        return kept

    def alive(self, kept):
        self.assertTrue(kept.ask(get(b"/q?n=1")).startswith(b"HTTP/1.1 200"))

    def transfers(self):
        t = [pplab.Transfer(self.client, self.host, d, 60, 20)
             for d in ("up", "down")]
        wait_for("transfers are under way",
                 lambda: all(x.moved > 5 or x.error for x in t), 20)
        return t

    def ended_well(self, transfers):
        for t in transfers:
            self.assertTrue(t.wait(), t.error)

    def test_engine_killed(self):
        "kill -9 of the engine: transfers end well, it comes back"
        transfers = self.transfers()
        old = self.lab.engine_pid()
        os.kill(old, signal.SIGKILL)
        wait_for("another engine protects", lambda: (
            self.lab.engine_pid() not in (None, old)
            and self.lab.status(self.vm.ifname) == "protected"), 20)
        self.ended_well(transfers)
        self.assertFalse(self.harmed())

    def test_engine_killed_again_and_again(self):
        "five engines killed during one pair of transfers"
        transfers = self.transfers()
        for _ in range(5):
            old = wait_for("an engine", self.lab.engine_pid)
            os.kill(old, signal.SIGKILL)
            wait_for("another engine protects", lambda: (
                self.lab.engine_pid() not in (None, old)
                and self.lab.status(self.vm.ifname) == "protected"), 30)
        self.ended_well(transfers)
        self.assertFalse(self.harmed())

    def test_sigterm(self):
        "SIGTERM of the daemon: transfers end well; traffic goes directly"
        transfers = self.transfers()
        self.lab.stop_control()
        self.ended_well(transfers)
        self.assertTrue(self.harmed_without())
        self.assertFalse([f for f in self.lab.flows(self.lab.bridge)
                          if "cookie=0x5061746368506f69" in f])

    def test_daemon_killed(self):
        "kill -9 of the daemon: protection goes on, the next takes over"
        kept = self.kept()
        transfers = self.transfers()
        self.lab.stop_control(signal.SIGKILL)
        self.assertFalse(self.harmed())
        self.assertNotIn(TAINTED, kept.ask(TAINT))
        self.lab.start_daemon()
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        self.ended_well(transfers)
        self.assertFalse(self.harmed())

    def test_policy_changes_under_load(self):
        "policies that come and go during transfers"
        transfers = self.transfers()
        for policy in (TRAVERSAL, "all", "none", PROTOTYPE, "all") * 2:
            self.lab.set_ids(self.vm, policy=policy)
            time.sleep(0.1)
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        self.ended_well(transfers)
        self.assertFalse(self.harmed())

    # A connection that carries an edit counts differently at its two ends.

    def next_engine(self, old):
        wait_for("another engine protects", lambda: (
            self.lab.engine_pid() not in (None, old)
            and self.lab.status(self.vm.ifname) == "protected"), 20)

    def our_flows(self):
        return [f for f in self.lab.flows(self.lab.bridge)
                if "cookie=0x5061746368506f69" in f]

    def pinned(self):
        """The flows that hold single connections at the engine."""
        return [f for f in self.our_flows() if "table=201, priority=50" in f
                or "table=201,priority=50" in f.replace(" ", "")]

    def wait_gone(self):
        wait_for("nothing is left in the switch", lambda: (
            not self.our_flows()
            and not [p for p in self.lab.vsctl(
                "list-ports", self.lab.bridge).split()
                if p.startswith("pp-")]), 15)

    def test_edited_connection_without_policy(self):
        "a policy removed: a connection that was edited goes on"
        kept = self.kept()
        self.lab.set_ids(self.vm, policy="none")
        self.lab.wait_status(self.vm.ifname, "uninspected", 20)
        for _ in range(20):
            self.alive(kept)
        self.assertEqual(len(self.pinned()), 2)
        self.assertTrue(self.harmed_without())
        kept.close()
        self.wait_gone()

    def test_edited_connection_without_daemon(self):
        "SIGTERM of the daemon: a connection that was edited goes on"
        kept = self.kept()
        self.lab.stop_control()
        self.assertTrue(self.harmed_without())
        for _ in range(20):
            self.alive(kept)
        self.assertEqual(len(self.pinned()), 2)
        kept.close()
        self.wait_gone()
        wait_for("the engine has ended",
                 lambda: self.lab.engine_pid() is None)

    def test_edited_connection_with_next_daemon(self):
        "a daemon that starts while another drains goes on with it"
        kept = self.kept()
        for _ in range(2):
            self.lab.stop_control()
            self.alive(kept)
            self.lab.start_daemon()
            self.lab.wait_status(self.vm.ifname, "protected", 20)
            self.alive(kept)
            self.assertFalse(self.harmed())

    def slots(self):
        """The flows that bring frames back to the port of a slot."""
        return [flow for flow in self.lab.flows(self.lab.bridge)
                if "table=203" in flow]

    def test_slots_with_next_daemon(self):
        "a daemon that is started again: ports have the slots that they had"
        n = wait_for("ports have slots", lambda: len(self.slots()))
        names = [self.lab.name("i%d" % i) for i in range(4)]
        for name in names:
            self.lab.vsctl("add-port", self.lab.bridge, name, "--", "set",
                           "Interface", name, "type=internal")
            self.addCleanup(self.lab.vsctl, "--if-exists", "del-port", name)
        wait_for("these, too", lambda: len(self.slots()) == n + 4)
        # What is left are not the lowest ones.
        for name in names[:3]:
            self.lab.vsctl("del-port", name)
        wait_for("those are gone", lambda: len(self.slots()) == n + 1)
        before = self.slots()
        control = self.lab.control
        old = self.lab.engine_pid()
        self.lab.daemon("exit", "--restart")
        wait_for("it has ended", lambda: control.poll() is not None)
        self.lab.start_daemon()
        self.next_engine(old)
        self.assertEqual(self.slots(), before)
        self.assertFalse(self.harmed())

    def test_open_connections_with_next_daemon(self):
        "a daemon that is started again: what is open is inspected afterwards"
        # Another time an engine dies with what it knows: the harm.
        for dies in False, True:
            opened = [Kept(self.client, self.host, 8000) for _ in range(4)]
            for kept in opened:
                self.addCleanup(kept.close)
            old = self.lab.engine_pid()
            if dies:
                os.kill(old, signal.SIGKILL)
            else:
                # The server keeps these for five seconds.
                self.alive(opened[0])
                self.assertNotIn(TAINTED, opened[1].ask(TAINT))
                control = self.lab.control
                self.lab.daemon("exit", "--restart")
                wait_for("it has ended", lambda: control.poll() is not None)
                self.lab.start_daemon()
            self.next_engine(old)
            for kept in opened:
                self.assertEqual(TAINTED in kept.ask(TAINT), dies)

    def test_edited_connection_daemon_killed(self):
        "daemon and engine killed, policy removed: an edited one goes on"
        kept = self.kept()
        wait_for("the connection is pinned", self.pinned)
        engine = self.lab.engine_pid()
        self.lab.stop_control(signal.SIGKILL)
        os.kill(engine, signal.SIGKILL)
        self.lab.clear_ids(self.vm, "policy")
        self.lab.start_daemon()
        wait_for("another engine", lambda: self.lab.engine_pid()
                 not in (None, engine))
        for _ in range(20):
            self.alive(kept)
        kept.close()
        self.wait_gone()

    def test_edited_connection_with_another_engine(self):
        "the engine killed: a connection that was edited goes on"
        kept = self.kept()
        for _ in range(3):
            old = self.lab.engine_pid()
            os.kill(old, signal.SIGKILL)
            self.next_engine(old)
            self.alive(kept)
            self.assertIn(b'"first":"1"', kept.ask(get(b"/q?first=1")))

    def test_edited_connections_at_work(self):
        "engines killed while edited connections are in full use"
        talkers = [Talker(self.kept()) for _ in range(8)]
        for _ in range(4):
            wait_for("more answers", lambda: all(
                t.n_new() > 20 or t.error for t in talkers), 30)
            old = self.lab.engine_pid()
            os.kill(old, signal.SIGKILL)
            self.next_engine(old)
            for t in talkers:
                t.mark()
        wait_for("more answers", lambda: all(
            t.n_new() > 20 or t.error for t in talkers), 30)
        for t in talkers:
            t.stop()
            self.assertIsNone(t.error)

    def test_fail_closed(self):
        "patchpoint-fail=closed: nothing passes uninspected"
        self.lab.set_ids(self.vm, fail="closed")
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        self.assertFalse(self.harmed())
        for _ in range(3):
            old = self.lab.engine_pid()
            os.kill(old, signal.SIGKILL)
            try:
                seen = talk(self.client, self.host, EXPLOIT)
                self.assertNotIn(SECRET, seen.bytes)
            except OSError:
                pass
            self.next_engine(old)
        self.assertFalse(self.harmed())

    def test_reload_under_load(self):
        "patches reloaded during transfers, on an edited connection"
        kept = self.kept()
        transfers = self.transfers()
        for _ in range(10):
            self.lab.daemon("patch/reload")
            self.assertNotIn(TAINTED, kept.ask(TAINT))
        self.ended_well(transfers)
        self.assertFalse(self.harmed())


class Idle(unittest.TestCase):
    def test_sigterm(self):
        "SIGTERM of a daemon that has nothing to do: it ends at once"
        lab = pplab.Lab()
        self.addCleanup(lab.stop)
        lab.start()
        vm = lab.add_server_vm("a", 1)
        for protected_before in False, True:
            daemon = lab.start_daemon()
            if protected_before:
                lab.protect(vm, "all")
                lab.clear_ids(vm, "policy")
                wait_for("no status", lambda: not lab.status(vm.ifname))
            # Long enough for it to have gone to sleep.
            time.sleep(4)
            daemon.terminate()
            self.assertEqual(daemon.wait(3), 0)


class FailureTso(Failure):
    tso = True


PATCH = """\
patch: CVE-2014-3744
title: A stand-in
vendor: https://example.org/
affects: [{ product: npm/st, versions: "< 0.2.5" }]
severity: 7.5
proxy: http
on: request
when: path == "/never"
correct: reject 404
same-as-vendor: >
  A stand-in.
vectors:
  - exploit: the path
    to-server: "GET /never HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
    expect:
      to-client: "HTTP/1.1 404 Not Found\\r\\n\\r\\n"
      to-server: ""
  - benign: another
    to-server: "GET /ever HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
"""

# What is wrong; the text that is changed, and into what; words that the
# refusal has.
BAD_FILES = [
    ("not YAML", "affects: [", "affects: [[{", []),
    ("unknown key", "title:", "titel:", ["titel"]),
    ("unknown field", 'path == "/never"', 'pathh == "/never"', ["pathh"]),
    ("unknown function", 'path == "/never"', "leaves_root(path)",
     ["leaves_root"]),
    ("type error", 'path == "/never"', "path == 7", []),
    ("not a condition", 'path == "/never"', "path", []),
    ("broken expression", 'path == "/never"', 'path == ("/never"', []),
    ("unknown proxy", "proxy: http", "proxy: gopher", ["gopher"]),
    ("unknown event", "on: request", "on: sunday", ["sunday"]),
    ("unknown correction", "correct: reject 404", "correct: heal", ["heal"]),
]


class PatchFiles(unittest.TestCase):
    """Files that are refused, by the tool and by a running daemon."""

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.folder = os.path.join(cls.lab.dir, "patches")
        shutil.copytree(pplab.PATCHES, cls.folder)
        for name in os.listdir(os.path.join(cls.folder, "http")):
            if name.startswith("CVE-2014-3744"):
                cls.file = os.path.join(cls.folder, "http", name)
        with open(cls.file) as f:
            cls.good = f.read()
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.vm)
        cls.lab.start_daemon(patches=[cls.folder])
        cls.lab.protect(cls.vm, TRAVERSAL)

    def refused(self, text, *words):
        """Tool and daemon refuse 'text' with line, column and 'words'; all
        goes on."""
        self.addCleanup(self.put_back)
        with open(self.file, "w") as f:
            f.write(text)
        p = pplab.tool("check", self.file)
        self.assertEqual(p.returncode, 1, p.stdout)
        place = os.path.basename(self.file) + r":\d+:\d+: "
        self.assertRegex(p.stderr, place)
        answer = self.lab.daemon("patch/reload", check=False)
        self.assertRegex(answer, place)
        self.assertIn("stay in force", answer)
        for word in words:
            self.assertIn(word, p.stderr)
            self.assertIn(word, answer)
        self.assertIn(words[0] if words else "refused", self.lab.log())
        seen = talk(self.client, pplab.address(self.vm), EXPLOIT)
        self.assertTrue(seen.statuses)
        self.assertNotIn(SECRET, seen.bytes)

    def put_back(self):
        with open(self.file, "w") as f:
            f.write(self.good)
        self.lab.daemon("patch/reload")

    def test_bad_files(self):
        "each kind of broken file is refused with its place"
        # Not where the daemon would take it up by itself.
        good = os.path.join(self.lab.dir, os.path.basename(self.file))
        with open(good, "w") as f:
            f.write(PATCH)
        p = pplab.tool("check", good)
        self.assertEqual(p.returncode, 0, p.stderr)
        for what, old, new, words in BAD_FILES:
            with self.subTest(what):
                self.assertIn(old, PATCH)
                self.refused(PATCH.replace(old, new, 1), *words)

    def write_good(self):
        self.addCleanup(self.put_back)
        with open(self.file, "w") as f:
            f.write(PATCH)
        return self.file

    def test_vector_that_fails(self):
        "a patch whose exploit vector is not corrected as stated"
        self.refused(PATCH.replace("404 Not Found", "403 Forbidden"),
                     "the path")

    def test_benign_that_is_corrected(self):
        "a patch that corrects a benign vector"
        self.refused(PATCH.replace("GET /ever", "GET /never"), "another")

    def test_exploit_without_effect(self):
        "an exploit vector that the condition does not meet"
        self.refused(PATCH.replace("GET /never", "GET /never/again"),
                     "the path")

    def test_good_reload(self):
        "a good file is taken up by a reload"
        self.write_good()
        self.lab.daemon("patch/reload")
        wait_for("the new condition is in force", lambda: talk(
            self.client, pplab.address(self.vm), get(b"/never")).bytes
            == b"HTTP/1.1 404 Not Found\r\n\r\n")

    def test_bad_file_at_the_start(self):
        "a broken file at the start: the good ones are in force"
        self.lab.stop_control()
        with open(os.path.join(self.folder, "http", "CVE-1.yaml"), "w") as f:
            f.write("patch: CVE-1\n")
        self.addCleanup(os.unlink, f.name)
        self.lab.start_daemon(patches=[self.folder])
        self.lab.wait_status(self.vm.ifname, "protected", 20)
        self.assertIn("CVE-1.yaml:", self.lab.log())
        self.assertIn("CVE-1.yaml:", self.lab.daemon("patch/list"))


if __name__ == "__main__":
    unittest.main()
