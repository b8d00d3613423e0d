# SPDX-License-Identifier: Apache-2.0
"""SMTP commands that servers may tell apart in other places than we do: hidden
behind odd line ends, in lines that are too long, in messages, chunks of an odd
size and exchanges that may have been refused.  See framing.py."""

import re

import framing

PORT = 25

PATCH = r'''# SPDX-License-Identifier: Apache-2.0
patch: EVIL
title: A command with evil in it
vendor: "none: it is for tests"
affects: [{ product: test/evil, versions: "*" }]
severity: 1.0
proxy: smtp
on: command
when: >
  command.path contains "evil" or command.argument contains "evil"
  and (command.verb == "VRFY" or command.verb ends_with "HLO"
       or command.verb == "HELO")
correct: { close: reset }
same-as-vendor: "there is none"
vectors:
  - exploit: it
    steps:
      - server: "220 a\r\n"
      - client: "MAIL FROM:<evil@a.test>\r\n"
      - expect: { to-client: "220 a\r\n", to-server: "", close: reset }
  - benign: another
    steps:
      - server: "220 a\r\n"
      - client: "MAIL FROM:<>\r\n"
      - expect: { to-server: "MAIL FROM:<>\r\n", to-client: "220 a\r\n" }
'''

# Servers that say which commands they got, in their log or their replies;
# those of them that do for a short test.
PAIRS = ("CVE-2024-27305", "CVE-2023-51764", "CVE-2023-51765",
         "CVE-2023-51766", "python-smtpd", "smtp-server", "courier",
         "qpsmtpd")
SHORT = ("CVE-2024-27305", "CVE-2023-51764")

GOT = re.compile(r"evil(\d{7})x")


def found(lines, answer):
    """The numbers of the commands that a server got.  Its words for one that
    it does not know are not an answer to it, and what it says of a long line
    shows no command."""
    texts = [line[key] for line in lines
             if line.get("event") in ("command", "message")
             for key in ("from", "argument") if key in line]
    texts += [line for line in answer.decode("latin-1").split("\n")
              if not re.match("50[0-2]", line)]
    return framing.numbers(GOT, texts)


COMMANDS = (b"MAIL FROM:<evil%07dx@a.test>", b"EHLO evil%07dx",
            b"VRFY evil%07dx@b.test", b"RCPT TO:<evil%07dx@c.test>",
            b"HELO evil%07dx", b"MAILX y:<evil%07dx@a.test>")

ODD = (b"\0", b"\t", b"\v", b"\f", b"\r", b"\n", b" ", b"\x1c", b"\x1f",
       b"\x7f", b"\x80", b"\x85", b"\xa0", b"\xff", b"\xc2\xa0", b"\xc2\x85",
       b"\xff\xf4", b"\b", b"\x1a", b"\r\n", b"\\", b"-", b"(", b'"', b":",
       b";", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xc5\xbf")

ENDS = (b"\n", b"\r", b"\r\r\n", b"\0\r\n", b"\r\0\n", b"\n\r", b" \r\n",
        b"\r \n", b"\x85", b"\v", b"\f", b"\x1c", b"\xe2\x80\xa8", b"\0",
        b"\r\n\0", b"\t\r\n")

# Around the sizes of buffers that there are.
LENGTHS = (78, 255, 510, 512, 996, 998, 1000, 1001, 1024, 2048, 4096, 8192,
           12288, 16384, 32768, 65536)

SIZES = (b"+%d", b"-%d", b"0%d", b"00000000000%d", b"0x%x", b"%d.0", b"%de0",
         b" %d", b"\t%d", b"%d ", b"%d\0", b"0%o", b"%x", b"%da", b"%d,", b"",
         b"4294967296", b"18446744073709551616", b"-1", b"%d x", b'"%d"',
         b"\v%d", b"%d\v", b"%d LAST x", b"%d LASTx", b"%d%%", b"=%d",
         b"42949672960%d", b"1844674407370955161600%d", b"%d\xa0", b"9%d")

LASTS = (b"", b" LAST", b" last", b" LAST ", b"\tLAST", b"  LAST", b"LAST",
         b" LAS", b" LAST\0", b" LAST\v", b" FIRST", b",LAST", b" LAST LAST")

DOTS = (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r",
        b"\r\n.\r\r\n", b"\r\n.\0\r\n", b"\r\n\0.\r\n", b"\r\n. \r\n",
        b"\r\n..\r\n", b"\n..\n", b"\r\0\n.\r\n", b"\r\n.\x1a\r\n",
        b"\r\r\n.\r\n", b"\n\r.\r\n", b"\x85.\x85", b"\r\n.\r\n")


class Requests(framing.Hidden):
    """Makes them, always the same from one seed."""

    ODD = ODD
    ENDS = ENDS
    LENGTHS = LENGTHS
    COMMANDS = COMMANDS

    def number(self, n, usual, odd):
        form = self.some(usual, odd)
        return form % ((n,) * (form.count(b"%") - 2 * form.count(b"%%")))

    # What comes before, up to where it may be hidden.

    def transaction(self):
        """MAIL and RCPT, taken or refused."""
        return (self.some(b"MAIL FROM:<a@a.test>" + self.end(0.97),
                          (b"", b"MAIL FROM:<a@a.test> BODY=BINARYMIME\r\n",
                           b"MAIL FROM:<>\r\n", b"MAIL FROM\r\n"), 0.85)
                + self.some(b"RCPT TO:<b@b.test>" + self.end(0.97),
                            (b"", b"RCPT TO:<b@c.test>\r\n", b"RCPT TO\r\n"),
                            0.8))

    # Ways to hide; each returns pieces.

    def behind_command(self, evil):
        return [self.choice((b"NOOP", b"RSET", b"HELP", b"NOOP x", b"FOO"))
                + self.some(b"\r\n", ENDS, 0) + evil + self.end()]

    def across_lf(self, evil):
        """One line for servers that want CRLF."""
        i = 1 + self.choice([i for i, c in enumerate(evil) if c in b" :<"])
        return [evil[:i] + b"\n" + evil[i:] + b"\r\n"]

    def in_long_line(self, evil):
        start = self.choice((b"NOOP ", b"MAIL FROM:<a@a.test> X=", b"FOO ",
                             b"HELO ", b"RCPT TO:<", b"", b"AUTH PLAIN ",
                             b"VRFY "))
        line = (start + self.filler())[self.choice((0, 0, len(start))):]
        return [line + self.some(b"", ENDS) + evil + b"\r\n"]

    def in_data(self, evil):
        data = (self.choice((b"", b"A: b\r\n", b"A: b\r\n\r\nc", b"c"))
                + self.some(b"", (self.filler(),), 0.9)
                + self.choice(DOTS)
                + self.some(b"", (self.transaction(), b"RSET\r\n"))
                + evil + self.end() + self.some(b".\r\n", (b"",)))
        command = self.some(b"DATA", (b"data", b"DATA ", b"DATA x", b" DATA",
                                      b"DATA\0", b"D\0ATA", b"\tDATA\t",
                                      b"DATA\v", b"\vDATA", b"DATA\x85",
                                      b"DATA\xa0"), 0.7) + self.end()
        start = self.transaction()
        return self.choice(([start, command, data], [start + command, data],
                            [start + command + data],
                            [start, command + data]))

    def in_chunk(self, evil):
        chunk = (self.choice((b"", b"A: b\r\n", b"c\r\n", b"c"))
                 + evil + self.end())
        command = (self.some(b"BDAT ", (b"bdat ", b"BDAT\t", b"BDAT  ",
                                        b"BDAT", b" BDAT ", b"BDAT\v"), 0.9)
                   + self.number(self.choice((len(chunk), len(chunk), 0, 1,
                                              chunk.find(b"evil") - 12)),
                                 b"%d", SIZES)
                   + self.some(b" LAST", LASTS) + self.end())
        start = self.transaction()
        more = self.choice((b"", chunk, b"BDAT 0 LAST\r\n" + evil + b"\r\n"))
        return self.choice(([start, command, chunk + more],
                            [start + command + chunk + more],
                            [start, command + chunk + more],
                            [start + command, chunk, more or b"NOOP\r\n"]))

    def in_auth(self, evil):
        first = self.choice((b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH FOO",
                             b"AUTH PLAIN =", b"AUTH PLAIN *", b"AUTH",
                             b"AUTH PLAIN \0", b"AUTH  PLAIN", b"AUTH\tLOGIN",
                             b"AUTH LOGIN YQ==", b"AUTH CRAM-MD5",
                             b"AUTH PLAIN x y", b"A\0UTH PLAIN",
                             b"AUTH\vPLAIN", b"AUTH LOGIN ="))
        lines = [self.choice((b"*", b"YQ==", b"=", b"", b"a", b"!",
                              b"AGEAYQ==", self.filler(), b"*\0", b" *",
                              b"* "))
                 + self.end() for _ in range(self.randrange(4))]
        pieces = [first + self.end()] + lines + [evil + self.end()]
        return self.join(pieces)

    def behind_starttls(self, evil):
        first = self.choice((b"STARTTLS", b"STARTTLS x", b" STARTTLS",
                             b"starttls ", b"STARTTLS\0", b"STARTTLS\v",
                             b"START\0TLS", b"TURN", b"ATRN", b"ETRN b.test",
                             b"XCLIENT NAME=a", b"XFORWARD NAME=a",
                             b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1"))
        # What is no TLS may take the place of its start.
        junk = self.choice((b"", b"x" * self.randrange(9), b"\x16\n",
                            b"RSET\r\n" * self.randrange(3)))
        return self.join([first + self.end(), junk + evil + self.end()])

    def make(self, number):
        """What is sent for 'number': a list of what is sent at once, between
        which answers are waited for."""
        evil = self.evil(number)
        hide = self.choice((self.in_command, self.behind_command,
                            self.across_lf,
                            self.in_long_line, self.in_data, self.in_data,
                            self.in_chunk, self.in_chunk, self.in_auth,
                            self.behind_starttls))
        pieces = hide(evil)
        hello = self.some(b"EHLO a\r\n", (b"HELO a\r\n", b"LHLO a\r\n",
                                          b"", b"EHLO a\n"), 0.9)
        pieces = ([b"", hello] if hello else [b""]) + pieces
        if self.random() < 0.05:
            pieces = [b"".join(pieces)]
        if self.random() < 0.1:
            pieces[-1] = self.mutate(pieces[-1])
        return pieces
