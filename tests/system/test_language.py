# SPDX-License-Identifier: Apache-2.0
"""What a patch can say, in the engine itself, behind its sandbox: parameters,
set for each VM by policy, regular expressions, answers with a RST behind them,
who speaks to whom, and what is kept of a connection."""

import os
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

PATCH = r'''# SPDX-License-Identifier: Apache-2.0
patch: CVE-2000-0001
title: Long names give the served folder away
vendor: a limit in the server's configuration
affects: [{ product: npm/st, versions: "any" }]
severity: 5
proxy: http
parameters:
  longest: { type: int, default: 9, min: 1, max: 99, about: "MaxName." }
  answer: { type: bytes, default: no, about: "What the server says." }
on: request
when: matches(path, "^/[a-z]+$", true) and len(path) > longest
correct: { reject: { status: 403, body: "${answer}" } }
same-as-vendor: it is
vectors:
  - exploit: too long by default
    to-server: "GET /abcdefghi HTTP/1.1\r\nHost: a\r\n\r\n"
    expect: { to-client: "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno" }
  - benign: of the right length
    to-server: "GET /abcdefgh HTTP/1.1\r\nHost: a\r\n\r\n"
  - benign: of the right length elsewhere
    parameters: { longest: 10 }
    to-server: "GET /abcdefghi HTTP/1.1\r\nHost: a\r\n\r\n"
'''
RESET = r'''# SPDX-License-Identifier: Apache-2.0
patch: CVE-2000-0002
title: Numbers give the served folder away
vendor: closes the socket with bytes of the client's unread
affects: [{ product: npm/st, versions: "any" }]
severity: 5
proxy: http
on: request
when: >
  is_decimal(slice(path, 1, len(path)))
  and client.address in net "10.77.0.0/16" and client.port != server.port
  and ip_text(server.address) starts_with "10.77." and server.port == 80
correct: { reject: { status: 403, close: reset } }
same-as-vendor: it is
vectors:
  - exploit: a number
    addresses: { client: 10.77.3.4, server: 10.77.3.5 }
    to-server: "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
    expect: { to-client: "HTTP/1.1 403 Forbidden\r\n\r\n", close: reset }
  - benign: a number from elsewhere
    addresses: { client: 10.78.3.4, server: 10.77.3.5 }
    to-server: "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
  - benign: a word
    to-server: "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
'''
COUNT = r'''# SPDX-License-Identifier: Apache-2.0
patch: CVE-2000-0003
title: A third question on one connection is one too many
vendor: counts the questions of a connection
affects: [{ product: npm/st, versions: "any" }]
severity: 5
proxy: http
state: { asked: int }
rules:
  - on: request
    when: path == "/question"
    set: { asked: asked + 1 }
  - on: request
    when: path == "/question" and asked >= 2
    correct: { reject: { raw: "${asked}." } }
same-as-vendor: it is
vectors:
  - exploit: three
    to-server: "GET /question HTTP/1.1\r\nHost: a\r\n\r\nGET /question HTTP/1.1\r\nHost: a\r\n\r\nGET /question HTTP/1.1\r\nHost: a\r\n\r\n"
    expect: { to-server: "GET /question HTTP/1.1\r\nHost: a\r\n\r\nGET /question HTTP/1.1\r\nHost: a\r\n\r\n" }
  - benign: two
    to-server: "GET /question HTTP/1.1\r\nHost: a\r\n\r\nGET /question HTTP/1.1\r\nHost: a\r\n\r\n"
'''
LONG = get(b"/abcdefghi")
NAMES = "CVE-2000-0001."


class Language(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        os.chmod(cls.folder.name, 0o755)
        for name, text in (("1", PATCH), ("2", RESET), ("3", COUNT)):
            with open(os.path.join(cls.folder.name, "CVE-2000-000%s.yaml"
                                   % name), "w", encoding="utf-8") as f:
                f.write(text)
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.vms = [cls.lab.add_server_vm(name, number)
                   for number, name in enumerate("ab", 1)]
        for vm in cls.vms:
            cls.lab.serve(fidelity.load("CVE-2014-3744"), "vulnerable", vm)
        cls.lab.start_daemon(patches=[cls.folder.name])
        cls.lab.vsctl("set", "Open_vSwitch", ".",
                      "external_ids:patchpoint-policy=all")
        for vm in cls.vms:
            cls.lab.wait_status(vm.ifname, "protected", 20)

    def setUp(self):
        self.addCleanup(self.clear)

    def clear(self):
        for row in (("Open_vSwitch", "."), ("Interface", self.vms[0].ifname)):
            self.lab.vsctl("remove", *row, "external_ids",
                           "patchpoint-parameters")
        self.becomes(self.vms[0], b"no")
        self.becomes(self.vms[1], b"no")

    def answer(self, vm):
        """What the engine answers to a long name; None: the server did."""
        seen = talk(self.client, pplab.address(vm), LONG)
        self.assertTrue(seen.statuses)
        return (seen.bytes.partition(b"\r\n\r\n")[2]
                if seen.statuses[0] == 403 else None)

    def becomes(self, vm, answer):
        wait_for("the answer of %s is %s" % (vm.ifname, answer),
                 lambda: self.answer(vm) == answer, 10, 0.2)

    def set_all(self, value):
        self.lab.vsctl("set", "Open_vSwitch", ".", "external_ids:"
                       "patchpoint-parameters=\"%s\"" % value)

    def test_per_vm(self):
        "of two VMs each has its own values; the more specific row wins"
        self.assertEqual([self.answer(vm) for vm in self.vms], [b"no", b"no"])
        self.lab.set_ids(self.vms[0], parameters=NAMES + "longest=10")
        self.becomes(self.vms[0], None)
        self.assertEqual(self.answer(self.vms[1]), b"no")
        self.set_all(NAMES + "answer=n%2Co")
        self.becomes(self.vms[1], b"n,o")
        self.assertIsNone(self.answer(self.vms[0]))

    def test_mistakes(self):
        "what is wrong changes nothing, and the status says what it is"
        self.lab.set_ids(self.vms[0], parameters=NAMES + "longest=10")
        self.becomes(self.vms[0], None)
        for value, words in (
                (NAMES + "longest=100", "is not an integer from 1 to 99"),
                (NAMES + "longest=ten", "is not an integer from 1 to 99"),
                (NAMES + "shortest=1", "has no parameter 'shortest'; it has: "
                                       "longest, answer"),
                ("CVE-2000-0004.longest=1", "no patch 'CVE-2000-0004'"),
                ("longest=1", "not of the form PATCH.NAME=VALUE"),
                (NAMES + "answer=" + "x" * 257, "not of 0 to 256 bytes")):
            with self.subTest(value[:40]):
                self.lab.set_ids(self.vms[0], parameters=value)
                self.lab.wait_status(self.vms[0].ifname, "error", 10)
                status = self.lab.status(self.vms[0].ifname)
                self.assertIn("patchpoint-parameters", status)
                self.assertIn(words, status)
                self.assertIsNone(self.answer(self.vms[0]))
        self.lab.set_ids(self.vms[0], parameters=NAMES + "longest=11")
        self.lab.wait_status(self.vms[0].ifname, "protected", 10)
        self.assertIsNone(self.answer(self.vms[0]))

    def test_answer_and_reset(self):
        "the answer arrives whole, and a RST behind it"
        with self.client.inside():
            s = socket.create_connection((pplab.address(self.vms[1]), 80), 5)
        with s:
            s.sendall(get(b"/1"))
            answer = b""
            with self.assertRaises(ConnectionResetError):
                while True:
                    data = s.recv(4096)
                    self.assertTrue(data, "a FIN, and no RST")
                    answer += data
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 Forbidden\r\n"))
        self.assertTrue(answer.endswith(b"\r\n\r\n"))

    def test_state(self):
        "what is kept is kept for one connection, over a reload too"
        def ask(s):
            s.sendall(get(b"/question"))
            return s.recv(65536)

        with self.client.inside():
            one, other = (socket.create_connection(
                (pplab.address(self.vms[1]), 80), 5) for _ in range(2))
        with one, other:
            self.assertTrue(ask(one).startswith(b"HTTP/1.1 404"))
            self.assertTrue(ask(one).startswith(b"HTTP/1.1 404"))
            self.assertEqual(ask(one), b"2.")
            self.assertTrue(ask(other).startswith(b"HTTP/1.1 404"))
            self.set_all(NAMES + "answer=yes")
            self.becomes(self.vms[1], b"yes")
            self.lab.daemon("patch/reload")
            self.assertEqual(ask(one), b"3.")
            self.assertTrue(ask(other).startswith(b"HTTP/1.1 404"))
            self.assertEqual(ask(other), b"2.")


if __name__ == "__main__":
    unittest.main()
