"""A job's surroundings that a test controls: it pauses, resumes, stops, and ends children."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from parrot_async.jobs.host import AcceptedChildren
from parrot_async.jobs.progress import JobProgress
from parrot_async.model.models import JobId, Usage
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import Call

PATIENCE = 5.0
"""Seconds after which a test gives up waiting for another thread."""


class ControlledHost:
    """Keeps what a job asks for, in order; children end when the test says so."""

    def __init__(self) -> None:
        """Neither stop nor pause the job at first; a slot is always free."""
        self.stopped: Future[None] = Future()
        self.held: Future[None] | None = None
        self.slot_to_come: Future[None] | None = None
        """What `take_slot` returns."""
        self.turns: list[str] = []
        self.reported: list[tuple[float, str, tuple[int, int]]] = []
        self.spendings: list[Usage] = []
        self.states: list[Any] = []
        self.calls: list[Call] = []
        self.ends: list[Future[Outcome]] = []
        self.cancelled: list[JobId] = []
        self.accepts = True
        self.accepting: Future[AcceptedChildren] = Future()

    def free_slot(self, *, paused: bool = False) -> None:
        """Note why the slot is free."""
        self.turns.append("paused" if paused else "waits")

    def take_slot(self) -> "Future[None] | None":
        """Note that the job wants its slot again."""
        self.turns.append("goes on")
        return self.slot_to_come

    def pause(self) -> None:
        """Hold the job at its next checkpoint."""
        self.held = Future()

    def resume(self) -> None:
        """Let the job go on."""
        held, self.held = self.held, None
        assert held is not None
        held.set_result(None)

    def progressed(self, progress: JobProgress) -> None:
        """Note a copy of the progress."""
        self.reported.append((progress.percent, progress.step, progress.counts()))

    def spent(self, usage: Usage) -> None:
        """Note the usage."""
        self.spendings.append(usage)

    def save(self, state: Any) -> None:
        """Note the state."""
        self.states.append(state)

    def restored(self) -> Any:
        """Return the state that was saved last."""
        return self.states[-1] if self.states else None

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[AcceptedChildren]":  # noqa: ARG002 - nothing runs here
        """Note the calls; accept them at once, or when the test says so."""
        self.calls += calls
        self.ends = [Future() for _ in calls]
        if self.accepts:
            self.accept()
        return self.accepting

    def accept(self) -> None:
        """Make the children durable."""
        ids = [f"r.{ordinal}" for ordinal in range(len(self.ends))]
        self.accepting.set_result(AcceptedChildren(ids, self.ends, self.cancelled.append))
