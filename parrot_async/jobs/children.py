"""What a running job gets for its children: awaited in an async job, `.result()` in a sync one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, NoReturn, TypeVar, overload

from parrot_async.jobs.futures import gathered
from parrot_async.jobs.host import AcceptedChildren, LocalHost
from parrot_async.jobs.slot import Slot, has_loop, wait_without_slot, wait_without_slot_async
from parrot_async.model.models import JobId
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.waiting import FOR_USERS

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Pending(Generic[T_co]):
    """A value that is not there yet: `await` it in an async job, call `result()` in a sync one.

    The job's slot is free for other jobs while it waits, so that its children can have it.
    Runs on: the job's thread or loop; the future is filled on the worker's loop.
    """

    def __init__(
        self,
        future: "Future[Any]",
        slot: Slot,
        decode: Callable[[Any], T_co] | None = None,
        asked: "Future[AcceptedChildren] | None" = None,
    ) -> None:
        """Wrap the future that the runner fills; `decode` makes the value, for who asks for it.

        `asked` are the children that nobody but this wait wants: they end with it.
        """
        self._future = future
        self._slot = slot
        self._decode = decode
        self._asked = asked

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: a job that returns one, or passes it on, has not waited for it."""
        raise TypeError(
            "nobody has waited for it: `await` it, or ask its `.result()` in a sync job"
        )

    def done(self) -> bool:
        """Return whether the value, or its error, is there."""
        return self._future.done()

    def result(self) -> T_co:
        """Wait for the value in a sync job and return it; raises the child's error.

        RuntimeError in an async job, which awaits it.
        """
        if not self._future.done():
            if has_loop() and not isinstance(self._slot, LocalHost):
                raise RuntimeError(
                    "`.result()` would stop every async job of this worker: `await` it, as in "
                    "`await current_job().run(...)`"
                )
            wait_without_slot(self._slot, self._future)
        with FOR_USERS:
            return self._value()

    def _value(self) -> T_co:
        raw = self._future.result()
        return self._decode(raw) if self._decode else raw

    def __await__(self) -> Generator[object, None, T_co]:
        """Wait for the value in an async job and return it; raises the child's error."""
        return self._wait().__await__()

    async def _wait(self) -> T_co:
        if not self._future.done():
            try:
                await wait_without_slot_async(self._slot, self._future)
            except asyncio.CancelledError:
                self._end_unwanted()
                raise
        with FOR_USERS:
            return await asyncio.to_thread(self._value) if self._is_far() else self._value()

    def _end_unwanted(self) -> None:
        """Ask the children to stop that only this wait wanted, unless the job stops itself."""
        # Where it does, the service stops its children, or keeps them for the next attempt.
        if self._asked is not None and not self._future.done() and not self._slot.stopped.done():
            self._asked.add_done_callback(_cancel_all)

    def as_future(self) -> "asyncio.Task[T_co]":
        """Return a task of this loop that has the value, for what takes no other awaitable.

        `asyncio.wait` and `asyncio.shield` do with it what they do with any task.
        """
        return asyncio.ensure_future(self._wait())

    def _is_far(self) -> bool:
        """Return whether the value lies in the result folder, so that reading it would block."""
        if self._future.exception() is not None:
            return False
        raw = self._future.result()
        parts = raw if isinstance(raw, list) else [raw]
        return any(isinstance(part, Outcome) and part.url is not None for part in parts)


class Child(Pending[T_co]):
    """A child job; its value is its result."""

    def __init__(
        self, job_id: JobId, end: "Future[Outcome]", slot: Slot, cancel: Callable[[JobId], None]
    ) -> None:
        """Name the child and wrap the future of its outcome."""
        super().__init__(end, slot, Outcome.value)
        self.id = job_id
        self._cancel = cancel

    def __repr__(self) -> str:
        """Show the id."""
        return f"<job {self.id}>"

    def cancel(self) -> None:
        """Ask the child, and all jobs below it, to stop."""
        self._cancel(self.id)

    def __job_reference__(self) -> JobId:
        """Return the id: as an argument of another job, a child arrives as its result."""
        return self.id


class Children(Sequence[Child[T]]):
    """The children of one `map`, in the order of their arguments."""

    def __init__(
        self,
        ids: Sequence[JobId],
        ends: "Sequence[Future[Outcome]]",
        slot: Slot,
        cancel: Callable[[JobId], None],
    ) -> None:
        """Make a child of each id and the future of its outcome."""
        self._children: list[Child[T]] = [
            Child(job_id, end, slot, cancel) for job_id, end in zip(ids, ends, strict=True)
        ]
        self._ends = ends
        self._slot = slot

    @overload
    def __getitem__(self, index: int) -> Child[T]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Child[T]]: ...
    def __getitem__(self, index: int | slice) -> Child[T] | Sequence[Child[T]]:
        """Return one child, or several."""
        return self._children[index]

    def __len__(self) -> int:
        """Return the number of children."""
        return len(self._children)

    def results(self) -> Pending[list[T]]:
        """Return all results in order, pending; it raises the first error that comes."""
        return Pending(gathered(self._ends), self._slot, _values)

    def as_completed(self) -> "AsCompleted[T]":
        """Return the children as they end; `async for` in an async job, `for` in a sync one."""
        return AsCompleted(self._children, self._ends, self._slot)


class AsCompleted(Generic[T]):
    """Children in the order in which they end.

    Runs on: the job's thread or loop; the ends come in on the worker's loop.
    """

    def __init__(
        self, children: Sequence[Child[T]], ends: "Sequence[Future[Outcome]]", slot: Slot
    ) -> None:
        """Watch every child from now on; `ends` has the future of each child's outcome."""
        self._count = len(children)
        self._slot = slot
        self._ended: SimpleQueue[Child[T]] = SimpleQueue()
        # The n-th turn is done when n children have ended, whichever they are.
        self._turns: SimpleQueue[Future[None]] = SimpleQueue()
        turns = [Future[None]() for _ in children]
        remaining = iter(turns)
        for turn in turns:
            self._turns.put(turn)
        for child, end in zip(children, ends, strict=True):
            end.add_done_callback(partial(self._end, child, remaining))

    def _end(self, child: Child[T], turns: Iterator["Future[None]"], _: "Future[Outcome]") -> None:
        self._ended.put(child)
        next(turns).set_result(None)

    def _next(self) -> Pending[None]:
        return Pending(self._turns.get_nowait(), self._slot)

    def __iter__(self) -> Iterator[Child[T]]:
        """Yield each child when it has ended, in a sync job."""
        for _ in range(self._count):
            self._next().result()
            yield self._ended.get()

    async def __aiter__(self) -> AsyncIterator[Child[T]]:
        """Yield each child when it has ended, in an async job."""
        for _ in range(self._count):
            await self._next()
            yield self._ended.get_nowait()


def _cancel_all(asked: "Future[AcceptedChildren]") -> None:
    """Ask children to stop that were accepted, now or after the wait for them had ended."""
    if asked.exception() is None:
        accepted = asked.result()
        for child_id in accepted.ids:
            accepted.cancel(child_id)


def _values(outcomes: list[Outcome]) -> list[Any]:
    return [outcome.value() for outcome in outcomes]
