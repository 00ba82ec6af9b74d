"""So many requests at a time: those who wait in line, what becomes of them, and what is told about it."""
import signal
import threading

import pytest
from lib.http import Client, request
from lib.util import Crowd, eventually


class Hall:
    """A backend that lets a request out when it is told to, and knows how many were inside at a time."""

    def __init__(self, origin, name="hall"):
        self.name, self.status, self.inside, self.most = name, 200, 0, 0
        self.lock, self.exits, self.is_open = threading.Lock(), threading.Semaphore(0), False
        self.origin = origin(self.script)

    def script(self, conn):
        while r := conn.read_request():
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            if not self.is_open:
                self.exits.acquire()
            with self.lock:
                self.inside -= 1
            conn.respond(self.status, f"X-Origin: {self.name}", body=r.target.encode())

    def let_out(self, count=1):
        for _ in range(count):
            self.exits.release()

    def open(self):
        self.is_open = True
        self.let_out(1000)

    @property
    def targets(self):
        return self.origin.targets


class Visit:
    """A request on a connection of its own, whose answer is read later."""

    def __init__(self, front, target, *fields, **how):
        self.client = Client(front.port("web"))
        self.client.send(request(target, *fields, **how))

    def answer(self):
        with self.client:
            return self.client.answer()


@pytest.fixture
def hall(origin, proxy):
    """hall(2, concurrency_limit=1, queue={...}): a proxy of two workers on a pool of so many halls."""
    fronts = []

    def start(count=1, workers=2, **settings):
        halls = [Hall(origin, f"h{i}") for i in range(count)]
        front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                      virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}], server={"workers": workers},
                      pools=[{"name": "p", "backends": [h.origin.address for h in halls],
                              "health_check": {"interval": "1h", "timeout": "1m"}, **settings}])
        front.halls, front.hall = halls, halls[0]
        fronts.append(front)
        return front
    yield start
    for front in fronts:
        for one in front.halls:
            one.open()


def waiting(front):
    return front.metric("pool_queue_waiting", pool="p")


def fill(front, *targets):
    """Requests that the pool has room for: they are inside when this returns."""
    visits = []
    for target in targets:
        visits.append(Visit(front, target))
        eventually(lambda: any(target in h.targets for h in front.halls), what=f"{target} inside")
    return visits


def line_up(front, *targets):
    """One after the other behind those that wait already."""
    visits = []
    for target in targets:
        before = waiting(front)
        visits.append(Visit(front, target))
        eventually(lambda: waiting(front) == before + 1, what=f"{target} in line")
    return visits


def settings(front, **changes):
    return {**front.config, "pools": [{**front.config["pools"][0], **changes}]}


# --- the line --------------------------------------------------------------------------------------------


def test_who_waits_is_served_in_the_order_of_arrival(hall):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    names = [f"/{i}" for i in range(7)]
    visits = fill(front, names[0]) + line_up(front, *names[1:])
    assert (front.metric("pool_requests", pool="p"), front.metric("pool_requests_max", pool="p")) == (1, 1)
    for inside in range(len(names)):
        eventually(lambda: len(front.hall.targets) == inside + 1)
        front.hall.let_out()
    assert [v.answer().status for v in visits] == [200] * 7
    assert front.hall.targets == names and front.hall.most == 1
    assert "queued_ms" not in front.entry("/0")
    assert all(float(front.entry(name)["queued_ms"]) > 0 for name in names[1:])
    assert waiting(front) == 0 and front.metric("pool_queue_waited_total", pool="p") == 6
    assert front.metric("pool_queue_seconds_total", pool="p") > 0
    eventually(lambda: front.metric("pool_requests", pool="p") == 0)


def test_who_has_waited_too_long_gets_503(hall):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "50ms"})
    inside = fill(front, "/inside")
    late = Visit(front, "/late").answer()
    assert late.status == 503 and b"queue_timeout" in late.body
    entry = front.entry("/late")
    assert entry["reason"] == "queue_timeout" and float(entry["queued_ms"]) >= 50
    assert (waiting(front), front.metric("pool_queue_timeouts_total", pool="p")) == (0, 1)
    front.hall.let_out()
    assert inside[0].answer().status == 200 and front.hall.targets == ["/inside"]


def test_a_line_that_is_full_gets_503_at_once(hall):
    front = hall(concurrency_limit=1, queue={"size": 2, "timeout": "1m"})
    visits = fill(front, "/inside") + line_up(front, "/a", "/b")
    refused = Visit(front, "/refused").answer()
    assert refused.status == 503 and b"queue_full" in refused.body
    entry = front.entry("/refused")
    assert entry["reason"] == "queue_full" and "queued_ms" not in entry
    assert front.metric("pool_queue_refused_total", pool="p") == 1
    front.hall.let_out(3)
    assert [v.answer().status for v in visits] == [200] * 3


def test_who_is_refused_for_another_reason_does_not_wait(hall):
    front = hall(concurrency_limit=1, max_request_body=10, queue={"size": 2, "timeout": "1m"})
    visits = fill(front, "/inside")
    assert Visit(front, "/large", method="POST", body=b"x" * 11).answer().status == 413
    assert front.metric("pool_queue_waited_total", pool="p") == 0
    front.hall.let_out(1)
    visits[0].answer()
    eventually(lambda: front.metric("pool_requests", pool="p") == 0)


@pytest.mark.parametrize("how", ["reset", "end"])
def test_a_client_that_goes_away_leaves_the_line(hall, how):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    inside = fill(front, "/inside")
    gone, behind = line_up(front, "/gone", "/behind")
    if how == "reset":
        gone.client.reset()
    else:
        gone.client.close()
    eventually(lambda: waiting(front) == 1)
    front.hall.let_out(2)
    assert inside[0].answer().status == 200 and behind.answer().body == b"/behind"
    entry = front.entry("/gone")
    assert (entry["status"], entry["reason"]) == (499, "client_gone") and float(entry["queued_ms"]) > 0
    assert front.hall.targets == ["/inside", "/behind"]
    eventually(lambda: front.metric("pool_requests", pool="p") == 0)


def test_a_body_waits_with_its_request(hall):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    inside = fill(front, "/inside")
    with_body = Visit(front, "/body", method="POST", body=b"x" * 300_000)
    eventually(lambda: waiting(front) == 1)
    front.hall.let_out(2)
    assert [v.answer().status for v in (*inside, with_body)] == [200, 200]
    assert len(front.hall.origin.requests[1].body) == 300_000


# --- reloads and stops -----------------------------------------------------------------------------------


def test_a_limit_that_a_reload_raises_lets_in_who_waits(hall):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/inside") + line_up(front, "/a", "/b", "/c")
    assert front.reload(settings(front, concurrency_limit=3))
    eventually(lambda: len(front.hall.targets) == 3)
    assert waiting(front) == 1 and sorted(front.hall.targets) == ["/a", "/b", "/inside"]
    front.hall.let_out(4)
    assert [v.answer().status for v in visits] == [200] * 4


@pytest.mark.parametrize("left", [{}, {"concurrency_limit": 1}], ids=["no limit", "no queue"])
def test_a_reload_without_the_queue_loses_nobody_who_is_in_it(hall, left):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/inside") + line_up(front, "/a", "/b")
    pool = {k: v for k, v in front.config["pools"][0].items() if k not in ("queue", "concurrency_limit")}
    assert front.reload({**front.config, "pools": [{**pool, **left}]})
    if left:
        assert Visit(front, "/refused").answer().status == 429
    front.hall.let_out(3)
    assert [v.answer().status for v in visits] == [200] * 3


def test_a_reload_that_adds_a_queue(hall):
    front = hall(concurrency_limit=1)
    visits = fill(front, "/inside")
    assert Visit(front, "/refused").answer().status == 429
    assert front.reload(settings(front, queue={"size": 1, "timeout": "1m"}))
    visits += line_up(front, "/a")
    front.hall.let_out(2)
    assert [v.answer().status for v in visits] == [200] * 2


def test_those_in_line_outlive_their_pool(hall, origin):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/inside") + line_up(front, "/a", "/b")
    other = {"name": "other", "backends": [origin().address]}
    hosts = [{"hosts": ["*"], "routes": [{"pool": "other"}]}]
    assert front.reload({**front.config, "pools": [other], "virtual_hosts": hosts})
    assert Visit(front, "/elsewhere").answer().body == b"ok"
    front.hall.let_out(3)
    assert [v.answer().body for v in visits] == [b"/inside", b"/a", b"/b"]


def test_a_stop_waits_for_those_in_line(hall):
    front = hall(concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/inside") + line_up(front, "/a", "/b")
    front.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in front.stderr or "draining" in front.stderr, what="it has heard")
    front.hall.let_out(3)
    assert [v.answer().status for v in visits] == [200] * 3
    assert front.wait() == 0


# --- many at once ----------------------------------------------------------------------------------------


@pytest.mark.tsan
def test_a_crowd_is_let_in_by_threes(hall):
    front = hall(concurrency_limit=3, queue={"size": 100, "timeout": "1m"})
    front.hall.open()
    statuses = []

    def visit(_):
        with Client(front.port("web")) as one:
            for _ in range(10):
                statuses.append(one.ask(request("/")).status)
    Crowd(visit, 24).join()
    assert statuses == [200] * 240 and front.hall.most <= 3
    assert waiting(front) == 0
    eventually(lambda: front.metric("pool_requests", pool="p") == 0)
