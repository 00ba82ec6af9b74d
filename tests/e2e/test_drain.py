"""Backends that operators take out of service while the process runs."""
import subprocess
import threading

import pytest
from lib.http import Client, request
from lib.util import BINARY, eventually, free_port


class Slow:
    """An origin whose answers to /slow wait at a gate, as does the second half of /half."""

    def __init__(self, origin, name):
        self.name, self.gate = name, threading.Event()
        self.origin = origin(self.script)

    def script(self, conn):
        while r := conn.read_request():
            if r.target == "/half":
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
            if r.target == "/tunnel":
                conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
                return self.gate.wait()
            if r.target in ("/slow", "/half"):
                self.gate.wait()
            if r.target == "/half":
                conn.send(b"half.")
            else:
                conn.respond(200, f"X-Origin: {self.name}")

    @property
    def address(self):
        return self.origin.address


@pytest.fixture
def front(origin, proxy):
    made = [Slow(origin, f"b{i}") for i in range(2)]
    one = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                backends=[{"id": b.name, "address": b.address, "tags": ["t"]} for b in made],
                virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                pools=[{"name": "p", "tag": "t", "health_check": {"interval": "50ms"}}], server={"workers": 2},
                metrics={"listen": f"127.0.0.1:{free_port()}"})
    one.backends = made
    yield one
    for b in made:
        b.gate.set()


def order(front, *words):
    return [BINARY, *words, "--config", front.config_path]


def told(front, *words):
    return subprocess.run(order(front, *words), capture_output=True, text=True, timeout=60)


def names(front, count=8):
    seen = set()
    for _ in range(count):
        with Client(front.port("web")) as one:
            seen.add(one.ask(request()).get("X-Origin"))
    return seen


def stuck_with(front, name, target="/slow"):
    """A client whose request is with that backend."""
    backend = front.backends[int(name[1])]
    for _ in range(20):
        one = Client(front.port("web"))
        before = [len(b.origin.requests) for b in front.backends]
        one.send(request(target, *(["Connection: Upgrade", "Upgrade: echo"] if target == "/tunnel" else [])))
        eventually(lambda b=before: [len(o.origin.requests) for o in front.backends] != b)
        if len(backend.origin.requests) > before[int(name[1])]:
            return one
    raise AssertionError("nobody came to " + name)


def test_a_drained_backend_finishes_what_it_has_and_gets_nothing_new(front):
    one = stuck_with(front, "b0")
    running = subprocess.Popen(order(front, "drain", "b0", "--within", "1m"), stdout=subprocess.PIPE, text=True)
    address = front.backends[0].address
    assert running.stdout.readline() == f"{address} gets nothing new, and finishes what it has within 1m\n"
    assert running.stdout.readline() == "1 connection open\n"  # the idle ones are closed
    assert names(front) == {"b1"}
    assert running.poll() is None
    explained = told(front, "explain", "--live", "http://a/").stdout
    assert f"{address} (drains: gets nothing new, 1 connection left; b0, by its tag t)" in explained
    front.backends[0].gate.set()
    assert one.answer().get("X-Origin") == "b0"
    assert running.communicate(timeout=30) == ("drained\n", None) and running.returncode == 0
    assert names(front) == {"b1"}
    assert front.reload({**front.config, "limits": {**front.config["limits"], "connections": 1000}})
    assert names(front) == {"b1"}  # whatever the configuration says
    assert told(front, "undrain", address).stdout == f"{address} gets requests again\n"
    assert names(front) == {"b0", "b1"}


def test_what_is_left_at_the_deadline_is_cut(front):
    waiting, reading = stuck_with(front, "b0"), stuck_with(front, "b0", "/half")
    done = told(front, "drain", "b0", "--within", "200ms")
    assert done.returncode == 0 and done.stdout.endswith("drained; 2 connections cut\n"), done.stdout
    answer = waiting.answer()
    assert answer.status == 503 and 'details="backend_drained"' in answer.get("Proxy-Status")
    assert front.entry("/slow")["reason"] == "backend_drained"
    with pytest.raises(Exception):
        reading.answer()
    eventually(lambda: "what it still had is cut" in front.stderr)
    assert names(front) == {"b1"}


def test_a_tunnel_counts_and_is_cut_as_well(front):
    one = stuck_with(front, "b0", "/tunnel")
    assert one.answer().status == 101
    done = told(front, "drain", "b0", "--within", "0s")
    assert done.stdout.endswith("drained; 1 connection cut\n"), done.stdout
    assert one.closed()
    assert front.entry("/tunnel")["reason"] == "backend_drained"


def test_the_last_of_a_pool_is_told(front):
    assert "note" not in told(front, "drain", "b0").stdout
    assert "note: the pool 'p' has nobody else\n" in told(front, "drain", "b1").stdout
    with Client(front.port("web")) as one:
        assert one.ask(request()).status == 503
    assert told(front, "undrain", "b1").returncode == 0
    assert names(front) == {"b1"}


def test_a_backend_that_leaves_the_configuration_is_forgotten(front):
    assert told(front, "drain", "b0").returncode == 0
    both = front.config
    assert front.reload({**both, "backends": both["backends"][1:]})
    assert front.reload(both)
    assert names(front) == {"b0", "b1"}
    assert told(front, "undrain", "b0").returncode == 1


@pytest.mark.parametrize("words, status, message", [
    (("drain",), 2, "drain which backend?"),
    (("drain", "b0", "more"), 2, "one argument too many"),
    (("drain", "b0", "--within", "soon"), 2, "a duration such as 2m"),
    (("drain", "b7"), 1, "no pool has the backend 'b7'"),
    (("drain", "b0", "--within", "2d"), 1, "within 0s to 1d"),
    (("undrain", "b0"), 1, "is not drained by an order"),
])
def test_wrong_orders(front, words, status, message):
    done = told(front, *words)
    assert done.returncode == status and message in done.stderr
