"""Many connections, few descriptors, much at once."""
import asyncio
import os
import re
import resource
import shutil
import subprocess
import threading
import time
from collections import Counter

import httpx
import pytest
from aiohttp import web
from lib.http import Broken, Client, chunked, request
from lib.util import PATIENCE, SLOW, Crowd, eventually, pause

KIB = 1024


def descriptors(count):
    """For preexec: at most so many in the child."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@pytest.fixture
def many_descriptors():
    """Our own limit at its hard limit; says how many that are."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def private_memory(proxy):
    """Bytes of user-space memory: anonymous and resident."""
    with open(f"/proc/{proxy.pid}/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+) kB", status.read())[1]) * KIB


# --- idle connections ------------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("used", [False, True], ids=["that said nothing", "after a request"])
def test_ten_thousand_idle_connections_cost_little(origin, proxy, many_descriptors, used):
    count = min(10_000, many_descriptors - 2000)
    if count < 4000:
        pytest.skip(f"only {many_descriptors} descriptors")
    front = proxy(origin(), limits={"connections": 15_000},
                  timeouts={"client_idle": "10m", "client_header": "10m"})
    held = []

    def open_one():
        one = Client(front.port())
        if used:
            assert one.ask(request()).status == 200
        held.append(one)
    try:
        for _ in range(200):  # what is paid once is paid now
            open_one()
        pause(0.2)
        before, at = private_memory(front), len(held)
        while len(held) < count:
            open_one()
        eventually(lambda: front.metric("connections") >= count)
        cost = (private_memory(front) - before) / (count - at)
        print(f"{count} connections, {cost:.0f} B each")
        cpu = front.cpu
        pause(0.5)
        assert front.cpu - cpu < 0.2 * SLOW  # idle means idle
        assert held[-1].ask(request()).status == held[0].ask(request()).status == 200
        eventually(lambda: front.metric("connections", state="idle") >= count)
        if SLOW == 1:
            assert cost < 2 * KIB
    finally:
        for one in held:
            one.close()
    eventually(lambda: front.metric("connections") <= 1)


@pytest.mark.skipif(SLOW > 1, reason="sanitizers keep freed memory")
@pytest.mark.heavy
def test_memory_comes_back_after_a_rush(origin, proxy):
    """Rush upon rush of busy connections: what one has left behind serves the next."""
    front = proxy(origin(), server={"workers": 2})

    def rush(_):
        for _ in range(5):
            with Client(front.port()) as one:
                for _ in range(10):
                    one.ask(request("/", "Cookie: " + "c" * 4000, method="POST", body=b"b" * 20_000))
    Crowd(rush, 20).join()
    first = private_memory(front)
    for _ in range(3):
        Crowd(rush, 20).join()
    assert private_memory(front) - first < 4 * KIB * KIB


# --- descriptors -----------------------------------------------------------------------------------------


def many_at_once(front, count):
    """That many clients, each with a request sent, none read."""
    ones = []
    for _ in range(count):
        one = Client(front.port())
        one.send(request("/many"))
        ones.append(one)
    return ones


@pytest.mark.skipif(SLOW > 1, reason="UBSan's check of a vptr opens a pipe: without descriptors it cries wolf")
def test_out_of_descriptors_it_keeps_serving_and_does_not_spin(origin, proxy):
    """Told to take more clients than it has descriptors for: accept fails with EMFILE."""
    front = proxy(origin(), limits={"connections": 10_000}, preexec=descriptors(60))
    first = Client(front.port())
    assert first.ask(request("/first")).status == 200
    ones = many_at_once(front, 150)
    try:
        # Wait for real exhaustion, looking at it from outside: its own listener would need a descriptor.
        eventually(lambda: "cannot accept" in front.stderr)
        assert first.ask(request("/still")).status == 200  # over a pooled connection
        cpu, began = front.cpu, time.monotonic()
        pause(1.5)
        share = (front.cpu - cpu) / (time.monotonic() - began)
        assert share < 0.25, f"spins: {share:.0%} of a CPU"
        assert front.stderr.count("cannot accept") < 200  # nor does the log
        for one in ones:  # each in its turn: as these are closed, those in the backlog come in
            assert one.answer().status in (200, 502, 503)
            one.close()
    finally:
        for one in ones:
            one.close()
    with Client(front.port()) as one:
        eventually(lambda: one.ask(request("/recovered")).status == 200)
    first.close()
    eventually(lambda: front.metric("connections_refused_total", reason="too_many_connections") > 0)


def test_every_client_is_served_although_there_are_more_than_descriptors(origin, proxy):
    """With the budget that it gives itself, clients beyond it wait in the backlog instead."""
    backend = origin()
    front = proxy(backend, preexec=descriptors(100))
    said = int(re.search(r"client_connections_max=(\d+)", front.stderr)[1])
    assert said <= 50
    statuses = []

    def work(_):
        for _ in range(4):
            with Client(front.port()) as one:
                statuses.append(one.ask(request("/", "Connection: close")).status)
    Crowd(work, 100).join()
    assert statuses == [200] * 400
    assert "cannot accept" not in front.stderr


def test_the_descriptor_limit_is_raised_and_told(origin, proxy, many_descriptors):
    front = proxy(origin(), preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 5000)))
    assert "descriptors=5000 " in front.stderr
    assert front.ps.rlimit(resource.RLIMIT_NOFILE) == (5000, 5000)


def test_no_descriptor_leaks(origin, proxy, client):
    """Whatever way an exchange ends, its descriptors are closed."""
    def script(conn):
        r = conn.read_request()
        if "die" in r.target:
            return
        if "cut" in r.target:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            return
        if "up" in r.target:
            conn.send(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            conn.rest()
            return
        if "big" in r.target:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
            return
        conn.respond(200, "Connection: close")
    front = proxy(origin(script), server={"workers": 2},
                  timeouts={"client_header": "200ms", "half_close": "100ms"})

    def one_of_each(_):
        for target in ("/fine", "/die", "/cut", "/big"):
            with Client(front.port()) as one:
                try:
                    one.ask(request(target))
                except Broken:
                    pass
        with Client(front.port()) as one:
            one.send(request("/big"))
            one.take(1000)
            one.reset()
        with Client(front.port()) as one:
            one.send(request("/up", "Connection: upgrade", "Upgrade: x"))
            one.answer()
        with Client(front.port()) as one:
            one.send(b"GET / HT")
        with Client(front.port()) as one:
            one.send(b"nonsense\r\n\r\n")
            one.answer()
    one_of_each(0)

    def kinds():
        eventually(lambda: front.in_flight() == 0 and front.metric("connections") <= 1)
        found = Counter()
        for name in os.listdir(f"/proc/{front.pid}/fd"):
            try:
                found[os.readlink(f"/proc/{front.pid}/fd/{name}").split(":")[0]] += 1
            except FileNotFoundError:
                pass  # closed while we looked
        return found
    # 2 workers and the listener of the metrics. Pooled connections are looked at every second; a health
    # check has a socket for a moment; up to 16 pipes a worker are kept for large bodies.
    before = eventually(lambda: (k := kinds())["socket"] == 3 and k - Counter(pipe=1000))
    for _ in range(5):
        Crowd(one_of_each, 4).join()
    eventually(lambda: kinds() - Counter(pipe=1000) == before)
    assert kinds()["pipe"] <= 2 * 2 * 16


# --- much at once ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
@pytest.mark.parametrize("headers", [[], ["Connection: close"]], ids=["keep-alive", "connection per request"])
def test_wrk_meets_no_error(origin, proxy, headers):
    front = proxy([origin(), origin()], server={"workers": 2}, limits={"requests_per_connection": 1_000_000})
    flags = [f for h in headers for f in ("-H", h)]
    done = subprocess.run(["wrk", "-t1", "-c40", "-d2s", *flags, f"http://127.0.0.1:{front.port()}/x"],
                          capture_output=True, text=True, timeout=60, check=True)
    assert "Non-2xx" not in done.stdout
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done.stdout)
    assert not errors or set(errors.groups()) == {"0"}, done.stdout
    total = int(re.search(r"(\d+) requests in", done.stdout)[1])
    assert total > 100 / SLOW
    eventually(lambda: front.in_flight() == 0)
    eventually(lambda: front.metric("http_requests_total", service="web", code="2xx") >= total)
    front.counts(0, "http_requests_total", service="web", code="5xx")


class AiohttpOrigin:
    """A backend that shares nothing with ours."""

    def __init__(self):
        self.started = threading.Event()
        self.thread = threading.Thread(target=asyncio.run, args=(self.run(),), daemon=True)
        self.thread.start()
        assert self.started.wait(PATIENCE)

    async def echo(self, incoming):
        return web.Response(body=await incoming.read())

    async def stream(self, incoming):
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(incoming)
        for i in range(50):
            await answer.write(b"%03d" % i * 1000)
        await answer.write_eof()
        return answer

    async def run(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/echo", self.echo)
        app.router.add_get("/stream", self.stream)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        self.started.set()
        await self.over.wait()
        await runner.cleanup()

    def stop(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(PATIENCE)


def test_httpx_and_aiohttp_talk_through_it_in_parallel(proxy):
    backend = AiohttpOrigin()
    try:
        front = proxy(backend.address, server={"workers": 2})
        url = f"http://127.0.0.1:{front.port()}"

        async def one(session, number):
            body = bytes([number % 256]) * (number * 997)
            assert (await session.post(url + "/echo", content=body)).content == body

            async def pieces():
                for _ in range(5):
                    yield body
            assert (await session.post(url + "/echo", content=pieces())).content == body * 5
            streamed = await session.get(url + "/stream")
            assert streamed.content == b"".join(b"%03d" % i * 1000 for i in range(50))

        async def main():
            async with httpx.AsyncClient(timeout=PATIENCE * 3) as session:
                await asyncio.gather(*(one(session, n) for n in range(60)))
        asyncio.run(main())
        front.counts(180, "http_requests_total", service="web", code="2xx")
    finally:
        backend.stop()


@pytest.mark.tsan
def test_everything_at_once_on_two_workers(origin, proxy):
    """Plain and pipelined requests, bodies both ways, errors, clients that leave, tunnels: all together."""
    def script(conn):
        while r := conn.read_request():
            if r.has("Upgrade"):
                conn.send(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
                while conn.buffer or conn.fill():
                    data, conn.buffer = conn.buffer, b""
                    conn.send(data)
                return
            if "last" in r.target:
                conn.respond(200, "Connection: close")
                return
            if "chunked" in r.target:
                conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(r.body, b"tail"))
                continue
            conn.respond(body=r.body)
    front = proxy([origin(script), origin(script), origin(script)], server={"workers": 2})
    port = front.port()

    def work(me):
        for i in range(8):
            with Client(port) as one:
                body = bytes([65 + me]) * (i * 5000 + 1)
                assert one.ask(request("/echo", method="PUT", body=body)).body == body
                assert one.ask(request("/chunked", method="POST", body=body)).body == body + b"tail"
                one.send(request("/a") + request("/last") + request("/b"))
                assert [one.answer().status for _ in range(3)] == [200] * 3
            with Client(port) as one:
                one.send(request("/up", "Connection: upgrade", "Upgrade: x") + b"together")
                assert one.answer().status == 101 and one.take(8) == b"together"
            with Client(port) as one:
                one.send(request("/gone", method="POST", body=body)[:-1])
                one.reset()
            with Client(port) as one:
                one.send(b"GET / HTTP/9.9\r\n\r\n")
                assert one.answer().status in (400, 505)
    Crowd(work, 6).join()
    with Client(port) as one:
        assert one.ask(request()).status == 200
