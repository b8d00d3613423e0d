# SPDX-License-Identifier: Apache-2.0
"""An application on waitress that says which requests it got.

    app.py ADDR PORT

    /early...   does not read the body
    others      read all of it"""

import json
import os
import sys

import waitress


def say(what):
    os.write(1, (json.dumps(what) + "\n").encode())


def app(environ, start_response):
    say({"event": "request", "method": environ["REQUEST_METHOD"],
         "url": environ.get("REQUEST_URI", environ["PATH_INFO"])})
    if not environ["PATH_INFO"].startswith("/early"):
        environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


host, port = sys.argv[1:]
server = waitress.create_server(app, host=host, port=int(port))
say({"event": "listening"})
server.run()
