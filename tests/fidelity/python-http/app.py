# SPDX-License-Identifier: Apache-2.0
"""A server on Python's http.server that says which requests it got.

    app.py ADDR PORT

    /early...   does not read the body
    others      read it, as long as Content-Length says"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def say(what):
    os.write(1, (json.dumps(what) + "\n").encode())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def answer(self):
        say({"event": "request", "url": self.path})
        length = self.headers.get("Content-Length", "")
        if length.isdigit() and not self.path.startswith("/early"):
            self.rfile.read(int(length))
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok\n")

    do_GET = do_HEAD = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


host, port = sys.argv[1:]
server = ThreadingHTTPServer((host, int(port)), Handler)
say({"event": "listening"})
server.serve_forever()
