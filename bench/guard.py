#!/usr/bin/env python3
"""Two figures that a noisy machine cannot blur, with limits for CI: user instructions and system calls a
request, at 64 connections with keep-alive. Each is the difference of two runs that differ only in how
many requests they serve, so that starting, connecting and stopping cancel out.

  bench/guard.py                    Cirque, both figures; fails above a limit
  bench/guard.py --annotate         also the functions that the instructions went to
  bench/guard.py --proxy nginx      another proxy, for comparison, without limits
"""
import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import typing

import harness
from proxies import CIRQUE, PROXIES, install_peers

CONNECTIONS = 64
OUTPUT = harness.BUILD / "guard"


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    limit: float
    requests: tuple          # of the small run and the large one
    tool: typing.Callable    # (folder of the tool's output) -> the command before the proxy's own
    count: typing.Callable   # (folder) -> what the tool counted, by kind


def callgrind(folder):
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.%p"]


def instructions(folder):
    files = folder.glob("callgrind.*")
    return {"all": sum(int(re.search(r"^(?:totals|summary): (\d+)", file.read_text(), re.M)[1]) for file in files)}


def strace(folder):
    return ["strace", "-c", "-f", "-q", "-o", folder / "strace"]


def system_calls(folder):
    """Columns: share of time, seconds, microseconds a call, calls, errors if any, name."""
    rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", (folder / "strace").read_text(), re.M)
    return {name: int(calls) for calls, name in rows if name != "total"}


# The goal for instructions is 10,000. The bound is what has been reached so far, and may only go down.
MEASURES = (
    Measure("user instructions", 10_000, (2_000, 12_000), callgrind, instructions),
    Measure("system calls", 4.3, (4_000, 24_000), strace, system_calls),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proxy", choices=PROXIES, default="cirque")
    parser.add_argument("--annotate", action="store_true", help="list the functions that cost most")
    options = parser.parse_args()
    proxy = PROXIES[options.proxy]
    harness.build_programs()
    if proxy.peer:
        install_peers()
    if proxy.name == "cirque" and not CIRQUE.exists():
        sys.exit("guard: there is no cirque to measure; run make build")
    harness.enter_network("system")
    harness.raise_descriptor_limit()
    failed = False
    with harness.workplace() as work, harness.origin(work):
        for measure in MEASURES:
            failed |= not report(proxy, measure, count_a_request(measure, proxy, work))
    if options.annotate:
        annotate()
    if failed:
        print("If the hot path has changed, the compiler does not know it any more: make train.")
    sys.exit(failed)


def report(proxy, measure, kinds):
    """Prints what a request costs; false when it is Cirque's and above the limit."""
    value = sum(kinds.values())
    passed = proxy.name != "cirque" or value <= measure.limit
    verdict = f"  (at most {measure.limit:,}: {'ok' if passed else 'FAILED'})" if proxy.name == "cirque" else ""
    print(f"{proxy.name}: {value:,.2f} {measure.name} a request{verdict}", flush=True)
    if len(kinds) > 1:
        shown = sorted((name for name in kinds if kinds[name] >= 0.005), key=kinds.get, reverse=True)
        print("  " + ", ".join(f"{name} {kinds[name]:.2f}" for name in shown), flush=True)
    return passed


def count_a_request(measure, proxy, work):
    small, large = (count_in_all(measure, proxy, requests, work) for requests in measure.requests)
    served = measure.requests[1] - measure.requests[0]
    return {name: (large[name] - small.get(name, 0)) / served for name in large}


def count_in_all(measure, proxy, requests, work):
    folder = OUTPUT / measure.tool.__name__
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o777)  # nginx gives its privileges up before the tool writes
    plain = dataclasses.replace(proxy, command=lambda *where: without_debug_information(proxy.command(*where)))
    with harness.serving(plain, work, under=measure.tool(folder)) as process:
        harness.load("--connections", CONNECTIONS, "--requests", requests)
        # strace is the parent of what it watches, valgrind has become it; the tool writes when that ends.
        tree = harness.tree_of(process.pid)
        os.kill(tree[1] if measure.tool is strace else process.pid, signal.SIGTERM)
        process.wait(60)
    return measure.count(folder)


def without_debug_information(command):
    """Debian 12's valgrind cannot read the debug information of newer compilers and gives up on it. It
    counts instructions, and names functions, without any."""
    program = OUTPUT / pathlib.Path(command[0]).name
    subprocess.run(["strip", "--strip-debug", "-o", program, command[0]], check=True)
    return [program, *command[1:]]


def annotate():
    files = sorted(map(str, (OUTPUT / "callgrind").glob("callgrind.*")), key=lambda path: pathlib.Path(path).stat().st_size)
    text = subprocess.run(["callgrind_annotate", "--threshold=95", files[-1]], capture_output=True, text=True).stdout
    print("\n".join(text.splitlines()[:70]))


if __name__ == "__main__":
    main()
