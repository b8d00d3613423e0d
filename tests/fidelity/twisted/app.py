# SPDX-License-Identifier: Apache-2.0
"""A site on Twisted that says which requests it got.

    app.py ADDR PORT"""

import json
import os
import sys

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site


def say(what):
    os.write(1, (json.dumps(what) + "\n").encode())


class Page(Resource):
    isLeaf = True

    def render(self, request):
        say({"event": "request", "url": request.uri.decode("latin-1")})
        request.setHeader(b"Content-Length", b"3")
        return b"ok\n"


class Quiet(Site):
    def log(self, request):
        pass


host, port = sys.argv[1:]
reactor.listenTCP(int(port), Quiet(Page()), interface=host)
reactor.callWhenRunning(say, {"event": "listening"})
reactor.run()
