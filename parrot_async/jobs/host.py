"""What surrounds a job's body: the runner on a worker, or nothing much in a plain call."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any, NamedTuple, Protocol

from parrot_async.jobs.progress import JobProgress
from parrot_async.jobs.slot import Slot
from parrot_async.model.models import JobId, Usage
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import Call


class AcceptedChildren(NamedTuple):
    """Children that are durable: their ids, futures of their outcomes, and how to cancel one."""

    ids: Sequence[JobId]
    ends: "Sequence[Future[Outcome]]"
    cancel: Callable[[JobId], None]


class JobHost(Slot, Protocol):
    """What a job's surroundings do for it, from any thread."""

    def progressed(self, progress: JobProgress) -> None:
        """Take note that the job has reported; `progress` always has the latest."""

    def spent(self, usage: Usage) -> None:
        """Record what the job spent."""

    def save(self, state: Any) -> None:
        """Keep a state for later attempts; SerializationError where it cannot be pickled."""

    def restored(self) -> Any:
        """Return the state that an earlier attempt saved last, None where there is none."""

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[AcceptedChildren]":
        """Submit children; the future is done when they are durable."""


class LocalHost:
    """The surroundings of a function that is called plainly: its children run here, at once."""

    held = None
    """Nobody can pause it."""

    def __init__(self) -> None:
        """Make a host that nobody tells to stop."""
        self.stopped: Future[None] = Future()
        self._saved: Any = None

    def free_slot(self, *, paused: bool = False) -> None:
        """Do nothing: there is no slot."""

    def take_slot(self) -> None:
        """Return None: there is no slot to wait for."""

    def progressed(self, progress: JobProgress) -> None:
        """Do nothing: nobody looks."""

    def spent(self, usage: Usage) -> None:
        """Do nothing: nobody counts."""

    def save(self, state: Any) -> None:
        """Keep the state as it is."""
        self._saved = state

    def restored(self) -> Any:
        """Return the state that was saved last."""
        return self._saved

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[AcceptedChildren]":
        """Run the calls one after the other, in a thread beside whatever loop may be running."""
        ends = [Future[Outcome]() for _ in calls]
        Thread(target=_run_all, args=(fn, calls, ends), name="parrot-local", daemon=True).start()
        future: Future[AcceptedChildren] = Future()
        future.set_result(AcceptedChildren([""] * len(ends), ends, lambda _: None))
        return future


def _run_all(
    fn: Callable[..., Any], calls: Sequence[Call], ends: "Sequence[Future[Outcome]]"
) -> None:
    for call, end in zip(calls, ends, strict=True):
        end.set_result(_outcome(fn, call))


def _outcome(fn: Callable[..., Any], call: Call) -> Outcome:
    """Run a call to its end, as a worker does; return what it raised as an outcome, too."""
    args, kwargs = call
    try:
        value = fn(*args, **kwargs)
        return Outcome.of(asyncio.run(value) if inspect.iscoroutine(value) else value)
    except Exception as exc:  # noqa: BLE001 - whatever the user's code raises
        return Outcome.of_error(exc)
