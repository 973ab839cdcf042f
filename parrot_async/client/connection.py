"""The wire between a client and the job service: Dask's own comm, on a loop in its own thread."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from distributed.comm.core import Comm, CommClosedError, connect
from distributed.core import rpc
from distributed.protocol.pickle import dumps
from distributed.security import Security

from parrot_async.errors import ClusterError, DisconnectedError
from parrot_async.jobs.request import new_id
from parrot_async.model.events import Record
from parrot_async.model.models import JobId, root_of
from parrot_async.service.plugin import JobService
from parrot_async.transport.wire import GOES_ON, INTERRUPTED, SERVICE, VERSION, unpack

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
CLOSE_PATIENCE = 0.5
RECONNECT_TIMEOUT = 1.0
RECONNECT = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Seconds between attempts to find the service again; after the last one it is given up."""
FORGET_AFTER = 0.1
"""Seconds in which trees that nobody wants any more gather, to be given up together."""
PAGE = 1000
"""Events of the past that are asked for at once, and trees."""

NEVER_TWICE = frozenset({"parrot_retry"})
"""What would be done twice: where the line is cut, who asked has to look whether it was done."""

News = list[tuple[JobId, int, Record]]
"""Records with their trees and numbers."""
Ask = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Asks the service something."""

logger = logging.getLogger(__name__)


class Connection:
    """One client's line to one job service.

    Everything here runs on a loop of its own, so that a busy kernel does not delay the line and
    the line does not delay the kernel; `on_records` and `on_lost` are called on that thread.
    """

    def __init__(
        self,
        address: str,
        security: Security | None,
        on_records: Callable[[News], None],
        on_lost: Callable[[DisconnectedError], None],
    ) -> None:
        """Remember where the service is; `open` goes there."""
        self.address = address
        self.client = f"client-{new_id()}"
        self._args = (security or Security()).get_connection_args("client")
        self._on_records = on_records
        self._on_lost = on_lost
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="parrot-connection", daemon=True
        )
        self._watching: asyncio.Task[None] | None = None
        self._roots: dict[JobId, int] = {}
        """Trees that we watch, and the number of the latest event of each."""
        self._streams = 0
        self._early: dict[JobId, News] = {}
        """What comes of trees whose past is still being fetched."""
        self._lost: DisconnectedError | None = None
        self._in_order = asyncio.Lock()
        self._unwanted: dict[JobId, Callable[[JobId], bool]] = {}
        self._forgetting: asyncio.Task[None] | None = None
        self.closed = False

    async def open(self) -> dict[str, Any]:
        """Connect; ClusterError, with what to do, where that cannot work. Returns its hello."""
        self._thread.start()
        try:
            return await self._here(self._open())
        except BaseException:
            await self.close()
            raise

    async def call(self, op: str, **message: Any) -> Any:
        """Ask the service something; raises what it raises, DisconnectedError where it is gone."""
        return await self._here(self._call(op, message))

    def post(self, op: str, **message: Any) -> "Future[Any]":
        """Ask the service something, from any thread."""
        return asyncio.run_coroutine_threadsafe(self._call(op, message), self._loop)

    def watch(self, root_id: JobId) -> None:
        """Take in what the service will send us of a tree that we are about to submit."""
        self._roots.setdefault(root_id, 0)

    async def attach(self, job_id: JobId) -> int:
        """Take in a tree from its beginning, and have the service send us all that comes of it.

        Returns the number of its latest event until now, 0 where the service knows none.
        """
        return await self._here(self._attach(job_id))

    def attach_soon(self, job_id: JobId) -> None:
        """Do the same from any thread, without waiting for it."""
        asyncio.run_coroutine_threadsafe(self._attach(job_id), self._loop)

    def forget(self, root_id: JobId, unwanted: Callable[[JobId], bool]) -> None:
        """Have the service send us no more of a tree, if that is still unwanted then.

        From any thread, and from a finalizer.
        """
        if not self.closed:
            self._loop.call_soon_threadsafe(self._forget_soon, root_id, unwanted)

    async def close(self) -> None:
        """Hang up; the jobs go on."""
        if self.closed:
            return
        self.closed = True
        if self._thread.is_alive():
            await self._here(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _here(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the line's own loop, awaited on the caller's."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    # On the line's own loop.

    async def _open(self) -> dict[str, Any]:
        self._rpc = rpc(self.address, connection_args=self._args, timeout=CONNECT_TIMEOUT)
        hello = await self._hello()
        if hello["version"] != VERSION:
            raise ClusterError(
                f"the job service at {self.address} speaks version {hello['version']} of the "
                f"protocol, this client {VERSION}: use the same parrot_async on both sides"
            )
        self._watching = asyncio.create_task(self._stay(await self._stream(CONNECT_TIMEOUT)))
        return hello

    async def _hello(self) -> dict[str, Any]:
        try:
            hello = await self._rpc.parrot_hello()
            if hello is None or "version" not in hello:
                await self._install()
                hello = await self._rpc.parrot_hello()
        except (OSError, CommClosedError, TimeoutError) as exc:
            raise ClusterError(
                f"nothing answers at {self.address}: {exc}. Is the scheduler running there, and "
                "do its TLS settings match?"
            ) from exc
        except ValueError as exc:
            raise ClusterError(
                f"{self.address!r} is no address of a scheduler, such as tcp://host:8786: {exc}"
            ) from exc
        return dict(hello)

    async def _install(self) -> None:
        """Have a scheduler that was started by Dask's own command load the service."""
        plugin = dumps(JobService())
        try:
            await self._rpc.register_scheduler_plugin(plugin=plugin, name=SERVICE, idempotent=True)
        except Exception as exc:
            raise ClusterError(
                f"the scheduler at {self.address} did not take the job service: {exc}. Install "
                "parrot_async in its environment and in its workers', and start it with "
                "`dask scheduler --preload parrot_async.service.preload`"
            ) from exc

    async def _stream(self, patience: float) -> Comm:
        """Open the stream on which the service tells us what happens."""
        comm: Comm = await connect(self.address, timeout=patience, **self._args)
        self._streams += 1
        hello = {"op": "parrot_watch", "client": self.client, "number": self._streams}
        await comm.write({**hello, "reply": False})
        await comm.read()
        return comm

    async def _stay(self, comm: Comm | None) -> None:
        """Take in what the service sends; where the line is cut, find it again until it is gone."""
        while comm is not None:
            try:
                await self._read(comm)
            except (CommClosedError, OSError) as exc:
                comm = await self._find_again(exc)
            except Exception as exc:
                # Without a word, all who wait would wait for ever.
                self._give_up(f"what the service at {self.address} says is not understood: {exc!r}")
                raise

    async def _read(self, comm: Comm) -> None:
        try:
            async with self._in_order:
                await self._catch_up(self._roots, self._ask)
            while True:
                self._take_in((await comm.read())["records"])
        finally:
            await comm.close()

    def _take_in(self, messages: Sequence[Any]) -> None:
        """Hand on what came, or keep it until it is its turn."""
        self._hand_on([(root_id, seq, unpack(packed)) for root_id, seq, packed in messages])

    def _hand_on(self, news: News) -> None:
        """Hand records on, each once and in order, however often a lost line had them sent."""
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
        for pause in RECONNECT:
            await asyncio.sleep(pause)
            try:
                return await self._stream(RECONNECT_TIMEOUT)
            except (OSError, CommClosedError) as exc:
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
            # One that we have forgotten is taken in from its beginning; nothing comes twice.
            self._roots.setdefault(root_id, 0)
            await self._catch_up([root_id], self._call)
            return self._roots[root_id] or self._roots.pop(root_id)

    async def _catch_up(self, root_ids: Iterable[JobId], ask: Ask) -> None:
        """Have trees' events sent from now on, and fetch those that we have not yet.

        They are fetched in pages and not sent on the stream, so that neither side ever holds more
        than a page of a past, however slow the other one is. What comes meanwhile waits its turn.
        """
        left = list(root_ids)
        self._early.update({root_id: [] for root_id in left})
        while left:
            some = left[:PAGE]
            after = {root_id: self._roots[root_id] for root_id in some}
            asked = {"client": self.client, "after": after, "limit": PAGE}
            news = [(i, n, Record(bytes(body))) for i, n, body in await ask("parrot_attach", asked)]
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
                    await self._call("parrot_detach", {"client": self.client, "root_ids": gone})

    async def _call(self, op: str, message: dict[str, Any]) -> Any:
        """Ask the service, again where the line is cut: what is asked twice is done once."""
        pauses, streams = deque(RECONNECT), self._streams
        while True:
            try:
                return await self._ask(op, message)
            except DisconnectedError:
                if self._streams > streams:  # somebody is there, who deserves as much patience
                    pauses, streams = deque(RECONNECT), self._streams
                if op in NEVER_TWICE or self._lost is not None or not pauses:
                    raise
            await asyncio.sleep(pauses.popleft())

    async def _ask(self, op: str, message: dict[str, Any]) -> Any:
        try:
            return await getattr(self._rpc, op)(**message)
        except (CommClosedError, OSError) as exc:
            raise DisconnectedError(f"the job service at {self.address} does not answer") from exc

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._rpc.close_rpc()
        # What is still asked ends with an error; nothing may outlive its loop.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=CLOSE_PATIENCE)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
