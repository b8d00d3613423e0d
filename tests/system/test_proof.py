# SPDX-License-Identifier: Apache-2.0
"""The proof of each patch: the vulnerable server shows the flaw, the patched
one gives the vendor's answer, and the vulnerable one behind the inline patch
gives that same answer; and everybody else is served as ever.

A class a patch, a test a case of tests/fidelity, each with three VMs on one
switch.  A case fails if the client does not get the same bytes and the same
end of the connection from the protected server as from the patched one, or if
the two applications did not see the same."""

import concurrent.futures
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402

# Half of the pairs are proven over IPv6, every other one by name, but for
# those that are bound to a version.
PAIRS = [fidelity.load(ident) for ident in fidelity.all_ids()]


class Proof:
    """The three servers of one pair, and how they are compared."""

    pair = None
    version = 4

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab()
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start()
        cls.client = cls.lab.add_client()
        cls.lab.start_daemon()
        cls.pool = concurrent.futures.ThreadPoolExecutor(3)
        cls.addClassCleanup(cls.pool.shutdown)
        cls.three = []
        for host, (short, side) in enumerate((("old", "vulnerable"),
                                              ("new", "patched"),
                                              ("ours", "vulnerable")), 1):
            vm = cls.lab.add_server_vm(short, host)
            address = pplab.address(vm, cls.version)
            server = cls.lab.serve(cls.pair, side, vm, address,
                                   cls.pair.port)
            cls.three.append((address, server))
        cls.lab.protect(vm, cls.pair.ident)

    def ask(self, case, address, server):
        # Each thread has a namespace of its own.
        with self.client.inside():
            return fidelity.run_case((address, self.pair.port), case, server)

    def prove(self, case):
        # For a case with a race in the server a few tries are the case's.
        for _ in range(case.repeat):
            old, new, ours = self.pool.map(
                lambda one: self.ask(case, *one), self.three)
            why = self.judge(case, old, new, ours)
            if not why:
                return
        self.fail("; ".join(why))

    def judge(self, case, old, new, ours):
        """What is wrong, in words."""
        why = []
        if case.kind == fidelity.VENDOR:
            # Another change of the same release: ours to make or not.
            if fidelity.compare(case, old, ours):
                why = fidelity.compare(case, new, ours)
            return why
        if case.kind == fidelity.EXPLOIT:
            if not fidelity.flaw_shown(case, old, new):
                why.append("the vulnerable server does not show the flaw: %r"
                           % old.bytes)
            if case.flaw and case.flaw(ours):
                why.append("the flaw shows behind the inline patch")
        else:
            why += ["without us: " + w
                    for w in fidelity.compare(case, new, old)]
        return why + beyond_known(case,
                                  fidelity.compare(case, new, ours))


def beyond_known(case, differs):
    """What differs beyond what 'case' says it does."""
    if not case.known:
        return differs
    if not any(d.startswith(case.known) for d in differs):
        return differs + ["no longer differs as known: %s" % (case.known,)]
    return [d for d in differs if not d.startswith(case.known)]


def add_cases(cls, cases):
    for i, case in enumerate(cases):
        def test(self, case=case):
            self.prove(case)
        test.__doc__ = "%s: %s" % (case.kind, case.name)
        setattr(cls, "test_%03d" % i, test)


for _i, _pair in enumerate(PAIRS):
    _name = _pair.ident.replace("-", "_")
    _class = type(_name, (Proof, unittest.TestCase),
                  {"pair": _pair, "version": _pair.ip or (6 if _i % 2 else 4),
                   "__module__": __name__})
    add_cases(_class, _pair.cases)
    globals()[_name] = _class
del _class


if __name__ == "__main__":
    unittest.main()
