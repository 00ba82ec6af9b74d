"""Bodies: every framing both ways, trailers, informational answers, big ones, slow ones."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import socket
import struct
import termios
import threading
import time

import pytest
from lib.http import Client, chunked, request
from lib.origin import answering
from lib.util import PATIENCE, SLOW, Crowd, eventually, pause

MB = 1024 * 1024
BIG = (1024 if SLOW <= 1 else 256) * MB
FLAT = 24 * MB * max(1, SLOW)  # what the proxy may grow by, whatever passes through it
# What ASan keeps of freed memory, to find who uses it, is not what the proxy grows by.
FORGETFUL = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"}


def echo(conn):
    while r := conn.read_request():
        conn.respond(body=r.body)


# --- framing ---------------------------------------------------------------------------------------------


def test_content_length_both_ways(origin, proxy, client):
    backend = origin(echo)
    one = client(proxy(backend))
    for size in (0, 1, 1000, 16_384, 65_537, 3_000_000):
        body = bytes(i % 251 for i in range(min(size, 1000))) * (size // 1000) + b"z" * (size % 1000)
        threading.Thread(target=one.send, args=(request("/", method="POST", body=body),)).start()
        answer = one.answer()
        assert answer.framing == "length" and answer.body == backend.requests[-1].body == body
        assert backend.requests[-1].framing == "length"


def test_chunked_both_ways_with_extensions(origin, proxy, client):
    def script(conn):
        while conn.read_request():
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"5;name=value;other=\"a;b\"\r\nhello\r\n006\r\n world\r\n0;last\r\n\r\n")
    backend = origin(script)
    one = client(proxy(backend))
    for _ in range(3):
        one.send(request("/", "Transfer-Encoding: chunked", method="POST"))
        one.send(b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
        answer = one.answer()
        assert (answer.framing, answer.body) == ("chunked", b"hello world")
    assert [(r.framing, r.body) for r in backend.requests] == [("chunked", b"abcd")] * 3
    assert backend.connections_used == 1


def test_trailers_of_a_request_are_forwarded(origin, proxy, client):
    backend = origin()
    one = client(proxy(backend))
    one.send(request("/", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST"))
    one.send(chunked(b"abc", trailers=["X-Sum: 42", "X-More: yes"]))
    assert one.answer().status == 200
    assert ("X-Sum", "42") in backend.requests[0].trailers
    assert ("X-More", "yes") in backend.requests[0].trailers


def test_trailers_of_an_answer_are_forwarded(origin, proxy, client):
    data = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            + chunked(b"abc", trailers=["X-Sum: 42"]))
    one = client(proxy(origin(answering(data))))
    for _ in range(2):
        answer = one.ask(request("/", "TE: trailers", "Connection: TE"))
        assert (answer.body, answer.trailers) == (b"abc", [("X-Sum", "42")])


@pytest.mark.parametrize("field", ["Content-Length: 5", "Transfer-Encoding: chunked", "Host: evil",
                                   "Authorization: evil", "Connection: close"])
def test_trailers_cannot_smuggle_fields_that_decide(origin, proxy, client, field):
    backend = origin()
    one = client(proxy(backend))
    one.send(request("/", "Transfer-Encoding: chunked", method="POST"))
    one.send(chunked(b"abc", trailers=[field, "X-Fine: 1"]))
    one.answer()
    names = [n.lower() for r in backend.requests for n, _ in r.trailers]
    assert field.split(":")[0].lower() not in names


def test_chunks_cut_at_every_byte_are_put_together(origin, proxy, client):
    backend = origin(echo)
    one = client(proxy(backend))
    body = chunked(b"abc", b"d" * 17, trailers=["A: b"])
    for byte in request("/", "Transfer-Encoding: chunked", method="POST") + body:
        one.send(bytes([byte]))
    assert one.answer().body == b"abc" + b"d" * 17


def test_an_answer_cut_at_every_byte_is_put_together(origin, proxy, client):
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n" + chunked(b"abc", b"de")

    def script(conn):
        while conn.read_request():
            for byte in data:
                conn.send(bytes([byte]))
                pause(0.001)
    one = client(proxy(origin(script)))
    answer = one.ask(request())
    assert answer.body == b"abcde" and answer.get("A") == "b"


def test_close_delimited_answer_is_complete_and_the_client_connection_stays(origin, proxy, client):
    body = b"until the end " * 50_000

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)
    one = client(proxy(origin(script)))
    for _ in range(3):
        answer = one.ask(request())
        assert answer.framing == "chunked" and answer.body == body


def test_close_delimited_answer_of_an_http10_backend(origin, proxy, client):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nhello")
    one = client(proxy(origin(script)))
    answer = one.ask(request())
    assert answer.body == b"hello" and answer.get("Via") == "1.0 cirque"
    assert one.ask(request()).body == b"hello"


def test_http10_backend_with_keep_alive_is_reused(origin, proxy, client):
    data = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    backend = origin(answering(data))
    one = client(proxy(backend))
    for _ in range(5):
        assert one.ask(request()).body == b"ok"
    assert backend.connections_used in (1, 5)  # reuse is allowed, an error is not


@pytest.mark.parametrize("method, status, fields", [
    ("HEAD", 200, ["Content-Length: 12345"]),
    ("HEAD", 200, ["Transfer-Encoding: chunked"]),
    ("GET", 304, ["Content-Length: 12345", 'ETag: "x"']),
    ("GET", 304, ["Transfer-Encoding: chunked"]),
    ("GET", 204, []),
    ("DELETE", 204, ["X-A: b"]),
])
def test_answers_without_a_body_leave_both_connections_usable(origin, proxy, client, method, status, fields):
    data = "\r\n".join([f"HTTP/1.1 {status} X", *fields]).encode() + b"\r\n\r\n"
    backend = origin(answering(data))
    one = client(proxy(backend))
    for _ in range(4):
        answer = one.ask(request(method=method))
        assert answer.status == status
        for field in fields:
            name, value = field.split(": ")
            assert name == "Transfer-Encoding" or answer.get(name) == value
    assert backend.connections_used == 1
    assert not one.buffer


def test_204_is_sent_without_length_or_coding(origin, proxy, client):
    one = client(proxy(origin(answering(b"HTTP/1.1 204 No Content\r\n\r\n"))))
    answer = one.ask(request())
    assert not answer.has("Content-Length") and not answer.has("Transfer-Encoding")


def test_a_post_without_body_says_content_length_zero(origin, proxy, client):
    backend = origin()
    assert client(proxy(backend)).ask(request(method="POST", body=b"")).status == 200
    assert backend.requests[0].get("Content-Length") == "0"


def test_a_get_with_a_body_passes_it(origin, proxy, client):
    backend = origin(echo)
    assert client(proxy(backend)).ask(request(body=b"strange")).body == b"strange"


# --- informational answers and Expect --------------------------------------------------------------------


def test_100_continue_comes_from_the_backend_and_the_body_only_after_it(origin, proxy, client):
    agree = threading.Event()

    def script(conn):
        r = conn.read_head()
        agree.wait(PATIENCE)
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        conn.body_of(r)
        conn.respond(body=r.body)
    backend = origin(script)
    one = client(proxy(backend))
    one.send(request("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
    eventually(lambda: backend.requests, what="the head reaches the backend before the body is sent")
    assert backend.requests[0].get("Expect") == "100-continue"
    assert one.silent(0.2)  # no 100 of the proxy's own
    agree.set()
    assert one.head().status == 100
    one.send(b"hello")
    answer = one.answer()
    assert (answer.status, answer.body, answer.informational) == (200, b"hello", [])


@pytest.mark.parametrize("status", [200, 401, 413])
def test_a_final_answer_instead_of_100_ends_it_without_the_body(origin, proxy, client, status):
    def script(conn):
        while conn.read_head():
            conn.respond(status, body=b"no need")
            conn.rest()
    backend = origin(script)
    front = proxy(backend)
    one = client(front)
    one.send(request("/first", "Expect: 100-continue", "Content-Length: 500000", method="POST"))
    answer = one.answer()
    assert (answer.status, answer.body, answer.informational) == (status, b"no need", [])
    # The client never sends the body: the connection may close, or serve what is plainly a next request,
    # but the backend never sees what comes as part of the first body, nor as a request out of it.
    assert answer.get("Connection", "").lower() == "close"
    assert front.metric("upstream_connections", state="idle") == 0  # an unfinished request is not reusable


def test_a_backend_that_answers_without_100_after_the_body_is_fine(origin, proxy, client):
    """The client gets impatient and sends the body unasked."""
    backend = origin(echo)
    one = client(proxy(backend))
    one.send(request("/", "Expect: 100-continue", method="POST", body=b"hello"))
    answer = one.answer()
    assert (answer.status, answer.body) == (200, b"hello")


def test_another_expectation_is_refused(origin, proxy, client):
    backend = origin()
    answer = client(proxy(backend)).ask(request("/", "Expect: bogus"))
    assert answer.status == 417 and "expectation_failed" in answer.get("Proxy-Status")
    assert backend.requests == []


def test_103_early_hints_are_forwarded_at_once(origin, proxy, client):
    go = threading.Event()

    def script(conn):
        while conn.read_request():
            conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
            go.wait(PATIENCE)
            conn.respond()
    one = client(proxy(origin(script)))
    one.send(request())
    hint = one.head()
    assert hint.status == 103 and hint.get("Link") == "</a.css>; rel=preload"
    go.set()
    assert one.answer().body == b"ok"
    assert one.ask(request()).informational[0].status == 103


def test_informational_answers_do_not_reach_http10_clients(origin, proxy, client):
    data = (b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    backend = origin(answering(data))
    answer = client(proxy(backend)).ask(request(version="1.0"))
    assert (answer.status, answer.informational, answer.body) == (200, [], b"ok")


def test_expect_of_an_http10_client_is_ignored(origin, proxy, client):
    def script(conn):
        while r := conn.read_head():
            if r.has("Expect"):
                conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            conn.body_of(r)
            conn.respond(body=r.body)
    answer = client(proxy(origin(script))).ask(
        request("/", "Expect: 100-continue", method="POST", version="1.0", body=b"hello"))
    assert (answer.status, answer.informational, answer.body) == (200, [], b"hello")


@pytest.mark.parametrize("value", ["100-continue", "nonsense"])
def test_expect_of_an_http10_client_is_not_passed_on(origin, proxy, client, value):
    """It would mean something in the HTTP/1.1 that we speak to the backend."""
    backend = origin()
    answer = client(proxy(backend)).ask(request("/", f"Expect: {value}", method="POST", version="1.0", body=b"hello"))
    assert answer.status == 200
    assert not backend.requests[0].has("Expect")


# --- early answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 413])
def test_an_answer_during_the_upload_reaches_the_client(origin, proxy, client, status):
    """The backend answers after the head and reads no more; the client goes on sending for a while."""
    def script(conn):
        conn.read_head()
        conn.take(1000)
        conn.respond(status, "Connection: close", body=b"enough")
        conn.rest()
    one = client(proxy(origin(script)))
    one.send(request("/", "Content-Length: 100000000", method="POST") + b"x" * 100_000)
    answer = one.answer()
    assert (answer.status, answer.body) == (status, b"enough")


def test_an_early_answer_and_a_client_that_finishes_its_body_stay_in_step(origin, proxy, client):
    def script(conn):
        while r := conn.read_head():
            conn.respond(body=r.target.encode())
            conn.body_of(r)
    backend = origin(script)
    front = proxy(backend)
    for _ in range(5):
        one = client(front)
        one.send(request("/a", "Content-Length: 20000", method="POST") + b"x" * 10_000)
        assert one.answer().body == b"/a"
        try:
            one.send(b"x" * 10_000 + request("/b"))
            answer = one.answer_head()
        except Exception:
            continue  # closing instead is fine
        assert one.body_of(answer).body == b"/b"
    assert set(backend.targets) <= {"/a", "/b"}


def test_a_backend_that_answers_early_and_closes_is_heard(origin, proxy, client):
    def script(conn):
        conn.read_head()
        conn.respond(403, "Connection: close", body=b"no")
        conn.end_writing()
        eventually(lambda: not conn.fill())
    one = client(proxy(origin(script)))
    one.send(request("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n")
    assert one.answer().status == 403


# --- streaming -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_each_piece_of_a_slow_answer_is_forwarded_at_once(origin, proxy, client, framing):
    """Server-sent events: the next piece is only sent once the client has seen the last one."""
    turn = threading.Semaphore(0)
    head = {"chunked": b"Transfer-Encoding: chunked\r\n", "length": b"Content-Length: 80\r\n",
            "close": b"Connection: close\r\n"}[framing]

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + head + b"\r\n")
        for i in range(10):
            assert turn.acquire(timeout=PATIENCE)
            piece = b"data:%02d\n" % i
            conn.send(b"8\r\n" + piece + b"\r\n" if framing == "chunked" else piece)
        if framing == "chunked":
            conn.send(b"0\r\n\r\n")
    one = client(proxy(origin(script)))
    one.send(request())
    answer = one.answer_head()  # before any byte of the body
    for i in range(10):
        turn.release()
        piece = one.take(8) if framing == "length" else one.chunk()
        assert piece == b"data:%02d\n" % i
    if framing != "length":
        assert one.chunk() == b""
    assert answer.status == 200


@pytest.mark.parametrize("coding", ["chunked", "length"])
def test_each_piece_of_a_slow_upload_is_forwarded_at_once(origin, proxy, client, coding):
    seen, changed = [], threading.Event()

    def script(conn):
        conn.read_head()
        for _ in range(8):
            seen.append(conn.chunk() if coding == "chunked" else conn.take(4))
            changed.set()
        if coding == "chunked":
            assert conn.chunk() == b""
            conn.fields()
        conn.respond()
    one = client(proxy(origin(script)))
    one.send(request("/", "Transfer-Encoding: chunked" if coding == "chunked" else "Content-Length: 32",
                     method="POST"))
    for i in range(8):
        changed.clear()
        one.send((b"4\r\n%04d\r\n" if coding == "chunked" else b"%04d") % i)
        assert changed.wait(PATIENCE), f"piece {i} is held back"
        assert seen[i] == b"%04d" % i
    if coding == "chunked":
        one.send(b"0\r\n\r\n")
    assert one.answer().status == 200


def test_both_ways_at_once(origin, proxy, client):
    """The backend echoes a chunk as soon as it gets it: a conversation inside one request."""
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while piece := conn.chunk():
            conn.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        conn.fields()
        conn.send(b"0\r\n\r\n")
    one = client(proxy(origin(script)))
    one.send(request("/", "Transfer-Encoding: chunked", method="POST"))
    one.answer_head()
    for word in (b"one", b"two", b"x" * 30_000, b"four"):
        one.send(b"%x\r\n%s\r\n" % (len(word), word))
        got = b""
        while len(got) < len(word):
            got += one.chunk()
        assert got == word
    one.send(b"0\r\n\r\n")
    assert one.chunk() == b""


# --- big -------------------------------------------------------------------------------------------------

BLOCK = hashlib.sha256(b"seed").digest() * (MB // 32)


class Watch:
    """The highest RSS of the proxy while it is open."""

    def __init__(self, proxy):
        self.proxy, self.start, self.peak, self.over = proxy, proxy.rss, 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.over.wait(0.01):
            self.peak = max(self.peak, self.proxy.rss)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def growth(self):
        return self.peak - self.start


def count_bytes(wire, total):
    """Reads and checks against BLOCK without keeping it."""
    done, view = 0, memoryview(bytearray(MB))
    early = wire.buffer
    wire.buffer = b""
    assert early == (BLOCK + BLOCK)[:len(early)]
    done += len(early)
    expected = memoryview(BLOCK + BLOCK)
    wire.sock.settimeout(PATIENCE)
    while done < total:
        got = wire.sock.recv_into(view, min(MB, total - done))
        assert got, f"ended after {done} of {total}"
        at = done % MB
        assert view[:got] == expected[at:at + got], f"wrong bytes at {done}"
        done += got
    return done


@pytest.mark.heavy
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_gigabyte_down_with_flat_memory(origin, proxy, client, coding):
    total = BIG if coding == "length" else BIG // 4

    def script(conn):
        while conn.read_request():
            if coding == "length":
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
                for _ in range(total // MB):
                    conn.send(BLOCK)
            else:
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(total // MB):
                    conn.send(b"100000\r\n" + BLOCK + b"\r\n")
                conn.send(b"0\r\n\r\n")
    front = proxy(origin(script), env=FORGETFUL)
    one = client(front)
    one.send(request("/big"))
    with Watch(front) as watch:
        answer = one.answer_head()
        if coding == "length":
            assert answer.get("Content-Length") == str(total)
            count_bytes(one, total)
        else:
            got, digest, expected = 0, hashlib.sha256(), hashlib.sha256()
            while piece := one.chunk():
                digest.update(piece)
                got += len(piece)
            for _ in range(total // MB):
                expected.update(BLOCK)
            assert got == total and digest.digest() == expected.digest()
    print(f"grew by {watch.growth / MB:.1f} MB")
    assert watch.growth < FLAT
    assert front.entry("/big")["bytes_out"] == total
    front.counts(total, "http_response_body_bytes_total", service="web")


@pytest.mark.heavy
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_gigabyte_up_with_flat_memory(origin, proxy, client, coding):
    total = BIG if coding == "length" else BIG // 4

    def script(conn):
        r = conn.read_head()
        if coding == "length":
            assert r.get("Content-Length") == str(total)
            done = count_bytes(conn, total)
        else:
            done, digest, expected = 0, hashlib.sha256(), hashlib.sha256()
            while piece := conn.chunk():
                digest.update(piece)
                done += len(piece)
            conn.fields()
            for _ in range(total // MB):
                expected.update(BLOCK)
            assert digest.digest() == expected.digest()
        conn.respond(body=str(done).encode())
    backend = origin(script)
    front = proxy(backend, env=FORGETFUL)
    one = client(front)
    with Watch(front) as watch:
        if coding == "length":
            one.send(request("/big", f"Content-Length: {total}", method="POST"))
            for _ in range(total // MB):
                one.send(BLOCK)
        else:
            one.send(request("/big", "Transfer-Encoding: chunked", method="POST"))
            for _ in range(total // MB):
                one.send(b"100000\r\n" + BLOCK + b"\r\n")
            one.send(b"0\r\n\r\n")
        answer = one.answer()
    print(f"grew by {watch.growth / MB:.1f} MB")
    assert answer.body == str(total).encode() and not backend.errors
    assert watch.growth < FLAT
    assert front.entry("/big")["bytes_in"] == total
    front.counts(total, "http_request_body_bytes_total", service="web")


def settled(read, quiet=0.3):
    """The value of read() once it has not changed for a while."""
    last, since = read(), time.monotonic()

    def look():
        nonlocal last, since
        now = read()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > quiet
    eventually(look)
    return last


def waiting_for(port):
    """Bytes that the kernel keeps for whoever has that port: at most what it has not acknowledged."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(int(line.split()[4].partition(":")[0], 16) for line in lines if line.split()[2].endswith(f":{port:04X}"))


UNSENT = MB  # 128 KB that were not sent, and what was: the kernel alone would keep 2.6 MB, and more


@pytest.mark.heavy
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_client_that_does_not_read_holds_the_backend_back(origin, proxy, client, coding):
    total, sent = 256 * MB, [0]

    def script(conn):
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
        conn.read_request()
        framing = b"Content-Length: %d" % total if coding == "length" else b"Transfer-Encoding: chunked"
        conn.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        conn.sock.settimeout(300)
        for _ in range(total // MB):
            if coding == "chunked":
                conn.sock.sendall(b"100000\r\n" + BLOCK + b"\r\n")
            else:
                conn.sock.sendall(BLOCK)
            sent[0] += MB
        if coding == "chunked":
            conn.send(b"0\r\n\r\n")
    front = proxy(origin(script), env=FORGETFUL)
    one = client(front, receive_buffer=128 * 1024)
    with Watch(front) as watch:
        one.send(request())
        one.answer_head()
        held = settled(lambda: sent[0])
        print(f"held back at {held / MB} MB, grew by {watch.growth / MB:.1f} MB")
        assert held < 96 * MB  # what the kernel's buffers of four sockets hold
        assert 0 < waiting_for(one.sock.getsockname()[1]) < UNSENT
        cpu = front.cpu
        pause(0.5)
        assert front.cpu - cpu < 0.2  # waits, does not spin
        if coding == "length":
            count_bytes(one, total)
        else:
            got = 0
            while piece := one.chunk():
                got += len(piece)
            assert got == total
    assert watch.growth < FLAT


@pytest.mark.heavy
def test_a_backend_that_does_not_read_holds_the_client_back(origin, proxy, client):
    total, go, sent = 128 * MB, threading.Event(), [0]

    def script(conn):
        conn.read_head()
        go.wait(300)
        count_bytes(conn, total)
        conn.respond()
    backend = origin(script, receive_buffer=128 * 1024)
    front = proxy(backend, env=FORGETFUL)
    one = client(front)

    def upload():
        one.sock.settimeout(300)
        one.sock.sendall(request("/", f"Content-Length: {total}", method="POST"))
        for _ in range(total // MB):
            one.sock.sendall(BLOCK)
            sent[0] += MB
    with Watch(front) as watch:
        thread = threading.Thread(target=upload, daemon=True)
        thread.start()
        held = settled(lambda: sent[0])
        assert held < 96 * MB  # what the kernel's buffers of four sockets hold
        assert 0 < waiting_for(backend.port) < UNSENT
        go.set()
        thread.join()
        assert one.answer().status == 200
    assert watch.growth < FLAT


def pipes_of(front):
    """How many bytes each pipe of the process holds at this moment."""
    held = {}
    for fd in pathlib.Path(f"/proc/{front.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            name = os.readlink(fd)
            if name.startswith("pipe:"):
                end = os.open(fd, os.O_RDONLY | os.O_NONBLOCK)
                held[name] = struct.unpack("i", fcntl.ioctl(end, termios.FIONREAD, b"    "))[0]
                os.close(end)
    return held


@pytest.mark.parametrize("way", ["down", "up"])
def test_a_large_body_is_moved_by_the_kernel(origin, proxy, client, way):
    """Who takes it pauses, so that a part of it is seen in a pipe; a small one goes through no pipe."""
    total, go = 64 * MB, threading.Event()

    def script(conn):
        while r := conn.read_head():
            if r.target == "/small":
                conn.body_of(r)
                conn.respond(body=b"x" * 1000)
            elif way == "down":
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
                conn.sock.settimeout(300)
                for _ in range(total // MB):
                    conn.sock.sendall(BLOCK)
            else:
                go.wait(300)
                count_bytes(conn, total)
                conn.respond()
    backend = origin(script, receive_buffer=128 * 1024)
    front = proxy(backend)
    one = client(front, receive_buffer=128 * 1024)
    before = pipes_of(front)
    assert one.ask(request("/small", method="POST", body=b"x" * 1000)).status == 200
    assert pipes_of(front) == before
    crowd = None
    if way == "down":
        one.send(request("/large"))
        assert one.answer_head().status == 200
    else:
        def upload(_):
            one.sock.settimeout(300)
            one.sock.sendall(request("/large", f"Content-Length: {total}", method="POST"))
            for _ in range(total // MB):
                one.sock.sendall(BLOCK)
        crowd = Crowd(upload, 1)
    eventually(lambda: any(held > 0 for name, held in pipes_of(front).items() if name not in before),
               what="bytes of the body in a pipe of its own")
    if way == "down":
        count_bytes(one, total)
    else:
        go.set()
        crowd.join()
        assert one.answer().status == 200
    eventually(lambda: not any(held for name, held in pipes_of(front).items() if name not in before))


@pytest.mark.tsan
def test_many_bodies_at_once(origin, proxy):
    def script(conn):
        while r := conn.read_request():
            if r.get("X-Chunked"):
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          + chunked(r.body[:7], r.body[7:]))
            else:
                conn.respond(body=r.body)
    front = proxy([origin(script)], server={"workers": 2})
    wrong = []

    def work(me):
        with Client(front.port()) as one:
            for i in range(12):
                body = bytes([me]) * (1 + i * 9001)
                fields = ["X-Chunked: 1"] if i % 2 else []
                if i % 3:
                    data = request("/", *fields, method="PUT", body=body)
                else:
                    head = request("/", "Transfer-Encoding: chunked", *fields, method="PUT")
                    data = head + chunked(body[:5], body[5:])
                if one.ask(data).body != body:
                    wrong.append((me, i))
    Crowd(work, 8).join()
    assert not wrong
