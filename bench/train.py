#!/usr/bin/env python3
"""Lets a build that counts what it executes (preset `train`) serve the traffic below, and makes of its counts
the profile that releases are optimised with. The traffic is counted in requests and not in seconds, so that
the profile is the same on a slow machine.

  bench/train.py
"""
import argparse
import dataclasses
import os
import pathlib
import subprocess

import harness
from proxies import PROXIES

BUSY = 1_000  # times that the busiest part of a function ran

# What a browser sends, so that not only the generator's few fields are known.
BROWSER = [word for field in (
    "Accept-Language: en-US,en;q=0.9,de;q=0.8",
    "Cache-Control: no-cache",
    "Connection: keep-alive",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=all",
    "If-None-Match: \"5f3e-60b1c8d2\"",
    "Referer: https://bench.example/start?from=search",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Upgrade-Insecure-Requests: 1",
    "X-Forwarded-For: 203.0.113.7",
    "X-Request-Id: 7b1f0c9e-4a55-4c55-9a53-0d5a1a1d9f10",
) for word in ("--header", field)]

TRAFFIC = (
    ("--requests", 40_000),
    ("--requests", 40_000, "--connections", 1000),
    ("--requests", 20_000, *BROWSER),
    ("--requests", 20_000, "--path", "/10k"),
    ("--requests", 1_000, "--path", "/1m", "--connections", 16),
    ("--requests", 10_000, "--rate", 20_000),
    ("--requests", 10_000, "--close"),
    ("--requests", 2_000, "--connections", 1),
    ("--requests", 5_000, "--post", 100),
    ("--requests", 5_000, "--post", 10_000),
    ("--requests", 5_000, "--post", 10_000, "--chunked"),
)


# With all that guards a pool: enough for those paths to count as busy, so little that what others do stays as it is.
GUARDED = (
    ("--requests", 4_000),
    ("--requests", 2_000, *BROWSER),
)


def main():
    options = read_options()
    harness.build_programs()
    harness.enter_network("system")
    harness.raise_descriptor_limit()
    with harness.workplace() as work, harness.origin(work):
        counts = [serve(traffic, options.program, PROXIES[name], work)
                  for name, traffic in (("cirque", TRAFFIC), ("everything", GUARDED))]
        merge("--text", *counts, result=work / "all")
        text, kept = only_busy((work / "all").read_text())
        (work / "busy").write_text(text)
        merge(work / "busy", result=options.profile)
    print(f"{options.profile}: {kept} functions, {options.profile.stat().st_size // 1024} KB")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=harness.ROOT / "build" / "train" / "cirque")
    parser.add_argument("--profile", type=pathlib.Path, default=harness.SOURCES / "release.profdata", help="what is written")
    return parser.parse_args()


def serve(traffic, program, proxy, work):
    """The program writes its counts when it ends."""
    counts = work / f"{proxy.name}.counts"
    os.environ["LLVM_PROFILE_FILE"] = str(counts)
    trained = dataclasses.replace(proxy, command=lambda *where: [program, *proxy.command(*where)[1:]])
    with harness.serving(trained, work):
        for arguments in traffic:
            harness.load(*arguments)
    return counts


def merge(*arguments, result):
    subprocess.run(["llvm-profdata-19", "merge", "--sparse", *arguments, "-o", result], check=True)


def only_busy(text):
    """The profile of the functions that requests go through, and their number. Without those that ran at the
    start and for a few connections, a fifth of the file is left, and the program is as fast."""
    header, functions = text.split(":ir\n")
    kept = [function for function in functions.split("\n\n") if function.strip() and max(counts_of(function)) >= BUSY]
    return header + ":ir\n" + "\n\n".join(kept) + "\n", len(kept)


def counts_of(function):
    """A function is told in lines: its name, a hash, how many counts there are, the counts, and more."""
    _, _, number, *counts = [line for line in function.strip().splitlines() if not line.startswith("#")]
    return [int(count) for count in counts[:int(number)]]


if __name__ == "__main__":
    main()
