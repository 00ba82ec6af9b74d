"""Virtual hosts, routes and what they lead to, as requests meet them; and what explains them."""
import collections
import json
import random
import re
import socket

import pytest
import yaml
from lib.http import Client, request
from lib.proxy import cirque
from lib.util import eventually


def named(name):
    """An origin's script that says who it is."""
    def script(conn):
        while r := conn.read_request():
            conn.respond(200, f"X-Origin: {name}", f"X-Got: {r.get('X-Cirque-Explain', 'nothing')}", body=b"ok")
    return script


@pytest.fixture
def routed(origin, proxy):
    """routed(pools={name: n}, virtual_hosts=[...], ...): a proxy with one listener 'web' and an origin for each
    pool's name, of which each answers with its name."""
    def start(pools, virtual_hosts, **sections):
        origins = {name: origin(named(name)) for name in pools}
        sections.setdefault("listeners", [{"name": "web", "address": "127.0.0.1:0"}])
        return proxy({}, virtual_hosts=virtual_hosts,
                     pools=[{"name": name, "backends": [o.address]} for name, o in origins.items()], **sections)
    return start


def went(front, target="/", *fields, host="a.example", method="GET", **how):
    """(status, the origin's name)"""
    with Client(front.port("web")) as one:
        answer = one.ask(request(target, *fields, host=host, method=method, **how))
        return answer.status, answer.get("X-Origin")


def test_the_host_decides_first(routed):
    front = routed(["exact", "wild", "deep", "rest"], [
        {"hosts": ["*"], "routes": [{"pool": "rest"}]},
        {"hosts": ["*.example"], "routes": [{"pool": "wild"}]},
        {"hosts": ["*.a.example"], "routes": [{"pool": "deep"}]},
        {"hosts": ["a.example", "192.0.2.1"], "routes": [{"pool": "exact"}]}])
    for host, pool in {"a.example": "exact", "A.Example:8080": "exact", "a.example.": "exact", "192.0.2.1": "exact",
                       "b.example": "wild", "x.y.example": "wild", "x.a.example": "deep",
                       "example": "rest", "other": "rest"}.items():
        assert went(front, host=host) == (200, pool), host


def test_the_most_specific_route_wins_wherever_it_stands(routed):
    front = routed(["all", "prefix", "longer", "exact", "pattern", "regex", "post", "beta", "net", "query", "cookie"], [
        {"hosts": ["*"], "routes": [
            {"pool": "all"},
            {"path_prefix": "/api", "pool": "prefix"},
            {"path_prefix": "/api/v2", "pool": "longer"},
            {"path": "/api/v2/x", "pool": "exact"},
            {"path_pattern": "/u/{id}/edit", "pool": "pattern"},
            {"path_regex": "/r[0-9]+", "pool": "regex"},
            {"path": "/m", "methods": ["POST", "PUT"], "pool": "post"},
            {"path": "/h", "headers": [{"name": "X-Env", "value": "beta"}], "pool": "beta"},
            {"path": "/n", "sources": ["127.0.0.0/8"], "pool": "net"},
            {"path": "/q", "query": [{"name": "v", "prefix": "2"}], "pool": "query"},
            {"path": "/c", "cookies": [{"name": "ab", "regex": "b+"}], "pool": "cookie"},
        ]}])
    for target, pool in {"/": "all", "/apix": "all", "/api": "prefix", "/api/v1": "prefix", "/api/v2": "longer",
                         "/api/v2/x": "exact", "/api//v2/./x": "exact", "/%61pi/v2/x": "exact", "/u/7/edit": "pattern",
                         "/u/7/8/edit": "all", "/r77": "regex", "/r": "all", "/n": "net", "/q?v=25": "query",
                         "/q?v=3": "all"}.items():
        assert went(front, target) == (200, pool), target
    assert went(front, "/m", method="POST", body=b"") == (200, "post")
    assert went(front, "/m") == (200, "all")
    assert went(front, "/h", "X-Env: beta") == (200, "beta")
    assert went(front, "/h", "X-Env: Beta") == (200, "all")
    assert went(front, "/c", "Cookie: x=1; ab=bbb") == (200, "cookie")


def test_what_was_matched_is_what_is_forwarded(origin, proxy):
    backend = origin()
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"path_prefix": "/a", "pool": "p"}]}],
                  pools=[{"name": "p", "backends": [backend.address]}])
    for target in ("/x/../a/%62", "/a//b", "/./a/b?c=%2e"):
        with Client(front.port("web")) as one:
            assert one.ask(request(target)).status == 200
    assert backend.targets == ["/a/b", "/a/b", "/a/b?c=%2e"]


def test_a_miss_says_what_was_missed(routed):
    front = routed(["p"], [{"hosts": ["a.example"], "routes": [{"path": "/a", "pool": "p"}]}])
    for host, reason in {"a.example": "no_route", "b.example": "no_virtual_host"}.items():
        with Client(front.port("web")) as one:
            answer = one.ask(request("/b", "Accept: application/json", host=host))
            assert (answer.status, json.loads(answer.body)["reason"]) == (404, reason)
            assert f'error=destination_not_found; details="{reason}"' in answer.get("Proxy-Status")
            assert one.ask(request("/a", host="a.example")).status == 200, "the connection lives on"
        front.counts(1, "http_reasons_total", reason=reason, service="web")
    assert {e["reason"] for e in front.entries(2, lambda e: e["status"] == 404)} == {
        "no_route", "no_virtual_host"}


def test_redirects_and_fixed_answers(routed):
    front = routed(["p"], [{"hosts": ["a.example"], "routes": [
        {"pool": "p", "path": "/p"},
        {"path": "/tls", "redirect": {"scheme": "https"}},
        {"path_prefix": "/old", "redirect": {"path": "/new", "status": 301}},
        {"path": "/away", "redirect": {"host": "b.example", "port": 8443, "scheme": "https", "status": 307}},
        {"path": "/six", "redirect": {"host": "[2001:db8::1]", "path": "/n%C3%A9w?from=six"}},
        {"path": "/gone", "respond": {"status": 410, "body": "gone\nfishing\n", "content_type": "text/x"}}]}])
    with Client(front.port("web")) as one:
        for target, status, location in (
                ("/tls?a=b", 308, "https://a.example/tls?a=b"),
                ("/old/x?y", 301, "http://a.example:81/new?y"),
                ("/away", 307, "https://b.example:8443/away"),
                ("/six", 308, "http://[2001:db8::1]/n%C3%A9w?from=six"),
                ("/six?a=b", 308, "http://[2001:db8::1]/n%C3%A9w?from=six&a=b")):
            answer = one.ask(request(target, host="a.example:81"))
            assert (answer.status, answer.get("Location")) == (status, location)
        answer = one.ask(request("/gone", host="a.example", method="POST", body=b"x" * 1000))
        assert (answer.status, answer.body, answer.get("Content-Type")) == (410, b"gone\nfishing\n", "text/x")
        assert one.ask(request("/p", host="a.example")).status == 200


def test_addresses_are_let_in_and_kept_out(origin, proxy):
    """Those who may, and those who may not; what a client says of its address counts for nothing."""
    backend = origin(named("inner"))
    no = {"respond": {"status": 403, "body": "not for you\n"}}
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["allow.example"], "routes": [
                                     {"sources": ["127.0.0.2/31", "10.0.0.0/8"], "pool": "p"}, no]},
                                 {"hosts": ["deny.example"], "routes": [
                                     {"sources": ["127.0.0.2/31", "10.0.0.0/8"], **no}, {"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [backend.address]}])

    def came(host, source):
        with Client(front.port("web"), source=source) as one:
            answer = one.ask(request(f"/{source}", "X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1", host=host))
        assert (answer.status, answer.body) in ((200, b"ok"), (403, b"not for you\n"))
        return answer.status
    sources = [f"127.0.0.{n}" for n in range(1, 5)]
    assert [came("allow.example", source) for source in sources] == [403, 200, 200, 403]
    assert backend.targets == ["/127.0.0.2", "/127.0.0.3"]
    assert [came("deny.example", source) for source in sources] == [200, 403, 403, 200]
    assert backend.targets[2:] == ["/127.0.0.1", "/127.0.0.4"]
    refused = front.entries(4, lambda e: e["status"] == 403)
    assert sorted(e["client"] for e in refused) == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]


def test_a_split_shares_by_weight(routed):
    front = routed(["a", "b"], [{"hosts": ["*"], "routes": [
        {"split": [{"pool": "a", "weight": 9}, {"pool": "b", "weight": 1}]}]}])
    with Client(front.port("web")) as one:
        got = [one.ask(request()).get("X-Origin") for _ in range(1000)]
    assert 40 < got.count("b") < 180  # of 100; five sigma are 48


def test_tags_choose_among_the_backends(origin, proxy):
    one, two, both = origin(named("one")), origin(named("two")), origin(named("both"))
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["a.example"], "routes": [{"tag": "a"}]},
                                 {"hosts": ["b.example"], "routes": [{"tag": "b"}]}],
                  backends=[{"id": "v1", "address": one.address, "tags": ["a"]},
                            {"id": "v2", "address": two.address, "tags": ["b"]},
                            {"id": "any", "address": both.address, "tags": ["a", "b"]}])
    assert {went(front, host="a.example")[1] for _ in range(4)} == {"one", "both"}
    assert {went(front, host="b.example")[1] for _ in range(4)} == {"two", "both"}


def test_a_routing_table_leads_from_key_to_pool(routed):
    front = routed(["tier1", "acme-cell", "rest"], [{"hosts": ["*"], "routes": [{"routing_table": "cells"}]}],
                   routing_tables=[{"name": "cells", "keys": {"acme": "acme-cell", "globex": "tier1"},
                                    "default": "rest"}])
    with Client(front.port("web")) as one:
        for key, pool, reason in (("acme", "acme-cell", "dedicated"), ("globex", "tier1", "tier"),
                                  ("Acme", "rest", "default"), ("nobody", "rest", "default")):
            answer = one.ask(request("/", f"X-Routing-Key: {key}", "X-Request-Id: 77"))
            assert answer.get("X-Origin") == pool
            assert (answer.get("X-Routed-To"), answer.get("X-Route-Reason")) == (pool, reason)
            assert answer.get("X-Request-Id") == "77"
        for fields in ((), ("X-Routing-Key:",)):
            answer = one.ask(request("/", *fields))
            assert (answer.status, answer.body) == (400, b"Bad Request: X-Routing-Key header is required\n")
    entry = front.entries(1, lambda e: e.get("routing_key") == "globex")[0]
    assert (entry["placement_key"], entry["route_reason"]) == ("tier1", "tier")
    front.counts(2, "http_reasons_total", reason="routing_key_missing")


def test_a_key_leads_to_a_pool_of_several_backends(origin, proxy):
    """A placement of three: they take turns, who is down is passed over, and how one is chosen is the pool's to say."""
    cells = {name: origin(named(name)) for name in ("a", "b", "c")}
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"routing_table": "cells"}]}],
                  pools=[{"name": "tier1", "backends": [cell.address for cell in cells.values()],
                          "health_check": {"interval": "50ms", "timeout": "10s"}},
                         {"name": "rest", "backends": [origin(named("rest")).address]}],
                  routing_tables=[{"name": "cells", "keys": {"acme": "tier1", "globex": "tier1"}, "default": "rest"}])

    def served(count, *fields, key="acme"):
        """How many of so many requests each of them answered."""
        with Client(front.port("web")) as one:
            answers = [one.ask(request("/", f"X-Routing-Key: {key}", *fields)) for _ in range(count)]
        told = {(a.status, a.get("X-Routed-To"), a.get("X-Route-Reason")) for a in answers}
        assert told == {(200, "rest", "default") if key == "nobody" else (200, "tier1", "tier")}
        return collections.Counter(a.get("X-Origin") for a in answers)
    assert served(12) == served(12, key="globex") == {"a": 4, "b": 4, "c": 4}
    assert served(12, key="nobody") == {"rest": 12}

    cells["b"].stop()
    eventually(lambda: not front.healthy(cells["b"].address))
    assert served(12) == {"a": 6, "c": 6}
    cells["b"].start()
    eventually(lambda: front.healthy(cells["b"].address))
    assert served(12) == {"a": 4, "b": 4, "c": 4}

    config = yaml.safe_load(yaml.safe_dump(front.config))
    config["pools"][0]["balance"] = {"method": "hash", "hash_by": "header:X-User"}
    assert front.reload(config)
    homes = {user: served(3, f"X-User: {user}") for user in range(40)}
    assert all(len(home) == 1 for home in homes.values()), "a user stays where he is"
    assert set().union(*homes.values()) == {"a", "b", "c"}


def test_explaining_fields_are_on_the_proxys_own_errors_as_well(origin, proxy):
    dead = origin()
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"routing_table": "cells"}]}],
                  pools=[{"name": "tier1", "backends": [dead.address]}],
                  routing_tables=[{"name": "cells", "keys": {"k": "tier1"}, "default": "tier1"}])
    dead.stop()
    with Client(front.port("web")) as one:
        answer = one.ask(request("/", "X-Routing-Key: k"))
        assert answer.status in (502, 503)
        assert (answer.get("X-Routed-To"), answer.get("X-Route-Reason")) == ("tier1", "tier")


def test_hosts_can_be_bound_to_listeners(origin, proxy):
    inner, outer = origin(named("inner")), origin(named("outer"))
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}, {"name": "lan", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"name": "i", "hosts": ["*"], "listeners": ["lan"], "routes": [{"pool": "inner"}]},
                                 {"name": "o", "hosts": ["*"], "listeners": ["web"], "routes": [{"pool": "outer"}]}],
                  pools=[{"name": "inner", "backends": [inner.address]}, {"name": "outer", "backends": [outer.address]}])
    assert went(front) == (200, "outer")
    with Client(front.port("lan")) as one:
        assert one.ask(request()).get("X-Origin") == "inner"


def test_health_is_answered_here_where_that_is_wanted(origin, proxy):
    """By a route, for the listeners that it is for, also while no backend is well; everywhere else it is proxied."""
    backend = origin(named("inner"))
    own = {"path": "/health", "respond": {"status": 200, "body": "ok\n"}}
    front = proxy({}, listeners=[{"name": name, "address": "127.0.0.1:0"} for name in ("own", "passed")],
                  virtual_hosts=[{"name": "o", "hosts": ["*"], "listeners": ["own"], "routes": [own, {"pool": "p"}]},
                                 {"name": "p", "hosts": ["*"], "listeners": ["passed"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [backend.address],
                          "health_check": {"interval": "50ms", "timeout": "10s"}}])

    def ask(listener, target):
        with Client(front.port(listener)) as one:
            answer = one.ask(request(target))
            return answer.status, answer.get("X-Origin")
    assert ask("own", "/health") == (200, None) and ask("own", "/healthy") == (200, "inner")
    assert ask("passed", "/health") == (200, "inner")
    assert backend.targets == ["/healthy", "/health"]
    backend.stop()
    eventually(lambda: not front.healthy(backend.address))
    assert ask("own", "/health") == (200, None)
    assert ask("own", "/healthy") == ask("passed", "/health") == (503, None)


def test_services_and_virtual_hosts_live_together(origin, proxy):
    old, new = origin(named("old")), origin(named("new"))
    front = proxy({"legacy": [old]}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [new.address]}])
    assert went(front) == (200, "new")
    with Client(front.port("legacy")) as one:
        assert one.ask(request()).get("X-Origin") == "old"


def test_the_log_names_the_route(routed):
    front = routed(["p"], [{"name": "shop", "hosts": ["*"], "routes": [{"name": "cart", "path": "/cart", "pool": "p"},
                                                                       {"pool": "p"}]}])
    assert went(front, "/cart") == went(front, "/") == (200, "p")
    assert front.entry("/cart")["route"] == "shop/cart"
    assert "route" not in front.entry("/")


def test_routes_change_by_reload_and_connections_live_on(routed):
    front = routed(["a", "b"], [{"hosts": ["*"], "routes": [{"pool": "a"}, {"path": "/b", "pool": "b"}]}])
    with Client(front.port("web")) as one:
        assert one.ask(request()).get("X-Origin") == "a"
        config = yaml.safe_load(yaml.safe_dump(front.config))
        config["virtual_hosts"][0]["routes"][0]["pool"] = "b"
        config["virtual_hosts"][0]["routes"][1]["pool"] = "a"
        assert front.reload(config)
        assert one.ask(request()).get("X-Origin") == "b"
        assert one.ask(request("/b")).get("X-Origin") == "a"
        config["virtual_hosts"][0]["routes"][0]["pool"] = "nobody"
        assert not front.reload(config)
        assert one.ask(request()).get("X-Origin") == "b"


def test_a_request_in_progress_keeps_the_routing_that_it_began_with(origin, proxy):
    """Its route is gone and its pool with it, and yet it may try the pool's next backend."""
    dead, alive = origin(), origin(named("alive"))
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "old"}]}],
                  pools=[{"name": "old", "backends": [alive.address]}, {"name": "new", "backends": [dead.address]}])
    with Client(front.port("web")) as one:
        one.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        eventually(lambda: alive.open_used == 1, what="the request is at the old pool's backend")
        config = {**front.config, "virtual_hosts": [{"hosts": ["*"], "routes": [{"pool": "new"}]}],
                  "pools": [{"name": "new", "backends": [dead.address]}]}
        assert front.reload(config)
        one.send(b"cd")
        assert one.answer().get("X-Origin") == "alive"


# --- tests of a configuration, and explanations ------------------------------------------------------------


def test_a_reload_refuses_a_configuration_whose_tests_fail(routed):
    hosts = [{"name": "shop", "hosts": ["a.example"], "routes": [{"name": "all", "pool": "a"}]}]
    front = routed(["a", "b"], hosts, tests=[{"url": "http://a.example/", "expect": {"pool": "a", "route": "all"}}])
    config = yaml.safe_load(yaml.safe_dump(front.config))
    config["virtual_hosts"][0]["routes"][0]["pool"] = "b"
    assert not front.reload(config)
    front.tells("pool a was expected, but it is b")
    assert went(front) == (200, "a")
    config["tests"][0]["expect"]["pool"] = "b"
    assert front.reload(config)
    assert went(front) == (200, "b")


def test_the_verb_test_counts(tmp_path):
    path = tmp_path / "c.yaml"
    config = {"listeners": [{"name": "web", "address": "127.0.0.1:0"}],
              "virtual_hosts": [{"name": "h", "hosts": ["a.example"], "routes": [
                  {"name": "r", "path": "/r", "redirect": {"scheme": "https"}}]}],
              "tests": [{"url": "http://a.example/r", "expect": {"status": 308, "location": "https://a.example/r"}},
                        {"name": "wrong", "url": "http://a.example/x", "expect": {"route": "r", "status": 200}}]}
    path.write_text(yaml.safe_dump(config))
    said = cirque("test", path)
    assert (said.returncode, said.stdout) == (1, "1 passed, 1 failed\n")
    assert "test 'wrong': route r was expected, but it is none" in said.stderr
    assert "test 'wrong': status 200 was expected, but it is 404" in said.stderr
    config["tests"].pop()
    path.write_text(yaml.safe_dump(config))
    said = cirque("test", path)
    assert (said.returncode, said.stdout, said.stderr) == (0, "1 passed, 0 failed\n", "")


def explained(front, *arguments):
    return cirque("explain", "--config", front.config_path, *arguments)


@pytest.fixture
def explainable(origin, proxy):
    """One whose admin port is in its file."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        admin = f"127.0.0.1:{free.getsockname()[1]}"
    up, down = origin(named("up")), origin()
    down.stop()
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], metrics={"listen": admin},
                  virtual_hosts=[{"name": "shop", "hosts": ["a.example"], "routes": [
                      {"name": "beta", "path_prefix": "/x", "headers": [{"name": "X-Env", "value": "beta"}],
                       "pool": "p"},
                      {"name": "plain", "path_prefix": "/x", "pool": "p"}]}],
                  pools=[{"name": "p", "backends": [up.address, down.address],
                          "health_check": {"interval": "100ms", "timeout": "50ms"}}])
    eventually(lambda: not front.healthy(down.address))
    return front, up, down


def test_explain_tells_every_step(explainable):
    front, up, down = explainable
    said = explained(front, "GET", "http://a.example/x/y")
    assert said.returncode == 0
    assert re.search(r'no +beta .*x-env is "beta" was wanted, nothing was there', said.stdout)
    assert re.search(r"takes it +plain", said.stdout)
    assert f"backend      {up.address} (health is not known here)" in said.stdout
    live = explained(front, "--live", "http://a.example/x/y", "-H", "X-Env: beta")
    assert live.returncode == 0, live.stderr
    assert re.search(r"takes it +beta", live.stdout) and re.search(r"would, too +plain", live.stdout)
    assert f"{up.address} (healthy: takes its turn)" in live.stdout
    assert f"{down.address} (down: gets nothing until a check succeeds)" in live.stdout
    for how in ((), ("--live",)):
        said = explained(front, *how, "http://a.example/X/y")
        assert said.returncode == 1
        assert "only upper and lower case differ" in said.stdout and "404: no_route" in said.stdout


def test_explain_says_what_it_cannot_understand(explainable):
    front = explainable[0]
    for arguments, what in (((), "needs a request"), (("http://a/%zz",), "not a URL"), (("GE T", "/"), "not a method"),
                            (("/", "--from", "me"), "not an IP address"), (("/", "-H", "x"), "'Name: value'"),
                            (("/", "--listener", "lan"), "no listener 'lan'")):
        said = explained(front, *arguments)
        assert said.returncode in (1, 2) and what in said.stderr, arguments


def test_a_request_can_ask_for_its_explanation(explainable):
    front = explainable[0]
    with Client(front.port("web")) as one:
        answer = one.ask(request("/x", "X-Cirque-Explain: 1", host="a.example"))
        assert answer.get("X-Cirque-Explain") == "listener=web; virtual_host=shop; route=plain; pool=p"
        assert answer.get("X-Got") == "nothing", "it ends at the proxy"
        answer = one.ask(request("/y", "X-Cirque-Explain: 1", host="a.example"))
        assert answer.get("X-Cirque-Explain") == "listener=web; virtual_host=shop; status=404; reason=no_route"
        assert not one.ask(request("/x", host="a.example")).has("X-Cirque-Explain")


class Generated:
    """A configuration that was made up: all kinds of hosts, predicates and targets."""

    PATHS = ["/", "/a", "/a/b", "/a/b/c", "/x", "/x/1", "/x/22/y"]

    def __init__(self, seed, backends):
        self.chance = random.Random(seed)
        self.listeners = [{"name": name, "address": "127.0.0.1:0"} for name in ("web", "lan")]
        names = {"h0": ["a.example"], "h1": ["*.example", "192.0.2.1"], "h2": ["*.b.example"], "h3": ["*"]}
        self.hosts = [{"name": name, "hosts": hosts, "routes": [self.route(number) for number in range(8)]}
                      for name, hosts in names.items()]
        self.chance.choice(self.hosts)["listeners"] = ["lan"]
        self.pools = [{"name": f"p{i}", "backends": [backends[f"p{i}"].address]} for i in range(4)]
        self.backends = [{"id": f"{tag}{i}", "address": backends[f"tag:{tag}"].address, "tags": [tag]}
                         for i, tag in enumerate("st")]
        self.tables = [{"name": f"t{i}", "header": "X-Key", "keys": {"k1": f"p{i}", "k2": "p2"}, "default": "p3"}
                       for i in range(2)]

    def route(self, number):
        pick, paths = self.chance.choice, self.PATHS
        path = pick([{}, {"path": pick(paths)}, {"path_prefix": pick(paths)},
                     {"path_pattern": pick(["/x/*", "/{a}/b", "/a/**", "/x/{n}/y"])},
                     {"path_regex": pick(["/x/[0-9]+", "/.*b", "/(a|x).*"])}])
        field = {"name": "c", **pick([{}, {"value": "1"}, {"prefix": "1"}, {"regex": "[12]"}, {"present": False}])}
        more = pick([{}, {}, {"methods": ["GET"]}, {"headers": [field]}, {"query": [field]}, {"cookies": [field]},
                     {"sources": [pick(["127.0.0.0/8", "10.0.0.0/8"])]}])
        pool = f"p{self.chance.randrange(4)}"
        where = pick([{"pool": pool}, {"pool": pool}, {"tag": pick("st")}, {"routing_table": pick(["t0", "t1"])},
                      {"split": [{"pool": "p0"}, {"pool": "p1", "weight": 3}, {"tag": "s"}]},
                      {"redirect": {"path": "/moved", "status": pick([301, 302, 307, 308])}},
                      {"respond": {"status": 400 + number}}])
        return {"name": f"r{number}", **path, **more, **where}

    def sections(self):
        return {"listeners": self.listeners, "virtual_hosts": self.hosts, "pools": self.pools,
                "backends": self.backends, "routing_tables": self.tables}

    def drop_dead_routes(self):
        """What `cirque validate` finds to be unreachable."""
        while True:
            said = cirque("validate", "--format", "json", "-", input=yaml.safe_dump(self.sections()))
            dead = [f["path"] for f in json.loads(said.stdout)["findings"] if f["code"] == "CQ1416"]
            if not dead:
                return
            host, route = map(int, re.match(r"virtual_hosts\[(\d+)\]\.routes\[(\d+)\]", dead[0]).groups())
            del self.hosts[host]["routes"][route]

    def request(self):
        pick = self.chance.choice
        host = pick(["a.example", "A.Example:80", "b.example", "x.b.example", "192.0.2.1", "other"])
        target = pick([*self.PATHS, "/b", "/a/", "/x/1/y", "/q"]) + pick(["", "", "?c=1", "?c=12", "?c=3"])
        fields = self.chance.choices(["C: 1", "C: 2", "Cookie: c=1", "Cookie: a=b; c=7", "X-Key: k1", "X-Key: k2",
                                      "X-Key: k"], k=self.chance.randrange(4))
        return request(target, *fields, "X-Cirque-Explain: 1", host=host, method=pick(["GET", "GET", "DELETE"]))

    def leads(self, told):
        """The route that the explanation names, as the configuration has it."""
        host = next(host for host in self.hosts if host["name"] == told["virtual_host"])
        return next(route for route in host["routes"] if route["name"] == told["route"])


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_explanations_are_what_happens(origin, proxy, seed):
    """Each request goes where its explanation says, and where the route leads that is named in it."""
    made = Generated(seed, {name: origin(named(name)) for name in ("p0", "p1", "p2", "p3", "tag:s", "tag:t")})
    made.drop_dead_routes()
    front = proxy({}, **made.sections())
    kinds = set()
    for listener in ("web", "lan"):
        with Client(front.port(listener)) as one:
            for _ in range(750):
                asked = made.request()
                answer = one.ask(asked)
                told = dict(p.split("=", 1) for p in answer.get("X-Cirque-Explain").split("; "))
                assert told["listener"] == listener
                kinds.add(check(answer, told, made.leads(told) if "route" in told else {}, asked))
    assert kinds >= {"miss", "pool", "split", "routing_table", "redirect", "respond"}


def check(answer, told, route, asked):
    """What kind of route it was."""
    went_to = answer.get("X-Origin")
    assert (answer.status == 200 and went_to == told.get("pool")) or (
        went_to is None and str(answer.status) == told["status"]) or "split" in route, (asked, told, answer)
    if not route:
        assert (answer.status, told["reason"]) in ((404, "no_route"), (404, "no_virtual_host"))
        return "miss"
    if "split" in route:
        assert {told["pool"], went_to} <= {"p0", "p1", "tag:s"} and answer.status == 200
        return "split"
    if "routing_table" in route:
        assert told["table"] == route["routing_table"]
        assert "pool" in told or (told["status"], told["reason"]) == ("400", "routing_key_missing")
        return "routing_table"
    if "redirect" in route:
        assert answer.status == route["redirect"]["status"] and "/moved" in answer.get("Location")
        return "redirect"
    if "respond" in route:
        assert answer.status == route["respond"]["status"]
        return "respond"
    assert told["pool"] == route.get("pool", f"tag:{route.get('tag')}")
    return "pool"
