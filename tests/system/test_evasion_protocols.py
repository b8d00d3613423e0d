# SPDX-License-Identifier: Apache-2.0
"""No way around the engine by what looks like another protocol, in which it
could not look: TLS, HTTP/2, a tunnel.  The server's answer tells whether it is
one; what is one does not get through either where the policy refuses it.  Each exploit of a landed patch is shown on a VM whose mode is off, too; and
servers that do speak TLS are served on protected ports."""

import os
import smtplib
import socket
import ssl
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pplab                                                # noqa: E402
from pphost import wait_for                                 # noqa: E402
import fidelity                                             # noqa: E402
from fidelity import REPLY, TLS, WAIT                       # noqa: E402

# What TLS begins with: a record that says how long it is, a ClientHello's.
RECORD = b"\x16\x03\x01%c%c\x01"


def record(payload):
    n = len(payload) + 1
    return RECORD % (n >> 8, n & 255) + payload


def parts(text, n):
    """'text' behind the beginning of a record that has the first 'n' bytes of
    it, and what is behind them."""
    return record(b"xxx\r\n" + text[:n]), text[n:]


def set_opaque(test, vm, value):
    """Sets patchpoint-opaque for 'vm', for a test."""
    test.lab.set_ids(vm, opaque=value)
    test.addCleanup(test.lab.clear_ids, vm, "opaque")
    wait_for("it is in force", lambda: any(
        line.startswith(vm.ifname) and " opaque=%s " % value in line
        and " status=protected" in line
        for line in test.lab.daemon("server/list").splitlines()))


class Case(unittest.TestCase):
    pair = None
    port = 80
    exploit = 0                 # Which of the pair's exploits.

    @classmethod
    def setUpClass(cls):
        if not cls.pair:
            raise unittest.SkipTest("no server of its own")
        cls.lab = pplab.Lab.of(cls)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        pair = fidelity.load(cls.pair)
        cls.case = [c for c in pair.cases
                    if c.kind == fidelity.EXPLOIT][cls.exploit]
        cls.servers = {}
        for number, name in enumerate(("off", "ours"), 1):
            vm = cls.lab.add_server_vm(name, number)
            cls.servers[vm] = cls.lab.serve(pair, "vulnerable", vm, None,
                                            cls.port)
            if name == "off":
                cls.lab.set_ids(vm, policy=cls.pair, mode="off")
            else:
                cls.lab.protect(vm, cls.pair)

    def harmed(self, vm, steps):
        """Does 'steps' show the flaw?"""
        case = fidelity.case("", fidelity.EXPLOIT, *steps)
        case.settled, case.varying = self.case.settled, self.case.varying
        with self.client.inside():
            return self.flaw(fidelity.run_case(
                (pplab.address(vm), self.port), case, self.servers[vm]))

    def flaw(self, seen):
        return self.case.flaw(seen)

    def trick(self, *steps):
        off, ours = self.servers
        self.assertTrue(self.harmed(off, steps), "without us: no harm")
        self.assertFalse(self.harmed(ours, steps))

    def test_exploit(self):
        "the exploit itself"
        self.trick(*self.case.steps)


class Talk(Case):
    """Protocols in which the server speaks first, in lines."""

    def behind(self, *first):
        """The exploit behind 'first', which is sent before the greeting."""
        self.trick(*first, WAIT, *self.case.steps[1:])

    def test_byte(self):
        "a first byte that TLS begins with, too"
        self.behind(b"\x16\r\n")

    def test_record(self):
        "a record of TLS that is a line"
        self.behind(record(b"xxx\r\n"))

    def test_record_of_lines(self):
        "a record of TLS that is lines"
        self.behind(record(b"xxx\r\nNOOP\r\nNOOP\r\n"))

    def test_record_and_more(self):
        "a record of TLS that ends within a command"
        first, rest = parts(b"NOOP\r\n", 3)
        self.behind(first, rest)

    def test_later(self):
        "a record of TLS behind the greeting"
        self.trick(WAIT, record(b"xxx\r\n"), WAIT, *self.case.steps[1:])

    def test_long_record(self):
        "a record of TLS that is longer than what comes"
        self.behind(b"\x16\x03\x01\x3f\xff\x01\r\n")


class Smtp(Talk):
    pair = "CVE-2024-27305"
    port = 25

    def test_proxy(self):
        "a load balancer's line, which the server does not know"
        self.behind(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 25\r\n")

    def test_proxy_pipelined(self):
        "the same, with a command behind it"
        self.behind(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 25\r\nNOOP\r\n")


class Ftp(Talk):
    pair = "CVE-2020-15152"
    port = 21

    def test_telnet(self):
        "a line that ends in what is no end for servers that know Telnet"
        self.trick(WAIT, b"\xff\xfb\n", WAIT, *self.case.steps[1:])

    def test_telnet_option(self):
        "the same, within a longer command of Telnet"
        self.trick(WAIT, b"\xff\n", WAIT, *self.case.steps[1:])


class Puma(Case):
    """Takes any method, and goes on behind it."""
    pair = "CVE-2024-45614"
    head = b" HTTP/1.1\r\nHost: a\r\n\r\n"

    def test_connect(self):
        "CONNECT, which the server takes for a request like any other"
        self.trick(b"CONNECT /" + self.head, WAIT, *self.case.steps)

    def test_preface(self):
        "a request that HTTP/2 begins with, with a field"
        self.trick(b"PRI * HTTP/2.0\r\nHost: a\r\nConnection: keep-alive\r\n"
                   b"\r\n", WAIT, *self.case.steps)

    def test_upgrade(self):
        "an upgrade that the server does not take up"
        self.trick(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                   b"Upgrade: websocket\r\n\r\n", WAIT, *self.case.steps)


class Line(Case):
    """Request lines of servers that read them in Python, by its white space,
    which has bytes that others take for a word's."""

    def line(self, method=b"GET", before=b"", first=b" ", last=b" "):
        "The exploit with another request line."
        one, *more = self.case.steps
        _, target, rest = one.split(b" ", 2)
        self.assertTrue(rest.startswith(b"HTTP/1.1\r\n"))
        self.trick(before + method + first + target + last + rest, *more)

    def test_before(self):
        "white space before the method"
        for space in b"\x85", b"\xa0", b"\x1c", b"\x1d", b"\x1e", b"\x1f":
            self.line(before=space)

    def test_first(self):
        "white space behind the method"
        for space in b"\x85", b"\xa0", b"\x1c", b"\x1f":
            self.line(first=space)

    def test_last(self):
        "white space before the version"
        for space in b"\x85", b"\xa0", b"\x1c", b"\x1f":
            self.line(last=space)

    def test_all(self):
        "white space everywhere"
        self.line(before=b"\xa0", first=b"\xa0", last=b"\xa0")


class Werkzeug(Line):
    pair = "CVE-2023-23934"


class Framing(Case):
    """The exploit in what is content, or a field, for other servers."""

    def flaw(self, seen):
        """Has the application got the exploit's request, which is for /x?"""
        return any("/x" in (line.get("url"), line.get("RAW_URI"))
                   for line in seen.requests())

    def hide(self, head, before=b""):
        """The exploit behind 'head' and 'before'; %d: the length of both but
        the head."""
        inside = before + self.case.steps[0]
        self.trick((head % len(inside) if b"%d" in head else head) + inside)


class Node(Framing):
    pair = "CVE-2021-22959"

    def test_cr(self):
        "a CR where a field would be, where the fields end for it"
        self.hide(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\r\n")

    def test_cr_and_more(self):
        "the same, and any byte behind it"
        self.hide(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\\")

    def test_fold(self):
        "a length folded into the coding, which it takes for chunked"
        self.hide(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                  b"\r\n Content-Length: %d\r\n\r\n", b"0\r\n\r\n")

    def test_ice(self):
        "the same, in another protocol that it speaks"
        fold = (b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                b" A: b\r\n\r\n0\r\n\r\n")
        self.trick(fold + self.case.steps[0].replace(
            b"POST /x HTTP/1.1", b"SOURCE /x ICE/1.0"))

    def test_trailer(self):
        "a CR where a trailer would be"
        self.hide(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                  b"\r\n\r\n0\r\n\r\r\n")


class Gunicorn(Framing):
    pair = "CVE-2024-1135"

    def test_name(self):
        "a name with Python's white space behind it"
        self.hide(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"
                  b"Transfer-Encoding\x85: chunked\r\n\r\n", b"0\r\n\r\n")

    def test_lf(self):
        "a length behind LF, which is a part of the field before"
        self.hide(b"POST /a HTTP/1.1\r\nHost: a\nContent-Length: %d\r\n\r\n")


class Refused(Case):
    """What becomes opaque is reset where patchpoint-opaque=refuse."""
    pair = "CVE-2024-27305"
    port = 25

    def within_tls(self, *steps):
        return (REPLY, b"EHLO client.test\r\n", REPLY, b"STARTTLS\r\n", REPLY,
                TLS, *steps)

    def test_starttls(self):
        "the exploit within TLS, which begins as the server agrees"
        steps = self.within_tls(*self.case.steps[1:])
        _, ours = self.servers
        set_opaque(self, ours, "pass")
        self.assertTrue(self.harmed(ours, steps), "passed: no harm")
        set_opaque(self, ours, "refuse")
        before = self.lab.counter("proxy_opaque_refused")
        self.trick(*steps)
        self.assertEqual(self.lab.counter("proxy_opaque_refused"), before + 1)

    def test_ordinary(self):
        "a session in the clear goes on; one that asks for TLS ends there"
        _, ours = self.servers
        set_opaque(self, ours, "refuse")
        with self.client.inside():
            for tls in False, True:
                with smtplib.SMTP(pplab.address(ours), self.port) as smtp:
                    smtp.ehlo()
                    if tls:
                        with self.assertRaises(
                                (OSError, smtplib.SMTPServerDisconnected)):
                            smtp.starttls()
                    else:
                        smtp.sendmail("a@a.test", ["b@b.test"], "hello")

    def test_monitor(self):
        "who only monitors refuses nothing"
        _, ours = self.servers
        set_opaque(self, ours, "refuse")
        self.lab.set_ids(ours, mode="monitor")
        self.addCleanup(self.lab.protect, ours, self.pair)
        self.addCleanup(self.lab.clear_ids, ours, "mode")
        self.lab.wait_status(ours.ifname, "monitored")
        steps = self.within_tls(*self.case.steps[1:])
        self.assertTrue(self.harmed(ours, steps))

    def test_wrong(self):
        "another word is an error, and changes nothing"
        _, ours = self.servers
        set_opaque(self, ours, "refuse")
        self.lab.set_ids(ours, opaque="maybe")
        status = self.lab.wait_status(ours.ifname, "error")
        self.assertIn("patchpoint-opaque=maybe", status)
        self.assertIn("not one of pass and refuse", status)
        self.trick(*self.within_tls(*self.case.steps[1:]))


class Others(unittest.TestCase):
    """Servers of other protocols on ports that are protected: as if the port
    had been mistaken.  Nobody can look in there, but it works."""

    PORTS = {"smtp": 25, "ftp": 21, "http": 80, "ldap": 389}

    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls)
        cls.lab.start_daemon()
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("tls", 1)
        cert = os.path.join(cls.lab.dir, "cert.pem")
        cls.lab.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                     "-nodes", "-days", "2", "-subj", "/CN=a", "-keyout", cert,
                     "-out", cert + ".crt"])
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cert + ".crt", cert)
        cls.greeting = b""
        for port in cls.PORTS.values():
            with cls.vm.inside():
                listener = socket.create_server(
                    (pplab.address(cls.vm), port), backlog=64)
            cls.addClassCleanup(listener.close)
            threading.Thread(target=cls.serve, args=(listener,),
                             daemon=True).start()
        cls.lab.protect(cls.vm, "all")

    @classmethod
    def serve(cls, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                try:
                    cls.talk_back(sock)
                except OSError:
                    pass

    @classmethod
    def talk_back(cls, sock):
        if cls.greeting:
            sock.sendall(cls.greeting)
        else:
            sock = cls.context.wrap_socket(sock, server_side=True)
        while True:
            data = sock.recv(100)
            if not data:
                break
            sock.sendall(data[::-1])

    def talk(self, protocol):
        """Many handshakes, as what is in them is left to chance."""
        context = fidelity.any_server()
        before = self.counted()
        for _ in range(40):
            with self.client.connect(pplab.address(self.vm),
                                     self.PORTS[protocol]) as sock:
                sock.settimeout(10)
                with context.wrap_socket(sock) as tls:
                    tls.sendall(b"hello")
                    self.assertEqual(tls.recv(100), b"olleh")
        self.assertEqual(self.counted(), before + 40)

    def counted(self):
        """Connections that are not looked at.  What is in a handshake may be
        bad as another protocol."""
        return self.lab.counter("proxy_opaque") + self.lab.counter("proxy_bad")

    def test_refused(self):
        "TLS, where what is opaque is refused"
        set_opaque(self, self.vm, "refuse")
        context = fidelity.any_server()
        for protocol, port in self.PORTS.items():
            with self.subTest(protocol), self.client.connect(
                    pplab.address(self.vm), port) as sock:
                sock.settimeout(10)
                # With TLS 1.3 the server's part may be over by then; and
                # OpenSSL tells of an end that it has heard of before as such.
                with self.assertRaises((ConnectionError, ssl.SSLEOFError),
                                       msg=protocol):
                    with context.wrap_socket(sock) as tls:
                        tls.sendall(b"hello")
                        if not tls.recv(100):
                            raise ConnectionError("closed")

    def test_greeting(self):
        "a protocol in which the server speaks first, and no line ends"
        self.addCleanup(setattr, type(self), "greeting", b"")
        type(self).greeting = b"SSH-2.0-x\r\n"
        for protocol, port in self.PORTS.items():
            with self.subTest(protocol), self.client.connect(
                    pplab.address(self.vm), port) as sock:
                sock.settimeout(10)
                self.assertEqual(sock.recv(100), self.greeting)
                for said in b"SSH-2.0-y\r\n", b"GET x", b"\0\0\1binary":
                    sock.sendall(said)
                    self.assertEqual(sock.recv(100), said[::-1])

    def test_smtp(self):
        "TLS on SMTP's port"
        self.talk("smtp")

    def test_ftp(self):
        "TLS on FTP's port"
        self.talk("ftp")

    def test_http(self):
        "TLS on a port of HTTP"
        self.talk("http")

    def test_ldap(self):
        "TLS on LDAP's port"
        self.talk("ldap")


del Case, Talk, Line, Framing


if __name__ == "__main__":
    unittest.main()
