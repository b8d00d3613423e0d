#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everything at once for a given time, on a private Open vSwitch: VMs come
and go, patches and policies change, engines and daemons are killed, flows are
wiped, under load of which every byte is checked.  Started by
"./quickstart soak", which builds and installs what this needs.

    soak.py [--json FILE] [--keep-log FILE] [--seed N] [SECONDS]

A request has failed if its connection was closed or reset, if it stood still,
or if anything but its answer came.  Exploits are sent on connections that
last up to two seconds; one is uninspected if it got through, as
patchpoint-fail=open has it between one engine and the next.  All others have
to be corrected.  Connections that last from the beginning to the end are
corrected once, at their beginning.  The exit code is 0 if nothing failed."""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import echoload                                             # noqa: E402
import faults                                               # noqa: E402
import netload                                              # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import private                                              # noqa: E402
from pplab import wait_for                                  # noqa: E402

LONG = 4                        # Connections of each kind that last.
SHORT = 6                       # That are made anew all the time.


class Long(echoload.Loop):
    """One exploit at its beginning, so that its two ends count differently;
    ordinary requests from then on."""

    def use(self):
        self.ask(0, True)
        self.edits = False
        super().use()


class Renewed(threading.Thread):
    """Connection after connection with exploits; 'done' has those that are
    over."""

    def __init__(self, connect, name, seed):
        super().__init__(daemon=True)
        self.connect = connect
        self.name = name
        self.rng = random.Random(seed)
        self.done = []
        self.stopping = False
        self.start()

    def run(self):
        while not self.stopping:
            loop = echoload.Loop(self.connect, "%s-%d" % (
                self.name, len(self.done)), True)
            time.sleep(self.rng.uniform(0.05, 2))
            loop.finish()
            loop.join(echoload.TIMEOUT + 5)
            self.done.append(loop)


def memory(pid):
    """KiB that a process has in memory, or 0."""
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
    except (OSError, TypeError):
        pass
    return 0


class Soak:
    def __init__(self, lab, seed):
        self.lab = lab
        self.rng = random.Random(seed)
        self.seed = seed
        self.n = 0
        self.events = {}
        self.extra = []             # Connections of VMs that came and went.
        self.problems = []

    # What is done to it.

    def swap(self):
        "patches changed"
        self.n += 1
        before = self.lab.counter("engine_snapshots")
        path = "/changes/%d" % self.n
        self.lab.write_patch(len(netload.PATCHES), netload.patch(
            len(netload.PATCHES) + 1, "Another one all the time",
            'path == "%s"' % path, "  reject:\n    status: 404",
            "GET %s HTTP/1.1\r\n\r\n" % path, "",
            "HTTP/1.1 404 Not Found\r\n\r\n"))
        wait_for("the swap", lambda: self.lab.counter("engine_snapshots")
                 > before, 20)

    def policy(self):
        "policy changed"
        self.n += 1
        self.lab.set_ids(self.lab.vm, policy=netload.IDS if self.n % 2
                         else "all")
        self.lab.wait_protected()

    def plug(self):
        "VM plugged and unplugged"
        self.n += 1
        vm = self.lab.add_server_vm("b", 2 + self.n % 100)
        self.lab.serve_echo(vm)
        self.lab.protect(vm, "all", ports="http:%d" % faults.PORT)
        host = pplab.address(vm)
        probes = [echoload.Probe(lambda: self.lab.client.connect(
            host, faults.PORT, echoload.TIMEOUT), i) for i in range(4)]
        for probe in probes:
            probe.join()
        self.extra += probes
        vm.unplug()
        vm.server.terminate()
        vm.server.wait()

    def kill_engine(self):
        "engine killed"
        old = self.lab.engine_pid()
        os.kill(old, signal.SIGKILL)
        self.lab.wait_restarted(old)

    def kill_control(self):
        "control killed"
        faults.control_killed(self.lab)

    def wipe(self):
        "flows wiped"
        faults.flows_deleted(self.lab)

    ACTIONS = swap, policy, plug, kill_engine, kill_control, wipe

    def act(self):
        action = self.rng.choice(self.ACTIONS)
        name = action.__doc__
        self.events[name] = self.events.get(name, 0) + 1
        try:
            action(self)
        except (pphost.Failed, OSError, TypeError) as e:
            self.problems.append("%s (number %d): %s" % (
                name, self.events[name], e))
        time.sleep(self.rng.uniform(0, 0.5))

    # The run.

    def memory(self):
        return {"control": memory(self.lab.control.pid),
                "engine": memory(self.lab.engine_pid())}

    def run(self, seconds):
        connect = self.lab.connect
        self.lasting = faults.connections(self.lab) + [
            Long(connect, "long-%d" % i, True) for i in range(LONG)]
        # What edits without end goes on uninspected with the next engine.
        for c in self.lasting:
            if type(c) is echoload.Loop:
                c.edits = False
        self.renewed = [Renewed(connect, "short-%d" % i, self.seed + i)
                        for i in range(SHORT)]
        time.sleep(2)
        self.start_memory = self.memory()
        begin = said = time.monotonic()
        while time.monotonic() - begin < seconds:
            self.act()
            if time.monotonic() - said > 10:
                said = time.monotonic()
                print("soak: %d s; %s" % (said - begin, self.so_far()),
                      flush=True)
        self.end_memory = self.memory()
        self.finish()

    def so_far(self):
        return ", ".join("%s: %d" % item
                         for item in sorted(self.events.items()))

    def finish(self):
        for r in self.renewed:
            r.stopping = True
        for c in self.lasting:
            c.finish()
        for thread in self.renewed + self.lasting:
            thread.join(2 * echoload.TIMEOUT)
            if thread.is_alive():
                self.problems.append("%s does not end" % thread.name)

    def all(self):
        return self.lasting + self.extra + [
            c for r in self.renewed for c in r.done]

    def as_dict(self):
        conns = self.all()
        return {
            "seed": self.seed,
            "connections": len(conns),
            "requests": sum(c.requests for c in conns),
            "failed": sum(bool(c.why) for c in conns),
            "exploits": sum(c.sent for c in conns),
            "corrected": sum(c.corrected for c in conns),
            "uninspected": sum(c.uninspected for c in conns),
            "memory_start_kb": self.start_memory,
            "memory_end_kb": self.end_memory,
            "events": self.events}

    def show(self):
        r = self.as_dict()
        print("soak: " + self.so_far())
        for why in [c.why for c in self.all() if c.why][:10]:
            print("    FAILED: " + why)
        for problem in self.problems[:10]:
            print("    PROBLEM: " + problem)
        print("requests sent: %d, on %d connections" % (
            r["requests"], r["connections"]))
        print("failed: %d" % r["failed"])
        print("uninspected: %d" % r["uninspected"])
        print("corrected: %d of %d exploits sent%s" % (
            r["corrected"], r["exploits"],
            " (all that were inspected)" if self.is_complete() else ""))
        for when in "start", "end":
            m = r["memory_%s_kb" % when]
            print("memory at the %s: control %.1f MB, engine %.1f MB" % (
                when, m["control"] / 1000, m["engine"] / 1000))

    def is_complete(self):
        r = self.as_dict()
        return r["corrected"] + r["uninspected"] == r["exploits"]

    def is_well(self):
        return (not self.problems and self.is_complete()
                and not self.as_dict()["failed"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", metavar="FILE",
                        help="write the figures to FILE")
    parser.add_argument("--keep-log", metavar="FILE",
                        help="write the daemon's log to FILE")
    parser.add_argument("--seed", type=int, metavar="N",
                        default=random.SystemRandom().randrange(10 ** 6),
                        help="what comes when (random)")
    parser.add_argument("seconds", nargs="?", type=float, default=60,
                        metavar="SECONDS", help="how long (60)")
    args = parser.parse_args()
    private.enter()
    pphost.interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    print("soak: %g s, seed %d" % (args.seconds, args.seed), flush=True)

    with faults.FaultLab() as lab:
        soak = Soak(lab, args.seed)
        try:
            soak.run(args.seconds)
        except KeyboardInterrupt:
            sys.exit("soak: interrupted")
        finally:
            if args.keep_log:
                with open(args.keep_log, "w") as f:
                    f.write(lab.log())
        soak.show()
        if args.json:
            with open(args.json, "w") as f:
                json.dump(soak.as_dict(), f, indent=2)
                f.write("\n")
        sys.exit(0 if soak.is_well() else 1)


if __name__ == "__main__":
    main()
