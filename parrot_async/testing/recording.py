"""A job's body alone, without any client: what it reports is recorded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, NamedTuple

from parrot_async.jobs.context import JobContext, current_context
from parrot_async.jobs.host import AcceptedChildren, LocalHost
from parrot_async.jobs.progress import JobProgress
from parrot_async.model.models import Usage
from parrot_async.transport.pickling import Call


class ChildCall(NamedTuple):
    """A child that the body asked for."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Recording(LocalHost):
    """What a body reported, in order; of equal reports in a row there is one."""

    def __init__(
        self, instead: Mapping[Callable[..., Any], Callable[..., Any]], restored: Any
    ) -> None:
        """`instead` has the functions that run instead of children's own."""
        super().__init__()
        super().save(restored)
        self.checkpoints: list[Any] = []
        self.percents: list[float] = []
        self.steps: list[str] = []
        self.usage = Usage()
        self.children: list[ChildCall] = []
        self._instead = {_body(fn): other for fn, other in instead.items()}

    def stop(self) -> None:
        """Tell the body to stop: its next `track`, `step`, `progress` or `checkpoint` raises."""
        if not self.stopped.done():
            self.stopped.set_result(None)

    def progressed(self, progress: JobProgress) -> None:
        """Note the progress."""
        _note(self.percents, progress.percent)
        _note(self.steps, progress.step)

    def spent(self, usage: Usage) -> None:
        """Add the usage up."""
        self.usage += usage

    def save(self, state: Any) -> None:
        """Record the state, which the body finds as `restored` from now on."""
        self.checkpoints.append(state)
        super().save(state)

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[AcceptedChildren]":
        """Note the children, and run them here."""
        self.children += [ChildCall(fn, *call) for call in calls]
        return super().submit(self._instead.get(_body(fn), fn), calls)


@contextmanager
def recording_job(
    instead: Mapping[Callable[..., Any], Callable[..., Any]] | None = None,
    *,
    attempt: int = 1,
    restored: Any = None,
) -> Iterator[Recording]:
    """Make plain calls of jobs in this block report to the recording that it gives.

    Write `with recording_job() as recorded: embed(texts)`, or `await embed(texts)`, and then look
    at `recorded.percents`, `.steps`, `.usage`, `.checkpoints` and `.children`. Children run here,
    at once; with `instead={load: fake_load}` another function runs instead of a child's own.
    `attempt` and `restored` are what the body finds in `current_job()`.
    """
    recording = Recording(instead or {}, restored)
    token = current_context.set(JobContext(recording, "recorded", attempt))
    try:
        yield recording
    finally:
        current_context.reset(token)


def _body(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function itself, whatever options it goes with."""
    body: Callable[..., Any] = getattr(fn, "fn", fn)
    return body


def _note(said: list[Any], value: Any) -> None:
    if not said or said[-1] != value:
        said.append(value)
