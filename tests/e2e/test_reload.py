"""SIGHUP: the new configuration as a whole or the old one as it was, and nobody who is served notices."""
import contextlib
import copy
import errno
import itertools
import json
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time

import pytest
import yaml
from lib.http import Client, request
from lib.proxy import Proxy
from lib.util import BINARY, PATIENCE, SLOW, Crowd, dead_port, eventually, free_port, pause


def changed(front, edit):
    config = copy.deepcopy(front.config)
    edit(config)
    return config


def upstreams(front, *backends, service=0):
    def edit(config):
        config["services"][service]["upstreams"] = [b.address for b in backends]
    return changed(front, edit)


def another(name, backend, bind):
    return {"name": name, "bind_address": bind, "upstreams": [backend.address], "tls": False}


def refused(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was in the queue when the listener closed
        return False


def held(go):
    def script(conn):
        while conn.read_request():
            go.wait()
            conn.respond(body=b"late")
    return script


def test_how_long_it_took_to_reach_all_workers_is_told(origin, proxy):
    front = proxy(origin(), server={"workers": 2})
    seen = set()
    for limit in (64, 65, 66):
        assert front.reload(changed(front, lambda c, limit=limit: c.update(limits={"fields": limit})))
        seen.add(front.metric("config_publish_seconds"))
    assert len(seen) > 1 and all(0 < seconds < PATIENCE for seconds in seen)


def test_a_reload_takes_less_than_a_tenth_of_a_second(origin, proxy, client):
    """Of a thousand routes, from the order to the verdict and until all workers have it; on a busy machine, in a
    quieter moment."""
    routes = [{"path": f"/{number}", "pool": "p"} for number in range(1000)]
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], server={"workers": 2},
                  limits={"fields": 64, "requests_per_connection": 1_000_000},
                  virtual_hosts=[{"hosts": ["*"], "routes": routes}],
                  pools=[{"name": "p", "backends": [origin().address]}])
    admin, one = client(front.port("admin")), client(front.port("web"))
    text, count = front.config_path.read_text(), itertools.count(65)

    def took():
        front.config_path.write_text(text.replace("fields: 64", f"fields: {next(count)}"))
        began = time.monotonic()
        answer = admin.ask(request("/reload", "X-Cirque-Control: 1", method="POST", host="localhost"))
        whole = time.monotonic() - began
        assert answer.status == 200 and one.ask(request("/999")).status == 200
        return whole, front.metric("config_publish_seconds")

    def quick():
        """Of eleven reloads, the one in the middle."""
        whole, published = (statistics.median(times) for times in zip(*[took() for _ in range(11)]))
        print(f"{whole:.4f} s, {published:.6f} s of it until all workers had it")
        return whole <= 0.1 * SLOW and published <= 0.1 * SLOW
    eventually(quick, timeout=3 * PATIENCE)
    assert front.metric("config_reloads_total", result="success") == next(count) - 65


# --- backends --------------------------------------------------------------------------------------------


def test_new_backends_take_over_and_the_clients_connection_lives_on(origin, proxy, client):
    old, new = origin(), origin()
    front = proxy(old)
    one = client(front)
    assert one.ask(request("/1")).status == 200
    assert front.reload(upstreams(front, new))
    assert one.ask(request("/2")).status == 200
    assert (old.targets, new.targets) == (["/1"], ["/2"])


def test_a_backend_that_stays_keeps_its_connection(origin, proxy, client):
    stays, comes = origin(), origin()
    front = proxy(stays)
    one = client(front)
    one.ask(request())
    assert front.reload(upstreams(front, stays, comes))
    for _ in range(4):
        assert one.ask(request()).status == 200
    assert stays.connections_used == 1 and len(comes.requests) == 2


def test_idle_connections_to_backends_that_leave_are_closed(origin, proxy, client):
    """Long before timeouts.upstream_keepalive."""
    old, new, gone = origin(), origin(), origin()
    front = proxy({"web": [old], "gone": [gone]}, timeouts={"upstream_keepalive": "1h"})
    with Client(front.port("gone")) as one:
        assert one.ask(request()).status == 200
    client(front).ask(request())
    assert (old.open_used, gone.open_used) == (1, 1)
    config = upstreams(front, new)
    config["services"].pop()
    assert front.reload(config)
    eventually(lambda: (old.open_used, gone.open_used) == (0, 0))


def test_a_backend_that_is_down_stays_down_through_a_reload(origin, proxy, client):
    up, down = origin(), dead_port()
    front = proxy([up, f"127.0.0.1:{down}"])
    eventually(lambda: not front.healthy(f"127.0.0.1:{down}"))
    config = changed(front, lambda c: c["services"][0]["upstreams"].reverse())
    assert front.reload(config)
    one = client(front)
    for _ in range(4):
        assert one.ask(request()).status == 200
    assert front.metric("upstream_failures_total", backend=f"127.0.0.1:{down}") == 0


def test_a_request_in_progress_ends_at_the_backend_that_it_went_to(origin, proxy, client):
    go = threading.Event()
    old, new = origin(held(go)), origin()
    front = proxy(old)
    one = client(front)
    one.send(request("/slow"))
    eventually(lambda: old.requests)
    assert front.reload(upstreams(front, new))
    go.set()
    assert one.answer().body == b"late"
    assert one.ask(request("/next")).status == 200
    assert new.targets == ["/next"]


def test_health_checks_go_by_the_new_policy(origin, proxy):
    backend, dead = origin(), f"127.0.0.1:{dead_port()}"
    patient = {"frequency_secs": 60, "timeout_ms": 500, "unhealthy_threshold": 100, "healthy_threshold": 1}
    front = proxy({"web": {"upstreams": [backend, dead], "health_check": patient}})
    def strict(config):
        config["services"][0]["health_check"]["unhealthy_threshold"] = 1
        config["services"][0]["upstreams"].append(f"127.0.0.1:{dead_port()}")
    assert front.healthy(dead)
    assert front.reload(changed(front, strict))
    eventually(lambda: not front.healthy(front.config["services"][0]["upstreams"][2]))
    eventually(lambda: not front.healthy(dead))  # it was in transition, which is looked at again soon


# --- services --------------------------------------------------------------------------------------------


def test_a_service_is_added_while_another_serves(origin, proxy, client):
    first, second = origin(), origin()
    front = proxy(first)
    one = client(front)
    assert one.ask(request("/1")).status == 200
    assert front.reload(changed(front, lambda c: c["services"].append(another("more", second, "127.0.0.1:0"))))
    assert client(front.port("more")).ask(request("/2")).status == 200
    assert one.ask(request("/3")).status == 200
    assert (first.targets, second.targets) == (["/1", "/3"], ["/2"])
    front.tells("listeners_added=1")


def test_a_service_that_goes_ends_what_it_has_begun_and_nothing_else(origin, proxy, client):
    go = threading.Event()
    slow, stays = origin(held(go)), origin()
    front = proxy({"stays": [stays], "goes": [slow]})
    busy, idle, other = client(front.port("goes")), client(front.port("goes")), client(front.port("stays"))
    other.ask(request())
    busy.send(request("/slow"))
    eventually(lambda: slow.requests)
    port = front.port("goes")
    config = changed(front, lambda c: c["services"].pop(1))
    assert front.reload(config)
    eventually(lambda: refused(port))
    assert idle.closed()
    go.set()
    answer = busy.answer()
    assert (answer.status, answer.body, answer.get("Connection")) == (200, b"late", "close")
    assert busy.closed()
    assert other.ask(request()).status == 200
    front.tells("listeners_removed=1")


def test_a_service_that_goes_can_come_back(origin, proxy, client):
    backend = origin()
    port = free_port()
    front = proxy({"stays": [backend], "comes": {"upstreams": [backend], "bind_address": f"127.0.0.1:{port}"}})
    with_it = copy.deepcopy(front.config)
    without = changed(front, lambda c: c["services"].pop(1))
    for _ in range(5):
        assert front.reload(without)
        eventually(lambda: refused(port))
        assert front.reload(with_it)
        assert client(port).ask(request()).status == 200


def test_a_service_moves_to_another_address(origin, proxy, client):
    front = proxy(origin())
    old_port = front.port()
    one = client(front)
    assert one.ask(request()).status == 200
    new_port = free_port()
    def edit(config):
        config["services"][0]["bind_address"] = f"127.0.0.1:{new_port}"
    assert front.reload(changed(front, edit))
    assert client(new_port).ask(request()).status == 200
    eventually(lambda: refused(old_port))
    assert one.ask(request()).status == 200  # who was connected there stays


def test_two_services_change_places(origin, proxy, client):
    a, b = origin(), origin()
    ports = free_port(), free_port()
    front = proxy({"a": {"upstreams": [a], "bind_address": f"127.0.0.1:{ports[0]}"},
                   "b": {"upstreams": [b], "bind_address": f"127.0.0.1:{ports[1]}"}}, server={"workers": 2})
    def swap(config):
        one, two = config["services"]
        one["bind_address"], two["bind_address"] = two["bind_address"], one["bind_address"]
    assert front.reload(changed(front, swap))
    def reaches(port, backend):
        before = len(backend.requests)
        assert client(port).ask(request()).status == 200
        return len(backend.requests) > before
    eventually(lambda: all(reaches(ports[1], a) and reaches(ports[0], b) for _ in range(8)))


# --- what is refused -------------------------------------------------------------------------------------


def test_a_broken_file_changes_nothing_and_is_explained(origin, proxy, client):
    backend = origin()
    front = proxy(backend)
    one = client(front)
    text = front.config_path.read_text().replace("upstreams:", "upstream:")
    assert not front.reload(text=text)
    front.tells("code=CQ1203", f"file={front.config_path}", "line=")
    assert one.ask(request()).status == 200
    assert client(front).ask(request()).status == 200


def test_a_file_that_is_gone_changes_nothing(origin, proxy, client):
    front = proxy(origin())
    front.config_path.unlink()
    front.signal(signal.SIGHUP)
    eventually(lambda: "the new configuration is not used" in front.stderr)
    assert client(front).ask(request()).status == 200


def test_an_address_in_use_changes_nothing_at_all(origin, proxy, client):
    """Not even what could have been changed."""
    old, new = origin(), origin()
    front = proxy(old)
    free = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        def edit(config):
            config["services"][0]["upstreams"] = [new.address]
            config["services"].append(another("fine", new, f"127.0.0.1:{free}"))
            config["services"].append(another("taken", new, "127.0.0.1:%d" % taken.getsockname()[1]))
        assert not front.reload(changed(front, edit))
    front.tells("cannot listen service=taken")
    assert refused(free)
    assert client(front.port("web")).ask(request("/1")).status == 200
    assert (old.targets, new.targets) == (["/1"], [])


def test_what_needs_a_new_start_is_said(origin, proxy):
    front = proxy(origin())
    assert front.reload(changed(front, lambda c: c["server"].update(workers=2)))
    front.tells("takes effect with the next start key=server.workers")


# --- cirque reload ---------------------------------------------------------------------------------------


def ask_to_reload(front):
    return subprocess.run([BINARY, "reload", "--config", front.config_path], capture_output=True, text=True, timeout=PATIENCE)


def with_known_admin(origin, proxy):
    return proxy(origin(), metrics={"listen": f"127.0.0.1:{free_port()}"})


def test_the_verb_waits_for_the_verdict(origin, proxy, client):
    front, new = with_known_admin(origin, proxy), origin()
    front.config_path.write_text(yaml.safe_dump(upstreams(front, new)))
    said = ask_to_reload(front)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == ("reloaded: listeners: 0 added, 0 moved, 0 removed, 1 as before; "
                           "pools: 0 added, 1 changed, 0 removed, 0 as before\n")
    assert client(front).ask(request("/new")).status == 200
    assert new.targets == ["/new"]


def test_the_verb_tells_what_is_wrong(origin, proxy, client):
    front = with_known_admin(origin, proxy)
    front.config_path.write_text(front.config_path.read_text().replace("upstreams:", "upstream:"))
    said = ask_to_reload(front)
    assert (said.returncode, said.stdout) == (1, "")
    assert "CQ1203" in said.stderr and "not reloaded: the old configuration stays as it was" in said.stderr
    assert client(front).ask(request()).status == 200


def test_the_verb_tells_what_only_the_process_can_find(origin, proxy, client):
    front, new = with_known_admin(origin, proxy), origin()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        config = changed(front, lambda c: c["services"].append(another("taken", new, address)))
        front.config_path.write_text(yaml.safe_dump(config))
        said = ask_to_reload(front)
    assert said.returncode == 1 and "not reloaded" in said.stderr
    assert f"taken {address}: cannot listen: Address already in use\n" in said.stderr


def test_a_running_cirque_is_not_in_the_way_of_its_own_configuration(origin, proxy):
    front = with_known_admin(origin, proxy)
    said = subprocess.run([BINARY, "validate", "--strict", front.config_path], capture_output=True, text=True, timeout=PATIENCE)
    assert said.returncode == 0, said.stderr


def test_the_verb_without_a_process(origin, proxy):
    front = with_known_admin(origin, proxy)
    front.check_and_stop()
    said = ask_to_reload(front)
    assert said.returncode == 1 and "is cirque running with this configuration?" in said.stderr


def test_the_verb_where_something_else_listens(origin, proxy):
    front = with_known_admin(origin, proxy)
    front.check_and_stop()
    port = int(front.config["metrics"]["listen"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)) as listener:
        def answer():
            with listener.accept()[0] as conn:
                conn.recv(10_000)
                conn.sendall(b"?\n")
        other = threading.Thread(target=answer)
        other.start()
        said = ask_to_reload(front)
        other.join()
    assert said.returncode == 1 and "does not speak HTTP" in said.stderr


# --- where operators ask -------------------------------------------------------------------------------------


def orders_at(port):
    """The status of /debug/config there, which is for operators; and of what is for everybody who watches."""
    with Client(("127.0.0.1", port)) as one:
        return one.ask(request("/debug/config")).status, one.ask(request("/metrics")).status


def asked_at(front, **sections):
    return changed(front, lambda config: config.update(sections))


def at(port):
    return {"listen": f"127.0.0.1:{port}"}


def test_the_address_of_the_metrics_moves(origin, proxy):
    front, first, second = proxy(origin(), metrics=at(free_port())), None, free_port()
    first = front.port("admin")
    with Client(("127.0.0.1", first)) as watcher:
        assert watcher.ask(request("/healthz")).status == 200
        assert front.reload(asked_at(front, metrics=at(second)))
        assert front.port("admin") == second and orders_at(second) == (200, 200)
        assert watcher.closed()
    assert refused(first)
    assert front.reload(asked_at(front, metrics=at(first))) and orders_at(first) == (200, 200) and refused(second)


def test_an_address_of_the_metrics_that_is_taken_changes_nothing(origin, proxy):
    front = proxy(origin(), metrics=at(free_port()))
    port = front.port("admin")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        front.config_path.write_text(yaml.safe_dump(asked_at(front, metrics=at(number), timeouts={"drain": "5s"})))
        with Client(("127.0.0.1", port)) as one:
            said = one.ask(request("/reload", "X-Cirque-Control: 1", method="POST", host="localhost"))
    assert said.status == 422 and f"admin 127.0.0.1:{number}: cannot listen: Address already in use" in said.body.decode()
    assert orders_at(port) == (200, 200) and front.metric("config_reloads_total", result="success") == 0


def test_operators_get_an_address_of_their_own_and_lose_it_again(origin, proxy):
    front = proxy(origin(), metrics=at(free_port()))
    metrics, admin = front.port("admin"), free_port()
    both = asked_at(front, admin=at(admin))
    assert front.reload(both) and orders_at(admin) == (200, 200) and orders_at(metrics) == (404, 200)
    assert front.reload(changed(front, lambda config: config.update(admin=at(metrics), metrics=at(admin))))
    assert orders_at(metrics) == (200, 200) and orders_at(admin) == (404, 200)
    assert front.reload(changed(front, lambda config: config.update(admin=at(admin), metrics={"enabled": False})))
    assert orders_at(admin) == (200, 200) and refused(metrics)


def test_an_address_that_is_in_its_own_way_waits_for_the_next_start(origin, proxy):
    port = free_port()
    front = proxy(origin(), metrics=at(port))
    before = front.metric("config_reloads_total", result="success")
    front.config_path.write_text(yaml.safe_dump(asked_at(front, metrics={"listen": f"0.0.0.0:{port}"},
                                                         timeouts={"drain": "5s"})))
    with Client(("127.0.0.1", port)) as one:
        said = one.ask(request("/reload", "X-Cirque-Control: 1", method="POST", host="localhost"))
    assert said.status == 200, said.body
    assert f"admin stays at 127.0.0.1:{port}, which is in the way of 0.0.0.0:{port}, until the next start" in said.body.decode()
    assert orders_at(port) == (200, 200) and front.metric("config_reloads_total", result="success") == before + 1


def test_two_addresses_that_the_kernel_chose_stay_what_they_are(origin, proxy):
    front = proxy(origin(), metrics=at(0), admin=at(0))
    metrics, admin = (int(front.address(name).rpartition(":")[2]) for name in ("metrics", "admin"))
    assert front.reload(asked_at(front, timeouts={"drain": "5s"}))
    assert orders_at(admin) == (200, 200) and orders_at(metrics) == (404, 200)


def test_the_verb_asks_where_the_process_still_is(origin, proxy, tmp_path):
    front = proxy(origin(), metrics=at(free_port()), server={"state_dir": str(tmp_path / "state")})
    first, second = front.port("admin"), free_port()
    front.config_path.write_text(yaml.safe_dump(asked_at(front, metrics=at(second))))
    assert "replay: no request has come yet" in subprocess.run(
        [BINARY, "plan", front.config_path], capture_output=True, text=True, timeout=PATIENCE).stdout
    said = ask_to_reload(front)
    assert (said.returncode, said.stderr) == (0, "") and f"admin is at 127.0.0.1:{second} now\n" in said.stdout
    assert refused(first) and orders_at(second) == (200, 200)


def test_the_verb_orders_nobody_who_has_got_the_address_since(origin, proxy, tmp_path):
    """Nor if their files call themselves the same."""
    front = proxy(origin(), version="1", metrics=at(free_port()), server={"state_dir": str(tmp_path / "state")})
    address = front.config["metrics"]
    front.check_and_stop()
    other = proxy(origin(), version="1", metrics=address)
    front.config_path.write_text(yaml.safe_dump(asked_at(front, metrics=at(dead_port()))))
    said = ask_to_reload(front)
    assert said.returncode == 1 and "is cirque running with this configuration?" in said.stderr
    assert other.metric("config_reloads_total") == 0


@pytest.mark.parametrize("method,host,fields,status", [
    ("POST", "localhost", [], 403),  # what a browser can be made to send
    ("POST", "rebound.example:9090", ["X-Cirque-Control: 1"], 403),  # and what a page can whose name leads here
    ("POST", "127.0.0.1.example", ["X-Cirque-Control: 1"], 403),
    ("POST", "localhost", ["X-Cirque-Control: 1", "X-Forwarded-For: 192.0.2.1"], 403),  # through a proxy of this machine
    ("GET", "localhost", ["X-Cirque-Control: 1"], 405),
    ("POST", "localhost:9090", ["X-Cirque-Control: 1"], 200),
    ("POST", "127.0.0.1:9090", ["X-Cirque-Control: 1"], 200),
    ("POST", "[::1]", ["X-Cirque-Control: 1"], 200),
])
def test_who_may_ask_over_http(origin, proxy, client, method, host, fields, status):
    front = proxy(origin())
    assert client(front.port("admin")).ask(request("/reload", *fields, method=method, host=host)).status == status
    assert front.metric("config_reloads_total", result="success") == (status == 200)


def has_nobody(path):
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(str(path)) in (errno.ECONNREFUSED, errno.ENOENT)


def test_a_unix_listener_comes_and_goes_while_somebody_knocks(origin, proxy, client, tmp_path):
    """All workers accept from one socket: when one of them lets go, the others still have it."""
    backend = origin()
    front = proxy({"web": [backend]}, server={"workers": 4})
    path = tmp_path / "u"
    config = copy.deepcopy(front.config)
    local = another("local", backend, f"unix:{path}")

    done = threading.Event()

    def knock(_):
        while not done.is_set():
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as one:
                one.setblocking(False)
                one.connect(str(path))
    crowd = Crowd(knock, 3)
    one = client(front.port("web"))
    try:
        for i in range(20):
            assert front.reload({**config, "services": config["services"] + [local] * (i % 2 == 0)})
            assert one.ask(request()).status == 200
            if i % 2:
                eventually(lambda: has_nobody(path))  # the workers let go of it one after the other
    finally:
        done.set()
        crowd.join()


# --- watching the file -----------------------------------------------------------------------------------


def in_place(front, text):
    front.config_path.write_text(text)


def by_rename(front, text):
    fresh = front.config_path.with_name(".cirque.yaml.swp")
    fresh.write_text(text)
    fresh.replace(front.config_path)


@pytest.mark.parametrize("write", [in_place, by_rename])
def test_a_file_that_changes_is_read_again(origin, proxy, client, write):
    old, new = origin(), origin()
    front = proxy(old, server={"watch_config": True})
    for backend in (new, old, new):
        write(front, yaml.safe_dump(upstreams(front, backend)))
        before = len(backend.requests)
        eventually(lambda: client(front).ask(request()).status == 200 and len(backend.requests) > before)


@pytest.mark.parametrize("end", ["closed", "replaced"])
def test_a_file_that_is_half_written_is_not_read(origin, proxy, client, end):
    """Whatever else happens in its folder: what is there so far would be a good configuration."""
    front = proxy({"one": [origin()], "two": [origin()]}, server={"watch_config": True})
    more = changed(front, lambda c: c["services"].append(another("three", origin(), "127.0.0.1:0")))
    text = yaml.safe_dump({"services": more["services"]}, sort_keys=False)
    rest = yaml.safe_dump({k: v for k, v in more.items() if k != "services"}, sort_keys=False)
    half = rest + text[:text.index("- name: two")]
    with open(front.config_path, "w") as file:
        file.write(half)
        file.flush()
        for _ in range(10):  # for ten times as long as files have to be quiet
            front.config_path.with_name("other").write_text("")
            pause(0.1)
        assert front.metric("config_reloads_total") == 0
        if end == "closed":
            file.write(text[text.index("- name: two"):])
        else:
            by_rename(front, rest + text)
            eventually(lambda: front.metric("config_reloads_total", result="success") == 1)
    eventually(lambda: front.metric("config_reloads_total", result="success") == 1)
    assert client(front.port("three")).ask(request()).status == 200
    assert front.metric("config_reloads_total") == 1 and "listeners_removed=1" not in front.stderr


def test_a_file_in_a_folder_where_it_is_never_quiet(origin, proxy, client):
    old, new = origin(), origin()
    front = proxy(old, server={"watch_config": True})
    done = threading.Event()

    def scribble():
        while not done.wait(0.01):
            front.config_path.with_name("busy").write_text("")
    busy = threading.Thread(target=scribble)
    busy.start()
    try:
        in_place(front, yaml.safe_dump(upstreams(front, new)))
        eventually(lambda: client(front).ask(request()).status == 200 and new.requests)
    finally:
        done.set()
        busy.join()


def test_a_link_on_the_way_to_the_file_that_is_swapped(origin, proxy, client, tmp_path):
    """As Kubernetes does: cirque.yaml -> ..data/cirque.yaml, and ..data changes over."""
    old, new = origin(), origin()
    front = proxy(old, server={"watch_config": True}, wait=False)
    folder = front.config_path.parent
    for name, backend in (("first", old), ("second", new)):
        (folder / name).mkdir()
        (folder / name / "cirque.yaml").write_text(yaml.safe_dump(upstreams(front, backend)))
    front.wait_ready()
    front.check_and_stop()
    (folder / "..data").symlink_to("first")
    front.config_path.unlink()
    front.config_path.symlink_to("..data/cirque.yaml")
    again = Proxy.again(front)
    try:
        assert client(again.port()).ask(request()).status == 200
        (folder / "..new").symlink_to("second")
        (folder / "..new").replace(folder / "..data")
        eventually(lambda: client(again.port()).ask(request()).status == 200 and new.requests)
    finally:
        again.check_and_stop()


def toml_of(services):
    return "".join("[[services]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in s.items() if not isinstance(v, dict))
                   for s in services)


def test_included_files_are_watched(origin, proxy, client):
    """Also one that was not there before, and one that only a pattern names."""
    old, new = origin(), origin()
    front = proxy(old, server={"watch_config": True})
    folder = front.config_path.parent / "conf.d"
    folder.mkdir()
    config = copy.deepcopy(front.config)
    services = config.pop("services")

    def reloads(taken, failed):
        eventually(lambda: front.metric("config_reloads_total", result="success") == taken
                   and front.metric("config_reloads_total", result="failure") == failed)

    (folder / "services.toml").write_text(toml_of(services))
    in_place(front, yaml.safe_dump(config | {"include": ["conf.d/*.toml"]}))
    reloads(1, 0)

    services[0]["upstreams"] = [new.address]
    (folder / "services.toml").write_text(toml_of(services))
    reloads(2, 0)
    assert client(front.port()).ask(request()).status == 200 and len(new.requests) == 1

    (folder / "limits.toml").write_text("[limits]\ntarget_bytes = '20k'\n")
    reloads(3, 0)
    (folder / "limits.toml").write_text("[limits]\ntarget_byte = '20k'\n")
    reloads(3, 1)
    (folder / "limits.toml").unlink()
    reloads(4, 1)


def watched(front):
    """What the process has asked the kernel to tell it about."""
    for info in pathlib.Path(f"/proc/{front.pid}/fdinfo").iterdir():
        try:
            lines = [line for line in info.read_text().splitlines() if line.startswith("inotify ")]
        except FileNotFoundError:  # closed since it was listed
            continue
        if lines:
            return lines
    return []


def test_a_file_in_a_folder_that_comes_later_and_goes_is_watched(origin, proxy):
    front = proxy(origin(), server={"watch_config": True})
    folder = front.config_path.parent / "sub" / "deep"

    def reloads(taken, failed):
        eventually(lambda: front.metric("config_reloads_total", result="success") == taken
                   and front.metric("config_reloads_total", result="failure") == failed)
    in_place(front, yaml.safe_dump(front.config | {"include": "sub/deep/limits.yaml"}))
    reloads(0, 1)
    for round in (1, 2):
        for part in (folder.parent, folder):
            seen = watched(front)
            part.mkdir()
            eventually(lambda: watched(front) != seen)
        (folder / "limits.yaml").write_text("limits: {target_bytes: 20k}\n")
        reloads(round, round)
        shutil.rmtree(folder.parent)
        reloads(round, round + 1)


def test_a_file_that_is_touched_is_not_reloaded(origin, proxy):
    front = proxy(origin(), server={"watch_config": True})
    text = front.config_path.read_text()
    in_place(front, text)
    by_rename(front, text)
    in_place(front, text + "# changed\n")
    eventually(lambda: front.metric("config_reloads_total", result="success") == 1)
    assert front.metric("config_reloads_total", result="failure") == 0


# --- rules -----------------------------------------------------------------------------------------------


def test_new_limits_hold_for_new_requests_on_old_connections(origin, proxy, client):
    front = proxy(origin())
    one = client(front)
    assert one.ask(request("/" + "a" * 2000)).status == 200
    assert front.reload(changed(front, lambda c: c.update(limits={"target_bytes": 1024})))
    assert one.ask(request("/short")).status == 200
    assert one.ask(request("/" + "a" * 2000)).status == 414


def test_new_timeouts_leave_a_request_in_progress_alone(origin, proxy, client):
    go = threading.Event()
    front = proxy(origin(held(go)))
    one = client(front)
    one.send(request("/slow"))
    eventually(lambda: front.in_flight() == 1)
    def edit(config):
        config["timeouts"] = {**config["timeouts"], "upstream_header": "100ms"}
    assert front.reload(changed(front, edit))
    late = client(front)
    assert late.ask(request("/late")).status == 504
    go.set()
    assert one.answer().status == 200


# --- under load ------------------------------------------------------------------------------------------


@pytest.mark.tsan
@pytest.mark.parametrize("workers", [1, 2])
def test_many_reloads_under_load_lose_nothing(origin, proxy, client, workers):
    backends = [origin(), origin()]
    port = free_port()
    front = proxy({"web": backends, "aside": [backends[0]]}, server={"workers": workers})
    one_of_each = [upstreams(front, backends[0]), upstreams(front, backends[1], backends[0]), upstreams(front, backends[1])]
    for number, config in enumerate(one_of_each):
        if number == 1:
            config["services"].append(another("more", backends[0], f"127.0.0.1:{port}"))
        if number == 2:
            config["limits"] = {"fields": 64}
    over = threading.Event()
    served = [0] * 4

    def work(number):
        keeps = client(front.port("web"))
        while not over.is_set():
            assert keeps.ask(request(f"/{number}")).status == 200
            with_new_connection = client(front.port("aside"))
            assert with_new_connection.ask(request("/new", "Connection: close")).status == 200
            with_new_connection.close()
            served[number] += 1

    idle = client(front)  # through it all
    assert idle.ask(request("/before")).status == 200
    crowd = Crowd(work, len(served))
    try:
        for number in range(110):
            assert front.reload(one_of_each[number % len(one_of_each)])
            reached = list(served)
            eventually(lambda: crowd.failures or all(s > r for s, r in zip(served, reached)))
    finally:
        over.set()
        crowd.join()
    assert idle.ask(request("/after")).status == 200


# --- metrics -----------------------------------------------------------------------------------------------


def test_a_backend_that_has_gone_leaves_the_page_with_its_last_connection(origin, proxy, client):
    go = threading.Event()
    stays, goes = origin(), origin(held(go))
    front = proxy([goes])
    one = client(front)
    one.send(request("/held"))
    eventually(lambda: goes.requests)
    assert front.reload(upstreams(front, stays))

    def on_page(backend):
        return f'backend="{backend.address}"' in front.metrics().text
    assert on_page(stays) and on_page(goes)
    assert front.metric("upstream_connections", backend=goes.address, state="active") == 1
    go.set()
    assert one.answer().body == b"late"
    one.ask(request("/other"))  # the worker has seen the new members
    eventually(lambda: not on_page(goes))
    assert front.reload(upstreams(front, stays, goes))
    assert on_page(goes) and front.healthy(goes.address)
    assert front.metric("upstream_requests_total", backend=goes.address) >= 1  # goes on where it was


def test_an_interval_that_has_become_shorter_begins_at_once(origin, proxy):
    backend = origin()
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"pool": "p"}]}],
                  pools=[{"name": "p", "backends": [backend.address], "health_check": {"interval": "1h"}}])
    eventually(lambda: backend.accepted == 1)
    backend.stop_listening()
    config = copy.deepcopy(front.config)
    config["pools"][0]["health_check"]["interval"] = "50ms"
    assert front.reload(config)
    eventually(lambda: not front.healthy(backend.address))
