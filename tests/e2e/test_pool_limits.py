"""So many requests at a time: those who wait in line, what becomes of them, and what is told about it."""
import signal
import socket
import threading

import pytest
from lib.http import Client, request
from lib.proxy import cirque
from lib.util import Crowd, eventually


class Hall:
    """A backend that lets a request out when it is told to, and knows how many were inside at a time."""

    def __init__(self, origin, name="hall"):
        self.name, self.status, self.health, self.inside, self.most = name, 200, 200, 0, 0
        self.lock, self.exits, self.is_open, self.statuses = threading.Lock(), threading.Semaphore(0), False, []
        self.origin = origin(self.script)

    def script(self, conn):
        while r := conn.read_request():
            if r.target == "/health":
                conn.respond(self.health)
                continue
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            if not self.is_open:
                self.exits.acquire()
            with self.lock:
                self.inside -= 1
            status = self.statuses.pop(0) if self.statuses else self.status
            conn.respond(status, f"X-Origin: {self.name}", body=r.target.encode())

    def let_out(self, count=1):
        for _ in range(count):
            self.exits.release()

    def open(self):
        self.is_open = True
        self.let_out(1000)

    @property
    def targets(self):
        return [t for t in self.origin.targets if t != "/health"]


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

    def start(count=1, workers=2, metrics=None, **settings):
        halls = [Hall(origin, f"h{i}") for i in range(count)]
        front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                      virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}], server={"workers": workers},
                      metrics=metrics or {},
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
    assert entry["overhead_ms"] <= entry["duration_ms"] - 50  # it is no work of ours
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
    assert waiting(front) == 1 and "/a" in front.hall.targets
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


# --- each backend ----------------------------------------------------------------------------------------


def inside(front):
    return [h.inside for h in front.halls]


def test_a_backend_that_has_its_fill_is_passed_over(hall):
    front = hall(2, backend_concurrency_limit=2)
    visits = fill(front, "/a", "/b", "/c", "/d")
    assert inside(front) == [2, 2]
    refused = Visit(front, "/refused").answer()
    assert refused.status == 429 and b"concurrency_limit" in refused.body
    first = front.halls[0].origin.address
    assert front.metric("upstream_requests_in_flight", pool="p", backend=first) == 2
    front.halls[1].let_out()
    eventually(lambda: front.metric("upstream_requests_in_flight", pool="p") == 3)
    visits += fill(front, "/e")
    assert inside(front) == [2, 2]
    for one in front.halls:
        one.open()
    assert [v.answer().status for v in visits] == [200] * 5
    eventually(lambda: front.metric("upstream_requests_in_flight", pool="p") == 0)


@pytest.mark.parametrize("method", ["round_robin", "least_requests", "latency", "random", "hash"])
def test_whatever_the_method_no_backend_gets_more_than_it_takes(hall, method):
    balance = {"method": method, **({"hash_by": "path"} if method == "hash" else {})}
    front = hall(3, backend_concurrency_limit=2, balance=balance, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, *(f"/{i}" for i in range(6))) + line_up(front, "/6")
    assert inside(front) == [2, 2, 2]
    for one in front.halls:
        one.open()
    assert [v.answer().status for v in visits] == [200] * 7
    assert max(h.most for h in front.halls) == 2


def test_when_all_backends_are_full_requests_wait_in_order(hall):
    front = hall(2, backend_concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/0", "/1")
    visits += line_up(front, *(f"/{i}" for i in range(2, 7)))
    for n in range(2, 7):
        front.halls[n % 2].let_out()
        eventually(lambda: any(f"/{n}" in h.targets for h in front.halls), what=f"/{n} inside")
        assert f"/{n}" in front.halls[n % 2].targets and waiting(front) == 6 - n
    for one in front.halls:
        one.let_out()
    assert [v.answer().status for v in visits] == [200] * 7
    assert "queued_ms" not in front.entry("/1") and float(front.entry("/2")["queued_ms"]) > 0
    assert (front.metric("pool_queue_waited_total", pool="p"), waiting(front)) == (5, 0)
    assert max(h.most for h in front.halls) == 1


def test_who_waits_for_backends_too_long_gives_up(hall):
    front = hall(2, backend_concurrency_limit=1, queue={"size": 1, "timeout": "100ms"})
    visits = fill(front, "/0", "/1")
    late = Visit(front, "/late").answer()
    assert (late.status, b"queue_timeout" in late.body) == (503, True)
    assert float(front.entry("/late")["queued_ms"]) >= 100
    assert (waiting(front), front.metric("pool_queue_timeouts_total", pool="p")) == (0, 1)
    for one in front.halls:
        one.let_out()
    assert [v.answer().status for v in visits] == [200] * 2


def test_the_line_for_backends_may_be_full(hall):
    front = hall(2, backend_concurrency_limit=1, queue={"size": 1, "timeout": "1m"})
    visits = fill(front, "/0", "/1") + line_up(front, "/2")
    refused = Visit(front, "/refused").answer()
    assert (refused.status, b"queue_full" in refused.body) == (503, True)
    assert "queued_ms" not in front.entry("/refused")
    assert front.metric("pool_queue_refused_total", pool="p") == 1
    for one in front.halls:
        one.open()
    assert [v.answer().status for v in visits] == [200] * 3


def test_a_client_that_goes_away_leaves_the_line_for_backends(hall):
    front = hall(1, backend_concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/inside")
    gone, behind = line_up(front, "/gone", "/behind")
    gone.client.reset()
    eventually(lambda: waiting(front) == 1)
    front.hall.let_out(2)
    assert [v.answer().status for v in (*visits, behind)] == [200, 200]
    assert front.hall.targets == ["/inside", "/behind"]


def test_both_limits_and_one_queue(hall):
    """Two at a time for the pool, one for each backend; one of them is full with what another worker sent there."""
    front = hall(2, concurrency_limit=2, backend_concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/0", "/1") + line_up(front, "/2", "/3")
    front.halls[0].open()
    front.halls[1].open()
    assert [v.answer().status for v in visits] == [200] * 4
    assert waiting(front) == 0 and max(h.most for h in front.halls) == 1


def test_a_reload_that_raises_the_limit_of_backends_lets_in_who_waits(hall):
    front = hall(2, backend_concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/0", "/1") + line_up(front, "/2", "/3", "/4")
    assert front.reload(settings(front, backend_concurrency_limit=2))
    eventually(lambda: inside(front) == [2, 2])
    assert waiting(front) == 1
    for one in front.halls:
        one.open()
    assert [v.answer().status for v in visits] == [200] * 5


def test_a_backend_that_comes_back_takes_who_waits(hall):
    front = hall(2, backend_concurrency_limit=1, queue={"size": 10, "timeout": "1m"},
                 health_check={"interval": "20ms", "timeout": "10s", "unhealthy_threshold": 1, "healthy_threshold": 1})
    other = front.halls[1]
    other.origin.stop()
    eventually(lambda: not front.healthy(other.origin.address))
    visits = fill(front, "/0") + line_up(front, "/1")
    other.origin.start()
    eventually(lambda: "/1" in other.targets)
    for one in front.halls:
        one.open()
    assert [v.answer().status for v in visits] == [200] * 2


def test_who_waits_for_backends_that_all_go_down_is_told_so(hall):
    front = hall(1, backend_concurrency_limit=1, queue={"size": 10, "timeout": "1m"}, health_check={
        "path": "/health", "interval": "20ms", "timeout": "10s", "unhealthy_threshold": 1, "healthy_threshold": 1})
    visits = fill(front, "/0") + line_up(front, "/1")
    front.hall.health = 500
    assert b"no_healthy_backend" in visits[1].answer().body
    front.hall.open()
    visits[0].answer()


def test_places_come_back_when_a_request_goes_to_the_next_backend(hall):
    front = hall(2, backend_concurrency_limit=1, retries={"statuses": [503], "backoff": "0s"})
    front.halls[0].open()
    front.halls[1].open()
    front.halls[0].status = 503
    with Client(front.port("web")) as one:  # the next request of a connection comes when the last one is over
        for _ in range(10):
            assert one.ask(request("/")).status == 200
    eventually(lambda: front.metric("upstream_requests_in_flight", pool="p") == 0)
    assert len(front.halls[1].targets) == 10 and 0 < len(front.halls[0].targets) < 10


@pytest.mark.tsan
def test_a_crowd_before_limited_backends(hall):
    front = hall(2, backend_concurrency_limit=2, queue={"size": 100, "timeout": "1m"})
    for one in front.halls:
        one.open()
    statuses = []

    def visit(_):
        with Client(front.port("web")) as one:
            for _ in range(10):
                statuses.append(one.ask(request("/")).status)
    Crowd(visit, 24).join()
    assert statuses == [200] * 240 and max(h.most for h in front.halls) <= 2
    assert waiting(front) == 0
    eventually(lambda: front.metric("upstream_requests_in_flight", pool="p") == 0)


# --- breakers of backends --------------------------------------------------------------------------------

BREAKER = {"failure_threshold": 3, "timeout": "1h"}
NO_OUTLIERS = {"errors": 0, "gateway_errors": 0}


def broken(hall, count=2, breaker=BREAKER, **settings):
    """A pool whose first backend answers 500 until its breaker opens."""
    front = hall(count, backend_circuit_breaker=breaker, passive_health=NO_OUTLIERS, **settings)
    for one in front.halls:
        one.open()
    front.halls[0].status = 500

    def is_open():
        Visit(front, "/").answer()
        return front.metric("upstream_circuit_open", backend=front.halls[0].origin.address) == 1
    eventually(is_open)
    return front


def test_a_backend_whose_breaker_is_open_is_passed_over(hall):
    front = broken(hall)
    bad, good = front.halls
    shown = len(bad.targets)
    assert shown == 3
    assert [Visit(front, "/").answer().status for _ in range(10)] == [200] * 10
    assert len(bad.targets) == shown
    told = [line for line in front.stderr.splitlines() if "circuit breaker state transition: closed -> open" in line]
    assert len(told) == 1 and f"backend={bad.origin.address}" in told[0] and "placement=p" in told[0]
    assert 'old_state=closed new_state=open failures=3 reason="failure_threshold_reached: 3"' in told[0]
    assert front.metric("upstream_circuit_openings_total", backend=bad.origin.address) == 1
    assert front.metric("upstream_circuit_open", backend=good.origin.address) == 0


def test_a_backend_that_is_full_of_this_request_is_asked_again(hall):
    """Its own seat is free for the retry."""
    front = hall(1, backend_concurrency_limit=1, passive_health=NO_OUTLIERS,
                 retries={"statuses": [503], "same_backend": True, "backoff": "1ms"})
    front.hall.open()
    front.hall.statuses = [503, 503]
    assert Visit(front, "/").answer().status == 200 and len(front.hall.targets) == 3
    eventually(lambda: front.metric("upstream_requests_in_flight", pool="p") == 0)  # after the answer
    front.hall.statuses = [503, 503, 503]
    assert Visit(front, "/").answer().status == 503 and len(front.hall.targets) == 6


def test_one_probe_decides_for_a_backend(hall):
    front = broken(hall, breaker={"failure_threshold": 3, "timeout": "100ms"})
    bad = front.halls[0]
    openings = eventually(lambda: Visit(front, "/").answer() and len(bad.targets) > 3
                          and front.metric("upstream_circuit_openings_total", backend=bad.origin.address) > 1)
    assert openings  # a failure reopens it
    bad.status = 200
    eventually(lambda: Visit(front, "/").answer() and "old_state=half_open new_state=closed" in front.stderr)
    transitions = [line.partition("old_state=")[2] for line in front.stderr.splitlines()
                   if "circuit breaker" in line and "old_state=" in line]
    assert [t.split()[0] for t in transitions][:3] == ["closed", "open", "half_open"]
    assert "new_state=open failures=1 reason=half_open_failure" in transitions[2]
    assert transitions[-1].startswith("half_open new_state=closed failures=0 reason=recovery_successful")
    before = len(bad.targets)
    for _ in range(10):
        assert Visit(front, "/").answer().status == 200
    assert len(bad.targets) > before


def test_when_all_breakers_are_open_the_answer_is_503(hall):
    front = broken(hall, 1)
    answer = Visit(front, "/").answer()
    assert answer.status == 503 and b"circuit_open" in answer.body
    assert front.reload(settings(front, backend_circuit_breaker={"failure_threshold": 0}))
    assert Visit(front, "/").answer().status == 500


def test_when_all_breakers_are_open_the_fallback_stands_in(hall, origin):
    spare = Hall(origin, "spare")
    spare.open()
    front = hall(1, backend_circuit_breaker=BREAKER, passive_health=NO_OUTLIERS)
    config = settings(front, fallback="spare")
    config["pools"].append({"name": "spare", "backends": [spare.origin.address]})
    assert front.reload(config)
    front.hall.open()
    front.hall.status = 500
    with Client(front.port("web")) as one:  # as the next request of a connection comes when the last one is over
        assert [one.ask(request("/")).status for _ in range(4)] == [500, 500, 500, 200]
    answer = Visit(front, "/").answer()
    assert (answer.get("X-Origin"), answer.get("X-Failover-Reason")) == ("spare", "circuit_open")


def test_breakers_of_backends_outlive_a_reload_and_are_explained(hall):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        admin = f"127.0.0.1:{free.getsockname()[1]}"
    front = broken(hall, metrics={"listen": admin})
    assert front.reload(settings(front, concurrency_limit=100))
    assert [Visit(front, "/").answer().status for _ in range(5)] == [200] * 5
    told = cirque("explain", "--live", "--config", str(front.config_path), "http://x.example/").stdout
    assert f"{front.halls[0].origin.address} (its circuit breaker is open: gets nothing until that is over)" in told
    assert f"{front.halls[1].origin.address} (healthy: takes its turn)" in told


def test_a_connection_that_is_refused_opens_the_breaker(hall):
    # No check may find it first.
    front = hall(2, backend_circuit_breaker={"failure_threshold": 2, "timeout": "1h"}, passive_health=NO_OUTLIERS,
                 health_check={"interval": "1h", "timeout": "1m", "unhealthy_threshold": 10})
    for one in front.halls:
        one.open()
    assert Visit(front, "/").answer().status == 200
    front.halls[0].origin.stop()
    eventually(lambda: Visit(front, "/").answer().status == 200
               and front.metric("upstream_circuit_open", backend=front.halls[0].origin.address) == 1)


def test_a_reload_without_limits_of_backends_loses_nobody_who_waits_for_them(hall):
    front = hall(2, backend_concurrency_limit=1, queue={"size": 10, "timeout": "1m"})
    visits = fill(front, "/0", "/1") + line_up(front, "/2", "/3")
    pool = {k: v for k, v in front.config["pools"][0].items() if k not in ("queue", "backend_concurrency_limit")}
    assert front.reload({**front.config, "pools": [pool]})
    eventually(lambda: sum(inside(front)) == 4)
    for one in front.halls:
        one.open()
    assert [v.answer().status for v in visits] == [200] * 4


# --- limits that are found out ---------------------------------------------------------------------------


class Shop(Hall):
    """Serves everybody at once in 30 ms; or, while it is slow, one after the other."""

    slow, never, one_at_a_time = False, threading.Event(), threading.Lock()

    def script(self, conn):
        while r := conn.read_request():
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            if self.slow:
                with self.one_at_a_time:
                    self.never.wait(0.03)
            else:
                self.never.wait(0.03)
            with self.lock:
                self.inside -= 1
            conn.respond(200, body=r.target.encode())


@pytest.mark.heavy
def test_an_adaptive_limit_falls_when_a_backend_slows_down_and_rises_when_it_recovers(origin, proxy):
    shop = Shop(origin)
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], server={"workers": 2},
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [shop.origin.address], "queue": {"size": 100, "timeout": "1m"},
                          "adaptive_limit": {"min": 2, "max": 40, "window": "50ms"}}])
    is_over, statuses = threading.Event(), set()

    def visit(_):
        with Client(front.port("web")) as one:
            while not is_over.is_set():
                statuses.add(one.ask(request("/")).status)

    def limit():
        return front.metric("pool_requests_max", pool="p")
    assert limit() == 20
    crowd = Crowd(visit, 24)
    try:
        eventually(lambda: limit() > 22, what="more than at first")
        shop.slow = True
        eventually(lambda: limit() < 14, what="fewer, as it is slow")
        eventually(lambda: shop.inside <= 14, what="fewer inside")
        low = limit()
        shop.slow = False
        eventually(lambda: limit() > low + 4, what="more again")
    finally:
        is_over.set()
    crowd.join()
    assert statuses == {200} and waiting(front) == 0


def test_an_adaptive_limit_is_a_limit_and_a_reload_moves_its_bounds(hall):
    front = hall(adaptive_limit={"min": 1, "max": 2})
    visits = fill(front, "/0", "/1")
    assert front.metric("pool_requests_max", pool="p") == 2
    refused = Visit(front, "/refused").answer()
    assert refused.status == 429 and b"concurrency_limit" in refused.body
    assert front.reload(settings(front, adaptive_limit={"min": 3, "max": 5}))
    assert front.metric("pool_requests_max", pool="p") == 3
    visits += fill(front, "/2")
    assert Visit(front, "/refused").answer().status == 429
    pool = {k: v for k, v in front.config["pools"][0].items() if k != "adaptive_limit"}
    assert front.reload({**front.config, "pools": [pool]})
    visits += fill(front, *(f"/{i}" for i in range(3, 10)))
    front.hall.open()
    assert [v.answer().status for v in visits] == [200] * 10
