# SPDX-License-Identifier: Apache-2.0
"""Runs ProFTPD in the foreground with one user, "tester", who sees a folder of
files.

    proftpd.py ROOT FOLDER ADDR PORT

ROOT has the server, as a build or a Debian package leaves it there, and may
have a file "conf" with more of its configuration."""

import crypt
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import inetd                                                # noqa: E402

CONFIG = """
ServerName "test"
ServerIdent on "ready"
ServerType standalone
DefaultServer on
DefaultAddress %(addr)s
Port %(port)s
UseReverseDNS off
UseIPv6 on
User nobody
Group nogroup
AuthOrder mod_auth_file.c
AuthUserFile %(dir)s/passwd
AllowOverwrite on
AllowStoreRestart on
RequireValidShell off
DefaultRoot ~
DelayEngine off
WtmpLog off
TransferLog none
SystemLog none
TimesGMT on
PidFile %(dir)s/pid
ScoreboardFile %(dir)s/scores
"""


def main():
    root, folder, addr, port = sys.argv[1:]
    program = os.path.join(root, "sbin/proftpd")
    if not os.path.exists(program):
        program = os.path.join(root, "usr/sbin/proftpd")
    more = os.path.join(root, "conf")
    with tempfile.TemporaryDirectory() as where:
        with open(os.path.join(where, "passwd"), "w") as f:
            os.chmod(f.name, 0o600)
            f.write("tester:%s:65534:65534::%s:/bin/sh\n"
                    % (crypt.crypt("secret", crypt.METHOD_SHA256), folder))
        with open(os.path.join(where, "conf"), "w") as f:
            f.write(CONFIG % {"addr": addr, "port": port, "dir": where})
            if os.path.exists(more):
                with open(more) as g:
                    f.write(g.read())
        server = subprocess.Popen([program, "-n", "-c", f.name],
                                  stdout=sys.stderr,
                                  env=dict(os.environ,
                                           LD_LIBRARY_PATH=inetd.libraries(
                                               root)))
        inetd.wait_for(addr, port, server)
        sys.exit(server.wait())


if __name__ == "__main__":
    main()
