"""No knob that does nothing: every key of the table of options, what it is set to, and what is seen of that.

Each observation names the two values that it tries and what is expected of each; a key of the schema without an
observation fails. Where a value is a time, the other one is so long that its event does not come, and what is waited
for would not come in time, or not so often, with the default.
"""
import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import platform
import re
import signal
import socket
import subprocess
import threading
import time

import psutil
import pytest
import yaml
from lib import pki
from lib.dns import DnsServer
from lib.http import Broken, Client, request
from lib.proxy import cirque, merge
from lib.util import PATIENCE, Crowd, dead_port, eventually, free_port, pause

KNOBS = {}
SHORT_WHILE = 0.4  # for what is not to happen


def knob(path, *pairs):
    """The function is the observation: look(world, value) of each pair's value is its other half."""
    def keep(look):
        assert path not in KNOBS and len({repr(seen) for _, seen in pairs}) > 1, path
        KNOBS[path] = (pairs, look)
        return look
    return keep


def keys_of(schema, prefix=""):
    """Paths of the keys that have values, as the table of options has them."""
    for key, what in schema.get("properties", {}).items():
        inner, path = what, f"{prefix}{key}"
        if "properties" in what.get("items", {}):
            inner, path = what["items"], path + "[]"
        yield from keys_of(inner, path + ".") if "properties" in inner else [path]


def named(name):
    def script(conn):
        while r := conn.read_request():
            fields = [f"X-Origin: {name}", f"X-Host: {r.get('Host')}", f"X-For: {r.get('X-Forwarded-For')}"]
            conn.respond(200, *fields, body=b"ok")
    return script


def silent(conn):
    """Takes requests and says nothing."""
    conn.read_request()
    conn.rest()


def half_an_answer(conn):
    conn.read_request()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
    conn.rest()


def endless(conn):
    conn.read_request()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
    while True:
        conn.send(b"x" * 65536)


def echo(conn):
    conn.read_request()
    conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n")
    conn.rest()


class HeldWorker:
    """The one worker of a proxy stands still, the other threads do not: a debugger has stopped it."""

    PEEK_TEXT, PEEK_USER, POKE_TEXT, DETACH, SYSCALL, SEIZE, INTERRUPT = 1, 3, 4, 17, 24, 0x4206, 0x4207
    ANY_CHILD = 0x40000000

    def __init__(self, front):
        tasks = pathlib.Path(f"/proc/{front.pid}/task")
        self.thread, = (int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == "cirque-worker")
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.restype = ctypes.c_long

    def __enter__(self):
        self.ask(self.SEIZE)
        self.ask(self.INTERRUPT)
        self.stopped()
        return self

    def __exit__(self, *_):
        self.ask(self.DETACH)

    def ask(self, what, address=0, data=0):
        ctypes.set_errno(0)
        answer = self.libc.ptrace(*map(ctypes.c_long, (what, self.thread, address, data)))
        if ctypes.get_errno():
            raise OSError(ctypes.get_errno(), "ptrace")
        return answer

    def stopped(self):
        assert os.WIFSTOPPED(os.waitpid(self.thread, self.ANY_CHILD)[1])


@contextlib.contextmanager
def endless_turn(front, request_is_sent):
    """The worker of a proxy never comes back from the recv() with which it takes a request: behind it there is now a jump
    to itself. Others who come there do not come back either; the watchdog does not."""
    if platform.machine() != "x86_64":
        pytest.skip("the jump is one of x86-64")
    orig_rax, rip, recvfrom, jump = 15 * 8, 16 * 8, 45, 0xfeeb
    with HeldWorker(front) as worker:
        request_is_sent()
        while worker.ask(worker.PEEK_USER, orig_rax) != recvfrom:
            worker.ask(worker.SYSCALL)
            worker.stopped()
        place = worker.ask(worker.PEEK_USER, rip)
        code = worker.ask(worker.PEEK_TEXT, place)
        worker.ask(worker.POKE_TEXT, place, code & ~0xffff | jump)
    try:
        yield
    finally:
        if front.running():
            with HeldWorker(front) as worker:
                worker.ask(worker.POKE_TEXT, place, code)


def happens(check, patience=SHORT_WHILE):
    try:
        eventually(check, timeout=patience)
    except AssertionError:
        return False
    return True


def happens_unless(never, check, patience=SHORT_WHILE):
    """Waits properly for what is to happen, and a short while for what is not to."""
    return happens(check, patience if never else PATIENCE)


class World:
    """Origins, a proxy for each value that is tried, and clients."""

    def __init__(self, origin, proxy, tmp_path):
        self.origin, self.proxy, self.folder = origin, proxy, tmp_path
        self.clients, self.origins, self.ends = [], {}, []

    def named(self, name):
        if name not in self.origins:
            self.origins[name] = self.origin(named(name))
        return self.origins[name].address

    def client(self, where, **how):
        self.clients.append(Client(where if isinstance(where, int) else where.port(), **how))
        return self.clients[-1]

    def dns(self):
        self.ends.append(DnsServer())
        return self.ends[-1]

    def full_backlog(self):
        """An address that neither accepts nor refuses."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        self.clients.append(listener)
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            self.clients.append(one)
        return "127.0.0.1:%d" % listener.getsockname()[1]

    def close_clients(self):
        while self.clients:
            self.clients.pop().close()

    def end(self):
        self.close_clients()
        for one in self.ends:
            one.end()

    def routed(self, *routes, pools=("yes", "no"), host=None, **sections):
        """A proxy with virtual hosts, and a pool for each name."""
        sections.setdefault("listeners", [{"name": "web", "address": "127.0.0.1:0"}])
        sections.setdefault("virtual_hosts", [{"name": "h", "hosts": ["*"], "routes": list(routes), **(host or {})}])
        if pools:
            sections["pools"] = [p if isinstance(p, dict) else {"name": p, "backends": [self.named(p)]} for p in pools]
        return self.proxy({}, **sections)

    def ask(self, front, target="/", *fields, listener="web", **how):
        with Client(front.port(listener)) as one:
            return one.ask(request(target, *fields, **how))

    def origin_of(self, front, target="/", *fields, **how):
        return self.ask(front, target, *fields, **how).get("X-Origin")

    def told(self, front, key, target="/", *fields):
        """A part of the explanation."""
        told = self.ask(front, target, "X-Cirque-Explain: 1", *fields).get("X-Cirque-Explain")
        return dict(part.split("=", 1) for part in told.split("; ")).get(key)

    def takes(self, route, *asked):
        """Which of these does a route take: "yn" is the first alone."""
        front = self.routed({"pool": "yes", **route})
        return "".join("y" if self.ask(front, *words, **how).status == 200 else "n" for words, how in asked)


@pytest.fixture
def world(origin, proxy, tmp_path):
    one = World(origin, proxy, tmp_path)
    yield one
    one.end()


@pytest.mark.parametrize("path", sorted(json.loads(cirque("schema").stdout)["properties"]))
def test_every_key_has_an_observation(path):
    schema = json.loads(cirque("schema").stdout)
    keys = set(keys_of({"properties": {path: schema["properties"][path]}}))
    assert keys and keys <= set(KNOBS), f"no observation: {sorted(keys - set(KNOBS))}"


def test_every_observation_is_of_a_key():
    assert set(KNOBS) <= set(keys_of(json.loads(cirque("schema").stdout)))


def asked(*words, **how):
    return words, how


# --- what a route asks -------------------------------------------------------------------------------------

R = "virtual_hosts[].routes[]."


def route_key(key, *pairs, of=None):
    """The requests that a route with this value takes."""
    @knob(R + key, *pairs)
    def look(world, value):
        return world.takes({key: value}, *of)


route_key("path", ("/a", "ynn"), ("/b", "nny"), of=[asked("/a"), asked("/a/x"), asked("/b")])
route_key("path_prefix", ("/a", "yyn"), ("/b", "nny"), of=[asked("/a"), asked("/a/x"), asked("/b")])
route_key("path_pattern", ("/{x}/a", "yn"), ("/{x}/b", "ny"), of=[asked("/1/a"), asked("/1/b")])
route_key("path_regex", ("/a+", "yn"), ("/b+", "ny"), of=[asked("/aa"), asked("/b")])
route_key("methods", (["GET"], "yn"), (["DELETE"], "ny"), of=[asked("/"), asked("/", method="DELETE")])
route_key("sources", (["127.0.0.0/8"], "y"), (["10.0.0.0/8"], "n"), of=[asked("/")])


def field_key(kind, key, *pairs, of, spell):
    @knob(f"{R}{kind}[].{key}", *pairs)
    def look(world, value):
        return world.takes({kind: [{"name": "c", key: value}]}, *(spell(*pair) for pair in of))


for _kind, _spell in (("headers", lambda name, value: asked("/", f"{name}: {value}")),
                      ("query", lambda name, value: asked(f"/?{name}={value}")),
                      ("cookies", lambda name, value: asked("/", f"Cookie: {name}={value}"))):
    field_key(_kind, "name", ("c", "yn"), ("d", "ny"), of=[("c", 1), ("d", 1)], spell=_spell)
    field_key(_kind, "value", ("a", "yn"), ("ab", "ny"), of=[("c", "a"), ("c", "ab")], spell=_spell)
    field_key(_kind, "prefix", ("a", "yy"), ("ab", "ny"), of=[("c", "a"), ("c", "abc")], spell=_spell)
    field_key(_kind, "regex", ("a+", "yn"), ("b+", "ny"), of=[("c", "aa"), ("c", "b")], spell=_spell)
    field_key(_kind, "present", (True, "yn"), (False, "ny"), of=[("c", "a"), ("other", "a")], spell=_spell)


# --- where a route leads -----------------------------------------------------------------------------------

TAGGED = ("yes", "no")


def tagged(world):
    return [{"id": name, "address": world.named(name), "tags": [name]} for name in TAGGED]


@knob(R + "name", ("one", "one"), ("other", "other"))
def _(world, name):
    return world.told(world.routed({"name": name, "pool": "yes"}), "route")


@knob(R + "pool", ("yes", "yes"), ("no", "no"))
def _(world, pool):
    return world.origin_of(world.routed({"pool": pool}))


@knob(R + "tag", ("yes", "yes"), ("no", "no"))
def _(world, tag):
    return world.origin_of(world.routed({"tag": tag}, backends=tagged(world)))


@knob(R + "split[].pool", ("yes", "yes"), ("no", "no"))
def _(world, pool):
    return world.origin_of(world.routed({"split": [{"pool": pool}]}))


@knob(R + "split[].tag", ("yes", "yes"), ("no", "no"))
def _(world, tag):
    return world.origin_of(world.routed({"split": [{"tag": tag}]}, backends=tagged(world)))


@knob(R + "split[].weight", (0, {"no"}), (1_000_000, {"yes"}))
def _(world, weight):
    other = 0 if weight else 1
    front = world.routed({"split": [{"pool": "yes", "weight": weight}, {"pool": "no", "weight": other}]})
    return {world.origin_of(front) for _ in range(8)}


def redirected(key, *pairs):
    @knob(f"{R}redirect.{key}", *pairs)
    def look(world, value):
        answer = world.ask(world.routed({"redirect": {"path": "/new", key: value}}), host="a.example")
        return answer.status, answer.get("Location")


redirected("scheme", ("http", (308, "http://a.example/new")), ("https", (308, "https://a.example/new")))
redirected("host", ("b.example", (308, "http://b.example/new")), ("c.example", (308, "http://c.example/new")))
redirected("port", (81, (308, "http://a.example:81/new")), (82, (308, "http://a.example:82/new")))
redirected("path", ("/one", (308, "http://a.example/one")), ("/two", (308, "http://a.example/two")))
redirected("status", (301, (301, "http://a.example/new")), (307, (307, "http://a.example/new")))


def responded(key, look_at, *pairs):
    @knob(f"{R}respond.{key}", *pairs)
    def look(world, value):
        return look_at(world.ask(world.routed({"respond": {"status": 404, "body": "x", key: value}})))


responded("status", lambda a: a.status, (404, 404), (410, 410))
responded("body", lambda a: a.body, ("one", b"one"), ("two", b"two"))
responded("content_type", lambda a: a.get("Content-Type"), ("a/b", "a/b"), ("c/d", "c/d"))


@knob(R + "report", ("configuration", True), (None, False))
def _(world, report):
    front = world.routed({"report": report} if report else {"pool": "yes"})
    return world.ask(front).get("Content-Type") == "application/json"


def cells(world, **table):
    table = {"name": "cells", "keys": {"k": "yes"}, "default": "no", **table}
    return world.routed({"routing_table": table["name"]}, routing_tables=[table])


@knob(R + "routing_table", ("one", "yes"), ("two", "no"))
def _(world, name):
    tables = [{"name": n, "keys": {"k": pool}, "default": pool} for n, pool in (("one", "yes"), ("two", "no"))]
    return world.origin_of(world.routed({"routing_table": name}, routing_tables=tables), "/", "X-Routing-Key: k")


@knob("routing_tables[].name", ("one", "one"), ("two", "two"))
def _(world, name):
    return world.told(cells(world, name=name), "table", "/", "X-Routing-Key: k")


@knob("routing_tables[].header", ("X-One", (200, 400)), ("X-Two", (400, 200)))
def _(world, header):
    front = cells(world, header=header)
    return tuple(world.ask(front, "/", f"{name}: k").status for name in ("X-One", "X-Two"))


@knob("routing_tables[].keys", ({"k": "yes"}, "yes"), ({"k": "no"}, "no"))
def _(world, keys):
    return world.origin_of(cells(world, keys=keys), "/", "X-Routing-Key: k")


@knob("routing_tables[].default", ("yes", "yes"), ("no", "no"))
def _(world, pool):
    return world.origin_of(cells(world, default=pool), "/", "X-Routing-Key: unknown")


@knob("routing_tables[].tiers", (["yes"], "tier"), (["no"], "dedicated"))
def _(world, tiers):
    return world.ask(cells(world, tiers=tiers), "/", "X-Routing-Key: k").get("X-Route-Reason")


# --- hosts, listeners, pools, services ---------------------------------------------------------------------


@knob("virtual_hosts[].name", ("one", "one"), ("two", "two"))
def _(world, name):
    return world.told(world.routed({"pool": "yes"}, host={"name": name}), "virtual_host")


def error_page_keys(where):
    """Of all hosts, or of one: what an answer of ours looks like with one entry or another."""
    def page_of(world, entry, accept, target="/"):
        entry = {"status": "404", **entry}
        at = {"host": {"error_pages": [entry]}} if where.startswith("virtual_hosts") else {"error_pages": [entry]}
        front = world.routed({"path": "/only", "pool": "yes"}, **at)
        return world.ask(front, target, f"Accept: {accept}").body

    @knob(where + "status", ("404", b"ours"), ("503", None), ("4xx", b"ours"))
    def status(world, status):
        body = page_of(world, {"status": status, "html": {"text": "ours"}}, "text/html")
        return body if body == b"ours" else None

    for language, accept in (("html", "text/html"), ("json", "application/json")):
        @knob(f"{where}{language}.text", ("one", b"one"), ("{status}", b"404"))
        def text(world, text, language=language, accept=accept):
            return page_of(world, {language: {"text": text}}, accept)

        @knob(f"{where}{language}.file", ("one", b"it is one"), ("two", b"it is two"))
        def file(world, name, language=language, accept=accept):
            path = world.folder / name
            path.write_text(f"it is {name}")
            return page_of(world, {language: {"file": str(path)}}, accept)


error_page_keys("error_pages[].")
error_page_keys("virtual_hosts[].error_pages[].")


@knob("virtual_hosts[].hosts", (["a.example"], (200, 404)), (["*.b.example"], (404, 200)))
def _(world, hosts):
    front = world.routed({"pool": "yes"}, host={"hosts": hosts})
    return tuple(world.ask(front, host=name).status for name in ("a.example", "x.b.example"))


def two_listeners():
    return [{"name": name, "address": "127.0.0.1:0"} for name in ("web", "lan")]


@knob("virtual_hosts[].listeners", (["web"], (200, 404)), (["lan"], (404, 200)))
def _(world, names):
    front = world.routed({"pool": "yes"}, host={"listeners": names}, listeners=two_listeners())
    return tuple(world.ask(front, listener=name).status for name in ("web", "lan"))


@knob("listeners[].name", ("one", "one"), ("two", "two"))
def _(world, name):
    front = world.routed({"pool": "yes"}, listeners=[{"name": name, "address": "127.0.0.1:0"}])
    world.ask(front, "/log", listener=name)
    return front.entry("/log")["service"]


@knob("listeners[].address", ("127.0.0.1:0", "127.0.0.1"), ("127.0.0.2:0", "127.0.0.2"))
def _(world, address):
    front = world.routed({"pool": "yes"}, listeners=[{"name": "web", "address": address}])
    where = front.address("web").rpartition(":")
    with Client((where[0], int(where[2]))) as one:
        assert one.ask(request()).status == 200
    return where[0]


@knob("pools[].name", ("one", "one"), ("two", "two"))
def _(world, name):
    front = world.routed({"pool": name}, pools=[{"name": name, "backends": [world.named("yes")]}])
    world.ask(front)
    return next(dict(labels)["pool"] for metric, labels in front.metrics() if metric == "cirque_upstream_healthy")


@knob("pools[].backends", ("yes", "yes"), ("no", "no"))
def _(world, name):
    return world.origin_of(world.routed({"pool": "p"}, pools=[{"name": "p", "backends": [world.named(name)]}]))


@knob("pools[].tag", ("yes", "yes"), ("no", "no"))
def _(world, tag):
    return world.origin_of(world.routed({"pool": "p"}, pools=[{"name": "p", "tag": tag}], backends=tagged(world)))


@knob("pools[].host", ("one.example", "one.example"), ("two.example", "two.example"))
def _(world, host):
    front = world.routed({"pool": "p"}, pools=[{"name": "p", "host": host, "backends": [world.named("yes")]}])
    return world.ask(front).get("X-Host")


@knob("backends[].id", ("one", "yes"), ("two", "no"))
def _(world, name):
    other = {"one": "two", "two": "one"}[name]
    backends = [{"id": name, "address": world.named("yes")}, {"id": other, "address": world.named("no")}]
    return world.origin_of(world.routed({"pool": "p"}, pools=[{"name": "p", "backends": ["one"]}], backends=backends))


@knob("backends[].address", ("yes", "yes"), ("no", "no"))
def _(world, name):
    return world.origin_of(world.routed({"pool": "p"}, pools=[{"name": "p", "backends": ["one"]}],
                                        backends=[{"id": "one", "address": world.named(name)}]))


@knob("backends[].tags", (["x"], "yes"), (["y"], "no"))
def _(world, tags):
    other = {"x": ["y"], "y": ["x"]}[tags[0]]
    backends = [{"id": "one", "address": world.named("yes"), "tags": tags},
                {"id": "two", "address": world.named("no"), "tags": other}]
    return world.origin_of(world.routed({"tag": "x"}, backends=backends))


@knob("services[].name", ("one", "one"), ("two", "two"))
def _(world, name):
    front = world.proxy({name: [world.named("yes")]})
    world.ask(front, "/log", listener=name)
    return front.entry("/log")["service"]


@knob("services[].bind_address", ("127.0.0.1:0", "127.0.0.1"), ("127.0.0.2:0", "127.0.0.2"))
def _(world, address):
    front = world.proxy({"web": {"upstreams": [world.named("yes")], "bind_address": address}})
    return front.address("web").rpartition(":")[0]


@knob("services[].upstreams", ("yes", "yes"), ("no", "no"))
def _(world, name):
    return world.origin_of(world.proxy({"web": [world.named(name)]}))


@knob("services[].tls", (False, (0, False)), (True, (1, True)))
def _(world, tls):
    service = {"name": "web", "bind_address": "127.0.0.1:0", "upstreams": ["127.0.0.1:1"], "tls": tls}
    said = cirque("validate", "-", input=yaml.safe_dump({"services": [service]}))
    return said.returncode, "CQ1405" in said.stdout + said.stderr


@knob("version", ("1.2", "1.2"), ("1.3", "1.3"))
def _(world, version):
    return json.loads(world.proxy([world.named("yes")], version=version).admin("/debug/config")[1])["version"]


@knob("include", ("yes", "yes"), ("no", "no"))
def _(world, pool):
    path = world.folder / f"{pool}.yaml"
    path.write_text(yaml.safe_dump({"virtual_hosts": [{"hosts": ["*"], "routes": [{"pool": pool}]}]}))
    return world.origin_of(world.routed(virtual_hosts=[], include=[str(path)]))


# --- rate limits ---------------------------------------------------------------------------------------------

HOURLY = {"name": "a", "requests": 1, "per": "1h"}


def rated(world, *asked, routes=(), host=None, **limit):
    """Which of these requests, each given as (words, how), a limit lets pass: "yn" is the first alone."""
    host = {"rate_limits": ["a"]} if host is None else host
    routes = routes or [{"respond": {"status": 200, "body": "x"}}]
    front = world.routed(*routes, pools=(), host=host, rate_limits=[{**HOURLY, **limit}])
    return passing(world, front, *asked)


def passing(world, front, *asked):
    return "".join("y" if world.ask(front, *words, **how).status == 200 else "n" for words, how in asked)


def rate_key(key, *pairs, of):
    @knob("rate_limits[]." + key, *pairs)
    def look(world, value):
        return rated(world, *of, **{key: value})


TWICE = [asked("/"), asked("/")]
rate_key("requests", (1, "yn"), (2, "yy"), of=TWICE)
rate_key("burst", (1, "yn"), (2, "yy"), of=TWICE)
rate_key("key", (["query:x"], "yyn"), (["query:y"], "ynn"), of=[asked("/?x=1"), asked("/?x=2"), asked("/?x=2")])
rate_key("dry_run", (True, "yy"), (False, "yn"), of=TWICE)


@knob("rate_limits[].name", ("one", "one"), ("two", "two"))
def _(world, name):
    front = world.routed({"pool": "yes"}, host={"rate_limits": [name]}, rate_limits=[{**HOURLY, "name": name}])
    return world.told(front, "rate_limits")


@knob("rate_limits[].per", ("1h", "3600"), ("1m", "60"))
def _(world, per):
    front = world.routed({"pool": "yes"}, host={"rate_limits": ["a"]}, rate_limits=[{**HOURLY, "per": per, "headers": True}])
    return world.ask(front).get("RateLimit-Policy").rpartition("w=")[2]


@knob("rate_limits[].headers", (True, True), (False, False))
def _(world, headers):
    front = world.routed({"pool": "yes"}, host={"rate_limits": ["a"]}, rate_limits=[{**HOURLY, "headers": headers}])
    return world.ask(front).has("RateLimit")


@knob("rate_limits[].entries", (16, 256), (1600, 25_600))
def _(world, entries):
    front = world.routed({"pool": "yes"}, host={"rate_limits": ["a"]},
                         rate_limits=[{**HOURLY, "key": ["address"], "entries": entries}])
    return front.metric("rate_limit_bytes")


@knob("rate_limits[].ipv4_prefix", (32, "yy"), (31, "yn"))
def _(world, bits):
    front = world.routed({"respond": {"status": 200, "body": "x"}}, pools=(), host={"rate_limits": ["a"]},
                         rate_limits=[{**HOURLY, "key": ["address"], "ipv4_prefix": bits}])
    seen = [world.client(front.port("web"), source=f"127.0.0.{n}").ask(request("/")).status for n in (2, 3)]
    return "".join("y" if status == 200 else "n" for status in seen)


@knob("rate_limits[].ipv6_prefix", (64, "(/32, /64)"), (128, "(/32, /128)"))
def _(world, bits):
    """Of a machine's own addresses only ::1 is sure to be there; what the prefix does is in rate_limits_test.cpp."""
    front = world.routed({"pool": "yes"}, host={"rate_limits": ["a"]},
                         rate_limits=[{**HOURLY, "key": ["address"], "ipv6_prefix": bits}])
    told = cirque("explain", "--config", front.config_path, "http://a.example/").stdout
    return next(line for line in told.splitlines() if line.startswith("rate limit")).rpartition("address ")[2]


TWO_RATES = [HOURLY, {"name": "b", "requests": 2, "per": "1h"}]


def limits_key(path, *pairs, of):
    @knob(path, *pairs)
    def look(world, names):
        sections = {"listeners": [{"name": "web", "address": "127.0.0.1:0"}],
                    "virtual_hosts": [{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                    "pools": [{"name": "p", "backends": [world.named("yes")]}]}
        of(sections)["rate_limits"] = names
        return passing(world, world.proxy({}, rate_limits=TWO_RATES, **sections), *TWICE, asked("/"))


for _path, _of in (("listeners[].", lambda s: s["listeners"][0]),
                   ("virtual_hosts[].", lambda s: s["virtual_hosts"][0]),
                   ("virtual_hosts[].routes[].", lambda s: s["virtual_hosts"][0]["routes"][0]),
                   ("pools[].", lambda s: s["pools"][0])):
    limits_key(_path + "rate_limits", (["a"], "ynn"), (["b"], "yyn"), of=_of)


@knob("services[].rate_limits", (["a"], "ynn"), (["b"], "yyn"))
def _(world, names):
    front = world.proxy({"web": {"upstreams": [world.named("yes")], "rate_limits": names}}, rate_limits=TWO_RATES)
    return passing(world, front, *TWICE, asked("/"))


@knob("routing_tables[].rate_limits", ({"k": "a"}, "yny"), ({"k": "b"}, "yyy"))
def _(world, limits):
    table = {"name": "cells", "keys": {"k": "yes"}, "default": "no", "rate_limits": limits}
    front = world.routed({"routing_table": "cells"}, routing_tables=[table], rate_limits=TWO_RATES)
    keys = [asked("/", f"X-Routing-Key: {key}") for key in ("k", "k", "other")]
    return passing(world, front, *keys)


# --- health ------------------------------------------------------------------------------------------------


def checked(world, where, backend, **check):
    if where == "services[].":
        spelled = {"timeout": "timeout_ms", "interval": "frequency_secs"}
        check = {spelled.get(key, key): value for key, value in check.items()}
        return world.proxy({"web": {"upstreams": [backend], "health_check": check}})
    if where == "pools[].":
        return world.routed({"pool": "p"}, pools=[{"name": "p", "backends": [backend], "health_check": check}])
    return world.routed({"tag": "t"}, pools=[], health_check=check, backends=[{"id": "b", "address": backend, "tags": ["t"]}])


def health_keys(where, timeout, interval, checks_in_time):
    """`interval`: the least, and one that never comes; with the default there are fewer checks in time."""
    names = {"timeout": "timeout", "interval": "interval"}
    if where == "services[].":
        names = {"timeout": "timeout_ms", "interval": "frequency_secs"}
    prefix = f"{where}health_check."

    @knob(prefix + names["timeout"], (timeout[0], True), (timeout[1], False))
    def _(world, value):
        backend = world.full_backlog()
        front = checked(world, where, backend, timeout=value)
        # With the default it would be found out after half a second.
        return happens_unless(value == timeout[1], lambda: not front.healthy(backend), 1.2)

    @knob(prefix + names["interval"], (interval[0], True), (interval[1], False))
    def _(world, value):
        backend = world.origin()
        checked(world, where, backend.address, interval=value)
        return happens_unless(value == interval[1], lambda: backend.accepted >= checks_in_time)

    @knob(prefix + "unhealthy_threshold", (1, True), (100, False))
    def _(world, value):
        dead = f"127.0.0.1:{dead_port()}"
        front = checked(world, where, dead, interval=interval[0], unhealthy_threshold=value)
        return happens_unless(value == 100, lambda: not front.healthy(dead))

    @knob(prefix + "healthy_threshold", (1, True), (100, False))
    def _(world, value):
        backend = world.origin()
        backend.stop_listening()
        front = checked(world, where, backend.address, interval=interval[0], healthy_threshold=value)
        eventually(lambda: not front.healthy(backend.address))
        backend.start()
        before = backend.accepted
        eventually(lambda: backend.accepted > before)
        return happens_unless(value == 100, lambda: front.healthy(backend.address))


health_keys("services[].", (100, 10_000), (1, 60), 6)
health_keys("pools[].", ("50ms", "10m"), ("10ms", "1h"), 30)
health_keys("", ("50ms", "10m"), ("10ms", "1h"), 30)


def only_up(conn):
    """Healthy for who asks for /up alone."""
    while r := conn.read_request():
        conn.respond(200 if r.target == "/up" else 500, body=b"x")


def health_path(where):
    @knob(where + "health_check.path", ("/up", False), ("/down", True))
    def _(world, path):
        backend = world.origin(only_up)
        front = checked(world, where, backend.address, path=path, interval="50ms")
        eventually(lambda: path in backend.targets)
        return happens_unless(path == "/up", lambda: not front.healthy(backend.address))


def first_check(world, where, **check):
    """The first check that a backend sees."""
    backend = world.origin(only_up)
    checked(world, where, backend.address, **{"path": "/up", **check})
    return eventually(lambda: backend.requests and backend.requests[0])


def stays_up(world, where, script, **check):
    """Is it still healthy after three checks?"""
    backend = world.origin(script)
    front = checked(world, where, backend.address, **{"path": "/up", "interval": "50ms", **check})
    eventually(lambda: len(backend.requests) > 3)
    return front.healthy(backend.address)


def health_request(where):
    @knob(where + "health_check.method", ("GET", "GET"), ("HEAD", "HEAD"), ("OPTIONS", "OPTIONS"), ("POST", "POST"))
    def _(world, method):
        return first_check(world, where, method=method).method

    @knob(where + "health_check.host", ("a.example", "a.example"), ("b.example", "b.example"))
    def _(world, host):
        return first_check(world, where, host=host).get("Host")

    @knob(where + "health_check.headers", ({"X-Probe": "1"}, "1"), ({"X-Other": "1"}, None))
    def _(world, fields):
        return first_check(world, where, headers=fields).get("X-Probe")

    @knob(where + "health_check.statuses", (["200-299", 404], True), (["3xx"], False))
    def _(world, statuses):
        return stays_up(world, where, not_found, statuses=statuses)

    @knob(where + "health_check.body", ("good", True), ("bad", False))
    def _(world, text):
        return stays_up(world, where, all_is_good, body=text)


def not_found(conn):
    while conn.read_request():
        conn.respond(404, body=b"x")


def all_is_good(conn):
    while conn.read_request():
        conn.respond(200, body=b"all is good")


for place in ("pools[].", ""):
    health_path(place)
    health_request(place)


def guarded(world, script=named("yes"), **settings):
    backend = world.origin(script)
    return world.routed({"pool": "p"}, pools=[{"name": "p", "backends": [backend.address], **settings},
                                              {"name": "spare", "backends": [world.named("spare")]},
                                              {"name": "more", "backends": [world.named("more")]}]), backend


def failing(conn):
    while conn.read_request():
        conn.respond(500, body=b"x")


@knob("pools[].circuit_breaker.failure_threshold", (0, [500, 500, 500]), (2, [500, 500, 503]))
def _(world, threshold):
    front, _ = guarded(world, failing, circuit_breaker={"failure_threshold": threshold})
    return [world.ask(front).status for _ in range(3)]


@knob("pools[].circuit_breaker.timeout", ("50ms", True), ("1h", False))
def _(world, timeout):
    front, backend = guarded(world, failing, circuit_breaker={"failure_threshold": 1, "timeout": timeout})
    world.ask(front)
    return happens_unless(timeout == "1h", lambda: world.ask(front).status == 500)


@knob("pools[].fallback", ("spare", "spare"), ("more", "more"))
def _(world, name):
    front, _ = guarded(world, failing, circuit_breaker={"failure_threshold": 1}, fallback=name)
    world.ask(front)
    return world.origin_of(front)


def second_of_two(world, **settings):
    """The status of a request that comes while another is with the backend, and is let go once it has been seen to."""
    go = threading.Event()

    def held(conn):
        while r := conn.read_request():
            if r.target == "/held":
                go.wait()
            conn.respond(200, body=b"x")
    front, backend = guarded(world, held, **settings)
    first, second = world.client(front.port("web")), world.client(front.port("web"))
    first.send(request("/held"))
    eventually(lambda: "/held" in backend.targets)
    second.send(request("/second"))
    eventually(lambda: front.metric("pool_queue_waited_total", pool="p") == 1
               or front.metric("http_requests_total", service="web") == 1)
    if settings.get("queue", {}).get("timeout") == "10ms":
        eventually(lambda: front.metric("pool_queue_timeouts_total", pool="p") == 1)
    go.set()
    first.answer()
    return second.answer().status


@knob("pools[].concurrency_limit", (1, 429), (0, 200))
def _(world, limit):
    return second_of_two(world, concurrency_limit=limit)


@knob("pools[].adaptive_limit.max", (1, 429), (0, 200))
def _(world, most):
    return second_of_two(world, adaptive_limit={"min": 1, "max": most})


@knob("pools[].adaptive_limit.min", (4, 20), (30, 30))
def _(world, least):
    """Where it begins."""
    front, _ = guarded(world, adaptive_limit={"min": least, "max": 100})
    return front.metric("pool_requests_max", pool="p")


@knob("pools[].adaptive_limit.window", ("10ms", True), ("1m", False))
def _(world, window):
    all_inside = threading.Barrier(12)

    def together(conn):
        while conn.read_request():
            all_inside.wait(60)
            conn.respond()
    front, _ = guarded(world, together, adaptive_limit={"max": 100, "window": window})

    def has_learned():
        Crowd(lambda _: world.ask(front), 12).join()
        return front.metric("pool_requests_max", pool="p") != 20
    return happens_unless(window == "1m", has_learned)


@knob("pools[].backend_concurrency_limit", (1, 429), (2, 200))
def _(world, limit):
    return second_of_two(world, backend_concurrency_limit=limit)


@knob("pools[].backend_circuit_breaker.failure_threshold", (0, [500, 500, 500]), (2, [500, 500, 503]))
def _(world, threshold):
    front, _ = guarded(world, failing, backend_circuit_breaker={"failure_threshold": threshold})
    return [world.ask(front).status for _ in range(3)]


@knob("pools[].backend_circuit_breaker.timeout", ("50ms", True), ("1h", False))
def _(world, timeout):
    front, backend = guarded(world, failing, backend_circuit_breaker={"failure_threshold": 1, "timeout": timeout})
    world.ask(front)
    return happens_unless(timeout == "1h", lambda: world.ask(front).status == 500)


@knob("pools[].queue.size", (0, 429), (1, 200))
def _(world, size):
    return second_of_two(world, concurrency_limit=1, queue={"size": size, "timeout": "1m"})


@knob("pools[].queue.timeout", ("10ms", 503), ("1m", 200))
def _(world, timeout):
    return second_of_two(world, concurrency_limit=1, queue={"size": 1, "timeout": timeout})


@knob("pools[].max_request_body", (10, 413), (0, 200))
def _(world, most):
    front, _ = guarded(world, max_request_body=most)
    return world.ask(front, method="POST", body=b"x" * 11).status


# --- balancing ---------------------------------------------------------------------------------------------


def several(world, *scripts, backend=None, sections=None, **pool):
    """A proxy on a pool of origins with these scripts, or names; `backend`: more of the first."""
    made = [world.origin(named(s) if isinstance(s, str) else s) for s in scripts]
    backends = [{"id": f"b{i}", "address": o.address, "tags": ["t"]} for i, o in enumerate(made)]
    backends[0].update(backend or {})
    front = world.routed({"pool": "p"}, backends=backends, pools=[{"name": "p", "tag": "t", **pool}],
                         **(sections or {}))
    front.made = made
    return front


def seen_origins(world, front, targets):
    return len({world.origin_of(front, target) for target in targets})


@knob("pools[].balance.method", ("round_robin", 2), ("hash", 1))
def _(world, method):
    front = several(world, "one", "two", balance={"method": method, "hash_by": "path"})
    return seen_origins(world, front, ["/"] * 8)


@knob("pools[].balance.hash_by", ("path", 2), ("query:user", 1))
def _(world, key):
    front = several(world, "one", "two", balance={"method": "hash", "hash_by": key})
    return seen_origins(world, front, [f"/{n}?user=7" for n in range(32)])


@knob("pools[].balance.hash_bound", (101, 2), (10_000, 1))
def _(world, bound):
    go = threading.Event()

    def held(conn):
        conn.read_request()
        go.wait()
        conn.respond()
    front = several(world, held, held, balance={"method": "hash", "hash_by": "path", "hash_bound": bound})
    clients = [world.client(front.port("web")) for _ in range(6)]
    for number, one in enumerate(clients):
        one.send(request("/same"))
        eventually(lambda n=number: sum(len(o.requests) for o in front.made) > n)
    busy = sum(bool(o.requests) for o in front.made)
    go.set()
    for one in clients:
        one.answer()
    return busy


def set_cookie(world, **sticky):
    front = several(world, "one", sticky={"cookie": "keep", **sticky})
    with world.client(front.port("web")) as one:
        return re.sub(r"=[\w-]{32}", "=*", one.ask(request()).get("Set-Cookie") or "")


@knob("pools[].sticky.cookie", ("a", "a=*; Path=/; HttpOnly; SameSite=Lax"), ("b", "b=*; Path=/; HttpOnly; SameSite=Lax"))
def _(world, name):
    return set_cookie(world, cookie=name)


@knob("pools[].sticky.max_age", ("1h", "3600"), ("1d", "86400"))
def _(world, age):
    return re.search(r"Max-Age=(\d+)", set_cookie(world, max_age=age))[1]


@knob("pools[].sticky.path", ("/", "/"), ("/shop", "/shop"))
def _(world, path):
    return re.search(r"Path=([^;]*)", set_cookie(world, path=path))[1]


@knob("pools[].sticky.secure", ("auto", False), ("always", True))
def _(world, secure):
    return "; Secure" in set_cookie(world, secure=secure)


@knob("pools[].sticky.http_only", (True, True), (False, False))
def _(world, flag):
    return "; HttpOnly" in set_cookie(world, http_only=flag)


@knob("pools[].sticky.same_site", ("lax", "Lax"), ("strict", "Strict"))
def _(world, word):
    return re.search(r"SameSite=(\w+)", set_cookie(world, same_site=word))[1]


@knob("pools[].sticky.keys", ("first", True), ("second", False))
def _(world, name):
    """Does a cookie that was signed with the first still count?"""
    for n in ("first", "second"):
        (world.folder / n).write_text(f"the {n} key, which is long enough")
    keys = {n: [f"file:{world.folder / n}"] for n in ("first", "second")}
    front = several(world, "one", sticky={"cookie": "keep", "keys": keys["first"]})
    cookie = world.ask(front).get("Set-Cookie").partition(";")[0]
    front.config["pools"][0]["sticky"]["keys"] = keys[name]
    assert front.reload(front.config)
    with world.client(front.port("web")) as one:
        return one.ask(request("/", f"Cookie: {cookie}")).get("Set-Cookie") is None


@knob("pools[].balance.slow_start", ("0s", True), ("1h", False))
def _(world, window):
    front = several(world, "one", "two", balance={"slow_start": window}, health_check={"interval": "50ms"})
    late = front.made[0]
    late.stop_listening()
    eventually(lambda: not front.healthy(late.address))
    late.start()
    eventually(lambda: front.healthy(late.address))
    before = len(late.requests)
    for _ in range(40):
        world.ask(front)
    return len(late.requests) - before >= 15


def half_down(world, **settings):
    """Two backends of the first priority, of which one is down, and one of the second."""
    dead = f"127.0.0.1:{dead_port()}"
    next_one = world.origin(named("next"))
    backends = [{"id": "a", "address": world.named("yes"), "tags": ["t"]}, {"id": "b", "address": dead, "tags": ["t"]},
                {"id": "c", "address": next_one.address, "tags": ["t"], "priority": 1}]
    front = world.routed({"pool": "p"}, backends=backends, pools=[
        {"name": "p", "tag": "t", "health_check": {"interval": "50ms"}, **settings}])
    eventually(lambda: not front.healthy(dead))
    return front


@knob("pools[].balance.spill_below", (0, 1), (100, 2))
def _(world, percent):
    return seen_origins(world, half_down(world, balance={"spill_below": percent}), ["/"] * 60)


@knob("pools[].balance.panic_below", (0, 503), (100, 200))
def _(world, percent):
    def ill(conn):
        while r := conn.read_request():
            conn.respond(500 if r.target == "/health" else 200)
    front = several(world, ill, balance={"panic_below": percent}, health_check={"interval": "50ms", "path": "/health"})
    eventually(lambda: not front.healthy(front.made[0].address))
    return world.ask(front).status


@knob("backends[].weight", (0, 1), (1, 2))
def _(world, weight):
    return seen_origins(world, several(world, "one", "two", backend={"weight": weight}), ["/"] * 8)


@knob("backends[].priority", (0, 2), (1, 1))
def _(world, priority):
    return seen_origins(world, several(world, "one", "two", backend={"priority": priority}), ["/"] * 8)


@knob("backends[].backup", (False, 2), (True, 1))
def _(world, backup):
    return seen_origins(world, several(world, "one", "two", backend={"backup": backup}), ["/"] * 8)


@knob("backends[].drain", (False, 2), (True, 1))
def _(world, drain):
    return seen_origins(world, several(world, "one", "two", backend={"drain": drain}), ["/"] * 8)


# --- passive health ----------------------------------------------------------------------------------------


def unavailable(conn):
    while conn.read_request():
        conn.respond(503, body=b"x")


NO_LIMIT = {"errors": 0, "gateway_errors": 0, "ejection": "1h", "ejection_max": "1h"}


def left_out(world, *scripts, **passive):
    front = several(world, *scripts, passive_health={**NO_LIMIT, **passive})
    for _ in range(20):
        world.ask(front)
    return front


def asks_the_first_again(world, front):
    before = len(front.made[0].requests)
    world.ask(front), world.ask(front)
    return len(front.made[0].requests) > before


@knob("pools[].passive_health.errors", (3, False), (100, True))
def _(world, count):
    return asks_the_first_again(world, left_out(world, failing, "good", errors=count))


@knob("pools[].passive_health.gateway_errors", (3, False), (100, True))
def _(world, count):
    return asks_the_first_again(world, left_out(world, unavailable, "good", gateway_errors=count))


@knob("pools[].passive_health.compare", (True, True), (False, False))
def _(world, compares):
    def every_other(conn):
        while conn.read_request():
            conn.respond(500 if len(conn.origin.requests) % 2 else 200)
    front = several(world, every_other, *"bcdef", passive_health={**NO_LIMIT, "compare": compares})

    def is_out():
        with world.client(front.port("web")) as one:
            for _ in range(300):
                one.ask(request())
        return front.metrics().sum("cirque_upstream_ejected", backend=front.made[0].address) == 1
    return happens_unless(not compares, is_out)


@knob("pools[].passive_health.ejection", ("50ms", True), ("1h", False))
def _(world, time):
    front = left_out(world, failing, "good", errors=3, ejection=time)
    return happens_unless(time == "1h", lambda: asks_the_first_again(world, front))


@knob("pools[].passive_health.ejection_max", ("50ms", True), ("1h", False))
def _(world, time):
    front = left_out(world, failing, "good", errors=3, ejection_max=time)
    return happens_unless(time == "1h", lambda: asks_the_first_again(world, front))


@knob("pools[].passive_health.ejected_percent_max", (0, False), (100, True))
def _(world, percent):
    front = left_out(world, failing, failing, "good", errors=2, ejected_percent_max=percent)
    return happens_unless(percent == 0, lambda: front.metrics().sum("cirque_upstream_ejected") == 2, 3)


# --- retries -----------------------------------------------------------------------------------------------


def dropping(conn):
    """Takes a request and goes."""
    conn.read_request()


def retried(world, first, **retries):
    """Statuses of some requests to a pool whose first backend is a bad one."""
    front = several(world, first, "good", passive_health=NO_LIMIT, retries=retries)
    return {world.ask(front).status for _ in range(4)}


@knob("pools[].retries.attempts", (0, {200, 502}), (1, {200}))
def _(world, attempts):
    return retried(world, dropping, attempts=attempts)


@knob("pools[].retries.per_try_timeout", ("50ms", "upstream_try_timeout"), ("1h", "upstream_header_timeout"))
def _(world, time):
    front = several(world, silent, silent, passive_health=NO_LIMIT, retries={"per_try_timeout": time},
                    sections={"timeouts": {"upstream_header": "300ms"}})
    return world.ask(front).get("Proxy-Status").split('"')[1]


@knob("pools[].retries.statuses", ([], {200, 503}), ([503], {200}))
def _(world, statuses):
    return retried(world, unavailable, statuses=statuses)


@knob("pools[].retries.same_backend", (False, {502}), (True, {200}))
def _(world, again):
    def drops_first(conn):
        while conn.read_request() and len(conn.origin.requests) > 1:
            conn.respond(200)
    front = several(world, drops_first, passive_health=NO_LIMIT, health_check={"interval": "1h", "unhealthy_threshold": 9},
                    retries={"same_backend": again})
    return {world.ask(front).status}


def answered_soon(world, slow, **retries):
    front = several(world, dropping, "good", passive_health=NO_LIMIT, retries=retries)
    clients = [world.client(front.port("web")) for _ in range(2)]
    for one in clients:
        one.send(request("/seen"))
    return happens_unless(slow, lambda: len(front.made[1].requests) == 2)


@knob("pools[].retries.backoff", ("1ms", True), ("60s", False))
def _(world, pause_before):
    return answered_soon(world, pause_before == "60s", backoff=pause_before, backoff_max="60s")


@knob("pools[].retries.backoff_max", ("1ms", True), ("60s", False))
def _(world, most):
    return answered_soon(world, most == "60s", backoff="60s", backoff_max=most)


@knob("pools[].retries.budget_percent", (0, {200, 502}), (100, {200}))
def _(world, percent):
    return retried(world, dropping, budget_percent=percent, budget_per_second=0)


@knob("pools[].retries.budget_per_second", (0, {200, 502}), (100, {200}))
def _(world, count):
    return retried(world, dropping, budget_percent=0, budget_per_second=count)


@knob("pools[].retries.body", (0, {200, 502}), ("64k", {200}))
def _(world, most):
    front = several(world, dropping, "good", passive_health=NO_LIMIT, retries={"body": most})
    return {world.ask(front, method="PUT", body=b"x" * 40_000).status for _ in range(4)}


# --- time-outs ---------------------------------------------------------------------------------------------


def timeout(key, short="50ms", patience=SHORT_WHILE, script=named("yes"), **sections):
    """look(world, front, backend) is a check for what happens when time is over; with "12h" it does not."""
    def keep(look):
        @knob(f"timeouts.{key}", (short, True), ("1h" if key in ("half_close", "client_header") else "12h", False))
        def whole(world, value):
            backend = world.origin(script)
            front = world.proxy([backend], **merge({"timeouts": {key: value}}, sections))
            check = look(world, front, backend)
            return happens_unless(value != short, check, patience)
    return keep


def ended(one):
    """Something came, or the end."""
    def check():
        try:
            one.sock.setblocking(False)
            return one.sock.recv(1 << 16) is not None
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
    return check


@timeout("client_header")
def _(world, front, backend):
    """Twice, since once could be the default's doing."""
    state = {"left": 2, "check": None}

    def check():
        if state["check"] and not state["check"]():
            return False
        if state["left"] == 0:
            return True
        one = world.client(front)
        one.send(b"GET / HT")
        state.update(left=state["left"] - 1, check=ended(one))
        return False
    return check


@timeout("client_body")
def _(world, front, backend):
    one = world.client(front)
    one.send(request("/", "Content-Length: 10", method="POST") + b"x")
    return ended(one)


@timeout("client_write", script=endless)
def _(world, front, backend):
    one = world.client(front, receive_buffer=4096)
    one.send(request())
    one.answer_head()
    return lambda: front.in_flight() == 0


@timeout("client_idle")
def _(world, front, backend):
    one = world.client(front)
    assert one.ask(request()).status == 200
    return ended(one)


@timeout("client_age")
def _(world, front, backend):
    one = world.client(front)
    return lambda: (one.ask(request()).get("Connection") or "") == "close"


@timeout("half_close", script=silent, patience=1.6)  # the default is 1s
def _(world, front, backend):
    one = world.client(front)
    one.send(request())
    eventually(lambda: backend.requests)
    one.end_writing()
    return lambda: front.in_flight() == 0


@knob("timeouts.upstream_connect", ("50ms", True), ("1h", False))
def _(world, value):
    full = world.full_backlog()
    front = world.proxy({"web": {"upstreams": [full], "health_check": {"unhealthy_threshold": 100}}},
                        timeouts={"upstream_connect": value})
    one = world.client(front)
    one.send(request())
    return happens_unless(value == "1h", ended(one), 2.6)  # the default is 2s


@timeout("upstream_header", script=silent)
def _(world, front, backend):
    one = world.client(front)
    one.send(request())
    return ended(one)


@timeout("upstream_idle", script=half_an_answer)
def _(world, front, backend):
    one = world.client(front)
    one.send(request())
    eventually(lambda: backend.requests)
    return lambda: front.in_flight() == 0


@timeout("upstream_keepalive")
def _(world, front, backend):
    assert world.client(front).ask(request()).status == 200
    return lambda: backend.open_used == 0


@timeout("request_total", script=silent)
def _(world, front, backend):
    one = world.client(front)
    one.send(request())
    return ended(one)


@timeout("tunnel_idle", script=echo)
def _(world, front, backend):
    one = world.client(front)
    assert one.ask(request("/", "Connection: Upgrade", "Upgrade: echo/1")).status == 101
    return ended(one)


@timeout("drain", script=silent)
def _(world, front, backend):
    one = world.client(front)
    one.send(request())
    eventually(lambda: backend.requests)
    front.signal(15)
    return lambda: not front.running()


@knob("timeouts.dns_refresh", ("100ms", True), ("12h", False))
def _(world, value):
    dns = world.dns()
    dns["app.test"] = ["127.0.0.1"]
    world.proxy(["app.test:1"], timeouts={"dns_refresh": value}, server={"dns_servers": [dns.address]})
    # With the default it is fewer in time.
    return happens_unless(value == "12h", lambda: dns.asked["app.test"] >= 5)


# --- limits ------------------------------------------------------------------------------------------------


def limit(key, *pairs, **sections):
    def keep(look):
        @knob(f"limits.{key}", *pairs)
        def whole(world, value):
            return look(world, world.proxy([world.named("yes")], **merge({"limits": {key: value}}, sections)))
    return keep


@limit("head_bytes", ("2k", 431), ("8k", 200), limits={"field_bytes": 1000, "target_bytes": 1000})
def _(world, front):
    return world.ask(front, "/", *(f"X-{n}: {'x' * 500}" for n in range(6))).status


@limit("field_bytes", (1000, 431), (3000, 200))
def _(world, front):
    return world.ask(front, "/", "X: " + "x" * 2000).status


@limit("fields", (8, 431), (200, 200))
def _(world, front):
    return world.ask(front, "/", *("X: 1" for _ in range(20))).status


@limit("target_bytes", (1000, 414), (3000, 200))
def _(world, front):
    return world.ask(front, "/" + "x" * 2000).status


@limit("requests_per_connection", (2, [None, "close"]), (3, [None, None]))
def _(world, front):
    one = world.client(front)
    return [one.ask(request()).get("Connection") for _ in range(2)]


@limit("connections", (1, False), (100, True))
def _(world, front):
    assert world.client(front).ask(request()).status == 200
    late = world.client(front)
    late.send(request())
    return happens_unless(front.config["limits"]["connections"] == 1, ended(late))


@limit("connections_per_address", (1, 429), (2, 200))
def _(world, front):
    assert world.client(front).ask(request()).status == 200
    return world.client(front).ask(request()).status


@limit("memory", ("1m", 503), ("100000m", 200))
def _(world, front):
    eventually(lambda: front.metric("memory_bytes") > 0)
    one = world.client(front, timeout=PATIENCE)
    one.send(request())  # where it is far too little nothing is accepted
    return 503 if one_silent(one) else one.answer().status


def one_silent(one):
    try:
        return one.silent(SHORT_WHILE)
    except Broken:
        return False


@knob("limits.loop_lag", ("50ms", True), ("0s", False))
def _(world, value):
    front = world.proxy([world.named("yes")], limits={"loop_lag": value})
    regular = world.client(front)
    end = time.monotonic() + (PATIENCE if value == "50ms" else 2.5)
    while time.monotonic() < end:
        for _ in range(20):  # so that it is not idle when it is looked at
            assert regular.ask(request()).status == 200
        with HeldWorker(front):
            late = world.client(front)
            late.send(request())
            pause(0.6)
        if late.answer().status == 503:
            return True
        late.close()
    return False


@knob("limits.write_rate", (0, True), (1_000_000_000, False))
def _(world, rate):
    """Never silent for as long as the time-out, and never as fast as 1 GB/s."""
    front = world.proxy([world.origin(endless)], limits={"write_rate": rate}, timeouts={"client_write": "300ms"})
    one = world.client(front, receive_buffer=4096)
    one.send(request())
    end = time.monotonic() + (1.5 if rate == 0 else PATIENCE)
    while time.monotonic() < end:
        try:
            if not one.sock.recv(65536):
                return False
        except ConnectionError:
            return False
        pause(0.02)
    return True


@knob("limits.upstream_connections", (1, False), (2, True))
def _(world, value):
    backend = world.origin(silent)
    front = world.proxy([backend], limits={"upstream_connections": value})
    for _ in range(2):
        world.client(front).send(request())
    eventually(lambda: backend.requests)
    return happens_unless(value == 1, lambda: len(backend.requests) == 2)


@knob("limits.upstream_idle", (0, True), (10, False))
def _(world, value):
    backend = world.origin()
    front = world.proxy([backend], limits={"upstream_idle": value})
    assert world.client(front).ask(request()).status == 200
    return happens_unless(value == 10, lambda: backend.open_used == 0)


@knob("limits.drain_bytes", (0, False), ("1m", True))
def _(world, value):
    front = world.routed({"respond": {"status": 404}}, limits={"drain_bytes": value})
    one = world.client(front.port("web"))
    one.send(request("/", f"Content-Length: {300_000}", method="POST"))
    assert one.answer().status == 404
    try:  # the connection goes on, or it does not
        one.send(b"x" * 300_000)
        return one.ask(request()).status == 404
    except (Broken, OSError):
        return False


@limit("body_rate", (0, 200), (240, 408), timeouts={"client_body": "1500ms"})
def _(world, front):
    """So slow that it takes longer than the time-out, but never silent for so long."""
    one, over = world.client(front), threading.Event()
    one.send(request("/", "Content-Length: 60", method="POST"))

    def drip(_):
        for _ in itertools.takewhile(lambda _: not over.is_set(), range(60)):
            try:
                one.sock.send(b"x")
            except OSError:
                return
            pause(0.04)
    crowd = Crowd(drip, 1)
    status = one.answer().status
    over.set()
    crowd.join()
    return status


# --- the process -------------------------------------------------------------------------------------------


@knob("server.workers", (1, 1), (2, 2))
def _(world, workers):
    metrics = world.proxy([world.named("yes")], server={"workers": workers}).metrics()
    return sum(name == "cirque_event_loop_turns_total" for name, _ in metrics)


@knob("server.pin_workers", (True, True), (False, False))
def _(world, pinned):
    cpus = os.sched_getaffinity(0)
    if len(cpus) < 2:
        return pinned  # with one CPU there is nothing to see
    front = world.proxy([world.named("yes")], server={"workers": len(cpus), "pin_workers": pinned})

    def workers():  # each takes its name, by which it is known here, only when it first runs
        threads = [t.id for t in front.ps.threads() if psutil.Process(t.id).name() == "cirque-worker"]
        return len(threads) == len(cpus) and threads

    threads = eventually(workers, what="a thread for each worker")
    return all(len(os.sched_getaffinity(thread)) == 1 for thread in threads)


def rewrite(front, **sections):
    fresh = front.config_path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump({**front.config, **sections}))
    fresh.replace(front.config_path)


@knob("server.watch_config", (True, True), (False, False))
def _(world, watches):
    front = world.proxy([world.named("yes")], server={"watch_config": watches})
    rewrite(front, version="2")
    return happens_unless(not watches, lambda: front.metric("config_reloads_total", result="success") == 1)


@knob("server.state_dir", ("one", (True, False)), ("two", (False, True)))
def _(world, name):
    places = [world.folder / name / "state" for name in ("one", "two")]
    (world.folder / name).mkdir()
    world.proxy([world.named("yes")], server={"state_dir": str(world.folder / name / "state")})
    seen = tuple(place.is_dir() and any(place.iterdir()) for place in places)
    (world.folder / name).rename(world.folder / f"{name}-over")
    return seen


@knob("server.versions_kept", (2, 2), (50, 4))
def _(world, kept):
    state = world.folder / f"kept{kept}"
    front = world.proxy([world.named("yes")], server={"state_dir": str(state), "versions_kept": kept})
    for version in "abc":
        assert front.reload({**front.config, "version": version})
    told = cirque("config", "history", "--state-dir", state, "--format", "json")
    return len(json.loads(told.stdout)["versions"])


@knob("server.watchdog_abort", ("300ms", -signal.SIGABRT), ("1h", None))
def _(world, value):
    front = world.proxy([world.named("yes")], server={"watchdog_abort": value})
    one = world.client(front)
    assert one.ask(request()).status == 200
    with endless_turn(front, lambda: one.send(request())):
        if value == "1h":
            pause(SHORT_WHILE)
            return front.process.poll()
        front.expected_status = -signal.SIGABRT
        return front.wait()


@knob("server.trusted_proxies", (["127.0.0.0/8"], "1.2.3.4, 127.0.0.1"), (["10.0.0.0/8"], "127.0.0.1"))
def _(world, networks):
    front = world.proxy([world.named("yes")], server={"trusted_proxies": networks})
    return world.ask(front, "/", "X-Forwarded-For: 1.2.3.4").get("X-For")


@knob("server.dns_servers", (0, (True, False)), (1, (False, True)))
def _(world, number):
    servers = [world.dns(), world.dns()]
    for server in servers:
        server["app.test"] = ["127.0.0.1"]
    world.proxy(["app.test:1"], server={"dns_servers": [servers[number].address]})
    eventually(lambda: any(server.asked["app.test"] for server in servers))
    return tuple(server.asked["app.test"] > 0 for server in servers)


def socket_states(front, *options):
    said = subprocess.run(["ss", "-n", *options, f"sport = :{front.port()}"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return said.stdout


KNOWN_CONTROLS = open("/proc/sys/net/ipv4/tcp_available_congestion_control").read().split()


ANOTHER_CONTROL = KNOWN_CONTROLS[-1] if len(KNOWN_CONTROLS) > 1 else None


@knob("server.congestion_control", (KNOWN_CONTROLS[0], KNOWN_CONTROLS[0]), (ANOTHER_CONTROL, ANOTHER_CONTROL))
def _(world, control):
    if not control:
        return control  # this kernel has only one
    front = world.proxy([world.named("yes")], server={"congestion_control": control})
    assert world.client(front).ask(request()).status == 200
    words = socket_states(front, "-ti", "state", "established").split()
    return next(name for name in KNOWN_CONTROLS if name in words)


@knob("server.backlog", (100, "100"), (200, "200"))
def _(world, backlog):
    front = world.proxy([world.named("yes")], server={"backlog": backlog})
    return socket_states(front, "-tlH").split()[2]


# --- certificates ------------------------------------------------------------------------------------------


def judged(world, **changes):
    """The codes of a verdict on a certificate and its key beside another one."""
    for name in ("one", "two"):
        key = pki.make_key()
        (world.folder / f"{name}.key").write_bytes(pki.key_pem(key))
        (world.folder / f"{name}.key").chmod(0o600)
        (world.folder / f"{name}.pem").write_bytes(pki.certificate_pem(key, f"{name}.example"))
    pairs = [{"name": name, "certificate": f"{name}.pem", "key": f"{name}.key"} for name in ("one", "two")]
    pairs[0].update(changes)
    path = world.folder / "certificates.yaml"
    path.write_text(yaml.safe_dump({
        "listeners": [{"name": "web", "address": "127.0.0.1:8080"}], "certificates": pairs,
        "virtual_hosts": [{"hosts": ["*"], "routes": [{"respond": {"status": 200}}]}]}))
    return set(re.findall(r" (CQ\d+): ", cirque("validate", "--elsewhere", path).stderr))


@knob("certificates[].name", ("one", {"CQ1509"}), ("two", {"CQ1509", "CQ1409"}))
def _(world, name):
    return judged(world, name=name)


@knob("certificates[].certificate", ("one.pem", {"CQ1509"}), ("two.pem", {"CQ1509", "CQ1425"}))
def _(world, path):
    return judged(world, certificate=path)


@knob("certificates[].key", ("one.key", {"CQ1509"}), ("two.key", {"CQ1509", "CQ1425"}))
def _(world, path):
    return judged(world, key=path)


@knob("certificates[].hosts", (["one.example"], {"CQ1509"}), (["two.example"], {"CQ1509", "CQ1516"}))
def _(world, hosts):
    return judged(world, hosts=hosts)


# --- logs, metrics, administration -------------------------------------------------------------------------


def logged_after_reload(world, **logging):
    """What a reload to these settings, and one more, add to standard error."""
    front = world.proxy([world.named("yes")])
    assert front.reload({**front.config, "logging": merge(dict(front.config["logging"]), logging)})
    before = len(front.stderr)
    assert front.reload({**front.config, "version": "2"})
    eventually(lambda: front.metric("config_reloads_total", result="success") == 2)
    return front.stderr[before:]


@knob("logging.level", ("info", True), ("error", False))
def _(world, level):
    return "configuration reloaded" in logged_after_reload(world, level=level)


@knob("logging.format", ("json", True), ("text", False))
def _(world, form):
    return logged_after_reload(world, format=form).startswith("{")


@knob("logging.output", ("stderr", (True, False)), ("file", (False, True)))
def _(world, output):
    path = world.folder / f"{output}.log"
    told = logged_after_reload(world, output=output, path=str(path))
    return "reloaded" in told, path.exists() and "reloaded" in path.read_text()


@knob("logging.path", ("one", "one"), ("two", "two"))
def _(world, name):
    folder = world.folder / f"{name}.d"
    folder.mkdir()
    logged_after_reload(world, output="file", path=str(folder / name))
    return next(path.name for path in folder.iterdir() if "reloaded" in path.read_text())


def access(world, **access):
    front = world.proxy([world.named("yes")], logging={"access": access})
    assert world.ask(front, "/seen").status == 200
    return front


@knob("logging.access.enabled", (True, True), (False, False))
def _(world, enabled):
    front = access(world, enabled=enabled)
    return happens_unless(not enabled, lambda: "/seen" in front.access_text())


FORMS = {"json": '{"ts"', "combined": "127.0.0.1 - - [", "cells": "{", "text": ""}


@knob("logging.access.format", ("json", "json"), ("combined", "combined"))
def _(world, form):
    front = access(world, format=form)
    eventually(lambda: "/seen" in front.access_text())
    return next(name for name, start in FORMS.items() if front.access_text().startswith(start))


@knob("logging.access.output", ("file", "file"), ("stdout", "stdout"), ("stderr", "stderr"))
def _(world, output):
    front = access(world, output=output)
    texts = {"file": front.access_text, "stdout": lambda: front.stdout, "stderr": lambda: front.stderr}
    return eventually(lambda: next((name for name, text in texts.items() if "/seen" in text()), None))


@knob("logging.access.path", ("one", "one"), ("two", "two"))
def _(world, name):
    folder = world.folder / f"{name}.d"
    folder.mkdir()
    access(world, path=str(folder / name))
    return eventually(lambda: next((path.name for path in folder.iterdir() if "/seen" in path.read_text()), None))


@knob("admin.listen", (0, (True, False)), (1, (False, True)))
def _(world, number):
    ports = [free_port(), free_port()]
    front = world.proxy([world.named("yes")], admin={"listen": f"127.0.0.1:{ports[number]}"})
    assert front.admin("/debug/config")[0] == 200
    return tuple(front.port("admin") == port for port in ports)


@knob("metrics.listen", ("127.0.0.1:0", "127.0.0.1"), ("127.0.0.2:0", "127.0.0.2"))
def _(world, address):
    front = world.proxy([world.named("yes")], admin={"listen": "127.0.0.1:0"}, metrics={"listen": address})
    host, _, port = front.address("metrics").rpartition(":")
    with Client((host, int(port))) as one:
        assert b"cirque_build_info" in one.ask(request("/metrics")).body
    return host


@knob("metrics.enabled", (True, True), (False, False))
def _(world, enabled):
    front = world.proxy([world.named("yes")], admin={"listen": "127.0.0.1:0"}, metrics={"enabled": enabled})
    return "service=metrics" in front.stderr


# --- tests of a configuration ------------------------------------------------------------------------------

UNDER_TEST = {
    "listeners": [{"name": "web", "address": "127.0.0.1:81"}, {"name": "lan", "address": "127.0.0.1:82"}],
    "virtual_hosts": [
        {"name": "h", "hosts": ["a.example"], "listeners": ["web"], "routes": [
            {"name": "all", "pool": "p"}, {"name": "post", "path": "/", "methods": ["POST"], "pool": "q"},
            {"name": "beta", "path": "/", "headers": [{"name": "X-Env", "value": "beta"}], "pool": "q"},
            {"name": "inside", "path": "/", "sources": ["10.0.0.0/8"], "pool": "q"},
            {"name": "moved", "path": "/moved", "redirect": {"path": "/new"}}]},
        {"name": "l", "hosts": ["a.example"], "listeners": ["lan"], "routes": [{"name": "all", "pool": "q"}]}],
    "pools": [{"name": name, "backends": ["127.0.0.1:1"]} for name in "pq"],
}


def outcome_of(**test):
    said = cirque("test", "-", input=yaml.safe_dump({**UNDER_TEST, "tests": [test]}))
    assert "1 passed" in said.stdout or "1 failed" in said.stdout, said
    return said


def asks(key, *pairs):
    """Is that sent to pool p?"""
    @knob(f"tests[].{key}", *pairs)
    def look(world, value):
        return outcome_of(**{"url": "http://a.example/", "expect": {"pool": "p"}, key: value}).returncode == 0


def expects(key, url, right, wrong):
    @knob(f"tests[].expect.{key}", (right, True), (wrong, False))
    def look(world, value):
        return outcome_of(url=url, expect={key: value}).returncode == 0


asks("url", ("http://a.example/", True), ("http://b.example/", False))
asks("method", ("GET", True), ("POST", False))
asks("headers", ({"X-Env": "alpha"}, True), ({"X-Env": "beta"}, False))
asks("from", ("192.0.2.1", True), ("10.1.2.3", False))
asks("listener", ("web", True), ("lan", False))
expects("virtual_host", "http://a.example/", "h", "l")
expects("route", "http://a.example/", "all", "post")
expects("pool", "http://a.example/", "p", "q")
expects("status", "http://a.example/moved", 308, 301)
expects("location", "http://a.example/moved", "http://a.example/new", "http://a.example/old")
expects("headers", "http://a.example/moved", {"location": "http://a.example/new"}, {"X-Routed-To": "p"})
expects("reason", "http://b.example/", "no_virtual_host", "no_route")


@knob("tests[].name", ("one", True), ("two", False))
def _(world, name):
    return "test 'one'" in outcome_of(name=name, url="http://a.example/", expect={"pool": "q"}).stderr


@pytest.mark.parametrize("path", sorted(KNOBS))
def test_every_key_is_felt(world, path):
    pairs, look = KNOBS[path]
    for value, expected in pairs:
        assert look(world, value) == expected, value
        world.close_clients()
