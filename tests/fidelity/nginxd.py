# SPDX-License-Identifier: Apache-2.0
"""Starts nginx, as one process that stays in the foreground."""

import os
import subprocess
import sys

import inetd

SETTINGS = """\
daemon off;
master_process off;
pid {top}/pid;
error_log {top}/errors;
events {{ }}
http {{
{http}}}
"""


def start(root, top, http, **env):
    """The one that stands in 'root', with all of its own in the folder 'top';
    'http' is what is in that part of its settings."""
    conf = os.path.join(top, "conf")
    with open(conf, "w") as f:
        f.write(SETTINGS.format(top=top, http=http))
    return subprocess.Popen(
        [os.path.join(root, "usr/sbin/nginx"), "-c", conf,
         "-e", os.path.join(top, "errors")],
        stdout=sys.stderr, stdin=subprocess.DEVNULL,
        env=dict(os.environ, LD_LIBRARY_PATH=inetd.libraries(root), **env))
