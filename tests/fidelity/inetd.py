# SPDX-License-Identifier: Apache-2.0
"""What the programs share that run servers: those that serve one connection a
process, on standard input and output, as inetd starts them, and others."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time


def say(what):
    os.write(1, (json.dumps(what) + "\n").encode())


def folder(name):
    """A directory that goes when the server is ended."""
    top = tempfile.mkdtemp(prefix=name + "-")
    os.chmod(top, 0o755)

    def stop(*_):
        shutil.rmtree(top, ignore_errors=True)
        os._exit(0)
    signal.signal(signal.SIGTERM, stop)
    return top


def libraries(root):
    """Where those of packages that are unpacked in 'root' stand."""
    return os.path.join(root, "usr/lib", os.uname().machine + "-linux-gnu")


def wait_for(addr, port, server):
    """Waits until the process 'server' listens, and says so."""
    while server.poll() is None:
        try:
            socket.create_connection((addr, int(port)), 5).close()
            break
        except OSError:
            time.sleep(0.05)
    say({"event": "listening"})


def follow(log, server, told):
    """Says what 'told', a function, makes of each line of the file 'log', for
    as long as the process 'server' runs."""
    line = ""
    while server.poll() is None:
        line += log.readline()
        if not line.endswith("\n"):
            time.sleep(0.02)
            continue
        for what in told(line):
            say(what)
        line = ""


def serve(addr, port, argv, env, messages):
    """Runs 'argv' for each connection; when it has ended, says what
    'messages', a function, gives, a dict for each message, and that it has
    ended."""
    listener = socket.create_server(
        (addr, int(port)), reuse_port=False,
        family=socket.AF_INET6 if ":" in addr else socket.AF_INET)
    one = threading.Lock()

    def run(sock):
        with sock:
            subprocess.run(argv, env=dict(os.environ, **env), stdin=sock,
                           stdout=sock, stderr=sys.stderr, check=False)
        with one:
            for message in messages():
                say(dict(message, event="message"))
            say({"event": "closed"})

    say({"event": "listening"})
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=run, args=(sock,), daemon=True).start()
