"""Who answers for what: a backend is blamed for what it did, asked as often as it was meant to be, and counted
where its pool is."""
import contextlib
import socket
import threading
from collections import Counter

import pytest
from lib.dns import DnsServer
from lib.http import Client, request
from lib.util import Crowd, dead_port, eventually

# Nothing but requests tells anything of a backend, and nothing is held against it.
PATIENT = {"health_check": {"interval": "1h", "unhealthy_threshold": 100},
           "passive_health": {"errors": 0, "gateway_errors": 0}}


def in_order(*origins):
    """The keys of a pool, and a section, of backends each of which is asked before the next one."""
    listed = [{"id": f"b{n}", "address": o.address, "tags": ["t"], "priority": n} for n, o in enumerate(origins)]
    return {"tag": "t"}, {"backends": listed}


@pytest.fixture
def pools(proxy):
    """pools({name: {settings}}, [routes]): a proxy with these pools, on two workers unless told otherwise."""
    def start(pools, routes=None, **sections):
        return proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                     virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": routes or [{"pool": next(iter(pools))}]}],
                     pools=[{"name": name, **PATIENT, **settings} for name, settings in pools.items()],
                     **{"server": {"workers": 2}, **sections})
    return start


def ask(front, target="/", *fields, method="GET", body=None):
    with Client(front.port("web")) as one:
        return one.ask(request(target, *fields, method=method, body=body))


@pytest.fixture
def dns():
    server = DnsServer()
    yield server
    server.end()


class Stage:
    """A script that answers /quick at once and everything else when `go` is set."""

    def __init__(self, status=200):
        self.status, self.go = status, threading.Event()

    def __call__(self, conn):
        while r := conn.read_request():
            if r.target != "/quick":
                self.go.wait(60)
            conn.respond(self.status)


# --- how often a backend is asked ------------------------------------------------------------------------


def warm(front, one):
    """A connection to the backend idles."""
    assert one.ask(request("/quick")).status == 200
    eventually(lambda: front.metric("upstream_connections", state="idle") == 1)


@pytest.mark.parametrize("attempts", [0, 2])
def test_who_takes_too_long_on_a_kept_connection_is_not_asked_again_on_a_new_one(origin, pools, client, attempts):
    stage = Stage()
    slow = origin(stage)
    front = pools({"p": {"backends": [slow.address], "retries": {"attempts": attempts, "per_try_timeout": "300ms"}}},
                  server={"workers": 1})
    one = client(front.port("web"))
    warm(front, one)
    answer = one.ask(request("/slow"))
    assert answer.status == 504 and slow.targets.count("/slow") == 1
    entry = front.entry("/slow")
    assert entry["reason"] == "upstream_try_timeout" and entry["attempts"] == 1 and "story" not in entry
    stage.go.set()


def test_each_of_several_is_asked_once_though_all_connections_are_kept(origin, pools, client):
    stages = [Stage() for _ in range(3)]
    slow = [origin(stage) for stage in stages]
    front = pools({"p": {"backends": [o.address for o in slow],
                         "retries": {"attempts": 2, "per_try_timeout": "300ms", "backoff": "1ms"}}},
                  server={"workers": 1})
    one = client(front.port("web"))
    for _ in slow:
        assert one.ask(request("/quick")).status == 200
    assert one.ask(request("/slow")).status == 504
    assert [o.targets.count("/slow") for o in slow] == [1, 1, 1]
    for stage in stages:
        stage.go.set()


def test_a_get_without_a_byte_in_time_goes_to_another_backend(origin, pools):
    stage = Stage()
    stuck, good = origin(stage), origin()
    front = pools({"p": {"backends": [stuck.address, good.address]}}, timeouts={"upstream_header": "300ms"})
    assert [ask(front).status for _ in range(4)] == [200] * 4
    assert len(stuck.targets) == 2 and len(good.targets) == 4
    assert front.metric("upstream_failures_total", reason="upstream_header_timeout") == 2
    posted = Counter(ask(front, method="POST", body=b"x").status for _ in range(2))
    assert posted == {200: 1, 504: 1}
    assert front.metric("upstream_retries_suppressed_total", reason="method") == 1
    stage.go.set()


def test_of_many_that_refuse_the_one_that_lives_is_found(origin, pools):
    good = origin()
    dead = [f"127.0.0.1:{dead_port()}" for _ in range(40)]
    front = pools({"p": {"backends": [*dead, good.address]}})
    for _ in range(5):
        assert ask(front, method="POST", body=b"x").status == 200
    assert len(good.requests) == 5


def test_the_pause_before_a_retry_keeps_no_place(origin, pools):
    bad, other = origin(lambda conn: conn.read_request()), origin()
    both, listed = in_order(bad, other)
    front = pools({"p": {**both, "backend_concurrency_limit": 1, "retries": {"backoff": "2s", "backoff_max": "2s"}}},
                  server={"workers": 1}, **listed)
    waiting = Crowd(lambda _: ask(front, "/first"), 1)
    eventually(lambda: bad.targets == ["/first"])
    eventually(lambda: front.metric("upstream_failures_total", backend=bad.address) == 1)
    assert front.metric("upstream_requests_in_flight", backend=other.address) == 0
    assert ask(front, "/second").status == 200  # for whom only that one has room
    waiting.join()
    assert sorted(other.targets) == ["/first", "/second"]


def test_after_the_pause_a_retry_waits_its_turn(origin, pools):
    """Where nobody has room by then, and there is a queue."""
    stage = Stage()
    bad, other = origin(lambda conn: conn.read_request()), origin(stage)
    both, listed = in_order(bad, other)
    front = pools({"p": {**both, "backend_concurrency_limit": 1, "queue": {"size": 5, "timeout": "60s"},
                         "retries": {"backoff": "3s", "backoff_max": "3s"}}}, server={"workers": 1}, **listed)
    answers, crowds = [], []
    for count in (1, 2):  # the second while the first pauses, and nobody is with the other one
        crowds.append(Crowd(lambda _: answers.append(ask(front).status), 1))
        eventually(lambda: front.metric("upstream_failures_total", backend=bad.address) == count)
    eventually(lambda: front.metric("pool_queue_waiting", pool="p") == 1)
    assert answers == [] and len(other.targets) == 1
    stage.go.set()
    for crowd in crowds:
        crowd.join()
    assert answers == [200, 200]


# --- what is held against it -----------------------------------------------------------------------------

BREAKER = {"failure_threshold": 2, "timeout": "1h"}


def test_our_limit_of_connections_opens_no_circuit(origin, pools):
    stage = Stage()
    slow = origin(stage)
    front = pools({"p": {"backends": [slow.address], "circuit_breaker": BREAKER, "backend_circuit_breaker": BREAKER,
                         "passive_health": {"errors": 1}}},
                  limits={"upstream_connections": 1}, timeouts={"upstream_connect": "100ms"}, server={"workers": 1})
    waiting = Crowd(lambda _: ask(front, "/slow"), 1)
    eventually(lambda: slow.targets == ["/slow"])
    refused = [ask(front) for _ in range(4)]
    assert {a.status for a in refused} == {503}
    assert all("upstream_connection_limit" in a.get("Proxy-Status") for a in refused)
    stage.go.set()
    waiting.join()
    assert ask(front).status == 200
    assert front.metric("pool_circuit_openings_total", pool="p") == 0
    assert front.metric("upstream_circuit_openings_total", pool="p") == 0


def test_connections_to_a_backend_are_counted_over_all_workers(origin, pools):
    stage = Stage()
    slow = origin(stage)
    front = pools({"p": {"backends": [slow.address]}}, limits={"upstream_connections": 3},
                  timeouts={"upstream_connect": "200ms"}, server={"workers": 2})
    answers = Counter()
    crowd = Crowd(lambda _: answers.update([ask(front, "/slow").status]), 12)
    eventually(lambda: answers[503] == 9)
    assert len(slow.targets) == 3
    stage.go.set()
    crowd.join()
    assert answers == {503: 9, 200: 3}


def test_a_name_without_an_address_opens_no_circuit(origin, pools, dns):
    good = origin(host="127.0.0.2")
    front = pools({"p": {"backends": [f"late.test:{good.port}"], "circuit_breaker": BREAKER}},
                  server={"dns_servers": [dns.address]}, timeouts={"dns_refresh": "100ms"})
    assert [ask(front).status for _ in range(4)] == [503] * 4
    dns["late.test"] = ["127.0.0.2"]
    eventually(lambda: ask(front).status == 200)
    assert front.metric("pool_circuit_openings_total", pool="p") == 0


@pytest.mark.parametrize("length", [5, 1_000_000])
def test_of_two_that_wait_for_each_other_nobody_is_blamed(origin, pools, client, length):
    """The client for 100 Continue, the backend for the body."""
    go = threading.Event()

    def stall(conn):
        if conn.read_head():
            go.wait(60)
    front = pools({"p": {"backends": [origin(stall).address], "circuit_breaker": {"failure_threshold": 1, "timeout": "1h"}}},
                  timeouts={"upstream_header": "500ms", "client_body": "250ms"})
    one = client(front.port("web"))
    one.send(request("/", "Expect: 100-continue", f"Content-Length: {length}", method="PUT"))
    answer = one.answer()
    assert answer.status == 504 and "upstream_continue_timeout" in answer.get("Proxy-Status")
    front.counts(1, "upstream_failures_total", reason="upstream_continue_timeout")
    assert front.metric("pool_circuit_openings_total", pool="p") == 0
    go.set()


@pytest.mark.parametrize("length", [5, 1_000_000])
def test_who_was_told_to_continue_late_has_all_its_time_from_then_on(origin, pools, client, length):
    told = threading.Event()

    def go_on(conn):
        head = conn.read_head()
        told.wait(60)
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        conn.body_of(head)
        conn.respond(body=b"%d" % len(head.body))
    front = pools({"p": {"backends": [origin(go_on).address]}}, timeouts={"client_body": "400ms"})
    one = client(front.port("web"))
    one.send(request("/", "Expect: 100-continue", f"Content-Length: {length}", method="PUT"))
    assert one.silent(0.8)
    told.set()
    assert one.head().status == 100
    one.send(b"x" * length)
    assert one.answer().body == b"%d" % length


def test_who_was_told_to_continue_and_does_not_is_blamed(origin, pools, client):
    def go_on(conn):
        if conn.read_head():
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            conn.fill(timeout=60)
    front = pools({"p": {"backends": [origin(go_on).address]}},
                  timeouts={"upstream_header": "60s", "client_body": "250ms"})
    one = client(front.port("web"))
    one.send(request("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
    told = one.head()
    assert told.status == 100
    answer = one.answer()
    assert answer.status == 408 and "client_body_timeout" in answer.get("Proxy-Status")


def test_a_backend_that_did_not_answer_keeps_no_client(origin, pools):
    bad, good = origin(lambda conn: conn.read_request()), origin()
    front = pools({"p": {"backends": [bad.address, good.address], "sticky": {"cookie": "keep"}}},
                  server={"workers": 1})
    answers = [ask(front, method="POST", body=b"x") for _ in range(2)]
    assert sorted(a.status for a in answers) == [200, 502]
    for answer in answers:
        assert bool(answer.all("Set-Cookie")) == (answer.status == 200)


# --- who stands in ---------------------------------------------------------------------------------------


def dead_and_spare(spare, **settings):
    dead = {"backends": [f"127.0.0.1:{dead_port()}"], "fallback": "spare",
            "health_check": {"interval": "20ms", "unhealthy_threshold": 1}}
    return {"main": dead, "spare": {"backends": [spare.address], **settings}}


def is_out(front):
    eventually(lambda: front.metric("upstream_healthy", pool="main") == 0)


def test_who_stands_in_has_limits_of_its_own(origin, pools):
    stage = Stage()
    spare = origin(stage)
    front = pools(dead_and_spare(spare, concurrency_limit=2, max_request_body="10"))
    is_out(front)
    answers = Counter()
    crowd = Crowd(lambda _: answers.update([ask(front, "/slow").status]), 8)
    eventually(lambda: answers[429] == 6)
    assert len(spare.targets) == 2 and front.metric("pool_requests", pool="spare") == 2
    stage.go.set()
    crowd.join()
    assert answers == {429: 6, 200: 2}
    large = ask(front, "/quick", method="POST", body=b"x" * 11)
    assert large.status == 413 and large.get("X-Failover-Reason") == "upstream_unhealthy"
    assert ask(front, "/quick", method="POST", body=b"x" * 10).status == 200
    assert front.metric("pool_refused_total", pool="spare", reason="concurrency_limit") == 6
    assert front.metric("pool_refused_total", pool="spare", reason="request_body_too_large") == 1
    assert front.metric("pool_failovers_total", pool="main", reason="upstream_unhealthy") == 10
    refused = [e for e in front.entries(10) if e["status"] in (413, 429)]
    assert len(refused) == 7 and all(e["pool"] == "spare" for e in refused)


def test_who_stands_in_may_have_a_queue(origin, pools):
    stage = Stage()
    spare = origin(stage)
    front = pools(dead_and_spare(spare, concurrency_limit=1, queue={"size": 10, "timeout": "60s"}))
    is_out(front)
    answers = []
    crowd = Crowd(lambda _: answers.append(ask(front, "/slow").status), 4)
    eventually(lambda: front.metric("pool_queue_waiting", pool="spare") == 3)
    assert len(spare.targets) == 1
    stage.go.set()
    crowd.join()
    assert answers == [200] * 4
    eventually(lambda: front.metric("pool_requests", pool="spare") == 0)


def test_the_first_pools_place_is_free_while_another_stands_in(origin, pools):
    stage = Stage()
    spare = origin(stage)
    made = dead_and_spare(spare)
    made["main"]["concurrency_limit"] = 2
    front = pools(made)
    is_out(front)
    answers = []
    crowd = Crowd(lambda _: answers.append(ask(front, "/slow").status), 8)
    eventually(lambda: len(spare.targets) == 8)
    stage.go.set()
    crowd.join()
    assert answers == [200] * 8


# --- circuits as clients see them ------------------------------------------------------------------------


def test_the_circuit_of_a_backend_is_told(origin, pools):
    stage = Stage(500)
    bad = origin(stage)
    front = pools({"p": {"backends": [bad.address],
                         "backend_circuit_breaker": {"failure_threshold": 2, "timeout": "700ms"}}})
    for _ in range(2):
        answer = ask(front, "/quick")
        assert (answer.status, answer.get("X-Circuit-State")) == (500, "closed")
    eventually(lambda: front.metric("upstream_circuit_open", backend=bad.address) == 1)
    refused = ask(front, "/quick")
    assert (refused.status, refused.get("X-Circuit-State"), refused.get("Retry-After")) == (503, "open", "1")
    assert front.metric("pool_refused_total", pool="p", reason="circuit_open") >= 1
    stage.status = 200
    probe = eventually(lambda: (a := ask(front, "/quick")).status == 200 and a)
    assert probe.get("X-Circuit-State") == "half_open"
    eventually(lambda: ask(front, "/quick").get("X-Circuit-State") == "closed")


def test_the_circuit_of_a_pool_is_counted(origin, pools):
    front = pools({"p": {"backends": [origin(Stage(500)).address],
                         "circuit_breaker": {"failure_threshold": 2, "timeout": "90s"}}})
    assert front.metric("pool_circuit_open", pool="p") == 0
    for _ in range(2):
        ask(front, "/quick")
    eventually(lambda: front.metric("pool_circuit_open", pool="p") == 1)
    assert front.metric("pool_circuit_openings_total", pool="p") == 1
    refused = ask(front, "/quick")
    assert refused.status == 503 and 1 <= int(refused.get("Retry-After")) <= 90
    refused, = [e for e in front.entries(3) if e["status"] == 503]
    assert refused["pool"] == "p"


# --- where it is counted ---------------------------------------------------------------------------------


def test_a_backend_of_two_pools_is_counted_in_each(origin, pools):
    sick = threading.Event()

    def script(conn):
        while r := conn.read_request():
            conn.respond(500 if r.target == "/sick" and sick.is_set() else 200)
    one = origin(script)
    front = pools({"a": {"backends": [one.address]},
                   "b": {"backends": [one.address],
                         "health_check": {"path": "/sick", "interval": "20ms", "unhealthy_threshold": 1,
                                          "healthy_threshold": 1}}},
                  [{"path": "/b", "pool": "b"}, {"pool": "a"}])
    for target in ("/a", "/a", "/b"):
        assert ask(front, target).status == 200
    front.counts(2, "upstream_requests_total", pool="a")
    front.counts(1, "upstream_requests_total", pool="b")
    sick.set()
    eventually(lambda: front.metric("upstream_healthy", pool="b") == 0)
    assert front.metric("upstream_healthy", pool="a") == 1
    assert (ask(front, "/a").status, ask(front, "/b").status) == (200, 503)
    sick.clear()
    eventually(lambda: front.metric("upstream_healthy", pool="b") == 1)
    back, = [line for line in front.stderr.splitlines() if "unhealthy -> healthy" in line]
    assert "placement=b" in back and "reason=checks_passed" in back


def beside(origin):
    """A port of this origin's on another address, where nobody listens."""
    sock = socket.socket()
    sock.bind(("127.0.0.3", origin.port))
    return sock


def test_a_name_is_well_while_one_of_its_addresses_is(origin, proxy, dns):
    good = origin(host="127.0.0.2")
    dns["app.test"] = ["127.0.0.2", "127.0.0.3"]
    with beside(good):
        front = proxy({"web": {"upstreams": [f"app.test:{good.port}"], "health_check": {"frequency_secs": 1}}},
                      server={"dns_servers": [dns.address]}, timeouts={"dns_refresh": "100ms"})
        eventually(lambda: "healthy -> unhealthy" in front.stderr)
        assert front.metric("upstream_healthy") == 1
        good.stop()
        eventually(lambda: front.metric("upstream_healthy") == 0)
        dns["app.test"] = ["127.0.0.3"]
        eventually(lambda: "addresses=1" in front.stderr)
        assert front.metric("upstream_healthy") == 0
