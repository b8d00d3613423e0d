# SPDX-License-Identifier: Apache-2.0
"""Ordinary LDAP through all patches: clients of two kinds get from a protected
slapd what they get from one without protection, and nothing is corrected."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402

import ldapmsg                                              # noqa: E402

PAIR = "CVE-2020-12243"
CORRECTIONS = ("match_hits", "correct_edits", "correct_rejects",
               "correct_closes", "correct_drops", "correct_failed",
               "proxy_bad")


class Ldap:
    version = 4

    @classmethod
    def setUpClass(cls):
        cls.pair = fidelity.load(PAIR)
        cls.lab = pplab.Lab.of(cls)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.bare = cls.lab.add_server_vm("bare", 1)
        cls.behind = cls.lab.add_server_vm("ours", 2)
        cls.servers = {
            vm: cls.lab.serve(cls.pair, "patched", vm,
                              pplab.address(vm, cls.version), cls.pair.port)
            for vm in (cls.bare, cls.behind)}
        cls.lab.protect(cls.behind, "all")

    def run_case(self, vm, case):
        with self.client.inside():
            return fidelity.run_case(
                (pplab.address(vm, self.version), self.pair.port), case,
                self.servers[vm])

    def corrections(self):
        return {name: self.lab.counter(name) for name in CORRECTIONS}

    def test_ordinary_clients(self):
        "ordinary clients are served as without us, without a correction"
        before = self.corrections()
        decided = self.lab.counter("proxy_messages")
        for case in self.pair.cases:
            if case.kind == fidelity.ORDINARY:
                a, b = (self.run_case(vm, case)
                        for vm in (self.bare, self.behind))
                self.assertEqual(fidelity.compare(case, a, b), [], case.name)
        self.assertEqual(self.corrections(), before)
        # They did go through the patches: the long session has 200 alone.
        self.assertGreater(self.lab.counter("proxy_messages"), decided + 200)

    def test_protection_is_on(self):
        "and the patches are in force: what they are for is refused"
        hits = self.lab.counter("match_hits")
        deep = ldapmsg.search(b"\xa2\0" * 1001 + ldapmsg.present())
        seen = pplab.talk(self.client,
                          pplab.address(self.behind, self.version),
                          ldapmsg.message(1, deep), ldapmsg.ANSWER,
                          port=self.pair.port)
        self.assertIn(b"filter nested too deeply", seen.bytes)
        pplab.wait_for("the hit is counted", lambda: self.lab.counter(
            "match_hits") == hits + 1)
        self.assertEqual(seen.end, fidelity.CLOSED)


class LdapIPv4(Ldap, unittest.TestCase):
    pass


class LdapIPv6(Ldap, unittest.TestCase):
    version = 6


if __name__ == "__main__":
    unittest.main()
