"""Dask's worker and client as a job finds them, by `get_worker`, `get_client` and `worker_client`.

Dask's client belongs to one loop. Its own, of a worker, is on the worker's loop: code of an async
job would block the loop of all jobs with it. So jobs get a worker that looks like their own one,
and whose client is on the loop that they run on.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import cached_property, partial
from threading import Event, Lock, Thread
from time import time
from typing import Any, TypeVar, cast

import dask
from dask.context import thread_state
from distributed import Client, Worker, threadpoolexecutor
from distributed.client import _current_client
from distributed.core import ConnectionPool
from distributed.utils import NoOpAwaitable
from distributed.worker import _worker_cvar
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import BaseAsyncIOLoop

from parrot_async.jobs.slot import has_loop

T = TypeVar("T")

CLOSE_WITHIN = 1.0
"""Seconds that a client has to say goodbye."""


class WorkerClient(Client):
    """A client of Dask's that many jobs share, so that none of them can close it."""

    def close(self, timeout: object = None) -> NoOpAwaitable | None:  # noqa: ARG002 - as Dask
        """Do nothing; awaitable where Dask's is."""
        return NoOpAwaitable() if self.asynchronous else None

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    async def __aexit__(self, *_: object) -> None:
        """Do nothing."""

    async def end(self) -> None:
        """Close it."""
        await super()._close(fast=True)


class JobWorker:
    """The worker that sync jobs find: Dask's own, but for its client.

    Runs on: any thread.
    """

    def __init__(self, worker: Worker) -> None:
        """Make no client yet: most workers never need one."""
        self._worker = worker
        self._client: WorkerClient | None = None

    def __getattr__(self, name: str) -> Any:
        """All else is the worker's own."""
        return getattr(self._worker, name)

    @property
    def loop(self) -> BaseAsyncIOLoop:
        """The loop that the client is on."""
        return cast("BaseAsyncIOLoop", self._worker.loop)

    @property
    def client(self) -> Client:
        """The client that the jobs share."""
        return self._get_client()

    def _get_client(self, timeout: float | None = None) -> Client:
        """Return the client, as `get_client` asks for it; it is the current one of the caller.

        A job that has entered a client of its own, perhaps of another cluster, gets that.
        """
        current = _current_client.get()
        if current is not None and current.status in ("running", "connecting"):
            return current
        home = self.loop.asyncio_loop
        if has_loop() and asyncio.get_running_loop() is home:
            client = self._make_client(timeout)
        else:
            client = asyncio.run_coroutine_threadsafe(self._start_client(timeout), home).result()
        _current_client.set(client)
        return client

    async def _start_client(self, patience: float | None) -> WorkerClient:
        client = self._make_client(patience)
        await client
        return client

    def _make_client(self, patience: float | None) -> WorkerClient:
        """Return the client, which may be connecting still; on the loop that it is of."""
        if self._client is None or self._client.status == "closed":
            # What it does in the background is no job's.
            self._client = Context().run(
                partial(
                    WorkerClient,
                    self.scheduler,
                    loop=self.loop,
                    timeout=patience or dask.config.get("distributed.comm.timeouts.connect"),
                    security=self._worker.security,
                    asynchronous=True,
                    set_as_default=False,
                    direct_to_workers=True,
                    name="worker",
                )
            )
        return self._client

    def update_data(self, data: dict[Any, object]) -> None:
        """Take what a job scatters, on the worker's loop, before the scheduler can say that it has.

        A task that waits for it may start by that, which is no part of the job.
        """
        home = cast("BaseAsyncIOLoop", self._worker.loop).asyncio_loop
        take = partial(self._worker.update_data, data=data)
        home.call_soon_threadsafe(take, context=Context())

    @property
    def is_used(self) -> bool:
        """Whether there is anything to close."""
        return self._client is not None

    async def close(self) -> None:
        """Close the client; on the loop that it is of."""
        if self._client is not None:
            await self._client.end()


class AsyncJobWorker(JobWorker):
    """The worker that async jobs find: its connections are on the jobs' loop."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is the jobs' own."""
        super().__init__(worker)
        self._loop = loop
        self._tornado: BaseAsyncIOLoop | None = None

    @property
    def loop(self) -> BaseAsyncIOLoop:
        """The jobs' loop, as Dask takes one."""
        if self._tornado is None:
            if has_loop() and asyncio.get_running_loop() is self._loop:
                self._tornado = _current_loop()
            else:
                found = asyncio.run_coroutine_threadsafe(_call(_current_loop), self._loop)
                self._tornado = found.result()
        return self._tornado

    @cached_property
    def rpc(self) -> ConnectionPool:
        """Connections to other workers, and to the scheduler."""
        arguments = self._worker.security.get_connection_args("worker")
        pool = ConnectionPool(connection_args=arguments)
        _run_at_once(pool.start())
        return pool

    @property
    def scheduler(self) -> Any:
        """The scheduler, to be asked on the jobs' loop."""
        return self.rpc(self._worker.scheduler.address)

    @property
    def is_used(self) -> bool:
        """Whether there is anything to close."""
        return "rpc" in vars(self)

    async def close(self) -> None:
        """Close the client, and the connections."""
        await super().close()
        await self.rpc.close()


class DaskContexts:
    """Contexts to copy for the jobs of one worker, in which `get_worker` finds it.

    Runs on: the worker's loop.
    """

    def __init__(self, worker: object) -> None:
        """An eager client's worker is none of Dask's: its jobs find what the process has."""
        self._worker = worker if isinstance(worker, Worker) else None
        self._made: list[tuple[asyncio.AbstractEventLoop, JobWorker]] = []
        self.of_threads = Context()
        """Of sync jobs."""
        if self._worker is not None:
            found = JobWorker(self._worker)
            self._set(self.of_threads, found, found.loop.asyncio_loop)

    def of_loop(self, loop: asyncio.AbstractEventLoop) -> Context:
        """Return that of the async jobs on a loop."""
        context = Context()
        if self._worker is not None:
            self._set(context, AsyncJobWorker(self._worker, loop), loop)
        return context

    def _set(self, context: Context, found: JobWorker, home: asyncio.AbstractEventLoop) -> None:
        context.run(_worker_cvar.set, cast("Worker", found))  # to who asks, it is one
        self._made.append((home, found))

    async def close(self) -> None:
        """Close the clients; one on a loop that somebody blocks is left to the process's end."""
        closing = [
            asyncio.wrap_future(asyncio.run_coroutine_threadsafe(found.close(), home))
            for home, found in self._made
            if home.is_running() and found.is_used
        ]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_WITHIN)


class _Nobody(set[Thread]):
    def remove(self, _: Thread) -> None:
        """Let a thread go that was never in."""


class _NoPool:
    """Stands for Dask's pool of threads in a thread that is in none: who waits holds up nobody."""

    def __init__(self) -> None:
        self._threads = _Nobody()
        self._rejoin_lock = Lock()
        self._rejoin_list: list[tuple[Thread, Event]] = []

    def _adjust_thread_count(self) -> None:
        """Start no thread in the place of one that leaves."""

    def submit(self, _: object) -> None:
        """Let who comes back in at once: Dask has put it on the list."""
        with self._rejoin_lock:
            while self._rejoin_list:
                self._rejoin_list.pop()[1].set()


_no_pool = _NoPool()


def let_secede() -> None:
    """Have `secede` and `rejoin` do nothing in this thread, instead of failing in it."""
    threadpoolexecutor.thread_state.executor = _no_pool
    thread_state.key = ""
    thread_state.start_time = time()


def _current_loop() -> BaseAsyncIOLoop:
    return cast("BaseAsyncIOLoop", IOLoop.current())


async def _call(function: Callable[[], T]) -> T:
    return function()


def _run_at_once(coroutine: Coroutine[object, None, object]) -> None:
    """Run a coroutine that awaits nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError(f"{coroutine} awaits something")
