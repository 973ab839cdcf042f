"""A line between two processes that can be cut or held; TLS passes through as it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 64 * 1024


class Proxy:
    """Forwards every connection to one port."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._passable = asyncio.Event()
        self._passable.set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.cuts = 0

    async def listen(self) -> None:
        """Take connections, at the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Take no connection until `listen` is called again."""
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """Reset all connections."""
        self.cuts += bool(self._writers)
        for writer in list(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """Let nothing pass until `release`, as to a process that does not read."""
        self._passable.clear()

    def release(self) -> None:
        """Let everything pass again."""
        self._passable.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there[1]}
        try:
            await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        finally:
            self._writers -= {writer, there[1]}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._passable.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def proxy_to(address: str) -> AsyncIterator[Proxy]:
    """Put a proxy before `tls://host:port`."""
    parts = urlsplit(address)
    proxy = Proxy(parts.hostname or "", parts.port or 0)
    await proxy.listen()
    try:
        yield proxy
    finally:
        proxy.refuse()
        proxy.cut()
