"""Requests and answers as they come out on the other side: connections, fields, addresses."""
import http.client
import json
import socket
import subprocess
import threading

import httpx
import pytest
from lib.http import Client, request
from lib.origin import answering
from lib.util import PATIENCE, Crowd, eventually


@pytest.fixture
def web(origin, proxy):
    """(proxy, origin that answers 200 ok)"""
    backend = origin()
    return proxy(backend), backend


def echo_fields(conn):
    """Answers with the fields it received, as JSON."""
    while r := conn.read_request():
        conn.respond(200, "Content-Type: application/json", body=json.dumps([r.start, r.fields]).encode())


# --- connections -----------------------------------------------------------------------------------------


def test_many_requests_on_one_client_connection_use_one_backend_connection(web, client):
    proxy, backend = web
    one = client(proxy)
    for i in range(50):
        assert one.ask(request(f"/{i}")).body == b"ok"
    assert backend.targets == [f"/{i}" for i in range(50)]
    assert backend.connections_used == 1
    assert proxy.metric("upstream_connects_total") == 1
    assert proxy.metric("upstream_reuses_total") == 49


def test_connection_close_of_the_client_is_honoured(web, client):
    one = client(web[0])
    answer = one.ask(request("/", "Connection: close"))
    assert answer.get("Connection", "").lower() == "close"
    assert one.closed()


def test_connection_close_of_the_backend_does_not_close_the_client(origin, proxy, client):
    def closing(conn):
        conn.read_request()
        conn.respond(200, "Connection: close")
    backend = origin(closing)
    one = client(proxy(backend))
    for _ in range(5):
        answer = one.ask(request())
        assert answer.status == 200 and not answer.has("Connection")
    assert backend.connections_used == 5


def test_requests_per_connection_limit_announces_the_last_answer(origin, proxy, client):
    one = client(proxy(origin(), limits={"requests_per_connection": 3}))
    answers = [one.ask(request()) for _ in range(3)]
    assert [a.get("Connection") for a in answers[:2]] == [None, None]
    assert answers[2].get("Connection").lower() == "close"
    assert one.closed()


def test_connection_age_limit_announces_the_last_answer(origin, proxy, client):
    one = client(proxy(origin(), timeouts={"client_age": "300ms"}))
    answers = []

    def aged():
        answers.append(one.ask(request()))
        return answers[-1].has("Connection")
    eventually(aged)
    assert len(answers) > 1 and all(a.status == 200 for a in answers)
    assert one.closed()


def test_pipelined_requests_in_one_packet_are_answered_in_order(origin, proxy, client):
    def echo_target(conn):
        while r := conn.read_request():
            conn.respond(body=r.target.encode())
    one = client(proxy(origin(echo_target)))
    one.send(b"".join(request(f"/{i}") for i in range(40)))
    assert [one.answer().body for _ in range(40)] == [f"/{i}".encode() for i in range(40)]


def test_pipelined_requests_with_bodies_keep_their_bodies(origin, proxy, client):
    def echo(conn):
        while r := conn.read_request():
            conn.respond(body=r.body)
    one = client(proxy(origin(echo)))
    bodies = [bytes([65 + i]) * (i * 700) for i in range(20)]
    threading.Thread(target=one.send,
                     args=(b"".join(request("/", method="POST", body=b) for b in bodies),)).start()
    assert [one.answer().body for _ in bodies] == bodies


def test_a_pipelined_request_cut_anywhere_is_put_together(web, client):
    proxy, backend = web
    whole = request("/a") + request("/b", method="POST", body=b"12345") + request("/c")
    one = client(proxy)
    for byte in whole:
        one.send(bytes([byte]))
    assert [one.answer().status for _ in range(3)] == [200] * 3
    assert [(r.target, r.body) for r in backend.requests] == [("/a", b""), ("/b", b"12345"), ("/c", b"")]


def test_pipelining_after_connection_close_is_not_served(web, client):
    proxy, backend = web
    one = client(proxy)
    one.send(request("/a", "Connection: close") + request("/b"))
    assert one.answer().status == 200
    assert one.closed()
    assert backend.targets == ["/a"]


def test_empty_lines_before_a_request_are_ignored(web, client):
    one = client(web[0])
    one.send(b"\r\n\r\n" + request())
    assert one.answer().status == 200


def test_http10_without_keep_alive_is_answered_and_closed(web, client):
    one = client(web[0])
    assert one.ask(request(version="1.0")).body == b"ok"
    assert one.closed()


def test_http10_with_keep_alive_stays_open(web, client):
    one = client(web[0])
    for _ in range(3):
        answer = one.ask(request("/", "Connection: keep-alive", version="1.0"))
        assert answer.get("Connection", "").lower() == "keep-alive"
        assert answer.body == b"ok"
    one.ask(request(version="1.0"))
    assert one.closed()


def test_http10_without_host_is_served(web, client):
    assert client(web[0]).ask(request(version="1.0", host=None)).status == 200


def test_http10_client_gets_a_chunked_answer_plain_and_closed(origin, proxy, client):
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    one = client(proxy(origin(answering(chunks))))
    answer = one.ask(request("/", "Connection: keep-alive", version="1.0"))
    assert not answer.has("Transfer-Encoding")
    assert (answer.framing, answer.body) == ("close", b"hello world")


def test_a_request_is_forwarded_as_http11_whatever_the_client_spoke(web, client):
    proxy, backend = web
    client(proxy).ask(request(version="1.0"))
    assert backend.requests[0].version == "HTTP/1.1"


def test_half_closed_client_still_gets_its_answer(web, client):
    one = client(web[0])
    one.send(request())
    one.end_writing()
    assert one.answer().body == b"ok"
    assert one.closed()


def test_half_closed_client_gets_all_its_pipelined_answers(web, client):
    one = client(web[0])
    one.send(request() * 5)
    one.end_writing()
    assert [one.answer().status for _ in range(5)] == [200] * 5
    assert one.closed()


def test_half_closed_client_gets_an_answer_whose_head_came_in_time_completely(origin, proxy, client):
    go = threading.Event()

    def slow_body(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        go.wait(PATIENCE)
        conn.send(b"world")
    one = client(proxy(origin(slow_body), timeouts={"half_close": "100ms"}))
    one.send(request())
    head = one.answer_head()
    one.end_writing()
    assert one.take(5) == b"hello"
    assert one.silent(0.4)  # longer than the half-close time-out
    go.set()
    assert one.take(5) == b"world" and head.status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_gone_closes_the_backend_connection_and_is_logged_as_499(origin, proxy, client, how):
    def never(conn):
        conn.read_request()
        conn.rest()
    backend = origin(never)
    front = proxy(backend, timeouts={"half_close": "100ms"})
    one = client(front)
    one.send(request("/waiting"))
    eventually(lambda: backend.requests)
    getattr(one, how)()
    eventually(lambda: backend.open_used == 0, what="the backend connection is closed")
    entry = front.entry("/waiting")
    assert (entry["status"], entry["reason"]) == (499, "client_gone")
    front.counts(1, "http_reasons_total", reason="client_gone")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_gone_is_noticed_although_its_request_was_there_before_it_was_accepted(origin, proxy, client, how):
    def never(conn):
        conn.read_request()
        conn.rest()
    backend = origin(never)
    front = proxy(backend, timeouts={"half_close": "100ms"})
    with front.frozen():
        one = client(front)
        one.send(request("/waiting"))
    eventually(lambda: backend.requests)
    getattr(one, how)()
    eventually(lambda: backend.open_used == 0, what="the backend connection is closed")
    assert front.entry("/waiting")["reason"] == "client_gone"


def test_a_request_a_leave_and_all_at_once_before_it_is_accepted(origin, proxy, client):
    """Whoever sent a request and FIN in one go still gets the answer; whoever broke off does not block."""
    front = proxy(origin())
    with front.frozen():
        ones = [client(front) for _ in range(6)]
        for one in ones:
            one.send(request("/quick"))
        for one in ones[:3]:
            one.end_writing()
        for one in ones[3:]:
            one.reset()
    for one in ones[:3]:
        assert one.answer().status == 200
        assert one.closed()
    eventually(lambda: front.in_flight() == 0)


def test_client_gone_in_the_middle_of_an_answer_closes_the_backend_connection(origin, proxy, client):
    def endless(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            conn.send(b"x" * 65536)
    backend = origin(endless)
    front = proxy(backend)
    one = client(front)
    one.send(request("/big"))
    one.answer_head()
    one.take(100_000)
    one.reset()
    eventually(lambda: backend.open_used == 0)
    assert "client_gone" in front.entry("/big")["reason"]


# --- fields ----------------------------------------------------------------------------------------------


def test_hop_by_hop_fields_of_the_request_are_removed(web, client):
    proxy, backend = web
    client(proxy).ask(request("/", "Connection: keep-alive, X-Private", "Keep-Alive: timeout=5",
                              "Proxy-Connection: keep-alive", "TE: trailers, gzip", "X-Private: 1",
                              "Proxy-Authorization: Basic eDp5", "X-Kept: 1"))
    names = backend.requests[0].names
    for gone in ("keep-alive", "proxy-connection", "x-private", "proxy-authorization", "upgrade"):
        assert gone not in names
    assert backend.requests[0].get("TE") in (None, "trailers")
    assert "x-kept" in names


def test_hop_by_hop_fields_of_the_answer_are_removed(origin, proxy, client):
    def script(conn):
        while conn.read_request():
            conn.respond(200, "Connection: keep-alive, X-Inner", "Keep-Alive: timeout=60", "X-Inner: 1",
                         "Proxy-Connection: keep-alive", "X-Outer: 1", "Upgrade: h2")
    answer = client(proxy(origin(script))).ask(request())
    for gone in ("connection", "keep-alive", "x-inner", "proxy-connection", "upgrade"):
        assert gone not in answer.names
    assert answer.get("X-Outer") == "1"


def test_a_client_cannot_nominate_away_what_the_next_hop_relies_on(web, client):
    proxy, backend = web
    client(proxy).ask(request("/", "Connection: Authorization, X-Forwarded-For, X-Real-IP, Cookie",
                              "Authorization: Bearer t", "Cookie: a=b"))
    seen = backend.requests[0]
    assert seen.get("Authorization") == "Bearer t" and seen.get("Cookie") == "a=b"
    assert seen.get("X-Forwarded-For") == seen.get("X-Real-IP") == "127.0.0.1"


def test_forwarding_fields_are_added(web, client):
    proxy, backend = web
    client(proxy).ask(request(host="shop.example:8080"))
    seen = backend.requests[0]
    assert seen.get("Host") == seen.get("X-Forwarded-Host") == "shop.example:8080"
    assert seen.all("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.get("X-Forwarded-Proto") == "http"
    assert seen.get("X-Real-IP") == "127.0.0.1"
    assert seen.get("Via") == "1.1 cirque"


def test_via_is_appended_on_both_ways(origin, proxy, client):
    backend = origin(answering(b"HTTP/1.1 200 OK\r\nVia: 1.0 deep\r\nContent-Length: 0\r\n\r\n"))
    answer = client(proxy(backend)).ask(request("/", "Via: 1.1 edge"))
    assert backend.requests[0].get("Via") == "1.1 edge, 1.1 cirque"
    assert answer.get("Via") == "1.0 deep, 1.1 cirque"


def test_via_names_the_version_that_was_received(web, client):
    proxy, backend = web
    client(proxy).ask(request(version="1.0"))
    assert backend.requests[0].get("Via") == "1.0 cirque"


def test_spoofed_forwarding_fields_are_replaced(web, client):
    proxy, backend = web
    client(proxy).ask(request("/", "X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 7.7.7.7",
                              "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Real-IP: 6.6.6.6"))
    seen = backend.requests[0]
    assert seen.all("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Proto") == ["http"]
    assert seen.all("X-Forwarded-Host") == ["test.example"]
    assert seen.all("X-Real-IP") == ["127.0.0.1"]


def test_a_trusted_proxy_is_appended_to(origin, proxy, client):
    backend = origin()
    front = proxy(backend, server={"trusted_proxies": ["127.0.0.0/8"]})
    client(front).ask(request("/", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https",
                              "X-Forwarded-Host: outer.example", "X-Real-IP: 203.0.113.7"))
    seen = backend.requests[0]
    assert seen.all("X-Forwarded-For") == ["203.0.113.7, 127.0.0.1"]
    assert seen.get("X-Forwarded-Proto") == "https"
    assert seen.get("X-Forwarded-Host") == "outer.example"
    assert seen.get("X-Real-IP") == "203.0.113.7"


def test_a_proxy_outside_the_trusted_networks_is_replaced(origin, proxy, client):
    backend = origin()
    front = proxy(backend, server={"trusted_proxies": ["10.0.0.0/8"]})
    client(front).ask(request("/", "X-Forwarded-For: 203.0.113.7"))
    assert backend.requests[0].all("X-Forwarded-For") == ["127.0.0.1"]


def test_request_id_is_made_when_missing_and_kept_when_there(web, client):
    proxy, backend = web
    one = client(proxy)
    one.ask(request("/made"))
    one.ask(request("/made"))
    one.ask(request("/kept", "X-Request-Id: my-id.1"))
    made, other, kept = (r.all("X-Request-Id") for r in backend.requests)
    assert len(made) == len(other) == 1 and made != other and len(made[0]) == 32
    assert kept == ["my-id.1"]
    assert proxy.entry("/kept")["request_id"] == "my-id.1"
    assert [e["request_id"] for e in proxy.entries(2, lambda e: e["path"] == "/made")] == made + other


@pytest.mark.parametrize("bad", ['a"b', "a b", "x" * 200])
def test_an_unusable_request_id_is_replaced(web, client, bad):
    proxy, backend = web
    client(proxy).ask(request("/", f"X-Request-Id: {bad}"))
    (seen,) = backend.requests[0].all("X-Request-Id")
    assert seen != bad and len(seen) == 32


def test_authorization_and_cookies_are_passed_on(web, client):
    proxy, backend = web
    client(proxy).ask(request("/", "Authorization: Bearer secret", "Cookie: a=1", "Cookie: b=2"))
    assert backend.requests[0].get("Authorization") == "Bearer secret"
    assert "; ".join(backend.requests[0].all("Cookie")) == "a=1; b=2"


def test_repeated_fields_of_an_answer_stay_apart_and_in_order(origin, proxy, client):
    def script(conn):
        while conn.read_request():
            conn.respond(200, "Set-Cookie: a=1", "X-A: 1", "Set-Cookie: b=2; Path=/", "X-A: 2")
    answer = client(proxy(origin(script))).ask(request())
    assert answer.all("Set-Cookie") == ["a=1", "b=2; Path=/"]
    assert answer.all("X-A") == ["1", "2"]


def test_reason_phrase_and_unknown_statuses_pass(origin, proxy, client):
    def script(conn):
        while r := conn.read_request():
            conn.respond(int(r.target[1:]), reason="Very Special")
    one = client(proxy(origin(script)))
    for status in (201, 299, 404, 418, 503, 599):
        assert one.ask(request(f"/{status}")).start == f"HTTP/1.1 {status} Very Special"


def test_names_with_underscores_are_dropped_and_counted(web, client):
    proxy, backend = web
    client(proxy).ask(request("/", "X_Forwarded_For: 6.6.6.6", "Remote_User: root", "X-Fine: 1"))
    names = backend.requests[0].names
    assert "x-fine" in names and not [n for n in names if "_" in n]
    proxy.counts(2, "underscored_fields_dropped_total")


@pytest.mark.parametrize("sent, seen", [
    ("/a/../b", "/b"),
    ("/a/./b", "/a/b"),
    ("/a/%2e%2e/b", "/b"),
    ("/%61bc", "/abc"),
    ("//a///b", "/a/b"),
    ("/a?x=/../y", "/a?x=/../y"),
    ("/?q=%2e%2e", "/?q=%2e%2e"),
    ("http://test.example/x/../y?z", "/y?z"),
])
def test_paths_are_canonical_before_they_are_forwarded(web, client, sent, seen):
    proxy, backend = web
    assert client(proxy).ask(request(sent)).status == 200
    assert backend.requests[0].target.lower() == seen


@pytest.mark.parametrize("sent", ["/a%2fb", "/../etc", "/a/%2e%2e/%2e%2e/b", "/a%00b", "/a%zzb", "/a%5cb"])
def test_ambiguous_paths_are_refused(web, client, sent):
    proxy, backend = web
    answer = client(proxy).ask(request(sent))
    assert answer.status == 400 and "bad_target" in answer.get("Proxy-Status")
    assert backend.requests == []


def test_options_asterisk_is_forwarded(web, client):
    proxy, backend = web
    assert client(proxy).ask(request("*", method="OPTIONS")).status == 200
    assert backend.requests[0].start == "OPTIONS * HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "QUERY"])
def test_methods_are_forwarded(web, client, method):
    proxy, backend = web
    assert client(proxy).ask(request("/", method=method)).status == 200
    assert backend.requests[0].method == method


# --- addresses -------------------------------------------------------------------------------------------


def test_several_services_in_one_process_keep_apart(origin, proxy, client):
    def named(name):
        def script(conn):
            while conn.read_request():
                conn.respond(body=name)
        return script
    front = proxy({"one": [origin(named(b"1"))], "two": [origin(named(b"2"))], "three": [origin(named(b"3"))]})
    for name, body in (("one", b"1"), ("two", b"2"), ("three", b"3")):
        assert client(front.port(name)).ask(request()).body == body
        front.counts(1, "http_requests_total", service=name, code="2xx", method="GET")


def test_ipv6_on_both_sides(origin, proxy, client):
    backend = origin(host="::1")
    front = proxy({"six": {"bind_address": "[::1]:0", "upstreams": [backend]}})
    assert client(("::1", front.port())).ask(request()).status == 200
    assert backend.requests[0].get("X-Forwarded-For") == "::1"
    assert front.entry("/")["client"] == "::1"


def test_unix_sockets_on_both_sides(origin, proxy, client, tmp_path):
    backend = origin(path=str(tmp_path / "origin.sock"))
    here = str(tmp_path / "front.sock")
    front = proxy({"local": {"bind_address": f"unix:{here}", "upstreams": [backend]}})
    for _ in range(3):
        assert client(here).ask(request()).status == 200
    assert backend.connections_used == 1
    assert front.running()


def test_a_stale_unix_socket_is_replaced(origin, proxy, client, tmp_path):
    here = str(tmp_path / "front.sock")
    left = socket.socket(socket.AF_UNIX)
    left.bind(here)
    left.close()
    proxy({"local": {"bind_address": f"unix:{here}", "upstreams": [origin()]}})
    assert client(here).ask(request()).status == 200


def test_real_clients_and_a_real_backend_get_along(proxy, tmp_path):
    """curl, httpx and http.client through to Python's http.server."""
    import functools
    import http.server
    content = bytes(range(256)) * 4096
    (tmp_path / "file.bin").write_bytes(content)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        front = proxy([f"127.0.0.1:{server.server_address[1]}"])
        url = f"http://127.0.0.1:{front.port()}/file.bin"
        curled = subprocess.run(["curl", "-sS", "--fail", url, url], capture_output=True, timeout=60, check=True)
        assert curled.stdout == content * 2
        with httpx.Client() as session:
            assert [session.get(url).content == content for _ in range(3)] == [True] * 3
            assert session.get(url + ".missing").status_code == 404
            assert session.head(url).headers["Content-Length"] == str(len(content))
        plain = http.client.HTTPConnection("127.0.0.1", front.port(), timeout=PATIENCE)
        plain.request("GET", "/file.bin")
        assert plain.getresponse().read() == content
        plain.close()
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.tsan
def test_concurrent_clients_each_get_their_own_answers(origin, proxy):
    def echo_target(conn):
        while r := conn.read_request():
            conn.respond(body=r.target.encode())
    front = proxy([origin(echo_target), origin(echo_target)], server={"workers": 2})
    wrong = []

    def work(me):
        with Client(front.port()) as one:
            for i in range(60):
                if i % 20 == 19:
                    one.close()
                    one.__init__(front.port())
                answer = one.ask(request(f"/{me}/{i}"))
                if answer.body != f"/{me}/{i}".encode():
                    wrong.append(answer)
    Crowd(work, 12).join()
    assert not wrong
    front.counts(12 * 60, "http_requests_total", service="web", code="2xx")
