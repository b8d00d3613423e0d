#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Corrections as they are told: each once, with all that is known of it, to
the file and to syslog; bounded, whatever the client sends; and exactly counted
where they are not told one by one."""

import datetime
import json
import os
import re
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import rawtcp                                               # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
EVIL = "EVENT-1"

# What its condition looks at is told: with secrets, and with whatever bytes.
PATCH = r'''# SPDX-License-Identifier: Apache-2.0
patch: EVENT-1
title: Evil things are asked for
vendor: https://example.org/
affects: [{ product: npm/st, versions: any }]
severity: 5.0
proxy: http
on: request
when: >
  path starts_with "/evil" and headers["authorization"].value != "a"
  and headers["x-name"].value != "a" and cookies["id"].value != "a"
  and query.params["password"].value != "a" and query.params["q"].value != "a"
  and version.minor == 1
correct: { reject: { status: 403 } }
same-as-vendor: It is a test.
vectors:
  - exploit: its path
    to-server: "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
    expect: { to-client: "HTTP/1.1 403 Forbidden\r\n\r\n" }
  - benign: another one
    to-server: "GET /good HTTP/1.1\r\nHost: a\r\n\r\n"
'''

HOSTILE = bytes(c for c in range(1, 256) if c not in b"\r\n")
RATE = 100                      # The daemon's default.


def parse(text):
    """Events, one a line: nothing else is a line."""
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def unescape(text):
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")


class Base(unittest.TestCase):
    args = ()

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.prepare()
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm(
            "a", 1, external_ids={"vm-id": "b0c0ffee-0001"})
        cls.host = pplab.address(cls.vm)
        cls.server = cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable",
                                   cls.vm)
        cls.lab.vsctl("set", "Open_vSwitch", ".",
                      "external_ids:system-id=host-7")
        patches = os.path.join(cls.lab.dir, "patches")
        os.makedirs(patches, exist_ok=True)
        with open(os.path.join(patches, EVIL + ".yaml"), "w") as f:
            f.write(PATCH)
        cls.patches = [patches, os.path.join(pplab.PATCHES, "http",
                                             TRAVERSAL + ".yaml")]
        cls.start()

    @classmethod
    def start(cls):
        cls.lab.start_daemon(cls.patches, args=[a.format(dir=cls.lab.dir)
                                                for a in cls.args])
        cls.lab.protect(cls.vm, "all")

    @classmethod
    def prepare(cls):
        pass

    def events(self, name=""):
        path = os.path.join(self.lab.dir, "ovs-patchpoint-events.jsonl")
        try:
            with open(path + name, "rb") as f:
                return parse(f.read().decode("utf-8"))
        except FileNotFoundError:
            return []

    def hits(self):
        """(corrected, monitored) by patch."""
        found = {}
        for line in self.lab.daemon("hits/show").splitlines():
            words = dict(w.split("=", 1) for w in line.split()[1:])
            self.assertEqual((line.split()[0], words["bridge"]),
                             (self.vm.ifname, self.lab.bridge))
            found[words["patch"]] = (int(words["corrected"]),
                                     int(words["monitored"]))
        return found

    def flood(self, n, target=b"/evil"):
        """'n' corrections, many on one connection."""
        request = get(target)
        with self.client.connect(self.host, 80, 20) as sock:
            while n:
                batch = min(n, 100)
                sock.sendall(request * batch)
                data = b""
                while data.count(b"HTTP/1.1 403") < batch:
                    more = sock.recv(65536)
                    self.assertTrue(more, data[-200:])
                    data += more
                n -= batch


class Events(Base):
    @classmethod
    def prepare(cls):
        path = os.path.join(cls.lab.dir, "syslog")
        cls.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        cls.addClassCleanup(cls.syslog.close)
        cls.syslog.bind(path)
        cls.syslog.setblocking(False)
        # As the option --syslog-method, wherever it stands.
        cls.lab.env["OVS_SYSLOG_METHOD"] = "unix:" + path

    def setUp(self):
        self.n = len(self.events())
        self.before = self.hits()
        self.said()

    def said(self):
        """What came to syslog since the last time."""
        found = []
        while True:
            try:
                found.append(self.syslog.recv(65536).decode("utf-8"))
            except BlockingIOError:
                return found

    def one(self):
        """The one event that there is since the test began."""
        wait_for("an event", lambda: len(self.events()) > self.n)
        events = self.events()[self.n:]
        self.assertEqual(len(events), 1, events)
        return events[0]

    def one_more(self, patch, mode=0):
        before = self.before.get(patch, (0, 0))[mode]
        self.assertEqual(self.hits()[patch][mode], before + 1)

    def test_everything(self):
        "an exploit gives one event, which says all that is known of it"
        begin = time.time()
        with self.client.connect(self.host, 80, 10) as sock:
            port = sock.getsockname()[1]
            sock.sendall(EXPLOIT)
            self.assertNotIn(SECRET, sock.recv(65536))
            event = self.one()
        told = event.pop("time")
        self.assertRegex(told, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        told = datetime.datetime.fromisoformat(told[:-1] + "+00:00")
        self.assertTrue(begin - 0.002 <= told.timestamp() <= time.time())
        self.assertEqual(event, {
            "host": {"name": socket.gethostname(), "system-id": "host-7"},
            "server": {"name": self.vm.ifname, "bridge": self.lab.bridge,
                       "mac": self.vm.mac, "vm-id": "b0c0ffee-0001",
                       "iface-id": self.vm.netns},
            "client": {"address": pplab.address(self.client), "port": port},
            "service": {"address": self.host, "port": 80, "protocol": "tcp",
                        "proxy": "http"},
            "patch": TRAVERSAL, "rule": 0, "correction": "edit",
            "mode": "enforce",
            "values": [{"name": "path", "value": "/%2e%2e/secret.txt"}]})
        self.one_more(TRAVERSAL)
        # The same to syslog, in one line, and to the log.
        lines = [s for s in self.said() if TRAVERSAL in s]
        self.assertEqual(len(lines), 1, lines)
        facility = int(re.match(r"<(\d+)>", lines[0]).group(1)) >> 3
        self.assertEqual(facility, 3, "daemon")
        head, _, line = lines[0].rstrip("\n").partition(": {")
        self.assertNotIn("\n", line)
        self.assertIn(self.vm.ifname, head)
        self.assertEqual(json.loads("{" + line), dict(
            event, time=json.loads("{" + line)["time"]))
        self.assertIn("{" + line, self.lab.log())

    def test_off(self):
        "syslog can be had without them"
        self.lab.daemon("vlog/set", "pp_events:syslog:off")
        self.addCleanup(self.lab.daemon, "vlog/set", "pp_events:syslog:info")
        talk(self.client, self.host, EXPLOIT)
        self.one()
        self.assertEqual([s for s in self.said() if TRAVERSAL in s], [])

    def test_monitor(self):
        "monitor mode: the exploit passes, and is told as such"
        self.lab.protect(self.vm, "all", mode="monitor")
        self.addCleanup(self.lab.wait_status, self.vm.ifname, "protected")
        self.addCleanup(self.lab.clear_ids, self.vm, "mode")
        self.assertIn(SECRET, talk(self.client, self.host, EXPLOIT).bytes)
        event = self.one()
        self.assertEqual((event["patch"], event["mode"], event["correction"]),
                         (TRAVERSAL, "monitor", "edit"))
        self.one_more(TRAVERSAL, 1)
        self.assertEqual(self.hits()[TRAVERSAL][0],
                         self.before.get(TRAVERSAL, (0, 0))[0])

    def test_benign(self):
        "what is not corrected is not told"
        talk(self.client, self.host, get(b"/index.html"))
        talk(self.client, self.host, EXPLOIT)
        self.assertEqual(self.one()["values"][0]["value"],
                         "/%2e%2e/secret.txt")

    def test_retransmitted(self):
        "retransmissions do not double it"
        source = "10.77.0.66"
        self.vm.run(["ip", "neigh", "replace", source, "lladdr",
                     self.client.mac, "dev", "eth0", "nud", "permanent"])
        wire = rawtcp.Wire(self.client)
        self.addCleanup(wire.close)
        peer = rawtcp.Peer(wire, source, self.host, 4000, 80, self.vm.mac)
        self.server.mark()
        peer.open()
        first = peer.nxt
        for _ in range(3):              # Twice before it is there, whole...
            peer.send(EXPLOIT[:30], seq=first)
        for _ in range(3):
            peer.send(EXPLOIT, seq=first)
        peer.nxt += len(EXPLOIT)
        self.assertTrue(peer.wait_acked())
        self.assertTrue(peer.pump(10, lambda: peer.received))
        for _ in range(3):              # ...and when it has been answered.
            peer.send(EXPLOIT, seq=first)
        peer.pump(0.3)
        self.assertNotIn(SECRET, peer.received)
        self.assertEqual(len([line for line in self.server.lines()
                              if line.get("event") == "request"]), 1)
        self.assertEqual(self.one()["client"],
                         {"address": source, "port": 4000})
        self.one_more(TRAVERSAL)

    def values(self, request):
        self.assertIn(b"403", talk(self.client, self.host, request).bytes)
        return {v["name"]: v for v in self.one()["values"]}

    def test_secrets(self):
        "passwords, cookies, credentials are not written, anywhere"
        values = self.values(get(
            b"/evil?q=open&password=hunter2", b"Authorization: Basic aHVudGVy",
            b"Cookie: id=hunter3", b"X-Name: plain"))
        self.assertEqual({n: v["value"] for n, v in values.items()}, {
            "path": "/evil", 'headers["authorization"].value': "***",
            'headers["x-name"].value': "plain", 'cookies["id"].value': "***",
            'query.params["password"].value': "***",
            'query.params["q"].value': "open", "version.minor": 1})
        self.assertTrue(all(v.keys() == {"name", "value"}
                            for v in values.values()))
        for name in os.listdir(self.lab.dir):
            if name.endswith((".log", ".jsonl", ".out")):
                text = self.lab.log(name)
                for word in "hunter", "aHVudGVy":
                    self.assertNotIn(word, text, name)
        self.assertNotIn("hunter", "".join(self.said()))

    def test_hostile(self):
        "any bytes come out as one line of JSON, from which they can be had"
        head = b"GET /evil" + b"\"'{}\\n HTTP/1.1\r\nHost: a\r\nX-Name: ["
        name = HOSTILE.replace(b"\0", b"")
        values = self.values(head + name[:100] + b"]\r\n\r\n")
        self.assertEqual(unescape(values["path"]["value"]),
                         b"/evil\"'{}\\n")
        self.assertEqual(unescape(values['headers["x-name"].value']["value"]),
                         b"[" + name[:100] + b"]")
        self.n += 1
        values = self.values(head + name[100:] + b"]\r\n\r\n")
        long = values['headers["x-name"].value']
        self.assertEqual(unescape(long["value"]),
                         (b"[" + name[100:] + b"]")[:128])
        self.assertEqual(long["length"], len(name[100:]) + 2)
        self.assertTrue(all(32 <= ord(c) < 127 for c in long["value"]))

    def test_bad_engine(self):
        "options that make no sense are refused"
        for option in ("--event-rate=-1", "--event-values=257",
                       "--event-values=x", "--events-size=1T"):
            p = self.lab.run([pplab.DAEMON, option], check=False)
            self.assertEqual(p.returncode, 1)
            self.assertIn(option.split("=")[0], p.stderr)


class Flood(Base):
    """More than anyone wants to read; and none of it is lost count of."""

    def total(self):
        return sum(e.get("suppressed", 0) + ("correction" in e)
                   for e in self.events() if e["patch"] == EVIL)

    def test_flood(self):
        "10,000 corrections: bounded, and the lines say how many there were"
        before, total = self.hits().get(EVIL, (0, 0))[0], self.total()
        old = len(self.events())
        self.flood(10000)
        wait_for("they are counted",
                 lambda: self.hits().get(EVIL) == (before + 10000, 0), 20)

        wait_for("the rest is told",
                 lambda: self.total() == total + 10000, 20)
        events = self.events()[old:]
        # As many at once, and as many a minute: seconds have passed.
        self.assertLess(len(events), 3 * RATE)
        last = events[-1]
        self.assertNotIn("client", last)
        self.assertEqual((last["patch"], last["server"]["name"]),
                         (EVIL, self.vm.ifname))
        # The log has the same lines.
        lines = [line for line in self.lab.log().splitlines()
                 if EVIL in line and "{" in line]
        self.assertEqual(len(lines), len(
            [e for e in self.events() if e["patch"] == EVIL]))
        # Another patch's is told at once.
        talk(self.client, self.host, EXPLOIT)
        wait_for("the other patch's", lambda: self.events()[-1]["patch"]
                 == TRAVERSAL)

    def test_no_room(self):
        "what the engine cannot tell, since the daemon is busy, is counted"
        before, total = self.hits().get(EVIL, (0, 0))[0], self.total()
        lost = self.lab.counter("engine_events_lost")
        os.kill(self.lab.control.pid, signal.SIGSTOP)
        try:
            self.flood(3000)
        finally:
            os.kill(self.lab.control.pid, signal.SIGCONT)
        wait_for("they are counted",
                 lambda: self.hits().get(EVIL) == (before + 3000, 0), 20)
        self.assertGreater(self.lab.counter("engine_events_lost"), lost)
        wait_for("they are told", lambda: self.total() == total + 3000, 20)


    def test_at_exit(self):
        "what is left out when the daemon exits is told at last"
        hits, total = self.hits().get(EVIL, (0, 0))[0], self.total()
        self.flood(300)
        wait_for("they are counted",
                 lambda: self.hits().get(EVIL) == (hits + 300, 0), 20, 0.01)
        before = len(self.events())
        self.lab.stop_control()
        self.addCleanup(self.start)
        self.assertEqual(self.total(), total + 300)
        self.assertGreaterEqual(len(self.events()), before)
        self.assertEqual({e["server"]["name"] for e in self.events()},
                         {self.vm.ifname})


class Few(Base):
    args = ("--event-rate=0", "--event-values=0", "--events-size=8K")

    def test_rotation(self):
        "all are told, without values; no line is lost between two files"
        files = ["", ".1", ".2", ".3", ".4"]
        self.flood(40)
        wait_for("they are told", lambda: sum(
            len(self.events(f)) for f in files) == 40)
        self.assertGreater(len(self.events(".1")), 5)
        for f in files:
            path = os.path.join(self.lab.dir,
                                "ovs-patchpoint-events.jsonl" + f)
            if os.path.exists(path):
                self.assertLessEqual(os.path.getsize(path), 8192)
        every = [e for f in reversed(files) for e in self.events(f)]
        self.assertEqual([e["values"] for e in every], [[]] * 40)
        self.assertEqual([e["time"] for e in every],
                         sorted(e["time"] for e in every))

        # Somebody else moves it, as logrotate does; or asks us to.
        path = os.path.join(self.lab.dir, "ovs-patchpoint-events.jsonl")
        self.lab.daemon("events/rotate")
        self.flood(3)
        wait_for("a new file", lambda: len(self.events()) == 3)
        os.rename(path, path + ".moved")
        self.flood(2)
        wait_for("a new file", lambda: len(self.events()) == 2)
        self.assertEqual(len(self.events(".moved")), 3)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)


class Full(Base):
    """The file is on a file system of its own, which is full."""
    args = ("--events={dir}/small/events", "--event-rate=0")

    @classmethod
    def prepare(cls):
        cls.small = os.path.join(cls.lab.dir, "small")
        os.mkdir(cls.small)
        pphost.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs",
                    cls.small])
        cls.addClassCleanup(pphost.run, ["umount", "-l", cls.small], False)

    def events(self, name=""):
        try:
            with open(os.path.join(self.small, "events"), "rb") as f:
                return parse(f.read().decode("utf-8"))
        except FileNotFoundError:
            return []

    def test_disk_full(self):
        "a full disk does not hinder traffic; what was not written is counted"
        filler = os.path.join(self.small, "filler")
        with open(filler, "wb", buffering=0) as f:
            with self.assertRaises(OSError):
                while True:
                    f.write(bytes(4096))
        self.assertIn(b"200", talk(self.client, self.host,
                                   get(b"/index.html")).bytes)
        self.flood(200)
        wait_for("they are counted", lambda: self.hits()[EVIL][0] == 200)
        self.assertEqual(self.lab.status(self.vm.ifname), "protected")
        self.assertIn("cannot write an event", self.lab.log())
        self.assertEqual(self.events(), [])
        os.unlink(filler)
        wait_for("what was left out", self.events)
        self.assertEqual([e["suppressed"] for e in self.events()], [200])
        self.flood(1)
        wait_for("the next", lambda: len(self.events()) == 2)
        self.assertNotIn("suppressed", self.events()[1])


if __name__ == "__main__":
    unittest.main()
