#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what many patches cost: 10, 100, 1,000 and 10,000 of them.

    scale.py [--rounds N] [--json FILE]

tests/bench/README.rst says what is measured and how."""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.environ.get("PP_BUILDDIR", "."), "tests/bench",
                       "pp-scale")
COUNTS = (10, 100, 1000, 10000)
TURNS = 8

COLUMNS = (
    ("patches", "patches", "%d"),
    ("requests_per_s", "requests/s", "%d"),
    ("median_requests_per_s", "median", "%d"),
    ("gbps", "Gb/s", "%.2f"),
    ("gbps_alone", "alone Gb/s", "%.2f"),
    ("instructions_per_request", "instr.", "%d"),
    ("first_load_ms", "1st load", "%d"),
    ("load_ms", "load ms", "%d"),
    ("read_ms", "read", "%d"),
    ("build_ms", "compile", "%d"),
    ("load_peak_kib", "peak KiB", "%d"),
    ("swap_ms", "swap ms", "%.1f"),
    ("swap_peak_kib", "peak KiB", "%d"),
)


def run(folder, count, *args, prefix=()):
    result = subprocess.run(
        [*prefix, PROGRAM, os.path.join(folder, "patches-%d" % count),
         os.path.join(folder, "requests"), *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit("scale: %d patches: exit code %d\n%s%s" % (
            count, result.returncode, result.stdout, result.stderr))
    return json.loads(result.stdout), result.stderr


def instructions(folder, count):
    """Those that a request and its answer take, which nothing else on the
    machine changes; None without valgrind."""
    if not shutil.which("valgrind"):
        return None
    total = []
    for rounds in "1", "2":
        row, err = run(folder, count, rounds, "-", prefix=(
            "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
            "--toggle-collect=world_run*"))
        # The process that loads says so, too: it has none.
        total.append(max(map(int, re.findall(r"Collected : (\d+)", err))))
    return (total[1] - total[0]) / row["requests"]


def measure(folder, rounds):
    """The rows, and the median of what each turn has with the most patches, as
    a part of what it has with the fewest."""
    rows = {}
    rates = {count: [] for count in COUNTS}
    # In turns, so that what else goes on on the machine meets all alike, and
    # each turn on one processor: those of a virtual machine are not equal.
    cpus = sorted(os.sched_getaffinity(0))
    for turn in range(TURNS):
        cpu = cpus[turn % len(cpus)]
        for count in random.sample(COUNTS, len(COUNTS)):
            row, _ = run(folder, count, str(rounds),
                         os.path.join(folder, "vetted-%d" % count), str(cpu))
            if not turn:
                rows[count] = dict(row, first_load_ms=row["load_ms"])
            best = rows[count]
            rates[count].append(row["requests_per_s"])
            for key in "requests_per_s", "gbps", "gbps_alone":
                best[key] = max(best[key], row[key])
            for key in "swap_ms", "load_ms", "read_ms", "build_ms":
                best[key] = min(best[key], row[key])
            print("scale: %d patches, %d requests/s on processor %d" % (
                count, row["requests_per_s"], cpu), file=sys.stderr)
    turns = [last / first for first, last in zip(rates[COUNTS[0]],
                                                 rates[COUNTS[-1]])]
    for count in COUNTS:
        rows[count]["median_requests_per_s"] = statistics.median(rates[count])
        rows[count]["instructions_per_request"] = instructions(folder, count)
    return [rows[count] for count in COUNTS], statistics.median(turns)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100, metavar="N",
                        help="of all requests, in each turn (100)")
    parser.add_argument("--json", metavar="FILE",
                        help="write the figures to FILE")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(HERE, "generate.py"),
                        folder, *map(str, COUNTS)], check=True)
        rows, turn = measure(folder, args.rounds)
    print("  ".join("%10s" % title for _, title, _ in COLUMNS))
    for row in rows:
        print("  ".join("%10s" % ("-" if row[key] is None else form % row[key])
                        for key, _, form in COLUMNS))
    print("requests/s with %d patches are %.2f of those with %d, "
          "in the median turn %.2f" % (
              COUNTS[-1],
              rows[-1]["requests_per_s"] / rows[0]["requests_per_s"],
              COUNTS[0], turn))
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=2)
            f.write("\n")


if __name__ == "__main__":
    main()
