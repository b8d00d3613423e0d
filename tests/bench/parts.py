#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one change costs beside many VMs, part by part, in processor time of
control and engine: a policy that nobody had, a frame of a VM whose address is
to be learned, and a VM that comes while connections of another one are
corrected.

    parts.py [--vms N] [--corrected N]

tests/bench/README.rst says what came out."""

import argparse
import os
import socket
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import manyvms                                              # noqa: E402
import fidelity                                             # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import private                                              # noqa: E402
from test_failure import PROTOTYPE, TAINT                   # noqa: E402

FRAMES = 50                     # At a time: the switch sends on no more.
SETTLE = 0.3                    # Seconds in which a change is done.


class Parts:
    def __init__(self, lab, args):
        self.lab = lab
        self.args = args
        self.vm = lab.add_server_vm("a", 1, plug=False)
        pphost.PrivateOvs.plug(lab, self.vm)
        self.client = lab.add_client()
        self.nameless = lab.add_server_vm("x", 16, plug=False)

    def cpu(self):
        """Seconds that control and the engine have had."""
        with open("/proc/%d/schedstat" % self.lab.engine_pid()) as f:
            return self.lab.cpu(self.lab.control), int(
                f.read().split()[0]) / 1e9

    def settle(self):
        end = time.monotonic() + SETTLE
        while time.monotonic() < end:
            self.lab.db.run(0.02)

    def cost(self, change, n):
        """The median, in ms of control and of the engine, of 'n' calls: checks
        of all flows, each ten seconds, are in few of them."""
        costs = []
        for i in range(n):
            self.settle()
            before = self.cpu()
            undo = change(i)
            self.settle()
            costs.append([(b - a) * 1000 for a, b in zip(before,
                                                         self.cpu())])
            if undo:
                undo()
        return [sorted(c)[n // 2] for c in zip(*costs)]

    def tell(self, what, costs):
        print("%d VMs: %s: control %.2f ms, engine %.2f ms"
              % (self.args.vms, what, *costs), flush=True)

    def policies(self):
        vm = self.lab.many["v1"]
        patches = [line.split()[0] for line in self.lab.daemon(
            "patch/list").splitlines() if " proxy=" in line]

        def change(i):
            self.lab.set_ids_of(vm, policy=",".join(
                patch for n, patch in enumerate(patches) if i + 3 >> n & 1))
        self.tell("a new policy", self.cost(change, 25))

    def frames(self):
        self.lab.vsctl("add-port", self.lab.bridge, self.nameless.ifname,
                       "--", "set", "Interface", self.nameless.ifname,
                       "external_ids:iface-id=nameless")
        pphost.wait_for("its address is asked for", lambda: self.lab.status(
            self.nameless.ifname).startswith("uninspected"))
        with self.nameless.inside():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        wire.bind(("eth0", 0))
        # From an address that is another's, so that it stays so.
        frame = (b"\xff" * 6 + bytes.fromhex("525400000101") + b"\x88\xb5"
                 + bytes(50))

        def change(_):
            for _ in range(FRAMES):
                wire.send(frame)
        self.tell("%d frames to be learned from" % FRAMES,
                  self.cost(change, 15))

    def plugs(self):
        def change(_):
            vm, = self.lab.plug_many()
            self.lab.wait("it is protected", lambda:
                          vm.status.startswith("protected"))
            return lambda: self.lab.unplug_many(vm)
        self.tell("a VM comes", self.cost(change, 9))
        self.lab.serve(fidelity.load(PROTOTYPE), "vulnerable", self.vm)
        conns = [self.client.connect(pplab.address(self.vm), 80)
                 for _ in range(self.args.corrected)]
        for s in conns:
            s.sendall(TAINT)
            s.recv(65536)
        self.tell("a VM comes, with %d corrected connections" % len(conns),
                  self.cost(change, 9))


def main():
    parser = argparse.ArgumentParser(usage="parts.py [--vms N] "
                                     "[--corrected N]", add_help=False)
    parser.add_argument("--vms", type=int, default=2000)
    parser.add_argument("--corrected", type=int, default=300)
    args = parser.parse_args()

    with manyvms.ManyVms(prefix="ppv") as lab:
        lab.open()
        lab.start_daemon()
        lab.set_all(policy="all")
        parts = Parts(lab, args)
        lab.grow(args.vms)
        time.sleep(2)
        parts.policies()
        parts.frames()
        parts.plugs()


if __name__ == "__main__":
    private.enter()
    pphost.interrupt_on(15)
    main()
