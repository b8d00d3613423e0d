# SPDX-License-Identifier: Apache-2.0
"""Holds never stall a sender: while the engine waits for the rest of a
message, the sender's kernel gets the acknowledgements that it needs to send
it, however small its window is.

Clients with a congestion window of one segment, senders that wait for an
acknowledgement before the next small segment (RFC 896), receivers with little
room, and loss on top, for each protocol and with messages much longer than
what may be on its way.  Both ends know each byte (netload.py, holdload.py).
What is random comes from seeds; PP_SEED is for others than the usual."""

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import holdload                                             # noqa: E402
import netload                                              # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
from pplab import wait_for                                  # noqa: E402

PORTS = {"http": 80, "smtp": 25, "ftp": 21, "ldap": 389}
OTHERS = ("CVE-1999-0017,CVE-2020-15152,CVE-2023-51713,CVE-2020-12243,"
          "ldapjs-958,CVE-2023-51764,CVE-2024-27305,CVE-2024-34083")

# Another set of seeds.
SEED = int(os.environ.get("PP_SEED", 0))

TCP_MAXSEG = 2
SND_CWND = 80                   # In struct tcp_info.


class Row:
    """A way to send.  'cwnd': the client has one segment under way, no more;
    'mss' of both ends; 'piece': bytes of a write, 'nagle': small segments
    wait; 'rcvbuf' of client and server; 'net' is for impair.py."""

    def __init__(self, name, cwnd=False, mss=0, piece=1 << 20, nagle=False,
                 rcvbuf=(0, 0), version=4, **net):
        self.name = name
        self.cwnd = cwnd
        self.mss = mss
        self.piece = piece
        self.nagle = nagle
        self.rcvbuf = rcvbuf
        self.version = version
        self.net = net


ROWS = [
    Row("a window of one segment", cwnd=True),
    Row("a window of one segment, IPv6", cwnd=True, version=6),
    Row("a window of one short segment", cwnd=True, mss=300),
    Row("small writes that wait", nagle=True, piece=90),
    Row("a window of one segment, small writes that wait", cwnd=True,
        nagle=True, piece=90),
    Row("a window of one segment, loss 2 %", cwnd=True, loss=2),
    Row("a window of one segment, loss 2 %, IPv6", cwnd=True, loss=2,
        version=6),
    Row("a window of one short segment, loss 1 %, reorder 10 %", cwnd=True,
        mss=300, loss=1, reorder=10),
    Row("small writes that wait, loss 2 %", nagle=True, piece=400, loss=2),
    Row("a server with 4,608 bytes of room", rcvbuf=(0, 4608)),
    Row("a client with 4,608 bytes of room", rcvbuf=(4608, 0)),
    Row("both with 4,608 bytes of room, IPv6", rcvbuf=(4608, 4608),
        version=6),
    Row("both with 4,608 bytes of room, loss 2 %", rcvbuf=(4608, 4608),
        loss=2),
    Row("both with 2,304 bytes of room", rcvbuf=(2304, 2304)),
    Row("a window of one segment, a server with 2,304 bytes of room",
        cwnd=True, rcvbuf=(0, 2304)),
]


class Holds:
    """The tests of a protocol."""

    seconds = 40
    holds = True                # Messages are decided as a whole.

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        folder = os.path.join(cls.lab.dir, "patches", "http")
        netload.write_patches(folder)
        cls.lab.start_daemon(patches=[os.path.dirname(folder),
                                      pplab.PATCHES])
        cls.vm = cls.lab.add_server_vm("vm", 1)
        cls.client = cls.lab.add_server_vm("c", 250, plug=False)
        near, cls.far = cls.lab.add_link("n")
        for dev in near, cls.far:
            pphost.set_offloads(dev, False)
        cls.lab.vsctl("add-port", cls.lab.bridge, near)
        for a, b in (cls.vm, cls.client), (cls.client, cls.vm):
            for version in 4, 6:
                a.run(["ip", "neigh", "replace", pplab.address(b, version),
                       "lladdr", b.mac, "dev", "eth0", "nud", "permanent"])
        cls.lab.protect(cls.vm, netload.IDS + "," + OTHERS)

    def start(self, argv, **kwargs):
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **kwargs)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def impaired(self, row, seed):
        p = self.start(
            [sys.executable, os.path.join(pplab.HERE, "impair.py"),
             self.client.ifname, self.far, "--seed=%d" % seed]
            + ["--%s=%s" % item for item in row.net.items()],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.stdout.close)
        self.assertEqual(p.stdout.readline(), "ready\n")

    def serve(self, row, host, port=None):
        program = "netload.py" if self.name == "http" else "holdload.py"
        argv = [sys.executable, os.path.join(pplab.HERE, program)]
        argv += [self.name] * (self.name != "http")
        port = port or PORTS[self.name]
        argv += [host, str(port)]
        argv += [str(row.rcvbuf[1])] if row.rcvbuf[1] else []
        self.start(self.vm.argv(argv))
        wait_for("the server listens", lambda: pplab.answers(
            self.vm, host, port))

    def connect(self, row, host, port=None):
        net = "10.77.0.0/24" if row.version == 4 else "fd77::/64"
        self.client.run(
            ["ip", "-%d" % row.version, "route", "replace", net, "dev",
             "eth0"] + ["metric", "256"] * (row.version == 6) + ("initcwnd 1 cwnd lock 1".split() if row.cwnd
                        else []))
        # What one connection taught is not for the next; but for the lock,
        # which is taken from the route when one ends.
        self.client.run(["ip", "tcp_metrics", "flush"])
        if row.cwnd:
            with self.client.connect(host, PORTS[self.name], 20) as s:
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            wait_for("the lock is taken", lambda: "cwnd" in self.client.run(
                ["ip", "tcp_metrics"]).stdout)
        with self.client.inside():
            s = socket.socket(socket.AF_INET6 if row.version == 6
                              else socket.AF_INET)
        self.addCleanup(s.close)
        s.settimeout(self.seconds)
        if row.rcvbuf[0]:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, row.rcvbuf[0])
        if row.mss:
            s.setsockopt(socket.IPPROTO_TCP, TCP_MAXSEG, row.mss)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not row.nagle)
        s.connect((host, port or PORTS[self.name]))
        return s

    def state(self):
        """What both kernels and the engine say of the connection."""
        return "\n".join(
            end.run(["ss", "-tinmoe"]).stdout for end in (
                self.client, self.vm)) + self.lab.daemon(
                    "conn/list") + "\n".join(
                        line for line in self.lab.daemon(
                            "stats/show").splitlines()
                        if line.startswith(("stream", "held"))
                        and line.split()[1] != "0")

    def load(self, row, sock, seed):
        return holdload.Talk(sock, self.name, seed, 6, row.piece)

    def row(self, row):
        seed = 100 * SEED + ROWS.index(row) + 1
        host = pplab.address(self.vm, row.version)
        self.impaired(row, seed)
        self.serve(row, host)
        before = {name: self.lab.counter(name) for name in (
            "stream_hold_acks", "stream_gave_up", "flow_midstream",
            "proxy_bad")}
        start = time.monotonic()
        sock = self.connect(row, host)
        load = self.load(row, sock, seed)
        why = load.wait(self.seconds)
        if row.cwnd and not why:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            self.assertEqual(info[SND_CWND:SND_CWND + 4],
                             (1).to_bytes(4, sys.byteorder))
        done = {name: self.lab.counter(name) - n
                for name, n in before.items()}
        print("%s, %s: %.1f s, %s" % (self.name, row.name,
                                      time.monotonic() - start, done),
              file=sys.stderr)
        self.assertIsNone(why, why and self.state())
        held = done.pop("stream_hold_acks")
        self.assertTrue(held or not row.cwnd or not self.holds)
        self.assertEqual(set(done.values()), {0}, done)


class Http(Holds, unittest.TestCase):
    name = "http"

    def load(self, row, sock, seed):
        return netload.Load(sock, 60000, seed, most=12000, heads=9000,
                            piece=row.piece, keep=True)


class Ftp(Holds, unittest.TestCase):
    name = "ftp"


class Ldap(Holds, unittest.TestCase):
    name = "ldap"

    def answer_meanwhile(self, port):
        """Of a message longer than the server's room one half is sent before
        an answer to another one comes, and one half after that."""
        row = Row("an answer in the middle")
        host = pplab.address(self.vm)
        self.impaired(row, 1)
        self.serve(row, host, port)
        sock = self.connect(row, host, port)
        ldap = holdload.Ldap()
        long = ldap.add(2, b"x" * 200000)
        sock.sendall(ldap.add(1, holdload.LATE) + long[:100000])
        first = sock.recv(4096)
        sock.settimeout(8)
        sock.sendall(long[100000:])
        try:
            return ldap.end(first), ldap.end(sock.recv(4096))
        except socket.timeout:
            return ldap.end(first), 0

    def test_answer_meanwhile_without(self):
        "an answer in the middle of a long message, to a port without us"
        self.assertTrue(all(self.answer_meanwhile(10389)))

    def test_answer_meanwhile(self):
        "an answer in the middle of a long message"
        self.assertTrue(all(self.answer_meanwhile(389)))


class Smtp(Holds, unittest.TestCase):
    name = "smtp"
    holds = False               # Mail passes as it comes.


def add(cls):
    for i, row in enumerate(ROWS):
        def test(self, row=row):
            self.row(row)
        test.__doc__ = row.name
        setattr(cls, "test_%02d" % i, test)


for _cls in Http, Ftp, Ldap, Smtp:
    add(_cls)


if __name__ == "__main__":
    unittest.main()
