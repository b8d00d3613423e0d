# SPDX-License-Identifier: Apache-2.0
"""pure-ftpd with one user, "tester", who sees a folder of files.

    run.py ROOT FOLDER ADDR PORT"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import inetd                                                # noqa: E402


def main():
    root, folder, addr, port = sys.argv[1:]
    top = inetd.folder("pure-ftpd")
    env = dict(os.environ, LD_LIBRARY_PATH=inetd.libraries(root))
    base = os.path.join(top, "base")
    subprocess.run([os.path.join(root, "usr/bin/pure-pw"), "useradd",
                    "tester", "-u", "65534", "-g", "65534", "-d", folder,
                    "-f", os.path.join(top, "users"), "-F", base, "-m"],
                   env=env, input=b"secret\nsecret\n", check=True,
                   stdout=sys.stderr)
    server = subprocess.Popen(
        [os.path.join(root, "usr/sbin/pure-ftpd"), "-S", addr + "," + port,
         "-l", "puredb:" + base, "-H", "-E", "-C", "500", "-c", "500",
         "-g", os.path.join(top, "pid")], env=env, stdout=sys.stderr)
    inetd.wait_for(addr, port, server)
    server.wait()


main()
