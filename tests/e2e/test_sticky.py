"""Clients that are kept with one backend by a cookie."""
import os
import re
import threading
from collections import Counter

import pytest
from lib.http import Client, request
from lib.proxy import cirque
from lib.util import eventually

KEY = "a-key-of-more-than-sixteen-bytes"


@pytest.fixture
def pool(origin, proxy):
    """pool(3, sticky={...}): a proxy on so many backends that tell their names, and set a cookie of their own."""
    def start(count, on=None, server=None, **settings):
        def script(name):
            def serve(conn):
                while conn.read_request():
                    conn.respond(200, f"X-Origin: {name}", "Set-Cookie: own=1; Path=/")
            return serve
        made = on or [origin(script(f"b{i}")) for i in range(count)]
        backends = [{"id": f"b{i}", "address": o.address, "tags": ["t"]} for i, o in enumerate(made)]
        settings = {"sticky": {"cookie": "keep"}, "health_check": {"interval": "50ms"}, **settings}
        front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], backends=backends,
                      virtual_hosts=[{"name": "h", "hosts": ["*"], "routes": [{"pool": "p"}]}],
                      pools=[{"name": "p", "tag": "t", **settings}], server={"workers": 2, **(server or {})})
        front.backends = made
        return front
    return start


def ask(front, cookie=None, *fields):
    with Client(front.port("web")) as one:
        return one.ask(request("/", *fields, *([f"Cookie: {cookie}"] if cookie else [])))


def cookies(answer):
    return answer.all("Set-Cookie")


def kept_by(answer):
    """The cookie of ours, as a client sends it back."""
    ours = [c for c in cookies(answer) if c.startswith("keep=")]
    assert len(ours) == 1, cookies(answer)
    return ours[0].partition(";")[0]


def test_who_has_the_cookie_stays_and_is_told_nothing_more(pool):
    front = pool(3)
    first = ask(front)
    assert re.fullmatch(r"keep=[\w-]{32}; Path=/; HttpOnly; SameSite=Lax", cookies(first)[1]), cookies(first)
    cookie = kept_by(first)
    for n in range(20):  # whichever worker takes it
        again = ask(front, f"theme=dark; {cookie}" if n % 2 else cookie)
        assert again.get("X-Origin") == first.get("X-Origin")
        assert cookies(again) == ["own=1; Path=/"]  # the backend's own is left alone


def test_clients_without_a_cookie_are_shared_out(pool):
    front = pool(3, server={"workers": 1})
    assert set(Counter(ask(front).get("X-Origin") for _ in range(12)).values()) == {4}


@pytest.mark.parametrize("forged", ["keep=" + "A" * 32, "keep=", "keep=x", "keep=" + "%" * 32, "keep=" + "A" * 4000],
                         ids=["alphabet", "empty", "short", "characters", "long"])
def test_a_forged_cookie_counts_as_none(pool, forged):
    front = pool(2)
    assert kept_by(ask(front, forged)) != forged


def test_a_cookie_is_good_in_its_pool_only_and_not_with_a_changed_bit(pool):
    front = pool(2)
    cookie = kept_by(ask(front))
    other = pool(2)  # another process, with a key of its own
    assert kept_by(ask(other, cookie)) != cookie
    for place in (5, 15, 36):
        changed = cookie[:place] + ("A" if cookie[place] != "A" else "B") + cookie[place + 1:]
        assert kept_by(ask(front, changed)) != changed


def test_when_its_backend_is_gone_the_client_moves_and_comes_to_stay_there(pool):
    front = pool(3)
    first = ask(front)
    cookie, name = kept_by(first), first.get("X-Origin")
    gone = front.backends[int(name[1])]
    gone.stop()
    moved = ask(front, cookie)  # at once, before a check has found it: by the retry
    assert moved.status == 200 and moved.get("X-Origin") != name
    eventually(lambda: not front.healthy(gone.address))
    moved = ask(front, cookie)
    now = kept_by(moved)
    assert now != cookie
    gone.start()
    eventually(lambda: front.healthy(gone.address))
    assert {ask(front, now).get("X-Origin") for _ in range(6)} == {moved.get("X-Origin")}


def test_a_backend_that_drains_keeps_nobody_and_one_without_weight_those_it_has(pool):
    front = pool(2)
    first = ask(front)
    cookie, number = kept_by(first), int(first.get("X-Origin")[1])
    assert front.reload({**front.config, "backends": [{**b, "weight": 0 if i == number else 1}
                                                      for i, b in enumerate(front.config["backends"])]})
    assert {ask(front, cookie).get("X-Origin") for _ in range(4)} == {f"b{number}"}
    assert {ask(front).get("X-Origin") for _ in range(4)} == {f"b{1 - number}"}
    assert front.reload({**front.config, "backends": [{**b, "drain": i == number}
                                                      for i, b in enumerate(front.config["backends"])]})
    assert {ask(front, cookie).get("X-Origin") for _ in range(4)} == {f"b{1 - number}"}


def secret(path, text=KEY, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return f"file:{path}"


def test_with_a_key_file_other_nodes_know_the_cookie(pool, tmp_path):
    sticky = {"cookie": "keep", "keys": [secret(tmp_path / "key")]}
    one = pool(3, sticky=sticky)
    first = ask(one)
    other = pool(3, on=one.backends, sticky=sticky)
    for _ in range(4):
        again = ask(other, kept_by(first))
        assert again.get("X-Origin") == first.get("X-Origin") and cookies(again) == ["own=1; Path=/"]


def test_a_key_is_changed_without_anybody_moving(pool, tmp_path):
    old, new = secret(tmp_path / "old"), secret(tmp_path / "new", "another key, which is as long")
    front = pool(3, sticky={"cookie": "keep", "keys": [old]})
    first = ask(front)

    def use(*keys):
        pools = [{**front.config["pools"][0], "sticky": {"cookie": "keep", "keys": list(keys)}}]
        assert front.reload({**front.config, "pools": pools})
    use(new, old)
    renewed = ask(front, kept_by(first))
    assert renewed.get("X-Origin") == first.get("X-Origin")
    cookie = kept_by(renewed)
    assert cookie != kept_by(first)
    use(new)
    assert ask(front, cookie).get("X-Origin") == first.get("X-Origin")
    assert kept_by(ask(front, kept_by(first))) != kept_by(first)  # nobody reads the old one now


def test_without_a_key_file_cookies_outlive_reloads(pool):
    front = pool(2)
    cookie = kept_by(ask(front))
    assert front.reload({**front.config, "limits": {**front.config["limits"], "connections": 1000}})
    assert cookies(ask(front, cookie)) == ["own=1; Path=/"]


def test_it_is_turned_off_and_on_while_requests_flow(pool):
    """Workers take up a configuration a moment after the pool has changed."""
    front = pool(2)
    over, failed = threading.Event(), []

    def asks():
        try:
            with Client(front.port("web")) as one:
                while not over.is_set():
                    assert one.ask(request("/")).status == 200
        except Exception as problem:
            failed.append(problem)
    askers = [threading.Thread(target=asks) for _ in range(4)]
    for one in askers:
        one.start()
    plain = [{k: v for k, v in front.config["pools"][0].items() if k != "sticky"}]
    kept = front.config["pools"]
    for number in range(40):
        assert front.reload({**front.config, "pools": kept if number % 2 else plain})
    over.set()
    for one in askers:
        one.join()
    assert not failed and front.running()


def test_a_key_file_is_watched(pool, tmp_path):
    front = pool(2, sticky={"cookie": "keep", "keys": [secret(tmp_path / "key")]}, server={"watch_config": True})
    cookie = kept_by(ask(front))
    secret(tmp_path / "next", "another key, which is as long")
    os.replace(tmp_path / "next", tmp_path / "key")
    eventually(lambda: len(cookies(ask(front, cookie))) == 2)


def test_keys_are_shown_and_kept_nowhere(pool, tmp_path):
    state = tmp_path / "state"
    front = pool(2, sticky={"cookie": "keep", "keys": [secret(tmp_path / "key")]}, server={"state_dir": str(state)})
    told = front.admin("/debug/config")[1] + front.admin("/metrics")[1] + cirque("config", "show", "1", "--config", front.config_path).stdout
    assert f"file:{tmp_path / 'key'}" in told
    assert KEY not in told + cirque("adapt", front.config_path).stdout + front.stderr + front.stdout
    kept = [p.read_bytes() for p in state.rglob("*") if p.is_file()]
    assert kept and not any(KEY.encode() in text for text in kept)


FILE = """listeners: [{name: web, address: '127.0.0.1:8080'}]
virtual_hosts: [{hosts: ['*'], routes: [{pool: p}]}]
pools:
  - name: p
    backends: ['127.0.0.1:3000']
    sticky: {cookie: keep, keys: [%s]}
"""


def check(tmp_path, key):
    path = tmp_path / "c.yaml"
    path.write_text(FILE % key)
    return cirque("validate", "--elsewhere", path)


def test_a_key_that_everybody_may_read_is_told(tmp_path):
    assert check(tmp_path, secret(tmp_path / "k")).returncode == 0
    done = check(tmp_path, secret(tmp_path / "k", mode=0o644))
    assert done.returncode == 0 and re.search(r"c.yaml:6:35: warning CQ1514: everybody may read '.*/k'", done.stderr)


def test_a_key_stands_beside_the_file_that_names_it(tmp_path):
    (tmp_path / "keys").mkdir()
    secret(tmp_path / "keys/k")
    assert check(tmp_path, "'file:keys/k'").returncode == 0


@pytest.mark.parametrize("key, what", [
    (KEY, "a secret is not written into a configuration"),
    ("'file:'", "a secret is not written into a configuration"),
    ("'file:none'", "No such file"),
    ("'file:.'", "Is a directory"),
    ("'file:short'", "is too short for a secret"),
    ("'file:/dev/zero'", "is too long for a secret"),
    ("'file:pipe'", "is too short for a secret"),
])
def test_a_key_that_cannot_be_used(tmp_path, key, what):
    secret(tmp_path / "short", "short\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n")
    os.mkfifo(tmp_path / "pipe")
    done = check(tmp_path, key)
    assert done.returncode == 1
    assert re.search(r"c.yaml:6:35: error CQ1422: .*" + what, done.stderr), done.stderr
