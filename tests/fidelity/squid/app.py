# SPDX-License-Identifier: Apache-2.0
"""Squid before a server that says what reaches it.

    app.py ROOT ADDR PORT"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import backend                                              # noqa: E402
import inetd                                                # noqa: E402

CONFIG = """\
http_port {addr}:{port} accel defaultsite=a no-vhost
cache_peer 127.0.0.1 parent {backend} 0 no-query originserver
http_access allow all
cache deny all
cache_mem 0
memory_cache_shared off
shutdown_lifetime 0 seconds
visible_hostname squid
pid_filename none
access_log none
cache_log {top}/log
cache_store_log none
coredump_dir {top}
mime_table {root}/usr/share/squid/mime.conf
icon_directory {root}/usr/share/squid/icons
error_directory {top}
unlinkd_program {root}/usr/lib/squid/unlinkd
logfile_daemon {root}/usr/lib/squid/log_file_daemon
pinger_enable off
"""


def main():
    root, addr, port = sys.argv[1:]
    top = inetd.folder("squid")
    os.chmod(top, 0o777)        # Squid gives up being root.
    conf = os.path.join(top, "conf")
    with open(conf, "w") as f:
        f.write(CONFIG.format(root=root, addr=addr, port=port, top=top,
                              backend=backend.start()))
    backend.run(addr, port, [os.path.join(root, "usr/sbin/squid"), "-N",
                             "-n", "pp%d" % os.getpid(), "-f", conf])


main()
