# SPDX-License-Identifier: Apache-2.0
"""What the cases of SMTP servers share: dialogs, and real clients."""

import os
import smtplib
import ssl

from fidelity import REPLY, TLS, WAIT, program, replies  # noqa: F401

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
