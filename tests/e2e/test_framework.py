"""The framework's face: the 40-line example, as a user of the library builds it."""
import pytest
from lib.http import request
from lib.util import HELLO

pytestmark = pytest.mark.skipif(not HELLO.exists(), reason="hello_proxy is not built")


@pytest.fixture
def colours(origin, hello):
    def named(name):
        def script(conn):
            while conn.read_request():
                conn.respond(body=name)
        return script
    blue, green = origin(named(b"blue")), origin(named(b"green"))
    return hello(blue, green), blue, green


def test_on_response_adds_a_field(colours, client):
    answer = client(colours[0].port).ask(request())
    assert (answer.status, answer.get("X-Hello")) == (200, "from cirque")


def test_choose_picks_the_peer_by_a_request_field(colours, client):
    one = client(colours[0].port)
    assert one.ask(request()).body == b"blue"
    assert one.ask(request("/", "X-Color: green")).body == b"green"
    assert one.ask(request("/", "X-Color: red")).body == b"blue"


def test_on_request_answers_early_and_no_backend_hears_of_it(colours, client):
    proxy, blue, green = colours
    one = client(proxy.port)
    answer = one.ask(request("/private"))
    assert (answer.status, answer.body) == (403, b"not for you\n")
    assert blue.requests == green.requests == []
    assert one.ask(request("/private", method="POST", body=b"x" * 1000)).status == 403
    assert one.ask(request("/public")).body == b"blue"  # the connection survives an unread small body
    assert [r.target for r in blue.requests] == ["/public"]


def test_an_early_answer_never_takes_the_unread_body_for_a_request(colours, client):
    proxy, blue, _ = colours
    inner = request("/smuggled")
    one = client(proxy.port)
    assert one.ask(request("/private", method="POST", body=inner)).status == 403
    assert one.ask(request("/after")).status == 200
    assert blue.targets == ["/after"]


def test_bodies_pass_both_ways(origin, hello, client):
    def echo(conn):
        while r := conn.read_request():
            conn.respond(body=r.body)
    one = origin(echo)
    body = bytes(range(256)) * 1000
    assert client(hello(one, one).port).ask(request("/", method="POST", body=body)).body == body


def test_wrong_usage_is_told(tmp_path):
    import subprocess
    done = subprocess.run([HELLO], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "usage" in done.stderr
