# SPDX-License-Identifier: Apache-2.0
"""Leads what programs say to each other on loopback through a switch.

A test suite has its servers and clients on 127.0.0.1, often in one process.
Here it runs in a namespace in which a connection to certain ports of loopback
takes a detour, of which neither end knows:

    client in "s" -> eth0 of "s" -> bridge (and we) -> eth0 of "vm" -> back1
        -> back0 of "s" -> server in "s"

"s" translates the destination on the way out and back again on the way in,
"vm" passes on, and so to both ends the other one is on 127.0.0.1, under the
port that it has.  A suite that can be told to use another address than that
one can have CLIENT, its own on the wire, so that what it says of its address
is true there.  IPv6 is off in "s": a name with both addresses is tried
without a detour, otherwise.

Servers that let the system choose a port get one of EPHEMERAL, which is as
many as a VM can have services.  DATA are others, without a detour, for
connections that do not speak the protocol (FTP's for data); so are connections
of the group GID."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402

EPHEMERAL = (40000, 40255)
DATA = (40300, 40999)
CLIENT = "10.77.0.250"
GID = 65533

SUITE = """\
table ip detour {
    chain output {
        type nat hook output priority -100
        meta skgid %(gid)d accept
        ip daddr %(address)s tcp dport { %(ports)s } dnat to %(vm)s
    }
    chain leaving {
        type nat hook postrouting priority 100
        oifname "eth0" ip saddr 127.0.0.0/8 snat to %(client)s
    }
    chain back {
        type nat hook prerouting priority -100
        iifname "back0" ip daddr 10.78.0.2 dnat to %(address)s
    }
    chain arriving {
        type nat hook input priority 100
        iifname "back0" snat to %(address)s
    }
}
"""
VM = """\
table ip detour {
    chain on {
        type nat hook prerouting priority -100
        iifname "eth0" tcp dport { %(ports)s } dnat to 10.78.0.2
    }
    chain leaving {
        type nat hook postrouting priority 100
        oifname "back1" masquerade
    }
}
"""


class Detour(pplab.Lab):
    """A lab with the namespaces 'suite' and 'vm'; 'ports' of 'address' are
    those that take the detour, as "8025" or "40000-40255"."""

    def __init__(self, ports, address="127.0.0.1"):
        super().__init__()
        self.ports = ports
        self.address = address
        self.suite = self.vm = None

    def start(self):
        super().start()
        self.start_daemon((pplab.PATCHES, os.path.join(HERE, "probes")))
        self.suite = self.add_client("s")
        self.vm = self.add_server_vm("vm", 1)
        pphost.run(["ip", "link", "add", "back0", "netns", self.suite.netns,
                    "type", "veth", "peer", "name", "back1", "netns",
                    self.vm.netns])
        for vm, dev, ip in ((self.suite, "back0", "10.78.0.2/24"),
                            (self.vm, "back1", "10.78.0.1/24")):
            vm.run(["ip", "addr", "add", ip, "dev", dev])
            vm.run(["ip", "link", "set", dev, "up"])
            for conf in "all", "eth0", dev:
                vm.run(["sysctl", "-qw",
                        "net.ipv4.conf.%s.rp_filter=0" % conf,
                        "net.ipv4.conf.%s.route_localnet=1" % conf])
        self.vm.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        # Ports are few: those in TIME_WAIT must not use them up.
        self.suite.run(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                        "net.ipv4.tcp_max_tw_buckets=16",
                        "net.ipv4.ip_local_port_range=%d %d" % EPHEMERAL])
        # Segments of loopback are to fit what comes behind it.
        self.suite.run(["ip", "link", "set", "lo", "mtu", "1500"])
        names = {"ports": ", ".join(self.ports), "gid": GID,
                 "address": self.address, "vm": pplab.address(self.vm),
                 "client": pplab.address(self.suite)}
        for vm, rules in (self.suite, SUITE), (self.vm, VM):
            vm.run(["nft", "-f", "-"], input=rules % names)

    def protect_all(self, proxy):
        """All patches there are, on all ports."""
        ports = []
        for words in self.ports:
            first, _, last = words.partition("-")
            ports += range(int(first), int(last or first) + 1)
        self.protect(self.vm, "all", mode="enforce", ports="%s:%s" % (
            proxy, ",".join(map(str, ports))))

    def counters(self):
        """All of stats/show."""
        return {words[0]: int(words[1]) for words in
                (line.split() for line in self.daemon(
                    "stats/show").splitlines())}
