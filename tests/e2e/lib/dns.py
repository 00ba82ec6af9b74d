"""A DNS server that says what the test wants, and counts who asks."""
import socket
import struct
import threading
from collections import Counter

A = 1
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
RESPONSE = 0x8180  # an answer, recursion wanted and available


def question_of(query):
    """(name, type, the question's bytes)"""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    kind, = struct.unpack_from(">H", query, at + 1)
    return ".".join(labels).lower(), kind, query[12:at + 5]


class DnsServer:
    """`server[name] = [addresses]`, or an error such as SERVFAIL, or None: it says nothing. Names that were never
    set do not exist."""

    def __init__(self):
        self.records, self.asked = {}, Counter()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __setitem__(self, name, record):
        self.records[name] = record

    def _serve(self):
        while True:
            query, who = self.socket.recvfrom(4096)
            if not query:  # our own end()
                return
            name, kind, question = question_of(query)
            if kind == A:
                self.asked[name] += 1  # before we look: whoever counts questions knows which answer is newer
            record = self.records.get(name, NXDOMAIN)
            if record is not None:
                self.socket.sendto(self._answer(query[:2], kind, question, record), who)

    @staticmethod
    def _answer(number, kind, question, record):
        code = record if isinstance(record, int) else NOERROR
        addresses = [] if isinstance(record, int) or kind != A else record
        head = number + struct.pack(">HHHHH", RESPONSE | code, 1, len(addresses), 0, 0)
        answers = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 0, 4) + socket.inet_aton(address)
                           for address in addresses)
        return head + question + answers

    def end(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()
