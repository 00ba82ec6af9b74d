"""A thousand reloads while clients ask and WebSockets talk: nobody notices, and nothing is left behind."""
import http.client
import signal
import threading

import pytest
import yaml
from lib.http import Client, request
from lib.util import PATIENCE, SLOW, Crowd, eventually, free_port
from lib.websocket import WebSocketClients, WebSocketServer

RELOADS = 1000 if SLOW <= 1 else 120
WARM = 50  # reloads until memory is what it is going to be
GROWTH_MAX = 1024 * 1024
CLIENTS, WEBSOCKETS = 3, 20
BY_SIGNAL_EVERY = 10  # the other reloads are by order


class Orders:
    """POST /reload over one connection: the answer is the verdict."""

    def __init__(self, front):
        self.front = front
        self.connection = http.client.HTTPConnection("127.0.0.1", front.port("admin"), timeout=PATIENCE)

    def reload(self, text):
        fresh = self.front.config_path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.front.config_path)
        self.connection.request("POST", "/reload", headers={"X-Cirque-Control": "1"})
        answer = self.connection.getresponse()
        told = answer.read().decode()
        assert answer.status == 200, told

    def reload_by_signal(self, text):
        assert self.front.reload(text=text)


class Askers:
    """Each has a connection that it keeps, and makes a new one for every second request."""

    def __init__(self, ports):
        self.ports, self.over, self.may_ask = ports, threading.Event(), threading.Event()
        self.served = [0] * CLIENTS
        self.at_rest = [threading.Event() for _ in range(CLIENTS)]
        self.may_ask.set()
        self.crowd = Crowd(self._ask_on, CLIENTS)

    def _ask_on(self, number):
        with Client(self.ports["web"]) as kept:
            while not self.over.is_set():
                assert kept.ask(request(f"/kept/{number}", host="a.example")).status == 200
                with Client(self.ports["aside"]) as fresh:
                    answer = fresh.ask(request(f"/fresh/{number}", "Connection: close", host="b.example"))
                    assert answer.status == 200
                self.served[number] += 1
                if not self.may_ask.is_set():
                    self.at_rest[number].set()
                    assert self.may_ask.wait(PATIENCE)
                    self.at_rest[number].clear()

    def progress(self):
        """Returns once everybody was served again."""
        before = list(self.served)
        eventually(lambda: self.crowd.failures or all(now > then for now, then in zip(self.served, before)),
                   what="everybody is served")
        assert not self.crowd.failures, self.crowd.failures[0]

    def pause(self):
        self.may_ask.clear()
        for one in self.at_rest:
            assert one.wait(PATIENCE)

    def go_on(self):
        self.may_ask.set()

    def end(self):
        self.over.set()
        self.may_ask.set()
        self.crowd.join()


def successors(front, one, two, websockets):
    """Configurations that have little in common but that everything that is asked for is served."""
    def pool(name, *backends):
        return {"name": name, "backends": [b if isinstance(b, str) else b.address for b in backends]}

    def host(name, pool, *more):
        return {"name": name, "hosts": [f"{name}.example"], "routes": [*more, {"pool": pool}]}

    chat = {"hosts": ["*"], "routes": [{"path": "/chat", "pool": "chat"}]}
    many = [{"path": f"/other/{number}", "respond": {"status": 204}} for number in range(60)]
    web, aside = front.config["listeners"]
    come_and_go = [{"name": f"extra{n}", "address": f"127.0.0.1:{free_port()}"} for n in range(2)]
    base = {key: front.config[key] for key in ("server", "timeouts", "limits", "logging", "metrics")}
    bodies = [
        {"listeners": [web, aside], "virtual_hosts": [host("a", "one"), host("b", "one"), chat],
         "pools": [pool("one", one), pool("chat", websockets)]},
        {"listeners": [aside, web, come_and_go[0]],
         "virtual_hosts": [host("a", "two", *many), host("b", "one", {"path_prefix": "/fresh", "pool": "two"}), chat],
         "pools": [pool("one", one, two), pool("two", two), pool("chat", websockets)]},
        {"listeners": [web, *come_and_go, aside],  # those who chat do so without a pool
         "virtual_hosts": [host("b", "all"), host("a", "all", {"path_regex": "/kept/.*", "pool": "one"})],
         "pools": [pool("all", one, two), pool("one", two)], "limits": base["limits"] | {"fields": 64}},
        {"listeners": [web, come_and_go[1], aside],
         "virtual_hosts": [{"hosts": ["*.example"], "routes": [{"split": [{"pool": "one"}, {"pool": "two"}]},
                                                               {"path": "/chat", "pool": "one"}]}],
         "pools": [pool("two", two), pool("one", one)]},
    ]
    assert bodies[0]["pools"] == front.config["pools"]
    return [({extra["name"]: int(extra["address"].rpartition(":")[2]) for extra in come_and_go
              if extra in body["listeners"]},
             yaml.safe_dump({**base, **body}, sort_keys=False)) for body in bodies]


@pytest.mark.tsan
@pytest.mark.heavy
def test_a_storm_of_reloads_is_felt_by_nobody(origin, proxy):
    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    one, two, server = origin(), origin(), WebSocketServer(echo)
    front = proxy({}, server={"workers": 2}, limits={"requests_per_connection": 1_000_000_000},
                  listeners=[{"name": name, "address": "127.0.0.1:0"} for name in ("web", "aside")],
                  virtual_hosts=[{"name": name, "hosts": [f"{name}.example"], "routes": [{"pool": "one"}]} for name in "ab"]
                  + [{"hosts": ["*"], "routes": [{"path": "/chat", "pool": "chat"}]}],
                  pools=[{"name": "one", "backends": [one.address]}, {"name": "chat", "backends": [server.address]}])
    orders, configurations = Orders(front), successors(front, one, two, server.address)
    askers = Askers({name: front.port(name) for name in ("web", "aside")})
    sockets = WebSocketClients(f"ws://127.0.0.1:{front.port('web')}/chat", WEBSOCKETS)

    def rss_at_rest():
        askers.pause()
        eventually(lambda: front.in_flight() == WEBSOCKETS, what="only the WebSockets are left")
        return front.rss

    try:
        memory = 0
        for number in range(1, RELOADS + 1):
            extra, text = configurations[number % len(configurations)]
            talk = sockets.exchange()
            (orders.reload if number % BY_SIGNAL_EVERY else orders.reload_by_signal)(text)
            for port in extra.values():
                with Client(port) as client:
                    assert client.ask(request("/kept/extra", host="a.example")).status == 200
            talk.result(PATIENCE)
            if number % 10 == 0:
                askers.progress()
            if number == WARM:
                memory = rss_at_rest()
                askers.go_on()
        if SLOW <= 1:  # sanitizers keep what is freed
            eventually(lambda: rss_at_rest() <= memory + GROWTH_MAX,
                       what=f"no more memory than the {memory} bytes of the beginning, but it is {front.rss}")
        askers.end()
    finally:
        askers.over.set()
        askers.go_on()
        codes = sockets.close()
        server.stop()
    assert codes == [1000] * WEBSOCKETS
    assert front.running() and front.ps.children() == []
    assert front.stderr.count(" ready") == 1
    assert front.metric("config_reloads_total", result="success") == RELOADS
    assert front.metric("config_reloads_total", result="failure") == 0
    assert front.metrics().sum("cirque_http_requests_total", code="5xx") == 0
