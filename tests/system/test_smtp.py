# SPDX-License-Identifier: Apache-2.0
"""Ordinary mail, with every patch in force: it arrives as it was sent, nothing
is corrected, and a large message is not held."""

import hashlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import smtp_cases                                           # noqa: E402

PAIR = "CVE-2024-34083"
MIB = 1 << 20


class OrdinaryMail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.client = cls.lab.add_client()
        cls.lab.start_daemon()
        cls.pair = fidelity.load(PAIR)
        cls.vm = cls.lab.add_server_vm("mx", 1)
        cls.server = cls.lab.serve(cls.pair, "vulnerable", cls.vm, None, 25)
        cls.lab.protect(cls.vm, "all")

    def setUp(self):
        self.before = self.lab.counter("proxy_skipped_bytes")

    def send(self, *steps, patience=2.0):
        case = fidelity.case("", fidelity.ORDINARY, *steps)
        case.settled = lambda log: any(line.get("event") == "closed"
                                       for line in log)
        with self.client.inside():
            seen = fidelity.run_case((pplab.address(self.vm), 25), case,
                                     self.server, patience=patience)
        # It was looked at, and nothing was found.
        self.assertGreater(self.lab.counter("proxy_skipped_bytes"), self.before)
        self.assertEqual(self.lab.counter("match_hits"), 0)
        self.assertEqual(self.lab.counter("proxy_bad"), 0)
        return seen

    def content(self, seen):
        message, = smtp_cases.messages(seen)
        return message["content"].encode("latin-1")

    def test_swaks(self):
        """swaks"""
        seen = self.send(smtp_cases.with_swaks())
        self.assertEqual(self.content(seen),
                         smtp_cases.TEXT + b"hello\r\n\r\n")

    def test_swaks_pipelined(self):
        """swaks, pipelined"""
        seen = self.send(smtp_cases.with_swaks("--pipeline"))
        self.assertEqual(self.content(seen),
                         smtp_cases.TEXT + b"hello\r\n\r\n")

    def test_smtplib(self):
        """Python's smtplib"""
        text = smtp_cases.TEXT + b".\r\n..\r\n.a\r\n \xc3\xa9\r\n"
        seen = self.send(smtp_cases.with_smtplib(
            text, mail_options=["BODY=8BITMIME", "SIZE=100"]))
        self.assertEqual(self.content(seen), text)

    def test_smtplib_tls(self):
        """Python's smtplib with STARTTLS"""
        text = smtp_cases.TEXT + b"hello\r\n"
        seen = self.send(smtp_cases.with_smtplib(text, tls=True))
        self.assertEqual(self.content(seen), text)

    def test_large(self):
        """50 MiB pass unchanged, and are not held"""
        line = b"0123456789abcdef" * 4 + b"\r\n"
        text = smtp_cases.TEXT + line * (50 * MIB // len(line))
        memory = self.engine_memory()
        seen = self.send(*smtp_cases.begin(), text + b".\r\n",
                         fidelity.REPLY, *smtp_cases.QUIT, patience=60)
        self.assertEqual(self.content(seen),
                         hashlib.sha256(text).hexdigest().encode())
        self.assertLess(self.engine_memory() - memory, 25 * MIB)

    def engine_memory(self):
        """The most memory that the engine had, in bytes."""
        with open("/proc/%d/status" % self.lab.engine_pid()) as f:
            line, = (line for line in f if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024


if __name__ == "__main__":
    unittest.main()
