# SPDX-License-Identifier: Apache-2.0
"""Real kernels over bad networks: what both applications read is what was
decided, byte for byte, whatever the network does and however the two kernels
are set up.

Each row of the matrix is a connection of a client and a VM with a network
between them (impair.py) that loses, reorders, doubles, corrupts and delays.
It carries requests and answers of which many are corrected on the way, in both
directions (netload.py): the server's application must have seen the sum of
what it should see, and the client each answer.

"quickstart check" moves little in each row; PP_NETWORK_MIB sets how much, up
and down each, and PP_SEED what it is.  Each row prints what it did.

Windows of less than two segments are left out: a kernel whose buffer has room
for less keeps to the small window that is left when once a short segment came,
and goes on at some bytes in 200 ms, with us or without."""

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netload                                              # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
from pplab import wait_for                                  # noqa: E402

MIB = 1 << 20
SIZE = float(os.environ.get("PP_NETWORK_MIB", 0))
SEED = int(os.environ.get("PP_SEED", 1))

TCP_MD5SIG = 14
TCP_FASTOPEN = 23
MSG_FASTOPEN = 0x20000000

BAD = dict(loss=5, reorder=25, dup=2, corrupt=1)


class Row:
    """What a row is about.  'net' is for impair.py; 'mtu' and 'offloads' (True,
    False or the ends' own two) of both ends, 'sysctl' as well; 'rcvbuf' of
    both ends' sockets; 'size' in MiB, if nobody says otherwise."""

    def __init__(self, name, size=10, version=4, mtu=1500, offloads=None,
                 rcvbuf=0, sysctl=(), tag=None, fast_open=False, md5=False,
                 initcwnd=None, most=40000, **net):
        self.name = name
        self.size = SIZE or min(size, 0.5)
        self.version = version
        self.mtu = mtu
        self.offloads = offloads
        self.rcvbuf = rcvbuf
        self.sysctl = sysctl
        self.tag = tag
        self.fast_open = fast_open
        self.md5 = md5
        self.initcwnd = initcwnd
        self.most = most
        self.net = net


ROWS = [
    Row("clean"),
    Row("clean, IPv6", version=6),
    Row("loss 5 %", 3, loss=5),
    Row("reorder 25 %", reorder=25),
    Row("duplicate 2 %", dup=2),
    Row("corrupt 1 %", 5, corrupt=1),
    Row("all of these", 2, **BAD),
    Row("all of these, IPv6", 2, version=6, **BAD),
    Row("delay and jitter", 5, delay=3, jitter=4),
    Row("20 Mbit/s, a short queue", 5, rate=20, queue=40),
    Row("small windows", 2, rcvbuf=8192),
    Row("small windows, loss 2 %", 0.5, rcvbuf=8192, loss=2),
    Row("tiny windows", 0.5, rcvbuf=4096),
    Row("tiny windows, loss 2 %", 0.2, rcvbuf=4096, loss=2),
    Row("MTU 576", 4, mtu=576),
    Row("MTU 1280, IPv6, loss 1 %", 4, mtu=1280, version=6, loss=1),
    Row("MTU 9000", mtu=9000),
    Row("MTU 9000, all of these", 2, mtu=9000, **BAD),
    Row("a VLAN, all of these", 2, tag=77, **BAD),
    Row("ECN, loss 1 %", 5, sysctl=["net.ipv4.tcp_ecn=1"], loss=1),
    Row("no SACK, no timestamps, loss 2 %", 2,
        sysctl=["net.ipv4.tcp_sack=0", "net.ipv4.tcp_timestamps=0"], loss=2),
    Row("no window scaling", 5, sysctl=["net.ipv4.tcp_window_scaling=0"]),
    Row("TCP Fast Open", 2, fast_open=True,
        sysctl=["net.ipv4.tcp_fastopen=1539"]),
    Row("TCP-MD5", 2, md5=True),
]

TSO_ROWS = [
    Row("TSO and GRO"),
    Row("TSO and GRO, IPv6", version=6),
    Row("TSO and GRO, all but corruption", 3, loss=5, reorder=25, dup=2),
    Row("TSO and GRO, a VLAN, loss 2 %", 3, tag=77, loss=2),
    Row("no TSO, no GRO, all of these", 2, offloads=(False, False), **BAD),
    Row("TSO in the VM alone, loss 2 %", 3, offloads=(False, True), loss=2),
    Row("TSO in the client alone, loss 2 %", 3, offloads=(True, False),
        loss=2),
    Row("TSO and GRO, MTU 9000", mtu=9000),
    Row("TSO and GRO, small windows", 2, rcvbuf=8192),
]


class Network(unittest.TestCase):
    tso = False

    def lay(self, row):
        """The lab of a row: everything but the daemon is of the row."""
        self.lab = pplab.Lab(tso=self.tso)
        self.addCleanup(self.lab.stop)
        self.lab.start()
        folder = os.path.join(self.lab.dir, "patches", "http")
        netload.write_patches(folder)
        port_args = ["tag=%d" % row.tag] if row.tag else []
        vm = self.lab.add_server_vm("vm", 1, mtu=row.mtu,
                                    port_args=port_args)
        client = self.lab.add_server_vm("c", 250, plug=False, mtu=row.mtu)
        near, far = self.lab.add_link("n", *port_args)
        for dev in near, far:
            pphost.run(["ip", "link", "set", dev, "mtu", str(row.mtu)])
            pphost.set_offloads(dev, self.tso)
        self.lab.vsctl("add-port", self.lab.bridge, near, *port_args)
        for end, on in zip((client, vm), row.offloads or ()):
            pphost.set_offloads("eth0", on, end.netns)
        for end in client, vm:
            for setting in row.sysctl:
                end.run(["sysctl", "-qw", setting])
            for version in (4, 6) if row.mtu >= 1280 else (4,):
                other = vm if end is client else client
                end.run(["ip", "neigh", "replace",
                         pplab.address(other, version), "lladdr", other.mac,
                         "dev", "eth0", "nud", "permanent"])
        self.lab.start_daemon(patches=[os.path.dirname(folder)])
        self.lab.protect(vm, netload.IDS)
        return client, vm, far

    def impaired(self, row, a, b):
        argv = [sys.executable, os.path.join(pplab.HERE, "impair.py"), a, b,
                "--seed=%d" % SEED]
        argv += ["--%s=%s" % item for item in row.net.items()]
        p = subprocess.Popen(argv, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL)
        self.lab.processes.append(p)
        self.assertEqual(p.stdout.readline(), "ready\n")
        return p

    def serve(self, row, vm, host):
        argv = [sys.executable, os.path.join(pplab.HERE, "netload.py"), host,
                "80"] + ([str(row.rcvbuf)] if row.rcvbuf else [])
        vm.popen(argv)
        wait_for("the server listens", lambda: pplab.answers(vm, host, 80))

    def connect(self, row, client, host):
        with client.inside():
            s = socket.socket(socket.AF_INET6 if row.version == 6
                              else socket.AF_INET)
        s.settimeout(120)
        if row.rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, row.rcvbuf)
        if row.fast_open:
            # The SYN has a request that is to be refused.
            s.settimeout(None)
            s.sendto(b"GET /refused/fast HTTP/1.1\r\nHost: a\r\n\r\n",
                     MSG_FASTOPEN, (host, 80))
            s.settimeout(120)
            reader = netload.Reader(s)
            self.assertIn(b" 404 ", reader.message()[0])
        else:
            s.connect((host, 80))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def row(self, row):
        client, vm, far = self.lay(row)
        host = pplab.address(vm, row.version)
        net = self.impaired(row, client.ifname, far)
        if row.md5:
            return self.md5(row, client, vm, host)
        self.serve(row, vm, host)
        start = time.monotonic()
        load = netload.Load(self.connect(row, client, host),
                            int(row.size * MIB), SEED, most=row.most)
        why = load.wait(120 if row.size < 1 else 600)
        seconds = time.monotonic() - start
        net.send_signal(signal.SIGTERM)
        did = net.stderr.read().strip()
        counters = {name: self.lab.counter(name) for name in (
            "correct_edits", "correct_rejects", "stream_rebuilt",
            "stream_retransmit", "stream_conflict", "stream_rto",
            "stream_hold_acks", "stream_gave_up", "packet_in_bad_csum",
            "flow_midstream", "held_bytes", "packet_out_errors")}
        print("%-34s %4.1f MiB up, %4.1f down, %4d requests, %4d corrections,"
              " %5.1f s\n    %s\n    %s (seed %d)"
              % (row.name, load.up / MIB, load.down / MIB, load.requests,
                 load.corrections, seconds, did,
                 ", ".join("%s %d" % item for item in counters.items()
                           if item[1]), SEED), file=sys.stderr)
        self.assertIsNone(why)
        # The corrections were made, by us, and none was missed.
        done = counters["correct_edits"] + counters["correct_rejects"]
        self.assertEqual(done, load.corrections + row.fast_open)
        self.assertEqual(counters["stream_gave_up"], 0)
        self.assertEqual(counters["flow_midstream"], 0)

    def md5(self, row, client, vm, host):
        """Segments that are signed cannot be edited: they pass, and are
        counted."""
        def key(sock, peer):
            address = (b"\2\0\0\0" + socket.inet_aton(peer)).ljust(128, b"\0")
            sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG,
                            address + b"\0\0\4\0\0\0\0\0" + b"word".ljust(
                                80, b"\0"))
        listener = vm.listen(host, 80)
        key(listener, pplab.address(client))
        with client.inside():
            s = socket.socket()
        self.addCleanup(s.close)
        self.addCleanup(listener.close)
        s.settimeout(30)
        key(s, host)
        s.connect((host, 80))
        there, _ = listener.accept()
        self.addCleanup(there.close)
        there.settimeout(30)
        request = b"GET /refused/1 HTTP/1.1\r\nHost: a\r\n\r\n"
        for _ in range(200):
            s.sendall(request)
            got = b""
            while len(got) < len(request):
                got += there.recv(65536)
            self.assertEqual(got, request)
            there.sendall(REPLY)
            got = b""
            while len(got) < len(REPLY):
                got += s.recv(65536)
            self.assertEqual(got, REPLY)
        self.assertEqual(self.lab.counter("correct_rejects"), 0)
        self.assertIn("uninspected", self.lab.daemon("conn/list"))


REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000)


class Bad(Network):
    pass


class BadTso(Network):
    tso = True


class Without(Network):
    """The same without us: the applications do not get what they should."""

    def test_without(self):
        "without us both ends tell that nothing was corrected"
        row = Row("without us", 0.1)
        client, vm, far = self.lay(row)
        self.lab.clear_ids(vm, "policy")
        wait_for("no redirect is left", lambda: not self.lab.status(
            vm.ifname), 20)
        host = pplab.address(vm)
        self.impaired(row, client.ifname, far)
        self.serve(row, vm, host)
        load = netload.Load(self.connect(row, client, host), 1 << 17, SEED)
        self.assertIn("answer", load.wait(120))


def add(cls, rows):
    for i, row in enumerate(rows):
        def test(self, row=row):
            self.row(row)
        test.__doc__ = row.name
        setattr(cls, "test_%02d" % i, test)


add(Bad, ROWS)
add(BadTso, TSO_ROWS + ROWS[6:])


if __name__ == "__main__":
    unittest.main()
