#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server whose connections can become something else than HTTP/1.1, for the
system tests.

    tunnel.py ADDRESS PORT

What begins as TLS does, and what follows CONNECT or an Upgrade, comes back as
it was sent: an echo.  After a request it answers with "saw TARGET".  What an
echo is sent between b"!hide" and b"!" makes it forget the connection without a
word to the client, as if the VM had been reset."""

import re
import socket
import sys
import threading

TCP_REPAIR = 19


def echo(sock, data):
    while data:
        if data.endswith(b"!hide!"):
            # The kernel drops a socket in this state silently.
            sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            return
        sock.sendall(data)
        data = sock.recv(1 << 20)


def handle(sock):
    data = b""
    while True:
        more = sock.recv(65536)
        data += more
        if not more:
            return
        elif data[0] == 0x16:
            echo(sock, data)
            return
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            continue
        method, target = re.match(rb"(\S+) (\S+)", head).groups()
        if method == b"CONNECT":
            sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            echo(sock, rest or sock.recv(1 << 20))
            return
        elif b"\r\nupgrade:" in head.lower():
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n"
                         b"Connection: upgrade\r\nUpgrade: echo\r\n\r\n")
            echo(sock, rest or sock.recv(1 << 20))
            return
        body = b"saw " + target
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                     % (len(body), body))
        data = rest


def serve(sock):
    try:
        with sock:
            handle(sock)
    except OSError:
        pass


def main():
    listener = socket.create_server(
        (sys.argv[1], int(sys.argv[2])), backlog=64,
        family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
