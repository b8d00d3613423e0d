# SPDX-License-Identifier: Apache-2.0
"""A VM from its first packet: a server that listens already (a resumed
snapshot) is plugged in, over and over, while a client attacks all the time.

    private.py plugs.py [N [closed|open|none [VMS RATE]]]

plugs N times and prints what came of it: where it is the only VM, or among VMS
others, of which RATE a second come and go."""

import contextlib
import os
import re
import selectors
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import manyvms                                              # noqa: E402
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import rawtcp                                               # noqa: E402
from pplab import get, wait_for                             # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt", b"Connection: close")
SECRET = b"outside the served folder"


class Attack(threading.Thread):
    """Connects without a pause, each time anew; the exploit goes out as soon
    as a connection is there."""

    AT_ONCE = 40                # Connections that are being made.
    PATIENCE = 0.04             # For how many seconds each is tried.
    ANSWER = 0.5                # And its answer waited for.

    def __init__(self, client, host, port=80):
        super().__init__(daemon=True)
        self.client = client
        self.to = (host, port)
        self.tried = self.answered = self.leaked = 0
        self.leaks = []             # When their connections began.
        self.ending = self.pausing = False
        self.idle = threading.Event()
        self.start()

    def begin(self, sel):
        s = socket.socket()
        s.setblocking(False)
        now = time.monotonic()
        s.connect_ex(self.to)
        self.tried += 1
        sel.register(s, selectors.EVENT_WRITE,
                     [now + self.PATIENCE, b"", now])

    def step(self, sel, key, writable):
        """Returns true when the connection is over."""
        s, state = key.fileobj, key.data
        if writable:
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return True
            s.send(EXPLOIT)
            state[0] = time.monotonic() + self.ANSWER
            sel.modify(s, selectors.EVENT_READ, state)
            return False
        data = s.recv(65536)
        state[1] += data
        if not data:
            self.answered += b"HTTP/1.1 " in state[1]
            if SECRET in state[1]:
                self.leaked += 1
                self.leaks.append(state[2])
        return not data

    def run(self):
        with self.client.inside(), selectors.DefaultSelector() as sel:
            while not self.ending:
                while not self.pausing and len(sel.get_map()) < self.AT_ONCE:
                    self.begin(sel)
                if not sel.get_map():
                    self.idle.set()
                    time.sleep(0.005)
                    continue
                over = []
                for key, events in sel.select(0.005):
                    try:
                        if self.step(sel, key,
                                     events & selectors.EVENT_WRITE):
                            over.append(key.fileobj)
                    except OSError:
                        over.append(key.fileobj)
                now = time.monotonic()
                over += [key.fileobj for key in sel.get_map().values()
                         if key.data[0] < now
                         and key.fileobj not in over]
                for s in over:
                    sel.unregister(s)
                    s.close()

    def pause(self):
        """Returns when no connection is open any more."""
        self.idle.clear()
        self.pausing = True
        self.idle.wait(10)

    def go_on(self):
        self.pausing = False

    def stop(self):
        self.ending = True
        self.join()


class Midstream(threading.Thread):
    """Sends exploits as if on a connection that the VM had before it was
    suspended, a thousand a second.  They come from an address that nobody
    answers for, so that no RST of the VM's ends anything."""

    def __init__(self, client, vm):
        super().__init__(daemon=True)
        self.wire = rawtcp.Wire(client)
        self.to = vm.mac
        host = pplab.address(vm)
        self.packet = rawtcp.ipv4_packet("10.77.0.99", host,
                                         rawtcp.tcp_segment(
            "10.77.0.99", host, 40000, 80, 1000, 2000,
            rawtcp.ACK | rawtcp.PSH, EXPLOIT))
        self.sent = 0
        self.ending = False
        self.start()

    def run(self):
        while not self.ending:
            self.wire.send(self.to, rawtcp.IPV4, self.packet)
            self.sent += 1
            time.sleep(0.001)

    def stop(self):
        self.ending = True
        self.join()
        self.wire.close()


class Witness(threading.Thread):
    """Sees at the VM's own device whether an exploit comes as it was sent,
    whatever becomes of it there."""

    def __init__(self, vm):
        super().__init__(daemon=True)
        self.seen = 0
        with vm.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(3))
        self.sock.bind(("eth0", 3))
        self.start()

    def run(self):
        while True:
            try:
                data, where = self.sock.recvfrom(65536)
            except OSError:     # The device goes down, with the lab.
                return
            self.seen += b"%2e%2e" in data and where[2] != 4


class Plugs:
    """The lab: a client, and a VM that is not plugged in."""

    def __init__(self, lab):
        self.lab = lab
        self.client = lab.add_client()
        self.vm = lab.add_server_vm("a", 1, plug=False)
        self.host = pplab.address(self.vm)
        self.server = lab.serve(fidelity.load(TRAVERSAL), "vulnerable",
                                self.vm)
        # Nothing holds a SYN up.
        self.client.run(["ip", "neigh", "replace", self.host, "lladdr",
                         self.vm.mac, "nud", "permanent", "dev", "eth0"])
        self.witness = Witness(self.vm)
        lab.start_daemon()

    def keys(self, **keys):
        """For the whole host; those that are not given go."""
        for key in "policy", "fail", "mode":
            self.lab.vsctl("remove", "Open_vSwitch", ".", "external_ids",
                           "patchpoint-" + key)
        for key, value in keys.items():
            self.lab.vsctl("set", "Open_vSwitch", ".",
                           "external_ids:patchpoint-%s=%s" % (key, value))

    def ready(self, fail):
        """Sets the policy; where that is to wait for VMs, what it takes is
        there then."""
        self.keys(policy="all", fail=fail)
        closed = fail == "closed"
        wait_for("the policy is in force", lambda: closed == (
            "with the engine" in self.lab.daemon("pipeline/show")), 15)

    def waited(self):
        """How many frames waited, and how many of these went on."""
        m = re.search(r"(\d+) frames of new ports waited, (\d+) went on",
                      self.lab.daemon("pipeline/show"))
        return int(m[1]), int(m[2])

    def wait_tries(self, attack, rounds=1):
        """Waits until the attack has tried anew, so many times over."""
        tried = attack.tried
        wait_for("the attack goes on", lambda:
                 attack.tried > tried + rounds * attack.AT_ONCE, 10, 0.005)

    def once(self, attack, late):
        """Plugs, waits until the attack gets an answer, and unplugs.  The
        attack ends what it has open before that: corrected connections that
        are cut off would be kept, thousands of them."""
        before = attack.answered
        if late:
            # The switch gives a port that comes again its old number.
            wait_for("flows of the last time are gone", lambda: self.vm.mac
                     not in " ".join(self.lab.flows(self.lab.bridge)))
            self.lab.control.send_signal(signal.SIGSTOP)
        try:
            self.lab.plug(self.vm)
            if late:
                self.wait_tries(attack, 5)
        finally:
            self.lab.control.send_signal(signal.SIGCONT)
        wait_for("an answer", lambda: attack.answered > before, 30, 0.005)
        attack.pause()
        self.lab.vsctl("del-port", self.vm.ifname)
        attack.go_on()
        self.wait_tries(attack)

    def run(self, n, late=False):
        """Returns the attack, over.  'late': control does nothing about a
        port before the attack has been at it for a while."""
        attack = Attack(self.client, self.host)
        try:
            for _ in range(n):
                self.once(attack, late)
        finally:
            attack.stop()
        return attack


@contextlib.contextmanager
def others(lab, n, rate):
    """'n' other VMs; meanwhile, 'rate' a second come and go."""
    over = threading.Event()
    lab.open()
    # With no policy none is ever protected.
    lab.grow(n, wait=lab.wait_ports)
    time.sleep(2)
    thread = threading.Thread(target=lab.churn,
                              args=(rate, lambda _: over.is_set()))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    fail = sys.argv[2] if len(sys.argv) > 2 else "closed"
    among = [float(word) for word in sys.argv[3:5]]
    with (manyvms.ManyVms if among else pplab.Lab)(prefix="ppp") as lab:
        plugs = Plugs(lab)
        if fail != "none":
            plugs.ready(fail)
        with others(lab, *among) if among else contextlib.nullcontext():
            start = time.monotonic()
            attack = plugs.run(n)
        print("%d plugs in %.1f s, patchpoint-fail=%s: %d connections tried, "
              "%d requests answered; exploits that worked: %d, segments with "
              "one that reached the VM: %d" % (
                  n, time.monotonic() - start, fail, attack.tried,
                  attack.answered, attack.leaked, plugs.witness.seen))
        print("first packets: %d frames waited, %d went on" % plugs.waited())
        took = sorted(int(ms) for ms in re.findall(
            r"redirected (\d+) ms after its port came", lab.log()))
        if took:
            print("from port to redirect, ms: least %d, median %d, most %d"
                  % (took[0], took[len(took) // 2], took[-1]))


if __name__ == "__main__":
    main()
