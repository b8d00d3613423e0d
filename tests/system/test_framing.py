# SPDX-License-Identifier: Apache-2.0
"""No way around by framing that servers read in different ways: see
framing.py.  Requests of one seed; "./quickstart framing" sends others."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import framing                                              # noqa: E402
import pplab                                                # noqa: E402


class Framing(unittest.TestCase):
    def test_seed(self):
        "of requests in odd framing no server gets one that a patch refuses"
        lab = pplab.Lab.of(type(self))
        servers = framing.Framing(lab, ("CVE-2021-22959", "CVE-2024-1135"))
        got = servers.run("1", range(400), 16)
        for ident, mode, numbers in got:
            with self.subTest(ident, mode=mode):
                if mode == "off":
                    self.assertTrue(numbers, "without us: no harm")
                else:
                    self.assertEqual([framing.Requests("1 %d" % n).make(n)
                                      for n in numbers], [])


if __name__ == "__main__":
    unittest.main()
