#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Load for faults.py and soak.py: connections on which every byte is checked
at both ends, and which notice how long nothing came.

    echoload.py ADDRESS PORT

is the server.  It says of each request what reached it: the first line, the
SHA-256 of the body, then bytes that the target stands for.  So a client sees
whether an exploit was corrected, and that everything else came as it was
sent.  "POST /up" takes a body in chunks of any length, "GET /down/ID" sends
one until "GET /stop/ID".

The patches are netload's."""

import hashlib
import os
import socket
import socketserver
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netload                                              # noqa: E402
from netload import pattern                                 # noqa: E402

PIECE = 32 << 10                # Of a stream.
PIECE_SECONDS = 1 / 64          # From one to the next: 2 MiB/s.
TIMEOUT = 30                    # Without a byte: the connection is broken.
GROUPS = 8                      # Of kinds of requests, see request().


class Wrong(Exception):
    """A connection ended before its time, or something else came."""


def describe(line, body, i, n):
    """What the server answers to a request for 'n' bytes of 'i'."""
    return b"%s\n%s\n%s" % (line, hashlib.sha256(body).hexdigest().encode(),
                            pattern(i, n))


def request(i, exploit):
    """Request number 'i'; returns its bytes, the answer that it gets if it
    arrives as sent, and the one if it is corrected.  Without 'exploit' there
    is nothing to correct, and both are the same."""
    kind = i % GROUPS
    n = (0, 100, 5000, 40000)[i // GROUPS % 4]
    target = b"/d/%d/%d" % (n, i)
    head = b""
    body = b""
    corrected = target, body
    if not exploit:
        if kind > 3:
            body = pattern(i, n)
            head = b"Content-Type: application/octet-stream\r\n"
        corrected = target, body
    elif kind % 4 == 0:
        target += b"?a=1&drop=" + b"x" * (i % 50)
        corrected = b"/d/%d/%d?a=1" % (n, i), body
    elif kind % 4 == 1:
        target += b"?a=1&grow=2"
        corrected = (b"/d/%d/%d?a=1&" % (n, i) + netload.GROWN.encode(), body)
    elif kind % 4 == 2:
        head = b"Content-Type: application/x-www-form-urlencoded\r\n"
        kept = b"a=" + b"y" * (i % 100)
        body = kept + b"&drop=" + b"z" * (i % 2000)
        corrected = target, kept
    else:
        target = b"/refused/%d/%d" % (n, i)
        corrected = None
    method = b"POST " if body else b"GET "
    if body:
        head += b"Content-Length: %d\r\n" % len(body)
    sent = method + target + b" HTTP/1.1"
    answer = describe(sent, body, i, n)
    if corrected is not None:
        line = method + corrected[0] + b" HTTP/1.1"
        corrected = describe(line, corrected[1], i, n)
    return (sent + b"\r\nHost: a\r\n" + head + b"\r\n" + body, answer,
            corrected)


# The server.

stopped = set()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while self.one():
                pass
        except (OSError, ValueError, IndexError):
            # The client notices.
            pass

    def one(self):
        line = self.rfile.readline().strip()
        if not line:
            return False
        fields = {}
        while True:
            field = self.rfile.readline().strip()
            if not field:
                break
            name, value = field.split(b":", 1)
            fields[name.lower()] = value.strip()
        parts = line.split()[1].split(b"?")[0].split(b"/")[1:]
        if parts[0] == b"up":
            self.answer(self.take())
        elif parts[0] == b"down":
            self.send(parts[1])
        elif parts[0] == b"stop":
            stopped.add(parts[1])
            self.answer(b"")
        else:
            body = self.rfile.read(int(fields.get(b"content-length", 0)))
            self.answer(describe(line, body, int(parts[2]), int(parts[1])))
        return True

    def answer(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
                         % len(body) + body)

    def take(self):
        """The SHA-256 of a body in chunks."""
        h = hashlib.sha256()
        while True:
            n = int(self.rfile.readline(), 16)
            h.update(self.rfile.read(n))
            self.rfile.readline()
            if not n:
                return h.hexdigest().encode()

    def send(self, ident):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n")
        i = 0
        start = time.monotonic()
        while ident not in stopped:
            self.wfile.write(b"%x\r\n%s\r\n" % (PIECE, pattern(i, PIECE)))
            i += 1
            ahead = start + i * PIECE_SECONDS - time.monotonic()
            time.sleep(max(0, ahead))
        self.wfile.write(b"0\r\n\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


# The clients.

class Conn(threading.Thread):
    """A connection that 'connect' makes, in use until finish(); with 'edits'
    it carries corrections.  'why' says what broke it."""

    def __init__(self, connect, name, edits):
        super().__init__(daemon=True)
        self.connect = connect
        self.name = name
        self.edits = edits
        self.why = None
        self.finishing = False
        self.requests = 0
        self.sent = 0               # Exploits, of which ...
        self.corrected = 0
        self.uninspected = 0
        self.last_corrected = None  # The last one was.
        self.bytes = self.marked = 0
        self.gap = 0
        self.last = time.monotonic()
        self.start()

    def run(self):
        begin = time.monotonic()
        try:
            with self.connect() as self.sock:
                self.sock.settimeout(TIMEOUT)
                with self.sock.makefile("rb") as self.file:
                    self.use()
        except (OSError, Wrong, ValueError, IndexError) as e:
            self.why = "%s, request %d, after %.1f s: %s: %s" % (
                self.name, self.requests, time.monotonic() - begin,
                type(e).__name__, e)

    def moved(self, n):
        """Notes that bytes have moved."""
        now = time.monotonic()
        self.gap = max(self.gap, now - self.last)
        self.last = now
        self.bytes += n

    def mark(self):
        """From here on the longest time without a byte is looked for."""
        self.gap = 0
        self.marked = self.bytes

    def longest_gap(self):
        """Until now, in seconds."""
        return max(self.gap, time.monotonic() - self.last
                   if self.is_alive() else 0)

    def finish(self):
        self.finishing = True

    # Reading.

    def read(self, n):
        data = bytearray()
        while len(data) < n:
            more = self.file.read1(n - len(data))
            if not more:
                raise Wrong("connection closed in a body")
            self.moved(len(more))
            data += more
        return bytes(data)

    def read_line(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise Wrong("connection closed where a line was expected")
        self.moved(len(line))
        return line.strip()

    def read_head(self):
        """The first line, and the fields, with small letters, as a text."""
        line = self.read_line()
        fields = b""
        while True:
            field = self.read_line()
            if not field:
                return line, fields
            fields += field.lower() + b"\n"

    def read_answer(self):
        line, fields = self.read_head()
        n = int(fields.split(b"content-length:")[1].split(b"\n")[0])
        return line, self.read(n)

    def ask(self, i, exploit):
        """One request and its answer, which has to be one of the two there
        may be; True if an exploit was corrected."""
        sent, as_sent, corrected = request(i, exploit)
        self.sock.sendall(sent)
        self.requests += 1
        self.sent += exploit
        line, body = self.read_answer()
        if line == b"HTTP/1.1 200 OK" and body == as_sent:
            self.uninspected += exploit
            is_corrected = False
        elif (line == b"HTTP/1.1 200 OK" and body == corrected
              or line == b"HTTP/1.1 404 Not Found" and corrected is None
              and not body):
            is_corrected = True
            self.corrected += 1
        else:
            raise Wrong("another answer to %r: %r %r" % (
                sent[:80], line, body[:200]))
        if exploit:
            self.last_corrected = is_corrected
        return is_corrected


class Loop(Conn):
    """Requests on one connection, one after the other; with 'edits', each is
    an exploit."""

    pause = 0.01

    def use(self):
        i = 0
        while not self.finishing:
            self.ask(i, self.edits)
            i += 1
            time.sleep(self.pause)
        # It is in step to its end.
        self.ask(i, False)


class Up(Conn):
    """A body in chunks; with 'edits' behind a request that is corrected, so
    that the two ends count differently."""

    def use(self):
        # What waits in buffers hides how long nothing moved.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
        if self.edits:
            self.ask(0, True)
        self.sock.sendall(b"POST /up HTTP/1.1\r\nHost: a\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n")
        h = hashlib.sha256()
        i = 0
        start = time.monotonic()
        while not self.finishing:
            part = pattern(i, PIECE)
            h.update(part)
            self.sock.sendall(b"%x\r\n%s\r\n" % (PIECE, part))
            self.moved(PIECE)
            i += 1
            ahead = start + i * PIECE_SECONDS - time.monotonic()
            time.sleep(max(0, ahead))
        self.sock.sendall(b"0\r\n\r\n")
        if self.read_answer()[1] != h.hexdigest().encode():
            raise Wrong("the checksum of %d bytes is wrong" % self.bytes)


class Down(Conn):
    """A body from the server, each byte of which is compared."""

    def finish(self):
        with self.connect() as sock:
            sock.sendall(b"GET /stop/%s HTTP/1.1\r\nHost: a\r\n\r\n"
                         % self.name.encode())
            sock.recv(1000)
        super().finish()

    def use(self):
        if self.edits:
            self.ask(0, True)
        self.sock.sendall(b"GET /down/%s HTTP/1.1\r\nHost: a\r\n\r\n"
                          % self.name.encode())
        self.read_head()
        i = 0
        while True:
            n = int(self.read_line(), 16)
            data = self.read(n + 2)
            if not n:
                return
            if data[:n] != pattern(i, n):
                raise Wrong("piece %d is not what was sent" % i)
            i += 1


class Probe(Conn):
    """A new connection with one exploit, number 'i'.  'span': when it began,
    when the answer came, and whether it was corrected; None without one."""

    span = None

    def __init__(self, connect, i):
        self.i = i
        super().__init__(connect, "probe %d" % i, True)

    def use(self):
        begin = self.last
        is_corrected = self.ask(self.i, True)
        self.span = begin, time.monotonic(), is_corrected


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
