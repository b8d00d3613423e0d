# SPDX-License-Identifier: Apache-2.0
"""What the cases of Node.js' Transfer-Encoding share: requests, what shows
that they were taken, and ordinary ones."""

from fidelity import EXPLOIT, NEAR, ORDINARY, WAIT, case

NEXT = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"
CHUNKS = b"2\r\nab\r\n0\r\n\r\n"
# What is settled may still have more to say of its connection's end.
QUIET = 0.02


def settled(log):
    """Every request has come to an end: whole, or with its connection."""
    open_ones = [line["url"] for line in log if line["event"] == "request"]
    for line in log:
        if line["event"] != "request" and line.get("url") in open_ones:
            open_ones.remove(line["url"])
    return not open_ones


def te(value, body=CHUNKS, method=b"POST", version=b"1.1", more=b""):
    """A request with 'value' right behind the field's colon."""
    return (method + b" /x HTTP/" + version + b"\r\nHost: a\r\n" + more
            + b"Transfer-Encoding:" + value + b"\r\n\r\n" + body)


def get(lines, path=b"/x", version=b"1.1"):
    """A request with 'lines' of fields behind its Host."""
    return (b"GET " + path + b" HTTP/" + version + b"\r\nHost: a\r\n" + lines
            + b"\r\n")


def post(lines, body, path=b"/x"):
    """The same with content."""
    return get(lines, path).replace(b"GET", b"POST") + body


def trailers(lines, path=b"/x"):
    """A request in chunks with 'lines' of trailers."""
    return post(b"Transfer-Encoding: chunked\r\n",
                b"2\r\nab\r\n0\r\n" + lines + b"\r\n", path)


def two(first, second):
    """The same with two fields."""
    return te(first + b"\r\nTransfer-Encoding:" + second)


def taken(seen):
    return 200 in seen.statuses


def taken_second(seen):
    return len(seen.requests()) > 1 and seen.saw(event="body", body="ab")


def shown(name, *steps, flaw=taken, **more):
    """An exploit that shows by being taken."""
    return case(name, EXPLOIT, *steps, flaw=flaw, **more)


def exploit(value, flaw=taken):
    return case(ascii(value.decode("latin-1")), EXPLOIT, te(value),
                WAIT, NEXT, flaw=flaw)


def near(value):
    return case(ascii(value.decode("latin-1")), NEAR, te(value), WAIT,
                NEXT)


ORDINARY_CASES = [
    case("GET", ORDINARY, NEXT, WAIT, NEXT),
    case("POST", ORDINARY,
         b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
         WAIT, NEXT),
    case("POST in chunks with trailers", ORDINARY,
         te(b" chunked", b"2\r\nab\r\n0\r\nX: y\r\n\r\n"), WAIT, NEXT),
    case("three pipelined", ORDINARY, NEXT * 3),
    case("HTTP/1.0", ORDINARY, b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n"),
    case("split at every byte", ORDINARY, *[bytes([c]) for c in NEXT]),
]
