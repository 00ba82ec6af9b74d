"""Ways in which a backend fails, and what the proxy is to make of each."""
import contextlib
import select
import threading
from dataclasses import dataclass, field

from .origin import Origin

IDEMPOTENT = ("GET", "PUT")
BODIES = {"GET": None, "PUT": b"put " * 10, "POST": b"post " * 10}


@dataclass
class Fault:
    """`script(conn)` does it to a request that has been read; None: nobody listens at all.

    status, reasons: of the answer when nobody else can be asked; the reason is one of these, "" when there is none.
    again: for which methods another backend is asked. why_not: why nobody is, where another could have been.
    body: "page" of ours, "broken" off or "whole". is_failure: counted against the circuit. settings: of the pool.
    """
    script: object
    status: int
    reasons: tuple
    again: tuple = ()
    why_not: str = "heard"
    body: str = "page"
    is_failure: bool = True
    settings: dict = field(default_factory=dict)

    @property
    def timeouts(self):
        """Short where one is to pass: nobody else is to be late."""
        return {"upstream_header": "700ms", "upstream_idle": "700ms"} if "timeout" in self.reasons[0] else {}


class FaultyOrigin(Origin):
    """A backend with this fault. What it breaks off, it breaks off when `seen` is set: the client has the beginning."""

    def __init__(self, fault):
        self.fault, self.seen = fault, threading.Event()
        super().__init__(self.fail)
        if fault.script is None:
            self.stop_listening()

    def end(self):
        self.seen.set()
        super().end()

    def fail(self, conn):
        while conn.read_request():
            if not self.fault.script(conn):
                return


def stalls(conn):
    conn.rest()


def closes(conn):
    pass


def resets(conn):
    conn.reset()


def sending(data, then=closes):
    """Sends this; goes on as told."""
    def script(conn):
        conn.send(data)
        return then(conn)
    return script


def dripping(data):
    """A byte now and then, for as long as the other side is there."""
    def script(conn):
        for byte in data:
            conn.send(bytes([byte]))
            if select.select([conn.sock], [], [], 0.03)[0]:
                return False
        return True
    return script


def once_seen(then):
    """Goes on when the client has what was sent so far."""
    def script(conn):
        conn.origin.seen.wait()
        return then(conn)
    return script


def answers(status):
    def script(conn):
        conn.respond(status, body=b"sorry")
        return True
    return script


def answers_and_closes(conn):
    """Keep-alive was never taken back: the end comes as a surprise."""
    conn.respond(body=b"whole")
    with contextlib.suppress(OSError):
        conn.end_writing()


OK = b"HTTP/1.1 200 OK\r\n"
HALF_HEAD = OK + b"Content-Le"
HALF_BODY = OK + b"Content-Length: 100\r\n\r\nhello"
HALF_CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
ENDED = ("upstream_closed_before_response", "upstream_reset")
SHORT_TRY = {"retries": {"per_try_timeout": "500ms"}}

FAULTS = {
    "refuses": Fault(None, 502, ("upstream_connect_refused",), again=("GET", "PUT", "POST")),
    "stalls": Fault(stalls, 504, ("upstream_header_timeout",), again=IDEMPOTENT, why_not="method"),
    "stalls, with little time for a try": Fault(stalls, 504, ("upstream_try_timeout",), again=IDEMPOTENT,
                                                why_not="method", settings=SHORT_TRY),
    "closes before the head": Fault(closes, 502, ENDED, again=IDEMPOTENT, why_not="method"),
    "resets before the head": Fault(resets, 502, ENDED, again=IDEMPOTENT, why_not="method"),
    "closes within the head": Fault(sending(HALF_HEAD), 502, ENDED),
    "resets within the head": Fault(sending(HALF_HEAD, resets), 502, ENDED),
    "stalls within the head": Fault(sending(HALF_HEAD, stalls), 504, ("upstream_header_timeout",)),
    "stalls within the head, with little time for a try": Fault(sending(HALF_HEAD, stalls), 504,
                                                                ("upstream_try_timeout",), settings=SHORT_TRY),
    "drips the head": Fault(dripping(OK + b"X: y\r\n" * 100), 504, ("upstream_header_timeout",)),
    "says garbage": Fault(sending(bytes(range(256))), 502, ("upstream_bad_status_line",)),
    "says another protocol": Fault(sending(b"SSH-2.0-OpenSSH_9.2\r\n"), 502, ("upstream_bad_status_line",)),
    "closes within the body": Fault(sending(HALF_BODY, once_seen(closes)), 200, ("upstream_truncated_body",),
                                    body="broken"),
    "resets within the body": Fault(sending(HALF_BODY, once_seen(resets)), 200, ("upstream_reset",), body="broken"),
    "closes within a chunked body": Fault(sending(HALF_CHUNKED, once_seen(closes)), 200,
                                          ("upstream_truncated_body",), body="broken"),
    "says garbage within a chunked body": Fault(sending(HALF_CHUNKED, once_seen(sending(b"no size\r\n"))), 200,
                                                ("upstream_bad_chunk",), body="broken"),
    "stalls within the body": Fault(sending(HALF_BODY, stalls), 200, ("upstream_idle_timeout",), body="broken"),
    "sends more than it said": Fault(sending(OK + b"Content-Length: 5\r\n\r\nwhole, and more", lambda conn: True), 200,
                                     ("",), body="whole", is_failure=False),
    "drips the body": Fault(sending(OK + b"Content-Length: 5\r\n\r\n", dripping(b"whole")), 200, ("",), body="whole",
                            is_failure=False),
    "closes after the answer": Fault(answers_and_closes, 200, ("",), body="whole", is_failure=False),
    "answers 503": Fault(answers(503), 503, ("",), body="sorry"),
    "answers 503, as good as none": Fault(answers(503), 503, ("",), again=IDEMPOTENT, why_not="method", body="sorry",
                                          settings={"retries": {"statuses": [503]}}),
    "answers 500, where 503 is as good as none": Fault(answers(500), 500, ("",), body="sorry",
                                                       settings={"retries": {"statuses": [503]}}),
}
