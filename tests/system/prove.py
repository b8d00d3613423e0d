#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves patches with three real servers each, and prints a table.

    prove.py [-j N] [--json FILE] [-v] [ID...]

For each pair of tests/fidelity (or those named), exploits, near misses and
ordinary requests go to its vulnerable server, to its patched one, and to the
vulnerable one behind the inline patch; and so do the ordinary clients of the
protocol (tests/fidelity/clients.py).  Each pair is a process with a network
stack of its own, as the system tests are.  A line of the table says:

    flaw shown            every exploit works on the vulnerable server, and on
                          neither of the others
    equal to vendor       to exploits and near misses the protected server
                          answers, and ends up, as the patched one
    ordinary unchanged    everybody else is served as without the inline patch
    false corrections     counted on ordinary traffic: 0

A near miss may be corrected where that comes to the same, as when both servers
refuse it in the same words; how many were stands in the JSON.

Exit code 0 if all patches are proven."""

import argparse
import json
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import pplab                                                # noqa: E402
import clients                                              # noqa: E402
import fidelity                                             # noqa: E402
import proof                                                # noqa: E402
import run                                                  # noqa: E402


def patch_of(ident):
    """The protocol and the kinds of correction of a patch."""
    for protocol in sorted(os.listdir(pplab.PATCHES)):
        name = os.path.join(pplab.PATCHES, protocol, ident + ".yaml")
        if os.path.exists(name):
            text = pplab.tool("explain", name).stdout
            kinds = re.findall(r"(?m)^ +then (\w+)", text)
            return protocol, ", ".join(dict.fromkeys(kinds))
    raise SystemExit("prove.py: no patch %s" % ident)


def prove(pair, version, tell):
    """Runs all cases of 'pair'; tells each, and the line of the table."""
    protocol, correction = patch_of(pair.ident)
    cases = clients.cases(protocol, pair.clients)
    pair.adopt(cases)
    three = proof.Three(pair, version)
    row = {"id": pair.ident, "protocol": protocol, "correction": correction,
           "flaw_shown": True, "equal_to_vendor": True,
           "ordinary_unchanged": True, "false_corrections": 0,
           "comparisons": 0, "known_differences": 0,
           "near_misses_corrected": 0}
    try:
        three.start()
        hits = 0
        for case in pair.cases + cases:
            began = time.monotonic()
            verdict = three.prove(case)
            row["flaw_shown"] &= not verdict.flaw
            row["equal_to_vendor"] &= not verdict.vendor
            row["ordinary_unchanged"] &= not verdict.ordinary
            row["false_corrections"] += verdict.false_corrections()
            row["comparisons"] += 1
            row["known_differences"] += verdict.known
            if case.kind == fidelity.NEAR:
                row["near_misses_corrected"] += verdict.corrections > 0
            tell({"case": case.name, "kind": case.kind,
                  "why": "; ".join(verdict.why()),
                  "seconds": round(time.monotonic() - began, 2)})
        hits = three.corrections()
    finally:
        three.stop()
    # With a flaw shown that was never corrected, something else is at work.
    row["flaw_shown"] &= hits > 0
    tell({"row": row})


def proven(row):
    return (row["flaw_shown"] and row["equal_to_vendor"]
            and row["ordinary_unchanged"] and not row["false_corrections"])


class Table(run.Runner):
    """Runs each pair in a process of its own, and keeps the table."""

    def __init__(self, verbose):
        super().__init__("")
        self.verbose = verbose
        self.rows = []
        self.began = time.monotonic()

    def argv(self, name):
        return run.private([os.path.abspath(__file__), "--one", name])

    def tell(self, name, r):
        with self.lock:
            if "row" in r:
                self.rows.append(r["row"])
                print("%4d s  %s: %s, %d comparisons" % (
                    time.monotonic() - self.began, name,
                    "proven" if proven(r["row"]) else "NOT PROVEN",
                    r["row"]["comparisons"]))
            elif r["why"] or self.verbose:
                print("%s  %s: %s: %s (%.1f s)%s" % (
                    "FAILED" if r["why"] else "ok    ", name, r["kind"],
                    r["case"], r["seconds"],
                    "\n        " + r["why"] if r["why"] else ""))
            sys.stdout.flush()
        return bool(r.get("why"))


def show(rows, ids):
    def word(good):
        return "yes" if good else "NO"

    form = "%-15s %-8s %-24s %-6s %-7s %-9s %5s"
    print("\n" + form % ("", "", "", "flaw", "equal", "ordinary", "false"))
    print(form % ("id", "protocol", "correction", "shown", "vendor",
                  "unchanged", "corr."))
    for row in rows:
        print(form % (
            row["id"], row["protocol"], row["correction"],
            word(row["flaw_shown"]),
            word(row["equal_to_vendor"])
            + ("*" if row["known_differences"] else ""),
            word(row["ordinary_unchanged"]), row["false_corrections"]))
    for ident in sorted(set(ids) - {row["id"] for row in rows}):
        print("%-15s did not run to its end" % ident)
    known = sum(row["known_differences"] for row in rows)
    if known:
        print("* but for %d comparisons that are known to differ; their "
              "cases.py say why" % known)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", type=int, default=2, metavar="N",
                        help="pairs at a time (2)")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("-v", action="store_true", help="show each case")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("ids", nargs="*", metavar="ID")
    args = parser.parse_args()
    pairs = {pair.ident: (pair, version)
             for pair, version in fidelity.all_pairs()}
    for ident in args.ids:
        if ident not in pairs:
            sys.exit("prove.py: no pair %s (there is: %s)"
                     % (ident, ", ".join(pairs)))
    if args.one:
        run.be_child(lambda out: prove(
            *pairs[args.ids[0]],
            lambda r: print(json.dumps(r), file=out, flush=True)))
        return

    ids = args.ids or list(pairs)
    table = Table(args.v)
    for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(sig, table.stop_on)
    table.run(ids, args.j)
    rows = sorted(table.rows, key=lambda row: ids.index(row["id"]))
    show(rows, ids)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)
            f.write("\n")
    good = sum(proven(row) for row in rows)
    print("%d patches proven, %d not" % (good, len(ids) - good))
    sys.exit(0 if good == len(ids) else 1)


if __name__ == "__main__":
    main()
