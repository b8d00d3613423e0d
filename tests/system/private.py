#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program on a network stack of its own.

    private.py PROGRAM [ARGUMENT...]

The userspace datapath has one device of a fixed name, "ovs-netdev", so that
two private Open vSwitches, or a private one and the host's, would be in each
other's way.  Here the program, and all that it starts, has network devices,
named namespaces and /sys of its own; what it leaves of them ends with it."""

import os
import sys

# Names of namespaces are mounts in /run/netns.
SET_UP = """
mount -t sysfs sysfs /sys && mkdir -p /run/netns &&
mount -t tmpfs tmpfs /run/netns && ip link set lo up && exec "$@"
"""


def command(argv):
    """The command that runs 'argv' so.  It keeps its process id."""
    return ["unshare", "--net", "--mount", "--propagation", "private",
            "sh", "-c", SET_UP, "sh"] + list(argv)


def enter():
    """Starts this program over, on a network stack of its own, unless it has
    one already."""
    mine = os.readlink("/proc/self/ns/net")
    if os.environ.get("PP_PRIVATE") != mine:
        # Known only inside.
        argv = [sys.executable, os.path.abspath(__file__), "--inside",
                sys.executable] + sys.argv
        os.execvp("unshare", command(argv))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        os.environ["PP_PRIVATE"] = os.readlink("/proc/self/ns/net")
        os.execvp(sys.argv[2], sys.argv[2:])
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    os.execvp("unshare", command([sys.executable, os.path.abspath(__file__),
                                  "--inside"] + sys.argv[1:]))
