"""Configuration files of other proxies, as they are."""
import json
import re
import signal
import threading

import pytest
from lib.http import Client, request
from lib.proxy import cirque
from lib.util import Crowd, eventually


def named(name):
    def script(conn):
        while r := conn.read_request():
            if r.target == "/health":
                conn.respond(200, body=b"ok")
                continue
            conn.respond(200, f"X-Origin: {name}", body=json.dumps(dict(r.fields)).encode())
    return script


def ask(front, listener, target="/", *fields, host="a.example"):
    with Client(front.port(listener)) as one:
        return one.ask(request(target, *fields, host=host))


# --- cells -----------------------------------------------------------------------------------------------

TABLE = {"acme": "tier1", "globex": "tier2", "visa": "visa"}
PLACEMENTS = ("tier1", "tier2", "tier3", "visa")


def endpoints(origins):
    return {name: f"http://{o.address}/ignored" for name, o in origins.items()}


SHAPES = {
    "legacy": lambda urls: {"version": "1.0.0", "routingTable": TABLE, "cellEndpoints": urls, "defaultPlacement": "tier3"},
    "placements": lambda urls: {"version": "1.0.0", "routingTable": TABLE, "defaultPlacement": "tier3",
                                "placements": {name: {"url": url} for name, url in urls.items()}},
    "hybrid": lambda urls: {"version": "1.0.0", "routingTable": TABLE, "defaultPlacement": "tier3", "cellEndpoints": urls,
                            "placements": {name: {"url": "http://127.0.0.1:1"} for name in urls}},
    "draft": lambda urls: {"version": "1.0.0", "customer_to_placement": TABLE, "placement_to_endpoint": urls,
                           "default_placement": "tier3"},
}


@pytest.fixture
def cells(origin, proxy):
    def start(shape="legacy", **sections):
        origins = {name: origin(named(name)) for name in PLACEMENTS}
        front = proxy({}, env={"PORT": "0"}, **SHAPES[shape](endpoints(origins)),
                      logging={"access": {"format": "cells"}}, **sections)
        return front, origins
    return start


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_cells_decides_alike(cells, shape):
    front, _ = cells(shape)
    for key, placement, reason in (("acme", "tier1", "tier"), ("globex", "tier2", "tier"), ("visa", "visa", "dedicated"),
                                   ("nobody", "tier3", "default"), ("Acme", "tier3", "default")):
        answer = ask(front, "router", "/x", f"X-Routing-Key: {key}")
        assert (answer.status, answer.get("X-Origin")) == (200, placement)
        assert (answer.get("X-Routed-To"), answer.get("X-Route-Reason")) == (placement, reason)
    for fields in ([], ["X-Routing-Key: "]):
        refusal = ask(front, "router", "/x", *fields)
        assert refusal.status == 400 and refusal.body == b"Bad Request: X-Routing-Key header is required\n"


def test_what_a_cell_gets(cells):
    front, origins = cells()
    got = json.loads(ask(front, "router", "/p?q=1", "X-Routing-Key: acme", "X-Request-Id: mine").body)
    assert "/p?q=1" in origins["tier1"].targets
    got = {name.lower(): value for name, value in got.items()}
    assert got["host"] == origins["tier1"].address and got["x-forwarded-host"] == "a.example"
    assert got["x-forwarded-for"] == "127.0.0.1" and got["x-forwarded-proto"] == "http"
    assert got["x-routing-key"] == "acme"


def test_the_log_of_cells(cells):
    front, origins = cells()
    ask(front, "router", "/p?q=1", "X-Routing-Key: acme")
    ask(front, "router", "/no-key")
    entry = front.entry("/p")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["timestamp"]) and re.fullmatch("[0-9a-f]{32}", entry["request_id"])
    assert isinstance(entry["duration_ms"], float)
    rest = {k: v for k, v in entry.items() if k not in ("timestamp", "request_id", "duration_ms")}
    assert rest == {"method": "GET", "path": "/p", "routing_key": "acme", "placement_key": "tier1", "route_reason": "tier",
                    "upstream_url": f"http://{origins['tier1'].address}", "status_code": 200}
    refused = front.entry("/no-key")
    assert (refused["status_code"], refused["reason"]) == (400, "routing_key_missing")


def test_which_configuration_is_in_use(cells):
    front, _ = cells()

    def told():
        answers = [json.loads(ask(front, "router", "/debug/config").body), json.loads(front.admin("/debug/config")[1])]
        assert answers[0] == answers[1]
        return answers[0]
    first = told()
    assert (first["version"], first["source"]) == ("1.0.0", "file") and first.keys() == {"version", "source", "last_reload_at"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["last_reload_at"])

    bad = front.config | {"version": "2.0.0", "defaultPlacement": "tier9"}
    assert not front.reload(bad) and told() == first
    front.tells("defaultPlacement 'tier9' not found in endpoints")
    good = bad | {"defaultPlacement": "visa"}
    assert front.reload(good) and told()["version"] == "2.0.0"
    assert ask(front, "router", "/", "X-Routing-Key: nobody").get("X-Routed-To") == "visa"


def test_a_placement_that_moves(cells, origin):
    front, _ = cells()
    new = origin(named("new"))
    config = front.config | {"cellEndpoints": front.config["cellEndpoints"] | {"tier1": f"http://{new.address}"}}
    assert front.reload(config)
    assert ask(front, "router", "/", "X-Routing-Key: acme").get("X-Origin") == "new"


def test_a_file_of_cells_is_watched(cells, origin):
    front, _ = cells()
    new = origin(named("new"))
    fresh = front.config_path.with_suffix(".new")
    fresh.write_text(json.dumps(front.config | {
        "cellEndpoints": front.config["cellEndpoints"] | {"tier1": f"http://{new.address}"}}))
    fresh.replace(front.config_path)
    eventually(lambda: ask(front, "router", "/", "X-Routing-Key: acme").get("X-Origin") == "new")


@pytest.mark.parametrize("written", ["nothing", "half", "all but the end"])
def test_a_file_that_is_half_written_is_not_taken(cells, origin, written):
    """Not even when the process is told to read it just then; it is once it is all there."""
    front, _ = cells(server={"watch_config": True})
    new = origin(named("new"))
    text = json.dumps(front.config | {
        "version": "2.0.0", "cellEndpoints": front.config["cellEndpoints"] | {"tier1": f"http://{new.address}"}})
    cut = {"nothing": 0, "half": len(text) // 2, "all but the end": len(text) - 1}[written]

    def in_use():
        version = json.loads(ask(front, "router", "/debug/config").body)["version"]
        return version, ask(front, "router", "/", "X-Routing-Key: acme").get("X-Origin")
    with open(front.config_path, "w") as file:
        file.write(text[:cut])
        file.flush()
        front.signal(signal.SIGHUP)
        eventually(lambda: front.metric("config_reloads_total", result="failure") == 1)
        assert in_use() == ("1.0.0", "tier1")
        file.write(text[cut:])
    eventually(lambda: in_use() == ("2.0.0", "new"))
    front.counts(1, "config_reloads_total", result="success")


def test_a_bad_file_of_cells_does_not_start(tmp_path):
    path = tmp_path / "routing.json"
    path.write_text('{"version": "", "routingTable": {}, "cellEndpoints": {}, "defaultPlacement": "x"}')
    for line in (["run", path], ["validate", path]):
        done = cirque(*line)
        assert done.returncode == 1 and "version must be non-empty" in done.stderr


# --- domains ---------------------------------------------------------------------------------------------


@pytest.fixture
def domains(origin, proxy):
    """Two backends, one for each tag; the file as a dictionary may be edited before the start."""
    def start(edit=lambda config: None):
        blue, green = origin(named("a")), origin(named("b"))
        config = {
            "proxy": {"listen_addr": "127.0.0.1:0", "listen_addr_http": "127.0.0.1:0", "management_api_addr": "127.0.0.1:0"},
            "logging": {"level": "info", "format": "text"},
            "virtual_hosts": [{"domain": "a.example", "enabled_backends_tag": "a"},
                              {"domain": "b.example", "enabled_backends_tag": "b", "http_to_https": False}],
            "backends": [{"id": "web-v1", "address": blue.address, "tags": ["a"]},
                         {"id": "web-v2", "address": green.address, "tags": ["b"]}],
            "server": {"workers": 1, "pin_workers": False},
        }
        edit(config)
        return proxy(config=config)
    return start


def test_domains_and_tags(domains):
    front = domains()
    assert ask(front, "proxy", host="a.example").get("X-Origin") == "a"
    assert ask(front, "proxy", host="b.example:443").get("X-Origin") == "b"
    assert ask(front, "proxy", host="c.example").status == 404
    assert ask(front, "proxy-http", host="b.example").get("X-Origin") == "b"
    led = ask(front, "proxy-http", "/x?y=1", host="a.example:80")
    assert led.status == 301 and re.fullmatch(r"https://a\.example(:\d+)?/x\?y=1", led.get("Location"))


@pytest.mark.parametrize("threshold", [2, 4])
def test_errors_of_requests_count_by_the_threshold_of_checks(domains, origin, threshold):
    """A backend whose checks pass while it answers requests with 500 is out after as many as checks may fail."""
    bad = origin(lambda conn: [conn.respond(200 if r.target == "/health" else 500, "X-Origin: bad", body=b"")
                               for r in iter(conn.read_request, None)])

    def edit(config):
        config["health_check"] = {"interval_secs": 1, "timeout_secs": 1, "unhealthy_threshold": threshold}
        config["backends"].append({"id": "bad", "address": bad.address, "tags": ["a"]})
    front = domains(edit)
    ejected = lambda: front.metric("upstream_ejections_total", backend=bad.address)  # noqa: E731
    answers = []
    while answers.count("bad") < threshold:
        assert ejected() == 0
        answers.append(ask(front, "proxy", host="a.example").get("X-Origin"))
        assert len(answers) < 4 * threshold
    eventually(lambda: ejected() == 1)
    assert [ask(front, "proxy", host="a.example").get("X-Origin") for _ in range(6)] == ["a"] * 6


def test_a_tag_is_switched_by_a_reload(domains):
    front = domains()
    assert ask(front, "proxy").get("X-Origin") == "a"
    for tag in "bab":
        front.config["virtual_hosts"][0]["enabled_backends_tag"] = tag
        assert front.reload(front.config)
        assert ask(front, "proxy").get("X-Origin") == tag
    front.config["virtual_hosts"][0]["enabled_backends_tag"] = "c"
    assert not front.reload(front.config)
    front.tells("Domain a.example references non-existent tag 'c'")
    assert ask(front, "proxy").get("X-Origin") == "b"


def test_tags_are_switched_under_load_and_nobody_notices(domains):
    """To and fro: whoever asks meanwhile is answered by one of the two, whoever asks afterwards by the right one."""
    front = domains(lambda config: config.update(limits={"requests_per_connection": 1_000_000}))
    over, served = threading.Event(), [0] * 4

    def work(number):
        with Client(front.port("proxy")) as kept:
            while not over.is_set():
                answers = [kept.ask(request(host="a.example")), ask(front, "proxy", "/", "Connection: close")]
                assert {(a.status, a.get("X-Origin") in ("a", "b")) for a in answers} == {(200, True)}
                served[number] += 1
    crowd = Crowd(work, len(served))
    try:
        for tag in "ba" * 10:
            front.config["virtual_hosts"][0]["enabled_backends_tag"] = tag
            assert front.reload(front.config)
            assert {ask(front, "proxy").get("X-Origin") for _ in range(5)} == {tag}
            before = list(served)
            eventually(lambda: crowd.failures or all(now > then for now, then in zip(served, before)))
    finally:
        over.set()
        crowd.join()


def test_without_an_address_for_http_there_is_none(domains):
    front = domains(lambda config: config["proxy"].pop("listen_addr_http"))
    assert ask(front, "proxy").get("X-Origin") == "a"
    assert "service=proxy-http" not in front.stderr and "service=proxy-http" in domains().stderr


def test_metrics_of_a_file_of_domains(domains):
    """Beside the management, and where the section says, if it says so; orders are taken beside the management only."""
    front = domains(lambda config: config.update(metrics={"enabled": True, "listen_addr": "127.0.0.1:0"}))
    assert "cirque_http_requests_total" in front.admin("/metrics")[1]
    with Client(front.port("metrics")) as watcher:
        assert b"cirque_http_requests_total" in watcher.ask(request("/metrics")).body
        assert watcher.ask(request("/debug/config")).status == 404
        assert watcher.ask(request("/reload", "X-Cirque-Control: 1", method="POST")).status == 405
    assert "listening service=metrics" not in domains().stderr


def test_the_file_of_the_document(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(DOCUMENT)
    done = cirque("validate", path)
    assert done.returncode == 0 and "error" not in done.stderr
    explained = cirque("explain", "-c", path, "--listener", "proxy-http", "http://api.example.com/x").stdout
    assert "redirect with 301 to https://api.example.com/x" in explained
    explained = cirque("explain", "-c", path, "http://example.com/").stdout
    assert "localhost:3001" in explained and "192.168.1.100:8080" in explained and "localhost:3002" not in explained


DOCUMENT = """
[proxy]
listen_addr = "0.0.0.0:443"
listen_addr_http = "0.0.0.0:80"
management_api_addr = "127.0.0.1:8080"

[lets_encrypt]
email = "admin@example.com"
staging = false
cache_dir = "/etc/pingora-ssl/certs"

[logging]
level = "info"
format = "json"  # or "text" for dev
output = "file"  # or "console"
file_path = "/var/log/pingora-proxy/proxy.log"

[metrics]
enabled = true
listen_addr = "0.0.0.0:9090"

[health_check]
interval_secs = 10
timeout_secs = 5
unhealthy_threshold = 3
healthy_threshold = 2

[[virtual_hosts]]
domain = "example.com"
enabled_backends_tag = "a"  # or "b" for AB switching
http_to_https = true

[[virtual_hosts]]
domain = "api.example.com"
enabled_backends_tag = "b"
http_to_https = true

[[backends]]
id = "web-v1"
address = "localhost:3001"
tags = ["a"]

[[backends]]
id = "web-v2"
address = "localhost:3002"
tags = ["b"]

[[backends]]
id = "api-server"
address = "192.168.1.100:8080"
tags = ["a", "b"]
"""
