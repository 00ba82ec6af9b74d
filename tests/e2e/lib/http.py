"""HTTP/1 messages read from a socket, piece by piece, by nothing but this file."""
import socket
import time

from .util import PATIENCE


class Broken(Exception):
    """The peer said something that is not HTTP, or ended in the middle."""


class Message:
    def __init__(self, start, fields):
        self.start, self.fields = start, fields
        self.body, self.trailers, self.framing = b"", [], "none"
        self.informational = []  # the 1xx answers before a final one

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        return found[0] if found else default

    def has(self, name):
        return bool(self.all(name))

    @property
    def names(self):
        return [n.lower() for n, _ in self.fields]

    # of a request
    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def target(self):
        return self.start.split(" ")[1]

    @property
    def version(self):
        return next(w for w in self.start.split(" ") if w.startswith("HTTP/"))

    # of an answer
    @property
    def status(self):
        return int(self.start.split(" ")[1])

    def __repr__(self):
        return f"<{self.start} {self.fields} {len(self.body)} B {self.body[:80]!r}>"


class Wire:
    """A socket with a read buffer."""

    def __init__(self, sock):
        self.sock, self.buffer, self.at_end = sock, b"", False

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def fill(self, timeout=None):
        """More bytes into the buffer; False at the end. A broken connection is an end too."""
        self.sock.settimeout(PATIENCE if timeout is None else timeout)
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        finally:
            self.sock.settimeout(PATIENCE)
        self.buffer += data
        self.at_end = not data
        return bool(data)

    def need(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise Broken(f"ended after {self.buffer!r:.200} where {count} bytes were due")

    def take(self, count):
        self.need(count)
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def line(self):
        while b"\r\n" not in self.buffer:
            if not self.fill():
                raise Broken(f"ended in a line: {self.buffer!r:.200}")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def fields(self):
        found = []
        while line := self.line():
            name, colon, value = line.partition(":")
            if not colon:
                raise Broken(f"not a field: {line!r}")
            found.append((name, value.strip()))
        return found

    def head(self):
        """The next head, or None when the peer ended before one."""
        while not self.buffer:
            if not self.fill():
                return None
        start = self.line()
        return Message(start, self.fields())

    def rest(self):
        while self.fill():
            pass
        taken, self.buffer = self.buffer, b""
        return taken

    def chunk(self):
        """The next piece of a chunked body; b"" at its end."""
        size = int(self.line().split(";")[0], 16)
        if size == 0:
            return b""
        piece = self.take(size)
        if self.take(2) != b"\r\n":
            raise Broken("no CRLF after a chunk")
        return piece

    def body_of(self, message, bodiless=False):
        codings = message.get("Transfer-Encoding")
        length = message.get("Content-Length")
        is_answer = message.start.startswith("HTTP/")
        if codings and length:
            raise Broken(f"both framings: {message}")
        if bodiless:
            message.framing = "none"
        elif codings:
            message.framing = "chunked"
            pieces = []
            while piece := self.chunk():
                pieces.append(piece)
            message.body, message.trailers = b"".join(pieces), self.fields()
        elif length is not None:
            message.framing = "length"
            message.body = self.take(int(length))
        elif is_answer:
            message.framing = "close"
            message.body = self.rest()
        return message

    def closed(self, timeout=None):
        """True once the peer has ended; bytes before that are a failure."""
        if self.buffer:
            raise Broken(f"unexpected: {self.buffer!r:.200}")
        try:
            if not self.fill(timeout):
                return True
        except (TimeoutError, socket.timeout):
            return False
        raise Broken(f"unexpected: {self.buffer!r:.200}")

    def silent(self, seconds):
        """Nothing comes for so long, and the connection stays open."""
        end = time.monotonic() + seconds
        try:
            self.fill(max(0.001, end - time.monotonic()))
        except (TimeoutError, socket.timeout):
            return True
        raise Broken(f"not silent: end={self.at_end} {self.buffer!r:.200}")

    def end_writing(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes with a RST."""
        import struct
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client(Wire):
    """One client connection; `where` is a port, (host, port) or the path of a unix socket; `source` an address."""

    def __init__(self, where, receive_buffer=None, timeout=None, source=None):
        if isinstance(where, str):
            sock, address = socket.socket(socket.AF_UNIX), where
        else:
            host, port = where if isinstance(where, tuple) else ("127.0.0.1", where)
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            address = (host, port)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            sock.bind((source, 0))
        sock.settimeout(timeout or PATIENCE)
        sock.connect(address)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock)

    def answer_head(self):
        """The head of the final answer, with the informational ones on it."""
        informational = []
        while True:
            message = self.head()
            if message is None:
                raise Broken("closed without an answer")
            if message.status >= 200 or message.status == 101:
                message.informational = informational
                return message
            informational.append(message)

    def answer(self, method="GET"):
        message = self.answer_head()
        bodiless = method == "HEAD" or message.status in (101, 204, 304)
        return self.body_of(message, bodiless)

    def ask(self, data):
        data = data.encode() if isinstance(data, str) else data
        self.send(data)
        return self.answer(data.split(b" ")[0].decode())


def request(target="/", *fields, method="GET", version="1.1", host="test.example", body=None):
    """A request as bytes; `fields` are lines. A body gets its Content-Length."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += fields
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def chunked(*pieces, trailers=()):
    body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p)
    return body + b"0\r\n" + b"".join(t.encode() + b"\r\n" for t in trailers) + b"\r\n"
