# SPDX-License-Identifier: Apache-2.0
"""For servers that hand requests on: what they hand them on to, within the
same process as the program that starts them.

    port = backend.start()

A request is read as its last Content-Length or Transfer-Encoding says; what it
was, to the byte but for Host, goes to the log and is the answer."""

import json
import socket
import subprocess
import sys
import threading

from inetd import say, wait_for


def start():
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def serve(sock):
    with sock, sock.makefile("rb") as stream:
        try:
            while answer(sock, stream):
                pass
        except OSError:
            pass


def answer(sock, stream):
    """Answers one request; true if another may follow."""
    line = stream.readline().decode("latin-1").strip()
    if not line:
        return False
    fields = []
    for field in iter(stream.readline, b"\r\n"):
        if not field:
            return False
        name, _, value = field.decode("latin-1").partition(":")
        fields.append([name.lower(), value.strip()])
    named = dict(fields)
    body = b""
    if "chunked" in named.get("transfer-encoding", ""):
        while size := int(stream.readline() or b"0", 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    elif named.get("content-length", "").isdigit():
        body = stream.read(int(named["content-length"]))
    seen = {"line": line, "body": body.decode("latin-1"),
            "fields": [f for f in fields if f[0] != "host"]}
    say(dict(seen, event="request"))
    text = json.dumps(seen).encode() + b"\n"
    stay = (named.get("connection", "").lower() != "close"
            and line.endswith("HTTP/1.1"))
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n%s\r\n" % (
                     len(text), b"" if stay else b"Connection: close\r\n")
                 + (b"" if line.startswith("HEAD ") else text))
    return stay


def run(addr, port, argv):
    """Runs the server 'argv', and again if it dies; says when it listens."""
    while True:
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                  stdout=sys.stderr)
        wait_for(addr, port, server)
        server.wait()
        say({"event": "died"})
