# SPDX-License-Identifier: Apache-2.0
"""patchpoint-patch on the command line: what it prints, its exit codes, and
how the shell completes it.  No switch, no privileges."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402

PATCHES = os.path.join(pplab.TOP, "patches")
COMPLETION = os.path.join(pplab.TOP, "utilities", "patchpoint-patch.bash")


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="pp-tool-")
        self.addCleanup(self.dir.cleanup)

    def path(self, *names):
        return os.path.join(self.dir.name, *names)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def tool(self, *args, status=0):
        """Standard output, and standard error behind it."""
        p = subprocess.run([pplab.TOOL, *args], capture_output=True,
                           text=True, timeout=60)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return p.stdout + p.stderr


class Completion(Case):
    def complete(self, *words):
        """What bash offers for the last word."""
        quoted = " ".join(f"'{w}'" for w in ("patchpoint-patch",) + words)
        script = (f". {COMPLETION}; COMP_WORDS=({quoted});"
                  f"COMP_CWORD={len(words)}; _patchpoint_patch;"
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        p = subprocess.run(["bash", "-c", script], capture_output=True,
                           text=True, timeout=30, cwd=self.dir.name)
        self.assertEqual(p.stderr, "")
        return sorted(x for x in p.stdout.split("\n") if x)

    def commands(self):
        """Those that the tool says it has."""
        text = self.tool("--help").split("Commands:\n")[1]
        return sorted(x.split()[0] for x in text.split("\n\n")[0].split("\n"))

    def test_commands(self):
        "every command, and every long option"
        self.assertEqual(self.complete(""), self.commands())
        self.assertEqual(self.complete("-q", "re"), ["replay"])
        options = self.complete("--")
        for word in self.tool("--help").split():
            if word.startswith("--"):
                name = word.rstrip(",").split("=")[0]
                self.assertTrue({name, name + "="} & set(options), name)

    def test_files(self):
        "patches for those who take patches, captures for replay"
        self.write("a.yaml", "")
        self.write("b.pcapng", "")
        self.write("c.txt", "")
        os.mkdir(self.path("d"))
        self.assertEqual(self.complete("check", ""), ["a.yaml", "d"])
        self.assertEqual(self.complete("replay", ""), ["b.pcapng", "d"])
        self.assertEqual(self.complete("-p", ""), ["d"])

    def test_ids(self):
        "explain: also by id, of the directory that is named"
        for words in (["-p", PATCHES], ["--patches", "=", PATCHES]):
            self.assertEqual(self.complete(*words, "explain", "CVE-2014-"),
                             ["CVE-2014-3744"])

    def test_name(self):
        "bash finds the file by the command's name"
        p = subprocess.run(["make", "-s", "-C", pplab.BUILD, "install-data-am",
                            f"DESTDIR={self.path('root')}", "prefix=/usr",
                            "datadir=/usr/share"], capture_output=True,
                           text=True, timeout=120)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertTrue(os.path.exists(self.path(
            "root/usr/share/bash-completion/completions",
            os.path.basename(pplab.TOOL) + ".bash")))


if __name__ == "__main__":
    unittest.main()
