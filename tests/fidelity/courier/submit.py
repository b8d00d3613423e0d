#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes messages from Courier's SMTP server as its own "submit" does, but for
nobody; writes who they are from and to into $SUBMIT_LOG."""

import os
import sys


def line():
    text = sys.stdin.buffer.readline()
    if not text:
        sys.exit()
    return text


def answer(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


with open(os.environ["SUBMIT_LOG"], "ab", buffering=0) as log:
    what = line()
    while what != b"\n":
        log.write(what)
        answer("250 Ok.")
        what = line()
sys.stdin.buffer.read()
answer("250 Ok.")
