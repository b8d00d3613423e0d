# SPDX-License-Identifier: Apache-2.0
"""What real servers may tell apart in other places than we do.

    private.py framing.py [--seed N] [PROTOCOL...] [SECONDS]

Sends vulnerable servers behind us, and the same directly, what they may read
in other ways than we do, and with it a request or a command that has "evilN"
in it.  In force is one patch, which resets a connection on any such.  Each number
N that a server acts on all the same is a way around; what was sent for it is
printed.  Servers behind a policy that is off show how many there would be.
framing_PROTOCOL.py has what is sent, and to whom."""

import argparse
import importlib
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402

FACTOR = 997

PROTOCOLS = ("http", "smtp", "ftp", "ldap")


def protocol(name):
    return importlib.import_module("framing_" + name)


class Requests(random.Random):
    """Makes what is sent, always the same from one seed."""

    def some(self, usual, odd, often=0.6):
        """The usual thing, or else one of 'odd'."""
        return usual if self.random() < often else self.choice(odd)

    def mutate(self, text):
        for _ in range(self.randrange(1, 4)):
            i = self.randrange(len(text) + 1)
            j = min(len(text), i + self.randrange(6))
            text = self.choice((
                text[:i] + self.choice(self.ODD) + text[i:],
                text[:i] + self.choice(self.ODD) + text[i + 1:],
                text[:i] + text[i + 1:], text[:j] + text[i:]))
        return text

    def join(self, pieces):
        """Some of 'pieces' are sent together."""
        out = [pieces[0]]
        for piece in pieces[1:]:
            if self.random() < 0.5:
                out[-1] += piece
            else:
                out.append(piece)
        return out


class Hidden(Requests):
    """The same of a protocol of lines, in which commands are hidden: forms of
    COMMANDS, with a number in them that has lost no digit."""

    def end(self, often=0.9):
        return self.some(b"\r\n", self.ENDS, often)

    def evil(self, number):
        """A command, or some of which any server shows one."""
        number *= FACTOR
        if self.random() < 0.3:
            return b"\r\n".join(command % number
                                for command in self.COMMANDS)
        return self.choice(self.COMMANDS) % number

    def filler(self, what=b"x"):
        """As long as some buffer, or nearly."""
        return what * (max(0, self.choice(self.LENGTHS) - self.randrange(24)
                           + self.randrange(8)) // len(what))

    def in_command(self, evil):
        return [self.mutate(evil) + self.end()]


def numbers(form, texts):
    """What Hidden's numbers stand in 'texts' as 'form', but not in a long
    line."""
    got = {int(n) for text in texts if "x" * 32 not in text
           for n in form.findall(text)}
    return {n // FACTOR for n in got if n % FACTOR == 0}


class Framing:
    """Servers of one protocol with the patch in force, and without it."""

    def __init__(self, lab, name, pairs=None):
        self.lab = lab
        self.of = protocol(name)
        folder = os.path.join(lab.dir, "evil")
        os.mkdir(folder)
        with open(os.path.join(folder, "EVIL.yaml"), "w") as f:
            f.write(self.of.PATCH)
        lab.start_daemon(patches=(folder,))
        self.client = lab.add_client()
        self.servers = []
        for ident in pairs or self.of.PAIRS:
            for mode in "enforce", "off":
                n = len(self.servers) + 1
                vm = lab.add_server_vm("v%d" % n, n)
                server = lab.serve(fidelity.load(ident), "vulnerable", vm,
                                   port=self.of.PORT, env={"FRAMING": "1"})
                lab.set_ids(vm, policy="EVIL", mode=mode)
                self.servers.append((ident, mode, vm, server))
        for _, mode, vm, _ in self.servers:
            lab.wait_status(vm.ifname, "protected" if mode == "enforce"
                            else "uninspected")

    def make(self, seed, number):
        return self.of.Requests("%s %d" % (seed, number)).make(number)

    def connect(self, sock, vm):
        """Some servers die now and then, and are started again."""
        for _ in range(10):
            try:
                return sock.connect((pplab.address(vm), self.of.PORT))
            except ConnectionRefusedError:
                time.sleep(0.1)
        return None

    def send(self, vm, pieces, patience=0.15):
        """Sends each of 'pieces' once there is an answer to the one before, or
        none comes; returns all that the server said."""
        said = b""
        with self.client.inside():
            sock = socket.socket()
        with sock:
            sock.settimeout(5)
            try:
                self.connect(sock, vm)
                for i, piece in enumerate(pieces):
                    last = i + 1 == len(pieces)
                    # It may take nothing more.
                    sock.settimeout(2)
                    sock.sendall(piece)
                    sock.settimeout(patience if piece or last else 3)
                    try:
                        while True:
                            got = sock.recv(65536)
                            if not got:
                                return said
                            said += got
                            sock.settimeout(patience if last else 0.01)
                    except socket.timeout:
                        pass
            except OSError:
                pass
        return said

    def settle(self):
        """Waits until no server has more to say of what it got."""
        before = None
        time.sleep(0.3)
        now = [os.path.getsize(s.out.name) for _, _, _, s in self.servers]
        while now != before:
            time.sleep(0.3)
            before, now = now, [os.path.getsize(s.out.name)
                                for _, _, _, s in self.servers]

    def ask(self, vm, server, pieces):
        """Sends 'pieces'; returns what 'server' then had to say of them."""
        server.mark()
        self.send(vm, pieces)
        self.settle()
        return server.lines()

    def run(self, seed, numbers, at_once=8):
        """Sends what there is for 'numbers'; returns for each server which of
        them it acted on, and what it said then."""
        todo = [(i, self.make(seed, n))
                for n in numbers for i in range(len(self.servers))]
        said = [{} for _ in self.servers]
        for _, _, _, server in self.servers:
            server.mark()

        def work():
            while True:
                try:
                    i, pieces = todo.pop()
                except IndexError:
                    return
                answer = self.send(self.servers[i][2], pieces)
                for n in self.of.found([], answer):
                    said[i].setdefault(n, answer)
        threads = [threading.Thread(target=work) for _ in range(at_once)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.settle()
        for i, (_, _, _, server) in enumerate(self.servers):
            for n in self.of.found(server.lines(), b""):
                said[i].setdefault(n, b"")
        return [(ident, mode, {n: said[i][n] for n in numbers if n in said[i]})
                for i, (ident, mode, _, _) in enumerate(self.servers)]


def look(name, seed, seconds):
    """Sends for so long; prints what there is to say, and returns how many
    ways around there are."""
    sums, ways, n = {}, 0, 0
    with pplab.Lab(prefix="ppf") as lab:
        framing = Framing(lab, name)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for ident, mode, got in framing.run(seed, range(n, n + 50)):
                sums[ident, mode] = sums.get((ident, mode), 0) + len(got)
                for number in got if mode == "enforce" else ():
                    ways += 1
                    print("%s: %d: %r: %r" % (
                        ident, number, framing.make(seed, number),
                        got[number][-200:]), flush=True)
            n += 50
        pairs = framing.of.PAIRS
    print("%-16s %9s %12s %9s" % (name, "sent", "got without", "with us"))
    for ident in pairs:
        print("%-16s %9d %12d %9d" % (ident, n, sums[ident, "off"],
                                      sums[ident, "enforce"]), flush=True)
    return ways


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", default=None, help="(another each time)")
    parser.add_argument("what", nargs="*", metavar="PROTOCOL|SECONDS")
    args = parser.parse_args()
    seed = args.seed or str(random.randrange(10**9))
    seconds = [int(word) for word in args.what if word.isdigit()] or [60]
    names = [word for word in args.what if not word.isdigit()]
    for name in names:
        if name not in PROTOCOLS:
            sys.exit("no protocol %s (there is: %s)"
                     % (name, ", ".join(PROTOCOLS)))
    print("seed %s" % seed, flush=True)
    sys.exit(sum(look(name, seed, seconds[-1])
                 for name in names or PROTOCOLS) > 0)


if __name__ == "__main__":
    main()
