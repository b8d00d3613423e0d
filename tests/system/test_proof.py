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

# Half of the pairs are proven over IPv6, every other one by name.
PAIRS = fidelity.all_ids()


class Proof:
    """The three servers of one pair, and how they are compared."""

    ident = None
    version = 4

    @classmethod
    def setUpClass(cls):
        cls.pair = fidelity.load(cls.ident)
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
            server = cls.lab.serve(cls.pair, side, vm, address)
            cls.three.append((address, server))
        cls.lab.protect(vm, cls.ident)

    def ask(self, case, address, server):
        # Each thread has a namespace of its own.
        with self.client.inside():
            return fidelity.run_case((address, 80), case, server)

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
        return why + beyond_known(self.ident, case,
                                  fidelity.compare(case, new, ours))


# Where inline and vendor are known to differ, what the difference is and why.
# Anything else that differs in these cases fails, and so does a case that does
# not differ any more.
LATER = "answers come at other steps"
KNOWN = {
    # Node.js refuses at the very byte.  Inline the whole head or chunk header
    # is waited for: the client gets the same bytes, but not before that.
    ("CVE-2021-22959", "split before the colon"): LATER,
    ("CVE-2021-22960", "split before the byte"): LATER,
    ("CVE-2022-32214", "split behind the LF"): LATER,
    # The path is corrected though only a mount would give something away for
    # it, and st says it in its Location.
    ("CVE-2014-3744", "ends in encoded dots"): "answer b'HTTP/1.1 301 ",
    # The last chunk has passed when the trailers behind it are refused, and
    # the vulnerable gunicorn takes a FIN there for the end of the body.
    ("CVE-2024-1135", "trailer with an empty name"): "application saw ",
}


def beyond_known(ident, case, differs):
    known = KNOWN.get((ident, case.name))
    if not known:
        return differs
    if not any(d.startswith(known) for d in differs):
        return differs + ["no longer differs as known: " + known]
    return [d for d in differs if not d.startswith(known)]


def add_cases(cls, cases):
    for i, case in enumerate(cases):
        def test(self, case=case):
            self.prove(case)
        test.__doc__ = "%s: %s" % (case.kind, case.name)
        setattr(cls, "test_%03d" % i, test)


for _i, _ident in enumerate(PAIRS):
    _name = _ident.replace("-", "_")
    _class = type(_name, (Proof, unittest.TestCase),
                  {"ident": _ident, "version": 6 if _i % 2 else 4,
                   "__module__": __name__})
    add_cases(_class, fidelity.load(_ident).cases)
    globals()[_name] = _class
del _class


if __name__ == "__main__":
    unittest.main()
