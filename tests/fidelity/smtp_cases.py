# SPDX-License-Identifier: Apache-2.0
"""What the cases of SMTP servers share: dialogs, and real clients."""

import os
import smtplib
import ssl

from fidelity import (EXPLOIT, ORDINARY, REPLY, TLS, WAIT,  # noqa: F401
                      case, program, replies)

# What comes of clients.json.
CLIENTS = os.path.join(os.environ.get("PP_CACHE", "/var/cache/ovs-patchpoint"),
                       "pairs", "clients", "all")

TEXT = b"From: a@a.test\r\nTo: b@b.test\r\nSubject: c\r\n\r\n"

# A second message, for within a first one.
SECOND = (b"MAIL FROM:<evil@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n"
          b"From: evil@a.test\r\n\r\nsmuggled\r\n.\r\n")


def hello(verb=b"EHLO"):
    return [REPLY, verb + b" client.test\r\n", REPLY]


def begin(mail=b""):
    """As far as a message's 354, each command waiting for its reply."""
    return hello() + [b"MAIL FROM:<a@a.test>" + mail + b"\r\n", REPLY,
                      b"RCPT TO:<b@b.test>\r\n", REPLY, b"DATA\r\n", REPLY]


QUIT = [b"QUIT\r\n", REPLY]


def message(content, end=b"\r\n.\r\n"):
    """A message sent as it is, up to the end that RFC 5321 wants."""
    return begin() + [content + end, REPLY] + QUIT


def settled(log):
    """The server is done with the connection."""
    return any(line.get("event") == "closed" for line in log)


def smuggle(between, first=TEXT + b"a", second=SECOND):
    """A message with another one in it, 'between' the two."""
    return begin() + [first + between + second, WAIT] + QUIT


def smuggled_by(end, second=SECOND):
    """Exploits: 'end' within a line of a message, and another one behind."""
    return [
        case("%s and a second message" % name, EXPLOIT,
             *smuggle(between, second=second), flaw=smuggled)
        for name, between in end.items()] + [
        case("split behind LF", EXPLOIT, *begin(), TEXT + b"a\n", WAIT,
             b".\r\n" + second, WAIT, *QUIT, silent=True, flaw=smuggled),
        case("split behind the dot", EXPLOIT, *begin(), TEXT + b"a\r\n.",
             WAIT, b"\n" + second, WAIT, *QUIT, silent=True, flaw=smuggled)]


def smuggling():
    """One exploit by itself: a bare line feed before the end of the first."""
    exploit = case("", EXPLOIT, *smuggle(b"\n.\r\n"))
    exploit.settled = settled
    return exploit


ALL_ENDS = {"LF.LF": b"\n.\n", "LF.CRLF": b"\n.\r\n", "CRLF.LF": b"\r\n.\n"}


def ordinary():
    """What everybody sends."""
    return [
        case("a message", ORDINARY, *message(TEXT + b"hello")),
        case("an empty one", ORDINARY, *begin(), b".\r\n", REPLY, *QUIT),
        case("dots doubled", ORDINARY,
             *message(TEXT + b"..\r\n..a\r\n...\r\n .\r\n.a")),
        case("8 bits", ORDINARY, *message(TEXT + b"\xc3\xa9 \xff")),
        case("a long one", ORDINARY,
             *message(TEXT + (b"0123456789abcdef" * 4 + b"\r\n") * 5000)),
        case("two", ORDINARY, *begin(), TEXT + b"a\r\n.\r\n", REPLY,
             *begin()[3:], TEXT + b"b\r\n.\r\n", REPLY, *QUIT),
        case("pipelined", ORDINARY, *hello(),
             b"MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n",
             replies(3), TEXT + b"hello\r\n.\r\nQUIT\r\n", replies(2)),
        case("smtplib", ORDINARY,
             with_smtplib(TEXT.decode() + "hello\n.\n..\n.b\n")),
        case("swaks", ORDINARY, with_swaks()),
    ]


def messages(seen):
    return [line for line in seen.log if line.get("event") == "message"]


def smuggled(seen):
    """The server has a message that is the attacker's alone."""
    return any("evil" in line["from"] for line in messages(seen))


def with_smtplib(text, tls=False, **options):
    """A step: Python's own client sends a message."""
    def step(client):
        with smtplib.SMTP(client.addr[0], client.addr[1], "client.test",
                          timeout=20) as smtp:
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                smtp.starttls(context=context)
            refused = smtp.sendmail("a@a.test", ["b@b.test", "c@b.test"],
                                    text, **options)
            client.note(repr((refused, smtp.ehlo(), smtp.noop())).encode())
    return step


def with_swaks(*options):
    """A step: swaks sends a message."""
    return program(
        os.path.join(CLIENTS, "usr/bin/swaks"), "--server", "{at}", "--helo",
        "client.test", "--from", "a@a.test", "--to", "b@b.test", "--data",
        "-", *options, text=TEXT + b"hello\r\n",
        env={"PERL5LIB": ":".join(os.path.join(CLIENTS, "usr", d) for d in (
            "share/perl5", "lib/x86_64-linux-gnu/perl5/5.36"))})
