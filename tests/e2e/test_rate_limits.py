"""Rate limits on the wire. A rate of a few an hour stands for one that time has no part in."""
import collections
import threading
import time

import pytest
from lib.http import Client, request
from lib.proxy import cirque
from lib.util import SLOW, Crowd, eventually

HOUR = {"requests": 1, "per": "1h"}
FIXED = [{"respond": {"status": 200, "body": "here"}}]


def ask(front, target="/", *fields, listener="web", source=None, host="a.example", **how):
    host_of, _, port = front.address(listener).rpartition(":")
    at = host_of.strip("[]").replace("0.0.0.0", "127.0.0.1")
    with Client((at, int(port)), source=source) as one:
        return one.ask(request(target, *fields, host=host, **how))


def passes(front, *words, **how):
    """True: 200; False: refused by a rate limit."""
    answer = ask(front, *words, **how)
    assert answer.status == 200 or (answer.status == 429 and b"rate_limited" in answer.body), answer
    return answer.status == 200


def how_many(front, *words, most=20, **how):
    """So many pass until the first that does not."""
    for passed in range(most):
        if not passes(front, *words, **how):
            return passed
    return most


@pytest.fixture
def limited(proxy):
    """limited({limit}, ..., routes=, **sections): a listener whose host meets all these limits."""
    def start(*limits, routes=FIXED, address="127.0.0.1:0", named=None, **sections):
        sections.setdefault("limits", {"requests_per_connection": 1_000_000})
        limits = [{"name": f"limit{n}", **limit} for n, limit in enumerate(limits)]
        return proxy({}, listeners=[{"name": "web", "address": address}],
                     virtual_hosts=[{"hosts": ["*"], "routes": routes,
                                     "rate_limits": named or [limit["name"] for limit in limits]}],
                     rate_limits=limits, **sections)
    return start


# --- how many pass ---------------------------------------------------------------------------------------


@pytest.mark.tsan
@pytest.mark.parametrize("workers", [1, 4])
def test_exactly_the_burst_passes_whatever_the_workers_do(limited, workers):
    burst, connections, each = 100, 64, 5
    front = limited({**HOUR, "burst": burst, "key": ["address"]}, server={"workers": workers})
    seen, lock = collections.Counter(), threading.Lock()
    start = threading.Barrier(connections)

    def work(_):
        with Client(front.port("web")) as one:
            start.wait()
            mine = [one.ask(request("/")).status for _ in range(each)]
        with lock:
            seen.update(mine)
    Crowd(work, connections).join()
    assert seen == {200: burst, 429: connections * each - burst}
    assert front.metric("rate_limited_total", limit="limit0") == connections * each - burst


def test_a_hundred_in_ten_seconds_and_not_one_more(limited):
    """Ten more a second come back, of which those may pass for which there was the time."""
    front = limited({"requests": 100, "per": "10s", "key": ["address"], "entries": 100_000})
    with Client(front.port("web")) as one:
        began = time.monotonic()
        seen = []
        while not seen or seen[-1] == 200:
            seen.append(one.ask(request("/")).status)
        took = time.monotonic() - began
    assert seen[-1] == 429 and 100 <= len(seen) - 1 <= 100 + 10 * took + 1


@pytest.mark.tsan
def test_two_limits_under_pressure_are_both_exact(limited):
    """Nothing leaks from the wide one into refusals of the narrow ones."""
    front = limited({**HOUR, "burst": 60}, {**HOUR, "burst": 10, "key": ["header:X-Key"]}, server={"workers": 4})
    passed, lock = collections.Counter(), threading.Lock()

    def work(number):
        with Client(front.port("web")) as one:
            mine = sum(one.ask(request("/", f"X-Key: {number % 4}")).status == 200 for _ in range(20))
        with lock:
            passed[number % 4] += mine
    Crowd(work, 16).join()
    assert passed == {0: 10, 1: 10, 2: 10, 3: 10}
    assert how_many(front, "/", "X-Key: new") == 10
    assert how_many(front, "/", "X-Key: another") == 10  # 60 in all, and not one was lost
    assert how_many(front, "/", "X-Key: third") == 0


def test_credit_comes_back_with_time(limited):
    front = limited({"requests": 20, "per": "1s", "burst": 1})
    with Client(front.port("web")) as one:
        begin = time.monotonic()
        passed = 0
        while passed < 10:
            passed += one.ask(request("/")).status == 200
        # Nine intervals of 50 ms at the least.
        assert time.monotonic() - begin >= 9 * 0.05 - 0.01


# --- whose request it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key, one, other", [
    ("header:X-Api-Key", {"fields": ["X-Api-Key: a"]}, {"fields": ["X-Api-Key: b"]}),
    ("cookie:sid", {"fields": ["Cookie: x=1; sid=a"]}, {"fields": ["Cookie: x=1; sid=b"]}),
    ("query:user", {"target": "/?user=%61"}, {"target": "/?user=b"}),
    ("host", {"host": "A.example:80"}, {"host": "b.example"}),
    ("method", {"method": "GET"}, {"method": "DELETE"}),
    ("address", {"source": "127.0.0.1"}, {"source": "127.0.0.2"}),
    ("route", {"target": "/"}, {"target": "/b"}),
])
def test_a_key_of_every_kind(limited, key, one, other):
    def words(of):
        of = dict(of)
        return [of.pop("target", "/"), *of.pop("fields", [])], of
    routes = [{"name": "a", **FIXED[0]}, {"name": "b", "path": "/b", **FIXED[0]}]
    front = limited({**HOUR, "burst": 3, "key": [key]}, routes=routes, address="0.0.0.0:0")
    for of in (one, other):
        given, how = words(of)
        assert how_many(front, *given, **how) == 3
        assert how_many(front, *given, **how) == 0


def test_pools_and_listeners_as_keys(origin, proxy):
    back = origin().address
    front = proxy({}, listeners=[{"name": n, "address": "127.0.0.1:0", "rate_limits": ["l"]} for n in ("web", "lan")],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}, {"path": "/q", "pool": "q"}]}],
                  pools=[{"name": n, "backends": [back], "rate_limits": ["p"]} for n in ("p", "q")],
                  rate_limits=[{"name": "l", **HOUR, "burst": 5, "key": ["listener"]},
                               {"name": "p", **HOUR, "burst": 3, "key": ["pool"]}])
    assert [how_many(front), how_many(front, "/q")] == [3, 2]  # five by this listener, three for each pool
    assert [how_many(front, listener="lan"), how_many(front, "/q", listener="lan")] == [0, 1]


def test_what_a_request_does_not_have_is_no_way_around(limited):
    front = limited({**HOUR, "burst": 2, "key": ["header:X-Api-Key"]})
    assert how_many(front) == 2
    assert not passes(front, "/", "X-Api-Key:")
    assert passes(front, "/", "X-Api-Key: mine")


def test_the_client_is_who_the_log_says(limited):
    """X-Forwarded-For makes nobody another whom we do not trust."""
    front = limited({**HOUR, "burst": 2, "key": ["address"]}, server={"trusted_proxies": ["10.0.0.0/8"]})
    assert passes(front, "/1", "X-Forwarded-For: 192.0.2.1")
    assert passes(front, "/2", "X-Forwarded-For: 192.0.2.2", "Forwarded: for=192.0.2.3")
    assert not passes(front, "/3", "X-Forwarded-For: 192.0.2.4")
    assert {e["client"].rpartition(":")[0] or e["client"] for e in front.entries(3)} == {"127.0.0.1"}


def test_ipv6_and_ipv4_have_their_own_prefixes(proxy):
    front = proxy({}, listeners=[{"name": "web", "address": "0.0.0.0:0"}, {"name": "six", "address": "[::1]:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": FIXED, "rate_limits": ["a"]}],
                  rate_limits=[{"name": "a", **HOUR, "key": ["address"], "ipv4_prefix": 24}])
    assert passes(front, source="127.0.0.1")
    assert not passes(front, source="127.0.0.200")
    assert passes(front, source="127.0.1.1")
    assert passes(front, listener="six")
    assert not passes(front, listener="six")


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.skipif(SLOW > 1, reason="sanitizers keep freed memory")
def test_a_million_keys_take_no_more_memory_than_there_are_entries(limited):
    front = limited({**HOUR, "burst": 2, "key": ["query:k"], "entries": 100_000},
                    logging={"access": {"enabled": False}}, server={"workers": 2})
    assert front.metric("rate_limit_bytes") == 1_600_000
    each, batch = 250_000, 500

    def work(number):
        with Client(front.port("web")) as one:
            for first in range(number * each, (number + 1) * each, batch):
                one.send(b"".join(b"GET /?k=%d HTTP/1.1\r\nHost: a\r\n\r\n" % k for k in range(first, first + batch)))
                seen = 0
                while seen < batch:
                    tail = one.buffer[-11:]
                    one.buffer = b""
                    assert one.fill()
                    seen += (tail + one.buffer).count(b"HTTP/1.1 200") - tail.count(b"HTTP/1.1 200")
    Crowd(work, 1).join()  # whatever the first requests take
    before = front.rss
    Crowd(lambda n: work(n + 1), 3).join()
    assert front.rss - before < 8 << 20
    assert front.metric("rate_limit_forgotten_keys_total") > 800_000
    assert front.metric("rate_limited_total") == 0


# --- what is told ----------------------------------------------------------------------------------------


def test_a_refusal_tells_all(limited):
    front = limited({"name": "login", "requests": 2, "per": "1h", "key": ["address"]})
    assert how_many(front) == 2
    answer = ask(front, "/refused")
    assert answer.status == 429 and b"rate_limited" in answer.body and b"429 Too Many Requests" in answer.body
    assert 1790 <= int(answer.get("Retry-After")) <= 1800
    assert answer.get("RateLimit-Policy") == '"login";q=2;w=3600'
    assert answer.get("RateLimit").startswith('"login";r=0;t=3')
    assert answer.get("Proxy-Status").startswith("cirque; error=http_request_denied")
    entry = front.entry("/refused")
    assert (entry["reason"], entry["rate_limit"], entry["status"]) == ("rate_limited", "login", 429)
    assert front.metric("http_reasons_total", reason="rate_limited") == 2
    front.counts(2, "rate_limited_total", limit="login")


def test_a_wait_of_less_than_a_second_is_told_as_one(limited):
    front = limited({"requests": 2, "per": "1s", "burst": 1})
    with Client(front.port("web")) as one:
        answers = [one.ask(request("/")) for _ in range(5)]
    assert {a.get("Retry-After") for a in answers if a.status == 429} == {"1"}


def test_clients_see_what_they_have_left_where_it_is_wanted(origin, proxy):
    def script(conn):
        while conn.read_request():
            conn.respond(200, "RateLimit: from-behind", body=b"ok")
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p", "rate_limits": ["quiet", "loud"]},
                                                             {"path": "/quiet", "pool": "p", "rate_limits": ["quiet"]}]}],
                  pools=[{"name": "p", "backends": [origin(script).address]}],
                  rate_limits=[{"name": "quiet", **HOUR, "burst": 9},
                               {"name": "loud", "requests": 3, "per": "1h", "headers": True}])
    answer = ask(front)
    assert (answer.get("RateLimit-Policy"), answer.all("RateLimit")) == ('"loud";q=3;w=3600', ['"loud";r=2;t=1200'])
    assert ask(front).get("RateLimit").startswith('"loud";r=1;t=2')
    answer = ask(front, "/quiet")
    assert not answer.has("RateLimit-Policy") and answer.get("RateLimit") == "from-behind"


def test_a_dry_run_refuses_nobody(limited):
    front = limited({"name": "try", **HOUR, "key": ["address"], "dry_run": True})
    assert how_many(front, "/pass", most=5) == 5
    assert [e.get("rate_limit_dry_run") for e in front.entries(5)] == [None] + ["try"] * 4
    front.counts(4, "rate_limit_dry_run_total", limit="try")
    assert front.metric("rate_limited_total", limit="try") == 0


def test_explanations_name_the_limits(limited, tmp_path):
    front = limited({"name": "login", "requests": 5, "per": "1m", "key": ["address", "header:X-Key"]},
                    {"name": "all", "requests": 1000, "dry_run": True})
    assert "; rate_limits=login,all;" in ask(front, "/", "X-Cirque-Explain: 1").get("X-Cirque-Explain")
    told = cirque("explain", "--config", front.config_path, "http://a.example/").stdout
    assert "rate limit     login: 5 in 1m, 5 at once, by address (/32, /64) and header x-key\n" in told
    assert "rate limit     all: 1000 in 1s, 1000 at once, all requests together, dry run\n" in told


def test_explaining_is_no_request(limited):
    front = limited({"name": "a", **HOUR})
    done = cirque("explain", "--live", "--config", front.config_path, "http://a.example/")
    assert done.returncode in (0, 1)
    assert passes(front) and not passes(front)


# --- where it stands -------------------------------------------------------------------------------------


def test_what_one_limit_refuses_another_does_not_count(limited):
    front = limited({**HOUR, "burst": 4}, {**HOUR, "key": ["header:X-Key"]})
    assert how_many(front, "/", "X-Key: a") == 1
    for _ in range(10):
        assert not passes(front, "/", "X-Key: a")
    assert [passes(front, "/", f"X-Key: {n}") for n in "bcde"] == [True, True, True, False]


def test_a_limit_that_is_named_twice_counts_once(origin, proxy):
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0", "rate_limits": ["a"]}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p", "rate_limits": ["a"]}], "rate_limits": ["a"]}],
                  pools=[{"name": "p", "backends": [origin().address], "rate_limits": ["a"]}],
                  rate_limits=[{"name": "a", **HOUR, "burst": 3}])
    assert how_many(front) == 3


def test_a_listener_counts_also_what_leads_nowhere(proxy):
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0", "rate_limits": ["all"]}],
                  virtual_hosts=[{"hosts": ["a.example"], "routes": [{"path": "/r", "redirect": {"path": "/"}}]}],
                  rate_limits=[{"name": "all", **HOUR, "burst": 3}])
    answers = [ask(front, "/r"), ask(front, "/nowhere"), ask(front, host="b.example"), ask(front, "/r")]
    assert [a.status for a in answers] == [308, 404, 404, 429]


def test_a_rate_limit_comes_before_the_other_limits(origin, proxy):
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [origin().address], "max_request_body": 3, "rate_limits": ["a"]}],
                  rate_limits=[{"name": "a", **HOUR, "burst": 2}])
    answers = [ask(front, method="POST", body=b"too long") for _ in range(3)]
    assert [a.status for a in answers] == [413, 413, 429]


def test_a_service_in_few_words(origin, proxy):
    front = proxy({"web": {"upstreams": [origin()], "rate_limits": ["a"]}}, rate_limits=[{"name": "a", **HOUR, "burst": 2}])
    assert how_many(front) == 2


# --- reloads ---------------------------------------------------------------------------------------------


def changed(front, **what):
    front.config["rate_limits"][0].update(what)
    return front.reload()


def test_a_reload_keeps_the_counts(limited):
    front = limited({"name": "a", **HOUR, "burst": 5, "key": ["address"]})
    assert [passes(front) for _ in range(3)] == [True] * 3
    front.config["virtual_hosts"][0]["routes"] = [{"respond": {"status": 200, "body": "new"}}]
    assert front.reload()
    assert how_many(front) == 2
    front.counts(1, "rate_limited_total", limit="a")
    assert changed(front, headers=True) and not passes(front)
    front.counts(2, "rate_limited_total", limit="a")


def test_another_rate_holds_at_once(limited):
    front = limited({"name": "a", **HOUR, "burst": 2, "key": ["address"]})
    assert how_many(front) == 2
    assert changed(front, burst=5)
    assert how_many(front) == 3
    assert changed(front, burst=1)
    assert not passes(front)
    assert changed(front, dry_run=True)
    assert passes(front)
    assert changed(front, dry_run=False, requests=10_000_000, per="1s")
    eventually(lambda: passes(front))


def test_another_name_or_table_begins_anew(limited):
    front = limited({"name": "a", **HOUR, "burst": 2, "key": ["address"]})
    assert how_many(front) == 2
    assert changed(front, entries=1000)
    assert how_many(front) == 2
    front.counts(2, "rate_limited_total", limit="a")
    front.config["virtual_hosts"][0]["rate_limits"] = ["b"]
    assert changed(front, name="b")
    assert how_many(front) == 2


def test_a_mistake_changes_no_limit(limited):
    front = limited({"name": "a", **HOUR})
    assert how_many(front) == 1
    assert not changed(front, burst=100, key=["nobody"])
    assert not passes(front)


def test_limits_come_and_go(limited):
    front = limited({"name": "a", **HOUR})
    assert how_many(front) == 1
    host, limits = front.config["virtual_hosts"][0], front.config.pop("rate_limits")
    names = host.pop("rate_limits")
    assert front.reload() and how_many(front, most=3) == 3
    assert not [name for name, _ in front.metrics() if name == "cirque_rate_limited_total"]
    front.config["rate_limits"], host["rate_limits"] = limits, names
    assert front.reload() and how_many(front) == 1


# --- cells -----------------------------------------------------------------------------------------------


@pytest.fixture
def cells(origin, proxy):
    def start(*rates, shape="draft"):
        urls = {n: f"http://{origin().address}" for n in ("tier1", "tier2")}
        table = {"acme": "tier1", "globex": "tier1", "visa": "tier2"}
        words = {"draft": ("customer_to_placement", "placement_to_endpoint", "default_placement"),
                 "placements": ("routingTable", "placements", "defaultPlacement")}[shape]
        endpoints = urls if shape == "draft" else {n: {"url": url} for n, url in urls.items()}
        return proxy({}, env={"PORT": "0"}, **dict(zip(words, (table, endpoints, "tier2"))), version="1",
                     rate_limits=list(rates), logging={"access": {"format": "cells"}},
                     limits={"requests_per_connection": 1_000_000})
    return start


def ask_cell(front, key, target="/", *fields):
    with Client(front.port("router")) as one:
        return one.ask(request(target, f"X-Routing-Key: {key}", *fields))


@pytest.mark.parametrize("shape", ["draft", "placements"])
def test_cells_have_limits_by_placement_and_by_key(cells, shape):
    front = cells({"placement": "tier1", "rps": 1, "burst": 3}, {"routing_key": "acme", "rps": 1, "burst": 2}, shape=shape)
    seen = [ask_cell(front, "acme").status for _ in range(3)]
    assert seen == [200, 200, 429]
    answer = ask_cell(front, "acme", "/refused", "X-Request-Id: 0123")
    assert answer.status == 429 and b"rate_limited" in answer.body
    assert [answer.get(n) for n in ("X-Routed-To", "X-Route-Reason", "X-Request-Id")] == ["tier1", "tier", "0123"]
    assert not answer.has("X-Circuit-State") and answer.get("Retry-After") == "1"
    entry = front.entry("/refused")
    assert (entry["rate_limit"], entry["routing_key"], entry["placement_key"]) == ("key:acme", "acme", "tier1")
    assert entry["status_code"] == 429
    assert all(ask_cell(front, "visa").status == 200 for _ in range(5))


def test_cells_without_limits_have_none(cells, origin, proxy):
    front = proxy({}, env={"PORT": "0"}, version="1", routingTable={"a": "t"}, defaultPlacement="t",
                  cellEndpoints={"t": f"http://{origin().address}"})
    assert {ask_cell(front, "a").status for _ in range(50)} == {200}
    assert not [name for name, _ in front.metrics() if "rate_limit" in name]


def test_the_rate_of_a_cell_is_exact_within_a_tenth(cells):
    rps, seconds, clients = 100, 3, 4
    front = cells({"routing_key": "acme", "rps": rps})
    passed = collections.Counter()
    begin = time.monotonic()

    def work(number):
        with Client(front.port("router")) as one:
            while time.monotonic() - begin < seconds:
                passed[number] += one.ask(request("/", "X-Routing-Key: acme")).status == 200
    Crowd(work, clients).join()
    took = time.monotonic() - begin
    assert 0.9 * rps * took <= sum(passed.values()) <= 1.1 * rps * took


def test_the_limits_of_cells_in_our_own_words(cells):
    front = cells({"placement": "tier1", "rps": 1000}, {"routing_key": "acme é", "rps": 100})
    told = cirque("adapt", front.config_path).stdout
    assert "rate_limits:" in told and "placement:tier1" in told and "key:acme%20%C3%A9" in told
