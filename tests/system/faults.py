#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to connections when things fail: each fault of a table, on a
private Open vSwitch of its own, under load of which every byte is checked.
Started by "./quickstart faults", which builds and installs what this needs.

    faults.py [--json FILE] [--keep-logs FOLDER] [FAULT...]

Before each fault, ten connections are in use: transfers up and down and
requests, plain ones and ones that carry corrections; new ones come all the
time, each with an exploit.  The client runs on after the fault is over.

"stopped" is the longest time from the fault on in which a connection saw no
byte, over all connections.  "uninspected" is how long exploits on new
connections got through: from the last one before that was corrected to the
last one that was not.  A connection is broken if it was closed or reset, if it
carried one wrong byte, or if it came to a stop.  The exit code is 0 if none
is."""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import echoload                                             # noqa: E402
import netload                                              # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import private                                              # noqa: E402
from pplab import wait_for                                  # noqa: E402

PORT = 8000
PROBE_SECONDS = 0.025           # From one new connection to the next.
BEFORE_SECONDS = 1.5            # Load without a fault.
DURING_SECONDS = 3              # How long a lasting fault lasts.
AFTER_SECONDS = 2               # Load after it is over.
RECOVERY_SECONDS = 30
CTL = "/usr/share/openvswitch/scripts/ovs-ctl"


class Detached:
    """A daemon that is no child of ours, as subprocess.Popen has it."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        try:
            with open("/proc/%d/stat" % self.pid) as f:
                return 0 if f.read().rsplit(")")[1].split()[0] == "Z" else None
        except OSError:
            return 0

    def send_signal(self, sig):
        os.kill(self.pid, sig)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout=10):
        wait_for("process %d ends" % self.pid,
                 lambda: self.poll() is not None, timeout)
        return 0


class FaultLab(pplab.Lab):
    """One protected VM that runs echoload's server, and a client.  All that
    it writes is on a file system of its own, which can be full."""

    def __init__(self, clock=False):
        super().__init__()
        pphost.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs",
                    self.dir])
        self.clock = clock and self.make_clock()

    def make_clock(self):
        """Has all that is started here read a clock that we can set."""
        library = os.path.join(self.dir, "clock.so")
        clock = os.path.join(self.dir, "clock")
        with open(clock, "wb") as f:
            f.write(bytes(8))
        pphost.run(["cc", "-shared", "-fPIC", "-O", "-o", library,
                    os.path.join(pplab.HERE, "clock.c"), "-ldl"])
        self.env.update(LD_PRELOAD=library, PP_CLOCK=clock)
        return clock

    def set_clock(self, seconds):
        with open(self.clock, "r+b") as f:
            f.write(struct.pack("q", seconds))

    def start(self):
        super().start()
        self.patches = [os.path.join(self.dir, "patches")]
        os.mkdir(self.patches[0])
        for i, text in enumerate(netload.PATCHES):
            self.write_patch(i, text)
        self.client = self.add_client()
        self.vm = self.add_server_vm("a", 1)
        self.serve_echo(self.vm)
        self.start_daemon(patches=self.patches)
        self.protect(self.vm, "all", ports="http:%d" % PORT)
        self.engine_since = time.monotonic()

    def stop(self):
        super().stop()
        if os.path.ismount(self.dir):
            pphost.run(["umount", "-l", self.dir], check=False)
            shutil.rmtree(self.dir, ignore_errors=True)

    def write_patch(self, i, text):
        """Puts a file in place as a whole."""
        name = os.path.join(self.patches[0], "CVE-2099-%04d.yaml" % (i + 1))
        with open(name + ".new", "w") as f:
            f.write(text)
        os.rename(name + ".new", name)

    def serve_echo(self, vm):
        host = pplab.address(vm)
        vm.server = vm.popen([sys.executable,
                              os.path.join(pplab.HERE, "echoload.py"), host,
                              str(PORT)])
        wait_for("the server listens",
                 lambda: pplab.answers(vm, host, PORT))

    def count_flows(self):
        """Flows of ours; but those of single connections, which come and
        go."""
        return sum("cookie=0x5061746368506f69" in f and "priority=50," not in f
                   for f in self.flows(self.bridge))

    def engine_pid(self):
        """As the daemon has it: its file may be out of date."""
        found = re.match(r"engine: running, pid (\d+)",
                         self.daemon("pipeline/show", check=False))
        return int(found.group(1)) if found else None

    def connect(self):
        return self.client.connect(pplab.address(self.vm), PORT,
                                   echoload.TIMEOUT)

    def restarted(self, old):
        """Is there another engine than 'old', and is all well?"""
        return (self.engine_pid() not in (None, old)
                and self.status(self.vm.ifname) == "protected")

    def wait_restarted(self, old):
        wait_for("another engine protects", lambda: self.restarted(old),
                 RECOVERY_SECONDS)

    def wait_protected(self):
        self.wait_status(self.vm.ifname, "protected", RECOVERY_SECONDS)

    def tap(self):
        return "pp-" + self.bridge


# The faults: each function brings one about and returns when it is over, by
# what the host's administrator can see.

FAULTS = {}


def fault(name, **options):
    def add(function):
        FAULTS[name] = function, options
        return function
    return add


@fault("none")
def nothing(lab):
    """What is measured without a fault."""
    time.sleep(DURING_SECONDS)


def signal_engine(lab, sig):
    """An engine that dies young is not replaced at once."""
    time.sleep(max(0, lab.engine_since + 6 - time.monotonic()))
    old = lab.engine_pid()
    os.kill(old, sig)
    return old


@fault("engine killed")
def engine_killed(lab):
    lab.wait_restarted(signal_engine(lab, signal.SIGKILL))


@fault("engine hangs")
def engine_hangs(lab):
    lab.wait_restarted(signal_engine(lab, signal.SIGSTOP))


@fault("control killed")
def control_killed(lab):
    old = lab.engine_pid()
    lab.stop_control(signal.SIGKILL)
    # systemd's RestartSec.
    time.sleep(1)
    lab.start_daemon(patches=lab.patches)
    lab.wait_restarted(old)


@fault("package upgraded")
def package_upgraded(lab):
    # What dpkg does: the old package's prerm, other files, a restart.
    old = lab.engine_pid()
    control = lab.control
    lab.run(["sh", os.path.join(pplab.TOP, "debian", "ovs-patchpoint.prerm"),
             "upgrade", "0.2"])
    programs = [shutil.copy(program, lab.dir)
                for program in (pplab.DAEMON, pplab.ENGINE)]
    wait_for("the old daemon has ended", lambda: control.poll() is not None)
    lab.start_control(*programs, lab.patches, ["--engine-user=nobody"])
    lab.wait_restarted(old)


def ovs_ctl(lab, *args):
    """Debian's restart.  No kernel module is loaded for it."""
    bin_dir = os.path.join(lab.dir, "bin")
    os.mkdir(bin_dir)
    os.symlink("/bin/true", os.path.join(bin_dir, "modprobe"))
    env = dict(lab.env, PATH=bin_dir + ":" + lab.env["PATH"])
    with open(os.path.join(lab.dir, "ovs-ctl.out"), "wb") as out:
        # Not a pipe: the daemon that it starts keeps that.
        subprocess.run([CTL, "--no-monitor", "--system-id=random",
                        "--no-record-hostname", *args, "restart"], env=env,
                       stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                       check=True, timeout=60)


@fault("ovs-vswitchd restarted")
def vswitchd_restarted(lab):
    # It looks whether the old process is still there, and it is our child.
    reaper = threading.Thread(target=lab.vswitchd.wait, daemon=True)
    reaper.start()
    ovs_ctl(lab, "--no-ovsdb-server", "--no-mlockall",
            "--ovs-vswitchd-options=" + " ".join(pphost.VSWITCHD_OPTIONS))
    reaper.join()
    with open(os.path.join(lab.dir, "ovs-vswitchd.pid")) as f:
        lab.vswitchd = Detached(int(f.read()))
    time.sleep(1)
    lab.wait_protected()


@fault("ovsdb-server restarted")
def ovsdb_restarted(lab):
    lab.end(lab.ovsdb)
    lab.start_ovsdb()
    time.sleep(1)
    lab.wait_protected()


@fault("flows deleted")
def flows_deleted(lab):
    n = lab.count_flows()
    lab.ofctl("del-flows", lab.bridge)
    # What others had is theirs to put back.
    lab.ofctl("add-flow", lab.bridge, "priority=0,actions=NORMAL")
    wait_for("flows are back", lambda: lab.count_flows() == n)
    lab.wait_protected()


class Controller(threading.Thread):
    """A controller (OpenFlow 1.3) that begins by deleting all flows and all
    groups of everyone, as ovn-controller does, and then has the switch learn
    and forward."""

    VERSION = 4
    HELLO, ECHO, ECHO_REPLY, FLOW_MOD, GROUP_MOD = 0, 2, 3, 14, 15
    ANY = 0xffffffff

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.wiped = threading.Event()
        self.start()

    def message(self, sock, kind, body=b"", xid=1):
        sock.sendall(struct.pack("!BBHI", self.VERSION, kind, 8 + len(body),
                                 xid) + body)

    def flow_mod(self, sock, table, command, instructions=b""):
        # Cookie, mask, table, command, timeouts, priority, buffer, port,
        # group, flags; a match of everything.
        self.message(sock, self.FLOW_MOD, struct.pack(
            "!QQBBHHHIIIHxxHHxxxx", 0, 0, table, command, 0, 0, 0, self.ANY,
            self.ANY, self.ANY, 0, 1, 4) + instructions)

    def wipe(self, sock):
        self.message(sock, self.HELLO)
        self.flow_mod(sock, 0xff, 3)
        self.message(sock, self.GROUP_MOD,
                     struct.pack("!HBxI", 2, 0, 0xfffffffc))
        # Apply actions: output to NORMAL.
        self.flow_mod(sock, 0, 0, struct.pack(
            "!HHxxxxHHIHxxxxxx", 4, 24, 0, 16, 0xfffffffa, 0))
        self.wiped.set()

    def run(self):
        with self.listener, self.listener.accept()[0] as sock:
            self.wipe(sock)
            with sock.makefile("rb") as f:
                while True:
                    try:
                        head = f.read(8)
                    except ConnectionError:
                        return
                    if len(head) < 8:
                        return
                    _, kind, length, xid = struct.unpack("!BBHI", head)
                    body = f.read(length - 8)
                    if kind == self.ECHO:
                        self.message(sock, self.ECHO_REPLY, body, xid)


@fault("another controller wipes")
def controller_wipes(lab):
    n = lab.count_flows()
    controller = Controller()
    lab.vsctl("set-controller", lab.bridge,
              "tcp:127.0.0.1:%d" % controller.port, "--", "set", "Controller",
              lab.bridge, "connection_mode=out-of-band")
    wait_for("it has connected", controller.wiped.is_set)
    time.sleep(0.5)
    wait_for("flows are back", lambda: lab.count_flows() == n)
    lab.wait_protected()


@fault("emer-reset")
def emer_reset(lab):
    n = lab.count_flows()
    lab.vsctl("emer-reset")
    wait_for("flows are back", lambda: lab.count_flows() == n)
    lab.wait_protected()


@fault("tap device deleted")
def tap_deleted(lab):
    pphost.run(["ip", "link", "del", lab.tap()])
    wait_for("it is back", lambda: os.path.exists(
        "/sys/class/net/" + lab.tap()), RECOVERY_SECONDS)
    time.sleep(1)
    lab.wait_protected()


@fault("tap's port deleted")
def tap_port_deleted(lab):
    lab.vsctl("del-port", lab.tap())
    wait_for("it is back", lambda: lab.tap() in lab.vsctl(
        "list-ports", lab.bridge).split(), RECOVERY_SECONDS)
    time.sleep(1)
    lab.wait_protected()


def fill(lab):
    """Not a byte is left where logs, the database and run files are."""
    name = os.path.join(lab.dir, "filler")
    with open(name, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    return name


@fault("disk full")
def disk_full(lab):
    filler = fill(lab)
    time.sleep(DURING_SECONDS)
    os.unlink(filler)
    lab.wait_protected()


@fault("disk full, engine killed")
def disk_full_engine_killed(lab):
    filler = fill(lab)
    old = signal_engine(lab, signal.SIGKILL)
    time.sleep(DURING_SECONDS)
    os.unlink(filler)
    lab.wait_restarted(old)


@fault("clock set forward", clock=True)
def clock_forward(lab):
    lab.set_clock(100 * 86400)
    time.sleep(DURING_SECONDS)
    lab.wait_protected()


@fault("clock set back", clock=True)
def clock_back(lab):
    lab.set_clock(-100 * 86400)
    time.sleep(DURING_SECONDS)
    lab.wait_protected()


def take_descriptors(pid):
    """'pid' gets no more descriptors than it has; returns the limit that it
    had."""
    n = len(os.listdir("/proc/%d/fd" % pid))
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (n, old[1]))
    return old


@fault("no descriptors")
def no_descriptors(lab):
    old = take_descriptors(lab.control.pid)
    time.sleep(DURING_SECONDS)
    resource.prlimit(lab.control.pid, resource.RLIMIT_NOFILE, old)
    lab.wait_protected()


@fault("no descriptors, engine killed")
def no_descriptors_engine_killed(lab):
    old = lab.engine_pid()
    time.sleep(max(0, lab.engine_since + 6 - time.monotonic()))
    limit = take_descriptors(lab.control.pid)
    os.kill(old, signal.SIGKILL)
    time.sleep(DURING_SECONDS)
    resource.prlimit(lab.control.pid, resource.RLIMIT_NOFILE, limit)
    lab.wait_restarted(old)


# Load and measurement.

class Prober(threading.Thread):
    """Opens a connection with an exploit every PROBE_SECONDS."""

    def __init__(self, connect):
        super().__init__(daemon=True)
        self.connect = connect
        self.probes = []
        self.stopping = False
        self.start()

    def run(self):
        start = time.monotonic()
        while not self.stopping:
            self.probes.append(echoload.Probe(self.connect,
                                              len(self.probes)))
            ahead = (start + len(self.probes) * PROBE_SECONDS
                     - time.monotonic())
            time.sleep(max(0, ahead))

    def stop(self):
        self.stopping = True
        self.join()
        for probe in self.probes:
            probe.join(echoload.TIMEOUT + 5)

    def is_corrected(self):
        """Are exploits corrected that are sent now?"""
        now = time.monotonic()
        wait_for("a probe is answered",
                 lambda: any(p.span and p.span[0] > now for p in self.probes),
                 RECOVERY_SECONDS)
        return max(p.span for p in list(self.probes) if p.span)[2]

    def uninspected(self, since):
        """Seconds in which exploits on new connections got through: of each
        row of such ones, from the answer before to the last one's."""
        spans = sorted((p.span for p in self.probes if p.span),
                       key=lambda span: span[1])
        total = 0
        before = since
        for _, end, is_corrected in spans:
            if not is_corrected and end > since:
                total += end - max(before, since)
            before = end
        return total


def connections(lab):
    """Those that are there when the fault comes: for each way a transfer and
    requests, with and without corrections."""
    conns = []
    for edits in False, True:
        word = "edited" if edits else "plain"
        conns += [echoload.Up(lab.connect, word + "-up", edits),
                  echoload.Down(lab.connect, word + "-down", edits)]
        conns += [echoload.Loop(lab.connect, "%s-requests-%d" % (word, i),
                                edits) for i in range(3)]
    return conns


def notable(log):
    """What an administrator has in the log of it, without times."""
    lines = []
    for line in log.splitlines():
        parts = line.split("|", 4)
        if len(parts) == 5 and (parts[3] in ("WARN", "ERR", "EMER")
                                or ": protected" in parts[4]
                                or ": uninspected" in parts[4]
                                or "taken over from" in parts[4]):
            if parts[4] not in lines:
                lines.append(parts[4])
    return lines


class Run:
    """One fault, from a lab that works to the figures."""

    def __init__(self, name):
        self.name = name
        self.function, options = FAULTS[name]
        self.lab = FaultLab(**options)
        self.problem = None

    def run(self):
        with self.lab:
            self.conns = connections(self.lab)
            self.prober = Prober(self.lab.connect)
            self.measure()

    def measure(self):
        wait_for("every connection is in use", lambda: all(
            c.bytes > 10000 or c.why for c in self.conns), 20)
        self.quiet = self.gap_in(BEFORE_SECONDS)
        log = len(self.lab.log())
        self.begin = time.monotonic()
        for c in self.conns:
            c.mark()
        try:
            self.function(self.lab)
            wait_for("new connections are inspected",
                     self.prober.is_corrected, RECOVERY_SECONDS)
        except (pphost.Failed, subprocess.SubprocessError, OSError) as e:
            self.problem = str(e)
        for c in self.conns:
            c.last_corrected = None
        time.sleep(AFTER_SECONDS)
        self.stopped = {edits: max(c.longest_gap() for c in self.conns
                                   if c.edits == edits)
                        for edits in (False, True)}
        self.again = [c.last_corrected for c in self.conns
                      if c.last_corrected is not None]
        self.finish()
        self.log = self.lab.log()[log:]

    def gap_in(self, seconds):
        for c in self.conns:
            c.mark()
        time.sleep(seconds)
        return max(c.longest_gap() for c in self.conns)

    def finish(self):
        for c in self.conns:
            try:
                c.finish()
            except OSError as e:
                c.why = c.why or "%s cannot be finished: %s" % (c.name, e)
        for c in self.conns:
            c.join(echoload.TIMEOUT + 5)
            if c.is_alive():
                c.why = c.why or "%s did not come to its end" % c.name
        self.prober.stop()

    def broken(self):
        return [c.why for c in self.conns + self.prober.probes if c.why]

    def as_dict(self):
        return {
            "fault": self.name, "datapath": pphost.DATAPATH,
            "connections": len(self.conns) + len(self.prober.probes),
            "broken": len(self.broken()),
            "stopped_ms": round(1000 * max(self.stopped.values())),
            "uninspected_ms": round(
                1000 * self.prober.uninspected(self.begin))}

    def show(self):
        row = self.as_dict()
        print("%s: %d connections, %d broken; stopped %d ms, those with "
              "corrections %d ms (%d ms before the fault); new ones "
              "uninspected for %d ms; open ones: %d of %d inspected "
              "afterwards" % (
                  self.name, row["connections"], row["broken"],
                  1000 * self.stopped[False], 1000 * self.stopped[True],
                  1000 * self.quiet, row["uninspected_ms"], sum(self.again),
                  len(self.again)))
        for line in notable(self.log)[:6]:
            print("    log: " + line)
        for why in self.broken()[:5]:
            print("    BROKEN: " + why)
        if self.problem:
            print("    NOT OVER: " + self.problem)
        sys.stdout.flush()


def table(rows):
    lines = ["%-32s %11s %6s %11s %14s" % (
        "fault", "connections", "broken", "stopped, ms", "uninspected, ms")]
    for row in rows:
        lines.append("%-32s %11d %6d %11d %14d" % (
            row["fault"], row["connections"], row["broken"],
            row["stopped_ms"], row["uninspected_ms"]))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", metavar="FILE",
                        help="write the table to FILE")
    parser.add_argument("--keep-logs", metavar="FOLDER",
                        help="write what the daemon logged there")
    parser.add_argument("faults", nargs="*", metavar="FAULT",
                        help="one of: " + ", ".join(FAULTS))
    args = parser.parse_args()
    for name in args.faults:
        if name not in FAULTS:
            parser.error("%s: no such fault; there are: %s"
                         % (name, ", ".join(FAULTS)))
    private.enter()
    pphost.interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    rows = []
    bad = 0
    try:
        for name in args.faults or FAULTS:
            run = Run(name)
            run.run()
            run.show()
            if args.keep_logs:
                os.makedirs(args.keep_logs, exist_ok=True)
                with open(os.path.join(args.keep_logs, name.replace(" ", "-")
                                       + ".log"), "w") as f:
                    f.write(run.log)
            rows.append(run.as_dict())
            bad += bool(run.broken() or run.problem)
    except KeyboardInterrupt:
        print("\nfaults: interrupted", file=sys.stderr)
        bad += 1
    print("\n" + table(rows))
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=2)
            f.write("\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
