#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs whole test suites of real clients and servers, direct and through us
with all patches, and compares what becomes of each test.

    suites.py [-j N] [--short] [--json FILE] [-v] [NAME...]

The connections of a suite take a detour through a switch (detour.py), first
without a policy, then with every patch in force on every port of it.  Each
suite is a process with a network stack of its own.  A line of the table says:

    tests, same       how many there are, and how many passed, failed or were
                      skipped in both runs alike
    known             that differ for a reason that the recipe gives
    connections, messages, opaque
                      what the proxy saw: a suite that did not reach it proves
                      nothing, and fails
    corrections       of tests that are no exploits: 0

A suite is a recipe, NAME.json:

    "title"           whose tests these are
    "root"            what of roots.json they are in; tests/fidelity/setup
                      gets it, and says what can stand there
    "proxy", "ports"  where the protocol is spoken; "address", if not 127.0.0.1
    "env", "run"      the command; {root}, {python}, {drive} (drive.py) are
                      filled in.  It runs in an empty folder, or in a copy of
                      the root's folder "copy", in "cwd" of it
    "short"           a command for the short form, which without it is "run"
    "check"           with false, the suite is not in the short form
    "differs"         tests that differ, as regular expressions, and why
    "corrected"       what is sent on purpose and has to be corrected, as
                      regular expressions for "PATCH: FIELD=VALUE...", each
                      with how often in a run at most, and who sends it

Where a test differs without a reason, there is a second pair of runs, and it
counts if it did not come out alike in any of them: some have to do with time.

Exit code 0 if nothing differs and nothing is corrected."""

import argparse
import datetime
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
import detour                                               # noqa: E402
import run                                                  # noqa: E402

CACHE = os.path.join(os.environ.get("PP_CACHE", "/var/cache/ovs-patchpoint"),
                     "pairs", "suites")
TIMEOUT = 1800                  # Of a run of a suite, in seconds.
LOGS = os.environ.get("PP_SUITE_LOGS")


def names():
    return sorted(os.path.basename(path)[:-len(".json")]
                  for path in glob.glob(os.path.join(HERE, "*.json"))
                  if not path.endswith("/roots.json"))


def load(name):
    with open(os.path.join(HERE, name + ".json")) as f:
        recipe = json.load(f)
    recipe["name"] = name
    return recipe


def words_of(event):
    """A correction as the tables of recipes have it."""
    return event["patch"] + ":" + "".join(
        " %s=%s" % (v["name"], json.dumps(v.get("value")))
        for v in event["values"])


def reason(table, test):
    """What the recipe's 'table' says of a test; None where it says nothing."""
    for pattern, why in table.items():
        if re.search(pattern, test):
            return why
    return None


class Suite:
    def __init__(self, recipe, short, tell):
        self.recipe = recipe
        self.short = short
        self.tell = tell
        self.lab = detour.Detour(recipe["ports"],
                                 recipe.get("address", "127.0.0.1"))
        self.direct = {}        # Outcomes of each test, a set.
        self.through = {}
        self.turns = []         # Of tests through us: (began, ended, name).
        self.runs = self.through_runs = 0

    def run(self, outcomes, through=False):
        """One run of the whole suite."""
        root = os.path.join(CACHE, self.recipe["root"])
        words = {"root": root, "python": "/usr/bin/python3",
                 "drive": os.path.join(HERE, "drive.py")}

        def fill(text):
            return re.sub(r"\{(root|python|drive)\}",
                          lambda m: words[m[1]], text)

        command = self.recipe["run"]
        if self.short:
            command = self.recipe.get("short", command)
        self.runs += 1
        self.through_runs += through
        tmp = tempfile.mkdtemp(prefix="suite-")
        log = os.path.join(LOGS or tmp, "%s-%d.log" % (
            self.recipe["name"], self.runs))
        out = log[:-len(".log")] + ".jsonl"
        cwd = os.path.join(tmp, "work")
        if "copy" in self.recipe:
            detour.pphost.run(["cp", "-r", os.path.join(
                root, self.recipe["copy"]), cwd])
            cwd = os.path.join(cwd, self.recipe.get("cwd", ""))
        else:
            os.mkdir(cwd)
        env = dict(os.environ, PP_RESULTS=out, HOME=cwd, TMPDIR=cwd,
                   LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
        for key, value in self.recipe.get("env", {}).items():
            env[key] = fill(value)
        try:
            with open(log, "wb") as f:
                p = self.lab.suite.popen(
                    [fill(word) for word in command], env=env,
                    cwd=cwd,
                    stdout=f, stderr=subprocess.STDOUT)
            try:
                p.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
            self.lab.processes.remove(p)
            self.end_left_over()
            results = []
            if os.path.exists(out):
                with open(out) as f:
                    results = [json.loads(line) for line in f]
            if not results:
                with open(log, errors="replace") as f:
                    raise detour.pphost.Failed(
                        "no test ran:\n" + f.read()[-3000:])
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
        for r in results:
            outcomes.setdefault(r["test"], set()).add(r["outcome"])
            if through:
                self.turns.append((r["began"], r["ended"], r["test"]))

    def end_left_over(self):
        """Servers that the suite left would be in the next run's way."""
        pids = detour.pphost.run(
            ["ip", "netns", "pids", self.lab.suite.netns]).stdout.split()
        for pid in map(int, pids):
            if pid != os.getpid():
                os.kill(pid, signal.SIGKILL)

    def differing(self):
        return sorted(
            test for test in set(self.direct) | set(self.through)
            if not self.direct.get(test, set()) & self.through.get(test,
                                                                   set()))

    def unexplained(self):
        table = self.recipe.get("differs", {})
        return [test for test in self.differing() if not reason(table, test)]

    def corrected(self):
        """The corrections, with the tests that ran at that time."""
        found = []
        for event in self.lab.events():
            at = datetime.datetime.fromisoformat(
                event["time"].replace("Z", "+00:00")).timestamp()
            tests = [name for began, ended, name in self.turns
                     if began <= at <= ended + 0.1]
            found.append((event, tests[:3]))
        return found

    def prove(self):
        recipe = self.recipe
        began = time.monotonic()
        try:
            self.lab.start()
            self.run(self.direct)
            self.lab.protect_all(recipe["proxy"])
            before = self.lab.counters()
            self.run(self.through, through=True)
            if self.unexplained():
                self.run(self.through, through=True)
            after = self.lab.counters()
            if self.unexplained():
                self.lab.clear_ids(self.lab.vm, "policy")
                detour.pphost.wait_for(
                    "the policy is gone",
                    lambda: not self.lab.status(self.lab.vm.ifname))
                self.run(self.direct)
            count = {key: n - before.get(key, 0) for key, n in after.items()}
            corrected = self.corrected()
            self.tell({"counters": {k: n for k, n in count.items() if n},
                       "known": True})
        finally:
            self.lab.stop()

        row = {"suite": recipe["name"], "title": recipe["title"],
               "proxy": recipe["proxy"],
               "tests": len(set(self.direct) | set(self.through)),
               "passed": sum("passed" in outcomes
                             for outcomes in self.through.values()),
               "same": 0, "known": 0, "different": [], "corrections": 0,
               "meant": 0, "runs": self.runs,
               "connections": count["flow_new"],
               "messages": count["proxy_messages"],
               "opaque": count["proxy_opaque"],
               "not_understood": count["proxy_bad"],
               "bytes": count["packet_in_bytes"]}
        differing = self.differing()
        row["same"] = row["tests"] - len(differing)
        for test in differing:
            why = reason(recipe.get("differs", {}), test)
            row["known"] += bool(why)
            if not why:
                row["different"].append(test)
            self.tell({"test": test, "known": why,
                       "direct": sorted(self.direct.get(test, ["none"])),
                       "through": sorted(self.through.get(test, ["none"]))})
        known = {pattern: times * self.through_runs for pattern, (times, _)
                 in recipe.get("corrected", {}).items()}
        for event, tests in corrected:
            words = words_of(event)
            why = None
            for pattern in known:
                if known[pattern] and re.search(pattern, words):
                    known[pattern] -= 1
                    why = recipe["corrected"][pattern][1]
                    break
            row["meant" if why else "corrections"] += 1
            self.tell({"event": words, "tests": tests, "known": why})
        # What was counted and not told of would be overlooked.
        made = sum(count["correct_" + what] for what in (
            "edits", "rejects", "closes", "drops", "no_fixpoint", "failed"))
        if made and not corrected:
            row["corrections"] += made
        row["seconds"] = round(time.monotonic() - began, 1)
        self.tell({"row": row})


def proven(row):
    return not (row["different"] or row["corrections"]) and (
        row["passed"] and row["messages"])


class Table(run.Runner):
    """Runs each suite in a process of its own, and keeps the table."""

    def __init__(self, short):
        super().__init__("")
        self.short = short
        self.rows = []

    def argv(self, name):
        return run.private([os.path.abspath(__file__), "--one"]
                           + ["--short"] * self.short + [name])

    def tell(self, name, r):
        with self.lock:
            if "row" in r:
                self.rows.append(r["row"])
                print("%s: %d tests, %s (%.0f s)" % (
                    name, r["row"]["tests"], "same results" if proven(r["row"])
                    else "NOT THE SAME", r["row"]["seconds"]))
            elif "counters" in r:
                if LOGS:
                    print("%s: %s" % (name, r["counters"]))
            elif "event" in r:
                if not r["known"]:
                    print("%s: CORRECTED: %s in %s" % (
                        name, r["event"],
                        " or ".join(r["tests"]) or "no test"))
            else:
                print("%s: %s: %s: direct %s, through us %s%s" % (
                    name, "known" if r["known"] else "DIFFERS", r["test"],
                    "/".join(r["direct"]), "/".join(r["through"]),
                    "; " + r["known"] if r["known"] else ""))
            sys.stdout.flush()
        return not r.get("known", True)


def show(rows):
    form = "%-14s %-5s %6s %6s %6s %6s %9s %9s %7s %6s"
    print("\n" + form % ("", "", "", "", "", "", "connec-", "", "", "corr-"))
    print(form % ("suite", "proxy", "tests", "passed", "same", "known",
                  "tions", "messages", "opaque", "ected"))
    for row in rows:
        print(form % (
            row["suite"], row["proxy"], row["tests"], row["passed"],
            row["same"], row["known"], row["connections"], row["messages"],
            row["opaque"], row["corrections"]))
    meant = sum(row["meant"] for row in rows)
    if meant:
        print("%d corrections besides, of what tests send on purpose; the "
              "recipes say of which" % meant)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", type=int, default=2, metavar="N",
                        help="suites at a time (2)")
    parser.add_argument("--short", action="store_true",
                        help="what \"./quickstart check\" runs")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    known = names()
    for name in args.names:
        if name not in known:
            sys.exit("suites.py: no suite %s (there is: %s)"
                     % (name, ", ".join(known)))
    if args.one:
        run.be_child(lambda out: Suite(
            load(args.names[0]), args.short,
            lambda r: print(json.dumps(r), file=out, flush=True)).prove())
        return

    wanted = args.names or [
        name for name in known
        if not args.short or load(name).get("check", True)]
    table = Table(args.short)
    for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(sig, table.stop_on)
    table.run(wanted, args.j)
    rows = sorted(table.rows, key=lambda row: wanted.index(row["suite"]))
    show(rows)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)
            f.write("\n")
    good = sum(map(bool, map(proven, rows)))
    print("%d passed, %d failed" % (good, len(wanted) - good))
    sys.exit(0 if good == len(wanted) else 1)


if __name__ == "__main__":
    main()
