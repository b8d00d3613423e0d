# SPDX-License-Identifier: Apache-2.0
"""Multipath TCP (RFC 8684), by the kernel's own at both ends: its stream comes
in pieces, on several connections and with numbers of its own, so that nobody
in between could follow or correct it.  Through us both ends do without."""

import os
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netload                                              # noqa: E402
import pplab                                                # noqa: E402
from pplab import wait_for                                  # noqa: E402

IPPROTO_MPTCP = 262
SOL_MPTCP, MPTCP_INFO = 284, 1
OTHER = "10.77.0.249"           # The client's second address.
FALLBACK = 1                    # In struct mptcp_info's flags.

ORDINARY = b"GET /p?a=1 HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"POST /p?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
BODY = b"\0\1\2\3"
EXPLOIT = b"GET /p?a=1&drop=2 HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def mptcp_socket(vm):
    with vm.inside():
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM,
                                 IPPROTO_MPTCP)
        except OSError as e:
            raise unittest.SkipTest("the kernel has no MPTCP: %s" % e)


def multipath(sock):
    """How many connections there are besides the first one; None: the ends do
    not speak Multipath TCP."""
    try:
        info = sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 64)
    except OSError:
        return None
    return (None if struct.unpack_from("I", info, 8)[0] & FALLBACK
            else info[0])


class Mptcp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        folder = os.path.join(cls.lab.dir, "patches", "http")
        netload.write_patches(folder)
        cls.lab.start_daemon(patches=[os.path.dirname(folder)])
        cls.vm = cls.lab.add_server_vm("vm", 1)
        cls.client = cls.lab.add_client()
        mptcp_socket(cls.vm).close()
        cls.client.run(["ip", "address", "add", OTHER + "/24", "dev", "eth0"])
        cls.client.run(["ip", "mptcp", "endpoint", "add", OTHER, "dev", "eth0",
                        "subflow"])
        for vm in cls.vm, cls.client:
            vm.run(["ip", "mptcp", "limits", "set", "subflow", "2",
                    "add_addr_accepted", "2"])
        cls.lab.protect(cls.vm, netload.IDS)

    def listen(self, port, seen):
        """A server that answers requests on one connection, and puts them in
        'seen'."""
        listener = mptcp_socket(self.vm)
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((pplab.address(self.vm), port))
        listener.listen()
        listener.settimeout(10)

        def serve():
            try:
                sock, _ = listener.accept()
                with sock:
                    sock.settimeout(10)
                    reader = netload.Reader(sock)
                    while True:
                        seen.append(reader.message())
                        sock.sendall(ANSWER)
            except (OSError, netload.Ended):
                pass
        server = threading.Thread(target=serve)
        server.start()
        self.addCleanup(server.join)

    def ask(self, sock, request):
        sock.sendall(request)
        answer = b""
        while len(answer) < len(ANSWER):
            more = sock.recv(4096)
            self.assertTrue(more, answer)
            answer += more
        self.assertEqual(answer, ANSWER)

    def play(self, port):
        """An exploit on the second connection, which begins within a body.
        What the server sees of it, and if both ends speak Multipath TCP."""
        seen = []
        self.listen(port, seen)
        with mptcp_socket(self.client) as sock:
            sock.settimeout(10)
            sock.connect((pplab.address(self.vm), port))
            self.ask(sock, ORDINARY)
            speak = multipath(sock) is not None
            if speak:
                wait_for("a second connection", lambda: multipath(sock))
            sock.sendall(HEAD)
            if speak:
                # The first one is closed: its address "is gone".
                time.sleep(0.2)
                self.client.run(["ip", "mptcp", "endpoint", "delete", "id",
                                 "0", pplab.address(self.client)])
            self.ask(sock, BODY)
            self.ask(sock, EXPLOIT)
        self.assertEqual(seen[1], (HEAD.split(b"\r\n")[0], BODY))
        return seen[2][0], speak

    def test_without(self):
        "without us both ends speak it, and an exploit gets through"
        self.assertEqual(self.play(9999), (EXPLOIT.split(b"\r\n")[0], True))

    def test_through_us(self):
        "through us they do without, and an exploit is corrected"
        before = self.lab.counter("stream_mptcp")
        self.assertEqual(self.play(80), (ORDINARY.split(b"\r\n")[0], False))
        self.assertGreater(self.lab.counter("stream_mptcp"), before)


if __name__ == "__main__":
    unittest.main()
