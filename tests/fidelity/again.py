#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a server, and again each time that it dies of itself.

    again.py COMMAND...

The server prints lines of JSON, the first {"event": "listening"}; one that
says {"event": "died"} is added where it ends."""

import json
import subprocess
import sys


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    while True:
        subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        print(json.dumps({"event": "died"}), flush=True)


if __name__ == "__main__":
    main()
