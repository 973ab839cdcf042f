"""What a running job asks for and gets: awaited in an async job, `.result()` in a sync one."""

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, NoReturn, Protocol, TypeVar, overload

from parrot_async.model.models import JobId
from parrot_async.transport.outcome import Outcome

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class JobStopped(BaseException):
    """Raised inside a sync job that was told to stop; let it pass, as KeyboardInterrupt."""


class Slot(Protocol):
    """The place on a worker that a job holds while it runs, and not while it waits."""

    @property
    def stopped(self) -> "Future[None]":
        """Gets done when the job is told to stop."""

    @property
    def held(self) -> "Future[None] | None":
        """While the job is paused: gets done when it is resumed."""

    def give_back(self, *, rests: bool = False) -> None:
        """Let another job have the slot; `rests` says that it is for a pause. Calls may nest."""

    def take_again(self) -> "Future[None] | None":
        """Queue for a slot again; None where it need not wait."""


def wait_without_slot(slot: Slot, future: "Future[Any]", *, rests: bool = False) -> None:
    """Block a sync job until the future is done and nobody holds it; others have its slot."""
    slot.give_back(rests=rests)
    _block(slot, future)
    while (held := slot.held) is not None:
        _block(slot, held)
    if (place := slot.take_again()) is not None:
        _block(slot, place)


def _block(slot: Slot, future: "Future[Any]") -> None:
    concurrent.futures.wait([future, slot.stopped], None, FIRST_COMPLETED)
    if slot.stopped.done():
        raise JobStopped


async def wait_without_slot_async(
    slot: Slot, future: "Future[Any]", *, rests: bool = False
) -> None:
    """Suspend an async job until the future is done and nobody holds it; others have its slot."""
    slot.give_back(rests=rests)
    try:
        await asyncio.wait([asyncio.wrap_future(future)])
        while (held := slot.held) is not None:
            await asyncio.wait([asyncio.wrap_future(held)])
    finally:
        place = slot.take_again()
    if place is not None:
        await asyncio.wait([asyncio.wrap_future(place)])


class Pending(Generic[T_co]):
    """A value that is on its way: `await` it in an async job, ask its `result()` in a sync one.

    Waiting gives the job's slot back, so that the children that it waits for can have it.
    """

    def __init__(
        self, future: "Future[Any]", slot: Slot, decode: Callable[[Any], T_co] | None = None
    ) -> None:
        """Wrap what the runner will fill; `decode` makes the value of it, where it is needed."""
        self.future = future
        self._slot = slot
        self._decode = decode

    def __reduce__(self) -> NoReturn:
        """Refuse to travel: who returns one, or passes it on, has not waited for it."""
        raise TypeError(
            "nobody has waited for it: `await` it, or ask its `.result()` in a sync job"
        )

    def done(self) -> bool:
        """Whether the value, or its error, is here."""
        return self.future.done()

    def result(self) -> T_co:
        """Wait for the value in a sync job; raises the child's error."""
        if not self.future.done():
            wait_without_slot(self._slot, self.future)
        return self._value()

    def _value(self) -> T_co:
        raw = self.future.result()
        return self._decode(raw) if self._decode else raw

    def __await__(self) -> Generator[Any, None, T_co]:
        """Wait for the value in an async job; raises the child's error."""
        return self._wait().__await__()

    async def _wait(self) -> T_co:
        if not self.future.done():
            await wait_without_slot_async(self._slot, self.future)
        return await asyncio.to_thread(self._value) if self._far() else self._value()

    def _far(self) -> bool:
        """Whether the value lies in the result folder, so that reading it would block."""
        if self.future.exception() is not None:
            return False
        raw = self.future.result()
        parts = raw if isinstance(raw, list) else [raw]
        return any(isinstance(part, Outcome) and part.url is not None for part in parts)


class Child(Pending[T_co]):
    """A child job; its value is its result."""

    def __init__(
        self, job_id: JobId, future: "Future[Outcome]", slot: Slot, cancel: Callable[[JobId], None]
    ) -> None:
        """Name the child and wrap its coming result."""
        super().__init__(future, slot, Outcome.value)
        self.id = job_id
        self._cancel = cancel

    def __repr__(self) -> str:
        """Show the id."""
        return f"<job {self.id}>"

    def cancel(self) -> None:
        """Ask the child, and all below it, to stop."""
        self._cancel(self.id)

    def __job_reference__(self) -> JobId:
        """As an argument of another job, a child arrives as its result."""
        return self.id


class Children(Sequence[Child[T]]):
    """The children of one `map`, in the order of their arguments."""

    def __init__(self, children: Sequence[Child[T]], slot: Slot) -> None:
        """Keep them in order."""
        self._children = list(children)
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
        """All results in order; the first error to come, if there is one."""
        return Pending(gathered([child.future for child in self]), self._slot, _values)

    def as_completed(self) -> "AsCompleted[T]":
        """Return the children as they end; `async for` in an async job, `for` in a sync one."""
        return AsCompleted(self._children, self._slot)


class AsCompleted(Generic[T]):
    """Children in the order in which they end."""

    def __init__(self, children: Sequence[Child[T]], slot: Slot) -> None:
        """Watch every child from now on."""
        self._count = len(children)
        self._slot = slot
        self._ended: SimpleQueue[Child[T]] = SimpleQueue()
        self._tickets: SimpleQueue[Future[None]] = SimpleQueue()
        futures = [Future[None]() for _ in children]
        remaining = iter(futures)
        for future in futures:
            self._tickets.put(future)
        for child in children:
            child.future.add_done_callback(partial(self._end, child, remaining))

    def _end(self, child: Child[T], tickets: Iterator["Future[None]"], _: "Future[Any]") -> None:
        self._ended.put(child)
        next(tickets).set_result(None)

    def _next(self) -> Pending[None]:
        return Pending(self._tickets.get_nowait(), self._slot)

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


def _values(outcomes: list[Outcome]) -> list[Any]:
    return [outcome.value() for outcome in outcomes]


def chained(future: "Future[Any]", follow: Callable[[Any], "Future[T]"]) -> "Future[T]":
    """Return a future of what `follow` makes of the first one's value."""
    outer: Future[T] = Future()

    def first_done(done: "Future[Any]") -> None:
        if (error := done.exception()) is not None:
            outer.set_exception(error)
        else:
            follow(done.result()).add_done_callback(copy)

    def copy(done: "Future[T]") -> None:
        if (error := done.exception()) is not None:
            outer.set_exception(error)
        else:
            outer.set_result(done.result())

    future.add_done_callback(first_done)
    return outer


def all_ended(futures: Sequence["Future[Any]"]) -> "Future[None]":
    """Return a future that is done when all of them are."""
    ended: Future[None] = Future()
    left = len(futures)

    def one_done(_: "Future[Any]") -> None:
        nonlocal left
        left -= 1
        if not left:
            ended.set_result(None)

    for future in futures:
        future.add_done_callback(one_done)
    return ended


def gathered(futures: Sequence["Future[Outcome]"]) -> "Future[list[Outcome]]":
    """Return a future of all outcomes in order, or of the first one without a value."""
    whole: Future[list[Outcome]] = Future()
    left = len(futures)
    if not left:
        whole.set_result([])

    def one_done(done: "Future[Outcome]") -> None:
        nonlocal left
        left -= 1
        if whole.done():
            return
        if done.result().error is not None:
            whole.set_result([done.result()])
        elif not left:
            whole.set_result([future.result() for future in futures])

    for future in futures:
        future.add_done_callback(one_done)
    return whole
