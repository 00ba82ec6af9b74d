"""cirque under test: started on a configuration, asked for its metrics and logs, stopped and looked over."""
import contextlib
import copy
import http.client
import json
import os
import re
import signal
import subprocess

import psutil
import yaml

from .util import BINARY, HELLO, PATIENCE, STUCK, eventually

TROUBLE = ("broken assumption", "Sanitizer", "Assertion", "runtime error")
FAST_HEALTH = {"timeout_ms": 500, "frequency_secs": 1}


class Metrics(dict):
    """Samples of one scrape: {(name, frozenset of labels): value}."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            name, labels, value = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            self[name, frozenset(pairs)] = float(value)

    def sum(self, name, **labels):
        """All samples of this name that have these labels, added up."""
        wanted = set(labels.items())
        return sum(v for (n, have), v in self.items() if n == name and wanted <= have)


def merge(base, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


class Process:
    """Any of our binaries."""

    def __init__(self, command, directory, env=None, preexec=None):
        self.directory = directory
        self.stderr_path, self.stdout_path = directory / "stderr", directory / "stdout"
        with open(self.stderr_path, "wb") as err, open(self.stdout_path, "wb") as out:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=err, cwd=directory, preexec_fn=preexec,
                                            env={**os.environ, **(env or {})})
        self.expected_status, self.checked, self.told_to_stop = 0, False, False

    @property
    def pid(self):
        return self.process.pid

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    @property
    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    def tells(self, *pieces):
        """Waits until its log tells of all these: what others see may come to pass a moment before it is logged."""
        eventually(lambda: all(piece in self.stderr for piece in pieces), what=f"{pieces} in\n{self.stderr}")

    @property
    def ps(self):
        return psutil.Process(self.pid)

    @property
    def rss(self):
        return self.ps.memory_info().rss

    @property
    def cpu(self):
        times = self.ps.cpu_times()
        return times.user + times.system

    def signal(self, number):
        self.told_to_stop |= number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    def running(self):
        return self.process.poll() is None

    def wait(self, timeout=None):
        """The exit status."""
        return self.process.wait(PATIENCE if timeout is None else timeout)

    def frozen(self):
        """`with proxy.frozen():` what is done meanwhile meets it all at once afterwards."""
        return Frozen(self)

    def stop(self):
        """Ends it with SIGTERM (unless it has ended) and checks how it went."""
        if self.running() and not self.told_to_stop:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            status = "killed: it did not stop"
        if self.checked:
            return
        self.checked = True
        errors = self.stderr
        for word in TROUBLE:
            assert word not in errors, errors[-4000:]
        assert status == self.expected_status, f"exit status {status}\n{errors[-4000:]}"


class Frozen:
    def __init__(self, process):
        self.process = process

    def __enter__(self):
        """A stopping signal reaches the threads one by one, so each is looked at."""
        self.process.signal(signal.SIGSTOP)
        threads = [psutil.Process(thread.id) for thread in self.process.ps.threads()]
        eventually(lambda: all(thread.status() == psutil.STATUS_STOPPED for thread in threads))

    def __exit__(self, *_):
        self.process.signal(signal.SIGCONT)


class Proxy(Process):
    def __init__(self, config, directory, *arguments, env=None, preexec=None, wait=True):
        self.config = config
        self.config_path = directory / "cirque.yaml"
        self.config_path.write_text(yaml.safe_dump(config, sort_keys=False))
        self.access_path = directory / "access.log"
        super().__init__([BINARY, "--config", self.config_path, *arguments], directory, env, preexec)
        if wait:
            self.wait_ready()

    @classmethod
    def again(cls, other):
        """Another one on the file that is at the place of this one's configuration now."""
        one = cls.__new__(cls)
        one.config, one.config_path, one.access_path = other.config, other.config_path, other.access_path
        Process.__init__(one, [BINARY, "--config", one.config_path], other.config_path.parent, None, None)
        one.wait_ready()
        return one

    def wait_ready(self):
        eventually(lambda: " ready" in self.stderr or not self.running(), what="ready")
        assert self.running(), f"exit status {self.process.returncode}\n{self.stderr}"

    def address(self, service):
        found = re.findall(rf"listening service={re.escape(service)} address=(\S+)", self.stderr)
        assert found, f"{service} is not listening\n{self.stderr}"
        return found[-1].strip('"')

    def port(self, service=None):
        """Of the first service, or the named one."""
        service = service or self.config["services"][0]["name"]
        return int(self.address(service).rpartition(":")[2])

    def reload(self, config=None, text=None):
        """Writes the configuration, asks for it by SIGHUP, and waits for the verdict: was it taken?"""
        def verdicts():
            return [self.metric("config_reloads_total", result=result) for result in ("success", "failure")]
        def has_come():
            with contextlib.suppress(ConnectionError):  # the address that is asked may be changing
                return verdicts() != before
        before = verdicts()
        self.config = config or self.config
        fresh = self.config_path.with_suffix(".new")
        fresh.write_text(text or yaml.safe_dump(self.config, sort_keys=False))
        fresh.replace(self.config_path)
        self.signal(signal.SIGHUP)
        eventually(has_come, what="a verdict on the new configuration")
        return verdicts()[0] > before[0]

    def admin(self, path):
        """(status, body) of the metrics listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port("admin"), timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        return Metrics(self.admin("/metrics")[1])

    def metric(self, name, **labels):
        return self.metrics().sum("cirque_" + name, **labels)

    def counts(self, value, name, **labels):
        """The metric becomes this, and no more; what follows an answer may be counted just after it."""
        eventually(lambda: self.metric(name, **labels) >= value, what=f"{name} {labels} at {value}")
        assert self.metric(name, **labels) == value

    def access_text(self):
        return self.access_path.read_text(errors="replace") if self.access_path.exists() else ""

    def access_log(self):
        """Entries so far; the writer batches, so poll, or use `entries`."""
        lines = self.access_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def entries(self, count=1, check=lambda e: True):
        """At least `count` entries that pass the check, waited for."""
        found = []

        def look():
            found[:] = [e for e in self.access_log() if check(e)]
            return len(found) >= count
        eventually(look, what=f"{count} access log entries")
        return found

    def entry(self, path):
        return self.entries(1, lambda e: e["path"] == path)[0]

    def healthy(self, backend):
        return self.metric("upstream_healthy", backend=backend) == 1

    def in_flight(self):
        samples = self.metrics().items()
        return sum(v for (n, labels), v in samples if n == "cirque_http_requests_in_flight"
                   and ("service", "admin") not in labels)

    def check_and_stop(self):
        """What every test ends with: nothing is left in flight, and it stops cleanly."""
        try:
            if self.running() and not self.told_to_stop:
                eventually(lambda: self.in_flight() == 0, what="no request in flight")
        finally:
            self.stop()


def make_config(directory, services, **sections):
    """`services`: upstream addresses of one service, or {name: [upstreams] or a whole service}."""
    if not isinstance(services, dict):
        services = {"web": list(services)}
    listed = []
    for name, service in services.items():
        if not isinstance(service, dict):
            service = {"upstreams": list(service)}
        listed.append({"name": name, "bind_address": "127.0.0.1:0", "tls": False,
                       "health_check": dict(FAST_HEALTH), **copy.deepcopy(service)})
    base = {
        "services": listed,
        "server": {"workers": 1, "pin_workers": False},
        "timeouts": {"drain": "10s"},
        # The machine that tests run on may be busy: what is refused for that is tested where it is meant.
        "limits": {"loop_lag": "0s"},
        "logging": {"level": "info", "access": {"format": "json", "output": "file",
                                                "path": str(directory / "access.log")}},
        "metrics": {"listen": "127.0.0.1:0"},
    }
    if not listed:
        del base["services"]
    return merge(base, copy.deepcopy(sections))


def cirque(*arguments, input=None):
    """Runs the program to its end, without an environment of the caller's making."""
    keep = {k: v for k, v in os.environ.items() if k not in ("CONFIG_PATH", "WORKER_THREADS", "CIRQUE_LOG", "RUST_LOG")}
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, input=input, env=keep,
                          timeout=PATIENCE)


class Hello(Process):
    def __init__(self, directory, blue, green):
        super().__init__([HELLO, "127.0.0.1:0", blue, green], directory)
        eventually(lambda: "listening on" in self.stdout or not self.running(), what="listening")
        assert self.running(), self.stderr
        self.port = int(re.search(r"listening on \S*:(\d+)", self.stdout)[1])


class Stuck(Process):
    """tests/programs/stuck_proxy.cpp: a worker that can be kept busy."""

    def __init__(self, directory, abort_ms=0, lag_ms=0):
        super().__init__([STUCK, "127.0.0.1:0", "127.0.0.1:0", abort_ms, lag_ms], directory)
        eventually(lambda: "service=admin" in self.stdout or not self.running(), what="listening")
        assert self.running(), self.stderr
        self.port, self.admin_port = (int(n) for n in re.findall(r"address=\S*:(\d+)", self.stdout))

    def metric(self, name, **labels):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE)
        try:
            connection.request("GET", "/")
            return Metrics(connection.getresponse().read().decode()).sum("cirque_" + name, **labels)
        finally:
            connection.close()
