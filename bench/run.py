#!/usr/bin/env python3
"""Measures Cirque beside nginx, HAProxy and a bare relay, interleaved: the proxy alone on one core,
generator and origin on the other.

  bench/run.py                                  everything, five rounds (about eight minutes)
  bench/run.py --quick --only cirque,nginx,haproxy --scenario c64
  bench/run.py --only cirque,limited,everything,nginx,haproxy   what resilience costs
  bench/run.py --from build/bench/latest.json   print an earlier run again
  bench/run.py --publish                        also write the results into docs/
"""
import argparse
import dataclasses
import json
import os
import pathlib
import platform
import re
import resource
import socket
import subprocess
import sys
import time

import harness
import report
from proxies import CIRQUE, PROXIES, install_peers


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    load: tuple = ()      # arguments of the load generator
    goal: float = None    # Cirque's CPU a request, as a share of the better peer's, at most
    floor: float = None   # the same as a multiple of the relay's
    relay: bool = True    # can the relay do it?


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario("c64", "64 connections × 100 B", goal=0.75, floor=1.15),
    Scenario("c1000", "1,000 connections × 100 B", ("--connections", "1000"), goal=0.60),
    Scenario("b10k", "64 connections × 10 KB", ("--path", "/10k"), goal=0.70),
    Scenario("b1m", "16 connections × 1 MB", ("--path", "/1m", "--connections", "16"), goal=0.80),
    Scenario("c1", "1 connection × 100 B", ("--connections", "1")),
    Scenario("rate", "20,000 requests/s on 64 connections", ("--rate", "20000"), goal=0.75),
    # The relay would connect to the origin each time, which no proxy here does.
    Scenario("close", "a connection for each request", ("--close",), goal=0.95, relay=False),
    Scenario("idle", "5,000 idle connections", relay=False),
)}
QUICK = ("c64", "c1000", "b10k", "b1m")
IDLE_CONNECTIONS = 5000
DISTURBED_RUNS_MAX = 3
WARMUP = 0.3  # seconds of load before the window that counts


def main():
    options = read_options()
    if options.earlier:
        results = json.loads(options.earlier.read_text())
    else:
        prepare(options)
        harness.enter_network(options.cc)
        results = measure(options)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(report.encode(results))
    print(report.table(results))
    if options.publish:
        report.publish(results)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=words_of(PROXIES), help="proxies, of: " + ",".join(PROXIES) + " (all but limited and everything)")
    parser.add_argument("--scenario", type=words_of(SCENARIOS), help="scenarios, of: " + ",".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, help="interleaved rounds (5; quick: 3)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (2; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="short runs, of " + ",".join(QUICK))
    parser.add_argument("--cc", default="cubic", help="congestion control of all (cubic; 'system': the machine's own)")
    parser.add_argument("--json", type=pathlib.Path, default=harness.BUILD / "latest.json", help="where results go")
    parser.add_argument("--from", type=pathlib.Path, dest="earlier", metavar="JSON", help="do not measure, read these")
    parser.add_argument("--publish", action="store_true", help="update docs/benchmarks.md, its JSON and its chart")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.scenario = options.scenario or (QUICK if options.quick else tuple(SCENARIOS))
    options.only = options.only or tuple(name for name, proxy in PROXIES.items() if proxy.usual)
    return options


def words_of(known):
    def read(text):
        names = tuple(text.split(","))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return names
    return read


def prepare(options):
    harness.build_programs()
    if any(PROXIES[name].peer for name in options.only):
        install_peers()
    if "cirque" in options.only and not CIRQUE.exists():
        sys.exit("bench: there is no cirque to measure; run make build, or leave it out with --only")


def measure(options):
    harness.raise_descriptor_limit()
    harness.pin(harness.OTHER_CORE)  # this program, and all that it starts without saying otherwise
    runs = []
    with harness.workplace() as work, harness.origin(work) as origin:
        for number in range(options.rounds):
            for scenario in (SCENARIOS[name] for name in options.scenario):
                for name in turned(options.only, number):
                    if name == "relay" and not scenario.relay:
                        continue
                    figures = quiet_run(PROXIES[name], scenario, options, work, origin)
                    runs.append({"round": number + 1, "scenario": scenario.name, "proxy": name, **figures})
                    progress(runs[-1], options)
    results = {
        "machine": machine(),
        "options": {"rounds": options.rounds, "seconds": options.seconds},
        "versions": {name: PROXIES[name].version() for name in options.only},
        "scenarios": {name: {"title": s.title, "goal": s.goal, "floor": s.floor}
                      for name, s in SCENARIOS.items() if name in options.scenario},
        "runs": runs,
    }
    return {**results, "summary": report.summarise(results)}


def turned(names, number):
    """Each round begins with another proxy, so that none always comes after the same one."""
    at = number % len(names)
    return names[at:] + names[:at]


def quiet_run(proxy, scenario, options, work, origin):
    """A run that others disturbed is measured again, a few times; what it showed plays no part in that."""
    runs = []
    while len(runs) < DISTURBED_RUNS_MAX:
        runs.append(one_run(proxy, scenario, options, work, origin))
        if runs[-1].get("foreign", 0) <= report.FOREIGN_SHARE_MAX:
            break
    return min(runs, key=lambda run: run.get("foreign", 0))


def one_run(proxy, scenario, options, work, origin):
    """A fresh process for each run: none profits or suffers from what an earlier one left behind."""
    with harness.serving(proxy, work) as process:
        pids = harness.tree_of(process.pid)
        if scenario.name == "idle":
            return idle_run(pids)
        foreign = ForeignWork([origin.pid, *pids])
        figures = harness.load("--seconds", options.seconds, "--warmup", WARMUP,
                               "--watch", ",".join(map(str, pids)), *scenario.load)
        return {**figures, "foreign": foreign.share()}


class ForeignWork:
    """How much of the machine went to others while we measured: a reason to distrust a run."""

    def __init__(self, ours):
        self.ours = ours
        self.began = time.monotonic()
        self.before = self.foreign_seconds()

    def foreign_seconds(self):
        tick = os.sysconf("SC_CLK_TCK")
        # user, nice, system, irq, softirq and steal; not idle and not waiting for disks
        fields = [int(field) for field in open("/proc/stat").readline().split()[1:9]]
        busy = (sum(fields) - fields[3] - fields[4]) / tick
        for pid in self.ours:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            busy -= (int(fields[11]) + int(fields[12])) / tick
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):  # children: the generators that have ended
            usage = resource.getrusage(who)
            busy -= usage.ru_utime + usage.ru_stime
        return busy

    def share(self):
        """Of one core; what the machine's interrupts take is in it."""
        return round(max(0, self.foreign_seconds() - self.before) / (time.monotonic() - self.began), 3)


def idle_run(pids):
    """Every connection makes one request, one after the other, and then stays open and silent."""
    before, _ = memory_of(pids)
    body = harness.body_of("/100")
    connections = []
    try:
        for _ in range(IDLE_CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", harness.PROXY_PORT), timeout=5)
            connections.append(connection)
            connection.sendall(b"GET /100 HTTP/1.1\r\nHost: bench.example\r\n\r\n")
            answer = b""
            while not answer.endswith(body):
                piece = connection.recv(4096)
                if not piece:
                    sys.exit("bench: a connection was closed that should idle")
                answer += piece
        time.sleep(0.5)  # whatever a proxy does when a connection falls idle is done by then
        after, whole = memory_of(pids)
    finally:
        for connection in connections:
            connection.close()
    return {"rss_kb": whole, "bytes_a_connection": round((after - before) * 1024 / IDLE_CONNECTIONS)}


def memory_of(pids):
    """Anonymous and whole resident memory of the processes, in KB."""
    anonymous = whole = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                anonymous += int(line.split()[1])
            elif line.startswith("Rss:"):
                whole += int(line.split()[1])
    return anonymous, whole


def progress(run, options):
    if run["scenario"] == "idle":
        figures = f"{run['bytes_a_connection']:,} B a connection"
    else:
        figures = (f"{run['cpu_us']:8.2f} µs {run['rps']:10,.0f}/s  p99 {run['p99_us']:8,.0f} µs"
                   f"  busy {run['cpu_busy']:4.0%}  others {run['foreign']:4.0%}")
    print(f"round {run['round']}/{options.rounds} {run['scenario']:6} {run['proxy']:10} {figures}", file=sys.stderr)


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": re.match(r"[\d.]*", platform.release())[0],
            "network": os.environ[harness.NETWORK], "date": time.strftime("%Y-%m-%d")}


if __name__ == "__main__":
    main()
