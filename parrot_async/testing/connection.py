"""A client's connection to a service in the same process: as to a cluster, without a network."""

import asyncio
from collections.abc import Callable
from typing import Any

from parrot_async.client.connection import Connection
from parrot_async.errors import DisconnectedError
from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.testing.host import EagerHost
from parrot_async.transport.api import Arguments, Operation
from parrot_async.transport.messages import ServiceHello

ADDRESS = "eager://this-process"


class EagerConnection(Connection):
    """Calls the service object itself, on its loop, and gets events through a queue."""

    def __init__(
        self,
        host: EagerHost,
        on_records: Callable[[list[tuple[JobId, int, Record]]], None],
        on_lost: Callable[[DisconnectedError], None],
    ) -> None:
        """Use the service of this host."""
        super().__init__(ADDRESS, None, on_records, on_lost)
        self._host = host

    async def _open(self) -> ServiceHello:
        hello = await self._hello()
        await self._watch()
        return hello

    async def _watch(self) -> None:
        comm = _Comm()
        self._serving = self._host.submit(self._host.watch(comm.other_end, self.client))
        await comm.read()
        self._watching = asyncio.create_task(self._read(comm))  # type: ignore[arg-type]  # no more is asked of it

    async def _find_service(self) -> None:
        """Do nothing: it is here."""

    async def _next(self, comm: Any) -> Any:
        return await comm.read()

    async def _ask(self, operation: Operation, arguments: Arguments) -> Any:
        return await self._host.run(getattr(self._host.api, operation.name)(**arguments))

    async def _close(self) -> None:
        await super()._close()
        self._serving.cancel()

    async def _close_rpc(self) -> None:
        """Do nothing: there is no line."""


class _Comm:
    """The client's end of a stream; the service has the other one, on another loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[object] = asyncio.Queue()
        self.other_end = _OtherEnd(self)

    def put(self, message: object) -> None:
        """Take a message, on the service's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._messages.put_nowait, message)

    async def read(self) -> Any:
        """Wait for the next message."""
        return await self._messages.get()

    async def close(self) -> None:
        """There is nothing to close."""


class _OtherEnd:
    def __init__(self, comm: _Comm) -> None:
        self._comm = comm

    async def write(self, message: object) -> None:
        self._comm.put(message)
