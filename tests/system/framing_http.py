# SPDX-License-Identifier: Apache-2.0
"""HTTP requests that servers may tell apart in other places than we do: odd
lengths, codings, chunks, line ends and names, and in what may be their content
a request for /evilN.  See framing.py."""

import re

import framing

PORT = 80

PATCH = r'''# SPDX-License-Identifier: Apache-2.0
patch: EVIL
title: A request for /evil
vendor: "none: it is for tests"
affects: [{ product: test/evil, versions: "*" }]
severity: 1.0
proxy: http
on: request
when: target contains "evil"
correct: { close: reset }
same-as-vendor: "there is none"
vectors:
  - exploit: it
    to-server: "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
    expect: { to-server: "", close: reset }
  - benign: another
    to-server: "GET /good HTTP/1.1\r\nHost: a\r\n\r\n"
'''

# Servers that say which requests they got, those of pairs the vulnerable ones;
# those of them that do for a short test.
PAIRS = ("CVE-2021-22959", "CVE-2022-32213", "CVE-2023-30589",
         "CVE-2024-27982", "CVE-2025-23167", "CVE-2024-1135",
         "CVE-2024-45614", "CVE-2023-23934", "CVE-2023-40225",
         "CVE-2024-52304", "CVE-2026-26961", "apache", "nginx", "python-http",
         "waitress", "http-daemon", "webrick", "twisted", "squid")
SHORT = ("CVE-2021-22959", "CVE-2024-1135", "python-http", "waitress")

# In a target, or in a whole line, which has a method, too.
GOT = re.compile(r"(?:[^ ]* +)?[^ ]*evil(\d+)")


def found(lines, _answer):
    """The numbers of the requests that an application got."""
    matches = (GOT.match(str(line.get(key)))
               for line in lines if line.get("event") == "request"
               for key in ("url", "RAW_URI", "uri", "path", "line"))
    return {int(m.group(1)) for m in matches if m}


CL, TE = b"Content-Length", b"Transfer-Encoding"

# What goes into lines, names and values.
ODD = (b"\0", b"\t", b"\v", b"\f", b"\r", b"\n", b" ", b"\x1c", b"\x1f",
       b"\x7f", b"\x80", b"\x85", b"\xa0", b";", b"+", b"-", b"_", b",", b":",
       b"0", b"x", b'"', b"\\", b"\r\n", b"\n\n", b"\xc2\xa0", b"=")

# 'n' and 'N' stand for the name as it is and in small letters.
NAMES = (b"N: ", b"n:", b"n : ", b"n\t: ", b"n\0: ", b" n: ", b"\tn: ",
         b"\vn: ", b"X: y\nn: ", b"X: y\rn: ", b"X: y\r\n n: ", b"n:\r\n ",
         b"n:\n ", b"n:\t", b"n:\v", b"n:\xa0", b"n::", b"n ", b'"n": ',
         b"n\r\n: ", b"n:\r ", b"X-n: ", b"n\x85: ", b"n: ,", b":n: ")

LENGTHS = (b"+%d", b"0%d", b"%d ", b"\t%d", b"%d\v", b"%d, %d", b"%d,0",
           b"0,%d", b"0x%x", b"%d.0", b"%d_", b"0_%d", b"", b"-%d", b"%d;x",
           b"%d\r\n 0", b'"%d"', b"%d\0", b"%d 0", b"0 %d", b"%da", b"\f%d",
           b"%d\xa0", b"\xa0%d", b"%d,", b",%d", b"chunked", b"%d\r", b"%o")

CODINGS = (b"Chunked", b" chunked ", b"\tchunked\t", b"chunked,", b",chunked",
           b"gzip, chunked", b"chunked, gzip", b"chunked, identity",
           b"identity", b"\vchunked", b"chunked\v", b"chunked\0", b"xchunked",
           b"chunkedx", b"", b'"chunked"', b"chunked;q=1", b"chunked; a",
           b"chunked\r\n ", b"\r\n chunked", b"c\r\n hunked",
           b"chunked, chunked", b"chunked chunked", b"chunked\xa0",
           b"\x85chunked", b"chunked,x", b"chunked\r", b"chun ked",
           b"chunked\x1f", b"chunked\n\tx")

SIZES = (b"0%x", b"0x%x", b"+%x", b"-%x", b"%x ", b" %x", b"%x;x=y", b"%x ;x",
         b"%x;\n", b"%x;\r", b"%x\v", b"0_%x", b"%x_", b"0000000000000000%x",
         b"%x\0", b"%x,", b"%xg", b"", b"%x\r", b"%x\xa0", b"%x;\"\r\n\"",
         b"%xh", b"%x x", b"%x\f", b"%d")

LINES = (b"X: y\r\n", b"X: y\n", b"X\r\n", b" X: y\r\n",
         b"Content-Length: 5\r\n", b"X: \r\r\n", b"\r\r\n", b"\rX: y\r\n")

# What is no field, or ends the head for some, or has a length for some.
NO_FIELDS = (b"foo", b"x y: z", b":", b": x", b"\x80x: y", b"x\0: y", b" x: y",
             b"x: y\r", b"x: y\rz", b"From x", b"\r", b"x: y\r\n ", b"\0",
             b"x: y\r\n\tContent-Length: 9", b"x: y\rContent-Length: 9",
             b"x: y\x85Content-Length: 9", b"Content_Length: 9",
             b"TRANSFER_ENCODING: chunked")

# What may be between a head and what is behind.
ENDS = (b"\r\r", b"\n\r", b"\n\n", b"\r\n \r\n", b"\r\n\t\r\n", b"\r\n:\r\n",
        b"\r\nfoo\r\n", b"\r\n\0\r\n", b"\r\n\r", b"\r\n\v\r\n", b"\n \n",
        b"\r\n\x85\r\n", b"\r\n.\r\n")

# A request that is not whole, or none.
STARTS = (b"GET\t/a\r\n", b"GET /a\r\n", b"GET\r\n", b"{}\r\n", b"foo\n",
          b"GET\n ", b"POST /a\r\n\r\n", b"PROXY UNKNOWN\r\n")

# What may be a method for some, or another protocol's first bytes, and what
# may be around the target behind it.
METHODS = (b"G\0T", b"\1\0T", b"\xffGET", b"\x16\x03GET", b"P", b"PRI", b"\0",
           b"G\xe9T", b'"', b"{}", b"\0\0\0\x10")
SPACES = (b"\t", b"  ", b" \0", b"\xa0", b"\x85", b"\x1c")
VERSIONS = (b" HTTP/1.1", b" HTTP/2.0", b" ", b" x", b" HTTP", b" http/1.0",
            b"\0", b"\t")

FIELDS = (b"Expect: 100-continue", b"Connection: close",
          b"Connection: keep-alive", b"Connection: Transfer-Encoding",
          b"Connection: Upgrade\r\nUpgrade: websocket", b"TE: chunked",
          b"Content-Encoding: gzip", b"Trailer: X")


class Requests(framing.Requests):
    """Makes them, always the same from one seed."""

    ODD = ODD

    def number(self, n, usual, odd):
        form = self.some(usual, odd)
        return form % ((n,) * form.count(b"%"))

    def field(self, name, value):
        form = self.some(b"n: ", NAMES, 0.7)
        if self.random() < 0.03:
            name = name.replace(b"-", b"_")
        return form.replace(b"N", name.lower()).replace(b"n", name) + value

    def end(self):
        return self.some(b"\r\n", (b"\n", b"\r", b"\r\r\n", b" \r\n", b"\r\n ",
                                   b"\n\r\n"), 0.94)

    def chunk(self, data):
        return (self.number(len(data), b"%x", SIZES) + self.end() + data
                + self.some(b"\r\n", (b"\n", b"", b"\r", b"xx", b"\r\r\n")))

    def last(self):
        return (self.number(0, b"%x", SIZES) + self.end()
                + self.some(b"", LINES) + self.end())

    def content(self, evil):
        """Fields that tell its length, and the content."""
        kind = self.randrange(4)
        if kind == 0:
            fields, body = [CL], evil
        elif kind == 1:
            fields = [TE]
            body = self.chunk(evil) + self.last() + self.choice((b"", evil))
            if self.random() < 0.2:
                body = (self.chunk(b"abc") + b"0" + self.end()
                        + self.some(b"", LINES) + evil)
        elif kind == 2:
            fields, body = [CL, TE], self.last() + evil
        else:
            fields = [CL, TE]
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(evil), evil)
        if self.random() < 0.2:
            fields.append(self.choice((CL, TE)))
        self.shuffle(fields)
        length = self.choice((len(body), len(body), body.find(evil), 0, 3))
        return [self.field(name, self.number(length, b"%d", LENGTHS)
                           if name == CL else self.some(b"chunked", CODINGS))
                for name in fields], body

    def behind(self, evil):
        """In a place of a head where some see another end, or a length."""
        kind = self.randrange(3)
        if kind == 0:
            return self.choice(STARTS) + evil
        line = self.some(b"GET /a HTTP/1.1\r\n", (b"GET /a HTTP/1.1",))
        if kind == 1:
            return line + b"Host: a" + self.choice(ENDS) + evil
        other = b"GET /a HTTP/1.1\r\nHost: a\r\nX: "
        length = b"Content-Length: %d" % len(other)
        length = self.choice((length.replace(b"-", b"_"), self.mutate(length),
                              b"X: y" + self.choice(ODD) + length,
                              b"X: y\r\n " + length))
        return (b"POST /a HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n\r\n"
                + other + evil)

    def inner(self):
        """A request as there may be one in content."""
        line = self.some(b"GET", (b"PUT", b"FOO", b"POST"))
        line += b" /early HTTP/1.1"
        body = self.choice((b"", b"", b"ab", b"GET /c HTTP/1.1\r\n\r\n"))
        fields = self.choice(([], [b"Host: a"],
                              [b"Content-Length: %d" % len(body)]))
        if self.random() < 0.2:
            fields = [b"Transfer-Encoding: chunked"]
            body = self.chunk(b"abc") + self.last()
        return b"".join(part + self.end()
                        for part in [line] + fields + [b""]) + body

    def nested(self, evil):
        """Behind others, in content that some do not read."""
        body = b"".join(self.inner() for _ in range(self.randrange(3))) + evil
        if self.random() < 0.3:
            body = self.mutate(body)
        length = self.choice((len(body), len(body), body.find(evil),
                              len(body) - self.randrange(len(evil))))
        return (self.some(b"POST", (b"GET", b"FOO")) + b" /early HTTP/1.1\r\n"
                b"Host: a\r\nContent-Length: %d\r\n\r\n" % length
                + self.some(b"", (b"\r\n", b" ")) + body)

    def line(self, number):
        """A request whose line is odd, perhaps in two pieces."""
        line = (self.some(b"GET", METHODS, 0.3) + self.some(b" ", SPACES)
                + b"/evil%d" % number + self.some(b"", VERSIONS))
        if self.random() < 0.5:
            line = self.mutate(line)
        line += (self.some(b"\r\n", (b"\n", b"\r\n\r\n"), 0.8)
                 + self.some(b"Host: a\r\n\r\n",
                             (b"\r\n", b"\r\n\r\n", b"X\r\n\r\n")))
        return self.join([line[:7], line[7:]])

    def hello(self, number):
        """A request that looks like TLS's first record."""
        inner = self.choice((b"A /evil%d HTTP/1.1", b"A /evil%d",
                             b"\r\n\r\nGET /evil%d HTTP/1.1",
                             b"\n\nGET /evil%d HTTP/1.0"))
        data = (b"\1\0\0!\3\3"[:self.choice((1, 4, 6))] + inner % number
                + self.some(b"\r\nHost: a\r\n\r\n", (b"\r\n\r\n", b"\n\n")))
        n = len(data) + self.some(0, (3, 200, -3))
        return (b"\x16\3" + self.choice((b"\0", b"\1", b"\3"))
                + n.to_bytes(2, "big") + data + self.some(b"", (b"x" * 5,)))

    def make(self, number):
        """What is sent for 'number': a list of what is sent at once, between
        which answers are waited for."""
        return (self.line(number) if self.random() < 0.1
                else [self.hello(number)] if self.random() < 0.05
                else [self.request(number)])

    def request(self, number):
        evil = self.some(b"GET /evil%d HTTP/1.1", (
            b"SOURCE /evil%d ICE/1.0", b"GET /evil%d", b"GET\t/evil%d",
            b"POST /evil%d"), 0.9) % number + b"\r\nHost: a\r\n\r\n"
        if self.random() < 0.1:
            return b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n" + self.mutate(evil)
        if self.random() < 0.1:
            return self.behind(evil)
        if self.random() < 0.15:
            return self.nested(evil)
        if self.random() < 0.05:
            # What is no method for most may be one for some.
            return bytes(self.randrange(256)
                         for _ in range(self.randint(1, 4))) + evil
        fields, body = self.content(evil)
        fields.insert(self.randrange(len(fields) + 1), b"Host: a")
        if self.random() < 0.15:
            fields.insert(self.randrange(len(fields) + 1),
                          self.choice(NO_FIELDS))
        if self.random() < 0.2:
            fields.insert(0, self.choice(FIELDS))
        line = b" ".join((
            self.some(b"POST", (b"GET", b"HEAD", b"DELETE", b"FOO",
                                b"CONNECT")),
            self.some(b"/a", (b"/early",), 0.8),
            self.some(b"HTTP/1.1", (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.10",
                                    b"http/1.1", b"HTTP/0.9"), 0.8)))
        if line.endswith(b"1.0") and self.random() < 0.7:
            fields.insert(0, b"Connection: keep-alive")
        head = b"".join(part + self.end() for part in [line] + fields + [b""])
        if self.random() < 0.15:
            head = self.mutate(head)
        return head + body
