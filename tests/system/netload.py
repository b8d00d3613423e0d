#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP requests on one connection, of which both ends know each byte.

    netload.py ADDRESS PORT [RCVBUF]

is the server: it answers "/d/N/I" with N bytes that I stands for, and "/sum"
with the SHA-256 of all requests on the connection, as the application saw
them.  Load is the client: it sends requests, some of which are to be corrected
on the way by PATCHES, checks each answer, and compares the sum with what an
application behind these patches has to see."""

import hashlib
import os
import random
import socket
import socketserver
import sys
import threading

_block = random.Random(7).randbytes(1 << 20)


def pattern(i, n):
    """'n' bytes that stand for 'i'; 'n' up to half a MiB."""
    at = i * 7919 % (1 << 19)
    return _block[at:at + n]


def patch(number, what, when, rule, to_server, expect, to_client=""):
    def quoted(text):
        return '"%s"' % text.replace("\r", "\\r").replace("\n", "\\n")
    return """\
patch: CVE-2099-%04d
title: %s
vendor: https://example.org/
affects: [{ product: npm/netload, versions: "< 1" }]
severity: 1.0
proxy: http
%s
same-as-vendor: >
  For tests.
vectors:
  - exploit: the one
    to-server: %s
    expect: { to-server: %s%s }
  - benign: another
    to-server: "GET /other HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
""" % (number, what, "on: %s\nwhen: >\n  %s\ncorrect:\n%s" % (
        "body" if "body" in when else "request", when, rule),
        quoted(to_server), quoted(expect),
        ", to-client: %s" % quoted(to_client) if to_client else "")


GROWN = "grown=" + "0123456789" * 20
FORM = ("POST /p HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded"
        "\r\nContent-Length: %d\r\n\r\n%s")
REFUSAL = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

PATCHES = [
    patch(1, "A parameter is deleted", 'query contains "&drop="',
          '  replace: query\n  with: before(query, "&drop=")',
          "GET /p?a=1&drop=2 HTTP/1.1\r\n\r\n",
          "GET /p?a=1 HTTP/1.1\r\n\r\n"),
    patch(2, "A parameter becomes longer", 'query contains "&grow="',
          '  replace: query\n  with: concat(before(query, "&grow="), "&%s")'
          % GROWN, "GET /p?a=1&grow=2 HTTP/1.1\r\n\r\n",
          "GET /p?a=1&%s HTTP/1.1\r\n\r\n" % GROWN),
    patch(3, "A form loses its end", 'body contains "&drop="',
          '  replace: body\n  with: before(body, "&drop=")',
          FORM % (10, "a=1&drop=2"), FORM % (3, "a=1")),
    patch(4, "A folder is refused", 'starts_with(path, "/refused/")',
          '  reject:\n    status: 404\n    headers:\n'
          '      - Content-Length: 0',
          "GET /refused/1 HTTP/1.1\r\n\r\n", "", REFUSAL),
]
IDS = ",".join("CVE-2099-%04d" % (i + 1) for i in range(len(PATCHES)))


def write_patches(folder):
    """Writes PATCHES into a folder, which is made."""
    os.makedirs(folder)
    for i, text in enumerate(PATCHES):
        with open(os.path.join(folder, "CVE-2099-%04d.yaml" % (i + 1)),
                  "w") as f:
            f.write(text)


class Ended(Exception):
    """The connection ended before its time."""


class Reader:
    """Reads messages of HTTP/1.1 with a Content-Length."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()

    def fill(self):
        more = self.sock.recv(65536)
        if not more:
            raise Ended("connection closed, behind %r" % bytes(
                self.data[:80]))
        self.data += more

    def message(self):
        """The first line and the body."""
        while True:
            end = self.data.find(b"\r\n\r\n")
            if end >= 0:
                break
            self.fill()
        lines = bytes(self.data[:end]).split(b"\r\n")
        length = 0
        for line in lines[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(self.data) < end + 4 + length:
            self.fill()
        body = bytes(self.data[end + 4:end + 4 + length])
        del self.data[:end + 4 + length]
        return lines[0], body


def note(h, line, body):
    h.update(b"%d %d " % (len(line), len(body)) + line + body)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        reader = Reader(self.request)
        h = hashlib.sha256()
        try:
            while True:
                line, body = reader.message()
                path = line.split()[1].split(b"?")[0]
                if path == b"/sum":
                    answer = h.hexdigest().encode()
                elif path.startswith(b"/refused/"):
                    answer = b"not refused"
                else:
                    note(h, line, body)
                    _, _, n, i = path.split(b"/")
                    answer = pattern(int(i), int(n))
                self.request.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
                    % len(answer) + answer)
        except (OSError, Ended):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Load(threading.Thread):
    """Sends some 'size' bytes up and down on 'sock'.  'why' says what went
    wrong, or is None.  'corrections' are those that were asked for.  'heads':
    most bytes of one more field of a head; 'piece': most bytes of a write;
    'keep': 'sock' is the caller's to close."""

    def __init__(self, sock, size, seed, edits=True, most=40000, ahead=16,
                 heads=0, piece=1 << 20, keep=False):
        super().__init__(daemon=True)
        self.sock = sock
        self.size = size
        self.rng = random.Random(seed)
        self.edits = edits
        self.most = most
        self.heads = heads
        self.piece = piece
        self.keep = keep
        self.why = "not at its end"
        self.corrections = 0
        self.requests = 0
        self.up = self.down = 0
        self.room = threading.Semaphore(ahead)
        self.expected = []          # Answers in their order.
        self.added = threading.Condition()
        self.sum = hashlib.sha256()
        self.start()

    def run(self):
        writer = threading.Thread(target=self.guard, args=(self.write,),
                                  daemon=True)
        self.why = None
        writer.start()
        self.guard(self.read)
        if self.why:
            # Wakes the writer.
            self.sock.close()
        self.room.release()
        writer.join(60)
        if not self.keep:
            self.sock.close()

    def guard(self, function):
        try:
            function()
        except (OSError, Ended, AssertionError, ValueError) as e:
            self.why = self.why or "%s, %d requests, %d bytes down: %s: %s" % (
                function.__name__, self.requests, self.down,
                type(e).__name__, e)

    def length(self):
        """Mostly short, some long."""
        r = self.rng.random()
        return int(self.most * r * r * r)

    def one(self, i):
        """A request, and the line and body that the application sees; None
        if it is refused."""
        kind = self.rng.randrange(8)
        target = b"/d/%d/%d" % (self.length(), i)
        body = sent_body = b""
        head = b""
        seen = target
        if kind == 0 and self.edits:
            target += b"?a=1&drop=" + b"x" * self.rng.randrange(50)
            seen += b"?a=1"
        elif kind == 1 and self.edits:
            target += b"?a=1&grow=2"
            seen += b"?a=1&" + GROWN.encode()
        elif kind == 2 and self.edits:
            target = b"/refused/%d" % i
            seen = None
            sent_body = b"y" * self.rng.randrange(3000)
        elif kind in (3, 4):
            body = b"a=" + pattern(i, self.length()).hex().encode()
            sent_body = body
            head = b"Content-Type: application/x-www-form-urlencoded\r\n"
            if kind == 3 and self.edits:
                sent_body += b"&drop=" + b"z" * self.rng.randrange(2000)
        elif kind in (5, 6, 7):
            sent_body = body = pattern(i, self.length())
            head = b"Content-Type: application/octet-stream\r\n"
        if self.heads:
            head += b"X: " + b"h" * self.rng.randrange(self.heads) + b"\r\n"
        method = b"POST " if sent_body else b"GET "
        self.corrections += (seen != target) + (
            seen is not None and sent_body != body)
        if sent_body:
            head += b"Content-Length: %d\r\n" % len(sent_body)
        request = (method + target + b" HTTP/1.1\r\nHost: a\r\n" + head
                   + b"\r\n" + sent_body)
        return request, seen and method + seen + b" HTTP/1.1", body

    def write(self):
        i = 0
        while (self.up < self.size or self.down < self.size) and not self.why:
            request, line, body = self.one(i)
            if line is None:
                answer = REFUSAL.split("\r\n")[0].encode(), b""
            else:
                note(self.sum, line, body)
                n, at = line.split()[1].split(b"?")[0].split(b"/")[2:]
                answer = b"HTTP/1.1 200 OK", pattern(int(at), int(n))
            self.room.acquire()
            with self.added:
                self.expected.append(answer)
                self.added.notify()
            # In two pieces, cut anywhere.
            cut = self.rng.randrange(len(request))
            for part in request[:cut], request[cut:]:
                for at in range(0, len(part), self.piece):
                    self.sock.sendall(part[at:at + self.piece])
            self.up += len(request)
            i += 1
        with self.added:
            self.expected.append((b"HTTP/1.1 200 OK",
                                  self.sum.hexdigest().encode()))
            self.expected.append(None)
            self.added.notify()
        self.sock.sendall(b"GET /sum HTTP/1.1\r\nHost: a\r\n\r\n")

    def read(self):
        reader = Reader(self.sock)
        while True:
            with self.added:
                while not self.expected:
                    if not self.added.wait(1) and self.why:
                        return
                want = self.expected.pop(0)
            if want is None:
                return
            line, body = reader.message()
            assert line == want[0], "answer %r, not %r" % (line, want[0])
            assert body == want[1], "request %d: another answer" % (
                self.requests)
            self.requests += 1
            self.down += len(body)
            self.room.release()

    def wait(self, timeout):
        """What went wrong, or None."""
        self.join(timeout)
        if self.is_alive():
            self.why = self.why or (
                "after %d s still at %d requests, %d bytes up, %d down"
                % (timeout, self.requests, self.up, self.down))
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.join(10)
        return self.why


if __name__ == "__main__":
    if ":" in sys.argv[1]:
        Server.address_family = socket.AF_INET6
    server = Server((sys.argv[1], int(sys.argv[2])), Handler,
                    bind_and_activate=False)
    if sys.argv[3:]:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 int(sys.argv[3]))
    server.server_bind()
    server.server_activate()
    server.serve_forever()
