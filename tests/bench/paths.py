# SPDX-License-Identifier: Apache-2.0
"""The paths from client to server that the benchmark compares.

Each is a class: start() brings it up, stop() takes it down, and in between
the client reaches the server's two services at 'address'.  All run on one
private Open vSwitch, one after the other; what waits for its turn is not
running."""

import glob
import os
import shutil
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import pplab                                                # noqa: E402
from pplab import answers, wait_for                         # noqa: E402

HTTP = 80                       # nginx: small answers.
BULK = 8080                     # pp-bulk: bodies without end.

HOP = os.path.join(pplab.BUILD, "tests/bench/pp-hop")
BULK_PROGRAM = os.path.join(pplab.BUILD, "tests/bench/pp-bulk")

CRS = "/usr/share/modsecurity-crs/rules"
N_RULES = 800


class LeftOut(Exception):
    """This path cannot be measured here; says why."""


def tree(pid):
    """'pid' and all processes under it."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                child, rest = f.read().split(" (", 1)
        except OSError:
            continue
        parent = int(rest.rsplit(") ", 1)[1].split()[1])
        children.setdefault(parent, []).append(int(child))
    pids, todo = [], [pid]
    while todo:
        pid = todo.pop()
        pids.append(pid)
        todo += children.get(pid, [])
    return pids


def need(program, package):
    if not shutil.which(program, path="/usr/local/sbin:/usr/sbin:/usr/bin"):
        raise LeftOut("%s is not installed (package %s)" % (program, package))


# One worker, no log: the server is to be no bottleneck that hides the path.
NGINX = """
daemon off;
worker_processes 1;
pid {dir}/{name}.pid;
error_log {dir}/{name}.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type text/html;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {dir}/{name}-body;
    proxy_temp_path {dir}/{name}-proxy;
    fastcgi_temp_path {dir}/{name}-fastcgi;
    uwsgi_temp_path {dir}/{name}-uwsgi;
    scgi_temp_path {dir}/{name}-scgi;
    server {{
        listen {address}:80 backlog=4096;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""

PAGE = "<!doctype html><title>bench</title><p>" + "x" * 80 + "\\n"


class Site:
    """What all paths share: switch, client, server."""

    def __init__(self, lab):
        self.lab = lab
        self.client = lab.add_client()
        self.server = lab.add_server_vm("srv", 1)
        self.serve(self.server)
        self._box = None

    def file(self, name, text):
        path = os.path.join(self.lab.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def spawn(self, vm, argv, name):
        """Starts a program in 'vm', its output in a file of its name."""
        with open(os.path.join(self.lab.dir, name + ".out"), "ab") as log:
            return vm.popen(argv, stdout=log, stderr=log,
                            cwd=self.lab.dir)

    def serve(self, vm):
        """Both services, in 'vm'."""
        address = pplab.address(vm)
        conf = self.file(vm.ifname + ".conf", NGINX.format(
            dir=self.lab.dir, name=vm.ifname, address=address, body=PAGE))
        self.spawn(vm, ["nginx", "-p", self.lab.dir, "-c", conf],
                   vm.ifname + "-nginx")
        self.spawn(vm, [BULK_PROGRAM, "serve", address, str(BULK)],
                   vm.ifname + "-bulk")
        for port in HTTP, BULK:
            wait_for("the server listens", lambda: answers(vm, address, port))

    @property
    def box(self):
        """The VM that others' middleboxes run in."""
        if self._box is None:
            self._box = self.lab.add_server_vm("box", 2)
        return self._box


class Path:
    """A path; 'name' is its key in the results."""

    note = ""

    def __init__(self, site):
        self.site = site
        self.lab = site.lab
        self.address = pplab.address(site.server)
        self.processes = []

    def start(self):
        pass

    def stop(self):
        for p in self.processes:
            self.lab.end(p)
            self.lab.processes.remove(p)
        self.processes = []

    def middlebox(self):
        """Process ids of what stands between switch and server."""
        return [pid for p in self.processes for pid in tree(p.pid)]

    def complaints(self, requests):
        """What is wrong after so many 'requests'."""
        return ()

    def wait_until_open(self):
        for port in HTTP, BULK:
            wait_for("%s answers on port %d" % (self.name, port),
                     lambda: answers(self.site.client, self.address, port),
                     30)

    has_requests = True
    has_bulk = True
    bulk_args = ()


class Direct(Path):
    name = "direct"
    title = "direct"


class Hop(Path):
    """ovs-patchpointd with an engine that only copies."""
    name = "hop"
    title = "hop, only copied"
    engine = HOP
    limits = None               # patchpoint-limits.

    def start(self):
        if self.limits:
            self.lab.vsctl("set", "Open_vSwitch", ".", "external_ids:"
                           "patchpoint-limits=" + self.limits)
        self.lab.start_control(pplab.DAEMON, self.engine, [pplab.PATCHES],
                               ["--engine-user=nobody"])
        self.lab.protect(self.site.server, "all",
                         ports="http:%d,%d" % (HTTP, BULK))

    def stop(self):
        self.lab.clear_ids(self.site.server, "policy", "ports")
        if self.limits:
            self.lab.vsctl("remove", "Open_vSwitch", ".", "external_ids",
                           "patchpoint-limits")
        self.lab.stop_control()

    def middlebox(self):
        return tree(self.lab.control.pid)

    def complaints(self, requests):
        """What is wrong after so many 'requests'."""
        if self.lab.counter("packet_in_frames") < 2 * requests:
            yield "not all frames came by the engine"


class Patchpoint(Hop):
    """ovs-patchpoint with every patch there is."""
    name = "patchpoint"
    title = "ovs-patchpoint, all patches"
    engine = pplab.ENGINE

    def complaints(self, requests):
        yield from super().complaints(requests)
        for name in ("proxy_bad", "proxy_opaque", "flow_table_full",
                     "packet_out_errors"):
            n = self.lab.counter(name)
            if n:
                yield "%s is %d" % (name, n)
        if self.lab.counter("proxy_messages") < requests:
            yield "not all requests were looked at"


class CutThrough(Patchpoint):
    name = "patchpoint-cut-through"
    title = "ovs-patchpoint, cut through"
    # Connections are upgraded first: requests do not leave the engine.
    has_requests = False
    bulk_args = ("upgrade",)
    # None waits until its handshake is too old to end once more.
    limits = "handshake=0"

    def complaints(self, requests):
        n = self.lab.counter("cut_through")
        if not n or self.lab.counter("packet_in_frames") > 500 * n:
            yield "connections stay with the engine"
        for name in ("proxy_bad", "cut_full", "packet_out_errors"):
            n = self.lab.counter(name)
            if n:
                yield "%s is %d" % (name, n)


HAPROXY = """
global
    maxconn 8192
defaults
    mode {mode}
    maxconn 8192
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    {options}
listen http
    bind {address}:80 backlog 4096
    server s {server}:80
listen bulk
    bind {address}:8080
    server s {server}:8080
"""


class Haproxy(Path):
    mode = options = ""

    def start(self):
        need("haproxy", "haproxy")
        box = self.site.box
        conf = self.site.file("haproxy.cfg", HAPROXY.format(
            mode=self.mode, options=self.options,
            address=pplab.address(box), server=self.address_of_server()))
        self.address = pplab.address(box)
        self.processes = [self.site.spawn(
            box, ["haproxy", "-db", "-f", conf], "haproxy")]

    def address_of_server(self):
        return pplab.address(self.site.server)


class HaproxyTcp(Haproxy):
    name = "haproxy-tcp"
    title = "HAProxy, mode tcp"
    mode = "tcp"


class HaproxyHttp(Haproxy):
    name = "haproxy-http"
    title = "HAProxy, mode http"
    mode = "http"
    options = "http-reuse safe"


SURICATA = """%YAML 1.1
---
vars:
  address-groups:
    HOME_NET: "any"
    EXTERNAL_NET: "any"
  port-groups:
    HTTP_PORTS: "any"
default-log-dir: {dir}
stats:
  enabled: no
outputs:
  - fast:
      enabled: yes
      filename: suricata-alerts.log
logging:
  default-log-level: notice
  outputs:
  - console:
      enabled: yes
af-packet:
  - interface: {a}
    threads: 1
    cluster-id: 98
    cluster-type: cluster_flow
    defrag: yes
    use-mmap: yes
    tpacket-v3: no
    ring-size: 8192
    copy-mode: ips
    copy-iface: {b}
  - interface: {b}
    threads: 1
    cluster-id: 97
    cluster-type: cluster_flow
    defrag: yes
    use-mmap: yes
    tpacket-v3: no
    ring-size: 8192
    copy-mode: ips
    copy-iface: {a}
app-layer:
  protocols:
    http:
      enabled: yes
stream:
  inline: auto
  memcap: 512mb
  reassembly:
    memcap: 512mb
flow:
  memcap: 256mb
  hash-size: 65536
  prealloc: 10000
"""

# Rules of the kinds that real ones are of, none of which an ordinary request
# meets.  {n} makes each another.
RULE_KINDS = (
    'http.uri; content:"/app{n}/admin.php"; fast_pattern; '
    'content:"cmd="; distance:0; nocase;',
    'http.method; content:"POST"; http.uri; content:"/cgi-bin/tool{n}"; '
    'fast_pattern; http.request_body; content:"|3b|wget"; nocase;',
    'http.header; content:"X-Plugin-{n}|3a 20|"; fast_pattern; '
    'pcre:"/X-Plugin-{n}\\x3a\\x20[^\\r\\n]{{200}}/";',
    'http.uri; content:"file{n}="; fast_pattern; content:"../"; distance:0; '
    'pcre:"/file{n}=[^&]*\\.\\.\\//U";',
    'http.cookie; content:"session{n}="; fast_pattern; '
    'pcre:"/session{n}=[^;]{{512}}/";',
    'http.user_agent; content:"Scanner-{n}/"; fast_pattern;',
    'http.uri; content:"/api/v{n}/user"; fast_pattern; '
    'content:"id=-"; distance:0;',
    'http.request_body; content:"param{n}=%27"; fast_pattern; '
    'content:"union"; nocase; distance:0;',
)


def suricata_rules():
    return "".join(
        'drop http any any -> any any (msg:"bench {0}"; '
        'flow:established,to_server; {1} sid:{2}; rev:1;)\n'.format(
            n, RULE_KINDS[n % len(RULE_KINDS)].format(n=n), 1000000 + n)
        for n in range(N_RULES))


class Suricata(Path):
    """Suricata between two bridges: what comes in by one of two links leaves
    by the other."""
    name = "suricata"
    title = "Suricata 7 inline, %d rules" % N_RULES
    far = links = None

    def start(self):
        need("suricata", "suricata of bookworm-backports")
        lab = self.lab
        if self.far is None:
            bridge = lab.add_bridge("br2")
            # A second server, behind the second bridge.
            server = lab.add_vm(bridge, "far", "52:54:00:77:00:05",
                                ["10.77.0.5/24"])
            self.site.serve(server)
            Suricata.far = server
        self.address = pplab.address(self.far)
        a, a_peer = lab.add_link("sa")
        b, b_peer = lab.add_link("sb")
        Suricata.links = a, b
        for dev in a, a_peer, b, b_peer:
            # Suricata forwards frames as it reads them: whole checksums, no
            # longer than the MTU.
            pplab.pphost.set_offloads(dev, False)
        conf = self.site.file("suricata.yaml", SURICATA.format(
            dir=lab.dir, a=a_peer, b=b_peer))
        rules = self.site.file("suricata.rules", suricata_rules())
        argv = ["suricata", "-c", conf, "-S", rules, "--af-packet",
                "--runmode=workers", "-l", lab.dir, "--pidfile",
                os.path.join(lab.dir, "suricata.pid")]
        log = open(os.path.join(lab.dir, "suricata.out"), "wb")
        with log:
            p = pplab.pphost.subprocess.Popen(
                argv, stdout=log, stderr=log, cwd=lab.dir,
                stdin=pplab.pphost.subprocess.DEVNULL, start_new_session=True)
        lab.processes.append(p)
        self.processes = [p]
        wait_for("Suricata has started", lambda: (
            p.poll() is not None or "Engine started" in self.lab.log(
                "suricata.out")), 60)
        if p.poll() is not None:
            raise LeftOut("Suricata ended: "
                          + self.lab.log("suricata.out")[-300:])
        lab.vsctl("add-port", lab.bridge, a)
        lab.vsctl("add-port", self.far.bridge, b)

    def stop(self):
        for dev in self.links or ():
            self.lab.vsctl("--if-exists", "del-port", dev)
        super().stop()
        for dev in self.links or ():
            pplab.pphost.run(["ip", "link", "del", dev], check=False)
            if dev in self.lab.links:
                self.lab.links.remove(dev)
        Suricata.links = None


MODSECURITY = """
load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;
daemon off;
worker_processes auto;
pid {dir}/modsecurity.pid;
error_log {dir}/modsecurity.log error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    client_body_temp_path {dir}/modsecurity-body;
    proxy_temp_path {dir}/modsecurity-proxy;
    fastcgi_temp_path {dir}/modsecurity-fastcgi;
    uwsgi_temp_path {dir}/modsecurity-uwsgi;
    scgi_temp_path {dir}/modsecurity-scgi;
    modsecurity on;
    modsecurity_rules_file {dir}/modsecurity-rules.conf;
    upstream s {{
        server {server}:80;
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address}:80 backlog=4096;
        location / {{
            proxy_pass http://s;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


class ModSecurity(Path):
    """nginx with ModSecurity and the Core Rule Set as a reverse proxy.  It
    takes bodies of at most 13 MB, and whole: no bulk transfers."""
    name = "modsecurity"
    title = "nginx, ModSecurity 3, CRS"
    has_bulk = False

    def start(self):
        if not (os.path.exists("/usr/lib/nginx/modules/"
                               "ngx_http_modsecurity_module.so")
                and os.path.isdir(CRS)):
            raise LeftOut("not installed (packages modsecurity-crs, "
                          "libnginx-mod-http-modsecurity)")
        box = self.site.box
        with open("/etc/nginx/modsecurity.conf") as f:
            recommended = f.read()
        shutil.copy("/etc/nginx/unicode.mapping", self.lab.dir)
        self.site.file("modsecurity-recommended.conf", recommended.replace(
            "SecRuleEngine DetectionOnly", "SecRuleEngine On").replace(
            "/var/log/nginx", self.lab.dir))
        self.site.file("modsecurity-rules.conf", "".join(
            "Include %s\n" % path for path in (
                os.path.join(self.lab.dir, "modsecurity-recommended.conf"),
                "/etc/modsecurity/crs/crs-setup.conf", CRS + "/*.conf")))
        self.address = pplab.address(box)
        conf = self.site.file("modsecurity.conf", MODSECURITY.format(
            dir=self.lab.dir, address=self.address,
            server=pplab.address(self.site.server)))
        self.processes = [self.site.spawn(
            box, ["nginx", "-p", self.lab.dir, "-c", conf], "modsecurity")]

    def wait_until_open(self):
        wait_for("nginx answers", lambda: answers(
            self.site.client, self.address, HTTP), 60)


ALL = (Direct, Hop, Patchpoint, CutThrough, HaproxyTcp, HaproxyHttp, Suricata,
       ModSecurity)
