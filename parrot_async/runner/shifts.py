"""Shifts: the one long Dask task of a worker that has jobs, by which Dask sees it busy."""

import asyncio
from typing import Protocol, cast

from distributed import Worker, get_worker
from distributed.worker_state_machine import SecedeEvent

from parrot_async.transport.wire import RUNNER


class HasShifts(Protocol):
    """A runner, or what stands in its place: its shifts last until the service ends them."""

    async def shift(self, key: str) -> None:
        """Wait until the service ends the shift."""


async def run_shift(key: str) -> None:
    """Run until the worker has no more jobs; Dask knows of no other function."""
    worker = get_worker()
    runner = cast("HasShifts", worker.plugins[RUNNER])
    # The runner's slots decide what runs: Dask's own are for other people's tasks.
    worker.handle_stimulus(SecedeEvent(key=key, compute_duration=0.0, stimulus_id=f"parrot-{key}"))
    await runner.shift(key)


class Shifts:
    """The shifts of one worker, by Dask's key.

    Runs on: the worker's loop.
    """

    def __init__(self, worker: Worker) -> None:
        """Begin without one."""
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._ends: dict[str, asyncio.Future[None]] = {}

    def __len__(self) -> int:
        """Return how many have not ended."""
        return len(self._ends)

    async def last(self, key: str) -> None:
        """Wait until a shift is ended."""
        await self._end_of(key)
        del self._ends[key]

    def end(self, key: str) -> None:
        """End a shift; one that Dask has not begun yet will end as it begins."""
        if key in self._worker.state.tasks and not (end := self._end_of(key)).done():
            end.set_result(None)

    def _end_of(self, key: str) -> "asyncio.Future[None]":
        return self._ends.setdefault(key, self._loop.create_future())
