#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Long messages of FTP, LDAP and SMTP, of which both ends know each byte.

    holdload.py PROTOCOL ADDRESS PORT [RCVBUF]

is a server that answers each message with the SHA-256 of all that it has read
on the connection, in a reply of its protocol.  Talk is the client: it sends
messages of many lengths, and compares."""

import hashlib
import os
import random
import socket
import socketserver
import string
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netload                                              # noqa: E402
import pplab                                                # noqa: E402,F401
import ldapmsg                                              # noqa: E402


# A message with this is answered after half a second.
LATE = b"answer me late"


def text(rng, n):
    return "".join(rng.choices(string.ascii_letters + string.digits,
                               k=n)).encode()


class Lines:
    """Messages end as lines do."""

    def end(self, data):
        """Where the first message in 'data' ends, or 0."""
        return data.find(b"\r\n") + 2 if b"\r\n" in data else 0

    reply_end = end


class Ftp(Lines):
    greeting = b"220 a\r\n"

    def messages(self, rng, n):
        yield b"USER a\r\n"
        yield b"PASS a\r\n"
        for i in range(n):
            yield b"SITE " + text(rng, rng.randrange(500, 9000)) + b"\r\n"

    def answer(self, message, digest):
        code = {b"USER": b"331", b"PASS": b"230"}.get(message[:4], b"200")
        return code + b" " + digest + b"\r\n"


class Smtp(Lines):
    greeting = b"220 a ESMTP\r\n"
    in_data = False

    def messages(self, rng, n):
        yield b"EHLO a\r\n"
        for i in range(n):
            yield b"MAIL FROM:<a@a.example>\r\n"
            yield b"RCPT TO:<b@b.example>\r\n"
            yield b"DATA\r\n"
            yield b"".join(text(rng, rng.randrange(7000)) + b"\r\n"
                           for _ in range(3)) + b".\r\n"

    def end(self, data):
        if not self.in_data:
            return super().end(data)
        return data.find(b"\r\n.\r\n") + 5 if b"\r\n.\r\n" in data else 0

    def answer(self, message, digest):
        self.in_data = message == b"DATA\r\n"
        return (b"354 " if self.in_data else b"250 ") + digest + b"\r\n"


class Ldap:
    greeting = b""

    def messages(self, rng, n):
        for i in range(n):
            yield self.add(i + 1, text(rng, rng.randrange(500, 30000)))

    def add(self, ident, value):
        """An AddRequest with a value."""
        return ldapmsg.message(ident, ldapmsg.element(
            0x68, ldapmsg.element(4, b"cn=a")
            + ldapmsg.element(0x30, ldapmsg.element(
                0x30, ldapmsg.element(4, b"cn") + ldapmsg.element(
                    0x31, ldapmsg.element(4, value))))))

    def end(self, data):
        if len(data) < 2:
            return 0
        octets = data[1] & 0x7f if data[1] & 0x80 else 0
        length = int.from_bytes(data[2:2 + octets], "big") or data[1]
        whole = 2 + octets + length
        return whole if len(data) >= max(whole, 2 + octets) else 0

    reply_end = end

    def answer(self, message, digest):
        # An AddResponse, with the diagnosticMessage.
        return ldapmsg.message(1, ldapmsg.element(
            0x69, b"\n\1\0" + ldapmsg.element(4, b"")
            + ldapmsg.element(4, digest)))


PROTOCOLS = {"ftp": Ftp, "ldap": Ldap, "smtp": Smtp}


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        protocol = PROTOCOLS[self.server.protocol]()
        h = hashlib.sha256()
        data = b""
        try:
            self.request.sendall(protocol.greeting)
            while True:
                end = protocol.end(data)
                if end:
                    h.update(data[:end])
                    if LATE in data[:end]:
                        time.sleep(0.5)
                    answer = protocol.answer(data[:end],
                                             h.hexdigest().encode())
                    self.request.sendall(answer)
                    data = data[end:]
                    continue
                more = self.request.recv(65536)
                if not more:
                    return
                data += more
        except OSError:
            pass


class Talk(threading.Thread):
    """Sends 'n' long messages on 'sock', each in writes of 'piece' bytes, and
    waits for each answer.  'why' says what went wrong, or is None."""

    def __init__(self, sock, name, seed, n, piece):
        super().__init__(daemon=True)
        self.sock = sock
        self.protocol = PROTOCOLS[name]()
        self.rng = random.Random(seed)
        self.n = n
        self.piece = piece
        self.sent = 0
        self.answers = 0
        self.why = "not at its end"
        self.start()

    def run(self):
        try:
            self.talk()
            self.why = None
        except (OSError, netload.Ended, AssertionError) as e:
            self.why = "%d bytes, %d answers: %s: %s" % (
                self.sent, self.answers, type(e).__name__, e)

    def reply(self, data=b""):
        while not self.protocol.reply_end(data):
            more = self.sock.recv(65536)
            if not more:
                raise netload.Ended("connection closed, behind %r" % data)
            data += more
        return data

    def talk(self):
        h = hashlib.sha256()
        if self.protocol.greeting:
            self.reply()
        for message in self.protocol.messages(self.rng, self.n):
            for i in range(0, len(message), self.piece):
                self.sock.sendall(message[i:i + self.piece])
            self.sent += len(message)
            h.update(message)
            reply = self.reply()
            assert h.hexdigest().encode() in reply, "another sum: %r" % reply
            self.answers += 1

    def wait(self, timeout):
        """What went wrong, or None."""
        self.join(timeout)
        if self.is_alive():
            return "after %g s still at %d bytes, %d answers" % (
                timeout, self.sent, self.answers)
        return self.why


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    if ":" in sys.argv[2]:
        Server.address_family = socket.AF_INET6
    server = Server((sys.argv[2], int(sys.argv[3])), Handler,
                    bind_and_activate=False)
    server.protocol = sys.argv[1]
    if sys.argv[4:]:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 int(sys.argv[4]))
    server.server_bind()
    server.server_activate()
    server.serve_forever()


if __name__ == "__main__":
    main()
