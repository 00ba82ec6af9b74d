"""WebSockets by an implementation that is not ours, in threads of their own."""
import asyncio
import threading

import websockets

from .util import PATIENCE


class WebSocketServer:
    """A real one, in a thread of its own."""

    def __init__(self, handler):
        self.handler, self.started = handler, threading.Event()
        self.thread = threading.Thread(target=asyncio.run, args=(self.run(),), daemon=True)
        self.thread.start()
        assert self.started.wait(PATIENCE)

    async def run(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        async with websockets.serve(self.handler, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
            self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self.started.set()
            await self.over.wait()

    def stop(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(PATIENCE)


class WebSocketClients:
    """Open connections, to be spoken over all at once."""

    def __init__(self, url, count):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.said = 0
        self.connections = self.begin(self._connect(url, count)).result(PATIENCE)

    def begin(self, work):
        """A future of what the coroutine returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    @staticmethod
    async def _connect(url, count):
        return await asyncio.gather(*(websockets.connect(url, ping_interval=None, open_timeout=PATIENCE)
                                      for _ in range(count)))

    def exchange(self):
        """Begins to say something over each, which is to come back over the same one; a future."""
        self.said += 1
        return self.begin(self._exchange(self.said))

    async def _exchange(self, number):
        async def one(index, connection):
            text = f"{number} from {index}"
            await connection.send(text)
            assert await connection.recv() == text
        await asyncio.gather(*(one(*pair) for pair in enumerate(self.connections)))

    def close(self):
        """With a handshake; the close codes that came of it."""
        async def close_all():
            await asyncio.gather(*(connection.close() for connection in self.connections))
        self.begin(close_all()).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        return [connection.close_code for connection in self.connections]
