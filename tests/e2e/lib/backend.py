"""A backend that is a process of its own, so that it can be stopped and killed: `backend.py PORT NAME`.

It answers 200 with its name and what was asked, keep-alive, to any number of connections. Ends with its standard
input, so that nobody who is killed leaves it behind.
"""
import asyncio
import sys


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            length = body_length(head)
            if len(rest) < length:
                return
            self.answer(head, rest[:length])
            self.buffer = rest[length:]

    def answer(self, head, body):
        text = b"%s %s %s" % (NAME, head.split(b" ", 2)[1], body)
        closes = b"\nconnection: close" in head.lower()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        if closes:
            self.transport.close()


def body_length(head):
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve(port):
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, over.set)
    await loop.create_server(Connection, "127.0.0.1", port, backlog=1024)
    await over.wait()


if __name__ == "__main__":
    NAME = sys.argv[2].encode()
    asyncio.run(serve(int(sys.argv[1])))
