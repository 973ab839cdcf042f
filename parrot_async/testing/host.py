"""The host of an eager client: a job service in a thread of this process, with its own store."""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

from distributed import Scheduler

from parrot_async.runner.jobs_loop import close_loop
from parrot_async.testing.scheduler import EagerScheduler, EagerService
from parrot_async.transport.api import ServiceApi

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that jobs have to stop when the client closes; the code of a job may take its grace."""
LOOK_AGAIN = 0.005


class EagerHost:
    """The service and its worker on a loop in a thread of its own, so that a test may block.

    Runs on: the caller's loop; what it is given runs on its own.
    """

    def __init__(self, labels: Sequence[str], slots: int) -> None:
        """`labels` are the pools of the one worker."""
        self._labels = labels
        self._slots = slots
        self._interval = sys.getswitchinterval()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="parrot-eager", daemon=True
        )

    async def start(self) -> None:
        """Start the service."""
        self._thread.start()
        await self.run(self._start())

    async def close(self) -> None:
        """Cancel what still runs, stop the service, and delete its store."""
        await self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(close_loop, self._loop, self._thread)
        await asyncio.to_thread(self._folder.cleanup)
        # Service and runner tune their process, which is all theirs on a cluster; this one is not.
        sys.setswitchinterval(self._interval)
        gc.unfreeze()

    async def run(self, work: Coroutine[object, None, T]) -> T:
        """Run work on the service's loop, and return its value on the caller's."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Coroutine[object, None, T]) -> "Future[T]":
        """Run work on the service's loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def api(self) -> ServiceApi:
        """The service, for its own loop."""
        return self._service.api

    async def watch(self, comm: Any, client: str) -> None:
        """Send a client events until it goes."""
        await self._service.watch.serve(comm, client, 1)

    async def _start(self) -> None:
        self._folder = await asyncio.to_thread(TemporaryDirectory, prefix="parrot-eager-")
        home = Path(self._folder.name)
        self._scheduler = EagerScheduler(self._labels, self._slots)
        self._service = EagerService(f"sqlite:///{home / 'jobs.db'}", (home / "results").as_uri())
        await self._service.start(cast("Scheduler", self._scheduler))  # it asks for no more

    async def _close(self) -> None:
        self._service.stop_all()
        until = time.monotonic() + PATIENCE
        while not self._service.at_rest and time.monotonic() < until:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(LOOK_AGAIN)
        await self._service.before_close()
        await self._scheduler.worker.close()
        await self._service.close()
