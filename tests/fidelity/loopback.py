#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the pairs: the flaw shows on each vulnerable side, and both sides
treat everybody else alike.

    loopback.py [-v] [--dump DIR] [--case TEXT] [ID...]

Both sides of each pair run on loopback, IPv4 and, with --ipv6, IPv6.  With
--dump, what each side answered is written to DIR, a file a pair."""

import argparse
import json
import os
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fidelity  # noqa: E402


def free_port(host):
    with socket.socket(socket.AF_INET6 if ":" in host
                       else socket.AF_INET) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def judge(case, vulnerable, patched):
    """Why the pair fails 'case', or None."""
    if case.kind == fidelity.EXPLOIT:
        if not fidelity.flaw_shown(case, vulnerable, patched):
            return "the vulnerable side does not show the flaw: %r, log %r" % (
                vulnerable.bytes, vulnerable.log)
        if case.flaw and case.flaw(patched):
            return "the patched side shows the flaw: %r, log %r" % (
                patched.bytes, patched.log)
        return None
    differs = fidelity.compare(case, patched, vulnerable)
    if case.kind == fidelity.VENDOR:
        return None if differs else "both sides do the same"
    return "; ".join(differs) if differs else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("-v", action="store_true", help="show each case")
    parser.add_argument("--ipv6", action="store_true", help="use ::1")
    parser.add_argument("--dump", metavar="DIR")
    parser.add_argument("--case", default="", metavar="TEXT",
                        help="only cases with TEXT in their name")
    args = parser.parse_args()
    host = "::1" if args.ipv6 else "127.0.0.1"
    passed = failed = 0

    for ident in args.ids or fidelity.all_ids():
        pair = fidelity.load(ident)
        counts = {}
        dump = []
        with pair.start("vulnerable", host, free_port(host)) as old, \
             pair.start("patched", host, free_port(host)) as new:
            for case in pair.cases:
                if args.case not in case.name:
                    continue
                for _ in range(case.repeat):
                    a = fidelity.run_case(old.addr, case, old)
                    b = fidelity.run_case(new.addr, case, new)
                    why = judge(case, a, b)
                    if not why:
                        break
                dump.append({"case": case.name, "kind": case.kind,
                             "steps": [s.decode("latin-1")
                                       if isinstance(s, bytes)
                                       else type(s).__name__.upper()
                                       for s in case.steps],
                             "vulnerable": a.as_dict(),
                             "patched": b.as_dict()})
                good, bad = counts.get(case.kind, (0, 0))
                if why:
                    failed += 1
                    counts[case.kind] = good, bad + 1
                    print("FAIL %s: %s: %s: %s" % (ident, case.kind,
                                                   case.name, why))
                else:
                    passed += 1
                    counts[case.kind] = good + 1, bad
                    if args.v:
                        print("ok   %s: %-9s %-50s %s -> %s %s" % (
                            ident, case.kind, case.name,
                            a.statuses or a.codes, b.statuses or b.codes,
                            b.how))
        print("%-15s %s" % (ident, ", ".join(
            "%s %d/%d" % (kind, good, good + bad)
            for kind, (good, bad) in counts.items())), flush=True)
        if args.dump:
            os.makedirs(args.dump, exist_ok=True)
            with open(os.path.join(args.dump, ident + ".json"), "w") as f:
                json.dump(dump, f, indent=1)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
