# SPDX-License-Identifier: Apache-2.0
"""Apache httpd with a folder of files; says each request that it did not
refuse.

    run.py ROOT FOLDER ADDR PORT"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import accesslog                                            # noqa: E402
import inetd                                                # noqa: E402

SETTINGS = """\
ServerName a
Listen {addr}:{port}
PidFile {top}/pid
DefaultRuntimeDir {top}
DocumentRoot {folder}
ErrorLog {top}/errors
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
MaxKeepAliveRequests 0
User www-data
Group www-data
LogFormat "%>s %r" plain
CustomLog {top}/log plain
"""


def main():
    root, folder, addr, port = sys.argv[1:]
    top = inetd.folder("apache")
    conf = os.path.join(top, "conf")
    with open(conf, "w") as f:
        f.write(SETTINGS.format(
            top=top, folder=folder, addr=addr, port=port,
            modules=os.path.join(root, "usr/lib/apache2/modules")))
    server = subprocess.Popen(
        [os.path.join(root, "usr/sbin/apache2"), "-DFOREGROUND", "-f", conf],
        stdout=sys.stderr, stdin=subprocess.DEVNULL,
        env=dict(os.environ, LD_LIBRARY_PATH=inetd.libraries(root)))
    accesslog.run(addr, port, server, os.path.join(top, "log"))


main()
