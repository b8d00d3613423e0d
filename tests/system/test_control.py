# SPDX-License-Identifier: Apache-2.0
"""Control and the switch: the redirect with an engine that only copies
(tests/bench/pp-hop), its coming, going, and being put back.

$PP_BUILDDIR says where the programs were built (default: the top of the
tree)."""

import contextlib
import glob
import hashlib
import os
import re
import shutil
import select
import signal
import socket
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from pphost import Failed, PrivateOvs, run, wait_for        # noqa: E402
import pphost                                               # noqa: E402

BUILD = os.environ.get("PP_BUILDDIR", TOP)
DAEMON = os.path.join(BUILD, "ovs-patchpoint/control/ovs-patchpointd")
HOP = os.path.join(BUILD, "tests/bench/pp-hop")

COOKIE = "0x5061746368506f69"
SERVER_MAC = "52:54:00:00:00:01"
CLIENT_MAC = "52:54:00:00:00:02"

PATCH = """\
patch: CVE-2014-3744
title: Path traversal through percent-encoded dot segments in st
vendor: https://github.com/isaacs/st/
affects: [{ product: npm/st, versions: "< 0.2.5" }]
severity: 7.5
proxy: http
on: request
when: escapes_root(percent_decode(path))
correct: reject 404
same-as-vendor: >
  A stand-in for the real one.
vectors:
  - exploit: encoded dot segments
    to-server: "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
    expect: { to-client: "HTTP/1.1 404 Not Found\\r\\n\\r\\n", to-server: "" }
  - benign: dots that stay inside
    to-server: "GET /a/%2e%2e/b HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
"""


class Case(unittest.TestCase):
    """One private switch with a server and a client for each class."""

    tso = False

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.ovs = cls.stack.enter_context(
            PrivateOvs(tso=cls.tso, prefix="ppc"))
        cls.addClassCleanup(cls.stack.close)
        cls.patches = os.path.join(cls.ovs.dir, "patches")
        os.mkdir(cls.patches)
        cls.write_patch(PATCH)
        cls.br = cls.ovs.add_bridge("b")
        cls.srv = cls.ovs.add_vm(cls.br, "s", SERVER_MAC,
                                 ["10.0.0.1/24", "fd00::1/64"])
        cls.cli = cls.ovs.add_vm(cls.br, "c", CLIENT_MAC,
                                 ["10.0.0.2/24", "fd00::2/64"])
        cls.clean = cls.picture()

    @classmethod
    def write_patch(cls, text, name="CVE-2014-3744.yaml"):
        with open(os.path.join(cls.patches, name), "w") as f:
            f.write(text)

    @classmethod
    def picture(cls):
        """All that we could leave behind."""
        return (cls.ovs.flows(cls.br), cls.ovs.groups(cls.br),
                sorted(cls.ovs.vsctl("list-ports", cls.br).split()),
                sorted(os.path.basename(p)
                       for p in glob.glob("/sys/class/net/pp*")
                       if os.path.basename(p).startswith(
                           "pp-" + cls.ovs.prefix)),
                re.findall("patchpoint-status", cls.ovs.vsctl(
                    "--columns=external_ids", "list", "Interface")))

    def setUp(self):
        self.addCleanup(self.after)
        self.ovs.start_control(DAEMON, HOP, [self.patches],
                               ["--engine-user=nobody"])

    def after(self):
        self.ovs.stop_control()
        for table, row in (("Open_vSwitch", "."), ("Bridge", self.br),
                           ("Interface", self.srv.ifname),
                           ("Interface", self.cli.ifname)):
            for key in "policy", "mode", "fail", "ports":
                self.ovs.vsctl("--if-exists", "remove", table, row,
                               "external_ids", "patchpoint-" + key)

    def set(self, key, value, table="Interface", row=None):
        self.ovs.vsctl("set", table, row or self.srv.ifname,
                       "external_ids:patchpoint-%s=\"%s\"" % (key, value))

    def unset(self, key, table="Interface", row=None):
        self.ovs.vsctl("remove", table, row or self.srv.ifname,
                       "external_ids", "patchpoint-" + key)

    def protect(self, **keys):
        for key, value in keys.items():
            self.set(key, value)
        self.set("policy", "all")
        self.ovs.wait_status(self.srv.ifname, "protected")

    def wait_clean(self):
        wait_for("the switch is as before", lambda:
                 self.picture() == self.clean, 5)

    def appctl(self, *args, check=True):
        return self.ovs.appctl(*args, target="ovs-patchpointd", check=check)

    def counter(self, name):
        text = self.appctl("stats/show").stdout
        return int(re.search(r"^%s +(\d+)" % name, text, re.M).group(1))

    def engine_pid(self):
        text = self.appctl("pipeline/show").stdout
        m = re.search(r"^engine: running, pid (\d+)", text)
        return int(m.group(1)) if m else 0

    @staticmethod
    def is_running(pid):
        try:
            with open("/proc/%d/stat" % pid) as f:
                return f.read().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def serve(self, address="10.0.0.1", port=80, vm=None):
        """An echo server for one connection."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = (vm or self.srv).listen(address, port, family)

        def loop():
            try:
                conn, _ = listener.accept()
                listener.close()
                with conn:
                    while True:
                        data = conn.recv(65536)
                        if not data:
                            break
                        conn.sendall(data)
            except OSError:
                pass
        threading.Thread(target=loop, daemon=True).start()

    def echo(self, conn, n, chunk=65536, pause=None):
        """Sends 'n' bytes, reads them back; true if they are the same."""
        sent, got = hashlib.sha256(), hashlib.sha256()
        block = os.urandom(chunk)
        left_out, left_in = n, n
        conn.setblocking(False)
        end = time.monotonic() + 30
        while left_in:
            if time.monotonic() > end:
                raise Failed("%d of %d bytes did not come back"
                             % (left_in, n))
            r, w, _ = select.select([conn], [conn] if left_out else [], [],
                                    1)
            if w:
                k = conn.send(block[:min(left_out, chunk)])
                sent.update(block[:k])
                left_out -= k
            if r:
                data = conn.recv(65536)
                if not data:
                    raise Failed("closed with %d bytes to come" % left_in)
                got.update(data)
                left_in -= len(data)
            if pause:
                pause(n - left_in)
        conn.setblocking(True)
        return sent.digest() == got.digest()

    def trip(self, address="10.0.0.1", port=80, n=200000):
        self.serve(address, port)
        with self.cli.connect(address, port) as conn:
            self.assertTrue(self.echo(conn, n))

    def seen(self, *args, **kwargs):
        """Does a trip go through the engine?"""
        before = self.frames()
        self.trip(*args, **kwargs)
        return self.frames() > before

    def frames(self):
        """What the engine has got, once the last connection's end is there."""
        counts = []

        def settled():
            counts.append(self.counter("packet_in_frames"))
            return len(counts) > 1 and counts[-1] == counts[-2]
        wait_for("no more frames come", settled, every=0.1)
        return counts[-1]


class Redirect(Case):
    def test_nothing_without_keys(self):
        """With no key set nothing on the host is changed."""
        time.sleep(0.3)
        self.assertEqual(self.picture(), self.clean)
        self.trip()

    def test_protect_and_back(self):
        """One command protects, IPv4 and IPv6; removing it leaves nothing."""
        begin = time.monotonic()
        self.protect()
        print("# command to protected: %.0f ms"
              % ((time.monotonic() - begin) * 1000))
        self.assertTrue(self.seen())
        self.assertTrue(self.seen("fd00::1"))
        self.assertFalse(self.seen(port=22))
        self.assertEqual(self.counter("packet_in_no_tag"), 0)
        self.unset("policy")
        self.wait_clean()
        self.trip()

    def test_flow_count(self):
        """At most 4 flows a VM, 4 a (policy, port), 3 another slot."""
        self.set("ports", "http:80,8000")
        self.protect()
        flows = [f for f in self.ovs.flows(self.br) if COOKIE in f]
        self.assertLessEqual(len(flows), 4 * 1 + 4 * 2 + 3 * 2 + 30)
        self.set("ports", "http:80,8000", "Interface", self.cli.ifname)
        self.set("policy", "all", "Interface", self.cli.ifname)
        self.ovs.wait_status(self.cli.ifname, "protected")
        more = [f for f in self.ovs.flows(self.br) if COOKIE in f]
        # The other VM had a slot's three flows already.
        self.assertEqual(len(more) - len(flows), 2)

    def test_put_back(self):
        """Flows and groups that another deletes are put back at once."""
        self.protect()

        def ours():
            # Those of what listens come and go by themselves.
            return ([f for f in self.ovs.flows(self.br) if COOKIE in f],
                    self.ovs.groups(self.br))
        want = ours()
        self.ovs.ofctl("add-flow", self.br,
                       "cookie=0x77,table=7,tcp,tp_dst=7 actions=drop")
        self.addCleanup(self.ovs.ofctl, "del-flows", self.br, "table=7")
        for what in (["del-flows", self.br, "cookie=%s/-1" % COOKIE],
                     ["del-flows", self.br, "table=201"],
                     ["del-groups", self.br]):
            begin = time.monotonic()
            self.ovs.ofctl(*what)
            wait_for("flows are back", lambda: ours() == want, 5, 0.005)
            print("# %s: back within %.0f ms, ovs-ofctl's own time included"
                  % (what[0], (time.monotonic() - begin) * 1000))
            self.assertTrue(self.seen())
        self.assertIn("put back after", self.ovs.log())
        print("#", re.findall("put back after [0-9]+ ms", self.ovs.log()))
        self.assertTrue(any("0x77" in f for f in self.ovs.flows(self.br)))

    def test_replaced_flow(self):
        """A flow that another puts in place of ours is put right."""
        self.protect()
        want = self.ovs.flows(self.br)
        one = next(f for f in want if "dl_dst=" + SERVER_MAC in f)
        match = one.split(", ", 1)[1].split(" actions=")[0]
        self.ovs.ofctl("add-flow", self.br, match + " actions=drop")
        wait_for("ours is back", lambda: self.ovs.flows(self.br) == want)

    def test_engine_killed(self):
        """kill -9 of the engine cuts no connection; it comes back."""
        self.protect()
        self.serve()
        killed = []

        def pause(done):
            if done > 2000000 and not killed:
                killed.append(self.engine_pid())
                os.kill(killed[0], signal.SIGKILL)
        with self.cli.connect("10.0.0.1", 80) as conn:
            self.assertTrue(self.echo(conn, 20000000, pause=pause))
        wait_for("the engine is back",
                 lambda: self.engine_pid() not in (0, killed[0]))
        self.ovs.wait_status(self.srv.ifname, "protected")
        self.assertTrue(self.seen())

    def test_engine_hangs(self):
        """An engine whose heart stops is replaced."""
        self.protect()
        pid = self.engine_pid()
        os.kill(pid, signal.SIGSTOP)
        wait_for("another engine", lambda: self.engine_pid() not in (0, pid),
                 8)
        self.assertIn("hangs", self.ovs.log())
        self.ovs.wait_status(self.srv.ifname, "protected")
        self.assertTrue(self.seen())

    def test_fail_closed(self):
        """With patchpoint-fail=closed and no engine, frames are dropped."""
        self.protect(fail="closed")
        self.assertTrue(self.seen())
        self.serve()
        conn = self.cli.connect("10.0.0.1", 80)
        self.addCleanup(conn.close)
        pid = self.engine_pid()
        for _ in range(3):
            old = pid
            os.kill(old, signal.SIGKILL)
            pid = wait_for("another engine", lambda: self.engine_pid() not in
                           (0, None, old) and self.engine_pid())
        self.ovs.wait_status(self.srv.ifname, "protected")
        self.assertTrue(self.echo(conn, 1000))

    def test_no_engine_any_more(self):
        """An engine that does not come back: open passes, closed drops."""
        self.ovs.stop_control()
        engine = os.path.join(self.ovs.dir, "engine")

        def be(program):
            shutil.copy(program, engine + ".new")
            os.rename(engine + ".new", engine)
        be(HOP)
        self.ovs.start_control(DAEMON, engine, [self.patches],
                               ["--engine-user=nobody"])
        for fail, words in ("open", "passes directly"), ("closed",
                                                         "is dropped"):
            self.protect(fail=fail)
            self.assertTrue(self.seen())
            be("/bin/false")
            os.kill(self.engine_pid(), signal.SIGKILL)
            wait_for("it exits", lambda: "exited with status 1)" in
                     self.ovs.status(self.srv.ifname))
            status = self.ovs.status(self.srv.ifname)
            self.assertTrue(status.startswith("uninspected: "))
            self.assertIn(words, status)
            if fail == "open":
                self.trip()
            else:
                with self.assertRaises(OSError):
                    self.serve(port=8000)
                    self.cli.connect("10.0.0.1", 8000, 2)
                # What is not the policy's passes.
                self.trip(port=22)
            be(HOP)
            self.ovs.wait_status(self.srv.ifname, "protected", 15)
            self.assertTrue(self.seen())

    def test_fragments(self):
        """IP fragments to and from a protected VM go to the engine."""
        self.protect()
        tap = self.ovs.get("Interface", "pp-" + self.br, "ofport")
        port = {vm: self.ovs.get("Interface", vm.ifname, "ofport")
                for vm in (self.srv, self.cli)}

        def trace(vm, match):
            text = self.ovs.appctl(
                "ofproto/trace", self.br,
                "in_port=%s,%s" % (port[vm], match)).stdout
            return "output:" + tap in text
        to = "dl_dst=%s,dl_src=%s" % (SERVER_MAC, CLIENT_MAC)
        back = "dl_dst=%s,dl_src=%s" % (CLIENT_MAC, SERVER_MAC)
        self.assertTrue(trace(self.cli, "tcp,%s,nw_frag=later" % to))
        self.assertTrue(trace(self.cli, "tcp,%s,nw_frag=first" % to))
        self.assertTrue(trace(self.srv, "tcp,%s,nw_frag=later" % back))
        self.assertTrue(trace(self.cli, "ipv6,nw_proto=17,%s,nw_frag=later"
                              % to))
        self.assertFalse(trace(self.cli, "udp,%s,nw_frag=later" % to))
        self.assertFalse(trace(self.cli, "tcp,%s,tp_dst=22" % to))

    def test_plugged_later(self):
        """Policy on Open_vSwitch: a new VM is protected with nobody acting."""
        self.set("policy", "all", "Open_vSwitch", ".")
        self.ovs.wait_status(self.srv.ifname, "protected")
        vm = self.ovs.add_vm(self.br, "n", "52:54:00:00:00:03",
                             ["10.0.0.3/24"], plug=False)
        self.addCleanup(vm.unplug)
        begin = time.monotonic()
        self.ovs.plug(vm)
        self.ovs.wait_status(vm.ifname, "protected")
        print("# plug to protected: %.0f ms, ovs-vsctl's own time included"
              % ((time.monotonic() - begin) * 1000))
        before = self.counter("packet_in_frames")
        self.serve("10.0.0.3", vm=vm)
        with self.cli.connect("10.0.0.3", 80) as conn:
            self.assertTrue(self.echo(conn, 1000))
        self.assertGreater(self.counter("packet_in_frames"), before)

    def test_sigterm(self):
        """SIGTERM takes all away and cuts no connection."""
        self.protect()
        self.serve()
        with self.cli.connect("10.0.0.1", 80) as conn:
            self.assertTrue(self.echo(conn, 1000))
            control = self.ovs.control
            self.ovs.stop_control()
            self.assertEqual(control.returncode, 0)
            self.assertTrue(self.echo(conn, 1000))
        self.unset("policy")
        self.assertEqual(self.picture(), self.clean)

    def test_control_killed(self):
        """kill -9 of control: all goes on; the next one takes over."""
        self.protect()
        self.serve()
        engine = self.engine_pid()
        with self.cli.connect("10.0.0.1", 80) as conn:
            self.ovs.stop_control(signal.SIGKILL)
            self.assertTrue(self.echo(conn, 100000))
            self.ovs.start_control(DAEMON, HOP, [self.patches],
                                   ["--engine-user=nobody"])
            self.assertTrue(self.echo(conn, 100000))
            wait_for("another engine",
                     lambda: self.engine_pid() not in (0, engine))
            self.ovs.wait_status(self.srv.ifname, "protected")
            self.assertTrue(self.echo(conn, 100000))
        self.assertFalse(self.is_running(engine))
        self.assertTrue(self.seen())

    def test_control_killed_policy_gone(self):
        """What a killed control left is removed when it is not wanted."""
        self.protect()
        engine = self.engine_pid()
        self.ovs.stop_control(signal.SIGKILL)
        self.unset("policy")
        self.ovs.start_control(DAEMON, HOP, [self.patches],
                               ["--engine-user=nobody"])
        self.wait_clean()
        with contextlib.suppress(ProcessLookupError):
            os.kill(engine, signal.SIGKILL)

    def carrier_losses(self):
        """How often the tap has lost its carrier."""
        with open("/sys/class/net/pp-%s/carrier_down_count" % self.br,
                  encoding="ascii") as f:
            return int(f.read())

    def test_restart(self):
        """exit --restart leaves switch and engine at work."""
        self.protect()
        engine = self.engine_pid()
        self.appctl("exit", "--restart")
        self.ovs.stop_control()
        frames = self.ovs.flows(self.br)
        self.assertTrue(any(COOKIE in f for f in frames))
        self.trip()
        self.assertTrue(self.is_running(engine))
        losses = self.carrier_losses()
        self.ovs.start_control(DAEMON, HOP, [self.patches],
                               ["--engine-user=nobody"])
        wait_for("another engine",
                 lambda: self.engine_pid() not in (0, engine))
        self.ovs.wait_status(self.srv.ifname, "protected")
        self.assertTrue(self.seen())
        # Else the switch would have led frames past it.
        self.assertEqual(self.carrier_losses(), losses)
        os.kill(self.engine_pid(), signal.SIGKILL)
        wait_for("the carrier is lost",
                 lambda: self.carrier_losses() > losses)

    def test_vswitchd_restarts(self):
        """ovs-vswitchd restarts: everything is put back."""
        self.protect()
        self.ovs.end(self.ovs.vswitchd)
        wait_for("not protected", lambda: not self.ovs.status(
            self.srv.ifname).startswith("protected"))
        self.ovs.start_vswitchd()
        self.ovs.wait_status(self.srv.ifname, "protected", 20)
        self.assertTrue(self.seen())

    def test_ovsdb_restarts(self):
        """ovsdb-server restarts: nothing is cut, changes come through."""
        # While it is away, stock ovs-vswitchd does not run its bridges, and
        # so no userspace datapath without PMD threads.
        self.protect()
        self.serve()
        with self.cli.connect("10.0.0.1", 80) as conn:
            self.ovs.end(self.ovs.ovsdb)
            self.ovs.start_ovsdb()
            self.assertTrue(self.echo(conn, 100000))
        self.assertTrue(self.seen())
        self.unset("policy")
        wait_for("the switch is as before", lambda:
                 self.picture() == self.clean, 15)

    def test_foreign_keys_stay(self):
        """Others' keys in external_ids are left alone."""
        self.protect()
        self.ovs.vsctl("set", "Interface", self.srv.ifname,
                       "external_ids:foo=bar")
        self.unset("policy")
        self.wait_clean()
        ids = self.ovs.get("Interface", self.srv.ifname, "external_ids")
        self.assertIn("foo=bar", ids)
        self.assertIn("attached-mac", ids)


class RedirectTso(Redirect):
    tso = True


class BadInput(Case):
    def test_unknown_policy(self):
        """An unknown name: status says where; what was in force stays."""
        self.protect()
        self.set("policy", "CVE-1999-0001")
        status = self.ovs.wait_status(self.srv.ifname, "error: ")
        status = self.ovs.status(self.srv.ifname)
        self.assertIn("CVE-1999-0001", status)
        self.assertIn("Interface " + self.srv.ifname, status)
        self.assertIn("what was in force before stays: protected", status)
        self.assertTrue(self.seen())
        self.assertEqual(len(re.findall("CVE-1999-0001.*stays in force",
                                        self.ovs.log())), 1)
        self.set("policy", "all")
        self.ovs.wait_status(self.srv.ifname, "protected")

    def test_bad_values(self):
        """Wrong mode, fail and ports are named with the row they are in."""
        for key, value, words in (
                ("mode", "enforced", "enforce, monitor and off"),
                ("fail", "shut", "open and closed"),
                ("ports", "http:99999", "1 to 65535"),
                ("ports", "htp:80", "no proxy called"),
                ("ports", "80", "PROXY:PORT")):
            self.set(key, value, "Bridge", self.br)
            self.set("policy", "all")
            self.ovs.wait_status(self.srv.ifname, "error: ")
            status = self.ovs.status(self.srv.ifname)
            self.assertIn("patchpoint-%s=%s" % (key, value), status)
            self.assertIn("Bridge " + self.br, status)
            self.assertIn(words, status)
            self.assertIn("patchpoint-%s=%s" % (key, value), self.ovs.get(
                "Bridge", self.br, "external_ids", "patchpoint-status"))
            self.unset(key, "Bridge", self.br)
            self.unset("policy")
        self.wait_clean()

    def test_modes(self):
        """monitor says so; off and none protect nothing."""
        self.protect()
        self.set("mode", "monitor")
        self.ovs.wait_status(self.srv.ifname, "monitored")
        self.assertTrue(self.seen())
        self.set("mode", "off")
        self.ovs.wait_status(self.srv.ifname, "uninspected")
        wait_for("no flows", lambda: not any(
            COOKIE in f for f in self.ovs.flows(self.br)))
        self.unset("mode")
        self.set("policy", "none")
        self.ovs.wait_status(self.srv.ifname, "uninspected")

    def test_more_specific_wins(self):
        """Interface over Bridge over Open_vSwitch, key by key."""
        self.set("policy", "all", "Open_vSwitch", ".")
        self.set("policy", "none", "Bridge", self.br)
        self.ovs.wait_status(self.srv.ifname, "uninspected")
        self.set("policy", "st")
        self.ovs.wait_status(self.srv.ifname, "protected")
        self.ovs.wait_status(self.cli.ifname, "uninspected")

    def test_reload(self):
        """A broken file on patch/reload: place and reason; nothing else."""
        self.protect()
        self.write_patch(PATCH.replace("path))", "pathh))"))
        p = self.appctl("patch/reload", check=False)
        self.assertNotEqual(p.returncode, 0)
        self.assertRegex(p.stderr, r"CVE-2014-3744\.yaml:8:\d+: ")
        self.assertIn("stay in force", p.stderr)
        self.assertTrue(self.seen())
        # A vector that fails.
        self.write_patch(PATCH.replace("reject 404", "reject 403"))
        p = self.appctl("patch/reload", check=False)
        self.assertNotEqual(p.returncode, 0)
        self.assertRegex(p.stderr, r"CVE-2014-3744\.yaml:\d+")
        self.write_patch(PATCH)
        self.assertIn("1 patches", self.appctl("patch/reload").stdout)
        self.ovs.wait_status(self.srv.ifname, "protected")

    def test_second_daemon(self):
        """A second daemon on the host refuses, whatever its pid file."""
        self.protect()
        for args in (["--pidfile"], ["--pidfile=" + os.path.join(
                self.ovs.dir, "second.pid")]):
            p = run([DAEMON, "unix:" + self.ovs.db_sock, "--engine=" + HOP,
                     "--engine-user=nobody", "--patches=" + self.patches,
                     "--unixctl=" + os.path.join(self.ovs.dir, "2.ctl"),
                     "--no-chdir"] + args, check=False, env=self.ovs.env,
                    timeout=20)
            self.assertEqual(p.returncode, 1, p.stderr)
            self.assertRegex(p.stderr, "another ovs-patchpointd|"
                             "already running|already locked")
        self.assertTrue(self.seen())

    def test_no_engine(self):
        """No engine, or no such user: said at once."""
        for args, words in (
                (["--engine=/nonexistent"], "cannot be run"),
                (["--engine=" + HOP, "--engine-user=nosuchuser"],
                 "does not exist")):
            p = run([DAEMON, "unix:" + self.ovs.db_sock] + args,
                    check=False, env=self.ovs.env)
            self.assertEqual(p.returncode, 1)
            self.assertIn(words, p.stderr)

    def test_no_database_at_start(self):
        """No database at the start: it waits, says so, and takes up."""
        self.ovs.stop_control()
        self.ovs.end(self.ovs.ovsdb)
        self.ovs.start_control(DAEMON, HOP, [self.patches],
                               ["--engine-user=nobody"])
        wait_for("it says that it waits",
                 lambda: "waiting for it" in self.ovs.log())
        # It can be told to go even so.
        control = self.ovs.control
        self.ovs.stop_control()
        self.assertEqual(control.returncode, 0)
        self.ovs.start_control(DAEMON, HOP, [self.patches],
                               ["--engine-user=nobody"])
        self.ovs.start_ovsdb()
        self.set("policy", "all")
        self.ovs.wait_status(self.srv.ifname, "protected", 15)
        self.assertTrue(self.seen())

    def test_bridge_deleted(self):
        """A bridge deleted while in use: no trace, and on it goes."""
        br = self.ovs.add_bridge("x")
        vm = self.ovs.add_vm(br, "y", "52:54:00:00:00:07", ["10.9.0.1/24"])
        self.set("policy", "all", "Interface", vm.ifname)
        self.protect()
        self.ovs.wait_status(vm.ifname, "protected")
        self.ovs.vsctl("del-br", br)
        wait_for("its tap is gone", lambda: not os.path.exists(
            "/sys/class/net/pp-" + br), 5)
        self.assertNotIn("pp-" + br, self.appctl("pipeline/show").stdout)
        self.assertTrue(self.seen())
        vm.unplug()

    def test_double_mac(self):
        """Two servers with one address: the second is told."""
        vm = self.ovs.add_vm(self.br, "z", SERVER_MAC, ["10.0.0.9/24"])
        self.addCleanup(vm.unplug)
        self.set("policy", "all", "Interface", vm.ifname)
        self.protect()
        self.ovs.wait_status(vm.ifname, "error")
        self.assertIn(SERVER_MAC, self.ovs.status(vm.ifname))


class Vlan(Case):
    """A server on an access port, clients behind a tagged uplink: another
    bridge, over a veth pair that carries tagged frames."""

    def test_tagged_uplink(self):
        """Tagged frames go and come back with their tag, known or not."""
        br2 = self.ovs.add_bridge("b2")
        up, down = self.ovs.add_link("u")
        for dev in up, down:
            pphost.set_offloads(dev, self.tso)
        self.ovs.vsctl("add-port", self.br, up, "--", "add-port", br2, down)
        for vlan, mac in ((10, "52:54:00:00:0a:02"),
                          (20, "52:54:00:00:14:02")):
            vm = self.ovs.add_vm(br2, "c%d" % vlan, mac, [
                "10.0.0.%d/24" % vlan], ["tag=%d" % vlan])
            self.addCleanup(vm.unplug)
            if vlan == 20:
                # Nothing in the database says that the server is there: a
                # controller moves VLAN 20 of the uplink to VLAN 10.
                port = self.ovs.get("Interface", up, "ofport")
                self.ovs.ofctl("add-flow", self.br, "priority=7,in_port=%s,"
                               "dl_vlan=20 actions=mod_vlan_vid:10,NORMAL"
                               % port)
                sport = self.ovs.get("Interface", self.srv.ifname, "ofport")
                self.ovs.ofctl("add-flow", self.br, "priority=7,in_port=%s,"
                               "dl_dst=%s actions=push_vlan:0x8100,"
                               "set_field:4116->vlan_vid,output:%s"
                               % (sport, mac, port))
            self.ovs.vsctl("set", "Port", self.srv.ifname, "tag=10")
            self.set("policy", "all")
            self.ovs.wait_status(self.srv.ifname, "protected")
            for attempt in range(2):
                before = self.counter("packet_in_frames")
                self.serve("10.0.0.1")
                with vm.connect("10.0.0.1", 80) as conn:
                    self.assertTrue(self.echo(conn, 300000))
                # The first one in a VLAN that nobody expected is seen, too,
                # from its SYN on, which is sent again.
                self.assertGreater(self.counter("packet_in_frames"), before)
        self.assertEqual(self.counter("flow_midstream"), 0)
        text = self.appctl("pipeline/show").stdout
        self.assertIn("VLAN 10", text)
        self.assertIn("VLAN 20", text)

    def after(self):
        super().after()
        self.ovs.vsctl("clear", "Port", self.srv.ifname, "tag")
        self.ovs.ofctl("--strict", "del-flows", self.br, check=False)


class VlanTso(Vlan):
    tso = True


if __name__ == "__main__":
    import private
    private.enter()
    unittest.main(verbosity=2)
