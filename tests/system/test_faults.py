# SPDX-License-Identifier: Apache-2.0
"""The programs behind "./quickstart faults" and "./quickstart soak", on the
faults that take the least time: what they measure and write."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402

KEYS = ["fault", "datapath", "connections", "broken", "stopped_ms",
        "uninspected_ms"]


def run(program, *args):
    """Runs a program of this folder; returns its exit code, output, and what
    it wrote with --json."""
    with tempfile.NamedTemporaryFile("r") as f:
        p = subprocess.run(
            [sys.executable, os.path.join(pplab.HERE, program),
             "--json", f.name, *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=200)
        text = f.read()
        return p.returncode, p.stdout, json.loads(text) if text else None


class Faults(unittest.TestCase):
    def check(self, *faults):
        code, out, rows = run("faults.py", *faults)
        self.assertEqual(code, 0, out)
        self.assertEqual([row["fault"] for row in rows], list(faults))
        for row in rows:
            self.assertEqual(list(row), KEYS)
            self.assertEqual(row["datapath"], pphost.DATAPATH)
            self.assertEqual(row["broken"], 0, out)
            # Those that are open, and new ones all the time.
            self.assertGreater(row["connections"], 20)
            self.assertGreater(row["stopped_ms"], 0)
        return rows

    def test_without_engine(self):
        "an engine that dies: nothing breaks; uninspected time is seen"
        row, = self.check("no descriptors, engine killed")
        # It cannot be replaced for three seconds: the harm is measured.
        self.assertGreater(row["uninspected_ms"], 2000)

    def test_tap(self):
        "the tap's device deleted by somebody else: nothing breaks"
        self.check("tap device deleted")

    def test_upgrade(self):
        "the package's own script: no new connection passes uninspected"
        row, = self.check("package upgraded")
        # Not one exploit got through, however long it all took.
        self.assertEqual(row["uninspected_ms"], 0)

    def test_unknown(self):
        "a fault that there is not is named"
        code, out, rows = run("faults.py", "earthquake")
        self.assertEqual(code, 2)
        self.assertIn("earthquake: no such fault", out)
        self.assertIsNone(rows)


class Soak(unittest.TestCase):
    def test_short(self):
        "a short run: what is inspected is corrected, hardly a request fails"
        code, out, r = run("soak.py", "--seed", "5", "15")
        self.assertEqual(code, 1 if r["failed"] else 0, out)
        # A connection whose first correction is under way when flows are
        # wiped may be reset: README, "When things fail".
        self.assertLessEqual(r["failed"], 1, out)
        self.assertGreater(r["requests"], 1000)
        self.assertGreater(r["exploits"], 500)
        self.assertLessEqual(
            r["exploits"] - r["corrected"] - r["uninspected"], r["failed"])
        self.assertGreater(sum(r["events"].values()), 4)
        for when in "memory_start_kb", "memory_end_kb":
            self.assertGreater(r[when]["control"], 1000)
            self.assertGreater(r[when]["engine"], 1000)


if __name__ == "__main__":
    unittest.main()
