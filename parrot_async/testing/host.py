"""A job service in a thread of this process, with a store that goes when it ends."""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from parrot_async.runner.jobs_loop import close_loop
from parrot_async.testing.scheduler import EagerScheduler, EagerService

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that jobs have to stop when the client closes; the code of a job may take its grace."""
LOOK_AGAIN = 0.005


class EagerHost:
    """The service and its worker on a loop of their own, so that a test may block as it likes."""

    def __init__(self, labels: Sequence[str], slots: int) -> None:
        """Prepare one worker of these pools; nothing runs yet."""
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
        await self.here(self._start())

    async def close(self) -> None:
        """Cancel what still runs, and leave nothing behind."""
        await self.here(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(close_loop, self._loop, self._thread)
        await asyncio.to_thread(self._folder.cleanup)
        # The service and its runner tune a process that is all theirs; this one is not.
        sys.setswitchinterval(self._interval)
        gc.unfreeze()

    async def here(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the service's loop, awaited on the caller's."""
        return await asyncio.wrap_future(self.post(work))

    def post(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run on the service's loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def handler(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Return what answers a question to the service."""
        return self._scheduler.handlers[name]

    async def _start(self) -> None:
        self._folder = await asyncio.to_thread(TemporaryDirectory, prefix="parrot-eager-")
        home = Path(self._folder.name)
        self._scheduler = EagerScheduler(self._labels, self._slots)
        self._service = EagerService(f"sqlite:///{home / 'jobs.db'}", (home / "results").as_uri())
        await self._service.start(self._scheduler)  # type: ignore[arg-type]  # it asks for no more

    async def _close(self) -> None:
        self._service.stop_all()
        until = time.monotonic() + PATIENCE
        while not self._service.at_rest and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN)
        await self._service.before_close()
        await self._scheduler.worker.close()
        await self._service.close()
