"""`current_job()`: what a running job reports of itself and asks for."""

from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable
from concurrent.futures import Future
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, ParamSpec, TypeVar, overload

from parrot_async.jobs.children import Child, Children, Pending
from parrot_async.jobs.futures import chained, mapped
from parrot_async.jobs.host import AcceptedChildren, JobHost, LocalHost
from parrot_async.jobs.progress import JobProgress
from parrot_async.jobs.slot import Slot, hold, stop_or_hold
from parrot_async.jobs.tracking import Tracked
from parrot_async.jobs.usage import usage_of
from parrot_async.model.models import JobId, parent_of
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import Call
from parrot_async.transport.text import text_of

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_NOTHING: Any = object()
"""What `checkpoint` gets where there is no state, since None is a state."""


class JobContext:
    """A running job as its own body sees it; outside of a job it does nothing harmful.

    Runs on: the job's thread or loop, and any thread that the body starts with its context.
    """

    __slots__ = ("__weakref__", "_host", "_progress", "attempt", "id")

    def __init__(self, host: JobHost, job_id: JobId = "", attempt: int = 1) -> None:
        """Name the job and its surroundings."""
        self.id = job_id
        self.attempt = attempt
        self._host = host
        self._progress = JobProgress()

    @property
    def parent_id(self) -> JobId | None:
        """Id of the parent job, None for a root."""
        return parent_of(self.id)

    @property
    def cancelled(self) -> bool:
        """Whether the job was told to stop."""
        return self._host.stopped.done()

    def checkpoint(self, state: Any = _NOTHING) -> Awaitable[None]:
        """Stop here if the job was told to stop, and hold here while it is paused.

        An async job can only hold where it awaits: write `await current_job().checkpoint()`.
        A `state` that can be pickled is saved: a later attempt finds the latest one as
        `current_job().restored`. A state of up to 64 KiB is sent at once, and then at most twice
        a second, and always before the attempt ends; a bigger one is in the result folder when
        this returns. Raises SerializationError for a state that cannot be pickled.
        """
        if state is not _NOTHING:
            self._host.save(state)
        stop_or_hold(self._host)
        return _Checkpoint(self._host)

    @property
    def restored(self) -> Any:
        """What an earlier attempt of this job saved last, before it failed or was lost, or None."""
        return self._host.restored()

    def step(self, text: str) -> None:
        """Report what the job is doing now, any value as its text; a checkpoint."""
        self._progress.step = text_of(text)
        self._report()

    def progress(self, percent: float) -> None:
        """Report how far the job is, 0-100 %; a checkpoint."""
        self._progress.report(percent)
        self._report()

    def _report(self) -> None:
        stop_or_hold(self._host)
        self._host.progressed(self._progress)

    def track(
        self, items: "Iterable[T] | AsyncIterable[T]", step: str = "", total: int | None = None
    ) -> Tracked[T]:
        """Yield the items and count them as steps; each step is a checkpoint.

        Iterate with `for` or with `async for`. `total` is the number of items where `len(items)`
        does not tell it. A track inside a track moves the outer one by parts of a step.
        """
        return Tracked(self._host, self._progress, items, step, total)

    def spend(
        self,
        usage: object = None,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cost: Decimal | float | str | None = None,
        api: str = "",
    ) -> None:
        """Count tokens and US dollars on this job, and so on all jobs above it.

        It is sent at once. Without a `cost` the money is not known, which no report shows as zero.

        `usage` is a `Usage`, or any object with `input_tokens` and `output_tokens`, such as the
        `usage` of an Anthropic message. Raises OptionsError for what is no number, or none that
        anybody can pay.
        """
        self._host.spent(usage_of(usage, input_tokens, output_tokens, cost, api))

    @overload
    def submit(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[Child[R]]: ...
    @overload
    def submit(
        self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[Child[R]]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Child[Any]]:
        """Start a child job; return the child, not its result, pending until it is durable."""
        accepted = self._submit(fn, [(args, kwargs)])
        return Pending(mapped(accepted, lambda accepted: self._children(accepted)[0]), self._host)

    @overload
    def run(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[R]: ...
    @overload
    def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Pending[R]: ...
    def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Any]:
        """Start a child job; return its result, pending.

        The child ends when the wait for it is cancelled, as by `asyncio.wait_for`, where that of
        `submit` goes on.
        """
        accepted = self._submit(fn, [(args, kwargs)])
        end = chained(accepted, lambda accepted: accepted.ends[0])
        return Pending(end, self._host, Outcome.value, accepted)

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

        All get the `same` keyword arguments. Returns the children, pending until they are durable.
        """
        calls: list[Call] = [(args, same) for args in zip(*iterables, strict=False)]
        return Pending(mapped(self._submit(fn, calls), self._children), self._host)

    def _submit(self, fn: Callable[..., Any], calls: list[Call]) -> "Future[AcceptedChildren]":
        stop_or_hold(self._host)
        return self._host.submit(fn, calls)

    def _children(self, accepted: AcceptedChildren) -> Children[Any]:
        return Children(accepted.ids, accepted.ends, self._host, accepted.cancel)


class _Checkpoint:
    """A point where a job is held: a sync job was held before this is made, an async one awaits."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def __await__(self) -> Generator[object, None, None]:
        return hold(self._slot).__await__()


current_context: ContextVar[JobContext] = ContextVar("parrot_job")
"""The context of the job that this code runs in; unset outside of jobs."""


def current_job() -> JobContext:
    """Return the job that this code runs in, or one that does nothing where it runs in none."""
    found = current_context.get(None)
    return JobContext(LocalHost()) if found is None else found


def host_of(context: JobContext) -> JobHost:
    """Return a job's surroundings, which its author does not see."""
    return context._host  # noqa: SLF001 - private to users, not to the runner
