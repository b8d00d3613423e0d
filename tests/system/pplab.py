# SPDX-License-Identifier: Apache-2.0
"""What the demo and the system tests share: pphost's private Open vSwitch with
our own daemon and patches, real servers from tests/fidelity as VMs, clients,
transfers, and pictures of the switch to compare.

$PP_BUILDDIR says where the programs were built (default: the top of the
tree)."""

import hashlib
import json
import os
import random
import socket
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(TOP, "tests", "fidelity"))

import fidelity                                             # noqa: E402
import pphost                                               # noqa: E402
from pphost import Failed, PrivateOvs, wait_for             # noqa: E402

BUILD = os.environ.get("PP_BUILDDIR", TOP)
DAEMON = os.path.join(BUILD, "ovs-patchpoint/control/ovs-patchpointd")
ENGINE = os.path.join(BUILD, "ovs-patchpoint/engine/ovs-patchpoint-engine")
TOOL = os.path.join(BUILD, "ovs-patchpoint/tool/patchpoint-patch")
PATCHES = os.environ.get("PP_PATCHES", os.path.join(TOP, "patches"))

MIB = 1 << 20


class Lab(PrivateOvs):
    """A private Open vSwitch with one bridge, and our daemon at hand."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.servers = []
        self.bridge = None

    @classmethod
    def of(cls, tests, **kwargs):
        """A lab for all tests of the class 'tests', started; it ends when they
        have."""
        lab = cls(**kwargs)
        tests.addClassCleanup(lab.stop)
        lab.start()
        return lab

    def start(self):
        super().start()
        self.bridge = self.add_bridge("br")

    def stop(self):
        for server in self.servers:
            server.stop()
        self.servers = []
        super().stop()

    # Our daemon.

    def start_daemon(self, patches=(PATCHES,), args=(), wait=True, db=False):
        # The engine's own user comes with the package; any other that owns
        # nothing will do.
        return self.start_control(DAEMON, ENGINE, patches,
                                  ["--engine-user=nobody"] + list(args),
                                  wait=wait, db=db)

    def daemon(self, *command, check=True):
        """What ovs-patchpointd answers to an ovs-appctl command."""
        p = self.appctl(*command, target="ovs-patchpointd", check=check)
        return p.stdout if not p.returncode else p.stdout + p.stderr

    def engine_pid(self):
        """The engine that is running, or None."""
        try:
            with open(os.path.join(self.dir,
                                   "ovs-patchpoint-engine.pid")) as f:
                pid = int(f.read())
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError):
            return None

    def counter(self, name):
        for line in self.daemon("stats/show").splitlines():
            words = line.split()
            if words[0] == name:
                return int(words[1])
        raise Failed("stats/show has no %s" % name)

    def events(self):
        """The corrections that were reported, oldest first."""
        text = self.log("ovs-patchpoint-events.jsonl")
        return [json.loads(line) for line in text.splitlines()]

    # VMs.

    def add_server_vm(self, short, host, plug=True, **kwargs):
        """A VM with the addresses 10.77.0.'host' and, unless its MTU is too
        small for IPv6 (RFC 8200 5), fd77::'host'."""
        ips = ["10.77.0.%d/24" % host]
        if kwargs.get("mtu", 1500) >= 1280:
            ips.append("fd77::%x/64" % host)
        return self.add_vm(self.bridge, short, "52:54:00:77:00:%02x" % host,
                           ips, plug=plug, **kwargs)

    def add_client(self, short="c", host=250):
        """A host that is no VM: nothing in the database says that it is."""
        vm = self.add_server_vm(short, host, plug=False)
        self.vsctl("add-port", self.bridge, vm.ifname)
        return vm

    def set_ids(self, vm, **keys):
        """Sets policy, mode, fail or ports of one Interface."""
        self.vsctl("set", "Interface", vm.ifname,
                   *["external_ids:patchpoint-%s=\"%s\"" % item
                     for item in keys.items()])

    def clear_ids(self, vm, *keys):
        self.vsctl("remove", "Interface", vm.ifname, "external_ids",
                   *["patchpoint-" + key for key in keys])

    def protect(self, vm, policy, **keys):
        """Sets a policy and waits until it is in force."""
        self.set_ids(vm, policy=policy, **keys)
        return self.wait_status(vm.ifname, "monitored" if
                                keys.get("mode") == "monitor"
                                else "protected", 20)

    def serve(self, pair, side, vm, host=None, port=80, env=None):
        """Starts a side of 'pair' in 'vm'; it ends with the lab."""
        server = pair.start(side, host or address(vm), port, wrap=vm.argv([]),
                            env=env)
        self.servers.append(server)
        return server

    def serve_blobs(self, vm, host=None, port=8080):
        """Starts the server of large bodies in 'vm'."""
        p = vm.popen([sys.executable, os.path.join(HERE, "blobs.py"),
                      host or address(vm), str(port)])
        wait_for("the server of large bodies listens", lambda: answers(
            vm, host or address(vm), port))
        return p

    # The switch.

    def picture(self):
        """All that we could have changed on the switch and the host."""
        rows = {}
        for table in "Open_vSwitch", "Bridge", "Port", "Interface":
            columns = "external_ids,other_config"
            if table != "Open_vSwitch":
                columns = "name," + columns
            rows[table] = sorted(self.vsctl(
                "--columns=" + columns, "list", table).split("\n\n"))
        return {
            "flows": self.flows(self.bridge),
            "groups": self.groups(self.bridge),
            "ports": sorted(self.vsctl("list-ports", self.bridge).split()),
            "devices": sorted(os.listdir("/sys/class/net")),
            "database": rows,
        }


def address(vm, version=4):
    """The VM's address, without its prefix length."""
    return [ip.split("/")[0] for ip in vm.ips
            if (":" in ip) == (version == 6)][0]


def answers(vm, host, port):
    """Does something listen there, as seen from within the VM?"""
    try:
        vm.connect(host, port, 1).close()
        return True
    except OSError:
        return False


def talk(client, host, *steps, server=None, port=80, silent=False,
         settle=0.15):
    """Sends 'steps' (see fidelity.case) from the namespace of 'client' on one
    connection; returns fidelity's Seen."""
    case = fidelity.case("", fidelity.ORDINARY, *steps, silent=silent)
    with client.inside():
        return fidelity.run_case((host, port), case, server, settle=settle)


def get(path, *headers):
    """A request of HTTP/1.1."""
    return b"".join([b"GET " + path + b" HTTP/1.1\r\n", b"Host: a\r\n"]
                    + [h + b"\r\n" for h in headers] + [b"\r\n"])


# Large bodies.  Each MiB has its number in front, so that one out of place
# changes the checksum.

_block = random.Random(1).randbytes(MIB - 8)


def blob(n):
    """'n' MiB, a MiB at a time."""
    for i in range(n):
        yield i.to_bytes(8, "big") + _block


def checksum(n):
    h = hashlib.sha256()
    for part in blob(n):
        h.update(part)
    return h.hexdigest()


class Transfer(threading.Thread):
    """A body of 'n' MiB, "up" or "down", from the namespace of 'client'; at
    'rate' MiB/s, or as fast as it goes.  Afterwards 'sum' is the checksum at
    the receiving end, or 'error' says what went wrong."""

    def __init__(self, client, host, direction, n, rate=None, port=8080):
        super().__init__(daemon=True)
        self.direction = direction
        self.n = n
        self.rate = rate
        self.moved = 0          # MiB so far.
        self.sum = None
        self.error = None
        self.seconds = None
        self.status = None
        self.sock = client.connect(host, port, 10)
        self.sock.settimeout(30)
        self.start()

    def run(self):
        start = time.monotonic()
        try:
            if self.direction == "up":
                self._up()
            else:
                self._down()
        except (OSError, ValueError, Failed) as e:
            self.error = "%s after %d MiB: %s" % (self.direction, self.moved,
                                                  e)
        finally:
            self.seconds = time.monotonic() - start
            self.sock.close()

    def _pace(self, start):
        if self.rate:
            ahead = self.moved / self.rate - (time.monotonic() - start)
            if ahead > 0:
                time.sleep(ahead)

    def _head(self):
        """Reads the answer's head; returns what came behind it."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                raise Failed("connection closed in the answer's head")
            data += more
        head, rest = data.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        return rest

    def _up(self):
        start = time.monotonic()
        self.sock.sendall(b"PUT /sink HTTP/1.1\r\nHost: a\r\n"
                          b"Content-Length: %d\r\n\r\n" % (self.n * MIB))
        for part in blob(self.n):
            self.sock.sendall(part)
            self.moved += 1
            self._pace(start)
        rest = self._head()
        while not rest.endswith(b"\n"):
            more = self.sock.recv(65536)
            if not more:
                raise Failed("connection closed in the answer")
            rest += more
        self.sum = rest.decode().strip()

    def _down(self):
        self.sock.sendall(b"GET /blob/%d/%s HTTP/1.1\r\nHost: a\r\n\r\n"
                          % (self.n, str(self.rate or 0).encode()))
        rest = self._head()
        h = hashlib.sha256(rest)
        got = len(rest)
        while got < self.n * MIB:
            more = self.sock.recv(MIB)
            if not more:
                raise Failed("connection closed in the body")
            h.update(more)
            got += len(more)
            self.moved = got // MIB
        self.sum = h.hexdigest()

    def wait(self, timeout=120):
        """True if the transfer ended and nothing was changed on the way."""
        self.join(timeout)
        if self.is_alive():
            self.error = "%s: still at %d of %d MiB after %d s" % (
                self.direction, self.moved, self.n, timeout)
            # Wakes the thread, wherever it is.
            self.sock.shutdown(socket.SHUT_RDWR)
        return self.error is None and self.sum == checksum(self.n)


def has_no_switch():
    """For the setUpModule() of tests in which there is none."""
    if pphost.DATAPATH != "netdev":
        raise unittest.SkipTest("no switch in it: the same on each datapath")


def tool(*args):
    """Runs patchpoint-patch; returns its CompletedProcess."""
    return pphost.run([TOOL] + list(args), check=False, timeout=120)
