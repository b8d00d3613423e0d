# SPDX-License-Identifier: Apache-2.0
"""An FTP server on pyftpdlib with one user, "tester", who sees a folder of
files; says each command as it has read it.

    app.py FOLDER ADDR PORT"""

import json
import logging
import os
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


def say(what):
    os.write(1, (json.dumps(what) + "\n").encode())


class Handler(FTPHandler):
    authorizer = DummyAuthorizer()

    def pre_process_command(self, line, cmd, arg):
        say({"event": "command", "argument": cmd + " " + arg})
        super().pre_process_command(line, cmd, arg)


logging.disable()
folder, host, port = sys.argv[1:]
Handler.authorizer.add_user("tester", "secret", folder, perm="elr")
server = FTPServer((host, int(port)), Handler)
say({"event": "listening"})
server.serve_forever()
