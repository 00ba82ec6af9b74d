"""Origins that refuse, stall, break off and lie: what the client gets, what the log says, what is counted."""

import socket
import threading

import pytest
from rawlib import PATIENCE, Cirque, Origin, eventually, get, ok, serve_well

TIMEOUTS = {"upstream_connect": "500ms", "upstream_header": "700ms", "upstream_idle": "700ms", "upstream_keepalive": "20s"}


@pytest.fixture(scope="module")
def rig():
    origin = Origin()
    proxy = Cirque([origin.port], timeouts=TIMEOUTS)
    yield origin, proxy
    proxy.stop()
    origin.stop()


def fault(rig, script, data, status, reason, target, metric=True):
    """The client's view, the log's and the metrics' of one fault; then all is well again."""
    origin, proxy = rig
    origin.begin(script)
    before = proxy.metric("cirque_upstream_failures_total", reason=reason)
    with proxy.connect() as client:
        answer = client.ask(data)
        assert answer and (answer.status, answer.reason) == (status, reason), answer
    entry = proxy.entry(lambda e: e["path"] == target)
    assert (entry["status"], entry["reason"]) == (status, reason)
    if metric:
        assert proxy.metric("cirque_upstream_failures_total", reason=reason) > before
    origin.begin()
    with proxy.connect() as client:
        assert client.is_open()
    return entry


def read_then(action):
    def script(conn):
        if conn.read_request() is None:
            return False
        return action(conn)

    return script


def closes(conn):
    return False


def resets(conn):
    conn.reset()
    return False


def test_refused(tmp_path):
    """Health is only looked at once a minute: the origin goes away right after."""
    origin = Origin()
    proxy = Cirque([origin.port], health={"unhealthy_threshold": 5})
    origin.stop()
    try:
        with proxy.connect() as client:
            answer = client.ask(get("/refused"))
            assert (answer.status, answer.reason) == (502, "upstream_connect_refused"), answer
        entry = proxy.entry(lambda e: e["path"] == "/refused")
        assert (entry["status"], entry["reason"]) == (502, "upstream_connect_refused")
        assert proxy.metric("cirque_upstream_failures_total", reason="upstream_connect_refused") >= 1
    finally:
        proxy.stop()


def test_refused_by_one_served_by_the_other():
    gone, origin = Origin(), Origin()
    proxy = Cirque([gone.port, origin.port], health={"unhealthy_threshold": 5})
    gone.stop()
    try:
        with proxy.connect() as client:
            for i in range(6):
                assert client.ask(get(f"/both-{i}", "Content-Length: 3", method="POST", body=b"abc")).status == 200
        assert len(origin.requests()) == 6
    finally:
        proxy.stop()
        origin.stop()


def test_down_by_health_check_is_503():
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
    proxy = Cirque([taken.getsockname()[1]])
    try:
        eventually(lambda: proxy.metric("cirque_upstream_healthy") == 0)
        with proxy.connect() as client:
            answer = client.ask(get("/down"))
            assert (answer.status, answer.reason) == (503, "no_healthy_backend")
            assert client.ask(get("/down")).status == 503, "the connection lives on"
    finally:
        proxy.stop()
        taken.close()


def test_a_silent_listener_is_a_connect_timeout():
    """Its backlog is full: SYNs are dropped."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
    proxy = Cirque([full.getsockname()[1]], timeouts=TIMEOUTS, health={"unhealthy_threshold": 5})
    try:
        with proxy.connect() as client:
            answer = client.ask(get("/silent"))
            assert (answer.status, answer.reason) == (504, "upstream_connect_timeout"), answer
        assert proxy.entry(lambda e: e["path"] == "/silent")["reason"] == "upstream_connect_timeout"
        assert proxy.metric("cirque_upstream_failures_total", reason="upstream_connect_timeout") >= 1
    finally:
        proxy.stop()
        for filler in fillers:
            filler.close()
        full.close()


def test_accepts_and_stalls(rig):
    def stalls(conn):
        conn.drain()
        return False

    fault(rig, read_then(stalls), get("/stalls"), 504, "upstream_header_timeout", "/stalls")
    eventually(lambda: any(c.saw_end for c in rig[0].connections), what="the stalled connection is closed")


def test_stalls_within_the_head(rig):
    def stalls(conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        conn.drain()
        return False

    fault(rig, read_then(stalls), get("/half-head"), 504, "upstream_header_timeout", "/half-head")


def test_drips_the_head(rig):
    """The deadline is for the whole head, not for each read."""

    def drips(conn):
        for byte in ok(b"x" * 10, *[f"X-{i}: a" for i in range(40)]):
            conn.send(bytes([byte]))
            if conn.sock.fileno() < 0 or wait_readable(conn.sock, 0.05):
                break
        return False

    fault(rig, read_then(drips), get("/drip-head"), 504, "upstream_header_timeout", "/drip-head")


def wait_readable(sock, time):
    import select

    return bool(select.select([sock], [], [], time)[0])


@pytest.mark.parametrize(
    "how,data,reasons",
    [
        (closes, b"", {"upstream_closed_before_response"}),
        (resets, b"", {"upstream_reset", "upstream_closed_before_response"}),
        (closes, b"HTTP/1.1 200 OK\r\nConte", {"upstream_closed_before_response"}),
    ],
    ids=["closes before the head", "resets before the head", "closes within the head"],
)
def test_breaks_off_before_an_answer(rig, how, data, reasons):
    origin, proxy = rig

    def breaks(conn):
        if data:
            conn.send(data)
        return how(conn)

    origin.begin(read_then(breaks))
    before = sum(proxy.metric("cirque_upstream_failures_total", reason=r) for r in reasons)
    with proxy.connect() as client:
        answer = client.ask(get("/breaks", "Content-Length: 2", method="POST", body=b"hi"))
        assert answer.status == 502 and answer.reason in reasons, answer
        origin.begin()
        assert client.is_open()
    entry = proxy.entry(lambda e: e["request_id"] == answer.get("X-Request-Id"))
    assert entry["reason"] in reasons and entry["attempts"] == 1, "a POST is not sent again"
    assert sum(proxy.metric("cirque_upstream_failures_total", reason=r) for r in reasons) == before + 1


def test_resets_within_the_head(rig):
    origin, proxy = rig
    go_on = threading.Event()

    def breaks(conn):
        conn.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nConte")
        go_on.wait(PATIENCE)
        conn.reset()
        return False

    origin.begin(read_then(breaks))
    with proxy.connect() as client:
        client.send(get("/reset-in-head"))
        assert client.read_response().status == 103
        go_on.set()
        answer = client.read_response()
        assert (answer.status, answer.reason) == (502, "upstream_reset"), answer
    assert proxy.metric("cirque_upstream_failures_total", reason="upstream_reset") >= 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("how", [closes, resets], ids=["closes", "resets"])
def test_breaks_off_within_the_body(rig, how, framing):
    origin, proxy = rig
    go_on = threading.Event()
    head = b"Content-Length: 1000\r\n\r\nhello" if framing == "length" else b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"

    def breaks(conn):
        conn.send(b"HTTP/1.1 200 OK\r\n" + head)
        go_on.wait(PATIENCE)
        return how(conn)

    origin.begin(read_then(breaks))
    target = f"/mid-body-{framing}-{how.__name__}"
    reason = "upstream_truncated_body" if how is closes else "upstream_reset"
    before = proxy.metric("cirque_upstream_failures_total", reason=reason)
    with proxy.connect() as client:
        client.send(get(target))
        eventually(lambda: client.more() and b"hello" in client.buffer)
        go_on.set()
        answer = client.read_response()
        assert answer.status == 200 and not answer.complete and client.saw_end
    entry = proxy.entry(lambda e: e["path"] == target)
    assert (entry["status"], entry["reason"], entry["bytes_out"]) == (200, reason, 5)
    assert proxy.metric("cirque_upstream_failures_total", reason=reason) == before + 1


def test_stalls_within_the_body(rig):
    origin, proxy = rig

    def stalls(conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
        conn.drain()
        return False

    origin.begin(read_then(stalls))
    before = proxy.metric("cirque_upstream_failures_total", reason="upstream_idle_timeout")
    with proxy.connect() as client:
        answer = client.ask(get("/stall-body"))
        assert answer.status == 200 and not answer.complete and answer.body == b"hello"
    assert proxy.entry(lambda e: e["path"] == "/stall-body")["reason"] == "upstream_idle_timeout"
    assert proxy.metric("cirque_upstream_failures_total", reason="upstream_idle_timeout") == before + 1


def test_a_slow_drip_of_the_body_arrives_whole_and_at_once(rig):
    """Each byte reaches the client before the origin sends the next one."""
    origin, proxy = rig
    seen = threading.Semaphore(0)

    def drips(conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        for byte in b"hello":
            conn.send(bytes([byte]))
            if not seen.acquire(timeout=PATIENCE):
                return False
        return True

    origin.begin(read_then(drips))
    with proxy.connect() as client:
        client.send(get("/drip"))
        for count in range(1, 6):
            eventually(lambda: client.buffer.partition(b"\r\n\r\n")[2] == b"hello"[:count] or (client.more() and False))
            seen.release()
        assert client.read_response().body == b"hello"


@pytest.mark.parametrize("framing,sent", [(10, 5), (5, 10)])
def test_a_wrong_length(rig, framing, sent):
    origin, proxy = rig

    def lies(conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % framing + b"x" * sent)
        return False

    origin.begin(read_then(lies))
    with proxy.connect() as client:
        answer = client.ask(get("/lies"))
        if sent < framing:
            assert not answer.complete if answer.status == 200 else answer.reason == "upstream_truncated_body"
        else:
            assert answer.complete and answer.body == b"x" * framing
            origin.begin()
            assert client.is_open()


def test_garbage(rig):
    def garbage(conn):
        conn.send(bytes(range(256)))
        return False

    fault(rig, read_then(garbage), get("/garbage"), 502, "upstream_bad_status_line", "/garbage")


# --- pooled connections that die --------------------------------------------------------------------------


def prime(rig):
    """An idle pooled connection, and the origin's end of it."""
    origin, proxy = rig
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/prime")).status == 200
    return next(c for c in reversed(origin.connections) if not c.saw_end)


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_an_idle_connection_that_ends_is_never_used(rig, how):
    origin, proxy = rig
    expired = proxy.metric("cirque_upstream_idle_expired_total")
    conn = prime(rig)
    conn.sock.shutdown(socket.SHUT_WR) if how == "fin" else conn.reset()
    eventually(lambda: proxy.metric("cirque_upstream_idle_expired_total") > expired)
    origin.begin()
    with proxy.connect() as client:
        assert client.ask(get("/next", "Content-Length: 3", method="POST", body=b"abc")).status == 200
    origin.saw_exactly(("POST", "/next", b"abc"))


DEAD = [
    ("GET", get("/dead"), 200),
    ("HEAD", get("/dead", method="HEAD"), 200),
    ("DELETE", get("/dead", method="DELETE"), 200),
    ("PUT", get("/dead", "Content-Length: 3", method="PUT", body=b"abc"), 200),
    ("empty POST", get("/dead", "Content-Length: 0", method="POST"), 502),
    ("POST", get("/dead", "Content-Length: 3", method="POST", body=b"abc"), 502),
    ("PATCH", get("/dead", "Content-Length: 3", method="PATCH", body=b"abc"), 502),
    ("large POST", get("/dead", "Content-Length: 65537", method="POST", body=b"x" * 65537), 502),
]


@pytest.mark.parametrize("how", [closes, resets], ids=["closes", "resets"])
@pytest.mark.parametrize("data,status", [d[1:] for d in DEAD], ids=[d[0] for d in DEAD])
def test_a_pooled_connection_that_dies_at_the_next_request(rig, data, status, how):
    """Idempotent: once more on a fresh one. Anything else may have been executed: 502, and seen once."""
    origin, proxy = rig
    executed = []

    def dies_once(conn):
        request = conn.read_request()
        if request is None:
            return False
        executed.append(request.method)
        if len(executed) == 1:
            return how(conn)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True

    prime(rig)
    origin.begin(dies_once)
    with proxy.connect() as client:
        answer = client.ask(data)
        assert answer.status == status, answer
    assert len(executed) == (2 if status == 200 else 1)
    entry = proxy.entry(lambda e: e["request_id"] == answer.get("X-Request-Id")) if status != 200 else None
    assert not entry or entry["reason"] in ("upstream_closed_before_response", "upstream_reset")


# --- uploads ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_answers_before_the_body_and_closes(rig, framing):
    origin, proxy = rig
    field = "Content-Length: 100000" if framing == "length" else "Transfer-Encoding: chunked"

    def early(conn):
        if conn.read_head() is None:
            return False
        conn.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbig!")
        conn.end_writing()
        conn.drain(5)
        return False

    origin.begin(early)
    with proxy.connect() as client:
        client.send(get("/early", field, method="POST"))
        answer = client.read_response()
        assert (answer.status, answer.body, answer.complete) == (413, b"big!", True), answer
    origin.begin()
    with proxy.connect() as client:
        assert client.is_open()
    assert proxy.entry(lambda e: e["path"] == "/early" and e["status"] == 413)


def test_what_is_left_of_an_upload_after_an_early_answer_is_never_a_request(rig):
    origin, proxy = rig

    def early(conn):
        if conn.read_head() is None:
            return False
        conn.send(ok(b"early"))
        conn.drain()
        return False

    smuggled = get("/smuggled")
    origin.begin(early)
    with proxy.connect() as client:
        client.send(get("/up", f"Content-Length: {len(smuggled) + 10}", method="POST", body=b"0123456789"))
        assert client.read_response().body == b"early"
        origin.script = serve_well
        client.send(smuggled + get("/third"))
        answer = client.read_response()
        assert answer is None or answer.body == b"target=/third", answer
    assert not any(r.target == "/smuggled" for r in origin.requests())


def test_stops_reading_the_upload(rig):
    """Back-pressure, then the deadline: the client is told, memory is not filled."""
    origin, proxy = rig

    def deaf(conn):
        conn.read_head()
        threading.Event().wait(0)
        while not conn.origin.stopping and not wait_hangup(conn.sock):
            pass
        return False

    origin.begin(deaf)
    with proxy.connect() as client:
        client.sock.settimeout(PATIENCE)
        client.send(get("/deaf", "Content-Length: 1000000000", method="POST"))
        sender = threading.Thread(target=lambda: client.send(b"x" * 100_000_000), daemon=True)
        sender.start()
        answer = client.read_response()
        assert answer is None or (answer.status == 504 and answer.reason in ("upstream_write_timeout", "upstream_header_timeout")), answer
    sender.join(PATIENCE)
    entry = proxy.entry(lambda e: e["path"] == "/deaf")
    assert entry["status"] == 504 and entry["reason"] in ("upstream_write_timeout", "upstream_header_timeout"), entry
    assert entry["bytes_in"] < 100_000_000


def wait_hangup(sock):
    import select

    poll = select.poll()
    poll.register(sock, select.POLLHUP | select.POLLERR | select.POLLRDHUP)
    return bool(poll.poll(50))


@pytest.mark.parametrize("how", [closes, resets], ids=["closes", "resets"])
def test_dies_in_the_middle_of_an_upload(rig, how):
    origin, proxy = rig

    def dies(conn):
        if conn.read_head() is None:
            return False
        conn.read_bytes(1000)
        return how(conn)

    origin.begin(dies)
    with proxy.connect() as client:
        client.send(get("/mid-upload", "Content-Length: 1000000", method="POST"))
        client.send(b"x" * 500_000)
        answer = client.read_response()
        assert answer.status == 502 and answer.reason in ("upstream_closed_before_response", "upstream_reset"), answer
    assert len([s for s in origin.streams() if s.startswith(b"POST")]) == 1


def test_a_client_that_leaves_cancels_what_it_asked_for(rig):
    origin, proxy = rig
    ended = threading.Event()

    def waits(conn):
        conn.drain()
        ended.set()
        return False

    origin.begin(read_then(waits))
    with proxy.connect() as client:
        client.send(get("/leaves"))
        eventually(origin.requests)
        client.reset()
    assert ended.wait(PATIENCE)
    entry = proxy.entry(lambda e: e["path"] == "/leaves")
    assert (entry["status"], entry["reason"]) == (499, "client_gone")
