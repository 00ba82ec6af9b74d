"""The proxies that are compared, and how each is started: the only place that knows their command lines."""
import dataclasses
import os
import pathlib
import re
import subprocess
import typing

from harness import BUILD, ROOT, SOURCES

PEERS = pathlib.Path(os.environ.get("CIRQUE_PEERS") or
                     pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "cirque" / "peers")
CIRQUE = pathlib.Path(os.environ.get("CIRQUE_BIN") or ROOT / "build" / "release" / "cirque")


@dataclasses.dataclass(frozen=True)
class Proxy:
    name: str
    command: typing.Callable  # (work folder, port, origin's port) -> argv
    version: typing.Callable  # () -> str
    peer: bool = False        # one of those that we compare ourselves with
    usual: bool = True        # measured unless others are named


def from_peers(program):
    """The command that runs a program of the peers' folder with the libraries of that folder, unprivileged."""
    libraries = next(PEERS.glob("usr/lib/*-linux-gnu*"))
    loader = next(libraries.glob("ld-linux*.so.*"))
    return [loader, "--library-path", libraries, PEERS / "usr/sbin" / program]


def configured(work, template, port, origin, **more):
    text = (SOURCES / "config" / template).read_text()
    values = {"PORT": port, "ORIGIN": origin, "WORK": work, **more}
    path = work / template
    path.write_text(re.sub(r"@(\w+)@", lambda m: str(values[m[1]]), text))
    return path


def version_of(command):
    """The first version number that the command prints."""
    answer = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    found = re.search(r"\d+\.\d+(\.\d+)?\S*", answer.stdout + answer.stderr)
    return found[0] if found else "unknown"


def haproxy(work, port, origin):
    return [*from_peers("haproxy"), "-db", "-f", configured(work, "haproxy.cfg", port, origin)]


def nginx(work, port, origin):
    return [*from_peers("nginx"), "-e", "stderr", "-p", work, "-c", configured(work, "nginx.conf", port, origin)]


def cirque(template="cirque.yaml"):
    return lambda work, port, origin: [CIRQUE, "run", "--config", configured(work, template, port, origin)]


def relay(work, port, origin):
    return [BUILD / "relay", port, origin]


PROXIES = {proxy.name: proxy for proxy in (
    Proxy("cirque", cirque(), lambda: version_of([CIRQUE, "--version"])),
    Proxy("nginx", nginx, lambda: version_of([*from_peers("nginx"), "-v"]), peer=True),
    Proxy("haproxy", haproxy, lambda: version_of([*from_peers("haproxy"), "-v"]), peer=True),
    Proxy("relay", relay, lambda: "-"),
    Proxy("limited", cirque("limited.yaml"), lambda: "-", usual=False),
    Proxy("everything", cirque("everything.yaml"), lambda: "-", usual=False),
)}


def install_peers():
    subprocess.run([SOURCES / "install-peers", PEERS], check=True)
