#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for input on which an inline patch and the vendor's differ.

    mutants.py [-j N] [--seed N] [SECONDS] [ID...]

Cases of tests/fidelity are changed at random: bytes, lines and pieces of other
cases are put in, taken out, doubled and moved.  Each mutant goes to the pair's
vulnerable server, to its patched one, and to the vulnerable one behind the
inline patch.  Where the last two do not give the same, three times, it is
printed with what the three gave, under one of these words:

    missed      as without us, though the vendor's patch changes it
    changed     the vendor's patch does not change it, and we do
    otherwise   both change it, in different ways

and only counted, as

    held        where the others refuse a message at its first bad byte, and so
                perhaps cut the answers before it short, while inline it is
                waited for
    reset       where the inline patch's proxy resets, as it does where it would
                let pass what may be a hidden request

In force are all patches that the pair's release has.  A difference is no fault where the patch's own text says so.  Cases that are known
to differ are left out, and so are changes of the vendor's that are not the flaw's,
and cases that are more than bytes to send."""

import argparse
import json
import os
import random
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import pplab                                                # noqa: E402,F401
import fidelity                                             # noqa: E402
import proof                                                # noqa: E402
import run                                                  # noqa: E402

TOKENS = (b"\r\n", b"\r", b"\n", b" ", b"\t", b"\0", b"\x0b", b"\x7f", b"\x80",
          b"\xff", b":", b";", b",", b"=", b'"', b"\\", b".", b"..", b"/", b"%",
          b"%00", b"0", b"1", b"-", b"+", b"_", b"x", b"\r\n ", b"\r\n\r\n")
LINES = re.compile(rb"[^\n]*\n|[^\n]+")


def pieces_of(cases):
    """The lines and words that the pair's cases are made of."""
    pieces = set()
    for case in cases:
        for step in case.steps:
            if isinstance(step, bytes) and len(step) < 10000:
                pieces.update(LINES.findall(step))
                pieces.update(re.findall(rb"[\w%.-]+", step))
    return sorted(piece for piece in pieces if len(piece) < 200)


def changed(rng, data, pieces):
    """'data' with one change."""
    at = rng.randrange(len(data) + 1)
    if rng.random() < 0.5:
        # Near what ends or begins something.
        ends = [m.start() for m in re.finditer(rb"\W", data)] or [at]
        at = min(len(data), max(0, rng.choice(ends) + rng.randint(-1, 2)))
    kind = rng.randrange(7)
    if kind == 0:
        return data[:at] + data[at + rng.randint(1, 4):]
    if kind in (1, 2):
        return data[:at] + rng.choice(TOKENS) + data[at:]
    if kind == 3:
        return data[:at] + rng.choice(TOKENS) + data[at + 1:]
    if kind == 4:
        return data[:at] + rng.choice(pieces) + data[at:]
    lines = LINES.findall(data)
    line = rng.choice(lines or [b""])
    if kind == 5:
        lines.insert(rng.randrange(len(lines) + 1), line)
    elif lines:
        lines.remove(line)
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"".join(lines)


def mutant(rng, cases, pieces):
    """A case like one of 'cases'."""
    case = rng.choice(cases)
    steps = list(case.steps)
    places = [i for i, step in enumerate(steps)
              if isinstance(step, bytes) and step]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        i = rng.choice(places)
        steps[i] = changed(rng, steps[i], pieces) or b"\n"
    # What waits for a whole reply would wait for one that may not come.
    steps = [fidelity.WAIT if isinstance(step, fidelity.Wait) else step
             for step in steps]
    if rng.random() < 0.5:
        steps.append(fidelity.SHUT)
    made = fidelity.case(case.name, fidelity.NEAR, *steps, silent=True,
                         log=case.log)
    made.varying, made.settled, made.quiet = \
        case.varying, case.settled, case.quiet
    return made


def differ(case, a, b):
    """As compare(), but for when it came."""
    return [d for d in fidelity.compare(case, a, b)
            if not d.startswith(fidelity.LATER)]


def held(case, new, ours):
    """Is what is missing, or more, behind us due to what was not sent on?"""
    a, b = fidelity.normal(new.bytes, case), fidelity.normal(ours.bytes, case)
    if ours.end == fidelity.OPEN and a.startswith(b):
        return ours.log == new.log[:len(ours.log)]
    codes = new.statuses or new.codes
    return (new.end == fidelity.CLOSED and new.requests() == ours.requests()
            and codes[:-1] == (ours.statuses or ours.codes)[:len(codes) - 1])


def verdict(three, case):
    """The word for how 'case' differs, or None, and the three Seens."""
    for _ in range(3):
        old, new, ours = three.pool.map(lambda one: three.ask(case, *one),
                                        three.servers)
        if not differ(case, new, ours):
            return None, ()
    if held(case, new, ours):
        return "held", ()
    if ours.how == "RST" and new.how != "RST":
        return "reset", ()
    word = ("missed" if not differ(case, old, ours)
            else "changed" if not differ(case, old, new) else "otherwise")
    return word, (old, new, ours)


def told(seen):
    return "%s, %s%s, saw %s" % (
        seen.bytes[:400], seen.end, " " + seen.how if seen.how else "",
        json.dumps(seen.log)[:400])


def look(pair, version, seed, seconds, tell):
    """Sends mutants of the cases of 'pair' for so long."""
    cases = [case for case in pair.cases
             if not case.known and case.repeat == 1
             and case.kind != fidelity.VENDOR
             and not any(callable(step) for step in case.steps)
             and any(isinstance(step, bytes) and 0 < len(step) < 10000
                     for step in case.steps)]
    three = proof.Three(pair, version, fidelity.siblings(pair))
    pieces = pieces_of(cases)
    sent = corrected = 0
    try:
        three.start()
        end = time.monotonic() + seconds
        while cases and time.monotonic() < end:
            case = mutant(random.Random("%s %d" % (seed, sent)), cases, pieces)
            sent += 1
            try:
                word, seen = verdict(three, case)
            except (OSError, RuntimeError) as e:
                tell({"word": "failed", "why": "%s: %r: %s" % (
                    case.name, case.steps, e)})
                continue
            if word:
                tell({"word": word, "why": seen and "%s: %s\n%s" % (
                    case.name, [step for step in case.steps
                                if step != fidelity.WAIT],
                    "\n".join("        %-10s %s" % (side, told(s))
                              for side, s in zip(("vulnerable", "patched",
                                                  "ours"), seen)))})
        corrected = three.corrections()
    finally:
        three.stop()
    tell({"sent": sent, "corrected": corrected})


class Table(run.Runner):
    """Runs each pair in a process of its own, and counts."""

    def __init__(self, seed, seconds):
        super().__init__("")
        self.seed = seed
        self.seconds = seconds
        self.rows = {}

    def argv(self, name):
        return run.private([os.path.abspath(__file__), "--one", "--seed",
                            self.seed, str(self.seconds), name])

    def tell(self, name, r):
        with self.lock:
            row = self.rows.setdefault(name, {})
            if "word" in r:
                row[r["word"]] = row.get(r["word"], 0) + 1
                if r["why"]:
                    print("%s: %s: %s" % (name, r["word"], r["why"]))
            elif "sent" in r:
                row.update(r)
            else:
                row["failed"] = row.get("failed", 0) + 1
                print("%s: %s" % (name, r["title"]))
            sys.stdout.flush()
        return r.get("outcome") == "failed"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", type=int, default=2, metavar="N",
                        help="pairs at a time (2)")
    parser.add_argument("--seed", default=None, help="(another each time)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", metavar="SECONDS|ID",
                        help="for how long each pair (60), and which (all)")
    args = parser.parse_args()
    seconds = next((int(w) for w in args.words if w.isdigit()), 60)
    ids = [word for word in args.words if not word.isdigit()]
    pairs = {pair.ident: (pair, version)
             for pair, version in fidelity.all_pairs()}
    for ident in ids:
        if ident not in pairs:
            sys.exit("mutants.py: no pair %s (there is: %s)"
                     % (ident, ", ".join(pairs)))
    seed = args.seed or str(random.randrange(10**9))
    if args.one:
        run.be_child(lambda out: look(
            *pairs[ids[0]], seed, seconds,
            lambda r: print(json.dumps(r), file=out, flush=True)))
        return

    print("seed %s" % seed, flush=True)
    table = Table(seed, seconds)
    for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(sig, table.stop_on)
    table.run(ids or list(pairs), args.j)
    words = ("sent", "corrected", "missed", "changed", "otherwise", "failed", "held",
             "reset")
    print(("%-15s" + " %9s" * len(words)) % (("id",) + words))
    for ident, row in sorted(table.rows.items()):
        print(("%-15s" + " %9d" * len(words)) % (
            (ident,) + tuple(row.get(word, 0) for word in words)))
    sys.exit(any(row.get(word) for row in table.rows.values()
                 for word in words[2:-2]))


if __name__ == "__main__":
    main()
