# SPDX-License-Identifier: Apache-2.0
"""patchpoint-patch replay: a capture goes through the very engine code,
without a switch and without privileges."""

import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402

CLIENT, SERVER = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
SYN, ACK, PSH, FIN = 2, 16, 8, 1

PATCH = """
patch: CVE-2000-0001
title: A path that must not be asked for
vendor: a test's own
affects: [{ product: test/server, versions: "< 1" }]
severity: 5.0
proxy: http
on: request
when: path contains "evil"
correct:
  reject: { status: 404, close: true }
same-as-vendor: it is a test's own
vectors:
  - exploit: it is asked for
    to-server: "GET /evil HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
    expect:
      to-client: "HTTP/1.1 404 Not Found\\r\\n\\r\\n"
      to-server: ""
      close: fin
  - benign: another one
    to-server: "GET /good HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
"""


def packet(to_server, seq, ack, flags, payload=b"", raw=False, vlan=False):
    """A TCP segment without checksums, as on a host that offloads them."""
    src, dst = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
    ports = (40000, 80) if to_server else (80, 40000)
    tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, 0x50, flags, 60000, 0,
                      0) + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6,
                     0) + src + dst + tcp
    if raw:
        return ip
    macs = (b"\2\0\0\0\0\2", b"\2\0\0\0\0\1")
    dst, src = macs if to_server else macs[::-1]
    return dst + src + (b"\x81\0\0\7" if vlan else b"") + b"\x08\0" + ip


def capture(path, packets, link=1):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link))
        for i, p in enumerate(packets):
            f.write(struct.pack("<IIII", 1000, i * 1000, len(p), len(p)) + p)


def payloads(path):
    """TCP payloads of an Ethernet capture, by direction, in its order."""
    out = {True: b"", False: b""}
    with open(path, "rb") as f:
        data = f.read()
    pos = 24
    while pos < len(data):
        n = struct.unpack_from("<I", data, pos + 8)[0]
        frame = data[pos + 16:pos + 16 + n]
        pos += 16 + n
        l3 = 18 if frame[12:14] == b"\x81\0" else 14
        total = struct.unpack_from("!H", frame, l3 + 2)[0]
        l4 = l3 + 20
        body = frame[l4 + (frame[l4 + 12] >> 4) * 4:l3 + total]
        out[struct.unpack_from("!H", frame, l4 + 2)[0] == 80] += body
    return out


def conversation(request, answer, **kwargs):
    """A connection with one request, cut in two, and its answer."""
    cut = len(request) // 2
    return [
        packet(True, 99, 0, SYN, **kwargs),
        packet(False, 499, 100, SYN | ACK, **kwargs),
        packet(True, 100, 500, ACK, **kwargs),
        packet(True, 100, 500, ACK | PSH, request[:cut], **kwargs),
        packet(True, 100 + cut, 500, ACK | PSH, request[cut:], **kwargs),
        packet(False, 500, 100 + len(request), ACK | PSH, answer, **kwargs),
    ]


class Replay(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="pp-replay-")
        self.addCleanup(self.dir.cleanup)
        os.mkdir(self.path("http"))
        with open(self.path("http", "CVE-2000-0001.yaml"), "w") as f:
            f.write(PATCH)

    def path(self, *names):
        return os.path.join(self.dir.name, *names)

    def replay(self, *args, ok=True):
        p = subprocess.run([pplab.TOOL, "-p", self.path("http"), *args,
                            "replay", self.path("in.pcap"),
                            self.path("out.pcap")],
                           capture_output=True, text=True, timeout=30)
        self.assertEqual(p.returncode == 0, ok, p.stdout + p.stderr)
        return p.stdout + p.stderr

    EVIL = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
    GOOD = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n"
    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    def test_exploit(self):
        "an exploit is refused in the capture, and told"
        capture(self.path("in.pcap"), conversation(self.EVIL, b""))
        said = self.replay()
        self.assertIn("CVE-2000-0001: reject: client 10.0.0.1 port 40000",
                      said)
        self.assertIn("1 corrections", said)
        out = payloads(self.path("out.pcap"))
        self.assertEqual(out[True], b"")
        # The captured client never acknowledges it: it is sent again.
        reply = b"HTTP/1.1 404 Not Found\r\n\r\n"
        self.assertEqual(out[False].replace(reply, b""), b"")
        self.assertIn(reply, out[False])

    def test_ordinary(self):
        "an ordinary conversation comes out as it went in"
        for vlan in False, True:
            capture(self.path("in.pcap"),
                    conversation(self.GOOD, self.ANSWER, vlan=vlan))
            self.assertIn(" 0 corrections", self.replay())
            out = payloads(self.path("out.pcap"))
            self.assertEqual(out[True], self.GOOD)
            self.assertEqual(out[False], self.ANSWER)

    def test_raw_ip(self):
        "a capture without Ethernet headers"
        capture(self.path("in.pcap"),
                conversation(self.EVIL, b"", raw=True), link=101)
        self.assertIn("1 corrections", self.replay())

    def test_other_port(self):
        "only where a service is said to be"
        capture(self.path("in.pcap"), conversation(self.EVIL, b""))
        self.assertIn("0 corrections", self.replay("--ports=http:8000"))
        self.assertIn("'x' is no port",
                      self.replay("--ports=http:x", ok=False))
        self.assertIn("name of a proxy",
                      self.replay("--ports=gopher:70", ok=False))

    def test_midstream(self):
        "without its SYN a connection passes, and is counted"
        capture(self.path("in.pcap"), conversation(self.EVIL, b"")[2:])
        said = self.replay()
        self.assertIn("0 corrections", said)
        self.assertIn("2 segments of connections without their SYN", said)

    def test_no_capture(self):
        "what is no capture is refused, with the reason"
        with open(self.path("in.pcap"), "w") as f:
            f.write("no capture\n")
        self.assertIn("cannot be read as a capture", self.replay(ok=False))


if __name__ == "__main__":
    unittest.main()
