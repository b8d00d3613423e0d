# SPDX-License-Identifier: Apache-2.0
"""Binds with a password and without a name: ldapjs 3.0.7 looks for a handler
as for any other name; before, an assertion ended the process."""

from fidelity import EXPLOIT, NEAR, ORDINARY, case
from ldapmsg import (ANSWER, UNBIND, answers, bind, control, element, equals,
                     message, number, search)

NAME = b"cn=a,o=example"
FOUND = search(equals(b"cn", b"a"), base=b"o=example", scope=2)


def died(seen):
    return seen.saw(event="died")


def settled(log):
    events = [line["event"] for line in log]
    if "died" in events:
        return "listening" in events
    return "closed" in events


def sasl(mechanism, name=b""):
    return element(0x60, number(2, 3) + element(4, name)
                   + element(0xa3, element(4, mechanism)))


CASES = [
    case("no name, a password", EXPLOIT,
         message(1, bind(b"", b"secret")), ANSWER, flaw=died),
    case("with a control", EXPLOIT,
         message(1, bind(b"", b"x"), [control(b"1.2.3")]), ANSWER, flaw=died),
    case("a length of two octets", EXPLOIT,
         b"\x30\x0f\x02\x01\x01\x60\x0a\x02\x01\x03\x04\x81\x00\x80\x02ab",
         ANSWER, flaw=died),
    case("behind a bind with a name", EXPLOIT,
         message(1, bind(NAME, b"secret")), ANSWER,
         message(2, bind(b"", b"x")), ANSWER, flaw=died),
    case("before a search", EXPLOIT, message(1, bind(b"", b"x")), ANSWER,
         message(2, FOUND), ANSWER, flaw=died),
    case("message ID of three octets", EXPLOIT,
         message(0x123456, bind(b"", b"x")), ANSWER, flaw=died),
    case("a password of zeros", EXPLOIT, message(1, bind(b"", bytes(300))),
         ANSWER, flaw=died),

    case("no name, no password", NEAR, message(1, bind()), ANSWER),
    case("anonymous, then a search", NEAR, message(1, bind()), ANSWER,
         message(2, FOUND), ANSWER),
    case("a name of a space", NEAR, message(1, bind(b" ")), ANSWER),
    case("a name that has no handler", NEAR, message(1, bind(b"cn=x")),
         ANSWER),
    case("a search without a base", NEAR,
         message(1, search(base=b"")), ANSWER),
    case("an add without a name", NEAR, message(1, element(
        0x68, element(4, b"") + element(0x30, element(0x30, element(
            4, b"cn") + element(0x31, element(4, b"x")))))), ANSWER),
    case("SASL, a name", NEAR, message(1, sasl(b"PLAIN", NAME)), ANSWER,
         silent=True),

    case("bind, search, unbind", ORDINARY,
         message(1, bind(NAME, b"secret")), ANSWER, message(2, FOUND),
         ANSWER, message(3, UNBIND)),
    case("a wrong password", ORDINARY, message(1, bind(NAME, b"no")),
         ANSWER),
    case("searches in one segment", ORDINARY,
         message(1, FOUND) + message(2, FOUND), answers(2)),
    case("an unknown extended operation", ORDINARY, message(
        1, element(0x77, element(0x80, b"1.2.3"))), ANSWER),
]
