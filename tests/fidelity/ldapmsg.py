# SPDX-License-Identifier: Apache-2.0
"""LDAP messages for cases: how to write them, and when answers are whole."""

import os
import sys

from fidelity import Wait, program


def element(tag, content):
    """An element in BER, with as short a length as can be."""
    n = len(content)
    if n < 0x80:
        return bytes([tag, n]) + content
    octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def number(tag, n):
    return element(tag, n.to_bytes(n.bit_length() // 8 + 1, "big",
                                   signed=True))


def message(ident, operation, controls=()):
    return element(0x30, number(2, ident) + operation
                   + (element(0xa0, b"".join(controls)) if controls else b""))


def control(oid, value=None, critical=False):
    return element(0x30, element(4, oid) + (b"\1\1\xff" if critical else b"")
                   + (b"" if value is None else element(4, value)))


def present(name=b"objectClass"):
    return element(0x87, name)


def equals(name, value):
    return element(0xa3, element(4, name) + element(4, value))


def search(filter=present(), base=b"dc=example,dc=org", scope=0, deref=0,
           size=0, time=0, attributes=()):
    return element(0x63, element(4, base) + number(10, scope)
                   + number(10, deref) + number(2, size) + number(2, time)
                   + number(1, 0) + filter
                   + element(0x30, b"".join(element(4, a)
                                            for a in attributes)))


def bind(name=b"", password=b"", version=3):
    return element(0x60, number(2, version) + element(4, name)
                   + element(0x80, password))


def extended(oid, value=None):
    return element(0x77, element(0x80, oid)
                   + (b"" if value is None else element(0x81, value)))


UNBIND = b"\x42\0"


def messages(got):
    """The messages in 'got' that are whole, as the tags of their operations.
    Those of entries and references are left out."""
    tags = []
    while len(got) >= 2 and got[0] == 0x30:
        n, start = got[1], 2
        if n & 0x80:
            start += n & 0x7f
            n = int.from_bytes(got[2:start], "big")
        if len(got) < start + n:
            break
        tags.append(got[start + 2 + got[start + 1]])
        got = got[start + n:]
    return [tag for tag in tags if tag not in (0x64, 0x73)]


def answers(n=1):
    """A step: reads until 'n' requests are answered, or the server closes."""
    return Wait(whole=lambda got: len(messages(got)) >= n)


ANSWER = answers(1)


def client(root, *argv, text=b""):
    """A step: runs a program of Debian's ldap-utils (or Python, with
    python3-ldap3), unpacked in 'root'; see fidelity.program."""
    words = list(argv)
    words[0] = (sys.executable if words[0] == "python3"
                else os.path.join(root, "usr/bin", words[0]))
    return program(*words, text=text, env={
        "PYTHONPATH": os.path.join(root, "usr/lib/python3/dist-packages"),
        "LD_LIBRARY_PATH": os.path.join(root, "usr/lib/x86_64-linux-gnu"),
        "LDAPNOINIT": "1", "PYTHONDONTWRITEBYTECODE": "1"})


def settled(log):
    """True once slapd.py's log has the end of the connection."""
    events = [line["event"] for line in log]
    return ("connection" in events
            and events.count("died") == events.count("listening"))


def operations(seen):
    """What slapd decoded."""
    return [text for line in seen.log if line["event"] == "connection"
            for text in line["operations"]]
