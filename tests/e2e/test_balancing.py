"""Who gets which request, and who is left out."""
import copy
import threading
from collections import Counter

import pytest
from lib.http import Client, request
from lib.util import Crowd, eventually


class Backend:
    """An origin with a status of its own, a health of its own, and a gate that its answers wait at."""

    def __init__(self, origin, name):
        self.name, self.status, self.health = name, 200, 200
        self.gate = threading.Event()
        self.gate.set()
        self.origin = origin(self.script)

    def script(self, conn):
        while r := conn.read_request():
            if r.target == "/health":
                conn.respond(self.health, body=b"")
                continue
            self.gate.wait()
            conn.respond(self.status, f"X-Origin: {self.name}")

    @property
    def served(self):
        return sum(r.target != "/health" for r in self.origin.requests)

    @property
    def address(self):
        return self.origin.address


@pytest.fixture
def pool(origin, proxy):
    """pool(3, balance={...}, of={0: {weight: 2}}): a proxy on so many backends, with these settings of the pool."""
    def start(count, of=None, server=None, **settings):
        made = [Backend(origin, f"b{i}") for i in range(count)]
        backends = [{"id": b.name, "address": b.address, "tags": ["t"], **(of or {}).get(i, {})}
                    for i, b in enumerate(made)]
        front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], backends=backends,
                      virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                      pools=[{"name": "p", "tag": "t", **settings}], server=server or {"workers": 2})
        front.backends = made
        return front
    return start


def spread(front, count, target="/", *fields, method="GET"):
    """How many of so many requests each backend answered; each over a connection of its own."""
    seen = Counter()
    for _ in range(count):
        with Client(front.port("web")) as one:
            seen[one.ask(request(target, *fields, method=method)).get("X-Origin")] += 1
    return seen


def changed(front, section, **settings):
    """The first of these gets other settings, by a reload."""
    config = copy.deepcopy(front.config)
    config[section][0].update(settings)
    assert front.reload(config)


def test_weights_are_kept(pool):
    front = pool(2, of={0: {"weight": 4}}, server={"workers": 1})
    assert spread(front, 50) == {"b0": 40, "b1": 10}


def test_random_reaches_everybody(pool):
    front = pool(3, balance={"method": "random"})
    seen = spread(front, 150)
    assert len(seen) == 3 and min(seen.values()) > 15


def test_least_requests_avoids_who_is_busy(pool):
    front = pool(3, balance={"method": "least_requests"}, server={"workers": 2})
    slow = front.backends[0]
    slow.gate.clear()
    clients = [Client(front.port("web")) for _ in range(30)]
    for one in clients:  # some of them get stuck with the slow one; the more there are, the fewer come
        one.send(request())
    eventually(lambda: slow.served >= 1 and sum(b.served for b in front.backends) == 30)
    stuck = slow.served
    assert set(spread(front, 40)) == {"b1", "b2"}
    slow.gate.set()
    for one in clients:
        assert one.answer().status == 200
        one.close()
    assert stuck <= 20
    assert set(spread(front, 40)) == {"b0", "b1", "b2"}


def test_latency_prefers_who_is_quick(pool):
    front = pool(2, balance={"method": "latency"}, server={"workers": 1})
    slow, quick = front.backends
    slow.gate.clear()
    with Client(front.port("web")) as one:
        clients = [Client(front.port("web")) for _ in range(8)]
        for c in clients:
            c.send(request())
        eventually(lambda: slow.served >= 1)
        threading.Timer(0.5, slow.gate.set).start()
        for c in clients:
            assert c.answer().status == 200
            c.close()
        seen = Counter(one.ask(request()).get("X-Origin") for _ in range(100))
    assert seen["b1"] >= 95, seen


def test_the_same_key_stays_with_one_backend_and_few_move_when_another_goes(pool):
    front = pool(4, balance={"method": "hash", "hash_by": "header:X-User"}, health_check={"interval": "50ms"})

    def owners():
        with Client(front.port("web")) as one:
            return {n: one.ask(request("/", f"X-User: u{n}")).get("X-Origin") for n in range(80)}
    before = owners()
    assert len(set(before.values())) == 4
    assert owners() == before
    front.backends[2].origin.stop()
    eventually(lambda: not front.healthy(front.backends[2].address))
    after = owners()
    moved = {n for n in before if before[n] != after[n]}
    assert {n for n in before if before[n] == "b2"} <= moved
    assert len(moved) <= sum(owner == "b2" for owner in before.values()) + 8
    assert "b2" not in after.values()


@pytest.mark.parametrize("key, make", [
    ("cookie:session", lambda n: ("/", f"Cookie: a=b; session=s{n}")),
    ("query:id", lambda n: (f"/?x=1&id={n}",)),
    ("path", lambda n: (f"/{n}",)),
])
def test_what_the_hash_is_made_of(pool, key, make):
    front = pool(3, balance={"method": "hash", "hash_by": key})
    with Client(front.port("web")) as one:
        first = [one.ask(request(*make(n))).get("X-Origin") for n in range(30)]
        again = [one.ask(request(*make(n))).get("X-Origin") for n in range(30)]
    assert first == again and len(set(first)) == 3


def test_by_client_everything_stays_with_one(pool):
    front = pool(3, balance={"method": "hash", "hash_by": "address"})
    assert len(spread(front, 20)) == 1


def test_backups_and_priorities_wait_until_they_are_needed(pool):
    front = pool(3, of={1: {"priority": 1}, 2: {"backup": True}}, health_check={"interval": "50ms"})
    assert set(spread(front, 20)) == {"b0"}
    front.backends[0].origin.stop()
    eventually(lambda: not front.healthy(front.backends[0].address))
    assert set(spread(front, 20)) == {"b1"}
    front.backends[1].origin.stop()
    eventually(lambda: not front.healthy(front.backends[1].address))
    assert set(spread(front, 20)) == {"b2"}
    front.backends[0].origin.start()
    eventually(lambda: front.healthy(front.backends[0].address))
    assert set(spread(front, 20)) == {"b0"}


def test_a_backend_that_drains_finishes_what_it_has(pool, tmp_path):
    front = pool(2)
    held = front.backends[0]
    held.gate.clear()
    waiting = []
    while held.served == 0:
        one = Client(front.port("web"))
        one.send(request())
        waiting.append(one)
        eventually(lambda: sum(b.served for b in front.backends) == len(waiting))
    changed(front, "backends", drain=True)
    assert set(spread(front, 20)) == {"b1"}
    held.gate.set()
    assert {one.answer().status for one in waiting} == {200}
    for one in waiting:
        one.close()
    changed(front, "backends", drain=False)
    assert set(spread(front, 20)) == {"b0", "b1"}


# --- passive health --------------------------------------------------------------------------------------


def test_who_answers_badly_is_left_out_told_and_taken_back(pool):
    front = pool(3, passive_health={"ejection": "300ms"})
    bad = front.backends[1]
    bad.status = 500
    spread(front, 15)
    eventually(lambda: front.metrics().sum("cirque_upstream_ejections_total", backend=bad.address) >= 1)
    front.tells("backend is left out", "reason=errors")
    bad.status = 200
    eventually(lambda: spread(front, 3)["b1"])
    eventually(lambda: "backend is back" in front.stderr)
    eventually(lambda: front.metrics().sum("cirque_upstream_ejected") == 0)


def test_the_last_usable_backend_is_never_left_out(pool):
    front = pool(2, passive_health={"ejection": "1h", "ejection_max": "1h", "ejected_percent_max": 100})
    for b in front.backends:
        b.status = 503
    spread(front, 40)
    served = [b.served for b in front.backends]
    spread(front, 10)
    assert [b.served - s for b, s in zip(front.backends, served)].count(10) == 1


def test_who_was_left_out_is_asked_when_all_others_are_down(pool):
    front = pool(2, passive_health={"ejection": "1h", "ejection_max": "1h"}, health_check={"interval": "50ms"})
    front.backends[0].status = 500
    spread(front, 20)
    assert set(spread(front, 10)) == {"b1"}
    front.backends[1].origin.stop()
    assert spread(front, 10)["b0"] == 10


def test_what_was_found_out_outlives_a_reload(pool):
    front = pool(2, passive_health={"ejection": "1h", "ejection_max": "1h"})
    front.backends[0].status = 500
    spread(front, 20)
    changed(front, "pools", balance={"method": "random"})
    assert set(spread(front, 20)) == {"b1"}


def test_methods_change_under_load_without_a_failure(pool):
    front = pool(3)
    over, failed = threading.Event(), []

    def work(_):
        with Client(front.port("web")) as one:
            while not over.is_set():
                answer = one.ask(request())
                if answer.status != 200:
                    failed.append(answer)
    crowd = Crowd(work, 4)
    for method in ("random", "latency", "least_requests", "round_robin", "latency", "random"):
        changed(front, "pools", balance={"method": method})
        before = sum(b.served for b in front.backends)
        eventually(lambda: sum(b.served for b in front.backends) > before + 50)
    over.set()
    crowd.join()
    assert not failed
