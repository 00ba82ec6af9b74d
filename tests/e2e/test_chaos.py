"""Backends that are killed, stopped and started again at random while clients ask: nobody is to notice.

CHAOS_SECONDS is how long it lasts, CHAOS_SEED repeats what was done to whom.
"""
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from lib.http import Broken, Client, request
from lib.util import SLOW, Crowd, free_port, pause

SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(10 ** 9))
BACKENDS, CLIENTS = 8, 12
TRY_MS = int(500 * SLOW)
# Who is spared is up for longer than any request may take: one that has met all others in bad moments finds it.
SPARED = 5.0 * SLOW


class Backend:
    """A process that answers requests; killed, stopped, and started again on the same port."""

    def __init__(self, number):
        self.name, self.port = f"b{number}", free_port()
        self.process, self.is_stopped = None, False
        self.start()

    def start(self):
        program = Path(__file__).parent / "lib/backend.py"
        self.process = subprocess.Popen([sys.executable, program, str(self.port), self.name],
                                        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        self.is_stopped = True

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)
        self.is_stopped = False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process, self.is_stopped = None, False

    def end(self):
        if self.process:
            self.kill()

    def answers(self):
        if not self.process or self.is_stopped:
            return False
        try:
            with Client(self.port, timeout=1) as one:
                return one.ask(request("/up")).status == 200
        except (OSError, Broken):
            return False

    def possible(self):
        if not self.process:
            return [self.start]
        return [self.go_on, self.kill] if self.is_stopped else [self.stop, self.kill]


class Chaos(threading.Thread):
    """Does something to somebody, again and again, but never to `spared`. Another is spared from time to time, once
    it is up; then both are, for a while."""

    def __init__(self, backends, seconds):
        super().__init__(daemon=True)
        self.backends, self.seconds, self.over = backends, seconds, threading.Event()
        self.random, self.deeds, self.story = random.Random(SEED), Counter(), []
        self.begun = time.monotonic()
        self.spared, self.before, self.since = backends[0], backends[0], self.begun

    def run(self):
        while not self.over.is_set() and time.monotonic() - self.begun < self.seconds:
            self.over.wait(self.random.uniform(0.005, 0.15))
            self.spare_another()
            self.act(self.random.choice(self.backends))
        self.over.set()

    def act(self, victim):
        if victim in (self.spared, self.before):
            return
        deed = self.random.choice(victim.possible())
        self.deeds[deed.__name__] += 1
        self.story.append((round(time.monotonic() - self.begun, 3), victim.name, deed.__name__))
        deed()

    def spare_another(self):
        if time.monotonic() - self.since < SPARED:
            return
        self.before = self.spared
        heir = self.random.choice(self.backends)
        if heir is not self.spared and heir.answers():
            self.spared, self.since = heir, time.monotonic()


@pytest.fixture
def backends():
    made = [Backend(n) for n in range(BACKENDS)]
    try:
        for one in made:
            while not one.answers():
                pause()
        yield made
    finally:
        for one in made:
            one.end()


def work_until(over, front, number, seen, wrong):
    """Asks over connections that last a while, for small and larger bodies and with bodies of its own."""
    chance = random.Random(SEED + number)
    while not over.is_set():
        with Client(front.port("web"), timeout=60) as one:
            for turn in range(chance.randrange(1, 200)):
                if over.is_set():
                    return
                target = f"/{number}-{turn}"
                body = b"x" * chance.randrange(1, 3000) if chance.random() < 0.2 else None
                begun = time.monotonic()
                try:
                    answer = one.ask(request(target, method="PUT" if body else "GET", body=body))
                except (Broken, OSError) as error:
                    wrong.append((target, repr(error), time.monotonic() - begun))
                    break
                name, _, rest = answer.body.partition(b" ")
                if answer.status != 200 or rest != target.encode() + b" " + (body or b""):
                    wrong.append((target, answer, time.monotonic() - begun))
                    break
                seen[name.decode()] += 1


@pytest.mark.heavy
@pytest.mark.timeout(300 + 4 * SECONDS)
@pytest.mark.parametrize("method", ["round_robin", "least_requests", "latency"])
def test_nobody_notices_what_happens_to_backends(backends, proxy, method):
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], server={"workers": 2},
                  virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [f"127.0.0.1:{b.port}" for b in backends],
                          "balance": {"method": method},
                          "health_check": {"path": "/up", "interval": f"{TRY_MS + 50}ms",
                                           "timeout": f"{TRY_MS}ms", "unhealthy_threshold": 2},
                          "passive_health": {"errors": 3, "gateway_errors": 3, "ejection": "300ms",
                                             "ejection_max": "2s", "ejected_percent_max": 80},
                          "retries": {"attempts": 15, "per_try_timeout": f"{TRY_MS}ms", "backoff": "5ms",
                                      "backoff_max": "50ms", "budget_percent": 100, "budget_per_second": 1000}}])
    print(f"CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS}")
    seen, wrong = Counter(), []
    chaos = Chaos(backends, SECONDS / 3)
    chaos.start()
    try:
        Crowd(lambda number: work_until(chaos.over, front, number, seen, wrong), CLIENTS).join()
    finally:
        chaos.over.set()
        chaos.join()  # or it would start backends that nobody ends
    metrics = front.metrics()
    print(f"{method}: {sum(seen.values())} requests, {metrics.sum('cirque_upstream_retries_total'):.0f} retries, "
          f"{metrics.sum('cirque_upstream_ejections_total'):.0f} times left out, deeds {dict(chaos.deeds)}, "
          f"answers {dict(seen)}")
    bad = front.entries(len(wrong), lambda e: e.get("reason") and e["reason"] != "client_gone") if wrong else []
    assert not wrong, (len(wrong), wrong[:3], bad[:5], chaos.story[-40:])
    assert len(seen) > 1 and metrics.sum("cirque_upstream_retries_total") > 0
