# SPDX-License-Identifier: Apache-2.0
"""The proof of a patch: its vulnerable server, its patched one, and the
vulnerable one behind the inline patch, three VMs on one switch, are asked the
same and compared.

test_proof.py makes tests of it, prove.py the table of "quickstart fidelity".
"""

import concurrent.futures
import re
import subprocess
import urllib.parse

import fidelity
import pplab


class Verdict:
    """What is wrong, in words, by what it is a failure of; nothing where the
    patch is as it should be."""

    def __init__(self, case):
        self.case = case
        self.flaw = []          # The flaw does not show, or shows behind us.
        self.behind_us = False
        self.vendor = []        # Other than the vendor's server.
        self.ordinary = []      # Not an attack, and treated otherwise.
        self.corrections = 0    # How many were counted.
        self.known = False      # Differs, as the case says that it does.

    def why(self):
        why = self.flaw + self.vendor + self.ordinary
        if self.false_corrections():
            why.append("%d corrections of ordinary traffic"
                       % self.corrections)
        return why

    def false_corrections(self):
        return self.corrections if self.case.kind == fidelity.ORDINARY else 0


class Three:
    """The three servers of 'pair', on IP 'version' where the pair is not bound
    to one; with the pair's own patch, or with 'patches'."""

    def __init__(self, pair, version, patches=()):
        self.pair = pair
        self.patches = patches or [pair.ident]
        self.version = pair.ip or version
        self.lab = pplab.Lab()
        self.pool = concurrent.futures.ThreadPoolExecutor(3)
        self.servers = []

    def start(self):
        self.lab.start()
        self.client = self.lab.add_client()
        self.lab.start_daemon()
        for host, (short, side) in enumerate((("old", "vulnerable"),
                                              ("new", "patched"),
                                              ("ours", "vulnerable")), 1):
            vm = self.lab.add_server_vm(short, host)
            address = pplab.address(vm, self.version)
            server = self.lab.serve(self.pair, side, vm, address,
                                    self.pair.port)
            self.servers.append((address, server))
        keys = {}
        if self.pair.parameters:
            keys["parameters"] = " ".join(
                "%s.%s=%s" % (self.pair.ident, name,
                              urllib.parse.quote(value, ":=/"))
                for name, value in self.pair.parameters.items())
        self.lab.protect(vm, " ".join(self.patches), **keys)

    def stop(self):
        self.lab.stop()
        self.pool.shutdown()

    def ask(self, case, address, server):
        # Each thread has a namespace of its own.
        with self.client.inside():
            return fidelity.run_case((address, self.pair.port), case, server)

    def corrections(self):
        """How many the patches have made so far."""
        return sum(int(re.search(r" hits=(\d+)", line)[1])
                   for line in self.lab.daemon("patch/list").splitlines()
                   if line.split()[:1][0] in self.patches)

    def prove(self, case):
        """The Verdict on 'case'.  Where there is a race in the server, a few
        tries are the case's."""
        for _ in range(case.repeat):
            before = self.corrections()
            try:
                verdict = judge(case, *self.pool.map(
                    lambda one: self.ask(case, *one), self.servers))
            except (OSError, RuntimeError, subprocess.SubprocessError) as e:
                # A client that could not do what it is for.
                verdict = Verdict(case)
                verdict.ordinary.append("%s: %s" % (type(e).__name__, e))
            verdict.corrections = self.corrections() - before
            if not verdict.why():
                break
        return verdict


def judge(case, old, new, ours):
    """The Verdict on what the three servers did."""
    verdict = Verdict(case)
    if case.kind == fidelity.VENDOR:
        # Another change of the same release: ours to make or not.
        if fidelity.compare(case, old, ours):
            verdict.vendor = fidelity.compare(case, new, ours)
        return verdict
    if case.kind == fidelity.EXPLOIT:
        if not fidelity.flaw_shown(case, old, new):
            verdict.flaw.append("the vulnerable server does not show the "
                                "flaw: %r, log %r" % (old.bytes, old.log))
        if case.flaw and case.flaw(new):
            verdict.flaw.append("the patched server shows the flaw")
        if case.flaw and case.flaw(ours):
            verdict.behind_us = True
            verdict.flaw.append("the flaw shows behind the inline patch")
    else:
        verdict.ordinary += ["without us: " + w
                             for w in fidelity.compare(case, new, old)]
    differs = fidelity.compare(case, new, ours)
    rest = beyond_known(case, differs)
    verdict.known = bool(differs) and not rest
    if case.kind == fidelity.ORDINARY:
        verdict.ordinary += rest
    else:
        verdict.vendor = rest
    return verdict


def beyond_known(case, differs):
    """What differs beyond what 'case' says it does."""
    if not case.known:
        return differs
    if not any(d.startswith(case.known) for d in differs):
        return differs + ["no longer differs as known: %s" % (case.known,)]
    return [d for d in differs if not d.startswith(case.known)]
