"""The connection between a client and the job service, on a loop in a thread of its own."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from distributed.comm.core import Comm
from distributed.protocol.pickle import dumps
from distributed.security import Security

from parrot_async.client.line import Line
from parrot_async.errors import ClusterError, DisconnectedError
from parrot_async.jobs.request import new_id
from parrot_async.model.events import Record
from parrot_async.model.models import JobId, root_of
from parrot_async.transport.api import (
    VERSION,
    Arguments,
    Operation,
    ServiceApi,
    service_stub,
)
from parrot_async.transport.messages import ServiceHello, TreeRecord
from parrot_async.transport.wire import GOES_ON, INTERRUPTED, SERVICE, unpack

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
CLOSE_PATIENCE = 0.5
RECONNECT_TIMEOUT = 1.0
RECONNECT = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Seconds between attempts to find the service again; after the last one it is given up."""
MOST_CUTS = 20
"""Streams that may be cut one after the other before a single message has come."""
FORGET_AFTER = 0.1
"""Seconds in which trees that nobody wants any more gather, to be given up together."""
PAGE = 1000
"""Events of the past that are asked for at once, and trees."""

News = list[tuple[JobId, int, Record]]
"""Records with their trees and numbers."""

logger = logging.getLogger(__name__)


class Connection:
    """One client's connection to one job service, over Dask's comms.

    Runs on: a loop in a thread of its own, so that a busy kernel does not delay the connection,
    nor the connection the kernel. `on_records` and `on_lost` are called on that thread. Public
    methods say where they may be called.
    """

    def __init__(
        self,
        address: str,
        security: Security | None,
        on_records: Callable[[News], None],
        on_lost: Callable[[DisconnectedError], None],
    ) -> None:
        """Keep where the service is; `open` connects."""
        self.address = address
        self.api: ServiceApi = service_stub(self._call_from_outside)
        """The service as the caller's loop asks it; DisconnectedError where it is gone."""
        self._api: ServiceApi = service_stub(self._call)
        self._api_once: ServiceApi = service_stub(self._ask)
        self.client = f"client-{new_id()}"
        self._security = security
        self._on_records = on_records
        self._on_lost = on_lost
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="parrot-connection", daemon=True
        )
        self._watching: asyncio.Task[None] | None = None
        self._roots: dict[JobId, int] = {}
        """Trees that we watch, and the number of the latest event of each."""
        self._streams = self._tried = 0
        self._cuts = 0
        """Streams that were cut since the latest message came."""
        self._early: dict[JobId, News] = {}
        """What comes of trees whose past is still being fetched."""
        self._lost: DisconnectedError | None = None
        self._in_order = asyncio.Lock()
        self._unwanted: dict[JobId, Callable[[JobId], bool]] = {}
        self._forgetting: asyncio.Task[None] | None = None
        self.closed = False

    async def open(self) -> ServiceHello:
        """Connect and return the service's hello; ClusterError where that cannot be done."""
        self._thread.start()
        try:
            return await self._here(self._open())
        except BaseException:
            await self.close()
            raise

    def post(self, question: Callable[[ServiceApi], Awaitable[T]]) -> "Future[T]":
        """Ask the service something, from any thread, without waiting for the answer."""

        async def asked() -> T:
            return await question(self._api)

        return asyncio.run_coroutine_threadsafe(asked(), self._loop)

    def watch(self, root_id: JobId) -> None:
        """Take in the events of a tree that is about to be submitted; from any thread."""
        self._roots.setdefault(root_id, 0)

    async def attach(self, job_id: JobId) -> int:
        """Fetch a tree's past, and have the service send all that comes of it.

        Returns the number of its latest event until now, 0 where the service knows none.
        """
        return await self._here(self._attach(job_id))

    def attach_soon(self, job_id: JobId) -> None:
        """Attach to a tree from any thread, without waiting for it."""
        asyncio.run_coroutine_threadsafe(self._attach(job_id), self._loop)

    def forget(self, root_id: JobId, unwanted: Callable[[JobId], bool]) -> None:
        """Have the service send no more of a tree, if `unwanted` still says so a moment later.

        It may be called from any thread, and from a finalizer.
        """
        if not self.closed:
            self._loop.call_soon_threadsafe(self._forget_soon, root_id, unwanted)

    async def close(self) -> None:
        """Disconnect; the jobs go on."""
        if self.closed:
            return
        self.closed = True
        if self._thread.is_alive():
            await self._here(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _here(self, work: Coroutine[object, None, T]) -> T:
        """Run on the connection's loop, awaited on the caller's."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    # On the connection's loop.

    async def _open(self) -> ServiceHello:
        self._line = Line(self.address, self._security, CONNECT_TIMEOUT)
        hello = await self._hello()
        if hello["version"] != VERSION:
            raise ClusterError(
                f"the job service at {self.address} speaks version {hello['version']} of the "
                f"protocol, this client {VERSION}: use the same parrot_async on both sides"
            )
        self._watching = asyncio.create_task(self._stay(await self._stream(CONNECT_TIMEOUT)))
        return hello

    async def _hello(self) -> ServiceHello:
        try:
            await self._find_service()
            hello = await self._api_once.hello()
        except DisconnectedError as exc:
            cause = exc.__cause__ or exc
            raise ClusterError(
                f"nothing answers at {self.address}: {cause}. Is the scheduler running there, and "
                "do its TLS settings match?"
            ) from exc
        except ValueError as exc:
            raise ClusterError(
                f"{self.address!r} is no address of a scheduler, such as tcp://host:8786: {exc}"
            ) from exc
        if not _is_hello(hello):
            raise ClusterError(
                f"what answers at {self.address} is no scheduler: give the scheduler's own address"
            )
        return hello

    async def _find_service(self) -> None:
        """Have the scheduler get the service where it has none."""
        self._line.check_address()
        # A question that every scheduler knows: of others it prints that nobody answers them.
        asked: Arguments = {"keys": [SERVICE], "default": None}
        if await self._line.ask("get_metadata", asked) is None:
            await self._install()

    async def _install(self) -> None:
        """Send the service to a scheduler that Dask's own command started without it."""
        from parrot_async.service.plugin import JobService  # half a second, for foreign schedulers

        plugin = dumps(JobService())
        try:
            await self._line.rpc.register_scheduler_plugin(
                plugin=plugin, name=SERVICE, idempotent=True
            )
        except Exception as exc:
            raise ClusterError(
                f"the scheduler at {self.address} did not take the job service: {exc}. Install "
                "parrot_async in its environment and in its workers', and start it with "
                "`dask scheduler --preload parrot_async.service.preload`"
            ) from exc

    async def _stream(self, patience: float) -> Comm:
        """Open the stream on which the service sends events."""
        self._tried += 1
        comm = await self._line.stream(self.client, self._tried, patience)
        self._streams += 1
        return comm

    async def _stay(self, comm: Comm | None) -> None:
        """Take in what the service sends; connect again where the line is cut, until it is gone."""
        while comm is not None:
            try:
                await self._read(comm)
            except DisconnectedError as exc:
                comm = await self._find_again(exc)
            except Exception as exc:
                # Without an error, everybody who waits would wait for ever.
                self._give_up(f"what the service at {self.address} says is not understood: {exc!r}")
                raise

    async def _read(self, comm: Comm) -> None:
        try:
            async with self._in_order:
                await self._catch_up(self._roots, self._api_once)
            while True:
                message = await self._next(comm)
                self._cuts = 0
                self._take_in(message["records"])
        finally:
            with suppress(Exception):  # it is cut already, and closing it says so once more
                await comm.close()

    async def _next(self, comm: Comm) -> Any:
        return await self._line.read(comm)

    def _take_in(self, messages: Sequence[TreeRecord]) -> None:
        """Hand on what came, or keep it until it is its turn."""
        self._hand_on([(sent["root_id"], sent["seq"], unpack(sent)) for sent in messages])

    def _hand_on(self, news: News) -> None:
        """Hand records on, each once and in order, however often a cut line had them sent."""
        fresh: News = []
        for root_id, seq, record in news:
            if root_id in self._early:
                self._early[root_id].append((root_id, seq, record))
            elif seq > self._roots.get(root_id, seq):
                self._roots[root_id] = seq
                fresh.append((root_id, seq, record))
            elif record.body in (INTERRUPTED, GOES_ON) and root_id in self._roots:
                fresh.append((root_id, seq, record))
        if fresh:
            self._on_records(fresh)

    async def _find_again(self, cause: Exception) -> Comm | None:
        self._cuts += 1
        for pause in RECONNECT if self._cuts < MOST_CUTS else ():
            await asyncio.sleep(pause)
            try:
                return await self._stream(RECONNECT_TIMEOUT)
            except DisconnectedError as exc:
                cause = exc
        self._give_up(
            f"the job service at {self.address} is gone: {cause}. What it accepted is in its "
            "store; `attach(job_id)` finds it when the service is back"
        )
        return None

    def _give_up(self, why: str) -> None:
        self._lost = DisconnectedError(why)
        self._on_lost(self._lost)

    async def _attach(self, job_id: JobId) -> int:
        root_id = root_of(job_id)
        async with self._in_order:
            # A tree that was forgotten is fetched from its beginning; nothing comes twice.
            self._roots.setdefault(root_id, 0)
            await self._catch_up([root_id], self._api)
            return self._roots[root_id] or self._roots.pop(root_id)

    async def _catch_up(self, root_ids: Iterable[JobId], api: ServiceApi) -> None:
        """Have trees' events sent from now on, and fetch those that are not here yet.

        They are fetched in pages and not sent on the stream, so that neither side ever holds more
        than a page of a past, however slow the other one is. What comes meanwhile waits its turn.
        """
        left = list(root_ids)
        self._early.update({root_id: [] for root_id in left})
        while left:
            some = left[:PAGE]
            after = {root_id: self._roots[root_id] for root_id in some}
            page = await api.attach(self.client, after, PAGE)
            news = [(past["root_id"], past["seq"], Record(bytes(past["body"]))) for past in page]
            self._roots.update({root_id: seq for root_id, seq, _ in news})
            self._on_records(news)
            if len(news) < PAGE:
                left = left[PAGE:]
                for root_id in some:
                    self._hand_on(self._early.pop(root_id))

    def _forget_soon(self, root_id: JobId, unwanted: Callable[[JobId], bool]) -> None:
        if not self._unwanted:
            self._loop.call_later(FORGET_AFTER, self._forget_now)
        self._unwanted[root_id] = unwanted

    def _forget_now(self) -> None:
        if not self.closed:
            self._forgetting = self._loop.create_task(self._forget_all())

    async def _forget_all(self) -> None:
        async with self._in_order:
            asked, self._unwanted = self._unwanted, {}
            gone = [root_id for root_id, unwanted in asked.items() if unwanted(root_id)]
            for root_id in gone:
                self._roots.pop(root_id, None)
                self._early.pop(root_id, None)
            if gone:
                with suppress(DisconnectedError):
                    await self._api.detach(self.client, gone)

    async def _call_from_outside(self, operation: Operation, arguments: Arguments) -> Any:
        return await self._here(self._call(operation, arguments))

    async def _call(self, operation: Operation, arguments: Arguments) -> Any:
        """Ask the service, again where the line is cut, unless that might do something twice."""
        pauses, streams = deque(RECONNECT), self._streams
        while True:
            try:
                return await self._ask(operation, arguments)
            except DisconnectedError:
                if self._streams > streams:  # the service is back, and gets as much patience again
                    pauses, streams = deque(RECONNECT), self._streams
                if operation.never_twice or self._lost is not None or not pauses:
                    raise
            await asyncio.sleep(pauses.popleft())

    async def _ask(self, operation: Operation, arguments: Arguments) -> Any:
        return await self._line.ask(operation.wire_name, arguments)

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._close_rpc()
        # What is still asked ends with an error; nothing may outlive its loop.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=CLOSE_PATIENCE)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _close_rpc(self) -> None:
        await self._line.close()


def _is_hello(answer: object) -> bool:
    """Whether the service answered; another server says something else, or nothing."""
    return isinstance(answer, dict) and "version" in answer
