"""Answers that no reader may misread: the client gets a 502 with its reason, or sees that the answer is
cut; no byte of one exchange ever reaches another."""

import threading

import pytest
from rawlib import Cirque, Origin, eventually, frozen, get, ok, serve_well

# Answers may have heads four times as long, and twice as many fields.
LIMITS = {"head_bytes": 2048, "field_bytes": 1024, "fields": 32}


@pytest.fixture(scope="module")
def rig():
    origin = Origin()
    proxy = Cirque([origin.port], limits=LIMITS)
    yield origin, proxy
    proxy.stop()
    origin.stop()


def answering(data, keep=True):
    """A script: reads a request, sends `data`; goes on serving well, or closes."""

    def script(conn):
        if conn.read_request() is None:
            return False
        conn.send(data)
        return keep

    return script


def exchanges_after(origin, proxy, count=3):
    """The pool is clean: the next clients get their own answers, over connections that work."""
    origin.begin()
    for i in range(count):
        with proxy.connect() as client:
            answer = client.ask(get(f"/clean-{i}"))
            assert (answer.status, answer.body) == (200, b"target=/clean-%d" % i), answer
            assert client.is_open()


def r(*lines, first="HTTP/1.1 200 OK", body=b""):
    return "\r\n".join([first, *lines]).encode("latin-1") + b"\r\n\r\n" + body


CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"

BAD_HEADS = [
    *[
        (f"status line {first!r}", r("Content-Length: 0", first=first), "upstream_bad_status_line")
        for first in (
            "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 999 OK", "HTTP/1.1 000 OK", "HTTP/1.1 +20 OK",
            "HTTP/1.1 -20 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1", "HTTP/1.1 ", "HTTP/2.0 200 OK",
            "HTTP/0.9 200 OK", "HTTP/1.2 200 OK", "HTTP/1.10 200 OK", "HTTP/11 200 OK", "http/1.1 200 OK", "ICY 200 OK", " HTTP/1.1 200 OK", "200 OK",
            "HTTP/1.1 0xC8 OK", "HTTP/1.1 200OK", "hello", "GET / HTTP/1.1", "HTTP/1.1 \xb2\xb00 OK", "HTTPS/1.1 200 OK",
        )
    ],
    ("empty lines in front", b"\r\n\r\n" + ok(), "upstream_bad_status_line"),
    ("NUL in the status line", b"HTTP/1.1 200 O\x00K\r\n\r\n", "upstream_bad_status_line"),
    ("bare CR in the status line", b"HTTP/1.1 200 O\rK\r\n\r\n", "upstream_bad_status_line"),
    ("bare LF after the status line", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "upstream_bad_header"),
    ("bare LF after a field", b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", "upstream_bad_header"),
    ("bare LF as the empty line", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", "upstream_bad_header"),
    ("garbage", b"\x15\x03\x03\x00\x02\x02\x0a", "upstream_bad_status_line"),
    ("an HTTP/2 SETTINGS frame", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "upstream_bad_status_line"),
    ("HTTP/0.9", b"<html>hello</html>\r\n", "upstream_bad_status_line"),
    ("obs-fold", r("X-A: b\r\n c", "Content-Length: 0"), "upstream_bad_header"),
    ("obs-fold with tab", r("X-A: b\r\n\tc", "Content-Length: 0"), "upstream_bad_header"),
    ("obs-fold first", r(" X-A: b", "Content-Length: 0"), "upstream_bad_header"),
    ("NUL in a value", r("X-A: a\x00b", "Content-Length: 0"), "upstream_bad_header"),
    ("NUL in a name", r("X\x00A: b", "Content-Length: 0"), "upstream_bad_header"),
    ("bare CR in a value", r("X-A: a\rb", "Content-Length: 0"), "upstream_bad_header"),
    ("space before the colon", r("X-A : b", "Content-Length: 0"), "upstream_bad_header"),
    ("space before the colon of a length", r("Content-Length : 0"), "upstream_bad_header"),
    ("no colon", r("X-A", "Content-Length: 0"), "upstream_bad_header"),
    ("empty name", r(": b", "Content-Length: 0"), "upstream_bad_header"),
    ("CL and TE", r("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKED), "upstream_content_length_and_transfer_encoding"),
    ("TE and CL", r("Transfer-Encoding: chunked", "Content-Length: 5", body=CHUNKED), "upstream_content_length_and_transfer_encoding"),
    ("CL 0 and TE", r("Content-Length: 0", "Transfer-Encoding: chunked", body=CHUNKED), "upstream_content_length_and_transfer_encoding"),
    *[
        (f"CL {value!r}", r(f"Content-Length:{value}", body=b"hello"), "upstream_bad_content_length")
        for value in ("", " ", " +5", " -5", " 0x5", " 5x", " 5, 5", " 5,6", " 5 5", " 9223372036854775808", " 18446744073709551621", " 5.0", ' "5"')
    ],
    ("CL twice, different", r("Content-Length: 5", "Content-Length: 6", body=b"hello"), "upstream_bad_content_length"),
    ("CL twice, equal", r("Content-Length: 5", "Content-Length: 5", body=b"hello"), "upstream_bad_content_length"),
    *[
        (f"TE {value!r}", r(f"Transfer-Encoding:{value}", body=CHUNKED), "upstream_bad_transfer_encoding")
        for value in ("", " identity", " gzip", " gzip, chunked", " chunked, chunked", " chunked, identity", " xchunked", " chunked;q=1", " chunked,")
    ],
    ("TE twice", r("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED), "upstream_bad_transfer_encoding"),
    ("TE twice, identity last", r("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKED), "upstream_bad_transfer_encoding"),
    ("TE with vertical tab", r("Transfer-Encoding: \x0bchunked", body=CHUNKED), "upstream_bad_header"),
    ("TE in 1.0", r("Transfer-Encoding: chunked", first="HTTP/1.0 200 OK", body=CHUNKED), "upstream_bad_transfer_encoding"),
    ("over-long line", r("X: " + "a" * 5000, "Content-Length: 0"), "upstream_header_too_large"),
    ("line without end", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 7000, "upstream_header_too_large"),
    ("too many fields", r(*["X: a"] * 65, "Content-Length: 0"), "upstream_header_too_large"),
    ("over-long head", r(*["X: " + "a" * 500] * 20, "Content-Length: 0"), "upstream_header_too_large"),
    ("status line without end", b"HTTP/1.1 200 " + b"O" * 20000, "upstream_header_too_large"),
    ("101 unasked", r("Upgrade: websocket", "Connection: upgrade", first="HTTP/1.1 101 Switching Protocols"), "upstream_unexpected_upgrade"),
    ("101 unasked behind 100", r(first="HTTP/1.1 100 Continue") + r(first="HTTP/1.1 101 Switching Protocols"), "upstream_unexpected_upgrade"),
    ("more 1xx than anybody needs", r(first="HTTP/1.1 103 Early Hints") * 200 + ok(), "upstream_too_many_informational"),
    ("more 100 than anybody needs", r(first="HTTP/1.1 100 Continue") * 200 + ok(), "upstream_too_many_informational"),
    ("a bad field in a 1xx", r("X-A : b", first="HTTP/1.1 103 Early Hints") + ok(), "upstream_bad_header"),
    ("a bad status line behind a 1xx", r(first="HTTP/1.1 103 Early Hints") + b"HTTP/1.1 20 OK\r\n\r\n", "upstream_bad_status_line"),
]


@pytest.mark.parametrize("keep", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize("data,reason", [t[1:] for t in BAD_HEADS], ids=[t[0] for t in BAD_HEADS])
def test_a_malformed_head_is_a_502_and_its_connection_is_never_used_again(rig, data, reason, keep):
    origin, proxy = rig
    origin.begin(answering(data, keep))
    before = proxy.metric("cirque_upstream_failures_total", reason=reason)
    with proxy.connect() as client:
        answer = client.ask(get("/bad"))
        assert (answer.status, answer.reason) == (502, reason), answer
        broken = len(origin.connections)
        origin.begin()
        assert client.is_open(), "the client's connection is not at fault"
    entry = proxy.entry(lambda e: e["request_id"] == answer.get("X-Request-Id"))
    assert (entry["status"], entry["reason"]) == (502, reason)
    assert proxy.metric("cirque_upstream_failures_total", reason=reason) == before + 1
    origin.saw_exactly(("GET", "/still-open", b""))
    assert len(origin.connections) == broken + 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_split_at_every_byte_is_the_same(rig, version):
    origin, proxy = rig
    data = r("Content-Length: 0", first="HTTP/1.1 103 Early Hints".replace("1.1", version)) if version == "1.1" else b""
    data += r("Transfer-Encoding: chunked", "Trailer: X-T", body=b"5;a=b\r\nhello\r\n0\r\nX-T: v\r\n\r\n")

    def script(conn):
        if conn.read_request() is None:
            return False
        conn.send(data[: script.at])
        conn.send(data[script.at :])
        return True

    origin.begin(script)
    with proxy.connect() as client:
        for script.at in range(len(data)):
            answer = client.ask(get("/split"))
            assert (answer.status, answer.body, answer.trailers) == (200, b"hello", [("X-T", "v")]), script.at


# --- bodies that are cut ----------------------------------------------------------------------------------

CUT = [
    ("length", r("Content-Length: 10", body=b"hello"), "upstream_truncated_body"),
    ("length, no byte", r("Content-Length: 10"), "upstream_truncated_body"),
    ("chunk", r("Transfer-Encoding: chunked", body=b"a\r\nhello"), "upstream_truncated_body"),
    ("chunk's size", r("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n1"), "upstream_truncated_body"),
    ("no last chunk", r("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), "upstream_truncated_body"),
    ("last chunk", r("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n"), "upstream_truncated_body"),
    ("trailer", r("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nX: y\r\n"), "upstream_truncated_body"),
]
BROKEN = [
    (f"chunk {name}", r("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n" + rest), "upstream_bad_chunk")
    for name, rest in (
        ("size is no number", b"x\r\n"), ("size is signed", b"+5\r\nhello\r\n0\r\n\r\n"), ("size is 0x", b"0x5\r\n"), ("size is above 2^63", b"8000000000000000\r\n"),
        ("size ends in LF", b"5\nhello\r\n0\r\n\r\n"), ("data has no CR LF", b"5\r\nhelloXX0\r\n\r\n"), ("extension has LF", b"5;a\nb\r\n"),
        ("extension is too long", b"5;" + b"a" * 5000 + b"\r\n"), ("trailer has no colon", b"0\r\nX\r\n\r\n"), ("is an answer", ok()),
    )
]


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("data,reason", [t[1:] for t in CUT], ids=[t[0] for t in CUT])
def test_a_cut_body_is_seen_as_cut(rig, data, reason, how):
    origin, proxy = rig

    def script(conn):
        if conn.read_request() is None:
            return False
        conn.send(data)
        if how == "reset":
            script.go_on.wait(20)
            conn.reset()
        return False

    script.go_on = threading.Event()
    origin.begin(script)
    with proxy.connect() as client:
        client.send(get("/cut-" + how))
        if b"hello" in data:
            eventually(lambda: client.more() and b"hello" in client.buffer)
        script.go_on.set()
        answer = client.read_response()
        if answer.status == 502:  # nothing of it had been sent on
            assert answer.complete
            return
        assert answer.status == 200 and not answer.complete, answer
        assert client.saw_end
    reasons = {reason, "upstream_reset"} if how == "reset" else {reason}
    entry = proxy.entry(lambda e: e["path"] == "/cut-" + how and e.get("reason") in reasons)
    assert entry["status"] == 200
    exchanges_after(origin, proxy, 1)


@pytest.mark.parametrize("data,reason", [t[1:] for t in BROKEN], ids=[t[0] for t in BROKEN])
def test_a_broken_chunked_body_is_seen_as_cut(rig, data, reason):
    origin, proxy = rig
    origin.begin(answering(data))
    with proxy.connect() as client:
        answer = client.ask(get("/broken"))
        assert (answer.status == 200 and not answer.complete) or (answer.status, answer.reason) == (502, reason), answer
        assert b"smuggled" not in answer.body
    proxy.entry(lambda e: e["path"] == "/broken" and e.get("reason") == reason)
    exchanges_after(origin, proxy, 1)


def test_a_cut_body_for_a_1_0_client_is_a_reset_not_an_end(rig):
    origin, proxy = rig
    origin.begin(answering(r("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), keep=False))
    with proxy.connect() as client:
        client.send(b"GET /cut-1.0 HTTP/1.0\r\nHost: h\r\n\r\n")
        while client.more():
            pass
        assert client.saw_reset, client.buffer


# --- more than was announced ------------------------------------------------------------------------------

POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

EXCESS = [
    ("a length", get(), "GET", ok(b"hello") + POISON, b"hello"),
    ("a length of 0", get(), "GET", ok(b"") + POISON, b""),
    ("the last chunk", get(), "GET", r("Transfer-Encoding: chunked", body=CHUNKED) + POISON, b"hello"),
    ("HEAD", get(method="HEAD"), "HEAD", r("Content-Length: 6", body=b"poison"), b""),
    ("HEAD with chunks", get(method="HEAD"), "HEAD", r("Transfer-Encoding: chunked", body=CHUNKED), b""),
    ("HEAD and an answer", get(method="HEAD"), "HEAD", r("Content-Length: 6") + POISON, b""),
    ("204", get(), "GET", r("Content-Length: 6", first="HTTP/1.1 204 No Content", body=b"poison"), b""),
    ("204 with chunks", get(), "GET", r("Transfer-Encoding: chunked", first="HTTP/1.1 204 No Content", body=CHUNKED), b""),
    ("204 and an answer", get(), "GET", r(first="HTTP/1.1 204 No Content") + POISON, b""),
    ("304", get(), "GET", r("Content-Length: 6", first="HTTP/1.1 304 Not Modified", body=b"poison"), b""),
    ("304 and an answer", get(), "GET", r(first="HTTP/1.1 304 Not Modified") + POISON, b""),
    ("one byte", get(), "GET", ok(b"hello") + b"!", b"hello"),
    ("CR LF", get(), "GET", ok(b"hello") + b"\r\n", b"hello"),
]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("data,method,sent,body", [t[1:] for t in EXCESS], ids=[t[0] for t in EXCESS])
def test_bytes_behind_an_answer_never_reach_anybody(rig, data, method, sent, body, late):
    """CWE-444 from the origin's side: response splitting and queue poisoning."""
    origin, proxy = rig
    go_on, gone = threading.Event(), threading.Event()
    at = sent.index(b"\r\n\r\n") + 4 + (len(body) if b"Transfer-Encoding" not in sent else len(CHUNKED) if method != "HEAD" else 0)
    if late and at >= len(sent):
        at = sent.index(b"\r\n\r\n") + 4

    def script(conn):
        if conn.read_request() is None:
            return False
        conn.send(sent[:at] if late else sent)
        if late:
            go_on.wait(20)
            conn.send(sent[at:])
        conn.drain()
        gone.set()
        return False

    origin.begin(script)
    with proxy.connect() as client:
        answer = client.ask(data, method)
        assert answer.status in (200, 204, 304) and answer.complete and answer.body == body, answer
        go_on.set()
        assert gone.wait(20), "the connection with the unexplained bytes was kept"
        origin.script = serve_well
        for i in range(3):
            again = client.ask(get(f"/after-{i}"))
            assert again.body == b"target=/after-%d" % i, again
    exchanges_after(origin, proxy, 1)


@pytest.mark.parametrize("stale", [POISON, b"\x00", b"\r\n", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"])
def test_stale_bytes_on_an_idle_connection_are_never_an_answer(rig, stale):
    """The bytes come at the very moment of the next request, so that no watch can have seen them before."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        for round in range(20):
            assert client.ask(get("/prime")).status == 200
            conn = origin.connections[-1]
            conn.send(stale)
            answer = client.ask(get(f"/own-{round}"))
            assert (answer.status, answer.body) == (200, b"target=/own-%d" % round), answer


@pytest.mark.parametrize("order", ["bytes first", "request first"])
def test_stale_bytes_seen_together_with_the_next_request_are_never_its_answer(rig, order):
    """Both are there before the proxy looks: whatever it looks at first, the bytes explain nothing."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/prime")).status == 200
        conn = origin.connections[-1]
        with frozen(proxy.child):
            if order == "bytes first":
                conn.send(POISON)
            client.send(get("/own"))
            if order == "request first":
                conn.send(POISON)
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"target=/own"), answer
        again = client.ask(get("/own-too"))
        assert (again.status, again.body) == (200, b"target=/own-too"), again


# --- 1xx --------------------------------------------------------------------------------------------------


def test_several_1xx_in_one_packet_with_the_final_answer(rig):
    origin, proxy = rig
    hints = r("Link: </a>", first="HTTP/1.1 103 Early Hints") + r("Link: </b>", first="HTTP/1.1 103 Early Hints") + r(first="HTTP/1.1 102 Processing")
    origin.begin(answering(hints + ok(b"final")))
    with proxy.connect() as client:
        client.send(get("/hints"))
        answers = [client.read_response() for _ in range(4)]
        assert [a.status for a in answers] == [103, 103, 102, 200]
        assert [a.get("Link") for a in answers[:2]] == ["</a>", "</b>"]
        assert answers[3].body == b"final"
        assert client.ask(get("/again")).status == 200


def test_1xx_never_go_to_a_1_0_client(rig):
    origin, proxy = rig
    origin.begin(answering(r("Link: </a>", first="HTTP/1.1 103 Early Hints") + ok(b"final")))
    with proxy.connect() as client:
        client.send(b"GET /hints HTTP/1.0\r\nHost: h\r\n\r\n")
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"final")
        assert client.is_closed()


def test_a_1xx_with_a_length_has_no_body(rig):
    origin, proxy = rig
    origin.begin(answering(r("Content-Length: 6", first="HTTP/1.1 103 Early Hints") + ok(b"final")))
    with proxy.connect() as client:
        client.send(get("/hints"))
        first = client.read_response()
        assert first.status == 103 and not first.all("Content-Length")
        assert client.read_response().body == b"final"


def test_a_hop_by_hop_field_of_a_1xx_goes_no_further(rig):
    origin, proxy = rig
    origin.begin(answering(r("Connection: close, X-Mine", "X-Mine: y", "Transfer-Encoding: chunked", first="HTTP/1.1 103 Early Hints") + ok(b"final")))
    with proxy.connect() as client:
        client.send(get("/hints"))
        first = client.read_response()
        assert first.status == 103
        assert not any(first.all(n) for n in ("Connection", "X-Mine", "Transfer-Encoding"))
        assert client.read_response().body == b"final"
        assert client.is_open()


# --- what is odd, but means one thing ---------------------------------------------------------------------


def test_an_answer_that_ends_with_the_connection(rig):
    origin, proxy = rig
    origin.begin(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it", keep=False))
    with proxy.connect() as client:
        for _ in range(3):
            answer = client.ask(get("/close"))
            assert (answer.status, answer.body, answer.complete) == (200, b"all of it", True)
            assert answer.framing == "chunked", "the client's connection lives on"


def test_a_1_0_answer_with_keep_alive_is_reused_and_one_without_is_not(rig):
    origin, proxy = rig
    origin.begin(answering(r("Content-Length: 2", "Connection: keep-alive", first="HTTP/1.0 200 OK", body=b"ok")))
    with proxy.connect() as client:
        for _ in range(3):
            assert client.ask(get("/ten")).body == b"ok"
    assert len(origin.streams()) == 1
    origin.begin(answering(r("Content-Length: 2", first="HTTP/1.0 200 OK", body=b"ok")))
    with proxy.connect() as client:
        for _ in range(3):
            assert client.ask(get("/ten")).body == b"ok"
    assert len(origin.streams()) >= 3


@pytest.mark.parametrize("first", ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 Very \xe9 fine"])
def test_reason_phrases_may_be_missing_or_odd(rig, first):
    origin, proxy = rig
    origin.begin(answering(r("Content-Length: 2", first=first, body=b"ok")))
    with proxy.connect() as client:
        assert client.ask(get()).body == b"ok"


def test_connection_nominations_of_an_answer_go_no_further(rig):
    origin, proxy = rig
    fields = ("Connection: X-Mine, close", "X-Mine: y", "Keep-Alive: timeout=5", "Proxy-Connection: x", "Upgrade: h2c", "X-Fine: y")
    origin.begin(answering(r(*fields, "Content-Length: 2", body=b"ok"), keep=False))
    with proxy.connect() as client:
        answer = client.ask(get())
        names = {n.lower() for n, _ in answer.headers}
        assert not names & {"connection", "x-mine", "keep-alive", "proxy-connection", "upgrade"}
        assert answer.get("X-Fine") == "y"
        origin.begin()
        assert client.is_open()


def test_trailers_of_an_answer_that_would_speak_for_its_head_are_dropped(rig):
    origin, proxy = rig
    lines = b"X-T: v\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\nConnection: close\r\n"
    origin.begin(answering(r("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n" + lines + b"\r\n")))
    with proxy.connect() as client:
        answer = client.ask(get())
        assert (answer.body, answer.trailers) == (b"hello", [("X-T", "v")])
        assert client.ask(get()).status == 200


@pytest.mark.parametrize("first", ["HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified"])
def test_bodyless_answers_keep_both_connections(rig, first):
    origin, proxy = rig
    origin.begin(answering(r("ETag: x", first=first)))
    with proxy.connect() as client:
        for _ in range(5):
            answer = client.ask(get())
            assert answer.get("ETag") == "x" and answer.all("Transfer-Encoding") == []
    assert len(origin.streams()) == 1


def test_the_answer_to_head_keeps_the_length_it_announces(rig):
    origin, proxy = rig
    origin.begin(answering(r("Content-Length: 123456")))
    with proxy.connect() as client:
        for _ in range(3):
            answer = client.ask(get(method="HEAD"))
            assert answer.all("Content-Length") == ["123456"]
    assert len(origin.streams()) == 1
