# SPDX-License-Identifier: Apache-2.0
"""patchpoint-patch replay: a capture goes through the very engine code,
without a switch and without privileges."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402

setUpModule = pplab.has_no_switch

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


# Link types, and what stands before the IP packet.  BSD's loopback has a
# number of the capturing host, in its order.
ETHERNET, NULL, RAW, LOOP, SLL, SLL2, IPV4 = 1, 0, 101, 108, 113, 276, 228
HEADS = {RAW: b"", IPV4: b"", NULL: b"\2\0\0\0", LOOP: b"\0\0\0\2",
         SLL: struct.pack("!HHH8sH", 0, 1, 6, b"\2\0\0\0\0\1", 0x800),
         SLL2: struct.pack("!HHIHBB8s", 0x800, 0, 3, 1, 0, 6,
                           b"\2\0\0\0\0\1")}


def packet(to_server, seq, ack, flags, payload=b"", link=ETHERNET, vlan=False,
           client=40000, server=80):
    """A TCP segment without checksums, as on a host that offloads them."""
    src, dst = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
    ports = (client, server) if to_server else (server, client)
    tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, 0x50, flags, 60000, 0,
                      0) + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6,
                     0) + src + dst + tcp
    if link != ETHERNET:
        return HEADS[link] + ip
    macs = (b"\2\0\0\0\0\2", b"\2\0\0\0\0\1")
    dst, src = macs if to_server else macs[::-1]
    return dst + src + (b"\x81\0\0\7" if vlan else b"") + b"\x08\0" + ip


def capture(path, packets, link=1):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link))
        for i, p in enumerate(packets):
            f.write(struct.pack("<IIII", 1000, i * 1000, len(p), len(p)) + p)


def capture_ng(path, packets, link=1, snap=65535):
    """The same as pcapng: a section, an interface, enhanced packets."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        n = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + n + body + n

    with open(path, "wb") as f:
        f.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)))
        f.write(block(1, struct.pack("<HHI", link, 0, snap)))
        for i, p in enumerate(packets):
            t = 1000 * 1000000 + i * 1000
            head = struct.pack("<IIIII", 0, t >> 32, t & 0xffffffff,
                               min(len(p), snap), len(p))
            f.write(block(6, head + p[:snap]))


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


def conversation(request, answer, seq=100, **kwargs):
    """A connection with one request, cut in two, and its answer."""
    cut = len(request) // 2
    return [
        packet(True, seq - 1, 0, SYN, **kwargs),
        packet(False, 499, seq, SYN | ACK, **kwargs),
        packet(True, seq, 500, ACK, **kwargs),
        packet(True, seq, 500, ACK | PSH, request[:cut], **kwargs),
        packet(True, seq + cut, 500, ACK | PSH, request[cut:], **kwargs),
        packet(False, 500, seq + len(request), ACK | PSH, answer, **kwargs),
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

    def run_tool(self, *args, ok=True):
        p = subprocess.run([pplab.TOOL, "-p", self.path("http"), *args],
                           capture_output=True, text=True, timeout=30)
        self.assertEqual(p.returncode == 0, ok, p.stdout + p.stderr)
        return p.stdout + p.stderr

    def replay(self, *args, ok=True):
        return self.run_tool(*args, "replay", self.path("in.pcap"),
                             self.path("out.pcap"), ok=ok)

    def connections(self, *args):
        """What is said of each connection, as JSON."""
        said = json.loads(self.run_tool("replay", "--json", *args,
                                        self.path("in.pcap")))
        self.assertEqual(said["capture"], self.path("in.pcap"))
        return said["connections"]

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

    def test_link_types(self):
        "captures without Ethernet headers, as pcap and as pcapng"
        for link in sorted(HEADS):
            for write in capture, capture_ng:
                with self.subTest(link=link, write=write.__name__):
                    write(self.path("in.pcap"),
                          conversation(self.EVIL, b"", link=link), link=link)
                    self.assertIn("1 corrections", self.replay())
                    reply = b"HTTP/1.1 404 Not Found\r\n\r\n"
                    out = payloads(self.path("out.pcap"))
                    self.assertIn(reply, out[False])

    def test_other_link_type(self):
        "one that is not known is named"
        capture(self.path("in.pcap"), [bytes(64)], link=127)
        self.assertIn("link type IEEE802_11_RADIO is not known",
                      self.replay(ok=False))

    def test_other_port(self):
        "only where a service is said to be"
        capture(self.path("in.pcap"), conversation(self.EVIL, b""))
        self.assertIn("0 corrections", self.replay("--ports=http:8000"))
        self.assertIn("'x' is no port",
                      self.replay("--ports=http:x", ok=False))
        self.assertIn("name of a proxy",
                      self.replay("--ports=gopher:70", ok=False))

    def test_midstream(self):
        "without its SYN a connection passes, and is named"
        capture(self.path("in.pcap"), conversation(self.EVIL, b"")[2:])
        said = self.replay()
        self.assertIn("0 corrections", said)
        self.assertIn("2 segments of connections without their SYN", said)
        self.assertIn("10.0.0.1 port 40000 > 10.0.0.2 port 80, http: "
                      "not looked at: it began before the capture", said)
        conn, = self.connections()
        self.assertEqual(conn["state"], "midstream")
        self.assertEqual(conn["to-server-bytes"], len(self.EVIL))

    def test_connections(self):
        "a line for each connection, in the order in which they began"
        capture_ng(self.path("in.pcap"), [
            *conversation(self.GOOD, self.ANSWER, client=1001),
            *conversation(self.EVIL, b"", client=1002),
            *conversation(b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03",
                          b"\x15\x03\x03\x00\x02\x02\x28", client=1003),
            *conversation(b"\x16\x03\x01", b"", client=1004, server=443),
            *conversation(b"\1\2\3\4", b"", client=1005)])
        conns = [x.partition(" > 10.0.0.2 port ") for x in
                 self.replay().splitlines() if " > " in x]
        self.assertEqual([x[0] for x in conns],
                         [f"10.0.0.1 port {n}" for n in range(1001, 1006)])
        self.assertEqual([x[2] for x in conns], [
            "80, http: 1 messages looked at, none corrected",
            "80, http: 1 messages looked at, 1 corrected (CVE-2000-0001)",
            "80, http: 0 messages looked at, none corrected; opaque: tls",
            "443: opaque: TLS, by its port",
            "80, http: 0 messages looked at, none corrected; "
            "not understood: not-http"])
        conns = self.connections()
        self.assertEqual([(x["state"], x.get("reason")) for x in conns], [
            ("inspected", None), ("inspected", None), ("opaque", "tls"),
            ("opaque", "tls-port"), ("not-understood", "not-http")])
        self.assertEqual(conns[0]["client"],
                         {"address": "10.0.0.1", "port": 1001})
        self.assertEqual(conns[0]["service"],
                         {"address": "10.0.0.2", "port": 80})
        self.assertEqual(conns[0]["from-server-bytes"], len(self.ANSWER))
        self.assertEqual(conns[0]["proxy"], "http")
        self.assertEqual(conns[0]["corrections"], [])
        done, = conns[1]["corrections"]
        self.assertEqual((done["patch"], done["correction"], done["mode"]),
                         ("CVE-2000-0001", "reject", "enforce"))
        self.assertIn("/evil", done["detail"])

    def test_port_again(self):
        "a port that is used again is another connection"
        capture(self.path("in.pcap"), [
            *conversation(self.GOOD, self.ANSWER),
            packet(True, 100 + len(self.GOOD), 500 + len(self.ANSWER), 20),
            *conversation(self.EVIL, b"", seq=90000)])
        self.assertEqual([len(x["corrections"]) for x in self.connections()],
                         [0, 1])

    def test_monitor(self):
        "only said, not done"
        capture(self.path("in.pcap"), conversation(self.EVIL, self.ANSWER))
        said = self.replay("--monitor")
        self.assertIn("CVE-2000-0001: would reject: client", said)
        self.assertIn("1 would be corrected (CVE-2000-0001)", said)
        out = payloads(self.path("out.pcap"))
        self.assertEqual(out[True], self.EVIL)
        self.assertEqual(out[False], self.ANSWER)
        done, = self.connections("--monitor")[0]["corrections"]
        self.assertEqual(done["mode"], "monitor")

    def test_cut_off(self):
        "frames that were cut off when captured are counted"
        capture_ng(self.path("in.pcap"), conversation(self.EVIL, b""), snap=60)
        said = self.replay()
        self.assertIn(" 0 corrections", said)
        self.assertIn("2 frames cut off when captured", said)

    def test_no_capture(self):
        "what is no capture is refused, with the reason"
        with open(self.path("in.pcap"), "w") as f:
            f.write("no capture\n")
        self.assertIn("cannot be read as a capture", self.replay(ok=False))


if __name__ == "__main__":
    unittest.main()
