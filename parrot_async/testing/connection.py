"""A client's connection to a service in the same process, without a network."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from distributed.comm.core import Comm

from parrot_async.client.connection import Connection
from parrot_async.errors import DisconnectedError
from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.testing.host import EagerHost

ADDRESS = "eager://this-process"


class EagerConnection(Connection):
    """Calls the service's handlers themselves, and gets events through a queue.

    Runs on: the caller's loop; the handlers run on the service's.
    """

    def __init__(
        self,
        host: EagerHost,
        on_records: Callable[[list[tuple[JobId, int, Record]]], None],
        on_lost: Callable[[DisconnectedError], None],
    ) -> None:
        """`host` is where the service runs."""
        super().__init__(ADDRESS, None, on_records, on_lost)
        self._host = host

    async def _open(self) -> dict[str, Any]:
        self._rpc: Any = _Questions(self._host)
        hello = await self._hello()
        await self._watch()
        return hello

    async def _watch(self, patience: float = 0.0) -> None:  # noqa: ARG002 - nothing is far
        comm = _Comm()
        watch = self._host.handler("parrot_watch")
        self._serving = self._host.submit(watch(comm=comm.other_end, client=self.client, number=1))
        await comm.read()
        self._watching = asyncio.create_task(self._read(cast("Comm", comm)))  # it asks for no more

    async def _close(self) -> None:
        await super()._close()
        self._serving.cancel()


class _Questions:
    """Calls the service's handlers by their names, as Dask's `rpc` does, on the service's loop."""

    def __init__(self, host: EagerHost) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def ask(**message: Any) -> Any:
            return await self._host.run(self._host.handler(name)(**message))

        return ask

    async def close_rpc(self) -> None:
        """There is nothing to close."""


class _Comm:
    """The client's end of a stream; the service has the other one, on another loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self.other_end = _OtherEnd(self)

    def put(self, message: Any) -> None:
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

    async def write(self, message: Any) -> None:
        self._comm.put(message)
