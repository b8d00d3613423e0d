# SPDX-License-Identifier: Apache-2.0
"""A host with very many VMs: ports of the switch that carry no traffic, and a
client of the database that plugs them and sees what becomes of them.

On the userspace datapath the VMs are dummy ports of a real ovs-vswitchd
(--enable-dummy): it would read from each of thousands of devices whenever its
main loop goes round.  On the kernel's they are taps that somebody holds, as
libvirt and QEMU do.  The engine and its tap are real."""

import fcntl
import json
import os
import resource
import select
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
from pphost import Failed, wait_for                         # noqa: E402

COOKIE = "0x5061746368506f69"
STATUS = "patchpoint-status"
FIXED_FLOWS = 34

TAPS = pphost.DATAPATH == "system"
TUNSETIFF = 0x400454ca
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000


class Database:
    """A connection to ovsdb-server that sends transactions without waiting
    and watches the Interface table.  'seen' is called with the name of an
    interface, its ofport (None: none yet) and its status (""), each time it
    is told of it."""

    def __init__(self, path, seen):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.setblocking(False)
        self.seen = seen
        self.buffer = ""
        self.replies = {}
        self.results = {}
        self.n = 0
        self.send("monitor", ["Open_vSwitch", "m", {"Interface": {
            "columns": ["name", "ofport", "external_ids"]}}])
        self.answer(self.n)

    def send(self, method, params):
        self.n += 1
        data = json.dumps({"method": method, "params": params,
                           "id": self.n}).encode()
        while data:
            select.select([], [self.sock], [])
            data = data[self.sock.send(data):]
        return self.n

    def transact(self, *operations):
        """Returns the number of the request; self.replies has when its answer
        came."""
        return self.send("transact", ["Open_vSwitch"] + list(operations))

    def run(self, timeout):
        """Takes what comes within 'timeout' seconds, at least once."""
        if not select.select([self.sock], [], [], max(timeout, 0))[0]:
            return
        try:
            data = self.sock.recv(1 << 20).decode()
        except BlockingIOError:
            return
        if not data:
            raise Failed("ovsdb-server has closed the connection")
        self.buffer += data
        decoder = json.JSONDecoder()
        while self.buffer:
            try:
                message, end = decoder.raw_decode(self.buffer)
            except ValueError:
                return
            self.buffer = self.buffer[end:].lstrip()
            self.handle(message, time.monotonic())

    def handle(self, message, now):
        method = message.get("method")
        if method == "echo":
            self.sock.send(json.dumps({
                "id": message["id"], "result": message["params"],
                "error": None}).encode())
        elif method == "update":
            self.update(message["params"][1], now)
        else:
            result = message["result"]
            for r in result if isinstance(result, list) else ():
                if r and r.get("error"):
                    raise Failed("the database: %s" % r)
            if message["error"]:
                raise Failed("the database: %s" % message["error"])
            self.replies[message["id"]] = now
            if isinstance(result, list):
                self.results[message["id"]] = result
            if isinstance(result, dict):
                self.update(result, now)

    def update(self, tables, now):
        for row in tables.get("Interface", {}).values():
            new = row.get("new")
            if new:
                ids = dict(new["external_ids"][1])
                ofport = new["ofport"]
                self.seen(new["name"], ofport if isinstance(ofport, int)
                          else None, ids.get(STATUS, ""), now)

    def answer(self, number):
        """Waits for the answer to a request."""
        end = time.monotonic() + 60
        while number not in self.replies:
            if time.monotonic() > end:
                raise Failed("the database does not answer")
            self.run(1)
        return self.replies[number]

    def rows(self, *operation):
        """The rows of one operation, on a connection of its own."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.sock.getpeername())
            s.sendall(json.dumps({"method": "transact", "id": 0, "params": [
                "Open_vSwitch"] + list(operation)}).encode())
            text = ""
            while True:
                text += s.recv(1 << 20).decode()
                try:
                    return json.loads(text)["result"][0]["rows"]
                except ValueError:
                    continue


class Vm:
    """What is known of a VM, in seconds on the monotonic clock."""

    def __init__(self, number):
        self.number = number
        self.name = "v%d" % number
        self.request = self.index = None    # Of the Port's row, in this.
        self.port = self.protected = None   # Since when, as we were told.
        self.status = ""


class ManyVms(pplab.Lab):
    """A private switch with one bridge, and very many VMs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.many = {}
        self.last = 0
        self.taps = []          # Open files.

    def start_vswitchd(self):
        if TAPS:
            super().start_vswitchd()
            return
        self.vswitchd = self._daemon(
            ["ovs-vswitchd", "unix:" + self.db_sock, "--pidfile",
             "--log-file", "-vconsole:off", "--no-chdir", "--enable-dummy",
             "--disable-system", "--disable-system-route"], "ovs-vswitchd")
        wait_for("ovs-vswitchd answers", lambda: self.appctl(
            "version", check=False).returncode == 0, 30)

    def open(self):
        """Once the bridge is there."""
        self.db = Database(self.db_sock, self.seen)
        self.bridge_uuid = self.db.rows(
            {"op": "select", "table": "Bridge", "columns": ["_uuid"],
             "where": [["name", "==", self.bridge]]})[0]["_uuid"]

    def seen(self, name, ofport, status, now):
        vm = self.many.get(name)
        if vm is None:
            return
        if ofport is not None and ofport > 0 and vm.port is None:
            vm.port = now
        if status.startswith("protected") and vm.protected is None:
            vm.protected = now
        vm.status = status

    def make_devices(self, n):
        """The devices of the next 'n' VMs, unless they are there.  Who waits
        for files with select() has to have them open before."""
        first, last = len(self.taps) + 1, self.last + n
        if not TAPS or last < first:
            return
        if not self.taps:
            with open("/proc/sys/net/ipv6/conf/default/disable_ipv6",
                      "w") as f:
                f.write("1")
            resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
        names = ["v%d" % number for number in range(first, last + 1)]
        for name in names:
            self.taps.append(os.open("/dev/net/tun", os.O_RDWR))
            fcntl.ioctl(self.taps[-1], TUNSETIFF, struct.pack(
                "16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        pphost.run(["ip", "-batch", "-"], input="".join(
            "link set %s up\n" % name for name in names))

    def stop(self):
        super().stop()
        while self.taps:
            os.close(self.taps.pop())

    def plug_many(self, n=1, **ids):
        """Plugs 'n' VMs in one transaction."""
        self.make_devices(n)
        vms, ops, ports = [], [], []
        for _ in range(n):
            self.last += 1
            vm = Vm(self.last)
            mac = "52:54:%02x:%02x:%02x:01" % (
                vm.number >> 16, vm.number >> 8 & 255, vm.number & 255)
            keys = {"attached-mac": mac, "iface-id": "vm-%d" % vm.number}
            keys.update(ids)
            ops += [{"op": "insert", "table": "Interface",
                     "uuid-name": "i%d" % vm.number, "row": {
                         "name": vm.name, "type": "" if TAPS else "dummy",
                         "external_ids": ["map", list(keys.items())]}},
                    {"op": "insert", "table": "Port",
                     "uuid-name": "p%d" % vm.number, "row": {
                         "name": vm.name, "interfaces": [
                             "named-uuid", "i%d" % vm.number]}}]
            ports.append(["named-uuid", "p%d" % vm.number])
            vms.append(vm)
            self.many[vm.name] = vm
        ops.append(self.change_ports("insert", ports))
        request = self.db.transact(*ops)
        for i, vm in enumerate(vms):
            vm.request = request
            vm.index = 2 * i + 1
        return vms

    def change_ports(self, what, ports):
        # ovs-vswitchd looks whenever rows change; nobody waits for next_cfg.
        return {"op": "mutate", "table": "Bridge",
                "where": [["_uuid", "==", self.bridge_uuid]],
                "mutations": [["ports", what, ["set", ports]]]}

    def unplug_many(self, *vms):
        ports = []
        for vm in vms:
            self.db.answer(vm.request)
            ports.append(self.db.results[vm.request][vm.index]["uuid"])
            del self.many[vm.name]
        return self.db.transact(self.change_ports("delete", ports))

    def wait(self, what, condition, timeout=60):
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise Failed("not within %g s: %s" % (timeout, what))
            self.db.run(0.1)

    def grow(self, n, step=100, wait=None):
        """Plugs VMs until there are 'n'.  'wait': for what; else until all
        are protected, or without a daemon, have their ports."""
        while len(self.many) < n:
            self.plug_many(min(step, n - len(self.many)))
            (wait or self.wait_plugged)(120)

    def churn(self, rate, over):
        """'rate' VMs a second come, and as many go, those that are there
        longest, one change a transaction, until 'over', with how many came,
        is true.  Returns these."""
        begin = time.monotonic()
        old = list(self.many.values())
        came = []
        while not over(len(came)):
            due = begin + len(came) / rate
            if time.monotonic() < due:
                self.db.run(min(due - time.monotonic(), 0.1))
                continue
            came += self.plug_many()
            old.append(came[-1])
            self.unplug_many(old.pop(0))
        return came

    def wait_ports(self, timeout=60):
        self.wait("all have ports", lambda: all(
            vm.port for vm in self.many.values()), timeout)

    def wait_plugged(self, timeout=60):
        if self.control:
            self.wait_all("protected", timeout)
        else:
            self.wait_ports(timeout)

    def wait_all(self, begins, timeout=60):
        self.wait("all are " + begins, lambda: all(
            vm.status.startswith(begins) for vm in self.many.values()),
            timeout)

    def set_all(self, **keys):
        """Keys in external_ids of Open_vSwitch.  Returns when they were
        there."""
        items = [["patchpoint-" + key, value] for key, value in keys.items()]
        names = [item[0] for item in items]
        return self.db.answer(self.db.transact(
            {"op": "mutate", "table": "Open_vSwitch", "where": [],
             "mutations": [["external_ids", "delete", ["set", names]],
                           ["external_ids", "insert", ["map", items]]]}))

    def set_ids_of(self, vm, **keys):
        """Policy's keys of one of them, in place of those that it has."""
        items = [["patchpoint-" + key, value] for key, value in keys.items()]
        names = ["patchpoint-" + key for key in ("policy", "mode", "fail",
                                                 "opaque", "ports")]
        return self.db.answer(self.db.transact(
            {"op": "mutate", "table": "Interface",
             "where": [["name", "==", vm.name]],
             "mutations": [["external_ids", "delete", ["set", names]],
                           ["external_ids", "insert", ["map", items]]]}))

    # What it costs.

    def n_flows(self):
        text = self.ofctl("dump-aggregate", self.bridge,
                          "cookie=%s/-1" % COOKIE)
        return int(text.rsplit("flow_count=", 1)[1].split()[0])

    def work(self, *names):
        """The daemon's counts of what it has done."""
        return {name: int(self.daemon("coverage/read-counter", name))
                for name in names}

    @staticmethod
    def cpu(process):
        """Seconds of processor time that its main thread has had."""
        with open("/proc/%d/schedstat" % process.pid) as f:
            return int(f.read().split()[0]) / 1e9

    def memory(self):
        """KiB of the daemon's memory."""
        with open("/proc/%d/status" % self.control.pid) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise Failed("no VmRSS")
