# SPDX-License-Identifier: Apache-2.0
"""libvirt itself plugs a VM: Debian's libvirtd, a domain under QEMU with a
kernel of its own and a real vulnerable server in it, and its tap on a private
Open vSwitch by <virtualport type='openvswitch'/>."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel                                               # noqa: E402
import pplab                                                # noqa: E402
import fidelity                                             # noqa: E402
import pphost                                               # noqa: E402
from pplab import get, talk, wait_for                       # noqa: E402

TRAVERSAL = "CVE-2014-3744"
EXPLOIT = get(b"/%2e%2e/secret.txt")
SECRET = b"outside the served folder"
LIBVIRTD = "/usr/sbin/libvirtd"

# libvirtd with folders, users and sockets of its own.  Its ovs-vsctl finds the
# private switch by OVS_RUNDIR.
START = """\
mount -t tmpfs tmpfs /run && mkdir -p /run/lock /run/cache || exit 1
mount --bind "$PP_CACHE" /run/cache || exit 1
for d in /etc/libvirt /var/lib /var/cache /var/log; do
    mount -t tmpfs tmpfs $d || exit 1
done
mkdir -p "$PP_CACHE" && mount --bind /run/cache "$PP_CACHE" || exit 1
for f in passwd group; do
    cp /etc/$f /run/$f
done
echo libvirt-qemu:x:64055:64055::/:/bin/false >> /run/passwd
echo libvirt-qemu:x:64055: >> /run/group
for f in passwd group; do
    mount --bind /run/$f /etc/$f || exit 1
done
cat > /etc/libvirt/qemu.conf << END
user="root"
group="root"
security_driver="none"
cgroup_controllers=[]
namespaces=[]
stdio_handler="file"
END
exec "$@"
"""

# The first program of the guest.  Its root is the host's, by virtiofs.
INIT = """\
#!/bin/busybox sh
export PATH=/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
while read -r module; do insmod "/modules/$module"; done < /modules/order
mount -t virtiofs -o ro host /host
mount -t proc proc /host/proc
mount -t devtmpfs devtmpfs /host/dev
ip link set lo up
ip link set eth0 up
ip addr add %(address)s/24 dev eth0
exec chroot /host %(serve)s vulnerable %(address)s 80
"""

DOMAIN = """\
<domain type='qemu'>
  <name>web</name>
  <memory unit='MiB'>512</memory>
  <memoryBacking>
    <source type='memfd'/><access mode='shared'/>
  </memoryBacking>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>%(kernel)s</kernel>
    <initrd>%(ramdisk)s</initrd>
    <cmdline>console=ttyS0 quiet panic=-1</cmdline>
  </os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <filesystem type='mount' accessmode='passthrough'>
      <driver type='virtiofs'/>
      <binary path='/usr/lib/qemu/virtiofsd' xattr='off'>
        <sandbox mode='chroot'/>
      </binary>
      <source dir='/'/><target dir='host'/>
    </filesystem>
    %(interface)s
    <serial type='file'><source path='%(console)s'/></serial>
  </devices>
</domain>
"""

INTERFACE = """\
<interface type='bridge'>
  <mac address='52:54:00:77:00:01'/>
  <source bridge='%s'/>
  <virtualport type='openvswitch'/>
  <target dev='%s'/>
  <model type='virtio'/>
  <driver name='qemu'>
    <host csum='off' gso='off' tso4='off' tso6='off' ecn='off' ufo='off'/>
    <guest csum='off' tso4='off' tso6='off' ecn='off' ufo='off'/>
  </driver>
</interface>
"""


def make_ramdisk(path, address):
    modules, = glob.glob(os.path.join(kernel.GUEST_KERNEL, "lib/modules/*"))
    with tempfile.TemporaryDirectory(prefix="ramdisk.") as root:
        for name in "bin", "proc", "host", "modules":
            os.mkdir(os.path.join(root, name))
        shutil.copy(kernel.BUSYBOX, os.path.join(root, "bin"))
        order = kernel.needed_modules(modules, "virtio_pci", "virtiofs",
                                      "virtio_net")
        for module in order:
            shutil.copy(os.path.join(modules, module),
                        os.path.join(root, "modules"))
        with open(os.path.join(root, "modules/order"), "w") as f:
            f.writelines(os.path.basename(m) + "\n" for m in order)
        with open(os.path.join(root, "init"), "w") as f:
            f.write(INIT % {"address": address, "serve": os.path.join(
                pplab.TOP, "tests/fidelity", TRAVERSAL, "serve")})
        os.chmod(f.name, 0o755)
        names = [os.path.relpath(os.path.join(where, name), root)
                 for where, folders, files in os.walk(root)
                 for name in folders + files]
        with open(path, "wb") as f:
            subprocess.run([kernel.BUSYBOX, "cpio", "-o", "-H", "newc"],
                           cwd=root, input="\n".join(names).encode(),
                           stdout=f, stderr=subprocess.DEVNULL, check=True)


@unittest.skipUnless(os.path.exists(LIBVIRTD)
                     and os.path.exists(kernel.BUSYBOX),
                     "needs libvirtd and a guest's kernel (quickstart)")
@unittest.skipUnless(pphost.DATAPATH == "netdev",
                     "its VM would be a guest within a guest")
class Libvirt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = pplab.Lab.of(cls, prefix="ppk")
        cls.client = cls.lab.add_client()
        cls.lab.start_daemon()
        cls.conf = cls.path("libvirtd.conf")
        with open(cls.conf, "w") as f:
            f.write('unix_sock_dir="%s"\nauth_unix_rw="none"\n' % cls.lab.dir)
        # Ends before the switch does, with all its domains.
        cls.lab.env["PP_CACHE"] = os.path.dirname(kernel.GUEST_KERNEL)
        cls.daemon = cls.lab._daemon(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             START, "sh", LIBVIRTD, "--config", cls.conf, "--pid-file",
             cls.path("libvirtd.pid")], "libvirtd")
        cls.addClassCleanup(cls.lab.end, cls.daemon)
        cls.addClassCleanup(cls.virsh, "destroy", "web", check=False)
        wait_for("libvirtd answers", lambda: cls.virsh(
            "list", check=False).returncode == 0, 30, 0.2)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.lab.dir, name)

    @classmethod
    def virsh(cls, *args, check=True):
        return pphost.run(
            ["virsh", "--connect", "qemu:///system?socket=%s/libvirt-sock"
             % cls.lab.dir] + list(args), check=check, timeout=60)

    def interface(self):
        path = self.path("interface.xml")
        with open(path, "w") as f:
            f.write(INTERFACE % (self.lab.bridge, self.lab.name("k")))
        return path

    def harmed(self):
        # A processor that is emulated takes its time.
        seen = talk(self.client, "10.77.0.1", EXPLOIT, fidelity.Wait(
            whole=lambda got: b"\r\n\r\n" in got))
        self.assertTrue(seen.statuses)
        return SECRET in seen.bytes

    def protected(self):
        port = self.lab.name("k")
        self.lab.wait_status(port, "protected", 15)
        wait_for("the VM answers", lambda: pplab.answers(
            self.client, "10.77.0.1", 80), 60, 0.2)
        self.assertFalse(self.harmed())

    def test_libvirt(self):
        "a domain that libvirt plugs, suspends, resumes and unplugs"
        make_ramdisk(self.path("ramdisk"), "10.77.0.1")
        with open(self.interface()) as f:
            interface = f.read()
        with open(self.path("domain.xml"), "w") as f:
            f.write(DOMAIN % {
                "kernel": glob.glob(os.path.join(
                    kernel.GUEST_KERNEL, "boot/vmlinuz-*"))[0],
                "ramdisk": self.path("ramdisk"),
                "console": self.path("console"), "interface": interface})
        self.virsh("create", self.path("domain.xml"))
        ids = self.lab.get("Interface", self.lab.name("k"), "external_ids")
        for key in "attached-mac", "iface-id", "iface-status", "vm-id":
            self.assertIn(key + "=", ids)
        wait_for("the VM answers", lambda: pplab.answers(
            self.client, "10.77.0.1", 80), 240, 0.5)
        self.assertTrue(self.harmed())

        self.lab.vsctl("set", "Open_vSwitch", ".",
                       "external_ids:patchpoint-policy=all")
        self.protected()
        self.virsh("domif-setlink", "web", "52:54:00:77:00:01", "down")
        self.virsh("domif-setlink", "web", "52:54:00:77:00:01", "up")
        self.protected()
        self.virsh("suspend", "web")
        self.virsh("resume", "web")
        self.protected()
        self.virsh("destroy", "web")
        wait_for("libvirt has unplugged it", lambda: self.lab.name("k")
                 not in self.lab.vsctl("list-ports", self.lab.bridge).split())


if __name__ == "__main__":
    unittest.main()
