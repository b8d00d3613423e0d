#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures ovs-patchpoint beside other ways from a client to a server.

    bench.py [--rounds N] [--seconds S] [--only PATH,...] [--json FILE]
             [--out FOLDER]

The paths take turns: A B C A B C ...; each figure is the median of its
rounds.  tests/bench/README.rst says what is measured and how."""

import argparse
import json
import os
import signal
import statistics
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import paths                                                # noqa: E402
import pphost                                               # noqa: E402
import pplab                                                # noqa: E402
import private                                              # noqa: E402
import report                                               # noqa: E402

CONNECTIONS = 16
IDLE_CONNECTIONS = 1000

# What a browser sends.
HEADERS = ("Host: bench.example",
           "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "
           "Gecko/20100101 Firefox/128.0",
           "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
           "Accept-Language: en-US,en;q=0.5",
           "Accept-Encoding: gzip, deflate",
           "Cookie: theme=dark; session=0123456789abcdef")
TARGET = "/shop/item?id=1234&lang=en"


def cpu_seconds(pids):
    """Seconds that all threads of 'pids' have run, from the scheduler."""
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                total += int(f.read().split()[0])
    return total / 1e9


def memory(pids):
    """Bytes that 'pids' occupy; what several share counts once."""
    total = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            for line in f:
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


class Visit:
    """One path's turn."""

    def __init__(self, path, seconds):
        self.path = path
        self.seconds = seconds
        self.client = path.site.client
        self.figures = {"requests": 0, "failed": 0}

    def wrk(self, connections, *headers, seconds=None):
        argv = ["wrk", "-t1", "-c%d" % connections,
                "-d%ds" % (seconds or self.seconds), "--latency",
                "-s", os.path.join(HERE, "report.lua")]
        for header in HEADERS + headers:
            argv += ["-H", header]
        argv.append("http://%s:%d%s" % (self.path.address, paths.HTTP,
                                        TARGET))
        out = self.client.run(argv, timeout=self.seconds + 60).stdout
        words = [line for line in out.splitlines()
                 if line.startswith("result ")][0].split()[1:]
        result = {k: int(v) for k, v in (w.split("=") for w in words)}
        for key in "requests", "failed":
            self.figures[key] += result[key]
        return result

    def bulk(self, direction):
        out = self.client.run(
            [paths.BULK_PROGRAM, direction, self.path.address,
             str(paths.BULK), str(CONNECTIONS), str(self.seconds),
             *self.path.bulk_args],
            timeout=self.seconds + 60).stdout
        moved, ns = (int(word) for word in out.split())
        return moved * 8 / ns

    def per_connection(self):
        """Memory that a connection takes that has had one request."""
        pids = self.path.middlebox()
        if not pids:
            return None
        request = "GET %s HTTP/1.1\r\n%s\r\n\r\n" % (TARGET,
                                                     "\r\n".join(HEADERS))
        before = memory(pids)
        socks = []
        try:
            for _ in range(IDLE_CONNECTIONS):
                s = self.client.connect(self.path.address, paths.HTTP, 10)
                socks.append(s)
                s.sendall(request.encode())
                if not s.recv(65536).startswith(b"HTTP/1.1 200"):
                    self.figures["failed"] += 1
            return max(0, memory(pids) - before) / IDLE_CONNECTIONS
        finally:
            for s in socks:
                s.close()

    def ask(self):
        """All figures that are about requests."""
        f = self.figures
        self.wrk(CONNECTIONS, seconds=1)
        f["bytes_per_conn"] = self.per_connection()

        pids = [self.path.lab.vswitchd.pid] + self.path.middlebox()
        before = cpu_seconds(pids)
        r = self.wrk(CONNECTIONS)
        f["cpu_s_per_100k"] = ((cpu_seconds(pids) - before) * 1e5
                               / max(1, r["requests"]))
        f["http_rps"] = r["requests"] * 1e6 / r["us"]
        f["p50_load_us"], f["p99_load_us"] = r["p50"], r["p99"]
        r = self.wrk(1)
        f["p50_us"], f["p99_us"] = r["p50"], r["p99"]
        r = self.wrk(CONNECTIONS, "Connection: close")
        f["conn_rps"] = r["requests"] * 1e6 / r["us"]

    def run(self):
        f = self.figures
        f.update((figure.key, None) for figure in report.FIGURES)
        if self.path.has_requests:
            self.ask()
        for direction in "up", "down":
            f["bulk_%s_gbps" % direction] = (
                self.bulk(direction) if self.path.has_bulk else None)
        return f


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    version = pphost.run(["ovs-vswitchd", "--version"]).stdout.split("\n")[0]
    return {"cpu": model, "cpus": os.cpu_count(),
            "kernel": os.uname().release, "switch": version.split()[-1],
            "datapath": "userspace, TSO"}


class Bench:
    def __init__(self, lab, args):
        self.lab = lab
        self.args = args
        self.paths = [c for c in paths.ALL
                      if not args.only or c.name in args.only]
        self.rounds = {c.name: [] for c in self.paths}
        self.left_out = {}
        self.complaints = []    # Why the figures are not to be trusted.

    def one(self, cls, number):
        path = cls(self.site)
        print("bench: round %d of %d, %s ..."
              % (number, self.args.rounds, cls.title), end=" ", flush=True)
        try:
            path.start()
            path.wait_until_open()
            figures = Visit(path, self.args.seconds).run()
            self.complaints += ["%s: %s" % (cls.name, what) for what in
                                path.complaints(figures["requests"])]
            if figures["failed"]:
                self.complaints.append("%s: %d requests failed"
                                       % (cls.name, figures["failed"]))
        except paths.LeftOut as e:
            self.left_out[cls.name] = str(e)
            print("left out: %s" % e, flush=True)
            return
        finally:
            path.stop()
        self.rounds[cls.name].append(figures)
        print("%s requests/s, %s connections/s, %s/%s Gb/s%s" % (
            *(report.show(figures[k], digits) for k, digits in (
                ("http_rps", 0), ("conn_rps", 0), ("bulk_up_gbps", 1),
                ("bulk_down_gbps", 1))),
            ", %d FAILED" % figures["failed"] if figures["failed"] else ""),
            flush=True)

    def run(self):
        self.site = paths.Site(self.lab)
        for number in range(1, self.args.rounds + 1):
            for cls in self.paths:
                if cls.name not in self.left_out:
                    self.one(cls, number)

    def rows(self):
        rows = []
        for cls in self.paths:
            rounds = self.rounds[cls.name]
            row = {"path": cls.name}
            for figure in report.FIGURES:
                values = [r[figure.key] for r in rounds
                          if r[figure.key] is not None]
                row[figure.key] = (round(statistics.median(values),
                                         figure.digits) if values else None)
            row["rounds"] = len(rounds)
            row["each"] = rounds
            row["failed"] = sum(r["failed"] for r in rounds)
            if cls.name in self.left_out:
                row["left_out"] = self.left_out[cls.name]
            rows.append(row)
        return rows


def parse_args():
    parser = argparse.ArgumentParser(
        prog="quickstart bench", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, metavar="N",
                        help="turns of each path (3)")
    parser.add_argument("--seconds", type=int, default=3, metavar="S",
                        help="of each measurement (3)")
    parser.add_argument("--only", default="", metavar="PATH,...",
                        help="of: " + ", ".join(c.name for c in paths.ALL))
    parser.add_argument("--json", metavar="FILE",
                        help="write the figures to FILE")
    parser.add_argument("--out", default=".", metavar="FOLDER",
                        help="where bench.txt and bench.svg go")
    args = parser.parse_args()
    args.only = [name for name in args.only.split(",") if name]
    unknown = set(args.only) - {c.name for c in paths.ALL}
    if unknown:
        parser.error("no such path: " + ", ".join(sorted(unknown)))
    if args.rounds < 1 or args.seconds < 1:
        parser.error("--rounds and --seconds have to be at least 1")
    return args


def main():
    args = parse_args()
    private.enter()
    pphost.interrupt_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    start = time.monotonic()
    with pplab.Lab(tso=True) as lab:
        bench = Bench(lab, args)
        bench.run()
    rows = bench.rows()
    where = machine()
    titles = {c.name: c.title for c in paths.ALL}
    text = report.table(rows, titles, where)
    print("\n" + text)
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "bench.txt"), "w") as f:
        f.write(text)
    with open(os.path.join(args.out, "bench.svg"), "w") as f:
        f.write(report.plot(rows, titles, where))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"machine": where, "rows": rows}, f, indent=2)
            f.write("\n")
    print("bench: took %d s; table and plot in %s"
          % (time.monotonic() - start, os.path.abspath(args.out)))
    for complaint in bench.complaints:
        print("bench: " + complaint, file=sys.stderr)
    sys.exit(1 if bench.complaints else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nbench: interrupted", file=sys.stderr)
        sys.exit(1)
