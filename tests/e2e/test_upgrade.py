"""Upgrade: WebSocket and anything else, tunnelled after a 101 and never before."""
import asyncio
import threading
import time

import pytest
import websockets
from lib.http import request
from lib.util import PATIENCE, SLOW, Crowd, eventually
from lib.websocket import WebSocketServer

UPGRADE = ["Connection: Upgrade", "Upgrade: echo/1"]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n"


def echo(conn):
    """Switches and echoes; a request without Upgrade gets a plain answer."""
    while r := conn.read_request():
        if not r.has("Upgrade"):
            conn.respond(body=b"plain")
            continue
        conn.send(SWITCH)
        while conn.buffer or conn.fill():
            data, conn.buffer = conn.buffer, b""
            conn.send(data)
        return


@pytest.fixture
def websocket_front(proxy):
    async def handler(connection):
        async for message in connection:
            if message == "leave":
                await connection.close(4001, "bye now")
            await connection.send(message)
    server = WebSocketServer(handler)
    yield proxy(server.address, server={"workers": 2})
    server.stop()


def talk(front, conversation):
    async def main():
        url = f"ws://127.0.0.1:{front.port()}/chat"
        async with websockets.connect(url, max_size=None, ping_interval=None, open_timeout=PATIENCE) as socket_:
            return await asyncio.wait_for(conversation(socket_), PATIENCE)
    return asyncio.run(main())


def test_websocket_text_binary_and_ping(websocket_front):
    async def conversation(ws):
        for text in ("hello", "ünïcödé", ""):
            await ws.send(text)
            assert await ws.recv() == text
        for size in (1, 1000, 65_536, 1_048_576):
            data = bytes(i % 256 for i in range(256)) * (size // 256) + b"." * (size % 256)
            await ws.send(data)
            assert await ws.recv() == data
        await (await ws.ping(b"are you there"))
    talk(websocket_front, conversation)
    entry = websocket_front.entry("/chat")
    assert entry["status"] == 101 and "reason" not in entry


def test_websocket_close_code_reaches_the_client(websocket_front):
    async def conversation(ws):
        await ws.send("leave")
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
        return ws.close_code, ws.close_reason
    assert talk(websocket_front, conversation) == (4001, "bye now")


def test_websocket_close_code_reaches_the_server(proxy):
    seen = []

    async def handler(connection):
        try:
            await connection.recv()
        except websockets.ConnectionClosed:
            seen.append((connection.close_code, connection.close_reason))
    server = WebSocketServer(handler)
    try:
        front = proxy(server.address)

        async def conversation(ws):
            await ws.close(4002, "done")
        talk(front, conversation)
        eventually(lambda: seen)
        assert seen == [(4002, "done")]
    finally:
        server.stop()


@pytest.mark.tsan
def test_many_websockets_at_once(websocket_front):
    def work(me):
        async def conversation(ws):
            for i in range(20):
                message = f"{me}/{i} " + "x" * (i * 500)
                await ws.send(message)
                assert await ws.recv() == message
        talk(websocket_front, conversation)
    Crowd(work, 8).join()


@pytest.fixture
def tunnel(origin, proxy, client):
    backend = origin(echo)
    front = proxy(backend)
    return front, backend, client(front)


def test_any_protocol_is_tunnelled_and_its_fields_are_passed(tunnel):
    front, backend, one = tunnel
    one.send(request("/t", *UPGRADE))
    answer = one.answer()
    assert answer.status == 101
    assert answer.get("Upgrade") == "echo/1" and answer.get("Connection").lower() == "upgrade"
    assert backend.requests[0].get("Upgrade") == "echo/1"
    assert "upgrade" in backend.requests[0].get("Connection").lower()
    for word in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)), b"\0" * 100_000):
        threading.Thread(target=one.send, args=(word,)).start()
        assert one.take(len(word)) == word
    one.close()
    eventually(lambda: backend.open_used == 0)
    assert front.entry("/t")["status"] == 101


def test_bytes_sent_together_with_the_101_arrive(origin, proxy, client):
    def eager(conn):
        conn.read_request()
        conn.send(SWITCH + b"first words")
        conn.rest()
    one = client(proxy(origin(eager)))
    one.send(request("/", *UPGRADE))
    assert one.answer().status == 101
    assert one.take(11) == b"first words"


def test_bytes_sent_together_with_the_request_arrive_after_the_101(tunnel):
    _, backend, one = tunnel
    one.send(request("/", *UPGRADE) + b"early bird")
    assert one.answer().status == 101
    assert one.take(10) == b"early bird"
    assert len(backend.requests) == 1


def test_bytes_after_the_request_are_held_back_until_the_101(origin, proxy, client):
    """A server that refuses the upgrade must not see them as anything."""
    go = threading.Event()

    def script(conn):
        conn.read_request()
        assert not conn.buffer
        conn.sock.settimeout(0.3)
        try:
            extra = conn.sock.recv(100)
        except TimeoutError:
            extra = b""
        go.set()
        conn.send(SWITCH + (b"early:" + extra if extra else b"none"))
        conn.rest()
    one = client(proxy(origin(script)))
    one.send(request("/", *UPGRADE) + b"too early")
    assert one.answer().status == 101
    assert one.take(4) == b"none"


def test_an_answer_other_than_101_keeps_http_going(origin, proxy, client):
    def refusing(conn):
        while r := conn.read_request():
            conn.respond(426 if r.has("Upgrade") else 200, body=r.target.encode())
    backend = origin(refusing)
    one = client(proxy(backend))
    one.send(request("/up", *UPGRADE) + request("/next"))
    first, second = one.answer(), one.answer()
    assert (first.status, first.body) == (426, b"/up")
    assert (second.status, second.body) == (200, b"/next")
    assert backend.targets == ["/up", "/next"]


def test_a_plain_request_after_a_refused_upgrade_reuses_the_backend_connection(origin, proxy, client):
    def refusing(conn):
        while conn.read_request():
            conn.respond(200)
    backend = origin(refusing)
    one = client(proxy(backend))
    for _ in range(4):
        assert one.ask(request("/", *UPGRADE)).status == 200
    assert backend.connections_used == 1


def test_a_tunnel_is_never_pooled(tunnel, client):
    front, backend, one = tunnel
    one.send(request("/", *UPGRADE))
    assert one.answer().status == 101
    assert client(front).ask(request()).body == b"plain"
    assert backend.connections_used == 2
    one.close()
    eventually(lambda: backend.open_used == 1)
    assert client(front).ask(request()).body == b"plain"


def test_the_client_may_end_its_half_and_still_hear_the_rest(origin, proxy, client):
    def script(conn):
        conn.read_request()
        conn.send(SWITCH)
        said = conn.rest()
        conn.send(b"you said " + said)
    one = client(proxy(origin(script)))
    one.send(request("/", *UPGRADE))
    one.answer()
    one.send(b"goodbye")
    one.end_writing()
    assert one.rest() == b"you said goodbye"


def test_the_backend_may_end_its_half_and_still_hear_the_rest(origin, proxy, client):
    heard = []

    def script(conn):
        conn.read_request()
        conn.send(SWITCH + b"over to you")
        conn.end_writing()
        heard.append(conn.rest())
    one = client(proxy(origin(script)))
    one.send(request("/", *UPGRADE))
    one.answer()
    assert one.rest() == b"over to you"
    one.send(b"thank you")
    one.end_writing()
    eventually(lambda: heard)
    assert heard == [b"thank you"]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_ends_the_tunnel(tunnel, how):
    front, backend, one = tunnel
    one.send(request("/gone", *UPGRADE) + b"x")
    assert one.answer().status == 101
    one.take(1)
    getattr(one, how)()
    eventually(lambda: backend.open_used == 0)
    front.entry("/gone")


def test_a_backend_that_leaves_ends_the_tunnel(tunnel):
    front, backend, one = tunnel
    one.send(request("/gone", *UPGRADE) + b"x")
    assert one.answer().status == 101
    one.take(1)
    backend.stop()
    assert one.closed()


def test_an_idle_tunnel_ends_a_busy_one_stays(origin, proxy, client):
    front = proxy(origin(echo), timeouts={"tunnel_idle": f"{int(700 * SLOW)}ms"})
    one = client(front)
    one.send(request("/idle", *UPGRADE))
    assert one.answer().status == 101
    began = time.monotonic()
    while time.monotonic() - began < 2 * SLOW:
        one.send(b"x")
        assert one.take(1) == b"x"
        threading.Event().wait(0.05)
    quiet = time.monotonic()
    assert one.closed(PATIENCE)
    assert 0.5 * SLOW < time.monotonic() - quiet < 5 * SLOW
    entry = front.entry("/idle")
    assert (entry["status"], entry["reason"]) == (101, "tunnel_idle_timeout")


def test_talk_in_one_direction_keeps_the_tunnel(origin, proxy, client):
    def talker(conn):
        conn.read_request()
        conn.send(SWITCH)
        for _ in range(15):
            conn.send(b"tick")
            threading.Event().wait(0.1)
    front = proxy(origin(talker), timeouts={"tunnel_idle": f"{int(600 * SLOW)}ms"})
    one = client(front)
    one.send(request("/", *UPGRADE))
    one.answer()
    assert one.take(60) == b"tick" * 15


@pytest.mark.parametrize("fields", [
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
    ["Connection: Upgrade", "Upgrade: h2c, websocket"],
    ["Upgrade: websocket"],
], ids=["h2c", "h2c in a list", "not in Connection"])
def test_what_is_not_an_upgrade_for_us_is_not_forwarded(origin, proxy, client, fields):
    backend = origin()
    assert client(proxy(backend)).ask(request("/", *fields)).status == 200
    seen = backend.requests[0]
    assert not seen.has("Upgrade") and not seen.has("HTTP2-Settings")
    assert "upgrade" not in seen.get("Connection", "").lower()


def test_a_101_to_a_request_that_asked_for_nothing_is_502(origin, proxy, client):
    def script(conn):
        conn.read_request()
        conn.send(SWITCH + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        conn.rest()
    backend = origin(script)
    one = client(proxy(backend))
    answer = one.ask(request())
    assert answer.status == 502 and "upstream_unexpected_upgrade" in answer.get("Proxy-Status")


def test_an_upgrade_of_an_http10_client_is_ignored(tunnel):
    _, backend, one = tunnel
    assert one.ask(request("/", *UPGRADE, version="1.0")).body == b"plain"


def test_a_backlog_of_tunnel_bytes_does_not_grow_memory(origin, proxy, client):
    """The client does not read: the tunnel holds the backend back."""
    sent = [0]

    def flood(conn):
        conn.read_request()
        conn.send(SWITCH)
        conn.sock.settimeout(300)
        for _ in range(128):
            conn.sock.sendall(b"f" * 1_048_576)
            sent[0] += 1
    front = proxy(origin(flood))
    one = client(front, receive_buffer=65536)
    one.send(request("/", *UPGRADE))
    one.answer()
    before = front.rss
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.4:
        if sent[0] != last:
            last, since = sent[0], time.monotonic()
        threading.Event().wait(0.01)
    assert last < 96  # what the kernel's buffers hold
    got = len(one.buffer)
    one.buffer = b""
    one.sock.settimeout(PATIENCE)
    while got < 128 * 1_048_576:
        data = one.sock.recv(1 << 20)
        assert data
        got += len(data)
    assert front.rss - before < 24 * 1_048_576 * max(1, SLOW)


def test_graceful_stop_lets_a_tunnel_finish(tunnel):
    import signal
    front, backend, one = tunnel
    one.send(request("/t", *UPGRADE) + b"a")
    assert one.answer().status == 101
    one.take(1)
    front.signal(signal.SIGTERM)
    eventually(lambda: front.admin("/readyz")[0] == 503)
    one.send(b"still")
    assert one.take(5) == b"still"
    one.end_writing()
    assert one.closed()
    assert front.wait() == 0
