#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the system tests on the kernel datapath of Open vSwitch, in a guest
with Debian's own kernel.

    kernel.py [-j N] [-k TEXT] [--json FILE] [--timeout SECONDS]
              [--logs FOLDER] tests [MODULE[.CLASS]...]
    kernel.py [--json FILE] [--timeout SECONDS] [--logs FOLDER]
              faults [FAULT...]
    kernel.py [--json FILE] [--timeout SECONDS] [--logs FOLDER]
              vms [VMS [RATE,...]]

In: $PP_CACHE/guest-kernel, a kernel with its modules and a static busybox
(quickstart unpacks Debian's packages there); the tests' own programs, and all
that they need, from the host as it is.

Out: a line for each test, as from run.py, and "N passed, N failed" at the end;
what the guests' consoles said in FOLDER.  Or the table of faults.py, or that of
tests/bench/vms.py with so many VMs, of which so many a second come and go.

A guest's root is the host's, by virtiofs, under an overlay in memory: the
guest reads all and changes nothing, but for the folder of the run, where it
writes results.  It has no network.

Guests do not need hardware that helps (KVM): QEMU emulates the processor, and
counts its instructions, of which each takes a nanosecond of the guest's time.
So a guest's clock goes as slowly as its processor, however busy the host is,
and what happens in time in there does not depend on that.  A guest has one
processor; N guests share the tests.

A guest ends with its tests, at 'SECONDS', and with this program, whatever ends
that."""

import argparse
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import pphost                                               # noqa: E402

GUEST_KERNEL = os.path.join(
    os.environ.get("PP_CACHE", "/var/cache/ovs-patchpoint"), "guest-kernel")
BUSYBOX = os.path.join(GUEST_KERNEL, "bin/busybox")
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
MEMORY = "2G"

TOTALS = re.compile("[0-9]+ passed, [0-9]+ failed")

# The first program of the guest, in its initial RAM disk.  'order' is of
# modules, each behind those that it needs.
INIT = """\
#!/bin/busybox sh
set -e
export PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
while read -r module; do insmod "/modules/$module"; done < /modules/order
mount -t virtiofs -o noatime host /host
mount -t tmpfs -o size=75%% tmpfs /memory
mkdir /memory/upper /memory/work
cd /memory
mount -t overlay -o lowerdir=/host,upperdir=upper,workdir=work overlay /root
mount -t proc proc /root/proc
mount -t sysfs sysfs /root/sys
mount -t devtmpfs devtmpfs /root/dev
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
mount -t tmpfs tmpfs /root/run
mount --bind /host%(folder)s /root%(folder)s
exec switch_root /root /bin/sh %(script)s
"""

# What it does on the host's root.  (pphost waits until ovs-vswitchd may start
# after boot.)
SCRIPT = """\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
export PP_DATAPATH=system TMPDIR=/run/tmp
%(environment)s
cd %(top)s
mkdir -p /lib/modules /run/tmp /run/netns
chmod 1777 /run/tmp
hostname guest
mount --bind %(modules)s /lib/modules
ip link set lo up
modprobe -a openvswitch veth tun
%(command)s > %(out)s 2>&1 < /dev/null
echo $? > %(status)s
sync
echo o > /proc/sysrq-trigger
sleep 60
"""


def needed_modules(folder, *names):
    """Files of the modules 'names' and of those that they need, in the order
    in which they are loaded."""
    needs = {}
    with open(os.path.join(folder, "modules.dep")) as f:
        for line in f:
            path, _, rest = line.partition(":")
            name = os.path.basename(path).split(".")[0]
            needs[name] = [path] + rest.split()
    order = []
    for name in names:
        for path in reversed(needs.get(name, [])):
            if path not in order:
                order.append(path)
    return order


def make_ramdisk(folder, script, modules, ramdisk):
    """Writes the initial RAM disk that makes a guest's root, with 'folder' to
    write in, and goes on with 'script'."""
    with tempfile.TemporaryDirectory(prefix="ramdisk.") as root:
        for name in ("bin", "dev", "proc", "host", "memory", "root",
                     "modules"):
            os.mkdir(os.path.join(root, name))
        shutil.copy(BUSYBOX, os.path.join(root, "bin"))
        order = needed_modules(modules, "virtio_pci", "virtiofs", "overlay")
        for path in order:
            shutil.copy(os.path.join(modules, path),
                        os.path.join(root, "modules"))
        with open(os.path.join(root, "modules/order"), "w") as f:
            f.writelines(os.path.basename(path) + "\n" for path in order)
        with open(os.path.join(root, "init"), "w") as f:
            f.write(INIT % {"folder": folder, "script": script})
        os.chmod(f.name, 0o755)
        names = [os.path.relpath(os.path.join(where, name), root)
                 for where, folders, files in os.walk(root)
                 for name in folders + files]
        with open(ramdisk, "wb") as f:
            subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=root,
                           input="\n".join(names).encode(), stdout=f,
                           stderr=subprocess.DEVNULL, check=True)


class Guest:
    """A guest that runs 'command' on the host's files and powers off.  It may
    write in 'folder'; its console goes to the file 'console'."""

    def __init__(self, folder, name, command, console):
        self.folder = folder
        self.name = name
        self.console = console
        self.processes = []
        self.shown = 0
        modules, = glob.glob(os.path.join(GUEST_KERNEL, "lib/modules/*"))
        self.release = os.path.basename(modules)
        with open(self.path("script"), "w") as f:
            f.write(SCRIPT % {
                "environment": "\n".join(
                    "export %s=%s" % (key, shlex.quote(value))
                    for key, value in os.environ.items()
                    if key.startswith("PP_")),
                "top": shlex.quote(os.path.dirname(os.path.dirname(HERE))),
                "modules": shlex.quote(os.path.dirname(modules)),
                "command": shlex.join(command),
                "out": self.path("out"), "status": self.path("status")})
        make_ramdisk(folder, self.path("script"), modules,
                     self.path("ramdisk"))

    def path(self, what):
        return os.path.join(self.folder, self.name + "." + what)

    def popen(self, argv, out):
        """Starts a process that ends with us, even if we are killed."""
        with open(self.path(out), "ab") as f:
            p = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + argv,
                                 stdin=subprocess.DEVNULL, stdout=f, stderr=f,
                                 start_new_session=True)
        self.processes.append(p)
        return p

    def start(self):
        share = self.path("share")
        p = self.popen([VIRTIOFSD, "--socket-path=" + share, "-o", "source=/",
                        "-o", "sandbox=chroot", "-o", "cache=always",
                        "-o", "log_level=err"], "virtiofsd")
        pphost.wait_for("virtiofsd listens", lambda: (
            os.path.exists(share) or p.poll() is not None))
        if p.poll() is not None:
            raise pphost.Failed("virtiofsd ended: " + self.read("virtiofsd"))
        kernel, = glob.glob(os.path.join(GUEST_KERNEL, "boot/vmlinuz-*"))
        self.qemu = self.popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-icount", "shift=0",
             "-cpu", "qemu64", "-smp", "1", "-m", MEMORY,
             "-nodefaults", "-no-user-config", "-display", "none",
             "-no-reboot",
             "-object", "memory-backend-memfd,id=m,share=on,size=" + MEMORY,
             "-numa", "node,memdev=m",
             "-chardev", "socket,id=share,path=" + share,
             "-device", "vhost-user-fs-pci,chardev=share,tag=host",
             "-kernel", kernel, "-initrd", self.path("ramdisk"),
             "-append", "console=ttyS0 quiet panic=-1 tsc=reliable "
             "mitigations=off apparmor=0 audit=0 init_on_alloc=0",
             "-serial", "file:" + self.console], "qemu")

    def read(self, what):
        try:
            with open(self.path(what), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def new_lines(self):
        """Whole lines of what the command has written since the last call."""
        text = self.read("out")[self.shown:]
        whole = text[:text.rfind("\n") + 1]
        self.shown += len(whole)
        return whole.splitlines()

    def is_running(self):
        return self.qemu.poll() is None

    def status(self):
        """The command's exit status, or None if it did not come to its
        end."""
        text = self.read("status").strip()
        return int(text) if text else None

    def last_words(self):
        with open(self.console, errors="replace") as f:
            said = f.read().splitlines()[-8:]
        return "\n".join([self.name + " did not come to its end"] + [
            "    " + line for line in self.read("qemu").splitlines() + said])

    def stop(self):
        for p in reversed(self.processes):
            pphost.PrivateOvs.end(p, signal.SIGKILL)


class Run:
    """Guests that work together, in one folder."""

    def __init__(self, logs, timeout):
        self.logs = logs
        self.timeout = timeout
        self.folder = tempfile.mkdtemp(prefix="guests.")
        os.chmod(self.folder, 0o755)
        self.guests = []

    def add(self, command):
        name = "guest-%d" % (len(self.guests) + 1)
        guest = Guest(self.folder, name, command,
                      os.path.join(self.logs, name + "-console.log"))
        self.guests.append(guest)
        return guest

    def run(self, show):
        """Runs them to their end; calls 'show' for each line.  Returns whether
        all ended as they should, and says so if not."""
        end = time.monotonic() + self.timeout
        for guest in self.guests:
            guest.start()
        while any(guest.is_running() for guest in self.guests):
            if time.monotonic() > end:
                print("not at its end after %d s, and stopped" % self.timeout)
                break
            time.sleep(0.2)
            self.show(show)
        self.stop()
        self.show(show)
        ended = True
        for guest in self.guests:
            if guest.status() is None:
                ended = False
                print(guest.last_words())
        return ended

    def show(self, show):
        for guest in self.guests:
            for line in guest.new_lines():
                show(line)
        sys.stdout.flush()

    def stop(self):
        for guest in self.guests:
            guest.stop()

    def clean_up(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_tests(run, args):
    """The system tests, shared out among args.j guests.  Returns what is to be
    written as JSON, and whether all is well."""
    os.mkdir(os.path.join(run.folder, "taken"))
    for i in range(args.j):
        run.add([sys.executable, os.path.join(HERE, "run.py"),
                 "--take", os.path.join(run.folder, "taken"),
                 "--json", os.path.join(run.folder, "%d.json" % i),
                 *(["-k", args.k] if args.k else []), *args.names])
    began = time.monotonic()
    ended = run.run(lambda line: TOTALS.match(line) or print(line))
    tests = []
    for name in sorted(glob.glob(os.path.join(run.folder, "*.json"))):
        with open(name) as f:
            tests += json.load(f)
    counts = {outcome: sum(t["outcome"] == outcome for t in tests)
              for outcome in ("passed", "failed", "skipped")}
    counts["failed"] += not ended
    print("%d passed, %d failed%s" % (
        counts["passed"], counts["failed"],
        ", %d skipped" % counts["skipped"] if counts["skipped"] else ""))
    return {"datapath": "system", "kernel": run.guests[0].release,
            "seconds": round(time.monotonic() - began, 1), **counts,
            "tests": tests}, not counts["failed"]


def run_faults(run, args):
    """The same for the table of faults."""
    return run_table(run, os.path.join(HERE, "faults.py"), args.names)


def run_vms(run, args):
    """The same for what many VMs cost."""
    if len(args.names) > 2:
        sys.exit("kernel: vms: at most two arguments")
    return run_table(run, os.path.join(os.path.dirname(HERE), "bench/vms.py"),
                     [word for option in zip(("--vms", "--rate"), args.names)
                      for word in option])


def run_table(run, program, names):
    out = os.path.join(run.folder, "table.json")
    guest = run.add([sys.executable, program, "--json", out, *names])
    ended = run.run(print)
    rows = []
    if os.path.exists(out):
        with open(out) as f:
            rows = json.load(f)
    return rows, ended and guest.status() == 0


RUNS = {"tests": run_tests, "faults": run_faults, "vms": run_vms}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", type=int, default=2, metavar="N",
                        help="guests (2)")
    parser.add_argument("-k", default="", metavar="TEXT",
                        help="only tests with TEXT in their name or title")
    parser.add_argument("--json", metavar="FILE",
                        help="write what came out to FILE")
    parser.add_argument("--timeout", type=int, default=7200,
                        metavar="SECONDS", help="for all of it (7200)")
    parser.add_argument("--logs", default=".", metavar="FOLDER",
                        help="for what the consoles say (.)")
    parser.add_argument("what", choices=sorted(RUNS))
    parser.add_argument("names", nargs="*",
                        metavar="MODULE[.CLASS], FAULT, or VMS and RATE,...")
    args = parser.parse_args()
    if not os.path.exists(BUSYBOX):
        sys.exit("kernel: there is no kernel for guests in %s; \"./quickstart "
                 "kernel\" fetches it" % GUEST_KERNEL)
    pphost.interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    os.makedirs(args.logs, exist_ok=True)
    run = Run(os.path.abspath(args.logs), args.timeout)
    try:
        result, good = RUNS[args.what](run, args)
    except KeyboardInterrupt:
        sys.exit("kernel: interrupted")
    except (OSError, pphost.Failed) as e:
        sys.exit("kernel: %s" % e)
    finally:
        run.clean_up()
    if args.json:
        with open(args.json, "w") as f:
            json.dump(result, f, indent=2)
            f.write("\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
