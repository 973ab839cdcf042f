"""`track`: items that count as steps of a job while its body iterates over them."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from operator import index
from typing import Generic, TypeVar

from parrot_async.jobs.host import JobHost
from parrot_async.jobs.progress import JobProgress, Track
from parrot_async.jobs.slot import hold, stop_or_hold
from parrot_async.transport.text import text_of

T = TypeVar("T")

YIELD_EVERY = 0.01
"""Seconds after which an async job that only iterates lets others use its loop."""


class Tracked(Track, Generic[T]):
    """Items that are counted as steps of the job; each step is a checkpoint.

    Runs on: the job's thread or loop.
    """

    def __init__(
        self,
        host: JobHost,
        progress: JobProgress,
        items: "Iterable[T] | AsyncIterable[T]",
        step: str,
        total: int | None,
    ) -> None:
        """Take the number of items from `total` or from `len(items)`, if either is known.

        Raises TypeError for a `total` that is no whole number.
        """
        length = getattr(items, "__len__", None)
        super().__init__(index(total) if total is not None else length() if length else 0)
        self._host = host
        self._progress = progress
        self._items = items
        self._step = text_of(step)

    def __enter__(self) -> None:
        if self._step:
            self._progress.step = self._step
        self._progress.tracks.append(self)
        self._report()

    def __exit__(self, *exc: object) -> None:
        if self in self._progress.tracks:
            self._progress.tracks.remove(self)

    def _report(self) -> None:
        self._progress.recount()
        stop_or_hold(self._host)
        self._host.progressed(self._progress)

    def _advance(self) -> None:
        self.done += 1
        self._report()

    def __iter__(self) -> Iterator[T]:
        """Yield the items of an ordinary iterable; TypeError for an asynchronous one."""
        if not isinstance(self._items, Iterable):
            raise TypeError("these items are asynchronous: write `async for`")
        with self:
            for item in self._items:
                yield item
                self._advance()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield the items of an ordinary or an asynchronous iterable."""
        with self:
            await hold(self._host)
            if isinstance(self._items, AsyncIterable):
                async for item in self._items:
                    yield item
                    self._advance()
                    await hold(self._host)
                return
            yielded = time.monotonic()
            for item in self._items:
                yield item
                self._advance()
                await hold(self._host)
                if time.monotonic() - yielded > YIELD_EVERY:
                    await asyncio.sleep(0)
                    yielded = time.monotonic()
