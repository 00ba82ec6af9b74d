"""Requests that no reader may misread: each is refused with its status and reason, the connection is
closed, and the origin sees not one byte of it."""

import re

import pytest
from rawlib import Cirque, Origin, eventually, get, take_chunks

H = b"Host: h\r\n"
LIMITS = {"head_bytes": 4096, "field_bytes": 2048, "fields": 32, "target_bytes": 1024}


@pytest.fixture(scope="module")
def rig():
    origin = Origin()
    proxy = Cirque([origin.port], limits=LIMITS, timeouts={"client_header": "15s"})
    yield origin, proxy
    proxy.stop()
    origin.stop()
    assert not origin.problems


def head(*lines, first="GET /x HTTP/1.1", body=b""):
    """A request from lines that are taken as they are."""
    return "\r\n".join([first, *lines]).encode("latin-1") + b"\r\n\r\n" + body


def post(*lines, body=b""):
    return head("Host: h", *lines, first="POST /x HTTP/1.1", body=body)


SECOND = get("/smuggled")
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"

FRAMING = [
    ("CL and TE", post("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKED), "content_length_and_transfer_encoding"),
    ("TE and CL", post("Transfer-Encoding: chunked", "Content-Length: 5", body=CHUNKED), "content_length_and_transfer_encoding"),
    ("CL 0 and TE", post("Content-Length: 0", "Transfer-Encoding: chunked", body=CHUNKED), "content_length_and_transfer_encoding"),
    ("bad CL and TE", post("Content-Length: x", "Transfer-Encoding: chunked", body=CHUNKED), "content_length_and_transfer_encoding"),
    ("CL and unknown TE", post("Content-Length: 5", "Transfer-Encoding: gzip", body=b"hello"), "content_length_and_transfer_encoding"),
    ("CL and empty TE", post("Content-Length: 5", "Transfer-Encoding:", body=b"hello"), "content_length_and_transfer_encoding"),
    ("empty CL and TE", post("Content-Length:", "Transfer-Encoding: chunked", body=CHUNKED), "content_length_and_transfer_encoding"),
    ("CL and TE in 1.0", head("Host: h", "Content-Length: 5", "Transfer-Encoding: chunked", first="POST /x HTTP/1.0", body=CHUNKED), "content_length_and_transfer_encoding"),
    *[
        (f"TE {value!r}", post(f"Transfer-Encoding:{value}", body=CHUNKED), "bad_transfer_encoding")
        for value in (
            "", " ", " identity", " xchunked", " chunkedx", " x-chunked", " chunked, identity", " identity, chunked",
            " gzip, chunked", " gzip", " chunked, chunked", " chunked,", " ,chunked", " , chunked", " chunked;q=1",
            " chunked;", " chunked ;a=b", ' "chunked"', " 'chunked'", " chunked chunked", " chun ked", " chunke", " Chunked, x",
            " chunk\xe9d", " \xa0chunked", " chunked\xa0", " \xefchunked", " cow", " chunked/1", " (chunked)", " chunked, deflate, chunked",
        )
    ],
    ("TE of two lines", post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED), "bad_transfer_encoding"),
    ("TE of two lines, identity first", post("Transfer-Encoding: identity", "Transfer-Encoding: chunked", body=CHUNKED), "bad_transfer_encoding"),
    ("TE of two lines, identity last", post("Transfer-Encoding: chunked", "transfer-encoding: identity", body=CHUNKED), "bad_transfer_encoding"),
    ("TE of two lines, empty last", post("Transfer-Encoding: chunked", "Transfer-Encoding:", body=CHUNKED), "bad_transfer_encoding"),
    ("TE in 1.0", head("Host: h", "Transfer-Encoding: chunked", first="POST /x HTTP/1.0", body=CHUNKED), "bad_transfer_encoding"),
    ("TE on GET unknown", head("Host: h", "Transfer-Encoding: xchunked", body=CHUNKED), "bad_transfer_encoding"),
    ("TE with vertical tab", post("Transfer-Encoding: \x0bchunked", body=CHUNKED), "bad_header_value"),
    ("TE with vertical tab at its end", post("Transfer-Encoding: chunked\x0b", body=CHUNKED), "bad_header_value"),
    ("TE with form feed", post("Transfer-Encoding:\x0cchunked", body=CHUNKED), "bad_header_value"),
    ("TE with NUL", post("Transfer-Encoding: chunked\x00", body=CHUNKED), "bad_header_value"),
    ("TE with bare CR", post("Transfer-Encoding: chunked\rX: y", body=CHUNKED), "bad_header_value"),
    ("TE with space before the colon", post("Transfer-Encoding : chunked", body=CHUNKED), "bad_header_name"),
    ("TE with tab before the colon", post("Transfer-Encoding\t: chunked", body=CHUNKED), "bad_header_name"),
    ("TE folded", post("Transfer-Encoding:\r\n chunked", body=CHUNKED), "obs_fold"),
    ("TE behind a leading space", post(" Transfer-Encoding: chunked", body=CHUNKED), "obs_fold"),
    ("TE behind a leading CR", post("\rTransfer-Encoding: chunked", body=CHUNKED), "bad_header_value"),
    *[
        (f"CL {value!r}", post(f"Content-Length:{value}", body=b"hello"), "bad_content_length")
        for value in (
            "", " ", " +5", " -5", " -0", " +0", " 0x5", " 5x", " 5;", " 5,5", " 5, 5", " 5,", " ,5", " 5 5", " 5.0", " 5e0", " 0b101",
            ' "5"', " \xb5", " \xb2", " five", " 5\t5", " 9223372036854775808", " 18446744073709551615", " 18446744073709551616",
            " 18446744073709551621", " 99999999999999999999999999", " 5,6", " 0, 5", " 1_0", " \xd9\xa5",
        )
    ],
    ("CL twice, equal", post("Content-Length: 5", "Content-Length: 5", body=b"hello"), "bad_content_length"),
    ("CL twice, different", post("Content-Length: 5", "Content-Length: 6", body=b"hello"), "bad_content_length"),
    ("CL twice, different case", post("Content-Length: 5", "CONTENT-LENGTH: 5", body=b"hello"), "bad_content_length"),
    ("CL twice, zero last", post("Content-Length: 5", "Content-Length: 0", body=b"hello"), "bad_content_length"),
    ("CL twice, zero first", post("Content-Length: 0", "Content-Length: 5", body=b"hello"), "bad_content_length"),
    ("CL twice, empty last", post("Content-Length: 5", "Content-Length:", body=b"hello"), "bad_content_length"),
    ("CL with space before the colon", post("Content-Length : 5", body=b"hello"), "bad_header_name"),
    ("CL with NUL", post("Content-Length: 5\x00", body=b"hello"), "bad_header_value"),
    ("CL folded", post("Content-Length:\r\n\t5", body=b"hello"), "obs_fold"),
    ("CL 2 in GET whose body is a request, twice", head("Host: h", "Content-Length: 2", "Content-Length: 2", body=SECOND), "bad_content_length"),
]

FIELDS = [
    ("obs-fold with space", head("Host: h", "X-A: b\r\n c"), "obs_fold"),
    ("obs-fold with tab", head("Host: h", "X-A: b\r\n\tc"), "obs_fold"),
    ("obs-fold of nothing", head("Host: h", "X-A: b\r\n "), "obs_fold"),
    ("obs-fold before the first field", head(" X-A: b", "Host: h"), "obs_fold"),
    ("obs-fold in Host", head("Host:\r\n h"), "obs_fold"),
    ("bare LF after the request line", b"GET /x HTTP/1.1\n" + H + b"\r\n", "bare_lf"),
    ("bare LF after a field", b"GET /x HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", "bare_lf"),
    ("bare LF as the empty line", b"GET /x HTTP/1.1\r\nHost: h\r\n\n", "bare_lf"),
    ("bare LF everywhere", b"GET /x HTTP/1.1\nHost: h\n\n", "bare_lf"),
    ("bare LF in front", b"\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", "bare_lf"),
    ("bare LF within a value", head("Host: h", "X-A: a\nTransfer-Encoding: chunked"), "bare_lf"),
    ("bare CR within a value", head("Host: h", "X-A: a\rb"), "bad_header_value"),
    ("bare CR and LF swapped", b"GET /x HTTP/1.1\r\nHost: h\n\r\r\n\r\n", "bare_lf"),
    ("bare CR as a line end", b"GET /x HTTP/1.1\rHost: h\r\r", "bad_request_line"),
    ("CR CR LF", b"GET /x HTTP/1.1\r\nHost: h\r\r\n\r\n", "bad_header_value"),
    ("bare CR in a name", head("Host: h", "X\rA: b"), "bad_header_value"),
    ("NUL in a value", head("Host: h", "X-A: a\x00b"), "bad_header_value"),
    ("NUL in a name", head("Host: h", "X\x00A: b"), "bad_header_value"),
    ("DEL in a value", head("Host: h", "X-A: a\x7fb"), "bad_header_value"),
    ("ESC in a value", head("Host: h", "X-A: \x1b[31m"), "bad_header_value"),
    ("space before the colon", head("Host: h", "X-A : b"), "bad_header_name"),
    ("tab before the colon", head("Host: h", "X-A\t: b"), "bad_header_name"),
    ("space before the colon of Host", head("Host : h"), "bad_header_name"),
    ("no colon", head("Host: h", "X-A"), "bad_header_name"),
    ("empty name", head("Host: h", ": b"), "bad_header_name"),
    ("space in a name", head("Host: h", "X A: b"), "bad_header_name"),
    ("colon alone", head("Host: h", ":"), "bad_header_name"),
    ("non-ASCII name", head("Host: h", "X-\xe9: b"), "bad_header_name"),
    *[(f"{c!r} in a name", head("Host: h", f"X{c}A: b"), "bad_header_name") for c in '(),/;<=>?@[\\]{}"'],
    ("Connection with no token", head("Host: h", "Connection: a b"), "bad_connection_field"),
    ("Connection with a quoted string", head("Host: h", 'Connection: "close"'), "bad_connection_field"),
    ("Connection names Host", head("Host: h", "Connection: close, Host"), "bad_connection_field"),
    ("Connection names Content-Length", post("Connection: content-length", "Content-Length: 5", body=b"hello"), "bad_connection_field"),
]

HOSTS = [
    ("no Host", head("X: y"), "missing_host"),
    ("no field at all", b"GET /x HTTP/1.1\r\n\r\n", "missing_host"),
    ("two Host fields", head("Host: h", "Host: i"), "duplicate_host"),
    ("two equal Host fields", head("Host: h", "Host: h"), "duplicate_host"),
    ("two Host fields, one empty", head("Host: h", "host:"), "duplicate_host"),
    ("two Host fields in 1.0", head("Host: h", "Host: h", first="GET /x HTTP/1.0"), "duplicate_host"),
    *[
        (f"Host {value!r}", head(f"Host:{value}"), "bad_host")
        for value in (
            "", " ", " user@host", " user:pass@host", " a b", " a,b", " a, b", " a/b", " a\\b", " a?b", " a#b", " h:80:80", " h:", " h:x",
            " h:-1", " h:+80", " h:65536", " h:080000", " :80", " [::1", " ::1", " [::1]x", " [::1]:80:80", " []", " [1.2.3.4]", " [::g]", " \xe9",
            " http://h", " h\"", " <h>", " h:80 ", " @", " h@", " %0a", " h%00",
        )
        if value != " h:80 "
    ],
    ("absolute URI other than Host", head("Host: h", first="GET http://other/x HTTP/1.1"), "host_mismatch"),
    ("absolute URI with another port", head("Host: h", first="GET http://h:81/x HTTP/1.1"), "host_mismatch"),
    ("absolute URI without Host", head(first="GET http://h/x HTTP/1.1"), "missing_host"),
]

TARGETS = [
    (f"target {target!r}", head("Host: h", first=f"GET {target} HTTP/1.1"), "bad_target")
    for target in (
        "/x#b", "/#", "#", "/x?a#b", "/../x", "/a/../../x", "/..", "/%2e%2e/x", "/%2E%2e/x", "/.%2e/x", "/a/%2e%2e/%2e%2e/x", "/./../x",
        "/a%2fb", "/a%2Fb", "/%2f", "/a%5cb", "/a%5Cb", "/a\\b", "\\x", "/\\..\\x", "/a%00b", "/%00", "/a%", "/a%2", "/a%zz", "/a%u0041",
        "/%", "/%%32%65", "/a\xe9b", "/\xc0\xaf", "/\xff", "x", "*", "?", "http:", "http:/x", "http:h", "http:/\\h", "http://h\\x/", "http://",
        "http:///x", "http://@h/", "http://user@h/", "http://user:pw@h/", "http://h:80:80/", "http://h:x/", "http://h,i/", "http://h#f", "ftp://h/x",
        "://h/x", "h:80", "h", "javascript:x", "http://h /x".replace(" ", "%20"), "http://[::1/x", "//\\h/x",
    )
]

FIRST_LINES = [
    ("space in the target", head("Host: h", first="GET /a b HTTP/1.1"), {"bad_target", "bad_request_line"}),
    ("two spaces after the method", head("Host: h", first="GET  /x HTTP/1.1"), {"bad_target", "bad_request_line"}),
    ("two spaces before the version", head("Host: h", first="GET /x  HTTP/1.1"), {"bad_target", "bad_request_line"}),
    ("tab after the method", head("Host: h", first="GET\t/x HTTP/1.1"), {"bad_method", "bad_request_line"}),
    ("tab before the version", head("Host: h", first="GET /x\tHTTP/1.1"), {"bad_request_line", "bad_target"}),
    ("space at the end", head("Host: h", first="GET /x HTTP/1.1 "), {"bad_version", "bad_request_line"}),
    ("space in front", head("Host: h", first=" GET /x HTTP/1.1"), {"bad_method", "bad_request_line"}),
    ("vertical tab", head("Host: h", first="GET /x\x0bHTTP/1.1"), "bad_request_line"),
    ("NUL in the target", head("Host: h", first="GET /a\x00b HTTP/1.1"), "bad_request_line"),
    ("bare CR in the target", head("Host: h", first="GET /a\rb HTTP/1.1"), "bad_request_line"),
    ("HTTP/0.9", b"GET /x\r\n\r\n", "bad_request_line"),
    ("a method alone", b"GET\r\n\r\n", "bad_request_line"),
    ("nothing but spaces", b"   \r\n\r\n", {"bad_method", "bad_request_line"}),
    ("three empty lines in front", b"\r\n\r\n\r\n" + get("/x"), "bad_request_line"),
    ("lower-case method", head("Host: h", first="get /x HTTP/1.1"), "bad_method"),
    ("mixed-case method", head("Host: h", first="Get /x HTTP/1.1"), "bad_method"),
    ("method with a colon", head("Host: h", first="GE:T /x HTTP/1.1"), "bad_method"),
    ("method with a slash", head("Host: h", first="GET/ /x HTTP/1.1"), "bad_method"),
    ("non-ASCII method", head("Host: h", first="G\xc9T /x HTTP/1.1"), "bad_method"),
    ("quoted method", head("Host: h", first='"GET" /x HTTP/1.1'), "bad_method"),
    ("over-long method", head("Host: h", first="G" * 33 + " /x HTTP/1.1"), "bad_method"),
    ("method without end", b"G" * 3000, "bad_method"),
    *[
        (f"version {version!r}", head("Host: h", first=f"GET /x {version}"), "bad_version")
        for version in (
            "HTTP/1.10", "HTTP/1.1.1", "HTTP/1", "HTTP/1.", "HTTP/.1", "HTTP/11", "HTTP/1,1", "http/1.1", "Http/1.1", "HTTP/x.1", "HTTP/1.x",
            "HTTP/+1.1", "HTTP/01.1", "HTTPS/1.1", "HTP/1.1", "ICY/1.1", "1.1", "HTTP /1.1".replace(" ", "\xa0"), "HTTP/1.1\xa0", "HTTP-1.1",
        )
    ],
    ("a TLS hello", bytes.fromhex("16030100c8010000c40303") + bytes(range(32)) + b"\x00" * 64, "bad_request_line"),
    ("binary garbage", bytes(range(256)), "bad_request_line"),
    ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n", {"bad_method", "bad_request_line"}),
    ("an SMTP greeting", b"EHLO there\r\n", {"bad_request_line", "bad_version"}),
    ("a PROXY line without being asked", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get("/x"), {"bad_request_line", "bad_version", "bad_target"}),
    ("JSON", b'{"a": 1}\r\n\r\n', "bad_method"),
    ("an answer", b"HTTP/1.1 200 OK\r\n\r\n", {"bad_version", "bad_method", "bad_request_line"}),
]

OTHER = [
    ("TRACE", head("Host: h", first="TRACE /x HTTP/1.1"), 405, "method_not_allowed"),
    ("CONNECT", head("Host: h:443", first="CONNECT h:443 HTTP/1.1"), 405, "method_not_allowed"),
    ("CONNECT with origin-form", head("Host: h", first="CONNECT /x HTTP/1.1"), 405, "method_not_allowed"),
    ("CONNECT to another host", head("Host: h", first="CONNECT i:443 HTTP/1.1"), 405, "method_not_allowed"),
    ("HTTP/2.0", head("Host: h", first="GET /x HTTP/2.0"), 505, "http_version_unsupported"),
    ("HTTP/0.9 spelt out", head("Host: h", first="GET /x HTTP/0.9"), 505, "http_version_unsupported"),
    ("HTTP/3.0", head("Host: h", first="GET /x HTTP/3.0"), 505, "http_version_unsupported"),
    ("HTTP/9.9", head("Host: h", first="GET /x HTTP/9.9"), 505, "http_version_unsupported"),
    ("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version_unsupported"),
    ("Expect: bogus", post("Expect: bogus", "Content-Length: 5", body=b"hello"), 417, "expectation_failed"),
    ("Expect: 200-ok", head("Host: h", "Expect: 200-ok"), 417, "expectation_failed"),
    ("empty Expect", head("Host: h", "Expect:"), 417, "expectation_failed"),
    ("Expect twice, bogus last", post("Expect: 100-continue", "Expect: bogus", "Content-Length: 5", body=b"hello"), 417, "expectation_failed"),
    ("Expect as a list", post("Expect: 100-continue, bogus", "Content-Length: 5", body=b"hello"), 417, "expectation_failed"),
    ("over-long target", head("Host: h", first="GET /" + "a" * 1024 + " HTTP/1.1"), 414, "target_too_long"),
    ("over-long query", head("Host: h", first="GET /?" + "a" * 1024 + " HTTP/1.1"), 414, "target_too_long"),
    ("target without end", b"GET /" + b"a" * 3000, 414, "target_too_long"),
    ("over-long value", head("Host: h", "X: " + "a" * 2048), 431, "header_field_too_large"),
    ("over-long name", head("Host: h", "X" * 2048 + ": a"), 431, "header_field_too_large"),
    ("value without end", b"GET /x HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 3000, 431, "header_field_too_large"),
    ("too many fields", head("Host: h", *[f"X-{i}: a" for i in range(32)]), 431, "too_many_headers"),
    ("too many empty fields", head("Host: h", *["X:"] * 32), 431, "too_many_headers"),
    ("too many underscored fields", head("Host: h", *["X_Y: z"] * 32), 431, "too_many_headers"),
    ("over-long head", head("Host: h", *[f"X-{i}: " + "a" * 400 for i in range(11)]), 431, "header_block_too_large"),
    ("head without end", b"GET /x HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X-%d: " % i + b"a" * 400 + b"\r\n" for i in range(20)), 431, "header_block_too_large"),
]

TABLE = [(n, d, 400, r) for n, d, r in FRAMING + FIELDS + HOSTS + TARGETS + FIRST_LINES] + OTHER


def refused(rig, data, status, reason):
    """`data` is refused; what stands behind it on the connection is never looked at."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(data + SECOND)
        method = "HEAD" if data.startswith(b"HEAD ") else "GET"
        answer = client.read_response(method)
        assert answer is not None, "closed without an answer"
        assert answer.complete and client.is_closed()
    reasons = reason if isinstance(reason, set) else {reason}
    assert (answer.status, answer.reason in reasons) == (status, True), answer
    assert (answer.get("Connection") or "").lower() == "close"
    assert origin.bytes_seen() == b""
    return answer


@pytest.mark.parametrize("data,status,reason", [t[1:] for t in TABLE], ids=[t[0] for t in TABLE])
def test_is_refused_and_never_forwarded(rig, data, status, reason):
    refused(rig, data, status, reason)


@pytest.mark.parametrize(
    "data,reason",
    [
        (post("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKED), "content_length_and_transfer_encoding"),
        (head("Host: h", "X-A: b\r\n c"), "obs_fold"),
        (head("Host: h", first="GET /../x HTTP/1.1"), "bad_target"),
        (b"\x16\x03\x01\x00\xc8", "bad_request_line"),
    ],
)
def test_the_access_log_names_the_reason(rig, data, reason):
    answer = refused(rig, data, 400, reason)
    entry = rig[1].entry(lambda e: e["request_id"] == answer.get("X-Request-Id"), "an access log entry")
    assert (entry["status"], entry["reason"]) == (400, reason)
    assert "backend" not in entry and entry["attempts"] == 0


def test_the_body_of_a_refusal_is_json_for_who_asks_for_json(rig):
    answer = refused(rig, head("Host: h", "Accept: application/json", "Content-Length: x"), 400, "bad_content_length")
    assert answer.get("Content-Type") == "application/json" and b'"bad_content_length"' in answer.body


def test_a_refusal_repeats_nothing_of_what_was_sent(rig):
    answer = refused(rig, head("Host: h", "X-A: <script>alert(1)</script>\x00"), 400, "bad_header_value")
    assert b"script" not in answer.body and "script" not in str(answer.headers)


def test_refused_head_requests_get_no_body(rig):
    answer = refused(rig, head("Host: h", "Content-Length: x", first="HEAD /x HTTP/1.1"), 400, "bad_content_length")
    assert answer.body == b""


# --- the same answer however the bytes come ---------------------------------------------------------------

SPLIT = [
    (get("/split", "X-A: b", "Content-Length: 5", method="POST", body=b"hello"), 200, None),
    (post("Transfer-Encoding: chunked", "Trailer: X-T", body=b"5;a=b\r\nhello\r\n0\r\nX-T: v\r\n\r\n"), 200, None),
    (post("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKED), 400, "content_length_and_transfer_encoding"),
    (head("Host: h", "X-A: b\r\n c"), 400, "obs_fold"),
    (head("Host: h", "X-A : b"), 400, "bad_header_name"),
    (b"GET /x HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400, "bare_lf"),
    (head("Host: h", "X-A: a\rb"), 400, "bad_header_value"),
    (head("Host: h", first="get /x HTTP/1.1"), 400, "bad_method"),
    (head("Host: h", first="GET /../x HTTP/1.1"), 400, "bad_target"),
]


@pytest.mark.parametrize("data,status,reason", SPLIT, ids=[str(i) for i in range(len(SPLIT))])
def test_split_at_every_byte_the_answer_is_the_same(rig, data, status, reason):
    _, proxy = rig
    for at in range(1, len(data)):
        with proxy.connect() as client:
            client.send(data[:at])
            client.send(data[at:])
            answer = client.read_response()
            assert answer is not None, at
            assert (answer.status, answer.reason) == (status, reason), at


def test_byte_by_byte_the_origin_sees_the_one_request_that_was_meant(rig):
    origin, proxy = rig
    origin.begin()
    data = SPLIT[1][0]
    with proxy.connect() as client:
        assert client.send_split(*[data[i : i + 1] for i in range(len(data))])
        assert client.read_response().status == 200
        assert client.is_open()
    origin.saw_exactly(("POST", "/x", b"hello"), ("GET", "/still-open", b""))
    assert origin.requests()[0].trailers == [("X-T", "v")]


# --- what is odd, but means one thing ---------------------------------------------------------------------

ACCEPTED = [
    ("TE in upper case", post("Transfer-Encoding: CHUNKED", body=CHUNKED), ("POST", "/x", b"hello")),
    ("TE in mixed case", post("tRANSFER-eNCODING: ChunkeD", body=CHUNKED), ("POST", "/x", b"hello")),
    ("TE between spaces", post("Transfer-Encoding:   chunked  ", body=CHUNKED), ("POST", "/x", b"hello")),
    ("TE between tabs", post("Transfer-Encoding:\tchunked\t", body=CHUNKED), ("POST", "/x", b"hello")),
    ("TE without a space", post("Transfer-Encoding:chunked", body=CHUNKED), ("POST", "/x", b"hello")),
    ("CL between tabs", post("Content-Length:\t5\t ", body=b"hello"), ("POST", "/x", b"hello")),
    ("CL with zeros in front", post("Content-Length: 0005", body=b"hello"), ("POST", "/x", b"hello")),
    ("CL 0", post("Content-Length: 0"), ("POST", "/x", b"")),
    ("GET with a body", get("/x", "Content-Length: 5", body=b"hello"), ("GET", "/x", b"hello")),
    ("GET with chunks", get("/x", "Transfer-Encoding: chunked", body=CHUNKED), ("GET", "/x", b"hello")),
    ("POST that says nothing", post(), ("POST", "/x", b"")),
    ("two empty lines in front", b"\r\n\r\n" + get("/x"), ("GET", "/x", b"")),
    ("one empty line in front", b"\r\n" + get("/x"), ("GET", "/x", b"")),
    ("HTTP/1.9", get("/x", version="1.9"), ("GET", "/x", b"")),
    ("a method of its own", get("/x", method="PURGE"), ("PURGE", "/x", b"")),
    ("absolute URI as Host", head("Host: H:80", first="GET http://h:80/a?b HTTP/1.1"), ("GET", "/a?b", b"")),
    ("absolute URI without path", head("Host: h", first="GET http://h HTTP/1.1"), ("GET", "/", b"")),
    ("absolute URI with a query alone", head("Host: h", first="GET http://h?a HTTP/1.1"), ("GET", "/?a", b"")),
    ("OPTIONS *", head("Host: h", first="OPTIONS * HTTP/1.1"), ("OPTIONS", "*", b"")),
    ("dot segments", get("/a/./b/../c"), ("GET", "/a/c", b"")),
    ("encoded dots", get("/a/%2e%2E/c"), ("GET", "/c", b"")),
    ("empty segments", get("//a///b"), ("GET", "/a/b", b"")),
    ("two slashes that look like a host", get("//evil.example/x"), ("GET", "/evil.example/x", b"")),
    ("unreserved characters encoded", get("/%61%7e%2D"), ("GET", "/a~-", b"")),
    ("reserved characters encoded", get("/%3b%3f%23%20%25"), ("GET", "/%3B%3F%23%20%25", b"")),
    ("dots in the query", get("/a?b=/../c//d%2f"), ("GET", "/a?b=/../c//d%2f", b"")),
    ("a dot segment with a parameter", get("/a/..;/b"), ("GET", "/a/..;/b", b"")),
    ("IPv6 Host", get("/x", host="[::1]:8080"), ("GET", "/x", b"")),
    ("the longest target", get("/" + "a" * 1023), ("GET", "/" + "a" * 1023, b"")),
    ("as many fields as may be", get("/x", *[f"X-{i}: a" for i in range(31)]), ("GET", "/x", b"")),
    ("Expect in another case", post("Expect: 100-Continue", "Content-Length: 5", body=b"hello"), ("POST", "/x", b"hello")),
]


@pytest.mark.parametrize("data,meant", [t[1:] for t in ACCEPTED], ids=[t[0] for t in ACCEPTED])
def test_is_forwarded_as_the_one_request_that_it_is(rig, data, meant):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(data, "GET").status == 200
        assert client.is_open()
    origin.saw_exactly(meant, ("GET", "/still-open", b""))


def test_http_1_0_without_host_is_served_and_the_origin_gets_a_host(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(b"GET /x HTTP/1.0\r\n\r\n").status == 200
        assert client.is_closed()
    origin.saw_exactly(("GET", "/x", b""))


def test_a_1_0_post_without_length_has_no_body_and_what_follows_is_not_run(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(b"POST /x HTTP/1.0\r\nHost: h\r\n\r\n" + SECOND).status == 200
        assert client.is_closed()
    origin.saw_exactly(("POST", "/x", b""))


def test_pipelined_requests_are_told_apart_by_their_lengths(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(post("Content-Length: %d" % len(SECOND), body=SECOND) + get("/1") + post("Transfer-Encoding: chunked", body=CHUNKED) + get("/2"))
        assert [client.read_response().status for _ in range(4)] == [200] * 4
    origin.saw_exactly(("POST", "/x", SECOND), ("GET", "/1", b""), ("POST", "/x", b"hello"), ("GET", "/2", b""))


def test_what_follows_a_refused_pipelined_request_is_dropped_and_what_came_before_is_served(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(get("/1") + head("Host: h", "X-A : b") + get("/2"))
        assert client.read_response().status == 200
        assert client.read_response().reason == "bad_header_name"
        assert client.is_closed()
    origin.saw_exactly(("GET", "/1", b""))


# --- chunked bodies ---------------------------------------------------------------------------------------

BAD_CHUNKS = [
    *[
        (f"size {size!r}", size.encode("latin-1") + b"\r\nhello\r\n0\r\n\r\n")
        for size in (
            "", " ", "+5", "-5", "0x5", "0X5", " 5", "\t5", "5h", "g", "x", "5,5", "5.0", "5_0", "'5'", '"5"', "5\x00", "\xb5", "5\x0b", "5\x0c",
            "8000000000000000", "ffffffffffffffff", "10000000000000005", "fffffffffffffffff5", "8000000000000005", "f" * 40, "5\r", "5\x7f", "-0", "+0", ";a=b", "\r",
        )
    ],
    ("bare LF after the size", b"5\nhello\r\n0\r\n\r\n"),
    ("bare CR after the size", b"5\rhello\r\n0\r\n\r\n"),
    ("bare LF in an extension", b"5;a=b\nhello\r\n0\r\n\r\n"),
    ("bare LF within an extension", b"5;a\n=b\r\nhello\r\n0\r\n\r\n"),
    ("bare CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("NUL in an extension", b"5;a\x00\r\nhello\r\n0\r\n\r\n"),
    ("the TERM.EXT attack", b"5;\n66\r\nhello\r\n0\r\n\r\n" + SECOND),
    ("no CR LF after the data", b"5\r\nhello0\r\n\r\n"),
    ("bare LF after the data", b"5\r\nhello\n0\r\n\r\n"),
    ("bare CR after the data", b"5\r\nhello\r0\r\n\r\n"),
    ("more data than the size says", b"5\r\nhello!\r\n0\r\n\r\n"),
    ("less data than the size says", b"6\r\nhello\r\n0\r\n\r\n"),
    ("two bytes of something after the data", b"5\r\nhelloXX0\r\n\r\n"),
    ("an over-long extension", b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("too much extension in all", b"".join(b"1;" + b"a" * 3000 + b"\r\nx\r\n" for _ in range(6)) + b"0\r\n\r\n"),
    ("zeros without end", b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"),
    ("a trailer without colon", b"5\r\nhello\r\n0\r\nX\r\n\r\n"),
    ("a trailer with space before the colon", b"5\r\nhello\r\n0\r\nX : y\r\n\r\n"),
    ("a folded trailer", b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"),
    ("an empty trailer name", b"5\r\nhello\r\n0\r\n: y\r\n\r\n"),
    ("bare LF after a trailer", b"5\r\nhello\r\n0\r\nX: y\n\r\n"),
    ("bare LF as the last line", b"5\r\nhello\r\n0\r\n\n"),
    ("bare CR in a trailer", b"5\r\nhello\r\n0\r\nX: y\rz\r\n\r\n"),
    ("NUL in a trailer", b"5\r\nhello\r\n0\r\nX: y\x00\r\n\r\n"),
    ("an over-long trailer", b"5\r\nhello\r\n0\r\nX: " + b"y" * 9000 + b"\r\n\r\n"),
    ("too many trailers", b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 40 + b"\r\n"),
    ("a request in place of the last chunk", b"5\r\nhello\r\n" + SECOND),
    ("a space and something after the size", b"5 5\r\nhello\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "after a good chunk"])
@pytest.mark.parametrize("body", [t[1] for t in BAD_CHUNKS], ids=[t[0] for t in BAD_CHUNKS])
def test_a_broken_chunked_body_never_becomes_a_whole_message(rig, body, pause):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(post("Transfer-Encoding: chunked", body=b"3\r\nabc\r\n" if pause else b""))
        if pause:
            eventually(lambda: b"abc" in origin.bytes_seen())
        client.send(body + SECOND)
        answer = client.read_response()
        assert answer and (answer.status, answer.reason) == (400, "bad_chunk"), answer
        assert client.is_closed()
    assert origin.requests() == []
    eventually(lambda: all(c.saw_end for c in origin.connections if origin.marks.get(id(c), 0) < len(c.received)))
    assert origin.requests() == []


GOOD_CHUNKS = [
    ("several chunks", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", []),
    ("zeros in front", b"0005\r\nhello\r\n000\r\n\r\n", []),
    ("upper and lower case", b"00a\r\nhellohello\r\nA\r\nhellohello\r\n0\r\n\r\n", []),
    ("extensions", b'5;a=b;c="d;e"\r\nhello\r\n0;last\r\n\r\n', []),
    ("space before an extension", b"5 ;a=b\r\nhello\r\n0\r\n\r\n", []),
    ("trailers", b"5\r\nhello\r\n0\r\nX-T: v\r\nX-U:w \r\n\r\n", [("X-T", "v"), ("X-U", "w")]),
    ("what looks like an end in the data", b"a\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", []),
]


@pytest.mark.parametrize("body,trailers", [t[1:] for t in GOOD_CHUNKS], ids=[t[0] for t in GOOD_CHUNKS])
def test_a_chunked_body_is_the_same_wherever_it_is_split(rig, body, trailers):
    origin, proxy = rig
    meant = take_chunks(re.sub(rb"(?m)^([0-9A-Fa-f]+) ?;[^\r]*", rb"\1", body))[0]
    with proxy.connect() as client:
        for at in range(len(body)):
            origin.begin()
            client.send(post("Transfer-Encoding: chunked"))
            client.send(body[:at])
            client.send(body[at:])
            assert client.read_response().status == 200
            origin.saw_exactly(("POST", "/x", meant))
            assert origin.requests()[0].trailers == trailers


@pytest.mark.parametrize(
    "line",
    [
        "Content-Length: 100", "Transfer-Encoding: chunked", "Host: evil", "Connection: close", "Authorization: Basic eA==", "Cookie: a=b",
        "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https", "X-Real-IP: 6.6.6.6", "X_Real_IP: 6.6.6.6",
        "X-Request-Id: forged", "Forwarded: for=6.6.6.6", "Via: 1.1 forged", "Upgrade: x", "TE: trailers", "Expect: 100-continue",
        "Content-Type: text/evil", "Content-Encoding: gzip", "Proxy-Authorization: x", "Proxy-Connection: close", "Keep-Alive: timeout=1",
        "HTTP2-Settings: AAAA", "Trailer: x", "Range: bytes=0-1", "Cache-Control: no-store", "Set-Cookie: a=b",
    ],
)
def test_trailers_that_would_speak_for_the_head_are_dropped(rig, line):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nX-T: v\r\n" + line.encode() + b"\r\n\r\n"))
        assert client.read_response().status == 200
        assert client.is_open()
    origin.saw_exactly(("POST", "/x", b"hello"), ("GET", "/still-open", b""))
    assert origin.requests()[0].trailers == [("X-T", "v")]


TRUNCATED = [
    ("a length", post("Content-Length: 10", body=b"hello")),
    ("a length and nothing", post("Content-Length: 10")),
    ("a chunk", post("Transfer-Encoding: chunked", body=b"5\r\nhel")),
    ("before the last chunk", post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n")),
    ("within the last chunk", post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0")),
    ("before the last line", post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n")),
    ("within a trailer", post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nX: y\r\n")),
    ("before the last LF", post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r")),
]


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("data", [t[1] for t in TRUNCATED], ids=[t[0] for t in TRUNCATED])
def test_the_origin_never_takes_a_truncated_body_for_a_whole_one(rig, data, how):
    origin, proxy = rig
    origin.begin()
    name = data_id(data, how)
    with proxy.connect() as client:
        client.send(data.replace(b"/x", name))
        if how == "fin":
            client.end_writing()
            assert client.is_closed() or client.buffer == b""
        else:
            eventually(lambda: name in origin.bytes_seen())  # a reset may overtake what was sent before
            client.reset()
    proxy.entry(lambda e: e["path"] == name.decode() and e["status"] == 499, "the log says 499")
    eventually(lambda: all(c.saw_end for c in origin.connections if origin.marks.get(id(c), 0) < len(c.received)))
    assert origin.requests() == []


def data_id(data, how):
    return b"/truncated-%d-%s" % (hash(data) & 0xFFFFFFFF, how.encode())


# --- heads that never end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"G", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: h\r\n", b"GET / HTTP/1.1\r\nHost: h\r\n\r", b"\r", b"\r\n"])
def test_a_head_that_ends_early_is_not_forwarded_and_needs_no_answer(rig, data):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        client.send(data)
        client.end_writing()
        assert client.is_closed()
    assert origin.bytes_seen() == b""


# --- fields that clients may not speak for ----------------------------------------------------------------


def test_underscored_fields_are_dropped(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", "X_Real_IP: 6.6.6.6", "Content_Length: 5", "Transfer_Encoding: chunked", "X-Fine: y")).status == 200
    origin.saw_exactly(("GET", "/x", b""))
    assert not [n for n, _ in origin.requests()[0].headers if "_" in n]
    assert origin.requests()[0].get("X-Fine") == "y"
    assert proxy.metric("cirque_underscored_fields_dropped_total") >= 3


def test_host_goes_upstream_as_the_client_sent_it(rig):
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/x", host="Example.COM:8080")).status == 200
    assert origin.requests()[0].all("Host") == ["Example.COM:8080"]
