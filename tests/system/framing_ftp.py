# SPDX-License-Identifier: Apache-2.0
"""FTP commands that servers may tell apart in other places than we do: behind
odd line ends, among Telnet commands, in lines that are too long, behind AUTH.
See framing.py."""

import re

import framing

PORT = 21

PATCH = r'''# SPDX-License-Identifier: Apache-2.0
patch: EVIL
title: A command with evil in it
vendor: "none: it is for tests"
affects: [{ product: test/evil, versions: "*" }]
severity: 1.0
proxy: ftp
on: command
when: >
  argument contains "evil"
  and (verb ~= "USER" or verb ~= "CWD" or verb ~= "SIZE" or verb ~= "DELE")
correct: { close: reset }
same-as-vendor: "there is none"
vectors:
  - exploit: it
    steps:
      - server: "220 a\r\n"
      - client: "USER evil\r\n"
      - expect: { to-client: "220 a\r\n", to-server: "", close: reset }
  - benign: another
    steps:
      - server: "220 a\r\n"
      - client: "USER good\r\n"
      - expect: { to-client: "220 a\r\n", to-server: "USER good\r\n" }
'''

# Servers that say which commands they got, in their log or their replies;
# those of them that do for a short test.
PAIRS = ("CVE-1999-0017", "CVE-2020-15152", "vsftpd", "pure-ftpd",
         "inetutils-ftpd", "pyftpdlib")
SHORT = ("vsftpd", "inetutils-ftpd")

GOT = re.compile(r"evil(\d{7})x")
# As a server says what a command was; and its words for one that it knows,
# less what Telnet has.
COMMAND = re.compile(r"(?is)[\t-\r ]*(?:USER|CWD|SIZE|DELE)[\t-\r ](.*)")
ANSWER = re.compile(r"[^ -~]*(?:[2-4]|5[1-9])\d+[- ]"
                    r"(?!.*(?:USER|CWD|SIZE|DELE) )(.*)")


def found(lines, answer):
    """The numbers of the commands that a server got.  Its words for one that
    it does not know are not an answer to it, and what it says of a long line
    shows no command."""
    forms = [(COMMAND, line["argument"]) for line in lines
             if line.get("event") == "command"]
    forms += [(ANSWER, line) for line in answer.decode("latin-1").split("\n")]
    texts = [line["user"] for line in lines if line.get("event") == "login"]
    texts += [m[1] for form, text in forms for m in [form.match(text)] if m]
    return framing.numbers(GOT, texts)


COMMANDS = (b"USER evil%07dx", b"CWD evil%07dx", b"SIZE evil%07dx",
            b"DELE evil%07dx")

IAC = b"\xff"

# What Telnet has (RFC 854), whole or cut off.
TELNET = (b"\xff\xff", b"\xff\xfd\x01", b"\xff\xfb\x01", b"\xff\xfd\n",
          b"\xff\xfe\r", b"\xff\xf4", b"\xff\xf2", b"\xff\xf4\xff\xf2",
          b"\xff\xfa\x01\xff\xf0", b"\xff\xfa\n\xff\xf0", b"\xff", b"\xff\xfd",
          b"\xff\xf1", b"\xff\xf9", b"\xff\xf7", b"\xff\xf8", b"\xff\0",
          b"\xff\n", b"\xff\r", b"\xff ", b"\xff\xfc\xff", b"\xff\xfd\xff",
          b"\xff\xfaNOOP\r\n\xff\xf0", b"\xff\xff\xff", b"\xff\xef", b"\xff_",
          b"\xff\xfd\xff\xff", b"\xff\xfb\r\n", b"\xff\x0a\x0a")

ODD = (b"\0", b"\t", b"\v", b"\f", b"\r", b"\n", b" ", b"\x1c", b"\x7f",
       b"\x80", b"\xa0", b"\xc2\xa0", b"\b", b"\r\n", b'"', b"\\", b"-",
       b"\r\0", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\x1a", b"'", b"(")

ENDS = (b"\n", b"\r", b"\r\r\n", b"\0\r\n", b"\r\0\n", b"\n\r", b" \r\n",
        b"\r \n", b"\0", b"\v", b"\r\0", b"\n\0", b"\r\n\0", b"\t\r\n",
        b"\xff\n", b"\r\xff\xf1\n", b"\x1c", b"\xe2\x80\xa8")

# Around the sizes of buffers that there are.
LENGTHS = (78, 255, 510, 512, 1000, 1024, 1024, 2048, 4096, 4096, 8192, 16384,
           32768, 65536, 65536)


class Requests(framing.Hidden):
    """Makes them, always the same from one seed."""

    ODD = ODD + TELNET
    ENDS = ENDS
    LENGTHS = LENGTHS
    COMMANDS = COMMANDS

    def behind_command(self, evil):
        return [self.choice((b"NOOP", b"SYST", b"HELP", b"FOO", b"",
                             b"RNFR a.txt", b"TYPE I", b"SITE", b"PASS a"))
                + self.some(b"\r\n", ENDS + TELNET, 0) + evil + self.end()]

    def across_lf(self, evil):
        """One line for servers that want CRLF."""
        i = evil.find(b" ") + 1
        return [evil[:i] + self.choice((b"\n", b"a\n", b"\n\n", b"\nCWD a\n"))
                + evil[i:] + b"\r\n"]

    def in_long_line(self, evil):
        start = self.choice((b"NOOP ", b"CWD ", b"FOO ", b"", b"SITE ",
                             b"USER ", b"TYPE "))
        line = start + self.filler(self.some(b"x", (b" ", b"\0", b"\xff",
                                                    b"\xff\xf1", b"x ",
                                                    b"\xff\xfd\x01", b"\r"),
                                             0.6))
        return [line + self.some(b"", ENDS) + evil + b"\r\n"]

    def among_telnet(self, evil):
        i = self.randrange(len(evil) + 1)
        parts = [evil[:i], self.choice(TELNET), evil[i:]]
        if self.random() < 0.5:
            parts.insert(self.randrange(4), self.choice(TELNET))
        return [self.some(b"NOOP\r\n", (b"",), 0.3) + b"".join(parts)
                + self.end()]

    def behind_auth(self, evil):
        first = self.choice((b"AUTH TLS", b"AUTH SSL", b"AUTH FOO", b"AUTH",
                             b"AUTH TLS x", b" AUTH TLS", b"AUTH\tTLS",
                             b"AUTH TLS\0", b"A\xff\xf1UTH TLS", b"AUTH TLS-C",
                             b"ADAT AAAA", b"REIN", b"CCC", b"ABOR", b"LANG",
                             b"AUTH GSSAPI", b"HOST a", b"MIC AAAA"))
        return self.join([first + self.end(), evil + self.end()])

    def make(self, number):
        """What is sent for 'number': a list of what is sent at once, between
        which answers are waited for."""
        evil = self.evil(number)
        hide = self.choice((self.in_command, self.behind_command,
                            self.across_lf,
                            self.in_long_line, self.in_long_line,
                            self.among_telnet, self.among_telnet,
                            self.behind_auth))
        pieces = hide(evil)
        login = self.choice(([], [], [b"USER tester\r\n", b"PASS secret\r\n"],
                             [b"USER anonymous\r\n", b"PASS a@b\r\n"],
                             [b"USER anonymous\r\nPASS a@b\r\n"]))
        pieces = [b""] + login + pieces
        if self.random() < 0.05:
            pieces = [b"".join(pieces)]
        if self.random() < 0.1:
            pieces[-1] = self.mutate(pieces[-1])
        return pieces
