# SPDX-License-Identifier: Apache-2.0
"""No way around by what servers read in different ways: see framing.py.  What
is sent is of one seed; "./quickstart framing" sends other."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import framing                                              # noqa: E402
import pplab                                                # noqa: E402
from pphost import GotThrough                               # noqa: E402


class Short(unittest.TestCase):
    """What the tests of all protocols share."""

    def look(self, protocol, numbers):
        lab = pplab.Lab.of(type(self))
        servers = framing.Framing(lab, protocol,
                                  framing.protocol(protocol).SHORT)
        for ident, mode, got in servers.run("1", range(numbers), 16):
            with self.subTest(ident, mode=mode):
                if mode == "off":
                    self.assertTrue(got, "without us: no harm")
                elif got:
                    raise GotThrough([servers.make("1", n) for n in got])


class Http(Short):
    def test_seed(self):
        "of requests in odd framing no server gets one that a patch refuses"
        self.look("http", 400)


class Smtp(Short):
    def test_seed(self):
        "of hidden mail commands no server gets one that a patch refuses"
        self.look("smtp", 80)


class Ftp(Short):
    def test_seed(self):
        "of hidden FTP commands no server gets one that a patch refuses"
        self.look("ftp", 80)


class Ldap(Short):
    def test_seed(self):
        "of hidden LDAP requests no server gets one that a patch refuses"
        self.look("ldap", 70)


if __name__ == "__main__":
    unittest.main()
