"""A backend that follows a script: each connection is handled by a Python function in its own thread."""
import os
import socket
import threading

from .http import Broken, Wire


class OriginConnection(Wire):
    def __init__(self, origin, sock, number):
        super().__init__(sock)
        self.origin, self.number = origin, number

    def read_head(self):
        """The next request's head, recorded; None when the proxy has closed."""
        request = self.head()
        if request is None:
            return None
        request.connection = self.number
        with self.origin.lock:
            self.origin.requests.append(request)
            self.origin.used.add(self.number)
        return request

    def read_request(self):
        request = self.read_head()
        return request and self.body_of(request)

    def respond(self, status=200, *fields, body=b"ok", reason="X"):
        lines = [f"HTTP/1.1 {status} {reason}", *fields, f"Content-Length: {len(body)}"]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)


def serve(conn):
    """200 ok to everything, keep-alive."""
    while conn.read_request():
        conn.respond()


def answering(data):
    """A script that gives these bytes to every request."""
    def script(conn):
        while conn.read_request():
            conn.send(data)
    return script


class Origin:
    def __init__(self, script=serve, host="127.0.0.1", port=0, path=None, receive_buffer=None):
        self.script, self.path, self.host, self.receive_buffer = script, path, host, receive_buffer
        self.requests, self.errors, self.used = [], [], set()
        self.lock, self.open, self.accepted, self.port = threading.Lock(), set(), 0, port
        self.listener = self.reserved = None
        self.start()

    def start(self):
        """Listens (again, on the same port)."""
        listener = self.reserved or self._bind()
        self.reserved = None
        listener.listen(4096)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _bind(self):
        family = socket.AF_UNIX if self.path else socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family)
        if self.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        if self.path:
            if os.path.exists(self.path):
                os.unlink(self.path)
            sock.bind(str(self.path))
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.host, self.port))
            self.port = sock.getsockname()[1]
        return sock

    @property
    def address(self):
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.accepted += 1
                conn = OriginConnection(self, sock, self.accepted)
                self.open.add(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            if conn.fill(timeout=3600):  # a health check says nothing
                self.script(conn)
        except (Broken, OSError) as error:  # the proxy went; tests that care look here
            if conn.number in self.used:
                self.errors.append(error)
        except Exception as error:  # a mistake of the test itself
            self.errors.append(error)
            raise
        finally:
            with self.lock:
                self.open.discard(conn)
            conn.close()

    @property
    def connections_used(self):
        """Connections that carried a request; health checks carry none."""
        return len(self.used)

    @property
    def open_used(self):
        with self.lock:
            return sum(conn.number in self.used for conn in self.open)

    @property
    def targets(self):
        return [r.target for r in self.requests]

    def stop_listening(self):
        """Refuses connections from now on. The port stays ours."""
        if not self.listener:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        self.reserved = self._bind()

    def stop(self):
        """Refuses connections from now on and breaks those that are open."""
        self.stop_listening()
        with self.lock:
            connections = list(self.open)
        for conn in connections:
            try:
                conn.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        self.stop()
        self.reserved.close()
