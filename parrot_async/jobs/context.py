"""`current_job()`: what a running job may say of itself and ask for."""

import asyncio
import inspect
import time
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import Future
from contextvars import ContextVar
from decimal import Decimal
from threading import Thread
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from parrot_async.jobs.children import (
    Child,
    Children,
    JobStopped,
    Pending,
    Slot,
    chained,
    wait_without_slot,
    wait_without_slot_async,
)
from parrot_async.model.models import JobId, Usage, parent_of
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import Call

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

YIELD_EVERY = 0.01

_NOTHING: Any = object()


class Host(Slot, Protocol):
    """What a job's surroundings do for it: the runner on a worker, or nothing much elsewhere."""

    def progressed(self, context: "JobContext") -> None:
        """Take note that there is new progress."""

    def spent(self, context: "JobContext", usage: Usage) -> None:
        """Record what was spent."""

    def save(self, state: Any) -> None:
        """Keep what a later attempt goes on from."""

    def restored(self) -> Any:
        """Return what an earlier attempt saved last."""

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[Children[Any]]":
        """Accept children; the future is done when they are durable."""


class JobContext:
    """A running job's own view of itself; outside a job it does nothing harmful."""

    def __init__(self, host: Host, job_id: JobId = "", attempt: int = 1) -> None:
        """Name the job and its surroundings."""
        self.host = host
        self.id = job_id
        self.attempt = attempt
        self.percent = 0.0
        self.current_step = ""
        self.tracks: list[Tracked[Any]] = []
        self.lines_sent = 0
        self.lines_due = 0.0
        self.saved_due = 0.0

    @property
    def parent_id(self) -> JobId | None:
        """Id of the parent job, None for a root."""
        return parent_of(self.id)

    @property
    def cancelled(self) -> bool:
        """Whether the job was told to stop."""
        return self.host.stopped.done()

    def checkpoint(self, state: Any = _NOTHING) -> "Checkpoint":
        """Stop here if the job was told to stop, and hold here while it is paused.

        In an async job it holds where it can await: write `await current_job().checkpoint()`.
        A `state` that can be pickled is saved: an attempt after this one finds the latest as
        `current_job().restored`. A state of up to 64 KiB is on its way at once, and then at most
        twice a second, as well as before the attempt ends; a bigger one is in the result folder
        when this returns. SerializationError for one that cannot be pickled.
        """
        if state is not _NOTHING:
            self.host.save(state)
        self._stop_or_hold()
        return Checkpoint(self)

    @property
    def restored(self) -> Any:
        """What an earlier attempt of this job saved last, before it failed or was lost, or None."""
        return self.host.restored()

    def _stop_or_hold(self) -> None:
        if self.host.stopped.done():
            raise JobStopped
        if (held := self.host.held) is not None and not _has_loop():
            wait_without_slot(self.host, held, rests=True)

    async def hold(self) -> None:
        """Hold an async job while it is paused."""
        if (held := self.host.held) is not None:
            await wait_without_slot_async(self.host, held, rests=True)

    def step(self, text: str) -> None:
        """Say what the job is doing now."""
        self.current_step = text
        self.changed()

    def progress(self, percent: float) -> None:
        """Say how far the job is, 0-100 %."""
        self.percent = min(100.0, max(0.0, float(percent)))
        self.changed()

    def changed(self) -> None:
        """Have the progress sent; a checkpoint."""
        self._stop_or_hold()
        self.host.progressed(self)

    def track(
        self, items: "Iterable[T] | AsyncIterable[T]", step: str = "", total: int | None = None
    ) -> "Tracked[T]":
        """Yield the items and count them as steps; cancel and pause bite between two of them.

        Iterate with `for` or with `async for`. `total` is the number of items where `len(items)`
        does not tell. A track inside a track moves the outer one by parts of a step.
        """
        return Tracked(self, items, step, total)

    def spend(
        self,
        usage: Any = None,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cost: Decimal | float | str = 0,
        api: str = "",
    ) -> None:
        """Count tokens and US dollars on this job, and so on all above it.

        `usage` is a `Usage`, or any object with `input_tokens` and `output_tokens`, such as the
        `usage` of an Anthropic message.
        """
        if isinstance(usage, Usage):
            self.host.spent(self, usage)
            return
        if usage is not None:
            input_tokens += int(getattr(usage, "input_tokens", 0) or 0)
            output_tokens += int(getattr(usage, "output_tokens", 0) or 0)
        self.host.spent(self, Usage(input_tokens, output_tokens, Decimal(str(cost)), api))

    @overload
    def submit(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[Child[R]]: ...
    @overload
    def submit(
        self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[Child[R]]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Child[Any]]:
        """Start a child job; what you get is durable, and is the child, not its result."""
        return Pending(chained(self._submit(fn, [(args, kwargs)]), _first), self.host)

    @overload
    def run(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[R]: ...
    @overload
    def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Pending[R]: ...
    def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Any]:
        """Start a child job and wait for its result."""
        accepted = self._submit(fn, [(args, kwargs)])
        ended = chained(accepted, lambda children: children[0].future)
        return Pending(ended, self.host, Outcome.value)

    @overload
    def map(
        self, fn: Callable[..., Awaitable[R]], /, *iterables: Iterable[Any], **same: Any
    ) -> Pending[Children[R]]: ...
    @overload
    def map(
        self, fn: Callable[..., R], /, *iterables: Iterable[Any], **same: Any
    ) -> Pending[Children[R]]: ...
    def map(
        self, fn: Callable[..., Any], /, *iterables: Iterable[Any], **same: Any
    ) -> Pending[Children[Any]]:
        """Start a child job for each item, as the builtin `map` pairs them.

        All get the `same` keyword arguments.
        """
        calls: list[Call] = [(args, same) for args in zip(*iterables, strict=False)]
        return Pending(self._submit(fn, calls), self.host)

    def _submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[Children[Any]]":
        self._stop_or_hold()
        return self.host.submit(fn, calls)


class Checkpoint:
    """Where a job may hold: a sync one has done so already, an async one does as it awaits this."""

    def __init__(self, context: JobContext) -> None:
        """Keep whose it is."""
        self._context = context

    def __await__(self) -> Generator[Any, None, None]:
        """Hold here while the job is paused."""
        return self._context.hold().__await__()


def _has_loop() -> bool:
    """Whether an event loop runs in this thread, so that nothing may block it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _first(children: Children[Any]) -> "Future[Child[Any]]":
    future: Future[Child[Any]] = Future()
    future.set_result(children[0])
    return future


class Tracked(Generic[T]):
    """Items that are counted as steps of the job while they are iterated over."""

    def __init__(
        self,
        context: JobContext,
        items: "Iterable[T] | AsyncIterable[T]",
        step: str,
        total: int | None,
    ) -> None:
        """Find out how many there are, if that can be known."""
        self._context = context
        self._items = items
        self._step = step
        length = getattr(items, "__len__", None)
        self.total = total if total is not None else length() if length else 0
        self.done = 0

    def __enter__(self) -> None:
        if self._step:
            self._context.current_step = self._step
        self._context.tracks.append(self)
        self._report()

    def __exit__(self, *exc: object) -> None:
        if self in self._context.tracks:
            self._context.tracks.remove(self)

    def _report(self) -> None:
        context, part = self._context, 0.0
        for track in reversed(context.tracks):
            part = min(1.0, (track.done + part) / track.total) if track.total else 0.0
        if context.tracks[0].total:
            context.percent = 100.0 * part
        context.changed()

    def _advance(self) -> None:
        self.done += 1
        self._report()

    def __iter__(self) -> Iterator[T]:
        """Yield the items of an ordinary iterable."""
        if not isinstance(self._items, Iterable):
            raise TypeError("these items are asynchronous: write `async for`")
        with self:
            for item in self._items:
                yield item
                self._advance()

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield the items of an ordinary or an asynchronous iterable."""
        with self:
            await self._context.hold()
            if isinstance(self._items, AsyncIterable):
                async for item in self._items:
                    yield item
                    self._advance()
                    await self._context.hold()
                return
            yielded = time.monotonic()
            for item in self._items:
                yield item
                self._advance()
                await self._context.hold()
                if time.monotonic() - yielded > YIELD_EVERY:
                    await asyncio.sleep(0)
                    yielded = time.monotonic()


class LocalHost:
    """The surroundings of a function that is called plainly: children run here, at once."""

    held = None
    """Nobody can pause it."""

    def __init__(self) -> None:
        """Nobody can stop it."""
        self.stopped: Future[None] = Future()
        self._saved: Any = None

    def give_back(self, *, rests: bool = False) -> None:
        """There is no slot to give back."""

    def take_again(self) -> None:
        """There is no slot to wait for."""

    def progressed(self, context: JobContext) -> None:
        """Nobody looks."""

    def spent(self, context: JobContext, usage: Usage) -> None:
        """Nobody counts."""

    def save(self, state: Any) -> None:
        """Keep the state as it is."""
        self._saved = state

    def restored(self) -> Any:
        """Return the state that was saved last."""
        return self._saved

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[Children[Any]]":
        """Run the calls here, one after the other, beside whatever loop may be running."""
        ends = [Future[Outcome]() for _ in calls]
        Thread(target=_run_all, args=(fn, calls, ends), name="parrot-local", daemon=True).start()
        children: list[Child[Any]] = [Child("", end, self, lambda _: None) for end in ends]
        future: Future[Children[Any]] = Future()
        future.set_result(Children(children, self))
        return future


def _run_all(
    fn: Callable[..., Any], calls: Sequence[Call], ends: "Sequence[Future[Outcome]]"
) -> None:
    for call, end in zip(calls, ends, strict=True):
        end.set_result(_outcome(fn, call))


def _outcome(fn: Callable[..., Any], call: Call) -> Outcome:
    """Run a call to its end, as the worker would; what it raises is raised to who asks for it."""
    args, kwargs = call
    try:
        value = fn(*args, **kwargs)
        return Outcome.of(asyncio.run(value) if inspect.iscoroutine(value) else value)
    except Exception as exc:  # noqa: BLE001 - whatever the user's code raises
        return Outcome.of_error(exc)


current_context: ContextVar[JobContext] = ContextVar("parrot_job")


def current_job() -> JobContext:
    """Return the job that this code runs in, or one that does nothing where it runs in none."""
    found = current_context.get(None)
    return JobContext(LocalHost()) if found is None else found
