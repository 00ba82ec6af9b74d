"""One small scenario for each reason: the real binary is brought to it, and what the client, the access log and
the metrics say is what `cirque why` tells. A reason without a scenario is a failure."""
import contextlib
import json
import re
import socket
import threading

import pytest
from lib.http import Broken, Client, request
from lib.origin import Origin
from lib.proxy import FAST_HEALTH, Proxy, cirque, make_config
from lib.util import ROOT, dead_port, eventually

TOLD = {told["reason"]: told for told in json.loads(cirque("why", "--format", "json").stdout)["reasons"]}
PATIENT = {**FAST_HEALTH, "frequency_secs": 60, "unhealthy_threshold": 100}  # what is dead stays in the pool

# Shown by these tests, which have the slug in their text.
ELSEWHERE = {
    "internal_error": ("src/proxy/server_test.cpp", "an application that throws is answered for"),
    "body_length_mismatch": ("src/proxy/server_test.cpp", "an application whose body is shorter than it said is answered for"),
    "bad_address": ("src/proxy/server_test.cpp", "an application that names no address is answered for"),
    "refused_by_app": ("src/proxy/server_test.cpp", "a connection that the application refuses ends without a word, and is counted"),
    "timeout": ("src/net/stream_test.cpp", "who waits for bytes too long is told so, and the stream lives on"),
    "too_many_connections": ("tests/e2e/test_load.py", "test_out_of_descriptors_it_keeps_serving_and_does_not_spin"),
    "overloaded": ("tests/e2e/test_overload.py", "test_at_90_percent_new_requests_are_refused_and_operators_are_not"),
    "too_many_from_address": ("tests/e2e/test_overload.py", "test_so_many_connections_from_one_address_and_no_more"),
    "backend_drained": ("tests/e2e/test_drain.py", "test_what_is_left_at_the_deadline_is_cut"),
    "health_check_failed": ("tests/e2e/test_guards.py", "test_what_does_not_pass_for_healthy"),
    "health_check_status": ("tests/e2e/test_guards.py", "test_what_does_not_pass_for_healthy"),
    "health_check_malformed": ("tests/e2e/test_guards.py", "test_what_does_not_pass_for_healthy"),
    "health_check_body": ("tests/e2e/test_health.py", "test_the_text_is_not_in_the_body"),
}
SCENARIOS = set()


def shows(slug):
    """Marks a test as the scenario of a reason."""
    assert slug not in SCENARIOS and slug not in ELSEWHERE
    SCENARIOS.add(slug)
    return lambda test: test


def answered(front, slug, answer, fields=()):
    """The page of an answer of ours, and what log and metrics say of it."""
    told = TOLD[slug]
    assert answer.status == told["status"], answer
    assert re.fullmatch(rf'cirque; error=[a-z_]+; details="{slug}"', answer.get("Proxy-Status")), answer
    assert answer.get("Cache-Control") == "no-store" and answer.get("Content-Type") == "text/html; charset=utf-8"
    assert f"<code>{slug}</code>".encode() in answer.body and answer.get("X-Request-Id").encode() in answer.body
    noted(front, slug, answer.status)


def noted(front, slug, status):
    """What log and metrics say of a request that has ended so; each slug is shown once by each proxy."""
    entry = front.entries(1, lambda e: e.get("reason") == slug)[0]
    assert entry["status"] == status, entry
    for metric in TOLD[slug]["metrics"]:
        eventually(lambda: front.metric(metric.removeprefix("cirque_"), reason=slug) >= 1, what=f"{metric} of {slug}")


def lasting(tmp_path_factory, name, services, **sections):
    directory = tmp_path_factory.mktemp(name)
    return Proxy(make_config(directory, services, **sections), directory)


# --- requests that are refused ---------------------------------------------------------------------------

TIGHT = {"head_bytes": 4096, "field_bytes": 2048, "fields": 32, "target_bytes": 1024}


def lines(*fields, first="GET / HTTP/1.1"):
    return ("\r\n".join([first, *fields]) + "\r\n\r\n").encode("latin-1")


REQUESTS = {
    "bad_request_line": b"GET\r\n\r\n",
    "bad_method": lines("Host: h", first="get / HTTP/1.1"),
    "method_not_allowed": lines("Host: h", first="TRACE / HTTP/1.1"),
    "bad_target": lines("Host: h", first="GET /a/../../b HTTP/1.1"),
    "target_too_long": lines("Host: h", first="GET /" + "x" * 1100 + " HTTP/1.1"),
    "bad_version": lines("Host: h", first="GET / HTTP/1.10"),
    "http_version_unsupported": lines("Host: h", first="GET / HTTP/2.0"),
    "header_block_too_large": lines("Host: h", *[f"X-{i}: " + "y" * 1900 for i in range(3)]),
    "header_field_too_large": lines("Host: h", "X: " + "y" * 2100),
    "too_many_headers": lines("Host: h", *[f"X-{i}: y" for i in range(40)]),
    "bad_header_name": lines("Host: h", "X A: b"),
    "bad_header_value": lines("Host: h", "X: a\0b"),
    "obs_fold": lines("Host: h", "X: a", " b"),
    "bare_lf": b"GET / HTTP/1.1\nHost: h\n\n",
    "missing_host": lines("X: y"),
    "duplicate_host": lines("Host: h", "Host: h"),
    "bad_host": lines("Host: a b"),
    "host_mismatch": lines("Host: h", first="GET http://other/ HTTP/1.1"),
    "expectation_failed": lines("Host: h", "Expect: miracles"),
    "bad_content_length": lines("Host: h", "Content-Length: +5"),
    "bad_transfer_encoding": lines("Host: h", "Transfer-Encoding: gzip"),
    "content_length_and_transfer_encoding": lines("Host: h", "Content-Length: 5", "Transfer-Encoding: chunked"),
    "bad_connection_field": lines("Host: h", "Connection: Host"),
    "bad_chunk": lines("Host: h", "Transfer-Encoding: chunked", first="POST / HTTP/1.1") + b"no size\r\n",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    backend = Origin()
    front = lasting(tmp_path_factory, "strict", [backend.address], limits=TIGHT)
    yield front
    front.check_and_stop()
    backend.end()


@pytest.mark.parametrize("slug", REQUESTS)
def test_a_request_that_is_refused(strict, client, slug):
    one = client(strict)
    one.send(REQUESTS[slug])
    answered(strict, slug, one.answer())


# --- answers that cannot be passed on --------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "upstream_closed_before_response": b"",
    "upstream_bad_status_line": b"SSH-2.0-OpenSSH_9.2\r\n",
    "upstream_bad_header": OK + b"X A: b\r\n\r\n",
    "upstream_header_too_large": OK + b"X: " + b"y" * 9000 + b"\r\n\r\n",
    "upstream_bad_content_length": OK + b"Content-Length: five\r\n\r\n",
    "upstream_bad_transfer_encoding": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "upstream_content_length_and_transfer_encoding": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "upstream_unexpected_upgrade": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "upstream_too_many_informational": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40,
}
BROKEN_OFF = {
    "upstream_bad_chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "upstream_truncated_body": OK + b"Content-Length: 100\r\n\r\nhello",
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    go_on = threading.Event()

    def script(conn):
        slug = conn.read_request().target[1:]
        conn.send(ANSWERS.get(slug) if slug in ANSWERS else BROKEN_OFF[slug])
        if slug in BROKEN_OFF:
            go_on.wait()
        if slug == "upstream_bad_chunk":
            conn.send(b"no size\r\n")
            conn.rest()
    backend = Origin(script)
    front = lasting(tmp_path_factory, "odd", [backend.address], limits=TIGHT)
    front.go_on = go_on
    yield front
    front.check_and_stop()
    backend.end()


@pytest.mark.parametrize("slug", ANSWERS)
def test_an_answer_that_is_not_one(odd, client, slug):
    answered(odd, slug, client(odd).ask(request("/" + slug)))


@pytest.mark.parametrize("slug", BROKEN_OFF)
def test_an_answer_that_goes_wrong_in_its_body(odd, client, slug):
    odd.go_on.clear()
    one = client(odd)
    one.send(request("/" + slug))
    assert one.answer_head().status == 200
    eventually(lambda: b"hello" in one.buffer or not one.fill())
    odd.go_on.set()
    one.rest()
    noted(odd, slug, 200)


# --- routes and pools ------------------------------------------------------------------------------------


def silent(conn):
    conn.read_head()
    conn.rest()


@pytest.fixture
def routed(proxy):
    """routed({path: pool's settings}): one listener and host; each pool is behind its path."""
    def start(pools, routes=(), **sections):
        listed = [{"name": path, "health_check": {"interval": "1h", "unhealthy_threshold": 100}, **pool}
                  for path, pool in pools.items()]
        routes = [{"path_prefix": f"/{path}", "pool": path} for path in pools] + list(routes)
        return proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], pools=listed,
                     virtual_hosts=[{"hosts": ["test.example"], "routes": routes}], **sections)
    return start


def ask(front, target="/", *fields, **how):
    with Client(front.port("web")) as one:
        return one.ask(request(target, *fields, **how))


@shows("no_virtual_host")
@shows("no_route")
def test_nowhere_to_go(routed, origin):
    front = routed({"only": {"backends": [origin().address]}})
    assert ask(front, "/only").status == 200
    answered(front, "no_virtual_host", ask(front, "/only", host="other.example"))
    answered(front, "no_route", ask(front, "/else"))


@shows("routing_key_missing")
def test_no_key(routed, origin):
    """Its page is what cell routing wants: one line of text."""
    front = routed({"only": {"backends": [origin().address]}}, [{"path": "/keyed", "routing_table": "cells"}],
                   routing_tables=[{"name": "cells", "header": "X-Routing-Key", "keys": {"a": "only"}, "default": "only"}])
    answer = ask(front, "/keyed")
    assert answer.status == TOLD["routing_key_missing"]["status"] and b"X-Routing-Key" in answer.body
    noted(front, "routing_key_missing", 400)


@shows("request_body_too_large")
def test_a_body_larger_than_the_pool_takes(routed, origin):
    front = routed({"small": {"backends": [origin().address], "max_request_body": 10}})
    answered(front, "request_body_too_large", ask(front, "/small", method="POST", body=b"x" * 11))


@shows("concurrency_limit")
def test_more_at_once_than_the_pool_takes(routed, origin, client):
    backend = origin(silent)
    front = routed({"one": {"backends": [backend.address], "concurrency_limit": 1}})
    first = client(front.port("web"))
    first.send(request("/one"))
    eventually(lambda: backend.requests)
    answered(front, "concurrency_limit", ask(front, "/one"))
    first.close()


@pytest.mark.parametrize("timeout", ["1m", "50ms"], ids=["full", "late"])
@shows("queue_full")
@shows("queue_timeout")
def test_a_line_that_is_too_long_and_one_that_takes_too_long(routed, origin, client, timeout):
    backend = origin(silent)
    front = routed({"one": {"backends": [backend.address], "concurrency_limit": 1, "queue": {"size": 1, "timeout": timeout}}})
    first, second = client(front.port("web")), client(front.port("web"))
    first.send(request("/one"))
    eventually(lambda: backend.requests)
    second.send(request("/one"))
    if timeout == "1m":
        eventually(lambda: front.metric("pool_queue_waiting", pool="one") == 1)
        answered(front, "queue_full", ask(front, "/one"))
        second.close()
    else:
        answered(front, "queue_timeout", second.answer())
    first.close()


@shows("circuit_open")
def test_a_circuit_that_is_open(routed, origin):
    front = routed({"fuse": {"backends": [f"127.0.0.1:{dead_port()}"],
                             "circuit_breaker": {"failure_threshold": 1, "timeout": "1h"}}})
    assert ask(front, "/fuse").status == 502
    answered(front, "circuit_open", ask(front, "/fuse"))


@shows("no_healthy_backend")
def test_nobody_is_healthy(proxy, client):
    front = proxy(f"127.0.0.1:{dead_port()}")
    eventually(lambda: front.metric("upstream_healthy") == 0)
    answered(front, "no_healthy_backend", client(front).ask(request()))


@shows("upstream_dns_failed")
def test_a_name_that_nobody_knows(proxy, client):
    front = proxy("nope.invalid:80")
    answered(front, "upstream_dns_failed", client(front).ask(request()))


# --- connections to backends -----------------------------------------------------------------------------


@shows("upstream_connect_refused")
def test_a_backend_that_is_not_there(proxy, client):
    front = proxy({"web": {"upstreams": [f"127.0.0.1:{dead_port()}"], "health_check": PATIENT}})
    answered(front, "upstream_connect_refused", client(front).ask(request()))


@shows("upstream_unreachable")
def test_a_backend_that_cannot_be_reached(proxy, client, tmp_path):
    (tmp_path / "file").touch()
    front = proxy({"web": {"upstreams": [f"unix:{tmp_path}/file/socket"], "health_check": PATIENT}})
    answered(front, "upstream_unreachable", client(front).ask(request()))


@shows("upstream_connect_timeout")
def test_a_backend_that_does_not_accept(proxy, client):
    """Its queue is full: the kernel lets the handshake go unanswered."""
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        front = proxy({"web": {"upstreams": [f"127.0.0.1:{full.getsockname()[1]}"], "health_check": PATIENT}},
                      timeouts={"upstream_connect": "300ms"})
        answered(front, "upstream_connect_timeout", client(front).ask(request()))


@shows("upstream_connection_limit")
def test_as_many_connections_as_a_backend_may_have(origin, proxy, client):
    backend = origin(silent)
    front = proxy(backend, limits={"upstream_connections": 1}, timeouts={"upstream_connect": "300ms"})
    first = client(front)
    first.send(request("/first"))
    eventually(lambda: backend.requests)
    answered(front, "upstream_connection_limit", client(front).ask(request("/second")))
    first.close()


@shows("upstream_reset")
def test_a_backend_that_breaks_the_connection(origin, proxy, client):
    hinted = threading.Event()

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200")
        hinted.wait()
        conn.reset()
    front = proxy(origin(script))
    one = client(front)
    one.send(request())
    assert one.head().status == 103
    hinted.set()
    answered(front, "upstream_reset", one.answer())


@shows("upstream_header_timeout")
def test_a_backend_that_does_not_answer(origin, proxy, client):
    front = proxy(origin(silent), timeouts={"upstream_header": "300ms"})
    answered(front, "upstream_header_timeout", client(front).ask(request()))


@shows("upstream_continue_timeout")
def test_a_backend_that_does_not_say_continue(origin, proxy, client):
    front = proxy(origin(silent), timeouts={"upstream_header": "300ms"})
    one = client(front)
    one.send(request("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
    answered(front, "upstream_continue_timeout", one.answer())


def pool_of(proxy, *backends, sections=None, **settings):
    return proxy({}, **(sections or {}), listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                 virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                 pools=[{"name": "p", "backends": [b.address for b in backends], **settings}])


@shows("upstream_try_timeout")
def test_a_backend_that_has_little_time_for_one_try(origin, proxy):
    front = pool_of(proxy, origin(silent), retries={"per_try_timeout": "200ms"})
    with Client(front.port("web")) as one:
        answered(front, "upstream_try_timeout", one.ask(request()))


@shows("rate_limited")
def test_more_requests_than_a_limit_allows(origin, proxy):
    front = pool_of(proxy, origin(), rate_limits=["one"], sections={"rate_limits": [{"name": "one", "requests": 1, "per": "1h"}]})
    with Client(front.port("web")) as one:
        assert one.ask(request()).status == 200
        answered(front, "rate_limited", one.ask(request()))


@shows("upstream_status")
def test_an_answer_that_is_as_good_as_none(origin, proxy):
    bad, good = origin(lambda conn: conn.read_request() and conn.respond(503)), origin()
    front = pool_of(proxy, bad, good, retries={"statuses": [503]})
    with Client(front.port("web")) as one:
        assert {one.ask(request(f"/{n}")).status for n in range(2)} == {200}
    assert any("upstream_status" in (front.entry(f"/{n}").get("story") or "") for n in range(2))
    eventually(lambda: front.metric("upstream_failures_total", reason="upstream_status") == 1)


@shows("upstream_idle_timeout")
def test_a_backend_that_stops_in_its_answer(origin, proxy, client):
    def script(conn):
        conn.read_request()
        conn.send(OK + b"Content-Length: 100\r\n\r\nhello")
        conn.rest()
    front = proxy(origin(script), timeouts={"upstream_idle": "300ms"})
    with pytest.raises(Broken):
        client(front).ask(request())
    noted(front, "upstream_idle_timeout", 200)


@shows("upstream_write_timeout")
def test_a_backend_that_does_not_read(origin, proxy, client):
    over = threading.Event()

    def deaf(conn):
        conn.read_head()
        over.wait()
    front = proxy(origin(deaf, receive_buffer=4096), timeouts={"upstream_idle": "300ms"})
    one = client(front)
    one.send(request("/", f"Content-Length: {10 ** 9}", method="POST"))

    def pour():
        with contextlib.suppress(OSError):
            while not over.is_set():
                one.sock.send(b"x" * 65536)
    pourer = threading.Thread(target=pour)
    pourer.start()
    try:
        noted(front, "upstream_write_timeout", TOLD["upstream_write_timeout"]["status"])
    finally:
        over.set()
        with contextlib.suppress(OSError):  # it may be broken already
            one.sock.shutdown(socket.SHUT_RDWR)
        pourer.join()


# --- clients ---------------------------------------------------------------------------------------------


@shows("client_header_timeout")
def test_a_client_that_does_not_finish_its_head(origin, proxy, client):
    front = proxy(origin(), timeouts={"client_header": "300ms"})
    one = client(front)
    one.send(b"GET / HT")
    answered(front, "client_header_timeout", one.answer())


@shows("client_body_timeout")
def test_a_client_that_does_not_finish_its_body(origin, proxy, client):
    front = proxy(origin(), timeouts={"client_body": "300ms"})
    one = client(front)
    one.send(request("/", "Content-Length: 100", method="POST") + b"x")
    answered(front, "client_body_timeout", one.answer())


@shows("client_write_timeout")
def test_a_client_that_takes_nothing(origin, proxy, client):
    def endless(conn):
        conn.read_request()
        conn.send(OK + b"Content-Length: 100000000000\r\n\r\n")
        while True:
            conn.send(b"x" * 65536)
    front = proxy(origin(endless), timeouts={"client_write": "300ms"})
    one = client(front, receive_buffer=4096)
    one.send(request())
    assert one.answer_head().status == 200
    noted(front, "client_write_timeout", 200)


@shows("client_gone")
def test_a_client_that_leaves(origin, proxy, client):
    backend = origin(silent)
    front = proxy(backend)
    one = client(front)
    one.send(request())
    eventually(lambda: backend.requests)
    one.reset()
    noted(front, "client_gone", TOLD["client_gone"]["status"])


@shows("client_gone_mid_body")
def test_a_client_that_leaves_in_its_body(origin, proxy, client):
    backend = origin(silent)
    front = proxy(backend)
    one = client(front)
    one.send(request("/", "Content-Length: 100", method="POST") + b"x")
    eventually(lambda: backend.requests)
    one.end_writing()
    noted(front, "client_gone_mid_body", TOLD["client_gone_mid_body"]["status"])


# --- the proxy itself ------------------------------------------------------------------------------------


@shows("request_total_timeout")
def test_an_exchange_that_takes_too_long(origin, proxy, client):
    front = proxy(origin(silent), timeouts={"request_total": "300ms"})
    answered(front, "request_total_timeout", client(front).ask(request()))


@shows("tunnel_idle_timeout")
def test_a_tunnel_in_which_nobody_speaks(origin, proxy, client):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        conn.rest()
    front = proxy(origin(script), timeouts={"tunnel_idle": "300ms"})
    one = client(front)
    one.send(request("/", "Connection: Upgrade", "Upgrade: x"))
    assert one.answer().status == 101 and one.closed()
    noted(front, "tunnel_idle_timeout", 101)


@shows("shutting_down")
def test_what_does_not_end_in_time_at_a_stop(origin, proxy, client):
    """The metrics are gone with the process; the log has it."""
    backend = origin(silent)
    front = proxy(backend, timeouts={"drain": "100ms"})
    one = client(front)
    one.send(request("/stuck"))
    eventually(lambda: backend.requests)
    front.stop()
    assert one.closed() and front.entry("/stuck")["reason"] == "shutting_down"


@shows("listen_failed")
def test_an_address_that_is_taken(proxy):
    front = proxy({"web": {"bind_address": f"127.0.0.1:{dead_port()}", "upstreams": ["127.0.0.1:1"]}}, wait=False)
    front.expected_status = 1
    assert front.wait() == 1
    assert re.search(r"cannot listen service=web .*reason=listen_failed", front.stderr)


# --- the table -------------------------------------------------------------------------------------------


def test_every_reason_has_its_scenario_and_none_is_left_over():
    shown = [*REQUESTS, *ANSWERS, *BROKEN_OFF, *SCENARIOS, *ELSEWHERE]
    assert sorted(shown) == sorted(TOLD)


@pytest.mark.parametrize("slug", ELSEWHERE)
def test_what_is_shown_elsewhere_is_shown_there(slug):
    file, name = ELSEWHERE[slug]
    head = f'TEST_CASE("{name}")' if file.endswith(".cpp") else f"def {name}("
    _, found, after = (ROOT / file).read_text().partition(head)
    assert found, f"{file} has no {name}"
    assert re.search(rf'"{slug}\\?"', re.split(r"\nTEST_CASE|\n\n\n", after)[0])


def test_what_is_told_names_keys_and_metrics_that_there_are(strict):
    families = set(re.findall(r"^# TYPE (\w+) ", strict.admin("/metrics")[1], re.M))
    keys = set()
    for told in TOLD.values():
        text = f"{told['meaning']} {told['remedy']}"
        assert set(told["metrics"]) | set(re.findall(r"\bcirque_\w+", text)) <= families, told
        keys |= set(re.findall(r"\b(?:[a-z_]+(?:\[\])?\.)+[a-z_]+\b", text))
    assert len(keys) > 25
    for key in keys:
        assert cirque("help", key).returncode == 0, f"there is no key {key}"


# --- cirque why ------------------------------------------------------------------------------------------


def test_why_explains_what_is_pasted():
    for words in (["upstream_reset"], ['cirque; error=connection_terminated; details="upstream_reset"'],
                  ["502", "because", "upstream_reset"]):
        done = cirque("why", *words)
        assert done.returncode == 0 and done.stdout.startswith("upstream_reset\n\n  The backend broke the connection.\n")
        assert "What to do:" in done.stdout and 'cirque_upstream_failures_total{reason="upstream_reset"}' in done.stdout
    assert cirque("help", "upstream_reset").stdout == done.stdout
    assert "why [REASON]" in cirque("help").stdout


def test_why_alone_lists_all():
    rows = cirque("why").stdout.splitlines()
    assert [row.split()[0] for row in rows[:len(TOLD)]] == list(TOLD)
    for row, told in zip(rows, TOLD.values()):
        assert row.endswith("  " + told["meaning"]) and row.split()[1] == str(told["status"] or "-")


def test_why_does_not_know_everything():
    done = cirque("why", "upstream_rest")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cirque: there is no reason 'upstream_rest'\n   did you mean 'upstream_reset'?\n"
    assert "cirque why lists them all" in cirque("why", "because").stderr
    assert cirque("why", "--format", "sarif").returncode == 2
