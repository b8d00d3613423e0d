# SPDX-License-Identifier: Apache-2.0
"""A private Open vSwitch with "VMs" in network namespaces.

Everything that this starts lives in a directory of its own (OVS_RUNDIR and
the like), so that the host's own Open vSwitch, if any, is left alone, and it
ends everything that it starts.  Standard library only; needs root, iproute2
and Debian's openvswitch-switch.

    with PrivateOvs() as ovs:
        ovs.add_bridge("br0")
        vm = ovs.add_vm("br0", "web", mac="52:54:00:00:00:01",
                        ips=["10.0.0.1/24"])
        with vm.popen(["python3", "-m", "http.server", "80"]):
            ...
"""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
DB_HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "../../ovsdb-schema/ovs-patchpoint-db")
SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"

# Bridges' datapath_type: "netdev", in userspace, or "system", the kernel's,
# of which each network namespace has its own.
DATAPATH = os.environ.get("PP_DATAPATH", "netdev")
VSWITCHD_OPTIONS = ["--disable-system-route"] + (
    ["--disable-system"] if DATAPATH == "netdev" else [])


class GotThrough(AssertionError):
    """What the product is there to stop has come about.  However busy the
    machine was, that must not be."""


class Failed(Exception):
    """A command failed, or something did not come about in time."""


def run(argv, check=True, timeout=30, text=True, **kwargs):
    """Runs a command to its end; returns its CompletedProcess."""
    env = dict(kwargs.pop("env", None) or os.environ)
    env["PATH"] = SBIN + ":" + env.get("PATH", "")
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=text, timeout=timeout, env=env, **kwargs)
    if check and p.returncode:
        raise Failed("%s: exit %d: %s%s"
                     % (" ".join(argv), p.returncode, p.stdout, p.stderr))
    return p


def interrupt_on(*signals):
    """Has each of 'signals' raise KeyboardInterrupt, once: a second one would
    interrupt the cleaning up.  (unittest takes all else for a test's own
    failure, and goes on.)"""
    def stop(*_):
        for sig in signals:
            signal.signal(sig, signal.SIG_IGN)
        raise KeyboardInterrupt

    for sig in signals:
        signal.signal(sig, stop)


def wait_for(what, condition, timeout=10, every=0.02):
    """Waits until condition() is true and returns that value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("not within %g s: %s" % (timeout, what))
        time.sleep(every)


class Vm:
    """A network namespace that plays a VM, plugged into a bridge."""

    def __init__(self, ovs, bridge, netns, ifname, mac, ips):
        self.ovs = ovs
        self.bridge = bridge
        self.netns = netns
        self.ifname = ifname        # The port on the switch.
        self.mac = mac
        self.ips = ips

    def argv(self, argv):
        return ["ip", "netns", "exec", self.netns] + argv

    def run(self, argv, **kwargs):
        return run(self.argv(argv), **kwargs)

    def popen(self, argv, **kwargs):
        """Starts a process in the VM; it is ended with the VM."""
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("start_new_session", True)
        p = subprocess.Popen(self.argv(argv), **kwargs)
        self.ovs.processes.append(p)
        return p

    @contextlib.contextmanager
    def inside(self):
        """Sockets made by this thread in the block are the VM's."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open("/run/netns/" + self.netns, os.O_RDONLY)
        try:
            _setns(there)
            yield
        finally:
            _setns(here)
            os.close(here)
            os.close(there)

    def connect(self, address, port, timeout=5):
        """A TCP connection from the VM."""
        with self.inside():
            return socket.create_connection((address, port), timeout)

    def listen(self, address, port, family=socket.AF_INET):
        """A TCP socket that listens in the VM."""
        with self.inside():
            s = socket.socket(family, socket.SOCK_STREAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, port))
            s.listen(64)
            return s

    def unplug(self):
        """Takes the port off the switch and the VM away."""
        self.ovs.vsctl("--if-exists", "del-port", self.ifname)
        run(["ip", "link", "del", self.ifname], check=False)
        run(["ip", "netns", "del", self.netns], check=False)
        if self in self.ovs.vms:
            self.ovs.vms.remove(self)


def _setns(fd):
    if hasattr(os, "setns"):
        os.setns(fd, 0x40000000)
    else:
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(fd, 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")


class PrivateOvs:
    """A private ovsdb-server and ovs-vswitchd, stock binaries.

    'tso': devices leave checksums and segments to others; in userspace that is
    with userspace-tso-enable.  'prefix': of names of namespaces and
    interfaces, so that runs side by side do not meet; at most four letters.
    """

    def __init__(self, tso=False, prefix="pp", directory=None):
        self.tso = tso
        self.prefix = "%s%x" % (prefix, os.getpid() & 0xffff)
        self.own_dir = directory is None
        self.dir = directory or tempfile.mkdtemp(prefix="pphost.")
        self.env = dict(os.environ, OVS_RUNDIR=self.dir, OVS_DBDIR=self.dir,
                        OVS_LOGDIR=self.dir, OVS_SYSCONFDIR=self.dir,
                        PATH=SBIN + ":" + os.environ.get("PATH", ""))
        self.db_sock = os.path.join(self.dir, "db.sock")
        self.processes = []
        self.vms = []
        self.links = []
        self.bridges = []
        self.ovsdb = self.vswitchd = self.control = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    # Starting and stopping.

    def start(self):
        atexit.register(self.stop)
        # Directories under /tmp are reached by daemons that drop root.
        os.chmod(self.dir, 0o755)
        db = os.path.join(self.dir, "conf.db")
        if not os.path.exists(db):
            run(["ovsdb-tool", "create", db, SCHEMA])
        self.start_ovsdb()
        self.vsctl("--no-wait", "init")
        if self.tso and DATAPATH == "netdev":
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                       "other_config:userspace-tso-enable=true")
        self.start_vswitchd()

    def _daemon(self, argv, name):
        log = open(os.path.join(self.dir, name + ".out"), "ab")
        with log:
            # A session of its own: ^C is for us, who end it in good order.
            return subprocess.Popen(argv, env=self.env, stdout=log,
                                    stderr=log, stdin=subprocess.DEVNULL,
                                    start_new_session=True)

    def start_ovsdb(self):
        self.ovsdb = self._daemon(
            ["ovsdb-server", os.path.join(self.dir, "conf.db"),
             "--remote=punix:" + self.db_sock, "--pidfile", "--log-file",
             "-vconsole:off", "--no-chdir"], "ovsdb-server")
        wait_for("ovsdb-server listens", lambda: run(
            ["ovs-vsctl", "--no-wait", "--timeout=2", "--db=unix:"
             + self.db_sock, "--no-syslog", "show"], check=False,
            env=self.env).returncode == 0)

    def start_vswitchd(self):
        # Open vSwitch 3.1 finds 0 CPU cores within 10 s of boot.
        with open("/proc/uptime") as f:
            up = float(f.read().split()[0])
        if up < 11:
            time.sleep(11 - up)
        self.vswitchd = self._daemon(
            ["ovs-vswitchd", "unix:" + self.db_sock, "--pidfile",
             "--log-file", "-vconsole:off", "--no-chdir"] + VSWITCHD_OPTIONS,
            "ovs-vswitchd")
        wait_for("ovs-vswitchd answers", lambda: self.appctl(
            "version", check=False).returncode == 0)

    @staticmethod
    def end(p, sig=signal.SIGTERM, timeout=10):
        if p is None or p.poll() is not None:
            return
        p.send_signal(sig)
        try:
            p.wait(timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()

    def stop(self):
        """Ends everything; may be called again when it was interrupted."""
        self.stop_control()
        self._end_left_over()
        for p in self.processes:
            self.end(p)
        self.processes = []
        for vm in list(self.vms):
            run(["ip", "link", "del", vm.ifname], check=False)
            run(["ip", "netns", "del", vm.netns], check=False)
        self.vms = []
        for link in self.links:
            run(["ip", "link", "del", link], check=False)
        self.links = []
        for bridge in self.bridges:
            if self.vswitchd is not None and self.vswitchd.poll() is None:
                self.vsctl("--if-exists", "del-br", bridge, check=False)
            if os.path.exists("/sys/class/net/" + bridge):
                run(["ip", "link", "del", bridge], check=False)
        self.bridges = []
        if DATAPATH == "system" and self.vswitchd is not None:
            # The kernel's datapath outlives it otherwise.
            self.appctl("exit", "--cleanup", check=False)
        self.end(self.vswitchd)
        self.end(self.ovsdb)
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)
        atexit.unregister(self.stop)

    def _end_left_over(self):
        """What an ovs-patchpointd that ended or was killed left: a process
        that drains, an engine, taps."""
        for name, sign in (("ovs-patchpointd.draining", "ovs-patchpointd"),
                           ("ovs-patchpoint-engine.pid", "--counters=")):
            try:
                with open(os.path.join(self.dir, name)) as f:
                    pid = int(f.read())
                with open("/proc/%d/cmdline" % pid) as f:
                    if sign in f.read():
                        os.kill(pid, signal.SIGKILL)
            except (OSError, ValueError):
                pass
        for bridge in self.bridges:
            dev = "pp-" + bridge
            if os.path.exists("/sys/class/net/" + dev):
                run(["ip", "link", "del", dev], check=False)

    # The usual tools.

    def run(self, argv, **kwargs):
        return run(argv, env=self.env, **kwargs)

    def vsctl(self, *args, check=True):
        p = self.run(["ovs-vsctl", "--timeout=15", "--no-syslog",
                      "--db=unix:" + self.db_sock] + list(args), check=check)
        return p.stdout.strip()

    def ofctl(self, *args, check=True):
        """ovs-ofctl, OpenFlow 1.3, the bridge's .mgmt; returns its output."""
        return self.run(["ovs-ofctl", "-O", "OpenFlow13"] + list(args),
                        check=check).stdout

    def appctl(self, *args, target="ovs-vswitchd", check=True, timeout=30):
        return self.run(["ovs-appctl", "-t", target] + list(args),
                        check=check, timeout=timeout)

    def get(self, table, record, column, key=None):
        """A column, or one key of a map; "" where there is none."""
        arg = column if key is None else column + ":" + key
        text = self.vsctl("--if-exists", "get", table, record, arg,
                          check=False)
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        return text

    def status(self, ifname):
        return self.get("Interface", ifname, "external_ids",
                        "patchpoint-status")

    def wait_status(self, ifname, begins, timeout=10):
        return wait_for(
            "status of %s begins with %r (is %r)"
            % (ifname, begins, self.status(ifname)),
            lambda: self.status(ifname).startswith(begins) and (
                self.status(ifname) or True), timeout)

    def flows(self, bridge):
        """All flows without their counters, sorted."""
        text = self.ofctl("--no-stats", "dump-flows", bridge)
        return sorted(line.strip() for line in text.splitlines()
                      if "actions=" in line)

    def groups(self, bridge):
        text = self.ofctl("dump-groups", bridge)
        return sorted(line.strip() for line in text.splitlines()
                      if "group_id=" in line)

    # Bridges and ports.

    def add_bridge(self, name):
        name = self.name(name)
        self.vsctl("add-br", name, "--", "set", "Bridge", name,
                   "datapath_type=" + DATAPATH)
        self.bridges.append(name)
        return name

    def name(self, short):
        """A name that is this run's alone."""
        name = "%s%s" % (self.prefix, short)
        if len(name) > 15:
            raise Failed("%s: longer than an interface name" % name)
        return name

    def add_link(self, short, *port_args, bridge=None):
        """A veth pair; the first end goes to the bridge.  Returns both."""
        a, b = self.name(short), self.name(short + "p")
        run(["ip", "link", "add", a, "type", "veth", "peer", "name", b])
        self.links.append(a)
        for dev in a, b:
            _quiet(dev)
            run(["ip", "link", "set", dev, "up"])
        if bridge:
            self.vsctl("add-port", bridge, a, *port_args)
        return a, b

    def add_vm(self, bridge, short, mac, ips, port_args=(), external_ids=None,
               plug=True, mtu=1500):
        """A VM: a namespace with a veth whose other end is on the bridge, as
        libvirt would set it (attached-mac and iface-id).  'port_args' are
        more arguments of "ovs-vsctl add-port", such as "tag=10"."""
        netns, dev = self.name(short), self.name(short)
        run(["ip", "netns", "add", netns])
        vm = Vm(self, bridge, netns, dev, mac, ips)
        self.vms.append(vm)
        run(["ip", "link", "add", dev, "mtu", str(mtu), "type", "veth",
             "peer", "name", "eth0", "netns", netns, "address", mac,
             "mtu", str(mtu)])
        _quiet(dev)
        set_offloads(dev, self.tso)
        set_offloads("eth0", self.tso, netns)
        vm.run(["sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
                "net.ipv6.conf.eth0.accept_dad=0",
                "net.ipv6.conf.eth0.accept_ra=0"], check=False)
        run(["ip", "link", "set", dev, "up"])
        vm.run(["ip", "link", "set", "lo", "up"])
        vm.run(["ip", "link", "set", "eth0", "up"])
        for ip in ips:
            argv = ["ip", "addr", "add", ip, "dev", "eth0"]
            vm.run(argv + (["nodad"] if ":" in ip else []))
        if plug:
            self.plug(vm, port_args, external_ids)
        return vm

    def plug(self, vm, port_args=(), external_ids=None):
        ids = {"attached-mac": vm.mac, "iface-id": vm.netns}
        ids.update(external_ids or {})
        self.vsctl("add-port", vm.bridge, vm.ifname, *port_args, "--", "set",
                   "Interface", vm.ifname,
                   *["external_ids:%s=\"%s\"" % item for item in ids.items()])

    # Our daemon.

    def start_control(self, program, engine, patches=(), args=(), wait=True,
                      db=False):
        """Starts ovs-patchpointd against this Open vSwitch.  'db': with the
        PatchPoint database, in the same server."""
        argv = [program, "unix:" + self.db_sock, "--engine=" + engine,
                "--pidfile", "--log-file", "-vconsole:off", "--no-chdir"]
        argv += ["--patches=" + p for p in patches]
        argv += ["--patchpoint-db-helper=" + os.path.normpath(DB_HELPER)
                 if db else "--no-patchpoint-db"]
        self.control = self._daemon(argv + list(args), "ovs-patchpointd")
        if wait:
            wait_for("ovs-patchpointd answers", lambda: (
                self.control.poll() is not None or self.appctl(
                    "version", target="ovs-patchpointd",
                    check=False).returncode == 0))
            if self.control.poll() is not None:
                raise Failed("ovs-patchpointd ended: "
                             + self.log("ovs-patchpointd.out"))
        return self.control

    def stop_control(self, sig=signal.SIGTERM):
        self.end(self.control, sig)
        self.control = None

    def state(self, most=12):
        """What to look at where a test has failed, 'most' lines of each: TCP
        in the VMs, what the switch has learned, its datapath flows, the
        connections in the engine, the ends of the logs."""
        def answer(argv):
            try:
                p = self.run(argv, check=False, timeout=10)
                return p.stdout + p.stderr
            except (OSError, subprocess.SubprocessError) as e:
                return str(e)

        appctl = ["ovs-appctl", "-T", "5", "-t"]
        parts = [("ss in " + vm.netns, answer(vm.argv(["ss", "-Htanoi"])))
                 for vm in self.vms[:4]]
        parts += [("fdb/show " + bridge, answer(
            appctl + ["ovs-vswitchd", "fdb/show", bridge]))
            for bridge in self.bridges[:2]]
        parts += [
            ("dpctl/dump-flows", answer(
                appctl + ["ovs-vswitchd", "dpctl/dump-flows"])),
            ("conn/list", answer(appctl + ["ovs-patchpointd", "conn/list"])),
        ]
        lines = []
        for title, text in parts:
            lines += [title + ":"] + ["  " + line[:300] for line
                                      in text.splitlines()[:most]]
        for name in "ovs-patchpointd.log", "ovs-vswitchd.log":
            lines += [name + ":"] + ["  " + line[:300] for line
                                     in self.log(name).splitlines()[-most:]]
        return "\n".join(lines)

    def log(self, name="ovs-patchpointd.log"):
        try:
            with open(os.path.join(self.dir, name)) as f:
                return f.read()
        except FileNotFoundError:
            return ""


def _quiet(dev):
    run(["sysctl", "-qw", "net.ipv6.conf.%s.disable_ipv6=1" % dev],
        check=False)


def set_offloads(dev, on, netns=None):
    """Without userspace TSO the userspace datapath needs whole checksums and
    frames no longer than the MTU from veth; with it, neither."""
    argv = ["ethtool", "-K", dev]
    for f in "tx", "tso", "gso", "gro":
        argv += [f, "on" if on else "off"]
    if netns:
        argv = ["ip", "netns", "exec", netns] + argv
    if shutil.which("ethtool", path=SBIN):
        run(argv, check=False)
    else:
        _ethtool_ioctl(dev, on, netns)


def _ethtool_ioctl(dev, on, netns):
    """The same where there is no ethtool: ETHTOOL_STXCSUM and so on."""
    code = (
        "import socket,fcntl,struct,array\n"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
        "for c in (0x17,0x1f,0x24,0x2c):\n"
        "  v=array.array('B',struct.pack('II',c,%d))\n"
        "  r=struct.pack('16sP',%r,v.buffer_info()[0])\n"
        "  try: fcntl.ioctl(s,0x8946,r.ljust(40,b'\\0'))\n"
        "  except OSError: pass\n" % (int(on), dev.encode()))
    argv = ["python3", "-c", code]
    if netns:
        argv = ["ip", "netns", "exec", netns] + argv
    run(argv, check=False)
