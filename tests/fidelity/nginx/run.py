# SPDX-License-Identifier: Apache-2.0
"""nginx with a folder of files; says each request that it did not refuse.

    run.py ROOT FOLDER ADDR PORT"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))
import accesslog                                            # noqa: E402
import inetd                                                # noqa: E402
import nginxd                                               # noqa: E402

SETTINGS = """\
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
"""


def main():
    root, folder, addr, port = sys.argv[1:]
    top = inetd.folder("nginx")
    server = nginxd.start(root, top, SETTINGS.format(
        top=top, folder=folder, addr=addr, port=port))
    accesslog.run(addr, port, server, os.path.join(top, "log"))


main()
