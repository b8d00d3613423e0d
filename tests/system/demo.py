#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main job, shown on a private Open vSwitch with real vulnerable servers
as VMs.  Started by "./quickstart demo", which builds and installs what this
needs.

    demo.py [--json FILE] [--keep-log FILE]

Each step prints what was sent and what came back; whether it is shown is
decided by what was seen.  The exit code is 0 if all steps were."""

import argparse
import json
import os
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import private                                              # noqa: E402
import fidelity                                             # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

N_STEPS = 7
MIB_MOVED = 100

# st 0.2.4 serves files from outside of its folder; 0.2.5 does not.
TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
ORDINARY = [get(b"/a/b.txt"), get(b"/a/c/d.txt", b"Accept-Encoding: gzip"),
            get(b"/nothing.txt"), get(b"/a/sp%20ace.txt"),
            b"HEAD /a/b.txt HTTP/1.1\r\nHost: a\r\n\r\n"]

# qs 6.9.6 lets a query set an object's prototype; 6.9.7 drops that key.
PROTOTYPE = "CVE-2022-24999"
TAINT = get(b"/q?first=1&a%5B__proto__%5D%5Blength%5D=9&last=2")
TAINTED = b"(prototype)"


def text(data, most=300):
    """Bytes as a person can read them: a line each, controls as escapes."""
    if not data:
        return "(nothing)"
    lines = [ascii(line.decode("latin-1"))[1:-1].replace("\\'", "'")
             for line in data[:most].replace(b"\r\n", b"\n").rstrip(b"\n")
             .split(b"\n")]
    if len(data) > most:
        lines.append("... (%d bytes in all)" % len(data))
    return "\n".join(lines)


def indent(lines, mark):
    return "\n".join("    %s %s" % (mark, line) for line in lines.split("\n"))


class Step:
    """One step: notes what happens, for people and for the JSON file."""

    def __init__(self, number, of, title):
        self.title = "%d. %s" % (number, title)
        self.sent_lines = []
        self.got_lines = []
        self.checks = []
        print("\nStep %d of %d: %s" % (number, of, title), flush=True)

    def say(self, line):
        print("  " + line, flush=True)

    def sent(self, what):
        self.sent_lines.append(what)
        print(indent(what, ">"), flush=True)

    def got(self, what):
        self.got_lines.append(what)
        print(indent(what, "<"), flush=True)

    def check(self, what, is_so):
        self.checks.append(bool(is_so))
        print("  %s %s" % ("[yes]" if is_so else "[NO] ", what), flush=True)
        return is_so

    @property
    def shown(self):
        return bool(self.checks) and all(self.checks)

    def as_dict(self):
        return {"step": self.title, "sent": "\n".join(self.sent_lines),
                "got": "\n".join(self.got_lines), "shown": self.shown}


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.client = lab.add_client()
        # The first two have no policy of their own and never will.
        self.patched = lab.add_server_vm("fixed", 1)
        self.web = lab.add_server_vm("web", 2)
        self.app = lab.add_server_vm("app", 3)
        st = fidelity.load(TRAVERSAL)
        self.st = st
        lab.serve(st, "patched", self.patched)
        lab.serve(st, "vulnerable", self.web)
        lab.serve_blobs(self.web)
        qs = fidelity.load(PROTOTYPE)
        lab.serve(qs, "patched", self.patched, port=8000)
        lab.serve(qs, "vulnerable", self.app)
        self.before = lab.picture()
        lab.start_daemon()

    # What several steps do.

    def ask(self, step, vm, *requests, port=80, quiet=False):
        """Sends 'requests' on one connection, each after the answer to the
        one before; returns the answers."""
        steps = []
        for request in requests:
            steps += [request, fidelity.WAIT]
        seen = talk(self.client, pplab.address(vm), *steps, port=port)
        for request, answer in zip(requests, seen.answers):
            if not quiet:
                step.sent(text(request))
                step.got(text(answer))
        return seen

    def vsctl(self, step, *args):
        step.sent("ovs-vsctl " + " ".join(args))
        self.lab.vsctl(*args)

    def set_policy(self, step, vm, value, key="policy"):
        self.vsctl(step, "set", "Interface", vm.ifname,
                   "external_ids:patchpoint-%s=%s" % (key, value))

    def same(self, a, b):
        """Are two answers alike but for their dates?"""
        return bool(a) and fidelity.normal(a) == fidelity.normal(b)

    def transfer(self, step, direction, rate=None):
        step.sent("%s %d MiB" % ("PUT" if direction == "up" else "GET",
                                 MIB_MOVED))
        return pplab.Transfer(self.client, pplab.address(self.web), direction,
                              MIB_MOVED, rate)

    def ended_well(self, step, transfer):
        ok = transfer.wait()
        if transfer.error:
            step.got(transfer.error)
        else:
            step.got("SHA-256 %s, %d MiB in %.2f s" % (
                transfer.sum, transfer.n, transfer.seconds))
        return ok

    # The steps.

    def step_1(self, step):
        "The exploit against a VM without a policy works"
        step.say("st 0.2.4, a real file server, runs in VM %s.  Our daemon "
                 "runs too, but no policy is set." % self.web.ifname)
        seen = self.ask(step, self.web, EXPLOIT)
        step.check("the file outside of the served folder came back",
                   seen.statuses == [200] and SECRET in seen.bytes)
        self.direct = self.ask(step, self.web, *ORDINARY, quiet=True)
        step.check("%d ordinary requests got their answers"
                   % len(ORDINARY), len(self.direct.statuses) >= 5)
        step.check("without a policy the switch is untouched",
                   self.lab.picture() == self.before)

    def step_2(self, step):
        "One ovs-vsctl command, and the VM behaves as if it were patched"
        start = time.monotonic()
        self.set_policy(step, self.web, TRAVERSAL)
        self.lab.wait_status(self.web.ifname, "protected", 20)
        step.got("patchpoint-status=%s after %.0f ms" % (
            self.lab.status(self.web.ifname),
            1000 * (time.monotonic() - start)))
        seen = self.ask(step, self.web, EXPLOIT)
        step.check("the file did not come back", SECRET not in seen.bytes)
        want = self.ask(step, self.patched, EXPLOIT, quiet=True)
        step.check("the answer is that of st 0.2.5, the patched server, "
                   "to the byte", self.same(want.bytes, seen.bytes))
        seen = self.ask(step, self.web, *ORDINARY, quiet=True)
        step.sent("the %d ordinary requests of step 1" % len(ORDINARY))
        step.got("%d bytes" % len(seen.bytes))
        step.check("their answers are the same bytes as without us",
                   self.same(self.direct.bytes, seen.bytes))
        for direction in "up", "down":
            step.check("100 MiB %s keep their checksum" % direction,
                       self.ended_well(step, self.transfer(step, direction)))
        step.check("and the engine saw them pass",
                   self.lab.counter("packet_in_bytes")
                   > 2 * MIB_MOVED * pplab.MIB)

    def step_3(self, step):
        "A correction deletes one element; request and connection go on"
        step.say("express 4.17 with qs 6.9.6 runs in VM %s."
                 % self.app.ifname)
        seen = self.ask(step, self.app, TAINT)
        step.check("without a policy the query sets an object's prototype",
                   TAINTED in seen.bytes)
        self.set_policy(step, self.app, PROTOTYPE)
        self.lab.wait_status(self.app.ifname, "protected", 20)
        requests = [TAINT, get(b"/q?next=1"), TAINT, get(b"/q?last=1")]
        seen = self.ask(step, self.app, *requests)
        want = self.ask(step, self.patched, *requests, port=8000, quiet=True)
        step.check("the request went on without the key",
                   seen.statuses == [200] * 4 and TAINTED not in seen.bytes
                   and b'"first":"1"' in seen.bytes)
        step.check("all four answers on the connection are those of qs 6.9.7",
                   self.same(want.bytes, seen.bytes))

    def step_4(self, step):
        "policy=all for the host; a new VM is protected, nobody acting"
        self.vsctl(step, "set", "Open_vSwitch", ".",
                   "external_ids:patchpoint-policy=all")
        new = self.lab.add_server_vm("new", 4, plug=False)
        self.lab.serve(self.st, "vulnerable", new)
        self.new = new
        start = time.monotonic()
        step.sent("ovs-vsctl add-port %s %s -- set Interface %s "
                  "external_ids:attached-mac=%s" % (
                      self.lab.bridge, new.ifname, new.ifname, new.mac))
        self.lab.plug(new)
        plugged = time.monotonic()
        self.lab.wait_status(new.ifname, "protected", 20)
        protected = time.monotonic()
        step.got("patchpoint-status=protected; plugged in %.0f ms, "
                 "protected %.0f ms after that" % (
                     1000 * (plugged - start),
                     1000 * max(0, protected - plugged)))
        self.plug_to_protected = protected - start
        step.say("time from plug to protected: %.0f ms"
                 % (1000 * self.plug_to_protected))
        seen = self.ask(step, new, EXPLOIT)
        want = self.ask(step, self.patched, EXPLOIT, quiet=True)
        step.check("the new VM gives the patched server's answer",
                   SECRET not in seen.bytes
                   and self.same(want.bytes, seen.bytes))
        seen = self.ask(step, new, *ORDINARY, quiet=True)
        step.check("and ordinary answers are the same bytes as ever",
                   self.same(self.direct.bytes, seen.bytes))

    def step_5(self, step):
        "kill -9 of the engine during transfers"
        # Half of the time before, half of it after.
        transfers = [self.transfer(step, direction, 40)
                     for direction in ("up", "down")]
        wait_for("transfers are under way", lambda: all(
            t.moved >= 25 or t.error for t in transfers), 30)
        old = self.lab.engine_pid()
        step.sent("kill -9 %s  (at %s MiB)" % (
            old, " and ".join(str(t.moved) for t in transfers)))
        os.kill(old, signal.SIGKILL)
        start = time.monotonic()
        wait_for("the engine is back", lambda: (
            self.lab.engine_pid() not in (None, old)
            and self.lab.status(self.web.ifname) == "protected"), 20)
        step.got("a new engine, pid %d; protected again after %.0f ms" % (
            self.lab.engine_pid(), 1000 * (time.monotonic() - start)))
        for t in transfers:
            step.check("the transfer %s went on and its checksum is right"
                       % t.direction, self.ended_well(step, t))
        seen = self.ask(step, self.web, EXPLOIT)
        want = self.ask(step, self.patched, EXPLOIT, quiet=True)
        step.check("the next exploit is corrected again",
                   SECRET not in seen.bytes
                   and self.same(want.bytes, seen.bytes))

    def step_6(self, step):
        "Monitor mode: the exploit passes and is reported"
        self.set_policy(step, self.web, "monitor", key="mode")
        self.lab.wait_status(self.web.ifname, "monitored", 20)
        step.got("patchpoint-status=" + self.lab.status(self.web.ifname))
        n = len(self.lab.events())
        seen = self.ask(step, self.web, EXPLOIT)
        step.check("the exploit passed", SECRET in seen.bytes)
        wait_for("the event", lambda: len(self.lab.events()) > n)
        event = self.lab.events()[n]
        for line in self.lab.log().splitlines():
            if "would be corrected" in line:
                report = line.split(": {")[0]
        step.got(report)
        step.check("the report names the patch", event["patch"] == TRAVERSAL
                   and event["mode"] == "monitor")
        step.check("and the server", event["server"]["name"] == self.web.ifname
                   and event["service"]["address"] == pplab.address(self.web)
                   and event["service"]["port"] == 80)
        step.check("and the client", event["client"]["address"]
                   == pplab.address(self.client))

    def step_7(self, step):
        "Policy removed: the switch is as it was before"
        self.new.unplug()
        for vm in self.web, self.app:
            self.vsctl(step, "remove", "Interface", vm.ifname,
                       "external_ids", "patchpoint-policy", "patchpoint-mode")
        self.vsctl(step, "remove", "Open_vSwitch", ".", "external_ids",
                   "patchpoint-policy")
        try:
            wait_for("the switch is as before",
                     lambda: self.lab.picture() == self.before, 15)
        except pplab.Failed:
            pass
        after = self.lab.picture()
        step.got("flows: %s\ngroups: %s\nports: %s" % (
            "; ".join(after["flows"]) or "none",
            "; ".join(after["groups"]) or "none",
            " ".join(after["ports"])))
        for what in self.before:
            step.check("%s: as before" % what,
                       after[what] == self.before[what])
        seen = self.ask(step, self.web, EXPLOIT, *ORDINARY, quiet=True)
        step.check("the VM answers directly, flaw and all",
                   SECRET in seen.answers[0])

    def run(self, steps):
        """Takes all steps and adds each to 'steps' as it begins."""
        functions = [getattr(self, "step_%d" % n)
                     for n in range(1, N_STEPS + 1)]
        for n, function in enumerate(functions, 1):
            step = Step(n, len(functions), function.__doc__)
            steps.append(step)
            try:
                function(step)
            except Exception as e:
                # The other steps may still be shown.
                step.check("%s: %s" % (type(e).__name__, e), False)
                traceback.print_exc()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", metavar="FILE",
                        help="write what was shown to FILE")
    parser.add_argument("--keep-log", metavar="FILE",
                        help="write the daemon's log to FILE")
    args = parser.parse_args()
    private.enter()

    # So that everything is ended, however this is, but the ending is not.
    pphost.interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    steps = []
    lab = pplab.Lab()
    try:
        with lab:
            try:
                Demo(lab).run(steps)
            finally:
                if args.keep_log:
                    with open(args.keep_log, "w") as f:
                        f.write(lab.log())
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
    shown = sum(step.shown for step in steps)
    if args.json:
        with open(args.json, "w") as f:
            json.dump([step.as_dict() for step in steps], f, indent=2)
            f.write("\n")
    print("\ndemo: %d of %d steps shown" % (shown, N_STEPS))
    sys.exit(0 if shown == N_STEPS else 1)


if __name__ == "__main__":
    main()
