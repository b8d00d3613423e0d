# SPDX-License-Identifier: Apache-2.0
"""Real vulnerable and patched servers, and how to tell that two of them
behave alike.

A pair is a folder here with a pair.json (what both sides are made of, see
"setup"), and a cases.py with CASES, a list of case(...).  Addresses and the
way a server is started are the caller's, so the same cases run on loopback
and against a server in a namespace behind a switch:

    pair = fidelity.load("CVE-2014-3744")
    with pair.start("patched", "10.0.0.2", 80,
                    wrap=["ip", "netns", "exec", "vm1"]) as server:
        for case in pair.cases:
            seen = fidelity.run_case(("10.0.0.2", 80), case, server)

and fidelity.compare(case, a, b) names what differs between two such runs:
bytes to the client, how the connection ended, what the application saw.
An empty list means that they behaved alike."""

import importlib.util
import json
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

EXPLOIT = "exploit"     # The vulnerable side shows the flaw.
NEAR = "near miss"      # Looks like it; both sides answer alike.
ORDINARY = "ordinary"
VENDOR = "vendor"       # The release changes it, but it is not this flaw.

# How a connection ended.
CLOSED = "closed"       # FIN or RST by the server; see Seen.how.
OPEN = "open"


class Wait:
    """A step: reads until the server is quiet or closes."""

    def __init__(self, seconds=None):
        self.seconds = seconds


WAIT = Wait()


class Shut:
    """A step: the client sends its FIN."""


SHUT = Shut()


class Case:
    def __init__(self, name, kind, steps, flaw, silent, repeat):
        self.name = name
        self.kind = kind
        self.steps = steps
        self.flaw = flaw
        self.silent = silent
        self.repeat = repeat


def case(name, kind, *steps, flaw=None, silent=False, repeat=1):
    """A connection: each of 'steps' is bytes to send, WAIT or SHUT; a WAIT
    follows the last.  'flaw' takes the Seen of the vulnerable side and is
    true where it shows the flaw; without one, an exploit shows it by an
    answer other than the patched side's.  'silent' says that some step gets
    no answer, so that it is not waited for long.  'repeat' is for a case with
    a race in the server: so many tries at getting the same on both sides."""
    return Case(name, kind, list(steps), flaw, silent, repeat)


class Seen:
    """What one run of a case gave.  'answers' has the bytes that came in
    each WAIT, 'end' CLOSED or OPEN, 'how' the socket's own word for it
    ("FIN", "RST", ""), 'log' what the application saw."""

    def __init__(self):
        self.answers = []
        self.end = OPEN
        self.how = ""
        self.log = []

    @property
    def bytes(self):
        return b"".join(self.answers)

    @property
    def statuses(self):
        """The status of each answer in the transcript."""
        return [int(s) for s in
                re.findall(rb"(?:^|\n|\})HTTP/\d\.\d (\d\d\d)", self.bytes)]

    def saw(self, **wanted):
        """True if some log line has all of 'wanted'."""
        return any(all(line.get(k) == v for k, v in wanted.items())
                   for line in self.log)

    def requests(self):
        return [line for line in self.log if line.get("event") == "request"]

    def as_dict(self):
        return {"answers": [a.decode("latin-1") for a in self.answers],
                "end": self.end, "how": self.how, "log": self.log}


class Server:
    """A started side.  Its output, a line of JSON for each thing its
    application saw, goes to a file, so that it is there without another
    connection through whatever lies before the server."""

    def __init__(self, argv, addr, port, log, env):
        self.addr = (addr, port)
        self.out = open(log, "ab") if log else tempfile.NamedTemporaryFile()
        self.err = tempfile.NamedTemporaryFile()
        self.offset = os.path.getsize(self.out.name)
        self.proc = subprocess.Popen(argv, stdout=self.out, stderr=self.err,
                                     stdin=subprocess.DEVNULL, env=env,
                                     start_new_session=True)
        self.pid = self.proc.pid

    def ready(self, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(line.get("event") == "listening" for line in self.lines()):
                return self
            if self.proc.poll() is not None:
                break
            time.sleep(0.02)
        with open(self.err.name, errors="replace") as f:
            error = f.read()
        self.stop()
        raise RuntimeError("server did not start: " + error)

    def mark(self):
        self.offset = os.path.getsize(self.out.name)

    def lines(self):
        """The log since the last mark()."""
        with open(self.out.name, "rb") as f:
            f.seek(self.offset)
            data = f.read()
        lines = []
        for line in data[:data.rfind(b"\n") + 1].splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"event": "text",
                              "text": line.decode(errors="replace")})
        return lines

    def stop(self):
        """Ends the server and what it started: they are a session of their
        own, whose leader is our child and not yet waited for."""
        if self.proc.returncode is None:
            try:
                os.killpg(self.pid, signal.SIGTERM)
                self.proc.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.proc.wait()
            except ProcessLookupError:
                self.proc.wait()
        self.out.close()
        self.err.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


class Pair:
    def __init__(self, ident):
        self.ident = ident
        self.folder = os.path.join(HERE, ident)
        with open(os.path.join(self.folder, "pair.json")) as f:
            self.title = json.load(f)["title"]
        spec = importlib.util.spec_from_file_location(
            "cases_" + re.sub(r"\W", "_", ident),
            os.path.join(self.folder, "cases.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.cases = module.CASES

    def start(self, side, addr, port, wrap=(), log=None, env=None):
        """Starts 'side', "vulnerable" or "patched", on 'addr' and 'port'.
        'wrap' goes before the command, as ["ip", "netns", "exec", "vm1"].
        Returns the Server once it listens."""
        argv = list(wrap) + [os.path.join(self.folder, "serve"), side, addr,
                             str(port)]
        full = dict(os.environ, **(env or {}))
        return Server(argv, addr, port, log, full).ready()


def load(ident):
    return Pair(ident)


def all_ids():
    return sorted(name for name in os.listdir(HERE)
                  if os.path.exists(os.path.join(HERE, name, "cases.py")))


class _Client:
    def __init__(self, addr, settle, patience, source):
        family = socket.AF_INET6 if ":" in addr[0] else socket.AF_INET
        self.sock = socket.socket(family)
        if source:
            self.sock.bind((source, 0))
        self.sock.settimeout(patience)
        self.sock.connect(addr)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.settle = settle
        self.patience = patience
        self.seen = Seen()

    def read(self, first):
        """Reads until the server closes, or says nothing for the settle time
        ('first' seconds before its first byte)."""
        got = b""
        while self.seen.end == OPEN:
            wait = self.settle if got else first
            if not select.select([self.sock], [], [], wait)[0]:
                break
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                self.seen.end, self.seen.how = CLOSED, "RST"
                break
            if not data:
                self.seen.end, self.seen.how = CLOSED, "FIN"
                break
            got += data
        self.seen.answers.append(got)

    def send(self, data):
        if self.seen.end != OPEN:
            return
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # What the server still said is read by the next WAIT.
            pass


def run_case(addr, case, server=None, settle=0.15, patience=2.0, source=None):
    """Runs 'case' on one connection to 'addr', a (host, port), and returns
    its Seen; the log comes from 'server', the Server that sits behind 'addr'.
    'settle' is how long a silence ends an answer."""
    if server:
        server.mark()
    client = _Client(addr, settle, patience, source)
    first = settle * 2 if case.silent else patience
    try:
        steps = case.steps
        if not isinstance(steps[-1], Wait):
            steps = steps + [WAIT]
        for step in steps:
            if isinstance(step, Wait):
                if step.seconds is not None:
                    client.read(step.seconds)
                else:
                    client.read(first)
            elif isinstance(step, Shut):
                try:
                    client.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            else:
                client.send(step)
    finally:
        client.sock.close()
    if server:
        # The application notes the end of our connection, too.
        last = None
        for _ in range(20):
            time.sleep(0.02)
            lines = server.lines()
            if lines == last:
                break
            last = lines
        client.seen.log = lines
    return client.seen


VARYING = re.compile(rb"(?mi)^(Date|Expires): [^\r\n]*")


def normal(data):
    """'data' with what changes from second to second taken out."""
    return VARYING.sub(rb"\1: *", data)


def compare(case, a, b, strict_end=False):
    """What differs between Seens 'a' and 'b' of 'case', in words.  FIN and
    RST count as alike unless 'strict_end': which of them a closing server's
    kernel sends depends on what it had not read by then."""
    differs = []
    if normal(a.bytes) != normal(b.bytes):
        differs.append("answer %r, not %r" % (b.bytes, a.bytes))
    elif [normal(x) for x in a.answers] != [normal(x) for x in b.answers]:
        differs.append("answers come at other steps")
    if a.end != b.end:
        differs.append("connection %s, not %s" % (b.end, a.end))
    elif strict_end and a.how != b.how:
        differs.append("ended with %s, not %s" % (b.how, a.how))
    if a.log != b.log:
        differs.append("application saw %s, not %s"
                       % (json.dumps(b.log), json.dumps(a.log)))
    return differs


def flaw_shown(case, vulnerable, patched):
    """True if 'vulnerable' shows the flaw that 'case' is made to show."""
    if case.flaw:
        return bool(case.flaw(vulnerable))
    return bool(compare(case, patched, vulnerable))
