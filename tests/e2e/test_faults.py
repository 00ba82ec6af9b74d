"""Backends that fail in each way, alone or with another beside them: what the client, the access log, the metrics
and the circuit breaker say, and how often a request is sent."""
import contextlib
import socket
import threading
import time

import pytest
from lib.faults import BODIES, FAULTS, FaultyOrigin, IDEMPOTENT
from lib.http import Broken, Client, chunked, request
from lib.origin import Origin, serve
from lib.util import Crowd, eventually

# Nothing but requests tells anything of a backend, and nothing is held against it.
PATIENT = {"health_check": {"interval": "1h", "unhealthy_threshold": 100},
           "passive_health": {"errors": 0, "gateway_errors": 0}}


@pytest.fixture
def backends():
    """backends(how, ...): origins that are ended; how is a fault or a script."""
    started = []

    def start(*hows):
        made = [Origin(how) if callable(how) else FaultyOrigin(how) for how in hows]
        started.extend(made)
        return made
    yield start
    for one in started:
        one.end()


@pytest.fixture
def pool(proxy):
    """pool([origins], settings...): a proxy on them, the first of which is asked first, then the second."""
    def start(origins, timeouts=None, **settings):
        listed = [{"id": f"b{n}", "address": o.address, "tags": ["t"], "priority": n} for n, o in enumerate(origins)]
        return proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], backends=listed, timeouts=timeouts or {},
                     virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                     pools=[{"name": "p", "tag": "t", **PATIENT, **settings}])
    return start


def ask(front, target="/", method="GET", body=None, seen=None):
    """An answer and whether its body was broken off. `seen` is set once its beginning is here."""
    with Client(front.port("web")) as one:
        one.send(request(target, method=method, body=body))
        answer = one.answer_head()
        if seen:
            eventually(lambda: one.buffer or not one.fill())
            seen.set()
        try:
            return one.body_of(answer), False
        except Broken:
            return answer, True


def failures(front):
    return front.metric("upstream_failures_total")


def suppressed(front, why):
    return front.metric("upstream_retries_suppressed_total", reason=why)


def received(origin):
    return [(r.method, r.body or None) for r in origin.requests]


# --- each fault ------------------------------------------------------------------------------------------


def is_as_told(front, fault, answer, broken):
    """What the client sees of a fault that nobody made good."""
    assert answer.status == fault.status, answer
    assert broken == (fault.body == "broken"), answer
    if fault.body == "page":
        reason = answer.get("Proxy-Status").split('"')[1]
        assert reason in fault.reasons and f"<code>{reason}</code>".encode() in answer.body, answer
    elif not broken:
        assert answer.body == fault.body.encode() and not answer.has("Proxy-Status")
    entry = front.entry("/fault")
    assert entry["status"] == fault.status and entry.get("reason", "") in fault.reasons, entry
    for reason in filter(None, [entry.get("reason")]):
        front.counts(1, "upstream_failures_total", reason=reason)
    return entry


@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_only_backend(backends, pool, name, method):
    fault = FAULTS[name]
    bad, = backends(fault)
    front = pool([bad], timeouts=fault.timeouts, **fault.settings)
    entry = is_as_told(front, fault, *ask(front, "/fault", method, BODIES[method], bad.seen))
    assert entry["attempts"] == 1 and "story" not in entry, entry
    assert received(bad) == ([(method, BODIES[method])] if fault.script else []), "it is shown once"
    assert front.metric("upstream_retries_total") == 0
    ends_otherwise = fault.body in ("broken", "whole") or not (fault.again or fault.reasons[0])
    why = "no_peer" if method in fault.again else fault.why_not
    assert suppressed(front, why) == (0 if ends_otherwise else 1), front.metrics().text


@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_with_a_good_backend_beside_it(backends, pool, name, method):
    fault = FAULTS[name]
    bad, good = backends(fault, serve)
    front = pool([bad, good], timeouts=fault.timeouts, **fault.settings)
    answer, broken = ask(front, "/fault", method, BODIES[method], bad.seen)
    mine = [(method, BODIES[method])]
    assert received(bad) == (mine if fault.script else []), "nobody is shown a request twice"
    if method not in fault.again:
        assert is_as_told(front, fault, answer, broken)["attempts"] == 1
        assert received(good) == [] and front.metric("upstream_retries_total") == 0
        return
    assert (answer.status, answer.body, broken) == (200, b"ok", False)
    assert received(good) == mine, "its body arrives whole"
    entry = front.entry("/fault")
    assert (entry["status"], entry["attempts"], entry["backend"]) == (200, 2, good.address) and "reason" not in entry, entry
    reason = next(r for r in [*fault.reasons, "upstream_status"] if r and r in entry["story"])
    front.counts(1, "upstream_failures_total", reason=reason)
    front.counts(1, "upstream_retries_total", backend=bad.address)
    assert front.metric("upstream_retries_suppressed_total") == 0


# --- the circuit breaker ---------------------------------------------------------------------------------

BREAKER = {"circuit_breaker": {"failure_threshold": 3, "timeout": "1h"}}


@pytest.mark.parametrize("name", FAULTS)
def test_so_many_faults_open_the_circuit(backends, pool, name):
    fault = FAULTS[name]
    bad, = backends(fault)
    front = pool([bad], timeouts=fault.timeouts, **fault.settings, **BREAKER)
    for _ in range(3):
        answer, _ = ask(front, seen=bad.seen)
        assert (answer.status, answer.get("X-Circuit-State")) == (fault.status, "closed")
    shown = len(bad.requests)
    answer, _ = ask(front, "/last", seen=bad.seen)
    if not fault.is_failure:
        assert (answer.status, answer.get("X-Circuit-State")) == (200, "closed")
        return
    assert (answer.status, answer.get("X-Circuit-State")) == (503, "open") and b"circuit_open" in answer.body
    assert len(bad.requests) == shown and front.entry("/last")["reason"] == "circuit_open"


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.again])
def test_what_another_backend_makes_good_leaves_the_circuit_closed(backends, pool, name):
    fault = FAULTS[name]
    bad, good = backends(fault, serve)
    front = pool([bad, good], timeouts=fault.timeouts, **fault.settings, **BREAKER)
    for _ in range(5):
        answer, _ = ask(front)
        assert (answer.status, answer.get("X-Circuit-State")) == (200, "closed")
    front.counts(5, "upstream_retries_total", backend=bad.address)


# --- retries ---------------------------------------------------------------------------------------------


def drops(conn):
    """Takes a request and goes."""
    conn.read_request()


def test_so_many_backends_are_shown_a_request(backends, pool):
    many = backends(drops, drops, drops, serve)
    front = pool(many, retries={"backoff": "1ms"})
    answer, _ = ask(front, "/shown")
    assert answer.status == 502 and [len(b.requests) for b in many] == [1, 1, 1, 0]
    entry = front.entry("/shown")
    assert (entry["attempts"], entry["backend"]) == (3, many[2].address)
    assert front.metric("upstream_retries_total") == 2 and suppressed(front, "attempts") == 1


def test_who_cannot_be_connected_to_was_not_shown_it(backends, pool):
    refuses = FAULTS["refuses"]
    many = backends(*[refuses] * 5, serve)
    front = pool(many, retries={"attempts": 0, "budget_percent": 0, "budget_per_second": 0, "backoff": "1m"})
    for method, body in BODIES.items():
        assert ask(front, f"/{method}", method, body)[0].status == 200
        assert front.entry(f"/{method}")["attempts"] == 6
    assert received(many[-1]) == list(BODIES.items())


def test_the_last_of_the_answers_that_are_as_good_as_none_is_told(backends, pool):
    def answering(status):
        def script(conn):
            while conn.read_request():
                conn.respond(status, body=b"%d" % status)
        return script
    many = backends(answering(502), answering(503))
    front = pool(many, retries={"statuses": [502, 503], "backoff": "1ms"})
    answer, _ = ask(front, "/told")
    assert (answer.status, answer.body) == (503, b"503")
    entry = front.entry("/told")
    assert entry["attempts"] == 2 and "upstream_status" in entry["story"]
    assert suppressed(front, "no_peer") == 1


@pytest.mark.parametrize("method", IDEMPOTENT)
def test_who_takes_too_long_for_a_try_is_followed_by_the_next(backends, pool, method):
    stalling = FAULTS["stalls"]
    many = backends(stalling, stalling, serve)
    front = pool(many, timeouts={"upstream_header": "1h"}, retries={"per_try_timeout": "500ms", "backoff": "1ms"})
    assert ask(front, "/slow", method, BODIES[method])[0].status == 200
    assert [received(b) for b in many] == [[(method, BODIES[method])]] * 3
    assert front.entry("/slow")["story"].count("upstream_try_timeout") == 2
    eventually(lambda: not many[0].open_used and not many[1].open_used, what="given up, its connection is closed")


def test_the_pause_before_a_retry_grows(backends, pool):
    times = []

    def noting(then):
        def script(conn):
            while conn.read_request():
                times.append(time.monotonic())
                if not then(conn):
                    return
        return script
    front = pool(backends(noting(lambda conn: None), noting(lambda conn: None),
                          noting(lambda conn: conn.respond() or True)),
                 retries={"backoff": "300ms", "backoff_max": "10s"})
    assert ask(front)[0].status == 200
    first, second, third = times
    assert second - first >= 0.15 and third - second >= 0.3, "half of it is never left out"


def test_no_pause_where_nobody_has_seen_it(backends, pool):
    front = pool(backends(FAULTS["refuses"], serve), retries={"backoff": "1m", "backoff_max": "1m"})
    assert ask(front)[0].status == 200


def test_a_client_that_leaves_in_the_pause_ends_it(backends, pool):
    bad, good = backends(drops, serve)
    front = pool([bad, good], retries={"backoff": "1m", "backoff_max": "1m"})
    with Client(front.port("web")) as one:
        one.send(request("/left"))
        eventually(lambda: bad.requests and not bad.open_used)
        one.reset()
    assert front.entry("/left")["reason"] == "client_gone" and received(good) == []


def test_the_pause_is_part_of_the_time_for_the_whole(backends, pool):
    bad, good = backends(drops, serve)
    front = pool([bad, good], timeouts={"request_total": "500ms"}, retries={"backoff": "1m", "backoff_max": "1m"})
    answer, _ = ask(front, "/late")
    assert answer.status == 504 and front.entry("/late")["reason"] == "request_total_timeout"
    assert received(good) == []


def leaving_midway(how):
    """Takes a part of the body and goes."""
    def script(conn):
        conn.read_head()
        conn.take(100_000)
        how(conn)
    return script


def send_what_is_taken(one, data):
    with contextlib.suppress(OSError):
        one.send(data)


@pytest.mark.parametrize("how", [FAULTS["closes before the head"].script, FAULTS["resets before the head"].script],
                         ids=["closes", "resets"])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_who_goes_in_the_middle_of_a_body_that_is_kept(backends, pool, method, how):
    bad, good = backends(leaving_midway(how), serve)
    front = pool([bad, good], retries={"body": "16m"})
    body = bytes(n % 251 for n in range(3_000_000))
    with Client(front.port("web")) as one:
        sender = threading.Thread(target=send_what_is_taken, args=(one, request("/midway", method=method, body=body)))
        sender.start()
        answer = one.answer()
        with contextlib.suppress(OSError):  # it may be closed already
            one.sock.shutdown(socket.SHUT_RDWR)
        sender.join()
    assert len(bad.requests) == 1
    if method == "PUT":
        assert answer.status == 200, answer.get("Proxy-Status")
        assert received(good) == [("PUT", body)]
    else:
        assert answer.status == 502 and received(good) == []
        assert suppressed(front, "method") == 1


def test_retries_stay_within_their_share_of_requests(backends, proxy):
    """Half of the requests meet the backend that drops them; a fifth of all may be sent again."""
    bad, good = backends(drops, serve)
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [bad.address, good.address], **PATIENT,
                          "retries": {"budget_percent": 20, "budget_per_second": 0, "backoff": "1ms"}}])
    count, statuses = 300, []

    def work(_):
        with Client(front.port("web")) as one:
            for _ in range(count // 3):
                statuses.append(one.ask(request()).status)
    Crowd(work, 3).join()
    told = statuses.count(502)
    assert statuses.count(200) + told == count
    retries = front.metric("upstream_retries_total")
    assert 0 < retries <= count * 0.2
    assert len(bad.requests) == retries + told
    front.counts(told, "upstream_retries_suppressed_total", reason="budget")
    assert front.metric("upstream_retries_suppressed_total") == told


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size, again", [(10_000, True), (65_536, True), (65_537, False), (300_000, False)])
def test_a_body_is_sent_again_up_to_a_size(backends, pool, framing, size, again):
    bad, good = backends(drops, serve)
    front = pool([bad, good])
    body = bytes(n % 251 for n in range(size))
    with Client(front.port("web")) as one:
        if framing == "length":
            one.send(request("/big", method="PUT", body=body))
        else:
            pieces = [body[at:at + 9973] for at in range(0, size, 9973)]
            one.send(request("/big", "Transfer-Encoding: chunked", method="PUT") + chunked(*pieces))
        answer = one.answer()
    assert received(bad) == [("PUT", body)]
    if again:
        assert answer.status == 200 and received(good) == [("PUT", body)]
    else:
        assert answer.status == 502 and received(good) == []
    assert suppressed(front, "body") == (0 if again else 1)


def test_a_body_of_any_size_goes_on_to_who_can_be_connected_to(backends, pool):
    bad, good = backends(FAULTS["refuses"], serve)
    front = pool([bad, good])
    body = bytes(n % 251 for n in range(1_000_000))
    for method in ("PUT", "POST"):
        assert ask(front, "/", method, body)[0].status == 200
    assert received(good) == [("PUT", body), ("POST", body)]


# --- pooled connections that go --------------------------------------------------------------------------


def leaving_after(seconds):
    """Keep-alive, and the end when nothing has come for so long; nobody is told before."""
    def script(conn):
        while True:
            try:
                if not conn.buffer and not conn.fill(seconds):
                    return
            except TimeoutError:
                return
            conn.read_request()
            conn.respond(body=b"whole")
    return script


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_requests_that_meet_the_end_of_an_idle_connection(backends, proxy):
    """Each client has a backend for itself, and asks again when the connection between them is about to end."""
    idle, clients, turns = 0.2, 100, 100
    origins = backends(*[leaving_after(idle)] * clients)
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"name": "h", "hosts": ["*"],
                                  "routes": [{"path": f"/{n}", "pool": f"p{n}"} for n in range(clients)]}],
                  pools=[{"name": f"p{n}", "backends": [o.address], **PATIENT} for n, o in enumerate(origins)])
    wrong, pause = [], threading.Event().wait

    def work(number):
        with Client(front.port("web")) as one:
            for turn in range(turns):
                # One in four comes at once; the others from 4 ms before the end to 4 ms after it.
                if turn % 4:
                    pause(idle + ((number * 7 + turn * 13) % 81 - 40) / 10_000)
                answer = one.ask(request(f"/{number}"))
                if (answer.status, answer.body) != (200, b"whole"):
                    wrong.append(answer)
    Crowd(work, clients).join()
    assert not wrong, (len(wrong), wrong[:3])
    assert sum(o.accepted for o in origins) > clients * turns // 10, "many connections came to their end"
    met = [e for e in front.entries(clients * turns) if "dead" in e.get("story", "")]
    assert met and {e["status"] for e in met} == {200}, "some were sent to a connection that was about to end"
