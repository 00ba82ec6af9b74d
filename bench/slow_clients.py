#!/usr/bin/env python3
"""What slow clients cost those who are not: thousands of heads that come a byte at a time and of answers that are
taken a few bytes at a time, while others ask at a fixed rate. With them and without, in turns, in one process.

  bench/slow_clients.py                   2,500 of each kind (about two minutes)
  bench/slow_clients.py --rounds 8        more turns
"""
import argparse
import contextlib
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time

import harness
from proxies import CIRQUE, Proxy

RATE = 4_000  # requests a second of those who are not slow, on 64 connections
SECONDS, WARMUP = 1, 0.3
TURNS = 6     # measurements in a round: short ones, as what else happens on a machine spoils some of them
EVERY = 10.0  # seconds from one drip of a slow client to its next: as slowhttptest has it
COMING = 400  # slow clients that connect in a second, as the tools for such attacks have it
GOAL = 1.20

# What slow clients ask for comes from an origin of their own, as one that is busy with filling buffers would keep the
# others' answers waiting. It gives way to everybody, like the slow clients: they would be elsewhere.
SLOW_ORIGIN_PORT = harness.ORIGIN_PORT + 10
GIVING_WAY = ("chrt", "--idle", "0")

CONFIG = f"""\
listeners: [{{name: web, address: '127.0.0.1:{harness.PROXY_PORT}'}}]
pools:
  - {{name: web, backends: ['127.0.0.1:{harness.ORIGIN_PORT}']}}
  - {{name: large, backends: ['127.0.0.1:{SLOW_ORIGIN_PORT}']}}
virtual_hosts:
  - hosts: ['*']
    routes: [{{path: /1m, pool: large}}, {{pool: web}}]
server: {{workers: 2, pin_workers: false}}
limits: {{upstream_connections: 20000}}  # each slow reader holds one
metrics: {{listen: '127.0.0.1:0'}}
logging: {{access: {{format: json, output: file, path: 'access.log'}}}}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5_000, help="slow ones, half of each kind (5000)")
    parser.add_argument("--rounds", type=int, default=3, help="each with them and without (3)")
    parser.add_argument("--attack", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    harness.raise_descriptor_limit()
    if options.attack:
        return attack(options.clients)
    if not CIRQUE.exists():
        sys.exit("bench: there is no cirque to measure; run make build")
    harness.build_programs()
    harness.enter_network("system")
    with (harness.workplace() as work, harness.origin(work),
          harness.origin(work, port=SLOW_ORIGIN_PORT, under=GIVING_WAY) as origin, cirque(work) as process):
        measure(process, origin, work, options)


@contextlib.contextmanager
def cirque(work):
    """On both cores, as its two workers and everybody else."""
    path = work / "slow.yaml"
    path.write_text(CONFIG.replace("access.log", str(work / "access.log")))
    proxy = Proxy("cirque", lambda *_: [CIRQUE, "run", "--config", path], lambda: "-")
    with harness.serving(proxy, work) as process:
        on_both_cores(process.pid)
        yield process


def on_both_cores(pid):
    if harness.CORES_APART:
        subprocess.run(["taskset", "-a", "-p", "-c", f"{harness.PROXY_CORE},{harness.OTHER_CORE}", str(pid)],
                       check=True, stdout=subprocess.DEVNULL)


def measure(process, origin, work, options):
    seen = {False: [], True: []}
    cpu = {False: [], True: []}
    for number in range(options.rounds):
        for slow in ((False, True) if number % 2 == 0 else (True, False)):
            with attackers(options.clients, work) if slow else contextlib.nullcontext():
                settle(process.pid, origin.pid)
                for _ in range(TURNS):
                    figures = harness.load("--rate", RATE, "--connections", 64, "--seconds", SECONDS, "--warmup", WARMUP,
                                           "--watch", process.pid)
                    seen[slow].append(figures["p99_us"])
                    cpu[slow].append(figures["cpu_us"])
    quiet, loud = (statistics.median(seen[slow]) for slow in (False, True))
    print(f"p99 of {RATE:,} requests/s, {options.rounds} rounds of {TURNS} times {SECONDS} s each, in turns: "
          f"{quiet:.0f} us without, {loud:.0f} us with {options.clients:,} slow clients: {loud / quiet:.2f} times (goal: {GOAL})")
    for slow in (False, True):
        low, middle, high = statistics.quantiles(seen[slow], n=4)
        print(f"  {'with them' if slow else 'without'}: quartiles {low:.0f}, {middle:.0f}, {high:.0f}; {listed(sorted(seen[slow]))}")
    print(f"  CPU time a request: {statistics.median(cpu[False]):.1f} us without, {statistics.median(cpu[True]):.1f} us with; "
          f"{rss_of(process.pid) / 1e6:.0f} MB resident at the end")


def settle(*pids):
    """Until they have little to do: thousands that connect, and gigabytes that fill their sockets' buffers, are another
    matter. On a virtual machine the first use of that memory takes seconds of the origin's time."""
    end = time.monotonic() + 30
    before = sum(map(cpu_of, pids))
    while time.monotonic() < end:
        time.sleep(0.5)
        if (now := sum(map(cpu_of, pids))) - before < 0.05:
            return
        before = now


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listed(figures):
    return ", ".join(f"{figure:.0f}" for figure in figures)


def rss_of(pid):
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


# --- the slow ones -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def attackers(count, work):
    """In a process of their own, all connected."""
    log = work / "attack.log"
    command = [sys.executable, pathlib.Path(__file__).resolve(), "--attack", "--clients", count]
    with harness.running(command, harness.OTHER_CORE, log) as process:
        while "connected" not in log.read_text():
            if process.poll() is not None:
                sys.exit(f"bench: {log.read_text()}")
            time.sleep(0.02)
        yield
        if process.poll() is not None:
            sys.exit(f"bench: the slow clients have ended\n{log.read_text()}")


def attack(count):
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    began, slow = time.monotonic(), []
    for number in range(count):
        sleep_until(began + number / COMING)
        slow.append(Head(number) if number % 2 else Reader(number))
    print("connected", flush=True)
    began = time.monotonic()
    for turn in range(1 << 40):
        for place, one in enumerate(slow):
            sleep_until(began + (turn + place / count) * EVERY)
            one.drip()


def sleep_until(due):
    if (wait := due - time.monotonic()) > 0:
        time.sleep(wait)


class Slow:
    def __init__(self, number):
        self.number = number
        self.open()

    def connect(self):
        """From many addresses, as ports of one would not be enough for long."""
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.bind((f"127.0.{1 + self.number // 250}.{1 + self.number % 250}", 0))
        self.sock.connect(("127.0.0.1", harness.PROXY_PORT))
        self.sock.setblocking(False)

    def drip(self):
        """Whoever is ended comes again."""
        try:
            if self.take():
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.sock.close()
        self.open()


class Head(Slow):
    def open(self):
        self.connect()
        self.sock.send(b"GET /100 HTTP/1.1\r\nHost: bench.example\r\nX-Slow: ")

    def take(self):
        return self.sock.send(b"x")


class Reader(Slow):
    def open(self):
        self.connect()
        self.sock.send(b"GET /1m HTTP/1.1\r\nHost: bench.example\r\n\r\n")

    def take(self):
        return self.sock.recv(16)


if __name__ == "__main__":
    main()
