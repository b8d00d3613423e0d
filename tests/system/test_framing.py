# SPDX-License-Identifier: Apache-2.0
"""No way around by what servers read in different ways: see framing.py.  What
is sent is of one seed; "./quickstart framing" sends other."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import framing                                              # noqa: E402
import pplab                                                # noqa: E402
from pphost import GotThrough                               # noqa: E402


class Short(unittest.TestCase):
    """What the tests of all protocols share."""

    def look(self, protocol, numbers):
        lab = pplab.Lab.of(type(self))
        servers = framing.Framing(lab, protocol,
                                  framing.protocol(protocol).SHORT)
        for ident, mode, got in servers.run("1", range(numbers), 16):
            with self.subTest(ident, mode=mode):
                if mode == "off":
                    self.assertTrue(got, "without us: no harm")
                elif got:
                    raise GotThrough([servers.make("1", n) for n in got])


class Http(Short):
    def test_seed(self):
        "of requests in odd framing no server gets one that a patch refuses"
        self.look("http", 400)


class Exact(unittest.TestCase):
    """What the tests share that say what is sent."""

    def judge(self, servers, entry, pieces):
        """Without us the server acts on it, and with us it does not."""
        _, mode, vm, server = entry
        got = servers.of.found(servers.ask(vm, server, pieces), b"")
        if mode == "off":
            self.assertEqual(got, {1})
        elif got:
            raise GotThrough(pieces)


class Content(unittest.TestCase):
    """Requests in the content of a request: for a server that does not read
    it, they are the next ones."""

    @staticmethod
    def around(*requests):
        content = b"".join(requests)
        return (b"POST /early HTTP/1.1\r\nHost: a\r\n"
                b"Content-Length: %d\r\n\r\n" % len(content) + content)

    def test_content(self):
        "those that a patch refuses do not get through, and others do"
        lab = pplab.Lab.of(type(self))
        servers = framing.Framing(lab, "http", ("python-http",))
        good, evil = pplab.get(b"/good"), pplab.get(b"/evil1")
        for _, mode, vm, server in servers.servers:
            for case, sent, goods, evils in (
                    ("one", self.around(good), 1, 0),
                    ("two, and one behind",
                     self.around(good, good) + pplab.get(b"/good"), 3, 0),
                    ("an answer behind",
                     self.around(good, b"HTTP/1.1 200 OK\r\n\r\n"), 1, 0),
                    ("an exploit", self.around(evil), 0, 1),
                    ("an exploit behind", self.around(good, evil), 1, 1)):
                with self.subTest(case, mode=mode):
                    paths = [line.get("url")
                             for line in servers.ask(vm, server, [sent])
                             if line.get("event") == "request"]
                    self.assertEqual(paths.count("/good"), goods, paths)
                    if mode == "off":
                        self.assertEqual(paths.count("/evil1"), evils)
                    elif "/evil1" in paths:
                        raise GotThrough([sent])


class Disguised(Exact):
    """Requests that look like another protocol's first bytes, for a server
    that takes any bytes for a method."""

    REQUESTS = (
        ("TLS", b"\x16\3\1\0\x27\1A /evil1 HTTP/1.1\r\nHost: a\r\n\r\n"
                + b"x" * 10),
        ("TLS, no version", b"\x16\3\1\0\x10\1A /evil1\r\n\r\nxxx"),
        ("TLS, not all there", b"\x16\3\1\1\0\1A /evil1\r\n\r\n"),
        ("bytes", b"\1\0 /evil1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("bytes, no version", b"\1\0 /evil1\r\n\r\n"),
        ("bytes, white space", b"\1\0 /evil1 \t\n\r\nA: b\r\n\r\n"),
    )

    def test_disguised(self):
        "none gets through, in one piece or in two"
        lab = pplab.Lab.of(type(self))
        servers = framing.Framing(lab, "http", ("waitress",))
        for case, sent in self.REQUESTS:
            for pieces in [sent], [sent[:9], sent[9:]], [sent[:-1], sent[-1:]]:
                for entry in servers.servers:
                    with self.subTest(case, mode=entry[1], pieces=pieces):
                        self.judge(servers, entry, pieces)


class Lines(Exact):
    """Servers for which lines, or heads, end elsewhere."""

    HEAD = b"GET /a HTTP/1.1\r\nHost: a\r\n"
    LONG = b"X: " + b"x" * 4093 + b"\r\n"
    CHUNKED = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    LF_FIELD = b"POST /a HTTP/1.1\r\nHost: a\r\nX: y\n"
    REQUESTS = (
        # A line that is no field ends the head; the method may be anything,
        # and a version need not be there.
        ("http-daemon", HEAD + b"foo\r\nX /evil1\r\n\r\n"),
        ("http-daemon", HEAD + b"foo b: x\r\nX:y /evil1 HTTP/1.1\r\n\r\n"),
        ("http-daemon", HEAD + b"foo\r\nA: b HTTP/1.1\r\nfoo\r\n"
         + b"X /evil1\r\n\r\n"),
        ("http-daemon", b"\x16\3 /evil1 x\r\n"),
        # What is left of a line behind 4,096 bytes is a line.
        ("webrick", HEAD + LONG + b"X:y /evil1 HTTP/1.1\r\n\r\n"),
        ("webrick", HEAD + b"X: " + b"x" * 4092
         + b"\r\nX:y /evil1\r\n\r\n"),
        ("webrick", CHUNKED + b"0\r\n" + LONG + b"X:y /evil1\r\n\r\n"),
        ("webrick", CHUNKED + b"0;" + b"x" * 4094
         + b"\r\nX:y /evil1\r\n\r\n"),
        ("webrick", HEAD + b"\r\n\1 /evil1\r\n\r\n"),
        # LF is white space.
        ("twisted", b"GET\n/evil1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("twisted", b"G\n/evil1\nfoo\r\n\r\n"),
        ("twisted", b"G\n/evil1\n\nfoo\r\n\r\n"),
        ("twisted", LF_FIELD + b"Content-Length: 15\r\n\r\n"
         + b"X /evil1 y\r\n\r\n"),
        ("twisted", LF_FIELD + b"Transfer-Encoding: chunked\r\n\r\n"
         + b"1;a /evil1 y\r\n\r\n\r\n0\r\n\r\n"),
        ("twisted", b"\x7f /evil1 x\r\n\r\n"),
        # White space in a target is none.
        ("squid", b"GET /ev il1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("squid", b"GET /e\tv  il1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("squid", HEAD + b"\r\nGET http://a/ev il1 HTTP/1.1\r\n\r\n"),
    )

    def test_lines(self):
        "what is a request for them is one for patches"
        lab = pplab.Lab.of(type(self))
        servers = framing.Framing(lab, "http",
                                  ("http-daemon", "webrick", "twisted",
                                   "squid"))
        for entry in servers.servers:
            for sent in [s for i, s in self.REQUESTS if i == entry[0]]:
                with self.subTest(entry[0], mode=entry[1], sent=sent):
                    self.judge(servers, entry, [sent])


class Smtp(Short):
    def test_seed(self):
        "of hidden mail commands no server gets one that a patch refuses"
        self.look("smtp", 80)


class Ftp(Short):
    def test_seed(self):
        "of hidden FTP commands no server gets one that a patch refuses"
        self.look("ftp", 80)


class Ldap(Short):
    def test_seed(self):
        "of hidden LDAP requests no server gets one that a patch refuses"
        self.look("ldap", 70)


if __name__ == "__main__":
    unittest.main()
