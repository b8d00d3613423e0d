# SPDX-License-Identifier: Apache-2.0
"""What the cases of HTTP servers share: requests, field by field, and piece
by piece."""

from fidelity import Wait


def ask(*fields, content=b"", method=b"POST", path=b"/x", version=b"1.1"):
    return (method + b" " + path + b" HTTP/" + version + b"\r\nHost: a\r\n"
            + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + content)


def cut(request, places, seconds=0.1):
    """Steps that send it cut at 'places', with so many seconds between."""
    steps = []
    for first, last in zip([0, *places], [*places, len(request)]):
        steps += [request[first:last], Wait(seconds)]
    return steps
