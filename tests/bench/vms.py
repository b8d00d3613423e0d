#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what many VMs cost control: 100 and 2,000 of them, while some come
and go, beside the same on the switch alone.

    vms.py [--vms N] [--rate N,...] [--seconds S] [--json FILE]

tests/bench/README.rst says what is measured and how."""

import argparse
import json
import os
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import manyvms                                              # noqa: E402
import pphost                                               # noqa: E402
import private                                              # noqa: E402

SMALL = 100
WORK = ("policy_iface", "flows_worked_out", "snapshot_row", "snapshot_base",
        "status_iface")

COLUMNS = (
    ("vms", "VMs", "%d"),
    ("rate", "rate", "%g"),
    ("alone_p50_ms", "switch alone p50", "%.1f"),
    ("alone_p99_ms", "p99 ms", "%.1f"),
    ("plug_p50_ms", "plug p50", "%.1f"),
    ("plug_p99_ms", "p99 ms", "%.1f"),
    ("ours_p50_ms", "of it ours p50", "%.1f"),
    ("ours_p99_ms", "p99 ms", "%.1f"),
    ("policy_ms", "policy on all, ms", "%.0f"),
    ("flows", "flows", "%d"),
    ("flows_bound", "at most", "%d"),
    ("rss_kib", "RSS KiB", "%d"),
    ("cpu_us_per_change", "CPU us a change", "%.0f"),
    ("vswitchd_percent", "vswitchd %", "%.0f"),
    ("interfaces_per_change", "looked at", "%.1f"),
)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def bound(lab, n):
    """Flows that there may be: 4 a VM, 4 a (policy, port), and those that
    have nothing to do with the number of VMs."""
    row = lab.daemon("server/list").splitlines()[0]
    services = row.split(" services=")[1].split()[0].split(",")
    others = lab.daemon("pipeline/show").count("  slot ") - n
    return 4 * n + 4 * len(services) + manyvms.FIXED_FLOWS + 2 * others


def get_ready(lab, n, rate, seconds):
    """'n' VMs, and for those to come their devices."""
    lab.grow(n)
    lab.make_devices(int(rate * seconds) + 1)
    time.sleep(2)               # What vswitchd still does is not the churn's.


def churn(lab, rate, seconds):
    """'rate' VMs a second come, and as many go.  Returns those that came."""
    came = lab.churn(rate, lambda n: n >= rate * seconds)
    lab.wait_plugged(300)
    return came


def ports_ms(lab, vms):
    """Milliseconds until the switch had given out the ports of 'vms'."""
    return [(vm.port - lab.db.replies[vm.request]) * 1000
            for vm in vms if vm.port]


def cases(args):
    """Numbers of VMs with rates; few take the highest one alone."""
    for n in sorted({min(SMALL, args.vms), args.vms}):
        for rate in args.rate if n > SMALL else args.rate[-1:]:
            yield n, rate


def measure_alone(lab, n, rate, seconds):
    """What the switch takes for the same changes, without a daemon."""
    print("vms: %d VMs, %g a second, on the switch alone" % (n, rate),
          file=sys.stderr)
    get_ready(lab, n, rate, seconds)
    times = ports_ms(lab, churn(lab, rate, seconds))
    return {"alone_p50_ms": percentile(times, 50),
            "alone_p99_ms": percentile(times, 99)}


def measure(lab, n, rate, seconds):
    print("vms: %d VMs, %g a second" % (n, rate), file=sys.stderr)
    get_ready(lab, n, rate, seconds)
    before = lab.work(*WORK)
    cpu = [lab.cpu(p) for p in (lab.control, lab.vswitchd)]
    begin = time.monotonic()
    vms = churn(lab, rate, seconds)
    took = time.monotonic() - begin
    cpu = [lab.cpu(p) - c for p, c in zip((lab.control, lab.vswitchd), cpu)]
    work = lab.work(*WORK)
    changes = 2 * len(vms)

    plug, ours = [], []
    for vm in vms:
        # Those that went before they were seen are in neither.
        if vm.protected and vm.port:
            plug.append((vm.protected - lab.db.replies[vm.request]) * 1000)
            ours.append((vm.protected - vm.port) * 1000)
    row = {
        "vms": n,
        "rate": rate,
        "plugs": len(plug),
        "plug_p50_ms": percentile(plug, 50),
        "plug_p99_ms": percentile(plug, 99),
        "ours_p50_ms": percentile(ours, 50),
        "ours_p99_ms": percentile(ours, 99),
        "cpu_us_per_change": cpu[0] * 1e6 / changes,
        "vswitchd_percent": 100 * cpu[1] / took,
        "interfaces_per_change": (work["policy_iface"]
                                  - before["policy_iface"]) / changes,
        "work_per_change": {name: (work[name] - before[name]) / changes
                            for name in WORK},
        "flows": lab.n_flows(),
        "flows_bound": bound(lab, n),
        "rss_kib": lab.memory(),
    }
    times = []
    for mode in "monitor", "enforce", "monitor", "enforce":
        begin = lab.set_all(mode=mode)
        lab.wait_all("monitored" if mode == "monitor" else "protected")
        times.append((time.monotonic() - begin) * 1000)
    row["policy_ms"] = sorted(times)[len(times) // 2]
    return row


def main():
    parser = argparse.ArgumentParser(
        usage="vms.py [--vms N] [--rate N,...] [--seconds S] [--json FILE]",
        add_help=False)
    parser.add_argument("--vms", type=int, default=2000)
    parser.add_argument("--rate", default="2,10,50", type=lambda text: sorted(
        float(word) for word in text.split(",")))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json")
    args = parser.parse_args()

    with manyvms.ManyVms(prefix="ppv") as lab:
        lab.open()
        rows = [measure_alone(lab, n, rate, args.seconds)
                for n, rate in cases(args)]
    with manyvms.ManyVms(prefix="ppv") as lab:
        lab.open()
        lab.start_daemon()
        lab.set_all(policy="all")
        for row, (n, rate) in zip(rows, cases(args)):
            row.update(measure(lab, n, rate, args.seconds))
    print("  ".join(title for _, title, _ in COLUMNS))
    for row in rows:
        print("  ".join((form % row[key]).rjust(len(title))
                        for key, title, form in COLUMNS))
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=2)
            f.write("\n")


if __name__ == "__main__":
    private.enter()
    pphost.interrupt_on(15)
    main()
