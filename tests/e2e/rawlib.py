"""Bytes in, bytes out: cirque under test, an origin that follows a script, a client that sends anything."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("CIRQUE_TEST_PATIENCE", "20"))  # of every wait that should succeed
SANITIZER_WORDS = ("broken assumption", "Assertion", "Sanitizer", "runtime error")


def eventually(check, patience=PATIENCE, what=""):
    """The first true value of check(), polled; fails when there is none in time."""
    end = time.monotonic() + patience
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"did not happen in {patience} s: {what or check}"
        select.select([], [], [], 0.002)


@contextlib.contextmanager
def frozen(process):
    """The process stands still inside: a stopping signal reaches its threads one by one, so each is looked at."""

    def still():
        states = [task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{process.pid}/task").glob("*/stat")]
        return all(state == "T" for state in states)

    process.send_signal(signal.SIGSTOP)
    try:
        eventually(still, what="every thread stopped")
        yield
    finally:
        process.send_signal(signal.SIGCONT)


# --- messages --------------------------------------------------------------------------------------------


class Malformed(Exception):
    pass


class Incomplete(Exception):
    pass


class Message:
    def __init__(self, start, headers, body=b"", trailers=()):
        self.start, self.headers, self.body, self.trailers = start, headers, body, list(trailers)
        self.framing = "none"
        self.complete = True

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        return found[0] if found else default


class Request(Message):
    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def target(self):
        return self.start.split(" ")[1]

    def __repr__(self):
        return f"<{self.start!r} {self.framing} body={self.body!r}>"


class Response(Message):
    @property
    def status(self):
        return int(self.start.split(" ")[1])

    @property
    def reason(self):
        """The slug in Proxy-Status, None for an answer that is not ours."""
        found = re.search(r'details="([a-z0-9_]+)"', self.get("Proxy-Status", ""))
        return found[1] if found else None

    def __repr__(self):
        return f"<{self.start!r} {self.reason} {self.framing} body={self.body[:80]!r} complete={self.complete}>"


TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")


def split_head(data):
    """(start line, fields, rest) of strict HTTP/1: CR LF everywhere, no folding, token names, plain values."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if re.search(rb"(?<!\r)\n", data):
            raise Malformed("bare LF")
        raise Incomplete()
    lines = data[:end].split(b"\r\n")
    for line in lines:
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line):
            raise Malformed(f"control character in {line!r}")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise Malformed(f"field line {line!r}")
        fields.append((name.decode(), value.strip(b" \t").decode("latin-1")))
    return lines[0].decode("latin-1"), fields, data[end + 4 :]


def take_chunks(data):
    """(body, trailers, rest) of a strict chunked body without extensions."""
    body = b""
    while True:
        line, ended, data = data.partition(b"\r\n")
        if not ended:
            raise Incomplete()
        if not re.match(rb"[0-9A-Fa-f]{1,16}\Z", line):
            raise Malformed(f"chunk size {line!r}")
        size = int(line, 16)
        if size == 0:
            break
        if len(data) < size + 2:
            raise Incomplete()
        if data[size : size + 2] != b"\r\n":
            raise Malformed("no CR LF after a chunk")
        body, data = body + data[:size], data[size + 2 :]
    trailers = []
    while True:
        line, ended, data = data.partition(b"\r\n")
        if not ended:
            raise Incomplete()
        if not line:
            return body, trailers, data
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise Malformed(f"trailer {line!r}")
        trailers.append((name.decode(), value.strip(b" \t").decode("latin-1")))


def frame(message):
    """The length of a message, by the strictest reading: None is "nothing said"."""
    codings, lengths = message.all("Transfer-Encoding"), message.all("Content-Length")
    if codings and lengths:
        raise Malformed("Content-Length and Transfer-Encoding")
    if codings:
        if codings != ["chunked"]:
            raise Malformed(f"Transfer-Encoding {codings}")
        return "chunked"
    if lengths:
        if len(lengths) != 1 or not re.match(r"\d{1,18}\Z", lengths[0]):
            raise Malformed(f"Content-Length {lengths}")
        return int(lengths[0])
    return None


def take_request(data):
    start, fields, rest = split_head(data)
    if not re.match(r"[!-~]+ [!-~]+ HTTP/1\.1\Z", start):
        raise Malformed(f"request line {start!r}")
    request = Request(start, fields)
    if len(request.all("Host")) != 1:
        raise Malformed(f"Host {request.all('Host')}")
    framing = frame(request)
    if framing == "chunked":
        request.framing = "chunked"
        request.body, request.trailers, rest = take_chunks(rest)
    elif framing is not None:
        request.framing = "length"
        if len(rest) < framing:
            raise Incomplete()
        request.body, rest = rest[:framing], rest[framing:]
    return request, rest


def parse_requests(data):
    """The requests that a strict server reads from these bytes, and the bytes of an unfinished one."""
    requests = []
    while data:
        try:
            request, data = take_request(data)
        except Incomplete:
            break
        requests.append(request)
    return requests, data


# --- the origin ------------------------------------------------------------------------------------------


class Gone(Exception):
    """The other side has left, or we stop."""


class OriginConnection:
    def __init__(self, origin, sock, number):
        self.origin, self.sock, self.number = origin, sock, number
        self.received = b""  # everything, ever
        self.used = 0  # of it, by the script
        self.saw_end = False
        self.saw_reset = False
        self.requests = []

    def more(self, patience=PATIENCE):
        """Reads some; False at the end of the stream."""
        if self.saw_end:
            return False
        end = time.monotonic() + patience
        while not select.select([self.sock], [], [], 0.05)[0]:
            if self.origin.stopping or time.monotonic() > end:
                raise Gone()
        try:
            data = self.sock.recv(65536)
        except OSError:
            self.saw_reset = self.saw_end = True
            return False
        self.received += data
        self.saw_end = not data
        return bool(data)

    def unread(self):
        return self.received[self.used :]

    @property
    def ended(self):
        return self.saw_end or self.sock.fileno() < 0

    def read_request(self):
        """The next whole request, strictly read; None at the end of the connection."""
        while True:
            try:
                request, rest = take_request(self.unread())
            except Incomplete:
                if not self.more():
                    return None
                continue
            self.used = len(self.received) - len(rest)
            self.requests.append(request)
            return request

    def read_head(self):
        """A head alone; None at the end."""
        while True:
            try:
                start, fields, rest = split_head(self.unread())
            except Incomplete:
                if not self.more():
                    return None
                continue
            self.used = len(self.received) - len(rest)
            return Request(start, fields)

    def read_bytes(self, count):
        while len(self.received) - self.used < count:
            if not self.more():
                return None
        self.used += count
        return self.received[self.used - count : self.used]

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone() from None

    def drain(self, patience=PATIENCE):
        """Reads on until the other side ends."""
        while self.more(patience):
            pass

    def end_writing(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def ok(body=b"ok", *fields):
    head = "".join(f"{f}\r\n" for f in fields)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(body), head.encode()) + body


def serve_well(conn):
    """What an origin does that is not at fault."""
    request = conn.read_request()
    if request is None:
        return False
    conn.send(ok(b"target=" + request.target.encode(), f"X-Conn: {conn.number}"))
    return True


class Origin:
    """Runs `script(connection)` whenever bytes arrive on a connection; true: the connection goes on.
    Connections on which nothing arrives are health checks and do not count."""

    def __init__(self, script=serve_well):
        self.script = script
        self.stopping = False
        self.connections = []
        self.marks = {}
        self.threads = []
        self.problems = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def _accept(self):
        while not self.stopping:
            if not select.select([self.listener], [], [], 0.05)[0]:
                continue
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        conn = OriginConnection(self, sock, 0)
        try:
            if not conn.more(3600):
                return
            self.connections.append(conn)
            conn.number = len(self.connections)
            while self.script(conn) and (conn.unread() or conn.more(3600)):
                pass
        except Gone:
            pass
        except (Malformed, AssertionError) as problem:
            self.problems.append(f"{problem!r} in {conn.received!r}")
        finally:
            sock.close()

    def begin(self, script=serve_well):
        """A new test: another script, and what came until now is forgotten."""
        self.script = script
        self.problems = []
        self.marks = {id(c): len(c.received) for c in self.connections}
        return self

    def hang_up(self):
        """Ends all connections, and waits until the other side has taken note: its pool is empty then."""
        for conn in self.connections:
            if not conn.ended:
                conn.end_writing()
        eventually(lambda: all(c.ended for c in self.connections), what="pooled connections end")

    def streams(self):
        """What came since begin(), by connection."""
        streams = [c.received[self.marks.get(id(c), 0) :] for c in self.connections]
        return [s for s in streams if s]

    def bytes_seen(self):
        return b"".join(self.streams())

    def requests(self):
        """The whole requests that came since begin(), strictly re-parsed."""
        return [r for stream in self.streams() for r in parse_requests(stream)[0]]

    def unfinished(self):
        """The bytes of requests that never became whole."""
        return b"".join(parse_requests(stream)[1] for stream in self.streams())

    def saw_exactly(self, *expected):
        """The invariant: what came re-parses to these (method, target, body), no more, no byte left over."""
        assert not self.problems, self.problems
        seen = sorted((r.method, r.target, r.body) for r in self.requests())
        assert seen == sorted(expected), self.streams()
        assert not self.unfinished(), self.unfinished()

    def stop(self):
        self.stopping = True
        self.acceptor.join(PATIENCE)
        self.listener.close()
        for thread in self.threads:
            thread.join(PATIENCE)


# --- cirque ----------------------------------------------------------------------------------------------


def binary(name="cirque"):
    given = os.environ.get("CIRQUE_BIN")
    path = Path(given) if given else ROOT / "build/release/cirque"
    return str(path if name == "cirque" else path.with_name(name))


class Process:
    """A program that logs where it listens; stop() checks that it ends well."""

    def __init__(self, command, listening, ready):
        self.folder = tempfile.TemporaryDirectory(prefix="cirque-raw-")
        self.error_path = Path(self.folder.name) / "stderr"
        self.output_path = Path(self.folder.name) / "stdout"
        self.command = [c.replace("FOLDER", self.folder.name) for c in command]
        self.listening, self.ready = listening, ready
        self.ports = {}

    def start(self):
        with open(self.error_path, "wb") as err, open(self.output_path, "wb") as out:
            self.child = subprocess.Popen(self.command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        eventually(self._is_ready, what=f"{self.command[0]} is ready")
        return self

    def _is_ready(self):
        assert self.child.poll() is None, self.errors() + self.output_path.read_text()
        text = self.errors() + self.output_path.read_text()
        for found in re.finditer(self.listening, text):
            self.ports[found["name"]] = int(found["port"])
        return re.search(self.ready, text)

    def errors(self):
        return self.error_path.read_text(errors="replace")

    def stop(self):
        """Ends it by SIGTERM, and says what was wrong."""
        if self.child.poll() is None:
            self.child.terminate()
        try:
            status = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            status = f"{self.child.wait()} (killed: it did not stop)"
        errors = self.errors()
        self.folder.cleanup()
        assert not any(word in errors for word in SANITIZER_WORDS), errors[-4000:]
        assert status == 0, f"exit status {status}\n{errors[-2000:]}"


class Cirque(Process):
    def __init__(self, upstreams, timeouts=None, limits=None, workers=1, health=None, trusted=()):
        super().__init__(
            [binary(), "run", "--config", "FOLDER/cirque.yaml"],
            r"listening service=(?P<name>\S+) address=\S*:(?P<port>\d+)",
            r": ready ",
        )
        self.access_path = Path(self.folder.name) / "access.log"
        self.logged = 0
        config = {
            "server": {"workers": workers, "pin_workers": False, "trusted_proxies": list(trusted)},
            "timeouts": {"drain": "3s", **(timeouts or {})},
            "limits": limits or {},
            "metrics": {"listen": "127.0.0.1:0"},
            "logging": {"access": {"format": "json", "output": "file", "path": str(self.access_path)}},
            "services": [
                {
                    "name": "web",
                    "bind_address": "127.0.0.1:0",
                    "upstreams": [u if isinstance(u, str) else f"127.0.0.1:{u}" for u in upstreams],
                    "health_check": {"timeout_ms": 2000, "frequency_secs": 60, **(health or {})},
                }
            ],
        }
        Path(self.folder.name, "cirque.yaml").write_text(json.dumps(config))
        self.start()

    @property
    def port(self):
        return self.ports["web"]

    def connect(self):
        return Client(self.port)

    def access_entries(self):
        if not self.access_path.exists():
            return []
        lines = self.access_path.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def entry(self, check, what=""):
        """The access log's entry for which check(entry) holds: written a little later than the answer."""
        return eventually(lambda: next((e for e in self.access_entries() if check(e)), None), what=what)

    def metrics(self):
        url = f"http://127.0.0.1:{self.ports['admin']}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def metric(self, name, **labels):
        """The sum of a family's samples with these labels."""
        total = 0.0
        for line in self.metrics().splitlines():
            if line.startswith(name + "{") or line.startswith(name + " "):
                if all(f'{k}="{v}"' in line for k, v in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
        return total


class Hello(Process):
    """examples/hello_proxy: answers 403 by itself under /private."""

    def __init__(self, upstream):
        where = f"127.0.0.1:{upstream}"
        pattern = r"listening on (?P<name>127\.0\.0\.1):(?P<port>\d+)"
        super().__init__([binary("hello_proxy"), "127.0.0.1:0", where, where], pattern, pattern)
        self.start()

    def connect(self):
        return Client(self.ports["127.0.0.1"])


# --- the client ------------------------------------------------------------------------------------------


class Client:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.saw_end = False
        self.saw_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        """False: the other side does not take it any more."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def send_split(self, *pieces):
        """Each piece as a segment of its own."""
        for piece in pieces:
            if not self.send(piece):
                return False
        return True

    def end_writing(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def more(self):
        if self.saw_end:
            return False
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            raise AssertionError(f"nothing came in {PATIENCE} s after {self.buffer!r}") from None
        except OSError:
            self.saw_reset = self.saw_end = True
            return False
        self.buffer += data
        self.saw_end = not data
        return bool(data)

    def read_response(self, method="GET"):
        """The next answer, 1xx too; `complete` is false when the stream ended within it. None: it just ended."""
        while True:
            try:
                start, fields, rest = split_head(self.buffer)
                break
            except Incomplete:
                if not self.more():
                    assert not self.buffer, f"half a head: {self.buffer!r}"
                    return None
        assert re.match(r"HTTP/1\.1 \d{3} ?", start), start
        answer = Response(start, fields)
        framing = frame(answer)
        bodyless = method == "HEAD" or answer.status < 200 or answer.status in (204, 304)
        if bodyless:
            self.buffer = rest
            return answer
        if framing is None:
            answer.framing = "close"
            while self.more():
                pass
            answer.body, self.buffer = split_head(self.buffer)[2], b""
            return answer
        answer.framing = "chunked" if framing == "chunked" else "length"
        while True:
            rest = split_head(self.buffer)[2]
            if answer.framing == "length" and len(rest) >= framing:
                answer.body, self.buffer = rest[:framing], rest[framing:]
                return answer
            if answer.framing == "chunked":
                try:
                    answer.body, answer.trailers, self.buffer = take_chunks(rest)
                    return answer
                except Incomplete:
                    pass
            if not self.more():
                answer.complete, answer.body, self.buffer = False, rest, b""
                return answer

    def ask(self, data, method=None):
        """Sends a request and reads the final answer."""
        self.send(data)
        method = method or data.split(b" ")[0].decode("latin-1")
        while True:
            answer = self.read_response(method)
            if answer is None or answer.status >= 200 or answer.status == 101:
                return answer

    def is_closed(self):
        """The other side ends the connection without another byte."""
        assert not self.buffer, self.buffer
        while self.more():
            pass
        return not self.buffer

    def is_open(self, target=b"/still-open"):
        """Another request on this connection is answered."""
        answer = self.ask(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % target)
        return answer is not None and answer.status == 200


def get(target="/", *fields, version="1.1", method="GET", host="h", body=b""):
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    return ("\r\n".join([*lines, *fields]) + "\r\n\r\n").encode("latin-1") + body
