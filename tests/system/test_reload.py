#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Another set of patches, or another policy, while traffic runs: it takes
effect between messages, on connections that are open too, and none of them
notices."""

import os
import re
import shutil
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import test_failure                                         # noqa: E402
from pphost import GotThrough                               # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402
from test_failure import (EXPLOIT, PROTOTYPE, SECRET,       # noqa: E402
                          TAINT, TAINTED, TRAVERSAL)

SWAPS = 100

FILLER = """# SPDX-License-Identifier: Apache-2.0
patch: FILLER-1
title: One that changes all the time
vendor: https://example.org/
affects: [{ product: app/filler, versions: all }]
severity: 1.0
proxy: http
on: request
when: path == "/filler-%d"
correct: { reject: { status: 403, close: true } }
same-as-vendor: It is a test.
vectors:
  - exploit: its path
    to-server: "GET /filler-%d HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
    expect:
      to-client: "HTTP/1.1 403 Forbidden\\r\\n\\r\\n"
      close: fin
  - benign: another one
    to-server: "GET /filler HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
"""


class Asker(threading.Thread):
    """Asks what a patch corrects, all the time, and looks at each answer: on
    one connection, or on a new one each time."""

    def __init__(self, case, kept):
        super().__init__(daemon=True)
        self.case = case
        self.kept = kept and self.connect()
        self.n = 0
        self.error = None
        self.stopping = False
        self.start()

    def connect(self):
        return test_failure.Kept(self.case.client, self.case.host, 8000)

    def run(self):
        try:
            while not self.stopping:
                self.n += 1
                at = self.kept or self.connect()
                answer = at.ask(TAINT.replace(b"first=1",
                                              b"first=%d" % self.n))
                if not self.kept:
                    at.close()
                if TAINTED in answer:
                    raise GotThrough("request %d: %r" % (self.n, answer))
                if b'"first":"%d"' % self.n not in answer:
                    raise pplab.Failed("request %d: %r" % (self.n, answer))
        except (OSError, pplab.Failed, GotThrough) as e:
            self.error = e


class Reload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.host = pplab.address(cls.vm)
        cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.vm)
        cls.lab.serve(fidelity.load(PROTOTYPE), "vulnerable", cls.vm,
                      port=8000)
        cls.folder = os.path.join(cls.lab.dir, "pool", "patches")
        os.makedirs(cls.folder)
        for name in TRAVERSAL, PROTOTYPE:
            shutil.copy(os.path.join(pplab.PATCHES, "http", name + ".yaml"),
                        cls.folder)
        cls.filler = os.path.join(cls.folder, "FILLER-1.yaml")
        kept = test_failure.Kept(cls.client, cls.host, 8000)
        assert TAINTED in kept.ask(TAINT), "no harm without patches"
        kept.close()
        cls.lab.start_daemon(patches=[cls.folder])
        cls.lab.protect(cls.vm, "all", ports="http:80,8000")

    def in_force(self):
        return self.lab.counter("engine_snapshots")

    def wait_swap(self, before, what):
        wait_for("%s is in force" % what, lambda: self.in_force() > before,
                 10)

    def write(self, number, rename):
        path = self.filler + ".tmp" if rename else self.filler
        with open(path, "w") as f:
            f.write(FILLER % (number, number))
        if rename:
            os.rename(path, self.filler)

    def swap(self, i):
        """One change, by each of the ways there are."""
        before = self.in_force()
        kind = i % 5
        if kind == 0:
            self.write(i, rename=True)
        elif kind == 1:
            self.write(i, rename=False)
        elif kind == 2:
            self.lab.set_ids(self.vm, policy="all" if i % 2 else
                             TRAVERSAL + "," + PROTOTYPE)
        elif kind == 3:
            self.write(i, rename=True)
            self.lab.daemon("patch/reload")
        else:
            os.unlink(self.filler)
        self.wait_swap(before, "change %d (%d)" % (i, kind))

    def hits(self, patch):
        return int(re.search(r"^%s .* hits=(\d+)" % patch,
                             self.lab.daemon("patch/list"), re.M).group(1))

    def status(self):
        return self.lab.vsctl("--if-exists", "get", "Open_vSwitch", ".",
                              "external_ids:patchpoint-status")

    def log_lines(self, text):
        return [line for line in self.lab.log().splitlines() if text in line]

    def is_corrected(self):
        kept = test_failure.Kept(self.client, self.host, 8000)
        answer = kept.ask(TAINT)
        kept.close()
        return TAINTED not in answer

    def test_swaps(self):
        "a hundred swaps under load: no request fails, none is not corrected"
        before = self.hits(PROTOTYPE)
        lost = {name: self.lab.counter(name) for name in (
            "packet_out_errors", "engine_uninspected_frames",
            "engine_bad_snapshots", "proxy_bad", "flow_midstream")}
        first = self.in_force()
        askers = [Asker(self, kept=True) for _ in range(4)]
        askers.append(Asker(self, kept=False))
        for i in range(SWAPS):
            self.swap(i)
        self.assertGreaterEqual(self.in_force() - first, SWAPS)
        # Those that were open all the time are inspected by the last one.
        seen = talk(self.client, self.host, EXPLOIT, get(b"/"))
        self.assertNotIn(SECRET, seen.bytes)
        for asker in askers:
            asker.stopping = True
        for asker in askers:
            asker.join(30)
            if asker.error:
                raise asker.error
            self.assertGreater(asker.n, SWAPS)
        # Each was counted, whatever set was in force.
        self.assertEqual(self.hits(PROTOTYPE) - before,
                         sum(asker.n for asker in askers))
        for name, value in lost.items():
            self.assertEqual(self.lab.counter(name), value, name)
        self.assertFalse(self.log_lines("|EMER|"))

    def test_broken(self):
        "a broken file changes nothing, and is named in log and status"
        kept = test_failure.Kept(self.client, self.host, 8000)
        self.addCleanup(kept.close)
        before = self.in_force()
        self.write(1, rename=True)
        wait_for("it is loaded", lambda: "FILLER-1" in
                 self.lab.daemon("patch/list"))
        self.wait_swap(before, "it")
        before = self.in_force()
        for text in FILLER.replace("path ==", "pathh ==") % (2, 2), "{", "":
            with open(self.filler, "w") as f:
                f.write(text)
            wait_for("it is named in the status",
                     lambda: "FILLER-1.yaml:" in self.status(), 10)
            self.assertIn("stay in force", self.status())
            self.assertTrue(self.log_lines("FILLER-1.yaml:"))
            self.assertIn("FILLER-1.yaml:", self.lab.daemon("patch/list"))
            self.assertTrue(self.is_corrected())
            self.assertNotIn(TAINTED, kept.ask(TAINT))
            self.assertEqual(self.in_force(), before)
            self.assertIn("FILLER-1", self.lab.daemon("patch/list"))
        # The old one is still in force: for the file is not.
        seen = talk(self.client, self.host, get(b"/filler-1"), port=8000)
        self.assertEqual(seen.statuses, [403])
        self.write(3, rename=True)
        wait_for("the status is clean", lambda: not self.status().strip(), 10)
        seen = talk(self.client, self.host, get(b"/filler-3"), port=8000)
        self.assertEqual(seen.statuses, [403])

    def test_folder_gone(self):
        "a folder that goes changes nothing, and one that comes is read"
        self.write(1, rename=True)
        pool = os.path.dirname(self.folder)
        for gone in self.folder, pool:
            os.rename(gone, gone + ".away")
            wait_for("that is told", lambda: "cannot be opened" in
                     self.status(), 10)
            self.assertTrue(self.is_corrected())
            before = self.in_force()
            number = int(time.time() * 1000) % 1000000
            path = self.filler.replace(gone, gone + ".away")
            with open(path, "w") as f:
                f.write(FILLER % (number, number))
            os.rename(gone + ".away", gone)
            self.wait_swap(before, "the folder that came back")
            wait_for("the status is clean",
                     lambda: not self.status().strip(), 10)

    def test_many_at_once(self):
        "files that change together are loaded together"
        before = self.in_force()
        names = []
        for i in range(60):
            name = os.path.join(self.folder, "MANY-%02d.yaml" % i)
            with open(name, "w") as f:
                f.write(FILLER.replace("FILLER-1", "MANY-%02d" % i) % (i, i))
            names.append(name)
            self.addCleanup(os.unlink, name)
            time.sleep(0.01)
        self.wait_swap(before, "all of them")
        time.sleep(0.5)
        self.assertIn("MANY-59", self.lab.daemon("patch/list"))
        self.assertLessEqual(self.in_force() - before, 2)
        with open(os.path.join(self.folder, ".hidden.yaml"), "w") as f:
            f.write("{")
        os.unlink(os.path.join(self.folder, ".hidden.yaml"))
        with open(os.path.join(self.folder, "notes.txt"), "w") as f:
            f.write("{")
        os.unlink(os.path.join(self.folder, "notes.txt"))
        loads = len(self.log_lines("patches have changed"))
        time.sleep(1)
        self.assertEqual(len(self.log_lines("patches have changed")), loads)


if __name__ == "__main__":
    unittest.main()
