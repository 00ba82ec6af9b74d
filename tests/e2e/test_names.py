"""Upstreams by name: what DNS says, what changes, and what a name server in trouble does not change."""
import contextlib
import threading

import pytest
from lib.dns import NXDOMAIN, SERVFAIL, DnsServer
from lib.http import Client, request
from lib.util import Crowd, eventually

NAME = "app.test"
SOON = {"dns_refresh": "100ms", "upstream_keepalive": "1h"}


@pytest.fixture
def dns():
    server = DnsServer()
    yield server
    server.end()


def siblings(origin, *hosts, script=None):
    """Origins on these addresses that share a port, as the machines behind a name do."""
    how = {"script": script} if script else {}
    while True:
        first = origin(host=hosts[0], **how)
        with contextlib.suppress(OSError):  # somebody else has that port on another address: anew
            return [first, *(origin(host=host, port=first.port, **how) for host in hosts[1:])]


def ask(front, count):
    """One connection a request."""
    for _ in range(count):
        with Client(front.port()) as one:
            assert one.ask(request("/", "Connection: close")).status == 200


def asked_again(dns, times=2, name=NAME):
    """So many more questions came, and the first of them was answered as things are now."""
    goal = dns.asked[name] + times
    eventually(lambda: dns.asked[name] >= goal, what="more questions")


def named(proxy, dns, port, **sections):
    sections.setdefault("timeouts", SOON)
    sections.setdefault("server", {})["dns_servers"] = [dns.address]
    return proxy([f"{NAME}:{port}"], **sections)


def test_all_addresses_of_a_name_take_turns(origin, proxy, dns):
    one, two = siblings(origin, "127.0.0.2", "127.0.0.3")
    dns[NAME] = ["127.0.0.3", "127.0.0.2"]
    front = named(proxy, dns, one.port)
    eventually(lambda: "name resolved" in front.stderr)
    ask(front, 10)
    assert (len(one.requests), len(two.requests)) == (5, 5)


def test_a_changed_answer_moves_the_traffic(origin, proxy, client, dns):
    old, new = siblings(origin, "127.0.0.2", "127.0.0.3")
    dns[NAME] = ["127.0.0.2"]
    front = named(proxy, dns, old.port)
    one = client(front)
    eventually(lambda: one.ask(request()).status == 200)
    dns[NAME] = ["127.0.0.3"]
    eventually(lambda: one.ask(request()).status == 200 and new.requests)
    before = len(old.requests)
    for _ in range(6):
        assert one.ask(request()).status == 200
    assert len(old.requests) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_idle_connections_to_an_address_that_has_gone_are_closed(origin, proxy, dns, workers):
    """Long before timeouts.upstream_keepalive, wherever they are kept."""
    old, new = siblings(origin, "127.0.0.2", "127.0.0.3")
    dns[NAME] = ["127.0.0.2"]
    front = named(proxy, dns, old.port, server={"workers": workers})
    eventually(lambda: "name resolved" in front.stderr)
    ask(front, 8)
    assert old.open_used >= 1
    dns[NAME] = ["127.0.0.3"]
    eventually(lambda: old.open_used == 0, what="the old address left alone")
    ask(front, 2)
    assert len(new.requests) == 2 and new.open_used >= 1


def test_a_request_at_an_address_that_has_gone_ends_first(origin, proxy, client, dns):
    go = threading.Event()

    def late(conn):
        while conn.read_request():
            go.wait()
            conn.respond(body=b"late")
    old, new = siblings(origin, "127.0.0.2", "127.0.0.3", script=late)
    dns[NAME] = ["127.0.0.2"]
    front = named(proxy, dns, old.port)
    eventually(lambda: "name resolved" in front.stderr)
    one = client(front)
    one.send(request("/held"))
    eventually(lambda: old.requests)
    dns[NAME] = ["127.0.0.3"]
    asked_again(dns)
    go.set()
    assert one.answer().body == b"late"
    assert front.entry("/held")["backend"] == f"{NAME}:{old.port}"
    eventually(lambda: old.open_used == 0)
    assert one.ask(request()).status == 200 and len(new.requests) == 1


@pytest.mark.parametrize("trouble", [SERVFAIL, NXDOMAIN, []], ids=["servfail", "nxdomain", "no-address"])
def test_a_name_that_fails_for_a_while_keeps_its_addresses(origin, proxy, client, dns, trouble):
    old, new = siblings(origin, "127.0.0.2", "127.0.0.3")
    dns[NAME] = ["127.0.0.2"]
    front = named(proxy, dns, old.port)
    one = client(front)
    eventually(lambda: one.ask(request()).status == 200)
    dns[NAME] = trouble
    eventually(lambda: "name does not resolve, trying on" in front.stderr)
    asked_again(dns)
    front.tells("addresses_kept=1")
    for _ in range(4):
        assert one.ask(request()).status == 200
    assert old.connections_used == 1
    dns[NAME] = ["127.0.0.3"]
    eventually(lambda: one.ask(request()).status == 200 and new.requests)


def test_a_silent_name_server_stops_nobody(origin, proxy, client, dns):
    backend, = siblings(origin, "127.0.0.2")
    dns[NAME] = ["127.0.0.2"]
    front = named(proxy, dns, backend.port)
    one = client(front)
    eventually(lambda: one.ask(request()).status == 200)
    dns[NAME] = None
    asked_again(dns, 1)
    for _ in range(4):
        assert one.ask(request()).status == 200


def test_a_name_that_resolves_late_is_served_then(origin, proxy, client, dns):
    backend, = siblings(origin, "127.0.0.2")
    front = named(proxy, dns, backend.port)
    one = client(front)
    answer = one.ask(request())
    assert answer.status == 503
    dns[NAME] = ["127.0.0.2"]
    eventually(lambda: one.ask(request()).status == 200)


def test_addresses_that_rotate_leave_no_connections_behind(origin, proxy, client, dns):
    """One machine that answers on all of 127.0.0.0/8."""
    everywhere = origin(host="0.0.0.0")
    dns[NAME] = ["127.0.1.0"]
    front = named(proxy, dns, everywhere.port, server={"workers": 2})
    one = client(front)
    eventually(lambda: one.ask(request()).status == 200)
    for i in range(1, 13):
        seen = everywhere.connections_used
        dns[NAME] = [f"127.0.1.{i}"]
        eventually(lambda: one.ask(request()).status == 200 and everywhere.connections_used > seen)
    eventually(lambda: everywhere.open_used <= 1)
    eventually(lambda: front.metric("upstream_connections", state="idle") <= 1)


@pytest.mark.tsan
def test_addresses_that_change_under_load_lose_nothing(origin, proxy, dns):
    backends = siblings(origin, "127.0.0.2", "127.0.0.3", "127.0.0.4")
    hosts = [b.host for b in backends]
    dns[NAME] = hosts[:2]
    front = named(proxy, dns, backends[0].port, server={"workers": 2})
    eventually(lambda: "name resolved" in front.stderr)
    over = threading.Event()

    def work(_):
        with Client(front.port()) as one:
            while not over.is_set():
                assert one.ask(request()).status == 200
    crowd = Crowd(work, 8)
    try:
        for i in range(12):
            dns[NAME] = [hosts[i % 3]] if i % 2 else [hosts[i % 3], hosts[(i + 1) % 3]]
            asked_again(dns)
    finally:
        over.set()
        crowd.join()
    assert all(backend.requests for backend in backends)
