#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: that it is sound and tight, and that the daemon does all
of its work under it, with systemd itself as process 1 of namespaces of its
own, on an overlay of the host's files."""

import contextlib
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402
from test_sandbox import NEEDED, capabilities, status       # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
UNIT = os.path.join(pplab.TOP, "debian",
                    "ovs-patchpoint.ovs-patchpointd.service")
POSTINST = os.path.join(pplab.TOP, "debian", "ovs-patchpoint.postinst")

# What systemd-analyze finds, times ten: 0 is a service that can do nothing,
# 96 one without any protection.
EXPOSURE = 24

# The root of the namespaces: the host's files, and what is written stays in
# memory.  /run/openvswitch is the private Open vSwitch's directory.
BOOT = r"""
set -e
echo $$ > "$CGROUP/cgroup.procs"
exec unshare --mount --pid --fork --cgroup --uts --ipc \
    --propagation private sh -c '
set -e
mount -t tmpfs tmpfs "$SPACE"
mkdir "$SPACE/up" "$SPACE/work" "$SPACE/root"
mount -t overlay overlay \
    -o lowerdir=/,upperdir="$SPACE/up",workdir="$SPACE/work" "$SPACE/root"
cd "$SPACE/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p run/openvswitch ".$RUNDIR"
mount --bind "$RUNDIR" run/openvswitch
mount --bind "$RUNDIR" ".$RUNDIR"
sh -e "$FURNISH" "$SPACE/root"
mkdir -p old
pivot_root . old
exec chroot . sh -c "umount -l /old; exec env -i container=patchpoint \
    PATH=$PATH /lib/systemd/systemd --system --unit=pp-test.target"
'
"""

# As the package does: files, the unit, users.
FURNISH = r"""
root=$1
install -D -m 755 "$DAEMON" "$root/usr/sbin/ovs-patchpointd"
install -D -m 755 "$ENGINE" \
    "$root/usr/libexec/ovs-patchpoint/ovs-patchpoint-engine"
install -D "$SCHEMA/ovs-patchpoint-db" "$SCHEMA/patchpoint.ovsschema" \
    -t "$root/usr/share/ovs-patchpoint"
install -D -m 644 "$UNIT" "$root/etc/systemd/system/ovs-patchpointd.service"
mkdir -p "$root/etc/default"
cp -r "$PATCHES" "$root/usr/share/ovs-patchpoint/patches"
echo "PATCHPOINT_OPTS='--engine=/usr/libexec/ovs-patchpoint/\
ovs-patchpoint-engine --patches=/usr/share/ovs-patchpoint/patches \
--patchpoint-db-helper=/usr/share/ovs-patchpoint/ovs-patchpoint-db'" \
    > "$root/etc/default/ovs-patchpoint"
printf '[Unit]\nDefaultDependencies=no\n' \
    > "$root/etc/systemd/system/pp-test.target"
for unit in ovsdb-server ovs-vswitchd openvswitch-switch; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
sed /DEBHELPER/d "$POSTINST" > "$root/tmp/postinst"
chroot "$root" sh /tmp/postinst configure
"""


class InnerLab(pplab.Lab):
    """Open vSwitch in the namespaces of 'init': pid files have the numbers that
    processes have there, and databases are opened by their names there."""
    init = None

    def argv(self, argv):
        return ["nsenter", "-t", str(self.init), "-m", "-p"] + argv

    def _daemon(self, argv, name):
        return super()._daemon(self.argv(argv), name)

    def run(self, argv, **kwargs):
        return super().run(self.argv(argv), **kwargs)


def can_boot():
    """Can systemd be had here?"""
    return (os.path.exists("/lib/systemd/systemd")
            and shutil.which("adduser", path=pphost.SBIN)
            and "overlay" in open("/proc/filesystems").read()
            and "cgroup2" in open("/proc/filesystems").read())


class File(unittest.TestCase):
    def test_exposure(self):
        "systemd-analyze security: no more exposed than is known"
        p = pphost.run(["systemd-analyze", "security", "--offline=true",
                        "--no-pager", "--threshold=%d" % EXPOSURE, UNIT],
                       check=False)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        found = re.search(r"exposure level for .*: ([\d.]+)", p.stdout)
        print("# exposure %s" % found.group(1))
        # And that is found out: without the protection it is not so.
        with open(UNIT) as f:
            text = re.sub(r"(?m)^(Protect|Restrict|SystemCall|Capability).*\n",
                          "", f.read())
        bare = os.path.join(self.enterContext(directory()), "bare.service")
        with open(bare, "w") as f:
            f.write(text)
        self.assertNotEqual(pphost.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager",
             "--threshold=%d" % EXPOSURE, bare], check=False).returncode, 0)


@contextlib.contextmanager
def directory():
    import tempfile
    with tempfile.TemporaryDirectory() as name:
        yield name


@unittest.skipUnless(can_boot(), "systemd cannot be run here")
class Unit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = InnerLab()
        cls.boot()
        cls.lab.init = cls.init
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start()
        cls.client = cls.lab.add_client()
        cls.vm = cls.lab.add_server_vm("a", 1)
        cls.host = pplab.address(cls.vm)
        cls.lab.serve(fidelity.load(TRAVERSAL), "vulnerable", cls.vm)
        cls.before = cls.lab.picture()

    @classmethod
    def boot(cls):
        cls.cgroups = os.path.join(cls.lab.dir, "cgroup")
        space = os.path.join(cls.lab.dir, "space")
        for d in cls.cgroups, space:
            os.mkdir(d)
        pphost.run(["mount", "-t", "cgroup2", "cgroup2", cls.cgroups])
        cls.addClassCleanup(pphost.run, ["umount", "-l", cls.cgroups], False)
        cls.cgroup = os.path.join(cls.cgroups, "pp-unit-%d" % os.getpid())
        os.mkdir(cls.cgroup)
        cls.addClassCleanup(cls.remove_cgroups)
        furnish = os.path.join(cls.lab.dir, "furnish")
        with open(furnish, "w") as f:
            f.write(FURNISH)
        env = dict(os.environ, PATH=pphost.SBIN, CGROUP=cls.cgroup,
                   SPACE=space, RUNDIR=cls.lab.dir, FURNISH=furnish,
                   DAEMON=pplab.DAEMON, ENGINE=pplab.ENGINE, UNIT=UNIT,
                   PATCHES=pplab.PATCHES, POSTINST=POSTINST,
                   SCHEMA=os.path.join(pplab.TOP, "ovsdb-schema"))
        cls.log = open(os.path.join(cls.lab.dir, "boot.out"), "w+")
        cls.outer = subprocess.Popen(
            ["sh", "-c", BOOT], env=env, stdin=subprocess.DEVNULL,
            stdout=cls.log, stderr=cls.log, start_new_session=True)
        cls.addClassCleanup(cls.shut_down)
        cls.init = wait_for("systemd runs", cls.find_init, 30)
        wait_for("systemd is ready", lambda: cls.inside(
            "systemctl", "is-system-running", check=False).stdout.strip()
            in ("running", "degraded"), 30)

    @classmethod
    def find_init(cls):
        if cls.outer.poll() is not None:
            cls.log.seek(0)
            raise pplab.Failed("boot: " + cls.log.read())
        for pid in cls.pids(cls.cgroup):
            try:
                with open("/proc/%d/comm" % pid) as f:
                    if f.read() == "systemd\n":
                        return pid
            except OSError:
                pass            # It has ended.
        return None

    @staticmethod
    def pids(cgroup):
        found = []
        for d, _, _ in os.walk(cgroup):
            with contextlib.suppress(OSError):
                with open(os.path.join(d, "cgroup.procs")) as f:
                    found += [int(line) for line in f]
        return found

    @classmethod
    def shut_down(cls):
        """The end of its process 1 is the end of all of the namespace."""
        for pid in cls.pids(cls.cgroup):
            if pid != cls.outer.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        cls.outer.kill()
        cls.outer.wait()
        cls.log.close()

    @classmethod
    def remove_cgroups(cls):
        wait_for("its control groups are empty",
                 lambda: not cls.pids(cls.cgroup))
        for d, _, _ in os.walk(cls.cgroup, topdown=False):
            os.rmdir(d)

    @classmethod
    def inside(cls, *argv, check=True):
        return pphost.run(["nsenter", "-t", str(cls.init), "-m", "-p", "-C",
                           "-u", "-i"] + list(argv), check=check)

    def show(self, what):
        return self.inside("systemctl", "show", "-P", what,
                           "ovs-patchpointd.service").stdout.strip()

    def daemon_pid(self):
        """Its number out here."""
        for pid in self.pids(os.path.join(
                self.cgroup, "system.slice/ovs-patchpointd.service")):
            with open("/proc/%d/comm" % pid) as f:
                if f.read().startswith("ovs-patchpointd"):
                    return pid
        return None

    def appctl(self, *command):
        return self.inside("ovs-appctl", "-t", "ovs-patchpointd",
                           *command).stdout

    def journal(self):
        """The entry of a correction, or None."""
        text = self.inside("journalctl", "--no-pager", "-o", "json",
                           check=False).stdout
        entries = [json.loads(line) for line in text.splitlines()]
        return next((e for e in entries if "%s: corrected: " % TRAVERSAL
                     in str(e["MESSAGE"])), None)

    def harmed(self):
        seen = talk(self.client, self.host, EXPLOIT)
        self.assertTrue(seen.statuses, seen.as_dict())
        return SECRET in seen.bytes

    def test_unit(self):
        "under the unit, hardening and all, the daemon does its work"
        p = self.inside("systemd-analyze", "verify", "--man=no",
                        "/etc/systemd/system/ovs-patchpointd.service",
                        check=False)
        # Units of other packages have faults of their own.
        said = [line for line in (p.stdout + p.stderr).splitlines()
                if not line.startswith("/lib/systemd/system/")]
        self.assertEqual((p.returncode, said), (0, []))

        self.assertTrue(self.harmed())
        self.inside("systemctl", "start", "ovs-patchpointd.service")
        self.lab.set_ids(self.vm, policy="all")
        self.lab.wait_status(self.vm.ifname, "protected", 30)
        self.assertFalse(self.harmed())
        self.assertIn(TRAVERSAL, self.appctl("hits/show"))
        entry = wait_for("it is in the journal", self.journal, 20)
        self.assertEqual((entry["SYSLOG_IDENTIFIER"], entry["PRIORITY"],
                          entry["SYSLOG_FACILITY"]),
                         ("ovs-patchpointd", "5", "3"))
        event = json.loads("{" + entry["MESSAGE"].partition(": {")[2])
        self.assertEqual((event["patch"], event["server"]["name"]),
                         (TRAVERSAL, self.vm.ifname))
        # The PatchPoint database: made, and opened by the server of root's.
        wait_for("the PatchPoint database", lambda: "PatchPoint" in
                 self.lab.run(["ovsdb-client", "list-dbs",
                               "unix:" + self.lab.db_sock]).stdout, 20)

        pid = self.daemon_pid()
        user = self.inside("id", "-u", "patchpointd").stdout.strip()
        s = status(pid)
        self.assertEqual(s["Uid"].split(), [user] * 4)
        self.assertNotEqual(user, "0")
        self.assertEqual(capabilities(pid), {
            "CapPrm": NEEDED, "CapEff": NEEDED, "CapBnd": NEEDED})
        self.assertEqual((s["NoNewPrivs"], s["Seccomp"]), ("1", "2"))
        engine = [p for p in self.pids(self.cgroup) if os.path.basename(
            os.readlink("/proc/%d/exe" % p)) == "ovs-patchpoint-engine"]
        self.assertEqual(len(engine), 1)
        self.assertEqual(status(engine[0])["Uid"].split(), [
            self.inside("id", "-u", "patchpoint").stdout.strip()] * 4)
        self.assertEqual(capabilities(engine[0]), {})

        # Files are where the unit has them, and nowhere else can it write.
        root = "/proc/%d/root" % pid
        log = os.path.join(root, "var/log/ovs-patchpoint/ovs-patchpointd.log")
        self.assertEqual(os.stat(log).st_uid, int(user))
        events = glob.glob(os.path.join(root, "run/openvswitch/*.jsonl")) \
            + glob.glob(os.path.join(root, "var/log/*/*.jsonl"))
        self.assertEqual([os.path.basename(os.path.dirname(e))
                          for e in events], ["ovs-patchpoint"])
        with open("/proc/%d/mounts" % pid) as f:
            mounts = {line.split()[1]: line.split()[3].split(",")
                      for line in f}
        self.assertIn("ro", mounts["/"])
        self.assertIn("rw", mounts["/run/openvswitch"])
        self.assertIn("ro", mounts["/proc/sys"])
        # The tap's own IPv6 is off, though settings cannot be written.
        tap = "pp-" + self.lab.bridge
        with open("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % tap) as f:
            self.assertEqual(f.read(), "1\n")

        # The daemon dies; the engine goes on; systemd starts another.
        os.kill(pid, signal.SIGKILL)
        self.assertFalse(self.harmed())
        wait_for("another daemon", lambda: self.daemon_pid()
                 not in (None, pid), 20)
        wait_for("it has taken over", lambda: "with the engine" in self.inside(
            "ovs-appctl", "-t", "ovs-patchpointd", "pipeline/show",
            check=False).stdout, 20)
        self.assertFalse(self.harmed())
        self.assertEqual(self.show("NRestarts"), "1")

        # And takes everything away.
        self.lab.clear_ids(self.vm, "policy")
        self.inside("systemctl", "stop", "ovs-patchpointd.service")
        self.assertEqual(self.show("Result"), "success")
        self.assertEqual(self.lab.picture(), self.before)
        self.assertTrue(self.harmed())


if __name__ == "__main__":
    unittest.main()
