# SPDX-License-Identifier: Apache-2.0
"""Controls of the proof: what must not be done about an attack.

A patch that does something else than the vendor's fix stops the exploit, too,
and has to fail the proof all the same; and what a patched server takes as it
is has to reach it so, however much it looks like an attack."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import pplab                                                # noqa: E402

# What a shell of before 2014 ran.
SHELLSHOCK = b"() { :;}; echo; echo harmed"
CGI = """\
#!/bin/bash
printf 'Content-Type: text/plain\r\n\r\n'
printf '%s\\n' "$HTTP_USER_AGENT" "$HTTP_COOKIE" "$QUERY_STRING"
"""


PATCH = """\
patch: %s
title: Not the vendor's
vendor: nobody
affects: [{ product: test/test, versions: all }]
severity: 5.0
proxy: %s
same-as-vendor: It is not.
"""


class WrongActions(unittest.TestCase):
    """Patches that are not the vendor's are told from those that are."""

    def prove(self, protocol, ident, rest):
        """The table's line for a pair whose patch is another one."""
        top = tempfile.mkdtemp(prefix="patches-")
        self.addCleanup(shutil.rmtree, top)
        os.mkdir(os.path.join(top, protocol))
        name = os.path.join(top, protocol, ident + ".yaml")
        with open(name, "w") as f:
            f.write(PATCH % (ident, protocol) + rest)
        checked = pplab.tool("check", name)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        out = os.path.join(top, "out.json")
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "prove.py"), "--json", out,
             ident], env=dict(os.environ, PP_PATCHES=top),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        with open(out) as f:
            rows = json.load(f)
        self.assertEqual(len(rows), 1, done.stdout)
        self.assertEqual(done.returncode, 1, done.stdout)
        return rows[0]

    def test_closed_not_dropped(self):
        "closing where aiosmtpd drops and goes on is not proven"
        row = self.prove("smtp", "CVE-2024-34083", r"""
on: plaintext
when: len(plaintext) > 0
correct: close
vectors:
  - exploit: a command behind STARTTLS
    steps:
      - server: "220 a\r\n"
      - client: "STARTTLS\r\nNOOP\r\n"
      - server: "220 go\r\n"
      - expect:
          to-client: "220 a\r\n220 go\r\n"
          to-server: "STARTTLS\r\n"
          close: fin
  - benign: nothing behind it
    steps:
      - server: "220 a\r\n"
      - client: "STARTTLS\r\n"
      - server: "220 go\r\n"
""")
        self.assertTrue(row["flaw_shown"])
        self.assertFalse(row["equal_to_vendor"])
        self.assertTrue(row["ordinary_unchanged"])

    def test_refused_not_skipped(self):
        "refusing a request of which the vendor drops one cookie is not proven"
        row = self.prove("http", "CVE-2023-23934", r"""
on: request
when: any(cookies.quoted, name == "" and has_equals)
correct: reject 400
vectors:
  - exploit: an empty name
    to-server: "GET / HTTP/1.1\r\nCookie: =a=b\r\n\r\n"
    expect: { to-client: "HTTP/1.1 400 Bad Request\r\n\r\n" }
  - benign: none
    to-server: "GET / HTTP/1.1\r\n\r\n"
""")
        self.assertFalse(row["equal_to_vendor"])

    def test_more_than_the_attack(self):
        "a patch that corrects ordinary traffic is not proven, nor overlooked"
        row = self.prove("smtp", "CVE-2024-34083", r"""
on: command
when: command.verb == "NOOP" and command.line != "noop "
correct: { replace: command.line, with: '"noop "' }
vectors:
  - exploit: a command
    steps:
      - server: "220 a\r\n"
      - client: "NOOP\r\n"
      - expect: { to-client: "220 a\r\n", to-server: "noop \r\n" }
  - benign: another
    steps:
      - server: "220 a\r\n"
      - client: "RSET\r\n"
""")
        self.assertGreater(row["false_corrections"], 0)


class LetThrough(unittest.TestCase):
    """What NOT-EXPRESSIBLE.rst lists is left alone."""

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("vm", 1)
        folder = os.path.join(cls.lab.dir, "cgi-bin")
        os.mkdir(folder)
        os.chmod(cls.lab.dir, 0o755)
        script = os.path.join(folder, "show")
        with open(script, "w") as f:
            f.write(CGI)
        os.chmod(script, 0o755)
        cls.server = cls.vm.popen(
            [sys.executable, "-m", "http.server", "--cgi", "--directory",
             cls.lab.dir, "--bind", pplab.address(cls.vm), "80"],
            cwd=cls.lab.dir)
        pplab.wait_for("the CGI server listens", lambda: pplab.answers(
            cls.vm, pplab.address(cls.vm), 80))

    def ask(self):
        return pplab.talk(
            self.client, pplab.address(self.vm),
            b"GET /cgi-bin/show?" + SHELLSHOCK.replace(b" ", b"%20")
            + b" HTTP/1.0\r\nUser-Agent: " + SHELLSHOCK + b"\r\nCookie: "
            + SHELLSHOCK + b"\r\n\r\n")

    def test_shellshock(self):
        "Shellshock's value reaches a CGI program of today's shell unchanged"
        without = self.ask()
        self.assertIn(b"\r\n\r\n" + SHELLSHOCK + b"\n" + SHELLSHOCK + b"\n",
                      without.bytes)
        self.lab.protect(self.vm, "all")
        corrected = len(self.lab.events())
        behind = self.ask()
        self.assertEqual(re.sub(rb"Date: .*", b"", behind.bytes),
                         re.sub(rb"Date: .*", b"", without.bytes))
        self.assertEqual(len(self.lab.events()), corrected)

    def test_refused_by_name(self):
        "a policy that names one of them is refused in words"
        self.lab.set_ids(self.vm, policy="CVE-2014-6271")
        self.lab.wait_status(self.vm.ifname, "error", 15)
        self.assertIn("CVE-2014-6271", self.lab.status(self.vm.ifname))

    def test_list(self):
        "the pool has no patch for anything in the list"
        with open(os.path.join(pplab.PATCHES, "NOT-EXPRESSIBLE.rst")) as f:
            # The terms, not what is said of them.
            terms = re.findall(r"(?m)^\S.*", f.read())
        ids = set(re.findall(r"CVE-\d+-\d+", "\n".join(terms)))
        self.assertGreater(len(ids), 8)
        listed = pplab.tool("list", pplab.PATCHES).stdout
        self.assertIn("CVE-2014-3744", listed)
        for ident in ids:
            self.assertNotIn(ident, listed)


if __name__ == "__main__":
    unittest.main()
