"""Pages of one's own for errors: which of them is taken, what it says, and when it changes."""
import json
import re

import pytest
import yaml
from lib.http import Client, request
from lib.proxy import cirque
from lib.util import dead_port, eventually, free_port

FAILING = {"interval": "1h", "unhealthy_threshold": 100}


def answers(status):
    def script(conn):
        while conn.read_request():
            conn.respond(status, "Content-Type: text/plain", body=b"the backend's own")
    return script


@pytest.fixture
def pages(proxy, origin):
    """pages(of_all, of_shop, files={name: text}): hosts shop.example and *, each with a dead pool under /dead and a
    backend that answers 503 under /busy; everything else is 404."""
    def start(of_all=(), of_shop=(), **sections):
        busy = origin(answers(503))
        routes = [{"path_prefix": "/dead", "pool": "dead"}, {"path_prefix": "/busy", "pool": "busy"}]
        hosts = [{"hosts": ["shop.example"], "routes": routes, "error_pages": list(of_shop)},
                 {"hosts": ["*"], "routes": routes}]
        if not of_shop:
            del hosts[0]["error_pages"]
        return proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], virtual_hosts=hosts,
                     pools=[{"name": "dead", "backends": [f"127.0.0.1:{dead_port()}"], "health_check": FAILING},
                            {"name": "busy", "backends": [busy.address]}],
                     **({"error_pages": list(of_all)} if of_all else {}), **sections)
    return start


def html(status, text):
    return {"status": status, "html": {"text": text}}


def ask(front, target="/", *fields, host="shop.example", **how):
    with Client(front.port("web")) as one:
        return one.ask(request(target, *fields, host=host, **how))


def test_the_nearest_page_is_taken(pages):
    """Of the host before those of all, of a status before its class; what nobody has is cirque's own."""
    front = pages([html("404", "404 of all"), html("5xx", "5xx of all"), html("4xx", "4xx of all")],
                  [html("4xx", "4xx of the shop"), html("502", "502 of the shop")])
    assert ask(front).body == b"4xx of the shop"
    assert ask(front, host="other.example").body == b"404 of all"
    assert ask(front, "/dead").body == b"502 of the shop"
    assert ask(front, "/dead", host="other.example").body == b"5xx of all"
    assert ask(front, "/", "Expect: miracles", host="other.example").body == b"4xx of all"
    front = pages([html("503", "x")])
    assert b"<code>no_route</code>" in ask(front).body


def test_what_a_backend_answers_stays(pages):
    front = pages([html("5xx", "ours")])
    assert ask(front, "/busy").body == b"the backend's own"
    assert ask(front, "/dead").body == b"ours"


def test_the_rest_of_the_answer_is_as_ever(pages):
    front = pages([html("404", "ours")])
    with Client(front.port("web")) as one:
        answer = one.ask(request("/", "X-Request-Id: abc"))
        assert (answer.status, answer.get("Content-Type")) == (404, "text/html; charset=utf-8")
        assert answer.get("Proxy-Status") == 'cirque; error=destination_not_found; details="no_route"'
        assert answer.get("Cache-Control") == "no-store" and answer.get("X-Request-Id") == "abc"
        head = one.ask(request("/", method="HEAD"))
        assert (head.status, head.get("Proxy-Status"), head.body) == (404, answer.get("Proxy-Status"), b"")
        assert one.ask(request("/")).body == b"ours", "the connection goes on"
    assert front.entry("/")["reason"] == "no_route"


def test_accept_chooses_the_language(pages):
    entry = {"status": "404", "html": {"text": "<p>{reason}"},
             "json": {"text": '{{"error": "{reason}", "at": "{host}", "id": "{request_id}", "status": {status}}}'}}
    front = pages([entry])
    for accept in ("application/json", "application/json, text/html"):
        answer = ask(front, "/", f"Accept: {accept}", "X-Request-Id: a'b")
        assert answer.get("Content-Type") == "application/json"
        assert json.loads(answer.body) == {"error": "no_route", "at": "shop.example", "id": "a'b", "status": 404}
    for fields in ([], ["Accept: */*"], ["Accept: text/html, application/json"]):
        assert ask(front, "/", *fields).body == b"<p>no_route"


def test_one_body_for_every_error(origin, proxy):
    """What HAProxy has errorfiles for. A 403 is a rule's answer here, with a body of its own; nothing that a client or
    a backend does makes a 500."""
    text = '{"error": "HTTP %d", "message": "Edge node error"}'
    page = {"json": {"text": '{{"error": "HTTP {status}", "message": "Edge node error"}}'}}
    no = {"status": 403, "body": text % 403, "content_type": "application/json"}
    silent = origin(lambda conn: conn.read_head() and conn.rest())
    pools = {"dead": f"127.0.0.1:{dead_port()}", "silent": silent.address, "unknown": "nope.invalid:80"}
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  error_pages=[{"status": str(status), **page}
                               for status in (400, 403, 408, 500, 502, 503, 504)],
                  virtual_hosts=[{"hosts": ["*"], "routes": [
                      {"path": "/internal", "respond": no}, *({"path": f"/{name}", "pool": name} for name in pools)]}],
                  pools=[{"name": name, "backends": [at], "health_check": FAILING} for name, at in pools.items()],
                  timeouts={"client_header": "300ms", "upstream_header": "300ms"})
    for fields in ["Accept: application/json"], ["Accept: text/html"], []:
        for status, what in {400: request("/", *fields, "Host: another"), 403: request("/internal", *fields),
                             408: request("/", *fields)[:-2], 502: request("/dead", *fields),
                             503: request("/unknown", *fields), 504: request("/silent", *fields)}.items():
            with Client(front.port("web")) as one:
                one.send(what)
                answer = one.answer()
            assert (answer.status, answer.body) == (status, (text % status).encode())
            assert answer.get("Content-Type") == "application/json"


def test_a_page_in_html_goes_before_one_in_json(pages):
    front = pages([html("4xx", "<p>ours"), {"status": "404", "json": {"text": "{{}}"}}])
    assert ask(front, "/").body == b"<p>ours"
    assert ask(front, "/", "Accept: application/json").body == b"{}"


def test_who_wants_json_never_gets_a_page_in_html(pages):
    front = pages([html("404", "<p>ours")])
    answer = ask(front, "/", "Accept: application/json")
    assert json.loads(answer.body)["reason"] == "no_route" and answer.get("Content-Type") == "application/json"


def test_what_a_client_sends_stays_text(pages):
    text = "{status} {phrase} {reason} <{host}> {{}} {request_id}"
    front = pages([{"status": "4xx", "html": {"text": text}, "json": {"text": '["{host}"]'}}])
    answer = ask(front, "/", "X-Request-Id: a'b", host='<script>"&')
    assert answer.body == b"400 Bad Request bad_host <&lt;script&gt;&quot;&amp;> {} a&#39;b"
    assert json.loads(ask(front, "/", "Accept: application/json", host='<script>"&').body) == ['<script>"&']
    assert ask(front, "/", "X-Request-Id: i").body == b"404 Not Found no_route <shop.example> {} i"


def test_a_request_whose_head_is_refused_gets_a_page_too(pages):
    front = pages([html("4xx", "{reason} {host}|")])
    with Client(front.port("web")) as one:
        one.send(b"GET / HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n")
        assert one.answer().body == b"bad_header_name |"
    with Client(front.port("web")) as one:
        one.send(b"\x16\x03\x01\x00\x05hello\r\n\r\n")
        assert one.answer().body == b"bad_request_line |"


def test_every_status_that_cirque_answers_with_can_have_a_page():
    told = json.loads(cirque("why", "--format", "json").stdout)["reasons"]
    statuses = {reason["status"] for reason in told} - {None, 499}  # 499: nobody is there to see it
    schema = json.loads(cirque("schema").stdout)["properties"]["error_pages"]
    choices = {int(found) for found in re.findall(r'"([45][0-9]{2})"', json.dumps(schema))}
    assert statuses <= choices, f"no page can be for {sorted(statuses - choices)}"


def test_services_have_pages_too(proxy, client):
    front = proxy(f"127.0.0.1:{dead_port()}", error_pages=[html("5xx", "ours: {reason}")])
    answer = client(front).ask(request("/"))
    assert answer.body in (b"ours: upstream_connect_refused", b"ours: no_healthy_backend")


# --- files -----------------------------------------------------------------------------------------------


def with_file(folder, text="first {status}", **how):
    (folder / "lost.html").write_text(text)
    return {"status": "404", "html": {"file": str(folder / "lost.html"), **how}}


def test_a_file_is_read_when_the_configuration_is_and_not_later(pages, tmp_path):
    front = pages([with_file(tmp_path)])
    (tmp_path / "lost.html").unlink()
    assert ask(front).body == b"first 404"
    assert not front.reload(), "a file that is gone refuses the configuration"
    front.tells("CQ1010")
    assert ask(front).body == b"first 404"
    (tmp_path / "lost.html").write_text("second {hots}")
    assert not front.reload()
    front.tells(f"file={tmp_path}/lost.html line=1 column=8")
    (tmp_path / "lost.html").write_text("second {host}\r\n")
    assert front.reload() and ask(front).body == b"second shop.example\n"


def test_a_file_that_changes_is_read_again(pages, tmp_path):
    front = pages([with_file(tmp_path)], server={"watch_config": True})
    fresh = tmp_path / "fresh"
    fresh.write_text("second {status}")
    fresh.replace(tmp_path / "lost.html")
    eventually(lambda: ask(front).body == b"second 404", what="a page that was replaced")
    (tmp_path / "lost.html").write_text("third {status}")
    eventually(lambda: ask(front).body == b"third 404", what="a page that was written in place")
    (tmp_path / "lost.html").write_text("{broken")
    eventually(lambda: front.metric("config_reloads_total", result="failure") == 1)
    assert ask(front).body == b"third 404"
    (tmp_path / "lost.html").write_text("fourth {status}")
    eventually(lambda: ask(front).body == b"fourth 404", what="a page that was mended")


def test_a_file_stands_where_the_file_that_names_it_does(tmp_path):
    """Also one that is included, whatever the folder that cirque runs in."""
    (tmp_path / "conf.d" / "pages").mkdir(parents=True)
    (tmp_path / "conf.d" / "pages" / "5xx.html").write_text("it is {reason}")
    (tmp_path / "conf.d" / "pages.yaml").write_text("error_pages: [{status: 5xx, html: {file: pages/5xx.html}}]\n")
    (tmp_path / "site.yaml").write_text("""
include: conf.d/pages.yaml
services: [{name: web, bind_address: '127.0.0.1:1', upstreams: ['127.0.0.1:2']}]
""")
    done = cirque("adapt", tmp_path / "site.yaml")
    assert yaml.safe_load(done.stdout)["error_pages"] == [{"status": "5xx", "html": {"text": "it is {reason}"}}], done.stderr


def test_a_page_in_canonical_form_is_the_same_page(tmp_path):
    text = "<!doctype html>\r\n<style>p {{ margin: 0 }}</style>\r\n<p>é ${{HOME}} #1: {reason}\n\n"
    (tmp_path / "page.html").write_bytes(text.encode())
    (tmp_path / "site.yaml").write_text("""
error_pages: [{status: 503, html: {file: page.html}, json: {text: '["{reason}"]'}}]
services: [{name: web, bind_address: '127.0.0.1:1', upstreams: ['127.0.0.1:2']}]
""")
    first = cirque("adapt", tmp_path / "site.yaml").stdout
    for language in ("yaml", "toml", "json"):
        there = tmp_path / f"there.{language}"
        there.write_text(cirque("adapt", tmp_path / "site.yaml", "--to", language).stdout)
        assert cirque("adapt", there).stdout == first, language
    assert yaml.safe_load(first)["error_pages"][0]["html"]["text"] == text.replace("\r", "").replace("${", "$${")


def test_what_cannot_be_a_page(tmp_path):
    def complaint(page, text=None):
        if text is not None:
            (tmp_path / "page").write_bytes(text)
        (tmp_path / "site.yaml").write_text(yaml.safe_dump({
            "services": [{"name": "web", "bind_address": "127.0.0.1:1", "upstreams": ["127.0.0.1:2"]}],
            "error_pages": [{"status": "503", "html": page}]}))
        done = cirque("validate", "--elsewhere", tmp_path / "site.yaml")
        assert done.returncode == 1
        return done.stderr
    assert "is larger than 64 KiB" in complaint({"file": "page"}, b"x" * 65537)
    assert "is empty" in complaint({"file": "page"}, b"")
    assert "CQ1010: '" in complaint({"file": "."}) and "Is a directory" in complaint({"file": "."})
    assert "site.yaml:3:11: error CQ1010" in complaint({"file": "nowhere"})
    assert "page:2:3: error CQ1308: {code} is no placeholder" in complaint({"file": "page"}, "é\nüa{code}".encode())
    assert "page:1:1: error CQ1002" in complaint({"file": "page"}, b"\0")
    assert "cannot be read" in complaint({"file": "-"}), "a file of that name, and not standard input"


# --- versions and orders ---------------------------------------------------------------------------------


@pytest.fixture
def kept(pages, tmp_path):
    """front.page(text) has another page from now on."""
    front = pages([with_file(tmp_path)], metrics={"listen": f"127.0.0.1:{free_port()}"},
                  server={"state_dir": str(tmp_path / "state")})

    def page(text):
        (tmp_path / "lost.html").write_text(text)
        return front.reload()
    front.page = page
    return front


def test_versions_have_their_pages(kept, tmp_path):
    assert kept.page("second") and ask(kept).body == b"second"
    (tmp_path / "lost.html").unlink()
    assert "first {status}" in cirque("config", "show", 1, "-c", kept.config_path).stdout
    diff = cirque("config", "diff", 1, 2, "-c", kept.config_path)
    assert "first {status}" in diff.stdout and "second" in diff.stdout, diff.stdout + diff.stderr
    assert cirque("config", "rollback", 1, "--write", "-c", kept.config_path).returncode == 0
    assert ask(kept).body == b"first 404" and (tmp_path / "lost.html").read_text() == "first {status}"


def test_what_is_applied_brings_its_pages(kept, tmp_path):
    """The process that is asked never sees the folder."""
    there = tmp_path / "elsewhere"
    there.mkdir()
    (there / "page.html").write_text("applied {status}")
    config = {**kept.config, "error_pages": [{"status": "4xx", "html": {"file": "page.html"}}]}
    (there / "site.yaml").write_text(yaml.safe_dump(config))
    planned = cirque("plan", there / "site.yaml")
    assert planned.returncode == 0 and "error page 4xx: added" in planned.stdout, planned.stdout + planned.stderr
    applied = cirque("apply", there / "site.yaml")
    assert applied.returncode == 0, applied.stderr
    assert ask(kept).body == b"applied 404"
