"""Too little memory, late workers, too many from one address, stuck workers: what is given up, and in which order."""
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
from lib.http import Broken, request
from lib.proxy import Stuck
from lib.util import PATIENCE, SLOW, STUCK, Crowd, dead_port, eventually, pause


def level(front):
    return front.metric("overload_level")


def limit_memory(front, limit, **limits):
    front.config["limits"] = {**front.config["limits"], "memory": int(limit), **limits}
    assert front.reload()


def fill_to(front, share, wanted):
    """A limit of which the memory in use now is such a share; what a reload takes is not known before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if level(front) > wanted:  # a level is left below where it is entered
            relax(front)
        used = eventually(lambda: front.metric("memory_bytes"))
        limit_memory(front, used / share)
        settled = time.monotonic() + 2.5
        while time.monotonic() < settled:
            if level(front) == wanted:
                return
            pause(0.05)
    raise AssertionError(f"level {level(front)} instead of {wanted}\n{front.stderr[-2000:]}")


def relax(front):
    limit_memory(front, 1 << 40)
    eventually(lambda: level(front) == 0)


def levels_logged(front):
    return [int(n) for n in re.findall(r"the memory in use has passed a level level=(\d)", front.stderr)]


def one_silent(one, seconds=0.4):
    try:
        return one.silent(seconds)
    except Broken:
        return False


# --- memory ----------------------------------------------------------------------------------------------


def test_with_enough_memory_nothing_is_given_up(origin, proxy, client):
    front = proxy(origin())
    assert level(front) == 0
    assert 0 < front.metric("memory_bytes") < front.metric("memory_limit_bytes")
    assert client(front).ask(request()).get("Connection") is None
    assert levels_logged(front) == []


def test_at_80_percent_idle_connections_are_closed_and_answers_are_the_last(origin, proxy, client):
    front = proxy(origin())
    for _ in range(8):  # on the way to a level a higher one may be passed, where nobody idles for long
        used, fresh = client(front), client(front)
        assert used.ask(request()).status == 200
        eventually(lambda: front.metric("connections", state="idle") == 2)
        fill_to(front, 0.825, 2)
        assert used.closed()
        if one_silent(fresh):
            break
        relax(front)
        eventually(lambda: front.metric("connections", state="idle") == 0)
    late = fresh.ask(request())  # it had not asked for anything yet
    assert (late.status, late.get("Connection")) == (200, "close")
    assert client(front).ask(request()).get("Connection") == "close"
    relax(front)
    assert client(front).ask(request()).get("Connection") is None
    assert levels_logged(front)[-1] == 0


def test_the_fuller_the_memory_the_less_time_idle_connections_have(origin, proxy, client):
    front = proxy(origin(), timeouts={"client_idle": "10m"})
    one = client(front)
    eventually(lambda: front.metric("connections", state="idle") == 1)
    fill_to(front, 1.2, 5)  # two seconds are left
    began = time.monotonic()
    assert one.closed(PATIENCE)
    assert time.monotonic() - began < 10 * SLOW
    relax(front)
    assert client(front).ask(request()).status == 200


def test_at_85_percent_no_request_is_repeated(origin, proxy, client):
    """The dead backend is refused a connection, which is passed over in better times."""
    dead = f"127.0.0.1:{dead_port()}"
    front = proxy({"web": {"upstreams": [dead, origin()], "health_check": {"unhealthy_threshold": 100}}})
    for _ in range(6):
        assert client(front).ask(request()).status == 200
    fill_to(front, 0.875, 3)
    assert sorted({client(front).ask(request()).status for _ in range(6)}) == [200, 502]
    relax(front)
    for _ in range(6):
        assert client(front).ask(request()).status == 200


def test_at_90_percent_new_requests_are_refused_and_operators_are_not(origin, proxy, client):
    backend = origin()
    front = proxy(backend)
    fill_to(front, 0.925, 4)
    answer = client(front).ask(request("/refused", method="POST", body=b"x" * 1000))
    assert (answer.status, answer.get("Retry-After"), answer.get("Connection")) == (503, "2", "close")
    assert 'details="overloaded"' in answer.get("Proxy-Status")
    assert front.entry("/refused")["reason"] == "overloaded"
    assert front.metric("http_reasons_total", service="web", reason="overloaded") == 1
    assert backend.requests == []
    for _ in range(3):
        assert front.admin("/healthz")[0] == 200
    relax(front)
    assert client(front).ask(request()).status == 200
    logged = levels_logged(front)
    assert all(a != b for a, b in zip(logged, logged[1:])), "each change once"
    assert 4 in logged and logged[-1] == 0
    assert re.search(r"level=4 now=\"new requests are refused\" percent=9\d.* limit_of=configuration", front.stderr)


def test_at_95_percent_new_connections_wait_and_requests_in_progress_end(origin, proxy, client):
    go = threading.Event()

    def held(conn):
        while conn.read_request():
            go.wait(PATIENCE)
            conn.respond(200, body=b"x")
    front = proxy(origin(held))
    busy = client(front)
    busy.send(request())
    eventually(lambda: front.metric("http_requests_in_flight", service="web") == 1)
    fill_to(front, 1.2, 5)
    late = client(front)
    late.send(request("/late"))
    assert one_silent(late)
    assert front.metric("connections_accepted_total") >= 1
    go.set()
    assert busy.answer().status == 200
    relax(front)
    assert late.answer().status == 200


@pytest.mark.tsan
def test_levels_come_and_go_under_load_and_nothing_breaks(origin, proxy, client):
    front = proxy(origin(), server={"workers": 2})
    over = threading.Event()
    seen = set()

    def ask(_):
        while not over.is_set():
            try:
                with_one = client(front, timeout=2 * PATIENCE)
                seen.add(with_one.ask(request()).status)
                with_one.close()
            except (OSError, Broken):
                pass
    crowd = Crowd(ask, 4)
    for share, rung in ((0.925, 4), (0.825, 2)):
        fill_to(front, share, rung)
    relax(front)
    over.set()
    crowd.join()
    assert {200, 503} >= seen >= {200}


# --- connections from one address ------------------------------------------------------------------------


def is_one_too_many(one):
    """It is told so, whatever it asks, and closed."""
    one.send(request())
    answer = one.answer()
    assert answer.status == 429 and "too_many_from_address" in answer.get("Proxy-Status")
    return b"too_many_from_address" in answer.body and one.closed()


def test_so_many_connections_from_one_address_and_no_more(origin, proxy, client):
    front = proxy(origin(), limits={"connections_per_address": 3})
    first = [client(front) for _ in range(3)]
    for one in first:
        assert one.ask(request()).status == 200
    assert is_one_too_many(client(front))
    assert client(front, source="127.0.0.2").ask(request()).status == 200  # another address
    front.counts(1, "connections_refused_total", reason="too_many_from_address")
    front.tells("too many connections from one address")
    first[0].close()
    eventually(lambda: front.metric("connections", state="idle") == 3)
    assert client(front).ask(request()).status == 200


@pytest.mark.tsan
def test_the_limit_by_address_is_exact_across_workers(origin, proxy, client):
    front = proxy(origin(), server={"workers": 4}, limits={"connections_per_address": 7})
    served, lock = [], threading.Lock()

    def come(_):
        one = client(front)
        try:
            if one.ask(request()).status == 200:
                with lock:
                    served.append(one)
        except (OSError, Broken):
            pass
    Crowd(come, 40).join()
    assert len(served) == 7
    front.counts(33, "connections_refused_total", reason="too_many_from_address")
    for one in served:
        one.close()
    eventually(lambda: front.metric("connections", state="idle") == 0)
    served.clear()
    Crowd(come, 40).join()
    assert len(served) == 7


def test_trusted_proxies_and_unix_sockets_may_come_as_often_as_they_like(origin, proxy, client, tmp_path):
    path = str(tmp_path / "front.sock")
    backend = origin()
    front = proxy({"web": [backend], "local": {"upstreams": [backend], "bind_address": f"unix:{path}"}},
                  limits={"connections_per_address": 1}, server={"trusted_proxies": ["127.0.0.2"]})
    for how in ({"where": front.port("web"), "source": "127.0.0.2"}, {"where": path}):
        several = [client(**how) for _ in range(4)]
        for one in several:
            assert one.ask(request()).status == 200
    assert client(front).ask(request()).status == 200
    assert front.admin("/healthz")[0] == 200


def test_the_limit_by_address_changes_by_reload(origin, proxy, client):
    front = proxy(origin(), limits={"connections_per_address": 1})
    one = client(front)
    assert one.ask(request()).status == 200
    assert is_one_too_many(client(front))
    limit_memory(front, 0, connections_per_address=2)
    two = client(front)
    assert two.ask(request()).status == 200
    limit_memory(front, 0, connections_per_address=0)
    assert client(front).ask(request()).status == 200
    limit_memory(front, 0, connections_per_address=1)
    assert is_one_too_many(client(front))
    one.close(), two.close()
    eventually(lambda: front.metric("connections", state="idle") <= 1)
    assert client(front).ask(request()).status == 200


# --- slow clients ----------------------------------------------------------------------------------------


def endless(conn):
    conn.read_request()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
    while True:
        conn.send(b"x" * 65536)


def endless_chunks(conn):
    conn.read_request()
    conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        conn.send(b"100\r\n" + b"x" * 256 + b"\r\n")


@pytest.mark.parametrize("script", [endless, endless_chunks], ids=["spliced", "copied"])
def test_a_reader_that_drips_is_ended_although_it_is_never_silent(origin, proxy, client, script):
    backend = origin(script)
    front = proxy(backend, timeouts={"client_write": "500ms"}, limits={"write_rate": 100_000_000})
    one = client(front, receive_buffer=4096)
    one.send(request("/drip"))
    over = threading.Event()

    def drip(_):
        try:
            while not over.wait(0.02) and one.sock.recv(4096):
                pass
        except OSError:
            pass
    crowd = Crowd(drip, 1)
    try:
        entry = front.entry("/drip")
    finally:
        over.set()
        crowd.join()
    assert entry["reason"] == "client_write_timeout"
    eventually(lambda: backend.open_used == 0)


def test_a_slow_reader_above_the_rate_has_all_of_its_answer(origin, proxy, client):
    """It takes many times the time-out, and room in the socket's buffer comes seldom."""
    body = b"x" * 3_000_000

    def script(conn):
        while conn.read_request():
            conn.respond(200, body=body)
    front = proxy(origin(script), timeouts={"client_write": f"{int(1000 * SLOW)}ms"}, limits={"write_rate": 1000})
    one = client(front, receive_buffer=16384)
    one.send(request())
    head = one.answer_head()
    assert head.status == 200
    got, began = len(one.buffer), time.monotonic()
    one.buffer = b""
    while got < len(body):
        piece = one.sock.recv(40_000)
        assert piece, f"ended after {got} bytes"
        got += len(piece)
        if time.monotonic() - began < 3 * SLOW:
            pause(0.1)
    assert got == len(body)


def test_a_large_upload_that_drips_is_ended_as_a_small_one_is(origin, proxy, client):
    """So large that it goes from socket to socket, without being read."""
    front = proxy(origin(), timeouts={"client_body": "500ms"})
    one = client(front)
    over = threading.Event()
    one.send(request("/drip", "Content-Length: 1000000", method="POST"))

    def drip(_):
        try:
            while not over.wait(0.05):
                one.sock.send(b"x")
        except OSError:
            pass
    crowd = Crowd(drip, 1)
    try:
        answer = one.answer()
    finally:
        over.set()
        crowd.join()
    assert answer.status == 408
    assert front.entry("/drip")["reason"] == "client_body_timeout"


def test_connections_that_were_opened_together_are_not_closed_together(origin, proxy, client):
    age = 2 * SLOW
    front = proxy(origin(), timeouts={"client_age": f"{int(1000 * age)}ms"})
    began = time.monotonic()
    ends = []

    def live(_):
        one = client(front)
        while one.ask(request()).get("Connection") != "close":
            pause(0.01)
        ends.append(time.monotonic() - began)
    Crowd(live, 12).join()
    assert min(ends) > 0.88 * age
    assert max(ends) - min(ends) > 0.04 * age


# --- stuck and late workers ------------------------------------------------------------------------------


@pytest.fixture
def stuck(tmp_path):
    if not STUCK.exists():
        pytest.skip("stuck_proxy is not built")
    started = []

    def start(**how):
        directory = tmp_path / f"stuck{len(started)}"
        directory.mkdir()
        started.append(Stuck(directory, **how))
        return started[-1]
    yield start
    for one in started:
        one.stop()


def stack_in(text):
    return re.search(r'a worker is stuck worker=0 for_ms=(\d+) stack="?([^"\n]*)"?', text)


@pytest.mark.parametrize("how", ["spin", "sleep"])
def test_a_stuck_worker_is_told_once_with_its_stack_and_how_long_it_took(stuck, client, how):
    one = stuck()
    ms = int(600 * SLOW)
    assert client(one.port).ask(request(f"/{how}/{ms}")).status == 200
    eventually(lambda: "goes on" in one.stderr)
    assert len(re.findall("a worker is stuck", one.stderr)) == 1
    told = stack_in(one.stderr)
    assert 100 <= int(told[1]) < ms
    assert "stuck_proxy+0x" in told[2]
    after = int(re.search(r"a worker that was stuck goes on worker=0 after_ms=(\d+)", one.stderr)[1])
    assert 100 <= after <= 2 * ms
    assert one.metric("worker_stalls_total", worker="0") == 1


def test_the_stack_leads_to_the_function_that_does_not_end(stuck, client):
    tool = shutil.which("llvm-symbolizer-19") or shutil.which("addr2line")
    if not tool:
        pytest.skip("nothing here makes names of addresses")
    one = stuck()
    for _ in range(5):  # on a busy machine the worker may be too late to tell where it is
        assert client(one.port).ask(request(f"/spin/{int(600 * SLOW)}")).status == 200
        eventually(lambda: stack_in(one.stderr))
        offsets = re.findall(r"stuck_proxy\+(0x[0-9a-f]+)", one.stderr)
        if offsets:
            break
    option = "--obj" if "symbolizer" in tool else "-Cfe"
    words = [tool, f"{option}={STUCK}"] if option == "--obj" else [tool, option, STUCK]
    names = subprocess.run([*words, *offsets], capture_output=True, text=True, check=True).stdout
    assert "burn_for" in names and "on_request" in names


def test_turns_that_end_in_time_are_not_stalls(stuck, client):
    one = stuck()
    for _ in range(20):
        assert client(one.port).ask(request("/spin/5")).status == 200
    assert one.metric("worker_stalls_total", worker="0") == 0 or SLOW > 1


def test_a_worker_that_is_stuck_for_good_ends_the_process(stuck, client):
    one = stuck(abort_ms=500)
    client(one.port).send(request("/spin/600000"))
    one.expected_status = -signal.SIGABRT
    assert one.wait() == -signal.SIGABRT
    assert "stuck for good" in one.stderr and "stack=" in one.stderr.split("stuck for good")[1]


def test_a_process_that_was_stopped_for_long_is_not_stuck(stuck, client):
    one = stuck(abort_ms=400)
    with client(one.port) as busy:
        busy.send(request("/spin/200"))
        with one.frozen():
            pause(1.5)
        assert busy.answer().status == 200
    assert one.running()


def test_a_late_worker_refuses_requests_of_new_connections_alone(stuck, client):
    """Eight clients keep it busy for 30 ms each: whoever comes waits for a quarter of a second."""
    one = stuck(lag_ms=50)
    old = client(one.port)
    assert old.ask(request()).status == 200
    over = threading.Event()
    old_seen = set()

    def press(_):
        mine = client(one.port, timeout=2 * PATIENCE)
        while not over.is_set():
            answer = mine.ask(request("/spin/30"))
            if answer.get("Connection") == "close":
                mine = client(one.port, timeout=2 * PATIENCE)

    def stay(_):
        while not over.is_set():
            old_seen.add(old.ask(request()).status)
    crowd, stayer = Crowd(press, 8), Crowd(stay, 1)
    try:
        refused = eventually(lambda: (a := client(one.port).ask(request())).status == 503 and a)
        assert refused.get("Retry-After") == "2" and 'details="overloaded"' in refused.get("Proxy-Status")
        eventually(lambda: len(old_seen) > 0)
    finally:
        over.set()
        crowd.join()
        stayer.join()
    assert old_seen == {200}
    eventually(lambda: client(one.port).ask(request()).status == 200)
    one.tells("a worker is late", "a worker is in time again")
