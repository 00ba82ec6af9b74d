"""What the proxy tells about itself: metrics, probes, logs, and what it must never tell."""
import fcntl
import json
import re
import shutil
import subprocess
import threading

import pytest
from lib.http import Client, request
from lib.util import PATIENCE, Crowd, eventually, dead_port


def test_counters_are_right_after_n_requests(origin, proxy, client):
    def script(conn):
        while r := conn.read_request():
            conn.respond(int(r.target[1:]), body=b"12345")
    backend = origin(script)
    front = proxy(backend)
    one = client(front)
    for method, status, count in (("GET", 200, 7), ("GET", 404, 3), ("POST", 200, 2), ("DELETE", 500, 1),
                                  ("PUT", 302, 4), ("BREW", 200, 1)):
        for _ in range(count):
            one.ask(request(f"/{status}", method=method, body=b"abc" if method == "POST" else None))
    eventually(lambda: front.in_flight() == 0)
    front.counts(18 * 5, "http_response_body_bytes_total", service="web")
    metrics = front.metrics()

    def requests(**labels):
        return metrics.sum("cirque_http_requests_total", service="web", **labels)
    assert requests() == 18
    assert requests(code="2xx", method="GET") == 7
    assert requests(code="4xx", method="GET") == 3
    assert requests(code="2xx", method="POST") == 2
    assert requests(code="5xx", method="DELETE") == 1
    assert requests(code="3xx", method="PUT") == 4
    assert requests(code="2xx") == 10  # the unknown method is counted too
    assert metrics.sum("cirque_http_request_duration_seconds_count", service="web") == 18
    assert metrics.sum("cirque_http_request_duration_seconds_bucket", service="web", le="+Inf") == 18
    assert metrics.sum("cirque_proxy_overhead_seconds_count", service="web") == 18
    assert metrics.sum("cirque_http_request_body_bytes_total", service="web") == 6
    assert metrics.sum("cirque_http_response_body_bytes_total", service="web") == 18 * 5
    assert metrics.sum("cirque_upstream_requests_total", backend=backend.address) == 18
    assert metrics.sum("cirque_upstream_connects_total") == 1
    assert metrics.sum("cirque_upstream_reuses_total") == 17
    assert metrics.sum("cirque_http_reasons_total") == 0
    assert metrics.sum("cirque_upstream_failures_total") == 0


def test_counters_are_summed_over_workers(origin, proxy):
    front = proxy(origin(), server={"workers": 3})

    def work(_):
        for _ in range(20):
            with Client(front.port()) as one:
                one.ask(request())
    Crowd(work, 4).join()
    front.counts(80, "http_requests_total", service="web")
    assert front.metric("connections_accepted_total") >= 80


def test_counters_never_fall(origin, proxy, client):
    front = proxy(origin())
    before = front.metrics()
    one = client(front)
    for _ in range(5):
        one.ask(request())
        after = front.metrics()
        for (name, labels), value in before.items():
            if name.endswith(("_total", "_count", "_bucket")):
                assert after[name, labels] >= value, name
        before = after


def test_in_flight_and_connection_gauges_follow(origin, proxy, client):
    go = threading.Event()

    def script(conn):
        while conn.read_request():
            go.wait(PATIENCE)
            conn.respond()
    front = proxy(origin(script))
    ones = [client(front) for _ in range(4)]
    for one in ones[:3]:
        one.send(request())
    eventually(lambda: front.in_flight() == 3)
    go.set()
    assert [one.answer().status for one in ones[:3]] == [200] * 3
    eventually(lambda: front.in_flight() == 0)
    eventually(lambda: front.metric("connections", state="idle") >= 3)
    for one in ones:
        one.close()
    eventually(lambda: front.metric("connections", state="idle") == 0)
    eventually(lambda: front.metric("connections") <= 1)  # the one that asks


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing_to_say(origin, proxy, client):
    front = proxy({"web": [origin(), f"127.0.0.1:{dead_port()}"], "other": [origin()]})
    one = client(front)
    for _ in range(4):
        one.ask(request())
    client(front).ask(request("/", "Expect: nonsense"))
    text = front.admin("/metrics")[1]
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_probes_and_other_paths_of_the_metrics_listener(origin, proxy):
    front = proxy(origin())
    assert front.admin("/healthz") == (200, "ok\n")
    assert front.admin("/readyz") == (200, "ready\n")
    assert front.admin("/nothing")[0] == 404
    with Client(front.port("admin")) as one:
        assert one.ask(request("/metrics", method="POST", body=b"x")).status == 405
        head = one.ask(request("/metrics", method="HEAD"))
        assert head.status == 200 and head.get("Content-Type").startswith("text/plain")


def test_metrics_can_be_turned_off(origin, proxy, client):
    front = proxy(origin(), metrics={"enabled": False})
    assert client(front).ask(request()).status == 200
    assert "service=admin" not in front.stderr
    front.stop()  # there is no in-flight gauge to look at


def test_scrapes_are_not_in_the_access_log(origin, proxy, client):
    front = proxy(origin())
    for _ in range(3):
        front.admin("/metrics")
    client(front).ask(request("/mine"))
    front.entry("/mine")
    assert [e["path"] for e in front.access_log()] == ["/mine"]


# --- the access log --------------------------------------------------------------------------------------


def test_a_json_line_says_what_happened(origin, proxy, client):
    def script(conn):
        while conn.read_request():
            conn.respond(201, body=b"answer")
    backend = origin(script)
    front = proxy(backend)
    one = client(front)
    for _ in range(2):
        one.ask(request("/path?q=1", "User-Agent: tester/1.0", "Referer: http://from.example/",
                        method="POST", body=b"four", host="shop.example"))
    first, second = front.entries(2)
    assert first["method"] == "POST" and first["path"] == "/path?q=1" and first["host"] == "shop.example"
    assert first["status"] == 201 and first["protocol"] == "HTTP/1.1" and first["client"] == "127.0.0.1"
    assert first["bytes_in"] == 4 and first["bytes_out"] == 6
    assert first["service"] == "web" and first["backend"] == backend.address
    assert (first["reused"], second["reused"]) == (False, True)
    assert first["user_agent"] == "tester/1.0" and first["referer"] == "http://from.example/"
    assert first["attempts"] == 1 and "reason" not in first
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["ts"])
    assert first["duration_ms"] >= first["upstream_ms"] >= 0
    assert first["request_id"] == backend.requests[0].get("X-Request-Id") != second["request_id"]


def test_durations_are_those_of_the_phases(origin, proxy, client):
    def script(conn):
        conn.read_request()
        threading.Event().wait(0.3)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        threading.Event().wait(0.3)
        conn.send(b"k")
    front = proxy(origin(script))
    client(front).ask(request("/phases"))
    entry = front.entry("/phases")
    assert entry["upstream_ms"] >= 299 and entry["duration_ms"] >= 599
    # On a busy machine the head may be seen late, and then the rest comes the sooner.
    assert entry["duration_ms"] - entry["upstream_ms"] >= 150
    assert entry["overhead_ms"] < 250


def test_attempts_in_vain_are_not_our_overhead(origin, proxy, client):
    def breaks(conn):
        conn.read_request()
        threading.Event().wait(0.6)
        conn.reset()
    front = proxy([origin(breaks), origin()])
    for n in range(2):  # whoever's turn it is first
        assert client(front).ask(request(f"/retried{n}")).status == 200
    entry = next(e for e in front.entries(2) if e["attempts"] == 2)
    assert entry["duration_ms"] >= 599 and entry["upstream_ms"] < entry["duration_ms"] - 500
    assert entry["overhead_ms"] < 300


def test_a_backend_that_was_waited_for_in_vain_is_not_our_overhead(origin, proxy, client):
    def silent(conn):
        conn.read_request()
        conn.rest()
    front = proxy(origin(silent), timeouts={"upstream_header": "600ms"})
    assert client(front).ask(request("/silent")).status == 504
    assert front.entry("/silent")["overhead_ms"] < 300


@pytest.mark.parametrize("target", ['/"quoted"', "/back\\slash", "/\u00e4", "/<b>", "/%0a%22"])
def test_every_json_line_parses_whatever_was_sent(origin, proxy, client, target):
    front = proxy(origin())
    client(front).send(request(target, 'User-Agent: "x" \\ \x80\xff\t', "Referer: \"'{}"))
    (entry,) = front.entries(1)
    assert entry["status"] in (200, 400)


def test_a_text_line(origin, proxy, client):
    backend = origin()
    front = proxy(backend, logging={"access": {"format": "text"}})
    client(front).ask(request("/text", host="shop.example"))
    line = eventually(front.access_text)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 200 GET +[\d.]+ ms +2 B  shop\.example/text  from 127\.0\.0\.1",
                    line)
    assert f"to {backend.address} (new)" in line and "id " in line


def test_a_combined_line(origin, proxy, client):
    front = proxy(origin(), logging={"access": {"format": "combined"}})
    one = client(front)
    one.ask(request("/combined", "Referer: http://r.example/", "User-Agent: t/1"))
    one.ask(request("/second"))
    eventually(lambda: front.access_text().count("\n") == 2)
    first, second = front.access_text().splitlines()
    assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /combined HTTP/1\.1" 200 2 '
                        r'"http://r\.example/" "t/1"', first)
    assert second.endswith('"GET /second HTTP/1.1" 200 2 "-" "-"')


def test_a_line_cannot_be_forged(origin, proxy, client):
    front = proxy(origin(), logging={"access": {"format": "combined"}})
    client(front).ask(request("/a", 'User-Agent: x" 200 9 "\x9b31m\\'))
    line = eventually(front.access_text)
    assert line.count("\n") == 1 and "\x9b" not in line
    assert re.fullmatch(r'.*" 200 2 "-" "(?:[^"\\]|\\.)*"\n', line)


def test_the_access_log_can_go_to_standard_output(origin, proxy, client):
    front = proxy(origin(), logging={"access": {"output": "stdout"}})
    client(front).ask(request("/out"))
    eventually(lambda: '"/out"' in front.stdout)


def test_the_access_log_can_be_turned_off(origin, proxy, client):
    front = proxy(origin(), logging={"access": {"enabled": False}})
    client(front).ask(request("/unseen"))
    front.check_and_stop()
    assert "/unseen" not in front.stdout + front.stderr + front.access_text()


def test_lines_arrive_within_about_a_second(origin, proxy, client):
    front = proxy(origin())
    one = client(front)
    one.ask(request("/prompt"))
    eventually(lambda: "/prompt" in front.access_text(), timeout=5)


def test_every_request_has_its_line_after_a_stop(origin, proxy):
    front = proxy(origin(), server={"workers": 2})

    def work(me):
        with Client(front.port()) as one:
            for i in range(500):
                one.ask(request(f"/{me}/{i}"))
    Crowd(work, 4).join()
    front.check_and_stop()
    assert sorted(e["path"] for e in front.access_log()) == sorted(f"/{m}/{i}" for m in range(4) for i in range(500))


def test_a_refused_request_is_logged_with_its_reason(origin, proxy, client):
    front = proxy(origin())
    one = client(front)
    one.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert one.answer().status == 400
    (entry,) = front.entries(1)
    assert (entry["status"], entry["reason"]) == (400, "duplicate_host")
    front.counts(1, "http_reasons_total", reason="duplicate_host")


SECRETS = ("hunter2token", "cookiesecret", "setcookiesecret", "proxyauthsecret")


@pytest.mark.parametrize("format", ["json", "text", "combined"])
def test_secrets_never_appear_in_any_log(origin, proxy, client, format):
    def script(conn):
        while r := conn.read_request():
            if "/die" in r.target:
                return
            conn.respond(200, "Set-Cookie: s=setcookiesecret")
    fields = ["Authorization: Bearer hunter2token", "Cookie: id=cookiesecret",
              "Proxy-Authorization: Basic proxyauthsecret"]
    front = proxy({"web": [origin(script)], "dead": [f"127.0.0.1:{dead_port()}"]}, env={"CIRQUE_LOG": "trace"},
                  logging={"level": "trace", "access": {"format": format}})
    for service in ("web", "dead"):
        one = client(front.port(service))
        one.ask(request("/fine", *fields))
        one.ask(request("/die", *fields))
        broken = client(front.port(service))
        broken.send(request("/bad", *fields, "Bad Name: x"))
        broken.answer()
        again = client(front.port(service))
        again.send(b"GET / HTTP/1.1\r\n" + "\r\n".join(fields).encode() + b"\r\n folded\r\n\r\n")
        again.answer()
    front.check_and_stop()
    everything = front.stderr + front.stdout + front.access_text()
    assert "/fine" in everything
    assert not [s for s in SECRETS if s in everything]


DEBUG_LINES = ("client has connected", "connected backend=", "an attempt has failed", "health check")


@pytest.mark.parametrize(("variable", "value"), [("RUST_LOG", "debug"), ("CIRQUE_LOG", "trace"), ("RUST_LOG", "info"),
                                                 (None, None)])
def test_what_debug_tells_and_others_do_not(origin, proxy, client, variable, value):
    gone = f"127.0.0.1:{dead_port()}"
    health = {"frequency_secs": 1, "unhealthy_threshold": 100}
    front = proxy({"web": {"upstreams": [origin(), gone], "health_check": health}}, env={variable: value} if variable else {})
    one = client(front)
    for _ in range(4):
        assert one.ask(request()).status == 200
    if value in ("debug", "trace"):
        eventually(lambda: all(line in front.stderr for line in DEBUG_LINES))
    else:
        assert not [line for line in DEBUG_LINES if line in front.stderr]
        assert " ready " in front.stderr


def test_a_stuck_application_log_keeps_nobody_waiting(origin, proxy, client, tmp_path):
    """Its pipe is full, and every reload has something to say."""
    import os
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        front = proxy(origin())
        one = client(front)
        logging = {**front.config["logging"], "output": "file", "path": str(fifo)}
        fcntl.fcntl(reader, 1031, 4096)  # F_SETPIPE_SZ

        def lost():
            assert front.reload({**front.config, "logging": logging})
            one.send(request())
            return one.answer().status == 200 and front.metric("log_lines_lost_total") > 0
        eventually(lost, timeout=60)
        os.read(reader, 1 << 20)
        assert front.reload()
        assert b"lines lost, as nobody took them lost=" in os.read(reader, 1 << 20)
        logging.pop("output")
        logging.pop("path")
        assert front.reload({**front.config, "logging": logging})
        front.check_and_stop()
    finally:
        os.close(reader)


def test_a_stuck_log_drops_lines_and_counts_them_but_answers(origin, proxy, client, tmp_path):
    """The log is a pipe that nobody reads any more."""
    import os
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        front = proxy(origin(), logging={"access": {"path": str(fifo)}},
                      limits={"requests_per_connection": 1_000_000})
        one = client(front)
        batch = request("/" + "x" * 2000) * 50

        def dropped():
            one.send(batch)
            assert all(one.answer().status == 200 for _ in range(50))
            return front.metric("access_log_dropped_total") > 0
        eventually(dropped, timeout=60)
    finally:
        drain = threading.Event()

        def empty():
            while not drain.is_set():
                try:
                    if not os.read(reader, 1 << 20):
                        drain.wait(0.01)
                except BlockingIOError:
                    drain.wait(0.01)
        thread = threading.Thread(target=empty)
        thread.start()
        try:
            front.check_and_stop()
        finally:
            drain.set()
            thread.join()
            os.close(reader)


def test_the_application_log_as_json(origin, proxy):
    backend = origin()
    front = proxy(backend, logging={"format": "json"}, wait=False)
    eventually(lambda: '"ready"' in front.stderr or not front.running())
    lines = [json.loads(line) for line in front.stderr.splitlines()]
    assert any("ready" in str(line) for line in lines)
    front.stop()


@pytest.mark.tsan
def test_scrapes_during_load(origin, proxy):
    front = proxy([origin(), origin()], server={"workers": 2})
    over = threading.Event()

    def work(me):
        if me == 0:
            while not over.is_set():
                assert front.metric("http_requests_total", service="web") >= 0
            return
        with Client(front.port()) as one:
            for _ in range(150):
                one.ask(request())
    crowd = Crowd(work, 5)
    for thread in crowd.threads[1:]:
        thread.join()
    over.set()
    crowd.join()
    front.counts(600, "http_requests_total", service="web")


def test_each_workers_event_loop_is_seen_turning(origin, proxy, client):
    front = proxy(origin(), server={"workers": 2})
    client(front).ask(request())
    turns = [front.metric("event_loop_turns_total", worker=str(i)) for i in range(2)]
    assert sum(turns) > 0
    assert 0 <= front.metric("event_loop_longest_turn_seconds", worker="0") < 60
    eventually(lambda: client(front).ask(request()).status == 200
               and sum(front.metric("event_loop_turns_total", worker=str(i)) for i in range(2)) > sum(turns))
