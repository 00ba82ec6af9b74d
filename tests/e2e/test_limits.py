"""Limits and deadlines, and that they bite when they should and not before."""
import contextlib
import threading
import time

import pytest
from lib.http import Broken, Client, request
from lib.util import PATIENCE, SLOW, Crowd, eventually, pause

TIGHT = {"head_bytes": "8k", "field_bytes": "2k", "fields": 20, "target_bytes": 1024}


def reason_of(answer):
    return answer.get("Proxy-Status", "").partition('details="')[2].rstrip('"')


@pytest.fixture
def tight(origin, proxy):
    backend = origin()
    return proxy(backend, limits=TIGHT), backend


@pytest.mark.parametrize("data, status, reason", [
    (request("/" + "x" * 1100), 414, "target_too_long"),
    (request("/", "X-Long: " + "x" * 2100), 431, "header_field_too_large"),
    (request("/", *[f"X-{i}: 1" for i in range(25)]), 431, "too_many_headers"),
    (request("/", *[f"X-{i}: " + "y" * 1900 for i in range(6)]), 431, "header_block_too_large"),
], ids=["target", "field", "count", "head"])
def test_what_is_too_large_is_refused_and_logged_and_never_forwarded(tight, client, data, status, reason):
    front, backend = tight
    one = client(front)
    one.send(data)
    answer = one.answer()
    assert (answer.status, reason_of(answer)) == (status, reason)
    assert answer.get("Connection").lower() == "close"
    assert one.closed()
    assert backend.requests == []
    entry = front.entries(1)[0]
    assert (entry["status"], entry["reason"]) == (status, reason)


@pytest.mark.parametrize("data", [
    request("/" + "x" * 1000),
    request("/", "X-Long: " + "x" * 2000),
    request("/", *[f"X-{i}: 1" for i in range(18)]),
    request("/", *[f"X-{i}: " + "y" * 1900 for i in range(4)]),
], ids=["target", "field", "count", "head"])
def test_what_just_fits_is_served(tight, client, data):
    assert client(tight[0]).ask(data).status == 200


def test_a_head_without_end_is_refused_at_the_limit_not_at_the_time_out(origin, proxy, client):
    one = client(proxy(origin(), limits=TIGHT, timeouts={"client_header": "10m"}))
    one.send(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: " + b"z" * 1000 + b"\r\n")
    for _ in range(11):
        one.send(b"X: " + b"z" * 1000 + b"\r\n")
        pause(0.001)
    assert one.answer().status == 431


def test_a_line_without_end_is_refused_at_the_limit(tight, client):
    one = client(tight[0])
    one.send(b"GET /" + b"a" * 20_000)
    assert one.answer().status == 414


def test_default_limits_let_large_but_sane_heads_pass(origin, proxy, client):
    backend = origin()
    one = client(proxy(backend))
    cookie = "c=" + "x" * 15_000
    assert one.ask(request("/" + "p" * 10_000, f"Cookie: {cookie}")).status == 200
    assert backend.requests[0].get("Cookie") == cookie


def test_an_answer_with_a_large_head_passes_and_one_above_the_limit_is_502(origin, proxy, client):
    """Backends are allowed four times what clients are."""
    def script(conn):
        while r := conn.read_request():
            conn.respond(200, *[f"X-{i}: " + "v" * 1900 for i in range(int(r.target[1:]))])
    one = client(proxy(origin(script), limits=TIGHT))
    for count in (3, 15):
        answer = one.ask(request(f"/{count}"))
        assert answer.status == 200 and answer.get(f"X-{count - 1}") == "v" * 1900
    answer = one.ask(request("/20"))
    assert answer.status == 502 and reason_of(answer) == "upstream_header_too_large"
    assert one.ask(request("/3")).status == 200


# --- deadlines -------------------------------------------------------------------------------------------


def test_a_slow_body_may_take_its_time_where_the_rate_is_no_matter(origin, proxy, client):
    """A byte now and then, for longer than would otherwise end it: a stream in both directions."""
    backend = origin()
    front = proxy(backend, timeouts={"client_body": "1500ms"}, limits={"body_rate": 0})
    one = client(front)
    one.send(request("/", "Content-Length: 12", method="POST"))
    for _ in range(12):
        pause(0.2)  # the silence that is tested
        one.send(b"x")
    assert one.answer().status == 200
    assert backend.requests[0].body == b"x" * 12


@pytest.mark.parametrize("gap", [None, 0.05], ids=["silent", "dripping"])
def test_a_slow_head_ends_by_its_deadline(origin, proxy, client, gap):
    """One byte every 50 ms does not move the deadline."""
    backend = origin()
    front = proxy(backend, timeouts={"client_header": "600ms"})
    one = client(front)
    began = time.monotonic()
    over = threading.Event()

    def drip():
        try:
            for byte in b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 10_000:
                if over.is_set():
                    return
                one.sock.send(bytes([byte]))
                if gap is None:
                    return
                over.wait(gap)
        except OSError:
            pass
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        answer = one.answer()
    finally:
        took = time.monotonic() - began
        over.set()
        thread.join()
    assert answer.status == 408 and reason_of(answer) == "client_header_timeout"
    assert 0.5 < took < 3 * SLOW
    assert backend.requests == []


def test_a_slow_second_head_ends_by_its_deadline_too(origin, proxy, client):
    front = proxy(origin(), timeouts={"client_header": "400ms"})
    one = client(front)
    assert one.ask(request()).status == 200
    began = time.monotonic()
    one.send(b"GET / HT")
    try:
        assert one.answer().status == 408
    except Broken:
        pass  # closing silently would do
    assert 0.3 < time.monotonic() - began < 3 * SLOW


def test_a_body_that_stalls_ends_by_its_deadline(origin, proxy, client):
    backend = origin()
    front = proxy(backend, timeouts={"client_body": "400ms"})
    one = client(front)
    began = time.monotonic()
    one.send(request("/stall", "Content-Length: 100", method="POST") + b"x" * 10)
    answer = one.answer()
    assert answer.status == 408 and reason_of(answer) == "client_body_timeout"
    assert 0.3 < time.monotonic() - began < 3 * SLOW
    assert one.closed()
    eventually(lambda: backend.open_used == 0, what="the unfinished upstream request is given up")
    assert front.entry("/stall")["reason"] == "client_body_timeout"


def test_a_body_in_progress_is_not_ended(origin, proxy, client):
    """Slow, but above the least rate: all of it takes longer than the time-out."""
    front = proxy(origin(), timeouts={"client_body": f"{int(1000 * SLOW)}ms"})
    one = client(front)
    pieces = int(20 * SLOW)
    one.send(request("/", f"Content-Length: {pieces * 100}", method="POST"))
    for _ in range(pieces):
        one.send(b"x" * 100)
        pause(0.1)
    assert one.answer().status == 200


def test_a_body_that_drips_ends_although_it_is_never_silent(origin, proxy, client):
    backend = origin()
    front = proxy(backend, timeouts={"client_body": "500ms"})
    one = client(front)
    over = threading.Event()

    def drip():
        try:
            one.sock.sendall(request("/drip", "Content-Length: 100000", method="POST"))
            while not over.wait(0.05):
                one.sock.send(b"x")
        except OSError:
            pass
    thread = threading.Thread(target=drip)
    began = time.monotonic()
    thread.start()
    try:
        answer = one.answer()
    finally:
        over.set()
        thread.join()
    assert answer.status == 408 and reason_of(answer) == "client_body_timeout"
    assert time.monotonic() - began < 5 * SLOW


def test_an_idle_connection_is_closed_after_its_time_and_silently(origin, proxy, client):
    front = proxy(origin(), timeouts={"client_idle": "500ms"})
    one = client(front)
    one.ask(request())
    began = time.monotonic()
    assert one.closed(PATIENCE)
    assert 0.4 < time.monotonic() - began < 3 * SLOW


def test_a_connection_that_never_says_anything_is_closed_silently(origin, proxy, client):
    front = proxy(origin(), timeouts={"client_idle": "500ms", "client_header": "500ms"})
    one = client(front)
    began = time.monotonic()
    assert one.closed(PATIENCE)
    assert 0.4 < time.monotonic() - began < 3 * SLOW
    assert front.metric("http_requests_total", service="web") == 0


def test_the_idle_time_begins_anew_with_each_request(origin, proxy, client):
    front = proxy(origin(), timeouts={"client_idle": f"{int(1000 * SLOW)}ms"})
    one = client(front)
    for _ in range(8):
        assert one.ask(request()).status == 200
        pause(0.25)


def test_connect_5_client_30_server_30_request_10_keep_alive_10_queue_30(origin, proxy, full_backlog):
    """The time-outs of an edge by HAProxy in our words, each for as long as it says, all at the same time."""
    over = threading.Event()

    def dripping(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.2):
            conn.send(b"x")

    def silent(conn):
        conn.read_head()
        over.wait()
    pools = {"ready": origin().address, "full": full_backlog, "silent": origin(silent).address,
             "taken": origin(dripping).address}
    of_all = {"health_check": {"interval": "1h", "unhealthy_threshold": 100}}
    of = {"taken": {"concurrency_limit": 1, "queue": {"size": 10, "timeout": "30s"}}}
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"path": f"/{name}", "pool": name} for name in pools]}],
                  pools=[{"name": name, "backends": [at], **of_all, **of.get(name, {})} for name, at in pools.items()],
                  timeouts={"upstream_connect": "5s", "client_body": "30s", "client_write": "30s",
                            "upstream_header": "30s", "upstream_idle": "30s", "client_header": "10s",
                            "client_idle": "10s"})
    half_a_body = request("/silent", "Content-Length: 100", method="POST") + b"x"
    waits = [("/full", request("/full"), 5, 504, "upstream_connect_timeout"),
             ("a body", half_a_body, 30, 408, "client_body_timeout"),
             ("/silent", request("/silent"), 30, 504, "upstream_header_timeout"),
             ("a head", b"GET / HT", 10, 408, "client_header_timeout"),
             ("keep-alive", b"", 10, None, None),
             ("/taken", request("/taken"), 30, 503, "queue_timeout")]

    def wait(number):
        what, data, seconds, status, reason = waits[number]
        with Client(front.port("web")) as one:
            if not data:
                assert one.ask(request("/ready")).status == 200
            began = time.monotonic()
            one.send(data)
            assert one.fill(timeout=2 * PATIENCE + 30) == bool(status), what
            took = time.monotonic() - began
            if status:
                answer = one.answer()
                assert (answer.status, reason_of(answer)) == (status, reason), what
        assert seconds - 0.2 < took < seconds + 4 * SLOW, what
    with Client(front.port("web")) as holder:
        holder.send(request("/taken"))
        assert holder.answer_head().status == 200
        try:
            Crowd(wait, len(waits)).join()
        finally:
            over.set()


def test_a_client_that_takes_nothing_is_ended(origin, proxy, client):
    def endless(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            conn.send(b"x" * 65536)
    backend = origin(endless)
    front = proxy(backend, timeouts={"client_write": "500ms", "upstream_idle": "30s"})
    one = client(front, receive_buffer=4096)
    one.send(request("/taken"))
    one.answer_head()
    assert front.entry("/taken")["reason"] == "client_write_timeout"
    eventually(lambda: backend.open_used == 0)


def test_the_limit_of_client_connections_holds_and_the_rest_wait(origin, proxy, client):
    front = proxy(origin(), limits={"connections": 5}, timeouts={"client_idle": "60s"})
    first = [client(front) for _ in range(5)]
    for one in first:
        assert one.ask(request()).status == 200
    late = client(front)
    late.send(request("/late"))
    assert late.silent(0.3)
    first[0].close()
    assert late.answer().status == 200


@pytest.mark.parametrize("workers", [1, 4])
def test_there_may_be_so_many_connections_whichever_worker_has_them(origin, proxy, workers):
    front = proxy(origin(), limits={"connections": 6}, server={"workers": workers}, timeouts={"client_idle": "1h"})
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(Client(front.port())) for _ in range(6)]
        for one in kept:
            assert one.ask(request()).status == 200
        late = stack.enter_context(Client(front.port()))
        late.send(request("/late"))
        assert late.silent(0.3)
        kept.pop().close()
        assert late.answer().status == 200


def test_an_undrained_body_beyond_the_bound_closes_the_connection(origin, proxy, client):
    """All backends are down: the answer comes before the body is read."""
    backend = origin()
    backend.stop()
    front = proxy(backend, limits={"drain_bytes": "16k"})
    eventually(lambda: not front.healthy(backend.address))
    small = client(front)
    small.send(request("/small", method="POST", body=b"x" * 8000) + request("/next"))
    assert [small.answer().status for _ in range(2)] == [503, 503]
    big = client(front)
    big.send(request("/big", "Content-Length: 1000000", method="POST"))
    try:
        big.send(b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n" * 2000)
    except OSError:
        pass
    assert big.answer().status == 503
    try:
        assert big.closed()
    except Broken:
        pytest.fail("the body was taken for requests")
    paths = {e["path"] for e in front.entries(3)}
    assert paths == {"/small", "/next", "/big"}
