#!/usr/bin/env python3
"""What health checks cost those who are served: ten thousand backends, each asked by HTTP every ten seconds, while
others ask through one of their pools at a fixed rate. With checks and without, in turns, in one process.

  bench/health.py                  (about two minutes)
  bench/health.py --rounds 8       more turns
  bench/health.py --down 5000      so many of the backends do not exist
"""
import argparse
import os
import pathlib
import re
import signal
import statistics
import sys
import time

import harness
from proxies import CIRQUE, Proxy

POOLS = 100
RATE = 4_000     # requests a second, on 64 connections
SECONDS, WARMUP = 5, 0.3
INTERVAL = 10    # seconds; what is lengthened is at rest after so long
NEVER = "1h"
LOOK = 0.05      # seconds between two looks at what is open

HEAD = f"""\
listeners:
  - {{name: web, address: '127.0.0.1:{harness.PROXY_PORT}'}}
virtual_hosts:
  - hosts: ['*']
    routes: [{{pool: p0}}]
server: {{workers: 2, pin_workers: false}}
metrics: {{listen: '127.0.0.1:0'}}
logging: {{access: {{format: json, output: file, path: '@WORK@/access.log'}}}}
pools:
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", type=int, default=10_000, help="in all, in a hundred pools (10000)")
    parser.add_argument("--down", type=int, default=0, help="how many of them refuse connections (0)")
    parser.add_argument("--rounds", type=int, default=4, help="each with checks and without (4)")
    options = parser.parse_args()
    harness.raise_descriptor_limit()
    if not CIRQUE.exists():
        sys.exit("bench: there is no cirque to measure; run make build")
    harness.build_programs()
    harness.enter_network("system")
    with harness.workplace() as work, harness.origin(work, "all"):
        write(work, options, NEVER)
        proxy = Proxy("cirque", lambda *_: [CIRQUE, "run", "--config", work / "health.yaml"], lambda: "-")
        with harness.serving(proxy, work) as process:
            on_both_cores(process.pid)
            measure(process.pid, work, options)


def write(work, options, interval):
    """The pool that is asked has only backends that are there."""
    each = options.backends // POOLS
    text = HEAD.replace("@WORK@", str(work))
    for pool in range(POOLS):
        numbers = range(pool * each, (pool + 1) * each)
        down = options.backends - options.down
        listed = ", ".join(f"'127.{1 + n // 62500}.{n // 250 % 250}.{1 + n % 250}:"
                           f"{harness.ORIGIN_PORT + (n >= down)}'" for n in numbers)
        text += (f"  - name: p{pool}\n    backends: [{listed}]\n"
                 f"    health_check: {{path: /100, interval: {interval}, timeout: 2s, unhealthy_threshold: 3}}\n")
    fresh = work / "health.new"
    fresh.write_text(text)
    fresh.replace(work / "health.yaml")


def on_both_cores(pid):
    if harness.CORES_APART:
        os.system(f"taskset -a -p -c {harness.PROXY_CORE},{harness.OTHER_CORE} {pid} > /dev/null")


def measure(pid, work, options):
    seen = {False: [], True: []}
    at_rest = rss_of(pid)
    for number in range(options.rounds):
        for checked in ((False, True) if number % 2 == 0 else (True, False)):
            write(work, options, f"{INTERVAL}s" if checked else NEVER)
            reload(pid, work)
            opened = highest_open(pid, INTERVAL + 2)
            seen[checked].append({**one_round(pid), "open": opened})
    tell(options, seen, at_rest, rss_of(pid))


def reload(pid, work):
    log = work / "cirque" / "log"
    before = log.read_text().count("configuration reloaded")
    os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + 30
    while log.read_text().count("configuration reloaded") == before:
        if time.monotonic() > end:
            sys.exit(f"bench: the configuration was not taken\n{log.read_text()[-2000:]}")
        time.sleep(0.05)


def highest_open(pid, seconds):
    """The most descriptors that were open when somebody looked."""
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, len(os.listdir(f"/proc/{pid}/fd")))
        time.sleep(LOOK)
    return most


def one_round(pid):
    began, connects, steward = time.monotonic(), connections_opened(), cpu_of(pid, pid)
    figures = harness.load("--rate", RATE, "--connections", 64, "--seconds", SECONDS, "--warmup", WARMUP, "--watch", pid)
    took = time.monotonic() - began
    return {"p50": figures["p50_us"], "p99": figures["p99_us"], "cpu": figures["cpu_us"],
            "steward": (cpu_of(pid, pid) - steward) / took, "connects": (connections_opened() - connects) / took}


def tell(options, seen, at_rest, at_end):
    def median(checked, what):
        return statistics.median(one[what] for one in seen[checked])
    print(f"{options.backends:,} backends in {POOLS} pools, {options.down:,} of them down, checked every {INTERVAL} s; "
          f"{RATE:,} requests/s, {options.rounds} rounds of {SECONDS} s each, in turns")
    for what, unit in (("p50", "us"), ("p99", "us"), ("cpu", "us of CPU a request")):
        without, with_checks = median(False, what), median(True, what)
        ratios = [b[what] / a[what] for a, b in zip(seen[False], seen[True])]
        print(f"  {what}: {without:.1f} {unit} without, {with_checks:.1f} with checks; by round "
              + ", ".join(f"{ratio:.2f}" for ratio in ratios) + f" times, median {statistics.median(ratios):.2f}")
    extra = median(True, "connects") - median(False, "connects")
    share = median(True, "steward") - median(False, "steward")
    print(f"  {extra:.0f} checks/s; the steward's thread: {100 * median(True, 'steward'):.1f} % of a core with them, "
          f"{100 * median(False, 'steward'):.1f} % without: {1e6 * share / max(extra, 1):.0f} us a check")
    print(f"  descriptors open at a time: {median(False, 'open'):.0f} without, {median(True, 'open'):.0f} with them; "
          f"memory {at_rest / 1e6:.0f} MB before, {at_end / 1e6:.0f} MB at the end")


# --- what the kernel knows ---------------------------------------------------------------------------------


def connections_opened():
    """By connect(), in this network."""
    names, values = (line.split() for line in pathlib.Path("/proc/net/snmp").read_text().splitlines()
                     if line.startswith("Tcp:"))
    return int(values[names.index("ActiveOpens")])


def cpu_of(pid, thread):
    """Seconds; the steward is the thread that the process began with."""
    return int(pathlib.Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9


def rss_of(pid):
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


if __name__ == "__main__":
    main()
