"""Who the client is, where a proxy in front of this one has connected."""
import pytest
from lib.http import request

BEHIND = {"server": {"trusted_proxies": ["127.0.0.1", "10.0.0.0/8"], "workers": 1}}


@pytest.fixture
def pool(proxy, origin):
    """pool(routes, sections...): a proxy with one pool, whose answers tell which route took them."""
    def start(routes, listener=None, pools=None, **sections):
        backend = origin()
        return proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0", **(listener or {})}],
                     virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": routes}],
                     pools=[{"name": "p", "backends": [backend.address], **(pools or {})}], **sections)
    return start


def ask(client, front, forwarded=None, *fields):
    named = [f"X-Forwarded-For: {forwarded}"] if forwarded else []
    one = client(front.port("web"))
    return one.ask(request("/", *named, *fields))


def test_a_rate_limit_counts_clients_and_not_the_proxy_in_front(pool, client):
    limits = [{"name": "each", "requests": 1, "per": "1h", "key": ["address"]}]
    front = pool([{"pool": "p"}], {"rate_limits": ["each"]}, rate_limits=limits, **BEHIND)
    assert [ask(client, front, f"203.0.113.{n}").status for n in (1, 2, 1, 3, 2)] == [200, 200, 429, 200, 429]
    assert ask(client, front, "203.0.113.9, 203.0.113.1").status == 429  # the first may say what it likes
    assert ask(client, front, "203.0.113.1, 10.0.0.7").status == 429
    assert [ask(client, front).status for _ in range(2)] == [200, 429]
    assert [e["client"] for e in front.entries(9)][:2] == ["203.0.113.1", "203.0.113.2"]


def test_nobody_else_is_believed(pool, client):
    limits = [{"name": "each", "requests": 1, "per": "1h", "key": ["address"]}]
    front = pool([{"pool": "p"}], {"rate_limits": ["each"]}, rate_limits=limits,
                 server={"trusted_proxies": ["10.0.0.0/8"], "workers": 1})
    assert [ask(client, front, f"203.0.113.{n}").status for n in (1, 2)] == [200, 429]
    assert {e["client"] for e in front.entries(2)} == {"127.0.0.1"}


def test_routes_look_at_the_client(pool, client):
    inside = {"sources": ["203.0.113.0/24"], "respond": {"status": 200, "body": "inside"}}
    front = pool([inside, {"respond": {"status": 200, "body": "outside"}}], **BEHIND)
    assert ask(client, front, "203.0.113.8").body == b"inside"
    assert ask(client, front, "198.51.100.8").body == b"outside"
    assert ask(client, front).body == b"outside"


def test_explanations_are_for_those_who_are_trusted_themselves(pool, client):
    front = pool([{"pool": "p"}], **BEHIND)
    asked = "X-Cirque-Explain: 1"
    assert ask(client, front, None, asked).has("X-Cirque-Explain")
    assert ask(client, front, "10.0.0.7", asked).has("X-Cirque-Explain")
    assert not ask(client, front, "203.0.113.8", asked).has("X-Cirque-Explain")


def test_a_hash_of_the_address_is_one_of_the_clients(proxy, origin, client):
    backends = [origin(), origin()]
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [o.address for o in backends],
                          "balance": {"method": "hash", "hash_by": "address"}}], **BEHIND)
    for n in range(24):
        assert ask(client, front, f"203.0.113.{n}").status == 200
    assert all(len(o.targets) >= 4 for o in backends)
    before = [len(o.targets) for o in backends]
    for _ in range(8):
        assert ask(client, front, "203.0.113.1").status == 200
    assert sorted(len(o.targets) - b for o, b in zip(backends, before)) == [0, 8]
