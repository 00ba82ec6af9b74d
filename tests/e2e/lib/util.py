"""Waiting for what should happen, and the environment's word on how long that may take."""
import contextlib
import os
import random
import select
import socket
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SLOW = float(os.environ.get("CIRQUE_SLOW", "1"))  # how much slower than a release build
PATIENCE = 20 * SLOW  # of a wait that should succeed
BINARY = Path(os.environ.get("CIRQUE_BIN") or ROOT / "build/release/cirque")
HELLO = Path(os.environ.get("CIRQUE_HELLO_BIN") or BINARY.parent / "hello_proxy")
STUCK = BINARY.parent / "stuck_proxy"


def pause(seconds=0.005):
    """Between two looks at a condition."""
    select.select([], [], [], seconds)


def eventually(check, timeout=None, what=""):
    """The first true value of check(), polled; fails when there is none in time."""
    timeout = PATIENCE if timeout is None else timeout
    end = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s: {what or check}"
        pause()


_held = []


def dead_port():
    """A port that refuses connections, and stays so: it is bound but nobody listens."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    _held.append(sock)
    return sock.getsockname()[1]


def free_port():
    """A port that nobody uses now; below those that the kernel hands out, so that nobody gets it by chance."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as sock:
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                return port


class Crowd:
    """work(0) to work(count - 1), each in a thread; join() passes on the first failure."""

    def __init__(self, work, count):
        self.work, self.failures = work, []
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        try:
            self.work(number)
        except BaseException as failure:
            self.failures.append(failure)

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
