"""Fixtures: origins first, the proxy on top of them, clients last; they go in the opposite order."""
import itertools
import socket

import pytest
from lib.http import Client
from lib.origin import Origin, serve
from lib.proxy import Hello, Proxy, make_config


def pytest_configure(config):
    for marker in ("tsan: fast and concurrent, also run under ThreadSanitizer",
                   "heavy: moves much data or many connections"):
        config.addinivalue_line("markers", marker)


@pytest.fixture
def origin():
    """origin(script=serve, host=, port=, path=) starts a backend."""
    started = []

    def start(script=serve, **how):
        started.append(Origin(script, **how))
        return started[-1]
    yield start
    for one in started:
        one.end()


@pytest.fixture
def proxy(tmp_path, origin):
    """proxy([origin, 'host:port', ...] or {name: [...]}, timeouts={...}, ...) starts cirque.

    Everything that is not an option of Proxy is a section of the configuration; or `config` is all of it.
    """
    started = []
    numbers = itertools.count()

    def plain(upstreams):
        return [getattr(u, "address", u) for u in upstreams]

    def start(services=(), *arguments, env=None, preexec=None, wait=True, config=None, **sections):
        if not isinstance(services, dict):
            services = {"web": services if isinstance(services, (list, tuple)) else [services]}
        services = {name: {**s, "upstreams": plain(s["upstreams"])} if isinstance(s, dict) else plain(s)
                    for name, s in services.items()}
        directory = tmp_path / f"proxy{next(numbers)}"
        directory.mkdir()
        config = config or make_config(directory, services, **sections)
        # Listed before it is waited for: one that does not get ready is ended as well.
        one = Proxy(config, directory, *arguments, env=env, preexec=preexec, wait=False)
        started.append(one)
        if wait:
            one.wait_ready()
        return one
    yield start
    failures = []
    for one in started:
        try:
            one.check_and_stop()
        except BaseException as error:  # the others are to be ended as well
            failures.append(error)
    if failures:
        raise failures[0]


@pytest.fixture
def client(proxy):
    """client(port or proxy) connects; closed before the proxy is looked over."""
    opened = []

    def connect(where, **how):
        opened.append(Client(where.port() if isinstance(where, Proxy) else where, **how))
        return opened[-1]
    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def hello(tmp_path, origin):
    started = []

    def start(blue, green):
        directory = tmp_path / f"hello{len(started)}"
        directory.mkdir()
        started.append(Hello(directory, blue.address, green.address))
        return started[-1]
    yield start
    for one in started:
        one.stop()


@pytest.fixture
def full_backlog():
    """An address that neither accepts nor refuses: its backlog is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    fillers = []
    for _ in range(8):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(address)
        fillers.append(one)
    yield f"127.0.0.1:{address[1]}"
    for one in fillers:
        one.close()
    listener.close()
