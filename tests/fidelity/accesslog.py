# SPDX-License-Identifier: Apache-2.0
"""For servers of HTTP that say in a file which requests they got: lines of a
status and the request's first line."""

import os
import time

import inetd

# It was none, or one of another kind: nothing was done about it.
REFUSED = ("400", "408", "413", "414", "431", "501", "505")


def told(line):
    status, _, first = line.rstrip("\n").partition(" ")
    return ([] if status in REFUSED
            else [{"event": "request", "line": first}])


def run(addr, port, server, log):
    """Says what stands in the file 'log' for as long as the process 'server'
    runs."""
    inetd.wait_for(addr, port, server)
    while not os.path.exists(log) and server.poll() is None:
        time.sleep(0.05)
    with open(log, encoding="latin-1", newline="\n") as f:
        inetd.follow(f, server, told)
