#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a test suite of others, and says what became of each test.

    drive.py unittest [--data-ports] MODULE...    Python's unittest
    drive.py pytest ARGUMENT...                   pytest
    drive.py each SECONDS COMMAND TEST...         COMMAND (words, where {} is
                                                  the test) for each, or for
                                                  all files of a pattern;
                                                  passed if it ends with 0
                                                  within SECONDS
    drive.py curl [NAME=VALUE...] KEYWORD...      curl's runtests.pl, for the
                                                  tests that have the keywords
                                                  and not those behind a '!',
                                                  which may be numbers

For each test a line of JSON goes to the file that $PP_RESULTS names: "test",
"outcome" (passed, failed, skipped), and when it "began" and "ended".  With
--data-ports, listeners that socket.create_server() makes have ports of their
own (detour.py), as an FTP server can be told to do."""

import glob
import json
import os
import random
import re
import shlex
import socket
import subprocess
import sys
import time
import unittest

DATA = (40300, 40999)           # As in detour.py.


class Results:
    def __init__(self):
        self.out = open(os.environ["PP_RESULTS"], "w")

    def tell(self, test, outcome, began, ended=None):
        print(json.dumps({"test": test, "outcome": outcome, "began": began,
                          "ended": ended or time.time()}),
              file=self.out, flush=True)


class UnitResult(unittest.TextTestResult):
    """Tells a test once, when it is over: failed if any part of it was."""
    results = None

    def startTest(self, test):
        super().startTest(test)
        self.began = time.time()
        self.outcome = "passed"

    def stopTest(self, test):
        super().stopTest(test)
        self.results.tell(test.id(), self.outcome, self.began)

    def addError(self, test, err):
        super().addError(test, err)
        self.outcome = "failed"
        if not isinstance(test, unittest.TestCase):
            self.results.tell(str(test), "failed", time.time())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.outcome = "failed"

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.outcome = "failed"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcome = "skipped"

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.outcome = "failed"


def own_data_ports():
    """As a server's setting of the ports for passive connections."""
    create = socket.create_server

    def create_server(address, **kwargs):
        if address[1]:
            return create(address, **kwargs)
        while True:
            try:
                return create((address[0], random.randint(*DATA)), **kwargs)
            except OSError:
                pass

    socket.create_server = create_server


def unit(results, *names):
    if names[0] == "--data-ports":
        own_data_ports()
        names = names[1:]
    try:
        from test import support
        # Nothing of these is for the Internet.
        support.use_resources = ["cpu", "largefile"]
    except ImportError:
        pass
    UnitResult.results = results
    unittest.TextTestRunner(resultclass=UnitResult, verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromNames(names))


class PytestPlugin:
    def __init__(self, results):
        self.results = results
        self.outcome = {}

    def pytest_runtest_logreport(self, report):
        name = report.nodeid
        if report.outcome != "passed":
            self.outcome[name] = report.outcome
        if report.when == "setup":
            self.outcome["began"] = time.time()
        if report.when == "teardown":
            self.results.tell(name, self.outcome.pop(name, "passed"),
                              self.outcome["began"])

    def pytest_collectreport(self, report):
        if report.outcome == "failed":
            self.results.tell(report.nodeid, "failed", time.time())


def with_pytest(results, *args):
    import pytest
    pytest.main(["-p", "no:cacheprovider", *args],
                plugins=[PytestPlugin(results)])


def each(results, seconds, command, *tests):
    for test in [name for test in tests
                 for name in (sorted(glob.glob(test)) or [test])]:
        began = time.time()
        argv = [word.replace("{}", test) for word in shlex.split(command)]
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                             start_new_session=True)
        try:
            status = p.wait(int(seconds))
        except subprocess.TimeoutExpired:
            status = "none: it was ended after %s s" % seconds
        try:
            # What it left.
            os.killpg(p.pid, 9)
        except ProcessLookupError:
            pass
        p.wait()
        print("== %s: exit status %s" % (test, status), flush=True)
        results.tell(test, "failed" if status else "passed", began)


def curl_tests(keywords):
    """The numbers of curl's tests that have 'keywords'.  By numbers all are
    run; by keywords runtests.pl gives up at the first that it has to skip."""
    numbers = []
    for name in glob.glob("data/test[0-9]*"):
        with open(name, encoding="latin-1") as f:
            m = re.search(r"<keywords>(.*?)</keywords>", f.read(), re.S)
        has = set(m[1].split("\n")) if m else set()
        has.add(name[len("data/test"):])
        if all((word[1:] not in has) if word.startswith("!")
               else word in has for word in keywords):
            numbers.append(int(name[len("data/test"):]))
    return map(str, sorted(numbers))


def curl(results, *words):
    """Its tests say "test 0001...[title]", and lines later, or behind it, how
    that went."""
    options = [option for word in words if "=" in word
               for option in ("-o", word)]
    p = subprocess.Popen(["perl", "-I.", "./runtests.pl", "-a", "-n", *options,
                          *curl_tests([word for word in words
                                       if "=" not in word])],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         stdin=subprocess.DEVNULL, text=True,
                         errors="replace")
    name = None
    began = 0
    for line in p.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        m = re.match(r"test (\d+)(?:\.\.\.| SKIPPED)", line)
        if m:
            name = m[1]
            began = time.time()
        if name and " SKIPPED" in line:
            results.tell(name, "skipped", began)
        elif name and re.search(r"\bFAILED", line):
            results.tell(name, "failed", began)
        elif name and re.search(r"\bOK +\(\d+ +out of", line):
            results.tell(name, "passed", began)
        else:
            continue
        name = None
    p.wait()


def main():
    kinds = {"unittest": unit, "pytest": with_pytest, "each": each,
             "curl": curl}
    if len(sys.argv) < 3 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    kinds[sys.argv[1]](Results(), *sys.argv[2:])


if __name__ == "__main__":
    main()
