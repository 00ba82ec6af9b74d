#!/usr/bin/env python3
"""What configurations cost: to load large ones, to hand one to all workers, and what those who are served feel of it.

  bench/reload.py                       everything (about two minutes; for a p99, on a quiet machine)
  bench/reload.py --part large,publish  of: large, publish, felt
"""
import argparse
import contextlib
import http.client
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

import harness
from proxies import CIRQUE, Proxy

ADMIN_PORT = 23002
LARGE = 100_000
ROUTES = 10_000
PUBLISHES = 40
RELOADS = 500
RELOADS_A_SECOND = (1, 10, 100)
RATE = 10_000  # requests a second
SECONDS, WARMUP = 1, 0.3  # of one measurement: short ones, many of them, find a quiet moment
PARTS = ("large", "publish", "felt")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=lambda text: text.split(","), default=PARTS, help="of: " + ",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=10, help="of what is repeated (10)")
    options = parser.parse_args()
    if not CIRQUE.exists():
        sys.exit("bench: there is no cirque to measure; run make build")
    harness.build_programs()
    harness.enter_network("system")
    harness.raise_descriptor_limit()
    harness.pin(harness.OTHER_CORE)
    with harness.workplace() as work:
        if "large" in options.part:
            large(work, options.rounds)
        with harness.origin(work):
            if "publish" in options.part:
                publish(work)
            if "felt" in options.part:
                felt(work, options.rounds)


def head(workers=1, port=harness.PROXY_PORT):
    return (f"listeners:\n  - {{name: web, address: '127.0.0.1:{port}'}}\n"
            f"server: {{workers: {workers}, pin_workers: false}}\n"
            f"metrics: {{listen: '127.0.0.1:{ADMIN_PORT}'}}\nlogging: {{access: {{enabled: false}}}}\n")


def pools(*names):
    return "pools:\n" + "".join(f"  - {{name: {name}, backends: ['127.0.0.1:{harness.ORIGIN_PORT}']}}\n" for name in names)


# --- large ones --------------------------------------------------------------------------------------------


def many_hosts():
    hosts = "".join(f"  - hosts: [h{n}.example.com]\n    routes:\n      - {{pool: p}}\n" for n in range(LARGE))
    return head() + pools("p") + "virtual_hosts:\n" + hosts


def many_keys():
    keys = "".join(f"      key-{n}: p{n % 4}\n" for n in range(LARGE))
    return (head() + pools("p0", "p1", "p2", "p3") + "virtual_hosts:\n  - hosts: ['*']\n    routes:\n      - {routing_table: t}\n"
            f"routing_tables:\n  - name: t\n    default: p0\n    keys:\n{keys}")


def large(work, rounds):
    for what, text in ((f"{LARGE:,} virtual hosts", many_hosts()), (f"a routing table with {LARGE:,} keys", many_keys())):
        path = work / "large.yaml"
        path.write_text(text)
        times = [run_to_its_end("validate", path) for _ in range(rounds)]
        print(f"{what}: loaded and compiled in {least_of(times, 0)} s of CPU time, {least_of(times, 1)} s by the clock (goal < 1 s); "
              f"{rss_when_ready(work, path) / 1e6:.0f} MB in use while serving", flush=True)


def least_of(times, which):
    """What others on the machine do can only add to it."""
    return f"{min(t[which] for t in times):.2f}"


def run_to_its_end(*arguments):
    """(CPU time, time)"""
    began = time.monotonic()
    process = subprocess.Popen(harness.on_core(harness.PROXY_CORE, [CIRQUE, *arguments]), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"bench: cirque {arguments[0]} ended with {status}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began


def rss_when_ready(work, path):
    log = work / "large.log"
    with harness.running([CIRQUE, "run", "--config", path], harness.PROXY_CORE, log) as process:
        while " ready" not in log.read_text():
            if process.poll() is not None:
                sys.exit(f"bench: {log.read_text()}")
            time.sleep(0.01)
        return rss_of(process.pid)


def rss_of(pid):
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


# --- to all workers ----------------------------------------------------------------------------------------


class Admin:
    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", ADMIN_PORT, timeout=30)

    def ask(self, method, path):
        self.connection.request(method, path, headers={"X-Cirque-Control": "1"})
        answer = self.connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            sys.exit(f"bench: {path}: {body}")
        return body

    def reload(self):
        self.ask("POST", "/reload")

    def publishing(self):
        page = self.ask("GET", "/metrics")
        return float(re.search(r"^cirque_config_publish_seconds (\S+)", page, re.M)[1])


def with_routes(count, variant, workers):
    """A hundred routes a host; every second one leads elsewhere in the other variant."""
    hosts = []
    for n in range(count // 100):
        routes = "".join(f"      - {{path_prefix: /r{r}, pool: {'ab'[(r * variant) % 2]}}}\n" for r in range(100))
        hosts.append(f"  - hosts: [h{n}.example.com]\n    routes:\n{routes}")
    fallback = "  - hosts: ['*']\n    routes:\n      - {pool: a}\n"
    return head(workers) + pools("a", "b") + "virtual_hosts:\n" + "".join(hosts) + fallback


@contextlib.contextmanager
def cirque(work, texts, core):
    """A process whose file becomes each of the texts in turn by call of what is given; on `core` alone, or on both."""
    path = work / "cirque.yaml"
    path.write_text(texts[0])
    numbers = iter(range(1, sys.maxsize))

    def next_text():
        fresh = path.with_suffix(".new")
        fresh.write_text(texts[next(numbers) % len(texts)])
        fresh.replace(path)
    proxy = Proxy("cirque", lambda *_: [CIRQUE, "run", "--config", path], lambda: "-")
    with harness.serving(proxy, work) as process:
        if core is None and harness.CORES_APART:
            subprocess.run(["taskset", "-a", "-p", "-c", f"{harness.PROXY_CORE},{harness.OTHER_CORE}", str(process.pid)],
                           check=True, stdout=subprocess.DEVNULL)
        yield process, next_text


def publish(work):
    texts = [with_routes(ROUTES, variant, workers=2) for variant in (0, 1)]
    with cirque(work, texts, core=None) as (_, next_text):
        admin = Admin()
        for when, load in (("at rest", None), ("at 64 connections", ["--connections", 64, "--seconds", 3600])):
            with contextlib.ExitStack() as stack:
                if load:
                    stack.enter_context(harness.running([harness.BUILD / "load", "--port", harness.PROXY_PORT, *load],
                                                        harness.OTHER_CORE, work / "load.log"))
                publishes, reloads = [], []
                for _ in range(PUBLISHES):
                    next_text()
                    began = time.monotonic()
                    admin.reload()
                    reloads.append(time.monotonic() - began)
                    publishes.append(admin.publishing())
            print(f"{ROUTES:,} routes to 2 workers, {when}: {in_ms(statistics.median(publishes))} ms, at most {in_ms(max(publishes))} ms "
                  f"of {PUBLISHES} (goal: 10 ms, never 100 ms); the whole reload {in_ms(statistics.median(reloads))} ms", flush=True)


def in_ms(seconds):
    return f"{seconds * 1e3:.3g}"


# --- what is felt ------------------------------------------------------------------------------------------


class Reloader:
    """Reloads at a pace until it is left, on a thread of its own. Without `reloads` it does all the same but that: it
    writes the files and asks something else, so that what the asking costs is in both figures."""

    def __init__(self, pace, next_text, reloads):
        self.pace, self.next_text, self.reloads, self.count = pace, next_text, reloads, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # this thread shares the generator's core
        admin = Admin()
        while not self.over.wait(1 / self.pace):
            self.next_text()
            admin.reload() if self.reloads else admin.ask("GET", "/readyz")
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def felt(work, rounds):
    """Quiet and not, taking turns in one process, so that whatever changes on the machine meets both."""
    texts = [with_routes(100, variant, workers=1) for variant in (0, 1)]
    figures = {(pace, reloads): [] for pace in RELOADS_A_SECOND for reloads in (False, True)}
    counts = dict.fromkeys(figures, 0)
    with cirque(work, texts, harness.PROXY_CORE) as (process, next_text):
        print(f"a reload takes {cost_to_worker(process.pid, next_text):.0f} µs of the worker's CPU time", flush=True)
        for _ in range(rounds):
            for arm in figures:
                with Reloader(arm[0], next_text, arm[1]) as reloader:
                    figures[arm].append(harness.load("--rate", RATE, "--seconds", SECONDS, "--warmup", WARMUP))
                counts[arm] += reloader.count
    print(f"p99 at {RATE:,} requests/s, medians of {rounds} rounds of {SECONDS} s (and lower quartiles, as what others on the "
          "machine do can only add to it):")
    for pace in RELOADS_A_SECOND:
        quiet, there = (quartiles_of(figures[pace, reloads]) for reloads in (False, True))
        lost = sum(f["lost"] for f in figures[pace, True])
        print(f"  while {counts[pace, True] / rounds / (WARMUP + SECONDS):,.1f} reloads/s: {there[1]:.0f} µs ({there[0]:.0f} µs), "
              f"{there[1] / quiet[1]:.2f} ({there[0] / quiet[0]:.2f}) times the {quiet[1]:.0f} µs ({quiet[0]:.0f} µs) without "
              f"(goal 1.10); {lost} lost", flush=True)


def quartiles_of(runs):
    return statistics.quantiles([run["p99_us"] for run in runs], n=4)


def cost_to_worker(pid, next_text):
    """Microseconds that a reload keeps the thread that serves from serving, however busy the machine is."""
    worker = next(task for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                  if (task / "comm").read_text().strip() == "cirque-worker")
    admin, before = Admin(), int((worker / "schedstat").read_text().split()[0])
    for _ in range(RELOADS):
        next_text()
        admin.reload()
    return (int((worker / "schedstat").read_text().split()[0]) - before) / 1e3 / RELOADS


if __name__ == "__main__":
    main()
