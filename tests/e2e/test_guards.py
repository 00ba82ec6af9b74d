"""What stands before a pool: health by HTTP, circuit breakers, pools that stand in, limits."""
import socket
import threading
import time

import pytest
from lib.http import Client, request
from lib.util import PATIENCE, eventually


class Cell:
    """An origin that does as it is told: healthy or not, with a status of its own, or waiting for `go`."""

    def __init__(self, origin, name):
        self.name, self.healthy, self.status, self.statuses = name, 200, 200, []
        self.go = threading.Event()
        self.go.set()
        self.origin = origin(self.script)

    def script(self, conn):
        while r := conn.read_request():
            if r.target == "/health":
                conn.respond(self.healthy, body=b"")
                continue
            self.go.wait()
            status = self.statuses.pop(0) if self.statuses else self.status
            conn.respond(status, f"X-Origin: {self.name}", body=b"ok")

    @property
    def served(self):
        return [t for t in self.origin.targets if t != "/health"]

    def is_checked(self):
        """It was, and the connection of that check is gone."""
        return "/health" in self.origin.targets and self.origin.open_used <= bool(self.served)


@pytest.fixture
def cells(origin, proxy):
    """cells(tier1={settings}, ...): cell routing on these placements; key NAME leads to placement NAME."""
    def start(default=None, sections=None, **placements):
        made = {name: Cell(origin, name) for name in placements}
        quick = {"health_check": {"path": "/health", "interval": "50ms", "timeout": "2s"}}
        front = proxy({}, env={"PORT": "0"}, version="1", routingTable={n: n for n in placements},
                      placements={n: {"url": f"http://{made[n].origin.address}", **quick, **settings}
                                  for n, settings in placements.items()},
                      defaultPlacement=default or list(placements)[-1],
                      logging={"access": {"format": "cells"}}, **(sections or {}))
        front.cells = made
        return front
    return start


def ask(front, key, target="/", *fields, method="GET", body=None):
    with Client(front.port("router")) as one:
        return one.ask(request(target, f"X-Routing-Key: {key}", *fields, method=method, body=body))


# --- health ----------------------------------------------------------------------------------------------


def test_a_placement_that_is_not_healthy_is_stood_in_for(cells):
    front = cells(main={"fallback": "spare"}, spare={}, other={})
    assert ask(front, "main").get("X-Origin") == "main"
    front.cells["main"].healthy = 503
    eventually(lambda: ask(front, "main").get("X-Origin") == "spare")
    answer = ask(front, "main", "/failed-over")
    assert (answer.get("X-Failover-Reason"), answer.get("X-Routed-To"), answer.get("X-Route-Reason")) == \
        ("upstream_unhealthy", "spare", "dedicated")
    entry = front.entry("/failed-over")
    assert (entry["failover_reason"], entry["placement_key"]) == ("upstream_unhealthy", "spare")
    front.tells("health_check_status")
    front.cells["main"].healthy = 204
    eventually(lambda: ask(front, "main").get("X-Origin") == "main")
    assert not ask(front, "main").has("X-Failover-Reason")


def test_a_change_of_health_is_told_with_its_reason(cells):
    front = cells(main={}, other={})
    cell = front.cells["main"]
    address = cell.origin.address

    def told(was, now):
        message = f"health state transition: {was} -> {now} "
        front.tells(message)
        fields, _, time_told = front.stderr.partition(message)[2].partition("\n")[0].rpartition(" timestamp=")
        assert abs(int(time_told) - time.time()) < PATIENCE
        return fields
    of_it = f"placement=main backend={address} url=http://{address}"
    cell.healthy = 503
    assert told("healthy", "unhealthy") == f"{of_it} old_state=healthy new_state=unhealthy reason=health_check_status"
    cell.healthy = 200
    assert told("unhealthy", "healthy") == f'{of_it} old_state=unhealthy new_state=healthy reason=checks_passed'


def test_without_a_fallback_the_default_placement_stands_in(cells):
    front = cells(main={}, rest={})
    front.cells["main"].healthy = 500
    eventually(lambda: ask(front, "main").get("X-Routed-To") == "rest")
    assert ask(front, "main").get("X-Failover-Reason") == "upstream_unhealthy"


def test_nobody_is_healthy(cells):
    front = cells(main={"fallback": "spare"}, spare={"fallback": "main"})
    for cell in front.cells.values():
        cell.healthy = 500
    eventually(lambda: ask(front, "main").status == 503)
    assert b"no_healthy_backend" in ask(front, "main").body


def test_a_check_takes_its_answer_to_the_end(origin, proxy):
    ended = []

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 32768\r\n\r\n" + b"x" * 32768)
        conn.sock.shutdown(socket.SHUT_WR)
        ended.append(conn.sock.recv(1))  # broken off, this would be an error
    backend = origin(script)
    proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
          virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
          pools=[{"name": "p", "backends": [backend.address], "health_check": {"path": "/health", "interval": "50ms"}}])
    eventually(lambda: len(ended) >= 3)
    assert set(ended) == {b""} and not backend.errors


@pytest.mark.parametrize("answer", ["redirect", "silence", "close", "garbage"])
def test_what_does_not_pass_for_healthy(origin, proxy, answer):
    def script(conn):
        while r := conn.read_request():
            if r.target != "/health":
                conn.respond(200, body=b"ok")
            elif answer == "redirect":
                conn.respond(302, "Location: /elsewhere", body=b"")
            elif answer == "garbage":
                conn.sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                return
            elif answer == "close":
                return
            else:
                conn.sock.settimeout(None)
                conn.sock.recv(1)  # until the other side leaves
                return
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [origin(script).address],
                          "health_check": {"path": "/health", "interval": "50ms", "timeout": "300ms"}}])

    def status():
        with Client(front.port("web")) as one:
            return one.ask(request("/")).status
    eventually(lambda: status() == 503)
    front.tells({"redirect": "health_check_status", "garbage": "health_check_malformed"}.get(answer, "health_check_failed"))


# --- the circuit breaker ---------------------------------------------------------------------------------

BREAKER = {"circuit_breaker": {"failure_threshold": 3, "timeout": "1s"}}


def test_the_breaker_opens_probes_once_and_closes(cells):
    front = cells(main=BREAKER, other={})
    cell = front.cells["main"]
    assert ask(front, "main").get("X-Circuit-State") == "closed"
    cell.status = 500
    for _ in range(3):
        answer = ask(front, "main")
        assert (answer.status, answer.get("X-Circuit-State")) == (500, "closed")
    before = len(cell.served)
    answer = ask(front, "main")
    assert (answer.status, answer.get("X-Circuit-State")) == (503, "open") and b"circuit_open" in answer.body
    assert len(cell.served) == before

    # The probe fails, and it is open again; the next one succeeds, and closes it.
    eventually(lambda: ask(front, "main").status == 500)
    assert ask(front, "main").status == 503
    cell.status = 200
    cell.go.clear()
    before = len(cell.served)
    eventually(lambda: ask_until_probe(front, cell, before))
    assert ask(front, "main").status == 503  # while the one probe is out
    cell.go.set()
    eventually(lambda: ask(front, "main").get("X-Circuit-State") == "closed")
    front.tells("recovery_successful")
    told = [line.partition("circuit breaker state transition: ")[2].partition(" timestamp=")[0]
            for line in front.stderr.splitlines() if "circuit breaker state transition" in line]
    assert told[0] == ('closed -> open placement=main old_state=closed new_state=open failures=3 '
                       'reason="failure_threshold_reached: 3"')
    assert told[1:] == [
        "open -> half_open placement=main old_state=open new_state=half_open failures=0 reason=timeout_elapsed",
        "half_open -> open placement=main old_state=half_open new_state=open failures=1 reason=half_open_failure",
        "open -> half_open placement=main old_state=open new_state=half_open failures=0 reason=timeout_elapsed",
        "half_open -> closed placement=main old_state=half_open new_state=closed failures=0 reason=recovery_successful"]


def ask_until_probe(front, cell, before):
    """A request in the background; has it got through?"""
    threading.Thread(target=lambda: ask(front, "main"), daemon=True).start()
    limit = time.monotonic() + 0.2
    while time.monotonic() < limit:
        if len(cell.served) > before:
            return True
    return False


def test_a_success_between_failures_keeps_it_closed(cells):
    front = cells(main=BREAKER, other={})
    cell = front.cells["main"]
    for status in (500, 502, 200, 500, 503, 404, 500, 500):
        cell.status = status
        assert ask(front, "main").status == status
    assert ask(front, "main").status == 500 and ask(front, "main").get("X-Circuit-State") == "open"


def test_an_open_circuit_leads_to_the_fallback(cells):
    front = cells(main={**BREAKER, "fallback": "spare"}, spare=BREAKER, last={})
    front.cells["main"].status = 500
    for _ in range(3):
        ask(front, "main")
    answer = ask(front, "main")
    assert (answer.status, answer.get("X-Origin"), answer.get("X-Failover-Reason"), answer.get("X-Circuit-State")) == \
        (200, "spare", "circuit_open", "closed")
    # What the fallback does counts against the fallback.
    front.cells["spare"].status = 500
    for _ in range(3):
        assert ask(front, "main").status == 500
    assert ask(front, "main").status == 503 and ask(front, "spare").status == 503


def test_connections_that_are_refused_open_it(cells):
    front = cells(main={**BREAKER, "health_check": {"path": "/health", "interval": "1h", "timeout": "2s"}}, other={})
    assert ask(front, "main").status == 200
    eventually(front.cells["main"].is_checked)  # or that first check could fail, and `other` stand in
    front.cells["main"].origin.stop()
    assert [ask(front, "main").status for _ in range(4)] == [502, 502, 502, 503]


def test_breakers_survive_a_reload(cells):
    front = cells(main=BREAKER, other={})
    front.cells["main"].status = 500
    for _ in range(3):
        ask(front, "main")
    assert ask(front, "main").status == 503
    config = front.config | {"version": "2"}
    config["placements"]["main"]["circuit_breaker"] = {"failure_threshold": 3, "timeout": "1h"}
    assert front.reload(config)
    assert ask(front, "main").status == 503


# --- retries ---------------------------------------------------------------------------------------------


RETRIES = {"retries": {"max": 2, "backoff": "1ms"}}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_cell_is_asked_again_after_a_5xx(cells, method):
    front = cells(main=RETRIES, other={})
    cell = front.cells["main"]
    cell.statuses = [500, 503]
    answer = ask(front, "main", "/again", method=method)
    assert (answer.status, answer.get("X-Routed-To"), cell.served) == (200, "main", ["/again"] * 3)
    assert front.entry("/again")["attempts"] == 3
    assert front.metric("upstream_retries_total", backend=cell.origin.address) == 2


def test_a_cell_is_asked_so_often_and_its_last_answer_is_told(cells):
    front = cells(main=RETRIES, other={})
    cell = front.cells["main"]
    cell.statuses = [500, 501, 502, 503]
    assert (ask(front, "main").status, len(cell.served)) == (502, 3)


@pytest.mark.parametrize("settings, method", [({}, "GET"), ({"retries": {"max": 0}}, "GET"), (RETRIES, "POST"),
                                              (RETRIES, "PATCH")])
def test_a_cell_is_asked_once_without_retries_and_what_is_not_idempotent(cells, settings, method):
    front = cells(main=settings, other={})
    cell = front.cells["main"]
    cell.statuses = [500]
    assert (ask(front, "main", method=method, body=b"x").status, len(cell.served)) == (500, 1)
    assert ask(front, "main").status == 200
    assert "attempts" not in front.entries(2)[0]


def test_a_cell_that_refuses_connections_is_asked_again(cells):
    front = cells(main={**RETRIES, "health_check": {"path": "/health", "interval": "1h", "timeout": "2s"}}, other={})
    origin = front.cells["main"].origin
    assert ask(front, "main").status == 200
    eventually(front.cells["main"].is_checked)
    origin.stop()
    assert ask(front, "main").status == 502
    refused = {"backend": origin.address, "reason": "upstream_connect_refused"}
    assert front.metric("upstream_failures_total", **refused) == 3


# --- limits ----------------------------------------------------------------------------------------------


def test_so_many_at_a_time(cells):
    front = cells(main={"concurrency_limit": 3}, other={})
    cell = front.cells["main"]
    cell.go.clear()
    answers = []
    crowd = [threading.Thread(target=lambda: answers.append(ask(front, "main", "/held").status)) for _ in range(3)]
    for one in crowd:
        one.start()
    eventually(lambda: cell.served.count("/held") == 3)
    refused = ask(front, "main", "/refused")
    assert refused.status == 429 and b"concurrency_limit" in refused.body and refused.get("X-Routed-To") == "main"
    assert ask(front, "other").status == 200
    cell.go.set()
    for one in crowd:
        one.join()
    assert answers == [200, 200, 200] and ask(front, "main").status == 200
    assert "/refused" not in cell.served and front.entry("/refused")["reason"] == "concurrency_limit"


def test_permits_come_back_however_it_ends(cells):
    front = cells(main={"concurrency_limit": 1, "circuit_breaker": {"failure_threshold": 100, "timeout": "1s"}}, other={})
    cell = front.cells["main"]
    for turn in range(5):
        cell.go.clear()
        gone = Client(front.port("router"))
        gone.send(request("/gone", "X-Routing-Key: main"))
        eventually(lambda: cell.served.count("/gone") == turn + 1)
        gone.close()
        cell.go.set()
        eventually(lambda: ask(front, "main").status == 200)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_is_too_large(cells, framing):
    front = cells(main={"max_request_body_bytes": 1000}, other={})

    def post(size):
        with Client(front.port("router")) as one:
            if framing == "length":
                one.send(request("/", "X-Routing-Key: main", method="POST", body=b"x" * size))
            else:
                one.send(request("/", "X-Routing-Key: main", "Transfer-Encoding: chunked", method="POST"))
                for at in range(0, size, 500):
                    piece = min(500, size - at)
                    one.send(b"%x\r\n%s\r\n" % (piece, b"x" * piece))
                one.send(b"0\r\n\r\n")
            return one.answer()
    assert post(1000).status == 200
    answer = post(1001)
    assert answer.status == 413 and b"request_body_too_large" in answer.body
    assert post(10).status == 200


# --- what is too slow ------------------------------------------------------------------------------------


def test_a_cell_that_is_too_slow_is_504(cells):
    front = cells(main={}, other={}, sections={"timeouts": {"upstream_header": "300ms"}})
    cell = front.cells["main"]
    cell.go.clear()
    answer = ask(front, "main", "/late", "X-Request-Id: 0123")
    assert answer.status == 504 and b"upstream_header_timeout" in answer.body
    told = [answer.get(n) for n in ("X-Routed-To", "X-Route-Reason", "X-Circuit-State", "X-Request-Id")]
    assert told == ["main", "dedicated", "closed", "0123"]
    entry = front.entry("/late")
    assert (entry["status_code"], entry["placement_key"], entry["reason"]) == (504, "main", "upstream_header_timeout")
    assert cell.served == ["/late"], "it is asked once"
    assert ask(front, "other").status == 200
    cell.go.set()
    assert ask(front, "main").status == 200
