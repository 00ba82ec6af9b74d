"""What a health check asks for and what it takes for healthy, on the wire."""
import resource
import socket
import threading
import time

import pytest
import yaml
from lib.http import Client, request
from lib.proxy import cirque, make_config
from lib.util import PATIENCE, SLOW, eventually, pause

HEAD = b"HTTP/1.1 200 OK\r\n"


def says(*pieces, after=0.02):
    """A script that gives its answer in these pieces, each on its own, and ends."""
    def script(conn):
        conn.read_request()
        for piece in pieces:
            conn.send(piece)
            pause(after)
        conn.sock.shutdown(socket.SHUT_WR)
        conn.rest()
    return script


def whole(body):
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(*parts):
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


@pytest.fixture
def checked(origin, proxy):
    """checked(script, key=value, ...): a pool of one backend, whose checks have these keys."""
    def start(script, pool=None, **check):
        backend = origin(script)
        front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                      virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                      pools=[{"name": "p", "backends": [backend.address], **(pool or {}),
                              "health_check": {"path": "/up", "interval": "50ms", "timeout": "10s", **check}}])
        front.backend = backend
        return front
    return start


def failures(front, reason):
    return front.metric("upstream_failed_checks_total", reason=reason, pool="p", backend=front.backend.address)


def passes(front):
    """It has been asked three times, all of which it passed."""
    eventually(lambda: len(front.backend.requests) >= 3)
    assert "failed_checks_total{" not in front.metrics().text
    return front.healthy(front.backend.address)


def fails(front, reason):
    eventually(lambda: not front.healthy(front.backend.address), what=f"it is down\n{front.stderr}")
    eventually(lambda: failures(front, reason) >= 2)
    front.tells(f"reason={reason}")
    assert front.stderr.count("health state transition: healthy -> unhealthy") == 1
    return True


# --- what is sent ------------------------------------------------------------------------------------------


def asked(front):
    return eventually(lambda: front.backend.requests and front.backend.requests[0])


def test_a_check_is_a_get_for_the_backend_itself(checked):
    front = checked(says(whole(b"ok")))
    r = asked(front)
    assert (r.method, r.target) == ("GET", "/up")
    assert [(n.lower(), v) for n, v in r.fields] == [
        ("host", front.backend.address), ("user-agent", "cirque-health"), ("connection", "close")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_the_method(checked, method):
    def script(conn):
        r = conn.read_request()
        conn.send(HEAD + b"Content-Length: 1000\r\n\r\n" + (b"" if r.method == "HEAD" else b"x" * 1000))
        conn.rest()  # does not end: nobody is to wait for that
    front = checked(script, method=method)
    r = asked(front)
    assert r.method == method
    assert r.get("Content-Length") == ("0" if method == "POST" else None)
    assert passes(front)


@pytest.mark.parametrize(("pool", "check", "host"), [
    ({"host": "pool.example"}, {}, "pool.example"),
    ({"host": "pool.example"}, {"host": "check.example:81"}, "check.example:81"),
    ({}, {"host": "check.example"}, "check.example")])
def test_the_host(checked, pool, check, host):
    assert asked(checked(says(whole(b"ok")), pool, **check)).all("Host") == [host]


def test_fields_are_sent_as_they_are(checked):
    front = checked(says(whole(b"ok")), headers={"X-Probe": "a  b", "Authorization": "Bearer x=", "user-agent": "ours/1"})
    r = asked(front)
    assert (r.get("X-Probe"), r.get("Authorization"), r.all("User-Agent")) == ("a  b", "Bearer x=", ["ours/1"])
    assert "Bearer" not in front.stderr


# --- what passes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 299, 301, 404, 410])
def test_the_statuses_that_are_listed_pass(checked, status):
    assert passes(checked(says(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status),
                          statuses=["2xx", 301, "404-410"]))


@pytest.mark.parametrize("status", [300, 302, 403, 411, 500])
def test_others_do_not(checked, status):
    assert fails(checked(says(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status),
                         statuses=["2xx", 301, "404-410"]), "health_check_status")


def test_hints_before_the_answer_are_no_answer(checked):
    assert passes(checked(says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", whole(b"ok"))))


PASSING = {
    "at once": [whole(b"yes, all is well")],
    "split over packets": [HEAD, b"Content-Le", b"ngth: 11\r\n", b"\r\n", b"all ", b"is", b" ", b"well"],
    "in chunks": [chunked(b"al", b"l is", b" wel", b"l")],
    "chunks over packets": [HEAD + b"Transfer-Encoding: chu", b"nked\r\n\r\n6\r", b"\nall is\r\n5", b"\r\n well\r\n"],
    "until it ends": [HEAD + b"\r\nall is", b" well"],
    "at the end of what is searched": [whole(b"x" * (65536 - 11) + b"all is well" + b"x" * 9)],
}
FAILING = {
    "without the text": whole(b"all is wel"),
    "in the head": HEAD + b"X: all is well\r\nContent-Length: 2\r\n\r\nno",
    "between chunks": chunked(b"all is", b"_", b" well"),
    "in a trailer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: all is well\r\n\r\n",
    "beyond what is searched": whole(b"x" * (65536 - 10) + b"all is well"),
    "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
}


@pytest.mark.parametrize("how", PASSING)
def test_the_text_is_in_the_body(checked, how):
    assert passes(checked(says(*PASSING[how]), body="all is well"))


@pytest.mark.parametrize("how", FAILING)
def test_the_text_is_not_in_the_body(checked, how):
    assert fails(checked(says(FAILING[how]), body="all is well"), "health_check_body")


def test_a_status_comes_before_a_text(checked):
    assert fails(checked(says(b"HTTP/1.1 500 Ill\r\nContent-Length: 11\r\n\r\nall is well"), body="all is well"),
                 "health_check_status")


def test_whoever_mends_his_ways_is_back(checked, client):
    bodies = [b"ill"]
    front = checked(lambda conn: says(whole(bodies[-1]))(conn), body="well")
    assert fails(front, "health_check_body")
    assert client(front.port("web")).ask(request("/")).status == 503
    bodies.append(b"well")
    eventually(lambda: front.healthy(front.backend.address))


# --- whatever a backend says ---------------------------------------------------------------------------------


def flooding(begin, again):
    def script(conn):
        conn.read_request()
        conn.send(begin)
        while True:
            conn.send(again)
    return script


ENDLESS = {
    "a head": (flooding(HEAD, b"X: y\r\n" * 1000), "health_check_malformed"),
    "a line": (flooding(HEAD + b"X: ", b"y" * 65536), "health_check_malformed"),
    "heads of 1xx": (flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "health_check_malformed"),
    "a body": (flooding(HEAD + b"\r\n", b"x" * 65536), "health_check_body"),
    "chunks": (flooding(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000), "health_check_body"),
    "an extension": (flooding(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a=", b"x" * 65536), "health_check_malformed"),
    "trailers": (flooding(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1000), "health_check_malformed"),
    "no chunks": (flooding(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"garbage\r\n"), "health_check_malformed"),
    "nothing": (flooding(b"", b"\0" * 65536), "health_check_malformed"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_an_endless_answer_is_ended(checked, what):
    """Long before the time-out, and in little memory."""
    script, reason = ENDLESS[what]
    front = checked(script, body="needle", timeout="10m")
    assert fails(front, reason)
    before, count = front.rss, failures(front, reason)
    eventually(lambda: failures(front, reason) >= count + 20)
    if SLOW <= 1:  # sanitizers keep what is freed
        assert front.rss - before < 4 << 20


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 2", HEAD, HEAD + b"\r\n", HEAD + b"Content-Length: 9\r\n\r\nneed"],
                         ids=["nothing", "half a line", "half a head", "a head", "half a body"])
def test_an_answer_that_does_not_go_on_is_too_late(checked, begin):
    def script(conn):
        conn.read_request()
        conn.send(begin)
        conn.rest()
    assert fails(checked(script, body="needle", timeout="200ms"), "health_check_failed")


def test_a_drip_does_not_put_off_the_end(checked):
    def dripping(conn):
        conn.read_request()
        conn.send(HEAD + b"\r\n")
        while True:
            conn.send(b"x")
            pause(0.02)
    assert fails(checked(dripping, body="needle", timeout="300ms"), "health_check_failed")


# --- when they are made ------------------------------------------------------------------------------------


def test_many_that_come_together_are_not_asked_together(origin, proxy):
    """Two hundred, once a second: in the course of that second."""
    times = []

    def script(conn):
        times.append(time.monotonic())
        says(whole(b"ok"))(conn)
    count = 200
    proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
          virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
          pools=[{"name": "p", "backends": [origin(script).address] * count,
                  "health_check": {"path": "/up", "interval": "1s"}}])
    eventually(lambda: len(times) >= count)
    assert times[count - 1] - times[0] > 0.5


def test_checks_that_hang_keep_nobody_waiting(origin, proxy):
    """Fifty of them, for ten minutes each: requests are answered, and what another check finds is heeded."""
    ill = threading.Event()

    def hangs(conn):
        while r := conn.read_request():
            if r.target == "/up":
                conn.sock.settimeout(None)
                conn.sock.recv(1)  # until the other side leaves
                return
            conn.respond(body=b"hangs")

    def honest(conn):
        while r := conn.read_request():
            conn.respond(503 if r.target == "/up" and ill.is_set() else 200, body=b"honest")
    silent, other = origin(hangs), origin(honest)
    count = 50
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], server={"workers": 2},
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"path": "/all", "pool": "hanging"}, {"pool": "both"}]}],
                  pools=[{"name": name, "backends": backends,
                          "health_check": {"path": "/up", "interval": "50ms", "timeout": "10m"}}
                         for name, backends in {"hanging": [silent.address] * count,
                                                "both": [silent.address, other.address]}.items()])
    eventually(lambda: silent.targets.count("/up") == count + 1, what="all of them hang")

    def answered(target):
        """By whom; a hundred take less than one may take anywhere else."""
        began = time.monotonic()
        with Client(front.port("web")) as one:
            answers = [one.ask(request(target)) for _ in range(100)]
        assert {a.status for a in answers} == {200} and time.monotonic() - began < PATIENCE
        return {a.body for a in answers}
    assert answered("/all") == {b"hangs"}
    assert answered("/") == {b"hangs", b"honest"}
    ill.set()
    eventually(lambda: not front.healthy(other.address))
    assert answered("/") == {b"hangs"}
    ill.clear()
    eventually(lambda: front.healthy(other.address))
    assert answered("/") == {b"hangs", b"honest"}
    assert silent.targets.count("/up") == count + 1, "they hang as before"


@pytest.mark.skipif(SLOW > 1, reason="UBSan needs a descriptor to look at an object's type")
def test_a_check_that_cannot_be_made_says_nothing_of_the_backend(origin, proxy):
    """Want of descriptors is ours: who is well stays so."""
    backend = origin(says(whole(b"ok"), after=0))
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [backend.address], "health_check": {"path": "/up", "interval": "20ms"}}])
    eventually(lambda: len(backend.requests) >= 3)
    limits = resource.prlimit(front.pid, resource.RLIMIT_NOFILE)
    admin = Client(front.port("admin"))
    admin.ask(request("/healthz"))
    resource.prlimit(front.pid, resource.RLIMIT_NOFILE, (3, limits[1]))  # no number below is free
    try:
        def scrape():
            return admin.ask(request("/metrics")).body.decode()
        eventually(lambda: 'reason="too_many_connections"' in scrape())
        pause(0.2)
        assert f'backend="{backend.address}"}} 1' in [
            line for line in scrape().splitlines() if line.startswith("cirque_upstream_healthy{")][0]
    finally:
        resource.prlimit(front.pid, resource.RLIMIT_NOFILE, limits)
        admin.close()
    before = len(backend.requests)
    eventually(lambda: len(backend.requests) > before)
    assert "health state transition: healthy -> unhealthy" not in front.stderr


# --- what is told ------------------------------------------------------------------------------------------


def config_of(tmp_path, **check):
    config = make_config(tmp_path, {}, listeners=[{"name": "web", "address": "127.0.0.1:18080"}],
                         virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                         pools=[{"name": "p", "backends": ["127.0.0.1:13000"], "health_check": check}])
    path = tmp_path / f"{len(list(tmp_path.glob('*.yaml')))}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def test_explain_tells_how_backends_are_checked(tmp_path):
    path = config_of(tmp_path, path="/up", method="OPTIONS", statuses=["2xx", 301, "300-302"], body="all is well")
    told = cirque("explain", "--config", path, "http://shop.example/").stdout
    assert "  checked by   OPTIONS /up every 10s, for 200-302 with 'all is well'" in told
    told = cirque("explain", "--config", config_of(tmp_path, path="/up"), "http://shop.example/").stdout
    assert "  checked by   GET /up every 10s, for 2xx\n" in told
    assert "checked by" not in cirque("explain", "--config", config_of(tmp_path), "http://shop.example/").stdout


def test_a_reload_changes_what_is_asked_for(checked):
    front = checked(says(whole(b"well"), after=0))
    assert passes(front)
    config = front.config
    config["pools"][0]["health_check"] |= {"path": "/new", "body": "ill", "headers": {"X-New": "1"}}
    assert front.reload(config)
    assert fails(front, "health_check_body")
    assert any(r.target == "/new" and r.get("X-New") == "1" for r in front.backend.requests)
