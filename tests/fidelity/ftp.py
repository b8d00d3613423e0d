# SPDX-License-Identifier: Apache-2.0
"""Steps that cases of FTP servers share."""

import socket

from fidelity import REPLY, replies


def command(line, n=1):
    """A command, and the replies to it."""
    return [line + b"\r\n", replies(n)]


def session(*steps, user=b"anonymous", password=None):
    """The greeting, a login, 'steps' (lists of them are taken apart), QUIT."""
    out = [REPLY] + command(b"USER " + user)
    if password is not None:
        out += command(b"PASS " + password)
    for step in steps:
        out += step if isinstance(step, list) else [step]
    return out + command(b"QUIT")


def port(host, number):
    """The argument of PORT."""
    return b",".join(b"%d" % n for n in (
        *socket.inet_aton(host), number >> 8, number & 255))


def listen(client):
    """Listens on the client's own address."""
    listener = socket.socket()
    listener.bind((client.sock.getsockname()[0], 0))
    listener.listen()
    listener.settimeout(15)
    client.listener = listener
    return listener.getsockname()


def active(form=b"PORT"):
    """PORT or EPRT with the client's own address."""
    def send(client):
        host, number = listen(client)
        return (b"PORT " + port(host, number) if form == b"PORT" else
                b"EPRT |1|%s|%d|" % (host.encode(), number)) + b"\r\n"
    return [send, REPLY]


def passive(form=b"PASV"):
    """PASV or EPSV, and the connection."""
    def connect(client):
        said = client.seen.answers[-1]
        if form == b"PASV":
            n = said[said.index(b"(") + 1:said.rindex(b")")].split(b",")
            number = int(n[4]) * 256 + int(n[5])
        else:
            number = int(said.split(b"|")[3])
        # Where it listens differs from run to run.
        client.seen.answers[-1] = said[:4] + b"*\r\n"
        client.data = client.connect((client.addr[0], number))
    return [form + b"\r\n", REPLY, connect]


def transfer(line, data=None, n=2):
    """A command that moves data over the connection that active() or
    passive() has prepared: its replies, and what came, go into the
    transcript."""
    def move(client):
        listener = getattr(client, "listener", None)
        if listener:
            client.data, _ = listener.accept()
            listener.close()
            client.listener = None
        with client.data as sock:
            sock.settimeout(15)
            if data is not None:
                sock.sendall(data)
                return
            got = b""
            while True:
                more = sock.recv(65536)
                if not more:
                    break
                got += more
        client.note(got)
    return [line + b"\r\n", move, replies(n)]
