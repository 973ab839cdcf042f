"""A service of a few answers behind a real Dask server in this process, for tests of the client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from distributed.comm.core import Comm
from distributed.core import Server, Status

from parrot_async.model.events import Event, Record, dump
from parrot_async.model.models import JobId, root_of
from parrot_async.transport.api import VERSION, WATCH, ServiceApi, handlers, operations
from parrot_async.transport.messages import ServiceHello, StoredEvent, TreeRecord


class Answers:
    """Says hello, keeps events of trees, and counts what it is asked."""

    def __init__(self) -> None:
        self.version = VERSION
        self.asked: list[str] = []
        self.stored: dict[JobId, list[bytes]] = {}
        self.watching: set[JobId] = set()
        self.comms: list[Comm] = []
        self.installed = True
        self.refuses = 0
        """How many of the next calls are cut under their answer."""

    async def hello(self) -> ServiceHello:
        self._note("hello")
        return ServiceHello(version=self.version, history={"f": 2.0}, interrupted=0)

    async def get_metadata(self, keys: list[str], default: object = None) -> object:  # noqa: ARG002 - as Dask
        """What Dask's scheduler answers of a service that it has."""
        return VERSION if self.installed else default

    async def register_scheduler_plugin(self, **_: object) -> None:
        self._note("install")
        self.installed = True

    async def cancel(self, ids: list[JobId]) -> list[bool]:
        self._note("cancel")
        return [True for _ in ids]

    async def retry(self, ids: list[JobId], failed_only: bool = False) -> list[JobId]:
        self._note(f"retry {failed_only}")
        return [f"{job_id}-again" for job_id in ids]

    async def attach(self, client: str, after: dict[JobId, int], limit: int) -> list[StoredEvent]:
        self._note(f"attach {client[:6]}")
        self.watching.update(after)
        page = [
            StoredEvent(root_id=root_id, seq=seq, body=body)
            for root_id, number in after.items()
            for seq, body in enumerate(self.stored.get(root_id, ()), 1)
            if seq > number
        ]
        return page[:limit]

    async def detach(self, client: str, root_ids: list[JobId]) -> None:
        self._note(f"detach {client[:6]}")
        self.watching.difference_update(root_ids)

    async def watch(self, comm: Comm, client: str, number: int) -> Status:
        self._note(f"watch {client[:6]} {number}")
        self.comms.append(comm)
        await comm.write({"records": []})
        while not comm.closed():  # noqa: ASYNC110 - a comm tells nobody
            await asyncio.sleep(0.01)
        return Status.dont_reply

    def _note(self, call: str) -> None:
        self.asked.append(call)
        if self.refuses and not call.startswith(("hello", "watch", "attach")):
            self.refuses -= 1
            raise OSError("cut")

    def store(self, *events: Event) -> None:
        """Let these have happened before anybody looked."""
        for event in events:
            ids = getattr(event, "ids", None) or (event.id,)  # type: ignore[union-attr]
            self.stored.setdefault(root_of(ids[0]), []).append(dump(event))

    async def tell(self, event: Event, *blobs: bytes | None) -> None:
        """Let this happen now, and be told to the client."""
        self.store(event)
        ids = getattr(event, "ids", None) or (event.id,)  # type: ignore[union-attr]
        root_id = root_of(ids[0])
        record = Record(dump(event), blobs)
        seq = len(self.stored[root_id])
        message = TreeRecord(root_id=root_id, seq=seq, body=record.body, blobs=record.blobs)
        await self.comms[-1].write({"records": [message]})

    def cut(self) -> None:
        """Cut the stream."""
        self.comms[-1].abort()


@asynccontextmanager
async def served(answers: Answers) -> AsyncIterator[str]:
    """Serve on loopback; yields the address."""
    known = [name for name in operations(ServiceApi) if hasattr(answers, name)]
    found: dict[str, Any] = {
        **handlers(ServiceApi, answers, known),
        WATCH: answers.watch,
        "get_metadata": answers.get_metadata,
        "register_scheduler_plugin": answers.register_scheduler_plugin,
    }
    server = Server(found, needs_workdir=False)
    await server.listen("tcp://127.0.0.1")
    try:
        yield server.address
    finally:
        await server.close()
