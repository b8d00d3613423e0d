# SPDX-License-Identifier: Apache-2.0
"""The proof of each patch: the vulnerable server shows the flaw, the patched
one gives the vendor's answer, and the vulnerable one behind the inline patch
gives that same answer; and everybody else is served as ever.

A class a patch, a test a case of tests/fidelity, each with three VMs on one
switch.  A case fails if the client does not get the same bytes and the same
end of the connection from the protected server as from the patched one, if
the two applications did not see the same, or if a correction was counted on
what is no attack.  Pairs that take long to build are left to
"./quickstart fidelity"."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402,F401
import fidelity                                             # noqa: E402
import proof                                                # noqa: E402
from pphost import GotThrough                               # noqa: E402


class Proof:
    """The three servers of one pair, and how they are compared."""

    pair = None
    version = 4

    @classmethod
    def setUpClass(cls):
        cls.three = proof.Three(cls.pair, cls.version)
        cls.addClassCleanup(cls.three.stop)
        cls.three.start()

    def prove(self, case):
        verdict = self.three.prove(case)
        why = "; ".join(verdict.why())
        if verdict.behind_us:
            raise GotThrough(why)
        if why:
            self.fail(why)


def add_cases(cls, cases):
    for i, case in enumerate(cases):
        def test(self, case=case):
            self.prove(case)
        test.__doc__ = "%s: %s" % (case.kind, case.name)
        setattr(cls, "test_%03d" % i, test)


for _pair, _version in fidelity.all_pairs():
    if _pair.in_check:
        _name = _pair.ident.replace("-", "_")
        _class = type(_name, (Proof, unittest.TestCase),
                      {"pair": _pair, "version": _version,
                       "__module__": __name__})
        add_cases(_class, _pair.cases)
        globals()[_name] = _class
del _class


if __name__ == "__main__":
    unittest.main()
