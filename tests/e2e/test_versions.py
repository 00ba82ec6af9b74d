"""Versions of the configuration: numbered, kept, shown, and back to any of them; and what is applied on trial."""
import copy
import json
import os
import pathlib
import pwd
import random
import re
import signal
import subprocess
import time

import pytest
import yaml
from lib.http import Client, request
from lib.proxy import Process, Proxy, cirque
from lib.util import BINARY, PATIENCE, eventually, free_port


def named(name):
    def script(conn):
        while conn.read_request():
            conn.respond(200, f"X-Origin: {name}", body=b"ok")
    return script


@pytest.fixture
def kept(origin, proxy, tmp_path):
    """A proxy with a state folder and a known address for orders; front.use(name) writes a configuration that leads
    to that origin."""
    origins = {name: origin(named(name)) for name in ("one", "two", "three")}
    state = tmp_path / "state"
    front = proxy(origins["one"], metrics={"listen": f"127.0.0.1:{free_port()}"}, server={"state_dir": str(state)})
    front.state, front.origins = state, origins

    def text_for(name):
        config = copy.deepcopy(front.config)
        config["services"][0]["upstreams"] = [origins[name].address]
        return yaml.safe_dump(config, sort_keys=False)
    front.text_for = text_for
    front.use = lambda name: front.reload(text=text_for(name))
    return front


def origin_of(front):
    with Client(front.port("web")) as one:
        return one.ask(request("/")).get("X-Origin")


def history(front):
    done = cirque("config", "history", "--state-dir", front.state, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["versions"]


def order(front, *words):
    return cirque(*words, "--config", front.config_path)


def test_every_configuration_in_use_gets_a_number(kept):
    assert [v["number"] for v in history(kept)] == [1]
    assert kept.use("two") and kept.use("three") and kept.use("two")
    versions = history(kept)
    assert [v["number"] for v in versions] == [4, 3, 2, 1]
    assert versions[-1]["source"] == f"start {kept.config_path}" and versions[0]["source"] == "reload (SIGHUP)"
    assert versions[0]["hash"] == versions[2]["hash"] != versions[1]["hash"]
    shown = cirque("config", "show", 3, "-c", kept.config_path)
    assert shown.stdout == kept.text_for("three")
    diff = ("config", "diff", 3, 4, "-c", kept.config_path)
    three, two = kept.origins["three"].address, kept.origins["two"].address
    assert cirque(*diff).stdout.startswith(f"pool web: backends + {two}, - {three}\n")
    assert json.loads(cirque(*diff, "--format", "json").stdout)["changes"]
    lines = cirque(*diff, "--lines").stdout.splitlines()
    assert f"-  - {three}" in lines and f"+  - {two}" in lines


def test_what_is_refused_or_unchanged_gets_none(kept):
    assert not kept.reload(text="services: [")
    assert kept.reload(text=kept.text_for("one"))
    assert len(history(kept)) == 1


def test_back_to_a_version(kept):
    assert kept.use("two") and kept.use("three")
    done = order(kept, "config", "rollback", 1)
    assert done.returncode == 0 and "this is version 4" in done.stdout
    assert "says something else, which counts again at the next reload or start" in done.stdout
    assert origin_of(kept) == "one"
    assert history(kept)[0]["source"] == "rollback to 1"
    assert kept.config_path.read_text() == kept.text_for("three")

    done = order(kept, "config", "rollback", 2, "--write")
    assert done.returncode == 0 and f"written: {kept.config_path}" in done.stdout
    assert "something else" not in done.stdout
    assert origin_of(kept) == "two" and kept.config_path.read_text() == kept.text_for("two")


def test_back_to_a_version_that_there_is_not(kept):
    done = order(kept, "config", "rollback", 7)
    assert done.returncode == 1 and "7" in done.stderr and origin_of(kept) == "one"


@pytest.fixture
def included(kept):
    """Version 2 has its services in conf.d/web.yaml; version 3, in use, includes nothing."""
    kept.folder = kept.config_path.parent / "conf.d"
    kept.folder.mkdir()
    config = yaml.safe_load(kept.text_for("two"))
    services = config.pop("services")
    (kept.folder / "web.yaml").write_text(yaml.safe_dump({"services": services}))
    kept.texts = yaml.safe_dump(config | {"include": "conf.d/*.yaml"}), yaml.safe_dump({"services": services})
    assert kept.reload(text=kept.texts[0])
    assert kept.use("three")
    return kept


def test_a_version_has_the_files_that_it_includes(included):
    kept, folder = included, included.folder
    (folder / "web.yaml").unlink()
    assert order(kept, "config", "rollback", 2).returncode == 0
    assert origin_of(kept) == "two"
    assert not (folder / "web.yaml").exists()
    assert order(kept, "config", "rollback", 2, "--write").returncode == 0
    assert (folder / "web.yaml").read_text() == kept.texts[1]


def test_a_version_is_not_written_back_beside_files_that_came_since(included):
    kept, folder = included, included.folder
    (folder / "web.yaml").write_text("{}")
    (folder / "new.yaml").write_text("limits: {upstream_idle: 3}\n")
    done = order(kept, "config", "rollback", 2, "--write")
    assert done.returncode == 1 and done.stderr.endswith(f"move them away first\n  {folder / 'new.yaml'}\n")
    assert (folder / "web.yaml").read_text() == "{}" and origin_of(kept) == "three" and len(history(kept)) == 3
    (folder / "new.yaml").rename(folder / "new.yaml.away")
    assert order(kept, "config", "rollback", 2, "--write").returncode == 0
    assert kept.config_path.read_text() == kept.texts[0] and origin_of(kept) == "two"


# --- apply -----------------------------------------------------------------------------------------------


def test_another_file_is_applied(kept, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(kept.text_for("two"))
    done = cirque("apply", other, "--note", "the 2nd")
    assert done.returncode == 0 and "this is version 2" in done.stdout and "says something else" in done.stdout
    assert origin_of(kept) == "two"
    assert (history(kept)[0]["source"], history(kept)[0]["note"]) == (f"apply {other}", "the 2nd")
    assert kept.reload(text=kept.text_for("three")) and origin_of(kept) == "three"


def test_a_bad_file_is_not_applied(kept, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(kept.text_for("two").replace("upstreams:", "upstream:"))
    done = cirque("apply", other)
    assert done.returncode == 1 and "CQ1203" in done.stderr and "not applied" in done.stderr
    other.write_text(yaml.safe_dump(yaml.safe_load(kept.text_for("two")) | {
        "tests": [{"name": "never", "url": "http://x/", "expect": {"pool": "other"}}]}))
    done = cirque("apply", other)
    assert done.returncode == 1 and "CQ1418" in done.stderr
    assert origin_of(kept) == "one" and len(history(kept)) == 1


def test_what_nobody_confirms_goes_by_itself(kept, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(kept.text_for("two"))
    began = time.monotonic()
    done = cirque("apply", other, "--confirm", "2s")
    assert done.returncode == 0 and "on trial for 2 s" in done.stdout
    assert origin_of(kept) == "two"
    eventually(lambda: origin_of(kept) == "one")
    assert time.monotonic() - began >= 1.9
    eventually(lambda: history(kept)[0]["source"] == "not confirmed")
    assert [v["number"] for v in history(kept)] == [3, 2, 1]
    done = order(kept, "confirm")
    assert done.returncode == 1 and "nothing waits to be confirmed" in done.stderr


def test_what_is_confirmed_stays(kept, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(kept.text_for("two"))
    assert cirque("apply", other, "--confirm", "1s").returncode == 0
    assert order(kept, "confirm").stdout.startswith("confirmed\n")
    other.write_text(kept.text_for("three"))
    done = cirque("apply", other, "--confirm", "1h")
    assert done.returncode == 0 and origin_of(kept) == "three"
    assert order(kept, "reload").returncode == 0  # which ends the trial
    assert origin_of(kept) == "one"
    assert order(kept, "confirm").returncode == 1


def test_orders_come_from_this_machine_and_not_from_a_browser(kept):
    with Client(kept.port("admin")) as one:
        for path in ("/apply", "/rollback", "/confirm", "/plan"):
            assert one.ask(request(path, method="POST", host="localhost", body=b"")).status == 403
            assert one.ask(request(path, "X-Cirque-Control: 1", host="localhost")).status == 405
        assert one.ask(request("/apply", "X-Cirque-Control: 1", method="POST", host="localhost", body=b"nonsense")).status == 422


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("verb", [("reload",), ("plan",), ("apply",), ("explain", "--live", "http://a/")])
def test_orders_come_from_root_and_from_our_own_user(kept, verb):
    nobody = pwd.getpwnam("nobody").pw_uid
    text = kept.config_path.read_text()

    def order_as(user):
        return subprocess.run([BINARY, *verb, "--config", "-"], input=text, capture_output=True, text=True, timeout=PATIENCE, user=user)
    done = order_as(nobody)
    assert done.returncode == 1 and "orders are for root and the user that cirque runs as" in done.stdout + done.stderr
    assert len(history(kept)) == 1
    assert order_as(0).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_has_gone_by_the_time_that_his_order_is_read_is_not_root(kept):
    """What the kernel keeps of a closed connection has no owner, and is user 0's as it seems."""
    backend = kept.config["services"][0]["upstreams"][0]
    script = f"""
import socket
with socket.create_connection(("127.0.0.1", {kept.port("admin")})) as one:
    one.sendall(b"POST /drain HTTP/1.0\\r\\nHost: localhost\\r\\nX-Cirque-Control: 1\\r\\nX-Cirque-Backend: {backend}\\r\\n\\r\\n")
    print(one.getsockname()[1])
"""

    def has_gone(port):
        """Nobody has the client's end any more: it is a remnant in FIN-WAIT-2, or not even that.
        Its port alone is not enough to know it by: connections to elsewhere may have the same."""
        ends = f":{port:04X}", f":{kept.port('admin'):04X}"
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return {row[3] for row in rows if (row[1][-5:], row[2][-5:]) == ends} <= {"05"}
    with kept.frozen():
        done = subprocess.run(["/usr/bin/python3", "-c", script], check=True, capture_output=True, timeout=PATIENCE,
                              user=pwd.getpwnam("nobody").pw_uid)
        eventually(lambda: has_gone(int(done.stdout)))
    eventually(lambda: kept.metric("http_requests_total", service="admin", method="POST") == 1)
    assert "is not drained by an order" in order(kept, "undrain", backend).stderr


def test_a_trial_upon_a_trial_goes_back_to_what_was_confirmed(kept, tmp_path):
    for name in ("two", "three"):
        other = tmp_path / f"{name}.yaml"
        other.write_text(kept.text_for(name))
        assert cirque("apply", other, "--confirm", "1s").returncode == 0
    eventually(lambda: history(kept)[0]["source"] == "not confirmed")
    assert origin_of(kept) == "one"


def test_nobody_waits_for_ever(kept, tmp_path):
    done = cirque("apply", kept.config_path, "--confirm", "106751d")
    assert done.returncode == 1 and "confirm within" in done.stderr


def test_standard_input_is_applied(kept, tmp_path):
    for verb in ("plan", "apply"):
        done = subprocess.run([BINARY, verb, "-"], input=kept.text_for("two"), capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
    assert origin_of(kept) == "two"


def test_a_version_from_standard_input_has_no_file_to_write_back(kept, tmp_path):
    done = subprocess.run([BINARY, "apply", "-"], input=kept.text_for("two"), capture_output=True, text=True,
                          timeout=PATIENCE, cwd=tmp_path)
    assert done.returncode == 0 and kept.use("three")
    assert order(kept, "config", "rollback", 2).returncode == 0 and origin_of(kept) == "two"
    done = order(kept, "config", "rollback", 2, "--write")
    assert done.returncode == 1 and "standard input" in done.stderr and not (tmp_path / "<stdin>").exists()


def test_a_folder_is_applied_and_compared_as_a_whole(kept, tmp_path):
    folder = tmp_path / "conf"
    (folder / "empty").mkdir(parents=True)
    (folder / "a.yaml").write_text("include: empty\n" + kept.text_for("two"))
    (folder / "b.yaml").write_text("limits: {upstream_idle: 3}\n")
    assert cirque("apply", folder).returncode == 0
    (folder / "b.yaml").write_text("limits: {upstream_idle: 4}\n")
    assert cirque("apply", folder).returncode == 0
    assert "limits.upstream_idle: 3 → 4" in cirque("config", "diff", 2, 3, "-c", kept.config_path).stdout
    done = order(kept, "config", "rollback", 2)
    assert done.returncode == 0, done.stderr
    assert history(kept)[0]["hash"] == history(kept)[2]["hash"]


def test_a_file_that_is_written_back_keeps_its_rights_and_its_link(kept, tmp_path):
    assert kept.use("two")
    real = tmp_path / "real.yaml"
    real.write_text(kept.text_for("two"))
    real.chmod(0o600)
    kept.config_path.unlink()
    kept.config_path.symlink_to(real)
    assert order(kept, "config", "rollback", 1, "--write").returncode == 0
    assert kept.config_path.is_symlink() and real.read_text() == kept.text_for("one")
    assert real.stat().st_mode & 0o777 == 0o600


def test_another_state_folder_counts_from_the_next_start(kept, tmp_path):
    kept.config["server"]["state_dir"] = str(tmp_path / "elsewhere")
    kept.config_path.write_text(yaml.safe_dump(kept.config))
    assert "server.state_dir: the change takes effect with the next start" in order(kept, "reload").stdout


# --- plan ------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(origin, proxy, tmp_path):
    front = proxy({}, metrics={"listen": f"127.0.0.1:{free_port()}"}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  virtual_hosts=[{"name": "shop", "hosts": ["shop.example"], "routes": [
                      {"name": "api", "path_prefix": "/api", "pool": "a"},
                      {"name": "beta", "headers": [{"name": "X-Env", "value": "beta"}], "pool": "b"},
                      {"name": "rest", "pool": "a"}]}],
                  pools=[{"name": "a", "backends": [origin().address]}, {"name": "b", "backends": [origin().address]}])

    def planned(edit):
        config = copy.deepcopy(front.config)
        edit(config)
        other = tmp_path / "other.yaml"
        other.write_text(yaml.safe_dump(config))
        return cirque("plan", other)
    front.planned = planned
    return front


def asked(front, target, *fields, host="shop.example"):
    with Client(front.port("web")) as one:
        return one.ask(request(target, *fields, host=host)).status


def test_a_plan_tells_what_would_go_elsewhere(shop):
    for target in ("/api/1", "/api/2", "/cart?token=secret", "/x"):
        assert asked(shop, target) == 200
    asked(shop, "/x", "X-Env: beta", "Authorization: secret", "Cookie: session=secret")
    asked(shop, "/x", host="other.example")

    def edit(config):
        config["virtual_hosts"][0]["routes"][0]["pool"] = "b"
        config["virtual_hosts"][0]["routes"][1] = {"name": "gone", "headers": [{"name": "X-New"}], "respond": {"status": 410}}
        config["pools"][0]["backends"].append("127.0.0.1:1")
    told = shop.planned(edit)
    assert told.returncode == 0, told.stderr
    assert "virtual host shop: route api: pool a → b" in told.stdout
    assert "touches: backends that join: 127.0.0.1:1 (pool a)" in told.stdout
    assert "replay: 3 of the last 6 requests would go elsewhere" in told.stdout
    assert ("       2  pool a → pool b\n"
            "          1  GET http://shop.example/api/1\n"
            "          1  GET http://shop.example/api/2\n"
            "       1  pool b → answered with 410 or pool a\n"
            "          1  GET http://shop.example/x\n"
            "       2  cannot be judged: route shop/gone asks for header x-new, of which too little is kept\n"
            in told.stdout)
    assert "header x-new is asked for newly" in told.stdout
    assert "secret" not in told.stdout
    assert asked(shop, "/api/1") == 200 and shop.metric("config_reloads_total") == 0


def test_so_much_is_kept_of_a_request_and_no_more(shop):
    """Of fields that are asked for a client may send as many as it likes, of which not all are kept."""
    assert asked(shop, "/x", *[f"X-Env: {n}{'e' * 400}" for n in range(20)]) == 200
    assert asked(shop, "/x", *[f"X-Env: {n}{'e' * 100}" for n in range(20)], "X-Env: beta") == 200
    told = shop.planned(lambda config: config["virtual_hosts"][0]["routes"][1].update(pool="a")).stdout
    assert "       1  pool b → pool a\n          1  GET http://shop.example/x\n" in told
    assert "       1  cannot be judged: route shop/beta asks for header x-env, of which too little is kept\n" in told


def test_a_plan_that_changes_nothing(shop):
    asked(shop, "/x")
    told = shop.planned(lambda config: None).stdout
    assert "touches: no listener and no backend" in told and "replay: 0 of the last 1 requests would go elsewhere" in told


def test_a_plan_judges_by_secrets_that_nobody_keeps(shop):
    """A route for those with a token moves: whoever has one goes with it, and the token is told to nobody."""
    config = copy.deepcopy(shop.config)
    token = {"name": "token", "headers": [{"name": "Authorization", "prefix": "Bearer "}], "pool": "a"}
    config["virtual_hosts"][0]["routes"].insert(0, token)
    shop.reload(config)
    for fields in (["Authorization: Bearer secret"], ["Authorization: Basic secret"], []):
        assert asked(shop, "/y", *fields) == 200

    def planned(edit):
        changed = copy.deepcopy(config)
        edit(changed["virtual_hosts"][0]["routes"][0])
        shop.config = changed
        return shop.planned(lambda config: None).stdout
    told = planned(lambda route: route.update(pool="b"))
    assert ("replay: 1 of the last 3 requests would go elsewhere\n       1  pool a → pool b\n"
            "          1  GET http://shop.example/y\n") in told and "judged" not in told
    told = planned(lambda route: route.update(pool="b", headers=[{"name": "Authorization", "prefix": "Basic "}]))
    assert "replay: 0 of the last 3 requests would go elsewhere\n" in told
    assert "       2  cannot be judged: route shop/token asks for header authorization, of which too little is kept\n" in told
    assert "secret" not in told


def test_a_plan_of_a_listener_with_another_name(shop):
    """Its clients come to the same address, and go the same way."""
    with Client(shop.port("web")) as one:
        assert one.ask(request("/x", host="shop.example")).status == 200
        told = shop.planned(lambda config: config["listeners"][0].update(name="front")).stdout
    assert "touches: listeners that drain: web (127.0.0.1:0, 1 connection open)" in told
    assert "replay: 0 of the last 1 requests would go elsewhere" in told


def test_a_plan_of_what_would_not_be_taken(shop):
    told = shop.planned(lambda config: config["virtual_hosts"][0]["routes"][0].update(pool="c"))
    assert told.returncode == 1 and "CQ1410" in told.stderr and "would not be taken" in told.stderr


def test_a_plan_replays_the_last_thousand(shop):
    with Client(shop.port("web")) as one:
        for number in range(1500):
            assert one.ask(request(f"/{number}", host="shop.example")).status == 200
    told = shop.planned(lambda config: config["virtual_hosts"].clear() or config["virtual_hosts"].append(
        {"hosts": ["*"], "routes": [{"pool": "b"}, {"path": "/x", "pool": "a"}]})).stdout
    moved, kept = map(int, re.search(r"replay: (\d+) of the last (\d+) requests", told).groups())
    assert 100 <= moved == kept <= 1000


def test_a_plan_where_nothing_runs_is_beside_what_was_in_use_last(kept, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(kept.text_for("two"))
    assert kept.use("three")
    assert "replay: " in cirque("plan", other).stdout
    kept.check_and_stop()
    three, two = kept.origins["three"].address, kept.origins["two"].address
    told = cirque("plan", other)
    assert told.returncode == 0 and told.stderr == ""
    assert told.stdout.startswith(f"pool web: backends + {two}, - {three}\n")
    assert "compared with version 2 of " in told.stdout and "no cirque runs with this configuration" in told.stdout
    assert "replay: " not in told.stdout and "touches: " not in told.stdout
    other.write_text("services: [")
    assert cirque("plan", other).returncode == 1


def test_a_plan_where_nothing_runs_and_nothing_ever_did(kept, tmp_path):
    other = tmp_path / "other.yaml"
    kept.check_and_stop()
    other.write_text(kept.text_for("two").replace(str(kept.state), str(tmp_path / "nowhere")))
    told = cirque("plan", other)
    assert told.returncode == 1 and told.stdout == "" and "is cirque running with this configuration?" in told.stderr


# --- the state folder ------------------------------------------------------------------------------------


def test_the_last_known_good_one(kept):
    assert kept.use("two")
    kept.check_and_stop()
    kept.config_path.write_text("services: [")

    def start(*flags):
        return subprocess.run([BINARY, "run", "-c", kept.config_path, *flags], capture_output=True, text=True, timeout=PATIENCE)
    assert start().returncode == 1
    refused = start("--last-known-good", "--state-dir", str(kept.state / "none"))
    assert refused.returncode == 1 and "there is no last known good configuration" in refused.stderr
    for spoil in (lambda: None, kept.config_path.unlink):
        spoil()
        directory = kept.state.parent / f"again{spoil.__name__}"
        directory.mkdir()
        again = Process([BINARY, "run", "-c", kept.config_path, "--last-known-good", "--state-dir", kept.state], directory)
        try:
            eventually(lambda: " ready" in again.stderr)
            assert "starting with version 2, the last that was in use" in again.stderr
            assert f'version=2 source="last known good of {kept.config_path}"' in again.stderr
        finally:
            again.stop()
    assert len(history(kept)) == 2


def test_the_last_known_good_one_where_the_file_says(kept, tmp_path):
    """Though the rest of the file is wrong."""
    kept.check_and_stop()
    kept.config_path.write_text(kept.text_for("one").replace("upstreams:", "upstream:"))
    directory = tmp_path / "again"
    directory.mkdir()
    again = Process([BINARY, "run", "-c", kept.config_path, "--last-known-good"], directory)
    try:
        eventually(lambda: " ready" in again.stderr)
        assert "starting with version 1" in again.stderr
    finally:
        again.stop()


def test_a_trial_is_told_from_what_is_good_until_it_is_confirmed(kept, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(kept.text_for("two"))

    def trials():
        return [v["trial"] for v in history(kept)]
    assert cirque("apply", other, "--confirm", "1h").returncode == 0
    assert trials() == [True, False]
    assert "other.yaml (on trial)" in cirque("config", "history", "--state-dir", kept.state).stdout
    assert order(kept, "confirm").returncode == 0
    assert trials() == [False, False]
    other.write_text(kept.text_for("three"))
    assert cirque("apply", other, "--confirm", "1h").returncode == 0
    assert cirque("apply", other).returncode == 0  # the same, for good
    assert trials() == [False, False, False]


def test_killed_in_a_trial_it_starts_with_what_was_good_before(kept, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(kept.text_for("two"))
    assert cirque("apply", other, "--confirm", "1h").returncode == 0
    kept.expected_status = -signal.SIGKILL
    kept.signal(signal.SIGKILL)
    kept.wait()
    kept.config_path.write_text("services: [")
    directory = tmp_path / "again"
    directory.mkdir()
    again = Process([BINARY, "run", "-c", kept.config_path, "--last-known-good", "--state-dir", kept.state], directory)
    try:
        eventually(lambda: " ready" in again.stderr)
        assert "starting with version 1, the last that was in use" in again.stderr
    finally:
        again.stop()


def test_a_folder_that_cannot_be_had_prevents_the_start(origin, proxy, tmp_path):
    (tmp_path / "file").write_text("")
    front = proxy(origin(), server={"state_dir": str(tmp_path / "file" / "state")}, wait=False)
    front.expected_status = 1
    front.wait()
    assert "versions of the configuration cannot be kept" in front.stderr


def test_only_so_many_are_kept(origin, proxy, tmp_path):
    front = proxy(origin(), server={"state_dir": str(tmp_path / "state"), "versions_kept": 3})
    front.state = tmp_path / "state"
    for workers in range(2, 7):
        front.config["server"]["backlog"] = workers
        assert front.reload(front.config)
    assert [v["number"] for v in history(front)] == [6, 5, 4]


def test_killed_at_any_moment_the_history_is_whole(origin, tmp_path):
    """Killed in the middle of reloads: every version that was announced is there, and those before it."""
    backend = origin()
    state = tmp_path / "state"
    chance = random.Random(7)
    announced = 0
    for turn in range(12):
        directory = tmp_path / f"turn{turn}"
        directory.mkdir()
        config = {"services": [{"name": "web", "bind_address": "127.0.0.1:0", "upstreams": [backend.address]}],
                  "server": {"workers": 1, "state_dir": str(state), "watch_config": False},
                  "metrics": {"enabled": False}, "logging": {"access": {"enabled": False}}}
        front = Proxy(config, directory)

        def announced_here():
            return [int(n) for n in re.findall(r"configuration in use version=(\d+)", front.stderr)]
        for number in range(1, chance.randint(2, 6)):
            config["server"]["backlog"] = 1000 * (turn + 1) + number
            fresh = front.config_path.with_suffix(".new")
            fresh.write_text(yaml.safe_dump(config))
            before = len(announced_here())
            fresh.replace(front.config_path)
            front.signal(signal.SIGHUP)
            is_last = number > 1 and chance.random() < 0.3
            if is_last:
                break
            eventually(lambda: len(announced_here()) > before)
        for _ in range(chance.randrange(40_000)):  # somewhere in the last reload
            pass
        front.process.send_signal(signal.SIGKILL)
        front.process.wait()
        announced = max([announced, *announced_here()])
        done = cirque("config", "history", "--state-dir", state, "--format", "json")
        assert done.returncode == 0, done.stderr
        numbers = [v["number"] for v in json.loads(done.stdout)["versions"]]
        assert numbers[0] >= announced and numbers == list(range(numbers[0], numbers[0] - len(numbers), -1))
        for number in (numbers[0], numbers[-1]):
            assert cirque("config", "show", number, "--state-dir", state).returncode == 0
