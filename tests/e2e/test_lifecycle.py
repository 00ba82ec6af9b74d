"""Starting, stopping, signals."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter

import psutil
import pytest
from lib.http import Broken, Client, request
from lib.proxy import Process
from lib.util import BINARY, PATIENCE, SLOW, Crowd, dead_port, eventually, free_port, pause


def held(go):
    """A backend that answers only once `go` is set."""
    def script(conn):
        while conn.read_request():
            go.wait(PATIENCE)
            conn.respond(body=b"late")
    return script


def refused(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was in the queue when the listener closed
        return False


# --- the end of a connection -------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [b"", b"\r\n", request("/next")], ids=["nothing", "an empty line", "another request"])
@pytest.mark.parametrize("size", [0, 100, 60_000, 3_000_000])
@pytest.mark.parametrize("first", [
    request("/", "Connection: close"), request("/", "Connection: close", method="POST", body=b"abc"),
    request("/", version="1.0"), request("/", "Connection: close", method="HEAD")], ids=["GET", "POST", "1.0", "HEAD"])
def test_the_last_answer_arrives_whole_whatever_comes_in_behind_its_request(origin, proxy, client, first, size, more):
    """What nobody reads any more must not take the answer with it when the connection is closed."""
    go = threading.Event()

    def script(conn):
        while r := conn.read_request():
            assert go.wait(PATIENCE)
            body = b"" if r.method == "HEAD" else b"x" * size
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
    backend = origin(script)
    one = client(proxy(backend))
    one.send(first)
    eventually(lambda: backend.requests)
    one.send(more)
    go.set()
    answer = one.answer("HEAD" if first.startswith(b"HEAD") else "GET")
    assert answer.status == 200 and len(answer.body) == (0 if first.startswith(b"HEAD") else size)
    assert one.closed()
    assert len(backend.requests) == 1


def test_the_last_answers_of_a_drain_arrive_whole(origin, proxy, client):
    """A client that has sent its next request before it knew."""
    go = threading.Event()
    backend = origin(held(go))
    front = proxy(backend)
    ones = [client(front) for _ in range(20)]
    for one in ones:
        one.send(request("/first"))
    eventually(lambda: len(backend.requests) == len(ones))
    for one in ones:
        one.send(request("/second"))
    front.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in front.stderr)
    go.set()
    for one in ones:
        assert one.answer().body == b"late"
        assert one.closed()
    assert front.wait() == 0


# --- start -----------------------------------------------------------------------------------------------


def test_it_serves_the_moment_it_says_ready(origin, proxy, client):
    backend = origin()
    for _ in range(5):
        assert client(proxy(backend)).ask(request()).status == 200


def test_it_is_ready_quickly_although_backends_are_dead_or_unknown(proxy):
    began = time.monotonic()
    proxy({"a": [f"127.0.0.1:{dead_port()}"], "b": ["nope.invalid:80"], "c": ["192.0.2.1:80"]})
    assert time.monotonic() - began < 2 * SLOW


def test_one_binary_and_one_file_are_all_it_takes(origin, client, tmp_path):
    """Wherever they are, in a folder with nothing else, and without any environment."""
    binary, config, run = tmp_path / "opt/pingora/edge-proxy", tmp_path / "etc/pingora/config.yaml", tmp_path / "run"
    for folder in (binary.parent, config.parent, run):
        folder.mkdir(parents=True)
    shutil.copy(BINARY, binary)
    port, backend = free_port(), origin()
    config.write_text(f"services: [{{name: web, bind_address: '127.0.0.1:{port}', upstreams: ['{backend.address}']}}]\n"
                      "metrics: {enabled: false}\nserver: {workers: 1, pin_workers: false}\nlimits: {loop_lag: 0s}\n")
    front = Process(["env", "-i", binary, "--config", config], run)
    try:
        front.tells(" ready")
        assert client(port).ask(request("/served")).status == 200 and backend.targets == ["/served"]
        assert [path.name for path in binary.parent.iterdir()] == ["edge-proxy"]
    finally:
        front.stop()


@pytest.mark.parametrize("what", ["service", "metrics"])
def test_a_port_in_use_is_a_clear_error(origin, proxy, what):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        sections = {"metrics": {"listen": address}} if what == "metrics" else {}
        bind = {"bind_address": address} if what == "service" else {}
        front = proxy({"web": {"upstreams": [origin()], **bind}}, wait=False, **sections)
        front.expected_status = 1
        assert front.wait() == 1
    assert address in front.stderr and "in use" in front.stderr


def test_the_port_of_a_running_cirque_is_in_use(origin, proxy):
    """SO_REUSEPORT does not let a second one share it unnoticed."""
    first = proxy(origin(), server={"workers": 2})
    second = proxy({"web": {"upstreams": [origin()], "bind_address": first.address("web")}}, wait=False)
    second.expected_status = 1
    assert second.wait() == 1 and "in use" in second.stderr


def test_a_restart_on_the_same_port_is_possible_at_once(origin, proxy, client):
    bind = "127.0.0.1:0"
    backend = origin()
    for _ in range(4):
        front = proxy({"web": {"upstreams": [backend], "bind_address": bind}})
        bind = front.address("web")
        one = client(front)
        assert one.ask(request()).status == 200
        front.check_and_stop()


def test_an_access_log_that_cannot_be_opened_is_a_clear_error(origin, proxy):
    front = proxy(origin(), wait=False, logging={"access": {"path": "/nonexistent/dir/access.log"}})
    front.expected_status = 1
    assert front.wait() == 1
    assert "/nonexistent/dir/access.log" in front.stderr


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_readiness_is_told_to_systemd(origin, proxy, tmp_path, abstract):
    name = f"\0cirque-{os.getpid()}-{time.monotonic_ns()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(name)
        inbox.settimeout(PATIENCE)
        front = proxy(origin(), env={"NOTIFY_SOCKET": name.replace("\0", "@")})
        assert "READY=1" in inbox.recv(4096).decode().split("\n")
        front.check_and_stop()
        assert "STOPPING=1" in inbox.recv(4096).decode().split("\n")


def test_stopping_is_told_to_systemd_when_it_begins(origin, proxy, client, tmp_path):
    go = threading.Event()
    backend = origin(held(go))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.settimeout(PATIENCE)
        front = proxy(backend, env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        inbox.recv(4096)
        one = client(front)
        one.send(request())
        eventually(lambda: backend.requests)
        front.signal(signal.SIGTERM)
        inbox.settimeout(5 * SLOW)
        try:
            assert "STOPPING=1" in inbox.recv(4096).decode()
        finally:
            go.set()
        assert one.answer().status == 200


def listener_pid(port):
    for process in psutil.process_iter(["name", "pid"]):
        try:
            for c in process.connections("tcp"):
                if c.status == psutil.CONN_LISTEN and c.laddr.port == port:
                    return process.pid
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return None


def test_daemon_returns_when_it_serves(origin, proxy, client):
    front = proxy(origin(), "--daemon", wait=False, logging={"output": "file", "path": "app.log"})
    assert front.wait() == 0
    log = (front.directory / "app.log").read_text()
    port = int(re.search(r"service=web address=127.0.0.1:(\d+)", log)[1])
    pid = listener_pid(port)
    try:
        assert pid and pid != front.pid
        assert client(port).ask(request()).status == 200
        process = psutil.Process(pid)
        assert os.getsid(pid) != os.getsid(0), "it has left our session"
        assert process.terminal() is None
    finally:
        if pid:
            process = psutil.Process(pid)
            process.terminate()
            process.wait(PATIENCE)
    assert refused(port)


def test_daemon_that_cannot_start_says_so_with_its_status(origin, proxy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        front = proxy({"web": {"upstreams": [origin()], "bind_address": address}}, "--daemon", wait=False)
        front.expected_status = 1
        assert front.wait() == 1
        assert "in use" in front.stderr


def test_the_number_of_workers_by_flag_environment_and_file(origin, proxy):
    backend = origin()
    assert "ready workers=3 " in proxy(backend, "--workers", "3", server={"workers": 2}).stderr
    assert "ready workers=4 " in proxy(backend, env={"WORKER_THREADS": "4"}, server={"workers": 2}).stderr
    assert "ready workers=2 " in proxy(backend, server={"workers": 2}).stderr


def test_demo_brings_backends_of_its_own(tmp_path):
    """On 3001 and 3002: a test of another worker must not run it at the same time."""
    config = tmp_path / "demo.yaml"
    config.write_text("""
services:
  - name: 'demo'
    bind_address: '127.0.0.1:0'
    upstreams: ['127.0.0.1:3001', '127.0.0.1:3002']
metrics: {listen: '127.0.0.1:0'}
""")
    if not refused(3001) or not refused(3002):
        pytest.skip("ports 3001 and 3002 are taken")
    with open(tmp_path / "out", "wb") as out:
        process = subprocess.Popen([BINARY, "demo", config], stdout=out, stderr=out, cwd=tmp_path,
                                   start_new_session=True)
    try:
        told = eventually(lambda: re.search(r"service=demo address=127.0.0.1:(\d+)", (tmp_path / "out").read_text())
                          or process.poll() is not None)
        port = int(told[1])

        def answers():
            try:
                with Client(port) as one:
                    answer = one.ask(request("/hello"))
                    assert answer.status == 200, "the first answer counts: no health check may come before the backends"
                    return True
            except (ConnectionRefusedError, Broken):
                assert process.poll() is None, (tmp_path / "out").read_text()
                return False
        eventually(answers)
        with Client(port) as one:
            assert len(one.ask(request("/big?bytes=1000000")).body) == 1_000_000
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(PATIENCE) == 0
        eventually(lambda: refused(3001) and refused(3002), what="its backends end with it")
        assert (tmp_path / "out").read_text().count("stopping") == 1
    finally:
        if process.poll() is None:
            process.kill()


# --- stop ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_completes_and_new_connections_are_refused(origin, proxy, client, number):
    go = threading.Event()
    backend = origin(held(go))
    front = proxy(backend)
    port = front.port()
    one = client(front)
    one.send(request("/slow"))
    eventually(lambda: backend.requests)
    front.signal(number)
    eventually(lambda: refused(port))
    assert front.running()
    go.set()
    answer = one.answer()
    assert (answer.status, answer.body) == (200, b"late")
    assert one.closed()
    assert front.wait() == 0
    assert front.entry("/slow")["status"] == 200


def test_readyz_says_draining_while_healthz_stays_ok(origin, proxy, client):
    go = threading.Event()
    backend = origin(held(go))
    front = proxy(backend)
    assert front.admin("/healthz")[0] == front.admin("/readyz")[0] == 200
    one = client(front)
    one.send(request())
    eventually(lambda: backend.requests)
    front.signal(signal.SIGTERM)
    eventually(lambda: front.admin("/readyz")[0] == 503)
    assert "draining" in front.admin("/readyz")[1]
    assert front.admin("/healthz")[0] == 200
    go.set()
    assert one.answer().status == 200
    assert front.wait() == 0


def test_a_long_answer_in_flight_completes_and_then_it_ends_although_the_client_stays(origin, proxy, client):
    """The head was sent without Connection: close before the signal came; the client keeps its
    connection. Nothing is left to wait for."""
    go = threading.Event()

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        go.wait(PATIENCE)
        conn.send(b"world")
        conn.rest()
    front = proxy(origin(script), timeouts={"drain": "20s"})
    one = client(front)
    one.send(request())
    one.answer_head()
    one.take(5)
    front.signal(signal.SIGTERM)
    eventually(lambda: front.admin("/readyz")[0] == 503)
    pause(1.5)  # idle connections have been ended by now; this one was not idle
    go.set()
    assert one.take(5) == b"world"
    began = time.monotonic()
    assert front.wait(30 * SLOW) == 0
    assert time.monotonic() - began < 5 * SLOW


def test_idle_connections_do_not_hold_up_the_stop(origin, proxy, client):
    front = proxy(origin(), timeouts={"drain": "60s"})
    idle = [client(front) for _ in range(20)]
    for one in idle[:10]:
        one.ask(request())
    began = time.monotonic()
    front.signal(signal.SIGTERM)
    assert front.wait() == 0
    assert time.monotonic() - began < 5 * SLOW
    assert all(one.closed() for one in idle)


def test_a_request_that_comes_during_the_drain_is_answered_and_told_to_close(origin, proxy, client):
    go = threading.Event()
    backend = origin(held(go))
    front = proxy(backend)
    busy, idle = client(front), client(front)
    busy.send(request("/busy"))
    eventually(lambda: backend.requests)
    front.signal(signal.SIGTERM)
    eventually(lambda: front.admin("/readyz")[0] == 503)
    idle.send(request("/late"))
    go.set()
    answer = idle.answer()
    assert answer.status == 200 and answer.get("Connection").lower() == "close"
    assert idle.closed() and busy.answer().status == 200
    assert front.wait() == 0


def test_pipelined_requests_during_the_drain_are_not_half_answered(origin, proxy, client):
    go = threading.Event()
    backend = origin(held(go))
    front = proxy(backend)
    one = client(front)
    one.send(request("/1") + request("/2") + request("/3"))
    eventually(lambda: backend.requests)
    front.signal(signal.SIGTERM)
    eventually(lambda: front.admin("/readyz")[0] == 503)
    go.set()
    answers = []
    while not answers or not answers[-1].has("Connection"):
        answers.append(one.answer())
    assert len(answers) in (1, 2)  # the first went out before or after the signal was seen
    assert all(a.status == 200 for a in answers)
    assert one.closed()
    assert len(backend.requests) == len(answers)
    assert front.wait() == 0


def test_the_drain_time_ends_what_does_not_end(origin, proxy, client):
    backend = origin(held(threading.Event()))
    front = proxy(backend, timeouts={"drain": "500ms"})
    one = client(front)
    one.send(request("/stuck"))
    eventually(lambda: backend.requests)
    began = time.monotonic()
    front.signal(signal.SIGTERM)
    front.expected_status = front.wait()
    assert front.expected_status in (0, 2)
    assert 0.4 < time.monotonic() - began < 5 * SLOW
    assert one.closed()
    assert front.entry("/stuck")["reason"] == "shutting_down"
    front.tells("drain time is over")


def test_a_second_signal_forces(origin, proxy, client):
    backend = origin(held(threading.Event()))
    front = proxy(backend, timeouts={"drain": "60s"})
    one = client(front)
    one.send(request("/stuck"))
    eventually(lambda: backend.requests)
    front.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in front.stderr)
    began = time.monotonic()
    front.signal(signal.SIGTERM)
    front.expected_status = 2
    assert front.wait() == 2
    assert time.monotonic() - began < 3 * SLOW
    assert front.entry("/stuck")["reason"] == "shutting_down"


def test_an_idle_proxy_stops_at_once(origin, proxy):
    front = proxy(origin())
    began = time.monotonic()
    front.signal(signal.SIGTERM)
    assert front.wait() == 0
    assert time.monotonic() - began < 1 * SLOW


def test_nothing_is_left_of_a_unix_listener(origin, proxy, client, tmp_path):
    here = str(tmp_path / "front.sock")
    front = proxy({"web": {"upstreams": [origin()], "bind_address": f"unix:{here}"}})
    front.check_and_stop()
    again = proxy({"web": {"upstreams": [origin()], "bind_address": f"unix:{here}"}})
    assert client(here).ask(request()).status == 200
    assert again.running()


@pytest.mark.tsan
@pytest.mark.parametrize("round", range(3))
def test_a_graceful_stop_under_load_fails_no_request(origin, proxy, round):
    """Keep-alive clients go on as fast as they can. Whatever they sent on an open connection is answered;
    a connection only ends after an answer that said so."""
    front = proxy([origin(), origin()], server={"workers": 2})
    port, failed, counted = front.port(), [], Counter()

    def work(me):
        while True:
            try:
                one = Client(port)
            except (ConnectionRefusedError, ConnectionResetError):
                return  # the listener is closed: the end of this client
            with one:
                while True:
                    try:
                        answer = one.ask(request(f"/{me}"))
                    except (Broken, OSError) as error:
                        if counted[me, "here"] == 0:
                            return  # a new connection that was never accepted
                        failed.append((me, repr(error)))
                        return
                    counted["answers"] += 1
                    counted[me, "here"] += 1
                    if answer.status != 200:
                        failed.append((me, answer))
                    if answer.get("Connection", "").lower() == "close":
                        counted["told"] += 1
                        counted[me, "here"] = 0
                        break
    crowd = Crowd(work, 8)
    eventually(lambda: counted["answers"] > 400)
    front.signal(signal.SIGTERM)
    crowd.join()
    assert front.wait() == 0
    assert not failed
    assert counted["told"] >= 4


def test_connections_in_the_backlog_are_served_by_a_stop(origin, proxy):
    """Short connections all the time: those that were established before the listener closed get an answer."""
    front = proxy([origin()], server={"workers": 2})
    port, failed, answered = front.port(), [], [0]
    stopping = threading.Event()

    def work(_):
        while True:
            try:
                one = Client(port)
            except (ConnectionRefusedError, ConnectionResetError):
                return
            early = not stopping.is_set()  # established before the signal was sent
            with one:
                try:
                    assert one.ask(request("/", "Connection: close")).status == 200
                    answered[0] += 1
                except (Broken, OSError) as error:
                    if early:
                        failed.append(repr(error))
                    return
    crowd = Crowd(work, 6)
    eventually(lambda: answered[0] > 300)
    stopping.set()
    front.signal(signal.SIGTERM)
    crowd.join()
    assert front.wait() == 0
    assert not failed


# --- other signals ---------------------------------------------------------------------------------------


def test_usr1_reopens_the_access_log(origin, proxy, client):
    front = proxy(origin())
    one = client(front)
    one.ask(request("/before"))
    front.entry("/before")
    moved = front.access_path.with_suffix(".1")
    front.access_path.rename(moved)
    front.signal(signal.SIGUSR1)
    eventually(front.access_path.exists)
    one.ask(request("/after"))
    front.entry("/after")
    assert "/after" not in moved.read_text() and "/before" in moved.read_text()


def test_usr1_reopens_the_application_log(origin, proxy, tmp_path):
    log = tmp_path / "app.log"
    front = proxy(origin(), wait=False, logging={"output": "file", "path": str(log)})
    eventually(lambda: log.exists() and " ready" in log.read_text())
    log.rename(tmp_path / "app.log.1")
    front.signal(signal.SIGUSR1)
    eventually(log.exists)
    front.signal(signal.SIGTERM)
    assert front.wait() == 0
    assert "stopped" in log.read_text()


def test_usr1_loses_no_line_under_load(origin, proxy):
    front = proxy(origin(), server={"workers": 2})
    over, counted = threading.Event(), Counter()

    def work(me):
        with Client(front.port()) as one:
            while not over.is_set() and counted[me] < 9000:
                one.ask(request("/line"))
                counted[me] += 1
    crowd = Crowd(work, 3)
    parts = []
    for i in range(4):
        target = sum(counted.values()) + 200
        eventually(lambda: sum(counted.values()) > target)
        parts.append(front.access_path.with_suffix(f".{i}"))
        front.access_path.rename(parts[-1])
        front.signal(signal.SIGUSR1)
        eventually(front.access_path.exists)
    over.set()
    crowd.join()
    total = sum(counted.values())
    eventually(lambda: sum(p.read_text().count('"/line"') for p in [*parts, front.access_path]) == total)


def test_hup_does_not_end_it(origin, proxy, client):
    front = proxy(origin())
    one = client(front)
    front.signal(signal.SIGHUP)
    for _ in range(5):
        assert one.ask(request()).status == 200
    assert front.running()


def test_starts_and_stops_leave_no_process_behind(origin, proxy):
    for _ in range(5):
        front = proxy(origin(), server={"workers": 2})
        children = front.ps.children(recursive=True)
        front.check_and_stop()
        assert children == []
    assert re.search("stopped status=0", front.stderr)
