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
An empty list means that they behaved alike.

Beside CASES, a cases.py may have

    VARYING = [rb"queued as \w+"]   what changes from run to run: regular
                                    expressions, blotted out in answers and
                                    in the log before they are compared
    def settled(log): ...           true once the log, a list of lines, has
                                    all that a connection gives; waited for
                                    after each run.  Without it, the log is
                                    whole when it does not grow any more.
    QUIET = 0.2                     for how many seconds it must not grow, even
                                    if settled: for a server whose end is noted
                                    by another process, after the client

and a pair.json may name the usual "port" of its service (80 without), the
"ip" version, 4 or 6, that its cases are bound to (either without), what the
ordinary "clients" of clients.py are to ask for, the "parameters" of its patch
that say how its servers are configured, and with "check": false that it takes
too long to build for "./quickstart check"."""

import importlib.util
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

EXPLOIT = "exploit"     # The vulnerable side shows the flaw.
NEAR = "near miss"      # Looks like it; both sides answer alike.
ORDINARY = "ordinary"
VENDOR = "vendor"       # The release changes it, but it is not this flaw.

# A known difference: the same answer, at a later step.
LATER = "answers come at other steps"

# How a connection ended.
CLOSED = "closed"       # FIN or RST by the server; see Seen.how.
OPEN = "open"


class Wait:
    """A step: reads until the server is quiet or closes; with 'whole', until
    that function is true of the bytes got in this step, however long the
    server takes in between."""

    def __init__(self, seconds=None, whole=None):
        self.seconds = seconds
        self.whole = whole


WAIT = Wait()


def replies(n=1):
    """A step: reads 'n' replies as SMTP, FTP and their like write them: lines
    that start with three digits, a dash behind them on all but the last."""
    last = re.compile(rb"(?m)^\d\d\d(?: [^\n]*)?\r?\n")
    return Wait(whole=lambda got: len(last.findall(got)) >= n)


REPLY = replies(1)


class Shut:
    """A step: the client sends its FIN."""


SHUT = Shut()


class Tls:
    """A step: the client starts TLS, and what follows goes within it.  That
    it has come about, or why not, stands in the transcript."""


TLS = Tls()


def program(*argv, text=b"", env=None, only=rb"(?s).*", exits=0):
    """A step: runs a client program, which makes its own connection and ends
    with exit code 'exits'.  What it says goes to the transcript, as far as it
    matches 'only', with HOST for the server's address.  In 'argv', {host} and
    {port} are the server's, {at} is both as a URL has them; 'env' adds to the
    environment."""
    def step(client):
        host, port = client.addr[:2]
        words = {"host": host, "port": str(port),
                 "at": "[%s]:%d" % (host, port) if ":" in host
                       else "%s:%d" % (host, port)}
        done = subprocess.run(
            [re.sub(r"\{(host|port|at)\}", lambda m: words[m[1]], word)
             for word in argv], env=dict(os.environ, **(env or {})),
            input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=120, check=False)
        if done.returncode != exits:
            raise RuntimeError("%s: exit code %d: %s" % (
                argv[0], done.returncode,
                done.stdout.decode(errors="replace")))
        address = rb"\[?%s\]?(:%d\b)?(?![0-9a-f])" % (
            re.escape(host.encode()), port)
        client.note(re.sub(address, b"HOST",
                           b"".join(re.findall(only, done.stdout))))
    return step


class Case:
    def __init__(self, name, kind, steps, **more):
        self.name = name
        self.kind = kind
        self.steps = steps
        self.flaw = more["flaw"]
        self.silent = more["silent"]
        self.repeat = more["repeat"]
        self.known = more["known"]
        self.log = more["log"]
        # Of the pair; set when its cases are loaded.
        self.varying = []
        self.settled = None
        self.quiet = None


def case(name, kind, *steps, flaw=None, silent=False, repeat=1, known=None,
         log=None):
    """A connection.  Each of 'steps' is bytes to send, a Wait, SHUT, TLS, or
    a function that gets the Client and returns bytes to send, or None: for
    bytes that depend on an earlier answer or on an address, for another
    connection, or for a client program (which makes its own connection).  A
    WAIT follows the last.

    'flaw' takes the Seen of the vulnerable side and is true where it shows
    the flaw; without one, an exploit shows it by an answer other than the
    patched side's.  'silent' says that some step gets no answer, so that it
    is not waited for long.  'repeat' is for a case with a race in the server:
    so many tries at getting the same on both sides.  'known' is for a case
    where the inline patch is known to differ from the vendor's: how the
    difference starts, or several do, in compare()'s words, the reason beside
    it.  'log' is what of the log counts, in_any_order or which_requests."""
    return Case(name, kind, list(steps), flaw=flaw, silent=silent,
                repeat=repeat, known=known, log=log)


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

    @property
    def codes(self):
        """The code of each reply in the transcript: SMTP's, FTP's."""
        return [int(s) for s in
                re.findall(rb"(?m)^(\d\d\d)(?: |\r?$)", self.bytes)]

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
            about = json.load(f)
        self.title = about["title"]
        self.sides = about["vulnerable"], about.get("patched")
        self.in_check = about.get("check", True)
        self.clients = about.get("clients", {})
        self.parameters = about.get("parameters", {})
        self.port = about.get("port", 80)
        self.ip = about.get("ip")
        self.cases = []
        self.varying = []
        self.settled = self.quiet = None
        if os.path.exists(os.path.join(self.folder, "cases.py")):
            self.load_cases()

    def load_cases(self):
        spec = importlib.util.spec_from_file_location(
            "cases_" + re.sub(r"\W", "_", self.ident),
            os.path.join(self.folder, "cases.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.cases = module.CASES
        self.varying = [re.compile(v) for v in getattr(module, "VARYING", [])]
        self.settled = getattr(module, "settled", None)
        self.quiet = getattr(module, "QUIET", None)
        self.adopt(self.cases)

    def adopt(self, cases):
        """Makes 'cases' this pair's."""
        for case in cases:
            case.varying = self.varying
            case.settled = self.settled
            case.quiet = self.quiet

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


def all_pairs():
    """Every pair, and the IP version that it is proven over: half of them,
    every other one by name, over IPv6, but for those bound to a version."""
    return [(pair, pair.ip or (6 if i % 2 else 4))
            for i, pair in enumerate(load(ident) for ident in all_ids())]


def siblings(pair):
    """The ids of the pairs that are of the same servers as 'pair'."""
    return [other.ident for other in map(load, all_ids())
            if other.sides == pair.sides]


def any_server():
    """TLS for a client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """One client of a run.  'addr' is the server's (host, port), 'sock' the
    connection to it, made when it is first needed, 'seen' the run's Seen."""

    def __init__(self, addr, settle, patience, source):
        self.addr = addr
        self.settle = settle
        self.patience = patience
        self.source = source
        self.seen = Seen()
        self._sock = None

    @property
    def sock(self):
        if not self._sock:
            self._sock = self.connect(self.addr)
        return self._sock

    @property
    def connected(self):
        return self._sock is not None

    def connect(self, addr):
        """A connection from the same host to any 'addr', a (host, port)."""
        sock = socket.socket(socket.AF_INET6 if ":" in addr[0]
                             else socket.AF_INET)
        try:
            if self.source:
                sock.bind((self.source, 0))
            # A SYN may get lost, also twice, and come again.
            sock.settimeout(max(self.patience, 10))
            sock.connect(addr)
            sock.settimeout(self.patience)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            sock.close()
            raise
        return sock

    def note(self, data):
        """Adds bytes to the transcript: what came another way."""
        self.seen.answers.append(data)

    def read(self, first, whole=None):
        """Reads until the server closes, until 'whole' is true of what came,
        or, without it, until nothing comes for the settle time ('first'
        seconds before the first byte)."""
        got = b""
        while self.seen.end == OPEN and not (whole and whole(got)):
            if self.silence(self.settle if got and not whole else first):
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
        self.note(got)

    def silence(self, seconds):
        """True if nothing comes for 'seconds'.  They are counted in slices:
        while the machine has no time for us it may have none for the server,
        and that a slice took long says nothing of it."""
        return not (getattr(self.sock, "pending", int)() or any(
            select.select([self.sock], [], [], min(SLICE, seconds))[0]
            for _ in range(max(1, round(seconds / SLICE)))))

    def send(self, data):
        if self.seen.end != OPEN:
            return
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # What the server still said is read by the next WAIT.
            pass

    def start_tls(self):
        context = any_server()
        self.sock.settimeout(LONG)
        try:
            self._sock = context.wrap_socket(self.sock,
                                             suppress_ragged_eofs=True)
            self.note(b"<TLS>\n")
        except (ssl.SSLError, OSError) as e:
            # What was detached is closed already.
            self.note(b"<no TLS: %s>\n" % type(e).__name__.encode())
            self.seen.end = CLOSED

    def step(self, step, first):
        if callable(step):
            step = step(self)
        if isinstance(step, Wait):
            if step.whole:
                self.read(step.seconds or LONG, step.whole)
            else:
                self.read(first if step.seconds is None else step.seconds)
        elif isinstance(step, Shut):
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        elif isinstance(step, Tls):
            self.start_tls()
        elif step:
            self.send(step)

    def close(self):
        if self._sock:
            self._sock.close()


# How long, in seconds, something may take whose end is known.
LONG = 15
# A silence is counted in these.
SLICE = 0.02
# For a first byte: less than the 5 s for which Node.js keeps idle connections.
PATIENCE = 4.0


def run_case(addr, case, server=None, settle=0.15, patience=PATIENCE,
             source=None):
    """Runs 'case' on one connection to 'addr', a (host, port), and returns
    its Seen; the log comes from 'server', the Server that sits behind 'addr'.
    'settle' is how long a silence ends an answer."""
    if server:
        server.mark()
    client = Client(addr, settle, patience, source)
    first = settle * 2 if case.silent else patience
    try:
        for step in case.steps:
            client.step(step, first)
        last = case.steps[-1]
        if not client.connected:
            pass                # Client programs made their own.
        elif not isinstance(last, Wait):
            client.step(WAIT, first)
        elif last.whole:
            # Nothing more is to come, but the end of the connection may be.
            client.step(WAIT, settle * 2)
    finally:
        client.close()
    if server:
        client.seen.log = _log_of(server, case)
    return client.seen


def _log_of(server, case):
    """The application notes the end of our connection, too."""
    last = None
    # A quick client is gone before the application has noted its last answer.
    quiet = case.quiet or (0.5 if case.log else 0.02)
    end = time.monotonic() + (LONG if case.settled else 25 * quiet)
    while True:
        time.sleep(quiet)
        lines = server.lines()
        if ((lines == last or case.settled and not case.quiet)
                and (not case.settled or case.settled(lines))):
            break
        if time.monotonic() > end:
            break
        last = lines
    return case.log(lines) if case.log else lines


def revived(log):
    """For 'settled': a server that was started again is there again."""
    events = [line["event"] for line in log]
    return events.count("died") == events.count("listening")


def in_any_order(log):
    """For a client that is so quick that its next request may come before the
    end of the answer to the last one is noted."""
    return sorted(log, key=json.dumps)


def which_requests(log):
    """For a load generator, which sends as many as there is time for."""
    return in_any_order({json.dumps(line): line for line in log
                         if line.get("event") == "request"}.values())


VARYING = re.compile(rb"(?mi)^(Date|Expires): [^\r\n]*")


def normal(data, case=None):
    """'data' with what changes from second to second taken out, and what
    'case' says of its own."""
    data = VARYING.sub(rb"\1: *", data)
    for varying in case.varying if case else ():
        data = varying.sub(b"*", data)
    return data


def short(text, most=1500):
    """'text', or as much of it as one can read."""
    return (text if len(text) <= most else "%s [%d more] %s" % (
        text[:most // 2], len(text) - most, text[-(most // 2):]))


def compare(case, a, b, strict_end=False):
    """What differs between Seens 'a' and 'b' of 'case', in words.  FIN and
    RST count as alike unless 'strict_end': which of them a closing server's
    kernel sends depends on what it had not read by then."""
    differs = []
    if normal(a.bytes, case) != normal(b.bytes, case):
        differs.append("answer %s, not %s" % (short(repr(b.bytes)),
                                              short(repr(a.bytes))))
    elif [normal(x, case) for x in a.answers] != [normal(x, case)
                                                  for x in b.answers]:
        differs.append(LATER)
    if a.end != b.end:
        differs.append("connection %s, not %s" % (b.end, a.end))
    elif strict_end and a.how != b.how:
        differs.append("ended with %s, not %s" % (b.how, a.how))
    logs = [json.dumps(seen.log) for seen in (a, b)]
    if len({normal(log.encode(), case) for log in logs}) > 1:
        differs.append("application saw %s, not %s" % (short(logs[1]),
                                                       short(logs[0])))
    return differs


def flaw_shown(case, vulnerable, patched):
    """True if 'vulnerable' shows the flaw that 'case' is made to show."""
    if case.flaw:
        return bool(case.flaw(vulnerable))
    return bool(compare(case, patched, vulnerable))
