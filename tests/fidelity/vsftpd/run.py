# SPDX-License-Identifier: Apache-2.0
"""vsftpd for anonymous clients, who see a folder of files; says each command
as it has read it.

    run.py ROOT FOLDER ADDR PORT"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import inetd                                                # noqa: E402

SETTINGS = """\
listen=YES
listen_address={addr}
listen_port={port}
background=NO
anonymous_enable=YES
no_anon_password=NO
anon_root={folder}
ftp_username=nobody
nopriv_user=nobody
secure_chroot_dir={top}/empty
log_ftp_protocol=YES
xferlog_enable=YES
vsftpd_log_file={top}/log
seccomp_sandbox=NO
"""
COMMAND = re.compile(r'FTP command: Client "[^"]*", "(.*)"$')


def main():
    root, folder, addr, port = sys.argv[1:]
    top = inetd.folder("vsftpd")
    os.mkdir(os.path.join(top, "empty"))
    log = os.path.join(top, "log")
    open(log, "w").close()
    conf = os.path.join(top, "conf")
    with open(conf, "w") as f:
        f.write(SETTINGS.format(top=top, folder=folder, addr=addr, port=port))
    server = subprocess.Popen(
        [os.path.join(root, "usr/sbin/vsftpd"), conf], stdout=sys.stderr,
        env=dict(os.environ, LD_LIBRARY_PATH=inetd.libraries(root)))
    inetd.wait_for(addr, port, server)
    with open(log, encoding="latin-1", newline="\n") as f:
        inetd.follow(f, server, lambda line: [
            {"event": "command", "argument": m[1]}
            for m in COMMAND.finditer(line)])


main()
