# SPDX-License-Identifier: Apache-2.0
"""LDAP requests that servers may tell apart in other places than we do:
lengths, tags and numbers in odd forms, what is no message, requests behind
those that may change what follows.  See framing.py."""

import re

import framing

PORT = 389

PATCH = r'''# SPDX-License-Identifier: Apache-2.0
patch: EVIL
title: A bind or a search with evil in its name
vendor: "none: it is for tests"
affects: [{ product: test/evil, versions: "*" }]
severity: 1.0
proxy: ldap
rules:
  - on: bind
    when: dn contains "evil"
    correct: { close: reset }
  - on: search
    when: dn contains "evil"
    correct: { close: reset }
same-as-vendor: "there is none"
vectors:
  - exploit: a bind
    to-server: !bytes "0\x10\x02\x01\x01`\x0b\x02\x01\x03\x04\x04evil\x80\x00"
    expect: { to-server: "", close: reset }
  - benign: another
    to-server: !bytes "0\x10\x02\x01\x01`\x0b\x02\x01\x03\x04\x04good\x80\x00"
'''

# Servers that say which requests they got; those of them that do for a short
# test.
PAIRS = ("CVE-2020-12243", "ldapjs-958", "ldapjs-2", "perl-ldap-server")
SHORT = ("CVE-2020-12243", "perl-ldap-server")

GOT = re.compile(r"evil(\d{7})x")


def found(lines, _answer):
    """The numbers of the requests that a server got."""
    texts = [line["dn"] for line in lines
             if line.get("event") in ("bind", "search")]
    texts += [text for line in lines for text in line.get("operations", ())
              if re.match("BIND dn|SRCH base", text)]
    return framing.numbers(GOT, texts)


WHOAMI = b"1.3.6.1.4.1.4203.1.11.3"
STARTTLS = b"1.3.6.1.4.1.1466.20037"
CANCEL = b"1.3.6.1.1.8"

JUNK = (b"0\0", b"\x05\0", b"\x04\1a", b"\x02\1\1", b"\0\0", b"\0", b"1\0",
        b"\n", b"\r\n", b"0\x80\0\0", b"0\3\2\1\1", b"0\5\2\1\1\x42\0",
        b"0\5\2\1\1\x50\0", b"0\6\2\1\1\x50\1\1", b"0\5\2\1\1\x7e\0",
        b"0\7\2\1\1\x5f\x7f\1a", b"0\x84\0\0\0\0", b"0\x81\0", b"\x10\0",
        b"\xa0\0", b"\x16\3\1\0\5\1\0\0\1\3", b"\x16\3\1", b"GET / HTTP/1.1")

MECHANISMS = (b"DIGEST-MD5", b"GSSAPI", b"EXTERNAL", b"PLAIN", b"NTLM", b"",
              b"SRP", b"SCRAM-SHA-1")


class Requests(framing.Requests):
    """Makes them, always the same from one seed."""

    ODD = (b"\0", b"\1", b"\x80", b"\x81", b"\x84", b"0", b"\xff", b"\x02",
           b"\x04", b"\x1f", b"\x30", b"\x60", b"\x7f", b"\x24", b"\0\0")
    often = 0.0

    def odd(self):
        return self.random() < self.often

    def length(self, n):
        octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
        if self.odd():
            size = self.choice((0, 1, 2, 4, 4, 5, 7, 8, 9, 16, 126))
            octets = octets.rjust(max(size, len(octets)), b"\0")
        elif n < 0x80:
            return bytes([n])
        return bytes([0x80 | len(octets)]) + octets

    def element(self, tag, content):
        if self.odd():
            tag = self.choice((tag ^ 0x20, tag ^ 0x20, tag ^ 0x40, tag ^ 0x80,
                               tag ^ 2, 4, 0x30, 0x31))
        start = bytes([tag])
        if self.odd() and self.odd():
            start = bytes([tag | 0x1f, tag & 0x1f])
        if self.random() < self.often / 2:
            return start + b"\x80" + content + self.choice((b"\0\0", b""))
        if self.odd():
            off = self.choice((0, 0, 0, 1, -1, 2, 5, 127))
            return start + self.length(max(0, len(content) + off)) + content
        return start + self.length(len(content)) + content

    def string(self, tag, text):
        if self.odd() and len(text) > 1:
            i = self.randrange(1, len(text))
            return self.element(tag | 0x20, self.element(4, text[:i])
                                + self.element(4, text[i:]))
        return self.element(tag, text)

    def number(self, tag, n):
        octets = n.to_bytes(n.bit_length() // 8 + 1, "big")
        if self.odd():
            octets = self.choice((
                octets.rjust(self.choice((2, 4, 5, 8, 9, 20, 70)), b"\0"),
                b"", b"\xff" + octets, b"\x7f\xff\xff\xff\xff", b"\0"))
        return self.element(tag, octets)

    def message(self, ident, op, controls=b""):
        content = self.number(2, ident) + op
        if controls:
            content += self.element(0xa0, controls)
        if self.odd():
            content += self.choice(JUNK)
        return self.element(0x30, content)

    def bind(self, dn):
        return self.element(0x60, self.number(2, 3) + self.string(4, dn)
                            + self.string(0x80, b"x"))

    def sasl(self, mechanism):
        return self.element(0x60, self.number(2, 3) + self.string(4, b"")
                            + self.element(0xa3, self.string(4, mechanism)
                                           + self.string(4, b"x")))

    def search(self, dn):
        return self.element(0x63, self.string(4, dn) + self.number(10, 0)
                            + self.number(10, 0) + self.number(2, 0)
                            + self.number(2, 0) + self.element(1, b"\0")
                            + self.string(0x87, b"objectClass")
                            + self.element(0x30, b""))

    def extended(self, oid, value=None):
        return self.element(0x77, self.string(0x80, oid) + (
            b"" if value is None else self.string(0x81, value)))

    def evil(self, number):
        dn = b"cn=evil%07dx,o=example" % (number * framing.FACTOR)
        return self.choice((self.bind, self.search))(dn)

    # Ways to hide; each returns pieces.

    def in_forms(self, number):
        self.often = self.choice((0.03, 0.06, 0.12))
        return [self.message(1, self.evil(number))]

    def behind_junk(self, evil):
        junk = b"".join(self.choice(JUNK)
                        for _ in range(self.randrange(1, 4)))
        if self.random() < 0.3:
            junk = self.message(1, self.search(b"o=example")) + junk
        return self.join([junk, evil])

    def in_trailing(self, evil):
        self.often = 0.03
        first = self.choice((self.search(b"o=example"),
                             self.bind(b"o=example"), self.extended(WHOAMI),
                             self.element(0x42, b"")))
        where = self.randrange(4)
        if where == 0:
            return [self.element(0x30, self.number(2, 1) + first + evil)]
        if where == 1:
            return [self.message(1, self.extended(b"1.2.3", evil)) + evil]
        if where == 2:
            start = self.element(0x30, self.number(2, 1) + first)
            return [start[:1] + bytes([max(0, start[1] - self.randrange(1, 9))
                                       if start[1] < 128 else start[1]])
                    + start[2:] + evil]
        return [self.element(0x30, self.number(2, 1)
                             + self.element(0x7e, evil) + evil) + evil]

    def behind_change(self, evil):
        """What may change how the server reads what follows."""
        ident = self.randrange(4)
        ops = [self.choice((self.extended(WHOAMI), self.extended(STARTTLS),
                            self.extended(STARTTLS, b""),
                            self.extended(STARTTLS + b"\0"),
                            self.extended(CANCEL, b"0\3\2\1\1"),
                            self.sasl(self.choice(MECHANISMS)),
                            self.bind(b"o=example"), self.search(b"o=example"),
                            self.element(0x50, bytes([ident])),
                            self.element(0x42, b"")))
               for _ in range(self.randrange(1, 4))]
        ops.append(self.choice((self.extended(STARTTLS),
                                self.extended(STARTTLS),
                                self.sasl(self.choice(MECHANISMS)))))
        return self.join([self.message(
            self.choice((ident, ident, self.randrange(4))), op)
            for op in ops] + [evil])

    def behind_long(self, evil):
        n = self.choice((4090, 65500, 262100, 262130, 300000))
        op = self.choice((self.search(b"cn=" + b"x" * n),
                          self.extended(b"1.2.3", b"x" * n),
                          self.element(0x7e, b"x" * n)))
        return [self.message(1, op) + evil]

    def make(self, number):
        """What is sent for 'number': a list of what is sent at once, between
        which answers are waited for."""
        evil = self.message(2, self.evil(number))
        hide = self.choice((self.in_forms, self.in_forms, self.in_forms,
                            self.behind_junk, self.in_trailing,
                            self.behind_change, self.behind_change,
                            self.behind_long))
        pieces = hide(number if hide == self.in_forms else evil)
        if self.random() < 0.1:
            pieces[-1] = self.mutate(pieces[-1])
        return pieces
