#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the system tests: each class in a process and on a network stack of its
own (private.py), several at a time, since most wait more than they work.

    run.py [-j N] [--except MODULE] [-k TEXT] [--json FILE] [--take FOLDER]
           [--recheck] [MODULE[.CLASS]...]

Prints a line for each test and ends with "N passed, N failed".

With --recheck, a class in which a test failed is run once more, with nothing
beside it, and what it does then counts: on a machine that stands still for
seconds, a test may wait in vain.  What failed at first is printed with all that
is known of it.  A pphost.GotThrough counts at once."""

import argparse
import collections
import glob
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from pphost import GotThrough, PrivateOvs, interrupt_on     # noqa: E402


# More failing classes than this are no matter of chance.
RECHECKED = 4


def load(name):
    return unittest.defaultTestLoader.loadTestsFromName(name)


def classes_of(module):
    """The test classes of a module that have tests, by name."""
    names = set()

    def walk(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                walk(test)
            else:
                names.add(type(test).__name__)
    walk(load(module))
    return ["%s.%s" % (module, name) for name in sorted(names)]


class Result(unittest.TestResult):
    """Writes a line of JSON for each test as it ends."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.began = {}

    def tell(self, test, outcome, why="", state="", final=False):
        # A fixture's failure comes as a stand-in for the whole class.
        name = getattr(test, "_testMethodName", str(test))
        doc = getattr(test, "_testMethodDoc", None)
        began = self.began.get(test, time.monotonic())
        print(json.dumps({
            "test": name, "title": (doc or name).split("\n")[0],
            "outcome": outcome, "why": why, "state": state, "final": final,
            "seconds": round(time.monotonic() - began, 2)}),
            file=self.out, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.began[test] = time.monotonic()

    def addSuccess(self, test):
        self.tell(test, "passed")

    def addError(self, test, err):
        # Nothing is cleaned up yet.
        lab = getattr(test, "lab", None)
        self.tell(test, "failed", self._exc_info_to_string(err, test),
                  lab.state() if isinstance(lab, PrivateOvs) else "",
                  issubclass(err[0], GotThrough))

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        if err:
            self.tell(subtest, "failed", self._exc_info_to_string(err, test),
                      final=issubclass(err[0], GotThrough))

    def addSkip(self, test, reason):
        self.tell(test, "skipped", reason)

    def addExpectedFailure(self, test, err):
        self.tell(test, "skipped", "known not to hold yet")

    def addUnexpectedSuccess(self, test):
        self.tell(test, "failed", "holds now: it is no known failure any more")


def selected(suite, text):
    tests = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            tests.addTest(selected(test, text))
        elif not text or text in test.id() or text in (
                test.shortDescription() or ""):
            tests.addTest(test)
    return tests


def private(argv):
    """The command of a child: a program of Python's on its own network."""
    return [sys.executable, os.path.join(HERE, "private.py"),
            sys.executable] + argv


def be_child(work):
    """In a child: calls 'work' with what was standard output, for JSON."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    interrupt_on(signal.SIGTERM, signal.SIGHUP)
    try:
        work(out)
    except KeyboardInterrupt:
        # What was started is ended at exit.
        sys.exit(1)


class Runner:
    """Runs children, several at a time, and shows what they tell."""

    def __init__(self, text, take=None, results_file=None):
        self.text = text
        self.take = take
        self.results_file = results_file
        self.results = []
        self.lock = threading.Lock()
        self.children = set()
        self.stopping = False

    def argv(self, name):
        """The child for 'name'."""
        argv = private([os.path.abspath(__file__), "--class", name])
        return argv + ["-k", self.text] if self.text else argv

    def one(self, name):
        with self.lock:
            if self.stopping:
                return
            p = subprocess.Popen(self.argv(name), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True,
                                 stdin=subprocess.DEVNULL,
                                 start_new_session=True)
            self.children.add(p)
        errors = []
        reader = threading.Thread(
            target=lambda: errors.append(p.stderr.read()))
        reader.start()
        failed = False
        for line in p.stdout:
            failed |= self.tell(name, json.loads(line))
        p.wait()
        reader.join()
        if p.returncode:
            self.tell(name, {
                "test": "", "outcome": "failed", "why": "", "seconds": 0,
                "title": "the process ended with %d" % p.returncode})
        with self.lock:
            self.children.discard(p)
            if errors[0].strip() and (failed or p.returncode):
                print("        what %s said besides:" % name)
                print("        " + errors[0].strip().replace(
                    "\n", "\n        "), flush=True)

    def tell(self, name, r):
        with self.lock:
            self.results.append({"class": name, **r})
            self.write_results()
            print("%-7s %s: %s (%.1f s)" % (
                {"passed": "ok", "failed": "FAILED"}.get(r["outcome"],
                                                         r["outcome"]),
                name.split(".", 1)[1], r["title"], r["seconds"]))
            if r["why"]:
                print("        " + r["why"].strip().replace(
                    "\n", "\n        "))
            sys.stdout.flush()
        return r["outcome"] == "failed"

    def failures(self):
        return [r for r in self.results if r["outcome"] == "failed"]

    def recheck(self):
        """Runs the classes with failures once more, one at a time."""
        first = self.failures()
        names = {r["class"] for r in first}
        if len(names) > RECHECKED:
            return
        for name in names - {r["class"] for r in first if r.get("final")}:
            print("once more: %s" % name, flush=True)
            self.results = [r for r in self.results if r["class"] != name]
            self.one(name)
        names -= {r["class"] for r in self.failures()}
        repeat("second try:", [r for r in first if r["class"] in names])

    def run(self, names, jobs):
        todo = list(names)

        def work():
            while True:
                with self.lock:
                    if not todo:
                        return
                    name = todo.pop(0)
                if self.is_ours(name):
                    self.one(name)
        threads = [threading.Thread(target=work) for _ in range(jobs)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def write_results(self):
        """Each time, for those who end us before we are through."""
        if self.results_file:
            with open(self.results_file, "w") as f:
                json.dump(self.results, f, indent=2)

    def is_ours(self, name):
        """Of all that share a folder, the one that makes an entry for 'name'
        first does it."""
        try:
            if self.take:
                os.mkdir(os.path.join(self.take, name))
            return True
        except FileExistsError:
            return False

    def stop(self):
        """Each child ends what it started."""
        with self.lock:
            self.stopping = True
            children = list(self.children)
        for p in children:
            p.terminate()
        for p in children:
            p.wait()

    def stop_on(self, *_):
        """For a signal.  Not in its handler: that may have interrupted who
        holds the lock."""
        threading.Thread(target=lambda: (self.stop(), os._exit(1))).start()


def repeat(title, results):
    """At the end, where who reads a long log looks first."""
    if results:
        print(title)
    for r in results:
        print("  %s: %s" % (r["class"], r["title"]))
        for line in r["why"].strip().split("\n")[-12:]:
            print("    " + line)
        for line in r.get("state", "").splitlines():
            print("    | " + line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", type=int, default=2, metavar="N",
                        help="classes at a time (2)")
    parser.add_argument("--except", dest="excluded", action="append",
                        default=[], metavar="MODULE")
    parser.add_argument("-k", default="", metavar="TEXT",
                        help="only tests with TEXT in their name or title")
    parser.add_argument("--json", metavar="FILE",
                        help="write all results to FILE")
    parser.add_argument("--take", metavar="FOLDER",
                        help="shared with others that run the same: each "
                        "class is run by one of them")
    parser.add_argument("--recheck", action="store_true",
                        help="run what fails once more")
    parser.add_argument("--class", dest="one", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="MODULE[.CLASS]")
    args = parser.parse_args()
    if args.one:
        be_child(lambda out: selected(load(args.one), args.k).run(Result(out)))
        return

    modules = args.names or sorted(
        os.path.basename(path)[:-3]
        for path in glob.glob(os.path.join(HERE, "test_*.py")))
    names = []
    for module in modules:
        if module not in args.excluded:
            names += [module] if "." in module else classes_of(module)

    runner = Runner(args.k, args.take, args.json)
    runner.write_results()
    for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(sig, runner.stop_on)
    runner.run(names, args.j)
    if args.recheck:
        runner.recheck()
    repeat("failed:", runner.failures())
    c = collections.Counter(r["outcome"] for r in runner.results)
    print("%d passed, %d failed%s" % (
        c["passed"], c["failed"],
        ", %d skipped" % c["skipped"] if c["skipped"] else ""))
    sys.exit(1 if c["failed"] else 0)


if __name__ == "__main__":
    main()
