# SPDX-License-Identifier: Apache-2.0
"""nginx with a folder of files; says each request that it did not refuse.

    run.py ROOT FOLDER ADDR PORT"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import accesslog                                            # noqa: E402
import inetd                                                # noqa: E402

SETTINGS = """\
daemon off;
master_process off;
pid {top}/pid;
error_log {top}/errors;
events {{ }}
http {{
    log_format plain "$status $request";
    access_log {top}/log plain;
    client_body_temp_path {top}/a;
    proxy_temp_path {top}/b;
    fastcgi_temp_path {top}/c;
    uwsgi_temp_path {top}/d;
    scgi_temp_path {top}/e;
    keepalive_requests 100000;
    server {{
        listen {addr}:{port};
        root {folder};
        # Other methods than a file's, too.
        error_page 405 =200 /a;
    }}
}}
"""


def main():
    root, folder, addr, port = sys.argv[1:]
    top = inetd.folder("nginx")
    conf = os.path.join(top, "conf")
    with open(conf, "w") as f:
        f.write(SETTINGS.format(top=top, folder=folder, addr=addr, port=port))
    server = subprocess.Popen(
        [os.path.join(root, "usr/sbin/nginx"), "-c", conf,
         "-e", os.path.join(top, "errors")],
        stdout=sys.stderr, stdin=subprocess.DEVNULL,
        env=dict(os.environ, LD_LIBRARY_PATH=inetd.libraries(root)))
    accesslog.run(addr, port, server, os.path.join(top, "log"))


main()
