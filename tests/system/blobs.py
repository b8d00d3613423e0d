#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 server of large bodies, for the demo and the system tests.

    blobs.py ADDRESS PORT

    GET /blob/N/R     N MiB, R of them a second (0: as fast as it goes)
    PUT /sink         answers with the SHA-256 of the body"""

import hashlib
import http.server
import os
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        _, _, n, rate = self.path.split("/")
        n, rate = int(n), float(rate)
        self.send_response(200)
        self.send_header("Content-Length", str(n * pplab.MIB))
        self.end_headers()
        start = time.monotonic()
        for i, part in enumerate(pplab.blob(n)):
            self.wfile.write(part)
            if rate:
                ahead = (i + 1) / rate - (time.monotonic() - start)
                time.sleep(max(0, ahead))

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        h = hashlib.sha256()
        while left:
            data = self.rfile.read1(min(left, pplab.MIB))
            if not data:
                return
            h.update(data)
            left -= len(data)
        answer = (h.hexdigest() + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A client that went away is none of our business.
        pass


if __name__ == "__main__":
    if ":" in sys.argv[1]:
        Server.address_family = socket.AF_INET6
    Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
