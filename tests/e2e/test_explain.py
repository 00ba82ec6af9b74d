"""Explanations beside what the proxy does: pools that stand in, methods, the field Host, backends in reserve."""
import itertools
import re
import socket
import threading

import pytest
import yaml
from lib.http import Client, request
from lib.proxy import cirque
from lib.util import PATIENCE, eventually

BREAKER = {"circuit_breaker": {"failure_threshold": 1, "timeout": "1h"}}
BREAKERS = {"backend_circuit_breaker": {"failure_threshold": 1, "timeout": "1h"}}


class Named:
    """An origin that answers with its name, and the status that it is told."""

    def __init__(self, origin, name):
        self.name, self.status = name, 200
        self.origin = origin(self.script)
        self.address = self.origin.address

    def script(self, conn):
        while conn.read_request():
            conn.respond(self.status, f"X-Origin: {self.name}", body=b"ok")


@pytest.fixture
def start(origin, proxy):
    """start({pool: settings}, route): a proxy with one route, or a list, and an origin for each pool."""
    def run(pools, route, **sections):
        routes = route if isinstance(route, list) else [{"name": "r", **route}]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            admin = f"127.0.0.1:{free.getsockname()[1]}"
        made = {name: Named(origin, name) for name in pools}
        quick = {"health_check": {"interval": "50ms", "timeout": "2s"}}
        front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], metrics={"listen": admin},
                      virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": routes}],
                      pools=[{"name": name, "backends": [made[name].address], **quick, **settings}
                             for name, settings in pools.items()], **sections)
        front.origins = made
        return front
    return run


def ask(front, *fields):
    """The answer, and the parts of its explanation."""
    with Client(front.port("web")) as one:
        answer = one.ask(request("/", "X-Cirque-Explain: 1", *fields, host="a.example"))
        return answer, dict(part.split("=", 1) for part in answer.get("X-Cirque-Explain").split("; "))


def ask_in_a_row(front, count):
    """The statuses; each comes when the one before has been counted."""
    with Client(front.port("web")) as one:
        return [one.ask(request("/", host="a.example")).status for _ in range(count)]


def explain(front, *arguments):
    return cirque("explain", "--config", front.config_path, *arguments, "http://a.example/").stdout


def stop(front, name):
    front.origins[name].origin.stop()
    eventually(lambda: not front.healthy(front.origins[name].address))


# --- pools that stand in ---------------------------------------------------------------------------------


def test_the_explanation_names_the_pool_that_stands_in(start):
    front = start({"main": {"fallback": "spare"}, "spare": {}}, {"pool": "main"})
    reserve = "\n  fallback     spare stands in when no backend of main is healthy\n"
    answer, told = ask(front)
    assert (answer.get("X-Origin"), told["pool"]) == ("main", "main") and "failover" not in told
    for how in ((), ("--live",)):
        text = explain(front, *how)
        assert "\noutcome        pool main\n" in text and reserve in text, how
    stop(front, "main")
    answer, told = ask(front)
    assert answer.get("X-Origin") == "spare"
    assert answer.get("X-Cirque-Explain") == ("listener=web; virtual_host=h; route=r; pool=spare; instead_of=main; "
                                              "failover=upstream_unhealthy")
    text = explain(front, "--live")
    assert "\npool           main: none of its backends is healthy\n" in text
    assert f"{front.origins['main'].address} (down: gets nothing until a check succeeds)\n" in text
    assert "\noutcome        pool spare, which stands in for main (upstream_unhealthy)\n" in text
    assert text.index("pool           main") < text.index("outcome ")
    assert "\noutcome        pool main\n" in explain(front), "the file knows nothing of health"
    stop(front, "spare")
    answer, told = ask(front)
    assert (answer.status, told["status"], told["reason"]) == (503, "503", "no_healthy_backend")
    text = explain(front, "--live")
    assert "\npool           spare: none of its backends is healthy\n" in text
    assert "\noutcome        answered here with 503: no_healthy_backend\n" in text


def test_the_explanation_tells_of_open_breakers(start):
    front = start({"main": {**BREAKER, "fallback": "spare"}, "spare": BREAKER}, {"pool": "main"})
    assert ("\n  fallback     spare stands in when a circuit breaker is open or no backend of main is healthy\n"
            in explain(front))
    front.origins["main"].status = 500
    assert ask_in_a_row(front, 2) == [500, 200]
    answer, told = ask(front)
    assert (answer.get("X-Origin"), told["pool"], told["instead_of"], told["failover"]) == \
        ("spare", "spare", "main", "circuit_open")
    text = explain(front, "--live")
    assert "\npool           main: its circuit breaker is open\n" in text
    assert "\noutcome        pool spare, which stands in for main (circuit_open)\n" in text
    front.origins["spare"].status = 500
    assert ask_in_a_row(front, 2) == [500, 503]
    answer, told = ask(front)
    assert (answer.status, told["pool"], told["status"], told["reason"]) == (503, "main", "503", "circuit_open")
    text = explain(front, "--live")
    assert "\npool           spare: its circuit breaker is open\n" in text
    assert "\noutcome        answered here with 503: circuit_open\n" in text


def test_asking_for_an_explanation_takes_no_probe(start):
    front = start({"main": {"circuit_breaker": {"failure_threshold": 1, "timeout": "100ms"}}}, {"pool": "main"})
    front.origins["main"].status = 500
    assert ask_in_a_row(front, 1) == [500]
    for _ in range(2):
        eventually(lambda: "\n  breaker      half-open: lets one request through" in explain(front, "--live"))
    front.origins["main"].status = 200
    assert ask_in_a_row(front, 1) == [200]
    assert "breaker" not in explain(front, "--live")


def test_the_explanation_tells_that_all_backends_are_cut_off(start):
    front = start({"main": {**BREAKERS, "fallback": "spare"}, "spare": {}}, {"pool": "main"})
    front.origins["main"].status = 500
    assert ask_in_a_row(front, 2) == [500, 200]
    answer, told = ask(front)
    assert (answer.get("X-Origin"), told["pool"], told["failover"]) == ("spare", "spare", "circuit_open")
    text = explain(front, "--live")
    assert "\npool           main: the circuit breakers of its backends are open\n" in text
    assert "\noutcome        pool spare, which stands in for main (circuit_open)\n" in text


def test_explanations_are_what_happens_whoever_is_down(start):
    """Chains, circles and a table's default, with every choice of pools that are healthy."""
    front = start({"a": {"fallback": "b"}, "b": {"fallback": "a"}, "c": {}, "rest": {}}, {"routing_table": "cells"},
                  routing_tables=[{"name": "cells", "header": "X-Key", "keys": {"a": "a", "c": "c"}, "default": "rest"}])
    seen = set()
    for down in itertools.product((False, True), repeat=4):
        for one, is_down in zip(front.origins.values(), down, strict=True):
            if is_down and one.origin.listener:
                one.origin.stop()
            elif not is_down and not one.origin.listener:
                one.origin.start()
        eventually(lambda down=down: [bool(front.healthy(one.address)) for one in front.origins.values()]
                   == [not is_down for is_down in down])
        for key in ("a", "c", "other"):
            answer, told = ask(front, f"X-Key: {key}")
            text = explain(front, "--live", "-H", f"X-Key: {key}")
            outcome = re.search(r"^outcome +(.*)$", text, re.MULTILINE)[1]
            assert told.get("failover") == answer.get("X-Failover-Reason") or answer.status == 503
            if answer.status == 503:
                assert (told["status"], told["reason"]) == ("503", "no_healthy_backend"), (down, key)
                assert outcome == "answered here with 503: no_healthy_backend", (down, key)
                seen.add("nobody")
                continue
            assert told["pool"] == answer.get("X-Origin") == answer.get("X-Routed-To"), (down, key)
            stands_in = ", which stands in for" in outcome
            assert outcome.split(",")[0] == f"pool {told['pool']}" and stands_in == ("failover" in told), (down, key)
            seen.add(f"{key} to {told['pool']}")
    assert seen == {"nobody", "a to a", "a to b", "c to c", "c to rest", "other to rest"}


def test_the_explanation_tells_errors_of_the_proxys_own(start):
    front = start({"p": {}}, {"pool": "p", "rate_limits": ["few"]},
                  rate_limits=[{"name": "few", "requests": 1, "per": "1h"}])
    answer, told = ask(front)
    assert answer.status == 200 and "status" not in told and "reason" not in told
    answer, told = ask(front)
    assert (answer.status, told["pool"], told["rate_limits"], told["status"]) == (429, "p", "few", "429")
    assert f'details="{told["reason"]}"' in answer.get("Proxy-Status")


# --- requests as they are on the wire --------------------------------------------------------------------


def test_a_question_has_the_host_that_a_client_would_send(tmp_path):
    path = tmp_path / "cirque.yaml"
    routes = [{"name": "eight", "headers": [{"name": "Host", "value": "a.example:8080"}], "respond": {"status": 200}},
              {"name": "named", "headers": [{"name": "Host", "present": True}], "respond": {"status": 201}},
              {"name": "nameless", "respond": {"status": 202}}]
    tests = [{"url": "http://a.example/", "expect": {"route": "named"}},
             {"url": "/", "headers": {"Host": "a.example:8080"}, "expect": {"route": "eight"}},
             {"url": "/", "expect": {"route": "nameless"}}]
    config = {"listeners": [{"name": "web", "address": "127.0.0.1:0"}], "tests": tests,
              "virtual_hosts": [{"name": "h", "hosts": ["*"], "routes": routes}]}
    path.write_text(yaml.safe_dump(config))
    said = cirque("test", path)
    assert (said.returncode, said.stdout) == (0, "3 passed, 0 failed\n"), said.stderr
    for arguments, route in ((("http://a.example/",), "named"), (("http://a.example:8080/",), "eight"),
                             (("http://b.example/", "-H", "Host: a.example:8080"), "eight"), (("/",), "nameless")):
        assert f"\n  takes it     {route} (" in cirque("explain", "--config", path, *arguments).stdout, arguments


HOP_ROUTES = [{"name": "socket", "headers": [{"name": "Upgrade", "value": "websocket"}], "respond": {"status": 201}},
              {"name": "named", "headers": [{"name": "X-A"}], "respond": {"status": 202}},
              {"name": "without", "headers": [{"name": "X-B", "present": False}], "respond": {"status": 203}},
              {"name": "rest", "respond": {"status": 204}}]


@pytest.mark.parametrize("fields,route", [
    (["Connection: Upgrade", "Upgrade: websocket"], "socket"),
    (["Connection: keep-alive, upgrade", "upgrade: websocket"], "socket"),
    (["Upgrade: websocket"], "without"),
    (["Connection: Upgrade", "Upgrade: WebSocket"], "without"),
    (["X-A: 1"], "named"),
    (["X-A: 1", "Connection: x-a"], "without"),
    (["X-A: 1", "X-B: 1", "Connection: x-b, close"], "named"),
    (["X-B: 1", "Connection: x-a"], "rest"),
    (["X-B: 1", "X_A: 1"], "rest"),
    (["X-B: 1", "Connection: x-b"], "without"),
])
def test_a_question_has_the_fields_that_routes_see(start, fields, route):
    """What is for the next hop alone, and what Connection names, is gone before a route is looked for."""
    status = next(one["respond"]["status"] for one in HOP_ROUTES if one["name"] == route)
    headers = {name: value for name, value in (field.split(": ", 1) for field in fields)}
    front = start({"p": {}}, HOP_ROUTES,
                  tests=[{"url": "http://a.example/", "headers": headers, "expect": {"route": route}}])
    with Client(front.port("web")) as one:
        assert one.ask(request("/", *fields, host="a.example")).status == status
    asked = [word for field in fields for word in ("-H", field)]
    for how in ((), ("--live",)):
        assert f"\n  takes it     {route} (" in explain(front, *how, *asked), how


def test_a_question_has_the_client_that_a_trusted_proxy_tells_of(start):
    routes = [{"name": "inside", "sources": ["10.0.0.0/8", "::1"], "respond": {"status": 201}},
              {"name": "outside", "respond": {"status": 202}}]
    tests = [{"url": "/", "headers": {"X-Forwarded-For": "::1"}, "expect": {"route": "inside"}},
             {"url": "/", "headers": {"X-Forwarded-For": "::1"}, "from": "192.0.2.1", "expect": {"route": "outside"}},
             {"url": "/", "expect": {"route": "outside"}}]
    front = start({"p": {}}, routes, tests=tests,
                  server={"trusted_proxies": ["::ffff:127.0.0.0/104"], "workers": 1})
    for told, route, status in (("::1", "inside", 201), ("192.0.2.9, 10.1.1.1", "inside", 201),
                                ("10.1.1.1, 192.0.2.9", "outside", 202), ("10.1.1.1, 127.0.0.3", "inside", 201)):
        with Client(front.port("web")) as one:
            assert one.ask(request("/", f"X-Forwarded-For: {told}", host="a.example")).status == status, told
        for how in ((), ("--live",)):
            text = explain(front, *how, "-H", f"X-Forwarded-For: {told}")
            assert f"\n  takes it     {route} (" in text and ", told by 127.0.0.1\n" in text, (how, told)
            text = explain(front, *how, "--from", "192.0.2.1", "-H", f"X-Forwarded-For: {told}")
            assert "\n  takes it     outside (" in text and "from 192.0.2.1\n" in text, (how, told)


def test_sources_of_ipv4_may_be_written_in_ipv6(start):
    front = start({"p": {}}, {"sources": ["::ffff:127.0.0.0/104"], "respond": {"status": 201}})
    assert ask(front)[0].status == 201
    assert "\n  takes it     r (" in explain(front) and "\n  takes it     r (" in explain(front, "--from", "::ffff:127.9.9.9")


@pytest.mark.parametrize("method", ["get", "Get", "A" * 33])
def test_a_method_that_is_none_is_told_so(start, method):
    expected = {"status": 400, "reason": "bad_method", "route": "none"}
    tests = [{"method": method, "url": "http://a.example/", "expect": expected}]
    front = start({"p": {}}, {"pool": "p"}, **({"tests": tests} if len(method) <= 32 else {}))
    with Client(front.port("web")) as one:
        answer = one.ask(request("/", host="a.example", method=method))
        assert answer.status == 400 and b"bad_method" in answer.body
    for how in ((), ("--live",)):
        said = cirque("explain", "--config", front.config_path, *how, method, "http://a.example/")
        assert said.returncode == 1 and said.stdout.endswith("outcome        answered here with 400: bad_method\n")
        assert "pool" not in said.stdout


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_a_method_that_is_not_served_is_told_so(start, method):
    front = start({"p": {}}, {"pool": "p"},
                  tests=[{"method": method, "url": "http://a.example/",
                          "expect": {"status": 405, "reason": "method_not_allowed", "pool": "none"}}])
    with Client(front.port("web")) as one:
        answer = one.ask(request("/", host="a.example", method=method))
        assert answer.status == 405 and b"method_not_allowed" in answer.body
    for how in ((), ("--live",)):
        said = cirque("explain", "--config", front.config_path, *how, method, "http://a.example/")
        assert said.returncode == 1 and said.stdout.endswith("outcome        answered here with 405: method_not_allowed\n")
        assert "pool" not in said.stdout


# --- backends ----------------------------------------------------------------------------------------------


def shown(text):
    """[(address, what is said of it)], in the order of the text."""
    return re.findall(r"^  backend +(\S+) \((.*)\)$", text, re.MULTILINE)


def test_explanations_tell_who_drains_and_who_stands_by(start, origin):
    first, leaving, third, backup = (Named(origin, name) for name in ("first", "leaving", "third", "backup"))
    front = start({"p": {"backends": ["backup", "third", "leaving", first.address]}}, {"pool": "p"},
                  backends=[{"id": "backup", "address": backup.address, "backup": True},
                            {"id": "third", "address": third.address, "priority": 2},
                            {"id": "leaving", "address": leaving.address, "drain": True}])
    unknown, standby = "health is not known here", "stands by for those before it"
    assert shown(explain(front)) == [
        (leaving.address, "drains: gets nothing new"), (first.address, unknown),
        (third.address, f"{standby}; {unknown}; priority 2"), (backup.address, f"{standby}; {unknown}; backup")]
    live = shown(explain(front, "--live"))
    assert [address for address, _ in live] == [one.address for one in (leaving, first, third, backup)]
    assert live[0][1].startswith("drains: gets nothing new, ")
    assert [told for _, told in live[1:]] == ["healthy: takes its turn", f"healthy: {standby}; priority 2",
                                              f"healthy: {standby}; backup"]
    assert {ask(front)[0].get("X-Origin") for _ in range(8)} == {"first"}
    first.origin.stop()
    eventually(lambda: not front.healthy(first.address))
    assert [told for _, told in shown(explain(front, "--live"))[1:]] == [
        "down: gets nothing until a check succeeds", "healthy: takes its turn; priority 2", f"healthy: {standby}; backup"]
    assert {ask(front)[0].get("X-Origin") for _ in range(8)} == {"third"}
    third.origin.stop()
    eventually(lambda: not front.healthy(third.address))
    assert shown(explain(front, "--live"))[3] == (backup.address, "healthy: takes its turn; backup")
    assert {ask(front)[0].get("X-Origin") for _ in range(8)} == {"backup"}


@pytest.mark.parametrize("method", ["round_robin", "least_requests", "latency", "random", "hash"])
def test_a_backend_without_weight_gets_nothing_and_is_said_to(start, origin, method):
    one, none = Named(origin, "one"), Named(origin, "none")
    by = {"hash_by": "header:X-N"} if method == "hash" else {}
    front = start({"p": {"backends": [], "tag": "t", "balance": {"method": method, **by}}}, {"pool": "p"},
                  backends=[{"id": "one", "address": one.address, "tags": ["t"]},
                            {"id": "none", "address": none.address, "tags": ["t"], "weight": 0}])
    assert {ask(front, f"X-N: {n}")[0].get("X-Origin") for n in range(30)} == {"one"}
    assert shown(explain(front, "--live")) == [
        (one.address, "healthy: takes its turn; one, by its tag t"),
        (none.address, "healthy: gets nothing for its weight; weight 0; none, by its tag t")]
    one.origin.stop()
    eventually(lambda: not front.healthy(one.address))
    answer, told = ask(front)
    assert (answer.status, told["reason"]) == (503, "no_healthy_backend")
    assert "\noutcome        answered here with 503: no_healthy_backend\n" in explain(front, "--live")


def test_explanations_tell_the_weights_of_a_split_and_its_header_the_side(start):
    front = start({"old": {"fallback": "spare"}, "new": {}, "spare": {}},
                  {"split": [{"pool": "old", "weight": 3}, {"pool": "new"}]})
    for how in ((), ("--live",)):
        text = explain(front, *how)
        assert "\n  pool         old (weight 3 of 4)\n" in text and "\n  pool         new (weight 1 of 4)\n" in text
    both = set()

    def is_right():
        answer, told = ask(front)
        assert answer.get("X-Origin") == told["pool"]
        both.add(told["pool"])
        return both == {"old", "new"}
    eventually(is_right)
    stop(front, "old")
    text = explain(front, "--live")
    assert "\n  not now      old: none of its backends is healthy\n" in text
    assert "\n  then         pool spare, which stands in for old (upstream_unhealthy)\n" in text
    both.discard("old")
    eventually(lambda: is_right() or "spare" in both)


def test_explanations_tell_limits_that_are_full(start, origin):
    """A request that is held takes the one place, of the pool and then of its backend."""
    go = threading.Event()

    def held(conn):
        while conn.read_request():
            assert go.wait(PATIENCE)
            conn.respond(body=b"late")

    held_back = origin(held)
    for limit, what in (("concurrency_limit", "main: full, 1 of 1 requests are under way and 0 wait"),
                        ("backend_concurrency_limit", "full: 1 of 1 requests are under way")):
        go.clear()
        front = start({"main": {limit: 1, "backends": [held_back.address]}}, {"pool": "main"})
        assert "\noutcome        pool main\n" in explain(front, "--live") and "full" not in explain(front, "--live")
        with Client(front.port("web")) as one:
            one.send(request("/", host="a.example"))
            eventually(lambda: what in explain(front, "--live"))
            assert "\noutcome        answered here with 429: concurrency_limit\n" in explain(front, "--live")
            assert ask(front)[0].status == 429
            go.set()
            assert one.answer().status == 200
        eventually(lambda: "\noutcome        pool main\n" in explain(front, "--live"))


def test_who_is_asked_in_a_panic_is_told(start):
    """Too few are well: the explanation says that all are asked, and they are."""
    check = {"path": "/health", "interval": "50ms", "unhealthy_threshold": 1}
    front = start({"main": {"health_check": check, "balance": {"panic_below": 60}}}, {"pool": "main"})
    front.origins["main"].status = 500
    eventually(lambda: front.metric("upstream_healthy", pool="main") == 0)
    answer, told = ask(front)
    assert answer.get("X-Origin") == "main" and told["pool"] == "main"
    live = explain(front, "--live")
    assert "\noutcome        pool main\n" in live and "down, and asked all the same: too few are well" in live


def test_a_pool_that_stands_in_may_be_full(start, origin):
    go = threading.Event()

    def held(conn):
        while conn.read_request():
            assert go.wait(PATIENCE)
            conn.respond(body=b"late")
    front = start({"main": {"fallback": "spare", "health_check": {"path": "/up", "interval": "50ms", "unhealthy_threshold": 1}},
                   "spare": {"concurrency_limit": 1, "backends": [origin(held).address]}}, {"pool": "main"})
    front.origins["main"].status = 500
    eventually(lambda: front.metric("upstream_healthy", pool="main") == 0)
    assert "\noutcome        pool spare" in explain(front, "--live")
    with Client(front.port("web")) as one:
        one.send(request("/", host="a.example"))
        eventually(lambda: "spare: full, 1 of 1 requests are under way" in explain(front, "--live"))
        assert "\noutcome        answered here with 429: concurrency_limit\n" in explain(front, "--live")
        assert ask(front)[0].status == 429
        go.set()
        assert one.answer().status == 200
