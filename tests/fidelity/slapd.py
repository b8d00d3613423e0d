#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs OpenLDAP's slapd with a small directory, for the pairs that are of it.

    slapd.py ROOT ADDR PORT [LINE...]

ROOT is where a side of the pair was unpacked or built; LINEs are added to the
global part of slapd.conf.  Prints a line of JSON for each connection that is
over, with the operations that were decoded.  Where slapd dies it
is started again, with the directory as it was left.  The whole directory lies
in a folder in /tmp that is gone afterwards."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CONF = """\
include {etc}/core.schema
include {etc}/cosine.schema
include {etc}/inetorgperson.schema
pidfile {tmp}/slapd.pid
argsfile {tmp}/slapd.args
modulepath {modules}
moduleload back_mdb
{lines}
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw secret
directory {tmp}/db
maxsize 16777216
index objectClass eq
index uid eq
"""

ENTRIES = """\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

""" + "".join("""\
dn: uid=u%d,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: u%d
cn: User %d
sn: %s
mail: u%d@example.org
description: one of ten
userPassword: pass%d

""" % (i, i, i, "ABCDEFGHIJ"[i], i, i) for i in range(10))

# What slapd's own words for an operation start with.
OPERATION = re.compile(r"conn=(\d+) op=\d+ ((?:BIND dn|SRCH|MOD|ADD|DEL|"
                       r"MODRDN|CMP|EXT|PASSMOD|STARTTLS|CANCEL)\b.*)")
ACCEPT = re.compile(r"conn=(\d+) fd=\d+ (ACCEPT)")
CLOSED = re.compile(r"conn=(\d+) fd=\d+ (closed)")

# Where a line starts.  slapd cuts lines of 4 kB, and their ends with it.
STAMP = re.compile(r"(?=[0-9a-f]{8}\.[0-9a-f]{8} 0x[0-9a-f]{12} )")


def say(**what):
    print(json.dumps(what), flush=True)


class Slapd:
    def __init__(self, root, addr, port, lines):
        self.root = root
        self.tmp = tempfile.mkdtemp(prefix="pp-slapd-")
        self.proc = None
        self.open = {}          # Connections, and what was asked on them.
        self.url = "ldap://%s:%s" % ("[%s]" % addr if ":" in addr else addr,
                                     port)
        self.where = (addr, int(port))
        lib = os.path.join(root, "usr/lib/x86_64-linux-gnu")
        self.env = dict(os.environ, LD_LIBRARY_PATH=lib)
        self.conf = os.path.join(self.tmp, "slapd.conf")
        os.mkdir(os.path.join(self.tmp, "db"))
        with open(self.conf, "w") as f:
            f.write(CONF.format(
                etc=os.path.join(root, "etc/ldap/schema"),
                modules=os.path.join(root, "usr/lib/ldap"), tmp=self.tmp,
                lines="\n".join(lines)))
        self.tool("slapadd", ENTRIES)

    def tool(self, name, text):
        subprocess.run([self.program(), "-T", name.replace("slap", ""),
                        "-f", self.conf],
                       env=self.env, input=text.encode(), check=True,
                       stdout=subprocess.DEVNULL)

    def program(self):
        return os.path.join(self.root, "usr/sbin/slapd")

    def start(self):
        self.proc = subprocess.Popen(
            [self.program(), "-f", self.conf, "-h", self.url, "-d", "stats"],
            env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace")

    def line(self, line):
        """Notes what slapd logged.  A connection is told of when it is over:
        its beginning is logged by another thread, and may come later."""
        m = ACCEPT.search(line) or CLOSED.search(line)
        if m:
            conn = self.open.setdefault(m[1], {"operations": []})
            conn[m[2]] = True
            if len(conn) == 3:
                self.over(m[1])
            return
        m = OPERATION.search(line)
        if m:
            conn = self.open.setdefault(m[1], {"operations": []})
            conn["operations"].append(m[2])

    def over(self, number):
        say(event="connection",
            operations=self.open.pop(number)["operations"])

    def run(self):
        """Runs slapd for as long as it lives."""
        self.start()
        for line in self.proc.stderr:
            if "slapd starting" in line:
                say(event="listening")
            elif "ERROR: AddressSanitizer" in line:
                say(event="sanitizer",
                    text=re.sub(r".*Sanitizer: (\S+).*", r"\1", line.strip()))
            else:
                for part in STAMP.split(line):
                    self.line(part)
        status = self.proc.wait()
        for number in list(self.open):
            self.over(number)
        say(event="died", status=signal.Signals(-status).name if status < 0
            else status)
        return status

    def wait_free(self):
        """Waits until the port can be listened on again."""
        family = socket.AF_INET6 if ":" in self.where[0] else socket.AF_INET
        for _ in range(500):
            with socket.socket(family) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(self.where)
                    return
                except OSError:
                    time.sleep(0.02)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    slapd = Slapd(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])

    def stop(_signal, _frame):
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        while True:
            if slapd.run() >= 0:
                sys.exit("slapd ended by itself")
            slapd.wait_free()
    finally:
        if slapd.proc and slapd.proc.poll() is None:
            slapd.proc.kill()
            slapd.proc.wait()
        shutil.rmtree(slapd.tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
