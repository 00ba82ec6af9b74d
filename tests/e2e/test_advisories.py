"""The attacks that other proxies suffered, one test or more for each, under the name of its advisory. They
stay for good."""

import threading
import time

import pytest
from rawlib import PATIENCE, Cirque, Hello, Origin, eventually, get, ok, serve_well

SECOND = get("/smuggled")
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def rig():
    origin = Origin()
    proxy = Cirque([origin.port], timeouts={"upstream_header": "1s", "client_header": "5s"})
    yield origin, proxy
    proxy.stop()
    origin.stop()


@pytest.fixture(scope="module")
def drip_rig():
    origin = Origin()
    proxy = Cirque([origin.port], timeouts={"client_header": "700ms", "client_body": "700ms"})
    yield origin, proxy
    proxy.stop()
    origin.stop()


@pytest.fixture(scope="module")
def hello():
    origin = Origin()
    proxy = Hello(origin.port)
    yield origin, proxy
    proxy.stop()
    origin.stop()


@pytest.fixture(scope="module")
def dead():
    """Nothing answers behind this one, and health says so."""
    origin = Origin()
    origin.stop()
    proxy = Cirque([origin.port])
    eventually(lambda: proxy.metric("cirque_upstream_healthy") == 0)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def refusing():
    """Nothing answers behind this one, and health does not know."""
    origin = Origin()
    proxy = Cirque([origin.port], health={"unhealthy_threshold": 5})
    origin.stop()
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def trusting():
    origin = Origin()
    proxy = Cirque([origin.port], trusted=["127.0.0.0/8"])
    yield origin, proxy
    proxy.stop()
    origin.stop()


def answers_of(client):
    """Every answer until the end of the connection."""
    answers = []
    while (answer := client.read_response()) is not None:
        answers.append(answer)
    return answers


def silent_to(target):
    """A script that never answers this one, and everything else well."""

    def script(conn):
        request = conn.read_request()
        if request is None:
            return False
        if request.target == target:
            conn.drain()
            return False
        conn.send(ok(b"target=" + request.target.encode()))
        return True

    return script


# --- CVE-2025-4366: an unread body is parsed as the next request ------------------------------------------


def carrier(*fields, method="GET", target="/private", version="1.1"):
    """A request whose body is a request."""
    return get(target, *fields, f"Content-Length: {len(SECOND)}", method=method, version=version, body=SECOND)


def chunked_carrier(*fields, target="/private"):
    body = b"%x\r\n" % len(SECOND) + SECOND + b"\r\n0\r\n\r\n"
    return get(target, *fields, "Transfer-Encoding: chunked", body=body)


CARRIERS = {"length": carrier(), "chunked": chunked_carrier(), "POST": carrier(method="POST"), "1.0": carrier(version="1.0")}


def never_executed(client, data, status, third=None):
    """`data` is answered by `status`; its body never is; what comes after it is, or the connection ends."""
    client.send(data + get("/third"))
    client.end_writing()
    answers = answers_of(client)
    assert answers[0].status == status, answers
    assert len(answers) <= 2, answers
    if len(answers) == 2:
        assert answers[0].get("Connection") != "close"
        assert answers[1].body == b"target=/third" or third and answers[1].reason == third, answers


@pytest.mark.parametrize("carried", CARRIERS)
def test_cve_2025_4366_answer_of_the_application(hello, carried):
    origin, proxy = hello
    origin.begin()
    with proxy.connect() as client:
        never_executed(client, CARRIERS[carried], 403)
    assert not any(r.target == "/smuggled" for r in origin.requests())


@pytest.mark.parametrize("at", [0, 1, 10, len(SECOND) - 1])
def test_cve_2025_4366_body_that_comes_after_the_answer(hello, at):
    origin, proxy = hello
    origin.begin()
    data = carrier()
    head = len(data) - len(SECOND)
    with proxy.connect() as client:
        client.send(data[: head + at])
        assert client.read_response().status == 403
        client.send(data[head + at :] + get("/third"))
        client.end_writing()
        answers = answers_of(client)
        assert [a.body for a in answers] in ([], [b"target=/third"]), answers
    assert not any(r.target == "/smuggled" for r in origin.requests())


def test_cve_2025_4366_body_longer_than_will_be_drained(hello):
    origin, proxy = hello
    origin.begin()
    body = SECOND * 8000
    with proxy.connect() as client:
        client.send(get("/private", f"Content-Length: {len(body)}", method="POST"))
        assert client.read_response().status == 403
        client.send(body + get("/third"))
        client.end_writing()
        while client.more():
            pass
        assert b"smuggled" not in client.buffer
    assert not any(r.target == "/smuggled" for r in origin.requests())


@pytest.mark.parametrize("carried", CARRIERS)
def test_cve_2025_4366_error_page_503(dead, carried):
    with dead.connect() as client:
        never_executed(client, CARRIERS[carried], 503, third="no_healthy_backend")
    paths = [e["path"] for e in dead.access_entries()]
    assert "/smuggled" not in paths


@pytest.mark.parametrize("carried", CARRIERS)
def test_cve_2025_4366_error_page_502(refusing, carried):
    with refusing.connect() as client:
        client.send(CARRIERS[carried] + get("/third"))
        client.end_writing()
        answers = answers_of(client)
        assert [a.status for a in answers] in ([502], [502, 502]), answers
    eventually(lambda: any(e["path"] == "/private" for e in refusing.access_entries()))
    assert "/smuggled" not in [e["path"] for e in refusing.access_entries()]


@pytest.mark.parametrize("carried", CARRIERS)
def test_cve_2025_4366_error_page_504(rig, carried):
    origin, proxy = rig

    origin.begin(silent_to("/private"))
    with proxy.connect() as client:
        client.send(CARRIERS[carried] + get("/third"))
        answer = client.read_response()
        assert (answer.status, answer.reason) == (504, "upstream_header_timeout")
        answer = client.read_response()
        assert answer is None or answer.body == b"target=/third"
    assert not any(r.target == "/smuggled" for r in origin.requests())


REFUSALS = [
    ("417", carrier("Expect: bogus", target="/x"), 417),
    ("405", carrier(method="TRACE", target="/x"), 405),
    ("505", carrier(version="2.0", target="/x"), 505),
    ("bad target", carrier(target="/../x"), 400),
    ("bad field", carrier("X-A : b", target="/x"), 400),
    ("bad Connection", carrier("Connection: host", target="/x"), 400),
    ("two Hosts", carrier("Host: i", target="/x"), 400),
    ("too many fields", carrier(*["X: y"] * 200, target="/x"), 431),
    ("too long", carrier(target="/" + "x" * 20000), 414),
    ("CL and TE", carrier("Transfer-Encoding: chunked", target="/x"), 400),
    ("two lengths", carrier("Content-Length: 0", target="/x"), 400),
]


@pytest.mark.parametrize("data,status", [t[1:] for t in REFUSALS], ids=[t[0] for t in REFUSALS])
def test_cve_2025_4366_refusals_close(rig, data, status):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(data + get("/third"))
        assert client.read_response().status == status
        assert client.is_closed()
    assert origin.bytes_seen() == b""


def test_cve_2025_4366_with_expect_100_continue(hello):
    """The client was never told to go on, so it may leave the body out: only closing is safe."""
    origin, proxy = hello
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/private", "Expect: 100-continue", f"Content-Length: {len(SECOND)}", method="POST"))
        assert client.read_response().status == 403, "no 100 before a refusal"
        client.send(SECOND)
        client.end_writing()
        assert answers_of(client) == []
    assert origin.bytes_seen() == b""


def test_cve_2025_4366_the_origin_answers_without_reading(rig):
    origin, proxy = rig

    def early(conn):
        if conn.read_head() is None:
            return False
        conn.send(ok(b"early"))
        conn.drain()
        return False

    origin.begin(early)
    data = carrier(method="POST", target="/x")
    with proxy.connect() as client:
        client.send(data[: -len(SECOND)])
        assert client.read_response().body == b"early"
        origin.script = serve_well
        client.send(SECOND + get("/third"))
        client.end_writing()
        assert [a.body for a in answers_of(client)] in ([], [b"target=/third"])
    assert not any(r.target == "/smuggled" for r in origin.requests())


# --- CVE-2026-2833: bytes behind an Upgrade request are tunnelled before the 101 --------------------------

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def upgrading(*answers):
    """A script: the first request of a connection gets these; what comes then is recorded, not parsed."""

    def script(conn):
        request = conn.read_request()
        if request is None:
            return False
        if not request.target.startswith("/up"):
            conn.send(ok(b"target=" + request.target.encode()))
            return True
        for answer in answers:
            conn.send(answer)
        if any(b" 101 " in a for a in answers):
            conn.drain()
            return False
        return True

    return script


REFUSED_UPGRADES = {
    "200": ok(b"no"),
    "400": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno",
    "426": b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nno",
}


@pytest.mark.parametrize("status", REFUSED_UPGRADES)
def test_cve_2026_2833_without_a_101_what_follows_is_a_request(rig, status):
    """It goes through all our checks: here its forged X-Real-IP is replaced and a malformed one is refused."""
    origin, proxy = rig
    origin.begin(upgrading(REFUSED_UPGRADES[status]))
    with proxy.connect() as client:
        client.send(get("/up", *UPGRADE) + get("/second", "X-Real-IP: 6.6.6.6") + get("/../third"))
        assert client.read_response().status == int(status)
        assert client.read_response().body == b"target=/second"
        assert client.read_response().reason == "bad_target"
        assert client.is_closed()
    origin.saw_exactly(("GET", "/up", b""), ("GET", "/second", b""))
    second = next(r for r in origin.requests() if r.target == "/second")
    assert second.all("X-Real-IP") == ["127.0.0.1"]


def test_cve_2026_2833_nothing_goes_upstream_before_the_101(rig):
    origin, proxy = rig
    go_on = threading.Event()

    def slow(conn):
        if conn.read_request() is None:
            return False
        assert go_on.wait(PATIENCE)
        conn.send(ok(b"no"))
        return True

    origin.begin(slow)
    with proxy.connect() as client:
        client.send(get("/up", *UPGRADE) + SECOND)
        eventually(origin.requests)
        client.send(SECOND)
        with proxy.connect() as other:  # a whole exchange elsewhere: time in which bytes would have leaked
            other.send(get("/up-other"))
            eventually(lambda: len(origin.requests()) == 2)
        assert b"smuggled" not in origin.bytes_seen()
        origin.script = serve_well
        go_on.set()
        assert client.read_response().body == b"no"
        assert [client.read_response().body for _ in range(2)] == [b"target=/smuggled"] * 2
    assert not origin.unfinished()


def test_cve_2026_2833_after_the_101_all_bytes_go_both_ways(rig):
    origin, proxy = rig
    origin.begin(upgrading(SWITCH + b"early from the origin"))
    with proxy.connect() as client:
        client.send(get("/up", *UPGRADE) + b"early from the client")
        answer = client.read_response()
        assert answer.status == 101 and answer.get("Upgrade") == "websocket"
        eventually(lambda: b"early from the origin" in client.buffer or (client.more() and False))
        client.send(b"\x00\xff more")
        eventually(lambda: origin.bytes_seen().endswith(b"early from the client\x00\xff more"))


def test_cve_2026_2833_a_100_and_then_the_101(rig):
    origin, proxy = rig
    origin.begin(upgrading(b"HTTP/1.1 100 Continue\r\n\r\n" + SWITCH))
    with proxy.connect() as client:
        client.send(get("/up", *UPGRADE) + b"tunnelled")
        statuses = [client.read_response().status]
        while statuses[-1] != 101:
            statuses.append(client.read_response().status)
        assert statuses in ([101], [100, 101])
        eventually(lambda: origin.bytes_seen().endswith(b"\r\n\r\ntunnelled"))


def test_cve_2026_2833_no_answer_at_all(rig):
    origin, proxy = rig

    origin.begin(silent_to("/up"))
    with proxy.connect() as client:
        client.send(get("/up", *UPGRADE) + SECOND)
        assert client.read_response().reason == "upstream_header_timeout"
        answer = client.read_response()
        assert answer is None or answer.body == b"target=/smuggled"
    assert not origin.unfinished()


NOT_ASKED = {
    "without Connection: upgrade": get("/up", "Upgrade: websocket"),
    "Connection: close alone": get("/up", "Upgrade: websocket", "Connection: close"),
    "Connection: upgrade without Upgrade": get("/up", "Connection: upgrade"),
    "empty Upgrade": get("/up", "Connection: upgrade", "Upgrade:"),
    "HTTP/1.0": get("/up", *UPGRADE, version="1.0"),
    "h2c": get("/up", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"),
    "h2c among others": get("/up", "Connection: Upgrade", "Upgrade: websocket, h2c"),
}


@pytest.mark.parametrize("data", NOT_ASKED.values(), ids=NOT_ASKED)
def test_cve_2026_2833_a_101_that_nobody_asked_for(rig, data):
    origin, proxy = rig
    origin.begin(upgrading(SWITCH))
    with proxy.connect() as client:
        client.send(data + SECOND)
        answer = client.read_response()
        assert (answer.status, answer.reason) == (502, "upstream_unexpected_upgrade"), answer
    upgrade = origin.requests()[0]
    assert upgrade.all("Upgrade") == [] and upgrade.all("HTTP2-Settings") == []


def test_cve_2026_2833_h2c_in_a_second_line_is_not_offered(rig):
    """HTTP/2 by upgrade would carry requests past everything that is checked here."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", "Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c")).status == 200
    assert "h2c" not in str(origin.requests()[0].headers)


@pytest.mark.parametrize(
    "framing,body",
    [("Content-Length: 5", b"hello"), ("Transfer-Encoding: chunked", CHUNKED), (f"Content-Length: {len(SECOND)}", SECOND)],
    ids=["length", "chunked", "a request"],
)
@pytest.mark.parametrize("answer", [SWITCH, ok(b"no")], ids=["101", "200"])
def test_cve_2026_2833_upgrade_with_a_body(rig, framing, body, answer):
    """Also nghttpx CVE-2026-58055. The body is a body, the bytes behind it are a request, or all is refused."""
    origin, proxy = rig
    origin.begin(upgrading(answer))
    meant = b"hello" if b"chunked" in framing.encode() else body
    with proxy.connect() as client:
        client.send(get("/up", *UPGRADE, framing, method="POST", body=body) + get("/behind"))
        first = client.read_response()
        if answer is SWITCH:
            assert (first.status, first.reason) == (502, "upstream_unexpected_upgrade"), first
        else:
            assert first.body == b"no"
        second = client.read_response()
        assert second is None or second.body == b"target=/behind"
    for request in origin.requests():
        assert (request.target, request.body) in (("/up", meant), ("/behind", b"")), request
        assert request.all("Upgrade") == []
    assert not origin.unfinished()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
    ids=["another protocol", "no protocol"],
)
def test_cve_2026_2833_a_101_to_something_else_than_was_asked_for(rig, answer):
    """RFC 9110 15.2.2: a 101 must name a protocol, and it can only be one that the client offered."""
    origin, proxy = rig
    origin.begin(upgrading(answer))
    with proxy.connect() as client:
        got = client.ask(get("/up", *UPGRADE))
        assert (got.status, got.reason) == (502, "upstream_unexpected_upgrade"), got


def test_cve_2026_58055_upgrade_content_length_and_body_nghttpx(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", *UPGRADE, "Content-Length: 5", body=b"hello") + get("/next"))
        assert [client.read_response().body for _ in range(2)] == [b"target=/x", b"target=/next"]
    origin.saw_exactly(("GET", "/x", b"hello"), ("GET", "/next", b""))


# --- CVE-2026-2835: HTTP/1.0 bodies and odd codings -------------------------------------------------------


@pytest.mark.parametrize("connection", [(), ("Connection: keep-alive",), ("Connection: close",)], ids=["", "keep-alive", "close"])
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_cve_2026_2835_a_1_0_request_without_length_has_no_body(rig, method, connection):
    """Never "until close": what follows is a request of its own, or is not looked at."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", *connection, version="1.0", method=method) + get("/behind"))
        client.end_writing()
        bodies = [a.body for a in answers_of(client)]
        assert bodies in ([b"target=/x"], [b"target=/x", b"target=/behind"])
        assert len(bodies) == 2 if "keep-alive" in "".join(connection) else len(bodies) == 1
    assert [(r.method, r.target, r.body) for r in origin.requests()][0] == (method, "/x", b"")
    assert not origin.unfinished()


VARIANTS = [
    "identity, chunked", "chunked, identity", "chunked;q=1", "chunked,", ",chunked", "chunked, chunked", "xchunked", "chunked x", "gzip, chunked",
    "chunked\x0b", "\x0bchunked", "\x0cchunked", "chunked\x00", "chunked\r\n identity", '"chunked"',
]


@pytest.mark.parametrize("with_length", [False, True], ids=["", "and a length"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("value", VARIANTS)
def test_cve_2026_2835_codings_that_readers_read_differently(rig, value, version, with_length):
    origin, proxy = rig
    origin.begin()
    fields = [f"Transfer-Encoding: {value}"] + (["Content-Length: 5"] if with_length else [])
    with proxy.connect() as client:
        client.send(get("/x", *fields, method="POST", version=version, body=b"0\r\n\r\n" + SECOND))
        assert client.read_response().status == 400
        assert client.is_closed()
    assert origin.bytes_seen() == b""


@pytest.mark.parametrize("fields", [["chunked", "chunked"], ["identity", "chunked"], ["chunked", "identity"], ["", "chunked"], ["chunked", ""]])
def test_cve_2026_2835_several_lines(rig, fields):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", *[f"Transfer-Encoding: {f}" for f in fields], method="POST", body=b"0\r\n\r\n" + SECOND))
        assert client.read_response().reason == "bad_transfer_encoding"
        assert client.is_closed()
    assert origin.bytes_seen() == b""


@pytest.mark.parametrize("value", ["chunked", "CHUNKED", "\tchunked ", "  Chunked\t"])
def test_cve_2026_2835_what_is_chunked_for_all_readers_is_sent_on_as_such(rig, value):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", f"Transfer-Encoding:{value}", method="POST", body=CHUNKED) + get("/behind"))
        assert [client.read_response().body for _ in range(2)] == [b"target=/x", b"target=/behind"]
    origin.saw_exactly(("POST", "/x", b"hello"), ("GET", "/behind", b""))


def test_cve_2026_2835_transfer_encoding_in_a_1_0_answer(rig):
    origin, proxy = rig

    def old(conn):
        if conn.read_request() is None:
            return False
        conn.send(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED)
        return False

    origin.begin(old)
    with proxy.connect() as client:
        assert client.ask(get("/x")).reason == "upstream_bad_transfer_encoding"


def test_kawa_transfer_encoding_suffix_match(rig):
    """rustsec#3142: "xchunked" ends in "chunked"."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", "Transfer-Encoding: xchunked", method="POST", body=CHUNKED))
        assert client.read_response().reason == "bad_transfer_encoding"
        assert client.is_closed()
    assert origin.bytes_seen() == b""


# --- CVE-2026-105299: Connection nominations --------------------------------------------------------------

OURS = {
    "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "h", "X-Real-IP": "127.0.0.1", "Via": "1.1 cirque",
}


@pytest.mark.parametrize("name", [*OURS, "X-Request-Id"])
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "not sent"])
def test_cve_2026_105299_our_own_fields_cannot_be_nominated_away(rig, name, sent):
    origin, proxy = rig
    origin.begin()
    fields = [f"Connection: close, {name.lower()}"] + ([f"{name}: 6.6.6.6"] if sent else [])
    with proxy.connect() as client:
        assert client.ask(get("/x", *fields)).status == 200
    request = origin.requests()[0]
    assert len(request.all(name)) == 1
    if name in OURS and name != "Via":
        assert request.all(name) == [OURS[name]]
    assert request.all("Connection") in ([], ["keep-alive"]), "not what the client said"


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "Content-Type", "Cache-Control"])
def test_cve_2026_105299_what_others_rely_on_stays(rig, name):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", f"Connection: {name}", f"{name}: value")).status == 200
    assert origin.requests()[0].all(name) == ["value"]


@pytest.mark.parametrize("name", ["Host", "Content-Length", "host", "CONTENT-LENGTH"])
def test_cve_2026_105299_framing_and_routing_cannot_be_nominated(rig, name):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", f"Connection: {name}", "Content-Length: 5", method="POST", body=b"hello"))
        answer = client.read_response()
        assert (answer.status, answer.reason) == (400, "bad_connection_field")
        assert client.is_closed()
    assert origin.bytes_seen() == b""


def test_cve_2026_105299_nominating_transfer_encoding_changes_nothing(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", "Connection: Transfer-Encoding", "Transfer-Encoding: chunked", method="POST", body=CHUNKED) + get("/behind"))
        statuses = [client.read_response().status]
        if statuses == [400]:
            assert client.is_closed()
            assert origin.bytes_seen() == b""
            return
        assert client.read_response().body == b"target=/behind"
    origin.saw_exactly(("POST", "/x", b"hello"), ("GET", "/behind", b""))


@pytest.mark.parametrize("how", ["one line", "two lines", "case"])
def test_cve_2026_105299_what_is_nominated_is_removed_and_so_is_the_nomination(rig, how):
    origin, proxy = rig
    lines = {
        "one line": ["Connection: keep-alive, X-Auth, X-Other"],
        "two lines": ["Connection: X-Auth", "Connection: X-Other"],
        "case": ["connection: x-AUTH,,x-OTHER ,"],
    }[how]
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", "X-Auth: a", *lines, "X-Other: b", "X-Auth: c", "X-Fine: d")).status == 200
    request = origin.requests()[0]
    assert not request.all("X-Auth") and not request.all("X-Other") and request.get("X-Fine") == "d"
    assert request.all("Connection") in ([], ["keep-alive"])


@pytest.mark.parametrize("value", ["a b", '"x"', "x;y", "(x)", "a=b", "X-\xe9", "close, a b", "x/y", "a:b"])
def test_cve_2026_105299_a_malformed_nomination_is_refused(rig, value):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", f"Connection: {value}"))
        assert client.read_response().reason == "bad_connection_field"
        assert client.is_closed()
    assert origin.bytes_seen() == b""


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Connection", "TE", "HTTP2-Settings", "Proxy-Authorization", "Upgrade"])
def test_hop_by_hop_fields_go_no_further_nominated_or_not(rig, name):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", f"{name}: something")).status == 200
    assert origin.requests()[0].all(name) == []


# --- CVE-2024-52003 and its kind: fields that say who the client is ---------------------------------------

SPOOFED = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Real-IP: 6.6.6.6"]


def test_cve_2024_52003_an_untrusted_client_cannot_say_who_it_is(rig):
    origin, proxy = rig
    origin.begin()
    twice = SPOOFED + [s.upper() for s in SPOOFED] + [s.replace("-", "_") for s in SPOOFED]
    with proxy.connect() as client:
        assert client.ask(get("/x", *twice)).status == 200
    request = origin.requests()[0]
    for name, value in OURS.items():
        assert request.all(name) == [value]
    assert "6.6.6.6" not in str(request.headers) and "evil" not in str(request.headers)


@pytest.mark.parametrize("line", ["X-Forwarded-Prefix: /admin", "X-Forwarded-Port: 443", "X-Forwarded-Server: evil", "X-Forwarded-Ssl: on", "Forwarded: for=6.6.6.6;host=evil;proto=https"])
def test_cve_2024_52003_nor_by_the_other_names_of_the_family(rig, line):
    """X-Forwarded-Prefix was the advisory's own; Forwarded (RFC 7239) says the same as all of them."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", line)).status == 200
    name, _, value = line.partition(": ")
    assert value not in origin.requests()[0].all(name)


def test_cve_2024_52003_a_trusted_proxy_is_believed_and_appended_to(trusting):
    origin, proxy = trusting
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", *SPOOFED, "X-Forwarded-For: 7.7.7.7")).status == 200
    request = origin.requests()[0]
    assert request.all("X-Forwarded-For") == ["6.6.6.6, 7.7.7.7, 127.0.0.1"]
    assert request.all("X-Forwarded-Proto") == ["https"] and request.all("X-Forwarded-Host") == ["evil"]


def test_httpoxy_a_proxy_field_is_not_passed_on(rig):
    """CVE-2016-5385: CGI makes HTTP_PROXY of it. No standard knows the field, so nobody misses it."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", "Proxy: http://evil:8080")).status == 200
    assert origin.requests()[0].all("Proxy") == []


# --- pingora #979: what is not idempotent is executed once ------------------------------------------------


@pytest.mark.parametrize("how", ["closes", "resets", "closes after 100"])
@pytest.mark.parametrize("body", [b"", b"x", b"x" * 65537], ids=["empty", "1 byte", "64 KiB + 1"])
@pytest.mark.parametrize("pooled", [True, False], ids=["pooled", "fresh"])
def test_pingora_979_a_post_is_never_executed_twice(rig, how, body, pooled):
    origin, proxy = rig
    executed = []

    def dies(conn):
        request = conn.read_request()
        if request is None:
            return False
        executed.append(request)
        if how == "closes after 100":
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if how == "resets":
            conn.reset()
        return False

    origin.begin()
    if pooled:
        with proxy.connect() as client:
            assert client.ask(get("/prime")).status == 200
    else:
        origin.hang_up()
    origin.begin(dies)
    with proxy.connect() as client:
        answer = client.ask(get("/once", f"Content-Length: {len(body)}", method="POST", body=body))
        assert answer.status == 502, answer
    assert len(executed) == 1


# --- pingora #447: slow heads -----------------------------------------------------------------------------


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: h\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nX: "], ids=["from the start", "fields", "a value"])
def test_pingora_447_a_dripped_head_has_one_deadline(drip_rig, start):
    """A byte every 50 ms keeps no timer alive: the deadline is for the whole head."""
    origin, proxy = drip_rig
    origin.begin()
    with proxy.connect() as client:
        began = time.monotonic()
        client.send(start)
        rest = b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 4000
        client.sock.settimeout(0.05)
        answered = False
        for byte in rest[len(start) :]:
            if not client.send(bytes([byte])):
                break
            try:
                data = client.sock.recv(65536)
            except TimeoutError:
                assert time.monotonic() - began < PATIENCE, "the drip goes on"
                continue
            except OSError:
                break
            client.buffer += data
            answered = True
            break
        took = time.monotonic() - began
        assert took > 0.5
        client.sock.settimeout(PATIENCE)
        if answered:
            assert client.read_response().reason == "client_header_timeout"
            assert client.is_closed()
    assert origin.bytes_seen() == b""


def test_pingora_447_the_deadline_of_a_second_request_is_its_own(drip_rig):
    origin, proxy = drip_rig
    origin.begin()
    with proxy.connect() as client:
        assert client.is_open()
        client.send(b"GET /second HTTP/1.1\r\nHo")
        answer = client.read_response()
        assert (answer.status, answer.reason) == (408, "client_header_timeout")
        assert client.is_closed()
    origin.saw_exactly(("GET", "/still-open", b""))


def test_pingora_447_a_stalled_body_is_ended_too(drip_rig):
    origin, proxy = drip_rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/stalled", "Content-Length: 10", method="POST", body=b"hello"))
        answer = client.read_response()
        assert (answer.status, answer.reason) == (408, "client_body_timeout"), answer
        assert client.is_closed()
    assert origin.requests() == []


# --- authority rules --------------------------------------------------------------------------------------

AUTHORITIES = [
    ("two Host fields", b"GET /x HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", "duplicate_host"),
    ("user@host in Host", get("/x", host="user@h"), "bad_host"),
    ("user@host in the target", get("http://user@h/x"), "bad_target"),
    ("Host differs from the target", get("http://i/x"), "host_mismatch"),
    ("Host differs in its port", get("http://h:8080/x"), "host_mismatch"),
    ("http:/\\host", get("http:/\\h/x"), "bad_target"),
    ("http://host\\other", get("http://h\\other/x"), "bad_target"),
    ("http:host", get("http:h"), "bad_target"),
    ("an empty authority", get("http:///x"), "bad_target"),
    ("an empty host with a port", get("http://:80/x"), "bad_target"),
    ("two ports", get("/x", host="h:80:80"), "bad_host"),
    ("two ports in the target", get("http://h:80:80/x"), "bad_target"),
    ("a comma", get("/x", host="h,i"), "bad_host"),
    ("a comma in the target", get("http://h,i/x"), "bad_target"),
    ("a slash", get("/x", host="h/i"), "bad_host"),
    ("a tab within", get("/x", host="h\ti"), "bad_host"),
    ("an empty Host", get("/x", host=""), "bad_host"),
    ("brackets that do not close", get("/x", host="[::1"), "bad_host"),
    ("a zone", get("/x", host="[fe80::1%25eth0]"), "bad_host"),
]


@pytest.mark.parametrize("data,reason", [t[1:] for t in AUTHORITIES], ids=[t[0] for t in AUTHORITIES])
def test_pingora_authority_rules(rig, data, reason):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(data + SECOND)
        answer = client.read_response()
        assert (answer.status, answer.reason) == (400, reason), answer
        assert client.is_closed()
    assert origin.bytes_seen() == b""


def test_pingora_authority_rules_the_target_and_host_agree_upstream(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("http://H/x?y")).status == 200
    request = origin.requests()[0]
    assert request.target == "/x?y" and request.all("Host") in (["h"], ["H"])


# --- Traefik, Caddy, Envoy: what is matched is what is forwarded ------------------------------------------


@pytest.mark.parametrize("target", ["/public/..%2fprivate", "/public/%2e%2e%5cprivate", "/x%00/private", "/public/..\\private", "/x#/private", "/../private"])
def test_cve_2025_32431_paths_that_two_parsers_read_differently(hello, target):
    origin, proxy = hello
    origin.begin()
    with proxy.connect() as client:
        client.send(get(target))
        assert client.read_response().reason == "bad_target"
        assert client.is_closed()
    assert origin.bytes_seen() == b""


@pytest.mark.parametrize("target", ["/public/../private", "/./private", "//private", "/%70rivate", "/public/%2e%2e/private", "/public/.%2E/private", "http://h/private", "http://h//private"])
def test_cve_2025_32431_the_application_sees_the_path_that_the_origin_would(hello, target):
    """hello_proxy refuses /private, however it is written."""
    origin, proxy = hello
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get(target)).status == 403
    assert origin.bytes_seen() == b""


def test_cve_2025_58056_a_bare_lf_in_a_chunk_extension(rig):
    """Netty, and Kestrel's CVE-2025-55315: readers disagree where the extension ends."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", "Transfer-Encoding: chunked", method="POST", body=b"2;\n\r\nxx\r\n" + b"47\r\n0\r\n\r\n" + SECOND))
        assert client.read_response().reason == "bad_chunk"
        assert client.is_closed()
    assert origin.requests() == []


def test_cve_2023_40225_an_empty_content_length(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/x", "Content-Length:", method="POST", body=SECOND))
        assert client.read_response().reason == "bad_content_length"
        assert client.is_closed()
    assert origin.bytes_seen() == b""


def test_cve_2023_45539_a_fragment(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/static/x.png#.html"))
        assert client.read_response().reason == "bad_target"
        assert client.is_closed()
    assert origin.bytes_seen() == b""


def test_cve_2026_42055_an_oversized_head_of_an_answer(rig):
    origin, proxy = rig

    def huge(conn):
        if conn.read_request() is None:
            return False
        conn.send(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 4000) for i in range(100)) + b"\r\n")
        return False

    origin.begin(huge)
    with proxy.connect() as client:
        assert client.ask(get("/huge")).reason == "upstream_header_too_large"
        origin.begin()
        assert client.is_open()
